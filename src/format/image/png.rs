//! PNG files, with the conversions that TensorFlow asks of libpng.

use std::io::Cursor;

use png::{BitDepth, ColorType, Transformations};

use super::{Image, Samples};
use crate::error::{Error, Result};
use crate::memory;

/// Deflate makes at most 1032 bytes of one.
const MOST_PER_BYTE: usize = 1100;

/// `channels` 0 takes what the file has. With `wide`, samples of 16 bits, of which 8 become both halves; without, of
/// 16 bits the upper half.
///
/// # Errors
/// What is no PNG file, or damaged.
pub fn decode(bytes: &[u8], channels: usize, wide: bool) -> Result<Image> {
    let fault = |e: png::DecodingError| Error::usage(format!("a PNG file that can't be read: {e}"));
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(fault)?;
    let info = reader.info();
    let (width, height) = (info.width as usize, info.height as usize);
    let own_transparency = info.trns.is_some() && channels == 0;
    let file_bits = info.bit_depth as u8;
    let plain = info.color_type != ColorType::Indexed;
    let size = reader.output_buffer_size();
    let size = size.filter(|&size| size <= bytes.len().saturating_mul(MOST_PER_BYTE));
    let size = size.ok_or_else(|| Error::usage("a PNG file with larger sizes than data"))?;
    // The file's own samples, as words, and converted.
    let converted = (width * height).saturating_mul(3 * channels.max(4));
    memory::ask(
        "the pixels of a PNG file",
        size.saturating_mul(3).saturating_add(converted),
    )?;
    let mut buffer = vec![0; size];
    let frame = reader.next_frame(&mut buffer).map_err(fault)?;
    let deep = frame.bit_depth == BitDepth::Sixteen;
    let own = frame.color_type.samples();
    // Of a colour that means transparent, a file's own channels make nothing, but a palette's do.
    let wanted = match channels {
        0 if own_transparency && plain => own - 1,
        0 => own,
        channels => channels,
    };
    let samples: Vec<u16> = match deep {
        true => (buffer.chunks_exact(2))
            .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
            .collect(),
        false => buffer.iter().map(|&v| u16::from(v)).collect(),
    };
    // What TensorFlow adds is opaque in as many bits as the file has, even where it is read as 8.
    let opaque = match deep {
        true => u16::MAX,
        false => (1 << file_bits) - 1,
    };
    let mut out = Vec::with_capacity(width * height * wanted);
    for pixel in samples.chunks_exact(own) {
        convert(pixel, wanted, opaque, &mut out);
    }
    Ok(Image {
        width,
        height,
        channels: wanted,
        samples: match (wide, deep) {
            (true, true) => Samples::Words(out),
            (true, false) => Samples::Words(out.iter().map(|v| v * 257).collect()),
            (false, true) => Samples::Bytes(out.iter().map(|&v| (v >> 8) as u8).collect()),
            (false, false) => Samples::Bytes(out.iter().map(|&v| v as u8).collect()),
        },
    })
}

/// An image as a PNG file, its samples without loss. How hard to press, 0 to 9, -1 for the usual.
///
/// # Errors
/// An image without pixels, or with more than 4 channels.
pub fn encode(image: &Image, effort: i64) -> Result<Vec<u8>> {
    let fault = |e: png::EncodingError| Error::usage(format!("no PNG file can be made: {e}"));
    let sizes = [image.width, image.height].map(|n| u32::try_from(n).ok().filter(|&n| n > 0));
    let colours = match image.channels {
        1 => Some(ColorType::Grayscale),
        2 => Some(ColorType::GrayscaleAlpha),
        3 => Some(ColorType::Rgb),
        4 => Some(ColorType::Rgba),
        _ => None,
    };
    let ([Some(width), Some(height)], Some(colours)) = (sizes, colours) else {
        return Err(Error::usage(format!(
            "an image of {}×{} with {} channels, expected some pixels and 1 to 4 channels",
            image.height, image.width, image.channels
        )));
    };
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(colours);
    encoder.set_compression(match effort {
        0 => png::Compression::NoCompression,
        1..=3 => png::Compression::Fast,
        7.. => png::Compression::High,
        _ => png::Compression::Balanced,
    });
    let deep: Vec<u8>;
    let samples = match &image.samples {
        Samples::Bytes(samples) => {
            encoder.set_depth(BitDepth::Eight);
            samples
        }
        Samples::Words(samples) => {
            encoder.set_depth(BitDepth::Sixteen);
            deep = samples.iter().flat_map(|v| v.to_be_bytes()).collect();
            &deep
        }
    };
    let mut writer = encoder.write_header().map_err(fault)?;
    writer.write_image_data(samples).map_err(fault)?;
    writer.finish().map_err(fault)?;
    Ok(file)
}

fn convert(pixel: &[u16], wanted: usize, opaque: u16, out: &mut Vec<u16>) {
    let (colours, opacity) = match *pixel {
        [v] => ([v; 3], opaque),
        [v, a] => ([v; 3], a),
        [r, g, b] => ([r, g, b], opaque),
        [r, g, b, a] => ([r, g, b], a),
        _ => return,
    };
    if wanted < 3 {
        out.push(grey(colours, opaque > 255));
    } else {
        out.extend(colours);
    }
    if wanted.is_multiple_of(2) {
        out.push(opacity);
    }
}

/// libpng's integers for 0.299, 0.587 and 0.114. It rounds samples of 16 bits and cuts those of 8.
fn grey([r, g, b]: [u16; 3], deep: bool) -> u16 {
    if r == g && g == b {
        return r;
    }
    let sum = 9797 * u32::from(r) + 19234 * u32::from(g) + 3737 * u32::from(b);
    ((sum + if deep { 16384 } else { 0 }) >> 15) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for channels in 1..=4 {
            let count = 5 * 3 * channels;
            let bytes = Samples::Bytes((0..count).map(|v| (v * 37) as u8).collect());
            let words = Samples::Words((0..count).map(|v| (v * 9973) as u16).collect());
            for (samples, wide) in [(bytes, false), (words, true)] {
                let image = Image {
                    width: 5,
                    height: 3,
                    channels,
                    samples,
                };
                for effort in -1..=9 {
                    let file = encode(&image, effort).unwrap();
                    assert_eq!(decode(&file, channels, wide).unwrap(), image);
                }
            }
        }
    }

    #[test]
    fn what_is_no_image_is_told() {
        for (width, height, channels) in [(0, 3, 1), (3, 0, 1), (1, 1, 5), (1, 1, 0)] {
            let image = Image {
                width,
                height,
                channels,
                samples: Samples::Bytes(vec![0; width * height * channels]),
            };
            assert!(encode(&image, -1).is_err());
        }
    }
}

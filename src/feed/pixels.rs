//! Image files as inputs: decoded, brought to the size and channels of the input, pixels to values.

use super::{files, fit};
use crate::error::{Error, Result};
use crate::format::image::{self, Image, Kind, Samples, jpeg};
use crate::kernels::image::scale::{self, Taps, Window};
use crate::model::content::Teller;
use crate::model::{DType, Normalization, Port, Quantization, Tensor};

/// What a person may write behind the colon of `photo.jpg:…`.
const WISHES: &str = "give LOW..HIGH (what pixels 0 and 255 become), mean=M and std=S (of 0 to 255; M/M/M for each channel), \
     crop, pad or stretch, bgr, with commas between";

/// How an image of another shape fills the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fill {
    /// Both sides for themselves.
    Stretch,
    /// The largest part in the middle that has the input's shape.
    Crop,
    /// All of it, with black around.
    Pad,
}

#[derive(Debug, Clone, PartialEq)]
struct Wish {
    normalization: Option<Normalization>,
    fill: Fill,
    /// Blue before red.
    bgr: bool,
}

impl Wish {
    fn read(words: &str) -> Result<Wish> {
        let mut wish = Wish {
            normalization: None,
            fill: Fill::Stretch,
            bgr: false,
        };
        let (mut mean, mut std) = (None, None);
        for word in words.split(',').map(str::trim).filter(|w| !w.is_empty()) {
            let unknown = || Error::usage(format!("{word:?} behind an image")).hint(WISHES);
            let numbers = |text: &str| -> Result<Vec<f32>> {
                let numbers = text.split('/').map(|n| n.trim().parse().ok());
                numbers.collect::<Option<_>>().ok_or_else(unknown)
            };
            match (word, word.split_once('='), word.split_once("..")) {
                ("stretch", ..) => wish.fill = Fill::Stretch,
                ("crop", ..) => wish.fill = Fill::Crop,
                ("pad", ..) => wish.fill = Fill::Pad,
                ("bgr", ..) => wish.bgr = true,
                (_, Some(("mean", of)), _) => mean = Some(numbers(of)?),
                (_, Some(("std", of)), _) => std = Some(numbers(of)?),
                (_, None, Some((low, high))) => {
                    let ends = low.trim().parse().ok().zip(high.trim().parse().ok());
                    let between = ends.and_then(|(low, high)| Normalization::between(low, high));
                    wish.normalization = Some(between.ok_or_else(unknown)?);
                }
                _ => return Err(unknown()),
            }
        }
        if mean.is_some() || std.is_some() {
            let told = Normalization::new(
                mean.unwrap_or_else(|| vec![0.0]),
                std.unwrap_or_else(|| vec![1.0]),
            );
            wish.normalization = Some(told.ok_or_else(|| {
                Error::usage("a standard deviation of 0, or numbers that are not finite")
                    .hint(WISHES)
            })?);
        }
        Ok(wish)
    }
}

/// The sizes that an input has for an image; `None` where it takes any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Frame {
    batch: usize,
    height: Option<usize>,
    width: Option<usize>,
    channels: usize,
    layout: Layout,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// Batch and channels stand in the shape, or one of them does not.
    Last { batch: bool, channels: bool },
    /// Channels before height and width.
    First { batch: bool },
}

impl Frame {
    /// Reads N×H×W×C, N×C×H×W, H×W×C, C×H×W, N×H×W and H×W, with 1, 3 or 4 channels.
    fn of(port: &Port) -> Option<Frame> {
        /// Rows and columns below which two axes are no image but a table.
        const LEAST: i64 = 8;
        const CHANNELS: [i64; 3] = [1, 3, 4];
        let last = |batch, channels| Layout::Last { batch, channels };
        let is_channels = |c: i64| CHANNELS.contains(&c);
        let side = |d: i64| !(0..LEAST).contains(&d);
        let (batch, height, width, channels, layout) = match port.shape.dims() {
            None => (1, -1, -1, 3, last(true, true)),
            Some(&[n, h, w, c]) if is_channels(c) => (n, h, w, c, last(true, true)),
            Some(&[n, c, h, w]) if is_channels(c) => (n, h, w, c, Layout::First { batch: true }),
            Some(&[n, h, w, -1]) => (n, h, w, 3, last(true, true)),
            Some(&[h, w, c]) if is_channels(c) => (1, h, w, c, last(false, true)),
            Some(&[c @ (3 | 4), h, w]) => (1, h, w, c, Layout::First { batch: false }),
            Some(&[-1, -1, -1]) => (1, -1, -1, 3, last(false, true)),
            Some(&[n, h, w]) if side(h) && side(w) => (n, h, w, 1, last(true, false)),
            Some(&[h, w]) if h >= LEAST && w >= LEAST => (1, h, w, 1, last(false, false)),
            _ => return None,
        };
        Some(Frame {
            batch: usize::try_from(batch).unwrap_or(1),
            height: usize::try_from(height).ok(),
            width: usize::try_from(width).ok(),
            channels: channels as usize,
            layout,
        })
    }

    fn shape(&self, [height, width]: [usize; 2]) -> Vec<usize> {
        let (n, c) = (self.batch, self.channels);
        match self.layout {
            Layout::Last { batch, channels } => {
                let front = batch.then_some(n);
                let back = channels.then_some(c);
                let sizes = front.into_iter().chain([height, width]).chain(back);
                sizes.collect()
            }
            Layout::First { batch } => {
                let front = batch.then_some(n);
                front.into_iter().chain([c, height, width]).collect()
            }
        }
    }
}

/// Whether an image can be given for `port`.
pub(super) fn takes_images(port: &Port) -> bool {
    port.dtype != DType::String && Frame::of(port).is_some()
}

/// The image in `bytes` as a tensor for `port`, and what was done with it.
///
/// # Errors
/// What is no image or damaged, wishes that are none, and an input that takes no image.
pub(super) fn read(bytes: &[u8], wishes: &str, port: &Port) -> Result<(Tensor, String)> {
    let wish = Wish::read(wishes)?;
    let frame = Frame::of(port)
        .filter(|frame| frame.batch > 0)
        .ok_or_else(|| misfit(port))?;
    let image = decode(bytes, frame.channels)?;
    let own = [image.height, image.width];
    let size = match [frame.height, frame.width] {
        [Some(height), Some(width)] => [height, width],
        // One side is given: the other keeps the shape.
        [Some(height), None] => [height, scaled(own[1], height, own[0])],
        [None, Some(width)] => [scaled(own[0], width, own[1]), width],
        [None, None] => own,
    };
    if own.contains(&0) || size.contains(&0) {
        return Err(Error::usage("an image without pixels"));
    }
    // Before anything is scaled, for the whole batch.
    drop(files::room(&frame.shape(size))?);
    let (normalization, teller) = normalization(&wish, port);
    let pixels = resized(&image, size, wish.fill)?;
    let values = arranged(&pixels, size, &frame, &wish, &normalization);
    let rounds = !port.dtype.is_float() && !is_quantized(port);
    let values: Vec<f32> = match rounds {
        true => values.iter().map(|v| v.round()).collect(),
        false => values,
    };
    let tensor = Tensor::from_values(&frame.shape(size), &values);
    let said = said(own, size, &frame, &wish, &normalization, teller);
    Ok((fit::fit(tensor, port)?, said))
}

fn scaled(side: usize, to: usize, from: usize) -> usize {
    (side * to / from.max(1)).max(1)
}

fn misfit(port: &Port) -> Error {
    Error::usage(format!(
        "it is an image, but the input takes {} {}",
        port.dtype, port.shape
    ))
    .hint("an image fits N×H×W×C, N×C×H×W, H×W×C or H×W with 1, 3 or 4 channels; other data can come from a .npy")
}

fn is_quantized(port: &Port) -> bool {
    stored_range(port).is_some()
}

/// Scale and zero point of an integer input.
fn stored_range(port: &Port) -> Option<(f32, i64)> {
    let single = port.quantization.as_ref().and_then(Quantization::single);
    single.filter(|(scale, _)| port.dtype.is_integer() && *scale > 0.0)
}

/// Who says how pixels become values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Person,
    Model(Teller),
    /// Pixels go over all that the type stores.
    Type,
    /// Nobody: 0 to 1.
    Nobody,
}

fn normalization(wish: &Wish, port: &Port) -> (Normalization, Told) {
    if let Some(told) = &wish.normalization {
        return (told.clone(), Told::Person);
    }
    if let Some((told, teller)) = &port.content.normalization {
        return (told.clone(), Told::Model(*teller));
    }
    let between = |low, high| Normalization::between(low, high).unwrap_or(Normalization::bytes());
    match (port.dtype, stored_range(port)) {
        (DType::Int8 | DType::UInt8, Some((scale, zero))) => {
            let low = if port.dtype == DType::Int8 { -128 } else { 0 };
            let real = |stored: i64| (stored - zero) as f32 * scale;
            (between(real(low), real(low + 255)), Told::Type)
        }
        (DType::Int8, None) => (between(-128.0, 127.0), Told::Type),
        (dtype, None) if !dtype.is_float() => (Normalization::bytes(), Told::Type),
        _ => (between(0.0, 1.0), Told::Nobody),
    }
}

/// With 1 (grey), 3 (RGB) or 4 (RGB and opacity) channels, 8 bits each.
fn decode(bytes: &[u8], channels: usize) -> Result<Image> {
    let kind = Kind::of(bytes)
        .ok_or_else(|| Error::unreadable("it is no image: expected JPEG, PNG, GIF, BMP or WebP"))?;
    let image = match kind {
        Kind::Jpeg => jpeg::decode(
            bytes,
            jpeg::Options {
                channels: channels.min(3),
                ratio: 1,
                fast_transform: false,
                smooth_chroma: true,
            },
        )?,
        Kind::Png => image::decode_png(bytes, channels, false)?,
        Kind::Bmp => image::decode_bmp(bytes, 0)?,
        Kind::Gif => {
            let frames = image::decode_gif(bytes, 1)?;
            let mut frames = frames.into_iter();
            frames
                .next()
                .ok_or_else(|| Error::unreadable("a GIF file without an image"))?
        }
        Kind::Webp => (image::decode_webp(bytes, 1)?.into_iter().next())
            .ok_or_else(|| Error::unreadable("a WebP file without an image"))?,
    };
    Ok(with_channels(image, channels))
}

/// Grey is 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), as JPEG's own.
fn with_channels(image: Image, channels: usize) -> Image {
    let Samples::Bytes(samples) = &image.samples else {
        return image;
    };
    if image.channels == channels {
        return image;
    }
    let pixel = |from: &[u8]| -> [u8; 4] {
        match *from {
            [grey] => [grey, grey, grey, 255],
            [grey, alpha] => [grey, grey, grey, alpha],
            [r, g, b] => [r, g, b, 255],
            [r, g, b, alpha, ..] => [r, g, b, alpha],
            [] => [0; 4],
        }
    };
    let pixels = samples.chunks_exact(image.channels.max(1)).map(pixel);
    let samples = match channels {
        1 => pixels
            .map(|[r, g, b, _]| {
                (0.299 * f32::from(r) + 0.587 * f32::from(g) + 0.114 * f32::from(b)).round() as u8
            })
            .collect(),
        _ => pixels.flat_map(|p| p.into_iter().take(channels)).collect(),
    };
    Image {
        channels,
        samples: Samples::Bytes(samples),
        ..image
    }
}

/// Pixels row by row at another size, by triangles that grow where the image shrinks: `tf.image.resize` with
/// `antialias=True`.
fn resized(image: &Image, [height, width]: [usize; 2], fill: Fill) -> Result<Vec<f32>> {
    let Samples::Bytes(samples) = &image.samples else {
        return Err(Error::unsupported("an image of 16 bits a sample"));
    };
    let pixels: Vec<f32> = samples.iter().map(|&v| v.into()).collect();
    let own = [image.height, image.width];
    if own == [height, width] {
        return Ok(pixels);
    }
    let each = [0, 1].map(|axis| [height, width][axis] as f32 / own[axis] as f32);
    let factors = match fill {
        Fill::Stretch => each,
        Fill::Crop => [each[0].max(each[1]); 2],
        Fill::Pad => [each[0].min(each[1]); 2],
    };
    let taps = |axis: usize| -> Taps {
        let to = [height, width][axis];
        let shift = (to as f32 - own[axis] as f32 * factors[axis]) / 2.0;
        scale::spans(
            Window::Triangle,
            [own[axis], to],
            [factors[axis], shift],
            true,
        )
    };
    let mut out = files::room(&[height, width, image.channels])?;
    let sizes = [1, own[0], own[1], image.channels];
    scale::resample(&pixels, sizes, [&taps(0), &taps(1)], &mut out);
    // Weights whose sum is rounded up make a white that is more than white.
    out.iter_mut().for_each(|v| *v = v.clamp(0.0, 255.0));
    Ok(out)
}

/// Values in the order of the input's axes, once for each of the batch.
fn arranged(
    pixels: &[f32],
    [height, width]: [usize; 2],
    frame: &Frame,
    wish: &Wish,
    normalization: &Normalization,
) -> Vec<f32> {
    let channels = frame.channels;
    let value = |at: usize, channel: usize| {
        let from = match (wish.bgr, channel) {
            (true, 0..3) if channels >= 3 => 2 - channel,
            _ => channel,
        };
        normalization.apply(pixels[at * channels + from], channel)
    };
    let area = height * width;
    let one: Vec<f32> = match frame.layout {
        Layout::Last { .. } => (0..area)
            .flat_map(|at| (0..channels).map(move |c| (at, c)))
            .map(|(at, c)| value(at, c))
            .collect(),
        Layout::First { .. } => (0..channels)
            .flat_map(|c| (0..area).map(move |at| (at, c)))
            .map(|(at, c)| value(at, c))
            .collect(),
    };
    one.repeat(frame.batch)
}

/// `640×480 stretched to 224×224, pixels as 0 … 1 (the model does not say)`.
fn said(
    own: [usize; 2],
    size: [usize; 2],
    frame: &Frame,
    wish: &Wish,
    normalization: &Normalization,
    told: Told,
) -> String {
    let of = |[height, width]: [usize; 2]| format!("{width}×{height}");
    let mut words = of(own);
    if own != size {
        let how = match wish.fill {
            _ if own[0] * size[1] == own[1] * size[0] => "scaled to",
            Fill::Stretch => "stretched to",
            Fill::Crop => "cropped to",
            Fill::Pad => "padded to",
        };
        words += &format!(" {how} {}", of(size));
    }
    if frame.batch > 1 {
        words += &format!(", {} times", frame.batch);
    }
    let (low, high) = normalization.range();
    let short = |v: f64| (v * 1000.0).round() / 1000.0;
    words += &format!(", pixels as {} … {}", short(low), short(high));
    words
        + match told {
            Told::Person | Told::Type => "",
            Told::Model(Teller::Metadata) => " (by the metadata)",
            Told::Model(Teller::Operators) => " (the model scales them itself)",
            Told::Nobody => " (a guess: the model does not say)",
        }
}

#[cfg(test)]
mod tests {
    use super::super::spec::tests::port;
    use super::*;

    /// A BMP of 24 bits a pixel: rows from below, blue before red, padded to four bytes.
    fn bmp(width: usize, height: usize, pixel: impl Fn(usize, usize) -> [u8; 3]) -> Vec<u8> {
        let row = (width * 3).next_multiple_of(4);
        let mut bytes = b"BM".to_vec();
        bytes.extend(
            [54 + row * height, 0, 54, 40, width, height]
                .map(|v| v as u32)
                .map(u32::to_le_bytes)
                .concat(),
        );
        bytes.extend([1u16, 24].map(u16::to_le_bytes).concat());
        bytes.extend([0u8; 24]);
        for y in (0..height).rev() {
            let line = (0..width).flat_map(|x| {
                let [r, g, b] = pixel(x, y);
                [b, g, r]
            });
            let line: Vec<u8> = line.collect();
            bytes.extend(&line);
            bytes.extend(vec![0; row - line.len()]);
        }
        bytes
    }

    fn numbers(bytes: &[u8], wishes: &str, port: &Port) -> Vec<f64> {
        read(bytes, wishes, port).unwrap().0.numbers()
    }

    #[test]
    fn pixels_stand_as_the_input_has_its_axes() {
        let file = bmp(2, 1, |x, _| if x == 0 { [255, 0, 51] } else { [0, 102, 0] });
        let last = port(DType::Float32, &[-1, 1, 2, 3]);
        assert_eq!(
            numbers(&file, "", &last),
            [1.0, 0.0, 0.2, 0.0, 0.4, 0.0].map(|v: f64| f64::from(v as f32))
        );
        let first = port(DType::Float32, &[1, 3, 1, 2]);
        assert_eq!(
            numbers(&file, "0..255", &first),
            [255.0, 0.0, 0.0, 102.0, 51.0, 0.0]
        );
        assert_eq!(
            numbers(&file, "0..255,bgr", &last),
            [51.0, 0.0, 255.0, 0.0, 102.0, 0.0]
        );
        let grey = port(DType::UInt8, &[1, 1, 2, 1]);
        assert_eq!(numbers(&file, "", &grey), [82.0, 60.0]);
        let wishes = "mean=100/0/0,std=5/2/1";
        assert_eq!(
            numbers(&file, wishes, &last),
            [31.0, 0.0, 51.0, -20.0, 51.0, 0.0]
        );
        // An input that leaves the size open gets the image's own, one of four images all of them.
        assert_eq!(
            read(&file, "", &port(DType::UInt8, &[-1, -1, -1, 3]))
                .unwrap()
                .0
                .shape(),
            [1, 1, 2, 3]
        );
        assert_eq!(
            read(&file, "", &port(DType::UInt8, &[4, -1, -1, 3]))
                .unwrap()
                .0
                .shape(),
            [4, 1, 2, 3]
        );
    }

    #[test]
    fn quantized_inputs_take_pixels_over_their_whole_range() {
        let file = bmp(8, 8, |x, _| [x as u8 * 36; 3]);
        for (dtype, zero, low) in [(DType::Int8, -1, -128.0), (DType::UInt8, 127, 0.0)] {
            let mut port = port(dtype, &[1, 8, 8, 1]);
            port.quantization = Some(Quantization::per_tensor(1.0 / 127.5, zero));
            let row: Vec<f64> = (0..8).map(|x| low + f64::from(x) * 36.0).collect();
            assert_eq!(numbers(&file, "", &port)[..8], row);
            // By the scale where the model says what the values are.
            port.content.normalization =
                Normalization::between(0.0, 1.0).map(|n| (n, Teller::Metadata));
            assert_eq!(
                numbers(&file, "", &port)[7],
                (252.0f64 / 255.0 * 127.5).round() + zero as f64
            );
        }
    }

    #[test]
    fn another_shape_is_stretched_cropped_or_padded() {
        // White left of the middle, black right of it, twice as wide as high.
        let file = bmp(16, 8, |x, _| [if x < 8 { 255 } else { 0 }; 3]);
        let port = port(DType::Float32, &[1, 8, 8, 1]);
        let row = |wish: &str, y: usize| numbers(&file, wish, &port)[y * 8..][..8].to_vec();
        assert_eq!(row("", 0)[..3], [1.0; 3]);
        assert_eq!(row("crop", 0), [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(row("pad", 0), [0.0; 8]);
        assert_eq!(row("pad", 4)[..3], [1.0; 3]);
        let said = |wish: &str| read(&file, wish, &port).unwrap().1;
        insta::assert_snapshot!(said(""), @"16×8 stretched to 8×8, pixels as 0 … 1 (a guess: the model does not say)");
        insta::assert_snapshot!(said("crop, -1..1"), @"16×8 cropped to 8×8, pixels as -1 … 1");
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let file = bmp(2, 2, |_, _| [0; 3]);
        let said = |wishes: &str, bytes: &[u8], dims: &[i64]| {
            read(bytes, wishes, &port(DType::Float32, dims))
                .unwrap_err()
                .fault()
        };
        insta::assert_snapshot!(said("", &file, &[1, 128]), @"it is an image, but the input takes float32 1×128");
        insta::assert_snapshot!(said("", b"no", &[1, 8, 8, 3]), @"it is no image: expected JPEG, PNG, GIF, BMP or WebP");
        insta::assert_snapshot!(said("round", &file, &[1, 8, 8, 3]), @r#""round" behind an image"#);
        insta::assert_snapshot!(said("1..1", &file, &[1, 8, 8, 3]), @r#""1..1" behind an image"#);
        insta::assert_snapshot!(said("std=0", &file, &[1, 8, 8, 3]), @"a standard deviation of 0, or numbers that are not finite");
    }
}

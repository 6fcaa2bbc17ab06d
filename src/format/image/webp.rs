//! WebP files: images and frames as RGB, or RGB and opacity.

use std::io::Cursor;

use image_webp::{DecodingError, WebPDecoder};

use super::{Image, Samples};
use crate::error::{Error, Result};
use crate::memory;

/// Pixels that any file may have, and further ones that a byte of it may stand for. An image of one colour takes no
/// bits for its pixels, so this is a limit of ours.
const ALWAYS: usize = 1 << 20;
const MOST_PER_BYTE: usize = 4096;

/// The frames, at most `most` of them, and whether they move. Moving ones are what is seen, on a canvas that nothing was
/// on before; such files without opacity have no frames that TensorFlow gives.
///
/// # Errors
/// What is no WebP file, or damaged.
pub fn decode(bytes: &[u8], most: usize) -> Result<Vec<Image>> {
    let fault = |e: DecodingError| Error::usage(format!("a WebP file that can't be read: {e}"));
    let mut reader = WebPDecoder::new(Cursor::new(bytes)).map_err(fault)?;
    let moves = reader.is_animated();
    let (width, height) = reader.dimensions();
    let (width, height) = (width as usize, height as usize);
    let channels = if reader.has_alpha() { 4 } else { 3 };
    if moves && channels == 3 {
        return Err(Error::unsupported(
            "a moving WebP file without opacity, which TensorFlow does not decode either",
        ));
    }
    let count = if moves {
        reader.num_frames() as usize
    } else {
        1
    };
    let seen = width.saturating_mul(height).saturating_mul(count);
    let pixels = seen.saturating_add(coded(bytes));
    if moves && !frames_fit(bytes) {
        return Err(Error::usage(
            "a WebP file with a frame of another size than its image",
        ));
    }
    if pixels > bytes.len().saturating_mul(MOST_PER_BYTE).max(ALWAYS) {
        return Err(Error::usage("a WebP file with far more pixels than data"));
    }
    memory::ask("the frames of a WebP file", pixels.saturating_mul(8))?;
    let mut buffer = vec![0; width * height * channels];
    let mut images = Vec::new();
    if moves {
        // What a frame leaves free behind it is clear.
        reader.set_background_color([0; 4]).map_err(fault)?;
    }
    for _ in 0..count.min(most) {
        match moves {
            true => reader.read_frame(&mut buffer).map(drop),
            false => reader.read_image(&mut buffer),
        }
        .map_err(fault)?;
        images.push(Image {
            width,
            height,
            channels,
            samples: Samples::Bytes(buffer.clone()),
        });
    }
    Ok(images)
}

/// Pixels of all images in a file by the heads of what they are coded in, wherever these stand: one that says another
/// size than the file is found out only when room for it was taken.
fn coded(bytes: &[u8]) -> usize {
    let sides = |width: u32, height: u32| width as usize * height as usize;
    let word = |at: [u8; 2]| u32::from(u16::from_le_bytes(at)) & 0x3fff;
    let each = bytes.windows(18).map(|head| match *head {
        // Its length, a word on the frame, a mark, and two sides.
        [
            b'V',
            b'P',
            b'8',
            b' ',
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            0x9d,
            1,
            0x2a,
            a,
            b,
            c,
            d,
        ] => sides(word([a, b]), word([c, d])),
        // Its length, a mark, and two sides less one in 14 bits each.
        [b'V', b'P', b'8', b'L', _, _, _, _, 0x2f, a, b, c, d, ..] => {
            let both = u32::from_le_bytes([a, b, c, d]);
            sides((both & 0x3fff) + 1, (both >> 14 & 0x3fff) + 1)
        }
        _ => 0,
    });
    each.fold(0, usize::saturating_add)
}

/// Whether the image of each frame with opacity apart is where it should be and as large as the frame, which the
/// decoder takes for granted.
fn frames_fit(bytes: &[u8]) -> bool {
    let short = |at: usize| Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let side = |at: usize| Some(u32::from(short(at)?) + (u32::from(*bytes.get(at + 2)?) << 16) + 1);
    let is = |at: usize, kind: &[u8; 4]| bytes.get(at..).is_some_and(|rest| rest.starts_with(kind));
    // Behind the frame's own head of 8 and 16 bytes.
    let fits = |frame: usize| {
        let opacity = frame + 24;
        let length = u32::from(short(opacity + 4)?) | u32::from(short(opacity + 6)?) << 16;
        let image = opacity + 8 + length as usize + length as usize % 2;
        let sides = [side(frame + 14)?, side(frame + 17)?];
        let own = [short(image + 14)?, short(image + 16)?].map(|v| u32::from(v) & 0x3fff);
        Some(is(image, b"VP8 ") && own == sides)
    };
    let mut frames = (0..bytes.len()).filter(|&at| is(at, b"ANMF") && is(at + 24, b"ALPH"));
    frames.all(|frame| fits(frame) == Some(true))
}

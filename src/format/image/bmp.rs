//! BMP files without compression or palette: 8 bits of grey, 24 of BGR, 32 of BGRA.

use super::{Image, Samples};
use crate::error::{Error, Result};

/// `channels` 0 takes what the file has.
///
/// # Errors
/// A file that is cut off, or whose pixels have another number of channels.
pub fn decode(bytes: &[u8], channels: usize) -> Result<Image> {
    let broken = || Error::usage("a BMP file that is cut off, or with sizes out of range");
    let word = |at: usize| {
        let bytes = bytes.get(at..at + 4)?;
        Some(i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    };
    let (Some(start), Some(width), Some(height)) = (word(10), word(18), word(22)) else {
        return Err(broken());
    };
    let bits = bytes.get(28..30).ok_or_else(broken)?;
    let own = usize::from(u16::from_le_bytes([bits[0], bits[1]])) / 8;
    if !matches!(own, 1 | 3 | 4) || channels != 0 && channels != own {
        return Err(Error::usage(format!(
            "a BMP file with {} bits a pixel, {channels} channels are asked for",
            own * 8
        )));
    }
    let upside_down = height > 0;
    let (Ok(start), Ok(width)) = (usize::try_from(start), usize::try_from(width)) else {
        return Err(broken());
    };
    let height = height.unsigned_abs() as usize;
    // Rows end on multiples of four bytes; the last one need not.
    let used = width.checked_mul(own).ok_or_else(broken)?;
    let stride = used.next_multiple_of(4);
    let size = stride
        .checked_mul(height.saturating_sub(1))
        .and_then(|size| size.checked_add(used));
    let end = size.and_then(|size| size.checked_add(start));
    let data = end.and_then(|end| bytes.get(start..end));
    let data = data
        .filter(|_| width > 0 && height > 0)
        .ok_or_else(broken)?;
    let mut pixels = Vec::with_capacity(used * height);
    for y in 0..height {
        let row = if upside_down { height - 1 - y } else { y };
        for pixel in data[row * stride..][..used].chunks_exact(own) {
            match *pixel {
                [b, g, r] => pixels.extend([r, g, b]),
                [b, g, r, a] => pixels.extend([r, g, b, a]),
                _ => pixels.extend(pixel),
            }
        }
    }
    Ok(Image {
        width,
        height,
        channels: own,
        samples: Samples::Bytes(pixels),
    })
}

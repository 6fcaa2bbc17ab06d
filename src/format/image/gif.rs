//! GIF files: every frame as RGB on top of the one before.

use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, MemoryLimit};

use super::{Image, Samples};
use crate::error::{Error, Result};
use crate::memory;

/// Pixels that a byte of a file stands for at most: a word of 12 bits for a run of 4096 pixels.
const MOST_PER_BYTE: usize = 4096;

/// The frames, at most `most` of them, all as large as the largest of the file. What a frame leaves out is the frame
/// before, black in the first.
///
/// # Errors
/// What is no GIF file, or damaged.
pub fn decode(bytes: &[u8], most: usize) -> Result<Vec<Image>> {
    let fault = |e: gif::DecodingError| Error::usage(format!("a GIF file that can't be read: {e}"));
    let most_pixels = bytes.len().saturating_mul(MOST_PER_BYTE);
    let limit = NonZeroU64::new(most_pixels as u64).unwrap_or(NonZeroU64::MIN);
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    options.set_memory_limit(MemoryLimit::Bytes(limit));
    let mut reader = options.read_info(bytes).map_err(fault)?;
    let shared: Vec<u8> = reader.global_palette().unwrap_or_default().to_vec();
    let mut frames = Vec::new();
    let mut held = 0usize;
    while let Some(frame) = reader.read_next_frame().map_err(fault)? {
        held += frame.buffer.len();
        if held > most_pixels {
            return Err(Error::usage("a GIF file with more pixels than data"));
        }
        memory::ask("the frames of a GIF file", held)?;
        frames.push(frame.clone());
    }
    let width = frames.iter().map(|f| usize::from(f.width)).max();
    let height = frames.iter().map(|f| usize::from(f.height)).max();
    let (Some(width), Some(height)) = (width, height) else {
        return Err(Error::usage("a GIF file without a frame"));
    };
    // Small frames of a large image need few bytes of the file each.
    let count = frames.len().min(most);
    if (width * height).saturating_mul(count) > most_pixels {
        return Err(Error::usage("a GIF file with larger frames than data"));
    }
    memory::ask("the frames of a GIF file", width * height * 3 * (count + 1))?;
    let mut canvas = vec![0; width * height * 3];
    let mut images = Vec::new();
    for frame in frames.iter().take(most) {
        paint(frame, &shared, &mut canvas, [width, height]);
        images.push(Image {
            width,
            height,
            channels: 3,
            samples: Samples::Bytes(canvas.clone()),
        });
    }
    Ok(images)
}

fn paint(frame: &gif::Frame<'_>, shared: &[u8], canvas: &mut [u8], [width, height]: [usize; 2]) {
    let palette = frame.palette.as_deref().unwrap_or(shared);
    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    let rows = frame.buffer.chunks_exact(usize::from(frame.width).max(1));
    for (y, row) in (top..height).zip(rows) {
        for (x, &index) in (left..width).zip(row) {
            let colour = palette.chunks_exact(3).nth(index.into());
            if let (false, Some(colour)) = (frame.transparent == Some(index), colour) {
                canvas[(y * width + x) * 3..][..3].copy_from_slice(colour);
            }
        }
    }
}

//! What a tensor reads as beside numbers: an image, a map of classes, a signal. How it is drawn stands elsewhere.

mod classes;
mod image;
mod signal;

pub use classes::ClassMap;
pub use image::Image;
pub use signal::{Signal, Trace};

use crate::model::Tensor;

/// What is kept of an image or map on each side at most: more than a screen of characters shows.
const KEPT: usize = 512;

/// Pixels of a plane, and the neighbours to the right and below that lie in it too.
fn neighbours(height: usize, width: usize) -> impl Iterator<Item = (usize, usize)> {
    let across = (0..height).flat_map(move |y| (1..width).map(move |x| (y * width + x - 1, 1)));
    let down = (1..height).flat_map(move |y| (0..width).map(move |x| ((y - 1) * width + x, width)));
    across.chain(down).map(|(at, step)| (at, at + step))
}

/// Where the values of an image lie in a tensor. Of a batch it is the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Planes {
    height: usize,
    width: usize,
    channels: usize,
    /// How far the next row, column and channel are.
    steps: (usize, usize, usize),
}

impl Planes {
    /// Channels in the last axis.
    fn last(height: usize, width: usize, channels: usize) -> Planes {
        Planes {
            height,
            width,
            channels,
            steps: (width * channels, channels, 1),
        }
    }

    /// Channels before the rows.
    fn first(height: usize, width: usize, channels: usize) -> Planes {
        Planes {
            height,
            width,
            channels,
            steps: (width, 1, height * width),
        }
    }

    fn at(&self, y: usize, x: usize, channel: usize) -> usize {
        y * self.steps.0 + x * self.steps.1 + channel * self.steps.2
    }
}

/// Reads elements as real numbers, those of the common types without asking for the type each time.
fn reader(tensor: &Tensor) -> impl Fn(usize) -> f64 + '_ {
    let floats = tensor.values::<f32>();
    let bytes = tensor.values::<u8>();
    move |at| match (floats, bytes) {
        (Some(values), _) => values.get(at).map_or(f64::NAN, |v| f64::from(*v)),
        (_, Some(values)) => values.get(at).map_or(f64::NAN, |v| f64::from(*v)),
        _ => tensor.number(at).unwrap_or(f64::NAN),
    }
}

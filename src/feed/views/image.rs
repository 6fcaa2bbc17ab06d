//! Tensors that read as images.

use super::{KEPT, Planes, neighbours, reader};
use crate::model::{DType, Tensor};

/// An image made small enough to be kept and drawn, in sRGB.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    pub height: usize,
    pub width: usize,
    /// Row by row from the top.
    pub pixels: Vec<[u8; 3]>,
    /// Height and width of what it was made from.
    pub of: (usize, usize),
    /// The values that black and full colour stand for.
    pub ends: (f64, f64),
    /// Whether the tensor is meant as an image, as far as one can tell.
    pub likely: bool,
}

/// Rows and columns below which nobody sees what it is, and below which numbers tell more.
const LEAST: usize = 4;
const LIKELY: usize = 16;
/// No larger values are read as images.
const MOST: usize = 1 << 14;

impl Image {
    /// The image in a tensor: `[n, h, w, c]` (the first of the batch), `[h, w, c]`, `[1, c, h, w]`, `[c, h, w]` with
    /// 1, 3 or 4 channels (1 or 3 where they come before the rows), `[1, h, w]` or `[h, w]`. `None` where the shape is
    /// no image's, or a side is shorter than 4.
    ///
    /// It is likely meant as one if both sides have 16 or more, and, where only the sizes speak for it (that is without a
    /// last axis of 1 or 3 behind a batch), if what lies side by side is alike, which rows of features or tokens are not.
    pub fn of(tensor: &Tensor) -> Option<Image> {
        if tensor.strings().is_some() || tensor.number(0).is_none() {
            return None;
        }
        let (planes, is_plain) = planes(tensor.shape())?;
        let sides = [planes.height, planes.width];
        if sides.iter().any(|side| !(LEAST..=MOST).contains(side)) {
            return None;
        }
        let read = reader(tensor);
        let likely =
            sides.iter().all(|side| *side >= LIKELY) && (is_plain || is_smooth(&planes, &read));
        let ends = ends(&planes, &read, tensor.dtype());
        let (height, width, pixels) = pixels(&planes, &read, ends);
        Some(Image {
            height,
            width,
            pixels,
            of: (planes.height, planes.width),
            ends,
            likely,
        })
    }

    /// A part of its pixels as an image of `height` × `width` (neither larger than its own): each pixel the mean of
    /// the area that it covers.
    pub fn shrunk(&self, height: usize, width: usize) -> Vec<[u8; 3]> {
        let (rows, columns) = (parts(self.height, height), parts(self.width, width));
        let mut shrunk = Vec::with_capacity(height * width);
        for row in &rows {
            for column in &columns {
                let (mut sum, mut weight) = ([0.0f32; 3], 0.0);
                for (y, of_row) in row {
                    for (x, of_column) in column {
                        let share = of_row * of_column;
                        weight += share;
                        for (sum, level) in sum.iter_mut().zip(self.pixels[y * self.width + x]) {
                            *sum += share * f32::from(level);
                        }
                    }
                }
                shrunk.push(sum.map(|sum| (sum / weight.max(f32::MIN_POSITIVE)).round() as u8));
            }
        }
        shrunk
    }
}

/// For each of `to` parts of `from` pixels those that it covers, and how much of each.
fn parts(from: usize, to: usize) -> Vec<Vec<(usize, f32)>> {
    let step = from as f32 / to.max(1) as f32;
    let part = |at: usize| {
        let (begin, end) = (at as f32 * step, (at + 1) as f32 * step);
        let covered = begin as usize..(end.ceil() as usize).min(from);
        let share = |i: usize| (end.min(i as f32 + 1.0) - begin.max(i as f32)).max(0.0);
        covered.map(|i| (i, share(i))).collect()
    };
    (0..to).map(part).collect()
}

/// Where its values lie, and whether the shape alone says that it is an image.
fn planes(shape: &[usize]) -> Option<(Planes, bool)> {
    let is_side = |size: usize| size >= LEAST;
    Some(match *shape {
        [n, h, w, c @ (1 | 3 | 4)] if n > 0 && is_side(h) && is_side(w) => {
            (Planes::last(h, w, c), c != 4)
        }
        [1, c @ (1 | 3), h, w] if is_side(h) => (Planes::first(h, w, c), c == 3),
        [1, h, w] => (Planes::last(h, w, 1), false),
        [h, w, c @ (1 | 3 | 4)] if is_side(w) => (Planes::last(h, w, c), false),
        [3, h, w] => (Planes::first(h, w, 3), false),
        [h, w] => (Planes::last(h, w, 1), false),
        _ => return None,
    })
}

/// Whether neighbours are alike: over pairs of them the correlation is one half or more, across as well as down.
fn is_smooth(planes: &Planes, read: &impl Fn(usize) -> f64) -> bool {
    /// Pixels of each side that are looked at.
    const SEEN: usize = 128;
    let (height, width) = (planes.height.min(SEEN), planes.width.min(SEEN));
    let top = (planes.height - height) / 2;
    let left = (planes.width - width) / 2;
    let value = |at: usize| read(planes.at(top + at / width, left + at % width, 0));
    let values: Vec<f64> = (0..height * width).map(value).collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let spread = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
    let alike = |is_across: bool| {
        let pairs = neighbours(height, width).filter(|(a, b)| (b - a == 1) == is_across);
        let (sum, count) = pairs.fold((0.0, 0.0), |(sum, count), (a, b)| {
            (sum + (values[a] - mean) * (values[b] - mean), count + 1.0)
        });
        sum / count
    };
    // Not so for NaN.
    alike(true) >= 0.5 * spread && alike(false) >= 0.5 * spread && spread > 0.0
}

/// What black and full colour stand for: the range of bytes, of 0 to 1 or of −1 to 1 where the values lie in one of these
/// and fill half of it, otherwise the least and the largest value.
fn ends(planes: &Planes, read: &impl Fn(usize) -> f64, dtype: DType) -> (f64, f64) {
    let colours = planes.channels.min(3);
    let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
    for y in 0..planes.height {
        for x in 0..planes.width {
            for channel in 0..colours {
                let value = read(planes.at(y, x, channel));
                if value.is_finite() {
                    (least, most) = (least.min(value), most.max(value));
                }
            }
        }
    }
    /// What values may lie outside: models overshoot.
    const OVER: f64 = 0.15;
    let usual = [
        (0.0, 1.0, !dtype.is_integer()),
        (-1.0, 1.0, !dtype.is_integer()),
        (-128.0, 127.0, dtype.bits() == 8 && dtype != DType::UInt8),
        (0.0, 255.0, true),
    ];
    let holds = |&&(low, high, may): &&(f64, f64, bool)| {
        let span = high - low;
        let inside = least >= low - OVER * span && most <= high + OVER * span;
        may && inside && most - least >= span / 2.0
    };
    match usual.iter().find(holds) {
        Some(&(low, high, _)) => (low, high),
        None if least > most => (0.0, 1.0),
        None => (least, most),
    }
}

/// Every pixel, or the means of squares of them where there are more than are kept.
fn pixels(
    planes: &Planes,
    read: &impl Fn(usize) -> f64,
    (low, high): (f64, f64),
) -> (usize, usize, Vec<[u8; 3]>) {
    let step = planes.height.max(planes.width).div_ceil(KEPT);
    let (height, width) = (planes.height.div_ceil(step), planes.width.div_ceil(step));
    let scale = 255.0 / (high - low).max(f64::MIN_POSITIVE);
    let level = |y: usize, x: usize, channel: usize| {
        let value = read(planes.at(y, x, channel));
        ((value - low) * scale).clamp(0.0, 255.0)
    };
    let mut pixels = Vec::with_capacity(height * width);
    for top in (0..planes.height).step_by(step) {
        for left in (0..planes.width).step_by(step) {
            let (mut sum, mut count) = ([0.0; 3], 0.0);
            for y in top..(top + step).min(planes.height) {
                for x in left..(left + step).min(planes.width) {
                    let mut pixel = match planes.channels {
                        1 => [level(y, x, 0); 3],
                        _ => [0, 1, 2].map(|channel| level(y, x, channel)),
                    };
                    if planes.channels == 4 {
                        // What shines through is grey.
                        let cover = level(y, x, 3) / 255.0;
                        pixel = pixel.map(|level| level * cover + 128.0 * (1.0 - cover));
                    }
                    // A value that is no number is left out.
                    if pixel.iter().all(|level| level.is_finite()) {
                        sum = [0, 1, 2].map(|at| sum[at] + pixel[at]);
                        count += 1.0;
                    }
                }
            }
            pixels.push(sum.map(|sum: f64| (sum / f64::max(count, 1.0)).round() as u8));
        }
    }
    (height, width, pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From dark in one corner to bright in the other.
    fn slope(shape: &[usize], planes: Planes) -> Tensor {
        let mut values = vec![0.0f32; shape.iter().product()];
        for y in 0..planes.height {
            for x in 0..planes.width {
                for channel in 0..planes.channels {
                    let part = (y + x) as f32 / (planes.height + planes.width - 2) as f32;
                    values[planes.at(y, x, channel)] = part / (channel + 1) as f32;
                }
            }
        }
        Tensor::from_values(shape, &values)
    }

    /// Numbers without any order.
    fn noise(shape: &[usize]) -> Tensor {
        let count = shape.iter().product::<usize>() as u64;
        let hash = |i: u64| (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let values: Vec<f32> = (0..count).map(|i| (hash(i) % 1000) as f32 / 1e3).collect();
        Tensor::from_values(shape, &values)
    }

    #[test]
    fn channels_are_found_behind_and_before_the_rows() {
        for (shape, planes) in [
            (&[1, 20, 30, 3][..], Planes::last(20, 30, 3)),
            (&[20, 30, 3], Planes::last(20, 30, 3)),
            (&[1, 3, 20, 30], Planes::first(20, 30, 3)),
            (&[3, 20, 30], Planes::first(20, 30, 3)),
        ] {
            let image = Image::of(&slope(shape, planes)).unwrap();
            assert_eq!((image.height, image.width), (20, 30), "{shape:?}");
            assert_eq!(image.pixels[0], [0; 3], "{shape:?}");
            assert_eq!(image.pixels.last(), Some(&[255, 128, 85]), "{shape:?}");
            assert!(image.likely, "{shape:?}");
        }
        for shape in [&[1, 20, 30][..], &[20, 30], &[1, 1, 20, 30], &[20, 30, 1]] {
            let image = Image::of(&slope(shape, Planes::last(20, 30, 1))).unwrap();
            assert_eq!(image.pixels[599], [255; 3], "{shape:?}");
            assert!(image.likely, "{shape:?}");
        }
    }

    #[test]
    fn what_is_no_image_is_not_taken_for_one() {
        for shape in [&[1, 64, 64][..], &[64, 64], &[32, 32, 4], &[1, 1, 64, 64]] {
            assert!(!Image::of(&noise(shape)).unwrap().likely, "{shape:?}");
        }
        // An image of noise is one.
        assert!(Image::of(&noise(&[1, 64, 64, 3])).unwrap().likely);
        let small = slope(&[1, 8, 8, 1], Planes::last(8, 8, 1));
        assert!(!Image::of(&small).unwrap().likely);
        for shape in [&[10][..], &[1, 10], &[1, 1917, 91, 2], &[2, 3], &[]] {
            assert_eq!(Image::of(&noise(shape)), None, "{shape:?}");
        }
        let nothing = Tensor::from_values(&[16, 16], &[f32::NAN; 256]);
        assert!(!Image::of(&nothing).unwrap().likely);
    }

    #[test]
    fn usual_ranges_are_kept_and_others_stretched() {
        let ends = |low: f32, high: f32| {
            let values: Vec<f32> = (0..256)
                .map(|i| low + (high - low) * i as f32 / 255.0)
                .collect();
            Image::of(&Tensor::from_values(&[16, 16], &values))
                .unwrap()
                .ends
        };
        assert_eq!(ends(0.1, 0.9), (0.0, 1.0));
        assert_eq!(ends(-0.9, 0.9), (-1.0, 1.0));
        assert_eq!(ends(-5.0, 260.0), (0.0, 255.0));
        assert_eq!(ends(3.0, 19.0), (3.0, 19.0));
        let bytes: Vec<u8> = (0..=255).map(|i| i / 4 + 30).collect();
        let dim = Image::of(&Tensor::from_values(&[16, 16], &bytes)).unwrap();
        assert_eq!(dim.ends, (30.0, 93.0));
        let signed: Vec<i8> = (-128..=127).collect();
        let signed = Image::of(&Tensor::from_values(&[16, 16], &signed)).unwrap();
        assert_eq!(signed.ends, (-128.0, 127.0));
    }

    #[test]
    fn large_ones_are_means_of_areas() {
        // Stripes of one pixel: an image of single pixels would be black or white.
        let values: Vec<u8> = (0..1024 * 1024).map(|i| (i % 2) as u8 * 255).collect();
        let image = Image::of(&Tensor::from_values(&[1, 1024, 1024, 1], &values)).unwrap();
        assert_eq!((image.height, image.width), (512, 512));
        assert_eq!(image.of, (1024, 1024));
        assert!(image.pixels.iter().all(|p| *p == [128; 3]));
        let corner = Image {
            height: 3,
            width: 3,
            pixels: vec![
                [0; 3], [90; 3], [90; 3], [0; 3], [90; 3], [90; 3], [0; 3], [0; 3], [0; 3],
            ],
            ..image
        };
        // Each of the halves covers one and a half pixels.
        assert_eq!(corner.shrunk(1, 2), [[20; 3], [60; 3]]);
        assert_eq!(corner.shrunk(3, 3), corner.pixels);
    }
}

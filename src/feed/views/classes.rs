//! Tensors that give each pixel a class.

use super::{KEPT, Planes, neighbours, reader};
use crate::model::{DType, Tensor};
use crate::sort;

/// The class of every pixel, made small enough to be kept and drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassMap {
    pub height: usize,
    pub width: usize,
    /// Row by row from the top.
    pub cells: Vec<u16>,
    /// Height and width of what it was made from.
    pub of: (usize, usize),
    /// The classes that are seen and their share of all pixels, the largest first.
    pub shares: Vec<(u16, f64)>,
    /// Whether the tensor is meant so, as far as one can tell.
    pub likely: bool,
}

/// Pixels of a side.
const SIDES: std::ops::RangeInclusive<usize> = 8..=1 << 14;
/// Classes that are told apart.
const CLASSES: usize = 1 << 10;
/// Classes that are seen at once in numbers of classes; more are values of another kind.
const SEEN: usize = 64;
/// Pixels of a side, and of neighbours the part that has to be of one class, in what is meant as a map of classes.
const LIKELY: (usize, f64) = (16, 0.6);

/// The part of scores that are 0 from which on a ReLU made them.
const CUT: f64 = 0.2;

impl ClassMap {
    /// The class of the largest value in scores `[1, h, w, c]` or `[1, c, h, w]` of 2 or of 5 to 1024 classes (3 and 4
    /// are colours), or the whole numbers of `[1, h, w, 1]`, `[1, 1, h, w]`, `[1, h, w]` or `[h, w]` of an integer
    /// type. `None` where the shape or the values are others.
    ///
    /// It is likely meant so where six of ten neighbours share a class, and not one of five scores is a plain zero beside
    /// others above 1: both are ways of features, which a ReLU cuts off.
    pub fn of(tensor: &Tensor) -> Option<ClassMap> {
        if tensor.strings().is_some() || tensor.number(0).is_none() {
            return None;
        }
        let planes = planes(tensor.shape())?;
        let sides = [planes.height, planes.width];
        if sides.iter().any(|side| !SIDES.contains(side)) {
            return None;
        }
        let read = reader(tensor);
        let mut is_cut = false;
        let cells = match planes.channels {
            1 if tensor.dtype().is_integer() || tensor.dtype() == DType::Bool => {
                numbers(&planes, &read)?
            }
            1 => return None,
            _ => {
                let (cells, zeros, most) = largest(&planes, &read);
                is_cut = zeros >= CUT && most > 1.0;
                cells
            }
        };
        let (height, width) = (planes.height, planes.width);
        let pairs = neighbours(height, width).fold((0usize, 0usize), |(same, all), (a, b)| {
            (same + usize::from(cells[a] == cells[b]), all + 1)
        });
        let alike = pairs.0 as f64 / pairs.1.max(1) as f64;
        let likely = sides.iter().all(|side| *side >= LIKELY.0) && alike >= LIKELY.1 && !is_cut;
        let shares = shares(&cells);
        if planes.channels == 1 && shares.len() > SEEN {
            return None;
        }
        let step = height.max(width).div_ceil(KEPT);
        let kept = (height.div_ceil(step), width.div_ceil(step));
        let map = ClassMap {
            height,
            width,
            cells,
            of: (height, width),
            shares,
            likely,
        };
        Some(ClassMap {
            cells: map.shrunk(kept.0, kept.1),
            height: kept.0,
            width: kept.1,
            ..map
        })
    }

    /// As a map of `height` × `width` (neither larger than its own): of each area the class that most of it has.
    pub fn shrunk(&self, height: usize, width: usize) -> Vec<u16> {
        if (height, width) == (self.height, self.width) {
            return self.cells.clone();
        }
        let most = self.cells.iter().max().map_or(0, |c| usize::from(*c));
        let mut counts = vec![0u32; most + 1];
        let mut shrunk = Vec::with_capacity(height * width);
        let part = |at: usize, of: usize, from: usize| {
            let begin = at * from / of;
            begin..((at + 1) * from / of).clamp(begin + 1, from)
        };
        for y in 0..height {
            for x in 0..width {
                let rows = part(y, height, self.height);
                let mut winner =
                    self.cells[rows.start * self.width + part(x, width, self.width).start];
                let area = rows.flat_map(|row| {
                    let columns = part(x, width, self.width);
                    &self.cells[row * self.width + columns.start..row * self.width + columns.end]
                });
                for &class in area.clone() {
                    counts[usize::from(class)] += 1;
                    if counts[usize::from(class)] > counts[usize::from(winner)] {
                        winner = class;
                    }
                }
                for &class in area {
                    counts[usize::from(class)] = 0;
                }
                shrunk.push(winner);
            }
        }
        shrunk
    }
}

fn planes(shape: &[usize]) -> Option<Planes> {
    let is_count = |c: usize| c == 2 || (5..=CLASSES).contains(&c);
    Some(match *shape {
        [1, h, w, 1] | [1, 1, h, w] | [1, h, w] | [h, w] => Planes::last(h, w, 1),
        // Classes are fewer than pixels on a side; where both axes could be theirs they stand last.
        [1, c, h, w] if is_count(c) && c < w && c < h => Planes::first(h, w, c),
        [1, h, w, c] if is_count(c) => Planes::last(h, w, c),
        _ => return None,
    })
}

/// The numbers themselves, if all are classes.
fn numbers(planes: &Planes, read: &impl Fn(usize) -> f64) -> Option<Vec<u16>> {
    let values = (0..planes.height * planes.width).map(read);
    values
        .map(|v| (0.0..CLASSES as f64).contains(&v).then_some(v as u16))
        .collect()
}

/// Of each pixel the channel with the largest value, the first of equal ones; the share of zeros, the largest value.
fn largest(planes: &Planes, read: &impl Fn(usize) -> f64) -> (Vec<u16>, f64, f64) {
    let mut cells = Vec::with_capacity(planes.height * planes.width);
    let (mut zeros, mut most) = (0usize, f64::NEG_INFINITY);
    for y in 0..planes.height {
        for x in 0..planes.width {
            let mut best = (0, f64::NEG_INFINITY);
            for channel in 0..planes.channels {
                let value = read(planes.at(y, x, channel));
                zeros += usize::from(value == 0.0);
                if value > best.1 {
                    best = (channel as u16, value);
                }
            }
            most = most.max(best.1);
            cells.push(best.0);
        }
    }
    let all = (cells.len() * planes.channels).max(1);
    (cells, zeros as f64 / all as f64, most)
}

fn shares(cells: &[u16]) -> Vec<(u16, f64)> {
    let mut counts = vec![0usize; CLASSES];
    for class in cells {
        counts[usize::from(*class)] += 1;
    }
    let seen = counts
        .into_iter()
        .enumerate()
        .filter(|(_, count)| *count > 0);
    let mut seen: Vec<(usize, usize)> = seen.collect();
    sort::by_key(&mut seen, |(_, count)| std::cmp::Reverse(*count));
    let share = |count: usize| count as f64 / cells.len() as f64;
    seen.into_iter()
        .map(|(class, count)| (class as u16, share(count)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scores of so many classes; on the left half `left` wins, on the right `right`.
    fn scores(shape: &[usize], planes: Planes, (left, right): (usize, usize), most: f32) -> Tensor {
        let mut values = vec![0.0f32; shape.iter().product()];
        for y in 0..planes.height {
            for x in 0..planes.width {
                let winner = if x < planes.width / 2 { left } else { right };
                values[planes.at(y, x, winner)] = most;
            }
        }
        Tensor::from_values(shape, &values)
    }

    #[test]
    fn the_largest_channel_wins_wherever_the_channels_stand() {
        for (shape, planes) in [
            (&[1, 20, 40, 7][..], Planes::last(20, 40, 7)),
            (&[1, 7, 20, 40], Planes::first(20, 40, 7)),
        ] {
            let map = ClassMap::of(&scores(shape, planes, (6, 2), 1.0)).unwrap();
            assert_eq!(
                (map.height, map.width, map.likely),
                (20, 40, true),
                "{shape:?}"
            );
            assert_eq!((map.cells[0], map.cells[39]), (6, 2));
            assert_eq!(map.shares, [(2, 0.5), (6, 0.5)]);
        }
        let two = scores(&[1, 16, 16, 2], Planes::last(16, 16, 2), (1, 0), 1.0);
        assert!(ClassMap::of(&two).unwrap().likely);
        for shape in [&[1, 20, 20, 3][..], &[1, 20, 20, 4], &[20, 20], &[4, 4]] {
            assert_eq!(
                ClassMap::of(&Tensor::zeros(DType::Float32, shape).unwrap()),
                None
            );
        }
    }

    #[test]
    fn features_are_not_taken_for_classes() {
        let hash = |i: u64| (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let values: Vec<f32> = (0..32 * 32 * 64).map(|i| (hash(i) % 997) as f32).collect();
        let features = Tensor::from_values(&[1, 32, 32, 64], &values);
        assert!(!ClassMap::of(&features).unwrap().likely);
        let cut = scores(&[1, 32, 32, 8], Planes::last(32, 32, 8), (3, 5), 2.5);
        assert!(!ClassMap::of(&cut).unwrap().likely);
        // Bytes of an image are too many classes.
        let bytes: Vec<u8> = (0..1024).map(|i| (i / 4) as u8).collect();
        assert_eq!(ClassMap::of(&Tensor::from_values(&[32, 32], &bytes)), None);
    }

    #[test]
    fn whole_numbers_are_classes_and_most_of_an_area_wins() {
        let mut ids = vec![0i64; 1024 * 1024];
        // One of four pixels in the upper half, three of four in the lower.
        for y in 0..1024 {
            for x in 0..1024 {
                let is_rare = y % 2 == 0 && x % 2 == 0;
                ids[y * 1024 + x] = if (y < 512) == is_rare { 15 } else { 0 };
            }
        }
        let map = ClassMap::of(&Tensor::from_values(&[1, 1024, 1024], &ids)).unwrap();
        assert_eq!((map.height, map.width, map.of), (512, 512, (1024, 1024)));
        assert!(map.cells[..512 * 256].iter().all(|c| *c == 0));
        assert!(map.cells[512 * 256..].iter().all(|c| *c == 15));
        assert_eq!(map.shares, [(0, 0.5), (15, 0.5)]);
        let negative = Tensor::from_values(&[16, 16], &[-1i32; 256]);
        assert_eq!(ClassMap::of(&negative), None);
    }
}

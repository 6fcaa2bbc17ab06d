//! A component's samples, spread to the size of the image as libjpeg-turbo does it.

use super::broken;
use super::entropy::{Component, ZIGZAG};
use super::transform;
use crate::error::{Error, Result};

/// Samples row by row, padding behind the right and the lower edge.
pub struct Plane {
    samples: Vec<u8>,
    stride: usize,
}

impl Component {
    /// Samples that each block is made into, across and down, where the image's are `least`: more where sampling is
    /// coarser, so that nothing need be spread.
    pub fn points(&self, [most_h, most_v]: [usize; 2], least: usize) -> usize {
        let mut points = least;
        while points < 8
            && (most_h * least).is_multiple_of(self.h * points * 2)
            && (most_v * least).is_multiple_of(self.v * points * 2)
        {
            points *= 2;
        }
        points
    }

    /// Samples across and down without padding.
    pub fn reduced(
        &self,
        whole: [usize; 2],
        [most_h, most_v]: [usize; 2],
        points: usize,
    ) -> [usize; 2] {
        [
            (whole[0] * self.h * points).div_ceil(most_h * 8),
            (whole[1] * self.v * points).div_ceil(most_v * 8),
        ]
    }

    /// How often a sample counts across and down.
    pub fn factors(&self, most: [usize; 2], [least, points]: [usize; 2]) -> Result<[usize; 2]> {
        let own = [self.h * points / least, self.v * points / least];
        let whole = (own.iter().zip(&most)).all(|(&own, &most)| own > 0 && most % own == 0);
        match whole {
            true => Ok([most[0] / own[0], most[1] / own[1]]),
            false => Err(Error::unsupported(
                "JPEG files whose components don't divide the image's sampling",
            )),
        }
    }

    /// Its samples, `points` across and down for each block, by the transform that is asked for.
    pub fn plane(&self, points: usize, fast: bool) -> Result<Plane> {
        let told = self.divisors.ok_or_else(|| broken("no divisors"))?;
        let mut divisors = [0; 64];
        for (&place, &divisor) in ZIGZAG.iter().zip(&told) {
            divisors[usize::from(place)] = i32::from(divisor);
        }
        let fast = fast && points == 8;
        if fast {
            divisors = transform::fast_divisors(&divisors);
        }
        let stride = self.blocks[0] * points;
        let mut samples = vec![0; stride * self.blocks[1] * points];
        for (at, block) in self.coefficients.iter().enumerate() {
            let (x, y) = (at % self.blocks[0], at / self.blocks[0]);
            let values = match (points, fast) {
                (8, true) => transform::fast(block, &divisors),
                (8, false) => transform::exact(block, &divisors),
                _ => transform::reduced(block, &divisors, points),
            };
            for (row, values) in values.chunks_exact(points).take(points).enumerate() {
                let from = (y * points + row) * stride + x * points;
                samples[from..][..points].copy_from_slice(values);
            }
        }
        Ok(Plane { samples, stride })
    }
}

impl Plane {
    fn row(&self, at: usize, width: usize) -> &[u8] {
        &self.samples[at * self.stride..][..width]
    }

    /// The component, `own` samples across and down, at the image's `[width, height]`, each counted `h` and `v` times.
    pub fn spread(
        &self,
        [own_width, own_height]: [usize; 2],
        [h, v]: [usize; 2],
        [width, height]: [usize; 2],
        smooth: bool,
    ) -> Result<Vec<u8>> {
        if own_width * h < width || own_height * v < height {
            return Err(broken("fewer samples than pixels"));
        }
        let smooth = smooth && (v == 2 && h == 1 || own_width > 2);
        let mut out = Vec::with_capacity(width * height);
        let mut line = Vec::new();
        for y in 0..height {
            let own = y / v;
            let near = self.row(own, own_width);
            // The row on the other side of the sample, the edge's own where there is none.
            let other = if y % 2 == 0 {
                own.saturating_sub(1)
            } else {
                (own + 1).min(own_height - 1)
            };
            let far = self.row(other, own_width);
            line.clear();
            match (h, v, smooth) {
                (1, 1, _) => line.extend_from_slice(near),
                (2, 1, true) => wider(near, &mut line),
                (1, 2, true) => {
                    let bias = if y % 2 == 0 { 1 } else { 2 };
                    let mix = |(&a, &b): (&u8, &u8)| {
                        ((u16::from(a) * 3 + u16::from(b) + bias) >> 2) as u8
                    };
                    line.extend(near.iter().zip(far).map(mix));
                }
                (2, 2, true) => wider_and_higher(near, far, &mut line),
                _ => near
                    .iter()
                    .for_each(|&s| line.extend(std::iter::repeat_n(s, h))),
            }
            out.extend(&line[..width]);
        }
        Ok(out)
    }
}

/// Twice as many samples, each three parts of the nearer neighbour and one of the other.
fn wider(row: &[u8], out: &mut Vec<u8>) {
    for (at, &value) in row.iter().enumerate() {
        let own = u16::from(value) * 3;
        let left = at.checked_sub(1).map(|at| u16::from(row[at]));
        let right = row.get(at + 1).map(|&v| u16::from(v));
        out.push(left.map_or(value, |left| ((own + left + 1) >> 2) as u8));
        out.push(right.map_or(value, |right| ((own + right + 2) >> 2) as u8));
    }
}

/// The same in both directions, of a row and the one nearest to it.
fn wider_and_higher(near: &[u8], far: &[u8], out: &mut Vec<u8>) {
    let sum = |at: usize| u16::from(near[at]) * 3 + u16::from(far[at]);
    for at in 0..near.len() {
        let own = sum(at);
        let left = if at > 0 { sum(at - 1) } else { own };
        let right = if at + 1 < near.len() {
            sum(at + 1)
        } else {
            own
        };
        out.push(((own * 3 + left + 8) >> 4) as u8);
        out.push(((own * 3 + right + 7) >> 4) as u8);
    }
}

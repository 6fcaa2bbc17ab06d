//! Rows brought to mean 0 and variance 1, scaled and moved, in one pass: what a layer normalization that was taken apart
//! into ten operators computes, to the bit.

// By index: iterators are functions of their own, compiled without the instruction set of these loops.
#![allow(clippy::needless_range_loop)]

use crate::kernels::cpu::{self, Level, by_level};
use crate::kernels::params::Clamp;

/// With `m` the mean of a row and `v` that of `(x - m)²`: `g = scale / √(v + epsilon)`, and
/// `y = x g + (offset - m g)`, every step rounded to f32 and within bounds.
///
/// J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer Normalization", 2016, in the order in which TensorFlow computes it.
#[derive(Debug, Clone)]
pub struct LayerNorm {
    pub epsilon: f32,
    /// One for each number of a row: 1 where there is none.
    pub scale: Vec<f32>,
    /// As many: -0 where there is none.
    pub offset: Vec<f32>,
    /// Of sums and products.
    pub bounds: Clamp,
}

/// Rows whose means are found together.
const ROWS: usize = 16;

impl LayerNorm {
    /// Rows as long as `scale`; `means` gives the mean of each of some rows.
    pub fn run(&self, x: &[f32], means: impl Fn(&[f32], &mut [f32]), out: &mut [f32]) {
        self.run_at(cpu::level(), x, means, out);
    }

    fn run_at(&self, level: Level, x: &[f32], means: impl Fn(&[f32], &mut [f32]), out: &mut [f32]) {
        let depth = self.scale.len();
        assert_eq!((x.len(), self.offset.len()), (out.len(), depth));
        let blocks = x.chunks(ROWS * depth.max(1));
        for (x, out) in blocks.zip(out.chunks_mut(ROWS * depth.max(1))) {
            let (mut mean, mut variance) = ([0f32; ROWS], [0f32; ROWS]);
            let rows = x.len() / depth;
            means(x, &mut mean[..rows]);
            // Until they are summed up, the squares lie where the answers will.
            squares(level, x, &mean[..rows], out);
            means(out, &mut variance[..rows]);
            let parts = x.chunks_exact(depth).zip(out.chunks_exact_mut(depth));
            for (row, (x, out)) in parts.enumerate() {
                let variance = self.bounds.apply(variance[row] + self.epsilon);
                let row = Row {
                    mean: mean[row],
                    factor: 1.0 / variance.sqrt(),
                };
                if !finish(level, row, x, (&self.scale, &self.offset), out) {
                    self.within_bounds(row, x, out);
                }
            }
        }
    }

    /// Where something is not finite, every step is held within the bounds.
    fn within_bounds(&self, row: Row, x: &[f32], out: &mut [f32]) {
        let held = |x: f32| self.bounds.apply(x);
        for (i, (out, x)) in out.iter_mut().zip(x).enumerate() {
            let factor = held(row.factor * self.scale[i]);
            let term = held(held(-row.mean * factor) + self.offset[i]);
            *out = held(held(x * factor) + term);
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Row {
    mean: f32,
    factor: f32,
}

by_level! {
    fn squares(x: &[f32], means: &[f32], out: &mut [f32]) = squares_of
}

#[inline(always)]
fn squares_of(x: &[f32], means: &[f32], out: &mut [f32]) {
    let depth = x.len() / means.len();
    for (row, &mean) in means.iter().enumerate() {
        let x = &x[row * depth..][..depth];
        let out = &mut out[row * depth..][..depth];
        for i in 0..depth {
            let difference = x[i] - mean;
            out[i] = difference * difference;
        }
    }
}

by_level! {
    /// Without bounds; whether all is finite, as it is not where a step went beyond them.
    fn finish(row: Row, x: &[f32], parts: (&[f32], &[f32]), out: &mut [f32]) -> bool = finished
}

#[inline(always)]
fn finished(row: Row, x: &[f32], (scale, offset): (&[f32], &[f32]), out: &mut [f32]) -> bool {
    let depth = out.len();
    let (x, scale, offset) = (&x[..depth], &scale[..depth], &offset[..depth]);
    let mut most = 0;
    for i in 0..depth {
        let y = step(row, x[i], scale[i], offset[i]);
        out[i] = y;
        most = most.max(y.to_bits() & EXPONENT);
    }
    most < EXPONENT
}

/// All of it is set where a number is not finite.
const EXPONENT: u32 = 0x7f80_0000;

#[inline(always)]
fn step(row: Row, x: f32, scale: f32, offset: f32) -> f32 {
    let factor = row.factor * scale;
    x * factor + (-row.mean * factor + offset)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn means(depth: usize) -> impl Fn(&[f32], &mut [f32]) {
        move |x, means| {
            for (x, mean) in x.chunks(depth).zip(means) {
                *mean = x.iter().sum::<f32>() / depth as f32;
            }
        }
    }

    proptest! {
        #[test]
        fn one_pass_is_the_steps_one_after_the_other(
            (rows, depth) in (0usize..40, 1usize..70),
            numbers in vec(prop_oneof![
                30 => -3f32..3.0,
                1 => any::<f32>(),
                1 => prop_oneof![Just(3e38f32), Just(f32::INFINITY), Just(f32::NAN)],
            ], 1..300),
            calm in any::<bool>(),
            (epsilon, bounds) in (
                prop_oneof![Just(1e-3f32), Just(0.0)],
                prop_oneof![Just(Clamp::FINITE), Just(Clamp::NONE)],
            ),
        ) {
            let number = |i: usize| match numbers[i % numbers.len()] {
                x if calm => x.clamp(-3.0, 3.0),
                x => x,
            };
            let x: Vec<f32> = (0..rows * depth).map(number).collect();
            let scale: Vec<f32> = (0..depth).map(|i| number(i * 3 + 1)).collect();
            let offset: Vec<f32> = (0..depth).map(|i| number(i * 5 + 2)).collect();
            let norm = LayerNorm { epsilon, scale: scale.clone(), offset: offset.clone(), bounds };

            let (mut mean, mut variance) = (vec![0.0; rows], vec![0.0; rows]);
            means(depth)(&x, &mut mean);
            let squares: Vec<f32> = (0..x.len()).map(|i| {
                let difference = x[i] - mean[i / depth];
                difference * difference
            }).collect();
            means(depth)(&squares, &mut variance);
            let held = |x: f32| bounds.apply(x);
            let want: Vec<f32> = (0..x.len()).map(|i| {
                let (row, c) = (i / depth, i % depth);
                let factor = held(1.0 / held(variance[row] + epsilon).sqrt() * scale[c]);
                let term = held(held(-mean[row] * factor) + offset[c]);
                held(held(x[i] * factor) + term)
            }).collect();
            for level in cpu::levels() {
                let mut got = vec![0.0; x.len()];
                norm.run_at(level, &x, means(depth), &mut got);
                let same = |(a, b): (&f32, &f32)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
                prop_assert!(got.iter().zip(&want).all(same), "{:?} {:?}", got, want);
            }
        }
    }
}

//! A float depthwise convolution of few channels: where windows step by one pixel, a row of the output is one line of
//! numbers, and every tap adds the input's row, shifted by some pixels, times weights that come again with each pixel.

// By index: iterators are functions of their own, compiled without the instruction set of these loops.
#![allow(clippy::needless_range_loop)]

use std::ops::Range;

use super::depthwise_tiles::Plane;
use super::vector::Vector;
use crate::kernels::params::Conv2d;

/// Vectors that are summed up side by side.
const SIDE: usize = 4;
/// Weights that are laid out at most, and of one tap.
const TABLE: usize = 1 << 11;
const ROW: usize = 256;

/// The weights of each tap, so often that a vector can begin at every channel.
pub struct Lines<'a> {
    plane: &'a Plane<'a>,
    weights: [f32; TABLE],
    bias: [f32; ROW],
    /// Weights of a tap.
    row: usize,
    /// Columns of the output whose windows lie inside the image from left to right.
    pub columns: Range<usize>,
}

/// Whether there are lines for this geometry and vector.
pub fn takes<V: Vector>(p: &Conv2d) -> bool {
    let taps = p.k_h * p.k_w;
    let few = p.out_c < V::LANES || (taps == 1 && p.out_c + V::LANES <= ROW);
    let table = taps.saturating_mul(p.out_c + V::LANES) <= TABLE;
    few && table && taps > 0 && p.out_c == p.in_c && p.stride_w == 1
}

impl<'a> Lines<'a> {
    /// Of a geometry that [`takes`] has taken.
    pub fn new<V: Vector>(plane: &'a Plane<'a>) -> Self {
        let p = plane.p;
        assert!(takes::<V>(p) && plane.bias.len() == p.out_c);
        assert_eq!(plane.filter.len(), p.k_h * p.k_w * p.out_c);
        let row = p.out_c + V::LANES;
        let mut weights = [0.0; TABLE];
        let taps = plane.filter.chunks_exact(p.out_c);
        for (to, tap) in weights.chunks_exact_mut(row).zip(taps) {
            come_again(tap, to);
        }
        let mut bias = [0.0; ROW];
        come_again(plane.bias, &mut bias[..row]);
        let reach = (p.k_w - 1) * p.dilation_w;
        let first = p.pad_left.min(p.out_w);
        let end = (p.in_w + p.pad_left).saturating_sub(reach).min(p.out_w);
        Lines {
            plane,
            weights,
            bias,
            row,
            columns: match (end.saturating_sub(first)) * p.out_c < V::LANES {
                true => 0..0,
                false => first..end,
            },
        }
    }

    /// The `columns` of row `row` of the output, batch and y counted together, `ky` being the window's rows inside the
    /// image. `out` is the whole row.
    ///
    /// # Safety
    /// The instruction set of `V` must be there, the one that the lines were made for.
    #[inline(always)]
    pub unsafe fn row<V: Vector>(&self, row: usize, ky: Range<usize>, out: &mut [f32]) {
        let p = self.plane.p;
        let len = self.columns.len() * p.out_c;
        if len == 0 {
            return;
        }
        let out = &mut out[self.columns.start * p.out_c..][..len];
        let (b, y) = (row / p.out_h, row % p.out_h);
        let image = b * p.in_h * p.in_w * p.in_c;
        let left = (self.columns.start - p.pad_left) * p.in_c;
        let below = p.dilation_h * p.in_w * p.in_c;
        // May wrap around, above the image, where the window's first rows are not asked for.
        let top = (y * p.stride_h).wrapping_sub(p.pad_top);
        let line = top.wrapping_mul(p.in_w * p.in_c).wrapping_add(image + left);
        if !ky.is_empty() {
            let reach = (p.k_w - 1) * p.dilation_w * p.in_c;
            let first = line.wrapping_add(ky.start * below);
            let last = line.wrapping_add((ky.end - 1) * below);
            assert!(first <= last && last + reach + len <= self.plane.input.len());
        }
        let line = (line, below);
        assert!(self.row == p.out_c + V::LANES && len >= V::LANES);
        let mut at = 0;
        while at < len {
            // SAFETY: the caller promises the instruction set; vectors from `at` on end at or before `len`.
            unsafe {
                if at + SIDE * V::LANES <= len {
                    self.some::<V, SIDE>(at, ky.clone(), line, out);
                    at += SIDE * V::LANES;
                } else {
                    // The last vector may do some channels again.
                    let last = at.min(len - V::LANES);
                    self.some::<V, 1>(last, ky.clone(), line, out);
                    at = last + V::LANES;
                }
            }
        }
    }

    /// `N` vectors from `at` on; `line` is where in the input the first column's first tap of the window's row 0 lies, or
    /// would lie, and how much further that of the next row.
    ///
    /// # Safety
    /// As [`Lines::row`]; `at + N * LANES` elements of the line must be there.
    #[inline(always)]
    unsafe fn some<V: Vector, const N: usize>(
        &self,
        at: usize,
        ky: Range<usize>,
        (line, below): (usize, usize),
        out: &mut [f32],
    ) {
        let p = self.plane.p;
        let mut channels = [at % p.out_c; N];
        for v in 1..N {
            channels[v] = (channels[v - 1] + V::LANES) % p.out_c;
        }
        // SAFETY: `channel + LANES` is less than a row of the weights and of the bias; the input's elements up to the
        // last tap's and those of `out` are there (asserted by `row`).
        unsafe {
            let mut bias = [V::splat(0.0); N];
            for v in 0..N {
                bias[v] = V::load(self.bias.as_ptr().add(channels[v]));
            }
            let mut sums = match V::IN_ORDER {
                true => [V::splat(0.0); N],
                false => bias,
            };
            for ky in ky {
                let from = self
                    .plane
                    .input
                    .as_ptr()
                    .add(line.wrapping_add(ky * below) + at);
                let weights = self.weights.as_ptr().add(ky * p.k_w * self.row);
                for kx in 0..p.k_w {
                    let from = from.add(kx * p.dilation_w * p.in_c);
                    let weights = weights.add(kx * self.row);
                    for v in 0..N {
                        let w = V::load(weights.add(channels[v]));
                        sums[v] = sums[v].fma(V::load(from.add(v * V::LANES)), w);
                    }
                }
            }
            let clamp = self.plane.clamp;
            let (lo, hi) = (V::splat(clamp.lo), V::splat(clamp.hi));
            for v in 0..N {
                let sum = if V::IN_ORDER {
                    sums[v].add(bias[v])
                } else {
                    sums[v]
                };
                sum.clamp(lo, hi)
                    .store(out.as_mut_ptr().add(at + v * V::LANES));
            }
        }
    }
}

fn come_again(values: &[f32], to: &mut [f32]) {
    for (to, value) in to.iter_mut().zip(values.iter().cycle()) {
        *to = *value;
    }
}

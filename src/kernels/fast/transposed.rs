//! TRANSPOSE_CONV on f32 with packed weights: a product of some rows of pixels with all taps at once, whose parts are
//! then added where they belong.

// By index: iterators are functions of their own, compiled without the instruction set of these loops.
#![allow(clippy::needless_range_loop, clippy::manual_memcpy)]

use super::conv::{ConvWeights, PackedConv2d};
use super::pack::FilterView;
use crate::kernels::cpu::{self, Level, by_level};
use crate::kernels::params::{Clamp, Conv2d};
use crate::kernels::threads::Threads;

/// Products that are held at once: they stay in a core's cache.
const HELD: usize = 1 << 15;
/// Bands of rows that an image's output is split into.
const BANDS: usize = 4;
/// Multiply-accumulates of an image below which a second thread costs more than it brings.
const SMALL: usize = 1 << 19;

/// A filter for this processor; kernels of any input sizes share it.
#[derive(Clone)]
pub struct TransposedWeights(ConvWeights);

impl TransposedWeights {
    /// Packs a filter `[k_h, k_w, out_c, in_c]`.
    pub fn new(p: &Conv2d, filter: &[f32]) -> Self {
        Self::with_level(cpu::level(), p, filter)
    }

    /// For one instruction set, which must be there.
    pub fn with_level(level: Level, p: &Conv2d, filter: &[f32]) -> Self {
        let filter = FilterView::from(filter);
        TransposedWeights(ConvWeights::with_level(
            level,
            &products(p, 1),
            filter,
            None,
        ))
    }
}

/// The product of so many pixels with all taps.
fn products(p: &Conv2d, pixels: usize) -> Conv2d {
    Conv2d::product(pixels, p.in_c, p.k_h * p.k_w * p.out_c)
}

/// A transposed convolution on f32 of one geometry, which is that of the convolution that would give the input.
#[derive(Debug, Clone)]
pub struct PackedTransposed {
    p: Conv2d,
    product: PackedConv2d,
    bias: Vec<f32>,
    clamp: Clamp,
    level: Level,
    /// Rows of the input that are multiplied at once.
    strip: usize,
    /// Rows of the output that are worked on by one thread.
    band: usize,
}

impl PackedTransposed {
    /// With a bias `[out_c]`.
    pub fn new(p: &Conv2d, bias: Option<&[f32]>, clamp: Clamp) -> Self {
        Self::with_level(cpu::level(), p, bias, clamp)
    }

    /// For one instruction set, which must be there.
    pub fn with_level(level: Level, p: &Conv2d, bias: Option<&[f32]>, clamp: Clamp) -> Self {
        assert!(level <= cpu::level(), "{level:?} is not there");
        assert!(bias.is_none_or(|b| b.len() == p.out_c), "bias of {p:?}");
        assert_eq!(p.groups, 1, "groups of {p:?}");
        let row = p.in_w * p.k_h * p.k_w * p.out_c;
        let strip = (HELD / row.max(1)).clamp(1, p.in_h.max(1));
        let work = (p.in_h * row).saturating_mul(p.in_c);
        let bands = if work < SMALL { 1 } else { BANDS };
        PackedTransposed {
            p: *p,
            product: PackedConv2d::new(&products(p, strip * p.in_w), Clamp::NONE),
            bias: bias.map_or_else(|| vec![0.0; p.out_c], <[f32]>::to_vec),
            clamp,
            level,
            strip,
            band: p.out_h.div_ceil(bands).max(1),
        }
    }

    /// Products of a strip.
    fn held(&self) -> usize {
        let p = &self.p;
        self.strip * p.in_w * p.k_h * p.k_w * p.out_c
    }

    /// Elements of scratch that [`PackedTransposed::run`] wants.
    pub fn scratch_len(&self) -> usize {
        self.p.out_h.div_ceil(self.band) * self.held()
    }

    /// Convolves `input` into `output`; `scratch` has at least [`PackedTransposed::scratch_len`] elements.
    pub fn run(
        &self,
        weights: &TransposedWeights,
        input: &[f32],
        output: &mut [f32],
        scratch: &mut [f32],
        threads: &Threads,
    ) {
        let p = &self.p;
        assert_eq!(input.len(), p.input_len(), "input of {p:?}");
        assert_eq!(output.len(), p.output_len(), "output of {p:?}");
        let row = p.out_w * p.out_c;
        let (image_in, image_out) = (p.in_h * p.in_w * p.in_c, p.out_h * row);
        if image_out == 0 {
            return;
        }
        for (b, out) in output.chunks_exact_mut(image_out).enumerate() {
            let image = &input[b * image_in..][..image_in];
            let scratch = &mut scratch[..self.scratch_len()];
            let (out, scratch) = ((out, self.band * row), (scratch, self.held()));
            threads.pairs(out, scratch, |band, out, held| {
                self.some_rows(weights, image, band * self.band, out, held);
            });
        }
    }

    /// Rows of one image's output from `first` on.
    fn some_rows(
        &self,
        weights: &TransposedWeights,
        image: &[f32],
        first: usize,
        out: &mut [f32],
        held: &mut [f32],
    ) {
        let p = &self.p;
        begin(self.level, &self.bias, out);
        let row = p.out_w * p.out_c;
        let end = first + out.len() / row;
        // Row y of the input goes to rows from `y * stride - pad` on, `reach` further.
        let reach = p.k_h.saturating_sub(1) * p.dilation_h;
        let ys = (first + p.pad_top)
            .saturating_sub(reach)
            .div_ceil(p.stride_h);
        let last = ((end - 1 + p.pad_top) / p.stride_h + 1).min(p.in_h);
        let products = p.in_w * p.k_h * p.k_w * p.out_c;
        for y in (ys..last).step_by(self.strip) {
            let count = self.strip.min(last - y);
            let from = &image[y * p.in_w * p.in_c..][..count * p.in_w * p.in_c];
            let held = &mut held[..count * products];
            self.product.some_rows(&weights.0, from, held);
            for (y, held) in (y..).zip(held.chunks_exact(products)) {
                for ky in 0..p.k_h {
                    let at = (y * p.stride_h + ky * p.dilation_h).checked_sub(p.pad_top);
                    if let Some(at) = at.filter(|at| (first..end).contains(at)) {
                        let out = &mut out[(at - first) * row..][..row];
                        add(self.level, p, ky, held, out);
                    }
                }
            }
        }
        clamp(self.level, self.clamp, out);
    }
}

by_level! {
    /// What the pixels of a row of the input, multiplied with all taps, add to a row of the output through row `ky` of
    /// the window.
    fn add(p: &Conv2d, ky: usize, held: &[f32], out: &mut [f32]) = add_here
}

#[inline(always)]
fn add_here(p: &Conv2d, ky: usize, held: &[f32], out: &mut [f32]) {
    let (c, taps) = (p.out_c, p.k_h * p.k_w);
    for x in 0..p.in_w {
        let held = &held[(x * taps + ky * p.k_w) * c..][..p.k_w * c];
        let (at, pad) = (x * p.stride_w, p.pad_left);
        // Taps inside the output.
        let kx = pad.saturating_sub(at).div_ceil(p.dilation_w);
        let end = (p.out_w + pad).saturating_sub(at).div_ceil(p.dilation_w);
        let end = end.min(p.k_w);
        if kx >= end {
            continue;
        }
        let to = (at + kx * p.dilation_w - pad) * c;
        if p.dilation_w == 1 {
            sum(&held[kx * c..end * c], &mut out[to..][..(end - kx) * c]);
            continue;
        }
        for kx in kx..end {
            let to = (at + kx * p.dilation_w - pad) * c;
            sum(&held[kx * c..][..c], &mut out[to..][..c]);
        }
    }
}

#[inline(always)]
fn sum(from: &[f32], to: &mut [f32]) {
    let from = &from[..to.len()];
    for i in 0..to.len() {
        to[i] += from[i];
    }
}

by_level! {
    /// The same values again and again.
    fn begin(values: &[f32], out: &mut [f32]) = begin_here
}

#[inline(always)]
fn begin_here(values: &[f32], out: &mut [f32]) {
    let n = values.len();
    for cell in 0..out.len() / n.max(1) {
        let out = &mut out[cell * n..(cell + 1) * n];
        for i in 0..n {
            out[i] = values[i];
        }
    }
}

by_level! {
    fn clamp(to: Clamp, values: &mut [f32]) = Clamp::apply_all
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, values};
    use super::*;
    use crate::kernels::reference::conv::transpose_conv_f32;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn equals_the_reference(
            (batch, in_h, in_w, in_c, out_c) in (1usize..3, 1usize..9, 1usize..9, 1usize..20, 1usize..20),
            (k_h, k_w, stride_h, stride_w) in (1usize..5, 1usize..5, 1usize..4, 1usize..4),
            (dilation_h, dilation_w, pad_top, pad_left) in (1usize..3, 1usize..3, 0usize..4, 0usize..4),
            (more_h, more_w, strip, band) in (0usize..4, 0usize..4, 1usize..4, 1usize..9),
            seed in any::<u32>(),
        ) {
            let out = |len: usize, stride: usize, k: usize, dilation: usize, pad: usize, more: usize| {
                ((len - 1) * stride + (k - 1) * dilation + 1 + more).saturating_sub(2 * pad).max(1)
            };
            let p = Conv2d {
                batch, in_h, in_w, in_c, out_c, k_h, k_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left,
                out_h: out(in_h, stride_h, k_h, dilation_h, pad_top, more_h),
                out_w: out(in_w, stride_w, k_w, dilation_w, pad_left, more_w),
                groups: 1,
            };
            let (input, bias) = (values(seed, p.input_len()), values(seed ^ 1, out_c));
            let filter = values(seed ^ 2, k_h * k_w * out_c * in_c);
            // [out_c, taps, in_c] to [taps, out_c, in_c]
            let turned: Vec<f32> = (0..filter.len())
                .map(|at| {
                    let (i, c, tap) = (at % in_c, at / in_c % out_c, at / in_c / out_c);
                    filter[(c * k_h * k_w + tap) * in_c + i]
                })
                .collect();
            let mut want = vec![0.0; p.output_len()];
            transpose_conv_f32(&p, &input, &filter, Some(&bias), Clamp::RELU, &mut want);
            for level in cpu::levels() {
                let weights = TransposedWeights::with_level(level, &p, &turned);
                let mut kernel = PackedTransposed::with_level(level, &p, Some(&bias), Clamp::RELU);
                for whole in [true, false] {
                    if !whole {
                        kernel.strip = strip.min(in_h);
                        kernel.band = band;
                        kernel.product = PackedConv2d::new(&products(&p, kernel.strip * in_w), Clamp::NONE);
                    }
                    let mut scratch = vec![f32::NAN; kernel.scratch_len()];
                    let mut got = vec![f32::NAN; p.output_len()];
                    kernel.run(&weights, &input, &mut got, &mut scratch, &Threads::new(2));
                    close(&got, &want)?;
                }
            }
        }
    }
}

//! DEPTHWISE_CONV_2D, vectorised over channels, reading the input where it lies.

use std::ops::Range;

use super::depthwise_lines::{self, Lines};
use super::depthwise_tiles::{self, Plane};
use super::vector::{InOrder, Plain, Vector};
use crate::kernels::cpu::{self, Level};
use crate::kernels::params::{Clamp, Conv2d};
use crate::kernels::threads::Threads;

/// Multiply-accumulates below which a second thread costs more than it brings.
const SMALL: usize = 1 << 17;

/// Taps of a window that lie inside the image, along one axis.
pub(super) fn inside(
    at: usize,
    stride: usize,
    pad: usize,
    dilation: usize,
    k: usize,
    len: usize,
) -> Range<usize> {
    let origin = at * stride;
    let first = pad.saturating_sub(origin).div_ceil(dilation);
    let end = (len + pad).saturating_sub(origin).div_ceil(dilation).min(k);
    first.min(end)..end
}

/// What one output cell sees: the input index of tap (0, 0) as if it were there, and the taps inside the image.
pub(super) struct Cell {
    pub origin: isize,
    pub ky: Range<usize>,
    pub kx: Range<usize>,
}

impl Cell {
    /// Output row `row` counts batch and y together.
    #[inline(always)]
    pub fn at(p: &Conv2d, row: usize, x: usize) -> Self {
        let (b, y) = (row / p.out_h, row % p.out_h);
        let iy = (b * p.in_h + y * p.stride_h) as isize - p.pad_top as isize;
        let ix = (x * p.stride_w) as isize - p.pad_left as isize;
        Cell {
            origin: (iy * p.in_w as isize + ix) * p.in_c as isize,
            ky: inside(y, p.stride_h, p.pad_top, p.dilation_h, p.k_h, p.in_h),
            kx: inside(x, p.stride_w, p.pad_left, p.dilation_w, p.k_w, p.in_w),
        }
    }
}

/// Index of the first channel seen through a tap.
#[inline(always)]
pub(super) fn tap_at(p: &Conv2d, origin: isize, ky: usize, kx: usize) -> usize {
    let step = (ky * p.dilation_h * p.in_w + kx * p.dilation_w) * p.in_c;
    origin.wrapping_add_unsigned(step) as usize
}

pub(super) fn check(p: &Conv2d, bias: Option<usize>) {
    assert!(bias.is_none_or(|b| b == p.out_c), "bias of {p:?}");
    assert_eq!(p.out_c % p.in_c.max(1), 0, "channels of {p:?}");
}

/// Splits the output by rows and calls `f(first row, rows)`; `filter` is the filter's length.
pub(super) fn split<O: Send>(
    p: &Conv2d,
    filter: usize,
    threads: &Threads,
    out: &mut [O],
    f: impl Fn(usize, &mut [O]) + Sync,
) {
    assert_eq!(filter, p.k_h * p.k_w * p.out_c, "filter of {p:?}");
    assert_eq!(out.len(), p.output_len(), "output of {p:?}");
    if out.is_empty() {
        return;
    }
    if threads.count() == 1 || out.len() * p.k_h * p.k_w < SMALL {
        f(0, out);
    } else {
        // Rows in pairs, as tiles have them.
        threads.rows(out, p.out_w * p.out_c, 2, f);
    }
}

/// A depthwise convolution on f32 of one geometry; the weights lie as the kernel wants them.
#[derive(Debug, Clone)]
pub struct PackedDepthwise {
    p: Conv2d,
    bias: Vec<f32>,
    clamp: Clamp,
    level: Level,
    in_order: bool,
}

impl PackedDepthwise {
    /// With a bias `[out_c]`.
    pub fn new(p: &Conv2d, bias: Option<&[f32]>, clamp: Clamp) -> Self {
        Self::with_level(cpu::level(), p, bias, clamp)
    }

    /// For one instruction set, which must be there.
    pub fn with_level(level: Level, p: &Conv2d, bias: Option<&[f32]>, clamp: Clamp) -> Self {
        assert!(level <= cpu::level(), "{level:?} is not there");
        check(p, bias.map(<[f32]>::len));
        PackedDepthwise {
            p: *p,
            bias: bias.map_or_else(|| vec![0.0; p.out_c], <[f32]>::to_vec),
            clamp,
            level,
            in_order: false,
        }
    }

    /// For sums that are the very ones of the plain kernel.
    #[must_use]
    pub fn in_order(mut self) -> Self {
        self.in_order = true;
        self
    }

    /// Convolves with a filter `[k_h, k_w, out_c]`; needs no scratch.
    pub fn run(&self, filter: &[f32], input: &[f32], output: &mut [f32], threads: &Threads) {
        assert_eq!(input.len(), self.p.input_len(), "input of {:?}", self.p);
        split(&self.p, filter.len(), threads, output, |first, out| {
            self.some_rows(&self.p, input, filter, first, out)
        });
    }

    pub(super) fn geometry(&self) -> &Conv2d {
        &self.p
    }

    /// Rows from `first` on of a convolution whose geometry `p` is this one's but for the height and the padding above.
    pub(super) fn some_rows(
        &self,
        p: &Conv2d,
        input: &[f32],
        filter: &[f32],
        first: usize,
        out: &mut [f32],
    ) {
        match self.level {
            // SAFETY: the level was checked when packing.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => unsafe { self.rows_avx512(p, input, filter, first, out) },
            // SAFETY: the level was checked when packing.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { self.rows_avx2(p, input, filter, first, out) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Level::Neon | Level::NeonDot => unsafe {
                self.ordered_or_not::<super::vector::arm::Neon>(p, input, filter, first, out);
            },
            // SAFETY: plain Rust needs no instruction set.
            _ => unsafe { self.ordered_or_not::<Plain>(p, input, filter, first, out) },
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f")]
    unsafe fn rows_avx512(
        &self,
        p: &Conv2d,
        input: &[f32],
        filter: &[f32],
        first: usize,
        out: &mut [f32],
    ) {
        // SAFETY: the caller promises the instruction set.
        unsafe { self.ordered_or_not::<super::vector::x86::Avx512>(p, input, filter, first, out) }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn rows_avx2(
        &self,
        p: &Conv2d,
        input: &[f32],
        filter: &[f32],
        first: usize,
        out: &mut [f32],
    ) {
        // SAFETY: the caller promises the instruction set.
        unsafe { self.ordered_or_not::<super::vector::x86::Avx2>(p, input, filter, first, out) }
    }

    /// # Safety
    /// The instruction set of `V` must be there.
    #[inline(always)]
    unsafe fn ordered_or_not<V: Vector>(
        &self,
        p: &Conv2d,
        input: &[f32],
        filter: &[f32],
        first: usize,
        out: &mut [f32],
    ) {
        // SAFETY: the caller promises the instruction set.
        unsafe {
            if self.in_order {
                self.rows::<InOrder<V>>(p, input, filter, first, out);
            } else {
                self.rows::<V>(p, input, filter, first, out);
            }
        }
    }

    /// # Safety
    /// The instruction set of `V` must be there.
    #[inline(always)]
    unsafe fn rows<V: Vector>(
        &self,
        p: &Conv2d,
        input: &[f32],
        filter: &[f32],
        first: usize,
        out: &mut [f32],
    ) {
        let plane = Plane {
            p,
            input,
            filter,
            bias: &self.bias,
            clamp: self.clamp,
        };
        if depthwise_tiles::takes::<V>(p) {
            // SAFETY: the caller promises the instruction set.
            return unsafe { plane.rows::<V>(first, out) };
        }
        if depthwise_lines::takes::<V>(p) {
            let lines = Lines::new::<V>(&plane);
            for (row, out) in (first..).zip(out.chunks_exact_mut(p.out_w * p.out_c)) {
                let ky = Cell::at(p, row, 0).ky;
                // SAFETY: the caller promises the instruction set.
                unsafe { lines.row::<V>(row, ky, out) };
                for x in (0..p.out_w).filter(|x| !lines.columns.contains(x)) {
                    let out = &mut out[x * p.out_c..][..p.out_c];
                    self.plain_cell(p, input, filter, out, &Cell::at(p, row, x));
                }
            }
            return;
        }
        let vectors = p.out_c == p.in_c && p.out_c >= V::LANES;
        for (i, out) in out.chunks_exact_mut(p.out_c).enumerate() {
            let cell = Cell::at(p, first + i / p.out_w, i % p.out_w);
            if !vectors {
                self.plain_cell(p, input, filter, out, &cell);
                continue;
            }
            let mut c = 0;
            while c < p.out_c {
                let left = p.out_c - c;
                // SAFETY: the caller promises the instruction set; the block ends at or before `out_c`.
                unsafe {
                    if left >= 4 * V::LANES {
                        self.block::<V, 4>(p, input, filter, out, &cell, c);
                        c += 4 * V::LANES;
                    } else {
                        // the last block may do some channels again
                        let at = c.min(p.out_c - V::LANES);
                        self.block::<V, 1>(p, input, filter, out, &cell, at);
                        c = at + V::LANES;
                    }
                }
            }
        }
    }

    /// `NV` vectors of channels from `c` on.
    ///
    /// # Safety
    /// The instruction set of `V` must be there.
    #[inline(always)]
    unsafe fn block<V: Vector, const NV: usize>(
        &self,
        p: &Conv2d,
        input: &[f32],
        filter: &[f32],
        out: &mut [f32],
        cell: &Cell,
        c: usize,
    ) {
        let width = NV * V::LANES;
        let bias = &self.bias[c..c + width];
        let out = &mut out[c..c + width];
        // SAFETY: each pointer is that of a slice of `width` values made just before.
        unsafe {
            let bias: [V; NV] = V::load_all(bias.as_ptr());
            let mut sums = if V::IN_ORDER {
                [V::splat(0.0); NV]
            } else {
                bias
            };
            for ky in cell.ky.clone() {
                for kx in cell.kx.clone() {
                    let x = &input[tap_at(p, cell.origin, ky, kx) + c..][..width];
                    let w = &filter[(ky * p.k_w + kx) * p.out_c + c..][..width];
                    for (v, sum) in sums.iter_mut().enumerate() {
                        let at = v * V::LANES;
                        *sum = sum.fma(V::load(x.as_ptr().add(at)), V::load(w.as_ptr().add(at)));
                    }
                }
            }
            let (lo, hi) = (V::splat(self.clamp.lo), V::splat(self.clamp.hi));
            for (v, sum) in sums.iter().enumerate() {
                let sum = if V::IN_ORDER { sum.add(bias[v]) } else { *sum };
                sum.clamp(lo, hi).store(out.as_mut_ptr().add(v * V::LANES));
            }
        }
    }

    fn plain_cell(&self, p: &Conv2d, input: &[f32], filter: &[f32], out: &mut [f32], cell: &Cell) {
        let multiplier = p.out_c / p.in_c;
        match self.in_order {
            true => out.fill(0.0),
            false => out.copy_from_slice(&self.bias),
        }
        for ky in cell.ky.clone() {
            for kx in cell.kx.clone() {
                let x = &input[tap_at(p, cell.origin, ky, kx)..][..p.in_c];
                let w = &filter[(ky * p.k_w + kx) * p.out_c..][..p.out_c];
                if multiplier == 1 {
                    // By index: a zip is a call of its own for each of these few elements.
                    for (i, sum) in out[..p.in_c].iter_mut().enumerate() {
                        *sum += x[i] * w[i];
                    }
                    continue;
                }
                for (i, x) in x.iter().enumerate() {
                    let (from, to) = (i * multiplier, (i + 1) * multiplier);
                    let w = &w[from..to];
                    for (j, sum) in out[from..to].iter_mut().enumerate() {
                        *sum += x * w[j];
                    }
                }
            }
        }
        if self.in_order {
            let bias = self.bias.iter();
            out.iter_mut()
                .zip(bias)
                .for_each(|(sum, bias)| *sum += bias);
        }
        self.clamp.apply_all(out);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{any_conv, close, values};
    use super::*;
    use crate::kernels::reference::conv::depthwise_f32;
    use proptest::prelude::*;

    fn depthwise(p: &Conv2d, multiplier: usize) -> Conv2d {
        Conv2d {
            in_c: p.out_c,
            out_c: p.out_c * multiplier,
            groups: 1,
            ..*p
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn few_channels_equal_the_reference(
            p in any_conv(), channels in 1usize..40, wide in 0usize..40, one in any::<bool>(), seed in any::<u32>()
        ) {
            let k = |k: usize| if one { 1 } else { k };
            let p = Conv2d {
                in_c: channels,
                out_c: channels,
                groups: 1,
                stride_w: 1,
                in_w: p.in_w + wide,
                out_w: p.out_w + wide,
                k_h: k(p.k_h),
                k_w: k(p.k_w),
                ..p
            };
            let (input, filter) = (values(seed, p.input_len()), values(seed ^ 1, p.k_h * p.k_w * p.out_c));
            let bias = values(seed ^ 2, p.out_c);
            let mut want = vec![0.0; p.output_len()];
            depthwise_f32(&p, &input, &filter, Some(&bias), Clamp::RELU6, &mut want);
            for level in cpu::levels() {
                let packed = PackedDepthwise::with_level(level, &p, Some(&bias), Clamp::RELU6);
                let mut got = vec![f32::NAN; p.output_len()];
                packed.run(&filter, &input, &mut got, &Threads::new(2));
                close(&got, &want)?;
                packed.in_order().run(&filter, &input, &mut got, &Threads::new(2));
                prop_assert_eq!(&got, &want);
            }
        }

        #[test]
        fn float_equals_the_reference(p in any_conv(), multiplier in 1usize..3, seed in any::<u32>()) {
            let p = depthwise(&p, multiplier);
            let (input, filter) = (values(seed, p.input_len()), values(seed ^ 1, p.k_h * p.k_w * p.out_c));
            let bias = values(seed ^ 2, p.out_c);
            let mut want = vec![0.0; p.output_len()];
            depthwise_f32(&p, &input, &filter, Some(&bias), Clamp::RELU6, &mut want);
            for level in cpu::levels() {
                let packed = PackedDepthwise::with_level(level, &p, Some(&bias), Clamp::RELU6);
                let mut got = vec![f32::NAN; p.output_len()];
                packed.run(&filter, &input, &mut got, &Threads::new(2));
                close(&got, &want)?;
                packed.in_order().run(&filter, &input, &mut got, &Threads::new(2));
                prop_assert_eq!(&got, &want);
            }
        }
    }
}

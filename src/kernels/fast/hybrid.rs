//! Dynamic range with packed weights: [`crate::kernels::quantized::hybrid`], equal to the bit.

// By index: iterators are functions of their own, compiled without the instruction set of these loops.
#![allow(clippy::needless_range_loop)]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use super::depthwise_int8::DepthwiseInt8Weights;
use super::finish::{Finish, table};
#[cfg(target_arch = "x86_64")]
use super::finish::{Rows, each_row, first_bits, load};
use super::int8::Int8Weights;
use super::int8_sums::{BLOCK, Int8Sums};
use crate::kernels::cpu::{Level, by_level};
use crate::kernels::params::{Clamp, Conv2d};
use crate::kernels::quantized::placing::Placing;
use crate::kernels::quantized::row_scale::{
    Bytes, RowScale, quantize_asymmetric, quantize_rows, quantize_symmetric,
};
use crate::kernels::threads::Threads;

/// Multiply-accumulates of a product below which a second thread costs more than it brings.
const SMALL: usize = 1 << 19;

/// How the scales of input and weight meet the sum; the order decides the last bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scaling {
    /// `sum * (input * weight)`: FULLY_CONNECTED, DEPTHWISE_CONV_2D, CONV_2D with one scale.
    Together,
    /// `sum * weight * input`: CONV_2D with a scale for each channel.
    WeightFirst,
}

impl Scaling {
    /// Of a CONV_2D with so many scales.
    pub fn of_conv(scales: usize) -> Self {
        match scales {
            1 => Scaling::Together,
            _ => Scaling::WeightFirst,
        }
    }
}

/// What follows the sums of a hybrid kernel.
#[derive(Debug, Clone)]
pub struct HybridEpilogue {
    /// Of each channel.
    scales: Vec<f32>,
    bias: Vec<f32>,
    scaling: Scaling,
    clamp: Clamp,
}

impl HybridEpilogue {
    /// `scales` has one element, or one for each of `channels`; no bias counts as zeros.
    pub fn new(
        channels: usize,
        scales: &[f32],
        bias: Option<&[f32]>,
        scaling: Scaling,
        clamp: Clamp,
    ) -> Self {
        assert!(scales.len() == 1 || scales.len() == channels);
        assert!(bias.is_none_or(|b| b.len() == channels));
        let scale = |c: usize| scales[if scales.len() == 1 { 0 } else { c }];
        HybridEpilogue {
            scales: table((0..channels).map(scale), 0.0),
            bias: table((0..channels).map(|c| bias.map_or(0.0, |b| b[c])), 0.0),
            scaling,
            clamp,
        }
    }

    /// Channels `first`, `first + 1`, …, of an input of `scale`; `excess` times an element of `weights` is first taken
    /// off each sum.
    #[inline(always)]
    fn apply(
        &self,
        (first, scale): (usize, f32),
        (excess, weights): (i32, &[i32]),
        sums: &[i32],
        out: &mut [f32],
    ) {
        let n = out.len();
        let (sums, weights) = (&sums[..n], &weights[..n]);
        let (scales, bias) = (&self.scales[first..][..n], &self.bias[first..][..n]);
        let together = self.scaling == Scaling::Together;
        for i in 0..n {
            let sum = sums[i].wrapping_sub(excess.wrapping_mul(weights[i])) as f32;
            let value = match together {
                true => sum * (scale * scales[i]),
                false => sum * scales[i] * scale,
            };
            out[i] = self.clamp.apply(value + bias[i]);
        }
    }
}

by_level! {
    fn epilogue(
        it: &HybridEpilogue,
        place: (usize, f32),
        less: (i32, &[i32]),
        sums: &[i32],
        out: &mut [f32],
    ) = HybridEpilogue::apply
}

/// A [`HybridEpilogue`] with the scales of one run.
struct HybridFinish<'a> {
    epilogue: &'a HybridEpilogue,
    /// Sums of each channel's weights; [`table`].
    weights: &'a [i32],
    /// For each of them, and of the rows that they are for: the scale, and what the sums are too large by in sums of weights.
    scales: &'a [f32],
    excess: &'a [i32],
    rows: usize,
    level: Level,
    /// The excess, where all have the same.
    common: Option<i32>,
}

impl<'a> HybridFinish<'a> {
    fn new(
        epilogue: &'a HybridEpilogue,
        weights: (&'a [i32], Level),
        scales: &'a [f32],
        excess: &'a [i32],
        rows: usize,
    ) -> Self {
        let first = excess[0];
        HybridFinish {
            epilogue,
            weights: weights.0,
            scales,
            excess,
            rows,
            level: weights.1,
            common: excess.iter().all(|&e| e == first).then_some(first),
        }
    }

    /// Of the scale of a row; a division takes as long as some steps of its sum.
    #[inline(always)]
    fn number(&self, row: usize) -> usize {
        match (self.rows, self.scales.len()) {
            (1, _) => row,
            (_, 1) => 0,
            (rows, _) => row / rows,
        }
    }
}

impl Finish for HybridFinish<'_> {
    type Out = f32;
    const TALL: bool = true;

    #[inline]
    fn apply(&self, row: usize, channel: usize, sums: &[i32], out: &mut [f32]) {
        let number = self.number(row);
        let place = (channel, self.scales[number]);
        let less = (self.excess[number], &self.weights[channel..]);
        epilogue(self.level, self.epilogue, place, less, sums, out);
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn begin<const NV: usize>(&self, channel: usize) -> [__m512i; NV] {
        // SAFETY: the caller promises the instruction set and a channel; the table goes on behind the last one.
        unsafe {
            let mut first = [_mm512_setzero_si512(); NV];
            if let Some(excess) = self.common {
                let weights = load::<NV>(self.weights, channel);
                for v in 0..NV {
                    first[v] = _mm512_mullo_epi32(_mm512_set1_epi32(-excess), weights[v]);
                }
            }
            first
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn store<const MR: usize, const NV: usize>(
        &self,
        row: usize,
        channel: usize,
        sums: &[[__m512i; NV]; MR],
        columns: usize,
        out: Rows<f32>,
    ) {
        let mut sums = *sums;
        if self.common.is_none() {
            // SAFETY: the caller promises the instruction set and a channel; the table goes on behind the last one.
            unsafe {
                let weights = load::<NV>(self.weights, channel);
                each_row!(r in MR {
                    let excess = _mm512_set1_epi32(self.excess[self.number(row + r)]);
                    for v in 0..NV {
                        let less = _mm512_mullo_epi32(excess, weights[v]);
                        sums[r][v] = _mm512_sub_epi32(sums[r][v], less);
                    }
                });
            }
        }
        let it = self.epilogue;
        // SAFETY: the caller promises the instruction set, a channel and room for the columns; tables go on behind the
        // last channel. Clamping: max and min return their second operand when one is NaN, so the value stands second.
        unsafe {
            let (lo, hi) = (_mm512_set1_ps(it.clamp.lo), _mm512_set1_ps(it.clamp.hi));
            each_row!(r in MR {
                let scale = _mm512_set1_ps(self.scales[self.number(row + r)]);
                for v in 0..NV {
                    let at = channel + 16 * v;
                    let sum = _mm512_cvtepi32_ps(sums[r][v]);
                    let own = _mm512_loadu_ps(it.scales.as_ptr().add(at));
                    let value = match it.scaling {
                        Scaling::Together => _mm512_mul_ps(sum, _mm512_mul_ps(scale, own)),
                        Scaling::WeightFirst => _mm512_mul_ps(_mm512_mul_ps(sum, own), scale),
                    };
                    let value = _mm512_add_ps(value, _mm512_loadu_ps(it.bias.as_ptr().add(at)));
                    let value = _mm512_min_ps(hi, _mm512_max_ps(lo, value));
                    let to = out.row(r).wrapping_add(16 * v);
                    if columns >= 16 * v + 16 {
                        _mm512_storeu_ps(to, value);
                    } else {
                        let mask = first_bits(columns.saturating_sub(16 * v)) as u16;
                        _mm512_mask_storeu_ps(to, mask, value);
                    }
                }
            });
        }
    }
}

/// A convolution (or FULLY_CONNECTED, as [`Conv2d::product`] sees it) of one geometry with float activations and int8
/// weights.
#[derive(Clone)]
pub struct PackedHybrid {
    sums: Int8Sums,
    epilogue: HybridEpilogue,
    asymmetric: bool,
    /// Rows of the output that share a scale.
    rows: usize,
}

/// Memory that a [`PackedHybrid`] works in.
pub struct HybridRoom<'r> {
    /// The quantized input: as many as the input has.
    pub quantized: &'r mut [i8],
    /// One for each scale.
    pub scales: &'r mut [f32],
    pub zeros: &'r mut [i32],
    pub prepared: &'r mut [u8],
}

impl PackedHybrid {
    /// One scale for every `rows` rows of the output: an image's, or one where it is FULLY_CONNECTED.
    pub fn new(
        p: &Conv2d,
        weights: &Int8Weights,
        epilogue: HybridEpilogue,
        asymmetric: bool,
        rows: usize,
    ) -> Self {
        let sums = Int8Sums::new(p, weights);
        assert!(rows > 0 && (p.output_len() / p.out_c).is_multiple_of(rows));
        PackedHybrid {
            sums,
            epilogue,
            asymmetric,
            rows,
        }
    }

    /// How many scales the input has.
    pub fn scales(&self) -> usize {
        let p = self.sums.conv();
        p.output_len() / p.out_c / self.rows
    }

    /// Bytes of [`HybridRoom::prepared`].
    pub fn prepared_len(&self) -> usize {
        self.sums.prepared_len()
    }

    pub fn run(
        &self,
        weights: &Int8Weights,
        input: &[f32],
        output: &mut [f32],
        room: HybridRoom,
        threads: &Threads,
    ) {
        let p = self.sums.conv();
        assert_eq!(input.len(), p.input_len(), "input of {p:?}");
        assert_eq!(output.len(), p.output_len(), "output of {p:?}");
        let rows = output.len() / p.out_c.max(1);
        let one = threads.count() == 1 || output.len() * p.in_c < SMALL;
        if self.rows == 1 && self.sums.is_product() && (one || rows >= 4 * threads.count()) {
            let tile = Int8Sums::tile_rows::<HybridFinish>(weights, rows);
            let piece = match one {
                true => rows,
                false => rows.div_ceil(4 * threads.count()).next_multiple_of(tile),
            };
            let prepared = &mut room.prepared[..input.len()];
            let (out, prepared) = ((output, piece * p.out_c), (prepared, piece * p.in_c));
            return threads.pairs(out, prepared, |index, out, prepared| {
                let input = &input[index * piece * p.in_c..][..prepared.len()];
                self.some_rows(weights, input, prepared, out);
            });
        }
        let each = input.len() / self.scales();
        let HybridRoom {
            quantized,
            scales,
            zeros,
            prepared,
        } = room;
        if let ([scale], true) = (&mut *scales, self.sums.has_bytes(Placing::GRAIN)) {
            let placing = Placing::of(self.asymmetric, input, Bytes::Raised, threads);
            let RowScale { zero, scale: own } = placing.row;
            let write = |from: &[f32], to: &mut [u8]| placing.write(from, to);
            self.sums
                .prepare_bytes(input, |_| zero, prepared, threads, write);
            *scale = own;
            let of = (&*weights.sums, weights.level);
            let excess = [self.sums.excess(zero)];
            let finish = HybridFinish::new(&self.epilogue, of, scales, &excess, self.rows);
            return self.sums.run(weights, prepared, output, threads, &finish);
        }
        let parts = input
            .chunks_exact(each)
            .zip(quantized.chunks_exact_mut(each));
        for ((x, q), (scale, zero)) in parts.zip(scales.iter_mut().zip(zeros.iter_mut())) {
            let row = match self.asymmetric {
                true => quantize_asymmetric(x, q),
                false => quantize_symmetric(x, q),
            };
            (*scale, *zero) = (row.scale, row.zero);
        }
        // Where an image has many scales, it is a list of rows and has no padding.
        let zero = |image: usize| zeros.get(image).copied().unwrap_or(0);
        self.sums.prepare(quantized, zero, prepared, threads);
        for zero in zeros.iter_mut() {
            *zero = self.sums.excess(*zero);
        }
        let of = (&*weights.sums, weights.level);
        let finish = HybridFinish::new(&self.epilogue, of, scales, zeros, self.rows);
        self.sums.run(weights, prepared, output, threads, &finish);
    }
}

impl PackedHybrid {
    /// Where each row of a product has a scale: quantizes rows and multiplies them while they are near.
    fn some_rows(
        &self,
        weights: &Int8Weights,
        input: &[f32],
        prepared: &mut [u8],
        out: &mut [f32],
    ) {
        let (depth, units) = (self.sums.conv().in_c, self.sums.conv().out_c);
        let mut rows = [RowScale::default(); BLOCK];
        let (mut scales, mut excess) = ([0.0; BLOCK], [0; BLOCK]);
        let inputs = input
            .chunks(BLOCK * depth)
            .zip(prepared.chunks_mut(BLOCK * depth));
        for ((input, prepared), out) in inputs.zip(out.chunks_mut(BLOCK * units)) {
            let rows = &mut rows[..input.len() / depth];
            quantize_rows(
                self.asymmetric,
                (input, depth),
                Bytes::Raised,
                prepared,
                rows,
            );
            for (at, row) in rows.iter().enumerate() {
                (scales[at], excess[at]) = (row.scale, self.sums.excess(row.zero));
            }
            let of = (&*weights.sums, weights.level);
            let count = rows.len();
            let (scales, excess) = (&scales[..count], &excess[..count]);
            let finish = HybridFinish::new(&self.epilogue, of, scales, excess, 1);
            self.sums.product(weights, prepared, out, &finish);
        }
    }
}

/// DEPTHWISE_CONV_2D with float activations and an int8 filter.
#[derive(Clone)]
pub struct HybridDepthwise {
    p: Conv2d,
    epilogue: HybridEpilogue,
}

impl HybridDepthwise {
    pub fn new(p: &Conv2d, epilogue: HybridEpilogue) -> Self {
        HybridDepthwise { p: *p, epilogue }
    }

    /// `image` holds one quantized image.
    pub fn run(
        &self,
        weights: &DepthwiseInt8Weights,
        input: &[f32],
        output: &mut [f32],
        image: &mut [i8],
        threads: &Threads,
    ) {
        let p = &self.p;
        assert_eq!(input.len(), p.input_len(), "input of {p:?}");
        assert_eq!(output.len(), p.output_len(), "output of {p:?}");
        let one = Conv2d { batch: 1, ..*p };
        let image = &mut image[..one.input_len()];
        let outputs = output.chunks_exact_mut(one.output_len());
        for (x, out) in input.chunks_exact(image.len()).zip(outputs) {
            let row = quantize_asymmetric(x, image);
            let image = &*image;
            let of = (&*weights.sums, weights.level);
            let (scale, excess) = ([row.scale], [weights.excess(&one, row.zero)]);
            let finish = HybridFinish::new(&self.epilogue, of, &scale, &excess, usize::MAX);
            threads.rows(out, p.out_w * p.out_c, 1, |first, part| {
                weights.rows(&one, row.zero, image, (first, part), &finish);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{any_conv, bytes, values};
    use super::*;
    use crate::kernels::cpu;
    use crate::kernels::quantized::hybrid::{self, HybridWeights};
    use proptest::prelude::*;

    const RELU6: Clamp = Clamp::RELU6;

    fn run(kernel: &PackedHybrid, weights: &Int8Weights, x: &[f32], out: &mut [f32]) {
        let mut quantized = vec![0; x.len()];
        let (mut scales, mut zeros) = (vec![0.0; kernel.scales()], vec![0; kernel.scales()]);
        let mut prepared = vec![0xaa; kernel.prepared_len()];
        let room = HybridRoom {
            quantized: &mut quantized,
            scales: &mut scales,
            zeros: &mut zeros,
            prepared: &mut prepared,
        };
        kernel.run(weights, x, out, room, &Threads::new(2));
    }

    fn scales(seed: u32, count: usize) -> Vec<f32> {
        values(seed, count).iter().map(|v| v.abs() + 0.01).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn convolution_equals_the_plain_one(p in any_conv(), seed in any::<u32>(), per_channel in any::<bool>()) {
            let (x, filter) = (values(seed, p.input_len()), bytes(seed ^ 1, p.filter_len()));
            let scales = scales(seed ^ 2, if per_channel { p.out_c } else { 1 });
            // One channel has one scale in all.
            let per_channel = scales.len() > 1;
            let bias = values(seed ^ 3, p.out_c);
            let plain = HybridWeights { values: &filter, scales: &scales, bias: Some(&bias) };
            let (mut want, mut image) = (vec![0.0; p.output_len()], vec![0; p.in_h * p.in_w * p.in_c]);
            hybrid::conv2d(&p, &x, plain, RELU6, &mut image, &mut want);
            for level in cpu::levels() {
                let weights = Int8Weights::with_level(level, &p, &filter, 0);
                let epilogue = HybridEpilogue::new(p.out_c, &scales, Some(&bias), Scaling::of_conv(scales.len()), RELU6);
                let kernel = PackedHybrid::new(&p, &weights, epilogue, per_channel, p.out_h * p.out_w);
                let mut got = vec![0.0; p.output_len()];
                run(&kernel, &weights, &x, &mut got);
                prop_assert_eq!(&got, &want);
            }
        }

        #[test]
        fn pixels_that_no_window_sees_make_no_difference(
            (batch, in_h, in_w) in (1usize..3, 2usize..8, 2usize..8),
            (stride_h, stride_w, wide, k_h) in (1usize..3, 1usize..3, 1usize..3, 1usize..3),
            seed in any::<u32>(),
        ) {
            let p = Conv2d {
                batch, in_h, in_w, in_c: 64 * wide, out_c: 5, k_h, k_w: 1, stride_h, stride_w,
                out_h: (in_h - k_h) / stride_h + 1, out_w: (in_w - 1) / stride_w + 1,
                dilation_h: 1, dilation_w: 1, pad_top: 0, pad_left: 0, groups: 1,
            };
            let (x, filter) = (values(seed, p.input_len()), bytes(seed ^ 1, p.filter_len()));
            let plain = HybridWeights { values: &filter, scales: &[0.3], bias: None };
            let (mut want, mut image) = (vec![0.0; p.output_len()], vec![0; p.in_h * p.in_w * p.in_c]);
            hybrid::conv2d(&p, &x, plain, RELU6, &mut image, &mut want);
            for level in cpu::levels() {
                let weights = Int8Weights::with_level(level, &p, &filter, 0);
                let epilogue = HybridEpilogue::new(p.out_c, &[0.3], None, Scaling::of_conv(1), RELU6);
                let kernel = PackedHybrid::new(&p, &weights, epilogue, false, p.out_h * p.out_w);
                let mut got = vec![0.0; p.output_len()];
                run(&kernel, &weights, &x, &mut got);
                prop_assert_eq!(&got, &want);
            }
        }

        #[test]
        fn rows_times_a_matrix_equal_the_plain_ones(
            (batch, depth, units) in (1usize..70, 1usize..200, 1usize..80),
            seed in any::<u32>(),
            asymmetric in any::<bool>(),
        ) {
            let (x, filter) = (values(seed, batch * depth), bytes(seed ^ 1, depth * units));
            let scales = scales(seed ^ 2, units);
            let plain = HybridWeights { values: &filter, scales: &scales, bias: None };
            let mut want = vec![0.0; batch * units];
            hybrid::fully_connected(depth, asymmetric, &x, plain, Clamp::FINITE, &mut vec![0; depth], &mut want);
            let p = Conv2d::product(batch, depth, units);
            for level in cpu::levels() {
                let weights = Int8Weights::with_level(level, &p, &filter, 0);
                let epilogue = HybridEpilogue::new(units, &scales, None, Scaling::Together, Clamp::FINITE);
                let kernel = PackedHybrid::new(&p, &weights, epilogue, asymmetric, 1);
                let mut got = vec![0.0; batch * units];
                run(&kernel, &weights, &x, &mut got);
                prop_assert_eq!(&got, &want);
            }
        }

        #[test]
        fn depthwise_equals_the_plain_one(p in any_conv(), multiplier in 1usize..3, seed in any::<u32>()) {
            let p = Conv2d { out_c: p.in_c * multiplier, groups: p.in_c, ..p };
            let (x, filter) = (values(seed, p.input_len()), bytes(seed ^ 1, p.k_h * p.k_w * p.out_c));
            let scales = scales(seed ^ 2, p.out_c);
            let bias = values(seed ^ 3, p.out_c);
            let plain = HybridWeights { values: &filter, scales: &scales, bias: Some(&bias) };
            let (mut want, mut image) = (vec![0.0; p.output_len()], vec![0; p.in_h * p.in_w * p.in_c]);
            hybrid::depthwise(&p, &x, plain, RELU6, &mut image, &mut want);
            for level in cpu::levels() {
                let epilogue = HybridEpilogue::new(p.out_c, &scales, Some(&bias), Scaling::Together, RELU6);
                let weights = DepthwiseInt8Weights::with_level(level, &p, &filter, 0);
                let mut got = vec![0.0; p.output_len()];
                HybridDepthwise::new(&p, epilogue).run(&weights, &x, &mut got, &mut image, &Threads::new(2));
                prop_assert_eq!(&got, &want);
            }
        }
    }
}

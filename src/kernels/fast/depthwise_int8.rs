//! DEPTHWISE_CONV_2D on int8 and uint8; answers equal the reference's to the bit.

use super::byte::Byte;
use super::depthwise::{Cell, check, split, tap_at};
#[cfg(target_arch = "x86_64")]
use super::depthwise_vnni::Packed;
use super::epilogue::Epilogue;
use super::finish::{Finish, table};
use crate::kernels::cpu::{self, Level, by_level};
use crate::kernels::params::Conv2d;
use crate::kernels::requant::Requant;
use crate::kernels::threads::Threads;

/// Channels whose sums are held at once.
const CHANNELS: usize = 64;

/// An 8-bit filter `[k_h, k_w, out_c]` for this processor; kernels of any input sizes share it.
#[derive(Clone)]
pub struct DepthwiseInt8Weights {
    filter: Filter,
    /// Of each output channel's weights.
    pub(super) sums: Vec<i32>,
    /// The largest sum of each output channel, without its bias.
    largest: Vec<i64>,
    #[cfg(target_arch = "x86_64")]
    packed: Option<Packed>,
    pub(super) level: Level,
}

/// Weights less their zero point.
#[derive(Clone)]
enum Filter {
    Bytes(Vec<i8>),
    /// Up to 255 in size.
    Words(Vec<i16>),
}

impl Filter {
    fn len(&self) -> usize {
        match self {
            Filter::Bytes(weights) => weights.len(),
            Filter::Words(weights) => weights.len(),
        }
    }
}

impl DepthwiseInt8Weights {
    /// `zero` is the filter's zero point, a number of its type.
    pub fn new<B: Byte>(p: &Conv2d, filter: &[B], zero: i32) -> Self {
        Self::with_level(cpu::level(), p, filter, zero)
    }

    /// For one instruction set, which must be there.
    pub fn with_level<B: Byte>(level: Level, p: &Conv2d, filter: &[B], zero: i32) -> Self {
        assert!(level <= cpu::level(), "{level:?} is not there");
        assert_eq!(filter.len(), p.k_h * p.k_w * p.out_c, "filter of {p:?}");
        let weights: Vec<i16> = filter.iter().map(|&w| (w.into() - zero) as i16).collect();
        let of = |c: usize| weights[c..].iter().step_by(p.out_c).map(|&w| i32::from(w));
        let sums = table((0..p.out_c).map(|c| of(c).sum()), 0);
        let size = |c: usize| of(c).map(|w| i64::from(w.abs())).sum();
        let largest = (0..p.out_c).map(size).map(|size: i64| 255 * size).collect();
        #[cfg(target_arch = "x86_64")]
        let packed = (level == Level::Avx512 && cpu::has_vnni())
            .then(|| Packed::new(p, &weights))
            .flatten();
        let bytes: Result<Vec<i8>, _> = weights.iter().map(|&w| i8::try_from(w)).collect();
        DepthwiseInt8Weights {
            filter: bytes.map_or(Filter::Words(weights), Filter::Bytes),
            sums,
            largest,
            #[cfg(target_arch = "x86_64")]
            packed,
            level,
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn packed(&self, p: &Conv2d) -> Option<&Packed> {
        self.packed.as_ref().filter(|packed| packed.takes(p))
    }

    /// What the sums are too large by, in sums of a channel's weights, where the activations have this zero point.
    pub(super) fn excess(&self, p: &Conv2d, zero: i32) -> i32 {
        #[cfg(target_arch = "x86_64")]
        if self.packed(p).is_some() {
            return 128 + zero;
        }
        let _ = (p, zero);
        0
    }

    /// Output rows from `first` on, images counted through; `zero` is the input's zero point, in int8.
    pub(super) fn rows<B: Byte, F: Finish>(
        &self,
        p: &Conv2d,
        zero: i32,
        input: &[B],
        (first, out): (usize, &mut [F::Out]),
        finish: &F,
    ) {
        #[cfg(target_arch = "x86_64")]
        if let Some(packed) = self.packed(p) {
            return packed.run(p, (zero + 128) as u8, input, (first, out), finish);
        }
        let first = first * p.out_w;
        for (number, out) in out.chunks_exact_mut(p.out_c).enumerate() {
            let number = first + number;
            let cell = Cell::at(p, number / p.out_w, number % p.out_w);
            for (at, out) in out.chunks_mut(CHANNELS).enumerate() {
                let mut sums = [0; CHANNELS];
                let (c, sums) = (at * CHANNELS, &mut sums[..out.len()]);
                let input = (bytemuck::cast_slice(input), B::MORE as u8);
                match &self.filter {
                    Filter::Bytes(w) => bytes(self.level, p, zero, input, w, (&cell, c), sums),
                    Filter::Words(w) => words(self.level, p, zero, input, w, (&cell, c), sums),
                }
                finish.apply(number, c, sums, out);
            }
        }
    }
}

/// Sums of the channels from `c` on. `product` multiplies an input less its zero point and a weight.
#[inline(always)]
fn cell_sums<W: Copy>(
    p: &Conv2d,
    zero: i32,
    (input, more): (&[u8], u8),
    filter: &[W],
    (cell, c): (&Cell, usize),
    sums: &mut [i32],
    product: impl Fn(i16, W) -> i32,
) {
    let (n, multiplier) = (sums.len(), p.out_c / p.in_c);
    let less = |x: u8| i16::from(x.wrapping_sub(more) as i8) - zero as i16;
    for ky in cell.ky.clone() {
        for kx in cell.kx.clone() {
            let w = &filter[(ky * p.k_w + kx) * p.out_c + c..][..n];
            let x = tap_at(p, cell.origin, ky, kx);
            if multiplier > 1 {
                for i in 0..n {
                    sums[i] += product(less(input[x + (c + i) / multiplier]), w[i]);
                }
                continue;
            }
            let x = &input[x + c..][..n];
            for i in 0..n {
                sums[i] += product(less(x[i]), w[i]);
            }
        }
    }
}

#[inline(always)]
fn byte_sums(
    p: &Conv2d,
    zero: i32,
    input: (&[u8], u8),
    filter: &[i8],
    place: (&Cell, usize),
    sums: &mut [i32],
) {
    // at most 255 * 128, which 16 bits hold
    let product = |x: i16, w: i8| i32::from(x * i16::from(w));
    cell_sums(p, zero, input, filter, place, sums, product);
}

#[inline(always)]
fn word_sums(
    p: &Conv2d,
    zero: i32,
    input: (&[u8], u8),
    filter: &[i16],
    place: (&Cell, usize),
    sums: &mut [i32],
) {
    let product = |x: i16, w: i16| i32::from(x) * i32::from(w);
    cell_sums(p, zero, input, filter, place, sums, product);
}

by_level! {
    fn bytes(
        p: &Conv2d,
        zero: i32,
        input: (&[u8], u8),
        filter: &[i8],
        place: (&Cell, usize),
        sums: &mut [i32],
    ) = byte_sums
}

by_level! {
    fn words(
        p: &Conv2d,
        zero: i32,
        input: (&[u8], u8),
        filter: &[i16],
        place: (&Cell, usize),
        sums: &mut [i32],
    ) = word_sums
}

/// A depthwise convolution on int8 or uint8 of one geometry.
#[derive(Debug, Clone)]
pub struct PackedDepthwiseInt8 {
    p: Conv2d,
    zero: i32,
    epilogue: Epilogue,
}

impl PackedDepthwiseInt8 {
    /// With a bias `[out_c]`; `zero` is the input's zero point, and that of `requant` the output's, in int8. `None` for
    /// 64-bit sums, and for sums that leave 32 bits.
    pub fn new(
        p: &Conv2d,
        weights: &DepthwiseInt8Weights,
        bias: Option<&[i64]>,
        zero: i32,
        requant: &Requant,
    ) -> Option<Self> {
        check(p, bias.map(<[i64]>::len));
        let own = |c: usize| bias.map_or(0, |b| b[c]);
        let less = |c: usize| weights.excess(p, zero).wrapping_mul(weights.sums[c]);
        let largest = |c: usize| own(c).abs().saturating_add(weights.largest[c]);
        if (0..p.out_c).any(|c| largest(c) > i64::from(i32::MAX)) {
            return None;
        }
        let epilogue = Epilogue::new(
            weights.level,
            requant,
            p.out_c,
            |c| (own(c) as i32).wrapping_sub(less(c)),
            largest,
        )?;
        Some(PackedDepthwiseInt8 {
            p: *p,
            zero,
            epilogue,
        })
    }

    /// Convolves with the weights that the kernel was made for; needs no scratch.
    pub fn run<B: Byte>(
        &self,
        weights: &DepthwiseInt8Weights,
        input: &[B],
        output: &mut [B],
        threads: &Threads,
    ) {
        let p = &self.p;
        assert_eq!(input.len(), p.input_len(), "input of {p:?}");
        split(p, weights.filter.len(), threads, output, |first, out| {
            let signed = bytemuck::cast_slice_mut(out);
            weights.rows(p, self.zero, input, (first, signed), &self.epilogue);
            B::restore(weights.level, out);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{any_conv, bytes, values};
    use super::*;
    use crate::kernels::reference::conv::{ZeroPoints, depthwise_quantized};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn equals_the_reference_to_the_bit(
            p in any_conv(),
            channels in prop_oneof![1usize..20, 40usize..140],
            (k_h, k_w) in prop_oneof![(1usize..4, 1usize..4), (3usize..7, 3usize..7), Just((9, 2))],
            multiplier in prop_oneof![Just(1usize), Just(1), 2usize..4],
            wide in prop_oneof![Just(0usize), 60usize..150],
            seed in any::<u32>(),
            zero in -128i32..128,
            filter_zero in prop_oneof![0i32..256, Just(0), Just(255)],
        ) {
            let p = Conv2d {
                in_c: channels,
                out_c: channels * multiplier,
                groups: 1,
                in_w: p.in_w + wide,
                out_w: p.out_w + wide / p.stride_w,
                k_h,
                k_w,
                dilation_w: if wide == 77 { 40 } else { p.dilation_w },
                ..p
            };
            let (input, filter) = (bytes(seed, p.input_len()), bytes(seed ^ 1, p.k_h * p.k_w * p.out_c));
            let bias: Vec<i64> = bytes(seed ^ 2, p.out_c).iter().map(|&b| i64::from(b) * 50).collect();
            let factors: Vec<f64> = values(seed ^ 3, p.out_c).iter().map(|v| 0.002 + f64::from(v.abs()) * 0.02).collect();
            let requant = Requant::fixed(&factors, 3, (-100, 127));
            let mut want = vec![0i8; p.output_len()];
            let zeros = ZeroPoints { input: zero, filter: 0 };
            depthwise_quantized(&p, &input, &filter, Some(&bias), zeros, &requant, &mut want);
            for level in cpu::levels() {
                let weights = DepthwiseInt8Weights::with_level(level, &p, &filter, 0);
                let packed = PackedDepthwiseInt8::new(&p, &weights, Some(&bias), zero, &requant).unwrap();
                let mut got = vec![0i8; p.output_len()];
                packed.run(&weights, &input, &mut got, &Threads::new(2));
                prop_assert_eq!(&got, &want);
            }
            // The same bits as uint8, the weights with a zero point of their own.
            let unsigned = |values: &[i8]| -> Vec<u8> { values.iter().map(|&v| v as u8).collect() };
            let (input, filter) = (unsigned(&input), unsigned(&filter));
            let zeros = ZeroPoints { input: zero + 128, filter: filter_zero };
            let requant = Requant::fixed(&factors, 131, (28, 255));
            let mut want = vec![0u8; p.output_len()];
            depthwise_quantized(&p, &input, &filter, Some(&bias), zeros, &requant, &mut want);
            let requant = Requant::fixed(&factors, 3, (-100, 127));
            for level in cpu::levels() {
                let weights = DepthwiseInt8Weights::with_level(level, &p, &filter, filter_zero);
                let packed = PackedDepthwiseInt8::new(&p, &weights, Some(&bias), zero, &requant).unwrap();
                let mut got = vec![0u8; p.output_len()];
                packed.run(&weights, &input, &mut got, &Threads::new(2));
                prop_assert_eq!(&got, &want);
            }
        }
    }
}

//! QUANTIZE and DEQUANTIZE.

use crate::kernels::cpu::{self, by_level};
use crate::kernels::elementwise::map;
use crate::kernels::fixed::Multiplier;
use crate::kernels::params::Rules;
use crate::kernels::requant::Quantized;

/// `round(x / scale) + zero`, half away from zero, clamped. NaN and what does not fit an i32 count as the least i32, and
/// the sum wraps: as in TensorFlow Lite's kernels they all, infinities of both signs too, give the largest value where
/// the zero point is negative, else the smallest.
#[inline(always)]
pub fn quantize_one<T: Quantized>(x: f32, scale: f32, zero: i32) -> T {
    quantize_within(x, scale, zero, (T::LO, T::HI))
}

/// [`quantize_one`] clamped to a part of the type's range.
#[inline(always)]
pub fn quantize_within<T: Quantized>(x: f32, scale: f32, zero: i32, (lo, hi): (i32, i32)) -> T {
    let rounded = (x / scale).round();
    let fits = rounded >= i32::MIN as f32 && rounded < -(i32::MIN as f32);
    let whole = if fits { rounded as i32 } else { i32::MIN };
    T::from_i32(whole.wrapping_add(zero).clamp(lo, hi))
}

/// QUANTIZE f32 to an integer type.
pub fn quantize<T: Quantized>(x: &[f32], scale: f32, zero: i32, out: &mut [T]) {
    #[cfg(target_arch = "x86_64")]
    if super::convert512::quantize(x, scale, zero, out) {
        return;
    }
    quantize_plain(x, scale, zero, out);
}

/// [`quantize`] as it reads.
pub fn quantize_plain<T: Quantized>(x: &[f32], scale: f32, zero: i32, out: &mut [T]) {
    quantize_all(cpu::level(), x, scale, zero, out);
}

#[inline(always)]
fn quantize_each<T: Quantized>(x: &[f32], scale: f32, zero: i32, out: &mut [T]) {
    let x = &x[..out.len()];
    for (i, out) in out.iter_mut().enumerate() {
        *out = quantize_one(x[i], scale, zero);
    }
}

by_level! {
    fn quantize_all<T: Quantized>(x: &[f32], scale: f32, zero: i32, out: &mut [T]) = quantize_each
}

/// DEQUANTIZE: `scale * (q - zero)`.
pub fn dequantize<T: Quantized>(q: &[T], scale: f32, zero: i32, out: &mut [f32]) {
    dequantize_all(cpu::level(), q, scale, zero, out);
}

#[inline(always)]
fn dequantize_each<T: Quantized>(q: &[T], scale: f32, zero: i32, out: &mut [f32]) {
    let q = &q[..out.len()];
    for (i, out) in out.iter_mut().enumerate() {
        *out = scale * (q[i].into() - zero) as f32;
    }
}

by_level! {
    fn dequantize_all<T: Quantized>(q: &[T], scale: f32, zero: i32, out: &mut [f32]) = dequantize_each
}

/// DEQUANTIZE with one scale (and zero point) per channel; `inner` elements lie between channels, so that element
/// `i` belongs to channel `i / inner % channels`. An empty `zeros` means 0.
pub fn dequantize_channels<T: Quantized>(
    q: &[T],
    scales: &[f32],
    zeros: &[i32],
    inner: usize,
    out: &mut [f32],
) {
    assert_eq!(q.len(), out.len());
    let inner = inner.max(1);
    for (block, (q, out)) in q.chunks(inner).zip(out.chunks_mut(inner)).enumerate() {
        let channel = block % scales.len();
        let zero = zeros.get(channel).copied().unwrap_or(0);
        dequantize(q, scales[channel], zero, out);
    }
}

/// QUANTIZE with one scale (and zero point) per channel; see [`dequantize_channels`].
pub fn quantize_channels<T: Quantized>(
    x: &[f32],
    scales: &[f32],
    zeros: &[i32],
    inner: usize,
    out: &mut [T],
) {
    assert_eq!(x.len(), out.len());
    let inner = inner.max(1);
    for (block, (x, out)) in x.chunks(inner).zip(out.chunks_mut(inner)).enumerate() {
        let channel = block % scales.len();
        let zero = zeros.get(channel).copied().unwrap_or(0);
        quantize(x, scales[channel], zero, out);
    }
}

/// QUANTIZE from one integer type to another, with (scale, zero point) of each.
pub fn requantize<T: Quantized, O: Quantized>(
    q: &[T],
    (scale, zero): (f32, i32),
    (out_scale, out_zero): (f32, i32),
    out: &mut [O],
) {
    let multiplier = Multiplier::new(f64::from(scale) / f64::from(out_scale));
    map(q, out, |q| {
        let value = multiplier.apply(q.into() - zero).wrapping_add(out_zero);
        O::from_i32(value.clamp(O::LO, O::HI))
    });
}

/// QUANTIZE from i32 sums.
pub fn requantize_i32<O: Quantized>(
    q: &[i32],
    (scale, zero): (f32, i32),
    (out_scale, out_zero): (f32, i32),
    out: &mut [O],
) {
    let multiplier = Multiplier::new(f64::from(scale) / f64::from(out_scale));
    map(q, out, |q| {
        let value = multiplier
            .apply(q.wrapping_sub(zero))
            .wrapping_add(out_zero);
        O::from_i32(value.clamp(O::LO, O::HI))
    });
}

/// QUANTIZE to i32, which has room for all.
pub fn requantize_to_i32<T: Quantized>(
    q: &[T],
    (scale, zero): (f32, i32),
    (out_scale, out_zero): (f32, i32),
    out: &mut [i32],
) {
    let multiplier = Multiplier::new(f64::from(scale) / f64::from(out_scale));
    map(q, out, |q| {
        multiplier.apply(q.into() - zero).wrapping_add(out_zero)
    });
}

/// FAKE_QUANT: to `2^bits` steps between the nudged ends and back. `narrow` leaves the lowest step out. A NaN stays.
pub fn fake_quant(
    rules: Rules,
    x: &[f32],
    range: (f32, f32),
    (bits, narrow): (u32, bool),
    out: &mut [f32],
) {
    // As TensorFlow does it; the nudged ends would be no numbers.
    if range == (0.0, 0.0) {
        out.fill(0.0);
        return;
    }
    let Nudged { lo, hi, scale } = Nudged::new(range, bits, narrow);
    let inverse = 1.0 / scale;
    map(x, out, |x| {
        // Not `clamp`, which panics at ends that are the wrong way round or no numbers.
        let below = if x > hi { hi } else { x };
        let low = below < lo || (rules == Rules::Tflite && below.is_nan());
        let shifted = if low { lo } else { below } - lo;
        (shifted * inverse + 0.5).floor() * scale + lo
    });
}

/// A range moved so that 0 is a step of it.
#[derive(Debug, Clone, Copy)]
pub struct Nudged {
    pub lo: f32,
    pub hi: f32,
    pub scale: f32,
}

impl Nudged {
    pub fn new((min, max): (f32, f32), bits: u32, narrow: bool) -> Self {
        let quant_min = if narrow { 1.0 } else { 0.0f32 };
        let quant_max = ((1u64 << bits) - 1) as f32;
        let scale = (max - min) / (quant_max - quant_min);
        let from_min = quant_min - min / scale;
        let zero = if from_min < quant_min {
            quant_min
        } else if from_min > quant_max {
            quant_max
        } else {
            from_min.round()
        };
        let (lo, hi) = ((quant_min - zero) * scale, (quant_max - zero) * scale);
        Nudged { lo, hi, scale }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULES: Rules = Rules::TensorFlow;

    proptest! {
        #[test]
        fn vectors_round_as_one_number_does(
            near in prop::collection::vec((-70000i32..70000, -2i32..3, any::<bool>()), 1..70),
            scale in prop::sample::select(vec![1.0f32, 0.5, 0.037, 3.0]),
            zero in -128i32..256,
        ) {
            // Close to where the rounding changes.
            let x: Vec<f32> = (near.iter())
                .map(|&(whole, off, half)| {
                    let at = whole as f32 + if half { 0.5 } else { 0.0 };
                    f32::from_bits((at * scale).to_bits().wrapping_add_signed(off))
                })
                .chain([f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 3e9, -3e9, -0.0])
                .collect();
            fn check<T: Quantized + PartialEq + std::fmt::Debug>(x: &[f32], scale: f32, zero: i32) -> Result<(), TestCaseError> {
                let mut got = vec![T::from_i32(1); x.len()];
                quantize(x, scale, zero, &mut got);
                for (&x, got) in x.iter().zip(got) {
                    prop_assert_eq!(got, quantize_one::<T>(x, scale, zero), "{}", x);
                }
                Ok(())
            }
            check::<i8>(&x, scale, zero)?;
            check::<u8>(&x, scale, zero)?;
            check::<i16>(&x, scale, zero)?;
        }
    }

    #[test]
    fn halves_go_away_from_zero_and_misfits_to_an_end() {
        let mut out = [0i8; 6];
        let x = [0.5, 1.5, -0.5, 1e20, f32::NAN, -1e20];
        quantize(&x, 1.0, 3, &mut out);
        assert_eq!(out, [4, 5, 2, -128, -128, -128]);
        // Seen of LiteRT 2.3.0, of a real hand detector.
        quantize(&x, 1.0, -3, &mut out);
        assert_eq!(out, [-2, -1, -4, 127, 127, 127]);
        let mut out = [0u8; 2];
        quantize(&[2_147_483_520.0, 2_147_483_392.0], 1.0, 128, &mut out);
        assert_eq!(out, [0, 255]);
    }

    #[test]
    fn int8_and_uint8_are_128_apart() {
        let mut out = [0u8; 3];
        requantize(&[-128i8, 0, 127], (0.37, 5), (0.37, 133), &mut out);
        assert_eq!(out, [0, 128, 255]);
    }

    #[test]
    fn four_bits_and_32_have_ranges_of_their_own() {
        let four = |x: f32| quantize_within::<i8>(x, 0.5, 1, (-8, 7));
        assert_eq!([-9.0, 0.2, 0.25, 9.0].map(four), [-8, 1, 2, 7]);
        let mut out = [0; 2];
        requantize_to_i32(&[-32768i16, 3], (0.5, 0), (0.25, 7), &mut out);
        assert_eq!(out, [-65529, 13]);
    }

    #[test]
    fn ranges_that_hold_nothing_make_no_panic() {
        let mut out = [9.0; 2];
        fake_quant(RULES, &[-2.0, 0.3], (0.0, 0.0), (8, false), &mut out);
        assert_eq!(out, [0.0; 2]);
        for range in [(3.0, 1.0), (2.0, 2.0), (f32::NAN, 1.0)] {
            fake_quant(RULES, &[-1.0, f32::NAN], range, (8, false), &mut out);
        }
    }

    #[test]
    fn fake_quant_nudges_its_ends() {
        let mut out = [0.0; 2];
        fake_quant(RULES, &[-2.0, 0.3], (-1.0, 1.0), (8, false), &mut out);
        assert!((out[0] + 0.996_078_5).abs() < 1e-6 && (out[1] - 0.298_039_2).abs() < 1e-6);
    }
}

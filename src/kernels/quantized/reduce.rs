//! MEAN, SUM and REDUCE_PROD on quantized values; REDUCE_MAX and MIN compare the raw numbers.

use super::arithmetic::Affine;
use crate::kernels::fixed::Multiplier;
use crate::kernels::reference::reduce::reduce;
use crate::kernels::requant::Quantized;
use crate::kernels::vectors::{Addend, sums};

#[inline(always)]
fn saturate<T: Quantized>(v: i32) -> T {
    T::from_i32(v.clamp(T::LO, T::HI))
}

/// How many values go into each result.
fn folded(shape: &[usize], reduced: &[bool]) -> usize {
    let sizes = shape.iter().zip(reduced).filter(|(_, r)| **r);
    sizes.map(|(size, _)| size).product()
}

/// MEAN: the division by the count is part of the multiplier.
pub fn mean<T: Quantized + Addend<Sum = i32>>(
    input: &[T],
    shape: &[usize],
    reduced: &[bool],
    (from, to): (Affine, Affine),
    output: &mut [T],
) {
    let count = folded(shape, reduced);
    let real = Multiplier::new(f64::from(from.scale) / f64::from(to.scale));
    let mut m = real;
    if count > 0 {
        let bits = 63 - (count as u64).leading_zeros() as i32;
        let shift = bits.min(32).min(31 + real.shift);
        m.m = ((i64::from(real.m) << shift) / count as i64) as i32;
        m.shift = real.shift - shift;
    }
    let bias = from.zero.wrapping_mul(count as i32);
    sums(input, shape, reduced, false, output, |sum, _| {
        saturate(m.apply(sum.wrapping_sub(bias)).wrapping_add(to.zero))
    });
}

/// SUM of `u8` as TensorFlow Lite's reference kernel does it, in fixed point. That kernel reads `i8` as `u8`; to repeat
/// that, pass the bytes as `u8`.
pub fn sum_fixed(
    input: &[u8],
    shape: &[usize],
    reduced: &[bool],
    (from, to): (Affine, Affine),
    output: &mut [u8],
) {
    let m = Multiplier::new(f64::from(from.scale) / f64::from(to.scale));
    let fold = |sum: i32, x: u8| sum.wrapping_add(x.into());
    reduce(input, shape, reduced, output, 0i32, fold, |sum, count| {
        let bias = from.zero.wrapping_mul(count as i32);
        saturate(m.apply(sum.wrapping_sub(bias)).wrapping_add(to.zero))
    });
}

/// SUM of `i8` and `i16`, whose reference kernel is wrong, as the optimised kernel does it: in f32,
/// `round(sum * s + (-zero * count) * s)` with `s` the ratio of the scales.
pub fn sum<T: Quantized>(
    input: &[T],
    shape: &[usize],
    reduced: &[bool],
    (from, to): (Affine, Affine),
    output: &mut [T],
) {
    let scale = from.scale / to.scale;
    let fold = |sum: i32, x: T| sum.wrapping_add(x.into());
    reduce(input, shape, reduced, output, 0i32, fold, |sum, count| {
        let bias = (-from.zero).wrapping_mul(count as i32) as f32 * scale;
        saturate(((sum as f32 * scale + bias).round() as i32).saturating_add(to.zero))
    });
}

/// REDUCE_PROD: each factor brings `from.scale / to.scale^(1 / count)`, rounded after every step.
pub fn product<T: Quantized>(
    input: &[T],
    shape: &[usize],
    reduced: &[bool],
    (from, to): (Affine, Affine),
    output: &mut [T],
) {
    let count = folded(shape, reduced);
    let root = f64::from(to.scale).powf(1.0 / count as f64);
    let m = Multiplier::new(f64::from(from.scale) / root);
    let fold = |product: Option<i32>, x: T| {
        let factor = x.into() - from.zero;
        Some(match product {
            None => factor,
            Some(product) => m.apply64(i64::from(product) * i64::from(factor)),
        })
    };
    reduce(input, shape, reduced, output, None, fold, |product, _| {
        let last = m.apply64(i64::from(product.unwrap_or(0)));
        saturate(last.wrapping_add(to.zero))
    });
}

/// REDUCE_MAX (`greatest`) or REDUCE_MIN; input and output share their quantization.
pub fn extreme<T: Quantized>(
    greatest: bool,
    input: &[T],
    shape: &[usize],
    reduced: &[bool],
    output: &mut [T],
) {
    let init = if greatest { T::LO } else { T::HI };
    let fold = |best: i32, x: T| {
        if greatest {
            best.max(x.into())
        } else {
            best.min(x.into())
        }
    };
    reduce(input, shape, reduced, output, init, fold, |best, _| {
        T::from_i32(best)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_and_sums_are_close_to_the_real_ones() {
        let (from, to) = (
            Affine {
                scale: 0.1,
                zero: 4,
            },
            Affine {
                scale: 0.3,
                zero: -2,
            },
        );
        let x = [10i8, 20, 30, -5, 0, 7];
        let mut out = [0i8; 2];
        mean(&x, &[2, 3], &[false, true], (from, to), &mut out);
        assert_eq!(out, [3, -3]);
        sum(&x, &[2, 3], &[false, true], (from, to), &mut out);
        assert_eq!(out, [14, -5]);
        let bytes = [138u8, 148, 158, 123, 128, 135];
        let mut wide = [0u8; 2];
        let unsigned = |a: Affine| Affine {
            zero: a.zero + 128,
            ..a
        };
        let scales = (unsigned(from), unsigned(to));
        sum_fixed(&bytes, &[2, 3], &[false, true], scales, &mut wide);
        // -10 thirds: to -7 halves, then to -4, away from zero each time.
        assert_eq!(wide, [142, 122]);
        extreme(true, &x, &[2, 3], &[false, true], &mut out);
        assert_eq!(out, [30, 7]);
    }
}

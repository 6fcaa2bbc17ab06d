//! Eigen's functions in vectors, to the bit as [`eigen`] has them one by one.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use super::lanes::Lanes;
use crate::kernels::elementwise::eigen::{EXP, FAR, FLAT, LN_2, NEAR, TANH};

/// `sum * x + coefficient`, rounded twice.
///
/// # Safety
/// As [`Lanes::splat`].
#[inline(always)]
unsafe fn then<V: Lanes>(sum: V, x: V, coefficient: f32) -> V {
    // SAFETY: promised by the caller.
    unsafe { sum.mul(x).add(V::splat(coefficient)) }
}

/// # Safety
/// As [`Lanes::splat`].
#[inline(always)]
unsafe fn polynomial<V: Lanes, const N: usize>(coefficients: &[f32; N], x: V) -> V {
    // SAFETY: promised by the caller.
    unsafe {
        let mut sum = V::splat(coefficients[0]);
        let mut next = 1;
        while next < N {
            sum = then(sum, x, coefficients[next]);
            next += 1;
        }
        sum
    }
}

/// `e^x` for `x` in [-121, 0].
///
/// # Safety
/// As [`Lanes::splat`].
#[inline(always)]
unsafe fn exp<V: Lanes>(x: V) -> V {
    // SAFETY: promised by the caller.
    unsafe {
        let n = then(x, V::splat(std::f32::consts::LOG2_E), 0.5).floor();
        let r = x
            .sub(n.mul(V::splat(LN_2[0])))
            .sub(n.mul(V::splat(LN_2[1])));
        let square = r.mul(r);
        let even = then(V::splat(EXP[0][0]), square, EXP[0][1]);
        let even = then(even, square, EXP[0][2]);
        let odd = then(V::splat(EXP[1][0]), square, EXP[1][1]);
        let curved = r.mul(odd).add(even);
        square.mul(curved).add(r.add(V::splat(1.0))).scale(n)
    }
}

/// `erfc(x)` where `square`, that of `x`, is at most 1.
///
/// # Safety
/// As [`Lanes::splat`].
#[inline(always)]
unsafe fn near<V: Lanes>(x: V, square: V) -> V {
    // SAFETY: promised by the caller.
    unsafe { then(x, polynomial(&NEAR, square), 1.0) }
}

/// `erfc(x)` where the square of `x` is above 1.
///
/// # Safety
/// As [`Lanes::splat`].
#[inline(always)]
unsafe fn far<V: Lanes>(x: V) -> V {
    // SAFETY: promised by the caller.
    unsafe {
        let x = x.clamp(V::splat(-11.0), V::splat(11.0));
        let square = x.mul(x);
        let minus = V::splat(0.0).sub(square);
        let lost = x.fma(x, minus);
        let power = exp(minus);
        let power = power.sub(power.mul(lost));
        let inverse = V::splat(1.0).div(square);
        let below = x.mul(polynomial(FAR.1, inverse));
        let ratio = polynomial(FAR.0, inverse).div(below);
        let two = x.if_negative(V::splat(2.0), V::splat(0.0));
        power.mul(ratio).add(two)
    }
}

/// What the tail of GELU is asked for.
const SLOPE: f32 = -std::f32::consts::FRAC_1_SQRT_2;

/// GELU: half of `x` times its tail.
///
/// # Safety
/// As [`Lanes::splat`].
#[inline(always)]
pub unsafe fn gelu<V: Lanes>(x: V) -> V {
    // SAFETY: promised by the caller.
    unsafe {
        let z = x.mul(V::splat(SLOPE));
        let square = z.mul(z);
        let one_less = V::splat(1.0).sub(square);
        let tail = one_less.if_negative(far(z), near(z, square));
        V::splat(0.5).mul(x).mul(tail)
    }
}

/// Vectors whose far lanes are put together.
#[cfg(target_arch = "x86_64")]
const GROUP: usize = 16;

/// [`gelu`] of whole groups; gives the numbers that it did. Far lanes, which are a fifth of normal numbers and cost four
/// times as much, are packed into vectors of their own.
///
/// # Safety
/// AVX-512 must be there; `len` values must be readable at `x` and writable at `out`, which may be the same place.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,popcnt")]
pub unsafe fn gelu_in_groups(x: *const f32, out: *mut f32, len: usize) -> usize {
    const LANES: usize = 16;
    let mut apart = [0f32; GROUP * LANES];
    let groups = len / apart.len();
    for group in 0..groups {
        let (mut masks, mut count) = ([0u16; GROUP], 0);
        // SAFETY: the group lies within `len`; before vector `i` there are at most `i` vectors of far lanes.
        unsafe {
            let (x, out) = (x.add(group * apart.len()), out.add(group * apart.len()));
            let (half, one) = (_mm512_set1_ps(0.5), _mm512_set1_ps(1.0));
            for (i, mask) in masks.iter_mut().enumerate() {
                let v = _mm512_loadu_ps(x.add(i * LANES));
                let z = _mm512_mul_ps(v, _mm512_set1_ps(SLOPE));
                let square = _mm512_mul_ps(z, z);
                *mask = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(square, one);
                let packed = _mm512_maskz_compress_ps(*mask, v);
                _mm512_storeu_ps(apart.as_mut_ptr().add(count), packed);
                count += mask.count_ones() as usize;
                let answer = _mm512_mul_ps(_mm512_mul_ps(half, v), near(z, square));
                _mm512_storeu_ps(out.add(i * LANES), answer);
            }
            for from in (0..count).step_by(LANES) {
                let place = apart.as_mut_ptr().add(from);
                let v = _mm512_loadu_ps(place);
                let tail = far(_mm512_mul_ps(v, _mm512_set1_ps(SLOPE)));
                _mm512_storeu_ps(place, _mm512_mul_ps(_mm512_mul_ps(half, v), tail));
            }
            let mut from = 0;
            for (i, &mask) in masks.iter().enumerate() {
                let packed = _mm512_loadu_ps(apart.as_ptr().add(from));
                let answer = _mm512_maskz_expand_ps(mask, packed);
                _mm512_mask_storeu_ps(out.add(i * LANES), mask, answer);
                from += mask.count_ones() as usize;
            }
        }
    }
    groups * apart.len()
}

/// # Safety
/// As [`Lanes::splat`].
#[inline(always)]
pub unsafe fn tanh<V: Lanes>(x: V) -> V {
    // SAFETY: promised by the caller.
    unsafe {
        let x = x.clamp(V::splat(-FLAT), V::splat(FLAT));
        let square = x.mul(x);
        let above = square.mul(x).mul(polynomial(TANH.0, square)).add(x);
        above.div(polynomial(TANH.1, square))
    }
}

//! `e^x` to the bit as C's `expf` has it, in vectors; see [`expf`](crate::kernels::elementwise::expf).

// By index: iterators are functions of their own, compiled without the instruction set of these loops.
#![allow(clippy::needless_range_loop)]

use super::lanes::Lanes;

/// Vectors that raise `e` to a power as C does.
pub trait AsC: Lanes {
    /// `e^self` as `expf`; NaN stays.
    /// # Safety
    /// As [`Lanes::splat`].
    unsafe fn exp_as_c(self) -> Self;
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{AsC, Lanes};
    use crate::kernels::elementwise::expf::{CUBIC, ENDS, FRACTION, POWERS, SHIFT, STEPS};

    /// # Safety
    /// AVX-512 must be there.
    #[inline(always)]
    unsafe fn eight(x: __m256) -> __m256 {
        // SAFETY: promised by the caller; the table has four vectors.
        unsafe {
            let x = _mm512_cvtps_pd(x);
            let (steps, shift) = (_mm512_set1_pd(STEPS), _mm512_set1_pd(SHIFT));
            let shifted = _mm512_fmadd_pd(x, steps, shift);
            let k = _mm512_castpd_si512(shifted);
            let r = _mm512_fmsub_pd(x, steps, _mm512_sub_pd(shifted, shift));
            let table = POWERS.as_ptr().cast::<f64>();
            let (first, second) = (_mm512_loadu_pd(table), _mm512_loadu_pd(table.add(8)));
            let (third, last) = (
                _mm512_loadu_pd(table.add(16)),
                _mm512_loadu_pd(table.add(24)),
            );
            let low = _mm512_permutex2var_pd(first, k, second);
            let high = _mm512_permutex2var_pd(third, k, last);
            let upper = _mm512_test_epi64_mask(k, _mm512_set1_epi64(16));
            let power = _mm512_castpd_si512(_mm512_mask_blend_pd(upper, low, high));
            let raised = _mm512_add_epi64(power, _mm512_slli_epi64::<FRACTION>(k));
            let steep = _mm512_fmadd_pd(_mm512_set1_pd(CUBIC[0]), r, _mm512_set1_pd(CUBIC[1]));
            let flat = _mm512_fmadd_pd(_mm512_set1_pd(CUBIC[2]), r, _mm512_set1_pd(1.0));
            let cubic = _mm512_fmadd_pd(steep, _mm512_mul_pd(r, r), flat);
            _mm512_cvtpd_ps(_mm512_mul_pd(cubic, _mm512_castsi512_pd(raised)))
        }
    }

    /// # Safety
    /// AVX2 must be there.
    #[inline(always)]
    unsafe fn four(x: __m128) -> __m128 {
        // SAFETY: promised by the caller; what is gathered lies within the table of 32.
        unsafe {
            let x = _mm256_cvtps_pd(x);
            let (steps, shift) = (_mm256_set1_pd(STEPS), _mm256_set1_pd(SHIFT));
            let shifted = _mm256_fmadd_pd(x, steps, shift);
            let k = _mm256_castpd_si256(shifted);
            let r = _mm256_fmsub_pd(x, steps, _mm256_sub_pd(shifted, shift));
            let at = _mm256_and_si256(k, _mm256_set1_epi64x(31));
            let power = _mm256_i64gather_epi64::<8>(POWERS.as_ptr().cast::<i64>(), at);
            let raised = _mm256_add_epi64(power, _mm256_slli_epi64::<{ FRACTION as i32 }>(k));
            let steep = _mm256_fmadd_pd(_mm256_set1_pd(CUBIC[0]), r, _mm256_set1_pd(CUBIC[1]));
            let flat = _mm256_fmadd_pd(_mm256_set1_pd(CUBIC[2]), r, _mm256_set1_pd(1.0));
            let cubic = _mm256_fmadd_pd(steep, _mm256_mul_pd(r, r), flat);
            _mm256_cvtpd_ps(_mm256_mul_pd(cubic, _mm256_castsi256_pd(raised)))
        }
    }

    impl AsC for __m512 {
        #[inline(always)]
        unsafe fn exp_as_c(self) -> Self {
            // SAFETY: promised by the caller.
            unsafe {
                let x = self.clamp(Self::splat(ENDS[0]), Self::splat(ENDS[1]));
                let low = eight(_mm512_castps512_ps256(x));
                let high = eight(_mm512_extractf32x8_ps::<1>(x));
                _mm512_insertf32x8::<1>(_mm512_castps256_ps512(low), high)
            }
        }
    }

    impl AsC for __m256 {
        #[inline(always)]
        unsafe fn exp_as_c(self) -> Self {
            // SAFETY: promised by the caller.
            unsafe {
                let x = self.clamp(Self::splat(ENDS[0]), Self::splat(ENDS[1]));
                let low = four(_mm256_castps256_ps128(x));
                let high = four(_mm256_extractf128_ps::<1>(x));
                _mm256_insertf128_ps::<1>(_mm256_castps128_ps256(low), high)
            }
        }
    }
}

#[cfg(target_arch = "aarch64")]
mod neon {
    use std::arch::aarch64::*;

    use super::{AsC, Lanes};
    use crate::kernels::elementwise::expf::{CUBIC, ENDS, FRACTION, POWERS, SHIFT, STEPS};

    /// # Safety
    /// NEON must be there.
    #[inline(always)]
    unsafe fn two(x: float32x2_t) -> float32x2_t {
        // SAFETY: promised by the caller; what is looked up lies within the table of 32.
        unsafe {
            let x = vcvt_f64_f32(x);
            let (steps, shift) = (vdupq_n_f64(STEPS), vdupq_n_f64(SHIFT));
            let shifted = vfmaq_f64(shift, x, steps);
            let k = vreinterpretq_u64_f64(shifted);
            let r = vfmaq_f64(vnegq_f64(vsubq_f64(shifted, shift)), x, steps);
            let entry = |k: u64| vcreate_u64(POWERS[(k & 31) as usize]);
            let power = vcombine_u64(entry(vgetq_lane_u64::<0>(k)), entry(vgetq_lane_u64::<1>(k)));
            let raised = vaddq_u64(power, vshlq_n_u64::<{ FRACTION as i32 }>(k));
            let steep = vfmaq_f64(vdupq_n_f64(CUBIC[1]), vdupq_n_f64(CUBIC[0]), r);
            let flat = vfmaq_f64(vdupq_n_f64(1.0), vdupq_n_f64(CUBIC[2]), r);
            let cubic = vfmaq_f64(flat, steep, vmulq_f64(r, r));
            vcvt_f32_f64(vmulq_f64(cubic, vreinterpretq_f64_u64(raised)))
        }
    }

    impl AsC for float32x4_t {
        #[inline(always)]
        unsafe fn exp_as_c(self) -> Self {
            // SAFETY: promised by the caller.
            unsafe {
                let x = self.clamp(Self::splat(ENDS[0]), Self::splat(ENDS[1]));
                vcombine_f32(two(vget_low_f32(x)), two(vget_high_f32(x)))
            }
        }
    }
}

impl<V: AsC, const K: usize> AsC for [V; K] {
    #[inline(always)]
    unsafe fn exp_as_c(self) -> Self {
        let mut out = self;
        for i in 0..K {
            // SAFETY: promised by the caller.
            out[i] = unsafe { self[i].exp_as_c() };
        }
        out
    }
}

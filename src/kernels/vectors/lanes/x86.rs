//! Vectors of AVX-512 and of AVX2 with FMA.

use std::arch::x86_64::*;

use super::{Lanes, intrinsics};

impl Lanes for __m512 {
    const N: usize = 16;
    #[inline(always)]
    unsafe fn splat(v: f32) -> Self {
        // SAFETY: the caller promises the instruction set.
        unsafe { _mm512_set1_ps(v) }
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        // SAFETY: the caller promises 16 readable values.
        unsafe { _mm512_loadu_ps(p) }
    }
    #[inline(always)]
    unsafe fn load_part(p: *const f32, count: usize) -> Self {
        // SAFETY: lanes that are masked out are not read.
        unsafe { _mm512_maskz_loadu_ps((1u16 << count) - 1, p) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        // SAFETY: the caller promises 16 writable values.
        unsafe { _mm512_storeu_ps(p, self) }
    }
    #[inline(always)]
    unsafe fn store_part(self, p: *mut f32, count: usize) {
        // SAFETY: lanes that are masked out are not written.
        unsafe { _mm512_mask_storeu_ps(p, (1u16 << count) - 1, self) }
    }
    intrinsics! {
        add(o) = _mm512_add_ps, (o);
        sub(o) = _mm512_sub_ps, (o);
        mul(o) = _mm512_mul_ps, (o);
        div(o) = _mm512_div_ps, (o);
        sqrt() = _mm512_sqrt_ps, ();
        fma(a, b) = _mm512_fmadd_ps, (a, b);
        max(o) = _mm512_max_ps, (o);
        min(o) = _mm512_min_ps, (o);
        abs() = _mm512_abs_ps, ();
        floor() = _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEG_INF }>, ();
        scale(n) = _mm512_scalef_ps, (n);
    }
    #[inline(always)]
    unsafe fn with_sign(self, o: Self) -> Self {
        // SAFETY: the caller promises the instruction set.
        unsafe { _mm512_or_ps(self, _mm512_and_ps(o, _mm512_set1_ps(-0.0))) }
    }
    #[inline(always)]
    unsafe fn if_negative(self, yes: Self, no: Self) -> Self {
        // SAFETY: the caller promises the instruction set.
        unsafe { _mm512_mask_blend_ps(_mm512_movepi32_mask(_mm512_castps_si512(self)), no, yes) }
    }
    #[inline(always)]
    unsafe fn raise(self, shifted: Self) -> Self {
        // SAFETY: the caller promises the instruction set.
        unsafe {
            let power = _mm512_slli_epi32::<23>(_mm512_castps_si512(shifted));
            _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(self), power))
        }
    }
    /// An estimate of 14 bits and a step of Newton's: cheaper than a division.
    #[inline(always)]
    unsafe fn reciprocal(self) -> Self {
        // SAFETY: the caller promises the instruction set.
        unsafe {
            let guess = _mm512_rcp14_ps(self);
            let error = _mm512_fnmadd_ps(self, guess, _mm512_set1_ps(1.0));
            _mm512_fmadd_ps(guess, error, guess)
        }
    }
    #[inline(always)]
    unsafe fn over(self, o: Self) -> Self {
        // SAFETY: the caller promises the instruction set.
        unsafe {
            let inverse = o.reciprocal();
            let ratio = _mm512_mul_ps(self, inverse);
            _mm512_fmadd_ps(_mm512_fnmadd_ps(ratio, o, self), inverse, ratio)
        }
    }
    #[inline(always)]
    unsafe fn total(self) -> f32 {
        // SAFETY: the caller promises the instruction set.
        unsafe { _mm512_reduce_add_ps(self) }
    }
    #[inline(always)]
    unsafe fn greatest(self) -> f32 {
        // SAFETY: the caller promises the instruction set.
        unsafe { _mm512_reduce_max_ps(self) }
    }
}

/// All bits set in the first `count` lanes.
#[inline(always)]
unsafe fn first_lanes(count: usize) -> __m256i {
    // SAFETY: the caller promises AVX2.
    unsafe {
        let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), lanes)
    }
}

/// `2^n` for `n` in [-126, 127].
#[inline(always)]
unsafe fn power_of_two(n: __m256i) -> __m256 {
    // SAFETY: the caller promises AVX2.
    unsafe {
        let bits = _mm256_slli_epi32::<23>(_mm256_add_epi32(n, _mm256_set1_epi32(127)));
        _mm256_castsi256_ps(bits)
    }
}

impl Lanes for __m256 {
    const N: usize = 8;
    #[inline(always)]
    unsafe fn splat(v: f32) -> Self {
        // SAFETY: the caller promises the instruction set.
        unsafe { _mm256_set1_ps(v) }
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        // SAFETY: the caller promises 8 readable values.
        unsafe { _mm256_loadu_ps(p) }
    }
    #[inline(always)]
    unsafe fn load_part(p: *const f32, count: usize) -> Self {
        // SAFETY: lanes that are masked out are not read.
        unsafe { _mm256_maskload_ps(p, first_lanes(count)) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        // SAFETY: the caller promises 8 writable values.
        unsafe { _mm256_storeu_ps(p, self) }
    }
    #[inline(always)]
    unsafe fn store_part(self, p: *mut f32, count: usize) {
        // SAFETY: lanes that are masked out are not written.
        unsafe { _mm256_maskstore_ps(p, first_lanes(count), self) }
    }
    intrinsics! {
        add(o) = _mm256_add_ps, (o);
        sub(o) = _mm256_sub_ps, (o);
        mul(o) = _mm256_mul_ps, (o);
        div(o) = _mm256_div_ps, (o);
        sqrt() = _mm256_sqrt_ps, ();
        fma(a, b) = _mm256_fmadd_ps, (a, b);
        max(o) = _mm256_max_ps, (o);
        min(o) = _mm256_min_ps, (o);
        floor() = _mm256_floor_ps, ();
    }
    #[inline(always)]
    unsafe fn abs(self) -> Self {
        // SAFETY: the caller promises the instruction set.
        unsafe { _mm256_andnot_ps(_mm256_set1_ps(-0.0), self) }
    }
    #[inline(always)]
    unsafe fn with_sign(self, o: Self) -> Self {
        // SAFETY: the caller promises the instruction set.
        unsafe { _mm256_or_ps(self, _mm256_and_ps(o, _mm256_set1_ps(-0.0))) }
    }
    #[inline(always)]
    unsafe fn if_negative(self, yes: Self, no: Self) -> Self {
        // SAFETY: the caller promises the instruction set.
        unsafe { _mm256_blendv_ps(no, yes, self) }
    }
    /// In two steps: half of the power is never too large or too small for an exponent.
    #[inline(always)]
    unsafe fn scale(self, n: Self) -> Self {
        // SAFETY: the caller promises the instruction set.
        unsafe {
            let n = _mm256_cvtps_epi32(n);
            let half = _mm256_srai_epi32::<1>(n);
            let rest = _mm256_sub_epi32(n, half);
            _mm256_mul_ps(_mm256_mul_ps(self, power_of_two(half)), power_of_two(rest))
        }
    }
    #[inline(always)]
    unsafe fn raise(self, shifted: Self) -> Self {
        // SAFETY: the caller promises the instruction set.
        unsafe {
            let power = _mm256_slli_epi32::<23>(_mm256_castps_si256(shifted));
            _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(self), power))
        }
    }
    #[inline(always)]
    unsafe fn reciprocal(self) -> Self {
        // SAFETY: the caller promises the instruction set.
        unsafe { _mm256_div_ps(_mm256_set1_ps(1.0), self) }
    }
    #[inline(always)]
    unsafe fn over(self, o: Self) -> Self {
        // SAFETY: the caller promises the instruction set.
        unsafe { _mm256_div_ps(self, o) }
    }
    #[inline(always)]
    unsafe fn total(self) -> f32 {
        // SAFETY: the caller promises the instruction set.
        unsafe {
            let four = _mm_add_ps(
                _mm256_castps256_ps128(self),
                _mm256_extractf128_ps::<1>(self),
            );
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
    }
    #[inline(always)]
    unsafe fn greatest(self) -> f32 {
        // SAFETY: the caller promises the instruction set.
        unsafe {
            let four = _mm_max_ps(
                _mm256_castps256_ps128(self),
                _mm256_extractf128_ps::<1>(self),
            );
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)))
        }
    }
}

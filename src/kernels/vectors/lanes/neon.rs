//! Vectors of NEON, which every 64-bit Arm has.

use std::arch::aarch64::*;

use super::{Lanes, intrinsics};

/// `2^n` for `n` in [-126, 127].
#[inline(always)]
unsafe fn power_of_two(n: int32x4_t) -> float32x4_t {
    // SAFETY: the caller promises NEON.
    unsafe { vreinterpretq_f32_s32(vshlq_n_s32::<23>(vaddq_s32(n, vdupq_n_s32(127)))) }
}

impl Lanes for float32x4_t {
    const N: usize = 4;
    #[inline(always)]
    unsafe fn splat(v: f32) -> Self {
        // SAFETY: the caller promises the instruction set.
        unsafe { vdupq_n_f32(v) }
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        // SAFETY: the caller promises 4 readable values.
        unsafe { vld1q_f32(p) }
    }
    #[inline(always)]
    unsafe fn load_part(p: *const f32, count: usize) -> Self {
        // SAFETY: the caller promises `count` readable values, which are less than 4.
        unsafe {
            let mut part = [0f32; 4];
            std::ptr::copy_nonoverlapping(p, part.as_mut_ptr(), count);
            vld1q_f32(part.as_ptr())
        }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        // SAFETY: the caller promises 4 writable values.
        unsafe { vst1q_f32(p, self) }
    }
    #[inline(always)]
    unsafe fn store_part(self, p: *mut f32, count: usize) {
        // SAFETY: the caller promises `count` writable values, which are less than 4.
        unsafe {
            let mut part = [0f32; 4];
            vst1q_f32(part.as_mut_ptr(), self);
            std::ptr::copy_nonoverlapping(part.as_ptr(), p, count);
        }
    }
    intrinsics! {
        add(o) = vaddq_f32, (o);
        sub(o) = vsubq_f32, (o);
        mul(o) = vmulq_f32, (o);
        div(o) = vdivq_f32, (o);
        sqrt() = vsqrtq_f32, ();
        abs() = vabsq_f32, ();
        floor() = vrndmq_f32, ();
    }
    #[inline(always)]
    unsafe fn fma(self, a: Self, b: Self) -> Self {
        // SAFETY: the caller promises the instruction set.
        unsafe { vfmaq_f32(b, self, a) }
    }
    // Compared, for the instructions of that name give NaN where either is.
    #[inline(always)]
    unsafe fn max(self, o: Self) -> Self {
        // SAFETY: the caller promises the instruction set.
        unsafe { vbslq_f32(vcgtq_f32(self, o), self, o) }
    }
    #[inline(always)]
    unsafe fn min(self, o: Self) -> Self {
        // SAFETY: the caller promises the instruction set.
        unsafe { vbslq_f32(vcltq_f32(self, o), self, o) }
    }
    #[inline(always)]
    unsafe fn with_sign(self, o: Self) -> Self {
        // SAFETY: the caller promises the instruction set.
        unsafe { vbslq_f32(vdupq_n_u32(1 << 31), o, self) }
    }
    #[inline(always)]
    unsafe fn if_negative(self, yes: Self, no: Self) -> Self {
        // SAFETY: the caller promises the instruction set.
        unsafe { vbslq_f32(vcltzq_s32(vreinterpretq_s32_f32(self)), yes, no) }
    }
    /// In two steps: half of the power is never too large or too small for an exponent.
    #[inline(always)]
    unsafe fn scale(self, n: Self) -> Self {
        // SAFETY: the caller promises the instruction set.
        unsafe {
            let n = vcvtnq_s32_f32(n);
            let half = vshrq_n_s32::<1>(n);
            let rest = vsubq_s32(n, half);
            vmulq_f32(vmulq_f32(self, power_of_two(half)), power_of_two(rest))
        }
    }
    #[inline(always)]
    unsafe fn raise(self, shifted: Self) -> Self {
        // SAFETY: the caller promises the instruction set.
        unsafe {
            let power = vshlq_n_s32::<23>(vreinterpretq_s32_f32(shifted));
            vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(self), power))
        }
    }
    #[inline(always)]
    unsafe fn reciprocal(self) -> Self {
        // SAFETY: the caller promises the instruction set.
        unsafe { vdivq_f32(vdupq_n_f32(1.0), self) }
    }
    #[inline(always)]
    unsafe fn over(self, o: Self) -> Self {
        // SAFETY: the caller promises the instruction set.
        unsafe { vdivq_f32(self, o) }
    }
    #[inline(always)]
    unsafe fn total(self) -> f32 {
        // SAFETY: the caller promises the instruction set.
        unsafe { vaddvq_f32(self) }
    }
    #[inline(always)]
    unsafe fn greatest(self) -> f32 {
        // SAFETY: the caller promises the instruction set.
        unsafe { vmaxvq_f32(self) }
    }
}

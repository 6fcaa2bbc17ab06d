//! QUANTIZE with AVX-512, equal to the bit.

use std::arch::x86_64::*;

use crate::kernels::cpu::{self, Level};
use crate::kernels::requant::Quantized;

/// See [`super::convert::quantize`]; false where the plain loop has to do it.
pub fn quantize<T: Quantized>(x: &[f32], scale: f32, zero: i32, out: &mut [T]) -> bool {
    if cpu::level() < Level::Avx512 || !(T::LO..=T::HI).contains(&zero) {
        return false;
    }
    assert_eq!(x.len(), out.len());
    match size_of::<T>() {
        // SAFETY: AVX-512 is there, both slices have `x.len()` elements, those of `out` are integers of that many bytes.
        1 => unsafe { all::<T, 1>(x, scale, zero, out.as_mut_ptr().cast()) },
        // SAFETY: as above.
        2 => unsafe { all::<T, 2>(x, scale, zero, out.as_mut_ptr().cast()) },
        _ => return false,
    }
    true
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn all<T: Quantized, const BYTES: usize>(x: &[f32], scale: f32, zero: i32, out: *mut u8) {
    let scale = _mm512_set1_ps(scale);
    // The number before a half: added to one that lies just below a half it does not reach the next whole number.
    let half = _mm512_set1_ps(0.5f32.next_down());
    let sign = _mm512_set1_ps(-0.0);
    let (least, most) = (_mm512_set1_epi32(T::LO), _mm512_set1_epi32(T::HI));
    let zero = _mm512_set1_epi32(zero);
    let mut at = 0;
    while at < x.len() {
        let mask = match x.len() - at {
            0..16 => (1u16 << (x.len() - at)) - 1,
            _ => !0,
        };
        // SAFETY: lanes that are masked out are neither read nor written.
        unsafe {
            let real = _mm512_div_ps(_mm512_maskz_loadu_ps(mask, x.as_ptr().add(at)), scale);
            let away = _mm512_or_ps(half, _mm512_and_ps(real, sign));
            // What does not fit becomes the least i32, as the plain kernel has it.
            let whole = _mm512_cvttps_epi32(_mm512_add_ps(real, away));
            let whole = _mm512_add_epi32(whole, zero);
            let whole = _mm512_min_epi32(_mm512_max_epi32(whole, least), most);
            match (BYTES, mask) {
                // Masked stores of bytes take long on some processors.
                (1, u16::MAX) => _mm_storeu_si128(out.add(at).cast(), _mm512_cvtepi32_epi8(whole)),
                (1, _) => {
                    _mm_mask_storeu_epi8(out.add(at).cast(), mask, _mm512_cvtepi32_epi8(whole))
                }
                _ => _mm256_mask_storeu_epi16(
                    out.add(2 * at).cast(),
                    mask,
                    _mm512_cvtepi32_epi16(whole),
                ),
            }
        }
        at += 16;
    }
}

//! Ranges and bytes of rows with AVX-512, equal to the bit.

// By index: iterators are functions of their own, compiled without the instruction set of these loops.
#![allow(clippy::needless_range_loop)]

use std::arch::x86_64::*;

use super::{How, LANES, Range};

const WIDTH: usize = 16;
/// Vectors whose bytes fill one.
const TOGETHER: usize = 4;

/// As the function of this name outside, for the values that fill whole vectors of bytes; how many those are.
///
/// # Safety
/// The instruction sets must be there, and as many bytes as values, none of which is NaN or, times the factor, larger
/// than [`super::CALM`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub unsafe fn quantize_calm(x: &[f32], how: How, q: &mut [u8]) -> usize {
    let factor = _mm512_set1_ps(how.factor);
    let (sign, half) = (
        _mm512_castps_si512(_mm512_set1_ps(-0.0)),
        _mm512_castps_si512(_mm512_set1_ps(0.5)),
    );
    let zero = _mm512_set1_epi16(how.zero as i16);
    let least = _mm512_set1_epi8(how.lo as i8);
    let flip = _mm512_set1_epi8(how.flip as i8);
    // Packing works within lanes: each has its bytes of all vectors one after the other.
    let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    let end = x.len() / (TOGETHER * WIDTH) * (TOGETHER * WIDTH);
    let mut at = 0;
    while at < end {
        let mut whole = [_mm512_setzero_si512(); TOGETHER];
        for i in 0..TOGETHER {
            // SAFETY: four vectors from `at` on are there.
            let value = unsafe { _mm512_loadu_ps(x.as_ptr().add(at + i * WIDTH)) };
            let value = _mm512_mul_ps(value, factor);
            // The sign of the value and the bits of a half.
            const EITHER: i32 = 0xea;
            let half = _mm512_ternarylogic_epi32::<EITHER>(_mm512_castps_si512(value), sign, half);
            let value = _mm512_add_ps(value, _mm512_castsi512_ps(half));
            whole[i] = _mm512_cvttps_epi32(value);
        }
        let low = _mm512_packs_epi32(whole[0], whole[1]);
        let high = _mm512_packs_epi32(whole[2], whole[3]);
        let low = _mm512_adds_epi16(low, zero);
        let high = _mm512_adds_epi16(high, zero);
        let bytes = _mm512_max_epi8(_mm512_packs_epi16(low, high), least);
        let bytes = _mm512_permutexvar_epi32(order, _mm512_xor_si512(bytes, flip));
        // SAFETY: `q` has as many bytes.
        unsafe { _mm512_storeu_si512(q.as_mut_ptr().add(at).cast(), bytes) };
        at += TOGETHER * WIDTH;
    }
    end
}

/// As the function of this name outside.
///
/// # Safety
/// The instruction sets must be there.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub unsafe fn largest(x: &[f32]) -> f32 {
    let all = _mm512_set1_epi32(i32::MAX);
    let mut most = [_mm512_setzero_si512(); TOGETHER];
    let end = x.len() / (TOGETHER * WIDTH) * (TOGETHER * WIDTH);
    let mut at = 0;
    while at < end {
        for i in 0..TOGETHER {
            // SAFETY: four vectors from `at` on are there.
            let bits = unsafe { _mm512_loadu_si512(x.as_ptr().add(at + i * WIDTH).cast()) };
            most[i] = _mm512_max_epi32(most[i], _mm512_and_si512(bits, all));
        }
        at += TOGETHER * WIDTH;
    }
    let low = _mm512_max_epi32(most[0], most[1]);
    let high = _mm512_max_epi32(most[2], most[3]);
    let bits = _mm512_reduce_max_epi32(_mm512_max_epi32(low, high));
    let rest = super::largest(&x[end..]).to_bits();
    f32::from_bits(rest.max(bits as u32))
}

/// As the function of this name outside.
///
/// # Safety
/// The instruction sets must be there, and as many bytes as values.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub unsafe fn quantize_by(x: &[f32], how: How, q: &mut [u8]) {
    let factor = _mm512_set1_ps(how.factor);
    let (zero, least) = (_mm512_set1_epi32(how.zero), _mm512_set1_epi32(how.lo));
    let flip = _mm_set1_epi8(how.flip as i8);
    let (sign, half) = (_mm512_set1_ps(-0.0), _mm512_set1_ps(0.5));
    // Beyond them nothing is left of a value but its sign.
    let (low, high) = (
        _mm512_set1_ps(-((1 << 24) as f32)),
        _mm512_set1_ps((1 << 24) as f32),
    );
    let whole = x.len() / LANES * LANES;
    for at in (0..whole).step_by(WIDTH) {
        let mask = if whole - at < WIDTH { 0xff } else { 0xffff };
        // SAFETY: the values of the mask are there, in both slices.
        unsafe {
            let value = _mm512_maskz_loadu_ps(mask, x.as_ptr().add(at));
            let value = _mm512_mul_ps(value, factor);
            let half = _mm512_or_ps(_mm512_and_ps(value, sign), half);
            let value = _mm512_add_ps(value, half);
            // NaN becomes 0.
            let number = _mm512_cmp_ps_mask::<_CMP_ORD_Q>(value, value);
            let value = _mm512_max_ps(_mm512_min_ps(value, high), low);
            let rounded = _mm512_maskz_cvttps_epi32(number, value);
            let placed = _mm512_max_epi32(_mm512_add_epi32(rounded, zero), least);
            let bytes = _mm_xor_si128(_mm512_cvtsepi32_epi8(placed), flip);
            match mask {
                0xffff => _mm_storeu_si128(q.as_mut_ptr().add(at).cast(), bytes),
                _ => _mm_storel_epi64(q.as_mut_ptr().add(at).cast(), bytes),
            }
        }
    }
    super::quantize_by(&x[whole..], how, &mut q[whole..]);
}

/// As the function of this name outside.
///
/// # Safety
/// The instruction sets must be there.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub unsafe fn range(x: &[f32]) -> Range {
    let mut least = [_mm512_setzero_ps(); TOGETHER];
    let mut most = least;
    let mut odd = 0;
    let end = x.len() / (TOGETHER * WIDTH) * (TOGETHER * WIDTH);
    let mut at = 0;
    while at < end {
        let mut value = [_mm512_setzero_ps(); TOGETHER];
        for i in 0..TOGETHER {
            // SAFETY: four vectors from `at` on are there.
            value[i] = unsafe { _mm512_loadu_ps(x.as_ptr().add(at + i * WIDTH)) };
            // The second operand stays where one is NaN.
            least[i] = _mm512_min_ps(value[i], least[i]);
            most[i] = _mm512_max_ps(value[i], most[i]);
        }
        // Where one of two is NaN.
        odd |= _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(value[0], value[1]);
        odd |= _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(value[2], value[3]);
        at += TOGETHER * WIDTH;
    }
    // What no vector of bytes is written of; the lanes that are not there are 0.
    while at < x.len() {
        let mask = match x.len() - at {
            left @ 0..WIDTH => (1u16 << left) - 1,
            _ => !0,
        };
        // SAFETY: lanes that are masked out are not read.
        let value = unsafe { _mm512_maskz_loadu_ps(mask, x.as_ptr().add(at)) };
        odd |= _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(value, value);
        least[0] = _mm512_min_ps(value, least[0]);
        most[0] = _mm512_max_ps(value, most[0]);
        at += WIDTH;
    }
    for i in 0..TOGETHER / 2 {
        least[i] = _mm512_min_ps(least[i], least[i + 2]);
        most[i] = _mm512_max_ps(most[i], most[i + 2]);
    }
    Range {
        least: _mm512_reduce_min_ps(_mm512_min_ps(least[0], least[1])),
        most: _mm512_reduce_max_ps(_mm512_max_ps(most[0], most[1])),
        odd: odd != 0,
    }
}

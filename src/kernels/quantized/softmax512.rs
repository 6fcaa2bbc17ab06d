//! SOFTMAX of bytes with AVX-512 VBMI, equal to the bit.

use std::arch::x86_64::*;

use crate::kernels::cpu;
use crate::kernels::fixed::{one_over_one_plus, rdpot};
use crate::kernels::reference::softmax::SoftmaxScale;
use crate::kernels::vectors::bytes::Table;

/// Rows from which on a table of a row's results is worth making.
const LONG: usize = 48;

/// Exponentials by how far a value lies below the largest.
#[derive(Clone)]
pub struct SoftmaxBytes {
    exps: [i32; 256],
    /// How many are not 0.
    live: usize,
    /// The terms of the sum, by byte from the lowest on.
    terms: [[u8; 256]; 3],
}

impl SoftmaxBytes {
    /// For rows of `depth`; `None` where the plain loop has to do it.
    pub fn new(depth: usize, scale: &SoftmaxScale) -> Option<Self> {
        // Sums of so many terms fit.
        if !cpu::has_vbmi() || !(LONG..4096).contains(&depth) {
            return None;
        }
        let exps = *scale.exps();
        let terms = exps.map(|exp| rdpot(exp, 12).to_le_bytes());
        Some(SoftmaxBytes {
            exps,
            live: exps
                .iter()
                .rposition(|&exp| exp != 0)
                .map_or(0, |last| last + 1),
            terms: [0, 1, 2].map(|plane| std::array::from_fn(|i| terms[i][plane])),
        })
    }

    /// Rows of `depth`; bytes are `i8` where `signed`, else `u8`, of the input and of the output.
    pub fn run(&self, signed: bool, depth: usize, x: &[u8], out: &mut [u8]) {
        assert!(x.len() == out.len() && (LONG..4096).contains(&depth));
        // SAFETY: `new` has seen the instructions.
        unsafe { self.rows(if signed { 0x80 } else { 0 }, depth, x, out) }
    }

    /// `flip` is what makes unsigned bytes of the values.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
    unsafe fn rows(&self, flip: u8, depth: usize, x: &[u8], out: &mut [u8]) {
        // SAFETY: masked vectors stay within rows of `depth` bytes.
        unsafe {
            let terms = [0, 1, 2].map(|plane| Table::new(&self.terms[plane]));
            let flip = _mm512_set1_epi8(flip as i8);
            for (x, out) in x.chunks_exact(depth).zip(out.chunks_exact_mut(depth)) {
                let mut most = _mm512_setzero_si512();
                for at in (0..depth).step_by(64) {
                    let row = _mm512_maskz_loadu_epi8(mask(depth - at), x.as_ptr().add(at).cast());
                    let row = _mm512_maskz_mov_epi8(mask(depth - at), _mm512_xor_si512(row, flip));
                    most = _mm512_max_epu8(most, row);
                }
                let most = greatest(most);
                let mut sums = [_mm512_setzero_si512(); 3];
                for at in (0..depth).step_by(64) {
                    let mask = mask(depth - at);
                    let row = _mm512_maskz_loadu_epi8(mask, x.as_ptr().add(at).cast());
                    let below = _mm512_sub_epi8(most, _mm512_xor_si512(row, flip));
                    for (sum, terms) in sums.iter_mut().zip(terms) {
                        let bytes = _mm512_maskz_mov_epi8(mask, terms.get(below));
                        let eights = _mm512_sad_epu8(bytes, _mm512_setzero_si512());
                        *sum = _mm512_add_epi64(*sum, eights);
                    }
                }
                let [low, middle, high] = sums;
                let all = _mm512_add_epi64(low, _mm512_slli_epi64::<8>(middle));
                let all = _mm512_add_epi64(all, _mm512_slli_epi64::<16>(high));
                let results = self.results(_mm512_reduce_add_epi64(all) as i32);
                let results = Table::new(&results);
                for at in (0..depth).step_by(64) {
                    let mask = mask(depth - at);
                    let row = _mm512_maskz_loadu_epi8(mask, x.as_ptr().add(at).cast());
                    let below = _mm512_sub_epi8(most, _mm512_xor_si512(row, flip));
                    let result = _mm512_xor_si512(results.get(below), flip);
                    _mm512_mask_storeu_epi8(out.as_mut_ptr().add(at).cast(), mask, result);
                }
            }
        }
    }

    /// The results of a row with this sum of terms, which is at least that of one value, 2^19.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
    unsafe fn results(&self, sum: i32) -> [u8; 256] {
        let headroom = sum.leading_zeros() as i32;
        let shifted = ((sum as u32) << headroom).wrapping_sub(1 << 31) as i32;
        let inverse = _mm512_set1_epi64(one_over_one_plus(shifted).into());
        let shift = 12 - headroom + 31 - 8;
        // Both roundings, half up: nothing is negative.
        let nudge = _mm512_set1_epi64((1 << 30) + (1i64 << (31 + shift - 1)));
        let mut results = [0u8; 256];
        for at in (0..self.live).step_by(16) {
            // SAFETY: both arrays have 256 elements.
            unsafe {
                let exps = _mm512_loadu_epi32(self.exps.as_ptr().add(at));
                let even = _mm512_add_epi64(_mm512_mul_epi32(exps, inverse), nudge);
                let odd = _mm512_mul_epi32(_mm512_srli_epi64::<32>(exps), inverse);
                let odd = _mm512_slli_epi64::<1>(_mm512_add_epi64(odd, nudge));
                let high = _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64::<31>(even), odd);
                let result = _mm512_srl_epi32(high, _mm_cvtsi32_si128(shift));
                _mm_storeu_epi8(
                    results.as_mut_ptr().add(at).cast(),
                    _mm512_cvtusepi32_epi8(result),
                );
            }
        }
        results
    }
}

/// The largest byte in every place.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
fn greatest(x: __m512i) -> __m512i {
    let half = _mm256_max_epu8(_mm512_castsi512_si256(x), _mm512_extracti64x4_epi64::<1>(x));
    let x = _mm_max_epu8(
        _mm256_castsi256_si128(half),
        _mm256_extracti128_si256::<1>(half),
    );
    let x = _mm_max_epu8(x, _mm_bsrli_si128::<8>(x));
    let x = _mm_max_epu8(x, _mm_bsrli_si128::<4>(x));
    let x = _mm_max_epu8(x, _mm_bsrli_si128::<2>(x));
    _mm512_broadcastb_epi8(_mm_max_epu8(x, _mm_bsrli_si128::<1>(x)))
}

/// Of the first `count` bytes of 64.
#[inline(always)]
fn mask(count: usize) -> u64 {
    match count {
        0..64 => (1 << count) - 1,
        _ => !0,
    }
}

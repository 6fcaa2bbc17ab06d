//! Blocks of four-byte words, rows for columns.

// By index: iterators are functions of their own, compiled without the instruction set of these loops.
#![allow(clippy::needless_range_loop)]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// Elements along one side of a block that is turned at once.
pub const BLOCK: usize = 16;

/// The columns of a block of 16 rows and columns, rows being so many elements apart.
///
/// # Safety
/// AVX-512 must be there, and the block readable.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
#[inline]
pub unsafe fn turned(from: *const f32, from_row: usize) -> [__m512; BLOCK] {
    // SAFETY: promised by the caller.
    unsafe {
        let mut rows = [_mm512_setzero_ps(); BLOCK];
        for i in 0..BLOCK {
            rows[i] = _mm512_loadu_ps(from.add(i * from_row));
        }
        // Part `l` of `quads[4 * g + c]` is column `4 * l + c` of the rows `4 * g` to `4 * g + 3`.
        let mut quads = [_mm512_setzero_pd(); BLOCK];
        for g in 0..4 {
            let [a, b] = [rows[4 * g], rows[4 * g + 1]];
            let [c, d] = [rows[4 * g + 2], rows[4 * g + 3]];
            let low = [_mm512_unpacklo_ps(a, b), _mm512_unpacklo_ps(c, d)];
            let high = [_mm512_unpackhi_ps(a, b), _mm512_unpackhi_ps(c, d)];
            let [ab, cd] = [_mm512_castps_pd(low[0]), _mm512_castps_pd(low[1])];
            quads[4 * g] = _mm512_unpacklo_pd(ab, cd);
            quads[4 * g + 1] = _mm512_unpackhi_pd(ab, cd);
            let [ab, cd] = [_mm512_castps_pd(high[0]), _mm512_castps_pd(high[1])];
            quads[4 * g + 2] = _mm512_unpacklo_pd(ab, cd);
            quads[4 * g + 3] = _mm512_unpackhi_pd(ab, cd);
        }
        let mut columns = [_mm512_setzero_ps(); BLOCK];
        for c in 0..4 {
            let [p, q] = [quads[c], quads[4 + c]];
            let [r, s] = [quads[8 + c], quads[12 + c]];
            let first = [
                _mm512_shuffle_f64x2::<0x44>(p, q),
                _mm512_shuffle_f64x2::<0x44>(r, s),
            ];
            let last = [
                _mm512_shuffle_f64x2::<0xee>(p, q),
                _mm512_shuffle_f64x2::<0xee>(r, s),
            ];
            columns[c] = _mm512_castpd_ps(_mm512_shuffle_f64x2::<0x88>(first[0], first[1]));
            columns[4 + c] = _mm512_castpd_ps(_mm512_shuffle_f64x2::<0xdd>(first[0], first[1]));
            columns[8 + c] = _mm512_castpd_ps(_mm512_shuffle_f64x2::<0x88>(last[0], last[1]));
            columns[12 + c] = _mm512_castpd_ps(_mm512_shuffle_f64x2::<0xdd>(last[0], last[1]));
        }
        columns
    }
}

/// Turns a block of 16 rows and columns, rows being so many elements apart on each side.
///
/// # Safety
/// AVX-512 must be there, and the block readable and writable.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
pub unsafe fn turn_block(from: *const f32, from_row: usize, to: *mut f32, to_row: usize) {
    // SAFETY: promised by the caller.
    unsafe {
        let columns = turned(from, from_row);
        for i in 0..BLOCK {
            _mm512_storeu_ps(to.add(i * to_row), columns[i]);
        }
    }
}

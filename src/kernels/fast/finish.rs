//! What becomes of the sums of an integer product: the end of every int8 and hybrid kernel.

// By index: iterators are functions of their own, compiled without the instruction set of these loops.
#![allow(clippy::needless_range_loop)]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// Turns sums of neighbouring channels of one row into outputs.
pub trait Finish: Sync {
    type Out: Copy + Send;

    /// Whether tiles of 8 rows may be taken, not only of 7: by measurement they gain where scaling to floats follows,
    /// and nothing where rounding to int8 does.
    const TALL: bool;

    /// Sums of the channels from `channel` on, without a bias, by the instructions of any processor.
    fn apply(&self, row: usize, channel: usize, sums: &[i32], out: &mut [Self::Out]);

    /// What the sums of `NV` vectors of 16 channels begin with, where [`Finish::store`] follows.
    ///
    /// # Safety
    /// AVX-512 F, BW, DQ and VL must be there; `channel` is one that exists.
    #[cfg(target_arch = "x86_64")]
    unsafe fn begin<const NV: usize>(&self, channel: usize) -> [__m512i; NV];

    /// The first `columns` of `NV` vectors of sums, 1, 2 or 4, of `MR` rows from `row` on that lie `out_row` apart.
    ///
    /// # Safety
    /// As [`Finish::begin`]; `out` must hold `columns <= 16 * NV` values of every row.
    #[cfg(target_arch = "x86_64")]
    unsafe fn store<const MR: usize, const NV: usize>(
        &self,
        row: usize,
        channel: usize,
        sums: &[[__m512i; NV]; MR],
        columns: usize,
        out: Rows<Self::Out>,
    );
}

/// Rows of an output: the first, and elements between them.
#[derive(Debug, Clone, Copy)]
pub struct Rows<T> {
    pub first: *mut T,
    pub apart: usize,
}

impl<T> Rows<T> {
    /// Where row `m` begins.
    #[inline(always)]
    pub fn row(&self, m: usize) -> *mut T {
        self.first.wrapping_add(m * self.apart)
    }
}

/// The body for each of up to 8 rows, written out, so that what is indexed by the row stays in registers.
#[cfg(target_arch = "x86_64")]
macro_rules! each_row {
    ($m:ident in $rows:ident $body:block) => {
        each_row!(@ $m $rows $body 0 1 2 3 4 5 6 7)
    };
    (@ $m:ident $rows:ident $body:block $($at:literal)*) => {
        const { assert!($rows <= 8) }
        $(if $at < $rows {
            let $m = $at;
            $body
        })*
    };
}
#[cfg(target_arch = "x86_64")]
pub(super) use each_row;

/// Channels that tables read by [`Finish::begin`] and [`Finish::store`] are longer than the channels that exist.
pub const BEYOND: usize = 64;

/// A table of one value per channel, with [`BEYOND`] more behind.
pub fn table<T: Clone>(values: impl Iterator<Item = T>, beyond: T) -> Vec<T> {
    values.chain(std::iter::repeat_n(beyond, BEYOND)).collect()
}

/// The low `n` bits.
#[inline(always)]
pub fn first_bits(n: usize) -> u64 {
    if n >= 64 { u64::MAX } else { (1 << n) - 1 }
}

/// `NV` vectors of a table from `at` on.
///
/// # Safety
/// AVX-512 F must be there, and `16 * NV` values from `at` on.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub unsafe fn load<const NV: usize>(values: &[i32], at: usize) -> [__m512i; NV] {
    debug_assert!(at + 16 * NV <= values.len());
    // SAFETY: the values are there, as the caller promises.
    unsafe {
        let mut all = [_mm512_setzero_si512(); NV];
        for v in 0..NV {
            all[v] = _mm512_loadu_si512(values.as_ptr().add(at + 16 * v).cast());
        }
        all
    }
}

/// Stores the first `columns` of `NV` vectors as bytes, cut to 8 bits and then to `lo` and `hi`.
///
/// # Safety
/// AVX-512 F, BW and VL must be there; `out` must hold `columns <= 16 * NV` values.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub unsafe fn store_bytes<const NV: usize>(
    values: [__m512i; NV],
    (lo, hi): (i8, i8),
    columns: usize,
    out: *mut i8,
) {
    let mask = first_bits(columns);
    let whole = columns == 16 * NV;
    // SAFETY: masked stores write `columns` bytes, which the caller promises; whole ones cost less.
    unsafe {
        match NV {
            1 => {
                let bytes = _mm512_cvtsepi32_epi8(values[0]);
                let bytes = _mm_max_epi8(bytes, _mm_set1_epi8(lo));
                let bytes = _mm_min_epi8(bytes, _mm_set1_epi8(hi));
                match whole {
                    true => _mm_storeu_si128(out.cast(), bytes),
                    false => _mm_mask_storeu_epi8(out, mask as u16, bytes),
                }
            }
            2 => {
                // Packing works within lanes: each has its bytes of both vectors one after the other.
                let words = _mm512_packs_epi32(values[0], values[1]);
                let bytes = _mm512_packs_epi16(words, words);
                let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 0, 0, 0, 0, 0, 0, 0, 0);
                let bytes = _mm512_castsi512_si256(_mm512_permutexvar_epi32(order, bytes));
                let bytes = _mm256_max_epi8(bytes, _mm256_set1_epi8(lo));
                let bytes = _mm256_min_epi8(bytes, _mm256_set1_epi8(hi));
                match whole {
                    true => _mm256_storeu_si256(out.cast(), bytes),
                    false => _mm256_mask_storeu_epi8(out, mask as u32, bytes),
                }
            }
            4 => {
                let low = _mm512_packs_epi32(values[0], values[1]);
                let high = _mm512_packs_epi32(values[2], values[3]);
                let bytes = _mm512_packs_epi16(low, high);
                let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
                let bytes = _mm512_permutexvar_epi32(order, bytes);
                let bytes = _mm512_max_epi8(bytes, _mm512_set1_epi8(lo));
                let bytes = _mm512_min_epi8(bytes, _mm512_set1_epi8(hi));
                match whole {
                    true => _mm512_storeu_si512(out.cast(), bytes),
                    false => _mm512_mask_storeu_epi8(out, mask, bytes),
                }
            }
            _ => unreachable!("{NV} vectors"),
        }
    }
}

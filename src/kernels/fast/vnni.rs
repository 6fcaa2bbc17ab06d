//! Register tiles of AVX-512 VNNI: u8 activations by i8 weights, four products at once, with the outputs made while the
//! sums are still in registers.

// By index: iterators are functions of their own, compiled without the instruction set of these loops.
#![allow(clippy::needless_range_loop)]

use std::arch::x86_64::*;

use super::finish::{Finish, Rows, each_row};

/// Columns of a panel.
pub const WIDTH: usize = 32;
/// Rows of a tile, and of a tall one.
const LOW: usize = 7;
const HIGH: usize = 8;

/// Rows of the tiles that work through so many rows: tall ones where [`Finish::TALL`] and they leave no more rows over,
/// for a tile of few rows waits for its weights.
pub const fn height(rows: usize, tall: bool) -> usize {
    if tall && rows % HIGH <= rows % LOW {
        HIGH
    } else {
        LOW
    }
}

/// What the tiles of one panel read.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// Activations, each of them 128 more than its value.
    pub a: *const u8,
    /// Offsets of the runs of a row, in bytes.
    pub taps: &'a [usize],
    /// Groups of four in a run.
    pub groups: usize,
    /// `[taps * groups][WIDTH]` groups of 4 bytes.
    pub panel: *const u8,
    /// Output channel of the panel's first column, and how many columns exist.
    pub channel: usize,
    pub columns: usize,
    /// Elements between rows of the output.
    pub out_row: usize,
}

/// All rows that begin at `bases`; the first is row `row` of the output.
///
/// # Safety
/// AVX-512 F, BW, DQ, VL and VNNI must be there, `a + base + tap` must be followed by `4 * groups` readable bytes, the
/// panel must be whole, and `out` must hold a row of `columns <= WIDTH` values for each base, `out_row` apart.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub unsafe fn rows<F: Finish>(
    job: &Job,
    bases: &[usize],
    finish: &F,
    row: usize,
    out: *mut F::Out,
) {
    // SAFETY: promised by the caller.
    unsafe {
        let high = height(bases.len(), F::TALL) == HIGH;
        match (high, job.columns > 16) {
            (false, true) => panel::<F, LOW, 2>(job, bases, finish, row, out),
            (false, false) => panel::<F, LOW, 1>(job, bases, finish, row, out),
            (true, true) => panel::<F, HIGH, 2>(job, bases, finish, row, out),
            (true, false) => panel::<F, HIGH, 1>(job, bases, finish, row, out),
        }
    }
}

/// By tiles of `MR` rows.
///
/// # Safety
/// See [`rows`]; at most `16 * NV` columns.
#[inline(always)]
unsafe fn panel<F: Finish, const MR: usize, const NV: usize>(
    job: &Job,
    bases: &[usize],
    finish: &F,
    row: usize,
    out: *mut F::Out,
) {
    let mut done = 0;
    while done < bases.len() {
        let left = bases.len() - done;
        // SAFETY: promised by the caller; a tile of n rows is only taken where n rows are left.
        unsafe {
            let (bases, row) = (&bases[done..], row + done);
            let out = out.add(done * job.out_row);
            done += match (left, done) {
                (n, 0) if n >= MR => tile::<F, MR, NV, 1, 0>(job, bases, finish, row, out),
                (n, at) if n >= MR && at == MR => {
                    tile::<F, MR, NV, 1, 1>(job, bases, finish, row, out)
                }
                (n, _) if n >= MR => tile::<F, MR, NV, 1, NONE>(job, bases, finish, row, out),
                (4.., _) => tile::<F, 4, NV, 2, NONE>(job, bases, finish, row, out),
                (2.., _) => tile::<F, 2, NV, 4, NONE>(job, bases, finish, row, out),
                _ => tile::<F, 1, NV, 4, NONE>(job, bases, finish, row, out),
            };
        }
    }
}

/// Fetches nothing ahead.
const NONE: usize = usize::MAX;

/// `MR` rows and `NV` vectors of columns; few rows take `KU` chains of sums, so that none waits for the one before. Of
/// each two cache lines of the panel behind this one the tile fetches line `AHEAD`. Gives the number of rows.
///
/// # Safety
/// See [`rows`]; `bases` has at least `MR` rows.
#[inline(always)]
unsafe fn tile<F: Finish, const MR: usize, const NV: usize, const KU: usize, const AHEAD: usize>(
    job: &Job,
    bases: &[usize],
    finish: &F,
    row: usize,
    out: *mut F::Out,
) -> usize {
    // SAFETY: promised by the caller.
    unsafe {
        let zero = _mm512_setzero_si512();
        let mut sums = [[[zero; NV]; MR]; KU];
        sums[0] = [finish.begin::<NV>(job.channel); MR];
        let mut weights = job.panel;
        let panel = job.taps.len() * job.groups * 4 * WIDTH;
        for &tap in job.taps {
            let mut rows = [job.a; MR];
            for m in 0..MR {
                rows[m] = job.a.add(bases[m] + tap);
            }
            let mut k = 0;
            while k + KU <= job.groups {
                if AHEAD != NONE {
                    // There may be nothing: that is no fault.
                    let ahead = weights.wrapping_add(panel + 64 * AHEAD);
                    _mm_prefetch::<_MM_HINT_T1>(ahead.cast());
                }
                for chain in 0..KU {
                    step::<MR, NV>(&rows, k, weights, &mut sums[chain]);
                    weights = weights.add(4 * WIDTH);
                    k += 1;
                }
            }
            while k < job.groups {
                step::<MR, NV>(&rows, k, weights, &mut sums[0]);
                weights = weights.add(4 * WIDTH);
                k += 1;
            }
        }
        let mut total = sums[0];
        for chain in 1..KU {
            each_row!(m in MR {
                for v in 0..NV {
                    total[m][v] = _mm512_add_epi32(total[m][v], sums[chain][m][v]);
                }
            });
        }
        let out = Rows {
            first: out,
            apart: job.out_row,
        };
        finish.store::<MR, NV>(row, job.channel, &total, job.columns, out);
        MR
    }
}

/// One group of four of each row times its row of the panel.
///
/// # Safety
/// See [`rows`].
#[inline(always)]
unsafe fn step<const MR: usize, const NV: usize>(
    rows: &[*const u8; MR],
    k: usize,
    weights: *const u8,
    sums: &mut [[__m512i; NV]; MR],
) {
    // SAFETY: promised by the caller.
    unsafe {
        let mut w = [_mm512_setzero_si512(); NV];
        for v in 0..NV {
            w[v] = _mm512_loadu_si512(weights.add(64 * v).cast());
        }
        each_row!(m in MR {
            let x = _mm512_set1_epi32(rows[m].add(4 * k).cast::<i32>().read_unaligned());
            for v in 0..NV {
                sums[m][v] = _mm512_dpbusd_epi32(sums[m][v], x, w[v]);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_leave_few_rows_over() {
        for (rows, want) in [
            (49, 7),
            (196, 7),
            (784, 8),
            (64, 8),
            (128, 8),
            (8, 8),
            (14, 7),
        ] {
            assert_eq!(height(rows, true), want, "{rows} rows");
        }
        for rows in 1..500 {
            assert!(rows % height(rows, true) <= rows % height(rows, false));
        }
    }
}

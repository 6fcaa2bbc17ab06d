//! Register tiles for int8: sums of 8-bit products in i32, exact whatever the instruction set.
//!
//! The left side is prepared once per call, the right side once per plan, both in groups of neighbouring k:
//! - VNNI ([`super::vnni`]): activations as `x + 128` in u8, four to a group;
//! - AVX2 and plain Rust: activations and weights in i16, two to a group.
//!
//! The sums are then too large by the zero point (and the 128) times the sum of the weights.

/// Elements of k that are multiplied at once, and how the prepared activations are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// u8 by i8, four to a group.
    Bytes,
    /// i16 by i16, two to a group.
    Words,
}

impl Form {
    /// Bytes of one prepared activation.
    pub fn bytes(self) -> usize {
        4 / self.group()
    }

    /// Activations in a group of 4 bytes.
    pub fn group(self) -> usize {
        match self {
            Form::Bytes => 4,
            Form::Words => 2,
        }
    }
}

/// What a tile reads, besides its rows. Offsets and lengths count groups of 4 bytes for both forms, except `bases` and `taps`,
/// which count bytes.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    pub a: *const u8,
    /// Offsets of the runs of a row, in bytes.
    pub taps: &'a [usize],
    /// Groups in a run.
    pub groups: usize,
    /// `[taps * groups][width]` groups of 4 bytes.
    pub panel: *const u8,
}

/// Rows of a tile at most.
pub const ROWS: usize = 8;
/// Widest panel.
pub const WIDTH: usize = 16;
/// Sums of one tile: row after row, `WIDTH` apart.
pub type Sums = [i32; ROWS * WIDTH];

/// Fills the first `bases.len()` rows of the sums.
///
/// # Safety
/// The instruction set must be there, `bases` must have at most [`ROWS`] rows, `a + base + tap` must be followed by `4 * groups`
/// readable bytes, and the panel must be whole.
pub type TileFn = unsafe fn(&Job, bases: &[usize], sums: &mut Sums);

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Job, Sums, WIDTH};
    use std::arch::x86_64::*;

    /// Panels of 16 columns.
    ///
    /// # Safety
    /// See [`super::TileFn`].
    #[target_feature(enable = "avx2")]
    pub unsafe fn avx2(job: &Job, bases: &[usize], sums: &mut Sums) {
        // SAFETY: promised by the caller.
        unsafe {
            let mut row = 0;
            while row + 4 <= bases.len() {
                avx2_rows::<4>(job, bases, sums, row);
                row += 4;
            }
            while row < bases.len() {
                avx2_rows::<1>(job, bases, sums, row);
                row += 1;
            }
        }
    }

    /// # Safety
    /// See [`super::TileFn`]; `MR` rows from `row` on.
    #[target_feature(enable = "avx2")]
    unsafe fn avx2_rows<const MR: usize>(job: &Job, bases: &[usize], sums: &mut Sums, row: usize) {
        // SAFETY: promised by the caller; the sums hold `ROWS` rows of `WIDTH`.
        unsafe {
            let mut acc = [[_mm256_setzero_si256(); 2]; MR];
            let mut weights = job.panel;
            for &tap in job.taps {
                let mut rows = [job.a; MR];
                for m in 0..MR {
                    rows[m] = job.a.add(bases[row + m] + tap);
                }
                for k in 0..job.groups {
                    let w0 = _mm256_loadu_si256(weights.cast());
                    let w1 = _mm256_loadu_si256(weights.add(32).cast());
                    weights = weights.add(64);
                    for m in 0..MR {
                        let x =
                            _mm256_set1_epi32(rows[m].add(4 * k).cast::<i32>().read_unaligned());
                        acc[m][0] = _mm256_add_epi32(acc[m][0], _mm256_madd_epi16(x, w0));
                        acc[m][1] = _mm256_add_epi32(acc[m][1], _mm256_madd_epi16(x, w1));
                    }
                }
            }
            for (m, acc) in acc.iter().enumerate() {
                let to = sums.as_mut_ptr().add((row + m) * WIDTH);
                _mm256_storeu_si256(to.cast(), acc[0]);
                _mm256_storeu_si256(to.add(8).cast(), acc[1]);
            }
        }
    }
}

/// Panels of 8 columns, plain Rust.
///
/// # Safety
/// See [`TileFn`]; no instruction set is needed.
unsafe fn plain(job: &Job, bases: &[usize], sums: &mut Sums) {
    for (row, &base) in bases.iter().enumerate() {
        let mut acc = [0i32; 8];
        let mut weights = job.panel;
        for &tap in job.taps {
            for k in 0..job.groups {
                // SAFETY: promised by the caller.
                let (x, w) = unsafe {
                    let x = job
                        .a
                        .add(base + tap + 4 * k)
                        .cast::<[i16; 2]>()
                        .read_unaligned();
                    (x, weights.cast::<[[i16; 2]; 8]>().read_unaligned())
                };
                weights = weights.wrapping_add(32);
                for (acc, w) in acc.iter_mut().zip(w) {
                    *acc += i32::from(x[0]) * i32::from(w[0]) + i32::from(x[1]) * i32::from(w[1]);
                }
            }
        }
        sums[row * WIDTH..row * WIDTH + 8].copy_from_slice(&acc);
    }
}

/// How a level multiplies.
#[derive(Clone, Copy)]
pub struct Choice {
    /// `None` where [`super::vnni`] does it.
    pub tile: Option<TileFn>,
    pub form: Form,
    /// Rows of the tiles that work through so many rows, which may be [tall](super::finish::Finish::TALL) or not.
    pub height: fn(usize, bool) -> usize,
    /// Columns of a panel.
    pub width: usize,
}

pub fn choose(level: crate::kernels::cpu::Level) -> Choice {
    use crate::kernels::cpu::{Level, has_vnni};
    let words = |tile: TileFn, width| Choice {
        tile: Some(tile),
        form: Form::Words,
        height: |_, _| ROWS,
        width,
    };
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 if has_vnni() => Choice {
            tile: None,
            form: Form::Bytes,
            height: super::vnni::height,
            width: super::vnni::WIDTH,
        },
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 | Level::Avx2 => words(x86::avx2, 16),
        _ => {
            let _ = has_vnni;
            words(plain, 8)
        }
    }
}

//! Register tiles for int8: sums of 8-bit products in i32, exact whatever the instruction set.
//!
//! The left side is prepared once per call, the right side once per plan, both in groups of neighbouring k:
//! - VNNI ([`super::vnni`]): activations as `x + 128` in u8, four to a group;
//! - dot products of Arm: activations as they are, four to a group;
//! - AVX2, NEON and plain Rust: activations and weights in i16, two to a group.
//!
//! The sums are then too large by the zero point (and the 128) times the sum of the weights.

/// Elements of k that are multiplied at once, and how the prepared activations are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// u8 by i8, four to a group.
    Bytes,
    /// i8 by i8, four to a group.
    #[cfg_attr(not(target_arch = "aarch64"), allow(dead_code))]
    Signed,
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
            Form::Bytes | Form::Signed => 4,
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

#[cfg(target_arch = "aarch64")]
pub mod arm {
    // By index: iterators are functions of their own, compiled without the instruction set of these loops.
    #![allow(clippy::needless_range_loop)]

    use std::arch::aarch64::*;
    use std::arch::asm;

    use super::{Job, Sums, WIDTH};

    /// `sums + ` the products of four neighbours each. In assembly: Rust's intrinsic is not stable yet.
    ///
    /// # Safety
    /// The dot products must be there, and known to the function that this becomes a part of.
    #[inline(always)]
    pub unsafe fn dot(mut sums: int32x4_t, x: int8x16_t, y: int8x16_t) -> int32x4_t {
        // SAFETY: promised by the caller; nothing but registers is touched.
        unsafe {
            asm!(
                "sdot {sums:v}.4s, {x:v}.16b, {y:v}.16b",
                sums = inout(vreg) sums, x = in(vreg) x, y = in(vreg) y,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
        sums
    }

    /// [`dot`] of `w` with four times the group `I` of `x`.
    ///
    /// # Safety
    /// As [`dot`].
    #[inline(always)]
    unsafe fn dot_group<const I: usize>(
        mut sums: int32x4_t,
        w: int8x16_t,
        x: int8x16_t,
    ) -> int32x4_t {
        // SAFETY: promised by the caller; nothing but registers is touched.
        unsafe {
            asm!(
                "sdot {sums:v}.4s, {w:v}.16b, {x:v}.4b[{i}]",
                sums = inout(vreg) sums, w = in(vreg) w, x = in(vreg) x, i = const I,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
        sums
    }

    /// Works through the rows with tiles of four.
    macro_rules! tile {
        ($(#[$doc:meta])* $name:ident, $rows:ident, $feature:literal) => {
            $(#[$doc])*
            ///
            /// # Safety
            /// See [`super::TileFn`].
            #[target_feature(enable = $feature)]
            pub unsafe fn $name(job: &Job, bases: &[usize], sums: &mut Sums) {
                let mut row = 0;
                // SAFETY: promised by the caller.
                unsafe {
                    while row + 4 <= bases.len() {
                        $rows::<4>(job, bases, sums, row);
                        row += 4;
                    }
                    while row < bases.len() {
                        $rows::<1>(job, bases, sums, row);
                        row += 1;
                    }
                }
            }
        };
    }

    tile! {
        /// Panels of 16 columns of bytes.
        dots, dot_rows, "neon,dotprod"
    }
    tile! {
        /// Panels of 8 columns in 16 bits.
        words, word_rows, "neon"
    }

    /// One group of every row, the `I`th of `x`, times 16 columns.
    ///
    /// # Safety
    /// As [`dot`]; 64 bytes must be readable at `weights`.
    #[inline(always)]
    unsafe fn dot_step<const MR: usize, const I: usize>(
        sums: &mut [[int32x4_t; 4]; MR],
        x: &[int8x16_t; MR],
        weights: *const i8,
    ) {
        // SAFETY: promised by the caller.
        unsafe {
            for v in 0..4 {
                let w = vld1q_s8(weights.add(16 * v));
                for m in 0..MR {
                    sums[m][v] = dot_group::<I>(sums[m][v], w, x[m]);
                }
            }
        }
    }

    /// # Safety
    /// See [`super::TileFn`]; `MR` rows from `row` on.
    #[target_feature(enable = "neon,dotprod")]
    unsafe fn dot_rows<const MR: usize>(job: &Job, bases: &[usize], sums: &mut Sums, row: usize) {
        // SAFETY: promised by the caller; the sums hold `ROWS` rows of `WIDTH`.
        unsafe {
            let mut acc = [[vdupq_n_s32(0); 4]; MR];
            let mut weights = job.panel.cast::<i8>();
            for &tap in job.taps {
                let mut rows = [job.a.cast::<i8>(); MR];
                for m in 0..MR {
                    rows[m] = rows[m].add(bases[row + m] + tap);
                }
                let mut x = [vdupq_n_s8(0); MR];
                let mut group = 0;
                while group + 4 <= job.groups {
                    for m in 0..MR {
                        x[m] = vld1q_s8(rows[m].add(4 * group));
                    }
                    dot_step::<MR, 0>(&mut acc, &x, weights);
                    dot_step::<MR, 1>(&mut acc, &x, weights.add(64));
                    dot_step::<MR, 2>(&mut acc, &x, weights.add(128));
                    dot_step::<MR, 3>(&mut acc, &x, weights.add(192));
                    weights = weights.add(256);
                    group += 4;
                }
                while group < job.groups {
                    for m in 0..MR {
                        let four = rows[m].add(4 * group).cast::<i32>().read_unaligned();
                        x[m] = vreinterpretq_s8_s32(vdupq_n_s32(four));
                    }
                    dot_step::<MR, 0>(&mut acc, &x, weights);
                    weights = weights.add(64);
                    group += 1;
                }
            }
            for m in 0..MR {
                let to = sums.as_mut_ptr().add((row + m) * WIDTH);
                for v in 0..4 {
                    vst1q_s32(to.add(4 * v), acc[m][v]);
                }
            }
        }
    }

    /// One pair of every row, in the lanes `A` and `B` of `x`, times 8 columns.
    ///
    /// # Safety
    /// NEON must be there; 32 bytes must be readable at `weights`.
    #[inline(always)]
    unsafe fn word_step<const MR: usize, const A: i32, const B: i32>(
        sums: &mut [[int32x4_t; 2]; MR],
        x: &[int16x8_t; MR],
        weights: *const i16,
    ) {
        // SAFETY: promised by the caller.
        unsafe {
            // The first and the second of the pairs.
            let int16x8x2_t(a, b) = vld2q_s16(weights);
            for m in 0..MR {
                let [mut low, mut high] = sums[m];
                low = vmlal_laneq_s16::<A>(low, vget_low_s16(a), x[m]);
                high = vmlal_high_laneq_s16::<A>(high, a, x[m]);
                low = vmlal_laneq_s16::<B>(low, vget_low_s16(b), x[m]);
                high = vmlal_high_laneq_s16::<B>(high, b, x[m]);
                sums[m] = [low, high];
            }
        }
    }

    /// # Safety
    /// See [`super::TileFn`]; `MR` rows from `row` on.
    #[target_feature(enable = "neon")]
    unsafe fn word_rows<const MR: usize>(job: &Job, bases: &[usize], sums: &mut Sums, row: usize) {
        // SAFETY: promised by the caller; the sums hold `ROWS` rows of `WIDTH`.
        unsafe {
            let mut acc = [[vdupq_n_s32(0); 2]; MR];
            let mut weights = job.panel.cast::<i16>();
            for &tap in job.taps {
                let mut rows = [job.a; MR];
                for m in 0..MR {
                    rows[m] = job.a.add(bases[row + m] + tap);
                }
                let mut x = [vdupq_n_s16(0); MR];
                let mut group = 0;
                while group + 4 <= job.groups {
                    for m in 0..MR {
                        x[m] = vreinterpretq_s16_u8(vld1q_u8(rows[m].add(4 * group)));
                    }
                    word_step::<MR, 0, 1>(&mut acc, &x, weights);
                    word_step::<MR, 2, 3>(&mut acc, &x, weights.add(16));
                    word_step::<MR, 4, 5>(&mut acc, &x, weights.add(32));
                    word_step::<MR, 6, 7>(&mut acc, &x, weights.add(48));
                    weights = weights.add(64);
                    group += 4;
                }
                while group < job.groups {
                    for m in 0..MR {
                        let pair = rows[m].add(4 * group).cast::<i32>().read_unaligned();
                        x[m] = vreinterpretq_s16_s32(vdupq_n_s32(pair));
                    }
                    word_step::<MR, 0, 1>(&mut acc, &x, weights);
                    weights = weights.add(16);
                    group += 1;
                }
            }
            for m in 0..MR {
                let to = sums.as_mut_ptr().add((row + m) * WIDTH);
                vst1q_s32(to, acc[m][0]);
                vst1q_s32(to.add(4), acc[m][1]);
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
        #[cfg(target_arch = "aarch64")]
        Level::NeonDot => Choice {
            form: Form::Signed,
            ..words(arm::dots, 16)
        },
        #[cfg(target_arch = "aarch64")]
        Level::Neon => words(arm::words, 8),
        _ => {
            let _ = has_vnni;
            words(plain, 8)
        }
    }
}

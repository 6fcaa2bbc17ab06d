//! Register tiles for f32: a few rows of the left side times one panel of the right.

// By index: iterators are functions of their own, compiled without the instruction set of these loops.
#![allow(clippy::needless_range_loop)]

#[cfg(target_arch = "aarch64")]
use super::vector::arm;
#[cfg(target_arch = "x86_64")]
use super::vector::x86;
use super::vector::{InOrder, Plain, Vector};
use crate::kernels::cpu::Level;

/// What a tile reads, besides its rows.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    pub a: *const f32,
    /// Offsets of the runs that make up a row, `run` elements each.
    pub taps: &'a [usize],
    pub run: usize,
    /// `[bias][taps * run][NV * LANES]`
    pub panel: *const f32,
    /// Whether the bias joins the finished sums, and not what they begin with.
    pub bias_last: bool,
    pub lo: f32,
    pub hi: f32,
    /// Elements between rows of the output, and columns of this panel that exist.
    pub out_row: usize,
    pub columns: usize,
    /// Where the panel lies that is needed next, if it is known: it is fetched meanwhile.
    pub next: *const f32,
}

/// `out[m] = clamp(bias + sum of row m times the panel)` for `MR` rows that begin at `bases` from `job.a`, and for `NP`
/// panels that lie behind each other. A row of more than [`Vector::BLOCK`] elements is `LONG`. With `FETCH` the cache
/// lines at `ahead`, one for each step, are asked for.
///
/// # Safety
/// The instruction set of `V` must be there; `a + base + tap + run` must be readable for every base and tap, the panels
/// must hold `1 + taps * run` vectors of `NV * LANES` each, and `out` must hold `MR` rows of `columns` elements.
#[inline(always)]
unsafe fn tile<
    V: Vector,
    const MR: usize,
    const NV: usize,
    const NP: usize,
    const LONG: bool,
    const FETCH: bool,
>(
    job: &Job,
    bases: &[usize],
    out: *mut f32,
    ahead: *const f32,
) {
    // SAFETY: all reads and writes are those that the caller promises; see above.
    unsafe {
        let width = NV * V::LANES;
        let panel_len = (1 + job.taps.len() * job.run) * width;
        let zero = V::splat(0.0);
        let mut weights = job.panel;
        let mut bias = [[zero; NV]; NP];
        for (q, bias) in bias.iter_mut().enumerate() {
            *bias = V::load_all(weights.add(q * panel_len));
        }
        weights = weights.add(width);
        let mut total = [bias; MR];
        let mut sums = match LONG || V::IN_ORDER || job.bias_last {
            true => [[[zero; NV]; NP]; MR],
            false => [bias; MR],
        };
        let mut ahead = ahead;
        let mut since = 0;
        for &tap in job.taps {
            let mut rows = [job.a; MR];
            for m in 0..MR {
                rows[m] = job.a.add(bases[m] + tap);
            }
            let mut from = 0;
            while from < job.run {
                let to = match LONG {
                    true => job.run.min(from + (V::BLOCK - since)),
                    false => job.run,
                };
                let mut k = from;
                while V::AT_ONCE == 4 && k + 4 <= to {
                    let mut some = [zero; MR];
                    for m in 0..MR {
                        some[m] = V::load(rows[m].add(k));
                    }
                    step::<V, MR, NV, NP, 0>(&mut sums, &some, weights, panel_len);
                    step::<V, MR, NV, NP, 1>(&mut sums, &some, weights.add(width), panel_len);
                    step::<V, MR, NV, NP, 2>(&mut sums, &some, weights.add(2 * width), panel_len);
                    step::<V, MR, NV, NP, 3>(&mut sums, &some, weights.add(3 * width), panel_len);
                    weights = weights.add(4 * width);
                    if FETCH {
                        for line in 0..4 {
                            V::fetch(ahead.wrapping_add(line * LINE));
                        }
                        ahead = ahead.wrapping_add(4 * LINE);
                    }
                    k += 4;
                }
                for k in k..to {
                    let mut w = [[zero; NV]; NP];
                    for (q, w) in w.iter_mut().enumerate() {
                        *w = V::load_all(weights.add(q * panel_len));
                    }
                    weights = weights.add(width);
                    if FETCH {
                        V::fetch(ahead);
                        ahead = ahead.wrapping_add(LINE);
                    }
                    for m in 0..MR {
                        let a = V::splat(*rows[m].add(k));
                        for q in 0..NP {
                            for v in 0..NV {
                                sums[m][q][v] = sums[m][q][v].fma(a, w[q][v]);
                            }
                        }
                    }
                }
                since += to - from;
                from = to;
                if LONG && since == V::BLOCK {
                    since = 0;
                    for m in 0..MR {
                        for q in 0..NP {
                            for v in 0..NV {
                                total[m][q][v] = total[m][q][v].add(sums[m][q][v]);
                                sums[m][q][v] = zero;
                            }
                        }
                    }
                }
            }
        }
        if !LONG && !V::IN_ORDER && job.bias_last {
            for (q, bias) in bias.iter_mut().enumerate() {
                *bias = V::load_all(job.panel.add(q * panel_len));
            }
            for sums in sums.iter_mut() {
                for q in 0..NP {
                    for v in 0..NV {
                        sums[q][v] = sums[q][v].add(bias[q][v]);
                    }
                }
            }
        }
        let (lo, hi) = (V::splat(job.lo), V::splat(job.hi));
        for m in 0..MR {
            for q in 0..NP {
                for v in 0..NV {
                    let sum = sums[m][q][v];
                    let value = match LONG || V::IN_ORDER {
                        true => total[m][q][v].add(sum),
                        false => sum,
                    };
                    sums[m][q][v] = value.clamp(lo, hi);
                }
            }
        }
        if job.columns >= NP * width {
            for (m, sums) in sums.into_iter().enumerate() {
                let mut at = m * job.out_row;
                for sums in sums {
                    for sum in sums {
                        sum.store(out.add(at));
                        at += V::LANES;
                    }
                }
            }
        } else {
            // Room for the widest vectors.
            let mut rows = [[[[0.0f32; 16]; NV]; NP]; MR];
            let from = rows.as_mut_ptr().cast::<f32>();
            let mut at = 0;
            for sums in sums {
                for sums in sums {
                    for sum in sums {
                        sum.store(from.add(at));
                        at += V::LANES;
                    }
                }
            }
            for m in 0..MR {
                let row = from.add(m * NP * width);
                std::ptr::copy_nonoverlapping(row, out.add(m * job.out_row), job.columns);
            }
        }
    }
}

/// One step of the sums: the `I`th of `some` numbers of each row times the panels' weights.
///
/// # Safety
/// The instruction set of `V` must be there, and `NV * LANES` weights of each panel.
#[inline(always)]
unsafe fn step<V: Vector, const MR: usize, const NV: usize, const NP: usize, const I: usize>(
    sums: &mut [[[V; NV]; NP]; MR],
    some: &[V; MR],
    weights: *const f32,
    panel_len: usize,
) {
    // SAFETY: promised by the caller.
    unsafe {
        for q in 0..NP {
            let w: [V; NV] = V::load_all(weights.add(q * panel_len));
            for m in 0..MR {
                let a = some[m].nth::<I>();
                for v in 0..NV {
                    sums[m][q][v] = sums[m][q][v].fma(a, w[v]);
                }
            }
        }
    }
}

/// f32 in a cache line.
const LINE: usize = 16;

/// Works through `bases.len()` rows with tiles of at most `MR` rows.
///
/// # Safety
/// As [`tile`], for every row.
#[inline(always)]
unsafe fn rows<V: Vector, const MR: usize, const NV: usize>(
    job: &Job,
    bases: &[usize],
    out: *mut f32,
) {
    // SAFETY: promised by the caller.
    unsafe {
        match V::BLOCK < job.taps.len() * job.run {
            true => rows_of::<V, MR, NV, true>(job, bases, out),
            false => rows_of::<V, MR, NV, false>(job, bases, out),
        }
    }
}

/// # Safety
/// As [`rows`], for rows that are `LONG` or not.
#[inline(always)]
unsafe fn rows_of<V: Vector, const MR: usize, const NV: usize, const LONG: bool>(
    job: &Job,
    bases: &[usize],
    out: *mut f32,
) {
    let depth = job.taps.len() * job.run;
    // The next panel, fetched by the first tiles: as many lines as they have steps each.
    let mut ahead = job.next;
    let lines = (1 + depth) * NV * V::LANES;
    let mut row = 0;
    while row < bases.len() {
        let left = bases.len() - row;
        // SAFETY: as promised by the caller; a tile of n rows is only taken where n rows are left.
        unsafe {
            let bases = &bases[row..];
            let out = out.add(row * job.out_row);
            let none = std::ptr::null();
            if left >= MR {
                if !job.next.is_null() && ahead < job.next.wrapping_add(lines) {
                    tile::<V, MR, NV, 1, LONG, true>(job, bases, out, ahead);
                    ahead = ahead.wrapping_add(depth * LINE);
                } else {
                    tile::<V, MR, NV, 1, LONG, false>(job, bases, out, none);
                }
                row += MR;
            } else if left >= 7 {
                tile::<V, 7, NV, 1, LONG, false>(job, bases, out, none);
                row += 7;
            } else if left >= 4 {
                tile::<V, 4, NV, 1, LONG, false>(job, bases, out, none);
                row += 4;
            } else if left >= 2 {
                tile::<V, 2, NV, 1, LONG, false>(job, bases, out, none);
                row += 2;
            } else {
                tile::<V, 1, NV, 1, LONG, false>(job, bases, out, none);
                row += 1;
            }
        }
    }
}

/// Panels that [`Tiles::row`] works on at once: as many streams of weights, which is how memory is fast.
pub const TOGETHER: usize = 4;

/// One row times [`TOGETHER`] panels.
///
/// # Safety
/// As [`tile`].
#[inline(always)]
unsafe fn one_row<V: Vector>(job: &Job, base: usize, out: *mut f32) {
    // SAFETY: promised by the caller.
    unsafe {
        match V::BLOCK < job.taps.len() * job.run {
            true => tile::<V, 1, 2, TOGETHER, true, false>(job, &[base], out, std::ptr::null()),
            false => tile::<V, 1, 2, TOGETHER, false, false>(job, &[base], out, std::ptr::null()),
        }
    }
}

/// A function that works through rows of one panel.
pub type RowsFn = unsafe fn(&Job, &[usize], *mut f32);

/// The tiles of an instruction set.
#[derive(Clone, Copy)]
pub struct Tiles {
    /// For panels of [`Tiles::width`] columns.
    pub wide: RowsFn,
    /// For panels of half of that.
    pub narrow: RowsFn,
    /// For one row that begins at the base given, of [`TOGETHER`] wide panels that lie behind each other.
    pub row: unsafe fn(&Job, usize, *mut f32),
    /// Rows of a tile, whose multiples are worked on best.
    pub rows: usize,
    pub width: usize,
}

macro_rules! entry {
    ($module:ident, $feature:literal, $vector:ty, $mr:literal, $narrow:literal) => {
        #[cfg(target_arch = "x86_64")]
        mod $module {
            use super::*;

            #[target_feature(enable = $feature)]
            unsafe fn wide(job: &Job, bases: &[usize], out: *mut f32) {
                // SAFETY: promised by the caller.
                unsafe { rows::<$vector, $mr, 2>(job, bases, out) }
            }

            #[target_feature(enable = $feature)]
            unsafe fn narrow(job: &Job, bases: &[usize], out: *mut f32) {
                // SAFETY: promised by the caller.
                unsafe { rows::<$vector, $narrow, 1>(job, bases, out) }
            }

            #[target_feature(enable = $feature)]
            unsafe fn row(job: &Job, base: usize, out: *mut f32) {
                // SAFETY: promised by the caller.
                unsafe { one_row::<$vector>(job, base, out) }
            }

            pub const TILES: Tiles = Tiles {
                wide,
                narrow,
                row,
                rows: $mr,
                width: 2 * <$vector>::LANES,
            };
        }
    };
}

entry!(avx512, "avx512f", x86::Avx512, 7, 14);
entry!(avx2, "avx2,fma", x86::Avx2, 6, 12);
entry!(ordered_avx512, "avx512f", InOrder<x86::Avx512>, 7, 14);
entry!(ordered_avx2, "avx2,fma", InOrder<x86::Avx2>, 6, 12);

/// Tiles of plain Rust, which needs no instruction set.
const fn plain<V: Vector>() -> Tiles {
    Tiles {
        wide: rows::<V, 4, 2>,
        narrow: rows::<V, 4, 1>,
        row: one_row::<V>,
        rows: 4,
        width: 2 * V::LANES,
    }
}

/// Eight rows by eight columns: 16 registers of sums, 8 of rows, 2 of weights.
#[cfg(target_arch = "aarch64")]
const fn neon<V: Vector>() -> Tiles {
    Tiles {
        wide: rows::<V, 8, 2>,
        narrow: rows::<V, 8, 1>,
        row: one_row::<V>,
        rows: 8,
        width: 2 * V::LANES,
    }
}

/// The tiles of a level, for sums [in order](Vector::IN_ORDER) or not.
pub fn choose(level: Level, in_order: bool) -> Tiles {
    match (level, in_order) {
        #[cfg(target_arch = "x86_64")]
        (Level::Avx512, false) => avx512::TILES,
        #[cfg(target_arch = "x86_64")]
        (Level::Avx2, false) => avx2::TILES,
        #[cfg(target_arch = "x86_64")]
        (Level::Avx512, true) => ordered_avx512::TILES,
        #[cfg(target_arch = "x86_64")]
        (Level::Avx2, true) => ordered_avx2::TILES,
        #[cfg(target_arch = "aarch64")]
        (Level::Neon | Level::NeonDot, false) => neon::<arm::Neon>(),
        #[cfg(target_arch = "aarch64")]
        (Level::Neon | Level::NeonDot, true) => neon::<InOrder<arm::Neon>>(),
        (_, false) => plain::<Plain>(),
        (_, true) => plain::<InOrder<Plain>>(),
    }
}

//! SOFTMAX of f32 in vectors.

// By index: iterators are functions of their own, compiled without the instruction set of these loops.
#![allow(clippy::needless_range_loop)]

use super::as_c::AsC;
use super::functions::exp;
use super::lanes::{Lanes, by_lanes};
use super::rows;
use crate::kernels::cpu::Level;

pub fn run(
    level: Level,
    depth: usize,
    (beta, in_order): (f32, bool),
    x: &[f32],
    out: &mut [f32],
) -> bool {
    let depth = depth.max(1);
    let rows = x.len().min(out.len()) / depth;
    let (x, out) = (x.as_ptr(), out.as_mut_ptr());
    // SAFETY: the level is there, both have `rows` rows of `depth` values.
    unsafe {
        match in_order {
            true => all_of::<true>(level, rows, depth, beta, (x, out), level),
            false => all_of::<false>(level, rows, depth, beta, (x, out), level),
        }
    }
}

by_lanes! {
    /// # Safety
    /// As [`all`].
    unsafe fn all_of[const IN_ORDER: bool][IN_ORDER](
        rows: usize,
        depth: usize,
        beta: f32,
        places: (*const f32, *mut f32),
        level: Level,
    ) = all
}

/// # Safety
/// As [`Lanes::splat`]; `rows` of `depth` values must be readable at `x` and writable at `out`.
#[inline(always)]
unsafe fn all<V: AsC, const IN_ORDER: bool>(
    rows: usize,
    depth: usize,
    beta: f32,
    (x, out): (*const f32, *mut f32),
    level: Level,
) {
    for first in (0..rows).step_by(ROWS) {
        let (at, count) = (first * depth, ROWS.min(rows - first));
        // SAFETY: as promised.
        unsafe { softmax::<V, IN_ORDER>(count, depth, beta, (x.add(at), out.add(at)), level) }
    }
}

/// `e^x`, as C has it where the last place matters.
///
/// # Safety
/// As [`Lanes::splat`].
#[inline(always)]
unsafe fn power<V: AsC, const IN_ORDER: bool>(x: V) -> V {
    // SAFETY: promised by the caller.
    unsafe { if IN_ORDER { x.exp_as_c() } else { exp(x) } }
}

/// `x / all`, by way of `1 / all` where the last place does not matter.
///
/// # Safety
/// As [`Lanes::splat`].
#[inline(always)]
unsafe fn part<V: Lanes, const IN_ORDER: bool>(x: V, all: V, share: V) -> V {
    // SAFETY: promised by the caller.
    unsafe {
        if IN_ORDER {
            return x.div(all);
        }
        let ratio = x.mul(share);
        let rest = V::splat(0.0).sub(ratio).fma(all, x);
        rest.fma(share, ratio)
    }
}

/// The largest of the values and `most`; NaN is no maximum, as in the plain kernel.
///
/// # Safety
/// As [`Lanes::splat`]; the values from `x` on must be readable, which are whole vectors.
#[inline(always)]
unsafe fn largest<V: Lanes>(x: *const f32, count: usize, most: f32) -> f32 {
    // SAFETY: promised by the caller.
    unsafe {
        let mut all = V::splat(most);
        for at in (0..count).step_by(V::N) {
            all = V::load(x.add(at)).max(all);
        }
        all.greatest()
    }
}

/// `e^((x - most) * beta)` of values that are whole vectors, and their sum.
///
/// # Safety
/// As [`largest`]; as many values must be writable at `out`.
#[inline(always)]
unsafe fn powers<V: AsC, const IN_ORDER: bool>(
    (x, out): (*const f32, *mut f32),
    count: usize,
    (most, beta): (f32, f32),
) -> f32 {
    // SAFETY: promised by the caller.
    unsafe {
        let (most, beta) = (V::splat(most), V::splat(beta));
        let mut sums = V::splat(0.0);
        for at in (0..count).step_by(V::N) {
            let e = power::<V, IN_ORDER>(V::load(x.add(at)).sub(most).mul(beta));
            e.store(out.add(at));
            sums = sums.add(e);
        }
        sums.total()
    }
}

/// Vectors that are worked on side by side.
const TOGETHER: usize = 4;
/// Rows that are: the sum of one is added up while the next is worked on.
const ROWS: usize = 16;

/// # Safety
/// As [`Lanes::splat`]; `rows <= ROWS` of `depth` values must be readable at `x` and writable at `out`.
#[inline(always)]
unsafe fn softmax<V: AsC, const IN_ORDER: bool>(
    rows: usize,
    depth: usize,
    beta: f32,
    (x, out): (*const f32, *mut f32),
    level: Level,
) {
    let (whole, left) = (depth / V::N * V::N, depth % V::N);
    let wide = depth / (TOGETHER * V::N) * (TOGETHER * V::N);
    let (mut most, mut sums) = ([f32::MIN; ROWS], [0.0; ROWS]);
    // SAFETY: promised by the caller.
    unsafe {
        for row in 0..rows {
            let x = x.add(row * depth);
            let mut max = f32::MIN;
            if wide > 0 {
                max = largest::<[V; TOGETHER]>(x, wide, max);
            }
            if wide < whole {
                max = largest::<V>(x.add(wide), whole - wide, max);
            }
            for at in whole..depth {
                max = max.max(*x.add(at));
            }
            most[row] = max;
        }
        for row in 0..rows {
            let (x, out, most) = (x.add(row * depth), out.add(row * depth), most[row]);
            let mut sum = 0.0;
            if wide > 0 {
                sum = powers::<[V; TOGETHER], IN_ORDER>((x, out), wide, (most, beta));
            }
            if wide < whole {
                sum +=
                    powers::<V, IN_ORDER>((x.add(wide), out.add(wide)), whole - wide, (most, beta));
            }
            if left > 0 {
                let rest = V::load_part(x.add(whole), left);
                let e = power::<V, IN_ORDER>(rest.sub(V::splat(most)).mul(V::splat(beta)));
                e.store_part(out.add(whole), left);
                for at in whole..depth {
                    sum += *out.add(at);
                }
            }
            sums[row] = sum;
        }
        if IN_ORDER {
            let powers = std::slice::from_raw_parts(out, rows * depth);
            sums = [0.0; ROWS];
            rows::in_order(level, depth, powers, &mut sums[..rows]);
        }
        for row in 0..rows {
            let out = out.add(row * depth);
            let (all, share) = (V::splat(sums[row]), V::splat(1.0 / sums[row]));
            for at in (0..whole).step_by(V::N) {
                part::<V, IN_ORDER>(V::load(out.add(at)), all, share).store(out.add(at));
            }
            if left > 0 {
                let rest = part::<V, IN_ORDER>(V::load_part(out.add(whole), left), all, share);
                rest.store_part(out.add(whole), left);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernels::cpu;
    use crate::kernels::reference::softmax::softmax_f32;

    proptest! {
        #[test]
        fn as_the_plain_kernel(
            depth in 1usize..70,
            rows in 1usize..20,
            beta in 0.1f32..2.0,
            in_order in any::<bool>(),
            seed in any::<u16>(),
        ) {
            let value = |i: usize| ((i * 7919 + usize::from(seed)) % 1013) as f32 * 0.05 - 25.0;
            let x: Vec<f32> = (0..depth * rows).map(value).collect();
            let mut want = vec![0f32; x.len()];
            softmax_f32(depth, beta, &x, &mut want);
            for level in cpu::levels().filter(|&l| l > Level::Portable) {
                let mut got = vec![0f32; x.len()];
                prop_assert!(run(level, depth, (beta, in_order), &x, &mut got));
                for (got, want) in got.iter().zip(&want) {
                    let allowed = if in_order { 0.0 } else { 4e-6 * want + f32::MIN_POSITIVE };
                    prop_assert!((got - want).abs() <= allowed, "{got:e}, not {want:e}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_number_spreads_over_its_row() {
        let levels = cpu::levels().filter(|&l| l > Level::Portable);
        for (level, in_order) in levels.flat_map(|level| [(level, false), (level, true)]) {
            for (at, odd) in [(0, f32::NAN), (20, f32::NAN), (3, f32::INFINITY)] {
                let mut x = [1f32; 21];
                x[at] = odd;
                let mut out = [0f32; 21];
                run(level, 21, (1.0, in_order), &x, &mut out);
                assert!(out.iter().all(|v| v.is_nan()));
            }
            let mut out = [0f32; 2];
            run(
                level,
                2,
                (1.0, in_order),
                &[f32::NEG_INFINITY, 0.0],
                &mut out,
            );
            assert_eq!(out, [0.0, 1.0]);
        }
    }
}

//! SOFTMAX of f32 in vectors.

use std::arch::x86_64::{__m256, __m512};

use super::functions::exp;
use super::lanes::Lanes;
use crate::kernels::cpu::Level;

pub fn run(level: Level, depth: usize, beta: f32, x: &[f32], out: &mut [f32]) -> bool {
    let depth = depth.max(1);
    let rows = x.len().min(out.len()) / depth;
    let (x, out) = (x.as_ptr(), out.as_mut_ptr());
    for row in 0..rows {
        // SAFETY: both have `rows` rows of `depth`.
        let (x, out) = unsafe { (x.add(row * depth), out.add(row * depth)) };
        match level {
            // SAFETY: the level is there, the row has `depth` values.
            Level::Avx512 => unsafe { avx512(depth, beta, x, out) },
            // SAFETY: as above.
            Level::Avx2 => unsafe { avx2(depth, beta, x, out) },
            Level::Portable => return false,
        }
    }
    true
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn avx512(depth: usize, beta: f32, x: *const f32, out: *mut f32) {
    // SAFETY: as promised.
    unsafe { softmax::<__m512>(depth, beta, x, out) }
}

#[target_feature(enable = "avx2,fma")]
unsafe fn avx2(depth: usize, beta: f32, x: *const f32, out: *mut f32) {
    // SAFETY: as promised.
    unsafe { softmax::<__m256>(depth, beta, x, out) }
}

/// `x / all` by way of `1 / all`.
///
/// # Safety
/// As [`Lanes::splat`].
#[inline(always)]
unsafe fn part<V: Lanes>(x: V, all: V, share: V) -> V {
    // SAFETY: promised by the caller.
    unsafe {
        let ratio = x.mul(share);
        let rest = V::splat(0.0).sub(ratio).fma(all, x);
        rest.fma(share, ratio)
    }
}

/// # Safety
/// As [`Lanes::splat`]; `depth` values must be readable at `x` and writable at `out`.
#[inline(always)]
unsafe fn softmax<V: Lanes>(depth: usize, beta: f32, x: *const f32, out: *mut f32) {
    // SAFETY: promised by the caller.
    unsafe {
        let (whole, left) = (depth / V::N * V::N, depth % V::N);
        let mut most = V::splat(f32::MIN);
        for at in (0..whole).step_by(V::N) {
            // NaN is no maximum, as in the plain kernel.
            most = V::load(x.add(at)).max(most);
        }
        let mut max = most.greatest();
        for at in whole..depth {
            max = max.max(*x.add(at));
        }
        let (max, slope) = (V::splat(max), V::splat(beta));
        let mut sums = V::splat(0.0);
        for at in (0..whole).step_by(V::N) {
            let e = exp(V::load(x.add(at)).sub(max).mul(slope));
            e.store(out.add(at));
            sums = sums.add(e);
        }
        let mut sum = sums.total();
        if left > 0 {
            let e = exp(V::load_part(x.add(whole), left).sub(max).mul(slope));
            e.store_part(out.add(whole), left);
            for at in whole..depth {
                sum += *out.add(at);
            }
        }
        let (all, share) = (V::splat(sum), V::splat(1.0 / sum));
        for at in (0..whole).step_by(V::N) {
            part(V::load(out.add(at)), all, share).store(out.add(at));
        }
        if left > 0 {
            let rest = part(V::load_part(out.add(whole), left), all, share);
            rest.store_part(out.add(whole), left);
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
            rows in 1usize..4,
            beta in 0.1f32..2.0,
            seed in any::<u16>(),
        ) {
            let value = |i: usize| ((i * 7919 + usize::from(seed)) % 1013) as f32 * 0.05 - 25.0;
            let x: Vec<f32> = (0..depth * rows).map(value).collect();
            let mut want = vec![0f32; x.len()];
            softmax_f32(depth, beta, &x, &mut want);
            for level in cpu::levels().filter(|&l| l > Level::Portable) {
                let mut got = vec![0f32; x.len()];
                prop_assert!(run(level, depth, beta, &x, &mut got));
                for (got, want) in got.iter().zip(&want) {
                    prop_assert!((got - want).abs() <= 4e-6 * want + f32::MIN_POSITIVE);
                }
            }
        }
    }

    #[test]
    fn what_is_no_number_spreads_over_its_row() {
        for level in cpu::levels().filter(|&l| l > Level::Portable) {
            for (at, odd) in [(0, f32::NAN), (20, f32::NAN), (3, f32::INFINITY)] {
                let mut x = [1f32; 21];
                x[at] = odd;
                let mut out = [0f32; 21];
                run(level, 21, 1.0, &x, &mut out);
                assert!(out.iter().all(|v| v.is_nan()));
            }
            let mut out = [0f32; 2];
            run(level, 2, 1.0, &[f32::NEG_INFINITY, 0.0], &mut out);
            assert_eq!(out, [0.0, 1.0]);
        }
    }
}

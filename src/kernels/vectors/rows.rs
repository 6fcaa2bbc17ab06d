//! Sums of rows, each added up one term after the other and rounded to f32 every time.

use crate::kernels::cpu::Level;

/// Rows that are added up side by side, so that none waits for its own last sum.
const TOGETHER: usize = 8;

/// Adds each row of `depth` to its sum, as a plain loop does.
pub fn in_order(level: Level, depth: usize, x: &[f32], sums: &mut [f32]) {
    assert_eq!(x.len(), sums.len() * depth);
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if level == Level::Avx512 {
        while sums.len() - done >= LANES {
            let (x, sums) = (&x[done * depth..], &mut sums[done..]);
            done += match sums.len() >= 2 * LANES {
                // SAFETY: the level is there.
                true => unsafe { x86::add::<2>(depth, x, sums) },
                // SAFETY: as above.
                false => unsafe { x86::add::<1>(depth, x, sums) },
            };
        }
    }
    let (x, sums) = (&x[done * depth..], &mut sums[done..]);
    let rows = x.chunks(TOGETHER * depth.max(1));
    for (x, sums) in rows.zip(sums.chunks_mut(TOGETHER)) {
        for at in 0..depth {
            for (row, sum) in sums.iter_mut().enumerate() {
                *sum += x[row * depth + at];
            }
        }
    }
}

/// Rows that have a lane each.
#[cfg(target_arch = "x86_64")]
const LANES: usize = 16;

#[cfg(target_arch = "x86_64")]
mod x86 {
    // By index: iterators are functions of their own, compiled without the instruction set of these loops.
    #![allow(clippy::needless_range_loop)]

    use std::arch::x86_64::*;

    use super::LANES;
    use crate::kernels::movement::turn::turned;

    /// Adds `G` times sixteen rows and says how many that are: the sums of one group wait for those of the other.
    ///
    /// # Safety
    /// AVX-512 must be there.
    #[target_feature(enable = "avx512f")]
    pub unsafe fn add<const G: usize>(depth: usize, x: &[f32], sums: &mut [f32]) -> usize {
        assert!(x.len() >= G * LANES * depth && sums.len() >= G * LANES);
        let whole = depth / LANES * LANES;
        // SAFETY: so many rows of `depth` are there (asserted), and as many sums.
        unsafe {
            let mut all = [_mm512_setzero_ps(); G];
            for g in 0..G {
                all[g] = _mm512_loadu_ps(sums.as_ptr().add(LANES * g));
            }
            for at in (0..whole).step_by(LANES) {
                for g in 0..G {
                    let columns = turned(x.as_ptr().add(g * LANES * depth + at), depth);
                    for i in 0..LANES {
                        all[g] = _mm512_add_ps(all[g], columns[i]);
                    }
                }
            }
            for g in 0..G {
                _mm512_storeu_ps(sums.as_mut_ptr().add(LANES * g), all[g]);
            }
        }
        for row in 0..G * LANES {
            for at in whole..depth {
                sums[row] += x[row * depth + at];
            }
        }
        G * LANES
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernels::cpu;

    proptest! {
        #[test]
        fn as_a_plain_loop(rows in 0usize..80, depth in 0usize..70, seed in any::<u16>()) {
            let value = |i: usize| ((i * 7919 + usize::from(seed)) % 1013) as f32 * 0.37 - 25.0;
            let x: Vec<f32> = (0..depth * rows).map(value).collect();
            let plain = |row: usize| x[row * depth..][..depth].iter().fold(0.5, |sum, x| sum + x);
            let want: Vec<f32> = (0..rows).map(plain).collect();
            for level in cpu::levels() {
                let mut got = vec![0.5; rows];
                in_order(level, depth, &x, &mut got);
                prop_assert_eq!(&got, &want);
            }
        }
    }
}

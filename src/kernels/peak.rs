//! How many operations this processor does in a second where nothing but arithmetic keeps it busy: what a kernel's own
//! figure is held against.

// By index: iterators are functions of their own, compiled without the instruction set of these loops.
#![allow(clippy::needless_range_loop)]

use std::hint::black_box;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::cpu::{self, Level};

/// Operations per second of one thread; a multiply-accumulate is two.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peak {
    /// Of f32.
    pub float: f64,
    /// Of 8-bit integers, added up in 32 bits.
    pub integer: f64,
}

/// Sums that don't wait for each other: more than any processor has under way.
const SUMS: usize = 12;
/// Rounds that are timed at once, some 10 microseconds.
const ROUNDS: usize = 2000;
/// How long either is tried; the best try counts.
const TIME: Duration = Duration::from_millis(4);

/// Measured once, in some ten milliseconds.
pub fn peak() -> Peak {
    static PEAK: OnceLock<Peak> = OnceLock::new();
    *PEAK.get_or_init(|| Peak {
        float: best(floats),
        integer: best(integers),
    })
}

/// Operations per second of `run`, which tells how many it did.
fn best(run: fn() -> usize) -> f64 {
    let begun = Instant::now();
    let mut best = 0f64;
    while begun.elapsed() < TIME {
        let start = Instant::now();
        let done = run();
        best = best.max(done as f64 / start.elapsed().as_secs_f64());
    }
    best
}

fn floats() -> usize {
    match cpu::level() {
        // SAFETY: the level is there.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { x86::floats512() },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { x86::floats256() },
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        Level::Neon | Level::NeonDot => unsafe { arm::floats() },
        _ => {
            let (mut sums, x) = ([[1f32; 4]; SUMS], black_box(0.5f32));
            for _ in 0..ROUNDS {
                for sum in &mut sums {
                    for lane in 0..4 {
                        sum[lane] = sum[lane] * x + x;
                    }
                }
            }
            black_box(sums);
            2 * 4 * SUMS * ROUNDS
        }
    }
}

fn integers() -> usize {
    match cpu::level() {
        // SAFETY: the instructions are there.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 if cpu::has_vnni() => unsafe { x86::bytes512() },
        // SAFETY: AVX-512 comes with AVX2.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 | Level::Avx2 => unsafe { x86::words256() },
        // SAFETY: the instructions are there.
        #[cfg(target_arch = "aarch64")]
        Level::NeonDot => unsafe { arm::bytes() },
        // SAFETY: every 64-bit Arm has NEON.
        #[cfg(target_arch = "aarch64")]
        Level::Neon => unsafe { arm::words() },
        _ => {
            let (mut sums, x) = ([[1i32; 4]; SUMS], black_box(3i32));
            for _ in 0..ROUNDS {
                for sum in &mut sums {
                    for lane in 0..4 {
                        sum[lane] = sum[lane].wrapping_mul(x).wrapping_add(x);
                    }
                }
            }
            black_box(sums);
            2 * 4 * SUMS * ROUNDS
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{ROUNDS, SUMS, black_box};

    #[target_feature(enable = "avx512f")]
    pub unsafe fn floats512() -> usize {
        let x = _mm512_set1_ps(black_box(0.5));
        let mut sums = [x; SUMS];
        for _ in 0..ROUNDS {
            for at in 0..SUMS {
                sums[at] = _mm512_fmadd_ps(sums[at], x, x);
            }
        }
        black_box(sums);
        2 * 16 * SUMS * ROUNDS
    }

    #[target_feature(enable = "avx2,fma")]
    pub unsafe fn floats256() -> usize {
        let x = _mm256_set1_ps(black_box(0.5));
        let mut sums = [x; SUMS];
        for _ in 0..ROUNDS {
            for at in 0..SUMS {
                sums[at] = _mm256_fmadd_ps(sums[at], x, x);
            }
        }
        black_box(sums);
        2 * 8 * SUMS * ROUNDS
    }

    #[target_feature(enable = "avx512f,avx512vnni")]
    pub unsafe fn bytes512() -> usize {
        let (x, y) = (
            _mm512_set1_epi8(black_box(3)),
            _mm512_set1_epi8(black_box(-5)),
        );
        let mut sums = [x; SUMS];
        for _ in 0..ROUNDS {
            for at in 0..SUMS {
                sums[at] = _mm512_dpbusd_epi32(sums[at], x, y);
            }
        }
        black_box(sums);
        2 * 64 * SUMS * ROUNDS
    }

    #[target_feature(enable = "avx2")]
    pub unsafe fn words256() -> usize {
        let x = _mm256_set1_epi16(black_box(3));
        let mut sums = [x; SUMS];
        for _ in 0..ROUNDS {
            for at in 0..SUMS {
                sums[at] = _mm256_add_epi32(sums[at], _mm256_madd_epi16(x, sums[at]));
            }
        }
        black_box(sums);
        2 * 16 * SUMS * ROUNDS
    }
}

#[cfg(target_arch = "aarch64")]
mod arm {
    use std::arch::aarch64::*;

    use super::{ROUNDS, black_box};
    use crate::kernels::fast::dot;

    /// As many as there are registers for: processors have up to four such units.
    const SUMS: usize = 24;

    #[target_feature(enable = "neon")]
    pub unsafe fn floats() -> usize {
        let x = vdupq_n_f32(black_box(0.5));
        let mut sums = [x; SUMS];
        for _ in 0..ROUNDS {
            for at in 0..SUMS {
                sums[at] = vfmaq_f32(sums[at], x, x);
            }
        }
        black_box(sums);
        2 * 4 * SUMS * ROUNDS
    }

    #[target_feature(enable = "neon,dotprod")]
    pub unsafe fn bytes() -> usize {
        let (x, y) = (vdupq_n_s8(black_box(3)), vdupq_n_s8(black_box(-5)));
        let mut sums = [vdupq_n_s32(0); SUMS];
        for _ in 0..ROUNDS {
            for at in 0..SUMS {
                // SAFETY: promised by the caller.
                sums[at] = unsafe { dot(sums[at], x, y) };
            }
        }
        black_box(sums);
        2 * 16 * SUMS * ROUNDS
    }

    #[target_feature(enable = "neon")]
    pub unsafe fn words() -> usize {
        let x = vdup_n_s16(black_box(3));
        let mut sums = [vdupq_n_s32(1); SUMS];
        for _ in 0..ROUNDS {
            for at in 0..SUMS {
                let y = vget_low_s16(vreinterpretq_s16_s32(sums[at]));
                sums[at] = vmlal_s16(sums[at], x, y);
            }
        }
        black_box(sums);
        2 * 4 * SUMS * ROUNDS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_does_more_than_a_few_operations_and_less_than_can_be() {
        let Peak { float, integer } = peak();
        for figure in [float, integer] {
            // Debug builds on a busy machine are slow; no core does a million billion.
            assert!((1e6..1e15).contains(&figure), "{figure:e}");
        }
        assert_eq!(peak(), peak());
    }
}

//! From i32 sums to int8, a row of channels at a time, with exactly the reference's roundings.

use crate::kernels::cpu::Level;
use crate::kernels::requant::{Requant, Rescale};

/// Bias and rescaling of each output channel.
#[derive(Debug, Clone)]
pub struct Epilogue {
    bias: Vec<i32>,
    scale: Scale,
    zero_point: i32,
    lo: i32,
    hi: i32,
}

#[derive(Debug, Clone)]
enum Scale {
    /// Multiplier, left shift, right shift.
    Fixed {
        m: Vec<i32>,
        left: Vec<u32>,
        right: Vec<u32>,
    },
    Double(Vec<f64>),
}

impl Epilogue {
    /// For `channels` channels; `bias(c)` is what is added to the sums first. `None` for 64-bit sums.
    pub fn new(requant: &Requant, channels: usize, bias: impl Fn(usize) -> i32) -> Option<Self> {
        let pick = |c: usize| if requant.channels() == 1 { 0 } else { c };
        let scale = match &requant.rescale {
            Rescale::Fixed(multipliers) => {
                let each = || (0..channels).map(|c| multipliers[pick(c)]);
                Scale::Fixed {
                    m: each().map(|m| m.m).collect(),
                    left: each().map(|m| m.shift.max(0) as u32).collect(),
                    right: each().map(|m| (-m.shift).max(0) as u32).collect(),
                }
            }
            Rescale::Double(factors) => {
                Scale::Double((0..channels).map(|c| factors[pick(c)]).collect())
            }
            Rescale::Fixed64(_) => return None,
        };
        Some(Epilogue {
            bias: (0..channels).map(bias).collect(),
            scale,
            zero_point: requant.zero_point,
            lo: requant.lo,
            hi: requant.hi,
        })
    }

    /// Channels `first`, `first + 1`, …, with the instructions of `level`, which must be there.
    #[inline]
    pub fn apply(&self, level: Level, first: usize, sums: &[i32], out: &mut [i8]) {
        match level {
            // SAFETY: the caller says that the level is there.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => unsafe { self.apply_avx512(first, sums, out) },
            // SAFETY: the caller says that the level is there.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { self.apply_avx2(first, sums, out) },
            _ => self.apply_here(first, sums, out),
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn apply_avx512(&self, first: usize, sums: &[i32], out: &mut [i8]) {
        self.apply_here(first, sums, out);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn apply_avx2(&self, first: usize, sums: &[i32], out: &mut [i8]) {
        self.apply_here(first, sums, out);
    }

    /// Whole blocks of 16 channels have a length that the compiler knows; that is what makes vectors of the loops.
    #[inline(always)]
    fn apply_here(&self, first: usize, sums: &[i32], out: &mut [i8]) {
        const BLOCK: usize = 16;
        let n = out.len();
        let sums = &sums[..n];
        let mut done = 0;
        while done + BLOCK <= n {
            let part = &mut out[done..done + BLOCK];
            self.block::<BLOCK>(first + done, &sums[done..done + BLOCK], part);
            done += BLOCK;
        }
        for i in done..n {
            self.block::<1>(first + i, &sums[i..i + 1], &mut out[i..i + 1]);
        }
    }

    #[inline(always)]
    fn block<const N: usize>(&self, first: usize, sums: &[i32], out: &mut [i8]) {
        let bias = &self.bias[first..first + N];
        let mut wide = [0i32; N];
        match &self.scale {
            Scale::Fixed { m, left, right } => {
                let (m, left, right) = (
                    &m[first..first + N],
                    &left[first..first + N],
                    &right[first..first + N],
                );
                for i in 0..N {
                    let shifted = sums[i].wrapping_add(bias[i]).wrapping_shl(left[i]);
                    // multipliers are not negative, so that srdhm is one rounding, half up
                    let product = i64::from(shifted) * i64::from(m[i]);
                    let high = ((product + (1 << 30)) >> 31) as i32;
                    // rdpot without branches
                    let mask = 1i32.wrapping_shl(right[i]).wrapping_sub(1);
                    let up = (high & mask) > (mask >> 1) + i32::from(high < 0);
                    wide[i] = high.wrapping_shr(right[i]) + i32::from(up);
                }
            }
            Scale::Double(factors) => {
                let factors = &factors[first..first + N];
                for i in 0..N {
                    let real = f64::from(sums[i].wrapping_add(bias[i])) * factors[i];
                    // half away from zero without a call
                    let rounded = real + 0.499_999_999_999_999_94_f64.copysign(real);
                    wide[i] = rounded.trunc() as i32;
                }
            }
        }
        for i in 0..N {
            let moved = wide[i].wrapping_add(self.zero_point);
            out[i] = moved.max(self.lo).min(self.hi) as i8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sums_of_64_bits_are_refused() {
        let wide = Requant::fixed64(&[0.5], 0, (-128, 127));
        assert!(Epilogue::new(&wide, 4, |_| 0).is_none());
    }

    proptest! {
        #[test]
        fn equals_the_requantization(sum in any::<i32>(), factor in 1e-9f64..4.0, zero in -128i32..128) {
            for requant in [
                Requant::fixed(&[factor], zero, (-128, 127)),
                Requant::double(&[factor], zero, (-128, 127)),
            ] {
                let mut out = [0i8; 33];
                let epilogue = Epilogue::new(&requant, 33, |_| 0).unwrap();
                for level in crate::kernels::cpu::levels() {
                    epilogue.apply(level, 0, &[sum; 33], &mut out);
                    prop_assert!(out.iter().all(|&o| i32::from(o) == requant.apply(0, i64::from(sum))));
                }
            }
        }
    }
}

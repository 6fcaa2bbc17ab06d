//! From i32 sums to int8, a row of channels at a time, with exactly the reference's roundings.

use crate::kernels::fixed::rdpot;
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
        right: Vec<i32>,
    },
    Double(Vec<f64>),
}

impl Epilogue {
    /// For `channels` channels; `bias(c)` is what is added to the sums first. 64-bit sums have no epilogue here.
    pub fn new(requant: &Requant, channels: usize, bias: impl Fn(usize) -> i32) -> Self {
        let pick = |c: usize| if requant.channels() == 1 { 0 } else { c };
        let scale = match &requant.rescale {
            Rescale::Fixed(multipliers) => {
                let each = || (0..channels).map(|c| multipliers[pick(c)]);
                Scale::Fixed {
                    m: each().map(|m| m.m).collect(),
                    left: each().map(|m| m.shift.max(0) as u32).collect(),
                    right: each().map(|m| (-m.shift).max(0)).collect(),
                }
            }
            Rescale::Double(factors) => {
                Scale::Double((0..channels).map(|c| factors[pick(c)]).collect())
            }
            Rescale::Fixed64(_) => panic!("64-bit sums have no int8 epilogue"),
        };
        Epilogue {
            bias: (0..channels).map(bias).collect(),
            scale,
            zero_point: requant.zero_point,
            lo: requant.lo,
            hi: requant.hi,
        }
    }

    /// Channels `first`, `first + 1`, …
    #[inline(always)]
    pub fn apply(&self, first: usize, sums: &[i32], out: &mut [i8]) {
        let n = out.len();
        let bias = &self.bias[first..first + n];
        match &self.scale {
            Scale::Fixed { m, left, right } => {
                let (m, left, right) = (
                    &m[first..first + n],
                    &left[first..first + n],
                    &right[first..first + n],
                );
                for i in 0..n {
                    let shifted = sums[i].wrapping_add(bias[i]).wrapping_shl(left[i]);
                    // multipliers are not negative, so that srdhm is one rounding, half up
                    let product = i64::from(shifted) * i64::from(m[i]);
                    let high = ((product + (1 << 30)) >> 31) as i32;
                    out[i] = self.finish(rdpot(high, right[i]));
                }
            }
            Scale::Double(factors) => {
                let factors = &factors[first..first + n];
                for i in 0..n {
                    let real = f64::from(sums[i].wrapping_add(bias[i])) * factors[i];
                    // half away from zero without a call
                    let rounded = (real + 0.499_999_999_999_999_94_f64.copysign(real)).trunc();
                    out[i] = self.finish(rounded as i32);
                }
            }
        }
    }

    #[inline(always)]
    fn finish(&self, v: i32) -> i8 {
        v.wrapping_add(self.zero_point).clamp(self.lo, self.hi) as i8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_the_requantization(sum in any::<i32>(), factor in 1e-9f64..4.0, zero in -128i32..128) {
            for requant in [
                Requant::fixed(&[factor], zero, (-128, 127)),
                Requant::double(&[factor], zero, (-128, 127)),
            ] {
                let mut out = [0i8];
                Epilogue::new(&requant, 1, |_| 0).apply(0, &[sum], &mut out);
                prop_assert_eq!(i32::from(out[0]), requant.apply(0, i64::from(sum)));
            }
        }
    }
}

//! SOFTMAX and LOG_SOFTMAX over the last axis, `depth` long.

use half::f16;

use crate::kernels::elementwise::expf::expf;
use crate::kernels::fixed::{
    Multiplier, exp_on_negative, log_at_least_one, mbqm, one_over_one_plus, rdpot, srdhm,
};
use crate::kernels::requant::Quantized;

/// `exp(beta * (x - max))` as C's `expf`, divided by its sum.
pub fn softmax_f32(depth: usize, beta: f32, input: &[f32], output: &mut [f32]) {
    assert_eq!(input.len(), output.len());
    for (x, out) in rows(depth, input, output) {
        let max = x.iter().copied().fold(f32::MIN, f32::max);
        let mut sum = 0.0f32;
        for (o, &v) in out.iter_mut().zip(x) {
            *o = expf((v - max) * beta);
            sum += *o;
        }
        for o in out {
            *o /= sum;
        }
    }
}

/// SOFTMAX of half-precision numbers: the exponentials are rounded before they are divided by their sum.
pub fn softmax_f16(depth: usize, beta: f32, input: &[f16], output: &mut [f16]) {
    for (x, out) in rows(depth, input, output) {
        let max = x
            .iter()
            .map(|v| v.to_f32())
            .fold(f16::MIN.to_f32(), f32::max);
        let mut sum = 0.0f32;
        for (o, v) in out.iter_mut().zip(x) {
            let exp = ((v.to_f32() - max) * beta).exp();
            *o = f16::from_f32(exp);
            sum += exp;
        }
        for o in out {
            *o = f16::from_f32(o.to_f32() / sum);
        }
    }
}

/// `x - max - ln(sum of exp(x - max))`.
pub fn log_softmax_f32(depth: usize, input: &[f32], output: &mut [f32]) {
    assert_eq!(input.len(), output.len());
    for (x, out) in rows(depth, input, output) {
        let max = x.iter().copied().fold(f32::MIN, f32::max);
        let sum: f32 = x.iter().map(|v| (v - max).exp()).sum();
        let log = sum.ln();
        for (o, &v) in out.iter_mut().zip(x) {
            *o = v - max - log;
        }
    }
}

fn rows<'a, X, O>(
    depth: usize,
    input: &'a [X],
    output: &'a mut [O],
) -> impl Iterator<Item = (&'a [X], &'a mut [O])> {
    let depth = depth.max(1);
    input
        .chunks_exact(depth)
        .zip(output.chunks_exact_mut(depth))
}

/// The constants of an 8-bit softmax, made once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoftmaxScale {
    multiplier: i32,
    left_shift: i32,
    /// Differences to the maximum below this are zero.
    smallest: i32,
    /// `e^(beta * scale * -difference)` in Q0.31 for every difference of bytes.
    exps: [i32; 256],
}

impl SoftmaxScale {
    pub fn new(beta: f32, input_scale: f32) -> Self {
        let real = (f64::from(beta) * f64::from(input_scale) * f64::from(1 << 26))
            .min((1u64 << 31) as f64 - 1.0);
        let Multiplier { m, shift } = Multiplier::new(real);
        let range = 31.0 * 2f64.powi(26) / 2f64.powi(shift);
        let smallest = -(range.floor() as i32);
        let exp = |difference: i32| {
            let scaled = srdhm(difference.wrapping_shl(shift as u32), m);
            exp_on_negative(scaled)
        };
        let exps = std::array::from_fn(|below| {
            let difference = -(below as i32);
            if difference >= smallest {
                exp(difference)
            } else {
                0
            }
        });
        SoftmaxScale {
            multiplier: m,
            left_shift: shift,
            smallest,
            exps,
        }
    }

    /// See [`SoftmaxScale`]'s field.
    pub fn exps(&self) -> &[i32; 256] {
        &self.exps
    }

    /// `beta * scale * difference` in Q5.26.
    fn real(&self, difference: i32) -> i32 {
        mbqm(difference, self.multiplier, self.left_shift)
    }

    /// `e^(beta * scale * (v - max))` in Q0.31.
    #[inline(always)]
    fn exp(&self, v: i32, max: i32) -> i32 {
        self.exps[((max - v) & 0xff) as usize]
    }
}

/// The constants of an 8-bit log-softmax: of the input, and of the way back from Q5.26 to its steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSoftmaxScale {
    input: SoftmaxScale,
    back: Multiplier,
}

impl LogSoftmaxScale {
    pub fn new(input_scale: f32) -> Self {
        let input = SoftmaxScale::new(1.0, input_scale);
        let back = 2f64.powi(31 - input.left_shift) / f64::from(input.multiplier);
        LogSoftmaxScale {
            input,
            back: Multiplier::new(back),
        }
    }
}

/// LOG_SOFTMAX on `i8` or `u8`: Q5.26 differences, Q12.19 sum. The output's scale is 1/16, its zero point `T::HI`.
pub fn log_softmax_quantized<T: Quantized>(
    depth: usize,
    scale: LogSoftmaxScale,
    input: &[T],
    output: &mut [T],
) {
    let LogSoftmaxScale { input: scale, back } = scale;
    for (x, out) in rows(depth, input, output) {
        let max = x.iter().map(|&v| v.into()).max().unwrap_or(0);
        let mut sum = 0i32;
        for &v in x {
            let difference = v.into() - max;
            if difference >= scale.smallest {
                sum = sum.wrapping_add(rdpot(exp_on_negative(scale.real(difference)), 12));
            }
        }
        let log = log_at_least_one(sum, 12);
        let lowest = back.apply(log.wrapping_add(i32::MIN));
        let lowest = lowest.max(scale.smallest - 1);
        for (o, &v) in out.iter_mut().zip(x) {
            let difference = v.into() - max;
            let unsat = if difference > lowest {
                // from 26 fraction bits to 4
                rdpot(scale.real(difference).wrapping_sub(log), 22) + T::HI
            } else {
                T::LO
            };
            *o = T::from_i32(unsat.clamp(T::LO, T::HI));
        }
    }
}

/// SOFTMAX on `i8` or `u8`: Q5.26 differences, Q12.19 sum. The output's scale is 1/256, its zero point `O::LO`;
/// an `i16` output has scale 1/32768 and zero point 0 in files, here it begins at -32768.
pub fn softmax_quantized<T: Quantized, O: Quantized>(
    depth: usize,
    scale: SoftmaxScale,
    input: &[T],
    output: &mut [O],
) {
    assert_eq!(input.len(), output.len());
    let output_bits = if O::HI > 255 { 16 } else { 8 };
    for (x, out) in rows(depth, input, output) {
        let max = x.iter().map(|&v| v.into()).max().unwrap_or(0);
        let sum = (x.iter()).fold(0i32, |sum, &v| {
            sum.wrapping_add(rdpot(scale.exp(v.into(), max), 12))
        });
        let headroom = sum.leading_zeros() as i32;
        let shifted = ((sum as u32) << headroom).wrapping_sub(1 << 31) as i32;
        let inverse = one_over_one_plus(shifted);
        let shift = 12 - headroom + 31 - output_bits;
        for (o, &v) in out.iter_mut().zip(x) {
            let unsat = rdpot(srdhm(inverse, scale.exp(v.into(), max)), shift);
            *o = O::from_i32(unsat.saturating_add(O::LO).clamp(O::LO, O::HI));
        }
    }
}

/// The same sum over any axes, and for f64: callers move the axis to the end first.
pub fn softmax_f64(depth: usize, input: &[f64], output: &mut [f64]) {
    for (x, out) in rows(depth, input, output) {
        let max = x.iter().copied().fold(f64::MIN, f64::max);
        let sum: f64 = x.iter().map(|v| (v - max).exp()).sum();
        for (o, &v) in out.iter_mut().zip(x) {
            *o = (v - max).exp() / sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernels::quantized::softmax512::SoftmaxBytes;

    proptest! {
        #[test]
        fn vectors_give_the_same_bytes(
            depth in 48usize..300,
            rows in 1usize..4,
            scale in 0.0005f32..0.5,
            (seed, spread) in (any::<u8>(), 1usize..256),
        ) {
            let scale = SoftmaxScale::new(1.0, scale);
            let Some(bytes) = SoftmaxBytes::new(depth, &scale) else { return Ok(()) };
            let x: Vec<u8> = (0..depth * rows)
                .map(|i| ((i * 7919 + i / 5) % spread) as u8 ^ seed)
                .collect();
            let (mut want, mut got) = (vec![0u8; x.len()], vec![0u8; x.len()]);
            softmax_quantized::<u8, u8>(depth, scale, &x, &mut want);
            bytes.run(false, depth, &x, &mut got);
            prop_assert_eq!(&got, &want);
            let signed: &[i8] = bytemuck::cast_slice(&x);
            softmax_quantized::<i8, i8>(depth, scale, signed, bytemuck::cast_slice_mut(&mut want));
            bytes.run(true, depth, &x, &mut got);
            prop_assert_eq!(&got, &want);
        }
    }

    #[test]
    fn rows_add_up_to_one() {
        let mut out = [0.0; 6];
        softmax_f32(3, 1.0, &[1.0, 2.0, 3.0, 0.0, 0.0, 0.0], &mut out);
        assert!((out[2] - 0.665_240_94).abs() < 1e-6);
        assert!((out[3..].iter().sum::<f32>() - 1.0).abs() < 1e-6);
        softmax_f32(
            3,
            1.0,
            &[f32::NAN, 0.0, 0.0, f32::INFINITY, 0.0, 0.0],
            &mut out,
        );
        assert!(out.iter().all(|v| v.is_nan()));
    }

    #[test]
    fn logarithms_are_within_a_step_of_float() {
        let x: Vec<u8> = (0..64).map(|i| (i * 37 % 256) as u8).collect();
        let mut q = vec![0u8; 64];
        log_softmax_quantized(16, LogSoftmaxScale::new(0.03), &x, &mut q);
        let real: Vec<f32> = x.iter().map(|&v| f32::from(v) * 0.03).collect();
        let mut out = vec![0.0; 64];
        log_softmax_f32(16, &real, &mut out);
        for (q, f) in q.iter().zip(&out) {
            assert!((f32::from(*q) - 255.0 - f * 16.0).abs() <= 1.0, "{q} {f}");
        }
    }

    #[test]
    fn int8_is_within_a_step_of_float() {
        let x: Vec<i8> = (0..64).map(|i| (i * 37 % 256 - 128) as i8).collect();
        let mut q = vec![0i8; 64];
        softmax_quantized(16, SoftmaxScale::new(1.0, 0.05), &x, &mut q);
        let real: Vec<f32> = x.iter().map(|&v| f32::from(v) * 0.05).collect();
        let mut out = vec![0.0; 64];
        softmax_f32(16, 1.0, &real, &mut out);
        for (q, f) in q.iter().zip(&out) {
            assert!((f32::from(*q) + 128.0 - f * 256.0).abs() <= 1.0, "{q} {f}");
        }
    }
}

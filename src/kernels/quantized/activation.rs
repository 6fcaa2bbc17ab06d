//! Activations in integers: RELU family, LEAKY_RELU, PRELU, HARD_SWISH, ABS, RSQRT; LOGISTIC and TANH on 16 bits.

use super::arithmetic::Affine;
use crate::kernels::elementwise::{map, zip};
use crate::kernels::fixed::{Multiplier, high16, inv_sqrt, mbqm, rdpot, srdhm16};
use crate::kernels::requant::Quantized;

#[inline(always)]
fn saturate<T: Quantized>(v: i32) -> T {
    T::from_i32(v.clamp(T::LO, T::HI))
}

/// RELU, RELU6, RELU_N1_TO_1, RELU_0_TO_1; `range` is the activation's on the output's scale
/// ([`crate::kernels::requant::quantized_range`]).
pub fn relu<T: Quantized>(
    x: &[T],
    input: Affine,
    output: Affine,
    range: (i32, i32),
    out: &mut [T],
) {
    let m = Multiplier::new(f64::from(input.scale / output.scale));
    map(x, out, |x| {
        let v = m.apply(x.into() - input.zero).wrapping_add(output.zero);
        T::from_i32(v.clamp(range.0, range.1))
    });
}

/// LEAKY_RELU.
pub fn leaky_relu<T: Quantized>(x: &[T], alpha: f32, input: Affine, output: Affine, out: &mut [T]) {
    let identity = Multiplier::new(f64::from(input.scale / output.scale));
    let leak = Multiplier::new(f64::from(input.scale * alpha.abs() / output.scale));
    let sign = if alpha < 0.0 { -1 } else { 1 };
    map(x, out, |x| {
        let v = x.into() - input.zero;
        let scaled = if v >= 0 {
            identity.apply(v)
        } else {
            leak.apply(v) * sign
        };
        saturate(scaled.wrapping_add(output.zero))
    });
}

/// PRELU; alpha broadcasts against `x`.
pub fn prelu<T: Quantized, A: Quantized>(
    (x, shape, input): (&[T], &[usize], Affine),
    (alpha, alpha_shape, slope): (&[A], &[usize], Affine),
    output: Affine,
    out: &mut [T],
) {
    let identity = Multiplier::new(f64::from(input.scale / output.scale));
    let leak = Multiplier::new(f64::from(input.scale * slope.scale / output.scale));
    zip((x, shape), (alpha, alpha_shape), (out, shape), |x, a| {
        let v = x.into() - input.zero;
        let scaled = if v >= 0 {
            identity.apply(v)
        } else {
            leak.apply(v * (a.into() - slope.zero))
        };
        saturate(scaled.wrapping_add(output.zero))
    });
}

/// ABS: `|x - zero|` on the output's scale.
pub fn abs<T: Quantized>(x: &[T], input: Affine, output: Affine, out: &mut [T]) {
    let rescale = (input.scale != output.scale)
        .then(|| Multiplier::new(f64::from(input.scale / output.scale)));
    map(x, out, |x| {
        let size = (x.into() - input.zero).abs();
        let scaled = rescale.map_or(size, |m| m.apply(size));
        saturate(scaled.wrapping_add(output.zero))
    });
}

/// SQRT: in f32, cut towards zero. No value lies below the zero point.
pub fn sqrt<T: Quantized>(x: &[T], input: Affine, output: Affine, out: &mut [T]) {
    map(x, out, |x| {
        let real = input.scale * (x.into() - input.zero) as f32;
        let steps = (real.sqrt() / output.scale) as i32;
        saturate(steps.saturating_add(output.zero))
    });
}

/// RSQRT of `i8`; 0 gives the largest value.
pub fn rsqrt_i8(x: &[i8], input: Affine, output: Affine, out: &mut [i8]) {
    const BITS: i32 = 20;
    let m = Multiplier::new(1.0 / f64::from(input.scale.sqrt() * output.scale));
    map(x, out, |x| {
        let v = i32::from(x) - input.zero;
        if v == 0 {
            return i8::MAX;
        }
        let inverse = inv_sqrt(v);
        let value = mbqm(1, inverse.m, inverse.shift + BITS);
        saturate(mbqm(value, m.m, m.shift - BITS).wrapping_add(output.zero))
    });
}

/// HARD_SWISH of `i8` or `u8` in 16-bit fixed point.
pub fn hard_swish<T: Quantized>(x: &[T], input: Affine, output: Affine, out: &mut [T]) {
    let hires = input.scale / 128.0;
    let to_output = Multiplier::new(f64::from(hires / output.scale));
    let to_relu = Multiplier::new(f64::from(hires / (3.0 / 32768.0)));
    let (output_m, relu_m) = (high16(to_output.m), high16(to_relu.m));
    let (output_e, relu_e) = (to_output.shift, to_relu.shift);
    map(x, out, |x| {
        let v = ((x.into() - input.zero) << 7) as i16;
        let on_output = srdhm16(v, output_m);
        let mut relu = v;
        if relu_e > 0 {
            relu = shift_left16(relu, relu_e - 1);
        }
        relu = srdhm16(relu, relu_m);
        if relu_e > 0 {
            relu = shift_left16(relu, 1);
        } else if relu_e < 0 {
            relu = rdpot(relu.into(), -relu_e) as i16;
        }
        // from [-1, 1] to [0, 1]
        let relu = (i32::from(relu) + (1 << 15)) >> 1;
        let product = (relu * i32::from(on_output)) / (1 << 15);
        saturate(rdpot(product, (-output_e).max(0)).wrapping_add(output.zero))
    });
}

fn shift_left16(v: i16, amount: i32) -> i16 {
    (i64::from(v) << amount).clamp(i16::MIN.into(), i16::MAX.into()) as i16
}

/// The upper half of the logistic function: `round(65536 / (1 + exp(-i / 24)))`, with the entries of
/// [`ROUNDED_UP`] one higher and saturated, as TensorFlow Lite's table of 256 has them.
fn sigmoid_table() -> &'static [u32; 256] {
    use std::sync::OnceLock;
    static TABLE: OnceLock<[u32; 256]> = OnceLock::new();
    TABLE.get_or_init(|| {
        std::array::from_fn(|i| {
            let exact = 65536.0 / (1.0 + (-(i as f64) / 24.0).exp());
            let up = u32::from(ROUNDED_UP.contains(&(i as u8)));
            (exact.round() as u32 + up).min(65535)
        })
    })
}

const ROUNDED_UP: [u8; 44] = [
    4, 8, 12, 14, 15, 16, 17, 19, 20, 21, 22, 25, 27, 28, 29, 30, 31, 33, 34, 35, 37, 39, 40, 41,
    43, 44, 45, 46, 49, 50, 54, 62, 63, 64, 66, 82, 86, 93, 100, 103, 112, 116, 135, 255,
];

/// The factor that brings an i16 input to the table's steps: `x * multiplier >> shift`.
#[derive(Debug, Clone, Copy)]
struct TableScale {
    multiplier: i32,
    shift: u32,
}

impl TableScale {
    /// `exact` are the shifts for which a power-of-two scale is taken as it is.
    fn new(input_scale: f32, exact: std::ops::RangeInclusive<i32>) -> Self {
        let log2 = f64::from(input_scale).log2();
        if log2.fract() == 0.0 && exact.contains(&(12 + log2 as i32)) {
            return TableScale {
                multiplier: 3 << (12 + log2 as i32),
                shift: 0,
            };
        }
        let mut real = f64::from(input_scale) * 4096.0 * 3.0;
        let mut shift = 0;
        while real <= 32767.0 / 2.0 && shift <= 30 {
            shift += 1;
            real *= 2.0;
        }
        TableScale {
            multiplier: real as i32,
            shift,
        }
    }

    #[inline(always)]
    fn apply(self, x: i16) -> i32 {
        let round = if self.shift > 0 {
            1 << (self.shift - 1)
        } else {
            0
        };
        ((i64::from(x) * i64::from(self.multiplier) + round) >> self.shift) as i32
    }
}

/// LOGISTIC of `i16`; the output's scale is 1/32768.
pub fn logistic_i16(x: &[i16], input_scale: f32, out: &mut [i16]) {
    let scale = TableScale::new(input_scale, 0..=0);
    let table = sigmoid_table();
    map(x, out, |x| {
        let scaled = scale.apply(x);
        let size = scaled.unsigned_abs();
        let (index, fraction) = ((size >> 9) as usize, size & 0x1ff);
        let result = if index >= 255 {
            0x7fff << 10
        } else {
            interpolate(table, index, fraction, 9)
        };
        let result = if scaled >= 0 {
            result + (1 << 9)
        } else {
            (1 << 25) - result + (1 << 9) - 1
        };
        (result >> 10) as i16
    });
}

/// TANH of `i16`; the output's scale is 1/32768.
pub fn tanh_i16(x: &[i16], input_scale: f32, out: &mut [i16]) {
    let scale = TableScale::new(input_scale, 0..=1);
    let table = sigmoid_table();
    map(x, out, |x| {
        let scaled = scale.apply(x);
        let size = scaled.unsigned_abs();
        let (index, fraction) = ((size >> 8) as usize, size & 0xff);
        let result = if index >= 255 {
            0xffff << 8
        } else {
            interpolate(table, index, fraction, 8)
        };
        let result = if scaled >= 0 {
            result - (1 << 23) + (1 << 7)
        } else {
            -result + (1 << 23) + (1 << 7) - 1
        };
        (result >> 8) as i16
    });
}

#[inline(always)]
fn interpolate(table: &[u32; 256], index: usize, fraction: u32, bits: u32) -> i32 {
    let (low, high) = (table[index], table[index + 1]);
    ((low << bits) + fraction * (high - low)) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    const IN: Affine = Affine {
        scale: 0.05,
        zero: -10,
    };
    const OUT: Affine = Affine {
        scale: 0.04,
        zero: -20,
    };

    fn near(f: impl Fn(f32) -> f32, got: &[i8], x: &[i8], output: Affine, steps: f32) {
        for (&q, &x) in got.iter().zip(x) {
            let real = f((i32::from(x) - IN.zero) as f32 * IN.scale);
            let want = (real / output.scale + output.zero as f32).clamp(-128.0, 127.0);
            assert!((f32::from(q) - want).abs() <= steps, "{x}: {q} {want}");
        }
    }

    #[test]
    fn eight_bits_follow_the_functions() {
        let x: Vec<i8> = (-128..=127).collect();
        let mut out = vec![0i8; 256];
        relu(&x, IN, OUT, (-20, 127), &mut out);
        near(|v| v.max(0.0), &out, &x, OUT, 1.0);
        leaky_relu(&x, 0.2, IN, OUT, &mut out);
        near(|v| if v < 0.0 { v * 0.2 } else { v }, &out, &x, OUT, 1.0);
        hard_swish(&x, IN, OUT, &mut out);
        near(|v| v * (v + 3.0).clamp(0.0, 6.0) / 6.0, &out, &x, OUT, 1.0);
        abs(&x, IN, OUT, &mut out);
        near(f32::abs, &out, &x, OUT, 1.0);
        let x: Vec<i8> = (IN.zero as i8..=127).collect();
        let mut out = vec![0i8; x.len()];
        sqrt(&x, IN, OUT, &mut out);
        near(f32::sqrt, &out, &x, OUT, 1.0);
    }

    #[test]
    fn sixteen_bits_follow_the_functions() {
        let x: Vec<i16> = (-32768..=32767)
            .step_by(97)
            .map(|v: i32| v as i16)
            .collect();
        let mut out = vec![0i16; x.len()];
        for scale in [1.0 / 4096.0, 1.0 / 2048.0, 3.1e-4] {
            logistic_i16(&x, scale, &mut out);
            for (&x, &q) in x.iter().zip(&out) {
                let want = 32768.0 / (1.0 + (-f32::from(x) * scale).exp());
                assert!((f32::from(q) - want).abs() < 12.0, "{x} {q} {want}");
            }
            tanh_i16(&x, scale, &mut out);
            for (&x, &q) in x.iter().zip(&out) {
                let want = 32768.0 * (f32::from(x) * scale).tanh();
                assert!((f32::from(q) - want).abs() < 24.0, "{x} {q} {want}");
            }
        }
    }
}

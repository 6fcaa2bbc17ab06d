//! Batch normalization at inference, bias, L2 normalization, local response normalization.

use crate::kernels::elementwise::halves::{self, Steps};
use crate::kernels::elementwise::map;
use crate::kernels::elementwise::unary::UnaryOp;
use crate::kernels::requant::Quantized;

/// `(x - mean[c]) * scale[c] / sqrt(variance[c] + epsilon) + offset[c]` over the last axis.
pub fn batch_norm_f32(
    input: &[f32],
    scale: &[f32],
    offset: &[f32],
    mean: &[f32],
    variance: &[f32],
    epsilon: f32,
    output: &mut [f32],
) {
    let channels = scale.len().max(1);
    assert_eq!(input.len(), output.len());
    assert!(
        [offset, mean, variance]
            .iter()
            .all(|v| v.len() == scale.len())
    );
    for (x, out) in input
        .chunks_exact(channels)
        .zip(output.chunks_exact_mut(channels))
    {
        for c in 0..channels {
            let factor = scale[c] * (1.0 / (variance[c] + epsilon).sqrt());
            out[c] = (x[c] - mean[c]) * factor + offset[c];
        }
    }
}

/// Mean and variance of each channel of the last axis, summed in `f64`.
pub fn moments(input: &[f32], channels: usize) -> (Vec<f32>, Vec<f32>) {
    let count = (input.len() / channels.max(1)) as f64;
    let mut sums = vec![0.0f64; channels];
    for row in input.chunks_exact(channels.max(1)) {
        sums.iter_mut()
            .zip(row)
            .for_each(|(sum, &x)| *sum += f64::from(x));
    }
    let means: Vec<f64> = sums.iter().map(|sum| sum / count).collect();
    let mut squares = vec![0.0f64; channels];
    for row in input.chunks_exact(channels.max(1)) {
        for ((sum, mean), &x) in squares.iter_mut().zip(&means).zip(row) {
            *sum += (f64::from(x) - mean).powi(2);
        }
    }
    let variances = squares.iter().map(|sum| (sum / count) as f32).collect();
    (means.iter().map(|&mean| mean as f32).collect(), variances)
}

/// L2_NORMALIZATION over the last axis: `x / max(sqrt(sum x^2), 1e-6)`.
pub fn l2_normalize_f32(depth: usize, input: &[f32], output: &mut [f32]) {
    assert_eq!(input.len(), output.len());
    let depth = depth.max(1);
    for (x, out) in input
        .chunks_exact(depth)
        .zip(output.chunks_exact_mut(depth))
    {
        let norm = x.iter().map(|v| v * v).sum::<f32>().sqrt();
        // Not `max`, which drops a NaN.
        let norm = if norm < 1e-6 { 1e-6 } else { norm };
        for (o, v) in out.iter_mut().zip(x) {
            *o = v / norm;
        }
    }
}

/// L2_NORMALIZATION of `i8` or `u8` with input zero point `zero`; the output has scale 1/128 and the middle of the
/// type's range as its zero point.
pub fn l2_normalize_quantized<T: Quantized>(
    depth: usize,
    zero: i32,
    input: &[T],
    output: &mut [T],
) {
    use crate::kernels::fixed::{inv_sqrt, mbqm};
    assert_eq!(input.len(), output.len());
    let depth = depth.max(1);
    let middle = (T::LO + T::HI + 1) / 2;
    for (x, out) in input
        .chunks_exact(depth)
        .zip(output.chunks_exact_mut(depth))
    {
        let square = |&v: &T| (v.into() - zero).pow(2);
        let inverse = inv_sqrt(x.iter().map(square).sum());
        for (o, &v) in out.iter_mut().zip(x) {
            // The kernel of u8 brings the 7 bits in before it rounds.
            let scaled = match T::LO {
                0 => mbqm((v.into() - zero) << 7, inverse.m, inverse.shift),
                _ => mbqm(v.into() - zero, inverse.m, inverse.shift + 7),
            };
            *o = T::from_i32((scaled + middle).clamp(T::LO, T::HI));
        }
    }
}

/// Local response normalization over the last axis: `x / (bias + alpha * sum of squares in the window)^beta`.
/// The window is `[c - radius, c + radius]`; TensorFlow Lite's reference kernel leaves the upper end out
/// (`upper_end` false).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LocalResponseNorm {
    pub depth: usize,
    pub radius: usize,
    pub bias: f32,
    pub alpha: f32,
    pub beta: f32,
    pub upper_end: bool,
}

impl LocalResponseNorm {
    pub fn run(&self, input: &[f32], output: &mut [f32]) {
        assert_eq!(input.len(), output.len());
        let depth = self.depth.max(1);
        for (x, out) in input
            .chunks_exact(depth)
            .zip(output.chunks_exact_mut(depth))
        {
            for c in 0..depth {
                let end = (c + self.radius + usize::from(self.upper_end)).min(depth);
                let window = &x[c.saturating_sub(self.radius)..end];
                let sum: f32 = window.iter().map(|v| v * v).sum();
                out[c] = x[c] * (self.bias + self.alpha * sum).powf(-self.beta);
            }
        }
    }

    /// The same in half types, every step rounded.
    pub fn run_steps<T: Steps>(&self, input: &[T], output: &mut [T]) {
        assert_eq!(input.len(), output.len());
        let depth = self.depth.max(1);
        let [bias, alpha, beta] = [self.bias, self.alpha, -self.beta].map(T::narrow);
        let mut sums = Vec::with_capacity(input.len());
        for x in input.chunks_exact(depth) {
            for c in 0..depth {
                let window = &x[c.saturating_sub(self.radius)..(c + self.radius + 1).min(depth)];
                let sum = window.iter().fold(T::ZERO, |sum, v| sum.add(v.mul(*v)));
                sums.push(sum.mul(alpha).add(bias));
            }
        }
        if self.beta == 0.5 {
            halves::unary(UnaryOp::Rsqrt, &sums, output);
        } else {
            let step = |f: fn(f32) -> f32, v: T| T::narrow(f(v.wide()));
            map(&sums, output, |sum| match self.beta {
                1.0 => T::narrow(1.0).div(sum),
                _ => step(f32::exp, step(f32::ln, sum).mul(beta)),
            });
        }
        output
            .iter_mut()
            .zip(input)
            .for_each(|(out, &x)| *out = x.mul(*out));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalizes_each_channel() {
        let mut out = [0.0; 4];
        batch_norm_f32(
            &[1.0, 10.0, 3.0, 20.0],
            &[1.0, 2.0],
            &[0.0, 1.0],
            &[1.0, 10.0],
            &[4.0, 1.0],
            0.0,
            &mut out,
        );
        assert_eq!(out, [0.0, 1.0, 1.0, 21.0]);
    }

    #[test]
    fn response_windows_with_and_without_their_upper_end() {
        let mut norm = LocalResponseNorm {
            depth: 4,
            radius: 1,
            bias: 1.0,
            alpha: 1.0,
            beta: 0.5,
            upper_end: true,
        };
        let mut out = [0.0; 4];
        norm.run(&[1.0, 2.0, 3.0, 4.0], &mut out);
        assert!((out[0] - 0.4082).abs() < 1e-4 && (out[3] - 0.7845).abs() < 1e-4);
        norm.upper_end = false;
        norm.run(&[1.0, 2.0, 3.0, 4.0], &mut out);
        assert!((out[0] - 0.5f32.sqrt()).abs() < 1e-4 && (out[1] - 0.8165).abs() < 1e-4);
    }
}

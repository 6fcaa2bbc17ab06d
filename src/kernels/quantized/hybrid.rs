//! Dynamic range: float inputs are quantized on the way in, multiplied with int8 weights, and scaled back.

use crate::kernels::params::{Clamp, Conv2d};
use crate::kernels::reference::matmul::MatMul;

/// How one row or image was quantized: `x = scale * (q - zero)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowScale {
    pub scale: f32,
    pub zero: i32,
}

/// To [-127, 127] around 0 by the largest absolute value; a row of zeros has scale 1.
pub fn quantize_symmetric(x: &[f32], q: &mut [i8]) -> RowScale {
    assert_eq!(x.len(), q.len());
    let range = x.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    if range == 0.0 {
        q.fill(0);
        return RowScale {
            scale: 1.0,
            zero: 0,
        };
    }
    let inverse = 127.0 / range;
    for (q, &x) in q.iter_mut().zip(x) {
        *q = (x * inverse).round().clamp(-127.0, 127.0) as i8;
    }
    RowScale {
        scale: range / 127.0,
        zero: 0,
    }
}

/// To [-128, 127] over the range of the values and 0.
pub fn quantize_asymmetric(x: &[f32], q: &mut [i8]) -> RowScale {
    assert_eq!(x.len(), q.len());
    let min = f64::from(x.iter().copied().fold(0.0f32, f32::min));
    let max = f64::from(x.iter().copied().fold(0.0f32, f32::max));
    if min == max {
        q.fill(0);
        return RowScale {
            scale: 1.0,
            zero: 0,
        };
    }
    let (lo, hi) = (-128.0, 127.0);
    let scale = (max - min) / (hi - lo);
    let from_min_is_better = -lo + (min / scale).abs() < hi + (max / scale).abs();
    let zero = if from_min_is_better {
        lo - min / scale
    } else {
        hi - max / scale
    };
    let zero = zero.clamp(lo, hi).round();
    let inverse = 1.0 / scale as f32;
    for (q, &x) in q.iter_mut().zip(x) {
        *q = (zero as f32 + x * inverse).round().clamp(-128.0, 127.0) as i8;
    }
    RowScale {
        scale: scale as f32,
        zero: zero as i32,
    }
}

#[inline]
fn dot(x: &[i8], w: &[i8], zero: i32) -> i32 {
    let product = |(&x, &w): (&i8, &i8)| (i32::from(x) - zero) * i32::from(w);
    x.iter().zip(w).map(product).sum()
}

/// Weights of a hybrid kernel: one scale for all or one per output channel.
#[derive(Debug, Clone, Copy)]
pub struct HybridWeights<'a> {
    pub values: &'a [i8],
    pub scales: &'a [f32],
    pub bias: Option<&'a [f32]>,
}

impl HybridWeights<'_> {
    fn scale(&self, channel: usize) -> f32 {
        let index = if self.scales.len() == 1 { 0 } else { channel };
        self.scales[index]
    }

    fn bias(&self, channel: usize) -> f32 {
        self.bias.map_or(0.0, |b| b[channel])
    }
}

/// FULLY_CONNECTED: filter `[units, depth]`, one scale per input row; `row` is scratch of `depth`.
pub fn fully_connected(
    depth: usize,
    asymmetric: bool,
    input: &[f32],
    weights: HybridWeights,
    clamp: Clamp,
    row: &mut [i8],
    output: &mut [f32],
) {
    let units = weights.values.len() / depth.max(1);
    assert_eq!(output.len(), input.len() / depth.max(1) * units);
    for (x, out) in input
        .chunks_exact(depth.max(1))
        .zip(output.chunks_exact_mut(units.max(1)))
    {
        let RowScale { scale, zero } = if asymmetric {
            quantize_asymmetric(x, row)
        } else {
            quantize_symmetric(x, row)
        };
        for (u, out) in out.iter_mut().enumerate() {
            let sum = dot(row, &weights.values[u * depth..(u + 1) * depth], zero);
            let value = sum as f32 * (scale * weights.scale(u)) + weights.bias(u);
            *out = clamp.apply(value);
        }
    }
}

/// CONV_2D, one input scale per image: symmetric with one weight scale, asymmetric with one per channel.
/// `image` is scratch of one image's length.
pub fn conv2d(
    p: &Conv2d,
    input: &[f32],
    weights: HybridWeights,
    clamp: Clamp,
    image: &mut [i8],
    output: &mut [f32],
) {
    assert_eq!(weights.values.len(), p.filter_len());
    let group_in = p.in_c / p.groups;
    let group_out = p.out_c / p.groups;
    let per_channel = weights.scales.len() > 1;
    each_image(
        p,
        per_channel,
        input,
        image,
        output,
        |image, at, out, row| {
            let (y, x) = at;
            for (c, out) in out.iter_mut().enumerate() {
                let mut sum = 0;
                for ky in 0..p.k_h {
                    for kx in 0..p.k_w {
                        let Some(cell) = p.source(0, y, x, ky, kx) else {
                            continue;
                        };
                        let from = cell + c / group_out * group_in;
                        let w = ((c * p.k_h + ky) * p.k_w + kx) * group_in;
                        sum += dot(
                            &image[from..from + group_in],
                            &weights.values[w..w + group_in],
                            row.zero,
                        );
                    }
                }
                *out = clamp.apply(scaled(sum, row.scale, weights, c));
            }
        },
    );
}

/// DEPTHWISE_CONV_2D, filter `[k_h, k_w, out_c]`; always asymmetric, one input scale per image.
pub fn depthwise(
    p: &Conv2d,
    input: &[f32],
    weights: HybridWeights,
    clamp: Clamp,
    image: &mut [i8],
    output: &mut [f32],
) {
    assert_eq!(weights.values.len(), p.k_h * p.k_w * p.out_c);
    let multiplier = p.out_c / p.in_c.max(1);
    each_image(p, true, input, image, output, |image, (y, x), out, row| {
        for (c, out) in out.iter_mut().enumerate() {
            let mut sum = 0;
            for ky in 0..p.k_h {
                for kx in 0..p.k_w {
                    if let Some(cell) = p.source(0, y, x, ky, kx) {
                        let w = weights.values[(ky * p.k_w + kx) * p.out_c + c];
                        sum += (i32::from(image[cell + c / multiplier]) - row.zero) * i32::from(w);
                    }
                }
            }
            *out = clamp.apply(scaled(sum, row.scale, weights, c));
        }
    });
}

#[inline]
fn scaled(sum: i32, scale: f32, weights: HybridWeights, channel: usize) -> f32 {
    sum as f32 * weights.scale(channel) * scale + weights.bias(channel)
}

/// Quantizes image after image and calls `f(image, (y, x), output channels, scale)` for every output cell.
fn each_image(
    p: &Conv2d,
    asymmetric: bool,
    input: &[f32],
    image: &mut [i8],
    output: &mut [f32],
    f: impl Fn(&[i8], (usize, usize), &mut [f32], RowScale),
) {
    assert_eq!(input.len(), p.input_len());
    assert_eq!(output.len(), p.output_len());
    if output.is_empty() {
        return;
    }
    let image_len = p.in_h * p.in_w * p.in_c;
    let image = &mut image[..image_len];
    for (x, out) in input
        .chunks_exact(image_len.max(1))
        .zip(output.chunks_exact_mut(p.out_h * p.out_w * p.out_c))
    {
        let scale = if asymmetric {
            quantize_asymmetric(x, image)
        } else {
            quantize_symmetric(x, image)
        };
        for (cell, out) in out.chunks_exact_mut(p.out_c).enumerate() {
            f(image, (cell / p.out_w, cell % p.out_w), out, scale);
        }
    }
}

/// BATCH_MATMUL with float `x` `[.., m, k]` and int8 `y`: one scale per row of `x`. `row` is scratch of `k`.
/// `p.adj_x` must be false: transpose `x` first.
#[allow(clippy::too_many_arguments)]
pub fn batch_matmul(
    p: &MatMul,
    asymmetric: bool,
    (x, x_batch): (&[f32], &[usize]),
    (y, y_batch, y_scale): (&[i8], &[usize], f32),
    row: &mut [i8],
    (output, out_batch): (&mut [f32], &[usize]),
) {
    assert!(!p.adj_x, "transpose x first");
    let (yk, yn) = if p.adj_y { (1, p.k) } else { (p.n, 1) };
    p.for_each_batch(x_batch, y_batch, out_batch, |x0, y0, o0| {
        for m in 0..p.m {
            let x = &x[x0 + m * p.k..x0 + (m + 1) * p.k];
            let RowScale { scale, zero } = if asymmetric {
                quantize_asymmetric(x, row)
            } else {
                quantize_symmetric(x, row)
            };
            for n in 0..p.n {
                let sum: i32 = row
                    .iter()
                    .enumerate()
                    .map(|(k, &q)| (i32::from(q) - zero) * i32::from(y[y0 + k * yk + n * yn]))
                    .sum();
                output[o0 + m * p.n + n] = sum as f32 * (scale * y_scale);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_quantized_by_their_own_range() {
        let mut q = [0i8; 3];
        let row = quantize_symmetric(&[1.0, -2.0, 0.5], &mut q);
        assert_eq!((q, row.zero), ([64, -127, 32], 0));
        let row = quantize_asymmetric(&[0.0, 2.55, 1.0], &mut q);
        assert_eq!((q, row.zero), ([-128, 127, -28], -128));
        assert!((row.scale - 0.01).abs() < 1e-7);
        assert_eq!(quantize_symmetric(&[0.0; 3], &mut q).scale, 1.0);
    }

    #[test]
    fn close_to_the_float_product() {
        let weights = HybridWeights {
            values: &[127, -64],
            scales: &[0.01],
            bias: Some(&[1.0]),
        };
        let mut out = [0.0];
        for asymmetric in [false, true] {
            let mut row = [0; 2];
            fully_connected(
                2,
                asymmetric,
                &[1.0, 0.5],
                weights,
                Clamp::NONE,
                &mut row,
                &mut out,
            );
            assert!((out[0] - (1.27 - 0.32 + 1.0)).abs() < 0.01, "{}", out[0]);
        }
    }
}

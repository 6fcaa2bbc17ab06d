//! Convolutions, pooling and softmax of the types that TensorFlow has and TensorFlow Lite has not: half types, `f64`,
//! integers that are not quantized. The order of roundings is that of TensorFlow's kernels for processors.

use std::ops::{AddAssign, Mul};

use super::conv::for_each_scatter;
use super::matmul::MulAdd;
use super::reduce_halves::sum;
use crate::kernels::elementwise::halves::Steps;
use crate::kernels::params::{Conv2d, Pool2d};

/// Convolution with the filter `[k_h, k_w, in_c / groups, out_c]`: the rows of the output (counted over all images)
/// from `first` on.
pub fn conv2d_rows<T: MulAdd>(
    p: &Conv2d,
    input: &[T],
    filter: &[T],
    first: usize,
    output: &mut [T],
) {
    assert_eq!(input.len(), p.input_len(), "input of {p:?}");
    assert_eq!(filter.len(), p.filter_len(), "filter of {p:?}");
    let (group_in, group_out) = (p.in_c / p.groups, p.out_c / p.groups);
    for_each_tap(p, first, output, |out, cell, tap| {
        for i in 0..group_in {
            let weights = &filter[(tap * group_in + i) * p.out_c..][..p.out_c];
            for group in 0..p.groups {
                let x = input[cell + group * group_in + i];
                let span = group * group_out..(group + 1) * group_out;
                for (sum, &weight) in out[span.clone()].iter_mut().zip(&weights[span]) {
                    *sum = sum.mul_add(x, weight);
                }
            }
        }
    });
}

/// The same of a depthwise convolution, filter `[k_h, k_w, out_c]`.
pub fn depthwise_rows<T: MulAdd>(
    p: &Conv2d,
    input: &[T],
    filter: &[T],
    first: usize,
    output: &mut [T],
) {
    assert_eq!(input.len(), p.input_len(), "input of {p:?}");
    assert_eq!(filter.len(), p.k_h * p.k_w * p.out_c, "filter of {p:?}");
    let multiplier = p.out_c / p.in_c.max(1);
    for_each_tap(p, first, output, |out, cell, tap| {
        let weights = &filter[tap * p.out_c..][..p.out_c];
        for (c, (sum, &weight)) in out.iter_mut().zip(weights).enumerate() {
            *sum = sum.mul_add(input[cell + c / multiplier.max(1)], weight);
        }
    });
}

/// Transposed convolution with the filter `[k_h, k_w, out_c, in_c]`.
pub fn transpose_conv<T: Copy + Default + Mul<Output = T> + AddAssign>(
    p: &Conv2d,
    input: &[T],
    filter: &[T],
    output: &mut [T],
) {
    assert_eq!(input.len(), p.input_len(), "input of {p:?}");
    assert_eq!(
        filter.len(),
        p.k_h * p.k_w * p.out_c * p.in_c,
        "filter of {p:?}"
    );
    assert_eq!(output.len(), p.output_len(), "output of {p:?}");
    output.fill(T::default());
    for_each_scatter(p, |to, from, tap| {
        let x = &input[from..from + p.in_c];
        let rows = filter[tap * p.out_c * p.in_c..].chunks_exact(p.in_c);
        for (out, row) in output[to..to + p.out_c].iter_mut().zip(rows) {
            let mut dot = T::default();
            x.iter().zip(row).for_each(|(&x, &w)| dot += x * w);
            *out += dot;
        }
    });
}

/// Zeroes each cell of the output, then calls `f(its channels, first channel of the input cell, tap)` for each tap
/// inside of the image.
fn for_each_tap<T: Copy + Default>(
    p: &Conv2d,
    first: usize,
    output: &mut [T],
    mut f: impl FnMut(&mut [T], usize, usize),
) {
    let row = (p.out_w * p.out_c).max(1);
    for (at, row) in (first..).zip(output.chunks_exact_mut(row)) {
        let (b, y) = (at / p.out_h, at % p.out_h);
        for (x, out) in row.chunks_exact_mut(p.out_c).enumerate() {
            out.fill(T::default());
            for ky in 0..p.k_h {
                for kx in 0..p.k_w {
                    if let Some(cell) = p.source(b, y, x, ky, kx) {
                        f(out, cell, ky * p.k_w + kx);
                    }
                }
            }
        }
    }
}

/// For each cell of the output: every cell of its window is `taken`, then `finish` gets how many there were.
pub fn pool<T: Copy, S: Copy>(
    p: &Pool2d,
    input: &[T],
    output: &mut [T],
    init: S,
    taken: impl Fn(S, T) -> S,
    finish: impl Fn(S, usize) -> T,
) {
    assert_eq!(input.len(), p.input_len(), "input of {p:?}");
    assert_eq!(output.len(), p.output_len(), "output of {p:?}");
    let cells = output.chunks_exact_mut(p.channels.max(1));
    let mut sums = vec![init; p.channels];
    for (at, out) in cells.enumerate() {
        let (b, y, x) = (
            at / (p.out_w * p.out_h),
            at / p.out_w % p.out_h,
            at % p.out_w,
        );
        let (rows, columns) = p.window(y, x);
        sums.fill(init);
        for iy in rows.clone() {
            for ix in columns.clone() {
                let from = ((b * p.in_h + iy) * p.in_w + ix) * p.channels;
                for (sum, &v) in sums.iter_mut().zip(&input[from..]) {
                    *sum = taken(*sum, v);
                }
            }
        }
        for (out, &sum) in out.iter_mut().zip(&sums) {
            *out = finish(sum, rows.len() * columns.len());
        }
    }
}

/// Of `x - max` and its exponentials, both rounded, what TensorFlow divides by or takes the logarithm of.
fn shifted<T: Steps>(x: &[T], shifted: &mut [T], exponentials: &mut Vec<T>) -> T {
    let max = x.iter().map(|v| v.wide()).fold(f32::MIN, f32::max);
    for (out, v) in shifted.iter_mut().zip(x) {
        *out = T::narrow(v.wide() - max);
    }
    exponentials.clear();
    exponentials.extend(shifted.iter().map(|v| T::narrow(v.wide().exp())));
    sum(exponentials)
}

/// Softmax over the last axis, every step rounded: the exponentials times the reciprocal of their sum.
pub fn softmax_steps<T: Steps>(depth: usize, input: &[T], output: &mut [T]) {
    let depth = depth.max(1);
    let mut exponentials = Vec::new();
    let rows = input.chunks_exact(depth);
    for (x, out) in rows.zip(output.chunks_exact_mut(depth)) {
        let sum = shifted(x, out, &mut exponentials);
        let share = T::narrow(1.0).div(sum);
        for (out, e) in out.iter_mut().zip(&exponentials) {
            *out = e.mul(share);
        }
    }
}

/// `x - max - ln(sum of exp(x - max))` over the last axis, every step rounded.
pub fn log_softmax_steps<T: Steps>(depth: usize, input: &[T], output: &mut [T]) {
    let depth = depth.max(1);
    let mut exponentials = Vec::new();
    let rows = input.chunks_exact(depth);
    for (x, out) in rows.zip(output.chunks_exact_mut(depth)) {
        let sum = shifted(x, out, &mut exponentials);
        let log = T::narrow(sum.wide().ln());
        out.iter_mut().for_each(|out| *out = out.sub(log));
    }
}

/// Losses of rows of scores by their labels, and their gradients (the softmax less the label), every step rounded.
pub fn entropy_steps<T: Steps>(
    depth: usize,
    [scores, labels]: [&[T]; 2],
    losses: &mut [T],
    gradients: &mut [T],
) {
    let depth = depth.max(1);
    let mut exponentials = Vec::new();
    let rows = scores.chunks_exact(depth).zip(labels.chunks_exact(depth));
    let outputs = losses.iter_mut().zip(gradients.chunks_exact_mut(depth));
    for ((x, labels), (loss, gradients)) in rows.zip(outputs) {
        let all = shifted(x, gradients, &mut exponentials);
        let log = T::narrow(all.wide().ln());
        let terms: Vec<T> = (gradients.iter().zip(labels))
            .map(|(&x, &label)| match label == T::ZERO {
                true => T::ZERO,
                false => label.mul(log.sub(x)),
            })
            .collect();
        *loss = sum(&terms);
        for ((gradient, e), &label) in gradients.iter_mut().zip(&exponentials).zip(labels) {
            *gradient = e.div(all).sub(label);
        }
    }
}

/// In `f64`.
pub fn log_softmax_f64(depth: usize, input: &[f64], output: &mut [f64]) {
    let depth = depth.max(1);
    let rows = input.chunks_exact(depth);
    for (x, out) in rows.zip(output.chunks_exact_mut(depth)) {
        let max = x.iter().copied().fold(f64::MIN, f64::max);
        let log = x.iter().map(|v| (v - max).exp()).sum::<f64>().ln();
        for (out, v) in out.iter_mut().zip(x) {
            *out = v - max - log;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::params::Clamp;
    use crate::kernels::reference::conv::{conv2d_f32, depthwise_f32};

    const P: Conv2d = Conv2d {
        batch: 2,
        in_h: 5,
        in_w: 4,
        in_c: 4,
        out_h: 3,
        out_w: 2,
        out_c: 6,
        k_h: 3,
        k_w: 2,
        stride_h: 2,
        stride_w: 2,
        dilation_h: 1,
        dilation_w: 1,
        pad_top: 1,
        pad_left: 0,
        groups: 2,
    };

    fn numbers(count: usize, step: usize) -> Vec<f32> {
        (0..count).map(|at| (at * step % 13) as f32 - 6.0).collect()
    }

    #[test]
    fn a_convolution_is_that_of_floats() {
        let (input, filter) = (numbers(P.input_len(), 5), numbers(P.filter_len(), 7));
        let depth = P.in_c / P.groups * P.k_h * P.k_w;
        let turned: Vec<f32> = (0..filter.len())
            .map(|at| filter[at % depth * P.out_c + at / depth])
            .collect();
        let (mut found, mut wanted) = (vec![9.0; P.output_len()], vec![0.0; P.output_len()]);
        conv2d_rows(&P, &input, &filter, 0, &mut found);
        conv2d_f32(&P, &input, &turned, None, Clamp::NONE, &mut wanted);
        assert_eq!(found, wanted);
    }

    #[test]
    fn a_depthwise_convolution_is_that_of_floats() {
        let p = Conv2d {
            out_c: 8,
            groups: 1,
            ..P
        };
        let (input, filter) = (numbers(p.input_len(), 5), numbers(3 * 2 * 8, 7));
        let (mut found, mut wanted) = (vec![9.0; p.output_len()], vec![0.0; p.output_len()]);
        depthwise_rows(&p, &input, &filter, 0, &mut found);
        depthwise_f32(&p, &input, &filter, None, Clamp::NONE, &mut wanted);
        assert_eq!(found, wanted);
    }
}

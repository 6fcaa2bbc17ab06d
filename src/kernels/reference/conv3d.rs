//! Convolutions over depth, height and width.

use std::ops::{AddAssign, Mul};

use super::matmul::MulAdd;
use crate::kernels::params::Clamp;

/// Geometry over `[batch, depth, height, width, channels]`, filter `[kd, kh, kw, in_c / groups, out_c]`; transposed: filter
/// `[kd, kh, kw, out_c, in_c]`, one group. In each of the three directions, output cell `o` reads input cells
/// `o * stride - before + k * dilation`; transposed, input cell `i` adds to output cells
/// `i * stride - before + k * dilation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv3d {
    pub batch: usize,
    pub input: [usize; 3],
    pub in_c: usize,
    pub groups: usize,
    pub output: [usize; 3],
    pub out_c: usize,
    pub window: [usize; 3],
    pub stride: [usize; 3],
    pub dilation: [usize; 3],
    pub before: [usize; 3],
}

impl Conv3d {
    pub fn input_len(&self) -> usize {
        self.batch * self.input.iter().product::<usize>() * self.in_c
    }

    pub fn output_len(&self) -> usize {
        self.batch * self.output.iter().product::<usize>() * self.out_c
    }

    pub fn filter_len(&self) -> usize {
        self.window.iter().product::<usize>() * (self.in_c / self.groups) * self.out_c
    }

    /// The cell of `other` (as long as `sizes`) that cell `at` meets through `tap`.
    fn meets(&self, at: [usize; 3], tap: [usize; 3], sizes: [usize; 3]) -> Option<[usize; 3]> {
        let mut found = [0; 3];
        for axis in 0..3 {
            let far = at[axis] * self.stride[axis] + tap[axis] * self.dilation[axis];
            found[axis] = far.checked_sub(self.before[axis])?;
            if found[axis] >= sizes[axis] {
                return None;
            }
        }
        Some(found)
    }
}

fn flat(batch: usize, [d, h, w]: [usize; 3], sizes: [usize; 3], channels: usize) -> usize {
    (((batch * sizes[0] + d) * sizes[1] + h) * sizes[2] + w) * channels
}

fn cells([d, h, w]: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
    (0..d).flat_map(move |a| (0..h).flat_map(move |b| (0..w).map(move |c| [a, b, c])))
}

/// CONV_3D on f32.
pub fn conv3d_f32(
    p: &Conv3d,
    input: &[f32],
    filter: &[f32],
    bias: Option<&[f32]>,
    clamp: Clamp,
    output: &mut [f32],
) {
    conv3d(p, input, filter, output);
    for out in output.chunks_exact_mut(p.out_c.max(1)) {
        finish(out, bias, clamp);
    }
}

/// The sums alone.
pub fn conv3d<T: MulAdd>(p: &Conv3d, input: &[T], filter: &[T], output: &mut [T]) {
    assert_eq!((input.len(), filter.len()), (p.input_len(), p.filter_len()));
    assert_eq!(output.len(), p.output_len());
    // Channels that a filter sees, and that each group makes.
    let (seen, made) = (p.in_c / p.groups, p.out_c / p.groups);
    for batch in 0..p.batch {
        for at in cells(p.output) {
            let to = flat(batch, at, p.output, p.out_c);
            let out = &mut output[to..to + p.out_c];
            out.fill(T::default());
            for (number, tap) in cells(p.window).enumerate() {
                let Some(cell) = p.meets(at, tap, p.input) else {
                    continue;
                };
                let from = flat(batch, cell, p.input, p.in_c);
                let tap_len = seen * p.out_c;
                let rows = filter[number * tap_len..][..tap_len].chunks_exact(p.out_c);
                for (channel, row) in rows.enumerate() {
                    let x = input[from + channel..from + p.in_c].iter().step_by(seen);
                    let parts = out.chunks_exact_mut(made).zip(row.chunks_exact(made));
                    for (&x, (out, row)) in x.zip(parts) {
                        for (out, weight) in out.iter_mut().zip(row) {
                            *out = out.mul_add(x, *weight);
                        }
                    }
                }
            }
        }
    }
}

/// CONV_3D_TRANSPOSE on f32.
pub fn conv3d_transpose_f32(
    p: &Conv3d,
    input: &[f32],
    filter: &[f32],
    bias: Option<&[f32]>,
    clamp: Clamp,
    output: &mut [f32],
) {
    conv3d_transpose(p, input, filter, output);
    for out in output.chunks_exact_mut(p.out_c.max(1)) {
        finish(out, bias, clamp);
    }
}

/// The sums alone.
pub fn conv3d_transpose<T: Copy + Default + Mul<Output = T> + AddAssign>(
    p: &Conv3d,
    input: &[T],
    filter: &[T],
    output: &mut [T],
) {
    assert_eq!((input.len(), filter.len()), (p.input_len(), p.filter_len()));
    assert_eq!(output.len(), p.output_len());
    output.fill(T::default());
    for batch in 0..p.batch {
        for at in cells(p.input) {
            let from = flat(batch, at, p.input, p.in_c);
            let x = &input[from..from + p.in_c];
            for (number, tap) in cells(p.window).enumerate() {
                let Some(cell) = p.meets(at, tap, p.output) else {
                    continue;
                };
                let to = flat(batch, cell, p.output, p.out_c);
                let weights = &filter[number * p.in_c * p.out_c..][..p.in_c * p.out_c];
                let rows = weights.chunks_exact(p.in_c);
                for (out, row) in output[to..to + p.out_c].iter_mut().zip(rows) {
                    let mut dot = T::default();
                    x.iter().zip(row).for_each(|(&x, &w)| dot += x * w);
                    *out += dot;
                }
            }
        }
    }
}

fn finish(out: &mut [f32], bias: Option<&[f32]>, clamp: Clamp) {
    for (channel, out) in out.iter_mut().enumerate() {
        *out = clamp.apply(*out + bias.map_or(0.0, |bias| bias[channel]));
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::kernels::params::Conv2d;
    use crate::kernels::reference::conv::conv2d_f32;

    proptest! {
        /// Of depth 1 it is a convolution of two dimensions, with the filter's axes in another order.
        #[test]
        fn one_layer_is_a_plane(
            (h, w, in_c, out_c, k) in (1usize..5, 1usize..5, 1usize..4, 1usize..4, 1usize..3),
            stride in 1usize..3, before in 0usize..2, values in vec(-2f32..2.0, 300)
        ) {
            let out = |size: usize| (size + before).saturating_sub(k) / stride + 1;
            let p = Conv3d {
                batch: 1, input: [1, h, w], in_c, groups: 1, output: [1, out(h), out(w)], out_c, window: [1, k, k],
                stride: [1, stride, stride], dilation: [1; 3], before: [0, before, before],
            };
            let plane = Conv2d {
                batch: 1, in_h: h, in_w: w, in_c, out_h: out(h), out_w: out(w), out_c, k_h: k, k_w: k,
                stride_h: stride, stride_w: stride, dilation_h: 1, dilation_w: 1,
                pad_top: before, pad_left: before, groups: 1,
            };
            let (x, filter) = (&values[..p.input_len()], &values[100..100 + p.filter_len()]);
            let mut turned = vec![0.0; filter.len()];
            for (at, &v) in filter.iter().enumerate() {
                turned[at % out_c * k * k * in_c + at / out_c] = v;
            }
            let (mut found, mut wanted) = (vec![0.0; p.output_len()], vec![0.0; p.output_len()]);
            conv3d_f32(&p, x, filter, None, Clamp::NONE, &mut found);
            conv2d_f32(&plane, x, &turned, None, Clamp::NONE, &mut wanted);
            for (f, w) in found.iter().zip(&wanted) {
                prop_assert!((f - w).abs() < 1e-4);
            }
        }

        /// `<conv(x), y> = <x, transposed(y)>`: with the same weights one is the adjoint of the other.
        #[test]
        fn transposed_is_the_adjoint(
            size in proptest::array::uniform3(1usize..4), (in_c, out_c) in (1usize..3, 1usize..3),
            k in proptest::array::uniform3(1usize..3), stride in proptest::array::uniform3(1usize..3),
            values in vec(-2f32..2.0, 600)
        ) {
            let output: [usize; 3] = std::array::from_fn(|a| size[a].saturating_sub(k[a]) / stride[a] + 1);
            let p = Conv3d {
                batch: 1, input: size, in_c, groups: 1, output, out_c, window: k, stride, dilation: [1; 3], before: [0; 3],
            };
            let back = Conv3d { input: output, in_c: out_c, output: size, out_c: in_c, ..p };
            let (x, rest) = values.split_at(p.input_len());
            let (y, filter) = rest.split_at(p.output_len());
            let filter = &filter[..p.filter_len()];
            let (mut forth, mut back_again) = (vec![0.0; y.len()], vec![0.0; x.len()]);
            conv3d_f32(&p, x, filter, None, Clamp::NONE, &mut forth);
            conv3d_transpose_f32(&back, y, filter, None, Clamp::NONE, &mut back_again);
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
            prop_assert!((dot(&forth, y) - dot(x, &back_again)).abs() < 1e-2);
        }
    }
}

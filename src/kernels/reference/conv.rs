//! Convolutions: plain, depthwise and transposed, in float and in integers.

use crate::kernels::params::{Clamp, Conv2d};
use crate::kernels::requant::{Quantized, Requant};

fn check<T, W, O>(p: &Conv2d, input: &[T], filter: &[W], filter_len: usize, output: &[O]) {
    assert_eq!(input.len(), p.input_len(), "input of {p:?}");
    assert_eq!(filter.len(), filter_len, "filter of {p:?}");
    assert_eq!(output.len(), p.output_len(), "output of {p:?}");
}

/// Calls `f(index of the output, batch, y, x, channel)` for each output element in order.
fn for_each_output(p: &Conv2d, mut f: impl FnMut(usize, usize, usize, usize, usize)) {
    let mut at = 0;
    for b in 0..p.batch {
        for y in 0..p.out_h {
            for x in 0..p.out_w {
                for c in 0..p.out_c {
                    f(at, b, y, x, c);
                    at += 1;
                }
            }
        }
    }
}

/// CONV_2D on f32: filter `[out_c, k_h, k_w, in_c / groups]`, bias `[out_c]`.
pub fn conv2d_f32(
    p: &Conv2d,
    input: &[f32],
    filter: &[f32],
    bias: Option<&[f32]>,
    clamp: Clamp,
    output: &mut [f32],
) {
    check(p, input, filter, p.filter_len(), output);
    let group_in = p.in_c / p.groups;
    let group_out = p.out_c / p.groups;
    for_each_output(p, |at, b, y, x, c| {
        let mut sum = 0.0f32;
        for ky in 0..p.k_h {
            for kx in 0..p.k_w {
                let Some(cell) = p.source(b, y, x, ky, kx) else {
                    continue;
                };
                let from = cell + c / group_out * group_in;
                let weights = ((c * p.k_h + ky) * p.k_w + kx) * group_in;
                for i in 0..group_in {
                    sum += input[from + i] * filter[weights + i];
                }
            }
        }
        output[at] = clamp.apply(sum + bias.map_or(0.0, |b| b[c]));
    });
}

/// DEPTHWISE_CONV_2D on f32: filter `[k_h, k_w, out_c]`, bias `[out_c]`.
pub fn depthwise_f32(
    p: &Conv2d,
    input: &[f32],
    filter: &[f32],
    bias: Option<&[f32]>,
    clamp: Clamp,
    output: &mut [f32],
) {
    check(p, input, filter, p.k_h * p.k_w * p.out_c, output);
    let multiplier = p.out_c / p.in_c.max(1);
    for_each_output(p, |at, b, y, x, c| {
        let mut sum = 0.0f32;
        for ky in 0..p.k_h {
            for kx in 0..p.k_w {
                if let Some(cell) = p.source(b, y, x, ky, kx) {
                    sum += input[cell + c / multiplier] * filter[(ky * p.k_w + kx) * p.out_c + c];
                }
            }
        }
        output[at] = clamp.apply(sum + bias.map_or(0.0, |b| b[c]));
    });
}

/// TRANSPOSE_CONV on f32: filter `[out_c, k_h, k_w, in_c]`; see [`Conv2d`] for the geometry.
pub fn transpose_conv_f32(
    p: &Conv2d,
    input: &[f32],
    filter: &[f32],
    bias: Option<&[f32]>,
    clamp: Clamp,
    output: &mut [f32],
) {
    check(p, input, filter, p.out_c * p.k_h * p.k_w * p.in_c, output);
    output.fill(0.0);
    for_each_scatter(p, |to, from, tap| {
        for (c, out) in output[to..to + p.out_c].iter_mut().enumerate() {
            let weights = (c * p.k_h * p.k_w + tap) * p.in_c;
            for i in 0..p.in_c {
                *out += input[from + i] * filter[weights + i];
            }
        }
    });
    for row in output.chunks_exact_mut(p.out_c.max(1)) {
        for (c, value) in row.iter_mut().enumerate() {
            *value = clamp.apply(*value + bias.map_or(0.0, |b| b[c]));
        }
    }
}

/// Calls `f(first channel of the output cell, first channel of the input cell, tap)` for every pair that meets.
pub(crate) fn for_each_scatter(p: &Conv2d, mut f: impl FnMut(usize, usize, usize)) {
    for b in 0..p.batch {
        for y in 0..p.in_h {
            for x in 0..p.in_w {
                let from = ((b * p.in_h + y) * p.in_w + x) * p.in_c;
                for ky in 0..p.k_h {
                    let Some(oy) = (y * p.stride_h + ky * p.dilation_h).checked_sub(p.pad_top)
                    else {
                        continue;
                    };
                    for kx in 0..p.k_w {
                        let Some(ox) = (x * p.stride_w + kx * p.dilation_w).checked_sub(p.pad_left)
                        else {
                            continue;
                        };
                        if oy < p.out_h && ox < p.out_w {
                            let to = ((b * p.out_h + oy) * p.out_w + ox) * p.out_c;
                            f(to, from, ky * p.k_w + kx);
                        }
                    }
                }
            }
        }
    }
}

/// Zero points of a quantized product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ZeroPoints {
    pub input: i32,
    /// 0 except for uint8 filters (and int8 ones of FULLY_CONNECTED).
    pub filter: i32,
}

/// CONV_2D on quantized activations (`i8`, `u8`, `i16`) and filters (`i8`, `u8`): sums of `(x - zx) * (w - zw)`
/// plus bias, then `requant`. Padding counts as 0, that is `x = zx`. The bias may come from i32 or i64.
pub fn conv2d_quantized<X: Quantized, W: Quantized>(
    p: &Conv2d,
    input: &[X],
    filter: &[W],
    bias: Option<&[i64]>,
    zero: ZeroPoints,
    requant: &Requant,
    output: &mut [X],
) {
    check(p, input, filter, p.filter_len(), output);
    let group_in = p.in_c / p.groups;
    let group_out = p.out_c / p.groups;
    for_each_output(p, |at, b, y, x, c| {
        let mut sum = 0i64;
        for ky in 0..p.k_h {
            for kx in 0..p.k_w {
                let Some(cell) = p.source(b, y, x, ky, kx) else {
                    continue;
                };
                let from = cell + c / group_out * group_in;
                let weights = ((c * p.k_h + ky) * p.k_w + kx) * group_in;
                sum += dot(
                    &input[from..from + group_in],
                    &filter[weights..weights + group_in],
                    zero,
                );
            }
        }
        output[at] = X::from_i32(requant.apply(c, sum + bias.map_or(0, |b| b[c])));
    });
}

/// The sum of `(x - zx) * (w - zw)`.
#[inline]
pub(super) fn dot<X: Quantized, W: Quantized>(x: &[X], w: &[W], zero: ZeroPoints) -> i64 {
    let w = &w[..x.len()];
    let mut sum = 0;
    for (i, &x) in x.iter().enumerate() {
        sum += i64::from(x.into() - zero.input) * i64::from(w[i].into() - zero.filter);
    }
    sum
}

/// DEPTHWISE_CONV_2D on quantized values; as [`conv2d_quantized`] with the filter `[k_h, k_w, out_c]`.
pub fn depthwise_quantized<X: Quantized, W: Quantized>(
    p: &Conv2d,
    input: &[X],
    filter: &[W],
    bias: Option<&[i64]>,
    zero: ZeroPoints,
    requant: &Requant,
    output: &mut [X],
) {
    check(p, input, filter, p.k_h * p.k_w * p.out_c, output);
    let multiplier = p.out_c / p.in_c.max(1);
    for_each_output(p, |at, b, y, x, c| {
        let mut sum = 0i64;
        for ky in 0..p.k_h {
            for kx in 0..p.k_w {
                if let Some(cell) = p.source(b, y, x, ky, kx) {
                    let value: i32 = input[cell + c / multiplier].into();
                    let weight: i32 = filter[(ky * p.k_w + kx) * p.out_c + c].into();
                    sum += i64::from(value - zero.input) * i64::from(weight - zero.filter);
                }
            }
        }
        output[at] = X::from_i32(requant.apply(c, sum + bias.map_or(0, |b| b[c])));
    });
}

/// TRANSPOSE_CONV on quantized values; as [`conv2d_quantized`]. `sums` is scratch of the output's length.
#[allow(clippy::too_many_arguments)]
pub fn transpose_conv_quantized<X: Quantized, W: Quantized>(
    p: &Conv2d,
    input: &[X],
    filter: &[W],
    bias: Option<&[i64]>,
    zero: ZeroPoints,
    requant: &Requant,
    sums: &mut [i64],
    output: &mut [X],
) {
    check(p, input, filter, p.out_c * p.k_h * p.k_w * p.in_c, output);
    assert_eq!(sums.len(), output.len(), "scratch of {p:?}");
    sums.fill(0);
    for_each_scatter(p, |to, from, tap| {
        for (c, sum) in sums[to..to + p.out_c].iter_mut().enumerate() {
            let weights = (c * p.k_h * p.k_w + tap) * p.in_c;
            *sum += dot(
                &input[from..from + p.in_c],
                &filter[weights..weights + p.in_c],
                zero,
            );
        }
    });
    for (at, (out, &sum)) in output.iter_mut().zip(sums.iter()).enumerate() {
        let c = at % p.out_c;
        *out = X::from_i32(requant.apply(c, sum + bias.map_or(0, |b| b[c])));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(size: usize, k: usize, stride: usize, pad: usize, out: usize) -> Conv2d {
        Conv2d {
            batch: 1,
            in_h: size,
            in_w: size,
            in_c: 1,
            out_h: out,
            out_w: out,
            out_c: 1,
            k_h: k,
            k_w: k,
            stride_h: stride,
            stride_w: stride,
            dilation_h: 1,
            dilation_w: 1,
            pad_top: pad,
            pad_left: pad,
            groups: 1,
        }
    }

    #[test]
    fn same_padding_counts_as_zero() {
        let p = square(3, 3, 1, 1, 3);
        let mut out = [0.0; 9];
        conv2d_f32(
            &p,
            &[1.0; 9],
            &[1.0; 9],
            Some(&[0.5]),
            Clamp::NONE,
            &mut out,
        );
        assert_eq!(out, [4.5, 6.5, 4.5, 6.5, 9.5, 6.5, 4.5, 6.5, 4.5]);
        let zero = ZeroPoints {
            input: 5,
            filter: 0,
        };
        let requant = Requant::fixed(&[1.0], -1, (-128, 127));
        let mut out = [0i8; 9];
        conv2d_quantized(&p, &[6i8; 9], &[1i8; 9], None, zero, &requant, &mut out);
        assert_eq!(out, [3, 5, 3, 5, 8, 5, 3, 5, 3]);
    }

    #[test]
    fn groups_see_their_own_channels() {
        let p = Conv2d {
            in_c: 2,
            out_c: 2,
            groups: 2,
            ..square(1, 1, 1, 0, 1)
        };
        let mut out = [0.0; 2];
        conv2d_f32(&p, &[2.0, 3.0], &[10.0, 100.0], None, Clamp::NONE, &mut out);
        assert_eq!(out, [20.0, 300.0]);
    }

    #[test]
    fn transposed_is_the_gradient_of_the_forward_one() {
        let p = square(2, 2, 2, 0, 4);
        let mut out = [0.0; 16];
        let filter = [1.0, 2.0, 3.0, 4.0];
        transpose_conv_f32(
            &p,
            &[1.0, 0.0, 0.0, 2.0],
            &filter,
            None,
            Clamp::NONE,
            &mut out,
        );
        assert_eq!(out[..8], [1.0, 2.0, 0.0, 0.0, 3.0, 4.0, 0.0, 0.0]);
        assert_eq!(out[8..], [0.0, 0.0, 2.0, 4.0, 0.0, 0.0, 6.0, 8.0]);
    }

    #[test]
    fn depthwise_channel_is_input_channel_times_multiplier() {
        let p = Conv2d {
            in_c: 2,
            out_c: 4,
            ..square(1, 1, 1, 0, 1)
        };
        let mut out = [0.0; 4];
        depthwise_f32(
            &p,
            &[1.0, 10.0],
            &[1.0, 2.0, 3.0, 4.0],
            None,
            Clamp::NONE,
            &mut out,
        );
        assert_eq!(out, [1.0, 2.0, 30.0, 40.0]);
    }
}

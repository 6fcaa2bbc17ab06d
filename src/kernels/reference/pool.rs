//! Pooling over `[batch, height, width, channels]`.

use crate::kernels::params::{Clamp, Pool2d};
use crate::kernels::requant::Quantized;

fn check<T>(p: &Pool2d, input: &[T], output: &[T]) {
    assert_eq!(input.len(), p.input_len(), "input of {p:?}");
    assert_eq!(output.len(), p.output_len(), "output of {p:?}");
}

/// For each output cell: `f(output channels, rows, columns, index of an input cell's first channel)`.
fn for_each_window<T: Copy>(
    p: &Pool2d,
    output: &mut [T],
    init: T,
    mut each_cell: impl FnMut(&mut [T], usize),
    mut finish: impl FnMut(&mut [T], usize),
) {
    let mut cells = output.chunks_exact_mut(p.channels.max(1));
    for b in 0..p.batch {
        for y in 0..p.out_h {
            for x in 0..p.out_w {
                let Some(out) = cells.next() else { return };
                let (rows, columns) = p.window(y, x);
                out.fill(init);
                for iy in rows.clone() {
                    for ix in columns.clone() {
                        each_cell(out, ((b * p.in_h + iy) * p.in_w + ix) * p.channels);
                    }
                }
                finish(out, rows.len() * columns.len());
            }
        }
    }
}

/// MAX_POOL_2D on f32; NaN is skipped, and a window of nothing else or of -inf gives the lowest number, as in TensorFlow
/// and TensorFlow Lite.
pub fn max_pool_f32(p: &Pool2d, input: &[f32], clamp: Clamp, output: &mut [f32]) {
    check(p, input, output);
    for_each_window(
        p,
        output,
        f32::MIN,
        |out, from| {
            for (o, &v) in out.iter_mut().zip(&input[from..]) {
                *o = if v > *o { v } else { *o };
            }
        },
        |out, _| clamp.apply_all(out),
    );
}

/// MAX_POOL_2D on integers, clamped to `[lo, hi]`; input and output share their quantization.
pub fn max_pool_quantized<T: Quantized + Ord>(
    p: &Pool2d,
    input: &[T],
    (lo, hi): (i32, i32),
    output: &mut [T],
) {
    check(p, input, output);
    for_each_window(
        p,
        output,
        T::from_i32(T::LO),
        |out, from| {
            for (o, &v) in out.iter_mut().zip(&input[from..]) {
                *o = v.max(*o);
            }
        },
        |out, _| {
            for o in out {
                *o = T::from_i32((*o).into().clamp(lo, hi));
            }
        },
    );
}

/// AVERAGE_POOL_2D on f32; divides by the cells inside the image.
pub fn average_pool_f32(p: &Pool2d, input: &[f32], clamp: Clamp, output: &mut [f32]) {
    check(p, input, output);
    for_each_window(
        p,
        output,
        0.0,
        |out, from| {
            for (o, &v) in out.iter_mut().zip(&input[from..]) {
                *o += v;
            }
        },
        |out, cells| {
            for o in out {
                *o = clamp.apply(*o / cells as f32);
            }
        },
    );
}

/// AVERAGE_POOL_2D on integers: rounded half away from zero, no rescaling.
pub fn average_pool_quantized<T: Quantized>(
    p: &Pool2d,
    input: &[T],
    (lo, hi): (i32, i32),
    output: &mut [T],
) {
    check(p, input, output);
    let channels = p.channels.max(1);
    for (at, out) in output.iter_mut().enumerate() {
        let (cell, c) = (at / channels, at % channels);
        let (b, y, x) = (
            cell / (p.out_w * p.out_h),
            cell / p.out_w % p.out_h,
            cell % p.out_w,
        );
        let (rows, columns) = p.window(y, x);
        let count = (rows.len() * columns.len()) as i32;
        let mut sum = 0i32;
        for iy in rows {
            for ix in columns.clone() {
                sum += input[((b * p.in_h + iy) * p.in_w + ix) * channels + c].into();
            }
        }
        let mean = match count {
            0 => 0,
            n if sum > 0 => (sum + n / 2) / n,
            n => (sum - n / 2) / n,
        };
        *out = T::from_i32(mean.clamp(lo, hi));
    }
}

/// L2_POOL_2D on f32: the root of the mean of squares.
pub fn l2_pool_f32(p: &Pool2d, input: &[f32], clamp: Clamp, output: &mut [f32]) {
    check(p, input, output);
    for_each_window(
        p,
        output,
        0.0,
        |out, from| {
            for (o, &v) in out.iter_mut().zip(&input[from..]) {
                *o += v * v;
            }
        },
        |out, cells| {
            for o in out {
                *o = clamp.apply((*o / cells as f32).sqrt());
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: Pool2d = Pool2d {
        batch: 1,
        in_h: 3,
        in_w: 3,
        channels: 1,
        out_h: 2,
        out_w: 2,
        k_h: 2,
        k_w: 2,
        stride_h: 2,
        stride_w: 2,
        pad_top: 0,
        pad_left: 0,
    };

    /// As TensorFlow 2.21 and LiteRT's reference have it.
    #[test]
    fn windows_of_nothing_but_nan_or_minus_infinity_give_the_lowest_number() {
        let mut out = [0.0; 4];
        for nothing in [f32::NAN, f32::NEG_INFINITY] {
            let mut input = [nothing; 9];
            input[8] = -5.0;
            for clamp in [Clamp::NONE, Clamp::FINITE] {
                max_pool_f32(&P, &input, clamp, &mut out);
                assert_eq!(out, [f32::MIN, f32::MIN, f32::MIN, -5.0]);
            }
        }
    }

    #[test]
    fn averages_divide_by_the_cells_inside() {
        let input = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
        let mut out = [0.0; 4];
        average_pool_f32(&P, &input, Clamp::FINITE, &mut out);
        assert_eq!(out, [3.0, 4.5, 7.5, 9.0]);
        max_pool_f32(&P, &input, Clamp::FINITE, &mut out);
        assert_eq!(out, [5.0, 6.0, 8.0, 9.0]);
        let mut out = [0i8; 4];
        average_pool_quantized(
            &P,
            &[-1i8, -2, -3, -4, -5, -6, -7, -8, -9],
            (-128, 127),
            &mut out,
        );
        assert_eq!(out, [-3, -5, -8, -9]);
    }
}

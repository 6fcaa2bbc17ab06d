//! Gradients of what looks at a window around each place: local response normalization, maxima with their places, dilation,
//! convolutions of volumes. Computed in `f64` and rounded once.

use crate::error::{Error, Result};
use crate::kernels::params::{padding, same_output, valid_output};
use crate::model::{Shape, Tensor};
use crate::ops::reals::{doubles, of_doubles};
use crate::ops::segment::{view, whole_numbers};
use crate::ops::{Context, Fact, Operator, Prepared, View};

pub const OPERATORS: &[Operator] = &[
    Operator::new(&["LRNGrad"], &[], infer_like::<1>, prepare_response),
    Operator::new(
        &["MaxPoolGradWithArgmax"],
        &[],
        infer_like::<0>,
        prepare_places,
    ),
    Operator::new(
        &["Dilation2DBackpropInput"],
        &[],
        infer_like::<0>,
        prepare_dilation,
    ),
    Operator::new(
        &["Dilation2DBackpropFilter"],
        &[],
        infer_like::<1>,
        prepare_dilation,
    ),
    Operator::new(
        &["Conv3DBackpropFilterV2"],
        &[],
        infer_volumes,
        prepare_volumes,
    ),
];

/// As large as this input.
fn infer_like<const AT: usize>(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.dtype(AT)?, cx.shape(AT)?.clone())
}

fn sizes<const N: usize>(view: &View<'_>) -> Result<[usize; N]> {
    let sizes = <[usize; N]>::try_from(view.shape);
    sizes.map_err(|_| Error::usage(format!("an input of {:?}, expected rank {N}", view.shape)))
}

fn count(view: &View<'_>) -> usize {
    view.shape.iter().product()
}

fn need(fits: bool, inputs: &[Option<View<'_>>]) -> Result<()> {
    let shapes: Vec<_> = inputs.iter().flatten().map(|input| input.shape).collect();
    match fits {
        true => Ok(()),
        false => Err(Error::usage(format!("inputs of {shapes:?} together"))),
    }
}

/// Inputs: gradients, the image, what came of it; normalized over neighbours on the last axis.
fn prepare_response(cx: &Context) -> Result<Prepared> {
    let (radius, dtype) = (cx.attr_int("depth_radius", 5).max(0) as usize, cx.dtype(1)?);
    let [bias, alpha, beta] =
        [("bias", 1.0), ("alpha", 1.0), ("beta", 0.5)].map(|(name, or)| cx.attr_float(name, or));
    Prepared::compute(move |inputs| {
        let (gradients, x, y) = (view(inputs, 0)?, view(inputs, 1)?, view(inputs, 2)?);
        need(gradients.shape == x.shape && y.shape == x.shape, inputs)?;
        let depth = x.shape.last().copied().unwrap_or(1).max(1);
        let mut out = vec![0.0; count(&gradients)];
        let (dy, x_values, y_values) = (doubles(&gradients)?, doubles(&x)?, doubles(&y)?);
        let rows = dy
            .chunks(depth)
            .zip(x_values.chunks(depth))
            .zip(y_values.chunks(depth));
        for (((dy, x), y), out) in rows.zip(out.chunks_mut(depth)) {
            for at in 0..depth {
                let near = at.saturating_sub(radius)..(at.saturating_add(radius + 1)).min(depth);
                let squares: f64 = x[near.clone()].iter().map(|v| v * v).sum();
                let norm = bias + alpha * squares;
                for other in near {
                    let own = if other == at { norm.powf(-beta) } else { 0.0 };
                    let through = -2.0 * alpha * beta * x[other] * y[at] / norm;
                    out[other] += (own + through) * dy[at];
                }
            }
        }
        Ok(vec![of_doubles(dtype, x.shape, &out)?])
    })
}

/// Inputs: the image, gradients, where the maxima were.
fn prepare_places(cx: &Context) -> Result<Prepared> {
    let (whole, dtype) = (cx.attr_bool("include_batch_in_index"), cx.dtype(0)?);
    Prepared::compute(move |inputs| {
        let (x, gradients) = (view(inputs, 0)?, view(inputs, 1)?);
        let places = whole_numbers(&view(inputs, 2)?)?;
        let [batch, ..] = sizes::<4>(&x)?;
        need(
            places.len() == count(&gradients) && gradients.shape.first() == Some(&batch),
            inputs,
        )?;
        let each = |all: usize| all / batch.max(1);
        let mut out = vec![0.0; count(&x)];
        for (at, (gradient, place)) in doubles(&gradients)?.into_iter().zip(places).enumerate() {
            let image = if whole {
                0
            } else {
                at / each(count(&gradients)) * each(count(&x))
            };
            let place = usize::try_from(place).ok().map(|place| image + place);
            let sum = place.and_then(|place| out.get_mut(place));
            *sum.ok_or_else(|| Error::usage("a maximum outside the image"))? += gradient;
        }
        Ok(vec![of_doubles(dtype, x.shape, &out)?])
    })
}

/// Strides or rates of the middle axes.
fn middle<const N: usize>(cx: &Context, name: &str) -> Result<[usize; N]> {
    let all = cx.node.attrs.ints(name).unwrap_or_else(|| vec![1; N + 2]);
    let inner = all.get(1..N + 1).filter(|_| all.len() == N + 2);
    let inner = inner.and_then(|inner| {
        let sizes = inner.iter().map(|&v| {
            usize::try_from(v)
                .ok()
                .filter(|v| (1..=0x7fff_ffff).contains(v))
        });
        sizes.collect::<Option<Vec<usize>>>()
    });
    let inner = inner.and_then(|inner| inner.try_into().ok());
    inner.ok_or_else(|| cx.wrong(format!("{name} of {all:?}")))
}

/// How many windows fit along an axis, and where the first begins.
fn along(same: bool, input: usize, window: usize, stride: usize, rate: usize) -> (usize, isize) {
    let output = match same {
        true => same_output(input, stride),
        false => valid_output(input, window, stride, rate),
    };
    let before = match same {
        true => padding(input, output, window, stride, rate).0,
        false => 0,
    };
    (output, -(before as isize))
}

/// Inputs: the image `[n, h, w, c]`, the filter `[h, w, c]`, gradients. Each goes to the largest sum of its window.
fn prepare_dilation(cx: &Context) -> Result<Prepared> {
    let by_input = &*cx.node.op == "Dilation2DBackpropInput";
    let (strides, rates) = (middle::<2>(cx, "strides")?, middle::<2>(cx, "rates")?);
    let same = cx.node.attrs.text("padding") == Some("SAME");
    let dtype = cx.dtype(0)?;
    Prepared::compute(move |inputs| {
        let (x, filter, gradients) = (view(inputs, 0)?, view(inputs, 1)?, view(inputs, 2)?);
        let ([n, h, w, c], [kh, kw, kc]) = (sizes::<4>(&x)?, sizes::<3>(&filter)?);
        need(kc == c && kh > 0 && kw > 0, inputs)?;
        let (rows, top) = along(same, h, kh, strides[0], rates[0]);
        let (columns, left) = along(same, w, kw, strides[1], rates[1]);
        need(gradients.shape == [n, rows, columns, c], inputs)?;
        let (x_values, weights) = (doubles(&x)?, doubles(&filter)?);
        let to = if by_input { &x } else { &filter };
        let mut out = vec![0.0; count(to)];
        for (at, gradient) in doubles(&gradients)?.into_iter().enumerate() {
            let (channel, column) = (at % c, at / c % columns);
            let (row, image) = (at / c / columns % rows, at / c / columns / rows);
            let mut most: Option<(f64, usize)> = None;
            for tap in 0..kh * kw {
                let y = (row * strides[0] + tap / kw * rates[0]) as isize + top;
                let x = (column * strides[1] + tap % kw * rates[1]) as isize + left;
                if !(0..h as isize).contains(&y) || !(0..w as isize).contains(&x) {
                    continue;
                }
                let place = ((image * h + y as usize) * w + x as usize) * c + channel;
                let weight = tap * c + channel;
                let sum = x_values[place] + weights[weight];
                if most.is_none_or(|(most, _)| sum > most) {
                    most = Some((sum, if by_input { place } else { weight }));
                }
            }
            if let Some((_, place)) = most {
                out[place] += gradient;
            }
        }
        Ok(vec![of_doubles(dtype, to.shape, &out)?])
    })
}

fn infer_volumes(cx: &Context) -> Result<Vec<Fact>> {
    let shape = cx
        .ints(1)?
        .map_or(Shape::UNKNOWN, |sizes| Shape(Some(sizes)));
    cx.one(cx.dtype(0)?, shape)
}

/// Inputs: volumes `[n, d, h, w, in]`, the sizes of the filter `[d, h, w, in, out]`, gradients.
fn prepare_volumes(cx: &Context) -> Result<Prepared> {
    let strides = middle::<3>(cx, "strides")?;
    if cx
        .node
        .attrs
        .text("data_format")
        .is_some_and(|format| format != "NDHWC")
    {
        return Err(cx.unsupported("channels first"));
    }
    if middle::<3>(cx, "dilations")? != [1; 3] {
        return Err(cx.unsupported("a filter with gaps"));
    }
    let same = cx.node.attrs.text("padding") == Some("SAME");
    let dtype = cx.dtype(0)?;
    Prepared::compute(move |inputs| {
        let (x, gradients) = (view(inputs, 0)?, view(inputs, 2)?);
        let told = whole_numbers(&view(inputs, 1)?)?;
        let told: Option<Vec<usize>> = told.iter().map(|&v| usize::try_from(v).ok()).collect();
        let told = told.unwrap_or_default();
        let ([n, d, h, w, c], &[kd, kh, kw, kc, out_c]) = (sizes::<5>(&x)?, &told[..]) else {
            return Err(Error::usage(format!("a filter of {told:?}")));
        };
        need(kc == c, inputs)?;
        let axes: [(usize, isize); 3] = std::array::from_fn(|axis| {
            along(same, [d, h, w][axis], [kd, kh, kw][axis], strides[axis], 1)
        });
        let out_sizes = axes.map(|(count, _)| count);
        need(
            gradients.shape == [n, out_sizes[0], out_sizes[1], out_sizes[2], out_c],
            inputs,
        )?;
        let (x_values, dy) = (doubles(&x)?, doubles(&gradients)?);
        let mut out = Tensor::zeros(crate::model::DType::Float64, &told)?;
        let sums = out.values_mut::<f64>().unwrap_or_default();
        for (cell, dy) in dy.chunks_exact(out_c.max(1)).enumerate() {
            let mut rest = cell;
            let mut first = [0isize; 3];
            for axis in [2, 1, 0] {
                let at = rest % out_sizes[axis];
                rest /= out_sizes[axis];
                first[axis] = (at * strides[axis]) as isize + axes[axis].1;
            }
            for tap in 0..kd * kh * kw {
                let offset = [tap / kw / kh, tap / kw % kh, tap % kw];
                let place: [isize; 3] =
                    std::array::from_fn(|axis| first[axis] + offset[axis] as isize);
                let inside = place
                    .iter()
                    .zip([d, h, w])
                    .all(|(&at, size)| (0..size as isize).contains(&at));
                if !inside {
                    continue;
                }
                let [z, y, x] = place.map(|at| at as usize);
                let from = (((rest * d + z) * h + y) * w + x) * c;
                for (channel, x) in x_values[from..from + c].iter().enumerate() {
                    let row = &mut sums[(tap * c + channel) * out_c..][..out_c];
                    row.iter_mut().zip(dy).for_each(|(sum, dy)| *sum += x * dy);
                }
            }
        }
        let sums = out.values::<f64>().unwrap_or_default();
        Ok(vec![of_doubles(dtype, &told, sums)?])
    })
}

//! Pooling that few models have: over three dimensions, and with the places of the maxima.

use crate::error::{Error, Result};
use crate::kernels::params::{padding, same_output, valid_output};
use crate::model::{DType, Shape, Tensor, shape::element_count};
use crate::ops::reals::{doubles, of_doubles};
use crate::ops::segment::view;
use crate::ops::{Context, Fact, Operator, Prepared, View};

pub const OPERATORS: &[Operator] = &[
    Operator::new(&["AvgPool3D", "MaxPool3D"], &[], infer, prepare),
    Operator::new(&["MaxPoolWithArgmax"], &[], infer_places, prepare_places),
    Operator::new(
        &["AvgPoolGrad", "AvgPool3DGrad"],
        &[],
        infer_told,
        prepare_average_gradients,
    ),
    Operator::new(
        &["MaxPoolGrad", "MaxPool3DGrad"],
        &[],
        infer_like,
        prepare_most_gradients,
    ),
];

/// Windows over the dimensions between batch and channels.
#[derive(Debug, Clone)]
struct Windows {
    size: Vec<usize>,
    stride: Vec<usize>,
    pad: Pad,
    channels_first: bool,
}

#[derive(Debug, Clone)]
enum Pad {
    Same,
    Valid,
    /// Before and after, by dimension.
    Explicit(Vec<[usize; 2]>),
}

impl Windows {
    fn of(cx: &Context) -> Result<Self> {
        let format = cx.node.attrs.text("data_format");
        let channels_first = format.is_some_and(|format| format.starts_with("NC"));
        let list = |name: &str| -> Result<Vec<usize>> {
            let list = cx.node.attrs.ints(name).unwrap_or_default();
            let sizes: Option<Vec<usize>> = (list.iter())
                .map(|&v| usize::try_from(v).ok().filter(|v| (1..1 << 24).contains(v)))
                .collect();
            match sizes.as_deref() {
                Some([1, 1, inner @ ..]) if channels_first => Ok(inner.to_vec()),
                Some([1, inner @ .., 1]) if !channels_first => Ok(inner.to_vec()),
                _ => Err(cx.wrong(format!("{name} of {list:?}"))),
            }
        };
        let (size, stride) = (list("ksize")?, list("strides")?);
        if size.len() != stride.len() {
            return Err(cx.wrong(format!("windows of {size:?} every {stride:?}")));
        }
        let pad = match cx.node.attrs.text("padding") {
            Some("SAME") => Pad::Same,
            Some("VALID") => Pad::Valid,
            Some("EXPLICIT") => {
                let list = cx.node.attrs.ints("explicit_paddings").unwrap_or_default();
                let pads = list.chunks_exact(2).map(|pair| {
                    let side = |v: i64| usize::try_from(v).ok().filter(|&v| v < 1 << 24);
                    Some([side(pair[0])?, side(pair[1])?])
                });
                let pads: Option<Vec<[usize; 2]>> = pads.collect();
                let from = if channels_first { 2 } else { 1 };
                let inner = pads.and_then(|pads| Some(pads.get(from..from + size.len())?.to_vec()));
                Pad::Explicit(inner.ok_or_else(|| cx.wrong(format!("paddings of {list:?}")))?)
            }
            other => return Err(cx.wrong(format!("the padding {other:?}"))),
        };
        Ok(Windows {
            size,
            stride,
            pad,
            channels_first,
        })
    }

    /// Output size and padding before.
    fn along(&self, axis: usize, input: usize) -> (usize, usize) {
        let (k, stride) = (self.size[axis], self.stride[axis]);
        match &self.pad {
            Pad::Same => {
                let output = same_output(input, stride);
                (output, padding(input, output, k, stride, 1).0)
            }
            Pad::Valid => (valid_output(input, k, stride, 1), 0),
            Pad::Explicit(pads) => {
                let [before, after] = pads[axis];
                (valid_output(input + before + after, k, stride, 1), before)
            }
        }
    }

    /// Where the inner dimensions begin.
    fn first(&self) -> usize {
        if self.channels_first { 2 } else { 1 }
    }

    fn infer(&self, cx: &Context, shape: &Shape) -> Result<Shape> {
        let Some(dims) = shape.dims() else {
            return Ok(Shape::UNKNOWN);
        };
        if dims.len() != self.size.len() + 2 {
            return Err(cx.wrong(format!("windows of {:?} over {shape}", self.size)));
        }
        let mut out = dims.to_vec();
        for axis in 0..self.size.len() {
            let slot = &mut out[self.first() + axis];
            *slot = usize::try_from(*slot).map_or(-1, |size| self.along(axis, size).0 as i64);
        }
        Ok(Shape(Some(out)))
    }

    /// The output's sizes; per output element its window's elements of the input are given to `each`.
    fn walk(&self, shape: &[usize], mut each: impl FnMut(usize, &[usize])) -> Result<Vec<usize>> {
        if shape.len() != self.size.len() + 2 {
            return Err(Error::usage(format!(
                "windows of {:?} over {shape:?}",
                self.size
            )));
        }
        let mut out = shape.to_vec();
        let mut starts = Vec::new();
        for axis in 0..self.size.len() {
            let (size, pad) = self.along(axis, shape[self.first() + axis]);
            out[self.first() + axis] = size;
            starts.push(pad);
        }
        let count = element_count(&out).filter(|_| element_count(shape).is_some());
        let count = count.ok_or_else(|| Error::usage(format!("windows over {shape:?}")))?;
        let mut steps = vec![1; shape.len()];
        for axis in (1..shape.len()).rev() {
            steps[axis - 1] = steps[axis] * shape[axis];
        }
        let mut place = vec![0; out.len()];
        let mut window = Vec::new();
        for at in 0..count {
            let mut rest = at;
            for (slot, &size) in place.iter_mut().zip(&out).rev() {
                *slot = rest % size;
                rest /= size;
            }
            window.clear();
            window.push(0);
            for (axis, &index) in place.iter().enumerate() {
                let inner = axis
                    .checked_sub(self.first())
                    .filter(|&a| a < self.size.len());
                let range = match inner {
                    None => index..index + 1,
                    Some(inner) => {
                        let from = index * self.stride[inner];
                        let pad = starts[inner];
                        let end = (from + self.size[inner]).saturating_sub(pad);
                        from.saturating_sub(pad)..end.min(shape[axis])
                    }
                };
                let step = steps[axis];
                let wider = window
                    .iter()
                    .flat_map(|&at: &usize| range.clone().map(move |index| at + index * step));
                window = wider.collect();
            }
            each(at, &window);
        }
        Ok(out)
    }
}

fn infer(cx: &Context) -> Result<Vec<Fact>> {
    let shape = Windows::of(cx)?.infer(cx, cx.shape(0)?)?;
    cx.one(cx.dtype(0)?, shape)
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let (windows, dtype) = (Windows::of(cx)?, cx.dtype(0)?);
    let most = cx.node.op.starts_with("Max");
    // As in a plane.
    let least = match dtype {
        DType::Float32 => f64::from(f32::MIN),
        _ => f64::NEG_INFINITY,
    };
    Prepared::compute(move |inputs| {
        let x = view(inputs, 0)?;
        let (values, mut out) = (doubles(&x)?, Vec::new());
        let shape = windows.walk(x.shape, |_, window| {
            let window = window.iter().map(|&at| values[at]);
            out.push(match most {
                true => window.fold(least, f64::max),
                false => window.clone().sum::<f64>() / window.len() as f64,
            });
        })?;
        Ok(vec![of_doubles(dtype, &shape, &out)?])
    })
}

fn infer_places(cx: &Context) -> Result<Vec<Fact>> {
    let shape = Windows::of(cx)?.infer(cx, cx.shape(0)?)?;
    let places = cx.node.attrs.dtype("Targmax").unwrap_or(DType::Int64);
    Ok(vec![
        Fact::new(cx.dtype(0)?, shape.clone()),
        Fact::new(places, shape),
    ])
}

/// The first of the largest elements of a window.
fn largest(window: &[usize], values: &[f64]) -> Option<usize> {
    let better = |best: Option<usize>, &at: &usize| match best {
        Some(best) if values[at] <= values[best] => Some(best),
        _ => Some(at),
    };
    window.iter().fold(None, better)
}

fn prepare_places(cx: &Context) -> Result<Prepared> {
    let (windows, dtype) = (Windows::of(cx)?, cx.dtype(0)?);
    let places = cx.node.attrs.dtype("Targmax").unwrap_or(DType::Int64);
    let whole = cx.attr_bool("include_batch_in_index");
    Prepared::compute(move |inputs| {
        let x = view(inputs, 0)?;
        let (values, mut most, mut at) = (doubles(&x)?, Vec::new(), Vec::new());
        let image: usize = x.shape.iter().skip(1).product();
        let shape = windows.walk(x.shape, |_, window| {
            let best = largest(window, &values);
            most.push(best.map_or(f64::MIN, |best| values[best]));
            let best = best.unwrap_or(0);
            at.push(if whole { best } else { best % image.max(1) } as f64);
        })?;
        Ok(vec![
            of_doubles(dtype, &shape, &most)?,
            of_doubles(places, &shape, &at)?,
        ])
    })
}

fn infer_told(cx: &Context) -> Result<Vec<Fact>> {
    let shape = match cx.ints(0)? {
        Some(sizes) => Shape(Some(sizes)),
        None => Shape::UNKNOWN,
    };
    cx.one(cx.dtype(1)?, shape)
}

/// Each gradient is shared by the elements of its window.
fn prepare_average_gradients(cx: &Context) -> Result<Prepared> {
    let (windows, dtype) = (Windows::of(cx)?, cx.dtype(1)?);
    Prepared::compute(move |inputs| {
        let told = crate::ops::segment::whole_numbers(&view(inputs, 0)?)?;
        let shape: Option<Vec<usize>> = told.iter().map(|&v| v.try_into().ok()).collect();
        let shape = shape.ok_or_else(|| Error::usage(format!("a shape of {told:?}")))?;
        gradients_of(&windows, dtype, &shape, &view(inputs, 1)?, |window| {
            (window.to_vec(), 1.0 / window.len() as f64)
        })
    })
}

fn infer_like(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.dtype(0)?, cx.shape(0)?.clone())
}

/// Each gradient goes to the first of its window's largest elements; of volumes to all of them.
fn prepare_most_gradients(cx: &Context) -> Result<Prepared> {
    let (windows, dtype) = (Windows::of(cx)?, cx.dtype(0)?);
    let all = windows.size.len() == 3;
    Prepared::compute(move |inputs| {
        let x = view(inputs, 0)?;
        let values = doubles(&x)?;
        gradients_of(&windows, dtype, x.shape, &view(inputs, 2)?, |window| {
            let first = largest(window, &values);
            let most = first.map(|first| values[first]);
            let equal = |&at: &usize| Some(values[at]) == most;
            let taken = match all {
                true => window.iter().copied().filter(equal).collect(),
                false => first.into_iter().collect(),
            };
            (taken, 1.0)
        })
    })
}

fn gradients_of(
    windows: &Windows,
    dtype: DType,
    shape: &[usize],
    gradients: &View<'_>,
    share: impl Fn(&[usize]) -> (Vec<usize>, f64),
) -> Result<Vec<Tensor>> {
    let values = doubles(gradients)?;
    let count = element_count(shape);
    let mut sums = Vec::new();
    let fits = count.is_some_and(|count| sums.try_reserve_exact(count).is_ok());
    match count.filter(|_| fits) {
        Some(count) => sums.resize(count, 0.0),
        None => return Err(Error::usage(format!("gradients of {shape:?}"))),
    }
    windows.walk(shape, |at, window| {
        let (elements, part) = share(window);
        for element in elements {
            sums[element] += values.get(at).copied().unwrap_or(0.0) * part;
        }
    })?;
    Ok(vec![of_doubles(dtype, shape, &sums)?])
}

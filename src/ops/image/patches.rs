//! Windows over images: cut out side by side, or folded to a maximum.

use super::sizes;
use crate::error::{Error, Result};
use crate::kernels::elementwise::number::Number;
use crate::kernels::params::{padding, same_output, valid_output};
use crate::model::{Shape, Tensor};
use crate::ops::segment::view;
use crate::ops::types::with_number;
use crate::ops::{Context, Fact, Operator, Prepared};

pub const OPERATORS: &[Operator] = &[
    Operator::new(&["ExtractImagePatches"], &[], infer, prepare),
    Operator::new(&["Dilation2D"], &[], infer, prepare_dilated),
];

/// Windows over height and width.
#[derive(Debug, Clone, Copy)]
struct Windows {
    stride: [usize; 2],
    rate: [usize; 2],
    same: bool,
}

impl Windows {
    fn of(cx: &Context) -> Result<Self> {
        Ok(Windows {
            stride: pair(cx, "strides")?,
            rate: pair(cx, "rates")?,
            same: cx.node.attrs.text("padding") == Some("SAME"),
        })
    }

    /// Output size and padding before along an axis.
    fn along(&self, axis: usize, input: usize, k: usize) -> (usize, usize) {
        let (stride, rate) = (self.stride[axis], self.rate[axis]);
        match self.same {
            true => {
                let output = same_output(input, stride);
                (output, padding(input, output, k, stride, rate).0)
            }
            false => (valid_output(input, k, stride, rate), 0),
        }
    }

    /// Where tap `tap` of the window of output `at` reads, if that is inside.
    fn source(
        &self,
        axis: usize,
        at: usize,
        tap: usize,
        pad: usize,
        input: usize,
    ) -> Option<usize> {
        let place = at * self.stride[axis] + tap * self.rate[axis];
        place.checked_sub(pad).filter(|&place| place < input)
    }
}

/// Height and width of a list attribute over all four axes.
fn pair(cx: &Context, name: &str) -> Result<[usize; 2]> {
    let list = cx.node.attrs.ints(name).unwrap_or_default();
    let size = |v: i64| usize::try_from(v).ok().filter(|v| (1..1 << 24).contains(v));
    let pair = match list[..] {
        [1, h, w, 1] => size(h).zip(size(w)),
        _ => None,
    };
    pair.map(|(h, w)| [h, w])
        .ok_or_else(|| cx.wrong(format!("{name} of {list:?}")))
}

/// Height and width of the windows, if known.
fn window(cx: &Context) -> Result<Option<[usize; 2]>> {
    if &*cx.node.op == "ExtractImagePatches" {
        return pair(cx, "ksizes").map(Some);
    }
    match cx.shape(1)?.fixed().as_deref() {
        Some(&[h, w, _]) => Ok(Some([h, w])),
        Some(other) => Err(cx.wrong(format!("a filter of {other:?}"))),
        None => Ok(None),
    }
}

fn infer(cx: &Context) -> Result<Vec<Fact>> {
    let windows = Windows::of(cx)?;
    let k = window(cx)?;
    let from = cx.shape(0)?.dims().unwrap_or(&[-1; 4]);
    let &[batch, height, width, channels] = from else {
        return Err(cx.wrong(format!("an input of {}", cx.shape(0)?)));
    };
    let along = |axis: usize, size: i64| match (usize::try_from(size), k) {
        (Ok(size), Some(k)) => windows.along(axis, size, k[axis]).0 as i64,
        _ => -1,
    };
    let depth = match (&*cx.node.op, k) {
        ("ExtractImagePatches", Some([h, w])) if channels >= 0 => {
            channels.saturating_mul((h * w) as i64)
        }
        ("ExtractImagePatches", _) => -1,
        _ => channels,
    };
    let dims = vec![batch, along(0, height), along(1, width), depth];
    cx.one(cx.dtype(0)?, Shape(Some(dims)))
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let windows = Windows::of(cx)?;
    let [k_h, k_w] = pair(cx, "ksizes")?;
    let dtype = cx.dtype(0)?;
    let size = dtype.size().ok_or_else(|| cx.no_kernel(dtype))?;
    Prepared::compute(move |inputs| {
        let images = view(inputs, 0)?;
        let [batch, height, width, channels] = sizes(&images)?;
        let (out_h, pad_h) = windows.along(0, height, k_h);
        let (out_w, pad_w) = windows.along(1, width, k_w);
        let depth = (k_h * k_w).checked_mul(channels);
        let depth = depth.ok_or_else(|| Error::usage("patches too large"))?;
        let mut tensor = Tensor::zeros(dtype, &[batch, out_h, out_w, depth])?;
        let (from, pixel) = (images.bytes(), channels * size);
        let patches = tensor.bytes_mut().unwrap_or_default();
        let mut patches = patches.chunks_exact_mut((depth * size).max(1));
        for at in 0..batch * out_h * out_w {
            let (n, y, x) = (at / (out_h * out_w), at / out_w % out_h, at % out_w);
            let Some(patch) = patches.next() else { break };
            for (tap, to) in patch.chunks_exact_mut(pixel.max(1)).enumerate() {
                let row = windows.source(0, y, tap / k_w, pad_h, height);
                let column = windows.source(1, x, tap % k_w, pad_w, width);
                if let (Some(row), Some(column)) = (row, column) {
                    let place = ((n * height + row) * width + column) * pixel;
                    to.copy_from_slice(&from[place..][..pixel]);
                }
            }
        }
        Ok(vec![tensor])
    })
}

/// The largest sum of input and filter in each window.
fn prepare_dilated(cx: &Context) -> Result<Prepared> {
    let windows = Windows::of(cx)?;
    let dtype = cx.dtype(0)?;
    Prepared::compute(move |inputs| {
        let (images, filter) = (view(inputs, 0)?, view(inputs, 1)?);
        let [batch, height, width, channels] = sizes(&images)?;
        let &[k_h, k_w, depth] = filter.shape else {
            return Err(Error::usage(format!("a filter of {:?}", filter.shape)));
        };
        if depth != channels {
            return Err(Error::usage(format!(
                "a filter of {:?} for {channels} channels",
                filter.shape
            )));
        }
        let (out_h, pad_h) = windows.along(0, height, k_h);
        let (out_w, pad_w) = windows.along(1, width, k_w);
        // Sums of floats are rounded to their type, those of integers wrap.
        let shape = [batch, out_h, out_w, channels];
        let mut tensor = Tensor::zeros(dtype, &shape)?;
        with_number!(dtype, T => {
            let (values, filter) = (images.values::<T>()?, filter.values::<T>()?);
            let out = tensor.values_mut::<T>().unwrap_or_default();
            for (at, pixel) in out.chunks_exact_mut(channels.max(1)).enumerate() {
                let (n, y, x) = (at / (out_h * out_w), at / out_w % out_h, at % out_w);
                pixel.fill(T::lowest());
                for tap in 0..k_h * k_w {
                    let row = windows.source(0, y, tap / k_w, pad_h, height);
                    let column = windows.source(1, x, tap % k_w, pad_w, width);
                    let (Some(row), Some(column)) = (row, column) else {
                        continue;
                    };
                    let from = &values[((n * height + row) * width + column) * channels..];
                    let sums = from.iter().zip(&filter[tap * channels..]);
                    for (most, (value, add)) in pixel.iter_mut().zip(sums) {
                        let sum = Number::add(*value, *add);
                        *most = if sum > *most { sum } else { *most };
                    }
                }
            }
        }, else {});
        Ok(vec![tensor])
    })
}

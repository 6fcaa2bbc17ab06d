//! Gradients of layers by their operands, as training signatures ask for them: convolutions and batch normalization.
//! Computed in `f64` and rounded once.

use crate::error::{Error, Result};
use crate::kernels::Conv2d;
use crate::kernels::reference::conv_gradients::{
    by_filter, depthwise_by_filter, depthwise_by_input,
};
use crate::memory;
use crate::model::shape::element_count;
use crate::model::{DType, Shape, Tensor};
use crate::ops::reals::{doubles, of_doubles};
use crate::ops::segment::{view, whole_numbers};
use crate::ops::windows::Windows;
use crate::ops::{Context, Fact, Operator, Prepared, View};

pub const OPERATORS: &[Operator] = &[
    Operator::new(
        &[
            "Conv2DBackpropFilter",
            "DepthwiseConv2dNativeBackpropFilter",
            "DepthwiseConv2dNativeBackpropInput",
        ],
        &[],
        infer_conv,
        prepare_conv,
    ),
    Operator::new(
        &[
            "FusedBatchNormGrad",
            "FusedBatchNormGradV2",
            "FusedBatchNormGradV3",
        ],
        &[],
        infer_norm,
        prepare_norm,
    ),
];

/// By which operand of which convolution, and where the sizes of that operand are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Filter,
    DepthwiseFilter,
    DepthwiseInput,
}

impl By {
    fn of(cx: &Context) -> By {
        match &*cx.node.op {
            "Conv2DBackpropFilter" => By::Filter,
            "DepthwiseConv2dNativeBackpropFilter" => By::DepthwiseFilter,
            _ => By::DepthwiseInput,
        }
    }

    fn told(self) -> usize {
        match self {
            By::DepthwiseInput => 0,
            By::Filter | By::DepthwiseFilter => 1,
        }
    }

    /// The operand that is there.
    fn other(self) -> usize {
        1 - self.told()
    }
}

fn infer_conv(cx: &Context) -> Result<Vec<Fact>> {
    let by = By::of(cx);
    let shape = match cx.ints(by.told())? {
        Some(sizes) => Shape(Some(sizes)),
        None => Shape::UNKNOWN,
    };
    cx.one(cx.dtype(by.other())?, shape)
}

fn four(sizes: &[usize]) -> Result<[usize; 4]> {
    let four = <[usize; 4]>::try_from(sizes);
    four.map_err(|_| Error::usage(format!("sizes {sizes:?}, expected 4")))
}

fn prepare_conv(cx: &Context) -> Result<Prepared> {
    let (by, windows) = (By::of(cx), Windows::of(cx)?);
    let dtype = cx.dtype(by.other())?;
    if !dtype.is_float() {
        return Err(cx.no_kernel(dtype));
    }
    Prepared::compute(move |inputs| {
        let told = whole_numbers(&view(inputs, by.told())?)?;
        let sizes: Option<Vec<usize>> = told.iter().map(|&v| v.try_into().ok()).collect();
        let sizes = sizes.ok_or_else(|| Error::usage(format!("sizes {told:?}")))?;
        let (other, gradients) = (view(inputs, by.other())?, view(inputs, 2)?);
        let (x, filter) = match by {
            By::DepthwiseInput => (four(&sizes)?, four(other.shape)?),
            By::Filter | By::DepthwiseFilter => (four(other.shape)?, four(&sizes)?),
        };
        let out = windows.nhwc(four(gradients.shape)?);
        let p = geometry(&windows, by, windows.nhwc(x), filter, out)?;
        let count = element_count(&sizes);
        let mut sums = Vec::new();
        let fits = count.is_some_and(|count| sums.try_reserve_exact(count).is_ok());
        let Some(count) = count.filter(|_| fits) else {
            return Err(Error::usage(format!("gradients of {sizes:?}")));
        };
        memory::ask("the gradients", count.saturating_mul(size_of::<f64>()))?;
        sums.resize(count, 0.0);
        let gradients = channels_last(&windows, &gradients)?;
        match by {
            By::Filter => by_filter(&p, &channels_last(&windows, &other)?, &gradients, &mut sums),
            By::DepthwiseFilter => {
                depthwise_by_filter(&p, &channels_last(&windows, &other)?, &gradients, &mut sums);
            }
            By::DepthwiseInput => depthwise_by_input(&p, &doubles(&other)?, &gradients, &mut sums),
        }
        if by == By::DepthwiseInput && windows.channels_first {
            sums = channels_first(&sums, windows.nhwc(x));
        }
        Ok(vec![of_doubles(dtype, &sizes, &sums)?])
    })
}

/// The convolution whose output has these gradients; all sizes with the channels last.
fn geometry(
    windows: &Windows,
    by: By,
    x: [usize; 4],
    filter: [usize; 4],
    out: [usize; 4],
) -> Result<Conv2d> {
    let ([_, _, _, in_c], [k_h, k_w, deep, last]) = (x, filter);
    let misfit = || {
        Error::usage(format!(
            "gradients of {out:?} by {x:?} through a filter of {filter:?}"
        ))
    };
    let span = |axis: usize| filter[axis].checked_mul(windows.dilation[axis]);
    if (0..2).any(|axis| span(axis).is_none_or(|span| span == 0 || span >= 1 << 31)) {
        return Err(misfit());
    }
    let (out_c, groups) = match by {
        By::Filter => (Some(last), in_c.checked_div(deep).unwrap_or(0)),
        By::DepthwiseFilter | By::DepthwiseInput => (deep.checked_mul(last), 1),
    };
    let fits = match by {
        By::Filter => groups > 0 && in_c == groups * deep && last.is_multiple_of(groups),
        By::DepthwiseFilter | By::DepthwiseInput => deep == in_c && in_c > 0,
    };
    let placed = [windows.along(0, x[1], k_h), windows.along(1, x[2], k_w)];
    let [(out_h, _), (out_w, _)] = placed;
    match out_c {
        Some(out_c) if fits && out == [x[0], out_h, out_w, out_c] => {
            Ok(windows.conv(x, [k_h, k_w], out_c, groups, placed))
        }
        _ => Err(misfit()),
    }
}

/// The values of an input of 4 axes, its channels last.
fn channels_last(windows: &Windows, x: &View<'_>) -> Result<Vec<f64>> {
    let values = doubles(x)?;
    if !windows.channels_first {
        return Ok(values);
    }
    let [n, h, w, c] = windows.nhwc(four(x.shape)?);
    let mut turned = Vec::with_capacity(values.len());
    for image in 0..n {
        for cell in 0..h * w {
            turned.extend((0..c).map(|channel| values[(image * c + channel) * h * w + cell]));
        }
    }
    Ok(turned)
}

/// The other way; sizes with the channels last.
fn channels_first(values: &[f64], [n, h, w, c]: [usize; 4]) -> Vec<f64> {
    let mut turned = Vec::with_capacity(values.len());
    for image in 0..n {
        for channel in 0..c {
            turned.extend((0..h * w).map(|cell| values[(image * h * w + cell) * c + channel]));
        }
    }
    turned
}

fn infer_norm(cx: &Context) -> Result<Vec<Fact>> {
    let (x, scale) = (cx.input(1)?, cx.input(2)?);
    let channels = || Fact::new(scale.dtype, scale.shape.clone());
    let empty = || Fact::new(scale.dtype, Shape(Some(vec![0])));
    Ok(vec![
        Fact::new(x.dtype, x.shape.clone()),
        channels(),
        channels(),
        empty(),
        empty(),
    ])
}

/// Of gradients, x, the scale, and mean and variance: those of the batch in training, the stored ones else.
fn prepare_norm(cx: &Context) -> Result<Prepared> {
    let training = cx.node.attrs.bool("is_training").unwrap_or(true);
    // TensorFlow's attribute is a float.
    let epsilon = f64::from(cx.attr_float("epsilon", 1e-4) as f32);
    let format = cx.node.attrs.text("data_format");
    let first = format.is_some_and(|format| format.starts_with("NC"));
    let (dtype, of_channels) = (cx.dtype(1)?, cx.dtype(2)?);
    if !dtype.is_float() || of_channels != DType::Float32 {
        return Err(cx.no_kernel(dtype));
    }
    Prepared::compute(move |inputs| {
        let (gradients, x) = (view(inputs, 0)?, view(inputs, 1)?);
        let [scale, mean, variance] = [2, 3, 4].map(|input| doubles(&view(inputs, input)?));
        let (scale, mean, variance) = (scale?, mean?, variance?);
        let (shape, rank) = (x.shape, x.shape.len());
        let axis = if first { 1 } else { rank.max(1) - 1 };
        let channels = shape.get(axis).copied().unwrap_or(0);
        let sides = [&scale, &mean, &variance];
        if gradients.shape != shape || rank < 2 || sides.iter().any(|side| side.len() != channels) {
            return Err(Error::usage(format!(
                "gradients of {:?} by {shape:?} with scales of {}",
                gradients.shape,
                scale.len()
            )));
        }
        let inner: usize = shape[axis + 1..].iter().product();
        let channel = |at: usize| at / inner.max(1) % channels.max(1);
        let (dy, values) = (doubles(&gradients)?, doubles(&x)?);
        let (mut sums, mut products) = (vec![0.0; channels], vec![0.0; channels]);
        for (at, (dy, x)) in dy.iter().zip(&values).enumerate() {
            let c = channel(at);
            sums[c] += dy;
            products[c] += dy * (x - mean[c]);
        }
        let count = (values.len() / channels.max(1)).max(1) as f64;
        let roots: Vec<f64> = variance.iter().map(|v| (v + epsilon).sqrt()).collect();
        let by_x = |at: usize| {
            let c = channel(at);
            let own = match training {
                true => {
                    let spread = products[c] / count / (variance[c] + epsilon);
                    dy[at] - sums[c] / count - (values[at] - mean[c]) * spread
                }
                false => dy[at],
            };
            own * scale[c] / roots[c]
        };
        let by_x: Vec<f64> = (0..values.len()).map(by_x).collect();
        let by_scale: Vec<f64> = products.iter().zip(&roots).map(|(p, r)| p / r).collect();
        let nothing = Tensor::from_values::<f32>(&[0], &[]);
        Ok(vec![
            of_doubles(dtype, shape, &by_x)?,
            of_doubles(of_channels, &[channels], &by_scale)?,
            of_doubles(of_channels, &[channels], &sums)?,
            nothing.clone(),
            nothing,
        ])
    })
}

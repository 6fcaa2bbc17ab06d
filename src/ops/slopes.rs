//! Slopes of functions of one element, as training signatures and gradients inside a graph ask for them. Computed in
//! `f64` and rounded once.

use super::reals::{doubles, of_doubles};
use super::segment::view;
use super::{Context, Fact, Operator, Prepared};
use crate::error::{Error, Result};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        &[
            "SigmoidGrad",
            "TanhGrad",
            "RsqrtGrad",
            "SqrtGrad",
            "ReciprocalGrad",
            "InvGrad",
            "ReluGrad",
            "Relu6Grad",
            "LeakyReluGrad",
            "EluGrad",
            "SeluGrad",
            "SoftplusGrad",
            "SoftsignGrad",
        ],
        &[],
        infer,
        prepare,
    ),
    Operator::new(&["BiasAddGrad"], &[], infer_bias, prepare_bias),
];

fn infer(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.dtype(0)?, cx.shape(0)?.clone())
}

/// Klambauer and others' factor of SELU, and its product with their alpha.
const SELU: [f64; 2] = [1.050_700_987_355_480_5, 1.758_099_340_847_376_6];

/// Of inputs 0 and 1 in their order, which is the function's value (or argument) and the slope behind it, or the other
/// way round.
fn slope(op: &str) -> fn(f64, f64, f64) -> f64 {
    match op {
        "SigmoidGrad" => |y, dy, _| dy * y * (1.0 - y),
        "TanhGrad" => |y, dy, _| dy * (1.0 - y * y),
        "RsqrtGrad" => |y, dy, _| -0.5 * dy * y * y * y,
        "SqrtGrad" => |y, dy, _| 0.5 * dy / y,
        "ReciprocalGrad" | "InvGrad" => |y, dy, _| -dy * y * y,
        "ReluGrad" => |dy, x, _| if x > 0.0 { dy } else { 0.0 },
        "Relu6Grad" => |dy, x, _| if x > 0.0 && x < 6.0 { dy } else { 0.0 },
        "LeakyReluGrad" => |dy, x, alpha| if x > 0.0 { dy } else { dy * alpha },
        "EluGrad" => |dy, y, _| if y < 0.0 { dy * (y + 1.0) } else { dy },
        "SeluGrad" => |dy, y, _| {
            if y < 0.0 {
                dy * (y + SELU[1])
            } else {
                dy * SELU[0]
            }
        },
        "SoftplusGrad" => |dy, x, _| dy / ((-x).exp() + 1.0),
        _ => |dy, x, _| dy / (1.0 + x.abs()).powi(2),
    }
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let (dtype, f) = (cx.dtype(0)?, slope(&cx.node.op));
    let alpha = cx.attr_float("alpha", 0.2);
    Prepared::compute(move |inputs| {
        let (a, b) = (view(inputs, 0)?, view(inputs, 1)?);
        if a.shape != b.shape {
            return Err(Error::usage(format!(
                "values of {:?} and slopes of {:?}",
                a.shape, b.shape
            )));
        }
        let (x, y) = (doubles(&a)?, doubles(&b)?);
        let values: Vec<f64> = x.iter().zip(y).map(|(&x, y)| f(x, y, alpha)).collect();
        Ok(vec![of_doubles(dtype, a.shape, &values)?])
    })
}

/// Where the channels are in an input of this rank.
fn channel_axis(cx: &Context, rank: usize) -> Result<usize> {
    let first = cx.node.attrs.text("data_format") == Some("NCHW");
    match (first, rank) {
        (_, 0 | 1) => Err(cx.wrong(format!("an input of rank {rank}"))),
        (true, _) => Ok(1),
        (false, _) => Ok(rank - 1),
    }
}

fn infer_bias(cx: &Context) -> Result<Vec<Fact>> {
    let channels = match cx.shape(0)?.dims() {
        Some(dims) => dims[channel_axis(cx, dims.len())?],
        None => -1,
    };
    cx.one(cx.dtype(0)?, crate::model::Shape(Some(vec![channels])))
}

fn prepare_bias(cx: &Context) -> Result<Prepared> {
    let dtype = cx.dtype(0)?;
    let axis = channel_axis(cx, cx.sizes(0)?.len())?;
    Prepared::compute(move |inputs| {
        let slopes = view(inputs, 0)?;
        let channels = slopes.shape[axis];
        let inner: usize = slopes.shape[axis + 1..].iter().product();
        let mut sums = vec![0.0; channels];
        for (at, value) in doubles(&slopes)?.into_iter().enumerate() {
            sums[at / inner.max(1) % channels.max(1)] += value;
        }
        Ok(vec![of_doubles(dtype, &[channels], &sums)?])
    })
}

//! Gradients of functions of one element, as training signatures and gradients inside a graph ask for them. Computed in
//! `f64` and rounded once; every step is in half types.

mod images;
mod layers;
mod padding;
mod rows;
mod windows;

use half::{bf16, f16};

use super::reals::{doubles, of_doubles};
use super::segment::view;
use super::types::with_integer;
use super::{Context, Fact, Operator, Prepared, View};
use crate::error::{Error, Result};
use crate::kernels::elementwise::complex::Stored;
use crate::kernels::elementwise::halves::{LANES, Steps};
use crate::kernels::elementwise::number::Number;
use crate::kernels::scalar::{Scalar, Z};
use crate::model::{DType, Element, Tensor};

pub(super) use images::OPERATORS as IMAGES;
pub(super) use layers::OPERATORS as LAYERS;
pub(super) use padding::OPERATORS as PADDING;
pub(super) use rows::OPERATORS as ROWS;
pub(super) use windows::OPERATORS as WINDOWS;

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

/// Of inputs 0 and 1 in their order, which is the function's value (or argument) and the gradient behind it, or the
/// other way round.
fn gradient(op: &str) -> fn(f64, f64, f64) -> f64 {
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

/// The same in rounded steps. TensorFlow goes another way where it takes elements one by one: those that fill no packet
/// of eight.
fn half_gradient<T: Steps>(op: &str) -> fn(T, T, T, bool) -> T {
    fn one<T: Steps>() -> T {
        T::narrow(1.0)
    }
    match op {
        "SigmoidGrad" => |y, dy, _, alone| match alone {
            true => dy.mul(y).mul(one::<T>().sub(y)),
            false => dy.mul(y.mul(one::<T>().sub(y))),
        },
        "TanhGrad" => |y, dy, _, _| dy.mul(one::<T>().sub(y.mul(y))),
        "RsqrtGrad" => |y, dy, _, _| T::narrow(-0.5).mul(dy.mul(y).mul(y.mul(y))),
        "SqrtGrad" => |y, dy, _, alone| match (alone, T::narrow(0.5).mul(dy)) {
            (true, half) => half.div(y),
            (false, half) => half.mul(one::<T>().div(y)),
        },
        "ReciprocalGrad" | "InvGrad" => |y, dy, _, _| T::ZERO.sub(y.mul(y)).mul(dy),
        "ReluGrad" => |dy, x, _, _| if x > T::ZERO { dy } else { T::ZERO },
        "Relu6Grad" => |dy, x, _, _| match x > T::ZERO && x < T::narrow(6.0) {
            true => dy,
            false => T::ZERO,
        },
        "LeakyReluGrad" => |dy, x, alpha, _| if x > T::ZERO { dy } else { dy.mul(alpha) },
        "EluGrad" => |dy, y, _, _| match y < T::ZERO {
            true => y.add(one()).mul(dy),
            false => dy,
        },
        "SeluGrad" => |dy, y, _, _| match y < T::ZERO {
            true => dy.mul(y.add(T::from_f64(SELU[1]))),
            false => dy.mul(T::from_f64(SELU[0])),
        },
        "SoftplusGrad" => |dy, x, _, _| dy.div(T::narrow((-x.wide()).exp()).add(one())),
        _ => |dy, x, _, _| {
            let below = one::<T>().add(T::narrow(x.wide().abs()));
            dy.div(below.mul(below))
        },
    }
}

fn half_gradients<T: Steps + Element>(
    op: &str,
    a: &View<'_>,
    b: &View<'_>,
    alpha: f64,
) -> Result<Vec<Tensor>> {
    let (f, alpha) = (half_gradient::<T>(op), T::from_f64(alpha));
    let (x, y) = (a.values::<T>()?, b.values::<T>()?);
    let packets = x.len() / LANES * LANES;
    let pairs = x.iter().zip(y).enumerate();
    let values: Vec<T> = pairs
        .map(|(at, (&x, &y))| f(x, y, alpha, at >= packets))
        .collect();
    Ok(vec![Tensor::from_values(a.shape, &values)])
}

/// Of complex functions: the function's value and the gradient behind it. TensorFlow conjugates the value for some.
fn complex_gradient(op: &str) -> Option<fn(Z, Z) -> Z> {
    Some(match op {
        "SigmoidGrad" => |y, dy| dy * y * (Z::real(1.0) - y),
        "TanhGrad" => |y, dy| dy * (Z::real(1.0) - y * y),
        "RsqrtGrad" => |y, dy| Z::real(-0.5) * dy * y.conj() * y.conj() * y.conj(),
        "SqrtGrad" => |y, dy| Z::real(0.5) * dy / y.conj(),
        "ReciprocalGrad" | "InvGrad" => |y, dy| Z::real(-1.0) * dy * y.conj() * y.conj(),
        _ => return None,
    })
}

fn complex_gradients<T: Stored + Element>(
    f: fn(Z, Z) -> Z,
    a: &View<'_>,
    b: &View<'_>,
) -> Result<Vec<Tensor>> {
    let pairs = a.values::<T>()?.iter().zip(b.values::<T>()?);
    let of = |(y, dy): (&T, &T)| T::narrow(f(Z(y.wide()), Z(dy.wide())).0);
    let values: Vec<T> = pairs.map(of).collect();
    Ok(vec![Tensor::from_values(a.shape, &values)])
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let (dtype, f) = (cx.dtype(0)?, gradient(&cx.node.op));
    let (op, complex) = (cx.node.op.clone(), complex_gradient(&cx.node.op));
    let alpha = f64::from(cx.attr_float("alpha", 0.2) as f32);
    Prepared::compute(move |inputs| {
        let (a, b) = (view(inputs, 0)?, view(inputs, 1)?);
        if a.shape != b.shape {
            return Err(Error::usage(format!(
                "values of {:?} and gradients of {:?}",
                a.shape, b.shape
            )));
        }
        match (dtype, complex) {
            (DType::Float16, _) => return half_gradients::<f16>(&op, &a, &b, alpha),
            (DType::BFloat16, _) => return half_gradients::<bf16>(&op, &a, &b, alpha),
            (DType::Complex64, Some(f)) => return complex_gradients::<[f32; 2]>(f, &a, &b),
            (DType::Complex128, Some(f)) => return complex_gradients::<[f64; 2]>(f, &a, &b),
            _ => {}
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
        let gradients = view(inputs, 0)?;
        let channels = gradients.shape[axis];
        let inner: usize = gradients.shape[axis + 1..].iter().product();
        let channel = |at: usize| at / inner.max(1) % channels.max(1);
        if dtype.is_integer() {
            // These wrap.
            return with_integer!(dtype, T => {
                let mut sums = vec![<T as Number>::ZERO; channels];
                for (at, &value) in gradients.values::<T>()?.iter().enumerate() {
                    sums[channel(at)] = Number::add(sums[channel(at)], value);
                }
                Ok(vec![Tensor::from_values(&[channels], &sums)])
            }, else Err(Error::unsupported(format!("no kernel for {dtype}"))));
        }
        match dtype {
            DType::Complex64 => return complex_bias::<[f32; 2]>(&gradients, channels, channel),
            DType::Complex128 => return complex_bias::<[f64; 2]>(&gradients, channels, channel),
            _ => {}
        }
        let mut sums = vec![0.0; channels];
        for (at, value) in doubles(&gradients)?.into_iter().enumerate() {
            sums[channel(at)] += value;
        }
        Ok(vec![of_doubles(dtype, &[channels], &sums)?])
    })
}

fn complex_bias<T: Stored + Element>(
    gradients: &View<'_>,
    channels: usize,
    channel: impl Fn(usize) -> usize,
) -> Result<Vec<Tensor>> {
    let mut sums = vec![Z::default(); channels];
    for (at, value) in gradients.values::<T>()?.iter().enumerate() {
        sums[channel(at)] = sums[channel(at)] + Z(value.wide());
    }
    let sums: Vec<T> = sums.iter().map(|sum| T::narrow(sum.0)).collect();
    Ok(vec![Tensor::from_values(&[channels], &sums)])
}

//! Functions that few models need: around gamma, Bessel's, integrals. Computed in `f64` and rounded once.

use super::broadcast;
use super::segment::view;
use super::types::{with_float, with_number};
use super::{Context, Fact, Operator, Prepared};
use crate::error::Result;
use crate::kernels::elementwise::map;
use crate::kernels::elementwise::number::Number;
use crate::kernels::elementwise::{bessel, gamma, integrals};
use crate::model::{DType, Element, Shape, Tensor};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        &[
            "Lgamma",
            "Digamma",
            "Erfinv",
            "Ndtri",
            "Expint",
            "Spence",
            "BesselI0",
            "BesselI0e",
            "BesselI1",
            "BesselI1e",
            "BesselK0",
            "BesselK0e",
            "BesselK1",
            "BesselK1e",
            "BesselJ0",
            "BesselJ1",
            "BesselY0",
            "BesselY1",
            "Dawsn",
            "FresnelCos",
            "FresnelSin",
        ],
        &[],
        infer_same,
        prepare_one,
    ),
    Operator::new(
        &["Igamma", "Igammac", "Polygamma", "Zeta", "Betainc"],
        &[],
        infer_spread,
        prepare_spread,
    ),
    Operator::new(&["ClipByValue"], &[], infer_spread, prepare_clip),
    Operator::new(&["NextAfter"], &[], infer_spread, prepare_next),
];

fn infer_same(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.dtype(0)?, cx.shape(0)?.clone())
}

fn prepare_one(cx: &Context) -> Result<Prepared> {
    let f: fn(f64) -> f64 = match &*cx.node.op {
        "Lgamma" => gamma::ln_gamma,
        "Digamma" => gamma::digamma,
        "Erfinv" => gamma::erf_inverse,
        "Ndtri" => gamma::normal_quantile,
        // TensorFlow has none of negative numbers.
        "Expint" => |x| {
            if x < 0.0 {
                f64::NAN
            } else {
                gamma::exponential_integral(x)
            }
        },
        "Spence" => gamma::spence,
        "BesselI0" => |x| bessel::bessel_i(0, x),
        "BesselI0e" => |x| bessel::bessel_i_scaled(0, x),
        "BesselI1" => |x| bessel::bessel_i(1, x),
        "BesselI1e" => |x| bessel::bessel_i_scaled(1, x),
        "BesselK0" => |x| bessel::bessel_k(0, x),
        "BesselK0e" => |x| bessel::bessel_k_scaled(0, x),
        "BesselK1" => |x| bessel::bessel_k(1, x),
        "BesselK1e" => |x| bessel::bessel_k_scaled(1, x),
        "BesselJ0" => |x| bessel::bessel_j(0, x),
        "BesselJ1" => |x| bessel::bessel_j(1, x),
        "BesselY0" => |x| bessel::bessel_y(0, x),
        "BesselY1" => |x| bessel::bessel_y(1, x),
        "Dawsn" => integrals::dawson,
        "FresnelCos" => |x| integrals::fresnel(x).0,
        _ => |x| integrals::fresnel(x).1,
    };
    let dtype = cx.dtype(0)?;
    with_float!(dtype, T => Prepared::function(move |io| {
        map(io.input::<T>(0)?, io.output::<T>(0)?, |x| <T as Number>::from_f64(f(x.to_f64())));
        Ok(())
    }), else Err(cx.no_kernel(dtype)))
}

/// The first operand no more than the third and no less than the second; of complex numbers each part.
fn prepare_clip(cx: &Context) -> Result<Prepared> {
    let dtype = cx.dtype(0)?;
    match dtype {
        DType::Complex64 => return clipped(|x, low, high| each_part(clip::<f32>, x, low, high)),
        DType::Complex128 => return clipped(|x, low, high| each_part(clip::<f64>, x, low, high)),
        _ => {}
    }
    with_number!(dtype, T => clipped(clip::<T>), else Err(cx.no_kernel(dtype)))
}

fn clip<T: Number>(x: T, low: T, high: T) -> T {
    let most = if high < x { high } else { x };
    if most < low { low } else { most }
}

fn each_part<T: Copy>(clip: fn(T, T, T) -> T, x: [T; 2], low: [T; 2], high: [T; 2]) -> [T; 2] {
    [clip(x[0], low[0], high[0]), clip(x[1], low[1], high[1])]
}

fn clipped<T: Element>(clip: fn(T, T, T) -> T) -> Result<Prepared> {
    Prepared::compute(move |inputs| {
        let (x, low, high) = (view(inputs, 0)?, view(inputs, 1)?, view(inputs, 2)?);
        let values = (x.values::<T>()?, low.values::<T>()?, high.values::<T>()?);
        if let (x_values, &[low], &[high]) = values {
            let values: Vec<T> = x_values.iter().map(|&x| clip(x, low, high)).collect();
            return Ok(vec![Tensor::from_values(x.shape, &values)]);
        }
        let (shape, places) = broadcast::places([x.shape, low.shape, high.shape])?;
        let (x, low, high) = values;
        let each = places.iter().map(|&[i, j, k]| clip(x[i], low[j], high[k]));
        Ok(vec![Tensor::from_values(&shape, &each.collect::<Vec<T>>())])
    })
}

/// The next number from the first operand toward the second.
fn prepare_next(cx: &Context) -> Result<Prepared> {
    macro_rules! next {
        ($T:ty) => {
            Prepared::compute(|inputs| {
                let (x, y) = (view(inputs, 0)?, view(inputs, 1)?);
                let (shape, places) = broadcast::places([x.shape, y.shape])?;
                let (x, y) = (x.values::<$T>()?, y.values::<$T>()?);
                let next = |&[i, j]: &[usize; 2]| match (x[i], y[j]) {
                    (x, y) if x.is_nan() || y.is_nan() => <$T>::NAN,
                    (x, y) if x == y => y,
                    (x, y) if x < y => x.next_up(),
                    (x, _) => x.next_down(),
                };
                let values: Vec<$T> = places.iter().map(next).collect();
                Ok(vec![Tensor::from_values(&shape, &values)])
            })
        };
    }
    match cx.dtype(0)? {
        DType::Float32 => next!(f32),
        DType::Float64 => next!(f64),
        other => Err(cx.no_kernel(other)),
    }
}

fn infer_spread(cx: &Context) -> Result<Vec<Fact>> {
    let shapes = (0..cx.node.inputs.len()).map(|at| cx.shape(at));
    let shapes: Vec<&Shape> = shapes.collect::<Result<_>>()?;
    cx.one(cx.dtype(0)?, broadcast::shape(cx, &shapes)?)
}

fn prepare_spread(cx: &Context) -> Result<Prepared> {
    let dtype = cx.dtype(0)?;
    if &*cx.node.op == "Betainc" {
        return with_float!(dtype, T => Prepared::compute(|inputs| {
            let (a, b, x) = (view(inputs, 0)?, view(inputs, 1)?, view(inputs, 2)?);
            let (shape, places) = broadcast::places([a.shape, b.shape, x.shape])?;
            let (a, b, x) = (a.values::<T>()?, b.values::<T>()?, x.values::<T>()?);
            let value = |&[i, j, k]: &[usize; 3]| {
                let share = gamma::incomplete_beta(a[i].to_f64(), b[j].to_f64(), x[k].to_f64());
                <T as Number>::from_f64(share)
            };
            let values: Vec<T> = places.iter().map(value).collect();
            Ok(vec![Tensor::from_values(&shape, &values)])
        }), else Err(cx.no_kernel(dtype)));
    }
    let f: fn(f64, f64) -> f64 = match &*cx.node.op {
        "Igamma" => |a, x| gamma::gamma_shares(a, x).0,
        "Igammac" => |a, x| gamma::gamma_shares(a, x).1,
        "Polygamma" => gamma::polygamma,
        _ => gamma::zeta,
    };
    with_float!(dtype, T => Prepared::compute(move |inputs| {
        let (a, b) = (view(inputs, 0)?, view(inputs, 1)?);
        let (shape, places) = broadcast::places([a.shape, b.shape])?;
        let (a, b) = (a.values::<T>()?, b.values::<T>()?);
        let value = |&[i, j]: &[usize; 2]| <T as Number>::from_f64(f(a[i].to_f64(), b[j].to_f64()));
        let values: Vec<T> = places.iter().map(value).collect();
        Ok(vec![Tensor::from_values(&shape, &values)])
    }), else Err(cx.no_kernel(dtype)))
}

//! Functions that few models need: around gamma, Bessel's, integrals. Computed in `f64` and rounded once.

use super::broadcast;
use super::segment::view;
use super::types::with_float;
use super::{Context, Fact, Operator, Prepared};
use crate::error::Result;
use crate::kernels::elementwise::gamma;
use crate::kernels::elementwise::map;
use crate::kernels::elementwise::number::Number;
use crate::model::{Shape, Tensor};

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
        "Expint" => gamma::exponential_integral,
        "Spence" => gamma::spence,
        "BesselI0" => |x| gamma::bessel_i(0, x),
        "BesselI0e" => |x| gamma::bessel_i_scaled(0, x),
        "BesselI1" => |x| gamma::bessel_i(1, x),
        "BesselI1e" => |x| gamma::bessel_i_scaled(1, x),
        "BesselK0" => |x| gamma::bessel_k(0, x),
        "BesselK0e" => |x| gamma::bessel_k_scaled(0, x),
        "BesselK1" => |x| gamma::bessel_k(1, x),
        "BesselK1e" => |x| gamma::bessel_k_scaled(1, x),
        "BesselJ0" => |x| gamma::bessel_j(0, x),
        _ => |x| gamma::bessel_j(1, x),
    };
    let dtype = cx.dtype(0)?;
    with_float!(dtype, T => Prepared::function(move |io| {
        map(io.input::<T>(0)?, io.output::<T>(0)?, |x| <T as Number>::from_f64(f(x.to_f64())));
        Ok(())
    }), else Err(cx.no_kernel(dtype)))
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

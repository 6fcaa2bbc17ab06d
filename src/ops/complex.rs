//! Complex numbers from their parts, and their parts.

use super::{Context, Fact, Operator, Prepared, broadcast};
use crate::error::Result;
use crate::kernels::elementwise::complex::{Complex, Stored};
use crate::kernels::elementwise::{complex, map, number::Number};
use crate::kernels::reference::order::{Axis, cumulate};
use crate::kernels::reference::reduce::{Reduction, reduce};
use crate::model::{DType, Element};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(&["Real"], &["REAL"], infer_part, prepare),
    Operator::new(&["Imag"], &["IMAG"], infer_part, prepare),
    Operator::new(&["ComplexAbs"], &["COMPLEX_ABS"], infer_part, prepare),
    Operator::new(&["Angle"], &[], infer_part, prepare),
    Operator::new(&["Conj"], &[], infer_conj, prepare_conj),
    Operator::new(&["Complex"], &[], infer_complex, prepare_complex),
];

fn part_of(dtype: DType) -> Option<DType> {
    match dtype {
        DType::Complex64 => Some(DType::Float32),
        DType::Complex128 => Some(DType::Float64),
        _ => None,
    }
}

fn infer_part(cx: &Context) -> Result<Vec<Fact>> {
    let dtype = cx.dtype(0)?;
    let part = part_of(dtype).ok_or_else(|| cx.no_kernel(dtype))?;
    cx.one(part, cx.shape(0)?.clone())
}

fn prepare(cx: &Context) -> Result<Prepared> {
    match cx.dtype(0)? {
        DType::Complex64 => part::<f32>(cx),
        _ => part::<f64>(cx),
    }
}

fn part<T: Number + Element>(cx: &Context) -> Result<Prepared>
where
    [T; 2]: Element,
{
    // In f64, rounded once.
    let f: fn([T; 2]) -> T = match &*cx.node.op {
        "Real" | "REAL" => |z| z[0],
        "Imag" | "IMAG" => |z| z[1],
        "Angle" => |z| T::from_f64(z[1].to_f64().atan2(z[0].to_f64())),
        _ => |z| T::from_f64(z[0].to_f64().hypot(z[1].to_f64())),
    };
    Prepared::function(move |io| {
        let z = io.input::<[T; 2]>(0)?;
        map(z, io.output::<T>(0)?, f);
        Ok(())
    })
}

/// A function of complex numbers, in `f64`, rounded once.
pub(super) fn function(cx: &Context) -> Result<Prepared> {
    let dtype = cx.dtype(0)?;
    let f = complex::function(&cx.node.op).ok_or_else(|| cx.no_kernel(dtype))?;
    match dtype {
        DType::Complex64 => Prepared::function(move |io| {
            map(io.input::<[f32; 2]>(0)?, io.output(0)?, |z| {
                f(z.map(f64::from)).map(|part| part as f32)
            });
            Ok(())
        }),
        _ => Prepared::function(move |io| {
            map(io.input::<[f64; 2]>(0)?, io.output(0)?, f);
            Ok(())
        }),
    }
}

/// Sum, mean or product over axes.
pub(super) fn reduced<T: Stored + Element>(
    cx: &Context,
    op: Reduction,
    sizes: Vec<usize>,
    gone: Vec<bool>,
) -> Result<Prepared> {
    let (start, fold): (Complex, Fold) = match op {
        Reduction::Sum | Reduction::Mean => ([0.0; 2], complex::plus),
        Reduction::Prod => ([1.0, 0.0], complex::times),
        Reduction::Max | Reduction::Min => return Err(cx.no_kernel(cx.dtype(0)?)),
    };
    let mean = op == Reduction::Mean;
    Prepared::function(move |io| {
        let (x, out) = (io.input::<T>(0)?, io.output::<T>(0)?);
        let next = |sum, z: T| fold(sum, z.wide());
        reduce(x, &sizes, &gone, out, start, next, |sum, count| {
            let share = if mean { count as f64 } else { 1.0 };
            T::narrow(sum.map(|part| part / share))
        });
        Ok(())
    })
}

type Fold = fn(Complex, Complex) -> Complex;

/// Sums or products of what came before along an axis.
pub(super) fn running<T: Stored + Element>(
    sum: bool,
    axis: Axis,
    exclusive: bool,
    reverse: bool,
) -> Result<Prepared> {
    let (start, fold): (Complex, Fold) = match sum {
        true => ([0.0; 2], complex::plus),
        false => ([1.0, 0.0], complex::times),
    };
    Prepared::function(move |io| {
        let (x, out) = (io.input::<T>(0)?, io.output::<T>(0)?);
        let next = |a: T, b: T| T::narrow(fold(a.wide(), b.wide()));
        cumulate(axis, exclusive, reverse, T::narrow(start), next, x, out);
        Ok(())
    })
}

/// A function of two complex numbers as they lie in memory.
pub(super) fn stored<T: Stored>(f: Fold) -> impl Fn(T, T) -> T {
    move |a, b| T::narrow(f(a.wide(), b.wide()))
}

fn infer_conj(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.dtype(0)?, cx.shape(0)?.clone())
}

fn prepare_conj(cx: &Context) -> Result<Prepared> {
    match cx.dtype(0)? {
        DType::Complex64 => Prepared::function(|io| {
            map(io.input::<[f32; 2]>(0)?, io.output(0)?, |[re, im]| {
                [re, -im]
            });
            Ok(())
        }),
        DType::Complex128 => Prepared::function(|io| {
            map(io.input::<[f64; 2]>(0)?, io.output(0)?, |[re, im]| {
                [re, -im]
            });
            Ok(())
        }),
        _ => Ok(Prepared::Alias(0)),
    }
}

fn infer_complex(cx: &Context) -> Result<Vec<Fact>> {
    let dtype = match cx.dtype(0)? {
        DType::Float32 => DType::Complex64,
        DType::Float64 => DType::Complex128,
        other => return Err(cx.no_kernel(other)),
    };
    let shape = broadcast::shape(cx, &[cx.shape(0)?, cx.shape(1)?])?;
    cx.one(dtype, shape)
}

fn prepare_complex(cx: &Context) -> Result<Prepared> {
    match cx.dtype(0)? {
        DType::Float32 => joined::<f32>(cx),
        _ => joined::<f64>(cx),
    }
}

fn joined<T: Element>(cx: &Context) -> Result<Prepared>
where
    [T; 2]: Element,
{
    use crate::kernels::strides::{MAX_RANK, Walk, broadcast_strides};
    let out = infer_complex(cx)?.pop().and_then(|fact| fact.shape.fixed());
    let Some(out) = out.filter(|out| out.len() <= MAX_RANK) else {
        return Err(cx.wrong("parts of unknown shapes"));
    };
    let strides = [0, 1].map(|at| Ok(broadcast_strides(&cx.sizes(at)?, &out)));
    let [re, im] = strides;
    let walk = Walk::new(&out, [re?, im?]);
    Prepared::function(move |io| {
        let (re, im) = (io.input::<T>(0)?, io.input::<T>(1)?);
        let z = io.output::<[T; 2]>(0)?;
        let mut next = 0;
        for run in walk.runs([0; 2]) {
            let [mut a, mut b] = run.at;
            for _ in 0..run.len {
                z[next] = [re[a], im[b]];
                next += 1;
                a = a.wrapping_add_signed(run.step[0]);
                b = b.wrapping_add_signed(run.step[1]);
            }
        }
        Ok(())
    })
}

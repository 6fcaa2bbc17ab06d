//! Custom operators that quantizers leave in a `.tflite`: the rotation that spreads outliers over a row, and the
//! comparison of a quantized value with the float one.

use crate::error::{Error, Result};
use crate::kernels::hadamard::hadamard;
use crate::kernels::quantized::convert::dequantize;
use crate::model::DType;
use crate::ops::types::with_type;
use crate::ops::{Context, Fact, Operator, Prepared};

pub const OPERATORS: &[Operator] = &[
    Operator::new(
        &[],
        &["aeq.hadamard_rotation"],
        infer_rotation,
        prepare_rotation,
    ),
    Operator::new(
        &[],
        &["NumericVerify"],
        infer_difference,
        prepare_difference,
    ),
];

fn infer_rotation(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.dtype(0)?, cx.shape(0)?.clone())
}

/// Each stretch of `hadamard_size` values along the last axis for itself.
fn prepare_rotation(cx: &Context) -> Result<Prepared> {
    let (told, dims) = (cx.attr_int("hadamard_size", 0), cx.sizes(0)?);
    let last = dims.last().copied().unwrap_or(0);
    let size = usize::try_from(told).ok();
    let size = size.filter(|size| size.is_power_of_two() && last.is_multiple_of(*size));
    let size = size.ok_or_else(|| cx.wrong(format!("stretches of {told} in rows of {last}")))?;
    if cx.dtype(0)? != DType::Float32 {
        return Err(cx.no_kernel(cx.dtype(0)?));
    }
    Prepared::function(move |io| {
        let (x, out) = (io.input::<f32>(0)?, io.output::<f32>(0)?);
        out.copy_from_slice(x);
        out.chunks_exact_mut(size).for_each(hadamard);
        Ok(())
    })
}

fn infer_difference(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(DType::Float32, cx.shape(0)?.clone())
}

/// Below this the operator only tells the differences, whatever `log_if_failed` says.
const LEAST_TOLERANCE: f32 = 0.1;

/// What input 0 stands for, minus input 1. Fails where that is more than `tolerance` steps, if it is asked to.
fn prepare_difference(cx: &Context) -> Result<Prepared> {
    if cx.dtype(1)? != DType::Float32 || cx.sizes(0)? != cx.sizes(1)? {
        return Err(cx.wrong(format!(
            "{} {} to compare with {}",
            cx.dtype(1)?,
            cx.shape(1)?,
            cx.shape(0)?
        )));
    }
    let (dtype, tolerance) = (cx.dtype(0)?, cx.attr_float("tolerance", 0.0) as f32);
    if dtype == DType::Float16 {
        return Prepared::function(move |io| {
            let (x, real) = (io.input::<half::f16>(0)?, io.input::<f32>(1)?);
            let pairs = x.iter().zip(real);
            for (out, (x, real)) in io.output::<f32>(0)?.iter_mut().zip(pairs) {
                *out = x.to_f32() - real;
            }
            Ok(())
        });
    }
    let (scale, zero) = cx.scale(0)?;
    let strict = cx.attr_bool("log_if_failed") && tolerance >= LEAST_TOLERANCE;
    let most = if strict {
        tolerance * scale
    } else {
        f32::INFINITY
    };
    with_type!(dtype, T in [Int8: i8, UInt8: u8, Int16: i16] => Prepared::function(move |io| {
        let (real, out) = (io.input::<f32>(1)?, io.output::<f32>(0)?);
        dequantize(io.input::<T>(0)?, scale, zero, out);
        for (at, (out, real)) in out.iter_mut().zip(real).enumerate() {
            *out -= real;
            if out.abs() > most {
                return Err(Error::usage(format!(
                    "value {at} is {real} and its quantized form {out} off, more than {most}"
                )));
            }
        }
        Ok(())
    }), else Err(cx.no_kernel(dtype)))
}

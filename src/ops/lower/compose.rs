//! Operators without a twin, made from several that exist.

use super::attrs::plain;
use super::{Call, Lower, Lowering};
use crate::error::{Error, Result};
use crate::model::{Attrs, DType, ValueId};

pub fn find(op: &str) -> Option<Lower> {
    Some(match op {
        "Inv" | "Reciprocal" => reciprocal,
        "Softplus" => softplus,
        "Softsign" => softsign,
        "Selu" => selu,
        "Log1p" => log1p,
        "Expm1" => expm1,
        "ClipByValue" => clip,
        "DivNoNan" => div_no_nan,
        "IsNan" => is_nan,
        "Atan" => atan,
        "Tan" => tan,
        "Sinh" | "Cosh" => hyperbolic,
        _ => return None,
    })
}

fn one(cx: &mut Lowering) -> Result<ValueId> {
    cx.scalar(DType::Float32, 1.0)
}

fn float(cx: &Lowering, x: ValueId) -> Result<ValueId> {
    match cx.dtype(x) {
        DType::Float32 => Ok(x),
        other => Err(Error::unsupported(format!(
            "has no TFLite operators for {other}"
        ))),
    }
}

fn reciprocal(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let x = float(cx, call.arg(0)?)?;
    let one = one(cx)?;
    Ok(vec![cx.emit("DIV", &[one, x], plain())?])
}

/// max(x, 0) + log(1 + exp(−|x|)): large values don't overflow.
fn softplus(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let x = float(cx, call.arg(0)?)?;
    let size = cx.emit("ABS", &[x], Attrs::new())?;
    let minus = cx.emit("NEG", &[size], Attrs::new())?;
    let small = cx.emit("EXP", &[minus], Attrs::new())?;
    let one = one(cx)?;
    let sum = cx.emit("ADD", &[small, one], plain())?;
    let rest = cx.emit("LOG", &[sum], Attrs::new())?;
    let positive = cx.emit("RELU", &[x], Attrs::new())?;
    Ok(vec![cx.emit("ADD", &[positive, rest], plain())?])
}

fn softsign(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let x = float(cx, call.arg(0)?)?;
    let size = cx.emit("ABS", &[x], Attrs::new())?;
    let one = one(cx)?;
    let sum = cx.emit("ADD", &[size, one], plain())?;
    Ok(vec![cx.emit("DIV", &[x, sum], plain())?])
}

/// scale·x above 0, scale·alpha·(exp(x) − 1) below; the constants of Klambauer et al. 2017.
fn selu(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    const SCALE: f64 = 1.050_700_987_355_480_5;
    const ALPHA: f64 = 1.673_263_242_354_377_2;
    let x = float(cx, call.arg(0)?)?;
    let zero = cx.scalar(DType::Float32, 0.0)?;
    let below = cx.emit("MINIMUM", &[x, zero], Attrs::new())?;
    let grown = cx.emit("EXP", &[below], Attrs::new())?;
    let one = one(cx)?;
    let grown = cx.emit("SUB", &[grown, one], plain())?;
    let factor = cx.scalar(DType::Float32, SCALE * ALPHA)?;
    let grown = cx.emit("MUL", &[grown, factor], plain())?;
    let above = cx.emit("RELU", &[x], Attrs::new())?;
    let scale = cx.scalar(DType::Float32, SCALE)?;
    let above = cx.emit("MUL", &[above, scale], plain())?;
    Ok(vec![cx.emit("ADD", &[above, grown], plain())?])
}

fn log1p(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let x = float(cx, call.arg(0)?)?;
    let one = one(cx)?;
    let sum = cx.emit("ADD", &[x, one], plain())?;
    Ok(vec![cx.emit("LOG", &[sum], Attrs::new())?])
}

fn expm1(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let x = float(cx, call.arg(0)?)?;
    let grown = cx.emit("EXP", &[x], Attrs::new())?;
    let one = one(cx)?;
    Ok(vec![cx.emit("SUB", &[grown, one], plain())?])
}

fn clip(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let low = cx.emit("MINIMUM", &[call.arg(0)?, call.arg(2)?], Attrs::new())?;
    Ok(vec![cx.emit(
        "MAXIMUM",
        &[low, call.arg(1)?],
        Attrs::new(),
    )?])
}

fn div_no_nan(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let (x, y) = (float(cx, call.arg(0)?)?, call.arg(1)?);
    let zero = cx.scalar(DType::Float32, 0.0)?;
    let none = cx.emit("EQUAL", &[y, zero], Attrs::new())?;
    let ratio = cx.emit("DIV", &[x, y], plain())?;
    Ok(vec![cx.emit(
        "SELECT_V2",
        &[none, zero, ratio],
        Attrs::new(),
    )?])
}

fn is_nan(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let x = float(cx, call.arg(0)?)?;
    Ok(vec![cx.emit("NOT_EQUAL", &[x, x], Attrs::new())?])
}

fn atan(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let x = float(cx, call.arg(0)?)?;
    // ATAN2 does not broadcast in the reference kernel: the ones take x's shape.
    let zeros = cx.emit("ZEROS_LIKE", &[x], Attrs::new())?;
    let one = one(cx)?;
    let ones = cx.emit("ADD", &[zeros, one], plain())?;
    Ok(vec![cx.emit("ATAN2", &[x, ones], Attrs::new())?])
}

fn tan(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let x = float(cx, call.arg(0)?)?;
    let sin = cx.emit("SIN", &[x], Attrs::new())?;
    let cos = cx.emit("COS", &[x], Attrs::new())?;
    Ok(vec![cx.emit("DIV", &[sin, cos], plain())?])
}

/// (eˣ ∓ e⁻ˣ) / 2
fn hyperbolic(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let x = float(cx, call.arg(0)?)?;
    let minus = cx.emit("NEG", &[x], Attrs::new())?;
    let up = cx.emit("EXP", &[x], Attrs::new())?;
    let down = cx.emit("EXP", &[minus], Attrs::new())?;
    let op = if call.op() == "Sinh" { "SUB" } else { "ADD" };
    let both = cx.emit(op, &[up, down], plain())?;
    let half = cx.scalar(DType::Float32, 0.5)?;
    Ok(vec![cx.emit("MUL", &[both, half], plain())?])
}

//! Products: FULLY_CONNECTED where one side is constant, BATCH_MATMUL elsewhere.

use super::attrs::activation;
use super::{Call, Lower, Lowering};
use crate::error::{Error, Result};
use crate::model::{Attr, Attrs, DType, ValueId};

pub fn find(op: &str) -> Option<Lower> {
    Some(match op {
        "MatMul" => matmul,
        "BatchMatMul" | "BatchMatMulV2" | "BatchMatMulV3" => batch_matmul,
        "Einsum" => super::einsum::lower,
        _ => return None,
    })
}

fn matmul(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    product(cx, call, call.flag("transpose_a"), call.flag("transpose_b"))
}

fn batch_matmul(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    product(cx, call, call.flag("adj_x"), call.flag("adj_y"))
}

fn product(cx: &mut Lowering, call: &Call<'_>, turn_a: bool, turn_b: bool) -> Result<Vec<ValueId>> {
    let (a, b) = (call.arg(0)?, call.arg(1)?);
    let own = cx.dtype(a);
    let through = match own {
        DType::Float32 => own,
        DType::Float16 | DType::BFloat16 | DType::Float64 => DType::Float32,
        other => {
            return Err(Error::unsupported(format!(
                "products of {other} have no TFLite operator"
            )));
        }
    };
    let (a, b) = (cx.cast(a, through)?, cx.cast(b, through)?);
    let y = multiply(cx, a, b, turn_a, turn_b)?;
    Ok(vec![cx.cast(y, own)?])
}

/// `a · b` over the last two axes, each side transposed first where asked.
pub fn multiply(
    cx: &mut Lowering,
    a: ValueId,
    b: ValueId,
    turn_a: bool,
    turn_b: bool,
) -> Result<ValueId> {
    let (a_rank, b_rank) = (cx.rank(a)?, cx.rank(b)?);
    if b_rank == 2 && !(turn_a && a_rank != 2) && (cx.is_constant(b) || turn_b && a_rank == 2) {
        let a = if turn_a { cx.transpose(a, &[1, 0])? } else { a };
        let weights = if turn_b { b } else { cx.transpose(b, &[1, 0])? };
        return fully_connected(cx, a, weights);
    }
    let attrs = Attrs::new()
        .with("adj_x", Attr::Bool(turn_a))
        .with("adj_y", Attr::Bool(turn_b));
    cx.emit("BATCH_MATMUL", &[a, b], attrs)
}

/// `x · weightsᵀ` with weights of [out, in]; leading axes of `x` are kept.
pub fn fully_connected(cx: &mut Lowering, x: ValueId, weights: ValueId) -> Result<ValueId> {
    let attrs = Attrs::new()
        .with("fused_activation_function", activation("NONE"))
        .with("keep_num_dims", Attr::Bool(cx.rank(x)? != 2));
    let inputs = [Some(x), Some(weights), None];
    cx.emit_all("FULLY_CONNECTED", &inputs, attrs)?
        .first()
        .copied()
        .ok_or_else(|| Error::unsupported("FULLY_CONNECTED makes nothing"))
}

//! Reductions along axes.

use super::{Call, Lower, Lowering};
use crate::error::{Error, Result};
use crate::model::{Attr, Attrs, DType, ValueId};

pub fn find(op: &str) -> Option<Lower> {
    Some(match op {
        "Sum" | "Mean" | "Prod" | "Max" | "Min" | "All" | "Any" => reduce,
        "ArgMax" | "ArgMin" => arg_extreme,
        "Cumsum" => cumsum,
        "TopKV2" => top_k,
        _ => return None,
    })
}

fn reduce(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let op = match call.op() {
        "Sum" => "SUM",
        "Mean" => "MEAN",
        "Prod" => "REDUCE_PROD",
        "Max" => "REDUCE_MAX",
        "Min" => "REDUCE_MIN",
        "All" => "REDUCE_ALL",
        _ => "REDUCE_ANY",
    };
    let x = call.arg(0)?;
    let own = cx.dtype(x);
    let through = match own {
        DType::Float16 | DType::BFloat16 | DType::Float64 => DType::Float32,
        DType::Float32 | DType::Int32 | DType::Int64 | DType::Bool => own,
        DType::Int8 | DType::UInt8 | DType::Int16 | DType::UInt16 => DType::Int32,
        other => {
            return Err(Error::unsupported(format!(
                "has no TFLite operator for {other}"
            )));
        }
    };
    let x = cx.cast(x, through)?;
    let mut axes = cx.as_int32(call.arg(1)?)?;
    if cx.rank(axes)? == 0 {
        axes = cx.reshape(axes, &[1])?;
    }
    let keep = call.flag("keep_dims") || call.flag("keepdims");
    let attrs = Attrs::new().with("keep_dims", Attr::Bool(keep));
    let y = cx.emit(op, &[x, axes], attrs)?;
    Ok(vec![cx.cast(y, own)?])
}

fn arg_extreme(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let mut x = call.arg(0)?;
    if matches!(
        cx.dtype(x),
        DType::Float16 | DType::BFloat16 | DType::Float64
    ) {
        x = cx.cast(x, DType::Float32)?;
    }
    let axis = cx.as_int32(call.arg(1)?)?;
    let to = call.node.attrs.dtype("output_type").unwrap_or(DType::Int64);
    if !matches!(to, DType::Int32 | DType::Int64) {
        return Err(Error::unsupported(format!("indices of type {to}")));
    }
    let op = if call.op() == "ArgMax" {
        "ARG_MAX"
    } else {
        "ARG_MIN"
    };
    Ok(vec![cx.emit(
        op,
        &[x, axis],
        Attrs::new().with("output_type", Attr::Type(to)),
    )?])
}

fn cumsum(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let axis = cx.as_int32(call.arg(1)?)?;
    let attrs = Attrs::new()
        .with("exclusive", Attr::Bool(call.flag("exclusive")))
        .with("reverse", Attr::Bool(call.flag("reverse")));
    Ok(vec![cx.emit("CUMSUM", &[call.arg(0)?, axis], attrs)?])
}

fn top_k(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let k = cx.as_int32(call.arg(1)?)?;
    let results = cx.emit_all("TOPK_V2", &[Some(call.arg(0)?), Some(k)], Attrs::new())?;
    match (call.node.attrs.dtype("index_type"), &*results) {
        (Some(DType::Int64), &[values, at]) => Ok(vec![values, cx.cast(at, DType::Int64)?]),
        _ => Ok(results),
    }
}

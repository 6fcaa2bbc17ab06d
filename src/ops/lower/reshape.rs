//! Operators that change shapes or move elements without computing.

use super::{Call, Lower, Lowering, axis_of, shapes};
use crate::error::{Error, Result};
use crate::model::{Attr, Attrs, DType, ValueId};

pub fn find(op: &str) -> Option<Lower> {
    Some(match op {
        "Reshape" => reshape,
        "Squeeze" => squeeze,
        "ExpandDims" => expand_dims,
        "Transpose" => transpose,
        "Shape" => shape,
        "Size" => size,
        "Rank" => rank,
        "Fill" => fill,
        "BroadcastTo" => broadcast_to,
        "Tile" => tile,
        "Pad" | "PadV2" => pad,
        "MirrorPad" => mirror_pad,
        "Range" => range,
        "ReverseV2" => reverse,
        "SpaceToBatchND" | "BatchToSpaceND" => batch_blocks,
        "OnesLike" => ones_like,
        _ => return None,
    })
}

fn reshape(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let (x, sizes) = (call.arg(0)?, call.arg(1)?);
    // One open size is what -1 means.
    if let Some(known) = cx.known(sizes)
        && known.iter().filter(|s| s.is_none_or(|s| s < 0)).count() <= 1
    {
        let sizes: Vec<i64> = known.into_iter().map(|s| s.unwrap_or(-1)).collect();
        return Ok(vec![reshape_to(cx, x, &sizes)?]);
    }
    let sizes = cx.as_int32(sizes)?;
    Ok(vec![cx.emit("RESHAPE", &[x, sizes], Attrs::new())?])
}

/// A reshape to known sizes, or nothing where they are the operand's own.
pub fn reshape_to(cx: &mut Lowering, x: ValueId, sizes: &[i64]) -> Result<ValueId> {
    let own = cx.shape(x);
    let open = sizes.iter().filter(|s| **s < 0).count();
    if own.dims() == Some(sizes) && open <= 1 {
        return Ok(x);
    }
    cx.reshape(x, sizes)
}

fn squeeze(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.arg(0)?;
    let dims = cx.dims(x)?;
    let axes = call
        .node
        .attrs
        .ints("squeeze_dims")
        .filter(|a| !a.is_empty())
        .or_else(|| call.node.attrs.ints("axis"))
        .unwrap_or_default();
    let axes = axes
        .iter()
        .map(|&a| axis_of(a, dims.len()))
        .collect::<Result<Vec<_>>>()?;
    if axes.is_empty() && dims.contains(&-1) {
        return Err(Error::unsupported(
            "squeezes whatever is 1, which is known only at run time",
        ));
    }
    let gone = |i: usize| {
        if axes.is_empty() {
            dims[i] == 1
        } else {
            axes.contains(&i)
        }
    };
    let rest: Vec<i64> = (0..dims.len())
        .filter(|&i| !gone(i))
        .map(|i| dims[i])
        .collect();
    if rest.iter().filter(|s| **s < 0).count() <= 1 {
        return Ok(vec![reshape_to(cx, x, &rest)?]);
    }
    let axes: Vec<i64> = axes.iter().map(|&a| a as i64).collect();
    let attrs = Attrs::new().with("squeeze_dims", shapes::int_list(&axes));
    Ok(vec![cx.emit("SQUEEZE", &[x], attrs)?])
}

fn expand_dims(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let axis = cx.ints(call.arg(1)?, "the axis")?;
    let axis = axis.first().copied().unwrap_or(0);
    Ok(vec![expand(cx, call.arg(0)?, axis)?])
}

pub fn expand(cx: &mut Lowering, x: ValueId, axis: i64) -> Result<ValueId> {
    if let Some(mut dims) = cx.shape(x).0.clone() {
        dims.insert(axis_of(axis, dims.len() + 1)?, 1);
        if dims.iter().filter(|s| **s < 0).count() <= 1 {
            return cx.reshape(x, &dims);
        }
    }
    let axis = cx.int_scalar(axis)?;
    cx.emit("EXPAND_DIMS", &[x, axis], Attrs::new())
}

fn transpose(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let order = cx.as_int32(call.arg(1)?)?;
    Ok(vec![cx.emit(
        "TRANSPOSE",
        &[call.arg(0)?, order],
        Attrs::new(),
    )?])
}

fn index_type(call: &Call<'_>) -> DType {
    call.node.attrs.dtype("out_type").unwrap_or(DType::Int32)
}

fn shape(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let attrs = Attrs::new().with("out_type", Attr::Type(index_type(call)));
    Ok(vec![cx.emit("SHAPE", &[call.arg(0)?], attrs)?])
}

fn size(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let attrs = Attrs::new().with("out_type", Attr::Type(index_type(call)));
    let sizes = cx.emit("SHAPE", &[call.arg(0)?], attrs)?;
    let axis = cx.int_vector(&[0])?;
    let attrs = Attrs::new().with("keep_dims", Attr::Bool(false));
    Ok(vec![cx.emit("REDUCE_PROD", &[sizes, axis], attrs)?])
}

fn rank(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.arg(0)?;
    match cx.shape(x).rank() {
        Some(rank) => Ok(vec![cx.int_scalar(rank as i64)?]),
        None => Ok(vec![cx.emit("RANK", &[x], Attrs::new())?]),
    }
}

fn fill(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let sizes = cx.as_int32(call.arg(0)?)?;
    Ok(vec![cx.emit(
        "FILL",
        &[sizes, call.arg(1)?],
        Attrs::new(),
    )?])
}

fn broadcast_to(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let sizes = cx.as_int32(call.arg(1)?)?;
    Ok(vec![cx.emit(
        "BROADCAST_TO",
        &[call.arg(0)?, sizes],
        Attrs::new(),
    )?])
}

fn tile(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let times = cx.as_int32(call.arg(1)?)?;
    Ok(vec![cx.emit(
        "TILE",
        &[call.arg(0)?, times],
        Attrs::new(),
    )?])
}

fn pad(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let (x, pads) = (call.arg(0)?, cx.as_int32(call.arg(1)?)?);
    if cx.rank(x)? > 5 {
        return Err(Error::unsupported(
            "padding of more than 5 dimensions has no TFLite operator",
        ));
    }
    if call.op() == "Pad" {
        return Ok(vec![cx.emit("PAD", &[x, pads], Attrs::new())?]);
    }
    Ok(vec![cx.emit(
        "PADV2",
        &[x, pads, call.arg(2)?],
        Attrs::new(),
    )?])
}

fn mirror_pad(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let pads = cx.as_int32(call.arg(1)?)?;
    let name = call.text("mode", "REFLECT");
    let mode = Attr::Enum {
        name: name.into(),
        value: i64::from(name == "SYMMETRIC"),
    };
    Ok(vec![cx.emit(
        "MIRROR_PAD",
        &[call.arg(0)?, pads],
        Attrs::new().with("mode", mode),
    )?])
}

fn range(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    cx.emit("RANGE", call.inputs, Attrs::new()).map(|v| vec![v])
}

fn reverse(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let axes = cx.as_int32(call.arg(1)?)?;
    if cx.shape(axes).elements() == Some(0) {
        return Ok(vec![call.arg(0)?]);
    }
    Ok(vec![cx.emit(
        "REVERSE_V2",
        &[call.arg(0)?, axes],
        Attrs::new(),
    )?])
}

fn batch_blocks(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let op = if call.op() == "SpaceToBatchND" {
        "SPACE_TO_BATCH_ND"
    } else {
        "BATCH_TO_SPACE_ND"
    };
    let (block, edges) = (cx.as_int32(call.arg(1)?)?, cx.as_int32(call.arg(2)?)?);
    Ok(vec![cx.emit(
        op,
        &[call.arg(0)?, block, edges],
        Attrs::new(),
    )?])
}

fn ones_like(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.arg(0)?;
    let one = cx.scalar(cx.dtype(x), 1.0)?;
    let attrs = Attrs::new().with("out_type", Attr::Type(DType::Int32));
    let sizes = cx.emit("SHAPE", &[x], attrs)?;
    Ok(vec![cx.emit(
        "BROADCAST_TO",
        &[one, sizes],
        Attrs::new(),
    )?])
}

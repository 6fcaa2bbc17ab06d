//! Slices, gathers, joins and splits.

use super::{Call, Lower, Lowering, axis_of};
use crate::error::{Error, Result};
use crate::model::{Attr, Attrs, DType, ValueId};

pub fn find(op: &str) -> Option<Lower> {
    Some(match op {
        "Slice" => slice,
        "StridedSlice" => strided_slice,
        "Gather" | "GatherV2" | "ResourceGather" => gather,
        "GatherNd" => gather_nd,
        "ScatterNd" => scatter_nd,
        "ConcatV2" | "Concat" => concat,
        "Pack" => pack,
        "Unpack" => unpack,
        "Split" => split,
        "SplitV" => split_v,
        "OneHot" => one_hot,
        "Where" => where_true,
        "Select" => select,
        "SelectV2" => select_v2,
        "Unique" => unique,
        "ReverseSequence" => reverse_sequence,
        _ => return None,
    })
}

fn slice(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let (begin, size) = (cx.as_int32(call.arg(1)?)?, cx.as_int32(call.arg(2)?)?);
    Ok(vec![cx.emit(
        "SLICE",
        &[call.arg(0)?, begin, size],
        Attrs::new(),
    )?])
}

/// One bound of a slice per axis of the operand, the ellipsis written out and new axes taken aside.
struct Spec {
    begin: Vec<i64>,
    end: Vec<i64>,
    strides: Vec<i64>,
    masks: [i64; 3],
    /// Where results of size 1 are added.
    new_axes: Vec<usize>,
}

fn strided_slice(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let mask = |name: &str| call.node.attrs.int(name).unwrap_or(0);
    let x = call.arg(0)?;
    let spec = match (mask("ellipsis_mask"), mask("new_axis_mask")) {
        (0, 0) => None,
        _ => Some(written_out(cx, call)?),
    };
    let (begin, end, strides, masks, new_axes) = match spec {
        Some(spec) => (
            cx.int_vector(&spec.begin)?,
            cx.int_vector(&spec.end)?,
            cx.int_vector(&spec.strides)?,
            spec.masks,
            spec.new_axes,
        ),
        None => (
            cx.as_int32(call.arg(1)?)?,
            cx.as_int32(call.arg(2)?)?,
            cx.as_int32(call.arg(3)?)?,
            [
                mask("begin_mask"),
                mask("end_mask"),
                mask("shrink_axis_mask"),
            ],
            Vec::new(),
        ),
    };
    let attrs = Attrs::new()
        .with("begin_mask", Attr::Int(masks[0]))
        .with("end_mask", Attr::Int(masks[1]))
        .with("ellipsis_mask", Attr::Int(0))
        .with("new_axis_mask", Attr::Int(0))
        .with("shrink_axis_mask", Attr::Int(masks[2]));
    let mut y = if cx.shape(begin).elements() == Some(0) {
        x
    } else {
        cx.emit("STRIDED_SLICE", &[x, begin, end, strides], attrs)?
    };
    for axis in new_axes {
        y = super::reshape::expand(cx, y, axis as i64)?;
    }
    Ok(vec![y])
}

fn written_out(cx: &Lowering, call: &Call<'_>) -> Result<Spec> {
    let rank = cx.rank(call.arg(0)?)?;
    let begin = cx.ints(
        call.arg(1)?,
        "the begin of a slice with an ellipsis or a new axis",
    )?;
    let end = cx.ints(
        call.arg(2)?,
        "the end of a slice with an ellipsis or a new axis",
    )?;
    let strides = cx.ints(
        call.arg(3)?,
        "the stride of a slice with an ellipsis or a new axis",
    )?;
    let mask = |name: &str| call.node.attrs.int(name).unwrap_or(0);
    let bit = |mask: i64, i: usize| i < 63 && mask >> i & 1 == 1;
    let (ellipsis, new_axis, shrink) = (
        mask("ellipsis_mask"),
        mask("new_axis_mask"),
        mask("shrink_axis_mask"),
    );
    let count = begin.len().min(end.len()).min(strides.len());
    let taken = (0..count)
        .filter(|&i| !bit(ellipsis, i) && !bit(new_axis, i))
        .count();
    let mut spec = Spec {
        begin: vec![],
        end: vec![],
        strides: vec![],
        masks: [0; 3],
        new_axes: vec![],
    };
    // Axes of the result so far.
    let mut out = 0;
    for i in 0..count {
        if bit(ellipsis, i) {
            for _ in 0..rank.saturating_sub(taken) {
                spec.push(0, 0, 1, [true, true, false]);
                out += 1;
            }
        } else if bit(new_axis, i) {
            spec.new_axes.push(out);
            out += 1;
        } else {
            let shrinks = bit(shrink, i);
            let open = [
                bit(mask("begin_mask"), i),
                bit(mask("end_mask"), i),
                shrinks,
            ];
            spec.push(begin[i], end[i], strides[i], open);
            out += usize::from(!shrinks);
        }
    }
    Ok(spec)
}

impl Spec {
    fn push(&mut self, begin: i64, end: i64, stride: i64, bits: [bool; 3]) {
        let axis = self.begin.len();
        self.begin.push(begin);
        self.end.push(end);
        self.strides.push(stride);
        for (mask, bit) in self.masks.iter_mut().zip(bits) {
            *mask |= i64::from(bit) << axis.min(62);
        }
    }
}

fn gather(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let (x, at) = (call.arg(0)?, call.arg(1)?);
    let axis = match call.op() {
        "GatherV2" => cx
            .ints(call.arg(2)?, "the axis")?
            .first()
            .copied()
            .unwrap_or(0),
        _ => 0,
    };
    let axis = axis_of(axis, cx.rank(x)?)? as i64;
    let batch = match call.node.attrs.int("batch_dims").unwrap_or(0) {
        n if n < 0 => n + cx.rank(at)? as i64,
        n => n,
    };
    let attrs = Attrs::new()
        .with("axis", Attr::Int(axis))
        .with("batch_dims", Attr::Int(batch));
    Ok(vec![cx.emit("GATHER", &[x, at], attrs)?])
}

fn gather_nd(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    Ok(vec![cx.emit(
        "GATHER_ND",
        &[call.arg(0)?, call.arg(1)?],
        Attrs::new(),
    )?])
}

fn scatter_nd(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let (at, sizes) = (cx.as_int32(call.arg(0)?)?, cx.as_int32(call.arg(2)?)?);
    Ok(vec![cx.emit(
        "SCATTER_ND",
        &[at, call.arg(1)?, sizes],
        Attrs::new(),
    )?])
}

fn concat(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let (axis, parts) = match (call.op(), call.inputs) {
        ("ConcatV2", [parts @ .., axis]) => (*axis, parts),
        (_, [axis, parts @ ..]) => (*axis, parts),
        _ => return Err(Error::unreadable("a concatenation of nothing")),
    };
    let axis = cx.ints(axis, "the axis")?.first().copied().unwrap_or(0);
    let rank = parts.iter().find_map(|&p| cx.shape(p).rank());
    let axis = match rank {
        Some(rank) => axis_of(axis, rank)? as i64,
        None => axis,
    };
    if let [only] = parts {
        return Ok(vec![*only]);
    }
    let attrs = super::attrs::plain().with("axis", Attr::Int(axis));
    Ok(vec![cx.emit("CONCATENATION", parts, attrs)?])
}

fn pack(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let axis = call.node.attrs.int("axis").unwrap_or(0);
    let axis = match cx.shape(call.arg(0)?).rank() {
        Some(rank) => axis_of(axis, rank + 1)? as i64,
        None => axis,
    };
    let attrs = Attrs::new()
        .with("axis", Attr::Int(axis))
        .with("values_count", Attr::Int(call.inputs.len() as i64));
    Ok(vec![cx.emit("PACK", call.inputs, attrs)?])
}

fn unpack(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let attrs = Attrs::new()
        .with("axis", Attr::Int(call.node.attrs.int("axis").unwrap_or(0)))
        .with("num", Attr::Int(call.results.len() as i64));
    cx.emit_all("UNPACK", &[Some(call.arg(0)?)], attrs)
}

fn split(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let axis = cx.as_int32(call.arg(0)?)?;
    let attrs = Attrs::new().with("num_splits", Attr::Int(call.results.len() as i64));
    cx.emit_all("SPLIT", &[Some(axis), Some(call.arg(1)?)], attrs)
}

fn split_v(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let (sizes, axis) = (cx.as_int32(call.arg(1)?)?, cx.as_int32(call.arg(2)?)?);
    let attrs = Attrs::new().with("num_splits", Attr::Int(call.results.len() as i64));
    cx.emit_all(
        "SPLIT_V",
        &[Some(call.arg(0)?), Some(sizes), Some(axis)],
        attrs,
    )
}

fn one_hot(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let depth = cx.as_int32(call.arg(1)?)?;
    let axis = call.node.attrs.int("axis").unwrap_or(-1);
    let attrs = Attrs::new().with("axis", Attr::Int(axis));
    let inputs = [call.arg(0)?, depth, call.arg(2)?, call.arg(3)?];
    Ok(vec![cx.emit("ONE_HOT", &inputs, attrs)?])
}

fn where_true(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    Ok(vec![cx.emit("WHERE", &[call.arg(0)?], Attrs::new())?])
}

fn select(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    Ok(vec![cx.emit("SELECT", call.inputs, Attrs::new())?])
}

fn select_v2(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let shape = cx.shape(call.arg(0)?);
    let equal = shape.fixed().is_some() && call.inputs.iter().all(|&v| cx.shape(v) == shape);
    let op = if equal { "SELECT" } else { "SELECT_V2" };
    Ok(vec![cx.emit(op, call.inputs, Attrs::new())?])
}

fn unique(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let index = call.node.attrs.dtype("out_idx").unwrap_or(DType::Int32);
    let attrs = Attrs::new().with("idx_out_type", Attr::Type(index));
    cx.emit_all("UNIQUE", &[Some(call.arg(0)?)], attrs)
}

fn reverse_sequence(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let attr = |name: &str| Attr::Int(call.node.attrs.int(name).unwrap_or(0));
    let attrs = Attrs::new()
        .with("seq_dim", attr("seq_dim"))
        .with("batch_dim", attr("batch_dim"));
    Ok(vec![cx.emit(
        "REVERSE_SEQUENCE",
        &[call.arg(0)?, call.arg(1)?],
        attrs,
    )?])
}

//! Pooling and resizing of images.

use super::attrs::{activation, channels_first, padding, spatial};
use super::layout::{from_channels_last, to_channels_last};
use super::{Call, Lower, Lowering};
use crate::error::{Error, Result};
use crate::model::{Attr, Attrs, DType, ValueId};

pub fn find(op: &str) -> Option<Lower> {
    Some(match op {
        "MaxPool" | "AvgPool" => pool,
        "ResizeBilinear" | "ResizeNearestNeighbor" => resize,
        "SpaceToDepth" | "DepthToSpace" => blocks,
        _ => return None,
    })
}

fn pool(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.arg(0)?;
    if cx.dtype(x) != DType::Float32 {
        return Err(Error::unsupported(format!(
            "pooling of {} has no TFLite operator",
            cx.dtype(x)
        )));
    }
    let first = channels_first(call)?;
    let filter = spatial(call, "ksize", first)?;
    let strides = spatial(call, "strides", first)?;
    let scheme = match call.text("padding", "VALID") {
        scheme @ ("SAME" | "VALID") => scheme.to_owned(),
        other => return Err(Error::unsupported(format!("pooling with padding {other}"))),
    };
    let x = to_channels_last(cx, x, first)?;
    let attrs = Attrs::new()
        .with("padding", padding(&scheme))
        .with("stride_h", Attr::Int(strides.0))
        .with("stride_w", Attr::Int(strides.1))
        .with("filter_height", Attr::Int(filter.0))
        .with("filter_width", Attr::Int(filter.1))
        .with("fused_activation_function", activation("NONE"));
    let op = if call.op() == "MaxPool" {
        "MAX_POOL_2D"
    } else {
        "AVERAGE_POOL_2D"
    };
    let y = cx.emit(op, &[x], attrs)?;
    Ok(vec![from_channels_last(cx, y, first)?])
}

fn resize(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let mut x = call.arg(0)?;
    let sizes = cx.as_int32(call.arg(1)?)?;
    let bilinear = call.op() == "ResizeBilinear";
    // ResizeBilinear answers in float32 whatever it is given.
    if bilinear {
        x = cx.cast(x, DType::Float32)?;
    }
    let attrs = Attrs::new()
        .with("align_corners", Attr::Bool(call.flag("align_corners")))
        .with(
            "half_pixel_centers",
            Attr::Bool(call.flag("half_pixel_centers")),
        );
    let op = if bilinear {
        "RESIZE_BILINEAR"
    } else {
        "RESIZE_NEAREST_NEIGHBOR"
    };
    Ok(vec![cx.emit(op, &[x, sizes], attrs)?])
}

fn blocks(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let first = channels_first(call)?;
    let to_depth = call.op() == "SpaceToDepth";
    let block = call.node.attrs.int("block_size").unwrap_or(1);
    let x = to_channels_last(cx, call.arg(0)?, first)?;
    let op = if to_depth {
        "SPACE_TO_DEPTH"
    } else {
        "DEPTH_TO_SPACE"
    };
    let y = cx.emit(op, &[x], Attrs::new().with("block_size", Attr::Int(block)))?;
    Ok(vec![from_channels_last(cx, y, first)?])
}

//! Normalizations as the arithmetic they are; constant parts fold, and passes move the rest into the convolution.

use super::attrs::plain;
use super::{Call, Lower, Lowering};
use crate::error::{Error, Result};
use crate::model::{Attr, Attrs, DType, ValueId};

pub fn find(op: &str) -> Option<Lower> {
    Some(match op {
        "FusedBatchNorm" | "FusedBatchNormV2" | "FusedBatchNormV3" => batch_norm,
        "LRN" => lrn,
        _ => return None,
    })
}

/// y = x·m + (offset − mean·m) with m = scale·rsqrt(variance + epsilon).
fn batch_norm(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.arg(0)?;
    let rank = cx.rank(x)?;
    let first = matches!(call.text("data_format", "NHWC"), "NCHW" | "NCDHW");
    let own = cx.dtype(x);
    let x = cx.cast(x, DType::Float32)?;
    let (scale, offset) = (call.arg(1)?, call.arg(2)?);
    let (mean, variance) = if call.node.attrs.bool("is_training").unwrap_or(true) {
        moments(cx, x, rank, first)?
    } else {
        (call.arg(3)?, call.arg(4)?)
    };
    let epsilon = call
        .node
        .attrs
        .float("epsilon")
        .unwrap_or(f64::from(1e-4f32));
    let epsilon = cx.scalar(DType::Float32, epsilon)?;
    let shifted = cx.emit("ADD", &[variance, epsilon], plain())?;
    let inverse = cx.emit("RSQRT", &[shifted], Attrs::new())?;
    let m = cx.emit("MUL", &[scale, inverse], plain())?;
    let moved = cx.emit("MUL", &[mean, m], plain())?;
    let c = cx.emit("SUB", &[offset, moved], plain())?;
    let (m, c) = (
        per_channel(cx, m, rank, first)?,
        per_channel(cx, c, rank, first)?,
    );
    let scaled = cx.emit("MUL", &[x, m], plain())?;
    let y = cx.emit("ADD", &[scaled, c], plain())?;
    // The other results (batch statistics) are for training; a consumer of one meets its inputs.
    let y = cx.cast(y, own)?;
    let extra = call.results.len().saturating_sub(3);
    let mut results = vec![y, mean, variance];
    results.extend(std::iter::repeat_n(mean, extra));
    results.truncate(call.results.len().max(1));
    Ok(results)
}

/// A [C] vector so that it meets the channel axis.
fn per_channel(cx: &mut Lowering, value: ValueId, rank: usize, first: bool) -> Result<ValueId> {
    if !first {
        return Ok(value);
    }
    let mut sizes = vec![1; rank.saturating_sub(1).max(1)];
    sizes[0] = -1;
    cx.reshape(value, &sizes)
}

fn moments(cx: &mut Lowering, x: ValueId, rank: usize, first: bool) -> Result<(ValueId, ValueId)> {
    let channel = if first { 1 } else { rank.saturating_sub(1) };
    let axes: Vec<i64> = (0..rank)
        .filter(|&i| i != channel)
        .map(|i| i as i64)
        .collect();
    let mean = mean(cx, x, &axes, false)?;
    let along = per_channel(cx, mean, rank, first)?;
    let square = cx.emit("SQUARED_DIFFERENCE", &[x, along], Attrs::new())?;
    let variance = self::mean(cx, square, &axes, false)?;
    Ok((mean, variance))
}

fn mean(cx: &mut Lowering, x: ValueId, axes: &[i64], keep: bool) -> Result<ValueId> {
    let axes = cx.int_vector(axes)?;
    cx.emit(
        "MEAN",
        &[x, axes],
        Attrs::new().with("keep_dims", Attr::Bool(keep)),
    )
}

/// TFLite's kernel leaves out the last channel of its window, so the sum of squares is made by a convolution of ones
/// over the channel axis instead: y = x / (bias + alpha·sum)^beta.
fn lrn(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.arg(0)?;
    let channels = cx.dims(x)?.last().copied().unwrap_or(-1);
    let channels = usize::try_from(channels)
        .map_err(|_| Error::unsupported("needs a known number of channels"))?;
    let attr = |name: &str, default: f64| call.node.attrs.float(name).unwrap_or(default);
    let radius = call.node.attrs.int("depth_radius").unwrap_or(5).max(0) as usize;
    let band: Vec<f32> = (0..channels * channels)
        .map(|i| {
            if (i / channels).abs_diff(i % channels) <= radius {
                1.0
            } else {
                0.0
            }
        })
        .collect();
    let band = cx.constant(&crate::model::Tensor::from_values(
        &[channels, channels],
        &band,
    ));
    let squares = cx.emit("SQUARE", &[x], Attrs::new())?;
    let sums = super::matmul::fully_connected(cx, squares, band)?;
    let alpha = cx.scalar(DType::Float32, attr("alpha", 1.0))?;
    let bias = cx.scalar(DType::Float32, attr("bias", 1.0))?;
    let beta = cx.scalar(DType::Float32, attr("beta", 0.5))?;
    let scaled = cx.emit("MUL", &[sums, alpha], plain())?;
    let base = cx.emit("ADD", &[scaled, bias], plain())?;
    let norm = cx.emit("POW", &[base, beta], Attrs::new())?;
    Ok(vec![cx.emit("DIV", &[x, norm], plain())?])
}

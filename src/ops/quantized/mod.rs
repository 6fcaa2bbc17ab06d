//! Scales and zero points of quantized operators, as kernels take them.

mod convert;
mod custom;
pub(super) mod math;
mod tensorflow;

use std::sync::Arc;

use super::{Context, Io, room_bytes};
use crate::error::Result;
use crate::kernels::quantized::hybrid::MatrixScales;
use crate::kernels::recurrent::Activation;
use crate::kernels::reference::conv::ZeroPoints;
use crate::kernels::requant::quantized_range;
use crate::kernels::{Clamp, Quantized, Requant};
use crate::model::{DType, Quantization, QuantizationDetails, Tensor};

pub(super) use convert::OPERATORS as CONVERSIONS;
pub(super) use custom::OPERATORS as CUSTOM;
pub(super) use tensorflow::OPERATORS as TENSORFLOW;

/// The bounds of `fused_activation_function`, or of the [epilogue](super::Epilogue) of a product; in TFLite no
/// activation still means finite numbers.
pub fn activation(cx: &Context) -> Result<Clamp> {
    if !cx.tflite() {
        return Ok(cx.bounds);
    }
    match cx.attr_int("fused_activation_function", 0) {
        0 => Ok(Clamp::FINITE),
        1 => Ok(Clamp::RELU),
        2 => Ok(Clamp::RELU_N1_TO_1),
        3 => Ok(Clamp::RELU6),
        // TANH and SIGN_BIT, which LiteRT takes and doesn't apply; it refuses them in products of floats.
        4 | 5 if cx.options.reference && &*cx.node.op != "FULLY_CONNECTED" => Ok(Clamp::FINITE),
        other => {
            let name = cx.node.attrs.text("fused_activation_function");
            let other = name.map_or_else(|| other.to_string(), str::to_owned);
            Err(cx.unsupported(format!("the fused activation {other}")))
        }
    }
}

/// What FULLY_CONNECTED of floats by integers does with its sums: unlike all others it leaves infinities, and has two
/// activations more, which come after the bounds.
pub fn hybrid_activation(cx: &Context) -> Result<(Clamp, Option<Activation>)> {
    let code = cx.attr_int("fused_activation_function", 0);
    let open = |clamp: Clamp| match clamp {
        Clamp::FINITE => Clamp::NONE,
        Clamp::RELU => Clamp {
            hi: f32::INFINITY,
            ..clamp
        },
        bounded => bounded,
    };
    match Activation::of(code) {
        Some(after @ (Activation::Tanh | Activation::SignBit)) => Ok((Clamp::NONE, Some(after))),
        _ => Ok((open(activation(cx)?), None)),
    }
}

/// The range of `T` that the bounds leave under the output's scale.
pub fn range<T: Quantized>(cx: &Context, clamp: Clamp) -> Result<(i32, i32)> {
    let (scale, zero) = cx.out_scale(0)?;
    Ok(quantized_range::<T>((clamp.lo, clamp.hi), scale, zero))
}

/// Which arithmetic brings a sum to the output's scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Fixed point, as convolutions do.
    Fixed,
    /// In f64, as FULLY_CONNECTED does.
    Double,
}

/// Everything between an integer product sum and the quantized output.
pub struct Product {
    pub zero: ZeroPoints,
    pub requant: Requant,
    pub bias: Bias,
}

/// A bias widened once, or read and widened in each call.
pub enum Bias {
    None,
    Ready(Vec<i64>),
    /// The input and its number of channels.
    Input(usize, usize),
}

impl Bias {
    pub fn of(cx: &Context, input: usize, channels: usize) -> Result<Self> {
        if !cx.has(input) {
            return Ok(Bias::None);
        }
        if cx.shape(input)?.elements() != Some(channels) {
            return Err(cx.wrong(format!(
                "a bias of shape {} for {channels} channels",
                cx.shape(input)?
            )));
        }
        match cx.constant(input)? {
            Some(tensor) => Ok(Bias::Ready(widen(cx, &tensor)?)),
            None => Ok(Bias::Input(input, channels)),
        }
    }

    /// Scratch that [`live_bias`] takes.
    pub fn room_bytes(&self) -> usize {
        match self {
            Bias::Input(_, channels) => room_bytes::<i64>(*channels),
            Bias::None | Bias::Ready(_) => 0,
        }
    }
}

fn widen(cx: &Context, tensor: &Arc<Tensor>) -> Result<Vec<i64>> {
    if let Some(values) = tensor.values::<i32>() {
        return Ok(values.iter().map(|&v| i64::from(v)).collect());
    }
    let values = tensor.values::<i64>();
    values
        .map(<[i64]>::to_vec)
        .ok_or_else(|| cx.no_kernel(tensor.dtype()))
}

/// For the operands `input`, `filter`, `bias` of a convolution or FULLY_CONNECTED with `channels` outputs.
pub fn product<X: Quantized>(
    cx: &Context,
    (input, filter, bias): (usize, usize, usize),
    channels: usize,
    style: Style,
    clamp: Clamp,
) -> Result<Product> {
    let (xs, xz) = cx.scale(input)?;
    let (os, oz) = cx.out_scale(0)?;
    let q = cx
        .quantization(filter)
        .ok_or_else(|| cx.wrong("the filter has no scale"))?;
    let scales = &q.scale;
    if scales.len() != 1 && scales.len() != channels {
        return Err(cx.wrong(format!(
            "{} filter scales for {channels} channels",
            scales.len()
        )));
    }
    check_axis(cx, filter, q)?;
    if let Some(bad) = scales.iter().find(|s| !(s.is_finite() && **s > 0.0)) {
        return Err(cx.wrong(format!(
            "a filter scale of {bad}, expected a positive number"
        )));
    }
    let unsigned = cx.dtype(filter)? == DType::UInt8;
    let zeros = &q.zero_point;
    let zw = match (zeros.first(), style) {
        (None, _) => 0,
        (Some(&z), _) if unsigned || (style == Style::Double && scales.len() == 1) => {
            i32::try_from(z).map_err(|_| cx.wrong(format!("the filter has the zero point {z}")))?
        }
        _ if zeros.iter().any(|&z| z != 0) => {
            return Err(cx.wrong("a filter zero point that is not 0"));
        }
        _ => 0,
    };
    let factors = if unsigned && scales.len() == 1 && style == Style::Fixed {
        vec![Requant::per_tensor(xs, scales[0], os)]
    } else {
        Requant::per_channel(xs, scales, os)
    };
    let range = quantized_range::<X>((clamp.lo, clamp.hi), os, oz);
    let wide = cx.dtype(input)? == DType::Int16;
    // What sums are kept in without a bias, TRANSPOSE_CONV takes from its attribute.
    let told = || {
        &*cx.node.op == "TRANSPOSE_CONV"
            && cx.node.attrs.dtype("quantized_bias_type") == Some(DType::Int32)
    };
    let narrow_bias = match cx.has(bias) {
        true => cx.dtype(bias)? == DType::Int32,
        false => told(),
    };
    let requant = match style {
        Style::Double => Requant::double(&factors, oz, range),
        Style::Fixed if wide && !narrow_bias => Requant::fixed64(&factors, oz, range),
        Style::Fixed => Requant::fixed(&factors, oz, range),
    };
    Ok(Product {
        zero: ZeroPoints {
            input: xz,
            filter: zw,
        },
        requant,
        bias: Bias::of(cx, bias, channels)?,
    })
}

/// Several scales are of no use without an axis that they go along.
fn check_axis(cx: &Context, input: usize, q: &Quantization) -> Result<()> {
    let rank = cx.sizes(input)?.len();
    if q.scale.len() > 1 && q.axis(rank).is_none() {
        return Err(cx.wrong(format!(
            "{} scales along dimension {} of {}",
            q.scale.len(),
            q.dimension,
            cx.shape(input)?
        )));
    }
    Ok(())
}

/// The integer weights of an operator on floats. Those that call themselves uint8 are int8 too: the first converters
/// wrote them so.
pub fn integers<'a>(io: &Io<'_, 'a>, input: usize) -> Result<&'a [i8]> {
    let view = io.view(input)?;
    match view.dtype {
        DType::UInt8 => Ok(bytemuck::cast_slice(view.values::<u8>()?)),
        _ => view.values(),
    }
}

/// The widened bias of a call.
pub fn live_bias<'b, 'a: 'b>(bias: &'b Bias, io: &mut Io<'_, 'a>) -> Result<Option<&'b [i64]>> {
    match bias {
        Bias::None => Ok(None),
        Bias::Ready(values) => Ok(Some(values)),
        Bias::Input(index, channels) => {
            let view = io.view(*index)?;
            if view.dtype != DType::Int32 {
                return view.values::<i64>().map(Some);
            }
            let room = io.room(*channels)?;
            for (wide, &v) in room.iter_mut().zip(view.values::<i32>()?) {
                *wide = i64::from(v);
            }
            Ok(Some(room))
        }
    }
}

/// The scales of integer weights under float activations: one, or one per output channel.
pub fn weight_scales(cx: &Context, filter: usize, channels: usize) -> Result<Vec<f32>> {
    let q = cx
        .quantization(filter)
        .ok_or_else(|| cx.wrong("the weights have no scale"))?;
    if q.zero_point.iter().any(|&z| z != 0) {
        return Err(cx.unsupported("weights with a zero point under float inputs"));
    }
    check_axis(cx, filter, q)?;
    let fits = q.scale.len() == 1 || q.scale.len() == channels;
    if !fits || q.scale.iter().any(|s| !(s.is_finite() && *s > 0.0)) {
        return Err(cx.wrong(format!(
            "{} weight scales for {channels} channels, all positive",
            q.scale.len()
        )));
    }
    Ok(q.scale.clone())
}

/// The scales of an integer matrix beside float data.
pub struct TableScales {
    values: Vec<f32>,
    per_row: usize,
}

impl TableScales {
    /// Of input `matrix` with `rows` of `columns`: one scale, one per row, or one per block of a row.
    pub fn of(cx: &Context, matrix: usize, rows: usize, columns: usize) -> Result<Self> {
        let details = cx.quantization(matrix).map(|q| &q.details);
        let Some(QuantizationDetails::Blockwise {
            scales,
            zero_points,
            block_size,
            block_shape,
        }) = details
        else {
            let values = weight_scales(cx, matrix, rows)?;
            let per_row = usize::from(values.len() > 1);
            return Ok(TableScales { values, per_row });
        };
        if zero_points.is_some() {
            return Err(cx.unsupported("blocks of weights with zero points"));
        }
        if !block_shape.is_empty() && **block_shape != [1, *block_size] {
            return Err(cx.unsupported(format!("blocks of weights of {block_shape:?}")));
        }
        let block = usize::try_from(*block_size)
            .ok()
            .filter(|b| *b > 0 && columns.is_multiple_of(*b));
        let block = block
            .ok_or_else(|| cx.wrong(format!("blocks of {block_size} in rows of {columns}")))?;
        let stored = scales.and_then(|id| cx.graph.values.get(id.index()));
        let tensor = stored
            .and_then(crate::model::Value::read)
            .ok_or_else(|| cx.wrong("blocks of weights without constant scales"))??;
        let values: Vec<f32> = tensor.numbers().iter().map(|&v| v as f32).collect();
        let per_row = columns / block;
        if values.len() != rows * per_row || values.iter().any(|s| !(s.is_finite() && *s > 0.0)) {
            return Err(cx.wrong(format!(
                "{} scales for {rows} rows of {per_row} blocks, all positive",
                values.len()
            )));
        }
        Ok(TableScales { values, per_row })
    }

    pub fn get(&self) -> MatrixScales<'_> {
        MatrixScales {
            values: &self.values,
            per_row: self.per_row,
        }
    }

    /// Whether rows have several scales.
    pub fn in_blocks(&self) -> bool {
        self.per_row > 1
    }
}

//! Convolutions: filters turned to TFLite's order, explicit padding, a zero bias that fusion may fill.

use super::attrs::{activation, channels_first, padding, spatial, windows_3d};
use super::layout::{from_channels_last, to_channels_last};
use super::{Call, Lower, Lowering};
use crate::error::{Error, Result};
use crate::model::{Attr, Attrs, DType, Tensor, ValueId};

pub fn find(op: &str) -> Option<Lower> {
    Some(match op {
        "Conv2D" => conv_2d,
        "DepthwiseConv2dNative" => depthwise,
        "Conv2DBackpropInput" => transpose_conv,
        "Conv3D" => conv_3d,
        "BiasAdd" | "BiasAddV1" => bias_add,
        _ => return None,
    })
}

fn float_only(cx: &Lowering, value: ValueId) -> Result<()> {
    match cx.dtype(value) {
        DType::Float32 => Ok(()),
        other => Err(Error::unsupported(format!(
            "convolutions in {other} have no TFLite operator"
        ))),
    }
}

fn zero_bias(cx: &mut Lowering, channels: i64) -> Result<ValueId> {
    let channels = usize::try_from(channels)
        .map_err(|_| Error::unsupported("the number of output channels is not known"))?;
    Ok(cx.constant(&Tensor::zeros(DType::Float32, &[channels])?))
}

struct Window {
    strides: (i64, i64),
    dilations: (i64, i64),
    first: bool,
}

impl Window {
    fn of(call: &Call<'_>) -> Result<Self> {
        let first = channels_first(call)?;
        Ok(Window {
            strides: spatial(call, "strides", first)?,
            dilations: spatial(call, "dilations", first)?,
            first,
        })
    }

    fn attrs(&self, same: bool) -> Attrs {
        Attrs::new()
            .with("padding", padding(if same { "SAME" } else { "VALID" }))
            .with("stride_h", Attr::Int(self.strides.0))
            .with("stride_w", Attr::Int(self.strides.1))
            .with("dilation_h_factor", Attr::Int(self.dilations.0))
            .with("dilation_w_factor", Attr::Int(self.dilations.1))
            .with("fused_activation_function", activation("NONE"))
    }

    /// The operand, padded where the padding is explicit, and whether the operator pads as SAME.
    fn pad(
        &self,
        cx: &mut Lowering,
        call: &Call<'_>,
        x: ValueId,
        filter: (i64, i64),
    ) -> Result<(ValueId, bool)> {
        match call.text("padding", "VALID") {
            "SAME" => return Ok((x, true)),
            "VALID" => return Ok((x, false)),
            "EXPLICIT" => {}
            other => return Err(Error::unsupported(format!("padding {other}"))),
        }
        let pads = call
            .node
            .attrs
            .ints("explicit_paddings")
            .unwrap_or_default();
        let pads = <[i64; 8]>::try_from(pads)
            .map_err(|p| Error::unreadable(format!("explicit_paddings has {} entries", p.len())))?;
        let (h, w) = if self.first { (4, 6) } else { (2, 4) };
        let pads = [[pads[h], pads[h + 1]], [pads[w], pads[w + 1]]];
        let dims = cx.dims(x)?;
        let same = |size: i64, filter: i64, stride: i64, dilation: i64, pad: [i64; 2]| {
            let total =
                ((size + stride - 1) / stride - 1) * stride + (filter - 1) * dilation + 1 - size;
            let total = total.max(0);
            size >= 0 && filter >= 0 && pad == [total / 2, total - total / 2]
        };
        if same(
            dims[1],
            filter.0,
            self.strides.0.max(1),
            self.dilations.0,
            pads[0],
        ) && same(
            dims[2],
            filter.1,
            self.strides.1.max(1),
            self.dilations.1,
            pads[1],
        ) {
            return Ok((x, true));
        }
        let flat: Vec<i32> = [[0, 0], pads[0], pads[1], [0, 0]]
            .concat()
            .into_iter()
            .map(|p| p as i32)
            .collect();
        let pads = cx.constant(&Tensor::from_values(&[4, 2], &flat));
        Ok((cx.emit("PAD", &[x, pads], Attrs::new())?, false))
    }
}

fn conv_2d(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let (x, filter) = (call.arg(0)?, call.arg(1)?);
    float_only(cx, x)?;
    let window = Window::of(call)?;
    let sizes = filter_sizes(cx, filter)?;
    let x = to_channels_last(cx, x, window.first)?;
    let (x, same) = window.pad(cx, call, x, (sizes[0], sizes[1]))?;
    let filter = cx.transpose(filter, &[3, 0, 1, 2])?;
    let bias = zero_bias(cx, sizes[3])?;
    let y = cx.emit("CONV_2D", &[x, filter, bias], window.attrs(same))?;
    Ok(vec![from_channels_last(cx, y, window.first)?])
}

fn filter_sizes(cx: &Lowering, filter: ValueId) -> Result<[i64; 4]> {
    <[i64; 4]>::try_from(cx.dims(filter)?)
        .map_err(|d| Error::unreadable(format!("a filter of {} dimensions, expected 4", d.len())))
}

fn depthwise(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let (x, filter) = (call.arg(0)?, call.arg(1)?);
    float_only(cx, x)?;
    let window = Window::of(call)?;
    let [h, w, channels, multiplier] = filter_sizes(cx, filter)?;
    if channels < 0 || multiplier < 0 {
        return Err(Error::unsupported("the number of channels is not known"));
    }
    let x = to_channels_last(cx, x, window.first)?;
    let (x, same) = window.pad(cx, call, x, (h, w))?;
    let out = channels * multiplier;
    let filter = cx.reshape(filter, &[1, h, w, out])?;
    let bias = zero_bias(cx, out)?;
    let attrs = window
        .attrs(same)
        .with("depth_multiplier", Attr::Int(multiplier));
    let y = cx.emit("DEPTHWISE_CONV_2D", &[x, filter, bias], attrs)?;
    Ok(vec![from_channels_last(cx, y, window.first)?])
}

fn transpose_conv(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let (sizes, filter, x) = (call.arg(0)?, call.arg(1)?, call.arg(2)?);
    float_only(cx, x)?;
    let window = Window::of(call)?;
    if window.dilations != (1, 1) {
        return Err(Error::unsupported(
            "a dilated transposed convolution has no TFLite operator",
        ));
    }
    let same = match call.text("padding", "VALID") {
        "SAME" => true,
        "VALID" => false,
        other => {
            return Err(Error::unsupported(format!(
                "padding {other} of a transposed convolution"
            )));
        }
    };
    let mut sizes = cx.as_int32(sizes)?;
    if window.first {
        let order = cx.int_vector(&super::layout::TO_CHANNELS_LAST)?;
        let attrs = Attrs::new().with("axis", Attr::Int(0));
        sizes = cx.emit("GATHER", &[sizes, order], attrs)?;
    }
    let x = to_channels_last(cx, x, window.first)?;
    let filter = cx.transpose(filter, &[2, 0, 1, 3])?;
    let attrs = Attrs::new()
        .with("padding", padding(if same { "SAME" } else { "VALID" }))
        .with("stride_h", Attr::Int(window.strides.0))
        .with("stride_w", Attr::Int(window.strides.1))
        .with("fused_activation_function", activation("NONE"));
    let y = cx.emit("TRANSPOSE_CONV", &[sizes, filter, x], attrs)?;
    Ok(vec![from_channels_last(cx, y, window.first)?])
}

fn conv_3d(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let (x, filter) = (call.arg(0)?, call.arg(1)?);
    float_only(cx, x)?;
    if call.text("data_format", "NDHWC") != "NDHWC" {
        return Err(Error::unsupported("3-D convolutions with channels first"));
    }
    if let (&[.., channels], &[.., seen, _]) = (&cx.dims(x)?[..], &cx.dims(filter)?[..])
        && channels >= 0
        && seen != channels
    {
        return Err(Error::unsupported("3-D convolutions in groups"));
    }
    let attrs = windows_3d(call);
    cx.emit_all("CONV_3D", &[Some(x), Some(filter), None], attrs)
}

fn bias_add(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let (x, mut bias) = (call.arg(0)?, call.arg(1)?);
    let own = cx.dtype(x);
    let through = if own.is_float() { DType::Float32 } else { own };
    if call.text("data_format", "NHWC") == "NCHW" {
        // The channel axis is 1: a bias of [C, 1, 1] broadcasts there.
        let mut sizes = vec![1; cx.rank(x)?.saturating_sub(2) + 1];
        sizes[0] = -1;
        bias = cx.reshape(bias, &sizes)?;
    }
    let (x, bias) = (cx.cast(x, through)?, cx.cast(bias, through)?);
    let y = cx.emit("ADD", &[x, bias], super::attrs::plain())?;
    Ok(vec![cx.cast(y, own)?])
}

//! Values of the schema's enums that lowerings write.

use super::Call;
use crate::error::{Error, Result};
use crate::model::{Attr, Attrs};

/// The schema's `Padding`.
pub fn padding(name: &str) -> Attr {
    Attr::Enum {
        name: name.into(),
        value: i64::from(name == "VALID"),
    }
}

/// The schema's `ActivationFunctionType`.
pub fn activation(name: &str) -> Attr {
    let value = match name {
        "RELU" => 1,
        "RELU_N1_TO_1" => 2,
        "RELU6" => 3,
        "TANH" => 4,
        "SIGN_BIT" => 5,
        _ => 0,
    };
    Attr::Enum {
        name: name.into(),
        value,
    }
}

/// `fused_activation_function = NONE`, which most operators with arithmetic carry.
pub fn plain() -> Attrs {
    Attrs::new().with("fused_activation_function", activation("NONE"))
}

/// The two spatial entries of a list like `strides`; 1 where the attribute is missing.
pub fn spatial(call: &Call<'_>, name: &str, channels_first: bool) -> Result<(i64, i64)> {
    let Some(list) = call.node.attrs.ints(name).filter(|l| !l.is_empty()) else {
        return Ok((1, 1));
    };
    let [n, a, b, c] = <[i64; 4]>::try_from(list)
        .map_err(|l| Error::unreadable(format!("{name} has {} entries, expected 4", l.len())))?;
    let (h, w, channel) = if channels_first { (b, c, a) } else { (a, b, c) };
    if n != 1 || channel != 1 {
        return Err(Error::unsupported(format!(
            "{name} over batch or channels has no TFLite operator"
        )));
    }
    Ok((h, w))
}

/// Whether the operator's data has its channels in front of the spatial axes.
pub fn channels_first(call: &Call<'_>) -> Result<bool> {
    match call.text("data_format", "NHWC") {
        "NHWC" => Ok(false),
        "NCHW" => Ok(true),
        other => Err(Error::unsupported(format!("data format {other}"))),
    }
}

/// What a convolution over three dimensions steps by, as TensorFlow Lite names it.
pub fn windows_3d(call: &Call<'_>) -> Attrs {
    let list = |name: &str| match call.node.attrs.ints(name).as_deref() {
        Some([_, d, h, w, _]) => (*d, *h, *w),
        _ => (1, 1, 1),
    };
    let (strides, dilations) = (list("strides"), list("dilations"));
    Attrs::new()
        .with(
            "padding",
            padding(if call.text("padding", "VALID") == "SAME" {
                "SAME"
            } else {
                "VALID"
            }),
        )
        .with("stride_d", Attr::Int(strides.0))
        .with("stride_h", Attr::Int(strides.1))
        .with("stride_w", Attr::Int(strides.2))
        .with("dilation_d_factor", Attr::Int(dilations.0))
        .with("dilation_h_factor", Attr::Int(dilations.1))
        .with("dilation_w_factor", Attr::Int(dilations.2))
        .with("fused_activation_function", activation("NONE"))
}

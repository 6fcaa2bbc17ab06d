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

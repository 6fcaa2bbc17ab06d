//! A tensor as the bytes of a `TensorProto`, as graphs hand it to one another.

use prost::Message;

use super::{node_def, pb, tensor};
use crate::error::{Error, Result};
use crate::model::{Shape, Tensor, TensorData};

/// # Errors
/// TensorFlow has no such type.
pub fn write(tensor: &Tensor) -> Result<Vec<u8>> {
    let shape = Shape::of(tensor.shape());
    let proto = node_def::tensor(tensor.dtype(), &shape, &TensorData::of(tensor))?;
    Ok(proto.encode_to_vec())
}

/// # Errors
/// Bytes that are no such message, or whose values contradict its shape.
pub fn read(bytes: &[u8]) -> Result<Tensor> {
    let proto = pb::TensorProto::decode(bytes)
        .map_err(|e| Error::usage(format!("a text that is no stored tensor: {e}")))?;
    let (dtype, shape, data) = tensor::tensor(proto);
    let sizes = shape
        .fixed()
        .ok_or_else(|| Error::usage(format!("a stored tensor of the shape {shape}")))?;
    data.read(dtype, &sizes)
}

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

/// The same with strings packed as numbers are: their lengths, then all their bytes.
pub fn write_packed(tensor: &Tensor) -> Result<Vec<u8>> {
    let Some(strings) = tensor.strings() else {
        return write(tensor);
    };
    let none = TensorData::Strings(Vec::new().into());
    let mut proto = node_def::tensor(tensor.dtype(), &Shape::of(tensor.shape()), &none)?;
    let mut packed = Vec::new();
    for string in strings {
        prost::encoding::encode_varint(string.len() as u64, &mut packed);
    }
    packed.extend(strings.iter().flatten());
    proto.tensor_content = packed.into();
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

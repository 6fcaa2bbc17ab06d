//! The buffers of a file that is being written: each different content once, number 0 empty.

use std::collections::HashMap;

use bytes::Bytes;

use crate::error::{Error, Result};
use crate::model::{DType, TensorData, Value};

pub(super) struct Buffers {
    /// Content by number.
    pub all: Vec<Bytes>,
    known: HashMap<Bytes, u32>,
}

impl Buffers {
    pub fn new() -> Self {
        Buffers {
            all: vec![Bytes::new()],
            known: HashMap::new(),
        }
    }

    /// The number of the buffer with this content; 0 for none.
    pub fn add(&mut self, bytes: Bytes) -> u32 {
        if bytes.is_empty() {
            return 0;
        }
        *self.known.entry(bytes).or_insert_with_key(|bytes| {
            self.all.push(bytes.clone());
            (self.all.len() - 1) as u32
        })
    }

    /// As another buffer, whatever its content.
    pub fn push(&mut self, bytes: Bytes) {
        self.all.push(bytes);
    }
}

/// A constant as a file has it: sub-byte types packed, strings behind their offsets.
///
/// # Errors
/// Values that are missing or do not go with the shape.
pub(super) fn encode(value: &Value, data: &TensorData) -> Result<Bytes> {
    let dtype = value.dtype;
    match data {
        TensorData::Missing(reason) => Err(Error::unsupported(format!(
            "the values are not there: {reason}"
        ))),
        TensorData::Sparse(sparse) => Ok(sparse.values.clone()),
        TensorData::Bytes { bytes, packed } if *packed || dtype.bits() >= 8 => Ok(bytes.clone()),
        _ => {
            let shape = value.stored_shape.fixed().ok_or_else(|| {
                Error::unsupported(format!("a constant of shape {}", value.stored_shape))
            })?;
            let tensor = data.read(dtype, &shape)?;
            match (tensor.strings(), tensor.bytes()) {
                (Some(strings), _) => encode_strings(strings).map(Bytes::from),
                (None, Some(bytes)) if dtype.bits() < 8 => Ok(pack(dtype, bytes).into()),
                (None, bytes) => Ok(Bytes::copy_from_slice(bytes.unwrap_or_default())),
            }
        }
    }
}

/// Several elements per byte, low bits first.
fn pack(dtype: DType, elements: &[u8]) -> Vec<u8> {
    let bits = dtype.bits().max(1);
    let mask = ((1u16 << bits) - 1) as u8;
    elements
        .chunks(8 / bits)
        .map(|chunk| {
            let places = chunk.iter().enumerate();
            places.fold(0, |byte, (place, element)| {
                byte | (element & mask) << (place * bits)
            })
        })
        .collect()
}

/// A count, count + 1 offsets from the start of the buffer, and the bytes.
fn encode_strings(strings: &[Vec<u8>]) -> Result<Vec<u8>> {
    let too_long = |_| Error::unsupported("a string constant of more than 2 GiB");
    let mut out = Vec::new();
    out.extend(
        i32::try_from(strings.len())
            .map_err(too_long)?
            .to_le_bytes(),
    );
    let mut at = 4 * (strings.len() + 2);
    for length in strings.iter().map(Vec::len).chain([0]) {
        out.extend(i32::try_from(at).map_err(too_long)?.to_le_bytes());
        at += length;
    }
    out.extend(strings.iter().flatten());
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Shape, Tensor};

    #[test]
    fn packed_types_are_low_bits_first() {
        let bytes = |values: &[i8]| values.iter().map(|&v| v as u8).collect::<Vec<_>>();
        assert_eq!(
            pack(DType::Int4, &bytes(&[1, -2, 3, 7, -8])),
            [0xe1, 0x73, 0x08]
        );
        assert_eq!(pack(DType::Int2, &bytes(&[0, 1, -2, -1, 1])), [0xe4, 0x01]);
    }

    #[test]
    fn strings_stand_behind_their_offsets() {
        let tensor = Tensor::from_strings(&[3], vec![b"ab".to_vec(), Vec::new(), b"xyz".to_vec()]);
        let mut value = Value::new("s", DType::String, Shape::of(&[3]));
        value.data = Some(TensorData::of(&tensor));
        let bytes = encode(&value, value.data.as_ref().unwrap()).unwrap();
        let expected: &[u8] = b"\x03\0\0\0\x14\0\0\0\x16\0\0\0\x16\0\0\0\x19\0\0\0abxyz";
        assert_eq!(bytes, expected);
    }

    #[test]
    fn equal_content_has_one_buffer() {
        let mut buffers = Buffers::new();
        assert_eq!(buffers.add(Bytes::from_static(b"ab")), 1);
        assert_eq!(buffers.add(Bytes::new()), 0);
        assert_eq!(buffers.add(Bytes::from_static(b"cd")), 2);
        assert_eq!(buffers.add(Bytes::from(b"ab".to_vec())), 1);
        assert_eq!(buffers.all.len(), 3);
    }
}

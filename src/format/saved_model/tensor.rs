//! Types, shapes and values as the messages have them.

use bytes::Bytes;

use super::pb;
use crate::model::{DType, PackedStrings, Shape, TensorData};

/// The type behind a DataType number, and whether it is a reference (number + 100).
pub fn dtype(number: i32) -> (DType, bool) {
    let (plain, reference) = match number {
        101..=199 => (number - 100, true),
        _ => (number, false),
    };
    let dtype = match plain {
        0 => DType::Invalid,
        1 => DType::Float32,
        2 => DType::Float64,
        3 => DType::Int32,
        4 => DType::UInt8,
        5 => DType::Int16,
        6 => DType::Int8,
        7 => DType::String,
        8 => DType::Complex64,
        9 => DType::Int64,
        10 => DType::Bool,
        11 => DType::QInt8,
        12 => DType::QUInt8,
        13 => DType::QInt32,
        14 => DType::BFloat16,
        15 => DType::QInt16,
        16 => DType::QUInt16,
        17 => DType::UInt16,
        18 => DType::Complex128,
        19 => DType::Float16,
        20 => DType::Resource,
        21 => DType::Variant,
        22 => DType::UInt32,
        23 => DType::UInt64,
        24 => DType::Float8E5M2,
        25 => DType::Float8E4M3Fn,
        26 => DType::Float8E4M3FnUz,
        27 => DType::Float8E4M3B11FnUz,
        28 => DType::Float8E5M2FnUz,
        29 => DType::Int4,
        30 => DType::UInt4,
        31 => DType::Int2,
        32 => DType::UInt2,
        33 => DType::Float4E2M1Fn,
        _ => DType::Unknown(plain),
    };
    (dtype, reference)
}

/// The DataType number of a type that is no reference.
pub fn number(of: DType) -> Option<i32> {
    const MOST: i32 = 33;
    match of {
        DType::Unknown(number) => Some(number),
        _ => (0..=MOST).find(|&number| dtype(number).0 == of),
    }
}

/// Sizes below -1 are as unknown as -1.
pub fn shape(proto: &pb::TensorShapeProto) -> Shape {
    if proto.unknown_rank {
        return Shape::UNKNOWN;
    }
    Shape(Some(proto.dim.iter().map(|d| d.size.max(-1)).collect()))
}

/// An absent shape message is a scalar.
pub fn shape_or_scalar(proto: Option<&pb::TensorShapeProto>) -> Shape {
    proto.map_or_else(Shape::scalar, shape)
}

/// Type, shape and values of a stored tensor. Values that contradict the shape are
/// [`TensorData::Missing`] with the reason: the rest of the graph can still be shown.
pub fn tensor(proto: pb::TensorProto) -> (DType, Shape, TensorData) {
    let (dtype, _) = dtype(proto.dtype);
    let shape = shape_or_scalar(proto.tensor_shape.as_ref());
    let data = match shape.elements() {
        Some(count) => values(proto, dtype, count).unwrap_or_else(|reason| {
            TensorData::Missing(format!("{dtype} {shape}: {reason}").into())
        }),
        None => TensorData::Missing(
            format!("a stored tensor of shape {shape} has no known number of elements").into(),
        ),
    };
    (dtype, shape, data)
}

fn values(proto: pb::TensorProto, dtype: DType, count: usize) -> Result<TensorData, String> {
    if dtype == DType::String {
        return if proto.tensor_content.is_empty() {
            Ok(TensorData::Strings(
                proto.string_val.into_iter().take(count).collect(),
            ))
        } else {
            length_prefixed(proto.tensor_content, count)
        };
    }
    let Some(size) = dtype.size() else {
        return Err("values of this type are not kept in a form that can be read".to_owned());
    };
    let needed = count
        .checked_mul(size)
        .ok_or("more than 2^64 bytes of values")?;
    if !proto.tensor_content.is_empty() {
        return if proto.tensor_content.len() == needed {
            Ok(TensorData::plain(proto.tensor_content))
        } else {
            Err(format!(
                "needs {needed} bytes, tensor_content has {}",
                proto.tensor_content.len()
            ))
        };
    }
    let mut given = typed_values(&proto, dtype);
    given.truncate(needed);
    given.truncate(given.len() / size * size);
    Ok(match given.len() == needed {
        true => TensorData::plain(given),
        false => TensorData::Repeated(given.into()),
    })
}

/// The `*_val` field that belongs to the type, as little-endian bytes of the type's width.
fn typed_values(proto: &pb::TensorProto, dtype: DType) -> Vec<u8> {
    fn bytes<T: Copy, const N: usize>(values: &[T], f: impl Fn(T) -> [u8; N]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(values.len() * N);
        for &v in values {
            bytes.extend_from_slice(&f(v));
        }
        bytes
    }
    use DType::*;
    match dtype {
        Float32 => bytes(&proto.float_val, f32::to_le_bytes),
        Float64 => bytes(&proto.double_val, f64::to_le_bytes),
        Complex64 => bytes(&proto.scomplex_val, f32::to_le_bytes),
        Complex128 => bytes(&proto.dcomplex_val, f64::to_le_bytes),
        Int64 => bytes(&proto.int64_val, i64::to_le_bytes),
        UInt64 => bytes(&proto.uint64_val, u64::to_le_bytes),
        UInt32 => bytes(&proto.uint32_val, u32::to_le_bytes),
        Int32 | QInt32 => bytes(&proto.int_val, i32::to_le_bytes),
        Int16 | UInt16 | QInt16 | QUInt16 => bytes(&proto.int_val, |v| (v as u16).to_le_bytes()),
        Float16 | BFloat16 => bytes(&proto.half_val, |v| (v as u16).to_le_bytes()),
        Int8 | UInt8 | QInt8 | QUInt8 => bytes(&proto.int_val, |v| [v as u8]),
        Int4 => bytes(&proto.int_val, |v| [((v << 28) >> 28) as u8]),
        UInt4 => bytes(&proto.int_val, |v| [v as u8 & 0xf]),
        Int2 => bytes(&proto.int_val, |v| [((v << 30) >> 30) as u8]),
        UInt2 => bytes(&proto.int_val, |v| [v as u8 & 0x3]),
        Bool => bytes(&proto.bool_val, |v| [u8::from(v)]),
        Float8E5M2 | Float8E4M3Fn | Float8E4M3FnUz | Float8E4M3B11FnUz | Float8E5M2FnUz => {
            proto.float8_val.to_vec()
        }
        _ => Vec::new(),
    }
}

/// `count` varint lengths, then all the bytes.
fn length_prefixed(bytes: Bytes, count: usize) -> Result<TensorData, String> {
    let mut all = Vec::new();
    let strings = PackedStrings {
        bytes,
        count,
        gap: 0,
    };
    let read = strings.for_each(|string| all.push(string));
    read.map_err(|e| e.what().to_owned())?;
    Ok(TensorData::Strings(all.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proto(dtype: pb::DataType, dims: &[i64]) -> pb::TensorProto {
        pb::TensorProto {
            dtype: dtype as i32,
            tensor_shape: Some(pb::TensorShapeProto {
                dim: dims
                    .iter()
                    .map(|&size| pb::tensor_shape_proto::Dim { size })
                    .collect(),
                unknown_rank: false,
            }),
            ..Default::default()
        }
    }

    fn numbers(proto: pb::TensorProto) -> Vec<f64> {
        let (dtype, shape, data) = tensor(proto);
        data.read(dtype, &shape.fixed().unwrap()).unwrap().numbers()
    }

    #[test]
    fn content_wins_and_the_last_value_repeats() {
        let mut p = proto(pb::DataType::DtFloat, &[2]);
        p.float_val = vec![9.0];
        assert_eq!(numbers(p.clone()), [9.0, 9.0]);
        p.tensor_content = Bytes::from_static(&[0, 0, 0x80, 0x3f, 0, 0, 0, 0x40]);
        assert_eq!(numbers(p), [1.0, 2.0]);
        let mut wrong_field = proto(pb::DataType::DtFloat, &[2]);
        wrong_field.int_val = vec![3];
        assert_eq!(numbers(wrong_field), [0.0, 0.0]);
    }

    #[test]
    fn integers_wrap_to_their_width() {
        let mut p = proto(pb::DataType::DtInt8, &[3]);
        p.int_val = vec![300, -1, 5, 77];
        assert_eq!(numbers(p), [44.0, -1.0, 5.0]);
        let mut p = proto(pb::DataType::DtHalf, &[1]);
        p.half_val = vec![15360];
        assert_eq!(numbers(p), [1.0]);
        let mut p = proto(pb::DataType::DtComplex64, &[2]);
        p.scomplex_val = vec![1.0, 2.0];
        assert_eq!(numbers(p), [1.0, 1.0]);
    }

    #[test]
    fn strings_in_content_have_their_lengths_first() {
        let mut p = proto(pb::DataType::DtString, &[2]);
        p.tensor_content = Bytes::from_static(&[1, 2, b'a', b'b', b'b']);
        let (_, _, TensorData::Strings(strings)) = tensor(p.clone()) else {
            panic!()
        };
        assert_eq!(&*strings, [&b"a"[..], b"bb"]);
        p.tensor_content = Bytes::from_static(&[1, 3, b'a', b'b', b'b']);
        assert!(matches!(tensor(p).2, TensorData::Missing(_)));
    }

    #[test]
    fn contradictions_are_said_instead_of_read() {
        let mut p = proto(pb::DataType::DtFloat, &[3]);
        p.tensor_content = Bytes::from_static(&[0; 8]);
        let TensorData::Missing(reason) = tensor(p).2 else {
            panic!()
        };
        assert_eq!(&*reason, "float32 3: needs 12 bytes, tensor_content has 8");
        assert!(matches!(
            tensor(proto(pb::DataType::DtFloat, &[-1])).2,
            TensorData::Missing(_)
        ));
        let empty_wins = proto(pb::DataType::DtFloat, &[i64::MAX, i64::MAX, 0]);
        assert!(matches!(tensor(empty_wins).2, TensorData::Bytes { .. }));
        let huge = proto(pb::DataType::DtFloat, &[i64::MAX, i64::MAX]);
        assert!(matches!(tensor(huge).2, TensorData::Missing(_)));
    }
}

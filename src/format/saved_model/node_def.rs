//! A single operator as a serialized NodeDef, as Flex operators of a `.tflite` carry it.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message;

use super::attrs::{Names, attrs};
use super::{pb, tensor};
use crate::error::{Error, Result};
use crate::model::{Attr, Attrs, DType, Name, Shape, TensorData};

/// The NodeDef of an operator that stands alone: no name, no device, and an empty reference for each input.
///
/// # Errors
/// Attributes that have no form of their own in a NodeDef, types without a number, stored tensors without values.
pub fn encode(op: &str, inputs: usize, attributes: &Attrs) -> Result<Vec<u8>> {
    let node = pb::NodeDef {
        op: op.to_owned(),
        input: vec![String::new(); inputs],
        attr: attr_map(attributes)?,
        ..Default::default()
    };
    Ok(node.encode_to_vec())
}

/// Operator and attributes of a NodeDef.
///
/// # Errors
/// Bytes that are no such message.
pub fn decode(bytes: Bytes) -> Result<(Name, Attrs)> {
    let node: pb::NodeDef = pb::decode(bytes, "NodeDef")?;
    let mut names = Names::default();
    Ok((names.get(&node.op), attrs(node.attr, &mut names)))
}

fn attr_map(attributes: &Attrs) -> Result<BTreeMap<String, pb::AttrValue>> {
    attributes
        .iter()
        .map(|(name, attr)| {
            let value = value(attr).map_err(|e| e.at(format_args!("attribute {name:?}")))?;
            Ok((name.to_owned(), pb::AttrValue { value: Some(value) }))
        })
        .collect()
}

fn value(attr: &Attr) -> Result<pb::attr_value::Value> {
    use pb::attr_value::Value;
    Ok(match attr {
        Attr::Int(v) => Value::I(*v),
        Attr::Float(v) => Value::F(*v as f32),
        Attr::Bool(v) => Value::B(*v),
        Attr::Bytes(v) => Value::S(v.clone()),
        Attr::Type(v) => Value::Type(number(*v)?),
        Attr::Shape(v) => Value::Shape(shape(v)),
        Attr::Tensor { dtype, shape, data } => {
            Value::Tensor(Box::new(tensor(*dtype, shape, data)?))
        }
        Attr::Func { name, attrs } => Value::Func(func(name, attrs)?),
        Attr::List(all) => Value::List(Box::new(list(all)?)),
        Attr::Enum { .. } | Attr::Table { .. } | Attr::Opaque(_) => return Err(formless(attr)),
    })
}

fn list(all: &[Attr]) -> Result<pb::attr_value::ListValue> {
    let mut list = pb::attr_value::ListValue::default();
    for attr in all {
        match attr {
            Attr::Int(v) => list.i.push(*v),
            Attr::Float(v) => list.f.push(*v as f32),
            Attr::Bool(v) => list.b.push(*v),
            Attr::Bytes(v) => list.s.push(v.clone()),
            Attr::Type(v) => list.r#type.push(number(*v)?),
            Attr::Shape(v) => list.shape.push(shape(v)),
            Attr::Tensor { dtype, shape, data } => {
                list.tensor.push(tensor(*dtype, shape, data)?);
            }
            Attr::Func { name, attrs } => list.func.push(func(name, attrs)?),
            Attr::List(_) | Attr::Enum { .. } | Attr::Table { .. } | Attr::Opaque(_) => {
                return Err(formless(attr));
            }
        }
    }
    Ok(list)
}

fn formless(attr: &Attr) -> Error {
    Error::unsupported(format!("{attr:?} has no form in a NodeDef"))
}

fn func(name: &str, attributes: &Attrs) -> Result<pb::NameAttrList> {
    Ok(pb::NameAttrList {
        name: name.to_owned(),
        attr: attr_map(attributes)?,
    })
}

fn number(dtype: DType) -> Result<i32> {
    tensor::number(dtype)
        .ok_or_else(|| Error::unsupported(format!("TensorFlow has no number for {dtype}")))
}

fn shape(shape: &Shape) -> pb::TensorShapeProto {
    let dims = shape.dims().unwrap_or_default();
    pb::TensorShapeProto {
        dim: dims
            .iter()
            .map(|&size| pb::tensor_shape_proto::Dim { size })
            .collect(),
        unknown_rank: shape.dims().is_none(),
    }
}

pub(super) fn tensor(dtype: DType, of: &Shape, data: &TensorData) -> Result<pb::TensorProto> {
    let mut proto = pb::TensorProto {
        dtype: number(dtype)?,
        tensor_shape: Some(shape(of)),
        ..Default::default()
    };
    if let TensorData::Strings(strings) = data {
        proto.string_val = strings.to_vec();
    } else {
        let sizes = of
            .fixed()
            .ok_or_else(|| Error::unsupported(format!("a stored tensor of shape {of}")))?;
        let values = data.read(dtype, &sizes)?;
        proto.tensor_content = Bytes::copy_from_slice(values.bytes().unwrap_or_default());
    }
    Ok(proto)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Tensor;
    use proptest::prelude::*;

    /// The reference converter's NodeDef of `tf.image.crop_and_resize`, taken from its file.
    const CROP_AND_RESIZE: &str = "120d43726f70416e64526573697a651a001a001a001a002a140a066d6574686f64120a12\
        0862696c696e6561722a070a0154120230012a1c0a136578747261706f6c6174696f6e5f76616c756512052500000000320f0a\
        0d43726f70416e64526573697a65";

    #[test]
    fn what_the_reference_writes_reads() {
        let bytes: Vec<u8> = (0..CROP_AND_RESIZE.len() / 2)
            .map(|at| u8::from_str_radix(&CROP_AND_RESIZE[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        let (op, attrs) = decode(bytes.into()).unwrap();
        assert_eq!(&*op, "CropAndResize");
        assert_eq!(attrs.text("method"), Some("bilinear"));
        assert_eq!(attrs.float("extrapolation_value"), Some(0.0));
        assert_eq!(attrs.dtype("T"), Some(DType::Float32));
        // The same again, without the reference's note of where the node comes from.
        let again = encode("CropAndResize", 4, &attrs).unwrap();
        let node: pb::NodeDef = pb::decode(again.into(), "NodeDef").unwrap();
        assert_eq!(node.input, [""; 4]);
        assert_eq!(node.attr.len(), 3);
    }

    fn leaf() -> impl Strategy<Value = Attr> {
        prop_oneof![
            any::<i64>().prop_map(Attr::Int),
            any::<f32>().prop_map(|v| Attr::Float(f64::from(v))),
            any::<bool>().prop_map(Attr::Bool),
            prop::collection::vec(any::<u8>(), 0..9).prop_map(|v| Attr::Bytes(v.into())),
            prop::sample::select(DType::ALL).prop_map(Attr::Type),
            prop::option::of(prop::collection::vec(-1i64..99, 0..4))
                .prop_map(|v| Attr::Shape(Shape(v))),
            prop::collection::vec(any::<i32>(), 0..5).prop_map(|v| {
                let tensor = Tensor::from_values(&[v.len()], &v);
                Attr::Tensor {
                    dtype: tensor.dtype(),
                    shape: Shape::of(tensor.shape()),
                    data: TensorData::of(&tensor),
                }
            }),
        ]
    }

    proptest! {
        #[test]
        fn attributes_come_back(
            single in leaf(),
            list in leaf().prop_flat_map(|one| prop::collection::vec(Just(one), 0..4)),
        ) {
            let given = Attrs::new()
                .with("single", single)
                .with("list", Attr::List(list.clone()))
                .with("f", Attr::Func { name: "g".into(), attrs: Attrs::new().with("a", Attr::Int(1)) });
            let (op, back) = decode(encode("Op", 2, &given).unwrap().into()).unwrap();
            prop_assert_eq!(&*op, "Op");
            prop_assert_eq!(format!("{given:?}"), format!("{back:?}"));
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = decode(bytes.into());
        }
    }

    #[test]
    fn what_has_no_form_is_an_error() {
        let attrs = Attrs::new().with("x", Attr::Opaque("null".into()));
        assert!(encode("Op", 0, &attrs).is_err());
    }
}

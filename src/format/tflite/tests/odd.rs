//! Files that no writer of today makes and that are still shown: odd numbers, odd names, fields of a later schema.

use std::path::Path;

use flatbuffers::{UnionWIPOffset, WIPOffset};

use super::super::builder::{Builder, Fields, Slot};
use super::super::generated::tflite as fb;
use super::super::{read_bytes, write};
use crate::model::{Details, Model};

/// A vector of one table.
fn one(out: &mut Builder, fields: Fields) -> Slot {
    let table: WIPOffset<UnionWIPOffset> = out.lone_table(fields);
    Slot::Offset(out.tables(&[table]).value())
}

/// An ADD whose code has a custom name, on one tensor of odd sizes, axis, name and an unknown field.
fn odd() -> Vec<u8> {
    use fb::{
        Model as M, OperatorCode as C, QuantizationParameters as Q, SubGraph as S, Tensor as T,
    };
    let mut out = Builder::default();
    let quantization = vec![
        (
            Q::VT_SCALE,
            Slot::Offset(out.vector(&[0.5f32, 0.25]).value()),
        ),
        (
            Q::VT_ZERO_POINT,
            Slot::Offset(out.vector(&[0i64, 0]).value()),
        ),
        (Q::VT_QUANTIZED_DIMENSION, Slot::Int(-1i32 as u32)),
    ];
    let quantization = out.lone_table(quantization).value();
    let tensor = vec![
        (T::VT_NAME, Slot::Offset(out.bytes(b"caf\xe9"))),
        (T::VT_SHAPE, Slot::Offset(out.vector(&[-1i32, 2]).value())),
        (T::VT_TYPE_, Slot::Byte(9)),
        (T::VT_QUANTIZATION, Slot::Offset(quantization)),
        (T::VT_EXTERNAL_BUFFER + 2, Slot::Int(7)),
    ];
    let tensors = one(&mut out, tensor);
    let outputs = Slot::Offset(out.vector(&[0i32]).value());
    let operators = one(&mut out, vec![(fb::Operator::VT_OUTPUTS, outputs)]);
    let graphs = one(
        &mut out,
        vec![(S::VT_TENSORS, tensors), (S::VT_OPERATORS, operators)],
    );
    let custom = Slot::Offset(out.bytes(b"left over"));
    let codes = one(&mut out, vec![(C::VT_CUSTOM_CODE, custom)]);
    let root = out.lone_table(vec![
        (M::VT_VERSION, Slot::Int(3)),
        (M::VT_OPERATOR_CODES, codes),
        (M::VT_SUBGRAPHS, graphs),
    ]);
    out.finish(root, "TFL3")
}

fn opened(file: Vec<u8>) -> Model {
    read_bytes(file.into(), Path::new("odd.tflite")).unwrap()
}

#[test]
fn what_is_odd_is_kept_and_warned_of() {
    let model = opened(odd());
    let warnings: Vec<String> = model.warnings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(warnings.join("\n"), @r#"
    odd.tflite: tensor "caf�": quantized_dimension is -1
    odd.tflite: names or texts that are not UTF-8 (1, the first at byte 228); shown, and written again, with �
    odd.tflite: fields of Tensor that schema version 3d does not know (1); not kept when the model is written again
    "#);
    let again = opened(write(&model).unwrap());
    for model in [&model, &again] {
        let graph = &model.meta_graphs[0].graphs[0];
        let value = &graph.values[0];
        assert_eq!(&*value.name, "caf\u{fffd}");
        assert_eq!(value.stored_shape.dims(), Some(&[-1, 2][..]));
        assert_eq!(value.quantization.as_ref().unwrap().dimension, -1);
        assert_eq!(
            (&*graph.nodes[0].op, &graph.nodes[0].custom),
            ("ADD", &None)
        );
        let Details::Tflite(details) = &model.details else {
            panic!("a .tflite has its details");
        };
        let [code] = &*details.operator_codes else {
            panic!("one operator code");
        };
        assert_eq!(code.custom.as_deref(), Some("left over"));
    }
    // What was said of the file holds no more for the new one: the name is text, the field is gone.
    assert_eq!(again.warnings.len(), 1);
}

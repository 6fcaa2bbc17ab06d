//! Promise: every sample opens, and everything that is in it is seen.

mod files;
#[path = "../support/mod.rs"]
mod support;

use mexplore::format::{self, OpenOptions};
use mexplore::model::{DType, Format, Model, VariableRole};

use support::{open, sample};

/// `key(in: dtype shape, … -> out: dtype shape, …)` for each signature.
fn signatures(model: &Model) -> Vec<String> {
    let ports = |ports: &[mexplore::model::Port]| {
        ports
            .iter()
            .map(|p| format!("{}: {} {}", p.name, p.dtype, p.shape))
            .collect::<Vec<_>>()
            .join(", ")
    };
    model.meta_graphs[0]
        .signatures
        .iter()
        .map(|s| format!("{}({} -> {})", s.key, ports(&s.inputs), ports(&s.outputs)))
        .collect()
}

#[test]
fn the_newest_of_the_versions_is_taken_and_an_older_one_can_be_asked_for() {
    let newest = open("digits_cnn");
    assert_eq!((newest.version, &*newest.versions), (Some(2), &[1, 2][..]));
    let options = OpenOptions { version: Some(1) };
    let older = format::open(&sample("digits_cnn"), &options).unwrap();
    assert_eq!(older.version, Some(1));
    let by_path = open("digits_cnn/1");
    assert_eq!(by_path.variables.len(), older.variables.len());
    assert!(newest.total_bytes() > older.total_bytes());
}

#[test]
fn signatures_name_their_ports_with_types_and_shapes() {
    assert_eq!(
        signatures(&open("digits_cnn")),
        [
            "serve(image: float32 ?×8×8×1 -> output_0: float32 ?×10)",
            "serving_default(image: float32 ?×8×8×1 -> output_0: float32 ?×10)"
        ]
    );
    assert_eq!(
        signatures(&open("custom_layer")),
        ["score(raw: float32 ?×8×8 -> confidence: float32 ?, digit: int64 ?)"]
    );
    assert_eq!(
        signatures(&open("digits_cnn.int8.tflite")),
        ["serving_default(image: float32 ?×8×8×1 -> output_0: float32 ?×10)"]
    );
    assert_eq!(signatures(&open("autoencoder")).len(), 3);
}

#[test]
fn every_variable_is_found_through_the_index_whatever_the_shard() {
    let model = open("sharded");
    assert_eq!(model.shards.len(), 5);
    let weights: Vec<_> = model
        .variables
        .iter()
        .filter(|v| v.role == VariableRole::Weight)
        .collect();
    assert_eq!(weights.len(), 6);
    assert!(weights.iter().any(|v| v.shard > 0));
    for variable in weights {
        let shape = variable.shape.fixed().unwrap();
        let tensor = variable.data.read(variable.dtype, &shape).unwrap();
        assert_eq!(tensor.dtype(), DType::Float32);
        assert!(
            tensor.numbers().iter().all(|v| v.is_finite()),
            "{}",
            variable.key
        );
    }
}

#[test]
fn tensorflow_1_variables_have_no_object_graph_and_are_linked_all_the_same() {
    let model = open("v1_softmax");
    assert!(model.meta_graphs[0].objects.nodes.is_empty());
    let linked = model.meta_graphs[0].graphs[0]
        .nodes
        .iter()
        .filter(|n| n.variable.is_some())
        .count();
    assert_eq!(linked, 2);
}

#[test]
fn assets_and_packed_files_come_with_the_model() {
    let text = open("text_classifier");
    assert_eq!(text.meta_graphs[0].assets[0].file, "vocabulary.txt");
    assert!(
        text.attachments
            .iter()
            .any(|a| a.name.ends_with("vocabulary.txt") && a.bytes == 130)
    );
    let packed = open("digits_metadata.tflite");
    assert_eq!(packed.attachments[0].name, "labels.txt");
    assert!(packed.attachments[0].data.starts_with(b"zero\none\n"));
    let metadata = packed
        .metadata
        .iter()
        .find(|m| m.name == "TFLITE_METADATA")
        .and_then(|m| m.decoded.as_deref())
        .unwrap();
    assert!(
        metadata.contains("Reads one handwritten digit."),
        "{metadata}"
    );
}

#[test]
fn all_the_rest_opens_too() {
    for name in ["dense_four_lines", "softmax_mlp", "lstm", "autoencoder"] {
        let model = open(name);
        assert_eq!(model.format, Format::SavedModel);
        assert!(model.warnings.is_empty(), "{name}: {:?}", model.warnings);
    }
    for mode in ["float32", "dynamic", "float16", "int8", "int16x8"] {
        let model = open(&format!("digits_cnn.{mode}.tflite"));
        assert_eq!(model.format, Format::Tflite);
        assert!(model.warnings.is_empty(), "{mode}: {:?}", model.warnings);
    }
}

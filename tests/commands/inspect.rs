//! What a look at a file says.

use insta::assert_snapshot;
use serde_json::json;

use super::{json, mexplore, report};

const INT8: &str = "samples/digits_cnn.int8.tflite";
const METADATA: &str = "samples/digits_metadata.tflite";

#[test]
fn show_a_tflite() {
    assert_snapshot!(report(&["show", INT8]), @"");
}

#[test]
fn without_a_terminal_the_ui_is_show() {
    assert_eq!(report(&[INT8]), report(&["show", INT8]));
}

#[test]
fn output_to_a_pipe_has_no_colours() {
    assert!(!mexplore(&["show", INT8]).stdout.contains(&0x1b));
}

#[test]
fn facts_of_a_tflite() {
    let facts = json(&["show", INT8, "--json"]);
    assert_eq!(facts["format"], "tflite");
    assert_eq!(facts["file_bytes"], 33896);
    assert_eq!(facts["ops"]["CONV_2D"], 3);
    let graph = &facts["subgraphs"][0];
    assert_eq!(graph["operators"], 11);
    assert_eq!(graph["inputs"][0]["shape"], json!([1, 8, 8, 1]));
    assert_eq!(graph["inputs"][0]["shape_signature"], json!([-1, 8, 8, 1]));
    assert_eq!(facts["signatures"][0]["inputs"][0]["name"], "image");
}

#[test]
fn operators_tensors_and_signatures_of_a_tflite() {
    assert_snapshot!(report(&["ops", INT8]), @"");
    assert_snapshot!(report(&["signatures", METADATA]), @"");
    assert_snapshot!(report(&["tensors", INT8]), @"");
    let tensors = json(&["tensors", INT8, "--json"]);
    assert_eq!(tensors["tensors"][0]["shape"], json!([64, 3, 3, 32]));
    assert_eq!(tensors["by_operator"][0]["name"], "CONV_2D");
    let signatures = json(&["signatures", INT8, "--json"]);
    assert_eq!(signatures["signatures"][0]["inputs"][0]["dtype"], "float32");
}

#[test]
fn files_packed_into_a_tflite() {
    assert_snapshot!(report(&["assets", METADATA]), @"");
    let assets = json(&["assets", METADATA, "--json"]);
    assert_eq!(
        assets["assets"][0],
        json!({ "file": "labels.txt", "bytes": 50, "tensors": [] })
    );
}

#[test]
fn a_tflite_has_no_variables() {
    assert_eq!(report(&["variables", INT8]), "no variables\n");
    assert_eq!(
        json(&["variables", INT8, "--json"]),
        json!({ "shards": [], "variables": [] })
    );
}

#[test]
fn show_a_saved_model() {
    assert_snapshot!(report(&["show", "samples/digits_cnn"]), @"");
}

#[test]
fn facts_of_a_saved_model() {
    let facts = json(&["show", "samples/sharded", "--json"]);
    assert_eq!(facts["format"], "saved_model");
    assert_eq!(facts["shards"], 5);
    assert_eq!(facts["meta_graphs"][0]["tags"], json!(["serve"]));
    let version = json(&["show", "samples/digits_cnn", "--version", "1", "--json"]);
    assert_eq!(version["version"], 1);
}

#[test]
fn variables_and_assets_of_a_saved_model() {
    assert_snapshot!(report(&["variables", "samples/dense_four_lines"]), @"");
    assert_snapshot!(report(&["assets", "samples/text_classifier"]), @"");
}

#[test]
fn graphs_for_other_programs() {
    assert!(report(&["graph", INT8, "--format", "dot"]).starts_with("digraph"));
    assert!(report(&["graph", INT8, "--format", "svg"]).starts_with("<svg"));
    assert!(report(&["graph", "samples/softmax_mlp"]).contains("MatMul"));
    assert!(json(&["graph", INT8, "--json"]).is_object());
}

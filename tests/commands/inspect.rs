//! What a look at a file says.

use insta::assert_snapshot;
use serde_json::json;

use super::{json, mexplore, report};

const INT8: &str = "samples/digits_cnn.int8.tflite";
const METADATA: &str = "samples/digits_metadata.tflite";

#[test]
fn show_a_tflite() {
    assert_snapshot!(report(&["show", INT8]), @r"
    digits_cnn.int8.tflite  TFLite schema 3 · 33.9 KB
      description    MLIR Converted.
      needs runtime  1.14.0
      parameters     23,338
      cost           348 kMAC per sample
      operators      11 in 1 subgraph

    Signatures
      serving_default
        in   image     float32  ?×8×8×1
        out  output_0  float32  ?×10

    Where the bytes are
      digits_cnn_1/conv_1/convolution                   ██████████▉  18.4 KB  54.4%
      digits_cnn.int8.tflite                            █████▊       9.83 KB  29.0%
      digits_cnn_1/hidden_1/MatMul                      █▎           2.05 KB   6.0%
      digits_cnn_1/skip_1/convolution                   █▎           2.05 KB   6.0%
      digits_cnn_1/probs_1/MatMul                       ▎              320 B   0.9%
      digits_cnn_1/stem_1/convolution                   ▏              288 B   0.8%
      …/skip_1/convolution;digits_cnn_1/skip_1/Squeeze  ▏              256 B   0.8%
      …/conv_bn_1/batchnorm/sub                         ▏              256 B   0.8%
      … 6 more                                          ▎              416 B   1.2%

    Operators
      CONV_2D          3
      FULLY_CONNECTED  2
      ADD              1
      DEQUANTIZE       1
      MAX_POOL_2D      1
      MEAN             1
      QUANTIZE         1
      SOFTMAX          1

    Health
      ✔ no custom, Flex or unsafe operators
    ");
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
    assert_snapshot!(report(&["ops", INT8]), @r"
    operator         count
    CONV_2D              3
    FULLY_CONNECTED      2
    ADD                  1
    DEQUANTIZE           1
    MAX_POOL_2D          1
    MEAN                 1
    QUANTIZE             1
    SOFTMAX              1
    ");
    assert_snapshot!(report(&["signatures", METADATA]), @r"
    serving_default
      in   image     float32  ?×8×8×1
      out  output_0  float32  ?×10
    ");
    assert_snapshot!(report(&["tensors", INT8]), @r"
    name                                                       dtype  shape        bytes  share  where     quantized
    digits_cnn_1/conv_1/convolution                            int8   64×3×3×32  18.4 KB  54.4%  constant  64 scales, axis 0
    digits_cnn_1/hidden_1/MatMul                               int8   32×64      2.05 KB   6.0%  constant  32 scales, axis 0
    digits_cnn_1/skip_1/convolution                            int8   64×1×1×32  2.05 KB   6.0%  constant  64 scales, axis 0
    digits_cnn_1/probs_1/MatMul                                int8   10×32        320 B   0.9%  constant  10 scales, axis 0
    digits_cnn_1/stem_1/convolution                            int8   32×3×3×1     288 B   0.8%  constant  32 scales, axis 0
    …/skip_1/convolution;digits_cnn_1/skip_1/Squeeze           int32  64           256 B   0.8%  constant  64 scales, axis 0
    …/conv_1/convolution;digits_cnn_1/conv_bn_1/batchnorm/sub  int32  64           256 B   0.8%  constant  64 scales, axis 0
    digits_cnn_1/hidden_1/Relu;digits_cnn_1/hidden_1/BiasAdd   int32  32           128 B   0.4%  constant  32 scales, axis 0
    …/stem_1/convolution;digits_cnn_1/stem_bn_1/batchnorm/sub  int32  32           128 B   0.4%  constant  32 scales, axis 0
    digits_cnn_1/probs_1/BiasAdd                               int32  10            40 B   0.1%  constant  10 scales, axis 0
    digits_cnn_1/mean_1/Mean/reduction_indices                 int32  2              8 B   0.0%  constant

    dtype  tensors  elements    bytes
    int8         5    23,136  23.1 KB
    int32        6       204    816 B
    ");
    let tensors = json(&["tensors", INT8, "--json"]);
    assert_eq!(tensors["tensors"][0]["shape"], json!([64, 3, 3, 32]));
    assert_eq!(tensors["by_operator"][0]["name"], "CONV_2D");
    let signatures = json(&["signatures", INT8, "--json"]);
    assert_eq!(signatures["signatures"][0]["inputs"][0]["dtype"], "float32");
}

#[test]
fn files_packed_into_a_tflite() {
    assert_snapshot!(report(&["assets", METADATA]), @r#"
    file        bytes
    labels.txt   50 B  10 lines

    metadata             bytes
    min_runtime_version   16 B  1.14.0
    CONVERSION_METADATA   96 B  { "environment": { "tensorflow_version": "2.21.0", "api_vers
    TFLITE_METADATA      560 B  { "name": "Digits CNN", "description": "Reads one handwritte
    "#);
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
    assert_snapshot!(report(&["show", "samples/digits_cnn"]), @r"
    digits_cnn/2  SavedModel · TensorFlow 2.21.0 · 292 KB
      tags        serve
      parameters  23,626   trainable 23,434
      cost        348 kMAC per sample
      operators   153 in the graph, 274 in 5 functions
      variables   33 in 1 shard
      versions    1  ● 2

    Signatures
      serve  predict
        in   image     float32  ?×8×8×1
        out  output_0  float32  ?×10
      serving_default  predict
        in   image     float32  ?×8×8×1
        out  output_0  float32  ?×10

    Where the bytes are
      saved_model.pb                ██████▍  92.3 KB  31.6%
      conv/kernel                   █████    73.7 KB  25.2%
      conv/kernel                   █████    73.7 KB  25.2%
      skip/kernel                   ▌        8.19 KB   2.8%
      hidden/kernel                 ▌        8.19 KB   2.8%
      skip/kernel                   ▌        8.19 KB   2.8%
      hidden/kernel                 ▌        8.19 KB   2.8%
      _CHECKPOINTABLE_OBJECT_GRAPH  ▎        3.24 KB   1.1%
      … 38 more                     █▏       16.6 KB   5.7%

    Operators
      ReadVariableOp      112
      Identity            103
      AssignVariableOp     48
      VarHandleOp          48
      DisableCopyOnRead    32
      VarIsInitializedOp   16
      Const                13
      NoOp                  7
      … 23 more kinds      48

    Health
      ✔ no custom, Flex or unsafe operators
    ");
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
    assert_snapshot!(report(&["variables", "samples/dense_four_lines"]), @r"
    name                          dtype    shape   bytes  shard  offset  role         owner
    _CHECKPOINTABLE_OBJECT_GRAPH  string   scalar  642 B      0      80  bookkeeping
    sequential/dense/kernel       float32  4×2      32 B      0      40  weight       _all_variables/0
    sequential/dense/bias         float32  2         8 B      0      72  weight       _all_variables/1
    sequential/dense/kernel       float32  4×2      32 B      0       0  weight       variables/0 +1
    sequential/dense/bias         float32  2         8 B      0      32  weight       variables/1 +1

    shard                          bytes
    variables.data-00000-of-00001  722 B
    ");
    assert_snapshot!(report(&["assets", "samples/text_classifier"]), @r"
    file            bytes
    vocabulary.txt  130 B  25 lines, asset_path_initializer:0
    ");
}

#[test]
fn graphs_for_other_programs() {
    assert!(report(&["graph", INT8, "--format", "dot"]).starts_with("digraph"));
    assert!(report(&["graph", INT8, "--format", "svg"]).starts_with("<svg"));
    assert!(report(&["graph", "samples/softmax_mlp", "--all"]).contains("MatMul"));
    assert!(json(&["graph", INT8, "--json"]).is_object());
}

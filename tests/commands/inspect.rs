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
      graph definition                                  █████▊       9.83 KB  29.0%
      digits_cnn_1/hidden_1/MatMul                      █▎           2.05 KB   6.0%
      digits_cnn_1/skip_1/convolution                   █▎           2.05 KB   6.0%
      digits_cnn_1/probs_1/MatMul                       ▎              320 B   0.9%
      digits_cnn_1/stem_1/convolution                   ▏              288 B   0.8%
      …/skip_1/convolution;digits_cnn_1/skip_1/Squeeze  ▏              256 B   0.8%
      …/conv_bn_1/batchnorm/sub                         ▏              256 B   0.8%
      … 5 more                                          ▎              416 B   1.2%

    By dtype
      int8   23.1 k values  23.1 KB  68.3%
      int32     204 values    816 B   2.4%

    By layer
      digits_cnn_1/conv_1               18.4 k values  18.4 KB  54.4%
      digits_cnn_1/skip_1               2.11 k values  2.30 KB   6.8%
      digits_cnn_1/hidden_1             2.08 k values  2.18 KB   6.4%
      digits_cnn_1/probs_1                 330 values    360 B   1.1%
      digits_cnn_1/stem_1                  288 values    288 B   0.8%
      digits_cnn_1/conv_bn_1/batchnorm      64 values    256 B   0.8%
      digits_cnn_1/stem_relu_1              32 values    128 B   0.4%
      digits_cnn_1/mean_1/Mean               2 values      8 B   0.0%

    By operator
      CONV_2D          20.9 k values  21.4 KB  63.2%
      FULLY_CONNECTED  2.41 k values  2.54 KB   7.5%
      MEAN                  2 values      8 B   0.0%

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
    operator         count     MAC
    CONV_2D              3   346 k
    FULLY_CONNECTED      2  2.37 k
    ADD                  1       –
    DEQUANTIZE           1       –
    MAX_POOL_2D          1       –
    MEAN                 1       –
    QUANTIZE             1       –
    SOFTMAX              1       –
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
      tags         serve
      parameters   23,626   trainable 23,434
      cost         348 kMAC per sample
      operators    153 in the graph, 274 in 5 functions
      variables    33 in 1 shard
      fingerprint  graph 83b0a602d7996644, export 29282100192743575578821836999028643316
      versions     1  ● 2

    Signatures
      serve  predict
        in   image     float32  ?×8×8×1
        out  output_0  float32  ?×10
      serving_default  predict
        in   image     float32  ?×8×8×1
        out  output_0  float32  ?×10

    Where the bytes are
      graph definition        ██████▎  92.2 KB  31.5%
      conv/kernel             █████    73.7 KB  25.2%
      conv/kernel             █████    73.7 KB  25.2%
      checkpoint bookkeeping  ▊        11.0 KB   3.8%
      skip/kernel             ▌        8.19 KB   2.8%
      hidden/kernel           ▌        8.19 KB   2.8%
      skip/kernel             ▌        8.19 KB   2.8%
      hidden/kernel           ▌        8.19 KB   2.8%
      … 28 more               ▋        8.94 KB   3.1%

    By dtype
      float32  47.3 k values   189 KB  64.6%
      string      136 values  9.13 KB   3.1%
      int32         8 values     32 B   0.0%

    By layer
      conv                    36.9 k values   147 KB  50.4%
      skip                    4.22 k values  16.9 KB   5.8%
      hidden                  4.16 k values  16.6 KB   5.7%
      checkpoint bookkeeping     134 values  9.12 KB   3.1%
      probs                      660 values  2.64 KB   0.9%
      stem                       576 values  2.30 KB   0.8%
      conv_bn                    512 values  2.05 KB   0.7%
      stem_bn                    256 values  1.02 KB   0.4%
      … 8 more                    12 values     55 B   0.0%

    By operator
      taken by nothing that is served  23.6 k values  97.7 KB  33.4%
      Conv2D                           20.8 k values  83.1 KB  28.4%
      MatMul                           2.37 k values  9.47 KB   3.2%
      StatefulPartitionedCall                1 value  3.21 KB   1.1%
      RestoreV2                            66 values  1.34 KB   0.5%
      SaveV2                               66 values  1.34 KB   0.5%
      Mul                                 192 values    768 B   0.3%
      AddV2                                98 values    392 B   0.1%
      … 6 more                            212 values    855 B   0.3%

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
      ! 16 variables are stored a second time and not served: stem/kernel, stem_bn/gamma, skip/kernel and 13 more; 94.5 KB could go
        → Keras's export keeps such copies; a converted model is without them
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
    let text = report(&["graph", "samples/digits_cnn", "--format", "pbtxt"]);
    assert!(text.starts_with("node {\n  name: "), "{}", &text[..60]);
    assert!(text.contains("\nlibrary {\n  function {\n    signature {"));
    assert!(report(&["graph", "samples/softmax_mlp", "--all"]).contains("MatMul"));
    assert!(json(&["graph", INT8, "--json"]).is_object());
}

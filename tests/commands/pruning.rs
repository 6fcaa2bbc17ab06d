//! prune, as scripts call it.

use std::fs;

use insta::assert_snapshot;
use mexplore::format::npy;
use serde_json::Value as Json;

use super::{json, report, said};

const FLOAT: &str = "samples/digits_cnn.float32.tflite";
const INT8: &str = "samples/digits_cnn.int8.tflite";

fn path(folder: &tempfile::TempDir, name: &str) -> String {
    folder.path().join(name).to_str().unwrap().to_owned()
}

/// What `model` answers to the same random input.
fn answer(model: &str, folder: &tempfile::TempDir) -> Vec<f64> {
    let out = path(folder, "out.npz");
    report(&["run", model, "--input", "#0=random:3", "--outputs", &out]);
    let outputs = npy::read_npz(out.as_ref()).unwrap();
    outputs
        .iter()
        .flat_map(|(_, tensor)| tensor.numbers())
        .collect()
}

#[test]
fn each_layer_reaches_its_share_of_zeros() {
    let folder = tempfile::tempdir().unwrap();
    let out = path(&folder, "half.tflite");
    let pruned = json(&["prune", FLOAT, "-o", &out, "--sparsity", "0.75", "--json"]);
    assert_eq!(pruned["output"], Json::from(out.as_str()));
    assert_eq!(pruned["bytes_after"], fs::metadata(&out).unwrap().len());
    assert!(pruned["deflated_after"].as_u64() < pruned["deflated_before"].as_u64());
    let layers = pruned["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 5);
    for layer in layers {
        let after = |key: &str| layer["after"][key].as_f64().unwrap();
        assert!(
            (after("zeros") - 0.75 * after("weights")).abs() <= 0.5,
            "{layer}"
        );
    }
    assert!(report(&["show", &out]).contains("CONV_2D"));
}

#[test]
fn what_is_stored_without_zeros_answers_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for source in [FLOAT, INT8] {
        let (dense, sparse) = (
            path(&folder, "dense.tflite"),
            path(&folder, "sparse.tflite"),
        );
        for (out, more) in [(&dense, None), (&sparse, Some("--encode"))] {
            let call = ["prune", source, "-o", out, "--sparsity", "0.9", "--force"];
            report(&call.into_iter().chain(more).collect::<Vec<_>>());
        }
        let bytes = |file: &str| fs::metadata(file).unwrap().len();
        assert!(bytes(&sparse) * 3 < bytes(&dense) * 2, "{source}");
        assert_eq!(
            answer(&dense, &folder),
            answer(&sparse, &folder),
            "{source}"
        );
        // What is sparse already is pruned further, and stays sparse.
        let again = path(&folder, "again.tflite");
        let pruned = json(&[
            "prune",
            &sparse,
            "-o",
            &again,
            "--sparsity",
            "0.95",
            "--force",
            "--json",
        ]);
        for layer in pruned["layers"].as_array().unwrap() {
            assert_eq!(layer["kept"], Json::Null, "{layer}");
        }
        assert!(bytes(&again) < bytes(&sparse), "{source}");
    }
}

#[test]
fn groups_keep_n_of_m() {
    let folder = tempfile::tempdir().unwrap();
    let out = path(&folder, "groups.tflite");
    assert_snapshot!(text(&["prune", FLOAT, "-o", &out, "--pattern", "2:4"], &folder), @r"
        TMP/groups.tflite
                     before    after
          bytes     97.5 KB  97.2 KB   −0.3 %
          deflated  88.5 KB  54.0 KB  −39.0 %
          weights    23,136   23,136
          zeros        0.0%    49.4%

          pruned                           operator         type     weights  zeros    now  stored
          digits_cnn_1/conv_1/convolution  CONV_2D          float32   18,432   0.0%  50.0%
          digits_cnn_1/skip_1/convolution  CONV_2D          float32    2,048   0.0%  50.0%
          digits_cnn_1/hidden_1/MatMul     FULLY_CONNECTED  float32    2,048   0.0%  50.0%
          digits_cnn_1/probs_1/MatMul      FULLY_CONNECTED  float32      320   0.0%  50.0%

          left as it was                   operator  weights  why
          digits_cnn_1/stem_1/convolution  CONV_2D       288  sums over 1, less than one group
          ! zeros take as much room as other values, and as much time, until the file is packed (deflated). --encode stores it without them, --pattern channel makes the model smaller and faster

        how much it hurts: mexplore compare samples/digits_cnn.float32.tflite TMP/groups.tflite
        ");
}

/// The report, without the temporary folder.
fn text(args: &[&str], folder: &tempfile::TempDir) -> String {
    report(args).replace(folder.path().to_str().unwrap(), "TMP")
}

#[test]
fn channels_go_from_a_saved_model_too() {
    let folder = tempfile::tempdir().unwrap();
    let out = path(&folder, "small.tflite");
    let call = [
        "prune",
        "samples/digits_cnn",
        "-o",
        &out,
        "--pattern",
        "channel",
        "--sparsity",
        "0.5",
    ];
    assert_snapshot!(text(&call, &folder), @r"
        TMP/small.tflite
                    before    after
          bytes     292 KB  27.1 KB  −90.7 %
          deflated          24.0 KB
          weights   23,136    5,936  −74.3 %
          zeros       0.0%     0.0%

          pruned                             operator         type     weights      shape        now  stored
          digits_cnn_1/stem_1/convolution_1  CONV_2D          float32      288   32×3×3×1   16×3×3×1
          digits_cnn_1/conv_1/convolution_1  CONV_2D          float32   18,432  64×3×3×32  32×3×3×16
          digits_cnn_1/skip_1/convolution_1  CONV_2D          float32    2,048  64×1×1×32  32×1×1×16
          digits_cnn_1/hidden_1/MatMul_1     FULLY_CONNECTED  float32    2,048      32×64      16×32
          digits_cnn_1/probs_1/MatMul_1      FULLY_CONNECTED  float32      320      10×32      10×16

          output channels stay           operator         weights  why
          digits_cnn_1/probs_1/MatMul_1  FULLY_CONNECTED      320  SOFTMAX takes them

        how much it hurts: mexplore compare samples/digits_cnn TMP/small.tflite
        ");
    assert_eq!(answer(&out, &folder).len(), 10);
}

#[test]
fn the_source_and_other_files_are_safe() {
    let folder = tempfile::tempdir().unwrap();
    let out = path(&folder, "model.tflite");
    fs::copy(INT8, &out).unwrap();
    let refusal = |args: &[&str]| {
        let (code, text, err) = said(&[&["prune"], args].concat());
        assert_eq!(text, "");
        format!(
            "{code} {}",
            err.trim_end()
                .replace(folder.path().to_str().unwrap(), "TMP")
        )
    };
    assert_snapshot!(refusal(&[&out, "-o", &out, "--force"]), @"2 error: TMP/model.tflite: the source itself; give another name: what is pruned does not come back");
    assert_snapshot!(refusal(&[FLOAT, "-o", &out]), @"2 error: TMP/model.tflite: the file is already there; give --force to overwrite it, or another name");
    assert_snapshot!(refusal(&["samples/digits_cnn", "-o", &path(&folder, "saved")]), @"2 error: TMP/saved: not the name of a .tflite; only .tflite files are written: name it OUT.tflite; a SavedModel is converted to float32 first");
    assert_snapshot!(refusal(&[FLOAT, "-o", &path(&folder, "x.tflite"), "--sparsity", "1"]), @"2 error: a sparsity of 1; the share of weights that goes, 0 to 1 without 1, as in 0.5");
    assert_snapshot!(refusal(&[FLOAT, "-o", &path(&folder, "x.tflite"), "--sparsity", "0.5", "--pattern", "2:4"]), @"2 error: a sparsity beside 2:4, which says itself how many weights go; leave one of them out");
    let (code, _, err) = said(&["prune", FLOAT, "-o", "x.tflite", "--pattern", "5:4"]);
    assert_eq!(code, 2);
    assert!(err.contains("0 < N < M"), "{err}");
    assert_eq!(fs::read(&out).unwrap(), fs::read(INT8).unwrap());
}

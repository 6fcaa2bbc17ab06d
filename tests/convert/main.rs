//! Promise: what is converted to float32 answers as the original does, in fewer operators, and what can't be
//! converted is named before any work.

use std::path::{Path, PathBuf};

use mexplore::convert::{ConvertOptions, convert};
use mexplore::format::{self, OpenOptions, npy, tflite};
use mexplore::model::{Model, Tensor};
use mexplore::progress::Progress;
use mexplore::quantize::Mode;
use mexplore::runtime::{RunOptions, Session};

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("samples")
        .join(name)
}

fn open(name: &str) -> Model {
    format::open(&sample(name), &OpenOptions::default()).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn golden(stem: &str, which: &str) -> Vec<(String, Tensor)> {
    npy::read_npz(&sample("golden").join(format!("{stem}.{which}.npz"))).unwrap()
}

/// 10·log10(Σ truth² / Σ difference²) over all float outputs.
fn sqnr_db(found: &[(String, Tensor)], truth: &[(String, Tensor)]) -> f64 {
    let (mut signal, mut noise) = (0.0, 0.0);
    for (key, expected) in truth {
        let (_, tensor) = found.iter().find(|(k, _)| k == key).unwrap();
        assert_eq!(
            (tensor.dtype(), tensor.shape()),
            (expected.dtype(), expected.shape()),
            "{key}"
        );
        for (f, t) in tensor.numbers().iter().zip(expected.numbers()) {
            signal += t * t;
            noise += (f - t) * (f - t);
        }
    }
    10.0 * (signal / noise).log10()
}

/// The file's bytes, and the signal to noise of its answers to the golden inputs.
fn converted(
    name: &str,
    signature: Option<&str>,
    stem: &str,
    options: ConvertOptions,
) -> (Vec<u8>, f64) {
    let conversion =
        convert(&open(name), &options, &Progress::new()).unwrap_or_else(|e| panic!("{name}: {e}"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made.tflite");
    std::fs::write(&path, &conversion.bytes).unwrap();
    let run = RunOptions {
        signature: signature.map(str::to_owned),
        ..RunOptions::default()
    };
    let mut session = Session::new(&tflite::read(&path).unwrap(), &run).unwrap();
    let outputs = session
        .run(&golden(stem, "inputs"), &Progress::new())
        .unwrap();
    (
        conversion.bytes,
        sqnr_db(&outputs, &golden(stem, "outputs")),
    )
}

#[test]
fn float_files_answer_as_the_saved_model() {
    for (name, signature, stem) in [
        ("dense_four_lines", None, "dense_four_lines"),
        ("softmax_mlp", None, "softmax_mlp"),
        ("digits_cnn/1", None, "digits_cnn_1"),
        ("digits_cnn/2", None, "digits_cnn_2"),
        ("custom_layer", Some("score"), "custom_layer.score"),
    ] {
        let options = ConvertOptions {
            signatures: signature.into_iter().map(str::to_owned).collect(),
            ..ConvertOptions::default()
        };
        let (_, db) = converted(name, signature, stem, options);
        assert!(db > 100.0, "{name}: {db:.1} dB");
    }
}

#[test]
fn batch_norm_and_activations_leave_no_operator_of_their_own() {
    let conversion = convert(
        &open("digits_cnn/2"),
        &ConvertOptions::default(),
        &Progress::new(),
    )
    .unwrap();
    let ops: Vec<_> = conversion.model.meta_graphs[0].graphs[0]
        .nodes
        .iter()
        .map(|n| &*n.op)
        .collect();
    assert_eq!(
        ops,
        [
            "CONV_2D",
            "MAX_POOL_2D",
            "CONV_2D",
            "CONV_2D",
            "ADD",
            "MEAN",
            "FULLY_CONNECTED",
            "FULLY_CONNECTED",
            "SOFTMAX"
        ]
    );
}

#[test]
fn what_can_not_be_done_is_said_before_any_work() {
    let needs_data = ConvertOptions {
        mode: Some(Mode::Int8),
        ..ConvertOptions::default()
    };
    let error = convert(&open("digits_cnn/2"), &needs_data, &Progress::new()).unwrap_err();
    assert!(error.to_string().contains("calibration"), "{error}");
    let blocked = convert(
        &open("text_classifier"),
        &ConvertOptions::default(),
        &Progress::new(),
    )
    .unwrap_err();
    assert!(blocked.to_string().contains("StringLower"), "{blocked}");
    let flex = ConvertOptions {
        allow_flex: true,
        ..ConvertOptions::default()
    };
    let blocked = convert(&open("text_classifier"), &flex, &Progress::new()).unwrap_err();
    assert!(
        blocked.to_string().contains("not supported yet"),
        "{blocked}"
    );
}

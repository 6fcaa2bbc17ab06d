//! Promise: what is converted to float32 answers as the original does, in fewer operators, and what can't be
//! converted is named before any work.

mod carried;
mod lowered;
#[path = "../support/mod.rs"]
mod support;

use mexplore::convert::{ConvertOptions, convert};
use mexplore::progress::Progress;
use mexplore::quantize::Mode;

use support::{converted, open};

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
    assert!(blocked.to_string().contains("--allow-flex"), "{blocked}");
}

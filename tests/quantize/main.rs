//! Promise: a quantized model answers as the original does within its mode's precision, is no larger than the
//! reference's file, and refuses data that says nothing.

mod recipes;
#[path = "../support/mod.rs"]
mod support;

use mexplore::convert::{ConvertOptions, convert};
use mexplore::model::Tensor;
use mexplore::progress::Progress;
use mexplore::quantize::{Calibration, Io, Mode};

use support::{converted, open, sample};

fn calibration(model: &str) -> Calibration {
    Calibration::read(&sample("digits.npz"), &open(model), None).unwrap()
}

fn reference_bytes(mode: &str) -> usize {
    std::fs::metadata(sample(&format!("digits_cnn.{mode}.tflite")))
        .unwrap()
        .len() as usize
}

#[test]
fn every_mode_of_the_digits_cnn_is_close_and_no_larger_than_the_references_file() {
    for (mode, label, least) in [
        (None, "float32", 100.0),
        (Some(Mode::Float16), "float16", 50.0),
        (Some(Mode::Dynamic), "dynamic", 35.0),
        (Some(Mode::Int8), "int8", 25.0),
        (Some(Mode::Int16x8), "int16x8", 35.0),
    ] {
        let options = ConvertOptions {
            mode,
            calibration: mode
                .filter(|m| matches!(m, Mode::Int8 | Mode::Int16x8))
                .map(|_| calibration("digits_cnn/2")),
            ..ConvertOptions::default()
        };
        let (bytes, db) = converted("digits_cnn/2", None, "digits_cnn_2", options);
        assert!(db > least, "{label}: {db:.1} dB");
        let reference = reference_bytes(label);
        assert!(
            bytes.len() <= reference,
            "{label}: {} bytes, the reference {reference}",
            bytes.len()
        );
    }
}

#[test]
fn integer_inputs_and_outputs_on_request() {
    let options = ConvertOptions {
        mode: Some(Mode::Int8),
        io: Io::Int,
        calibration: Some(calibration("digits_cnn/2")),
        ..ConvertOptions::default()
    };
    let conversion = convert(&open("digits_cnn/2"), &options, &Progress::new()).unwrap();
    let signature = &conversion.model.meta_graphs[0].signatures[0];
    assert_eq!(signature.inputs[0].dtype.to_string(), "int8");
    assert_eq!(signature.outputs[0].dtype.to_string(), "int8");
    assert!(signature.inputs[0].quantization.is_some());
}

#[test]
fn data_that_says_nothing_is_refused() {
    let model = open("digits_cnn/2");
    for values in [f32::NAN, f32::INFINITY] {
        let sample = vec![(
            "image".to_owned(),
            Tensor::from_values(&[1, 8, 8, 1], &[values; 64]),
        )];
        let options = ConvertOptions {
            mode: Some(Mode::Int8),
            calibration: Some(Calibration {
                samples: vec![sample],
            }),
            ..ConvertOptions::default()
        };
        let error = convert(&model, &options, &Progress::new()).unwrap_err();
        assert!(error.to_string().contains("finite"), "{error}");
    }
    let none = ConvertOptions {
        mode: Some(Mode::Int8),
        calibration: Some(Calibration::default()),
        ..ConvertOptions::default()
    };
    assert!(convert(&model, &none, &Progress::new()).is_err());
}

#[test]
fn work_that_is_stopped_says_so() {
    let progress = Progress::new();
    progress.cancel();
    let options = ConvertOptions {
        mode: Some(Mode::Int8),
        calibration: Some(calibration("digits_cnn/2")),
        ..ConvertOptions::default()
    };
    let error = convert(&open("digits_cnn/2"), &options, &progress).unwrap_err();
    assert!(error.is_cancelled(), "{error}");
}

#[test]
fn weights_alone_shrink_by_their_bits() {
    let size = |mode, least: f64| {
        let options = ConvertOptions {
            mode: Some(mode),
            ..ConvertOptions::default()
        };
        let (bytes, db) = converted("digits_cnn/2", None, "digits_cnn_2", options);
        assert!(db > least, "{mode:?}: {db:.1} dB");
        bytes.len()
    };
    let (int8, int4) = (size(Mode::WeightsInt8, 35.0), size(Mode::WeightsInt4, 15.0));
    assert!(int4 * 10 < int8 * 7, "{int4} bytes, in int8 {int8}");
}

#[test]
fn a_grey_image_fits_with_or_without_its_channel() {
    // The held-out digits are 8×8×1, this model's input is 8×8.
    let options = ConvertOptions {
        mode: Some(Mode::Int8),
        calibration: Some(calibration("softmax_mlp")),
        ..ConvertOptions::default()
    };
    let (_, db) = converted("softmax_mlp", None, "softmax_mlp", options);
    assert!(db > 20.0, "{db} dB");
}

#[test]
fn an_integer_model_is_not_quantized_again() {
    let options = ConvertOptions {
        mode: Some(Mode::Int8),
        calibration: Some(calibration("digits_cnn.int8.tflite")),
        ..ConvertOptions::default()
    };
    let error = convert(&open("digits_cnn.int8.tflite"), &options, &Progress::new())
        .unwrap_err()
        .to_string();
    assert!(error.contains("quantized already"), "{error}");
}

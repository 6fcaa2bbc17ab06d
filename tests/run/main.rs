//! Promise: what runs gives TensorFlow's answers, and integer models the reference kernels' very integers.

#[path = "../support/mod.rs"]
mod support;

mod cases;
mod lite;

use mexplore::format::npy;
use mexplore::model::Tensor;
use mexplore::progress::Progress;
use mexplore::runtime::{KernelChoice, RunOptions, Session};

use support::{golden, open, sample};

/// Largest |found − expected| − tolerance × |expected| over all elements, and whether types and shapes agree.
fn assert_close(what: &str, found: &Tensor, expected: &Tensor, tolerance: f64) {
    assert_eq!(found.dtype(), expected.dtype(), "{what}");
    assert_eq!(found.shape(), expected.shape(), "{what}");
    for (index, (f, e)) in found.numbers().iter().zip(expected.numbers()).enumerate() {
        assert!(
            (f - e).abs() <= tolerance * (1.0 + e.abs()),
            "{what}[{index}]: {f}, expected {e}"
        );
    }
}

fn check(name: &str, signature: Option<&str>, stem: &str, tolerance: f64) {
    let model = open(name);
    for kernels in [KernelChoice::Auto, KernelChoice::Reference] {
        let options = RunOptions {
            signature: signature.map(str::to_owned),
            kernels,
            threads: 1,
            ..RunOptions::default()
        };
        let mut session = Session::new(&model, &options).unwrap_or_else(|e| panic!("{name}: {e}"));
        let outputs = session
            .run(&golden(stem, "inputs"), &Progress::new())
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        let expected = golden(stem, "outputs");
        assert_eq!(outputs.len(), expected.len(), "{name}");
        for (key, tensor) in &outputs {
            let (_, truth) = expected.iter().find(|(k, _)| k == key).unwrap();
            assert_close(
                &format!("{name} {key} {kernels:?}"),
                tensor,
                truth,
                tolerance,
            );
        }
    }
}

#[test]
fn saved_models_give_tensorflows_answers() {
    for name in ["dense_four_lines", "softmax_mlp", "sharded", "v1_softmax"] {
        check(name, None, name, 1e-5);
    }
    check("digits_cnn/1", None, "digits_cnn_1", 1e-5);
    check("digits_cnn/2", None, "digits_cnn_2", 1e-5);
}

#[test]
fn signatures_of_ones_own_run_by_their_key() {
    check("custom_layer", Some("score"), "custom_layer.score", 1e-5);
    for key in ["encode", "decode", "loss"] {
        check(
            "autoencoder",
            Some(key),
            &format!("autoencoder.{key}"),
            1e-5,
        );
    }
}

#[test]
fn functions_that_are_no_signature_run_by_their_path() {
    let run = |model: &str, key: Option<&str>, inputs: &[(String, Tensor)]| {
        let options = RunOptions {
            signature: key.map(str::to_owned),
            threads: 1,
            ..RunOptions::default()
        };
        let mut session = Session::new(&open(model), &options).unwrap();
        session.run(inputs, &Progress::new()).unwrap()
    };
    // With variables, and with a table that the model fills before.
    for (name, path, stem) in [
        ("sharded", "__call__", "sharded"),
        ("lstm", "serve#1", "lstm"),
        ("text_classifier", "classify", "text_classifier"),
    ] {
        let inputs = golden(stem, "inputs");
        let by_place: Vec<_> = (inputs.into_iter().enumerate())
            .map(|(at, (_, tensor))| (format!("#{at}"), tensor))
            .collect();
        let (called, signature) = (run(name, Some(path), &by_place), run(name, None, &by_place));
        let tensors = |outputs: Vec<(String, Tensor)>| outputs.into_iter().map(|o| o.1);
        assert!(tensors(called).eq(tensors(signature)), "{name} {path}");
    }
    for path in ["nope", "classify.more", "classify#2"] {
        let options = RunOptions {
            signature: Some(path.to_owned()),
            ..RunOptions::default()
        };
        let error = Session::new(&open("text_classifier"), &options)
            .err()
            .unwrap();
        assert!(error.to_string().contains("classify"), "{error}");
    }
}

#[test]
fn float_tflite_files_give_the_reference_kernels_answers() {
    for mode in ["float32", "float16", "dynamic"] {
        let name = format!("digits_cnn.{mode}.tflite");
        check(&name, None, &name, 1e-5);
    }
}

#[test]
fn integer_tflite_files_give_the_reference_kernels_very_integers() {
    for name in [
        "digits_cnn.int8.tflite",
        "digits_cnn.int16x8.tflite",
        "digits_metadata.tflite",
    ] {
        check(name, None, name, 0.0);
    }
}

#[test]
fn the_digits_are_read_as_well_as_in_training() {
    let digits = npy::read_npz(&sample("digits.npz")).unwrap();
    let (images, labels) = (&digits[0].1, &digits[1].1);
    for (name, least) in [("digits_cnn/2", 0.98), ("digits_cnn.int8.tflite", 0.97)] {
        let mut session = Session::new(&open(name), &RunOptions::default()).unwrap();
        let inputs = [("image".to_owned(), images.clone())];
        let outputs = session.run(&inputs, &Progress::new()).unwrap();
        let probs = outputs[0].1.numbers();
        let right = probs
            .chunks(10)
            .zip(labels.numbers())
            .filter(|(row, label)| {
                let best = (0..10).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
                best as f64 == *label
            })
            .count();
        assert!(right as f64 >= least * 300.0, "{name}: {right} of 300");
    }
}

#[test]
fn answers_do_not_depend_on_the_number_of_threads() {
    for name in ["digits_cnn/2", "digits_cnn.int8.tflite"] {
        let model = open(name);
        let digits = npy::read_npz(&sample("digits.npz")).unwrap();
        let inputs = [("image".to_owned(), digits[0].1.clone())];
        let answers: Vec<_> = [1, 2, 3]
            .iter()
            .map(|&threads| {
                let options = RunOptions {
                    threads,
                    ..RunOptions::default()
                };
                let mut session = Session::new(&model, &options).unwrap();
                session.run(&inputs, &Progress::new()).unwrap()
            })
            .collect();
        assert!(answers.windows(2).all(|w| w[0][0].1 == w[1][0].1), "{name}");
    }
}

#[test]
fn what_does_not_fit_is_refused_with_what_would() {
    let model = open("digits_cnn/2");
    let mut session = Session::new(&model, &RunOptions::default()).unwrap();
    let mut refused = |name: &str, tensor: Tensor| {
        session
            .run(&[(name.to_owned(), tensor)], &Progress::new())
            .unwrap_err()
            .to_string()
    };
    let shape = refused("image", Tensor::from_values(&[1, 8, 8], &[0f32; 64]));
    assert!(shape.contains("?×8×8×1"), "{shape}");
    let key = refused("picture", Tensor::from_values(&[1, 8, 8, 1], &[0f32; 64]));
    assert!(key.contains("image"), "{key}");
    let dtype = refused("image", Tensor::from_values(&[1, 8, 8, 1], &[0f64; 64]));
    assert!(dtype.contains("float32"), "{dtype}");
    let unknown = RunOptions {
        signature: Some("nope".into()),
        ..RunOptions::default()
    };
    let error = Session::new(&model, &unknown).err().unwrap().to_string();
    assert!(error.contains("serving_default"), "{error}");
}

//! What several promises need: the samples with their golden answers, and a conversion that is run at once.
#![allow(dead_code, reason = "each promise uses its part")]

use std::path::{Path, PathBuf};

use mexplore::convert::{ConvertOptions, convert};
use mexplore::format::{self, OpenOptions, npy, tflite};
use mexplore::model::{Model, Tensor};
use mexplore::progress::Progress;
use mexplore::runtime::{RunOptions, Session};

/// The path of a sample.
pub fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("samples")
        .join(name)
}

/// A sample, opened.
pub fn open(name: &str) -> Model {
    format::open(&sample(name), &OpenOptions::default()).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// The golden `inputs` or `outputs` of a sample.
pub fn golden(stem: &str, which: &str) -> Vec<(String, Tensor)> {
    npy::read_npz(&sample("golden").join(format!("{stem}.{which}.npz"))).unwrap()
}

/// 10·log10(Σ truth² / Σ difference²) over all float outputs.
pub fn sqnr_db(found: &[(String, Tensor)], truth: &[(String, Tensor)]) -> f64 {
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
pub fn converted(
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

//! Operators that become others answer as TensorFlow does; `tests/operators/make_lowered.py` made the answers.

use std::path::Path;

use mexplore::convert::{ConvertOptions, convert};
use mexplore::format::{self, OpenOptions, npy, tflite};
use mexplore::progress::Progress;
use mexplore::runtime::{RunOptions, Session};

#[test]
fn operators_that_become_others_give_tensorflows_answers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/operators/lowered");
    let model = format::open(&folder.join("saved_model"), &OpenOptions::default()).unwrap();
    let conversion = convert(&model, &ConvertOptions::default(), &Progress::new()).unwrap();
    assert!(
        conversion.report.custom.is_empty(),
        "{:?}",
        conversion.report.custom
    );
    let made = tempfile::tempdir().unwrap();
    let path = made.path().join("made.tflite");
    std::fs::write(&path, &conversion.bytes).unwrap();
    let mut session = Session::new(&tflite::read(&path).unwrap(), &RunOptions::default()).unwrap();
    let inputs = npy::read_npz(&folder.join("inputs.npz")).unwrap();
    let outputs = session.run(&inputs, &Progress::new()).unwrap();
    let truth = npy::read_npz(&folder.join("outputs.npz")).unwrap();
    assert!(truth.len() > 40);
    for (key, truth) in truth {
        let (_, found) = outputs.iter().find(|(name, _)| *name == key).unwrap();
        assert_eq!(
            (found.dtype(), found.shape()),
            (truth.dtype(), truth.shape()),
            "{key}"
        );
        for (f, t) in found.numbers().iter().zip(truth.numbers()) {
            let near = (f - t).abs() <= 1e-5 + 1e-5 * t.abs();
            let same = *f == t || f.is_nan() && t.is_nan();
            assert!(near || same, "{key}: {f}, not {t}");
        }
    }
}

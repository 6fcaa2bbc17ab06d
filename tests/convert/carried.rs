//! Flex and custom operators: what is written reads back as the same operator with the same attributes and options, and
//! runs where TensorFlow's operator has a kernel here.

use std::path::{Path, PathBuf};

use mexplore::convert::{Allowed, Conversion, ConvertOptions, convert};
use mexplore::format::{self, OpenOptions, npy, tflite};
use mexplore::model::{Attr, DType, Model, Node};
use mexplore::progress::Progress;
use mexplore::runtime::{RunOptions, Session};

/// A case with true answers, where the cases are there.
fn case(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/optests");
    let case = folder.join(name);
    if !case.is_dir() {
        eprintln!("skipped: no {}", case.display());
        return None;
    }
    Some(case)
}

fn carried(case: &Path, flex: bool, custom: bool) -> Conversion {
    let options = ConvertOptions {
        allowed: Allowed { flex, custom },
        ..ConvertOptions::default()
    };
    let model = format::open(&case.join("saved_model"), &OpenOptions::default()).unwrap();
    convert(&model, &options, &Progress::new()).unwrap()
}

fn reread(bytes: &[u8]) -> Model {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made.tflite");
    std::fs::write(&path, bytes).unwrap();
    tflite::read(&path).unwrap()
}

fn custom_node<'m>(model: &'m Model, name: &str) -> &'m Node {
    let graphs = &model.meta_graphs[0].graphs;
    let mut nodes = graphs.iter().flat_map(|g| &g.nodes);
    nodes
        .find(|n| n.custom.as_deref() == Some(name))
        .unwrap_or_else(|| panic!("no {name}"))
}

fn options(node: &Node) -> &[u8] {
    match node.attrs.get(tflite::CUSTOM_OPTIONS) {
        Some(Attr::Bytes(bytes)) => bytes,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_flex_operator_comes_back_with_its_attributes() {
    let Some(case) = case("tf_crop_and_resize__00") else {
        return;
    };
    let conversion = carried(&case, true, false);
    assert_eq!(conversion.report.custom["FlexCropAndResize"], 1);
    assert!(
        conversion
            .report
            .notes
            .iter()
            .any(|n| n.contains("Flex delegate"))
    );
    let back = reread(&conversion.bytes);
    let node = custom_node(&back, "FlexCropAndResize");
    assert_eq!(node.flex_op(), Some("CropAndResize"));
    assert_eq!(node.inputs.len(), 4);
    assert_eq!(node.attrs.dtype("T"), Some(DType::Float32));
    assert!(!node.attrs.iter().any(|(name, _)| name.starts_with('_')));
    let again = reread(&tflite::write(&back).unwrap());
    assert_eq!(
        options(custom_node(&again, "FlexCropAndResize")),
        options(node)
    );
}

#[test]
fn a_custom_operator_comes_back_with_its_attributes() {
    let Some(case) = case("tf_string_ngrams__00") else {
        return;
    };
    let back = reread(&carried(&case, true, true).bytes);
    let node = custom_node(&back, "StringNGrams");
    assert!(
        node.attrs
            .ints("ngram_widths")
            .is_some_and(|w| !w.is_empty())
    );
    assert!(node.attrs.int("pad_width").is_some());
    assert!(node.attrs.bool("preserve_short_sequences").is_some());
    let again = reread(&tflite::write(&back).unwrap());
    assert_eq!(options(custom_node(&again, "StringNGrams")), options(node));
}

#[test]
fn a_flex_operator_runs_as_tensorflow_s_own() {
    for (name, flex) in [
        ("tf_bitwise__01", "FlexLeftShift"),
        ("tf_cumsum__00", "FlexCumprod"),
        ("tf_matmul__01", "FlexMatMul"),
    ] {
        let Some(case) = case(name) else { return };
        let model = reread(&carried(&case, true, false).bytes);
        custom_node(&model, flex);
        let mut session = Session::new(&model, &RunOptions::default()).unwrap();
        let inputs = npy::read_npz(&case.join("inputs.npz")).unwrap();
        let outputs = session.run(&inputs, &Progress::new()).unwrap();
        for (key, truth) in npy::read_npz(&case.join("outputs.npz")).unwrap() {
            let (_, found) = outputs.iter().find(|(k, _)| *k == key).unwrap();
            assert_eq!(
                (found.dtype(), found.shape()),
                (truth.dtype(), truth.shape())
            );
            for (f, t) in found.numbers().iter().zip(truth.numbers()) {
                assert!(
                    (f - t).abs() <= 1e-5 + 1e-5 * t.abs(),
                    "{name} {key}: {f}, not {t}"
                );
            }
        }
    }
}

#[test]
fn what_is_neither_is_named_with_what_would_help() {
    let Some(case) = case("tf_special__02") else {
        return;
    };
    let model = format::open(&case.join("saved_model"), &OpenOptions::default()).unwrap();
    let options = ConvertOptions {
        allowed: Allowed {
            flex: true,
            custom: false,
        },
        ..ConvertOptions::default()
    };
    let error = convert(&model, &options, &Progress::new())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("the Flex delegate does not take it"),
        "{error}"
    );
    assert!(error.contains("--allow-custom"), "{error}");
}

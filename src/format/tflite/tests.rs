//! Whole files: every model of the shared cases opens, says the same when it is written again, and damaged ones never
//! bring the program down.

mod every_field;
mod fbs;
mod hostile;
mod made;
mod odd;

use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::*;
use crate::model::{Details, Model, TensorData, Value};

/// The `model.tflite` of every shared case; empty where the cases are not there.
fn shared_models() -> Vec<PathBuf> {
    let shared = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared"));
    let mut models = Vec::new();
    for group in ["zoo/cases", "optests", "corpus/cases"] {
        let Ok(cases) = std::fs::read_dir(shared.join(group)) else {
            continue;
        };
        models.extend(cases.flatten().map(|case| case.path().join("model.tflite")));
    }
    models.retain(|path| path.is_file());
    models.sort();
    if models.is_empty() {
        eprintln!("skipped: no shared cases at {}", shared.display());
    }
    models
}

fn constants(model: &Model) -> impl Iterator<Item = &Value> {
    let graphs = model.meta_graphs.iter().flat_map(|m| &m.graphs);
    graphs.flat_map(|g| &g.values).filter(|v| v.data.is_some())
}

#[test]
fn every_shared_model_opens_and_its_constants_read() {
    for path in shared_models() {
        let opened = read(&path);
        // Corpus files without facts are those that their own tools refuse.
        let corpus = path.components().any(|c| c.as_os_str() == "corpus");
        if corpus && !path.with_file_name("facts.json").exists() {
            assert!(opened.is_err(), "{}", path.display());
            continue;
        }
        let model = opened.unwrap();
        for value in constants(&model) {
            if let Some(Err(error)) = value.read() {
                panic!("{}: {error}", path.display());
            }
        }
    }
}

/// What two files that say the same have in common: everything but the numbers of buffers.
fn essence(mut model: Model) -> Vec<String> {
    for graph in model.meta_graphs.iter_mut().flat_map(|m| &mut m.graphs) {
        for value in &mut graph.values {
            value.buffer = 0;
        }
    }
    // The one is made when it is missing, the other says where the old file had its constants.
    model
        .metadata
        .retain(|m| m.name != "min_runtime_version" && m.name != "buffer_location");
    let Details::Tflite(details) = &mut model.details else {
        panic!("a .tflite has its details");
    };
    (details.buffers, details.buffers_with_data) = (0, 0);
    (details.buffer_bytes, details.min_runtime_version) = (0, None);
    let mut lines = vec![
        format!("{details:?}"),
        format!("{:?}", model.metadata),
        format!("{:?}", model.attachments),
        format!("{:?}", model.warnings),
    ];
    for meta_graph in &model.meta_graphs {
        lines.extend(meta_graph.signatures.iter().map(|s| format!("{s:?}")));
        for graph in &meta_graph.graphs {
            lines.push(format!(
                "{} {:?} {:?} {:?}",
                graph.name, graph.inputs, graph.outputs, graph.attrs
            ));
            lines.extend(graph.nodes.iter().map(|n| format!("{n:?}")));
            lines.extend(graph.values.iter().map(|v| format!("{v:?}")));
        }
    }
    lines
}

fn first_difference(a: &[String], b: &[String]) -> Option<String> {
    if a.len() != b.len() {
        return Some(format!("{} lines, then {}", a.len(), b.len()));
    }
    let (left, right) = a.iter().zip(b).find(|(left, right)| left != right)?;
    Some(format!("{left}\n{right}"))
}

#[test]
fn a_rewritten_model_says_the_same() {
    for path in shared_models() {
        let Ok(model) = read(&path) else { continue };
        let bytes = match write(&model) {
            Ok(bytes) => bytes,
            // Constants without values, operators in an order that can't run: what can't be written has its warning.
            Err(error) => {
                assert!(!model.warnings.is_empty(), "{}: {error}", path.display());
                continue;
            }
        };
        let again = read_bytes(bytes.into(), &path).unwrap();
        let difference = first_difference(&essence(model), &essence(again));
        assert_eq!(difference, None, "{}", path.display());
    }
}

#[test]
fn what_is_written_reads_back() {
    let model = made::model();
    let bytes = write(&model).unwrap();
    let again = read_bytes(bytes.into(), Path::new("made.tflite")).unwrap();
    assert!(again.warnings.is_empty(), "{:?}", again.warnings);
    let read = &again.meta_graphs[0];
    let given = &model.meta_graphs[0];
    assert_eq!(read.signatures.len(), 1);
    assert_eq!(&*read.signatures[0].inputs[0].name, "x");
    for (read, given) in read.graphs[0].values.iter().zip(&given.graphs[0].values) {
        assert_eq!(read.dtype, given.dtype);
        assert_eq!(read.shape, given.shape, "{}", given.name);
        assert_eq!(read.quantization, given.quantization, "{}", given.name);
        assert_eq!(read.sparsity(), given.sparsity(), "{}", given.name);
        if let (Some(read), Some(given)) = (read.read(), given.read()) {
            assert_eq!(read.ok(), given.ok());
        }
    }
    let custom = &read.graphs[0].nodes[1];
    assert_eq!(custom.attrs.float("rate"), Some(0.5));
    assert_eq!(again.attachments[0].data, "a\nb\n");
    let Details::Tflite(details) = &again.details else {
        panic!("a .tflite has its details");
    };
    assert_eq!(details.min_runtime_version.as_deref(), Some("2.11.0"));
    assert_eq!(details.operator_codes[0].version, 10);
}

#[test]
fn constants_are_aligned_and_stored_once() {
    let bytes = Bytes::from(write(&made::model()).unwrap());
    let start = bytes.as_ptr();
    let model = read_bytes(bytes.clone(), Path::new("made.tflite")).unwrap();
    for value in constants(&model) {
        if let Some(TensorData::Bytes { bytes: data, .. }) = &value.data
            && !data.is_empty()
        {
            let at = data.as_ptr().addr() - start.addr();
            assert_eq!(at % 16, 0, "{} at {at}", value.name);
        }
    }
    let buffer = |name: &str| {
        let mut values = model.meta_graphs[0].graphs[0].values.iter();
        values.find(|v| &*v.name == name).map(|v| v.buffer)
    };
    assert_eq!(buffer("bias"), buffer("bias_again"));
}

#[test]
fn large_constants_go_behind_the_flatbuffer() {
    let model = made::model();
    let inside = read_bytes(write(&model).unwrap().into(), Path::new("a")).unwrap();
    let file = write::write_with(&model, 0).unwrap();
    let behind = read_bytes(file.into(), Path::new("a")).unwrap();
    assert!(behind.warnings.is_empty(), "{:?}", behind.warnings);
    assert_eq!(first_difference(&essence(inside), &essence(behind)), None);
}

#[test]
fn what_a_file_can_t_hold_is_named() {
    let mut model = made::model();
    model.meta_graphs[0].graphs[0].nodes[0].op = "Conv2D".into();
    let error = write(&model).unwrap_err();
    insta::assert_snapshot!(error, @r#"subgraph "main": node "y": TFLite has no operator "Conv2D""#);
    let mut model = made::model();
    model.meta_graphs[0].graphs[0].values[0].dtype = crate::model::DType::QInt8;
    let error = write(&model).unwrap_err();
    insta::assert_snapshot!(error, @r#"subgraph "main": tensor "x": TFLite has no element type qint8"#);
}

//! Whole files: every model of the shared cases opens, and damaged ones never bring the program down.

use std::path::{Path, PathBuf};

use super::*;
use crate::model::{Details, Model, Value};

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
        // What a sparse constant stands for, DENSIFY or its kernel says.
        for value in constants(&model).filter(|v| v.sparsity.is_none()) {
            if let Some(Err(error)) = value.read() {
                panic!("{}: {error}", path.display());
            }
        }
    }
}

/// What two files that say the same have in common: everything but numbers of buffers and the order of codes.
fn essence(mut model: Model) -> String {
    let mut used = std::collections::BTreeSet::new();
    for graph in model.meta_graphs.iter_mut().flat_map(|m| &mut m.graphs) {
        for node in &graph.nodes {
            used.insert(format!("{} {:?} {}", node.op, node.custom, node.version));
        }
        for value in &mut graph.values {
            value.buffer = 0;
        }
    }
    model.metadata.retain(|m| m.name != "min_runtime_version");
    let Details::Tflite(details) = &model.details else {
        panic!("a .tflite has its details");
    };
    format!(
        "{} {:?}\n{:?}\n{:?}\n{:?}\n{:#?}",
        details.description,
        details.schema_version,
        used,
        model.metadata,
        model.attachments,
        model.meta_graphs
    )
}

fn first_difference(a: &str, b: &str) -> Option<String> {
    let (at, (left, right)) = a
        .lines()
        .zip(b.lines())
        .enumerate()
        .find(|(_, (left, right))| left != right)?;
    Some(format!("line {at}:\n{left}\n{right}"))
}

#[test]
fn a_rewritten_model_says_the_same() {
    for path in shared_models() {
        let Ok(model) = read(&path) else { continue };
        // Files that runtimes refuse: constants without values, operators with options of other operators.
        if !model.warnings.is_empty() {
            continue;
        }
        let bytes = write(&model).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let again = read_bytes(bytes.into(), &path).unwrap();
        let difference = first_difference(&essence(model), &essence(again));
        assert_eq!(difference, None, "{}", path.display());
    }
}

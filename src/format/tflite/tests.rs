//! Whole files: every model of the shared cases opens, and damaged ones never bring the program down.

use std::path::{Path, PathBuf};

use super::*;
use crate::model::Value;

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

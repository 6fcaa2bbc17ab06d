//! Promise: whatever bytes a file holds, opening it, reading its constants and running it ends in an answer or in an
//! error that names the file: never a panic, never a hang. Every sample is damaged in many ways.

mod crafted;
mod damage;
mod memory;
mod names;
mod parsers;
mod structure;
mod walk;
mod wire;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mexplore::feed;
use mexplore::format::{self, OpenOptions, tflite};
use mexplore::model::Model;
use mexplore::progress::Progress;
use mexplore::prune::{Request, prune};
use mexplore::runtime::{RunOptions, Session};

use damage::damaged;

/// Damages per file.
const DAMAGES: u64 = 900;
/// No damaged sample takes longer than this to be answered.
const PATIENCE: Duration = Duration::from_secs(20);

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples")
}

/// Damaged sizes can make a good model of gigabytes; running it is right, and takes long.
fn is_small(model: &Model) -> bool {
    const MOST: usize = 1 << 20;
    let graphs = model.meta_graphs.iter().flat_map(|m| &m.graphs);
    let mut shapes = graphs.flat_map(|g| &g.values).map(|v| &v.shape);
    shapes.all(|s| {
        let sizes = s.with_unknown_as(1).unwrap_or_default();
        let elements = sizes.iter().try_fold(1usize, |all, &n| all.checked_mul(n));
        elements.is_some_and(|n| n <= MOST)
    })
}

/// Reads every constant and variable, then runs the first signature on random input.
fn use_all(model: &Model) {
    for meta_graph in &model.meta_graphs {
        for value in meta_graph.graphs.iter().flat_map(|g| &g.values) {
            let _ = value.read();
        }
    }
    for variable in &model.variables {
        let _ = variable.read();
    }
    if !is_small(model) {
        return;
    }
    let Ok(mut session) = Session::new(model, &RunOptions::default()) else {
        return;
    };
    let inputs: Option<Vec<_>> = session
        .inputs()
        .iter()
        .map(|port| Some((port.name.to_string(), feed::random(port, 1).ok()?)))
        .collect();
    if let Some(inputs) = inputs {
        let _ = session.run(&inputs, &Progress::new());
    }
}

/// Prunes by every pattern, and writes what comes of it.
fn prune_all(model: &Model) {
    for pattern in ["unstructured", "2:4", "channel"] {
        let request = Request::new(None, pattern.parse().unwrap(), true).unwrap();
        if let Ok(outcome) = prune(model, &request, &Progress::new()) {
            let _ = tflite::write(&outcome.model);
        }
    }
}

#[test]
fn damaged_tflite_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.tflite");
    for name in [
        "digits_cnn.int8.tflite",
        "digits_cnn.float16.tflite",
        "digits_metadata.tflite",
    ] {
        let bytes = fs::read(samples().join(name)).unwrap();
        for seed in 1..=DAMAGES {
            fs::write(&path, damaged(&bytes, seed)).unwrap();
            let begun = Instant::now();
            match tflite::read(&path) {
                Ok(model) => {
                    use_all(&model);
                    // Slower than the rest: some of the files.
                    if seed % 8 == 0 {
                        prune_all(&model);
                    }
                }
                Err(error) => assert!(error.to_string().contains("damaged.tflite"), "{error}"),
            }
            assert!(begun.elapsed() < PATIENCE, "{name}, seed {seed}");
        }
    }
}

#[test]
fn damaged_saved_models() {
    for name in ["dense_four_lines", "v1_softmax", "text_classifier"] {
        for file in [
            "saved_model.pb",
            "variables/variables.index",
            "variables/variables.data-00000-of-00001",
        ] {
            let folder = tempfile::tempdir().unwrap();
            for part in [
                "saved_model.pb",
                "variables/variables.index",
                "variables/variables.data-00000-of-00001",
            ] {
                let to = folder.path().join(part);
                fs::create_dir_all(to.parent().unwrap()).unwrap();
                fs::copy(samples().join(name).join(part), to).unwrap();
            }
            let bytes = fs::read(samples().join(name).join(file)).unwrap();
            for seed in 1..=DAMAGES / 3 {
                // A new file each time: an older one may still be mapped.
                let path = folder.path().join(file);
                fs::remove_file(&path).unwrap();
                fs::write(&path, damaged(&bytes, seed)).unwrap();
                let begun = Instant::now();
                match format::open(folder.path(), &OpenOptions::default()) {
                    Ok(model) => use_all(&model),
                    Err(error) => {
                        let error = error.in_file(folder.path()).to_string();
                        assert!(
                            error.contains("saved_model") || error.contains("variables"),
                            "{name}/{file}: {error}"
                        );
                    }
                }
                assert!(begun.elapsed() < PATIENCE, "{name}/{file}, seed {seed}");
            }
        }
    }
}

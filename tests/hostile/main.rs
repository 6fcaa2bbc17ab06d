//! Promise: whatever bytes a file holds, opening it, reading its constants and running it ends in an answer or in an
//! error that names the file: never a panic, never a hang. Every sample is damaged in many ways.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mexplore::feed;
use mexplore::format::{self, OpenOptions, tflite};
use mexplore::model::Model;
use mexplore::progress::Progress;
use mexplore::runtime::{RunOptions, Session};

/// Damages per file.
const DAMAGES: u64 = 900;
/// No damaged sample takes longer than this to be answered.
const PATIENCE: Duration = Duration::from_secs(20);

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples")
}

/// A small generator of our own (Marsaglia's xorshift64), so that a failure can be made again from its seed.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }
}

/// Cuts, flips, overwrites with extreme numbers, repeats or removes a part of `bytes`.
fn damaged(bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut new = bytes.to_vec();
    for _ in 0..=random.next(3) {
        if new.is_empty() {
            break;
        }
        let at = random.next(new.len());
        match random.next(6) {
            0 => new.truncate(at),
            1 => new[at] ^= 1 << random.next(8),
            2 => new[at..].iter_mut().take(8).for_each(|b| *b = 0xff),
            3 => new[at..].iter_mut().take(4).for_each(|b| *b = 0),
            4 => {
                let end = (at + random.next(64)).min(new.len());
                let part = new[at..end].to_vec();
                new.splice(at..at, part);
            }
            _ => {
                let end = (at + random.next(64)).min(new.len());
                new.drain(at..end);
            }
        }
    }
    new
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
                Ok(model) => use_all(&model),
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

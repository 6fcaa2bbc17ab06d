//! Promise: imports run one way (the order of the rooms in `src/lib.rs`), and `main.rs` stays small.

mod generated;

use std::fs;
use std::path::{Path, PathBuf};

const ROOMS: [&str; 19] = [
    "sort", "error", "progress", "memory", "model", "format", "kernels", "ops", "analysis",
    "layout", "runtime", "quantize", "prune", "convert", "feed", "compare", "report", "cli", "tui",
];

fn rank(room: &str) -> Option<usize> {
    ROOMS.iter().position(|r| *r == room)
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// Rooms that `text` names after `crate::`, alone or in braces.
fn imports(text: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for (at, start) in text.match_indices("crate::") {
        let rest = &text[at + start.len()..];
        let names: &str = match rest.strip_prefix('{') {
            Some(group) => group.split('}').next().unwrap_or_default(),
            None => rest,
        };
        let first = |s: &str| {
            s.trim()
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect::<String>()
        };
        if rest.starts_with('{') {
            rooms.extend(names.split(',').map(first));
        } else {
            rooms.push(first(names));
        }
    }
    rooms
}

#[test]
fn no_arrow_runs_backwards() {
    let mut files = Vec::new();
    rust_files(&source(), &mut files);
    let mut backwards = Vec::new();
    for file in files {
        let inside = file.strip_prefix(source()).unwrap();
        let room = inside
            .iter()
            .next()
            .unwrap()
            .to_str()
            .unwrap()
            .trim_end_matches(".rs");
        let Some(own) = rank(room) else { continue };
        let text = fs::read_to_string(&file).unwrap();
        // What a file's tests use is another matter.
        let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        if inside.to_string_lossy().contains("tests") {
            continue;
        }
        for other in imports(text) {
            if rank(&other).is_some_and(|r| r > own) {
                backwards.push(format!("{} imports {other}", inside.display()));
            }
        }
    }
    assert!(backwards.is_empty(), "{}", backwards.join("\n"));
}

#[test]
fn every_room_has_a_place_in_the_order() {
    for entry in fs::read_dir(source()).unwrap().flatten() {
        let name = entry
            .file_name()
            .to_string_lossy()
            .trim_end_matches(".rs")
            .to_owned();
        assert!(
            matches!(&*name, "lib" | "main") || rank(&name).is_some(),
            "src/{name} is in no order"
        );
    }
}

#[test]
fn main_only_hands_over() {
    let lines = fs::read_to_string(source().join("main.rs"))
        .unwrap()
        .lines()
        .count();
    assert!(lines < 60, "main.rs has {lines} lines");
}

//! Promise: the files of a model may lie anywhere the format lets them, and what is missing is named.

use std::fs;
use std::path::Path;

use mexplore::format::{self, OpenOptions, tflite};
use mexplore::model::{Model, TensorData, VariableRole};
use tempfile::TempDir;

#[allow(dead_code)]
#[path = "../../benches/figures/models.rs"]
mod models;
#[allow(dead_code)]
#[path = "../hostile/wire.rs"]
mod wire;

use super::support::sample;

/// A copy of a sample that may be changed.
fn copy(name: &str) -> TempDir {
    fn all(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
            let target = to.join(entry.file_name());
            match entry.file_type().unwrap().is_dir() {
                true => all(&entry.path(), &target),
                false => drop(fs::copy(entry.path(), target).unwrap()),
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    all(&sample(name), folder.path());
    folder
}

fn open(path: &Path) -> Model {
    format::open(path, &OpenOptions::default()).unwrap()
}

fn warnings(model: &Model) -> String {
    let all: Vec<String> = model.warnings.iter().map(ToString::to_string).collect();
    all.join("\n")
}

fn readable(model: &Model) -> usize {
    let variables = model.variables.iter();
    variables.filter(|v| v.read().is_ok()).count()
}

#[test]
fn a_missing_shard_is_named_and_the_others_are_read() {
    let folder = copy("sharded");
    let whole = readable(&open(folder.path()));
    let gone = "variables.data-00001-of-00005";
    fs::remove_file(folder.path().join("variables").join(gone)).unwrap();
    let model = open(folder.path());
    let said = warnings(&model);
    assert!(said.contains(&format!("{gone} is missing")), "{said}");
    assert_eq!(model.warnings.len(), 1, "{said}");
    assert!(model.shards[1].bytes.is_none());
    assert!((1..whole).contains(&readable(&model)));
}

#[test]
fn a_shard_that_is_cut_short_is_named_with_what_it_lacks() {
    let folder = copy("dense_four_lines");
    let shard = folder
        .path()
        .join("variables/variables.data-00000-of-00001");
    let bytes = fs::read(&shard).unwrap();
    fs::write(&shard, &bytes[..bytes.len() / 2]).unwrap();
    let model = open(folder.path());
    let said = warnings(&model);
    assert!(said.contains("variables.data-00000-of-00001"), "{said}");
    assert!(
        said.contains(&format!("which has {}", bytes.len() / 2)),
        "{said}"
    );
    assert!(
        model
            .variables
            .iter()
            .any(|v| matches!(v.data, TensorData::Missing(_)))
    );
}

#[test]
fn entries_that_nothing_in_the_graph_refers_to_are_orphans() {
    let folder = tempfile::tempdir().unwrap();
    let (nodes, mut variables) = models::dense_layers(2, 4096);
    variables.push(("left/behind".to_owned(), vec![3]));
    models::saved_model(folder.path(), nodes, &variables).unwrap();
    let model = open(folder.path());
    let orphans = model
        .variables
        .iter()
        .filter(|v| v.role == VariableRole::Orphan);
    let names: Vec<&str> = orphans.map(|v| &*v.key).collect();
    assert_eq!(names, ["left/behind"]);
}

#[test]
fn checkpoints_and_split_models_are_called_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let said = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        format::open(&path, &OpenOptions::default())
            .unwrap_err()
            .to_string()
    };
    let index = fs::read(sample("sharded").join("variables/variables.index")).unwrap();
    assert!(said("model.ckpt", &index).contains("a V1 checkpoint"));
    assert!(said("variables.index", &index).contains("the index of a checkpoint"));
    assert!(said("saved_model.cpb", b"riegeli").contains("a chunked SavedModel"));
    let error = format::open(folder.path(), &OpenOptions::default()).unwrap_err();
    assert!(
        error.to_string().contains("a chunked SavedModel"),
        "{error}"
    );
    assert!(error.advice().unwrap().contains("export it again"));
}

#[test]
fn weights_past_two_gigabytes_are_found_where_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.tflite");
    // A sparse file: it takes a few kilobytes.
    models::tflite(&path, 96, 2_300_000_000).unwrap();
    let model = open(&path);
    assert_eq!(warnings(&model), "");
    assert!(model.total_bytes() > 2_290_000_000);
    let graph = &model.meta_graphs[0].graphs[0];
    let last = graph
        .values
        .iter()
        .rev()
        .find(|v| v.data.is_some())
        .unwrap();
    assert_eq!(&*last.name, "net/block_023/dense_3/kernel");
    assert!(
        last.read()
            .unwrap()
            .unwrap()
            .numbers()
            .iter()
            .all(|&v| v == 0.0)
    );
}

#[test]
fn constants_may_lie_in_a_file_beside_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.tflite");
    fs::write(&path, wire::tflite(&[(0, 0)], Some("weights.bin"))).unwrap();
    let model = tflite::read(&path).unwrap();
    assert!(
        warnings(&model).contains("weights.bin"),
        "{}",
        warnings(&model)
    );
    fs::write(folder.path().join("weights.bin"), [1]).unwrap();
    let model = tflite::read(&path).unwrap();
    assert_eq!(warnings(&model), "");
    let values = &model.meta_graphs[0].graphs[0].values;
    let constant = values.iter().find(|v| &*v.name == "k").unwrap();
    assert_eq!(constant.read().unwrap().unwrap().numbers(), [1.0]);
    assert!(model.files.iter().any(|f| f.path == "weights.bin"));
}

#[test]
fn files_beside_the_graph_are_listed_and_read() {
    let folder = copy("text_classifier");
    let extra = folder.path().join("assets.extra");
    fs::create_dir(&extra).unwrap();
    fs::write(extra.join("tf_serving_warmup_requests"), "warm").unwrap();
    let node = wire::message()
        .number(2, 1)
        .bytes(3, "root.layer")
        .bytes(4, "_tf_keras_layer")
        .bytes(5, r#"{"name": "dense"}"#);
    let metadata = wire::message().message(1, &node);
    fs::write(folder.path().join("keras_metadata.pb"), metadata.0).unwrap();
    let model = open(folder.path());
    assert_eq!(warnings(&model), "");
    let names: Vec<&str> = model.attachments.iter().map(|a| &*a.name).collect();
    assert_eq!(
        names,
        ["vocabulary.txt", "assets.extra/tf_serving_warmup_requests"]
    );
    assert_eq!(&model.attachments[1].data[..], b"warm");
    let decoded = model.metadata[0].decoded.as_deref().unwrap();
    assert!(
        decoded.contains("root.layer") && decoded.contains("\"name\": \"dense\""),
        "{decoded}"
    );
}

#[test]
fn values_that_the_graph_restores_and_nobody_stores_are_named() {
    let folder = copy("softmax_mlp");
    assert_eq!(warnings(&open(folder.path())), "");
    fs::remove_dir_all(folder.path().join("variables")).unwrap();
    let model = open(folder.path());
    let said = warnings(&model);
    assert!(
        said.starts_with("variables/variables.index: no values for what the graph restores: "),
        "{said}"
    );
    assert!(said.contains(" more"), "{said}");
    assert_eq!(model.warnings.len(), 1);
}

#[test]
fn room_that_a_custom_operator_works_in_is_no_damage() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/cases");
    let file = shared.join("person_detect_vela/model.tflite");
    if !file.exists() {
        eprintln!("skipped: no {}", file.display());
        return;
    }
    assert_eq!(warnings(&open(&file)), "");
}

#[test]
fn slices_are_entries_of_the_index() {
    let model = open(&sample("v1_softmax"));
    let facts = mexplore::report::facts::json(&model);
    let entries = facts["variables"].as_array().unwrap();
    let slices = model
        .variables
        .iter()
        .map(|v| v.slices.len())
        .sum::<usize>();
    assert_eq!(entries.len(), model.variables.len() + slices);
}

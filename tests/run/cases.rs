//! Promise: TensorFlow's answers on every case of one operator that lies beside this repository.

use std::path::Path;

use mexplore::format::{self, OpenOptions, npy};
use mexplore::model::{DType, Tensor};
use mexplore::progress::Progress;
use mexplore::runtime::{RunOptions, Session};
use serde_json::Value;

/// What is wrong with an answer, if anything.
fn difference(found: &Tensor, truth: &Tensor, rtol: f64, atol: f64) -> Option<String> {
    if found.shape() != truth.shape() {
        return Some(format!("{:?}, expected {:?}", found.shape(), truth.shape()));
    }
    if truth.dtype() == DType::String {
        return (found.strings() != truth.strings()).then(|| "other strings".to_owned());
    }
    if matches!(truth.dtype(), DType::Complex64 | DType::Complex128) {
        let parts = |tensor: &Tensor| -> Vec<f64> {
            let bytes = tensor.bytes().unwrap();
            match tensor.dtype() {
                DType::Complex64 => bytemuck::pod_collect_to_vec::<u8, f32>(bytes)
                    .into_iter()
                    .map(f64::from)
                    .collect(),
                _ => bytemuck::pod_collect_to_vec(bytes),
            }
        };
        return unequal(&parts(found), &parts(truth), rtol, atol);
    }
    let exact = truth.dtype().is_integer() || truth.dtype() == DType::Bool;
    let (rtol, atol) = if exact { (0.0, 0.0) } else { (rtol, atol) };
    unequal(&found.numbers(), &truth.numbers(), rtol, atol)
}

fn unequal(found: &[f64], truth: &[f64], rtol: f64, atol: f64) -> Option<String> {
    let pairs = found.iter().zip(truth).enumerate();
    let wrong = |(f, t): (f64, f64)| {
        f.is_nan() != t.is_nan()
            || f.is_infinite() != t.is_infinite() && !(f - t).abs().is_nan()
            || (f - t).abs() > atol + rtol * t.abs()
    };
    pairs
        .filter(|(_, (f, t))| wrong((**f, **t)))
        .map(|(at, (f, t))| format!("[{at}] is {f}, expected {t}"))
        .next()
}

enum Verdict {
    Right,
    /// No operator for it here.
    Refused,
    Wrong(String),
}

fn run(folder: &Path) -> Option<Verdict> {
    let text = std::fs::read_to_string(folder.join("case.json")).ok()?;
    let case: Value = serde_json::from_str(&text).ok()?;
    let outputs = folder.join("outputs.npz");
    if !folder.join("saved_model").is_dir()
        || !outputs.is_file()
        || case["bfloat16_outputs"].is_array()
    {
        return None;
    }
    let number = |name: &str| case["tolerance"][name].as_f64().unwrap_or(0.0);
    // Two sums in another order, where the case allows for one.
    let (rtol, atol) = (number("rtol"), number("atol"));
    let options = RunOptions {
        signature: case["signature"].as_str().map(str::to_owned),
        ..RunOptions::default()
    };
    let model = format::open(&folder.join("saved_model"), &OpenOptions::default()).ok()?;
    let mut session = match Session::new(&model, &options) {
        Ok(session) => session,
        Err(_) => return Some(Verdict::Refused),
    };
    let inputs = match folder.join("inputs.npz") {
        path if path.is_file() => npy::read_npz(&path).ok()?,
        _ => Vec::new(),
    };
    let found = match session.run(&inputs, &Progress::new()) {
        Ok(found) => found,
        Err(error) => return Some(Verdict::Wrong(error.to_string())),
    };
    for (key, truth) in npy::read_npz(&outputs).ok()? {
        let Some((_, tensor)) = found.iter().find(|(k, _)| *k == key) else {
            return Some(Verdict::Wrong(format!("{key} is missing")));
        };
        if let Some(fault) = difference(tensor, &truth, rtol, atol) {
            return Some(Verdict::Wrong(format!("{key}{fault}")));
        }
    }
    Some(Verdict::Right)
}

#[test]
fn every_operator_that_runs_gives_tensorflows_answers() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/optests"));
    let Ok(entries) = std::fs::read_dir(folder) else {
        eprintln!("skipped: {} is not there", folder.display());
        return;
    };
    let (mut right, mut refused, mut wrong) = (0, Vec::new(), Vec::new());
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        match run(&entry.path()) {
            None => {}
            Some(Verdict::Right) => right += 1,
            Some(Verdict::Refused) => refused.push(name),
            Some(Verdict::Wrong(fault)) => wrong.push(format!("{name}: {fault}")),
        }
    }
    eprintln!(
        "{right} right, {} refused: {}",
        refused.len(),
        refused.join(" ")
    );
    assert!(
        wrong.is_empty(),
        "{right} right, wrong:\n{}",
        wrong.join("\n")
    );
    assert!(right > 700, "only {right} right");
}

/// Half types come out bit by bit but where TensorFlow adds exponentials in an order of its own: a unit in the last place,
/// which a difference of logarithms makes larger.
fn tolerance(key: &str) -> (f64, f64) {
    let unit = match key {
        _ if key.contains("bfloat16") => 1.0 / 128.0,
        _ if key.contains("float16") => 1.0 / 1024.0,
        _ => 1e-5,
    };
    match key {
        _ if key.starts_with("log_softmax") => (unit, unit / 4.0),
        _ if key.starts_with("softmax") || key.starts_with("norm") => (unit, 1e-5),
        _ => (1e-5, 1e-5),
    }
}

/// What is wrong with the answers of `tests/operators/set`; the scripts there say what is in it.
fn faults(set: &str) -> Vec<String> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/operators")).join(set);
    let model = format::open(&folder.join("saved_model"), &OpenOptions::default()).unwrap();
    let mut session = Session::new(&model, &RunOptions::default()).unwrap();
    let inputs = npy::read_npz(&folder.join("inputs.npz")).unwrap();
    let found = session.run(&inputs, &Progress::new()).unwrap();
    let truth = npy::read_npz(&folder.join("outputs.npz")).unwrap();
    assert_eq!(found.len(), truth.len());
    let mut wrong = Vec::new();
    for (key, truth) in truth {
        let (_, tensor) = found.iter().find(|(k, _)| *k == key).unwrap();
        let largest = truth
            .numbers()
            .into_iter()
            .filter(|v| v.is_finite())
            .fold(1.0, |most: f64, v| most.max(v.abs()));
        if tensor.dtype() != truth.dtype() {
            wrong.push(format!(
                "{key}: {}, expected {}",
                tensor.dtype(),
                truth.dtype()
            ));
        }
        let (rtol, atol) = tolerance(&key);
        if let Some(fault) = difference(tensor, &truth, rtol, atol * largest) {
            wrong.push(format!("{key}{fault}"));
        }
    }
    wrong
}

fn assert_right(set: &str) {
    let wrong = faults(set);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn operators_that_few_models_have_give_tensorflows_answers() {
    assert_right("");
}

#[test]
fn the_same_boxes_stay_as_in_tensorflow() {
    assert_right("detection");
}

#[test]
fn the_same_seeds_give_tensorflows_random_numbers() {
    assert_right("random");
}

#[test]
fn sparse_tensors_and_sets_give_tensorflows_answers() {
    assert_right("sparse");
}

#[test]
fn operators_that_stand_alone_give_tensorflows_answers() {
    assert_right("rare");
}

#[test]
fn types_that_few_models_have_give_tensorflows_answers() {
    assert_right("types");
}

#[test]
fn factors_of_matrices_are_tensorflows() {
    assert_right("matrices");
}

#[test]
fn gradients_of_layers_are_tensorflows() {
    assert_right("gradients");
}

#[test]
fn operators_that_are_seldom_in_inference_give_tensorflows_answers() {
    assert_right("seldom");
}

#[test]
fn what_few_graphs_have_gives_tensorflows_answers() {
    assert_right("uncommon");
}

#[test]
fn what_further_stands_in_graphs_gives_tensorflows_answers() {
    assert_right("further");
}

#[test]
fn corners_of_layers_loops_and_texts_give_tensorflows_answers() {
    assert_right("corners");
}

#[test]
fn parts_of_variables_hold_their_own_values() {
    assert_right("parts");
}

#[test]
fn gradients_of_tensorflow_1s_loops_are_tensorflows() {
    assert_right("loops");
}

#[test]
fn numbers_out_of_strings_and_sequences_are_tensorflows() {
    assert_right("numbers");
}

#[test]
fn steps_and_gradients_of_training_are_tensorflows() {
    assert_right("training");
}

#[test]
fn texts_of_tensors_parts_of_images_and_codes_are_tensorflows() {
    assert_right("summaries");
}

#[test]
fn files_that_graphs_write_are_tensorflows() {
    assert_right("files");
}

//! Promise: one-operator `.tflite` models give the answers of LiteRT's reference kernels, the integers of integer
//! operators exactly.
//!
//! `tests/operators/lite.npz` holds, under the name of each case, `.model` (the bytes of the file), `.in.N` and
//! `.out.N`: models of every operator and element type that the reference kernels take, sizes, scales and values drawn
//! at random, and what LiteRT 2.3.0 (`BUILTIN_REF`, x86-64) answered.

use std::collections::BTreeMap;
use std::path::Path;

use mexplore::format::{self, OpenOptions, npy};
use mexplore::model::{DType, Tensor};
use mexplore::progress::Progress;
use mexplore::runtime::{KernelChoice, RunOptions, Session};

#[derive(Default)]
struct Case {
    model: Vec<u8>,
    inputs: Vec<(String, Tensor)>,
    outputs: BTreeMap<usize, Tensor>,
}

fn cases() -> BTreeMap<String, Case> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/operators/lite.npz");
    let mut cases: BTreeMap<String, Case> = BTreeMap::new();
    for (key, tensor) in npy::read_npz(Path::new(path)).unwrap() {
        let mut parts = key.split('.');
        let (name, what) = (parts.next().unwrap(), parts.next().unwrap());
        let case = cases.entry(name.to_owned()).or_default();
        let at = parts.next().map(|at| at.parse::<usize>().unwrap());
        match (what, at) {
            ("model", None) => case.model = tensor.bytes().unwrap().to_vec(),
            ("in", Some(at)) => case.inputs.push((format!("#{at}"), tensor)),
            ("out", Some(at)) => {
                case.outputs.insert(at, tensor);
            }
            _ => panic!("{key}"),
        }
    }
    cases
}

/// Float answers may differ by the order of a sum, and by what that does to a row that is quantized on the way.
const TOLERANCE: f64 = 1e-4;

fn difference(found: &Tensor, truth: &Tensor) -> Option<String> {
    if found.dtype() == DType::Int4 && truth.dtype() == DType::Int8 {
        // Archives have no type of 4 bits.
        let bytes = found.bytes().unwrap_or_default();
        let wide = Tensor::from_bytes(DType::Int8, found.shape(), bytes).unwrap();
        return difference(&wide, truth);
    }
    if (found.dtype(), found.shape()) != (truth.dtype(), truth.shape()) {
        let (found, truth) = (
            (found.dtype(), found.shape()),
            (truth.dtype(), truth.shape()),
        );
        return Some(format!("{found:?}, expected {truth:?}"));
    }
    if truth.dtype() == DType::Complex64 {
        let parts = |tensor: &Tensor| -> Vec<f32> {
            bytemuck::pod_collect_to_vec(tensor.bytes().unwrap_or_default())
        };
        let halves = |tensor: &Tensor| Tensor::from_values(&[2 * tensor.len()], &parts(tensor));
        return difference(&halves(found), &halves(truth));
    }
    let exact = truth.dtype().is_integer() || truth.dtype() == DType::Bool;
    if found.strings().is_some() || found.numbers().is_empty() {
        let same = found.strings() == truth.strings() && found.bytes() == truth.bytes();
        return (!same).then(|| "other contents".to_owned());
    }
    let pairs = found.numbers().into_iter().zip(truth.numbers());
    let wrong = |(f, t): &(f64, f64)| {
        let near = match exact {
            true => f == t,
            false => f == t || (f - t).abs() <= TOLERANCE * (1.0 + t.abs()),
        };
        let same = near || (f.is_nan() && t.is_nan());
        !same
    };
    let first = pairs.enumerate().find(|(_, pair)| wrong(pair));
    first.map(|(at, (f, t))| format!("[{at}] is {f}, expected {t}"))
}

fn run(path: &Path, case: &Case, kernels: KernelChoice) -> Result<(), String> {
    let model = format::open(path, &OpenOptions::default()).map_err(|e| e.to_string())?;
    let options = RunOptions {
        kernels,
        threads: 1,
        ..RunOptions::default()
    };
    let mut session = Session::new(&model, &options).map_err(|e| e.to_string())?;
    let outputs = session.run(&case.inputs, &Progress::new());
    let outputs = outputs.map_err(|e| e.to_string())?;
    for (at, truth) in &case.outputs {
        if let Some(difference) = difference(&outputs[*at].1, truth) {
            return Err(format!("output {at}: {difference}"));
        }
    }
    Ok(())
}

#[test]
fn small_models_give_the_reference_kernels_answers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.tflite");
    let cases = cases();
    assert!(cases.len() > 300, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for (name, case) in &cases {
        std::fs::write(&path, &case.model).unwrap();
        let both = [KernelChoice::Reference, KernelChoice::Auto];
        // Faults of the reference kernels, which the fast ones don't have.
        let kinds = if name.starts_with("fault_") {
            &both[..1]
        } else {
            &both
        };
        for &kernels in kinds {
            if let Err(error) = run(&path, case, kernels) {
                wrong.push(format!("{name} ({kernels:?}): {error}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

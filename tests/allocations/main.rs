//! Promise: once a static graph has run, invoking it again allocates nothing, on no thread.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use mexplore::error::Result;
use mexplore::format::{self, OpenOptions, npy};
use mexplore::kernels::fast::{FastMatMul, Winograd, WinogradWeights};
use mexplore::kernels::reference::matmul::MatMul;
use mexplore::kernels::threads::Threads;
use mexplore::kernels::{Clamp, Conv2d};
use mexplore::model::{DType, Model, Port, Tensor};
use mexplore::progress::Progress;
use mexplore::runtime::{KernelChoice, RunOptions, Session};

/// The system's allocator, counting every block that any thread asks for.
struct Counting;

static ASKED: AtomicUsize = AtomicUsize::new(0);
static BYTES: AtomicUsize = AtomicUsize::new(0);

fn count(bytes: usize) {
    ASKED.fetch_add(1, SeqCst);
    BYTES.fetch_add(bytes, SeqCst);
}

// SAFETY: every call is handed on to `System` as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps `alloc`'s promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps `alloc_zeroed`'s promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: the caller keeps `realloc`'s promises.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps `dealloc`'s promises.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What came of one signature.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// Allocations of each run after the first; the same in several rounds, so that no other thread disturbs.
    Static(usize),
    /// Sizes or strings within the graph come with the run.
    Dynamic,
}

fn zeros(port: &Port) -> Result<(String, Tensor)> {
    let sizes = port.shape.with_unknown_as(2).unwrap_or_default();
    Ok((port.name.to_string(), Tensor::zeros(port.dtype, &sizes)?))
}

fn measure(
    model: &Model,
    options: &RunOptions,
    given: Option<&[(String, Tensor)]>,
) -> Result<Found> {
    let mut session = Session::new(model, options)?;
    let made: Vec<(String, Tensor)> = match given {
        Some(given) => given.to_vec(),
        None => session.inputs().iter().map(zeros).collect::<Result<_>>()?,
    };
    let arranged = session.arrange(&made)?;
    let inputs: Vec<&Tensor> = arranged.iter().map(|tensor| &**tensor).collect();
    let progress = Progress::new();
    session.invoke(&inputs, &progress)?;
    if !session.is_static() {
        return Ok(Found::Dynamic);
    }
    // The workers' own start is over.
    std::thread::sleep(Duration::from_millis(5));
    let mut least = usize::MAX;
    for _ in 0..3 {
        let before = ASKED.load(SeqCst);
        let outputs = session.invoke(&inputs, &progress)?;
        for index in 0..outputs.len() {
            std::hint::black_box(outputs.view(index)?.bytes());
        }
        least = least.min(ASKED.load(SeqCst) - before);
    }
    Ok(Found::Static(least))
}

/// Every signature of the model with one and two threads, with fast and with plain kernels: whether any ran as a
/// static graph. Lists what can't be measured, and fails on allocations.
fn check(name: &str, path: &Path, wrong: &mut Vec<String>) -> bool {
    let model = match format::open(path, &OpenOptions::default()) {
        Ok(model) => model,
        Err(error) => {
            eprintln!("{name}: not opened: {error}");
            return false;
        }
    };
    let beside = path.with_file_name("inputs.npz");
    let given = npy::read_npz(&beside).ok();
    let mut any = false;
    let signatures = model.meta_graphs.first().map(|m| &*m.signatures);
    let keys = signatures
        .unwrap_or_default()
        .iter()
        .map(|s| s.key.to_string());
    let keys: Vec<String> = keys.filter(|key| !key.starts_with("__")).collect();
    for key in &keys {
        for (threads, kernels) in [
            (1, KernelChoice::Auto),
            (2, KernelChoice::Auto),
            (1, KernelChoice::Reference),
            (2, KernelChoice::Reference),
        ] {
            let options = RunOptions {
                signature: Some(key.clone()),
                threads,
                kernels,
                ..RunOptions::default()
            };
            match measure(&model, &options, given.as_deref()) {
                Ok(Found::Static(0)) => any = true,
                Ok(Found::Static(n)) => {
                    wrong.push(format!(
                        "{name} {key:?}, {threads} threads, {kernels:?}: {n}"
                    ));
                }
                Ok(Found::Dynamic) => {
                    eprintln!("{name} {key:?}: sizes come with the run");
                    break;
                }
                Err(error) => {
                    eprintln!("{name} {key:?}: does not run: {}", error.what());
                    break;
                }
            }
        }
    }
    any
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// Bytes asked for by `work`.
fn bytes<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = BYTES.load(SeqCst);
    let done = work();
    (done, BYTES.load(SeqCst) - before)
}

/// A second session and a second batch size use the weights that the first ones packed, of so many bytes.
fn check_sharing(name: &str, path: &Path, weights: usize) {
    let model = format::open(path, &OpenOptions::default()).unwrap();
    let options = RunOptions {
        threads: 1,
        ..RunOptions::default()
    };
    let open = || Session::new(&model, &options).unwrap();
    let (mut session, first) = bytes(open);
    let (_second, second) = bytes(open);
    let images = Tensor::zeros(DType::Float32, &[3, 8, 8, 1]).unwrap();
    let invoke = || session.invoke(&[&images], &Progress::new()).map(|_| ());
    let (done, batch) = bytes(invoke);
    done.unwrap();
    eprintln!("{name}: planned with {first} bytes, again with {second}, for 3 images with {batch}");
    // A session needs a plan besides, and of a SavedModel the graph with its calls inlined.
    assert!(
        second + weights <= first,
        "{name}: the second session packs"
    );
    assert!(batch + weights <= first, "{name}: another batch size packs");
}

/// Kernels that no sample is large enough for.
fn check_kernels(wrong: &mut Vec<String>) {
    let mut check = |name: &str, run: &mut dyn FnMut()| {
        run();
        let before = ASKED.load(SeqCst);
        run();
        let asked = ASKED.load(SeqCst) - before;
        if asked > 0 {
            wrong.push(format!("{name}: {asked}"));
        }
    };
    let p = Conv2d {
        in_h: 28,
        in_w: 28,
        out_h: 28,
        out_w: 28,
        k_h: 3,
        k_w: 3,
        pad_top: 1,
        pad_left: 1,
        ..Conv2d::product(1, 32, 32)
    };
    let weights = WinogradWeights::new(&p, (&*vec![0.5; p.filter_len()]).into(), None);
    let kernel = Winograd::new(&p, Clamp::NONE).expect("large enough");
    let (x, mut out) = (vec![1.0; p.input_len()], vec![0.0; p.output_len()]);
    let mut room = vec![0.0; kernel.scratch_len()];
    let threads = Threads::new(2);
    check("Winograd", &mut || {
        kernel.run(&weights, &x, &mut out, &mut room, &threads)
    });
    let p = MatMul {
        m: 8,
        k: 16,
        n: 40,
        adj_x: true,
        adj_y: true,
    };
    let batch: &[usize] = &[100];
    let (x, y) = (vec![1.0; 100 * 8 * 16], vec![1.0; 100 * 16 * 40]);
    let (fast, mut out) = (FastMatMul::new(p), vec![0.0; 100 * 8 * 40]);
    let mut room = vec![0.0; fast.scratch_len()];
    check("FastMatMul", &mut || {
        fast.run(
            (&x, batch),
            (&y, batch),
            &mut room,
            (&mut out, batch),
            &threads,
        )
    });
}

// One test: the count is the whole process's.
#[test]
fn invoking_a_static_graph_again_allocates_nothing() {
    let before = ASKED.load(SeqCst);
    drop(std::hint::black_box(Box::new(1)));
    assert!(ASKED.load(SeqCst) > before, "nothing is counted");
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wrong = Vec::new();
    check_kernels(&mut wrong);
    for name in [
        "digits_cnn.float32.tflite",
        "digits_cnn.float16.tflite",
        "digits_cnn.dynamic.tflite",
        "digits_cnn.int8.tflite",
        "digits_cnn.int16x8.tflite",
        "digits_metadata.tflite",
        "digits_cnn/1",
        "digits_cnn/2",
        "autoencoder",
        "custom_layer",
        "dense_four_lines",
        "sharded",
        "softmax_mlp",
        "v1_softmax",
    ] {
        let ran = check(name, &home.join("samples").join(name), &mut wrong);
        assert!(
            ran || !wrong.is_empty(),
            "{name} did not run as a static graph"
        );
    }
    for (name, weights) in [
        ("digits_cnn.float32.tflite", 4 * 23_000),
        ("digits_cnn.int8.tflite", 23_000),
        ("digits_cnn/1", 4 * 13_000),
    ] {
        check_sharing(name, &home.join("samples").join(name), weights);
    }
    let zoo = sorted(&home.join("../shared/zoo/cases"));
    if zoo.is_empty() {
        eprintln!("no zoo beside the project");
    }
    let files = zoo.iter().flat_map(|case| sorted(case));
    for file in files.filter(|f| f.extension().is_some_and(|e| e == "tflite")) {
        let name = file.strip_prefix(home.join("../shared/zoo/cases"));
        let name = name.unwrap_or(&file).display().to_string();
        check(&name, &file, &mut wrong);
    }
    assert!(
        wrong.is_empty(),
        "allocations in a run:\n{}",
        wrong.join("\n")
    );
}

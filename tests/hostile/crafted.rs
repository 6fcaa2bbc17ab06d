//! Files that somebody made to do harm: bombs, recursion, ways out of the model's folder, claims of huge things.
//!
//! The real program runs on them with a limit on its memory; whatever it says, it says it soon and politely.

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use mexplore::feed;
use mexplore::format::{self, OpenOptions, npy};
use mexplore::layout::export;
use mexplore::model::{Model, Quantization, Tensor};
use tempfile::TempDir;
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::memory::peak;
use super::samples;
use super::wire::{Message, call, function, message, node, placeholder, saved_model, tflite};

/// Address space of a run, in kilobytes: program, stacks of its threads, and little more.
const MEMORY: u64 = 600_000;
/// Seconds of processor time of a run, and of a clock, which counts what else the machine does.
const PROCESSOR: u64 = 20;
const PATIENCE: Duration = Duration::from_secs(120);

/// A folder with a SavedModel of this graph.
pub fn model_of(graph: &[u8]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("saved_model.pb"), graph).unwrap();
    folder
}

fn file_of(bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.tflite");
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

/// What reads a model and writes nothing.
pub const COMMANDS: [&str; 9] = [
    "show",
    "verify",
    "assets",
    "run",
    "scan",
    "tensors",
    "variables",
    "ops",
    "graph",
];

/// Runs the program with a memory limit; it has to answer in time and with one of its exit codes.
pub fn run(command: &str, options: &[&str], model: &Path) -> Output {
    let begun = Instant::now();
    let threads = match command {
        "run" => &["--threads", "1"][..],
        _ => &[],
    };
    let output = Command::new("sh")
        .arg("-c")
        .arg(format!(
            "ulimit -v {MEMORY}; ulimit -t {PROCESSOR}; exec \"$@\""
        ))
        .arg("sh")
        .arg(env!("CARGO_BIN_EXE_mexplore"))
        .arg(command)
        .args(threads)
        .args(options)
        .arg(model)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let code = output.status.code();
    assert!(
        matches!(code, Some(0..=4)),
        "{command}: {:?}: {said}",
        output.status
    );
    assert!(code == Some(0) || !said.is_empty() || !output.stdout.is_empty());
    assert!(begun.elapsed() < PATIENCE, "{command} takes too long");
    output
}

/// Everything that the commands do with a model; what they say, together.
fn said(model: &Path) -> String {
    let each = COMMANDS.iter().map(|command| {
        let output = run(command, &[], model);
        let text = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&text).into_owned()
    });
    each.collect()
}

fn warnings(model: &Path) -> String {
    let model = format::open(model, &OpenOptions::default()).unwrap();
    let all: Vec<String> = model.warnings.iter().map(ToString::to_string).collect();
    all.join("\n")
}

/// An archive of one deflated file of zeros.
fn deflated(name: &str, bytes: usize) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    zip.start_file(name, options).unwrap();
    let zeros = vec![0; 1 << 20];
    for _ in 0..bytes >> 20 {
        zip.write_all(&zeros).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn a_bomb_packed_behind_a_model_is_listed_and_not_unpacked() {
    let mut bytes = fs::read(samples().join("digits_cnn.int8.tflite")).unwrap();
    // Offsets in the archive count from its own beginning here; readers allow for that.
    bytes.extend(deflated("labels.txt", 48 << 20));
    let (_folder, path) = file_of(&bytes);
    let model = format::open(&path, &OpenOptions::default()).unwrap();
    assert_eq!(model.attachments[0].bytes, 48 << 20);
    assert!(model.attachments[0].data.is_empty());
    assert!(
        warnings(&path).contains("packed ones: refused"),
        "{}",
        warnings(&path)
    );
    said(&path);
}

#[test]
fn an_npz_that_claims_gigabytes_is_refused() {
    let mut bytes = deflated("x.npy", 1 << 20);
    // The unpacked size in the central directory, which begins with PK 1 2.
    let at = bytes.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    bytes[at + 24..at + 28].copy_from_slice(&0xf000_0000u32.to_le_bytes());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb.npz");
    fs::write(&path, bytes).unwrap();
    let error = npy::read_npz(&path).unwrap_err().to_string();
    assert!(
        error.contains("bomb.npz") && error.contains("refused"),
        "{error}"
    );
}

#[test]
fn nesting_ends_in_an_error_and_not_in_the_stack() {
    // An attribute whose value is a function, whose attribute is a function, …
    let mut attr = message().number(3, 1);
    for _ in 0..20_000 {
        let function = message().entry(2, "a", &attr);
        attr = message().message(10, &function);
    }
    let deep = message()
        .bytes(1, "n")
        .bytes(2, "NoOp")
        .entry(5, "a", &attr);
    let folder = model_of(&saved_model(&[deep], &[], message()));
    assert!(said(folder.path()).contains("messages inside messages"));

    let text = folder.path().join("saved_model.pbtxt");
    fs::remove_file(folder.path().join("saved_model.pb")).unwrap();
    for open in [
        "meta_graphs { x { ",
        "meta_graphs < x [ ",
        "meta_graphs { y: { ",
    ] {
        fs::write(&text, open.repeat(100_000)).unwrap();
        said(folder.path());
    }
}

#[test]
fn functions_that_call_themselves_are_named() {
    let itself = function("f", &[call("c", "f", "x")], "c:output:0");
    let graph = [placeholder("x"), call("y", "f", "x")];
    let folder = model_of(&saved_model(&graph, &[itself], message()));
    let said = said(folder.path());
    assert!(
        said.contains("calls itself") || said.contains("recursi"),
        "{said}"
    );
}

#[test]
fn functions_that_double_at_each_level_are_not_unrolled() {
    const LEVELS: usize = 40;
    let mut library = vec![function(
        "f0",
        &[node("r", "Relu", &["x"], &["T"])],
        "r:activations:0",
    )];
    for level in 1..LEVELS {
        let below = format!("f{}", level - 1);
        let body = [call("a", &below, "x"), call("b", &below, "a:output:0")];
        library.push(function(&format!("f{level}"), &body, "b:output:0"));
    }
    let top = format!("f{}", LEVELS - 1);
    let graph = [placeholder("x"), call("y", &top, "x")];
    let folder = model_of(&saved_model(&graph, &library, message()));
    said(folder.path());
    let model = format::open(folder.path(), &OpenOptions::default()).unwrap();
    export::text(&model.meta_graphs[0].graphs[0], &export::Options::default());
}

#[test]
fn subgraphs_that_run_themselves_are_an_error() {
    for branches in [&[(0, 0)][..], &[(1, 1), (0, 0)], &[(1, 1), (2, 2), (1, 0)]] {
        let (_folder, path) = file_of(&tflite(branches, None));
        said(&path);
    }
    // Each subgraph runs the next one twice.
    let doubling: Vec<(i32, i32)> = (1..60).map(|next| (next % 59, next % 59)).collect();
    let (_folder, path) = file_of(&tflite(&doubling, None));
    said(&path);
}

#[test]
fn cycles_are_drawn_and_not_run() {
    let graph = [
        placeholder("x"),
        node("a", "AddV2", &["x", "y"], &["T"]),
        node("y", "Relu", &["a"], &["T"]),
    ];
    let folder = model_of(&saved_model(&graph, &[], message()));
    said(folder.path());
    let model = format::open(folder.path(), &OpenOptions::default()).unwrap();
    let drawing = export::text(&model.meta_graphs[0].graphs[0], &export::Options::default());
    assert!(drawing.contains("AddV2"), "{drawing}");
    assert!(!run("run", &[], folder.path()).status.success());
}

#[test]
fn one_name_for_two_nodes_is_an_error_that_names_it() {
    let graph = [placeholder("x"), placeholder("y"), placeholder("y")];
    let folder = model_of(&saved_model(&graph, &[], message()));
    assert!(said(folder.path()).contains("two nodes are named \"y\""));
}

#[test]
fn one_name_for_two_functions_is_no_reason_to_fall_over() {
    let one = function("f", &[node("r", "Relu", &["x"], &["T"])], "r:activations:0");
    let graph = [placeholder("x"), call("y", "f", "x")];
    let folder = model_of(&saved_model(&graph, &[one.clone(), one], message()));
    said(folder.path());
}

/// An AssetFileDef in a MetaGraphDef.
fn asset(file: &str) -> Message {
    message().message(6, &message().bytes(2, file))
}

#[test]
fn no_name_leads_out_of_the_folder() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "the secret").unwrap();
    let secret = outside.path().join("secret");
    for name in [
        "../../secret",
        secret.to_str().unwrap(),
        "a/../../../secret",
    ] {
        let folder = model_of(&saved_model(
            &[placeholder("x"), placeholder("y")],
            &[],
            asset(name),
        ));
        let said = said(folder.path());
        assert!(said.contains("points outside the model"), "{said}");
        let (_folder, path) = file_of(&tflite(&[(0, 0)], Some(name)));
        assert!(warnings(&path).contains("outside"), "{}", warnings(&path));
    }
}

#[cfg(unix)]
#[test]
fn links_out_of_the_folder_are_named_and_not_read() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret");
    fs::write(&secret, "the secret").unwrap();
    let graph = saved_model(&[placeholder("x"), placeholder("y")], &[], asset("v.txt"));
    let folder = model_of(&graph);
    for place in ["assets", "assets.extra"] {
        fs::create_dir(folder.path().join(place)).unwrap();
        symlink(&secret, folder.path().join(place).join("v.txt")).unwrap();
        fs::write(folder.path().join(place).join("own.txt"), "own").unwrap();
        symlink("own.txt", folder.path().join(place).join("link.txt")).unwrap();
    }
    // A way round and round.
    symlink("..", folder.path().join("assets/up")).unwrap();
    symlink("loop", folder.path().join("loop")).unwrap();
    let model = format::open(folder.path(), &OpenOptions::default()).unwrap();
    let data = |name: &str| {
        let found = model.attachments.iter().find(|a| a.name == name);
        found.map(|a| a.data.to_vec())
    };
    assert_eq!(data("v.txt").unwrap(), b"");
    assert_eq!(data("assets.extra/v.txt").unwrap(), b"");
    assert_eq!(data("link.txt").unwrap(), b"own");
    assert_eq!(data("assets.extra/own.txt").unwrap(), b"own");
    assert!(warnings(folder.path()).contains("a link out of the model's folder"));
    assert!(!said(folder.path()).contains("the secret"));
}

#[cfg(unix)]
#[test]
fn an_external_file_may_be_no_link_out_of_the_folder() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "the secret").unwrap();
    for (name, inside) in [("folder/secret", false), ("file", false), ("own", true)] {
        let (folder, path) = file_of(&tflite(&[(0, 0)], Some(name)));
        symlink(outside.path(), folder.path().join("folder")).unwrap();
        symlink(outside.path().join("secret"), folder.path().join("file")).unwrap();
        fs::write(folder.path().join("values"), "x").unwrap();
        symlink("values", folder.path().join("own")).unwrap();
        let warned = warnings(&path).contains("a link out of the model's folder");
        assert_ne!(warned, inside, "{name}: {}", warnings(&path));
    }
}

#[cfg(unix)]
#[test]
fn pipes_and_devices_are_not_waited_for() {
    use std::os::unix::fs::symlink;
    let shard = "variables/variables.data-00000-of-00001";
    for place in [
        "saved_model.pb",
        shard,
        "variables/variables.index",
        "fingerprint.pb",
    ] {
        for device in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("variables")).unwrap();
            for part in ["saved_model.pb", shard, "variables/variables.index"] {
                let from = samples().join("dense_four_lines").join(part);
                fs::copy(from, folder.path().join(part)).unwrap();
            }
            let path = folder.path().join(place);
            let _ = fs::remove_file(&path);
            if device {
                symlink("/dev/zero", &path).unwrap();
            } else {
                let made = Command::new("mkfifo").arg(&path).status().unwrap();
                assert!(made.success());
            }
            said(folder.path());
            run("show", &[], &path);
        }
    }
}

/// A Const of floats that is one value, repeated to this shape.
fn constant(name: &str, sizes: &[u64]) -> Message {
    let mut shape = message();
    for &size in sizes {
        shape = shape.message(2, &message().number(1, size));
    }
    let value = message()
        .number(1, 1)
        .message(2, &shape)
        .bytes(5, 1.5f32.to_le_bytes());
    node(name, "Const", &[], &["dtype"]).entry(5, "value", &message().message(8, &value))
}

#[test]
fn claims_of_huge_things_are_not_believed() {
    for sizes in [
        &[1 << 28][..],
        &[1 << 20, 1 << 20],
        &[1 << 62, 4],
        &[u64::MAX, 2],
    ] {
        let graph = [
            placeholder("x"),
            constant("c", sizes),
            node("y", "AddV2", &["x", "c"], &["T"]),
        ];
        let folder = model_of(&saved_model(&graph, &[], message()));
        said(folder.path());
    }
    // A result whose size an argument says.
    said(filled([0xff, 0xff, 0x3f, 0xff, 0xff, 0x3f]).path());
}

/// A model whose values have these two sizes of three bytes each, little end and seven bits of them first.
fn filled(sizes: [u8; 6]) -> TempDir {
    let dims = message()
        .number(1, 3)
        .message(2, &message().message(2, &message().number(1, 2)))
        .bytes(7, sizes);
    let sizes = node("sizes", "Const", &[], &[])
        .entry(5, "dtype", &message().number(6, 3))
        .entry(5, "value", &message().message(8, &dims));
    let graph = [
        placeholder("x"),
        sizes,
        node("z", "Fill", &["sizes", "x"], &["T"]),
        node("y", "AddV2", &["z", "z"], &["T"]),
    ];
    model_of(&saved_model(&graph, &[], message()))
}

#[test]
fn values_that_fit_alone_and_not_together_are_an_error() {
    // 16384 by 5000 floats.
    let said = said(filled([0x80, 0x80, 0x01, 0x88, 0xa7, 0x00]).path());
    assert!(said.contains("no memory for"), "{said}");
}

/// Opens a graph and says how many bytes that held at most, beside what the file justifies.
fn opened_within_bounds(graph: &[u8], what: &str) -> Result<Model, String> {
    let folder = model_of(graph);
    let mut result = None;
    let most = peak(|| result = Some(format::open(folder.path(), &OpenOptions::default())));
    let allowed = 4 * graph.len() as u64 + (64 << 20);
    assert!(most <= allowed, "{what}: {most} of {allowed} bytes");
    result.unwrap().map_err(|e| e.to_string())
}

#[test]
fn nothing_said_a_million_times_is_not_believed() {
    let meta = |field: u64, each: &[u8], count: usize| {
        let meta = message().bytes(field, each.repeat(count));
        message().message(2, &meta).0
    };
    let list = |field: u64, count: usize| {
        let list = message().bytes(field, vec![0; count]);
        let value = message().message(1, &list);
        let node = node("x", "Placeholder", &[], &["dtype"]).entry(5, "l", &value);
        saved_model(&[node, placeholder("y")], &[], message())
    };
    let cases = [
        (
            "MetaGraphs",
            message()
                .number(1, 1)
                .0
                .into_iter()
                .chain([0x12, 0].repeat(2_000_000))
                .collect(),
        ),
        ("nodes", meta(2, &[0x0a, 0], 2_000_000)),
        ("objects", meta(7, &[0x0a, 0], 2_000_000)),
        (
            "assets",
            message()
                .message(2, &Message([0x32, 0].repeat(2_000_000)))
                .0,
        ),
        ("numbers of a list", list(3, 3_000_000)),
        (
            "signatures",
            message()
                .message(2, &Message([0x2a, 0].repeat(2_000_000)))
                .0,
        ),
        ("attributes", {
            let mut node = node("x", "NoOp", &[], &[]);
            node.0.extend([0x2a, 0].repeat(2_000_000));
            saved_model(&[node], &[], message())
        }),
    ];
    for (what, graph) in cases {
        let refused = opened_within_bounds(&graph, what).unwrap_err();
        assert!(refused.contains("saved_model.pb"), "{refused}");
    }
}

#[test]
fn what_a_node_takes_is_not_held_over_and_over() {
    let sum = node("y", "AddN", &vec!["x"; 1_000_000], &["T"]);
    let graph = saved_model(&[placeholder("x"), sum], &[], message());
    let model = opened_within_bounds(&graph, "inputs").unwrap();
    assert_eq!(
        model.meta_graphs[0].graphs[0].nodes[1].inputs.len(),
        1_000_000
    );
}

#[test]
fn real_numbers_of_integers_are_held_once() {
    let integers = Tensor::from_values(&[1 << 20], &vec![3i8; 1 << 20]);
    let scale = Quantization::per_tensor(0.5, 1);
    let most = peak(|| {
        let real = feed::dequantized(&integers, Some(&scale)).unwrap();
        assert_eq!(real.number(7), Some(1.0));
    });
    assert!(most < 5 << 20, "{most} bytes for 4 MiB");
}

#[test]
fn many_small_nodes_take_no_more_memory_than_their_file_justifies() {
    let nodes: Vec<Message> = (0..100_000)
        .map(|i| node(&format!("node_{i:06}"), "Placeholder", &[], &[]))
        .collect();
    let graph = saved_model(&nodes, &[], message());
    let model = opened_within_bounds(&graph, "small nodes").unwrap();
    assert_eq!(model.meta_graphs[0].graphs[0].nodes.len(), nodes.len());
}

#[test]
fn many_nodes_of_nothing_take_no_more_memory_than_their_file_justifies() {
    // Two bytes each: an empty NodeDef of the graph, an empty FunctionDef of its library.
    let nothings = [0x0a, 0].repeat(500_000);
    let graph = message().bytes(2, nothings.clone());
    for graph in [graph.0, nothings] {
        let meta = message().bytes(2, graph);
        let folder = model_of(&message().message(2, &meta).0);
        said(folder.path());
    }
}

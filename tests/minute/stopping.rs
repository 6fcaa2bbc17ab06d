//! Long work runs while the screen answers, and Esc or the end of the program stops it: nothing half-written is left,
//! what was there is untouched.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use mexplore::format::{self, OpenOptions, npy};
use mexplore::model::{DType, Dialect, Graph, GraphKind, Node, Shape, Tensor, Value};

use super::terminal::Terminal;

/// Values of the tensors that go through the model, and how many operators there are: seconds of work for any build.
const SHAPE: [usize; 3] = [1, 512, 512];
const OPERATORS: usize = 1500;

/// A `.tflite` that takes long to run, and so to compare and to calibrate: a long row of hyperbolic tangents.
fn heavy(path: &Path) {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/digits_cnn.float32.tflite");
    let mut model = format::open(&sample, &OpenOptions::default()).unwrap();
    let mut graph = Graph::new("main", GraphKind::Subgraph, Dialect::Tflite);
    let add = |graph: &mut Graph, name: String| {
        graph.add_value(Value::new(name, DType::Float32, Shape::of(&SHAPE)))
    };
    let mut last = add(&mut graph, "x".to_owned());
    graph.inputs = vec![Some(last)];
    for index in 0..OPERATORS {
        let next = add(&mut graph, format!("tanh_{index}"));
        let mut node = Node::new(format!("tanh_{index}"), "TANH");
        node.inputs = vec![Some(last)];
        node.outputs = vec![next];
        graph.add_node(node);
        last = next;
    }
    graph.outputs = vec![Some(last)];
    let meta = &mut model.meta_graphs[0];
    meta.graphs = vec![graph];
    meta.signatures.clear();
    fs::write(path, format::tflite::write(&model).unwrap()).unwrap();
}

/// A folder with the heavy model twice, a sample for calibration, and a file that must stay.
fn desk() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    heavy(&folder.path().join("heavy.tflite"));
    heavy(&folder.path().join("other.tflite"));
    let samples = [(
        "x".to_owned(),
        Tensor::zeros(DType::Float32, &SHAPE).unwrap(),
    )];
    npy::write_npz(&folder.path().join("calibration.npz"), &samples).unwrap();
    fs::write(folder.path().join("old.tflite"), OLD).unwrap();
    folder
}

const OLD: &str = "what was there before";

/// Nothing came and nothing went but the program's own cache.
#[track_caller]
fn is_untouched(folder: &Path) {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "cache")
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "calibration.npz",
            "heavy.tflite",
            "old.tflite",
            "other.tflite"
        ]
    );
    assert_eq!(fs::read_to_string(folder.join("old.tflite")).unwrap(), OLD);
}

/// Starts the work again with `again`, sees it go on while other panes answer, and stops it.
fn stops(terminal: &mut Terminal, pane: &str, again: &str) {
    terminal.press(again);
    terminal.shows(&["Esc stops it"]);
    terminal.press("1");
    terminal.shows(&["Where the bytes are"]);
    terminal.press(pane);
    terminal.shows(&["Esc stops it"]);
    let begun = Instant::now();
    terminal.press("\x1b");
    let text = terminal.shows(&["stopped"]);
    assert!(!text.contains("Esc stops it"), "{text}");
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_run_and_a_measurement_stop() {
    let folder = desk();
    let mut terminal = Terminal::start(&["heavy.tflite"], folder.path(), (100, 30));
    terminal.shows(&["Where the bytes are"]);
    terminal.press("7");
    terminal.shows(&["Enter runs it"]);
    stops(&mut terminal, "7", "\r");
    terminal.shows(&["Enter runs it"]);
    stops(&mut terminal, "7", "b");
    terminal.press("\r");
    terminal.shows(&["Esc stops it"]);
    terminal.press("q");
    terminal.ends_well();
    is_untouched(folder.path());
}

#[test]
fn a_conversion_stops_and_leaves_the_old_file() {
    let folder = desk();
    let mut terminal = Terminal::start(&["heavy.tflite"], folder.path(), (100, 30));
    terminal.shows(&["Where the bytes are"]);
    terminal.press("8");
    terminal.shows(&["‹ int8 ›"]);
    terminal.press("j\r\x15calibration.npz\r");
    terminal.shows(&["calibration.npz"]);
    terminal.press("jjj\r\x15old.tflite\r");
    terminal.shows(&["old.tflite"]);
    let replace = "\r";
    terminal.press("j");
    terminal.press(replace);
    terminal.shows(&["keep the file that is there"]);
    terminal.press("\x1b");
    terminal.wait("the list goes", |text| !text.contains("keep the file"));
    stops(&mut terminal, "8", "\rreplace\r");
    terminal.shows(&["Enter converts"]);
    is_untouched(folder.path());
    terminal.press("\rreplace\r");
    terminal.shows(&["Esc stops it"]);
    terminal.press("q");
    terminal.ends_well();
    is_untouched(folder.path());
}

#[test]
fn a_comparison_stops() {
    let folder = desk();
    let models = ["heavy.tflite", "other.tflite"];
    let mut terminal = Terminal::start(&models, folder.path(), (100, 30));
    terminal.shows(&["Where the bytes are"]);
    // The second model opens and stands beside the first by itself.
    terminal.press("9");
    stops(&mut terminal, "9", "");
    terminal.shows(&["Enter compares them"]);
    stops(&mut terminal, "9", "\r");
    terminal.press("\r");
    terminal.shows(&["Esc stops it"]);
    terminal.press("q");
    terminal.ends_well();
    is_untouched(folder.path());
}

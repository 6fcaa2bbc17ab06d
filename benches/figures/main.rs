//! What README's table of figures quotes.
//!
//!     cargo bench --bench figures                       measures and prints the table
//!     cargo bench --bench figures -- --write            and puts it into README.md
//!     cargo bench --bench figures -- --models FOLDER    only writes the models that it measures with
//!     cargo bench --bench figures -- --with FOLDER      measures with those
//!                                                       --part start|layout|frames, --model NAME, --pane WORD
//!
//! The models are made here: of 100 MB and of 2 GB (sparse files, so that they take no room); of ten thousand, a
//! hundred thousand and a million operators in one scope, operators in scopes, and variables.

mod frames;
mod models;
mod start;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mexplore::format::{self, OpenOptions};
use mexplore::layout::scene::{self, Detail};
use mexplore::layout::scope::{Hierarchy, Open};
use mexplore::model::Model;

/// Starts of the program per model; the median counts.
const STARTS: usize = 21;
/// The same of the model with a million operators.
const STARTS_OF_MANY: usize = 5;
/// A word that only the finished overview has.
const FINISHED: &str = "Health";
/// Of the models for frames and keys.
const SIZES: [(&str, usize); 3] = [("10k", 10_000), ("100k", 100_000), ("1m", 1_000_000)];
/// Layouts per graph; the median counts.
const LAYOUTS: usize = 5;

/// The lines of README.md between which the table stands.
const MARKS: (&str, &str) = ("<!-- figures -->", "<!-- end of figures -->");

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = tempfile::tempdir().expect("a folder for the models");
    let option = |name: &str| {
        let at = arguments.iter().position(|a| a == name)?;
        arguments.get(at + 1).map(String::as_str)
    };
    if let Some(folder) = option("--models") {
        return write_models(Path::new(folder)).expect("the models");
    }
    let models = match option("--with") {
        Some(folder) => PathBuf::from(folder),
        // By another process: each start forks this one, which takes the longer the more memory it holds.
        None => {
            let program = std::env::current_exe().expect("this program");
            let mut command = std::process::Command::new(program);
            let made = command.arg("--models").arg(folder.path()).status();
            assert!(made.is_ok_and(|status| status.success()), "no models");
            folder.path().to_owned()
        }
    };
    let part = option("--part");
    let wanted = |name: &str| part.is_none_or(|part| part == name);
    let mut rows = Vec::new();
    if wanted("start") {
        starts(&models, &mut rows);
    }
    if wanted("layout") {
        layouts(&models, &mut rows);
    }
    if wanted("frames") {
        frames_and_keys(&models, (option("--model"), option("--pane")), &mut rows);
    }
    let mut table = String::from("| what | to reach | measured |\n|---|---|---|\n");
    for [what, goal, measured] in &rows {
        table.push_str(&format!("| {what} | {goal} | {measured} |\n"));
    }
    print!("{table}");
    if arguments.iter().any(|a| a == "--write") {
        write_readme(&table).expect("README.md");
    }
}

fn write_readme(table: &str) -> std::io::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = std::fs::read_to_string(&path)?;
    let (before, rest) = text.split_once(MARKS.0).expect("the mark before the table");
    let (_, after) = rest.split_once(MARKS.1).expect("the mark behind the table");
    let (begin, end) = MARKS;
    std::fs::write(path, format!("{before}{begin}\n\n{table}\n{end}{after}"))
}

/// `block_12/unit_3/`: three levels of scopes of ten each, with a hundred operators in the innermost.
fn scopes(at: usize) -> String {
    let (stage, block, unit) = (at / 10_000, at / 1_000 % 10, at / 100 % 10);
    format!("stage_{stage}/block_{block}/unit_{unit}/")
}

fn write_models(folder: &Path) -> std::io::Result<()> {
    for (name, bytes) in [("dense_100mb", 100_000_000), ("dense_2gb", 2_200_000_000)] {
        let (nodes, variables) = models::dense_layers(96, bytes);
        models::saved_model(&folder.join(name), nodes, &variables)?;
        models::tflite(&folder.join(format!("{name}.tflite")), 96, bytes)?;
    }
    for (size, count) in SIZES {
        let flat = models::operators(count, 20, |_| String::new());
        models::saved_model(&folder.join(format!("flat_{size}")), flat, &[])?;
        let scoped = models::operators(count, 20, scopes);
        models::saved_model(&folder.join(format!("scopes_{size}")), scoped, &[])?;
        let (nodes, variables) = models::small_variables(count, scopes);
        models::saved_model(&folder.join(format!("weights_{size}")), nodes, &variables)?;
    }
    Ok(())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn starts(models: &Path, rows: &mut Vec<[String; 3]>) {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    for (what, path) in [
        ("`samples/digits_cnn`", samples.join("digits_cnn")),
        ("a SavedModel of 100 MB", models.join("dense_100mb")),
        ("a SavedModel of 2.2 GB", models.join("dense_2gb")),
        ("a `.tflite` of 100 MB", models.join("dense_100mb.tflite")),
        ("a `.tflite` of 2.2 GB", models.join("dense_2gb.tflite")),
    ] {
        start::start(&path, FINISHED);
        let starts: Vec<_> = (0..STARTS).map(|_| start::start(&path, FINISHED)).collect();
        let times = starts.iter().map(|s| milliseconds(s.first_frame)).collect();
        let peak = starts.iter().map(|s| s.peak_mb).fold(0.0, f64::max);
        rows.push([
            format!("command to first frame, {what}"),
            "50 ms, 100 MB".to_owned(),
            format!("{:.1} ms, peak {peak:.0} MB", median(times)),
        ]);
    }
    for (what, word) in [("first frame", "mexplore"), ("overview", FINISHED)] {
        let path = models.join("flat_1m");
        let starts: Vec<_> = (0..STARTS_OF_MANY)
            .map(|_| start::start(&path, word))
            .collect();
        let times = starts.iter().map(|s| milliseconds(s.first_frame)).collect();
        let peak = starts.iter().map(|s| s.peak_mb).fold(0.0, f64::max);
        rows.push([
            format!("command to {what}, a million operators"),
            if word == FINISHED { "" } else { "50 ms" }.to_owned(),
            format!("{:.1} ms, peak {peak:.0} MB", median(times)),
        ]);
    }
    let binary = std::fs::metadata(env!("CARGO_BIN_EXE_mexplore")).expect("the binary");
    rows.push([
        "the binary".to_owned(),
        String::new(),
        format!("{:.1} MB", binary.len() as f64 / 1e6),
    ]);
}

fn open(path: &Path) -> Model {
    format::open(path, &OpenOptions::default()).expect("a model that was just made")
}

fn layouts(models: &Path, rows: &mut Vec<[String; 3]>) {
    for (what, name, goal) in [
        ("a flat graph of 10,000 operators", "flat_10k", "1000 ms"),
        (
            "100,000 operators, collapsed by scope",
            "scopes_100k",
            "300 ms",
        ),
    ] {
        let model = open(&models.join(name));
        let graph = &model.meta_graphs[0].graphs[0];
        let times = (0..LAYOUTS)
            .map(|_| {
                let begun = Instant::now();
                let hierarchy = Hierarchy::new(graph, &[], false);
                scene::build(graph, &hierarchy, &Open::default(), Detail::Box);
                milliseconds(begun.elapsed())
            })
            .collect();
        rows.push([
            format!("layout of {what}"),
            goal.to_owned(),
            format!("{:.0} ms", median(times)),
        ]);
    }
}

fn frames_and_keys(models: &Path, only: (Option<&str>, Option<&str>), rows: &mut Vec<[String; 3]>) {
    let dense = [("a SavedModel of 2.2 GB".to_owned(), "dense_2gb".to_owned())];
    let made = SIZES.iter().flat_map(|(size, _)| {
        let what = |words: &str| format!("{words}, {size}");
        [
            (what("one scope"), format!("flat_{size}")),
            (what("in scopes"), format!("scopes_{size}")),
            (what("variables"), format!("weights_{size}")),
        ]
    });
    for (what, name) in dense.into_iter().chain(made) {
        if only.0.is_some_and(|only| only != name) {
            continue;
        }
        let path = models.join(&name);
        // The work that a million starts in the background takes its time.
        let repeats = if name.ends_with("_1m") { 1 } else { 3 };
        let walks = frames::walks(|| open(&path), only.1, repeats);
        for walk in &walks {
            eprintln!(
                "{name:<12} {:<22} frame {:>8.2} ms  key {:>8.2} ms ({})  answer {:>8.2} ms",
                walk.screen,
                milliseconds(walk.frame),
                milliseconds(walk.key),
                walk.slowest,
                milliseconds(walk.answer),
            );
        }
        let frame = walks.iter().max_by_key(|w| w.frame).expect("a walk");
        let key = walks.iter().max_by_key(|w| w.key.max(w.answer));
        let key = key.expect("a walk");
        rows.push([
            format!("slowest frame at 200×60, {what}"),
            "8 ms".to_owned(),
            format!("{:.1} ms ({})", milliseconds(frame.frame), frame.screen),
        ]);
        rows.push([
            format!("slowest key to frame, {what}"),
            "16 ms".to_owned(),
            format!(
                "{:.1} ms ({})",
                milliseconds(key.key.max(key.answer)),
                key.screen
            ),
        ]);
    }
}

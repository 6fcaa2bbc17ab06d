//! Models that are well formed and wrong, through everything that the commands and the panes do with a model.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use mexplore::analysis;
use mexplore::convert::{Allowed, ConvertOptions, convert, preflight};
use mexplore::format::{self, OpenOptions};
use mexplore::layout::export::{self, Scopes};
use mexplore::model::Model;
use mexplore::progress::Progress;
use mexplore::quantize::Mode;
use mexplore::report::{self, Style};
use mexplore::tui::term::{Terminal, TestBackend};
use mexplore::tui::{App, Options, render};
use tempfile::TempDir;

use super::damage::damaged;
use super::memory::peak;
use super::{is_small, samples, structure, use_all};

/// Damages per sample.
const DAMAGES: u64 = 80;
/// Damages per sample that are looked at in the terminal UI.
const LOOKS: u64 = 12;
const PATIENCE: Duration = Duration::from_secs(60);
/// What a damaged file may take besides four times itself.
const MEMORY: u64 = 64 << 20;

const SAMPLES: [(&str, &str); 9] = [
    ("digits_cnn.int8.tflite", ""),
    ("digits_cnn.float16.tflite", ""),
    ("digits_metadata.tflite", ""),
    ("dense_four_lines", "saved_model.pb"),
    ("dense_four_lines", "variables/variables.index"),
    ("lstm", "saved_model.pb"),
    ("v1_softmax", "saved_model.pb"),
    ("text_classifier", "saved_model.pb"),
    ("sharded", "variables/variables.index"),
];

/// A copy of a sample in which one file can be damaged again and again.
struct Victim {
    _folder: TempDir,
    model: PathBuf,
    file: PathBuf,
    good: Vec<u8>,
    /// Bytes of the other files.
    rest: u64,
}

impl Victim {
    fn new(sample: &str, part: &str) -> Victim {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join(sample);
        let whole = copy(&samples().join(sample), &model);
        let file = if part.is_empty() {
            model.clone()
        } else {
            model.join(part)
        };
        let good = fs::read(&file).unwrap();
        let rest = whole - good.len() as u64;
        Victim {
            _folder: folder,
            model,
            file,
            good,
            rest,
        }
    }

    /// Writes damage number `seed`; how many bytes the model has now. A new file each time: the last may be mapped.
    fn damage(&self, seed: u64) -> u64 {
        let change = match self.file.extension().and_then(|e| e.to_str()) {
            _ if seed.is_multiple_of(8) => damaged,
            Some("tflite") => structure::flatbuffer,
            Some("pb") => structure::protobuf,
            _ => structure::index,
        };
        let bad = change(&self.good, seed);
        fs::remove_file(&self.file).unwrap();
        fs::write(&self.file, &bad).unwrap();
        self.rest + bad.len() as u64
    }
}

fn copy(from: &Path, to: &Path) -> u64 {
    if from.is_file() {
        return fs::copy(from, to).unwrap();
    }
    fs::create_dir_all(to).unwrap();
    let entries = fs::read_dir(from).unwrap().map(|e| e.unwrap());
    entries
        .map(|e| copy(&e.path(), &to.join(e.file_name())))
        .sum()
}

/// What the commands say about a model, together.
fn reports(model: &Model) -> String {
    let plain = Style::PLAIN;
    let progress = Progress::new();
    let mut all = vec![
        report::show::text(model, plain),
        report::facts::json(model).to_string(),
        report::ops::text(model, plain),
        report::ops::json(model).to_string(),
        report::tensors::tensors_text(model, plain),
        report::tensors::tensors_json(model).to_string(),
        report::tensors::variables_text(model, plain),
        report::signatures::text(model, plain),
        report::assets::text(model, plain),
    ];
    if let Ok(checks) = analysis::checksums(model, &progress) {
        all.push(report::check::verify_text(model, &checks, plain));
    }
    let usage = analysis::Usage::of(model);
    let mut findings = analysis::health(model, &usage);
    findings.extend(analysis::weights_health(model, &usage, &progress).unwrap_or_default());
    all.push(report::check::scan_text(&findings, plain));
    let options = export::Options {
        scopes: Scopes::First(60),
        ..export::Options::default()
    };
    for graph in model.meta_graphs.iter().flat_map(|m| &m.graphs).take(3) {
        all.push(export::text(graph, &options));
        all.push(export::svg(graph, &options));
    }
    all.concat()
}

fn conversions(model: &Model) {
    let options = |mode| ConvertOptions {
        mode,
        allowed: Allowed {
            flex: true,
            custom: true,
        },
        ..ConvertOptions::default()
    };
    let _ = preflight(model, &options(None));
    for mode in [None, Some(Mode::Dynamic)] {
        let _ = convert(model, &options(mode), &Progress::new());
    }
}

#[test]
fn wrong_models_are_told_run_and_converted_within_bounds() {
    let (mut opened, mut all) = (0, 0);
    for (sample, part) in SAMPLES {
        let victim = Victim::new(sample, part);
        for seed in 1..=DAMAGES {
            let bytes = victim.damage(seed);
            let begun = Instant::now();
            all += 1;
            let most = peak(|| {
                let Ok(model) = format::open(&victim.model, &OpenOptions::default()) else {
                    return;
                };
                opened += 1;
                assert!(!reports(&model).is_empty());
                use_all(&model);
                if is_small(&model) {
                    conversions(&model);
                }
            });
            let place = format!("{sample}/{part}, seed {seed}");
            assert!(begun.elapsed() < PATIENCE, "{place}: {:?}", begun.elapsed());
            assert!(
                most <= 4 * bytes + MEMORY,
                "{place}: {most} bytes for a model of {bytes}"
            );
        }
    }
    // Damage that nothing survives would show nothing.
    assert!(opened * 3 > all, "{opened} of {all} opened");
}

/// Panics on any thread, also on those of jobs, which catch them.
static PANICS: AtomicUsize = AtomicUsize::new(0);

#[test]
fn every_pane_shows_wrong_models() {
    const WALK: &str = "1 Down Enter 2 Right Down Right Down Down Right Down Enter 3 Down l Enter m Down + 4 Down Enter s \
                        5 Down Enter 6 Down End 7 Down 8 p Down 9 / a Esc ? Esc";
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, SeqCst);
        usual(info);
    }));
    let options = Options {
        theme: Some("dark".to_owned()),
        config: Some(samples().join("no-settings")),
        ..Options::default()
    };
    for (sample, part) in SAMPLES {
        let victim = Victim::new(sample, part);
        for seed in (1..).map(|n| n * 1009).take(LOOKS as usize) {
            victim.damage(seed);
            let place = format!("{sample}/{part}, seed {seed}");
            let begun = Instant::now();
            let mut app = App::new(&options).unwrap();
            app.open(victim.model.clone());
            app.settle_within(PATIENCE);
            for (at, key) in WALK.split_whitespace().enumerate() {
                app.press(key).unwrap();
                app.settle_within(PATIENCE);
                let (columns, rows) = [(80, 24), (30, 8), (200, 60)][at % 3];
                let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
                terminal.draw(|frame| render::render(&app, frame)).unwrap();
                assert_eq!(PANICS.load(SeqCst), 0, "{place}, at {key}");
            }
            assert!(app.jobs_idle(), "{place}: work that does not end");
            assert!(
                begun.elapsed() < 3 * PATIENCE,
                "{place}: {:?}",
                begun.elapsed()
            );
        }
    }
}

//! Every pane drawn to a buffer and compared with lines of text, and keys that lead from one to the next.

use std::path::{Path, PathBuf};

use insta::assert_snapshot;
use mexplore::format::{self, OpenOptions};
use mexplore::model::Model;
use mexplore::tui::panes::PaneId;
use mexplore::tui::term::{Terminal, TestBackend};
use mexplore::tui::{App, Options, render};

mod flows;
mod panes;

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("samples")
        .join(name)
}

/// An app on samples, with no settings but the defaults.
fn app(samples: &[&str]) -> App {
    let open = |name: &&str| format::open(&sample(name), &OpenOptions::default());
    app_of(
        samples
            .iter()
            .map(|name| open(name).expect("a sample opens"))
            .collect(),
    )
}

fn app_of(models: Vec<Model>) -> App {
    let options = Options {
        theme: Some("dark".to_owned()),
        // No folder of this name: the person's own settings stay out of tests.
        config: Some(sample("no-settings")),
        ..Options::default()
    };
    let mut app = App::with_models(models, &options).expect("defaults are in order");
    app.settle();
    app
}

/// Presses keys, waits for the work they start.
fn press(app: &mut App, keys: &str) {
    for key in keys.split_whitespace() {
        app.press(key).expect("a key");
        app.settle();
    }
}

/// The screen as text, without the blanks at line ends.
fn screen(app: &App, columns: u16, rows: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("a buffer");
    terminal
        .draw(|frame| render::render(app, frame))
        .expect("a frame");
    let buffer = terminal.backend().buffer();
    let lines: Vec<String> = (0..rows)
        .map(|y| {
            let line: String = (0..columns).map(|x| buffer[(x, y)].symbol()).collect();
            line.trim_end().to_owned()
        })
        .collect();
    lines.join("\n")
}

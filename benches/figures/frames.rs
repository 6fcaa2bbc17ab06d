//! Frames and keys of the terminal UI at 200×60, drawn into memory by the code that draws them on a terminal.

use std::time::{Duration, Instant};

use mexplore::model::Model;
use mexplore::tui::term::{Terminal, TestBackend};
use mexplore::tui::{App, Options, render};

const SIZE: (u16, u16) = (200, 60);
/// Work in the background is waited for this long: some of it looks at all weights.
const PATIENCE: Duration = Duration::from_secs(5);
/// Frames of one screen; the median counts.
const FRAMES: usize = 9;

/// What a walk through a pane took.
pub struct Walk {
    pub screen: &'static str,
    /// The slowest screen's median frame.
    pub frame: Duration,
    /// The slowest key: what it changes, and the frame that shows it. Work in the background is not waited for.
    pub key: Duration,
    pub slowest: String,
}

/// Keys in each pane: the slowest of them counts.
const WALKS: [(&str, &str); 8] = [
    ("overview", "1 j j G g"),
    ("tree", "2 l l l j j G g l j G k PageDown"),
    ("graph, map", "3 j j l k z z o o G g"),
    ("graph, rails", "3 v j j G g PageDown"),
    ("tensors", "4 j G g s s s"),
    ("variables", "5 j G g v"),
    ("source", "6 j G g PageDown"),
    ("search", "/ o p _ 9 9 Down Enter n n"),
];

/// Walks through the panes of `model`.
pub fn walks(model: impl Fn() -> Model) -> Vec<Walk> {
    WALKS
        .iter()
        .map(|(screen, keys)| walk(model(), screen, keys))
        .collect()
}

fn walk(model: Model, screen: &'static str, keys: &str) -> Walk {
    let options = Options {
        theme: Some("dark".to_owned()),
        ..Options::default()
    };
    let mut app = App::with_models(vec![model], &options).expect("an app");
    let backend = TestBackend::new(SIZE.0, SIZE.1);
    let mut terminal = Terminal::new(backend).expect("a screen in memory");
    let mut draw = |app: &App| {
        let begun = Instant::now();
        terminal
            .draw(|frame| render::render(app, frame))
            .expect("a frame");
        begun.elapsed()
    };
    app.settle_within(PATIENCE);
    draw(&app);
    let mut worst = Walk {
        screen,
        frame: Duration::ZERO,
        key: Duration::ZERO,
        slowest: String::new(),
    };
    for key in keys.split_whitespace() {
        let begun = Instant::now();
        app.press(key).expect("a key");
        draw(&app);
        let took = begun.elapsed();
        if took > worst.key {
            worst.key = took;
            worst.slowest = key.to_owned();
        }
        app.settle_within(PATIENCE);
        let mut frames: Vec<Duration> = (0..FRAMES).map(|_| draw(&app)).collect();
        frames.sort();
        worst.frame = worst.frame.max(frames[FRAMES / 2]);
    }
    worst
}

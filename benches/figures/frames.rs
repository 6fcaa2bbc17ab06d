//! Frames and keys of the terminal UI at 200×60, drawn into memory by the code that draws them on a terminal.

use std::time::{Duration, Instant};

use mexplore::model::Model;
use mexplore::tui::term::{Terminal, TestBackend};
use mexplore::tui::{App, Options, render};

const SIZE: (u16, u16) = (200, 60);
/// Work in the background is waited for this long.
const PATIENCE: Duration = Duration::from_secs(60);
/// Frames of one screen; the median counts.
const FRAMES: usize = 9;
/// Rows that are opened from the top of the tree to the bottom, at most.
const OPENED: usize = 20_000;

/// What a walk through a pane took.
pub struct Walk {
    pub screen: &'static str,
    /// The slowest screen's median frame.
    pub frame: Duration,
    /// The slowest key: what it changes, and the frame that shows it. Work in the background is not waited for.
    pub key: Duration,
    pub slowest: String,
    /// The slowest answer of work in the background: taking it in, and the frame that shows it.
    pub answer: Duration,
}

/// Keys in each pane: the slowest of them counts. After each, the work it starts is waited for; a `~` before a key has
/// the next one come at once. `open-all` opens the tree's rows from the top down.
const WALKS: [(&str, &str); 12] = [
    (
        "overview",
        "1 j j G g Tab j G g PageDown Enter 1 Tab j G Tab ~y",
    ),
    (
        "tree",
        "2 l l l j j G g j l G l j PageDown PageUp k ~j ~j ~j h h l Tab j k Tab Enter 2 ~G ~g open-all G PageUp g Space",
    ),
    (
        "graph, map",
        "3 j j l k h z z z z o o o o o o G g PageDown t t Space G p < > Tab j Tab Enter j j Enter G Backspace H L J K ~e Esc 1 ~3 ~j",
    ),
    (
        "graph, rails",
        "3 v j j G g PageDown PageUp k G o o g t Esc Space G p < > Enter j Backspace v G v ~j ~j ~k ~e Esc",
    ),
    (
        "tensors",
        "4 j G g PageDown s s s s s s G j ~f ~5 ~9 ~Enter j Esc f 7 Enter Esc v Tab j G g Tab x ~e Esc",
    ),
    (
        "variables",
        "5 j G g PageDown s G s s j ~f ~5 ~9 ~Enter j Esc f 7 Enter Esc Enter v ~Tab",
    ),
    (
        "source",
        "6 j G g PageDown t j G g / o p _ 1 Enter n n N Esc t t y t",
    ),
    ("run", "7 j t Esc i p"),
    ("convert", "8 j j G p Tab j j"),
    ("compare", "9 b Esc j"),
    (
        "search",
        "/ o p _ 9 9 Down Enter n n N 2 n N 3 v n N 4 n 6 n 1 ~/ ~o ~p ~_ ~7 ~7 Enter n ~/ ~9 ~Enter ~n",
    ),
    ("help, palette, models", "? j Esc : s o Esc m Esc"),
];

/// Walks through the panes of `model`, those whose name holds `only`, so many times.
pub fn walks(model: impl Fn() -> Model, only: Option<&str>, repeats: usize) -> Vec<Walk> {
    let wanted = |screen: &str| only.is_none_or(|only| screen.contains(only));
    let chosen: Vec<_> = WALKS.iter().filter(|(screen, _)| wanted(screen)).collect();
    let mut steps: Vec<Vec<Vec<Step>>> = chosen.iter().map(|_| Vec::new()).collect();
    for _ in 0..repeats {
        let mut walker = Walker::new(model());
        for ((_, keys), steps) in chosen.iter().zip(&mut steps) {
            steps.push(walker.walk(keys));
        }
    }
    let all = chosen.into_iter().zip(steps);
    all.map(|((screen, keys), steps)| best(screen, keys, steps))
        .collect()
}

/// What a key took in one walk.
struct Step {
    key: Duration,
    answer: Duration,
    frame: Duration,
}

/// The slowest steps, each as quick as it ever was: whatever else the machine did then does not count.
fn best(screen: &'static str, keys: &str, walks: Vec<Vec<Step>>) -> Walk {
    let mut worst = Walk {
        screen,
        frame: Duration::ZERO,
        key: Duration::ZERO,
        slowest: String::new(),
        answer: Duration::ZERO,
    };
    for (at, word) in keys.split_whitespace().enumerate() {
        let least = |of: fn(&Step) -> Duration| {
            let all = walks.iter().filter_map(|walk| walk.get(at)).map(of);
            all.min().unwrap_or_default()
        };
        let key = least(|step| step.key);
        if key > worst.key {
            worst.key = key;
            worst.slowest = word.to_owned();
        }
        worst.frame = worst.frame.max(least(|step| step.frame));
        worst.answer = worst.answer.max(least(|step| step.answer + step.frame));
    }
    worst
}

/// An app with a screen in memory.
struct Walker {
    app: App,
    terminal: Terminal<TestBackend>,
}

impl Walker {
    fn new(model: Model) -> Walker {
        let options = Options {
            theme: Some("dark".to_owned()),
            ..Options::default()
        };
        let app = App::with_models(vec![model], &options).expect("an app");
        let backend = TestBackend::new(SIZE.0, SIZE.1);
        let terminal = Terminal::new(backend).expect("a screen in memory");
        Walker { app, terminal }
    }

    fn draw(&mut self) -> Duration {
        let begun = Instant::now();
        self.terminal
            .draw(|frame| render::render(&self.app, frame))
            .expect("a frame");
        begun.elapsed()
    }

    /// A key with the frame after it.
    fn press(&mut self, key: &str) -> Duration {
        let begun = Instant::now();
        self.app.press(key).expect("a key");
        self.draw();
        begun.elapsed()
    }

    fn walk(&mut self, keys: &str) -> Vec<Step> {
        self.app.settle_within(PATIENCE);
        self.draw();
        let mut steps = Vec::new();
        for word in keys.split_whitespace() {
            let (key, waits) = match word.strip_prefix('~') {
                Some(key) => (key, false),
                None => (word, true),
            };
            let key = match key {
                "open-all" => self.open_all(),
                key => self.press(key),
            };
            let (mut answer, mut frame) = (Duration::ZERO, Duration::ZERO);
            if waits {
                answer = self.app.settle_within(PATIENCE);
                let mut frames: Vec<Duration> = (0..FRAMES).map(|_| self.draw()).collect();
                frames.sort();
                frame = frames[FRAMES / 2];
            }
            steps.push(Step { key, answer, frame });
        }
        steps
    }

    /// Opens row after row of the tree; what the slowest of a thousand keys takes.
    fn open_all(&mut self) -> Duration {
        let mut all = vec![self.press("g")];
        for _ in 0..OPENED {
            for key in ["l", "j"] {
                let begun = Instant::now();
                self.app.press(key).expect("a key");
                all.push(begun.elapsed());
                self.app.settle_within(PATIENCE);
            }
        }
        all.sort();
        all[all.len() - 1 - all.len() / 1000] + self.draw()
    }
}

//! Thousands of keys and clicks on every sample at every size, from a fixed seed: nothing may fall over, neither what
//! draws nor a job. Done on `App`, because a screen a key through a pseudo-terminal would take hours.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use mexplore::format::{self, OpenOptions};
use mexplore::tui::command::TABLE;
use mexplore::tui::term::{
    InputEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind, Terminal, TestBackend,
};
use mexplore::tui::{App, Event, Options, jobs, render};

/// xorshift64*, so that the same keys are pressed everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }
}

/// What a sitting begins with; the last opens four models at once.
const SITTINGS: [&[&str]; 12] = [
    &["digits_cnn"],
    &["digits_cnn.int8.tflite"],
    &["sharded"],
    &["text_classifier"],
    &["v1_softmax"],
    &["lstm"],
    &["digits_metadata.tflite"],
    &["dense_four_lines"],
    &["softmax_mlp"],
    &["custom_layer"],
    &["autoencoder"],
    &[
        "digits_cnn.float16.tflite",
        "digits_cnn.int16x8.tflite",
        "lstm",
        "dense_four_lines",
    ],
];

const SIZES: [(u16, u16); 14] = [
    (80, 24),
    (120, 36),
    (200, 60),
    (30, 8),
    (1, 1),
    (2, 3),
    (3, 2),
    (79, 23),
    (33, 60),
    (200, 5),
    (5, 200),
    (60, 16),
    (81, 16),
    (400, 100),
];

const KEYS_A_SITTING: usize = 600;

/// Faults of jobs end as cards on the screen; the hook hears of them too.
static FAULTS: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn hear_faults_of_jobs() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() == Some(jobs::THREAD) {
            FAULTS.lock().unwrap().push(panic.to_string());
        }
        before(panic);
    }));
}

fn draw(app: &App, (columns, rows): (u16, u16)) {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal.draw(|frame| render::render(app, frame)).unwrap();
}

fn click(dice: &mut Dice, (columns, rows): (u16, u16)) -> Event {
    let kind = dice.pick(&[
        MouseEventKind::Down(MouseButton::Left),
        MouseEventKind::Down(MouseButton::Left),
        MouseEventKind::Drag(MouseButton::Left),
        MouseEventKind::Up(MouseButton::Left),
        MouseEventKind::Down(MouseButton::Right),
        MouseEventKind::ScrollDown,
        MouseEventKind::ScrollUp,
        MouseEventKind::Moved,
    ]);
    Event::Input(InputEvent::Mouse(MouseEvent {
        kind,
        // Beside the screen too: a click may come just after the terminal has become smaller.
        column: dice.below(usize::from(columns) + 2) as u16,
        row: dice.below(usize::from(rows) + 2) as u16,
        modifiers: KeyModifiers::NONE,
    }))
}

/// The next keys, as one would type them.
fn keys(dice: &mut Dice, known: &[&'static str]) -> Vec<&'static str> {
    match dice.below(12) {
        // A line of text, taken or given up. A slash only begins a search: nothing is written outside the folder.
        0 => {
            let mut typed = vec![dice.pick(&["Esc", "/", ":", "f", "t", "m", "e"])];
            if typed[0] == "/" {
                typed.insert(0, "Esc");
            }
            for _ in 0..dice.below(6) {
                typed.push(dice.pick(&["c", "o", "n", "v", "3", "Space", "×", "é", "Backspace"]));
            }
            typed.push(dice.pick(&["Enter", "Esc", "Down", "Enter"]));
            typed
        }
        1 | 2 => vec![dice.pick(&["1", "2", "3", "4", "5", "6", "7", "8", "9"])],
        3..=6 => vec![
            dice.pick(&[
                "Up",
                "Down",
                "Left",
                "Right",
                "Enter",
                "Tab",
                "Backspace",
                "End"
            ]);
            1 + dice.below(4)
        ],
        _ => vec![dice.pick(known)],
    }
}

#[test]
fn a_monkey_finds_no_fault() {
    hear_faults_of_jobs();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    // What it exports and converts goes here. The other tests of this program name their folders in full.
    let folder = tempfile::tempdir().unwrap();
    std::env::set_current_dir(folder.path()).unwrap();
    let known: Vec<&'static str> = TABLE
        .iter()
        .flat_map(|e| e.keys)
        .copied()
        .filter(|k| *k != "/")
        .collect();
    for (sitting, names) in SITTINGS.iter().enumerate() {
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15 ^ (sitting as u64 + 1));
        let options = Options {
            theme: Some("dark".to_owned()),
            config: Some(PathBuf::from("no-settings")),
            ..Options::default()
        };
        let models = names
            .iter()
            .map(|name| format::open(&samples.join(name), &OpenOptions::default()).unwrap())
            .collect();
        let mut app = App::with_models(models, &options).unwrap();
        let mut size = (80, 24);
        let mut pressed: Vec<String> = Vec::new();
        for _ in 0..KEYS_A_SITTING {
            if dice.one_in(6) {
                size = dice.pick(&SIZES);
            }
            let before = FAULTS.lock().unwrap().len();
            if dice.one_in(6) {
                let event = click(&mut dice, size);
                if let Event::Input(InputEvent::Mouse(mouse)) = &event {
                    pressed.push(format!("{:?}@{}x{}", mouse.kind, mouse.column, mouse.row));
                }
                step(&mut app, &pressed, size, |app| app.event(event));
            } else {
                for key in keys(&mut dice, &known) {
                    pressed.push(key.to_owned());
                    step(&mut app, &pressed, size, |app| app.press(key).unwrap());
                }
            }
            match dice.below(8) {
                // Long work is stopped more often than waited for.
                0 | 1 => step(&mut app, &pressed, size, |app| {
                    app.press("Esc Esc").unwrap();
                    app.settle();
                }),
                2 => step(&mut app, &pressed, size, App::settle),
                _ => {}
            }
            let faults = FAULTS.lock().unwrap();
            assert!(
                faults.len() == before,
                "{names:?} after {pressed:?}: a job fell over: {:?}",
                faults.last()
            );
        }
    }
    std::env::set_current_dir(env!("CARGO_MANIFEST_DIR")).unwrap();
}

/// Does it and draws; says which keys led to a fault.
fn step(app: &mut App, pressed: &[String], size: (u16, u16), change: impl FnOnce(&mut App)) {
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        change(app);
        draw(app, size);
    }));
    if let Err(panic) = done {
        eprintln!("at {size:?} after {}", pressed.join(" "));
        std::panic::resume_unwind(panic);
    }
}

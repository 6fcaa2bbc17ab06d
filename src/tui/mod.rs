//! The terminal UI. `Event → Command → App::apply → render(&App)`: state changes only in `apply`, drawing only reads.

pub mod app;
pub mod choices;
pub mod command;
pub mod config;
pub mod counts;
mod desk;
mod fault;
pub mod focus;
mod guard;
mod input;
pub mod jobs;
pub mod keymap;
pub mod measured;
pub mod overlay;
pub mod panes;
pub mod parsers;
pub mod picture;
pub mod place;
pub mod render;
pub mod search;
pub mod term;
pub mod text;
pub mod theme;
mod travel;
mod watch;
pub mod widgets;

use std::path::PathBuf;
use std::sync::Weak;
use std::sync::mpsc::{RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

pub use app::App;
pub use fault::Fault;

use self::guard::Screen;
use self::panes::PaneId;
use self::term::InputEvent;
use crate::error::{Error, Result};
use crate::format::OpenOptions;
use crate::model::Model;

/// What can happen.
pub enum Event {
    Input(InputEvent),
    Job(jobs::Finished),
    /// What a job has found so far.
    Part(jobs::Finished),
    /// The files of this model are no longer what was opened.
    Changed(Weak<Model>),
    /// A signal asked the program to stop until it is sent on.
    Suspend,
    /// A signal asked the program to end.
    Terminate,
}

/// How the UI starts.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// A theme by name; the config file's or a fitting one without it.
    pub theme: Option<String>,
    /// The pane to begin with.
    pub pane: Option<PaneId>,
    pub open: OpenOptions,
    /// Where places of earlier sittings are kept; nothing is remembered without it.
    pub cache: Option<PathBuf>,
    /// Where `config.toml` and `themes/` are; the usual folder without it.
    pub config: Option<PathBuf>,
}

/// A small model is there before the first frame; a slow one gets a frame that says so.
const FIRST_FRAME_WAITS: Duration = Duration::from_millis(30);
/// While work runs, a frame this often shows how far it is.
const TICK: Duration = Duration::from_millis(100);
/// Events that wait are taken together before the next frame, but not more than this.
const BATCH: usize = 64;

/// Opens the models and runs until the person leaves.
///
/// # Errors
/// A bad config file or theme, or a terminal that can't be used. A model that can't be opened is a card on the screen.
pub fn run(paths: &[PathBuf], options: &Options) -> Result<()> {
    let mut app = App::new(options)?;
    app.watches = true;
    for path in paths {
        app.open(path.clone());
    }
    let begun = Instant::now();
    while !app.jobs_idle() {
        let left = FIRST_FRAME_WAITS.saturating_sub(begun.elapsed());
        match app.receiver().recv_timeout(left) {
            Ok(event) => app.event(event),
            Err(_) => break,
        }
    }
    let mut screen = Screen::take()?;
    read_input(app.sender());
    on_signals(app.sender());
    let mut draw = true;
    while !app.is_done() {
        if std::mem::take(&mut draw) {
            screen.draw(|frame| render::render(&app, frame))?;
        }
        let first = if app.jobs_idle() {
            app.receiver()
                .recv()
                .map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            app.receiver().recv_timeout(TICK)
        };
        match first {
            Ok(event) => app.event(event),
            Err(RecvTimeoutError::Timeout) => app.tick(),
            Err(RecvTimeoutError::Disconnected) => break,
        }
        for _ in 1..BATCH {
            match app.receiver().try_recv() {
                Ok(event) => app.event(event),
                Err(_) => break,
            }
        }
        if let Some(text) = app.take_copied() {
            screen.copy(&text)?;
        }
        if app.take_suspend() {
            screen.suspend()?;
            app.touch();
        }
        if app.take_redraw() {
            screen.clear()?;
            app.touch();
        }
        draw = app.take_changed();
    }
    drop(screen);
    app.remember();
    crate::format::finish_writing();
    Ok(())
}

/// The screen after `keys` (as [`App::press`] reads them) as an SVG picture of `columns` by `rows` cells. Needs no
/// terminal; waits for the work that the keys start.
///
/// # Errors
/// As [`run`], a key that is none, or a size of nothing.
pub fn picture(
    paths: &[PathBuf],
    options: &Options,
    keys: &str,
    (columns, rows): (u16, u16),
) -> Result<String> {
    let mut app = App::new(options)?;
    for path in paths {
        app.open(path.clone());
    }
    app.settle();
    let mut terminal = term::Terminal::new(term::TestBackend::new(columns, rows))
        .map_err(|e| Error::usage(e.to_string()))?;
    // Drawn before each key too: some keys go by what is on the screen.
    for key in std::iter::once("").chain(keys.split_whitespace()) {
        app.press(key)?;
        app.settle();
        terminal
            .draw(|frame| render::render(&app, frame))
            .map_err(|e| Error::usage(e.to_string()))?;
    }
    let (foreground, background) = picture::base_colours(app.theme.style(theme::Role::Screen));
    Ok(picture::svg(
        terminal.backend().buffer(),
        foreground,
        background,
    ))
}

/// Keys, mouse and size changes, from a thread that ends with the program.
fn read_input(sender: Sender<Event>) {
    std::thread::spawn(move || {
        while let Ok(event) = ratatui::crossterm::event::read() {
            if sender.send(Event::Input(event)).is_err() {
                break;
            }
        }
        let _ = sender.send(Event::Terminate);
    });
}

#[cfg(unix)]
fn on_signals(sender: Sender<Event>) {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP};
    // Without the handler the program still ends on a signal, only less politely.
    if let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGTERM, SIGINT, SIGHUP, SIGTSTP])
    {
        std::thread::spawn(move || {
            for signal in signals.forever() {
                let event = match signal {
                    SIGTSTP => Event::Suspend,
                    _ => Event::Terminate,
                };
                if sender.send(event).is_err() {
                    break;
                }
            }
        });
    }
}

#[cfg(not(unix))]
fn on_signals(_sender: Sender<Event>) {}

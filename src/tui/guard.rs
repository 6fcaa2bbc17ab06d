//! Takes the terminal and gives it back, whatever happens: normal end, error, panic, signal.

use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use base64::Engine;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use ratatui::crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{execute, queue};

use super::jobs;
use super::term::{CrosstermBackend, Frame, Terminal};
use crate::error::{Error, Result};

/// Whether the terminal is ours; the panic hook and the end both look here, and only one gives it back.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal while the program has it; dropping gives it back.
pub struct Screen {
    terminal: Terminal<CrosstermBackend<io::Stdout>>,
}

fn failed(error: &io::Error) -> Error {
    Error::unsupported(format!("the terminal: {error}"))
        .hint("run `mexplore show` where there is none")
}

impl Screen {
    pub fn take() -> Result<Screen> {
        hook_panics();
        let enter = || -> io::Result<Screen> {
            grab()?;
            Ok(Screen {
                terminal: Terminal::new(CrosstermBackend::new(io::stdout()))?,
            })
        };
        enter().map_err(|e| {
            give_back();
            failed(&e)
        })
    }

    /// One frame, shown at once.
    pub fn draw(&mut self, render: impl FnOnce(&mut Frame)) -> Result<()> {
        let mut draw = || -> io::Result<()> {
            queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
            Ok(())
        };
        draw().map_err(|e| failed(&e))?;
        self.terminal.draw(render).map_err(|e| failed(&e))?;
        execute!(self.terminal.backend_mut(), EndSynchronizedUpdate).map_err(|e| failed(&e))
    }

    /// The next frame draws every cell.
    pub fn clear(&mut self) -> Result<()> {
        // `Terminal::clear` asks where the cursor stands, and the thread that reads keys would swallow the answer.
        let size = self.terminal.size().map_err(|e| failed(&e))?;
        self.terminal.resize(size.into()).map_err(|e| failed(&e))
    }

    /// Puts `text` into the clipboard of the terminal, also over SSH (OSC 52). tmux as it comes ignores that escape
    /// from programs, but takes the text from its own command and hands it on.
    pub fn copy(&mut self, text: &str) -> Result<()> {
        if std::env::var_os("TMUX").is_some_and(|v| !v.is_empty()) && load_tmux(text).is_ok() {
            return Ok(());
        }
        let encoded = base64::engine::general_purpose::STANDARD.encode(text);
        let out = self.terminal.backend_mut();
        write!(out, "\x1b]52;c;{encoded}\x1b\\")
            .and_then(|()| out.flush())
            .map_err(|e| failed(&e))
    }

    /// Back to the shell until it sends us on.
    #[cfg(unix)]
    pub fn suspend(&mut self) -> Result<()> {
        give_back();
        let stopped = signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGTSTP);
        grab().and(stopped).map_err(|e| failed(&e))?;
        self.clear()
    }

    #[cfg(not(unix))]
    pub fn suspend(&mut self) -> Result<()> {
        Ok(())
    }
}

/// `tmux load-buffer -w -`: into tmux's newest buffer and, by the client, into the clipboard.
fn load_tmux(text: &str) -> io::Result<()> {
    let mut tmux = Command::new("tmux")
        .args(["load-buffer", "-w", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let mut input = tmux.stdin.take();
    let written = input
        .as_mut()
        .map_or(Ok(()), |i| i.write_all(text.as_bytes()));
    drop(input);
    match tmux.wait()?.success() {
        true => written,
        false => Err(io::Error::other("tmux took it not")),
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn grab() -> io::Result<()> {
    TAKEN.store(true, SeqCst);
    enable_raw_mode()?;
    execute!(
        io::stdout(),
        EnterAlternateScreen,
        EnableMouseCapture,
        EnableBracketedPaste
    )
}

/// Leaves the terminal as it was; does nothing the second time. There is nobody to tell when it fails.
fn give_back() {
    if TAKEN.swap(false, SeqCst) {
        let _ = execute!(
            io::stdout(),
            EndSynchronizedUpdate,
            DisableBracketedPaste,
            DisableMouseCapture,
            LeaveAlternateScreen,
            Show
        );
        let _ = disable_raw_mode();
    }
}

/// A panic of the drawing thread gives the terminal back before anything is printed; one in a job becomes an error card.
fn hook_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let job = std::thread::current().name() == Some(jobs::THREAD);
            if job && TAKEN.load(SeqCst) {
                return;
            }
            give_back();
            before(panic);
        }));
    });
}

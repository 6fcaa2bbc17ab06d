//! Writing to stdout and stderr without falling over a closed pipe.

use std::io::{self, ErrorKind, IsTerminal, Write};

use serde::Serialize;

use crate::error::{Error, Result};
use crate::report::Style;

/// Whether `stream` should get colours: a terminal, and nobody said `NO_COLOR`.
fn colours(terminal: bool) -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    terminal && !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// How reports on stdout may look.
pub fn style() -> Style {
    Style {
        colour: colours(io::stdout().is_terminal()),
    }
}

/// Writes a report. That nobody reads on (`| head`) is no failure.
pub fn text(text: &str) -> Result<()> {
    bytes(text.as_bytes())
}

pub fn bytes(bytes: &[u8]) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => {
            Err(Error::unsupported(format!("can't write to stdout: {e}")))
        }
        _ => Ok(()),
    }
}

/// Writes one JSON value and a newline. NaN and infinities become null.
pub fn json(value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value)
        .map_err(|e| Error::unsupported(format!("can't write the report as JSON: {e}")))?;
    text.push('\n');
    self::text(&text)
}

/// One paragraph on stderr.
pub fn error(error: &Error) {
    say("error", "\x1b[1;31m", &error.to_string());
}

/// A remark on stderr that is no failure.
pub fn note(text: &str) {
    say("note", "\x1b[1m", text);
}

fn say(label: &str, colour: &str, text: &str) {
    let stderr = io::stderr();
    let mut err = stderr.lock();
    // When stderr is gone too, nobody is left to tell.
    let _ = if colours(err.is_terminal()) {
        writeln!(err, "{colour}{label}:\x1b[0m {text}")
    } else {
        writeln!(err, "{label}: {text}")
    };
}

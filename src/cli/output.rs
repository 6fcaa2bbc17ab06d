//! Writing to stdout and stderr without falling over a closed pipe.

use std::borrow::Cow;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

use crate::error::{Error, Result};
use crate::model::visible;
use crate::model::visible::is_hidden;
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
    bytes(harmless(text).as_bytes())
}

/// The text with nothing for a terminal to obey but line ends and the colours of [`Style`]: names of a model are
/// shown as they are read, and nothing that was overlooked does harm.
fn harmless(text: &str) -> Cow<'_, str> {
    let obeyed = |c: char| c != '\n' && is_hidden(c);
    if !text.contains(obeyed) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some(at) = rest.find(obeyed) {
        let (before, from) = rest.split_at(at);
        shown.push_str(before);
        let taken = match colour_length(from) {
            Some(length) => {
                shown.push_str(&from[..length]);
                length
            }
            None => {
                let hidden = from.chars().next().unwrap_or_default();
                shown.extend(hidden.escape_default());
                hidden.len_utf8()
            }
        };
        rest = &from[taken..];
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

/// Bytes of the colour that the text begins with: `\x1b[`, digits, `m`.
fn colour_length(text: &str) -> Option<usize> {
    let code = text.strip_prefix("\x1b[")?;
    let digits = code.bytes().take_while(u8::is_ascii_digit).count();
    code[digits..].starts_with('m').then_some(digits + 3)
}

pub fn bytes(bytes: &[u8]) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .or_else(closed_early)
}

/// Writes one JSON value and a newline, as it is made: it may be much longer than what it is made of. NaN and
/// infinities become null.
pub fn json(value: &impl Serialize) -> Result<()> {
    // Fewer, larger pieces than a line writer would make of it.
    const PIECE: usize = 64 << 10;
    let mut out = BufWriter::with_capacity(PIECE, io::stdout().lock());
    let written = write_json(value, &mut out).and_then(|()| {
        out.write_all(b"\n")?;
        out.flush()
    });
    written.or_else(closed_early)
}

/// That nobody reads on is no failure.
fn closed_early(error: io::Error) -> Result<()> {
    match error.kind() {
        ErrorKind::BrokenPipe => Ok(()),
        _ => Err(Error::unsupported(format!(
            "can't write to stdout: {error}"
        ))),
    }
}

fn write_json(value: &impl Serialize, to: impl Write) -> io::Result<()> {
    let format = Visible(PrettyFormatter::new());
    let mut serializer = Serializer::with_formatter(to, format);
    value.serialize(&mut serializer).map_err(io::Error::from)
}

/// Indented JSON with what hides in its strings as escapes; the writer itself does so with the first 32 characters.
struct Visible(PrettyFormatter<'static>);

/// Methods of [`Formatter`] as the pretty one has them.
macro_rules! as_pretty {
    ($($name:ident($($first:ident)?)),*) => {
        $(fn $name<W: ?Sized + Write>(&mut self, to: &mut W $(, $first: bool)?) -> io::Result<()> {
            self.0.$name(to $(, $first)?)
        })*
    };
}

impl Formatter for Visible {
    as_pretty!(
        begin_array(),
        end_array(),
        begin_array_value(first),
        end_array_value(),
        begin_object(),
        end_object(),
        begin_object_key(first),
        begin_object_value(),
        end_object_value()
    );

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        to: &mut W,
        text: &str,
    ) -> io::Result<()> {
        let mut rest = text;
        // Nearly all that is written.
        if text.bytes().all(|b| (b' '..=b'~').contains(&b)) {
            return to.write_all(text.as_bytes());
        }
        while let Some(at) = rest.find(is_hidden) {
            let (before, from) = rest.split_at(at);
            to.write_all(before.as_bytes())?;
            let hidden = from.chars().next().unwrap_or_default();
            for unit in hidden.encode_utf16(&mut [0; 2]) {
                write!(to, "\\u{unit:04x}")?;
            }
            rest = &from[hidden.len_utf8()..];
        }
        to.write_all(rest.as_bytes())
    }
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
    let text = visible(text);
    let stderr = io::stderr();
    let mut err = stderr.lock();
    // When stderr is gone too, nobody is left to tell.
    let _ = if colours(err.is_terminal()) {
        writeln!(err, "{colour}{label}:\x1b[0m {text}")
    } else {
        writeln!(err, "{label}: {text}")
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_pass_and_commands_to_the_terminal_are_shown() {
        let text = "\x1b[1mname\x1b[0m \x1b[2J\x1b]0;title\x07\u{9b}1m\u{202e}\r\nnext";
        let shown = "\x1b[1mname\x1b[0m \\u{1b}[2J\\u{1b}]0;title\\u{7}\\u{9b}1m\\u{202e}\\r\nnext";
        assert_eq!(harmless(text), shown);
    }

    #[test]
    fn json_means_the_same_and_hides_nothing() {
        let value = serde_json::json!({"a\u{9b}": "\u{7f}\u{202e}\u{e0041}ß"});
        let mut shown = Vec::new();
        write_json(&value, &mut shown).unwrap();
        let text = String::from_utf8(shown).unwrap();
        assert!(!text.contains(|c| c != '\n' && is_hidden(c)), "{text}");
        assert!(text.contains('ß'), "{text}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            value
        );
    }

    #[test]
    fn json_is_indented() {
        let value = serde_json::json!({"a": [1, {"b": []}], "c": {}, "d": "x\n"});
        let mut shown = Vec::new();
        write_json(&value, &mut shown).unwrap();
        assert_eq!(
            String::from_utf8(shown).unwrap(),
            serde_json::to_string_pretty(&value).unwrap()
        );
    }
}

//! The one error type of the library.
//!
//! An [`Error`] is written for the person who reads it: what failed, in which file, where in it,
//! and what to do. The [`Kind`] decides the exit code.

use std::fmt;
use std::path::{Path, PathBuf};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of failure this is; decides the exit code of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request makes no sense: an unknown signature key, a shape that does not fit. Exit code 2.
    Usage,
    /// The file can't be read: missing, damaged, not a model. Exit code 3.
    Unreadable,
    /// The model can't be run or converted as asked: an operator that is not there, bad values. Exit code 4.
    Unsupported,
    /// The person stopped the work. Exit code 1.
    Cancelled,
}

/// What went wrong, where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Error(Box<Inner>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Inner {
    kind: Kind,
    what: String,
    file: Option<PathBuf>,
    place: Option<String>,
    hint: Option<String>,
}

impl Error {
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        Error(Box::new(Inner {
            kind,
            what: what.into(),
            file: None,
            place: None,
            hint: None,
        }))
    }

    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(Kind::Usage, what)
    }

    pub fn unreadable(what: impl Into<String>) -> Self {
        Self::new(Kind::Unreadable, what)
    }

    pub fn unsupported(what: impl Into<String>) -> Self {
        Self::new(Kind::Unsupported, what)
    }

    pub fn cancelled() -> Self {
        Self::new(Kind::Cancelled, "stopped")
    }

    /// An I/O failure on `file`; the system's own words are kept.
    pub fn io(file: impl Into<PathBuf>, error: &std::io::Error) -> Self {
        Self::unreadable(error.to_string()).in_file(file)
    }

    /// Names the file, unless a more exact one is already named.
    #[must_use]
    pub fn in_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.0.file.get_or_insert_with(|| file.into());
        self
    }

    /// Names the place inside the file (a byte offset, a path in the structure, a node), outermost last.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.0.place = Some(match self.0.place.take() {
            Some(inner) => format!("{place}: {inner}"),
            None => place.to_string(),
        });
        self
    }

    /// Says what the person can do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint.get_or_insert_with(|| hint.into());
        self
    }

    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What failed, without file and place.
    pub fn what(&self) -> &str {
        &self.0.what
    }

    pub fn file(&self) -> Option<&Path> {
        self.0.file.as_deref()
    }

    pub fn place(&self) -> Option<&str> {
        self.0.place.as_deref()
    }

    pub fn advice(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// All but the advice, for those who show that apart.
    pub fn fault(&self) -> String {
        let mut fault = String::new();
        if let Some(file) = &self.0.file {
            fault += &format!("{}: ", file.display());
        }
        if let Some(place) = &self.0.place {
            fault += &format!("{place}: ");
        }
        fault + &self.0.what
    }

    pub fn is_cancelled(&self) -> bool {
        self.0.kind == Kind::Cancelled
    }

    /// The exit code that the command line promises.
    pub fn exit_code(&self) -> u8 {
        match self.0.kind {
            Kind::Cancelled => 1,
            Kind::Usage => 2,
            Kind::Unreadable => 3,
            Kind::Unsupported => 4,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fault())?;
        if let Some(hint) = &self.0.hint {
            write!(f, "; {hint}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_one_paragraph_from_file_to_advice() {
        let error = Error::unreadable("7 bytes, expected 8")
            .at("Buffer[3]")
            .at("Model")
            .in_file("x.tflite")
            .hint("copy the file again");
        assert_eq!(
            error.to_string(),
            "x.tflite: Model: Buffer[3]: 7 bytes, expected 8; copy the file again"
        );
        assert_eq!(
            error.fault(),
            "x.tflite: Model: Buffer[3]: 7 bytes, expected 8"
        );
        assert_eq!(error.exit_code(), 3);
    }
}

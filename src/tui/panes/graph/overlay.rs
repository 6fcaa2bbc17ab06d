//! What the colours of boxes mean, and why they may mean nothing.

use crate::tui::measured::Measured;

/// What the colours of boxes mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overlay {
    /// The family of the operator.
    #[default]
    Family,
    Bytes,
    Macs,
    Dtype,
    /// Of the last run.
    Time,
    /// Of the last comparison.
    Error,
}

impl Overlay {
    pub const ALL: [Overlay; 6] = [
        Overlay::Family,
        Overlay::Bytes,
        Overlay::Macs,
        Overlay::Dtype,
        Overlay::Time,
        Overlay::Error,
    ];

    pub fn title(self) -> &'static str {
        ["family", "bytes", "MAC", "type", "time", "error"][self as usize]
    }

    /// What to say when nothing was measured for a graph.
    pub fn missing(
        self,
        measured: &Measured,
        (meta_index, graph): (usize, usize),
    ) -> Option<&'static str> {
        let is_timed = || measured.times(meta_index, graph).is_some();
        match self {
            Overlay::Time if !measured.has_times() => Some("no run yet: press r"),
            Overlay::Time if is_timed() => None,
            Overlay::Time => Some("not in the last run"),
            Overlay::Error if !measured.has_errors() => Some("not compared yet: press d"),
            Overlay::Error if measured.errors(meta_index, graph).is_none() => Some("not compared"),
            _ => None,
        }
    }

    #[must_use]
    pub fn next(self) -> Overlay {
        Overlay::ALL[(self as usize + 1) % Overlay::ALL.len()]
    }
}

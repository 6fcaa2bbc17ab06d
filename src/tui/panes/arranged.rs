//! Rows of a list, filtered and in order: of a long list found by a job.

use std::cmp::Ordering;

use super::{Context, Handled, View};
use crate::error::Result;
use crate::progress::Progress;
use crate::tui::command::Command;
use crate::tui::jobs::Output;
use crate::tui::text;
use crate::tui::widgets::Split;

/// Lists up to this long are arranged before the next frame.
const AT_ONCE: usize = 5_000;
/// The job that arranges longer ones.
pub const JOB: &str = "arrange";

/// Which rows are shown, in their order.
#[derive(Debug, Default)]
pub struct Arranged {
    rows: Vec<u32>,
    /// Of all together.
    pub bytes: u64,
}

impl Arranged {
    /// All rows as they are.
    pub fn all(len: usize, bytes: u64) -> Arranged {
        Arranged {
            rows: (0..len as u32).collect(),
            bytes,
        }
    }

    /// The rows of `len` that fit, equal ones in the order that they have.
    ///
    /// # Errors
    /// Only when stopped.
    pub fn new(
        len: usize,
        fits: impl Fn(usize) -> bool,
        by: impl Fn(usize, usize) -> Ordering,
        bytes: impl Fn(usize) -> u64,
        progress: &Progress,
    ) -> Result<Arranged> {
        /// Rows between two looks at whether to stop.
        const STRIDE: usize = 4096;
        let mut rows = Vec::new();
        for from in (0..len).step_by(STRIDE) {
            progress.check()?;
            let part = from..len.min(from + STRIDE);
            rows.extend(part.filter(|at| fits(*at)).map(|at| at as u32));
        }
        rows.sort_by(|a, b| by(*a as usize, *b as usize));
        progress.check()?;
        let sum = rows
            .iter()
            .fold(0, |sum: u64, at| sum.saturating_add(bytes(*at as usize)));
        Ok(Arranged { rows, bytes: sum })
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The row at a place.
    pub fn get(&self, place: usize) -> Option<usize> {
        self.rows.get(place).map(|at| *at as usize)
    }

    /// The place of a row.
    pub fn position(&self, row: usize) -> Option<usize> {
        self.rows.iter().position(|at| *at as usize == row)
    }

    /// Where to stand when row `chosen` was chosen at `place` of what was shown before.
    pub fn stay(&self, chosen: Option<usize>, place: usize) -> usize {
        let found = chosen.and_then(|row| self.position(row));
        found.unwrap_or(place.min(self.len().saturating_sub(1)))
    }
}

/// A list with a filter, and beside it the detail of the chosen row.
pub trait Filtered {
    fn parts(&mut self) -> (&mut Split, &mut String);

    /// Filters and sorts anew.
    fn arrange(&mut self, cx: &mut Context);

    /// Moves the focus between list and detail, opens the filter's line, and leaves detail and filter again.
    fn take(&mut self, command: Command, cx: &mut Context) -> Handled {
        let (split, filter) = self.parts();
        if split.handle(command) == Handled::Yes {
            return Handled::Yes;
        }
        match command {
            Command::Cancel if split.detail => split.detail = false,
            Command::Cancel if !filter.is_empty() => {
                filter.clear();
                self.arrange(cx);
            }
            Command::Filter => cx.ask_live("filter", "keep rows with these words", filter.clone()),
            _ => return Handled::No,
        }
        Handled::Yes
    }
}

/// The words on a list's border: the filter, how many rows, their bytes where they are known.
pub fn note(shown: &Arranged, has_bytes: bool, filter: &str, view: &View) -> String {
    let mut words = Vec::new();
    if !filter.is_empty() {
        words.push(filter.to_owned());
    }
    words.push(shown.len().to_string());
    if has_bytes {
        words.push(text::bytes(shown.bytes));
    }
    if view.job(JOB).is_some() {
        words.push("arranging…".to_owned());
    }
    words.join(" · ")
}

/// Whether a list of `len` rows is too long to be gone through before the next frame.
pub fn is_long(len: usize) -> bool {
    len > AT_ONCE
}

/// Has a list of `len` rows arranged: `done` takes the result at once, or it comes as the answer of [`JOB`].
pub fn start(
    len: usize,
    arrange: impl FnOnce(&Progress) -> Result<Arranged> + Send + 'static,
    cx: &mut Context,
    done: impl FnOnce(Arranged, &Context),
) {
    if is_long(len) {
        cx.job(JOB, "arranging the list", move |progress| {
            Ok(Output::Arranged(arrange(progress)?))
        });
        return;
    }
    // Nothing stops this one. One that is on its way is no longer wanted.
    cx.stop(JOB);
    if let Ok(shown) = arrange(&Progress::new()) {
        done(shown, cx);
    }
}

//! The long work of a pane: its gauge while it runs, its card when it failed. The job itself is in [`crate::tui::jobs`].

use super::View;
use crate::error::Error;
use crate::tui::term::{Buffer, Line, Rect};
use crate::tui::theme::Role;
use crate::tui::widgets::{self, panel, put};

/// What Run, Convert and Compare keep of their jobs. What a job brings stays with the pane.
pub struct Work {
    /// Names of the jobs that take the place of the result while they run.
    names: &'static [&'static str],
    /// Titles of the box while one runs and after one failed.
    running: &'static str,
    failed: &'static str,
    error: Option<Error>,
}

/// A result on the screen stays there this long after new work begins, so that short work does not flicker.
const STAYS_MS: u128 = 200;

impl Work {
    pub fn new(
        names: &'static [&'static str],
        running: &'static str,
        failed: &'static str,
    ) -> Work {
        Work {
            names,
            running,
            failed,
            error: None,
        }
    }

    /// New work begins, or what failed no longer matters.
    pub fn begin(&mut self) {
        self.error = None;
    }

    /// Keeps the error of one of the jobs; gives back what is none of theirs.
    pub fn fail(&mut self, what: &str, error: Error) -> Result<(), Error> {
        if self.names.contains(&what) {
            self.error = Some(error);
            Ok(())
        } else {
            Err(error)
        }
    }

    /// The same for what went wrong before a job could begin.
    pub fn refuse(&mut self, error: Error) {
        self.error = Some(error);
    }

    /// Draws the gauge or the card into `area`; whether there was one. `empty`: there is no result to draw instead.
    pub fn render(
        &self,
        area: Rect,
        buf: &mut Buffer,
        view: &View,
        empty: bool,
        focused: bool,
    ) -> bool {
        let theme = view.theme;
        let job = self.names.iter().find_map(|name| view.job(name));
        if let Some(job) = job.filter(|j| empty || j.since.as_millis() > STAYS_MS) {
            let inner = panel(self.running, area, buf, theme, focused);
            widgets::gauge(inner, &job, buf, theme);
            put(
                inner,
                3,
                Line::styled("Esc stops it", theme[Role::Dim]),
                buf,
            );
            return true;
        }
        if let Some(error) = &self.error {
            let inner = panel(self.failed, area, buf, theme, focused);
            widgets::card(error, buf, inner, theme);
            return true;
        }
        false
    }
}

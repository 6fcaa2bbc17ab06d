//! What lies over the panes: help, lists to choose from, a line to type, an error card.

use std::sync::Arc;

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use tui_input::{Input, InputRequest};

use super::command::Command;
use super::focus::Thing;
use super::term::{KeyCode, KeyEvent, KeyModifiers};
use crate::error::{Error, Result};
use crate::progress::Progress;

/// The layer on top; it takes all keys.
pub enum Overlay {
    Help { scroll: usize },
    Picker(Picker),
    Ask(Ask),
    Card(Error),
}

/// A line of text that a pane asked for.
pub struct Ask {
    pub tag: &'static str,
    pub title: String,
    pub input: Input,
    pub live: bool,
}

/// What choosing a row does.
#[derive(Debug, Clone)]
pub enum Act {
    Command(Command),
    Thing(Thing),
    /// Index of an open model.
    Desk(usize),
    OpenOther,
    /// Back to the pane, with this tag.
    Text(&'static str, String),
}

#[derive(Debug, Clone)]
pub struct Choice {
    pub label: String,
    pub detail: String,
    pub act: Act,
}

/// A list narrowed by typing.
pub struct Picker {
    pub title: String,
    pub input: Input,
    pub choices: Arc<Vec<Choice>>,
    /// Indices into `choices`, the best first.
    pub shown: Vec<usize>,
    pub at: usize,
    /// Keeps the hits for `n` and `N`.
    pub is_search: bool,
    /// The choices are still being gathered, or narrowed to what was typed, by a job.
    pub busy: bool,
}

impl Picker {
    pub fn new(title: impl Into<String>, choices: Vec<Choice>) -> Picker {
        Picker {
            title: title.into(),
            input: Input::default(),
            shown: (0..choices.len()).collect(),
            choices: Arc::new(choices),
            at: 0,
            is_search: false,
            busy: false,
        }
    }

    /// Keeps the rows that fit what was typed, the best first; all of them when nothing was.
    pub fn narrow(&mut self) {
        let all = fitting(&self.choices, self.input.value(), &Progress::new());
        // Nothing stops this one.
        self.found(all.unwrap_or_default());
    }

    /// Shows what fits.
    pub fn found(&mut self, shown: Vec<usize>) {
        self.at = 0;
        self.shown = shown;
        self.busy = false;
    }

    pub fn chosen(&self) -> Option<&Choice> {
        self.choices.get(*self.shown.get(self.at)?)
    }

    /// Moves by `step` rows, round the ends.
    pub fn step(&mut self, step: isize) {
        let rows = self.shown.len() as isize;
        if rows > 0 {
            self.at = (self.at as isize + step).rem_euclid(rows) as usize;
        }
    }
}

/// Indices of the choices that fit `query`, the best first; all of them when it is empty.
///
/// # Errors
/// Only when `progress` was cancelled.
pub fn fitting(choices: &[Choice], query: &str, progress: &Progress) -> Result<Vec<usize>> {
    /// Choices between two looks at whether to stop.
    const STRIDE: usize = 4096;
    if query.trim().is_empty() {
        return Ok((0..choices.len()).collect());
    }
    let mut matcher = Matcher::new(Config::DEFAULT.match_paths());
    let pattern = Pattern::parse(query, CaseMatching::Smart, Normalization::Smart);
    let (mut buffer, mut both) = (Vec::new(), String::new());
    let mut scored: Vec<(u32, usize)> = Vec::new();
    for (at, choice) in choices.iter().enumerate() {
        if at % STRIDE == 0 {
            progress.check()?;
        }
        both.clear();
        both.extend([&choice.label, " ", &choice.detail]);
        let score = pattern.score(Utf32Str::new(&both, &mut buffer), &mut matcher);
        scored.extend(score.map(|score| (score, at)));
    }
    scored.sort_by_key(|&(score, at)| (std::cmp::Reverse(score), at));
    Ok(scored.into_iter().map(|(_, at)| at).collect())
}

/// One key into a line of text. Whether it meant something there.
pub fn edit(input: &mut Input, key: &KeyEvent) -> bool {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    let word = control || key.modifiers.contains(KeyModifiers::ALT);
    let request = match key.code {
        KeyCode::Char('u') if control => InputRequest::DeleteLine,
        KeyCode::Char('w') if control => InputRequest::DeletePrevWord,
        KeyCode::Char('k') if control => InputRequest::DeleteTillEnd,
        KeyCode::Char('a') if control => InputRequest::GoToStart,
        KeyCode::Char('e') if control => InputRequest::GoToEnd,
        KeyCode::Char(_) if word => return false,
        KeyCode::Char(letter) => InputRequest::InsertChar(letter),
        KeyCode::Backspace if word => InputRequest::DeletePrevWord,
        KeyCode::Backspace => InputRequest::DeletePrevChar,
        KeyCode::Delete => InputRequest::DeleteNextChar,
        KeyCode::Left if word => InputRequest::GoToPrevWord,
        KeyCode::Left => InputRequest::GoToPrevChar,
        KeyCode::Right if word => InputRequest::GoToNextWord,
        KeyCode::Right => InputRequest::GoToNextChar,
        KeyCode::Home => InputRequest::GoToStart,
        KeyCode::End => InputRequest::GoToEnd,
        _ => return false,
    };
    input.handle(request);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_narrows_to_what_fits() {
        let choice = |label: &str, detail: &str| Choice {
            label: label.to_owned(),
            detail: detail.to_owned(),
            act: Act::OpenOther,
        };
        let mut picker = Picker::new(
            "",
            vec![
                choice("conv2d/kernel", "float32 3×3×1×8"),
                choice("dense/bias", "float32 10"),
                choice("dense/MatMul", "MatMul"),
            ],
        );
        picker.input = Input::new("dense matmul".to_owned());
        picker.narrow();
        assert_eq!(picker.chosen().unwrap().label, "dense/MatMul");
        assert_eq!(picker.shown.len(), 1);
        picker.input = Input::new("3×3".to_owned());
        picker.narrow();
        assert_eq!(picker.chosen().unwrap().label, "conv2d/kernel");
    }
}

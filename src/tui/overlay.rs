//! What lies over the panes: help, lists to choose from, a line to type, an error card.

use std::sync::Arc;

use tui_input::{Input, InputRequest};

use super::choices::fitting;
pub use super::choices::{Act, Choice, Choices, Fitting};
use super::term::{KeyCode, KeyEvent, KeyModifiers};
use crate::error::Error;
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

/// A list narrowed by typing.
pub struct Picker {
    pub title: String,
    pub input: Input,
    pub choices: Arc<Choices>,
    /// What fits the words that were typed.
    pub shown: Fitting,
    pub at: usize,
    /// Keeps the hits for `n` and `N`.
    pub is_search: bool,
    /// The choices are still being gathered, or narrowed to what was typed, by a job.
    pub busy: bool,
    /// Enter was pressed meanwhile: the best row is chosen when it is known. Keys that came after.
    pub entered: Option<Vec<KeyEvent>>,
}

impl Picker {
    pub fn new(title: impl Into<String>, choices: Vec<Choice>) -> Picker {
        Picker::of(title, Arc::new(Choices::Listed(choices)))
    }

    /// A list for the search.
    pub fn search(names: Arc<Choices>) -> Picker {
        Picker {
            is_search: true,
            ..Picker::of("search", names)
        }
    }

    /// A list for the search whose names are not there yet.
    pub fn unnamed() -> Picker {
        Picker {
            busy: true,
            ..Picker::search(Arc::new(Choices::Listed(Vec::new())))
        }
    }

    fn of(title: impl Into<String>, choices: Arc<Choices>) -> Picker {
        Picker {
            title: title.into(),
            input: Input::default(),
            shown: Fitting::All(choices.len() as u32),
            choices,
            at: 0,
            is_search: false,
            busy: false,
            entered: None,
        }
    }

    /// Keeps the rows that fit what was typed, the best first; all of them when nothing was.
    pub fn narrow(&mut self) {
        let query = self.input.value();
        let all = fitting(&self.choices, query, &Progress::new(), &mut |_| {});
        // Nothing stops this one.
        self.found(all.unwrap_or(Fitting::All(0)));
    }

    /// Shows what fits.
    pub fn found(&mut self, shown: Fitting) {
        self.at = 0;
        self.shown = shown;
        self.busy = false;
    }

    /// Shows the best of what was looked through so far.
    pub fn found_so_far(&mut self, shown: Fitting) {
        self.at = self.at.min(shown.len().saturating_sub(1));
        self.shown = shown;
    }

    /// The chosen row of `choices`.
    pub fn chosen(&self) -> Option<usize> {
        self.shown.get(self.at)
    }

    /// Moves by `step` rows, round the ends.
    pub fn step(&mut self, step: isize) {
        let rows = self.shown.len() as isize;
        if rows > 0 {
            self.at = (self.at as isize + step).rem_euclid(rows) as usize;
        }
    }
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
        let chosen = |picker: &Picker| picker.choices.words(picker.chosen().unwrap()).0;
        assert_eq!(chosen(&picker), "dense/MatMul");
        assert_eq!(picker.shown.len(), 1);
        picker.input = Input::new("3×3".to_owned());
        picker.narrow();
        assert_eq!(chosen(&picker), "conv2d/kernel");
    }
}

//! Pairs of a word and what it says, one a line.

use crate::tui::term::{Buffer, Line, Rect, Span, Style};
use crate::tui::text;
use crate::tui::theme::{Role, Theme};

/// A list of facts; long ones go on below.
#[derive(Debug, Default)]
pub struct Facts {
    lines: Vec<Line<'static>>,
    word: usize,
}

impl Facts {
    /// Words take `word` columns.
    pub fn new(word: usize) -> Facts {
        Facts {
            lines: Vec::new(),
            word,
        }
    }

    pub fn add(&mut self, theme: &Theme, word: &str, says: impl Into<String>) {
        self.styled(theme, word, says, theme[Role::Text]);
    }

    pub fn styled(&mut self, theme: &Theme, word: &str, says: impl Into<String>, style: Style) {
        self.lines.push(Line::from(vec![
            Span::styled(text::left(word, self.word) + " ", theme[Role::Dim]),
            Span::styled(text::clean(&says.into()), style),
        ]));
    }

    pub fn heading(&mut self, theme: &Theme, words: &str) {
        if !self.lines.is_empty() {
            self.lines.push(Line::raw(""));
        }
        self.lines
            .push(Line::styled(words.to_owned(), theme[Role::Title]));
    }

    pub fn line(&mut self, line: impl Into<Line<'static>>) {
        self.lines.push(line.into());
    }

    pub fn len(&self) -> usize {
        self.lines.len()
    }

    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Draws from line `scroll` on; returns how many rows were used.
    pub fn render(self, area: Rect, scroll: usize, buf: &mut Buffer) -> u16 {
        let mut row = 0;
        for line in self.lines.into_iter().skip(scroll) {
            super::put_cut(area, row, line, buf);
            row = row.saturating_add(1);
        }
        row.min(area.height)
    }
}

//! A choice among rows and the window that shows it.

use std::cell::Cell;
use std::ops::Range;

use crate::tui::command::Command;
use crate::tui::panes::Handled;
use crate::tui::term::{
    Buffer, Position, Rect, Scrollbar, ScrollbarOrientation, ScrollbarState, StatefulWidget,
};
use crate::tui::theme::{Role, Theme};

/// The chosen row. What the last frame showed is kept for the mouse and for the page keys.
#[derive(Debug, Default)]
pub struct Rows {
    pub at: usize,
    offset: Cell<usize>,
    area: Cell<Rect>,
}

impl Rows {
    /// Moves among `len` rows.
    pub fn handle(&mut self, command: Command, len: usize) -> Handled {
        let page = usize::from(self.area.get().height).max(2) - 1;
        let last = len.saturating_sub(1);
        self.at = match command {
            Command::Up => self.at.saturating_sub(1),
            Command::Down => self.at + 1,
            Command::PageUp => self.at.saturating_sub(page),
            Command::PageDown => self.at + page,
            Command::Top => 0,
            Command::Bottom => last,
            _ => return Handled::No,
        }
        .min(last);
        Handled::Yes
    }

    /// The rows that `area` shows, one a line, with the chosen one among them.
    pub fn window(&self, len: usize, area: Rect) -> Range<usize> {
        self.area.set(area);
        let height = usize::from(area.height);
        let mut offset = self.offset.get().min(len.saturating_sub(height));
        if self.at < offset {
            offset = self.at;
        } else if height > 0 && self.at >= offset + height {
            offset = self.at + 1 - height;
        }
        self.offset.set(offset);
        offset..len.min(offset + height)
    }

    /// The row under the mouse.
    pub fn row_at(&self, column: u16, row: u16, len: usize) -> Option<usize> {
        let area = self.area.get();
        area.contains(Position::new(column, row))
            .then(|| self.offset.get() + usize::from(row - area.y))
            .filter(|&at| at < len)
    }

    /// A thin bar on the right border when there is more than fits.
    pub fn scrollbar(&self, len: usize, border: Rect, buf: &mut Buffer, theme: &Theme) {
        let height = usize::from(self.area.get().height);
        if len <= height || border.height < 3 {
            return;
        }
        let mut state = ScrollbarState::new(len - height)
            .position(self.offset.get())
            .viewport_content_length(height);
        Scrollbar::new(ScrollbarOrientation::VerticalRight)
            .begin_symbol(None)
            .end_symbol(None)
            .track_symbol(Some("│"))
            .thumb_symbol("┃")
            .track_style(theme[Role::Border])
            .thumb_style(theme[Role::Dim])
            .render(
                Rect {
                    y: border.y + 1,
                    height: border.height - 2,
                    ..border
                },
                buf,
                &mut state,
            );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_follows_the_choice_and_not_more() {
        let area = Rect::new(0, 0, 10, 4);
        let mut rows = Rows::default();
        assert_eq!(rows.window(10, area), 0..4);
        for _ in 0..4 {
            rows.handle(Command::Down, 10);
        }
        assert_eq!(rows.window(10, area), 1..5);
        rows.handle(Command::Up, 10);
        assert_eq!(rows.window(10, area), 1..5);
        rows.handle(Command::Bottom, 10);
        assert_eq!(rows.window(10, area), 6..10);
        assert_eq!(rows.row_at(3, 1, 10), Some(7));
        // Fewer rows than before: the choice stays among them.
        rows.handle(Command::Down, 2);
        assert_eq!(rows.at, 1);
        assert_eq!(rows.window(0, area), 0..0);
    }
}

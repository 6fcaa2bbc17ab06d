//! The only door to the terminal library: what draws names these, so a change of backend stays here and in `guard`.

pub use ratatui::Frame;
pub use ratatui::Terminal;
pub use ratatui::backend::{Backend, CrosstermBackend, TestBackend};
pub use ratatui::buffer::{Buffer, Cell};
pub use ratatui::crossterm::event::{
    Event as InputEvent, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent,
    MouseEventKind,
};
pub use ratatui::layout::{Constraint, Layout, Margin, Position, Rect};
pub use ratatui::style::{Color, Modifier, Style};
pub use ratatui::text::{Line, Span, Text};
pub use ratatui::widgets::{
    Block, BorderType, Borders, Clear, Paragraph, Scrollbar, ScrollbarOrientation, ScrollbarState,
    StatefulWidget, Widget, Wrap,
};

/// Columns that `text` takes on the screen.
pub fn width(text: &str) -> usize {
    Span::raw(text).width()
}

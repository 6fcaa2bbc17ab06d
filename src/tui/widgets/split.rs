//! A list on the left and its detail on the right, with a border between that can be dragged.

use std::cell::Cell;

use crate::tui::command::Command;
use crate::tui::panes::Handled;
use crate::tui::term::{MouseButton, MouseEvent, MouseEventKind, Rect};

/// The two sides; on a small screen only the one with the focus.
#[derive(Debug, Clone, Default)]
pub struct Split {
    /// The right side has the focus.
    pub detail: bool,
    /// Of the width for the left side, in percent, once it has been dragged.
    share: Option<u16>,
    dragged: bool,
    /// Both sides together as they were last drawn, and where the right one begins; empty when there is one side only.
    drawn: Cell<(Rect, u16)>,
}

/// Neither side gets narrower than this part, in percent.
const LEAST: u16 = 15;

impl Split {
    /// The two areas, one empty when there is no room for both. `share` is the list's usual part in percent.
    pub fn areas(&self, area: Rect, share: u16) -> (Rect, Rect) {
        self.areas_if(!super::is_small(area), area, share)
    }

    /// As [`Split::areas`], where the caller knows whether there is room for both.
    pub fn areas_if(&self, both: bool, area: Rect, share: u16) -> (Rect, Rect) {
        if !both {
            self.drawn.set(Default::default());
            return if self.detail {
                (Rect::ZERO, area)
            } else {
                (area, Rect::ZERO)
            };
        }
        let share = u32::from(self.share.unwrap_or(share));
        let wide = (u32::from(area.width) * share / 100) as u16;
        self.drawn.set((area, area.x + wide));
        (
            Rect {
                width: wide,
                ..area
            },
            Rect {
                x: area.x + wide,
                width: area.width - wide,
                ..area
            },
        )
    }

    pub fn handle(&mut self, command: Command) -> Handled {
        match command {
            Command::NextFocus | Command::PrevFocus => {
                self.detail = !self.detail;
                Handled::Yes
            }
            _ => Handled::No,
        }
    }

    /// Takes hold of the two borders in the middle and moves them.
    pub fn mouse(&mut self, mouse: MouseEvent) -> Handled {
        let (area, right) = self.drawn.get();
        match mouse.kind {
            MouseEventKind::Down(MouseButton::Left) => {
                let on_border = mouse.column == right || mouse.column + 1 == right;
                self.dragged = on_border && super::inside(area, mouse.column, mouse.row);
            }
            MouseEventKind::Drag(MouseButton::Left) if self.dragged && area.width > 0 => {
                let left = u32::from(mouse.column.saturating_sub(area.x));
                let share = (left * 100).div_ceil(u32::from(area.width)) as u16;
                self.share = Some(share.clamp(LEAST, 100 - LEAST));
            }
            MouseEventKind::Up(MouseButton::Left) if self.dragged => {
                self.dragged = false;
                return Handled::Yes;
            }
            _ => return Handled::No,
        }
        if self.dragged {
            Handled::Yes
        } else {
            Handled::No
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::term::KeyModifiers;

    #[test]
    fn the_border_follows_the_mouse_within_bounds() {
        let area = Rect::new(0, 2, 100, 20);
        let mut split = Split::default();
        assert_eq!(split.areas(area, 60).0.width, 60);
        let mut mouse = |kind, column| {
            let handled = split.mouse(MouseEvent {
                kind,
                column,
                row: 5,
                modifiers: KeyModifiers::NONE,
            });
            (handled, split.areas(area, 60).0.width)
        };
        let (down, drag) = (
            MouseEventKind::Down(MouseButton::Left),
            MouseEventKind::Drag(MouseButton::Left),
        );
        assert_eq!(mouse(drag, 30), (Handled::No, 60));
        assert_eq!(mouse(down, 40), (Handled::No, 60));
        assert_eq!(mouse(drag, 30), (Handled::No, 60));
        assert_eq!(mouse(down, 60), (Handled::Yes, 60));
        assert_eq!(mouse(drag, 30), (Handled::Yes, 30));
        assert_eq!(mouse(drag, 2), (Handled::Yes, 15));
        assert_eq!(
            mouse(MouseEventKind::Up(MouseButton::Left), 2).0,
            Handled::Yes
        );
        assert_eq!(mouse(drag, 50), (Handled::No, 15));
    }
}

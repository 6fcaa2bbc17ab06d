//! The Tree pane.

use std::sync::Arc;

use super::{Context, Handled, Pane, View};
use crate::model::Model;
use crate::tui::command::Command;
use crate::tui::term::{Buffer, Rect};
use crate::tui::widgets::panel;

/// State of the pane.
pub struct TreePane {}

impl TreePane {
    pub fn new(_model: &Arc<Model>) -> TreePane {
        TreePane {}
    }
}

impl Pane for TreePane {
    fn footer(&self) -> &'static [Command] {
        &[Command::Search]
    }

    fn handle(&mut self, _command: Command, _cx: &mut Context) -> Handled {
        Handled::No
    }

    fn render(&self, area: Rect, buf: &mut Buffer, view: &View) {
        panel("Tree", area, buf, view.theme, true);
    }
}

//! The Variables pane.

use std::sync::Arc;

use super::{Context, Handled, Pane, View};
use crate::model::Model;
use crate::tui::command::Command;
use crate::tui::term::{Buffer, Rect};
use crate::tui::widgets::panel;

/// State of the pane.
pub struct VariablesPane {}

impl VariablesPane {
    pub fn new(_model: &Arc<Model>) -> VariablesPane {
        VariablesPane {}
    }
}

impl Pane for VariablesPane {
    fn footer(&self) -> &'static [Command] {
        &[Command::Search]
    }

    fn handle(&mut self, _command: Command, _cx: &mut Context) -> Handled {
        Handled::No
    }

    fn render(&self, area: Rect, buf: &mut Buffer, view: &View) {
        panel("Variables", area, buf, view.theme, true);
    }
}

/// The answer of a checksum.
pub struct Check {}

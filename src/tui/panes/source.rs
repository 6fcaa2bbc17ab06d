//! The Source pane.

use std::sync::Arc;

use super::{Context, Handled, Pane, View};
use crate::model::Model;
use crate::tui::command::Command;
use crate::tui::term::{Buffer, Rect};
use crate::tui::widgets::panel;

/// State of the pane.
pub struct SourcePane {}

impl SourcePane {
    pub fn new(_model: &Arc<Model>) -> SourcePane {
        SourcePane {}
    }
}

impl Pane for SourcePane {
    fn footer(&self) -> &'static [Command] {
        &[Command::Search]
    }

    fn handle(&mut self, _command: Command, _cx: &mut Context) -> Handled {
        Handled::No
    }

    fn render(&self, area: Rect, buf: &mut Buffer, view: &View) {
        panel("Source", area, buf, view.theme, true);
    }
}

/// Text with its colours.
pub struct Coloured {}

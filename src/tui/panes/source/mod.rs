//! Source: the chosen thing as text, coloured by its syntax.

mod colour;
mod document;

use std::cell::Cell;
use std::sync::Arc;

use super::{Context, Handled, Pane, View};
use crate::model::Model;
use crate::tui::command::Command;
use crate::tui::focus::Focus;
use crate::tui::jobs::Output;
use crate::tui::term::{Buffer, Line, Rect, Span, width};
use crate::tui::text;
use crate::tui::theme::Role;
use crate::tui::widgets::{self, panel, panel_note, put};

pub use colour::Coloured;
use document::Kind;

/// State of the pane.
pub struct SourcePane {
    kind: Kind,
    /// What `coloured` was made of.
    made_of: Option<(Focus, Kind)>,
    coloured: Option<Coloured>,
    top: usize,
    left: usize,
    height: Cell<usize>,
}

impl SourcePane {
    pub fn new(_model: &Arc<Model>) -> SourcePane {
        SourcePane {
            kind: Kind::Thing,
            made_of: None,
            coloured: None,
            top: 0,
            left: 0,
            height: Cell::new(10),
        }
    }

    fn make(&mut self, cx: &mut Context) {
        let wanted = (*cx.focus, self.kind);
        if self.made_of == Some(wanted) {
            return;
        }
        self.made_of = Some(wanted);
        self.coloured = None;
        (self.top, self.left) = (0, 0);
        let model = cx.model.clone();
        cx.job("colour", "writing the text", move |progress| {
            let (focus, kind) = wanted;
            let document = document::of(&model, &focus, kind);
            Ok(Output::Coloured(colour::colour(document, progress)?))
        });
    }
}

impl Pane for SourcePane {
    fn footer(&self) -> &'static [Command] {
        &[
            Command::CycleText,
            Command::Copy,
            Command::Search,
            Command::Back,
        ]
    }

    fn shown(&mut self, cx: &mut Context) {
        self.make(cx);
    }

    fn job(&mut self, _what: &'static str, output: Output, _cx: &mut Context) {
        if let Output::Coloured(coloured) = output {
            self.coloured = Some(coloured);
        }
    }

    fn handle(&mut self, command: Command, cx: &mut Context) -> Handled {
        let lines = self.coloured.as_ref().map_or(0, |c| c.lines.len());
        let page = self.height.get().max(2) - 1;
        match command {
            Command::Up => self.top = self.top.saturating_sub(1),
            Command::Down => self.top += 1,
            Command::PageUp => self.top = self.top.saturating_sub(page),
            Command::PageDown => self.top += page,
            Command::Top => self.top = 0,
            Command::Bottom => self.top = lines,
            Command::Left => self.left = self.left.saturating_sub(8),
            Command::Right => self.left += 8,
            Command::CycleText => {
                self.kind = self.kind.next();
                self.make(cx);
            }
            _ => return Handled::No,
        }
        self.top = self.top.min(lines.saturating_sub(self.height.get()));
        Handled::Yes
    }

    fn copied(&self, _cx: &Context) -> Option<String> {
        let lines = &self.coloured.as_ref()?.lines;
        let plain = lines
            .iter()
            .map(|l| l.iter().map(|(_, t)| t.as_str()).collect::<String>());
        Some(plain.collect::<Vec<_>>().join("\n"))
    }

    fn render(&self, area: Rect, buf: &mut Buffer, view: &View) {
        let theme = view.theme;
        let Some(coloured) = &self.coloured else {
            let inner = panel("Source", area, buf, theme, true);
            widgets::message(inner, &["writing the text…"], buf, theme);
            return;
        };
        let title = text::fit_end(
            &text::clean(&coloured.title),
            area.width.saturating_sub(24) as usize,
        );
        let inner = panel(title, area, buf, theme, true);
        let lines = coloured.lines.len();
        panel_note(&format!("{lines} lines"), area, buf, theme[Role::Dim]);
        self.height.set(inner.height as usize);
        let edge = lines.to_string().len();
        for (row, line) in coloured
            .lines
            .iter()
            .enumerate()
            .skip(self.top)
            .take(inner.height as usize)
        {
            let mut spans = vec![Span::styled(
                format!("{:>edge$}  ", row + 1),
                theme[Role::Column],
            )];
            let mut skip = self.left;
            for (role, words) in line {
                let kept: String = words.chars().skip(skip).collect();
                skip = skip.saturating_sub(width(words));
                spans.push(Span::styled(kept, theme[*role]));
            }
            put(inner, (row - self.top) as u16, Line::from(spans), buf);
        }
    }
}

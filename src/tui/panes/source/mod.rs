//! Source: the chosen thing as text, coloured by its syntax.

mod colour;
mod document;
mod protobuf;

use std::cell::Cell;
use std::sync::Arc;

use super::{Context, Handled, Pane, View};
use crate::error::Result;
use crate::model::Model;
use crate::progress::Progress;
use crate::tui::command::Command;
use crate::tui::focus::Focus;
use crate::tui::jobs::{Output, discard};
use crate::tui::term::{Buffer, Line, Rect, Span, width};
use crate::tui::text;
use crate::tui::theme::Role;
use crate::tui::widgets::{self, panel, panel_note, put};

pub use colour::Coloured;
use document::{Form, Kind};

/// Texts of up to this many lines are searched before the next frame, longer ones by this job.
const SOUGHT_AT_ONCE: usize = 2_000;
const SEEK: &str = "seek";
/// Letters that go to the clipboard at most: terminals take no more.
const MOST_COPIED: usize = 1 << 20;

/// The lines that hold these words.
fn holding(coloured: &Coloured, words: &str, progress: &Progress) -> Result<Vec<usize>> {
    let words = words.to_lowercase();
    let mut hits = Vec::new();
    for (at, line) in coloured.lines.iter().enumerate() {
        if at % 1024 == 0 {
            progress.check()?;
        }
        let plain: String = line.iter().map(|(_, words)| words.as_str()).collect();
        if plain.to_lowercase().contains(&words) {
            hits.push(at);
        }
    }
    Ok(hits)
}

/// State of the pane.
pub struct SourcePane {
    kind: Kind,
    form: Form,
    /// What `coloured` was made of.
    made_of: Option<(Focus, Kind, Form)>,
    coloured: Option<Arc<Coloured>>,
    top: usize,
    left: usize,
    height: Cell<usize>,
    /// What is looked for in the text, the lines that hold it, and which of those one stands on.
    sought: String,
    hits: Vec<usize>,
    hit: usize,
}

impl SourcePane {
    pub fn new(_model: &Arc<Model>) -> SourcePane {
        SourcePane {
            kind: Kind::Thing,
            form: Form::Json,
            made_of: None,
            coloured: None,
            top: 0,
            left: 0,
            height: Cell::new(10),
            sought: String::new(),
            hits: Vec::new(),
            hit: 0,
        }
    }

    /// Looks for words in the text, from the line on that is at the top; in a long one by a job.
    fn seek(&mut self, cx: &mut Context) {
        let sought = self.sought.clone();
        let Some(coloured) = self.coloured.clone().filter(|_| !sought.is_empty()) else {
            cx.stop(SEEK);
            return self.found(Vec::new());
        };
        if coloured.lines.len() <= SOUGHT_AT_ONCE {
            // Nothing stops this one.
            let hits = holding(&coloured, &sought, &Progress::new());
            return self.found(hits.unwrap_or_default());
        }
        cx.job(SEEK, "looking through the text", move |progress| {
            let hits = holding(&coloured, &sought, progress)?;
            Ok(Output::Holding(sought, hits))
        });
    }

    /// These lines hold what is sought.
    fn found(&mut self, hits: Vec<usize>) {
        self.hits = hits;
        self.hit = self.hits.partition_point(|at| *at < self.top);
        if self.hit >= self.hits.len() {
            self.hit = 0;
        }
        self.show_hit();
    }

    /// Scrolls just as far as it takes to see the hit.
    fn show_hit(&mut self) {
        let (Some(&line), height) = (self.hits.get(self.hit), self.height.get().max(1)) else {
            return;
        };
        if !(self.top..self.top + height).contains(&line) {
            self.top = line.saturating_sub(height / 3);
        }
    }

    fn next_hit(&mut self, command: Command, cx: &mut Context) {
        let count = self.hits.len();
        if count == 0 {
            return cx.say(format!("{:?} is not in this text", self.sought));
        }
        let step = if command == Command::NextHit {
            1
        } else {
            count - 1
        };
        self.hit = (self.hit + step) % count;
        self.show_hit();
        cx.say(format!("hit {} of {count}", self.hit + 1));
    }

    fn make(&mut self, cx: &mut Context) {
        let wanted = (*cx.focus, self.kind, self.form);
        if self.made_of == Some(wanted) {
            return;
        }
        self.made_of = Some(wanted);
        discard(self.coloured.take());
        (self.top, self.left) = (0, 0);
        self.sought.clear();
        self.hits.clear();
        let model = cx.model.clone();
        cx.job("colour", "writing the text", move |progress| {
            let (focus, kind, form) = wanted;
            let document = document::of(&model, &focus, kind, form);
            Ok(Output::Coloured(colour::colour(document, progress)?))
        });
    }
}

impl Pane for SourcePane {
    fn footer(&self) -> &'static [Command] {
        &[
            Command::CycleText,
            Command::ViewMode,
            Command::Copy,
            Command::Search,
            Command::Back,
        ]
    }

    fn shown(&mut self, cx: &mut Context) {
        self.make(cx);
    }

    fn job(&mut self, _what: &'static str, output: Output, cx: &mut Context) {
        match output {
            Output::Coloured(coloured) => {
                self.coloured = Some(Arc::new(coloured));
                self.seek(cx);
            }
            Output::Holding(sought, hits) if sought == self.sought => self.found(hits),
            _ => {}
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
            Command::Search => cx.ask_live("find", "find in this text", self.sought.clone()),
            Command::NextHit | Command::PrevHit if !self.sought.is_empty() => {
                self.next_hit(command, cx);
            }
            Command::Cancel if !self.sought.is_empty() => {
                self.sought.clear();
                self.seek(cx);
            }
            Command::CycleText => {
                self.kind = self.kind.next();
                self.make(cx);
            }
            Command::ViewMode if !document::has_protobuf(cx.model) => {
                cx.say("a .tflite is no protobuf; this is all it says, as JSON");
            }
            Command::ViewMode => {
                self.form = self.form.other();
                if !document::has_message(cx.focus, self.kind) {
                    cx.say("this has no message of its own in the graph's file");
                }
                self.make(cx);
            }
            _ => return Handled::No,
        }
        self.top = self.top.min(lines.saturating_sub(self.height.get()));
        Handled::Yes
    }

    fn text(&mut self, tag: &'static str, words: &str, cx: &mut Context) {
        if tag == "find" {
            words.clone_into(&mut self.sought);
            self.seek(cx);
        }
    }

    fn copied(&self, _cx: &Context) -> Option<String> {
        let lines = &self.coloured.as_ref()?.lines;
        let mut all = String::new();
        for line in lines {
            if !all.is_empty() {
                all.push('\n');
            }
            all.extend(line.iter().map(|(_, words)| words.as_str()));
            if all.len() > MOST_COPIED {
                break;
            }
        }
        Some(all)
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
        let mut note = format!("{lines} lines");
        if !self.sought.is_empty() {
            note = format!("{:?} in {} of {note}", self.sought, self.hits.len());
        }
        panel_note(&note, area, buf, theme[Role::Dim]);
        self.height.set(inner.height as usize);
        let edge = lines.to_string().len();
        for (row, line) in coloured
            .lines
            .iter()
            .enumerate()
            .skip(self.top)
            .take(inner.height as usize)
        {
            let holds = self.hits.binary_search(&row).is_ok();
            let number = if holds { Role::Accent } else { Role::Column };
            let mut spans = vec![Span::styled(format!("{:>edge$}  ", row + 1), theme[number])];
            let mut skip = self.left;
            for (role, words) in line {
                let kept: String = words.chars().skip(skip).collect();
                skip = skip.saturating_sub(width(words));
                spans.push(Span::styled(kept, theme[*role]));
            }
            put(inner, (row - self.top) as u16, Line::from(spans), buf);
            if self.hits.get(self.hit) == Some(&row) {
                widgets::mark_row(inner, (row - self.top) as u16, buf, theme);
            }
        }
    }
}

//! Variables: the shards drawn to scale, and every entry with its place and owner.

mod shards;

use std::sync::Arc;

pub use self::shards::Shards;
use super::arranged::{self, Arranged, Filtered};
use super::twins::{self, Twin};
use super::{Context, Handled, Pane, View};
use crate::analysis::{self, Check};
use crate::error::Error;
use crate::model::{Format, Model, Variable, VariableId, VariableRole};
use crate::progress::Progress;
use crate::tui::command::Command;
use crate::tui::focus::Thing;
use crate::tui::jobs::{Output, discard};
use crate::tui::term::{Buffer, Line, MouseButton, MouseEvent, MouseEventKind, Rect, Style, width};
use crate::tui::text;
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::table::{Cell, Column};
use crate::tui::widgets::{self, Rows, Split, facts::Facts, is_small, panel, panel_note, table};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Offset,
    Bytes,
    Name,
}

/// State of the pane.
pub struct VariablesPane {
    /// Which of [`Model::variables`] are shown, filtered and in order.
    shown: Arranged,
    /// Whether they were once asked to be arranged, and are.
    begun: bool,
    settled: bool,
    shards: Option<Shards>,
    rows: Rows,
    order: Order,
    filter: String,
    split: Split,
    checks: Option<Vec<Check>>,
}

const COLUMNS: [Column; 6] = [
    Column::left("", 1, 1),
    Column::left("name", 0, 0),
    Column::left("shape", 12, 3),
    Column::right("shard", 5, 4),
    Column::right("offset", 11, 2),
    Column::right("bytes", 8, 0),
];

/// The column of what checking said.
const MARK: usize = 0;
/// The column of the shard.
const SHARD: usize = 3;

impl VariablesPane {
    pub fn new(model: &Arc<Model>) -> VariablesPane {
        VariablesPane {
            // Their bytes are added up when they are arranged.
            shown: Arranged::all(model.variables.len(), 0),
            begun: false,
            settled: false,
            shards: None,
            rows: Rows::default(),
            order: Order::Offset,
            filter: String::new(),
            split: Split::default(),
            checks: None,
        }
    }

    fn arranged(&mut self, shown: Arranged) {
        // At first one stands at the top, whatever is there.
        let stays = std::mem::replace(&mut self.settled, true) || self.rows.at > 0;
        let chosen = self.chosen().filter(|_| stays);
        discard(std::mem::replace(&mut self.shown, shown));
        self.rows.at = self.shown.stay(chosen, self.rows.at);
    }

    /// Draws the shards' map, now or by a job.
    fn map(&mut self, cx: &mut Context) {
        if !arranged::is_long(cx.model.variables.len()) {
            self.shards = Some(Shards::of(cx.model));
            return;
        }
        let model = cx.model.clone();
        cx.job("shards", "looking where everything lies", move |_| {
            Ok(Output::Shards(Shards::of(&model)))
        });
    }

    fn verified(&mut self, checks: Vec<Check>, cx: &mut Context) {
        let bad = checks.iter().filter(|c| c.is_damage()).count();
        cx.say(match bad {
            0 => format!("all {} entries are as they were written", checks.len()),
            1 => "1 entry is damaged".to_owned(),
            n => format!("{n} entries are damaged"),
        });
        self.checks = Some(checks);
    }

    fn chosen(&self) -> Option<usize> {
        self.shown.get(self.rows.at)
    }

    fn choose(&self, cx: &mut Context) {
        if let Some(at) = self.chosen() {
            cx.focus.thing = Thing::Variable(VariableId(at as u32));
        }
    }
}

impl Filtered for VariablesPane {
    fn parts(&mut self) -> (&mut Split, &mut String) {
        (&mut self.split, &mut self.filter)
    }

    /// Now or by a job; the chosen variable stays chosen.
    fn arrange(&mut self, cx: &mut Context) {
        let (model, order, filter) = (cx.model.clone(), self.order, self.filter.clone());
        let arrange = move |progress: &Progress| {
            let all = &model.variables;
            let holds = text::holds_words(&filter);
            let fits = |at: usize| {
                let v = &all[at];
                let words = || format!("{} {} {} {}", v.name, v.key, v.dtype, v.shape);
                filter.trim().is_empty() || holds(&words())
            };
            let by = |a: usize, b: usize| {
                let (a, b) = (&all[a], &all[b]);
                match order {
                    Order::Offset => (a.shard, a.offset).cmp(&(b.shard, b.offset)),
                    Order::Bytes => b.bytes.cmp(&a.bytes),
                    Order::Name => a.name.cmp(&b.name),
                }
            };
            Arranged::new(all.len(), fits, by, |at| all[at].bytes, progress)
        };
        let len = cx.model.variables.len();
        arranged::start(len, arrange, cx, |shown, _| self.arranged(shown));
    }
}

impl Pane for VariablesPane {
    fn footer(&self) -> &'static [Command] {
        &[
            Command::Verify,
            Command::Sort,
            Command::Filter,
            Command::NextFocus,
            Command::ShowTensors,
        ]
    }

    fn shown(&mut self, cx: &mut Context) {
        if !std::mem::replace(&mut self.begun, true) {
            self.arrange(cx);
            self.map(cx);
        }
        if let Some(id) = cx.focus.variable(cx.model)
            && let Some(at) = self.shown.position(id.0 as usize)
        {
            self.rows.at = at;
        }
        self.choose(cx);
    }

    fn handle(&mut self, command: Command, cx: &mut Context) -> Handled {
        if self.take(command, cx) == Handled::Yes {
            return Handled::Yes;
        }
        match command {
            Command::Enter => self.split.detail = true,
            Command::Verify => {
                let model = cx.model.clone();
                self.checks = None;
                cx.job("verify", "checksums", move |progress| {
                    Ok(Output::Verified(analysis::checksums(&model, progress)?))
                });
            }
            Command::Sort => {
                self.order = match self.order {
                    Order::Offset => Order::Bytes,
                    Order::Bytes => Order::Name,
                    Order::Name => Order::Offset,
                };
                self.arrange(cx);
            }
            _ => {
                let handled = self.rows.handle(command, self.shown.len());
                if handled == Handled::Yes {
                    self.choose(cx);
                }
                return handled;
            }
        }
        Handled::Yes
    }

    fn job(&mut self, _what: &'static str, output: Output, cx: &mut Context) {
        match output {
            Output::Arranged(shown) => {
                self.arranged(shown);
                self.choose(cx);
            }
            Output::Shards(shards) => self.shards = Some(shards),
            Output::Verified(checks) => self.verified(checks, cx),
            _ => {}
        }
    }

    fn job_failed(&mut self, _what: &'static str, error: Error, cx: &mut Context) {
        cx.fail(error);
    }

    fn text(&mut self, tag: &'static str, words: &str, cx: &mut Context) {
        if tag == "filter" {
            words.clone_into(&mut self.filter);
            self.arrange(cx);
            self.choose(cx);
        }
    }

    fn split(&mut self) -> Option<&mut Split> {
        Some(&mut self.split)
    }

    fn mouse(&mut self, mouse: MouseEvent, cx: &mut Context) -> Handled {
        if mouse.kind == MouseEventKind::Down(MouseButton::Left)
            && let Some(at) = self.rows.row_at(mouse.column, mouse.row, self.shown.len())
        {
            self.rows.at = at;
            self.choose(cx);
            return Handled::Yes;
        }
        Handled::No
    }

    fn render(&self, area: Rect, buf: &mut Buffer, view: &View) {
        let theme = view.theme;
        let model = view.model;
        if model.variables.is_empty() {
            let inner = panel("Variables", area, buf, theme, true);
            let why: &[&str] = match model.format {
                Format::Tflite => &[
                    "A .tflite keeps its weights as constants.",
                    "",
                    "4 shows them",
                ],
                Format::SavedModel => {
                    &["This model has no variables.", "", "4 shows its constants"]
                }
            };
            widgets::message(inner, why, buf, theme);
            return;
        }
        let map = (model.shards.len() as u16 + 2).min(area.height / 3);
        let area = if map >= 3 && !is_small(area) {
            let top = Rect {
                height: map,
                ..area
            };
            self.render_map(top, buf, view);
            Rect {
                y: area.y + map,
                height: area.height - map,
                ..area
            }
        } else {
            area
        };
        let (list, detail) = self.split.areas_if(area.width >= 80, area, 60);
        if !list.is_empty() {
            self.render_list(list, buf, view);
        }
        if !detail.is_empty() {
            self.render_detail(detail, buf, view);
        }
    }
}

impl VariablesPane {
    /// One bar per shard, all to the same scale; the chosen entry lights up where it is.
    fn render_map(&self, area: Rect, buf: &mut Buffer, view: &View) {
        let theme = view.theme;
        let model = view.model;
        let inner = panel("Shards", area, buf, theme, false);
        let largest = model
            .shards
            .iter()
            .filter_map(|s| s.bytes)
            .max()
            .unwrap_or(0)
            .max(1);
        let names = model
            .shards
            .iter()
            .map(|s| s.file.len())
            .max()
            .unwrap_or(0)
            .min(34);
        let room = (inner.width as usize).saturating_sub(names + 12);
        let chosen = self.chosen().map(|at| &model.variables[at]);
        let first = match chosen {
            Some(v) if model.shards.len() > inner.height as usize => (v.shard as usize)
                .saturating_sub(inner.height as usize / 2)
                .min(model.shards.len() - inner.height as usize),
            _ => 0,
        };
        for (row, (index, shard)) in model
            .shards
            .iter()
            .enumerate()
            .skip(first)
            .take(inner.height as usize)
            .enumerate()
        {
            let y = inner.y + row as u16;
            let name = text::left(&text::fit_end(&shard.file, names), names);
            buf.set_string(inner.x, y, name, theme[Role::Dim]);
            let at = inner.x + names as u16 + 1;
            let Some(bytes) = shard.bytes else {
                buf.set_string(at, y, "missing", theme[Role::Bad]);
                continue;
            };
            let full = ((bytes as f64 / largest as f64 * room as f64).ceil() as usize)
                .clamp(1, room.max(1));
            let shards = self.shards.as_ref();
            let owners = shards.map_or_else(|| vec![None; full], |s| s.owners(index, bytes, full));
            for (cell, owner) in owners.into_iter().enumerate() {
                let (symbol, style) = self.map_cell(owner, theme);
                buf.set_string(at + cell as u16, y, symbol, style);
            }
            let size = text::right(&text::bytes(bytes), 9);
            buf.set_string(
                inner.right().saturating_sub(9),
                y,
                size,
                theme[Role::Number],
            );
        }
    }

    /// A cell of a shard's bar by the entry in it; neighbours in the file differ in shade.
    fn map_cell(&self, owner: Option<usize>, theme: &Theme) -> (&'static str, Style) {
        let Some(at) = owner else {
            return ("·", theme[Role::Dim]);
        };
        if self.chosen() == Some(at) {
            return ("█", theme[Role::Accent]);
        }
        let bad = self
            .checks
            .as_ref()
            .and_then(|c| c.get(at))
            .is_some_and(|c| c.is_damage());
        let style = if bad {
            theme[Role::Bad]
        } else {
            theme[Role::Dim]
        };
        (if at.is_multiple_of(2) { "▓" } else { "▒" }, style)
    }

    fn mark(&self, at: usize, theme: &Theme) -> (&'static str, Style) {
        match self.checks.as_ref().and_then(|c| c.get(at)) {
            Some(Check::Good) => ("✔", theme[Role::Good]),
            Some(Check::Bad { .. }) => ("✘", theme[Role::Bad]),
            Some(Check::Missing) => ("?", theme[Role::Bad]),
            Some(Check::None) | None => ("", theme[Role::Dim]),
        }
    }

    fn render_list(&self, area: Rect, buf: &mut Buffer, view: &View) {
        let theme = view.theme;
        let all = &view.model.variables;
        let inner = panel("Variables", area, buf, theme, !self.split.detail);
        let note = arranged::note(&self.shown, self.settled, &self.filter, view);
        panel_note(&note, area, buf, theme[Role::Dim]);
        let sorted = match self.order {
            Order::Offset => 4,
            Order::Bytes => 5,
            Order::Name => 1,
        };
        let mut columns = COLUMNS;
        if view.model.shards.len() < 2 {
            columns[SHARD].hide();
        }
        if self.checks.is_none() {
            columns[MARK].hide();
        }
        table::render(
            inner,
            buf,
            theme,
            &columns,
            (&self.rows, self.shown.len(), !self.split.detail),
            Some(sorted),
            |row| {
                let Some(at) = self.shown.get(row) else {
                    return Vec::new();
                };
                let v = &all[at];
                let (mark, style) = self.mark(at, theme);
                let name = match v.role {
                    VariableRole::Weight => theme[Role::Text],
                    _ => theme[Role::Dim],
                };
                let words = text::clean(&v.name);
                let twin = self.shards.as_ref().map_or(Twin::None, |s| s.twin(at));
                vec![
                    Cell::Text(mark.to_owned(), style),
                    match twin {
                        Twin::None => Cell::Name(words, name),
                        twin => Cell::Twin {
                            name: words,
                            style: name,
                            told: twins::key_of(v),
                            both: twin == Twin::Whole,
                        },
                    },
                    Cell::Text(v.shape.to_string(), theme[Role::Number]),
                    Cell::Text(v.shard.to_string(), theme[Role::Dim]),
                    if v.slices.is_empty() {
                        Cell::Text(text::count(v.offset), theme[Role::Dim])
                    } else {
                        Cell::Text(format!("{} slices", v.slices.len()), theme[Role::Dim])
                    },
                    Cell::Text(text::bytes(v.bytes), theme[Role::Number]),
                ]
            },
        );
        self.rows.scrollbar(self.shown.len(), area, buf, theme);
    }

    /// What a variable is and where its bytes lie.
    fn place_of(&self, v: &Variable, view: &View, wide: usize) -> Facts {
        let theme = view.theme;
        let mut facts = Facts::new(9);
        let room = wide.saturating_sub(10);
        let values = format!("{} {}", v.dtype, v.shape);
        if width(&values) <= room {
            facts.add(theme, "values", values);
        } else {
            facts.add(theme, "dtype", v.dtype.to_string());
            facts.add(theme, "shape", v.shape.to_string());
        }
        facts.add(theme, "bytes", text::count(v.bytes));
        let file = |shard: u32| {
            let shards = &view.model.shards;
            shards.get(shard as usize).map_or("", |s| s.file.as_str())
        };
        let span = |offset: u64, bytes: u64| {
            let end = offset.saturating_add(bytes);
            format!("{} to {}", text::count(offset), text::count(end))
        };
        if v.slices.is_empty() {
            let shard = v.shard.to_string();
            let file = text::fit_end(file(v.shard), room.saturating_sub(width(&shard) + 3));
            facts.add(theme, "shard", format!("{shard}   {file}"));
            let both = span(v.offset, v.bytes);
            if width(&both) <= room {
                facts.add(theme, "offset", both);
            } else {
                facts.add(theme, "offset", text::count(v.offset));
                facts.add(
                    theme,
                    "ends at",
                    text::count(v.offset.saturating_add(v.bytes)),
                );
            }
        }
        for slice in &v.slices {
            let span = span(slice.offset, slice.bytes);
            facts.add(theme, "slice", format!("shard {}   {span}", slice.shard));
        }
        facts.add(
            theme,
            "use",
            match (v.role, v.trainable) {
                (VariableRole::Weight, Some(true)) => "weight, trainable",
                (VariableRole::Weight, Some(false)) => "weight, not trainable",
                (VariableRole::Weight, None) => "weight",
                (VariableRole::Table, _) => "of a hash table",
                (VariableRole::Optimizer, _) => "of the optimizer",
                (VariableRole::Bookkeeping, _) => "bookkeeping of the checkpoint",
                (VariableRole::Orphan, _) => "nothing names it",
            },
        );
        facts
    }

    /// The checksum in the file, and what came of checking it.
    fn checksum_of(&self, at: usize, v: &Variable, theme: &Theme) -> (String, Style) {
        let (says, role) = match (self.checks.as_ref().and_then(|c| c.get(at)), v.crc32c) {
            (Some(Check::Good), Some(crc)) => (format!("{crc:08x} ✔"), Role::Good),
            (Some(Check::Bad { found }), Some(crc)) => {
                (format!("{found:08x}, expected {crc:08x}"), Role::Bad)
            }
            (Some(Check::Missing), _) => ("its bytes are missing".to_owned(), Role::Bad),
            (Some(Check::Good), None) => ("of every slice ✔".to_owned(), Role::Good),
            (Some(Check::Bad { .. }), None) => ("a slice is damaged".to_owned(), Role::Bad),
            (_, Some(crc)) => (format!("{crc:08x} unchecked"), Role::Text),
            (_, None) if !v.slices.is_empty() => ("one for each slice".to_owned(), Role::Text),
            (_, None) => ("none".to_owned(), Role::Dim),
        };
        (says, theme[role])
    }

    fn render_detail(&self, area: Rect, buf: &mut Buffer, view: &View) {
        let theme = view.theme;
        let Some(at) = self.chosen() else {
            panel("", area, buf, theme, self.split.detail);
            return;
        };
        let v = &view.model.variables[at];
        let inner = panel(
            text::fit_end(&text::clean(&v.name), area.width.saturating_sub(6) as usize),
            area,
            buf,
            theme,
            self.split.detail,
        );
        let wide = inner.width as usize;
        let mut facts = self.place_of(v, view, wide);
        let (says, style) = self.checksum_of(at, v, theme);
        facts.styled(theme, "crc32c", says, style);
        facts.heading(theme, "Owners");
        for owner in &v.owners {
            facts.line(Line::styled(
                text::fit_end(&text::clean(owner), wide),
                theme[Role::Text],
            ));
        }
        if v.owners.is_empty() {
            facts.line(Line::styled("no object names it", theme[Role::Dim]));
        }
        facts.heading(theme, "Key");
        for line in text::folded(&text::clean(&v.key), wide) {
            facts.line(Line::styled(line, theme[Role::Dim]));
        }
        let used = facts.render(inner, 0, buf);
        if let Some(job) = view.job("verify").filter(|j| j.since.as_millis() > 300) {
            let rest = Rect {
                y: inner.y + (used + 1).min(inner.height),
                height: inner.height.saturating_sub(used + 1),
                ..inner
            };
            widgets::gauge(rest, &job, buf, theme);
        }
    }
}

//! Tensors: every stored value by size, and the chosen one's numbers.

use std::cell::RefCell;
use std::sync::Arc;

use super::{Context, Handled, Pane, View};
use crate::analysis::{self, Place, Statistics, TensorRow, Use};
use crate::error::Error;
use crate::format::npy;
use crate::model::{Model, Tensor};
use crate::tui::command::Command;
use crate::tui::focus::Thing;
use crate::tui::jobs::Output;
use crate::tui::term::{Buffer, Line, MouseButton, MouseEvent, MouseEventKind, Rect, Span, width};
use crate::tui::text;
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::grid::{self, Corner};
use crate::tui::widgets::table::{Cell, Column};
use crate::tui::widgets::{
    self, Rows, Split, facts::Facts, histogram, inside, panel, panel_note, put, table,
};

/// Values that were read, and what they say.
pub struct Loaded {
    pub place: Place,
    pub tensor: Tensor,
    pub statistics: Statistics,
}

/// Every stored tensor and what uses it.
pub struct Listed {
    pub rows: Vec<TensorRow>,
    pub uses: std::collections::HashMap<Place, Vec<Use>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Bytes,
    Name,
    Dtype,
    Shape,
}

impl Order {
    const ALL: [Order; 4] = [Order::Bytes, Order::Name, Order::Dtype, Order::Shape];

    fn column(self) -> usize {
        match self {
            Order::Name => 0,
            Order::Dtype => 1,
            Order::Shape => 2,
            Order::Bytes => 3,
        }
    }
}

/// State of the pane.
pub struct TensorsPane {
    listed: Option<Listed>,
    /// Indices into the list, filtered and in order.
    shown: Vec<usize>,
    rows: Rows,
    order: Order,
    filter: String,
    split: Split,
    loaded: Option<Result<Loaded, (Place, Error)>>,
    corner: Corner,
    heat: bool,
    detail: RefCell<Rect>,
}

/// Tensors up to this size are read as soon as they are chosen.
const READ_AT_ONCE: u64 = 64 << 20;
const BINS: usize = 64;

const COLUMNS: [Column; 7] = [
    Column::left("name", 0, 0),
    Column::left("dtype", 8, 4),
    Column::left("shape", 12, 2),
    Column::right("bytes", 8, 0),
    Column::left("share", 6, 3),
    Column::right("", 6, 5),
    Column::left("quantization", 18, 6),
];

impl TensorsPane {
    pub fn new(_model: &Arc<Model>) -> TensorsPane {
        TensorsPane {
            listed: None,
            shown: Vec::new(),
            rows: Rows::default(),
            order: Order::Bytes,
            filter: String::new(),
            split: Split::default(),
            loaded: None,
            corner: Corner::default(),
            heat: false,
            detail: RefCell::default(),
        }
    }

    fn row(&self) -> Option<&TensorRow> {
        self.listed
            .as_ref()?
            .rows
            .get(*self.shown.get(self.rows.at)?)
    }

    fn tensor(&self) -> Option<&Tensor> {
        match &self.loaded {
            Some(Ok(loaded)) => Some(&loaded.tensor),
            _ => None,
        }
    }

    /// Filters and sorts anew; the chosen tensor stays chosen.
    fn arrange(&mut self) {
        let chosen = self.row().map(|r| r.place.clone());
        let Some(listed) = &self.listed else { return };
        let holds = text::holds_words(&self.filter);
        let fits = |row: &TensorRow| holds(&format!("{} {} {}", row.name, row.dtype, row.shape));
        let rows = &listed.rows;
        self.shown = (0..rows.len()).filter(|&at| fits(&rows[at])).collect();
        match self.order {
            Order::Bytes => self
                .shown
                .sort_by_key(|&at| std::cmp::Reverse(rows[at].bytes)),
            Order::Name => self.shown.sort_by(|&a, &b| rows[a].name.cmp(&rows[b].name)),
            Order::Dtype => self.shown.sort_by_key(|&at| rows[at].dtype),
            Order::Shape => self
                .shown
                .sort_by(|&a, &b| rows[a].shape.0.cmp(&rows[b].shape.0)),
        }
        let at = chosen.and_then(|p| self.shown.iter().position(|&at| rows[at].place == p));
        self.rows.at = at.unwrap_or(self.rows.at.min(self.shown.len().saturating_sub(1)));
    }

    /// The list follows the shared selection, if that is a tensor.
    fn follow(&mut self, cx: &Context) {
        let thing = match (cx.focus.variable(cx.model), cx.focus.value(cx.model)) {
            (Some(id), _) => Thing::Variable(id),
            (None, Some((graph, value))) => Thing::Value { graph, value },
            _ => return,
        };
        let find = |pane: &Self| {
            let rows = &pane.listed.as_ref()?.rows;
            pane.shown
                .iter()
                .position(|&at| Thing::of_place(&rows[at].place, cx.model) == thing)
        };
        let mut at = find(self);
        if at.is_none() && !self.filter.is_empty() {
            self.filter.clear();
            self.arrange();
            at = find(self);
        }
        if let Some(at) = at {
            self.rows.at = at;
        }
    }

    /// The chosen row becomes the shared selection, and its values are read.
    fn choose(&mut self, cx: &mut Context) {
        let Some(row) = self.row() else { return };
        let (place, bytes) = (row.place.clone(), row.bytes);
        cx.focus.thing = Thing::of_place(&place, cx.model);
        let present = match &self.loaded {
            Some(Ok(loaded)) => Some(&loaded.place),
            Some(Err((place, _))) => Some(place),
            None => None,
        };
        if present == Some(&place) {
            return;
        }
        self.loaded = None;
        self.corner = Corner::default();
        if bytes <= READ_AT_ONCE {
            self.read(place, cx);
        }
    }

    fn read(&mut self, place: Place, cx: &mut Context) {
        let model = cx.model.clone();
        cx.job("values", "reading values", move |_| {
            let tensor = analysis::read(&model, &place)?;
            let statistics = analysis::statistics(&tensor, BINS);
            Ok(Output::Tensor(Box::new(Loaded {
                place,
                tensor,
                statistics,
            })))
        });
    }

    fn scroll(&mut self, command: Command) -> Handled {
        let Some(tensor) = self.tensor() else {
            return Handled::No;
        };
        let (rows, columns, slices) = grid::extent(tensor);
        let corner = &mut self.corner;
        match command {
            Command::Up => corner.row = corner.row.saturating_sub(1),
            Command::Down => corner.row += 1,
            Command::Left => corner.column = corner.column.saturating_sub(1),
            Command::Right => corner.column += 1,
            Command::PageUp => corner.row = corner.row.saturating_sub(10),
            Command::PageDown => corner.row += 10,
            Command::Top => {
                *corner = Corner {
                    slice: corner.slice,
                    ..Corner::default()
                }
            }
            Command::Bottom => corner.row = rows,
            Command::NextInput => corner.slice = (corner.slice + 1) % slices.max(1),
            Command::PrevInput => corner.slice = (corner.slice + slices.max(1) - 1) % slices.max(1),
            _ => return Handled::No,
        }
        corner.row = corner.row.min(rows.saturating_sub(1));
        corner.column = corner.column.min(columns.saturating_sub(1));
        Handled::Yes
    }

    fn export(&self, cx: &mut Context) {
        match (self.row(), self.tensor()) {
            (Some(row), Some(_)) => {
                let file = text::fresh_file(&text::file_name(&row.name), "npy");
                cx.ask("export", "write the values to", file.display().to_string());
            }
            _ => cx.say("no values to write yet"),
        }
    }
}

impl Pane for TensorsPane {
    fn footer(&self) -> &'static [Command] {
        if self.split.detail {
            &[
                Command::ViewMode,
                Command::NextInput,
                Command::NextFocus,
                Command::Export,
                Command::ShowGraph,
            ]
        } else {
            &[
                Command::Sort,
                Command::Filter,
                Command::NextFocus,
                Command::ViewMode,
                Command::ShowGraph,
            ]
        }
    }

    fn shown(&mut self, cx: &mut Context) {
        if self.listed.is_none() {
            let model = cx.model.clone();
            cx.job("list", "listing tensors", move |_| {
                Ok(Output::Tensors(Box::new(Listed {
                    rows: analysis::tensors(&model),
                    uses: analysis::uses(&model),
                })))
            });
            return;
        }
        self.follow(cx);
        self.choose(cx);
    }

    fn job(&mut self, _what: &'static str, output: Output, cx: &mut Context) {
        match output {
            Output::Tensors(listed) => {
                self.listed = Some(*listed);
                self.arrange();
                self.follow(cx);
                self.choose(cx);
            }
            Output::Tensor(loaded) => self.loaded = Some(Ok(*loaded)),
            Output::Saved(path) => cx.say(format!("wrote {}", path.display())),
            _ => {}
        }
    }

    fn job_failed(&mut self, what: &'static str, error: Error, cx: &mut Context) {
        match self.row().map(|r| r.place.clone()) {
            Some(place) if what == "values" => self.loaded = Some(Err((place, error))),
            _ => cx.fail(error),
        }
    }

    fn handle(&mut self, command: Command, cx: &mut Context) -> Handled {
        if self.split.handle(command) == Handled::Yes {
            return Handled::Yes;
        }
        let scroll =
            self.split.detail || matches!(command, Command::NextInput | Command::PrevInput);
        if scroll && self.scroll(command) == Handled::Yes {
            return Handled::Yes;
        }
        match command {
            Command::Enter if self.loaded.is_none() => {
                if let Some(place) = self.row().map(|r| r.place.clone()) {
                    self.read(place, cx);
                }
            }
            Command::Enter => self.split.detail = true,
            Command::Cancel if self.split.detail => self.split.detail = false,
            Command::Cancel if !self.filter.is_empty() => {
                self.filter.clear();
                self.arrange();
            }
            Command::Sort => {
                let at = Order::ALL
                    .iter()
                    .position(|o| *o == self.order)
                    .unwrap_or(0);
                self.order = Order::ALL[(at + 1) % Order::ALL.len()];
                self.arrange();
            }
            Command::Filter => {
                cx.ask_live("filter", "keep rows with these words", self.filter.clone())
            }
            Command::ViewMode => self.heat = !self.heat,
            Command::Export => self.export(cx),
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

    fn text(&mut self, tag: &'static str, words: &str, cx: &mut Context) {
        match tag {
            "filter" => {
                words.clone_into(&mut self.filter);
                self.arrange();
                self.choose(cx);
            }
            "export" => {
                let Some(tensor) = self.tensor().cloned() else {
                    return;
                };
                let path = std::path::PathBuf::from(words.trim());
                cx.job("export", "writing", move |_| {
                    npy::write_npy(&path, &tensor)?;
                    Ok(Output::Saved(path))
                });
            }
            _ => {}
        }
    }

    fn split(&mut self) -> Option<&mut Split> {
        Some(&mut self.split)
    }

    fn mouse(&mut self, mouse: MouseEvent, cx: &mut Context) -> Handled {
        let in_detail = inside(*self.detail.borrow(), mouse.column, mouse.row);
        match mouse.kind {
            MouseEventKind::ScrollDown if in_detail => self.scroll(Command::Down),
            MouseEventKind::ScrollUp if in_detail => self.scroll(Command::Up),
            MouseEventKind::ScrollDown | MouseEventKind::ScrollUp => {
                self.split.detail = false;
                Handled::No
            }
            MouseEventKind::Down(MouseButton::Left) => {
                self.split.detail = in_detail;
                if let Some(at) = self.rows.row_at(mouse.column, mouse.row, self.shown.len()) {
                    self.rows.at = at;
                    self.choose(cx);
                }
                Handled::Yes
            }
            _ => Handled::No,
        }
    }

    fn copied(&self, _cx: &Context) -> Option<String> {
        self.row().map(|r| r.name.to_string())
    }

    fn render(&self, area: Rect, buf: &mut Buffer, view: &View) {
        let share = if area.width >= 150 { 62 } else { 57 };
        let (list, detail) = self.split.areas(area, share);
        self.detail.replace(detail);
        if !list.is_empty() {
            self.render_list(list, buf, view.theme);
        }
        if !detail.is_empty() {
            self.render_detail(detail, buf, view);
        }
    }
}

impl TensorsPane {
    fn render_list(&self, area: Rect, buf: &mut Buffer, theme: &Theme) {
        let focused = !self.split.detail;
        let inner = panel("Tensors", area, buf, theme, focused);
        let Some(listed) = &self.listed else {
            put(inner, 0, Line::styled("counting…", theme[Role::Dim]), buf);
            return;
        };
        let bytes: u64 = self.shown.iter().map(|&at| listed.rows[at].bytes).sum();
        let mut note = format!("{} · {}", self.shown.len(), text::bytes(bytes));
        if !self.filter.is_empty() {
            note = format!("{} · {note}", self.filter);
        }
        panel_note(&note, area, buf, theme[Role::Dim]);
        if self.shown.is_empty() {
            let why = if self.filter.is_empty() {
                "This model stores no tensors."
            } else {
                "Nothing fits the filter."
            };
            widgets::message(inner, &[why], buf, theme);
            return;
        }
        let most = listed.rows.iter().map(|r| r.share).fold(1e-9, f64::max);
        table::render(
            inner,
            buf,
            theme,
            &COLUMNS,
            (&self.rows, self.shown.len(), focused),
            Some(self.order.column()),
            |at| {
                let row = &listed.rows[self.shown[at]];
                vec![
                    Cell::Name(text::clean(&row.name), theme[Role::Text]),
                    Cell::Text(row.dtype.to_string(), theme[Role::Dim]),
                    Cell::Text(row.shape.to_string(), theme[Role::Number]),
                    if row.shared {
                        Cell::Text("shared".to_owned(), theme[Role::Dim])
                    } else {
                        Cell::Text(text::bytes(row.bytes), theme[Role::Number])
                    },
                    Cell::Bar(row.share / most),
                    Cell::Text(text::percent(row.share), theme[Role::Dim]),
                    Cell::Text(
                        row.quantization.clone().unwrap_or_default(),
                        theme[Role::Quantize],
                    ),
                ]
            },
        );
        self.rows.scrollbar(self.shown.len(), area, buf, theme);
    }

    fn render_detail(&self, area: Rect, buf: &mut Buffer, view: &View) {
        let theme = view.theme;
        let Some(row) = self.row() else {
            panel("", area, buf, theme, self.split.detail);
            return;
        };
        let title = text::fit_end(
            &text::clean(&row.name),
            area.width.saturating_sub(6) as usize,
        );
        let inner = panel(title, area, buf, theme, self.split.detail);
        let used = self
            .facts(row, theme, inner.width as usize)
            .render(inner, 0, buf);
        let rest = Rect {
            y: inner.y + used,
            height: inner.height.saturating_sub(used),
            ..inner
        };
        match &self.loaded {
            Some(Ok(loaded)) if loaded.place == row.place => self.values(rest, loaded, buf, theme),
            Some(Err((_, error))) => widgets::card(error, buf, below(rest, 1), theme),
            _ if view.job("values").is_some() => {
                put(
                    below(rest, 1),
                    0,
                    Line::styled("reading values…", theme[Role::Dim]),
                    buf,
                );
            }
            _ => put(
                below(rest, 1),
                0,
                Line::styled("Enter reads the values", theme[Role::Dim]),
                buf,
            ),
        }
    }

    fn facts(&self, row: &TensorRow, theme: &Theme, wide: usize) -> Facts {
        let mut facts = Facts::new(8);
        let elements = match row.shape.elements() {
            Some(n) if row.shape.rank() != Some(0) => {
                format!("   {} values", text::count(n as u64))
            }
            _ => String::new(),
        };
        facts.add(
            theme,
            "shape",
            format!("{} {}{elements}", row.dtype, row.shape),
        );
        let of_all = text::percent(row.share);
        facts.add(
            theme,
            "bytes",
            format!("{}   {of_all} of the model", text::count(row.bytes)),
        );
        if let Some(quantization) = &row.quantization {
            facts.styled(theme, "scales", quantization.clone(), theme[Role::Quantize]);
        }
        let uses = self.listed.as_ref().and_then(|l| l.uses.get(&row.place));
        let mut words = Vec::new();
        let mut room = wide.saturating_sub(10);
        for used in uses.into_iter().flatten() {
            let word = format!(
                "{} {}",
                used.op,
                text::fit_end(&text::clean(&used.node), 32)
            );
            if width(&word) > room {
                break;
            }
            room = room.saturating_sub(width(&word) + 2);
            words.push(word);
        }
        if !words.is_empty() {
            facts.add(theme, "used by", words.join(", "));
        }
        facts
    }

    fn values(&self, area: Rect, loaded: &Loaded, buf: &mut Buffer, theme: &Theme) {
        let s = &loaded.statistics;
        let mut facts = Facts::new(8);
        if let (Some(min), Some(max), Some(mean), Some(std)) = (s.min, s.max, s.mean, s.std) {
            let n = |v: f64| text::number(v, 9);
            facts.add(theme, "range", format!("{} … {}", n(min), n(max)));
            facts.add(theme, "mean", format!("{} ± {}", n(mean), n(std)));
        }
        if s.zeros > 0 {
            let share = text::percent(s.zeros as f64 / s.count.max(1) as f64);
            facts.add(
                theme,
                "zeros",
                format!("{}   {share}", text::count(s.zeros as u64)),
            );
        }
        if s.nan + s.infinite > 0 {
            let words = format!("{} NaN, {} infinite", s.nan, s.infinite);
            facts.styled(theme, "odd", words, theme[Role::Bad]);
        }
        let used = facts.render(area, 0, buf);
        let mut rest = below(area, used + 1);
        if let (Some(min), Some(max)) = (s.min, s.max)
            && min < max
            && rest.height >= 9
        {
            let high = (rest.height / 3).clamp(3, 7);
            let ends = (text::number(min, 9), text::number(max, 9));
            histogram::render(
                Rect {
                    height: high,
                    ..rest
                },
                &s.histogram,
                ends,
                buf,
                theme,
            );
            rest = below(rest, high + 1);
        }
        let (rows, columns, slices) = grid::extent(&loaded.tensor);
        let mut words = format!(
            "values {}",
            grid::slice_name(&loaded.tensor, self.corner.slice)
        );
        if slices > 1 {
            words += &format!("   {} of {slices}", self.corner.slice + 1);
        }
        let axes = format!("   {rows}×{columns}");
        put(
            rest,
            0,
            Line::from(vec![
                Span::styled(words, theme[Role::Title]),
                Span::styled(axes, theme[Role::Dim]),
            ]),
            buf,
        );
        let rest = below(rest, 1);
        match (self.heat, s.min, s.max) {
            (true, Some(min), Some(max)) => {
                grid::heat(rest, &loaded.tensor, self.corner, (min, max), buf, theme)
            }
            _ => grid::numbers(rest, &loaded.tensor, self.corner, buf, theme),
        }
    }
}

/// What is left under the first `rows`.
fn below(area: Rect, rows: u16) -> Rect {
    let rows = rows.min(area.height);
    Rect {
        y: area.y + rows,
        height: area.height - rows,
        ..area
    }
}

//! Compare: this model beside another: sizes, outputs on the same inputs, time, layer by layer.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Arc;

use super::work::Work;
use super::{Context, Handled, Pane, Request, View};
use crate::compare::{self, CompareOptions, Comparison, LayerDiff};
use crate::error::Error;
use crate::model::{Dialect, Format, Model};
use crate::tui::command::Command;
use crate::tui::jobs::Output;
use crate::tui::term::{Buffer, Line, MouseButton, MouseEvent, MouseEventKind, Rect, Span};
use crate::tui::text;
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::table::{Cell as TableCell, Column};
use crate::tui::widgets::{self, Rows, is_small, panel, panel_note, put, table};

/// A finished comparison.
pub struct Compared {
    pub comparison: Comparison,
    /// Left and right.
    pub sides: (Arc<Model>, Arc<Model>),
    /// `64 samples of digits:image`; empty for random values.
    pub from: String,
    /// Of one sample only; the times are those of an earlier comparison.
    pub sample: Option<usize>,
}

/// The lower half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Layers,
    Operators,
    Notes,
}

/// State of the pane.
pub struct ComparePane {
    other: Option<Arc<Model>>,
    swapped: bool,
    compared: Option<Compared>,
    work: Work,
    part: Part,
    rows: Rows,
    by_error: bool,
    lower: Cell<Rect>,
}

const SAMPLES: usize = 64;
const RUNS: usize = 100;

const LAYERS: [Column; 7] = [
    Column::left("layer", 0, 0),
    Column::left("before", 16, 4),
    Column::left("after", 16, 3),
    Column::right("bytes", 9, 2),
    Column::right("→", 9, 2),
    Column::right("SQNR", 9, 0),
    Column::left("", 10, 5),
];

const OPERATORS: [Column; 5] = [
    Column::left("operator", 0, 0),
    Column::right("A", 6, 0),
    Column::left("", 14, 1),
    Column::right("B", 6, 0),
    Column::left("", 14, 1),
];

/// A signal to noise at which a bar is full.
const CLEAN_DB: f64 = 60.0;

impl ComparePane {
    pub fn new(_model: &Arc<Model>) -> ComparePane {
        ComparePane {
            other: None,
            swapped: false,
            compared: None,
            work: Work::new(&["compare"], "comparing", "they can't be compared"),
            part: Part::Layers,
            rows: Rows::default(),
            by_error: false,
            lower: Cell::default(),
        }
    }

    /// Left and right as they are shown.
    fn sides(&self, own: &Arc<Model>) -> Option<(Arc<Model>, Arc<Model>)> {
        let other = self.other.clone()?;
        Some(if self.swapped {
            (other, own.clone())
        } else {
            (own.clone(), other)
        })
    }

    fn start(&mut self, sample: Option<usize>, cx: &mut Context) {
        let Some((a, b)) = self.sides(cx.model) else {
            self.choose(cx);
            return;
        };
        self.work.begin();
        cx.job("compare", "comparing", move |progress| {
            let mut samples = compare::usual_samples(&a, SAMPLES);
            let count = samples.inputs.len();
            let mut from = samples.from;
            if let Some(at) = sample.filter(|_| count > 0) {
                samples.inputs = vec![samples.inputs.swap_remove(at % count)];
                from = format!("sample {} of {count}", at % count + 1);
            }
            let options = CompareOptions {
                inputs: samples.inputs,
                runs: if sample.is_some() { 0 } else { RUNS },
                threads: 0,
                per_layer: true,
            };
            let comparison = compare::compare(&a, &b, &options, progress)?;
            Ok(Output::Compared(Box::new(Compared {
                comparison,
                sides: (a, b),
                from,
                sample,
            })))
        });
    }

    fn choose(&self, cx: &mut Context) {
        let mut choices: Vec<(String, String)> = cx
            .models
            .iter()
            .enumerate()
            .filter(|(_, m)| !Arc::ptr_eq(m, cx.model))
            .map(|(at, m)| {
                (
                    format!("{} {}", at + 1, m.name),
                    text::bytes(m.total_bytes()),
                )
            })
            .collect();
        choices.push(("open another…".to_owned(), "type a path".to_owned()));
        if choices.len() == 1 {
            cx.ask(
                "path",
                "compare with: a SavedModel folder or a .tflite file",
                "",
            );
        } else {
            cx.pick("pick", "compare with", choices);
        }
    }

    fn take(&mut self, index: usize, cx: &mut Context) {
        if let Some(model) = cx.models.get(index) {
            self.other = Some(model.clone());
            self.swapped = false;
            self.compared = None;
            self.rows.at = 0;
            self.start(None, cx);
        }
    }

    fn layers(&self) -> Vec<&LayerDiff> {
        let mut layers: Vec<&LayerDiff> = self
            .compared
            .iter()
            .flat_map(|c| &c.comparison.layers)
            .collect();
        if self.by_error {
            layers.sort_by(|a, b| {
                let db = |l: &LayerDiff| l.sqnr_db.unwrap_or(f64::INFINITY);
                db(a).total_cmp(&db(b))
            });
        }
        layers
    }

    fn len(&self) -> usize {
        let Some(compared) = &self.compared else {
            return 0;
        };
        match self.part {
            Part::Layers => compared.comparison.layers.len(),
            Part::Operators => compared.comparison.ops.len(),
            Part::Notes => compared.comparison.notes.len(),
        }
    }
}

impl Pane for ComparePane {
    fn footer(&self) -> &'static [Command] {
        match (&self.other, &self.compared) {
            (None, _) => &[Command::ChooseOther, Command::Models],
            (_, None) => &[Command::StartCompare, Command::ChooseOther],
            _ => &[
                Command::NextInput,
                Command::NextFocus,
                Command::Sort,
                Command::SwapSides,
                Command::ChooseOther,
            ],
        }
    }

    fn shown(&mut self, cx: &mut Context) {
        if self.other.is_none() {
            let mut others = cx
                .models
                .iter()
                .enumerate()
                .filter(|(_, m)| !Arc::ptr_eq(m, cx.model));
            if let (Some((index, _)), None) = (others.next(), others.next()) {
                self.take(index, cx);
            }
        }
    }

    fn handle(&mut self, command: Command, cx: &mut Context) -> Handled {
        match command {
            Command::StartCompare => self.start(None, cx),
            Command::ChooseOther => self.choose(cx),
            Command::SwapSides => {
                self.swapped = !self.swapped;
                self.compared = None;
                self.start(None, cx);
            }
            Command::NextInput | Command::PrevInput if self.compared.is_some() => {
                let now = self.compared.as_ref().and_then(|c| c.sample);
                let next = match (now, command) {
                    (None, _) => 0,
                    (Some(at), Command::NextInput) => at + 1,
                    (Some(at), _) => at.saturating_sub(1),
                };
                self.start(Some(next), cx);
            }
            Command::NextFocus | Command::PrevFocus => {
                self.part = match self.part {
                    Part::Layers => Part::Operators,
                    Part::Operators => Part::Notes,
                    Part::Notes => Part::Layers,
                };
                self.rows.at = 0;
            }
            Command::Sort => self.by_error = !self.by_error,
            _ => return self.rows.handle(command, self.len()),
        }
        Handled::Yes
    }

    fn text(&mut self, tag: &'static str, words: &str, cx: &mut Context) {
        match tag {
            "other" => {
                if let Ok(index) = words.parse() {
                    self.take(index, cx);
                }
            }
            "pick" => match words
                .split_once(' ')
                .and_then(|(n, _)| n.parse::<usize>().ok())
            {
                Some(number) => self.take(number.saturating_sub(1), cx),
                None => cx.ask(
                    "path",
                    "compare with: a SavedModel folder or a .tflite file",
                    "",
                ),
            },
            "path" if !words.trim().is_empty() => cx.requests.push(Request::Open {
                path: PathBuf::from(words.trim()),
                compare: true,
            }),
            _ => {}
        }
    }

    fn job(&mut self, _what: &'static str, output: Output, _cx: &mut Context) {
        if let Output::Compared(mut compared) = output {
            // One sample is compared without timing again.
            if compared.sample.is_some()
                && let Some(before) = &self.compared
            {
                compared.comparison.latency = before.comparison.latency.clone();
            }
            self.compared = Some(*compared);
        }
    }

    fn job_failed(&mut self, what: &'static str, error: Error, cx: &mut Context) {
        if let Err(error) = self.work.fail(what, error) {
            cx.fail(error);
        }
    }

    fn mouse(&mut self, mouse: MouseEvent, _cx: &mut Context) -> Handled {
        if mouse.kind == MouseEventKind::Down(MouseButton::Left)
            && let Some(at) = self.rows.row_at(mouse.column, mouse.row, self.len())
        {
            self.rows.at = at;
            return Handled::Yes;
        }
        Handled::No
    }

    fn copied(&self, cx: &Context) -> Option<String> {
        let (a, b) = self.sides(cx.model)?;
        let (a, b) = (text::path(&a.path), text::path(&b.path));
        Some(text::command_line([
            "mexplore",
            "compare",
            &a,
            &b,
            "--per-layer",
        ]))
    }

    fn render(&self, area: Rect, buf: &mut Buffer, view: &View) {
        let theme = view.theme;
        let Some((a, b)) = self.sides(view.model) else {
            let inner = panel("Compare", area, buf, theme, true);
            let lines = [
                "Put another model beside this one.",
                "",
                "b   choose it",
                "8   or convert this one first",
            ];
            widgets::message(inner, &lines, buf, theme);
            return;
        };
        let outputs = self
            .compared
            .as_ref()
            .map_or(0, |c| c.comparison.outputs.len()) as u16;
        let top = (outputs.min(4) + 6).min(area.height);
        let upper = Rect {
            height: top,
            ..area
        };
        let lower = Rect {
            y: upper.bottom(),
            height: area.height - top,
            ..area
        };
        if is_small(area) && area.width < 80 {
            self.render_both(upper, (&a, &b), buf, view);
        } else {
            let half = area.width / 2;
            self.render_a(
                Rect {
                    width: half,
                    ..upper
                },
                &a,
                buf,
                theme,
            );
            self.render_b(
                Rect {
                    x: upper.x + half,
                    width: upper.width - half,
                    ..upper
                },
                &b,
                buf,
                theme,
            );
        }
        self.lower.set(lower);
        self.render_lower(lower, (&a, &b), buf, view);
    }
}

fn kind(model: &Model) -> &'static str {
    match model.format {
        Format::SavedModel => "SavedModel",
        Format::Tflite => "TFLite",
    }
}

fn label(model: &Model) -> String {
    format!("{}  {}", text::clean(&model.name), kind(model))
}

fn db(value: f64) -> String {
    if value.is_infinite() {
        "equal".to_owned()
    } else {
        format!("{value:.1} dB")
    }
}

impl ComparePane {
    fn render_a(&self, area: Rect, a: &Model, buf: &mut Buffer, theme: &Theme) {
        let inner = panel(label(a), area, buf, theme, false);
        let most = self.compared.as_ref().map_or(a.total_bytes(), |c| {
            c.comparison.sizes.a_bytes.max(c.comparison.sizes.b_bytes)
        });
        put(
            inner,
            0,
            size_line(
                a.total_bytes(),
                most,
                String::new(),
                Role::SeriesA,
                inner,
                theme,
            ),
            buf,
        );
        let Some(compared) = &self.compared else {
            return;
        };
        if let Some(l) = &compared.comparison.latency {
            let words = format!(
                "median {}   p90 {}",
                text::duration(l.a_median_ms * 1e6),
                text::duration(l.a_p90_ms * 1e6)
            );
            put(inner, 1, Line::styled(words, theme[Role::Text]), buf);
        }
        let from = match compared.from.as_str() {
            "" => "random inputs".to_owned(),
            from => text::clean(from),
        };
        put(
            inner,
            3,
            Line::styled(format!("on {from}"), theme[Role::Dim]),
            buf,
        );
    }

    fn render_b(&self, area: Rect, b: &Model, buf: &mut Buffer, theme: &Theme) {
        let inner = panel(label(b), area, buf, theme, false);
        let Some(compared) = &self.compared else {
            put(
                inner,
                0,
                Line::styled(text::bytes(b.total_bytes()), theme[Role::Number]),
                buf,
            );
            return;
        };
        let c = &compared.comparison;
        let most = c.sizes.a_bytes.max(c.sizes.b_bytes);
        let change = format!("{:+.1} %", (c.sizes.ratio - 1.0) * 100.0);
        put(
            inner,
            0,
            size_line(c.sizes.b_bytes, most, change, Role::SeriesB, inner, theme),
            buf,
        );
        if let Some(l) = &c.latency {
            let (factor, low, high, word) = if l.ratio >= 1.0 {
                (l.ratio, l.low, l.high, "faster")
            } else {
                (1.0 / l.ratio, 1.0 / l.high, 1.0 / l.low, "slower")
            };
            let sure = l.low > 1.0 || l.high < 1.0;
            let line = Line::from(vec![
                Span::styled(
                    format!(
                        "median {}   p90 {}",
                        text::duration(l.b_median_ms * 1e6),
                        text::duration(l.b_p90_ms * 1e6)
                    ),
                    theme[Role::Text],
                ),
                Span::styled(
                    format!("   {factor:.2}× {word}"),
                    theme[if sure { Role::Strong } else { Role::Dim }],
                ),
                Span::styled(format!(" ({low:.2}–{high:.2})"), theme[Role::Dim]),
            ]);
            put(inner, 1, line, buf);
        }
        if let (true, Some(note)) = (c.outputs.is_empty(), c.notes.first()) {
            let words = text::fit(&text::clean(note), (inner.width as usize).saturating_sub(2));
            let line = Line::from(vec![
                Span::styled("! ", theme[Role::Warn]),
                Span::styled(words, theme[Role::Text]),
            ]);
            put(inner, 3, line, buf);
            return;
        }
        put(inner, 3, output_titles(theme), buf);
        for (at, output) in c.outputs.iter().enumerate() {
            put(inner, at as u16 + 4, output_line(output, theme), buf);
        }
    }

    /// Both sides in one box, for a narrow screen.
    fn render_both(&self, area: Rect, (a, b): (&Model, &Model), buf: &mut Buffer, view: &View) {
        let theme = view.theme;
        let inner = panel("A and B", area, buf, theme, false);
        let names = [("A", a, Role::SeriesA), ("B", b, Role::SeriesB)];
        let most = a.total_bytes().max(b.total_bytes());
        for (row, (letter, model, role)) in names.into_iter().enumerate() {
            let name = text::left(&text::fit_end(&text::clean(&model.name), 14), 14);
            let mut line = Line::from(vec![Span::styled(format!("{letter} {name} "), theme[role])]);
            let rest = Rect {
                width: inner.width.saturating_sub(17),
                ..inner
            };
            line.spans.extend(
                size_line(model.total_bytes(), most, String::new(), role, rest, theme).spans,
            );
            put(inner, row as u16, line, buf);
        }
        if let Some(compared) = &self.compared {
            put(inner, 2, output_titles(theme), buf);
            for (at, output) in compared.comparison.outputs.iter().enumerate() {
                put(inner, at as u16 + 3, output_line(output, theme), buf);
            }
        }
    }

    fn render_lower(&self, area: Rect, (a, b): (&Model, &Model), buf: &mut Buffer, view: &View) {
        let theme = view.theme;
        if area.height < 3 {
            return;
        }
        let empty = self.compared.is_none();
        if self.work.render(area, buf, view, empty, true) {
            return;
        }
        let Some(compared) = &self.compared else {
            let inner = panel("", area, buf, theme, true);
            widgets::message(inner, &["Enter compares them"], buf, theme);
            return;
        };
        let title = match self.part {
            Part::Layers => "layer by layer",
            Part::Operators => "operators",
            Part::Notes => "what could not be compared",
        };
        let inner = panel(title, area, buf, theme, true);
        panel_note(&format!("Tab  {}", self.len()), area, buf, theme[Role::Dim]);
        match self.part {
            Part::Layers => self.render_layers(inner, dialect(a), dialect(b), buf, theme),
            Part::Operators => self.render_operators(inner, compared, dialect(a), buf, theme),
            Part::Notes => {
                for (row, note) in compared.comparison.notes.iter().enumerate() {
                    put(
                        inner,
                        row as u16,
                        Line::styled(text::clean(note), theme[Role::Text]),
                        buf,
                    );
                }
                if compared.comparison.notes.is_empty() {
                    put(
                        inner,
                        0,
                        Line::styled("everything was compared", theme[Role::Dim]),
                        buf,
                    );
                }
            }
        }
        self.rows.scrollbar(self.len(), area, buf, theme);
    }

    fn render_layers(&self, area: Rect, a: Dialect, b: Dialect, buf: &mut Buffer, theme: &Theme) {
        let layers = self.layers();
        if layers.is_empty() {
            widgets::message(
                area,
                &["No layer of one could be found in the other."],
                buf,
                theme,
            );
            return;
        }
        let size = |bytes: u64| {
            if bytes > 0 {
                text::bytes(bytes)
            } else {
                "–".to_owned()
            }
        };
        let sorted = self.by_error.then_some(5);
        table::render(
            area,
            buf,
            theme,
            &LAYERS,
            (&self.rows, layers.len(), true),
            sorted,
            |at| {
                let layer = layers[at];
                let (words, quality) = match layer.sqnr_db {
                    Some(v) => (db(v), (v / CLEAN_DB).clamp(0.0, 1.0)),
                    None => ("–".to_owned(), 0.0),
                };
                let role = match layer.sqnr_db {
                    Some(v) if v < 15.0 => Role::Bad,
                    Some(v) if v < 25.0 => Role::Warn,
                    _ => Role::Number,
                };
                vec![
                    TableCell::Name(text::clean(&layer.name), theme[Role::Text]),
                    TableCell::Text(layer.op_a.clone(), theme.op(a, &layer.op_a)),
                    TableCell::Text(layer.op_b.clone(), theme.op(b, &layer.op_b)),
                    TableCell::Text(size(layer.a_bytes), theme[Role::Dim]),
                    TableCell::Text(size(layer.b_bytes), theme[Role::Number]),
                    TableCell::Text(words, theme[role]),
                    TableCell::Bar(quality),
                ]
            },
        );
    }

    fn render_operators(
        &self,
        area: Rect,
        compared: &Compared,
        dialect: Dialect,
        buf: &mut Buffer,
        theme: &Theme,
    ) {
        let ops = &compared.comparison.ops;
        let most = ops.iter().map(|o| o.a.max(o.b)).max().unwrap_or(1).max(1) as f64;
        let count = |n: usize| {
            if n > 0 {
                n.to_string()
            } else {
                "–".to_owned()
            }
        };
        table::render(
            area,
            buf,
            theme,
            &OPERATORS,
            (&self.rows, ops.len(), true),
            None,
            |at| {
                let op = &ops[at];
                let bar = |n: usize, role: Role| {
                    TableCell::Spans(vec![Span::styled(
                        text::bar(n as f64 / most, 14),
                        theme[role],
                    )])
                };
                vec![
                    TableCell::Text(op.op.clone(), theme.op(dialect, &op.op)),
                    TableCell::Text(count(op.a), theme[Role::Number]),
                    bar(op.a, Role::SeriesA),
                    TableCell::Text(count(op.b), theme[Role::Number]),
                    bar(op.b, Role::SeriesB),
                ]
            },
        );
    }
}

fn dialect(model: &Model) -> Dialect {
    model.meta_graphs.first().map_or(Dialect::Tf, |m| m.dialect)
}

fn size_line(
    bytes: u64,
    most: u64,
    change: String,
    role: Role,
    area: Rect,
    theme: &Theme,
) -> Line<'static> {
    let bars = (area.width as usize).saturating_sub(24).min(36);
    let bar = text::bar(bytes as f64 / most.max(1) as f64, bars);
    let mut spans = vec![
        Span::styled(text::left(&text::bytes(bytes), 9), theme[Role::Strong]),
        Span::styled(bar, theme[role]),
    ];
    if !change.is_empty() {
        spans.push(Span::styled(format!("  {change}"), theme[Role::Strong]));
    }
    Line::from(spans)
}

fn output_titles(theme: &Theme) -> Line<'static> {
    let words = format!(
        "{:<12}{:>11}{:>10}{:>10}{:>8}",
        "output", "max error", "cosine", "SQNR", "top-1"
    );
    Line::styled(words, theme[Role::Column])
}

fn output_line(output: &compare::OutputDiff, theme: &Theme) -> Line<'static> {
    let top1 = output.same_top1.map(text::percent).unwrap_or_default();
    Line::from(vec![
        Span::styled(
            text::left(&text::fit_end(&text::clean(&output.name), 11), 12),
            theme[Role::Text],
        ),
        Span::styled(
            text::right(&text::number(output.max_abs, 9), 11),
            theme[Role::Number],
        ),
        Span::styled(
            text::right(&format!("{:.5}", output.cosine), 10),
            theme[Role::Number],
        ),
        Span::styled(text::right(&db(output.sqnr_db), 10), theme[Role::Number]),
        Span::styled(text::right(&top1, 8), theme[Role::Strong]),
    ])
}

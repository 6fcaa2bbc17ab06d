//! How the pane draws what was compared.

use super::{ComparePane, Compared, PARTS_DB, Part, key};
use crate::compare::{Latency, OutputDiff};
use crate::model::{Dialect, Format, Model};
use crate::tui::panes::View;
use crate::tui::term::{Buffer, Line, Rect, Span};
use crate::tui::text;
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::table::{Cell as TableCell, Column};
use crate::tui::widgets::{self, is_small, panel, panel_note, put, table};

const LAYERS: [Column; 10] = [
    Column::flexible("layer", 22),
    Column::left("before", 16, 5),
    Column::left("after", 16, 4),
    Column::right("bytes", 9, 2),
    Column::right("→", 9, 2),
    Column::left("what", 19, 3),
    Column::right("SQNR", 9, 0),
    Column::left("", 10, 6),
    Column::right("error", 9, 7),
    Column::left("", FIRST.len() as u16 - 2, 8),
];

/// Beside the first layer whose values part.
const FIRST: &str = "◀ first past 25 dB";

const OPERATORS: [Column; 5] = [
    Column::left("operator", 0, 0),
    Column::right("A", 6, 0),
    Column::left("", 14, 1),
    Column::right("B", 6, 0),
    Column::left("", 14, 1),
];

/// A signal to noise at which a bar is full.
const CLEAN_DB: f64 = 60.0;
/// Signals to noise below this are bad.
const BAD_DB: f64 = 15.0;

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
    pub(super) fn draw(&self, area: Rect, buf: &mut Buffer, view: &View) {
        let theme = view.theme;
        let Some((a, b)) = self.sides(view.model) else {
            let inner = panel("Compare", area, buf, theme, true);
            let lines = [
                "Put another model beside this one.",
                "",
                "b chooses it from the open ones or from disk",
                "8 converts this one first",
            ];
            widgets::message(inner, &lines, buf, theme);
            return;
        };
        let outputs = self
            .compared
            .as_ref()
            .map_or(0, |c| c.comparison.outputs.len()) as u16;
        let both = is_small(area) && area.width < 80;
        let top = (outputs.min(4) + if both { 6 } else { 7 }).min(area.height);
        let upper = Rect {
            height: top,
            ..area
        };
        let lower = Rect {
            y: upper.bottom(),
            height: area.height - top,
            ..area
        };
        if both {
            self.render_both(upper, (&a, &b), buf, view);
        } else {
            let half = area.width / 2;
            let (left, right) = (
                Rect {
                    width: half,
                    ..upper
                },
                Rect {
                    x: upper.x + half,
                    width: upper.width - half,
                    ..upper
                },
            );
            self.render_a(left, &a, buf, theme);
            self.render_b(right, &b, buf, theme);
        }
        self.render_lower(lower, (&a, &b), buf, view);
    }

    fn render_a(&self, area: Rect, a: &Model, buf: &mut Buffer, theme: &Theme) {
        let inner = panel(label(a), area, buf, theme, !self.right);
        let most = self.compared.as_ref().map_or(a.total_bytes(), |c| {
            c.comparison.sizes.a_bytes.max(c.comparison.sizes.b_bytes)
        });
        let own = a.total_bytes();
        let line = size_line(own, most, String::new(), Role::SeriesA, inner, theme);
        put(inner, 0, line, buf);
        let Some(compared) = &self.compared else {
            return;
        };
        if let Some(l) = &compared.comparison.latency {
            let words = times(l.a_median_ms, l.a_p90_ms);
            put(inner, 1, Line::styled(words, theme[Role::Text]), buf);
        }
        let from = match compared.from.as_str() {
            "" => "random inputs".to_owned(),
            from => text::clean(from),
        };
        let line = Line::styled(format!("on {from}"), theme[Role::Dim]);
        put(inner, 3, line, buf);
        if let (Some(output), Some(_)) = (compared.comparison.outputs.first(), compared.sample) {
            let line = Line::styled(answers(&output.top_a), theme[Role::Strong]);
            put(inner, 4, line, buf);
        }
    }

    fn render_b(&self, area: Rect, b: &Model, buf: &mut Buffer, theme: &Theme) {
        let inner = panel(label(b), area, buf, theme, self.right);
        let Some(compared) = &self.compared else {
            let line = Line::styled(text::bytes(b.total_bytes()), theme[Role::Number]);
            put(inner, 0, line, buf);
            return;
        };
        let c = &compared.comparison;
        let most = c.sizes.a_bytes.max(c.sizes.b_bytes);
        let change = format!("{:+.1} %", (c.sizes.ratio - 1.0) * 100.0);
        let line = size_line(c.sizes.b_bytes, most, change, Role::SeriesB, inner, theme);
        put(inner, 0, line, buf);
        if let Some(l) = &c.latency {
            let words = times(l.b_median_ms, l.b_p90_ms);
            put(inner, 1, Line::styled(words, theme[Role::Text]), buf);
            put(inner, 2, ratio_line(l, theme), buf);
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
        put(inner, 3, same_line(compared, inner.width, theme), buf);
        put(inner, 4, output_titles(inner.width, theme), buf);
        for (at, output) in c.outputs.iter().enumerate() {
            let line = output_line(output, inner.width, theme);
            put(inner, at as u16 + 5, line, buf);
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
            if let Some(latency) = &compared.comparison.latency {
                put(inner, 2, ratio_line(latency, theme), buf);
            }
            put(inner, 3, output_titles(inner.width, theme), buf);
            for (at, output) in compared.comparison.outputs.iter().enumerate() {
                put(
                    inner,
                    at as u16 + 4,
                    output_line(output, inner.width, theme),
                    buf,
                );
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
        let inner = panel(self.part.title(), area, buf, theme, true);
        let others = Part::ALL.into_iter().filter(|part| *part != self.part);
        let others: Vec<&str> = others.map(Part::title).collect();
        let note = format!("← → {}   {}", others.join(", "), self.len());
        panel_note(&note, area, buf, theme[Role::Dim]);
        match self.part {
            Part::Layers => self.render_layers(inner, dialect(a), dialect(b), buf, theme),
            Part::Operators => self.render_operators(inner, compared, dialect(a), buf, theme),
            Part::Notes => render_notes(inner, &compared.comparison.notes, buf, theme),
        }
        self.rows.scrollbar(self.len(), area, buf, theme);
    }

    fn render_layers(&self, area: Rect, a: Dialect, b: Dialect, buf: &mut Buffer, theme: &Theme) {
        let layers = self.len();
        if layers == 0 {
            let lines = ["No layer of one could be found in the other."];
            widgets::message(area, &lines, buf, theme);
            return;
        }
        let size = |bytes: u64| {
            if bytes > 0 {
                text::bytes(bytes)
            } else {
                "–".to_owned()
            }
        };
        let first = self.first_parting().map(key);
        let sorted = self.by_error.then_some(6);
        let rows = (&self.rows, layers, true);
        table::render(area, buf, theme, &LAYERS, rows, sorted, |at| {
            let Some(layer) = self.layer(at) else {
                return Vec::new();
            };
            let (words, quality) = match layer.sqnr_db {
                Some(v) => (db(v), (v / CLEAN_DB).clamp(0.0, 1.0)),
                None => ("–".to_owned(), 0.0),
            };
            let role = match layer.sqnr_db {
                Some(v) if v < BAD_DB => Role::Bad,
                Some(v) if v < PARTS_DB => Role::Warn,
                _ => Role::Number,
            };
            let marked = self.marks.contains(key(layer));
            let what = if marked {
                "◆ keep in float"
            } else {
                &*layer.what
            };
            let name = text::clean(&layer.name);
            let name_role = if marked { Role::Strong } else { Role::Text };
            let error = layer.max_abs.map(|v| text::number(v, 8));
            let parts = if first == Some(key(layer)) { FIRST } else { "" };
            vec![
                TableCell::Name(name, theme[name_role]),
                TableCell::Text(joined(&layer.op_a, &layer.ops_a), theme.op(a, &layer.op_a)),
                TableCell::Text(joined(&layer.op_b, &layer.ops_b), theme.op(b, &layer.op_b)),
                TableCell::Text(size(layer.a_bytes), theme[Role::Dim]),
                TableCell::Text(size(layer.b_bytes), theme[Role::Number]),
                TableCell::Text(what.to_owned(), theme[name_role]),
                TableCell::Text(words, theme[role]),
                TableCell::Bar(quality),
                TableCell::Text(error.unwrap_or_default(), theme[Role::Number]),
                TableCell::Text(parts.to_owned(), theme[Role::Warn]),
            ]
        });
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

fn render_notes(area: Rect, notes: &[String], buf: &mut Buffer, theme: &Theme) {
    if notes.is_empty() {
        let line = Line::styled("everything was compared", theme[Role::Dim]);
        put(area, 0, line, buf);
    }
    for (row, note) in notes.iter().take(area.height as usize).enumerate() {
        let line = Line::styled(text::clean(note), theme[Role::Text]);
        put(area, row as u16, line, buf);
    }
}

fn dialect(model: &Model) -> Dialect {
    model.meta_graphs.first().map_or(Dialect::Tf, |m| m.dialect)
}

/// The main operator and how many more there are: `Conv2D +4`.
fn joined(main: &str, all: &[String]) -> String {
    match all.len() {
        0 | 1 => main.to_owned(),
        count => format!("{main} +{}", count - 1),
    }
}

fn times(median: f64, p90: f64) -> String {
    format!(
        "median {}   p90 {}",
        text::duration(median * 1e6),
        text::duration(p90 * 1e6)
    )
}

fn ratio_line(l: &Latency, theme: &Theme) -> Line<'static> {
    let (factor, low, high, word) = if l.ratio >= 1.0 {
        (l.ratio, l.low, l.high, "faster")
    } else {
        (1.0 / l.ratio, 1.0 / l.high, 1.0 / l.low, "slower")
    };
    let sure = l.low > 1.0 || l.high < 1.0;
    let role = if sure { Role::Strong } else { Role::Dim };
    let interval = format!(" (95 %: {low:.2}–{high:.2})");
    Line::from(vec![
        Span::styled(format!("{factor:.2}× {word}"), theme[role]),
        Span::styled(interval, theme[Role::Dim]),
    ])
}

/// `7  0.9871 · 9  0.0093`
fn answers(top: &[(usize, f64)]) -> String {
    let each = top
        .iter()
        .map(|(index, value)| format!("{index}  {}", text::number(*value, 7)));
    each.collect::<Vec<_>>().join(" · ")
}

/// Whether B still answers the same: of one sample its answer, of many how many differ and which.
fn same_line(compared: &Compared, wide: u16, theme: &Theme) -> Line<'static> {
    let Some(output) = compared.comparison.outputs.first() else {
        return Line::default();
    };
    let same = match output.same_top1 {
        Some(share) if output.top_a.is_empty() => {
            return Line::styled(
                format!("{} of rows answer the same", text::percent(share)),
                theme[Role::Dim],
            );
        }
        Some(_) => output.differs.is_empty(),
        None => return Line::default(),
    };
    let (words, role) = if compared.sample.is_some() {
        let top = answers(&output.top_b);
        let word = if same {
            "same answer"
        } else {
            "another answer"
        };
        (format!("{top}   {word}"), same)
    } else if same {
        ("every sample has the same answer".to_owned(), true)
    } else {
        let count = output.differs.len();
        let word = if count == 1 {
            "answer differs"
        } else {
            "answers differ"
        };
        let which = output.differs.iter();
        let which = which.map(|d| format!("sample {} ({} → {})", d.sample + 1, d.a, d.b));
        let which = which.collect::<Vec<_>>().join(", ");
        (format!("{count} {word}: {which}"), false)
    };
    let role = if role { Role::Good } else { Role::Warn };
    Line::styled(text::fit(&words, wide as usize), theme[role])
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

/// Figures of an output: title, width, and from which width of the box on there is room for it.
const FIGURES: [(&str, usize, u16); 4] = [
    ("max error", 11, 46),
    ("cosine", 10, 54),
    ("SQNR", 10, 0),
    ("top-1", 8, 34),
];

fn figures(
    wide: u16,
    theme: &Theme,
    name: (String, Role),
    cells: [(String, Role); 4],
) -> Line<'static> {
    let shown = || FIGURES.iter().filter(|(_, _, from)| wide >= *from);
    let own: usize = shown().map(|(_, width, _)| width).sum();
    let room = (wide as usize).saturating_sub(own).clamp(6, 24);
    let fitted = text::left(&text::fit_end(&name.0, room - 1), room);
    let mut spans = vec![Span::styled(fitted, theme[name.1])];
    for ((_, width, from), (words, role)) in FIGURES.iter().zip(cells) {
        if wide >= *from {
            spans.push(Span::styled(text::right(&words, *width), theme[role]));
        }
    }
    Line::from(spans)
}

fn output_titles(wide: u16, theme: &Theme) -> Line<'static> {
    let cells = FIGURES.map(|(title, _, _)| (title.to_owned(), Role::Column));
    figures(wide, theme, ("output".to_owned(), Role::Column), cells)
}

fn output_line(output: &OutputDiff, wide: u16, theme: &Theme) -> Line<'static> {
    let top1 = output.same_top1.map(text::percent).unwrap_or_default();
    let cells = [
        (text::number(output.max_abs, 9), Role::Number),
        (format!("{:.5}", output.cosine), Role::Number),
        (db(output.sqnr_db), Role::Number),
        (top1, Role::Strong),
    ];
    figures(wide, theme, (text::clean(&output.name), Role::Text), cells)
}

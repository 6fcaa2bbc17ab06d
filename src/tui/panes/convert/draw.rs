//! How the Convert pane looks: the form on the left, what came of it on the right.

use super::{
    ALLOWED, Ahead, ConvertPane, Done, Field, MODES, MOST_SAMPLES, Outcome, Samples, View,
};
use crate::convert::{ConvertReport, Fate, Placement};
use crate::quantize::Io;
use crate::tui::term::{Buffer, Line, Rect, Span, width};
use crate::tui::text;
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::{self, facts::Facts, panel, put};

impl ConvertPane {
    pub(super) fn render_form(&self, area: Rect, buf: &mut Buffer, view: &View) {
        let theme = view.theme;
        let inner = panel("Convert to .tflite", area, buf, theme, !self.split.detail);
        let fields = self.fields();
        for (row, at) in self.rows.window(fields.len(), inner).enumerate() {
            let chosen = at == self.rows.at;
            let line = self.form_line(fields[at], chosen, inner.width as usize, theme);
            put(inner, row as u16, line, buf);
            if chosen {
                widgets::mark_row(inner, row as u16, buf, theme);
            }
        }
        let first = fields.len() + 1;
        let high = (inner.height as usize).saturating_sub(first);
        let lines = self.mode_lines(inner.width as usize, high, theme);
        for (row, line) in lines.into_iter().take(high).enumerate() {
            put(inner, (first + row) as u16, line, buf);
        }
    }

    /// What each mode does: in whole sentences, or only of the chosen one, as far as `high` lines allow.
    fn mode_lines(&self, wide: usize, high: usize, theme: &Theme) -> Vec<Line<'static>> {
        /// Lines of the longest on the narrowest screen.
        const MOST: usize = 6;
        let room = wide.saturating_sub(16);
        let whole: [fn(bool) -> bool; 3] = [|_| true, |chosen| chosen, |_| false];
        let mut told = Vec::new();
        for whole in whole {
            let ways = MODES.iter().enumerate();
            let parts = ways.map(|(at, way)| match whole(at == self.mode) {
                true => text::wrap(way.says, room, MOST),
                false if width(way.says) <= room => vec![way.says.to_owned()],
                false => vec![text::fit(way.brief, room)],
            });
            told = parts.collect();
            if told.iter().map(Vec::len).sum::<usize>() <= high {
                break;
            }
        }
        let mut lines = Vec::new();
        for (at, (parts, way)) in told.into_iter().zip(&MODES).enumerate() {
            let (mut mark, role) = match at == self.mode {
                true => ("●", Role::Text),
                false => ("", Role::Dim),
            };
            let mut name = way.name;
            for part in parts {
                lines.push(Line::from(vec![
                    Span::styled(text::left(mark, 2), theme[Role::Accent]),
                    Span::styled(text::left(name, 14), theme[role]),
                    Span::styled(part, theme[role]),
                ]));
                (mark, name) = ("", "");
            }
        }
        lines
    }

    fn form_line(&self, field: Field, chosen: bool, wide: usize, theme: &Theme) -> Line<'static> {
        let arrows = |words: &str| {
            if chosen {
                format!("‹ {words} ›")
            } else {
                format!("  {words}")
            }
        };
        let room = wide.saturating_sub(18);
        let (word, says) = match field {
            Field::Mode => ("mode", arrows(MODES[self.mode].name)),
            Field::Calibration => (
                "calibration",
                match &self.samples {
                    Samples::Set(at) => match self.sets.get(*at) {
                        Some((_, set)) => {
                            let (count, name) = (set.count.min(MOST_SAMPLES), &set.name);
                            let wordings =
                                [format!("{count} of {name}"), format!("{count} {name}")];
                            arrows(&text::fitting(wordings, room))
                        }
                        None => String::new(),
                    },
                    Samples::File(path) => {
                        format!("  {}", text::fit_end(&path.display().to_string(), room))
                    }
                    Samples::None => "  Enter names a file".to_owned(),
                },
            ),
            Field::Io => (
                "in and out",
                arrows(match self.io {
                    Io::Float => "float32",
                    Io::Int => "int8",
                }),
            ),
            Field::Recipe => (
                "recipe",
                match &self.recipe {
                    Some(path) => {
                        format!("  {}", text::fit_end(&path.display().to_string(), room))
                    }
                    None => "  none".to_owned(),
                },
            ),
            Field::Operators => {
                let named = ALLOWED.iter().find(|(a, _)| Some(*a) == self.allowed);
                ("operators", arrows(named.map_or("", |(_, name)| name)))
            }
            Field::Path => (
                "file",
                format!(
                    "  {}",
                    text::fit_end(&self.path.display().to_string(), room)
                ),
            ),
            Field::Start => ("", "  Convert".to_owned()),
            Field::Compare => {
                let wordings = [
                    "  Compare with the original",
                    "  Compare the two",
                    "  Compare",
                ];
                (
                    "",
                    text::fitting(wordings.map(str::to_owned), wide.saturating_sub(14)),
                )
            }
        };
        let role = if matches!(field, Field::Start | Field::Compare) {
            Role::Accent
        } else {
            Role::Text
        };
        Line::from(vec![
            Span::styled(text::left(word, 14), theme[Role::Dim]),
            Span::styled(text::fit(&says, wide.saturating_sub(14)), theme[role]),
        ])
    }

    pub(super) fn render_outcome(&self, area: Rect, buf: &mut Buffer, view: &View) {
        let theme = view.theme;
        let focused = self.split.detail;
        let empty = matches!(self.outcome, Outcome::Nothing);
        if self.work.render(area, buf, view, empty, focused) {
            return;
        }
        match &self.outcome {
            Outcome::Nothing => {
                let inner = panel("result", area, buf, theme, focused);
                widgets::message(
                    inner,
                    &["Enter converts", "p lists what stands in the way"],
                    buf,
                    theme,
                );
            }
            Outcome::Preflight(ahead) => self.render_preflight(area, ahead, buf, theme),
            Outcome::Done(done) => self.render_done(area, done, buf, theme),
        }
    }

    fn render_preflight(&self, area: Rect, ahead: &Ahead, buf: &mut Buffer, theme: &Theme) {
        /// An empty one, and those of [`placement_lines`].
        const LINES: usize = 3;
        let [builtin, flex, custom, blocked] = ahead.counts;
        let title = "what becomes of the operators";
        let inner = panel(title, area, buf, theme, self.split.detail);
        let (mark, words, role) = match blocked {
            0 => ("✔ ", "nothing stands in the way".to_owned(), Role::Good),
            n => ("✘ ", format!("{n} can't be converted"), Role::Bad),
        };
        let mut head = vec![Line::from(vec![
            Span::styled(mark, theme[role]),
            Span::styled(words, theme[Role::Text]),
        ])];
        if ahead.counts != [0; 4] {
            let counts = format!("  {builtin} builtin, {flex} Flex, {custom} custom");
            head.push(Line::styled(counts, theme[Role::Dim]));
        }
        let (high, all) = (inner.height as usize, head.len() + LINES * ahead.odd.len());
        self.scroll
            .set(self.scroll.get().min(all.saturating_sub(high)));
        for row in 0..high.min(all) {
            let at = self.scroll.get() + row;
            let line = match at.checked_sub(head.len()) {
                None => head[at].clone(),
                Some(at) => match (ahead.odd.get(at / LINES), at % LINES) {
                    (Some(placement), line @ 1..) => {
                        let [first, second] = placement_lines(placement, theme);
                        if line == 1 { first } else { second }
                    }
                    _ => Line::raw(""),
                },
            };
            widgets::put_cut(inner, row as u16, line, buf);
        }
    }

    fn render_done(&self, area: Rect, done: &Done, buf: &mut Buffer, theme: &Theme) {
        let name = done.path.display().to_string();
        let inner = panel(
            text::fit_end(&name, area.width.saturating_sub(6) as usize),
            area,
            buf,
            theme,
            self.split.detail,
        );
        let r = &done.report;
        let mut facts = Facts::new(10);
        add_sizes(&mut facts, r, inner.width as usize, theme);
        facts.add(
            theme,
            "operators",
            format!("{} → {}", r.operators_before, r.operators_after),
        );
        facts.add(theme, "took", text::duration(done.took.as_nanos() as f64));
        add_changes(&mut facts, r, inner.width as usize, theme);
        facts.line(Line::raw(""));
        facts.line(Line::styled(
            "d   puts both side by side",
            theme[Role::Accent],
        ));
        self.scroll.set(
            self.scroll
                .get()
                .min(facts.len().saturating_sub(inner.height as usize)),
        );
        facts.render(inner, self.scroll.get(), buf);
    }
}

/// Bytes before and after, as bars.
fn add_sizes(facts: &mut Facts, r: &ConvertReport, wide: usize, theme: &Theme) {
    let change = r.bytes_after as f64 / r.bytes_before.max(1) as f64 - 1.0;
    let most = r.bytes_before.max(r.bytes_after).max(1) as f64;
    let bars = wide.saturating_sub(32).min(30);
    for (word, bytes, role) in [
        ("before", r.bytes_before, Role::SeriesA),
        ("after", r.bytes_after, Role::SeriesB),
    ] {
        let note = if word == "after" {
            format!("  {:+.1} %", change * 100.0)
        } else {
            String::new()
        };
        facts.line(Line::from(vec![
            Span::styled(text::left(word, 10) + " ", theme[Role::Dim]),
            Span::styled(
                text::right(&text::bytes(bytes), 8) + "  ",
                theme[Role::Number],
            ),
            Span::styled(text::bar(bytes as f64 / most, bars), theme[role]),
            Span::styled(note, theme[Role::Strong]),
        ]));
    }
}

/// What was done to the operators, and what to know of it.
fn add_changes(facts: &mut Facts, r: &ConvertReport, wide: usize, theme: &Theme) {
    let counted = |count: usize| {
        let count = text::right(&count.to_string(), 5) + "  ";
        Span::styled(count, theme[Role::Number])
    };
    facts.heading(theme, "What was done");
    for pass in r.passes.iter().filter(|p| p.changes > 0) {
        let name = Span::styled(pass.name, theme[Role::Text]);
        add_wrapped(facts, counted(pass.changes), name, wide);
    }
    if !r.quantized.is_empty() {
        facts.heading(theme, "What operators became");
    }
    for treated in &r.quantized {
        let op = text::clean(&treated.op);
        let form = Span::styled(treated.form.clone(), theme[Role::Dim]);
        let first = counted(treated.count);
        let used = first.width() + width(&op) + 2 + form.width();
        if used <= wide {
            let op = Span::styled(op + "  ", theme[Role::Text]);
            facts.line(Line::from(vec![first, op, form]));
            continue;
        }
        let indent = Span::raw(" ".repeat(first.width() + 2));
        add_wrapped(facts, first, Span::styled(op, theme[Role::Text]), wide);
        add_wrapped(facts, indent, form, wide);
    }
    if !r.notes.is_empty() {
        facts.heading(theme, "To know");
        for note in &r.notes {
            let mark = Span::styled("! ", theme[Role::Warn]);
            let note = Span::styled(text::clean(note), theme[Role::Text]);
            add_wrapped(facts, mark, note, wide);
        }
    }
}

/// Words behind `first`, on as many lines as they need.
fn add_wrapped(facts: &mut Facts, first: Span<'static>, words: Span<'_>, wide: usize) {
    let mut first = first;
    let indent = first.width();
    for part in text::wrap(&words.content, wide.saturating_sub(indent), usize::MAX) {
        facts.line(Line::from(vec![first, Span::styled(part, words.style)]));
        first = Span::raw(" ".repeat(indent));
    }
}

/// An operator that becomes no builtin one.
fn placement_lines(placement: &Placement, theme: &Theme) -> [Line<'static>; 2] {
    let (mark, role) = match placement.becomes {
        Fate::Blocked => ("✘ ", Role::Bad),
        Fate::Builtin => ("✔ ", Role::Good),
        Fate::Flex | Fate::Custom => ("● ", Role::Warn),
    };
    let named = match placement.becomes {
        Fate::Flex => format!("Flex{}", placement.op),
        _ => placement.op.clone(),
    };
    let helps = match placement.could_be {
        Some(Fate::Flex) => "; Flex would carry it",
        Some(_) => "; it could be a custom operator",
        None => "",
    };
    [
        Line::from(vec![
            Span::styled(mark, theme[role]),
            Span::styled(format!("{}  ", text::clean(&named)), theme[Role::Strong]),
            Span::styled(
                text::fit_end(&text::clean(&placement.node), 60),
                theme[Role::Text],
            ),
        ]),
        Line::styled(
            format!("  {}{helps}", text::clean(&placement.reason)),
            theme[Role::Dim],
        ),
    ]
}

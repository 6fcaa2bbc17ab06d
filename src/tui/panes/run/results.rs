//! The right side: what came out above, where the time went below.

use std::collections::HashMap;

use super::{Below, RunPane, Shown, memory, outputs};
use crate::kernels::threads::cores;
use crate::model::Name;
use crate::runtime::{OpTime, Timings};
use crate::sort;
use crate::tui::panes::View;
use crate::tui::term::{Buffer, Line, Rect, Span, width};
use crate::tui::text;
use crate::tui::theme::Role;
use crate::tui::widgets::{self, panel, put};

/// Where the time of a run went.
pub struct Times {
    /// The signature's own operators, then those of the loops, branches and calls.
    pub rows: Vec<Row>,
    /// By name of the operator, the longest first; each without what it runs.
    pub by_op: Vec<(Name, u64)>,
    pub total: u64,
}

/// A line of the profile.
pub enum Row {
    /// A graph that operators above run, and how long its own took.
    Graph(Name, u64),
    /// With its operations per second and their share of what the processor can do.
    Step(OpTime, Option<(f64, f64)>),
}

impl Times {
    pub fn of(profile: &[OpTime]) -> Times {
        // In the order in which they first ran, where they are equal.
        let mut by_op: Vec<(Name, u64)> = Vec::new();
        let mut places: HashMap<&Name, usize> = HashMap::new();
        for step in profile {
            let place = *places.entry(&step.op).or_insert_with(|| {
                by_op.push((step.op.clone(), 0));
                by_op.len() - 1
            });
            by_op[place].1 += step.own();
        }
        sort::by_key(&mut by_op, |(_, nanos)| std::cmp::Reverse(*nanos));
        Times {
            rows: rows_of(profile),
            by_op,
            total: profile.iter().map(OpTime::own).sum(),
        }
    }
}

/// The longest operators of each graph first, the signature's own graph before the longest others.
fn rows_of(profile: &[OpTime]) -> Vec<Row> {
    let mut graphs: Vec<(u64, &[OpTime])> = (profile.chunk_by(|a, b| a.at.0 == b.at.0))
        .map(|steps| (steps.iter().map(|s| s.nanos).sum(), steps))
        .collect();
    let is_own = |steps: &[OpTime]| steps.first().is_some_and(|s| s.graph.is_none());
    sort::by_key(&mut graphs, |(nanos, steps)| {
        (!is_own(steps), std::cmp::Reverse(*nanos))
    });
    let mut rows = Vec::new();
    for (nanos, steps) in graphs {
        let title = steps.first().and_then(|s| s.graph.clone());
        rows.extend(title.map(|title| Row::Graph(title, nanos)));
        let mut steps = steps.to_vec();
        sort::by_key(&mut steps, |s| std::cmp::Reverse(s.nanos));
        let rated = steps.into_iter().map(|step| {
            let rate = step.rate(cores());
            Row::Step(step, rate)
        });
        rows.extend(rated);
    }
    rows
}

impl RunPane {
    pub(super) fn render_results(&self, area: Rect, buf: &mut Buffer, view: &View) {
        let theme = view.theme;
        let focused = self.split.detail;
        if self
            .work
            .render(area, buf, view, self.ran.is_none(), focused)
        {
            return;
        }
        let Some(ran) = &self.ran else {
            let inner = panel("outputs", area, buf, theme, focused);
            let words = match self.entries.is_empty() {
                true => [
                    "this model has no signature to run",
                    "export it with signatures=…",
                ],
                false => ["Enter runs it", "i takes the next input, b measures"],
            };
            widgets::message(inner, &words, buf, theme);
            return;
        };
        let time = if self.below != Below::Time {
            area.height * 3 / 5
        } else {
            7.min(area.height / 2)
        };
        let top = Rect {
            height: area.height - time,
            ..area
        };
        let bottom = Rect {
            y: top.bottom(),
            height: time,
            ..area
        };
        let look = outputs::Look {
            labels: self.labels.as_deref(),
            scroll: self.scroll,
            chosen: &self.ways,
            key: true,
            focused,
            theme,
        };
        let top = ran.state.render(top, self.scroll, buf, theme);
        let top = self.layers.render(top, look, buf);
        // The key works on the chosen value, where one is shown.
        let look = outputs::Look {
            key: self.layers.given().is_none(),
            ..look
        };
        outputs::render(top, &ran.given, look, buf);
        self.render_time(bottom, ran, buf, view);
    }

    fn render_time(&self, area: Rect, ran: &Shown, buf: &mut Buffer, view: &View) {
        let theme = view.theme;
        let inner = panel(
            match self.below {
                Below::Time => "time",
                Below::Operators => "time per operator, of peak",
                Below::Memory => "memory",
            },
            area,
            buf,
            theme,
            false,
        );
        match self.below {
            Below::Time => {}
            Below::Operators => return self.render_profile(inner, ran, buf, view),
            Below::Memory => return memory::render(inner, &ran.arena, self.scroll, buf, theme),
        }
        let mut row = 0;
        let line = match &self.timings {
            Some(t) => {
                let q = |q| text::duration(t.quantile_ns(q) as f64);
                let first = text::duration(t.first_ns as f64);
                let words = [
                    format!("first {first}"),
                    format!("median {}", q(0.5)),
                    format!("p90 {}", q(0.9)),
                    format!("min {}", q(0.0)),
                    format!("{} runs", t.runs_ns.len() + 1),
                ];
                // On a narrow screen without the least telling.
                let fewer = [
                    &words[..],
                    &words[1..],
                    &words[1..4],
                    &words[1..3],
                    &words[1..2],
                ];
                let fits = |words: &String| width(words) <= usize::from(inner.width);
                let lines = fewer.map(|words| words.join(" · "));
                lines.into_iter().find(fits).unwrap_or_default()
            }
            None => {
                let took = text::duration(ran.nanos as f64);
                match ran.seed {
                    Some(seed) => format!("this run {took}   random seed {seed}   # another"),
                    None => format!("this run {took}   b measures properly"),
                }
            }
        };
        put(inner, row, Line::styled(line, theme[Role::Text]), buf);
        row += 1;
        if let Some(t) = &self.timings {
            let wide = (inner.width as usize).min(48);
            put(
                inner,
                row,
                Line::styled(text::spark(&spread(t, wide)), theme[Role::Bar]),
                buf,
            );
            row += 1;
        }
        put(
            inner,
            row,
            shares(&ran.times, view, inner.width as usize),
            buf,
        );
        row += 1;
        if ran.arena.all() > 0 {
            let words = format!("arena {}", text::bytes(ran.arena.all() as u64));
            let peak = match ran.arena.peak_node.as_str() {
                "" => String::new(),
                node => {
                    let room = usize::from(inner.width).saturating_sub(words.len() + 10);
                    format!(
                        ", peak at {}",
                        text::fit_end(&text::clean(text::last_name(node)), room)
                    )
                }
            };
            put(
                inner,
                row,
                Line::styled(words + &peak, theme[Role::Dim]),
                buf,
            );
        }
    }

    fn render_profile(&self, area: Rect, ran: &Shown, buf: &mut Buffer, view: &View) {
        let theme = view.theme;
        let dialect = view
            .focus
            .meta(view.model)
            .map_or(crate::model::Dialect::Tf, |m| m.dialect);
        let rows = &ran.times.rows;
        let steps = rows.iter().filter_map(|row| match row {
            Row::Step(step, _) => Some(step),
            Row::Graph(..) => None,
        });
        let most = steps.clone().map(|s| s.nanos).max().unwrap_or(1).max(1);
        let (ops, bars) = columns_of(steps, area.width.into());
        let rates = match area.width {
            0..50 => 0,
            50..90 => SHARE,
            _ => RATE + SHARE,
        };
        let names = usize::from(area.width).saturating_sub(ops + TIME + rates + bars + 1);
        let shown = rows.iter().skip(self.scroll);
        for (at, row) in shown.take(area.height as usize).enumerate() {
            let time = |nanos: u64| {
                let time = text::right(&text::duration(nanos as f64), TIME);
                Span::styled(time, theme[Role::Number])
            };
            let line = match row {
                Row::Graph(title, nanos) => {
                    let title = format!("in {}", text::clean(title));
                    let title = text::left(&text::fit_name(&title, ops + names), ops + names);
                    vec![Span::styled(title, theme[Role::Strong]), time(*nanos)]
                }
                Row::Step(step, rate) => vec![
                    Span::styled(text::left(&step.op, ops), theme.op(dialect, &step.op)),
                    Span::styled(name_of(step, names), theme[Role::Dim]),
                    time(step.nanos),
                    Span::styled(rate_of(*rate, rates), theme[Role::Dim]),
                    Span::raw(" "),
                    Span::styled(
                        text::bar(step.nanos as f64 / most as f64, bars),
                        theme[Role::Bar],
                    ),
                ],
            };
            put(area, at as u16, Line::from(line), buf);
        }
        if rows.is_empty() {
            put(area, 0, Line::styled("no times", theme[Role::Dim]), buf);
        }
    }
}

/// Of `258.1 GFLOP/s` and of `97 %`, with a blank before each.
const RATE: usize = 15;
const SHARE: usize = 6;

/// How fast it was in so many columns.
fn rate_of(rate: Option<(f64, f64)>, wide: usize) -> String {
    let Some((rate, share)) = rate else {
        return " ".repeat(wide);
    };
    let share = text::right(&format!("{:.0} %", share * 100.0), SHARE);
    match wide {
        0 => String::new(),
        SHARE => share,
        _ => text::right(&format!("{:.1} GFLOP/s", rate / 1e9), RATE) + &share,
    }
}

/// Its name, and how often it ran.
fn name_of(step: &OpTime, wide: usize) -> String {
    let times = match step.calls {
        0 | 1 => String::new(),
        calls => format!(" ×{calls}"),
    };
    let name = text::clean(text::last_name(&step.node));
    let name = text::fit_name(&name, wide.saturating_sub(width(&times)));
    text::left(&format!("{name}{times}"), wide)
}

/// Of a duration with a blank before it.
const TIME: usize = 10;

/// How wide the operators and the bars of a profile are; the rest is for names.
fn columns_of<'t>(steps: impl Iterator<Item = &'t OpTime>, wide: usize) -> (usize, usize) {
    let longest = steps.map(|s| width(&s.op)).max().unwrap_or(0);
    match wide {
        0..50 => (longest.min(12) + 1, 4),
        _ => (longest.min(18) + 2, 10),
    }
}

/// How many runs took how long, from the shortest to the 99th of a hundred.
fn spread(timings: &Timings, bins: usize) -> Vec<f64> {
    let (low, high) = (timings.quantile_ns(0.0), timings.quantile_ns(0.99));
    let range = (high.saturating_sub(low)).max(1) as f64;
    let mut counts = vec![0.0; bins.max(1)];
    for &run in timings.runs_ns.iter().filter(|&&r| r <= high) {
        let at = (run.saturating_sub(low) as f64 / range * (counts.len() - 1) as f64) as usize;
        let last = counts.len() - 1;
        counts[at.min(last)] += 1.0;
    }
    counts
}

/// `Conv2D 61 % · MatMul 22 % · other 17 %`, each in its family's hue.
fn shares(times: &Times, view: &View, wide: usize) -> Line<'static> {
    let theme = view.theme;
    let dialect = view
        .focus
        .meta(view.model)
        .map_or(crate::model::Dialect::Tf, |m| m.dialect);
    let total = times.total;
    let mut spans = Vec::new();
    let (mut used, mut rest) = (0, total);
    for (op, nanos) in &times.by_op {
        let words = format!("{op} {:.0} %", *nanos as f64 / total.max(1) as f64 * 100.0);
        if used + words.len() + 14 > wide {
            break;
        }
        used += words.len() + 3;
        rest -= nanos;
        spans.push(Span::styled(words, theme.op(dialect, op)));
        spans.push(Span::styled(" · ", theme[Role::Dim]));
    }
    if rest > 0 {
        let words = format!("other {:.0} %", rest as f64 / total.max(1) as f64 * 100.0);
        spans.push(Span::styled(words, theme[Role::Dim]));
    } else {
        spans.pop();
    }
    Line::from(spans)
}

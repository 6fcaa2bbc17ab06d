//! What came out: the largest values with their labels, single values, or the spread of many.

use crate::analysis::{self, Statistics};
use crate::error::Result;
use crate::feed::{self, Ranked};
use crate::model::{Port, Tensor};
use crate::tui::term::{Buffer, Line, Rect, Span};
use crate::tui::text;
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::grid::{self, Corner};
use crate::tui::widgets::{histogram, panel, put};

/// Rows of the largest values at most.
const TOP: usize = 10;
/// Of a histogram.
const BINS: usize = 64;

/// How outputs are looked at.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    pub labels: Option<&'a [String]>,
    /// The first output that is shown.
    pub scroll: usize,
    pub focused: bool,
    pub theme: &'a Theme,
}

/// An output and what is shown of it: found once, in the thread of the run.
pub struct Given {
    title: String,
    /// Rows that it would like to have.
    height: u16,
    /// As real numbers.
    real: Tensor,
    kind: Kind,
}

enum Kind {
    Grid,
    Single,
    /// The largest values with their indices; whether all are probabilities.
    Top(Vec<Ranked>, bool),
    Many(Box<Statistics>),
}

impl Given {
    pub fn of((name, tensor): &(String, Tensor), ports: &[Port]) -> Result<Given> {
        let port = ports.iter().find(|p| *p.name == **name);
        let shape: Vec<String> = tensor.shape().iter().map(usize::to_string).collect();
        let title = format!(
            "{}  {} {}",
            text::clean(name),
            tensor.dtype(),
            shape.join("×")
        );
        let real = feed::dequantized(tensor, port.and_then(|p| p.quantization.as_ref()))?;
        let row = real.shape().last().copied().unwrap_or(1);
        let kind = if real.strings().is_some() || real.number(0).is_none() {
            Kind::Grid
        } else if real.len() == 1 {
            Kind::Single
        } else if real.rank() <= 2 && row <= 100_000 && real.len() == row {
            let mut numbers = (0..real.len()).filter_map(|at| real.number(at));
            let probabilities = numbers.all(|v| (0.0..=1.0001).contains(&v));
            Kind::Top(feed::top_k(&real, None, TOP), probabilities)
        } else {
            Kind::Many(Box::new(analysis::statistics(&real, BINS)))
        };
        Ok(Given {
            title: title.trim_end().to_owned(),
            height: height(tensor),
            real: real.into_owned(),
            kind,
        })
    }
}

/// Every output in a box of its own.
pub fn render(area: Rect, outputs: &[Given], look: Look, buf: &mut Buffer) {
    let skip = look.scroll.min(outputs.len().saturating_sub(1));
    let left = outputs.len() - skip;
    let mut rest = area;
    for (at, given) in outputs.iter().enumerate().skip(skip) {
        let remaining = (left - (at - skip)) as u16;
        let wanted = given.height + 2;
        let high = if remaining == 1 {
            rest.height
        } else {
            wanted.min(rest.height / 2).max(3)
        };
        if high > rest.height || rest.height < 3 {
            break;
        }
        let own = Rect {
            height: high,
            ..rest
        };
        rest = Rect {
            y: rest.y + high,
            height: rest.height - high,
            ..rest
        };
        one(own, given, look, buf);
    }
}

/// Rows that an output would like to have.
fn height(tensor: &Tensor) -> u16 {
    match tensor.len() {
        0 | 1 => 1,
        n => tensor.shape().last().copied().unwrap_or(n).min(TOP) as u16 + 1,
    }
}

fn one(area: Rect, given: &Given, look: Look, buf: &mut Buffer) {
    let theme = look.theme;
    let inner = panel(given.title.as_str(), area, buf, theme, look.focused);
    let real = &given.real;
    match &given.kind {
        Kind::Grid => grid::numbers(inner, real, Corner::default(), buf, theme),
        Kind::Single => put(
            inner,
            0,
            Line::styled(real.element_text(0), theme[Role::Strong]),
            buf,
        ),
        Kind::Top(ranked, probabilities) => {
            let rows = (inner.height as usize).saturating_sub(1).max(1);
            let ranked = &ranked[..ranked.len().min(rows)];
            let labels = look.labels.filter(|l| l.len() >= real.len());
            let more = real.len() - ranked.len();
            top(inner, (ranked, more), *probabilities, labels, buf, theme);
        }
        Kind::Many(statistics) => many(inner, real, statistics, buf, theme),
    }
}

fn top(
    area: Rect,
    (ranked, more): (&[Ranked], usize),
    probabilities: bool,
    labels: Option<&[String]>,
    buf: &mut Buffer,
    theme: &Theme,
) {
    let name = |r: &Ranked| match labels.and_then(|labels| labels.get(r.index)) {
        Some(label) => format!("{} {}", r.index, text::clean(label)),
        None => r.index.to_string(),
    };
    let names = ranked
        .iter()
        .map(|r| crate::tui::term::width(&name(r)))
        .max()
        .unwrap_or(1);
    let names = names.min(area.width as usize / 3);
    let values = told_apart(ranked, probabilities);
    let wide = values.iter().map(String::len).max().unwrap_or(0).max(10);
    let bars = (area.width as usize).saturating_sub(names + wide + 3);
    let most = ranked.iter().map(|r| r.value.abs()).fold(0.0, f64::max);
    let scale = most.max(f64::MIN_POSITIVE);
    for (at, (r, value)) in ranked.iter().zip(&values).enumerate() {
        let role = if at == 0 { Role::Strong } else { Role::Text };
        let bar = text::left(&text::bar(r.value.max(0.0) / scale, bars), bars);
        let line = Line::from(vec![
            Span::styled(
                text::right(&text::fit(&name(r), names), names) + "  ",
                theme[role],
            ),
            Span::styled(bar, theme[Role::Bar]),
            Span::styled(text::right(value, wide + 1), theme[Role::Number]),
        ]);
        put(area, at as u16, line, buf);
    }
    if more > 0 {
        let words = format!("{}  {more} more", text::right("…", names));
        put(
            area,
            ranked.len() as u16,
            Line::styled(words, theme[Role::Dim]),
            buf,
        );
    }
}

/// The values with as many digits as it takes to tell different ones apart, nine at most; of ones that are next to
/// nothing beside the largest that is not asked.
fn told_apart(ranked: &[Ranked], probabilities: bool) -> Vec<String> {
    let few: Vec<String> = ranked
        .iter()
        .map(|r| match probabilities {
            true => format!("{:.4}", r.value),
            false => text::number(r.value, 10),
        })
        .collect();
    /// Of the largest; smaller values are next to nothing.
    const COUNTS: f64 = 1e-3;
    let most = ranked.iter().map(|r| r.value.abs()).fold(0.0, f64::max);
    let is_same = |a: f64, b: f64| a.total_cmp(&b).is_eq() || a.abs().max(b.abs()) < COUNTS * most;
    let is_clear = |words: &[String]| {
        // They are in order: equal ones are neighbours.
        let mut pairs = ranked.windows(2).zip(words.windows(2));
        pairs.all(|(r, words)| is_same(r[0].value, r[1].value) || words[0] != words[1])
    };
    if is_clear(&few) {
        return few;
    }
    let with = |digits: usize| -> Vec<String> {
        let words = ranked.iter().map(|r| match !(1e-3..1e6).contains(&most) {
            true => format!("{:.digits$e}", r.value),
            false => format!("{:.digits$}", r.value),
        });
        words.collect()
    };
    (5..=9)
        .map(with)
        .find(|words| is_clear(words))
        .unwrap_or(few)
}

fn many(area: Rect, tensor: &Tensor, s: &Statistics, buf: &mut Buffer, theme: &Theme) {
    let mut rest = area;
    if let (Some(min), Some(max), Some(mean), Some(std)) = (s.min, s.max, s.mean, s.std) {
        let n = |v: f64| text::number(v, 9);
        let words = format!("{} … {}   mean {} ± {}", n(min), n(max), n(mean), n(std));
        put(rest, 0, Line::styled(words, theme[Role::Text]), buf);
        rest = Rect {
            y: rest.y + 1,
            height: rest.height.saturating_sub(1),
            ..rest
        };
        if rest.height >= 10 && min < max {
            let high = (rest.height / 3).min(6);
            histogram::render(
                Rect {
                    height: high,
                    ..rest
                },
                &s.histogram,
                (n(min), n(max)),
                buf,
                theme,
            );
            rest = Rect {
                y: rest.y + high + 1,
                height: rest.height - high - 1,
                ..rest
            };
        }
    }
    grid::numbers(rest, tensor, Corner::default(), buf, theme);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranked(values: &[f64]) -> Vec<Ranked> {
        let values = values.iter().enumerate();
        values
            .map(|(index, &value)| Ranked {
                index,
                value,
                label: None,
            })
            .collect()
    }

    fn drawn(values: &[f64]) -> String {
        let area = Rect::new(0, 0, 40, values.len() as u16);
        let mut buf = Buffer::empty(area);
        let theme = Theme::named("dark", None).unwrap();
        top(area, (&ranked(values), 0), true, None, &mut buf, &theme);
        let row = |y: u16| -> String { (0..40).map(|x| buf[(x, y)].symbol()).collect() };
        (0..area.height).map(row).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn equal_values_have_equal_bars_and_different_ones_different_digits() {
        insta::assert_snapshot!(drawn(&[0.001, 0.001]), @r"
        0  ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇     0.0010
        1  ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇     0.0010
        ");
        insta::assert_snapshot!(drawn(&[0.001003, 0.001002, 0.0005]), @r"
        0  ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇   0.001003
        1  ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇   0.001002
        2  ▇▇▇▇▇▇▇▇▇▇▇▇▇                0.000500
        ");
        // What differs by nothing that counts keeps its few digits.
        insta::assert_snapshot!(drawn(&[0.9999993, 5.7e-7, 1e-12]), @r"
        0  ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇     1.0000
        1                                 0.0000
        2                                 0.0000
        ");
        insta::assert_snapshot!(drawn(&[0.95, 0.05, 0.0]), @r"
        0  ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇     0.9500
        1  ▇▍                             0.0500
        2                                 0.0000
        ");
    }
}

//! Outputs as numbers: the largest with their labels, or how many spread.

use crate::analysis::Statistics;
use crate::feed::Ranked;
use crate::model::Tensor;
use crate::tui::term::{Buffer, Line, Rect, Span};
use crate::tui::text;
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::grid::{self, Corner};
use crate::tui::widgets::{histogram, put};

/// The largest values with their labels and bars, what they are stored as where that is something else, and how many more
/// there are.
pub fn top(
    area: Rect,
    (ranked, more): (&[Ranked], usize),
    (probabilities, stored): (bool, Option<&Tensor>),
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
    // Of an int16 with a blank before it.
    const STORED: usize = 7;
    let stored = stored.filter(|_| usize::from(area.width) >= names + wide + STORED + 8);
    let beside = if stored.is_some() { STORED } else { 0 };
    let bars = (area.width as usize).saturating_sub(names + wide + beside + 3);
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
            Span::styled(
                stored.map_or_else(String::new, |stored| {
                    text::right(&stored.element_text(r.index), STORED)
                }),
                theme[Role::Dim],
            ),
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

/// What many values range over, how they spread, and the first of them.
pub fn many(area: Rect, tensor: &Tensor, s: &Statistics, buf: &mut Buffer, theme: &Theme) {
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
                row: None,
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
        top(
            area,
            (&ranked(values), 0),
            (true, None),
            None,
            &mut buf,
            &theme,
        );
        let row = |y: u16| -> String { (0..40).map(|x| buf[(x, y)].symbol()).collect() };
        (0..area.height).map(row).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_is_stored_stands_beside() {
        let area = Rect::new(0, 0, 44, 2);
        let mut buf = Buffer::empty(area);
        let theme = Theme::named("dark", None).unwrap();
        let stored = Tensor::from_values(&[2], &[-128i8, 77]);
        let given = (&ranked(&[0.8, 0.2])[..], 0);
        top(area, given, (true, Some(&stored)), None, &mut buf, &theme);
        let row = |y: u16| -> String { (0..44).map(|x| buf[(x, y)].symbol()).collect() };
        insta::assert_snapshot!([row(0), row(1)].join("\n"), @r"
        0  ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇     0.8000   -128
        1  ▇▇▇▇▇▊                      0.2000     77
        ");
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

//! The chosen tensor: facts, statistics, histogram, and its values as numbers, colours or scales.

use super::{Loaded, Look, TensorsPane};
use crate::analysis::TensorRow;
use crate::model::{Format, Model};
use crate::tui::panes::View;
use crate::tui::panes::twins::{self, Twin};
use crate::tui::term::{Buffer, Line, Rect, Span, width};
use crate::tui::text;
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::{self, facts::Facts, grid, histogram, panel, plot, put};

impl TensorsPane {
    pub(super) fn render_detail(&self, area: Rect, buf: &mut Buffer, view: &View) {
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
            .facts(row, view.model, theme, inner.width as usize)
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

    fn facts(&self, row: &TensorRow, model: &Model, theme: &Theme, wide: usize) -> Facts {
        let mut facts = Facts::new(8);
        let elements = match row.shape.elements() {
            Some(n) if row.shape.rank() != Some(0) => {
                format!("   {} values", text::count(n as u64))
            }
            _ => String::new(),
        };
        let words = format!("{} {}{elements}", row.dtype, row.shape);
        if width(&words) + 9 <= wide {
            facts.add(theme, "shape", words);
        } else {
            let words = format!("{} {}", row.dtype, row.shape);
            if width(&words) + 9 <= wide {
                facts.add(theme, "shape", words);
            } else {
                facts.add(theme, "dtype", row.dtype.to_string());
                facts.add(theme, "shape", row.shape.to_string());
            }
            if !elements.is_empty() {
                facts.add(theme, "holds", elements.trim_start().to_owned());
            }
        }
        let of_all = text::percent(row.share);
        let bytes = format!("{}   {of_all}", text::count(row.bytes));
        let whole = format!("{bytes} of the model");
        // Cut words would say less than none.
        let fits = width(&whole) + 9 <= wide;
        facts.add(theme, "bytes", if fits { whole } else { bytes });
        if let Some(quantization) = &row.quantization {
            facts.styled(theme, "scales", quantization.clone(), theme[Role::Quantize]);
        }
        if let Some(scales) = self.scales(row) {
            let line = text::spark(&plot::merge(scales, wide.saturating_sub(10).min(64)));
            facts.styled(theme, "", line, theme[Role::Quantize]);
        }
        let listed = self.listed.as_ref().zip(self.shown.get(self.rows.at));
        let is_twin = listed.is_some_and(|(listed, at)| listed.twins.get(at) != Some(&Twin::None));
        if is_twin || model.format == Format::Tflite {
            let told = twins::told_by(model, &row.place);
            let word = twins::word(model, &row.place);
            facts.add(theme, word, text::fit_end(&told, wide.saturating_sub(9)));
        }
        let uses = listed.map_or(&[][..], |(listed, at)| listed.uses(at));
        let mut words = Vec::new();
        let mut room = wide.saturating_sub(10);
        for used in uses {
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
        if let (Look::Scales, [_, _, ..]) = (self.look, &loaded.scales[..]) {
            scales(rest, &loaded.scales, buf, theme);
            return;
        }
        let (rows, columns, slices) = grid::extent(&loaded.tensor, self.corner);
        let mut words = format!("values {}", grid::slice_name(&loaded.tensor, self.corner));
        if slices > 1 {
            words += &format!("   {} of {slices}", self.corner.slice + 1);
        }
        let mut size = format!("   {rows}×{columns}");
        let (down, across) = grid::axes(&loaded.tensor, self.corner);
        let axes = format!("   axes {down} and {across}");
        let room = usize::from(rest.width);
        if down != across && width(&words) + width(&size) + width(&axes) <= room {
            size += &axes;
        }
        let line = vec![
            Span::styled(words, theme[Role::Title]),
            Span::styled(size, theme[Role::Dim]),
        ];
        put(rest, 0, Line::from(line), buf);
        let rest = below(rest, 1);
        match (self.look, s.min, s.max) {
            (Look::Heat, Some(min), Some(max)) => {
                grid::heat(rest, &loaded.tensor, self.corner, (min, max), buf, theme)
            }
            _ => grid::numbers(rest, &loaded.tensor, self.corner, buf, theme),
        }
    }

    /// The scales of the chosen tensor if it has several.
    fn scales(&self, row: &TensorRow) -> Option<&[f64]> {
        match &self.loaded {
            Some(Ok(loaded)) if loaded.place == row.place && loaded.scales.len() > 1 => {
                Some(&loaded.scales)
            }
            _ => None,
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

/// Scales from the first channel, or block, to the last.
fn scales(area: Rect, scales: &[f64], buf: &mut Buffer, theme: &Theme) {
    let least = scales.iter().copied().fold(f64::INFINITY, f64::min);
    let most = scales.iter().copied().fold(0.0, f64::max);
    let range = format!("   {} … {}", text::number(least, 9), text::number(most, 9));
    let line = Line::from(vec![
        Span::styled(format!("{} scales", scales.len()), theme[Role::Title]),
        Span::styled(range, theme[Role::Dim]),
    ]);
    put(area, 0, line, buf);
    let rest = below(area, 2);
    let area = Rect {
        height: rest.height.min(14),
        ..rest
    };
    let ends = ("0".to_owned(), (scales.len() - 1).to_string());
    plot::columns(area, scales, ends, buf, theme);
}

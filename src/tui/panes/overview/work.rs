//! The box of multiply-accumulates: what the operators of a call take of them.

use super::View;
use crate::analysis::SignatureCost;
use crate::model::Dialect;
use crate::sort;
use crate::tui::term::{Buffer, Line, Rect, Span, width};
use crate::tui::text;
use crate::tui::theme::Role;
use crate::tui::widgets::{panel, panel_note, put};

/// Rows that the box is worth, its borders included.
pub(super) const LEAST: u16 = 6;

/// Draws the operators of a call by their multiply-accumulates, the most first.
pub(super) fn render(
    area: Rect,
    cost: Option<&SignatureCost>,
    counting: bool,
    buf: &mut Buffer,
    view: &View,
) {
    /// Columns of the number, and of the share where there is room for it, with the blanks before them.
    const NUMBER: usize = 9;
    const SHARE: usize = 8;
    const LEAST_BAR: usize = 6;
    let theme = view.theme;
    let inner = panel("Where the work is", area, buf, theme, false);
    let cost = match cost {
        Some(cost) if cost.macs > 0 => cost,
        _ => {
            let words = match counting {
                true => "counting…",
                false => "nothing that multiplies",
            };
            put(inner, 0, Line::styled(words, theme[Role::Dim]), buf);
            return;
        }
    };
    panel_note("multiply-accumulates", area, buf, theme[Role::Dim]);
    let mut ops: Vec<(&str, u64)> = cost.by_op.iter().map(|(op, n)| (&**op, *n)).collect();
    ops.retain(|(_, macs)| *macs > 0);
    sort::by_key(&mut ops, |(_, macs)| std::cmp::Reverse(*macs));
    let graphs = view.focus.meta(view.model).map(|meta| &meta.graphs);
    let dialect = graphs.and_then(|graphs| graphs.first());
    let dialect = dialect.map_or(Dialect::Tf, |graph| graph.dialect);
    let wide = inner.width as usize;
    let names = ops.iter().map(|(op, _)| width(op)).max().unwrap_or(0);
    let names = names.min(wide / 2);
    let bars = wide.saturating_sub(names + 2 + NUMBER);
    let shares = if bars < LEAST_BAR + SHARE { 0 } else { SHARE };
    let bars = bars - shares;
    let most = ops.first().map_or(1, |(_, macs)| *macs) as f64;
    for (row, (op, macs)) in ops.into_iter().enumerate().take(inner.height.into()) {
        let name = text::left(&text::clean(op), names);
        let bar = text::left(&text::bar(macs as f64 / most, bars), bars);
        let share = text::percent(macs as f64 / cost.macs as f64);
        let line = Line::from(vec![
            Span::styled(name + "  ", theme.op(dialect, op)),
            Span::styled(bar, theme[Role::Bar]),
            Span::styled(text::right(&text::short(macs), NUMBER), theme[Role::Number]),
            Span::styled(text::right(&share, shares), theme[Role::Dim]),
        ]);
        put(inner, row as u16, line, buf);
    }
}

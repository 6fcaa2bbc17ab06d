//! The rails: one operator a row, with the flow on the left and what it makes and takes on the right.

use std::cell::Cell;

use super::map::Shown;
use super::seen::Seen;
use crate::layout::scope::Item;
use crate::model::Graph;
use crate::tui::panes::View;
use crate::tui::term::{Buffer, Rect, Style, width};
use crate::tui::text;
use crate::tui::theme::Role;

/// First row in sight, and the area of the rows in the last frame.
#[derive(Debug, Default)]
pub struct Scroll {
    pub top: Cell<usize>,
    pub area: Cell<Rect>,
}

impl Scroll {
    /// The row at a line of the screen.
    pub fn hit(&self, row: u16) -> Option<usize> {
        let area = self.area.get();
        (area.y..area.bottom())
            .contains(&row)
            .then(|| self.top.get() + usize::from(row - area.y))
    }

    fn settle(&self, at: usize, count: usize, area: Rect) {
        let height = usize::from(area.height).max(1);
        let top = self.top.get().min(count.saturating_sub(height));
        let margin = 2.min(height / 3);
        let top = top.min(at.saturating_sub(margin));
        let top = top.max((at + margin + 1).saturating_sub(height));
        self.top.set(top.min(count.saturating_sub(height)));
        self.area.set(area);
    }
}

/// Where an item's row is.
pub fn row_of(seen: &Seen, item: Option<Item>) -> usize {
    seen.rows
        .iter()
        .position(|row| Some(row.item) == item)
        .unwrap_or(0)
}

/// Title, width, least width of the pane.
type Column = (&'static str, u16, u16);

/// Columns at the right.
const COLUMNS: [Column; 5] = [
    ("output", 20, 50),
    ("type", 9, 100),
    ("params", 8, 64),
    ("MAC", 8, 80),
    ("bytes", 9, 70),
];

pub fn render(
    scroll: &Scroll,
    shown: &Shown,
    graph: &Graph,
    area: Rect,
    buf: &mut Buffer,
    view: &View,
) {
    let theme = view.theme;
    let seen = shown.seen;
    if area.height < 2 {
        return;
    }
    let body = Rect {
        y: area.y + 1,
        height: area.height - 1,
        ..area
    };
    scroll.settle(row_of(seen, shown.chosen), seen.rows.len(), body);
    let top = scroll.top.get();
    let rows = seen.rows.iter().skip(top).take(usize::from(body.height));
    let most = rows.clone().map(|r| r.rails.len()).max().unwrap_or(0);
    let rails = (most as u16 + 2).min(area.width / 3).max(4);
    let columns: Vec<&'static Column> = COLUMNS.iter().filter(|c| area.width >= c.2).collect();
    let right: u16 = columns.iter().map(|c| c.1 + 1).sum();
    let frame = Frame {
        rails,
        name: area.width.saturating_sub(rails + right),
        columns,
    };
    frame.titles(area, buf, view);
    for (index, row) in rows.enumerate() {
        let y = body.y + index as u16;
        let line = Rect {
            y,
            height: 1,
            ..body
        };
        let chosen = Some(row.item) == shown.chosen;
        if chosen {
            buf.set_style(line, theme[Role::Selected]);
        }
        let mut put =
            |x: u16, words: &str, style: Style| put(buf, x, y, words, style, chosen, view);
        let words = seen.words(graph, row.item);
        let hue = theme.family(words.family);
        for (at, rail) in row.rails.iter().enumerate().take(usize::from(rails) - 2) {
            let own = at == 2 * row.column;
            let lit = shown.chosen.is_some() && rail.source == shown.chosen;
            let style = match (own, lit) {
                (true, _) => hue,
                (_, true) => theme[Role::Accent],
                _ => theme[Role::BorderFocused],
            };
            put(area.x + at as u16, &rail.letter.to_string(), style);
        }
        let faded = shown.lit.is_some_and(|lit| !lit.contains(&row.item));
        let head = if faded { theme[Role::Dim] } else { hue };
        let sign = match row.item {
            Item::Scope(_) => "▸ ",
            _ => "",
        };
        let mut at = area.x + rails;
        let end = at + frame.name;
        for (part, style) in [
            (sign, hue),
            (&words.head, head),
            (" ", hue),
            (&words.tail, theme[Role::Dim]),
        ] {
            let part = text::fit(part, usize::from(end.saturating_sub(at + 1)));
            put(at, &part, style);
            at += width(&part) as u16;
        }
        for (x, (title, wide, _)) in frame.columns(area) {
            let (words, style) = cell(title, seen, graph, row.item, usize::from(*wide), view);
            put(x, &words, style);
        }
    }
}

/// How the width is shared out: rails, names, columns.
struct Frame {
    rails: u16,
    name: u16,
    columns: Vec<&'static Column>,
}

impl Frame {
    /// The columns at the right with where each begins.
    fn columns(&self, area: Rect) -> impl Iterator<Item = (u16, &'static Column)> {
        let mut x = area.x + self.rails + self.name;
        self.columns.iter().map(move |&column| {
            let at = x;
            x += column.1 + 1;
            (at, column)
        })
    }

    fn titles(&self, area: Rect, buf: &mut Buffer, view: &View) {
        let style = view.theme[Role::Column];
        buf.set_string(area.x + self.rails, area.y, "operator", style);
        for (x, (title, wide, _)) in self.columns(area) {
            let words = match *title {
                "output" | "type" => text::left(title, usize::from(*wide)),
                _ => text::right(title, usize::from(*wide)),
            };
            buf.set_string(x, area.y, words, style);
        }
    }
}

/// Writes without changing the background of a chosen row.
fn put(buf: &mut Buffer, x: u16, y: u16, words: &str, style: Style, chosen: bool, view: &View) {
    let style = match (chosen, view.theme[Role::Selected].bg) {
        (true, Some(bg)) => style.bg(bg),
        (true, None) => style.patch(view.theme[Role::Selected]),
        _ => style,
    };
    buf.set_string(x, y, words, style);
}

fn cell(
    title: &str,
    seen: &Seen,
    graph: &Graph,
    item: Item,
    wide: usize,
    view: &View,
) -> (String, Style) {
    let theme = view.theme;
    let value = match item {
        Item::Input(i) => graph.inputs.get(i as usize).copied().flatten(),
        Item::Output(i) => graph.outputs.get(i as usize).copied().flatten(),
        Item::Node(id) => graph.node(id).outputs.first().copied(),
        Item::Scope(_) => {
            let out = seen.flows.iter().find(|f| f.from == item);
            out.map(|f| f.value)
        }
    };
    let value = value.map(|v| graph.value(v));
    let cost = seen.cost(item);
    let number = |n: u64, words: String| match n {
        0 => (text::right("–", wide), theme[Role::Border]),
        _ => (text::right(&words, wide), theme[Role::Number]),
    };
    match title {
        "output" => (
            text::left(&value.map_or(String::new(), |v| v.shape.to_string()), wide),
            theme[Role::Text],
        ),
        "type" => (
            text::left(&value.map_or(String::new(), |v| v.dtype.to_string()), wide),
            theme[Role::Dim],
        ),
        "params" => number(cost.params, text::short(cost.params)),
        "MAC" => number(cost.macs, text::short(cost.macs)),
        _ => number(cost.bytes, text::bytes(cost.bytes)),
    }
}

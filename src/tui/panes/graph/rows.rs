//! The rails: one operator a row, with the flow on the left and what it makes and takes on the right.

use std::cell::Cell;

use super::map::Shown;
use super::overlay::Overlay;
use super::seen::{Seen, is_port};
use crate::layout::label::{Label, cut_start};
use crate::layout::rails::Row;
use crate::layout::scope::Item;
use crate::model::Graph;
use crate::tui::panes::View;
use crate::tui::term::{Buffer, Rect, Style, width};
use crate::tui::text;
use crate::tui::theme::Role;

/// Columns of the screen that rows would like to have, so that they need not be cut.
#[derive(Debug, Clone, Copy, Default)]
pub struct Widths {
    /// Operator and what tells it from its like.
    pub name: u16,
    /// The shape of what comes out.
    pub shape: u16,
}

impl Widths {
    /// Of very many rows the first ones decide.
    const ROWS: usize = 4096;

    pub(super) fn of(seen: &Seen, graph: &Graph) -> Widths {
        let mut widths = Widths::default();
        for item in seen.list.items().iter().take(Self::ROWS).copied() {
            let words = seen.words(graph, item);
            let mut name = width(&words.head);
            if !words.tail.is_empty() && !is_port(item) {
                name += 1 + width(&words.tail);
            }
            if matches!(item, Item::Scope(_)) {
                name += 2;
            }
            let value = seen.value(graph, item);
            let shape = value.map_or(0, |v| width(&v.shape.to_string()));
            widths.name = widths.name.max(name.min(u16::MAX.into()) as u16);
            widths.shape = widths.shape.max(shape.min(u16::MAX.into()) as u16);
        }
        widths
    }
}

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
    item.and_then(|item| seen.list.place(item)).unwrap_or(0)
}

/// A column at the right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Output,
    Type,
    Params,
    Macs,
    Bytes,
    Time,
    Error,
}

impl Column {
    const ALL: [Column; 7] = [
        Column::Output,
        Column::Type,
        Column::Params,
        Column::Macs,
        Column::Bytes,
        Column::Time,
        Column::Error,
    ];

    fn title(self) -> &'static str {
        ["output", "type", "params", "MAC", "bytes", "time", "error"][self as usize]
    }

    fn width(self, area: u16, shape: u16) -> u16 {
        match self {
            Column::Output => shape.clamp(7, MOST_SHAPE),
            Column::Type => 9,
            Column::Params | Column::Macs => 8,
            Column::Bytes | Column::Error => 9,
            Column::Time if area >= WITH_BARS => 10 + BAR as u16,
            Column::Time => 9,
        }
    }

    /// Where there is no room for all, the one with the lowest goes first.
    fn rank(self, overlay: Overlay) -> usize {
        let coloured_by = match overlay {
            Overlay::Family => None,
            Overlay::Bytes => Some(Column::Bytes),
            Overlay::Macs => Some(Column::Macs),
            Overlay::Dtype => Some(Column::Type),
            Overlay::Time => Some(Column::Time),
            Overlay::Error => Some(Column::Error),
        };
        if coloured_by == Some(self) {
            return 8;
        }
        [7, 1, 2, 4, 3, 6, 5][self as usize]
    }

    /// The columns that fit beside `rails` and a name.
    fn fitting(seen: &Seen, area: u16, rails: u16) -> Vec<(Column, u16)> {
        let overlay = seen.key.overlay;
        let known = |column: &Column| match column {
            Column::Time => seen.is_timed || overlay == Overlay::Time,
            Column::Error => seen.is_compared || overlay == Overlay::Error,
            _ => true,
        };
        let columns = Column::ALL.into_iter().filter(known);
        let mut columns: Vec<_> = columns
            .map(|c| (c, c.width(area, seen.widths.shape)))
            .collect();
        let name = (seen.widths.name + 1).min(MOST_NAME).min(area / 2);
        let need = |columns: &[(Column, u16)]| columns.iter().map(|c| c.1 + 1).sum::<u16>();
        while !columns.is_empty() && need(&columns) + rails + name > area {
            let least = columns.iter().map(|(c, _)| c.rank(overlay)).min();
            columns.retain(|(c, _)| Some(c.rank(overlay)) != least);
        }
        columns
    }
}

/// Columns of the screen that a name gets before figures do, and those of a shape.
const MOST_NAME: u16 = 40;
const MOST_SHAPE: u16 = 20;
/// Columns of the title above the names, and those between the longest name and the first figure.
const TITLE: u16 = 8;
const GAP: u16 = 3;
/// A rest of a name in fewer columns says nothing.
const LEAST_TAIL: usize = 4;
/// Width of the rows from which on times have bars, and the width of those.
const WITH_BARS: u16 = 110;
const BAR: usize = 6;

pub fn render(
    scroll: &Scroll,
    shown: &Shown,
    graph: &Graph,
    area: Rect,
    buf: &mut Buffer,
    view: &View,
) {
    let seen = shown.seen;
    if area.height < 2 {
        return;
    }
    let body = Rect {
        y: area.y + 1,
        height: area.height - 1,
        ..area
    };
    scroll.settle(row_of(seen, shown.chosen), seen.list.len(), body);
    let top = scroll.top.get();
    let end = seen.list.len().min(top + usize::from(body.height));
    let rows = seen.rails.rows(&seen.list, top..end);
    let most = rows.iter().map(|r| r.rails.len()).max().unwrap_or(0);
    let rails = (most as u16 + 2).min(area.width / 3).max(4);
    let columns = Column::fitting(seen, area.width, rails);
    let right: u16 = columns.iter().map(|c| c.1 + 1).sum();
    // No wider than the longest name: figures far from it are hard to follow.
    let longest = seen.widths.name.max(TITLE).saturating_add(GAP);
    let frame = Frame {
        rails,
        name: area.width.saturating_sub(rails + right).min(longest),
        columns,
    };
    frame.titles(area, buf, view);
    let pen = Pen {
        shown,
        graph,
        view,
        frame: &frame,
    };
    for (index, row) in rows.iter().enumerate() {
        let line = Rect {
            y: body.y + index as u16,
            height: 1,
            ..body
        };
        pen.row(row, line, buf);
    }
}

/// What every row is drawn with.
struct Pen<'a> {
    shown: &'a Shown<'a>,
    graph: &'a Graph,
    view: &'a View<'a>,
    frame: &'a Frame,
}

impl Pen<'_> {
    fn row(&self, row: &Row, line: Rect, buf: &mut Buffer) {
        let (theme, shown, seen) = (self.view.theme, self.shown, self.shown.seen);
        let chosen = Some(row.item) == shown.chosen;
        if chosen {
            buf.set_style(line, theme[Role::Selected]);
        }
        let mut put = |x: u16, words: &str, style: Style| {
            put(buf, x, line.y, words, style, chosen, self.view)
        };
        let words = seen.words(self.graph, row.item);
        let hue = theme.family(words.family);
        let rails = row.rails.iter().take(usize::from(self.frame.rails) - 2);
        for (at, rail) in rails.enumerate() {
            let own = at == 2 * row.column;
            let lit = shown.chosen.is_some() && rail.source == shown.chosen;
            let style = match (own, lit) {
                (true, _) => hue,
                (_, true) => theme[Role::Accent],
                _ if rail.control => theme[Role::Border],
                _ => theme[Role::BorderFocused],
            };
            put(line.x + at as u16, &rail.letter.to_string(), style);
        }
        let faded = shown.lit.is_some_and(|lit| !lit.contains(row.item));
        let head = if faded { theme[Role::Dim] } else { hue };
        let mut at = line.x + self.frame.rails;
        let [sign, name, more] = self.frame.name(row.item, &words);
        for (part, style) in [(sign, hue), (name, head), (more, theme[Role::Dim])] {
            put(at, &part, style);
            at += width(&part) as u16;
        }
        for (x, (column, wide)) in self.frame.columns(line) {
            let wide = usize::from(wide);
            let (words, style) = cell(column, seen, self.graph, row.item, wide, self.view);
            put(x, &words, style);
        }
    }
}

/// All rows as plain text: rails, operator, and what comes out.
pub fn text(seen: &Seen, graph: &Graph) -> String {
    let row = |row: &Row| {
        let rails: String = row.rails.iter().map(|rail| rail.letter).collect();
        let words = seen.words(graph, row.item);
        let name = format!("{} {}", words.head, words.tail);
        let value = seen.value(graph, row.item);
        let shape = value.map_or(String::new(), |v| format!("{} {}", v.shape, v.dtype));
        [rails, text::clean(name.trim()), shape]
    };
    let all = seen.rails.rows(&seen.list, 0..seen.list.len());
    let rows: Vec<[String; 3]> = all.iter().map(row).collect();
    let widest = |column: usize| rows.iter().map(|r| width(&r[column])).max().unwrap_or(0);
    let (rails, names) = (widest(0) + 2, widest(1) + 2);
    let line = |[rail, name, shape]: &[String; 3]| {
        let line = text::left(rail, rails) + &text::left(name, names) + shape;
        line.trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

/// How the width is shared out: rails, names, columns.
struct Frame {
    rails: u16,
    name: u16,
    columns: Vec<(Column, u16)>,
}

impl Frame {
    /// Sign, operator and the rest of its name in the room of a row. Long names are cut where they begin: they tell most at
    /// their end. Of a scope the number of operators stays.
    fn name(&self, item: Item, words: &Label) -> [String; 3] {
        let room = usize::from(self.name.saturating_sub(1));
        let is_scope = matches!(item, Item::Scope(_));
        let sign = if is_scope { "▸ " } else { "" };
        let room = room.saturating_sub(width(sign));
        let more = match self.columns.first() {
            // The shape of an input stands in its column.
            Some((Column::Output, _)) if is_port(item) => String::new(),
            _ if words.tail.is_empty() => String::new(),
            _ => format!(" {}", words.tail),
        };
        if is_scope {
            let head = cut_start(&words.head, room.saturating_sub(width(&more)));
            return [sign.to_owned(), head, more];
        }
        let head = text::fit(&words.head, room);
        let left = room - width(&head);
        let more = match left {
            _ if width(&more) <= left => more,
            0..=LEAST_TAIL => String::new(),
            _ => format!(" {}", cut_start(&words.tail, left - 1)),
        };
        [sign.to_owned(), head, more]
    }

    /// The columns at the right with where each begins.
    fn columns(&self, area: Rect) -> impl Iterator<Item = (u16, (Column, u16))> {
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
        for (x, (column, wide)) in self.columns(area) {
            let title = column.title();
            let words = match column {
                Column::Output | Column::Type => text::left(title, usize::from(wide)),
                Column::Time => text::right(title, usize::from(wide.min(9))),
                _ => text::right(title, usize::from(wide)),
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
    column: Column,
    seen: &Seen,
    graph: &Graph,
    item: Item,
    wide: usize,
    view: &View,
) -> (String, Style) {
    let theme = view.theme;
    let value = seen.value(graph, item);
    let cost = seen.cost(item);
    let number = |n: u64, words: String| match n {
        0 => (text::right("–", wide), theme[Role::Border]),
        _ => (text::right(&words, wide), theme[Role::Number]),
    };
    let figures = seen.figures(item);
    match column {
        Column::Output => (
            text::left(&value.map_or(String::new(), |v| v.shape.to_string()), wide),
            theme[Role::Text],
        ),
        Column::Type => (
            text::left(&value.map_or(String::new(), |v| v.dtype.to_string()), wide),
            theme[Role::Dim],
        ),
        Column::Params => number(cost.params, text::short(cost.params)),
        Column::Macs => number(cost.macs, text::short(cost.macs)),
        Column::Bytes => number(cost.bytes, text::bytes(cost.bytes)),
        Column::Time => match figures.nanos {
            None => (text::right("–", wide.min(9)), theme[Role::Border]),
            Some(nanos) => {
                let share = nanos as f64 / seen.nanos.max(1) as f64;
                let mut words = text::right(&text::duration(nanos as f64), wide.min(9));
                if wide > 9 {
                    words = format!("{words} {}", text::bar(share, BAR));
                }
                (words, theme[Role::Number])
            }
        },
        Column::Error => match (figures.error_text(), figures.badness()) {
            (Some(words), Some(badness)) => (text::right(&words, wide), theme.heat(badness)),
            _ => (text::right("–", wide), theme[Role::Border]),
        },
    }
}

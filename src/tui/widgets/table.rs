//! A table whose columns give way on a narrow screen.

use super::Rows;
use crate::tui::term::{Buffer, Line, Rect, Span, Style, width};
use crate::tui::text;
use crate::tui::theme::{Role, Theme};

/// How a column is set.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub title: &'static str,
    /// Columns on the screen; 0 takes what is left (one such column a table).
    pub width: u16,
    pub right: bool,
    /// Columns that one of width 0 takes at least.
    pub least: u16,
    /// Columns with the highest number give way first; 0 stays.
    pub gives_way: u8,
}

impl Column {
    pub const fn left(title: &'static str, width: u16, gives_way: u8) -> Column {
        Column {
            title,
            width,
            right: false,
            least: FLEXIBLE,
            gives_way,
        }
    }

    /// Takes what is left, at least so much.
    pub const fn flexible(title: &'static str, least: u16) -> Column {
        Column {
            title,
            width: 0,
            right: false,
            least,
            gives_way: 0,
        }
    }

    /// Not drawn, whatever room there is: nothing would stand in it.
    pub fn hide(&mut self) {
        self.gives_way = u8::MAX;
    }

    fn is_hidden(&self) -> bool {
        self.gives_way == u8::MAX
    }

    pub const fn right(title: &'static str, width: u16, gives_way: u8) -> Column {
        Column {
            title,
            width,
            right: true,
            least: FLEXIBLE,
            gives_way,
        }
    }
}

/// What a cell holds.
pub enum Cell {
    Text(String, Style),
    /// Cut where it tells least when it does not fit.
    Name(String, Style),
    /// A name, and dim what tells it from others of that name: by its last part, or only by `both` ends.
    Twin {
        name: String,
        style: Style,
        told: String,
        both: bool,
    },
    Bar(f64),
    /// Several pieces; not cut.
    Spans(Vec<Span<'static>>),
}

/// The least width for the column that takes what is left.
const FLEXIBLE: u16 = 14;

/// Columns that fit into `wide`, with their widths, and the blanks between two: two, or one where that keeps more.
fn fitting(columns: &[Column], wide: u16) -> (Vec<(usize, u16)>, u16) {
    let (airy, close) = (kept(columns, wide, 2), kept(columns, wide, 1));
    match close.len() > airy.len() {
        true => (close, 1),
        false => (airy, 2),
    }
}

fn kept(columns: &[Column], wide: u16, gap: u16) -> Vec<(usize, u16)> {
    let mut kept: Vec<usize> = (0..columns.len())
        .filter(|&c| !columns[c].is_hidden())
        .collect();
    let need = |kept: &[usize]| -> u16 {
        let own: u16 = kept
            .iter()
            .map(|&c| {
                if columns[c].width == 0 {
                    columns[c].least
                } else {
                    columns[c].width
                }
            })
            .sum();
        own + gap * (kept.len() as u16).saturating_sub(1)
    };
    while need(&kept) > wide {
        let most = kept
            .iter()
            .copied()
            .filter(|&c| columns[c].gives_way > 0)
            .max_by_key(|&c| columns[c].gives_way);
        match most {
            Some(go) => kept.retain(|&c| c != go),
            None => break,
        }
    }
    let spare = wide.saturating_sub(need(&kept));
    kept.into_iter()
        .map(|c| {
            (
                c,
                if columns[c].width == 0 {
                    columns[c].least + spare
                } else {
                    columns[c].width
                },
            )
        })
        .collect()
}

/// Draws the titles and the rows that fit; `sorted` is the column whose title is marked.
pub fn render(
    area: Rect,
    buf: &mut Buffer,
    theme: &Theme,
    columns: &[Column],
    (rows, len, focused): (&Rows, usize, bool),
    sorted: Option<usize>,
    mut cells: impl FnMut(usize) -> Vec<Cell>,
) {
    if area.height == 0 || area.width == 0 {
        return;
    }
    let (fit, gap) = fitting(columns, area.width);
    let gap = || Span::raw(" ".repeat(gap.into()));
    let mut head = Vec::new();
    for (at, &(c, wide)) in fit.iter().enumerate() {
        let mark = if sorted == Some(c) { "▾" } else { "" };
        let title = format!("{}{mark}", columns[c].title);
        let title = set(&title, wide as usize, columns[c].right);
        head.push(Span::styled(title, theme[Role::Column]));
        if at + 1 < fit.len() {
            head.push(gap());
        }
    }
    super::put(area, 0, Line::from(head), buf);
    let body = Rect {
        y: area.y + 1,
        height: area.height - 1,
        ..area
    };
    for (line, row) in rows.window(len, body).enumerate() {
        let mut all: Vec<Option<Cell>> = cells(row).into_iter().map(Some).collect();
        let mut spans = Vec::new();
        for (at, &(c, wide)) in fit.iter().enumerate() {
            if let Some(cell) = all.get_mut(c).and_then(Option::take) {
                draw(cell, wide as usize, columns[c].right, theme, &mut spans);
            }
            if at + 1 < fit.len() {
                spans.push(gap());
            }
        }
        super::put(body, line as u16, Line::from(spans), buf);
        if row == rows.at {
            let style = if focused {
                theme[Role::Selected]
            } else {
                theme[Role::SelectedDim]
            };
            let row = Rect {
                y: body.y + line as u16,
                height: 1,
                ..body
            };
            buf.set_style(row, Style { fg: None, ..style });
        }
    }
}

fn set(title: &str, wide: usize, right: bool) -> String {
    if right {
        text::right(title, wide)
    } else {
        text::left(title, wide)
    }
}

fn draw(cell: Cell, wide: usize, right: bool, theme: &Theme, spans: &mut Vec<Span<'static>>) {
    match cell {
        Cell::Text(words, style) => spans.push(Span::styled(set(&words, wide, right), style)),
        Cell::Name(name, style) => spans.push(Span::styled(
            text::left(&text::fit_name(&name, wide), wide),
            style,
        )),
        Cell::Twin {
            name,
            style,
            told,
            both,
        } => {
            let (name, told) = text::fit_twin(&name, &told, both, wide);
            let rest = wide.saturating_sub(width(&told));
            spans.push(Span::styled(text::left(&name, rest), style));
            spans.push(Span::styled(told, theme[Role::Dim]));
        }
        Cell::Bar(fraction) => spans.push(Span::styled(
            text::left(&text::bar(fraction, wide), wide),
            theme[Role::Bar],
        )),
        Cell::Spans(pieces) => {
            let used: usize = pieces.iter().map(Span::width).sum();
            spans.extend(pieces);
            spans.push(Span::raw(" ".repeat(wide.saturating_sub(used))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_give_way_in_their_order() {
        let columns = [
            Column::left("name", 0, 0),
            Column::left("dtype", 8, 2),
            Column::right("bytes", 8, 1),
        ];
        let kept = |wide| fitting(&columns, wide);
        assert_eq!(kept(50), (vec![(0, 30), (1, 8), (2, 8)], 2));
        assert_eq!(kept(32), (vec![(0, 14), (1, 8), (2, 8)], 1));
        assert_eq!(kept(30), (vec![(0, 20), (2, 8)], 2));
        assert_eq!(kept(20), (vec![(0, 20)], 2));
        assert_eq!(kept(5), (vec![(0, 14)], 2));
        let mut hidden = columns;
        hidden[1].hide();
        assert_eq!(fitting(&hidden, 50), (vec![(0, 40), (2, 8)], 2));
    }
}

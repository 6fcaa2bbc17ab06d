//! Pieces that several panes draw with.

pub mod canvas;
pub mod describe;
pub mod facts;
pub mod grid;
pub mod histogram;
pub mod hues;
pub mod image;
pub mod operand;
pub mod plot;
pub mod rows;
pub mod split;
pub mod table;
pub mod wave;

pub use rows::Rows;
pub use split::Split;

use super::jobs::Shown;
use super::term::{
    Block, BorderType, Borders, Buffer, Line, Modifier, Paragraph, Rect, Span, Style, Widget, Wrap,
    width,
};
use super::text;
use super::theme::{Role, Theme};
use crate::error::Error;

/// A quiet box with a title; returns its inside.
pub fn panel(
    title: impl Into<String>,
    area: Rect,
    buf: &mut Buffer,
    theme: &Theme,
    focused: bool,
) -> Rect {
    let title = text::fit(&title.into(), area.width.saturating_sub(4) as usize);
    let border = if focused {
        Role::BorderFocused
    } else {
        Role::Border
    };
    let mut block = Block::new()
        .borders(Borders::ALL)
        .border_type(BorderType::Rounded)
        .border_style(theme[border]);
    if !title.is_empty() {
        // A faint border makes its title none the fainter.
        let plain = Style::new().remove_modifier(Modifier::all());
        let style = plain.patch(theme[Role::Title]);
        block = block.title(Line::styled(format!(" {title} "), style));
    }
    let inner = block.inner(area);
    block.render(area, buf);
    // A column of air on both sides.
    if inner.width > 4 {
        Rect {
            x: inner.x + 1,
            width: inner.width - 2,
            ..inner
        }
    } else {
        inner
    }
}

/// Words at the right end of a box's upper border, as many of those between dots as its title leaves room for.
pub fn panel_note(note: &str, area: Rect, buf: &mut Buffer, style: Style) {
    /// Columns below which words that were cut tell nothing.
    const LEAST: usize = 4;
    if area.height == 0 || note.is_empty() {
        return;
    }
    // All but the corner.
    let border = (area.x..area.right().saturating_sub(1)).rev();
    let is_free = |x: &u16| buf.cell((*x, area.y)).is_some_and(|c| c.symbol() == "─");
    let free = border.take_while(is_free).count().saturating_sub(3);
    let mut words = note;
    while width(words) > free
        && let Some((first, _)) = words.rsplit_once(" · ")
    {
        words = first;
    }
    // Of a note that has parts the first is what a person typed.
    let words = match words.len() < note.len() {
        true => text::fit(words, free),
        false if width(words) <= free => words.to_owned(),
        false => return,
    };
    let at = area.right().saturating_sub(width(&words) as u16 + 3);
    if width(&words) >= LEAST.min(width(note)) {
        buf.set_string(at, area.y, format!(" {words} "), style);
    }
}

/// Writes `line` into row `row` of `area`; rows outside are left out.
pub fn put(area: Rect, row: u16, line: impl Into<Line<'static>>, buf: &mut Buffer) {
    if row < area.height {
        line.into().render(
            Rect {
                y: area.y + row,
                height: 1,
                ..area
            },
            buf,
        );
    }
}

/// The chosen row of a list, its colours kept.
pub fn mark_row(area: Rect, row: u16, buf: &mut Buffer, theme: &Theme) {
    let line = Rect {
        y: area.y + row,
        height: 1,
        ..area
    };
    let style = Style {
        fg: None,
        ..theme[Role::Selected]
    };
    buf.set_style(line.intersection(area), style);
}

/// As [`put`], with `…` where the line is cut.
pub fn put_cut(area: Rect, row: u16, line: Line<'static>, buf: &mut Buffer) {
    let mut room = area.width as usize;
    if line.width() <= room {
        return put(area, row, line, buf);
    }
    let mut kept = Vec::new();
    for span in line.spans {
        let wide = span.width();
        // The cut mark needs the last column.
        if wide < room {
            room -= wide;
            kept.push(span);
        } else {
            let words = text::fit(&format!("{} ", span.content), room);
            kept.push(Span::styled(words, span.style));
            break;
        }
    }
    put(area, row, Line::from(kept).style(line.style), buf);
}

/// Sentences in the middle of an empty pane. Where they don't all fit the last ones stay, which name the keys.
pub fn message(area: Rect, lines: &[&str], buf: &mut Buffer, theme: &Theme) {
    let (room, high) = (area.width as usize, area.height as usize);
    let wrapped = |line: &&str| match line.is_empty() {
        true => vec![String::new()],
        false if width(line) <= room => vec![(*line).to_owned()],
        false => text::wrap(line, room, usize::MAX),
    };
    let mut rows: Vec<String> = lines.iter().flat_map(wrapped).collect();
    if rows.len() > high {
        rows.retain(|row| !row.is_empty());
    }
    rows.drain(..rows.len().saturating_sub(high));
    let top = (high - rows.len()) / 2;
    for (row, words) in rows.into_iter().enumerate() {
        let line = Line::styled(words, theme[Role::Dim]).centered();
        put(area, (top + row) as u16, line, buf);
    }
}

/// What a running job has done and what is left.
pub fn gauge(area: Rect, job: &Shown, buf: &mut Buffer, theme: &Theme) {
    let snapshot = &job.snapshot;
    let message = if snapshot.message.is_empty() {
        &job.label
    } else {
        &snapshot.message
    };
    let wide = (area.width as usize).min(60);
    put(
        area,
        0,
        Line::styled(text::fit(message, wide), theme[Role::Text]),
        buf,
    );
    let line = match snapshot.fraction() {
        Some(fraction) => {
            let room = wide.saturating_sub(7);
            let bar = text::bar(fraction, room);
            let rest = room.saturating_sub(width(&bar));
            Line::from(vec![
                Span::styled(bar, theme[Role::Bar]),
                Span::styled("░".repeat(rest), theme[Role::BarRest]),
                Span::styled(
                    format!(" {:>5}", text::percent(fraction)),
                    theme[Role::Number],
                ),
            ])
        }
        None => Line::styled(
            format!("{:.1} s", job.since.as_secs_f64()),
            theme[Role::Dim],
        ),
    };
    put(area, 1, line, buf);
}

/// What happened, where, and what to do, for a pane that can't show what it should.
pub fn card(error: &Error, buf: &mut Buffer, area: Rect, theme: &Theme) {
    let lines = card_lines(error, theme);
    Paragraph::new(lines)
        .wrap(Wrap { trim: false })
        .render(area, buf);
}

/// The lines of an error card.
pub fn card_lines(error: &Error, theme: &Theme) -> Vec<Line<'static>> {
    let mut lines = vec![Line::from(vec![
        Span::styled("✘ ", theme[Role::Bad]),
        Span::styled(error.what().to_owned(), theme[Role::Text]),
    ])];
    let mut place = |what: &str, text: String| {
        lines.push(Line::from(vec![
            Span::styled(format!("  {what:<6}"), theme[Role::Dim]),
            Span::styled(text, theme[Role::Text]),
        ]));
    };
    if let Some(file) = error.file().filter(|f| !f.as_os_str().is_empty()) {
        place("file", file.display().to_string());
    }
    if let Some(at) = error.place() {
        place("at", at.to_owned());
    }
    if let Some(advice) = error.advice() {
        lines.push(Line::raw(""));
        lines.push(Line::styled(advice.to_owned(), theme[Role::Accent]));
    }
    lines
}

/// Whether an area of a pane belongs to a screen below 80×24, where one part is shown at a time.
pub fn is_small(area: Rect) -> bool {
    area.width < 80 || area.height < 16
}

/// Where one of `names` has been drawn, for the mouse.
pub fn inside(area: Rect, column: u16, row: u16) -> bool {
    area.contains(super::term::Position::new(column, row))
}

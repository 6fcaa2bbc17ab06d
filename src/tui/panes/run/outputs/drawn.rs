//! Outputs as drawings, with what there is to say of them beside or below.

use crate::analysis::Statistics;
use crate::feed::{ClassMap, Image, Signal};
use crate::tui::term::{Buffer, Line, Rect, Span};
use crate::tui::text;
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::hues::Hues;
use crate::tui::widgets::image::{self, Frame};
use crate::tui::widgets::{put_cut, wave};

/// Rows that a drawing of this extent would like to have at this width, with a few for words.
pub fn height((height, width): (usize, usize), wide: u16) -> u16 {
    let room = Rect::new(0, 0, wide, u16::MAX / 4);
    let rows = Frame::of(room, (height, width)).map_or(1, |frame| frame.area.height);
    rows.saturating_add(3).max(8)
}

/// Blank columns between a drawing and its notes, and between columns of notes.
const GAP: u16 = 2;

/// The frame of a drawing in `area`. Notes stand beside it, or in columns below where that leaves it more room.
pub fn place(
    area: Rect,
    extent: (usize, usize),
    notes: &[Line<'static>],
    buf: &mut Buffer,
    theme: &Theme,
) -> Option<Frame> {
    let wide = notes.iter().map(Line::width).max().unwrap_or(0) as u16 + GAP;
    let columns = (area.width / wide).max(1);
    let rows = (notes.len() as u16).div_ceil(columns);
    let left = Rect {
        width: area.width.saturating_sub(wide),
        ..area
    };
    let upper = Rect {
        height: area.height - rows.min((area.height / 3).max(1)).min(area.height),
        ..area
    };
    let beside = Frame::of(left, extent).filter(|_| usize::from(area.height) >= notes.len());
    let below = Frame::of(upper, extent);
    let is_beside = match (&beside, &below) {
        (Some(beside), Some(below)) => beside.width >= below.width,
        (beside, _) => beside.is_some(),
    };
    let frame = if is_beside { beside } else { below }?;
    let (rest, columns) = if is_beside {
        let x = frame.area.right() + GAP;
        let width = area.right() - x;
        (Rect { x, width, ..area }, 1)
    } else {
        let y = frame.area.bottom();
        let height = area.bottom() - y;
        (Rect { y, height, ..area }, columns)
    };
    put_notes(rest, notes, (usize::from(columns), wide), buf, theme);
    Some(frame)
}

/// Notes row by row in so many columns of this width, and how many there was no room for.
fn put_notes(
    area: Rect,
    notes: &[Line<'static>],
    (columns, wide): (usize, u16),
    buf: &mut Buffer,
    theme: &Theme,
) {
    let room = usize::from(area.height) * columns;
    let shown = match notes.len() > room {
        true => room.saturating_sub(1),
        false => notes.len(),
    };
    let more = Line::styled(format!("… {} more", notes.len() - shown), theme[Role::Dim]);
    let last = (notes.len() > shown && room > 0).then_some(&more);
    for (at, line) in notes[..shown].iter().chain(last).enumerate() {
        let skip = (at % columns) as u16 * wide;
        let own = Rect {
            x: area.x + skip,
            width: area.width.saturating_sub(skip),
            ..area
        };
        put_cut(own, (at / columns) as u16, line.clone(), buf);
    }
}

/// An image, and what black and white stand for.
pub fn image(
    area: Rect,
    image: &Image,
    statistics: Option<&Statistics>,
    buf: &mut Buffer,
    theme: &Theme,
) {
    let n = |v: f64| text::number(v, 9);
    let say = |what: &str, words: String| {
        Line::from(vec![
            Span::styled(format!("{what:<7}"), theme[Role::Dim]),
            Span::styled(words, theme[Role::Text]),
        ])
    };
    let mut notes = Vec::new();
    if let Some(Statistics {
        min: Some(min),
        max: Some(max),
        mean: Some(mean),
        std: Some(std),
        nan,
        infinite,
        ..
    }) = statistics
    {
        notes.push(say("values", format!("{} … {}", n(*min), n(*max))));
        notes.push(say("mean", format!("{} ± {}", n(*mean), n(*std))));
        if nan + infinite > 0 {
            let words = format!("{nan} NaN, {infinite} infinite");
            notes.push(Line::styled(words, theme[Role::Bad]));
        }
    }
    let ends = format!("{} … {}", n(image.ends.0), n(image.ends.1));
    notes.push(say("drawn", ends));
    if let Some(frame) = place(area, (image.height, image.width), &notes, buf, theme) {
        image::image(&frame, image, buf, theme);
    }
}

/// The class of each pixel, and which classes there are.
pub fn classes(
    area: Rect,
    map: &ClassMap,
    labels: Option<&[String]>,
    buf: &mut Buffer,
    theme: &Theme,
) {
    /// Columns of a label.
    const LABEL: usize = 20;
    let hues = Hues::of(theme);
    let name = |class: u16| match labels.and_then(|labels| labels.get(usize::from(class))) {
        Some(label) => text::fit(&format!("{class} {}", text::clean(label)), LABEL),
        None => format!("class {class}"),
    };
    let names: Vec<String> = map.shares.iter().map(|(class, _)| name(*class)).collect();
    let wide = names.iter().map(|n| crate::tui::term::width(n)).max();
    let notes = map.shares.iter().zip(&names).map(|((class, share), name)| {
        let class = usize::from(*class);
        let mark = match theme.is_mono() {
            true => Hues::letter(class),
            false => "■",
        };
        Line::from(vec![
            Span::styled(format!("{mark} "), hues.class(class)),
            Span::styled(text::left(name, wide.unwrap_or(0)), theme[Role::Text]),
            Span::styled(text::right(&text::percent(*share), 7), theme[Role::Number]),
        ])
    });
    let notes: Vec<Line> = notes.collect();
    if let Some(frame) = place(area, (map.height, map.width), &notes, buf, theme) {
        image::classes(&frame, map, buf, theme);
    }
}

/// The channels of a signal one below the other.
pub fn signal(area: Rect, signal: &Signal, buf: &mut Buffer, theme: &Theme) {
    let count = signal.channels.len().max(1) as u16;
    for (at, channel) in signal.channels.iter().enumerate() {
        let high = area.height / count;
        let own = Rect {
            y: area.y + at as u16 * high,
            height: high,
            ..area
        };
        wave::trace(own, channel, buf, theme);
    }
}

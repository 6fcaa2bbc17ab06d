//! A signal as a line of dots, four rows and two columns of them a character, or as a body where it fills its columns.

use super::put;
use crate::feed::Trace;
use crate::tui::term::{Buffer, Line, Modifier, Rect, width};
use crate::tui::text;
use crate::tui::theme::{Role, Theme};

/// The line through `values` over the area: as [`trace`] draws it.
pub fn render(area: Rect, values: &[f64], buf: &mut Buffer, theme: &Theme) {
    trace(area, &Trace::of(values), buf, theme);
}

/// A line from the first value to the last; where several share a column of dots, from the least of them to the largest.
/// At the left what the highest and the lowest row stand for, below the indices of the ends.
pub fn trace(area: Rect, trace: &Trace, buf: &mut Buffer, theme: &Theme) {
    /// Below which there is no room for a line.
    const LEAST: (u16, u16) = (2, 8);
    if area.height < LEAST.0 || area.width < LEAST.1 {
        return;
    }
    let Some((low, high)) = trace.ends() else {
        let words = "no finite value";
        return put(area, 0, Line::styled(words, theme[Role::Bad]), buf);
    };
    let names = [text::number(high, 9), text::number(low, 9)];
    let edge = match area.width {
        0..30 => 0,
        _ => names.iter().map(|n| width(n)).max().unwrap_or(0) as u16 + 1,
    };
    let plot = Rect {
        x: area.x + edge,
        width: area.width - edge,
        height: area.height - 1,
        ..area
    };
    if edge > 0 {
        for (name, row) in names.iter().zip([0, plot.height - 1]) {
            let name = text::right(name, usize::from(edge) - 1);
            put(area, row, Line::styled(name, theme[Role::Dim]), buf);
        }
    }
    axis(plot, (low, high), buf, theme);
    match is_body(trace, (low, high), plot) {
        true => body(plot, trace, (low, high), buf, theme),
        false => line(plot, trace, (low, high), buf, theme),
    }
    let last = trace.len.saturating_sub(1).to_string();
    let ends = format!("0{}", text::right(&last, usize::from(plot.width) - 1));
    let below = Rect {
        y: plot.bottom(),
        height: 1,
        ..plot
    };
    put(below, 0, Line::styled(ends, theme[Role::Dim]), buf);
}

/// Where zero is.
fn axis(plot: Rect, (low, high): (f64, f64), buf: &mut Buffer, theme: &Theme) {
    if low < 0.0 && high > 0.0 {
        let row = (high / (high - low) * f64::from(plot.height)) as u16;
        let words = "╌".repeat(plot.width.into());
        let row = row.min(plot.height.saturating_sub(1));
        put(plot, row, Line::styled(words, theme[Role::Border]), buf);
    }
}

/// Whether most columns hold whole swings: dots would be a grid.
fn is_body(trace: &Trace, (low, high): (f64, f64), plot: Rect) -> bool {
    /// Rows of dots that a column fills on average, and values that it has.
    const FILLED: f64 = 5.0;
    const VALUES: usize = 4;
    let count = usize::from(plot.width) * 2;
    if trace.len < count * VALUES {
        return false;
    }
    let columns = trace.columns(count);
    let sum: f64 = columns.iter().flatten().map(|(low, high)| high - low).sum();
    let rows = f64::from(plot.height) * 4.0 / (high - low).max(f64::MIN_POSITIVE);
    sum / columns.len().max(1) as f64 * rows >= FILLED
}

/// Each column filled from the least to the largest, to an eighth of a character.
fn body(plot: Rect, trace: &Trace, (low, high): (f64, f64), buf: &mut Buffer, theme: &Theme) {
    const EIGHTHS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    let rows = usize::from(plot.height) * 8;
    let scale = rows as f64 / (high - low).max(f64::MIN_POSITIVE);
    // The inside lies dark on light: what stays free of such a character is in its lower part.
    let upside = theme[Role::Bar].add_modifier(Modifier::REVERSED);
    for (x, part) in trace.columns(plot.width.into()).into_iter().enumerate() {
        let Some((least, most)) = part else { continue };
        let top = (((high - most) * scale).round() as usize).min(rows - 1);
        let bottom = (((high - least) * scale).round() as usize).clamp(top + 1, rows);
        for y in top / 8..bottom.div_ceil(8) {
            let (above, below) = (
                top.saturating_sub(y * 8),
                (y * 8 + 8).saturating_sub(bottom),
            );
            let (letter, style) = match (above, below) {
                (above, 0) => (EIGHTHS[8 - above], theme[Role::Bar]),
                (0, below) => (EIGHTHS[below], upside),
                // It ends and begins in one character, of which it fills most or a line.
                (above, below) if above + below < 4 => ("█", theme[Role::Bar]),
                _ => ("━", theme[Role::Bar]),
            };
            let place = (plot.x + x as u16, plot.y + y as u16);
            if let Some(cell) = buf.cell_mut(place) {
                cell.set_symbol(letter).set_style(style);
            }
        }
    }
}

fn line(plot: Rect, trace: &Trace, (low, high): (f64, f64), buf: &mut Buffer, theme: &Theme) {
    let (columns, rows) = (usize::from(plot.width) * 2, usize::from(plot.height) * 4);
    let scale = (rows - 1) as f64 / (high - low).max(f64::MIN_POSITIVE);
    // From the top. What is equal everywhere lies in the middle.
    let row = |value: f64| match high > low {
        true => ((high - value) * scale).round() as usize,
        false => rows / 2,
    };
    let mut dots = vec![0u8; usize::from(plot.width) * usize::from(plot.height)];
    let mut before: Option<(usize, usize)> = None;
    for (x, part) in trace.columns(columns).into_iter().enumerate() {
        let own = part.map(|(least, most)| (row(most), row(least)));
        if let Some((top, bottom)) = own {
            // Up or down to where the column before ended.
            let reach = |(t, b): (usize, usize)| (top.min(b + 1), bottom.max(t.saturating_sub(1)));
            let (top, bottom) = before.map_or((top, bottom), reach);
            for y in top..=bottom.min(rows - 1) {
                let at = y / 4 * usize::from(plot.width) + x / 2;
                dots[at] |= dot(y % 4, x % 2);
            }
        }
        before = own;
    }
    for (at, &dots) in dots.iter().enumerate().filter(|(_, dots)| **dots != 0) {
        let wide = usize::from(plot.width);
        let place = (plot.x + (at % wide) as u16, plot.y + (at / wide) as u16);
        let letter = char::from_u32(0x2800 + u32::from(dots)).unwrap_or('⣿');
        if let Some(cell) = buf.cell_mut(place) {
            cell.set_char(letter).set_style(theme[Role::Bar]);
        }
    }
}

/// The bit of a dot in a character of braille.
fn dot(row: usize, column: usize) -> u8 {
    [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]][row][column]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn((wide, high): (u16, u16), values: &[f64]) -> String {
        let area = Rect::new(0, 0, wide, high);
        let mut buf = Buffer::empty(area);
        render(area, values, &mut buf, &Theme::named("dark", None).unwrap());
        let row = |y: u16| -> String { (0..wide).map(|x| buf[(x, y)].symbol()).collect() };
        let rows: Vec<String> = (0..high).map(|y| row(y).trim_end().to_owned()).collect();
        rows.join("\n")
    }

    #[test]
    fn a_tone_and_a_peak() {
        let tone: Vec<f64> = (0..16_000)
            .map(|i| (i as f64 / 16_000.0 * 2.0 * std::f64::consts::TAU).sin() * 0.5)
            .collect();
        insta::assert_snapshot!(drawn((44, 6), &tone), @r"
         0.5000  ⢀⡴⠚⠉⠓⢦⡀           ⢀⡴⠚⠉⠓⢦⡀
                ⢠⠞     ⠳⡄         ⢠⠞     ⠳⡄
                ⠏╌╌╌╌╌╌╌⠙⣆╌╌╌╌╌╌╌⣠⠏╌╌╌╌╌╌╌⠙⣆╌╌╌╌╌╌╌⣠
                         ⠘⢦     ⡴⠃         ⠘⢦     ⡴⠃
        -0.5000           ⠈⠳⢤⣀⡤⠞⠁           ⠈⠳⢤⣀⡤⠞⠁
                0                              15999
        ");
        let hiss: Vec<f64> = (0..16_000)
            .map(|i| (i as f64 * 0.9).sin() * (i as f64 / 5e3).cos())
            .collect();
        insta::assert_snapshot!(drawn((44, 6), &hiss), @r"
         0.9998 ███▇▇▆▅▄▃▂▁              ▁▃▄▅▆▆▇████
                ███████████▇▅▄▂▁    ▂▃▅▆████████████
                █████████████████━━█████████████████
                ███████████▁▂▄▆     ▆▅▄▂████████████
        -0.9998 ███▁▂▂▃▄▅▇               ▇▆▅▄▂▂▁▁███
                0                              15999
        ");
        let mut peak = vec![0.0; 5000];
        peak[2500] = 3.0;
        insta::assert_snapshot!(drawn((20, 4), &peak), @r"
                  ⡇
                  ⡇
        ⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣇⣀⣀⣀⣀⣀⣀⣀⣀⣀
        0               4999
        ");
        insta::assert_snapshot!(drawn((12, 3), &[7.0; 300]), @r"

        ⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉
        0        299
        ");
        insta::assert_snapshot!(drawn((20, 3), &[f64::NAN; 300]), @"no finite value");
        assert_eq!(drawn((7, 3), &tone), "\n\n");
    }
}

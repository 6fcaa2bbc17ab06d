//! Small pictures in half blocks: two pixels a character.

use crate::model::Tensor;
use crate::tui::term::{Buffer, Color, Rect, Style};
use crate::tui::theme::Theme;

/// Height, width and channels when a tensor reads as one small picture: `[1, h, w, c]`, `[h, w, c]`, `[1, h, w]`, `[h, w]`.
pub fn extent(tensor: &Tensor) -> Option<(usize, usize, usize)> {
    let (h, w, c) = match *tensor.shape() {
        [1, h, w, c] => (h, w, c),
        [h, w, c] if c == 1 || c == 3 => (h, w, c),
        [1, h, w] | [h, w] => (h, w, 1),
        _ => return None,
    };
    ((4..=512).contains(&h) && (4..=512).contains(&w) && (c == 1 || c == 3)).then_some((h, w, c))
}

/// Draws as large as whole steps allow; rows of pixels that don't fit are left out. Returns the rows used.
pub fn render(area: Rect, tensor: &Tensor, buf: &mut Buffer, theme: &Theme) -> u16 {
    /// Rows and columns below which nobody sees what it is.
    const LEAST: (u16, u16) = (2, 4);
    if area.height < LEAST.0 || area.width < LEAST.1 {
        return 0;
    }
    let Some((h, w, c)) = extent(tensor) else {
        return 0;
    };
    let numbers = (0..tensor.len()).filter_map(|at| tensor.number(at));
    let (least, most) = numbers
        .filter(|v| v.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), v| {
            (least.min(v), most.max(v))
        });
    let range = (most - least).max(f64::MIN_POSITIVE);
    let level = |y: usize, x: usize, channel: usize| -> u8 {
        let at = (y * w + x) * c + channel.min(c - 1);
        let value = tensor.number(at).unwrap_or(least);
        ((value - least) / range * 255.0) as u8
    };
    // Steps of source pixels per drawn pixel when the picture is too large, and the other way round when it is small.
    let shrink = h
        .div_ceil(area.height.max(1) as usize * 2)
        .max(w.div_ceil(area.width.max(1) as usize))
        .max(1);
    let grow = (area.height as usize * 2 / h)
        .min(area.width as usize / w)
        .clamp(1, 4);
    let (rows, columns) = (h / shrink * grow, w / shrink * grow);
    for y in 0..rows.div_ceil(2) {
        for x in 0..columns {
            let Some(cell) = buf.cell_mut((area.x + x as u16, area.y + y as u16)) else {
                continue;
            };
            let pixel = |half: usize| {
                let source = ((y * 2 + half) / grow * shrink, x / grow * shrink);
                (y * 2 + half < rows)
                    .then(|| [0, 1, 2].map(|channel| level(source.0.min(h - 1), source.1, channel)))
            };
            match (pixel(0), pixel(1)) {
                (Some(upper), lower) if theme.is_mono() => {
                    const SHADES: [&str; 5] = [" ", "░", "▒", "▓", "█"];
                    let both = (usize::from(upper[0]) + usize::from(lower.unwrap_or(upper)[0])) / 2;
                    cell.set_symbol(SHADES[both * 4 / 255]);
                }
                (Some(upper), lower) => {
                    let colour = |p: [u8; 3]| Color::Rgb(p[0], p[1], p[2]);
                    cell.set_symbol("▀");
                    let style = Style::new().fg(colour(upper));
                    cell.set_style(match lower {
                        Some(lower) => style.bg(colour(lower)),
                        None => style,
                    });
                }
                (None, _) => {}
            }
        }
    }
    (rows.div_ceil(2) as u16).min(area.height)
}

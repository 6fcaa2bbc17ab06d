//! Numbers from zero up as columns, one beside the other in their order.

use crate::tui::term::{Buffer, Line, Rect, width};
use crate::tui::text;
use crate::tui::theme::{Role, Theme};

const EIGHTHS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// Columns over the area, the largest as high as it, and below what the first and the last are.
pub fn columns(
    area: Rect,
    values: &[f64],
    ends: (String, String),
    buf: &mut Buffer,
    theme: &Theme,
) {
    if area.height < 2 || area.width < 4 || values.is_empty() {
        return;
    }
    let high = usize::from(area.height) - 1;
    let shown = merge(values, usize::from(area.width));
    let each = (usize::from(area.width) / shown.len()).clamp(1, 3);
    let most = shown.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    for (at, value) in shown.iter().enumerate() {
        let eighths = (value / most * 8.0 * high as f64).ceil().max(0.0) as usize;
        for row in 0..high {
            let level = eighths.saturating_sub((high - 1 - row) * 8).min(8);
            let (x, y) = (area.x + (at * each) as u16, area.y + row as u16);
            buf.set_string(x, y, EIGHTHS[level].repeat(each), theme[Role::Quantize]);
        }
    }
    let wide = shown.len() * each;
    let gap = wide.saturating_sub(width(&ends.0));
    let line = format!("{}{}", ends.0, text::right(&ends.1, gap));
    super::put(area, high as u16, Line::styled(line, theme[Role::Dim]), buf);
}

/// At most `room` values: of neighbours the largest.
pub fn merge(values: &[f64], room: usize) -> Vec<f64> {
    let step = values.len().div_ceil(room.max(1)).max(1);
    let most = |part: &[f64]| part.iter().copied().fold(0.0, f64::max);
    values.chunks(step).map(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_of_neighbours_stays() {
        assert_eq!(merge(&[1.0, 5.0, 2.0], 2), [5.0, 2.0]);
        assert_eq!(merge(&[1.0, 5.0], 9), [1.0, 5.0]);
        assert!(merge(&[], 9).is_empty());
    }
}

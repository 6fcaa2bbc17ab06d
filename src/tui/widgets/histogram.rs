//! Counts as columns, several rows high.

use crate::tui::term::{Buffer, Line, Rect};
use crate::tui::text;
use crate::tui::theme::{Role, Theme};

const EIGHTHS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// Columns of eighths over the whole area, and below them what the ends stand for.
pub fn render(area: Rect, counts: &[u64], ends: (String, String), buf: &mut Buffer, theme: &Theme) {
    if area.height < 2 || area.width < 4 || counts.is_empty() {
        return;
    }
    let high = area.height as usize - 1;
    let merged = merge(counts, area.width as usize);
    let each = (area.width as usize / merged.len()).clamp(1, 3);
    let most = merged.iter().copied().max().unwrap_or(0).max(1);
    for (at, &count) in merged.iter().enumerate() {
        // Anything at all shows.
        let eighths = (count * 8 * high as u64).div_ceil(most) as usize;
        for row in 0..high {
            let level = eighths.saturating_sub((high - 1 - row) * 8).min(8);
            let x = area.x + (at * each) as u16;
            buf.set_string(
                x,
                area.y + row as u16,
                EIGHTHS[level].repeat(each),
                theme[Role::Bar],
            );
        }
    }
    let wide = merged.len() * each;
    let gap = wide.saturating_sub(crate::tui::term::width(&ends.0));
    let line = format!("{}{}", ends.0, text::right(&ends.1, gap));
    super::put(area, high as u16, Line::styled(line, theme[Role::Dim]), buf);
}

/// At most `room` counts: neighbours are added up.
fn merge(counts: &[u64], room: usize) -> Vec<u64> {
    let step = counts.len().div_ceil(room.max(1));
    counts.chunks(step).map(|c| c.iter().sum()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_when_columns_merge() {
        assert_eq!(merge(&[1, 2, 3, 4, 5], 2), [6, 9]);
        assert_eq!(merge(&[1, 2], 8), [1, 2]);
    }
}

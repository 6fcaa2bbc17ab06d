//! The memory plan: how much is alive at each operator, and what makes the peak.

use crate::runtime::{ArenaBlock, ArenaReport};
use crate::sort;
use crate::tui::term::{Buffer, Line, Rect, Span, width};
use crate::tui::text;
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::put;

/// Of a number of bytes with a blank before it.
const BYTES: usize = 9;

/// How much is alive at each operator, and the values that make the peak but for the first `skip`, from the first
/// operator that needs each to the last.
pub fn render(area: Rect, arena: &ArenaReport, skip: usize, buf: &mut Buffer, theme: &Theme) {
    let steps = arena.blocks.iter().map(|b| b.last + 1).max().unwrap_or(0);
    let beside = match arena.beside {
        0 => String::new(),
        bytes => format!("; {} in inner graphs", text::bytes(bytes as u64)),
    };
    if steps == 0 {
        let words = "nothing lies in the arena: every value is a tensor of its own";
        let line = Line::styled(words.to_owned() + &beside, theme[Role::Dim]);
        return put(area, 0, line, buf);
    }
    let wide = usize::from(area.width);
    let peak = at_peak(arena);
    let node = text::clean(text::last_name(&arena.peak_node));
    let at_once = text::bytes(peak.iter().map(|b| b.bytes as u64).sum());
    let words = format!("{at_once} at once, most at ");
    let node = text::fit_end(&node, wide.saturating_sub(width(&words) + width(&beside)));
    let line = Line::styled(words + &node + &beside, theme[Role::Text]);
    put(area, 0, line, buf);
    let names = (wide * 2 / 5).clamp(8, 48).min(wide);
    let life = wide.saturating_sub(names + BYTES + 1);
    let column = |step: usize| step * life / steps;
    let before = " ".repeat(wide - life);
    let alive = text::spark(&alive(&arena.blocks, steps, life));
    put(
        area,
        1,
        Line::styled(before + &alive, theme[Role::Bar]),
        buf,
    );
    let rows = usize::from(area.height).saturating_sub(2);
    for (row, block) in peak.iter().skip(skip).take(rows).enumerate() {
        let name = block
            .value
            .as_deref()
            .map_or("the kernel's workspace", text::last_name);
        let name = text::left(&text::fit_end(&text::clean(name), names), names);
        let bytes = text::right(&text::bytes(block.bytes as u64), BYTES);
        let first = column(block.first);
        let end = ((block.last + 1) * life).div_ceil(steps);
        let line = vec![
            Span::styled(name, theme[Role::Dim]),
            Span::styled(bytes, theme[Role::Number]),
            Span::raw(" ".repeat(1 + first)),
            Span::styled("━".repeat(end.saturating_sub(first)), theme[Role::Bar]),
        ];
        put(area, row as u16 + 2, Line::from(line), buf);
    }
}

/// What is alive at the peak, the largest first.
fn at_peak(arena: &ArenaReport) -> Vec<&ArenaBlock> {
    let alive = |b: &&ArenaBlock| b.first <= arena.peak_step && arena.peak_step <= b.last;
    let mut peak: Vec<_> = (arena.blocks.iter())
        .filter(alive)
        .filter(|b| b.bytes > 0)
        .collect();
    sort::by_key(&mut peak, |b| std::cmp::Reverse(b.bytes));
    peak
}

/// The most bytes that are alive at the steps of each column.
fn alive(blocks: &[ArenaBlock], steps: usize, columns: usize) -> Vec<f64> {
    let mut changes = vec![0isize; steps + 1];
    for block in blocks {
        changes[block.first] += block.bytes as isize;
        changes[block.last + 1] -= block.bytes as isize;
    }
    let mut now = 0;
    let live: Vec<f64> = (changes[..steps].iter())
        .map(|change| {
            now += change;
            now as f64
        })
        .collect();
    let most = |column: usize| {
        let first = match columns < steps {
            true => (column * steps).div_ceil(columns),
            false => column * steps / columns, // part of one step
        };
        let last = ((column + 1) * steps).div_ceil(columns);
        let last = last.clamp(first + 1, steps);
        live[first..last].iter().copied().fold(0.0, f64::max)
    };
    (0..columns).map(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(bytes: usize, first: usize, last: usize) -> ArenaBlock {
        ArenaBlock {
            value: Some(format!("value{first}").into()),
            offset: 0,
            bytes,
            first,
            last,
        }
    }

    #[test]
    fn steps_at_which_nothing_is_alive_are_blank() {
        let blocks = [block(8, 0, 1), block(4, 4, 4)];
        assert_eq!(alive(&blocks, 5, 5), [8.0, 8.0, 0.0, 0.0, 4.0]);
        assert_eq!(text::spark(&alive(&blocks, 5, 5)), "██  ▄");
        // Wider than there are steps, and narrower.
        assert_eq!(text::spark(&alive(&blocks, 5, 10)), "████    ▄▄");
        assert_eq!(alive(&blocks, 5, 2), [8.0, 4.0]);
        let arena = ArenaReport {
            bytes: 8,
            beside: 1 << 12,
            peak_step: 1,
            peak_node: "conv".to_owned(),
            blocks: blocks.to_vec(),
        };
        let area = Rect::new(0, 0, 50, 3);
        let mut buf = Buffer::empty(area);
        render(
            area,
            &arena,
            0,
            &mut buf,
            &Theme::named("dark", None).unwrap(),
        );
        let row = |y: u16| -> String { (0..50).map(|x| buf[(x, y)].symbol()).collect() };
        let rows: Vec<String> = (0..3).map(|y| row(y).trim_end().to_owned()).collect();
        insta::assert_snapshot!(rows.join("\n"), @r"
        8 B at once, most at conv; 4.10 KB in inner graphs
                                      ████████        ▄▄▄▄
        value0                    8 B ━━━━━━━━
        ");
    }
}

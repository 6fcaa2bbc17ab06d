//! One row per operator with the flow as rails on the left, as logs of version control draw branches.

use std::collections::HashMap;

use super::scope::{Flow, Item};

/// Rails further right than this are not drawn.
const WIDEST: usize = 40;

/// A row: what stands in it, and the rails at its left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub item: Item,
    /// Rail that the item stands on.
    pub column: usize,
    /// Two characters per rail, without the last blank.
    pub rails: Vec<Rail>,
}

/// A character of the rails, and where the data comes from that it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rail {
    pub letter: char,
    pub source: Option<Item>,
    /// No data, only what waits for the source to have run.
    pub control: bool,
}

const BLANK: Rail = Rail {
    letter: ' ',
    source: None,
    control: false,
};

/// Data that later rows still need, or an item that they wait for.
#[derive(Clone, Copy)]
struct Live {
    source: Item,
    control: bool,
    needed: usize,
}

/// Rows for `items` in their order, with the flow of data and, beside it, of what waits for what. Flow that goes
/// against the order is left out.
pub fn rails(items: &[Item], flows: &[Flow]) -> Vec<Row> {
    let row_of: HashMap<Item, usize> = items.iter().enumerate().map(|(i, it)| (*it, i)).collect();
    let mut sources: Vec<Vec<(Item, bool)>> = vec![Vec::new(); items.len()];
    // Rows that take from an item, and rows that only wait for it.
    let mut needed = vec![[0usize; 2]; items.len()];
    for flow in flows {
        let (Some(&from), Some(&to)) = (row_of.get(&flow.from), row_of.get(&flow.to)) else {
            continue;
        };
        let control = flow.value.is_none();
        if from < to && !sources[to].contains(&(flow.from, control)) {
            sources[to].push((flow.from, control));
            needed[from][usize::from(control)] += 1;
        }
    }
    let mut live: Vec<Option<Live>> = Vec::new();
    let mut column_of: HashMap<(Item, bool), usize> = HashMap::new();
    let mut rows = Vec::with_capacity(items.len());
    for (index, &item) in items.iter().enumerate() {
        let mut takes: Vec<usize> = sources[index]
            .iter()
            .filter_map(|s| column_of.get(s).copied())
            .collect();
        takes.sort_unstable();
        let column = column_for(&takes, &live);
        if column == live.len() {
            live.push(None);
        }
        // Data goes on below the item; who only waits for it gets a rail beside that.
        let [data, waits] = needed[index];
        let beside = (data > 0 && waits > 0).then(|| {
            let free = (column + 1..live.len()).find(|c| live[*c].is_none());
            free.unwrap_or(live.len())
        });
        if beside == Some(live.len()) {
            live.push(None);
        }
        rows.push(Row {
            item,
            column,
            rails: draw(item, (column, beside), &takes, &live),
        });
        for take in takes {
            if let Some(rail) = &mut live[take] {
                rail.needed -= 1;
                if rail.needed == 0 {
                    column_of.remove(&(rail.source, rail.control));
                    live[take] = None;
                }
            }
        }
        let begin = [
            (data, false, column),
            (waits, true, beside.unwrap_or(column)),
        ];
        for (needed, control, at) in begin.into_iter().filter(|(needed, ..)| *needed > 0) {
            live[at] = Some(Live {
                source: item,
                control,
                needed,
            });
            column_of.insert((item, control), at);
        }
        while live.last().is_some_and(Option::is_none) {
            live.pop();
        }
    }
    rows
}

/// The column of an item that takes from these: where data ends in it, else a free one.
fn column_for(takes: &[usize], live: &[Option<Live>]) -> usize {
    let ends = |column: &usize| live[*column].is_some_and(|l| l.needed == 1 && !l.control);
    let ending = takes.iter().copied().find(ends);
    ending
        .or_else(|| {
            let after = takes.first().map_or(0, |c| c + 1);
            let free = |c: &usize| live[*c].is_none();
            (after..live.len())
                .find(free)
                .or_else(|| (0..live.len()).find(free))
        })
        .unwrap_or(live.len())
}

fn draw(
    item: Item,
    (column, beside): (usize, Option<usize>),
    takes: &[usize],
    live: &[Option<Live>],
) -> Vec<Rail> {
    let shown = live.len().min(WIDEST);
    let mut rails = vec![BLANK; (2 * shown).saturating_sub(1)];
    let low = takes.first().copied().unwrap_or(column).min(column);
    let high = takes.last().copied().unwrap_or(column).max(column);
    let high = beside.map_or(high, |beside| high.max(beside));
    let at_rail = |c: usize| {
        live.get(c)
            .copied()
            .flatten()
            .map(|l| (l.source, l.control))
    };
    // What the horizontal stroke at a place brings: of the nearest rail on the far side of the item.
    let along = |c: usize| {
        let taken = match c < column {
            true => takes.iter().rev().find(|t| **t <= c),
            false => takes.iter().find(|t| **t > c),
        };
        let new = (c >= column).then_some((item, true));
        taken.and_then(|t| at_rail(*t)).or(new)
    };
    let stroke = |at: usize| {
        let (source, control) = along(at).unzip();
        let control = control == Some(true);
        Rail {
            letter: if control { '╌' } else { '─' },
            source,
            control,
        }
    };
    for at in 0..shown {
        let passes = at_rail(at);
        let control = passes.is_some_and(|(_, control)| control);
        let taken = at != column && takes.contains(&at);
        let letter = match passes {
            _ if at == column => mark(item),
            Some(_) if taken => {
                let ends = live[at].is_some_and(|l| l.needed == 1);
                let outer = at == low || at == high;
                match (ends, at < column, outer) {
                    (true, true, true) => '╰',
                    (true, false, true) => '╯',
                    (true, _, false) => '┴',
                    (false, true, true) => '├',
                    (false, false, true) => '┤',
                    (false, _, false) => '┼',
                }
            }
            Some(_) if control => '┊',
            Some(_) => '│',
            None if beside == Some(at) && at == high => '╮',
            None if beside == Some(at) => '┬',
            None => ' ',
        };
        rails[2 * at] = match letter {
            ' ' if (low..high).contains(&at) => stroke(at),
            '╮' | '┬' => Rail {
                letter,
                source: Some(item),
                control: true,
            },
            _ if at == column => Rail {
                letter,
                source: Some(item),
                control: false,
            },
            _ => Rail {
                letter,
                source: passes.map(|(source, _)| source),
                control,
            },
        };
        if at + 1 < shown && (low..high).contains(&at) {
            rails[2 * at + 1] = stroke(at);
        }
    }
    rails
}

fn mark(item: Item) -> char {
    match item {
        Item::Node(_) => '●',
        Item::Scope(_) => '◆',
        Item::Input(_) | Item::Output(_) => '○',
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use proptest::prelude::*;

    use super::*;
    use crate::model::{NodeId, ValueId};

    fn flow(from: u32, to: u32) -> Flow {
        Flow {
            from: Item::Node(NodeId(from)),
            to: Item::Node(NodeId(to)),
            value: Some(ValueId(from)),
        }
    }

    fn drawn(count: u32, pairs: &[(u32, u32)]) -> String {
        let flows: Vec<Flow> = pairs.iter().map(|&(a, b)| flow(a, b)).collect();
        drawn_of(count, &flows)
    }

    fn drawn_of(count: u32, flows: &[Flow]) -> String {
        let items: Vec<Item> = (0..count).map(|n| Item::Node(NodeId(n))).collect();
        let row = |row: &Row| {
            let rails: String = row.rails.iter().map(|r| r.letter).collect();
            format!("{}\n", rails.trim_end())
        };
        rails(&items, flows).iter().map(row).collect()
    }

    #[test]
    fn a_shortcut_is_a_rail_beside_the_trunk() {
        assert_snapshot!(drawn(6, &[(0, 1), (1, 2), (2, 3), (3, 4), (0, 4), (4, 5)]), @r"
        ●
        ├─●
        │ ●
        │ ●
        ●─╯
        ●
        ");
    }

    #[test]
    fn branches_meet_again() {
        assert_snapshot!(drawn(6, &[(0, 1), (0, 2), (0, 3), (0, 4), (1, 5), (2, 5), (3, 5), (4, 5)]), @r"
        ●
        ├─●
        ├─│─●
        ├─│─│─●
        ● │ │ │
        ●─┴─┴─╯
        ");
    }

    #[test]
    fn waiting_is_a_rail_of_its_own() {
        let waits = |from, to| Flow {
            value: None,
            ..flow(from, to)
        };
        let flows = [
            flow(0, 1),
            waits(0, 3),
            flow(1, 2),
            waits(1, 4),
            flow(2, 3),
            waits(3, 5),
            flow(3, 4),
        ];
        assert_snapshot!(drawn_of(6, &flows), @r"
        ●╌╮
        ●╌┊╌╮
        ● ┊ ┊
        ●╌┴╌┊╌╮
        ●╌╌╌╯ ┊
        ●╌╌╌╌╌╯
        ");
    }

    proptest! {
        #[test]
        fn every_row_stands_on_its_rail(
            pairs in prop::collection::vec((0u32..20, 0u32..20), 0..60),
        ) {
            let items: Vec<Item> = (0..20).map(|n| Item::Node(NodeId(n))).collect();
            let flows: Vec<Flow> = pairs
                .iter()
                .map(|&(a, b)| Flow {
                    value: Some(ValueId(a)).filter(|_| (a + b) % 3 != 0),
                    ..flow(a, b)
                })
                .collect();
            let rows = rails(&items, &flows);
            prop_assert_eq!(rows.len(), items.len());
            for row in &rows {
                prop_assert_eq!(row.rails[2 * row.column].letter, '●');
                prop_assert_eq!(row.rails.iter().filter(|r| r.letter == '●').count(), 1);
            }
        }
    }
}

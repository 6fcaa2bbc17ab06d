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
}

const BLANK: Rail = Rail {
    letter: ' ',
    source: None,
};

/// Data that later rows still need.
#[derive(Clone, Copy)]
struct Live {
    source: Item,
    needed: usize,
}

/// Rows for `items` in their order, with the flow of data. Flow that goes against the order is left out.
pub fn rails(items: &[Item], flows: &[Flow]) -> Vec<Row> {
    let row_of: HashMap<Item, usize> = items.iter().enumerate().map(|(i, it)| (*it, i)).collect();
    let mut sources: Vec<Vec<Item>> = vec![Vec::new(); items.len()];
    let mut needed = vec![0usize; items.len()];
    for flow in flows.iter().filter(|f| f.value.is_some()) {
        let (Some(&from), Some(&to)) = (row_of.get(&flow.from), row_of.get(&flow.to)) else {
            continue;
        };
        if from < to && !sources[to].contains(&flow.from) {
            sources[to].push(flow.from);
            needed[from] += 1;
        }
    }
    let mut live: Vec<Option<Live>> = Vec::new();
    let mut column_of: HashMap<Item, usize> = HashMap::new();
    let mut rows = Vec::with_capacity(items.len());
    for (index, &item) in items.iter().enumerate() {
        let mut takes: Vec<usize> = sources[index]
            .iter()
            .filter_map(|s| column_of.get(s).copied())
            .collect();
        takes.sort_unstable();
        let ends = |column: usize| live[column].is_some_and(|l| l.needed == 1);
        let column = takes
            .iter()
            .copied()
            .find(|c| ends(*c))
            .or_else(|| {
                let after = takes.first().map_or(0, |c| c + 1);
                let free = |c: &usize| live[*c].is_none();
                (after..live.len())
                    .find(free)
                    .or_else(|| (0..live.len()).find(free))
            })
            .unwrap_or(live.len());
        if column == live.len() {
            live.push(None);
        }
        rows.push(Row {
            item,
            column,
            rails: draw(item, column, &takes, &live),
        });
        for take in takes {
            if let Some(rail) = &mut live[take] {
                rail.needed -= 1;
                if rail.needed == 0 {
                    column_of.remove(&rail.source);
                    live[take] = None;
                }
            }
        }
        if needed[index] > 0 {
            live[column] = Some(Live {
                source: item,
                needed: needed[index],
            });
            column_of.insert(item, column);
        }
        while live.last().is_some_and(Option::is_none) {
            live.pop();
        }
    }
    rows
}

fn draw(item: Item, column: usize, takes: &[usize], live: &[Option<Live>]) -> Vec<Rail> {
    let shown = live.len().min(WIDEST);
    let mut rails = vec![BLANK; (2 * shown).saturating_sub(1)];
    let low = takes.first().copied().unwrap_or(column).min(column);
    let high = takes.last().copied().unwrap_or(column).max(column);
    let source = |c: usize| live.get(c).copied().flatten().map(|l| l.source);
    // The source of the horizontal stroke at a place: the nearest taken rail on the far side of the item.
    let along = |c: usize| -> Option<Item> {
        let taken = if c < column {
            takes.iter().rev().find(|t| **t <= c)
        } else {
            takes.iter().find(|t| **t > c)
        };
        taken.and_then(|t| source(*t))
    };
    for at in 0..shown {
        let passes = source(at);
        let taken = at != column && takes.contains(&at);
        let letter = match (passes, taken) {
            _ if at == column => mark(item),
            (Some(_), true) => {
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
            (Some(_), false) => '│',
            (None, _) if (low..high).contains(&at) => '─',
            (None, _) => ' ',
        };
        rails[2 * at] = Rail {
            letter,
            source: match at == column {
                true => Some(item),
                false => passes.or_else(|| along(at).filter(|_| letter == '─')),
            },
        };
        if at + 1 < shown && (low..high).contains(&at) {
            rails[2 * at + 1] = Rail {
                letter: '─',
                source: along(at),
            };
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
        let items: Vec<Item> = (0..count).map(|n| Item::Node(NodeId(n))).collect();
        let flows: Vec<Flow> = pairs.iter().map(|&(a, b)| flow(a, b)).collect();
        let row = |row: &Row| {
            let rails: String = row.rails.iter().map(|r| r.letter).collect();
            format!("{}\n", rails.trim_end())
        };
        rails(&items, &flows).iter().map(row).collect()
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

    proptest! {
        #[test]
        fn every_row_stands_on_its_rail(
            pairs in prop::collection::vec((0u32..20, 0u32..20), 0..60),
        ) {
            let items: Vec<Item> = (0..20).map(|n| Item::Node(NodeId(n))).collect();
            let flows: Vec<Flow> = pairs.iter().map(|&(a, b)| flow(a, b)).collect();
            let rows = rails(&items, &flows);
            prop_assert_eq!(rows.len(), items.len());
            for row in &rows {
                prop_assert_eq!(row.rails[2 * row.column].letter, '●');
                prop_assert_eq!(row.rails.iter().filter(|r| r.letter == '●').count(), 1);
            }
        }
    }
}

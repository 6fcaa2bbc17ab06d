//! One row per operator with the flow as rails on the left, as logs of version control draw branches.

use std::collections::BTreeSet;
use std::ops::Range;

use super::net::Net;
use super::scope::Item;

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

/// What goes on below a row on a rail of its own: its data, or, beside that, that others wait for it. Twice the number of
/// the row, one more where others only wait.
type Strand = u32;

fn strand(row: usize, control: bool) -> Strand {
    2 * row as u32 + u32::from(control)
}

/// Which rails there are, and for how long. Rows are drawn when they are asked for.
#[derive(Debug, Clone, Default)]
pub struct Rails {
    /// The rail that each row stands on.
    column: Vec<u32>,
    /// Of each strand the last row that takes it; 0 when none does.
    last: Vec<u32>,
    /// Of each strand its rail.
    rail: Vec<u32>,
    /// Rails that are drawn.
    shown: Vec<u8>,
    /// The strands on each rail that can be drawn, in their order.
    lanes: Vec<Vec<Strand>>,
}

/// What is on a rail as a row finds it.
#[derive(Clone, Copy)]
struct Live {
    source: Item,
    control: bool,
    /// Nothing after this row takes it.
    ends: bool,
}

/// The strands that a row takes. Flow that goes against the order is left out.
fn taken(net: &Net, row: usize) -> Vec<Strand> {
    let Some(item) = net.item(row) else {
        return Vec::new();
    };
    let mut strands: Vec<Strand> = net
        .flow_into(item)
        .filter_map(|flow| Some((net.place(flow.from)?, flow.value.is_none())))
        .filter(|(from, _)| *from < row)
        .map(|(from, control)| strand(from, control))
        .collect();
    strands.sort_unstable();
    strands.dedup();
    strands
}

impl Rails {
    /// A row for each item of `net`, with the flow of data and, beside it, of what waits for what.
    pub fn new(net: &Net) -> Rails {
        let count = net.len();
        let mut rails = Rails {
            column: vec![0; count],
            last: vec![0; 2 * count],
            rail: vec![0; 2 * count],
            shown: vec![0; count],
            lanes: vec![Vec::new(); WIDEST],
        };
        for row in 0..count {
            for strand in taken(net, row) {
                rails.last[strand as usize] = row as u32;
            }
        }
        // How many rails there are, and those that nothing is on.
        let (mut wide, mut free) = (0usize, BTreeSet::new());
        for row in 0..count {
            let taken = rails.takes(net, row);
            let column = rails.column_for(row, &taken, (wide, &free));
            wide = wide.max(column + 1);
            free.remove(&column);
            // Data goes on below the item; who only waits for it gets a rail beside that.
            let goes_on = |control: bool| rails.last[strand(row, control) as usize] as usize > row;
            let (data, waits) = (goes_on(false), goes_on(true));
            let beside = (data && waits).then(|| {
                let next = free.range(column + 1..).next();
                next.copied().unwrap_or(wide)
            });
            if let Some(beside) = beside {
                wide = wide.max(beside + 1);
            }
            rails.column[row] = column as u32;
            rails.shown[row] = wide.min(WIDEST) as u8;
            let ended = taken.iter().filter(|t| rails.ends(t.1, row));
            free.extend(ended.map(|t| t.0));
            free.insert(column);
            let begins = [
                (data, false, column),
                (waits, true, beside.unwrap_or(column)),
            ];
            for (_, control, at) in begins.into_iter().filter(|(begins, ..)| *begins) {
                free.remove(&at);
                rails.rail[strand(row, control) as usize] = at as u32;
                if let Some(lane) = rails.lanes.get_mut(at) {
                    lane.push(strand(row, control));
                }
            }
            while wide > 0 && free.remove(&(wide - 1)) {
                wide -= 1;
            }
        }
        rails
    }

    fn ends(&self, strand: Strand, row: usize) -> bool {
        self.last[strand as usize] as usize == row
    }

    /// The rails that a row takes from, left to right, and what is on them.
    fn takes(&self, net: &Net, row: usize) -> Vec<(usize, Strand)> {
        let strands = taken(net, row).into_iter();
        let mut takes: Vec<(usize, Strand)> = strands
            .map(|strand| (self.rail[strand as usize] as usize, strand))
            .collect();
        takes.sort_unstable();
        takes
    }

    /// The rail of a row that takes from these: where data ends in it, else a free one.
    fn column_for(
        &self,
        row: usize,
        takes: &[(usize, Strand)],
        (wide, free): (usize, &BTreeSet<usize>),
    ) -> usize {
        let is_data = |strand: Strand| strand.is_multiple_of(2);
        let ending = takes.iter().find(|t| is_data(t.1) && self.ends(t.1, row));
        if let Some((column, _)) = ending {
            return *column;
        }
        let after = takes.first().map_or(0, |(column, _)| column + 1);
        let next = free.range(after..).next().or_else(|| free.first());
        next.copied().unwrap_or(wide)
    }

    /// Some of the rows, drawn.
    pub fn rows(&self, net: &Net, range: Range<usize>) -> Vec<Row> {
        let items = net.items().get(range.clone()).unwrap_or_default();
        let rows = range.zip(items);
        rows.map(|(row, item)| self.row(net, row, *item)).collect()
    }

    fn row(&self, net: &Net, row: usize, item: Item) -> Row {
        let column = self.column[row] as usize;
        let live = |strand: Strand| {
            Some(Live {
                source: net.item(strand as usize / 2)?,
                control: !strand.is_multiple_of(2),
                ends: self.ends(strand, row),
            })
        };
        let takes = self.takes(net, row).into_iter();
        let takes: Vec<(usize, Live)> = takes
            .filter_map(|(column, strand)| Some((column, live(strand)?)))
            .collect();
        let shown = usize::from(self.shown[row]);
        let lanes = self.lanes[..shown].iter();
        let rails: Vec<Option<Live>> = lanes
            .map(|lane| {
                let before = lane.partition_point(|strand| (*strand as usize / 2) < row);
                let strand = *lane.get(before.checked_sub(1)?)?;
                live(strand).filter(|_| self.last[strand as usize] as usize >= row)
            })
            .collect();
        let waits = strand(row, true) as usize;
        let goes_on = |strand: usize| self.last[strand] as usize > row;
        let beside = goes_on(waits) && goes_on(strand(row, false) as usize);
        let beside = beside.then(|| self.rail[waits] as usize);
        Row {
            item,
            column,
            rails: draw(item, (column, beside), &takes, &rails),
        }
    }
}

fn draw(
    item: Item,
    (column, beside): (usize, Option<usize>),
    takes: &[(usize, Live)],
    live: &[Option<Live>],
) -> Vec<Rail> {
    let shown = live.len();
    let mut rails = vec![BLANK; (2 * shown).saturating_sub(1)];
    let low = takes.first().map_or(column, |t| t.0).min(column);
    let high = takes.last().map_or(column, |t| t.0).max(column);
    let high = beside.map_or(high, |beside| high.max(beside));
    let at_rail = |c: usize| live.get(c).copied().flatten();
    // What the horizontal stroke at a place brings: of the nearest rail on the far side of the item.
    let along = |c: usize| {
        let taken = match c < column {
            true => takes.iter().rev().find(|t| t.0 <= c),
            false => takes.iter().find(|t| t.0 > c),
        };
        let new = (c >= column).then_some((item, true));
        taken.map(|t| (t.1.source, t.1.control)).or(new)
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
        let control = passes.is_some_and(|l| l.control);
        let taken = at != column && takes.iter().any(|t| t.0 == at);
        let letter = match passes {
            _ if at == column => mark(item),
            Some(_) if taken => {
                let ends = passes.is_some_and(|l| l.ends);
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
                source: passes.map(|l| l.source),
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
    use crate::layout::scope::Flow;
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
        let net = Net::new(items, flows.to_vec());
        let rails = Rails::new(&net);
        rails.rows(&net, 0..net.len()).iter().map(row).collect()
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
            let net = Net::new(items, flows);
            let rails = Rails::new(&net);
            let rows = rails.rows(&net, 0..net.len());
            prop_assert_eq!(rows.len(), net.len());
            prop_assert_eq!(&rails.rows(&net, 7..12), &rows[7..12]);
            for row in &rows {
                prop_assert_eq!(row.rails[2 * row.column].letter, '●');
                prop_assert_eq!(row.rails.iter().filter(|r| r.letter == '●').count(), 1);
            }
        }
    }
}

//! Which variable lies where in the shards.

use std::cmp::Reverse;
use std::ops::Range;

use crate::model::Model;
use crate::sort;
use crate::tui::panes::twins::{self, Twin};

/// Bytes of a variable in a shard.
#[derive(Debug, Clone, Copy)]
struct Entry {
    offset: u64,
    bytes: u64,
    variable: u32,
}

/// The entries of each shard by their offsets.
#[derive(Debug, Default)]
pub struct Shards {
    shards: Vec<Shard>,
    /// Of each variable whether another has its name.
    twins: Vec<Twin>,
}

#[derive(Debug, Default)]
struct Shard {
    entries: Vec<Entry>,
    /// Of each block of entries the place of the largest.
    largest: Vec<u32>,
}

/// Entries of a block.
const BLOCK: usize = 64;

/// The larger of two entries comes first, of equal ones the first variable.
fn rank(bytes: f64, variable: u32) -> (u64, Reverse<u32>) {
    // Lengths are never negative, so their bits are in the order of their values.
    (bytes.to_bits(), Reverse(variable))
}

impl Shards {
    pub fn of(model: &Model) -> Shards {
        let mut shards: Vec<Shard> = Vec::new();
        shards.resize_with(model.shards.len(), Shard::default);
        for (at, v) in model.variables.iter().enumerate() {
            let mut add = |shard: u32, offset: u64, bytes: u64| {
                let shard = shards.get_mut(shard as usize).filter(|_| bytes > 0);
                let variable = at as u32;
                shard.into_iter().for_each(|shard| {
                    shard.entries.push(Entry {
                        offset,
                        bytes,
                        variable,
                    });
                });
            };
            match v.slices.is_empty() {
                true => add(v.shard, v.offset, v.bytes),
                false => v
                    .slices
                    .iter()
                    .for_each(|s| add(s.shard, s.offset, s.bytes)),
            }
        }
        shards.iter_mut().for_each(Shard::finish);
        Shards {
            shards,
            twins: twins::kinds(model.variables.iter().map(|v| &*v.name), |at| {
                twins::key_of(&model.variables[at])
            }),
        }
    }

    /// Whether another variable has the name of this one.
    pub fn twin(&self, variable: usize) -> Twin {
        self.twins.get(variable).copied().unwrap_or(Twin::None)
    }

    /// Which variable fills most of each of `cells` equal parts of a shard of so many bytes.
    pub fn owners(&self, shard: usize, bytes: u64, cells: usize) -> Vec<Option<usize>> {
        let Some(shard) = self.shards.get(shard) else {
            return vec![None; cells];
        };
        let per_cell = (bytes as f64 / cells as f64).max(f64::MIN_POSITIVE);
        let part = |cell: usize| per_cell * cell as f64;
        (0..cells)
            .map(|cell| shard.owner(part(cell), part(cell) + per_cell))
            .collect()
    }
}

impl Shard {
    fn finish(&mut self) {
        sort::by_key(&mut self.entries, |e| e.offset);
        let blocks = self.entries.len().div_ceil(BLOCK);
        let block = |at: usize| at * BLOCK..self.entries.len().min((at + 1) * BLOCK);
        let largest = (0..blocks).filter_map(|at| self.largest(block(at)));
        self.largest = largest.map(|at| at as u32).collect();
    }

    fn largest(&self, places: Range<usize>) -> Option<usize> {
        let key = |at: &usize| {
            let entry = &self.entries[*at];
            rank(entry.bytes as f64, entry.variable)
        };
        places.max_by_key(key)
    }

    /// The largest of entries that follow one another; whole blocks are known.
    fn largest_in(&self, places: Range<usize>) -> Option<usize> {
        let (first, last) = (places.start.div_ceil(BLOCK), places.end / BLOCK);
        if first >= last {
            return self.largest(places);
        }
        let blocks = self.largest[first..last].iter().map(|at| *at as usize);
        let ends = [
            self.largest(places.start..first * BLOCK),
            self.largest(last * BLOCK..places.end),
        ];
        let all = blocks.chain(ends.into_iter().flatten());
        all.max_by_key(|at| rank(self.entries[*at].bytes as f64, self.entries[*at].variable))
    }

    /// The variable that fills most of `from..to`.
    fn owner(&self, from: f64, to: f64) -> Option<usize> {
        let end = |e: &Entry| e.offset as f64 + e.bytes as f64;
        let first = self.entries.partition_point(|e| end(e) <= from);
        let last = self.entries.partition_point(|e| (e.offset as f64) < to);
        // Only the outermost may reach over the edges.
        let inner = first + 1..last.saturating_sub(1).max(first + 1);
        let inner = self.largest_in(inner.start.min(last)..inner.end.min(last));
        let outer = [first, last.saturating_sub(1)];
        let all = outer.into_iter().filter(|at| *at < last).chain(inner);
        let overlap = |at: usize| {
            let e = self.entries[at];
            let overlap = end(&e).min(to) - (e.offset as f64).max(from);
            (overlap > 0.0).then(|| (rank(overlap, e.variable), e.variable))
        };
        let most = all.filter_map(overlap).max_by_key(|(rank, _)| *rank);
        most.map(|(_, variable)| variable as usize)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_owner_of_a_cell_is_whoever_fills_most_of_it(
            sizes in prop::collection::vec((0u64..9, 0u64..40), 1..400),
            cells in 1usize..60,
        ) {
            let mut shard = Shard::default();
            let mut offset = 0;
            for (at, (gap, bytes)) in sizes.iter().enumerate() {
                offset += gap;
                if *bytes > 0 {
                    shard.entries.push(Entry { offset, bytes: *bytes, variable: at as u32 });
                }
                offset += bytes;
            }
            shard.finish();
            let per_cell = (offset as f64 / cells as f64).max(1.0);
            for cell in 0..cells {
                let (from, to) = (per_cell * cell as f64, per_cell * (cell + 1) as f64);
                let mut best: Option<(f64, usize)> = None;
                for e in &shard.entries {
                    let end = (e.offset + e.bytes) as f64;
                    let overlap = end.min(to) - (e.offset as f64).max(from);
                    if overlap > best.map_or(0.0, |b| b.0) {
                        best = Some((overlap, e.variable as usize));
                    }
                }
                prop_assert_eq!(shard.owner(from, to), best.map(|b| b.1));
            }
        }
    }
}

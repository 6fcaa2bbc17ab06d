//! The rows that can be reached, top to bottom, and which of them is chosen. Nothing is kept for a row that is not open:
//! finding one takes as long as it is deep.

use std::rc::Rc;

use super::TreePane;
use super::levels::Levels;
use super::rows::{Id, Row};
use crate::model::Model;

/// A reachable row: the rows above it, and its place below the last of them.
pub struct Place {
    pub above: Rc<[Id]>,
    pub at: usize,
}

/// The rows below an open row.
pub struct Branch {
    /// The ids from the root down to the open row.
    path: Rc<[Id]>,
    rows: usize,
    /// The open ones among them, in their order.
    open: Vec<Open>,
    /// With all rows below the open ones.
    total: usize,
}

struct Open {
    at: usize,
    /// Rows below open ones before this.
    before: usize,
    branch: Branch,
}

impl Branch {
    pub fn new(path: &[Id], rows: usize) -> Branch {
        Branch {
            path: path.into(),
            rows,
            open: Vec::new(),
            total: rows,
        }
    }

    /// Rows that can be reached.
    pub fn len(&self) -> usize {
        self.total
    }

    /// The row at a place from the top, and the places of the rows above it and its own, each below the one before.
    fn find(&self, index: usize) -> Option<(Place, Vec<usize>)> {
        let (mut branch, mut index, mut way) = (self, index, Vec::new());
        while index < branch.total {
            // The last open row at or above the place.
            let after = branch.open.partition_point(|o| o.at + o.before <= index);
            let at = match after.checked_sub(1).and_then(|last| branch.open.get(last)) {
                None => index,
                Some(open) => match index - (open.at + open.before) {
                    0 => open.at,
                    inside if inside <= open.branch.total => {
                        way.push(open.at);
                        branch = &open.branch;
                        index = inside - 1;
                        continue;
                    }
                    _ => index - open.before - open.branch.total,
                },
            };
            way.push(at);
            let above = branch.path.clone();
            return Some((Place { above, at }, way));
        }
        None
    }

    /// The place from the top of the row that `way` leads to; all rows on the way are open.
    fn index(&self, way: &[usize]) -> Option<usize> {
        let (at, rest) = way.split_first()?;
        let after = self.open.partition_point(|o| o.at < *at);
        let here = match self.open.get(after) {
            Some(next) => at + next.before,
            None => at + self.total - self.rows,
        };
        if rest.is_empty() {
            return (*at < self.rows).then_some(here);
        }
        let open = self.open.get(after).filter(|open| open.at == *at)?;
        Some(here + 1 + open.branch.index(rest)?)
    }

    /// Opens the row at the end of `way`.
    fn insert(&mut self, way: &[usize], new: Branch) {
        let Some((&at, rest)) = way.split_first() else {
            return;
        };
        let after = self.open.partition_point(|o| o.at < at);
        let known = self.open.get_mut(after).filter(|open| open.at == at);
        match (known, rest.is_empty()) {
            (Some(open), true) => open.branch = new,
            (Some(open), false) => open.branch.insert(rest, new),
            (None, true) => {
                let open = Open {
                    at,
                    before: 0,
                    branch: new,
                };
                self.open.insert(after, open);
            }
            (None, false) => return,
        }
        self.count(after);
    }

    /// Closes the row at the end of `way`; what was open below it.
    fn remove(&mut self, way: &[usize]) -> Option<Branch> {
        let (&at, rest) = way.split_first()?;
        let after = self.open.partition_point(|o| o.at < at);
        let open = self.open.get_mut(after).filter(|open| open.at == at)?;
        let removed = match rest.is_empty() {
            true => self.open.remove(after).branch,
            false => open.branch.remove(rest)?,
        };
        self.count(after);
        Some(removed)
    }

    /// Sums up anew, from an open row on.
    fn count(&mut self, from: usize) {
        let last = from.checked_sub(1).and_then(|last| self.open.get(last));
        let mut before = last.map_or(0, |open| open.before + open.branch.total);
        for open in &mut self.open[from..] {
            open.before = before;
            before += open.branch.total;
        }
        self.total = self.rows + before;
    }

    /// Rows that follow one another.
    pub fn window(&self, from: usize, height: usize) -> Vec<Place> {
        let end = self.total.min(from + height);
        let places = (from..end).map(|index| self.find(index));
        places.filter_map(|found| Some(found?.0)).collect()
    }
}

impl TreePane {
    /// Opens the row that `path` leads to, whose rows are known; it is among those that can be reached.
    pub(super) fn unfold(&mut self, path: &[Id]) {
        let chosen = self.way();
        if let Some(way) = self.levels.way(path)
            && self.state.get_mut().open(path.to_vec())
        {
            let kept = self.folded.remove(path);
            let rows = self.levels.below(path).len();
            let branch = kept.unwrap_or_else(|| Branch::new(path, rows));
            self.visible.insert(&way, branch);
        }
        // Rows above the chosen one may have come.
        self.stand(self.visible.index(&chosen).unwrap_or(self.chosen));
    }

    /// Closes the chosen row, if it is open.
    pub(super) fn fold(&mut self) -> bool {
        let path = self.selected();
        let closed = self.state.get_mut().close(&path);
        if closed && let Some(branch) = self.visible.remove(&self.way()) {
            self.folded.insert(path, branch);
        }
        closed
    }

    /// Stands on the row that the chosen one is below, if there is one.
    pub(super) fn up(&mut self) {
        let mut way = self.way();
        way.pop();
        if let Some(above) = self.visible.index(&way) {
            self.stand(above);
        }
    }

    /// Stands on the row that `path` leads to, below rows that are open.
    pub(super) fn stand_on(&mut self, path: &[Id]) {
        let way = self.levels.way(path);
        if let Some(at) = way.and_then(|way| self.visible.index(&way)) {
            self.stand(at);
        }
    }

    /// Chooses the row at this place of the reachable ones.
    pub(super) fn stand(&mut self, at: usize) {
        self.chosen = at;
        let found = self.visible.find(at);
        let path = found.map(|(place, _)| self.levels.path(&place));
        self.state.get_mut().select(path.unwrap_or_default());
    }

    pub(super) fn step(&mut self, step: isize) {
        let last = self.visible.len().saturating_sub(1);
        self.stand(self.chosen.saturating_add_signed(step).min(last));
    }

    /// The ids from the root down to the chosen row.
    pub(super) fn selected(&self) -> Vec<Id> {
        self.state.borrow().selected().to_vec()
    }

    /// The places of the rows above the chosen one and its own.
    fn way(&self) -> Vec<usize> {
        let found = self.visible.find(self.chosen);
        found.map(|(_, way)| way).unwrap_or_default()
    }

    fn place(&self) -> Option<Place> {
        Some(self.visible.find(self.chosen)?.0)
    }

    pub(super) fn chosen_row(&self, model: &Model) -> Option<Row> {
        let place = self.place()?;
        self.levels.row(model, &place.above, place.at)
    }

    pub(super) fn is_branch(&self) -> bool {
        self.place()
            .is_some_and(|place| self.levels.below(&place.above).is_branch(place.at))
    }
}

impl Levels {
    fn path(&self, place: &Place) -> Vec<Id> {
        let mut path = place.above.to_vec();
        path.extend(self.id(self.below(&place.above), place.at));
        path
    }

    /// The place of each row of `path` below the one before.
    fn way(&self, path: &[Id]) -> Option<Vec<usize>> {
        let rows = path.iter().enumerate();
        rows.map(|(depth, id)| self.position(self.below(&path[..depth]), id))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The ways to all rows, top to bottom.
    fn ways(branch: &Branch, above: &[usize], all: &mut Vec<Vec<usize>>) {
        for at in 0..branch.rows {
            let mut way = above.to_vec();
            way.push(at);
            all.push(way.clone());
            if let Some(open) = branch.open.iter().find(|o| o.at == at) {
                ways(&open.branch, &way, all);
            }
        }
    }

    proptest! {
        #[test]
        fn every_row_is_found_where_it_is(
            steps in prop::collection::vec((0usize..40, 0usize..4, any::<bool>()), 0..40),
        ) {
            let mut root = Branch::new(&[], 5);
            for (pick, rows, opens) in steps {
                let mut all = Vec::new();
                ways(&root, &[], &mut all);
                let way = all[pick % all.len()].clone();
                match opens {
                    true => root.insert(&way, Branch::new(&[], rows)),
                    false => drop(root.remove(&way)),
                }
                let mut all = Vec::new();
                ways(&root, &[], &mut all);
                prop_assert_eq!(root.len(), all.len());
                for (index, way) in all.iter().enumerate() {
                    prop_assert_eq!(root.index(way), Some(index));
                    let found = root.find(index).map(|(place, way)| (place.at, way));
                    prop_assert_eq!(found, way.last().map(|at| (*at, way.clone())));
                }
                prop_assert!(root.find(all.len()).is_none());
            }
        }
    }
}

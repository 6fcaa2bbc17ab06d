//! The rows that can be reached, top to bottom, and which of them is chosen.

use std::collections::HashSet;
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

impl TreePane {
    /// Lists the reachable rows anew and stands on the one that `path` leads to.
    pub(super) fn flatten(&mut self, path: &[Id]) {
        let mut visible = Vec::new();
        let mut chosen = 0;
        let opened = self.state.get_mut().opened();
        self.levels
            .list(opened, &Rc::from([]), path, &mut visible, &mut chosen);
        self.visible = visible;
        self.stand(chosen);
    }

    /// Chooses the row at this place of the reachable ones.
    pub(super) fn stand(&mut self, at: usize) {
        self.chosen = at;
        let path = self.visible.get(at).map(|place| self.levels.path(place));
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

    pub(super) fn chosen_row(&self, model: &Model) -> Option<Row> {
        let place = self.visible.get(self.chosen)?;
        self.levels.row(model, &place.above, place.at)
    }

    pub(super) fn is_branch(&self) -> bool {
        self.visible
            .get(self.chosen)
            .is_some_and(|place| self.levels.below(&place.above).is_branch(place.at))
    }
}

impl Levels {
    fn path(&self, place: &Place) -> Vec<Id> {
        let mut path = place.above.to_vec();
        path.extend(self.id(self.below(&place.above), place.at));
        path
    }

    fn list(
        &self,
        opened: &HashSet<Vec<Id>>,
        above: &Rc<[Id]>,
        path: &[Id],
        visible: &mut Vec<Place>,
        chosen: &mut usize,
    ) {
        let below = self.below(above);
        let wanted = path.split_last().filter(|(_, way)| *way == &**above);
        let mut inner = above.to_vec();
        for at in 0..below.len() {
            if let Some((last, _)) = wanted
                && self.is(below, at, last)
            {
                *chosen = visible.len();
            }
            visible.push(Place {
                above: above.clone(),
                at,
            });
            if !below.is_branch(at) {
                continue;
            }
            inner.extend(self.id(below, at));
            if inner.len() > above.len() && opened.contains(inner.as_slice()) {
                self.list(opened, &Rc::from(inner.as_slice()), path, visible, chosen);
            }
            inner.truncate(above.len());
        }
    }
}

//! Going from place to place, and back and forward again as in a browser, through all open models.

use super::App;
use super::desk::{Desk, Open, State};
use super::focus::{Focus, Thing};
use super::panes::PaneId;
use crate::model::Model;
use std::sync::Arc;

/// A place one can come back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    /// Of which open model.
    pub desk: u64,
    pub pane: PaneId,
    pub focus: Focus,
}

/// Where one was before, and where one came back from.
#[derive(Debug, Default)]
pub struct History {
    behind: Vec<Spot>,
    ahead: Vec<Spot>,
}

impl History {
    /// One leaves `spot` for a new place; what was ahead is gone.
    pub fn leave(&mut self, spot: Spot) {
        if self.behind.last() != Some(&spot) {
            self.behind.push(spot);
        }
        self.ahead.clear();
    }

    pub fn back(&mut self, now: Spot) -> Option<Spot> {
        let spot = self.behind.pop()?;
        self.ahead.push(now);
        Some(spot)
    }

    pub fn forward(&mut self, now: Spot) -> Option<Spot> {
        let spot = self.ahead.pop()?;
        self.behind.push(now);
        Some(spot)
    }

    /// A model was read again: what was chosen in it may be something else now, or gone (`None`).
    pub fn moved(&mut self, desk: u64, find: impl Fn(&Spot) -> Option<Spot>) {
        for spots in [&mut self.behind, &mut self.ahead] {
            // Nobody goes back further, and to find each takes time.
            spots.drain(..spots.len().saturating_sub(KEPT));
            *spots = std::mem::take(spots)
                .into_iter()
                .filter_map(|spot| match spot.desk == desk {
                    true => find(&spot),
                    false => Some(spot),
                })
                .collect();
            spots.dedup();
        }
    }
}

/// Steps that are looked for in a model that was read again.
const KEPT: usize = 100;

impl App {
    fn spot(&self) -> Option<Spot> {
        let desk = self.desk()?;
        match &desk.state {
            State::Open(open) => Some(Spot {
                desk: desk.id,
                pane: open.pane,
                focus: open.focus,
            }),
            _ => None,
        }
    }

    fn leave(&mut self) {
        if let Some(spot) = self.spot() {
            self.history.leave(spot);
        }
    }

    /// Brings a pane to the front; a step of the history.
    pub fn show(&mut self, pane: PaneId) {
        if self.pane() != pane {
            self.leave();
        }
        if let Some(open) = self.open_desk() {
            open.pane = pane;
        }
        self.arrive();
    }

    pub(super) fn go(&mut self, pane: PaneId, thing: Thing) {
        self.leave();
        if let Some(open) = self.open_desk() {
            open.pane = pane;
            open.focus.thing = thing;
        }
        self.arrive();
    }

    /// Brings another open model to the front; a step of the history.
    pub(super) fn switch(&mut self, at: usize) {
        let at = at.min(self.desks.len().saturating_sub(1));
        if at != self.current {
            self.leave();
            self.current = at;
        }
        self.arrive();
    }

    /// [`App::go`] in another open model.
    pub(super) fn go_in(&mut self, model: &Arc<Model>, pane: PaneId, thing: Thing) {
        let of = |desk: &Desk| match &desk.state {
            State::Open(open) => Arc::ptr_eq(&open.model, model),
            _ => false,
        };
        let Some(at) = self.desks.iter().position(of) else {
            return;
        };
        if at == self.current {
            return self.go(pane, thing);
        }
        self.leave();
        self.current = at;
        if let Some(open) = self.open_desk() {
            open.pane = pane;
            open.focus.thing = thing;
        }
        self.arrive();
    }

    pub(super) fn travel(&mut self, way: impl FnOnce(&mut History, Spot) -> Option<Spot>) {
        let found = self.spot().and_then(|now| way(&mut self.history, now));
        if let Some(spot) = found
            && let Some(at) = self.desks.iter().position(|d| d.id == spot.desk)
        {
            self.current = at;
            if let Some(Open { pane, focus, .. }) = self.open_desk() {
                (*pane, *focus) = (spot.pane, spot.focus);
            }
        }
        self.arrive();
    }

    fn arrive(&mut self) {
        self.on_desk(self.current, |pane, cx| pane.shown(cx));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_and_forward_meet() {
        let spot = |desk, pane| Spot {
            desk,
            pane,
            focus: Focus::default(),
        };
        let mut history = History::default();
        history.leave(spot(0, PaneId::Overview));
        history.leave(spot(1, PaneId::Graph));
        let back = history.back(spot(0, PaneId::Tree));
        assert_eq!(back, Some(spot(1, PaneId::Graph)));
        let ahead = history.forward(spot(1, PaneId::Graph));
        assert_eq!(ahead, Some(spot(0, PaneId::Tree)));
    }

    #[test]
    fn a_model_that_is_read_again_keeps_what_is_still_there() {
        let spot = |desk, pane| Spot {
            desk,
            pane,
            focus: Focus::default(),
        };
        let mut history = History::default();
        history.leave(spot(0, PaneId::Overview));
        history.leave(spot(1, PaneId::Graph));
        history.leave(spot(1, PaneId::Tensors));
        history.moved(1, |old| match old.pane {
            PaneId::Graph => None,
            _ => Some(spot(1, PaneId::Run)),
        });
        let back = history.back(spot(1, PaneId::Tree));
        assert_eq!(back, Some(spot(1, PaneId::Run)));
        let back = history.back(spot(1, PaneId::Run));
        assert_eq!(back, Some(spot(0, PaneId::Overview)));
        assert_eq!(history.back(spot(0, PaneId::Overview)), None);
    }
}

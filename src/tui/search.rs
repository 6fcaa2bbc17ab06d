//! The search of `/`, and what it looks through: operators, weights, signatures, functions, files.

use std::sync::Arc;

use super::App;
use super::choices::{Choices, Fitting, Named, fitting};
use super::focus::Thing;
use super::jobs::{Output, Slot};
use super::overlay::{Overlay, Picker};
use super::panes::PaneId;
use crate::progress::Progress;

/// Lists up to this long are searched between two frames, longer ones by a job.
const SEARCHED_AT_ONCE: usize = 5_000;

/// What the last search found, and which of it one stands on.
pub struct Found {
    choices: Arc<Choices>,
    shown: Fitting,
    at: usize,
}

impl App {
    pub(super) fn search(&mut self) {
        let Some(open) = self.open_desk() else { return };
        let (model, focus) = (open.model.clone(), open.focus);
        let known = open.names.clone().filter(|names| match &**names {
            Choices::Named(named) => named.is_of(&model, &focus),
            Choices::Listed(_) => false,
        });
        let gather = move || Arc::new(Choices::Named(Named::of(&model, focus)));
        let few = Named::count(&open.model, &open.focus) <= SEARCHED_AT_ONCE;
        let picker = match known {
            Some(names) => Picker::search(names),
            None if few => Picker::search(gather()),
            None => {
                if let Some(slot) = self.search_slot("names") {
                    let work = move |_: &Progress| Ok(Output::Names(gather()));
                    self.jobs.start(slot, "gathering names", Box::new(work));
                }
                Picker::unnamed()
            }
        };
        self.overlay = Some(Overlay::Picker(picker));
    }

    fn search_slot(&self, what: &'static str) -> Option<Slot> {
        Some(Slot {
            desk: self.desk()?.id,
            pane: None,
            what,
        })
    }

    /// What goes on of the search has nobody left to see it; the names are kept once they are there.
    pub(super) fn stop_searching(&mut self) {
        if let Some(slot) = self.search_slot("search") {
            self.jobs.cancel(slot);
        }
    }

    /// Narrows a list to what was typed: at once, or by a job when it is long.
    pub(super) fn narrow(&mut self, picker: &mut Picker) {
        if picker.choices.len() <= SEARCHED_AT_ONCE && !(picker.busy && picker.is_search) {
            picker.narrow();
            return;
        }
        // Without the names yet the job that gathers them looks at what was typed.
        let Some(slot) = self
            .search_slot("search")
            .filter(|_| !picker.choices.is_empty())
        else {
            return;
        };
        picker.busy = true;
        let (choices, query) = (picker.choices.clone(), picker.input.value().to_owned());
        self.jobs
            .start_in_parts(slot, "searching", move |progress, found| {
                let found = &mut |shown| found(Output::Fitting(shown));
                Ok(Output::Fitting(fitting(&choices, &query, progress, found)?))
            });
    }

    /// What a job of the search brought; the list may be closed by now. `whole`: it is the end of it.
    pub(super) fn searched(&mut self, output: Output, whole: bool) {
        if let (Output::Names(names), Some(open)) = (&output, self.open_desk()) {
            open.names = Some(names.clone());
        }
        let Some(Overlay::Picker(mut picker)) = self
            .overlay
            .take_if(|overlay| matches!(overlay, Overlay::Picker(picker) if picker.is_search))
        else {
            return;
        };
        match output {
            Output::Names(names) => {
                picker.choices = names;
                self.narrow(&mut picker);
            }
            Output::Fitting(shown) if whole => picker.found(shown),
            Output::Fitting(shown) => picker.found_so_far(shown),
            _ => {}
        }
        match picker.entered.take_if(|_| !picker.busy) {
            // Keys that came while the search went on mean what they mean after it.
            Some(keys) => {
                self.choose(&picker);
                keys.iter().for_each(|key| self.key(key));
            }
            None => self.overlay = Some(Overlay::Picker(picker)),
        }
    }

    /// Keeps what a search found for `n` and `N`.
    pub(super) fn keep_hits(&mut self, picker: &Picker) {
        if let Some(open) = self.open_desk() {
            open.hits = Some(Found {
                choices: picker.choices.clone(),
                shown: picker.shown.clone(),
                at: picker.at,
            });
        }
    }

    pub(super) fn next_hit(&mut self, step: isize) {
        let Some(open) = self.open_desk() else { return };
        let found = open.hits.as_mut().filter(|found| !found.shown.is_empty());
        let Some(found) = found else {
            self.notice = Some("nothing searched yet".to_owned());
            return;
        };
        let hits = found.shown.len();
        found.at = (found.at as isize + step).rem_euclid(hits as isize) as usize;
        let at = found.at;
        let row = found.shown.get(at);
        let Some(thing) = row.and_then(|row| found.choices.thing(row)) else {
            return;
        };
        let pane = home(thing, open.pane);
        self.go(pane, thing);
        self.notice = Some(format!("hit {} of {hits}", at + 1));
    }
}

/// The pane that shows `thing` best, the present one if it can.
pub fn home(thing: Thing, now: PaneId) -> PaneId {
    let (can, best): (&[PaneId], PaneId) = match thing {
        Thing::Node { .. } | Thing::Graph(_) => (
            &[PaneId::Tree, PaneId::Graph, PaneId::Source],
            PaneId::Graph,
        ),
        Thing::Value { .. } => (
            &[PaneId::Tensors, PaneId::Graph, PaneId::Source],
            PaneId::Tensors,
        ),
        Thing::Variable(_) => (
            &[PaneId::Tree, PaneId::Tensors, PaneId::Variables],
            PaneId::Tensors,
        ),
        Thing::Signature(_) => (
            &[PaneId::Tree, PaneId::Source, PaneId::Graph, PaneId::Run],
            PaneId::Tree,
        ),
        Thing::Metadata(_) | Thing::Attachment(_) => {
            (&[PaneId::Tree, PaneId::Source], PaneId::Source)
        }
        Thing::Nothing => (&[], now),
    };
    if can.contains(&now) { now } else { best }
}

//! The search of `/`, and what it looks through: operators, weights, signatures, functions, files.

use std::sync::Arc;

use super::App;
use super::focus::{Focus, Thing};
use super::jobs::{Output, Slot};
use super::overlay::{Act, Choice, Overlay, Picker, fitting};
use super::panes::PaneId;
use crate::model::{Model, VariableId};
use crate::progress::Progress;

/// Lists up to this long are searched between two frames, longer ones by a job.
const SEARCHED_AT_ONCE: usize = 5_000;

impl App {
    pub(super) fn search(&mut self) {
        let Some(open) = self.open_desk() else { return };
        let names = count(&open.model, &open.focus);
        let (model, focus) = (open.model.clone(), open.focus);
        let mut picker = Picker::new("search", Vec::new());
        picker.is_search = true;
        if names <= SEARCHED_AT_ONCE {
            picker = Picker {
                is_search: true,
                ..Picker::new("search", index(&model, &focus))
            };
        } else if let Some(slot) = self.search_slot("names") {
            picker.busy = true;
            let work = move |_: &Progress| Ok(Output::Names(index(&model, &focus)));
            self.jobs.start(slot, "gathering names", Box::new(work));
        }
        self.overlay = Some(Overlay::Picker(picker));
    }

    fn search_slot(&self, what: &'static str) -> Option<Slot> {
        Some(Slot {
            desk: self.desk()?.id,
            pane: None,
            what,
        })
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
        let work =
            move |progress: &Progress| Ok(Output::Fitting(fitting(&choices, &query, progress)?));
        self.jobs.start(slot, "searching", Box::new(work));
    }

    /// What a job of the search brought; the list may be closed by now.
    pub(super) fn searched(&mut self, output: Output) {
        let Some(Overlay::Picker(mut picker)) = self
            .overlay
            .take_if(|overlay| matches!(overlay, Overlay::Picker(picker) if picker.is_search))
        else {
            return;
        };
        match output {
            Output::Names(choices) => {
                picker.choices = Arc::new(choices);
                self.narrow(&mut picker);
            }
            Output::Fitting(shown) => picker.found(shown),
            _ => {}
        }
        self.overlay = Some(Overlay::Picker(picker));
    }

    pub(super) fn next_hit(&mut self, step: isize) {
        let Some(open) = self.open_desk() else { return };
        let hits = open.hits.len() as isize;
        if hits == 0 {
            self.notice = Some("nothing searched yet".to_owned());
            return;
        }
        open.hit = (open.hit as isize + step).rem_euclid(hits) as usize;
        let (thing, at) = (open.hits[open.hit], open.hit);
        let pane = home(thing, open.pane);
        self.go(pane, thing);
        self.notice = Some(format!("hit {} of {hits}", at + 1));
    }
}

/// How many choices [`index`] would make, about.
pub fn count(model: &Model, focus: &Focus) -> usize {
    let graphs = focus.meta(model).map_or(&[][..], |meta| &meta.graphs);
    let nodes: usize = graphs.iter().map(|g| g.nodes.len()).sum();
    nodes + model.variables.len()
}

/// Everything that has a name, with the words it can be found by.
pub fn index(model: &Model, focus: &Focus) -> Vec<Choice> {
    let mut choices = Vec::new();
    let mut add = |label: &str, detail: String, thing: Thing| {
        choices.push(Choice {
            label: super::text::clean(label),
            detail,
            act: Act::Thing(thing),
        });
    };
    let Some(meta) = focus.meta(model) else {
        return choices;
    };
    for (index, signature) in meta.signatures.iter().enumerate() {
        add(
            &signature.key,
            "signature".to_owned(),
            Thing::Signature(index),
        );
    }
    for (index, variable) in model.variables.iter().enumerate() {
        let detail = format!("variable  {} {}", variable.dtype, variable.shape);
        add(
            &variable.name,
            detail,
            Thing::Variable(VariableId(index as u32)),
        );
    }
    for (graph, g) in meta.graphs.iter().enumerate() {
        if graph > 0 {
            let detail = format!("function  {} operators", g.nodes.len());
            add(&g.name, detail, Thing::Graph(graph));
        }
        for node in g.node_ids() {
            let n = g.node(node);
            let shape = n
                .outputs
                .first()
                .map(|&v| g.value(v))
                .map(|v| format!("  {} {}", v.dtype, v.shape))
                .unwrap_or_default();
            add(
                &n.name,
                format!("{}{shape}", n.op_label()),
                Thing::Node { graph, node },
            );
        }
        for value in g.value_ids() {
            let v = g.value(value);
            if v.data.is_some() && v.producer.is_none() {
                let detail = format!("constant  {} {}", v.dtype, v.shape);
                add(&v.name, detail, Thing::Value { graph, value });
            }
        }
    }
    for (index, blob) in model.metadata.iter().enumerate() {
        add(&blob.name, "metadata".to_owned(), Thing::Metadata(index));
    }
    for (index, file) in model.attachments.iter().enumerate() {
        add(&file.name, "file".to_owned(), Thing::Attachment(index));
    }
    choices
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

//! What can be run: the signatures of the MetaGraph, and the functions of the object graph by their paths.

use super::RunPane;
use crate::model::{Callable, ConcreteFunction, MetaGraph, Port, inline};
use crate::tui::focus::Thing;
use crate::tui::panes::Context;
use crate::tui::text;

/// Traces of a function that are offered.
const TRACES: usize = 8;

/// Something to run.
pub struct Entry {
    /// The signature's, or the function's path with the number of its trace; as `--signature` takes it.
    pub key: String,
    pub inputs: Vec<Port>,
    /// What it takes and gives.
    says: String,
    /// What it is in the model.
    pub thing: Thing,
}

impl Entry {
    pub fn is_function(&self) -> bool {
        !matches!(self.thing, Thing::Signature(_))
    }
}

/// Signatures first. A function whose path is also the key of a signature is not reached by it, one that can't be called
/// is not there.
pub fn entries(meta: &MetaGraph) -> Vec<Entry> {
    let signatures = meta.signatures.iter().enumerate();
    let mut all: Vec<Entry> = signatures
        .map(|(at, signature)| Entry {
            key: signature.key.to_string(),
            inputs: signature.inputs.clone(),
            says: format!(
                "signature  {}",
                taken_and_given(&ports(&signature.inputs), &ports(&signature.outputs))
            ),
            thing: Thing::Signature(at),
        })
        .collect();
    for callable in meta.objects.callables() {
        if !all.iter().any(|entry| entry.key == callable.path) {
            all.extend(functions(meta, &callable));
        }
    }
    all
}

/// A function as it is run by its path alone, then its other traces by number.
fn functions(meta: &MetaGraph, callable: &Callable) -> Vec<Entry> {
    let traces: Vec<&ConcreteFunction> = meta.objects.traces(callable).collect();
    let usual = inline::usual_trace(&traces);
    let others = (0..traces.len()).filter(|&at| Some(at) != usual);
    let each = usual.into_iter().chain(others).take(TRACES);
    let entry = |at: usize| {
        let key = match Some(at) == usual {
            true => callable.path.clone(),
            false => format!("{}#{}", callable.path, at + 1),
        };
        let trace = traces.get(at)?;
        let graph = meta.graphs.iter().position(|g| g.name == trace.name)?;
        Some(Entry {
            inputs: inline::arguments(&meta.graphs[graph], trace)?,
            key,
            says: format!(
                "function  {}",
                taken_and_given(&trace.arguments_line(), &trace.results_line())
            ),
            thing: Thing::Graph(graph),
        })
    };
    each.filter_map(entry).collect()
}

fn ports(ports: &[Port]) -> String {
    let each = ports
        .iter()
        .map(|p| format!("{}: {} {}", p.name, p.type_text(), p.shape));
    each.collect::<Vec<_>>().join(", ")
}

fn taken_and_given(inputs: &str, outputs: &str) -> String {
    match outputs {
        "" => format!("({inputs})"),
        _ => format!("({inputs}) → {outputs}"),
    }
}

impl RunPane {
    /// The next of two, or a list of more.
    pub(super) fn choose_signature(&mut self, cx: &mut Context) {
        match self.entries.len() {
            0 | 1 => cx.say("there is nothing else to run"),
            2 => self.choose((self.at + 1) % 2, cx),
            _ => {
                // The one that Enter takes at once is another one.
                let others = (1..=self.entries.len()).map(|by| (self.at + by) % self.entries.len());
                let row = |at: usize| {
                    let entry = &self.entries[at];
                    (text::clean(&entry.key), text::clean(&entry.says))
                };
                let rows = others.map(row).collect();
                cx.pick("signature", "what to run", rows);
            }
        }
    }

    /// A row of the list was chosen.
    pub(super) fn take_signature(&mut self, key: &str, cx: &mut Context) {
        let found = self.entries.iter();
        if let Some(at) = found.enumerate().find(|(_, e)| text::clean(&e.key) == key) {
            self.choose(at.0, cx);
        }
    }

    fn choose(&mut self, at: usize, cx: &mut Context) {
        self.take(at);
        if let Some(entry) = self.entries.get(at) {
            cx.focus.thing = entry.thing;
        }
        self.look(cx);
    }

    /// Follows the focus to another MetaGraph, and to the signature or function that is chosen there.
    pub(super) fn follow(&mut self, cx: &Context) {
        let Some(meta) = cx.focus.meta(cx.model) else {
            return;
        };
        let other = self.meta != cx.focus.meta;
        if other {
            self.meta = cx.focus.meta;
            self.entries = entries(meta);
        }
        let same = |entry: &Entry| entry.thing == cx.focus.thing;
        let chosen = match self.entries.get(self.at).is_some_and(same) && !other {
            true => None,
            false => self.entries.iter().position(same),
        };
        match (chosen, other) {
            (Some(at), _) => self.take(at),
            (None, true) => self.take(usual(&self.entries)),
            (None, false) => {}
        }
    }
}

/// Whether there is only one signature, which needs no name.
pub fn is_lone(entries: &[Entry]) -> bool {
    entries.iter().filter(|e| !e.is_function()).count() < 2
}

/// What runs where nothing is chosen: as `mexplore run` without `--signature`.
pub fn usual(entries: &[Entry]) -> usize {
    let serving = entries.iter().position(|e| e.key == "serving_default");
    serving.unwrap_or(0)
}

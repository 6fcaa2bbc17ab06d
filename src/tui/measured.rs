//! What running and comparing a model told about its operators; every pane of the model can show it.

use std::collections::HashMap;
use std::sync::Arc;

use super::desk::{Desk, State};
use super::jobs::Output;
use crate::analysis::Locator;
use crate::compare::Comparison;
use crate::model::{MetaGraph, Model, NodeId};
use crate::runtime::OpTime;

/// By index of the MetaGraph and of the graph in it, and by operator.
pub type ByNode<T> = Arc<HashMap<(usize, usize), HashMap<NodeId, T>>>;

/// The figures of the last run and of the last comparison.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    /// Nanoseconds; of a call, all that it calls.
    times: Option<ByNode<u64>>,
    /// How well values agree with those of the other model, as signal to noise in dB; of a call, the worst in it.
    errors: Option<ByNode<f64>>,
    /// Of the whole run.
    pub nanos: u64,
    /// Counts the changes.
    pub version: u64,
}

impl Measured {
    /// What is known of the operators of a graph; `None` when nothing has run.
    pub fn times(&self, meta: usize, graph: usize) -> Option<&HashMap<NodeId, u64>> {
        self.times.as_ref()?.get(&(meta, graph))
    }

    pub fn errors(&self, meta: usize, graph: usize) -> Option<&HashMap<NodeId, f64>> {
        self.errors.as_ref()?.get(&(meta, graph))
    }

    pub fn has_times(&self) -> bool {
        self.times.is_some()
    }

    pub fn has_errors(&self) -> bool {
        self.errors.is_some()
    }
}

/// What a run tells of the operators of the file.
pub struct Run {
    times: ByNode<u64>,
    nanos: u64,
}

impl Run {
    /// A signature of `model` in its MetaGraph `meta` has run; `None` where it is not there.
    pub fn of(model: &Model, meta: usize, key: &str, profile: &[OpTime]) -> Option<Run> {
        let found = model.meta_graphs.get(meta)?;
        let start = found.signatures.iter().find(|s| *s.key == *key)?;
        let steps = profile.iter().map(|step| (&*step.node, step.nanos));
        Some(Run {
            times: by_node(meta, found, start.graph, steps, |sum, part| sum + part),
            nanos: profile.iter().map(|step| step.nanos).sum(),
        })
    }
}

/// What a comparison tells of the operators of one of its models; `first`: it is the one on the left.
pub fn errors(model: &Model, first: bool, compared: &Comparison) -> Option<ByNode<f64>> {
    let (inner, keys) = (&compared.inner, compared.signatures.as_ref());
    let key = keys.map(|(a, b)| if first { a.as_str() } else { b.as_str() });
    let (found, signature) = model.signature(None, key).ok()?;
    let mut metas = model.meta_graphs.iter();
    let meta = metas.position(|m| std::ptr::eq(m, found))?;
    if inner.is_empty() {
        return None;
    }
    // An operator that stands for several of the other side gives what the last of them gives.
    let mut last: HashMap<&str, f64> = HashMap::new();
    for row in inner {
        let node = if first { &row.node_a } else { &row.node_b };
        last.insert(node, row.sqnr_db);
    }
    let rows = last.into_iter();
    Some(by_node(meta, found, signature.graph, rows, f64::min))
}

/// Keeps what a run of desk `at` or a comparison tells of operators, for all panes of the models.
pub fn note(desks: &mut [Desk], at: usize, output: &Output) {
    for (index, desk) in desks.iter_mut().enumerate() {
        let State::Open(open) = &mut desk.state else {
            continue;
        };
        match output {
            Output::Ran(ran) if index == at => {
                if let Some(run) = &ran.measured {
                    let measured = Arc::make_mut(&mut open.measured);
                    measured.times = Some(run.times.clone());
                    measured.nanos = run.nanos;
                    measured.version += 1;
                }
            }
            Output::Compared(compared) => {
                let (sides, errors) = (&compared.sides, &compared.errors);
                for (side, errors) in [(&sides.0, &errors.0), (&sides.1, &errors.1)] {
                    if let (true, Some(errors)) = (Arc::ptr_eq(side, &open.model), errors) {
                        let measured = Arc::make_mut(&mut open.measured);
                        measured.errors = Some(errors.clone());
                        measured.version += 1;
                    }
                }
            }
            _ => {}
        }
    }
}

/// Figures of the flat graph brought to the operators of the file; `join` puts several of one operator together.
fn by_node<'r, T: Copy>(
    meta: usize,
    found: &MetaGraph,
    start: usize,
    rows: impl Iterator<Item = (&'r str, T)>,
    join: impl Fn(T, T) -> T,
) -> ByNode<T> {
    let mut locator = Locator::new(found);
    let mut all: HashMap<(usize, usize), HashMap<NodeId, T>> = HashMap::new();
    for (name, figure) in rows {
        for (graph, node) in locator.find(start, name) {
            let of_graph = all.entry((meta, graph)).or_default();
            let old = of_graph.entry(node);
            old.and_modify(|old| *old = join(*old, figure))
                .or_insert(figure);
        }
    }
    Arc::new(all)
}

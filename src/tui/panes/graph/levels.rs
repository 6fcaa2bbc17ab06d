//! Which graph is shown, and the way there: a signature's wrappers are passed through, calls are followed.

use std::collections::HashMap;

use crate::error::Result;
use crate::layout::scope::{Item, Open};
use crate::layout::weights::{Bound, Weights, bindings};
use crate::model::{Attr, Graph, MetaGraph, ValueId};
use crate::progress::Progress;
use crate::sort;

/// A graph on the way to the one that is shown, and what was chosen in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Level {
    /// Index into the MetaGraph's graphs.
    pub graph: usize,
    /// For the breadcrumbs.
    pub title: String,
    pub open: Option<Open>,
    pub chosen: Option<Item>,
}

impl Level {
    pub fn new(graph: usize, title: impl Into<String>) -> Level {
        Level {
            graph,
            title: title.into(),
            ..Level::default()
        }
    }
}

/// What does not change while a MetaGraph is looked at.
#[derive(Debug, Default)]
pub struct Ways {
    /// For each graph and argument what its callers bind to it.
    pub bound: Vec<Vec<Option<Bound>>>,
    /// By signature, once they were found.
    starts: Vec<Vec<Level>>,
}

impl Ways {
    pub fn of(meta: &MetaGraph) -> Ways {
        Ways {
            bound: bindings(meta),
            starts: Vec::new(),
        }
    }

    /// Finds the way from every signature, where that takes too long to be done when it is asked for.
    pub fn find_starts(&mut self, meta: &MetaGraph, progress: &Progress) -> Result<()> {
        let mut known = HashMap::new();
        let mut starts = Vec::with_capacity(meta.signatures.len());
        for index in 0..meta.signatures.len() {
            starts.push(self.way_of(meta, index, &mut known));
            progress.check()?;
        }
        self.starts = starts;
        Ok(())
    }

    /// Which arguments of a graph are weights.
    pub fn weights(&self, graph: usize) -> Vec<bool> {
        let bound = self.bound.get(graph).map_or(&[][..], Vec::as_slice);
        bound.iter().map(Option::is_some).collect()
    }

    /// The levels that a signature starts with: its graph, and down through functions that only call another.
    pub fn of_signature(&self, meta: &MetaGraph, index: usize) -> Vec<Level> {
        match self.starts.get(index) {
            Some(known) => known.clone(),
            None => self.way_of(meta, index, &mut HashMap::new()),
        }
    }

    fn way_of(
        &self,
        meta: &MetaGraph,
        index: usize,
        known: &mut HashMap<usize, Weights>,
    ) -> Vec<Level> {
        let Some(signature) = meta.signatures.get(index) else {
            return vec![Level::new(0, title(meta, 0))];
        };
        let mut levels = vec![Level::new(signature.graph, signature.key.to_string())];
        let mut graph = signature.graph;
        let mut ends: Vec<ValueId> = signature.outputs.iter().filter_map(|p| p.value).collect();
        // Functions may call one another in a circle.
        while levels.len() < 16
            && let Some(next) = self.only_call(meta, graph, &ends, known)
            && levels.iter().all(|l| l.graph != next)
        {
            levels.push(Level::new(next, title(meta, next)));
            ends = meta.graphs[next]
                .outputs
                .iter()
                .flatten()
                .copied()
                .collect();
            graph = next;
        }
        // The wrappers in between say nothing.
        if levels.len() > 2 {
            levels.drain(1..levels.len() - 1);
        }
        levels
    }

    /// The function that a graph calls if that call is all it does for `ends`.
    fn only_call(
        &self,
        meta: &MetaGraph,
        index: usize,
        ends: &[ValueId],
        known: &mut HashMap<usize, Weights>,
    ) -> Option<usize> {
        let graph = meta.graphs.get(index)?;
        let weights = known.entry(index);
        let weights = weights.or_insert_with(|| Weights::of(graph, &self.weights(index)));
        let mut seen = vec![false; graph.nodes.len()];
        let mut stack: Vec<ValueId> = ends.to_vec();
        let mut call = None;
        while let Some(value) = stack.pop() {
            let Some((id, _)) = graph.value(value).producer else {
                continue;
            };
            if std::mem::replace(&mut seen[id.index()], true) || weights.is_node(id) {
                continue;
            }
            let node = graph.node(id);
            stack.extend(node.inputs.iter().flatten());
            match &*node.op {
                "Identity" | "IdentityN" | "Placeholder" | "PlaceholderWithDefault" => {}
                op if op.ends_with("PartitionedCall") && call.is_none() => {
                    call = called(meta, graph, Item::Node(id)).first().copied();
                    call?;
                }
                _ => return None,
            }
        }
        call
    }
}

/// The graphs that an operator calls.
pub fn called(meta: &MetaGraph, graph: &Graph, item: Item) -> Vec<usize> {
    let all = called_as(meta, graph, item).into_iter();
    let mut found: Vec<usize> = all.map(|(_, graph)| graph).collect();
    found.dedup();
    found
}

/// The graphs that an operator calls, each with the attribute that names it; of a loop the body comes first.
pub fn called_as<'g>(meta: &MetaGraph, graph: &'g Graph, item: Item) -> Vec<(&'g str, usize)> {
    let Item::Node(id) = item else {
        return Vec::new();
    };
    let Some(node) = graph.nodes.get(id.index()) else {
        return Vec::new();
    };
    let named = |name: &str| meta.graphs.iter().position(|g| &*g.name == name);
    let mut found: Vec<(&str, usize)> = Vec::new();
    for (name, attr) in node.attrs.iter() {
        let listed = attr.as_list().unwrap_or(std::slice::from_ref(attr));
        let functions = listed.iter().filter_map(Attr::as_func).filter_map(named);
        found.extend(functions.map(|graph| (name, graph)));
        // Subgraphs of a .tflite are called by number.
        if name.ends_with("subgraph_index") {
            let index = attr.as_int().and_then(|index| usize::try_from(index).ok());
            found.extend(index.filter(|i| *i < meta.graphs.len()).map(|i| (name, i)));
        }
    }
    found.extend(named(&node.op).map(|graph| ("f", graph)));
    sort::by_key(&mut found, |(name, _)| {
        (name.starts_with("cond"), name.starts_with("else"))
    });
    found
}

/// A graph's name without what TensorFlow puts around it: `__inference_call_123` is `call`.
pub fn title(meta: &MetaGraph, graph: usize) -> String {
    let Some(found) = meta.graphs.get(graph) else {
        return String::new();
    };
    let name = &*found.name;
    if name.is_empty() {
        return match found.kind {
            crate::model::GraphKind::Main => "graph".to_owned(),
            _ => format!("subgraph {graph}"),
        };
    }
    let name = name.strip_prefix("__inference_").unwrap_or(name);
    let short = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let short = short.strip_suffix('_').unwrap_or(name);
    if short.is_empty() { name } else { short }.to_owned()
}

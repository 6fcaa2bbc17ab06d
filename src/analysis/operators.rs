//! How often each operator occurs.

use std::collections::BTreeMap;

use crate::model::{Graph, GraphKind, MetaGraph, Name};
use crate::sort;

/// Operator name to its count; a call of a function counts under the name it has in the node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpCounts {
    /// In the main graph, or in all subgraphs.
    pub graph: BTreeMap<Name, usize>,
    /// In the functions; empty for a .tflite.
    pub functions: BTreeMap<Name, usize>,
    /// Custom operators of a .tflite by their own names; in `graph` they are `CUSTOM`.
    pub custom: BTreeMap<Name, usize>,
}

impl OpCounts {
    /// Graph and functions together.
    pub fn total(&self) -> BTreeMap<Name, usize> {
        let mut total = self.graph.clone();
        for (op, n) in &self.functions {
            *total.entry(op.clone()).or_default() += n;
        }
        total
    }

    /// The same, most frequent first, equal counts by name.
    pub fn ranked(&self) -> Vec<(Name, usize)> {
        let mut ranked: Vec<_> = self.total().into_iter().collect();
        sort::by(&mut ranked, |a, b| {
            b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0))
        });
        ranked
    }
}

/// Of one graph.
pub fn op_counts(graph: &Graph) -> BTreeMap<Name, usize> {
    let mut counts = BTreeMap::new();
    for node in &graph.nodes {
        *counts.entry(node.op.clone()).or_default() += 1;
    }
    counts
}

/// Of a MetaGraph with its functions, or of all subgraphs.
pub fn all_op_counts(meta_graph: &MetaGraph) -> OpCounts {
    let mut counts = OpCounts::default();
    for graph in &meta_graph.graphs {
        let into = match graph.kind {
            GraphKind::Function => &mut counts.functions,
            GraphKind::Main | GraphKind::Subgraph => &mut counts.graph,
        };
        for (op, n) in op_counts(graph) {
            *into.entry(op).or_default() += n;
        }
        for custom in graph.nodes.iter().filter_map(|n| n.custom.as_ref()) {
            *counts.custom.entry(custom.clone()).or_default() += 1;
        }
    }
    counts
}

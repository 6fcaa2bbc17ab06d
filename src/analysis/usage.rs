//! Which operators a stored tensor feeds.

use std::collections::HashMap;

use super::sizes::Place;
use crate::model::inline::flatten;
use crate::model::{Graph, MetaGraph, Model, Name, NodeId, ValueId};

/// An operator that takes a stored tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    pub node: Name,
    pub op: Name,
    /// Which of its inputs the tensor is.
    pub slot: usize,
    /// A matrix that the operator takes transposed.
    pub transposed: bool,
}

/// Operators that hand a weight on without changing what it is.
const TRANSPARENT: [&str; 8] = [
    "ReadVariableOp",
    "Identity",
    "Cast",
    "Enter",
    "Switch",
    "DEQUANTIZE",
    "CAST",
    "QUANTIZE",
];

/// The operators that take each variable and constant, looked at through reads, casts and calls of functions.
/// A SavedModel is followed through its signatures; a function that no signature calls counts for nothing.
pub fn uses(model: &Model) -> HashMap<Place, Vec<Use>> {
    let mut found: HashMap<Place, Vec<Use>> = HashMap::new();
    for (index, meta_graph) in model.meta_graphs.iter().enumerate() {
        for (graph_index, graph) in meta_graph.graphs.iter().enumerate() {
            let consumers = graph.consumers();
            for id in graph.value_ids() {
                if graph.value(id).data.is_some() {
                    let place = Place::Constant {
                        meta_graph: index,
                        graph: graph_index,
                        value: id,
                    };
                    follow(graph, &consumers, id, found.entry(place).or_default());
                }
            }
        }
        variable_uses(meta_graph, &mut found);
    }
    found
}

fn variable_uses(meta_graph: &MetaGraph, found: &mut HashMap<Place, Vec<Use>>) {
    for signature in &meta_graph.signatures {
        // A graph that can't be inlined has no uses to show; running it says why.
        let Ok(graph) = flatten(meta_graph, signature) else {
            continue;
        };
        let consumers = graph.consumers();
        for node in &graph.nodes {
            let (Some(variable), Some(&output)) = (node.variable, node.outputs.first()) else {
                continue;
            };
            let uses = found.entry(Place::Variable(variable)).or_default();
            follow(&graph, &consumers, output, uses);
        }
    }
}

fn follow(graph: &Graph, consumers: &[Vec<NodeId>], start: ValueId, uses: &mut Vec<Use>) {
    let mut stack = vec![start];
    let mut seen = vec![start];
    while let Some(value) = stack.pop() {
        for &id in consumers.get(value.index()).into_iter().flatten() {
            let node = graph.node(id);
            if TRANSPARENT.contains(&&*node.op) {
                for &output in &node.outputs {
                    if !seen.contains(&output) {
                        seen.push(output);
                        stack.push(output);
                    }
                }
                continue;
            }
            let slot = node.inputs.iter().position(|input| *input == Some(value));
            let flag = |name: &str| node.attrs.bool(name).unwrap_or(false);
            let found = Use {
                node: node.name.clone(),
                op: match node.op_label() {
                    label if label == &*node.op => node.op.clone(),
                    label => Name::from(label),
                },
                slot: slot.unwrap_or(0),
                transposed: flag("transpose_b") || flag("adj_y"),
            };
            if !uses.contains(&found) {
                uses.push(found);
            }
        }
    }
}

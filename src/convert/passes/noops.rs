//! Operators that hand on what they get.

use super::Surroundings;
use crate::error::Result;
use crate::model::{Graph, ValueId};

const NO_OPS: &[&str] = &[
    "CheckNumerics",
    "DeepCopy",
    "EnsureShape",
    "Identity",
    "IdentityN",
    "PlaceholderWithDefault",
    "PreventGradient",
    "Snapshot",
    "StopGradient",
    "XlaSharding",
];

pub fn run(graph: &mut Graph, _: &Surroundings<'_>) -> Result<usize> {
    // What each value really is, so that chains cost one walk.
    let mut source: Vec<ValueId> = graph.value_ids().collect();
    let mut changes = 0;
    for id in graph.topological_order()? {
        let node = graph.node(id);
        if !NO_OPS.contains(&&*node.op) {
            continue;
        }
        for (input, output) in node.inputs.iter().zip(&node.outputs) {
            if let Some(input) = input {
                source[output.index()] = source[input.index()];
                changes += 1;
            }
        }
    }
    let slots = graph
        .nodes
        .iter_mut()
        .flat_map(|n| n.inputs.iter_mut())
        .chain(graph.outputs.iter_mut());
    for slot in slots.flatten() {
        *slot = source[slot.index()];
    }
    Ok(changes)
}

//! Equal operators on equal operands are one.

use std::collections::HashMap;

use super::Surroundings;
use crate::error::Result;
use crate::model::{Graph, Node, NodeId, opdef};

/// Operators that answer differently each time, or change something.
fn is_pure(node: &Node) -> bool {
    if node.custom.is_some() {
        let carried = node.flex_op().and_then(opdef::lookup);
        return carried.is_some_and(|definition| !definition.stateful);
    }
    let op = &*node.op;
    node.control.is_empty()
        && node.variable.is_none()
        && !op.contains("Random")
        && !op.contains("RANDOM")
        && !op.contains("Variable")
        && !op.contains("VARIABLE")
        && !op.contains("Table")
        && !op.contains("Stack")
        && !op.contains("TensorArray")
        && !matches!(
            op,
            "Const"
                | "Placeholder"
                | "While"
                | "If"
                | "Case"
                | "StatelessWhile"
                | "StatelessIf"
                | "MULTINOMIAL"
                | "Multinomial"
                | "PyFunc"
                | "EagerPyFunc"
                | "Switch"
                | "Merge"
                | "Enter"
                | "Exit"
                | "NextIteration"
                | "LoopCond"
        )
}

pub fn run(graph: &mut Graph, _: &Surroundings<'_>) -> Result<usize> {
    let mut seen: HashMap<String, NodeId> = HashMap::new();
    let mut changes = 0;
    for id in graph.topological_order()? {
        let node = graph.node(id);
        if !is_pure(node) || node.inputs.is_empty() {
            continue;
        }
        // Attributes print in a fixed order; two that print alike are equal unless they hold tensors.
        let attrs = format!("{:?}", node.attrs);
        if attrs.contains("TensorData") || attrs.len() > 4096 {
            continue;
        }
        // No attribute says what BITCAST makes.
        let types: Vec<_> = node.outputs.iter().map(|&v| graph.value(v).dtype).collect();
        let (op, custom, inputs) = (&node.op, &node.custom, &node.inputs);
        let key = format!("{op} {custom:?} {inputs:?} {types:?} {attrs}");
        let Some(&first) = seen.get(&key) else {
            seen.insert(key, id);
            continue;
        };
        let (old, new) = (node.outputs.clone(), graph.node(first).outputs.clone());
        for (&old, &new) in old.iter().zip(&new) {
            if graph.outputs.contains(&Some(old)) {
                continue;
            }
            graph.replace_uses(old, new);
            changes += 1;
        }
    }
    Ok(changes)
}

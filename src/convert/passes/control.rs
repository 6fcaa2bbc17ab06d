//! Without writes the order of nodes is free, so edges that only order them go, and with them assertions.

use super::Surroundings;
use crate::error::Result;
use crate::model::Graph;

/// Operators whose effect would be lost without their control edges.
fn has_effect(op: &str) -> bool {
    op.contains("Assign")
        || op.contains("Scatter") && op.starts_with("Resource")
        || op.contains("LookupTableInsert")
        || op.contains("LookupTableImport")
        || op.contains("LookupTableRemove")
        || op.starts_with("TensorArrayWrite")
        || matches!(op, "While" | "If" | "Case")
}

pub fn run(graph: &mut Graph, _: &Surroundings<'_>) -> Result<usize> {
    if graph.nodes.iter().any(|n| has_effect(&n.op)) {
        return Ok(0);
    }
    let mut changes = graph.control_outputs.len();
    graph.control_outputs.clear();
    for node in &mut graph.nodes {
        changes += node.control.len();
        node.control.clear();
    }
    Ok(changes)
}

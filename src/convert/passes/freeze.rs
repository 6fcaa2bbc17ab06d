//! Variables that are never assigned become constants, found by the variable that the reader tied to each
//! handle's node, whatever the object graph looks like.

use std::collections::HashSet;

use super::Surroundings;
use crate::error::Result;
use crate::model::{Graph, Node, Shape, Value, ValueId, Variable, VariableId};

pub fn run(graph: &mut Graph, around: &Surroundings<'_>) -> Result<usize> {
    let assigned = assigned(graph);
    let mut changes = 0;
    for id in graph.node_ids() {
        let node = graph.node(id);
        match &*node.op {
            "ReadVariableOp" => {
                let Some(variable) = stored(graph, node, 0, &assigned, around) else {
                    continue;
                };
                let Some(&output) = node.outputs.first() else {
                    continue;
                };
                fill(graph.value_mut(output), variable);
                let node = graph.node_mut(id);
                node.op = "Const".into();
                node.inputs.clear();
            }
            "ResourceGather" => {
                let Some(variable) = stored(graph, node, 0, &assigned, around) else {
                    continue;
                };
                let mut value = Value::new(variable.name.clone(), variable.dtype, Shape::UNKNOWN);
                fill(&mut value, variable);
                let value = graph.add_value(value);
                graph.node_mut(id).inputs[0] = Some(value);
            }
            "VariableV2" | "Variable" | "VarHandleOp" if !node.outputs.is_empty() => {
                let whole = node.variable.filter(|_| node.variable_slice.is_none());
                let Some(id) = whole.filter(|v| !assigned.contains(v)) else {
                    continue;
                };
                let output = node.outputs[0];
                let Some(variable) = around.variables.get(id.0 as usize) else {
                    continue;
                };
                if &*node.op == "VarHandleOp" {
                    continue;
                }
                fill(graph.value_mut(output), variable);
            }
            _ => continue,
        }
        changes += 1;
    }
    Ok(changes)
}

/// Variables that some node of the graph writes.
fn assigned(graph: &Graph) -> HashSet<VariableId> {
    graph
        .nodes
        .iter()
        .filter(|n| {
            n.op.contains("Assign")
                || n.op.starts_with("Scatter")
                || n.op.starts_with("ResourceScatter")
        })
        .filter_map(|n| handle(graph, n.input(0)?))
        .collect()
}

/// The variable behind a resource, through Identity nodes.
fn handle(graph: &Graph, mut value: ValueId) -> Option<VariableId> {
    // As many steps as there are nodes at most: hostile graphs may run in circles.
    for _ in 0..=graph.nodes.len() {
        let node = graph.producer(value)?;
        // A part of a variable is not the whole.
        if node.variable.is_some() {
            return node.variable.filter(|_| node.variable_slice.is_none());
        }
        value = node.input(0)?;
    }
    None
}

fn stored<'a>(
    graph: &Graph,
    node: &Node,
    operand: usize,
    assigned: &HashSet<VariableId>,
    around: &Surroundings<'a>,
) -> Option<&'a Variable> {
    let id = handle(graph, node.input(operand)?).filter(|v| !assigned.contains(v))?;
    around.variables.get(id.0 as usize)
}

fn fill(value: &mut Value, variable: &Variable) {
    value.name = variable.name.clone();
    value.dtype = variable.dtype;
    value.reference = false;
    value.shape = variable.shape.clone();
    value.stored_shape = variable.shape.clone();
    value.data = Some(variable.data.clone());
}

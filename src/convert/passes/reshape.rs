//! Reshapes of reshapes are one, and one to the same sizes is none.

use super::Surroundings;
use super::edit;
use crate::error::Result;
use crate::model::{Graph, NodeId, Tensor};

pub fn run(graph: &mut Graph, _: &Surroundings<'_>) -> Result<usize> {
    let mut changes = 0;
    for id in graph.topological_order()? {
        if &*graph.node(id).op != "RESHAPE" {
            continue;
        }
        changes += usize::from(merge(graph, id).is_some());
        changes += usize::from(drop_trivial(graph, id).is_some());
    }
    Ok(changes)
}

/// `reshape(reshape(x))` takes `x`, if its sizes don't read a part of the middle's.
fn merge(graph: &mut Graph, id: NodeId) -> Option<()> {
    let node = graph.node(id);
    let middle = graph.producer(node.input(0)?)?;
    if !matches!(&*middle.op, "RESHAPE" | "SQUEEZE" | "EXPAND_DIMS") {
        return None;
    }
    edit::ints(graph, node.input(1)?)?;
    let x = middle.input(0)?;
    graph.node_mut(id).inputs[0] = Some(x);
    Some(())
}

fn drop_trivial(graph: &mut Graph, id: NodeId) -> Option<()> {
    let node = graph.node(id);
    let (x, y) = (node.input(0)?, *node.outputs.first()?);
    let (from, to) = (&graph.value(x).shape, &graph.value(y).shape);
    let open = from.dims()?.iter().filter(|d| **d < 0).count();
    if from != to || open > 1 {
        return None;
    }
    edit::bypass(graph, y, x);
    Some(())
}

/// The operand of a RESHAPE as a constant of int32.
pub fn sizes(dims: &[i64]) -> Option<Tensor> {
    let narrow: Option<Vec<i32>> = dims.iter().map(|&d| i32::try_from(d).ok()).collect();
    let narrow = narrow?;
    Some(Tensor::from_values(&[narrow.len()], &narrow))
}

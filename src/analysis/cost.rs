//! What one call of a signature costs.

use crate::error::Result;
use crate::model::inline::flatten;
use crate::model::{Graph, MetaGraph, Model, Name, Node, Shape, Signature, ValueId};
use crate::ops::{self, Constant, Fact};

/// Cost of one operator for one sample.
#[derive(Debug, Clone)]
pub struct NodeCost {
    pub node: Name,
    pub op: Name,
    /// Multiply-accumulates; 0 where an operator only moves data or its sizes are not known.
    pub macs: u64,
}

/// Cost of a signature, operators in the order of execution.
#[derive(Debug, Clone, Default)]
pub struct Cost {
    pub nodes: Vec<NodeCost>,
    pub total_macs: u64,
}

/// Multiply-accumulates of each operator when every unknown size is 1.
///
/// # Errors
/// A graph that can't be flattened or has a cycle.
pub fn cost(model: &Model, meta_graph: &MetaGraph, signature: &Signature) -> Result<Cost> {
    let graph = flatten(meta_graph, signature)?;
    let mut facts: Vec<Option<Fact>> = graph.value_ids().map(|id| known(&graph, id)).collect();
    let mut found = Cost::default();
    for id in graph.topological_order()? {
        let node = graph.node(id);
        let inputs: Vec<Option<Fact>> = node
            .inputs
            .iter()
            .map(|input| {
                input.map(|v| {
                    facts[v.index()]
                        .clone()
                        .unwrap_or_else(|| declared(&graph, v))
                })
            })
            .collect();
        let macs = ops::macs(&graph, node, &inputs, &model.variables);
        found.total_macs = found.total_macs.saturating_add(macs);
        found.nodes.push(NodeCost {
            node: node.name.clone(),
            op: Name::from(node.op_label()),
            macs,
        });
        settle(&graph, node, &inputs, model, &mut facts);
    }
    Ok(found)
}

/// Constants, and the signature's inputs for one sample.
fn known(graph: &Graph, id: ValueId) -> Option<Fact> {
    let value = graph.value(id);
    if let (Some(data), Some(sizes)) = (&value.data, value.stored_shape.fixed()) {
        return Some(Fact::constant(Constant::stored(
            value.dtype,
            &sizes,
            data.clone(),
        )));
    }
    graph
        .inputs
        .contains(&Some(id))
        .then(|| declared(graph, id))
}

/// What the file says of a value, unknown sizes taken as 1.
fn declared(graph: &Graph, id: ValueId) -> Fact {
    let value = graph.value(id);
    let shape = match value.shape.with_unknown_as(1) {
        Some(sizes) => Shape::of(&sizes),
        None => Shape::UNKNOWN,
    };
    Fact::new(value.dtype, shape)
}

fn settle(
    graph: &Graph,
    node: &Node,
    inputs: &[Option<Fact>],
    model: &Model,
    facts: &mut [Option<Fact>],
) {
    // What can't be inferred is as the file declares it.
    let inferred = ops::infer(graph, node, inputs, &model.variables).unwrap_or_default();
    let mut inferred = inferred.into_iter();
    for &output in &node.outputs {
        let fact = inferred.next().filter(|f| f.shape.rank().is_some());
        let slot = &mut facts[output.index()];
        if slot.is_none() {
            *slot = Some(fact.unwrap_or_else(|| declared(graph, output)));
        }
    }
}

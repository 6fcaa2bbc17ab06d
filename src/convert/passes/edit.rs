//! Questions and edits that several passes share.

use std::collections::HashSet;

use crate::model::{Attr, Graph, Node, NodeId, Shape, Tensor, TensorData, Value, ValueId};
use crate::ops::lower::activation;

/// Who uses what, as it was when this was made.
pub struct Uses {
    consumers: Vec<Vec<NodeId>>,
    results: HashSet<ValueId>,
}

impl Uses {
    pub fn of(graph: &Graph) -> Self {
        Uses {
            consumers: graph.consumers(),
            results: graph.outputs.iter().flatten().copied().collect(),
        }
    }

    /// One consumer, and no result of the graph.
    pub fn single(&self, value: ValueId) -> bool {
        self.consumers(value).len() == 1 && !self.is_result(value)
    }

    pub fn is_result(&self, value: ValueId) -> bool {
        self.results.contains(&value)
    }

    pub fn consumers(&self, value: ValueId) -> &[NodeId] {
        self.consumers.get(value.index()).map_or(&[], Vec::as_slice)
    }
}

/// The float32 elements of a constant; `None` when it is none or can't be read.
pub fn floats(graph: &Graph, value: ValueId) -> Option<Tensor> {
    let tensor = graph.value(value).read()?.ok()?;
    tensor.values::<f32>().is_some().then_some(tensor)
}

/// The elements of an integer constant.
pub fn ints(graph: &Graph, value: ValueId) -> Option<Vec<i64>> {
    let tensor = graph.value(value).read()?.ok()?;
    tensor
        .dtype()
        .is_integer()
        .then(|| tensor.numbers().iter().map(|&v| v as i64).collect())
}

/// A new constant named as `like`.
pub fn constant_like(graph: &mut Graph, like: ValueId, tensor: &Tensor) -> ValueId {
    let name = graph.value(like).name.clone();
    graph.add_value(Value::constant(name, tensor))
}

pub fn has_no_activation(node: &Node) -> bool {
    node.attrs.int("fused_activation_function").unwrap_or(0) == 0
}

pub fn activation_of(node: &Node) -> Attr {
    node.attrs
        .get("fused_activation_function")
        .cloned()
        .unwrap_or_else(|| activation("NONE"))
}

/// `node` makes `value` from now on; what made it before is dead.
pub fn take_output(graph: &mut Graph, node: NodeId, value: ValueId) {
    if let Some(slot) = graph.node_mut(node).outputs.first_mut() {
        *slot = value;
    }
    graph.value_mut(value).producer = Some((node, 0));
}

/// What used `result` uses `operand`, which holds the same: the operator between them is dead. A result of the graph
/// keeps its name where an operator makes the operand; an input may be a result itself.
pub fn bypass(graph: &mut Graph, result: ValueId, operand: ValueId) {
    let made = graph.value(operand).producer.filter(|_| {
        graph.outputs.contains(&Some(result)) && !graph.outputs.contains(&Some(operand))
    });
    let (Some((maker, slot)), Some((between, _))) = (made, graph.value(result).producer) else {
        graph.replace_uses(result, operand);
        return;
    };
    graph.replace_uses(operand, result);
    graph.node_mut(between).inputs = vec![Some(operand)];
    graph.node_mut(maker).outputs[slot as usize] = result;
    graph.value_mut(result).producer = made;
}

/// One number per channel (the last axis of `shape`) if `constant` broadcasts so; a scalar repeats.
pub fn per_channel(constant: &Tensor, channels: usize) -> Option<Vec<f32>> {
    let values = constant.values::<f32>()?;
    match (values, constant.shape()) {
        ([only], _) => Some(vec![*only; channels]),
        (values, [.., last]) if values.len() == channels && *last == channels => {
            Some(values.to_vec())
        }
        _ => None,
    }
}

/// Sets the values of a fresh copy of `value`, which may have other users.
pub fn with_values(graph: &mut Graph, value: ValueId, tensor: &Tensor) -> ValueId {
    let mut copy = graph.value(value).clone();
    copy.data = Some(TensorData::of(tensor));
    copy.shape = Shape::of(tensor.shape());
    copy.stored_shape = copy.shape.clone();
    graph.add_value(copy)
}

/// Operand and constant of a node with two operands, in whichever order.
pub fn with_constant(graph: &Graph, node: &Node) -> Option<(ValueId, ValueId)> {
    let (a, b) = (node.input(0)?, node.input(1)?);
    match (graph.value(a).data.is_some(), graph.value(b).data.is_some()) {
        (false, true) => Some((a, b)),
        (true, false) => Some((b, a)),
        _ => None,
    }
}

//! Transposes move down until they meet one that undoes them: a channels-first network becomes a channels-last one
//! with transposes at its borders.

use super::Surroundings;
use super::edit::{self, Uses};
use super::reshape::sizes;
use crate::error::Result;
use crate::model::{Attrs, Graph, Node, NodeId, Shape, Tensor, Value, ValueId};
use crate::ops::lower::evaluate;

pub fn run(graph: &mut Graph, _: &Surroundings<'_>) -> Result<usize> {
    let mut changes = 0;
    loop {
        let uses = Uses::of(graph);
        let mut changed = 0;
        for id in graph.topological_order()? {
            let done = join(graph, id)
                .or_else(|| sink(graph, &uses, id))
                .or_else(|| as_reshape(graph, id))
                .or_else(|| into_product(graph, &uses, id));
            if done.is_some() {
                // Uses are stale now, and each rewrite is cheap to find again.
                changed += 1;
                break;
            }
        }
        if changed == 0 {
            return Ok(changes);
        }
        changes += changed;
        super::dead::run(graph, &Surroundings { variables: &[] })?;
    }
}

/// The operand and the order of a TRANSPOSE.
fn transposed(graph: &Graph, value: ValueId) -> Option<(ValueId, Vec<usize>)> {
    let node = graph.producer(value)?;
    if &*node.op != "TRANSPOSE" {
        return None;
    }
    let order = edit::ints(graph, node.input(1)?)?;
    let rank = order.len();
    let order: Option<Vec<usize>> = order
        .iter()
        .map(|&a| {
            usize::try_from(if a < 0 { a + rank as i64 } else { a })
                .ok()
                .filter(|a| *a < rank)
        })
        .collect();
    Some((node.input(0)?, order?))
}

fn order_tensor(order: &[usize]) -> Option<Tensor> {
    sizes(&order.iter().map(|&a| a as i64).collect::<Vec<_>>())
}

/// Two in a row are one; one that moves nothing is none.
fn join(graph: &mut Graph, id: NodeId) -> Option<()> {
    let output = *graph.node(id).outputs.first()?;
    let (middle, outer) = transposed(graph, output)?;
    if is_identity(&outer) {
        edit::bypass(graph, output, middle);
        return Some(());
    }
    let (x, inner) = transposed(graph, middle)?;
    let order: Vec<usize> = outer
        .iter()
        .map(|&a| inner.get(a).copied())
        .collect::<Option<_>>()?;
    let order = order_tensor(&order)?;
    let old = graph.node(id).input(1)?;
    let order = edit::constant_like(graph, old, &order);
    let node = graph.node_mut(id);
    node.inputs = vec![Some(x), Some(order)];
    Some(())
}

fn is_identity(order: &[usize]) -> bool {
    order.iter().enumerate().all(|(i, &a)| i == a)
}

const UNARY: &[&str] = &[
    "ABS",
    "CAST",
    "CEIL",
    "COS",
    "ELU",
    "EXP",
    "FLOOR",
    "GELU",
    "HARD_SWISH",
    "LEAKY_RELU",
    "LOG",
    "LOGISTIC",
    "NEG",
    "RELU",
    "RELU6",
    "RELU_N1_TO_1",
    "ROUND",
    "RSQRT",
    "SIGN",
    "SIN",
    "SQRT",
    "SQUARE",
    "TANH",
];

const BINARY: &[&str] = &[
    "ADD",
    "SUB",
    "MUL",
    "DIV",
    "MAXIMUM",
    "MINIMUM",
    "POW",
    "SQUARED_DIFFERENCE",
    "PRELU",
];

fn is_transparent(op: &str) -> bool {
    UNARY.contains(&op)
        || BINARY.contains(&op)
        || matches!(
            op,
            "CONCATENATION"
                | "PAD"
                | "PADV2"
                | "MEAN"
                | "SUM"
                | "REDUCE_MAX"
                | "REDUCE_MIN"
                | "TRANSPOSE"
        )
}

/// `op(transpose(x))` is `transpose(op(x))`.
fn sink(graph: &mut Graph, uses: &Uses, id: NodeId) -> Option<()> {
    let node = graph.node(id);
    let op = node.op.to_string();
    if op == "TRANSPOSE" || !is_transparent(&op) {
        return None;
    }
    let first = node
        .inputs
        .iter()
        .flatten()
        .copied()
        .find(|&v| transposed(graph, v).is_some())?;
    let (_, order) = transposed(graph, first)?;
    let goes_along = uses
        .consumers(first)
        .iter()
        .all(|&c| is_transparent(&graph.node(c).op));
    if uses.is_result(first) || !goes_along {
        return None;
    }
    if UNARY.contains(&&*op) || BINARY.contains(&&*op) {
        elementwise(graph, id, &order)
    } else {
        match &*op {
            "CONCATENATION" => concatenation(graph, id, &order),
            "PAD" | "PADV2" => pad(graph, id, &order),
            _ => reduction(graph, id, &order),
        }
    }
}

/// Makes `id` work on `inputs`, its result transposed by `order` afterwards.
fn rebuild(
    graph: &mut Graph,
    id: NodeId,
    inputs: Vec<Option<ValueId>>,
    order: &[usize],
) -> Option<()> {
    let old = *graph.node(id).outputs.first()?;
    let tensor = order_tensor(order)?;
    let value = graph.value(old);
    let mut inner = Value::new(
        value.name.clone(),
        value.dtype,
        before(&value.shape, order)?,
    );
    inner.stored_shape = inner.shape.clone();
    let inner = graph.add_value(inner);
    graph.node_mut(id).inputs = inputs;
    edit::take_output(graph, id, inner);
    let name = graph.node(id).name.clone();
    let order = graph.add_value(Value::constant(name.clone(), &tensor));
    let mut after = Node::new(name, "TRANSPOSE");
    after.inputs = vec![Some(inner), Some(order)];
    after.outputs = vec![old];
    graph.add_node(after);
    Some(())
}

/// The shape that `order` turns into `shape`.
fn before(shape: &Shape, order: &[usize]) -> Option<Shape> {
    let dims = shape.dims()?;
    let mut out = vec![-1; dims.len()];
    for (&axis, &size) in order.iter().zip(dims) {
        *out.get_mut(axis)? = size;
    }
    Some(Shape(Some(out)))
}

fn elementwise(graph: &mut Graph, id: NodeId, order: &[usize]) -> Option<()> {
    let output = *graph.node(id).outputs.first()?;
    if graph.value(output).shape.rank() != Some(order.len()) {
        return None;
    }
    let operands = graph.node(id).inputs.clone();
    let mut inputs = Vec::with_capacity(operands.len());
    for operand in operands {
        let value = operand?;
        let new = match transposed(graph, value) {
            Some((x, own)) if own == order => x,
            _ if graph.value(value).data.is_some() => constant_before(graph, value, order)?,
            _ => return None,
        };
        inputs.push(Some(new));
    }
    rebuild(graph, id, inputs, order)
}

/// A constant operand as it is in front of the transpose: rank filled up, axes turned back.
fn constant_before(graph: &mut Graph, value: ValueId, order: &[usize]) -> Option<ValueId> {
    let tensor = graph.value(value).read()?.ok()?;
    if tensor.len() == 1 {
        return Some(value);
    }
    let mut dims = vec![1; order.len().checked_sub(tensor.rank())?];
    dims.extend_from_slice(tensor.shape());
    let turned = turned_back(tensor.reshaped(&dims), order)?;
    Some(edit::constant_like(graph, value, &turned))
}

/// Values with the axes as they were before a transpose by `order`.
fn turned_back(tensor: Tensor, order: &[usize]) -> Option<Tensor> {
    let mut inverse = vec![0i32; order.len()];
    for (i, &axis) in order.iter().enumerate() {
        *inverse.get_mut(axis)? = i as i32;
    }
    let inverse = Tensor::from_values(&[inverse.len()], &inverse);
    evaluate("TRANSPOSE", &[Some(tensor), Some(inverse)], &Attrs::new())
}

fn concatenation(graph: &mut Graph, id: NodeId, order: &[usize]) -> Option<()> {
    let node = graph.node(id);
    let axis = usize::try_from(node.attrs.int("axis")?).ok()?;
    let inputs: Option<Vec<_>> = node
        .inputs
        .iter()
        .map(|v| {
            transposed(graph, (*v)?)
                .filter(|(_, own)| own == order)
                .map(|(x, _)| Some(x))
        })
        .collect();
    let inputs = inputs?;
    let moved = *order.get(axis)? as i64;
    rebuild(graph, id, inputs, order)?;
    graph
        .node_mut(id)
        .attrs
        .set("axis", crate::model::Attr::Int(moved));
    Some(())
}

fn pad(graph: &mut Graph, id: NodeId, order: &[usize]) -> Option<()> {
    let node = graph.node(id);
    let (x, own) = transposed(graph, node.input(0)?)?;
    let old = node.input(1)?;
    let pads = edit::ints(graph, old)?;
    if own != order || pads.len() != 2 * order.len() {
        return None;
    }
    let mut turned = vec![0i32; pads.len()];
    for (i, &axis) in order.iter().enumerate() {
        turned[2 * axis] = i32::try_from(pads[2 * i]).ok()?;
        turned[2 * axis + 1] = i32::try_from(pads[2 * i + 1]).ok()?;
    }
    let pads = edit::constant_like(graph, old, &Tensor::from_values(&[order.len(), 2], &turned));
    let mut inputs = graph.node(id).inputs.clone();
    inputs[0] = Some(x);
    inputs[1] = Some(pads);
    rebuild(graph, id, inputs, order)
}

fn reduction(graph: &mut Graph, id: NodeId, order: &[usize]) -> Option<()> {
    let node = graph.node(id);
    let (x, own) = transposed(graph, node.input(0)?)?;
    let old = node.input(1)?;
    let rank = order.len();
    let axes: Option<Vec<usize>> = edit::ints(graph, old)?
        .iter()
        .map(|&a| {
            usize::try_from(if a < 0 { a + rank as i64 } else { a })
                .ok()
                .filter(|a| *a < rank)
        })
        .collect();
    let axes = axes?;
    if own != order {
        return None;
    }
    let keep = node.attrs.bool("keep_dims") == Some(true);
    let mut moved: Vec<i64> = axes.iter().map(|&a| order[a] as i64).collect();
    moved.sort_unstable();
    let new = edit::constant_like(graph, old, &sizes(&moved)?);
    let inputs = vec![Some(x), Some(new)];
    if keep {
        return rebuild(graph, id, inputs, order);
    }
    // The axes that stay, numbered as they stand in front of the transpose.
    let rest: Vec<usize> = (0..rank)
        .filter(|i| !axes.contains(i))
        .map(|i| order[i])
        .collect();
    let mut sorted = rest.clone();
    sorted.sort_unstable();
    let after: Vec<usize> = rest
        .iter()
        .filter_map(|a| sorted.iter().position(|s| s == a))
        .collect();
    if is_identity(&after) {
        graph.node_mut(id).inputs = inputs;
        return Some(());
    }
    rebuild(graph, id, inputs, &after)
}

/// Only axes of size 1 move: the bytes stay, so it is a reshape.
fn as_reshape(graph: &mut Graph, id: NodeId) -> Option<()> {
    let output = *graph.node(id).outputs.first()?;
    let (x, order) = transposed(graph, output)?;
    let dims = graph.value(x).shape.dims()?.to_vec();
    let moving: Vec<usize> = order
        .iter()
        .copied()
        .filter(|&a| dims.get(a) != Some(&1))
        .collect();
    let to = graph.value(output).shape.dims()?;
    if moving.windows(2).any(|w| w[0] > w[1]) || to.iter().filter(|d| **d < 0).count() > 1 {
        return None;
    }
    let to = sizes(to)?;
    let old = graph.node(id).input(1)?;
    let to = edit::constant_like(graph, old, &to);
    let node = graph.node_mut(id);
    node.op = "RESHAPE".into();
    node.inputs[1] = Some(to);
    Some(())
}

/// `product(flatten(transpose(x)))` is a product with its columns in another order.
fn into_product(graph: &mut Graph, uses: &Uses, id: NodeId) -> Option<()> {
    let node = graph.node(id);
    if &*node.op != "RESHAPE" {
        return None;
    }
    let (flat, middle) = (*node.outputs.first()?, node.input(0)?);
    let (x, order) = transposed(graph, middle)?;
    let dims = graph.value(middle).shape.dims()?.to_vec();
    let inner: Option<Vec<usize>> = dims
        .get(1..)?
        .iter()
        .map(|&d| usize::try_from(d).ok())
        .collect();
    let inner = inner?;
    let count = inner.iter().product::<usize>();
    let flattens =
        matches!(graph.value(flat).shape.dims()?, [n, c] if *n == dims[0] && *c == count as i64);
    if !flattens || order.first() != Some(&0) || uses.is_result(flat) {
        return None;
    }
    let consumers = uses.consumers(flat).to_vec();
    let mut edits = Vec::new();
    for &id in &consumers {
        let consumer = graph.node(id);
        let weights = consumer.input(1)?;
        if &*consumer.op != "FULLY_CONNECTED" || consumer.input(0) != Some(flat) || weights == flat
        {
            return None;
        }
        let tensor = edit::floats(graph, weights)?;
        let [rows, columns] = *tensor.shape() else {
            return None;
        };
        if columns != count {
            return None;
        }
        let mut shape = vec![rows];
        shape.extend_from_slice(&inner);
        let turned = turned_back(tensor.reshaped(&shape), &order)?;
        edits.push((id, weights, turned.reshaped(&[rows, columns])));
    }
    if edits.is_empty() {
        return None;
    }
    for (id, weights, tensor) in edits {
        let new = edit::with_values(graph, weights, &tensor);
        graph.node_mut(id).inputs[1] = Some(new);
    }
    graph.node_mut(id).inputs[0] = Some(x);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{convolution, elementwise, transpose, unary};
    use super::*;

    fn ops(graph: &Graph) -> Vec<String> {
        graph.nodes.iter().map(|n| n.op.to_string()).collect()
    }

    #[test]
    fn opposite_transposes_cancel_through_arithmetic() {
        let (mut graph, x) = convolution(&[1., 2., 3., 4.], &[2, 1, 1, 2]);
        let first = transpose(&mut graph, x, &[0, 3, 1, 2]);
        let scaled = elementwise(&mut graph, "MUL", first, &[2, 1, 1], &[10., 100.]);
        let clamped = unary(&mut graph, "RELU", scaled);
        let last = transpose(&mut graph, clamped, &[0, 2, 3, 1]);
        let y = unary(&mut graph, "TANH", last);
        graph.outputs = vec![Some(y)];
        run(&mut graph, &Surroundings { variables: &[] }).unwrap();
        assert_eq!(ops(&graph), ["CONV_2D", "MUL", "RELU", "TANH"]);
        let factor = graph.nodes[1].input(1).unwrap();
        assert_eq!(graph.value(factor).shape, Shape::of(&[1, 1, 1, 2]));
    }

    /// A result keeps its name where an operator makes it; what only hands its input on is an empty graph.
    #[test]
    fn a_result_needs_no_transpose_that_moves_nothing() {
        let (mut graph, x) = convolution(&[1., 2., 3., 4.], &[2, 1, 1, 2]);
        let there = transpose(&mut graph, x, &[0, 3, 1, 2]);
        let back = transpose(&mut graph, there, &[0, 2, 3, 1]);
        let beside = unary(&mut graph, "TANH", x);
        graph.value_mut(back).name = "answer".into();
        graph.outputs = vec![Some(back), Some(beside)];
        let input = graph.inputs[0].unwrap();
        run(&mut graph, &Surroundings { variables: &[] }).unwrap();
        assert_eq!(ops(&graph), ["CONV_2D", "TANH"]);
        let answer = graph.outputs[0].unwrap();
        assert_eq!(graph.value(answer).name.as_ref(), "answer");
        assert_eq!(graph.nodes[1].input(0), Some(answer));

        let still = transpose(&mut graph, input, &[0, 1, 2, 3]);
        graph.outputs = vec![Some(still)];
        run(&mut graph, &Surroundings { variables: &[] }).unwrap();
        assert!(graph.nodes.is_empty());
        assert_eq!(graph.outputs, graph.inputs);
    }
}

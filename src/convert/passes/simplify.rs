//! Arithmetic that is something simpler: division by a constant, factors of one, clamps in other words.

use super::Surroundings;
use super::edit::{self, Uses};
use crate::error::Result;
use crate::model::{Attrs, Graph, NodeId, ValueId};

pub fn run(graph: &mut Graph, _: &Surroundings<'_>) -> Result<usize> {
    let uses = Uses::of(graph);
    let mut changes = 0;
    for id in graph.topological_order()? {
        let changed = match &*graph.node(id).op {
            "DIV" => reciprocal(graph, id),
            "MUL" => neutral(graph, id, 1.0),
            "ADD" | "SUB" => neutral(graph, id, 0.0),
            "MAXIMUM" | "MINIMUM" => clamp(graph, &uses, id),
            _ => None,
        };
        changes += usize::from(changed.is_some());
    }
    Ok(changes)
}

/// x / c is x · (1/c).
fn reciprocal(graph: &mut Graph, id: NodeId) -> Option<()> {
    let node = graph.node(id);
    let divisor = node.input(1)?;
    if graph.value(node.input(0)?).data.is_some() {
        return None;
    }
    let mut tensor = edit::floats(graph, divisor)?;
    tensor
        .values_mut::<f32>()?
        .iter_mut()
        .for_each(|v| *v = 1.0 / *v);
    if !tensor.values::<f32>()?.iter().all(|v| v.is_finite()) {
        return None;
    }
    let new = edit::constant_like(graph, divisor, &tensor);
    let node = graph.node_mut(id);
    node.op = "MUL".into();
    node.inputs[1] = Some(new);
    Some(())
}

/// x · 1, x + 0, x − 0.
fn neutral(graph: &mut Graph, id: NodeId, neutral: f32) -> Option<()> {
    let node = graph.node(id);
    let (x, constant) = edit::with_constant(graph, node)?;
    if &*node.op == "SUB" && node.input(0) != Some(x) || !edit::has_no_activation(node) {
        return None;
    }
    let y = *node.outputs.first()?;
    let values = edit::floats(graph, constant)?;
    let all = values.values::<f32>()?.iter().all(|v| *v == neutral);
    if !all || graph.value(x).shape != graph.value(y).shape || graph.outputs.contains(&Some(y)) {
        return None;
    }
    graph.replace_uses(y, x);
    Some(())
}

fn scalar(graph: &Graph, value: ValueId) -> Option<f32> {
    match edit::floats(graph, value)?.values::<f32>()? {
        [only] => Some(*only),
        _ => None,
    }
}

/// max(min(x, high), low) in either order, and max(x, 0), where an operator says the same.
fn clamp(graph: &mut Graph, uses: &Uses, id: NodeId) -> Option<()> {
    let node = graph.node(id);
    let outer = &*node.op;
    let (x, constant) = edit::with_constant(graph, node)?;
    let bound = scalar(graph, constant)?;
    if graph.value(x).shape.rank() != graph.value(*node.outputs.first()?).shape.rank() {
        return None;
    }
    let inner = graph
        .producer(x)
        .filter(|inner| {
            uses.single(x)
                && matches!(&*inner.op, "MAXIMUM" | "MINIMUM" | "RELU")
                && &*inner.op != outer
        })
        .and_then(|inner| {
            if &*inner.op == "RELU" {
                return Some((inner.input(0)?, 0.0));
            }
            let (x, constant) = edit::with_constant(graph, inner)?;
            Some((x, scalar(graph, constant)?))
        });
    let (op, operand) = match (outer, inner, bound) {
        ("MAXIMUM", Some((x, high)), low) | ("MINIMUM", Some((x, low)), high)
            if (low, high) == (0.0, 6.0) =>
        {
            ("RELU6", x)
        }
        ("MAXIMUM", Some((x, high)), low) | ("MINIMUM", Some((x, low)), high)
            if (low, high) == (-1.0, 1.0) =>
        {
            ("RELU_N1_TO_1", x)
        }
        ("MAXIMUM", _, 0.0) => ("RELU", x),
        _ => return None,
    };
    let node = graph.node_mut(id);
    node.op = op.into();
    node.inputs = vec![Some(operand)];
    node.attrs = Attrs::new();
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{convolution, elementwise};
    use super::*;

    #[test]
    fn a_clip_from_0_to_6_is_relu6() {
        let (mut graph, x) = convolution(&[1., 2.], &[2, 1, 1, 1]);
        let low = elementwise(&mut graph, "MINIMUM", x, &[], &[6.]);
        let y = elementwise(&mut graph, "MAXIMUM", low, &[], &[0.]);
        graph.outputs = vec![Some(y)];
        run(&mut graph, &Surroundings { variables: &[] }).unwrap();
        assert_eq!(&*graph.producer(y).unwrap().op, "RELU6");
    }

    #[test]
    fn a_division_is_a_multiplication() {
        let (mut graph, x) = convolution(&[1., 2.], &[2, 1, 1, 1]);
        let y = elementwise(&mut graph, "DIV", x, &[], &[4.]);
        graph.outputs = vec![Some(y)];
        run(&mut graph, &Surroundings { variables: &[] }).unwrap();
        let node = graph.producer(y).unwrap();
        assert_eq!(&*node.op, "MUL");
        assert_eq!(scalar(&graph, node.input(1).unwrap()), Some(0.25));
    }
}

//! `0.5·x · erfc(−x/√2)` is one operator of TFLite.

use super::Surroundings;
use super::edit;
use crate::error::Result;
use crate::model::{Attrs, Graph, Node, NodeId, ValueId};

pub fn run(graph: &mut Graph, _: &Surroundings<'_>) -> Result<usize> {
    let mut changes = 0;
    for id in graph.node_ids() {
        changes += usize::from(fuse(graph, id).is_some());
    }
    Ok(changes)
}

fn fuse(graph: &mut Graph, id: NodeId) -> Option<()> {
    let node = graph.node(id);
    if &*node.op != "Mul" {
        return None;
    }
    let (a, b) = (node.input(0)?, node.input(1)?);
    let x = [(a, b), (b, a)].into_iter().find_map(|(half, erfc)| {
        let x = scaled(graph, half, 0.5)?;
        let tail = made_by(graph, erfc, "Erfc")?;
        (Some(x) == negated(graph, tail.input(0)?)).then_some(x)
    })?;
    let node = graph.node_mut(id);
    node.op = "Gelu".into();
    node.inputs = vec![Some(x)];
    node.attrs = Attrs::new();
    Some(())
}

fn made_by<'a>(graph: &'a Graph, value: ValueId, op: &str) -> Option<&'a Node> {
    graph.producer(value).filter(|node| &*node.op == op)
}

/// The other operand of a product with this constant.
fn scaled(graph: &Graph, value: ValueId, factor: f32) -> Option<ValueId> {
    let (x, constant) = edit::with_constant(graph, made_by(graph, value, "Mul")?)?;
    match edit::floats(graph, constant)?.values::<f32>()? {
        [only] if (only - factor).abs() < 1e-6 => Some(x),
        _ => None,
    }
}

/// x of −x/√2, written as (−x)·c or x·(−c).
fn negated(graph: &Graph, value: ValueId) -> Option<ValueId> {
    const C: f32 = std::f32::consts::FRAC_1_SQRT_2;
    if let Some(x) = scaled(graph, value, -C) {
        return Some(x);
    }
    made_by(graph, scaled(graph, value, C)?, "Neg")?.input(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DType, Dialect, GraphKind, Shape, Tensor, Value};

    #[test]
    fn the_exact_form_fuses() {
        let mut graph = Graph::new("f", GraphKind::Function, Dialect::Tf);
        let x = graph.add_value(Value::new("x", DType::Float32, Shape::of(&[2])));
        let mut add = |op: &str, inputs: &[ValueId]| {
            let y = graph.add_value(Value::new(op, DType::Float32, Shape::of(&[2])));
            let mut node = Node::new(op, op);
            node.inputs = inputs.iter().copied().map(Some).collect();
            node.outputs = vec![y];
            graph.add_node(node);
            y
        };
        let minus = add("Neg", &[x]);
        let (half, root) = (ValueId(9), ValueId(10));
        let first = add("Mul", &[half, x]);
        let inner = add("Mul", &[minus, root]);
        let tail = add("Erfc", &[inner]);
        let y = add("Mul", &[first, tail]);
        while graph.values.len() < 9 {
            graph.add_value(Value::new("", DType::Float32, Shape::scalar()));
        }
        graph.add_value(Value::constant("h", &Tensor::from_values(&[], &[0.5f32])));
        graph.add_value(Value::constant(
            "r",
            &Tensor::from_values(&[], &[0.707_106_77f32]),
        ));
        assert_eq!(
            run(&mut graph, &Surroundings { variables: &[] }).unwrap(),
            1
        );
        let node = graph.producer(y).unwrap();
        assert_eq!((&*node.op, node.input(0)), ("Gelu", Some(x)));
    }
}

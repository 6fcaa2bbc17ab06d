//! A clamp after an operator that can clamp by itself.

use super::Surroundings;
use super::edit::{self, Uses};
use crate::error::Result;
use crate::model::{Graph, NodeId};
use crate::ops::lower::activation;

const CLAMPS: &[&str] = &["RELU", "RELU6", "RELU_N1_TO_1"];

const FUSING: &[&str] = &[
    "ADD",
    "SUB",
    "MUL",
    "DIV",
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "TRANSPOSE_CONV",
    "FULLY_CONNECTED",
    "MAX_POOL_2D",
    "AVERAGE_POOL_2D",
];

pub fn run(graph: &mut Graph, _: &Surroundings<'_>) -> Result<usize> {
    let uses = Uses::of(graph);
    let mut changes = 0;
    for id in graph.node_ids() {
        changes += usize::from(fuse(graph, &uses, id).is_some());
    }
    Ok(changes)
}

fn fuse(graph: &mut Graph, uses: &Uses, clamp: NodeId) -> Option<()> {
    let node = graph.node(clamp);
    let name = CLAMPS.iter().find(|c| **c == &*node.op)?;
    let x = node.input(0)?;
    let (producer, _) = graph.value(x).producer?;
    let before = graph.node(producer);
    if !FUSING.contains(&&*before.op) || !edit::has_no_activation(before) || !uses.single(x) {
        return None;
    }
    if !matches!(graph.value(x).dtype, crate::model::DType::Float32) {
        return None;
    }
    let output = *node.outputs.first()?;
    graph
        .node_mut(producer)
        .attrs
        .set("fused_activation_function", activation(name));
    edit::take_output(graph, producer, output);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{convolution, unary};
    use super::*;

    #[test]
    fn the_clamp_of_a_convolution_is_its_own() {
        let (mut graph, x) = convolution(&[1., 2.], &[2, 1, 1, 1]);
        let y = unary(&mut graph, "RELU6", x);
        graph.outputs = vec![Some(y)];
        run(&mut graph, &Surroundings { variables: &[] }).unwrap();
        let node = graph.producer(y).unwrap();
        assert_eq!(node.attrs.text("fused_activation_function"), Some("RELU6"));
    }

    #[test]
    fn a_value_with_another_user_stays() {
        let (mut graph, x) = convolution(&[1., 2.], &[2, 1, 1, 1]);
        let y = unary(&mut graph, "RELU", x);
        graph.outputs = vec![Some(y), Some(x)];
        assert_eq!(
            run(&mut graph, &Surroundings { variables: &[] }).unwrap(),
            0
        );
    }
}

//! A convolution between space-to-batch and batch-to-space is a dilated one: the spelling that TensorFlow used
//! before its convolutions had dilations.

use super::edit::{self, Uses};
use super::{Surroundings, dead};
use crate::error::Result;
use crate::model::{Attr, Graph, Node, NodeId, ValueId};
use crate::ops::lower::padding;

pub fn run(graph: &mut Graph, around: &Surroundings<'_>) -> Result<usize> {
    let uses = Uses::of(graph);
    let nodes: Vec<NodeId> = graph.node_ids().collect();
    let mut changes = 0;
    for id in nodes {
        if let Some(dilated) = find(graph, &uses, id) {
            dilated.apply(graph);
            changes += 1;
        }
    }
    if changes > 0 {
        // Blocks without users would still count as users of what they read.
        dead::run(graph, around)?;
    }
    Ok(changes)
}

/// The convolution to change, and what it becomes.
struct Dilated {
    conv: NodeId,
    input: ValueId,
    output: ValueId,
    dilation: [i64; 2],
    padding: &'static str,
}

impl Dilated {
    fn apply(self, graph: &mut Graph) {
        let node = graph.node_mut(self.conv);
        if let Some(data) = node.inputs.first_mut() {
            *data = Some(self.input);
        }
        let [h, w] = self.dilation;
        node.attrs.set("dilation_h_factor", Attr::Int(h));
        node.attrs.set("dilation_w_factor", Attr::Int(w));
        node.attrs.set("padding", padding(self.padding));
        edit::take_output(graph, self.conv, self.output);
    }
}

fn find(graph: &Graph, uses: &Uses, id: NodeId) -> Option<Dilated> {
    let to_space = graph.node(id);
    if &*to_space.op != "BATCH_TO_SPACE_ND" {
        return None;
    }
    let sums = to_space.input(0)?;
    let (conv, _) = graph.value(sums).producer?;
    let node = graph.node(conv);
    if !uses.single(sums) || !is_plain(node) {
        return None;
    }
    let to_batch = graph.producer(node.input(0)?)?;
    if &*to_batch.op != "SPACE_TO_BATCH_ND" {
        return None;
    }
    let filter = graph.value(node.input(1)?).shape.dims()?;
    let (dilation, pads) = blocks(graph, to_batch)?;
    let (own, crops) = blocks(graph, to_space)?;
    if own != dilation {
        return None;
    }
    let mut amounts = [[0; 2]; 2];
    let mut same = [[0; 2]; 2];
    for axis in 0..2 {
        // Output y reads input y + crop − padding + k · dilation.
        amounts[axis] =
            [0, 1].map(|side: usize| pads[axis][side].saturating_sub(crops[axis][side]));
        let total = filter
            .get(axis + 1)?
            .checked_sub(1)?
            .checked_mul(dilation[axis])?;
        same[axis] = [total / 2, total - total / 2];
    }
    let padding = match amounts {
        a if a == same => "SAME",
        a if a == [[0; 2]; 2] => "VALID",
        _ => return None,
    };
    Some(Dilated {
        conv,
        input: to_batch.input(0)?,
        output: *to_space.outputs.first()?,
        dilation,
        padding,
    })
}

/// A 2-D convolution without padding, strides and dilations.
fn is_plain(node: &Node) -> bool {
    let one = |name: &str| node.attrs.int(name).unwrap_or(1) == 1;
    matches!(&*node.op, "CONV_2D" | "DEPTHWISE_CONV_2D")
        && node.attrs.int("padding").is_some_and(|p| p == 1)
        && ["stride_h", "stride_w"].into_iter().all(one)
        && ["dilation_h_factor", "dilation_w_factor"]
            .into_iter()
            .all(one)
}

/// Block sizes of y and x, and their paddings or crops before and after, where they are constants.
fn blocks(graph: &Graph, node: &Node) -> Option<([i64; 2], [[i64; 2]; 2])> {
    let sizes = edit::ints(graph, node.input(1)?)?;
    let edges = edit::ints(graph, node.input(2)?)?;
    match (&*sizes, &*edges) {
        (&[h, w], &[top, bottom, left, right]) if h > 0 && w > 0 => {
            Some(([h, w], [[top, bottom], [left, right]]))
        }
        (&[h], &[top, bottom]) if h > 0 => Some(([h, 1], [[top, bottom], [0, 0]])),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::convolution;
    use super::*;
    use crate::model::{DType, Shape, Tensor, Value};

    /// A 3×3 convolution between blocks of 2×2; its padding, dilation and input if it becomes a dilated one.
    fn dilated(pads: [i32; 4], crops: [i32; 4]) -> Option<(String, i64, i64)> {
        let (mut graph, sums) = convolution(&[1.; 9], &[1, 3, 3, 1]);
        let blocked = graph.inputs[0].unwrap();
        let x = graph.add_value(Value::new(
            "image",
            DType::Float32,
            Shape::of(&[1, 8, 8, 1]),
        ));
        let y = graph.add_value(Value::new("out", DType::Float32, Shape::UNKNOWN));
        for (op, from, to, edges) in [
            ("SPACE_TO_BATCH_ND", x, blocked, pads),
            ("BATCH_TO_SPACE_ND", sums, y, crops),
        ] {
            let block = Tensor::from_values(&[2], &[2, 2]);
            let block = graph.add_value(Value::constant("block", &block));
            let edges = Tensor::from_values(&[2, 2], &edges);
            let edges = graph.add_value(Value::constant("edges", &edges));
            let mut node = Node::new(op, op);
            node.inputs = vec![Some(from), Some(block), Some(edges)];
            node.outputs = vec![to];
            graph.add_node(node);
        }
        graph.inputs = vec![Some(x)];
        graph.outputs = vec![Some(y)];
        let changes = run(&mut graph, &Surroundings { variables: &[] }).unwrap();
        if changes == 0 {
            return None;
        }
        let output = graph.outputs[0].unwrap();
        let node = graph.producer(output).unwrap();
        assert_eq!(graph.nodes.len(), 1);
        assert_eq!(node.input(0), graph.inputs[0]);
        Some((
            node.attrs.text("padding")?.to_owned(),
            node.attrs.int("dilation_h_factor")?,
            node.attrs.int("dilation_w_factor")?,
        ))
    }

    #[test]
    fn what_same_pads_is_same() {
        let same = Some(("SAME".to_owned(), 2, 2));
        assert_eq!(dilated([2, 2, 2, 2], [0; 4]), same);
        // An odd size is filled up to whole blocks, which the crop takes away again.
        assert_eq!(dilated([2, 3, 2, 2], [0, 1, 0, 0]), same);
    }

    #[test]
    fn nothing_padded_is_valid() {
        let valid = Some(("VALID".to_owned(), 2, 2));
        assert_eq!(dilated([0; 4], [0; 4]), valid);
        assert_eq!(dilated([0, 1, 0, 1], [0, 1, 0, 1]), valid);
    }

    #[test]
    fn other_amounts_stay() {
        assert_eq!(dilated([2, 2, 0, 0], [0; 4]), None);
        assert_eq!(dilated([1, 3, 2, 2], [0; 4]), None);
    }
}

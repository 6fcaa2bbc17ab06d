//! Inputs that a model scales down from 0 to 255 by itself.

use crate::model::{DType, Graph, Node, NodeId, ValueId};
use crate::ops;

/// Constants longer than this are no scale or mean of channels.
const CHANNELS: usize = 16;
/// Factors up to this, divisors from its inverse on, take pixels from 0 to 255 to a few units (1/255, 1/127.5, 1/58).
const FACTOR: f64 = 1.0 / 50.0;
/// Means of pixels from this on are means of 0 to 255 (103.939 and 127.5; 0.485 is one of 0 to 1).
const MEAN: f64 = 16.0;

/// For each of `inputs`, whether the first arithmetic behind it multiplies by about 1/255, divides by about 255, or
/// takes means of bytes away: a Rescaling layer, or the means of a set of images. `graph` is one with its calls
/// inlined.
pub fn takes_bytes(graph: &Graph, inputs: &[ValueId]) -> Vec<bool> {
    let consumers = graph.consumers();
    let each = |&input: &ValueId| {
        let is_real = graph.value(input).dtype.is_float();
        is_real && scales_down(graph, &consumers, input)
    };
    inputs.iter().map(each).collect()
}

fn scales_down(graph: &Graph, consumers: &[Vec<NodeId>], input: ValueId) -> bool {
    let (mut stack, mut seen) = (vec![input], vec![false; graph.values.len()]);
    while let Some(value) = stack.pop() {
        if std::mem::replace(&mut seen[value.index()], true) {
            continue;
        }
        for &id in consumers.get(value.index()).into_iter().flatten() {
            let node = graph.node(id);
            if is_scale_of_bytes(graph, node, value) {
                return true;
            }
            let Some(operator) = ops::find_for(graph, node) else {
                continue;
            };
            let resizes = node.op.to_ascii_lowercase().starts_with("resize");
            let slots = (0..node.inputs.len()).filter(|&slot| node.input(slot) == Some(value));
            for from in slots {
                let outputs = node.outputs.iter().enumerate();
                let led = outputs
                    .filter(|&(to, _)| operator.hands_on.leads(from, to) || resizes && from == 0);
                stack.extend(led.map(|(_, &output)| output));
            }
        }
    }
    false
}

fn is_scale_of_bytes(graph: &Graph, node: &Node, value: ValueId) -> bool {
    let first = node.input(0) == Some(value);
    let Some(other) = node.input(if first { 1 } else { 0 }) else {
        return false;
    };
    let holds: fn(f64) -> bool = match (&*node.op, first) {
        ("Mul" | "MUL", _) => |c| c > 0.0 && c <= FACTOR,
        ("RealDiv" | "Div" | "DIV", true) => |c| c >= 1.0 / FACTOR,
        ("Sub" | "SUB", true) => |c| c >= MEAN,
        ("AddV2" | "Add" | "ADD" | "BiasAdd", _) => |c| c <= -MEAN,
        _ => return false,
    };
    constant(graph, other).is_some_and(|all| !all.is_empty() && all.into_iter().all(holds))
}

/// The numbers of a short constant, perhaps behind operators that leave it as it is.
fn constant(graph: &Graph, mut id: ValueId) -> Option<Vec<f64>> {
    // A graph has no longer way.
    for _ in 0..graph.nodes.len() {
        let value = graph.value(id);
        if value.data.is_some() {
            let short = value.stored_shape.elements()? <= CHANNELS && value.dtype != DType::String;
            return short
                .then(|| value.read()?.ok())
                .flatten()
                .map(|t| t.numbers());
        }
        let node = graph.node(value.producer?.0);
        match &*node.op {
            "Cast" | "CAST" | "DEQUANTIZE" | "Identity" => id = node.input(0)?,
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::testing::{add, argument, constant, subgraph};
    use crate::model::Tensor;

    fn takes(op: &str, by: &[f32]) -> bool {
        let mut main = subgraph("main");
        let image = argument(&mut main, "image", DType::Float32, &[1, 8, 8, 3]);
        let by = constant(&mut main, "by", &Tensor::from_values(&[by.len()], by));
        let sizes = Tensor::from_values(&[2], &[4, 4]);
        let sizes = constant(&mut main, "sizes", &sizes);
        let small = add(
            &mut main,
            "small",
            "RESIZE_BILINEAR",
            &[image, sizes],
            &[1, 4, 4, 3],
        );
        add(&mut main, "out", op, &[small, by], &[1, 4, 4, 3]);
        takes_bytes(&main, &[image])[0]
    }

    #[test]
    fn scales_and_means_of_bytes_are_seen() {
        assert!(takes("MUL", &[1.0 / 255.0]));
        assert!(takes("DIV", &[127.5]));
        assert!(takes("SUB", &[103.939, 116.779, 123.68]));
        assert!(takes("ADD", &[-127.5]));
        for (op, by) in [
            ("MUL", 2.0),
            ("MUL", 0.0),
            ("DIV", 0.229),
            ("SUB", 0.485),
            ("ADD", 1.0),
        ] {
            assert!(!takes(op, &[by]), "{op} {by}");
        }
    }
}

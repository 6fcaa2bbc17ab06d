//! The lowest operator version that says what a node needs, and the first runtime that has it.

#[rustfmt::skip]
mod rules;

use crate::model::{DType, Graph, Node, Value};

/// What a rule asks of a node. Inputs and outputs count from 0; one that is absent fulfils nothing.
pub(super) enum Condition {
    /// The input has one of these types.
    In(usize, &'static [DType]),
    Out(usize, &'static [DType]),
    /// Input 0 or output 0 has one of these types.
    InOrOut(&'static [DType]),
    /// The attribute is true, or false.
    Flag(&'static str),
    Unset(&'static str),
    Is(&'static str, i64),
    IsNot(&'static str, i64),
    /// `quantized_bias_type` is set.
    BiasType,
    /// The input has more dimensions than this, or another number of them.
    Rank(usize, usize),
    RankNot(usize, usize),
    /// The first two inputs differ in shape and one of them has more dimensions than this.
    Broadcast(usize),
    /// One of the first three inputs has rank 5.
    Rank5,
    /// The node has exactly this many inputs.
    Inputs(usize),
    /// The input has (no) quantization table.
    Quantized(usize),
    Unquantized(usize),
    /// The input has as many scales as it is long in this dimension.
    Scales(usize, usize),
    /// Several scales, one per index of the quantized dimension.
    PerChannel(Tensor),
    Sparse(usize),
    /// A convolution whose filters see fewer channels than there are.
    Grouped,
    /// A dilation factor other than 1.
    Dilated,
    /// The scales of both inputs over that of the output come to at least 1.
    Gain,
    Any(&'static [Condition]),
    All(&'static [Condition]),
}

pub(super) enum Tensor {
    Input(usize),
    Output,
}

/// The lowest version of the node's operator that says what it needs.
pub(super) fn lowest(graph: &Graph, node: &Node) -> i32 {
    let Some((_, rules)) = rules::RULES
        .iter()
        .find(|(ops, _)| ops.contains(&&*node.op))
    else {
        return 1;
    };
    let holds = |c: &Condition| c.holds(graph, node);
    rules
        .iter()
        .find(|(_, conditions)| conditions.iter().all(holds))
        .map_or(1, |(version, _)| *version)
}

/// The oldest runtime that has all of these operators at these versions: `1.14.0`. Operators that are not known to
/// the table don't count.
pub(super) fn min_runtime<'a>(operators: impl Iterator<Item = (&'a str, i32)>) -> String {
    let parts = |v: &str| -> Vec<u32> { v.split('.').map(|p| p.parse().unwrap_or(0)).collect() };
    operators
        .filter_map(|(op, version)| {
            let row = rules::RUNTIMES
                .iter()
                .find(|(o, v, _)| *o == op && *v == version)?;
            Some(row.2)
        })
        .max_by_key(|runtime| parts(runtime))
        .unwrap_or("1.5.0")
        .to_owned()
}

impl Condition {
    fn holds(&self, graph: &Graph, node: &Node) -> bool {
        let input = |index: usize| node.input(index).map(|id| graph.value(id));
        let output = |index: usize| node.outputs.get(index).map(|&id| graph.value(id));
        let has = |value: Option<&Value>, types: &[DType]| {
            value.is_some_and(|v| types.contains(&v.dtype))
        };
        let rank = |index| input(index).and_then(|v| v.shape.rank());
        match *self {
            Condition::In(index, types) => has(input(index), types),
            Condition::Out(index, types) => has(output(index), types),
            Condition::InOrOut(types) => has(input(0), types) || has(output(0), types),
            Condition::Flag(name) => node.attrs.bool(name) == Some(true),
            Condition::Unset(name) => node.attrs.bool(name) == Some(false),
            Condition::Is(name, number) => node.attrs.int(name).unwrap_or(0) == number,
            Condition::IsNot(name, number) => node.attrs.int(name).unwrap_or(0) != number,
            Condition::BiasType => node
                .attrs
                .dtype("quantized_bias_type")
                .is_some_and(|t| t != DType::Float32),
            Condition::Rank(index, most) => rank(index).is_some_and(|r| r > most),
            Condition::RankNot(index, usual) => rank(index).is_some_and(|r| r != usual),
            Condition::Broadcast(most) => {
                input(0).map(|v| &v.shape) != input(1).map(|v| &v.shape)
                    && rank(0).max(rank(1)).is_some_and(|r| r > most)
            }
            Condition::Rank5 => (0..3).any(|index| rank(index) == Some(5)),
            Condition::Inputs(count) => node.inputs.len() == count,
            Condition::Quantized(index) => input(index).is_some_and(|v| v.quantization.is_some()),
            Condition::Unquantized(index) => input(index).is_some_and(|v| v.quantization.is_none()),
            Condition::Scales(index, dimension) => {
                input(index).is_some_and(|v| has_scales(v, dimension))
            }
            Condition::PerChannel(Tensor::Input(index)) => input(index).is_some_and(per_channel),
            Condition::PerChannel(Tensor::Output) => output(0).is_some_and(per_channel),
            Condition::Sparse(index) => input(index).is_some_and(|v| v.sparsity().is_some()),
            Condition::Grouped => dim(input(0), 3)
                .zip(dim(input(1), 3))
                .is_some_and(|(data, filter)| data > 0 && data != filter),
            Condition::Dilated => ["dilation_w_factor", "dilation_h_factor"]
                .iter()
                .any(|name| node.attrs.int(name).is_some_and(|f| f != 1)),
            Condition::Gain => scale(input(0))
                .zip(scale(input(1)))
                .zip(scale(output(0)))
                .is_some_and(|((a, b), out)| a * b / out >= 1.0),
            Condition::Any(conditions) => conditions.iter().any(|c| c.holds(graph, node)),
            Condition::All(conditions) => conditions.iter().all(|c| c.holds(graph, node)),
        }
    }
}

fn dim(value: Option<&Value>, axis: usize) -> Option<i64> {
    value?.shape.dims()?.get(axis).copied()
}

fn has_scales(value: &Value, dimension: usize) -> bool {
    let scales = value.quantization.as_ref().map_or(0, |q| q.scale.len());
    dim(Some(value), dimension) == Some(scales as i64)
}

fn per_channel(value: &Value) -> bool {
    value.quantization.as_ref().is_some_and(|q| {
        q.scale.len() > 1 && usize::try_from(q.dimension).is_ok_and(|d| has_scales(value, d))
    })
}

fn scale(value: Option<&Value>) -> Option<f32> {
    value?.quantization.as_ref()?.scale.first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Attr, Dialect, GraphKind, Quantization, Shape};

    /// A node over values of these types, shaped [4, 4].
    fn node(op: &str, inputs: &[DType], output: DType) -> (Graph, Node) {
        let mut graph = Graph::new("", GraphKind::Subgraph, Dialect::Tflite);
        let mut node = Node::new("n", op);
        for &dtype in inputs {
            let value = Value::new("x", dtype, Shape::of(&[4, 4]));
            node.inputs.push(Some(graph.add_value(value)));
        }
        let value = Value::new("y", output, Shape::of(&[4, 4]));
        node.outputs.push(graph.add_value(value));
        (graph, node)
    }

    #[test]
    fn the_first_rule_that_holds_counts() {
        use DType::{Float32, Int8, Int32};
        let version = |op, inputs: &[DType], output| {
            let (graph, node) = node(op, inputs, output);
            lowest(&graph, &node)
        };
        assert_eq!(version("ADD", &[Float32, Float32], Float32), 1);
        assert_eq!(version("ADD", &[Int8, Int8], Int8), 2);
        assert_eq!(
            version("FULLY_CONNECTED", &[Float32, Float32, Float32], Float32),
            1
        );
        assert_eq!(version("FULLY_CONNECTED", &[Int8, Int8, Int32], Int8), 4);
        assert_eq!(version("FULLY_CONNECTED", &[Int8, Int8], Int8), 6);
        assert_eq!(version("BROADCAST_TO", &[Float32, Int32], Float32), 2);
        assert_eq!(version("LOGICAL_NOT", &[DType::Bool], DType::Bool), 1);
    }

    #[test]
    fn attributes_and_scales_raise_the_version() {
        use DType::{Float32, Int8};
        let (mut graph, mut node) = node("FULLY_CONNECTED", &[Float32, Int8, Float32], Float32);
        assert_eq!(lowest(&graph, &node), 3);
        node.attrs
            .set("asymmetric_quantize_inputs", Attr::Bool(true));
        assert_eq!(lowest(&graph, &node), 9);
        let weights = node.input(1).unwrap();
        graph.value_mut(weights).quantization =
            Some(Quantization::per_channel(vec![0.1; 4], 0).into());
        assert_eq!(lowest(&graph, &node), 12);
    }

    #[test]
    fn the_newest_operator_decides_the_runtime() {
        let all = [("CONV_2D", 3), ("SOFTMAX", 1), ("SHAPE", 1)];
        assert_eq!(min_runtime(all.into_iter()), "1.14.0");
        assert_eq!(
            min_runtime([("CONV_2D", 8), ("ADD", 1)].into_iter()),
            "2.15.0"
        );
        assert_eq!(min_runtime(std::iter::empty()), "1.5.0");
    }
}

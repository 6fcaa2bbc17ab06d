//! Small graphs for the tests of passes.

use crate::model::{
    Attr, Attrs, DType, Dialect, Graph, GraphKind, Node, Shape, Tensor, Value, ValueId,
};
use crate::ops::lower::{activation, padding};

/// A 1×1 convolution of [1, 2, 3, in] with these OHWI weights; and its result.
pub fn convolution(weights: &[f32], shape: &[usize]) -> (Graph, ValueId) {
    let mut graph = Graph::new("main", GraphKind::Subgraph, Dialect::Tflite);
    let (out, channels) = (shape[0], shape[3]);
    let x = graph.add_value(Value::new(
        "x",
        DType::Float32,
        Shape::of(&[1, 2, 3, channels]),
    ));
    let filter = graph.add_value(Value::constant(
        "filter",
        &Tensor::from_values(shape, weights),
    ));
    let bias = graph.add_value(Value::constant(
        "bias",
        &Tensor::from_values(&[out], &vec![0f32; out]),
    ));
    let y = graph.add_value(Value::new("y", DType::Float32, Shape::of(&[1, 2, 3, out])));
    let mut node = Node::new("conv", "CONV_2D");
    node.inputs = vec![Some(x), Some(filter), Some(bias)];
    node.outputs = vec![y];
    node.attrs = Attrs::new()
        .with("padding", padding("VALID"))
        .with("stride_h", Attr::Int(1))
        .with("stride_w", Attr::Int(1))
        .with("fused_activation_function", activation("NONE"));
    graph.add_node(node);
    graph.inputs = vec![Some(x)];
    graph.outputs = vec![Some(y)];
    (graph, y)
}

fn append(graph: &mut Graph, op: &str, inputs: Vec<Option<ValueId>>, shape: Shape) -> ValueId {
    let y = graph.add_value(Value::new(op, DType::Float32, shape));
    let mut node = Node::new(op, op);
    node.inputs = inputs;
    node.outputs = vec![y];
    graph.add_node(node);
    y
}

pub fn unary(graph: &mut Graph, op: &str, x: ValueId) -> ValueId {
    let shape = graph.value(x).shape.clone();
    append(graph, op, vec![Some(x)], shape)
}

/// `x op constant`, of x's shape.
pub fn elementwise(
    graph: &mut Graph,
    op: &str,
    x: ValueId,
    shape: &[usize],
    values: &[f32],
) -> ValueId {
    let constant = graph.add_value(Value::constant("c", &Tensor::from_values(shape, values)));
    let out = graph.value(x).shape.clone();
    append(graph, op, vec![Some(x), Some(constant)], out)
}

pub fn transpose(graph: &mut Graph, x: ValueId, order: &[usize]) -> ValueId {
    let dims = graph.value(x).shape.fixed().unwrap();
    let out: Vec<usize> = order.iter().map(|&a| dims[a]).collect();
    let order: Vec<i32> = order.iter().map(|&a| a as i32).collect();
    let order = graph.add_value(Value::constant(
        "order",
        &Tensor::from_values(&[order.len()], &order),
    ));
    append(
        graph,
        "TRANSPOSE",
        vec![Some(x), Some(order)],
        Shape::of(&out),
    )
}

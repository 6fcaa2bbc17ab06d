//! Small graphs for tests.

use crate::model::{DType, Dialect, Graph, GraphKind, Node, Shape, Value};

/// A function with arguments and nodes `(name, op, inputs)`, inputs by name; the last node is the result.
pub fn graph(inputs: &[&str], nodes: &[(&str, &str, &[&str])]) -> Graph {
    let mut graph = Graph::new("f", GraphKind::Function, Dialect::Tf);
    let value = |name: &str, dtype| Value::new(name, dtype, Shape(Some(vec![-1, 8])));
    for name in inputs {
        let dtype = if name.ends_with("resource") {
            DType::Resource
        } else {
            DType::Float32
        };
        let id = graph.add_value(value(name, dtype));
        graph.inputs.push(Some(id));
    }
    let first = graph.values.len();
    for (name, _, _) in nodes {
        graph.add_value(value(name, DType::Float32));
    }
    for (at, (name, op, takes)) in nodes.iter().enumerate() {
        let mut node = Node::new(*name, *op);
        node.inputs = takes
            .iter()
            .map(|take| graph.value_ids().find(|v| &*graph.value(*v).name == *take))
            .collect();
        node.outputs = graph.value_ids().nth(first + at).into_iter().collect();
        graph.add_node(node);
    }
    let last = graph.value_ids().last();
    graph.outputs = vec![last];
    graph.output_names = vec!["y".into()];
    graph
}

/// A network with a shortcut, batch norms as scopes and weights from arguments.
pub fn residual() -> Graph {
    graph(
        &["x", "k_resource"],
        &[
            (
                "net/conv/Conv2D/ReadVariableOp",
                "ReadVariableOp",
                &["k_resource"],
            ),
            (
                "net/conv/Conv2D",
                "Conv2D",
                &["x", "net/conv/Conv2D/ReadVariableOp"],
            ),
            ("net/bn/eps", "Const", &[]),
            ("net/bn/mul", "Mul", &["net/conv/Conv2D", "net/bn/eps"]),
            ("net/bn/add", "AddV2", &["net/bn/mul", "net/bn/eps"]),
            ("net/relu/Relu", "Relu", &["net/bn/add"]),
            ("net/add/add", "AddV2", &["net/relu/Relu", "x"]),
        ],
    )
}

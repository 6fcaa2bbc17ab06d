//! Small models for the tests of this room.

use crate::model::{
    Attr, Attrs, DType, Dialect, FileEntry, Graph, GraphKind, MetaGraph, Model, Name, Node, Port,
    Shape, Signature, Tensor, TensorData, Value, ValueId, Variable, VariableRole,
};

pub fn main_graph() -> Graph {
    Graph::new("", GraphKind::Main, Dialect::Tf)
}

pub fn function(name: &str) -> Graph {
    Graph::new(name, GraphKind::Function, Dialect::Tf)
}

pub fn subgraph(name: &str) -> Graph {
    Graph::new(name, GraphKind::Subgraph, Dialect::Tflite)
}

pub fn argument(graph: &mut Graph, name: &str, dtype: DType, dims: &[i64]) -> ValueId {
    let id = graph.add_value(Value::new(name, dtype, Shape(Some(dims.to_vec()))));
    graph.inputs.push(Some(id));
    id
}

/// A `Const` node, or a constant of a .tflite.
pub fn constant(graph: &mut Graph, name: &str, tensor: &Tensor) -> ValueId {
    let id = graph.add_value(Value::constant(name, tensor));
    if graph.dialect == Dialect::Tf {
        let mut node = Node::new(name, "Const");
        node.outputs = vec![id];
        graph.add_node(node);
    }
    id
}

/// `name = op(inputs)` with one float output of these sizes, open ones as -1.
pub fn add(graph: &mut Graph, name: &str, op: &str, inputs: &[ValueId], dims: &[i64]) -> ValueId {
    let dims = match graph.dialect {
        Dialect::Tf => dims.to_vec(),
        Dialect::Tflite => dims.iter().map(|d| d.abs()).collect(),
    };
    let id = graph.add_value(Value::new(name, DType::Float32, Shape(Some(dims))));
    let mut node = Node::new(name, op);
    node.inputs = inputs.iter().copied().map(Some).collect();
    node.outputs = vec![id];
    graph.add_node(node);
    id
}

pub fn of_function(name: &str) -> Attr {
    Attr::Func {
        name: name.into(),
        attrs: Attrs::new(),
    }
}

pub fn call(graph: &mut Graph, name: &str, function: &str, inputs: &[ValueId]) -> ValueId {
    let id = add(graph, name, "StatefulPartitionedCall", inputs, &[-1]);
    graph.value_mut(id).shape = Shape::UNKNOWN;
    if let Some(node) = graph.nodes.last_mut() {
        node.attrs.set("f", of_function(function));
    }
    id
}

/// A model with one signature through graph 0.
pub fn model(graphs: Vec<Graph>, inputs: &[ValueId], outputs: &[ValueId]) -> Model {
    let ports = |word: &str, ids: &[ValueId]| {
        let all = ids.iter().enumerate();
        all.map(|(i, &id)| Port::of(format!("{word}{i}"), &graphs[0], id))
            .collect()
    };
    let signature = Signature {
        key: "serving_default".into(),
        method: Name::from(""),
        graph: 0,
        inputs: ports("in", inputs),
        outputs: ports("out", outputs),
        implied: false,
        deprecated_tag: None,
    };
    let mut meta_graph = MetaGraph::new(graphs[0].dialect, graphs, vec![signature]);
    let mut file = "made.tflite";
    if meta_graph.dialect == Dialect::Tf {
        meta_graph.tags = vec!["serve".to_owned()];
        file = "saved_model.pb";
    }
    let mut model = Model::new("made", meta_graph);
    model.files = vec![FileEntry {
        path: file.to_owned(),
        bytes: 1000,
    }];
    model
}

/// A variable of the bundle with these values.
pub fn variable(name: &str, role: VariableRole, tensor: &Tensor) -> Variable {
    Variable {
        key: name.into(),
        name: name.into(),
        dtype: tensor.dtype(),
        shape: Shape::of(tensor.shape()),
        shard: 0,
        offset: 0,
        bytes: tensor.bytes().map_or(0, |b| b.len() as u64),
        crc32c: None,
        slices: Vec::new(),
        role,
        trainable: None,
        owners: Vec::new(),
        data: TensorData::of(tensor),
    }
}

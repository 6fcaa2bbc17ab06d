//! Small models for the tests of this room.

use std::path::PathBuf;

use crate::model::{
    Attr, Attrs, DType, Details, Dialect, FileEntry, Format, Graph, GraphKind, MetaGraph, Model,
    Name, Node, ObjectGraph, Port, SavedModelDetails, Shape, Signature, Tensor, TensorData,
    TfliteDetails, Value, ValueId, Variable, VariableRole,
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
    let port = |word: &str, index: usize, id: ValueId| {
        let value = graphs[0].value(id);
        Port {
            name: format!("{word}{index}").into(),
            tensor: Some(value.name.clone()),
            value: Some(id),
            dtype: value.dtype,
            reference: false,
            shape: value.shape.clone(),
            shape_absent: false,
            quantization: None,
        }
    };
    let ports = |word: &str, ids: &[ValueId]| {
        let all = ids.iter().enumerate();
        all.map(|(i, &id)| port(word, i, id)).collect()
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
    let dialect = graphs[0].dialect;
    let tf = dialect == Dialect::Tf;
    Model {
        name: "made".to_owned(),
        path: PathBuf::new(),
        format: if tf {
            Format::SavedModel
        } else {
            Format::Tflite
        },
        files: vec![FileEntry {
            path: if tf { "saved_model.pb" } else { "made.tflite" }.to_owned(),
            bytes: 1000,
        }],
        versions: Vec::new(),
        version: None,
        meta_graphs: vec![MetaGraph {
            tags: if tf {
                vec!["serve".to_owned()]
            } else {
                Vec::new()
            },
            tensorflow_version: String::new(),
            producer: 0,
            dialect,
            graphs,
            signatures: vec![signature],
            objects: ObjectGraph::default(),
            assets: Vec::new(),
            init: None,
            saver: Vec::new(),
            collections: Vec::new(),
        }],
        variables: Vec::new(),
        shards: Vec::new(),
        metadata: Vec::new(),
        attachments: Vec::new(),
        details: match tf {
            true => Details::SavedModel(SavedModelDetails::default()),
            false => Details::Tflite(TfliteDetails::default()),
        },
        warnings: Vec::new(),
    }
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

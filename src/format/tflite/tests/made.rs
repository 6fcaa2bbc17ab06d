//! A small model with one of everything that a `.tflite` can hold.

use std::sync::Arc;

use bytes::Bytes;

use crate::model::{
    Attachment, Attr, DType, Details, Dialect, Graph, GraphKind, MetaGraph, Metadata, Model, Name,
    Node, Port, Quantization, QuantizationDetails, Shape, Signature, Sparse, SparseDim,
    SparseIndices, Sparsity, Tensor, TensorData, TfliteDetails, Value, ValueId,
};

/// FULLY_CONNECTED of int8 with int4 weights, a custom operator, strings, a sparse constant, blockwise scales.
pub(super) fn model() -> Model {
    let graph = graph();
    let port = |name: &str, id: u32| Port::of(name, &graph, ValueId(id));
    let signature = Signature {
        key: "serving_default".into(),
        method: Name::from(""),
        deprecated_tag: None,
        graph: 0,
        inputs: vec![port("x", 0)],
        outputs: vec![port("z", 5)],
        implied: false,
    };
    let meta_graph = MetaGraph::new(Dialect::Tflite, vec![graph], vec![signature]);
    let mut model = Model::new("made", meta_graph);
    model.metadata = vec![Metadata {
        name: "note".to_owned(),
        data: Bytes::from_static(b"kept"),
        decoded: None,
    }];
    model.attachments = vec![Attachment {
        name: "labels.txt".to_owned(),
        bytes: 4,
        data: Bytes::from_static(b"a\nb\n"),
    }];
    model.details = Details::Tflite(TfliteDetails {
        schema_version: 3,
        description: "made".to_owned(),
        ..TfliteDetails::default()
    });
    model
}

fn graph() -> Graph {
    let mut graph = Graph::new("main", GraphKind::Subgraph, Dialect::Tflite);
    let mut x = Value::new("x", DType::Int8, Shape(Some(vec![-1, 4])));
    x.quantization = Some(Quantization::per_tensor(0.5, -3).into());
    let x = graph.add_value(x);
    let weights = Tensor::typed(DType::Int4, &[2, 4], &[1i8, -2, 3, 7, -8, 0, 5, -1]);
    let mut weights = Value::constant("weights", &weights);
    weights.quantization = Some(Quantization::per_channel(vec![0.25, 0.125], 0).into());
    let weights = graph.add_value(weights);
    let bias = Tensor::from_values(&[2], &[5i32, -6]);
    let bias_id = graph.add_value(Value::constant("bias", &bias));
    let again = graph.add_value(Value::constant("bias_again", &bias));
    let mut y = Value::new("y", DType::Int8, Shape(Some(vec![-1, 2])));
    y.quantization = Some(Quantization::per_tensor(0.75, 0).into());
    let y = graph.add_value(y);
    let z = graph.add_value(Value::new("z", DType::Float32, Shape::UNKNOWN));
    let names = Tensor::from_strings(&[2], vec![b"ab".to_vec(), Vec::new()]);
    let names = graph.add_value(Value::constant("names", &names));
    let sparse = graph.add_value(sparse());
    let scales = Tensor::from_values(&[1], &[half::f16::from_f32(0.5)]);
    let scales = graph.add_value(Value::constant("scales", &scales));
    let mut blocks = Value::constant("blocks", &Tensor::from_values(&[4], &[1i8, 2, 3, 4]));
    blocks.quantization = Some(Box::new(Quantization {
        details: QuantizationDetails::Blockwise {
            scales: Some(scales),
            zero_points: None,
            block_size: 4,
            block_shape: Vec::new(),
        },
        ..Quantization::default()
    }));
    let blocks = graph.add_value(blocks);
    let empty = graph.add_value(Value::constant(
        "empty",
        &Tensor::from_values::<f32>(&[0, 3], &[]),
    ));

    let mut dense = Node::new("y", "FULLY_CONNECTED");
    dense.inputs = vec![Some(x), Some(weights), Some(bias_id)];
    dense.outputs = vec![y];
    dense.attrs.set(
        "fused_activation_function",
        Attr::Enum {
            name: "RELU".into(),
            value: 1,
        },
    );
    graph.add_node(dense);
    let mut custom = Node::new("z", "CUSTOM");
    custom.custom = Some("Blend".into());
    custom.version = 1;
    custom.inputs = [y, again, names, sparse, blocks, empty].map(Some).to_vec();
    custom.inputs.push(None);
    custom.outputs = vec![z];
    custom.attrs.set("rate", Attr::Float(0.5));
    custom
        .attrs
        .set("axes", Attr::List(vec![Attr::Int(1), Attr::Int(-2)]));
    graph.add_node(custom);
    graph.inputs = vec![Some(x)];
    graph.outputs = vec![Some(z)];
    graph
}

/// Rows `0 0 6 0`, `0 0 7 0`, `5 0 0 0`, packed by columns.
fn sparse() -> Value {
    let mut value = Value::new("sparse", DType::Int8, Shape::of(&[3, 4]));
    value.data = Some(TensorData::Sparse(Arc::new(Sparse {
        values: Bytes::from_static(&[5, 6, 7]),
        shape: vec![3, 4],
        form: Sparsity {
            traversal_order: vec![1, 0],
            block_map: Vec::new(),
            dims: vec![
                SparseDim::dense(4),
                SparseDim::csr(
                    SparseIndices::Uint16(vec![0, 1, 1, 3, 3]),
                    SparseIndices::Uint8(vec![2, 0, 1]),
                ),
            ],
        },
    })));
    value
}

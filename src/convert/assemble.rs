//! A model in the TFLite dialect around finished graphs.

use std::path::PathBuf;

use crate::model::{
    Details, Dialect, Format, Graph, MetaGraph, Model, Name, ObjectGraph, Port, Shape, Signature,
    TfliteDetails, ValueId,
};

/// The model of `graphs`, one per signature of the source and in the same order.
pub fn model(name: &str, signatures: &[&Signature], graphs: Vec<Graph>) -> Model {
    let made = signatures
        .iter()
        .zip(&graphs)
        .enumerate()
        .map(|(index, (source, graph))| signature(source, index, graph))
        .collect();
    Model {
        name: name.to_owned(),
        path: PathBuf::new(),
        format: Format::Tflite,
        files: Vec::new(),
        versions: Vec::new(),
        version: None,
        meta_graphs: vec![MetaGraph {
            tags: Vec::new(),
            tensorflow_version: String::new(),
            producer: 0,
            dialect: Dialect::Tflite,
            graphs,
            signatures: made,
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
        details: Details::Tflite(TfliteDetails {
            schema_version: 3,
            description: concat!("mexplore ", env!("CARGO_PKG_VERSION")).to_owned(),
            ..TfliteDetails::default()
        }),
        warnings: Vec::new(),
    }
}

fn signature(source: &Signature, graph_index: usize, graph: &Graph) -> Signature {
    let ports = |ports: &[Port], values: &[Option<ValueId>]| {
        ports
            .iter()
            .zip(values)
            .filter_map(|(port, value)| Some(of(port, (*value)?, graph)))
            .collect()
    };
    Signature {
        key: source.key.clone(),
        method: "".into(),
        deprecated_tag: None,
        graph: graph_index,
        inputs: ports(&source.inputs, &graph.inputs),
        outputs: ports(&source.outputs, &graph.outputs),
        implied: source.implied,
    }
}

/// The port as the finished graph has it.
pub fn of(port: &Port, id: ValueId, graph: &Graph) -> Port {
    let value = graph.value(id);
    Port {
        name: port.name.clone(),
        tensor: Some(value.name.clone()),
        value: Some(id),
        dtype: value.dtype,
        reference: false,
        shape_absent: false,
        shape: value.shape.clone(),
        quantization: value.quantization.clone(),
    }
}

/// Names of inputs and outputs as the signature has them, and shapes to allocate: 1 where a size is unknown.
pub fn finish(graph: &mut Graph, source: &Signature) {
    for value in &mut graph.values {
        value.name = short_name(
            &value.name,
            value.data.is_some() && value.dtype.is_integer(),
        );
    }
    for node in &mut graph.nodes {
        node.name = short_name(&node.name, false);
    }
    let inputs = graph.inputs.clone();
    for (port, value) in source.inputs.iter().zip(&inputs) {
        if let (Some(name), Some(value)) = (&port.tensor, value) {
            graph.value_mut(*value).name = name.clone();
        }
    }
    for (port, value) in source.outputs.iter().zip(graph.outputs.clone()) {
        if let (Some(name), Some(value)) = (&port.tensor, value)
            && !inputs.contains(&Some(value))
        {
            graph.value_mut(value).name = name.clone();
        }
    }
    for value in &mut graph.values {
        if value.data.is_none() {
            value.stored_shape = match &value.shape {
                Shape(Some(dims)) => Shape(Some(
                    dims.iter().map(|&d| if d < 0 { 1 } else { d }).collect(),
                )),
                Shape(None) => Shape::scalar(),
            };
        }
    }
}

/// Inlining puts the callers in front (`StatefulPartitionedCall/…`), which says nothing; sizes, axes and orders need no
/// name at all. Names are up to a tenth of a small file.
fn short_name(name: &Name, unnamed: bool) -> Name {
    if unnamed {
        return "".into();
    }
    let mut rest = &**name;
    while let Some((caller, inner)) = rest.split_once('/') {
        if !caller.starts_with("StatefulPartitionedCall") && !caller.starts_with("PartitionedCall")
        {
            break;
        }
        rest = inner;
    }
    rest.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_go_from_names() {
        let name: Name = "StatefulPartitionedCall_1/PartitionedCall/net/conv/Relu".into();
        assert_eq!(&*short_name(&name, false), "net/conv/Relu");
        assert_eq!(&*short_name(&"dense/kernel".into(), false), "dense/kernel");
        assert_eq!(&*short_name(&name, true), "");
    }
}

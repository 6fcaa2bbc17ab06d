//! A model in the TFLite dialect around finished graphs.

use crate::model::{
    Details, Dialect, Graph, MetaGraph, Model, Name, Port, Shape, Signature, TfliteDetails, ValueId,
};

/// The model of `graphs`, one per signature of the source and in the same order.
pub fn model(name: &str, signatures: &[&Signature], graphs: Vec<Graph>) -> Model {
    let made = signatures
        .iter()
        .zip(&graphs)
        .enumerate()
        .map(|(index, (source, graph))| signature(source, index, graph))
        .collect();
    let mut model = Model::new(name, MetaGraph::new(Dialect::Tflite, graphs, made));
    model.details = Details::Tflite(TfliteDetails {
        schema_version: 3,
        description: concat!("mexplore ", env!("CARGO_PKG_VERSION")).to_owned(),
        ..TfliteDetails::default()
    });
    model
}

fn signature(source: &Signature, graph_index: usize, graph: &Graph) -> Signature {
    let ports = |ports: &[Port], values: &[Option<ValueId>]| {
        ports
            .iter()
            .zip(values)
            .filter_map(|(port, value)| Some(Port::of(port.name.clone(), graph, (*value)?)))
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

//! SignatureDefs, and the operator to run first.

use std::collections::BTreeMap;

use foldhash::HashMap;

use super::pb::tensor_info::Encoding;
use super::{pb, tensor};
use crate::model::{Attr, Graph, Name, NodeId, Port, Shape, Signature, ValueId};

/// The signature that stands for "run this operator first".
const INIT: &str = "__saved_model_init_op";

/// Signatures by key, without the one that only names the initializer.
pub fn signatures(
    protos: BTreeMap<String, pb::SignatureDef>,
    graph: &mut Graph,
    nodes: &HashMap<Name, NodeId>,
) -> Vec<Signature> {
    let mut ports = |infos: BTreeMap<String, pb::TensorInfo>| -> Vec<Port> {
        infos
            .into_iter()
            .map(|(name, info)| port(name, info, graph, nodes))
            .collect()
    };
    protos
        .into_iter()
        .filter(|(key, _)| key != INIT)
        .map(|(key, proto)| {
            let mut inputs = ports(proto.inputs);
            for (name, value) in proto.defaults {
                let port = inputs.iter_mut().find(|p| *p.name == *name);
                if let Some(port) = port {
                    let (dtype, shape, data) = tensor::tensor(value);
                    port.default = Some(Attr::Tensor { dtype, shape, data });
                }
            }
            Signature {
                key: key.into(),
                method: proto.method_name.into(),
                deprecated_tag: None,
                graph: 0,
                inputs,
                outputs: ports(proto.outputs),
                implied: false,
            }
        })
        .collect()
}

/// The initializer: of the signature made for it, or of the collections that older files have.
pub fn init(proto: &pb::MetaGraphDef, nodes: &HashMap<Name, NodeId>) -> Option<NodeId> {
    use pb::collection_def::Kind;
    let from_signature = proto.signature_def.get(INIT).and_then(|signature| {
        match &signature.outputs.values().next()?.encoding {
            Some(Encoding::Name(name)) => Some(name.as_str()),
            _ => None,
        }
    });
    let from_collection = |key: &str| match &proto.collection_def.get(key)?.kind {
        Some(Kind::NodeList(list)) => list.value.first().map(String::as_str),
        _ => None,
    };
    let name = from_signature
        .or_else(|| from_collection("saved_model_main_op"))
        .or_else(|| from_collection("legacy_init_op"))?;
    nodes.get(split(name).0).copied()
}

/// The nodes that fill tables, of the collection that graphs of TensorFlow 1 have.
pub fn table_init(proto: &pb::MetaGraphDef, nodes: &HashMap<Name, NodeId>) -> Vec<NodeId> {
    use pb::collection_def::Kind;
    match proto
        .collection_def
        .get("table_initializer")
        .map(|c| &c.kind)
    {
        Some(Some(Kind::NodeList(list))) => list
            .value
            .iter()
            .filter_map(|name| nodes.get(split(name).0).copied())
            .collect(),
        _ => Vec::new(),
    }
}

/// The nodes that save and restore the variables.
pub fn saver(proto: &pb::MetaGraphDef, nodes: &HashMap<Name, NodeId>) -> Vec<NodeId> {
    let Some(saver) = &proto.saver_def else {
        return Vec::new();
    };
    [&saver.save_tensor_name, &saver.restore_op_name]
        .into_iter()
        .filter_map(|name| nodes.get(split(name).0).copied())
        .collect()
}

fn port(
    name: String,
    info: pb::TensorInfo,
    graph: &mut Graph,
    nodes: &HashMap<Name, NodeId>,
) -> Port {
    let (dtype, reference) = tensor::dtype(info.dtype);
    let (tensor, parts) = match info.encoding {
        Some(Encoding::Name(name)) => (Some(name), Vec::new()),
        Some(Encoding::CooSparse(sparse)) => {
            let parts = [
                sparse.values_tensor_name,
                sparse.indices_tensor_name,
                sparse.dense_shape_tensor_name,
            ];
            (None, parts.into_iter().map(Name::from).collect())
        }
        Some(Encoding::CompositeTensor(composite)) => {
            let name = |part: pb::TensorInfo| match part.encoding {
                Some(Encoding::Name(name)) => Name::from(name),
                _ => Name::from("composite"),
            };
            (None, composite.components.into_iter().map(name).collect())
        }
        None => (None, Vec::new()),
    };
    let value = tensor
        .as_deref()
        .and_then(|tensor| value_of(tensor, graph, nodes));
    let shape_absent = info.tensor_shape.is_none();
    let shape = match &info.tensor_shape {
        Some(stated) => tensor::shape(stated),
        // Nothing is said about it: a scalar to TensorFlow's tools, any shape to its runtime.
        None => value.map_or(Shape::UNKNOWN, |v| graph.value(v).shape.clone()),
    };
    if let Some(value) = value {
        let value = graph.value_mut(value);
        if value.shape.rank().is_none() {
            value.shape = shape.clone();
            value.stored_shape = shape.clone();
        }
    }
    Port {
        name: name.into(),
        tensor: tensor.map(Name::from),
        value,
        dtype,
        reference,
        shape_absent,
        shape,
        quantization: None,
        parts,
        default: None,
        index_bound: None,
        content: Default::default(),
    }
}

/// The value named `node:1` or `node`.
pub fn value_of(tensor: &str, graph: &Graph, nodes: &HashMap<Name, NodeId>) -> Option<ValueId> {
    let (node, index) = split(tensor);
    let node = graph.node(*nodes.get(node)?);
    node.outputs.get(index).copied()
}

/// Node and output index of `node:1`, `node`.
pub fn split(tensor: &str) -> (&str, usize) {
    match tensor.rsplit_once(':') {
        Some((node, index)) => index.parse().map_or((tensor, 0), |index| (node, index)),
        None => (tensor, 0),
    }
}

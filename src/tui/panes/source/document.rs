//! Things of a model written as JSON or as the text they are.

use serde_json::{Map, Value as Json, json};

use crate::model::{Graph, MetaGraph, Model, Node, Port, Quantization, Signature, Value};
use crate::tui::focus::{Focus, Thing};
use crate::tui::widgets::describe;

/// Which text is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The chosen thing itself.
    Thing,
    /// The graph that it is in.
    Graph,
    /// Every signature.
    Signatures,
    /// What the model says about itself.
    Model,
}

impl Kind {
    pub fn next(self) -> Kind {
        match self {
            Kind::Thing => Kind::Graph,
            Kind::Graph => Kind::Signatures,
            Kind::Signatures => Kind::Model,
            Kind::Model => Kind::Thing,
        }
    }
}

/// A text with what it is.
pub struct Document {
    pub title: String,
    pub text: String,
    pub is_json: bool,
}

/// Graphs with more operators are cut; the tree shows all of them.
const MOST_NODES: usize = 20_000;

pub fn of(model: &Model, focus: &Focus, kind: Kind) -> Document {
    let name = || focus.name(model).unwrap_or_default();
    let graph = || {
        focus
            .graph(model)
            .map(|(_, g)| g)
            .or_else(|| focus.meta(model)?.graphs.first())
    };
    match kind {
        Kind::Thing => thing(model, focus, &name()),
        Kind::Graph => match graph() {
            Some(g) if g.name.is_empty() => json_document("graph", graph_json(g)),
            Some(g) => json_document(&format!("graph {}", g.name), graph_json(g)),
            None => nothing(),
        },
        Kind::Signatures => match focus.meta(model) {
            Some(meta) => json_document("signatures", signatures_json(meta)),
            None => nothing(),
        },
        Kind::Model => json_document(&model.name, model_json(model)),
    }
}

fn nothing() -> Document {
    Document {
        title: "nothing chosen".to_owned(),
        text: "Choose something in Tree, Graph or Tensors.".to_owned(),
        is_json: false,
    }
}

fn json_document(title: &str, json: Json) -> Document {
    Document {
        title: title.to_owned(),
        // Writing a value that is in memory can't fail.
        text: serde_json::to_string_pretty(&json).unwrap_or_default(),
        is_json: true,
    }
}

fn thing(model: &Model, focus: &Focus, name: &str) -> Document {
    let Some(meta) = focus.meta(model) else {
        return nothing();
    };
    let found = match focus.thing {
        Thing::Nothing => Some(json_document("signatures", signatures_json(meta))),
        Thing::Node { graph, node } => meta
            .graphs
            .get(graph)
            .and_then(|g| Some((g, g.nodes.get(node.index())?)))
            .map(|(g, n)| json_document(name, node_json(g, n))),
        Thing::Value { graph, value } => meta
            .graphs
            .get(graph)
            .and_then(|g| Some((g, g.values.get(value.index())?)))
            .map(|(g, v)| json_document(name, value_json(g, v))),
        Thing::Variable(id) => model
            .variables
            .get(id.0 as usize)
            .map(|v| {
                json!({
                    "name": &*v.name, "key": &*v.key, "dtype": v.dtype.to_string(), "shape": v.shape.to_string(),
                    "shard": v.shard, "offset": v.offset, "bytes": v.bytes,
                    "crc32c": v.crc32c.map(|c| format!("{c:08x}")),
                    "trainable": v.trainable, "role": format!("{:?}", v.role).to_lowercase(),
                    "owners": v.owners.iter().map(|o| &**o).collect::<Vec<_>>(),
                    "slices": v.slices.iter().map(|s| format!("{:?}", s.extents)).collect::<Vec<_>>(),
                })
            })
            .map(|json| json_document(name, json)),
        Thing::Signature(at) => meta
            .signatures
            .get(at)
            .map(|s| json_document(name, signature_json(meta, s))),
        Thing::Graph(at) => meta.graphs.get(at).map(|g| json_document(name, graph_json(g))),
        Thing::Metadata(at) => model.metadata.get(at).map(|m| match &m.decoded {
            Some(words) => plain(&m.name, words.clone()),
            None => plain(&m.name, hex(&m.data)),
        }),
        Thing::Attachment(at) => model.attachments.get(at).map(|a| match std::str::from_utf8(&a.data) {
            Ok(words) => plain(&a.name, words.to_owned()),
            Err(_) => plain(&a.name, hex(&a.data)),
        }),
    };
    found.unwrap_or_else(nothing)
}

fn plain(name: &str, text: String) -> Document {
    Document {
        title: name.to_owned(),
        is_json: text.trim_start().starts_with(['{', '[']),
        text,
    }
}

/// The first bytes of what is no text.
fn hex(data: &[u8]) -> String {
    const SHOWN: usize = 4096;
    let mut text = String::new();
    for (at, row) in data[..data.len().min(SHOWN)].chunks(16).enumerate() {
        let bytes: Vec<_> = row.iter().map(|b| format!("{b:02x}")).collect();
        let letters: String = row
            .iter()
            .map(|&b| {
                if b.is_ascii_graphic() {
                    b as char
                } else {
                    '·'
                }
            })
            .collect();
        text += &format!("{:08x}  {:<47}  {letters}\n", at * 16, bytes.join(" "));
    }
    if data.len() > SHOWN {
        text += &format!("… {} more bytes\n", data.len() - SHOWN);
    }
    text
}

fn typed(value: &Value) -> String {
    describe::value_type(value)
}

fn quantization_json(q: &Quantization) -> Json {
    const SHOWN: usize = 64;
    let scales: Vec<f32> = q.scale.iter().copied().take(SHOWN).collect();
    let zeros: Vec<i64> = q.zero_point.iter().copied().take(SHOWN).collect();
    json!({ "scale": scales, "zero_point": zeros, "axis": q.dimension, "scales": q.scale.len() })
}

fn value_json(graph: &Graph, value: &Value) -> Json {
    let mut map = Map::new();
    map.insert("name".into(), json!(&*value.name));
    map.insert("type".into(), json!(typed(value)));
    if let Some((maker, slot)) = value.producer {
        map.insert(
            "made_by".into(),
            json!(format!("{}:{slot}", graph.node(maker).name)),
        );
    }
    if let Some(data) = &value.data {
        map.insert("stored_bytes".into(), json!(data.stored_bytes()));
    }
    if value.buffer > 0 {
        map.insert("buffer".into(), json!(value.buffer));
    }
    if let Some(q) = value.quantization.as_ref().filter(|q| q.is_active()) {
        map.insert("quantization".into(), quantization_json(q));
    }
    Json::Object(map)
}

fn node_json(graph: &Graph, node: &Node) -> Json {
    let mut map = Map::new();
    map.insert("name".into(), json!(&*node.name));
    map.insert("op".into(), json!(node.op_label()));
    if node.version > 0 {
        map.insert("version".into(), json!(node.version));
    }
    if !node.device.is_empty() {
        map.insert("device".into(), json!(&*node.device));
    }
    let inputs: Vec<Json> = node
        .inputs
        .iter()
        .map(|v| match v.map(|v| graph.value(v)) {
            Some(v) => json!(format!("{}  {}", v.name, typed(v))),
            None => Json::Null,
        })
        .collect();
    map.insert("inputs".into(), json!(inputs));
    let outputs: Vec<_> = node
        .outputs
        .iter()
        .map(|&v| graph.value(v))
        .map(|v| format!("{}  {}", v.name, typed(v)))
        .collect();
    map.insert("outputs".into(), json!(outputs));
    if !node.control.is_empty() {
        let after: Vec<_> = node.control.iter().map(|&c| &*graph.node(c).name).collect();
        map.insert("after".into(), json!(after));
    }
    let attrs: Map<String, Json> = node
        .attrs
        .iter()
        .map(|(name, value)| (name.to_owned(), json!(describe::attr(value))))
        .collect();
    if !attrs.is_empty() {
        map.insert("attributes".into(), Json::Object(attrs));
    }
    Json::Object(map)
}

fn graph_json(graph: &Graph) -> Json {
    let ends = |values: &[Option<crate::model::ValueId>]| -> Vec<String> {
        let known = values.iter().flatten().map(|&v| graph.value(v));
        known.map(|v| format!("{}  {}", v.name, typed(v))).collect()
    };
    let nodes: Vec<Json> = graph
        .nodes
        .iter()
        .take(MOST_NODES)
        .map(|n| node_json(graph, n))
        .collect();
    json!({
        "name": &*graph.name,
        "operators": graph.nodes.len(),
        "inputs": ends(&graph.inputs),
        "outputs": ends(&graph.outputs),
        "nodes": nodes,
    })
}

fn port_json(port: &Port) -> Json {
    let mut map = Map::new();
    map.insert(
        "type".into(),
        json!(format!("{} {}", port.dtype, port.shape)),
    );
    if let Some(tensor) = &port.tensor {
        map.insert("tensor".into(), json!(&**tensor));
    }
    if let Some(q) = port.quantization.as_ref().filter(|q| q.is_active()) {
        map.insert("quantization".into(), quantization_json(q));
    }
    Json::Object(map)
}

fn signature_json(meta: &MetaGraph, signature: &Signature) -> Json {
    let ports = |list: &[Port]| -> Map<String, Json> {
        list.iter()
            .map(|p| (p.name.to_string(), port_json(p)))
            .collect()
    };
    json!({
        "method": &*signature.method,
        "graph": meta.graphs.get(signature.graph).map(|g| &*g.name),
        "inputs": ports(&signature.inputs),
        "outputs": ports(&signature.outputs),
    })
}

fn signatures_json(meta: &MetaGraph) -> Json {
    let all = meta.signatures.iter();
    Json::Object(
        all.map(|s| (s.key.to_string(), signature_json(meta, s)))
            .collect(),
    )
}

fn model_json(model: &Model) -> Json {
    let files: Map<String, Json> = model
        .files
        .iter()
        .map(|f| (f.path.clone(), json!(f.bytes)))
        .collect();
    let meta: Vec<Json> = model
        .meta_graphs
        .iter()
        .map(|m| {
            json!({
                "tags": m.tags, "tensorflow": m.tensorflow_version, "producer": m.producer,
                "signatures": m.signatures.iter().map(|s| &*s.key).collect::<Vec<_>>(),
                "graphs": m.graphs.len(), "objects": m.objects.nodes.len(),
            })
        })
        .collect();
    json!({
        "name": model.name,
        "path": model.path,
        "files": files,
        "versions": model.versions,
        "meta_graphs": meta,
        "variables": model.variables.len(),
        "warnings": model.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

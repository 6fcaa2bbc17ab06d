//! Things of a model written as JSON, as protobuf text, or as the text they are.

use serde_json::{Map, Value as Json, json};

use crate::format::saved_model::source::{Part, text_of};
use crate::format::saved_model::text::Limits;
use crate::model::{Details, Graph, MetaGraph, Model, Node, Port, Quantization, Signature, Value};
use crate::report::facts;
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

/// How it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// In the words of this program, with types and shapes worked out.
    Json,
    /// The message of the file, as protobuf prints it.
    Protobuf,
}

impl Form {
    pub fn other(self) -> Form {
        match self {
            Form::Json => Form::Protobuf,
            Form::Protobuf => Form::Json,
        }
    }
}

/// A language that is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    Plain,
    Json,
    Protobuf,
}

/// A text with what it is.
pub struct Document {
    pub title: String,
    pub text: String,
    pub syntax: Syntax,
}

/// Graphs with more operators are cut; the tree shows all of them.
const MOST_NODES: usize = 20_000;

/// What has no form of its own in the file is written as JSON.
pub fn of(model: &Model, focus: &Focus, kind: Kind, form: Form) -> Document {
    let name = || focus.name(model).unwrap_or_default();
    if form == Form::Protobuf
        && let Some(document) = protobuf(model, focus, kind, &name())
    {
        return document;
    }
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

/// Whether the model is of a file that protobuf text can be made of.
pub fn has_protobuf(model: &Model) -> bool {
    matches!(&model.details, Details::SavedModel(details) if !details.graph.is_empty())
}

/// Whether what is shown is a message of that file: stored values and files beside it are not.
pub fn has_message(focus: &Focus, kind: Kind) -> bool {
    let beside = matches!(
        focus.thing,
        Thing::Variable(_) | Thing::Metadata(_) | Thing::Attachment(_)
    );
    kind != Kind::Thing || !beside
}

fn protobuf(model: &Model, focus: &Focus, kind: Kind, name: &str) -> Option<Document> {
    let meta = focus.meta(model)?;
    let at = focus.meta;
    let signature = |index: usize| {
        meta.signatures
            .get(index)
            .map(|s| Part::Signature(at, &s.key))
    };
    let part = match (kind, focus.thing) {
        (Kind::Thing, Thing::Node { graph, node }) => Part::Node(at, graph, node),
        (Kind::Thing, Thing::Value { graph, value }) => {
            let value = meta.graphs.get(graph)?.values.get(value.index())?;
            Part::Node(at, graph, value.producer?.0)
        }
        (Kind::Thing, Thing::Signature(index)) => signature(index)?,
        (Kind::Thing, Thing::Graph(graph)) => Part::Graph(at, graph),
        (Kind::Thing, Thing::Nothing) | (Kind::Signatures, _) => {
            return Some(all_signatures(model, meta, at));
        }
        (Kind::Thing, _) => return None,
        (
            Kind::Graph,
            Thing::Node { graph, .. } | Thing::Value { graph, .. } | Thing::Graph(graph),
        ) => Part::Graph(at, graph),
        (Kind::Graph, _) => Part::Graph(at, 0),
        (Kind::Model, _) => Part::MetaGraph(at),
    };
    let name = match part {
        Part::Graph(_, 0) => "graph",
        Part::MetaGraph(_) => &model.name,
        _ => name,
    };
    let title = format!("{name}  {}", part.message());
    match text_of(model, part, Limits::SCREEN) {
        Ok(text) => text.map(|text| protobuf_document(title, text)),
        Err(error) => Some(Document {
            title,
            text: error.to_string(),
            syntax: Syntax::Plain,
        }),
    }
}

fn protobuf_document(title: String, text: String) -> Document {
    Document {
        title,
        text,
        syntax: Syntax::Protobuf,
    }
}

/// Every SignatureDef behind a comment with its key.
fn all_signatures(model: &Model, meta: &MetaGraph, at: usize) -> Document {
    let mut text = String::new();
    for signature in &meta.signatures {
        let part = Part::Signature(at, &signature.key);
        if let Ok(Some(one)) = text_of(model, part, Limits::SCREEN) {
            text += &format!("# {}\n{one}\n", signature.key);
        }
    }
    if text.is_empty() {
        text = "# no signatures\n".to_owned();
    }
    protobuf_document("signatures  SignatureDef".to_owned(), text)
}

fn nothing() -> Document {
    Document {
        title: "nothing chosen".to_owned(),
        text: "Choose something in Tree, Graph or Tensors.".to_owned(),
        syntax: Syntax::Plain,
    }
}

fn json_document(title: &str, json: Json) -> Document {
    Document {
        title: title.to_owned(),
        // Writing a value that is in memory can't fail.
        text: serde_json::to_string_pretty(&json).unwrap_or_default(),
        syntax: Syntax::Json,
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
        syntax: match text.trim_start().starts_with(['{', '[']) {
            true => Syntax::Json,
            false => Syntax::Plain,
        },
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
    if value.data.is_some() {
        map.insert("stored_bytes".into(), json!(value.stored_bytes()));
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
        "fingerprint": match &model.details {
            Details::SavedModel(details) => details.fingerprint.as_ref().map(facts::fingerprint),
            Details::Tflite(_) => None,
        },
        "warnings": model.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

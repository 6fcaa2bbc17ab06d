//! `show --json`: everything that is in a file, in the words that scripts rely on.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::{objects, structure};
use crate::analysis::{self, Usage, all_op_counts, op_counts};
use crate::model::{
    Attachment, Details, Fingerprint, Graph, GraphKind, MetaGraph, Model, Name, Port, Quantization,
    QuantizationDetails, SavedModelDetails, Shape, TensorData, TfliteDetails, Value, ValueId,
};
use crate::sort;

/// One object that describes the model.
pub fn json(model: &Model) -> Json {
    // Half of the work, beside the other half.
    let (usage, facts) = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        let usage = thread.spawn_scoped(scope, || Usage::of(model));
        let facts = described(model);
        let usage = match usage.map(|usage| usage.join()) {
            Ok(Ok(usage)) => usage,
            Ok(Err(fault)) => std::panic::resume_unwind(fault),
            // No thread to be had.
            Err(_) => Usage::of(model),
        };
        (usage, facts)
    });
    judged(model, &usage, facts)
}

/// As much as the main thread has; functions are inlined by recursion.
const STACK: usize = 8 << 20;

/// What the file has, and what a call costs.
fn described(model: &Model) -> Map<String, Json> {
    let mut facts = match &model.details {
        Details::SavedModel(details) => saved_model(model, details),
        Details::Tflite(details) => tflite(model, details),
    };
    let warnings: Vec<String> = model.warnings.iter().map(ToString::to_string).collect();
    let files: Vec<Json> = model
        .files
        .iter()
        .map(|f| json!({ "file": f.path, "bytes": f.bytes }))
        .collect();
    facts.insert("name".into(), json!(model.name));
    facts.insert("path".into(), json!(model.path.to_string_lossy()));
    facts.insert("version".into(), json!(model.version));
    facts.insert("files".into(), files.into());
    facts.insert("warnings".into(), json!(warnings));
    let cost = super::cost(model);
    facts.insert("macs".into(), json!(cost.as_ref().map(|c| c.macs)));
    let by_op: Option<BTreeMap<&str, u64>> = cost
        .as_ref()
        .map(|c| c.by_op.iter().map(|(op, n)| (&**op, *n)).collect());
    facts.insert("macs_by_op".into(), json!(by_op));
    facts
}

/// What follows from how tensors are used.
fn judged(model: &Model, usage: &Usage, mut facts: Map<String, Json>) -> Json {
    let parameters = analysis::parameters(model, usage);
    facts.insert("parameters".into(), json!(parameters));
    let rows = analysis::tensors(model);
    facts.insert("bytes_by_dtype".into(), json!(analysis::by_dtype(&rows)));
    facts.insert("bytes_by_scope".into(), json!(analysis::by_scope(&rows)));
    let by_operator = analysis::by_operator(&rows, usage);
    facts.insert("bytes_by_operator".into(), json!(by_operator));
    facts.insert("health".into(), json!(analysis::health(model, usage)));
    Json::Object(facts)
}

/// An object of parts as they are: `json!` copies each, at every depth again.
fn members<const N: usize>(members: [(&str, Json); N]) -> Map<String, Json> {
    let named = members.into_iter();
    named.map(|(name, json)| (name.to_owned(), json)).collect()
}

/// A list with -1 for an unknown size, `null` for an unknown rank.
pub(super) fn shape(shape: &Shape) -> Json {
    json!(shape.dims())
}

fn counts(counts: &BTreeMap<Name, usize>) -> Json {
    let map: Map<String, Json> = counts
        .iter()
        .map(|(name, n)| (name.to_string(), json!(n)))
        .collect();
    Json::Object(map)
}

fn port_dtype(port: &Port) -> String {
    match port.reference {
        true => format!("{}_ref", port.dtype),
        false => port.dtype.to_string(),
    }
}

fn saved_model(model: &Model, details: &SavedModelDetails) -> Map<String, Json> {
    let variables = entries(model);
    let assets: Vec<Json> = model
        .attachments
        .iter()
        .filter(|a| !a.name.starts_with(Attachment::EXTRA))
        .map(|a| json!({ "file": a.name, "bytes": a.bytes }))
        .collect();
    let meta_graphs: Vec<Json> = model
        .meta_graphs
        .iter()
        .map(|m| meta_graph(model, m))
        .collect();
    let metadata: Vec<Json> = model
        .metadata
        .iter()
        .map(|m| json!({ "name": m.name, "bytes": m.data.len() }))
        .collect();
    let extra: Vec<Json> = model
        .attachments
        .iter()
        .filter(|a| a.name.starts_with(Attachment::EXTRA))
        .map(|a| json!({ "file": a.name, "bytes": a.bytes }))
        .collect();
    let fingerprint = details.fingerprint.as_ref().map(fingerprint);
    members([
        ("format", json!("saved_model")),
        ("schema_version", json!(details.schema_version)),
        ("meta_graphs", meta_graphs.into()),
        ("shards", json!(details.shard_count)),
        ("variables", variables.into()),
        ("asset_files", assets.into()),
        ("extra_files", extra.into()),
        ("metadata", metadata.into()),
        ("fingerprint", fingerprint.into()),
    ])
}

/// The entries of the bundle's index in the order of their keys. A partitioned tensor has no bytes of its own: each of
/// its slices is an entry too, under a key that is no text.
fn entries(model: &Model) -> Vec<Json> {
    let mut entries: Vec<(&[u8], Json)> = Vec::with_capacity(model.variables.len());
    for v in &model.variables {
        let mut entry = json!({
            "name": &*v.key, "dtype": v.dtype.to_string(), "shape": shape(&v.shape),
            "shard": v.shard, "offset": v.offset, "bytes": v.bytes,
        });
        if !v.slices.is_empty() {
            entry["bytes"] = json!(0);
            entry["slices"] = json!(v.slices.len());
        }
        entries.push((v.key.as_bytes(), entry));
        entries.extend(v.slices.iter().map(|slice| {
            let sizes: Vec<u64> = slice.extents.iter().map(|e| e.1).collect();
            let starts: Vec<u64> = slice.extents.iter().map(|e| e.0).collect();
            let entry = json!({
                "name": String::from_utf8_lossy(&slice.key), "dtype": v.dtype.to_string(), "shape": sizes,
                "shard": slice.shard, "offset": slice.offset, "bytes": slice.bytes,
                "slice_of": &*v.key, "starts": starts,
            });
            (&slice.key[..], entry)
        }));
    }
    sort::by_key(&mut entries, |(key, _)| *key);
    entries.into_iter().map(|(_, entry)| entry).collect()
}

/// Hashes as decimal text: most numbers of JSON readers end at 2^53.
pub fn fingerprint(of: &Fingerprint) -> Json {
    json!({
        "saved_model_checksum": of.checksum.to_string(),
        "graph_def_program_hash": of.graph_hash.to_string(),
        "signature_def_hash": of.signature_hash.to_string(),
        "saved_object_graph_hash": of.object_hash.to_string(),
        "checkpoint_hash": of.checkpoint_hash.to_string(),
        "uuid": of.uuid,
    })
}

fn object(value: Json) -> Map<String, Json> {
    match value {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}

fn meta_graph(model: &Model, meta_graph: &MetaGraph) -> Json {
    let functions = || {
        meta_graph
            .graphs
            .iter()
            .filter(|g| g.kind == GraphKind::Function)
    };
    let graph_nodes: usize = meta_graph
        .graphs
        .iter()
        .filter(|g| g.kind == GraphKind::Main)
        .map(|g| g.nodes.len())
        .sum();
    let mut signatures: Vec<_> = meta_graph
        .signatures
        .iter()
        .filter(|s| !s.implied)
        .collect();
    sort::by(&mut signatures, |a, b| a.key.cmp(&b.key));
    let signatures: Vec<Json> = initializer(meta_graph)
        .into_iter()
        .chain(signatures.into_iter().map(|s| {
            json!({
                "key": &*s.key, "method": &*s.method,
                "inputs": ports(&s.inputs), "outputs": ports(&s.outputs),
            })
        }))
        .collect();
    let assets: Vec<Json> = meta_graph
        .assets
        .iter()
        .filter(|a| !a.from_collection)
        .map(|a| json!({ "file": a.file, "tensor": a.tensor }))
        .collect();
    let function_nodes: usize = functions().map(|g| g.nodes.len()).sum();
    Json::Object(members([
        ("tags", json!(meta_graph.tags)),
        ("tensorflow_version", json!(meta_graph.tensorflow_version)),
        ("producer", json!(meta_graph.producer)),
        ("graph_nodes", json!(graph_nodes)),
        ("functions", json!(functions().count())),
        ("function_nodes", json!(function_nodes)),
        ("ops", counts(&all_op_counts(meta_graph).total())),
        ("object_nodes", json!(meta_graph.objects.nodes.len())),
        ("objects", objects::list(model, meta_graph).into()),
        (
            "concrete_functions",
            objects::concrete_functions(meta_graph).into(),
        ),
        ("signatures", signatures.into()),
        ("assets", assets.into()),
    ]))
}

/// The signature that TensorFlow 2 makes for its initializer; files without an object graph name it in a collection only.
fn initializer(meta_graph: &MetaGraph) -> Option<Json> {
    const KEY: &str = "__saved_model_init_op";
    let node = meta_graph
        .graphs
        .first()?
        .nodes
        .get(meta_graph.init?.index())?;
    (!meta_graph.objects.nodes.is_empty()).then(|| {
        json!({
            "key": KEY, "method": "", "inputs": [],
            "outputs": [{ "name": KEY, "tensor": &*node.name, "dtype": "invalid", "shape": null }],
        })
    })
}

/// Ports of a SavedModel's signature by name.
pub(super) fn ports(ports: &[Port]) -> Vec<Json> {
    let mut sorted: Vec<&Port> = ports.iter().collect();
    sort::by(&mut sorted, |a, b| a.name.cmp(&b.name));
    sorted
        .into_iter()
        .map(|p| {
            let sizes = match p.shape_absent {
                true => json!([]),
                false => shape(&p.shape),
            };
            let mut json = json!({
                "name": &*p.name, "tensor": p.tensor.as_deref(), "dtype": port_dtype(p), "shape": sizes,
            });
            if p.default.is_some() {
                json["default"] = json!(p.default_literal());
            }
            json
        })
        .collect()
}

fn tflite(model: &Model, details: &TfliteDetails) -> Map<String, Json> {
    let codes: Vec<Json> = details
        .operator_codes
        .iter()
        .map(|c| json!({ "op": &*c.op, "custom": c.custom_op(), "version": c.version }))
        .collect();
    let metadata: Vec<Json> = model
        .metadata
        .iter()
        .map(|m| json!({ "name": m.name, "bytes": m.data.len() }))
        .collect();
    let packed: Vec<Json> = model
        .attachments
        .iter()
        .map(|a| json!({ "name": a.name, "bytes": a.bytes }))
        .collect();
    let sizes = |all: &[bytes::Bytes]| all.iter().map(bytes::Bytes::len).collect::<Vec<_>>();
    let files = details.external_files.iter();
    let files: Vec<Json> = files
        .map(|f| json!({ "file": f.name, "bytes": f.data.as_ref().map(bytes::Bytes::len) }))
        .collect();
    let external = details.external_buffers.iter();
    let external: Vec<Json> = external
        .map(|b| {
            json!({
                "id": b.id, "group": b.group, "offset": b.offset, "length": b.length, "packing": b.packing,
            })
        })
        .collect();
    let meta_graphs = || model.meta_graphs.iter();
    let (mut ops, mut custom) = (BTreeMap::new(), BTreeMap::new());
    for found in meta_graphs().map(all_op_counts) {
        ops.extend(found.graph);
        custom.extend(found.custom);
    }
    let subgraphs: Vec<Json> = meta_graphs()
        .flat_map(|m| &m.graphs)
        .map(subgraph)
        .collect();
    let signatures: Vec<Json> = meta_graphs().flat_map(tflite_signatures).collect();
    let buffers = json!({
        "count": details.buffers, "non_empty": details.buffers_with_data, "bytes": details.buffer_bytes,
    });
    members([
        ("format", json!("tflite")),
        ("file_bytes", json!(model.total_bytes())),
        ("schema_version", json!(details.schema_version)),
        ("description", json!(details.description)),
        ("min_runtime_version", json!(details.min_runtime_version)),
        ("operator_codes", codes.into()),
        ("ops", counts(&ops)),
        ("custom_ops", counts(&custom)),
        ("buffers", buffers),
        ("metadata", metadata.into()),
        ("packed_files", packed.into()),
        ("subgraphs", subgraphs.into()),
        ("signatures", signatures.into()),
        ("metadata_buffers", json!(sizes(&details.metadata_buffers))),
        ("unused_buffers", json!(sizes(&details.unused_buffers))),
        ("external_files", files.into()),
        ("external_buffers", external.into()),
    ])
}

fn tflite_signatures(meta_graph: &MetaGraph) -> Vec<Json> {
    let ports = |graph: Option<&Graph>, ports: &[Port]| -> Vec<Json> {
        let mut sorted: Vec<&Port> = ports.iter().collect();
        sort::by(&mut sorted, |a, b| a.name.cmp(&b.name));
        let json = |p: &Port| {
            let value = p.value.and_then(|id| graph?.values.get(id.index()));
            let sizes = value.map_or(&p.shape, |v| &v.stored_shape);
            json!({ "name": &*p.name, "dtype": port_dtype(p), "shape": shape(sizes) })
        };
        sorted.into_iter().map(json).collect()
    };
    meta_graph
        .signatures
        .iter()
        .filter(|s| !s.implied)
        .map(|s| {
            let graph = meta_graph.graphs.get(s.graph);
            json!({
                "key": &*s.key, "subgraph": s.graph, "deprecated_tag": s.deprecated_tag.as_deref(),
                "inputs": ports(graph, &s.inputs), "outputs": ports(graph, &s.outputs),
            })
        })
        .collect()
}

fn subgraph(graph: &Graph) -> Json {
    let count = |is: fn(&Value) -> bool| graph.values.iter().filter(|v| is(v)).count();
    let mut dtypes: BTreeMap<Name, usize> = BTreeMap::new();
    for value in &graph.values {
        *dtypes.entry(value.dtype.to_string().into()).or_default() += 1;
    }
    let ends = |ids: &[Option<ValueId>]| -> Vec<Json> {
        ids.iter()
            .map(|id| {
                id.and_then(|id| graph.values.get(id.index()))
                    .map_or(Json::Null, end)
            })
            .collect()
    };
    Json::Object(members([
        ("name", json!(&*graph.name)),
        ("operators", json!(graph.nodes.len())),
        ("tensors", json!(graph.values.len())),
        ("constants", json!(count(stored))),
        ("sparse_tensors", json!(count(|v| v.sparsity().is_some()))),
        ("variable_tensors", json!(count(|v| v.is_variable))),
        ("ops", counts(&op_counts(graph))),
        ("dtypes", counts(&dtypes)),
        ("inputs", ends(&graph.inputs).into()),
        ("outputs", ends(&graph.outputs).into()),
        (
            "debug_metadata_index",
            json!(graph.attrs.int("debug_metadata_index")),
        ),
        ("tensor_table", structure::tensors(graph).into()),
        ("operator_table", structure::operators(graph).into()),
    ]))
}

/// Whether the file holds something: the reader also gives values to constants of no elements, which need none.
fn stored(value: &Value) -> bool {
    match &value.data {
        Some(TensorData::Bytes { bytes, .. } | TensorData::Repeated(bytes)) => !bytes.is_empty(),
        // No strings at all still take a count.
        Some(TensorData::Strings(_) | TensorData::Packed(_)) => value.buffer != 0,
        Some(TensorData::Parts(_) | TensorData::Sparse(_) | TensorData::Missing(_)) => true,
        None => false,
    }
}

/// An input or output of a subgraph.
fn end(value: &Value) -> Json {
    let mut json = object(json!({
        "name": &*value.name, "dtype": value.dtype.to_string(),
        "shape": shape(&value.stored_shape), "shape_signature": shape(&value.shape),
    }));
    if let Some(q) = value.quantization.as_deref().and_then(quantization) {
        json.insert("quantization".into(), q);
    }
    Json::Object(json)
}

/// Only where there are scales or zero points, or a blockwise scheme.
fn quantization(q: &Quantization) -> Option<Json> {
    let blockwise = matches!(q.details, QuantizationDetails::Blockwise { .. });
    if q.scale.is_empty() && q.zero_point.is_empty() && !blockwise {
        return None;
    }
    let mut json = object(json!({ "scales": q.scale.len(), "zero_points": q.zero_point.len() }));
    if let [scale] = q.scale[..] {
        json.insert("scale".into(), json!(scale));
    }
    if let [zero_point] = q.zero_point[..] {
        json.insert("zero_point".into(), json!(zero_point));
    }
    if q.scale.len() > 1 {
        json.insert("dimension".into(), json!(q.dimension));
    }
    if blockwise {
        json.insert("blockwise".into(), json!(true));
    }
    Some(Json::Object(json))
}

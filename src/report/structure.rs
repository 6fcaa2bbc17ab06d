//! The tensors and operators of a subgraph as the `.tflite` has them, field by field; what is absent is left out.

use serde_json::{Map, Value as Json, json};

use super::facts::shape;
use crate::model::{
    Attr, Attrs, Graph, Node, Quantization, QuantizationDetails, SparseIndices, Sparsity, Value,
    ValueId,
};

/// Bytes of an attribute that are shown; its length always is.
const SHOWN_BYTES: usize = 64;

/// All tensors of a subgraph by number.
pub fn tensors(graph: &Graph) -> Vec<Json> {
    graph.values.iter().map(tensor).collect()
}

/// All operators of a subgraph in file order.
pub fn operators(graph: &Graph) -> Vec<Json> {
    graph.nodes.iter().map(operator).collect()
}

/// Sets `name` where there is something to say.
fn add<T: Into<Json>>(map: &mut Map<String, Json>, name: &str, value: Option<T>) {
    if let Some(value) = value {
        map.insert(name.to_owned(), value.into());
    }
}

fn tensor(value: &Value) -> Json {
    let mut map = Map::new();
    add(&mut map, "name", Some(&*value.name));
    add(&mut map, "dtype", Some(value.dtype.to_string()));
    add(&mut map, "shape", Some(shape(&value.stored_shape)));
    let signature = (value.shape != value.stored_shape).then(|| shape(&value.shape));
    add(&mut map, "shape_signature", signature);
    add(
        &mut map,
        "buffer",
        (value.buffer != 0).then_some(value.buffer),
    );
    let external = (value.external_buffer != 0).then_some(value.external_buffer);
    add(&mut map, "external_buffer", external);
    let bytes = value.data.as_ref().map(|_| value.stored_bytes());
    add(&mut map, "bytes", bytes);
    add(&mut map, "is_variable", value.is_variable.then_some(true));
    let scheme = value.quantization.as_deref().map(quantization);
    add(&mut map, "quantization", scheme);
    add(&mut map, "sparsity", value.sparsity().map(sparsity));
    let variants = value.variant_tensors.iter();
    let variants: Vec<Json> = variants
        .map(|v| json!({ "dtype": v.dtype.to_string(), "shape": shape(&v.shape) }))
        .collect();
    let variants = (!variants.is_empty()).then_some(variants);
    add(&mut map, "variant_tensors", variants);
    Json::Object(map)
}

fn number(value: Option<ValueId>) -> Json {
    json!(value.map(|v| v.0))
}

fn filled<T: serde::Serialize>(list: &[T]) -> Option<Json> {
    (!list.is_empty()).then(|| json!(list))
}

/// Every field of QuantizationParameters; numbers are those of tensors of the same subgraph where they name one.
pub fn quantization(q: &Quantization) -> Json {
    let mut map = Map::new();
    add(&mut map, "scale", filled(&q.scale));
    add(&mut map, "zero_point", filled(&q.zero_point));
    add(&mut map, "min", filled(&q.min));
    add(&mut map, "max", filled(&q.max));
    let dimension = (q.dimension != 0 || q.scale.len() > 1).then_some(q.dimension);
    add(&mut map, "quantized_dimension", dimension);
    let details = match &q.details {
        QuantizationDetails::None => None,
        QuantizationDetails::Custom(bytes) => Some(json!({ "custom": hex(bytes) })),
        QuantizationDetails::Blockwise {
            scales,
            zero_points,
            block_size,
            block_shape,
        } => Some(json!({ "blockwise": {
            "scales": number(*scales), "zero_points": number(*zero_points),
            "block_size": block_size, "block_shape": block_shape,
        } })),
        QuantizationDetails::MultiAxis {
            scales,
            zero_points,
            block_size,
            dimensions,
        } => Some(json!({ "multi_axis": {
            "scales": number(*scales), "zero_points": number(*zero_points),
            "block_size": block_size, "quantized_dimensions": dimensions,
        } })),
        QuantizationDetails::Unknown(tag) => Some(json!({ "unknown": tag })),
    };
    add(&mut map, "details", details);
    Json::Object(map)
}

/// The packing of a sparse constant: its levels with the numbers of segments and indices.
pub fn sparsity(sparsity: &Sparsity) -> Json {
    let indices = |found: &Option<SparseIndices>| {
        found.as_ref().map(|all| match all {
            SparseIndices::Int32(all) => json!({ "type": "int32", "count": all.len() }),
            SparseIndices::Uint16(all) => json!({ "type": "uint16", "count": all.len() }),
            SparseIndices::Uint8(all) => json!({ "type": "uint8", "count": all.len() }),
            SparseIndices::Unknown(tag) => json!({ "type": tag }),
        })
    };
    let dims = sparsity.dims.iter();
    let dims: Vec<Json> = dims
        .map(|dim| {
            let mut map = Map::new();
            add(&mut map, "format", Some(dim.format.to_string()));
            add(
                &mut map,
                "dense_size",
                (dim.dense_size != 0).then_some(dim.dense_size),
            );
            add(&mut map, "array_segments", indices(&dim.segments));
            add(&mut map, "array_indices", indices(&dim.indices));
            Json::Object(map)
        })
        .collect();
    json!({
        "traversal_order": sparsity.traversal_order, "block_map": sparsity.block_map, "dim_metadata": dims,
    })
}

fn operator(node: &Node) -> Json {
    let numbers =
        |ids: &[Option<ValueId>]| Json::from(ids.iter().map(|&v| number(v)).collect::<Vec<_>>());
    let mut map = Map::new();
    add(&mut map, "op", Some(&*node.op));
    add(&mut map, "custom", node.custom.as_deref());
    add(&mut map, "version", Some(node.version));
    add(&mut map, "inputs", Some(numbers(&node.inputs)));
    let outputs: Vec<u32> = node.outputs.iter().map(|v| v.0).collect();
    add(&mut map, "outputs", Some(outputs));
    let intermediates = (!node.intermediates.is_empty()).then(|| numbers(&node.intermediates));
    add(&mut map, "intermediates", intermediates);
    let attributes = (!node.attrs.is_empty()).then(|| attributes(&node.attrs));
    add(&mut map, "attributes", attributes);
    Json::Object(map)
}

/// Attributes by name.
pub fn attributes(attrs: &Attrs) -> Json {
    let all = attrs.iter();
    Json::Object(all.map(|(name, v)| (name.to_owned(), attr(v))).collect())
}

fn attr(value: &Attr) -> Json {
    match value {
        Attr::Int(v) => json!(v),
        // Not every float is a JSON number.
        Attr::Float(v) if !v.is_finite() => json!(v.to_string()),
        Attr::Float(v) => json!(v),
        Attr::Bool(v) => json!(v),
        Attr::Bytes(v) => hex(v),
        Attr::Type(v) => json!(v.to_string()),
        Attr::Shape(v) => shape(v),
        Attr::Tensor {
            dtype, shape: of, ..
        } => json!({ "dtype": dtype.to_string(), "shape": shape(of) }),
        Attr::Func { name, attrs } => {
            json!({ "function": &**name, "attributes": attributes(attrs) })
        }
        Attr::Enum { name, .. } => json!(&**name),
        Attr::List(all) => all.iter().map(attr).collect(),
        Attr::Table { name, attrs } => json!({ "table": &**name, "fields": attributes(attrs) }),
        Attr::Opaque(words) => json!(&**words),
    }
}

/// Text as such, other bytes by their length and the first of them.
fn hex(bytes: &[u8]) -> Json {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains(|c: char| c.is_control()) => json!(text),
        _ => {
            let shown = bytes.iter().take(SHOWN_BYTES);
            let hex: String = shown.map(|b| format!("{b:02x}")).collect();
            json!({ "bytes": bytes.len(), "hex": hex })
        }
    }
}

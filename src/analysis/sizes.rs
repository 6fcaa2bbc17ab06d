//! Where the bytes of a model are.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::usage::Usage;
use crate::error::{Error, Result};
use crate::format::mapped;
use crate::model::{
    DType, Format, Graph, Model, Name, NodeId, Quantization, QuantizationDetails, Shape, Tensor,
    TensorData, Value, ValueId, VariableId, VariableRole,
};
use crate::sort;

/// What bytes belong to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    Variable(VariableId),
    /// A Const node or a constant of a .tflite: indices of the MetaGraph, of its graph, and of the value.
    Constant {
        meta_graph: usize,
        graph: usize,
        value: ValueId,
    },
    /// A file that travels with the model: vocabulary, labels.
    Attachment(String),
    /// Metadata of a .tflite.
    Metadata(String),
    /// A file, or what is left of it when the tensors in it are counted apart: nodes, names, shapes.
    File(String),
}

impl Place {
    /// `variable`, `constant`, `attachment`, `metadata`, `file`.
    pub fn kind(&self) -> &'static str {
        match self {
            Place::Variable(_) => "variable",
            Place::Constant { .. } => "constant",
            Place::Attachment(_) => "attachment",
            Place::Metadata(_) => "metadata",
            Place::File(_) => "file",
        }
    }

    /// The graph that a constant is in; `None` for other places, or where there is no such graph.
    pub fn graph<'m>(&self, model: &'m Model) -> Option<&'m Graph> {
        match self {
            Place::Constant {
                meta_graph, graph, ..
            } => model.meta_graphs.get(*meta_graph)?.graphs.get(*graph),
            _ => None,
        }
    }

    /// The constant itself; `None` as [`Place::graph`].
    pub fn constant<'m>(&self, model: &'m Model) -> Option<&'m Value> {
        match self {
            Place::Constant { value, .. } => self.graph(model)?.values.get(value.index()),
            _ => None,
        }
    }
}

/// A stored tensor: a variable or a constant.
#[derive(Debug, Clone)]
pub struct TensorRow {
    pub name: Name,
    pub dtype: DType,
    pub shape: Shape,
    /// Bytes in the file; 0 where another row already counts them (`shared`).
    pub bytes: u64,
    /// Of [`whole_bytes`], 0 to 1.
    pub share: f64,
    pub place: Place,
    /// The same buffer as a row before.
    pub shared: bool,
    /// `scale 0.0078 zero 3`, `16 scales, axis 0`; `None` for plain values.
    pub quantization: Option<String>,
    pub sparse: bool,
    /// No values of the model: what the saver keeps for itself.
    pub bookkeeping: bool,
}

/// A named part of the model's bytes.
#[derive(Debug, Clone)]
pub struct ByteEntry {
    pub name: Name,
    pub place: Place,
    pub bytes: u64,
    /// Of [`whole_bytes`], 0 to 1.
    pub share: f64,
}

/// Tensors that have something in common.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Group {
    pub name: String,
    pub tensors: usize,
    /// Elements of those with a known shape.
    pub elements: u64,
    pub bytes: u64,
}

/// Bytes of the model's files, with what shards lack that are missing or cut short.
pub fn whole_bytes(model: &Model) -> u64 {
    let mut ends: HashMap<u32, u64> = HashMap::new();
    let mut note = |shard: u32, offset: u64, bytes: u64| {
        let end = ends.entry(shard).or_default();
        *end = (*end).max(offset.saturating_add(bytes));
    };
    for variable in &model.variables {
        if variable.slices.is_empty() {
            note(variable.shard, variable.offset, variable.bytes);
        }
        for slice in &variable.slices {
            note(slice.shard, slice.offset, slice.bytes);
        }
    }
    ends.into_iter()
        .fold(model.total_bytes(), |sum, (shard, end)| {
            let shard = model.shards.get(shard as usize);
            let there = shard.and_then(|s| s.bytes).unwrap_or(0);
            sum.saturating_add(end.saturating_sub(there))
        })
}

/// Every variable and constant, largest first. Optimizer slots and bookkeeping entries of a bundle are in it too.
pub fn tensors(model: &Model) -> Vec<TensorRow> {
    let total = whole_bytes(model).max(1) as f64;
    let of_saver = saver_constants(model);
    let mut rows: Vec<TensorRow> = Vec::new();
    for (index, variable) in model.variables.iter().enumerate() {
        rows.push(TensorRow {
            name: variable.name.clone(),
            dtype: variable.dtype,
            shape: variable.shape.clone(),
            bytes: variable.bytes,
            share: variable.bytes as f64 / total,
            place: Place::Variable(VariableId(index as u32)),
            shared: false,
            quantization: None,
            sparse: false,
            bookkeeping: variable.role == VariableRole::Bookkeeping,
        });
    }
    for (meta_index, meta_graph) in model.meta_graphs.iter().enumerate() {
        // Tensors of a .tflite may share a buffer; number 0 stands for none.
        let mut buffers = HashSet::new();
        for (graph_index, graph) in meta_graph.graphs.iter().enumerate() {
            for id in graph.value_ids() {
                let value = graph.value(id);
                if value.data.is_none() {
                    continue;
                }
                let shared = value.buffer != 0 && !buffers.insert(value.buffer);
                let bytes = if shared {
                    0
                } else {
                    value.stored_bytes() as u64
                };
                let place = Place::Constant {
                    meta_graph: meta_index,
                    graph: graph_index,
                    value: id,
                };
                rows.push(TensorRow {
                    name: value.name.clone(),
                    dtype: value.dtype,
                    shape: value.stored_shape.clone(),
                    bytes,
                    share: bytes as f64 / total,
                    bookkeeping: of_saver.contains(&place),
                    place,
                    shared,
                    quantization: value.quantization.as_deref().and_then(quantization_text),
                    sparse: value.sparsity().is_some(),
                });
            }
        }
    }
    sort::by_key(&mut rows, |x| std::cmp::Reverse(x.bytes));
    rows
}

/// How a tensor is quantized, in a few words.
pub fn quantization_text(quantization: &Quantization) -> Option<String> {
    match &quantization.details {
        QuantizationDetails::Blockwise { block_size, .. } => {
            return Some(format!("blocks of {block_size}"));
        }
        QuantizationDetails::MultiAxis { dimensions, .. } => {
            return Some(format!("scales on axes {dimensions:?}"));
        }
        QuantizationDetails::Custom(bytes) => {
            return Some(format!("custom, {} bytes", bytes.len()));
        }
        QuantizationDetails::Unknown(tag) => return Some(format!("unknown scheme {tag}")),
        QuantizationDetails::None => {}
    }
    if let Some((scale, zero)) = quantization.single() {
        return Some(format!("scale {scale} zero {zero}"));
    }
    match quantization.scale.len() {
        0 => None,
        n => Some(format!("{n} scales, axis {}", quantization.dimension)),
    }
}

/// What is left of a graph's file without the constants in it: nodes, names, shapes, attributes.
const GRAPH: &str = "graph definition";
/// Names and places of the variables, the object graph for restoring them, counters.
const BOOKKEEPING: &str = "checkpoint bookkeeping";

/// Constants below this many bytes are shapes, axes and limits; together they are one part.
const SMALL_CONSTANT: u64 = 64;

/// Constants that only tell the saver what to save: names, slices, the object graph.
fn saver_constants(model: &Model) -> HashSet<Place> {
    let mut found = HashSet::new();
    for (meta_index, meta_graph) in model.meta_graphs.iter().enumerate() {
        for (graph_index, graph) in meta_graph.graphs.iter().enumerate() {
            let mut nodes: Vec<NodeId> = graph
                .node_ids()
                .filter(|id| {
                    matches!(
                        &*graph.node(*id).op,
                        "SaveV2" | "RestoreV2" | "Save" | "Restore"
                    )
                })
                .collect();
            if graph_index == 0 {
                nodes.extend(&meta_graph.saver);
            }
            // The saver takes its constants itself; what it saves comes from variables.
            let inputs = nodes.iter().flat_map(|id| graph.node(*id).inputs.iter());
            let constants = inputs.flatten().filter(|v| graph.value(**v).data.is_some());
            found.extend(constants.map(|&value| Place::Constant {
                meta_graph: meta_index,
                graph: graph_index,
                value,
            }));
        }
    }
    found
}

/// The whole model cut into parts, largest first; the parts add up to [`whole_bytes`].
pub fn where_bytes(model: &Model) -> Vec<ByteEntry> {
    let mut parts: Vec<(Name, Place, u64)> = Vec::new();
    let (mut in_variables, mut in_graph) = (0, 0);
    let mut bookkeeping: Option<(Place, u64)> = None;
    let mut small: Vec<(Name, Place, u64)> = Vec::new();
    for row in tensors(model).into_iter().filter(|row| row.bytes > 0) {
        match row.place {
            Place::Variable(_) => in_variables += row.bytes,
            _ => in_graph += row.bytes,
        }
        if matches!(row.place, Place::Constant { .. }) && row.bytes < SMALL_CONSTANT {
            small.push((row.name, row.place, row.bytes));
        } else if row.bookkeeping {
            let (_, bytes) = bookkeeping.get_or_insert((row.place, 0));
            *bytes += row.bytes;
        } else {
            parts.push((row.name, row.place, row.bytes));
        }
    }
    if small.len() > 1 {
        let bytes = small.iter().map(|(.., bytes)| bytes).sum();
        let name = format!("{} small constants", small.len());
        let place = small.swap_remove(0).1;
        parts.push((name.into(), place, bytes));
    } else {
        parts.append(&mut small);
    }
    let tflite = model.format == Format::Tflite;
    if tflite {
        for metadata in &model.metadata {
            in_graph += metadata.data.len() as u64;
            let place = Place::Metadata(metadata.name.clone());
            parts.push((
                metadata.name.as_str().into(),
                place,
                metadata.data.len() as u64,
            ));
        }
    }
    for file in &model.files {
        let is_shard = file.path.contains("variables.data-");
        let is_graph = tflite || matches!(&*file.path, "saved_model.pb" | "saved_model.pbtxt");
        let apart = match (is_shard, is_graph) {
            (true, _) => &mut in_variables,
            (_, true) => &mut in_graph,
            _ => &mut 0,
        };
        let taken = file.bytes.min(*apart);
        *apart -= taken;
        let place = match file.path.starts_with("assets/") {
            true => Place::Attachment(file.path.clone()),
            false => Place::File(file.path.clone()),
        };
        let left = file.bytes - taken;
        match (&mut bookkeeping, file.path.ends_with("variables.index")) {
            (Some((_, bytes)), true) => *bytes += left,
            _ if is_graph => parts.push((GRAPH.into(), place, left)),
            _ => parts.push((file.path.as_str().into(), place, left)),
        }
    }
    parts.extend(bookkeeping.map(|(place, bytes)| (BOOKKEEPING.into(), place, bytes)));
    let total = whole_bytes(model).max(1) as f64;
    let mut entries: Vec<ByteEntry> = parts
        .into_iter()
        .filter(|(_, _, bytes)| *bytes > 0)
        .map(|(name, place, bytes)| ByteEntry {
            name,
            place,
            bytes,
            share: bytes as f64 / total,
        })
        .collect();
    sort::by_key(&mut entries, |x| std::cmp::Reverse(x.bytes));
    entries
}

fn grouped<'a>(
    rows: impl IntoIterator<Item = &'a TensorRow>,
    name: impl Fn(&TensorRow) -> String,
) -> Vec<Group> {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for row in rows {
        let key = name(row);
        let group = groups.entry(key.clone()).or_insert(Group {
            name: key,
            tensors: 0,
            elements: 0,
            bytes: 0,
        });
        group.tensors += 1;
        group.bytes += row.bytes;
        group.elements = group
            .elements
            .saturating_add(row.shape.elements().unwrap_or(0) as u64);
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    sort::by_key(&mut groups, |x| std::cmp::Reverse(x.bytes));
    groups
}

/// Stored tensors by element type, most bytes first.
pub fn by_dtype(rows: &[TensorRow]) -> Vec<Group> {
    grouped(rows, |row| row.dtype.to_string())
}

/// Stored tensors by the scope they are named under (`block_1/conv`), most bytes first.
pub fn by_scope(rows: &[TensorRow]) -> Vec<Group> {
    grouped(rows, |row| {
        if row.bookkeeping {
            return BOOKKEEPING.to_owned();
        }
        // A fused constant of a .tflite lists all it came from.
        let first = row.name.split(';').next().unwrap_or_default();
        match first.rsplit_once('/') {
            Some((scope, _)) => scope.to_owned(),
            None => first.to_owned(),
        }
    })
}

/// Stored tensors by the operator that takes them, most bytes first; `–` for those that nothing takes.
pub fn by_operator(rows: &[TensorRow], usage: &Usage) -> Vec<Group> {
    grouped(rows, |row| {
        let first = usage.uses(&row.place).first();
        first.map_or("–".to_owned(), |u| u.op.to_string())
    })
}

/// The values at `place`.
///
/// # Errors
/// Damaged or missing data; a place without values.
pub fn read(model: &Model, place: &Place) -> Result<Tensor> {
    let stored = stored(model, place)?;
    let tensor = stored.data.read(stored.dtype, &stored.sizes);
    tensor.map_err(|e| stored.placed(e))
}

/// Values in the file, not yet read.
pub struct Stored<'m> {
    model: &'m Model,
    what: String,
    data: &'m TensorData,
    pub dtype: DType,
    pub sizes: Vec<usize>,
}

/// The values behind a place.
///
/// # Errors
/// It is no variable and no constant, or its sizes are not known.
pub fn stored<'m>(model: &'m Model, place: &Place) -> Result<Stored<'m>> {
    let found = match place {
        Place::Variable(id) => {
            let variable = model.variables.get(id.0 as usize);
            variable.map(|v| {
                let what = format!("variable {:?}", v.name);
                (what, &v.data, v.dtype, &v.shape)
            })
        }
        _ => place.constant(model).and_then(|v| {
            let what = format!("tensor {:?}", v.name);
            Some((what, v.data.as_ref()?, v.dtype, &v.stored_shape))
        }),
    };
    let (what, data, dtype, shape) =
        found.ok_or_else(|| Error::usage("only variables and constants have values"))?;
    let sizes = shape.fixed().ok_or_else(|| {
        let unknown = Error::unreadable(format!("values of shape {shape}"));
        unknown.at(&what).in_file(&model.path)
    })?;
    Ok(Stored {
        model,
        what,
        data,
        dtype,
        sizes,
    })
}

impl Stored<'_> {
    /// Calls `each` with pieces of the values, as [`mapped::pieces`] does.
    ///
    /// # Errors
    /// The values can't be read; what `each` gives.
    pub fn pieces(&self, each: impl FnMut(usize, &Tensor) -> Result<()>) -> Result<()> {
        let read = mapped::pieces(self.data, self.dtype, &self.sizes, each);
        read.map_err(|e| self.placed(e))
    }

    fn placed(&self, error: Error) -> Error {
        error.at(&self.what).in_file(&self.model.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::testing::{main_graph, model, variable};
    use crate::model::{FileEntry, Shard};

    #[test]
    fn shares_are_of_the_whole_model_where_shards_are_missing_or_cut_short() {
        let mut model = model(vec![main_graph()], &[], &[]);
        let values = Tensor::from_values(&[100], &[0f32; 100]);
        model.variables = vec![variable("w", VariableRole::Weight, &values)];
        let mut shard = Shard {
            file: "variables.data-00000-of-00001".into(),
            bytes: None,
            data: None,
        };
        let graph_file = model.files.clone();
        for (there, whole) in [(None, 1400), (Some(100), 1400), (Some(500), 1500)] {
            model.files = graph_file.clone();
            model.files.extend(there.map(|bytes| FileEntry {
                path: format!("variables/{}", shard.file),
                bytes,
            }));
            shard.bytes = there;
            model.shards = vec![shard.clone()];
            assert_eq!(whole_bytes(&model), whole);
            let shares: f64 = where_bytes(&model).iter().map(|e| e.share).sum();
            assert!(shares <= 1.0 + 1e-9 && tensors(&model)[0].share < 1.0);
        }
    }
}

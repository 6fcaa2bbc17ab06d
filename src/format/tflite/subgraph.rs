//! A subgraph of a `.tflite` as a [`Graph`].

use std::collections::HashSet;

use bytes::Bytes;

use super::flat::Table;
use super::generated::tflite as slots;
use super::options;
use super::read::Reader;
use super::schema;
use crate::error::{Error, Result};
use crate::model::{
    Attrs, DType, Dialect, Graph, GraphKind, Name, Node, NodeId, Quantization, QuantizationDetails,
    Shape, SparseDim, Sparsity, TensorData, Value, ValueId,
};

/// Tags of the union QuantizationDetails.
const CUSTOM: u8 = 1;
const BLOCKWISE: u8 = 2;
const MULTI_AXIS: u8 = 3;

/// Attributes that are numbers of subgraphs.
const SUBGRAPH_ATTRS: [&str; 9] = [
    "then_subgraph_index",
    "else_subgraph_index",
    "cond_subgraph_index",
    "body_subgraph_index",
    "init_subgraph_index",
    "decomposition_subgraph_index",
    "comparator_subgraph_index",
    "update_computation_subgraph_index",
    "subgraph",
];

pub(super) fn read(reader: &mut Reader<'_>, table: Table<'_>, subgraphs: usize) -> Result<Graph> {
    let name = table.text(slots::SubGraph::VT_NAME)?.unwrap_or_default();
    let mut graph = Graph::new(name, GraphKind::Subgraph, Dialect::Tflite);
    let tensors = table.tables(slots::SubGraph::VT_TENSORS)?;
    let mut ranks_are_known = false;
    for (index, tensor) in tensors.iter().enumerate() {
        let value = tensor
            .and_then(|tensor| {
                ranks_are_known |= tensor.flag(slots::Tensor::VT_HAS_RANK, false)?;
                read_tensor(reader, tensor, tensors.len())
            })
            .map_err(|e| e.at(format_args!("tensors[{index}]")))?;
        graph.values.push(value);
    }
    let ends = |slot, what: &str| -> Result<Vec<Option<ValueId>>> {
        let indices = table.numbers::<i32>(slot)?.unwrap_or_default();
        indices
            .into_iter()
            .map(|index| optional(index, tensors.len()).map_err(|e| e.at(what)))
            .collect()
    };
    graph.inputs = ends(slots::SubGraph::VT_INPUTS, "inputs")?;
    graph.outputs = ends(slots::SubGraph::VT_OUTPUTS, "outputs")?;
    let mut names = UniqueNames::default();
    let operators = table.tables(slots::SubGraph::VT_OPERATORS)?;
    for (index, operator) in operators.iter().enumerate() {
        let node = operator
            .and_then(|operator| read_operator(reader, operator, index, &graph, &mut names))
            .and_then(|node| check_subgraphs(&node.attrs, subgraphs).map(|()| node))
            .map_err(|e| e.at(format_args!("operators[{index}]")))?;
        add(&mut graph, node, index)?;
    }
    settle(&mut graph, ranks_are_known);
    warn_about_flow(reader, &graph);
    Ok(graph)
}

/// The tensor with this number.
fn tensor(index: i64, tensors: usize) -> Result<ValueId> {
    u32::try_from(index)
        .ok()
        .filter(|&i| (i as usize) < tensors)
        .map(ValueId)
        .ok_or_else(|| Error::unreadable(format!("refers to tensor {index}; there are {tensors}")))
}

/// As [`tensor`]; -1 is none.
fn optional(index: i32, tensors: usize) -> Result<Option<ValueId>> {
    match index {
        -1 => Ok(None),
        index => tensor(index.into(), tensors).map(Some),
    }
}

fn read_tensor(reader: &mut Reader<'_>, table: Table<'_>, tensors: usize) -> Result<Value> {
    let name = table.text(slots::Tensor::VT_NAME)?.unwrap_or_default();
    let dtype = schema::dtype(table.scalar(slots::Tensor::VT_TYPE_, 0i8)?);
    let dims = |slot| -> Result<Option<Vec<i64>>> {
        let dims = table.numbers::<i32>(slot)?;
        Ok(dims.map(|dims| dims.into_iter().map(i64::from).collect()))
    };
    let stored = dims(slots::Tensor::VT_SHAPE)?.unwrap_or_default();
    let signature = dims(slots::Tensor::VT_SHAPE_SIGNATURE)?.filter(|s| !s.is_empty());
    let has_rank = table.flag(slots::Tensor::VT_HAS_RANK, false)?;
    let mut value = Value::new(name, dtype, Shape::UNKNOWN);
    value.stored_shape = Shape(Some(stored.clone()));
    if signature.is_some() || has_rank || !stored.is_empty() {
        value.shape = Shape(Some(signature.unwrap_or(stored)));
    }
    value.is_variable = table.flag(slots::Tensor::VT_IS_VARIABLE, false)?;
    value.buffer = table.scalar(slots::Tensor::VT_BUFFER, 0)?;
    value.quantization = table
        .table(slots::Tensor::VT_QUANTIZATION)?
        .map(|table| read_quantization(table, tensors))
        .transpose()
        .map_err(|e| e.at("quantization"))?;
    value.sparsity = table
        .table(slots::Tensor::VT_SPARSITY)?
        .map(read_sparsity)
        .transpose()
        .map_err(|e| e.at("sparsity"))?;
    let external = table.scalar(slots::Tensor::VT_EXTERNAL_BUFFER, 0u32)?;
    value.data = match (reader.buffer(value.buffer)?, external) {
        (None, 0) => None,
        (None, id) => Some(reader.external(id)),
        (Some(_), id) if id != 0 => Some(Err(Error::unreadable(
            "the tensor has both a buffer and an external buffer",
        ))),
        (Some(bytes), _) => Some(bytes),
    }
    .map(|bytes| constant(reader, &value, bytes));
    if value.data.is_some() && value.shape.0.is_none() {
        value.shape = Shape::scalar();
    }
    if let Some(error) = quantization_error(&value) {
        let place = format!("tensor {:?}", value.name);
        reader.warnings.push(error.at(place));
    }
    Ok(value)
}

/// The values of a constant, checked against its shape; damage makes it missing, with a warning.
fn constant(reader: &mut Reader<'_>, value: &Value, bytes: Result<Bytes>) -> TensorData {
    let checked = bytes.and_then(|bytes| {
        let count = value.stored_shape.elements().ok_or_else(|| {
            Error::unreadable(format!("a constant of shape {}", value.stored_shape))
        })?;
        if value.dtype == DType::String {
            return match reader.strings(value.buffer, &bytes) {
                TensorData::Missing(reason) => Err(Error::unreadable(reason.to_string())),
                TensorData::Strings(strings) if strings.len() < count => {
                    Err(Error::unreadable(format!(
                        "{} strings for the shape {}",
                        strings.len(),
                        value.stored_shape
                    )))
                }
                data => Ok(data),
            };
        }
        // How many values a sparse constant has, its packing says.
        let expected = value.dtype.packed_bytes(count);
        if value.sparsity.is_none() && expected.is_some_and(|n| n != bytes.len()) {
            return Err(Error::unreadable(format!(
                "requires {} bytes, but its buffer has {}",
                expected.unwrap_or(0),
                bytes.len()
            )));
        }
        Ok(TensorData::Bytes {
            bytes,
            packed: value.dtype.bits() < 8,
        })
    });
    checked.unwrap_or_else(|error| {
        let error = error.at(format_args!("tensor {:?}", value.name));
        reader.warnings.push(error.clone());
        TensorData::Missing(error.to_string().into())
    })
}

fn read_quantization(table: Table<'_>, tensors: usize) -> Result<Quantization> {
    use slots::QuantizationParameters as Q;
    let floats = |slot| Ok::<_, Error>(table.numbers::<f32>(slot)?.unwrap_or_default());
    let dimension = table.scalar(Q::VT_QUANTIZED_DIMENSION, 0i32)?;
    Ok(Quantization {
        scale: floats(Q::VT_SCALE)?,
        zero_point: table.numbers(Q::VT_ZERO_POINT)?.unwrap_or_default(),
        dimension: usize::try_from(dimension)
            .map_err(|_| Error::unreadable(format!("quantized_dimension is {dimension}")))?,
        min: floats(Q::VT_MIN)?,
        max: floats(Q::VT_MAX)?,
        details: match table.table(Q::VT_DETAILS)? {
            Some(details) => read_details(table.scalar(Q::VT_DETAILS_TYPE, 0)?, details, tensors)?,
            None => QuantizationDetails::None,
        },
    })
}

fn read_details(tag: u8, table: Table<'_>, tensors: usize) -> Result<QuantizationDetails> {
    use slots::{BlockwiseQuantization as B, CustomQuantization as C, MultiAxisQuantization as M};
    let index = |slot| optional(table.scalar(slot, 0i32)?, tensors);
    // An absent field reads as tensor 0; a writer that means a tensor of zero points names one.
    let named = |slot| match table.has(slot)? {
        true => index(slot),
        false => Ok(None),
    };
    Ok(match tag {
        CUSTOM => QuantizationDetails::Custom(table.numbers(C::VT_CUSTOM)?.unwrap_or_default()),
        BLOCKWISE => QuantizationDetails::Blockwise {
            scales: index(B::VT_SCALES)?,
            zero_points: named(B::VT_ZERO_POINTS)?,
            block_size: table.scalar(B::VT_BLOCK_SIZE, 0)?,
        },
        MULTI_AXIS => QuantizationDetails::MultiAxis {
            scales: index(M::VT_SCALES)?,
            zero_points: named(M::VT_ZERO_POINTS)?,
            block_size: table.scalar(M::VT_BLOCK_SIZE, 0)?,
            dimensions: table
                .numbers(M::VT_QUANTIZED_DIMENSIONS)?
                .unwrap_or_default(),
        },
        _ => QuantizationDetails::None,
    })
}

/// What a runtime would refuse: counts of scales and zero points that do not go with the shape.
fn quantization_error(value: &Value) -> Option<Error> {
    let quantization = value.quantization.as_ref()?;
    let scales = quantization.scale.len();
    if scales == 0 {
        return None;
    }
    if quantization.zero_point.len() != scales {
        return Some(Error::unreadable(format!(
            "{scales} scales and {} zero points",
            quantization.zero_point.len()
        )));
    }
    let dims = value.stored_shape.dims()?;
    // Some converters give a bias the axis of its weights.
    let size = match dims {
        [only] => Some(only),
        dims => dims.get(quantization.dimension),
    };
    if scales > 1 && size != Some(&(scales as i64)) {
        return Some(Error::unreadable(format!(
            "{scales} scales for dimension {} of {}",
            quantization.dimension, value.stored_shape
        )));
    }
    None
}

fn read_sparsity(table: Table<'_>) -> Result<Sparsity> {
    use slots::{DimensionMetadata as D, SparsityParameters as S};
    let mut dims = Vec::new();
    for dim in table.tables(S::VT_DIM_METADATA)?.iter() {
        let dim = dim?;
        dims.push(match dim.scalar(D::VT_FORMAT, 0i8)? {
            0 => SparseDim::Dense(dim.scalar(D::VT_DENSE_SIZE, 0)?),
            _ => SparseDim::Csr {
                segments: indices(dim, D::VT_ARRAY_SEGMENTS_TYPE, D::VT_ARRAY_SEGMENTS)?,
                indices: indices(dim, D::VT_ARRAY_INDICES_TYPE, D::VT_ARRAY_INDICES)?,
            },
        });
    }
    Ok(Sparsity {
        traversal_order: table.numbers(S::VT_TRAVERSAL_ORDER)?.unwrap_or_default(),
        block_map: table.numbers(S::VT_BLOCK_MAP)?.unwrap_or_default(),
        dims,
    })
}

/// A union of vectors of i32, u16 and u8; each has its values in field 0.
fn indices(dim: Table<'_>, tag: u16, slot: u16) -> Result<Vec<i32>> {
    let Some(table) = dim.table(slot)? else {
        return Ok(Vec::new());
    };
    let values = slots::Int32Vector::VT_VALUES;
    Ok(match dim.scalar(tag, 0u8)? {
        1 => table.numbers::<i32>(values)?.unwrap_or_default(),
        2 => widened(table.numbers::<u16>(values)?),
        3 => widened(table.numbers::<u8>(values)?),
        other => {
            return Err(Error::unreadable(format!(
                "sparse indices of the unknown type {other}"
            )));
        }
    })
}

fn widened<T: Into<i32>>(values: Option<Vec<T>>) -> Vec<i32> {
    values
        .unwrap_or_default()
        .into_iter()
        .map(Into::into)
        .collect()
}

fn read_operator(
    reader: &Reader<'_>,
    table: Table<'_>,
    index: usize,
    graph: &Graph,
    names: &mut UniqueNames,
) -> Result<Node> {
    use slots::Operator as O;
    let number = table.scalar(O::VT_OPCODE_INDEX, 0u32)?;
    let code = reader.codes.get(number as usize).ok_or_else(|| {
        Error::unreadable(format!(
            "refers to operator code {number}; there are {}",
            reader.codes.len()
        ))
    })?;
    let tensors = graph.values.len();
    let list = |slot| Ok::<_, Error>(table.numbers::<i32>(slot)?.unwrap_or_default());
    let all = |slot, what: &str| -> Result<Vec<ValueId>> {
        list(slot)?
            .into_iter()
            .map(|i| tensor(i.into(), tensors).map_err(|e| e.at(what)))
            .collect()
    };
    let mut node = Node::new("", code.shown.op.clone());
    node.custom = code.shown.custom.clone();
    node.version = code.shown.version;
    node.inputs = list(O::VT_INPUTS)?
        .into_iter()
        .map(|i| optional(i, tensors).map_err(|e| e.at("inputs")))
        .collect::<Result<_>>()?;
    node.outputs = all(O::VT_OUTPUTS, "outputs")?;
    // -1 stands for a scratch tensor that the operator does not need.
    node.intermediates = list(O::VT_INTERMEDIATES)?
        .into_iter()
        .filter(|&i| i != -1)
        .map(|i| tensor(i.into(), tensors).map_err(|e| e.at("intermediates")))
        .collect::<Result<_>>()?;
    let first = node.outputs.first().map(|&v| graph.value(v).name.clone());
    node.name = names.take(match first {
        Some(name) if !name.is_empty() => name,
        _ => Name::from(format!("{}_{index}", node.op_label())),
    });
    let large = table.scalar(O::VT_LARGE_CUSTOM_OPTIONS_OFFSET, 0u64)?;
    let custom = match table.bytes(O::VT_CUSTOM_OPTIONS)? {
        Some(bytes) => Some(reader.share(bytes)),
        None if large > 1 => {
            let size = table.scalar(O::VT_LARGE_CUSTOM_OPTIONS_SIZE, 0u64)?;
            Some(
                reader
                    .outside(large, size)
                    .map_err(|e| e.at("large_custom_options"))?,
            )
        }
        None => None,
    };
    node.attrs =
        options::read(reader, code.number, table, custom).map_err(|e| e.at(node.op_label()))?;
    Ok(node)
}

/// Subgraphs that an operator names have to exist.
fn check_subgraphs(attrs: &Attrs, subgraphs: usize) -> Result<()> {
    for name in SUBGRAPH_ATTRS {
        let number = attrs.int(name);
        if number.is_some_and(|n| usize::try_from(n).is_ok_and(|n| n >= subgraphs)) {
            return Err(Error::unreadable(format!(
                "{name} is {}; there are {subgraphs} subgraphs",
                number.unwrap_or_default()
            )));
        }
    }
    Ok(())
}

/// Adds a node; a tensor has one source only.
fn add(graph: &mut Graph, node: Node, index: usize) -> Result<()> {
    let id = NodeId(graph.nodes.len() as u32);
    for (slot, &output) in node.outputs.iter().enumerate() {
        let is_input = graph.inputs.contains(&Some(output));
        let value = graph.value_mut(output);
        let what = match (&value.producer, &value.data) {
            _ if is_input => "an input of the subgraph",
            (Some(_), _) => "already written by another operator",
            (_, Some(_)) => "a constant",
            (None, None) => {
                value.producer = Some((id, slot as u32));
                continue;
            }
        };
        return Err(Error::unreadable(format!(
            "Output tensor {} to op {index} ({}) is {what}",
            output.0,
            node.op_label()
        )));
    }
    graph.nodes.push(node);
    Ok(())
}

/// In files that never say whether they know a rank, a tensor without dimensions is a scalar. A tensor without
/// elements that operators use and nothing makes is a constant, too: it needs no bytes.
fn settle(graph: &mut Graph, ranks_are_known: bool) {
    let inputs: HashSet<ValueId> = graph.inputs.iter().flatten().copied().collect();
    let uses = graph.nodes.iter().flat_map(|n| &n.inputs);
    let used: HashSet<ValueId> = uses.chain(&graph.outputs).flatten().copied().collect();
    for id in graph.value_ids() {
        let value = graph.value_mut(id);
        if !ranks_are_known && value.shape.0.is_none() {
            value.shape = Shape::scalar();
        }
        let made = value.producer.is_some() || value.is_variable || inputs.contains(&id);
        if !made
            && used.contains(&id)
            && value.data.is_none()
            && value.stored_shape.elements() == Some(0)
        {
            value.data = Some(match value.dtype {
                DType::String => TensorData::Strings([].into()),
                _ => TensorData::plain(Bytes::new()),
            });
        }
    }
}

/// Inputs that nothing makes before they are used: the model can be shown, and not run.
fn warn_about_flow(reader: &mut Reader<'_>, graph: &Graph) {
    const MOST: usize = 20;
    let mut inputs: HashSet<ValueId> = graph.inputs.iter().flatten().copied().collect();
    inputs.extend(graph.value_ids().filter(|&id| {
        let value = graph.value(id);
        value.is_variable || value.data.is_some()
    }));
    let mut found = 0;
    for (index, node) in graph.nodes.iter().enumerate() {
        for input in node.inputs.iter().flatten() {
            if !inputs.contains(input) && found < MOST {
                found += 1;
                reader.warnings.push(
                    Error::unreadable(format!(
                        "Input tensor {} to op {index} ({}) is not produced",
                        input.0,
                        node.op_label()
                    ))
                    .at(format_args!("subgraph {:?}", graph.name)),
                );
            }
        }
        inputs.extend(node.outputs.iter().chain(&node.intermediates).copied());
    }
}

/// Gives out names that were not given before: `add`, `add#2`, ….
#[derive(Default)]
pub(super) struct UniqueNames {
    given: HashSet<Name>,
    /// How often each name was asked for, so that a thousand equal ones are not a million tries.
    asked: std::collections::HashMap<Name, usize>,
}

impl UniqueNames {
    pub fn take(&mut self, name: Name) -> Name {
        let asked = self.asked.entry(name.clone()).or_default();
        loop {
            *asked += 1;
            let candidate = match *asked {
                1 => name.clone(),
                n => Name::from(format!("{name}#{n}")),
            };
            if self.given.insert(candidate.clone()) {
                return candidate;
            }
        }
    }
}

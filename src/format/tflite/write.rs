//! A [`Model`] as a `.tflite`.

use std::collections::HashMap;

use bytes::Bytes;
use flatbuffers::WIPOffset;

use super::builder::{Builder, Slot};
use super::constants::{Buffers, encode};
use super::generated::tflite as fb;
use super::schema::{self, Operator};
use super::{metadata, options, packed, versions};
use crate::error::{Error, Result};
use crate::model::{
    Details, Dialect, Graph, MetaGraph, Model, Name, Node, NodeId, Port, Quantization,
    QuantizationDetails, Shape, SparseDim, Sparsity, Value, ValueId,
};

const IDENTIFIER: &str = "TFL3";
const SCHEMA_VERSION: u32 = 3;
/// Constants of more bytes than this in all go behind the flatbuffer, whose offsets reach 2 GiB.
const INSIDE_LIMIT: usize = 1_900_000_000;
/// Length of the `min_runtime_version` blob, as the reference writes it.
const RUNTIME_VERSION_BYTES: usize = 16;
/// A note of the reference in files whose constants lie behind the flatbuffer; it does not outlive a rewrite.
const BUFFER_LOCATION: &str = "buffer_location";

/// The bytes of a `.tflite` for a model in the TFLite dialect.
///
/// Constants are aligned to 16 bytes, equal ones are stored once, as are equal vectors and tables. A node's version 0
/// stands for the lowest that fits. The metadata `min_runtime_version` is made from the versions unless the model has
/// one. Implied signatures are not written. Attachments are packed behind the model.
///
/// # Errors
/// A graph in another dialect, an operator or type that TFLite has not, constants without values, cycles.
pub fn write(model: &Model) -> Result<Vec<u8>> {
    write_with(model, INSIDE_LIMIT)
}

/// As [`write`], with constants behind the flatbuffer when they have more bytes than `inside_limit`.
pub(super) fn write_with(model: &Model, inside_limit: usize) -> Result<Vec<u8>> {
    let parts = Parts::collect(model)?;
    let file = if parts.buffers.total() <= inside_limit {
        parts.build(&Place::Inside)?
    } else {
        // Offsets have one width, so the structure is as long with the true ones as with these.
        let zeros = vec![u64::MAX; parts.buffers.all.len()];
        let mut at = parts.build(&Place::Behind(zeros))?.len() as u64;
        let mut offsets = Vec::with_capacity(parts.buffers.all.len());
        for bytes in &parts.buffers.all {
            offsets.push(at);
            at = (at + bytes.len() as u64).next_multiple_of(16);
        }
        let mut file = parts.build(&Place::Behind(offsets))?;
        for bytes in &parts.buffers.all {
            file.resize(file.len().next_multiple_of(16), 0);
            file.extend_from_slice(bytes);
        }
        file
    };
    packed::append(file, &model.attachments)
}

/// Where the bytes of buffers go.
enum Place {
    Inside,
    /// Behind the flatbuffer, at these offsets from the start of the file.
    Behind(Vec<u64>),
}

/// What has to be known before the first byte is written.
struct Parts<'m> {
    description: &'m str,
    meta_graph: &'m MetaGraph,
    /// Nodes of each graph in execution order.
    orders: Vec<Vec<NodeId>>,
    codes: Codes,
    /// Number of each value's buffer, per graph.
    value_buffers: Vec<Vec<u32>>,
    /// Names and buffers of the metadata.
    metadata: Vec<(&'m str, u32)>,
    buffers: Buffers,
}

/// Operator codes in the order of first use.
#[derive(Default)]
struct Codes {
    all: Vec<Code>,
    known: HashMap<(i32, Option<Name>, i32), u32>,
}

struct Code {
    number: i32,
    name: Name,
    custom: Option<Name>,
    version: i32,
}

impl Codes {
    fn add(&mut self, graph: &Graph, node: &Node) -> Result<u32> {
        let number = number(node)?;
        let version = match node.version {
            0 => versions::lowest(graph, node),
            given => given,
        };
        let key = (number, node.custom.clone(), version);
        Ok(*self.known.entry(key).or_insert_with(|| {
            self.all.push(Code {
                number,
                name: node.op.clone(),
                custom: node.custom.clone(),
                version,
            });
            (self.all.len() - 1) as u32
        }))
    }

    fn number(&self, graph: &Graph, node: &Node) -> u32 {
        let version = match node.version {
            0 => versions::lowest(graph, node),
            given => given,
        };
        let key = number(node).map(|number| (number, node.custom.clone(), version));
        key.ok()
            .and_then(|key| self.known.get(&key).copied())
            .unwrap_or(0)
    }
}

/// The operator's number: by name, or the bare number of one without a name.
fn number(node: &Node) -> Result<i32> {
    match Operator::by_name(&node.op) {
        Some(operator) => Ok(operator.number),
        None => node
            .op
            .parse()
            .map_err(|_| Error::unsupported(format!("TFLite has no operator {:?}", node.op))),
    }
}

impl<'m> Parts<'m> {
    fn collect(model: &'m Model) -> Result<Self> {
        let [meta_graph] = &*model.meta_graphs else {
            return Err(Error::unsupported(format!(
                "a .tflite holds one graph with its subgraphs, the model has {}",
                model.meta_graphs.len()
            )));
        };
        let mut parts = Parts {
            description: match &model.details {
                Details::Tflite(details) => &details.description,
                Details::SavedModel(_) => "",
            },
            meta_graph,
            orders: Vec::new(),
            codes: Codes::default(),
            value_buffers: Vec::new(),
            metadata: Vec::new(),
            buffers: Buffers::new(),
        };
        for graph in &meta_graph.graphs {
            parts
                .add_graph(graph)
                .map_err(|e| e.at(format_args!("subgraph {:?}", graph.name)))?;
        }
        parts.add_metadata(model);
        if let Some(lost) = model
            .attachments
            .iter()
            .find(|a| a.bytes != a.data.len() as u64)
        {
            return Err(Error::unsupported(format!(
                "the packed file {:?} could not be unpacked, so it can't be written again",
                lost.name
            )));
        }
        Ok(parts)
    }

    fn add_graph(&mut self, graph: &Graph) -> Result<()> {
        if graph.dialect != Dialect::Tflite {
            return Err(Error::unsupported(
                "the graph has TensorFlow operators; convert it first",
            ));
        }
        let order = graph.topological_order()?;
        for &id in &order {
            let node = graph.node(id);
            self.codes
                .add(graph, node)
                .map_err(|e| e.at(format_args!("node {:?}", node.name)))?;
        }
        self.orders.push(order);
        let mut numbers = Vec::with_capacity(graph.values.len());
        for value in &graph.values {
            let bytes = match &value.data {
                Some(data) => encode(value, data)
                    .map_err(|e| e.at(format_args!("tensor {:?}", value.name)))?,
                None => Bytes::new(),
            };
            numbers.push(self.buffers.add(bytes));
        }
        self.value_buffers.push(numbers);
        Ok(())
    }

    fn add_metadata(&mut self, model: &'m Model) {
        let mut has_version = false;
        for entry in &model.metadata {
            if entry.name == BUFFER_LOCATION {
                continue;
            }
            has_version |= entry.name == metadata::MIN_RUNTIME_VERSION && !entry.data.is_empty();
            let buffer = self.buffers.add(entry.data.clone());
            self.metadata.push((&entry.name, buffer));
        }
        if !has_version {
            let codes = self.codes.all.iter();
            let mut version =
                versions::min_runtime(codes.map(|code| (&*code.name, code.version))).into_bytes();
            version.resize(RUNTIME_VERSION_BYTES, 0);
            let buffer = self.buffers.add(version.into());
            self.metadata.push((metadata::MIN_RUNTIME_VERSION, buffer));
        }
    }

    fn build(&self, place: &Place) -> Result<Vec<u8>> {
        // What is written first stands last in the file: constants, then what describes them.
        let mut out = Builder::default();
        let buffers = self.write_buffers(&mut out, place);
        let mut graphs = Vec::new();
        for number in 0..self.meta_graph.graphs.len() {
            let name = &self.meta_graph.graphs[number].name;
            let graph = self
                .write_graph(&mut out, number)
                .map_err(|e| e.at(format_args!("subgraph {name:?}")))?;
            graphs.push(graph);
        }
        let signatures = self.write_signatures(&mut out)?;
        let codes: Vec<_> = self
            .codes
            .all
            .iter()
            .map(|code| write_code(&mut out, code))
            .collect();
        let metadata: Vec<_> = self
            .metadata
            .iter()
            .map(|&(name, buffer)| {
                let name = Some(out.text(name));
                fb::Metadata::create(&mut out.inner, &fb::MetadataArgs { name, buffer })
            })
            .collect();
        let args = fb::ModelArgs {
            version: SCHEMA_VERSION,
            description: (!self.description.is_empty()).then(|| out.text(self.description)),
            operator_codes: Some(out.tables(&codes)),
            subgraphs: Some(out.tables(&graphs)),
            buffers: Some(buffers),
            metadata: Some(out.tables(&metadata)),
            signature_defs: (!signatures.is_empty()).then(|| out.tables(&signatures)),
            ..Default::default()
        };
        let root = fb::Model::create(&mut out.inner, &args);
        Ok(out.finish(root, IDENTIFIER))
    }

    fn write_buffers(
        &self,
        out: &mut Builder,
        place: &Place,
    ) -> WIPOffset<flatbuffers::Vector<'static, flatbuffers::ForwardsUOffset<fb::Buffer<'static>>>>
    {
        let mut tables = Vec::with_capacity(self.buffers.all.len());
        for (number, bytes) in self.buffers.all.iter().enumerate() {
            let table = match place {
                _ if bytes.is_empty() => out.table("Buffer", Vec::new()),
                Place::Inside => {
                    let data = out.data(bytes).value();
                    out.table("Buffer", vec![(fb::Buffer::VT_DATA, Slot::Offset(data))])
                }
                Place::Behind(offsets) => {
                    let fields = vec![
                        (fb::Buffer::VT_OFFSET, Slot::Long(offsets[number])),
                        (fb::Buffer::VT_SIZE, Slot::Long(bytes.len() as u64)),
                    ];
                    // Equal fields would share a table while the offsets are not known yet.
                    out.lone_table(fields)
                }
            };
            tables.push(WIPOffset::<fb::Buffer<'static>>::new(table.value()));
        }
        out.tables(&tables)
    }

    fn write_graph(
        &self,
        out: &mut Builder,
        number: usize,
    ) -> Result<WIPOffset<fb::SubGraph<'static>>> {
        let graph = &self.meta_graph.graphs[number];
        let mut tensors = Vec::with_capacity(graph.values.len());
        for (value, &buffer) in graph.values.iter().zip(&self.value_buffers[number]) {
            tensors.push(
                write_tensor(out, value, buffer)
                    .map_err(|e| e.at(format_args!("tensor {:?}", value.name)))?,
            );
        }
        let mut operators = Vec::with_capacity(graph.nodes.len());
        for &id in &self.orders[number] {
            let node = graph.node(id);
            let code = self.codes.number(graph, node);
            operators.push(
                write_operator(out, node, code)
                    .map_err(|e| e.at(format_args!("node {:?}", node.name)))?,
            );
        }
        let args = fb::SubGraphArgs {
            tensors: Some(out.tables(&tensors)),
            inputs: Some(out.vector(&indices(&graph.inputs))),
            outputs: Some(out.vector(&indices(&graph.outputs))),
            operators: Some(out.tables(&operators)),
            name: (!graph.name.is_empty()).then(|| out.text(&graph.name)),
            debug_metadata_index: -1,
        };
        Ok(fb::SubGraph::create(&mut out.inner, &args))
    }

    fn write_signatures(
        &self,
        out: &mut Builder,
    ) -> Result<Vec<WIPOffset<fb::SignatureDef<'static>>>> {
        let mut all = Vec::new();
        for signature in self.meta_graph.signatures.iter().filter(|s| !s.implied) {
            let place = |e: Error| e.at(format_args!("signature {:?}", signature.key));
            let inputs = write_ports(out, &signature.inputs).map_err(place)?;
            let outputs = write_ports(out, &signature.outputs).map_err(place)?;
            let args = fb::SignatureDefArgs {
                inputs: Some(out.tables(&inputs)),
                outputs: Some(out.tables(&outputs)),
                signature_key: Some(out.text(&signature.key)),
                subgraph_index: signature.graph as u32,
                ..Default::default()
            };
            all.push(fb::SignatureDef::create(&mut out.inner, &args));
        }
        Ok(all)
    }
}

fn write_ports(
    out: &mut Builder,
    ports: &[Port],
) -> Result<Vec<WIPOffset<fb::TensorMap<'static>>>> {
    let mut all = Vec::new();
    for port in ports {
        let value = port.value.ok_or_else(|| {
            Error::unsupported(format!("{:?} has no tensor in the graph", port.name))
        })?;
        let fields = vec![
            (
                fb::TensorMap::VT_NAME,
                Slot::Offset(out.text(&port.name).value()),
            ),
            (fb::TensorMap::VT_TENSOR_INDEX, Slot::Int(value.0)),
        ];
        all.push(WIPOffset::new(out.table("TensorMap", fields).value()));
    }
    Ok(all)
}

fn write_code(out: &mut Builder, code: &Code) -> WIPOffset<fb::OperatorCode<'static>> {
    let args = fb::OperatorCodeArgs {
        // Readers from before there were 128 operators look only here.
        deprecated_builtin_code: code.number.min(127) as i8,
        custom_code: code.custom.as_deref().map(|name| out.text(name)),
        version: code.version,
        builtin_code: fb::BuiltinOperator(code.number),
    };
    fb::OperatorCode::create(&mut out.inner, &args)
}

/// Numbers of tensors; -1 is none.
fn indices(values: &[Option<ValueId>]) -> Vec<i32> {
    values.iter().map(|&v| index(v)).collect()
}

fn index(value: Option<ValueId>) -> i32 {
    value.map_or(-1, |v| v.0 as i32)
}

fn write_operator(
    out: &mut Builder,
    node: &Node,
    code: u32,
) -> Result<WIPOffset<fb::Operator<'static>>> {
    let operator = Operator::by_name(&node.op);
    let table = match operator {
        Some(operator) => options::write(out, operator, &node.attrs)?,
        None => None,
    };
    let table = table.map(|offset| WIPOffset::new(offset.value()));
    let tag = operator.filter(|_| table.is_some()).map_or(0, |op| op.tag);
    let second = operator.is_some_and(|op| op.second);
    let custom = match &*node.op {
        "CUSTOM" => options::custom_bytes(node),
        _ => None,
    };
    let outputs: Vec<i32> = node.outputs.iter().map(|v| v.0 as i32).collect();
    let intermediates: Vec<i32> = node.intermediates.iter().map(|v| v.0 as i32).collect();
    let mut args = fb::OperatorArgs {
        opcode_index: code,
        inputs: Some(out.vector(&indices(&node.inputs))),
        outputs: Some(out.vector(&outputs)),
        custom_options: custom.map(|bytes| out.vector::<u8>(&bytes)),
        intermediates: out.filled(&intermediates),
        debug_metadata_index: -1,
        ..Default::default()
    };
    if second {
        args.builtin_options_2_type = tag;
        args.builtin_options_2 = table;
    } else {
        args.builtin_options_type = tag;
        args.builtin_options = table;
    }
    Ok(fb::Operator::create(&mut out.inner, &args))
}

fn write_tensor(
    out: &mut Builder,
    value: &Value,
    buffer: u32,
) -> Result<WIPOffset<fb::Tensor<'static>>> {
    let number = schema::tensor_type(value.dtype)
        .ok_or_else(|| Error::unsupported(format!("TFLite has no element type {}", value.dtype)))?;
    let (stored, signature) = shapes(value)?;
    let args = fb::TensorArgs {
        shape: out.filled(&stored),
        type_: fb::TensorType(number),
        buffer,
        name: (!value.name.is_empty()).then(|| out.text(&value.name)),
        quantization: value
            .quantization
            .as_ref()
            .map(|q| write_quantization(out, q)),
        is_variable: value.is_variable,
        sparsity: value.sparsity.as_ref().map(|s| write_sparsity(out, s)),
        shape_signature: signature.map(|s| out.vector(&s)),
        has_rank: value.shape.rank().is_some(),
        ..Default::default()
    };
    Ok(fb::Tensor::create(&mut out.inner, &args))
}

/// What to allocate, with 1 for sizes that are not known, and the sizes with -1 where there are such.
fn shapes(value: &Value) -> Result<(Vec<i32>, Option<Vec<i32>>)> {
    let sizes = |shape: &Shape| -> Result<Vec<i32>> {
        let dims = shape.dims().unwrap_or_default();
        dims.iter()
            .map(|&d| {
                i32::try_from(d)
                    .map_err(|_| Error::unsupported(format!("a dimension of {d} in {shape}")))
            })
            .collect()
    };
    let shape = sizes(&value.shape)?;
    let mut stored = sizes(&value.stored_shape)?;
    if stored.len() != shape.len() {
        stored.clone_from(&shape);
    }
    for size in stored.iter_mut().filter(|size| **size < 0) {
        *size = 1;
    }
    let signature = (shape != stored).then_some(shape);
    Ok((stored, signature.filter(|s| !s.is_empty())))
}

fn write_quantization(
    out: &mut Builder,
    quantization: &Quantization,
) -> WIPOffset<fb::QuantizationParameters<'static>> {
    use fb::QuantizationParameters as Q;
    let mut fields = Vec::new();
    let mut floats = |out: &mut Builder, slot, values: &[f32]| {
        fields.extend(out.filled(values).map(|v| (slot, Slot::Offset(v.value()))));
    };
    floats(out, Q::VT_MIN, &quantization.min);
    floats(out, Q::VT_MAX, &quantization.max);
    floats(out, Q::VT_SCALE, &quantization.scale);
    let zero_points = out.filled(&quantization.zero_point);
    fields.extend(zero_points.map(|v| (Q::VT_ZERO_POINT, Slot::Offset(v.value()))));
    if quantization.dimension != 0 {
        let dimension = quantization.dimension as u32;
        fields.push((Q::VT_QUANTIZED_DIMENSION, Slot::Int(dimension)));
    }
    if let Some((tag, table)) = write_details(out, &quantization.details) {
        fields.push((Q::VT_DETAILS_TYPE, Slot::Byte(tag.0)));
        fields.push((Q::VT_DETAILS, Slot::Offset(table)));
    }
    WIPOffset::new(out.table("QuantizationParameters", fields).value())
}

/// The union's tag and table.
fn write_details(
    out: &mut Builder,
    details: &QuantizationDetails,
) -> Option<(fb::QuantizationDetails, u32)> {
    use fb::{BlockwiseQuantization as B, CustomQuantization as C, MultiAxisQuantization as M};
    // Tensor numbers are always written: an absent one would read as tensor 0.
    let tensor = |slot, value| (slot, Slot::Int(index(value) as u32));
    let (tag, name, fields) = match details {
        QuantizationDetails::None => return None,
        QuantizationDetails::Custom(bytes) => {
            let bytes = out.data(bytes).value();
            (
                fb::QuantizationDetails::CustomQuantization,
                "CustomQuantization",
                vec![(C::VT_CUSTOM, Slot::Offset(bytes))],
            )
        }
        QuantizationDetails::Blockwise {
            scales,
            zero_points,
            block_size,
        } => (
            fb::QuantizationDetails::BlockwiseQuantization,
            "BlockwiseQuantization",
            vec![
                tensor(B::VT_SCALES, *scales),
                tensor(B::VT_ZERO_POINTS, *zero_points),
                (B::VT_BLOCK_SIZE, Slot::Int(*block_size as u32)),
            ],
        ),
        QuantizationDetails::MultiAxis {
            scales,
            zero_points,
            block_size,
            dimensions,
        } => {
            let dimensions = out.vector(dimensions).value();
            (
                fb::QuantizationDetails::MultiAxisQuantization,
                "MultiAxisQuantization",
                vec![
                    tensor(M::VT_SCALES, *scales),
                    tensor(M::VT_ZERO_POINTS, *zero_points),
                    (M::VT_BLOCK_SIZE, Slot::Int(*block_size as u32)),
                    (M::VT_QUANTIZED_DIMENSIONS, Slot::Offset(dimensions)),
                ],
            )
        }
    };
    Some((tag, out.table(name, fields).value()))
}

fn write_sparsity(
    out: &mut Builder,
    sparsity: &Sparsity,
) -> WIPOffset<fb::SparsityParameters<'static>> {
    use fb::DimensionMetadata as D;
    let dims: Vec<_> = sparsity
        .dims
        .iter()
        .map(|dim| {
            let fields = match dim {
                SparseDim::Dense(size) => vec![(D::VT_DENSE_SIZE, Slot::Int(*size as u32))],
                SparseDim::Csr { segments, indices } => {
                    let (segments_tag, segments) = write_indices(out, segments);
                    let (indices_tag, indices) = write_indices(out, indices);
                    vec![
                        (
                            D::VT_FORMAT,
                            Slot::Byte(fb::DimensionType::SPARSE_CSR.0 as u8),
                        ),
                        (D::VT_ARRAY_SEGMENTS_TYPE, Slot::Byte(segments_tag.0)),
                        (D::VT_ARRAY_SEGMENTS, Slot::Offset(segments)),
                        (D::VT_ARRAY_INDICES_TYPE, Slot::Byte(indices_tag.0)),
                        (D::VT_ARRAY_INDICES, Slot::Offset(indices)),
                    ]
                }
            };
            WIPOffset::<D<'static>>::new(out.table("DimensionMetadata", fields).value())
        })
        .collect();
    let args = fb::SparsityParametersArgs {
        traversal_order: Some(out.vector(&sparsity.traversal_order)),
        block_map: out.filled(&sparsity.block_map),
        dim_metadata: Some(out.tables(&dims)),
    };
    fb::SparsityParameters::create(&mut out.inner, &args)
}

/// Sparse indices in the narrowest type that holds them: the union's tag and table.
fn write_indices(out: &mut Builder, values: &[i32]) -> (fb::SparseIndexVector, u32) {
    let narrow = |most: i32| values.iter().all(|v| (0..=most).contains(v));
    let (tag, name, vector) = if narrow(u8::MAX.into()) {
        let bytes: Vec<u8> = values.iter().map(|&v| v as u8).collect();
        (
            fb::SparseIndexVector::Uint8Vector,
            "Uint8Vector",
            out.vector(&bytes).value(),
        )
    } else if narrow(u16::MAX.into()) {
        let shorts: Vec<u16> = values.iter().map(|&v| v as u16).collect();
        (
            fb::SparseIndexVector::Uint16Vector,
            "Uint16Vector",
            out.vector(&shorts).value(),
        )
    } else {
        (
            fb::SparseIndexVector::Int32Vector,
            "Int32Vector",
            out.vector(values).value(),
        )
    };
    let fields = vec![(fb::Int32Vector::VT_VALUES, Slot::Offset(vector))];
    (tag, out.table(name, fields).value())
}

//! A [`Model`] as a `.tflite`.

use std::collections::HashMap;

use bytes::Bytes;
use flatbuffers::WIPOffset;

use super::builder::{Builder, Slot};
use super::constants::{Buffers, encode};
use super::generated::tflite as fb;
use super::options::WrittenOptions;
use super::schema::{self, Operator};
use super::write_tensor::write_tensor;
use super::{external, metadata, options, packed, versions};
use crate::error::{Error, Result};
use crate::model::{
    Details, Dialect, Graph, MetaGraph, Model, Name, Node, NodeId, OperatorCode, Port, TensorData,
    TfliteDetails, Value, ValueId,
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
    let file = if parts.blobs().map(Bytes::len).sum::<usize>() <= inside_limit {
        parts.build(&Place::Inside)?
    } else {
        // Offsets have one width, so the structure is as long with the true ones as with these.
        let zeros = vec![u64::MAX; parts.blobs().count()];
        let mut at = parts.build(&Place::Behind(zeros))?.len() as u64;
        let mut offsets = Vec::new();
        for bytes in parts.blobs() {
            offsets.push(at);
            at = (at + bytes.len() as u64).next_multiple_of(16);
        }
        let mut file = parts.build(&Place::Behind(offsets))?;
        for bytes in parts.blobs() {
            file.resize(file.len().next_multiple_of(16), 0);
            file.extend_from_slice(bytes);
        }
        file
    };
    packed::append(file, &model.attachments)
}

/// Where the bytes of buffers and of custom operators' options go.
enum Place {
    Inside,
    /// Behind the flatbuffer, at these offsets from the start of the file: buffers, then options.
    Behind(Vec<u64>),
}

/// What has to be known before the first byte is written.
struct Parts<'m> {
    details: &'m TfliteDetails,
    meta_graph: &'m MetaGraph,
    /// Nodes of each graph in execution order.
    orders: Vec<Vec<NodeId>>,
    codes: Codes,
    /// Where each value's constant is, per graph.
    value_buffers: Vec<Vec<Stored>>,
    /// Options of custom operators, and which of them each operator has.
    custom: Vec<Bytes>,
    custom_of: HashMap<(usize, NodeId), usize>,
    /// Numbers of the buffers in the old list of metadata.
    metadata_buffers: Vec<u32>,
    /// Names and buffers of the metadata.
    metadata: Vec<(&'m str, u32)>,
    buffers: Buffers,
}

/// Numbers of the buffer and of the external buffer of a value.
#[derive(Clone, Copy)]
struct Stored {
    buffer: u32,
    external: u32,
}

/// Operator codes: those that the model lists, then others in the order of first use.
#[derive(Default)]
struct Codes {
    all: Vec<Code>,
    known: HashMap<CodeKey, u32>,
}

/// Number, name of a custom operator and version.
type CodeKey = (i32, Option<Name>, i32);

struct Code {
    number: i32,
    name: Name,
    custom: Option<Name>,
    version: i32,
}

impl Codes {
    fn listed(codes: &[OperatorCode]) -> Result<Self> {
        let mut listed = Codes::default();
        for code in codes {
            let key = Self::entry(&code.op, code.custom.clone(), code.version)?;
            listed.push(key, &code.op, code.custom.clone());
        }
        Ok(listed)
    }

    fn push(&mut self, key: CodeKey, name: &Name, custom: Option<Name>) -> u32 {
        let index = self.all.len() as u32;
        let (number, _, version) = key;
        self.all.push(Code {
            number,
            name: name.clone(),
            custom,
            version,
        });
        *self.known.entry(key).or_insert(index)
    }

    fn add(&mut self, graph: &Graph, node: &Node) -> Result<u32> {
        let key = Self::key(graph, node)?;
        Ok(match self.known.get(&key) {
            Some(&index) => index,
            None => self.push(key, &node.op, node.custom.clone()),
        })
    }

    fn number(&self, graph: &Graph, node: &Node) -> u32 {
        let key = Self::key(graph, node);
        key.ok()
            .and_then(|key| self.known.get(&key).copied())
            .unwrap_or(0)
    }

    /// A name beside a builtin operator does not tell codes apart.
    fn entry(op: &str, custom: Option<Name>, version: i32) -> Result<CodeKey> {
        Ok((number(op)?, custom.filter(|_| op == "CUSTOM"), version))
    }

    fn key(graph: &Graph, node: &Node) -> Result<CodeKey> {
        let version = match node.version {
            0 => versions::lowest(graph, node),
            given => given,
        };
        Self::entry(&node.op, node.custom.clone(), version)
    }
}

/// The operator's number. Models have a bare number for one that the schema has no name for.
fn number(op: &str) -> Result<i32> {
    let known = Operator::by_name(op).map(|operator| operator.number);
    known.ok_or_else(|| match op.parse::<i32>() {
        Ok(number) => Error::unsupported(format!(
            "operator number {number}, which schema version {} does not know",
            schema::REVISION
        ))
        .hint("the file is newer than this program; it can be shown, not written again"),
        Err(_) => Error::unsupported(format!("TFLite has no operator {op:?}")),
    })
}

impl<'m> Parts<'m> {
    fn collect(model: &'m Model) -> Result<Self> {
        let [meta_graph] = &*model.meta_graphs else {
            return Err(Error::unsupported(format!(
                "a .tflite holds one graph with its subgraphs, the model has {}",
                model.meta_graphs.len()
            )));
        };
        let Details::Tflite(details) = &model.details else {
            return Err(Error::unsupported(
                "the model is a SavedModel; convert it first",
            ));
        };
        let codes = Codes::listed(&details.operator_codes).map_err(|e| e.at("operator_codes"))?;
        let mut parts = Parts {
            details,
            meta_graph,
            orders: Vec::new(),
            codes,
            value_buffers: Vec::new(),
            custom: Vec::new(),
            custom_of: HashMap::new(),
            metadata_buffers: Vec::new(),
            metadata: Vec::new(),
            buffers: Buffers::new(),
        };
        for graph in &meta_graph.graphs {
            parts
                .add_graph(graph)
                .map_err(|e| e.at(format_args!("subgraph {:?}", graph.name)))?;
        }
        parts.add_metadata(model);
        for bytes in &details.metadata_buffers {
            let buffer = parts.buffers.add(bytes.clone());
            parts.metadata_buffers.push(buffer);
        }
        for bytes in &details.unused_buffers {
            parts.buffers.push(bytes.clone());
        }
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
        let number = self.orders.len();
        for &id in &order {
            let node = graph.node(id);
            let place = |e: Error| e.at(format_args!("node {:?}", node.name));
            self.codes.add(graph, node).map_err(place)?;
            if let Some(bytes) = options::custom_bytes(node).map_err(place)? {
                self.custom_of.insert((number, id), self.custom.len());
                self.custom.push(bytes);
            }
        }
        self.orders.push(order);
        let mut stored = Vec::with_capacity(graph.values.len());
        for value in &graph.values {
            let place = self.add_value(value);
            stored.push(place.map_err(|e| e.at(format_args!("tensor {:?}", value.name)))?);
        }
        self.value_buffers.push(stored);
        Ok(())
    }

    /// Values that came from a file beside the model and are as they were stay there.
    fn add_value(&mut self, value: &Value) -> Result<Stored> {
        let bytes = match &value.data {
            Some(TensorData::Missing(_)) if value.external_buffer != 0 => None,
            Some(data) => Some(encode(value, data)?),
            None => Some(Bytes::new()),
        };
        let (files, buffers) = (&self.details.external_files, &self.details.external_buffers);
        let id = value.external_buffer;
        if id != 0 && external::stands_for(files, buffers, id, bytes.as_ref()) {
            return Ok(Stored {
                buffer: 0,
                external: id,
            });
        }
        let bytes = bytes.ok_or_else(|| {
            Error::unsupported(format!("the model names no external buffer {id}"))
        })?;
        Ok(Stored {
            buffer: self.buffers.add(bytes),
            external: 0,
        })
    }

    /// Everything that may have to go behind the flatbuffer.
    fn blobs(&self) -> impl Iterator<Item = &Bytes> {
        self.buffers.all.iter().chain(&self.custom)
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
                .write_graph(&mut out, number, place)
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
        let groups = self.write_external_files(&mut out);
        let external = self.write_external_buffers(&mut out);
        let metadata_buffers: Vec<i32> = self.metadata_buffers.iter().map(|&b| b as i32).collect();
        let description = &self.details.description;
        let args = fb::ModelArgs {
            version: match self.details.schema_version {
                0 => SCHEMA_VERSION,
                given => given,
            },
            description: (!description.is_empty()).then(|| out.text(description)),
            operator_codes: Some(out.tables(&codes)),
            subgraphs: Some(out.tables(&graphs)),
            buffers: Some(buffers),
            metadata: Some(out.tables(&metadata)),
            signature_defs: (!signatures.is_empty()).then(|| out.tables(&signatures)),
            metadata_buffer: out.filled(&metadata_buffers),
            external_buffer_groups: (!groups.is_empty()).then(|| out.tables(&groups)),
            external_buffers: (!external.is_empty()).then(|| out.tables(&external)),
        };
        let root = fb::Model::create(&mut out.inner, &args);
        Ok(out.finish(root, IDENTIFIER))
    }

    fn write_external_files(
        &self,
        out: &mut Builder,
    ) -> Vec<WIPOffset<fb::ExternalBufferGroup<'static>>> {
        let files = self.details.external_files.iter();
        files
            .map(|file| {
                let name = Some(out.text(&file.name));
                let args = fb::ExternalBufferGroupArgs { name };
                fb::ExternalBufferGroup::create(&mut out.inner, &args)
            })
            .collect()
    }

    fn write_external_buffers(
        &self,
        out: &mut Builder,
    ) -> Vec<WIPOffset<fb::ExternalBuffer<'static>>> {
        let buffers = self.details.external_buffers.iter();
        buffers
            .map(|buffer| {
                let args = fb::ExternalBufferArgs {
                    id: buffer.id,
                    group: buffer.group,
                    offset: buffer.offset,
                    length: buffer.length,
                    packing: (!buffer.packing.is_empty()).then(|| out.text(&buffer.packing)),
                };
                fb::ExternalBuffer::create(&mut out.inner, &args)
            })
            .collect()
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
        place: &Place,
    ) -> Result<WIPOffset<fb::SubGraph<'static>>> {
        let graph = &self.meta_graph.graphs[number];
        let mut tensors = Vec::with_capacity(graph.values.len());
        for (value, stored) in graph.values.iter().zip(&self.value_buffers[number]) {
            tensors.push(
                write_tensor(out, value, stored.buffer, stored.external)
                    .map_err(|e| e.at(format_args!("tensor {:?}", value.name)))?,
            );
        }
        let mut operators = Vec::with_capacity(graph.nodes.len());
        for &id in &self.orders[number] {
            let node = graph.node(id);
            let code = self.codes.number(graph, node);
            let custom = self.custom(place, (number, id));
            operators.push(
                write_operator(out, node, code, custom)
                    .map_err(|e| e.at(format_args!("node {:?}", node.name)))?,
            );
        }
        let args = fb::SubGraphArgs {
            tensors: Some(out.tables(&tensors)),
            inputs: Some(out.vector(&indices(&graph.inputs))),
            outputs: Some(out.vector(&indices(&graph.outputs))),
            operators: Some(out.tables(&operators)),
            name: (!graph.name.is_empty()).then(|| out.text(&graph.name)),
            debug_metadata_index: options::debug_metadata_index(&graph.attrs),
        };
        Ok(fb::SubGraph::create(&mut out.inner, &args))
    }

    /// The custom options of an operator, and where they go.
    fn custom(&self, place: &Place, operator: (usize, NodeId)) -> Option<Custom<'_>> {
        let at = *self.custom_of.get(&operator)?;
        let bytes = &self.custom[at];
        Some(match place {
            Place::Behind(offsets) if !bytes.is_empty() => Custom::Behind {
                offset: offsets[self.buffers.all.len() + at],
                size: bytes.len() as u64,
            },
            _ => Custom::Inside(bytes),
        })
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
                deprecated_tag: signature.deprecated_tag.as_deref().map(|tag| out.text(tag)),
                subgraph_index: signature.graph as u32,
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

/// A number of a tensor; -1 is none.
pub(super) fn index(value: Option<ValueId>) -> i32 {
    value.map_or(-1, |v| v.0 as i32)
}

enum Custom<'a> {
    Inside(&'a [u8]),
    Behind { offset: u64, size: u64 },
}

fn write_operator(
    out: &mut Builder,
    node: &Node,
    code: u32,
    custom: Option<Custom<'_>>,
) -> Result<WIPOffset<fb::Operator<'static>>> {
    let options = match Operator::by_name(&node.op) {
        Some(operator) => options::write(out, operator, &node.attrs)?,
        None => WrittenOptions::default(),
    };
    let outputs: Vec<i32> = node.outputs.iter().map(|v| v.0 as i32).collect();
    let intermediates = indices(&node.intermediates);
    let (first, second) = (options.first, options.second);
    let mut args = fb::OperatorArgs {
        opcode_index: code,
        inputs: Some(out.vector(&indices(&node.inputs))),
        outputs: Some(out.vector(&outputs)),
        builtin_options_type: first.map_or(0, |(tag, _)| tag),
        builtin_options: first.map(|(_, table)| WIPOffset::new(table.value())),
        builtin_options_2_type: second.map_or(0, |(tag, _)| tag),
        builtin_options_2: second.map(|(_, table)| WIPOffset::new(table.value())),
        custom_options: None,
        custom_options_format: fb::CustomOptionsFormat(options.custom_options_format),
        mutating_variable_inputs: options.mutating_variable_inputs,
        intermediates: out.filled(&intermediates),
        large_custom_options_offset: 0,
        large_custom_options_size: 0,
        debug_metadata_index: options.debug_metadata_index,
    };
    match custom {
        Some(Custom::Inside(bytes)) => args.custom_options = Some(out.vector::<u8>(bytes)),
        Some(Custom::Behind { offset, size }) => {
            args.large_custom_options_offset = offset;
            args.large_custom_options_size = size;
        }
        None => {}
    }
    Ok(fb::Operator::create(&mut out.inner, &args))
}

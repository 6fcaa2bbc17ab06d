//! A `.tflite` as a [`Model`].

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::external::{ExternalBuffers, slice};
use super::flat::{Source, Table};
use super::generated::tflite as slots;
use super::schema::{Operator, name_or_number};
use super::{metadata, packed, subgraph};
use crate::error::{Error, Result};
use crate::format::mapped::map_file;
use crate::model::{
    Details, Dialect, FileEntry, Graph, MetaGraph, Metadata, Model, Name, OperatorCode, Port,
    Signature, TensorData, TfliteDetails, ValueId,
};
use crate::sort;

/// Least bytes of a file with a root offset and an identifier.
const LEAST: usize = 8;
const IDENTIFIER: &[u8] = b"TFL3";
/// The one version of the schema that readers take.
const SCHEMA_VERSION: u32 = 3;
/// Key of the signature of a model that has none.
const IMPLIED_KEY: &str = "main";

/// Opens a `.tflite`: structure now, constants as slices of the mapped file.
///
/// # Errors
/// A file that is no `.tflite`, and damage to its structure; the error names the place. Damage to single constants
/// leaves them [`TensorData::Missing`] with a warning.
pub fn read(path: &Path) -> Result<Model> {
    read_bytes(map_file(path)?, path)
}

/// As [`read`], of bytes in memory. `path` is for the model's name, errors and the files beside it.
///
/// # Errors
/// As [`read`].
pub fn read_bytes(file: Bytes, path: &Path) -> Result<Model> {
    let source = Source::new(&file);
    model(&file, &source, path).map_err(|e| e.in_file(path))
}

fn model(file: &Bytes, source: &Source<'_>, path: &Path) -> Result<Model> {
    identify(file)?;
    let damaged = |e: Error| e.at("Model").hint("the file is cut off or damaged");
    let root = source.root().map_err(damaged)?;
    let mut reader = Reader {
        file,
        path,
        buffers: Vec::new(),
        used: RefCell::default(),
        strings: RefCell::default(),
        external: ExternalBuffers::default(),
        decodable: Cell::new(file.len().saturating_mul(2)),
        codes: Vec::new(),
        warnings: Vec::new(),
    };
    reader.model(root, source).map_err(damaged)
}

/// Refuses what is not a `.tflite` with a word on what it seems to be.
fn identify(file: &Bytes) -> Result<()> {
    if file.len() < LEAST {
        return Err(Error::unreadable(format!(
            "{} bytes; a .tflite has at least {LEAST}",
            file.len()
        )));
    }
    let found = &file[4..8];
    if found == IDENTIFIER {
        return Ok(());
    }
    let error = Error::unreadable(format!(
        "not a .tflite: bytes 4 to 8 are {:?}, expected \"TFL3\"",
        String::from_utf8_lossy(found)
    ));
    Err(match file.starts_with(b"PK") {
        true => error.hint("it is a ZIP archive; a .task bundle has to be unpacked first"),
        false => error,
    })
}

/// What reading a model needs at hand.
pub(super) struct Reader<'a> {
    file: &'a Bytes,
    path: &'a Path,
    /// Bytes of each buffer; an error for one that leads outside the file.
    buffers: Vec<Result<Bytes>>,
    /// Numbers of those that something refers to.
    used: RefCell<HashSet<u32>>,
    /// Decoded string buffers, as tensors may share them.
    strings: RefCell<HashMap<u32, TensorData>>,
    external: ExternalBuffers,
    /// Bytes of custom options that may still be decoded: operators may share them.
    decodable: Cell<usize>,
    pub codes: Vec<Code>,
    pub warnings: Vec<Error>,
}

/// An operator code: its number, and what the model shows of it.
pub(super) struct Code {
    pub number: i32,
    pub shown: OperatorCode,
}

impl Reader<'_> {
    fn model(&mut self, root: Table<'_>, source: &Source<'_>) -> Result<Model> {
        let root = root.known("Model", slots::Model::VT_EXTERNAL_BUFFERS);
        let schema_version = root.scalar(slots::Model::VT_VERSION, 0u32)?;
        if schema_version != SCHEMA_VERSION {
            self.warnings.push(Error::unreadable(format!(
                "schema version {schema_version}; runtimes accept only {SCHEMA_VERSION}"
            )));
        }
        self.read_buffers(root)?;
        self.read_codes(root)?;
        self.external = ExternalBuffers::open(root, self.path)?;
        let graphs = self.read_graphs(root)?;
        if graphs.is_empty() {
            self.warnings
                .push(Error::unreadable("no subgraph in the model"));
        }
        let mut signatures = read_signatures(root, &graphs)?;
        let metadata = self.read_metadata(root)?;
        tell_contents(&mut signatures, &graphs, &metadata);
        let metadata_buffers = self.read_metadata_buffers(root)?;
        let attachments = packed::read(self.file, &mut self.warnings);
        self.warnings.extend(source.oddities());
        let side_files: Vec<FileEntry> = self.external.entries().collect();
        let details = TfliteDetails {
            schema_version,
            description: root.text(slots::Model::VT_DESCRIPTION)?.unwrap_or_default(),
            min_runtime_version: min_runtime_version(&metadata),
            operator_codes: self.codes.iter().map(|code| code.shown.clone()).collect(),
            buffers: self.buffers.len(),
            buffers_with_data: self.filled().count(),
            buffer_bytes: self.filled().map(|b| b.len() as u64).sum(),
            metadata_buffers,
            unused_buffers: self.unused(),
            external_files: std::mem::take(&mut self.external.files),
            external_buffers: std::mem::take(&mut self.external.buffers),
        };
        let tensorflow_version = metadata
            .iter()
            .filter_map(|m| metadata::tensorflow_version(m.decoded.as_deref()?))
            .next_back();
        let file_name = self.path.file_name().unwrap_or_default();
        let name = file_name.to_string_lossy().into_owned();
        let mut files = vec![FileEntry {
            path: name.clone(),
            bytes: self.file.len() as u64,
        }];
        files.extend(side_files);
        let mut meta_graph = MetaGraph::new(Dialect::Tflite, graphs, signatures);
        meta_graph.tensorflow_version = tensorflow_version.unwrap_or_default();
        let mut model = Model::new(name, meta_graph);
        model.path = self.path.to_path_buf();
        model.files = files;
        model.metadata = metadata;
        model.attachments = attachments;
        model.details = Details::Tflite(details);
        model.warnings = std::mem::take(&mut self.warnings)
            .into_iter()
            .map(|w| w.in_file(self.path))
            .collect();
        Ok(model)
    }

    fn read_buffers(&mut self, root: Table<'_>) -> Result<()> {
        for (index, buffer) in root.tables(slots::Model::VT_BUFFERS)?.iter().enumerate() {
            let at = |e: Error| e.at(format_args!("buffers[{index}]"));
            let buffer = buffer.map_err(at)?.known("Buffer", slots::Buffer::VT_SIZE);
            let data = buffer.bytes(slots::Buffer::VT_DATA).map_err(at)?;
            let offset = buffer.scalar(slots::Buffer::VT_OFFSET, 0u64).map_err(at)?;
            let size = buffer.scalar(slots::Buffer::VT_SIZE, 0u64).map_err(at)?;
            let bytes = match data {
                Some(data) if !data.is_empty() => Ok(self.file.slice_ref(data)),
                // 1 stands where an offset was meant to be filled in later.
                _ if offset > 1 => slice(self.file, offset, size).map_err(at),
                _ => Ok(Bytes::new()),
            };
            if let Err(error) = &bytes {
                self.warnings.push(error.clone());
            }
            self.buffers.push(bytes);
        }
        Ok(())
    }

    /// The buffers with data.
    fn filled(&self) -> impl Iterator<Item = &Bytes> {
        self.buffers.iter().flatten().filter(|b| !b.is_empty())
    }

    /// What the buffers hold that nothing refers to.
    fn unused(&self) -> Vec<Bytes> {
        let used = self.used.borrow();
        let numbered = (0u32..).zip(&self.buffers);
        numbered
            .filter(|(number, _)| !used.contains(number))
            .filter_map(|(_, buffer)| buffer.as_ref().ok())
            .filter(|bytes| !bytes.is_empty())
            .cloned()
            .collect()
    }

    /// Bytes of a buffer; `None` when it has none.
    ///
    /// # Errors
    /// No such buffer: structure. The inner error is a buffer that leads outside the file.
    pub fn buffer(&self, index: u32) -> Result<Option<Result<Bytes>>> {
        self.used.borrow_mut().insert(index);
        match self.buffers.get(index as usize) {
            Some(Ok(bytes)) if bytes.is_empty() => Ok(None),
            Some(bytes) => Ok(Some(bytes.clone())),
            // Files without any buffer exist; 0 is always "no data".
            None if index == 0 => Ok(None),
            None => Err(Error::unreadable(format!(
                "refers to buffer {index}; there are {}",
                self.buffers.len()
            ))),
        }
    }

    /// Bytes of external buffer `id`.
    pub fn external(&self, id: u32) -> Result<Bytes> {
        self.external.get(id)
    }

    /// Bytes somewhere in the file that the flatbuffer points to by an absolute offset.
    pub fn outside(&self, offset: u64, size: u64) -> Result<Bytes> {
        slice(self.file, offset, size)
    }

    /// A part of the file as bytes that keep the map alive.
    pub fn share(&self, part: &[u8]) -> Bytes {
        self.file.slice_ref(part)
    }

    /// Whether custom options of this size may still be decoded.
    pub fn may_decode(&self, bytes: usize) -> bool {
        let left = self.decodable.get().checked_sub(bytes);
        self.decodable.set(left.unwrap_or(0));
        left.is_some()
    }

    /// The strings of a buffer, decoded once.
    pub fn strings(&self, buffer: u32, bytes: &Bytes) -> TensorData {
        let mut known = self.strings.borrow_mut();
        known
            .entry(buffer)
            .or_insert_with(|| match decode_strings(bytes) {
                Ok(strings) => TensorData::Strings(strings),
                Err(error) => TensorData::Missing(error.to_string().into()),
            })
            .clone()
    }

    fn read_codes(&mut self, root: Table<'_>) -> Result<()> {
        let codes = root.tables(slots::Model::VT_OPERATOR_CODES)?;
        for (index, code) in codes.iter().enumerate() {
            let code = code
                .and_then(|code| {
                    let code = code.known("OperatorCode", slots::OperatorCode::VT_BUILTIN_CODE);
                    let old = code.scalar(slots::OperatorCode::VT_DEPRECATED_BUILTIN_CODE, 0i8)?;
                    let new = code.scalar(slots::OperatorCode::VT_BUILTIN_CODE, 0i32)?;
                    let number = new.max(old.into());
                    let custom = code.text(slots::OperatorCode::VT_CUSTOM_CODE)?;
                    let known = Operator::by_number(number).map(|op| op.name);
                    let op = name_or_number(known, number.into());
                    Ok(Code {
                        number,
                        shown: OperatorCode {
                            custom: custom.map(Name::from),
                            op,
                            version: code.scalar(slots::OperatorCode::VT_VERSION, 1)?,
                        },
                    })
                })
                .map_err(|e: Error| e.at(format_args!("operator_codes[{index}]")))?;
            self.codes.push(code);
        }
        Ok(())
    }

    fn read_graphs(&mut self, root: Table<'_>) -> Result<Vec<Graph>> {
        let tables = root.tables(slots::Model::VT_SUBGRAPHS)?;
        let mut graphs = Vec::new();
        for (index, table) in tables.iter().enumerate() {
            let place = format!("subgraphs[{index}]");
            let graph = table
                .and_then(|table| subgraph::read(self, table, tables.len()))
                .map_err(|e| e.at(&place))?;
            graphs.push(graph);
        }
        Ok(graphs)
    }

    /// The list of buffers from before metadata had names.
    fn read_metadata_buffers(&mut self, root: Table<'_>) -> Result<Vec<Bytes>> {
        let numbers = root.numbers::<i32>(slots::Model::VT_METADATA_BUFFER)?;
        let mut all = Vec::new();
        for number in numbers.unwrap_or_default() {
            let buffer = u32::try_from(number)
                .map_err(|_| Error::unreadable(format!("refers to buffer {number}")))
                .and_then(|number| self.buffer(number));
            match buffer {
                Ok(bytes) => all.push(bytes.and_then(Result::ok).unwrap_or_default()),
                Err(error) => self.warnings.push(error.at("metadata_buffer")),
            }
        }
        Ok(all)
    }

    fn read_metadata(&mut self, root: Table<'_>) -> Result<Vec<Metadata>> {
        let mut all = Vec::new();
        for (index, entry) in root.tables(slots::Model::VT_METADATA)?.iter().enumerate() {
            let at = |e: Error| e.at(format_args!("metadata[{index}]"));
            let entry = entry.map_err(at)?;
            let entry = entry.known("Metadata", slots::Metadata::VT_BUFFER);
            let name = entry.text(slots::Metadata::VT_NAME).map_err(at)?;
            let name = name.unwrap_or_default();
            let buffer = entry.scalar(slots::Metadata::VT_BUFFER, 0).map_err(at)?;
            let data = self.buffer(buffer).map_err(at)?;
            let data = data.and_then(Result::ok).unwrap_or_default();
            let decoded = metadata::decode(&name, &data).unwrap_or_else(|error| {
                self.warnings
                    .push(error.at(format_args!("metadata {name:?}")));
                None
            });
            all.push(Metadata {
                name,
                data,
                decoded,
            });
        }
        Ok(all)
    }
}

fn min_runtime_version(metadata: &[Metadata]) -> Option<String> {
    metadata
        .iter()
        .rfind(|m| m.name == metadata::MIN_RUNTIME_VERSION)
        .filter(|m| !m.data.is_empty())
        .map(|m| metadata::text(&m.data))
}

/// A count, count + 1 offsets from the start of the buffer, and the bytes (TFLite's string_util).
fn decode_strings(bytes: &Bytes) -> Result<Arc<[Bytes]>> {
    let word = |at: usize| -> Option<usize> {
        let word = bytes.get(at..at.checked_add(4)?)?;
        usize::try_from(i32::from_le_bytes(word.try_into().ok()?)).ok()
    };
    let cut = || Error::unreadable(format!("{} bytes are no string buffer", bytes.len()));
    let count = word(0).ok_or_else(cut)?;
    if count > (bytes.len().saturating_sub(8)) / 4 {
        return Err(Error::unreadable(format!(
            "{count} strings in a buffer of {} bytes",
            bytes.len()
        )));
    }
    (0..count)
        .map(|index| {
            let start = word(4 + 4 * index).ok_or_else(cut)?;
            let end = word(8 + 4 * index).ok_or_else(cut)?;
            if start > end || end > bytes.len() {
                return Err(Error::unreadable(format!(
                    "string {index} is bytes {start}..{end} of a buffer of {}",
                    bytes.len()
                )));
            }
            Ok(bytes.slice(start..end))
        })
        .collect()
}

fn read_signatures(root: Table<'_>, graphs: &[Graph]) -> Result<Vec<Signature>> {
    let tables = root.tables(slots::Model::VT_SIGNATURE_DEFS)?;
    if tables.len() == 0 {
        return Ok(graphs.first().map(implied).into_iter().collect());
    }
    let mut signatures = Vec::new();
    for (index, table) in tables.iter().enumerate() {
        let signature = table
            .and_then(|table| read_signature(table, graphs))
            .map_err(|e| e.at(format_args!("signature_defs[{index}]")))?;
        signatures.push(signature);
    }
    Ok(signatures)
}

fn read_signature(table: Table<'_>, graphs: &[Graph]) -> Result<Signature> {
    let table = table.known("SignatureDef", slots::SignatureDef::VT_SUBGRAPH_INDEX);
    let number = table.scalar(slots::SignatureDef::VT_SUBGRAPH_INDEX, 0u32)?;
    let graph = graphs.get(number as usize).ok_or_else(|| {
        Error::unreadable(format!(
            "refers to subgraph {number}; there are {}",
            graphs.len()
        ))
    })?;
    let ports = |slot| -> Result<Vec<Port>> {
        let mut ports = Vec::new();
        for entry in table.tables(slot)?.iter() {
            let entry = entry?.known("TensorMap", slots::TensorMap::VT_TENSOR_INDEX);
            let name = entry.text(slots::TensorMap::VT_NAME)?.unwrap_or_default();
            let index = entry.scalar(slots::TensorMap::VT_TENSOR_INDEX, 0u32)?;
            if index as usize >= graph.values.len() {
                return Err(Error::unreadable(format!(
                    "{name:?} refers to tensor {index}; there are {}",
                    graph.values.len()
                )));
            }
            ports.push(Port::of(name, graph, ValueId(index)));
        }
        sort::by(&mut ports, |a, b| a.name.cmp(&b.name));
        Ok(ports)
    };
    let key = table.text(slots::SignatureDef::VT_SIGNATURE_KEY)?;
    let deprecated_tag = table.text(slots::SignatureDef::VT_DEPRECATED_TAG)?;
    Ok(Signature {
        key: key.unwrap_or_default().into(),
        method: Name::from(""),
        deprecated_tag: deprecated_tag.map(Name::from),
        graph: number as usize,
        inputs: ports(slots::SignatureDef::VT_INPUTS)?,
        outputs: ports(slots::SignatureDef::VT_OUTPUTS)?,
        implied: false,
    })
}

/// Gives the inputs of signatures what the metadata tells of them.
fn tell_contents(signatures: &mut [Signature], graphs: &[Graph], metadata: &[Metadata]) {
    let mut told = metadata.iter();
    let Some(told) = told.find(|m| m.name == metadata::MODEL_METADATA) else {
        return;
    };
    let Some(decoded) = &told.decoded else { return };
    for signature in signatures {
        let Some(graph) = graphs.get(signature.graph) else {
            continue;
        };
        let contents = metadata::contents(decoded, signature.graph);
        for (id, content) in graph.inputs.iter().zip(contents) {
            let mut ports = signature.inputs.iter_mut();
            if let Some(port) = ports.find(|p| id.is_some() && p.value == *id) {
                port.content = content;
            }
        }
    }
}

/// The inputs and outputs of the first subgraph, in its order, under the names of their tensors.
fn implied(graph: &Graph) -> Signature {
    let ports = |ids: &[Option<ValueId>]| {
        let mut names = subgraph::UniqueNames::default();
        ids.iter()
            .flatten()
            .enumerate()
            .map(|(index, &id)| {
                let name = &graph.value(id).name;
                let name = match name.is_empty() {
                    true => Name::from(format!("#{index}")),
                    false => name.clone(),
                };
                Port::of(names.take(name), graph, id)
            })
            .collect()
    };
    Signature {
        key: Name::from(IMPLIED_KEY),
        method: Name::from(""),
        deprecated_tag: None,
        graph: 0,
        inputs: ports(&graph.inputs),
        outputs: ports(&graph.outputs),
        implied: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn string_buffers_are_counts_offsets_and_bytes() {
        let bytes = Bytes::from_static(&[
            3, 0, 0, 0, 20, 0, 0, 0, 22, 0, 0, 0, 22, 0, 0, 0, 25, 0, 0, 0, b'a', b'b', b'x', b'y',
            b'z',
        ]);
        let strings = decode_strings(&bytes).unwrap();
        assert_eq!(&*strings, [&b"ab"[..], b"", b"xyz"]);
        let cut = decode_strings(&bytes.slice(..24)).unwrap_err();
        assert_eq!(
            cut.to_string(),
            "string 2 is bytes 22..25 of a buffer of 24"
        );
        assert!(decode_strings(&Bytes::from_static(&[255, 255, 255, 127, 0, 0, 0, 0])).is_err());
    }

    #[test]
    fn other_files_are_told_apart() {
        let error = |bytes: &'static [u8]| {
            read_bytes(Bytes::from_static(bytes), Path::new("m.tflite"))
                .unwrap_err()
                .to_string()
        };
        insta::assert_snapshot!(error(b"abc"), @"m.tflite: 3 bytes; a .tflite has at least 8");
        insta::assert_snapshot!(error(b"PK\x03\x04abcdefgh"), @r#"m.tflite: not a .tflite: bytes 4 to 8 are "abcd", expected "TFL3"; it is a ZIP archive; a .task bundle has to be unpacked first"#);
        insta::assert_snapshot!(error(b"\xff\x00\x00\x00TFL3"), @"m.tflite: Model: byte 0: the offset 255 leads outside the file; the file is cut off or damaged");
    }
}

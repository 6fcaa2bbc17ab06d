//! One picture of a model. Every room but `format` works on [`Model`]; nothing here reads files.

pub mod attr;
pub mod content;
pub mod data;
pub mod dtype;
pub mod graph;
pub mod inline;
pub mod list;
pub mod objects;
pub mod opdef;
pub mod quantization;
pub mod resource;
pub mod shape;
pub mod signature;
pub mod sparse;
pub mod tensor;
pub mod variable;
pub mod visible;

use std::path::PathBuf;
use std::sync::Arc;

pub use attr::{Attr, Attrs};
pub use content::{Content, Normalization};
pub use data::{PackedStrings, Part, TensorData};
pub use dtype::DType;
pub use graph::{Dialect, Graph, GraphKind, Node, NodeId, SubType, Value, ValueId};
pub use list::{TensorList, VariantKind};
pub use objects::{Argument, Callable, ConcreteFunction, Given, Object, ObjectGraph, ObjectKind};
pub use quantization::{Quantization, QuantizationDetails};
pub use resource::Resource;
pub use shape::Shape;
pub use signature::{Port, Signature};
pub use sparse::{DimFormat, Sparse, SparseDim, SparseIndices, Sparsity};
pub use tensor::{Element, Tensor};
pub use variable::{Shard, StoredTable, Variable, VariableId, VariableRole, VariableSlice};
pub use visible::visible;

use crate::error::{Error, Result};

/// A shared, immutable piece of text.
pub type Name = Arc<str>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    SavedModel,
    Tflite,
}

/// Everything in one opened file or folder.
#[derive(Debug, Clone)]
pub struct Model {
    /// For people: `digits_cnn/2`, `digits_cnn.int8.tflite`.
    pub name: String,
    /// What was opened: the folder of `saved_model.pb`, or the .tflite file. Empty for a model made in memory.
    pub path: PathBuf,
    pub format: Format,
    /// Files that make up the model, with their sizes.
    pub files: Vec<FileEntry>,
    /// Numbered versions beside the one that was opened, and which it is.
    pub versions: Vec<u64>,
    pub version: Option<u64>,
    /// MetaGraphs of a SavedModel in file order; exactly one for a .tflite, with its subgraphs as graphs.
    pub meta_graphs: Vec<MetaGraph>,
    /// Entries of the checkpoint bundle in key order, shared by all MetaGraphs.
    pub variables: Vec<Variable>,
    pub shards: Vec<Shard>,
    pub metadata: Vec<Metadata>,
    /// Files in the zip at the end of a .tflite, or under `assets/`.
    pub attachments: Vec<Attachment>,
    pub details: Details,
    /// What is wrong with the file although it could be opened: missing shards, unknown tables, …
    pub warnings: Vec<Error>,
}

/// What only one of the file kinds has.
#[derive(Debug, Clone)]
pub enum Details {
    SavedModel(SavedModelDetails),
    Tflite(TfliteDetails),
}

#[derive(Debug, Clone, Default)]
pub struct SavedModelDetails {
    pub schema_version: i64,
    /// Data files that the bundle's header names; 0 without variables.
    pub shard_count: u32,
    /// Read from `saved_model.pbtxt`.
    pub text_format: bool,
    /// The SavedModel message as it was read, of `saved_model.pbtxt` in its binary form.
    pub graph: bytes::Bytes,
    pub fingerprint: Option<Fingerprint>,
}

#[derive(Debug, Clone, Default)]
pub struct Fingerprint {
    pub checksum: u64,
    pub graph_hash: u64,
    pub signature_hash: u64,
    pub object_hash: u64,
    pub checkpoint_hash: u64,
    pub uuid: String,
}

#[derive(Debug, Clone, Default)]
pub struct TfliteDetails {
    pub schema_version: u32,
    pub description: String,
    pub min_runtime_version: Option<String>,
    pub operator_codes: Vec<OperatorCode>,
    /// Buffers in the file, those with data, and the sum of their bytes.
    pub buffers: usize,
    pub buffers_with_data: usize,
    pub buffer_bytes: u64,
    /// Content of the buffers that the old list of metadata (`metadata_buffer`) names.
    pub metadata_buffers: Vec<bytes::Bytes>,
    /// Content of the buffers that nothing refers to.
    pub unused_buffers: Vec<bytes::Bytes>,
    /// Names of the files beside the model that hold constants (`external_buffer_groups`).
    pub external_files: Vec<ExternalFile>,
    pub external_buffers: Vec<ExternalBuffer>,
}

/// A file beside the model, named within the model's folder.
#[derive(Debug, Clone)]
pub struct ExternalFile {
    pub name: String,
    /// The mapped file; `None` when it is missing or its name leads out of the folder.
    pub data: Option<bytes::Bytes>,
}

/// A range of such a file; tensors refer to it by `id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalBuffer {
    pub id: u32,
    /// Index into [`TfliteDetails::external_files`].
    pub group: u32,
    /// In bytes.
    pub offset: u64,
    pub length: u64,
    /// How the bytes are arranged; empty or `unpacked` for plain values.
    pub packing: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorCode {
    pub op: Name,
    /// As the file has it; beside a builtin operator it says nothing.
    pub custom: Option<Name>,
    pub version: i32,
}

impl OperatorCode {
    /// The name of a custom operator.
    pub fn custom_op(&self) -> Option<&str> {
        self.custom.as_deref().filter(|_| &*self.op == "CUSTOM")
    }
}

#[derive(Debug, Clone)]
pub struct FileEntry {
    /// Path within the model.
    pub path: String,
    pub bytes: u64,
}

/// A named blob of a .tflite, or a side file of a SavedModel (`keras_metadata.pb`).
#[derive(Debug, Clone)]
pub struct Metadata {
    pub name: String,
    pub data: bytes::Bytes,
    /// What it says, decoded as JSON or text where its format is known.
    pub decoded: Option<String>,
}

/// A file that travels with the model: vocabulary, labels, warm-up requests.
#[derive(Debug, Clone)]
pub struct Attachment {
    pub name: String,
    /// Unpacked size.
    pub bytes: u64,
    /// The unpacked bytes; empty when they were refused (a warning says why).
    pub data: bytes::Bytes,
}

impl Attachment {
    /// Where a SavedModel has files that no message of it refers to.
    pub const EXTRA: &str = "assets.extra/";
}

/// A graph with its functions and signatures: a MetaGraphDef, or all subgraphs of a .tflite.
#[derive(Debug, Clone)]
pub struct MetaGraph {
    /// Sorted; empty for a .tflite.
    pub tags: Vec<String>,
    pub tensorflow_version: String,
    /// Producer number of the graph's versions.
    pub producer: i32,
    pub dialect: Dialect,
    /// SavedModel: the main graph, then functions in file order. Tflite: subgraphs.
    pub graphs: Vec<Graph>,
    /// In file order for a .tflite, by key for a SavedModel; without `__saved_model_init_op`.
    pub signatures: Vec<Signature>,
    pub objects: ObjectGraph,
    pub assets: Vec<Asset>,
    /// The operator to run before the first use (fills tables), in graph 0.
    pub init: Option<NodeId>,
    /// What fills tables, in graph 0: files without such an operator leave running it to whoever loads them.
    pub table_init: Vec<NodeId>,
    /// Tables that begin with what the checkpoint has of them.
    pub stored_tables: Vec<StoredTable>,
    /// What saves and restores the variables, in graph 0.
    pub saver: Vec<NodeId>,
    /// Names of the graph's collections and how many entries each has.
    pub collections: Vec<(String, usize)>,
}

impl MetaGraph {
    /// Graphs of one dialect and the ways into them, with nothing else.
    pub fn new(dialect: Dialect, graphs: Vec<Graph>, signatures: Vec<Signature>) -> Self {
        MetaGraph {
            tags: Vec::new(),
            tensorflow_version: String::new(),
            producer: 0,
            dialect,
            graphs,
            signatures,
            objects: ObjectGraph::default(),
            assets: Vec::new(),
            init: None,
            table_init: Vec::new(),
            stored_tables: Vec::new(),
            saver: Vec::new(),
            collections: Vec::new(),
        }
    }

    /// What has to run before the first use, in graph 0.
    pub fn initializers(&self) -> &[NodeId] {
        match &self.init {
            Some(init) => std::slice::from_ref(init),
            None => &self.table_init,
        }
    }
}

/// An AssetFileDef: the tensor that gets the path, and the file under `assets/`.
#[derive(Debug, Clone)]
pub struct Asset {
    pub file: String,
    pub tensor: String,
    /// Named in the collection that files without such a list have.
    pub from_collection: bool,
}

impl Model {
    /// A model of one MetaGraph in the file kind of its dialect, made in memory.
    pub fn new(name: impl Into<String>, meta_graph: MetaGraph) -> Self {
        let (format, details) = match meta_graph.dialect {
            Dialect::Tf => (
                Format::SavedModel,
                Details::SavedModel(SavedModelDetails::default()),
            ),
            Dialect::Tflite => (Format::Tflite, Details::Tflite(TfliteDetails::default())),
        };
        Model {
            name: name.into(),
            path: PathBuf::new(),
            format,
            files: Vec::new(),
            versions: Vec::new(),
            version: None,
            meta_graphs: vec![meta_graph],
            variables: Vec::new(),
            shards: Vec::new(),
            metadata: Vec::new(),
            attachments: Vec::new(),
            details,
            warnings: Vec::new(),
        }
    }

    /// Ports follow the inputs and outputs of their graphs, which changed since `before` but not in number and order.
    pub fn refresh_signatures(&mut self, before: &Model) {
        for (old, new) in before.meta_graphs.iter().zip(&mut self.meta_graphs) {
            let graphs = &new.graphs;
            for signature in &mut new.signatures {
                let (was, is) = (old.graphs.get(signature.graph), graphs.get(signature.graph));
                if let (Some(was), Some(is)) = (was, is) {
                    let ports = signature.inputs.iter_mut();
                    ports.for_each(|port| port.follow(&was.inputs, &is.inputs, is));
                    let ports = signature.outputs.iter_mut();
                    ports.for_each(|port| port.follow(&was.outputs, &is.outputs, is));
                }
            }
        }
    }

    /// Bytes of all files of the model.
    pub fn total_bytes(&self) -> u64 {
        self.files.iter().map(|f| f.bytes).sum()
    }

    pub fn variable(&self, id: VariableId) -> &Variable {
        &self.variables[id.0 as usize]
    }

    /// Reads the stored value behind a `VarHandleOp` or `VariableV2`; `None` when the reader found none for it.
    pub fn variable_value(&self, node: &Node) -> Option<Result<Tensor>> {
        let variable = self.variables.get(node.variable?.0 as usize)?;
        let value = variable.read();
        Some(match &node.variable_slice {
            Some(extents) => value.and_then(|whole| {
                whole.cut(extents).map_err(|e| {
                    Error::unreadable(e.what()).at(format_args!("node {:?}", node.name))
                })
            }),
            None => value,
        })
    }

    /// The MetaGraph with exactly these tags; without tags the one tagged `serve`, else the first.
    pub fn meta_graph(&self, tags: Option<&[String]>) -> Result<&MetaGraph> {
        let found = match tags {
            Some(tags) => {
                let mut wanted = tags.to_vec();
                wanted.sort();
                self.meta_graphs.iter().find(|m| m.tags == wanted)
            }
            None => self
                .meta_graphs
                .iter()
                .find(|m| m.tags == ["serve"])
                .or(self.meta_graphs.first()),
        };
        found.ok_or_else(|| {
            let known: Vec<_> = self.meta_graphs.iter().map(|m| m.tags.join(",")).collect();
            Error::usage(format!(
                "no MetaGraph with tags {:?}",
                tags.unwrap_or_default().join(",")
            ))
            .in_file(&self.path)
            .hint(format!("there are: {}", known.join("; ")))
        })
    }

    /// The signature with this key; without a key `serving_default`, else the first that is there.
    pub fn signature(
        &self,
        tags: Option<&[String]>,
        key: Option<&str>,
    ) -> Result<(&MetaGraph, &Signature)> {
        let meta_graph = self.meta_graph(tags)?;
        let signatures = &meta_graph.signatures;
        let found = match key {
            Some(key) => signatures.iter().find(|s| &*s.key == key),
            None => signatures
                .iter()
                .find(|s| &*s.key == "serving_default")
                .or(signatures.first()),
        };
        found.map(|s| (meta_graph, s)).ok_or_else(|| {
            let known: Vec<_> = signatures.iter().map(|s| &*s.key).collect();
            let functions = meta_graph.objects.callables();
            let functions: Vec<_> = functions.iter().map(|f| f.path.as_str()).collect();
            let error = Error::usage(match key {
                Some(key) => format!("no signature {key:?}"),
                None => "the model has no signature".to_owned(),
            })
            .in_file(&self.path);
            let (known, functions) = (known.join(", "), functions.join(", "));
            match (known.is_empty(), functions.is_empty()) {
                (_, true) => error.hint(format!("there are: {known}")),
                (true, false) => error.hint(format!("functions to call: {functions}")),
                (false, false) => error.hint(format!("there are: {known}; functions: {functions}")),
            }
        })
    }
}

impl MetaGraph {
    /// The function or subgraph with this name.
    pub fn graph(&self, name: &str) -> Option<&Graph> {
        self.graphs.iter().find(|g| &*g.name == name)
    }
}

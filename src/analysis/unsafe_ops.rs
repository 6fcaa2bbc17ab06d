//! Operators that reach out of the graph, and where a model runs them.
//!
//! The list: every operator of TensorFlow 2.21's registry that by its documentation opens files, talks to other
//! processes, runs code of the host or prints. TensorFlow's security guidance says that a graph may do all that with the
//! rights of its process; ModelScan's list (`ReadFile`, `WriteFile`, Keras `Lambda`) is part of it.

use std::sync::LazyLock;

use foldhash::HashMap;
use serde::Serialize;

use super::reach::{Entry, entries};
use crate::model::{Attr, Dialect, Graph, MetaGraph, Node, NodeId};

/// What is told of the list in reports.
pub const LIST: &str = "mexplore's list of operators that reach out of the graph (TensorFlow 2.21's registry read by \
    TensorFlow's security guidance; holds ModelScan's ReadFile, WriteFile and Keras Lambda)";

/// What an operator can do that a model has no need to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Can {
    RunCode,
    WriteFiles,
    ReadFiles,
    Network,
    Print,
}

impl Can {
    /// `WriteFile writes files`
    pub fn does(self) -> &'static str {
        match self {
            Can::RunCode => "runs code outside the graph",
            Can::WriteFiles => "writes files",
            Can::ReadFiles => "reads files",
            Can::Network => "talks to other processes",
            Can::Print => "prints to the log",
        }
    }
}

const LISTS: &[(Can, &[&str])] = &[
    (
        Can::RunCode,
        &[
            "EagerPyFunc",
            "PyFunc",
            "PyFuncStateless",
            "XlaCustomCall",
            "XlaCustomCallV2",
            "STABLEHLO_CUSTOM_CALL",
        ],
    ),
    (
        Can::WriteFiles,
        &[
            "CalibrationStatisticsSaver",
            "CreateSummaryDbWriter",
            "CreateSummaryFileWriter",
            "DatasetToTFRecord",
            "DistributedSave",
            "DumpTensor",
            "ExperimentalDatasetToTFRecord",
            "MergeV2Checkpoints",
            "Save",
            "SaveDataset",
            "SaveDatasetV2",
            "SaveSlices",
            "SaveV2",
            "WriteFile",
        ],
    ),
    (
        Can::ReadFiles,
        &[
            "CSVDataset",
            "CSVDatasetV2",
            "DTensorRestoreV2",
            "ExperimentalCSVDataset",
            "ExperimentalLMDBDataset",
            "ExperimentalMatchingFilesDataset",
            "ExperimentalSqlDataset",
            "FixedLengthRecordDataset",
            "FixedLengthRecordDatasetV2",
            "FixedLengthRecordReader",
            "FixedLengthRecordReaderV2",
            "GenerateVocabRemapping",
            "ImmutableConst",
            "LMDBDataset",
            "LMDBReader",
            "ListSnapshotChunksDataset",
            "LoadAndRemapMatrix",
            "LoadDataset",
            "MatchingFiles",
            "MatchingFilesDataset",
            "ReadFile",
            "RecordInput",
            "Restore",
            "RestoreSlice",
            "RestoreV2",
            "SnapshotChunkDataset",
            "SnapshotDataset",
            "SnapshotDatasetReader",
            "SnapshotDatasetV2",
            "SnapshotNestedDatasetReader",
            "SqlDataset",
            "TFRecordDataset",
            "TFRecordDatasetV2",
            "TFRecordReader",
            "TFRecordReaderV2",
            "TextLineDataset",
            "TextLineReader",
            "TextLineReaderV2",
            "WholeFileReader",
            "WholeFileReaderV2",
        ],
    ),
    (
        Can::Network,
        &[
            "DataServiceDataset",
            "DataServiceDatasetV2",
            "DataServiceDatasetV3",
            "DataServiceDatasetV4",
            "RegisterDataset",
            "RegisterDatasetV2",
            "RemoteCall",
            "Recv",
            "RpcCall",
            "RpcClient",
            "RpcServer",
            "RpcServerRegister",
            "RpcServerStart",
            "Send",
            "_HostRecv",
            "_HostSend",
            "_Recv",
            "_Send",
        ],
    ),
    (Can::Print, &["Print", "PrintV2"]),
];

/// Operators that only do it with this attribute: `debug_urls` names files and servers.
const DEBUG: &[&str] = &[
    "DebugIdentity",
    "DebugIdentityV2",
    "DebugIdentityV3",
    "DebugNanCount",
    "DebugNumericSummary",
    "DebugNumericSummaryV2",
];

/// What every SavedModel's saver is made of.
const SAVER: &[&str] = &[
    "MergeV2Checkpoints",
    "Restore",
    "RestoreSlice",
    "RestoreV2",
    "Save",
    "SaveSlices",
    "SaveV2",
];

/// A node that reaches out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsafeNode {
    pub graph: usize,
    pub node: NodeId,
    pub can: Can,
    /// What runs it; empty where nothing does.
    pub entries: Vec<Entry>,
}

/// [`LISTS`] by operator: every node of a model is looked up.
static ABILITIES: LazyLock<HashMap<&str, Can>> = LazyLock::new(|| {
    let listed = LISTS.iter().rev();
    listed
        .flat_map(|(can, ops)| ops.iter().map(|op| (*op, *can)))
        .collect()
});

/// What an operator of this kind can do.
fn can(dialect: Dialect, node: &Node) -> Option<Can> {
    let op = match dialect {
        Dialect::Tf => &*node.op,
        Dialect::Tflite => {
            let label = node.op_label();
            label.strip_prefix("Flex").unwrap_or(label)
        }
    };
    if DEBUG.contains(&op) {
        let urls = node.attrs.list("debug_urls").unwrap_or_default();
        let network = urls
            .iter()
            .filter_map(Attr::as_text)
            .any(|u| u.starts_with("grpc"));
        return match urls.is_empty() {
            true => None,
            false if network => Some(Can::Network),
            false => Some(Can::WriteFiles),
        };
    }
    if op == "PrintV2"
        && node
            .attrs
            .text("output_stream")
            .is_some_and(|s| s.starts_with("file:"))
    {
        return Some(Can::WriteFiles);
    }
    (ABILITIES.get(op).copied()).or_else(|| reads_vocabulary(op).then_some(Can::ReadFiles))
}

/// Tables filled from a file: fine from an asset, which travels with the model.
fn reads_vocabulary(op: &str) -> bool {
    matches!(
        op,
        "InitializeTableFromTextFile" | "InitializeTableFromTextFileV2"
    )
}

/// Whether the file is an asset, or comes in from outside the graph as the assets of a TF2 model do.
fn from_asset(meta_graph: &MetaGraph, graph: &Graph, node: &Node) -> bool {
    let mut value = node.input(1);
    for _ in 0..16 {
        let Some(id) = value else { return true };
        let Some(before) = graph.producer(id) else {
            return true;
        };
        match &*before.op {
            "Identity" => value = before.input(0),
            "Const" => {
                let asset = |tensor: &str| tensor.split(':').next() == Some(&*before.name);
                return meta_graph.assets.iter().any(|a| asset(&a.tensor));
            }
            _ => return false,
        }
    }
    false
}

/// Every node that reaches out, but for the saver's own work and tables filled from assets.
pub fn unsafe_nodes(meta_graph: &MetaGraph) -> Vec<UnsafeNode> {
    let mut nodes = Vec::new();
    let mut abilities = Vec::new();
    for (index, graph) in meta_graph.graphs.iter().enumerate() {
        for id in graph.node_ids() {
            let node = graph.node(id);
            let Some(can) = can(graph.dialect, node) else {
                continue;
            };
            if !(reads_vocabulary(&node.op) && from_asset(meta_graph, graph, node)) {
                nodes.push((index, id));
                abilities.push(can);
            }
        }
    }
    let entries = entries(meta_graph, &nodes);
    let found = nodes.into_iter().zip(abilities).zip(entries);
    found
        .map(|(((graph, node), can), entries)| UnsafeNode {
            graph,
            node,
            can,
            entries,
        })
        .filter_map(|mut found| {
            let node = meta_graph.graphs[found.graph].node(found.node);
            if SAVER.contains(&&*node.op) {
                // Loading restores and saving saves; what nothing runs is a saver too that the file does not name.
                found.entries.retain(|entry| *entry != Entry::Saver);
                return (!found.entries.is_empty()).then_some(found);
            }
            Some(found)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::testing::{
        add, argument, call, constant, function, main_graph, model, subgraph,
    };
    use crate::model::{DType, Model, Tensor, ValueId};

    fn path(graph: &mut Graph) -> ValueId {
        constant(
            graph,
            "path",
            &Tensor::from_strings(&[], vec![b"/etc/passwd".to_vec()]),
        )
    }

    fn found(model: &Model) -> Vec<(Can, String, Vec<Entry>)> {
        let meta = &model.meta_graphs[0];
        unsafe_nodes(meta)
            .into_iter()
            .map(|u| {
                let node = meta.graphs[u.graph].node(u.node);
                (u.can, node.name.to_string(), u.entries)
            })
            .collect()
    }

    #[test]
    fn lists_name_operators_of_the_registry_once() {
        let mut all: Vec<&str> = LISTS
            .iter()
            .flat_map(|(_, ops)| ops.iter().copied())
            .collect();
        all.extend(DEBUG);
        for op in all.iter().filter(|op| !op.starts_with("STABLEHLO")) {
            assert!(crate::model::opdef::lookup(op).is_some(), "{op}");
        }
        all.sort_unstable();
        let count = all.len();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn a_file_that_a_called_function_reads_is_found_with_its_signature() {
        let mut inner = function("inner");
        argument(&mut inner, "x", DType::Float32, &[-1]);
        let path = path(&mut inner);
        let text = add(&mut inner, "reader", "ReadFile", &[path], &[]);
        inner.outputs = vec![Some(text)];
        let mut main = main_graph();
        let x = add(&mut main, "in", "Placeholder", &[], &[-1]);
        let y = call(&mut main, "call", "inner", &[x]);
        let model = model(vec![main, inner], &[x], &[y]);
        let expected = (
            Can::ReadFiles,
            "reader".to_owned(),
            vec![Entry::Signature(0)],
        );
        assert_eq!(found(&model), [expected]);
    }

    #[test]
    fn the_saver_may_save_and_nobody_else() {
        let mut main = main_graph();
        let x = add(&mut main, "in", "Placeholder", &[], &[-1]);
        let y = add(&mut main, "out", "Identity", &[x], &[-1]);
        let path = path(&mut main);
        let save = add(&mut main, "save", "SaveV2", &[path], &[]);
        let mut made = model(vec![main], &[x], &[y]);
        assert_eq!(found(&made), [], "a saver that is named nowhere");
        let (id, _) = made.meta_graphs[0].graphs[0].value(save).producer.unwrap();
        made.meta_graphs[0].saver = vec![id];
        assert_eq!(found(&made), []);
        made.meta_graphs[0].init = Some(id);
        let expected = (Can::WriteFiles, "save".to_owned(), vec![Entry::Init]);
        assert_eq!(found(&made), [expected]);
    }

    #[test]
    fn what_else_the_saver_does_is_found() {
        let mut main = main_graph();
        let x = add(&mut main, "in", "Placeholder", &[], &[-1]);
        let path = path(&mut main);
        let write = add(&mut main, "write", "WriteFile", &[path, x], &[]);
        let mut made = model(vec![main], &[x], &[x]);
        let (id, _) = made.meta_graphs[0].graphs[0].value(write).producer.unwrap();
        made.meta_graphs[0].saver = vec![id];
        let expected = (Can::WriteFiles, "write".to_owned(), vec![Entry::Saver]);
        assert_eq!(found(&made), [expected]);
    }

    #[test]
    fn what_nothing_runs_is_found_without_an_entry() {
        let mut dead = function("dead");
        let x = argument(&mut dead, "x", DType::Float32, &[]);
        let y = add(&mut dead, "py", "EagerPyFunc", &[x], &[]);
        dead.outputs = vec![Some(y)];
        let mut main = main_graph();
        let x = add(&mut main, "in", "Placeholder", &[], &[-1]);
        let model = model(vec![main, dead], &[x], &[x]);
        assert_eq!(found(&model), [(Can::RunCode, "py".to_owned(), Vec::new())]);
    }

    #[test]
    fn printing_to_a_file_writes_it() {
        let mut main = main_graph();
        let x = add(&mut main, "in", "Placeholder", &[], &[-1]);
        let print = add(&mut main, "print", "PrintV2", &[x], &[]);
        let mut made = model(vec![main], &[x], &[print]);
        assert_eq!(found(&made)[0].0, Can::Print);
        let node = made.meta_graphs[0].graphs[0].nodes.last_mut().unwrap();
        node.attrs
            .set("output_stream", Attr::Bytes("file:///tmp/x".into()));
        assert_eq!(found(&made)[0].0, Can::WriteFiles);
    }

    #[test]
    fn tables_fill_from_assets() {
        let mut main = main_graph();
        let table = add(&mut main, "table", "HashTableV2", &[], &[]);
        let path = path(&mut main);
        let fill = add(
            &mut main,
            "fill",
            "InitializeTableFromTextFileV2",
            &[table, path],
            &[],
        );
        let mut made = model(vec![main], &[], &[fill]);
        assert_eq!(found(&made)[0].0, Can::ReadFiles);
        made.meta_graphs[0].assets = vec![crate::model::Asset {
            file: "words.txt".to_owned(),
            tensor: "path:0".to_owned(),
            from_collection: false,
        }];
        assert_eq!(found(&made), []);
    }

    #[test]
    fn flex_operators_count_by_their_own_names() {
        let mut main = subgraph("main");
        let x = argument(&mut main, "x", DType::Float32, &[1]);
        let y = add(&mut main, "y", "CUSTOM", &[x], &[1]);
        main.nodes.last_mut().unwrap().custom = Some("FlexReadFile".into());
        main.outputs = vec![Some(y)];
        let model = model(vec![main], &[x], &[y]);
        let expected = (Can::ReadFiles, "y".to_owned(), vec![Entry::Signature(0)]);
        assert_eq!(found(&model), [expected]);
    }
}

//! The rows of the tree that come from the structure of the model.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::names::{Item, Names};
use crate::analysis::{Costs, SignatureCost, op_counts};
use crate::model::{
    Dialect, Graph, GraphKind, MetaGraph, Model, Name, NodeId, ValueId, VariableId,
};
use crate::tui::counts::Counts;

/// A row's own name among its siblings.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Id {
    Meta(usize),
    Signatures(usize),
    Signature(usize, usize),
    Functions(usize),
    Graph(usize, usize),
    Scope(usize, usize, Name),
    Node(usize, usize, NodeId),
    /// The root of the object graph, an object, and a further reference to one: number of the object that has it
    /// among its children, and which of them it is.
    Objects(usize),
    Object(usize, u32),
    Reference(usize, u32, usize),
    Variables,
    VariableScope(Name),
    Variable(VariableId),
    Files,
    Attachment(usize),
    Metadata(usize),
}

/// What a row shows.
#[derive(Debug, Clone)]
pub struct Row {
    pub id: Id,
    pub label: String,
    /// The operator behind the label.
    pub op: Option<(Dialect, Name)>,
    pub note: String,
    /// Operators or tensors below.
    pub items: usize,
    pub bytes: u64,
    /// Multiply-accumulates of one run; 0 until they are counted.
    pub macs: u64,
    pub branch: bool,
}

pub fn branch(id: Id, label: impl Into<String>, items: usize, bytes: u64) -> Row {
    Row {
        id,
        label: label.into(),
        op: None,
        note: String::new(),
        items,
        bytes,
        macs: 0,
        branch: true,
    }
}

/// What is counted over whole graphs, once it is.
#[derive(Clone, Default)]
pub struct Told {
    pub costs: Option<Arc<Counts>>,
    /// By MetaGraph and graph in it.
    pub graphs: Option<Arc<Vec<Vec<Counted>>>>,
    /// Bytes of all variables.
    pub variables: u64,
}

/// Over all operators of a graph.
pub struct Counted {
    /// Of constants.
    pub bytes: u64,
    /// How often each operator occurs.
    pub operators: BTreeMap<Name, usize>,
}

impl Told {
    pub fn costs(&self, meta: usize) -> Option<&Costs> {
        self.costs.as_ref()?.get(meta)
    }

    pub fn graph(&self, meta: usize, graph: usize) -> Option<&Counted> {
        self.graphs.as_ref()?.get(meta)?.get(graph)
    }

    fn bytes(&self, meta: usize, graph: usize) -> u64 {
        self.graph(meta, graph).map_or(0, |counted| counted.bytes)
    }
}

pub fn variable_bytes(model: &Model) -> u64 {
    model.variables.iter().map(|v| v.bytes).sum()
}

/// Goes through all graphs.
pub fn count(model: &Model) -> Vec<Vec<Counted>> {
    let counted = |graph: &Graph| Counted {
        bytes: graph.node_ids().map(|n| node_bytes(graph, n)).sum(),
        operators: op_counts(graph),
    };
    let metas = model.meta_graphs.iter();
    metas
        .map(|meta| meta.graphs.iter().map(counted).collect())
        .collect()
}

pub fn roots(model: &Model, told: &Told) -> Vec<Row> {
    let mut rows: Vec<Row> = model
        .meta_graphs
        .iter()
        .enumerate()
        .map(|(at, meta)| {
            let label = match meta.tags.is_empty() {
                true => model.name.clone(),
                false => format!("MetaGraph {}", meta.tags.join(", ")),
            };
            let operators = meta.graphs.iter().map(|g| g.nodes.len()).sum();
            let cost = told.costs(at).and_then(|c| served(meta, c));
            Row {
                macs: cost.map_or(0, |c| c.macs),
                bytes: match told.costs {
                    None => 0,
                    Some(_) => (0..meta.graphs.len()).map(|g| told.bytes(at, g)).sum(),
                },
                ..branch(Id::Meta(at), label, operators, 0)
            }
        })
        .collect();
    if !model.variables.is_empty() {
        rows.push(branch(
            Id::Variables,
            "Variables",
            model.variables.len(),
            told.variables,
        ));
    }
    let files = model.attachments.len() + model.metadata.len();
    if files > 0 {
        rows.push(branch(Id::Files, "Files and metadata", files, 0));
    }
    rows
}

/// The signature that would be run.
fn served<'a>(meta: &MetaGraph, costs: &'a Costs) -> Option<&'a SignatureCost> {
    let serving = meta
        .signatures
        .iter()
        .position(|s| &*s.key == "serving_default");
    costs.signatures.get(serving.unwrap_or(0))
}

pub fn below_meta(model: &Model, at: usize, told: &Told) -> Vec<Row> {
    let Some(meta) = model.meta_graphs.get(at) else {
        return Vec::new();
    };
    let mut rows = Vec::new();
    if !meta.signatures.is_empty() {
        rows.push(branch(
            Id::Signatures(at),
            "Signatures",
            meta.signatures.len(),
            0,
        ));
    }
    for (index, graph) in meta
        .graphs
        .iter()
        .enumerate()
        .filter(|(_, g)| g.kind != GraphKind::Function)
    {
        let mut row = graph_row(at, index, graph, told);
        // It calls the functions of all signatures, and nobody runs them all at once.
        if let Some(cost) = told.costs(at).and_then(|c| served(meta, c)) {
            row.macs = row.macs.min(cost.macs);
        }
        rows.push(row);
    }
    let objects = meta.objects.nodes.len();
    if objects > 1 {
        let mut row = branch(Id::Objects(at), "Objects", 0, 0);
        row.note = objects.to_string();
        rows.push(row);
    }
    let functions = meta.graphs.iter().filter(|g| g.kind == GraphKind::Function);
    let operators: usize = functions.clone().map(|g| g.nodes.len()).sum();
    let count = functions.count();
    if count > 0 {
        let all = meta.graphs.iter().enumerate();
        let functions = all.filter(|(_, g)| g.kind == GraphKind::Function);
        let bytes = match told.costs {
            Some(_) => functions.map(|(index, _)| told.bytes(at, index)).sum(),
            None => 0,
        };
        let mut row = branch(Id::Functions(at), "Functions", operators, bytes);
        row.note = count.to_string();
        rows.push(row);
    }
    rows
}

fn graph_row(meta: usize, index: usize, graph: &Graph, told: &Told) -> Row {
    let label = match graph.kind {
        GraphKind::Main => "Graph".to_owned(),
        _ if graph.name.is_empty() => format!("subgraph {index}"),
        _ => graph.name.to_string(),
    };
    let bytes = told.bytes(meta, index);
    let mut row = branch(Id::Graph(meta, index), label, graph.nodes.len(), bytes);
    row.branch = !graph.nodes.is_empty();
    row.macs = told.costs(meta).map_or(0, |c| c.graph(index));
    row
}

pub fn signatures(model: &Model, meta: usize, told: &Told) -> Vec<Row> {
    let all = model
        .meta_graphs
        .get(meta)
        .map_or(&[][..], |m| &m.signatures);
    all.iter()
        .enumerate()
        .map(|(at, signature)| Row {
            note: format!(
                "{} in, {} out",
                signature.inputs.len(),
                signature.outputs.len()
            ),
            branch: false,
            macs: told
                .costs(meta)
                .and_then(|c| c.signatures.get(at))
                .map_or(0, |c| c.macs),
            ..branch(Id::Signature(meta, at), signature.key.to_string(), 0, 0)
        })
        .collect()
}

pub fn functions(model: &Model, meta: usize, told: &Told) -> Vec<Row> {
    let all = model.meta_graphs.get(meta).map_or(&[][..], |m| &m.graphs);
    all.iter()
        .enumerate()
        .filter(|(_, g)| g.kind == GraphKind::Function)
        .map(|(index, graph)| {
            let mut row = graph_row(meta, index, graph, told);
            let runs = told.costs(meta).map_or(0, |c| runs(c, index));
            if runs > 1 {
                row.note = format!("runs {runs}×");
            }
            row
        })
        .collect()
}

/// How often one call of each signature runs a graph, all signatures together.
fn runs(costs: &Costs, graph: usize) -> u64 {
    let all = costs.signatures.iter().filter_map(|s| s.calls.get(&graph));
    all.fold(0, |sum, n| sum.saturating_add(*n))
}

pub fn files(model: &Model) -> Vec<Row> {
    let attachments = model.attachments.iter().enumerate().map(|(at, file)| Row {
        branch: false,
        ..branch(Id::Attachment(at), file.name.clone(), 0, file.bytes)
    });
    let metadata = model.metadata.iter().enumerate().map(|(at, blob)| Row {
        branch: false,
        note: "metadata".to_owned(),
        ..branch(
            Id::Metadata(at),
            blob.name.clone(),
            0,
            blob.data.len() as u64,
        )
    });
    attachments.chain(metadata).collect()
}

/// A name as scopes see it: converters join the names of fused operators with `;`.
pub fn scoped_name(name: &Name) -> Name {
    match name.split_once(';') {
        Some((first, _)) => first.into(),
        None => name.clone(),
    }
}

/// The operators of a graph by name.
pub fn node_names(graph: &Graph, sums: impl Fn(u32) -> (u64, u64)) -> Names {
    let item = |id: NodeId| Item {
        name: scoped_name(&graph.node(id).name),
        index: id.0,
    };
    Names::new(graph.node_ids().map(item), sums)
}

/// Bytes and multiply-accumulates of the operators of graph `index`.
pub fn node_sums<'a>(
    graph: &'a Graph,
    index: usize,
    costs: Option<&'a Costs>,
) -> impl Fn(u32) -> (u64, u64) + 'a {
    move |at| {
        let id = NodeId(at);
        let macs = costs.map_or(0, |c| c.node(index, id));
        (node_bytes(graph, id), macs)
    }
}

/// The variables by name.
pub fn variable_names(model: &Model) -> Names {
    let all = &model.variables;
    let item = |at: usize| Item {
        name: all[at].name.clone(),
        index: at as u32,
    };
    Names::new((0..all.len()).map(item), |at| (all[at as usize].bytes, 0))
}

/// Bytes of the constants that a node is or takes.
fn node_bytes(graph: &Graph, id: NodeId) -> u64 {
    let node = graph.node(id);
    let stored = |v: ValueId| graph.value(v).stored_bytes() as u64;
    match graph.dialect {
        Dialect::Tf => node.outputs.iter().map(|&v| stored(v)).sum(),
        Dialect::Tflite => node.inputs.iter().flatten().map(|&v| stored(v)).sum(),
    }
}

//! Which nodes run when, seen from where a model is entered.

use std::collections::HashMap;

use crate::model::{Dialect, Graph, MetaGraph, NodeId, ObjectKind, ValueId};

/// A way into a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// Index into [`MetaGraph::signatures`].
    Signature(usize),
    /// What runs once before the first use.
    Init,
    /// What saves and restores variables; restoring is part of loading.
    Saver,
    /// A function of the object graph: what a Python program that loads the model may call. Index of its graph.
    Function(usize),
}

struct Reached {
    /// Nodes of the entry's own graph; empty where all of it runs.
    main: Vec<bool>,
    /// Functions and subgraphs as a whole.
    graphs: Vec<bool>,
}

impl Reached {
    fn has(&self, (graph, node): (usize, NodeId)) -> bool {
        let flag = match graph {
            0 if !self.main.is_empty() => self.main.get(node.index()),
            _ => self.graphs.get(graph),
        };
        flag.copied().unwrap_or(false)
    }
}

/// For each of `nodes` the entries that run it, in the order signatures, initializer, saver, functions.
pub fn entries(meta_graph: &MetaGraph, nodes: &[(usize, NodeId)]) -> Vec<Vec<Entry>> {
    let mut found = vec![Vec::new(); nodes.len()];
    if nodes.is_empty() {
        return found;
    }
    let mut calls = Calls::of(meta_graph);
    let mut note = |entry: Entry, reached: Reached| {
        for (slot, &node) in found.iter_mut().zip(nodes) {
            if reached.has(node) {
                slot.push(entry.clone());
            }
        }
    };
    for (at, signature) in meta_graph.signatures.iter().enumerate() {
        let outputs = signature.outputs.iter().filter_map(|p| p.value);
        let given: Vec<ValueId> = signature.inputs.iter().filter_map(|p| p.value).collect();
        let reached = calls.from(signature.graph, &given, outputs.collect(), Vec::new());
        note(Entry::Signature(at), reached);
    }
    let init = meta_graph.initializers().to_vec();
    if !init.is_empty() {
        note(Entry::Init, calls.from(0, &[], Vec::new(), init));
    }
    if !meta_graph.saver.is_empty() {
        let saver = meta_graph.saver.clone();
        note(Entry::Saver, calls.from(0, &[], Vec::new(), saver));
    }
    for graph in calls.offered() {
        note(Entry::Function(graph), calls.through(graph));
    }
    found
}

/// Which graphs each graph calls.
struct Calls<'m> {
    meta_graph: &'m MetaGraph,
    index: HashMap<&'m str, usize>,
    callees: Vec<Vec<usize>>,
    /// Nodes looked at. Past [`MOST_WORK`] every entry counts as running everything.
    work: usize,
}

/// Enough for any real model; a hostile one has many signatures over many nodes.
const MOST_WORK: usize = 50_000_000;

impl<'m> Calls<'m> {
    fn of(meta_graph: &'m MetaGraph) -> Self {
        let graphs = meta_graph.graphs.iter().enumerate();
        let mut calls = Calls {
            meta_graph,
            index: graphs.map(|(i, g)| (&*g.name, i)).collect(),
            callees: Vec::new(),
            work: 0,
        };
        calls.callees = meta_graph
            .graphs
            .iter()
            .map(|graph| {
                let ids = graph.node_ids();
                let mut all: Vec<usize> = ids.flat_map(|id| calls.of_node(graph, id)).collect();
                all.sort_unstable();
                all.dedup();
                all
            })
            .collect();
        calls
    }

    fn of_node(&self, graph: &'m Graph, id: NodeId) -> Vec<usize> {
        let node = graph.node(id);
        if graph.dialect == Dialect::Tflite {
            let attrs = node.attrs.iter();
            let subgraphs =
                attrs.filter(|(name, _)| name.ends_with("subgraph_index") || *name == "subgraph");
            return subgraphs
                .filter_map(|(_, attr)| usize::try_from(attr.as_int()?).ok())
                .collect();
        }
        node.functions()
            .chain([&*node.op])
            .filter_map(|name| self.index.get(name).copied())
            .collect()
    }

    /// Graphs of the functions that the object graph offers to whoever loads the model.
    fn offered(&self) -> Vec<usize> {
        let objects = self.meta_graph.objects.nodes.iter();
        let names = objects.flat_map(|object| match &object.kind {
            ObjectKind::Function { concrete } => concrete.as_slice(),
            ObjectKind::BareFunction { concrete } => std::slice::from_ref(concrete),
            _ => &[],
        });
        let mut offered: Vec<usize> = names
            .filter_map(|name| self.index.get(&**name).copied())
            .collect();
        offered.sort_unstable();
        offered.dedup();
        offered
    }

    /// A function or subgraph with all that it calls.
    fn through(&mut self, graph: usize) -> Reached {
        let mut reached = Reached {
            main: Vec::new(),
            graphs: vec![false; self.callees.len()],
        };
        self.spread(vec![graph], &mut reached);
        reached
    }

    fn spread(&mut self, mut stack: Vec<usize>, reached: &mut Reached) {
        self.work += reached.graphs.len() + reached.main.len();
        if self.work > MOST_WORK {
            reached.main.fill(true);
            reached.graphs.fill(true);
        }
        while let Some(graph) = stack.pop() {
            self.work += 1;
            if let Some(flag) = reached.graphs.get_mut(graph)
                && !std::mem::replace(flag, true)
            {
                stack.extend(&self.callees[graph]);
            }
        }
    }

    /// What `outputs` and `nodes` of a graph need; what makes a value that is `given` is not needed.
    fn from(
        &mut self,
        at: usize,
        given: &[ValueId],
        outputs: Vec<ValueId>,
        nodes: Vec<NodeId>,
    ) -> Reached {
        let Some(graph) = self.meta_graph.graphs.get(at) else {
            return self.through(usize::MAX);
        };
        if graph.dialect == Dialect::Tflite {
            return self.through(at);
        }
        let mut reached = Reached {
            main: vec![false; graph.nodes.len()],
            graphs: vec![false; self.callees.len()],
        };
        let producer = |value: ValueId| match given.contains(&value) {
            true => None,
            false => graph.value(value).producer.map(|(id, _)| id),
        };
        let mut stack = nodes;
        stack.extend(outputs.into_iter().filter_map(producer));
        let mut called = Vec::new();
        if self.work > MOST_WORK {
            stack.clear();
        }
        while let Some(id) = stack.pop() {
            self.work += 1;
            let Some(flag) = reached.main.get_mut(id.index()) else {
                continue;
            };
            if std::mem::replace(flag, true) {
                continue;
            }
            let node = graph.node(id);
            stack.extend(node.inputs.iter().flatten().filter_map(|&v| producer(v)));
            stack.extend(&node.control);
            called.extend(self.of_node(graph, id));
        }
        self.spread(called, &mut reached);
        reached
    }
}

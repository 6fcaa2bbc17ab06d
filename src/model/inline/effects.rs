//! Which operators change something that others can see, and the order that only those need.

use foldhash::HashMap;
use std::cell::RefCell;

use super::callee;
use crate::model::{Graph, Node, NodeId, opdef};

/// Registered as stateful, but only for what they read.
const READERS: &[&str] = &[
    "ReadVariableOp",
    "VarHandleOp",
    "VarIsInitializedOp",
    "VariableV2",
    "Variable",
    "VariableShape",
    "ResourceGather",
    "ResourceGatherNd",
    "Placeholder",
    "PlaceholderV2",
    "HashTableV2",
    "HashTable",
    "LookupTableFindV2",
    "LookupTableFind",
    "LookupTableSizeV2",
    "LookupTableSize",
    "LookupTableExportV2",
    "NoOp",
];

/// Knows the functions that control flow operators run.
pub struct Effects<'a> {
    functions: &'a HashMap<&'a str, &'a Graph>,
    /// Functions looked at already; one being looked at counts as without effects.
    known: RefCell<HashMap<&'a str, bool>>,
}

impl<'a> Effects<'a> {
    pub fn new(functions: &'a HashMap<&'a str, &'a Graph>) -> Self {
        Effects {
            functions,
            known: RefCell::default(),
        }
    }

    /// Whether running the node, or not, or at another time, can be told from outside. Functions are looked into
    /// down to `DEEPEST_CALL`, what lies deeper counts as an effect.
    pub fn has(&self, node: &Node) -> bool {
        self.node(node, super::DEEPEST_CALL)
    }

    fn node(&self, node: &Node, depth: usize) -> bool {
        let op = &*node.op;
        if READERS.contains(&op) {
            return false;
        }
        if self.functions.contains_key(op) {
            return self.function(op, depth);
        }
        let functions: Vec<&str> = node.functions().collect();
        if !functions.is_empty() && (callee(node).is_some() || is_control_flow(op)) {
            return functions.iter().any(|name| self.function(name, depth));
        }
        opdef::lookup(op).is_none_or(|def| def.stateful || assigns(def))
    }

    fn function(&self, name: &str, depth: usize) -> bool {
        let Some((&key, &graph)) = self.functions.get_key_value(name) else {
            return true;
        };
        if let Some(&known) = self.known.borrow().get(key) {
            return known;
        }
        if depth == 0 {
            return true;
        }
        self.known.borrow_mut().insert(key, false);
        let found = graph.nodes.iter().any(|n| self.node(n, depth - 1));
        self.known.borrow_mut().insert(key, found);
        found
    }
}

/// Operators on references (TF1's `Assign`) are not registered as stateful.
fn assigns(def: &opdef::OpDef) -> bool {
    def.outputs.iter().any(|arg| arg.reference)
}

fn is_control_flow(op: &str) -> bool {
    matches!(
        op,
        "While" | "StatelessWhile" | "If" | "StatelessIf" | "Case" | "StatelessCase" | "For"
    )
}

/// Whether control edges say which branch of a condition of TensorFlow 1 a node belongs to.
fn decides(node: &Node) -> bool {
    matches!(&*node.op, "Switch" | "RefSwitch")
}

/// Drops what nothing needs. Without any effect or condition in the graph the order of control edges means nothing.
pub fn tidy(graph: &mut Graph, mut must_run: Vec<NodeId>, effects: &Effects) {
    must_run.sort_unstable();
    must_run.dedup();
    graph.control_outputs = must_run;
    let ordered = |node: &Node| effects.has(node) || decides(node);
    if !graph.nodes.iter().any(ordered) {
        graph.control_outputs.clear();
        graph.nodes.iter_mut().for_each(|node| node.control.clear());
    } else {
        // Work that is only read is done when somebody reads it.
        let nodes = &graph.nodes;
        graph.control_outputs.retain(|id| {
            let node = &nodes[id.index()];
            effects.has(node) || !node.control.is_empty()
        });
    }
    graph.remove_dead(|_| false);
}

//! What is no part of the flow of data: constants, variables, and what is computed from them alone.

use std::collections::HashMap;

use crate::model::{DType, Graph, MetaGraph, Node, NodeId, ValueId, VariableId};

/// Where the values of a weight come from in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A constant of this graph.
    Constant(ValueId),
    /// A variable's handle or a TF1 variable in this graph.
    Variable(NodeId),
    /// Argument `index` of this function.
    Argument(usize),
}

/// A weight as its consumer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weight {
    /// Which input of the consumer it is.
    pub slot: usize,
    /// The value that the consumer takes.
    pub value: ValueId,
    /// Constants and variables that it is made of; one as a rule, more after folded arithmetic.
    pub origins: Vec<Origin>,
}

/// Which nodes and arguments only serve to bring weights to their consumers.
#[derive(Debug, Clone)]
pub struct Weights {
    node: Vec<bool>,
    value: Vec<bool>,
    arguments: Arguments,
}

/// Which argument of its graph a value is.
type Arguments = HashMap<ValueId, usize>;

fn arguments(graph: &Graph) -> Arguments {
    let mut arguments = Arguments::new();
    for (index, input) in graph.inputs.iter().enumerate() {
        if let Some(value) = input {
            arguments.entry(*value).or_insert(index);
        }
    }
    arguments
}

/// Where a function's argument comes from, seen from its callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    Variable(VariableId),
    /// A constant in the graph with this index.
    Constant(usize, ValueId),
}

/// Variables that operators hold by themselves.
fn is_source(op: &str) -> bool {
    matches!(
        op,
        "Const"
            | "VarHandleOp"
            | "Variable"
            | "VariableV2"
            | "HashTableV2"
            | "MutableHashTableV2"
            | "VAR_HANDLE"
            | "HASHTABLE"
    )
}

/// Operators that do something although all they take is weights. What a custom one does, nobody knows.
fn acts(node: &Node) -> bool {
    const PREFIXES: &[&str] = &[
        "Assign",
        "EagerPyFunc",
        "MatchingFiles",
        "Print",
        "PyFunc",
        "ReadFile",
        "WriteFile",
        "Save",
        "Restore",
        "Random",
        "Stateless",
        "Stateful",
        "Partitioned",
        "While",
        "If",
        "Case",
        "Print",
        "Assert",
        "ASSIGN",
        "RANDOM",
        "WHILE",
        "IF",
        "CALL",
        "Merge",
        "Switch",
        "NextIteration",
        "Stack",
        "TensorArray",
        "TensorList",
        "LookupTable",
        "InitializeTable",
    ];
    let op = match (node.flex_op(), &node.custom) {
        (Some(op), _) => op,
        (None, Some(_)) => return true,
        (None, None) => &node.op,
    };
    PREFIXES.iter().any(|prefix| op.starts_with(prefix))
}

impl Weights {
    /// `bound` marks arguments that callers bind to constants; arguments that are resources always count.
    pub fn of(graph: &Graph, bound: &[bool]) -> Self {
        let mut weights = Weights::none(graph);
        for (index, input) in graph.inputs.iter().enumerate() {
            if let Some(id) = input {
                let resource = graph.value(*id).dtype == DType::Resource;
                weights.value[id.index()] |= resource || bound.get(index).copied().unwrap_or(false);
            }
        }
        let order = graph
            .topological_order()
            .unwrap_or_else(|_| graph.node_ids().collect());
        for id in order {
            let node = graph.node(id);
            let derived = node.inputs.iter().flatten().count() > 0
                && !acts(node)
                && node
                    .inputs
                    .iter()
                    .flatten()
                    .all(|v| weights.value[v.index()]);
            if is_source(&node.op) || derived {
                weights.node[id.index()] = true;
                for output in &node.outputs {
                    weights.value[output.index()] = true;
                }
            }
        }
        weights.keep_results(graph);
        weights
    }

    /// Nothing is a weight: everything is drawn.
    pub fn none(graph: &Graph) -> Self {
        Weights {
            node: vec![false; graph.nodes.len()],
            value: graph
                .values
                .iter()
                .map(|v| v.producer.is_none() && v.data.is_some())
                .collect(),
            arguments: arguments(graph),
        }
    }

    /// A constant that is itself a result of the graph stays in sight.
    fn keep_results(&mut self, graph: &Graph) {
        for id in graph.outputs.iter().flatten() {
            self.value[id.index()] = false;
            if let Some((node, _)) = graph.value(*id).producer {
                self.node[node.index()] = false;
            }
        }
    }

    pub fn is_node(&self, id: NodeId) -> bool {
        self.node[id.index()]
    }

    pub fn is_value(&self, id: ValueId) -> bool {
        self.value[id.index()]
    }

    /// The weights among the inputs of a node.
    pub fn at(&self, graph: &Graph, id: NodeId) -> Vec<Weight> {
        let inputs = graph.node(id).inputs.iter().enumerate();
        inputs
            .filter_map(|(slot, input)| input.map(|v| (slot, v)))
            .filter(|(_, v)| self.is_value(*v))
            .map(|(slot, value)| Weight {
                slot,
                value,
                origins: origins(graph, &self.arguments, value),
            })
            .collect()
    }
}

/// The constants, variables and arguments that `value` is made of, at most 16 of them.
fn origins(graph: &Graph, arguments: &Arguments, value: ValueId) -> Vec<Origin> {
    const SHOWN: usize = 16;
    const LOOKED_AT: usize = 1000;
    let mut found = Vec::new();
    let mut seen = vec![value];
    let mut next = 0;
    while next < seen.len() && seen.len() < LOOKED_AT && found.len() < SHOWN {
        let id = seen[next];
        next += 1;
        let at = graph.value(id);
        match at.producer {
            None if at.data.is_some() => found.push(Origin::Constant(id)),
            None => {
                let argument = arguments.get(&id).copied();
                found.extend(argument.map(Origin::Argument));
            }
            Some((node, _)) if &*graph.node(node).op == "Const" => {
                found.push(Origin::Constant(id));
            }
            Some((node, _)) if is_source(&graph.node(node).op) => {
                found.push(Origin::Variable(node));
            }
            Some((node, _)) => {
                for input in graph.node(node).inputs.iter().flatten() {
                    if !seen.contains(input) {
                        seen.push(*input);
                    }
                }
            }
        }
    }
    found
}

/// For each graph and each of its arguments what callers bind to it; the first caller decides.
/// Arguments that get data from their callers are `None`.
pub fn bindings(meta_graph: &MetaGraph) -> Vec<Vec<Option<Bound>>> {
    let index: HashMap<&str, usize> = meta_graph
        .graphs
        .iter()
        .enumerate()
        .map(|(i, g)| (&*g.name, i))
        .collect();
    let mut bound: Vec<Vec<Option<Bound>>> = meta_graph
        .graphs
        .iter()
        .map(|g| vec![None; g.inputs.len()])
        .collect();
    let mut done = vec![false; meta_graph.graphs.len()];
    // Graphs that nobody calls first, then their callees: a caller's own bindings are known by then.
    let mut queue: std::collections::VecDeque<usize> = (0..meta_graph.graphs.len()).collect();
    while let Some(at) = queue.pop_front() {
        if std::mem::replace(&mut done[at], true) {
            continue;
        }
        let graph = &meta_graph.graphs[at];
        let arguments = arguments(graph);
        for node in &graph.nodes {
            for callee in callees(node) {
                let Some(&to) = index.get(callee) else {
                    continue;
                };
                if to == at || bound[to].iter().any(Option::is_some) {
                    continue;
                }
                let skipped = usize::from(matches!(
                    &*node.op,
                    "If" | "StatelessIf" | "Case" | "StatelessCase" | "IF"
                ));
                // What a loop begins with is not what it goes on with; only variables stay.
                let stays =
                    |b: &Bound| !node.op.ends_with("hile") || matches!(b, Bound::Variable(_));
                for (slot, input) in node.inputs.iter().skip(skipped).enumerate() {
                    let Some(value) = input else { continue };
                    let source =
                        source_of(meta_graph, (&bound[at], &arguments), at, *value).filter(stays);
                    if let Some(place) = bound[to].get_mut(slot) {
                        *place = source;
                    }
                }
                if !done[to] {
                    queue.push_front(to);
                }
            }
        }
    }
    bound
}

fn source_of(
    meta_graph: &MetaGraph,
    (bound, arguments): (&[Option<Bound>], &Arguments),
    at: usize,
    value: ValueId,
) -> Option<Bound> {
    let graph = &meta_graph.graphs[at];
    match origins(graph, arguments, value).as_slice() {
        [Origin::Constant(id)] => Some(Bound::Constant(at, *id)),
        [Origin::Variable(node)] => graph.node(*node).variable.map(Bound::Variable),
        [Origin::Argument(index)] => bound.get(*index).copied().flatten(),
        _ => None,
    }
}

/// Names of the functions that a node calls: its function attributes, and its own name of operator.
pub fn callees(node: &crate::model::Node) -> impl Iterator<Item = &str> {
    node.functions().chain(std::iter::once(&*node.op))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_tensors_are_made_in_either_dialect_and_custom_operators_do_something() {
        let custom = |name: &str| {
            let mut node = Node::new("n", "CUSTOM");
            node.custom = Some(name.into());
            node
        };
        assert!(acts(&Node::new("n", "TensorListReserve")));
        assert!(acts(&custom("FlexTensorListReserve")) && acts(&custom("MakeAnchors")));
        assert!(!acts(&custom("FlexRange")) && !acts(&Node::new("n", "DEQUANTIZE")));
    }
}

//! What the signatures of a model reach: which operators take a stored tensor, which variables are used, which inputs
//! and outputs have nothing to do with each other.

use std::collections::{HashMap, HashSet};

use super::sizes::Place;
use crate::model::inline::flatten;
use crate::model::{Graph, MetaGraph, Model, Name, NodeId, Signature, ValueId, VariableId};

/// An operator that takes a stored tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    pub node: Name,
    pub op: Name,
    /// Which of its inputs the tensor is.
    pub slot: usize,
    /// A matrix that the operator takes transposed.
    pub transposed: bool,
}

/// What a look at each signature found. Functions are inlined for it, which is most of the work: it is done once for
/// all who ask.
#[derive(Debug, Default)]
pub struct Usage {
    uses: HashMap<Place, Vec<Use>>,
    /// Variables that an operator of a signature, or of a function of loops and branches, holds.
    pub(super) held: HashSet<VariableId>,
    /// Some signature could not be inlined: what it uses is not known.
    pub(super) incomplete: bool,
    pub(super) idle: Vec<Idle>,
}

/// The ports of a signature that change nothing, and that nothing changes, as indices.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Idle {
    pub meta_graph: usize,
    pub signature: usize,
    /// No output depends on them.
    pub inputs: Vec<usize>,
    /// They are the same for every input.
    pub outputs: Vec<usize>,
}

/// Operators that hand a weight on without changing what it is.
const TRANSPARENT: [&str; 8] = [
    "ReadVariableOp",
    "Identity",
    "Cast",
    "Enter",
    "Switch",
    "DEQUANTIZE",
    "CAST",
    "QUANTIZE",
];

impl Usage {
    /// A SavedModel is followed through its signatures; a function that no signature calls counts for nothing.
    pub fn of(model: &Model) -> Usage {
        let mut usage = Usage::default();
        for (index, meta_graph) in model.meta_graphs.iter().enumerate() {
            usage.constants(index, meta_graph);
            for (at, signature) in meta_graph.signatures.iter().enumerate() {
                // A signature that can't be inlined says so when it is run.
                match flatten(meta_graph, signature) {
                    Ok(graph) => usage.signature((index, at), signature, &graph),
                    Err(_) => usage.incomplete = true,
                }
            }
            // Functions of loops and branches hold variables themselves.
            let functions = meta_graph.graphs.iter().skip(1);
            let held = functions.flat_map(|g| g.nodes.iter().filter_map(|n| n.variable));
            usage.held.extend(held);
        }
        usage
    }

    /// The operators that take what is stored at `place`, looked at through reads, casts and calls of functions.
    pub fn uses(&self, place: &Place) -> &[Use] {
        self.uses.get(place).map_or(&[], Vec::as_slice)
    }

    /// Whether an operator of a signature holds the variable.
    pub fn is_served(&self, variable: VariableId) -> bool {
        self.uses.contains_key(&Place::Variable(variable))
    }

    fn constants(&mut self, meta_graph: usize, of: &MetaGraph) {
        for (index, graph) in of.graphs.iter().enumerate() {
            if graph.values.iter().all(|v| v.data.is_none()) {
                continue;
            }
            let consumers = graph.consumers();
            for id in graph.value_ids() {
                if graph.value(id).data.is_some() {
                    let place = Place::Constant {
                        meta_graph,
                        graph: index,
                        value: id,
                    };
                    follow(graph, &consumers, id, self.uses.entry(place).or_default());
                }
            }
        }
    }

    fn signature(&mut self, at: (usize, usize), signature: &Signature, graph: &Graph) {
        let consumers = graph.consumers();
        for node in &graph.nodes {
            let Some(variable) = node.variable else {
                continue;
            };
            self.held.insert(variable);
            if let Some(&output) = node.outputs.first() {
                let uses = self.uses.entry(Place::Variable(variable)).or_default();
                follow(graph, &consumers, output, uses);
            }
        }
        // Sparse and composite inputs are not followed.
        if signature.inputs.is_empty() || signature.inputs.iter().any(|p| p.value.is_none()) {
            return;
        }
        let idle = Idle {
            meta_graph: at.0,
            signature: at.1,
            inputs: unused_inputs(graph, &consumers),
            outputs: constant_outputs(graph),
        };
        if !idle.inputs.is_empty() || !idle.outputs.is_empty() {
            self.idle.push(idle);
        }
    }
}

/// Outputs that no input changes, nor chance, nor what earlier runs left behind.
fn constant_outputs(graph: &Graph) -> Vec<usize> {
    let given: HashSet<ValueId> = graph.inputs.iter().flatten().copied().collect();
    let changes_state = || {
        let mut ops = graph.nodes.iter().map(|n| &*n.op);
        ops.any(|op| has(op, "assign") || has(op, "scatter"))
    };
    let outputs = graph.outputs.iter().enumerate();
    outputs
        .filter_map(|(index, output)| {
            let before = before(graph, (*output)?);
            let any = |word: &str| before.ops.iter().any(|op| has(op, word));
            let changes = before.values.iter().any(|v| given.contains(v))
                || any("random")
                || (any("var") && changes_state());
            (!changes).then_some(index)
        })
        .collect()
}

/// Whether the name of an operator has `word` in it, which is in lower case.
fn has(op: &str, word: &str) -> bool {
    let mut windows = op.as_bytes().windows(word.len());
    windows.any(|w| w.eq_ignore_ascii_case(word.as_bytes()))
}

fn unused_inputs(graph: &Graph, consumers: &[Vec<NodeId>]) -> Vec<usize> {
    let inputs = graph.inputs.iter().enumerate();
    inputs
        .filter_map(|(index, input)| {
            let id = (*input)?;
            let unused = consumers[id.index()].is_empty() && !graph.outputs.contains(input);
            unused.then_some(index)
        })
        .collect()
}

struct Before<'g> {
    values: HashSet<ValueId>,
    ops: HashSet<&'g str>,
}

/// Everything that a value is made of.
fn before(graph: &Graph, value: ValueId) -> Before<'_> {
    let mut values = HashSet::from([value]);
    let mut seen = vec![false; graph.nodes.len()];
    let mut ops = HashSet::new();
    let mut stack = vec![value];
    while let Some(value) = stack.pop() {
        let Some((id, _)) = graph.value(value).producer else {
            continue;
        };
        if std::mem::replace(&mut seen[id.index()], true) {
            continue;
        }
        let node = graph.node(id);
        ops.insert(&*node.op);
        let inputs = node.inputs.iter().flatten();
        stack.extend(inputs.copied().filter(|v| values.insert(*v)));
    }
    Before { values, ops }
}

fn follow(graph: &Graph, consumers: &[Vec<NodeId>], start: ValueId, uses: &mut Vec<Use>) {
    let mut stack = vec![start];
    let mut seen = vec![start];
    while let Some(value) = stack.pop() {
        for &id in consumers.get(value.index()).into_iter().flatten() {
            let node = graph.node(id);
            if TRANSPARENT.contains(&&*node.op) {
                for &output in &node.outputs {
                    if !seen.contains(&output) {
                        seen.push(output);
                        stack.push(output);
                    }
                }
                continue;
            }
            let slot = node.inputs.iter().position(|input| *input == Some(value));
            let flag = |name: &str| node.attrs.bool(name).unwrap_or(false);
            let found = Use {
                node: node.name.clone(),
                op: match node.op_label() {
                    label if label == &*node.op => node.op.clone(),
                    label => Name::from(label),
                },
                slot: slot.unwrap_or(0),
                transposed: flag("transpose_b") || flag("adj_y"),
            };
            if !uses.contains(&found) {
                uses.push(found);
            }
        }
    }
}

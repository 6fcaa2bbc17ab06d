//! A subgraph of a `.tflite` as a [`Graph`].

use std::collections::HashSet;

use bytes::Bytes;

use super::flat::Table;
use super::generated::tflite as slots;
use super::options;
use super::read::Reader;
use super::tensor;
use crate::error::{Error, Result};
use crate::model::{
    Attr, Attrs, DType, Dialect, Graph, GraphKind, Name, Node, NodeId, Shape, TensorData, ValueId,
};

/// Stands for no index into the metadata `debug_metadata`.
const NO_DEBUG: i32 = -1;

/// Attributes that are numbers of subgraphs.
const SUBGRAPH_ATTRS: [&str; 9] = [
    "then_subgraph_index",
    "else_subgraph_index",
    "cond_subgraph_index",
    "body_subgraph_index",
    "init_subgraph_index",
    "decomposition_subgraph_index",
    "comparator_subgraph_index",
    "update_computation_subgraph_index",
    "subgraph",
];

pub(super) fn read(reader: &mut Reader<'_>, table: Table<'_>, subgraphs: usize) -> Result<Graph> {
    let table = table.known("SubGraph", slots::SubGraph::VT_DEBUG_METADATA_INDEX);
    let name = table.text(slots::SubGraph::VT_NAME)?.unwrap_or_default();
    let mut graph = Graph::new(name, GraphKind::Subgraph, Dialect::Tflite);
    let tensors = table.tables(slots::SubGraph::VT_TENSORS)?;
    let mut ranks_are_known = false;
    for (index, table) in tensors.iter().enumerate() {
        let value = table
            .and_then(|table| {
                ranks_are_known |= table.flag(slots::Tensor::VT_HAS_RANK, false)?;
                tensor::read(reader, table, tensors.len())
            })
            .map_err(|e| e.at(format_args!("tensors[{index}]")))?;
        graph.values.push(value);
    }
    let ends = |slot, what: &str| -> Result<Vec<Option<ValueId>>> {
        let indices = table.numbers::<i32>(slot)?.unwrap_or_default();
        indices
            .into_iter()
            .map(|index| optional(index, tensors.len()).map_err(|e| e.at(what)))
            .collect()
    };
    graph.inputs = ends(slots::SubGraph::VT_INPUTS, "inputs")?;
    graph.outputs = ends(slots::SubGraph::VT_OUTPUTS, "outputs")?;
    let debug = table.scalar(slots::SubGraph::VT_DEBUG_METADATA_INDEX, NO_DEBUG)?;
    if debug != NO_DEBUG {
        graph
            .attrs
            .set(options::DEBUG_METADATA_INDEX, Attr::Int(debug.into()));
    }
    let mut names = UniqueNames::default();
    let operators = table.tables(slots::SubGraph::VT_OPERATORS)?;
    for (index, operator) in operators.iter().enumerate() {
        let node = operator
            .and_then(|operator| read_operator(reader, operator, index, &graph, &mut names))
            .and_then(|node| check_subgraphs(&node.attrs, subgraphs).map(|()| node))
            .map_err(|e| e.at(format_args!("operators[{index}]")))?;
        add(&mut graph, node, index)?;
    }
    settle(&mut graph, ranks_are_known);
    warn_about_flow(reader, &graph);
    Ok(graph)
}

/// The tensor with this number.
pub(super) fn numbered(index: i64, tensors: usize) -> Result<ValueId> {
    u32::try_from(index)
        .ok()
        .filter(|&i| (i as usize) < tensors)
        .map(ValueId)
        .ok_or_else(|| Error::unreadable(format!("refers to tensor {index}; there are {tensors}")))
}

/// As [`numbered`]; -1 is none.
pub(super) fn optional(index: i32, tensors: usize) -> Result<Option<ValueId>> {
    match index {
        -1 => Ok(None),
        index => numbered(index.into(), tensors).map(Some),
    }
}

fn read_operator(
    reader: &Reader<'_>,
    table: Table<'_>,
    index: usize,
    graph: &Graph,
    names: &mut UniqueNames,
) -> Result<Node> {
    use slots::Operator as O;
    let table = table.known("Operator", O::VT_DEBUG_METADATA_INDEX);
    let number = table.scalar(O::VT_OPCODE_INDEX, 0u32)?;
    let code = reader.codes.get(number as usize).ok_or_else(|| {
        Error::unreadable(format!(
            "refers to operator code {number}; there are {}",
            reader.codes.len()
        ))
    })?;
    let tensors = graph.values.len();
    let list = |slot| Ok::<_, Error>(table.numbers::<i32>(slot)?.unwrap_or_default());
    let all = |slot, what: &str| -> Result<Vec<ValueId>> {
        list(slot)?
            .into_iter()
            .map(|i| numbered(i.into(), tensors).map_err(|e| e.at(what)))
            .collect()
    };
    let mut node = Node::new("", code.shown.op.clone());
    // Beside a builtin operator the name says nothing; the operator code keeps it.
    node.custom = code.shown.custom.clone().filter(|_| &*node.op == "CUSTOM");
    node.version = code.shown.version;
    node.inputs = list(O::VT_INPUTS)?
        .into_iter()
        .map(|i| optional(i, tensors).map_err(|e| e.at("inputs")))
        .collect::<Result<_>>()?;
    node.outputs = all(O::VT_OUTPUTS, "outputs")?;
    node.intermediates = list(O::VT_INTERMEDIATES)?
        .into_iter()
        .map(|i| optional(i, tensors).map_err(|e| e.at("intermediates")))
        .collect::<Result<_>>()?;
    let first = node.outputs.first().map(|&v| graph.value(v).name.clone());
    node.name = names.take(match first {
        Some(name) if !name.is_empty() => name,
        _ => Name::from(format!("{}_{index}", node.op_label())),
    });
    let large = table.scalar(O::VT_LARGE_CUSTOM_OPTIONS_OFFSET, 0u64)?;
    let custom = match table.bytes(O::VT_CUSTOM_OPTIONS)? {
        Some(bytes) => Some(reader.share(bytes)),
        None if large > 1 => {
            let size = table.scalar(O::VT_LARGE_CUSTOM_OPTIONS_SIZE, 0u64)?;
            Some(
                reader
                    .outside(large, size)
                    .map_err(|e| e.at("large_custom_options"))?,
            )
        }
        None => None,
    };
    node.attrs = options::read(reader, code.number, table, custom, node.flex_op())
        .map_err(|e| e.at(node.op_label()))?;
    if let Some(mutating) = table.numbers::<u8>(O::VT_MUTATING_VARIABLE_INPUTS)? {
        let flags = mutating.into_iter().map(|v| Attr::Bool(v != 0)).collect();
        node.attrs
            .set(options::MUTATING_VARIABLE_INPUTS, Attr::List(flags));
    }
    let debug = table.scalar(O::VT_DEBUG_METADATA_INDEX, NO_DEBUG)?;
    if debug != NO_DEBUG {
        node.attrs
            .set(options::DEBUG_METADATA_INDEX, Attr::Int(debug.into()));
    }
    Ok(node)
}

/// Subgraphs that an operator names have to exist.
fn check_subgraphs(attrs: &Attrs, subgraphs: usize) -> Result<()> {
    for name in SUBGRAPH_ATTRS {
        let number = attrs.int(name);
        if number.is_some_and(|n| usize::try_from(n).is_ok_and(|n| n >= subgraphs)) {
            return Err(Error::unreadable(format!(
                "{name} is {}; there are {subgraphs} subgraphs",
                number.unwrap_or_default()
            )));
        }
    }
    Ok(())
}

/// Adds a node; a tensor has one source only.
fn add(graph: &mut Graph, node: Node, index: usize) -> Result<()> {
    let id = NodeId(graph.nodes.len() as u32);
    for (slot, &output) in node.outputs.iter().enumerate() {
        let is_input = graph.inputs.contains(&Some(output));
        let value = graph.value_mut(output);
        let what = match (&value.producer, &value.data) {
            _ if is_input => "an input of the subgraph",
            (Some(_), _) => "already written by another operator",
            (_, Some(_)) => "a constant",
            (None, None) => {
                value.producer = Some((id, slot as u32));
                continue;
            }
        };
        return Err(Error::unreadable(format!(
            "Output tensor {} to op {index} ({}) is {what}",
            output.0,
            node.op_label()
        )));
    }
    graph.nodes.push(node);
    Ok(())
}

/// In files that never say whether they know a rank, a tensor without dimensions is a scalar. A tensor without
/// elements that operators use and nothing makes is a constant, too: it needs no bytes.
fn settle(graph: &mut Graph, ranks_are_known: bool) {
    let inputs: HashSet<ValueId> = graph.inputs.iter().flatten().copied().collect();
    let uses = graph.nodes.iter().flat_map(|n| &n.inputs);
    let used: HashSet<ValueId> = uses.chain(&graph.outputs).flatten().copied().collect();
    for id in graph.value_ids() {
        let value = graph.value_mut(id);
        if !ranks_are_known && value.shape.0.is_none() {
            value.shape = Shape::scalar();
        }
        let made = value.producer.is_some() || value.is_variable || inputs.contains(&id);
        if !made
            && used.contains(&id)
            && value.data.is_none()
            && value.stored_shape.elements() == Some(0)
        {
            value.data = Some(match value.dtype {
                DType::String => TensorData::Strings([].into()),
                _ => TensorData::plain(Bytes::new()),
            });
        }
    }
}

/// Inputs that nothing makes before they are used: the model can be shown, and not run. What a custom operator takes
/// may be room for it to work in, as those of Arm's Vela do.
fn warn_about_flow(reader: &mut Reader<'_>, graph: &Graph) {
    const MOST: usize = 20;
    let mut inputs: HashSet<ValueId> = graph.inputs.iter().flatten().copied().collect();
    inputs.extend(graph.value_ids().filter(|&id| {
        let value = graph.value(id);
        value.is_variable || value.data.is_some()
    }));
    let mut found = 0;
    for (index, node) in graph.nodes.iter().enumerate() {
        let custom = node.custom.is_some();
        for input in node.inputs.iter().flatten() {
            if !inputs.contains(input) && !custom && found < MOST {
                found += 1;
                reader.warnings.push(
                    Error::unreadable(format!(
                        "Input tensor {} to op {index} ({}) is not produced",
                        input.0,
                        node.op_label()
                    ))
                    .at(format_args!("subgraph {:?}", graph.name)),
                );
            }
        }
        inputs.extend(node.outputs.iter().copied());
        inputs.extend(node.intermediates.iter().flatten().copied());
    }
}

/// Gives out names that were not given before: `add`, `add#2`, ….
#[derive(Default)]
pub(super) struct UniqueNames {
    given: HashSet<Name>,
    /// How often each name was asked for, so that a thousand equal ones are not a million tries.
    asked: std::collections::HashMap<Name, usize>,
}

impl UniqueNames {
    pub fn take(&mut self, name: Name) -> Name {
        let asked = self.asked.entry(name.clone()).or_default();
        loop {
            *asked += 1;
            let candidate = match *asked {
                1 => name.clone(),
                n => Name::from(format!("{name}#{n}")),
            };
            if self.given.insert(candidate.clone()) {
                return candidate;
            }
        }
    }
}

//! Which node holds which stored variable, read from the subgraph that restores them.

use foldhash::{HashMap, HashMapExt};
use std::sync::Arc;

use crate::model::{
    Attr, Graph, Name, Node, NodeId, ObjectGraph, ObjectKind, TensorData, ValueId, VariableId,
};

/// A stored tensor, or a block of one.
#[derive(Debug, Clone)]
struct Source {
    key: Name,
    slice: Option<Arc<[(usize, usize)]>>,
}

/// Every key that some RestoreV2 names, and the nodes that are filled from it.
#[derive(Debug, Default)]
pub struct Restored {
    pub keys: Vec<Name>,
    /// Node of the main graph, and what it is filled from.
    nodes: Vec<(NodeId, Source)>,
    /// Calls followed so far.
    calls: usize,
}

/// Restore functions are called from the graph itself, at most through a few layers.
const DEEPEST_CALL: usize = 8;
/// A model has a handful; functions that call themselves many times over must end.
const MOST_CALLS: usize = 1000;
/// Chains of Identity and the like between an assignment and what it assigns.
const LONGEST_CHAIN: usize = 64;

/// Looks through the main graph (the first of `graphs`) and the functions it calls to restore.
pub fn restored(graphs: &[Graph]) -> Restored {
    let mut found = Restored::default();
    let Some(main) = graphs.first() else {
        return found;
    };
    let functions: HashMap<&str, &Graph> = graphs
        .iter()
        .skip(1)
        .filter(|g| restores(g))
        .map(|g| (&*g.name, g))
        .collect();
    scan(main, &[], &functions, 0, &mut found);
    found.keys.sort();
    found.keys.dedup();
    found
}

/// `arguments`: for a function, the main graph's node behind each argument.
fn scan(
    graph: &Graph,
    arguments: &[Option<NodeId>],
    functions: &HashMap<&str, &Graph>,
    depth: usize,
    found: &mut Restored,
) {
    let sources = sources(graph, found);
    let holder = |value: Option<ValueId>| holder(graph, arguments, value?, depth);
    for node in &graph.nodes {
        match &*node.op {
            "AssignVariableOp" | "Assign" if !sources.is_empty() => {
                let source = node.input(1).and_then(|v| trace(graph, v, &sources));
                if let (Some(source), Some(id)) = (source, holder(node.input(0))) {
                    found.nodes.push((id, source.clone()));
                }
            }
            // Only the keys: where they are, the values are beside them.
            "LookupTableImportV2" | "LookupTableImport" if !sources.is_empty() => {
                let source = node.input(1).and_then(|v| trace(graph, v, &sources));
                if let (Some(source), Some(id)) = (source, holder(node.input(0))) {
                    found.nodes.push((id, source.clone()));
                }
            }
            _ => {
                let function = callee(node).and_then(|name| functions.get(name));
                let function =
                    function.filter(|_| depth < DEEPEST_CALL && found.calls < MOST_CALLS);
                if let Some(function) = function {
                    found.calls += 1;
                    let arguments: Vec<_> = node.inputs.iter().map(|&v| holder(v)).collect();
                    scan(function, &arguments, functions, depth + 1, found);
                }
            }
        }
    }
}

/// Whether a function restores variables.
fn restores(function: &Graph) -> bool {
    let mut nodes = function.nodes.iter();
    nodes.any(|n| &*n.op == "RestoreV2")
}

fn callee(node: &Node) -> Option<&str> {
    match &*node.op {
        "StatefulPartitionedCall" | "PartitionedCall" => node.attrs.func("f"),
        _ => None,
    }
}

/// The stored tensor behind each output of each RestoreV2.
fn sources(graph: &Graph, found: &mut Restored) -> HashMap<ValueId, Source> {
    let mut sources = HashMap::new();
    for node in graph.nodes.iter().filter(|n| &*n.op == "RestoreV2") {
        let names = strings(graph, node.input(1));
        let slices = strings(graph, node.input(2));
        for (index, (&value, name)) in node.outputs.iter().zip(&names).enumerate() {
            let slice = slices.get(index).and_then(|text| parse_slice(text));
            let key = Name::from(name.as_str());
            found.keys.push(key.clone());
            sources.insert(value, Source { key, slice });
        }
    }
    sources
}

/// The strings of a Const.
fn strings(graph: &Graph, value: Option<ValueId>) -> Vec<String> {
    let node = value.and_then(|v| graph.producer(v));
    match node.and_then(|n| n.attrs.get("value")) {
        Some(Attr::Tensor {
            data: TensorData::Strings(strings),
            ..
        }) => strings
            .iter()
            .map(|s| String::from_utf8_lossy(s).into_owned())
            .collect(),
        _ => Vec::new(),
    }
}

/// `7 2 3,2:0,2`: the whole sizes, then start and length per dimension (`-` = all of it). Empty text: everything.
fn parse_slice(text: &str) -> Option<Arc<[(usize, usize)]>> {
    let (sizes, spec) = text.rsplit_once(' ')?;
    let sizes: Vec<usize> = sizes
        .split(' ')
        .map(|s| s.parse().ok())
        .collect::<Option<_>>()?;
    let extents: Vec<(usize, usize)> = spec
        .split(':')
        .zip(&sizes)
        .map(|(part, &size)| match part.split_once(',') {
            Some((start, length)) => Some((start.parse().ok()?, length.parse().ok()?)),
            None => (part == "-").then_some((0, size)),
        })
        .collect::<Option<_>>()?;
    let whole = extents.iter().zip(&sizes).all(|(e, &size)| *e == (0, size));
    (extents.len() == sizes.len() && !whole).then(|| extents.into())
}

/// Follows a value back to a restored one.
fn trace<'a>(
    graph: &Graph,
    mut value: ValueId,
    sources: &'a HashMap<ValueId, Source>,
) -> Option<&'a Source> {
    for _ in 0..LONGEST_CHAIN {
        if let Some(source) = sources.get(&value) {
            return Some(source);
        }
        value = passed_on(graph.producer(value)?)?;
    }
    None
}

/// The value that a node hands on as it is.
fn passed_on(node: &Node) -> Option<ValueId> {
    match &*node.op {
        "Identity" | "Reshape" | "Cast" | "Enter" | "RefIdentity" => node.input(0),
        _ => None,
    }
}

/// The main graph's node that holds a variable, from a handle or reference.
fn holder(
    graph: &Graph,
    arguments: &[Option<NodeId>],
    mut value: ValueId,
    depth: usize,
) -> Option<NodeId> {
    for _ in 0..LONGEST_CHAIN {
        let Some((id, _)) = graph.value(value).producer else {
            let position = graph.inputs.iter().position(|&i| i == Some(value))?;
            return arguments.get(position).copied().flatten();
        };
        let node = graph.node(id);
        if holds_variable(node) || holds_table(node) {
            return (depth == 0).then_some(id);
        }
        value = passed_on(node)?;
    }
    None
}

/// Nodes of variables that functions have captured, and the variables of the objects there. Several variables may have one
/// name, of which the graph makes others: nothing else tells them apart.
fn bound(main: &Graph, objects: &ObjectGraph) -> Vec<(NodeId, VariableId)> {
    let functions: HashMap<&str, &[u32]> = objects
        .concrete_functions
        .iter()
        .map(|f| (&*f.name, &f.bound[..]))
        .collect();
    let mut found = Vec::new();
    for node in &main.nodes {
        let Some(captured) = callee(node).and_then(|name| functions.get(name)) else {
            continue;
        };
        // What is captured comes last.
        let Some(given) = node.inputs.len().checked_sub(captured.len()) else {
            continue;
        };
        for (&value, &object) in node.inputs[given..].iter().zip(*captured) {
            let object = objects.nodes.get(object as usize);
            if let Some(ObjectKind::Variable { variable, .. }) = object.map(|o| &o.kind)
                && let (&Some(variable), Some(value)) = (variable, value)
                && let Some(id) = holder(main, &[], value, 0)
            {
                found.push((id, variable));
            }
        }
    }
    found
}

/// Whether the node is a variable.
pub fn holds_variable(node: &Node) -> bool {
    matches!(
        &*node.op,
        "VarHandleOp" | "VariableV2" | "Variable" | "AutoReloadVariable"
    )
}

/// Whether the node is a table.
pub fn holds_table(node: &Node) -> bool {
    node.op.contains("HashTable") && !node.outputs.is_empty()
}

/// Writes the links into the main graph. Nodes that no restore op names are linked by the objects that the functions
/// they are handed to were bound to, and those without by their own names.
pub fn link(
    main: &mut Graph,
    restored: Restored,
    objects: &ObjectGraph,
    by_key: &HashMap<Name, VariableId>,
    by_name: &HashMap<Name, VariableId>,
) {
    for (id, Source { key, slice }) in restored.nodes {
        let variable = by_key.get(&key).copied();
        let node = main.node_mut(id);
        if node.variable.is_none() {
            node.variable = variable;
            node.variable_slice = slice;
        }
    }
    for (id, variable) in bound(main, objects) {
        let node = main.node_mut(id);
        if node.variable.is_none() {
            node.variable = Some(variable);
        }
    }
    for node in main.nodes.iter_mut().filter(|n| holds_variable(n)) {
        if node.variable.is_none() {
            let shared = node.attrs.text("shared_name").filter(|s| !s.is_empty());
            node.variable = shared
                .and_then(|name| by_key.get(name).or_else(|| by_name.get(name)))
                .or_else(|| by_key.get(&node.name))
                .or_else(|| by_name.get(&node.name))
                .copied();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_is_start_and_length_per_dimension() {
        assert_eq!(
            parse_slice("7 2 3,2:0,2").as_deref(),
            Some(&[(3, 2), (0, 2)][..])
        );
        assert_eq!(
            parse_slice("7 2 3,2:-").as_deref(),
            Some(&[(3, 2), (0, 2)][..])
        );
        assert!(parse_slice("").is_none());
        assert!(parse_slice("7 2 -:-").is_none());
        assert!(parse_slice("7 2 x,2:0,2").is_none());
    }
}

//! TensorFlow 1's reference variables: who takes one as a value gets what it holds at that moment. Where a graph changes
//! them, they become resource variables with a read for each taker.

use std::collections::HashMap;

use crate::model::{DType, Graph, Node, NodeId, Shape, Value, ValueId};

/// The operator on a resource that does what this one does to a reference.
fn resource_op(op: &str) -> Option<&'static str> {
    Some(match op {
        "Assign" => "AssignVariableOp",
        "AssignAdd" => "AssignAddVariableOp",
        "AssignSub" => "AssignSubVariableOp",
        "ScatterUpdate" => "ResourceScatterUpdate",
        "ScatterAdd" => "ResourceScatterAdd",
        "ScatterSub" => "ResourceScatterSub",
        "ScatterMul" => "ResourceScatterMul",
        "ScatterDiv" => "ResourceScatterDiv",
        "ScatterMin" => "ResourceScatterMin",
        "ScatterMax" => "ResourceScatterMax",
        "ScatterNdUpdate" => "ResourceScatterNdUpdate",
        "ScatterNdAdd" => "ResourceScatterNdAdd",
        "ScatterNdSub" => "ResourceScatterNdSub",
        "ScatterNdMin" => "ResourceScatterNdMin",
        "ScatterNdMax" => "ResourceScatterNdMax",
        "StridedSliceAssign" => "ResourceStridedSliceAssign",
        "CountUpTo" => "ResourceCountUpTo",
        "IsVariableInitialized" => "VarIsInitializedOp",
        _ => return None,
    })
}

/// Whether the operator gives on the reference that it got.
fn gives_on(op: &str) -> bool {
    resource_op(op).is_some() && !matches!(op, "CountUpTo" | "IsVariableInitialized")
}

/// Rewrites the variables that operators needed for `outputs` change.
pub fn resolve(graph: &mut Graph, inputs: &[ValueId], outputs: &mut [ValueId]) {
    let mut stack = graph.control_outputs.clone();
    let made = outputs.iter().filter_map(|&v| graph.value(v).producer);
    stack.extend(made.map(|(id, _)| id));
    let needed = graph.needed(stack, |value| inputs.contains(&value));
    let writers: Vec<NodeId> = (graph.node_ids())
        .filter(|&id| needed[id.index()] && resource_op(&graph.node(id).op).is_some())
        .collect();
    // Values that stand for a variable: itself, and what an operator that changed it gives on.
    let mut references: HashMap<ValueId, (ValueId, Option<NodeId>)> = HashMap::new();
    for &writer in &writers {
        let Some(handle) = variable(graph, writer) else {
            continue;
        };
        references.insert(handle, (handle, None));
        let node = graph.node(writer);
        if let Some(&given) = node.outputs.first().filter(|_| gives_on(&node.op)) {
            references.insert(given, (handle, Some(writer)));
        }
    }
    if references.is_empty() {
        return;
    }
    let takers: Vec<NodeId> = graph.node_ids().filter(|id| needed[id.index()]).collect();
    for &id in &takers {
        for slot in 0..graph.node(id).inputs.len() {
            let reference = graph.node(id).input(slot).and_then(|v| references.get(&v));
            let Some(&(handle, after)) = reference else {
                continue;
            };
            let node = graph.node(id);
            let changes = slot == 0 && resource_op(&node.op).is_some();
            if changes {
                let node = graph.node_mut(id);
                node.inputs[0] = Some(handle);
                node.control.extend(after);
            } else {
                let control = node.control.iter().copied().chain(after).collect();
                let read = read(graph, handle, control);
                graph.node_mut(id).inputs[slot] = Some(read);
            }
        }
    }
    for output in outputs {
        if let Some(&(handle, after)) = references.get(output) {
            *output = read(graph, handle, after.into_iter().collect());
        }
    }
    for &writer in &writers {
        let node = graph.node_mut(writer);
        if let Some(op) = resource_op(&node.op) {
            node.op = op.into();
        }
    }
    for &(handle, _) in references.values() {
        if let Some((id, _)) = graph.value(handle).producer {
            graph.node_mut(id).op = "VarHandleOp".into();
        }
        graph.value_mut(handle).dtype = DType::Resource;
    }
}

/// The variable that an operator changes, behind others that did.
fn variable(graph: &Graph, writer: NodeId) -> Option<ValueId> {
    let mut value = graph.node(writer).input(0)?;
    // A chain that leads back to itself is as long as the graph.
    for _ in 0..=graph.nodes.len() {
        let node = graph.producer(value)?;
        match &*node.op {
            "VariableV2" | "Variable" => return Some(value),
            op if gives_on(op) => value = node.input(0)?,
            _ => return None,
        }
    }
    None
}

/// What a variable holds once the nodes of `control` have run.
fn read(graph: &mut Graph, handle: ValueId, control: Vec<NodeId>) -> ValueId {
    let variable = graph.value(handle);
    let name = format!("{}/read", variable.name);
    let dtype = graph
        .producer(handle)
        .and_then(|node| node.attrs.dtype("dtype"));
    let value = Value::new(
        name.clone(),
        dtype.unwrap_or(DType::Invalid),
        Shape::UNKNOWN,
    );
    let output = graph.add_value(value);
    let mut node = Node::new(name, "ReadVariableOp");
    node.inputs.push(Some(handle));
    node.outputs.push(output);
    node.control = control;
    graph.add_node(node);
    output
}

#[cfg(test)]
mod tests {
    use crate::model::{Attr, Attrs, DType, Dialect, Tensor};
    use crate::progress::Progress;
    use crate::runtime::tests::{Net, open};

    fn three(net: &mut Net) -> crate::model::ValueId {
        net.constant(&Tensor::from_values(&[], &[3i32]))
    }

    #[test]
    fn takers_get_what_the_variable_holds_at_their_time() {
        let mut net = Net::new(Dialect::Tf);
        let attrs = || Attrs::new().with("dtype", Attr::Type(DType::Int32));
        let variable = net.op("VariableV2", &[], DType::Int32, attrs());
        let by = three(&mut net);
        let set = net.op("Assign", &[variable, by], DType::Int32, Attrs::new());
        let added = net.op("AssignAdd", &[set, by], DType::Int32, Attrs::new());
        let twice = net.op("AddV2", &[added, added], DType::Int32, Attrs::new());
        let later = net.op("Identity", &[variable], DType::Int32, Attrs::new());
        let (adds, _) = net.0.value(added).producer.unwrap();
        let (reads, _) = net.0.value(later).producer.unwrap();
        net.0.node_mut(reads).control.push(adds);
        let mut session = open(&net.finish(&[twice, later, added])).unwrap();
        for _ in 0..2 {
            let outputs = session.run(&[], &Progress::new()).unwrap();
            let values: Vec<i32> = outputs
                .iter()
                .map(|(_, t)| t.values::<i32>().unwrap()[0])
                .collect();
            assert_eq!(values, [12, 6, 6]);
        }
    }

    /// As TensorFlow 2.21 does it.
    #[test]
    fn counters_give_values_and_questions_answers() {
        let mut net = Net::new(Dialect::Tf);
        let attrs = || Attrs::new().with("dtype", Attr::Type(DType::Int32));
        let limit = || Attrs::new().with("limit", Attr::Int(5));
        let variable = net.op("VariableV2", &[], DType::Int32, attrs());
        let begun = net.op("IsVariableInitialized", &[variable], DType::Bool, attrs());
        let (asks, _) = net.0.value(begun).producer.unwrap();
        let by = three(&mut net);
        let set = net.op("Assign", &[variable, by], DType::Int32, Attrs::new());
        let (sets, _) = net.0.value(set).producer.unwrap();
        net.0.node_mut(sets).control.push(asks);
        let count = net.op("CountUpTo", &[set], DType::Int32, limit());
        let twice = net.op("AddV2", &[count, count], DType::Int32, Attrs::new());
        let later = net.op("Identity", &[variable], DType::Int32, Attrs::new());
        let (counts, _) = net.0.value(count).producer.unwrap();
        let (reads, _) = net.0.value(later).producer.unwrap();
        net.0.node_mut(reads).control.push(counts);
        let mut session = open(&net.finish(&[begun, twice, later])).unwrap();
        for known in [0.0, 1.0] {
            let outputs = session.run(&[], &Progress::new()).unwrap();
            let values: Vec<f64> = outputs.iter().flat_map(|(_, t)| t.numbers()).collect();
            assert_eq!(values, [known, 6.0, 4.0]);
        }
    }
}

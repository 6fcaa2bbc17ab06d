//! TensorFlow 1's reference variables: who takes one as a value gets what it holds at that moment. Where a graph changes
//! them, they become resource variables with a read for each taker.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::model::opdef;
use crate::model::{DType, Graph, Node, NodeId, Shape, Value, ValueId};

/// The operator on a resource that does what this one does to a reference.
fn resource_op(op: &str) -> Option<Cow<'static, str>> {
    if (op.starts_with("Apply") || op.starts_with("SparseApply")) && held(op) > 0 {
        return Some(format!("Resource{op}").into());
    }
    Some(Cow::Borrowed(match op {
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
    }))
}

/// How many references lead the inputs of an operator.
fn held(op: &str) -> usize {
    let inputs = opdef::lookup(op).map(|def| &def.inputs);
    inputs.map_or(0, |inputs| {
        inputs.iter().take_while(|input| input.reference).count()
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
        let count = held(&graph.node(writer).op).max(1);
        let handles: Option<Vec<ValueId>> = (0..count)
            .map(|slot| variable(graph, writer, slot))
            .collect();
        let Some(handles) = handles else {
            continue;
        };
        references.extend(handles.iter().map(|&handle| (handle, (handle, None))));
        let node = graph.node(writer);
        if let Some(&given) = node.outputs.first().filter(|_| gives_on(&node.op)) {
            references.insert(given, (handles[0], Some(writer)));
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
            let changes = slot < held(&node.op).max(1) && resource_op(&node.op).is_some();
            if changes {
                let node = graph.node_mut(id);
                node.inputs[slot] = Some(handle);
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
            node.op = op.as_ref().into();
        }
    }
    for &(handle, _) in references.values() {
        if let Some((id, _)) = graph.value(handle).producer {
            graph.node_mut(id).op = "VarHandleOp".into();
        }
        graph.value_mut(handle).dtype = DType::Resource;
    }
}

/// The variable that an operator changes in this input, behind others that did.
fn variable(graph: &Graph, writer: NodeId, slot: usize) -> Option<ValueId> {
    let mut value = graph.node(writer).input(slot)?;
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

    /// A momentum step changes two variables: 3 - 0.5 · (0.9 · 3 + 2).
    #[test]
    fn optimizers_change_the_variables_that_they_refer_to() {
        let mut net = Net::new(Dialect::Tf);
        let attrs = |name: &str| {
            let name = Attr::Bytes(name.as_bytes().to_vec().into());
            let attrs = Attrs::new().with("dtype", Attr::Type(DType::Float32));
            attrs.with("shared_name", name)
        };
        let of = |net: &mut Net, value: f32| net.constant(&Tensor::from_values(&[], &[value]));
        let (start, rate) = (of(&mut net, 3.0), of(&mut net, 0.5));
        let (gradient, momentum) = (of(&mut net, 2.0), of(&mut net, 0.9));
        let set = |net: &mut Net, name: &str| {
            let variable = net.op("VariableV2", &[], DType::Float32, attrs(name));
            net.op("Assign", &[variable, start], DType::Float32, Attrs::new())
        };
        let (weight, slot) = (set(&mut net, "weight"), set(&mut net, "slot"));
        let inputs = [weight, slot, rate, gradient, momentum];
        let stepped = net.op("ApplyMomentum", &inputs, DType::Float32, Attrs::new());
        let twice = net.op("AddV2", &[stepped, stepped], DType::Float32, Attrs::new());
        let mut session = open(&net.finish(&[stepped, twice])).unwrap();
        for _ in 0..2 {
            let outputs = session.run(&[], &Progress::new()).unwrap();
            let values: Vec<f64> = outputs.iter().flat_map(|(_, t)| t.numbers()).collect();
            let expected = 3.0 - 0.5 * (0.9 * 3.0 + 2.0);
            let close = |(v, times): (&f64, f64)| (v - times * expected).abs() < 1e-6;
            assert!(values.iter().zip([1.0, 2.0]).all(close), "{values:?}");
        }
    }
}

//! A function of the object graph as a signature: what a program that loads the model can call, though no signature says so.

use super::{Inliner, flatten_in};
use crate::error::{Error, Result};
use crate::model::{
    Argument, Attr, Attrs, ConcreteFunction, DType, Given, Graph, MetaGraph, Name, Node,
    ObjectKind, Port, Shape, Signature, Value, ValueId,
};

/// The function at `path` below the root of the object graph (`call`, `encoder.score`), as a signature of its own and a
/// flat graph. Of several traces the first that is not made for training; `call#2` is the second one. `None` where there
/// is no such function.
///
/// # Errors
/// A trace that captures what has no place in a graph, or whose arguments can't be told apart, and as [`super::flatten`].
pub fn flatten_callable(meta_graph: &MetaGraph, path: &str) -> Result<Option<(Signature, Graph)>> {
    let (names, number) = match path.rsplit_once('#') {
        Some((names, number)) => (names, number.parse::<usize>().ok()),
        None => (path, None),
    };
    let Some(object) = object(meta_graph, names) else {
        return Ok(None);
    };
    let traces: Vec<&ConcreteFunction> = (meta_graph.objects.nodes[object].kind.traces().iter())
        .filter_map(|name| trace(meta_graph, name))
        .collect();
    let chosen = match number {
        Some(number) => number.checked_sub(1).and_then(|at| traces.get(at)),
        None => usual_trace(&traces).and_then(|at| traces.get(at)),
    };
    let Some(chosen) = chosen else {
        return match number.filter(|_| !traces.is_empty()) {
            Some(_) => Err(Error::usage(format!(
                "the function {names:?} has {} traces",
                traces.len()
            ))),
            None => Ok(None),
        };
    };
    let called =
        call(meta_graph, path, chosen).map_err(|e| e.at(format_args!("function {path:?}")))?;
    Ok(Some(called))
}

/// The trace that a function is run by without a number; `None` where there is none.
pub fn usual_trace(traces: &[&ConcreteFunction]) -> Option<usize> {
    let serving = traces.iter().position(|trace| !for_training(trace));
    serving.or((!traces.is_empty()).then_some(0))
}

/// What a caller gives a trace, whose graph is `function`, tensor by tensor: the inputs of the signature that
/// [`flatten_callable`] makes. `None` where the graph has fewer inputs than the trace captures.
pub fn arguments(function: &Graph, trace: &ConcreteFunction) -> Option<Vec<Port>> {
    let count = function.inputs.len().checked_sub(trace.bound.len())?;
    let named = names(&trace.arguments, count, "arg");
    let port = |((name, shape), &inner): ((Name, Option<Shape>), &Option<ValueId>)| {
        let (dtype, shape) = argument(function, inner, shape);
        Port::new(name, dtype, shape)
    };
    Some(named.into_iter().zip(&function.inputs).map(port).collect())
}

/// Type and shape of an argument, as it is told or as the graph has it.
fn argument(function: &Graph, inner: Option<ValueId>, told: Option<Shape>) -> (DType, Shape) {
    let dtype = inner.map_or(DType::Invalid, |inner| function.value(inner).dtype);
    let shape = told.or_else(|| Some(function.value(inner?).shape.clone()));
    (dtype, shape.unwrap_or_default())
}

/// The object at a path of names.
fn object(meta_graph: &MetaGraph, path: &str) -> Option<usize> {
    let nodes = &meta_graph.objects.nodes;
    nodes.first()?;
    path.split('.')
        .try_fold(0, |at, name| child(meta_graph, at, name))
}

fn child(meta_graph: &MetaGraph, at: usize, name: &str) -> Option<usize> {
    let nodes = &meta_graph.objects.nodes;
    let mut children = nodes.get(at)?.children.iter();
    let (_, child) = children.find(|(own, _)| &**own == name)?;
    Some(*child as usize).filter(|child| *child < nodes.len())
}

fn trace<'m>(meta_graph: &'m MetaGraph, name: &str) -> Option<&'m ConcreteFunction> {
    let mut all = meta_graph.objects.concrete_functions.iter();
    all.find(|function| &*function.name == name)
}

/// Files that don't name their arguments tell it by its value alone.
fn for_training(trace: &ConcreteFunction) -> bool {
    let training = |a: &Argument| {
        matches!(&*a.name, "training" | "") && a.given == Given::Fixed("True".into())
    };
    trace.arguments.iter().any(training)
}

/// The main graph with a call of `trace` behind it, flattened.
fn call(meta_graph: &MetaGraph, key: &str, trace: &ConcreteFunction) -> Result<(Signature, Graph)> {
    let function = Inliner::new(meta_graph).function(&trace.name)?;
    let main = meta_graph.graphs.first();
    let mut graph = main
        .cloned()
        .ok_or_else(|| Error::unreadable("a model without a graph"))?;
    let arguments = (function.inputs.len()).checked_sub(trace.bound.len());
    let arguments = arguments.ok_or_else(|| {
        Error::unreadable(format!(
            "the function {:?} has {} inputs and {} captured ones",
            function.name,
            function.inputs.len(),
            trace.bound.len()
        ))
    })?;
    let mut signature = Signature {
        key: key.into(),
        method: "".into(),
        deprecated_tag: None,
        graph: 0,
        inputs: Vec::new(),
        outputs: Vec::new(),
        implied: false,
    };
    let mut inputs = Vec::with_capacity(function.inputs.len());
    let named = names(&trace.arguments, arguments, "arg");
    for ((name, shape), &inner) in named.into_iter().zip(&function.inputs) {
        let (dtype, shape) = argument(function, inner, shape);
        let mut value = Value::new(name.clone(), dtype, shape);
        value.stored_shape = value.shape.clone();
        let id = graph.add_value(value);
        signature.inputs.push(Port::of(name, &graph, id));
        inputs.push(Some(id));
    }
    for &bound in &trace.bound {
        inputs.push(Some(captured(meta_graph, &mut graph, bound)?));
    }
    let outputs: Vec<Option<ValueId>> = function.outputs.clone();
    let named = names(&trace.results, outputs.len(), "output");
    let mut results = Vec::with_capacity(outputs.len());
    for ((name, shape), inner) in named.into_iter().zip(outputs) {
        let dtype = inner.map_or(DType::Invalid, |inner| function.value(inner).dtype);
        let id = graph.add_value(Value::new(name.clone(), dtype, shape.unwrap_or_default()));
        signature.outputs.push(Port::of(name, &graph, id));
        results.push(id);
    }
    add_call(&mut graph, &trace.name, inputs, results);
    let flat = flatten_in(meta_graph, &graph, &signature)?;
    Ok((signature, flat))
}

fn add_call(
    graph: &mut Graph,
    function: &Name,
    inputs: Vec<Option<ValueId>>,
    outputs: Vec<ValueId>,
) {
    let mut node = Node::new(function.clone(), "StatefulPartitionedCall");
    node.inputs = inputs;
    node.outputs = outputs;
    let attrs = Attrs::new();
    let name = function.clone();
    node.attrs.set("f", Attr::Func { name, attrs });
    graph.add_node(node);
}

/// A name of its own, and the shape where it is told, for each of `count` tensors.
fn names(told: &[Argument], count: usize, without: &str) -> Vec<(Name, Option<Shape>)> {
    let tensors: Vec<_> = (told.iter())
        .filter_map(|argument| match &argument.given {
            Given::Tensor { shape, kind, .. } => Some((&argument.name, shape, kind)),
            Given::Fixed(_) => None,
        })
        .collect();
    let several = tensors.iter().filter(|(.., kind)| !kind.is_empty()).count();
    let each = match (several, (count + several).checked_sub(tensors.len())) {
        (0, Some(0)) => 0,
        (1.., Some(left)) if left % several == 0 && left > 0 => left / several,
        // Nothing fits: a file that says nothing about it, or says it in a way of its own.
        _ => {
            return (0..count)
                .map(|at| (format!("{without}_{at}").into(), None))
                .collect();
        }
    };
    let mut named: Vec<(Name, Option<Shape>)> = Vec::with_capacity(count);
    let mut add = |name: String, shape: Option<Shape>| {
        let mut name = Name::from(name);
        while named.iter().any(|(taken, _)| *taken == name) {
            name = format!("{name}_").into();
        }
        named.push((name, shape));
    };
    for (at, (name, shape, kind)) in tensors.into_iter().enumerate() {
        let name = match name.is_empty() {
            true => format!("{without}_{at}"),
            false => name.to_string(),
        };
        if kind.is_empty() {
            add(name, Some(shape.clone()));
        } else {
            (0..each).for_each(|part| add(format!("{name}_{}", part_name(kind, part, each)), None));
        }
    }
    named
}

/// What the tensors of a structure are called, in the order in which a call gives them.
fn part_name(kind: &str, part: usize, parts: usize) -> String {
    match (kind, part, parts) {
        ("RaggedTensorSpec", 0, _) => "values".to_owned(),
        ("RaggedTensorSpec", 1, 2) => "row_splits".to_owned(),
        ("RaggedTensorSpec", ..) => format!("row_splits_{}", part - 1),
        ("SparseTensorSpec", ..) => match part {
            0 => "indices".to_owned(),
            1 => "values".to_owned(),
            _ => "dense_shape".to_owned(),
        },
        _ => part.to_string(),
    }
}

/// The value that stands for a captured object in the main graph.
fn captured(meta_graph: &MetaGraph, graph: &mut Graph, bound: u32) -> Result<ValueId> {
    let at = bound as usize;
    let object = meta_graph.objects.nodes.get(at);
    let object = object.ok_or_else(|| {
        Error::unreadable(format!("it captures object {bound}, which is not there"))
    })?;
    let found = match &object.kind {
        ObjectKind::Variable { variable, .. } => {
            let of_variable = |node: &&Node| variable.is_some() && node.variable == *variable;
            let handle = |node: &&Node| &*node.op == "VarHandleOp";
            let mut nodes = graph.nodes.iter().filter(handle);
            nodes
                .find(of_variable)
                .and_then(|node| node.outputs.first().copied())
        }
        ObjectKind::Constant { node } => output(graph, node),
        ObjectKind::CapturedTensor { name } => output(graph, name),
        ObjectKind::Asset { index } => {
            let asset = meta_graph.assets.get(*index as usize);
            asset.and_then(|asset| output(graph, &asset.tensor))
        }
        // Tables are known by the name that the function which makes them gives them.
        _ => match child(meta_graph, at, "_create_resource") {
            Some(maker) => match meta_graph.objects.nodes[maker].kind.traces() {
                [maker, ..] => {
                    let value = Value::new(maker.clone(), DType::Resource, Shape::scalar());
                    let handle = graph.add_value(value);
                    add_call(graph, maker, Vec::new(), vec![handle]);
                    Some(handle)
                }
                [] => None,
            },
            None => None,
        },
    };
    found.ok_or_else(|| {
        Error::unsupported(format!(
            "it captures object {bound} of the object graph, for which nothing in the graph stands"
        ))
    })
}

/// The value that the file names `node:1` or `node`.
fn output(graph: &Graph, tensor: &str) -> Option<ValueId> {
    let (name, index) = tensor.rsplit_once(':').unwrap_or((tensor, "0"));
    let node = graph.nodes.iter().find(|node| &*node.name == name)?;
    node.outputs.get(index.parse::<usize>().ok()?).copied()
}

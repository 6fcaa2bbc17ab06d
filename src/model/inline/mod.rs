//! A signature as one flat graph: functions inlined, only what the outputs need.

mod callable;
mod effects;
#[cfg(test)]
mod tests;

pub use callable::{arguments, flatten_callable, usual_trace};

use std::collections::hash_map::Entry;

use foldhash::{HashMap, HashMapExt};

use super::{Dialect, Graph, GraphKind, MetaGraph, Name, Node, NodeId, Signature, Value, ValueId};
use crate::error::{Error, Result};

/// Calls inside calls.
const DEEPEST_CALL: usize = 64;
/// Nodes of a flat graph: so many in all, and so many times those that are inlined.
const MOST_NODES: usize = 1_000_000;
const MOST_GROWTH: usize = 100;
/// Nodes of a flat graph, however few are inlined.
const FREE_NODES: usize = 20_000;
/// Nodes and values looked at, so that calls of functions that come to nothing end too.
const MOST_WORK: usize = 16_000_000;
/// What a call costs besides the nodes and values of its function.
const CALL_WORK: usize = 64;
/// Bytes of names, which grow with each call, that cost as much as a node looked at.
const NAME_WORK: usize = 4;

/// The graph of `signature` with every call (`PartitionedCall`, `StatefulPartitionedCall`, a function's name as
/// operator) replaced by the body of the function. `inputs` and `outputs` of the result follow the signature's
/// ports in order; Placeholders of the signature become inputs. Control flow operators (`While`, `If`, `Case`) keep
/// their functions by name. Inlined nodes are named `caller/node`. A TFLite subgraph comes back as it is.
///
/// Control edges stay only where an operator with side effects is in the graph; what such operators must do although
/// no output needs it is in `control_outputs`.
///
/// # Errors
/// A missing function, a wrong number of arguments, calls nested deeper than 64, or many more nodes than there were.
pub fn flatten(meta_graph: &MetaGraph, signature: &Signature) -> Result<Graph> {
    let main = meta_graph.graphs.get(signature.graph).ok_or_else(|| {
        Error::unreadable(format!("signature {:?} belongs to no graph", signature.key))
    })?;
    flatten_in(meta_graph, main, signature)
}

/// The same where `main` stands for the signature's graph.
fn flatten_in(meta_graph: &MetaGraph, main: &Graph, signature: &Signature) -> Result<Graph> {
    let inputs: Vec<Option<ValueId>> = signature.inputs.iter().map(|p| p.value).collect();
    let outputs: Vec<Option<ValueId>> = signature.outputs.iter().map(|p| p.value).collect();
    if main.dialect == Dialect::Tflite {
        let mut graph = main.clone();
        if inputs.iter().chain(&outputs).all(Option::is_some) {
            (graph.inputs, graph.outputs) = (inputs, outputs);
        }
        return Ok(graph);
    }
    if let Some(port) = signature.outputs.iter().find(|p| p.value.is_none()) {
        return Err(Error::unsupported(format!(
            "output {:?} of signature {:?} is no plain tensor of the graph",
            port.name, signature.key
        )));
    }
    let goal = Goal {
        name: signature.key.clone(),
        inputs,
        outputs,
        control: Vec::new(),
    };
    let mut graph = Inliner::new(meta_graph).run(main, &goal)?;
    graph.output_names = signature.outputs.iter().map(|p| p.name.clone()).collect();
    for (id, port) in graph.inputs.clone().into_iter().zip(&signature.inputs) {
        if let (Some(id), Some(_)) = (id, port.shape.rank()) {
            let value = graph.value_mut(id);
            value.shape = port.shape.clone();
            value.stored_shape = port.shape.clone();
        }
    }
    Ok(graph)
}

/// A function as a flat graph: what a `While` or an `If` runs. Inputs are its arguments.
///
/// # Errors
/// As [`flatten`].
pub fn flatten_function(meta_graph: &MetaGraph, name: &str) -> Result<Graph> {
    let inliner = Inliner::new(meta_graph);
    let function = inliner.function(name)?;
    let goal = Goal {
        name: function.name.clone(),
        inputs: function.inputs.clone(),
        outputs: function.outputs.clone(),
        control: function.control_outputs.clone(),
    };
    let mut graph = inliner.run(function, &goal)?;
    graph.output_names = function.output_names.clone();
    graph.attrs = function.attrs.clone();
    graph.kind = GraphKind::Function;
    Ok(graph)
}

/// What has to run before the first use of the model (tables filled from assets): a flat graph without outputs whose
/// work is in `control_outputs`. `None` when the model has no initializer.
///
/// # Errors
/// As [`flatten`].
pub fn flatten_init(meta_graph: &MetaGraph) -> Result<Option<Graph>> {
    let init = meta_graph.initializers();
    let (Some(&first), Some(main)) = (init.first(), meta_graph.graphs.first()) else {
        return Ok(None);
    };
    let goal = Goal {
        name: main.node(first).name.clone(),
        inputs: Vec::new(),
        outputs: Vec::new(),
        control: init.to_vec(),
    };
    Inliner::new(meta_graph).run(main, &goal).map(Some)
}

/// What of a graph is wanted.
struct Goal {
    name: Name,
    /// Values given from outside; what makes them is not looked at.
    inputs: Vec<Option<ValueId>>,
    outputs: Vec<Option<ValueId>>,
    control: Vec<NodeId>,
}

struct Inliner<'a> {
    functions: HashMap<&'a str, &'a Graph>,
    out: Graph,
    /// Names of the nodes made so far: an inlined name may collide with one of the main graph.
    names: HashMap<Name, u32>,
    /// Work that must be done although no value needs it.
    must_run: Vec<NodeId>,
    work: usize,
    /// Nodes that the flat graph may have.
    most_nodes: usize,
    /// Functions being inlined, outermost first.
    calls: Vec<Name>,
}

/// One body being copied.
struct Frame<'a> {
    graph: &'a Graph,
    /// Where each value of the body is in the flat graph.
    values: Vec<Option<ValueId>>,
    /// The flat nodes that stand for each node of the body: itself, or all that a call must have done.
    nodes: Vec<Vec<NodeId>>,
    prefix: String,
    /// What has to run before the body.
    before: Vec<NodeId>,
}

/// What a call became.
struct Inlined {
    outputs: Vec<ValueId>,
    done: Vec<NodeId>,
}

/// The function that a node calls, and nothing else happens.
fn callee(node: &Node) -> Option<&str> {
    match &*node.op {
        "PartitionedCall" | "StatefulPartitionedCall" | "BatchFunction" => node.attrs.func("f"),
        _ => None,
    }
}

impl<'a> Inliner<'a> {
    fn new(meta_graph: &'a MetaGraph) -> Self {
        let nodes: usize = meta_graph.graphs.iter().map(|g| g.nodes.len()).sum();
        Inliner {
            functions: meta_graph
                .graphs
                .iter()
                .filter(|g| g.kind == GraphKind::Function)
                .map(|g| (&*g.name, g))
                .collect(),
            out: Graph::new("", GraphKind::Main, Dialect::Tf),
            names: HashMap::new(),
            must_run: Vec::new(),
            work: 0,
            most_nodes: nodes
                .saturating_mul(MOST_GROWTH)
                .saturating_add(FREE_NODES)
                .min(MOST_NODES),
            calls: Vec::new(),
        }
    }

    fn function(&self, name: &str) -> Result<&'a Graph> {
        self.functions.get(name).copied().ok_or_else(|| {
            Error::unreadable(format!("function {name:?} is not in the model's library"))
        })
    }

    /// The function that stands behind a node, if the node is a call.
    fn called(&self, node: &Node) -> Result<Option<&'a Graph>> {
        match callee(node) {
            Some(name) => self.function(name).map(Some),
            None => Ok(self.functions.get(&*node.op).copied()),
        }
    }

    fn run(mut self, graph: &'a Graph, goal: &Goal) -> Result<Graph> {
        self.out.name = goal.name.clone();
        let mut given = Vec::with_capacity(goal.inputs.len());
        for &input in &goal.inputs {
            let id = input.map(|input| {
                let mut value = graph.value(input).clone();
                value.producer = None;
                value.data = None;
                self.out.add_value(value)
            });
            self.out.inputs.push(id);
            given.extend(input.zip(id));
        }
        let frame = self.body(graph, &given, &goal.outputs, &goal.control, "", Vec::new())?;
        for output in &goal.outputs {
            let value = output.and_then(|v| frame.values[v.index()]);
            self.out.outputs.push(value);
        }
        let control = goal.control.iter().flat_map(|c| &frame.nodes[c.index()]);
        self.must_run.extend(control.copied());
        let effects = effects::Effects::new(&self.functions);
        effects::tidy(&mut self.out, self.must_run, &effects);
        Ok(self.out)
    }

    /// Copies what `outputs` and `control` of `graph` need. `given` are values that are there already.
    fn body(
        &mut self,
        graph: &'a Graph,
        given: &[(ValueId, ValueId)],
        outputs: &[Option<ValueId>],
        control: &[NodeId],
        prefix: &str,
        before: Vec<NodeId>,
    ) -> Result<Frame<'a>> {
        self.charge(graph.nodes.len() + graph.values.len() + CALL_WORK)?;
        let mut frame = Frame {
            graph,
            values: vec![None; graph.values.len()],
            nodes: vec![Vec::new(); graph.nodes.len()],
            prefix: prefix.to_owned(),
            before,
        };
        for &(inner, outer) in given {
            frame.values[inner.index()] = Some(outer);
        }
        let needed = needed(graph, &frame.values, outputs, control);
        let order = graph.topological_order()?;
        let order: Vec<NodeId> = order.into_iter().filter(|id| needed[id.index()]).collect();
        // All plain nodes first, so that a loop's back edge finds its value.
        for &id in &order {
            if self.called(graph.node(id))?.is_none() {
                self.copy(&mut frame, id)?;
            }
        }
        for &id in &order {
            match self.called(graph.node(id))? {
                Some(function) => self.call(&mut frame, id, function)?,
                None => self.connect(&mut frame, id),
            }
        }
        Ok(frame)
    }

    fn charge(&mut self, work: usize) -> Result<()> {
        self.work = self.work.saturating_add(work);
        match self.work > MOST_WORK {
            true => Err(Error::unsupported(
                "functions call each other more often than a model can mean",
            )),
            false => Ok(()),
        }
    }

    /// A node without its inputs.
    fn copy(&mut self, frame: &mut Frame, id: NodeId) -> Result<()> {
        if self.out.nodes.len() >= self.most_nodes {
            return Err(Error::unsupported(format!(
                "inlining functions gives more than {} nodes",
                self.most_nodes
            )));
        }
        let source = frame.graph.node(id);
        let name = self.unique(&frame.prefix, &source.name);
        self.charge(name.len() / NAME_WORK)?;
        let renamed = name != source.name;
        let mut node = source.clone();
        node.outputs = Vec::with_capacity(source.outputs.len());
        for (slot, &output) in source.outputs.iter().enumerate() {
            let mut value = frame.graph.value(output).clone();
            if renamed {
                value.name = format!("{name}:{slot}").into();
            }
            value.producer = None;
            // A value that is given from outside keeps its outer self.
            let new = self.out.add_value(value);
            frame.values[output.index()].get_or_insert(new);
            node.outputs.push(new);
        }
        node.name = name;
        node.inputs.clear();
        node.control.clear();
        let new = self.out.add_node(node);
        frame.nodes[id.index()].push(new);
        Ok(())
    }

    fn unique(&mut self, prefix: &str, name: &Name) -> Name {
        let mut full = match prefix {
            "" => name.clone(),
            _ => Name::from(format!("{prefix}/{name}")),
        };
        loop {
            match self.names.entry(full.clone()) {
                Entry::Vacant(free) => {
                    free.insert(0);
                    return full;
                }
                Entry::Occupied(mut taken) => {
                    *taken.get_mut() += 1;
                    full = format!("{full}_{}", taken.get()).into();
                }
            }
        }
    }

    /// Inputs and control inputs of a copied node.
    fn connect(&mut self, frame: &mut Frame, id: NodeId) {
        let source = frame.graph.node(id);
        let inputs = source
            .inputs
            .iter()
            .map(|input| input.and_then(|v| frame.values[v.index()]))
            .collect();
        let control = frame.before_node(source);
        if let Some(&new) = frame.nodes[id.index()].first() {
            let node = self.out.node_mut(new);
            node.inputs = inputs;
            node.control = control;
        }
    }

    /// Puts the body of `function` in the place of a call.
    fn call(&mut self, frame: &mut Frame, id: NodeId, function: &'a Graph) -> Result<()> {
        let node = frame.graph.node(id);
        let inlined =
            self.inline(frame, node, function)
                .map_err(|e| match self.calls.is_empty() {
                    true => e.at(format_args!("node {:?}", node.name)),
                    false => e,
                })?;
        for (&output, &value) in node.outputs.iter().zip(&inlined.outputs) {
            let hint = frame.graph.value(output);
            refine(self.out.value_mut(value), hint);
            frame.values[output.index()].get_or_insert(value);
        }
        frame.nodes[id.index()] = inlined.done;
        Ok(())
    }

    fn inline(&mut self, frame: &Frame, node: &Node, function: &'a Graph) -> Result<Inlined> {
        if self.calls.contains(&function.name) {
            return Err(Error::unsupported(format!(
                "function {:?} calls itself; recursive functions are not supported",
                function.name
            )));
        }
        if self.calls.len() >= DEEPEST_CALL {
            return Err(Error::unsupported(format!(
                "calls are nested deeper than {DEEPEST_CALL}"
            )));
        }
        if node.inputs.len() != function.inputs.len()
            || node.outputs.len() != function.outputs.len()
        {
            return Err(Error::unreadable(format!(
                "calls function {:?} with {} arguments for {} results; it has {} and {}",
                function.name,
                node.inputs.len(),
                node.outputs.len(),
                function.inputs.len(),
                function.outputs.len()
            )));
        }
        let mut given = Vec::with_capacity(function.inputs.len());
        for (inner, outer) in function.inputs.iter().zip(&node.inputs) {
            let outer = outer.and_then(|v| frame.values[v.index()]);
            if let (Some(inner), Some(outer)) = (*inner, outer) {
                refine(self.out.value_mut(outer), function.value(inner));
                given.push((inner, outer));
            }
        }
        let prefix = match frame.prefix.as_str() {
            "" => node.name.to_string(),
            prefix => format!("{prefix}/{}", node.name),
        };
        let before = self.joined(&prefix, frame.before_node(node));
        self.calls.push(function.name.clone());
        let body = self.body(
            function,
            &given,
            &function.outputs,
            &function.control_outputs,
            &prefix,
            before,
        )?;
        self.calls.pop();
        let outputs: Vec<ValueId> = function
            .outputs
            .iter()
            .map(|output| output.and_then(|v| body.values[v.index()]))
            .collect::<Option<_>>()
            .ok_or_else(|| {
                Error::unreadable(format!(
                    "a result of function {:?} comes from nowhere",
                    function.name
                ))
            })?;
        let control = function.control_outputs.iter();
        let mut done: Vec<NodeId> = control
            .flat_map(|c| body.nodes[c.index()].iter().copied())
            .collect();
        self.must_run.extend(&done);
        let producers = outputs.iter().filter_map(|&v| self.out.value(v).producer);
        done.extend(producers.map(|(id, _)| id));
        done.sort_unstable();
        done.dedup();
        Ok(Inlined { outputs, done })
    }

    /// One node to wait for in place of many, so that a body does not repeat the list at each of its nodes.
    fn joined(&mut self, prefix: &str, before: Vec<NodeId>) -> Vec<NodeId> {
        if before.len() <= 1 {
            return before;
        }
        let name = self.unique(prefix, &Name::from("before"));
        let mut join = Node::new(name, "NoOp");
        join.control = before;
        vec![self.out.add_node(join)]
    }
}

impl Frame<'_> {
    /// The flat nodes that must run before `node` of the body.
    fn before_node(&self, node: &Node) -> Vec<NodeId> {
        let own = node.control.iter().flat_map(|c| &self.nodes[c.index()]);
        let mut before: Vec<NodeId> = own.chain(&self.before).copied().collect();
        before.sort_unstable();
        before.dedup();
        before
    }
}

/// Takes over a type and shape that the other side of a call knows.
fn refine(value: &mut Value, hint: &Value) {
    if value.shape.rank().is_none() && hint.shape.rank().is_some() {
        value.shape = hint.shape.clone();
        value.stored_shape = hint.stored_shape.clone();
    }
    if value.dtype == super::DType::Invalid {
        value.dtype = hint.dtype;
    }
}

/// The nodes that `outputs` and `control` need; what makes a value that is `given` is not.
fn needed(
    graph: &Graph,
    given: &[Option<ValueId>],
    outputs: &[Option<ValueId>],
    control: &[NodeId],
) -> Vec<bool> {
    let producer = |value: ValueId| match given[value.index()] {
        Some(_) => None,
        None => graph.value(value).producer.map(|(id, _)| id),
    };
    let mut stack: Vec<NodeId> = control.to_vec();
    stack.extend(outputs.iter().flatten().filter_map(|&v| producer(v)));
    graph.needed(stack, |value| given[value.index()].is_some())
}

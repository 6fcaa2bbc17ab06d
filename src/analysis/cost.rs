//! What a call of each signature costs, down to every node of every graph.

mod trips;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::error::Result;
use crate::kernels::Clamp;
use crate::model::{Dialect, Graph, MetaGraph, Model, Name, Node, NodeId, Port, ValueId};
use crate::ops::{self, Block, Constant, Context, Control, Fact, Options};
use crate::progress::Progress;

/// Multiply-accumulates for one sample: the first size that an input leaves open is 1, and so is every other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Costs {
    /// Of each node in one run of its graph; a call costs what it calls. By graph, then node.
    nodes: Vec<Vec<u64>>,
    /// In the order of [`MetaGraph::signatures`].
    pub signatures: Vec<SignatureCost>,
}

/// Cost of one call of a signature.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignatureCost {
    pub macs: u64,
    /// By operator, functions, branches and loops included; only those that have a cost.
    pub by_op: BTreeMap<Name, u64>,
    /// How often each graph runs; a loop whose length is not known counts its body once.
    pub calls: BTreeMap<usize, u64>,
    /// Some input has open sizes besides its first one: the real cost grows with them.
    pub open_sizes: bool,
    /// Some loop runs as often as its data say; its body is counted once.
    pub open_loops: bool,
}

impl Costs {
    /// 0 for nodes that are not there.
    pub fn node(&self, graph: usize, node: NodeId) -> u64 {
        let found = self.nodes.get(graph).and_then(|g| g.get(node.index()));
        found.copied().unwrap_or(0)
    }

    /// One run of all nodes of a graph.
    pub fn graph(&self, graph: usize) -> u64 {
        let nodes = self.nodes.get(graph).into_iter().flatten();
        nodes.fold(0, |sum, &n| sum.saturating_add(n))
    }
}

/// Calls inside calls.
const DEEPEST_CALL: usize = 64;
/// Nodes and values looked at, this many and so many times as there are: functions that call one another twice at each
/// level must end.
const MOST_WORK: (usize, usize) = (100_000, 16);

/// The cost of every signature. Graphs that no signature reaches are costed by themselves. Reads small constants (sizes
/// and axes), no weights.
///
/// # Errors
/// Only when stopped.
pub fn costs(model: &Model, meta_graph: &MetaGraph, progress: &Progress) -> Result<Costs> {
    let mut walk = Walk::new(model, meta_graph, progress);
    let mut signatures = Vec::with_capacity(meta_graph.signatures.len());
    for signature in &meta_graph.signatures {
        walk.current = SignatureCost {
            open_sizes: signature.inputs.iter().any(has_open_sizes),
            ..SignatureCost::default()
        };
        let given = walk.ports(signature.graph, &signature.inputs);
        let wanted: Vec<ValueId> = signature.outputs.iter().filter_map(|p| p.value).collect();
        let total = walk.graph(signature.graph, given, wanted, 1)?.macs;
        let mut found = std::mem::take(&mut walk.current);
        found.macs = total;
        signatures.push(found);
    }
    let reached: Vec<bool> = walk.nodes.iter().map(|n| !n.is_empty()).collect();
    for (index, reached) in reached.into_iter().enumerate() {
        if !reached {
            walk.graph(index, Vec::new(), Vec::new(), 1)?;
        }
    }
    Ok(Costs {
        nodes: walk.nodes,
        signatures,
    })
}

/// What going through a graph once takes.
fn size(graph: &Graph) -> usize {
    graph.nodes.len() + graph.values.len() + 1
}

fn has_open_sizes(port: &Port) -> bool {
    let dims = port.shape.dims();
    dims.is_none_or(|dims| {
        dims.iter().filter(|d| **d < 0).count() > usize::from(dims.first() == Some(&-1))
    })
}

/// What a node runs besides itself; indices of graphs.
enum Runs {
    Nothing,
    /// A function with the node's inputs.
    Call(usize),
    /// One of these, with the inputs after the first.
    Branches(Vec<usize>),
    Loop {
        cond: usize,
        body: usize,
    },
}

/// A graph that has been gone through.
#[derive(Default)]
struct Done {
    outputs: Vec<Option<Fact>>,
    macs: u64,
}

struct Walk<'m> {
    model: &'m Model,
    meta_graph: &'m MetaGraph,
    progress: &'m Progress,
    index: HashMap<&'m str, usize>,
    orders: HashMap<usize, Arc<Vec<NodeId>>>,
    nodes: Vec<Vec<u64>>,
    current: SignatureCost,
    depth: usize,
    /// Nodes and values that may still be looked at.
    work: usize,
}

impl<'m> Walk<'m> {
    fn new(model: &'m Model, meta_graph: &'m MetaGraph, progress: &'m Progress) -> Self {
        let graphs = meta_graph.graphs.iter().enumerate();
        let sizes = meta_graph.graphs.iter().map(size);
        Walk {
            model,
            meta_graph,
            progress,
            index: graphs.map(|(i, g)| (&*g.name, i)).collect(),
            orders: HashMap::new(),
            nodes: vec![Vec::new(); meta_graph.graphs.len()],
            current: SignatureCost::default(),
            depth: 0,
            work: sizes.sum::<usize>() * MOST_WORK.1 + MOST_WORK.0,
        }
    }

    fn ports(&self, graph: usize, ports: &[Port]) -> Vec<(ValueId, Fact)> {
        let Some(graph) = self.meta_graph.graphs.get(graph) else {
            return Vec::new();
        };
        let fact = |port: &Port| {
            let id = port.value?;
            let value = graph.values.get(id.index())?;
            let shape = match graph.dialect {
                Dialect::Tflite => &value.stored_shape,
                Dialect::Tf if port.shape.rank().is_some() => &port.shape,
                Dialect::Tf => &value.shape,
            };
            Some((id, Fact::fixed(value.dtype, &shape.with_unknown_as(1)?)))
        };
        ports.iter().filter_map(fact).collect()
    }

    /// Goes through what `wanted` and the graph's own results need, through all of a graph without either; TFLite leaves
    /// nothing out. `times` is how often it runs in all.
    fn graph(
        &mut self,
        at: usize,
        given: Vec<(ValueId, Fact)>,
        wanted: Vec<ValueId>,
        times: u64,
    ) -> Result<Done> {
        let Some(graph) = self.meta_graph.graphs.get(at) else {
            return Ok(Done::default());
        };
        self.progress.check()?;
        match self.work.checked_sub(size(graph)) {
            Some(left) if self.depth < DEEPEST_CALL => self.work = left,
            _ => return Ok(Done::default()),
        }
        self.depth += 1;
        let calls = self.current.calls.entry(at).or_default();
        *calls = calls.saturating_add(times);
        if self.nodes[at].is_empty() {
            self.nodes[at] = vec![0; graph.nodes.len()];
        }
        let order = self.order(at, graph);
        let mut facts: Vec<Option<Fact>> = vec![None; graph.values.len()];
        for (id, fact) in given {
            facts[id.index()] = Some(fact);
        }
        let needed = needed(graph, &facts, wanted);
        let mut done = Done::default();
        for &id in &*order {
            if needed.as_ref().is_none_or(|needed| needed[id.index()]) {
                // A loop of TensorFlow 1 is a cycle in the graph; how often it is gone round no operator says.
                self.current.open_loops |= &*graph.node(id).op == "LoopCond";
                let macs = self.node(at, graph, id, &mut facts, times)?;
                done.macs = done.macs.saturating_add(macs);
                let slot = &mut self.nodes[at][id.index()];
                *slot = (*slot).max(macs);
            }
        }
        let outputs = graph.outputs.iter();
        done.outputs = outputs
            .map(|output| output.and_then(|id| self.fact(graph, id, &facts)))
            .collect();
        self.depth -= 1;
        Ok(done)
    }

    /// Nodes of a graph with a cycle have no order and cost nothing.
    fn order(&mut self, at: usize, graph: &Graph) -> Arc<Vec<NodeId>> {
        let order = self.orders.entry(at);
        order
            .or_insert_with(|| Arc::new(graph.topological_order().unwrap_or_default()))
            .clone()
    }

    fn context<'a>(
        &'a self,
        graph: &'a Graph,
        node: &'a Node,
        inputs: &'a [Option<Fact>],
    ) -> Context<'a> {
        Context {
            graph,
            node,
            inputs,
            variables: &self.model.variables,
            written: &[],
            bounds: Clamp::NONE,
            room: None,
            options: Options::default(),
        }
    }

    fn fact(&self, graph: &Graph, id: ValueId, facts: &[Option<Fact>]) -> Option<Fact> {
        if let Some(fact) = &facts[id.index()] {
            return Some(fact.clone());
        }
        let value = graph.value(id);
        if let (Some(data), Some(sizes)) = (&value.data, value.stored_shape.fixed()) {
            let constant = Constant::stored(value.dtype, &sizes, data.clone());
            return Some(Fact::constant(constant));
        }
        Some(ops::declared(graph, id))
    }

    fn node(
        &mut self,
        at: usize,
        graph: &'m Graph,
        id: NodeId,
        facts: &mut [Option<Fact>],
        times: u64,
    ) -> Result<u64> {
        let node = graph.node(id);
        let mut outputs = node.outputs.iter();
        if !node.outputs.is_empty() && outputs.all(|&v| graph.value(v).data.is_some()) {
            return Ok(0);
        }
        let inputs: Vec<Option<Fact>> = node
            .inputs
            .iter()
            .map(|input| input.and_then(|v| self.fact(graph, v, facts)))
            .collect();
        let (outputs, macs) = match self.runs(at, graph, node) {
            Runs::Nothing => {
                let outputs = ops::facts(&self.context(graph, node, &inputs));
                let macs = ops::macs(graph.dialect, node, &inputs, &outputs);
                if macs > 0 {
                    let op = Name::from(node.op_label());
                    let sum = self.current.by_op.entry(op).or_default();
                    *sum = sum.saturating_add(macs.saturating_mul(times));
                }
                (outputs.into_iter().map(Some).collect(), macs)
            }
            Runs::Call(to) => {
                let done = self.call(to, &inputs, times)?;
                (done.outputs, done.macs)
            }
            Runs::Branches(branches) => {
                let arguments = inputs.get(1..).unwrap_or_default();
                let mut most = Done::default();
                for branch in branches {
                    let done = self.call(branch, arguments, times)?;
                    if done.macs >= most.macs {
                        most = done;
                    }
                }
                (most.outputs, most.macs)
            }
            Runs::Loop { cond, body } => self.repeat(cond, body, &inputs, times)?,
        };
        for (&output, fact) in node.outputs.iter().zip(outputs) {
            let slot = &mut facts[output.index()];
            if slot.is_none() {
                *slot = fact;
            }
        }
        Ok(macs)
    }

    fn call(&mut self, to: usize, inputs: &[Option<Fact>], times: u64) -> Result<Done> {
        let given = match self.meta_graph.graphs.get(to) {
            Some(graph) => {
                let pairs = graph.inputs.iter().zip(inputs);
                pairs
                    .filter_map(|(&id, fact)| Some((id?, fact.clone()?)))
                    .collect()
            }
            None => Vec::new(),
        };
        self.graph(to, given, Vec::new(), times)
    }

    /// A loop: its body as often as can be told.
    fn repeat(
        &mut self,
        cond: usize,
        body: usize,
        inputs: &[Option<Fact>],
        times: u64,
    ) -> Result<(Vec<Option<Fact>>, u64)> {
        let graphs = &self.meta_graph.graphs;
        let (Some(test), Some(step)) = (graphs.get(cond), graphs.get(body)) else {
            return Ok((Vec::new(), 0));
        };
        let trips = trips::count(test, step, inputs);
        self.current.open_loops |= trips.is_none();
        let trips = trips.unwrap_or(1);
        // What changes from turn to turn has no value that shapes may build on.
        let carried: Vec<Option<Fact>> = inputs
            .iter()
            .enumerate()
            .map(|(slot, fact)| {
                let mut fact = fact.clone();
                if !trips::stays(step, slot)
                    && let Some(fact) = &mut fact
                {
                    fact.constant = None;
                }
                fact
            })
            .collect();
        let total = times.saturating_mul(trips);
        let test = self.call(cond, &carried, total.saturating_add(times))?.macs;
        let turn = self.call(body, &carried, total)?.macs;
        let macs = turn.saturating_add(test).saturating_mul(trips);
        Ok((carried, macs))
    }

    fn runs(&self, at: usize, graph: &Graph, node: &Node) -> Runs {
        let function = |name: &str| self.index.get(name).copied().filter(|&to| to != at);
        let found = |block: &Block| match block {
            Block::Subgraph(number) => Some(*number),
            Block::Function(name) => function(name),
        };
        let called = |to: Option<usize>| to.map_or(Runs::Nothing, Runs::Call);
        match ops::control(graph, node) {
            Some(Ok(Control::Call(block) | Control::Once(block))) => called(found(&block)),
            Some(Ok(Control::Branch { blocks, .. })) => {
                Runs::Branches(blocks.iter().filter_map(found).collect())
            }
            Some(Ok(Control::Loop { condition, body })) => {
                match (found(&condition), found(&body)) {
                    (Some(cond), Some(body)) => Runs::Loop { cond, body },
                    _ => Runs::Nothing,
                }
            }
            Some(Err(_)) => Runs::Nothing,
            // TensorFlow also calls a function by an operator of its name.
            None => called(function(&node.op).filter(|_| graph.dialect == Dialect::Tf)),
        }
    }
}

/// The nodes that `wanted` and the results of the graph need; what makes a value that is there already is not. `None`
/// for all.
fn needed(graph: &Graph, facts: &[Option<Fact>], wanted: Vec<ValueId>) -> Option<Vec<bool>> {
    let producer = |value: ValueId| match facts[value.index()] {
        Some(_) => None,
        None => graph.value(value).producer.map(|(id, _)| id),
    };
    let no_results = graph.outputs.is_empty() && graph.control_outputs.is_empty();
    if graph.dialect == Dialect::Tflite || (wanted.is_empty() && no_results) {
        return None;
    }
    let results = graph.outputs.iter().flatten();
    let wanted = wanted.into_iter().chain(results.copied());
    let mut stack: Vec<NodeId> = wanted.filter_map(producer).collect();
    stack.extend(&graph.control_outputs);
    Some(graph.needed(stack, |value| facts[value.index()].is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::testing::{
        add, argument, call, constant, function, main_graph, model, of_function, subgraph,
    };
    use crate::model::{Attr, DType, Tensor};

    fn macs(model: &Model) -> SignatureCost {
        let meta = &model.meta_graphs[0];
        let mut costs = costs(model, meta, &Progress::new()).unwrap();
        costs.signatures.remove(0)
    }

    /// `x @ weights`, weights of these sizes.
    fn dense(graph: &mut Graph, name: &str, x: ValueId, sizes: &[usize]) -> ValueId {
        let values = vec![1f32; sizes.iter().product()];
        let w = constant(
            graph,
            &format!("{name}/w"),
            &Tensor::from_values(sizes, &values),
        );
        add(graph, name, "MatMul", &[x, w], &[-1, -1])
    }

    #[test]
    fn sizes_go_through_reshapes_and_calls() {
        // What a Dense layer on 5 steps of 8 features is: all steps as one batch.
        let mut inner = function("inner");
        let x = argument(&mut inner, "x", DType::Float32, &[-1, 5, 8]);
        let flat = constant(&mut inner, "flat", &Tensor::from_values(&[2], &[-1i32, 8]));
        let rows = add(&mut inner, "rows", "Reshape", &[x, flat], &[-1, 8]);
        let y = dense(&mut inner, "dense", rows, &[8, 3]);
        inner.outputs = vec![Some(y)];
        let mut main = main_graph();
        let x = add(&mut main, "in", "Placeholder", &[], &[-1, 5, 8]);
        let y = call(&mut main, "call", "inner", &[x]);
        let model = model(vec![main, inner], &[x], &[y]);
        let cost = macs(&model);
        assert_eq!(cost.macs, 5 * 8 * 3);
        assert!(!cost.open_sizes && !cost.open_loops);
        let costs = costs(&model, &model.meta_graphs[0], &Progress::new()).unwrap();
        assert_eq!(costs.graph(0), 120, "a call costs what it calls");
        assert_eq!(costs.graph(1), 120);
    }

    #[test]
    fn a_function_called_twice_costs_twice() {
        let mut inner = function("inner");
        let x = argument(&mut inner, "x", DType::Float32, &[-1, 4]);
        let y = dense(&mut inner, "dense", x, &[4, 4]);
        inner.outputs = vec![Some(y)];
        let mut main = main_graph();
        let x = add(&mut main, "in", "Placeholder", &[], &[-1, 4]);
        let a = call(&mut main, "a", "inner", &[x]);
        let b = call(&mut main, "b", "inner", &[a]);
        let cost = macs(&model(vec![main, inner], &[x], &[b]));
        assert_eq!(cost.macs, 32);
        assert_eq!(cost.by_op[&Name::from("MatMul")], 32);
        assert_eq!(cost.calls[&1], 2);
    }

    fn loop_model(limit: i32, op: &str) -> Model {
        let mut test = function("test");
        let i = argument(&mut test, "i", DType::Int32, &[]);
        argument(&mut test, "x", DType::Float32, &[-1, 4]);
        let n = constant(&mut test, "n", &Tensor::from_values(&[], &[limit]));
        let less = add(&mut test, "less", op, &[i, n], &[]);
        test.outputs = vec![Some(less)];
        let mut body = function("body");
        let i = argument(&mut body, "i", DType::Int32, &[]);
        let x = argument(&mut body, "x", DType::Float32, &[-1, 4]);
        let one = constant(&mut body, "one", &Tensor::from_values(&[], &[2i32]));
        let next = add(&mut body, "next", "AddV2", &[i, one], &[]);
        let y = dense(&mut body, "dense", x, &[4, 4]);
        body.outputs = vec![Some(next), Some(y)];
        let mut main = main_graph();
        let x = add(&mut main, "in", "Placeholder", &[], &[-1, 4]);
        let zero = constant(&mut main, "zero", &Tensor::from_values(&[], &[0i32]));
        let y = add(&mut main, "loop", "StatelessWhile", &[zero, x], &[]);
        let node = main.nodes.last_mut().unwrap();
        node.attrs.set("cond", of_function("test"));
        node.attrs.set("body", of_function("body"));
        model(vec![main, test, body], &[x], &[y])
    }

    #[test]
    fn a_counted_loop_costs_each_turn() {
        let cost = macs(&loop_model(7, "Less"));
        assert_eq!((cost.macs, cost.open_loops), (4 * 16, false));
        let cost = macs(&loop_model(7, "NotEqual"));
        assert_eq!((cost.macs, cost.open_loops), (16, true));
    }

    #[test]
    fn a_loop_of_tensorflow_1_is_said_to_be_gone_round_once() {
        let mut main = main_graph();
        let x = add(&mut main, "in", "Placeholder", &[], &[-1, 4]);
        let enter = add(&mut main, "enter", "Enter", &[x], &[-1, 4]);
        let merge = add(&mut main, "merge", "Merge", &[enter, enter], &[-1, 4]);
        let y = dense(&mut main, "dense", merge, &[4, 4]);
        let condition = add(&mut main, "go", "LoopCond", &[y], &[]);
        let switch = add(&mut main, "switch", "Switch", &[y, condition], &[-1, 4]);
        let exit = add(&mut main, "exit", "Exit", &[switch], &[-1, 4]);
        let cost = macs(&model(vec![main], &[x], &[exit]));
        assert_eq!((cost.macs, cost.open_loops), (16, true));
    }

    #[test]
    fn functions_without_end_end() {
        let mut a = function("a");
        let x = argument(&mut a, "x", DType::Float32, &[-1, 4]);
        let one = call(&mut a, "one", "b", &[x]);
        let two = call(&mut a, "two", "b", &[one]);
        a.outputs = vec![Some(two)];
        let mut b = a.clone();
        b.name = "b".into();
        for node in &mut b.nodes {
            node.attrs.set("f", of_function("a"));
        }
        let mut main = main_graph();
        let x = add(&mut main, "in", "Placeholder", &[], &[-1, 4]);
        let y = call(&mut main, "call", "a", &[x]);
        assert_eq!(macs(&model(vec![main, a, b], &[x], &[y])).macs, 0);
    }

    #[test]
    fn a_tflite_branch_costs_as_the_dearest() {
        let branch = |name: &str, units: usize| {
            let mut graph = subgraph(name);
            let x = argument(&mut graph, "x", DType::Float32, &[1, 4]);
            let w = Tensor::from_values(&[units, 4], &vec![1f32; units * 4]);
            let w = constant(&mut graph, "w", &w);
            let y = add(
                &mut graph,
                "dense",
                "FULLY_CONNECTED",
                &[x, w],
                &[1, units as i64],
            );
            graph.outputs = vec![Some(y)];
            graph
        };
        let mut main = subgraph("main");
        let test = argument(&mut main, "test", DType::Bool, &[]);
        let x = argument(&mut main, "x", DType::Float32, &[1, 4]);
        let y = add(&mut main, "if", "IF", &[test, x], &[1, -1]);
        let node = main.nodes.last_mut().unwrap();
        node.attrs.set("then_subgraph_index", Attr::Int(1));
        node.attrs.set("else_subgraph_index", Attr::Int(2));
        let graphs = vec![main, branch("then", 3), branch("else", 5)];
        assert_eq!(macs(&model(graphs, &[test, x], &[y])).macs, 20);
    }
}

//! A signature with all the graphs that it may run, before any sizes are known.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::KernelChoice;
use super::RunOptions;
use super::dead::Liveness;
use super::frames::{self, Part};
use super::problems::Problems;
use super::references;
use super::regions;
use bytes::Bytes;

use crate::error::{Error, Result};
use crate::kernels::{Clamp, Threads};
use crate::model::{
    Attr, DType, Dialect, Graph, MetaGraph, Model, Name, NodeId, Resource, Shape, Tensor,
    TensorData, ValueId, Variable, VariableId, inline, opdef,
};
use crate::ops::{self, Block, Context, Fact, LookupTable, Options, Room, State};

pub struct Program {
    /// The signature's own graph, then those that its operators name.
    bodies: Vec<Body>,
    numbers: HashMap<Block, usize>,
    /// What has to run before the signature: it fills tables.
    init: Option<usize>,
    /// Files that the graphs read, by the name that they have there.
    files: HashMap<Vec<u8>, Bytes>,
    /// Parts of variables that nodes hold alone.
    parts: HashMap<Resource, Arc<Tensor>>,
    /// Tables that the checkpoint has entries of.
    tables: HashMap<Resource, Arc<LookupTable>>,
    pub variables: Arc<[Variable]>,
    /// Variables that a run changes, in order.
    written: Vec<VariableId>,
    /// Of a program that is run once.
    room: Option<Arc<Room>>,
    pub options: Options,
    /// What random numbers come from that the graphs have no seed for.
    seed: Option<u64>,
    pub threads: Threads,
    /// Of one loop; 0 is no limit.
    pub max_iterations: u64,
    fusion: bool,
}

/// One graph, calls already inlined.
pub struct Body {
    pub graph: Graph,
    /// The values behind the ports of the signature, or behind the arguments of a function, in their order.
    pub inputs: Vec<ValueId>,
    pub outputs: Vec<ValueId>,
    /// What has to run, in an order in which it can.
    pub order: Vec<NodeId>,
    /// Where conditions of TensorFlow 1 decide what runs.
    pub liveness: Option<Liveness>,
    /// Graphs of the loops of TensorFlow 1 in it.
    parts: HashMap<Block, Part>,
    /// Loops of TensorFlow 1 that it lies in.
    depth: usize,
    /// What it is named to people; `None` for the signature's own.
    pub title: Option<Name>,
    /// The graph of the file that it is made of; `None` for the signature's own.
    pub home: Option<Block>,
}

/// Loops of TensorFlow 1 in each other, and graphs and nodes of all of them, at most.
const DEEPEST: usize = 32;
const MOST_BODIES: usize = 1 << 13;
const MOST_NODES: usize = 1 << 23;

/// A graph of a program.
#[derive(Clone, Copy)]
pub struct Setup<'p> {
    pub program: &'p Program,
    pub number: usize,
}

impl Program {
    /// `graph` is the signature's own with its `inputs` and `outputs`.
    ///
    /// # Errors
    /// Graphs that are named and not there, and every operator of any of the graphs that can't run.
    pub fn new(
        model: &Model,
        meta_graph: &MetaGraph,
        mut graph: Graph,
        ends: [Vec<ValueId>; 2],
        options: &RunOptions,
    ) -> Result<Self> {
        let mut program = Program {
            bodies: Vec::new(),
            numbers: HashMap::new(),
            init: None,
            files: files(model, meta_graph),
            parts: HashMap::new(),
            tables: HashMap::new(),
            variables: model.variables.clone().into(),
            written: Vec::new(),
            room: options.once.then(Arc::default),
            options: Options {
                reference: options.kernels == KernelChoice::Reference,
                in_order: false,
                fusion: false,
            },
            seed: options.seed,
            threads: Threads::new(options.threads),
            max_iterations: options.max_iterations,
            fusion: options.fusion,
        };
        let [inputs, outputs] = ends;
        name_assets(&mut graph, meta_graph);
        regions::name(&mut graph, meta_graph);
        program.bodies.push(Body::new(graph, inputs, outputs)?);
        let mut problems = Problems::default();
        let mut at = 0;
        while at < program.bodies.len() {
            for block in program.bodies[at].blocks(at, &mut problems) {
                if program.numbers.contains_key(&block) {
                    continue;
                }
                let body = match program.bodies[at].parts.remove(&block) {
                    Some(part) => program.part(part, at)?,
                    None => Body::of_block(meta_graph, &block)?,
                };
                program.numbers.insert(block, program.bodies.len());
                program.bodies.push(body);
            }
            at += 1;
            let all = at == program.bodies.len();
            if all
                && program.init.is_none()
                && program.has_tables()
                && let Some(mut graph) = inline::flatten_init(meta_graph)?
            {
                name_assets(&mut graph, meta_graph);
                program.init = Some(at);
                program
                    .bodies
                    .push(Body::new(graph, Vec::new(), Vec::new())?);
            }
        }
        problems.result(|number| program.graph(number))?;
        program.written = program.find_written();
        program.parts = program.parts_of(model)?;
        if program.has_tables() {
            program.tables = restored_tables(model, meta_graph)?;
        }
        program.options.in_order = program.bodies.iter().any(Body::quantizes);
        program.options.fusion = program.may_fuse();
        Ok(program)
    }

    /// Whether operators may run as part of others: not where nobody wants that, they are the plain ones, or a variable tensor has its
    /// value in a plan that another one may replace.
    pub fn may_fuse(&self) -> bool {
        let graphs = self.bodies.iter().map(|body| &body.graph);
        let mut values = graphs.flat_map(|graph| &graph.values);
        self.fusion && !self.options.reference && !values.any(|value| value.is_variable)
    }

    /// A graph of a loop of TensorFlow 1 that body `within` runs.
    ///
    /// # Errors
    /// Loops that lie in themselves, or more of them than any model has.
    fn part(&self, part: Part, within: usize) -> Result<Body> {
        let nodes: usize = self.bodies.iter().map(|body| body.graph.nodes.len()).sum();
        let depth = self.bodies[within].depth + 1;
        if depth > DEEPEST || self.bodies.len() > MOST_BODIES || nodes > MOST_NODES {
            return Err(Error::unsupported(format!(
                "{} graphs of loops, {depth} in each other: a loop that lies in itself?",
                self.bodies.len()
            )));
        }
        let mut body = Body::new(part.graph, part.inputs, part.outputs)?;
        body.depth = depth;
        body.title = Some(part.title);
        body.home.clone_from(&self.bodies[within].home);
        Ok(body)
    }

    /// The values of partitioned variables, part by part.
    fn parts_of(&self, model: &Model) -> Result<HashMap<Resource, Arc<Tensor>>> {
        let nodes = self.bodies.iter().flat_map(|body| &body.graph.nodes);
        let mut parts = HashMap::new();
        for node in nodes.filter(|n| n.variable_slice.is_some() && &*n.op == "VarHandleOp") {
            if let Some(value) = model.variable_value(node) {
                parts.insert(ops::shared_variable(node, false), Arc::new(value?));
            }
        }
        Ok(parts)
    }

    fn has_tables(&self) -> bool {
        let of_table = |op: &str| op.starts_with("LookupTable") || op.contains("HashTable");
        let mut graphs = self.bodies.iter().map(|body| (&body.graph, &body.order));
        graphs.any(|(graph, order)| order.iter().any(|&id| of_table(&graph.node(id).op)))
    }

    /// As the model has everything before the first run.
    pub fn state(&self) -> State {
        let state = State::new(self.variables.clone(), self.files.clone(), self.seed);
        state.with_tables(&self.tables).with_parts(&self.parts)
    }

    pub fn init(&self) -> Option<Setup<'_>> {
        self.init.map(|number| self.setup(number))
    }

    pub fn main(&self) -> Setup<'_> {
        self.setup(0)
    }

    pub fn setup(&self, number: usize) -> Setup<'_> {
        Setup {
            program: self,
            number,
        }
    }

    pub fn graph(&self, number: usize) -> &Graph {
        &self.bodies[number].graph
    }

    /// # Errors
    /// A node names a graph that it did not name when the program was made.
    pub fn number(&self, block: &Block) -> Result<usize> {
        let number = self.numbers.get(block).copied();
        number.ok_or_else(|| Error::unreadable(format!("{block} is not there")))
    }

    /// Whether a run may change a stored variable.
    pub fn writes(&self, id: VariableId) -> bool {
        self.written.binary_search(&id).is_ok()
    }

    /// Stored variables whose handles reach an operator that may change what they stand for.
    fn find_written(&self) -> Vec<VariableId> {
        let changing: Vec<bool> = self.changing();
        let mut written = HashSet::new();
        for (body, changes) in self.bodies.iter().zip(&changing) {
            for &id in &body.order {
                let node = body.graph.node(id);
                if let (Some(variable), true) = (node.variable, *changes) {
                    written.insert(variable);
                }
                let calls = self.called(&body.graph, id);
                if is_writer(&body.graph, id) || calls.into_iter().any(|at| changing[at]) {
                    let inputs = node.inputs.iter().flatten();
                    written.extend(inputs.filter_map(|&value| behind(&body.graph, value)));
                }
            }
        }
        let mut written: Vec<_> = written.into_iter().collect();
        written.sort_unstable();
        written
    }

    /// For each graph but the signature's own whether it, or one that it runs, changes variables.
    fn changing(&self) -> Vec<bool> {
        let mut changing: Vec<bool> = self.bodies.iter().map(Body::writes).collect();
        let main = changing.first().copied();
        loop {
            let more = |body: &Body| {
                let calls = |&id: &NodeId| {
                    let called = self.called(&body.graph, id);
                    called.into_iter().any(|at| changing[at])
                };
                body.order.iter().any(calls)
            };
            let next: Vec<bool> = (self.bodies.iter().zip(&changing))
                .map(|(body, &known)| known || more(body))
                .collect();
            if next == changing {
                break;
            }
            changing = next;
        }
        // In the signature's own graph it is told handle by handle.
        if let (Some(first), Some(_)) = (changing.first_mut(), main) {
            *first = false;
        }
        changing
    }

    fn called(&self, graph: &Graph, id: NodeId) -> Vec<usize> {
        let control = ops::control(graph, graph.node(id)).and_then(Result::ok);
        let blocks = control.iter().flat_map(|control| control.blocks());
        let numbers = blocks.filter_map(|block| self.numbers.get(block).copied());
        numbers.collect()
    }
}

impl Body {
    pub fn new(mut graph: Graph, inputs: Vec<ValueId>, mut outputs: Vec<ValueId>) -> Result<Self> {
        // What a Flex operator carries runs as TensorFlow's own; its attributes are the NodeDef's.
        for node in &mut graph.nodes {
            if let Some(op) = node.flex_op() {
                node.op = op.into();
            }
        }
        references::resolve(&mut graph, &inputs, &mut outputs);
        let parts = frames::close(&mut graph, &inputs, &outputs)?;
        let mut fed = vec![false; graph.values.len()];
        inputs.iter().for_each(|value| fed[value.index()] = true);
        let order = graph.topological_order()?;
        let order = needed(&graph, order, &fed, &outputs);
        Ok(Body {
            liveness: Liveness::new(&graph, &order, &fed)?,
            order,
            parts,
            depth: 0,
            title: None,
            home: None,
            inputs,
            outputs,
            graph,
        })
    }

    fn of_block(meta_graph: &MetaGraph, block: &Block) -> Result<Self> {
        let mut graph = match block {
            Block::Function(name) => inline::flatten_function(meta_graph, name)?,
            Block::Subgraph(number) => {
                let graph = meta_graph.graphs.get(*number).cloned();
                graph.ok_or_else(|| Error::unreadable(format!("{block} is not there")))?
            }
        };
        regions::name(&mut graph, meta_graph);
        let ends = |ends: &[Option<ValueId>], what: &str| -> Result<Vec<ValueId>> {
            ends.iter()
                .copied()
                .collect::<Option<_>>()
                .ok_or_else(|| Error::unreadable(format!("{what} of {block} is no tensor")))
        };
        let inputs = ends(&graph.inputs, "an input")?;
        let outputs = ends(&graph.outputs, "an output")?;
        let title = match &*graph.name {
            "" => block.to_string().into(),
            _ => graph.name.clone(),
        };
        let mut body = Body::new(graph, inputs, outputs)?;
        body.title = Some(title);
        body.home = Some(block.clone());
        Ok(body)
    }

    /// The graphs that its operators name; operators that can't run are `problems`.
    fn blocks(&self, number: usize, problems: &mut Problems) -> Vec<Block> {
        let mut blocks = Vec::new();
        for &id in &self.order {
            let node = self.graph.node(id);
            if ops::find_for(&self.graph, node).is_none() {
                problems.add(number, id, Error::unsupported("no such operator here"));
            }
            match ops::control(&self.graph, node) {
                None => {}
                Some(Ok(control)) => blocks.extend(control.blocks().into_iter().cloned()),
                Some(Err(error)) => problems.add(number, id, error),
            }
        }
        blocks
    }

    /// Whether an operator with integer weights takes float activations, which it quantizes itself.
    fn quantizes(&self) -> bool {
        const PRODUCTS: [&str; 5] = [
            "CONV_2D",
            "DEPTHWISE_CONV_2D",
            "TRANSPOSE_CONV",
            "FULLY_CONNECTED",
            "BATCH_MATMUL",
        ];
        let graph = &self.graph;
        let dtype = |id: ValueId| graph.value(id).dtype;
        graph.dialect == Dialect::Tflite
            && graph.nodes.iter().any(|node| {
                let real = node.outputs.first().map(|&id| dtype(id)) == Some(DType::Float32);
                let weights = node.input(1).map(dtype);
                let integers = weights.is_some_and(|weights| weights != DType::Float32);
                real && integers && PRODUCTS.contains(&&*node.op)
            })
    }

    fn writes(&self) -> bool {
        self.order.iter().any(|&id| is_writer(&self.graph, id))
    }
}

impl<'p> Setup<'p> {
    pub fn body(self) -> &'p Body {
        &self.program.bodies[self.number]
    }

    pub fn graph(self) -> &'p Graph {
        &self.body().graph
    }

    pub fn context<'g>(self, node: NodeId, inputs: &'g [Option<Fact>]) -> Context<'g>
    where
        'p: 'g,
    {
        Context {
            graph: self.graph(),
            node: self.graph().node(node),
            inputs,
            variables: &self.program.variables,
            written: &self.program.written,
            bounds: Clamp::NONE,
            // Other graphs may be run round after round.
            room: self.program.room.as_ref().filter(|_| self.number == 0),
            options: self.program.options,
        }
    }

    /// An error of a node, with its name.
    pub fn at_node(self, node: NodeId, error: Error) -> Error {
        let node = self.graph().node(node);
        error.at(format_args!("{} {:?}", node.op_label(), node.name))
    }
}

/// The entries that a checkpoint has of tables.
fn restored_tables(
    model: &Model,
    meta_graph: &MetaGraph,
) -> Result<HashMap<Resource, Arc<LookupTable>>> {
    let Some(main) = meta_graph.graphs.first() else {
        return Ok(HashMap::new());
    };
    let read = |id| model.variable(id).read();
    let tables = meta_graph.stored_tables.iter().map(|stored| {
        let table = LookupTable::restored(&read(stored.keys)?, &read(stored.values)?)?;
        Ok((ops::table_of(main.node(stored.node)), Arc::new(table)))
    });
    tables.collect()
}

/// Under `assets/`, as the graphs are told.
fn files(model: &Model, meta_graph: &MetaGraph) -> HashMap<Vec<u8>, Bytes> {
    let content = |file: &str| {
        let found = model.attachments.iter().find(|a| a.name == file);
        found.map(|attachment| attachment.data.clone())
    };
    let assets = meta_graph.assets.iter();
    assets
        .filter_map(|asset| Some((path_of(&asset.file).into_bytes(), content(&asset.file)?)))
        .collect()
}

fn path_of(asset: &str) -> String {
    format!("assets/{asset}")
}

/// Nodes that stand for the path of an asset become that path, as TensorFlow does when it loads the model.
fn name_assets(graph: &mut Graph, meta_graph: &MetaGraph) {
    for asset in &meta_graph.assets {
        let name = asset.tensor.split(':').next().unwrap_or_default();
        for node in graph.nodes.iter_mut().filter(|node| &*node.name == name) {
            let path = Tensor::from_strings(&[], vec![path_of(&asset.file).into_bytes()]);
            node.op = "Const".into();
            node.inputs.clear();
            let (dtype, shape) = (DType::String, Shape::scalar());
            let data = TensorData::of(&path);
            node.attrs.set(
                "value",
                Attr::Tensor {
                    dtype,
                    shape,
                    data: data.clone(),
                },
            );
            for &output in &node.outputs {
                let value = &mut graph.values[output.index()];
                if value.data.is_some() {
                    value.data = Some(data.clone());
                }
            }
        }
    }
}

/// Whether the node may change a variable that it gets.
fn is_writer(graph: &Graph, id: NodeId) -> bool {
    /// Registered as stateful for what they read.
    const READERS: [&str; 9] = [
        "ReadVariableOp",
        "VariableShape",
        "ResourceGather",
        "ResourceGatherNd",
        "VarIsInitializedOp",
        "Identity",
        "IdentityN",
        "LookupTableFindV2",
        "LookupTableSizeV2",
    ];
    const REFERENCES_ON: [&str; 7] = [
        "RefIdentity",
        "RefSwitch",
        "RefMerge",
        "RefSelect",
        "RefEnter",
        "RefExit",
        "RefNextIteration",
    ];
    let node = graph.node(id);
    if graph.dialect == Dialect::Tflite || ops::control(graph, node).is_some() {
        return false;
    }
    let changes_reference = opdef::lookup(&node.op).is_some_and(|def| {
        def.inputs.iter().any(|arg| arg.reference) && def.outputs.iter().any(|arg| arg.reference)
    });
    let mut inputs = node.inputs.iter().flatten();
    let handles = inputs.any(|&value| graph.value(value).dtype == DType::Resource);
    changes_reference && !REFERENCES_ON.contains(&&*node.op)
        || handles && !READERS.contains(&&*node.op)
}

/// The stored variable whose handle a value is.
fn behind(graph: &Graph, value: ValueId) -> Option<VariableId> {
    let mut value = value;
    // A chain that leads back to itself is as long as the graph.
    for _ in 0..graph.nodes.len() {
        let node = graph.producer(value)?;
        match &*node.op {
            "Identity" | "RefIdentity" | "Enter" | "Switch" | "RefSwitch" => {
                value = node.input(0)?;
            }
            _ => return node.variable,
        }
    }
    None
}

/// Nodes that the outputs need, and in a .tflite those that only have effects, in the given order.
fn needed(graph: &Graph, order: Vec<NodeId>, fed: &[bool], outputs: &[ValueId]) -> Vec<NodeId> {
    let mut stack: Vec<NodeId> = graph.control_outputs.clone();
    if graph.dialect == Dialect::Tflite {
        stack.extend(graph.node_ids().filter(|&id| {
            let node = graph.node(id);
            node.outputs.is_empty() || ops::control(graph, node).is_some()
        }));
    }
    let made = outputs.iter().filter(|value| !fed[value.index()]);
    stack.extend(made.filter_map(|&value| Some(graph.value(value).producer?.0)));
    let live = graph.needed(stack, |value| fed[value.index()]);
    order.into_iter().filter(|id| live[id.index()]).collect()
}

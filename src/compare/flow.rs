//! One side's signature as data flows through it: which operators lie between its inputs and its outputs, and the
//! weights that each of them takes.

use std::collections::HashSet;

use super::names;
use crate::model::inline::flatten;
use crate::model::{Dialect, Graph, Model, Name, Node, NodeId, Value, ValueId, VariableId};
use crate::sort;

/// A flat graph and what of it depends on the inputs.
pub(super) struct Flow<'m> {
    pub model: &'m Model,
    pub graph: Graph,
    /// Operators in an order of execution.
    pub order: Vec<NodeId>,
    /// For each node its place in `order`.
    places: Vec<usize>,
    /// For each node whether anything from outside reaches it; the others only prepare weights.
    fed: Vec<bool>,
}

impl<'m> Flow<'m> {
    /// `None` where there is no such signature or its graph has no order.
    pub fn new(model: &'m Model, key: Option<&str>) -> Option<Flow<'m>> {
        let (meta_graph, signature) = model.signature(None, key).ok()?;
        let graph = flatten(meta_graph, signature).ok()?;
        let order = graph.topological_order().ok()?;
        let mut places = vec![0; graph.nodes.len()];
        let mut fed = vec![false; graph.nodes.len()];
        let mut given = vec![false; graph.values.len()];
        for input in graph.inputs.iter().flatten() {
            given[input.index()] = true;
        }
        for (place, &id) in order.iter().enumerate() {
            let node = graph.node(id);
            places[id.index()] = place;
            fed[id.index()] = node.inputs.iter().flatten().any(|v| given[v.index()]);
            if fed[id.index()] {
                node.outputs.iter().for_each(|v| given[v.index()] = true);
            }
        }
        Some(Flow {
            model,
            graph,
            order,
            places,
            fed,
        })
    }

    pub fn is_fed(&self, node: NodeId) -> bool {
        self.fed[node.index()]
    }

    pub fn producer(&self, value: ValueId) -> Option<NodeId> {
        self.graph.value(value).producer.map(|(node, _)| node)
    }

    /// Names of nodes and values say which layer they belong to: TensorFlow's do, a converted file's often.
    pub fn dialect(&self) -> Dialect {
        self.graph.dialect
    }
}

/// A stored tensor that an operator takes.
#[derive(Debug, Clone)]
pub(super) struct Weight {
    pub name: Name,
    pub bytes: u64,
    /// `int8/channel`
    pub form: String,
    /// A variable's name is that of its layer; a constant of TensorFlow's is called after its operator.
    variable: bool,
}

/// An operator of a part, and what it takes.
#[derive(Debug, Clone)]
struct Step {
    node: NodeId,
    bytes: u64,
}

/// Operators that together do one thing, in order of execution, and their weights.
#[derive(Debug, Clone)]
pub(super) struct Part {
    steps: Vec<Step>,
    pub weights: Vec<Weight>,
}

impl Part {
    /// Both, one after the other.
    pub fn joined(mut self, other: Part) -> Part {
        self.steps.extend(other.steps);
        self.weights.extend(other.weights);
        self
    }

    pub fn bytes(&self) -> u64 {
        self.weights.iter().map(|w| w.bytes).sum()
    }

    /// The operator that takes the most weights; the last where none takes any.
    fn main(&self) -> Option<NodeId> {
        let heaviest = self.steps.iter().rev().max_by_key(|step| step.bytes);
        match heaviest {
            Some(step) if step.bytes > 0 => Some(step.node),
            _ => self.steps.last().map(|step| step.node),
        }
    }

    pub fn op(&self, flow: &Flow<'_>) -> String {
        let main = self.main();
        main.map_or_else(String::new, |node| {
            flow.graph.node(node).op_label().to_owned()
        })
    }

    /// The nodes, without those that hand on what they get.
    pub fn nodes<'f>(&self, flow: &'f Flow<'_>) -> impl Iterator<Item = &'f Node> {
        let nodes = self.steps.iter().map(|step| flow.graph.node(step.node));
        nodes.filter(|node| !hands_on(&node.op))
    }

    /// Of a layer its kernel; integer biases are wider than the kernels they go with.
    pub fn largest(&self) -> Option<&Weight> {
        let bias = |w: &Weight| w.form.starts_with("int32") || w.form.starts_with("int64");
        self.weights.iter().max_by_key(|w| (!bias(w), w.bytes))
    }

    /// The layer: the scope of the weights, or the name of the last value. A fused operator of a .tflite is named after
    /// its last part, so its largest constant says better which layer it is.
    pub fn name(&self, flow: &Flow<'_>) -> String {
        let of = |name: &str| names::origins(name).next().unwrap_or_default().to_owned();
        let node = |id: NodeId| of(&flow.graph.node(id).name);
        if let Some(largest) = self.largest().filter(|w| !w.variable)
            && let Some((scope, _)) = of(&largest.name).rsplit_once('/')
        {
            return scope.to_owned();
        }
        let name = self.main().map(node).unwrap_or_default();
        if self.weights.is_empty() {
            return name;
        }
        names::scope(&name).to_owned()
    }

    /// Every scope that a name of it stands in. A graph's outputs lose their origin, but weights keep the name of
    /// their layer.
    pub fn scopes(&self, flow: &Flow<'_>) -> HashSet<String> {
        let nodes = self.steps.iter().map(|s| &flow.graph.node(s.node).name);
        let weights = self.weights.iter().map(|w| &w.name);
        nodes
            .chain(weights)
            .flat_map(|name| names::origins(name).map(|n| names::scope(n).to_owned()))
            .collect()
    }
}

/// Operators whose value is what they were given.
pub(super) fn hands_on(op: &str) -> bool {
    matches!(
        op,
        "Identity"
            | "IdentityN"
            | "StopGradient"
            | "PreventGradient"
            | "Snapshot"
            | "CheckNumerics"
            | "EnsureShape"
            | "Cast"
            | "CAST"
            | "QUANTIZE"
            | "DEQUANTIZE"
    )
}

/// Cuts a flow into parts; every operator and every stored tensor is given out once.
pub(super) struct Cutter<'f, 'm> {
    flow: &'f Flow<'m>,
    taken: Vec<bool>,
    constants: HashSet<ValueId>,
    buffers: HashSet<u32>,
    variables: HashSet<VariableId>,
}

impl<'f, 'm> Cutter<'f, 'm> {
    pub fn new(flow: &'f Flow<'m>) -> Self {
        Cutter {
            flow,
            taken: vec![false; flow.graph.nodes.len()],
            constants: HashSet::new(),
            buffers: HashSet::new(),
            variables: HashSet::new(),
        }
    }

    /// `node` with all before it that was not given out, up to nodes that are an `end`.
    pub fn part(&mut self, node: NodeId, end: impl Fn(NodeId) -> bool) -> Part {
        let flow = self.flow;
        let (mut found, mut stack) = (Vec::new(), vec![node]);
        while let Some(id) = stack.pop() {
            if std::mem::replace(&mut self.taken[id.index()], true) {
                continue;
            }
            found.push(id);
            let inputs = flow.graph.node(id).inputs.iter().flatten();
            let before = inputs.filter_map(|&v| flow.producer(v));
            stack.extend(before.filter(|&n| flow.is_fed(n) && !end(n)));
        }
        sort::by_key(&mut found, |id| flow.places[id.index()]);
        self.with_weights(&found)
    }

    /// What was not given out, operator by operator, where it takes weights.
    pub fn rest(&mut self) -> Vec<Part> {
        let flow = self.flow;
        let mut parts = Vec::new();
        for &node in &flow.order {
            if flow.is_fed(node) && !std::mem::replace(&mut self.taken[node.index()], true) {
                let part = self.with_weights(&[node]);
                parts.extend((part.bytes() > 0).then_some(part));
            }
        }
        parts
    }

    fn with_weights(&mut self, nodes: &[NodeId]) -> Part {
        let mut part = Part {
            steps: Vec::with_capacity(nodes.len()),
            weights: Vec::new(),
        };
        for &node in nodes {
            let before = part.weights.len();
            self.weights(node, &mut part.weights);
            let bytes = part.weights[before..].iter().map(|w| w.bytes).sum();
            part.steps.push(Step { node, bytes });
        }
        part
    }

    /// Stored tensors that reach `node` directly or through operators that prepare weights.
    fn weights(&mut self, node: NodeId, found: &mut Vec<Weight>) {
        let flow = self.flow;
        let mut stack = vec![node];
        while let Some(id) = stack.pop() {
            let node = flow.graph.node(id);
            if let Some(variable) = node.variable
                && self.variables.insert(variable)
                && let Some(variable) = flow.model.variables.get(variable.0 as usize)
            {
                found.push(Weight {
                    name: variable.name.clone(),
                    bytes: variable.bytes,
                    form: variable.dtype.to_string(),
                    variable: true,
                });
            }
            for &input in node.inputs.iter().flatten() {
                found.extend(self.constant(input));
                let before = flow.producer(input).filter(|&n| !flow.is_fed(n));
                if let Some(before) = before
                    && !std::mem::replace(&mut self.taken[before.index()], true)
                {
                    stack.push(before);
                }
            }
        }
    }

    fn constant(&mut self, id: ValueId) -> Option<Weight> {
        let value = self.flow.graph.value(id);
        let data = value.data.as_ref()?;
        // Shapes and axes are no weights.
        let quantized = value.quantization.as_ref().is_some_and(|q| q.is_active());
        if !(value.dtype.is_float() || quantized) || !self.constants.insert(id) {
            return None;
        }
        // Tensors of a .tflite may share a buffer; number 0 stands for none.
        if value.buffer != 0 && !self.buffers.insert(value.buffer) {
            return None;
        }
        Some(Weight {
            name: value.name.clone(),
            bytes: data.stored_bytes() as u64,
            form: form(value),
            variable: false,
        })
    }
}

/// `int8/channel`: the type, and how many share a scale.
fn form(value: &Value) -> String {
    use crate::model::QuantizationDetails::Blockwise;
    let grain = match &value.quantization {
        Some(q) => match &q.details {
            Blockwise { block_size, .. } => format!("/{block_size}"),
            _ if q.scale.len() > 1 => "/channel".to_owned(),
            _ => String::new(),
        },
        None => String::new(),
    };
    format!("{}{grain}", value.dtype)
}

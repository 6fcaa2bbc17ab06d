//! Graphs: nodes, the values between them, and the edits that passes make.

use foldhash::HashMap;
use std::sync::Arc;

use super::Name;
use super::attr::{Attr, Attrs};
use super::data::TensorData;
use super::dtype::DType;
use super::opdef;
use super::quantization::Quantization;
use super::shape::Shape;
use super::sparse::Sparsity;
use super::tensor::Tensor;
use super::variable::VariableId;
use crate::error::{Error, Result};

/// Index into [`Graph::nodes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// Index into [`Graph::values`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(pub u32);

impl NodeId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl ValueId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Whose operators these are: their names, attributes and meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// TensorFlow's OpDefs (`Conv2D`, `strides`, `padding = "SAME"`).
    Tf,
    /// TFLite's builtin operators (`CONV_2D`, `stride_w`, `padding = SAME`).
    Tflite,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GraphKind {
    /// The GraphDef of a MetaGraph.
    Main,
    /// A FunctionDef.
    Function,
    /// A TFLite subgraph.
    Subgraph,
}

#[derive(Debug, Clone)]
pub struct Graph {
    pub name: Name,
    pub kind: GraphKind,
    pub dialect: Dialect,
    pub nodes: Vec<Node>,
    pub values: Vec<Value>,
    /// Function arguments or subgraph inputs in order. Empty for a main graph (its inputs are Placeholder nodes).
    /// -1 in a file (no tensor) is `None`.
    pub inputs: Vec<Option<ValueId>>,
    /// Function results or subgraph outputs in order.
    pub outputs: Vec<Option<ValueId>>,
    /// Names of the results of a function (its OpDef's output args); empty otherwise.
    pub output_names: Vec<Name>,
    /// Nodes that must run although nothing uses their results (a function's `control_ret`).
    pub control_outputs: Vec<NodeId>,
    /// Attributes of a FunctionDef; of a subgraph its `debug_metadata_index`.
    pub attrs: Attrs,
}

/// An operator in a graph.
#[derive(Debug, Clone)]
pub struct Node {
    /// As the file names it; a .tflite names no operators, so there it is made from its first output.
    pub name: Name,
    /// `Conv2D`, `CONV_2D`, the name of a called function, or `CUSTOM`.
    pub op: Name,
    /// The name of a custom operator (`op` is `CUSTOM`).
    pub custom: Option<Name>,
    /// Data inputs in order; `None` is an optional input that is absent.
    pub inputs: Vec<Option<ValueId>>,
    pub outputs: Vec<ValueId>,
    /// Nodes that must run before this one.
    pub control: Vec<NodeId>,
    pub attrs: Attrs,
    /// Device the file asks for; empty as a rule.
    pub device: Name,
    /// Version of a TFLite operator; 0 in TensorFlow graphs.
    pub version: i32,
    /// Scratch values of a TFLite operator (LSTM); `None` is one that it does not need.
    pub intermediates: Vec<Option<ValueId>>,
    /// The stored variable behind a `VarHandleOp` or `VariableV2`, found by the reader.
    pub variable: Option<VariableId>,
    /// The block of that variable which this node holds (start and length per dimension), for one part of a
    /// partitioned variable; `None` = all of it.
    pub variable_slice: Option<Arc<[(usize, usize)]>>,
}

/// What flows along edges: the result of a node, an argument, or a constant of a .tflite.
#[derive(Debug, Clone)]
pub struct Value {
    /// `node:0` style in TensorFlow graphs, the tensor's name in a .tflite (not unique, may be empty).
    pub name: Name,
    pub dtype: DType,
    /// A TF1 reference type (`float32_ref`).
    pub reference: bool,
    /// With -1 where unknown. For a .tflite this is `shape_signature` where the file has one, else the shape.
    pub shape: Shape,
    /// What a .tflite says to allocate (dynamic sizes as 1); equal to `shape` elsewhere.
    pub stored_shape: Shape,
    /// The node that makes it and which of its outputs it is.
    pub producer: Option<(NodeId, u32)>,
    /// Constant values: a .tflite constant, or the output of a `Const` node.
    pub data: Option<TensorData>,
    /// Boxed: most values of most models have none, and it is large.
    pub quantization: Option<Box<Quantization>>,
    /// TFLite state kept between invocations.
    pub is_variable: bool,
    /// TFLite buffer index, 0 without one; tensors may share a buffer.
    pub buffer: u32,
    /// What the elements of a TFLite variant are.
    pub variant_tensors: Vec<SubType>,
    /// The id of the range of a file beside the model that holds the values, 0 without one.
    pub external_buffer: u32,
}

/// Type and shape of the elements of a variant tensor (the schema's VariantSubType).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubType {
    pub dtype: DType,
    pub shape: Shape,
}

impl Value {
    pub fn new(name: impl Into<Name>, dtype: DType, shape: Shape) -> Self {
        Value {
            name: name.into(),
            dtype,
            reference: false,
            stored_shape: shape.clone(),
            shape,
            producer: None,
            data: None,
            quantization: None,
            variant_tensors: Vec::new(),
            external_buffer: 0,
            is_variable: false,
            buffer: 0,
        }
    }

    pub fn constant(name: impl Into<Name>, tensor: &Tensor) -> Self {
        let mut value = Value::new(name, tensor.dtype(), Shape::of(tensor.shape()));
        value.data = Some(TensorData::of(tensor));
        value
    }

    /// Bytes that the values take in the file; 0 without values. Strings of a .tflite have a count and offsets before
    /// them, 4 bytes each.
    pub fn stored_bytes(&self) -> usize {
        let Some(data) = &self.data else { return 0 };
        let offsets = match data {
            TensorData::Strings(strings) if self.buffer != 0 => 4 * (strings.len() + 2),
            _ => 0,
        };
        data.stored_bytes() + offsets
    }

    /// How the values of a sparse constant are packed; `None` for all others.
    pub fn sparsity(&self) -> Option<&Sparsity> {
        match &self.data {
            Some(TensorData::Sparse(sparse)) => Some(&sparse.form),
            _ => None,
        }
    }

    /// Bytes of the value in memory if its shape is known.
    pub fn bytes(&self) -> Option<usize> {
        self.dtype
            .size()
            .and_then(|size| size.checked_mul(self.shape.elements()?))
    }

    /// Reads the constant's values; `None` when it is no constant.
    pub fn read(&self) -> Option<Result<Tensor>> {
        let data = self.data.as_ref()?;
        let shape = self
            .stored_shape
            .fixed()
            .ok_or_else(|| Error::unreadable(format!("a constant of shape {}", self.stored_shape)));
        Some(
            shape
                .and_then(|shape| data.read(self.dtype, &shape))
                .map_err(|e| e.at(format_args!("tensor {:?}", self.name))),
        )
    }
}

impl Node {
    pub fn new(name: impl Into<Name>, op: impl Into<Name>) -> Self {
        Node {
            name: name.into(),
            op: op.into(),
            custom: None,
            inputs: Vec::new(),
            outputs: Vec::new(),
            control: Vec::new(),
            attrs: Attrs::new(),
            device: Name::default(),
            version: 0,
            intermediates: Vec::new(),
            variable: None,
            variable_slice: None,
        }
    }

    /// The name under which people know the operator: a custom operator's own name.
    pub fn op_label(&self) -> &str {
        self.custom.as_deref().unwrap_or(&self.op)
    }

    /// TensorFlow's name of the operator that a Flex operator of a .tflite carries (`Erf` of `FlexErf`).
    pub fn flex_op(&self) -> Option<&str> {
        let op = self.custom.as_deref()?.strip_prefix("Flex")?;
        (!op.is_empty()).then_some(op)
    }

    /// An attribute of a TensorFlow operator: the node's own, else the operator's default, which files leave out.
    pub fn attr(&self, name: &str) -> Option<&Attr> {
        self.attrs
            .get(name)
            .or_else(|| opdef::default_attr(&self.op, name))
    }

    /// Names of the functions in its attributes: what it calls, branches to, repeats or maps.
    pub fn functions(&self) -> impl Iterator<Item = &str> {
        self.attrs.iter().flat_map(|(_, attr)| {
            let listed = match attr {
                Attr::List(list) => list.as_slice(),
                other => std::slice::from_ref(other),
            };
            listed.iter().filter_map(Attr::as_func)
        })
    }

    /// Input `index`, if it is there.
    pub fn input(&self, index: usize) -> Option<ValueId> {
        self.inputs.get(index).copied().flatten()
    }
}

impl Graph {
    pub fn new(name: impl Into<Name>, kind: GraphKind, dialect: Dialect) -> Self {
        Graph {
            name: name.into(),
            kind,
            dialect,
            nodes: Vec::new(),
            values: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            output_names: Vec::new(),
            control_outputs: Vec::new(),
            attrs: Attrs::new(),
        }
    }

    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    pub fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id.index()]
    }

    pub fn value(&self, id: ValueId) -> &Value {
        &self.values[id.index()]
    }

    pub fn value_mut(&mut self, id: ValueId) -> &mut Value {
        &mut self.values[id.index()]
    }

    pub fn node_ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    pub fn value_ids(&self) -> impl Iterator<Item = ValueId> + use<> {
        (0..self.values.len() as u32).map(ValueId)
    }

    pub fn add_value(&mut self, value: Value) -> ValueId {
        self.values.push(value);
        ValueId(self.values.len() as u32 - 1)
    }

    /// Adds `node` and makes it the producer of its outputs.
    pub fn add_node(&mut self, node: Node) -> NodeId {
        let id = NodeId(self.nodes.len() as u32);
        for (slot, &output) in node.outputs.iter().enumerate() {
            self.values[output.index()].producer = Some((id, slot as u32));
        }
        self.nodes.push(node);
        id
    }

    /// The node that makes `value`.
    pub fn producer(&self, value: ValueId) -> Option<&Node> {
        self.value(value).producer.map(|(id, _)| self.node(id))
    }

    /// For each value the nodes that take it as data, in node order; a node that takes it twice is listed twice.
    pub fn consumers(&self) -> Vec<Vec<NodeId>> {
        let mut uses = vec![Vec::new(); self.values.len()];
        for id in self.node_ids() {
            for input in self.node(id).inputs.iter().flatten() {
                uses[input.index()].push(id);
            }
        }
        uses
    }

    /// Every use of `old`, results of the graph included, becomes a use of `new`.
    pub fn replace_uses(&mut self, old: ValueId, new: ValueId) {
        let slots = self
            .nodes
            .iter_mut()
            .flat_map(|n| n.inputs.iter_mut())
            .chain(self.outputs.iter_mut());
        for slot in slots.filter(|slot| **slot == Some(old)) {
            *slot = Some(new);
        }
    }

    /// For each node whether `wanted` or what comes before them needs it, as data or by control edges; what makes a
    /// value that `is_there` is not.
    pub fn needed(&self, wanted: Vec<NodeId>, is_there: impl Fn(ValueId) -> bool) -> Vec<bool> {
        let mut needed = vec![false; self.nodes.len()];
        let mut stack = wanted;
        while let Some(id) = stack.pop() {
            if std::mem::replace(&mut needed[id.index()], true) {
                continue;
            }
            let node = self.node(id);
            let values = node.inputs.iter().flatten().filter(|&&v| !is_there(v));
            stack.extend(values.filter_map(|&v| self.value(v).producer.map(|(node, _)| node)));
            stack.extend(&node.control);
        }
        needed
    }

    /// Nodes by name. With equal names the last wins; readers refuse those.
    pub fn nodes_by_name(&self) -> HashMap<Name, NodeId> {
        self.node_ids()
            .map(|id| (self.node(id).name.clone(), id))
            .collect()
    }

    /// An order in which every node comes after what it needs (data and control); file order where that is free.
    /// The edges out of `NextIteration` are left out, as TensorFlow's own loops need. Fails on any other cycle.
    pub fn topological_order(&self) -> Result<Vec<NodeId>> {
        #[derive(Clone, Copy, PartialEq)]
        enum Mark {
            New,
            Open,
            Done,
        }
        let mut marks = vec![Mark::New; self.nodes.len()];
        let mut order = Vec::with_capacity(self.nodes.len());
        // An explicit stack: hostile graphs are deep.
        let mut stack: Vec<(NodeId, usize)> = Vec::new();
        for root in self.node_ids() {
            if marks[root.index()] != Mark::New {
                continue;
            }
            stack.push((root, 0));
            marks[root.index()] = Mark::Open;
            while let Some((id, next)) = stack.last_mut() {
                let id = *id;
                let node = self.node(id);
                let needed = node
                    .inputs
                    .get(*next)
                    .map(|input| input.and_then(|v| self.value(v).producer.map(|(p, _)| p)))
                    .or_else(|| {
                        node.control
                            .get(*next - node.inputs.len())
                            .map(|c| Some(*c))
                    });
                *next += 1;
                match needed {
                    None => {
                        marks[id.index()] = Mark::Done;
                        order.push(id);
                        stack.pop();
                    }
                    Some(None) => {}
                    Some(Some(before)) => match marks[before.index()] {
                        Mark::Done => {}
                        _ if matches!(
                            &*self.node(before).op,
                            "NextIteration" | "RefNextIteration"
                        ) => {}
                        Mark::New => {
                            marks[before.index()] = Mark::Open;
                            stack.push((before, 0));
                        }
                        Mark::Open => {
                            return Err(Error::unreadable(format!(
                                "node {:?} needs its own result",
                                node.name
                            ))
                            .at(format_args!("graph {:?}", self.name)));
                        }
                    },
                }
            }
        }
        // Loop heads skipped through NextIteration still have to appear.
        Ok(order)
    }

    /// Puts the nodes into an order in which they can run; ids of nodes change.
    pub fn sort(&mut self) -> Result<()> {
        let order = self.topological_order()?;
        let mut place = vec![NodeId(0); self.nodes.len()];
        for (at, id) in order.iter().enumerate() {
            place[id.index()] = NodeId(at as u32);
        }
        let mut nodes: Vec<Option<Node>> = self.nodes.drain(..).map(Some).collect();
        self.nodes = order
            .iter()
            .filter_map(|id| nodes[id.index()].take())
            .collect();
        let new = |id: &mut NodeId| *id = place[id.index()];
        self.nodes
            .iter_mut()
            .for_each(|n| n.control.iter_mut().for_each(new));
        self.control_outputs.iter_mut().for_each(new);
        for (producer, _) in self.values.iter_mut().filter_map(|v| v.producer.as_mut()) {
            *producer = place[producer.index()];
        }
        Ok(())
    }

    /// Drops nodes and values that no result needs; ids change. `keep` says which nodes stay in any case.
    pub fn remove_dead(&mut self, keep: impl Fn(&Node) -> bool) {
        let mut live_nodes = vec![false; self.nodes.len()];
        let mut live_values = vec![false; self.values.len()];
        let mut stack: Vec<NodeId> = Vec::new();
        for value in self.inputs.iter().chain(&self.outputs).flatten() {
            live_values[value.index()] = true;
            stack.extend(self.value(*value).producer.map(|(p, _)| p));
        }
        stack.extend(self.control_outputs.iter().copied());
        stack.extend(self.node_ids().filter(|&id| keep(self.node(id))));
        while let Some(id) = stack.pop() {
            if std::mem::replace(&mut live_nodes[id.index()], true) {
                continue;
            }
            let node = &self.nodes[id.index()];
            for value in node.inputs.iter().flatten() {
                live_values[value.index()] = true;
                stack.extend(self.values[value.index()].producer.map(|(p, _)| p));
            }
            for value in node
                .outputs
                .iter()
                .chain(node.intermediates.iter().flatten())
            {
                live_values[value.index()] = true;
            }
            stack.extend(&node.control);
        }
        self.keep_scales(&mut live_values);
        self.keep(&live_nodes, &live_values);
    }

    /// Scales of blocks are values that no node takes.
    fn keep_scales(&self, live: &mut [bool]) {
        for index in 0..live.len() {
            let quantization = self.values[index].quantization.as_ref();
            let values = quantization.map(|q| q.details.values());
            for value in values.into_iter().flatten().flatten() {
                if live[index]
                    && let Some(live) = live.get_mut(value.index())
                {
                    *live = true;
                }
            }
        }
    }

    fn keep(&mut self, live_nodes: &[bool], live_values: &[bool]) {
        let renumber = |live: &[bool]| -> Vec<u32> {
            let mut next = 0;
            live.iter()
                .map(|&l| {
                    next += u32::from(l);
                    next.wrapping_sub(1)
                })
                .collect()
        };
        let (nodes, values) = (renumber(live_nodes), renumber(live_values));
        let node = |id: NodeId| NodeId(nodes[id.index()]);
        let value = |id: ValueId| ValueId(values[id.index()]);
        let mut at = 0;
        self.nodes.retain(|_| {
            at += 1;
            live_nodes[at - 1]
        });
        at = 0;
        self.values.retain(|_| {
            at += 1;
            live_values[at - 1]
        });
        for n in &mut self.nodes {
            n.inputs.iter_mut().flatten().for_each(|v| *v = value(*v));
            n.outputs.iter_mut().for_each(|v| *v = value(*v));
            n.intermediates
                .iter_mut()
                .flatten()
                .for_each(|v| *v = value(*v));
            n.control.iter_mut().for_each(|c| *c = node(*c));
        }
        for v in &mut self.values {
            v.producer = v
                .producer
                .filter(|(p, _)| live_nodes[p.index()])
                .map(|(p, slot)| (node(p), slot));
            if let Some(q) = &mut v.quantization {
                for scales in q.details.values_mut() {
                    *scales = scales.filter(|s| s.index() < values.len()).map(value);
                }
            }
        }
        for slot in self.inputs.iter_mut().chain(&mut self.outputs).flatten() {
            *slot = value(*slot);
        }
        for id in &mut self.control_outputs {
            *id = node(*id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::QuantizationDetails;

    fn chain(names: &[&str]) -> Graph {
        let mut graph = Graph::new("g", GraphKind::Main, Dialect::Tf);
        let mut last = None;
        for name in names {
            let out = graph.add_value(Value::new(*name, DType::Float32, Shape::scalar()));
            let mut node = Node::new(*name, "Identity");
            node.inputs = last.into_iter().map(Some).collect();
            node.outputs = vec![out];
            graph.add_node(node);
            last = Some(out);
        }
        graph.outputs = vec![last];
        graph
    }

    #[test]
    fn scales_of_blocks_stay_with_their_weights() {
        let mut graph = chain(&["dead", "a"]);
        let scalar = || Value::new("scale", DType::Float16, Shape::scalar());
        let (_, scales) = (graph.add_value(scalar()), graph.add_value(scalar()));
        let last = graph.outputs[0].unwrap();
        graph.nodes[1].inputs.clear();
        graph.value_mut(last).quantization = Some(Box::new(Quantization {
            details: QuantizationDetails::Blockwise {
                scales: Some(scales),
                zero_points: None,
                block_size: 32,
                block_shape: Vec::new(),
            },
            ..Quantization::default()
        }));
        graph.remove_dead(|_| false);
        assert_eq!(graph.values.len(), 2);
        let last = graph.value(graph.outputs[0].unwrap());
        let [scales, _] = last.quantization.as_ref().unwrap().details.values();
        assert_eq!(&*graph.value(scales.unwrap()).name, "scale");
    }

    #[test]
    fn order_puts_producers_first() {
        let mut graph = chain(&["a", "b", "c"]);
        graph.nodes.swap(0, 2);
        for id in graph.node_ids() {
            for (slot, output) in graph.node(id).outputs.clone().into_iter().enumerate() {
                graph.value_mut(output).producer = Some((id, slot as u32));
            }
        }
        let order = graph.topological_order().unwrap();
        let names: Vec<_> = order.iter().map(|&id| &*graph.node(id).name).collect();
        assert_eq!(names, ["a", "b", "c"]);
    }

    #[test]
    fn a_cycle_is_an_error() {
        let mut graph = chain(&["a", "b"]);
        graph.nodes[0].inputs = vec![Some(ValueId(1))];
        assert!(graph.topological_order().is_err());
    }

    #[test]
    fn the_dead_go_and_the_rest_keep_their_edges() {
        let mut graph = chain(&["a", "b", "c"]);
        let b = graph.nodes[1].outputs[0];
        graph.outputs = vec![Some(b)];
        graph.remove_dead(|_| false);
        assert_eq!(graph.nodes.len(), 2);
        assert_eq!(graph.values.len(), 2);
        assert_eq!(
            &*graph.producer(graph.outputs[0].unwrap()).unwrap().name,
            "b"
        );
    }
}

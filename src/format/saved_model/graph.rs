//! NodeDefs to a [`Graph`]: outputs from the operator's definition, inputs by name.

use std::collections::BTreeMap;
use std::rc::Rc;

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};

use super::attrs::{Names, attr, attrs};
use super::parsed::{FunctionDef, NodeHead, Nodes, text};
use super::{pb, tensor};
use crate::error::{Error, Result};
use crate::model::opdef::{self, ArgDef, ArgType};
use crate::model::{
    Attr, Attrs, DType, Dialect, Graph, GraphKind, Name, Node, NodeId, Shape, Value, ValueId,
};

/// Builds the graphs of one MetaGraph.
pub struct Builder {
    pub names: Names,
    /// Results of each function of the library; a function's name may stand as an operator.
    functions: HashMap<String, Vec<ArgDef>>,
    /// How many outputs beyond a few per node may still be made.
    budget: usize,
    /// How many elements of lists attributes may still have.
    elements: usize,
}

/// An output, or an element of a list, takes a few hundred bytes or some dozens; where a file has many of them, each
/// has at least so many bytes of it.
const BYTES_EACH: usize = 8;
/// Outputs and elements that a file of any size may have.
const FREE_OUTPUTS: usize = 20_000;
const FREE_ELEMENTS: usize = 100_000;

/// The outputs of one node: each argument of its definition with the types of its tensors.
#[derive(PartialEq, Eq, Hash)]
struct Outputs(Vec<(Name, Vec<(DType, bool)>)>);

/// A function body before its references are resolved.
struct Body<'a> {
    graph: &'a Graph,
    nodes: &'a HashMap<Name, NodeId>,
    arguments: &'a HashMap<Name, ValueId>,
    outputs: &'a [Rc<Outputs>],
}

impl Builder {
    /// `file_bytes` bounds what the graphs may allocate.
    pub fn new(library: &[FunctionDef], file_bytes: usize) -> Self {
        let functions = library
            .iter()
            .filter_map(|f| f.head.signature.as_ref())
            .map(|s| (s.name.clone(), s.output_arg.iter().map(arg_def).collect()))
            .collect();
        Builder {
            names: Names::default(),
            functions,
            budget: file_bytes / BYTES_EACH + FREE_OUTPUTS,
            elements: file_bytes / BYTES_EACH + FREE_ELEMENTS,
        }
    }

    /// The main graph.
    pub fn main(&mut self, nodes: &Nodes) -> Result<Graph> {
        let graph = Graph::new("main", GraphKind::Main, Dialect::Tf);
        Ok(self.body(graph, nodes, &HashMap::new(), Vec::new())?.0)
    }

    pub fn function(&mut self, proto: FunctionDef) -> Result<Graph> {
        let FunctionDef { head: proto, nodes } = proto;
        let signature = proto.signature.unwrap_or_default();
        let mut graph = Graph::new(
            self.names.get(&signature.name),
            GraphKind::Function,
            Dialect::Tf,
        );
        self.spend_elements(proto.attr.values(), &signature.name)?;
        graph.attrs = attrs(proto.attr, &mut self.names);
        let mut arguments = HashMap::new();
        let mut arg_attr = proto.arg_attr;
        for (index, arg) in signature.input_arg.iter().enumerate() {
            let hints = arg_attr.remove(&(index as u32)).unwrap_or_default();
            let shape = attrs(hints.attr, &mut self.names)
                .list("_output_shapes")
                .and_then(|shapes| shapes.first()?.as_shape().cloned())
                .unwrap_or_default();
            let (dtype, reference) = tensor::dtype(arg.r#type);
            let mut value = Value::new(arg.name.as_str(), dtype, shape);
            value.reference = reference || arg.is_ref;
            let id = graph.add_value(value);
            graph.inputs.push(Some(id));
            arguments.insert(Name::from(arg.name.as_str()), id);
        }
        let results = Results {
            order: signature
                .output_arg
                .iter()
                .map(|a| a.name.clone())
                .collect(),
            ret: proto.ret,
            control_order: signature.control_output,
            control_ret: proto.control_ret,
        };
        let (mut graph, nodes, outputs) = self.body(
            graph,
            &nodes,
            &arguments,
            results.ret.values().cloned().collect(),
        )?;
        let body = Body {
            graph: &graph,
            nodes: &nodes,
            arguments: &arguments,
            outputs: &outputs,
        };
        let (values, control) = results.resolve(&body).map_err(|e| e.at(place(&graph)))?;
        graph.outputs = values;
        graph.output_names = results.order.iter().map(|n| self.names.get(n)).collect();
        graph.control_outputs = control;
        Ok(graph)
    }

    /// Nodes with all their outputs first, since they stand in no particular order; then their inputs.
    #[allow(clippy::type_complexity)]
    fn body(
        &mut self,
        mut graph: Graph,
        protos: &Nodes,
        arguments: &HashMap<Name, ValueId>,
        results: Vec<String>,
    ) -> Result<(Graph, HashMap<Name, NodeId>, Vec<Rc<Outputs>>)> {
        // Not reserved: nodes of two bytes each would ask for a hundred times their file.
        let mut by_name = HashMap::new();
        let mut all_outputs = Vec::new();
        // Most nodes have what others have.
        let mut shared: HashSet<Rc<Outputs>> = HashSet::new();
        let mut opaque: Option<HashMap<Name, Outputs>> = None;
        for at in 0..protos.len() {
            let head = (protos.head(at, &mut self.names)).map_err(|e| e.at(place(&graph)))?;
            let mut node = Node::new(head.name, head.op);
            node.device = head.device;
            self.spend_elements(head.attrs.iter().map(|(_, value)| value), &node.name)
                .map_err(|e| e.at(place(&graph)))?;
            let attributes = head.attrs.into_iter();
            let attributes = attributes.map(|(name, value)| (name, attr(value, &mut self.names)));
            node.attrs = attributes.collect();
            let mut outputs = self.outputs(&node.op, &node.attrs);
            if outputs.is_none() {
                let opaque = match &mut opaque {
                    Some(opaque) => opaque,
                    None => opaque.insert(self.opaque_outputs(protos, &results)?),
                };
                outputs = opaque.remove(&node.name);
            }
            let outputs = outputs
                .ok_or_else(|| too_many(&node.name))
                .and_then(|outputs| self.spend(&outputs, &node.name).map(|()| outputs))
                .map_err(|e| e.at(place(&graph)))?;
            node.outputs = add_outputs(&mut graph, &node, &outputs);
            let name = node.name.clone();
            let id = graph.add_node(node);
            if by_name.insert(name.clone(), id).is_some() {
                return Err(
                    Error::unreadable(format!("two nodes are named {name:?}")).at(place(&graph))
                );
            }
            let known = shared.get(&outputs).cloned();
            all_outputs.push(known.unwrap_or_else(|| {
                let new = Rc::new(outputs);
                shared.insert(new.clone());
                new
            }));
        }
        for index in 0..protos.len() {
            let body = Body {
                graph: &graph,
                nodes: &by_name,
                arguments,
                outputs: &all_outputs,
            };
            let resolved = body.inputs(protos, index).map_err(|e| {
                let name = graph.nodes.get(index).map_or("", |n| &n.name);
                e.at(format_args!("node {name:?}")).at(place(&graph))
            })?;
            if let Some(node) = graph.nodes.get_mut(index) {
                (node.inputs, node.control) = resolved;
            }
        }
        Ok((graph, by_name, all_outputs))
    }

    /// What a node of this operator gives; `None` when neither registry nor library knows.
    fn outputs(&self, op: &str, attrs: &Attrs) -> Option<Outputs> {
        let args = match self.functions.get(op) {
            Some(args) => args,
            None => &opdef::lookup(op)?.outputs,
        };
        let attr = |name: &str| attrs.get(name).or_else(|| opdef::default_attr(op, name));
        args.iter()
            .map(|arg| Some((arg.name.clone(), arg_types(arg, &attr, self.budget)?)))
            .collect::<Option<_>>()
            .map(Outputs)
    }

    /// For operators that nobody knows: as many outputs as others use, in the order in which they appear.
    fn opaque_outputs(
        &mut self,
        protos: &Nodes,
        results: &[String],
    ) -> Result<HashMap<Name, Outputs>> {
        let mut opaque: HashMap<Name, Outputs> = HashMap::new();
        for at in 0..protos.len() {
            let head = protos.head(at, &mut self.names)?;
            if !self.has_counts(&head) {
                opaque.insert(head.name, Outputs(Vec::new()));
            }
        }
        const MOST_ARGUMENTS: usize = 1024;
        let mut left = self.budget;
        let mut note = |reference: &str| {
            let reference = Reference::parse(reference);
            let Some(outputs) = opaque.get_mut(reference.node) else {
                return;
            };
            if outputs.0.len() >= MOST_ARGUMENTS {
                return;
            }
            let argument = reference.argument.unwrap_or("");
            let at = match outputs.0.iter().position(|(name, _)| &**name == argument) {
                Some(at) => at,
                None => {
                    outputs.0.push((Name::from(argument), Vec::new()));
                    outputs.0.len() - 1
                }
            };
            // A number past any sense is refused when the reference is resolved.
            let types = &mut outputs.0[at].1;
            let more = reference
                .index
                .saturating_add(1)
                .saturating_sub(types.len());
            if more <= left {
                left -= more;
                types.resize(types.len() + more, (DType::Invalid, false));
            }
        };
        for at in 0..protos.len() {
            protos.inputs(at, &mut |input| {
                note(text(&input)?);
                Ok(())
            })?;
        }
        results.iter().for_each(|result| note(result));
        Ok(opaque)
    }

    /// Whether the operator is known, and the attributes that say how many outputs there are can be found.
    fn has_counts(&self, head: &NodeHead) -> bool {
        let args = match self.functions.get(&*head.op) {
            Some(args) => args,
            None => match opdef::lookup(&head.op) {
                Some(def) => &def.outputs,
                None => return false,
            },
        };
        let there = |name: &Name| {
            head.attrs.iter().any(|(attr, _)| attr == name)
                || opdef::default_attr(&head.op, name).is_some()
        };
        args.iter().all(|arg| {
            arg.number.as_ref().is_none_or(there)
                && match &arg.dtype {
                    ArgType::List(list) => there(list),
                    _ => true,
                }
        })
    }

    fn spend_elements<'a>(
        &mut self,
        attrs: impl Iterator<Item = &'a pb::AttrValue>,
        name: &str,
    ) -> Result<()> {
        self.elements = self.elements.checked_sub(elements(attrs)).ok_or_else(|| {
            Error::unreadable(format!(
                "the lists of {name:?} have more elements than a file of this size can mean"
            ))
        })?;
        Ok(())
    }

    fn spend(&mut self, outputs: &Outputs, node: &str) -> Result<()> {
        const FREE: usize = 2;
        let count: usize = outputs.0.iter().map(|(_, types)| types.len()).sum();
        let cost = count.saturating_sub(FREE);
        self.budget = self
            .budget
            .checked_sub(cost)
            .ok_or_else(|| too_many(node))?;
        Ok(())
    }
}

/// Elements of the lists in attributes, also in those of functions that are attributes.
fn elements<'a>(attrs: impl Iterator<Item = &'a pb::AttrValue>) -> usize {
    use pb::attr_value::Value;
    let of = |value: &pb::AttrValue| match &value.value {
        Some(Value::List(l)) => {
            let plain = l.s.len() + l.i.len() + l.f.len() + l.b.len() + l.r#type.len();
            let functions = l.func.iter().map(|f| 1 + elements(f.attr.values()));
            plain + l.shape.len() + l.tensor.len() + functions.sum::<usize>()
        }
        Some(Value::Func(f)) => elements(f.attr.values()),
        _ => 0,
    };
    attrs.map(of).sum()
}

fn too_many(node: &str) -> Error {
    Error::unreadable(format!(
        "node {node:?} claims more outputs than a file of this size can mean"
    ))
}

/// Names of what a function gives back.
struct Results {
    order: Vec<String>,
    ret: BTreeMap<String, String>,
    control_order: Vec<String>,
    control_ret: BTreeMap<String, String>,
}

impl Results {
    fn resolve(&self, body: &Body) -> Result<(Vec<Option<ValueId>>, Vec<NodeId>)> {
        let mut values = Vec::with_capacity(self.order.len());
        for name in &self.order {
            let reference = self
                .ret
                .get(name)
                .ok_or_else(|| Error::unreadable(format!("result {name:?} comes from nowhere")))?;
            let value = body
                .value(reference)
                .map_err(|e| e.at(format_args!("result {name:?}")))?;
            values.push(Some(value));
        }
        let mut control = Vec::new();
        for name in &self.control_order {
            let node = self.control_ret.get(name).unwrap_or(name);
            control.push(body.node(node)?);
        }
        Ok((values, control))
    }
}

/// A reference to an output: `node`, `node:1` or `node:argument:1`.
struct Reference<'a> {
    node: &'a str,
    argument: Option<&'a str>,
    index: usize,
}

impl<'a> Reference<'a> {
    fn parse(text: &'a str) -> Self {
        let number = |text: &str| text.parse().unwrap_or(usize::MAX);
        let mut parts = text.split(':');
        let node = parts.next().unwrap_or(text);
        let (argument, index) = match (parts.next(), parts.next()) {
            (None, _) => (None, 0),
            (Some(index), None) if index.bytes().all(|b| b.is_ascii_digit()) => {
                (None, number(index))
            }
            (Some(argument), None) => (Some(argument), 0),
            (Some(argument), Some(index)) => (Some(argument), number(index)),
        };
        Reference {
            node,
            argument,
            index,
        }
    }
}

impl Body<'_> {
    #[allow(clippy::type_complexity)]
    fn inputs(&self, protos: &Nodes, at: usize) -> Result<(Vec<Option<ValueId>>, Vec<NodeId>)> {
        let mut inputs = Vec::new();
        let mut control = Vec::new();
        protos.inputs(at, &mut |reference| {
            let reference = text(&reference)?;
            match reference.strip_prefix('^') {
                // An argument is always there before the body runs.
                Some(name) if self.arguments.contains_key(name) => {}
                Some(name) => control.push(self.node(name)?),
                None => inputs.push(Some(self.value(reference)?)),
            }
            Ok(())
        })?;
        Ok((inputs, control))
    }

    fn node(&self, name: &str) -> Result<NodeId> {
        self.nodes
            .get(name)
            .copied()
            .ok_or_else(|| Error::unreadable(format!("refers to {name:?}; there is no such node")))
    }

    fn value(&self, text: &str) -> Result<ValueId> {
        if let Some(&argument) = self.arguments.get(text) {
            return Ok(argument);
        }
        let reference = Reference::parse(text);
        let id = self.node(reference.node)?;
        let node = self.graph.node(id);
        let base = match reference.argument {
            None => Some((0, node.outputs.len())),
            Some(argument) => self.outputs[id.index()].span(argument),
        };
        base.filter(|&(_, count)| reference.index < count)
            .and_then(|(start, _)| node.outputs.get(start + reference.index).copied())
            .ok_or_else(|| {
                Error::unreadable(format!(
                    "refers to {text:?}; {:?} ({}) has {} outputs",
                    node.name,
                    node.op,
                    node.outputs.len()
                ))
            })
    }
}

impl Outputs {
    /// Flat index of the first tensor of an output argument, and how many it has.
    fn span(&self, argument: &str) -> Option<(usize, usize)> {
        let mut start = 0;
        for (name, types) in &self.0 {
            if &**name == argument {
                return Some((start, types.len()));
            }
            start += types.len();
        }
        None
    }
}

fn add_outputs(graph: &mut Graph, node: &Node, outputs: &Outputs) -> Vec<ValueId> {
    let hints = node.attrs.list("_output_shapes").unwrap_or_default();
    let types = outputs.0.iter().flat_map(|(_, types)| types);
    let mut ids = Vec::new();
    for (index, &(dtype, reference)) in types.enumerate() {
        let shape = hints
            .get(index)
            .and_then(|hint| hint.as_shape().cloned())
            .filter(|shape| shape.rank().is_some())
            .unwrap_or_else(|| shape_of(node));
        let name = match index {
            0 => [&*node.name, ":0"].concat(),
            _ => format!("{}:{index}", node.name),
        };
        let mut value = Value::new(name, dtype, shape);
        value.reference = reference;
        if let ("Const", Some(Attr::Tensor { dtype, shape, data })) =
            (&*node.op, node.attrs.get("value"))
        {
            value.dtype = *dtype;
            value.shape = shape.clone();
            value.stored_shape = shape.clone();
            value.data = Some(data.clone());
        }
        ids.push(graph.add_value(value));
    }
    ids
}

/// The shape that the operator itself states for its result.
fn shape_of(node: &Node) -> Shape {
    match &*node.op {
        "Placeholder"
        | "PlaceholderV2"
        | "PlaceholderWithDefault"
        | "VariableV2"
        | "Variable"
        | "TemporaryVariable"
        | "ImmutableConst" => node.attrs.shape("shape").cloned().unwrap_or_default(),
        "VarHandleOp" | "HashTableV2" | "MutableHashTableV2" => Shape::scalar(),
        _ => Shape::UNKNOWN,
    }
}

/// The types of the tensors that an argument stands for; `None` when that can't be said, or there are more than `most`.
fn arg_types<'a>(
    arg: &ArgDef,
    attr: &impl Fn(&str) -> Option<&'a Attr>,
    most: usize,
) -> Option<Vec<(DType, bool)>> {
    let one = match &arg.dtype {
        ArgType::Fixed(dtype) => *dtype,
        ArgType::Attr(name) => attr(name)
            .and_then(Attr::as_dtype)
            .unwrap_or(DType::Invalid),
        ArgType::List(name) => {
            let types = attr(name)?.as_list()?;
            return Some(
                types
                    .iter()
                    .map(|t| (t.as_dtype().unwrap_or(DType::Invalid), arg.reference))
                    .collect(),
            );
        }
    };
    let count = match &arg.number {
        Some(name) => usize::try_from(attr(name)?.as_int()?).unwrap_or(0),
        None => 1,
    };
    (count <= most).then(|| vec![(one, arg.reference); count])
}

/// A function's result as the registry would state it.
fn arg_def(proto: &pb::op_def::ArgDef) -> ArgDef {
    let (dtype, reference) = tensor::dtype(proto.r#type);
    let named = |name: &str| (!name.is_empty()).then(|| Name::from(name));
    ArgDef {
        name: Name::from(proto.name.as_str()),
        dtype: if let Some(list) = named(&proto.type_list_attr) {
            ArgType::List(list)
        } else if let Some(attr) = named(&proto.type_attr) {
            ArgType::Attr(attr)
        } else {
            ArgType::Fixed(dtype)
        },
        number: named(&proto.number_attr),
        reference: reference || proto.is_ref,
    }
}

fn place(graph: &Graph) -> String {
    match graph.kind {
        GraphKind::Function => format!("function {:?}", graph.name),
        _ => "graph".to_owned(),
    }
}

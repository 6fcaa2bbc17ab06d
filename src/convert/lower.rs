//! A flat TensorFlow graph to a TFLite graph, node by node; what can't be lowered is carried over where that is allowed,
//! else collected, not fatal at once.

use std::collections::HashMap;

use super::Placement;
use super::carry::{self, Allowed, Fate};
use super::runtime_types;
use crate::error::{Error, Result};
use crate::model::{DType, Graph, Name, Node, NodeId, Value, ValueId};
use crate::ops::lower::{Call, Lowering, lowering};
use crate::progress::Progress;

/// The TFLite graph, and what becomes of each node; with a blocked one the graph is no use.
pub fn lower(
    source: &Graph,
    name: impl Into<Name>,
    allowed: Allowed,
    progress: &Progress,
) -> Result<(Graph, Vec<Placement>)> {
    let mut walk = Walk {
        source,
        allowed,
        cx: Lowering::new(name),
        map: HashMap::new(),
        placements: Vec::new(),
    };
    for &input in source.inputs.iter().flatten() {
        walk.add_input(input);
    }
    for id in source.topological_order()? {
        progress.check()?;
        walk.node(id);
    }
    let mut outputs = Vec::with_capacity(source.outputs.len());
    for output in &source.outputs {
        outputs.push(match output {
            Some(value) => Some(walk.value(*value)?),
            None => None,
        });
    }
    walk.cx.graph.inputs = source
        .inputs
        .iter()
        .map(|v| v.and_then(|v| walk.map.get(&v).copied()))
        .collect();
    walk.cx.graph.outputs = outputs;
    Ok((walk.cx.graph, walk.placements))
}

struct Walk<'a> {
    source: &'a Graph,
    allowed: Allowed,
    cx: Lowering,
    /// Values of the source as they are in the new graph.
    map: HashMap<ValueId, ValueId>,
    placements: Vec<Placement>,
}

impl Walk<'_> {
    fn add_input(&mut self, id: ValueId) {
        let value = self.source.value(id);
        let new = Value::new(value.name.clone(), value.dtype, value.shape.clone());
        let new = self.cx.graph.add_value(new);
        self.map.insert(id, new);
    }

    /// The new graph's value for `id`; constants come in when first used.
    fn value(&mut self, id: ValueId) -> Result<ValueId> {
        if let Some(&known) = self.map.get(&id) {
            return Ok(known);
        }
        let value = self.source.value(id);
        if value.data.is_none() {
            return Err(Error::unsupported(format!(
                "nothing makes {:?}",
                value.name
            )));
        }
        let mut copy = value.clone();
        copy.producer = None;
        copy.reference = false;
        let new = self.cx.graph.add_value(copy);
        self.map.insert(id, new);
        Ok(new)
    }

    fn node(&mut self, id: NodeId) {
        let node = self.source.node(id);
        // Constants are values of their own.
        let constant = |v: &ValueId| self.source.value(*v).data.is_some();
        if matches!(&*node.op, "NoOp" | "Assert")
            || !node.outputs.is_empty() && node.outputs.iter().all(constant)
        {
            return;
        }
        let before = self.cx.graph.nodes.len();
        let made = match self.lower(node) {
            Ok(results) => Ok(self.runs_better_as_flex(node, before).unwrap_or((
                Fate::Builtin,
                results,
                String::new(),
            ))),
            Err(why) => carry::fate(self.source, node, &why, self.allowed)
                .and_then(|fate| Ok((fate, self.carry(node, fate)?, carry::said(&why)))),
        };
        let (becomes, results, reason, could_be) = match made {
            Ok((fate, results, reason)) => (fate, results, reason, None),
            Err(no) => (Fate::Blocked, self.stand_ins(node), no.reason, no.could_be),
        };
        for (&output, result) in node.outputs.iter().zip(results) {
            self.map.insert(output, result);
        }
        self.placements.push(Placement {
            node: node.name.to_string(),
            op: node.op.to_string(),
            function: String::new(),
            becomes,
            reason,
            could_be,
        });
    }

    fn lower(&mut self, node: &Node) -> Result<Vec<ValueId>> {
        let lower =
            lowering(&node.op).ok_or_else(|| Error::unsupported("has no TFLite operator"))?;
        let mut inputs = Vec::with_capacity(node.inputs.len());
        for input in node.inputs.iter().flatten() {
            inputs.push(self.value(*input)?);
        }
        let results: Vec<DType> = node
            .outputs
            .iter()
            .map(|&v| self.source.value(v).dtype)
            .collect();
        self.cx.begin(&node.name);
        let call = Call {
            node,
            inputs: &inputs,
            results: &results,
        };
        let made = lower(&mut self.cx, &call)?;
        if made.len() < node.outputs.len() {
            return Err(Error::unsupported(format!(
                "makes {} results, {} are used",
                made.len(),
                node.outputs.len()
            )));
        }
        Ok(made)
    }

    /// The node as a Flex operator, where that is allowed and no runtime has kernels for the builtin ones that it became
    /// (those from `first` on, which nothing needs then).
    fn runs_better_as_flex(
        &mut self,
        node: &Node,
        first: usize,
    ) -> Option<(Fate, Vec<ValueId>, String)> {
        if !self.allowed.flex {
            return None;
        }
        let made = self.cx.graph.nodes.get(first..)?;
        let why = made.iter().find_map(|made| {
            let dtype = runtime_types::refused(&self.cx.graph, made)?;
            let why = format!("no runtime has a kernel of {} for {dtype}", made.op);
            Some(Error::unsupported(why))
        })?;
        let fate = carry::fate(self.source, node, &why, self.allowed).ok()?;
        if fate != Fate::Flex {
            return None;
        }
        Some((fate, self.carry(node, fate).ok()?, carry::said(&why)))
    }

    /// The node as a Flex or custom operator.
    fn carry(&mut self, node: &Node, fate: Fate) -> Result<Vec<ValueId>> {
        let inputs: Vec<ValueId> = node
            .inputs
            .iter()
            .flatten()
            .map(|&input| self.value(input))
            .collect::<Result<_>>()?;
        let shapes = carry::shapes(self.source, node, &self.cx.graph, &inputs);
        let mut made = carry::operator(node, fate);
        made.inputs = inputs.into_iter().map(Some).collect();
        for (slot, (&output, shape)) in node.outputs.iter().zip(shapes).enumerate() {
            let name = match slot {
                0 => node.name.clone(),
                _ => format!("{}:{slot}", node.name).into(),
            };
            let dtype = self.source.value(output).dtype;
            made.outputs
                .push(self.cx.graph.add_value(Value::new(name, dtype, shape)));
        }
        let results = made.outputs.clone();
        self.cx.graph.add_node(made);
        Ok(results)
    }

    /// Empty values for a blocked node's results, so that what follows is looked at too.
    fn stand_ins(&mut self, node: &Node) -> Vec<ValueId> {
        let stand_in = |&output: &ValueId| {
            let value = self.source.value(output);
            let stand_in = Value::new(value.name.clone(), value.dtype, value.shape.clone());
            self.cx.graph.add_value(stand_in)
        };
        node.outputs.iter().map(stand_in).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Dialect, GraphKind, Shape, Tensor};

    /// flatten(x)·w with an unknown batch, as Keras writes it: Shape, StridedSlice, Pack, Reshape, MatMul.
    #[test]
    fn flatten_of_an_open_batch_is_one_reshape() {
        let mut graph = Graph::new("f", GraphKind::Function, Dialect::Tf);
        let x = graph.add_value(Value::new("x", DType::Float32, Shape(Some(vec![-1, 2, 3]))));
        graph.inputs = vec![Some(x)];
        let add = |graph: &mut Graph, op: &str, inputs: &[ValueId], dtype: DType| {
            let y = graph.add_value(Value::new(op, dtype, Shape::UNKNOWN));
            let mut node = Node::new(op, op);
            node.inputs = inputs.iter().copied().map(Some).collect();
            node.outputs = vec![y];
            graph.add_node(node);
            y
        };
        let constant =
            |graph: &mut Graph, tensor: &Tensor| graph.add_value(Value::constant("c", tensor));
        let zero = constant(&mut graph, &Tensor::from_values(&[1], &[0i32]));
        let one = constant(&mut graph, &Tensor::from_values(&[1], &[1i32]));
        let six = constant(&mut graph, &Tensor::from_values(&[], &[6i32]));
        let w = constant(&mut graph, &Tensor::from_values(&[6, 1], &[1f32; 6]));
        let sizes = add(&mut graph, "Shape", &[x], DType::Int32);
        let batch = add(
            &mut graph,
            "StridedSlice",
            &[sizes, zero, one, one],
            DType::Int32,
        );
        let last = graph.nodes.len() - 1;
        graph.nodes[last]
            .attrs
            .set("shrink_axis_mask", crate::model::Attr::Int(1));
        let to = add(&mut graph, "Pack", &[batch, six], DType::Int32);
        let flat = add(&mut graph, "Reshape", &[x, to], DType::Float32);
        let y = add(&mut graph, "MatMul", &[flat, w], DType::Float32);
        graph.outputs = vec![Some(y)];

        let allowed = Allowed::default();
        let (mut made, placements) = lower(&graph, "main", allowed, &Progress::new()).unwrap();
        let builtin = |p: &Placement| p.becomes == Fate::Builtin;
        assert!(placements.iter().all(builtin), "{placements:?}");
        made.remove_dead(|_| false);
        let ops: Vec<_> = made.nodes.iter().map(|n| n.op.to_string()).collect();
        assert_eq!(ops, ["RESHAPE", "FULLY_CONNECTED"]);
        let y = made.value(made.outputs[0].unwrap());
        assert_eq!(y.shape, Shape(Some(vec![-1, 1])));
    }

    /// Acosh, Tanh, Digamma and MatrixInverse in a row.
    fn chain() -> Graph {
        let mut graph = Graph::new("f", GraphKind::Function, Dialect::Tf);
        let mut last = graph.add_value(Value::new("x", DType::Float32, Shape::of(&[2])));
        graph.inputs = vec![Some(last)];
        for op in ["Acosh", "Tanh", "Digamma", "MatrixInverse"] {
            let y = graph.add_value(Value::new(op, DType::Float32, Shape::UNKNOWN));
            let mut node = Node::new(op, op);
            node.inputs = vec![Some(last)];
            node.outputs = vec![y];
            graph.add_node(node);
            last = y;
        }
        graph.outputs = vec![Some(last)];
        graph
    }

    #[test]
    fn every_node_is_listed_with_what_becomes_of_it() {
        let fates = |flex, custom| {
            let allowed = Allowed { flex, custom };
            let (graph, placements) = lower(&chain(), "main", allowed, &Progress::new()).unwrap();
            let said: Vec<_> = placements
                .iter()
                .map(|p| format!("{} {:?} {:?}", p.op, p.becomes, p.could_be))
                .collect();
            let made: Vec<_> = graph.nodes.iter().map(Node::op_label).collect();
            format!("{}\n{}", said.join(", "), made.join(", "))
        };
        insta::assert_snapshot!(fates(false, false), @r"
        Acosh Blocked Some(Custom), Tanh Builtin None, Digamma Blocked Some(Custom), MatrixInverse Blocked Some(Flex)
        TANH
        ");
        insta::assert_snapshot!(fates(true, false), @r"
        Acosh Blocked Some(Custom), Tanh Builtin None, Digamma Blocked Some(Custom), MatrixInverse Flex None
        TANH, FlexMatrixInverse
        ");
        insta::assert_snapshot!(fates(true, true), @r"
        Acosh Custom None, Tanh Builtin None, Digamma Custom None, MatrixInverse Flex None
        Acosh, TANH, Digamma, FlexMatrixInverse
        ");
    }

    #[test]
    fn what_no_builtin_kernel_takes_is_flex_where_that_is_allowed() {
        let mut graph = Graph::new("f", GraphKind::Function, Dialect::Tf);
        let x = graph.add_value(Value::new("x", DType::Float64, Shape::of(&[2])));
        let y = graph.add_value(Value::new("y", DType::Float64, Shape::UNKNOWN));
        let axis = Tensor::from_values(&[1], &[0i32]);
        let axis = graph.add_value(Value::constant("axis", &axis));
        graph.inputs = vec![Some(x)];
        let mut node = Node::new("n", "ReverseV2");
        node.inputs = vec![Some(x), Some(axis)];
        node.outputs = vec![y];
        graph.add_node(node);
        graph.outputs = vec![Some(y)];
        let made = |flex| {
            let allowed = Allowed {
                flex,
                custom: false,
            };
            let (mut made, _) = lower(&graph, "main", allowed, &Progress::new()).unwrap();
            made.remove_dead(|_| false);
            let names: Vec<_> = made.nodes.iter().map(|n| n.op_label().to_owned()).collect();
            names.join(" ")
        };
        assert_eq!(made(false), "REVERSE_V2");
        assert_eq!(made(true), "FlexReverseV2");
    }

    #[test]
    fn a_carried_operator_hands_its_shape_on() {
        let allowed = Allowed {
            flex: true,
            custom: true,
        };
        let (graph, _) = lower(&chain(), "main", allowed, &Progress::new()).unwrap();
        let shape = |at: usize| graph.value(graph.nodes[at].outputs[0]).shape.clone();
        assert_eq!(shape(0), Shape::of(&[2]), "inferred by Acosh's own rule");
    }
}

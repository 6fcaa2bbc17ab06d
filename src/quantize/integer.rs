//! A float graph with quantized operators: integer twins of values, constants in their operators' parameters, and
//! QUANTIZE and DEQUANTIZE where float begins and ends.

use std::collections::HashMap;

use super::Io;
use super::plan::{Plan, data_operands, plan};
use super::ranges::{self, Bits, Params, Range};
use super::treatment::{Form, Grain};
use crate::error::{Error, Result};
use crate::model::{Attr, Graph, Node, NodeId, Quantization, Tensor, TensorData, ValueId};
use crate::ops::quantize::{Rule, Scales, Width};
use crate::ops::weights::weighted;

/// Rewrites the nodes that have a form for their weights, by node; what nothing needs any more is left in the graph.
/// Says by node which were rewritten: some have no integer kernel, or values of unknown range.
pub fn rewrite(
    graph: &mut Graph,
    seen: &[Option<Range>],
    width: Width,
    io: Io,
    forms: &[Option<Form>],
) -> Result<Vec<bool>> {
    let form = |id: NodeId| forms.get(id.index()).copied().flatten();
    let plan = plan(graph, seen, width, |id| form(id).is_some())?;
    let mut rewrite = Rewrite {
        graph,
        plan,
        width,
        twins: HashMap::new(),
        requantized: HashMap::new(),
    };
    let mut done = Vec::with_capacity(rewrite.plan.rules.len());
    for index in 0..rewrite.plan.rules.len() {
        let id = NodeId(index as u32);
        let quantizes = rewrite.plan.rules[index].zip(form(id));
        if let Some((rule, form)) = quantizes {
            rewrite
                .node(id, &rule, form)
                .map_err(|e| e.at(format_args!("node {:?}", rewrite.graph.node(id).name)))?;
        }
        done.push(quantizes.is_some());
    }
    rewrite.borders(io);
    Ok(done)
}

struct Rewrite<'a> {
    graph: &'a mut Graph,
    plan: Plan,
    width: Width,
    /// The integer twin of each float value.
    twins: HashMap<ValueId, ValueId>,
    /// Twins in parameters that a consumer asks for.
    requantized: HashMap<(ValueId, u32, i64), ValueId>,
}

impl Rewrite<'_> {
    fn node(&mut self, id: NodeId, rule: &Rule, form: Form) -> Result<()> {
        let operands: Vec<(usize, ValueId)> = data_operands(self.graph.node(id), rule).collect();
        let wanted = self.wanted(id, rule);
        for (operand, value) in operands {
            let new = if self.graph.value(value).data.is_some() {
                self.constant(value, wanted, rule.symmetric_constants)?
            } else {
                self.operand(value, wanted)?
            };
            self.graph.node_mut(id).inputs[operand] = Some(new);
        }
        if rule.scales == Scales::Weighted {
            self.weights(id, form)?;
        }
        if self.width == Width::Int16 && matches!(&*self.graph.node(id).op, "ADD" | "SUB") {
            // The path for powers of two refuses inputs with larger scales than the output, and a scale within
            // 0.07 % of a power of two counts as one; the general path takes all.
            let attrs = &mut self.graph.node_mut(id).attrs;
            attrs.set("pot_scale_int16", Attr::Bool(false));
        }
        if rule.scales != Scales::InputsOnly {
            for slot in 0..self.graph.node(id).outputs.len() {
                let value = self.graph.node(id).outputs[slot];
                if self.plan.params(value).is_some() {
                    let twin = self.twin(value)?;
                    self.graph.node_mut(id).outputs[slot] = twin;
                    self.graph.value_mut(twin).producer = Some((id, slot as u32));
                    if self.graph.value(value).producer == Some((id, slot as u32)) {
                        self.graph.value_mut(value).producer = None;
                    }
                }
            }
        }
        Ok(())
    }

    /// Parameters that every data operand has to have, where the operator wants one set.
    fn wanted(&self, id: NodeId, rule: &Rule) -> Option<Params> {
        if rule.scales != Scales::Same {
            return None;
        }
        self.graph
            .node(id)
            .outputs
            .iter()
            .find_map(|&v| self.plan.params(v))
    }

    fn params(&self, value: ValueId) -> Result<Params> {
        self.plan.params(value).ok_or_else(|| {
            Error::unsupported(format!("no range for {:?}", self.graph.value(value).name))
        })
    }

    fn twin(&mut self, value: ValueId) -> Result<ValueId> {
        if let Some(&twin) = self.twins.get(&value) {
            return Ok(twin);
        }
        let params = self.params(value)?;
        let mut twin = self.graph.value(value).clone();
        twin.dtype = ranges::dtype(self.width);
        twin.quantization = Some(params.quantization().into());
        twin.producer = None;
        let border = Some(value);
        if self.graph.inputs.contains(&border) || self.graph.outputs.contains(&border) {
            twin.name = format!("{}_q", twin.name).into();
        }
        let twin = self.graph.add_value(twin);
        self.twins.insert(value, twin);
        Ok(twin)
    }

    /// The twin of a data operand, requantized where the operator wants other parameters.
    fn operand(&mut self, value: ValueId, wanted: Option<Params>) -> Result<ValueId> {
        let own = self.params(value)?;
        let twin = self.twin(value)?;
        let Some(wanted) = wanted.filter(|w| *w != own) else {
            return Ok(twin);
        };
        let key = (value, wanted.scale.to_bits(), wanted.zero_point);
        if let Some(&known) = self.requantized.get(&key) {
            return Ok(known);
        }
        let mut copy = self.graph.value(twin).clone();
        copy.quantization = Some(wanted.quantization().into());
        copy.producer = None;
        let copy = self.graph.add_value(copy);
        self.insert("QUANTIZE", twin, copy);
        self.requantized.insert(key, copy);
        Ok(copy)
    }

    fn insert(&mut self, op: &str, from: ValueId, to: ValueId) {
        let mut node = Node::new(self.graph.value(to).name.clone(), op);
        node.inputs = vec![Some(from)];
        node.outputs = vec![to];
        self.graph.add_node(node);
    }

    fn read(&self, value: ValueId) -> Result<Tensor> {
        self.graph
            .value(value)
            .read()
            .unwrap_or_else(|| Err(Error::unsupported("needs a constant")))
    }

    fn constant(
        &mut self,
        value: ValueId,
        wanted: Option<Params>,
        symmetric: bool,
    ) -> Result<ValueId> {
        let tensor = self.read(value)?;
        let unusable = || Error::unsupported("a constant that is not float32");
        if symmetric && self.width == Width::Int8 {
            let bits = Bits::Eight;
            let scales = ranges::weight_scales(&tensor, None, bits).ok_or_else(unusable)?;
            let values = ranges::weights(&tensor, &scales, None, bits).ok_or_else(unusable)?;
            return Ok(self.stored(value, &values, Quantization::per_channel(scales, 0)));
        }
        let own = || {
            tensor
                .values::<f32>()
                .map(|v| ranges::activation(Range::of(v), self.width))
        };
        let params = wanted.or_else(own).ok_or_else(unusable)?;
        let values = ranges::constant(&tensor, params, self.width).ok_or_else(unusable)?;
        Ok(self.stored(value, &values, params.quantization()))
    }

    fn stored(&mut self, like: ValueId, tensor: &Tensor, quantization: Quantization) -> ValueId {
        let mut value = self.graph.value(like).clone();
        value.dtype = tensor.dtype();
        value.data = Some(TensorData::of(tensor));
        value.quantization = Some(quantization.into());
        self.graph.add_value(value)
    }

    /// Integer weights, and the bias in input scale × weight scale.
    fn weights(&mut self, id: NodeId, form: Form) -> Result<()> {
        let node = self.graph.node(id);
        let place = weighted(&node.op).ok_or_else(|| Error::unsupported("has no weights"))?;
        let unusable = || Error::unsupported("weights that are not float32");
        let data = node.input(place.data).ok_or_else(unusable)?;
        let input_scale = self
            .graph
            .value(data)
            .quantization
            .as_deref()
            .and_then(Quantization::single)
            .ok_or_else(unusable)?
            .0;
        let (weights, bias) = (
            node.input(place.weights).ok_or_else(unusable)?,
            node.input(place.bias),
        );
        let tensor = self.read(weights)?;
        let axis = (form.grain != Grain::Tensor).then_some(place.axis);
        let mut scales = ranges::weight_scales(&tensor, axis, form.bits).ok_or_else(unusable)?;
        if let Some(bias) = bias {
            let values = self.read(bias)?;
            let made =
                ranges::bias(&values, input_scale, &mut scales, self.width).ok_or_else(|| {
                    Error::unsupported("a bias with another number of channels than the weights")
                })?;
            let new = self.stored(
                bias,
                &made.values,
                Quantization::per_channel(made.scales, 0),
            );
            self.graph.node_mut(id).inputs[place.bias] = Some(new);
        }
        let values = ranges::weights(&tensor, &scales, axis, form.bits).ok_or_else(unusable)?;
        let quantization = Quantization::per_channel(scales, axis.unwrap_or(0));
        let new = self.stored(weights, &values, quantization);
        self.graph.node_mut(id).inputs[place.weights] = Some(new);
        Ok(())
    }

    /// QUANTIZE in front of twins that nothing makes, DEQUANTIZE behind those that float needs.
    fn borders(&mut self, io: Io) {
        let mut twins: Vec<(ValueId, ValueId)> = self.twins.iter().map(|(a, b)| (*a, *b)).collect();
        twins.sort_unstable();
        let consumers = self.graph.consumers();
        for (float, twin) in twins {
            let is_input = self.graph.inputs.contains(&Some(float));
            let integer_input = is_input && io == Io::Int;
            let made_here = self.graph.value(twin).producer.is_some();
            if !made_here && !integer_input {
                self.insert("QUANTIZE", float, twin);
            }
            if integer_input || made_here && io == Io::Int {
                self.graph.value_mut(twin).name = self.graph.value(float).name.clone();
            }
            if integer_input {
                for slot in self.graph.inputs.iter_mut().filter(|s| **s == Some(float)) {
                    *slot = Some(twin);
                }
            }
            if io == Io::Int && (made_here || integer_input) {
                for slot in self.graph.outputs.iter_mut().filter(|s| **s == Some(float)) {
                    *slot = Some(twin);
                }
            }
            let needed =
                !consumers[float.index()].is_empty() || self.graph.outputs.contains(&Some(float));
            if needed && (made_here || integer_input) {
                self.insert("DEQUANTIZE", twin, float);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DType, Dialect, GraphKind, Shape, Value};

    fn add(graph: &mut Graph, op: &str, inputs: &[ValueId]) -> ValueId {
        let y = graph.add_value(Value::new(op, DType::Float32, Shape::of(&[1, 2])));
        let mut node = Node::new(op, op);
        node.inputs = inputs.iter().copied().map(Some).collect();
        node.outputs = vec![y];
        graph.add_node(node);
        y
    }

    /// x → FULLY_CONNECTED → `last`, with ranges.
    fn net(last: &[&str]) -> (Graph, Vec<Option<Range>>) {
        let mut graph = Graph::new("main", GraphKind::Subgraph, Dialect::Tflite);
        let x = graph.add_value(Value::new("x", DType::Float32, Shape::of(&[1, 2])));
        let w = graph.add_value(Value::constant(
            "w",
            &Tensor::from_values(&[2, 2], &[1f32, 2., 3., -4.]),
        ));
        let b = graph.add_value(Value::constant(
            "b",
            &Tensor::from_values(&[2], &[0.5f32, -0.5]),
        ));
        graph.inputs = vec![Some(x)];
        let mut y = add(&mut graph, "FULLY_CONNECTED", &[x, w, b]);
        for op in last {
            y = add(&mut graph, op, &[y]);
        }
        graph.outputs = vec![Some(y)];
        let seen = vec![
            Some(Range {
                min: -1.0,
                max: 1.0
            });
            graph.values.len()
        ];
        (graph, seen)
    }

    /// Every node that can, with int8 weights per channel.
    fn rewritten(graph: &mut Graph, seen: &[Option<Range>], width: Width, io: Io) -> Vec<bool> {
        let forms = vec![Some(Form::INT8); graph.nodes.len()];
        let done = rewrite(graph, seen, width, io, &forms).unwrap();
        graph.remove_dead(|_| false);
        graph.sort().unwrap();
        done
    }

    fn ops(graph: &Graph) -> Vec<String> {
        graph.nodes.iter().map(|n| n.op.to_string()).collect()
    }

    #[test]
    fn float_borders_have_a_quantize_and_a_dequantize() {
        let (mut graph, seen) = net(&["SOFTMAX"]);
        rewritten(&mut graph, &seen, Width::Int8, Io::Float);
        assert_eq!(
            ops(&graph),
            ["QUANTIZE", "FULLY_CONNECTED", "SOFTMAX", "DEQUANTIZE"]
        );
        let weights = graph.value(graph.nodes[1].input(1).unwrap());
        assert_eq!(weights.dtype, DType::Int8);
        assert_eq!(
            weights.quantization.as_ref().unwrap().scale,
            [2.0 / 127.0, 4.0 / 127.0]
        );
        let bias = graph
            .value(graph.nodes[1].input(2).unwrap())
            .read()
            .unwrap()
            .unwrap();
        assert_eq!(bias.dtype(), DType::Int32);
    }

    #[test]
    fn additions_of_16_bit_values_take_the_general_path() {
        let (mut graph, mut seen) = net(&[]);
        let y = graph.outputs[0].unwrap();
        let sum = add(&mut graph, "ADD", &[y, y]);
        graph.outputs = vec![Some(sum)];
        seen.push(seen[0]);
        rewritten(&mut graph, &seen, Width::Int16, Io::Int);
        let node = graph.producer(graph.outputs[0].unwrap()).unwrap();
        assert_eq!(node.attrs.bool("pot_scale_int16"), Some(false));
    }

    #[test]
    fn integer_borders_have_none() {
        let (mut graph, seen) = net(&["SOFTMAX"]);
        rewritten(&mut graph, &seen, Width::Int16, Io::Int);
        assert_eq!(ops(&graph), ["FULLY_CONNECTED", "SOFTMAX"]);
        let out = graph.value(graph.outputs[0].unwrap());
        assert_eq!(out.dtype, DType::Int16);
        assert_eq!(
            out.quantization.as_ref().unwrap().single(),
            Some((1.0 / 32768.0, 0))
        );
    }

    #[test]
    fn what_has_no_integer_kernel_stays_float_in_between() {
        let (mut graph, seen) = net(&["SIN", "LOGISTIC"]);
        let done = rewritten(&mut graph, &seen, Width::Int8, Io::Float);
        assert_eq!(done, [true, false, true]);
        assert_eq!(
            ops(&graph),
            [
                "QUANTIZE",
                "FULLY_CONNECTED",
                "DEQUANTIZE",
                "SIN",
                "QUANTIZE",
                "LOGISTIC",
                "DEQUANTIZE"
            ]
        );
    }

    #[test]
    fn a_reshape_hands_on_the_scale_of_a_softmax() {
        let (mut graph, seen) = net(&["SOFTMAX", "RESHAPE"]);
        rewritten(&mut graph, &seen, Width::Int8, Io::Int);
        let out = graph.value(graph.outputs[0].unwrap());
        assert_eq!(
            out.quantization.as_ref().unwrap().single(),
            Some((1.0 / 256.0, -128))
        );
    }
}

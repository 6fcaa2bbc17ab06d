//! Smaller constants beside float data: integer weights that a kernel takes as they are (dynamic range), and integer
//! or float16 constants with a DEQUANTIZE in front.

use std::collections::HashMap;

use super::ranges;
use super::treatment::{Arithmetic, Form, Grain, Treatment};
use crate::error::Result;
use crate::model::{
    Attr, DType, Graph, Node, NodeId, Quantization, QuantizationDetails, Tensor, TensorData, Value,
    ValueId,
};
use crate::ops::quantize::dynamic_weights;
use crate::progress::Progress;

/// Bytes that a DEQUANTIZE operator with a value of its own costs in the file, about: fewer elements of float16, or
/// of integers, save less than that.
const COST: usize = 96;
const FEWEST_HALVES: usize = COST / 2 + 1;
pub const FEWEST_BEHIND_DEQUANTIZE: usize = 2 * COST / 3 + 1;

/// What was done.
#[derive(Debug)]
pub struct Outcome {
    /// By node, whether one of its constants became smaller.
    pub done: Vec<bool>,
    /// Values that float16 can't hold; they became ±65504.
    pub clamped: usize,
}

/// Rewrites the constants of nodes whose treatment asks for it, by node. What nothing needs any more is left in the
/// graph, new nodes stand at its end.
pub fn rewrite(
    graph: &mut Graph,
    treatments: &[Treatment],
    progress: &Progress,
) -> Result<Outcome> {
    let mut rewrite = Rewrite {
        graph,
        packed: HashMap::new(),
        widened: HashMap::new(),
        clamped: 0,
    };
    let mut done = vec![false; treatments.len()];
    for (index, treatment) in treatments.iter().enumerate() {
        progress.step(1)?;
        let id = NodeId(index as u32);
        done[index] = match *treatment {
            Treatment::Float | Treatment::Static { .. } => false,
            Treatment::Float16 => rewrite.float16(id)?,
            Treatment::Weights {
                form,
                arithmetic,
                fewest,
            } => rewrite.weights(id, form, arithmetic, fewest)?,
        };
    }
    for (index, treatment) in treatments.iter().enumerate() {
        if let Treatment::Weights {
            form,
            arithmetic: Arithmetic::Float,
            ..
        } = treatment
        {
            rewrite.share(NodeId(index as u32), *form);
        }
    }
    Ok(Outcome {
        done,
        clamped: rewrite.clamped,
    })
}

/// How a constant is stored behind a DEQUANTIZE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Stored {
    Float16,
    Integers(Form),
}

struct Rewrite<'a> {
    graph: &'a mut Graph,
    /// Integer constants that kernels take as they are: by float constant, axis and form.
    packed: HashMap<(ValueId, Option<usize>, Form), Option<ValueId>>,
    /// What a DEQUANTIZE makes of a smaller constant: by float constant and its form.
    widened: HashMap<(ValueId, Stored), ValueId>,
    clamped: usize,
}

impl Rewrite<'_> {
    fn elements(&self, value: ValueId) -> usize {
        self.graph.value(value).shape.elements().unwrap_or(0)
    }

    /// The values of a float constant.
    fn floats(&self, value: ValueId) -> Result<Option<Tensor>> {
        let value = self.graph.value(value);
        if value.dtype != DType::Float32 {
            return Ok(None);
        }
        value.read().transpose()
    }

    fn weights(
        &mut self,
        id: NodeId,
        form: Form,
        arithmetic: Arithmetic,
        fewest: usize,
    ) -> Result<bool> {
        let node = self.graph.node(id);
        let Some((operand, axis)) = dynamic_weights(&node.op) else {
            return Ok(false);
        };
        let Some(old) = node.input(operand) else {
            return Ok(false);
        };
        if self.elements(old) < fewest {
            return Ok(false);
        }
        let axis = axis.filter(|_| form.grain != Grain::Tensor);
        match arithmetic {
            Arithmetic::Integer => {
                let Some(new) = self.packed(old, axis, form)? else {
                    return Ok(false);
                };
                self.take(id, operand, new);
            }
            Arithmetic::Float => {
                let Some(new) = self.behind_dequantize(old, axis, form)? else {
                    return Ok(false);
                };
                self.graph.node_mut(id).inputs[operand] = Some(new);
            }
        }
        Ok(true)
    }

    fn packed(&mut self, old: ValueId, axis: Option<usize>, form: Form) -> Result<Option<ValueId>> {
        if let Some(&known) = self.packed.get(&(old, axis, form)) {
            return Ok(known);
        }
        let integers = match (self.floats(old)?, form.grain) {
            (None, _) => None,
            (Some(tensor), Grain::Block(size)) => self.in_blocks(old, &tensor, size),
            (Some(tensor), _) => integers(&tensor, axis, form),
        };
        let new = integers.map(|(values, quantization)| {
            let mut value = self.graph.value(old).clone();
            value.dtype = values.dtype();
            value.data = Some(TensorData::of(&values));
            value.quantization = Some(quantization.into());
            self.graph.add_value(value)
        });
        self.packed.insert((old, axis, form), new);
        Ok(new)
    }

    /// int4 weights of a matrix with a scale per block, and the constant of these scales.
    fn in_blocks(
        &mut self,
        old: ValueId,
        tensor: &Tensor,
        size: usize,
    ) -> Option<(Tensor, Quantization)> {
        let (values, scales) = ranges::block_weights(tensor, size)?;
        let name = format!("{}_scales", self.graph.value(old).name);
        let scales = self.graph.add_value(Value::constant(name, &scales));
        let quantization = Quantization {
            details: QuantizationDetails::Blockwise {
                scales: Some(scales),
                zero_points: None,
                block_size: i32::try_from(size).ok()?,
                block_shape: Vec::new(),
            },
            ..Quantization::default()
        };
        Some((values, quantization))
    }

    fn take(&mut self, id: NodeId, operand: usize, new: ValueId) {
        let dtype = self.graph.value(new).dtype;
        let node = self.graph.node_mut(id);
        node.inputs[operand] = Some(new);
        match &*node.op {
            "FULLY_CONNECTED" | "BATCH_MATMUL" => {
                node.attrs.set(
                    "asymmetric_quantize_inputs",
                    Attr::Bool(dtype == DType::Int8),
                );
            }
            // What is gathered from integers is integers.
            "GATHER" => {
                let Some(&output) = node.outputs.first() else {
                    return;
                };
                let mut inner = self.graph.value(output).clone();
                inner.dtype = dtype;
                inner.quantization = self.graph.value(new).quantization.clone();
                inner.name = format!("{}_{dtype}", inner.name).into();
                let inner = self.graph.add_value(inner);
                self.graph.node_mut(id).outputs[0] = inner;
                self.graph.value_mut(inner).producer = Some((id, 0));
                self.dequantize(inner, output);
            }
            _ => {}
        }
    }

    fn dequantize(&mut self, from: ValueId, to: ValueId) {
        let mut node = Node::new(self.graph.value(to).name.clone(), "DEQUANTIZE");
        node.inputs = vec![Some(from)];
        node.outputs = vec![to];
        self.graph.add_node(node);
    }

    /// The float value that a DEQUANTIZE makes of integers. One serves all operators that take the constant, whatever
    /// axis they would have chosen.
    fn behind_dequantize(
        &mut self,
        old: ValueId,
        axis: Option<usize>,
        form: Form,
    ) -> Result<Option<ValueId>> {
        let key = (old, Stored::Integers(form));
        if let Some(&known) = self.widened.get(&key) {
            return Ok(Some(known));
        }
        let Some(tensor) = self.floats(old)? else {
            return Ok(None);
        };
        let integers = integers(&tensor, axis, form);
        Ok(integers.map(|(values, q)| self.widen(key, &values, Some(q))))
    }

    /// `small` with a DEQUANTIZE behind it, instead of the constant in `key`.
    fn widen(
        &mut self,
        key: (ValueId, Stored),
        small: &Tensor,
        quantization: Option<Quantization>,
    ) -> ValueId {
        let mut made = self.graph.value(key.0).clone();
        let mut stored = Value::constant(made.name.clone(), small);
        stored.quantization = quantization.map(Box::new);
        made.data = None;
        let stored = self.graph.add_value(stored);
        let made = self.graph.add_value(made);
        self.dequantize(stored, made);
        self.widened.insert(key, made);
        made
    }

    /// Other operands that are the same constant take it from the same DEQUANTIZE.
    fn share(&mut self, id: NodeId, form: Form) {
        for slot in self.graph.node_mut(id).inputs.iter_mut().flatten() {
            if let Some(&made) = self.widened.get(&(*slot, Stored::Integers(form))) {
                *slot = made;
            }
        }
    }

    /// Every float constant of a node in float16.
    fn float16(&mut self, id: NodeId) -> Result<bool> {
        let mut done = false;
        for operand in 0..self.graph.node(id).inputs.len() {
            let Some(old) = self.graph.node(id).input(operand) else {
                continue;
            };
            let key = (old, Stored::Float16);
            let new = match self.widened.get(&key) {
                Some(&known) => Some(known),
                None if self.elements(old) < FEWEST_HALVES => None,
                None => self.floats(old)?.map(|tensor| {
                    let (halves, clamped) = halves(&tensor);
                    self.clamped += clamped;
                    self.widen(key, &halves, None)
                }),
            };
            if new.is_some() {
                self.graph.node_mut(id).inputs[operand] = new;
                done = true;
            }
        }
        Ok(done)
    }
}

fn integers(tensor: &Tensor, axis: Option<usize>, form: Form) -> Option<(Tensor, Quantization)> {
    let bits = form.bits;
    if !form.symmetric {
        let (values, scales, zeros) = ranges::asymmetric_weights(tensor, axis, bits)?;
        let quantization = Quantization {
            zero_point: zeros,
            ..Quantization::per_channel(scales, axis.unwrap_or(0))
        };
        return Some((values, quantization));
    }
    let scales = ranges::weight_scales(tensor, axis, bits)?;
    let values = ranges::weights(tensor, &scales, axis, bits)?;
    Some((values, Quantization::per_channel(scales, axis.unwrap_or(0))))
}

/// In float16, and how many values became ±65504 because they lie beyond.
fn halves(tensor: &Tensor) -> (Tensor, usize) {
    let values = tensor.values::<f32>().unwrap_or_default();
    let limit = half::f16::MAX.to_f32();
    let clamped = values.iter().filter(|v| v.abs() > limit).count();
    let half = |v: &f32| {
        half::f16::from_f32(if v.is_nan() {
            *v
        } else {
            v.clamp(-limit, limit)
        })
    };
    let halves: Vec<half::f16> = values.iter().map(half).collect();
    (Tensor::from_values(tensor.shape(), &halves), clamped)
}

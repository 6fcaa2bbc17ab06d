//! Smaller constants in a float model: int8 weights (dynamic range), float16, int8 with a DEQUANTIZE in front.

use std::collections::HashMap;

use super::ranges;
use crate::error::Result;
use crate::model::{
    Attr, DType, Graph, Node, NodeId, Quantization, Tensor, TensorData, Value, ValueId,
};
use crate::ops::quantize::dynamic_weights;
use crate::progress::Progress;

/// Constants of fewer elements stay as they are in dynamic range.
const FEWEST: usize = 1024;

fn floats(graph: &Graph, value: ValueId) -> Result<Option<Tensor>> {
    let value = graph.value(value);
    if value.dtype != DType::Float32 {
        return Ok(None);
    }
    value.read().transpose()
}

/// int8 weights where a kernel takes them beside float data.
pub fn dynamic(graph: &mut Graph, progress: &Progress) -> Result<usize> {
    let mut done: HashMap<(ValueId, Option<usize>), ValueId> = HashMap::new();
    let mut changes = 0;
    for id in graph.node_ids() {
        progress.step(1)?;
        let node = graph.node(id);
        let Some((operand, axis)) = dynamic_weights(&node.op) else {
            continue;
        };
        let Some(old) = node.input(operand) else {
            continue;
        };
        if graph.value(old).shape.elements().is_none_or(|n| n < FEWEST) {
            continue;
        }
        let new = match done.get(&(old, axis)) {
            Some(&new) => new,
            None => {
                let Some(new) = packed(graph, old, axis)? else {
                    continue;
                };
                done.insert((old, axis), new);
                new
            }
        };
        take(graph, id, operand, new);
        changes += 1;
    }
    Ok(changes)
}

/// An int8 copy of a constant with symmetric scales.
fn packed(graph: &mut Graph, old: ValueId, axis: Option<usize>) -> Result<Option<ValueId>> {
    let Some(tensor) = floats(graph, old)? else {
        return Ok(None);
    };
    let quantized = ranges::weight_scales(&tensor, axis).and_then(|scales| {
        let values = ranges::weights(&tensor, &scales, axis)?;
        Some((values, scales))
    });
    Ok(quantized.map(|(values, scales)| {
        let mut value = graph.value(old).clone();
        value.dtype = DType::Int8;
        value.data = Some(TensorData::of(&values));
        value.quantization = Some(Quantization::per_channel(scales, axis.unwrap_or(0)));
        graph.add_value(value)
    }))
}

fn take(graph: &mut Graph, id: NodeId, operand: usize, new: ValueId) {
    let node = graph.node_mut(id);
    node.inputs[operand] = Some(new);
    match &*node.op {
        "FULLY_CONNECTED" | "BATCH_MATMUL" => {
            node.attrs
                .set("asymmetric_quantize_inputs", Attr::Bool(true));
        }
        // What is gathered from int8 is int8.
        "GATHER" => {
            let Some(&output) = node.outputs.first() else {
                return;
            };
            let quantization = graph.value(new).quantization.clone();
            let mut inner = graph.value(output).clone();
            inner.dtype = DType::Int8;
            inner.quantization = quantization;
            inner.name = format!("{}_int8", inner.name).into();
            let inner = graph.add_value(inner);
            graph.node_mut(id).outputs[0] = inner;
            graph.value_mut(inner).producer = Some((id, 0));
            dequantize(graph, inner, output);
        }
        _ => {}
    }
}

fn dequantize(graph: &mut Graph, from: ValueId, to: ValueId) {
    let mut node = Node::new(graph.value(to).name.clone(), "DEQUANTIZE");
    node.inputs = vec![Some(from)];
    node.outputs = vec![to];
    graph.add_node(node);
}

/// Bytes that a DEQUANTIZE operator with a value of its own costs in the file, about.
const COST: usize = 96;

/// float16 constants, each behind a DEQUANTIZE; what would not get smaller stays. Returns the number of constants and
/// of values that float16 can't hold (they become ±65504).
pub fn float16(graph: &mut Graph, progress: &Progress) -> Result<(usize, usize)> {
    let (mut changes, mut clamped) = (0, 0);
    for old in float_constants(graph) {
        progress.check()?;
        let Some(tensor) = floats(graph, old)? else {
            continue;
        };
        let Some(values) = tensor.values::<f32>().filter(|v| v.len() * 2 > COST) else {
            continue;
        };
        let limit = half::f16::MAX.to_f32();
        clamped += values.iter().filter(|v| v.abs() > limit).count();
        let halves: Vec<half::f16> = values
            .iter()
            .map(|v| {
                half::f16::from_f32(if v.is_nan() {
                    *v
                } else {
                    v.clamp(-limit, limit)
                })
            })
            .collect();
        behind_dequantize(
            graph,
            old,
            &Tensor::from_values(tensor.shape(), &halves),
            None,
        );
        changes += 1;
    }
    graph.sort()?;
    Ok((changes, clamped))
}

/// int8 weights behind a DEQUANTIZE: arithmetic stays float.
pub fn int8(graph: &mut Graph, progress: &Progress) -> Result<usize> {
    let mut axes: HashMap<ValueId, Option<usize>> = HashMap::new();
    for node in &graph.nodes {
        if let Some((operand, axis)) = dynamic_weights(&node.op)
            && let Some(value) = node.input(operand)
        {
            axes.entry(value).or_insert(axis);
        }
    }
    let mut changes = 0;
    for old in float_constants(graph) {
        progress.check()?;
        let Some(&axis) = axes.get(&old) else {
            continue;
        };
        let Some(tensor) = floats(graph, old)?.filter(|t| t.len() * 3 > 2 * COST) else {
            continue;
        };
        let Some(scales) = ranges::weight_scales(&tensor, axis) else {
            continue;
        };
        let Some(values) = ranges::weights(&tensor, &scales, axis) else {
            continue;
        };
        let quantization = Quantization::per_channel(scales, axis.unwrap_or(0));
        behind_dequantize(graph, old, &values, Some(quantization));
        changes += 1;
    }
    graph.sort()?;
    Ok(changes)
}

fn float_constants(graph: &Graph) -> Vec<ValueId> {
    let used: std::collections::HashSet<ValueId> = graph
        .nodes
        .iter()
        .flat_map(|n| n.inputs.iter().flatten().copied())
        .collect();
    graph
        .value_ids()
        .filter(|id| {
            used.contains(id)
                && graph.value(*id).data.is_some()
                && graph.value(*id).dtype == DType::Float32
        })
        .collect()
}

/// `old` is made at run time from a smaller constant.
fn behind_dequantize(
    graph: &mut Graph,
    old: ValueId,
    small: &Tensor,
    quantization: Option<Quantization>,
) {
    let mut stored = Value::constant(graph.value(old).name.clone(), small);
    stored.quantization = quantization;
    let stored = graph.add_value(stored);
    graph.value_mut(old).data = None;
    dequantize(graph, stored, old);
}

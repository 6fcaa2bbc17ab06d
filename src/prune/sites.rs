//! Which constants are weights: what operators multiply data with, or look up.

use std::collections::BTreeMap;

use super::weights::Reason;
use crate::model::{DType, Graph, Node, NodeId, ValueId};

/// A weight constant of a graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    pub value: ValueId,
    /// Operators that multiply with it, and which of their operands it is, in node order.
    pub users: Vec<(NodeId, usize)>,
    /// The axis that products are summed along, the same for all users.
    pub summed: Result<usize, Reason>,
    /// Why it has to stay as it is.
    pub fixed: Option<Reason>,
}

/// Operands of `node` that are weights, and the axis of each that products are summed along.
fn operands(graph: &Graph, node: &Node) -> Vec<(usize, Result<usize, Reason>)> {
    let axis = |operand, axis| vec![(operand, Ok(axis))];
    let matrices = |operands: &[usize]| operands.iter().map(|&o| (o, Ok(1))).collect();
    let none = |operand, why: &str| vec![(operand, Err(why.to_owned()))];
    let rank = |operand| {
        let value = node.input(operand).map(|v| graph.value(v));
        value.and_then(|v| v.stored_shape.rank()).unwrap_or(0)
    };
    let flipped = |name| node.attrs.bool(name) == Some(true);
    match &*node.op {
        "CONV_2D" | "TRANSPOSE_CONV" | "CONV_3D" => axis(1, 3),
        "CONV_3D_TRANSPOSE" => axis(1, 4),
        "FULLY_CONNECTED" => match node.attrs.int("weights_format").unwrap_or(0) {
            0 => axis(1, 1),
            _ => Vec::new(),
        },
        "DEPTHWISE_CONV_2D" => none(1, "a depthwise kernel sums over no channels"),
        "EMBEDDING_LOOKUP" => none(1, "rows are looked up, not summed"),
        "GATHER" if rank(0) == 2 && node.attrs.int("axis").unwrap_or(0) == 0 => {
            none(0, "rows are looked up, not summed")
        }
        "BATCH_MATMUL" => [(0, flipped("adj_x"), 1), (1, flipped("adj_y"), 2)]
            .into_iter()
            .filter(|&(operand, ..)| rank(operand) >= 2)
            .map(|(operand, flipped, from_end)| {
                let from_end = if flipped { 3 - from_end } else { from_end };
                (operand, Ok(rank(operand) - from_end))
            })
            .collect(),
        "LSTM" | "UNIDIRECTIONAL_SEQUENCE_LSTM" => matrices(&[1, 2, 3, 4, 5, 6, 7, 8, 16]),
        "BIDIRECTIONAL_SEQUENCE_LSTM" => matrices(&[
            1, 2, 3, 4, 5, 6, 7, 8, 16, 18, 19, 20, 21, 22, 23, 24, 25, 33,
        ]),
        "RNN" | "UNIDIRECTIONAL_SEQUENCE_RNN" | "SVDF" => matrices(&[1, 2]),
        "BIDIRECTIONAL_SEQUENCE_RNN" => matrices(&[1, 2, 5, 6]),
        _ => Vec::new(),
    }
}

/// The constant behind an operand: itself, or what a DEQUANTIZE makes it from.
pub fn constant_behind(graph: &Graph, operand: ValueId) -> Option<ValueId> {
    let value = graph.value(operand);
    if value.data.is_some() {
        return Some(operand);
    }
    let producer = graph.producer(operand)?;
    let stored = producer.input(0)?;
    (&*producer.op == "DEQUANTIZE" && graph.value(stored).data.is_some()).then_some(stored)
}

/// The weights of a graph in the order of their first use.
pub fn sites(graph: &Graph) -> Vec<Site> {
    let mut found: Vec<Site> = Vec::new();
    let mut known: BTreeMap<ValueId, usize> = BTreeMap::new();
    for id in graph.node_ids() {
        let node = graph.node(id);
        for (operand, summed) in operands(graph, node) {
            let constant = node.input(operand).and_then(|v| constant_behind(graph, v));
            let Some(value) = constant.filter(|&v| is_real(graph, v)) else {
                continue;
            };
            match known.get(&value).and_then(|&at| found.get_mut(at)) {
                Some(site) => {
                    site.users.push((id, operand));
                    if site.summed != summed {
                        site.summed = Err("its users sum along different axes".to_owned());
                    }
                }
                None => {
                    known.insert(value, found.len());
                    found.push(Site {
                        value,
                        users: vec![(id, operand)],
                        summed,
                        fixed: None,
                    });
                }
            }
        }
    }
    fix(graph, &mut found, &known);
    found
}

/// Real numbers of two dimensions or more: floats, or integers with a scale.
fn is_real(graph: &Graph, value: ValueId) -> bool {
    let value = graph.value(value);
    if value.stored_shape.rank().is_none_or(|rank| rank < 2) {
        return false;
    }
    let quantized = value.quantization.as_ref().is_some_and(|q| q.is_active());
    value.dtype.is_float() || (quantized && value.dtype != DType::Int32)
}

/// What is something else as well stays.
fn fix(graph: &Graph, sites: &mut [Site], known: &BTreeMap<ValueId, usize>) {
    let mut hold = |value: ValueId, reason: &dyn Fn() -> Reason| {
        let constant = constant_behind(graph, value).and_then(|v| known.get(&v));
        if let Some(site) = constant.and_then(|&at| sites.get_mut(at)) {
            site.fixed.get_or_insert_with(reason);
        }
    };
    for &value in graph.outputs.iter().chain(&graph.inputs).flatten() {
        hold(value, &|| "the graph gives it out".to_owned());
    }
    for id in graph.node_ids() {
        let node = graph.node(id);
        if &*node.op == "DEQUANTIZE" {
            continue;
        }
        let weights = operands(graph, node);
        for (operand, value) in node.inputs.iter().enumerate() {
            if let Some(value) = value
                && !weights.iter().any(|(o, _)| *o == operand)
            {
                hold(*value, &|| {
                    format!("{} takes it as data too", node.op_label())
                });
            }
        }
    }
}

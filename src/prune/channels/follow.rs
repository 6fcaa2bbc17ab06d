//! From operator to operator: which channels of results are which of operands and of weights.
//!
//! Every operator either says what becomes of the channels of each operand, or holds them: they stay.

use super::tracks::{Channel, Tracks};
use super::{arithmetic, layout};
use crate::error::Result;
use crate::model::{Graph, Node, NodeId, ValueId};

/// A number in a constant of sizes that has to become the count of channels that are left.
#[derive(Debug, Clone, PartialEq)]
pub struct Size {
    pub node: NodeId,
    /// Operand with the sizes, one of them at `index`.
    pub operand: usize,
    pub index: usize,
    pub channels: Vec<Channel>,
}

/// Follows all channels of a graph, and says which sizes are written in constants.
///
/// # Errors
/// A graph that needs its own results.
pub fn follow(graph: &Graph) -> Result<(Tracks<'_>, Vec<Size>)> {
    let mut tracks = Tracks::new(graph);
    let mut sizes = Vec::new();
    for &value in graph.inputs.iter().flatten() {
        tracks.hold(value, "they come from outside");
    }
    for &value in graph.outputs.iter().flatten() {
        tracks.hold(value, "the graph gives them out");
    }
    for value in &graph.values {
        let scales = value.quantization.iter().flat_map(|q| q.details.values());
        for scales in scales.flatten().filter(|s| s.index() < graph.values.len()) {
            tracks.hold(scales, "they are scales");
        }
    }
    for id in graph.topological_order()? {
        visit(&mut tracks, &mut sizes, id);
    }
    tracks.settle();
    Ok((tracks, sizes))
}

fn visit(tracks: &mut Tracks<'_>, sizes: &mut Vec<Size>, id: NodeId) {
    let node = tracks.graph().node(id);
    let done = match &*node.op {
        "CONV_2D" => arithmetic::convolution(tracks, node, [0, 1, 2]),
        "TRANSPOSE_CONV" => transposed(tracks, sizes, id),
        "DEPTHWISE_CONV_2D" => arithmetic::depthwise(tracks, node),
        "FULLY_CONNECTED" => arithmetic::fully_connected(tracks, node),
        "ADD" | "SUB" | "MUL" | "DIV" | "MAXIMUM" | "MINIMUM" | "SQUARED_DIFFERENCE" | "PRELU"
        | "POW" | "FLOOR_DIV" | "FLOOR_MOD" | "ATAN2" => arithmetic::elementwise(tracks, node),
        "RELU" | "RELU6" | "RELU_N1_TO_1" | "RELU_0_TO_1" | "LEAKY_RELU" | "ELU" | "GELU"
        | "TANH" | "LOGISTIC" | "HARD_SWISH" | "ABS" | "NEG" | "SQUARE" | "SQRT" | "RSQRT"
        | "EXP" | "LOG" | "SIN" | "COS" | "FLOOR" | "CEIL" | "ROUND" | "SIGN" | "CAST"
        | "QUANTIZE" => layout::same(tracks, node, |_| true),
        "DEQUANTIZE" => layout::dequantize(tracks, node),
        "MAX_POOL_2D"
        | "AVERAGE_POOL_2D"
        | "L2_POOL_2D"
        | "RESIZE_BILINEAR"
        | "RESIZE_NEAREST_NEIGHBOR" => layout::same(tracks, node, |axis| axis == 3),
        "SPACE_TO_BATCH_ND" | "BATCH_TO_SPACE_ND" => layout::batches(tracks, node),
        "PAD" | "PADV2" | "MIRROR_PAD" => layout::pad(tracks, node),
        "MEAN" | "SUM" | "REDUCE_MAX" | "REDUCE_MIN" | "REDUCE_PROD" => {
            layout::reduce(tracks, node)
        }
        "TRANSPOSE" => layout::transpose(tracks, node),
        "CONCATENATION" => layout::concatenation(tracks, node),
        "RESHAPE" => layout::reshape(tracks, sizes, id),
        "SQUEEZE"
            if node
                .attrs
                .ints("squeeze_dims")
                .is_some_and(|d| !d.is_empty()) =>
        {
            layout::squeeze(tracks, node)
        }
        "EXPAND_DIMS" => layout::squeeze(tracks, node),
        "SHAPE" => layout::shape(tracks, node),
        _ => None,
    };
    if done.is_none() {
        hold(tracks, node);
    }
}

/// All operands and scratch values of `node` stay as they are.
pub fn hold(tracks: &mut Tracks<'_>, node: &Node) {
    let scratch = node.intermediates.iter();
    for &value in node.inputs.iter().chain(scratch).flatten() {
        tracks.hold(value, format!("{} takes them", node.op_label()));
    }
}

/// The operands of `node` but for those with a rule stay as they are.
pub fn hold_rest(tracks: &mut Tracks<'_>, node: &Node, ruled: &[usize]) {
    for (operand, value) in node.inputs.iter().enumerate() {
        if let Some(value) = value
            && !ruled.contains(&operand)
        {
            tracks.hold(*value, format!("{} takes them", node.op_label()));
        }
    }
}

/// A transposed convolution says how large its result is.
fn transposed(tracks: &mut Tracks<'_>, sizes: &mut Vec<Size>, id: NodeId) -> Option<()> {
    let node = tracks.graph().node(id);
    arithmetic::convolution(tracks, node, [2, 1, 3])?;
    let (_, channels) = tracks.of(*node.outputs.first()?)?;
    size(tracks, sizes, id, 0, 3, &channels);
    Some(())
}

/// The size at `index` of `operand` follows `channels`, which stay if the operand is not written in the file.
pub fn size(
    tracks: &mut Tracks<'_>,
    sizes: &mut Vec<Size>,
    node: NodeId,
    operand: usize,
    index: usize,
    channels: &[Channel],
) {
    let graph = tracks.graph();
    let value = graph.node(node).input(operand);
    let (owner, operand, index) = match value.and_then(|v| graph.value(v).producer) {
        // A PACK of sizes for this node, of which the one with the channels is a constant.
        Some((pack, _)) if &*graph.node(pack).op == "PACK" && uses(graph, value) == 1 => {
            (pack, index, 0)
        }
        _ => (node, operand, index),
    };
    let written = match graph.node(owner).input(operand) {
        Some(written) => whole_numbers(graph, written),
        None => graph.node(owner).attrs.ints("new_shape"),
    };
    if written.is_some_and(|n| n.len() > index) {
        sizes.push(Size {
            node: owner,
            operand,
            index,
            channels: channels.to_vec(),
        });
    } else {
        tracks.stay(channels, "their number is computed as it runs");
    }
}

fn uses(graph: &Graph, value: Option<ValueId>) -> usize {
    let inputs = graph.nodes.iter().flat_map(|n| &n.inputs);
    inputs
        .chain(&graph.outputs)
        .filter(|v| **v == value)
        .count()
}

/// The values of a constant of whole numbers.
pub fn whole_numbers(graph: &Graph, value: ValueId) -> Option<Vec<i64>> {
    let value = graph.value(value);
    if !value.dtype.is_integer() {
        return None;
    }
    let tensor = value.read()?.ok()?;
    Some(tensor.numbers().iter().map(|&n| n as i64).collect())
}

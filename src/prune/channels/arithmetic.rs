//! Channels through operators that compute: convolutions, matrices, elementwise.

use super::tracks::{Channel, Tracks};
use crate::model::{Node, ValueId};

/// The channels of operand `value`, or new ones that stay: it has some without a rule.
fn channels_of(tracks: &mut Tracks<'_>, value: ValueId, axis: usize, count: usize) -> Vec<Channel> {
    match tracks.of(value) {
        Some((own, channels)) if own == axis && channels.len() == count => channels,
        _ => {
            tracks.hold(value, "they stand along another axis");
            tracks.pinned(count, "they come from outside")
        }
    }
}

/// The channels that weights make: along axis 0, known from another user or new.
fn made(tracks: &mut Tracks<'_>, weights: ValueId, axis: usize, count: usize) -> Vec<Channel> {
    let known = tracks.along(weights, axis).map(<[Channel]>::to_vec);
    known.unwrap_or_else(|| tracks.fresh(count))
}

fn bias(tracks: &mut Tracks<'_>, node: &Node, operand: usize, channels: &[Channel]) {
    if let Some(bias) = node.input(operand) {
        tracks.tie_constant(bias, 0, channels);
    }
}

/// Weights are output channel, row, column, input channel. `operands` are data, weights, bias.
pub fn convolution(tracks: &mut Tracks<'_>, node: &Node, operands: [usize; 3]) -> Option<()> {
    let [data, weights, b] = operands;
    let (data, weights) = (node.input(data)?, node.input(weights)?);
    let output = *node.outputs.first()?;
    let (x, w) = (tracks.sizes(data)?, tracks.sizes(weights)?);
    let ([_, _, _, inputs], [count, _, _, summed]) = (&*x, &*w) else {
        return None;
    };
    if inputs != summed {
        // A grouped convolution: its groups stay.
        return None;
    }
    let channels = channels_of(tracks, data, 3, *summed);
    tracks.tie_constant(weights, 3, &channels);
    let channels = made(tracks, weights, 0, *count);
    tracks.tie_constant(weights, 0, &channels);
    bias(tracks, node, b, &channels);
    tracks.flow(output, 3, &channels);
    Some(())
}

/// Each input channel makes as many output channels as the multiplier says.
pub fn depthwise(tracks: &mut Tracks<'_>, node: &Node) -> Option<()> {
    let (data, weights) = (node.input(0)?, node.input(1)?);
    let output = *node.outputs.first()?;
    let count = *tracks.sizes(weights)?.get(3)?;
    let (axis, inputs) = tracks.of(data)?;
    if axis != 3 || inputs.is_empty() || !count.is_multiple_of(inputs.len()) {
        return None;
    }
    let multiplier = count / inputs.len();
    let channels: Vec<Channel> = inputs
        .iter()
        .flat_map(|&c| std::iter::repeat_n(c, multiplier))
        .collect();
    tracks.tie_constant(weights, 3, &channels);
    bias(tracks, node, 2, &channels);
    tracks.flow(output, 3, &channels);
    Some(())
}

/// Weights are output, input; data is rows of inputs, whatever its own shape.
pub fn fully_connected(tracks: &mut Tracks<'_>, node: &Node) -> Option<()> {
    if node.attrs.int("weights_format").unwrap_or(0) != 0 {
        return None;
    }
    let (data, weights) = (node.input(0)?, node.input(1)?);
    let output = *node.outputs.first()?;
    let (x, w) = (tracks.sizes(data)?, tracks.sizes(weights)?);
    let [count, summed] = *w else {
        return None;
    };
    let channels = match tracks.of(data) {
        Some((axis, own)) if axis + 1 == x.len() && repeats(own.len(), summed) => {
            own.iter().copied().cycle().take(summed).collect()
        }
        _ => {
            tracks.hold(data, format!("{} takes them", node.op_label()));
            tracks.pinned(summed, "they come from outside")
        }
    };
    tracks.tie_constant(weights, 1, &channels);
    let channels = made(tracks, weights, 0, count);
    tracks.tie_constant(weights, 0, &channels);
    bias(tracks, node, 2, &channels);
    let axis = tracks.sizes(output)?.len().checked_sub(1)?;
    tracks.flow(output, axis, &channels);
    Some(())
}

/// Whether `count` channels make up rows of `row`.
fn repeats(count: usize, row: usize) -> bool {
    count > 0 && row.is_multiple_of(count)
}

/// Operands broadcast against each other from the last axis.
pub fn elementwise(tracks: &mut Tracks<'_>, node: &Node) -> Option<()> {
    let output = *node.outputs.first()?;
    let out = tracks.sizes(output)?;
    let operands: Vec<ValueId> = node.inputs.iter().copied().collect::<Option<_>>()?;
    let mut axes = Vec::new();
    for &operand in &operands {
        let rank = tracks.sizes(operand)?.len();
        if let Some((axis, _)) = tracks.of(operand) {
            axes.push((axis + out.len()).checked_sub(rank)?);
        }
    }
    let axis = *axes.first()?;
    if axes.iter().any(|a| *a != axis) {
        return None;
    }
    let count = *out.get(axis)?;
    let mut joined: Option<Vec<Channel>> = None;
    let mut constants = Vec::new();
    for &operand in &operands {
        let sizes = tracks.sizes(operand)?;
        let own = (axis + sizes.len()).checked_sub(out.len());
        let size = own.and_then(|own| sizes.get(own).copied());
        match (tracks.of(operand), own.filter(|_| size == Some(count))) {
            (Some((_, channels)), Some(_)) => match &joined {
                Some(joined) => tracks.join_all(&joined.clone(), &channels),
                None => joined = Some(channels),
            },
            (None, Some(own)) => constants.push((operand, own)),
            // One channel for all.
            (Some(_), None) => tracks.hold(operand, "one channel stands for all"),
            // What broadcasts along the channels has none; a constant may have some elsewhere.
            (None, None) => tracks.hold(operand, format!("{} takes them", node.op_label())),
        }
    }
    let channels = joined?;
    for (operand, own) in constants {
        tracks.tie_constant(operand, own, &channels);
    }
    tracks.flow(output, axis, &channels);
    Some(())
}

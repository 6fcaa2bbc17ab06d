//! Channels through operators that move data, or work on each channel by itself.

use super::follow::{Size, hold_rest, size, whole_numbers};
use super::tracks::{Channel, Tracks};
use crate::model::{Node, NodeId};

/// The result has the operand's axes.
pub fn same(tracks: &mut Tracks<'_>, node: &Node, fits: impl Fn(usize) -> bool) -> Option<()> {
    let (axis, channels) = tracks.of(node.input(0)?)?;
    if !fits(axis) {
        return None;
    }
    hold_rest(tracks, node, &[0]);
    tracks.flow(*node.outputs.first()?, axis, &channels);
    Some(())
}

/// Of data; one of a constant belongs to the operator behind it.
pub fn dequantize(tracks: &mut Tracks<'_>, node: &Node) -> Option<()> {
    match tracks.graph().value(node.input(0)?).data {
        Some(_) => Some(()),
        None => same(tracks, node, |_| true),
    }
}

/// Blocks are of the axes behind the batch, channels behind those.
pub fn batches(tracks: &mut Tracks<'_>, node: &Node) -> Option<()> {
    let blocks = whole_numbers(tracks.graph(), node.input(1)?)?.len();
    same(tracks, node, |axis| axis > blocks)
}

pub fn pad(tracks: &mut Tracks<'_>, node: &Node) -> Option<()> {
    let paddings = whole_numbers(tracks.graph(), node.input(1)?)?;
    same(tracks, node, |axis| {
        paddings.get(2 * axis..2 * axis + 2) == Some(&[0, 0])
    })
}

/// Over other axes than that of the channels.
pub fn reduce(tracks: &mut Tracks<'_>, node: &Node) -> Option<()> {
    let data = node.input(0)?;
    let (axis, channels) = tracks.of(data)?;
    let rank = tracks.sizes(data)?.len() as i64;
    let reduced = whole_numbers(tracks.graph(), node.input(1)?)?;
    let reduced: Vec<i64> = reduced
        .iter()
        .map(|a| if *a < 0 { a + rank } else { *a })
        .collect();
    if reduced.contains(&(axis as i64)) {
        return None;
    }
    let before = (0..axis as i64).filter(|a| reduced.contains(a)).count();
    let keep = node.attrs.bool("keep_dims") == Some(true);
    let axis = if keep { axis } else { axis - before };
    hold_rest(tracks, node, &[0]);
    tracks.flow(*node.outputs.first()?, axis, &channels);
    Some(())
}

pub fn transpose(tracks: &mut Tracks<'_>, node: &Node) -> Option<()> {
    let (axis, channels) = tracks.of(node.input(0)?)?;
    let order = whole_numbers(tracks.graph(), node.input(1)?)?;
    let axis = order.iter().position(|&from| from == axis as i64)?;
    hold_rest(tracks, node, &[0]);
    tracks.flow(*node.outputs.first()?, axis, &channels);
    Some(())
}

/// Along the channels they stand one after another, along other axes they are the same.
pub fn concatenation(tracks: &mut Tracks<'_>, node: &Node) -> Option<()> {
    let output = *node.outputs.first()?;
    let rank = tracks.sizes(output)?.len();
    let parts: Vec<_> = node.inputs.iter().copied().collect::<Option<_>>()?;
    let own: Vec<_> = parts.iter().map(|&part| tracks.of(part)).collect();
    let axis = own.iter().flatten().next()?.0;
    if own.iter().flatten().any(|(a, _)| *a != axis) {
        return None;
    }
    let joined = node.attrs.int("axis").unwrap_or(0);
    let joined = if joined < 0 {
        joined + rank as i64
    } else {
        joined
    };
    let mut all: Vec<Channel> = Vec::new();
    for (&part, own) in parts.iter().zip(own) {
        let count = *tracks.sizes(part)?.get(axis)?;
        let channels = match own {
            Some((_, channels)) => channels,
            None => {
                tracks.hold(part, "CONCATENATION takes them");
                if count > *tracks.sizes(output)?.get(axis)? {
                    return None;
                }
                tracks.pinned(count, "they are joined with values that stay")
            }
        };
        if joined == axis as i64 {
            all.extend(channels);
        } else if all.is_empty() {
            all = channels;
        } else if all.len() == channels.len() {
            tracks.join_all(&all, &channels);
        } else {
            return None;
        }
    }
    tracks.flow(output, axis, &all);
    Some(())
}

pub fn reshape(tracks: &mut Tracks<'_>, sizes: &mut Vec<Size>, id: NodeId) -> Option<()> {
    let node = tracks.graph().node(id);
    let output = *node.outputs.first()?;
    let (axis, channels) = reshaped(tracks, node)?;
    hold_rest(tracks, node, &[0]);
    size(tracks, sizes, id, 1, axis, &channels);
    tracks.flow(output, axis, &channels);
    Some(())
}

/// Axes of 1 come or go, by their numbers.
pub fn squeeze(tracks: &mut Tracks<'_>, node: &Node) -> Option<()> {
    let output = *node.outputs.first()?;
    let count = tracks.of(node.input(0)?)?.1.len();
    let (axis, channels) = reshaped(tracks, node)?;
    if channels.len() != count {
        return None;
    }
    hold_rest(tracks, node, &[0]);
    tracks.flow(output, axis, &channels);
    Some(())
}

/// Longest axis that channels are repeated along.
const MOST: usize = 1 << 22;

/// Where the channels are under the sizes of the result.
fn reshaped(tracks: &mut Tracks<'_>, node: &Node) -> Option<(usize, Vec<Channel>)> {
    let data = node.input(0)?;
    let (axis, channels) = tracks.of(data)?;
    let (from, to) = (tracks.sizes(data)?, tracks.sizes(*node.outputs.first()?)?);
    let product = |sizes: &[usize]| crate::model::shape::element_count(sizes);
    let count = *from.get(axis)?;
    let inner = product(&from[axis + 1..])?;
    let outer = product(&from[..axis])?;
    let place = (0..to.len()).rev().find(|&at| {
        to[at] == count
            && product(&to[at + 1..]) == Some(inner)
            && product(&to[..at]) == Some(outer)
    });
    if let Some(axis) = place {
        return Some((axis, channels));
    }
    let (&last, rest) = to.split_last()?;
    let whole = outer.checked_mul(count)?;
    if inner != 1 || count == 0 || last == 0 || last > MOST || product(to.as_slice()) != Some(whole)
    {
        return None;
    }
    if last.is_multiple_of(count) {
        // Rows and columns laid flat: the channels stand there again and again.
        let flat = channels.iter().copied().cycle().take(last).collect();
        return Some((rest.len(), flat));
    }
    if count.is_multiple_of(last) {
        // The other way: what ends up in one channel goes together.
        let (first, others) = channels.split_at(last);
        for row in others.chunks(last) {
            tracks.join_all(first, row);
        }
        return Some((rest.len(), first.to_vec()));
    }
    None
}

/// The sizes of data, of which only others than the count of channels are looked at.
pub fn shape(tracks: &mut Tracks<'_>, node: &Node) -> Option<()> {
    let graph = tracks.graph();
    let (axis, _) = tracks.of(node.input(0)?)?;
    let sizes = *node.outputs.first()?;
    if graph.outputs.contains(&Some(sizes)) {
        return None;
    }
    let takers = graph
        .nodes
        .iter()
        .filter(|n| n.inputs.contains(&Some(sizes)));
    for taker in takers {
        let number = |operand: usize| match &*whole_numbers(graph, taker.input(operand)?)? {
            [one] => usize::try_from(*one).ok(),
            _ => None,
        };
        let masked = |name| taker.attrs.int(name).unwrap_or(0) != 0;
        let (begin, end) = (number(1)?, number(2)?);
        let masks = ["begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask"];
        let plain = &*taker.op == "STRIDED_SLICE"
            && taker.input(0) == Some(sizes)
            && number(3) == Some(1)
            && !masks.into_iter().any(masked);
        if !plain || (begin..end).contains(&axis) {
            return None;
        }
    }
    Some(())
}

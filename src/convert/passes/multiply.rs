//! `conv(x)·c` is a convolution with other weights: batch normalization goes into what is before it, and a uniform
//! factor into what comes after.

use super::Surroundings;
use super::edit::{self, Uses};
use crate::error::Result;
use crate::model::{Graph, NodeId, Tensor};
use crate::ops::weights::weighted;

pub fn run(graph: &mut Graph, _: &Surroundings<'_>) -> Result<usize> {
    let mut changes = 0;
    loop {
        let uses = Uses::of(graph);
        let found = graph.node_ids().find(|&id| {
            &*graph.node(id).op == "MUL" && is_live(graph, id) && fold(graph, &uses, id)
        });
        match found {
            Some(_) => changes += 1,
            None => return Ok(changes),
        }
    }
}

/// A node that a fold has replaced makes its result no more.
fn is_live(graph: &Graph, id: NodeId) -> bool {
    let output = graph.node(id).outputs.first();
    output.is_some_and(|&v| graph.value(v).producer == Some((id, 0)))
}

fn fold(graph: &mut Graph, uses: &Uses, mul: NodeId) -> bool {
    into_producer(graph, uses, mul).is_some() || into_consumer(graph, uses, mul).is_some()
}

fn into_producer(graph: &mut Graph, uses: &Uses, mul: NodeId) -> Option<()> {
    let (x, factor) = edit::with_constant(graph, graph.node(mul))?;
    let (producer, _) = graph.value(x).producer?;
    let node = graph.node(producer);
    let place = weighted(&node.op)?;
    if !uses.single(x) || !edit::has_no_activation(node) {
        return None;
    }
    let (weights, bias) = (node.input(place.weights)?, node.input(place.bias));
    let filter = edit::floats(graph, weights)?;
    let channels = *filter.shape().get(place.axis)?;
    let factor = edit::floats(graph, factor)?;
    if factor.rank() > graph.value(x).shape.rank()? {
        return None;
    }
    let factors = edit::per_channel(&factor, channels)?;
    let scaled = scale_axis(&filter, place.axis, &factors);
    let scaled_bias = match bias {
        Some(bias) => {
            let old = edit::floats(graph, bias)?;
            Some((bias, scale_axis(&old, 0, &factors)))
        }
        None => None,
    };
    let new = edit::with_values(graph, weights, &scaled);
    graph.node_mut(producer).inputs[place.weights] = Some(new);
    if let Some((bias, tensor)) = scaled_bias {
        let new = edit::with_values(graph, bias, &tensor);
        graph.node_mut(producer).inputs[place.bias] = Some(new);
    }
    replace(graph, mul, producer);
    Some(())
}

/// The convolution makes what `after` made, with its activation.
pub fn replace(graph: &mut Graph, after: NodeId, producer: NodeId) {
    let activation = edit::activation_of(graph.node(after));
    let output = graph.node(after).outputs[0];
    graph
        .node_mut(producer)
        .attrs
        .set("fused_activation_function", activation);
    edit::take_output(graph, producer, output);
}

/// A single factor in front of every consumer's weights. Factors per channel stay: they would spread the weights of
/// one output channel over many magnitudes, which costs accuracy once weights are int8.
fn into_consumer(graph: &mut Graph, uses: &Uses, mul: NodeId) -> Option<()> {
    let (x, factor) = edit::with_constant(graph, graph.node(mul))?;
    let factor = match *edit::floats(graph, factor)?.values::<f32>()? {
        [only] if only.is_finite() && only != 0.0 => only,
        _ => return None,
    };
    let output = *graph.node(mul).outputs.first()?;
    let node = graph.node(mul);
    if uses.is_result(output)
        || !edit::has_no_activation(node)
        || graph.value(output).shape.rank() != graph.value(x).shape.rank()
    {
        return None;
    }
    let consumers = uses.consumers(output).to_vec();
    let mut edits = Vec::new();
    for &id in &consumers {
        let consumer = graph.node(id);
        let place = weighted(&consumer.op)?;
        let used = consumer
            .inputs
            .iter()
            .filter(|v| **v == Some(output))
            .count();
        if consumer.input(place.data) != Some(output) || used != 1 {
            return None;
        }
        let weights = consumer.input(place.weights)?;
        let filter = edit::floats(graph, weights)?;
        let channels = *filter.shape().get(place.axis)?;
        let scaled = scale_axis(&filter, place.axis, &vec![factor; channels]);
        edits.push((id, place, weights, scaled));
    }
    if edits.is_empty() {
        return None;
    }
    for (id, place, weights, tensor) in edits {
        let new = edit::with_values(graph, weights, &tensor);
        let node = graph.node_mut(id);
        node.inputs[place.weights] = Some(new);
        node.inputs[place.data] = Some(x);
    }
    // Without users it is dead; its result is made by nobody.
    graph.value_mut(output).producer = None;
    Some(())
}

fn scale_axis(tensor: &Tensor, axis: usize, factors: &[f32]) -> Tensor {
    let mut out = tensor.clone();
    let inner: usize = tensor
        .shape()
        .get(axis + 1..)
        .unwrap_or_default()
        .iter()
        .product();
    if let Some(values) = out.values_mut::<f32>() {
        for (run, values) in values.chunks_exact_mut(inner.max(1)).enumerate() {
            let factor = factors[run % factors.len()];
            values.iter_mut().for_each(|v| *v *= factor);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::testing::{convolution, elementwise};
    use super::*;

    #[test]
    fn a_batch_norm_goes_into_the_convolution() {
        let (mut graph, x) = convolution(&[1., 2., 3., 4.], &[2, 1, 1, 2]);
        let y = elementwise(&mut graph, "MUL", x, &[2], &[10., 100.]);
        graph.outputs = vec![Some(y)];
        let changes = run(&mut graph, &Surroundings { variables: &[] }).unwrap();
        assert_eq!(changes, 1);
        let node = graph.producer(y).unwrap();
        assert_eq!(&*node.op, "CONV_2D");
        let weights = edit::floats(&graph, node.input(1).unwrap()).unwrap();
        assert_eq!(weights.values::<f32>().unwrap(), [10., 20., 300., 400.]);
    }

    #[test]
    fn a_map_over_height_stays() {
        let (mut graph, x) = convolution(&[1., 2., 3., 4.], &[2, 1, 1, 2]);
        let y = elementwise(&mut graph, "MUL", x, &[1, 2, 1, 1], &[10., 100.]);
        graph.outputs = vec![Some(y)];
        assert_eq!(
            run(&mut graph, &Surroundings { variables: &[] }).unwrap(),
            0
        );
    }
}

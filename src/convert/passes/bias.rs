//! A constant added after a convolution or product is its bias.

use super::Surroundings;
use super::edit::{self, Uses};
use super::multiply::replace;
use crate::error::Result;
use crate::model::{Graph, NodeId, Tensor};
use crate::ops::weights::weighted;

pub fn run(graph: &mut Graph, _: &Surroundings<'_>) -> Result<usize> {
    let mut changes = 0;
    loop {
        let uses = Uses::of(graph);
        let found = graph.node_ids().find(|&id| {
            matches!(&*graph.node(id).op, "ADD" | "SUB") && fuse(graph, &uses, id).is_some()
        });
        match found {
            Some(_) => changes += 1,
            None => return Ok(changes),
        }
    }
}

fn fuse(graph: &mut Graph, uses: &Uses, add: NodeId) -> Option<()> {
    let node = graph.node(add);
    let output = *node.outputs.first()?;
    if graph.value(output).producer != Some((add, 0)) {
        return None;
    }
    let minus = &*node.op == "SUB";
    let (x, constant) = edit::with_constant(graph, node)?;
    if minus && node.input(0) != Some(x) {
        return None;
    }
    let (producer, _) = graph.value(x).producer?;
    let before = graph.node(producer);
    let place = weighted(&before.op)?;
    if !uses.single(x) || !edit::has_no_activation(before) {
        return None;
    }
    let weights = before.input(place.weights)?;
    let channels = usize::try_from(*graph.value(weights).shape.dims()?.get(place.axis)?).ok()?;
    let added = edit::floats(graph, constant)?;
    if added.rank() > graph.value(x).shape.rank()? {
        return None;
    }
    let mut bias = edit::per_channel(&added, channels)?;
    if minus {
        bias.iter_mut().for_each(|v| *v = -*v);
    }
    if let Some(old) = before.input(place.bias) {
        let old = edit::floats(graph, old)?;
        let old = old.values::<f32>().filter(|v| v.len() == channels)?;
        bias.iter_mut().zip(old).for_each(|(v, old)| *v += old);
    }
    let bias = edit::constant_like(graph, constant, &Tensor::from_values(&[channels], &bias));
    let inputs = &mut graph.node_mut(producer).inputs;
    if inputs.len() <= place.bias {
        inputs.resize(place.bias + 1, None);
    }
    inputs[place.bias] = Some(bias);
    replace(graph, add, producer);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{convolution, elementwise};
    use super::*;

    fn bias_after(op: &str, shape: &[usize], values: &[f32]) -> Option<Vec<f32>> {
        let (mut graph, x) = convolution(&[1., 2., 3., 4.], &[2, 1, 1, 2]);
        let y = elementwise(&mut graph, op, x, shape, values);
        graph.outputs = vec![Some(y)];
        run(&mut graph, &Surroundings { variables: &[] }).unwrap();
        let node = graph.producer(y).unwrap();
        let bias = edit::floats(&graph, node.input(2)?)?;
        (&*node.op == "CONV_2D").then(|| bias.values::<f32>().unwrap().to_vec())
    }

    #[test]
    fn vectors_and_scalars_fuse() {
        assert_eq!(
            bias_after("ADD", &[1, 1, 1, 2], &[5., 6.]),
            Some(vec![5., 6.])
        );
        assert_eq!(bias_after("SUB", &[], &[5.]), Some(vec![-5., -5.]));
    }

    #[test]
    fn maps_do_not() {
        assert_eq!(bias_after("ADD", &[1, 2, 1, 1], &[5., 6.]), None);
    }
}

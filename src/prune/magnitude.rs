//! The smallest weights become zero.

use super::weights::Weights;

/// The smallest become zero until a `sparsity` of the weights, rounded to whole ones, is zero; of equal ones the first
/// go. Zeros that are there count.
pub fn unstructured(weights: &mut Weights, sparsity: f64) {
    let magnitudes = weights.magnitudes();
    let count = ((magnitudes.len() as f64 * sparsity).round() as usize).min(magnitudes.len());
    if count == 0 {
        return;
    }
    let mut order: Vec<usize> = (0..magnitudes.len()).collect();
    let by_size = |a: &usize, b: &usize| magnitudes[*a].total_cmp(&magnitudes[*b]).then(a.cmp(b));
    if count < order.len() {
        order.select_nth_unstable_by(count, by_size);
    }
    for &element in order.iter().take(count) {
        weights.clear(element);
    }
}

/// Along `axis`, in each group of `of` weights all but the `keep` largest become zero; of equal ones the first stay. A
/// shorter last group keeps as many, as if zeros followed.
pub fn groups(weights: &mut Weights, axis: usize, keep: usize, of: usize) {
    let shape = weights.shape().to_vec();
    let (Some(&length), Some(inner)) = (shape.get(axis), shape.get(axis + 1..)) else {
        return;
    };
    let stride: usize = inner.iter().product();
    let magnitudes = weights.magnitudes();
    let mut group: Vec<usize> = Vec::with_capacity(of);
    let outer = shape[..axis].iter().product::<usize>();
    for line in (0..outer).flat_map(|o| (0..stride).map(move |i| o * length * stride + i)) {
        for start in (0..length).step_by(of.max(1)) {
            group.clear();
            group.extend((start..(start + of).min(length)).map(|at| line + at * stride));
            group.sort_by(|a, b| magnitudes[*b].total_cmp(&magnitudes[*a]).then(a.cmp(b)));
            for &element in group.iter().skip(keep) {
                weights.clear(element);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Dialect, Graph, GraphKind, Tensor, Value};

    fn weights(shape: &[usize], values: &[f32]) -> Weights {
        let mut graph = Graph::new("g", GraphKind::Subgraph, Dialect::Tflite);
        let tensor = Tensor::from_values(shape, values);
        let id = graph.add_value(Value::constant("w", &tensor));
        Weights::open(&graph, id).unwrap().unwrap()
    }

    fn shapes() -> impl Strategy<Value = (Vec<usize>, Vec<f32>)> {
        prop::collection::vec(1usize..6, 1..5).prop_flat_map(|shape| {
            let count = shape.iter().product::<usize>();
            (
                Just(shape),
                prop::collection::vec(-9i8..9, count)
                    .prop_map(|v| v.iter().map(|x| f32::from(*x)).collect()),
            )
        })
    }

    proptest! {
        #[test]
        fn the_fraction_is_reached_and_only_the_smallest_go((shape, values) in shapes(), sparsity in 0.0f64..1.0) {
            let mut pruned = weights(&shape, &values);
            let before = pruned.zeros();
            unstructured(&mut pruned, sparsity);
            let wanted = (values.len() as f64 * sparsity).round() as usize;
            prop_assert_eq!(pruned.zeros(), wanted.max(before));
            let kept = pruned.tensor().values::<f32>().unwrap();
            let gone = values.iter().zip(kept).filter(|(old, new)| **old != 0.0 && **new == 0.0);
            let largest_gone = gone.map(|(old, _)| old.abs()).fold(0.0, f32::max);
            let smallest_kept = kept.iter().filter(|v| **v != 0.0).map(|v| v.abs()).fold(f32::INFINITY, f32::min);
            prop_assert!(largest_gone <= smallest_kept);
            prop_assert!(values.iter().zip(kept).all(|(old, new)| new == old || *new == 0.0));
        }

        #[test]
        fn each_group_keeps_its_largest((shape, values) in shapes(), axis in 0usize..4, keep in 1usize..3, more in 1usize..4) {
            let (axis, of) = (axis % shape.len(), keep + more);
            let mut pruned = weights(&shape, &values);
            groups(&mut pruned, axis, keep, of);
            let kept = pruned.tensor().values::<f32>().unwrap();
            let stride: usize = shape[axis + 1..].iter().product();
            let place = |element: usize| element / stride % shape[axis];
            for (element, old) in values.iter().enumerate() {
                let first = element - place(element) * stride;
                let start = place(element) / of * of;
                let group: Vec<usize> = (start..(start + of).min(shape[axis])).map(|at| first + at * stride).collect();
                prop_assert!(group.iter().filter(|e| kept[**e] != 0.0).count() <= keep);
                let larger = group.iter().filter(|e| values[**e].abs() > old.abs()).count();
                if larger >= keep {
                    prop_assert_eq!(kept[element], 0.0);
                }
                let others = group.iter().filter(|e| **e != element && values[**e].abs() >= old.abs()).count();
                if others < keep {
                    prop_assert_eq!(kept[element], *old);
                }
            }
        }
    }
}

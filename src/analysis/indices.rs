//! Inputs that are indices of tables.

use crate::model::{DType, Graph, Node, NodeId, Shape, ValueId, Variable};
use crate::ops;

/// For each of `inputs`, what its values have to stay below to be indices of every table that they pick from, whether
/// as they are or after operators that only [hand them on](ops::HandsOn); `None` where they pick from none whose size is
/// known. `graph` is one with its calls inlined.
pub fn index_bounds(graph: &Graph, variables: &[Variable], inputs: &[ValueId]) -> Vec<Option<u64>> {
    let consumers = graph.consumers();
    let bound = |&input: &ValueId| {
        let dtype = graph.value(input).dtype;
        // Numbers of any kind may be cast to indices.
        let numbers = dtype.is_integer() || dtype.is_float();
        numbers.then(|| least_bound(graph, variables, &consumers, input))?
    };
    inputs.iter().map(bound).collect()
}

fn least_bound(
    graph: &Graph,
    variables: &[Variable],
    consumers: &[Vec<NodeId>],
    input: ValueId,
) -> Option<u64> {
    let mut least = None;
    let mut stack = vec![input];
    let mut seen = vec![false; graph.values.len()];
    while let Some(value) = stack.pop() {
        if std::mem::replace(&mut seen[value.index()], true) {
            continue;
        }
        for &id in consumers.get(value.index()).into_iter().flatten() {
            let node = graph.node(id);
            let Some(operator) = ops::find_for(graph, node) else {
                continue;
            };
            let slots = (0..node.inputs.len()).filter(|&slot| node.input(slot) == Some(value));
            for from in slots {
                let picks = operator.picks.filter(|picks| picks.indices == from);
                let found = picks.and_then(|picks| picked(graph, variables, node, picks));
                least = [least, found].into_iter().flatten().min();
                let outputs = node.outputs.iter().enumerate();
                let led = outputs.filter(|&(to, _)| operator.hands_on.leads(from, to));
                stack.extend(led.map(|(_, &output)| output));
            }
        }
    }
    least
}

fn picked(graph: &Graph, variables: &[Variable], node: &Node, picks: ops::Picks) -> Option<u64> {
    let table = table_shape(graph, variables, node.input(picks.table)?)?;
    picks.bound(graph, node, table.dims()?)
}

/// The shape of a table: its own, or that of the variable that is read.
fn table_shape<'g>(
    graph: &'g Graph,
    variables: &'g [Variable],
    table: ValueId,
) -> Option<&'g Shape> {
    let mut at = table;
    // A graph has no longer way.
    for _ in 0..graph.nodes.len() {
        let value = graph.value(at);
        if value.data.is_some() {
            return Some(&value.stored_shape);
        }
        let node = graph.node(value.producer?.0);
        if let Some(variable) = node.variable {
            let whole = node.variable_slice.is_none();
            return variables
                .get(variable.0 as usize)
                .map(|v| &v.shape)
                .filter(|_| whole);
        }
        if value.shape.fixed().is_some() && value.dtype != DType::Resource {
            return Some(&value.shape);
        }
        match &*node.op {
            "Cast" | "DEQUANTIZE" | "Enter" | "Identity" | "ReadVariableOp" => {
                at = node.input(0)?
            }
            // Of what is computed a few sizes may be known.
            _ => return Some(&value.shape).filter(|shape| shape.rank().is_some()),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::testing::{add, argument, constant, main_graph, subgraph, variable};
    use crate::model::{Attr, Tensor, VariableId, VariableRole};

    fn table(rows: usize, columns: usize) -> Tensor {
        Tensor::from_values(&[rows, columns], &vec![0.5f32; rows * columns])
    }

    #[test]
    fn indices_reach_the_rows_of_a_variable() {
        let mut main = main_graph();
        let ids = argument(&mut main, "ids", DType::Int64, &[-1, 8]);
        let kinds = argument(&mut main, "kinds", DType::Int32, &[-1, 8]);
        let count = argument(&mut main, "count", DType::Int32, &[]);
        let scores = argument(&mut main, "scores", DType::Float32, &[-1]);
        let cast = add(&mut main, "cast", "Cast", &[ids], &[-1, 8]);
        let flat = add(&mut main, "flat", "Reshape", &[cast, count], &[-1]);
        let words = add(&mut main, "words", "VarHandleOp", &[], &[]);
        main.value_mut(words).dtype = DType::Resource;
        main.nodes.last_mut().unwrap().variable = Some(VariableId(0));
        add(&mut main, "a", "ResourceGather", &[words, flat], &[-1, 4]);
        let held = add(&mut main, "kinds/table", "VariableV2", &[], &[2, 4]);
        main.nodes.last_mut().unwrap().variable = Some(VariableId(1));
        let read = add(&mut main, "read", "Identity", &[held], &[2, 4]);
        let axis = constant(&mut main, "axis", &Tensor::from_values(&[], &[0i32]));
        let b = add(
            &mut main,
            "b",
            "GatherV2",
            &[read, kinds, axis],
            &[-1, 8, 4],
        );
        add(&mut main, "c", "Mul", &[b, scores], &[-1]);
        let variables = [
            variable("words", VariableRole::Weight, &table(5000, 4)),
            variable("kinds", VariableRole::Weight, &table(2, 4)),
        ];
        assert_eq!(
            index_bounds(&main, &variables, &[ids, kinds, count, scores]),
            [Some(5000), Some(2), None, None]
        );
    }

    #[test]
    fn indices_that_may_be_negative_are_indices() {
        let mut main = subgraph("main");
        let ids = argument(&mut main, "ids", DType::Int32, &[4]);
        let zero = constant(&mut main, "zero", &Tensor::from_values(&[], &[0i32]));
        let rows = constant(&mut main, "rows", &Tensor::from_values(&[], &[40i32]));
        let negative = add(&mut main, "less", "LESS", &[ids, zero], &[4]);
        let wrapped = add(&mut main, "sum", "ADD", &[ids, rows], &[4]);
        let index = add(
            &mut main,
            "select",
            "SELECT_V2",
            &[negative, wrapped, ids],
            &[4],
        );
        let words = constant(&mut main, "words", &table(40, 2));
        add(&mut main, "picked", "GATHER", &[words, index], &[4, 2]);
        assert_eq!(index_bounds(&main, &[], &[ids]), [Some(40)]);
    }

    #[test]
    fn the_smallest_table_along_its_axis_decides() {
        let mut main = subgraph("main");
        let ids = argument(&mut main, "ids", DType::Int32, &[4]);
        let other = argument(&mut main, "other", DType::Int32, &[4]);
        let wide = constant(&mut main, "wide", &table(3, 700));
        let long = constant(&mut main, "long", &table(900, 2));
        add(&mut main, "columns", "GATHER", &[wide, ids], &[3, 4]);
        let axis = Attr::Int(-1);
        main.nodes.last_mut().unwrap().attrs.set("axis", axis);
        add(&mut main, "rows", "EMBEDDING_LOOKUP", &[ids, long], &[4, 2]);
        // A table that is computed, picked from with an index that is computed.
        let next = add(&mut main, "next", "ADD", &[other, ids], &[4]);
        add(&mut main, "picked", "GATHER", &[other, next], &[4]);
        let found = index_bounds(&main, &[], &[ids, other]);
        assert_eq!(found, [Some(700), None]);
    }

    #[test]
    fn floats_that_are_cast_are_indices() {
        let mut main = main_graph();
        let ids = argument(&mut main, "ids", DType::Float32, &[-1, 2]);
        let other = argument(&mut main, "other", DType::Float32, &[-1, 2]);
        let cast = add(&mut main, "cast", "Cast", &[ids], &[-1, 2]);
        main.value_mut(cast).dtype = DType::Int32;
        let unique = add(&mut main, "unique", "Unique", &[cast], &[-1]);
        let words = constant(&mut main, "words", &table(70, 3));
        add(&mut main, "a", "GatherNd", &[words, cast], &[-1]);
        add(&mut main, "b", "Gather", &[words, unique], &[-1, 3]);
        add(&mut main, "c", "AddV2", &[other, ids], &[-1, 2]);
        let bounds = index_bounds(&main, &[], &[ids, other]);
        assert_eq!(bounds, [Some(3), None], "the second number is a column");
    }

    #[test]
    fn labels_are_classes_of_the_scores() {
        let mut main = main_graph();
        let scores = argument(&mut main, "scores", DType::Float32, &[-1, 5]);
        let labels = argument(&mut main, "labels", DType::Int32, &[-1]);
        let shifted = add(&mut main, "shifted", "AddV2", &[scores, scores], &[-1, 5]);
        add(
            &mut main,
            "loss",
            "SparseSoftmaxCrossEntropyWithLogits",
            &[shifted, labels],
            &[-1],
        );
        assert_eq!(index_bounds(&main, &[], &[labels]), [Some(5)]);
    }
}

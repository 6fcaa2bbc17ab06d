//! Inputs that are indices, and the tables that they pick rows from.

use crate::model::{DType, Graph, Node, Shape, ValueId, Variable};

/// Operators that hand on the indices of their first input, perhaps not all of them or in another order.
const TRANSPARENT: [&str; 32] = [
    "BatchToSpaceND",
    "CAST",
    "Cast",
    "EXPAND_DIMS",
    "EnsureShape",
    "ExpandDims",
    "Identity",
    "PlaceholderWithDefault",
    "RESHAPE",
    "REVERSE_SEQUENCE",
    "REVERSE_V2",
    "Reshape",
    "ReverseSequence",
    "ReverseV2",
    "SLICE",
    "SPLIT",
    "Split",
    "SPLIT_V",
    "SQUEEZE",
    "STRIDED_SLICE",
    "Slice",
    "Snapshot",
    "SplitV",
    "Squeeze",
    "StopGradient",
    "StridedSlice",
    "TILE",
    "TRANSPOSE",
    "Tile",
    "Transpose",
    "UNPACK",
    "Unpack",
];

/// For each of `inputs`, the fewest rows of the tables that its values pick from; `None` where they pick from none whose
/// size is known. `graph` is one with its calls inlined.
pub fn table_rows(graph: &Graph, variables: &[Variable], inputs: &[ValueId]) -> Vec<Option<u64>> {
    let consumers = graph.consumers();
    let rows = |&input: &ValueId| {
        let value = graph.value(input);
        if !value.dtype.is_integer() {
            return None;
        }
        let mut least = None;
        let mut stack = vec![input];
        let mut seen = vec![false; graph.values.len()];
        while let Some(value) = stack.pop() {
            if std::mem::replace(&mut seen[value.index()], true) {
                continue;
            }
            for &id in consumers.get(value.index()).into_iter().flatten() {
                let node = graph.node(id);
                if let Some(found) = rows_picked(graph, variables, node, value) {
                    least = Some(least.map_or(found, |least: u64| least.min(found)));
                } else if hands_on(node, value) {
                    stack.extend(&node.outputs);
                }
            }
        }
        least
    };
    inputs.iter().map(rows).collect()
}

fn hands_on(node: &Node, value: ValueId) -> bool {
    let joins = matches!(
        &*node.op,
        "Pack" | "PACK" | "Concat" | "ConcatV2" | "CONCATENATION" | "IdentityN"
    );
    // Keras counts negative indices from the end: it selects between the index and its sum with the rows.
    let selects = matches!(&*node.op, "Select" | "SelectV2" | "SELECT" | "SELECT_V2")
        && [1, 2].iter().any(|&slot| node.input(slot) == Some(value));
    let slot = match &*node.op {
        "Split" | "SPLIT" => 1,
        _ => 0,
    };
    joins || selects || TRANSPARENT.contains(&&*node.op) && node.input(slot) == Some(value)
}

/// Rows of the table that `node` picks from with the indices `value`.
fn rows_picked(graph: &Graph, variables: &[Variable], node: &Node, value: ValueId) -> Option<u64> {
    let (table, indices) = match &*node.op {
        "Gather" | "GatherV2" | "GATHER" | "ResourceGather" => (0, 1),
        "EMBEDDING_LOOKUP" => (1, 0),
        _ => return None,
    };
    if node.input(indices) != Some(value) {
        return None;
    }
    let axis = match &*node.op {
        "GATHER" => node.attrs.int("axis").unwrap_or(0),
        "GatherV2" => {
            let axis = graph.value(node.input(2)?).read()?.ok()?;
            axis.number(0)? as i64
        }
        _ => 0,
    };
    let shape = table_shape(graph, variables, node.input(table)?)?;
    let rank = shape.rank()?;
    let axis = match axis {
        axis if axis < 0 => rank.checked_sub(axis.unsigned_abs() as usize)?,
        axis => axis as usize,
    };
    let rows = *shape.0.as_ref()?.get(axis)?;
    u64::try_from(rows).ok().filter(|rows| *rows > 0)
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
            _ => return None,
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
            table_rows(&main, &variables, &[ids, kinds, count, scores]),
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
        assert_eq!(table_rows(&main, &[], &[ids]), [Some(40)]);
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
        let found = table_rows(&main, &[], &[ids, other]);
        assert_eq!(found, [Some(700), None]);
    }
}

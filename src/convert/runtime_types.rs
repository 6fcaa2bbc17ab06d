//! Which element types a runtime's builtin kernels take: an operator may be TFLite's and still run nowhere.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::model::{DType, Graph, Node};

/// Types that were tried and whose place is never that of an index, a size or a condition, which most operators take
/// beside their data.
const TELLING: [DType; 9] = [
    DType::Complex64,
    DType::Float16,
    DType::Float64,
    DType::Int8,
    DType::Int16,
    DType::UInt8,
    DType::UInt16,
    DType::UInt32,
    DType::UInt64,
];

static TYPES: LazyLock<HashMap<&str, Vec<DType>>> = LazyLock::new(|| {
    let lines = include_str!("runtime_types.txt").lines();
    lines
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
        .map(|(op, types)| (op, types.split(' ').filter_map(DType::from_name).collect()))
        .collect()
});

/// The first operand's type that no kernel of the builtin operator takes; `None` where all is well, or not known.
pub fn refused(graph: &Graph, node: &Node) -> Option<DType> {
    let takes = TYPES.get(&*node.op)?;
    let operands = node.inputs.iter().flatten();
    operands
        .map(|&v| graph.value(v).dtype)
        .find(|dtype| TELLING.contains(dtype) && !takes.contains(dtype))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tflite;
    use crate::model::{Dialect, GraphKind, Shape, Value};

    #[test]
    fn the_table_reads_whole() {
        for line in include_str!("runtime_types.txt").lines() {
            if let Some((op, types)) = line.split_once(' ').filter(|(op, _)| *op != "#") {
                assert!(tflite::is_builtin(op), "{op}");
                assert_eq!(TYPES[op].len(), types.split(' ').count(), "{op}");
            }
        }
    }

    #[test]
    fn a_type_without_a_kernel_is_found() {
        let refuses = |op: &str, dtype: DType| {
            let mut graph = Graph::new("main", GraphKind::Subgraph, Dialect::Tflite);
            let x = graph.add_value(Value::new("x", dtype, Shape::of(&[2])));
            let mut node = Node::new("n", op);
            node.inputs = vec![Some(x)];
            refused(&graph, &node).is_some()
        };
        assert!(refuses("ARG_MAX", DType::Float64));
        assert!(!refuses("ARG_MAX", DType::Float32));
        assert!(!refuses("COMPLEX_ABS", DType::Complex64));
        assert!(!refuses("GATHER", DType::String), "was not tried");
        assert!(!refuses("HASHTABLE_FIND", DType::Float64), "was not tried");
    }
}

//! Constants with many zeros, stored without them where that takes less room.
//!
//! FULLY_CONNECTED takes some packings as they are and skips what is not there; for all else a DENSIFY operator lays the
//! constant out. What is written here was tried on LiteRT of TensorFlow 2.21 with its reference kernels, its optimized
//! ones and XNNPACK. What is left dense because answers were wrong or files refused there: float16 and integers behind a
//! DEQUANTIZE (wrong where XNNPACK leaves the operator alone), and int8 weights of operators that take float data
//! (refused behind a DENSIFY, wrong in blocks).

use std::sync::Arc;

use bytes::Bytes;

use super::sites::Site;
use super::weights::Weights;
use crate::error::Result;
use crate::model::{
    DType, Graph, Node, NodeId, Sparse, SparseDim, SparseIndices, Sparsity, Tensor, TensorData,
    Value, ValueId,
};

/// How a constant is stored now.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    pub form: &'static str,
    /// Bytes of values, segments and indices.
    pub bytes: usize,
}

/// Bytes of the tables that describe a packing, about.
const TABLES: usize = 120;
/// Bytes of a DENSIFY operator and the tensor that it makes, about, beside its name.
const DENSIFY: usize = 140;

/// Stores the constant of `site` without its zeros if the file becomes smaller by it. New operators stand at the end of
/// the graph. What `was_sparse` in the source may be so again, whatever takes it.
///
/// # Errors
/// Values that can't be read.
pub fn encode(graph: &mut Graph, site: &Site, was_sparse: bool) -> Result<Option<Stored>> {
    let mut ways = ways(graph, site);
    if ways.is_empty() && was_sparse {
        ways.push(Way {
            form: "rows, DENSIFY",
            block: 1,
            densify: true,
        });
    }
    if ways.is_empty() {
        return Ok(None);
    }
    let Ok(weights) = Weights::open(graph, site.value)? else {
        return Ok(None);
    };
    if !weights.zero_is_zero() || weights.shape().contains(&0) {
        return Ok(None);
    }
    let tensor = weights.tensor();
    let dense = tensor.bytes().map_or(0, <[u8]>::len);
    let densify = DENSIFY + graph.value(site.value).name.len();
    let packed = ways.iter().filter_map(|way| {
        let packed = pack(tensor, way.block)?;
        let cost = packed.bytes + TABLES + if way.densify { densify } else { 0 };
        Some((cost, way, packed))
    });
    let best = packed.min_by_key(|(cost, ..)| *cost);
    let Some((_, way, packed)) = best.filter(|(cost, ..)| *cost < dense) else {
        return Ok(None);
    };
    let bytes = packed.bytes;
    graph.value_mut(site.value).data = Some(TensorData::Sparse(Arc::new(packed.sparse)));
    if way.densify {
        self::densify(graph, site.value);
    } else {
        for (id, _) in &site.users {
            // The writer finds the version that this needs.
            graph.node_mut(*id).version = 0;
        }
    }
    let form = way.form;
    Ok(Some(Stored { form, bytes }))
}

/// Operators whose weights LiteRT takes from a DENSIFY. Integer LSTMs read them before they are there, and crash.
const TRIED: &[&str] = &[
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "FULLY_CONNECTED",
    "TRANSPOSE_CONV",
    "BATCH_MATMUL",
    "CONV_3D",
    "GATHER",
];

/// A packing and who lays it out.
struct Way {
    form: &'static str,
    /// Elements along a row that are stored or left out together.
    block: usize,
    densify: bool,
}

/// The packings that all users of the constant can take.
fn ways(graph: &Graph, site: &Site) -> Vec<Way> {
    let direct =
        |&(id, operand): &(NodeId, usize)| graph.node(id).input(operand) == Some(site.value);
    let tried = |(id, _): &(NodeId, usize)| is_op(graph, *id, TRIED);
    if site.fixed.is_some() || !site.users.iter().all(direct) || !site.users.iter().all(tried) {
        return Vec::new();
    }
    let way = |form, block, densify| Way {
        form,
        block,
        densify,
    };
    let all_connected = site
        .users
        .iter()
        .all(|(id, _)| is_op(graph, *id, &["FULLY_CONNECTED"]));
    match graph.value(site.value).dtype {
        DType::Float32 if all_connected => {
            vec![way("rows", 1, false), way("1×4 blocks", 4, false)]
        }
        DType::Float32 => vec![way("rows, DENSIFY", 1, true)],
        DType::Int8 => {
            const HYBRID: &[&str] = &[
                "CONV_2D",
                "FULLY_CONNECTED",
                "TRANSPOSE_CONV",
                "BATCH_MATMUL",
            ];
            let hybrid = |id| is_op(graph, id, HYBRID) && takes(graph, id, DType::Float32);
            if site.users.iter().any(|(id, _)| hybrid(*id)) {
                return Vec::new();
            }
            let mut ways = vec![way("rows, DENSIFY", 1, true)];
            if all_connected
                && site
                    .users
                    .iter()
                    .all(|(id, _)| takes(graph, *id, DType::Int8))
            {
                ways.push(way("1×16 blocks", 16, false));
            }
            ways
        }
        _ => Vec::new(),
    }
}

fn is_op(graph: &Graph, id: NodeId, ops: &[&str]) -> bool {
    ops.contains(&&*graph.node(id).op)
}

/// Whether the node makes `dtype`, which is the type of the data that it takes.
fn takes(graph: &Graph, id: NodeId, dtype: DType) -> bool {
    let output = graph.node(id).outputs.first();
    output.is_some_and(|&v| graph.value(v).dtype == dtype)
}

/// Everything that took `packed` takes what a new DENSIFY makes of it.
fn densify(graph: &mut Graph, packed: ValueId) {
    let value = graph.value(packed);
    let whole = Value {
        data: None,
        name: format!("{}_dense", value.name).into(),
        buffer: 0,
        ..value.clone()
    };
    let mut node = Node::new(whole.name.clone(), "DENSIFY");
    let whole = graph.add_value(whole);
    graph.replace_uses(packed, whole);
    node.inputs = vec![Some(packed)];
    node.outputs = vec![whole];
    graph.add_node(node);
}

struct Packed {
    sparse: Sparse,
    bytes: usize,
}

/// The rows of a tensor without the blocks of `block` elements along them that are all zero; `None` where blocks don't
/// fit the rows, or numbers don't fit the format.
fn pack(tensor: &Tensor, block: usize) -> Option<Packed> {
    let shape = tensor.shape();
    let (&row, outer) = shape.split_last()?;
    let (size, bytes) = (tensor.dtype().size()?, tensor.bytes()?);
    if !row.is_multiple_of(block) || (block > 1 && shape.len() != 2) {
        return None;
    }
    let (mut segments, mut indices, mut values) = (vec![0usize], Vec::new(), Vec::new());
    for row in bytes.chunks_exact(row * size) {
        for (at, block) in row.chunks_exact(block * size).enumerate() {
            if !is_zero(tensor.dtype(), block) {
                indices.push(at);
                values.extend_from_slice(block);
            }
        }
        segments.push(indices.len());
    }
    if values.is_empty() {
        // A constant without any values has no buffer, and is no constant to LiteRT.
        values.resize(block * size, 0);
        indices.push(0);
        segments.iter_mut().skip(1).for_each(|end| *end = 1);
    }
    let number = |n: usize| i32::try_from(n).ok();
    let mut order: Vec<i32> = (0..number(shape.len())?).collect();
    let mut dims: Vec<SparseDim> = outer
        .iter()
        .map(|&size| Some(SparseDim::dense(number(size)?)))
        .collect::<Option<_>>()?;
    let extra = size_of_indices(&segments) + size_of_indices(&indices);
    dims.push(SparseDim::csr(narrow(&segments)?, narrow(&indices)?));
    let mut block_map = Vec::new();
    if block > 1 {
        order.push(number(shape.len())?);
        block_map.push(number(shape.len() - 1)?);
        dims.push(SparseDim::dense(number(block)?));
    }
    Some(Packed {
        bytes: values.len() + extra,
        sparse: Sparse {
            values: Bytes::from(values),
            shape: shape.to_vec(),
            form: Sparsity {
                traversal_order: order,
                block_map,
                dims,
            },
        },
    })
}

/// All bits zero, or the float zero with a sign: what is not stored comes back without it.
fn is_zero(dtype: DType, elements: &[u8]) -> bool {
    match dtype {
        DType::Float16 => elements.chunks_exact(2).all(|f| matches!(f, [0, 0 | 0x80])),
        DType::Float32 => elements
            .chunks_exact(4)
            .all(|f| matches!(f, [0, 0, 0, 0 | 0x80])),
        _ => elements.iter().all(|b| *b == 0),
    }
}

/// Bytes of one index, wide enough for all.
fn width(indices: &[usize]) -> usize {
    match indices.iter().max().copied().unwrap_or(0) {
        0..=0xff => 1,
        0x100..=0xffff => 2,
        _ => 4,
    }
}

fn size_of_indices(indices: &[usize]) -> usize {
    width(indices) * indices.len()
}

fn narrow(indices: &[usize]) -> Option<SparseIndices> {
    let all = indices.iter().copied();
    Some(match width(indices) {
        1 => SparseIndices::Uint8(all.map(|i| i as u8).collect()),
        2 => SparseIndices::Uint16(all.map(|i| i as u16).collect()),
        _ => SparseIndices::Int32(all.map(|i| i32::try_from(i).ok()).collect::<Option<_>>()?),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_packed_reads_the_same(
            shape in prop::collection::vec(1usize..6, 1..5),
            blocks in any::<bool>(),
            seed in prop::collection::vec(prop_oneof![4 => Just(0i8), 1 => any::<i8>()], 2500),
        ) {
            let mut shape = shape;
            let block = if blocks { 4 } else { 1 };
            if blocks {
                shape.resize(2, 3);
                shape[1] *= block;
            }
            let count = shape.iter().product::<usize>();
            let tensor = Tensor::from_values(&shape, &seed[..count]);
            let packed = pack(&tensor, block).unwrap();
            prop_assert!(!packed.sparse.values.is_empty());
            prop_assert_eq!(packed.sparse.read(DType::Int8).unwrap(), tensor.clone());
            let floats: Vec<f32> = seed[..count].iter().map(|v| f32::from(*v)).collect();
            let tensor = Tensor::from_values(&shape, &floats);
            let packed = pack(&tensor, block).unwrap();
            prop_assert_eq!(packed.sparse.read(DType::Float32).unwrap(), tensor);
        }
    }
}

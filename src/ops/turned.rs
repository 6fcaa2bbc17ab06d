//! Products of matrices that read and write what a TRANSPOSE beside them would move: attention's heads, which lie one
//! behind the other in each row.

use super::fast;
use super::matmul::{Geometry, geometry, output_type};
use super::movement::permutation;
use super::{Context, Prepared};
use crate::error::Result;
use crate::kernels::fast::{Place, Steps};
use crate::kernels::reference::matmul::MatMul;
use crate::model::DType;
use crate::model::shape::element_count;

/// Batches beyond which the places of the matrices are not worth being kept.
const MOST: usize = 1 << 12;

/// The order of axes that a TRANSPOSE of floats gives its input, where it is known.
pub fn transposes(cx: &Context) -> Option<Vec<usize>> {
    let turns = matches!(&*cx.node.op, "TRANSPOSE" | "Transpose") && cx.options.fusion;
    let float = turns && cx.dtype(0).ok()? == DType::Float32;
    let rank = float.then(|| cx.sizes(0).ok())??.len();
    permutation(cx, rank).ok()?
}

/// Whether a node is a product of floats that may read or write transposed values, as [`turned_product`] makes it.
pub fn may_be_turned(cx: &Context) -> bool {
    let float = |index| matches!(cx.dtype(index), Ok(DType::Float32));
    let known = |index| cx.input(index).is_ok_and(|fact| fact.constant.is_some());
    let product = matches!(
        &*cx.node.op,
        "BATCH_MATMUL" | "BatchMatMul" | "BatchMatMulV2" | "BatchMatMulV3"
    );
    product
        && cx.options.fusion
        && !cx.options.reference
        && float(0)
        && float(1)
        && matches!(output_type(cx), Ok(DType::Float32))
        && !known(0)
        && !known(1)
}

/// The axes of `sizes`, in elements from one index to the next, where they are those of a row-major tensor taken in
/// this order.
fn steps(sizes: &[usize], order: Option<&[usize]>) -> Vec<usize> {
    let rank = sizes.len();
    let mut source = vec![0; rank];
    for axis in 0..rank {
        source[order.map_or(axis, |order| order[axis])] = sizes[axis];
    }
    let close = |axis: usize| source[axis + 1..].iter().product();
    let step = |axis: usize| close(order.map_or(axis, |order| order[axis]));
    (0..rank).map(step).collect()
}

/// The order that undoes this one.
fn inverse(order: &[usize]) -> Vec<usize> {
    let mut inverse = vec![0; order.len()];
    for (axis, &from) in order.iter().enumerate() {
        inverse[from] = axis;
    }
    inverse
}

/// The product of a node some of whose operands are read as they lie before a TRANSPOSE by these orders of axes, and
/// whose output is written as it lies behind one; `None` where the numbers of a row would be apart.
pub fn turned_product(
    cx: &Context,
    [x_order, y_order]: [Option<&[usize]>; 2],
    out_order: Option<&[usize]>,
) -> Result<Option<Prepared>> {
    let (Ok(x_sizes), Ok(y_sizes)) = (cx.sizes(0), cx.sizes(1)) else {
        return Ok(None);
    };
    let Geometry { p, out: batch, .. } = geometry(cx)?;
    let out_sizes = [&batch[..], &[p.m, p.n]].concat();
    let real = [&x_sizes, &y_sizes, &out_sizes].map(|sizes| element_count(sizes));
    let few = element_count(&batch).is_some_and(|count| count <= MOST);
    if !few
        || real
            .iter()
            .any(|count| count.is_none_or(|count| count == 0))
    {
        return Ok(None);
    }
    let undone = out_order.map(inverse);
    let (x, y) = (steps(&x_sizes, x_order), steps(&y_sizes, y_order));
    let out = steps(&out_sizes, undone.as_deref());
    let ends = |steps: &[usize], adjoint: bool| {
        let (a, b) = (steps[steps.len() - 2], steps[steps.len() - 1]);
        if adjoint { (b, a) } else { (a, b) }
    };
    let ((x_row, x_inner), (y_inner, y_column)) = (ends(&x, p.adj_x), ends(&y, p.adj_y));
    let (out_row, out_column) = ends(&out, false);
    let lies_turned = y_inner == 1 && y_column != 1;
    let close = x_inner == 1 && out_column == 1 && (lies_turned || y_column == 1);
    // Rows that overlap are those of sizes of 1 alone.
    if !close || x_row < p.k || out_row < p.n {
        return Ok(None);
    }
    let p = MatMul {
        adj_x: false,
        adj_y: lies_turned,
        ..p
    };
    let steps = Steps {
        x: x_row,
        y: if lies_turned { y_column } else { y_inner },
        out: out_row,
    };
    let places = places(&batch, [(&x_sizes, &x), (&y_sizes, &y), (&out_sizes, &out)]);
    fast::matmul_at(cx, p, steps, places).map(Some)
}

/// Where the matrices of the batch begin in tensors of these sizes and steps; sizes of 1 are used again and again.
fn places(batch: &[usize], tensors: [(&[usize], &[usize]); 3]) -> Vec<Place> {
    let count = batch.iter().product();
    let place = |mut index: usize| {
        let mut place = [0; 3];
        for axis in (0..batch.len()).rev() {
            let at = index % batch[axis];
            index /= batch[axis];
            for (place, (sizes, steps)) in place.iter_mut().zip(tensors) {
                // Batch axes are aligned at their end, and the last two are no batch's.
                let Some(own) = (axis + sizes.len()).checked_sub(batch.len() + 2) else {
                    continue;
                };
                if sizes[own] != 1 {
                    *place += at * steps[own];
                }
            }
        }
        place
    };
    (0..count).map(place).collect()
}

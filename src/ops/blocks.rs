//! Blocks of space moved into the batch and back.

use super::movement::element_size;
use super::{Context, Fact, HandsOn, Operator, Prepared};
use crate::error::Result;
use crate::kernels::movement;
use crate::kernels::strides::MAX_RANK;
use crate::model::{DType, Shape};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        &["SpaceToBatchND", "SpaceToBatch"],
        &["SPACE_TO_BATCH_ND"],
        infer,
        prepare_to_batch,
    )
    .handing_on(HandsOn::Inputs(&[0])),
    Operator::new(
        &["BatchToSpaceND", "BatchToSpace"],
        &["BATCH_TO_SPACE_ND"],
        infer,
        prepare_to_space,
    )
    .handing_on(HandsOn::Inputs(&[0])),
];

/// Block sizes and the paddings (or crops) of the axes after the first, where they are known.
struct Blocks {
    sizes: Vec<i64>,
    before: Vec<i64>,
    after: Vec<i64>,
    to_batch: bool,
}

fn blocks(cx: &Context) -> Result<Option<Blocks>> {
    // The first of them know two axes, and blocks as long as wide.
    let (sizes, edges) = match &*cx.node.op {
        "SpaceToBatch" | "BatchToSpace" => {
            (Some(vec![cx.attr_int("block_size", 0); 2]), cx.ints(1)?)
        }
        _ => (cx.ints(1)?, cx.ints(2)?),
    };
    let (Some(sizes), Some(edges)) = (sizes, edges) else {
        return Ok(None);
    };
    let fits = edges.len() == 2 * sizes.len()
        && sizes.iter().all(|b| (1..1 << 31).contains(b))
        && edges.iter().all(|e| (0..1 << 31).contains(e));
    if !fits {
        return Err(cx.wrong(format!("blocks of {sizes:?} with the edges {edges:?}")));
    }
    Ok(Some(Blocks {
        before: edges.iter().step_by(2).copied().collect(),
        after: edges.iter().skip(1).step_by(2).copied().collect(),
        sizes,
        to_batch: matches!(
            &*cx.node.op,
            "SpaceToBatchND" | "SpaceToBatch" | "SPACE_TO_BATCH_ND"
        ),
    }))
}

impl Blocks {
    /// The output's sizes, -1 where the input's are; `None` where the blocks don't fit.
    fn output(&self, dims: &[i64]) -> Option<Vec<i64>> {
        if dims.len() <= self.sizes.len() || dims.len() > MAX_RANK {
            return None;
        }
        let count = self
            .sizes
            .iter()
            .try_fold(1i64, |product, &block| product.checked_mul(block))?;
        let whole = |size: i64, by: i64| (size % by == 0).then_some(size / by);
        let mut out = dims.to_vec();
        for (axis, size) in out.iter_mut().enumerate() {
            if *size < 0 || axis > self.sizes.len() {
                continue;
            }
            *size = match (axis.checked_sub(1), self.to_batch) {
                (None, true) => size.checked_mul(count)?,
                (None, false) => whole(*size, count)?,
                (Some(i), true) => {
                    let padded = size.checked_add(self.before[i] + self.after[i])?;
                    whole(padded, self.sizes[i])?
                }
                (Some(i), false) => {
                    let spread = size.checked_mul(self.sizes[i])?;
                    let left = spread - self.before[i] - self.after[i];
                    (left >= 0).then_some(left)?
                }
            };
        }
        Some(out)
    }

    fn output_of(&self, cx: &Context, dims: &[i64]) -> Result<Vec<i64>> {
        self.output(dims).ok_or_else(|| {
            cx.wrong(format!(
                "blocks of {:?} with {:?} before and {:?} after, in an input of {}",
                self.sizes,
                self.before,
                self.after,
                Shape(Some(dims.to_vec()))
            ))
        })
    }
}

fn infer(cx: &Context) -> Result<Vec<Fact>> {
    let dtype = cx.dtype(0)?;
    let Some(dims) = cx.shape(0)?.dims() else {
        return cx.one(dtype, Shape::UNKNOWN);
    };
    let out = match blocks(cx)? {
        Some(blocks) => blocks.output_of(cx, dims)?,
        None => vec![-1; dims.len()],
    };
    cx.one(dtype, Shape(Some(out)))
}

/// What the kernels take.
struct Geometry {
    size: usize,
    shape: Vec<usize>,
    out: Vec<usize>,
    block: Vec<usize>,
    before: Vec<usize>,
}

fn geometry(cx: &Context) -> Result<Option<Geometry>> {
    let (size, shape) = (element_size(cx, 0)?, cx.sizes(0)?);
    let (Some(blocks), Some(dims)) = (blocks(cx)?, cx.shape(0)?.dims()) else {
        return Ok(None);
    };
    let whole = |list: &[i64]| list.iter().map(|&v| v as usize).collect();
    Ok(Some(Geometry {
        size,
        shape,
        out: whole(&blocks.output_of(cx, dims)?),
        block: whole(&blocks.sizes),
        before: whole(&blocks.before),
    }))
}

fn prepare_to_batch(cx: &Context) -> Result<Prepared> {
    let Some(g) = geometry(cx)? else {
        return super::later();
    };
    let zero = padding_value(cx, g.size)?;
    Prepared::function(move |io| {
        let (x, out) = (io.view(0)?.bytes(), io.output_bytes(0)?);
        movement::space_to_batch(g.size, x, &g.shape, &g.block, &g.before, &g.out, &zero, out);
        Ok(())
    })
}

/// The bytes of the element that stands for 0.
fn padding_value(cx: &Context, size: usize) -> Result<Vec<u8>> {
    let mut zero = vec![0u8; size];
    let quantized = matches!(cx.dtype(0)?, DType::Int8 | DType::UInt8 | DType::Int16);
    if cx.tflite() && quantized && cx.out_quantization(0).is_some() {
        let (_, point) = cx.out_scale(0)?;
        zero.copy_from_slice(&point.to_le_bytes()[..size]);
    }
    Ok(zero)
}

fn prepare_to_space(cx: &Context) -> Result<Prepared> {
    let Some(g) = geometry(cx)? else {
        return super::later();
    };
    Prepared::function(move |io| {
        let (x, out) = (io.view(0)?.bytes(), io.output_bytes(0)?);
        movement::batch_to_space(g.size, x, &g.shape, &g.block, &g.before, &g.out, out);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_by_two(to_batch: bool, before: [i64; 2], after: [i64; 2]) -> Blocks {
        Blocks {
            sizes: vec![2, 2],
            before: before.to_vec(),
            after: after.to_vec(),
            to_batch,
        }
    }

    #[test]
    fn sizes_of_padded_blocks() {
        let blocks = two_by_two(true, [1, 0], [2, 1]);
        assert_eq!(blocks.output(&[3, 5, 5, 7]), Some(vec![12, 4, 3, 7]));
        assert_eq!(blocks.output(&[-1, 5, -1]), Some(vec![-1, 4, -1]));
        assert_eq!(blocks.output(&[3, 4, 5, 7]), None);
        assert_eq!(blocks.output(&[3, 5]), None);
    }

    #[test]
    fn sizes_of_cropped_space() {
        let blocks = two_by_two(false, [1, 0], [2, 1]);
        assert_eq!(blocks.output(&[12, 4, 3, 7]), Some(vec![3, 5, 5, 7]));
        assert_eq!(blocks.output(&[-1, 4, 3]), Some(vec![-1, 5, 5]));
        assert_eq!(blocks.output(&[6, 4, 3, 7]), None);
        assert_eq!(blocks.output(&[12, 1, 3, 7]), None);
    }
}

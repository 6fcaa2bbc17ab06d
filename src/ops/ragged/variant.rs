//! Ragged tensors as one value, or as one for each of their rows: how they go through loops that take row after row.

use std::sync::Arc;

use super::checked;
use crate::error::{Error, Result};
use crate::memory;
use crate::model::{DType, Shape, Tensor, TensorList, VariantKind};
use crate::ops::segment::whole_numbers;
use crate::ops::tokens::numbers;
use crate::ops::{Context, Fact, Operator, Prepared, View, state};

pub const OPERATORS: &[Operator] = &[
    Operator::new(
        &["RaggedTensorToVariant"],
        &[],
        infer_variant,
        prepare_variant,
    )
    .effect(),
    Operator::new(
        &["RaggedTensorFromVariant"],
        &[],
        infer_parts,
        prepare_parts,
    )
    .effect(),
    Operator::new(
        &["RaggedTensorToVariantGradient"],
        &[],
        |cx| cx.one(cx.out_dtype(0)?, Shape::UNKNOWN),
        prepare_gradient,
    )
    .effect(),
];

type Inputs = [Option<Arc<Tensor>>];

fn infer_variant(cx: &Context) -> Result<Vec<Fact>> {
    let shape = match cx.attr_bool("batched_input") {
        true => Shape(Some(vec![-1])),
        false => Shape::scalar(),
    };
    cx.one(DType::Variant, shape)
}

fn infer_parts(cx: &Context) -> Result<Vec<Fact>> {
    let values = cx.node.outputs.len().saturating_sub(1);
    let fact = |at| {
        let splits = Shape(Some(vec![-1]));
        let shape = if at < values { splits } else { Shape::UNKNOWN };
        Ok(Fact::new(cx.out_dtype(at)?, shape))
    };
    (0..=values).map(fact).collect()
}

fn prepare_variant(cx: &Context) -> Result<Prepared> {
    let batched = cx.attr_bool("batched_input");
    let levels = cx.node.inputs.len().saturating_sub(1);
    Prepared::effect(move |mut inputs, _| {
        let splits = rows(&inputs, levels)?;
        let whole = match batched {
            true => unbatched(&splits, &inputs, levels)?,
            false => {
                let values = state::take(&mut inputs, levels)?;
                let splits = inputs.into_iter().flatten();
                Tensor::list(TensorList::ragged(splits, values))
            }
        };
        Ok(vec![whole.into()])
    })
}

/// The row splits, outermost first, checked against one another and against the values behind them.
fn rows(inputs: &Inputs, levels: usize) -> Result<Vec<Vec<usize>>> {
    let values = state::tensor(inputs, levels)?;
    let mut below = match (values.shape(), levels) {
        ([], 1..) => return Err(Error::usage("row splits of a scalar")),
        (shape, _) => shape.first().copied(),
    };
    let mut all = Vec::with_capacity(levels);
    for at in (0..levels).rev() {
        let splits = state::tensor(inputs, at)?;
        if splits.rank() != 1 {
            let shape = splits.shape();
            return Err(Error::usage(format!("row splits of {shape:?}")));
        }
        let splits = checked(whole_numbers(&View::of(splits))?, below)?;
        below = Some(splits.len() - 1);
        all.push(splits);
    }
    all.reverse();
    Ok(all)
}

/// A variant for each row along the first axis.
fn unbatched(splits: &[Vec<usize>], inputs: &Inputs, levels: usize) -> Result<Tensor> {
    let values = state::tensor(inputs, levels)?;
    let Some((outer, inner)) = splits.split_first() else {
        let rows = crate::ops::lists::slices(values)?.into_iter();
        let rows = rows.map(|row| Arc::new(TensorList::ragged([], Arc::new(row))));
        return Tensor::from_lists(&values.shape()[..1], rows.collect());
    };
    let dtype = state::tensor(inputs, 0)?.dtype();
    let mut all = Vec::with_capacity(outer.len() - 1);
    for pair in outer.windows(2) {
        let (mut start, mut end) = (pair[0], pair[1]);
        let mut own = Vec::with_capacity(inner.len());
        for splits in inner {
            // Row splits of one row begin at 0 again.
            let first = splits[start];
            let ends = splits[start..=end].iter().map(|at| (at - first) as i64);
            let ends: Vec<i64> = ends.collect();
            own.push(Arc::new(numbers(dtype, &[ends.len()], &ends)));
            (start, end) = (first, splits[end]);
        }
        let mut extents: Vec<_> = values.shape().iter().map(|&size| (0, size)).collect();
        extents[0] = (start, end - start);
        let values = Arc::new(values.cut(&extents)?);
        all.push(Arc::new(TensorList::ragged(own, values)));
    }
    Tensor::from_lists(&[all.len()], all)
}

fn prepare_parts(cx: &Context) -> Result<Prepared> {
    let output_rank = cx.node.outputs.len().saturating_sub(1);
    let told = cx.attr_int("input_ragged_rank", -1);
    let (values, splits) = (
        cx.out_dtype(output_rank)?,
        cx.node.attrs.dtype("Tsplits").unwrap_or(DType::Int64),
    );
    Prepared::effect(move |inputs, _| {
        let encoded = state::tensor(&inputs, 0)?;
        let inferred = output_rank.checked_sub(encoded.rank());
        let own = if told < 0 {
            inferred
        } else {
            told.try_into().ok()
        };
        let own = own.filter(|own| own.checked_add(encoded.rank()) == Some(output_rank));
        let own = own.ok_or_else(|| {
            Error::usage(format!(
                "variants of {:?} make {output_rank} row splits, their own ({told}) included",
                encoded.shape()
            ))
        })?;
        let pieces = (encoded.lists().unwrap_or_default().iter())
            .map(|variant| Piece::of(variant, own, splits, values))
            .collect::<Result<Vec<_>>>()?;
        match (encoded.shape(), &pieces[..]) {
            ([], [piece]) => {
                let parts = piece.splits.iter().copied().chain([piece.values]);
                Ok(parts.cloned().collect())
            }
            ([], _) => Err(Error::unsupported("input 0 is no variant")),
            (sizes, pieces) => stacked(sizes, pieces, own, splits, values),
        }
    })
}

/// A ragged tensor that a variant holds.
struct Piece<'v> {
    splits: Vec<&'v Arc<Tensor>>,
    values: &'v Arc<Tensor>,
}

impl<'v> Piece<'v> {
    /// # Errors
    /// The variant holds something else, or one of other types or of another number of row splits.
    fn of(variant: &'v TensorList, levels: usize, splits: DType, dtype: DType) -> Result<Self> {
        let is_ragged = variant.kind == VariantKind::Ragged;
        let parts: Vec<&Arc<Tensor>> = variant.items.iter().flatten().collect();
        let Some((values, own)) = parts.split_last().filter(|_| is_ragged) else {
            return Err(Error::unsupported("a variant that holds no ragged tensor"));
        };
        let other = own.iter().map(|splits| splits.dtype());
        if values.dtype() != dtype || own.len() != levels || other.into_iter().any(|t| t != splits)
        {
            return Err(Error::usage(format!(
                "a ragged tensor of {} with {} row splits, expected {dtype} with {levels} of {splits}",
                values.dtype(),
                own.len()
            )));
        }
        Ok(Piece {
            splits: own.to_vec(),
            values,
        })
    }

    /// How many rows it has.
    fn len(&self) -> Result<usize> {
        match self.splits.first() {
            Some(splits) => Ok(splits.len().saturating_sub(1)),
            None => (self.values.shape().first().copied())
                .ok_or_else(|| Error::usage("scalars are rows of a ragged tensor")),
        }
    }
}

/// Ragged tensors along the axes `sizes` as one.
fn stacked(
    sizes: &[usize],
    pieces: &[Piece],
    own: usize,
    splits: DType,
    dtype: DType,
) -> Result<Vec<Arc<Tensor>>> {
    let mut out = Vec::new();
    let mut add = |ends: Vec<i64>| out.push(Arc::new(numbers(splits, &[ends.len()], &ends)));
    for pair in sizes.windows(2) {
        // TensorFlow's own: past the second axis they are of one row's sizes only.
        memory::ask("row splits", pair[0].saturating_mul(size_of::<i64>()))?;
        let ends = (0..=pair[0]).map(|at| at.wrapping_mul(pair[1]) as i64);
        add(ends.collect());
    }
    let mut ends = vec![0i64];
    for piece in pieces {
        ends.push(ends[ends.len() - 1] + piece.len()? as i64);
    }
    add(ends);
    for level in 0..own {
        let mut ends = vec![0i64];
        for piece in pieces {
            let before = ends[ends.len() - 1];
            let own = whole_numbers(&View::of(piece.splits[level]))?;
            ends.extend(own.iter().skip(1).map(|end| before + end));
        }
        add(ends);
    }
    let row = match pieces.first() {
        Some(piece) => piece.values.shape().get(1..).unwrap_or_default().to_vec(),
        None => Vec::new(),
    };
    out.push(Arc::new(joined(
        pieces.iter().map(|piece| piece.values),
        dtype,
        &row,
    )?));
    Ok(out)
}

/// Values one behind the other along their first axis.
fn joined<'t>(
    parts: impl Iterator<Item = &'t Arc<Tensor>> + Clone,
    dtype: DType,
    row: &[usize],
) -> Result<Tensor> {
    let mut count = 0;
    for part in parts.clone() {
        match part.shape().split_first() {
            Some((first, rest)) if rest == row => count += first,
            _ => {
                return Err(Error::usage(format!(
                    "values of {:?} behind rows of {row:?}",
                    part.shape()
                )));
            }
        }
    }
    let mut out = Tensor::zeros(dtype, &[&[count], row].concat())?;
    let mut start = vec![0; row.len() + 1];
    for part in parts {
        out.paste(part, &start)?;
        start[0] += part.shape()[0];
    }
    Ok(out)
}

/// Gradients by the values: those of each variant one behind the other, zeros for rows that nothing was made of.
fn prepare_gradient(cx: &Context) -> Result<Prepared> {
    let dtype = cx.out_dtype(0)?;
    Prepared::effect(move |inputs, _| {
        let encoded = state::tensor(&inputs, 0)?.lists().unwrap_or_default();
        let ends = whole_numbers(&View::of(state::tensor(&inputs, 1)?))?;
        let sizes = whole_numbers(&View::of(state::tensor(&inputs, 2)?))?;
        let sizes = sizes.iter().map(|&size| usize::try_from(size));
        let sizes = sizes.collect::<std::result::Result<Vec<usize>, _>>();
        let sizes = sizes.map_err(|_| Error::usage("values of a negative size"))?;
        let values = |variant: &TensorList| variant.items.last().cloned().flatten();
        if let [one] = encoded
            && let Some(values) = values(one)
        {
            return Ok(vec![values]);
        }
        let row = sizes.get(1..).unwrap_or_default();
        let mut parts = Vec::with_capacity(encoded.len());
        for (at, variant) in encoded.iter().enumerate() {
            parts.push(match values(variant) {
                Some(values) => values,
                None => {
                    let ends = ends.get(at).zip(ends.get(at + 1));
                    let rows = ends.and_then(|(from, to)| to.checked_sub(*from)?.try_into().ok());
                    let rows = rows.ok_or_else(|| Error::usage("row splits that fall"))?;
                    Arc::new(Tensor::zeros(dtype, &[&[rows], row].concat())?)
                }
            });
        }
        Ok(vec![Arc::new(joined(parts.iter(), dtype, row)?)])
    })
}

//! Sparse tensors as graphs hand them on in one tensor: indices, values and shape, each as a text or as a variant.

use std::sync::Arc;

use super::super::state;
use super::super::{Context, Fact, Operator, Prepared, View};
use super::{Indices, picked, whole};
use crate::error::{Error, Result};
use crate::format::saved_model::serialized;
use crate::memory;
use crate::model::{DType, Shape, Tensor, TensorList, VariantKind};

pub(in super::super) const OPERATORS: &[Operator] = &[
    Operator::new(
        &["SerializeSparse", "SerializeManySparse"],
        &[],
        infer_written,
        prepare_written,
    )
    .effect(),
    Operator::new(
        &["DeserializeSparse", "DeserializeManySparse"],
        &[],
        super::infer_declared,
        prepare_read,
    )
    .effect(),
];

/// Indices, values and shape.
type Parts = [Arc<Tensor>; 3];

fn infer_written(cx: &Context) -> Result<Vec<Fact>> {
    let dims = match &*cx.node.op {
        "SerializeSparse" => vec![3],
        _ => vec![-1, 3],
    };
    cx.one(cx.out_dtype(0)?, Shape(Some(dims)))
}

fn prepare_written(cx: &Context) -> Result<Prepared> {
    let (variants, many) = (cx.out_dtype(0)?, &*cx.node.op == "SerializeManySparse");
    let variants = match variants {
        DType::Variant => true,
        DType::String => false,
        other => return Err(cx.no_kernel(other)),
    };
    Prepared::effect(move |inputs, _| {
        let part = |at: usize, rank: usize| {
            let tensor = state::tensor(&inputs, at)?;
            match tensor.rank() == rank {
                true => Ok(tensor.clone()),
                false => Err(Error::usage(format!(
                    "input {at} of a sparse tensor of the shape {:?}",
                    tensor.shape()
                ))),
            }
        };
        let parts = [part(0, 2)?, part(1, 1)?, part(2, 1)?];
        let (shape, rows) = match many {
            false => (vec![3], vec![parts]),
            true => {
                let rows = apart(&parts)?;
                (vec![rows.len(), 3], rows)
            }
        };
        let parts = rows.iter().flatten();
        let written = match variants {
            true => {
                let boxed = parts.map(|part| Arc::new(TensorList::tensor(part.clone())));
                Tensor::from_lists(&shape, boxed.collect())?
            }
            false => {
                let texts = parts.map(|part| serialized::write_packed(part));
                Tensor::from_strings(&shape, texts.collect::<Result<_>>()?)
            }
        };
        Ok(vec![written.into()])
    })
}

/// A sparse tensor for each place along the first axis.
fn apart([indices, values, shape]: &Parts) -> Result<Vec<Parts>> {
    let indices = Indices::of(&View::of(indices))?;
    let dims = shape.values::<i64>().unwrap_or_default();
    let (Some((&count, row)), true) = (dims.split_first(), dims.len() > 1) else {
        return Err(Error::usage(format!(
            "a sparse tensor of the shape {dims:?} taken apart, expected two axes or more"
        )));
    };
    indices.check(dims, values.len())?;
    let mut pairs = (1..indices.count).map(|at| (indices.get(at - 1), indices.get(at)));
    if let Some((_, row)) = pairs.find(|(a, b)| a >= b) {
        return Err(Error::usage(format!(
            "the indices {row:?} are out of order; SparseReorder puts them in order"
        )));
    }
    let count = usize::try_from(count).map_err(|_| Error::usage(format!("{count} rows")))?;
    // What a row without elements takes as texts.
    const LEAST: usize = 3 * 64;
    memory::ask("the rows of a sparse tensor", count.saturating_mul(LEAST))?;
    let row = Arc::new(whole(row));
    let mut start = 0;
    let parts = (0..count).map(|at| {
        let own = (start..indices.count).take_while(|&i| indices.get(i)[0] == at as i64);
        let end = start + own.count();
        let places = (start..end).flat_map(|i| &indices.get(i)[1..]).copied();
        let places: Vec<i64> = places.collect();
        let places = Tensor::from_values(&[end - start, dims.len() - 1], &places);
        let values = picked(&View::of(values), start..end)?;
        start = end;
        Ok([Arc::new(places), Arc::new(values), row.clone()])
    });
    parts.collect()
}

fn prepare_read(cx: &Context) -> Result<Prepared> {
    let dtype = cx.out_dtype(1)?;
    Prepared::effect(move |inputs, _| {
        let input = state::tensor(&inputs, 0)?;
        let Some((3, batch)) = input.shape().split_last().map(|(n, rest)| (*n, rest)) else {
            return Err(Error::usage(format!(
                "sparse tensors in {:?}, expected 3 along the last axis",
                input.shape()
            )));
        };
        let all = unpacked(input)?;
        let all: Vec<Parts> = all
            .chunks_exact(3)
            .map(checked(dtype))
            .collect::<Result<_>>()?;
        match (&*all, batch) {
            ([], _) => Err(Error::usage("no sparse tensors, expected one or more")),
            ([one], []) => Ok(one.to_vec()),
            _ => Ok(together(&all, batch)?.map(Arc::new).to_vec()),
        }
    })
}

/// The tensors that texts or variants hold.
fn unpacked(input: &Tensor) -> Result<Vec<Arc<Tensor>>> {
    if let Some(texts) = input.strings() {
        let tensors = texts
            .iter()
            .map(|text| serialized::read(text).map(Arc::new));
        return tensors.collect();
    }
    let variants = input.lists().unwrap_or_default().iter();
    let tensors = variants.map(|variant| match (variant.kind, &*variant.items) {
        (VariantKind::Tensor, [Some(tensor)]) => Ok(tensor.clone()),
        _ => Err(Error::usage(
            "a variant that holds no tensor, expected parts of a sparse one",
        )),
    });
    tensors.collect()
}

/// The parts of a sparse tensor of `dtype`.
fn checked(dtype: DType) -> impl Fn(&[Arc<Tensor>]) -> Result<Parts> {
    move |parts| {
        let [indices, values, shape] = parts else {
            return Err(Error::usage("a sparse tensor without all its parts"));
        };
        let whole = |tensor: &Tensor| tensor.dtype() == DType::Int64;
        let fits = whole(indices) && whole(shape) && values.rank() == 1 && shape.rank() == 1;
        if !fits || indices.shape() != [values.len(), shape.len()] {
            return Err(Error::usage(format!(
                "indices {} {:?}, values {:?} and shape {} {:?} make no sparse tensor",
                indices.dtype(),
                indices.shape(),
                values.shape(),
                shape.dtype(),
                shape.shape()
            )));
        }
        match values.dtype() == dtype {
            true => Ok([indices.clone(), values.clone(), shape.clone()]),
            false => Err(Error::usage(format!(
                "a sparse tensor of {}, expected {dtype}",
                values.dtype()
            ))),
        }
    }
}

/// One sparse tensor of all, behind the axes `batch`; as large as the largest along each axis.
fn together(all: &[Parts], batch: &[usize]) -> Result<[Tensor; 3]> {
    let numbers = |tensor: &Tensor| tensor.values::<i64>().unwrap_or_default().to_vec();
    let mut sizes = numbers(&all[0][2]);
    let mut places = Vec::new();
    let mut values = super::Gathered::default();
    for (at, [indices, own, shape]) in all.iter().enumerate() {
        let shape = numbers(shape);
        if shape.len() != sizes.len() {
            return Err(Error::usage(format!(
                "sparse tensors of the shapes {sizes:?} and {shape:?}"
            )));
        }
        for (size, own) in sizes.iter_mut().zip(shape) {
            *size = own.max(*size);
        }
        let mut rest = at;
        let mut front: Vec<i64> = (batch.iter().rev())
            .map(|&size| {
                let place = rest % size;
                rest /= size;
                place as i64
            })
            .collect();
        front.reverse();
        let indices = numbers(indices);
        let (rows, own) = (super::Rows::of(&View::of(own))?, own.len());
        for row in 0..own {
            places.extend_from_slice(&front);
            places.extend_from_slice(&indices[row * sizes.len()..][..sizes.len()]);
            rows.push(row, own, &mut values);
        }
        values.rows += own;
    }
    let shape: Vec<i64> = batch.iter().map(|&size| size as i64).chain(sizes).collect();
    let count = values.rows;
    Ok([
        Tensor::from_values(&[count, shape.len()], &places),
        values.tensor(all[0][1].dtype(), &[count])?,
        whole(&shape),
    ])
}

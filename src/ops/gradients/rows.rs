//! Gradients of what picks rows and of sparse tensors. Computed in `f64` and rounded once.

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::model::{DType, Shape, Tensor};
use crate::ops::reals::{doubles, of_doubles};
use crate::ops::segment::{view, whole_numbers};
use crate::ops::sparse::Indices;
use crate::ops::{Context, Fact, Operator, Prepared};

pub const OPERATORS: &[Operator] = &[
    Operator::new(
        &[
            "SparseSegmentSumGrad",
            "SparseSegmentMeanGrad",
            "SparseSegmentSqrtNGrad",
            "SparseSegmentSumGradV2",
            "SparseSegmentMeanGradV2",
            "SparseSegmentSqrtNGradV2",
        ],
        &[],
        infer_picked,
        prepare_picked,
    ),
    Operator::new(
        &["SparseFillEmptyRowsGrad"],
        &[],
        infer_filled,
        prepare_filled,
    ),
    Operator::new(&["SparseAddGrad"], &[], infer_added, prepare_added),
    Operator::new(&["SparseSliceGrad"], &[], infer_cut, prepare_cut),
];

fn row(dtype: DType) -> Fact {
    Fact::new(dtype, Shape(Some(vec![-1])))
}

fn infer_picked(cx: &Context) -> Result<Vec<Fact>> {
    let dims = cx.shape(0)?.dims().map(|dims| {
        let mut dims = dims.to_vec();
        if let Some(first) = dims.first_mut() {
            *first = -1;
        }
        dims
    });
    let mut facts = vec![Fact::new(cx.dtype(0)?, Shape(dims))];
    if cx.node.op.ends_with("V2") {
        facts.push(Fact::new(cx.dtype(1)?, Shape(Some(vec![-1]))));
    }
    Ok(facts)
}

/// Inputs: gradients by segment, the rows that were picked, their segments, and how many rows there were. The second version
/// gives only the rows that were picked, in order, and which they are.
fn prepare_picked(cx: &Context) -> Result<Prepared> {
    let (op, dtype, index) = (cx.node.op.clone(), cx.dtype(0)?, cx.dtype(1)?);
    let short = op.ends_with("V2");
    Prepared::compute(move |inputs| {
        let gradients = view(inputs, 0)?;
        let picks = whole_numbers(&view(inputs, 1)?)?;
        let ids = whole_numbers(&view(inputs, 2)?)?;
        let told = whole_numbers(&view(inputs, 3)?)?
            .first()
            .copied()
            .unwrap_or(0);
        let count = usize::try_from(told).ok().filter(|n| *n <= 1 << 28);
        let (Some(count), Some((&segments, rest))) = (count, gradients.shape.split_first()) else {
            return Err(Error::usage(format!(
                "gradients of {:?} for {told} rows",
                gradients.shape
            )));
        };
        let inside = |value: i64, end: usize| usize::try_from(value).ok().filter(|v| *v < end);
        let pairs: Option<Vec<(usize, usize)>> = picks
            .iter()
            .zip(&ids)
            .map(|(&pick, &id)| inside(pick, count).zip(inside(id, segments)))
            .collect();
        let pairs = pairs.filter(|pairs| pairs.len() == ids.len() && picks.len() == ids.len());
        let pairs = pairs.ok_or_else(|| {
            Error::usage(format!(
                "rows {picks:?} of {count} for segments {ids:?} of {segments}"
            ))
        })?;
        let mut members = vec![0.0f64; segments];
        pairs.iter().for_each(|&(_, id)| members[id] += 1.0);
        let mut rows: Vec<usize> = match short {
            true => pairs.iter().map(|&(pick, _)| pick).collect(),
            false => (0..count).collect(),
        };
        rows.sort_unstable();
        rows.dedup();
        let width: usize = rest.iter().product();
        let shape = [&[rows.len()], rest].concat();
        let (values, mut sums) = (doubles(&gradients)?, Tensor::zeros(DType::Float64, &shape)?);
        let out = sums.values_mut::<f64>().unwrap_or_default();
        for (pick, id) in pairs {
            let share = match () {
                () if op.contains("Mean") => members[id],
                () if op.contains("SqrtN") => members[id].sqrt(),
                () => 1.0,
            };
            let at = rows.binary_search(&pick).unwrap_or_default();
            let to = out[at * width..][..width].iter_mut();
            to.zip(&values[id * width..][..width])
                .for_each(|(sum, v)| *sum += v / share);
        }
        let sums = sums.values::<f64>().unwrap_or_default();
        let mut tensors = vec![of_doubles(dtype, &shape, sums)?];
        if short {
            let rows: Vec<f64> = rows.iter().map(|&row| row as f64).collect();
            tensors.push(of_doubles(index, &[rows.len()], &rows)?);
        }
        Ok(tensors)
    })
}

fn infer_filled(cx: &Context) -> Result<Vec<Fact>> {
    let dtype = cx.dtype(1)?;
    let values = Fact::new(dtype, cx.shape(0)?.clone());
    Ok(vec![values, Fact::new(dtype, Shape::scalar())])
}

/// Inputs: where each value went, and gradients; what no value went to had the default.
fn prepare_filled(cx: &Context) -> Result<Prepared> {
    let dtype = cx.dtype(1)?;
    Prepared::compute(move |inputs| {
        let places = whole_numbers(&view(inputs, 0)?)?;
        let mut gradients: Vec<_> = doubles(&view(inputs, 1)?)?.into_iter().map(Some).collect();
        let values = doubles(&view(inputs, 1)?)?;
        let mut own = Vec::with_capacity(places.len());
        for place in places {
            let at = usize::try_from(place).ok().filter(|at| *at < values.len());
            let at =
                at.ok_or_else(|| Error::usage(format!("place {place} of {}", values.len())))?;
            own.push(values[at]);
            gradients[at] = None;
        }
        let rest: f64 = gradients.into_iter().flatten().sum();
        Ok(vec![
            of_doubles(dtype, &[own.len()], &own)?,
            of_doubles(dtype, &[], &[rest])?,
        ])
    })
}

fn infer_added(cx: &Context) -> Result<Vec<Fact>> {
    Ok(vec![row(cx.dtype(0)?), row(cx.dtype(0)?)])
}

/// Gradients by where they are; 0 where there is none.
fn at_places(places: &Indices, gradients: &HashMap<Vec<i64>, f64>, shift: &[i64]) -> Vec<f64> {
    let shifted = |at: &[i64]| -> Vec<i64> {
        let shift = shift.iter().chain(std::iter::repeat(&0));
        at.iter()
            .zip(shift)
            .map(|(at, by)| at.wrapping_sub(*by))
            .collect()
    };
    let found = places.rows().map(|at| gradients.get(&shifted(at)).copied());
    found.map(Option::unwrap_or_default).collect()
}

fn by_place(places: &Indices, gradients: Vec<f64>) -> Result<HashMap<Vec<i64>, f64>> {
    let count = places.rows().count();
    if count != gradients.len() {
        return Err(Error::usage(format!(
            "{} gradients for {count} places",
            gradients.len()
        )));
    }
    Ok(places.rows().map(<[i64]>::to_vec).zip(gradients).collect())
}

/// Inputs: gradients, places of both terms, places of the sum.
fn prepare_added(cx: &Context) -> Result<Prepared> {
    let dtype = cx.dtype(0)?;
    Prepared::compute(move |inputs| {
        let sum = Indices::of(&view(inputs, 3)?)?;
        let gradients = by_place(&sum, doubles(&view(inputs, 0)?)?)?;
        let term = |at: usize| -> Result<Tensor> {
            let own = at_places(&Indices::of(&view(inputs, at)?)?, &gradients, &[]);
            of_doubles(dtype, &[own.len()], &own)
        };
        Ok(vec![term(1)?, term(2)?])
    })
}

fn infer_cut(cx: &Context) -> Result<Vec<Fact>> {
    Ok(vec![row(cx.dtype(0)?)])
}

/// Inputs: gradients, places before the cut, where the cut began, places in it.
fn prepare_cut(cx: &Context) -> Result<Prepared> {
    let dtype = cx.dtype(0)?;
    Prepared::compute(move |inputs| {
        let inner = Indices::of(&view(inputs, 3)?)?;
        let gradients = by_place(&inner, doubles(&view(inputs, 0)?)?)?;
        let start = whole_numbers(&view(inputs, 2)?)?;
        let own = at_places(&Indices::of(&view(inputs, 1)?)?, &gradients, &start);
        Ok(vec![of_doubles(dtype, &[own.len()], &own)?])
    })
}

//! Rows looked up by key, or by index and combined with weights.

use super::movement::element_size;
use super::segment::whole_numbers;
use super::{Context, Fact, Operator, Picks, Prepared, View};
use crate::error::{Error, Result};
use crate::kernels::movement::gather::index;
use crate::model::{DType, Shape, Tensor};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(&[], &["HASHTABLE_LOOKUP"], infer_keyed, prepare_keyed),
    Operator::new(
        &[],
        &["EMBEDDING_LOOKUP_SPARSE"],
        infer_combined,
        prepare_combined,
    )
    .picking(Picks::rows(4, 0)),
];

/// Rows of the values, one for each wanted key, and whether it was there.
fn infer_keyed(cx: &Context) -> Result<Vec<Fact>> {
    let (Some(keys), Some(values)) = (cx.shape(0)?.dims(), cx.shape(2)?.dims()) else {
        return Ok(vec![
            Fact::new(cx.dtype(2)?, Shape::UNKNOWN),
            Fact::new(DType::UInt8, cx.shape(0)?.clone()),
        ]);
    };
    let (&[count], [_, row @ ..]) = (keys, values) else {
        return Err(cx.wrong(format!(
            "keys of {} in rows of {}",
            cx.shape(0)?,
            cx.shape(2)?
        )));
    };
    let rows = Shape(Some([&[count], row].concat()));
    Ok(vec![
        Fact::new(cx.dtype(2)?, rows),
        Fact::new(DType::UInt8, cx.shape(0)?.clone()),
    ])
}

/// Keys are int32 in rising order; what is not there gives zeros.
fn prepare_keyed(cx: &Context) -> Result<Prepared> {
    let (size, keys, values) = (element_size(cx, 2)?, cx.sizes(1)?, cx.sizes(2)?);
    if keys.len() != 1 || values.first() != keys.first() {
        return Err(cx.wrong(format!("keys of {keys:?} for values of {values:?}")));
    }
    let width = values[1..].iter().product::<usize>() * size;
    Prepared::function(move |io| {
        let (wanted, keys) = (io.input::<i32>(0)?, io.input::<i32>(1)?);
        let rows = io.view(2)?.bytes();
        let (out, hits) = (io.output_bytes(0)?, io.output::<u8>(1)?);
        for (at, (key, hit)) in wanted.iter().zip(hits).enumerate() {
            let found = keys.binary_search(key).ok();
            *hit = u8::from(found.is_some());
            let out = &mut out[at * width..][..width];
            match found {
                Some(row) => out.copy_from_slice(&rows[row * width..][..width]),
                None => out.fill(0),
            }
        }
        Ok(())
    })
}

/// Ids `[n]`, their places `[n, rank]`, the sizes of all places `[rank]`, weights `[n]`, table `[rows, ..]`: the last
/// axis of the places is combined. Float.
fn infer_combined(cx: &Context) -> Result<Vec<Fact>> {
    let dtype = cx.dtype(4)?;
    let Some([_, row @ ..]) = cx.shape(4)?.dims() else {
        return cx.one(dtype, Shape::UNKNOWN);
    };
    let outer = match (cx.ints(2)?, cx.shape(2)?.elements()) {
        (Some(mut sizes), _) => {
            sizes.pop();
            sizes
        }
        (None, Some(rank @ 1..=16)) => vec![-1; rank - 1],
        _ => return cx.one(dtype, Shape::UNKNOWN),
    };
    if outer.iter().any(|&size| !(-1..1 << 31).contains(&size)) {
        return Err(cx.wrong(format!("places of sizes {outer:?}")));
    }
    cx.one(dtype, Shape(Some([&outer, row].concat())))
}

/// How the rows of one place become one.
#[derive(Debug, Clone, Copy)]
enum Combine {
    Sum,
    /// Over the sum of the weights.
    Mean,
    /// Over the root of the sum of their squares.
    SqrtN,
}

fn prepare_combined(cx: &Context) -> Result<Prepared> {
    let combine = match cx.attr_int("combiner", 0) {
        0 => Combine::Sum,
        1 => Combine::Mean,
        2 => Combine::SqrtN,
        other => return Err(cx.wrong(format!("the combiner {other}"))),
    };
    if (cx.dtype(3)?, cx.dtype(4)?) != (DType::Float32, DType::Float32) {
        return Err(cx.no_kernel(cx.dtype(4)?));
    }
    Prepared::compute(move |inputs| {
        let view = |at: usize| {
            let view = inputs.get(at).copied().flatten();
            view.ok_or_else(|| Error::unsupported(format!("input {at} is missing")))
        };
        combined(combine, [view(0)?, view(1)?, view(2)?, view(3)?, view(4)?])
    })
}

fn combined(
    combine: Combine,
    [ids, places, sizes, weights, table]: [View; 5],
) -> Result<Vec<Tensor>> {
    let sizes = whole_numbers(&sizes)?;
    let sizes: Vec<usize> = sizes
        .iter()
        .map(|&size| usize::try_from(size).unwrap_or(0))
        .collect();
    let (Some((_, outer)), Some((&rows, row))) = (sizes.split_last(), table.shape.split_first())
    else {
        return Err(Error::usage("no places, or a table without rows"));
    };
    let (ids, places) = (whole_numbers(&ids)?, whole_numbers(&places)?);
    let (weights, table) = (weights.values::<f32>()?, table.values::<f32>()?);
    if weights.len() != ids.len() || places.len() != ids.len() * sizes.len() {
        return Err(Error::usage(format!(
            "{} ids, {} weights, {} numbers for {} of each place",
            ids.len(),
            weights.len(),
            places.len(),
            sizes.len()
        )));
    }
    let width: usize = row.iter().product();
    let mut out = Tensor::zeros(DType::Float32, &[outer, row].concat())?;
    let buckets: usize = outer.iter().product();
    let mut totals = vec![(0f32, 0f32); buckets];
    let values = out.values_mut::<f32>().unwrap_or_default();
    for (at, (&id, place)) in ids.iter().zip(places.chunks_exact(sizes.len())).enumerate() {
        let pick = index(id, rows, at)?;
        let mut bucket = 0;
        for (&place, &size) in place.iter().zip(outer) {
            bucket = bucket * size + index(place, size, at)?;
        }
        let weight = weights[at];
        totals[bucket].0 += weight;
        totals[bucket].1 += weight * weight;
        let row = &table[pick * width..][..width];
        for (out, value) in values[bucket * width..][..width].iter_mut().zip(row) {
            *out += value * weight;
        }
    }
    for (out, (sum, squares)) in values.chunks_exact_mut(width.max(1)).zip(totals) {
        let factor = match combine {
            Combine::Sum => continue,
            _ if squares == 0.0 => continue,
            Combine::Mean => 1.0 / sum,
            Combine::SqrtN => 1.0 / squares.sqrt(),
        };
        for out in out {
            *out *= factor;
        }
    }
    Ok(vec![out])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_weighed_by_place() {
        let ints = |shape: &[usize], values: &[i32]| Tensor::from_values(shape, values);
        let (ids, places) = (ints(&[3], &[1, 0, 1]), ints(&[3, 2], &[0, 0, 2, 0, 2, 1]));
        let (sizes, weights) = (
            ints(&[2], &[3, 2]),
            Tensor::from_values(&[3], &[2f32, 1.0, 3.0]),
        );
        let table = Tensor::from_values(&[2, 1], &[4f32, 8.0]);
        let views = [&ids, &places, &sizes, &weights, &table].map(View::of);
        let of = |combine| {
            combined(combine, views).unwrap()[0]
                .values::<f32>()
                .unwrap()
                .to_vec()
        };
        assert_eq!(of(Combine::Sum), [16.0, 0.0, 28.0]);
        assert_eq!(of(Combine::Mean), [8.0, 0.0, 7.0]);
        assert_eq!(of(Combine::SqrtN), [8.0, 0.0, 28.0 / 10f32.sqrt()]);
    }
}

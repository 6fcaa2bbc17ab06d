//! Places in tensors as numbers: where parts of a whole begin, which axis is where, rows written over.

use super::scatter::{Gathered, Rows};
use super::segment::{view, whole_numbers};
use super::tokens::numbers;
use super::types::with_ring;
use super::{Context, Fact, Operator, Prepared};
use crate::error::{Error, Result};
use crate::kernels::elementwise::ring::Ring;
use crate::memory;
use crate::model::shape::element_count;
use crate::model::{Shape, Tensor};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(&["ConcatOffset"], &[], infer_offsets, prepare_offsets),
    Operator::new(&["UnravelIndex"], &[], infer_unravelled, prepare_unravelled),
    Operator::new(&["DataFormatDimMap"], &[], infer_same, prepare_axes),
    Operator::new(&["DataFormatVecPermute"], &[], infer_same, prepare_turned),
    Operator::new(
        &["InplaceUpdate", "InplaceAdd", "InplaceSub"],
        &[],
        infer_same,
        prepare_rows,
    ),
    Operator::new(&["Empty"], &[], infer_empty, prepare_empty),
];

fn infer_same(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.dtype(0)?, cx.shape(0)?.clone())
}

fn infer_offsets(cx: &Context) -> Result<Vec<Fact>> {
    let shapes = 1..cx.node.inputs.len();
    shapes
        .map(|at| Ok(Fact::new(cx.dtype(at)?, cx.shape(at)?.clone())))
        .collect()
}

/// Where each of several shapes begins in their whole along an axis.
fn prepare_offsets(cx: &Context) -> Result<Prepared> {
    let dtypes = (1..cx.node.inputs.len()).map(|at| cx.dtype(at));
    let dtypes = dtypes.collect::<Result<Vec<_>>>()?;
    Prepared::compute(move |inputs| {
        let axis = whole_numbers(&view(inputs, 0)?)?.first().copied();
        let first = whole_numbers(&view(inputs, 1)?)?;
        let rank = first.len();
        let told = axis.unwrap_or(0);
        let axis = if told < 0 {
            told.checked_add(rank as i64)
        } else {
            Some(told)
        };
        let axis = axis.and_then(|axis| usize::try_from(axis).ok());
        let axis = axis.filter(|&axis| axis < rank);
        let axis = axis.ok_or_else(|| Error::usage(format!("axis {told} of {rank}")))?;
        let mut end = 0i64;
        let mut out = Vec::with_capacity(dtypes.len());
        for (at, &dtype) in dtypes.iter().enumerate() {
            let shape = whole_numbers(&view(inputs, 1 + at)?)?;
            let fits = |(i, pair): (usize, (&i64, &i64))| i == axis || pair.0 == pair.1;
            if shape.len() != rank || !shape.iter().zip(&first).enumerate().all(fits) {
                return Err(Error::usage(format!(
                    "{shape:?} beside {first:?}, expected others along axis {axis} only"
                )));
            }
            let mut start = vec![0; rank];
            start[axis] = end;
            out.push(numbers(dtype, &[rank], &start));
            end = end.wrapping_add(shape[axis]);
        }
        Ok(out)
    })
}

fn infer_unravelled(cx: &Context) -> Result<Vec<Fact>> {
    let rows = cx.shape(1)?.dims().and_then(|dims| dims.first().copied());
    let dims = cx.shape(0)?.dims().zip(rows);
    let dims = dims.map(|(own, rows)| [&[rows], own].concat());
    cx.one(cx.dtype(0)?, Shape(dims))
}

/// The coordinates of elements counted row by row, a row per axis.
fn prepare_unravelled(cx: &Context) -> Result<Prepared> {
    let dtype = cx.dtype(0)?;
    Prepared::compute(move |inputs| {
        let (places, sizes) = (view(inputs, 0)?, view(inputs, 1)?);
        if places.shape.len() > 1 || sizes.shape.len() != 1 {
            return Err(Error::usage(format!(
                "places of {:?} in sizes of {:?}, expected one or a row of them in a row",
                places.shape, sizes.shape
            )));
        }
        let sizes = whole_numbers(&sizes)?;
        let own = sizes.iter().map(|&size| usize::try_from(size));
        let own = own.collect::<std::result::Result<Vec<_>, _>>().ok();
        let count = own.as_deref().and_then(element_count).unwrap_or(0);
        let places_read = whole_numbers(&places)?;
        let total = places_read.len();
        let bytes = total
            .saturating_mul(sizes.len())
            .saturating_mul(size_of::<i64>());
        memory::ask("coordinates", bytes)?;
        let mut out = vec![0i64; total * sizes.len()];
        for (column, &place) in places_read.iter().enumerate() {
            if usize::try_from(place)
                .ok()
                .is_none_or(|place| place >= count)
            {
                return Err(Error::usage(format!("place {place} in {sizes:?}")));
            }
            let mut left = place;
            for (axis, &size) in sizes.iter().enumerate().rev() {
                out[axis * total + column] = left % size;
                left /= size;
            }
        }
        let shape = [&[sizes.len()], places.shape].concat();
        Ok(vec![numbers(dtype, &shape, &out)])
    })
}

/// For each axis of the first format its letter, and of the second.
fn formats(cx: &Context) -> [Vec<u8>; 2] {
    let of = |name: &str, usual: &str| {
        let told = cx.node.attrs.text(name).unwrap_or(usual);
        told.as_bytes().to_vec()
    };
    [of("src_format", "NHWC"), of("dst_format", "NCHW")]
}

fn unlike(cx: &Context, [from, to]: &[Vec<u8>; 2]) -> Error {
    let [from, to] = [from, to].map(|format| String::from_utf8_lossy(format).into_owned());
    cx.wrong(format!(
        "the formats {from} and {to}, expected the same letters"
    ))
}

/// Numbers of axes in one format to those in another.
fn prepare_axes(cx: &Context) -> Result<Prepared> {
    let formats = formats(cx);
    let [from, to] = &formats;
    let map = from
        .iter()
        .map(|letter| to.iter().position(|other| other == letter));
    let map = map.collect::<Option<Vec<_>>>();
    let map = map.filter(|map| map.len() == to.len());
    let map = map.ok_or_else(|| unlike(cx, &formats))?;
    let dtype = cx.dtype(0)?;
    Prepared::compute(move |inputs| {
        let x = view(inputs, 0)?;
        let rank = map.len() as i64;
        let moved = whole_numbers(&x)?.into_iter().map(|axis| {
            let own = if axis < 0 {
                axis.wrapping_add(rank)
            } else {
                axis
            };
            let at = usize::try_from(own).ok().and_then(|own| map.get(own));
            at.map(|&at| at as i64)
                .ok_or_else(|| Error::usage(format!("axis {axis} of {rank}")))
        });
        let moved = moved.collect::<Result<Vec<_>>>()?;
        Ok(vec![numbers(dtype, x.shape, &moved)])
    })
}

/// A row for each axis of one format (or for each axis of space) in the order of another.
fn prepare_turned(cx: &Context) -> Result<Prepared> {
    let formats = formats(cx);
    let order = |formats: &[Vec<u8>; 2]| {
        let [from, to] = formats;
        let order = to
            .iter()
            .map(|letter| from.iter().position(|other| other == letter));
        let order = order.collect::<Option<Vec<usize>>>();
        order.filter(|order| order.len() == from.len())
    };
    let space = formats.clone().map(|format| {
        let letters = format.into_iter();
        letters
            .filter(|letter| !matches!(letter, b'N' | b'C'))
            .collect()
    });
    let orders = [order(&formats), order(&space)];
    let [Some(whole), Some(space)] = orders else {
        return Err(unlike(cx, &formats));
    };
    let dtype = cx.dtype(0)?;
    Prepared::compute(move |inputs| {
        let x = view(inputs, 0)?;
        let rows = x.shape.first().copied();
        let order = [&whole, &space]
            .into_iter()
            .find(|order| Some(order.len()) == rows);
        let (Some(order), 1 | 2) = (order, x.shape.len()) else {
            return Err(Error::usage(format!(
                "a row for each axis in {:?}, expected {} or {} of them",
                x.shape,
                whole.len(),
                space.len()
            )));
        };
        let values = whole_numbers(&x)?;
        let width = values.len() / order.len().max(1);
        let rows = order
            .iter()
            .flat_map(|&row| &values[row * width..][..width]);
        let turned: Vec<i64> = rows.copied().collect();
        Ok(vec![numbers(dtype, x.shape, &turned)])
    })
}

/// Rows put in the place of others, added to them or taken from them, one after the other.
fn prepare_rows(cx: &Context) -> Result<Prepared> {
    let (dtype, op) = (cx.dtype(0)?, cx.node.op.clone());
    Prepared::compute(move |inputs| {
        let (x, rows, v) = (view(inputs, 0)?, view(inputs, 1)?, view(inputs, 2)?);
        let rows = whole_numbers(&rows)?;
        let (Some((&count, row)), Some((&new, own))) =
            (x.shape.split_first(), v.shape.split_first())
        else {
            return Err(Error::usage("rows of a scalar"));
        };
        if row != own || rows.len() != new || (count == 0 && new > 0) {
            return Err(Error::usage(format!(
                "rows of {:?} at {} places of {:?}",
                v.shape,
                rows.len(),
                x.shape
            )));
        }
        // TensorFlow counts on from the end, and around.
        let places = rows
            .iter()
            .map(|&at| at.rem_euclid(count.max(1) as i64) as usize);
        if &*op == "InplaceUpdate" {
            let mut from: Vec<(bool, usize)> = (0..count).map(|at| (false, at)).collect();
            places
                .enumerate()
                .for_each(|(at, place)| from[place] = (true, at));
            let (old, new_rows) = (Rows::of(&x)?, Rows::of(&v)?);
            let mut out = Gathered::default();
            for (is_new, at) in from {
                match is_new {
                    true => new_rows.push(at, new, &mut out),
                    false => old.push(at, count, &mut out),
                }
            }
            return Ok(vec![out.tensor(dtype, x.shape)?]);
        }
        with_ring!(dtype, T => {
            let mut out = x.values::<T>()?.to_vec();
            let v = v.values::<T>()?;
            let width = out.len().checked_div(count).unwrap_or(0);
            for (at, place) in places.enumerate() {
                let row = out[place * width..].iter_mut();
                for (out, &v) in row.zip(&v[at * width..][..width]) {
                    *out = if &*op == "InplaceAdd" { out.plus(v) } else { out.minus(v) };
                }
            }
            Ok(vec![Tensor::from_values(x.shape, &out)])
        }, else Err(Error::unsupported(format!("no kernel for {dtype}"))))
    })
}

fn infer_empty(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.out_dtype(0)?, super::movement::told_shape(cx, 0)?)
}

/// TensorFlow's holds anything; this one zeros.
fn prepare_empty(cx: &Context) -> Result<Prepared> {
    let dtype = cx.out_dtype(0)?;
    Prepared::compute(move |inputs| {
        let told = whole_numbers(&view(inputs, 0)?)?;
        let sizes = told.iter().map(|&size| usize::try_from(size));
        let sizes = sizes.collect::<std::result::Result<Vec<_>, _>>();
        let sizes = sizes.map_err(|_| Error::usage(format!("the sizes {told:?}")))?;
        Ok(vec![Tensor::zeros(dtype, &sizes)?])
    })
}

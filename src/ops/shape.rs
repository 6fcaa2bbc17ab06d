//! Operators on shapes: what they give is known before anything runs, or costs nothing.

use super::{Context, Fact, HandsOn, Operator, Prepared};
use crate::error::Result;
use crate::model::{DType, Shape, Tensor, shape::element_count};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(&["Reshape"], &["RESHAPE"], reshape, |_| {
        Ok(Prepared::Alias(0))
    })
    .handing_on(HandsOn::Inputs(&[0])),
    Operator::new(&["Squeeze"], &["SQUEEZE"], squeeze, |_| {
        Ok(Prepared::Alias(0))
    })
    .handing_on(HandsOn::Inputs(&[0])),
    Operator::new(&["ExpandDims"], &["EXPAND_DIMS"], expand_dims, |_| {
        Ok(Prepared::Alias(0))
    })
    .handing_on(HandsOn::Inputs(&[0])),
    Operator::new(&["Shape"], &["SHAPE"], shape, run_shape),
    Operator::new(&["ShapeN"], &[], shape_n, run_shape),
    Operator::new(&["Size"], &[], size, run_shape),
    Operator::new(&["Rank"], &["RANK"], rank, run_shape),
];

/// `wanted` with its one -1 filled in so that `count` elements fit.
fn fill_in(cx: &Context, wanted: &[i64], from: &Shape) -> Result<Shape> {
    let count = from.elements();
    let mut dims = wanted.to_vec();
    let unknown: Vec<usize> = (0..dims.len()).filter(|&i| dims[i] == -1).collect();
    if unknown.len() > 1 || dims.iter().any(|&d| d < -1) {
        return Err(cx.wrong(format!("{dims:?} is no shape to reshape to")));
    }
    let known: Vec<usize> = dims
        .iter()
        .filter(|d| **d >= 0)
        .map(|d| *d as usize)
        .collect();
    let known = element_count(&known);
    let misfit = || cx.wrong(format!("{from} can't be reshaped to {wanted:?}"));
    match (unknown.first(), count) {
        (Some(&at), Some(count)) => {
            let known = known.ok_or_else(misfit)?;
            dims[at] = match known {
                // Both sides are empty: their other sizes decide.
                0 if count == 0 => beside_zeros(from, wanted),
                0 => return Err(misfit()),
                n if count.is_multiple_of(n) => (count / n) as i64,
                _ => return Err(misfit()),
            };
        }
        (None, Some(count)) if known != Some(count) => return Err(misfit()),
        _ => {}
    }
    Ok(Shape(Some(dims)))
}

/// The size that makes the products of all sizes but zeros equal; 0 where none does.
fn beside_zeros(from: &Shape, wanted: &[i64]) -> i64 {
    let product = |dims: &[i64]| {
        let others = dims.iter().filter(|d| **d > 0);
        others.fold(1i64, |n, &d| n.saturating_mul(d))
    };
    let (have, given) = (product(from.dims().unwrap_or_default()), product(wanted));
    if have % given == 0 { have / given } else { 0 }
}

fn reshape(cx: &Context) -> Result<Vec<Fact>> {
    let input = cx.input(0)?;
    let mut wanted = cx.ints(1)?;
    if wanted.is_none() && cx.tflite() && !cx.has(1) {
        wanted = cx.node.attrs.ints("new_shape");
    }
    // Very old files write "no shape" as one zero for a scalar.
    if cx.tflite() && wanted.as_deref() == Some(&[0]) && input.shape.elements() == Some(1) {
        wanted = Some(Vec::new());
    }
    let shape = match wanted {
        Some(wanted) => fill_in(cx, &wanted, &input.shape)?,
        None => match cx.shape(1).ok().and_then(|s| s.fixed()).as_deref() {
            Some([rank]) if *rank <= 64 => Shape(Some(vec![-1; *rank])),
            _ => Shape::UNKNOWN,
        },
    };
    cx.one(input.dtype, shape)
}

fn squeeze(cx: &Context) -> Result<Vec<Fact>> {
    let input = cx.input(0)?;
    let Some(dims) = input.shape.dims() else {
        return cx.one(input.dtype, Shape::UNKNOWN);
    };
    let axes = cx.node.attrs.ints("squeeze_dims").unwrap_or_default();
    let mut dropped = vec![false; dims.len()];
    for axis in axes.iter() {
        let axis = cx.axis(*axis, dims.len())?;
        if dims[axis] > 1 || dims[axis] == 0 {
            return Err(cx.wrong(format!(
                "axis {axis} of {} has more than one element",
                input.shape
            )));
        }
        dropped[axis] = true;
    }
    if axes.is_empty() {
        if dims.contains(&-1) {
            return cx.one(input.dtype, Shape::UNKNOWN);
        }
        dropped = dims.iter().map(|&d| d == 1).collect();
    }
    let kept = dims
        .iter()
        .zip(&dropped)
        .filter(|(_, d)| !**d)
        .map(|(d, _)| *d)
        .collect();
    cx.one(input.dtype, Shape(Some(kept)))
}

fn expand_dims(cx: &Context) -> Result<Vec<Fact>> {
    let input = cx.input(0)?;
    let shape = match (input.shape.dims(), cx.int(1)?) {
        (Some(dims), Some(axis)) => {
            let axis = cx.axis(axis, dims.len() + 1)?;
            let mut dims = dims.to_vec();
            dims.insert(axis, 1);
            Shape(Some(dims))
        }
        (Some(dims), None) => Shape(Some(vec![-1; dims.len() + 1])),
        _ => Shape::UNKNOWN,
    };
    cx.one(input.dtype, shape)
}

fn integers(cx: &Context, output: usize, sizes: &[usize], values: &[usize]) -> Result<Tensor> {
    let dtype = match cx.node.attrs.dtype("out_type") {
        Some(dtype) => dtype,
        None => cx.out_dtype(output).unwrap_or(DType::Int32),
    };
    let too_big = |_| cx.wrong("a size that int32 can't hold");
    Ok(match dtype {
        DType::Int64 => {
            let values: Vec<i64> = values.iter().map(|&v| v as i64).collect();
            Tensor::from_values(sizes, &values)
        }
        _ => {
            let values = values.iter().map(|&v| i32::try_from(v));
            Tensor::from_values(
                sizes,
                &values.collect::<Result<Vec<_>, _>>().map_err(too_big)?,
            )
        }
    })
}

fn integer_type(cx: &Context) -> DType {
    cx.node
        .attrs
        .dtype("out_type")
        .or(cx.out_dtype(0).ok())
        .unwrap_or(DType::Int32)
}

fn shape(cx: &Context) -> Result<Vec<Fact>> {
    match (cx.shape(0)?.fixed(), cx.shape(0)?.rank()) {
        (Some(sizes), _) => cx.known(integers(cx, 0, &[sizes.len()], &sizes)?),
        (None, Some(rank)) => cx.one(integer_type(cx), Shape::of(&[rank])),
        (None, None) => cx.one(integer_type(cx), Shape(Some(vec![-1]))),
    }
}

fn shape_n(cx: &Context) -> Result<Vec<Fact>> {
    let mut facts = Vec::new();
    for at in 0..cx.node.inputs.len() {
        facts.extend(match cx.shape(at)?.fixed() {
            Some(sizes) => cx.known(integers(cx, at, &[sizes.len()], &sizes)?)?,
            None => cx.one(integer_type(cx), Shape(Some(vec![-1])))?,
        });
    }
    Ok(facts)
}

fn size(cx: &Context) -> Result<Vec<Fact>> {
    match cx.shape(0)?.elements() {
        Some(count) => cx.known(integers(cx, 0, &[], &[count])?),
        None => cx.one(integer_type(cx), Shape::scalar()),
    }
}

fn rank(cx: &Context) -> Result<Vec<Fact>> {
    match cx.shape(0)?.rank() {
        Some(rank) => cx.known(integers(cx, 0, &[], &[rank])?),
        None => cx.one(DType::Int32, Shape::scalar()),
    }
}

/// With known input sizes the answer was inferred; there is nothing left to run.
fn run_shape(cx: &Context) -> Result<Prepared> {
    Err(cx.wrong("the sizes of its input are not known"))
}

//! Eigenvalues and eigenvectors of square matrices of any kind. Leading axes are batches.

use crate::error::{Error, Result};
use crate::kernels::linalg::eigen::{Complex, Found, NotFound, Real, eigen, real_eigen};
use crate::model::{DType, Element, Shape, Tensor};
use crate::ops::segment::view;
use crate::ops::{Context, Fact, Operator, Prepared, View};

pub const OPERATORS: &[Operator] = &[Operator::new(&["Eig"], &[], infer, prepare)];

fn has_vectors(cx: &Context) -> bool {
    cx.node.attrs.bool("compute_v").unwrap_or(true)
}

fn infer(cx: &Context) -> Result<Vec<Fact>> {
    let shape = cx.shape(0)?.clone();
    let rows = shape.dims().and_then(|dims| dims.split_last());
    let rows = Shape(rows.map(|(_, rows)| rows.to_vec()));
    let vectors = match has_vectors(cx) {
        true => shape,
        false => Shape(Some(vec![0])),
    };
    Ok(vec![
        Fact::new(cx.out_dtype(0)?, rows),
        Fact::new(cx.out_dtype(1)?, vectors),
    ])
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let vectors = has_vectors(cx);
    match (cx.dtype(0)?, cx.out_dtype(0)?) {
        (DType::Float32, DType::Complex64) => {
            Prepared::compute(move |i| of::<f32, f32>(&view(i, 0)?, vectors, real_eigen))
        }
        (DType::Float64, DType::Complex128) => {
            Prepared::compute(move |i| of::<f64, f64>(&view(i, 0)?, vectors, real_eigen))
        }
        (DType::Complex64, DType::Complex64) => {
            Prepared::compute(move |i| of::<[f32; 2], f32>(&view(i, 0)?, vectors, complex))
        }
        (DType::Complex128, DType::Complex128) => {
            Prepared::compute(move |i| of::<[f64; 2], f64>(&view(i, 0)?, vectors, complex))
        }
        (dtype, out) => Err(cx.unsupported(format!("no kernel for {dtype} to {out}"))),
    }
}

fn complex<R: Real>(a: &[[R; 2]], n: usize, vectors: bool) -> Found<R> {
    let a: Vec<Complex<R>> = a.iter().map(|&parts| Complex(parts)).collect();
    eigen(&a, n, vectors)
}

/// `T` is what the matrices hold, `R` what their values' parts are.
fn of<T: Element, R: Real>(
    a: &View<'_>,
    vectors: bool,
    solve: fn(&[T], usize, bool) -> Found<R>,
) -> Result<Vec<Tensor>>
where
    [R; 2]: Element,
{
    let &[ref batch @ .., n, columns] = a.shape else {
        return Err(Error::usage(format!("a matrix of {:?}", a.shape)));
    };
    if n != columns {
        return Err(Error::usage(format!("a square matrix of {:?}", a.shape)));
    }
    let (mut values, mut columns) = (Vec::new(), Vec::new());
    // Without rows there are no parts to go through.
    for matrix in a.values::<T>()?.chunks_exact(n.saturating_mul(n).max(1)) {
        let found = solve(matrix, n, vectors).map_err(|NotFound| {
            Error::usage("a matrix whose eigenvalues are not found, or that holds NaN or infinity")
        })?;
        values.extend(found.0.into_iter().map(|Complex(parts)| parts));
        columns.extend(found.1.into_iter().map(|Complex(parts)| parts));
    }
    let sizes = if vectors { a.shape } else { &[0] };
    Ok(vec![
        Tensor::from_values(&[batch, &[n]].concat(), &values),
        Tensor::from_values(sizes, &columns),
    ])
}

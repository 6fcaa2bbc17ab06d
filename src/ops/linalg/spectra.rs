//! Singular values, eigenvalues of Hermitian matrices, logarithms, least squares. Leading axes are batches; computed in
//! `f64` and rounded once.

use super::{Entry, Matrices, infer_unknown, tensor, with_matrices};
use crate::error::{Error, Result};
use crate::kernels::linalg::jacobi::{self, Svd};
use crate::kernels::linalg::logarithm::logarithm;
use crate::kernels::linalg::{self, Half};
use crate::kernels::scalar::Scalar;
use crate::model::{Shape, Tensor};
use crate::ops::segment::view;
use crate::ops::types::with_type;
use crate::ops::{Context, Fact, Operator, Prepared, View};

pub const OPERATORS: &[Operator] = &[
    Operator::new(&["Svd"], &[], infer_unknown, prepare_svd),
    Operator::new(&["SelfAdjointEigV2"], &[], infer_unknown, prepare_eigen),
    Operator::new(
        &["MatrixLogarithm"],
        &[],
        |cx| cx.one(cx.dtype(0)?, cx.shape(0)?.clone()),
        prepare_logarithm,
    ),
    Operator::new(&["MatrixSolveLs"], &[], infer_least, prepare_least),
];

fn reals<T: Entry>(values: &[f64]) -> Vec<T::Wide> {
    values.iter().map(|&v| T::Wide::real(v)).collect()
}

fn nothing<T: Entry>() -> Tensor {
    tensor::<T>(&[], &[0], &[])
}

fn prepare_svd(cx: &Context) -> Result<Prepared> {
    let vectors = cx.node.attrs.bool("compute_uv").unwrap_or(true);
    let all = cx.attr_bool("full_matrices");
    with_matrices!(cx, T => Prepared::compute(move |inputs| {
        let a = Matrices::of::<T>(&view(inputs, 0)?)?;
        let (m, n) = (a.rows, a.columns);
        let k = m.min(n);
        let [left, right] = if all { [m, n] } else { [k, k] };
        let (mut s, mut u, mut v) = (Vec::new(), Vec::new(), Vec::new());
        for at in 0..a.count() {
            let found: Svd<_> = jacobi::svd(a.get(at), [m, n], all && vectors, <T as Entry>::EPSILON);
            s.extend(reals::<T>(&found.values));
            if vectors {
                u.extend(found.u);
                v.extend(found.v);
            }
        }
        let s = tensor::<T>(&a.batch, &[k], &s);
        Ok(match vectors {
            true => vec![s, tensor::<T>(&a.batch, &[m, left], &u), tensor::<T>(&a.batch, &[n, right], &v)],
            false => vec![s, nothing::<T>(), nothing::<T>()],
        })
    }))
}

fn prepare_eigen(cx: &Context) -> Result<Prepared> {
    let vectors = cx.node.attrs.bool("compute_v").unwrap_or(true);
    with_matrices!(cx, T => Prepared::compute(move |inputs| {
        let a = Matrices::square::<T>(&view(inputs, 0)?)?;
        let n = a.rows;
        let (mut e, mut v) = (Vec::new(), Vec::new());
        for at in 0..a.count() {
            let (values, vectors) = jacobi::hermitian_eigen(a.get(at), n, <T as Entry>::EPSILON)?;
            e.extend(reals::<T>(&values));
            v.extend(vectors);
        }
        let e = tensor::<T>(&a.batch, &[n], &e);
        Ok(match vectors {
            true => vec![e, tensor::<T>(&a.batch, &[n, n], &v)],
            false => vec![e, nothing::<T>()],
        })
    }))
}

fn prepare_logarithm(cx: &Context) -> Result<Prepared> {
    let dtype = cx.dtype(0)?;
    with_type!(dtype, T in [Complex64: [f32; 2], Complex128: [f64; 2]] => Prepared::compute(move |inputs| {
        let a = Matrices::square::<T>(&view(inputs, 0)?)?;
        let logs: Vec<_> = (0..a.count()).flat_map(|at| logarithm(a.get(at), a.rows)).collect();
        Ok(vec![tensor::<T>(&a.batch, &[a.rows; 2], &logs)])
    }), else Err(cx.no_kernel(dtype)))
}

/// As many rows as the matrix has columns.
fn infer_least(cx: &Context) -> Result<Vec<Fact>> {
    let dims = |input: usize| Ok(cx.shape(input)?.dims());
    let (Some(&[.., columns]), Some(&[ref batch @ .., _, right])) = (dims(0)?, dims(1)?) else {
        return cx.one(cx.dtype(0)?, Shape::UNKNOWN);
    };
    let sizes = [batch, &[columns, right]].concat();
    cx.one(cx.dtype(0)?, Shape(Some(sizes)))
}

fn prepare_least(cx: &Context) -> Result<Prepared> {
    let fast = cx.node.attrs.bool("fast").unwrap_or(true);
    with_matrices!(cx, T => Prepared::compute(move |inputs| {
        let a = Matrices::of::<T>(&view(inputs, 0)?)?;
        let b = Matrices::of::<T>(&view(inputs, 1)?)?;
        if a.batch != b.batch || a.rows != b.rows {
            return Err(Error::usage(format!("{:?} × {} equations for {:?} × {} rows", a.batch, a.rows, b.batch, b.rows)));
        }
        let added = added(&view(inputs, 2)?)?;
        let (m, n) = (a.rows, a.columns);
        let mut out = Vec::new();
        for at in 0..a.count() {
            let right = (b.get(at), b.columns);
            out.extend(match fast {
                true => normal(a.get(at), [m, n], right, added)?,
                false => pseudo_inverse::<T>(a.get(at), [m, n], right),
            });
        }
        Ok(vec![tensor::<T>(&a.batch, &[n, b.columns], &out)])
    }))
}

/// What is added to the squares' diagonal.
fn added(x: &View<'_>) -> Result<f64> {
    match *x.values::<f64>()? {
        [added] if added >= 0.0 => Ok(added),
        _ => Err(Error::usage(
            "a regularizer that is not one number from 0 on",
        )),
    }
}

fn product<S: Scalar>(a: &[S], b: &[S], [rows, inner, columns]: [usize; 3]) -> Vec<S> {
    let cell = |row: usize, column: usize| -> S {
        let terms = (0..inner).map(|k| a[row * inner + k] * b[k * columns + column]);
        terms.sum()
    };
    let cells = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
    cells.map(|(row, column)| cell(row, column)).collect()
}

/// `(a^H a + added)⁻¹ a^H b`, or `a^H (a a^H + added)⁻¹ b` where `a` of `[m, n]` is wider than high.
fn normal<S: Scalar>(
    a: &[S],
    [m, n]: [usize; 2],
    (b, columns): (&[S], usize),
    added: f64,
) -> Result<Vec<S>> {
    let turned = linalg::adjoint(a, m, n);
    let k = m.min(n);
    let (mut square, mut x) = match m >= n {
        true => (
            product(&turned, a, [n, m, n]),
            product(&turned, b, [n, m, columns]),
        ),
        false => (product(a, &turned, [m, n, m]), b.to_vec()),
    };
    (0..k).for_each(|at| square[at * k + at] -= S::real(-added));
    let l = linalg::cholesky(&square, k).map_err(|_| {
        Error::usage(
            "the columns depend on one another: a larger regularizer, or fast=False, may do",
        )
    })?;
    linalg::triangular(&l, k, Half::Lower, false, &mut x, columns);
    linalg::triangular(
        &linalg::adjoint(&l, k, k),
        k,
        Half::Upper,
        false,
        &mut x,
        columns,
    );
    Ok(match m >= n {
        true => x,
        false => product(&turned, &x, [n, m, columns]),
    })
}

/// The smallest of the best answers, which no regularizer changes.
fn pseudo_inverse<T: Entry>(
    a: &[T::Wide],
    [m, n]: [usize; 2],
    (b, columns): (&[T::Wide], usize),
) -> Vec<T::Wide> {
    let k = m.min(n);
    let Svd { values, u, v } = jacobi::svd(a, [m, n], false, f64::EPSILON);
    let least = values.first().copied().unwrap_or(0.0) * T::EPSILON * k as f64;
    let mut x = product(&linalg::adjoint(&u, m, k), b, [k, m, columns]);
    for (row, &value) in x.chunks_exact_mut(columns.max(1)).zip(&values) {
        let by = if value <= least { 0.0 } else { 1.0 / value };
        row.iter_mut().for_each(|x| *x = *x * T::Wide::real(by));
    }
    product(&v, &x, [n, k, columns])
}

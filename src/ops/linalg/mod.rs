//! Matrices factored, inverted, solved. Leading axes are batches; computed in `f64` and rounded once.

mod eigen;
mod spectra;

use super::segment::view;
use super::types::with_type;
use super::{Context, Fact, Operator, Prepared, View};
use crate::error::{Error, Result};
use crate::kernels::elementwise::complex::Stored;
use crate::kernels::elementwise::number::Number;
use crate::kernels::linalg::{self, Half, Lu};
use crate::kernels::scalar::{Scalar, Z};
use crate::model::{Element, Shape, Tensor};

pub(super) use eigen::OPERATORS as EIGEN;
pub(super) use spectra::OPERATORS as SPECTRA;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        &["Cholesky", "MatrixInverse", "MatrixSquareRoot"],
        &[],
        infer_same,
        prepare_one,
    ),
    Operator::new(
        &["MatrixDeterminant", "LogMatrixDeterminant"],
        &[],
        infer_determinant,
        prepare_determinant,
    ),
    Operator::new(
        &["MatrixSolve", "MatrixTriangularSolve"],
        &[],
        infer_solve,
        prepare_solve,
    ),
    Operator::new(&["Lu"], &[], infer_factors, prepare_factors),
    Operator::new(
        &["TridiagonalSolve"],
        &[],
        infer_banded,
        prepare_tridiagonal,
    ),
    Operator::new(&["TridiagonalMatMul"], &[], infer_banded, prepare_three),
    Operator::new(
        &["BandedTriangularSolve"],
        &[],
        infer_banded,
        prepare_banded,
    ),
    Operator::new(&["Qr"], &[], infer_unknown, prepare_qr),
];

fn infer_same(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.dtype(0)?, cx.shape(0)?.clone())
}

pub(super) fn infer_unknown(cx: &Context) -> Result<Vec<Fact>> {
    Ok(vec![
        Fact::new(cx.dtype(0)?, Shape::UNKNOWN);
        cx.node.outputs.len()
    ])
}

fn infer_determinant(cx: &Context) -> Result<Vec<Fact>> {
    let dims = cx
        .shape(0)?
        .dims()
        .map(|dims| dims[..dims.len().saturating_sub(2)].to_vec());
    Ok(vec![
        Fact::new(cx.dtype(0)?, Shape(dims));
        cx.node.outputs.len()
    ])
}

fn infer_solve(cx: &Context) -> Result<Vec<Fact>> {
    let same = &*cx.node.op == "MatrixSolve";
    let shape = if same {
        cx.shape(1)?.clone()
    } else {
        Shape::UNKNOWN
    };
    cx.one(cx.dtype(0)?, shape)
}

/// An element of a matrix, as it is stored.
pub(super) trait Entry: Element {
    /// What it is computed in.
    type Wide: Scalar;
    /// From 1 to the next number.
    const EPSILON: f64;
    fn wide(self) -> Self::Wide;
    fn rounded(v: Self::Wide) -> Self;
}

macro_rules! entries {
    (real { $($t:ty: $te:expr),* } complex { $($z:ty: $ze:expr),* }) => {
        $(impl Entry for $t {
            type Wide = f64;
            const EPSILON: f64 = $te;
            fn wide(self) -> f64 {
                Number::to_f64(self)
            }
            fn rounded(v: f64) -> Self {
                <$t as Number>::from_f64(v)
            }
        })*
        $(impl Entry for $z {
            type Wide = Z;
            const EPSILON: f64 = $ze;
            fn wide(self) -> Z {
                Z(Stored::wide(self))
            }
            fn rounded(v: Z) -> Self {
                Stored::narrow(v.0)
            }
        })*
    };
}

const SINGLE: f64 = f32::EPSILON as f64;

entries! {
    real { f32: SINGLE, f64: f64::EPSILON, half::f16: 1.0 / 1024.0 }
    complex { [f32; 2]: SINGLE, [f64; 2]: f64::EPSILON }
}

/// Matrices one behind the other.
pub(super) struct Matrices<S> {
    pub batch: Vec<usize>,
    pub rows: usize,
    pub columns: usize,
    values: Vec<S>,
}

impl<S: Scalar> Matrices<S> {
    pub fn of<T: Entry<Wide = S>>(view: &View<'_>) -> Result<Self> {
        let &[ref batch @ .., rows, columns] = view.shape else {
            return Err(Error::usage(format!("a matrix of {:?}", view.shape)));
        };
        let values = view.values::<T>()?.iter().map(|v| v.wide()).collect();
        Ok(Matrices {
            batch: batch.to_vec(),
            rows,
            columns,
            values,
        })
    }

    pub fn square<T: Entry<Wide = S>>(view: &View<'_>) -> Result<Self> {
        let matrices = Self::of::<T>(view)?;
        match matrices.rows == matrices.columns {
            true => Ok(matrices),
            false => Err(Error::usage(format!("a square matrix of {:?}", view.shape))),
        }
    }

    pub fn count(&self) -> usize {
        self.batch.iter().product()
    }

    pub fn get(&self, at: usize) -> &[S] {
        let size = self.rows * self.columns;
        &self.values[at * size..][..size]
    }
}

pub(super) fn tensor<T: Entry>(batch: &[usize], matrix: &[usize], values: &[T::Wide]) -> Tensor {
    let values: Vec<T> = values.iter().map(|&v| T::rounded(v)).collect();
    Tensor::from_values(&[batch, matrix].concat(), &values)
}

macro_rules! with_matrices {
    ($cx:expr, $T:ident => $body:expr) => {{
        let dtype = $cx.dtype(0)?;
        with_type!(dtype, $T in [
            Float32: f32, Float64: f64, Float16: half::f16, Complex64: [f32; 2], Complex128: [f64; 2],
        ] => $body, else Err($cx.no_kernel(dtype)))
    }};
}

pub(super) use with_matrices;

fn prepare_one(cx: &Context) -> Result<Prepared> {
    let (op, adjoint) = (cx.node.op.clone(), cx.attr_bool("adjoint"));
    with_matrices!(cx, T => Prepared::compute(move |inputs| {
        let a = Matrices::square::<T>(&view(inputs, 0)?)?;
        let n = a.rows;
        let mut out = Vec::with_capacity(a.values.len());
        for at in 0..a.count() {
            out.extend(match &*op {
                "Cholesky" => linalg::cholesky(a.get(at), n)?,
                "MatrixSquareRoot" => linalg::square_root(a.get(at), n)?,
                _ => {
                    let inverse = Lu::new(a.get(at), n).solve(&linalg::one(n), n)?;
                    match adjoint {
                        true => linalg::adjoint(&inverse, n, n),
                        false => inverse,
                    }
                }
            });
        }
        Ok(vec![tensor::<T>(&a.batch, &[n, n], &out)])
    }))
}

fn prepare_determinant(cx: &Context) -> Result<Prepared> {
    let log = &*cx.node.op == "LogMatrixDeterminant";
    with_matrices!(cx, T => Prepared::compute(move |inputs| {
        let a = Matrices::square::<T>(&view(inputs, 0)?)?;
        let each = (0..a.count()).map(|at| Lu::new(a.get(at), a.rows));
        if !log {
            let values: Vec<_> = each.map(|lu| lu.determinant()).collect();
            return Ok(vec![tensor::<T>(&a.batch, &[], &values)]);
        }
        let each = each.map(|lu| lu.log_determinant());
        let whole = |(sign, log): (<T as Entry>::Wide, f64)| (sign, <<T as Entry>::Wide as Scalar>::real(log));
        let (signs, logs): (Vec<<T as Entry>::Wide>, Vec<<T as Entry>::Wide>) = each.map(whole).unzip();
        Ok(vec![tensor::<T>(&a.batch, &[], &signs), tensor::<T>(&a.batch, &[], &logs)])
    }))
}

fn prepare_solve(cx: &Context) -> Result<Prepared> {
    let adjoint = cx.attr_bool("adjoint");
    let triangle = &*cx.node.op == "MatrixTriangularSolve";
    let lower = cx.node.attrs.bool("lower").unwrap_or(true);
    with_matrices!(cx, T => Prepared::compute(move |inputs| {
        let a = Matrices::square::<T>(&view(inputs, 0)?)?;
        let b = Matrices::of::<T>(&view(inputs, 1)?)?;
        if a.rows != b.rows {
            return Err(Error::usage(format!("{} equations for {} rows", a.rows, b.rows)));
        }
        let (batch, places) = super::broadcast::places([&a.batch, &b.batch])?;
        let (n, columns) = (a.rows, b.columns);
        let mut out = Vec::new();
        for [at, right] in places {
            let matrix = match adjoint {
                true => linalg::adjoint(a.get(at), n, n),
                false => a.get(at).to_vec(),
            };
            if triangle {
                let half = if lower != adjoint { Half::Lower } else { Half::Upper };
                if (0..n).any(|k| matrix[k * n + k].is_zero()) {
                    return Err(Error::usage("the matrix has no inverse"));
                }
                let mut x = b.get(right).to_vec();
                linalg::triangular(&matrix, n, half, false, &mut x, columns);
                out.extend(x);
            } else {
                out.extend(Lu::new(&matrix, n).solve(b.get(right), columns)?);
            }
        }
        Ok(vec![tensor::<T>(&batch, &[n, columns], &out)])
    }))
}

fn prepare_qr(cx: &Context) -> Result<Prepared> {
    let full = cx.attr_bool("full_matrices");
    with_matrices!(cx, T => Prepared::compute(move |inputs| {
        let a = Matrices::of::<T>(&view(inputs, 0)?)?;
        let (m, n) = (a.rows, a.columns);
        let k = if full { m } else { m.min(n) };
        let (mut q, mut r) = (Vec::new(), Vec::new());
        for at in 0..a.count() {
            let (whole, rest) = linalg::qr(a.get(at), m, n);
            q.extend(whole.chunks(m.max(1)).flat_map(|row| &row[..k]));
            r.extend_from_slice(&rest[..k * n]);
        }
        Ok(vec![tensor::<T>(&a.batch, &[m, k], &q), tensor::<T>(&a.batch, &[k, n], &r)])
    }))
}

fn infer_factors(cx: &Context) -> Result<Vec<Fact>> {
    let dims = cx.shape(0)?.dims();
    let rows = dims.map(|dims| dims[..dims.len().saturating_sub(1)].to_vec());
    Ok(vec![
        Fact::new(cx.dtype(0)?, cx.shape(0)?.clone()),
        Fact::new(cx.out_dtype(1)?, Shape(rows)),
    ])
}

/// `L` and `U` in one matrix, and which row of the input each row was.
fn prepare_factors(cx: &Context) -> Result<Prepared> {
    let places = cx.out_dtype(1)?;
    with_matrices!(cx, T => Prepared::compute(move |inputs| {
        let a = Matrices::square::<T>(&view(inputs, 0)?)?;
        let n = a.rows;
        let (mut factors, mut rows) = (Vec::new(), Vec::new());
        for at in 0..a.count() {
            let lu = Lu::new(a.get(at), n);
            let (own, from) = lu.parts();
            if (0..n).any(|k| own[k * n + k].is_zero()) {
                return Err(Error::usage("the matrix has no inverse"));
            }
            factors.extend_from_slice(own);
            rows.extend(from.iter().map(|&row| row as f64));
        }
        let sizes = [&a.batch[..], &[n]].concat();
        let rows = super::reals::of_doubles(places, &sizes, &rows)?;
        Ok(vec![tensor::<T>(&a.batch, &[n, n], &factors), rows])
    }))
}

/// As what stands on the right.
fn infer_banded(cx: &Context) -> Result<Vec<Fact>> {
    let right = cx.node.inputs.len().saturating_sub(1);
    cx.one(cx.dtype(right)?, cx.shape(right)?.clone())
}

fn unfit<S>(a: &Matrices<S>, b: &Matrices<S>) -> Error {
    let (rows, columns) = (a.rows, a.columns);
    Error::usage(format!("{rows}×{columns} diagonals for {} rows", b.rows))
}

fn prepare_tridiagonal(cx: &Context) -> Result<Prepared> {
    with_matrices!(cx, T => Prepared::compute(move |inputs| {
        let a = Matrices::of::<T>(&view(inputs, 0)?)?;
        let b = Matrices::of::<T>(&view(inputs, 1)?)?;
        let n = b.rows;
        if (a.rows, a.columns) != (3, n) || a.batch != b.batch {
            return Err(unfit(&a, &b));
        }
        let mut out = b.values.clone();
        for (at, x) in out.chunks_mut((n * b.columns).max(1)).enumerate() {
            let (above, rest) = a.get(at).split_at(n);
            let (main, below) = rest.split_at(n);
            linalg::tridiagonal([above, main, below], x, b.columns)?;
        }
        Ok(vec![tensor::<T>(&b.batch, &[n, b.columns], &out)])
    }))
}

/// A matrix of three diagonals, the upper one first, times another.
fn prepare_three(cx: &Context) -> Result<Prepared> {
    with_matrices!(cx, T => Prepared::compute(move |inputs| {
        let diagonals = (0..3).map(|at| Matrices::of::<T>(&view(inputs, at)?));
        let diagonals = diagonals.collect::<Result<Vec<_>>>()?;
        let b = Matrices::of::<T>(&view(inputs, 3)?)?;
        let (n, columns) = (b.rows, b.columns);
        if let Some(a) = diagonals.iter().find(|a| (a.rows, a.columns) != (1, n) || a.batch != b.batch) {
            return Err(unfit(a, &b));
        }
        let mut out = Vec::with_capacity(b.values.len());
        for at in 0..b.count() {
            let [above, main, below] = [0, 1, 2].map(|which: usize| diagonals[which].get(at));
            let right = b.get(at);
            for row in 0..n {
                out.extend((0..columns).map(|column| {
                    let value = |row: usize| right[row * columns + column];
                    let up = if row + 1 < n { above[row] * value(row + 1) } else { Default::default() };
                    let down = if row > 0 { below[row] * value(row - 1) } else { Default::default() };
                    up + main[row] * value(row) + down
                }));
            }
        }
        Ok(vec![tensor::<T>(&b.batch, &[n, columns], &out)])
    }))
}

/// A triangle given by its diagonals: of a lower one the main diagonal first, of an upper one last, each value in the
/// column of its row.
fn prepare_banded(cx: &Context) -> Result<Prepared> {
    let (lower, adjoint) = (
        cx.node.attrs.bool("lower").unwrap_or(true),
        cx.attr_bool("adjoint"),
    );
    with_matrices!(cx, T => Prepared::compute(move |inputs| {
        let a = Matrices::of::<T>(&view(inputs, 0)?)?;
        let b = Matrices::of::<T>(&view(inputs, 1)?)?;
        let (n, columns) = (b.rows, b.columns);
        if a.columns != n || a.rows == 0 {
            return Err(unfit(&a, &b));
        }
        let (batch, places) = super::broadcast::places([&a.batch, &b.batch])?;
        let mut out = Vec::new();
        for [at, right] in places {
            let bands = a.get(at);
            let mut matrix = vec![Default::default(); n * n];
            for row in 0..n {
                for band in 0..a.rows {
                    let column = match lower {
                        true => row.checked_sub(band),
                        false => Some(row + a.rows - 1 - band).filter(|&column| column < n),
                    };
                    if let Some(column) = column {
                        matrix[row * n + column] = bands[band * n + row];
                    }
                }
            }
            if (0..n).any(|k| matrix[k * n + k].is_zero()) {
                return Err(Error::usage("the matrix has no inverse"));
            }
            if adjoint {
                matrix = linalg::adjoint(&matrix, n, n);
            }
            let half = if lower != adjoint { Half::Lower } else { Half::Upper };
            let mut x = b.get(right).to_vec();
            linalg::triangular(&matrix, n, half, false, &mut x, columns);
            out.extend(x);
        }
        Ok(vec![tensor::<T>(&batch, &[n, columns], &out)])
    }))
}

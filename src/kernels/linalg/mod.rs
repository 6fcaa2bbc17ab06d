//! Linear algebra on row-major square or tall matrices of real or complex numbers in `f64`; Golub and Van Loan, Matrix Computations.

pub mod eigen;
pub mod jacobi;
pub mod logarithm;

use super::scalar::Scalar;
use crate::error::{Error, Result};

/// The lower triangle `L` with `L L^H = a`; only the lower triangle of `a` is read.
///
/// # Errors
/// `a` is not positive definite.
pub fn cholesky<S: Scalar>(a: &[S], n: usize) -> Result<Vec<S>> {
    let mut l = vec![S::default(); n * n];
    for row in 0..n {
        for column in 0..=row {
            let dot: S = (0..column)
                .map(|k| l[row * n + k] * l[column * n + k].conj())
                .sum();
            let rest = a[row * n + column] - dot;
            if row > column {
                l[row * n + column] = rest / l[column * n + column];
            } else if rest.part() > 0.0 {
                l[row * n + row] = S::real(rest.part().sqrt());
            } else {
                return Err(Error::usage("the matrix is not positive definite"));
            }
        }
    }
    Ok(l)
}

/// `P a = L U` by partial pivoting.
pub struct Lu<S> {
    n: usize,
    lu: Vec<S>,
    rows: Vec<usize>,
    /// An odd number of rows changed places.
    odd: bool,
}

impl<S: Scalar> Lu<S> {
    pub fn new(a: &[S], n: usize) -> Self {
        let mut lu = a.to_vec();
        let mut rows: Vec<usize> = (0..n).collect();
        let mut odd = false;
        for k in 0..n {
            let size = |row: &usize| lu[row * n + k].size();
            let pivot = (k..n)
                .max_by(|a, b| size(a).total_cmp(&size(b)))
                .unwrap_or(k);
            if pivot != k {
                (0..n).for_each(|column| lu.swap(pivot * n + column, k * n + column));
                rows.swap(pivot, k);
                odd = !odd;
            }
            if lu[k * n + k].is_zero() {
                continue;
            }
            for row in k + 1..n {
                let factor = lu[row * n + k] / lu[k * n + k];
                lu[row * n + k] = factor;
                for column in k + 1..n {
                    let above = lu[k * n + column];
                    lu[row * n + column] -= factor * above;
                }
            }
        }
        Lu { n, lu, rows, odd }
    }

    /// `L` without its ones below the diagonal, `U` from there on, and `P`: which row of `a` each row was.
    pub fn parts(&self) -> (&[S], &[usize]) {
        (&self.lu, &self.rows)
    }

    /// Sign and logarithm of the size of the determinant.
    pub fn log_determinant(&self) -> (S, f64) {
        let start = (self.start(), 0.0);
        (0..self.n).fold(start, |(sign, log), k| {
            let pivot = self.lu[k * self.n + k];
            let size = pivot.size();
            let turn = match size {
                0.0 => S::default(),
                _ => pivot / S::real(size),
            };
            (sign * turn, log + size.ln())
        })
    }

    pub fn determinant(&self) -> S {
        (0..self.n).fold(self.start(), |product, k| product * self.lu[k * self.n + k])
    }

    fn start(&self) -> S {
        S::real(if self.odd { -1.0 } else { 1.0 })
    }

    /// `x` with `a x = b`, both `[n, columns]`.
    ///
    /// # Errors
    /// `a` has no inverse.
    pub fn solve(&self, b: &[S], columns: usize) -> Result<Vec<S>> {
        let n = self.n;
        if (0..n).any(|k| self.lu[k * n + k].is_zero()) {
            return Err(Error::usage("the matrix has no inverse"));
        }
        let mut x: Vec<S> = (self.rows.iter())
            .flat_map(|row| &b[row * columns..][..columns])
            .copied()
            .collect();
        triangular(&self.lu, n, Half::Lower, true, &mut x, columns);
        triangular(&self.lu, n, Half::Upper, false, &mut x, columns);
        Ok(x)
    }
}

/// Which half of a square matrix counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    Lower,
    Upper,
}

/// Solves `a x = b` in place for a triangle of `a`, whose diagonal counts as ones where `unit`.
pub fn triangular<S: Scalar>(
    a: &[S],
    n: usize,
    half: Half,
    unit: bool,
    x: &mut [S],
    columns: usize,
) {
    for step in 0..n {
        let (row, known) = match half {
            Half::Lower => (step, 0..step),
            Half::Upper => (n - 1 - step, n - step..n),
        };
        for column in 0..columns {
            let dot: S = (known.clone())
                .map(|k| a[row * n + k] * x[k * columns + column])
                .sum();
            let rest = x[row * columns + column] - dot;
            x[row * columns + column] = match unit {
                true => rest,
                false => rest / a[row * n + row],
            };
        }
    }
}

/// Solves `a x = b` in place for a matrix of three diagonals: `above`, `main`, `below`, each of `n` values of which the
/// last of `above` and the first of `below` don't count; by elimination with partial pivoting.
///
/// # Errors
/// The matrix has no inverse.
pub fn tridiagonal<S: Scalar>(
    [above, main, below]: [&[S]; 3],
    x: &mut [S],
    columns: usize,
) -> Result<()> {
    let none = S::default();
    let n = main.len();
    // Each row from its diagonal on: a change of rows fills a second diagonal above.
    let mut rows: Vec<[S; 3]> = (0..n)
        .map(|at| [main[at], if at + 1 < n { above[at] } else { none }, none])
        .collect();
    for k in 0..n.saturating_sub(1) {
        let mut next = [below[k + 1], rows[k + 1][0], rows[k + 1][1]];
        if next[0].size() > rows[k][0].size() {
            std::mem::swap(&mut next, &mut rows[k]);
            for column in 0..columns {
                x.swap(k * columns + column, (k + 1) * columns + column);
            }
        }
        if rows[k][0].is_zero() {
            return Err(Error::usage("the matrix has no inverse"));
        }
        let factor = next[0] / rows[k][0];
        rows[k + 1] = [
            next[1] - factor * rows[k][1],
            next[2] - factor * rows[k][2],
            none,
        ];
        for column in 0..columns {
            let above = x[k * columns + column];
            x[(k + 1) * columns + column] -= factor * above;
        }
    }
    for k in (0..n).rev() {
        if rows[k][0].is_zero() {
            return Err(Error::usage("the matrix has no inverse"));
        }
        for column in 0..columns {
            let known = (1..3).filter(|step| k + step < n);
            let dot: S = known
                .map(|step| rows[k][step] * x[(k + step) * columns + column])
                .sum();
            x[k * columns + column] = (x[k * columns + column] - dot) / rows[k][0];
        }
    }
    Ok(())
}

/// The identity.
pub fn one<S: Scalar>(n: usize) -> Vec<S> {
    (0..n * n)
        .map(|at| S::real(f64::from(u8::from(at % (n + 1) == 0))))
        .collect()
}

/// The matrix turned over its diagonal and conjugated, `[rows, columns]` to `[columns, rows]`.
pub fn adjoint<S: Scalar>(a: &[S], rows: usize, columns: usize) -> Vec<S> {
    let mut out = vec![S::default(); a.len()];
    for row in 0..rows {
        for column in 0..columns {
            out[column * rows + row] = a[row * columns + column].conj();
        }
    }
    out
}

/// `[rows, inner]` times `[inner, columns]`.
pub fn product(a: &[f64], b: &[f64], [rows, inner, columns]: [usize; 3]) -> Vec<f64> {
    let mut out = vec![0.0; rows * columns];
    for row in 0..rows {
        for k in 0..inner {
            let factor = a[row * inner + k];
            for column in 0..columns {
                out[row * columns + column] += factor * b[k * columns + column];
            }
        }
    }
    out
}

/// `q` of `[m, m]` and `r` of `[m, n]` by Householder's reflections, each of which makes the diagonal's sign the
/// opposite of what stood there.
pub fn qr<S: Scalar>(a: &[S], m: usize, n: usize) -> (Vec<S>, Vec<S>) {
    let mut r = a.to_vec();
    let mut q: Vec<S> = one(m);
    for k in 0..m.min(n) {
        let tail: f64 = (k + 1..m).map(|row| r[row * n + k].size().powi(2)).sum();
        let head = r[k * n + k];
        if tail == 0.0 && head == head.conj() {
            continue;
        }
        let norm = (head.size().powi(2) + tail).sqrt();
        let beta = S::real(if head.part() >= 0.0 { -norm } else { norm });
        let mut v = vec![S::default(); m];
        v[k] = S::real(1.0);
        for row in k + 1..m {
            v[row] = r[row * n + k] / (head - beta);
        }
        let turn = (beta - head) / beta;
        let tau = turn.conj();
        for column in 0..n {
            let dot: S = (k..m).map(|row| v[row].conj() * r[row * n + column]).sum();
            (k..m).for_each(|row| r[row * n + column] -= tau * v[row] * dot);
        }
        for row in 0..m {
            let dot: S = (k..m).map(|column| q[row * m + column] * v[column]).sum();
            (k..m).for_each(|column| q[row * m + column] -= turn * v[column].conj() * dot);
        }
        (k + 1..m).for_each(|row| r[row * n + k] = S::default());
    }
    (q, r)
}

/// The root `x` with `x x = a` by the product form of Denman and Beavers' iteration, scaled by determinants.
///
/// # Errors
/// It does not settle: `a` has no root, or an eigenvalue that is not positive.
pub fn square_root<S: Scalar>(a: &[S], n: usize) -> Result<Vec<S>> {
    const TURNS: usize = 100;
    let one = one(n);
    let (mut y, mut z) = (a.to_vec(), one.clone());
    for _ in 0..TURNS {
        let y_inverse = Lu::new(&y, n).solve(&one, n)?;
        let z_inverse = Lu::new(&z, n).solve(&one, n)?;
        let mean = |a: &[S], b: &[S]| -> Vec<S> {
            let halves = a.iter().zip(b).map(|(&a, &b)| (a + b) / S::real(2.0));
            halves.collect()
        };
        let (next_y, next_z) = (mean(&y, &z_inverse), mean(&z, &y_inverse));
        let change: f64 = next_y.iter().zip(&y).map(|(&a, &b)| (a - b).size()).sum();
        let size: f64 = next_y.iter().map(|v| v.size()).sum();
        (y, z) = (next_y, next_z);
        if change <= size * 1e-14 {
            return Ok(y);
        }
    }
    Err(Error::usage("the matrix has no root that was found"))
}

#[cfg(test)]
mod tests {
    use super::super::scalar::Z;
    use super::*;
    use proptest::prelude::*;

    fn near(a: &[f64], b: &[f64]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-8)
    }

    proptest! {
        #[test]
        fn factors_give_the_matrix_back(n in 1usize..6, seed in proptest::collection::vec(-1f64..1.0, 36)) {
            let a: Vec<f64> = (0..n * n).map(|at| seed[at] + if at % (n + 1) == 0 { 6.0 } else { 0.0 }).collect();
            let one = [n, n, n];
            let (q, r) = qr(&a, n, n);
            prop_assert!(near(&product(&q, &r, one), &a));
            let symmetric = product(&a, &adjoint(&a, n, n), one);
            let l = cholesky(&symmetric, n).unwrap();
            prop_assert!(near(&product(&l, &adjoint(&l, n, n), one), &symmetric));
            let root = square_root(&symmetric, n).unwrap();
            prop_assert!(near(&product(&root, &root, one), &symmetric));
            let x = Lu::new(&a, n).solve(&symmetric, n).unwrap();
            prop_assert!(near(&product(&a, &x, one), &symmetric));
            let (sign, log) = Lu::new(&a, n).log_determinant();
            prop_assert!((sign * log.exp() / Lu::new(&a, n).determinant() - 1.0).abs() < 1e-9);
        }
    }

    proptest! {
        #[test]
        fn complex_factors_give_the_matrix_back(n in 1usize..5, seed in proptest::collection::vec(-1f64..1.0, 50)) {
            let a: Vec<Z> = (0..n * n)
                .map(|at| Z([seed[2 * at] + if at % (n + 1) == 0 { 6.0 } else { 0.0 }, seed[2 * at + 1]]))
                .collect();
            let product = |a: &[Z], b: &[Z]| -> Vec<Z> {
                let cell = |row: usize, column: usize| (0..n).map(|k| a[row * n + k] * b[k * n + column]).sum();
                (0..n * n).map(|at| cell(at / n, at % n)).collect()
            };
            let near = |a: &[Z], b: &[Z]| a.iter().zip(b).all(|(&a, &b)| (a - b).size() < 1e-8);
            let (q, r) = qr(&a, n, n);
            prop_assert!(near(&product(&q, &r), &a) && near(&product(&q, &adjoint(&q, n, n)), &one(n)));
            let symmetric = product(&a, &adjoint(&a, n, n));
            let l = cholesky(&symmetric, n).unwrap();
            prop_assert!(near(&product(&l, &adjoint(&l, n, n)), &symmetric));
            let x = Lu::new(&a, n).solve(&symmetric, n).unwrap();
            prop_assert!(near(&product(&a, &x), &symmetric));
            let root = square_root(&symmetric, n).unwrap();
            prop_assert!(near(&product(&root, &root), &symmetric));
        }
    }

    #[test]
    fn what_can_not_be_solved_is_said() {
        assert!(cholesky(&[-1.0], 1).is_err());
        assert!(
            Lu::new(&[1.0, 2.0, 2.0, 4.0], 2)
                .solve(&[1.0, 1.0], 1)
                .is_err()
        );
        assert_eq!(Lu::new(&[0.0], 1).determinant(), 0.0);
    }
}

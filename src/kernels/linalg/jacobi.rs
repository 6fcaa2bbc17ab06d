//! Eigenvalues of Hermitian matrices and singular values, in `f64`, by the steps that Eigen takes (SelfAdjointEigenSolver,
//! JacobiSVD), so that the signs of vectors are TensorFlow's. Matrices are row by row; Golub and Van Loan, 8.3 and 8.6.

use super::{adjoint, one};
use crate::error::{Error, Result};
use crate::kernels::scalar::Scalar;

/// `I - tau v v^H`, which leaves of a column only its first entry, `beta`.
struct Reflection<S> {
    v: Vec<S>,
    tau: S,
    beta: f64,
}

impl<S: Scalar> Reflection<S> {
    /// Of a column with at least one entry.
    fn of(column: &[S]) -> Self {
        let mut v = column.to_vec();
        v[0] = S::real(1.0);
        let head = column[0];
        let tail: f64 = column[1..].iter().map(|v| v.size().powi(2)).sum();
        if tail <= f64::MIN_POSITIVE && head.imaginary().powi(2) <= f64::MIN_POSITIVE {
            v[1..].fill(S::default());
            let (tau, beta) = (S::default(), head.part());
            return Reflection { v, tau, beta };
        }
        let norm = (head.size().powi(2) + tail).sqrt();
        let beta = if head.part() >= 0.0 { -norm } else { norm };
        let over = head - S::real(beta);
        v[1..].iter_mut().for_each(|v| *v = *v / over);
        let tau = ((S::real(beta) - head) / S::real(beta)).conj();
        Reflection { v, tau, beta }
    }

    /// On the rows of `a` from `first` on, `columns` wide.
    fn on_rows(&self, a: &mut [S], columns: usize, first: usize) {
        for column in 0..columns {
            let at = |row: usize| (first + row) * columns + column;
            let terms = self.v.iter().enumerate();
            let dot: S = terms.map(|(row, v)| v.conj() * a[at(row)]).sum();
            for (row, &v) in self.v.iter().enumerate() {
                a[at(row)] -= self.tau * v * dot;
            }
        }
    }

    /// The adjoint, on the columns of `a` from `first` on.
    fn adjoint_on_columns(&self, a: &mut [S], columns: usize, first: usize) {
        for row in a.chunks_exact_mut(columns) {
            let row = &mut row[first..];
            let dot: S = self.v.iter().zip(&*row).map(|(&v, &a)| a * v).sum();
            for (a, v) in row.iter_mut().zip(&self.v) {
                *a -= self.tau.conj() * dot * v.conj();
            }
        }
    }
}

/// Columns or rows `p` and `q` become `c` times themselves and `s` times one another.
#[derive(Clone, Copy)]
struct Rotation<S> {
    c: S,
    s: S,
}

impl<S: Scalar> Rotation<S> {
    fn of_real(of: Rotation<f64>) -> Self {
        let [c, s] = [of.c, of.s].map(S::real);
        Rotation { c, s }
    }

    fn rows(self, a: &mut [S], columns: usize, p: usize, q: usize) {
        for column in 0..columns {
            let (x, y) = (a[p * columns + column], a[q * columns + column]);
            a[p * columns + column] = self.c * x + self.s.conj() * y;
            a[q * columns + column] = self.c.conj() * y - self.s * x;
        }
    }

    fn columns(self, a: &mut [S], columns: usize, p: usize, q: usize) {
        for row in a.chunks_exact_mut(columns.max(1)) {
            let (x, y) = (row[p], row[q]);
            row[p] = self.c * x - self.s * y;
            row[q] = self.s.conj() * x + self.c.conj() * y;
        }
    }
}

/// The largest of the absolute values; NaN where there is one.
fn largest<S: Scalar>(a: &[S]) -> f64 {
    let sizes = a.iter().map(|v| v.size());
    sizes.fold(0.0, |most, v| if v > most || v.is_nan() { v } else { most })
}

/// Values with vectors as columns.
type Vectors<S> = (Vec<f64>, Vec<S>);

/// Eigenvalues of a Hermitian matrix, rising, and the eigenvectors as columns. Only the lower triangle is read; `epsilon`
/// is how far from 1 the next number of the type is that the matrix is stored in.
///
/// # Errors
/// The values are not found: there is a NaN.
pub fn hermitian_eigen<S: Scalar>(a: &[S], n: usize, epsilon: f64) -> Result<Vectors<S>> {
    let mut m = a.to_vec();
    for row in 0..n {
        m[row * n + row] = S::real(a[row * n + row].part());
        for column in 0..row {
            m[column * n + row] = a[row * n + column].conj();
        }
    }
    let scale = match largest(&m) {
        0.0 => 1.0,
        scale => scale,
    };
    m.iter_mut().for_each(|v| *v = *v / S::real(scale));
    let mut vectors = one(n);
    let mut beside = Vec::with_capacity(n);
    for k in 1..n {
        let column: Vec<S> = (k..n).map(|row| m[row * n + k - 1]).collect();
        let reflection = Reflection::of(&column);
        reflection.on_rows(&mut m, n, k);
        reflection.adjoint_on_columns(&mut m, n, k);
        reflection.adjoint_on_columns(&mut vectors, n, k);
        beside.push(reflection.beta);
    }
    let mut values: Vec<f64> = (0..n).map(|k| m[k * n + k].part()).collect();
    three_diagonals(&mut values, &mut beside, &mut vectors, epsilon)?;
    for at in 0..n {
        let least = (at..n).fold(
            at,
            |least, k| {
                if values[k] < values[least] { k } else { least }
            },
        );
        values.swap(at, least);
        for row in vectors.chunks_exact_mut(n) {
            row.swap(at, least);
        }
    }
    values.iter_mut().for_each(|v| *v *= scale);
    Ok((values, vectors))
}

/// Makes what stands `beside` the diagonal zero by QR steps with Wilkinson's shift, which turn the columns of `vectors`.
fn three_diagonals<S: Scalar>(
    diagonal: &mut [f64],
    beside: &mut [f64],
    vectors: &mut [S],
    epsilon: f64,
) -> Result<()> {
    const STEPS_PER_ROW: usize = 30;
    let n = diagonal.len();
    let (mut end, mut first, mut steps) = (n.saturating_sub(1), 0, 0);
    while end > 0 {
        for k in first..end {
            let around = diagonal[k].abs() + diagonal[k + 1].abs();
            if beside[k].abs() < f64::MIN_POSITIVE || (beside[k] / epsilon).powi(2) <= around {
                beside[k] = 0.0;
            }
        }
        while end > 0 && beside[end - 1] == 0.0 {
            end -= 1;
        }
        if end == 0 {
            break;
        }
        steps += 1;
        if steps > STEPS_PER_ROW * n {
            return Err(Error::usage(
                "a matrix whose eigenvalues are not found, or that holds NaN",
            ));
        }
        first = end - 1;
        while first > 0 && beside[first - 1] != 0.0 {
            first -= 1;
        }
        step(diagonal, beside, vectors, [first, end]);
    }
    Ok(())
}

/// One step on the rows from `first` to `end`.
fn step<S: Scalar>(
    diagonal: &mut [f64],
    beside: &mut [f64],
    vectors: &mut [S],
    [first, end]: [usize; 2],
) {
    let n = diagonal.len();
    let (half, e) = ((diagonal[end - 1] - diagonal[end]) * 0.5, beside[end - 1]);
    let shift = match half.hypot(e) {
        _ if half == 0.0 => e.abs(),
        far => e * e / (half + if half > 0.0 { far } else { -far }),
    };
    let (mut x, mut z) = (diagonal[first] - (diagonal[end] - shift), beside[first]);
    for k in first..end {
        if z == 0.0 {
            return;
        }
        let Rotation { c, s } = onto(x, z);
        let below = s * diagonal[k] + c * beside[k];
        let next = s * beside[k] + c * diagonal[k + 1];
        diagonal[k] =
            c * (c * diagonal[k] - s * beside[k]) - s * (c * beside[k] - s * diagonal[k + 1]);
        diagonal[k + 1] = s * below + c * next;
        beside[k] = c * below - s * next;
        if k > first {
            beside[k - 1] = c * beside[k - 1] - s * z;
        }
        x = beside[k];
        if k + 1 < end {
            z = -s * beside[k + 1];
            beside[k + 1] *= c;
        }
        Rotation::of_real(Rotation { c, s }).columns(vectors, n, k, k + 1);
    }
}

/// What turns `(p, q)` onto the first axis; `q` is not 0.
fn onto(p: f64, q: f64) -> Rotation<f64> {
    if p == 0.0 {
        let s = if q < 0.0 { 1.0 } else { -1.0 };
        return Rotation { c: 0.0, s };
    }
    if p.abs() > q.abs() {
        let t = q / p;
        let c = (1.0 + t * t).sqrt().recip().copysign(p);
        return Rotation { c, s: -t * c };
    }
    let t = p / q;
    let s = -(1.0 + t * t).sqrt().recip().copysign(q);
    Rotation { c: -t * s, s }
}

/// `u diag(values) v^H`.
pub struct Svd<S> {
    /// Falling.
    pub values: Vec<f64>,
    /// `[m, m]` if all columns were asked for, else `[m, min(m, n)]`.
    pub u: Vec<S>,
    /// `[n, n]` or `[n, min(m, n)]`.
    pub v: Vec<S>,
}

/// Singular values and vectors of an `[m, n]` matrix by two-sided rotations. `all` columns of `u` and `v`, or those that
/// belong to values; `epsilon` as in [`hermitian_eigen`]. All is NaN where the matrix is not finite.
pub fn svd<S: Scalar>(a: &[S], [m, n]: [usize; 2], all: bool, epsilon: f64) -> Svd<S> {
    let k = m.min(n);
    let [left, right] = [m, n].map(|size| if all { size } else { k });
    let scale = match largest(a) {
        0.0 => 1.0,
        scale if scale.is_finite() => scale,
        _ => {
            return Svd {
                values: vec![f64::NAN; k],
                u: vec![S::real(f64::NAN); m * left],
                v: vec![S::real(f64::NAN); n * right],
            };
        }
    };
    let a: Vec<S> = a.iter().map(|&v| v / S::real(scale)).collect();
    let wide = [left, right].map(|wide| wide.max(1));
    let mut rotated = if m > n {
        let (q, work, v) = Rotated::triangle(&a, [m, n], left);
        Rotated {
            k,
            work,
            u: q,
            v,
            wide,
        }
    } else if m < n {
        let (q, work, u) = Rotated::triangle(&adjoint(&a, m, n), [n, m], right);
        let work = adjoint(&work, m, m);
        Rotated {
            k,
            work,
            u,
            v: q,
            wide,
        }
    } else {
        let (u, v) = (one(n), one(n));
        Rotated {
            k,
            work: a,
            u,
            v,
            wide,
        }
    };
    rotated.sweep(epsilon);
    rotated.sorted(scale)
}

struct Rotated<S> {
    k: usize,
    /// `[k, k]`, diagonal in the end.
    work: Vec<S>,
    u: Vec<S>,
    v: Vec<S>,
    /// Columns of `u` and of `v`, at least 1.
    wide: [usize; 2],
}

impl<S: Scalar> Rotated<S> {
    /// `a p = q r`, where the columns with the largest rests come first: `kept` columns of `q`, `[n, n]` of `r`, and `p`.
    fn triangle(a: &[S], [m, n]: [usize; 2], kept: usize) -> (Vec<S>, Vec<S>, Vec<S>) {
        let mut r = a.to_vec();
        let mut order: Vec<usize> = (0..n).collect();
        let mut q = one(m);
        for k in 0..n {
            let norm = |column: usize| -> f64 {
                (k..m).map(|row| r[row * n + column].size().powi(2)).sum()
            };
            let norms: Vec<f64> = (k..n).map(norm).collect();
            let most = (1..norms.len()).fold(0, |most, at| match norms[at] > norms[most] {
                true => at,
                false => most,
            });
            order.swap(k, k + most);
            r.chunks_exact_mut(n).for_each(|row| row.swap(k, k + most));
            let column: Vec<S> = (k..m).map(|row| r[row * n + k]).collect();
            let reflection = Reflection::of(&column);
            reflection.on_rows(&mut r, n, k);
            reflection.adjoint_on_columns(&mut q, m, k);
            r[k * n + k] = S::real(reflection.beta);
            (k + 1..m).for_each(|row| r[row * n + k] = S::default());
        }
        let q = q.chunks_exact(m.max(1)).flat_map(|row| &row[..kept]);
        let mut p = vec![S::default(); n * n];
        for (to, &from) in order.iter().enumerate() {
            p[from * n + to] = S::real(1.0);
        }
        let q = q.copied().collect();
        r.truncate(n * n);
        (q, r, p)
    }

    /// Rotates until nothing beside the diagonal counts.
    fn sweep(&mut self, epsilon: f64) {
        const SWEEPS: usize = 100;
        let k = self.k;
        let size = |work: &[S], row: usize, column: usize| work[row * k + column].size();
        let mut most = (0..k).fold(0f64, |most, at| most.max(size(&self.work, at, at)));
        for _ in 0..SWEEPS {
            let mut settled = true;
            for p in 1..k {
                for q in 0..p {
                    let counts = |work: &[S], limit: f64| {
                        size(work, p, q) > limit || size(work, q, p) > limit
                    };
                    if !counts(&self.work, (2.0 * epsilon * most).max(f64::MIN_POSITIVE)) {
                        continue;
                    }
                    settled = false;
                    if S::COMPLEX {
                        self.make_real(p, q);
                        most = most.max(size(&self.work, p, p)).max(size(&self.work, q, q));
                        if !counts(&self.work, (epsilon * most).max(f64::MIN_POSITIVE)) {
                            continue;
                        }
                    }
                    self.rotate(p, q);
                    most = most.max(size(&self.work, p, p)).max(size(&self.work, q, q));
                }
            }
            if settled {
                return;
            }
        }
    }

    /// Makes the four entries of rows and columns `p` and `q` real, that in row `q` and column `p` zero.
    fn make_real(&mut self, p: usize, q: usize) {
        let k = self.k;
        let [wide_u, wide_v] = self.wide;
        let at = |row: usize, column: usize| row * k + column;
        let (head, below) = (self.work[at(p, p)], self.work[at(q, p)]);
        let n = (head.size().powi(2) + below.size().powi(2)).sqrt();
        let phase = |v: S| {
            let turned = v.imaginary().abs() > f64::MIN_POSITIVE;
            turned.then(|| S::real(v.size()) / v)
        };
        let scale_row = |rotated: &mut Self, row: usize, by: S| {
            (0..k).for_each(|column| {
                rotated.work[at(row, column)] = rotated.work[at(row, column)] * by;
            });
            for entries in rotated.u.chunks_exact_mut(wide_u) {
                entries[row] = entries[row] * by.conj();
            }
        };
        if n == 0.0 {
            (self.work[at(p, p)], self.work[at(q, p)]) = (S::default(), S::default());
            if let Some(z) = phase(self.work[at(p, q)]) {
                scale_row(self, p, z);
            }
        } else {
            let (c, s) = (head.conj() / S::real(n), below / S::real(n));
            Rotation { c, s }.rows(&mut self.work, k, p, q);
            let back = Rotation {
                c: c.conj(),
                s: S::default() - s,
            };
            back.columns(&mut self.u, wide_u, p, q);
            if let Some(z) = phase(self.work[at(p, q)]) {
                (0..k).for_each(|row| self.work[at(row, q)] = self.work[at(row, q)] * z);
                for entries in self.v.chunks_exact_mut(wide_v) {
                    entries[q] = entries[q] * z;
                }
            }
        }
        if let Some(z) = phase(self.work[at(q, q)]) {
            scale_row(self, q, z);
        }
    }

    /// Makes rows and columns `p` and `q`, whose entries are real, diagonal.
    fn rotate(&mut self, p: usize, q: usize) {
        let k = self.k;
        let entry = |row: usize, column: usize| self.work[row * k + column].part();
        let mut m = [entry(p, p), entry(p, q), entry(q, p), entry(q, q)];
        let (sum, apart) = (m[0] + m[3], m[2] - m[1]);
        let first = match apart.abs() < f64::MIN_POSITIVE {
            true => Rotation { c: 1.0, s: 0.0 },
            false => {
                let u = sum / apart;
                let long = (1.0 + u * u).sqrt();
                let (c, s) = (u / long, 1.0 / long);
                Rotation { c, s }
            }
        };
        first.rows(&mut m, 2, 0, 1);
        let right = symmetric(m[0], m[1], m[3]);
        let left = Rotation {
            c: first.c * right.c + first.s * right.s,
            s: first.s * right.c - first.c * right.s,
        };
        let [wide_u, wide_v] = self.wide;
        Rotation::of_real(left).rows(&mut self.work, k, p, q);
        let back = Rotation { s: -left.s, ..left };
        Rotation::of_real(back).columns(&mut self.u, wide_u, p, q);
        Rotation::of_real(right).columns(&mut self.work, k, p, q);
        Rotation::of_real(right).columns(&mut self.v, wide_v, p, q);
    }

    /// Values that are not negative, the largest first, times `scale`.
    fn sorted(mut self, scale: f64) -> Svd<S> {
        let k = self.k;
        let [wide_u, wide_v] = self.wide;
        let mut values = Vec::with_capacity(k);
        for at in 0..k {
            let value = self.work[at * k + at];
            let sign = match value.imaginary().abs() > f64::MIN_POSITIVE {
                true => value / S::real(value.size()),
                false => S::real(if value.part() < 0.0 { -1.0 } else { 1.0 }),
            };
            for row in self.u.chunks_exact_mut(wide_u) {
                row[at] = row[at] * sign;
            }
            values.push(value.size() * scale);
        }
        for at in 0..k {
            let most = (at..k).fold(at, |most, k| match values[k] > values[most] {
                true => k,
                false => most,
            });
            values.swap(at, most);
            let (u, v) = (&mut self.u, &mut self.v);
            u.chunks_exact_mut(wide_u)
                .for_each(|row| row.swap(at, most));
            v.chunks_exact_mut(wide_v)
                .for_each(|row| row.swap(at, most));
        }
        let Rotated { u, v, .. } = self;
        Svd { values, u, v }
    }
}

/// The rotation that makes `[[x, y], [y, z]]` diagonal.
fn symmetric(x: f64, y: f64, z: f64) -> Rotation<f64> {
    let twice = 2.0 * y.abs();
    if twice < f64::MIN_POSITIVE {
        return Rotation { c: 1.0, s: 0.0 };
    }
    let tau = (x - z) / twice;
    let w = (tau * tau + 1.0).sqrt();
    let t = if tau > 0.0 {
        1.0 / (tau + w)
    } else {
        1.0 / (tau - w)
    };
    let c = 1.0 / (t * t + 1.0).sqrt();
    let s = -t * y.signum() * c;
    Rotation { c, s }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::scalar::Z;
    use proptest::prelude::*;

    fn product<S: Scalar>(a: &[S], b: &[S], [rows, inner, columns]: [usize; 3]) -> Vec<S> {
        let cell = |row: usize, column: usize| -> S {
            (0..inner)
                .map(|k| a[row * inner + k] * b[k * columns + column])
                .sum()
        };
        (0..rows * columns)
            .map(|at| cell(at / columns, at % columns))
            .collect()
    }

    fn near<S: Scalar>(a: &[S], b: &[S]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(&a, &b)| (a - b).size() < 1e-9)
    }

    fn scaled<S: Scalar>(a: &[S], wide: usize, values: &[f64]) -> Vec<S> {
        a.chunks_exact(wide)
            .flat_map(|row| row.iter().zip(values).map(|(&v, &by)| v * S::real(by)))
            .collect()
    }

    fn check<S: Scalar>(a: &[S], [m, n]: [usize; 2]) -> Result<(), TestCaseError> {
        for all in [false, true] {
            let Svd { values, u, v } = svd(a, [m, n], all, f64::EPSILON);
            let k = m.min(n);
            let [left, right] = if all { [m, n] } else { [k, k] };
            prop_assert!(values.is_sorted_by(|a, b| a >= b) && values[k - 1] >= 0.0);
            prop_assert!(near(
                &product(&adjoint(&u, m, left), &u, [left, m, left]),
                &one(left)
            ));
            prop_assert!(near(
                &product(&adjoint(&v, n, right), &v, [right, n, right]),
                &one(right)
            ));
            let first: Vec<S> = v
                .chunks_exact(right)
                .flat_map(|row| &row[..k])
                .copied()
                .collect();
            let found = product(
                &scaled(&u, left, &values),
                &adjoint(&first, n, k),
                [m, k, n],
            );
            prop_assert!(near(&found, a));
        }
        let square = product(a, &adjoint(a, m, n), [m, n, m]);
        let (values, vectors) = hermitian_eigen(&square, m, f64::EPSILON).unwrap();
        prop_assert!(values.is_sorted());
        let found = product(
            &scaled(&vectors, m, &values),
            &adjoint(&vectors, m, m),
            [m, m, m],
        );
        prop_assert!(near(&found, &square));
        Ok(())
    }

    proptest! {
        #[test]
        fn factors_give_the_matrix_back(m in 1usize..6, n in 1usize..6, seed in proptest::collection::vec(-1f64..1.0, 72)) {
            check(&seed[..m * n], [m, n])?;
            let complex: Vec<Z> = seed.as_chunks().0.iter().map(|&parts| Z(parts)).collect();
            check(&complex[..m * n], [m, n])?;
            // Of rank 1.
            let one = vec![1.0; m * n];
            check(&one, [m, n])?;
        }
    }

    #[test]
    fn nothing_is_found_in_what_is_no_number() {
        assert!(hermitian_eigen(&[1.0, 0.0, f64::NAN, 1.0], 2, 1e-16).is_err());
        let found = svd(&[1.0, f64::INFINITY], [1, 2], true, 1e-16);
        assert!(found.values[0].is_nan() && found.v.len() == 4);
        assert!(svd::<f64>(&[], [3, 0], true, 1e-16).u == one::<f64>(3));
    }
}

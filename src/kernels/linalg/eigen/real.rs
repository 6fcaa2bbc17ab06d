//! Of real matrices: reduced to Hessenberg's form, then by QR steps with two shifts at once (Francis) to blocks of one row for
//! real values and of two for pairs of conjugate ones.

use super::complex::{Schur, Sums, length_one};
use super::{Complex, Found, NotFound, Real};

/// Eigenvalues of an `n` by `n` matrix as they stand on the diagonal, of a pair the one with the positive imaginary part
/// first, and, where `vectors` asks for them, eigenvectors of length 1 as columns.
///
/// # Errors
/// See [`NotFound`].
pub fn eigen<R: Real>(a: &[R], n: usize, vectors: bool) -> Found<R> {
    if !a.iter().copied().all(R::is_finite) {
        return Err(NotFound);
    }
    let sizes = a.iter().map(|v| v.abs());
    let scale = sizes.fold(R::default(), |a, b| if b > a { b } else { a });
    let none = scale < R::TINY;
    let units = a
        .iter()
        .map(|&v| if none { R::default() } else { v / scale });
    let units: Vec<_> = units.map(Complex::real).collect();
    // Complex arithmetic of real numbers is real.
    let Schur { t, u, .. } = Schur::hessenberg(&units, n, vectors, Sums::of_real::<R>(n));
    let parts = |m: Vec<Complex<R>>| m.into_iter().map(|z| z.0[0]).collect();
    let mut blocks = Blocks {
        n,
        t: parts(t),
        u: parts(u),
        moved: R::default(),
    };
    blocks.find()?;
    blocks.t.iter_mut().for_each(|v| *v = *v * scale);
    let values = blocks.values();
    if !values.iter().flat_map(|z| z.0).all(R::is_finite) {
        return Err(NotFound);
    }
    let vectors = match vectors {
        true => blocks.vectors(&values),
        false => Vec::new(),
    };
    Ok((values, vectors))
}

/// `u t u^T` is the matrix, `u` orthogonal.
struct Blocks<R> {
    n: usize,
    t: Vec<R>,
    /// Nothing where no vectors are wanted.
    u: Vec<R>,
    /// What the diagonal above the last value found lost to get out of circles.
    moved: R,
}

/// Where two shifts are the roots of `(x - a) (x - b) - c`.
#[derive(Clone, Copy)]
struct Shifts<R> {
    a: R,
    b: R,
    c: R,
}

impl<R: Real> Blocks<R> {
    fn at(&self, row: usize, column: usize) -> R {
        self.t[row * self.n + column]
    }

    fn set(&mut self, row: usize, column: usize, value: R) {
        self.t[row * self.n + column] = value;
    }

    fn find(&mut self) -> Result<(), NotFound> {
        const STEPS_PER_ROW: usize = 40;
        let n = self.n;
        let norm = self.norm();
        if norm == R::default() {
            return Ok(());
        }
        let least = norm * (R::EPSILON * R::EPSILON);
        let least = if least < R::TINY { R::TINY } else { least };
        // Rows from here on are done.
        let (mut left, mut here, mut all) = (n, 0, 0);
        while left > 0 {
            let last = left - 1;
            let first = self.first(last, least);
            if first + 1 >= last {
                match first == last {
                    true => self.one(last),
                    false => self.two(last),
                }
                (left, here) = (first, 0);
                continue;
            }
            let shifts = self.shifts(last, here);
            (here, all) = (here + 1, all + 1);
            if all > STEPS_PER_ROW * n {
                return Err(NotFound);
            }
            self.step(first, last, shifts);
        }
        Ok(())
    }

    /// The sum of the sizes of all that is not zero.
    fn norm(&self) -> R {
        let rows = self.t.chunks_exact(self.n.max(1)).enumerate();
        rows.flat_map(|(row, t)| &t[row.saturating_sub(1)..])
            .map(|v| v.abs())
            .sum()
    }

    /// The first row of the block that ends with row `last`.
    fn first(&self, last: usize, least: R) -> usize {
        let mut first = last;
        while first > 0 {
            let around = self.at(first - 1, first - 1).abs() + self.at(first, first).abs();
            let small = around * R::EPSILON;
            let small = if small < least { least } else { small };
            if self.at(first, first - 1).abs() <= small {
                break;
            }
            first -= 1;
        }
        first
    }

    fn one(&mut self, last: usize) {
        self.set(last, last, self.at(last, last) + self.moved);
        if last > 0 {
            self.set(last, last - 1, R::default());
        }
    }

    /// Two rows that stand alone: turned to a triangle where their values are real.
    fn two(&mut self, last: usize) {
        let (n, p) = (self.n, last - 1);
        let half = R::of(0.5) * (self.at(p, p) - self.at(last, last));
        let square = half * half + self.at(last, p) * self.at(p, last);
        self.set(last, last, self.at(last, last) + self.moved);
        self.set(p, p, self.at(p, p) + self.moved);
        if square >= R::default() {
            let root = square.sqrt();
            let sum = if half >= R::default() {
                half + root
            } else {
                half - root
            };
            let (c, s) = rotation(sum, self.at(last, p));
            for column in p..n {
                let (x, y) = (self.at(p, column), self.at(last, column));
                self.set(p, column, c * x - s * y);
                self.set(last, column, s * x + c * y);
            }
            let turn = |row: &mut [R]| {
                let (x, y) = (row[p], row[last]);
                (row[p], row[last]) = (c * x - s * y, s * x + c * y);
            };
            self.t.chunks_exact_mut(n).take(last + 1).for_each(turn);
            self.u.chunks_exact_mut(n).for_each(turn);
            self.set(last, p, R::default());
        }
        if p > 0 {
            self.set(p, p - 1, R::default());
        }
    }

    /// The eigenvalues of the last two rows; now and then others, which get out of circles (Wilkinson's, and MATLAB's).
    fn shifts(&mut self, last: usize, step: usize) -> Shifts<R> {
        let p = last - 1;
        let mut shifts = Shifts {
            a: self.at(last, last),
            b: self.at(p, p),
            c: self.at(last, p) * self.at(p, last),
        };
        if step == 0 || !step.is_multiple_of(16) {
            return shifts;
        }
        if !step.is_multiple_of(32) {
            self.lower(last, shifts.a);
            let size = self.at(last, p).abs() + self.at(p, p - 1).abs();
            shifts.a = R::of(0.75) * size;
            shifts.b = shifts.a;
            shifts.c = R::of(-0.4375) * size * size;
            return shifts;
        }
        let half = (shifts.b - shifts.a) / R::of(2.0);
        let square = half * half + shifts.c;
        if square > R::default() {
            let root = square.sqrt();
            let root = if shifts.b < shifts.a { -root } else { root };
            self.lower(last, shifts.a - shifts.c / (root + half));
            let same = R::of(0.964);
            (shifts.a, shifts.b, shifts.c) = (same, same, same);
        }
        shifts
    }

    fn lower(&mut self, last: usize, by: R) {
        self.moved = self.moved + by;
        for k in 0..=last {
            self.set(k, k, self.at(k, k) - by);
        }
    }

    /// Where a step on the block from `first` to `last` begins, and its first reflection.
    fn start(&self, first: usize, last: usize, shifts: Shifts<R>) -> (usize, [R; 3]) {
        let mut k = last - 2;
        loop {
            let own = self.at(k, k);
            let (r, s) = (shifts.a - own, shifts.b - own);
            let v = [
                (r * s - shifts.c) / self.at(k + 1, k) + self.at(k, k + 1),
                self.at(k + 1, k + 1) - own - r - s,
                self.at(k + 2, k + 1),
            ];
            if k == first {
                return (k, v);
            }
            let left = self.at(k, k - 1) * (v[1].abs() + v[2].abs());
            let around = self.at(k - 1, k - 1).abs() + own.abs() + self.at(k + 1, k + 1).abs();
            if left.abs() < R::EPSILON * (v[0] * around) {
                return (k, v);
            }
            k -= 1;
        }
    }

    fn step(&mut self, first: usize, last: usize, shifts: Shifts<R>) {
        let (n, zero) = (self.n, R::default());
        let (start, mut v) = self.start(first, last, shifts);
        for k in start..=last - 2 {
            if k > start {
                v = [0, 1, 2].map(|row| self.at(k + row, k - 1));
            }
            let (beta, tau, rest): (R, R, [R; 2]) = reflection(v);
            if beta == zero {
                continue;
            }
            if k > start {
                self.set(k, k - 1, beta);
            } else if k > first {
                self.set(k, k - 1, -self.at(k, k - 1));
            }
            rows(&mut self.t, n, k, &rest, tau);
            columns(&mut self.t, n, (k + 3).min(last) + 1, k, &rest, tau);
            columns(&mut self.u, n, n, k, &rest, tau);
        }
        let p = last - 1;
        let (beta, tau, [rest]) = reflection([self.at(p, p - 1), self.at(last, p - 1)]);
        if beta != zero {
            self.set(p, p - 1, beta);
            rows(&mut self.t, n, p, &[rest], tau);
            columns(&mut self.t, n, last + 1, p, &[rest], tau);
            columns(&mut self.u, n, n, p, &[rest], tau);
        }
        for row in start + 2..=last {
            self.set(row, row - 2, zero);
            if row > start + 2 {
                self.set(row, row - 3, zero);
            }
        }
    }

    fn values(&self) -> Vec<Complex<R>> {
        let n = self.n;
        let mut values = Vec::with_capacity(n);
        while values.len() < n {
            let k = values.len();
            if k + 1 == n || self.at(k + 1, k) == R::default() {
                values.push(Complex::real(self.at(k, k)));
                continue;
            }
            let own = self.at(k + 1, k + 1);
            let half = R::of(0.5) * (self.at(k, k) - own);
            let sides = [half, self.at(k + 1, k), self.at(k, k + 1)];
            let sizes = sides.map(R::abs).into_iter();
            let largest = sizes.fold(R::default(), |a, b| if b > a { b } else { a });
            let [p, below, above] = sides.map(|side| side / largest);
            let part = largest * (p * p + below * above).abs().sqrt();
            values.push(Complex([own + half, part]));
            values.push(Complex([own + half, -part]));
        }
        values
    }

    /// The eigenvectors of the matrix as columns.
    fn vectors(&self, values: &[Complex<R>]) -> Vec<Complex<R>> {
        let (n, zero) = (self.n, R::default());
        let norm = self.norm();
        let mut out = vec![Complex::default(); n * n];
        let mut put = |k: usize, mut column: Vec<Complex<R>>| {
            length_one(&mut column);
            for (row, z) in column.into_iter().enumerate() {
                out[row * n + k] = z;
            }
        };
        let mut k = 0;
        while k < n {
            let value = values[k];
            let column = match norm == zero {
                true => (0..n)
                    .map(|row| Complex::real(self.u[row * n + k]))
                    .collect(),
                false => self.vector(values, k, norm),
            };
            let nearly_real = value.0[1].abs() <= value.0[0].abs() * (R::EPSILON + R::EPSILON);
            if value.0[1] == zero {
                put(k, column.iter().map(|z| Complex::real(z.0[0])).collect());
            } else if nearly_real {
                // The two parts are one vector each.
                put(k, column.iter().map(|z| Complex::real(z.0[0])).collect());
                put(
                    k + 1,
                    column.iter().map(|z| Complex::real(z.0[1])).collect(),
                );
            } else {
                put(k + 1, column.iter().map(|z| z.conj()).collect());
                put(k, column);
            }
            k += if value.0[1] == zero { 1 } else { 2 };
        }
        out
    }

    /// The eigenvector of value `k`, the first of its block, of any length.
    fn vector(&self, values: &[Complex<R>], k: usize, norm: R) -> Vec<Complex<R>> {
        let n = self.n;
        let (value, t) = (values[k], |row, column| Complex::real(self.at(row, column)));
        let pair = value.0[1] != R::default();
        let mut x = vec![Complex::default(); n];
        let end = if pair { k + 2 } else { k + 1 };
        if pair {
            // The last part is imaginary.
            x[k + 1] = Complex([R::default(), R::ONE]);
            let (above, below) = (self.at(k, k + 1), self.at(k + 1, k));
            x[k] = match below.abs() > above.abs() {
                true => (value - t(k + 1, k + 1)) * x[k + 1] / Complex::real(below),
                false => -(Complex::real(above) * x[k + 1]) / (t(k, k) - value),
            };
        } else {
            x[k] = Complex::real(R::ONE);
        }
        let mut row = k;
        while row > 0 {
            let sum = |row: usize, x: &[Complex<R>], from: usize| {
                let mut sum = Complex::default();
                (from..end).for_each(|column| sum += t(row, column) * x[column]);
                sum
            };
            row -= 1;
            let own = t(row, row) - value;
            if values[row].0[1] == R::default() {
                let apart = match own.is_zero() {
                    true => Complex::real(R::EPSILON * norm),
                    false => own,
                };
                x[row] = -sum(row, &x, row + 1) / apart;
            } else {
                let (above, below) = (row - 1, row);
                let (r, q) = (sum(above, &x, row + 1), sum(below, &x, row + 1));
                let (p, over, under) = (t(above, above) - value, t(above, below), t(below, above));
                let mut apart = (values[above] - value) * (values[below] - value);
                if apart.is_zero() {
                    let around = p.size() + over.size() + under.size() + own.size();
                    apart = Complex::real(R::EPSILON * norm * around);
                }
                x[above] = (over * q - own * r) / apart;
                x[below] = match over.size() > own.size() {
                    true => (-r - p * x[above]) / over,
                    false => (-q - under * x[above]) / own,
                };
                row = above;
            }
            let size = x[row].size();
            if R::EPSILON * size * size > R::ONE {
                x.iter_mut().for_each(|z| *z = z.shrunk(size));
            }
        }
        let turned = |u: &[R]| {
            let mut sum = Complex::default();
            u.iter()
                .zip(&x[..end])
                .for_each(|(&u, x)| sum += x.scaled(u));
            sum
        };
        self.u.chunks_exact(n).map(turned).collect()
    }
}

/// `c` and `s` that turn `(p, q)` to `(r, 0)`.
fn rotation<R: Real>(p: R, q: R) -> (R, R) {
    let zero = R::default();
    let signed = |size: R, by: R| if by < zero { -size } else { size };
    if q == zero {
        (signed(R::ONE, p), zero)
    } else if p == zero {
        (zero, -signed(R::ONE, q))
    } else if p.abs() > q.abs() {
        let slope = q / p;
        let c = R::ONE / signed((R::ONE + slope * slope).sqrt(), p);
        (c, -slope * c)
    } else {
        let slope = p / q;
        let s = -R::ONE / signed((R::ONE + slope * slope).sqrt(), q);
        (-slope * s, s)
    }
}

/// `beta`, `tau` and all but the leading 1 of `w` for the reflection `1 - tau w w^T` that makes `(beta, 0, …)` of `v`.
fn reflection<R: Real, const N: usize, const REST: usize>(v: [R; N]) -> (R, R, [R; REST]) {
    let tail: R = v[1..].iter().map(|&v| v * v).sum();
    if tail <= R::TINY {
        return (v[0], R::default(), [R::default(); REST]);
    }
    let length = (v[0] * v[0] + tail).sqrt();
    let beta = if v[0] >= R::default() {
        -length
    } else {
        length
    };
    let rest = std::array::from_fn(|at| v[at + 1] / (v[0] - beta));
    (beta, (beta - v[0]) / beta, rest)
}

/// Reflects the rows from `row` on, in the columns from `row` on.
fn rows<R: Real>(t: &mut [R], n: usize, row: usize, rest: &[R], tau: R) {
    for column in row..n {
        let mut sum = R::default();
        for (&w, below) in rest.iter().zip(row + 1..) {
            sum = sum + w * t[below * n + column];
        }
        sum = sum + t[row * n + column];
        t[row * n + column] = t[row * n + column] - tau * sum;
        for (&w, below) in rest.iter().zip(row + 1..) {
            t[below * n + column] = t[below * n + column] - tau * w * sum;
        }
    }
}

/// Reflects the columns from `column` on, in the first `count` rows.
fn columns<R: Real>(t: &mut [R], n: usize, count: usize, column: usize, rest: &[R], tau: R) {
    for row in t.chunks_exact_mut(n).take(count) {
        let row = &mut row[column..];
        let sum: R = rest.iter().zip(&row[1..]).map(|(&w, &v)| v * w).sum();
        let sum = tau * (sum + row[0]);
        row[0] = row[0] - sum;
        for (&w, v) in rest.iter().zip(&mut row[1..]) {
            *v = *v - sum * w;
        }
    }
}

//! Of complex matrices: reduced to Hessenberg's form by reflections, to a triangle by QR steps with a shift, whose
//! eigenvectors are found from below.

use super::{Complex, Found, NotFound, Real};

/// Eigenvalues of an `n` by `n` matrix by their size, smallest first, and, where `vectors` asks for them, eigenvectors of
/// length 1 as columns.
///
/// # Errors
/// See [`NotFound`].
pub fn eigen<R: Real>(a: &[Complex<R>], n: usize, vectors: bool) -> Found<R> {
    if !a.iter().flat_map(|z| z.0).all(R::is_finite) {
        return Err(NotFound);
    }
    let mut schur = Schur::hessenberg(a, n, vectors, Sums::of_complex::<R>(n));
    schur.triangle()?;
    let mut values: Vec<Complex<R>> = (0..n).map(|k| schur.t[k * n + k]).collect();
    let mut columns = if vectors { schur.vectors() } else { Vec::new() };
    for at in 0..n {
        // The first of the smallest.
        let least = (at + 1..n).fold(at, |least, k| {
            if values[k].abs() < values[least].abs() {
                k
            } else {
                least
            }
        });
        if least != at {
            values.swap(at, least);
            if vectors {
                (0..n).for_each(|row| columns.swap(row * n + at, row * n + least));
            }
        }
    }
    Ok((values, columns))
}

/// `t`, a triangle, and `u`, unitary, with `a = u t u^H`.
///
/// # Errors
/// See [`NotFound`].
pub fn schur<R: Real>(a: &[Complex<R>], n: usize) -> Found<R> {
    if !a.iter().flat_map(|z| z.0).all(R::is_finite) {
        return Err(NotFound);
    }
    let mut schur = Schur::hessenberg(a, n, true, Sums::of_complex::<R>(n));
    schur.triangle()?;
    Ok((schur.t, schur.u))
}

/// `u t u^H` is the matrix, `u` unitary.
pub(super) struct Schur<R> {
    n: usize,
    pub t: Vec<Complex<R>>,
    /// Nothing where no vectors are wanted.
    pub u: Vec<Complex<R>>,
}

/// `[[c, conj s], [-s, c]]` with a real `c`.
#[derive(Clone, Copy)]
struct Rotation<R> {
    c: R,
    s: Complex<R>,
}

impl<R: Real> Schur<R> {
    /// `t` is zero below its first subdiagonal.
    pub fn hessenberg(a: &[Complex<R>], n: usize, vectors: bool, sums: Sums) -> Self {
        let mut t = a.to_vec();
        let mut factors = Vec::new();
        for k in 0..n.saturating_sub(1) {
            let (tau, beta) = reflection(&mut t, n, k);
            t[(k + 1) * n + k] = Complex::real(beta);
            factors.push(tau);
            let v: Vec<Complex<R>> = (k + 2..n).map(|row| t[row * n + k]).collect();
            let reflector = Reflector { v: &v, tau, sums };
            from_left(&mut t, n, k + 1, reflector);
            from_right(&mut t, n, k + 1, reflector.conj());
        }
        let mut u = Vec::new();
        if vectors {
            u = vec![Complex::default(); n * n];
            (0..n).for_each(|k| u[k * n + k] = Complex::real(R::ONE));
            for (k, tau) in factors.iter().enumerate().rev() {
                let v: Vec<Complex<R>> = (k + 2..n).map(|row| t[row * n + k]).collect();
                let reflector = Reflector {
                    v: &v,
                    tau: *tau,
                    sums,
                };
                from_left(&mut u, n, k + 1, reflector.conj());
            }
        }
        for row in 2..n {
            t[row * n..][..row - 1].fill(Complex::default());
        }
        Schur { n, t, u }
    }

    /// Makes `t` a triangle.
    fn triangle(&mut self) -> Result<(), NotFound> {
        const STEPS_PER_ROW: usize = 30;
        let n = self.n;
        let (mut last, mut here, mut all) = (n.saturating_sub(1), 0, 0);
        loop {
            while last > 0 && self.parts(last - 1) {
                (last, here) = (last - 1, 0);
            }
            if last == 0 {
                return Ok(());
            }
            (here, all) = (here + 1, all + 1);
            if all > STEPS_PER_ROW * n {
                return Err(NotFound);
            }
            let mut first = last - 1;
            while first > 0 && !self.parts(first - 1) {
                first -= 1;
            }
            let shift = self.shift(last, here);
            let bulge = self.t[first * n + first] - shift;
            let (rotation, _) = Rotation::onto(bulge, self.t[(first + 1) * n + first]);
            self.turn(rotation, first, first, last);
            for k in first + 1..last {
                let (above, below) = (k * n + k - 1, (k + 1) * n + k - 1);
                let (rotation, left) = Rotation::onto(self.t[above], self.t[below]);
                (self.t[above], self.t[below]) = (left, Complex::default());
                self.turn(rotation, k, k, last);
            }
        }
    }

    /// Whether the entry below the diagonal is as good as none, which it becomes.
    fn parts(&mut self, k: usize) -> bool {
        let (n, t) = (self.n, &mut self.t);
        let around = t[k * n + k].size() + t[(k + 1) * n + k + 1].size();
        let below = &mut t[(k + 1) * n + k];
        let small = below.size() <= around * R::EPSILON;
        if small {
            *below = Complex::default();
        }
        small
    }

    /// The eigenvalue of the last two rows and columns that is next to the last entry; now and then another one, which gets
    /// out of circles (EISPACK's comqr).
    fn shift(&self, last: usize, step: usize) -> Complex<R> {
        let entry = |row: usize, column: usize| self.t[row * self.n + column];
        if (step == 10 || step == 20) && last > 1 {
            let sizes = [entry(last, last - 1), entry(last - 1, last - 2)];
            return Complex::real(sizes[0].0[0].abs() + sizes[1].0[0].abs());
        }
        let p = last - 1;
        let block = [
            entry(p, p),
            entry(p, last),
            entry(last, p),
            entry(last, last),
        ];
        let norm = (block[0].abs() + block[2].abs()) + (block[1].abs() + block[3].abs());
        let [a, b, c, d] = block.map(|z| z.shrunk(norm));
        let two = R::ONE + R::ONE;
        let (product, difference) = (b * c, a - d);
        let root = (difference * difference + product.scaled(two + two)).sqrt();
        let (determinant, trace) = (a * d - product, a + d);
        let mut one = (trace + root).shrunk(two);
        let mut other = (trace - root).shrunk(two);
        if one.size() > other.size() {
            other = determinant / one;
        } else if !other.is_zero() {
            one = determinant / other;
        }
        match (one - d).size() < (other - d).size() {
            true => one.scaled(norm),
            false => other.scaled(norm),
        }
    }

    /// Turns rows and columns `k` and `k + 1` of the block that ends at `last`.
    fn turn(&mut self, rotation: Rotation<R>, k: usize, from: usize, last: usize) {
        let n = self.n;
        let Rotation { c, s } = rotation;
        for column in from..n {
            let (x, y) = (self.t[k * n + column], self.t[(k + 1) * n + column]);
            self.t[k * n + column] = x.scaled(c) - s.conj() * y;
            self.t[(k + 1) * n + column] = s * x + y.scaled(c);
        }
        let columns = |matrix: &mut [Complex<R>], rows: usize| {
            for row in matrix.chunks_exact_mut(n).take(rows) {
                let (x, y) = (row[k], row[k + 1]);
                row[k] = x.scaled(c) - s * y;
                row[k + 1] = s.conj() * x + y.scaled(c);
            }
        };
        columns(&mut self.t, (k + 2).min(last) + 1);
        columns(&mut self.u, n);
    }

    /// The eigenvectors of the matrix as columns, of length 1.
    fn vectors(&self) -> Vec<Complex<R>> {
        let (n, t) = (self.n, &self.t);
        let squares: R = t.iter().map(|z| z.square()).sum();
        let norm = squares.sqrt();
        let norm = if norm < R::TINY { R::TINY } else { norm };
        let mut out = vec![Complex::default(); n * n];
        // Of `t`, whose column k has nothing below row k.
        let mut x = vec![Complex::default(); n];
        for k in 0..n {
            x[k] = Complex::real(R::ONE);
            for row in (0..k).rev() {
                let mut sum = Complex::default();
                for column in row + 1..k {
                    sum += t[row * n + column] * x[column];
                }
                let mut apart = t[row * n + row] - t[k * n + k];
                if apart.is_zero() {
                    apart = Complex::real(R::EPSILON * norm);
                }
                x[row] = (-t[row * n + k] - sum) / apart;
            }
            let mut column = vec![Complex::default(); n];
            for (sum, u) in column.iter_mut().zip(self.u.chunks_exact(n)) {
                u.iter().zip(&x[..=k]).for_each(|(&u, &x)| *sum += u * x);
            }
            length_one(&mut column);
            for (row, z) in column.into_iter().enumerate() {
                out[row * n + k] = z;
            }
        }
        out
    }
}

/// Makes a vector 1 long; what is nothing, or not finite, stays.
pub(super) fn length_one<R: Real>(vector: &mut [Complex<R>]) {
    let sizes = vector.iter().map(|z| z.abs());
    let largest = sizes.fold(R::default(), |a, b| if b > a { b } else { a });
    let squares = vector.iter().map(|z| z.shrunk(largest).square());
    let length = squares.sum::<R>().sqrt() * largest;
    if length > R::default() {
        vector.iter_mut().for_each(|z| *z = z.shrunk(length));
    }
}

impl<R: Real> Rotation<R> {
    /// Turns `(p, q)` to `(r, 0)`, and gives `r` too.
    fn onto(p: Complex<R>, q: Complex<R>) -> (Self, Complex<R>) {
        let signed = |size: R| if p.0[0] < R::default() { -size } else { size };
        if q.is_zero() {
            let c = signed(R::ONE);
            let s = Complex::default();
            return (Rotation { c, s }, p.scaled(c));
        }
        if p.is_zero() {
            let size = q.abs();
            let s = (-q).shrunk(size);
            let c = R::default();
            return (Rotation { c, s }, Complex::real(size));
        }
        if p.size() >= q.size() {
            let (ps, qs) = (p.shrunk(p.size()), q.shrunk(p.size()));
            let square = ps.square();
            let u = signed((R::ONE + qs.square() / square).sqrt());
            let c = R::ONE / u;
            let s = (-qs * ps.conj()).scaled(c / square);
            return (Rotation { c, s }, p.scaled(u));
        }
        let (ps, qs) = (p.shrunk(q.size()), q.shrunk(q.size()));
        let u = signed(q.size() * (ps.square() + qs.square()).sqrt());
        let size = p.abs();
        let unit = p.shrunk(size);
        let s = -unit.conj() * q.shrunk(u);
        (Rotation { c: size / u, s }, unit.scaled(u))
    }
}

/// The reflection `1 - tau v v^H` that makes `(beta, 0, …)` of column `k` below the diagonal; `v` begins with 1, and the
/// rest of it lies in the column afterwards.
fn reflection<R: Real>(t: &mut [Complex<R>], n: usize, k: usize) -> (Complex<R>, R) {
    let tail = (k + 2..n).flat_map(|row| t[row * n + k].0);
    let tail: R = tail.map(|part| part * part).sum();
    let head = t[(k + 1) * n + k];
    let Complex([re, im]) = head;
    if tail <= R::TINY && im * im <= R::TINY {
        (k + 2..n).for_each(|row| t[row * n + k] = Complex::default());
        return (Complex::default(), re);
    }
    let length = (head.square() + tail).sqrt();
    let beta = if re >= R::default() { -length } else { length };
    let by = head - Complex::real(beta);
    for row in k + 2..n {
        let entry = &mut t[row * n + k];
        *entry = *entry / by;
    }
    ((Complex::real(beta) - head).shrunk(beta).conj(), beta)
}

/// In which order Eigen adds up products of vectors. It has no say in what comes out but for the last place, by which the
/// signs of real eigenvectors hang.
#[derive(Clone, Copy)]
pub(super) struct Sums {
    lanes: usize,
    /// Of long columns so many products are added up at a time.
    block: usize,
}

impl Sums {
    pub fn of_real<R: Real>(n: usize) -> Self {
        Self::new(R::LANES, n * size_of::<R>())
    }

    pub fn of_complex<R: Real>(n: usize) -> Self {
        Self::new(R::LANES / 2, n * size_of::<[R; 2]>())
    }

    fn new(lanes: usize, row_bytes: usize) -> Self {
        let block = if row_bytes < 32_000 { 16 } else { 4 };
        Sums { lanes, block }
    }

    fn of_column<R: Real>(self, count: usize, product: impl Fn(usize) -> Complex<R>) -> Complex<R> {
        let block = if count < 128 {
            count.max(1)
        } else {
            self.block
        };
        let mut sum = Complex::default();
        for start in (0..count).step_by(block) {
            let mut part = Complex::default();
            (start..count.min(start + block)).for_each(|at| part += product(at));
            sum += part;
        }
        sum
    }

    /// A row is `alone` that has no other beside it at the end of a matrix.
    fn of_row<R: Real>(self, row: &[Complex<R>], v: &[Complex<R>], alone: bool) -> Complex<R> {
        let beside = |lanes: usize, from: usize| {
            let end = v.len() / lanes * lanes;
            let mut sums = [Complex::default(); 8];
            for start in (from..end).step_by(lanes) {
                for (lane, sum) in sums[..lanes].iter_mut().enumerate() {
                    *sum += row[start + lane] * v[start + lane];
                }
            }
            let mut width = lanes;
            while width > 1 {
                width /= 2;
                for lane in 0..width {
                    let other = sums[lane + width];
                    sums[lane] += other;
                }
            }
            (sums[0], end.max(from))
        };
        let (mut sum, mut done) = beside(self.lanes, 0);
        if alone {
            let (half, end) = beside(self.lanes / 2, done);
            sum += half;
            done = end;
        }
        for (&entry, &v) in row[done..].iter().zip(&v[done..]) {
            sum += entry * v;
        }
        sum
    }
}

/// `1 - tau v v^H`, `v` without its leading 1.
#[derive(Clone, Copy)]
struct Reflector<'v, R> {
    v: &'v [Complex<R>],
    tau: Complex<R>,
    sums: Sums,
}

impl<R: Real> Reflector<'_, R> {
    fn conj(self) -> Self {
        let tau = self.tau.conj();
        Reflector { tau, ..self }
    }
}

/// `(1 - tau v v^H) m` of the block of `m` from row and column `from` on.
fn from_left<R: Real>(m: &mut [Complex<R>], n: usize, from: usize, reflector: Reflector<R>) {
    let Reflector { v, tau, sums } = reflector;
    for column in from..n {
        let first = m[from * n + column];
        if v.is_empty() {
            m[from * n + column] = first * (Complex::real(R::ONE) - tau);
            continue;
        }
        let product = |at: usize| v[at].conj() * m[(from + 1 + at) * n + column];
        let sum = sums.of_column(v.len(), product) + first;
        m[from * n + column] = first - tau * sum;
        for (&v, row) in v.iter().zip(from + 1..) {
            m[row * n + column] -= tau * v * sum;
        }
    }
}

/// `m (1 - tau v v^H)` of the columns of `m` from `from` on.
fn from_right<R: Real>(m: &mut [Complex<R>], n: usize, from: usize, reflector: Reflector<R>) {
    let Reflector { v, tau, sums } = reflector;
    for (at, row) in m.chunks_exact_mut(n).enumerate() {
        let row = &mut row[from..];
        if v.is_empty() {
            row[0] = row[0] * (Complex::real(R::ONE) - tau);
            continue;
        }
        let sum = sums.of_row(&row[1..], v, at + 1 == n && n % 2 == 1) + row[0];
        let sum = tau * sum;
        row[0] -= sum;
        for (v, entry) in v.iter().zip(&mut row[1..]) {
            *entry -= sum * v.conj();
        }
    }
}

//! Eigenvalues and eigenvectors of square matrices of any kind, row-major, in the precision that they are stored in; Golub
//! and Van Loan, Matrix Computations, 7.4 to 7.6.
//!
//! Each step is taken as Eigen takes it, whose solvers TensorFlow calls: the order of values comes out of the steps, and the
//! phase of vectors hangs by the last places of numbers. So values are TensorFlow's to the bit, vectors but for the last
//! place or two.

mod complex;
mod real;

use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};

pub use complex::{eigen, schur};
pub use real::eigen as real_eigen;

/// The precision of a part of a complex number.
pub trait Real:
    Copy
    + Default
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + Sum
{
    const ONE: Self;
    /// The distance from 1 to the next number.
    const EPSILON: Self;
    /// How many Eigen adds up beside one another in TensorFlow's build (AVX).
    const LANES: usize;
    /// The smallest number of full precision.
    const TINY: Self;
    fn sqrt(self) -> Self;
    fn abs(self) -> Self;
    fn hypot(self, other: Self) -> Self;
    fn is_finite(self) -> bool;
    fn of(value: f64) -> Self;
}

macro_rules! reals {
    ($($T:ident)*) => { $(impl Real for $T {
        const ONE: Self = 1.0;
        const LANES: usize = 32 / size_of::<$T>();
        const EPSILON: Self = $T::EPSILON;
        const TINY: Self = $T::MIN_POSITIVE;
        fn sqrt(self) -> Self { $T::sqrt(self) }
        fn abs(self) -> Self { $T::abs(self) }
        fn hypot(self, other: Self) -> Self { $T::hypot(self, other) }
        fn is_finite(self) -> bool { $T::is_finite(self) }
        fn of(value: f64) -> Self { value as $T }
    })* };
}

reals! { f32 f64 }

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Complex<R>(pub [R; 2]);

impl<R: Real> Complex<R> {
    fn real(part: R) -> Self {
        Complex([part, R::default()])
    }

    fn conj(self) -> Self {
        let Complex([re, im]) = self;
        Complex([re, -im])
    }

    /// Its length.
    fn abs(self) -> R {
        self.0[0].hypot(self.0[1])
    }

    /// The square of its length.
    fn square(self) -> R {
        let Complex([re, im]) = self;
        re * re + im * im
    }

    /// The sum of the sizes of its parts.
    fn size(self) -> R {
        self.0[0].abs() + self.0[1].abs()
    }

    fn scaled(self, by: R) -> Self {
        Complex(self.0.map(|part| part * by))
    }

    fn shrunk(self, by: R) -> Self {
        Complex(self.0.map(|part| part / by))
    }

    fn is_zero(self) -> bool {
        self == Self::default()
    }

    /// With a real part that is not negative, as glibc's `csqrt` finds it.
    fn sqrt(self) -> Self {
        let Complex([re, im]) = self;
        let (zero, half) = (R::default(), R::of(0.5));
        let signed = |part: R| if im < zero { -part } else { part };
        if im == zero {
            return Complex(match re < zero {
                true => [zero, (-re).sqrt()],
                false => [re.sqrt(), zero],
            });
        }
        let size = self.abs();
        if re > zero {
            let larger = (half * (size + re)).sqrt();
            return Complex([larger, half * (im / larger)]);
        }
        let larger = (half * (size - re)).sqrt();
        Complex([half * (im / larger).abs(), signed(larger)])
    }
}

impl<R: Real> Add for Complex<R> {
    type Output = Self;
    fn add(self, Complex([c, d]): Self) -> Self {
        Complex([self.0[0] + c, self.0[1] + d])
    }
}

impl<R: Real> Sub for Complex<R> {
    type Output = Self;
    fn sub(self, Complex([c, d]): Self) -> Self {
        Complex([self.0[0] - c, self.0[1] - d])
    }
}

impl<R: Real> Neg for Complex<R> {
    type Output = Self;
    fn neg(self) -> Self {
        Complex(self.0.map(|part| -part))
    }
}

impl<R: Real> Mul for Complex<R> {
    type Output = Self;
    fn mul(self, Complex([c, d]): Self) -> Self {
        let Complex([a, b]) = self;
        Complex([a * c - b * d, a * d + b * c])
    }
}

impl<R: Real> Div for Complex<R> {
    type Output = Self;
    /// By Smith's method ("Algorithm 116: complex division", 1962), as compilers do it.
    fn div(self, Complex([c, d]): Self) -> Self {
        let Complex([a, b]) = self;
        Complex(if c.abs() < d.abs() {
            let ratio = c / d;
            let whole = c * ratio + d;
            [(a * ratio + b) / whole, (b * ratio - a) / whole]
        } else {
            let ratio = d / c;
            let whole = d * ratio + c;
            [(b * ratio + a) / whole, (b - a * ratio) / whole]
        })
    }
}

impl<R: Real> AddAssign for Complex<R> {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl<R: Real> SubAssign for Complex<R> {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

/// Why there are no eigenvalues: a number that is not finite, or too many steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotFound;

/// Eigenvalues, and eigenvectors as columns.
pub type Found<R> = Result<(Vec<Complex<R>>, Vec<Complex<R>>), NotFound>;

#[cfg(test)]
mod tests {
    use super::*;

    /// `a v = v diag(e)` to the last places.
    fn check(a: &[Complex<f64>], n: usize, (e, v): (Vec<Complex<f64>>, Vec<Complex<f64>>)) {
        let size = a.iter().map(|z| z.abs()).fold(1.0, f64::max);
        for row in 0..n {
            for k in 0..n {
                let mut sum = Complex::default();
                (0..n).for_each(|i| sum += a[row * n + i] * v[i * n + k]);
                let off = (sum - v[row * n + k] * e[k]).abs();
                assert!(off < 1e-13 * size * n as f64, "{n}: {row} {k} {off}");
            }
        }
        for k in 0..n {
            let square: f64 = (0..n).map(|row| v[row * n + k].square()).sum();
            assert!((square - 1.0).abs() < 1e-13);
        }
    }

    #[test]
    fn vectors_are_scaled_by_their_values() {
        let mut seed = 9u32;
        let mut next = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(seed) / f64::from(u32::MAX) - 0.5
        };
        for n in [1, 2, 3, 4, 7, 12, 30] {
            let complex: Vec<_> = (0..n * n).map(|_| Complex([next(), next()])).collect();
            let real: Vec<_> = complex.iter().map(|z| Complex::real(z.0[0])).collect();
            let found = eigen(&complex, n, true).unwrap();
            assert_eq!(eigen(&complex, n, false).unwrap().0, found.0);
            assert!(found.0.is_sorted_by(|a, b| a.abs() <= b.abs()));
            check(&complex, n, found);
            let parts: Vec<f64> = real.iter().map(|z| z.0[0]).collect();
            let found = real_eigen(&parts, n, true).unwrap();
            assert_eq!(real_eigen(&parts, n, false).unwrap().0, found.0);
            check(&real, n, found);
        }
    }

    #[test]
    fn matrices_without_answers_are_refused() {
        let of = |parts: [f32; 4]| parts.map(Complex::real);
        let refused = |parts: [f32; 4]| {
            eigen(&of(parts), 2, true).is_err() && real_eigen(&parts, 2, true).is_err()
        };
        assert!(refused([1.0, f32::NAN, 0.0, 1.0]));
        assert!(refused([1.0, f32::INFINITY, 0.0, 1.0]));
        // One vector only, twice.
        let (e, _) = eigen(&of([1.0, 1.0, 0.0, 1.0]), 2, true).unwrap();
        assert_eq!(e, [Complex::real(1.0); 2]);
        assert_eq!(eigen::<f32>(&[], 0, true), Ok((Vec::new(), Vec::new())));
        assert_eq!(
            real_eigen::<f32>(&[], 0, true),
            Ok((Vec::new(), Vec::new()))
        );
        let nothing = real_eigen(&[0.0f64; 9], 3, true).unwrap();
        assert_eq!(nothing.0, [Complex::default(); 3]);
        assert_eq!(nothing.1[4], Complex::real(1.0));
    }
}

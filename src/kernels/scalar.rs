//! What matrices are made of: real and complex numbers in `f64`.

use std::iter::Sum;
use std::ops::{Add, Div, Mul, Sub, SubAssign};

use super::elementwise::complex::{self, Complex};

/// A field with sizes and conjugates.
pub trait Scalar:
    Copy
    + Default
    + PartialEq
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + SubAssign
    + Sum
{
    /// Whether there are imaginary parts.
    const COMPLEX: bool;
    fn real(v: f64) -> Self;
    /// The real part.
    fn part(self) -> f64;
    fn imaginary(self) -> f64;
    fn conj(self) -> Self;
    /// The absolute value.
    fn size(self) -> f64;

    fn is_zero(self) -> bool {
        self == Self::default()
    }
}

impl Scalar for f64 {
    const COMPLEX: bool = false;
    fn imaginary(self) -> f64 {
        0.0
    }
    fn real(v: f64) -> Self {
        v
    }
    fn part(self) -> f64 {
        self
    }
    fn conj(self) -> Self {
        self
    }
    fn size(self) -> f64 {
        self.abs()
    }
}

/// A complex number that operators work on.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Z(pub Complex);

impl Add for Z {
    type Output = Z;
    fn add(self, o: Z) -> Z {
        Z(complex::plus(self.0, o.0))
    }
}

impl Sub for Z {
    type Output = Z;
    fn sub(self, o: Z) -> Z {
        Z(complex::minus(self.0, o.0))
    }
}

impl Mul for Z {
    type Output = Z;
    fn mul(self, o: Z) -> Z {
        Z(complex::times(self.0, o.0))
    }
}

impl Div for Z {
    type Output = Z;
    fn div(self, o: Z) -> Z {
        Z(complex::over(self.0, o.0))
    }
}

impl SubAssign for Z {
    fn sub_assign(&mut self, o: Z) {
        *self = *self - o;
    }
}

impl Sum for Z {
    fn sum<I: Iterator<Item = Z>>(all: I) -> Z {
        all.fold(Z::default(), Z::add)
    }
}

impl Scalar for Z {
    const COMPLEX: bool = true;
    fn imaginary(self) -> f64 {
        self.0[1]
    }
    fn real(v: f64) -> Self {
        Z([v, 0.0])
    }
    fn part(self) -> f64 {
        self.0[0]
    }
    fn conj(self) -> Self {
        Z([self.0[0], -self.0[1]])
    }
    fn size(self) -> f64 {
        self.0[0].hypot(self.0[1])
    }
}

//! What sums and products need of a type: real and complex numbers alike.

use super::complex::{self, Complex, Stored};
use super::number::Number;

/// Numbers that are added and multiplied. Integers wrap; half types and complex numbers round each result once.
pub trait Ring: Copy + Default + PartialEq + Send + Sync + 'static {
    fn one() -> Self;
    fn plus(self, o: Self) -> Self;
    fn minus(self, o: Self) -> Self;
    fn times(self, o: Self) -> Self;
    /// The divisor of an integer is not 0.
    fn over(self, o: Self) -> Self;
    /// With the other imaginary part; of a real number itself.
    fn conjugate(self) -> Self;
    /// The absolute value.
    fn size(self) -> f64;
}

impl<T: Number> Ring for T {
    fn one() -> Self {
        T::from_f64(1.0)
    }
    fn plus(self, o: Self) -> Self {
        self.add(o)
    }
    fn minus(self, o: Self) -> Self {
        self.sub(o)
    }
    fn times(self, o: Self) -> Self {
        self.mul(o)
    }
    fn over(self, o: Self) -> Self {
        self.div(o)
    }
    fn conjugate(self) -> Self {
        self
    }
    fn size(self) -> f64 {
        self.to_f64().abs()
    }
}

fn both<T: Stored>(f: fn(Complex, Complex) -> Complex, a: T, b: T) -> T {
    T::narrow(f(a.wide(), b.wide()))
}

macro_rules! complex_numbers {
    ($($part:ty)*) => { $(impl Ring for [$part; 2] {
        fn one() -> Self {
            [1.0, 0.0]
        }
        fn plus(self, o: Self) -> Self {
            both(complex::plus, self, o)
        }
        fn minus(self, o: Self) -> Self {
            both(complex::minus, self, o)
        }
        fn times(self, o: Self) -> Self {
            both(complex::times, self, o)
        }
        fn over(self, o: Self) -> Self {
            both(complex::over, self, o)
        }
        fn conjugate(self) -> Self {
            [self[0], -self[1]]
        }
        fn size(self) -> f64 {
            let [re, im] = self.wide();
            re.hypot(im)
        }
    })* };
}

complex_numbers! { f32 f64 }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complex_numbers_calculate_as_real_ones_do() {
        let (i, two) = ([0.0f32, 1.0], [2.0, 0.0]);
        assert_eq!(i.times(i), [-1.0, 0.0]);
        assert_eq!(i.conjugate().times(i), [1.0, 0.0]);
        assert_eq!(two.minus(i).over(two), [1.0, -0.5]);
        assert_eq!([3.0f64, -4.0].size(), 5.0);
        assert_eq!((200u8.plus(100), 3i32.conjugate()), (44, 3));
    }
}

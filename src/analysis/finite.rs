//! Whether numbers are numbers: how many of a tensor's values are NaN or infinite, and between what the others lie.

use crate::model::{DType, Tensor};
use crate::ops::View;

/// Of the values of one tensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    pub count: usize,
    pub nan: usize,
    pub infinite: usize,
    /// As large as a float32 can be, which TensorFlow Lite makes of what is larger, and of some that is NaN.
    pub largest: usize,
    /// The least and the greatest finite value; without any, `min` is more than `max`. Of complex numbers, of their parts.
    pub min: f64,
    pub max: f64,
}

impl Spread {
    pub fn is_finite(&self) -> bool {
        self.nan == 0 && self.infinite == 0
    }

    /// The least and the greatest finite value.
    pub fn range(&self) -> Option<(f64, f64)> {
        (self.min <= self.max).then_some((self.min, self.max))
    }
}

/// `None` for what is always a number, or none at all: integers, strings, handles.
pub fn spread(tensor: &Tensor) -> Option<Spread> {
    Spread::of(View::of(tensor))
}

impl Spread {
    /// As [`spread`], of a value where it lies.
    pub fn of(view: View<'_>) -> Option<Spread> {
        match view.dtype {
            DType::Float32 => Some(of_all(view.values::<f32>().ok()?, |&v| [v.into(); 2])),
            DType::Float64 => Some(of_all(view.values::<f64>().ok()?, |&v| [v; 2])),
            DType::Float16 => {
                let values = view.values::<half::f16>().ok()?;
                Some(of_all(values, |v| [v.to_f64(); 2]))
            }
            DType::BFloat16 => {
                let values = view.values::<half::bf16>().ok()?;
                Some(of_all(values, |v| [v.to_f64(); 2]))
            }
            DType::Complex64 => {
                let values = view.values::<[f32; 2]>().ok()?;
                Some(of_all(values, |v| v.map(f64::from)))
            }
            DType::Complex128 => Some(of_all(view.values::<[f64; 2]>().ok()?, |&v| v)),
            _ => None,
        }
    }
}

const LARGEST: f64 = f32::MAX as f64;

/// `parts` are those of a complex number; a real one stands twice.
fn of_all<T>(values: &[T], parts: impl Fn(&T) -> [f64; 2]) -> Spread {
    let mut found = Spread {
        count: values.len(),
        nan: 0,
        infinite: 0,
        largest: 0,
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
    };
    for value in values {
        let [a, b] = parts(value);
        let nan = a.is_nan() | b.is_nan();
        let infinite = !nan & (a.is_infinite() | b.is_infinite());
        found.nan += usize::from(nan);
        found.infinite += usize::from(infinite);
        if !nan && !infinite {
            found.min = found.min.min(a.min(b));
            found.max = found.max.max(a.max(b));
            found.largest += usize::from(a.abs() == LARGEST);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_are_no_numbers_are_counted_and_left_out_of_the_range() {
        let some = [1.5f32, f32::NAN, -2.0, f32::INFINITY, f32::NEG_INFINITY];
        let found = spread(&Tensor::from_values(&[5], &some)).unwrap();
        assert_eq!((found.count, found.nan, found.infinite), (5, 1, 2));
        assert_eq!(found.range(), Some((-2.0, 1.5)));
        assert!(!found.is_finite());
        let large = [f32::MIN, 1.0, f32::MAX];
        assert_eq!(
            spread(&Tensor::from_values(&[3], &large)).unwrap().largest,
            2
        );
        let none = spread(&Tensor::from_values(&[1], &[f32::NAN])).unwrap();
        assert_eq!(none.range(), None);
        let halves = Tensor::from_values(&[2], &[half::f16::INFINITY, half::f16::ONE]);
        assert_eq!(spread(&halves).unwrap().infinite, 1);
        let complex = Tensor::from_values(&[2], &[[1.0f32, f32::NAN], [3.0, -4.0]]);
        let found = spread(&complex).unwrap();
        assert_eq!(
            (found.count, found.nan, found.range()),
            (2, 1, Some((-4.0, 3.0)))
        );
        assert_eq!(spread(&Tensor::from_values(&[1], &[7i32])), None);
    }
}

//! Comparisons; the answers are bools held as bytes 0 and 1.

use super::{by_rows, zip_rows};
use crate::kernels::fixed::Multiplier;
use crate::kernels::requant::Quantized;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// Compares with broadcasting; NaN is unequal to everything. Equal and NotEqual suit any type.
pub fn compare<T: Copy + PartialOrd>(
    op: Comparison,
    a: (&[T], &[usize]),
    b: (&[T], &[usize]),
    out: (&mut [u8], &[usize]),
) {
    match op {
        Comparison::Equal => zip_rows(a, b, out, &by_rows(|x, y| u8::from(x == y))),
        Comparison::NotEqual => zip_rows(a, b, out, &by_rows(|x, y| u8::from(x != y))),
        Comparison::Less => zip_rows(a, b, out, &by_rows(|x, y| u8::from(x < y))),
        Comparison::LessEqual => zip_rows(a, b, out, &by_rows(|x, y| u8::from(x <= y))),
        Comparison::Greater => compare(Comparison::Less, b, a, out),
        Comparison::GreaterEqual => compare(Comparison::LessEqual, b, a, out),
    }
}

/// One side of a comparison of quantized values.
#[derive(Debug, Clone, Copy)]
pub struct QuantizedSide<'a, T> {
    pub values: &'a [T],
    pub shape: &'a [usize],
    pub scale: f32,
    pub zero_point: i32,
}

/// Compares what TensorFlow Lite's kernel compares: `(x - zero) << 8` times the scale, rounded. Unequal real
/// numbers may come out equal.
pub fn compare_quantized<T: Quantized>(
    op: Comparison,
    a: QuantizedSide<'_, T>,
    b: QuantizedSide<'_, T>,
    out: (&mut [u8], &[usize]),
) {
    let (ma, mb) = (
        Multiplier::new(f64::from(a.scale)),
        Multiplier::new(f64::from(b.scale)),
    );
    let f = by_rows(|x: T, y: T| {
        let x = ma.apply((x.into() - a.zero_point) << 8);
        let y = mb.apply((y.into() - b.zero_point) << 8);
        u8::from(match op {
            Comparison::Equal => x == y,
            Comparison::NotEqual => x != y,
            Comparison::Less => x < y,
            Comparison::LessEqual => x <= y,
            Comparison::Greater => x > y,
            Comparison::GreaterEqual => x >= y,
        })
    });
    zip_rows((a.values, a.shape), (b.values, b.shape), out, &f);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_equals_nothing() {
        let mut out = [9u8; 2];
        let a = [f32::NAN, 1.0];
        compare(Comparison::Equal, (&a, &[2]), (&a, &[2]), (&mut out, &[2]));
        assert_eq!(out, [0, 1]);
        compare(
            Comparison::NotEqual,
            (&a, &[2]),
            (&a, &[2]),
            (&mut out, &[2]),
        );
        assert_eq!(out, [1, 0]);
    }

    #[test]
    fn quantized_sides_have_their_own_scales() {
        let mut out = [9u8; 1];
        let side = |values, scale| QuantizedSide {
            values,
            shape: &[1],
            scale,
            zero_point: 0,
        };
        compare_quantized(
            Comparison::Greater,
            side(&[10i8], 0.5),
            side(&[20i8], 0.1),
            (&mut out, &[1]),
        );
        assert_eq!(out, [1]);
    }
}

//! Arithmetic of two operands.

use super::complex::{self, Complex};
use super::number::Number;
use super::{by_rows, zip, zip_rows};
use crate::error::{Error, Result};
use crate::kernels::params::Rules;

/// Operators of two numbers of one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    /// Integers truncate toward zero.
    Div,
    /// `x / y`, but 0 where `y` is 0.
    DivNoNan,
    /// `x * y`, but 0 where `y` is 0.
    MulNoNan,
    Maximum,
    Minimum,
    SquaredDifference,
    Pow,
    FloorDiv,
    /// Toward zero, of real numbers too.
    TruncateDiv,
    FloorMod,
    /// The remainder with the dividend's sign.
    TruncateMod,
    Atan2,
    /// `x * ln(y)`, 0 where `x` is 0.
    Xlogy,
    /// `x / y`, 0 where `x` is 0.
    Xdivy,
    /// `x * ln(1 + y)`, 0 where `x` is 0.
    Xlog1py,
}

/// Any of the operators on numbers, broadcasting both sides to `out_shape`. Integers wrap. `rules` decides what
/// Maximum and Minimum make of NaN, what Div and Pow make of integers out of range and whether a zero divisor of a float
/// FloorDiv is an error.
///
/// Errors: an integer division by 0; under TensorFlow Lite's rules a float FloorDiv by 0 and an integer Pow with a
/// negative exponent.
pub fn binary<T: Number>(
    op: BinaryOp,
    rules: Rules,
    a: (&[T], &[usize]),
    b: (&[T], &[usize]),
    out: (&mut [T], &[usize]),
) -> Result<()> {
    use BinaryOp::*;
    check_values(op, rules, b.0)?;
    if op == Pow
        && rules == Rules::Tflite
        && let Some(times) = whole_power(a.1, b)
    {
        for (&x, to) in a.0.iter().zip(out.0) {
            *to = power(x, times);
        }
        return Ok(());
    }
    let nan_wins = rules == Rules::TensorFlow;
    // For what vectors don't help, or few models do: one loop for all of them.
    let mut called = |f: fn(T, T) -> T| zip_rows(a, b, (&mut *out.0, out.1), &by_rows(f));
    match op {
        Add => each(a, b, out, T::add),
        Sub => each(a, b, out, T::sub),
        Mul => each(a, b, out, T::mul),
        Div if T::INTEGER && rules == Rules::Tflite => called(bounded_div),
        Div => each(a, b, out, T::div),
        Maximum => each(a, b, out, |x, y| {
            if x > y || (nan_wins && x.is_nan()) {
                x
            } else {
                y
            }
        }),
        Minimum => each(a, b, out, |x, y| {
            if x < y || (nan_wins && x.is_nan()) {
                x
            } else {
                y
            }
        }),
        SquaredDifference => each(a, b, out, |x, y| {
            let d = x.sub(y);
            d.mul(d)
        }),
        DivNoNan => called(|x, y| unless_zero(y, T::ZERO, || x.div(y))),
        MulNoNan => called(|x, y| unless_zero(y, T::ZERO, || x.mul(y))),
        Pow if T::INTEGER && rules == Rules::Tflite => called(bounded_pow),
        Pow => called(T::pow),
        // Divided in f64, where fewer quotients round up to a whole number.
        FloorDiv if !T::INTEGER && rules == Rules::Tflite => {
            called(|x, y| T::from_f64((x.to_f64() / y.to_f64()).floor()));
        }
        FloorDiv => called(T::floor_div),
        TruncateDiv => called(truncate_div),
        FloorMod => called(T::floor_mod),
        TruncateMod => called(T::truncate_mod),
        Atan2 => called(T::atan2),
        Xlogy => called(|x, y| unless_zero(x, x, || x.mul(T::from_f64(y.to_f64().ln())))),
        Xdivy => called(|x, y| unless_zero(x, x, || x.div(y))),
        Xlog1py => called(|x, y| unless_zero(x, x, || x.mul(T::from_f64(y.to_f64().ln_1p())))),
    }
    Ok(())
}

/// `out = f(a, b)`, with the fastest nest for the usual type.
fn each<T: Number>(
    a: (&[T], &[usize]),
    b: (&[T], &[usize]),
    out: (&mut [T], &[usize]),
    f: impl Fn(T, T) -> T,
) {
    match T::USUAL {
        true => zip(a, b, out, f),
        false => zip_rows(a, b, out, &by_rows(f)),
    }
}

/// TensorFlow Lite's quotient of integers: the one that is too large becomes the largest number.
fn bounded_div<T: Number>(a: T, b: T) -> T {
    match a == T::lowest() && b.to_f64() == -1.0 {
        true => T::highest(),
        false => a.div(b),
    }
}

/// TensorFlow Lite's power of integers, computed in f64: what is out of range becomes the lowest number.
fn bounded_pow<T: Number>(a: T, b: T) -> T {
    let wide = a.to_f64().powf(b.to_f64());
    match (T::lowest().to_f64()..=T::highest().to_f64()).contains(&wide) {
        true => a.pow(b),
        false => T::lowest(),
    }
}

/// The exponent that TensorFlow Lite multiplies out: a single whole one from 1 up, unless both shapes are the same.
fn whole_power<T: Number>(shape: &[usize], (b, b_shape): (&[T], &[usize])) -> Option<u32> {
    let &[exponent] = b else {
        return None;
    };
    let exponent = exponent.to_f64();
    let whole = exponent.round();
    let near = (exponent - whole).abs() < 1e-5 && (1.0..=f64::from(i32::MAX)).contains(&whole);
    (near && shape != b_shape).then_some(whole as u32)
}

/// `x` to the power of `times` by squares, every product kept finite.
fn power<T: Number>(x: T, times: u32) -> T {
    let product = |a: T, b: T| match a.mul(b) {
        low if low < T::lowest() => T::lowest(),
        high if high > T::highest() => T::highest(),
        product => product,
    };
    if times <= 1 {
        return x;
    }
    let root = power(x, times / 2);
    let square = product(root, root);
    match times % 2 {
        0 => square,
        _ => product(x, square),
    }
}

#[inline(always)]
fn truncate_div<T: Number>(a: T, b: T) -> T {
    match T::INTEGER {
        true => a.div(b),
        false => T::from_f64(a.div(b).to_f64().trunc()),
    }
}

fn unless_zero<T: Number>(tested: T, zero: T, f: impl Fn() -> T) -> T {
    if tested == T::ZERO { zero } else { f() }
}

fn check_values<T: Number>(op: BinaryOp, rules: Rules, b: &[T]) -> Result<()> {
    use BinaryOp::*;
    let divides = match op {
        Div | TruncateDiv | FloorMod | TruncateMod => T::INTEGER,
        FloorDiv => T::INTEGER || rules == Rules::Tflite,
        _ => false,
    };
    if divides && let Some(at) = b.iter().position(|&y| y == T::ZERO) {
        return Err(Error::unsupported(format!(
            "division by zero at element {at} of the divisor"
        )));
    }
    let negative = |&y: &T| y < T::ZERO;
    if op == Pow && T::INTEGER && b.iter().any(negative) {
        return Err(Error::unsupported(
            "an integer can't be raised to a negative power",
        ));
    }
    Ok(())
}

/// Operators on complex numbers held as (re, im) pairs.
pub fn binary_complex<F>(
    op: BinaryOp,
    a: (&[[F; 2]], &[usize]),
    b: (&[[F; 2]], &[usize]),
    out: (&mut [[F; 2]], &[usize]),
) -> Result<()>
where
    F: num::Float,
{
    use BinaryOp::*;
    let mul = |x: [F; 2], y: [F; 2]| [x[0] * y[0] - x[1] * y[1], x[0] * y[1] + x[1] * y[0]];
    let div = |x: [F; 2], y: [F; 2]| {
        let n = y[0] * y[0] + y[1] * y[1];
        [
            (x[0] * y[0] + x[1] * y[1]) / n,
            (x[1] * y[0] - x[0] * y[1]) / n,
        ]
    };
    let is_zero = |y: [F; 2]| y == [F::ZERO; 2];
    let or_zero = |zero: bool, z: [F; 2]| if zero { [F::ZERO; 2] } else { z };
    match op {
        Add => zip_rows(
            a,
            b,
            out,
            &by_rows(|x: [F; 2], y: [F; 2]| [x[0] + y[0], x[1] + y[1]]),
        ),
        Sub => zip_rows(
            a,
            b,
            out,
            &by_rows(|x: [F; 2], y: [F; 2]| [x[0] - y[0], x[1] - y[1]]),
        ),
        Mul => zip_rows(a, b, out, &by_rows(mul)),
        Div => zip_rows(a, b, out, &by_rows(div)),
        DivNoNan => zip_rows(a, b, out, &by_rows(|x, y| or_zero(is_zero(y), div(x, y)))),
        MulNoNan => zip_rows(a, b, out, &by_rows(|x, y| or_zero(is_zero(y), mul(x, y)))),
        // TensorFlow multiplies by the conjugate
        SquaredDifference => {
            let f = |x: [F; 2], y: [F; 2]| {
                let d = [x[0] - y[0], x[1] - y[1]];
                mul(d, [d[0], F::ZERO - d[1]])
            };
            zip_rows(a, b, out, &by_rows(f));
        }
        Pow | Xlogy | Xdivy | Xlog1py => {
            let f: fn(Complex, Complex) -> Complex = match op {
                Pow => complex::pow,
                Xlogy => |x, y| complex::times(x, complex::ln(y)),
                Xdivy => complex::over,
                _ => |x, [re, im]| complex::times(x, complex::ln([1.0 + re, im])),
            };
            let zero = op != Pow;
            zip_rows(
                a,
                b,
                out,
                &by_rows(|x: [F; 2], y: [F; 2]| {
                    or_zero(
                        zero && is_zero(x),
                        f(x.map(F::wide), y.map(F::wide)).map(F::narrow),
                    )
                }),
            );
        }
        _ => {
            return Err(Error::unsupported(format!(
                "{op:?} has no kernel for complex numbers"
            )));
        }
    }
    Ok(())
}

mod num {
    use std::ops::{Add, Div, Mul, Sub};

    /// The real type under a complex one.
    pub trait Float:
        Copy
        + PartialEq
        + Add<Output = Self>
        + Sub<Output = Self>
        + Mul<Output = Self>
        + Div<Output = Self>
    {
        const ZERO: Self;
        fn wide(self) -> f64;
        fn narrow(v: f64) -> Self;
    }

    impl Float for f32 {
        const ZERO: f32 = 0.0;
        fn wide(self) -> f64 {
            self.into()
        }
        fn narrow(v: f64) -> f32 {
            v as f32
        }
    }

    impl Float for f64 {
        const ZERO: f64 = 0.0;
        fn wide(self) -> f64 {
            self
        }
        fn narrow(v: f64) -> f64 {
            v
        }
    }
}

pub use num::Float;

/// Operators on the bits of integers (and on bools held as 0 and 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BitOp {
    And,
    Or,
    Xor,
    /// The amount is clamped to `[0, bits - 1]`.
    LeftShift,
    /// By the low 5 bits of the amount, in more bits than the type has: what leaves them is gone.
    WideShift,
    /// As LeftShift; arithmetic for signed types.
    RightShift,
}

/// An integer type with bits.
pub trait Bits: Copy {
    fn bit(self, op: BitOp, o: Self) -> Self;
}

macro_rules! bits {
    ($($t:ty)*) => { $(impl Bits for $t {
        #[inline(always)]
        #[allow(unused_comparisons, clippy::absurd_extreme_comparisons)]
        fn bit(self, op: BitOp, o: Self) -> Self {
            let amount = || if o < 0 { 0 } else { (o as u64).min(u64::from(<$t>::BITS) - 1) as u32 };
            match op {
                BitOp::And => self & o,
                BitOp::Or => self | o,
                BitOp::Xor => self ^ o,
                BitOp::LeftShift => self << amount(),
                BitOp::WideShift => ((self as i64) << (o as i64 & 31)) as $t,
                BitOp::RightShift => self >> amount(),
            }
        }
    })* };
}

bits! { i8 u8 i16 u16 i32 u32 i64 u64 }

/// A bit operator, broadcasting. Bools are `u8` 0 and 1.
pub fn bitwise<T: Bits>(
    op: BitOp,
    a: (&[T], &[usize]),
    b: (&[T], &[usize]),
    out: (&mut [T], &[usize]),
) {
    zip_rows(a, b, out, &by_rows(|x: T, y| x.bit(op, y)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn f32s(op: BinaryOp, rules: Rules, a: &[f32], b: &[f32]) -> Result<Vec<f32>> {
        let mut out = vec![0.0; a.len()];
        binary(
            op,
            rules,
            (a, &[a.len()]),
            (b, &[b.len()]),
            (&mut out, &[a.len()]),
        )?;
        Ok(out)
    }

    #[test]
    fn nan_in_maximum_follows_the_dialect() {
        let (a, b) = ([f32::NAN, 1.0], [1.0, f32::NAN]);
        let lite = f32s(BinaryOp::Maximum, Rules::Tflite, &a, &b).unwrap();
        assert!(lite[0] == 1.0 && lite[1].is_nan());
        let tf = f32s(BinaryOp::Maximum, Rules::TensorFlow, &a, &b).unwrap();
        assert!(tf.iter().all(|v| v.is_nan()));
    }

    #[test]
    fn zero_divisors() {
        assert!(f32s(BinaryOp::FloorDiv, Rules::Tflite, &[1.0], &[0.0]).is_err());
        let tf = f32s(BinaryOp::FloorDiv, Rules::TensorFlow, &[1.0], &[0.0]).unwrap();
        assert_eq!(tf, [f32::INFINITY]);
        let safe = f32s(BinaryOp::DivNoNan, Rules::TensorFlow, &[f32::NAN], &[0.0]).unwrap();
        assert_eq!(safe, [0.0]);
        let mut out = [0];
        let error = binary(
            BinaryOp::Div,
            Rules::Tflite,
            (&[1], &[1]),
            (&[0], &[1]),
            (&mut out, &[1]),
        );
        assert!(error.is_err());
    }

    #[test]
    fn shift_amounts_are_clamped() {
        assert_eq!((-8i32).bit(BitOp::RightShift, 1), -4);
        assert_eq!(8i32.bit(BitOp::RightShift, 40), 0);
        assert_eq!(8i32.bit(BitOp::RightShift, -1), 8);
    }
}

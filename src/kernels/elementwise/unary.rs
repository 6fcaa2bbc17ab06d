//! Functions of one number.

use half::{bf16, f16};

use super::map;
use super::special;
use super::wide;
use crate::kernels::cpu::{self, by_level};

/// Functions of one real number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum UnaryOp {
    Abs,
    Neg,
    /// -1, 0, 1; NaN stays, -0 gives 0.
    Sign,
    Square,
    Sqrt,
    Rsqrt,
    Reciprocal,
    Exp,
    Expm1,
    Log,
    Log1p,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Sinh,
    Cosh,
    Asinh,
    Acosh,
    Atanh,
    Tanh,
    Logistic,
    Floor,
    Ceil,
    /// Half to even.
    Round,
    /// Half to even, up from the floor: between -1 and 0 the 0 has no sign.
    RoundUp,
    Trunc,
    Erf,
    Erfc,
    Relu,
    Relu6,
    ReluN1To1,
    Relu0To1,
    LeakyRelu {
        alpha: f32,
    },
    Elu,
    Selu,
    Softplus,
    Softsign,
    /// `x * (1 + erf(x / sqrt 2)) / 2`
    Gelu,
    /// With the tanh approximation.
    GeluTanh,
    /// `x * relu6(x + 3) / 6`
    HardSwish,
    /// `x * logistic(x)`
    Swish,
}

/// A float type with the functions above.
pub trait Real: Copy {
    fn eval(op: UnaryOp, x: &[Self], out: &mut [Self]);
}

macro_rules! reals {
    ($($t:ident, $erf:path, $erfc:path, $wide:path;)*) => { $(impl Real for $t {
        fn eval(op: UnaryOp, x: &[Self], out: &mut [Self]) {
            use UnaryOp::*;
            if $wide(op, x, out) {
                return;
            }
            match op {
                Abs => map(x, out, $t::abs),
                Neg => map(x, out, |x| -x),
                Sign => map(x, out, |x| if x > 0.0 { 1.0 } else if x < 0.0 { -1.0 } else if x == 0.0 { 0.0 } else { x }),
                Square => map(x, out, |x| x * x),
                Sqrt => map(x, out, $t::sqrt),
                Rsqrt => map(x, out, |x| 1.0 / x.sqrt()),
                Reciprocal => map(x, out, |x| 1.0 / x),
                Exp => map(x, out, $t::exp),
                Expm1 => map(x, out, $t::exp_m1),
                Log => map(x, out, $t::ln),
                Log1p => map(x, out, $t::ln_1p),
                Sin => map(x, out, $t::sin),
                Cos => map(x, out, $t::cos),
                Tan => map(x, out, $t::tan),
                Asin => map(x, out, $t::asin),
                Acos => map(x, out, $t::acos),
                Atan => map(x, out, $t::atan),
                Sinh => map(x, out, $t::sinh),
                Cosh => map(x, out, $t::cosh),
                Asinh => map(x, out, $t::asinh),
                Acosh => map(x, out, $t::acosh),
                Atanh => map(x, out, $t::atanh),
                Tanh => map(x, out, $t::tanh),
                Logistic => map(x, out, |x| 1.0 / (1.0 + (-x).exp())),
                Floor => map(x, out, $t::floor),
                Ceil => map(x, out, $t::ceil),
                Round => map(x, out, $t::round_ties_even),
                RoundUp => map(x, out, |x| match x.round_ties_even() {
                    0.0 if x != 0.0 => 0.0,
                    whole => whole,
                }),
                Trunc => map(x, out, $t::trunc),
                Erf => map(x, out, $erf),
                Erfc => map(x, out, $erfc),
                Relu => map(x, out, |x| if x < 0.0 { 0.0 } else { x }),
                Relu6 => map(x, out, |x| clamp(x, 0.0, 6.0)),
                ReluN1To1 => map(x, out, |x| clamp(x, -1.0, 1.0)),
                Relu0To1 => map(x, out, |x| clamp(x, 0.0, 1.0)),
                LeakyRelu { alpha } => {
                    let alpha = $t::from(alpha);
                    map(x, out, |x| if x > 0.0 { x } else { x * alpha });
                }
                Elu => map(x, out, |x| if x < 0.0 { x.exp_m1() } else { x }),
                Selu => map(x, out, |x| {
                    const SCALE: f64 = 1.050_700_987_355_480_5;
                    const ALPHA: f64 = 1.673_263_242_354_377_2;
                    if x < 0.0 { (SCALE * ALPHA) as $t * x.exp_m1() } else { SCALE as $t * x }
                }),
                Softplus => map(x, out, |x| x.max(0.0) + (-x.abs()).exp().ln_1p()),
                Softsign => map(x, out, |x| x / (1.0 + x.abs())),
                // Far below 0 one and the error function would cancel.
                Gelu => map(x, out, |x| 0.5 * x * $erfc(x * -std::$t::consts::FRAC_1_SQRT_2)),
                GeluTanh => map(x, out, |x| {
                    let root = std::$t::consts::FRAC_2_SQRT_PI * std::$t::consts::FRAC_1_SQRT_2;
                    0.5 * x * (1.0 + (root * (x + 0.044715 * x * x * x)).tanh())
                }),
                HardSwish => map(x, out, |x| x * clamp(x + 3.0, 0.0, 6.0) / 6.0),
                Swish => map(x, out, |x| x / (1.0 + (-x).exp())),
            }

            /// NaN passes through.
            #[inline(always)]
            fn clamp(x: $t, lo: $t, hi: $t) -> $t {
                if x < lo { lo } else if x > hi { hi } else { x }
            }
        }
    })* };
}

reals! {
    f32, special::erf_f32, special::erfc_f32, wide::eval;
    f64, special::erf, special::erfc, no_vectors;
}

/// f64 is what [`wide`] computes in.
fn no_vectors(_: UnaryOp, _: &[f64], _: &mut [f64]) -> bool {
    false
}

macro_rules! halves {
    ($($t:ident)*) => { $(impl Real for $t {
        /// In f32, rounded once.
        fn eval(op: UnaryOp, x: &[Self], out: &mut [Self]) {
            const CHUNK: usize = 256;
            let (mut wide, mut result) = ([0f32; CHUNK], [0f32; CHUNK]);
            for (x, out) in x.chunks(CHUNK).zip(out.chunks_mut(CHUNK)) {
                let (wide, result) = (&mut wide[..x.len()], &mut result[..x.len()]);
                map(x, wide, $t::to_f32);
                f32::eval(op, wide, result);
                map(result, out, $t::from_f32);
            }
        }
    })* };
}

halves! { f16 bf16 }

/// A function of floats, element by element.
pub fn unary<T: Real>(op: UnaryOp, x: &[T], out: &mut [T]) {
    assert_eq!(x.len(), out.len());
    T::eval(op, x, out);
}

/// GELU of half-precision numbers, every step of which is rounded, as TensorFlow Lite's kernel does it.
pub fn gelu_f16(tanh: bool, x: &[f16], out: &mut [f16]) {
    let (half, one) = (f16::from_f32(0.5), f16::ONE);
    let root = f16::from_f32(std::f32::consts::FRAC_2_SQRT_PI * std::f32::consts::FRAC_1_SQRT_2);
    let (cubic, slope) = (
        f16::from_f32(0.044715),
        f16::from_f32(-std::f32::consts::FRAC_1_SQRT_2),
    );
    map(x, out, |x| {
        let tail = if tanh {
            let inner = root * (x + cubic * (x * x * x));
            one + f16::from_f32(inner.to_f32().tanh())
        } else {
            f16::from_f32(special::erfc_f32((x * slope).to_f32()))
        };
        half * x * tail
    });
}

/// The functions that integers have too; they wrap (`abs(MIN)` = `MIN`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IntegerOp {
    Abs,
    Neg,
    Sign,
    Square,
    /// All bits flipped.
    Invert,
    Relu,
    Relu6,
}

pub trait Integer: Copy {
    fn eval(op: IntegerOp, x: Self) -> Self;
}

macro_rules! integers {
    ($($t:ty = $abs:expr, $sign:expr;)*) => { $(impl Integer for $t {
        #[inline(always)]
        fn eval(op: IntegerOp, x: Self) -> Self {
            match op {
                IntegerOp::Abs => $abs(x),
                IntegerOp::Neg => x.wrapping_neg(),
                IntegerOp::Sign => $sign(x),
                IntegerOp::Square => x.wrapping_mul(x),
                IntegerOp::Invert => !x,
                IntegerOp::Relu => x.max(0),
                IntegerOp::Relu6 => x.clamp(0, 6),
            }
        }
    })* };
}

integers! {
    i8 = i8::wrapping_abs, i8::signum; i16 = i16::wrapping_abs, i16::signum;
    i32 = i32::wrapping_abs, i32::signum; i64 = i64::wrapping_abs, i64::signum;
    u8 = |x| x, |x: u8| x.min(1); u16 = |x| x, |x: u16| x.min(1);
    u32 = |x| x, |x: u32| x.min(1); u64 = |x| x, |x: u64| x.min(1);
}

/// A function of integers, element by element.
pub fn unary_integer<T: Integer>(op: IntegerOp, x: &[T], out: &mut [T]) {
    map(x, out, |x| T::eval(op, x));
}

/// Bools held as 0 and 1.
pub fn logical_not(x: &[u8], out: &mut [u8]) {
    map(x, out, |x| u8::from(x == 0));
}

/// PRELU on f32: `x` where not negative, else `x * alpha`, alpha broadcast against the last axes of `x`.
pub fn prelu_f32(x: (&[f32], &[usize]), alpha: (&[f32], &[usize]), out: &mut [f32]) {
    let level = cpu::level();
    super::zip_rows(x, alpha, (out, x.1), &|x, a, out| {
        prelu_row(level, x, a, out)
    });
}

by_level! {
    fn prelu_row(x: &[f32], alpha: &[f32], out: &mut [f32]) = prelu_of_row
}

#[inline(always)]
fn prelu_of_row(x: &[f32], alpha: &[f32], out: &mut [f32]) {
    let (x, alpha) = (&x[..out.len()], &alpha[..out.len()]);
    for (i, out) in out.iter_mut().enumerate() {
        *out = if x[i] >= 0.0 { x[i] } else { x[i] * alpha[i] };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(op: UnaryOp, x: f32) -> f32 {
        let mut out = [0.0f32];
        unary(op, &[x], &mut out);
        out[0]
    }

    #[test]
    fn edges() {
        assert!(one(UnaryOp::Relu, -0.0).is_sign_negative());
        assert!(one(UnaryOp::Relu6, f32::NAN).is_nan());
        assert_eq!(one(UnaryOp::Round, 2.5), 2.0);
        let sign = |op, x| one(op, x).is_sign_negative();
        assert!(sign(UnaryOp::Round, -0.5) && !sign(UnaryOp::RoundUp, -0.5));
        assert!(sign(UnaryOp::RoundUp, -0.0) && sign(UnaryOp::RoundUp, -1.5));
        assert!(one(UnaryOp::Sign, -0.0).is_sign_positive());
        assert!((one(UnaryOp::Gelu, 0.5) - 0.345_731_23).abs() < 1e-6);
        assert!((one(UnaryOp::GeluTanh, 0.5) - 0.345_714).abs() < 1e-6);
        assert!((one(UnaryOp::Erf, 0.5) - 0.520_499_9).abs() < 1e-6);
        assert_eq!(one(UnaryOp::HardSwish, 4.0), 4.0);
        assert_eq!(one(UnaryOp::Softplus, 100.0), 100.0);
    }

    #[test]
    fn half_gelu_is_within_two_units_of_the_real_one() {
        let x: Vec<f16> = (-40..40).map(|i| f16::from_f32(i as f32 * 0.1)).collect();
        let wide: Vec<f32> = x.iter().map(|v| v.to_f32()).collect();
        let (mut out, mut real) = (vec![f16::ZERO; x.len()], vec![0.0; x.len()]);
        for tanh in [false, true] {
            gelu_f16(tanh, &x, &mut out);
            let op = if tanh {
                UnaryOp::GeluTanh
            } else {
                UnaryOp::Gelu
            };
            unary(op, &wide, &mut real);
            for (got, want) in out.iter().zip(&real) {
                assert!(
                    (got.to_f32() - want).abs() <= 2e-3 * want.abs().max(1.0),
                    "{got} {want}"
                );
            }
        }
    }

    #[test]
    fn half_types_round_once() {
        let mut out = [f16::ZERO; 2];
        unary(
            UnaryOp::Sqrt,
            &[f16::from_f32(2.0), f16::from_f32(9.0)],
            &mut out,
        );
        assert_eq!(out, [f16::from_f32(2f32.sqrt()), f16::from_f32(3.0)]);
    }

    #[test]
    fn integers_wrap() {
        let mut out = [0i32];
        unary_integer(IntegerOp::Abs, &[i32::MIN], &mut out);
        assert_eq!(out, [i32::MIN]);
    }
}

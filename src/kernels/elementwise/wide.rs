//! Functions of f32 whose loops become vectors: what is not rational in them is computed in f64 without branches.

use std::f64::consts::{LN_2, LOG2_E};

use super::eigen;
use super::expf::expf;
use super::fdlibm::{expm1f, tanhf};
use super::unary::UnaryOp;
use crate::kernels::cpu::{self, by_level};

/// Fills `out` where the function is one of those here.
pub fn eval(op: UnaryOp, x: &[f32], out: &mut [f32]) -> bool {
    let level = cpu::level();
    match op {
        UnaryOp::Erf => erf_all(level, x, out),
        UnaryOp::Erfc => erfc_all(level, x, out),
        UnaryOp::Gelu => gelu_all(level, x, out),
        UnaryOp::GeluTanh => gelu_tanh_all(level, x, out),
        UnaryOp::Exp => exp_all(level, x, out),
        UnaryOp::Tanh => tanh_all(level, x, out),
        UnaryOp::Elu => elu_all(level, x, out),
        UnaryOp::Logistic => logistic_all(level, x, out),
        UnaryOp::Swish => swish_all(level, x, out),
        _ => return false,
    }
    true
}

macro_rules! all {
    ($($inner:ident, $all:ident = $f:path;)*) => { $(
        #[inline(always)]
        fn $inner(x: &[f32], out: &mut [f32]) {
            let x = &x[..out.len()];
            for (i, out) in out.iter_mut().enumerate() {
                *out = $f(x[i]);
            }
        }

        by_level! {
            fn $all(x: &[f32], out: &mut [f32]) = $inner
        }
    )* };
}

all! {
    erf_each, erf_all = erf;
    erfc_each, erfc_all = erfc;
    gelu_each, gelu_all = gelu;
    gelu_tanh_each, gelu_tanh_all = gelu_tanh;
    exp_each, exp_all = expf;
    tanh_each, tanh_all = tanhf;
    elu_each, elu_all = elu;
    logistic_each, logistic_all = logistic;
    swish_each, swish_all = swish;
}

/// From here on `erf` is 1 in f32.
const FLAT: f64 = 4.0;

/// `erf(x) / x` as a polynomial in `x^2 / 8 - 1`, from the constant on: interpolated at the Chebyshev nodes of
/// `x^2` in [0, 16], where it is within 4e-13.
const ERF: [f64; 23] = [
    0.35353099564340573,
    -0.17657623330391473,
    0.13167511689525005,
    -0.10771044230495758,
    0.09020899405413609,
    -0.07472787154625182,
    0.059886906576729036,
    -0.04576504107028729,
    0.03306061302879038,
    -0.022474028121113862,
    0.014349731625669786,
    -0.008604364490232764,
    0.004853008565359942,
    -0.002583019044823478,
    0.0012940268888502506,
    -0.0006048767893340166,
    0.00027314126509736514,
    -0.00012648284641529796,
    5.0474032199734075e-05,
    -1.2640567982326385e-05,
    5.088267599880364e-06,
    -4.585389473030101e-06,
    1.4847774645718543e-06,
];

/// Within a unit in the last place.
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    let x = f64::from(x).clamp(-FLAT, FLAT);
    let at = x * x / 8.0 - 1.0;
    let mut sum = 0.0;
    for coefficient in ERF.iter().rev() {
        sum = sum * at + coefficient;
    }
    (x * sum) as f32
}

/// Taylor's polynomial of `e^x`: on [-ln 2 / 2, ln 2 / 2] the next term is 2e-16.
const EXP: [f64; 13] = {
    let mut coefficients = [1.0; 13];
    let mut term = 1;
    while term < coefficients.len() {
        coefficients[term] = coefficients[term - 1] / term as f64;
        term += 1;
    }
    coefficients
};

/// `e^x` within 1e-14, for `x` in [-700, 700].
#[inline(always)]
fn exp(x: f64) -> f64 {
    /// Added to a small number, its last bits are the nearest integer.
    const SHIFT: f64 = 1.5 * (1u64 << 52) as f64;
    let shifted = x * LOG2_E + SHIFT;
    let rest = x - (shifted - SHIFT) * LN_2;
    let mut sum = 0.0;
    for coefficient in EXP.iter().rev() {
        sum = sum * rest + coefficient;
    }
    let power = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    sum * power
}

/// With f32's roundings in between, as the reference computes it.
#[inline(always)]
fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + expf(-x))
}

#[inline(always)]
fn elu(x: f32) -> f32 {
    let below = expm1f(if x < 0.0 { x } else { 0.0 });
    if x < 0.0 { below } else { x }
}

#[inline(always)]
fn swish(x: f32) -> f32 {
    x / (1.0 + expf(-x))
}

/// `e^(z²) erfc(z) (1 + z / 2)` as a polynomial in `1 / (1 + z / 2) - 1/2`, from the constant on: fitted at the Chebyshev
/// nodes of the latter for `z` in [0, 10.4], where it is within 4e-9 of its value.
const TAIL: [f64; 11] = [
    0.5107913544328427,
    0.6871606949052094,
    0.558943511895021,
    0.14576739841874675,
    -0.17204445681913466,
    -0.1036231763817508,
    0.09798844883822456,
    0.05337170542632962,
    -0.07585956158618706,
    -0.012544198993712764,
    0.03613960591164777,
];

/// `1 - erf(x)`, as exact where it is small.
#[inline(always)]
fn erfc(x: f32) -> f32 {
    let tail = tail(f64::from(x.abs()));
    if x < 0.0 { 2.0 - tail } else { tail }
}

/// `erfc(z)` for `z` from 0 on.
#[inline(always)]
fn tail(z: f64) -> f32 {
    // From there on it is 0 in f32.
    let z = z.clamp(0.0, 10.4);
    let at = 1.0 / (1.0 + z / 2.0);
    let mut sum = 0.0;
    for coefficient in TAIL.iter().rev() {
        sum = sum * (at - 0.5) + coefficient;
    }
    (sum * at * exp(-z * z)) as f32
}

/// One and an error function near -1 would cancel.
#[inline(always)]
fn gelu(x: f32) -> f32 {
    0.5 * x * eigen::erfc(x * -std::f32::consts::FRAC_1_SQRT_2)
}

#[inline(always)]
fn gelu_tanh(x: f32) -> f32 {
    let root = std::f32::consts::FRAC_2_SQRT_PI * std::f32::consts::FRAC_1_SQRT_2;
    0.5 * x * (1.0 + eigen::tanh(root * (x + 0.044715 * (x * x * x))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::special;
    use super::*;

    fn near(got: f32, want: f64, x: f32) -> Result<(), TestCaseError> {
        let want = want as f32;
        let step = f32::EPSILON * want.abs() + f32::MIN_POSITIVE;
        prop_assert!(
            (got - want).abs() <= step || got.to_bits() == want.to_bits(),
            "{x}: {got}, not {want}"
        );
        Ok(())
    }

    proptest! {
        #[test]
        fn as_in_f64(exponent in -20f32..3.0, sign in any::<bool>()) {
            let x = if sign { -(10f32.powf(exponent)) } else { 10f32.powf(exponent) };
            let wide = f64::from(x);
            near(erf(x), special::erf(wide), x)?;
            near(erfc(x), special::erfc(wide), x)?;
            let tail = special::erfc(-wide * std::f64::consts::FRAC_1_SQRT_2);
            // The argument of the tail is rounded, which far below 0 is felt.
            let off = 7e-7 + wide * wide * 7e-8;
            prop_assert!((f64::from(gelu(x)) - 0.5 * wide * tail).abs() <= (0.5 * wide * tail).abs() * off + 1e-44);
            prop_assert!((logistic(x) - 1.0 / (1.0 + (-x).exp())).abs() <= f32::EPSILON);
            prop_assert!((swish(x) - x / (1.0 + (-x).exp())).abs() <= x.abs() * f32::EPSILON);
        }

        #[test]
        fn every_level_gives_the_same(x in proptest::collection::vec(-20f32..20.0, 1..70)) {
            let of = |level, f: fn(cpu::Level, &[f32], &mut [f32])| {
                let mut out = vec![0f32; x.len()];
                f(level, &x, &mut out);
                out
            };
            for f in [erf_all, erfc_all, gelu_all, gelu_tanh_all, tanh_all, elu_all, logistic_all, swish_all] {
                let want = of(cpu::Level::Portable, f);
                for level in cpu::levels() {
                    prop_assert_eq!(&of(level, f), &want);
                }
            }
        }
    }

    /// `x`, GELU and its approximation, of LiteRT 2.3's reference kernels for x86-64.
    const GELU: &[(u32, u32, u32)] = &[
        (0xBF99_F889, 0xBE0D_0C17, 0xBE0D_4445),
        (0xBFFE_46E5, 0xBD3F_1BD7, 0xBD3E_C167),
        (0xBEBE_BDE2, 0xBE07_5444, 0xBE07_55C6),
        (0x3F21_7373, 0x3EED_9D3E, 0x3EED_981F),
        (0x3FDA_1EF6, 0x3FD0_7BC5, 0x3FD0_7780),
        (0x3E28_8250, 0x3DBE_88E5, 0x3DBE_88C6),
        (0xBF54_3771, 0xBE2C_CBAA, 0xBE2C_E41F),
        (0xBF96_AD86, 0xBE10_1FF4, 0xBE10_5685),
        (0x3F8F_C25A, 0x3F79_F10B, 0x3F79_E45F),
        (0x401C_F06E, 0x401B_D32F, 0x401B_DA18),
        (0x3ED1_7C86, 0x3E8A_01BD, 0x3E8A_00AA),
        (0xBFEC_CC92, 0xBD73_AC94, 0xBD73_C9B0),
        (0xBFB7_FCA7, 0xBDDD_ACBC, 0xBDDE_24E5),
        (0x4019_9A12, 0x4018_57C0, 0x4018_5E43),
        (0xC15E_6666, 0x8000_0139, 0x8000_0000),
        (0xC118_0000, 0x9E3C_52E3, 0x8000_0000),
        (0xC086_6666, 0xB86B_198E, 0xB7DB_7333),
        (0x3CF5_C28F, 0x3C7B_A44A, 0x3C7B_A44A),
        (0x4039_999A, 0x4039_40F3, 0x4039_483A),
        (0x4130_0000, 0x4130_0000, 0x4130_0000),
    ];

    #[test]
    fn gelu_is_the_reference_s() {
        for &(x, want, approximate) in GELU {
            let x = f32::from_bits(x);
            assert_eq!(gelu(x).to_bits(), want, "{x}");
            assert_eq!(gelu_tanh(x).to_bits(), approximate, "{x}");
        }
    }

    #[test]
    fn ends_and_nan() {
        let infinity = f32::INFINITY;
        assert_eq!([erf(infinity), erf(-infinity)], [1.0, -1.0]);
        assert_eq!([logistic(infinity), logistic(-infinity)], [1.0, 0.0]);
        assert_eq!([gelu(infinity), swish(infinity)], [infinity; 2]);
        for f in [erf, elu, gelu, gelu_tanh, logistic, swish] {
            assert!(f(f32::NAN).is_nan());
        }
    }
}

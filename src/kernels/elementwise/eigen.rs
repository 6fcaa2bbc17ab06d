//! Functions of f32 to the bit as Eigen has them where it is built without fused multiplication and addition, as in
//! LiteRT's packages for x86-64: GELU is made of them there. Their loops become vectors.
//!
//! The coefficients are those of Eigen's `pexp_float`, `generic_fast_erfc<float>` and `ptanh_float`.

use super::fdlibm::power_of_two;

/// Each step of Horner's rule rounds twice; the highest power comes first.
#[inline(always)]
fn polynomial<const N: usize>(coefficients: &[f32; N], x: f32) -> f32 {
    let mut sum = coefficients[0];
    let mut next = 1;
    while next < N {
        sum = sum * x + coefficients[next];
        next += 1;
    }
    sum
}

/// `ln 2` in two parts, the first with 9 bits.
pub const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];

/// `(e^r - 1 - r) / r^2`: the even powers of `r`, then the odd ones.
pub const EXP: [&[f32]; 2] = [
    &[0.001_374_496_4, 0.041_669_652, 0.499_999_88],
    &[0.008_368_945, 0.166_665_18],
];

/// `e^x` for `x` in [-121, 0].
#[inline(always)]
fn exp(x: f32) -> f32 {
    let n = (x * std::f32::consts::LOG2_E + 0.5).floor();
    let r = x - n * LN_2[0] - n * LN_2[1];
    let square = r * r;
    let even = square * (square * EXP[0][0] + EXP[0][1]) + EXP[0][2];
    let odd = square * EXP[1][0] + EXP[1][1];
    let power = square * (r * odd + even) + (r + 1.0);
    // In two steps: half of `n` is an exponent of a normal number.
    let half = (n * 0.5).floor();
    power * power_of_two(half) * power_of_two(n - half)
}

/// `(erfc(x) - 1) / x` in powers of `x^2` up to 1.
pub const NEAR: [f32; 6] = [
    5.618_023e-4,
    -0.004_913_816_7,
    0.026_707_515,
    -0.112_800_11,
    0.376_122_95,
    // The float below 2 / sqrt(pi).
    -f32::from_bits(0x3F90_6EBA),
];

/// `e^(x^2) x erfc(x)` in powers of `1 / x^2` from 1 on, above and below the line.
pub const FAR: (&[f32; 4], &[f32; 5]) = (
    &[0.102_081_165, 0.429_206_67, 0.323_790_8, 0.053_971_976],
    &[0.017_251_678, 0.391_371_64, 1.0, 0.621_732_4, 0.095_662_86],
);

/// `erfc(x) = 1 - erf(x)`, within 5 units in the last place.
#[inline(always)]
pub fn erfc(x: f32) -> f32 {
    let x = x.clamp(-11.0, 11.0);
    let square = x * x;
    let near = x * polynomial(&NEAR, square) + 1.0;
    // Exact, if not too small to matter.
    let lost = x.mul_add(x, -square);
    let power = exp(-square);
    let power = power - power * lost;
    let inverse = 1.0 / square;
    let ratio = polynomial(FAR.0, inverse) / (x * polynomial(FAR.1, inverse));
    let far = power * ratio + if x < 0.0 { 2.0 } else { 0.0 };
    if square > 1.0 { far } else { near }
}

/// From here on the ratio is 1.
pub const FLAT: f32 = 7.907_389_6;

/// `tanh(x) = (x + x^3 P(x^2)) / Q(x^2)`.
pub const TANH: (&[f32; 4], &[f32; 5]) = (
    &[
        1.394_553_6e-8,
        2.102_733_6e-5,
        0.003_520_756_7,
        0.134_021_61,
    ],
    &[
        8.015_777e-7,
        3.326_951_4e-4,
        0.025_972_545,
        0.467_354_83,
        1.0,
    ],
);

/// Within 3 units in the last place.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let x = x.clamp(-FLAT, FLAT);
    let square = x * x;
    let above = square * x * polynomial(TANH.0, square) + x;
    above / polynomial(TANH.1, square)
}

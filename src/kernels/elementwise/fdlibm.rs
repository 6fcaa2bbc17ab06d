//! `tanh(x)`, `erfc(x)` and, below 0, `e^x - 1` to the bit as C's `tanhf`, `erfcf` and `expm1f` have them.
//!
//! C libraries take the first and the last from Sun's fdlibm (`s_tanhf.c`, `s_expm1f.c`): with `x = n ln 2 + r`, `e^r - 1` by a rational function
//! of `r`, each step rounded to f32, then what `n` asks for. Here what the cases differ in is chosen, so that a loop becomes
//! vectors. Every f32 was compared with glibc 2.36. `erfc` is their `s_erff.c`, which fills tables and is left as it is: a
//! rational function for each of four ranges. Every 17th f32 was compared.

// With the digits that fdlibm has.
#![allow(clippy::excessive_precision)]

use std::f32::consts::LOG2_E;

use super::expf::expf;

/// `ln 2` in two parts, the first with 17 bits.
pub const LN_2: [f32; 2] = [0.693_138_1, 9.058_001e-6];

/// Coefficients in powers of `r^2 / 2` of what makes the rational function, from the constant on.
pub const RATIONAL: [f32; 6] = [
    1.0,
    -0.033_333_335,
    0.001_587_301_6,
    -7.936_508e-5,
    4.008_217_7e-6,
    -2.010_992_1e-7,
];

/// Added to a number below 2^22, its last bits are the nearest whole number.
const SHIFT: f32 = 1.5 * (1 << 23) as f32;

/// From here on `tanh(x)` is 1 in f32.
pub const FLAT: f32 = 10.0;

/// From here on down `e^x - 1` is -1 in f32.
pub const DEEP: f32 = -20.0;

/// `x = n ln 2 + r` with whole `n`, `e^r - 1`, and what `r` has more than that, less exactly.
#[inline(always)]
fn parts(x: f32) -> (f32, f32, f32) {
    let n = x.mul_add(LOG2_E, SHIFT) - SHIFT;
    // Exact for the `n` that are asked for here.
    let near = n.mul_add(-LN_2[0], x);
    let rest = n * LN_2[1];
    let r = near - rest;
    let lost = (near - r) - rest;
    let half = 0.5 * r;
    let square = r * half;
    let mut sum = RATIONAL[5];
    for coefficient in RATIONAL[..5].iter().rev() {
        sum = coefficient + square * sum;
    }
    let three = 3.0 - sum * half;
    let e = square * ((sum - three) / (6.0 - r * three));
    (n, r - (r * e - square), r * (e - lost) - lost - square - r)
}

/// `2^n` for whole `n` in [-126, 127].
#[inline(always)]
pub fn power_of_two(n: f32) -> f32 {
    f32::from_bits((n + (127 + (1 << 23)) as f32).to_bits() << 23)
}

/// `e^x - 1` for `x` up to 0; NaN stays.
#[inline(always)]
pub fn expm1f(x: f32) -> f32 {
    let x = if x < DEEP { DEEP } else { x };
    let (n, near, more) = parts(x);
    let (base, less) = if n == -1.0 { (0.0, 0.5) } else { (1.0, 1.0) };
    let far = (base - more) * power_of_two(n) - less;
    if n == 0.0 { near } else { far }
}

/// `tanh(x)` by `e^2|x| - 1` from 1 on, by `e^-2|x| - 1` below; NaN stays.
#[inline(always)]
pub fn tanhf(x: f32) -> f32 {
    let size = x.abs();
    let size = if size > FLAT { FLAT } else { size };
    let steep = size >= 1.0;
    let (n, near, more) = parts(if steep { 2.0 * size } else { -2.0 * size });
    let (base, less) = if n == -1.0 { (0.0, 0.5) } else { (1.0, 1.0) };
    let (base, less) = if steep {
        (1.0 - power_of_two(-n), 0.0)
    } else {
        (base, less)
    };
    let far = (base - more) * power_of_two(n) - less;
    let t = if n == 0.0 { near } else { far };
    let ratio = (if steep { 2.0 } else { -t }) / (t + 2.0);
    (if steep { 1.0 - ratio } else { ratio }).copysign(x)
}

/// Coefficients of what `erfc` is made of, dividend and divisor from the constant on.
const NEAR: ([f32; 5], [f32; 6]) = (
    [
        1.2837916613e-01,
        -3.2504209876e-01,
        -2.8481749818e-02,
        -5.7702702470e-03,
        -2.3763017452e-05,
    ],
    [
        1.0,
        3.9791721106e-01,
        6.5022252500e-02,
        5.0813062117e-03,
        1.3249473704e-04,
        -3.9602282413e-06,
    ],
);
const MIDDLE: ([f32; 7], [f32; 7]) = (
    [
        -2.3621185683e-03,
        4.1485610604e-01,
        -3.7220788002e-01,
        3.1834661961e-01,
        -1.1089469492e-01,
        3.5478305072e-02,
        -2.1663755178e-03,
    ],
    [
        1.0,
        1.0642088205e-01,
        5.4039794207e-01,
        7.1828655899e-02,
        1.2617121637e-01,
        1.3637083583e-02,
        1.1984500103e-02,
    ],
);
const FAR: ([f32; 8], [f32; 9]) = (
    [
        -9.8649440333e-03,
        -6.9385856390e-01,
        -1.0558626175e+01,
        -6.2375331879e+01,
        -1.6239666748e+02,
        -1.8460508728e+02,
        -8.1287437439e+01,
        -9.8143291473e+00,
    ],
    [
        1.0,
        1.9651271820e+01,
        1.3765776062e+02,
        4.3456588745e+02,
        6.4538726807e+02,
        4.2900814819e+02,
        1.0863500214e+02,
        6.5702495575e+00,
        -6.0424413532e-02,
    ],
);
const FARTHEST: ([f32; 7], [f32; 8]) = (
    [
        -9.8649431020e-03,
        -7.9928326607e-01,
        -1.7757955551e+01,
        -1.6063638306e+02,
        -6.3756646729e+02,
        -1.0250950928e+03,
        -4.8351919556e+02,
    ],
    [
        1.0,
        3.0338060379e+01,
        3.2579251099e+02,
        1.5367296143e+03,
        3.1998581543e+03,
        2.5530502930e+03,
        4.7452853394e+02,
        -2.2440952301e+01,
    ],
);
/// `erf(1)` in few bits, around which the middle is expanded.
const AT_ONE: f32 = 8.4506291151e-01;

/// About `1 / 0.35`, where the far range is parted.
const PARTED: u32 = 0x4036_DB6D;

/// The upper half of a fraction's bits.
const UPPER: u32 = 0xFFFF_E000;

fn ratio<const N: usize, const M: usize>((above, below): &([f32; N], [f32; M]), at: f32) -> f32 {
    let sum = |coefficients: &[f32]| {
        coefficients
            .iter()
            .rev()
            .copied()
            .reduce(|sum, c| c + at * sum)
            .unwrap_or(0.0)
    };
    sum(above) / sum(below)
}

/// `erfc(x)`; NaN stays.
pub fn erfcf(x: f32) -> f32 {
    let size = x.abs();
    if size.is_nan() {
        return x;
    }
    if size < 0.84375 {
        // Below 2^-26 the product changes nothing.
        let y = ratio(&NEAR, x * x);
        return match x < 0.25 {
            true => 1.0 - (x + x * y),
            false => 0.5 - (x * y + (x - 0.5)),
        };
    }
    if size < 1.25 {
        let y = ratio(&MIDDLE, size - 1.0);
        return match x > 0.0 {
            true => (1.0 - AT_ONE) - y,
            false => 1.0 + (AT_ONE + y),
        };
    }
    if size >= 28.0 || x <= -6.0 {
        return if x > 0.0 { 0.0 } else { 2.0 };
    }
    let s = 1.0 / (size * size);
    let y = match size.to_bits() < PARTED {
        true => ratio(&FAR, s),
        false => ratio(&FARTHEST, s),
    };
    // Its square is exact.
    let z = f32::from_bits(size.to_bits() & UPPER);
    let r = expf(-z * z - 0.5625) * expf((z - size) * (z + size) + y);
    if x > 0.0 { r / size } else { 2.0 - r / size }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `x`, `tanhf(x)`, `expm1f(-x)` of glibc 2.36.
    const GIVEN: &[(u32, u32, u32)] = &[
        (0x3E79_4D4C, 0x3E74_7D8D, 0xBE5D_4642),
        (0x4005_0728, 0x3F78_1C03, 0xBF5F_F8CA),
        (0x3DCD_B117, 0x3DCD_00BF, 0xBDC3_B31F),
        (0x3FB2_ABE8, 0x3F62_6BB4, 0xBF40_9C28),
        (0x3F41_513B, 0x3F23_61A7, 0xBF07_B1DF),
        (0x3F15_EA57, 0x3F06_D7B2, 0xBEE2_EF54),
        (0x3F5B_213F, 0x3F31_B5B0, 0xBF13_3BD5),
        (0x3F29_FF74, 0x3F14_C007, 0xBEF8_715B),
        (0x3D9B_0A43, 0x3D9A_BE9D, 0xBD95_5120),
        (0x3F35_12C3, 0x3F1B_E6E5, 0xBF01_CD0F),
        (0x3E2E_147B, 0x3E2C_6C15, 0xBE20_1655),
        (0x3EB1_758E, 0x3EAA_ADBF, 0xBE95_F88C),
        (0x3F05_1EB8, 0x3EF4_9518, 0xBECF_9B00),
        (0x3F80_0000, 0x3F42_F7D6, 0xBF21_D2A7),
        (0x40FC_CCCD, 0x3F7F_FFFB, 0xBF7F_E7B4),
        (0x4110_28F6, 0x3F7F_FFFF, 0xBF7F_F7FE),
        (0x3727_C5AC, 0x3727_C5AC, 0xB727_C575),
    ];

    #[test]
    fn they_are_the_c_library_s() {
        for &(x, tanh, expm1) in GIVEN {
            let x = f32::from_bits(x);
            assert_eq!(tanhf(x).to_bits(), tanh, "tanh({x})");
            assert_eq!((-tanhf(-x)).to_bits(), tanh, "tanh({})", -x);
            assert_eq!(expm1f(-x).to_bits(), expm1, "expm1({})", -x);
        }
    }

    #[test]
    fn every_answer_is_within_two_units() {
        for bits in (0..f32::INFINITY.to_bits()).step_by(5003) {
            let x = f32::from_bits(bits);
            let wide = f64::from(x);
            let pairs = [(tanhf(x), wide.tanh()), (expm1f(-x), (-wide).exp_m1())];
            for (got, want) in pairs {
                let unit = f64::from(got.abs().next_up()) - f64::from(got.abs());
                assert!(
                    (f64::from(got) - want).abs() <= 2.0 * unit,
                    "{x}: {got}, not {want}"
                );
            }
        }
    }

    #[test]
    fn ends_and_nan() {
        let infinity = f32::INFINITY;
        assert_eq!([tanhf(infinity), tanhf(-infinity)], [1.0, -1.0]);
        assert_eq!(expm1f(-infinity), -1.0);
        assert!(tanhf(f32::NAN).is_nan() && expm1f(f32::NAN).is_nan());
        assert!(tanhf(-0.0).is_sign_negative() && expm1f(-0.0).is_sign_negative());
    }

    /// `x` and `erfcf(x)` of glibc 2.36, in all ranges.
    #[test]
    fn erfc_is_c_s() {
        let given: [(u32, u32); 18] = [
            (0xC0F0_0000, 0x4000_0000),
            (0xC053_3333, 0x3FFF_FFE6),
            (0xC006_6666, 0x3FFF_9E5E),
            (0xBF8C_CCCD, 0x3FF0_AA90),
            (0xBF00_0000, 0x3FC2_9FBE),
            (0xB089_705F, 0x3F80_0000),
            (0x3DCC_CCCD, 0x3F63_35A1),
            (0x3E80_0D1B, 0x3F39_3BBA),
            (0x3F33_3333, 0x3EA4_F73E),
            (0x3F66_6666, 0x3E4F_F74C),
            (0x3F9E_B852, 0x3DA2_CE2D),
            (0x3FA6_6666, 0x3D87_26DA),
            (0x4000_0000, 0x3B99_47AF),
            (0x4036_DB6A, 0x385F_9BF6),
            (0x4036_DB6E, 0x385F_9BA3),
            (0x4090_0000, 0x2F58_2E7F),
            (0x4113_3333, 0x0073_B8BC),
            (0x4120_CCCD, 0x0000_0001),
        ];
        for (x, want) in given {
            let x = f32::from_bits(x);
            assert_eq!(erfcf(x).to_bits(), want, "{x}");
        }
        assert!(erfcf(f32::NAN).is_nan());
        let ends = [f32::INFINITY, f32::NEG_INFINITY].map(erfcf);
        assert_eq!(ends, [0.0, 2.0]);
    }
}

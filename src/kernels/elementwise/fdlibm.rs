//! `tanh(x)` and, below 0, `e^x - 1` to the bit as C's `tanhf` and `expm1f` have them.
//!
//! C libraries take both from Sun's fdlibm (`s_tanhf.c`, `s_expm1f.c`): with `x = n ln 2 + r`, `e^r - 1` by a rational function
//! of `r`, each step rounded to f32, then what `n` asks for. Here what the cases differ in is chosen, so that a loop becomes
//! vectors. Every f32 was compared with glibc 2.36.

use std::f32::consts::LOG2_E;

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
}

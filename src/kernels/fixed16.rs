//! Fixed-point functions on 16 bits, bit for bit as gemmlowp computes them, which the integer LSTM of TensorFlow Lite
//! uses. Like those of [`super::fixed`], whose constants they round to 16 bits.

use super::fixed::{rdpot, srdhm16};

/// A constant of 32 bits.
const fn constant(value: i32) -> i16 {
    ((value >> 16) + ((value & 0xffff) > 0x7fff + (value < 0) as i32) as i32) as i16
}

/// The real 1 in Q0.15, as near as it gets.
const ONE: i16 = i16::MAX;

fn times(a: i16, b: i16) -> i16 {
    srdhm16(a, b)
}

/// To fewer integer bits, saturating.
fn left(x: i16, bits: u32) -> i16 {
    (i32::from(x) << bits).clamp(i16::MIN.into(), i16::MAX.into()) as i16
}

/// `e^a` for `a` in [-1/4, 0) in Q0.15: the Taylor polynomial of degree 4 around -1/8.
fn exp_on_quarter(a: i16) -> i16 {
    const EXP_MINUS_EIGHTH: i16 = constant(1_895_147_668);
    const ONE_THIRD: i16 = constant(715_827_883);
    let x = a.wrapping_add(1 << 12);
    let x2 = times(x, x);
    let x3 = times(x2, x);
    let x4 = times(x2, x2);
    let quarter = rdpot(x4.into(), 2) as i16;
    let tail = times(quarter.wrapping_add(x3), ONE_THIRD).wrapping_add(x2);
    let tail = rdpot(tail.into(), 1) as i16;
    EXP_MINUS_EIGHTH.saturating_add(times(EXP_MINUS_EIGHTH, x.wrapping_add(tail)))
}

/// `e^a` for `a <= 0` with `integer_bits` (1 to 7); the answer in Q0.15.
fn exp_on_negative(a: i16, integer_bits: u32) -> i16 {
    // e^-(2^k) for k from -2 to 4
    const STEPS: [i16; 7] = [
        constant(1_672_461_947),
        constant(1_302_514_674),
        constant(790_015_084),
        constant(290_630_308),
        constant(39_332_535),
        constant(720_401),
        constant(242),
    ];
    if a == 0 {
        return ONE;
    }
    let fraction_bits = 15 - integer_bits;
    if integer_bits > 5 && i32::from(a) < -(1 << (fraction_bits + 5)) {
        return 0;
    }
    let quarter = 1i16 << (fraction_bits - 2);
    let reduced = (a & (quarter - 1)) - quarter;
    let mut result = exp_on_quarter(left(reduced, integer_bits));
    let remainder = i32::from(reduced.wrapping_sub(a));
    for (step, bit) in STEPS.iter().zip(fraction_bits - 2..) {
        if bit < 15 && remainder & (1 << bit) != 0 {
            result = times(result, *step);
        }
    }
    result
}

/// `1 / half` in Q2.13 for `half` in [1/2, 1]: Newton's division.
fn inverse_of_half(half: i16) -> i16 {
    // 48/17 - 32/17 * half
    let mut x = constant(1_515_870_810).wrapping_add(times(half, constant(-1_010_580_540)));
    for _ in 0..3 {
        let error = (1i16 << 13).wrapping_sub(times(half, x));
        x = x.wrapping_add(left(times(x, error), 2));
    }
    x
}

/// `(1 + a) / 2` rounded.
fn half_of_one_plus(a: i16) -> i16 {
    let sum = i32::from(a) + i32::from(ONE);
    ((sum + if sum >= 0 { 1 } else { -1 }) / 2) as i16
}

/// The logistic function of `x` in Q3.12; the answer in Q0.15.
pub fn logistic(x: i16) -> i16 {
    if x == 0 {
        return 1 << 14;
    }
    let negative = if x > 0 { x.wrapping_neg() } else { x };
    let inverse = inverse_of_half(half_of_one_plus(exp_on_negative(negative, 3)));
    let positive = left(inverse, 1);
    if x > 0 { positive } else { ONE - positive }
}

/// The hyperbolic tangent of `x` with `integer_bits`, 0 to 6; the answer in Q0.15.
pub fn tanh(x: i16, integer_bits: u32) -> i16 {
    if x == 0 {
        return 0;
    }
    let negative = if x > 0 { -x } else { x };
    let exp = exp_on_negative(negative, integer_bits + 1);
    let inverse = inverse_of_half(half_of_one_plus(exp));
    let result = left(inverse.wrapping_sub(1 << 13), 2);
    if x > 0 { result } else { result.wrapping_neg() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_round_half_away() {
        assert_eq!(constant(0x7fff), 0);
        assert_eq!(constant(0x8000), 1);
        assert_eq!(constant(-0x8000), -1);
        assert_eq!(constant(-0x7fff), 0);
        assert_eq!(constant(1_895_147_668), 28918);
    }

    #[test]
    fn all_inputs_are_close_to_the_real_functions() {
        for x in i16::MIN..=i16::MAX {
            let real = f64::from(x) / 4096.0;
            let found = f64::from(logistic(x)) / 32768.0;
            let wanted = 1.0 / (1.0 + (-real).exp());
            assert!((found - wanted).abs() < 5e-4, "logistic({real}) = {found}");
            for bits in 0..=6 {
                let real = f64::from(x) / f64::from(1 << (15 - bits));
                let found = f64::from(tanh(x, bits)) / 32768.0;
                assert!((found - real.tanh()).abs() < 1e-3, "tanh({real}) = {found}");
            }
        }
    }
}

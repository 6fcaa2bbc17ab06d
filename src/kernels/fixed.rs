//! Fixed-point arithmetic, bit for bit as TensorFlow Lite's reference kernels do it ("double rounding").
//!
//! Q(i).(f) means a signed number with i integer and f fraction bits.

/// A positive real number as `m * 2^(shift - 31)`, `m` in [2^30, 2^31).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Multiplier {
    pub m: i32,
    pub shift: i32,
}

impl Multiplier {
    /// `QuantizeMultiplier`. Numbers below 2^-32 become 0.
    pub fn new(real: f64) -> Self {
        if real == 0.0 || !real.is_finite() {
            return Multiplier::default();
        }
        let (fraction, mut shift) = frexp(real);
        let mut m = (fraction * (1u64 << 31) as f64).round() as i64;
        if m == 1 << 31 {
            m /= 2;
            shift += 1;
        }
        if shift < -31 {
            return Multiplier::default();
        }
        if shift > 30 {
            return Multiplier {
                m: i32::MAX,
                shift: 30,
            };
        }
        Multiplier { m: m as i32, shift }
    }

    /// The number it stands for.
    pub fn real(self) -> f64 {
        f64::from(self.m) * f64::from(self.shift - 31).exp2()
    }

    /// `MultiplyByQuantizedMultiplier` on 32 bits: two roundings, each half away from zero.
    #[inline(always)]
    pub fn apply(self, x: i32) -> i32 {
        // As `mbqm`: with a factor that is not negative, `srdhm` is one rounding, half up.
        let product = i64::from(x.wrapping_shl(self.shift.max(0) as u32)) * i64::from(self.m);
        rdpot(((product + (1 << 30)) >> 31) as i32, (-self.shift).max(0))
    }

    /// `MultiplyByQuantizedMultiplier` on 64-bit sums (16-bit activations): the multiplier cut to 16 bits, one rounding.
    #[inline(always)]
    pub fn apply64(self, x: i64) -> i32 {
        let m16 = i64::from(high16(self.m));
        let total = 15 - self.shift;
        (x.wrapping_mul(m16).wrapping_add(1i64 << (total - 1)) >> total) as i32
    }
}

/// `m` to 16 bits, rounded, saturated.
#[inline(always)]
pub fn high16(m: i32) -> i16 {
    if m >= 0x7fff_0000 {
        i16::MAX
    } else {
        ((m + (1 << 15)) >> 16) as i16
    }
}

/// `x = fraction * 2^exponent` with the fraction in [0.5, 1); `x` finite and not 0.
pub fn frexp(x: f64) -> (f64, i32) {
    let bits = x.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i32;
    if exponent == 0 {
        let (fraction, exponent) = frexp(x * (1u64 << 54) as f64);
        return (fraction, exponent - 54);
    }
    let fraction = f64::from_bits((bits & !(0x7ff << 52)) | (1022 << 52));
    (fraction, exponent - 1022)
}

/// `SaturatingRoundingDoublingHighMul`: the high half of 2ab, rounded.
#[inline(always)]
pub fn srdhm(a: i32, b: i32) -> i32 {
    if a == i32::MIN && b == i32::MIN {
        return i32::MAX;
    }
    let product = i64::from(a) * i64::from(b);
    let nudge = if product >= 0 { 1 << 30 } else { 1 - (1 << 30) };
    ((product + nudge) / (1 << 31)) as i32
}

/// [`srdhm`] on 16 bits.
#[inline(always)]
pub fn srdhm16(a: i16, b: i16) -> i16 {
    if a == i16::MIN && b == i16::MIN {
        return i16::MAX;
    }
    let product = i32::from(a) * i32::from(b);
    let nudge = if product >= 0 { 1 << 14 } else { 1 - (1 << 14) };
    ((product + nudge) / (1 << 15)) as i16
}

/// `RoundingDivideByPOT`: `x / 2^exponent`, half away from zero; exponent 0 to 31. From 32 on the reference, optimised,
/// leaves the shift to the processor, which takes the low 5 bits of the amount; what comes out is repeated here.
#[inline(always)]
pub fn rdpot(x: i32, exponent: i32) -> i32 {
    let mask = 1i64.wrapping_shl(exponent as u32).wrapping_sub(1) as i32;
    let remainder = x & mask;
    let threshold = (mask >> 1) + i32::from(x < 0);
    x.wrapping_shr(exponent as u32) + i32::from(remainder > threshold)
}

/// `MultiplyByQuantizedMultiplier` with double rounding: `x * m * 2^(shift - 31)`.
#[inline(always)]
pub fn mbqm(x: i32, m: i32, shift: i32) -> i32 {
    let left = shift.max(0) as u32;
    let right = (-shift).max(0);
    rdpot(srdhm(x.wrapping_shl(left), m), right)
}

/// `x * 2^exponent`: saturating to the left, rounding to the right.
#[inline(always)]
pub fn rescale(x: i32, exponent: i32) -> i32 {
    if exponent <= 0 {
        return rdpot(x, -exponent);
    }
    (i64::from(x) << exponent).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}

/// Half the sum, rounded half away from zero.
fn half_sum(a: i32, b: i32) -> i32 {
    let sum = i64::from(a) + i64::from(b);
    let sign = if sum >= 0 { 1 } else { -1 };
    ((sum + sign) / 2) as i32
}

/// `e^a` for `a <= 0` in Q5.26; the answer in Q0.31.
pub fn exp_on_negative(a: i32) -> i32 {
    const ONE_QUARTER: i32 = 1 << 24;
    if a == 0 {
        return i32::MAX;
    }
    let reduced = (a & (ONE_QUARTER - 1)) - ONE_QUARTER;
    let mut result = exp_on_quarter(rescale(reduced, 5));
    let remainder = reduced.wrapping_sub(a);
    // e^-(2^k) for k from -2 to 4, in Q0.31
    const STEPS: [i32; 7] = [
        1_672_461_947,
        1_302_514_674,
        790_015_084,
        290_630_308,
        39_332_535,
        720_401,
        242,
    ];
    for (i, step) in STEPS.iter().enumerate() {
        if remainder & (1 << (24 + i)) != 0 {
            result = srdhm(result, *step);
        }
    }
    result
}

/// `e^a` for `a` in [-1/4, 0) in Q0.31: the Taylor polynomial of degree 4 around -1/8.
fn exp_on_quarter(a: i32) -> i32 {
    const EXP_MINUS_EIGHTH: i32 = 1_895_147_668;
    const ONE_THIRD: i32 = 715_827_883;
    let x = a + (1 << 28);
    let x2 = srdhm(x, x);
    let x3 = srdhm(x2, x);
    let x4 = srdhm(x2, x2);
    let tail = srdhm(rdpot(x4, 2) + x3, ONE_THIRD) + x2;
    EXP_MINUS_EIGHTH + srdhm(EXP_MINUS_EIGHTH, x + rdpot(tail, 1))
}

/// `1 / (1 + a)` for `a` in [0, 1) in Q0.31; the answer in Q0.31. Newton's division.
pub fn one_over_one_plus(a: i32) -> i32 {
    let half = half_sum(a, i32::MAX);
    // 48/17 - 32/17 * half in Q2.29
    let mut x = 1_515_870_810 + srdhm(half, -1_010_580_540);
    for _ in 0..3 {
        let error = (1 << 29) - srdhm(half, x);
        x += rescale(srdhm(x, error), 2);
    }
    rescale(x, 1)
}

/// `ln(z)` for `z` at least 1, with `integer_bits` before its point; the answer in Q5.26.
///
/// The power of two nearest to `z` is taken out in two ways, directly and off by the root of 2, whichever leaves the
/// remainder nearer to 2^(-1/4); the remainder goes through a rational function around that point.
pub fn log_at_least_one(z: i32, integer_bits: i32) -> i32 {
    const LN_2: i32 = 1_488_522_236;
    /// 2^(-1/2) and 2^(-1/4)
    const ROOT_HALF: i32 = 1_518_500_250;
    const FOURTH_ROOT_HALF: i32 = 1_805_811_301;
    /// With r the fourth root of 2: 11/240 r, r/20, 2/r - r, r/4.
    const ALPHA: [i32; 4] = [117_049_297, 127_690_142, 1_057_819_769, 638_450_708];
    /// A quarter with 25 fraction bits.
    const QUARTER: i32 = 1 << 23;
    let leading = z.leading_zeros() as i32;
    let direct = rescale(srdhm(rescale(z, leading - 1), ROOT_HALF), 1);
    let direct_power = rescale(integer_bits - leading, 25).saturating_add(QUARTER);
    let headroom = srdhm(z, ROOT_HALF).leading_zeros() as i32 - 1;
    let other = rescale(z, headroom);
    let other_power = rescale(integer_bits - headroom, 25).saturating_sub(QUARTER);
    let (r, power) = (direct.min(other), direct_power.max(other_power));
    let p = half_sum(r, FOURTH_ROOT_HALF);
    let q = r.wrapping_sub(FOURTH_ROOT_HALF).wrapping_mul(2);
    let square = srdhm(q, q);
    let numerator = srdhm(q, r).wrapping_add(srdhm(srdhm(q, square), ALPHA[0]));
    let inner = ALPHA[2]
        .wrapping_add(q)
        .wrapping_add(srdhm(ALPHA[1], square));
    let denominator = srdhm(p, inner).wrapping_add(srdhm(ALPHA[3], q));
    let part = srdhm(rdpot(numerator, 6), one_over_one_plus(denominator));
    rescale(srdhm(power, LN_2).wrapping_add(part), 1)
}

/// `1 / sqrt(v)` as a multiplier, with the exponent that [`mbqm`] takes (negative is to the right).
pub fn inv_sqrt(v: i32) -> Multiplier {
    if v <= 1 {
        return Multiplier {
            m: i32::MAX,
            shift: 0,
        };
    }
    let mut v = v;
    let mut right = 11i32;
    while v >= 1 << 29 {
        v /= 4;
        right += 1;
    }
    let pairs = (v.leading_zeros() as i32 - 1) / 2 - 1;
    right -= pairs;
    v <<= 2 * pairs;
    const THREE_HALVES: i32 = 402_653_184;
    const HALF_SQRT_2: i32 = 1_518_500_250;
    let half = rdpot(v >> 1, 1);
    let mut x = 1i32 << 28;
    for _ in 0..5 {
        let x3 = rescale(srdhm(srdhm(x, x), x), 6);
        x = rescale(srdhm(THREE_HALVES, x) - srdhm(half, x3), 3);
    }
    let mut m = srdhm(x, HALF_SQRT_2);
    if right < 0 {
        m <<= -right;
        right = 0;
    }
    Multiplier { m, shift: -right }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifts_beyond_a_word_are_the_processors() {
        for x in [-9, -1, 0, 5, i32::MAX] {
            assert_eq!(
                rdpot(x, 33),
                (x >> 1) + i32::from(x > -1 + i32::from(x < 0))
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn a_multiplier_rounds_twice_as_the_reference(x in proptest::prelude::any::<i32>(), real in 1e-9f64..900.0) {
            let multiplier = Multiplier::new(real);
            proptest::prop_assert_eq!(multiplier.apply(x), mbqm(x, multiplier.m, multiplier.shift));
        }
    }

    #[test]
    fn multipliers_hold_31_bits() {
        assert_eq!(
            Multiplier::new(0.5),
            Multiplier {
                m: 1 << 30,
                shift: 0
            }
        );
        assert_eq!(
            Multiplier::new(1.0),
            Multiplier {
                m: 1 << 30,
                shift: 1
            }
        );
        assert_eq!(Multiplier::new(0.0), Multiplier::default());
        assert_eq!(Multiplier::new(1e-30), Multiplier::default());
    }

    #[test]
    fn rounding_goes_away_from_zero() {
        assert_eq!(rdpot(5, 1), 3);
        assert_eq!(rdpot(-5, 1), -3);
        assert_eq!(rdpot(-1, 1), -1);
        assert_eq!(srdhm(i32::MIN, i32::MIN), i32::MAX);
        assert_eq!(Multiplier::new(0.25).apply(10), 3);
        assert_eq!(Multiplier::new(0.25).apply(-10), -3);
    }

    #[test]
    fn functions_are_close_to_the_real_ones() {
        for step in 0..200 {
            let real = -f64::from(step) * 0.11;
            let got = f64::from(exp_on_negative((real * (1 << 26) as f64) as i32)) / 2f64.powi(31);
            assert!((got - real.exp()).abs() < 1e-6, "exp({real}) = {got}");
            let part = f64::from(step) / 200.0;
            let got = f64::from(one_over_one_plus((part * 2f64.powi(31)) as i32)) / 2f64.powi(31);
            assert!((got - 1.0 / (1.0 + part)).abs() < 1e-6, "{part} {got}");
        }
        for z in [1.0, 1.01, 1.5, 2.0, 2.9, 17.0, 300.0, 4000.0f64] {
            let got = f64::from(log_at_least_one((z * 2f64.powi(19)) as i32, 12)) / 2f64.powi(26);
            assert!((got - z.ln()).abs() < 1e-5, "ln({z}) = {got}");
        }
        for v in [2, 3, 100, 12345, 1 << 29, i32::MAX] {
            let inv = inv_sqrt(v);
            let got = f64::from(inv.m) / 2f64.powi(31) * 2f64.powi(inv.shift);
            let want = 1.0 / f64::from(v).sqrt();
            assert!((got / want - 1.0).abs() < 1e-5, "{v}: {got} {want}");
        }
    }
}

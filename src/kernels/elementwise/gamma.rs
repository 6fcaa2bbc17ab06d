//! Functions around gamma and integrals without a closed form, in `f64`. Formulas by their numbers
//! in Abramowitz and Stegun; good to about 1e-13.

use std::f64::consts::{PI, SQRT_2};

use super::special::{erf, erfc};

pub(super) const EULER: f64 = 0.577_215_664_901_532_9;

/// Logarithm of the size of gamma, by Lanczos's approximation with g = 7 and nine coefficients.
pub fn ln_gamma(x: f64) -> f64 {
    const G: f64 = 7.0;
    const COEFFICIENTS: [f64; 9] = [
        0.999_999_999_999_809_9,
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if x.is_infinite() || (x <= 0.0 && x.fract() == 0.0) {
        return f64::INFINITY;
    }
    if x < 0.5 {
        return (PI / (PI * x).sin()).abs().ln() - ln_gamma(1.0 - x);
    }
    let x = x - 1.0;
    let terms = COEFFICIENTS.iter().enumerate().skip(1);
    let sum = terms.fold(COEFFICIENTS[0], |sum, (k, c)| sum + c / (x + k as f64));
    let t = x + G + 0.5;
    (2.0 * PI).sqrt().ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

/// The derivative of [`ln_gamma`]: 6.3.5 upwards, then 6.3.18.
pub fn digamma(x: f64) -> f64 {
    if x <= 0.0 && x.fract() == 0.0 {
        return f64::NAN;
    }
    if x < 0.0 {
        return digamma(1.0 - x) - PI / (PI * x).tan();
    }
    let (mut x, mut sum) = (x, 0.0);
    while x < 10.0 {
        sum -= 1.0 / x;
        x += 1.0;
    }
    let y = 1.0 / (x * x);
    let series = [
        1.0 / 12.0,
        -1.0 / 120.0,
        1.0 / 252.0,
        -1.0 / 240.0,
        1.0 / 132.0,
        -691.0 / 32760.0,
        1.0 / 12.0,
    ];
    let tail = series.iter().rev().fold(0.0, |tail, c| (tail + c) * y);
    sum + x.ln() - 0.5 / x - tail
}

/// Hurwitz's zeta function by Euler and Maclaurin's sum (23.2.7 generalised).
pub fn zeta(s: f64, q: f64) -> f64 {
    if s == 1.0 {
        return f64::INFINITY;
    }
    if s < 1.0 || s.is_nan() || q.is_nan() {
        return f64::NAN;
    }
    if q <= 0.0 {
        if q.floor() == q {
            // A pole; odd powers go both ways there.
            return match s % 2.0 == 0.0 {
                true => f64::INFINITY,
                false => f64::NAN,
            };
        }
        if s.fract() != 0.0 {
            return f64::NAN;
        }
    }
    // The sum below goes from q up, one by one.
    const FARTHEST: f64 = -1e6;
    if q < FARTHEST {
        return f64::NAN;
    }
    const FIRST: usize = 12;
    let mut sum: f64 = (0..FIRST).map(|k| (q + k as f64).powf(-s)).sum();
    let mut from = q + FIRST as f64;
    while from < 1.0 {
        sum += from.powf(-s);
        from += 1.0;
    }
    sum += from.powf(1.0 - s) / (s - 1.0) + 0.5 * from.powf(-s);
    // Bernoulli numbers over factorials, B_2k / (2k)!.
    let bernoulli = [
        1.0 / 12.0,
        -1.0 / 720.0,
        1.0 / 30_240.0,
        -1.0 / 1_209_600.0,
        1.0 / 47_900_160.0,
        -691.0 / 1_307_674_368_000.0,
        1.0 / 74_724_249_600.0,
    ];
    let (mut factor, mut power) = (s, from.powf(-s - 1.0));
    for (k, b) in bernoulli.iter().enumerate() {
        sum += b * factor * power;
        let next = s + 2.0 * k as f64;
        factor *= (next + 1.0) * (next + 2.0);
        power /= from * from;
    }
    sum
}

/// The n-th derivative of [`digamma`] (6.4.10); `n` is a whole number.
pub fn polygamma(n: f64, x: f64) -> f64 {
    if n == 0.0 {
        return digamma(x);
    }
    if n < 0.0 || n.fract() != 0.0 {
        return f64::NAN;
    }
    let sign = if n % 2.0 == 0.0 { -1.0 } else { 1.0 };
    sign * ln_gamma(n + 1.0).exp() * zeta(n + 1.0, x)
}

/// The inverse of [`erf`], by Newton's method from Winitzki's approximation.
pub fn erf_inverse(x: f64) -> f64 {
    if x.abs() >= 1.0 || x.is_nan() {
        return match x.abs() == 1.0 {
            true => f64::INFINITY.copysign(x),
            false => f64::NAN,
        };
    }
    const A: f64 = 0.147;
    let log = (1.0 - x * x).ln();
    let half = 2.0 / (PI * A) + log / 2.0;
    let mut y = ((half * half - log / A).sqrt() - half).sqrt().copysign(x);
    for _ in 0..4 {
        let miss = match x.abs() < 0.5 {
            true => erf(y) - x,
            // Near the ends what is missing to 1 keeps its digits.
            false => ((1.0 - x.abs()) - erfc(y.abs())) * x.signum(),
        };
        let slope = 2.0 / PI.sqrt() * (-y * y).exp();
        let step = miss / slope;
        y -= step / (1.0 + y * step);
    }
    y
}

/// Where the normal distribution has the share `p` below.
pub fn normal_quantile(p: f64) -> f64 {
    match p {
        0.0 => f64::NEG_INFINITY,
        1.0 => f64::INFINITY,
        _ => SQRT_2 * erf_inverse(2.0 * p - 1.0),
    }
}

/// The exponential integral Ei: 5.1.10, for large numbers 5.1.51, for negative ones 5.1.22.
pub fn exponential_integral(x: f64) -> f64 {
    if x == 0.0 {
        return f64::NEG_INFINITY;
    }
    if x.is_nan() || x == f64::INFINITY {
        return f64::NAN;
    }
    if x < -2.0 {
        let z = -x;
        let fraction = (1..=80).rev().fold(z, |below, k| {
            let k = f64::from(k);
            z + k / (1.0 + k / below)
        });
        return -(-z).exp() / fraction;
    }
    if x > 40.0 {
        let (mut sum, mut term) = (1.0, 1.0);
        for k in 1..40 {
            let next = term * f64::from(k) / x;
            if next > term || next < 1e-17 {
                break;
            }
            term = next;
            sum += term;
        }
        return x.exp() / x * sum;
    }
    let (mut sum, mut term) = (EULER + x.abs().ln(), 1.0);
    for k in 1..200 {
        let k = f64::from(k);
        term *= x / k;
        sum += term / k;
        if term.abs() < sum.abs() * 1e-17 * k {
            break;
        }
    }
    sum
}

/// Spence's integral, the dilogarithm of `1 - x` (27.7).
pub fn spence(x: f64) -> f64 {
    if x < 0.0 || x.is_nan() {
        return f64::NAN;
    }
    if x == 0.0 {
        return PI * PI / 6.0;
    }
    if x > 2.0 {
        // 27.7.5
        return -spence(1.0 / x) - x.ln() * x.ln() / 2.0;
    }
    if x < 0.5 {
        // 27.7.3
        return PI * PI / 6.0 - x.ln() * (1.0 - x).ln() - spence(1.0 - x);
    }
    if x > 1.5 {
        return -spence(1.0 / x) - x.ln() * x.ln() / 2.0;
    }
    let z = 1.0 - x;
    let (mut sum, mut power) = (0.0, 1.0);
    for k in 1..200 {
        power *= z;
        sum += power / f64::from(k * k);
    }
    sum
}

/// The share of the gamma distribution of shape `a` below `x`, and above it (6.5.29, 6.5.31).
pub fn gamma_shares(a: f64, x: f64) -> (f64, f64) {
    if x == 0.0 {
        // Of no shape at all TensorFlow tells this one share.
        return (0.0, if a > 0.0 { 1.0 } else { f64::NAN });
    }
    if x < 0.0 || a <= 0.0 || x.is_nan() || a.is_nan() {
        return (f64::NAN, f64::NAN);
    }
    if a.is_infinite() {
        return (0.0, 1.0);
    }
    if x.is_infinite() {
        return (1.0, 0.0);
    }
    const MOST: usize = 10_000;
    let scale = (a * x.ln() - x - ln_gamma(a)).exp();
    if x < a + 1.0 {
        let (mut term, mut sum, mut k) = (1.0 / a, 1.0 / a, a);
        for _ in 0..MOST {
            k += 1.0;
            term *= x / k;
            sum += term;
            if term < sum * 1e-17 {
                break;
            }
        }
        let below = sum * scale;
        return (below, 1.0 - below);
    }
    const TINY: f64 = 1e-300;
    let mut b = x + 1.0 - a;
    let (mut c, mut d) = (1.0 / TINY, 1.0 / b);
    let mut h = d;
    for k in 1..MOST {
        let k = k as f64;
        let factor = -k * (k - a);
        b += 2.0;
        let low = factor * d + b;
        d = 1.0 / if low.abs() < TINY { TINY } else { low };
        let high = b + factor / c;
        c = if high.abs() < TINY { TINY } else { high };
        h *= d * c;
        if (d * c - 1.0).abs() < 1e-16 {
            break;
        }
    }
    let above = scale * h;
    (1.0 - above, above)
}

/// The regularised incomplete beta function by 26.5.8, evaluated as Lentz does.
pub fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if a.is_nan() || b.is_nan() || a <= 0.0 || b <= 0.0 || !(0.0..=1.0).contains(&x) {
        return f64::NAN;
    }
    if x == 0.0 || x == 1.0 {
        return x;
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(b, a, 1.0 - x);
    }
    const TINY: f64 = 1e-300;
    let log = ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p();
    let whole = |v: f64| if v.abs() < TINY { TINY } else { v };
    let (mut c, mut d) = (1.0, 1.0 / whole(1.0 - (a + b) * x / (a + 1.0)));
    let mut h = d;
    for m in 1..10_000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / whole(1.0 + even * d);
        c = whole(1.0 + even / c);
        h *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / whole(1.0 + odd * d);
        c = whole(1.0 + odd / c);
        h *= d * c;
        if (d * c - 1.0).abs() < 1e-16 {
            break;
        }
    }
    log.exp() * h / a
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values from the tables of Abramowitz and Stegun and from identities.
    #[test]
    fn functions_have_their_known_values() {
        let near = |a: f64, b: f64| assert!((a - b).abs() <= 1e-11 * b.abs().max(1.0), "{a} {b}");
        near(ln_gamma(5.0), 24f64.ln());
        near(ln_gamma(-0.5), (2.0 * PI.sqrt()).ln());
        near(digamma(1.0), -EULER);
        near(digamma(-0.5), digamma(0.5) + 2.0);
        near(zeta(2.0, 1.0), PI * PI / 6.0);
        assert_eq!(zeta(2.0, f64::NEG_INFINITY), f64::INFINITY);
        assert!(zeta(3.0, -2.0).is_nan() && zeta(3.0, -1e15 - 0.5).is_nan());
        assert!(digamma(0.0).is_nan() && gamma_shares(0.0, 1.0).0.is_nan());
        near(polygamma(1.0, 1.0), PI * PI / 6.0);
        near(polygamma(2.0, 1.0), -2.404_113_806_319_188_6);
        for x in [-0.999, -0.5, 0.0, 1e-9, 0.3, 0.7, 0.999_999] {
            near(erf(erf_inverse(x)), x);
        }
        near(exponential_integral(1.0), 1.895_117_816_355_936_8);
        near(exponential_integral(-3.0), -0.013_048_381_094_197_037);
        near(exponential_integral(45.0), 7.943_916_035_704_454e17);
        near(spence(2.0), -PI * PI / 12.0);
        near(spence(0.0), PI * PI / 6.0);
        near(spence(0.5), PI * PI / 12.0 - 2f64.ln().powi(2) / 2.0);
        near(gamma_shares(1.0, 2.0).0, 1.0 - (-2f64).exp());
        near(gamma_shares(2.0, 0.5).1, 1.5 * (-0.5f64).exp());
        near(incomplete_beta(2.0, 1.0, 0.3), 0.09);
        near(
            incomplete_beta(3.0, 4.0, 0.8),
            1.0 - incomplete_beta(4.0, 3.0, 0.2),
        );
    }
}

//! The error function, which the standard library lacks.

use std::f64::consts::FRAC_2_SQRT_PI;

/// `2 / sqrt(pi)` times the integral of `exp(-t^2)` from 0 to `x`; within 1e-15.
#[inline]
pub fn erf(x: f64) -> f64 {
    let size = x.abs();
    if size.is_nan() {
        x
    } else if size < 2.5 {
        series(x)
    } else {
        (1.0 - tail(size)).copysign(x)
    }
}

/// `1 - erf(x)` without cancellation.
pub fn erfc(x: f64) -> f64 {
    if x.is_nan() {
        x
    } else if x.abs() < 2.5 {
        1.0 - series(x)
    } else if x > 0.0 {
        tail(x)
    } else {
        2.0 - tail(-x)
    }
}

/// `exp(-x^2) * sum of 2^n x^(2n+1) / (2n+1)!!` (Abramowitz and Stegun 7.1.6): all terms have one sign.
fn series(x: f64) -> f64 {
    let square = x * x;
    let (mut term, mut sum, mut n) = (x, x, 1.0);
    while term.abs() > sum.abs() * 1e-17 {
        n += 2.0;
        term *= 2.0 * square / n;
        sum += term;
    }
    FRAC_2_SQRT_PI * (-square).exp() * sum
}

/// `erfc(x)` for `x >= 2.5` by the continued fraction 7.1.14, evaluated from its far end.
fn tail(x: f64) -> f64 {
    if x > 28.0 {
        return 0.0;
    }
    let fraction = (1..=60)
        .rev()
        .fold(x, |below, k| x + f64::from(k) / 2.0 / below);
    (-x * x).exp() / fraction * (FRAC_2_SQRT_PI / 2.0)
}

/// [`erf`] rounded to f32.
#[inline]
pub fn erf_f32(x: f32) -> f32 {
    erf(f64::from(x)) as f32
}

/// [`erfc`] rounded to f32.
#[inline]
pub fn erfc_f32(x: f32) -> f32 {
    erfc(f64::from(x)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        for (x, want) in [
            (0.0, 0.0),
            (0.5, 0.520_499_877_813_046_5),
            (1.0, 0.842_700_792_949_714_9),
            (-2.0, -0.995_322_265_018_952_7),
            (3.0, 0.999_977_909_503_001_4),
        ] {
            assert!((erf(x) - want).abs() < 1e-14, "erf({x}) = {}", erf(x));
        }
        assert!((erfc(4.0) / 1.541_725_790_028_002e-8 - 1.0).abs() < 1e-12);
        assert!((erfc(2.5) / 4.069_520_174_449_59e-4 - 1.0).abs() < 1e-12);
        assert_eq!(erf(f64::NEG_INFINITY), -1.0);
        assert!(erf(f64::NAN).is_nan());
    }
}

//! Bessel's functions in `f64`. Formulas by their numbers in Abramowitz and Stegun; good to about 1e-13.

use std::f64::consts::PI;

use super::gamma::EULER;

/// `I_n(x) exp(-|x|)` by 9.6.19, whose periodic integrand the trapezoidal rule sums to full precision.
pub fn bessel_i_scaled(n: i32, x: f64) -> f64 {
    if !x.is_finite() {
        return if x.is_nan() { x } else { 0.0 };
    }
    let size = x.abs();
    let sign = if x < 0.0 && n % 2 != 0 { -1.0 } else { 1.0 };
    if size > 500.0 {
        // 9.7.1, whose terms fall fast here.
        let square = 4.0 * f64::from(n * n);
        let (mut sum, mut term) = (1.0, 1.0);
        for k in 1..12 {
            let odd = f64::from(2 * k - 1);
            term *= (odd * odd - square) / (8.0 * size * f64::from(k));
            sum += term;
        }
        return sign * sum / (2.0 * PI * size).sqrt();
    }
    let steps = (48.0 + 10.0 * size.sqrt()) as usize;
    let value = |k: usize| {
        let angle = PI * k as f64 / steps as f64;
        (size * (angle.cos() - 1.0)).exp() * (f64::from(n) * angle).cos()
    };
    let ends = (value(0) + value(steps)) / 2.0;
    let sum = (1..steps).map(value).sum::<f64>() + ends;
    sign * sum / steps as f64
}

pub fn bessel_i(n: i32, x: f64) -> f64 {
    // TensorFlow multiplies 0 by infinity.
    if x.is_infinite() {
        return f64::NAN;
    }
    bessel_i_scaled(n, x) * x.abs().exp()
}

/// `K_n(x) exp(x)` by 9.6.24, which falls so fast at both ends that the trapezoidal rule is exact to rounding.
pub fn bessel_k_scaled(n: i32, x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x <= 0.0 {
        return f64::INFINITY;
    }
    if x.is_infinite() {
        return 0.0;
    }
    // Narrower where what is left is: like exp(-x t^2 / 2).
    let step = (1.0f64 / 16.0).min(0.5 / x.sqrt());
    let n = f64::from(n);
    let mut sum = 0.5;
    for k in 1.. {
        let t = f64::from(k) * step;
        let half = (t / 2.0).sinh();
        let power = -2.0 * x * half * half;
        let value = ((power + n * t).exp() + (power - n * t).exp()) / 2.0;
        sum += value;
        if power + n * t < -40.0 {
            break;
        }
    }
    sum * step
}

pub fn bessel_k(n: i32, x: f64) -> f64 {
    bessel_k_scaled(n, x) * (-x).exp()
}

/// `J_n(x)` for `n` of 0 and 1: 9.1.21 up to 25, from there on the real part of Hankel's function.
pub fn bessel_j(n: i32, x: f64) -> f64 {
    if !x.is_finite() {
        return f64::NAN;
    }
    if x.abs() > 25.0 {
        let sign = if x < 0.0 && n % 2 != 0 { -1.0 } else { 1.0 };
        return sign * hankel(n, x.abs())[0];
    }
    let steps = (64.0 + x.abs() * 1.5) as usize;
    let value = |k: usize| {
        let angle = PI * k as f64 / steps as f64;
        (f64::from(n) * angle - x * angle.sin()).cos()
    };
    let ends = (value(0) + value(steps)) / 2.0;
    ((1..steps).map(value).sum::<f64>() + ends) / steps as f64
}

/// `Y_n(x)` for `n` of 0 and 1: 9.1.11 up to 2, from there on the imaginary part of Hankel's function. Infinite from 0 down,
/// as in TensorFlow.
pub fn bessel_y(n: i32, x: f64) -> f64 {
    if x.is_nan() || x == f64::INFINITY {
        return f64::NAN;
    }
    if x <= 0.0 {
        return f64::NEG_INFINITY;
    }
    if x > 2.0 {
        return hankel(n, x)[1];
    }
    let (square, near) = (x * x / 4.0, 2.0 * ((x / 2.0).ln() + EULER));
    // Of k = 0: the term of J, and the harmonic numbers of k and of k + n.
    let (mut term, mut lower) = (if n == 0 { 1.0 } else { x / 2.0 }, 0.0);
    let mut upper = if n == 0 { 0.0 } else { 1.0 };
    let mut sum = if n == 0 { 0.0 } else { -2.0 / x };
    for k in 1..40 {
        sum += term * (near - lower - upper);
        let (k, n) = (f64::from(k), f64::from(n));
        term *= -square / (k * (k + n));
        lower += 1.0 / k;
        upper += 1.0 / (k + n);
    }
    sum / PI
}

/// `J_n(x)` and `Y_n(x)` by Poisson's integral of `exp(-s^2) s^2n (1 + i s^2 / 2x)^(n - 1/2)`, which is smooth within the square root of `x` of
/// the real line, so that the trapezoidal rule is exact to rounding.
fn hankel(n: i32, x: f64) -> [f64; 2] {
    const STEP: f64 = 1.0 / 8.0;
    let (mut re, mut im) = (0.0, 0.0);
    for k in -52..=52 {
        let square = (f64::from(k) * STEP).powi(2);
        let tilt = square / (2.0 * x);
        let (size, angle) = ((1.0 + tilt * tilt).ln() / 2.0, tilt.atan());
        let power = f64::from(n) - 0.5;
        let value = (power * size - square).exp() * square.powi(n);
        re += value * (power * angle).cos();
        im += value * (power * angle).sin();
    }
    // 1 / gamma(n + 1/2)
    let scale = if n == 0 { 1.0 } else { 2.0 } / PI.sqrt() * STEP * (2.0 / (PI * x)).sqrt();
    let phase = x - f64::from(2 * n + 1) * PI / 4.0;
    let (sin, cos) = phase.sin_cos();
    [scale * (re * cos - im * sin), scale * (re * sin + im * cos)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values from the tables of Abramowitz and Stegun.
    #[test]
    fn functions_have_their_known_values() {
        let near = |a: f64, b: f64| assert!((a - b).abs() <= 1e-11 * b.abs().max(1.0), "{a} {b}");
        near(bessel_i(0, 1.0), 1.266_065_877_752_008_4);
        near(bessel_i(1, -2.0), -1.590_636_854_637_329);
        near(bessel_k(0, 1.0), 0.421_024_438_240_708_33);
        near(bessel_k(1, 0.1), 9.853_844_780_870_606);
        near(bessel_j(0, 2.404_825_557_695_773), 0.0);
        near(bessel_j(1, 1.0), 0.440_050_585_744_933_5);
        near(bessel_y(0, 1.0), 0.088_256_964_215_676_96);
        near(bessel_y(1, 1.0), -0.781_212_821_300_288_7);
        near(bessel_y(0, 10.0), 0.055_671_167_283_599_39);
        near(bessel_y(1, 10.0), 0.249_015_424_206_953_9);
    }

    /// 9.6.15: the Wronskian of the others, up to where only the first terms count.
    #[test]
    fn growing_and_falling_belong_together() {
        for x in [0.1, 3.0, 499.0, 501.0, 1e5, 1e10] {
            let (i, k) = (|n| bessel_i_scaled(n, x), |n| bessel_k_scaled(n, x));
            let turn = (i(0) * k(1) + i(1) * k(0)) * x;
            assert!((turn - 1.0).abs() < 1e-12, "{x}: {turn}");
        }
    }

    /// 9.1.16: the Wronskian, on both sides of where the formulas change.
    #[test]
    fn both_kinds_belong_together() {
        for x in [
            1e-3, 0.3, 1.0, 1.999, 2.001, 3.5, 7.0, 19.0, 24.9, 25.1, 60.0, 500.0, 1e9,
        ] {
            let turn = bessel_j(1, x) * bessel_y(0, x) - bessel_j(0, x) * bessel_y(1, x);
            let want = 2.0 / (PI * x);
            assert!(
                (turn - want).abs() <= 1e-12 * want.max(1.0),
                "{x}: {turn}, not {want}"
            );
        }
    }
}

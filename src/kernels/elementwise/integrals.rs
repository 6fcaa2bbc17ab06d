//! Integrals of Gaussians and of their like on the imaginary side, in `f64`; good to about 1e-13. Formulas by their numbers
//! in Abramowitz and Stegun.

use std::f64::consts::PI;

/// Dawson's integral, `exp(-x^2)` times that of `exp(t^2)` from 0 to `x`: Taylor's series near 0, else Rybicki's sum of
/// Gaussians at odd multiples of a step, exact to rounding.
pub fn dawson(x: f64) -> f64 {
    const STEP: f64 = 0.2;
    let size = x.abs();
    if size.is_nan() || size > 1e8 {
        return 0.5 / x;
    }
    if size < 0.2 {
        let (mut term, mut sum) = (x, x);
        for k in 1..12 {
            term *= -2.0 * x * x / f64::from(2 * k + 1);
            sum += term;
        }
        return sum;
    }
    // The even multiple next to it; Gaussians beyond 33 steps are below rounding.
    let middle = 2.0 * (size / (2.0 * STEP)).round();
    let value = |k: i32| {
        let n = middle + f64::from(2 * k + 1);
        (-(size - n * STEP).powi(2)).exp() / n
    };
    let sum: f64 = (-17..17).map(value).sum();
    (sum / PI.sqrt()).copysign(x)
}

/// Fresnel's integrals of `cos(pi t^2 / 2)` and `sin(pi t^2 / 2)` from 0 to `x`: 7.3.11 and 7.3.13 for small numbers, else
/// by 7.3.9 and 7.3.10.
pub fn fresnel(x: f64) -> (f64, f64) {
    let size = x.abs();
    if size.is_nan() {
        return (x, x);
    }
    let (cosine, sine) = if size > 1e8 {
        (0.5, 0.5)
    } else if size < 1.6 {
        series(size)
    } else {
        let (f, g) = auxiliary(size);
        let angle = size * size % 4.0 * PI / 2.0;
        let (sin, cos) = angle.sin_cos();
        (0.5 + f * sin - g * cos, 0.5 - f * cos - g * sin)
    };
    (cosine.copysign(x), sine.copysign(x))
}

fn series(x: f64) -> (f64, f64) {
    let angle = PI * x * x / 2.0;
    // angle^k / k! times x, every other one with the other sign, divided by 2 k + 1.
    let (mut term, mut sums) = (x, [0.0; 2]);
    for k in 0..40 {
        let part = term / f64::from(2 * k + 1);
        sums[(k % 2) as usize] += if k / 2 % 2 == 0 { part } else { -part };
        term *= angle / f64::from(k + 1);
    }
    (sums[0], sums[1])
}

/// `f` and `g` of 7.3.5 and 7.3.6 as integrals of `exp(-pi x^2 s^2 / 2) / (s^4 + 1)`, the latter with `s^2` besides, over all
/// `s`: the poles are so far from the real line that the trapezoidal rule is exact to rounding.
fn auxiliary(x: f64) -> (f64, f64) {
    // Fine enough for the poles, and for the Gaussian where that is the narrower one.
    let step = f64::min(0.11, 0.2 / x);
    let last = (6.6 * (2.0 / PI).sqrt() / x / step) as i32 + 1;
    let (mut f, mut g) = (0.0, 0.0);
    for k in -last..=last {
        let square = (f64::from(k) * step).powi(2);
        let value = (-PI / 2.0 * x * x * square).exp() / (square * square + 1.0);
        f += value;
        g += value * square;
    }
    let scale = step / (PI * 2f64.sqrt());
    (f * scale, g * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_have_their_known_values() {
        let near = |a: f64, b: f64| assert!((a - b).abs() <= 1e-13, "{a} {b}");
        near(dawson(1.0), 0.538_079_506_912_768_4);
        near(dawson(-2.0), -0.301_340_388_923_791_97);
        near(dawson(1e9), 5e-10);
        near(fresnel(1.0).0, 0.779_893_400_376_822_8);
        near(fresnel(1.0).1, 0.438_259_147_390_354_8);
        near(fresnel(-3.0).0, -0.605_720_789_297_685_6);
        near(fresnel(3.0).1, 0.496_312_998_967_375);
        assert_eq!(fresnel(f64::INFINITY), (0.5, 0.5));
        assert!(dawson(f64::NAN).is_nan() && fresnel(f64::NAN).0.is_nan());
    }

    /// The derivatives are known, and both sides of where the formulas change agree.
    #[test]
    fn slopes_are_those_of_the_definition() {
        const H: f64 = 1e-4;
        for i in 1..200 {
            let x = f64::from(i) * 0.05;
            let slope = |f: &dyn Fn(f64) -> f64| {
                (8.0 * (f(x + H) - f(x - H)) - f(x + 2.0 * H) + f(x - 2.0 * H)) / (12.0 * H)
            };
            let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-8, "{x}: {a}, not {b}");
            close(slope(&dawson), 1.0 - 2.0 * x * dawson(x));
            close(slope(&|x| fresnel(x).0), (PI * x * x / 2.0).cos());
            close(slope(&|x| fresnel(x).1), (PI * x * x / 2.0).sin());
        }
    }
}

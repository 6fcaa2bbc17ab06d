//! Functions of complex numbers, as `[real, imaginary]`.

/// A complex number.
pub type Complex = [f64; 2];

fn times([a, b]: Complex, [c, d]: Complex) -> Complex {
    [a * c - b * d, a * d + b * c]
}

fn over([a, b]: Complex, [c, d]: Complex) -> Complex {
    let size = c * c + d * d;
    [(a * c + b * d) / size, (b * c - a * d) / size]
}

fn exp([a, b]: Complex) -> Complex {
    let size = a.exp();
    [size * b.cos(), size * b.sin()]
}

fn ln([a, b]: Complex) -> Complex {
    [a.hypot(b).ln(), b.atan2(a)]
}

/// With a real part that is not negative.
fn sqrt([a, b]: Complex) -> Complex {
    let size = a.hypot(b);
    if size == 0.0 {
        return [0.0, b];
    }
    let larger = ((size + a.abs()) / 2.0).sqrt();
    let smaller = b.abs() / (2.0 * larger);
    match a >= 0.0 {
        true => [larger, smaller.copysign(b)],
        false => [smaller, larger.copysign(b)],
    }
}

fn sinh([a, b]: Complex) -> Complex {
    [a.sinh() * b.cos(), a.cosh() * b.sin()]
}

fn cosh([a, b]: Complex) -> Complex {
    [a.cosh() * b.cos(), a.sinh() * b.sin()]
}

/// `sin z = -i sinh(i z)`.
fn sin([a, b]: Complex) -> Complex {
    let [re, im] = sinh([-b, a]);
    [im, -re]
}

fn cos([a, b]: Complex) -> Complex {
    cosh([-b, a])
}

/// By TensorFlow's name.
pub fn function(op: &str) -> Option<fn(Complex) -> Complex> {
    const ONE: Complex = [1.0, 0.0];
    Some(match op {
        "Neg" => |[a, b]| [-a, -b],
        "Square" => |z| times(z, z),
        "Reciprocal" | "Inv" => |z| over(ONE, z),
        "Sqrt" => sqrt,
        "Rsqrt" => |z| over(ONE, sqrt(z)),
        "Exp" => exp,
        "Expm1" => |z| {
            let [re, im] = exp(z);
            [re - 1.0, im]
        },
        "Log" => ln,
        "Log1p" => |[a, b]| ln([1.0 + a, b]),
        "Sin" => sin,
        "Cos" => cos,
        "Tan" => |z| over(sin(z), cos(z)),
        "Sinh" => sinh,
        "Cosh" => cosh,
        "Tanh" => |z| over(sinh(z), cosh(z)),
        "Sigmoid" => |[a, b]| {
            let [re, im] = exp([-a, -b]);
            over(ONE, [1.0 + re, im])
        },
        "Sign" => |[a, b]| match a.hypot(b) {
            0.0 => [0.0; 2],
            size => [a / size, b / size],
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close([a, b]: Complex, [c, d]: Complex) -> bool {
        (a - c).abs() <= 1e-9 * (1.0 + c.abs()) && (b - d).abs() <= 1e-9 * (1.0 + d.abs())
    }

    proptest! {
        #[test]
        fn inverses_undo(a in -3.0f64..3.0, b in -3.0f64..3.0) {
            let z = [a, b];
            prop_assert!(close(times(sqrt(z), sqrt(z)), z));
            prop_assert!(close(exp(ln(z)), z));
            let tan = function("Tan").unwrap();
            prop_assert!(close(times(tan(z), cos(z)), sin(z)));
        }
    }

    #[test]
    fn real_numbers_give_the_real_functions() {
        for op in ["Exp", "Sin", "Cos", "Sinh", "Cosh", "Tanh", "Square"] {
            let [re, im] = function(op).unwrap()([0.7, 0.0]);
            let x = 0.7f64;
            let truth = match op {
                "Exp" => x.exp(),
                "Sin" => x.sin(),
                "Cos" => x.cos(),
                "Sinh" => x.sinh(),
                "Cosh" => x.cosh(),
                "Tanh" => x.tanh(),
                _ => x * x,
            };
            assert!((re - truth).abs() < 1e-12 && im.abs() < 1e-12, "{op}");
        }
        assert_eq!(sqrt([-4.0, 0.0]), [0.0, 2.0]);
        assert!(function("Erf").is_none());
    }
}

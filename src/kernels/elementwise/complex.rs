//! Functions of complex numbers, as `[real, imaginary]`.

/// A complex number.
pub type Complex = [f64; 2];

/// A complex number as it lies in memory; its arithmetic is done in `f64` and rounded once.
pub trait Stored: Copy + Default + Send + Sync + 'static {
    fn wide(self) -> Complex;
    fn narrow(z: Complex) -> Self;
}

impl Stored for [f32; 2] {
    fn wide(self) -> Complex {
        self.map(f64::from)
    }
    fn narrow(z: Complex) -> Self {
        z.map(|part| part as f32)
    }
}

impl Stored for [f64; 2] {
    fn wide(self) -> Complex {
        self
    }
    fn narrow(z: Complex) -> Self {
        z
    }
}

pub fn plus([a, b]: Complex, [c, d]: Complex) -> Complex {
    [a + c, b + d]
}

pub fn minus([a, b]: Complex, [c, d]: Complex) -> Complex {
    [a - c, b - d]
}

pub fn times([a, b]: Complex, [c, d]: Complex) -> Complex {
    [a * c - b * d, a * d + b * c]
}

pub fn over([a, b]: Complex, [c, d]: Complex) -> Complex {
    let size = c * c + d * d;
    [(a * c + b * d) / size, (b * c - a * d) / size]
}

fn exp([a, b]: Complex) -> Complex {
    let size = a.exp();
    [size * b.cos(), size * b.sin()]
}

pub fn ln([a, b]: Complex) -> Complex {
    [a.hypot(b).ln(), b.atan2(a)]
}

/// With a real part that is not negative.
pub fn sqrt([a, b]: Complex) -> Complex {
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

/// `e^(y ln x)`; of 0, 1 for the exponent 0 and else 0.
pub fn pow(x: Complex, y: Complex) -> Complex {
    match (x == [0.0; 2], y == [0.0; 2]) {
        (_, true) => [1.0, 0.0],
        (true, false) => [0.0; 2],
        _ => exp(times(y, ln(x))),
    }
}

/// With the cuts and the safe forms of Kahan, Branch Cuts for Complex Elementary Functions.
fn asin([a, b]: Complex) -> Complex {
    let (less, more) = (sqrt([1.0 - a, -b]), sqrt([1.0 + a, b]));
    let [re, _] = times(less, more);
    let [_, im] = times([less[0], -less[1]], more);
    [a.atan2(re), im.asinh()]
}

fn acos([a, b]: Complex) -> Complex {
    let (less, more) = (sqrt([1.0 - a, -b]), sqrt([1.0 + a, b]));
    let [_, im] = times([more[0], -more[1]], less);
    [2.0 * less[0].atan2(more[0]), im.asinh()]
}

fn acosh([a, b]: Complex) -> Complex {
    let (less, more) = (sqrt([a - 1.0, b]), sqrt([a + 1.0, b]));
    let [re, _] = times([less[0], -less[1]], more);
    [re.asinh(), 2.0 * less[1].atan2(more[0])]
}

fn atanh([a, b]: Complex) -> Complex {
    let away = (1.0 - a) * (1.0 - a) + b * b;
    let turn = (2.0 * b).atan2((1.0 - a) * (1.0 + a) - b * b);
    [0.25 * (4.0 * a / away).ln_1p(), 0.5 * turn]
}

/// `-i f(i z)`.
fn turned(f: fn(Complex) -> Complex, [a, b]: Complex) -> Complex {
    let [re, im] = f([-b, a]);
    [im, -re]
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
        "Asin" => asin,
        "Acos" => acos,
        "Atan" => |z| turned(atanh, z),
        "Asinh" => |z| turned(asin, z),
        "Acosh" => acosh,
        "Atanh" => atanh,
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
            prop_assert!(close(pow(z, [2.0, 0.0]), times(z, z)));
            for (there, back) in
                [("Asin", "Sin"), ("Acos", "Cos"), ("Atan", "Tan"), ("Asinh", "Sinh"), ("Acosh", "Cosh"), ("Atanh", "Tanh")]
            {
                prop_assert!(close(function(back).unwrap()(function(there).unwrap()(z)), z), "{there}");
            }
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

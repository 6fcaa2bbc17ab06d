//! Activations of half types as TensorFlow computes them: each step rounded to the type.

use half::{bf16, f16};

use super::map;
use super::number::Number;
use super::unary::UnaryOp;

/// Elements that TensorFlow takes at a time.
pub const LANES: usize = 8;

/// A half type, which sums and functions are computed of in `f32`.
pub trait Half: Copy + Send + Sync {
    fn wide(self) -> f32;
    fn narrow(v: f32) -> Self;
}

/// The plain type counts as its own half, so that what is made for halves serves it too.
impl Half for f32 {
    fn wide(self) -> f32 {
        self
    }
    fn narrow(v: f32) -> Self {
        v
    }
}

impl Half for f16 {
    fn wide(self) -> f32 {
        self.to_f32()
    }
    fn narrow(v: f32) -> Self {
        f16::from_f32(v)
    }
}

impl Half for bf16 {
    fn wide(self) -> f32 {
        self.to_f32()
    }
    fn narrow(v: f32) -> Self {
        bf16::from_f32(v)
    }
}

/// A half type whose activations are made of rounded steps.
pub trait Steps: Number + Half {
    /// What TensorFlow takes for the distance from 1 to the next number.
    const EPSILON: f32;
    /// Rows of more packets than this are summed in halves.
    const LEAF: usize;
}

impl Steps for f16 {
    // Eigen's, which is an eighth of the true one.
    const EPSILON: f32 = 1.0 / 8192.0;
    const LEAF: usize = 200;
}

impl Steps for bf16 {
    const EPSILON: f32 = 1.0 / 128.0;
    const LEAF: usize = 128;
}

/// `out = op(x)` in rounded steps; `false` for functions that are computed in `f32` and rounded once. `x` begins with
/// the first element of a packet.
pub fn unary<T: Steps>(op: UnaryOp, x: &[T], out: &mut [T]) -> bool {
    let one = T::narrow(1.0);
    let exp = |x: T| T::narrow(x.wide().exp());
    match op {
        UnaryOp::Elu => map(x, out, |x| match x < T::ZERO {
            true => exp(x).sub(one),
            false => x,
        }),
        UnaryOp::Selu => {
            let scale = T::from_f64(1.050_700_987_355_480_5);
            let below = T::from_f64(1.758_099_340_847_376_9);
            map(x, out, |x| match x < T::ZERO {
                true => below.mul(exp(x).sub(one)),
                false => scale.mul(x),
            });
        }
        UnaryOp::LeakyRelu { alpha } => {
            let alpha = T::narrow(alpha);
            map(x, out, |x| if x > T::ZERO { x } else { x.mul(alpha) });
        }
        UnaryOp::Softplus => {
            let small = T::narrow(T::EPSILON.ln()).add(T::narrow(2.0));
            let large = T::ZERO.sub(small);
            map(x, out, |x| {
                let exp = exp(x);
                if x > large {
                    x
                } else if x < small {
                    exp
                } else {
                    T::narrow(exp.wide().ln_1p())
                }
            });
        }
        UnaryOp::Softsign => map(x, out, |x| x.div(T::narrow(x.wide().abs()).add(one))),
        UnaryOp::Logistic => map(x, out, |x| match exp(x) {
            exp if exp.wide().is_infinite() => one,
            exp => exp.div(one.add(exp)),
        }),
        // TensorFlow rounds the root where it takes elements one by one: those that fill no packet of eight.
        UnaryOp::Rsqrt => {
            let packets = x.len() / LANES * LANES;
            let ((x, rest), (out, last)) = (x.split_at(packets), out.split_at_mut(packets));
            map(x, out, |x| T::narrow(1.0 / x.wide().sqrt()));
            map(rest, last, |x| one.div(T::narrow(x.wide().sqrt())));
        }
        _ => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_near_the_functions() {
        let x: Vec<f16> = (-90..90).map(|i| f16::from_f32(i as f32 * 0.1)).collect();
        let mut out = vec![f16::ZERO; x.len()];
        let mut check = |op, f: fn(f32) -> f32| {
            assert!(unary(op, &x, &mut out));
            for (x, out) in x.iter().zip(&out) {
                let want = f(x.to_f32());
                assert!(
                    (out.to_f32() - want).abs() <= 4e-3 * want.abs().max(1.0),
                    "{op:?} of {x}"
                );
            }
        };
        check(UnaryOp::Elu, |x| if x < 0.0 { x.exp() - 1.0 } else { x });
        check(UnaryOp::Softplus, |x| (1.0 + x.exp()).ln());
        check(UnaryOp::Softsign, |x| x / (1.0 + x.abs()));
        check(UnaryOp::Logistic, |x| 1.0 / (1.0 + (-x).exp()));
        let x = [f16::from_f32(0.2893); LANES + 1];
        let mut out = [f16::ZERO; LANES + 1];
        assert!(unary(UnaryOp::Rsqrt, &x, &mut out));
        assert_eq!(out[LANES - 1].to_bits() - out[LANES].to_bits(), 1);
        assert!(!unary(UnaryOp::Tanh, &x, &mut out));
    }
}

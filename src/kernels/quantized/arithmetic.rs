//! ADD, SUB, MUL, DIV, SQUARED_DIFFERENCE on quantized values.

use crate::kernels::cpu::{self, by_level};
use crate::kernels::elementwise::{zip, zip_rows};
use crate::kernels::fixed::{Multiplier, one_over_one_plus, rdpot, srdhm};
use crate::kernels::requant::Quantized;

/// Scale and zero point of one tensor.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Affine {
    pub scale: f32,
    pub zero: i32,
}

/// The quantized operators of two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QuantizedOp {
    Add,
    Sub,
    Mul,
    SquaredDifference,
    /// No divisor may be the zero point.
    Div,
}

/// Constants of one operator, made once from the scales.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuantizedBinary {
    pub(super) op: QuantizedOp,
    pub(super) zeros: [i32; 3],
    pub(super) left_shift: u32,
    pub(super) inputs: [Multiplier; 2],
    pub(super) output: Multiplier,
    pub(super) range: (i32, i32),
}

impl QuantizedBinary {
    /// `range` comes from [`crate::kernels::requant::quantized_range`]. `wide` says that the activations have 16 bits.
    pub fn new(
        op: QuantizedOp,
        a: Affine,
        b: Affine,
        out: Affine,
        wide: bool,
        range: (i32, i32),
    ) -> Self {
        let twice = f64::from(2.0 * a.scale.max(b.scale));
        let left_shift = match op {
            QuantizedOp::Add | QuantizedOp::Sub if wide => 15,
            QuantizedOp::Add | QuantizedOp::Sub => 20,
            QuantizedOp::SquaredDifference => 7,
            QuantizedOp::Mul | QuantizedOp::Div => 0,
        };
        let one = f64::from(1u32 << left_shift);
        let output = match op {
            QuantizedOp::Add | QuantizedOp::Sub => twice / (one * f64::from(out.scale)),
            QuantizedOp::SquaredDifference => twice * twice / (one * one * f64::from(out.scale)),
            QuantizedOp::Mul => f64::from(a.scale * b.scale / out.scale),
            QuantizedOp::Div => f64::from(a.scale / (b.scale * out.scale)),
        };
        QuantizedBinary {
            op,
            zeros: [a.zero, b.zero, out.zero],
            left_shift,
            inputs: [a, b].map(|side| Multiplier::new(f64::from(side.scale) / twice)),
            output: Multiplier::new(output),
            range,
        }
    }

    #[inline(always)]
    fn scaled(&self, side: usize, v: i32) -> i32 {
        self.inputs[side].apply(v.wrapping_shl(self.left_shift))
    }

    /// As `op`, which is its own.
    #[inline(always)]
    fn one(&self, op: QuantizedOp, a: i32, b: i32) -> i32 {
        let (a, b) = (a - self.zeros[0], b - self.zeros[1]);
        let raw = match op {
            QuantizedOp::Mul => a.wrapping_mul(b),
            QuantizedOp::Add => self.scaled(0, a).wrapping_add(self.scaled(1, b)),
            QuantizedOp::Sub => self.scaled(0, a).wrapping_sub(self.scaled(1, b)),
            QuantizedOp::SquaredDifference => {
                let d = self.scaled(0, a).wrapping_sub(self.scaled(1, b));
                d.wrapping_mul(d)
            }
            QuantizedOp::Div => return self.finish(quotient(a, b, self.output)),
        };
        self.finish(self.output.apply(raw))
    }

    #[inline(always)]
    fn finish(&self, v: i32) -> i32 {
        v.wrapping_add(self.zeros[2])
            .clamp(self.range.0, self.range.1)
    }

    /// Broadcasts both sides to the output's shape.
    pub fn run<T: Quantized>(
        &self,
        a: (&[T], &[usize]),
        b: (&[T], &[usize]),
        out: (&mut [T], &[usize]),
    ) {
        let level = cpu::level();
        zip_rows(a, b, out, &|a, b, out| parts(level, self, a, b, out));
    }

    /// Along a part of a row; the loops differ by the operator, which the compiler knows in each.
    #[inline(always)]
    fn part<T: Quantized>(&self, a: &[T], b: &[T], out: &mut [T]) {
        match self.op {
            QuantizedOp::Add => self.each(QuantizedOp::Add, a, b, out),
            QuantizedOp::Sub => self.each(QuantizedOp::Sub, a, b, out),
            QuantizedOp::Mul => self.each(QuantizedOp::Mul, a, b, out),
            QuantizedOp::SquaredDifference => {
                self.each(QuantizedOp::SquaredDifference, a, b, out);
            }
            QuantizedOp::Div => self.each(QuantizedOp::Div, a, b, out),
        }
    }

    #[inline(always)]
    fn each<T: Quantized>(&self, op: QuantizedOp, a: &[T], b: &[T], out: &mut [T]) {
        let (a, b) = (&a[..out.len()], &b[..out.len()]);
        for (i, out) in out.iter_mut().enumerate() {
            *out = T::from_i32(self.one(op, a[i].into(), b[i].into()));
        }
    }
}

by_level! {
    fn parts<T: Quantized>(it: &QuantizedBinary, a: &[T], b: &[T], out: &mut [T]) = QuantizedBinary::part
}

/// `a / b`, times `scale`, through the reciprocal of `b` in Q0.31; `b` is not 0.
///
/// Quotients far below a step need shifts by more than 31 bits: see [`rdpot`].
fn quotient(a: i32, b: i32, scale: Multiplier) -> i32 {
    let (a, b) = if b < 0 { (-a, -b) } else { (a, b) };
    let leading = b.leading_zeros();
    let above_one = 31 - leading as i32;
    let fraction = ((b as u32) << leading).wrapping_sub(1 << 31) as i32;
    let reciprocal = one_over_one_plus(fraction);
    // a as large as its sign bits allow
    let headroom = if a >= 0 { a } else { !a }.leading_zeros() as i32 - 1;
    let unscaled = srdhm(a.wrapping_shl(headroom as u32), reciprocal);
    let shift = scale.shift - above_one - headroom;
    rdpot(srdhm(unscaled, scale.m), (-shift).max(0))
}

/// ADD or SUB on i16 whose scales are powers of two (`pot_scale_int16`): both sides shifted right, the sum saturates.
/// The shifts are `log2(output scale / input scale)`, 0 or more, one of them 0.
pub fn add_power_of_two(
    subtract: bool,
    a: (&[i16], &[usize], i32),
    b: (&[i16], &[usize], i32),
    (lo, hi): (i32, i32),
    out: (&mut [i16], &[usize]),
) {
    let (shift_a, shift_b) = (a.2, b.2);
    zip((a.0, a.1), (b.0, b.1), out, |a, b| {
        let (a, b) = (rdpot(a.into(), shift_a), rdpot(b.into(), shift_b));
        let sum = if subtract { a - b } else { a + b };
        let saturated = sum.clamp(i16::MIN.into(), i16::MAX.into());
        saturated.clamp(lo, hi) as i16
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernels::quantized::arithmetic512::Bytes;
    use crate::kernels::vectors::Spread;

    fn side(any: (f32, i32)) -> Affine {
        let (scale, zero) = any;
        Affine { scale, zero }
    }

    proptest! {
        #[test]
        fn vectors_give_the_same_bytes(
            op in prop::sample::select(vec![
                QuantizedOp::Add, QuantizedOp::Sub, QuantizedOp::Mul, QuantizedOp::SquaredDifference,
            ]),
            a in (0.001f32..3.0, -128i32..128),
            b in (0.001f32..3.0, -128i32..128),
            (alike, swapped, out) in (any::<bool>(), any::<bool>(), (0.001f32..6.0, -128i32..128)),
            (rows, columns, kind) in (1usize..4, 1usize..150, 0usize..4),
            range in (-128i32..100, 1i32..200),
            (parts, quick) in (1usize..3, any::<bool>()),
        ) {
            let b = if alike { (a.0, b.1) } else { b };
            let (a, b) = if swapped { (b, a) } else { (a, b) };
            let range = (range.0, (range.0 + range.1).min(127));
            let math = QuantizedBinary::new(op, side(a), side(b), side(out), false, range);
            let Some(mut bytes) = Bytes::new(&math) else { return Ok(()) };
            if quick {
                bytes.quicken(&math, true);
            }
            let full = vec![rows, columns];
            let (shape_a, shape_b) = match kind {
                0 => (full.clone(), full.clone()),
                1 => (full.clone(), vec![columns]),
                2 => (vec![rows, 1], full.clone()),
                _ => (full.clone(), vec![]),
            };
            let values = |shape: &[usize], seed: usize| -> Vec<i8> {
                (0..shape.iter().product()).map(|i: usize| (i * 7919 + seed * 31 + i / 7) as i8).collect()
            };
            let (x, y) = (values(&shape_a, 1), values(&shape_b, 2));
            let mut want = vec![0i8; rows * columns];
            math.run((&x, &shape_a), (&y, &shape_b), (&mut want, &full));
            let spread = Spread::new([&shape_a, &shape_b], &full).unwrap();
            let part = (want.len() / spread.grain()).div_ceil(parts) * spread.grain();
            let (x, y): (&[u8], &[u8]) = (bytemuck::cast_slice(&x), bytemuck::cast_slice(&y));
            let mut got = vec![0i8; want.len()];
            for (i, got) in bytemuck::cast_slice_mut::<i8, u8>(&mut got).chunks_mut(part).enumerate() {
                bytes.run(true, &spread, i * part, [Some(x), Some(y)], got);
            }
            prop_assert_eq!(&got, &want);
            if shape_a == full {
                let mut over = x.to_vec();
                bytes.run(true, &spread, 0, [None, Some(y)], &mut over);
                prop_assert_eq!(bytemuck::cast_slice::<u8, i8>(&over), &want);
            }
            // The same numbers with all zero points and values 128 higher are the same bytes but for their first bit.
            let lift = |a: (f32, i32)| side((a.0, a.1 + 128));
            let range = (range.0 + 128, range.1 + 128);
            let math = QuantizedBinary::new(op, lift(a), lift(b), lift(out), false, range);
            if let Some(mut bytes) = Bytes::new(&math) {
                if quick {
                    bytes.quicken(&math, false);
                }
                let flip = |x: &[u8]| -> Vec<u8> { x.iter().map(|v| v ^ 0x80).collect() };
                let mut got = vec![0; want.len()];
                bytes.run(false, &spread, 0, [Some(&flip(x)), Some(&flip(y))], &mut got);
                prop_assert_eq!(flip(&got), bytemuck::cast_slice::<i8, u8>(&want));
            }
        }
    }

    /// Seen of TensorFlow Lite's kernels: 0 and the least numerator by a large divisor.
    #[test]
    fn tiny_quotients_are_as_the_reference_has_them() {
        let side = |scale, zero| Affine { scale, zero };
        let (a, b, o) = (side(0.01, 0), side(0.05, 0), side(0.4, 0));
        let kernel = QuantizedBinary::new(QuantizedOp::Div, a, b, o, false, (-128, 127));
        let mut out = [0i8; 3];
        kernel.run(
            (&[0, 1, 100], &[3]),
            (&[100, 100, 1], &[3]),
            (&mut out, &[3]),
        );
        assert_eq!(out, [1, 127, 50]);
    }

    #[test]
    fn close_to_the_real_sum_and_product() {
        let (a, b, o) = (
            Affine {
                scale: 0.1,
                zero: 3,
            },
            Affine {
                scale: 0.05,
                zero: -7,
            },
            Affine {
                scale: 0.2,
                zero: 1,
            },
        );
        for (op, real) in [
            (QuantizedOp::Add, 4.7 + 2.35),
            (QuantizedOp::Sub, 4.7 - 2.35),
            (QuantizedOp::Mul, 4.7 * 2.35),
            (QuantizedOp::SquaredDifference, 2.35 * 2.35),
            (QuantizedOp::Div, 4.7 / 2.35),
        ] {
            let kernel = QuantizedBinary::new(op, a, b, o, false, (-128, 127));
            let mut out = [0i8];
            kernel.run((&[50], &[1]), (&[40], &[]), (&mut out, &[1]));
            let got = f64::from(i32::from(out[0]) - 1) * 0.2;
            assert!((got - real).abs() <= 0.11, "{op:?}: {got} {real}");
        }
    }
}

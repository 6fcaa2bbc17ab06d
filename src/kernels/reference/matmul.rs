//! BATCH_MATMUL and MatMul: `x [.., m, k] * y [.., k, n]`, each side optionally transposed, batch axes broadcast.

use crate::kernels::requant::{Quantized, Requant};
use crate::kernels::strides::{Walk, broadcast_strides, row_major};

/// Sizes of one product and how the sides lie in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatMul {
    pub m: usize,
    pub k: usize,
    pub n: usize,
    /// `x` lies as `[k, m]`.
    pub adj_x: bool,
    /// `y` lies as `[n, k]`.
    pub adj_y: bool,
}

impl MatMul {
    /// Steps of `x` along m and k, of `y` along k and n.
    fn steps(&self) -> [usize; 4] {
        let (xm, xk) = if self.adj_x { (1, self.m) } else { (self.k, 1) };
        let (yk, yn) = if self.adj_y { (1, self.k) } else { (self.n, 1) };
        [xm, xk, yk, yn]
    }

    /// Calls `f(first element of x, of y, of the output)` for every matrix of the broadcast batch.
    pub fn for_each_batch(
        &self,
        x_batch: &[usize],
        y_batch: &[usize],
        out_batch: &[usize],
        mut f: impl FnMut(usize, usize, usize),
    ) {
        let strides = [
            broadcast_strides(x_batch, out_batch),
            broadcast_strides(y_batch, out_batch),
            row_major(out_batch),
        ];
        for run in Walk::new(out_batch, strides).runs([0; 3]) {
            let mut at = run.at;
            for _ in 0..run.len {
                f(
                    at[0] * self.m * self.k,
                    at[1] * self.k * self.n,
                    at[2] * self.m * self.n,
                );
                for (at, step) in at.iter_mut().zip(run.step) {
                    *at = at.wrapping_add_signed(step);
                }
            }
        }
    }
}

/// A number type whose products are summed in itself (floats) or wrap (integers).
pub trait MulAdd: Copy + Default {
    fn mul_add(self, a: Self, b: Self) -> Self;
}

macro_rules! mul_add {
    (float { $($f:ty)* } int { $($i:ty)* }) => {
        $(impl MulAdd for $f {
            #[inline(always)]
            fn mul_add(self, a: Self, b: Self) -> Self { self + a * b }
        })*
        $(impl MulAdd for $i {
            #[inline(always)]
            fn mul_add(self, a: Self, b: Self) -> Self { self.wrapping_add(a.wrapping_mul(b)) }
        })*
    };
}

mul_add! { float { f32 f64 } int { i8 u8 i16 u16 i32 u32 i64 u64 } }

impl MulAdd for half::f16 {
    fn mul_add(self, a: Self, b: Self) -> Self {
        Self::from_f32(self.to_f32() + a.to_f32() * b.to_f32())
    }
}

impl MulAdd for half::bf16 {
    fn mul_add(self, a: Self, b: Self) -> Self {
        Self::from_f32(self.to_f32() + a.to_f32() * b.to_f32())
    }
}

impl<
    F: Copy
        + Default
        + std::ops::Add<Output = F>
        + std::ops::Sub<Output = F>
        + std::ops::Mul<Output = F>,
> MulAdd for [F; 2]
{
    fn mul_add(self, a: Self, b: Self) -> Self {
        [
            self[0] + (a[0] * b[0] - a[1] * b[1]),
            self[1] + (a[0] * b[1] + a[1] * b[0]),
        ]
    }
}

/// Any number type. Batch shapes are the operands' shapes without their last two axes. Half types are better widened first.
pub fn batch_matmul<T: MulAdd>(
    p: &MatMul,
    (x, x_batch): (&[T], &[usize]),
    (y, y_batch): (&[T], &[usize]),
    (output, out_batch): (&mut [T], &[usize]),
) {
    let [xm, xk, yk, yn] = p.steps();
    p.for_each_batch(x_batch, y_batch, out_batch, |x0, y0, o0| {
        for m in 0..p.m {
            for n in 0..p.n {
                let mut sum = T::default();
                for k in 0..p.k {
                    sum = sum.mul_add(x[x0 + m * xm + k * xk], y[y0 + k * yk + n * yn]);
                }
                output[o0 + m * p.n + n] = sum;
            }
        }
    });
}

/// Quantized sides with zero points `zx`, `zy`; sums go through `requant` (one factor, or one per column).
pub fn batch_matmul_quantized<X: Quantized, Y: Quantized>(
    p: &MatMul,
    (x, x_batch, zx): (&[X], &[usize], i32),
    (y, y_batch, zy): (&[Y], &[usize], i32),
    requant: &Requant,
    (output, out_batch): (&mut [X], &[usize]),
) {
    let [xm, xk, yk, yn] = p.steps();
    p.for_each_batch(x_batch, y_batch, out_batch, |x0, y0, o0| {
        for m in 0..p.m {
            for n in 0..p.n {
                let mut sum = 0i64;
                for k in 0..p.k {
                    let a: i32 = x[x0 + m * xm + k * xk].into();
                    let b: i32 = y[y0 + k * yk + n * yn].into();
                    sum += i64::from(a - zx) * i64::from(b - zy);
                }
                output[o0 + m * p.n + n] = X::from_i32(requant.apply(n, sum));
            }
        }
    });
}

/// int8 sides, i32 sums as the output (TFLite's int8 x int8 -> int32 form): zero points are taken as 0.
pub fn batch_matmul_i8_i32(
    p: &MatMul,
    (x, x_batch): (&[i8], &[usize]),
    (y, y_batch): (&[i8], &[usize]),
    (output, out_batch): (&mut [i32], &[usize]),
) {
    let [xm, xk, yk, yn] = p.steps();
    p.for_each_batch(x_batch, y_batch, out_batch, |x0, y0, o0| {
        for m in 0..p.m {
            for n in 0..p.n {
                output[o0 + m * p.n + n] = (0..p.k)
                    .map(|k| {
                        i32::from(x[x0 + m * xm + k * xk]) * i32::from(y[y0 + k * yk + n * yn])
                    })
                    .sum();
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposed_sides_and_broadcast_batches() {
        let p = MatMul {
            m: 2,
            k: 2,
            n: 1,
            adj_x: true,
            adj_y: false,
        };
        let x = [1.0f32, 2.0, 3.0, 4.0];
        let y = [1.0f32, 0.0, 0.0, 1.0];
        let mut out = [0.0; 4];
        batch_matmul(&p, (&x, &[]), (&y, &[2]), (&mut out, &[2]));
        assert_eq!(out, [1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn complex_products() {
        let p = MatMul {
            m: 1,
            k: 1,
            n: 1,
            adj_x: false,
            adj_y: false,
        };
        let mut out = [[0.0f32; 2]];
        batch_matmul(
            &p,
            (&[[0.0, 1.0]], &[]),
            (&[[0.0, 1.0]], &[]),
            (&mut out, &[]),
        );
        assert_eq!(out, [[-1.0, 0.0]]);
    }
}

//! Products of int8 matrices, both of which are values of the run; answers equal the reference's to the bit.

use super::epilogue::Epilogue;
use super::finish::Finish;
use super::int8::largest_sum;
use crate::kernels::cpu::{self, Level, by_level};
use crate::kernels::reference::matmul::MatMul;
use crate::kernels::requant::Requant;
use crate::kernels::threads::Threads;

/// Sums of one row that are held at once.
const COLUMNS: usize = 64;

/// A BATCH_MATMUL on int8 for this processor.
#[derive(Debug, Clone)]
pub struct MatMulInt8 {
    p: MatMul,
    /// Zero points of both sides.
    zeros: [i32; 2],
    epilogue: Epilogue,
    level: Level,
}

impl MatMulInt8 {
    /// Longest sums that can't leave 31 bits.
    pub const MOST_K: usize = 1 << 15;

    /// `requant` has one factor. `None` for 64-bit sums, and for rows of none or more than [`MatMulInt8::MOST_K`]
    /// elements.
    pub fn new(p: MatMul, zeros: [i32; 2], requant: &Requant) -> Option<Self> {
        Self::with_level(cpu::level(), p, zeros, requant)
    }

    /// For one instruction set, which must be there.
    pub fn with_level(level: Level, p: MatMul, zeros: [i32; 2], requant: &Requant) -> Option<Self> {
        assert!(level <= cpu::level(), "{level:?} is not there");
        let largest = largest_sum(p.k) * 2;
        let epilogue = Epilogue::new(level, requant, COLUMNS, |_| 0, |_| largest)?;
        let near = zeros.iter().all(|zero| (-128..=127).contains(zero));
        (near && (1..=Self::MOST_K).contains(&p.k)).then_some(MatMulInt8 {
            p,
            zeros,
            epilogue,
            level,
        })
    }

    /// Elements of scratch: one matrix of each side without its zero point, k along the rows.
    pub fn scratch_len(&self) -> usize {
        let p = &self.p;
        (p.m.saturating_add(p.n)).saturating_mul(p.k)
    }

    /// BATCH_MATMUL; batch shapes are the operands' shapes without their last two axes.
    pub fn run(
        &self,
        (x, x_batch): (&[i8], &[usize]),
        (y, y_batch): (&[i8], &[usize]),
        scratch: &mut [i16],
        (output, out_batch): (&mut [i8], &[usize]),
        threads: &Threads,
    ) {
        let MatMul {
            m,
            k,
            n,
            adj_x,
            adj_y,
        } = self.p;
        if output.is_empty() {
            return;
        }
        let (left, right) = scratch[..self.scratch_len()].split_at_mut(m * k);
        self.p
            .for_each_batch(x_batch, y_batch, out_batch, |x0, y0, o0| {
                by_rows(&x[x0..x0 + m * k], self.zeros[0], adj_x.then_some(m), left);
                by_rows(
                    &y[y0..y0 + k * n],
                    self.zeros[1],
                    (!adj_y).then_some(n),
                    right,
                );
                let (left, right) = (&*left, &*right);
                threads.rows(&mut output[o0..o0 + m * n], n, 1, |first, part| {
                    for (row, out) in part.chunks_exact_mut(n).enumerate() {
                        let x = &left[(first + row) * k..][..k];
                        let columns = right.chunks(COLUMNS * k).zip(out.chunks_mut(COLUMNS));
                        for (y, out) in columns {
                            let mut sums = [0; COLUMNS];
                            dots(self.level, x, y, &mut sums);
                            self.epilogue.apply(0, 0, &sums, out);
                        }
                    }
                });
            });
    }
}

/// A matrix less its zero point, its rows one after another; it lies by columns of so many where `across` says so.
fn by_rows(from: &[i8], zero: i32, across: Option<usize>, to: &mut [i16]) {
    let less = |v: i8| i16::from(v) - zero as i16;
    match across {
        None => {
            for (to, &v) in to.iter_mut().zip(from) {
                *to = less(v);
            }
        }
        Some(rows) => {
            let k = from.len() / rows;
            for (row, to) in to.chunks_exact_mut(k).enumerate() {
                for (at, to) in to.iter_mut().enumerate() {
                    *to = less(from[at * rows + row]);
                }
            }
        }
    }
}

/// The products of `x` with the rows of `y`.
#[inline(always)]
fn dots_of(x: &[i16], y: &[i16], sums: &mut [i32]) {
    for (sum, y) in sums.iter_mut().zip(y.chunks_exact(x.len())) {
        let products = x.iter().zip(y).map(|(&a, &b)| i32::from(a) * i32::from(b));
        *sum = products.sum();
    }
}

by_level! {
    fn dots(x: &[i16], y: &[i16], sums: &mut [i32]) = dots_of
}

#[cfg(test)]
mod tests {
    use super::super::testing::bytes;
    use super::*;
    use crate::kernels::reference::matmul::batch_matmul_quantized;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn equals_the_reference_to_the_bit(
            (batch, m, k, n) in (1usize..4, 1usize..9, 1usize..80, 1usize..140),
            (adj_x, adj_y) in any::<(bool, bool)>(),
            (zx, zy, zo) in (-128i32..128, -128i32..128, -128i32..128),
            seed in any::<u32>(),
        ) {
            let p = MatMul { m, k, n, adj_x, adj_y };
            let (x, y) = (bytes(seed, batch * m * k), bytes(seed ^ 1, k * n));
            let requant = Requant::fixed(&[3e-4], zo, (-128, 127));
            let mut want = vec![0i8; batch * m * n];
            let (xs, ys) = ((&*x, &[batch][..], zx), (&*y, &[][..], zy));
            batch_matmul_quantized(&p, xs, ys, &requant, (&mut want, &[batch]));
            for level in cpu::levels() {
                let kernel = MatMulInt8::with_level(level, p, [zx, zy], &requant).unwrap();
                let (mut got, mut scratch) = (vec![0i8; want.len()], vec![9; kernel.scratch_len()]);
                let out = (&mut *got, &[batch][..]);
                kernel.run((&x, &[batch]), (&y, &[]), &mut scratch, out, &Threads::new(2));
                prop_assert_eq!(&got, &want);
            }
        }
    }

    #[test]
    fn sums_that_could_leave_31_bits_are_refused() {
        let requant = Requant::fixed(&[0.5], 0, (-128, 127));
        let p = |k| MatMul {
            m: 1,
            k,
            n: 1,
            adj_x: false,
            adj_y: false,
        };
        assert!(MatMulInt8::new(p(0), [0, 0], &requant).is_none());
        assert!(MatMulInt8::new(p(1 << 15), [0, 0], &requant).is_some());
        assert!(MatMulInt8::new(p((1 << 15) + 1), [0, 0], &requant).is_none());
        assert!(MatMulInt8::new(p(8), [0, 128], &requant).is_none());
    }
}

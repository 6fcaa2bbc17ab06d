//! Matrix products whose right side is not constant: it is packed into scratch on every call.

use super::tile::{Job, Tiles, choose};
use crate::kernels::cpu::{self, Level};
use crate::kernels::reference::matmul::MatMul;

/// A product of f32 matrices prepared for this processor.
#[derive(Debug, Clone)]
pub struct FastMatMul {
    p: MatMul,
    level: Level,
}

const TAPS: [usize; 1] = [0];

impl FastMatMul {
    pub fn new(p: MatMul) -> Self {
        Self::with_level(cpu::level(), p)
    }

    /// For one instruction set, which must be there.
    pub fn with_level(level: Level, p: MatMul) -> Self {
        assert!(level <= cpu::level(), "{level:?} is not there");
        FastMatMul { p, level }
    }

    /// Elements of scratch: one packed panel, and `x` turned when it lies transposed.
    pub fn scratch_len(&self) -> usize {
        let width = choose(self.level, false).width;
        let turned = if self.p.adj_x { self.p.m * self.p.k } else { 0 };
        (1 + self.p.k) * width + turned
    }

    /// BATCH_MATMUL; batch shapes are the operands' shapes without their last two axes.
    pub fn run(
        &self,
        (x, x_batch): (&[f32], &[usize]),
        (y, y_batch): (&[f32], &[usize]),
        scratch: &mut [f32],
        (output, out_batch): (&mut [f32], &[usize]),
    ) {
        let p = self.p;
        let (x_len, y_len, out_len) = (p.m * p.k, p.k * p.n, p.m * p.n);
        assert_eq!(output.len(), out_batch.iter().product::<usize>() * out_len);
        if out_len == 0 {
            return;
        }
        p.for_each_batch(x_batch, y_batch, out_batch, |x0, y0, o0| {
            self.one(
                &x[x0..x0 + x_len],
                &y[y0..y0 + y_len],
                scratch,
                &mut output[o0..o0 + out_len],
            );
        });
    }

    fn one(&self, x: &[f32], y: &[f32], scratch: &mut [f32], out: &mut [f32]) {
        let MatMul {
            m,
            k,
            n,
            adj_x,
            adj_y,
        } = self.p;
        let Tiles { wide, width, .. } = choose(self.level, false);
        let (panel, turned) = scratch[..self.scratch_len()].split_at_mut((1 + k) * width);
        let x = if adj_x {
            for (row, turned) in turned.chunks_exact_mut(k.max(1)).enumerate() {
                for (i, v) in turned.iter_mut().enumerate() {
                    *v = x[i * m + row];
                }
            }
            &*turned
        } else {
            x
        };
        const ROWS: usize = 64;
        let mut bases = [0usize; ROWS];
        for column in (0..n).step_by(width) {
            let columns = width.min(n - column);
            panel.fill(0.0);
            for i in 0..k {
                let to = &mut panel[(1 + i) * width..][..columns];
                if adj_y {
                    for (j, v) in to.iter_mut().enumerate() {
                        *v = y[(column + j) * k + i];
                    }
                } else {
                    to.copy_from_slice(&y[i * n + column..][..columns]);
                }
            }
            let job = Job {
                a: x.as_ptr(),
                taps: &TAPS,
                run: k,
                panel: panel.as_ptr(),
                lo: f32::NEG_INFINITY,
                hi: f32::INFINITY,
                out_row: n,
                columns,
                next: std::ptr::null(),
            };
            for first in (0..m).step_by(ROWS) {
                let count = ROWS.min(m - first);
                for (i, base) in bases[..count].iter_mut().enumerate() {
                    *base = (first + i) * k;
                }
                let to = &mut out[first * n + column..];
                assert!((first + count) * k <= x.len());
                assert!((count - 1) * n + columns <= to.len());
                // SAFETY: the level was checked; rows of `x` and of the output are asserted, the panel has 1 + k rows.
                unsafe { wide(&job, &bases[..count], to.as_mut_ptr()) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, values};
    use super::*;
    use crate::kernels::reference::matmul::batch_matmul;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn equals_the_reference(
            (m, k, n) in (1usize..40, 0usize..40, 1usize..70),
            (adj_x, adj_y) in any::<(bool, bool)>(),
            seed in any::<u32>(),
        ) {
            let p = MatMul { m, k, n, adj_x, adj_y };
            let (x, y) = (values(seed, 2 * m * k), values(seed ^ 1, k * n));
            let mut want = vec![0.0; 2 * m * n];
            batch_matmul(&p, (&x, &[2]), (&y, &[]), (&mut want, &[2]));
            for level in cpu::levels() {
                let fast = FastMatMul::with_level(level, p);
                let mut scratch = vec![f32::NAN; fast.scratch_len()];
                let mut got = vec![f32::NAN; 2 * m * n];
                fast.run((&x, &[2]), (&y, &[]), &mut scratch, (&mut got, &[2]));
                close(&got, &want)?;
            }
        }
    }
}

//! Products of int8 matrices, both of which are values of the run; answers equal the reference's to the bit.

// By index: iterators are functions of their own, compiled without the instruction set of these loops.
#![allow(clippy::needless_range_loop)]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use super::epilogue::Epilogue;
use super::finish::Finish;
#[cfg(target_arch = "x86_64")]
use super::finish::{BEYOND, Rows, each_row, load};
use super::int8::largest_sum;
#[cfg(target_arch = "x86_64")]
use super::int8_sums::{BLOCK, Panel, by_vnni, flip};
use crate::kernels::cpu::{self, Level, by_level};
use crate::kernels::reference::matmul::MatMul;
use crate::kernels::requant::Requant;
use crate::kernels::threads::Threads;

/// Sums of one row that are held at once.
const COLUMNS: usize = 64;
/// Columns of a panel.
#[cfg(target_arch = "x86_64")]
const WIDTH: usize = super::vnni::WIDTH;

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
        // Twice as much as with weights: both sides are less a zero point.
        let largest = largest_sum(p.k).saturating_mul(2);
        let epilogue = Epilogue::new(level, requant, p.n.max(COLUMNS), |_| 0, |_| largest)?;
        let near = zeros.iter().all(|zero| (-128..=127).contains(zero));
        (near && (1..=Self::MOST_K).contains(&p.k)).then_some(MatMulInt8 {
            p,
            zeros,
            epilogue,
            level,
        })
    }

    fn by_bytes(&self) -> bool {
        self.level == Level::Avx512 && cpu::has_vnni()
    }

    /// Elements of scratch: one matrix of each side, and what goes with its rows.
    pub fn scratch_len(&self) -> usize {
        let p = &self.p;
        if !self.by_bytes() {
            // In 16 bits.
            let elements = (p.m.saturating_add(p.n)).saturating_mul(p.k);
            return elements.div_ceil(2);
        }
        #[cfg(target_arch = "x86_64")]
        {
            let left = (p.m * p.k).div_ceil(4) + 1;
            let right = p.n.div_ceil(WIDTH) * WIDTH * p.k.div_ceil(4);
            left + right + p.m + p.n + BEYOND
        }
        #[cfg(not(target_arch = "x86_64"))]
        unreachable!("VNNI is there")
    }

    /// BATCH_MATMUL; batch shapes are the operands' shapes without their last two axes.
    pub fn run(
        &self,
        (x, x_batch): (&[i8], &[usize]),
        (y, y_batch): (&[i8], &[usize]),
        scratch: &mut [i32],
        (output, out_batch): (&mut [i8], &[usize]),
        threads: &Threads,
    ) {
        let MatMul { m, k, n, .. } = self.p;
        if output.is_empty() {
            return;
        }
        let scratch = &mut scratch[..self.scratch_len()];
        self.p
            .for_each_batch(x_batch, y_batch, out_batch, |x0, y0, o0| {
                let (x, y) = (&x[x0..x0 + m * k], &y[y0..y0 + k * n]);
                let out = &mut output[o0..o0 + m * n];
                #[cfg(target_arch = "x86_64")]
                if self.by_bytes() {
                    return self.in_bytes(x, y, scratch, out, threads);
                }
                self.in_words(x, y, bytemuck::cast_slice_mut(scratch), out, threads);
            });
    }

    fn in_words(&self, x: &[i8], y: &[i8], scratch: &mut [i16], out: &mut [i8], threads: &Threads) {
        let MatMul {
            m,
            k,
            n,
            adj_x,
            adj_y,
        } = self.p;
        let (left, right) = scratch.split_at_mut(m * k);
        let right = &mut right[..n * k];
        by_rows(x, self.zeros[0], adj_x.then_some(m), left);
        by_rows(y, self.zeros[1], (!adj_y).then_some(n), right);
        let (left, right) = (&*left, &*right);
        threads.rows(out, n, 1, |first, part| {
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
    }

    /// With `u = x + 128`, the sum of `(x - zx) * (y - zy)` is that of `u * y`, less `(128 + zx)` times the sum of the
    /// column, less `zy` times the sum of the row `u - 128 - zx`.
    #[cfg(target_arch = "x86_64")]
    fn in_bytes(&self, x: &[i8], y: &[i8], scratch: &mut [i32], out: &mut [i8], threads: &Threads) {
        let MatMul { m, k, n, .. } = self.p;
        let [zero_x, zero_y] = self.zeros;
        let groups = k.div_ceil(4);
        let (left, rest) = scratch.split_at_mut((m * k).div_ceil(4) + 1);
        let (right, rest) = rest.split_at_mut(n.div_ceil(WIDTH) * WIDTH * groups);
        let (rows, columns) = rest.split_at_mut(m);
        let left: &mut [u8] = bytemuck::cast_slice_mut(left);
        let right: &mut [i8] = bytemuck::cast_slice_mut(right);
        let (body, slack) = left.split_at_mut(m * k);
        slack.fill(0);
        match self.p.adj_x {
            false => flip(self.level, x, body),
            true => {
                for (row, body) in body.chunks_exact_mut(k).enumerate() {
                    for (at, to) in body.iter_mut().enumerate() {
                        *to = (x[at * m + row] as u8) ^ 0x80;
                    }
                }
            }
        }
        for (row, term) in body.chunks_exact(k).zip(rows.iter_mut()) {
            let sum: i32 = row.iter().map(|&u| i32::from(u)).sum();
            *term = -zero_y * (sum - (128 + zero_x) * k as i32);
        }
        columns.fill(0);
        right.fill(0);
        for (panel, right) in right.chunks_exact_mut(groups * WIDTH * 4).enumerate() {
            let first = panel * WIDTH;
            let columns = &mut columns[first..n.min(first + WIDTH)];
            match self.p.adj_y {
                true => panel_of_rows(&y[first * k..], k, right, columns),
                false => panel_of_columns(&y[first..], n, right, columns),
            }
        }
        for column in columns.iter_mut() {
            *column *= -(128 + zero_x);
        }
        let (left, right) = (&*left, &*right);
        let finish = Terms {
            epilogue: &self.epilogue,
            rows,
            columns,
        };
        let tile = super::vnni::height(m, Terms::TALL);
        threads.rows(out, n, tile, |first, part| {
            let mut bases = [0; BLOCK];
            for (block, out) in part.chunks_mut(BLOCK * n).enumerate() {
                let first = first + block * BLOCK;
                let bases = &mut bases[..out.len() / n];
                for (row, base) in bases.iter_mut().enumerate() {
                    *base = (first + row) * k;
                }
                assert!((first + bases.len() - 1) * k + 4 * groups <= left.len());
                for (panel, weights) in right.chunks_exact(groups * WIDTH * 4).enumerate() {
                    let channel = panel * WIDTH;
                    let panel = Panel {
                        a: left,
                        taps: &[0],
                        groups,
                        weights: bytemuck::cast_slice(weights),
                        channel,
                        columns: WIDTH.min(n - channel),
                        out_row: n,
                    };
                    by_vnni(&panel, bases, &finish, first, &mut out[channel..]);
                }
            }
        });
    }
}

/// Four neighbouring elements of each of the rows, which are the columns of a product; their sums too.
#[cfg(target_arch = "x86_64")]
fn panel_of_rows(y: &[i8], k: usize, panel: &mut [i8], sums: &mut [i32]) {
    for (column, sum) in sums.iter_mut().enumerate() {
        let row = &y[column * k..][..k];
        *sum = row.iter().map(|&v| i32::from(v)).sum();
        for (group, four) in row.chunks(4).enumerate() {
            panel[(group * WIDTH + column) * 4..][..four.len()].copy_from_slice(four);
        }
    }
}

/// Four elements of each column, which lie `n` apart; the columns' sums too.
#[cfg(target_arch = "x86_64")]
fn panel_of_columns(y: &[i8], n: usize, panel: &mut [i8], sums: &mut [i32]) {
    for (at, row) in y.chunks(n).enumerate() {
        let to = &mut panel[at / 4 * WIDTH * 4 + at % 4..];
        for (column, sum) in sums.iter_mut().enumerate() {
            *sum += i32::from(row[column]);
            to[4 * column] = row[column];
        }
    }
}

/// An [`Epilogue`] of sums that still lack a number for each row and each column.
#[cfg(target_arch = "x86_64")]
struct Terms<'a> {
    epilogue: &'a Epilogue,
    rows: &'a [i32],
    columns: &'a [i32],
}

#[cfg(target_arch = "x86_64")]
impl Finish for Terms<'_> {
    type Out = i8;
    const TALL: bool = false;

    fn apply(&self, row: usize, channel: usize, sums: &[i32], out: &mut [i8]) {
        for (at, (sum, out)) in sums.iter().zip(out).enumerate() {
            let terms = self.rows[row].wrapping_add(self.columns[channel + at]);
            let sum = sum.wrapping_add(terms);
            self.epilogue
                .apply(row, channel, &[sum], std::slice::from_mut(out));
        }
    }

    #[inline(always)]
    unsafe fn begin<const NV: usize>(&self, channel: usize) -> [__m512i; NV] {
        // SAFETY: the caller promises the instruction set and a channel; the table goes on behind the last one.
        unsafe { load(self.columns, channel) }
    }

    #[inline(always)]
    unsafe fn store<const MR: usize, const NV: usize>(
        &self,
        row: usize,
        channel: usize,
        sums: &[[__m512i; NV]; MR],
        columns: usize,
        out: Rows<i8>,
    ) {
        let mut whole = *sums;
        // SAFETY: the caller promises the instruction set, and what the epilogue asks for.
        unsafe {
            each_row!(r in MR {
                let term = _mm512_set1_epi32(self.rows[row + r]);
                for v in 0..NV {
                    whole[r][v] = _mm512_add_epi32(whole[r][v], term);
                }
            });
            self.epilogue.store(row, channel, &whole, columns, out);
        }
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
            (batch, m, k, n) in (1usize..4, 1usize..40, 1usize..80, 1usize..140),
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
                let (mut got, mut scratch) = (vec![0i8; want.len()], vec![9i32; kernel.scratch_len()]);
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

//! MAX_POOL_2D by rows of the output, shared between threads; answers equal the reference's.

// By index: iterators are functions of their own, compiled without the instruction set of these loops.
#![allow(clippy::needless_range_loop)]

use crate::kernels::cpu::{self, by_level};
use crate::kernels::params::{Clamp, Pool2d};
use crate::kernels::threads::Threads;

/// Comparisons below which a second thread costs more than it brings.
const SMALL: usize = 1 << 17;

/// Channels whose maxima are held at once.
const BLOCK: usize = 64;

/// Values that have a greatest among them.
pub trait Ordered: Copy + PartialOrd + Send + Sync {
    fn within(self, lo: Self, hi: Self) -> Self;
}

impl Ordered for f32 {
    #[inline(always)]
    fn within(self, lo: Self, hi: Self) -> Self {
        Clamp { lo, hi }.apply(self)
    }
}

macro_rules! ordered {
    ($($t:ty)*) => {
        $(impl Ordered for $t {
            #[inline(always)]
            fn within(self, lo: Self, hi: Self) -> Self {
                self.max(lo).min(hi)
            }
        })*
    };
}
ordered! { i8 u8 i16 }

/// What a window begins with, and the bounds of its maximum.
#[derive(Debug, Clone, Copy)]
pub struct Limits<T> {
    pub init: T,
    pub lo: T,
    pub hi: T,
}

/// MAX_POOL_2D; NaN is skipped.
pub fn max_pool<T: Ordered>(
    p: &Pool2d,
    input: &[T],
    limits: Limits<T>,
    output: &mut [T],
    threads: &Threads,
) {
    assert_eq!(input.len(), p.input_len(), "input of {p:?}");
    assert_eq!(output.len(), p.output_len(), "output of {p:?}");
    let (row, level) = (p.out_w * p.channels, cpu::level());
    if output.is_empty() {
        return;
    }
    if output.len() * p.k_h * p.k_w < SMALL {
        return rows(level, p, input, limits, 0, output);
    }
    threads.rows(output, row, 1, |first, out| {
        rows(level, p, input, limits, first, out);
    });
}

by_level! {
    fn rows<T: Ordered>(p: &Pool2d, input: &[T], limits: Limits<T>, first: usize, out: &mut [T]) = rows_of
}

/// Rows from `first` on, counting all images'.
#[inline(always)]
fn rows_of<T: Ordered>(p: &Pool2d, input: &[T], limits: Limits<T>, first: usize, out: &mut [T]) {
    let channels = p.channels;
    for (row, out) in (first..).zip(out.chunks_exact_mut(p.out_w * channels)) {
        let (b, y) = (row / p.out_h, row % p.out_h);
        for x in 0..p.out_w {
            let (rows, columns) = p.window(y, x);
            let cells = Cells {
                first: ((b * p.in_h + rows.start) * p.in_w + columns.start) * channels,
                rows: rows.len(),
                columns: columns.len(),
                row: p.in_w * channels,
                column: channels,
            };
            let out = &mut out[x * channels..(x + 1) * channels];
            let mut done = 0;
            while done + BLOCK <= channels {
                block::<T, BLOCK>(&cells, input, limits, done, out);
                done += BLOCK;
            }
            while done + BLOCK / 4 <= channels {
                block::<T, { BLOCK / 4 }>(&cells, input, limits, done, out);
                done += BLOCK / 4;
            }
            while done + BLOCK / 16 <= channels {
                block::<T, { BLOCK / 16 }>(&cells, input, limits, done, out);
                done += BLOCK / 16;
            }
            while done < channels {
                block::<T, 1>(&cells, input, limits, done, out);
                done += 1;
            }
        }
    }
}

/// The window of one output: its first element, its size in cells, and elements between them.
struct Cells {
    first: usize,
    rows: usize,
    columns: usize,
    row: usize,
    column: usize,
}

/// `N` channels from `channel` on.
#[inline(always)]
fn block<T: Ordered, const N: usize>(
    cells: &Cells,
    input: &[T],
    limits: Limits<T>,
    channel: usize,
    out: &mut [T],
) {
    let mut most = [limits.init; N];
    for row in 0..cells.rows {
        for column in 0..cells.columns {
            let at = cells.first + row * cells.row + column * cells.column + channel;
            let values = &input[at..at + N];
            for i in 0..N {
                most[i] = if values[i] > most[i] {
                    values[i]
                } else {
                    most[i]
                };
            }
        }
    }
    let out = &mut out[channel..channel + N];
    for i in 0..N {
        out[i] = most[i].within(limits.lo, limits.hi);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::bytes;
    use super::*;
    use crate::kernels::reference::pool::{max_pool_f32, max_pool_quantized};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn equals_the_reference(
            (batch, in_h, in_w, channels) in (1usize..3, 1usize..12, 1usize..12, 1usize..150),
            (k_h, k_w, stride_h, stride_w) in (1usize..4, 1usize..4, 1usize..3, 1usize..3),
            (pad_top, pad_left) in (0usize..3, 0usize..3),
            (lo, hi) in (-100i32..0, 0i32..100),
            seed in any::<u32>(),
        ) {
            let p = Pool2d {
                batch, in_h, in_w, channels, k_h, k_w, stride_h, stride_w, pad_top, pad_left,
                out_h: (in_h + pad_top).div_ceil(stride_h),
                out_w: (in_w + pad_left).div_ceil(stride_w),
            };
            let input = bytes(seed, p.input_len());
            let mut want = vec![0i8; p.output_len()];
            max_pool_quantized(&p, &input, (lo, hi), &mut want);
            let limits = Limits { init: i8::MIN, lo: lo as i8, hi: hi as i8 };
            let odd = |v: i8| match v {
                0 => f32::NAN,
                1 => -0.0,
                v => f32::from(v),
            };
            let reals: Vec<f32> = input.iter().map(|&v| odd(v)).collect();
            let clamp = Clamp { lo: 0.0, hi: 50.0 };
            let mut want_reals = vec![0.0; want.len()];
            max_pool_f32(&p, &reals, clamp, &mut want_reals);
            let bits = |v: &[f32]| -> Vec<u32> { v.iter().map(|v| v.to_bits()).collect() };
            for level in cpu::levels() {
                let mut got = vec![0i8; want.len()];
                rows(level, &p, &input, limits, 0, &mut got);
                prop_assert_eq!(&got, &want);
                let limits = Limits { init: f32::MIN, lo: clamp.lo, hi: clamp.hi };
                let mut got = vec![0.0; want.len()];
                rows(level, &p, &reals, limits, 0, &mut got);
                prop_assert_eq!(bits(&got), bits(&want_reals));
            }
            let mut got = vec![0i8; want.len()];
            max_pool(&p, &input, limits, &mut got, &Threads::new(3));
            prop_assert_eq!(&got, &want);
        }
    }
}

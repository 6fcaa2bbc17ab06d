//! Sums along axes whose loops become vectors.

// By index: iterators are functions of their own, compiled without the instruction set of these loops.
#![allow(clippy::needless_range_loop)]

use bytemuck::{Pod, Zeroable};

use super::rows;
use crate::kernels::cpu::{self, Level, by_level};
use crate::kernels::reference::reduce::{Lines, fold_lines};

/// A number whose sums are kept in a wider type.
pub trait Addend: Copy + 'static {
    type Sum: Copy;
    const ZERO: Self::Sum;
    /// Whether the order of the terms decides about the last places.
    const ORDERED: bool;
    fn add(sum: Self::Sum, x: Self) -> Self::Sum;
    fn join(a: Self::Sum, b: Self::Sum) -> Self::Sum;

    /// Adds rows of `depth` that lie behind each other, every term after the one before, where there is a quick way.
    fn rows(_: Level, _depth: usize, _: &[Self], _: &mut [Self::Sum]) -> bool {
        false
    }

    /// The sum of terms beside each other, in any order, where there is a quick way with these instructions, which must
    /// be there.
    fn whole(_: Level, _: &[Self]) -> Option<Self::Sum> {
        None
    }
}

impl Addend for f32 {
    type Sum = f64;
    const ZERO: f64 = 0.0;
    const ORDERED: bool = true;
    #[inline(always)]
    fn add(sum: f64, x: f32) -> f64 {
        sum + f64::from(x)
    }
    #[inline(always)]
    fn join(a: f64, b: f64) -> f64 {
        a + b
    }
    #[cfg(target_arch = "x86_64")]
    fn whole(level: Level, row: &[f32]) -> Option<f64> {
        // SAFETY: the caller says that the level is there.
        (level == Level::Avx512).then(|| unsafe { whole(row) })
    }
}

/// A number whose sums are rounded to f32 at every term, as TensorFlow Lite's reference kernels add them up.
#[derive(Clone, Copy, Zeroable, Pod)]
#[repr(transparent)]
pub struct Narrow(f32);

impl Addend for Narrow {
    type Sum = f32;
    const ZERO: f32 = 0.0;
    const ORDERED: bool = true;
    #[inline(always)]
    fn add(sum: f32, x: Self) -> f32 {
        sum + x.0
    }
    #[inline(always)]
    fn join(a: f32, b: f32) -> f32 {
        a + b
    }
    fn rows(level: Level, depth: usize, x: &[Self], sums: &mut [f32]) -> bool {
        rows::in_order(level, depth, bytemuck::cast_slice(x), sums);
        true
    }
}

/// # Safety
/// AVX-512 F must be there.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq")]
unsafe fn whole(row: &[f32]) -> f64 {
    use std::arch::x86_64::*;
    const N: usize = 8;
    const TOGETHER: usize = 4;
    let mut sums = [_mm512_setzero_pd(); TOGETHER];
    let end = row.len() / (N * TOGETHER) * (N * TOGETHER);
    let mut at = 0;
    while at < end {
        for i in 0..TOGETHER {
            // SAFETY: four times eight values from `at` on are there.
            let eight = unsafe { _mm256_loadu_ps(row.as_ptr().add(at + N * i)) };
            sums[i] = _mm512_add_pd(sums[i], _mm512_cvtps_pd(eight));
        }
        at += N * TOGETHER;
    }
    let pairs = [
        _mm512_add_pd(sums[0], sums[1]),
        _mm512_add_pd(sums[2], sums[3]),
    ];
    let mut sum = _mm512_reduce_add_pd(_mm512_add_pd(pairs[0], pairs[1]));
    while at < row.len() {
        sum += f64::from(row[at]);
        at += 1;
    }
    sum
}

macro_rules! integers {
    ($($t:ty)*) => { $(impl Addend for $t {
        type Sum = i32;
        const ZERO: i32 = 0;
        const ORDERED: bool = false;
        #[inline(always)]
        fn add(sum: i32, x: $t) -> i32 {
            sum.wrapping_add(i32::from(x))
        }
        #[inline(always)]
        fn join(a: i32, b: i32) -> i32 {
            a.wrapping_add(b)
        }
    })* };
}

integers! { i8 u8 i16 }

/// As [`reduce`](crate::kernels::reference::reduce::reduce()) with sums: `finish(sum, number of terms)`. Only where
/// `in_order` is set are the terms of each sum added one after the other.
pub fn sums<T: Addend, O>(
    input: &[T],
    shape: &[usize],
    reduced: &[bool],
    in_order: bool,
    output: &mut [O],
    finish: impl Fn(T::Sum, usize) -> O,
) {
    assert_eq!(input.len(), shape.iter().product::<usize>());
    let level = cpu::level();
    let apart = !(in_order && T::ORDERED);
    let fold = |sums: &mut [T::Sum], lines: Lines| match (lines.step, lines.across) {
        (1, 0..) => add_lines::<T>(level, &input[lines.at..], lines, sums),
        (_, 1) if apart => {
            let input = &input[lines.at..];
            for (i, sum) in sums.iter_mut().enumerate() {
                let row = &input[i * lines.step..][..lines.count];
                match T::whole(level, row) {
                    Some(all) => *sum = T::join(*sum, all),
                    None => add_rows::<T>(level, row, lines, std::slice::from_mut(sum)),
                }
            }
        }
        _ if lines.across == 1
            && lines.step == lines.count
            && T::rows(
                level,
                lines.count,
                &input[lines.at..][..sums.len() * lines.count],
                sums,
            ) => {}
        _ => {
            let mut at = lines.at;
            for _ in 0..lines.count {
                for (i, sum) in sums.iter_mut().enumerate() {
                    *sum = T::add(*sum, input[at + i * lines.step]);
                }
                at = at.wrapping_add_signed(lines.across);
            }
        }
    };
    let finish = |sums: &[T::Sum], count: usize, output: &mut [O]| {
        for (sum, out) in sums.iter().zip(output) {
            *out = finish(*sum, count);
        }
    };
    fold_lines(shape, reduced, output, T::ZERO, (&fold, &finish));
}

by_level! {
    fn add_lines<T: Addend>(input: &[T], lines: Lines, sums: &mut [T::Sum]) = each_line
}

/// Terms beside each other belong to sums beside each other.
#[inline(always)]
fn each_line<T: Addend>(input: &[T], lines: Lines, sums: &mut [T::Sum]) {
    let mut first = 0;
    while first + 32 <= sums.len() {
        columns::<T, 32>(&input[first..], lines, &mut sums[first..]);
        first += 32;
    }
    while first + 8 <= sums.len() {
        columns::<T, 8>(&input[first..], lines, &mut sums[first..]);
        first += 8;
    }
    while first < sums.len() {
        columns::<T, 1>(&input[first..], lines, &mut sums[first..]);
        first += 1;
    }
}

/// The first `N` sums, which stay in registers.
#[inline(always)]
fn columns<T: Addend, const N: usize>(input: &[T], lines: Lines, sums: &mut [T::Sum]) {
    let mut own = [T::ZERO; N];
    own.copy_from_slice(&sums[..N]);
    for line in 0..lines.count {
        let line = &input[line * lines.across as usize..][..N];
        for column in 0..N {
            own[column] = T::add(own[column], line[column]);
        }
    }
    sums[..N].copy_from_slice(&own);
}

by_level! {
    fn add_rows<T: Addend>(input: &[T], lines: Lines, sums: &mut [T::Sum]) = each_row
}

/// Terms beside each other belong to one sum, which is added up in lanes.
#[inline(always)]
fn each_row<T: Addend>(input: &[T], lines: Lines, sums: &mut [T::Sum]) {
    const LANES: usize = 32;
    for (i, sum) in sums.iter_mut().enumerate() {
        let row = &input[i * lines.step..][..lines.count];
        let mut lanes = [T::ZERO; LANES];
        let parts = row.chunks_exact(LANES);
        let rest = parts.remainder();
        for part in parts {
            for lane in 0..LANES {
                lanes[lane] = T::add(lanes[lane], part[lane]);
            }
        }
        let mut half = LANES / 2;
        while half > 0 {
            for lane in 0..half {
                lanes[lane] = T::join(lanes[lane], lanes[lane + half]);
            }
            half /= 2;
        }
        for &x in rest {
            lanes[0] = T::add(lanes[0], x);
        }
        *sum = T::join(*sum, lanes[0]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernels::reference::reduce::reduce;

    proptest! {
        #[test]
        fn as_the_plain_sums(axes in prop::collection::vec((1usize..80, any::<bool>()), 1..4)) {
            let axes = &axes[..if axes.iter().map(|a| a.0).product::<usize>() > 100_000 { 2 } else { axes.len() }];
            let shape: Vec<usize> = axes.iter().map(|a| a.0).collect();
            let reduced: Vec<bool> = axes.iter().map(|a| a.1).collect();
            let count: usize = shape.iter().product();
            let kept = axes.iter().filter(|a| !a.1).map(|a| a.0).product();
            let bytes: Vec<i8> = (0..count).map(|i| (i * 7919 % 256) as u8 as i8).collect();
            let (mut got, mut want) = (vec![0i32; kept], vec![0i32; kept]);
            sums(&bytes, &shape, &reduced, false, &mut got, |sum, _| sum);
            let add = |sum: i32, x: i8| sum + i32::from(x);
            reduce(&bytes, &shape, &reduced, &mut want, 0, add, |sum, _| sum);
            prop_assert_eq!(got, want);
            let numbers: Vec<f32> = bytes.iter().map(|&b| f32::from(b) * 0.37).collect();
            let (mut got, mut want) = (vec![0f64; kept], vec![0f64; kept]);
            let add = |sum: f64, x: f32| sum + f64::from(x);
            reduce(&numbers, &shape, &reduced, &mut want, 0.0, add, |sum, _| sum);
            sums(&numbers, &shape, &reduced, true, &mut got, |sum, _| sum);
            prop_assert_eq!(&got, &want);
            let (mut narrow, mut steps) = (vec![0f32; kept], vec![0f32; kept]);
            sums(bytemuck::cast_slice::<f32, Narrow>(&numbers), &shape, &reduced, true, &mut narrow, |sum, _| sum);
            reduce(&numbers, &shape, &reduced, &mut steps, 0.0, |sum: f32, x: f32| sum + x, |sum, _| sum);
            prop_assert_eq!(&narrow, &steps);
            sums(&numbers, &shape, &reduced, false, &mut got, |sum, _| sum);
            for (got, want) in got.iter().zip(&want) {
                prop_assert!((got - want).abs() <= 1e-12 * count as f64);
            }
        }
    }
}

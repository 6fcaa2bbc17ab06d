//! Reductions over any set of axes.

use crate::kernels::params::Rules;
use crate::kernels::strides::{MAX_RANK, Walk, row_major};

/// Output elements whose running values are kept at once.
const BLOCK: usize = 64;

/// Folds `input` over the axes where `reduced` is true into `output` (the kept axes in order):
/// `finish(fold(…, init), number of elements folded)`. Elements of one output are met in row-major order.
pub fn reduce<T: Copy, A: Copy, O>(
    input: &[T],
    shape: &[usize],
    reduced: &[bool],
    output: &mut [O],
    init: A,
    fold: impl Fn(A, T) -> A,
    finish: impl Fn(A, usize) -> O,
) {
    let fold = |sums: &mut [A], lines: Lines| {
        let mut at = lines.at;
        for _ in 0..lines.count {
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum = fold(*sum, input[at + i * lines.step]);
            }
            at = at.wrapping_add_signed(lines.across);
        }
    };
    let finish = |sums: &[A], count: usize, output: &mut [O]| {
        for (sum, out) in sums.iter().zip(output) {
            *out = finish(*sum, count);
        }
    };
    assert_eq!(input.len(), shape.iter().product::<usize>());
    fold_lines(shape, reduced, output, init, (&fold, &finish));
}

/// What is added to a row of sums: line after line of elements, `step` apart, each line `across` from the one before.
#[derive(Clone, Copy)]
pub struct Lines {
    pub at: usize,
    pub step: usize,
    pub count: usize,
    pub across: isize,
}

type FoldLines<'f, A> = &'f dyn Fn(&mut [A], Lines);
type FinishSums<'f, A, O> = &'f dyn Fn(&[A], usize, &mut [O]);

/// The nest of [`reduce`], made once for all functions of its types.
pub fn fold_lines<A: Copy, O>(
    shape: &[usize],
    reduced: &[bool],
    output: &mut [O],
    init: A,
    (fold, finish): (FoldLines<A>, FinishSums<A, O>),
) {
    assert_eq!(shape.len(), reduced.len());
    let strides = row_major(shape);
    let (kept, kept_strides) = pick(shape, &strides, reduced, false);
    let (folded, folded_strides) = pick(shape, &strides, reduced, true);
    let (kept_rank, folded_rank) = (
        reduced.iter().filter(|r| !**r).count(),
        reduced.iter().filter(|r| **r).count(),
    );
    let count: usize = folded[..folded_rank].iter().product();
    assert_eq!(output.len(), kept[..kept_rank].iter().product::<usize>());
    let inner = Walk::new(&folded[..folded_rank], [folded_strides]);
    let outer = Walk::new(&kept[..kept_rank], [kept_strides]);
    let mut next = 0;
    for run in outer.runs([0]) {
        let step = run.step[0] as usize;
        for start in (0..run.len).step_by(BLOCK) {
            let width = BLOCK.min(run.len - start);
            let mut sums = [init; BLOCK];
            let sums = &mut sums[..width];
            for walk in inner.runs([run.at[0] + start * step]) {
                let lines = Lines {
                    at: walk.at[0],
                    step,
                    count: walk.len,
                    across: walk.step[0],
                };
                fold(sums, lines);
            }
            finish(sums, count, &mut output[next..next + width]);
            next += width;
        }
    }
}

fn pick(
    shape: &[usize],
    strides: &[isize; MAX_RANK],
    reduced: &[bool],
    which: bool,
) -> ([usize; MAX_RANK], [isize; MAX_RANK]) {
    let mut sizes = [1; MAX_RANK];
    let mut steps = [0; MAX_RANK];
    let axes = (0..shape.len()).filter(|&axis| reduced[axis] == which);
    for (slot, axis) in axes.enumerate() {
        sizes[slot] = shape[axis];
        steps[slot] = strides[axis];
    }
    (sizes, steps)
}

/// What SUM, MEAN, PROD, MAX, MIN need of a number type.
pub trait Reducible: Copy {
    /// Where sums are kept: f64 for floats, the type itself for integers (they wrap).
    type Sum: Copy;
    const ZERO: Self::Sum;
    const ONE: Self::Sum;
    /// The lowest and highest finite values, where TensorFlow Lite begins.
    const FINITE: (Self, Self);
    /// Minus and plus infinity where the type has them, where TensorFlow begins.
    const WIDEST: (Self, Self);
    fn add(sum: Self::Sum, x: Self) -> Self::Sum;
    fn multiply(product: Self::Sum, x: Self) -> Self::Sum;
    fn total(sum: Self::Sum) -> Self;
    /// `sum / count`: integers truncate toward zero, after a sum that wraps at 64 bits; an empty float mean is NaN.
    fn mean(sum: Self::Sum, count: usize) -> Self;
    fn greater(self, other: Self) -> bool;
    fn is_nan(self) -> bool;
}

macro_rules! reducible {
    (float { $($f:ty = $to:expr, $from:expr;)* } int { $($i:ty)* }) => {
        $(impl Reducible for $f {
            type Sum = f64;
            const ZERO: f64 = 0.0;
            const ONE: f64 = 1.0;
            const FINITE: (Self, Self) = (<$f>::MIN, <$f>::MAX);
            const WIDEST: (Self, Self) = (<$f>::NEG_INFINITY, <$f>::INFINITY);
            #[inline(always)]
            fn add(sum: f64, x: Self) -> f64 { sum + $to(x) }
            #[inline(always)]
            fn multiply(product: f64, x: Self) -> f64 { product * $to(x) }
            fn total(sum: f64) -> Self { $from(sum) }
            fn mean(sum: f64, count: usize) -> Self { $from(sum / count as f64) }
            #[inline(always)]
            fn greater(self, other: Self) -> bool { self > other }
            #[inline(always)]
            fn is_nan(self) -> bool { self.is_nan() }
        })*
        $(impl Reducible for $i {
            type Sum = i128;
            const ZERO: i128 = 0;
            const ONE: i128 = 1;
            const FINITE: (Self, Self) = (<$i>::MIN, <$i>::MAX);
            const WIDEST: (Self, Self) = (<$i>::MIN, <$i>::MAX);
            #[inline(always)]
            fn add(sum: i128, x: Self) -> i128 { sum.wrapping_add(x as i128) }
            #[inline(always)]
            fn multiply(product: i128, x: Self) -> i128 { i128::from((product as $i).wrapping_mul(x)) }
            fn total(sum: i128) -> Self { sum as $i }
            fn mean(sum: i128, count: usize) -> Self {
                let sum = if <$i>::MIN == 0 { i128::from(sum as u64) } else { i128::from(sum as i64) };
                if count == 0 { 0 } else { (sum / count as i128) as $i }
            }
            #[inline(always)]
            fn greater(self, other: Self) -> bool { self > other }
            #[inline(always)]
            fn is_nan(self) -> bool { false }
        })*
    };
}

reducible! {
    float {
    f32 = f64::from, |v: f64| v as f32;
    f64 = |v: f64| v, |v: f64| v;
    half::f16 = f64::from, half::f16::from_f64;
    half::bf16 = f64::from, half::bf16::from_f64;
    }
    int { i8 u8 i16 u16 i32 u32 i64 u64 }
}

/// The numeric reductions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reduction {
    Sum,
    Mean,
    Prod,
    Max,
    Min,
}

/// One of the numeric reductions. `rules` decides NaN in Max and Min (TensorFlow Lite skips it, TensorFlow keeps it).
pub fn reduce_numbers<T: Reducible>(
    op: Reduction,
    rules: Rules,
    input: &[T],
    shape: &[usize],
    reduced: &[bool],
    output: &mut [T],
) {
    let keep_nan = rules == Rules::TensorFlow;
    let (lowest, highest) = if keep_nan { T::WIDEST } else { T::FINITE };
    match op {
        Reduction::Sum => reduce(input, shape, reduced, output, T::ZERO, T::add, |s, _| {
            T::total(s)
        }),
        Reduction::Mean => reduce(input, shape, reduced, output, T::ZERO, T::add, T::mean),
        // TensorFlow Lite rounds every product to the type.
        Reduction::Prod if !keep_nan => reduce(
            input,
            shape,
            reduced,
            output,
            T::total(T::ONE),
            |so_far: T, x| T::total(T::multiply(T::multiply(T::ONE, so_far), x)),
            |product, _| product,
        ),
        Reduction::Prod => reduce(
            input,
            shape,
            reduced,
            output,
            T::ONE,
            T::multiply,
            |s, _| T::total(s),
        ),
        Reduction::Max => reduce(
            input,
            shape,
            reduced,
            output,
            lowest,
            |best, x| {
                if x.greater(best) || (keep_nan && x.is_nan()) {
                    x
                } else {
                    best
                }
            },
            |best, _| best,
        ),
        Reduction::Min => reduce(
            input,
            shape,
            reduced,
            output,
            highest,
            |best, x| {
                if best.greater(x) || (keep_nan && x.is_nan()) {
                    x
                } else {
                    best
                }
            },
            |best, _| best,
        ),
    }
}

/// Any (`all` false) or all of bools held as bytes.
pub fn reduce_bools(all: bool, input: &[u8], shape: &[usize], reduced: &[bool], output: &mut [u8]) {
    // Whole rows: the first byte that decides ends the search.
    if let ([kept @ .., true], Some(depth @ 1..)) = (reduced, shape.last())
        && !kept.contains(&true)
    {
        for (row, out) in input.chunks_exact(*depth).zip(output) {
            let decides = match all {
                true => row.contains(&0),
                false => row.iter().any(|&x| x != 0),
            };
            *out = u8::from(decides != all);
        }
        return;
    }
    let fold = |so_far: bool, x: u8| {
        if all {
            so_far && x != 0
        } else {
            so_far || x != 0
        }
    };
    reduce(input, shape, reduced, output, all, fold, |v, _| u8::from(v));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn f32s(op: Reduction, reduced: &[bool]) -> Vec<f32> {
        let input: Vec<f32> = (1..=24).map(|v| v as f32).collect();
        let shape = [2, 3, 4];
        let kept = shape
            .iter()
            .zip(reduced)
            .map(|(s, r)| if *r { 1 } else { *s })
            .product();
        let mut out = vec![0.0; kept];
        reduce_numbers(op, Rules::Tflite, &input, &shape, reduced, &mut out);
        out
    }

    #[test]
    fn rows_of_bools() {
        let input = [1, 1, 1, 1, 0, 1, 0, 0, 0];
        for (reduced, rows) in [([false, true], [1, 0, 0]), ([true, false], [0, 0, 0])] {
            let mut out = [9; 3];
            reduce_bools(true, &input, &[3, 3], &reduced, &mut out);
            assert_eq!(out, rows);
        }
        for (reduced, rows) in [([false, true], [1, 1, 0]), ([true, false], [1, 1, 1])] {
            let mut out = [9; 3];
            reduce_bools(false, &input, &[3, 3], &reduced, &mut out);
            assert_eq!(out, rows);
        }
    }

    #[test]
    fn any_axes_in_any_place() {
        assert_eq!(f32s(Reduction::Sum, &[true, true, true]), [300.0]);
        assert_eq!(
            f32s(Reduction::Sum, &[false, true, false]),
            [15.0, 18.0, 21.0, 24.0, 51.0, 54.0, 57.0, 60.0]
        );
        assert_eq!(
            f32s(Reduction::Mean, &[true, false, true]),
            [8.5, 12.5, 16.5]
        );
        assert_eq!(f32s(Reduction::Max, &[false, true, true]), [12.0, 24.0]);
        assert_eq!(
            f32s(Reduction::Min, &[true, true, false]),
            [1.0, 2.0, 3.0, 4.0]
        );
        assert_eq!(f32s(Reduction::Prod, &[false, false, false]).len(), 24);
    }

    #[test]
    fn integers_wrap_and_means_truncate() {
        let mut out = [0i32];
        reduce_numbers(
            Reduction::Mean,
            Rules::Tflite,
            &[-1, -2],
            &[2],
            &[true],
            &mut out,
        );
        assert_eq!(out, [-1]);
        reduce_numbers(
            Reduction::Sum,
            Rules::Tflite,
            &[i32::MAX, 1],
            &[2],
            &[true],
            &mut out,
        );
        assert_eq!(out, [i32::MIN]);
    }

    #[test]
    fn nan_is_skipped_or_kept_as_the_dialect_says() {
        let input = [1.0, f32::NAN, 3.0];
        let mut out = [0.0f32];
        reduce_numbers(
            Reduction::Max,
            Rules::Tflite,
            &input,
            &[3],
            &[true],
            &mut out,
        );
        assert_eq!(out, [3.0]);
        reduce_numbers(
            Reduction::Max,
            Rules::TensorFlow,
            &input,
            &[3],
            &[true],
            &mut out,
        );
        assert!(out[0].is_nan());
    }
}

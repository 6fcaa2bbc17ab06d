//! Operators about order along an axis: ARG_MAX, ARG_MIN, TOPK_V2, CUMSUM.

use crate::kernels::cpu::{self, by_level};
use crate::kernels::elementwise::number::Number;
use crate::kernels::params::Rules;

/// An axis of an array seen as `[outer, length, inner]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axis {
    pub outer: usize,
    pub length: usize,
    pub inner: usize,
}

impl Axis {
    pub fn of(shape: &[usize], axis: usize) -> Self {
        Axis {
            outer: shape[..axis].iter().product(),
            length: shape[axis],
            inner: shape[axis + 1..].iter().product(),
        }
    }

    /// Index of step 0 for every line along the axis, in the order of the output without the axis.
    fn lines(self) -> impl Iterator<Item = usize> {
        (0..self.outer)
            .flat_map(move |o| (0..self.inner).map(move |i| o * self.length * self.inner + i))
    }
}

/// ARG_MAX or ARG_MIN: the smallest index of the extreme. NaN never wins; TensorFlow Lite loses sight of some numbers
/// beside one in rows of at least four.
pub fn arg_extreme<T: Number>(
    greatest: bool,
    rules: Rules,
    axis: Axis,
    input: &[T],
    write: &mut dyn FnMut(usize, usize),
) {
    let lanes = rules == Rules::Tflite && T::USUAL && axis.inner == 1 && axis.length >= 4;
    for (at, first) in axis.lines().enumerate() {
        if lanes {
            let row = &input[first..][..axis.length];
            if row.iter().any(|x| x.is_nan()) {
                write(at, extreme_of_four(greatest, row));
                continue;
            }
        }
        if axis.inner == 1 && T::INTEGER {
            let row = &input[first..][..axis.length];
            write(at, extreme_of_row(cpu::level(), greatest, row));
            continue;
        }
        let mut best = 0;
        for step in 1..axis.length {
            let (x, old) = (
                input[first + step * axis.inner],
                input[first + best * axis.inner],
            );
            let better = if greatest { x > old } else { x < old };
            let over_nan = old.is_nan() && !x.is_nan();
            if better || over_nan {
                best = step;
            }
        }
        write(at, best);
    }
}

by_level! {
    /// The first of the extremes of a row without NaN.
    fn extreme_of_row<T: Number>(greatest: bool, row: &[T]) -> usize = extreme_of
}

#[inline(always)]
#[allow(clippy::needless_range_loop)]
fn extreme_of<T: Number>(greatest: bool, row: &[T]) -> usize {
    // By index, as in `elementwise::map`.
    let mut extreme = row[0];
    match greatest {
        true => {
            for i in 0..row.len() {
                extreme = if row[i] > extreme { row[i] } else { extreme };
            }
        }
        false => {
            for i in 0..row.len() {
                extreme = if row[i] < extreme { row[i] } else { extreme };
            }
        }
    }
    let mut first = 0;
    while row[first] != extreme {
        first += 1;
    }
    first
}

/// TensorFlow Lite's extreme of a row of at least four with a NaN in it: four lanes that a NaN never wins, but where
/// they meet it stays if it comes first, and hides what comes second.
fn extreme_of_four<T: Number>(greatest: bool, row: &[T]) -> usize {
    let better = |x: T, old: T| if greatest { x > old } else { x < old };
    let over = |x: T, old: T| !x.is_nan() && (old.is_nan() || better(x, old));
    let (mut best, mut found) = ([row[0], row[1], row[2], row[3]], [0, 1, 2, 3]);
    let whole = row.len() / 4 * 4;
    for at in 4..whole {
        if over(row[at], best[at % 4]) {
            (best[at % 4], found[at % 4]) = (row[at], at);
        }
    }
    let meet = |x: T, y: T| if better(y, x) { y } else { x };
    let mut extreme = meet(meet(best[0], best[1]), meet(best[2], best[3]));
    let lanes = best.iter().zip(found).filter(|&(&x, _)| x == extreme);
    let mut index = lanes.map(|(_, at)| at).min().unwrap_or(0);
    for (at, &x) in row.iter().enumerate().skip(whole) {
        if over(x, extreme) {
            (extreme, index) = (x, at);
        }
    }
    index
}

/// The `k` largest of each row of `length`, descending, equal ones by smaller index; NaN is less than any number.
pub fn top_k<T: Number>(
    length: usize,
    k: usize,
    input: &[T],
    values: &mut [T],
    write_index: &mut dyn FnMut(usize, usize),
    indices: &mut [usize],
) {
    assert!(k <= length && indices.len() >= k);
    if k == 0 {
        return;
    }
    for (row, (x, best)) in input
        .chunks_exact(length)
        .zip(values.chunks_exact_mut(k))
        .enumerate()
    {
        let mut kept = 0;
        for (i, &v) in x.iter().enumerate() {
            let place = best[..kept].partition_point(|&b| b >= v || v.is_nan());
            if place >= k {
                continue;
            }
            kept = (kept + 1).min(k);
            best.copy_within(place..kept - 1, place + 1);
            indices.copy_within(place..kept - 1, place + 1);
            best[place] = v;
            indices[place] = i;
        }
        for (place, &index) in indices[..k].iter().enumerate() {
            write_index(row * k + place, index);
        }
    }
}

/// CUMSUM along an axis; `exclusive` leaves the element itself out, `reverse` starts at the end.
pub fn cumsum<T: Number>(
    axis: Axis,
    exclusive: bool,
    reverse: bool,
    input: &[T],
    output: &mut [T],
) {
    cumulate(axis, exclusive, reverse, T::ZERO, T::add, input, output);
}

/// Cumulative product; see [`cumsum`].
pub fn cumprod<T: Number>(
    axis: Axis,
    exclusive: bool,
    reverse: bool,
    input: &[T],
    output: &mut [T],
) {
    cumulate(
        axis,
        exclusive,
        reverse,
        T::from_f64(1.0),
        T::mul,
        input,
        output,
    );
}

/// What [`cumsum`] is of any function: `f` of what came before and the next element.
pub fn cumulate<T: Copy>(
    axis: Axis,
    exclusive: bool,
    reverse: bool,
    init: T,
    f: impl Fn(T, T) -> T,
    input: &[T],
    output: &mut [T],
) {
    assert_eq!(input.len(), output.len());
    for first in axis.lines() {
        let mut sum = init;
        for step in 0..axis.length {
            let step = if reverse {
                axis.length - 1 - step
            } else {
                step
            };
            let at = first + step * axis.inner;
            let next = f(sum, input[at]);
            output[at] = if exclusive { sum } else { next };
            sum = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argmax(rules: Rules, x: &[f32]) -> usize {
        let mut found = 0;
        let axis = Axis::of(&[x.len()], 0);
        arg_extreme(true, rules, axis, x, &mut |_, best| found = best);
        found
    }

    #[test]
    fn nan_in_arg_max() {
        let (first, second) = ([f32::NAN, 1.0, 2.0, 0.0], [1.0, f32::NAN, 2.0, 3.0]);
        assert_eq!(argmax(Rules::Tflite, &first), 0);
        assert_eq!(argmax(Rules::Tflite, &second), 3);
        assert_eq!(argmax(Rules::TensorFlow, &first), 2);
        assert_eq!(argmax(Rules::TensorFlow, &second), 3);
    }

    #[test]
    fn top_k_keeps_the_first_of_equals() {
        let (mut values, mut indices) = ([0; 3], [0; 3]);
        let mut scratch = [0; 3];
        let mut write = |at, index| indices[at] = index;
        top_k(
            5,
            3,
            &[1, 5, 3, 5, 2],
            &mut values,
            &mut write,
            &mut scratch,
        );
        assert_eq!((values, indices), ([5, 5, 3], [1, 3, 2]));
    }

    #[test]
    fn top_k_has_nan_behind_all_numbers() {
        let (mut values, mut indices) = ([0.0f32; 4], [0; 4]);
        let mut write = |at, index| indices[at] = index;
        let row = [f32::NAN, f32::NEG_INFINITY, f32::NAN, 1.0];
        top_k(4, 4, &row, &mut values, &mut write, &mut [0; 4]);
        assert_eq!(indices, [3, 1, 0, 2]);
    }

    #[test]
    fn cumulative_sums() {
        let mut out = [0; 4];
        cumsum(Axis::of(&[4], 0), true, true, &[1, 2, 3, 4], &mut out);
        assert_eq!(out, [9, 7, 4, 0]);
    }
}

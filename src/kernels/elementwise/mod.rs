//! One value at a time, with numpy broadcasting.

pub mod bessel;
pub mod binary;
pub mod cast;
pub mod compare;
pub mod complex;
pub mod eigen;
pub mod expf;
pub mod fdlibm;
pub mod gamma;
pub mod halves;
pub mod integrals;
pub mod number;
pub mod ring;
pub mod select;
pub mod special;
pub mod unary;
mod wide;

use super::strides::{Walk, broadcast_strides, row_major};

/// `out = f(x)` for each element.
pub fn map<X: Copy, O>(x: &[X], out: &mut [O], f: impl Fn(X) -> O) {
    assert_eq!(x.len(), out.len());
    // By index: a zip is a call of its own, which short rows would feel.
    let x = &x[..out.len()];
    for (i, o) in out.iter_mut().enumerate() {
        *o = f(x[i]);
    }
}

/// Elements that [`zip_rows`] lays out of a side that is one element again and again.
const ROW: usize = 128;

/// The side, 0 or 1, that comes again and again after so many elements, where the other goes along with the output.
fn comes_again(walk: &Walk<3>) -> Option<(usize, usize)> {
    let mut axes = walk.axes();
    let (Some((_, around)), Some((len, [1, 1, 1])), None) = (axes.next(), axes.next(), axes.next())
    else {
        return None;
    };
    let whole = len as isize;
    let side = [[0, whole, whole], [whole, 0, whole]];
    let side = side.iter().position(|steps| *steps == around)?;
    (2 * len <= ROW).then_some((side, len))
}

/// As many whole copies of `values` as [`ROW`] elements hold.
fn copies<T: Copy>(values: &[T], row: &mut [T; ROW]) -> usize {
    let len = ROW / values.len() * values.len();
    for to in row[..len].chunks_exact_mut(values.len()) {
        to.copy_from_slice(values);
    }
    len
}

/// A function along a part of a row of both sides.
type OfRows<'f, A, B, O> = &'f dyn Fn(&[A], &[B], &mut [O]);

/// As [`zip()`], a part of a row at a time: `f` is [`by_rows`] of a function. The nest is made once for the types, and each
/// function has one loop only.
pub fn zip_rows<A: Copy, B: Copy, O>(
    (a, a_shape): (&[A], &[usize]),
    (b, b_shape): (&[B], &[usize]),
    (out, out_shape): (&mut [O], &[usize]),
    f: OfRows<A, B, O>,
) {
    let strides = [
        broadcast_strides(a_shape, out_shape),
        broadcast_strides(b_shape, out_shape),
        row_major(out_shape),
    ];
    assert_eq!(out.len(), out_shape.iter().product::<usize>());
    let (mut a_row, mut b_row) = (None, None);
    let walk = Walk::new(out_shape, strides);
    match comes_again(&walk) {
        Some((0, len)) if !out.is_empty() => {
            let mut row = [a[0]; ROW];
            let whole = copies(&a[..len], &mut row);
            for (b, out) in b.chunks(whole).zip(out.chunks_mut(whole)) {
                f(&row[..out.len()], b, out);
            }
            return;
        }
        Some((_, len)) if !out.is_empty() => {
            let mut row = [b[0]; ROW];
            let whole = copies(&b[..len], &mut row);
            for (a, out) in a.chunks(whole).zip(out.chunks_mut(whole)) {
                f(a, &row[..out.len()], out);
            }
            return;
        }
        _ => {}
    }
    for run in walk.runs([0; 3]) {
        let out = &mut out[run.at[2]..run.at[2] + run.len];
        let (a, b) = (&a[run.at[0]..], &b[run.at[1]..]);
        match run.step {
            [1, 1, _] => f(&a[..run.len], &b[..run.len], out),
            [0, 1, _] => {
                let a = repeated(a[0], run.len, &mut a_row);
                for (b, out) in b[..run.len].chunks(ROW).zip(out.chunks_mut(ROW)) {
                    f(&a[..b.len()], b, out);
                }
            }
            [1, 0, _] => {
                let b = repeated(b[0], run.len, &mut b_row);
                for (a, out) in a[..run.len].chunks(ROW).zip(out.chunks_mut(ROW)) {
                    f(a, &b[..a.len()], out);
                }
            }
            _ => panic!("the output is wider than both sides"),
        }
    }
}

/// `row` with `x` in its first `len` places, or in all of them.
fn repeated<T: Copy>(x: T, len: usize, row: &mut Option<[T; ROW]>) -> &[T] {
    let row = row.get_or_insert([x; ROW]);
    row[..len.min(ROW)].fill(x);
    row
}

/// `f` along a part of a row: slices of one length.
pub fn by_rows<A: Copy, B: Copy, O>(f: impl Fn(A, B) -> O) -> impl Fn(&[A], &[B], &mut [O]) {
    move |a, b, out| {
        let (a, b) = (&a[..out.len()], &b[..out.len()]);
        for (i, o) in out.iter_mut().enumerate() {
            *o = f(a[i], b[i]);
        }
    }
}

/// `out = f(a, b)` where both sides broadcast to `out_shape`.
pub fn zip<A: Copy, B: Copy, O>(
    (a, a_shape): (&[A], &[usize]),
    (b, b_shape): (&[B], &[usize]),
    (out, out_shape): (&mut [O], &[usize]),
    f: impl Fn(A, B) -> O,
) {
    let strides = [
        broadcast_strides(a_shape, out_shape),
        broadcast_strides(b_shape, out_shape),
        row_major(out_shape),
    ];
    assert_eq!(out.len(), out_shape.iter().product::<usize>());
    let walk = Walk::new(out_shape, strides);
    match comes_again(&walk) {
        Some((0, len)) if !out.is_empty() => {
            let mut row = [a[0]; ROW];
            let whole = copies(&a[..len], &mut row);
            for (b, out) in b.chunks(whole).zip(out.chunks_mut(whole)) {
                let (a, b) = (&row[..out.len()], &b[..out.len()]);
                for (i, o) in out.iter_mut().enumerate() {
                    *o = f(a[i], b[i]);
                }
            }
            return;
        }
        Some((_, len)) if !out.is_empty() => {
            let mut row = [b[0]; ROW];
            let whole = copies(&b[..len], &mut row);
            for (a, out) in a.chunks(whole).zip(out.chunks_mut(whole)) {
                let (a, b) = (&a[..out.len()], &row[..out.len()]);
                for (i, o) in out.iter_mut().enumerate() {
                    *o = f(a[i], b[i]);
                }
            }
            return;
        }
        _ => {}
    }
    // A row of the output reads a whole row of a side, or one element of it again and again.
    for run in walk.runs([0; 3]) {
        let out = &mut out[run.at[2]..run.at[2] + run.len];
        let (a, b) = (&a[run.at[0]..], &b[run.at[1]..]);
        assert!(
            run.step[..2] != [0, 0],
            "the output is wider than both sides"
        );
        match run.step {
            [0, ..] => map(&b[..run.len], out, |b| f(a[0], b)),
            [_, 0, _] => map(&a[..run.len], out, |a| f(a, b[0])),
            _ => {
                let (a, b) = (&a[..out.len()], &b[..out.len()]);
                for (i, o) in out.iter_mut().enumerate() {
                    *o = f(a[i], b[i]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_broadcast() {
        let mut out = [0; 6];
        zip(
            (&[1, 2], &[2, 1]),
            (&[10, 20, 30], &[3]),
            (&mut out, &[2, 3]),
            |a, b| a + b,
        );
        assert_eq!(out, [11, 21, 31, 12, 22, 32]);
    }

    #[test]
    fn short_rows_that_come_again_are_the_same_as_long_ones() {
        for len in [2usize, 3, 8, 63, 64, 65, 128, 200] {
            for rows in [1usize, 2, 33, 90] {
                let short: Vec<i32> = (0..len as i32).collect();
                let long: Vec<i32> = (0..(rows * len) as i32).map(|v| 1000 * v).collect();
                let want: Vec<i32> = (0..long.len()).map(|i| long[i] - short[i % len]).collect();
                let shape = [rows, len];
                let mut out = vec![0; want.len()];
                zip(
                    (&long, &shape),
                    (&short, &[len]),
                    (&mut out, &shape),
                    |a, b| a - b,
                );
                assert_eq!(out, want);
                out.fill(0);
                let f = by_rows(|a, b| a - b);
                zip_rows((&long, &shape), (&short, &[len]), (&mut out, &shape), &f);
                assert_eq!(out, want);
                let want: Vec<i32> = want.iter().map(|v| -v).collect();
                zip(
                    (&short, &[len]),
                    (&long, &shape),
                    (&mut out, &shape),
                    |a, b| a - b,
                );
                assert_eq!(out, want);
                out.fill(0);
                zip_rows((&short, &[len]), (&long, &shape), (&mut out, &shape), &f);
                assert_eq!(out, want);
            }
        }
    }

    #[test]
    fn empty_and_scalar() {
        let mut out = [0i32; 0];
        zip(
            (&[], &[0]),
            (&[1], &[1]),
            (&mut out, &[0]),
            |a: i32, b: i32| a + b,
        );
        let mut out = [0];
        zip((&[2], &[]), (&[3], &[]), (&mut out, &[]), |a, b| a * b);
        assert_eq!(out, [6]);
    }
}

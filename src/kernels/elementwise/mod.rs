//! One value at a time, with numpy broadcasting.

pub mod binary;
pub mod cast;
pub mod compare;
pub mod number;
pub mod select;
pub mod special;
pub mod unary;

use super::strides::{Walk, broadcast_strides, row_major};

/// `out = f(x)` for each element.
pub fn map<X: Copy, O>(x: &[X], out: &mut [O], f: impl Fn(X) -> O) {
    assert_eq!(x.len(), out.len());
    for (o, &x) in out.iter_mut().zip(x) {
        *o = f(x);
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
    Walk::new(out_shape, strides).for_each([0; 3], |run| {
        let out = &mut out[run.at[2]..run.at[2] + run.len];
        match (run.step[0], run.step[1]) {
            (1, 1) => {
                let (a, b) = (&a[run.at[0]..], &b[run.at[1]..]);
                assert!(a.len() >= out.len() && b.len() >= out.len());
                for ((o, &a), &b) in out.iter_mut().zip(a).zip(b) {
                    *o = f(a, b);
                }
            }
            (1, 0) => {
                let b = b[run.at[1]];
                map(&a[run.at[0]..run.at[0] + run.len], out, |a| f(a, b));
            }
            (0, 1) => {
                let a = a[run.at[0]];
                map(&b[run.at[1]..run.at[1] + run.len], out, |b| f(a, b));
            }
            (da, db) => {
                for (i, o) in out.iter_mut().enumerate() {
                    let a = a[run.at[0].wrapping_add_signed(da * i as isize)];
                    let b = b[run.at[1].wrapping_add_signed(db * i as isize)];
                    *o = f(a, b);
                }
            }
        }
    });
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

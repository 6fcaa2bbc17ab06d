//! SELECT, SELECT_V2, Where with three operands.

use super::super::strides::{Walk, broadcast_strides, row_major};

/// `out = condition ? a : b`, all three broadcast to `out_shape`; elements are `size` bytes.
/// The old SELECT with a rank-1 condition over rows: give the condition the shape `[n, 1, …, 1]`.
pub fn select(
    size: usize,
    (condition, condition_shape): (&[u8], &[usize]),
    (a, a_shape): (&[u8], &[usize]),
    (b, b_shape): (&[u8], &[usize]),
    (out, out_shape): (&mut [u8], &[usize]),
) {
    assert_eq!(out.len(), out_shape.iter().product::<usize>() * size);
    let strides = [
        broadcast_strides(condition_shape, out_shape),
        broadcast_strides(a_shape, out_shape),
        broadcast_strides(b_shape, out_shape),
        row_major(out_shape),
    ];
    for run in Walk::new(out_shape, strides).runs([0; 4]) {
        let mut at = run.at;
        for _ in 0..run.len {
            let [c, x, y, o] = at;
            let from = if condition[c] != 0 {
                &a[x * size..(x + 1) * size]
            } else {
                &b[y * size..(y + 1) * size]
            };
            out[o * size..(o + 1) * size].copy_from_slice(from);
            for (at, step) in at.iter_mut().zip(run.step) {
                *at = at.wrapping_add_signed(step);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_three_broadcast() {
        let mut out = [0u8; 4];
        select(
            1,
            (&[1, 0], &[2, 1]),
            (&[7], &[]),
            (&[1, 2], &[2]),
            (&mut out, &[2, 2]),
        );
        assert_eq!(out, [7, 7, 1, 2]);
    }
}

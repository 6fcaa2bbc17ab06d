//! SLICE, STRIDED_SLICE, DYNAMIC_UPDATE_SLICE.

use super::copy::{Side, copy_strided};
use crate::kernels::strides::{MAX_RANK, row_major};

/// `sizes` elements from `begin` on.
pub fn slice(
    size: usize,
    src: &[u8],
    shape: &[usize],
    begin: &[usize],
    sizes: &[usize],
    dst: &mut [u8],
) {
    let spec = StridedSlice {
        begin,
        strides: &[1; MAX_RANK][..shape.len()],
        sizes,
    };
    strided_slice(size, src, shape, spec, dst);
}

/// A strided slice with masks, ends and negative numbers already resolved: along axis `i` the elements
/// `begin[i] + n * strides[i]`, `n < sizes[i]`.
#[derive(Debug, Clone, Copy)]
pub struct StridedSlice<'a> {
    pub begin: &'a [usize],
    /// May be negative; not 0.
    pub strides: &'a [isize],
    pub sizes: &'a [usize],
}

impl StridedSlice<'_> {
    /// The side of the big array that is read or written.
    fn side(&self, shape: &[usize]) -> Side {
        assert!(shape.len() == self.begin.len() && shape.len() == self.sizes.len());
        let mut side = Side::whole(shape);
        for axis in 0..shape.len() {
            let step = side.strides[axis];
            side.start += self.begin[axis] * step as usize;
            side.strides[axis] = step * self.strides[axis];
        }
        side
    }
}

/// Reads the slice.
pub fn strided_slice(size: usize, src: &[u8], shape: &[usize], spec: StridedSlice, dst: &mut [u8]) {
    assert_eq!(dst.len(), spec.sizes.iter().product::<usize>() * size);
    copy_strided(
        size,
        spec.sizes,
        (src, spec.side(shape)),
        (dst, Side::whole(spec.sizes)),
    );
}

/// A copy of `src` with `update` written at `start`, which is moved so that the update fits.
pub fn dynamic_update_slice(
    size: usize,
    src: &[u8],
    shape: &[usize],
    (update, update_shape): (&[u8], &[usize]),
    start: &[i64],
    dst: &mut [u8],
) {
    assert!(shape.len() == update_shape.len() && shape.len() == start.len());
    dst.copy_from_slice(src);
    let strides = row_major(shape);
    let mut to = Side { start: 0, strides };
    for axis in 0..shape.len() {
        let room = shape[axis] - update_shape[axis];
        let first = start[axis].clamp(0, room as i64) as usize;
        to.start += first * strides[axis] as usize;
    }
    copy_strided(
        size,
        update_shape,
        (update, Side::whole(update_shape)),
        (dst, to),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_strides() {
        let src: Vec<u8> = (0..12).collect();
        let mut dst = [0; 4];
        let spec = StridedSlice {
            begin: &[2, 3],
            strides: &[-1, -2],
            sizes: &[2, 2],
        };
        strided_slice(1, &src, &[3, 4], spec, &mut dst);
        assert_eq!(dst, [11, 9, 7, 5]);
    }

    #[test]
    fn an_update_past_the_end_is_moved_in() {
        let mut dst = [0; 4];
        dynamic_update_slice(1, &[1, 2, 3, 4], &[4], (&[8, 9], &[2]), &[7], &mut dst);
        assert_eq!(dst, [1, 2, 8, 9]);
    }
}

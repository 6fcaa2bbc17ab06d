//! PAD, PADV2, MIRROR_PAD.

use super::copy::{Side, copy_strided};
use crate::kernels::strides::{MAX_RANK, row_major};

/// `value` (one element) all around: `before[i]` and `after[i]` elements along axis `i`.
pub fn pad(
    size: usize,
    src: &[u8],
    shape: &[usize],
    before: &[usize],
    after: &[usize],
    value: &[u8],
    dst: &mut [u8],
) {
    assert_eq!(value.len(), size);
    let out = padded(shape, before, after);
    let out = &out[..shape.len()];
    assert_eq!(dst.len(), out.iter().product::<usize>() * size);
    for element in dst.chunks_exact_mut(size.max(1)) {
        element.copy_from_slice(value);
    }
    let strides = row_major(out);
    let start = before
        .iter()
        .zip(strides)
        .map(|(&b, stride)| b * stride as usize)
        .sum();
    let to = Side { start, strides };
    copy_strided(size, shape, (src, Side::whole(shape)), (dst, to));
}

fn padded(shape: &[usize], before: &[usize], after: &[usize]) -> [usize; MAX_RANK] {
    assert!(shape.len() == before.len() && shape.len() == after.len());
    let mut out = [1; MAX_RANK];
    for (axis, &length) in shape.iter().enumerate() {
        out[axis] = before[axis] + length + after[axis];
    }
    out
}

/// What a mirror shows at the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mirror {
    /// The edge itself is not repeated; padding is shorter than the axis.
    Reflect,
    /// The edge is repeated; padding is at most the axis.
    Symmetric,
}

/// Pads with the mirrored content.
pub fn mirror_pad(
    size: usize,
    src: &[u8],
    shape: &[usize],
    before: &[usize],
    after: &[usize],
    mirror: Mirror,
    dst: &mut [u8],
) {
    let out = padded(shape, before, after);
    let out = &out[..shape.len()];
    assert_eq!(dst.len(), out.iter().product::<usize>() * size);
    let strides = row_major(shape);
    let mut index = [0usize; MAX_RANK];
    for element in dst.chunks_exact_mut(size.max(1)) {
        let mut from = 0;
        for axis in 0..shape.len() {
            from += source(index[axis], before[axis], shape[axis], mirror) * strides[axis] as usize;
        }
        element.copy_from_slice(&src[from * size..(from + 1) * size]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < out[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
}

fn source(at: usize, before: usize, length: usize, mirror: Mirror) -> usize {
    let edge = usize::from(mirror == Mirror::Symmetric);
    if at < before {
        before - at - edge
    } else if at - before < length {
        at - before
    } else {
        2 * length - 2 + edge - (at - before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_with_and_without_the_edge() {
        let mut dst = [0; 7];
        mirror_pad(1, &[1, 2, 3], &[3], &[2], &[2], Mirror::Reflect, &mut dst);
        assert_eq!(dst, [3, 2, 1, 2, 3, 2, 1]);
        mirror_pad(1, &[1, 2, 3], &[3], &[2], &[2], Mirror::Symmetric, &mut dst);
        assert_eq!(dst, [2, 1, 1, 2, 3, 3, 2]);
    }

    #[test]
    fn pads_with_a_value() {
        let mut dst = [0; 8];
        pad(1, &[1, 2], &[1, 2], &[1, 0], &[0, 2], &[9], &mut dst);
        assert_eq!(dst, [9, 9, 9, 9, 1, 2, 9, 9]);
    }
}

//! Space and depth, space and batch: reshapes around a transposition.

use super::copy::{Side, copy_strided};
use crate::kernels::strides::{MAX_RANK, row_major};

/// `[b, h, w, c * block^2]` to `[b, h * block, w * block, c]`; `shape` is the input's.
pub fn depth_to_space(size: usize, src: &[u8], shape: [usize; 4], block: usize, dst: &mut [u8]) {
    let [b, h, w, c] = shape;
    let depth = c / (block * block);
    let from = [b, h, w, block, block, depth];
    permuted(size, src, &from, &[0, 1, 3, 2, 4, 5], dst);
}

/// `[b, h, w, c]` to `[b, h / block, w / block, block^2 * c]`; `shape` is the input's.
pub fn space_to_depth(size: usize, src: &[u8], shape: [usize; 4], block: usize, dst: &mut [u8]) {
    let [b, h, w, c] = shape;
    let from = [b, h / block, block, w / block, block, c];
    permuted(size, src, &from, &[0, 1, 3, 2, 4, 5], dst);
}

fn permuted(size: usize, src: &[u8], shape: &[usize], perm: &[usize], dst: &mut [u8]) {
    super::transpose(size, src, shape, perm, dst);
}

/// SPACE_TO_BATCH_ND: pads the axes after the first by `before` and `after` with `value`, then moves blocks into the batch.
/// `shape` is the input's; the output is `[product of block * batch, padded / block…, rest…]`.
#[allow(clippy::too_many_arguments)]
pub fn space_to_batch(
    size: usize,
    src: &[u8],
    shape: &[usize],
    block: &[usize],
    before: &[usize],
    out_shape: &[usize],
    value: &[u8],
    dst: &mut [u8],
) {
    assert_eq!(dst.len(), out_shape.iter().product::<usize>() * size);
    for element in dst.chunks_exact_mut(size.max(1)) {
        element.copy_from_slice(value);
    }
    for_each_block(
        shape[0],
        shape,
        block,
        before,
        out_shape,
        |sizes, space, blocks| {
            copy_strided(size, sizes, (src, space), (dst, blocks));
        },
    );
}

/// BATCH_TO_SPACE_ND: the inverse; `crop` are the elements cut before each space axis. `shape` is the input's.
pub fn batch_to_space(
    size: usize,
    src: &[u8],
    shape: &[usize],
    block: &[usize],
    crop: &[usize],
    out_shape: &[usize],
    dst: &mut [u8],
) {
    assert_eq!(dst.len(), out_shape.iter().product::<usize>() * size);
    for_each_block(
        out_shape[0],
        out_shape,
        block,
        crop,
        shape,
        |sizes, space, blocks| {
            copy_strided(size, sizes, (src, blocks), (dst, space));
        },
    );
}

/// Pairs the elements of the space side and of the block side, one block offset at a time: element `x` of a space
/// axis lies at `(x + shift) / block`, offset `(x + shift) % block`.
fn for_each_block(
    batch: usize,
    space_shape: &[usize],
    block: &[usize],
    shift: &[usize],
    block_shape: &[usize],
    mut f: impl FnMut(&[usize], Side, Side),
) {
    let axes = block.len();
    let rank = space_shape.len();
    let (space_strides, block_strides) = (row_major(space_shape), row_major(block_shape));
    for offset in 0..block.iter().product() {
        let mut sizes = [1; MAX_RANK];
        sizes[..rank].copy_from_slice(space_shape);
        sizes[0] = batch;
        let mut space = Side {
            start: 0,
            strides: space_strides,
        };
        let mut blocks = Side {
            start: offset * batch * block_strides[0] as usize,
            strides: block_strides,
        };
        let mut rest = offset;
        for axis in (0..axes).rev() {
            let (own, size) = (rest % block[axis], block[axis]);
            rest /= size;
            // the first x with (x + shift) % block == own
            let first = (own + size - shift[axis] % size) % size;
            let length = space_shape[axis + 1];
            sizes[axis + 1] = length.saturating_sub(first).div_ceil(size);
            space.start += first * space_strides[axis + 1] as usize;
            space.strides[axis + 1] *= size as isize;
            blocks.start += (first + shift[axis]) / size * block_strides[axis + 1] as usize;
        }
        f(&sizes[..rank], space, blocks);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_and_space_are_inverse() {
        let src: Vec<u8> = (0..16).collect();
        let mut deep = [0; 16];
        space_to_depth(1, &src, [1, 4, 4, 1], 2, &mut deep);
        assert_eq!(deep[..4], [0, 1, 4, 5]);
        let mut back = [0; 16];
        depth_to_space(1, &deep, [1, 2, 2, 4], 2, &mut back);
        assert_eq!(back.as_slice(), src);
    }

    #[test]
    fn batch_and_space_are_inverse() {
        let src: Vec<u8> = (1..=6).collect();
        let mut batched = [0; 8];
        space_to_batch(
            1,
            &src,
            &[1, 2, 3],
            &[2, 2],
            &[0, 1],
            &[4, 1, 2],
            &[0],
            &mut batched,
        );
        assert_eq!(batched, [0, 2, 1, 3, 0, 5, 4, 6]);
        let mut back = [0; 6];
        batch_to_space(
            1,
            &batched,
            &[4, 1, 2],
            &[2, 2],
            &[0, 1],
            &[1, 2, 3],
            &mut back,
        );
        assert_eq!(back.as_slice(), src);
    }
}

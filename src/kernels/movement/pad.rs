//! PAD, PADV2, MIRROR_PAD.

use crate::kernels::strides::{MAX_RANK, row_major};
use crate::kernels::threads::Threads;

/// Bytes below which a second thread costs more than it brings.
const SMALL: usize = 1 << 16;

/// `src` of this shape, and `value` (one element) all around it: `before[i]` and `after[i]` elements along axis `i`.
pub fn pad(
    size: usize,
    (src, shape): (&[u8], &[usize]),
    before: &[usize],
    after: &[usize],
    value: &[u8],
    dst: &mut [u8],
    threads: &Threads,
) {
    assert_eq!(value.len(), size);
    let out = padded(shape, before, after);
    let out = &out[..shape.len()];
    assert_eq!(dst.len(), out.iter().product::<usize>() * size);
    if dst.is_empty() {
        return;
    }
    // Rows along the last axis that is padded, with what lies behind it.
    let last = (0..shape.len())
        .rfind(|&axis| before[axis] + after[axis] > 0)
        .unwrap_or(0);
    let inner = shape.iter().skip(last + 1).product::<usize>() * size;
    let along = |sizes: &[usize]| sizes.get(last).map_or(size, |length| length * inner);
    let (row, own) = (along(out), along(shape));
    let lead = before.get(last).map_or(0, |length| length * inner);
    let fill_rows = |first: usize, part: &mut [u8]| {
        for (number, to) in (first..).zip(part.chunks_exact_mut(row)) {
            // The row of the input, if the row is one.
            let (mut rest, mut from, mut stride) = (number, Some(0), 1);
            for axis in (0..last).rev() {
                let inside = (rest % out[axis]).checked_sub(before[axis]);
                let inside = inside.filter(|&at| at < shape[axis]);
                from = from.zip(inside).map(|(from, at)| from + at * stride);
                stride *= shape[axis];
                rest /= out[axis];
            }
            match from.filter(|_| own > 0) {
                Some(from) => {
                    let (head, rest) = to.split_at_mut(lead);
                    let (middle, tail) = rest.split_at_mut(own);
                    fill(head, value);
                    middle.copy_from_slice(&src[from * own..][..own]);
                    fill(tail, value);
                }
                None => fill(to, value),
            }
        }
    };
    match dst.len() < SMALL {
        true => fill_rows(0, dst),
        false => threads.rows(dst, row, 1, fill_rows),
    }
}

/// `value` again and again.
fn fill(to: &mut [u8], value: &[u8]) {
    match value {
        [first, rest @ ..] if rest.iter().all(|byte| byte == first) => to.fill(*first),
        _ => {
            for element in to.chunks_exact_mut(value.len().max(1)) {
                element.copy_from_slice(value);
            }
        }
    }
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
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn mirrors_with_and_without_the_edge() {
        let mut dst = [0; 7];
        mirror_pad(1, &[1, 2, 3], &[3], &[2], &[2], Mirror::Reflect, &mut dst);
        assert_eq!(dst, [3, 2, 1, 2, 3, 2, 1]);
        mirror_pad(1, &[1, 2, 3], &[3], &[2], &[2], Mirror::Symmetric, &mut dst);
        assert_eq!(dst, [2, 1, 1, 2, 3, 3, 2]);
    }

    proptest! {
        #[test]
        fn every_element_finds_its_place(
            axes in prop::collection::vec((0usize..4, 0usize..3, 0usize..3), 0..4),
            size in prop::sample::select(vec![1usize, 2, 4, 8]),
            even in any::<bool>(),
        ) {
            let take = |which: fn(&(usize, usize, usize)) -> usize| -> Vec<usize> {
                axes.iter().map(which).collect()
            };
            let (shape, before, after) = (take(|a| a.0), take(|a| a.1), take(|a| a.2));
            let count: usize = shape.iter().product();
            let src: Vec<u8> = (0..count * size).map(|i| i as u8 % 90).collect();
            let value: Vec<u8> = (0..size).map(|i| if even { 99 } else { 99 + i as u8 }).collect();
            let out: Vec<usize> = axes.iter().map(|a| a.0 + a.1 + a.2).collect();
            let mut want = value.repeat(out.iter().product());
            let strides = row_major(&out);
            for at in 0..count {
                let (mut rest, mut to) = (at, 0);
                for axis in (0..shape.len()).rev() {
                    to += (rest % shape[axis] + before[axis]) * strides[axis] as usize;
                    rest /= shape[axis];
                }
                want[to * size..][..size].copy_from_slice(&src[at * size..][..size]);
            }
            let mut got = vec![1; want.len()];
            pad(size, (&src, &shape), &before, &after, &value, &mut got, &Threads::single());
            prop_assert_eq!(got, want);
        }
    }

    #[test]
    fn threads_share_the_rows() {
        let (shape, before, after) = ([70, 300, 4], [1, 2, 0], [2, 3, 0]);
        let src: Vec<u8> = (0..70 * 300 * 4).map(|i| (i % 251) as u8).collect();
        let [mut one, mut three] = [1, 2].map(|seed| vec![seed; 73 * 305 * 4]);
        pad(
            1,
            (&src, &shape),
            &before,
            &after,
            &[9],
            &mut one,
            &Threads::single(),
        );
        pad(
            1,
            (&src, &shape),
            &before,
            &after,
            &[9],
            &mut three,
            &Threads::new(3),
        );
        assert!(one == three && three[4 * (305 + 2)] == src[0]);
    }

    #[test]
    fn pads_with_a_value() {
        let mut dst = [0; 8];
        pad(
            1,
            (&[1, 2], &[1, 2]),
            &[1, 0],
            &[0, 2],
            &[9],
            &mut dst,
            &Threads::single(),
        );
        assert_eq!(dst, [9, 9, 9, 9, 1, 2, 9, 9]);
    }
}

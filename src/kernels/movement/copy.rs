//! Copies along strides, and the operators that are nothing but one.

#[cfg(target_arch = "x86_64")]
use super::turn::{self, turn_block};
#[cfg(target_arch = "x86_64")]
use crate::kernels::cpu::Level;
use crate::kernels::cpu::{self, by_level};
use crate::kernels::strides::{MAX_RANK, Walk, broadcast_strides, row_major};

/// One side of a copy: where it begins and how far apart neighbours are, in elements.
#[derive(Debug, Clone, Copy)]
pub struct Side {
    pub start: usize,
    pub strides: [isize; MAX_RANK],
}

impl Side {
    /// A whole row-major array.
    pub fn whole(shape: &[usize]) -> Self {
        Side {
            start: 0,
            strides: row_major(shape),
        }
    }
}

/// Copies `sizes` elements of `size` bytes from one strided side to another.
pub fn copy_strided(
    size: usize,
    sizes: &[usize],
    (src, from): (&[u8], Side),
    (dst, to): (&mut [u8], Side),
) {
    match size {
        1 => copy::<1>(1, sizes, (src, from), (dst, to)),
        2 => copy::<2>(2, sizes, (src, from), (dst, to)),
        4 => copy::<4>(4, sizes, (src, from), (dst, to)),
        8 => copy::<8>(8, sizes, (src, from), (dst, to)),
        16 => copy::<16>(16, sizes, (src, from), (dst, to)),
        _ => copy::<0>(size, sizes, (src, from), (dst, to)),
    }
}

/// `N` is `size` where it is known when compiling, else 0.
fn copy<const N: usize>(
    size: usize,
    sizes: &[usize],
    (src, from): (&[u8], Side),
    (dst, to): (&mut [u8], Side),
) {
    let size = if N > 0 { N } else { size };
    let walk = Walk::new(sizes, [from.strides, to.strides]);
    if N > 0 && turned::<N>(&walk, (src, from.start), (dst, to.start)) {
        return;
    }
    let lines = walk.axes().last().map(|(len, step)| (len * size, step));
    if let Some((bytes, [1, 1])) = lines
        && bytes % LINE == 0
        && bytes <= SHORT
    {
        return copy_lines(cpu::level(), &walk, [from.start, to.start], size, src, dst);
    }
    for run in walk.runs([from.start, to.start]) {
        let [mut s, mut d] = run.at;
        if run.step == [1, 1] || run.len == 1 {
            let bytes = run.len * size;
            dst[d * size..d * size + bytes].copy_from_slice(&src[s * size..s * size + bytes]);
            continue;
        }
        for _ in 0..run.len {
            dst[d * size..(d + 1) * size].copy_from_slice(&src[s * size..(s + 1) * size]);
            s = s.wrapping_add_signed(run.step[0]);
            d = d.wrapping_add_signed(run.step[1]);
        }
    }
}

/// Bytes that are copied at once, and of runs that are not worth a call each.
const LINE: usize = 64;
const SHORT: usize = 1024;

by_level! {
    /// Runs of whole lines, each beside each other on both sides.
    fn copy_lines(walk: &Walk<2>, at: [usize; 2], size: usize, src: &[u8], dst: &mut [u8]) = lines
}

// By index: iterators are functions of their own, compiled without the instruction set of these loops.
#[allow(clippy::needless_range_loop, clippy::manual_memcpy)]
#[inline(always)]
fn lines(walk: &Walk<2>, at: [usize; 2], size: usize, src: &[u8], dst: &mut [u8]) {
    for run in walk.runs(at) {
        let bytes = run.len * size;
        let from = src[run.at[0] * size..][..bytes].as_chunks::<LINE>().0;
        let to = dst[run.at[1] * size..][..bytes].as_chunks_mut::<LINE>().0;
        for line in 0..to.len() {
            to[line] = from[line];
        }
    }
}

/// Rows and columns that are turned at once: whole lines of the cache are read and written.
const TILE: usize = 16;
#[cfg(target_arch = "x86_64")]
const _: () = assert!(TILE == turn::BLOCK);

/// Copies where neighbours on one side are far apart on the other and the other way round, a square at a time. False
/// where this is not so.
fn turned<const N: usize>(
    walk: &Walk<2>,
    (src, src_at): (&[u8], usize),
    (dst, dst_at): (&mut [u8], usize),
) -> bool {
    let last = walk.axes().len().saturating_sub(1);
    let across = walk.axes().take(last).position(|(_, [from, _])| from == 1);
    let (Some(across), Some((columns, [from, 1]))) = (across, walk.axes().last()) else {
        return false;
    };
    let Some((rows, [_, to])) = walk.axes().nth(across) else {
        return false;
    };
    if from <= 1 || to <= 1 || rows * columns < TILE || src.is_empty() || dst.is_empty() {
        return false;
    }
    let (mut sizes, mut strides, mut rank) = ([1; MAX_RANK], [[0; MAX_RANK]; 2], 0);
    for (axis, (size, steps)) in walk.axes().enumerate() {
        if axis != across && axis != last {
            sizes[rank] = size;
            for (strides, step) in strides.iter_mut().zip(steps) {
                strides[rank] = step;
            }
            rank += 1;
        }
    }
    let around = Walk::new(&sizes[..rank], strides);
    let (src, dst) = (src.as_chunks::<N>().0, dst.as_chunks_mut::<N>().0);
    let (from, to) = (from as usize, to as usize);
    for run in around.runs([src_at, dst_at]) {
        let mut at = run.at;
        for _ in 0..run.len {
            let (src, dst) = (&src[at[0]..], &mut dst[at[1]..]);
            if rows.min(columns) < TILE {
                turn_few(cpu::level(), src, dst, (rows, from), (columns, to));
                for (at, step) in at.iter_mut().zip(run.step) {
                    *at = at.wrapping_add_signed(step);
                }
                continue;
            }
            #[cfg(target_arch = "x86_64")]
            if N == size_of::<f32>() && cpu::level() == Level::Avx512 {
                turn_words(src, dst, (rows, from), (columns, to));
            } else {
                turn(cpu::level(), src, dst, (rows, from), (columns, to));
            }
            #[cfg(not(target_arch = "x86_64"))]
            turn(cpu::level(), src, dst, (rows, from), (columns, to));
            for (at, step) in at.iter_mut().zip(run.step) {
                *at = at.wrapping_add_signed(step);
            }
        }
    }
    true
}

/// [`turn`] of words of four bytes with AVX-512, which must be there.
#[cfg(target_arch = "x86_64")]
fn turn_words<const N: usize>(
    src: &[[u8; N]],
    dst: &mut [[u8; N]],
    (rows, from): (usize, usize),
    (columns, to): (usize, usize),
) {
    assert!(N == size_of::<f32>() && cpu::level() == Level::Avx512);
    assert!((columns - 1) * from + rows <= src.len() && (rows - 1) * to + columns <= dst.len());
    let (high, wide) = (rows / TILE * TILE, columns / TILE * TILE);
    for row in (0..high).step_by(TILE) {
        for column in (0..wide).step_by(TILE) {
            let src = src[column * from + row..].as_ptr().cast();
            let dst = dst[row * to + column..].as_mut_ptr().cast();
            // SAFETY: AVX-512 is there (asserted); the tile lies within rows and columns, all of which are there
            // (asserted), and both sides are words of four bytes, which may lie anywhere.
            unsafe { turn_block(src, from, dst, to) };
        }
    }
    for row in 0..rows {
        for column in if row < high { wide } else { 0 }..columns {
            dst[row * to + column] = src[column * from + row];
        }
    }
}

by_level! {
    /// [`turn`] of fewer rows or columns than a tile has.
    fn turn_few<T: Copy>(src: &[T], dst: &mut [T], rows: (usize, usize), columns: (usize, usize)) = turn_lines
}

#[inline(always)]
fn turn_lines<T: Copy>(
    src: &[T],
    dst: &mut [T],
    (rows, from): (usize, usize),
    (columns, to): (usize, usize),
) {
    match (rows, columns) {
        (_, 2) => turn_columns::<T, 2>(src, dst, (rows, from), to),
        (_, 3) => turn_columns::<T, 3>(src, dst, (rows, from), to),
        (_, 4) => turn_columns::<T, 4>(src, dst, (rows, from), to),
        (_, 8) => turn_columns::<T, 8>(src, dst, (rows, from), to),
        // Along the longer side.
        _ if rows > columns => {
            for column in 0..columns {
                let src = &src[column * from..][..rows];
                for (row, value) in src.iter().enumerate() {
                    dst[row * to + column] = *value;
                }
            }
        }
        _ => {
            for row in 0..rows {
                let dst = &mut dst[row * to..][..columns];
                for (column, value) in dst.iter_mut().enumerate() {
                    *value = src[column * from + row];
                }
            }
        }
    }
}

/// So few columns that each row of them is written at once.
#[inline(always)]
fn turn_columns<T: Copy, const COLUMNS: usize>(
    src: &[T],
    dst: &mut [T],
    (rows, from): (usize, usize),
    to: usize,
) {
    let src: [&[T]; COLUMNS] = std::array::from_fn(|column| &src[column * from..][..rows]);
    for row in 0..rows {
        let dst = &mut dst[row * to..][..COLUMNS];
        for column in 0..COLUMNS {
            dst[column] = src[column][row];
        }
    }
}

by_level! {
    fn turn<T: Copy>(src: &[T], dst: &mut [T], rows: (usize, usize), columns: (usize, usize)) = turn_tiles
}

/// `dst[row * to + column] = src[column * from + row]`
#[inline(always)]
fn turn_tiles<T: Copy>(
    src: &[T],
    dst: &mut [T],
    (rows, from): (usize, usize),
    (columns, to): (usize, usize),
) {
    for row in (0..rows).step_by(TILE) {
        for column in (0..columns).step_by(TILE) {
            let (src, dst) = (&src[column * from + row..], &mut dst[row * to + column..]);
            let (high, wide) = ((rows - row).min(TILE), (columns - column).min(TILE));
            if high < TILE || wide < TILE {
                for i in 0..high {
                    for j in 0..wide {
                        dst[i * to + j] = src[j * from + i];
                    }
                }
                continue;
            }
            let mut tile = [[src[0]; TILE]; TILE];
            for (j, line) in tile.iter_mut().enumerate() {
                line.copy_from_slice(&src[j * from..][..TILE]);
            }
            for i in 0..TILE {
                let line = &mut dst[i * to..][..TILE];
                for j in 0..TILE {
                    line[j] = tile[j][i];
                }
            }
        }
    }
}

/// Output axis `i` is input axis `perm[i]`.
pub fn transpose(size: usize, src: &[u8], shape: &[usize], perm: &[usize], dst: &mut [u8]) {
    assert_eq!(dst.len(), shape.iter().product::<usize>() * size);
    transpose_part(size, src, shape, perm, (0, 0), dst);
}

/// Part of [`transpose`]: of output axis `axis`, before which all have size 1, from index `first` on as much as `dst`
/// holds.
pub fn transpose_part(
    size: usize,
    src: &[u8],
    shape: &[usize],
    perm: &[usize],
    (axis, first): (usize, usize),
    dst: &mut [u8],
) {
    assert_eq!(perm.len(), shape.len());
    let own = row_major(shape);
    let mut strides = [0; MAX_RANK];
    let mut out = [1; MAX_RANK];
    for (axis, &from) in perm.iter().enumerate() {
        strides[axis] = own[from];
        out[axis] = shape[from];
    }
    let out = &mut out[..perm.len()];
    let mut start = 0;
    if !out.is_empty() {
        assert!(out[..axis].iter().all(|&n| n == 1));
        let each = out[axis + 1..].iter().product::<usize>() * size;
        let count = dst.len().checked_div(each).unwrap_or(out[axis]);
        assert!(first + count <= out[axis]);
        start = first * strides[axis] as usize;
        out[axis] = count;
    }
    assert_eq!(dst.len(), out.iter().product::<usize>() * size);
    copy_strided(
        size,
        out,
        (src, Side { start, strides }),
        (dst, Side::whole(out)),
    );
}

/// Repeats axes of size 1 (and puts axes in front) up to `out_shape`.
pub fn broadcast_to(size: usize, src: &[u8], shape: &[usize], dst: &mut [u8], out_shape: &[usize]) {
    assert_eq!(dst.len(), out_shape.iter().product::<usize>() * size);
    let from = Side {
        start: 0,
        strides: broadcast_strides(shape, out_shape),
    };
    copy_strided(size, out_shape, (src, from), (dst, Side::whole(out_shape)));
}

/// Each value so many times, one copy after the other.
pub fn repeat_each<T: Copy>(values: &[T], times: usize, out: &mut [T]) {
    assert_eq!(Some(out.len()), values.len().checked_mul(times));
    for (value, out) in values.iter().zip(out.chunks_exact_mut(times.max(1))) {
        out.fill(*value);
    }
}

/// The input `multiples[i]` times along axis `i`; each at most half of [`MAX_RANK`] axes.
pub fn tile(size: usize, src: &[u8], shape: &[usize], multiples: &[usize], dst: &mut [u8]) {
    assert_eq!(multiples.len(), shape.len());
    let own = row_major(shape);
    // each axis becomes (copies, size), the copies with stride 0
    let mut sizes = [1; MAX_RANK];
    let mut strides = [0; MAX_RANK];
    let mut rank = 0;
    for (axis, (&length, &copies)) in shape.iter().zip(multiples).enumerate() {
        for (length, stride) in [(copies, 0), (length, own[axis])] {
            if length != 1 {
                sizes[rank] = length;
                strides[rank] = stride;
                rank += 1;
            }
        }
    }
    let sizes = &sizes[..rank];
    assert_eq!(dst.len(), sizes.iter().product::<usize>() * size);
    copy_strided(
        size,
        sizes,
        (src, Side { start: 0, strides }),
        (dst, Side::whole(sizes)),
    );
}

/// Turns the axes where `reversed` is true around.
pub fn reverse(size: usize, src: &[u8], shape: &[usize], reversed: &[bool], dst: &mut [u8]) {
    assert_eq!(reversed.len(), shape.len());
    assert_eq!(src.len(), dst.len());
    let mut from = Side::whole(shape);
    for (axis, &length) in shape.iter().enumerate() {
        if reversed[axis] && length > 0 {
            from.start += (length - 1) * from.strides[axis] as usize;
            from.strides[axis] = -from.strides[axis];
        }
    }
    copy_strided(size, shape, (src, from), (dst, Side::whole(shape)));
}

/// Turns the first `lengths[b]` steps along `seq_axis` of batch entry `b` around and copies the rest.
/// Lengths are at most the axis.
pub fn reverse_sequence(
    size: usize,
    src: &[u8],
    shape: &[usize],
    (seq_axis, batch_axis): (usize, usize),
    lengths: &[usize],
    dst: &mut [u8],
) {
    assert_eq!(src.len(), dst.len());
    assert_eq!(lengths.len(), shape[batch_axis]);
    let strides = row_major(shape);
    let mut sizes = [1; MAX_RANK];
    sizes[..shape.len()].copy_from_slice(shape);
    sizes[batch_axis] = 1;
    let sizes = &mut sizes[..shape.len()];
    for (b, &length) in lengths.iter().enumerate() {
        let base = b * strides[batch_axis] as usize;
        let step = strides[seq_axis];
        let mut turned = strides;
        turned[seq_axis] = -step;
        sizes[seq_axis] = length;
        let first = base + length.saturating_sub(1) * step as usize;
        let side = |start, strides| Side { start, strides };
        copy_strided(
            size,
            sizes,
            (src, side(first, turned)),
            (dst, side(base, strides)),
        );
        sizes[seq_axis] = shape[seq_axis] - length;
        let rest = side(base + length * step as usize, strides);
        copy_strided(size, sizes, (src, rest), (dst, rest));
    }
}

/// Moves elements on by `by` places along each axis, less than its length; those that fall out come in again.
pub fn roll(size: usize, src: &[u8], shape: &[usize], by: &[usize], dst: &mut [u8]) {
    let Some(last) = shape.len().checked_sub(1) else {
        dst.copy_from_slice(src);
        return;
    };
    let (length, shift) = (shape[last], by[last]);
    if src.is_empty() {
        return;
    }
    for (row, from) in src.chunks_exact(length * size).enumerate() {
        // The place of the row among the rows, each axis moved on.
        let (mut rest, mut to, mut stride) = (row, 0, 1);
        for axis in (0..last).rev() {
            to += (rest % shape[axis] + by[axis]) % shape[axis] * stride;
            rest /= shape[axis];
            stride *= shape[axis];
        }
        let row = &mut dst[to * length * size..][..length * size];
        let (head, tail) = from.split_at((length - shift) * size);
        row[shift * size..].copy_from_slice(head);
        row[..shift * size].copy_from_slice(tail);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_element_finds_its_place(
            shape in prop::collection::vec(1usize..40, 4),
            perm in Just(vec![0usize, 1, 2, 3]).prop_shuffle(),
            size in prop::sample::select(vec![1usize, 2, 4, 8]),
            cut in any::<prop::sample::Index>(),
        ) {
            let shape: Vec<usize> = shape.iter().enumerate().map(|(i, n)| if i % 2 == 0 { n % 5 + 1 } else { *n }).collect();
            let count: usize = shape.iter().product();
            let src: Vec<u8> = (0..count * size).map(|i| (i * 31 + i / 255) as u8).collect();
            let mut dst = vec![0; src.len()];
            transpose(size, &src, &shape, &perm, &mut dst);
            let axis = perm.iter().position(|&axis| shape[axis] > 1).unwrap_or(0);
            let each = size * perm[axis + 1..].iter().map(|&axis| shape[axis]).product::<usize>();
            let (mut parts, first) = (vec![0; src.len()], cut.index(shape[perm[axis]] + 1));
            let (head, tail) = parts.split_at_mut(first * each);
            transpose_part(size, &src, &shape, &perm, (axis, 0), head);
            transpose_part(size, &src, &shape, &perm, (axis, first), tail);
            prop_assert_eq!(&parts, &dst);
            let strides = row_major(&shape);
            for at in 0..count {
                let (mut rest, mut from) = (at, 0);
                for &axis in perm.iter().rev() {
                    from += rest % shape[axis] * strides[axis] as usize;
                    rest /= shape[axis];
                }
                prop_assert_eq!(&dst[at * size..][..size], &src[from * size..][..size]);
            }
        }
    }

    #[test]
    fn axes_change_places() {
        let src = [1, 2, 3, 4, 5, 6];
        let mut dst = [0; 6];
        transpose(1, &src, &[2, 3], &[1, 0], &mut dst);
        assert_eq!(dst, [1, 4, 2, 5, 3, 6]);
        let mut dst = [0; 12];
        let src: Vec<u8> = (0..12).collect();
        transpose(2, &src, &[2, 3], &[1, 0], &mut dst);
        assert_eq!(dst, [0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11]);
    }

    #[test]
    fn tiles_and_broadcasts() {
        let mut dst = [0; 8];
        tile(1, &[1, 2], &[1, 2], &[2, 2], &mut dst);
        assert_eq!(dst, [1, 2, 1, 2, 1, 2, 1, 2]);
        let mut dst = [0; 6];
        broadcast_to(1, &[1, 2], &[2, 1], &mut dst, &[2, 3]);
        assert_eq!(dst, [1, 1, 1, 2, 2, 2]);
        tile(1, &[1, 2], &[2], &[0], &mut []);
    }

    #[test]
    fn reverses() {
        let mut dst = [0; 6];
        reverse(1, &[1, 2, 3, 4, 5, 6], &[2, 3], &[true, true], &mut dst);
        assert_eq!(dst, [6, 5, 4, 3, 2, 1]);
        reverse_sequence(1, &[1, 2, 3, 4, 5, 6], &[2, 3], (1, 0), &[2, 3], &mut dst);
        assert_eq!(dst, [2, 1, 3, 6, 5, 4]);
        reverse_sequence(1, &[1, 2, 3, 4, 5, 6], &[2, 3], (1, 0), &[0, 1], &mut dst);
        assert_eq!(dst, [1, 2, 3, 4, 5, 6]);
    }
}

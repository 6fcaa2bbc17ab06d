//! How two operands of an operator are spread over its result, worked out once.

use crate::kernels::strides::{MAX_RANK, broadcast_strides};

/// Rows up to so many elements are rather repeated than gone through one by one.
pub(crate) const SHORT: usize = 32;

/// Rows along which each operand moves on by one element or stays, and the places where rows begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spread {
    row: usize,
    /// Elements that an operand moves on by along a row: 0 or 1.
    steps: [usize; 2],
    /// Sizes and strides of the axes around the rows, from the outermost on.
    outer: Vec<(usize, [usize; 2])>,
    len: usize,
    /// Elements of each operand.
    operands: [usize; 2],
}

impl Spread {
    /// Of shapes that broadcast to `out` (numpy's rules); `None` where no memory is that large.
    pub fn new(shapes: [&[usize]; 2], out: &[usize]) -> Option<Self> {
        let largest = out.iter().try_fold(1isize, |len, &size| {
            len.checked_mul(isize::try_from(size.max(1)).ok()?)
        });
        largest?;
        let strides: [[isize; MAX_RANK]; 2] = shapes.map(|shape| broadcast_strides(shape, out));
        let mut axes: Vec<(usize, [usize; 2])> = Vec::new();
        for (axis, &size) in out.iter().enumerate().filter(|(_, size)| **size != 1) {
            let steps = strides.map(|strides| strides[axis] as usize);
            match axes.last_mut() {
                // One axis where neither operand notices the seam.
                Some((outer, around)) if (0..2).all(|i| around[i] == steps[i] * size) => {
                    *outer *= size;
                    *around = steps;
                }
                _ => axes.push((size, steps)),
            }
        }
        let (row, steps) = axes.pop().unwrap_or((1, [1; 2]));
        Some(Spread {
            row,
            steps,
            outer: axes,
            len: out.iter().product(),
            operands: shapes.map(|shape| shape.iter().product()),
        })
    }

    /// Elements of the result.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The operand that is one short row, again and again beside the other one, and the length of the row.
    pub(crate) fn short_row(&self) -> Option<(usize, usize)> {
        let [(_, strides)] = &self.outer[..] else {
            return None;
        };
        let short = self.steps == [1, 1] && (1..=SHORT).contains(&self.row);
        let again = (0..2).find(|&i| strides[i] == 0 && strides[1 - i] == self.row);
        again.filter(|_| short).map(|i| (i, self.row))
    }

    /// Elements that a part of the result must be a multiple of.
    pub fn grain(&self) -> usize {
        match self.outer.is_empty() {
            true => 1,
            false => self.row,
        }
    }

    /// The operands' steps along a row.
    pub(crate) fn steps(&self) -> [usize; 2] {
        self.steps
    }

    /// Where the operands are at the beginning of every row, from element `first` of the result on, up to `count` elements.
    /// Each comes with the length of the row. Panics where the operands, that have so many elements or are the result,
    /// don't have the sizes, and where the part of the result has no whole rows.
    pub(crate) fn rows(
        &self,
        first: usize,
        count: usize,
        operands: [Option<usize>; 2],
    ) -> Rows<'_> {
        assert!(first + count <= self.len && first.is_multiple_of(self.grain()));
        assert!(count.is_multiple_of(self.grain()));
        for (own, given) in self.operands.into_iter().zip(operands) {
            assert_eq!(own, given.unwrap_or(self.len));
        }
        let mut rows = Rows {
            outer: &self.outer,
            len: self.row,
            left: count / self.row.max(1),
            index: [0; MAX_RANK],
            at: [0; 2],
        };
        if self.outer.is_empty() {
            rows.at = self.steps.map(|step| step * first);
            (rows.len, rows.left) = (count, 1);
            return rows;
        }
        let mut rest = first / self.row.max(1);
        for (axis, &(size, strides)) in self.outer.iter().enumerate().rev() {
            rows.index[axis] = rest % size.max(1);
            rest /= size.max(1);
            for (at, stride) in rows.at.iter_mut().zip(strides) {
                *at += rows.index[axis] * stride;
            }
        }
        rows
    }
}

/// See [`Spread::rows`].
pub(crate) struct Rows<'s> {
    outer: &'s [(usize, [usize; 2])],
    len: usize,
    left: usize,
    index: [usize; MAX_RANK],
    at: [usize; 2],
}

impl Iterator for Rows<'_> {
    type Item = ([usize; 2], usize);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let at = self.at;
        for (axis, &(size, strides)) in self.outer.iter().enumerate().rev() {
            let index = &mut self.index[axis];
            *index += 1;
            if *index < size {
                self.at = [self.at[0] + strides[0], self.at[1] + strides[1]];
                break;
            }
            *index = 0;
            let back = size - 1;
            self.at = [
                self.at[0] - back * strides[0],
                self.at[1] - back * strides[1],
            ];
        }
        Some((at, self.len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_as_long_as_both_operands_allow() {
        let rows = |shapes: [&[usize]; 2], out: &[usize], first, count| -> Vec<_> {
            let counts = shapes.map(|shape| Some(shape.iter().product()));
            Spread::new(shapes, out)
                .unwrap()
                .rows(first, count, counts)
                .collect()
        };
        assert_eq!(rows([&[2, 3], &[2, 3]], &[2, 3], 1, 4), [([1, 1], 4)]);
        assert_eq!(rows([&[2, 3], &[]], &[2, 3], 2, 4), [([2, 0], 4)]);
        let expected = [([3, 0], 3), ([6, 0], 3)];
        assert_eq!(rows([&[3, 1, 3], &[3]], &[3, 1, 3], 3, 6), expected);
        let expected = [([2, 1], 2), ([4, 0], 2), ([6, 1], 2)];
        assert_eq!(rows([&[2, 2, 2], &[2, 1]], &[2, 2, 2], 2, 6), expected);
    }
}

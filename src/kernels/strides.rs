//! The N-dimensional loop under every broadcasting and copying kernel.

/// Largest number of axes that kernels take after merging; TensorFlow's own kernels stop at 8.
pub const MAX_RANK: usize = 16;

/// Row-major strides, in elements.
pub fn row_major(shape: &[usize]) -> [isize; MAX_RANK] {
    assert!(
        shape.len() <= MAX_RANK,
        "rank {} of {MAX_RANK}",
        shape.len()
    );
    let mut strides = [0isize; MAX_RANK];
    let mut step = 1isize;
    for (axis, &size) in shape.iter().enumerate().rev() {
        strides[axis] = step;
        step *= size as isize;
    }
    strides
}

/// Strides that read an operand of `shape` as if it had been broadcast to `out` (numpy's rules): 0 along
/// repeated axes. Panics when it can't be.
pub fn broadcast_strides(shape: &[usize], out: &[usize]) -> [isize; MAX_RANK] {
    assert!(
        shape.len() <= out.len(),
        "{shape:?} does not broadcast to {out:?}"
    );
    let own = row_major(shape);
    let lead = out.len() - shape.len();
    let mut strides = [0isize; MAX_RANK];
    for (axis, &size) in shape.iter().enumerate() {
        assert!(
            size == out[lead + axis] || size == 1,
            "{shape:?} does not broadcast to {out:?}"
        );
        if size != 1 {
            strides[lead + axis] = own[axis];
        }
    }
    strides
}

/// The shape that all of `shapes` broadcast to; `None` when they don't fit.
pub fn broadcast_shape(shapes: &[&[usize]]) -> Option<Vec<usize>> {
    let rank = shapes.iter().map(|s| s.len()).max()?;
    let mut out = vec![1usize; rank];
    for shape in shapes {
        let lead = rank - shape.len();
        for (axis, &size) in shape.iter().enumerate() {
            let slot = &mut out[lead + axis];
            match (*slot, size) {
                (a, b) if a == b => {}
                (1, b) => *slot = b,
                (_, 1) => {}
                _ => return None,
            }
        }
    }
    Some(out)
}

/// A nest of loops over `N` operands at once, with neighbouring axes merged where every operand allows it.
#[derive(Debug, Clone)]
pub struct Walk<const N: usize> {
    rank: usize,
    sizes: [usize; MAX_RANK],
    strides: [[isize; MAX_RANK]; N],
}

/// One innermost loop: `len` steps, operand `i` begins at `at[i]` and moves by `step[i]` elements.
#[derive(Debug, Clone, Copy)]
pub struct Run<const N: usize> {
    pub len: usize,
    pub at: [usize; N],
    pub step: [isize; N],
}

impl<const N: usize> Walk<N> {
    pub fn new(sizes: &[usize], strides: [[isize; MAX_RANK]; N]) -> Self {
        assert!(
            sizes.len() <= MAX_RANK,
            "rank {} of {MAX_RANK}",
            sizes.len()
        );
        let mut walk = Walk {
            rank: 0,
            sizes: [1; MAX_RANK],
            strides: [[0; MAX_RANK]; N],
        };
        for (axis, &size) in sizes.iter().enumerate() {
            if size != 1 {
                let mut steps = [0; N];
                for (i, step) in steps.iter_mut().enumerate() {
                    *step = strides[i][axis];
                }
                walk.push(size, steps);
            }
        }
        walk
    }

    fn push(&mut self, size: usize, steps: [isize; N]) {
        if self.rank > 0 {
            let last = self.rank - 1;
            let merges = (0..N).all(|i| self.strides[i][last] == steps[i] * size as isize);
            if merges {
                self.sizes[last] *= size;
                for (i, &step) in steps.iter().enumerate() {
                    self.strides[i][last] = step;
                }
                return;
            }
        }
        self.sizes[self.rank] = size;
        for (i, &step) in steps.iter().enumerate() {
            self.strides[i][self.rank] = step;
        }
        self.rank += 1;
    }

    /// Merged axes from the outermost on: the size and each operand's stride.
    pub fn axes(&self) -> impl ExactSizeIterator<Item = (usize, [isize; N])> {
        (0..self.rank).map(|axis| {
            let mut steps = [0; N];
            for (step, strides) in steps.iter_mut().zip(&self.strides) {
                *step = strides[axis];
            }
            (self.sizes[axis], steps)
        })
    }

    /// Every innermost run, in row-major order; `start` are the operands' first elements.
    /// None when an axis has size 0. An iterator rather than a closure: kernels are made for many
    /// types, and the nest is the same for all of them.
    pub fn runs(&self, start: [usize; N]) -> Runs<'_, N> {
        let axis = |back: usize, alone: isize| match self.rank.checked_sub(back) {
            None => (1, [alone; N]),
            Some(axis) => {
                let mut steps = [0; N];
                for (i, step) in steps.iter_mut().enumerate() {
                    *step = self.strides[i][axis];
                }
                (self.sizes[axis], steps)
            }
        };
        let (len, step) = axis(1, 1);
        let (rows, row_step) = axis(2, 0);
        Runs {
            walk: self,
            run: Run {
                len,
                at: start,
                step,
            },
            rows,
            row_step,
            left: match self.sizes[..self.rank].contains(&0) {
                true => 0,
                false => rows,
            },
            index: [0; MAX_RANK],
        }
    }
}

/// The runs of a [`Walk`].
#[derive(Debug, Clone)]
pub struct Runs<'w, const N: usize> {
    walk: &'w Walk<N>,
    /// The run that comes next.
    run: Run<N>,
    /// Size and strides of the axis before the innermost one, and its steps that are left.
    rows: usize,
    row_step: [isize; N],
    left: usize,
    /// Of the axes before that.
    index: [usize; MAX_RANK],
}

impl<const N: usize> Runs<'_, N> {
    /// Steps along the axes before the innermost two; no run is left after the last.
    #[inline(never)]
    fn carry(&mut self) {
        let walk = self.walk;
        for axis in (0..walk.rank.saturating_sub(2)).rev() {
            let (at, back) = (&mut self.run.at, self.index[axis] as isize);
            let ends = self.index[axis] + 1 == walk.sizes[axis];
            let steps = if ends { -back } else { 1 };
            for (i, at) in at.iter_mut().enumerate() {
                *at = at.wrapping_add_signed(walk.strides[i][axis] * steps);
            }
            if !ends {
                self.index[axis] += 1;
                self.left = self.rows;
                return;
            }
            self.index[axis] = 0;
        }
    }
}

impl<const N: usize> Iterator for Runs<'_, N> {
    type Item = Run<N>;

    #[inline]
    fn next(&mut self) -> Option<Run<N>> {
        if self.left == 0 {
            return None;
        }
        let run = self.run;
        self.left -= 1;
        for (i, at) in self.run.at.iter_mut().enumerate() {
            *at = at.wrapping_add_signed(self.row_step[i]);
        }
        if self.left == 0 {
            for (i, at) in self.run.at.iter_mut().enumerate() {
                *at = at.wrapping_add_signed(-self.row_step[i] * self.rows as isize);
            }
            self.carry();
        }
        Some(run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_axes_merge() {
        let shape = [2, 3, 4];
        let walk = Walk::new(&shape, [row_major(&shape), broadcast_strides(&[4], &shape)]);
        assert_eq!(walk.rank, 2);
        let seen: Vec<_> = walk
            .runs([0, 0])
            .map(|run| (run.at, run.len, run.step))
            .collect();
        assert_eq!(seen.len(), 6);
        assert_eq!(seen[5], ([20, 0], 4, [1, 1]));
    }

    #[test]
    fn every_element_is_met_once_in_order() {
        for shape in [
            &[][..],
            &[1],
            &[5],
            &[2, 3],
            &[3, 1, 4, 2],
            &[2, 3, 2, 3, 2],
        ] {
            // Every second axis is turned about, so that none merge.
            let own = row_major(shape);
            let mut turned = own;
            let mut first = 0;
            for (axis, size) in shape.iter().enumerate().skip(1).step_by(2) {
                turned[axis] = -own[axis];
                first += own[axis] as usize * (size - 1);
            }
            let mut wanted = Vec::new();
            for flat in 0..shape.iter().product::<usize>() {
                let index = |axis: usize| flat / own[axis] as usize % shape[axis];
                let to = (0..shape.len()).map(|axis| turned[axis] * index(axis) as isize);
                wanted.push([flat, first.wrapping_add_signed(to.sum())]);
            }
            let walk = Walk::new(shape, [own, turned]);
            let met: Vec<_> = walk
                .runs([0, first])
                .flat_map(|run| {
                    (0..run.len as isize).map(move |i| {
                        [0, 1].map(|o| run.at[o].wrapping_add_signed(run.step[o] * i))
                    })
                })
                .collect();
            assert_eq!(met, wanted, "{shape:?}");
        }
        assert_eq!(
            Walk::new(&[2, 0, 3], [row_major(&[2, 0, 3])])
                .runs([0])
                .count(),
            0
        );
    }

    #[test]
    fn shapes_broadcast_as_in_numpy() {
        assert_eq!(broadcast_shape(&[&[2, 1, 3], &[4, 1]]), Some(vec![2, 4, 3]));
        assert_eq!(broadcast_shape(&[&[2], &[0]]), None);
        assert_eq!(broadcast_shape(&[&[1], &[0]]), Some(vec![0]));
    }
}

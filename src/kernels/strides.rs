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
                walk.push(size, std::array::from_fn(|i| strides[i][axis]));
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
                for (strides, step) in self.strides.iter_mut().zip(steps) {
                    strides[last] = step;
                }
                return;
            }
        }
        self.sizes[self.rank] = size;
        for (strides, step) in self.strides.iter_mut().zip(steps) {
            strides[self.rank] = step;
        }
        self.rank += 1;
    }

    /// Every innermost run, in row-major order; `start` are the operands' first elements.
    /// None when an axis has size 0. An iterator rather than a closure: kernels are made for many
    /// types, and this nest is the same for all of them.
    pub fn runs(&self, start: [usize; N]) -> Runs<'_, N> {
        let (len, step) = match self.rank.checked_sub(1) {
            None => (1, [1; N]),
            Some(inner) => (self.sizes[inner], self.strides.map(|s| s[inner])),
        };
        Runs {
            walk: self,
            index: [0; MAX_RANK],
            next: (!self.sizes[..self.rank].contains(&0)).then_some(Run {
                len,
                at: start,
                step,
            }),
        }
    }
}

/// The runs of a [`Walk`].
#[derive(Debug, Clone)]
pub struct Runs<'w, const N: usize> {
    walk: &'w Walk<N>,
    index: [usize; MAX_RANK],
    next: Option<Run<N>>,
}

impl<const N: usize> Runs<'_, N> {
    /// Where the operands are after `at`; `None` after the last run.
    fn step(&mut self, mut at: [usize; N]) -> Option<[usize; N]> {
        let walk = self.walk;
        for axis in (0..walk.rank.saturating_sub(1)).rev() {
            self.index[axis] += 1;
            if self.index[axis] < walk.sizes[axis] {
                for (at, strides) in at.iter_mut().zip(&walk.strides) {
                    *at = at.wrapping_add_signed(strides[axis]);
                }
                return Some(at);
            }
            let back = self.index[axis] as isize - 1;
            for (at, strides) in at.iter_mut().zip(&walk.strides) {
                *at = at.wrapping_add_signed(-strides[axis] * back);
            }
            self.index[axis] = 0;
        }
        None
    }
}

impl<const N: usize> Iterator for Runs<'_, N> {
    type Item = Run<N>;

    fn next(&mut self) -> Option<Run<N>> {
        let run = self.next?;
        self.next = self.step(run.at).map(|at| Run { at, ..run });
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
    fn shapes_broadcast_as_in_numpy() {
        assert_eq!(broadcast_shape(&[&[2, 1, 3], &[4, 1]]), Some(vec![2, 4, 3]));
        assert_eq!(broadcast_shape(&[&[2], &[0]]), None);
        assert_eq!(broadcast_shape(&[&[1], &[0]]), Some(vec![0]));
    }
}

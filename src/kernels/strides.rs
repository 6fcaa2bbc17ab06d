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

    /// Calls `f` for every innermost run, in row-major order; `start` are the operands' first elements.
    /// Does nothing when an axis has size 0.
    pub fn for_each(&self, start: [usize; N], mut f: impl FnMut(Run<N>)) {
        if self.sizes[..self.rank].contains(&0) {
            return;
        }
        let inner = self.rank.saturating_sub(1);
        let len = if self.rank == 0 { 1 } else { self.sizes[inner] };
        let step = std::array::from_fn(|i| {
            if self.rank == 0 {
                1
            } else {
                self.strides[i][inner]
            }
        });
        let mut index = [0usize; MAX_RANK];
        let mut at = start;
        loop {
            f(Run { len, at, step });
            let mut axis = inner;
            loop {
                if axis == 0 {
                    return;
                }
                axis -= 1;
                index[axis] += 1;
                if index[axis] < self.sizes[axis] {
                    for (at, strides) in at.iter_mut().zip(&self.strides) {
                        *at = at.wrapping_add_signed(strides[axis]);
                    }
                    break;
                }
                let back = index[axis] as isize - 1;
                for (at, strides) in at.iter_mut().zip(&self.strides) {
                    *at = at.wrapping_add_signed(-strides[axis] * back);
                }
                index[axis] = 0;
            }
        }
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
        let mut seen = Vec::new();
        walk.for_each([0, 0], |run| seen.push((run.at, run.len, run.step)));
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

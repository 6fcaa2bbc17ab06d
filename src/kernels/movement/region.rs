//! Which elements StableHLO's gather and scatter mean.
//!
//! Both go through a table of start indices. Every element of the gathered result, or of the updates that are
//! scattered, has an index whose dimensions are of two kinds: window dimensions, the place within a slice of the
//! operand, and the others, the place of the slice's start in the table.

use crate::kernels::strides::MAX_RANK;

/// Checked by whoever makes one: at most [`MAX_RANK`] dimensions of each; `window` and `inserted` rise, together they
/// are as many as the operand's dimensions; `mapped` are dimensions of the operand, as many as a start index is long;
/// `part` has as many dimensions outside `window` as `table` has outside `vector`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Regions {
    /// Sizes of the operand, of the table, and of what is gathered or scattered.
    pub operand: Vec<usize>,
    pub table: Vec<usize>,
    pub part: Vec<usize>,
    /// Window dimensions of `part`.
    pub window: Vec<usize>,
    /// Dimensions of the operand that have no window dimension; the slice is 1 long there.
    pub inserted: Vec<usize>,
    /// Which dimension of the operand each number of a start index is for.
    pub mapped: Vec<usize>,
    /// The dimension of the table along which a start index lies; one past the last where each is one number.
    pub vector: usize,
    /// Sizes of the slices: starts are moved so that they fit. Without them places may lie outside.
    pub fitted: Option<Vec<usize>>,
}

impl Regions {
    /// The element of the operand that element `number` of the part stands for; `None` outside. `index` gives the
    /// numbers of the table.
    pub fn place(&self, number: usize, index: impl Fn(usize) -> i64) -> Option<usize> {
        let mut at = [0usize; MAX_RANK];
        let mut rest = number;
        for (axis, &size) in self.part.iter().enumerate().rev() {
            at[axis] = rest % size;
            rest /= size;
        }
        let mut starts = [0i64; MAX_RANK];
        for (which, &axis) in self.mapped.iter().enumerate() {
            starts[axis] = index(self.entry(&at, which));
        }
        let mut offsets = self.window.iter().map(|&axis| at[axis] as i64);
        let mut place = 0;
        for (axis, &size) in self.operand.iter().enumerate() {
            let start = match &self.fitted {
                Some(sizes) => starts[axis].min(size as i64 - sizes[axis] as i64).max(0),
                None => starts[axis],
            };
            let offset = match self.inserted.contains(&axis) {
                true => 0,
                false => offsets.next().unwrap_or(0),
            };
            let along = usize::try_from(start.checked_add(offset)?).ok()?;
            if along >= size {
                return None;
            }
            place = place * size + along;
        }
        Some(place)
    }

    /// Where in the table number `which` of the start index lies.
    fn entry(&self, at: &[usize; MAX_RANK], which: usize) -> usize {
        let mut others = (0..self.part.len()).filter(|axis| !self.window.contains(axis));
        self.table
            .iter()
            .enumerate()
            .fold(0, |entry, (axis, &size)| {
                let along = match axis == self.vector {
                    true => which,
                    false => others.next().map_or(0, |other| at[other]),
                };
                entry * size + along
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_table_are_found_and_moved_in() {
        let table = [1i64, 5, -2];
        let mut regions = Regions {
            operand: vec![1, 4],
            table: vec![3],
            part: vec![3, 2],
            window: vec![1],
            inserted: vec![0],
            mapped: vec![1],
            vector: 1,
            fitted: Some(vec![1, 2]),
        };
        let places = |regions: &Regions| -> Vec<Option<usize>> {
            (0..6).map(|at| regions.place(at, |i| table[i])).collect()
        };
        let fitted = [1, 2, 2, 3, 0, 1].map(Some);
        assert_eq!(places(&regions), fitted);
        regions.fitted = None;
        let open = [Some(1), Some(2), None, None, None, None];
        assert_eq!(places(&regions), open);
    }
}

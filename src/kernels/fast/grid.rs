//! How a matrix product is split between threads: by rows, by panels of columns, or both.

use std::marker::PhantomData;
use std::ops::Range;

use crate::kernels::threads::Threads;

/// Multiply-accumulates below which a second thread costs more than it brings.
const SMALL: usize = 1 << 17;

/// Steps of a tile's sum that handing out one task is worth.
const TASK: usize = 200;

/// Tasks for each thread: enough that one that was held up does not keep the others waiting.
const EACH: usize = 8;

/// Sizes of a product.
#[derive(Debug, Clone, Copy)]
pub struct Grid {
    pub rows: usize,
    /// Rows of a tile.
    pub tile: usize,
    pub panels: usize,
    /// Columns of a panel.
    pub width: usize,
    /// Length of each sum.
    pub depth: usize,
}

impl Grid {
    /// Calls `task(rows, panels)` for parts that together are the whole product, each once.
    pub fn run(&self, threads: &Threads, task: impl Fn(Range<usize>, Range<usize>) + Sync) {
        let work = self.rows * self.panels * self.width * self.depth;
        if threads.count() == 1 || work < SMALL {
            task(0..self.rows, 0..self.panels);
            return;
        }
        let (high, wide) = self.part(threads.count());
        let across = self.panels.div_ceil(wide);
        let down = self.rows.div_ceil(high);
        threads.run(down * across, &|index| {
            let (row, panel) = (index / across * high, index % across * wide);
            task(
                row..self.rows.min(row + high),
                panel..self.panels.min(panel + wide),
            );
        });
    }

    /// Rows and panels of a task: what `count` threads are done with first. Each task reads its weights and rows from a
    /// farther cache, and the last tasks keep some threads waiting.
    fn part(&self, count: usize) -> (usize, usize) {
        let units = self.rows.div_ceil(self.tile);
        let mut best = (usize::MAX, (units, self.panels));
        for down in splits(units, count) {
            for across in splits(self.panels, count) {
                let (high, wide) = (units.div_ceil(down), self.panels.div_ceil(across));
                let tasks = units.div_ceil(high) * self.panels.div_ceil(wide);
                if tasks > count * EACH {
                    continue;
                }
                let read = high * self.tile + wide * self.width;
                // A tile takes its rows' number of cycles for a step, and a cycle brings about 8 values.
                let cost = high * wide * self.tile * self.depth + read * self.depth / 8;
                // Half a task more, for a thread begins late.
                let cost = (2 * tasks.div_ceil(count) + 1) * (cost + TASK * self.tile);
                best = best.min((cost, (high, wide)));
            }
        }
        let (high, wide) = best.1;
        (high * self.tile, wide)
    }
}

/// Numbers of parts that `len` may be cut into.
fn splits(len: usize, count: usize) -> impl Iterator<Item = usize> {
    (1..=count * EACH).filter(move |&parts| parts <= len.max(1))
}

/// Part `index` of `len` things cut into `parts` that differ by one at most.
pub fn cut(len: usize, parts: usize, index: usize) -> Range<usize> {
    len * index / parts..len * (index + 1) / parts
}

/// An output that tasks write to, each its own columns of its own rows.
pub struct SharedOut<'a, T = f32> {
    start: *mut T,
    len: usize,
    out: PhantomData<&'a mut [T]>,
}

impl<'a, T> SharedOut<'a, T> {
    pub fn new(out: &'a mut [T]) -> Self {
        SharedOut {
            start: out.as_mut_ptr(),
            len: out.len(),
            out: PhantomData,
        }
    }

    /// The element at `index`, behind which `reach` elements, it among them, exist.
    pub fn at(&self, index: usize, reach: usize) -> *mut T {
        assert!(index + reach <= self.len, "past the output");
        self.start.wrapping_add(index)
    }
}

// SAFETY: only a pointer is given out; who writes through it says why no other task writes there.
unsafe impl<T: Send> Sync for SharedOut<'_, T> {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Mutex;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn parts_cover_a_product_once(
            rows in 1usize..3000, tile in 1usize..15, panels in 1usize..70, depth in 1usize..3000, threads in 1usize..5
        ) {
            let grid = Grid { rows, tile, panels, width: 32, depth };
            let seen = Mutex::new(vec![0u8; rows * panels]);
            grid.run(&Threads::new(threads), |rows, columns| {
                let mut seen = seen.lock().unwrap();
                for row in rows {
                    for panel in columns.clone() {
                        seen[row * panels + panel] += 1;
                    }
                }
            });
            prop_assert!(seen.into_inner().unwrap().iter().all(|&times| times == 1));
        }
    }
}

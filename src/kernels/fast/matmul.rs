//! Matrix products whose right side is not constant: it is packed into scratch on every call.

use std::ops::Range;

use super::grid::{SharedOut, cut};
use super::pack::{Lines, pack_rows, pack_turned};
use super::tile::{Job, Tiles, choose};
use crate::kernels::cpu::{self, Level};
use crate::kernels::reference::matmul::MatMul;
use crate::kernels::threads::{Threads, cores};

/// Multiply-accumulates below which a second thread costs more than it brings.
const SMALL: usize = 1 << 18;

/// Rows whose offsets are worked out at once; a multiple of every tile's rows.
const ROWS: usize = 84;

/// A product of f32 matrices prepared for this processor.
#[derive(Debug, Clone)]
pub struct FastMatMul {
    p: MatMul,
    steps: Steps,
    level: Level,
    /// Threads that have a panel each; asking for the cores takes longer than a small product.
    slots: usize,
    in_order: bool,
}

/// Matrices of a batch that threads share at once.
const PLACES: usize = 64;

/// Where a matrix of a batch begins in `x`, `y` and the output.
pub type Place = [usize; 3];

/// From a row to the next, in elements: of `x`, of `y` (from a column to the next where it lies transposed), and of the
/// output.
#[derive(Debug, Clone, Copy)]
pub struct Steps {
    pub x: usize,
    pub y: usize,
    pub out: usize,
}

impl FastMatMul {
    pub fn new(p: MatMul) -> Self {
        Self::with_level(cpu::level(), p)
    }

    /// For one instruction set, which must be there.
    pub fn with_level(level: Level, p: MatMul) -> Self {
        assert!(level <= cpu::level(), "{level:?} is not there");
        let slots = cores();
        let steps = Steps {
            x: p.k,
            y: if p.adj_y { p.k } else { p.n },
            out: p.n,
        };
        FastMatMul {
            p,
            steps,
            level,
            slots,
            in_order: false,
        }
    }

    /// Of matrices whose rows don't follow each other closely, which [`FastMatMul::run_at`] multiplies.
    pub fn with_steps(p: MatMul, steps: Steps) -> Self {
        let close = steps.x >= p.k && steps.out >= p.n;
        assert!(
            close && !p.adj_x,
            "rows of the left side and of the output are apart"
        );
        FastMatMul {
            steps,
            ..Self::new(p)
        }
    }

    /// With sums in the order of the plain kernel, rounded as there.
    pub fn in_order(mut self) -> Self {
        self.in_order = true;
        self
    }

    fn tiles(&self) -> Tiles {
        choose(self.level, self.in_order)
    }

    /// Elements of a packed panel.
    fn panel_len(&self) -> usize {
        (1 + self.p.k) * self.tiles().width
    }

    fn turned_len(&self) -> usize {
        if self.p.adj_x { self.p.m * self.p.k } else { 0 }
    }

    /// Elements of scratch: a packed panel for each thread, and `x` turned when it lies transposed.
    pub fn scratch_len(&self) -> usize {
        self.slots * self.panel_len() + self.turned_len()
    }

    /// BATCH_MATMUL; batch shapes are the operands' shapes without their last two axes.
    pub fn run(
        &self,
        (x, x_batch): (&[f32], &[usize]),
        (y, y_batch): (&[f32], &[usize]),
        scratch: &mut [f32],
        (output, out_batch): (&mut [f32], &[usize]),
        threads: &Threads,
    ) {
        let p = self.p;
        let batch = out_batch.iter().product::<usize>();
        assert_eq!(output.len(), batch * p.m * p.n);
        if output.is_empty() {
            return;
        }
        let (panels, turned) =
            scratch[..self.scratch_len()].split_at_mut(self.slots * self.panel_len());
        let output = SharedOut::new(output);
        let mut multiply = |places: &[Place]| {
            if !p.adj_x {
                return self.products(x, y, places, panels, &output, threads);
            }
            for &[x0, y0, o0] in places {
                let x = &x[x0..x0 + p.m * p.k];
                threads.rows(turned, p.k, 16, |first, rows| {
                    turn(x, p.m, first, rows, p.k)
                });
                self.products(turned, y, &[[0, y0, o0]], panels, &output, threads);
            }
        };
        let (mut places, mut held) = ([[0; 3]; PLACES], 0);
        p.for_each_batch(x_batch, y_batch, out_batch, |x, y, o| {
            places[held] = [x, y, o];
            held += 1;
            if held == PLACES {
                multiply(&places);
                held = 0;
            }
        });
        if held > 0 {
            multiply(&places[..held]);
        }
    }

    /// Products of the matrices at these places, no two of which share a number of the output; the rows of `x` as they
    /// are.
    pub fn run_at(
        &self,
        (x, y): (&[f32], &[f32]),
        places: &[Place],
        scratch: &mut [f32],
        output: &mut [f32],
        threads: &Threads,
    ) {
        let panels = &mut scratch[..self.slots * self.panel_len()];
        let output = SharedOut::new(output);
        self.products(x, y, places, panels, &output, threads);
    }

    /// Products of matrices at these places, the rows of `x` as they are.
    fn products(
        &self,
        x: &[f32],
        y: &[f32],
        places: &[Place],
        panels: &mut [f32],
        output: &SharedOut,
        threads: &Threads,
    ) {
        let MatMul { m, k, n, .. } = self.p;
        let tiles = self.tiles();
        let across = n.div_ceil(tiles.width);
        let slots = match places.len() * m * n * k < SMALL {
            true => 1,
            false => threads.count().min(self.slots),
        };
        // Few panels are cut into rows too.
        let down = match slots {
            1 => 1,
            _ => (2 * slots)
                .div_ceil(places.len() * across)
                .min(m.div_ceil(tiles.rows)),
        };
        let parts = places.len() * across * down;
        let panels = &mut panels[..slots * self.panel_len()];
        threads.pieces(panels, self.panel_len(), |slot, panel| {
            let mut packed = None;
            for part in cut(parts, slots, slot) {
                let (which, rows) = (part / down, cut(m, down, part % down));
                let [x0, y0, o0] = places[which / across];
                let first = which % across * tiles.width;
                let columns = first..n.min(first + tiles.width);
                if packed.replace(which) != Some(which) {
                    self.pack(&y[y0..], columns.clone(), panel);
                }
                self.panel(&x[x0..], panel, rows, columns, o0, output);
            }
        });
    }

    /// Columns of a panel: half of a tile's if that is enough.
    fn width(&self, columns: usize) -> usize {
        let width = self.tiles().width;
        if columns <= width / 2 {
            width / 2
        } else {
            width
        }
    }

    fn pack(&self, y: &[f32], columns: Range<usize>, panel: &mut [f32]) {
        let width = self.width(columns.len());
        panel[..width].fill(0.0);
        let to = &mut panel[width..];
        let (MatMul { k, n, .. }, step) = (self.p, self.steps.y);
        match self.p.adj_y {
            true => {
                let first = &y[(columns.start * step).min(y.len())..];
                let lines = Lines::new(first, columns.len(), k, step);
                pack_turned(self.level, lines, to, width);
            }
            false => pack_rows(self.level, Lines::new(y, k, n, step), columns, to, width),
        }
    }

    /// These rows of `x` times a packed panel.
    fn panel(
        &self,
        x: &[f32],
        panel: &[f32],
        rows: Range<usize>,
        columns: Range<usize>,
        o0: usize,
        output: &SharedOut,
    ) {
        let (k, step) = (self.p.k, self.steps.out);
        let Tiles {
            wide,
            narrow,
            width,
            ..
        } = self.tiles();
        let work = if self.width(columns.len()) == width {
            wide
        } else {
            narrow
        };
        let last = rows.end.saturating_sub(1);
        let read = last.saturating_mul(self.steps.x).saturating_add(k);
        assert!(panel.len() >= self.panel_len() && read <= x.len());
        let job = Job {
            a: x.as_ptr(),
            taps: &[0],
            run: k,
            panel: panel.as_ptr(),
            bias_last: false,
            lo: f32::NEG_INFINITY,
            hi: f32::INFINITY,
            out_row: step,
            columns: columns.len(),
            next: std::ptr::null(),
        };
        let mut bases = [0usize; ROWS];
        for first in rows.clone().step_by(ROWS) {
            let count = ROWS.min(rows.end - first);
            for (i, base) in bases[..count].iter_mut().enumerate() {
                *base = (first + i) * self.steps.x;
            }
            let to = output.at(
                o0 + first * step + columns.start,
                (count - 1) * step + columns.len(),
            );
            // SAFETY: the level was checked; rows of `x` and the panel's 1 + k rows are asserted, `at` asserts the
            // output, where no other task writes these columns of these rows.
            unsafe { work(&job, &bases[..count], to) };
        }
    }
}

/// Columns from `first` on of a matrix whose rows have `m` elements, as rows of `k`.
fn turn(x: &[f32], m: usize, first: usize, rows: &mut [f32], k: usize) {
    // A few columns at once, so that a cache line that was read is used up.
    for (block, rows) in rows.chunks_mut(16 * k.max(1)).enumerate() {
        let column = first + 16 * block;
        let count = rows.len() / k.max(1);
        for i in 0..k {
            let from = &x[i * m + column..][..count];
            for (j, v) in from.iter().enumerate() {
                rows[j * k + i] = *v;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, values};
    use super::*;
    use crate::kernels::reference::matmul::batch_matmul;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn equals_the_reference(
            (m, k, n) in (1usize..90, 0usize..70, 1usize..100),
            (adj_x, adj_y) in any::<(bool, bool)>(),
            (seed, threads) in (any::<u32>(), 1usize..4),
        ) {
            let p = MatMul { m, k, n, adj_x, adj_y };
            let (x, y) = (values(seed, 2 * m * k), values(seed ^ 1, k * n));
            let mut want = vec![0.0; 2 * m * n];
            batch_matmul(&p, (&x, &[2]), (&y, &[]), (&mut want, &[2]));
            let threads = Threads::new(threads);
            for level in cpu::levels() {
                let fast = FastMatMul::with_level(level, p);
                let ordered = fast.clone().in_order();
                for fast in [&fast, &ordered] {
                    let mut scratch = vec![f32::NAN; fast.scratch_len()];
                    let mut got = vec![f32::NAN; 2 * m * n];
                    fast.run((&x, &[2]), (&y, &[]), &mut scratch, (&mut got, &[2]), &threads);
                    match fast.in_order {
                        true => prop_assert_eq!(&got, &want),
                        false => close(&got, &want)?,
                    }
                }
            }
        }
    }

    #[test]
    fn a_long_batch_is_done_to_its_end() {
        let batch = 2 * PLACES + 3;
        let p = MatMul {
            m: 2,
            k: 3,
            n: 5,
            adj_x: false,
            adj_y: true,
        };
        let (x, y) = (values(1, batch * 6), values(2, batch * 15));
        let (mut want, mut got) = (vec![0.0; batch * 10], vec![f32::NAN; batch * 10]);
        batch_matmul(&p, (&x, &[batch]), (&y, &[batch]), (&mut want, &[batch]));
        let fast = FastMatMul::new(p);
        let mut scratch = vec![f32::NAN; fast.scratch_len()];
        let (x, y) = ((&*x, &[batch][..]), (&*y, &[batch][..]));
        let out = (&mut *got, &[batch][..]);
        fast.run(x, y, &mut scratch, out, &Threads::new(2));
        close(&got, &want).unwrap();
    }
}

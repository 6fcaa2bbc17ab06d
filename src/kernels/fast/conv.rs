//! CONV_2D and FULLY_CONNECTED on f32 with packed weights: an indirect matrix product without an im2col copy.

use std::ops::Range;

use super::grid::{Grid, SharedOut};
use super::pack::FilterView;
use super::panels::Aligned;
use super::tile::{Job, TOGETHER, Tiles, choose};
use super::window::Window;
use crate::kernels::cpu::{self, Level};
use crate::kernels::params::{Clamp, Conv2d};
use crate::kernels::threads::Threads;

/// Rows whose offsets are worked out at once; a multiple of every tile's rows.
const ROWS: usize = 252;

/// Filter and bias of a convolution in panels for this processor; kernels of any input sizes share them.
///
/// A group has panels of a tile's output channels; its last is half as wide if that is enough.
#[derive(Clone)]
pub struct ConvWeights {
    groups: usize,
    out_c: usize,
    /// Weights of one output channel.
    depth: usize,
    finite: bool,
    panels: Aligned,
    /// Panels of a group, and its elements.
    per_group: usize,
    group_len: usize,
    level: Level,
    tiles: Tiles,
}

/// Where a panel lies.
struct Panel {
    group: usize,
    /// First output channel, in its group, and how many there are.
    first: usize,
    columns: usize,
    start: usize,
    width: usize,
}

impl ConvWeights {
    /// Packs a filter of `k_h * k_w * in_c / groups` weights for each of `out_c` channels, and a bias `[out_c]`.
    pub fn new(p: &Conv2d, filter: FilterView, bias: Option<&[f32]>) -> Self {
        Self::with_level(cpu::level(), p, filter, bias)
    }

    /// In memory that was another's.
    pub fn in_memory(
        memory: Aligned,
        p: &Conv2d,
        filter: FilterView,
        bias: Option<&[f32]>,
    ) -> Self {
        Self::packed(memory, cpu::level(), p, filter, bias)
    }

    pub fn into_memory(self) -> Aligned {
        self.panels
    }

    /// For one instruction set, which must be there.
    pub fn with_level(level: Level, p: &Conv2d, filter: FilterView, bias: Option<&[f32]>) -> Self {
        Self::packed(Aligned::empty(), level, p, filter, bias)
    }

    fn packed(
        memory: Aligned,
        level: Level,
        p: &Conv2d,
        filter: FilterView,
        bias: Option<&[f32]>,
    ) -> Self {
        assert!(level <= cpu::level(), "{level:?} is not there");
        assert_eq!(filter.len(), p.filter_len(), "filter of {p:?}");
        assert!(bias.is_none_or(|b| b.len() == p.out_c), "bias of {p:?}");
        let tiles = choose(level, false);
        let depth = p.k_h * p.k_w * (p.in_c / p.groups);
        let group_out = p.out_c / p.groups;
        let columns = group_out.next_multiple_of(tiles.width / 2);
        let group_len = columns * (1 + depth);
        let mut weights = ConvWeights {
            groups: p.groups,
            out_c: p.out_c,
            depth,
            finite: true,
            panels: memory.cleared::<f32>(p.groups * group_len),
            per_group: group_out.div_ceil(tiles.width),
            group_len,
            level,
            tiles,
        };
        for index in 0..weights.panel_count() {
            let panel = weights.panel(index);
            let first = panel.group * group_out + panel.first;
            let values = &mut weights.panels.values_mut::<f32>()[panel.start..];
            let (biases, values) = values.split_at_mut(panel.width);
            let channels = first..first + panel.columns;
            if let Some(bias) = bias {
                biases[..panel.columns].copy_from_slice(&bias[channels.clone()]);
            }
            weights.finite &= filter.pack(level, (channels, p.out_c), values, panel.width);
        }
        weights
    }

    /// For sums that are the very ones of the plain kernel, at half the speed.
    #[must_use]
    pub fn in_order(mut self) -> Self {
        self.tiles = choose(self.level, true);
        self
    }

    /// Whether no weight is infinite or NaN: the padded copy multiplies weights by 0, the plain kernel skips them.
    pub fn is_finite(&self) -> bool {
        self.finite
    }

    /// Bytes of the panels.
    pub fn bytes(&self) -> usize {
        self.panels.values::<u8>().len()
    }

    fn panel_count(&self) -> usize {
        self.groups * self.per_group
    }

    fn panel(&self, index: usize) -> Panel {
        let (group, at) = (index / self.per_group, index % self.per_group);
        let full = self.tiles.width;
        let first = at * full;
        let columns = full.min(self.out_c / self.groups - first);
        Panel {
            group,
            first,
            columns,
            start: group * self.group_len + first * (1 + self.depth),
            width: match columns <= full / 2 {
                true => full / 2,
                false => full,
            },
        }
    }
}

/// A convolution of one geometry with [`ConvWeights`].
#[derive(Clone)]
pub struct PackedConv2d {
    window: Window,
    clamp: Clamp,
    bias_last: bool,
}

impl PackedConv2d {
    pub fn new(p: &Conv2d, clamp: Clamp) -> Self {
        PackedConv2d {
            window: Window::new(p),
            clamp,
            bias_last: false,
        }
    }

    /// For a bias that is added to the finished sum, as TensorFlow's MatMul and BiasAdd do it.
    #[must_use]
    pub fn bias_last(mut self) -> Self {
        self.bias_last = true;
        self
    }

    /// Elements of scratch that [`PackedConv2d::run`] wants: the padded copy of the input, 0 without padding.
    pub fn scratch_len(&self) -> usize {
        if self.window.is_plain() {
            0
        } else {
            self.window.padded_len()
        }
    }

    /// Convolves `input` (the geometry's batch) into `output`; `scratch` has at least [`PackedConv2d::scratch_len`] elements.
    pub fn run(
        &self,
        weights: &ConvWeights,
        input: &[f32],
        output: &mut [f32],
        scratch: &mut [f32],
        threads: &Threads,
    ) {
        let p = &self.window.p;
        assert_eq!(input.len(), p.input_len(), "input of {p:?}");
        assert_eq!(output.len(), p.output_len(), "output of {p:?}");
        let depth = self.window.taps.len() * self.window.run;
        let packed = (weights.groups, weights.out_c, weights.depth);
        assert_eq!(packed, (p.groups, p.out_c, depth), "weights of {p:?}");
        if output.is_empty() {
            return;
        }
        let source = if self.window.is_plain() {
            input
        } else {
            let padded = &mut scratch[..self.window.padded_len()];
            let row = self.window.padded_w * p.in_c;
            threads.rows(padded, row, 1, |first, rows| {
                let copy = |from: &[f32], to: &mut [f32]| to.copy_from_slice(from);
                self.window.copy_rows(input, (first, rows), |_| 0.0, copy);
            });
            padded
        };
        let grid = Grid {
            rows: p.batch * p.out_h * p.out_w,
            tile: weights.tiles.rows,
            panels: weights.panel_count(),
            width: weights.tiles.width,
            depth,
        };
        let out = SharedOut::new(output);
        grid.run(threads, |rows, panels| {
            self.block(weights, source, rows, panels, &out);
        });
    }

    /// Where the geometry is [`Conv2d::product`]: at most its rows, in this thread.
    pub(super) fn some_rows(&self, weights: &ConvWeights, input: &[f32], output: &mut [f32]) {
        let p = &self.window.p;
        let rows = output.len() / p.out_c;
        assert!(self.window.is_plain() && p.k_h * p.k_w == 1 && rows <= p.out_w);
        assert_eq!(
            (weights.out_c, weights.depth),
            (p.out_c, p.in_c),
            "weights of {p:?}"
        );
        assert_eq!((input.len(), output.len()), (rows * p.in_c, rows * p.out_c));
        let out = SharedOut::new(output);
        self.block(weights, input, 0..rows, 0..weights.panel_count(), &out);
    }

    /// These rows of the output, for the panels given.
    fn block(
        &self,
        weights: &ConvWeights,
        source: &[f32],
        rows: Range<usize>,
        panels: Range<usize>,
        out: &SharedOut,
    ) {
        let (p, window, tiles) = (&self.window.p, &self.window, weights.tiles);
        let group_out = p.out_c / p.groups;
        let group_in = p.in_c / p.groups;
        let packed = weights.panels.values::<f32>();
        let per_block = (65_536 / weights.depth.max(1)).clamp(1, ROWS / tiles.rows) * tiles.rows;
        let mut bases = [0usize; ROWS];
        for start in rows.clone().step_by(per_block) {
            let count = per_block.min(rows.end - start);
            let bases = &mut bases[..count];
            window.bases(start, bases);
            let furthest = bases.iter().fold(0, |most, base| most.max(*base));
            assert!(
                furthest + window.reach() <= source.len(),
                "window past the input"
            );
            let mut index = panels.start;
            while index < panels.end {
                let panel = weights.panel(index);
                let left = weights.per_group - index % weights.per_group;
                let last = weights.panel(index + left.min(TOGETHER) - 1);
                let together = count == 1
                    && left >= TOGETHER
                    && index + TOGETHER <= panels.end
                    && last.width == panel.width;
                let columns = match together {
                    true => (TOGETHER - 1) * panel.width + last.columns,
                    false => panel.columns,
                };
                let taken = if together { TOGETHER } else { 1 };
                let end = panel.start + taken * (1 + weights.depth) * panel.width;
                let job = Job {
                    a: source[panel.group * group_in..].as_ptr(),
                    taps: &window.taps,
                    run: window.run,
                    panel: packed[panel.start..end].as_ptr(),
                    bias_last: self.bias_last,
                    lo: self.clamp.lo,
                    hi: self.clamp.hi,
                    out_row: p.out_c,
                    columns,
                    next: match index + 1 < panels.end {
                        true => packed[end..].as_ptr(),
                        false => std::ptr::null(),
                    },
                };
                let column = panel.group * group_out + panel.first;
                let to = out.at(start * p.out_c + column, (count - 1) * p.out_c + columns);
                // SAFETY: the level was checked when packing; every window ends inside `source` (asserted; a group's
                // windows begin `g * group_in` later and end as much earlier, since taps then step over whole cells);
                // the slice of panels has their full length and `to` is inside the output (`at` asserts it), where no
                // other task writes these columns of these rows.
                unsafe {
                    if together {
                        (tiles.row)(&job, bases[0], to);
                    } else if panel.width == tiles.width {
                        (tiles.wide)(&job, bases, to);
                    } else {
                        (tiles.narrow)(&job, bases, to);
                    }
                }
                index += taken;
            }
        }
    }
}

impl std::fmt::Debug for PackedConv2d {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PackedConv2d({:?})", self.window.p)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{any_conv, close, values};
    use super::*;
    use crate::kernels::reference::conv::conv2d_f32;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn equals_the_reference(p in any_conv(), seed in any::<u32>(), threads in 1usize..4) {
            let input = values(seed, p.input_len());
            let filter = values(seed ^ 1, p.filter_len());
            let bias = values(seed ^ 2, p.out_c);
            let clamp = if seed % 2 == 0 { Clamp::RELU } else { Clamp::NONE };
            let mut want = vec![0.0; p.output_len()];
            conv2d_f32(&p, &input, &filter, Some(&bias), clamp, &mut want);
            let threads = Threads::new(threads);
            for level in cpu::levels() {
                let weights = ConvWeights::with_level(level, &p, (&*filter).into(), Some(&bias));
                let packed = PackedConv2d::new(&p, clamp);
                let mut got = vec![f32::NAN; p.output_len()];
                let mut scratch = vec![f32::NAN; packed.scratch_len()];
                packed.run(&weights, &input, &mut got, &mut scratch, &threads);
                close(&got, &want)?;
                packed.run(&weights.in_order(), &input, &mut got, &mut scratch, &threads);
                prop_assert_eq!(&got, &want);
            }
        }
    }

    #[test]
    fn one_row_is_split_by_columns_without_changing_an_answer() {
        let (depth, units) = (700, 1000);
        let (x, w) = (values(1, depth), values(2, depth * units));
        let p = Conv2d::product(1, depth, units);
        let weights = ConvWeights::new(&p, (&*w).into(), None);
        let packed = PackedConv2d::new(&p, Clamp::NONE);
        let (mut one, mut four) = (vec![0.0; units], vec![0.0; units]);
        packed.run(&weights, &x, &mut one, &mut [], &Threads::single());
        packed.run(&weights, &x, &mut four, &mut [], &Threads::new(4));
        assert_eq!(one, four);
    }

    #[test]
    fn long_sums_stay_close_to_f64() {
        let (depth, units) = (8192, 3);
        let (x, w) = (values(1, depth), values(2, depth * units));
        let p = Conv2d::product(1, depth, units);
        let weights = ConvWeights::new(&p, (&*w).into(), None);
        let packed = PackedConv2d::new(&p, Clamp::NONE);
        let mut got = vec![0.0; units];
        packed.run(&weights, &x, &mut got, &mut [], &Threads::single());
        for (u, got) in got.iter().enumerate() {
            let terms = x.iter().zip(&w[u * depth..]);
            let want: f64 = terms.map(|(x, w)| f64::from(*x) * f64::from(*w)).sum();
            assert!((f64::from(*got) - want).abs() < 5e-5, "{got} {want}");
        }
    }
}

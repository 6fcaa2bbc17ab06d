//! CONV_2D on f32 with windows of 3x3 and stride 1 by Winograd's F(2x2, 3x3): four outputs of a channel take 16 products
//! instead of 36.
//!
//! `Y = A' [(G g G') * (B' d B)] A` for a tile `d` of 4x4 inputs and a window `g` (Lavin and Gray, "Fast Algorithms for
//! Convolutional Neural Networks", 2015). Over all channels the 16 products of each tile are matrix products. Inputs
//! that are infinite or NaN spoil the four outputs of each tile that sees them.

use std::ops::Range;

use super::grid::SharedOut;
use super::pack::FilterView;
use super::panels::Aligned;
use super::tile::{Job, Tiles, choose};
use super::winograd_tiles::{Products, transforms};
use crate::kernels::cpu::{self, Level};
use crate::kernels::params::{Clamp, Conv2d};
use crate::kernels::threads::{Threads, cores};

/// Inputs of a tile, and so products of each channel.
pub(super) const CELLS: usize = 16;

/// Channels must be a multiple of every vector's lanes.
const LANES: usize = 16;

/// Elements of a block's transformed tiles: half of what a core's own cache holds.
const BLOCK: usize = 128 << 10;

/// Fewest tiles and channels: transformed weights are almost twice as many, and have to be read for each run.
const FEWEST_TILES: usize = 49;
const FEWEST_CHANNELS: usize = 32;
/// Tiles that a block may grow by, to a multiple of a register tile's rows, and that it has at most then.
const GROWTH: usize = 14;
const MOST_TILES: usize = 252 + GROWTH;

/// Transformed filter and bias, which kernels of any input sizes share.
pub struct WinogradWeights {
    in_c: usize,
    out_c: usize,
    finite: bool,
    /// `[out_c / width][CELLS][1 + in_c][width]`, the first row zeros.
    panels: Aligned,
    bias: Vec<f32>,
    level: Level,
    tiles: Tiles,
}

impl WinogradWeights {
    /// Transforms a filter of `9 * in_c` weights for each of `out_c` channels and takes a bias `[out_c]`, for a geometry
    /// that [`Winograd::new`] takes.
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
        assert!(
            suits(p) && filter.len() == p.filter_len(),
            "filter of {p:?}"
        );
        assert!(bias.is_none_or(|b| b.len() == p.out_c), "bias of {p:?}");
        let tiles = choose(level, false);
        let (in_c, width) = (p.in_c, tiles.width);
        let matrix = (1 + in_c) * width;
        let count = p.out_c.div_ceil(width) * CELLS;
        let mut panels = memory.cleared::<f32>(count * matrix);
        let values = &mut panels.values_mut::<f32>()[..count * matrix];
        let mut turned = vec![0.0; 9 * in_c * width];
        let mut finite = true;
        for (at, panel) in values.chunks_exact_mut(CELLS * matrix).enumerate() {
            let channels = at * width..p.out_c.min((at + 1) * width);
            finite &= filter.pack(level, (channels, p.out_c), &mut turned, width);
            transform_windows(level, &turned, in_c, width, panel);
        }
        WinogradWeights {
            in_c,
            out_c: p.out_c,
            finite,
            panels,
            bias: bias.map_or_else(|| vec![0.0; p.out_c], <[f32]>::to_vec),
            level,
            tiles,
        }
    }

    /// Whether no weight is infinite or NaN: the padding is multiplied by weights too.
    pub fn is_finite(&self) -> bool {
        self.finite
    }
}

cpu::by_level! {
    /// `G g G'` of windows `[9][in_c][width]`, to `[CELLS][1 + in_c][width]`.
    fn transform_windows(windows: &[f32], in_c: usize, width: usize, panel: &mut [f32]) = of_panel
}

#[inline(always)]
fn of_panel(windows: &[f32], in_c: usize, width: usize, panel: &mut [f32]) {
    for c in 0..in_c {
        for column in 0..width {
            let g = |tap: usize| f64::from(windows[(tap * in_c + c) * width + column]);
            let [left, middle, right] = [
                spread(g(0), g(3), g(6)),
                spread(g(1), g(4), g(7)),
                spread(g(2), g(5), g(8)),
            ];
            for y in 0..4 {
                for (x, value) in spread(left[y], middle[y], right[y]).into_iter().enumerate() {
                    let row = (4 * y + x) * (1 + in_c) + 1 + c;
                    panel[row * width + column] = value as f32;
                }
            }
        }
    }
}

/// `G g` of one column.
#[inline(always)]
fn spread(a: f64, b: f64, c: f64) -> [f64; 4] {
    [a, (a + b + c) / 2.0, (a - b + c) / 2.0, c]
}

/// Whether weights of this geometry can be transformed.
fn suits(p: &Conv2d) -> bool {
    let window = (
        p.k_h,
        p.k_w,
        p.stride_h,
        p.stride_w,
        p.dilation_h,
        p.dilation_w,
    );
    window == (3, 3, 1, 1, 1, 1)
        && p.groups == 1
        && p.in_c > 0
        && p.out_c > 0
        && p.in_c.is_multiple_of(LANES)
        && p.out_c.is_multiple_of(LANES)
}

/// A convolution of one geometry with [`WinogradWeights`].
#[derive(Debug, Clone)]
pub struct Winograd {
    pub(super) p: Conv2d,
    pub(super) clamp: Clamp,
    /// Tiles in the height and the width of an image.
    high: usize,
    wide: usize,
    /// Tiles of a block.
    block: usize,
    /// Blocks that are worked on at the same time.
    slots: usize,
}

impl Winograd {
    /// `None` for other windows and channels, and for images too small to gain by it.
    pub fn new(p: &Conv2d, clamp: Clamp) -> Option<Self> {
        let large = p.batch * p.out_h.div_ceil(2) * p.out_w.div_ceil(2) >= FEWEST_TILES
            && p.in_c >= FEWEST_CHANNELS
            && p.out_c >= FEWEST_CHANNELS;
        (suits(p) && large).then(|| Self::of(p, clamp))
    }

    fn of(p: &Conv2d, clamp: Clamp) -> Self {
        let (high, wide) = (p.out_h.div_ceil(2), p.out_w.div_ceil(2));
        let all = p.batch * high * wide;
        Winograd {
            p: *p,
            clamp,
            high,
            wide,
            block: (BLOCK / (CELLS * p.in_c))
                .clamp(GROWTH, MOST_TILES - GROWTH)
                .min(all),
            slots: cores().min(all.div_ceil(28)).max(1),
        }
    }

    /// Elements of a transformed tile; a line more, or tiles would fall into the same places of a cache.
    pub(super) fn tile_len(&self) -> usize {
        CELLS * self.p.in_c + LANES
    }

    fn slot_len(&self) -> usize {
        // The widest panel has two vectors of the widest kind; a block may grow to a multiple of a tile's rows.
        (self.block + GROWTH) * (self.tile_len() + CELLS * 2 * LANES)
    }

    /// Elements of scratch that [`Winograd::run`] wants.
    pub fn scratch_len(&self) -> usize {
        self.slots * self.slot_len()
    }

    /// Convolves `input` (the geometry's batch) into `output`.
    pub fn run(
        &self,
        weights: &WinogradWeights,
        input: &[f32],
        output: &mut [f32],
        scratch: &mut [f32],
        threads: &Threads,
    ) {
        let p = &self.p;
        assert_eq!(input.len(), p.input_len(), "input of {p:?}");
        assert_eq!(output.len(), p.output_len(), "output of {p:?}");
        assert_eq!(
            (weights.in_c, weights.out_c),
            (p.in_c, p.out_c),
            "weights of {p:?}"
        );
        let (all, grain) = (p.batch * self.high * self.wide, weights.tiles.rows);
        let slots = self.slots.min(threads.count());
        let each = all.div_ceil(slots).next_multiple_of(grain);
        let block = each.div_ceil(each.div_ceil(self.block));
        let block = block.next_multiple_of(grain);
        let out = SharedOut::new(output);
        let scratch = &mut scratch[..slots * self.slot_len()];
        threads.pieces(scratch, self.slot_len(), |slot, scratch| {
            let tiles = (slot * each).min(all)..((slot + 1) * each).min(all);
            for first in tiles.clone().step_by(block) {
                let tiles = first..tiles.end.min(first + block);
                self.block(weights, input, tiles, scratch, &out);
            }
        });
    }

    fn block(
        &self,
        weights: &WinogradWeights,
        input: &[f32],
        tiles: Range<usize>,
        scratch: &mut [f32],
        out: &SharedOut,
    ) {
        let (p, width, tile_len) = (&self.p, weights.tiles.width, self.tile_len());
        let count = tiles.len();
        let (seen, products) = scratch.split_at_mut(count * tile_len);
        let products = &mut products[..CELLS * count * width];
        let mut bases = [0; MOST_TILES];
        let bases = &mut bases[..count];
        for (tile, base) in bases.iter_mut().enumerate() {
            *base = tile * tile_len;
        }
        let transforms = transforms(weights.level);
        // SAFETY: the level was checked when packing.
        unsafe { (transforms.inputs)(self, input, tiles.start, seen) };
        let packed = weights.panels.values::<f32>();
        let matrix = (1 + p.in_c) * width;
        for (panel, first) in (0..p.out_c).step_by(width).enumerate() {
            for cell in 0..CELLS {
                let start = (panel * CELLS + cell) * matrix;
                let job = Job {
                    a: seen[cell * p.in_c..].as_ptr(),
                    taps: &[0],
                    run: p.in_c,
                    panel: packed[start..start + matrix].as_ptr(),
                    bias_last: false,
                    lo: f32::NEG_INFINITY,
                    hi: f32::INFINITY,
                    out_row: width,
                    columns: width,
                    next: packed[start + matrix..].as_ptr(),
                };
                let to = &mut products[cell * count * width..][..count * width];
                // SAFETY: the level was checked when packing; every tile has `tile_len >= CELLS * in_c` elements in
                // `seen`, the matrix has its full length, and `to` holds `count` rows.
                unsafe { (weights.tiles.wide)(&job, bases, to.as_mut_ptr()) };
            }
            let columns = first..p.out_c.min(first + width);
            let products = Products {
                tiles: tiles.clone(),
                bias: &weights.bias[columns.clone()],
                columns,
                values: products,
                width,
            };
            // SAFETY: the level was checked when packing; each tile and panel is worked on once.
            unsafe { (transforms.outputs)(self, &products, out) };
        }
    }

    /// Batch, height and width of a tile.
    #[inline(always)]
    pub(super) fn place(&self, tile: usize) -> [usize; 3] {
        let (row, x) = (tile / self.wide, tile % self.wide);
        [row / self.high, row % self.high, x]
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, values};
    use super::*;
    use crate::kernels::reference::conv::conv2d_f32;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn equals_the_reference(
            (batch, in_h, in_w) in (1usize..3, 1usize..20, 1usize..20),
            (in_c, out_c) in (1usize..5, 1usize..6),
            (pad_top, pad_left, more_h, more_w) in (0usize..3, 0usize..3, 0usize..3, 0usize..3),
            (seed, threads, slots) in (any::<u32>(), 1usize..4, 1usize..4),
        ) {
            let p = Conv2d {
                batch,
                in_h,
                in_w,
                in_c: in_c * LANES,
                out_h: (in_h + pad_top + more_h).saturating_sub(2).max(1),
                out_w: (in_w + pad_left + more_w).saturating_sub(2).max(1),
                out_c: out_c * LANES,
                k_h: 3,
                k_w: 3,
                stride_h: 1,
                stride_w: 1,
                dilation_h: 1,
                dilation_w: 1,
                pad_top,
                pad_left,
                groups: 1,
            };
            let (input, filter) = (values(seed, p.input_len()), values(seed ^ 1, p.filter_len()));
            let bias = values(seed ^ 2, p.out_c);
            let clamp = if seed % 2 == 0 { Clamp::RELU } else { Clamp::NONE };
            let mut want = vec![0.0; p.output_len()];
            conv2d_f32(&p, &input, &filter, Some(&bias), clamp, &mut want);
            for level in cpu::levels() {
                let weights = WinogradWeights::with_level(level, &p, (&*filter).into(), Some(&bias));
                let mut conv = Winograd::of(&p, clamp);
                conv.slots = slots;
                conv.block = 1 + seed as usize % 40;
                let mut scratch = vec![f32::NAN; conv.scratch_len()];
                let mut got = vec![f32::NAN; p.output_len()];
                conv.run(&weights, &input, &mut got, &mut scratch, &Threads::new(threads));
                close(&got, &want)?;
            }
        }
    }

    #[test]
    fn only_large_images_with_many_channels_are_taken() {
        let p = Conv2d {
            batch: 1,
            in_h: 14,
            in_w: 14,
            in_c: 64,
            out_h: 14,
            out_w: 14,
            out_c: 48,
            k_h: 3,
            k_w: 3,
            stride_h: 1,
            stride_w: 1,
            dilation_h: 1,
            dilation_w: 1,
            pad_top: 1,
            pad_left: 1,
            groups: 1,
        };
        let takes = |p: Conv2d| Winograd::new(&p, Clamp::NONE).is_some();
        assert!(takes(p));
        assert!(!takes(Conv2d { out_h: 7, ..p }));
        assert!(!takes(Conv2d { in_c: 16, ..p }));
        assert!(!takes(Conv2d { out_c: 40, ..p }));
        assert!(!takes(Conv2d { stride_w: 2, ..p }));
        assert!(!takes(Conv2d { dilation_h: 2, ..p }));
        assert!(!takes(Conv2d { groups: 2, ..p }));
        assert!(!takes(Conv2d { k_h: 1, ..p }));
    }
}

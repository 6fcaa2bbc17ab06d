//! CONV_2D and FULLY_CONNECTED on int8 with packed weights; answers equal the reference's to the bit.

use std::ops::Range;

use super::epilogue::Epilogue;
use super::finish::{Finish, table};
use super::grid::{Grid, SharedOut};
use super::panels::Aligned;
use super::tile_int8::{Choice, Form, Job, ROWS, Sums, TileFn, WIDTH, choose};
#[cfg(target_arch = "x86_64")]
use super::vnni;
use super::window::Window;
use crate::kernels::cpu::{self, Level, by_level};
use crate::kernels::params::Conv2d;
use crate::kernels::requant::Requant;
use crate::kernels::threads::Threads;

/// Bytes of activations below which a second thread costs more than it brings.
const SMALL_COPY: usize = 1 << 16;
/// Rows whose offsets are worked out at once: whole tiles of 7 and of 8.
pub(super) const BLOCK: usize = 4 * 7 * 8;
/// Readable bytes behind the prepared activations: a run is read in whole groups.
const SLACK: usize = 4;

/// An int8 filter in panels for this processor; kernels of any input sizes share it.
#[derive(Clone)]
pub struct Int8Weights {
    groups: usize,
    out_c: usize,
    taps: usize,
    run: usize,
    panels: Aligned,
    /// Of each output channel's weights.
    pub(super) sums: Vec<i32>,
    pub(super) level: Level,
    choice: Choice,
}

impl Int8Weights {
    /// Packs a filter `[out_c, k_h, k_w, in_c / groups]` (zero point 0).
    pub fn new(p: &Conv2d, filter: &[i8]) -> Self {
        Self::with_level(cpu::level(), p, filter)
    }

    /// For one instruction set, which must be there.
    pub fn with_level(level: Level, p: &Conv2d, filter: &[i8]) -> Self {
        assert!(level <= cpu::level(), "{level:?} is not there");
        assert_eq!(filter.len(), p.filter_len(), "filter of {p:?}");
        let choice = choose(level);
        let window = Window::new(p);
        let depth = (p.k_h * p.k_w * (p.in_c / p.groups)).max(1);
        let sum = |weights: &[i8]| weights.iter().map(|&w| i32::from(w)).sum();
        Int8Weights {
            groups: p.groups,
            out_c: p.out_c,
            taps: window.taps.len(),
            run: window.run,
            panels: pack(&window, filter, choice.form, choice.width),
            sums: table(filter.chunks_exact(depth).map(sum), 0),
            level,
            choice,
        }
    }

    /// Bytes of the panels.
    pub fn bytes(&self) -> usize {
        self.panels.values::<u8>().len()
    }

    fn panel_count(&self) -> usize {
        self.groups * (self.out_c / self.groups).div_ceil(self.choice.width)
    }
}

/// The sums of an int8 convolution of one geometry with [`Int8Weights`].
#[derive(Clone)]
pub(super) struct Int8Sums {
    window: Window,
    /// The window's offsets in bytes of the prepared activations.
    taps: Vec<usize>,
    form: Form,
}

impl Int8Sums {
    pub fn new(p: &Conv2d, weights: &Int8Weights) -> Self {
        let (window, form) = (Window::new(p), weights.choice.form);
        Int8Sums {
            taps: window.taps.iter().map(|tap| tap * form.bytes()).collect(),
            window,
            form,
        }
    }

    pub fn conv(&self) -> &Conv2d {
        &self.window.p
    }

    /// Bytes of the prepared (and padded) input.
    pub fn prepared_len(&self) -> usize {
        self.window.padded_len() * self.form.bytes() + SLACK
    }

    /// What the sums are too large by, in sums of a channel's weights, where the activations have this zero point.
    pub fn excess(&self, zero: i32) -> i32 {
        match self.form {
            Form::Bytes => 128 + zero,
            Form::Words => zero,
        }
    }

    /// Lays the activations out for the tiles; `zero` is the zero point of each image.
    pub fn prepare(
        &self,
        input: &[i8],
        zero: impl Fn(usize) -> i32 + Sync,
        prepared: &mut [u8],
        threads: &Threads,
    ) {
        let (window, level) = (&self.window, cpu::level());
        let (body, slack) = prepared.split_at_mut(self.prepared_len() - SLACK);
        slack.fill(0);
        let row = window.padded_w * window.p.in_c;
        let plain = window.is_plain();
        let bytes = |first: usize, part: &mut [u8]| match plain {
            true => flip(level, &input[first * row..][..part.len()], part),
            false => {
                let zero = |image| (zero(image) + 128) as u8;
                let flip = |from: &[i8], to: &mut [u8]| flip(level, from, to);
                window.copy_rows(input, (first, part), zero, flip);
            }
        };
        match self.form {
            Form::Bytes if body.len() < SMALL_COPY => bytes(0, body),
            Form::Bytes => threads.rows(body, row, 1, bytes),
            Form::Words => {
                let words = body.as_chunks_mut::<2>().0;
                let zero = |image| (zero(image) as i16).to_ne_bytes();
                let copy = |from: &[i8], to: &mut [[u8; 2]]| {
                    for (to, &value) in to.iter_mut().zip(from) {
                        *to = i16::from(value).to_ne_bytes();
                    }
                };
                window.copy_rows(input, (0, words), zero, copy);
            }
        }
    }

    /// Ends the sums of every row of the output with `finish`.
    pub fn run<F: Finish>(
        &self,
        weights: &Int8Weights,
        prepared: &[u8],
        output: &mut [F::Out],
        threads: &Threads,
        finish: &F,
    ) {
        let p = &self.window.p;
        assert_eq!(output.len(), p.output_len(), "output of {p:?}");
        let packed = (weights.groups, weights.out_c, weights.taps, weights.run);
        let own = (p.groups, p.out_c, self.taps.len(), self.window.run);
        assert!(
            packed == own && weights.choice.form == self.form,
            "weights of {p:?}"
        );
        if output.is_empty() {
            return;
        }
        let source = &prepared[..self.prepared_len()];
        let grid = Grid {
            rows: output.len() / p.out_c,
            tile: weights.choice.rows,
            panels: weights.panel_count(),
            width: weights.choice.width,
            depth: self.taps.len() * self.window.run.div_ceil(self.form.group()),
        };
        let output = SharedOut::new(output);
        grid.run(threads, |rows, panels| {
            self.block(weights, source, (rows, panels), &output, finish);
        });
    }

    /// Whether each row of the output is that of one pixel, whose bytes are prepared by raising each by 128.
    pub fn is_product(&self) -> bool {
        let (window, p) = (&self.window, &self.window.p);
        let pixels = p.stride_h == 1 && p.stride_w == 1 && window.run == p.in_c;
        let whole = self.taps.len() == 1 && window.is_plain() && p.in_c.is_multiple_of(4);
        whole && pixels && p.in_h * p.in_w == p.out_h * p.out_w && self.form == Form::Bytes
    }

    /// Where [`Int8Sums::is_product`]: rows of prepared pixels give rows of the output, which `finish` counts from 0.
    pub fn product<F: Finish>(
        &self,
        weights: &Int8Weights,
        prepared: &[u8],
        out: &mut [F::Out],
        finish: &F,
    ) {
        assert!(self.is_product() && weights.choice.form == self.form);
        let parts = (0..out.len() / self.window.p.out_c, 0..weights.panel_count());
        let out = SharedOut::new(out);
        self.block(weights, prepared, parts, &out, finish);
    }

    /// Rows of a tile.
    pub fn tile_rows(weights: &Int8Weights) -> usize {
        weights.choice.rows
    }

    /// These rows of the output and panels of the weights; see the float kernel.
    fn block<F: Finish>(
        &self,
        weights: &Int8Weights,
        source: &[u8],
        (rows, panels): (Range<usize>, Range<usize>),
        out: &SharedOut<F::Out>,
        finish: &F,
    ) {
        let (p, window) = (&self.window.p, &self.window);
        let group_out = p.out_c / p.groups;
        let width = weights.choice.width;
        let per_group = group_out.div_ceil(width);
        let k_groups = window.run.div_ceil(self.form.group());
        let panel_len = self.taps.len() * k_groups * width * 4;
        let packed = weights.panels.values::<u8>();
        let last_tap = self.taps.last().copied().unwrap_or(0);
        let mut bases = [0usize; BLOCK];
        for first in rows.clone().step_by(BLOCK) {
            let bases = &mut bases[..BLOCK.min(rows.end - first)];
            window.bases(first, bases);
            bases.iter_mut().for_each(|base| *base *= self.form.bytes());
            let furthest = bases.iter().copied().fold(0, usize::max) + last_tap + 4 * k_groups;
            for panel in panels.clone() {
                let (g, in_group) = (panel / per_group, panel % per_group * width);
                let channel = g * group_out + in_group;
                let columns = width.min(group_out - in_group);
                let offset = g * (p.in_c / p.groups) * self.form.bytes();
                assert!(offset + furthest <= source.len(), "window past the input");
                let of_panel = Panel {
                    a: &source[offset..],
                    taps: &self.taps,
                    groups: k_groups,
                    weights: &packed[panel * panel_len..(panel + 1) * panel_len],
                    channel,
                    columns,
                    out_row: p.out_c,
                };
                let reach = (bases.len() - 1) * p.out_c + columns;
                let to = out.at(first * p.out_c + channel, reach);
                // SAFETY: `to` reaches over all rows (asserted); no other task writes these columns of these rows.
                unsafe {
                    match weights.choice.tile {
                        Some(tile) => by_tiles(tile, &of_panel, bases, finish, first, to),
                        None => vnni_rows(&of_panel, bases, finish, first, to),
                    }
                }
            }
        }
    }
}

/// One panel and what it is multiplied with; `a` reaches to behind the last window (asserted by who made it).
pub(super) struct Panel<'a> {
    pub a: &'a [u8],
    pub taps: &'a [usize],
    pub groups: usize,
    pub weights: &'a [u8],
    pub channel: usize,
    pub columns: usize,
    pub out_row: usize,
}

/// Through sums in memory.
///
/// # Safety
/// `out` must hold a row of the panel's columns for each base, `out_row` apart.
unsafe fn by_tiles<F: Finish>(
    tile: TileFn,
    panel: &Panel,
    bases: &[usize],
    finish: &F,
    first: usize,
    out: *mut F::Out,
) {
    let job = Job {
        a: panel.a.as_ptr(),
        taps: panel.taps,
        groups: panel.groups,
        panel: panel.weights.as_ptr(),
    };
    let mut sums: Sums = [0; ROWS * WIDTH];
    for (tile_at, bases) in bases.chunks(ROWS).enumerate() {
        // SAFETY: the level was checked when packing, a tile has at most `ROWS` rows, all windows end inside `a`, and
        // the panel is whole.
        unsafe { tile(&job, bases, &mut sums) };
        for row in 0..bases.len() {
            let number = tile_at * ROWS + row;
            let sums = &sums[row * WIDTH..row * WIDTH + panel.columns];
            // SAFETY: promised by the caller.
            let out = unsafe {
                let row = out.add(number * panel.out_row);
                std::slice::from_raw_parts_mut(row, panel.columns)
            };
            finish.apply(first + number, panel.channel, sums, out);
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) fn by_vnni<F: Finish>(
    panel: &Panel,
    bases: &[usize],
    finish: &F,
    first: usize,
    out: &mut [F::Out],
) {
    assert!((bases.len() - 1) * panel.out_row + panel.columns <= out.len());
    // SAFETY: `out` holds all rows (asserted).
    unsafe { vnni_rows(panel, bases, finish, first, out.as_mut_ptr()) };
}

/// # Safety
/// `out` must hold a row of the panel's columns for each base, `out_row` apart.
#[cfg(target_arch = "x86_64")]
unsafe fn vnni_rows<F: Finish>(
    panel: &Panel,
    bases: &[usize],
    finish: &F,
    first: usize,
    out: *mut F::Out,
) {
    let job = vnni::Job {
        a: panel.a.as_ptr(),
        taps: panel.taps,
        groups: panel.groups,
        panel: panel.weights.as_ptr(),
        channel: panel.channel,
        columns: panel.columns,
        out_row: panel.out_row,
    };
    // SAFETY: the level was checked when packing, all windows end inside `a`, the panel is whole, and `out` holds all
    // rows, as the caller promises.
    unsafe { vnni::rows(&job, bases, finish, first, out) };
}

#[cfg(not(target_arch = "x86_64"))]
unsafe fn vnni_rows<F: Finish>(_: &Panel, _: &[usize], _: &F, _: usize, _: *mut F::Out) {
    unreachable!("no tile was chosen");
}

#[inline(always)]
fn flip_each(from: &[i8], to: &mut [u8]) {
    for (to, &value) in to.iter_mut().zip(from) {
        *to = (value as u8) ^ 0x80;
    }
}

by_level! {
    /// From i8 to u8, 128 more.
    pub(super) fn flip(from: &[i8], to: &mut [u8]) = flip_each
}

/// An int8 convolution of one geometry with [`Int8Weights`].
#[derive(Clone)]
pub struct PackedConv2dInt8 {
    sums: Int8Sums,
    epilogue: Epilogue,
    zero: i32,
}

impl PackedConv2dInt8 {
    /// With a bias `[out_c]`; `zero` is the input's zero point. `None` for 64-bit sums.
    pub fn new(
        p: &Conv2d,
        weights: &Int8Weights,
        bias: Option<&[i64]>,
        zero: i32,
        requant: &Requant,
    ) -> Option<Self> {
        assert!(bias.is_none_or(|b| b.len() == p.out_c), "bias of {p:?}");
        let sums = Int8Sums::new(p, weights);
        let own = |c: usize| bias.map_or(0, |b| b[c]);
        let less = |c: usize| sums.excess(zero).wrapping_mul(weights.sums[c]);
        let epilogue = Epilogue::new(
            weights.level,
            requant,
            p.out_c,
            |c| (own(c) as i32).wrapping_sub(less(c)),
            |c| {
                own(c)
                    .abs()
                    .saturating_add(largest_sum(weights.taps * weights.run))
            },
        )?;
        Some(PackedConv2dInt8 {
            sums,
            epilogue,
            zero,
        })
    }

    /// Bytes of scratch that [`PackedConv2dInt8::run`] wants for the prepared (and padded) input.
    pub fn scratch_len(&self) -> usize {
        self.sums.prepared_len()
    }

    /// Convolves `input` into `output` with the weights that the kernel was made for; `scratch` has at least
    /// [`PackedConv2dInt8::scratch_len`] bytes.
    pub fn run(
        &self,
        weights: &Int8Weights,
        input: &[i8],
        output: &mut [i8],
        scratch: &mut [u8],
        threads: &Threads,
    ) {
        let p = self.sums.conv();
        assert_eq!(input.len(), p.input_len(), "input of {p:?}");
        let scratch = &mut scratch[..self.scratch_len()];
        self.sums.prepare(input, |_| self.zero, scratch, threads);
        self.sums
            .run(weights, scratch, output, threads, &self.epilogue);
    }
}

/// The largest size of a sum of `depth` products of an int8 less its zero point and a weight.
pub(super) fn largest_sum(depth: usize) -> i64 {
    i64::try_from(depth).map_or(i64::MAX, |depth| depth.saturating_mul(255 * 128))
}

impl Form {
    /// Bytes of one prepared activation.
    fn bytes(self) -> usize {
        4 / self.group()
    }

    /// Activations in a group of 4 bytes.
    fn group(self) -> usize {
        match self {
            Form::Bytes => 4,
            Form::Words => 2,
        }
    }
}

/// `[panel][tap][group of k][width]` groups of 4 bytes; runs are filled up to whole groups with zeros.
fn pack(window: &Window, filter: &[i8], form: Form, width: usize) -> Aligned {
    let p = &window.p;
    let group_out = p.out_c / p.groups;
    let per_group = group_out.div_ceil(width);
    let (taps, run) = (window.taps.len(), window.run);
    let k_groups = run.div_ceil(form.group());
    let panel = taps * k_groups * width * 4;
    let mut panels = Aligned::zeroed::<u8>(p.groups * per_group * panel);
    let bytes = panels.values_mut::<u8>();
    for c in 0..p.out_c {
        let (g, in_group) = (c / group_out, c % group_out);
        let start = (g * per_group + in_group / width) * panel;
        for tap in 0..taps {
            for k in 0..run {
                let group = tap * k_groups + k / form.group();
                let at = start
                    + (group * width + in_group % width) * 4
                    + k % form.group() * form.bytes();
                let w = filter[(c * taps + tap) * run + k];
                match form {
                    Form::Bytes => bytes[at] = w as u8,
                    Form::Words => bytes[at..at + 2].copy_from_slice(&i16::from(w).to_ne_bytes()),
                }
            }
        }
    }
    panels
}

impl std::fmt::Debug for PackedConv2dInt8 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PackedConv2dInt8({:?})", self.sums.conv())
    }
}

#[cfg(test)]
mod tests {
    use super::super::conv::as_conv;
    use super::super::testing::{any_conv, bytes, values};
    use super::*;
    use crate::kernels::reference::conv::{ZeroPoints, conv2d_quantized};
    use crate::kernels::reference::fully_connected::fully_connected_quantized;
    use proptest::prelude::*;

    fn bias(seed: u32, len: usize) -> Vec<i64> {
        let small = bytes(seed, len);
        small.iter().map(|&b| i64::from(b) * 100).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn convolution_equals_the_reference_to_the_bit(p in any_conv(), seed in any::<u32>(), zero in -128i32..128) {
            let (input, filter) = (bytes(seed, p.input_len()), bytes(seed ^ 1, p.filter_len()));
            let bias = bias(seed ^ 2, p.out_c);
            let factors: Vec<f64> = values(seed ^ 3, p.out_c).iter().map(|v| 1e-4 + f64::from(v.abs()) * 2e-3).collect();
            let requant = Requant::fixed(&factors, -5, (-128, 100));
            let zeros = ZeroPoints { input: zero, filter: 0 };
            let mut want = vec![0i8; p.output_len()];
            conv2d_quantized(&p, &input, &filter, Some(&bias), zeros, &requant, &mut want);
            for level in cpu::levels() {
                let weights = Int8Weights::with_level(level, &p, &filter);
                let packed = PackedConv2dInt8::new(&p, &weights, Some(&bias), zero, &requant).unwrap();
                let mut scratch = vec![0xaa; packed.scratch_len()];
                let mut got = vec![0i8; p.output_len()];
                packed.run(&weights, &input, &mut got, &mut scratch, &Threads::new(2));
                prop_assert_eq!(&got, &want);
            }
        }

        #[test]
        fn fully_connected_equals_the_reference_to_the_bit(
            (batch, depth, units) in (1usize..20, 1usize..200, 1usize..80),
            seed in any::<u32>(),
            zero in -128i32..128,
        ) {
            let (input, filter) = (bytes(seed, batch * depth), bytes(seed ^ 1, units * depth));
            let requant = Requant::double(&[7e-4], 2, (-128, 127));
            let zeros = ZeroPoints { input: zero, filter: 0 };
            let mut want = vec![0i8; batch * units];
            fully_connected_quantized(depth, &input, &filter, None, zeros, &requant, &mut want);
            let p = as_conv(batch, depth, units);
            let weights = Int8Weights::new(&p, &filter);
            let packed = PackedConv2dInt8::new(&p, &weights, None, zero, &requant).unwrap();
            let mut scratch = vec![0; packed.scratch_len()];
            let mut got = vec![0i8; batch * units];
            packed.run(&weights, &input, &mut got, &mut scratch, &Threads::new(3));
            prop_assert_eq!(&got, &want);
        }
    }

    #[test]
    fn one_wide_row_is_split_by_columns() {
        let (depth, units) = (600, 1000);
        let (input, filter) = (bytes(1, depth), bytes(2, depth * units));
        let requant = Requant::double(&[7e-4], 2, (-128, 127));
        let p = as_conv(1, depth, units);
        let weights = Int8Weights::new(&p, &filter);
        let packed = PackedConv2dInt8::new(&p, &weights, None, 9, &requant).unwrap();
        let mut scratch = vec![0; packed.scratch_len()];
        let (mut one, mut four) = (vec![0i8; units], vec![0i8; units]);
        packed.run(&weights, &input, &mut one, &mut scratch, &Threads::single());
        packed.run(&weights, &input, &mut four, &mut scratch, &Threads::new(4));
        assert_eq!(one, four);
    }
}

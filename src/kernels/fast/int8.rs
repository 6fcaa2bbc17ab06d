//! CONV_2D and FULLY_CONNECTED on int8 with packed weights; answers equal the reference's to the bit.

use std::ops::Range;

use super::epilogue::Epilogue;
use super::panels::Aligned;
use super::tile_int8::{Form, Job, ROWS, Sums, TileFn, WIDTH, choose};
use super::window::Window;
use crate::kernels::cpu::{self, Level};
use crate::kernels::params::Conv2d;
use crate::kernels::requant::Requant;
use crate::kernels::threads::Threads;

/// Multiply-accumulates below which a second thread costs more than it brings.
const SMALL: usize = 1 << 19;
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
    tile: TileFn,
    form: Form,
    tile_rows: usize,
    width: usize,
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
        let (tile, form, tile_rows, width) = choose(level);
        let window = Window::new(p);
        let depth = (p.k_h * p.k_w * (p.in_c / p.groups)).max(1);
        let sum = |weights: &[i8]| weights.iter().map(|&w| i32::from(w)).sum();
        Int8Weights {
            groups: p.groups,
            out_c: p.out_c,
            taps: window.taps.len(),
            run: window.run,
            panels: pack(&window, filter, form, width),
            sums: filter.chunks_exact(depth).map(sum).collect(),
            level,
            tile,
            form,
            tile_rows,
            width,
        }
    }

    /// Bytes of the panels.
    pub fn bytes(&self) -> usize {
        self.panels.values::<u8>().len()
    }

    fn panel_count(&self) -> usize {
        self.groups * (self.out_c / self.groups).div_ceil(self.width)
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
        let (window, form) = (Window::new(p), weights.form);
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
    pub fn prepare(&self, input: &[i8], zero: impl Fn(usize) -> i32, prepared: &mut [u8]) {
        let window = &self.window;
        let (body, slack) = prepared.split_at_mut(self.prepared_len() - SLACK);
        slack.fill(0);
        match self.form {
            Form::Bytes => {
                let zero = |image| (zero(image) + 128) as u8;
                window.copy_padded(input, zero, |v| (v as u8) ^ 0x80, body);
            }
            Form::Words => {
                let words = body.as_chunks_mut::<2>().0;
                let zero = |image| (zero(image) as i16).to_ne_bytes();
                window.copy_padded(input, zero, |v| i16::from(v).to_ne_bytes(), words);
            }
        }
    }

    /// Calls `finish(row, channel, sums, out)` for the sums of neighbouring channels of every row of the output.
    pub fn run<T: Send>(
        &self,
        weights: &Int8Weights,
        prepared: &[u8],
        output: &mut [T],
        threads: &Threads,
        finish: impl Fn(usize, usize, &[i32], &mut [T]) + Sync,
    ) {
        let p = &self.window.p;
        assert_eq!(output.len(), p.output_len(), "output of {p:?}");
        let packed = (weights.groups, weights.out_c, weights.taps, weights.run);
        let own = (p.groups, p.out_c, self.taps.len(), self.window.run);
        assert!(
            packed == own && weights.form == self.form,
            "weights of {p:?}"
        );
        if output.is_empty() {
            return;
        }
        let source = &prepared[..self.prepared_len()];
        let work = output.len() * self.window.taps.len() * self.window.run;
        let rows = output.len() / p.out_c;
        let panels = weights.panel_count();
        let block = |first: usize, panels: Range<usize>, part: &mut [T]| {
            self.block(weights, source, (first, panels), part, &finish);
        };
        if threads.count() == 1 || work < SMALL {
            block(0, 0..panels, output);
        } else if rows == 1 && p.groups == 1 {
            let each = panels.div_ceil(threads.count() * 2);
            threads.pieces(output, each * weights.width, |index, part| {
                let first = index * each;
                block(0, first..panels.min(first + each), part);
            });
        } else {
            threads.rows(output, p.out_c, weights.tile_rows, |first, part| {
                block(first, 0..panels, part);
            });
        }
    }

    /// Rows from `first` on for the panels given; see the float kernel.
    fn block<T>(
        &self,
        weights: &Int8Weights,
        source: &[u8],
        (first, panels): (usize, Range<usize>),
        out: &mut [T],
        finish: &impl Fn(usize, usize, &[i32], &mut [T]),
    ) {
        const BLOCK: usize = 256;
        let (p, window) = (&self.window.p, &self.window);
        let group_out = p.out_c / p.groups;
        let per_group = group_out.div_ceil(weights.width);
        let k_groups = window.run.div_ceil(self.form.group());
        let panel_len = self.taps.len() * k_groups * weights.width * 4;
        let packed = weights.panels.values::<u8>();
        let (row_len, column0) = if panels.len() == weights.panel_count() {
            (p.out_c, 0)
        } else {
            (out.len(), panels.start * weights.width)
        };
        let rows = out.len() / row_len;
        let mut bases = [0usize; BLOCK];
        let mut sums: Sums = [0; ROWS * WIDTH];
        for start in (0..rows).step_by(BLOCK) {
            let bases = &mut bases[..BLOCK.min(rows - start)];
            window.bases(first + start, bases);
            bases.iter_mut().for_each(|base| *base *= self.form.bytes());
            for panel in panels.clone() {
                let (g, in_group) = (panel / per_group, panel % per_group * weights.width);
                let channel = g * group_out + in_group;
                let columns = weights.width.min(group_out - in_group);
                let offset = g * (p.in_c / p.groups) * self.form.bytes();
                let job = Job {
                    a: source[offset..].as_ptr(),
                    taps: &self.taps,
                    groups: k_groups,
                    panel: packed[panel * panel_len..(panel + 1) * panel_len].as_ptr(),
                };
                let last_tap = self.taps.last().copied().unwrap_or(0);
                for (tile, bases) in bases.chunks(weights.tile_rows).enumerate() {
                    let furthest = bases.iter().copied().max().unwrap_or(0);
                    assert!(offset + furthest + last_tap + 4 * k_groups <= source.len());
                    // SAFETY: the level was checked when packing, a tile has at most `tile_rows <= ROWS` rows, the furthest
                    // read is asserted, and the panel slice has its full length.
                    unsafe { (weights.tile)(&job, bases, &mut sums) };
                    for row in 0..bases.len() {
                        let number = start + tile * weights.tile_rows + row;
                        let at = number * row_len + channel - column0;
                        let sums = &sums[row * WIDTH..row * WIDTH + columns];
                        finish(first + number, channel, sums, &mut out[at..at + columns]);
                    }
                }
            }
        }
    }
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
        let epilogue = Epilogue::new(requant, p.out_c, |c| {
            let own = bias.map_or(0, |b| b[c] as i32);
            own.wrapping_sub(sums.excess(zero).wrapping_mul(weights.sums[c]))
        })?;
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
        self.sums.prepare(input, |_| self.zero, scratch);
        let finish = |_: usize, channel: usize, sums: &[i32], out: &mut [i8]| {
            self.epilogue.apply(weights.level, channel, sums, out);
        };
        self.sums.run(weights, scratch, output, threads, finish);
    }
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

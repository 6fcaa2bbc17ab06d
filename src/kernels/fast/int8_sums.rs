//! The sums of an int8 convolution: its activations laid out for the tiles, and the tiles.

use std::ops::Range;

use super::byte::Byte;
use super::finish::Finish;
use super::grid::{Grid, SharedOut};
use super::int8::Int8Weights;
use super::tile_int8::{Form, Job, ROWS, Sums, TileFn, WIDTH};
#[cfg(target_arch = "x86_64")]
use super::vnni;
use super::window::Window;
use crate::kernels::cpu::{self, by_level};
use crate::kernels::params::Conv2d;
use crate::kernels::threads::Threads;

/// Bytes of activations below which a second thread costs more than it brings.
const SMALL_COPY: usize = 1 << 16;
/// Channels of which multiples are worth a copy of their own.
const PIXEL: usize = 64;
/// Rows whose offsets are worked out at once: whole tiles of 7 and of 8.
pub const BLOCK: usize = 4 * 7 * 8;
/// Readable bytes behind the prepared activations: a run is read in whole groups.
const SLACK: usize = 4;

/// The sums of an int8 convolution of one geometry with [`Int8Weights`].
#[derive(Clone)]
pub struct Int8Sums {
    window: Window,
    /// The window's offsets in bytes of the prepared activations, once for each layer of the weights.
    taps: Vec<usize>,
    form: Form,
}

impl Int8Sums {
    pub fn new(p: &Conv2d, weights: &Int8Weights) -> Self {
        let (window, form) = (Window::new(p), weights.choice.form);
        let taps = window.taps.iter().map(|tap| tap * form.bytes());
        Int8Sums {
            taps: taps.collect::<Vec<_>>().repeat(weights.layers),
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
            Form::Signed | Form::Words => zero,
        }
    }

    /// Lays the activations out for the tiles; `zero` is the zero point of each image, in int8.
    pub fn prepare<B: Byte>(
        &self,
        input: &[B],
        zero: impl Fn(usize) -> i32 + Sync,
        prepared: &mut [u8],
        threads: &Threads,
    ) {
        let (window, level) = (&self.window, cpu::level());
        match self.form {
            Form::Bytes => self.prepare_bytes(input, zero, prepared, threads, |from, to| {
                B::raise(level, from, to);
            }),
            Form::Signed => {
                let (body, slack) = prepared.split_at_mut(self.prepared_len() - SLACK);
                slack.fill(0);
                let zero = |image| zero(image) as i8;
                let copy = |from: &[B], to: &mut [i8]| {
                    for (to, &value) in to.iter_mut().zip(from) {
                        *to = value.signed();
                    }
                };
                window.copy_rows(input, (0, bytemuck::cast_slice_mut(body)), zero, copy);
            }
            Form::Words => {
                let (body, slack) = prepared.split_at_mut(self.prepared_len() - SLACK);
                slack.fill(0);
                let words = body.as_chunks_mut::<2>().0;
                let zero = |image| (zero(image) as i16).to_ne_bytes();
                let copy = |from: &[B], to: &mut [[u8; 2]]| {
                    for (to, &value) in to.iter_mut().zip(from) {
                        *to = i16::from(value.signed()).to_ne_bytes();
                    }
                };
                window.copy_rows(input, (0, words), zero, copy);
            }
        }
    }

    /// Whether [`Int8Sums::prepare_bytes`] can be used, and every `copy` but the last is of a multiple of `grain` values.
    pub fn has_bytes(&self, grain: usize) -> bool {
        let p = &self.window.p;
        self.form == Form::Bytes && (p.in_w * p.in_c).is_multiple_of(grain)
    }

    /// [`Int8Sums::prepare`] from any values, of which `copy` makes bytes that are 128 more than the number.
    pub fn prepare_bytes<T: Sync>(
        &self,
        input: &[T],
        zero: impl Fn(usize) -> i32 + Sync,
        prepared: &mut [u8],
        threads: &Threads,
        copy: impl Fn(&[T], &mut [u8]) + Sync,
    ) {
        let (window, p) = (&self.window, &self.window.p);
        let (body, slack) = prepared.split_at_mut(self.prepared_len() - SLACK);
        slack.fill(0);
        let row = window.padded_w * p.in_c;
        let plain = window.is_plain();
        // Rows and pixels that no window sees stay as they are.
        let skipping = p.k_h == 1 && p.stride_h > 1;
        let apart = match p.k_w {
            1 if p.in_c.is_multiple_of(PIXEL) => p.stride_w,
            _ => 1,
        };
        let copy_rows = |first: usize, part: &mut [u8]| {
            if !plain {
                let zero = |image| (zero(image) + 128) as u8;
                return window.copy_rows(input, (first, part), zero, &copy);
            }
            let input = &input[first * row..][..part.len()];
            if !skipping && apart == 1 {
                return copy(input, part);
            }
            let rows = input.chunks_exact(row).zip(part.chunks_exact_mut(row));
            for (at, (from, to)) in rows.enumerate() {
                if skipping && !((first + at) % p.in_h).is_multiple_of(p.stride_h) {
                    continue;
                }
                match apart {
                    1 => copy(from, to),
                    _ => {
                        let pixels = from.chunks_exact(p.in_c).zip(to.chunks_exact_mut(p.in_c));
                        pixels.step_by(apart).for_each(|(from, to)| copy(from, to));
                    }
                }
            }
        };
        match body.len() < SMALL_COPY {
            true => copy_rows(0, body),
            false => threads.rows(body, row, 1, copy_rows),
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
        let taps = weights.taps * weights.layers;
        let packed = (weights.groups, weights.out_c, taps, weights.run);
        let own = (p.groups, p.out_c, self.taps.len(), self.window.run);
        assert!(
            packed == own && weights.choice.form == self.form,
            "weights of {p:?}"
        );
        if output.is_empty() {
            return;
        }
        let source = &prepared[..self.prepared_len()];
        let rows = output.len() / p.out_c;
        let grid = Grid {
            rows,
            tile: Self::tile_rows::<F>(weights, rows),
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

    /// Rows of the tiles that work through so many rows.
    pub fn tile_rows<F: Finish>(weights: &Int8Weights, rows: usize) -> usize {
        (weights.choice.height)(rows, F::TALL)
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
pub struct Panel<'a> {
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
pub fn by_vnni<F: Finish>(
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
    pub fn flip(from: &[i8], to: &mut [u8]) = flip_each
}

#[inline(always)]
fn flip_each_here(values: &mut [u8]) {
    for value in values {
        *value ^= 0x80;
    }
}

by_level! {
    /// The bits of an i8 become those of the u8 that is 128 more.
    pub fn flip_here(values: &mut [u8]) = flip_each_here
}

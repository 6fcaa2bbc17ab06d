//! DEPTHWISE_CONV_2D on int8 and uint8 with AVX-512 VNNI.
//!
//! Of each column of the input four rows lie side by side, byte by byte, so that one `vpdpbusd` takes four taps of a
//! channel; neighbouring outputs use a column again, and so does the row of outputs below where windows step by one row:
//! its weights are those of the row above, moved down by one. 64 channels at a time; fewer that are left are taken of two
//! or four columns at once.

// By index: iterators are functions of their own, compiled without the instruction set of these loops.
#![allow(clippy::needless_range_loop)]

use std::arch::x86_64::*;

use super::byte::Byte;
use super::finish::{Finish, Rows, each_row, first_bits};
use super::int8::{in_layer, layers};
use super::panels::Aligned;
use super::tile_int8::Form;
use crate::kernels::params::Conv2d;

/// Channels at a time: one vector of bytes, four of sums.
const CHANNELS: usize = 64;
const VECTORS: usize = 4;
/// Rows of the input that are taken together.
const ROWS: usize = 4;
/// Such fours at most, and so the highest window with one row more.
const PARTS: usize = 2;
/// Columns that are held side by side at most.
const COLUMNS: usize = 64;

/// A filter as the kernel wants it.
#[derive(Clone)]
pub struct Packed {
    /// Twice, the second time moved down by a row: `[channels / 64][layer][kx][part][64][4]`, the four of them rows.
    weights: [Aligned; 2],
    /// See [`Int8Weights`](super::int8::Int8Weights).
    layers: usize,
    parts: usize,
    k_h: usize,
    k_w: usize,
}

impl Packed {
    /// Packs a filter `[k_h, k_w, out_c]` of numbers up to 255 in size. `None` for windows too high and for channels with several outputs.
    pub fn new(p: &Conv2d, filter: &[i16]) -> Option<Self> {
        let parts = (p.k_h + 1).div_ceil(ROWS);
        if p.in_c != p.out_c || parts > PARTS || p.k_h == 0 || p.k_w == 0 {
            return None;
        }
        let blocks = p.out_c.div_ceil(CHANNELS);
        let end = |end: Option<&i16>| end.map_or(0, |&w| i32::from(w));
        let (lo, hi) = (end(filter.iter().min()), end(filter.iter().max()));
        let layers = layers(lo.min(0), hi.max(0), Form::Bytes);
        let layer = p.k_w * parts;
        let moved = |down: usize| {
            let mut weights = Aligned::zeroed::<i8>(blocks * layers * layer * CHANNELS * ROWS);
            let to = weights.values_mut::<i8>();
            for (number, &weight) in filter.iter().enumerate() {
                let (tap, c) = (number / p.out_c, number % p.out_c);
                let (row, kx) = (tap / p.k_w + down, tap % p.k_w);
                for at in 0..layers {
                    let step = (c / CHANNELS * layers + at) * layer + kx * parts + row / ROWS;
                    let weight = in_layer(i32::from(weight), at);
                    to[(step * CHANNELS + c % CHANNELS) * ROWS + row % ROWS] = weight;
                }
            }
            weights
        };
        Some(Packed {
            weights: [moved(0), moved(1)],
            layers,
            parts,
            k_h: p.k_h,
            k_w: p.k_w,
        })
    }

    /// Whether the columns of a window of this geometry find room.
    pub fn takes(&self, p: &Conv2d) -> bool {
        let span = (p.k_w - 1).checked_mul(p.dilation_w);
        let fits = span.is_some_and(|span| span < COLUMNS);
        fits && p.in_c == p.out_c && (p.k_h, p.k_w) == (self.k_h, self.k_w)
    }

    /// Output rows from `first` on, images counted through. `zero` is the zero point plus 128, which is what the sums
    /// hold for every value: they are too large by it times the sum of the weights.
    pub fn run<B: Byte, F: Finish>(
        &self,
        p: &Conv2d,
        zero: u8,
        input: &[B],
        (first, out): (usize, &mut [F::Out]),
        finish: &F,
    ) {
        assert!(self.takes(p), "window of {p:?}");
        assert!(crate::kernels::cpu::has_vnni());
        assert_eq!(input.len(), p.input_len(), "input of {p:?}");
        let job = Job {
            packed: self,
            p,
            zero,
            input: bytemuck::cast_slice(input),
            flip: B::FLIP,
            finish,
        };
        // SAFETY: the instruction set is there (asserted).
        unsafe {
            match (self.k_h, self.k_w) {
                (3, 3) => job.rows::<1, 3>(first, out),
                (5, 5) => job.rows::<2, 5>(first, out),
                _ if self.parts == 1 => job.rows::<1, 0>(first, out),
                _ => job.rows::<2, 0>(first, out),
            }
        }
    }
}

struct Job<'a, F> {
    packed: &'a Packed,
    p: &'a Conv2d,
    zero: u8,
    input: &'a [i8],
    /// What makes numbers that are 128 more of the input's bytes.
    flip: u8,
    finish: &'a F,
}

/// Some channels of outputs side by side: the row of the output and the first column, the first channel, how many.
#[derive(Clone, Copy)]
struct Place {
    row: usize,
    x: usize,
    c: usize,
    channels: usize,
}

impl<F: Finish> Job<'_, F> {
    /// `P` fours of rows; `KW` is the width of a square window, or 0.
    ///
    /// # Safety
    /// AVX-512 F, BW, DQ, VL and VNNI must be there.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn rows<const P: usize, const KW: usize>(&self, first: usize, out: &mut [F::Out]) {
        let p = self.p;
        let mut columns = [_mm512_setzero_si512(); (COLUMNS + VECTORS) * VECTORS * PARTS];
        let rows = out.len() / (p.out_w * p.out_c);
        let mut done = 0;
        while done < rows {
            let row = first + done;
            let two = (p.stride_h, p.dilation_h) == (1, 1) && row % p.out_h + 1 < p.out_h;
            let count = if two { 2.min(rows - done) } else { 1 };
            let out = &mut out[done * p.out_w * p.out_c..][..count * p.out_w * p.out_c];
            for c in (0..p.out_c).step_by(CHANNELS) {
                let place = Place {
                    row,
                    x: 0,
                    c,
                    channels: CHANNELS.min(p.out_c - c),
                };
                // SAFETY: the instruction set is there.
                unsafe {
                    match place.channels {
                        33.. => self.channels::<P, KW, 4>(place, count, &mut columns, out),
                        17.. => self.channels::<P, KW, 2>(place, count, &mut columns, out),
                        _ => self.channels::<P, KW, 1>(place, count, &mut columns, out),
                    }
                }
            }
            done += count;
        }
    }

    /// One row of outputs or two, at most `16 * V` channels.
    ///
    /// # Safety
    /// As [`Job::rows`].
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn channels<const P: usize, const KW: usize, const V: usize>(
        &self,
        mut place: Place,
        rows: usize,
        columns: &mut [__m512i],
        out: &mut [F::Out],
    ) {
        let p = self.p;
        let k_w = if KW > 0 { KW } else { p.k_w };
        let span = (k_w - 1) * p.dilation_w + 1;
        let most = (COLUMNS - span) / p.stride_w + 1;
        for x in (0..p.out_w).step_by(most) {
            place.x = x;
            let count = most.min(p.out_w - x);
            let held = (count - 1) * p.stride_w + span;
            let lines = p.k_h + rows - 1;
            // Rows that a window of 3 or 5 does not have are not looked for.
            match (KW, rows) {
                (3, 1) => self.side_by_side::<P, 3, V>(lines, place, held, columns),
                (5, 1) => self.side_by_side::<P, 5, V>(lines, place, held, columns),
                (5, _) => self.side_by_side::<P, 6, V>(lines, place, held, columns),
                _ => self.side_by_side::<P, 8, V>(lines, place, held, columns),
            }
            for (at, out) in out.chunks_exact_mut(p.out_w * p.out_c).enumerate() {
                let weights = self.packed.weights[at].values::<i8>();
                let block = self.packed.layers * k_w * P * CHANNELS * ROWS;
                let cells = Cells {
                    columns: &columns[..held * V * P],
                    weights: &weights[place.c / CHANNELS * block..][..block],
                    step: p.stride_w * V * P,
                    tap: p.dilation_w * V * P,
                    out_c: p.out_c,
                    layers: self.packed.layers,
                };
                let cell = (place.row + at) * p.out_w + x;
                let out = &mut out[x * p.out_c + place.c..];
                assert!((count - 1) * p.out_c + place.channels <= out.len());
                let (place, to) = ((cell, place.c, place.channels), out.as_mut_ptr());
                // SAFETY: the instruction set is there; `out` holds all cells (asserted), the columns reach to behind the
                // last window, the weights are those of all taps.
                unsafe { cells.run::<F, P, KW, V>(count, place, self.finish, to) };
            }
        }
    }

    /// Lays out the `held` columns that the outputs of a place see: of each column and part `V` vectors of 16 channels,
    /// the four bytes of a channel from four rows. `lines` rows are seen, at most `KH` of them in any window.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    fn side_by_side<const P: usize, const KH: usize, const V: usize>(
        &self,
        lines: usize,
        place: Place,
        held: usize,
        columns: &mut [__m512i],
    ) {
        let p = self.p;
        let (image, y) = (place.row / p.out_h, place.row % p.out_h);
        let image = &self.input[image * p.in_h * p.in_w * p.in_c..][..p.in_h * p.in_w * p.in_c];
        // Rows outside the image are one vector of the zero point again and again.
        let outside = [(self.zero ^ self.flip) as i8; CHANNELS];
        let mut from = [(outside.as_ptr(), 0); ROWS * PARTS];
        for (line, from) in from.iter_mut().enumerate().take(lines) {
            let at = (y * p.stride_h + line * p.dilation_h).checked_sub(p.pad_top);
            if let Some(at) = at.filter(|&at| at < p.in_h) {
                let row = &image[at * p.in_w * p.in_c + place.c..];
                assert!((p.in_w - 1) * p.in_c + place.channels <= row.len());
                *from = (row.as_ptr(), p.in_c);
            }
        }
        let mask = first_bits(place.channels);
        let nothing = _mm512_set1_epi8(self.zero as i8);
        let together = VECTORS / V;
        let first = place.x * p.stride_w;
        let columns = &mut columns[..held.next_multiple_of(together) * V * P];
        for (at, columns) in columns.chunks_exact_mut(VECTORS * P).enumerate() {
            let x = (first + at * together).wrapping_sub(p.pad_left);
            for part in 0..P {
                let mut bytes = [nothing; ROWS];
                for i in 0..ROWS {
                    let line = part * ROWS + i;
                    if line < KH {
                        let (row, step) = from[line];
                        let mut pixels = [outside.as_ptr(); VECTORS];
                        for (j, pixel) in pixels.iter_mut().enumerate().take(together) {
                            let x = x.wrapping_add(j);
                            if x < p.in_w {
                                *pixel = row.wrapping_add(x * step);
                            }
                        }
                        // SAFETY: the instruction set is there; rows hold `channels` values at every column (asserted),
                        // or stand still.
                        bytes[i] = unsafe { turned::<V>(pixels, mask, self.flip) };
                    }
                }
                let [a, b, c, d] = bytes;
                let (low, low2) = (_mm512_unpacklo_epi8(a, b), _mm512_unpacklo_epi8(c, d));
                let (high, high2) = (_mm512_unpackhi_epi8(a, b), _mm512_unpackhi_epi8(c, d));
                let sixteens = [
                    _mm512_unpacklo_epi16(low, low2),
                    _mm512_unpackhi_epi16(low, low2),
                    _mm512_unpacklo_epi16(high, high2),
                    _mm512_unpackhi_epi16(high, high2),
                ];
                for v in 0..VECTORS {
                    columns[(v / V * P + part) * V + v % V] = sixteens[v];
                }
            }
        }
    }
}

/// Neighbouring outputs of one row.
struct Cells<'a> {
    columns: &'a [__m512i],
    /// `[layer][kx][part][64][4]`
    weights: &'a [i8],
    layers: usize,
    /// Vectors between the columns of neighbouring outputs, and of neighbouring taps.
    step: usize,
    tap: usize,
    out_c: usize,
}

impl Cells<'_> {
    /// `count` outputs, the first of them cell `cell` of the output.
    ///
    /// # Safety
    /// AVX-512 F, BW, DQ, VL and VNNI must be there, all columns and weights, and room for `channels` of each output.
    #[inline(always)]
    unsafe fn run<F: Finish, const P: usize, const KW: usize, const V: usize>(
        &self,
        count: usize,
        place: (usize, usize, usize),
        finish: &F,
        out: *mut F::Out,
    ) {
        let mut x = 0;
        // SAFETY: promised by the caller.
        unsafe {
            while x + 4 <= count {
                self.some::<F, P, KW, V, 4>(x, place, finish, out);
                x += 4;
            }
            while x < count {
                self.some::<F, P, KW, V, 1>(x, place, finish, out);
                x += 1;
            }
        }
    }

    /// `N` outputs from `x` on.
    ///
    /// # Safety
    /// As [`Cells::run`].
    #[inline(always)]
    unsafe fn some<F: Finish, const P: usize, const KW: usize, const V: usize, const N: usize>(
        &self,
        x: usize,
        (cell, channel, channels): (usize, usize, usize),
        finish: &F,
        out: *mut F::Out,
    ) {
        // SAFETY: promised by the caller.
        unsafe {
            let taps = if KW > 0 {
                KW
            } else {
                self.weights.len() / (self.layers * P * CHANNELS * ROWS)
            };
            let mut weights = self.weights.as_ptr().cast::<__m512i>();
            let from = self.columns.as_ptr().add(x * self.step);
            let mut sums = [finish.begin::<V>(channel); N];
            for _ in 0..self.layers {
                for kx in 0..taps {
                    for part in 0..P {
                        for v in 0..V {
                            let w = weights.add((kx * P + part) * VECTORS + v).read();
                            each_row!(n in N {
                                let bytes = from.add(n * self.step + kx * self.tap + part * V + v);
                                sums[n][v] = _mm512_dpbusd_epi32(sums[n][v], bytes.read(), w);
                            });
                        }
                    }
                }
                weights = weights.add(taps * P * VECTORS);
            }
            let to = Rows {
                first: out.add(x * self.out_c),
                apart: self.out_c,
            };
            finish.store::<N, V>(cell + x, channel, &sums, channels, to);
        }
    }
}

/// 64 bytes of one pixel, of two or of four, each with the bits of `flip` flipped, so turned that unpacking within lanes gives them in order:
/// dword 4j + i goes to 4i + j.
///
/// # Safety
/// AVX-512 F, BW and VL must be there; bytes of the mask must be readable of each of the `4 / V` pixels.
#[inline(always)]
unsafe fn turned<const V: usize>(pixels: [*const i8; VECTORS], mask: u64, flip: u8) -> __m512i {
    // SAFETY: promised by the caller.
    unsafe {
        let bytes = match V {
            4 => _mm512_maskz_loadu_epi8(mask, pixels[0]),
            2 => {
                let low = _mm256_maskz_loadu_epi8(mask as u32, pixels[0]);
                let high = _mm256_maskz_loadu_epi8(mask as u32, pixels[1]);
                _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
            }
            _ => {
                let mask = mask as u16;
                let mut bytes = _mm512_castsi128_si512(_mm_maskz_loadu_epi8(mask, pixels[0]));
                let [_, b, c, d] = pixels;
                bytes = _mm512_inserti32x4::<1>(bytes, _mm_maskz_loadu_epi8(mask, b));
                bytes = _mm512_inserti32x4::<2>(bytes, _mm_maskz_loadu_epi8(mask, c));
                _mm512_inserti32x4::<3>(bytes, _mm_maskz_loadu_epi8(mask, d))
            }
        };
        let turn = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        _mm512_permutexvar_epi32(turn, _mm512_xor_si512(bytes, _mm512_set1_epi8(flip as i8)))
    }
}

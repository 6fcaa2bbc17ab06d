//! RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR row by row; answers equal the plain kernels' to the bit.
//!
//! Which columns an output column lies between is worked out once. Each row of the input is then spread out to the
//! output's width, its left and its right neighbours, for all the output rows that want it.

// By index: iterators are functions of their own, compiled without the instruction set of these loops.
#![allow(clippy::needless_range_loop)]

use bytemuck::Pod;

use crate::kernels::cpu::{self, Level, by_level};
use crate::kernels::reference::resize::Resize;
use crate::kernels::threads::Threads;

/// Bands of rows that an output is split into.
const BANDS: usize = 4;
/// Elements of an output below which a second thread costs more than it brings.
const SMALL: usize = 1 << 15;

/// Rows of an output, and elements of one, from which on tables of them take too much memory.
const MOST: (usize, usize) = (1 << 20, 1 << 24);

/// Whether tables of an output's rows and columns are moderate.
pub fn has_tables(p: &Resize) -> bool {
    let row = p.out_w.saturating_mul(p.channels.max(1));
    p.out_h <= MOST.0 && row <= MOST.1
}

/// A type whose values are interpolated.
pub trait Blend: Copy + Default + Send + Sync + 'static {
    /// What sums are made in.
    type Wide: Pod + Default + Send + Sync;

    /// Lower and upper neighbour, and the part of the upper one.
    fn between(p: &Resize, at: usize, input: usize, output: usize) -> (usize, usize, Self::Wide);

    fn widen(self) -> Self::Wide;

    /// Of the neighbours above and below on the left, and those on the right.
    fn blend(corners: [Self::Wide; 4], dy: Self::Wide, dx: Self::Wide) -> Self;
}

#[inline(always)]
fn blend_f32([a, c, d, e]: [f32; 4], dy: f32, dx: f32) -> f32 {
    a * (1.0 - dy) * (1.0 - dx) + c * dy * (1.0 - dx) + d * (1.0 - dy) * dx + e * dy * dx
}

impl Blend for f32 {
    type Wide = f32;

    fn between(p: &Resize, at: usize, input: usize, output: usize) -> (usize, usize, f32) {
        p.between(at, input, output)
    }

    #[inline(always)]
    fn widen(self) -> f32 {
        self
    }

    #[inline(always)]
    fn blend(corners: [f32; 4], dy: f32, dx: f32) -> f32 {
        blend_f32(corners, dy, dx)
    }
}

impl Blend for u8 {
    type Wide = f32;

    fn between(p: &Resize, at: usize, input: usize, output: usize) -> (usize, usize, f32) {
        p.between(at, input, output)
    }

    #[inline(always)]
    fn widen(self) -> f32 {
        f32::from(self)
    }

    #[inline(always)]
    fn blend(corners: [f32; 4], dy: f32, dx: f32) -> u8 {
        (blend_f32(corners, dy, dx) + 0.5) as u8
    }
}

impl Blend for i8 {
    type Wide = i32;

    fn between(p: &Resize, at: usize, input: usize, output: usize) -> (usize, usize, i32) {
        let (lower, upper, part) = p.between_fixed(at, input, output);
        // At most 1024, and more than -1024.
        (lower, upper, part as i32)
    }

    #[inline(always)]
    fn widen(self) -> i32 {
        i32::from(self)
    }

    #[inline(always)]
    fn blend([a, c, d, e]: [i32; 4], dy: i32, dx: i32) -> i8 {
        let left = a * ((1024 - dy) * (1024 - dx)) + c * (dy * (1024 - dx));
        let sum = left + d * ((1024 - dy) * dx) + e * (dy * dx);
        let round = if sum > 0 { 1 << 19 } else { -(1 << 19) };
        ((sum + round) / (1 << 20)) as i8
    }
}

/// An output row or column: the neighbours and the part of the upper one.
type Between<W> = (usize, usize, W);

/// A bilinear resize of one geometry.
#[derive(Debug, Clone)]
pub struct Bilinear<T: Blend> {
    p: Resize,
    rows: Vec<Between<T::Wide>>,
    columns: Vec<(usize, usize)>,
    /// Of each element of an output row, the part of the right neighbour.
    right: Vec<T::Wide>,
    band: usize,
    level: Level,
}

impl<T: Blend> Bilinear<T> {
    pub fn new(p: &Resize) -> Self {
        Self::with_level(cpu::level(), p)
    }

    /// For one instruction set, which must be there.
    pub fn with_level(level: Level, p: &Resize) -> Self {
        assert!(level <= cpu::level(), "{level:?} is not there");
        let columns = || (0..p.out_w).map(|x| T::between(p, x, p.in_w, p.out_w));
        Bilinear {
            p: *p,
            rows: (0..p.out_h)
                .map(|y| T::between(p, y, p.in_h, p.out_h))
                .collect(),
            columns: columns().map(|(left, right, _)| (left, right)).collect(),
            right: columns()
                .flat_map(|(.., part)| std::iter::repeat_n(part, p.channels))
                .collect(),
            band: band(p),
            level,
        }
    }

    /// Elements of scratch that [`Bilinear::run`] wants.
    pub fn scratch_len(&self) -> usize {
        self.p.out_h.div_ceil(self.band) * self.spread()
    }

    /// Elements of two rows spread out, each to its left and its right neighbours.
    fn spread(&self) -> usize {
        4 * self.right.len()
    }

    /// Resizes `input` into `output`; `scratch` has at least [`Bilinear::scratch_len`] elements.
    pub fn run(&self, input: &[T], output: &mut [T], scratch: &mut [T::Wide], threads: &Threads) {
        let p = &self.p;
        p.check(input.len(), output.len(), 1);
        let row = self.right.len();
        if output.is_empty() {
            return;
        }
        let image = p.in_h * p.in_w * p.channels;
        for (b, out) in output.chunks_exact_mut(p.out_h * row).enumerate() {
            let input = &input[b * image..][..image];
            let scratch = &mut scratch[..self.scratch_len()];
            let (out, scratch) = ((out, self.band * row), (scratch, self.spread()));
            threads.pairs(out, scratch, |band, out, spread| {
                self.some_rows(input, band * self.band, out, spread);
            });
        }
    }

    fn some_rows(&self, image: &[T], first: usize, out: &mut [T], spread: &mut [T::Wide]) {
        let (p, row) = (&self.p, self.right.len());
        let (upper, lower) = spread.split_at_mut(2 * row);
        let mut slots = [upper, lower];
        let mut held = [usize::MAX; 2];
        for (y, out) in (first..).zip(out.chunks_exact_mut(row)) {
            let (above, below, dy) = self.rows[y];
            // What lies below one row often lies above the next.
            if held[0] != above && held[1] == above {
                slots.swap(0, 1);
                held.swap(0, 1);
            }
            for (slot, y) in [above, below].into_iter().enumerate() {
                let same = slot == 1 && above == below;
                if held[slot] != y && !same {
                    let from = &image[y * p.in_w * p.channels..][..p.in_w * p.channels];
                    self.spread_out(from, slots[slot]);
                    held[slot] = y;
                }
            }
            let (l0, r0) = slots[0].split_at(row);
            let (l1, r1) = slots[usize::from(above != below)].split_at(row);
            blend::<T>(self.level, [l0, l1, r0, r1], (dy, &self.right), out);
        }
    }

    /// A row's left and right neighbours of each output column.
    fn spread_out(&self, from: &[T], to: &mut [T::Wide]) {
        let c = self.p.channels;
        let (left, right) = to.split_at_mut(self.right.len());
        let cells = left.chunks_exact_mut(c).zip(right.chunks_exact_mut(c));
        for ((left, right), &(l, r)) in cells.zip(&self.columns) {
            let (l, r) = (&from[l * c..][..c], &from[r * c..][..c]);
            for i in 0..c {
                left[i] = l[i].widen();
                right[i] = r[i].widen();
            }
        }
    }
}

/// Rows of a band.
fn band(p: &Resize) -> usize {
    let bands = match p.out_h.saturating_mul(p.out_w).saturating_mul(p.channels) < SMALL {
        true => 1,
        false => BANDS,
    };
    p.out_h.div_ceil(bands).max(1)
}

by_level! {
    fn blend<T: Blend>(corners: [&[T::Wide]; 4], parts: (T::Wide, &[T::Wide]), out: &mut [T]) = blend_here
}

#[inline(always)]
fn blend_here<T: Blend>(corners: [&[T::Wide]; 4], (dy, dx): (T::Wide, &[T::Wide]), out: &mut [T]) {
    let n = out.len();
    let ([a, c, d, e], dx) = (corners.map(|corner| &corner[..n]), &dx[..n]);
    for i in 0..n {
        out[i] = T::blend([a[i], c[i], d[i], e[i]], dy, dx[i]);
    }
}

/// A resize to the nearest cells, of one geometry.
#[derive(Debug, Clone)]
pub struct Nearest {
    p: Resize,
    /// Bytes of a cell.
    cell: usize,
    rows: Vec<usize>,
    /// First byte in a row of the input.
    columns: Vec<usize>,
    band: usize,
}

impl Nearest {
    /// Elements are `size` bytes.
    pub fn new(p: &Resize, size: usize) -> Self {
        let cell = p.channels * size;
        let column = |x: usize| p.nearest(x, p.in_w, p.out_w) * cell;
        Nearest {
            p: *p,
            cell,
            rows: (0..p.out_h)
                .map(|y| p.nearest(y, p.in_h, p.out_h))
                .collect(),
            columns: (0..p.out_w).map(column).collect(),
            band: band(p),
        }
    }

    pub fn run(&self, input: &[u8], output: &mut [u8], threads: &Threads) {
        let p = &self.p;
        let size = self.cell / p.channels.max(1);
        p.check(input.len(), output.len(), size);
        if output.is_empty() {
            return;
        }
        let (image, row) = (p.in_h * p.in_w * self.cell, p.out_w * self.cell);
        for (b, out) in output.chunks_exact_mut(p.out_h * row).enumerate() {
            let image = &input[b * image..][..image];
            threads.rows(out, row, self.band, |first, out| {
                let mut last = usize::MAX;
                for y in 0..out.len() / row {
                    let from = self.rows[first + y];
                    if from == last {
                        out.copy_within((y - 1) * row..y * row, y * row);
                        continue;
                    }
                    last = from;
                    let from = &image[from * p.in_w * self.cell..][..p.in_w * self.cell];
                    self.row(from, &mut out[y * row..(y + 1) * row]);
                }
            });
        }
    }

    /// Cells of the usual sizes by copies of a known length.
    fn row(&self, from: &[u8], out: &mut [u8]) {
        match self.cell {
            1 => self.cells::<1>(from, out),
            3 => self.cells::<3>(from, out),
            4 => self.cells::<4>(from, out),
            12 => self.cells::<12>(from, out),
            16 => self.cells::<16>(from, out),
            32 => self.cells::<32>(from, out),
            64 => self.cells::<64>(from, out),
            cell => {
                for (out, &at) in out.chunks_exact_mut(cell).zip(&self.columns) {
                    out.copy_from_slice(&from[at..at + cell]);
                }
            }
        }
    }

    fn cells<const N: usize>(&self, from: &[u8], out: &mut [u8]) {
        for (out, &at) in out.as_chunks_mut::<N>().0.iter_mut().zip(&self.columns) {
            if let Some(cell) = from[at..].first_chunk::<N>() {
                *out = *cell;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{bytes, values};
    use super::*;
    use crate::kernels::reference::resize::{
        resize_bilinear_f32, resize_bilinear_quantized, resize_bilinear_u8, resize_nearest,
    };
    use proptest::prelude::*;

    fn any_resize() -> impl Strategy<Value = Resize> {
        let sizes = (1usize..3, 1usize..9, 1usize..9, 1usize..30, 1usize..30);
        let rest = (
            prop_oneof![1usize..6, 14usize..40],
            any::<bool>(),
            any::<bool>(),
        );
        (sizes, rest).prop_map(|((batch, in_h, in_w, out_h, out_w), rest)| Resize {
            batch,
            in_h,
            in_w,
            channels: rest.0,
            out_h,
            out_w,
            align_corners: rest.1,
            half_pixel: rest.2,
        })
    }

    fn check<T: Blend + PartialEq + std::fmt::Debug>(
        p: &Resize,
        band: usize,
        input: &[T],
        plain: impl Fn(&Resize, &[T], &mut [T]),
    ) -> Result<(), TestCaseError> {
        let mut want = vec![T::default(); p.batch * p.out_h * p.out_w * p.channels];
        plain(p, input, &mut want);
        for level in cpu::levels() {
            let mut kernel = Bilinear::with_level(level, p);
            kernel.band = band;
            let mut scratch = vec![T::Wide::default(); kernel.scratch_len()];
            let mut got = vec![T::default(); want.len()];
            kernel.run(input, &mut got, &mut scratch, &Threads::new(2));
            prop_assert_eq!(&got, &want);
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn equals_the_plain_kernels_to_the_bit(p in any_resize(), band in 1usize..9, seed in any::<u32>()) {
            let len = p.batch * p.in_h * p.in_w * p.channels;
            let signed = bytes(seed, len);
            let unsigned: Vec<u8> = signed.iter().map(|&v| v as u8).collect();
            check(&p, band, &values(seed, len), resize_bilinear_f32)?;
            check(&p, band, &unsigned, resize_bilinear_u8)?;
            check(&p, band, &signed, resize_bilinear_quantized)?;
        }

        #[test]
        fn nearest_equals_the_plain_kernel(p in any_resize(), size in 1usize..5, band in 1usize..9, seed in any::<u32>()) {
            let len = p.batch * p.in_h * p.in_w * p.channels * size;
            let input: Vec<u8> = bytes(seed, len).iter().map(|&v| v as u8).collect();
            let mut want = vec![0; p.batch * p.out_h * p.out_w * p.channels * size];
            resize_nearest(&p, size, &input, &mut want);
            let mut kernel = Nearest::new(&p, size);
            kernel.band = band;
            let mut got = vec![0xaa; want.len()];
            kernel.run(&input, &mut got, &Threads::new(2));
            prop_assert_eq!(&got, &want);
        }
    }
}

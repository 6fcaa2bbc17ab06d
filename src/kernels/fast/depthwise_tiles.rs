//! Register tiles of a float depthwise convolution: a few neighbouring outputs at once, so that each weight and input
//! that is loaded serves several of them.

use std::ops::Range;

use super::depthwise::{inside, tap_at};
use super::vector::Vector;
use crate::kernels::params::{Clamp, Conv2d};

/// Outputs of a tile along a row: image sizes are often multiples of 7.
const WIDE: usize = 7;

/// What all tiles of a convolution read.
pub struct Plane<'a> {
    pub p: &'a Conv2d,
    pub input: &'a [f32],
    /// `[k_h, k_w, out_c]`
    pub filter: &'a [f32],
    /// `[out_c]`
    pub bias: &'a [f32],
    pub clamp: Clamp,
}

/// Rows of `TH` outputs below each other, of windows `KW` wide with the stride `S` along the row.
struct Tile {
    /// Index of the input's first channel that tap (0, 0) of the first output sees, as if it were there.
    origin: isize,
    /// Rows of the window that lie inside the image, for every output row.
    ky: Range<usize>,
    /// Columns of the input that lie inside the image, and that an output needs, from `origin` on.
    columns: Range<usize>,
    /// Index of the first output, and outputs along the row.
    out: usize,
    wide: usize,
}

/// Whether there are tiles for this geometry and vector.
pub fn takes<V: Vector>(p: &Conv2d) -> bool {
    let window = matches!((p.k_w, p.stride_w), (3 | 5, 1 | 2));
    window && p.dilation_w == 1 && p.out_c == p.in_c && p.out_c >= V::LANES
}

impl Plane<'_> {
    /// Rows from `first` on (counting batch and y together) of a geometry that [`takes`] has taken.
    ///
    /// # Safety
    /// The instruction set of `V` must be there.
    #[inline(always)]
    pub unsafe fn rows<V: Vector>(&self, first: usize, out: &mut [f32]) {
        let p = self.p;
        assert!(takes::<V>(p) && self.bias.len() == p.out_c);
        assert_eq!(self.filter.len(), p.k_h * p.k_w * p.out_c);
        // SAFETY: the caller promises the instruction set.
        unsafe {
            match (p.k_w, p.stride_w) {
                (3, 1) => self.all::<V, 3, 1>(first, out),
                (3, 2) => self.all::<V, 3, 2>(first, out),
                (5, 1) => self.all::<V, 5, 1>(first, out),
                _ => self.all::<V, 5, 2>(first, out),
            }
        }
    }

    /// # Safety
    /// As [`Plane::rows`], for a geometry of this window and stride.
    #[inline(always)]
    unsafe fn all<V: Vector, const KW: usize, const S: usize>(
        &self,
        first: usize,
        out: &mut [f32],
    ) {
        let p = self.p;
        let count = out.len() / (p.out_w * p.out_c);
        let taps = |row: usize| {
            inside(
                row % p.out_h,
                p.stride_h,
                p.pad_top,
                p.dilation_h,
                p.k_h,
                p.in_h,
            )
        };
        let mut row = 0;
        while row < count {
            let at = first + row;
            let ky = taps(at);
            // Two rows of one image that see all of their windows' rows go together.
            let pair = V::REGISTERS >= 32
                && S == 1
                && row + 1 < count
                && !(at + 1).is_multiple_of(p.out_h)
                && ky == taps(at + 1);
            for x in (0..p.out_w).step_by(WIDE) {
                let (b, y) = (at / p.out_h, at % p.out_h);
                let iy = (b * p.in_h + y * p.stride_h) as isize - p.pad_top as isize;
                let ix = (x * S) as isize - p.pad_left as isize;
                let wide = WIDE.min(p.out_w - x);
                let needed = (wide - 1) * S + KW;
                let left = ix.min(0).unsigned_abs().min(needed);
                let right = (p.in_w as isize - ix).clamp(left as isize, needed as isize) as usize;
                let tile = Tile {
                    origin: (iy * p.in_w as isize + ix) * p.in_c as isize,
                    ky: ky.clone(),
                    columns: left..right,
                    out: (row * p.out_w + x) * p.out_c,
                    wide,
                };
                let whole = tile.columns == (0..(WIDE - 1) * S + KW);
                // SAFETY: as promised by the caller.
                unsafe {
                    match (pair, whole) {
                        (true, true) => self.channels::<V, 2, KW, S, true>(&tile, out),
                        (true, false) => self.channels::<V, 2, KW, S, false>(&tile, out),
                        (false, true) => self.channels::<V, 1, KW, S, true>(&tile, out),
                        (false, false) => self.channels::<V, 1, KW, S, false>(&tile, out),
                    }
                }
            }
            row += 1 + usize::from(pair);
        }
    }

    /// One tile, all channels. `WHOLE`: every column is inside the image and every output is there.
    ///
    /// # Safety
    /// As [`Plane::all`].
    #[inline(always)]
    unsafe fn channels<
        V: Vector,
        const TH: usize,
        const KW: usize,
        const S: usize,
        const WHOLE: bool,
    >(
        &self,
        tile: &Tile,
        out: &mut [f32],
    ) {
        let p = self.p;
        let (c, row) = (p.in_c, p.in_w * p.in_c);
        let below = p.stride_h * row;
        let tap_row = p.dilation_h * row;
        let some = !tile.ky.is_empty() && !tile.columns.is_empty();
        let (ky, columns) = match some {
            true => (tile.ky.clone(), tile.columns.clone()),
            false => (0..0, 0..0),
        };
        // What is read first and last of the input and the outputs; all channels of a cell lie together.
        if some {
            let from = tap_at(p, tile.origin, ky.start, columns.start);
            let last = tap_at(p, tile.origin, ky.end - 1, columns.end - 1) + (TH - 1) * below;
            assert!(from <= last && last + c <= self.input.len());
        }
        let out_row = p.out_w * p.out_c;
        assert!(tile.out + (TH - 1) * out_row + tile.wide * c <= out.len());
        assert!(tile.wide <= WIDE && (!WHOLE || tile.wide == WIDE));
        let (input, filter) = (self.input.as_ptr(), self.filter.as_ptr());
        let origin = input.wrapping_offset(tile.origin);
        let mut at = 0;
        while at < c {
            // The last vector may do some channels again.
            let ch = at.min(c - V::LANES);
            at = ch + V::LANES;
            // SAFETY: every load of the input lies between the first and the last cell asserted above, at the channels
            // `ch..ch + LANES` of `c`; filter and bias have their full length (asserted by `rows`), and the outputs lie
            // inside `out` (asserted above).
            unsafe {
                let bias = V::load(self.bias.as_ptr().add(ch));
                let begin = if V::IN_ORDER { V::splat(0.0) } else { bias };
                let mut sums = [[begin; WIDE]; TH];
                for ky in ky.clone() {
                    let weights = filter.add(ky * KW * c + ch);
                    let mut w = [begin; KW];
                    for (kx, w) in w.iter_mut().enumerate() {
                        *w = V::load(weights.add(kx * c));
                    }
                    let line = origin.wrapping_add(ky * tap_row + ch);
                    for (th, sums) in sums.iter_mut().enumerate() {
                        let mut from = line.wrapping_add(th * below);
                        // Column `S * half + parity` is under tap `S * j + parity` of output `half - j`.
                        for half in 0..WIDE + (KW - 1) / S {
                            for parity in 0..S {
                                let column = S * half + parity;
                                if column < (WIDE - 1) * S + KW
                                    && (WHOLE || columns.contains(&column))
                                {
                                    let x = V::load(from);
                                    for j in 0..KW.div_ceil(S) {
                                        let kx = S * j + parity;
                                        if kx < KW && half >= j && half - j < WIDE {
                                            let sum = &mut sums[half - j];
                                            *sum = sum.fma(x, w[kx]);
                                        }
                                    }
                                }
                                from = from.wrapping_add(c);
                            }
                        }
                    }
                }
                let (lo, hi) = (V::splat(self.clamp.lo), V::splat(self.clamp.hi));
                for (th, sums) in sums.iter().enumerate() {
                    let to = out.as_mut_ptr().add(tile.out + th * out_row + ch);
                    for (x, sum) in sums.iter().enumerate() {
                        if WHOLE || x < tile.wide {
                            let sum = if V::IN_ORDER { sum.add(bias) } else { *sum };
                            sum.clamp(lo, hi).store(to.add(x * c));
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::depthwise::PackedDepthwise;
    use super::super::testing::{close, values};
    use super::*;
    use crate::kernels::cpu;
    use crate::kernels::reference::conv::depthwise_f32;
    use crate::kernels::threads::Threads;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn tiles_equal_the_reference(
            (batch, out_h, out_w, c) in (1usize..3, 1usize..9, 1usize..24, 4usize..70),
            (k_h, five, stride_h, stride_w, dilation_h) in (1usize..6, any::<bool>(), 1usize..3, 1usize..3, 1usize..3),
            (pad_top, pad_left, less_h, less_w) in (0usize..7, 0usize..7, 0usize..7, 0usize..7),
            seed in any::<u32>(),
        ) {
            let k_w = if five { 5 } else { 3 };
            let (reach_h, reach_w) = ((k_h - 1) * dilation_h + 1, k_w);
            let p = Conv2d {
                batch,
                in_h: ((out_h - 1) * stride_h + reach_h).saturating_sub(less_h).max(1),
                in_w: ((out_w - 1) * stride_w + reach_w).saturating_sub(less_w).max(1),
                in_c: c,
                out_h,
                out_w,
                out_c: c,
                k_h,
                k_w,
                stride_h,
                stride_w,
                dilation_h,
                dilation_w: 1,
                pad_top,
                pad_left,
                groups: 1,
            };
            let (input, mut filter) = (values(seed, p.input_len()), values(seed ^ 1, k_h * k_w * c));
            let bias = values(seed ^ 2, c);
            let mut want = vec![0.0; p.output_len()];
            depthwise_f32(&p, &input, &filter, Some(&bias), Clamp::RELU, &mut want);
            let threads = Threads::new(2);
            for level in cpu::levels() {
                let packed = PackedDepthwise::with_level(level, &p, Some(&bias), Clamp::RELU);
                let mut got = vec![f32::NAN; p.output_len()];
                packed.run(&filter, &input, &mut got, &threads);
                close(&got, &want)?;
                packed.in_order().run(&filter, &input, &mut got, &threads);
                prop_assert_eq!(&got, &want);
            }
            // What lies in the padding is left out, not multiplied by 0.
            filter[seed as usize % (k_h * k_w * c)] = f32::INFINITY;
            depthwise_f32(&p, &input, &filter, Some(&bias), Clamp::NONE, &mut want);
            for level in cpu::levels() {
                let packed = PackedDepthwise::with_level(level, &p, Some(&bias), Clamp::NONE);
                let mut got = vec![0.0; p.output_len()];
                packed.run(&filter, &input, &mut got, &threads);
                for (got, want) in got.iter().zip(&want) {
                    prop_assert_eq!(got.is_finite(), want.is_finite());
                }
            }
        }
    }
}

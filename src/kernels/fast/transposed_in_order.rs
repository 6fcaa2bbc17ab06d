//! TRANSPOSE_CONV of floats whose products are added up in the order in which the reference scatters them, by float or
//! by integer weights: the sums are the very same.
//!
//! By integer weights the reference scales each product, first by the filter's scale, and adds them up in f32, unlike the
//! other hybrid kernels, which scale a sum of integers. Here each output is gathered: some channels of a cell at once, or,
//! of few channels, one channel of some neighbouring cells that see the same taps.

// By index: iterators are functions of their own, compiled without the instruction set of these loops.
#![allow(clippy::needless_range_loop)]

use super::vector::{Plain, Vector};
use crate::kernels::cpu::{self, Level};
use crate::kernels::params::{Clamp, Conv2d};
use crate::kernels::quantized::hybrid::HybridWeights;
use crate::kernels::quantized::row_scale::plain::quantize_asymmetric;
use crate::kernels::threads::Threads;

/// Numbers of the widest vector, of output channels or of cells, and of the vectors that are worked on at once.
const LANES: usize = 16;
const MOST: usize = 4 * LANES;

/// A filter `[out_c, k_h, k_w, in_c]`.
#[derive(Clone, Copy)]
pub enum Filter<'a> {
    Floats(&'a [f32], Option<&'a [f32]>),
    /// The input is quantized image by image, always asymmetric.
    Hybrid(HybridWeights<'a>),
}

impl Filter<'_> {
    fn len(&self) -> usize {
        match self {
            Filter::Floats(weights, _) => weights.len(),
            Filter::Hybrid(weights) => weights.values.len(),
        }
    }

    fn weight(&self, at: usize) -> f32 {
        match self {
            Filter::Floats(weights, _) => weights[at],
            Filter::Hybrid(weights) => f32::from(weights.values[at]),
        }
    }

    fn scale(&self, channel: usize) -> f32 {
        match self {
            Filter::Floats(..) => 1.0,
            Filter::Hybrid(weights) => weights.scale(channel),
        }
    }

    fn bias(&self, channel: usize) -> f32 {
        match self {
            Filter::Floats(_, bias) => bias.map_or(0.0, |bias| bias[channel]),
            Filter::Hybrid(weights) => weights.bias(channel),
        }
    }
}

/// A transposed convolution.
pub struct TransposedInOrder<'a> {
    pub p: Conv2d,
    pub filter: Filter<'a>,
    pub clamp: Clamp,
}

/// What the rows of an image are made of.
#[derive(Clone, Copy)]
struct Image<'a> {
    /// Less their zero point: pixel by pixel, or [`Planes`].
    values: &'a [f32],
    scale: f32,
    /// `[k_h, k_w, in_c, channels]`.
    filter: &'a [f32],
    scales: &'a [f32],
    planes: Option<Planes>,
}

/// Each row of an image channel by channel, with zeros on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Planes {
    left: usize,
    width: usize,
}

impl Planes {
    /// As wide as the outputs reach, in whole vectors.
    fn of(p: &Conv2d) -> Self {
        let left = ((p.k_w.max(1) - 1) * p.dilation_w).div_ceil(p.stride_w);
        let last = (p.out_w + p.pad_left) / p.stride_w;
        Planes {
            left,
            width: left + p.in_w.max(last + 2 * LANES),
        }
    }

    fn len(&self, p: &Conv2d) -> usize {
        [p.in_h, p.in_c]
            .into_iter()
            .fold(self.width, usize::saturating_mul)
    }
}

/// Elements of the turned filter, with whole blocks of channels, and their scales.
fn turned_len(p: &Conv2d) -> usize {
    let channels = p.out_c.div_ceil(LANES).saturating_mul(LANES);
    let depth = p.k_h.saturating_mul(p.k_w).saturating_mul(p.in_c);
    depth.saturating_add(1).saturating_mul(channels)
}

/// Elements of the scratch of [`TransposedInOrder::run`].
pub fn scratch_len(p: &Conv2d) -> usize {
    let pixels = p.in_h * p.in_w * p.in_c;
    turned_len(p).saturating_add(Planes::of(p).len(p).max(pixels))
}

impl TransposedInOrder<'_> {
    /// `quantized` is scratch of one input image's length where the filter is hybrid, `scratch` of [`scratch_len`].
    pub fn run(
        &self,
        input: &[f32],
        (quantized, scratch): (&mut [i8], &mut [f32]),
        output: &mut [f32],
        threads: &Threads,
    ) {
        let p = &self.p;
        assert_eq!((input.len(), output.len()), (p.input_len(), p.output_len()));
        if output.is_empty() {
            return;
        }
        let (turned, room) = scratch.split_at_mut(turned_len(p));
        let turned = self.turn(turned);
        let (in_len, row_len) = (p.in_h * p.in_w * p.in_c, p.out_w * p.out_c);
        let level = cpu::level();
        for (b, out) in output.chunks_exact_mut(p.out_h * row_len).enumerate() {
            let x = &input[b * in_len..][..in_len];
            let image = self.image(x, turned, quantized, room);
            threads.rows(out, row_len, 1, |first, rows| {
                for (y, out) in rows.chunks_exact_mut(row_len).enumerate() {
                    line(level, self, image, first + y, out);
                }
            });
        }
    }

    /// One image, quantized where the filter is hybrid.
    fn image<'t>(
        &self,
        x: &[f32],
        turned: Image<'t>,
        quantized: &mut [i8],
        room: &'t mut [f32],
    ) -> Image<'t> {
        let p = &self.p;
        let Filter::Hybrid(_) = self.filter else {
            return Image {
                values: place(p, turned.planes, |at| x[at], room),
                ..turned
            };
        };
        let quantized = &mut quantized[..x.len()];
        let row = quantize_asymmetric(x, quantized);
        let value = |at: usize| (i32::from(quantized[at]) - row.zero) as f32;
        Image {
            values: place(p, turned.planes, value, room),
            scale: row.scale,
            ..turned
        }
    }

    fn turn<'t>(&self, turned: &'t mut [f32]) -> Image<'t> {
        let p = &self.p;
        let depth = p.k_h * p.k_w * p.in_c;
        assert_eq!(self.filter.len(), p.out_c * depth);
        let channels = p.out_c.next_multiple_of(LANES);
        turned.fill(0.0);
        let (scales, filter) = turned.split_at_mut(channels);
        let mut finite = true;
        for c in 0..p.out_c {
            scales[c] = self.filter.scale(c);
            finite &= scales[c].is_finite();
            for (at, to) in filter[c..].iter_mut().step_by(channels).enumerate() {
                *to = self.filter.weight(c * depth + at);
                finite &= to.is_finite();
            }
        }
        // Beside the image weights are multiplied by 0.
        let few = p.out_c < LANES && finite;
        Image {
            values: &[],
            scale: 1.0,
            filter,
            scales,
            planes: few.then(|| Planes::of(p)),
        }
    }
}

/// Lays the pixels out as they are, or in planes.
fn place<'t>(
    p: &Conv2d,
    planes: Option<Planes>,
    value: impl Fn(usize) -> f32,
    room: &'t mut [f32],
) -> &'t [f32] {
    let Some(planes) = planes else {
        let room = &mut room[..p.in_h * p.in_w * p.in_c];
        room.iter_mut()
            .enumerate()
            .for_each(|(at, to)| *to = value(at));
        return room;
    };
    let room = &mut room[..planes.len(p)];
    room.fill(0.0);
    for (y, row) in room.chunks_exact_mut(p.in_c * planes.width).enumerate() {
        for (x, at) in (0..p.in_w).zip((y * p.in_w * p.in_c..).step_by(p.in_c)) {
            for i in 0..p.in_c {
                row[i * planes.width + planes.left + x] = value(at + i);
            }
        }
    }
    room
}

/// A row of the output.
fn line(level: Level, kernel: &TransposedInOrder, image: Image, y: usize, out: &mut [f32]) {
    assert!(level <= cpu::level(), "{level:?} is not there");
    // SAFETY: the level is there (asserted).
    unsafe {
        match level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => line_avx512(kernel, image, y, out),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => line_avx2(kernel, image, y, out),
            #[cfg(target_arch = "aarch64")]
            Level::Neon | Level::NeonDot => {
                line_of::<super::vector::arm::Neon>(kernel, image, y, out);
            }
            _ => line_of::<Plain>(kernel, image, y, out),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn line_avx512(kernel: &TransposedInOrder, image: Image, y: usize, out: &mut [f32]) {
    // SAFETY: the caller promises the instruction set.
    unsafe { line_of::<super::vector::x86::Avx512>(kernel, image, y, out) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn line_avx2(kernel: &TransposedInOrder, image: Image, y: usize, out: &mut [f32]) {
    // SAFETY: the caller promises the instruction set.
    unsafe { line_of::<super::vector::x86::Avx2>(kernel, image, y, out) }
}

/// # Safety
/// The instruction set of `V` must be there.
#[inline(always)]
unsafe fn line_of<V: Vector>(kernel: &TransposedInOrder, image: Image, y: usize, out: &mut [f32]) {
    let hybrid = matches!(kernel.filter, Filter::Hybrid(_));
    // SAFETY: promised by the caller.
    unsafe {
        match (image.planes, hybrid) {
            (Some(planes), true) => neighbours::<V, true>(kernel, image, planes, y, out),
            (Some(planes), false) => neighbours::<V, false>(kernel, image, planes, y, out),
            (None, true) => cells::<V, true>(kernel, image, y, out),
            (None, false) => cells::<V, false>(kernel, image, y, out),
        }
    }
}

/// # Safety
/// The instruction set of `V` must be there.
#[inline(always)]
unsafe fn cells<V: Vector, const HYBRID: bool>(
    kernel: &TransposedInOrder,
    image: Image,
    y: usize,
    out: &mut [f32],
) {
    let p = &kernel.p;
    for x in 0..p.out_w {
        let out = &mut out[x * p.out_c..(x + 1) * p.out_c];
        let mut first = 0;
        while first < p.out_c {
            let left = (p.out_c - first).div_ceil(V::LANES);
            // SAFETY: promised by the caller.
            first += unsafe {
                match left {
                    4.. => block::<V, HYBRID, 4>(kernel, image, (y, x), first, out),
                    2.. => block::<V, HYBRID, 2>(kernel, image, (y, x), first, out),
                    _ => block::<V, HYBRID, 1>(kernel, image, (y, x), first, out),
                }
            };
        }
    }
}

/// A product, scaled where the filter is hybrid.
///
/// # Safety
/// The instruction set of `V` must be there.
#[inline(always)]
unsafe fn product<V: Vector, const HYBRID: bool>(x: V, w: V, scale: V, own: V) -> V {
    // SAFETY: promised by the caller.
    unsafe {
        match HYBRID {
            true => x.mul(w).mul(scale).mul(own),
            false => x.mul(w),
        }
    }
}

/// `N` vectors of channels of a cell, from `first` on; gives how many channels.
///
/// # Safety
/// The instruction set of `V` must be there.
#[inline(always)]
unsafe fn block<V: Vector, const HYBRID: bool, const N: usize>(
    kernel: &TransposedInOrder,
    image: Image,
    (y, x): (usize, usize),
    first: usize,
    out: &mut [f32],
) -> usize {
    let (p, channels) = (&kernel.p, image.scales.len());
    assert!(first + N * V::LANES <= channels);
    let mut sums = [0f32; MOST];
    // SAFETY: the caller promises the instruction set; whole vectors of channels are there (asserted), of the scales, of
    // each pixel's weights (the slice of them is asserted), and `sums` holds `N` of the widest.
    unsafe {
        let scales: [V; N] = V::load_all(image.scales.as_ptr().add(first));
        let own = V::splat(image.scale);
        let mut vectors = [V::splat(0.0); N];
        // Loops, not an iterator: closures are functions of their own, without the instruction set of the caller.
        let depth = p.in_c * channels;
        for ky in (0..p.k_h).rev() {
            let Some(from_y) = source(y, p.pad_top, ky, p.dilation_h, p.stride_h) else {
                continue;
            };
            if from_y >= p.in_h {
                continue;
            }
            for kx in (0..p.k_w).rev() {
                let Some(from_x) = source(x, p.pad_left, kx, p.dilation_w, p.stride_w) else {
                    continue;
                };
                if from_x >= p.in_w {
                    continue;
                }
                let tap = ky * p.k_w + kx;
                let values = &image.values[(from_y * p.in_w + from_x) * p.in_c..][..p.in_c];
                let filter = image.filter[tap * depth..(tap + 1) * depth].as_ptr();
                for i in 0..p.in_c {
                    let x = V::splat(values[i]);
                    for v in 0..N {
                        let w = V::load(filter.add(i * channels + first + v * V::LANES));
                        let product = product::<V, HYBRID>(x, w, scales[v], own);
                        vectors[v] = vectors[v].add(product);
                    }
                }
            }
        }
        for v in 0..N {
            vectors[v].store(sums.as_mut_ptr().add(v * V::LANES));
        }
    }
    let count = (N * V::LANES).min(p.out_c - first);
    for c in first..first + count {
        out[c] = kernel.clamp.apply(sums[c - first] + kernel.filter.bias(c));
    }
    N * V::LANES
}

/// Few channels of each cell: cells that are a stride apart see the same taps, and neighbouring inputs through them.
///
/// # Safety
/// The instruction set of `V` must be there.
#[inline(always)]
unsafe fn neighbours<V: Vector, const HYBRID: bool>(
    kernel: &TransposedInOrder,
    image: Image,
    planes: Planes,
    y: usize,
    out: &mut [f32],
) {
    let p = &kernel.p;
    for phase in 0..p.stride_w.min(p.out_w) {
        let count = (p.out_w - phase).div_ceil(p.stride_w);
        for first in (0..count).step_by(V::LANES) {
            let place = (y, phase, first);
            let mut c = 0;
            while c < p.out_c {
                let sums = (c, V::LANES.min(count - first));
                // SAFETY: promised by the caller.
                c += unsafe {
                    match p.out_c - c {
                        4.. => some::<V, HYBRID, 4>(kernel, image, planes, place, sums, out),
                        3 => some::<V, HYBRID, 3>(kernel, image, planes, place, sums, out),
                        2 => some::<V, HYBRID, 2>(kernel, image, planes, place, sums, out),
                        _ => some::<V, HYBRID, 1>(kernel, image, planes, place, sums, out),
                    }
                };
            }
        }
    }
}

/// `N` channels from `c` on of a vector of cells, `count` of which are there, the first of them number `first` of its
/// phase; gives `N`.
///
/// # Safety
/// The instruction set of `V` must be there.
#[inline(always)]
unsafe fn some<V: Vector, const HYBRID: bool, const N: usize>(
    kernel: &TransposedInOrder,
    image: Image,
    planes: Planes,
    (y, phase, first): (usize, usize, usize),
    (c, count): (usize, usize),
    out: &mut [f32],
) -> usize {
    let (p, channels) = (&kernel.p, image.scales.len());
    let mut sums = [[0f32; LANES]; N];
    // SAFETY: the caller promises the instruction set; a vector from the last channel's plane lies inside the row
    // (asserted), and `sums` holds the widest.
    unsafe {
        let own = V::splat(image.scale);
        let mut vectors = [V::splat(0.0); N];
        let mut scales = [own; N];
        for n in 0..N {
            scales[n] = V::splat(image.scales[c + n]);
        }
        for ky in (0..p.k_h).rev() {
            let Some(from_y) = source(y, p.pad_top, ky, p.dilation_h, p.stride_h) else {
                continue;
            };
            if from_y >= p.in_h {
                continue;
            }
            let row = &image.values[from_y * p.in_c * planes.width..][..p.in_c * planes.width];
            for kx in (0..p.k_w).rev() {
                // Of cell `first`; never before the zeros on the left.
                let from = (planes.left + first) * p.stride_w + phase + p.pad_left;
                let Some(from) = source(from, 0, kx, p.dilation_w, p.stride_w) else {
                    continue;
                };
                assert!(from + V::LANES <= planes.width);
                let tap = (ky * p.k_w + kx) * p.in_c * channels;
                let filter = &image.filter[tap..tap + p.in_c * channels];
                for i in 0..p.in_c {
                    let x = V::load(row.as_ptr().add(i * planes.width + from));
                    for n in 0..N {
                        let w = V::splat(filter[i * channels + c + n]);
                        let product = product::<V, HYBRID>(x, w, scales[n], own);
                        vectors[n] = vectors[n].add(product);
                    }
                }
            }
        }
        for n in 0..N {
            vectors[n].store(sums[n].as_mut_ptr());
        }
    }
    for n in 0..N {
        let bias = kernel.filter.bias(c + n);
        for j in 0..count {
            let x = (first + j) * p.stride_w + phase;
            out[x * p.out_c + c + n] = kernel.clamp.apply(sums[n][j] + bias);
        }
    }
    N
}

/// The input's row or column that output `at` sees through a tap, if any; it may be behind the last.
#[inline(always)]
fn source(at: usize, pad: usize, tap: usize, dilation: usize, stride: usize) -> Option<usize> {
    let at = (at + pad).checked_sub(tap * dilation)?;
    at.is_multiple_of(stride).then_some(at / stride)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::kernels::reference::conv::{for_each_scatter, transpose_conv_f32};

    fn convolution() -> impl Strategy<Value = Conv2d> {
        let sizes = (
            1usize..3,
            1usize..6,
            prop_oneof![1usize..6, 15usize..40],
            1usize..5,
            prop_oneof![1usize..20, 1usize..80],
        );
        let windows = (
            (1usize..4, 1usize..4),
            (1usize..4, 1usize..4),
            (0usize..3, 0usize..3),
        );
        (sizes, windows).prop_map(
            |((batch, in_h, in_w, in_c, out_c), (k, stride, pad))| Conv2d {
                batch,
                in_h,
                in_w,
                in_c,
                out_h: ((in_h - 1) * stride.0 + k.0).saturating_sub(pad.0).max(1),
                out_w: ((in_w - 1) * stride.1 + k.1).saturating_sub(pad.1).max(1),
                out_c,
                k_h: k.0,
                k_w: k.1,
                stride_h: stride.0,
                stride_w: stride.1,
                dilation_h: 1,
                dilation_w: 1,
                pad_top: pad.0,
                pad_left: pad.1,
                groups: 1,
            },
        )
    }

    fn equal(
        kernel: &TransposedInOrder,
        input: &[f32],
        want: &[f32],
        threads: usize,
    ) -> Result<(), TestCaseError> {
        let p = &kernel.p;
        let images = p.in_h * p.in_w * p.in_c;
        let (mut quantized, mut scratch) = (vec![0; images], vec![f32::NAN; scratch_len(p)]);
        let mut found = vec![f32::NAN; want.len()];
        let room = (&mut quantized[..], &mut scratch[..]);
        kernel.run(input, room, &mut found, &Threads::new(threads));
        prop_assert_eq!(&found, want);
        let (turned, room) = scratch.split_at_mut(turned_len(p));
        let turned = kernel.turn(turned);
        let last = &input[(p.batch - 1) * images..];
        let image = kernel.image(last, turned, &mut quantized, room);
        for level in cpu::levels() {
            let mut row = vec![f32::NAN; p.out_w * p.out_c];
            line(level, kernel, image, p.out_h - 1, &mut row);
            prop_assert_eq!(&row[..], &want[want.len() - row.len()..]);
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn products_are_added_in_the_order_of_the_scatter(
            p in convolution(), alone in any::<bool>(), bias in any::<bool>(), threads in 1usize..3,
            numbers in (vec(-127i8..=127, 1..200), vec(0.001f32..0.1, 80), vec(-3f32..3.0, 1..200)),
        ) {
            let cycle = |len: usize| (0..len).map(|i| (i * 7 + i / 5) % numbers.0.len());
            let filter: Vec<i8> = cycle(p.out_c * p.k_h * p.k_w * p.in_c).map(|i| numbers.0[i]).collect();
            let input: Vec<f32> = (0..p.input_len()).map(|i| numbers.2[i * 11 % numbers.2.len()]).collect();
            let weights = HybridWeights {
                values: &filter,
                scales: &numbers.1[..if alone { 1 } else { p.out_c }],
                bias: bias.then(|| &numbers.1[..p.out_c]),
            };
            let mut want = vec![0f32; p.output_len()];
            let images = p.in_h * p.in_w * p.in_c;
            let (mut image, one) = (vec![0; images], Conv2d { batch: 1, ..p });
            for (x, out) in input.chunks(images).zip(want.chunks_mut(one.output_len())) {
                let row = quantize_asymmetric(x, &mut image);
                for_each_scatter(&one, |to, from, tap| {
                    for i in 0..p.in_c {
                        for c in 0..p.out_c {
                            let w = i32::from(filter[(c * p.k_h * p.k_w + tap) * p.in_c + i]);
                            let product = (i32::from(image[from + i]) - row.zero) * w;
                            out[to + c] += product as f32 * weights.scale(c) * row.scale;
                        }
                    }
                });
                for (at, out) in out.iter_mut().enumerate() {
                    *out += weights.bias(at % p.out_c);
                }
            }
            let hybrid = TransposedInOrder { p, filter: Filter::Hybrid(weights), clamp: Clamp::NONE };
            equal(&hybrid, &input, &want, threads)?;
            let filter: Vec<f32> = cycle(filter.len()).map(|i| f32::from(numbers.0[i]) * 0.37).collect();
            let bias = bias.then(|| &numbers.1[..p.out_c]);
            transpose_conv_f32(&p, &input, &filter, bias, Clamp::RELU6, &mut want);
            let float = TransposedInOrder { p, filter: Filter::Floats(&filter, bias), clamp: Clamp::RELU6 };
            equal(&float, &input, &want, threads)?;
        }
    }
}

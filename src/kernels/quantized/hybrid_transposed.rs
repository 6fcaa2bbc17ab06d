//! TRANSPOSE_CONV of floats by integer weights.
//!
//! The reference scales each product, first by the filter's scale, and adds them up in f32, unlike the other hybrid
//! kernels, which scale a sum of integers. Here each output is gathered in the order in which the reference scatters.

use super::hybrid::HybridWeights;
use super::row_scale::RowScale;
use super::row_scale::plain::quantize_asymmetric;
use crate::kernels::cpu::{self, by_level};
use crate::kernels::params::{Clamp, Conv2d};
use crate::kernels::threads::Threads;

/// Output channels are worked on in multiples of so many.
const CHANNELS: usize = 16;

/// Scratch of [`HybridTransposed::run`], in f32: the filter with whole blocks of channels last, and their scales.
pub fn turned_len(p: &Conv2d) -> usize {
    let channels = p.out_c.div_ceil(CHANNELS).saturating_mul(CHANNELS);
    let depth = p.k_h.saturating_mul(p.k_w).saturating_mul(p.in_c);
    depth.saturating_add(1).saturating_mul(channels)
}

/// A transposed convolution, whose inputs are quantized image by image, always asymmetric.
pub struct HybridTransposed<'a> {
    pub p: Conv2d,
    /// Filter `[out_c, k_h, k_w, in_c]`.
    pub weights: HybridWeights<'a>,
    pub clamp: Clamp,
}

/// What the rows of an image are made of.
#[derive(Clone, Copy)]
struct Image<'a> {
    values: &'a [i8],
    row: RowScale,
    /// `[k_h, k_w, in_c, channels]`.
    filter: &'a [f32],
    scales: &'a [f32],
}

impl HybridTransposed<'_> {
    /// `image` is scratch of one input image's length, `turned` of [`turned_len`].
    pub fn run(
        &self,
        input: &[f32],
        (image, turned): (&mut [i8], &mut [f32]),
        output: &mut [f32],
        threads: &Threads,
    ) {
        let p = &self.p;
        assert_eq!((input.len(), output.len()), (p.input_len(), p.output_len()));
        if output.is_empty() {
            return;
        }
        let turned = self.turn(&mut turned[..turned_len(p)]);
        let (in_len, row_len) = (p.in_h * p.in_w * p.in_c, p.out_w * p.out_c);
        let level = cpu::level();
        for (b, out) in output.chunks_exact_mut(p.out_h * row_len).enumerate() {
            let image = &mut image[..in_len];
            let row = quantize_asymmetric(&input[b * in_len..][..in_len], image);
            let image = Image {
                values: image,
                row,
                ..turned
            };
            threads.rows(out, row_len, 1, |first, rows| {
                for (y, out) in rows.chunks_exact_mut(row_len).enumerate() {
                    line(level, self, image, first + y, out);
                }
            });
        }
    }

    fn turn<'t>(&self, turned: &'t mut [f32]) -> Image<'t> {
        let p = &self.p;
        let depth = p.k_h * p.k_w * p.in_c;
        assert_eq!(self.weights.values.len(), p.out_c * depth);
        let channels = p.out_c.next_multiple_of(CHANNELS);
        turned.fill(0.0);
        let (scales, filter) = turned.split_at_mut(channels);
        for c in 0..p.out_c {
            scales[c] = self.weights.scale(c);
            let own = &self.weights.values[c * depth..][..depth];
            for (to, &w) in filter[c..].iter_mut().step_by(channels).zip(own) {
                *to = f32::from(w);
            }
        }
        Image {
            values: &[],
            row: RowScale {
                scale: 0.0,
                zero: 0,
            },
            filter,
            scales,
        }
    }
}

by_level! {
    /// A row of the output.
    fn line(kernel: &HybridTransposed<'_>, image: Image<'_>, y: usize, out: &mut [f32]) = cells
}

#[inline(always)]
fn cells(kernel: &HybridTransposed<'_>, image: Image<'_>, y: usize, out: &mut [f32]) {
    let p = &kernel.p;
    for (x, out) in out.chunks_exact_mut(p.out_c).enumerate() {
        let mut first = 0;
        while first < p.out_c {
            let left = (p.out_c - first).div_ceil(CHANNELS);
            first += match left {
                4.. => block::<{ 4 * CHANNELS }>(kernel, image, (y, x), first, out),
                2.. => block::<{ 2 * CHANNELS }>(kernel, image, (y, x), first, out),
                _ => block::<CHANNELS>(kernel, image, (y, x), first, out),
            };
        }
    }
}

/// `N` channels of a cell, from `first` on; gives how many.
#[inline(always)]
fn block<const N: usize>(
    kernel: &HybridTransposed<'_>,
    image: Image<'_>,
    (y, x): (usize, usize),
    first: usize,
    out: &mut [f32],
) -> usize {
    let (p, channels) = (&kernel.p, image.scales.len());
    let mut sums = [0f32; N];
    let mut scales = [0f32; N];
    scales.copy_from_slice(&image.scales[first..first + N]);
    for_each_source(p, (y, x), |cell, tap| {
        let values = &image.values[cell..cell + p.in_c];
        let filter = &image.filter[tap * p.in_c * channels + first..];
        for (i, &v) in values.iter().enumerate() {
            let v = (i32::from(v) - image.row.zero) as f32;
            let filter: &[f32; N] = filter[i * channels..].first_chunk().expect("a block");
            for c in 0..N {
                sums[c] += v * filter[c] * scales[c] * image.row.scale;
            }
        }
    });
    for (c, (out, sum)) in out[first..].iter_mut().zip(sums).enumerate() {
        *out = kernel.clamp.apply(sum + kernel.weights.bias(first + c));
    }
    N
}

/// Calls `f(first channel of the input cell, tap)` for what meets in an output cell, input cells in their order.
#[inline(always)]
fn for_each_source(p: &Conv2d, (y, x): (usize, usize), mut f: impl FnMut(usize, usize)) {
    let source = |at: usize, pad: usize, tap: usize, dilation: usize, stride: usize, len: usize| {
        let at = (at + pad).checked_sub(tap * dilation)?;
        (at % stride == 0 && at / stride < len).then_some(at / stride)
    };
    for ky in (0..p.k_h).rev() {
        let Some(from_y) = source(y, p.pad_top, ky, p.dilation_h, p.stride_h, p.in_h) else {
            continue;
        };
        for kx in (0..p.k_w).rev() {
            if let Some(from_x) = source(x, p.pad_left, kx, p.dilation_w, p.stride_w, p.in_w) {
                f((from_y * p.in_w + from_x) * p.in_c, ky * p.k_w + kx);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::kernels::reference::conv::for_each_scatter;

    fn convolution() -> impl Strategy<Value = Conv2d> {
        let sizes = (1usize..3, 1usize..6, 1usize..6, 1usize..5, 1usize..80);
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
            let kernel = HybridTransposed { p, weights, clamp: Clamp::NONE };
            let (mut found, mut turned) = (vec![f32::NAN; want.len()], vec![f32::NAN; turned_len(&p)]);
            kernel.run(&input, (&mut image, &mut turned), &mut found, &Threads::new(threads));
            prop_assert_eq!(&found, &want);
            for level in cpu::levels() {
                let mut row = vec![f32::NAN; p.out_w * p.out_c];
                let last = &input[(p.batch - 1) * images..];
                let scale = quantize_asymmetric(last, &mut image);
                let turned = kernel.turn(&mut turned);
                let image = Image { values: &image, row: scale, ..turned };
                line(level, &kernel, image, p.out_h - 1, &mut row);
                prop_assert_eq!(&row[..], &want[want.len() - row.len()..]);
            }
        }
    }
}

//! Dynamic range: float inputs are quantized on the way in, multiplied with integer weights (int4 one a byte), and
//! scaled back.

use super::row_scale::RowScale;
use super::row_scale::plain::{quantize_asymmetric, quantize_symmetric};
use crate::error::Result;
use crate::kernels::cpu::{self, by_level};
use crate::kernels::movement::gather::index;
use crate::kernels::params::{Clamp, Conv2d};
use crate::kernels::reference::matmul::MatMul;
use crate::kernels::threads::Threads;

#[inline]
pub(crate) fn dot(x: &[i8], w: &[i8], zero: i32) -> i32 {
    let product = |(&x, &w): (&i8, &i8)| (i32::from(x) - zero) * i32::from(w);
    x.iter().zip(w).map(product).sum()
}

/// Weights of a hybrid kernel: one scale for all or one per output channel.
#[derive(Debug, Clone, Copy)]
pub struct HybridWeights<'a> {
    pub values: &'a [i8],
    pub scales: &'a [f32],
    pub bias: Option<&'a [f32]>,
}

impl HybridWeights<'_> {
    pub fn scale(&self, channel: usize) -> f32 {
        let index = if self.scales.len() == 1 { 0 } else { channel };
        self.scales[index]
    }

    pub fn bias(&self, channel: usize) -> f32 {
        self.bias.map_or(0.0, |b| b[channel])
    }
}

/// FULLY_CONNECTED: filter `[units, depth]`, one scale per input row; `row` is scratch of `depth`.
pub fn fully_connected(
    depth: usize,
    asymmetric: bool,
    input: &[f32],
    weights: HybridWeights,
    clamp: Clamp,
    row: &mut [i8],
    output: &mut [f32],
) {
    let units = weights.values.len() / depth.max(1);
    assert_eq!(output.len(), input.len() / depth.max(1) * units);
    for (x, out) in input
        .chunks_exact(depth.max(1))
        .zip(output.chunks_exact_mut(units.max(1)))
    {
        let RowScale { scale, zero } = if asymmetric {
            quantize_asymmetric(x, row)
        } else {
            quantize_symmetric(x, row)
        };
        for (u, out) in out.iter_mut().enumerate() {
            let sum = dot(row, &weights.values[u * depth..(u + 1) * depth], zero);
            let value = sum as f32 * (scale * weights.scale(u)) + weights.bias(u);
            *out = clamp.apply(value);
        }
    }
}

/// Scales of a matrix: one in all, or so many for each of its rows, which share the row's elements evenly.
#[derive(Debug, Clone, Copy)]
pub struct MatrixScales<'a> {
    pub values: &'a [f32],
    /// 0 stands for one scale in all.
    pub per_row: usize,
}

impl<'a> MatrixScales<'a> {
    fn row(&self, row: usize) -> &'a [f32] {
        match self.per_row {
            0 => &self.values[..1],
            n => &self.values[row * n..(row + 1) * n],
        }
    }
}

/// FULLY_CONNECTED with several scales per row of the filter `[units, depth]`; input rows are always quantized
/// asymmetrically, as LiteRT's optimized kernel does (its reference kernel does not look at the scales of blocks).
/// `row` is scratch of `depth`.
pub fn fully_connected_in_blocks(
    depth: usize,
    input: &[f32],
    (filter, scales): (&[i8], MatrixScales),
    bias: Option<&[f32]>,
    clamp: Clamp,
    (row, threads): (&mut [i8], &Threads),
    output: &mut [f32],
) {
    let units = filter.len() / depth.max(1);
    assert_eq!(output.len(), input.len() / depth.max(1) * units);
    let block = (depth / scales.per_row.max(1)).max(1);
    let level = cpu::level();
    for (x, out) in input
        .chunks_exact(depth.max(1))
        .zip(output.chunks_exact_mut(units.max(1)))
    {
        let RowScale { scale, zero } = quantize_asymmetric(x, row);
        let row = &*row;
        threads.rows(out, 1, ENOUGH.div_ceil(depth.max(1)), |first, out| {
            for (u, out) in (first..).zip(out) {
                let weights = &filter[u * depth..(u + 1) * depth];
                let sum = sum_of_blocks(level, (row, zero), weights, block, scales.row(u));
                *out = clamp.apply(sum * scale + bias.map_or(0.0, |b| b[u]));
            }
        });
    }
}

/// Products from which on another thread gains.
const ENOUGH: usize = 1 << 16;

by_level! {
    /// The sum of the scaled sums of blocks.
    fn sum_of_blocks(x: (&[i8], i32), weights: &[i8], block: usize, scales: &[f32]) -> f32 = blocks_here
}

#[inline(always)]
fn blocks_here((x, zero): (&[i8], i32), weights: &[i8], block: usize, scales: &[f32]) -> f32 {
    // Blocks of a size that the compiler knows become a few vectors.
    match block {
        32 => blocks_of::<32>(x, zero, weights, scales),
        64 => blocks_of::<64>(x, zero, weights, scales),
        128 => blocks_of::<128>(x, zero, weights, scales),
        _ => {
            let blocks = x.chunks_exact(block).zip(weights.chunks_exact(block));
            let scaled = blocks.zip(scales);
            scaled
                .map(|((x, w), scale)| dot(x, w, zero) as f32 * scale)
                .sum()
        }
    }
}

#[inline(always)]
fn blocks_of<const N: usize>(x: &[i8], zero: i32, weights: &[i8], scales: &[f32]) -> f32 {
    let (x, weights) = (x.as_chunks::<N>().0, weights.as_chunks::<N>().0);
    let mut total = 0.0;
    let count = scales.len();
    let (x, weights) = (&x[..count], &weights[..count]);
    for (block, scale) in scales.iter().enumerate() {
        let (x, w) = (&x[block], &weights[block]);
        // A value less its zero point is at most 255: products of 16 bits, two of them added up in 32.
        let mut sum = 0;
        for i in 0..N {
            sum += i32::from(i16::from(x[i]) - zero as i16) * i32::from(w[i]);
        }
        total += sum as f32 * scale;
    }
    total
}

/// EMBEDDING_LOOKUP: rows of an integer table `[.., width]` as real numbers. Fails on an index outside the table.
pub fn embedding_lookup<I: Copy + Into<i64>>(
    width: usize,
    (table, scales): (&[i8], MatrixScales),
    indices: &[I],
    output: &mut [f32],
) -> Result<()> {
    assert_eq!(output.len(), indices.len() * width);
    let rows = table.len() / width.max(1);
    for (at, (&pick, out)) in indices
        .iter()
        .zip(output.chunks_exact_mut(width.max(1)))
        .enumerate()
    {
        let pick = index(pick.into(), rows, at)?;
        let scales = scales.row(pick);
        let block = (width / scales.len()).max(1);
        let row = &table[pick * width..(pick + 1) * width];
        for ((out, q), scale) in out.chunks_mut(block).zip(row.chunks(block)).zip(scales) {
            for (out, &q) in out.iter_mut().zip(q) {
                *out = f32::from(q) * scale;
            }
        }
    }
    Ok(())
}

/// CONV_2D, one input scale per image: symmetric with one weight scale, asymmetric with one per channel.
/// `image` is scratch of one image's length.
pub fn conv2d(
    p: &Conv2d,
    input: &[f32],
    weights: HybridWeights,
    clamp: Clamp,
    image: &mut [i8],
    output: &mut [f32],
) {
    assert_eq!(weights.values.len(), p.filter_len());
    let group_in = p.in_c / p.groups;
    let group_out = p.out_c / p.groups;
    let per_channel = weights.scales.len() > 1;
    each_image(
        p,
        per_channel,
        input,
        image,
        output,
        |image, at, out, row| {
            let (y, x) = at;
            for (c, out) in out.iter_mut().enumerate() {
                let mut sum = 0;
                for ky in 0..p.k_h {
                    for kx in 0..p.k_w {
                        let Some(cell) = p.source(0, y, x, ky, kx) else {
                            continue;
                        };
                        let from = cell + c / group_out * group_in;
                        let w = ((c * p.k_h + ky) * p.k_w + kx) * group_in;
                        sum += dot(
                            &image[from..from + group_in],
                            &weights.values[w..w + group_in],
                            row.zero,
                        );
                    }
                }
                // As the reference has it, to the bit.
                let value = match per_channel {
                    true => sum as f32 * weights.scale(c) * row.scale,
                    false => sum as f32 * (row.scale * weights.scale(c)),
                };
                *out = clamp.apply(value + weights.bias(c));
            }
        },
    );
}

/// DEPTHWISE_CONV_2D, filter `[k_h, k_w, out_c]`; always asymmetric, one input scale per image.
pub fn depthwise(
    p: &Conv2d,
    input: &[f32],
    weights: HybridWeights,
    clamp: Clamp,
    image: &mut [i8],
    output: &mut [f32],
) {
    assert_eq!(weights.values.len(), p.k_h * p.k_w * p.out_c);
    let multiplier = p.out_c / p.in_c.max(1);
    each_image(p, true, input, image, output, |image, (y, x), out, row| {
        for (c, out) in out.iter_mut().enumerate() {
            let mut sum = 0;
            for ky in 0..p.k_h {
                for kx in 0..p.k_w {
                    if let Some(cell) = p.source(0, y, x, ky, kx) {
                        let w = weights.values[(ky * p.k_w + kx) * p.out_c + c];
                        sum += (i32::from(image[cell + c / multiplier]) - row.zero) * i32::from(w);
                    }
                }
            }
            // Unlike CONV_2D, whose sums meet a channel's scale first.
            let scale = weights.scale(c) * row.scale;
            *out = clamp.apply(sum as f32 * scale + weights.bias(c));
        }
    });
}

/// Quantizes image after image and calls `f(image, (y, x), output channels, scale)` for every output cell.
fn each_image(
    p: &Conv2d,
    asymmetric: bool,
    input: &[f32],
    image: &mut [i8],
    output: &mut [f32],
    f: impl Fn(&[i8], (usize, usize), &mut [f32], RowScale),
) {
    assert_eq!(input.len(), p.input_len());
    assert_eq!(output.len(), p.output_len());
    if output.is_empty() {
        return;
    }
    let image_len = p.in_h * p.in_w * p.in_c;
    let image = &mut image[..image_len];
    for (x, out) in input
        .chunks_exact(image_len.max(1))
        .zip(output.chunks_exact_mut(p.out_h * p.out_w * p.out_c))
    {
        let scale = if asymmetric {
            quantize_asymmetric(x, image)
        } else {
            quantize_symmetric(x, image)
        };
        for (cell, out) in out.chunks_exact_mut(p.out_c).enumerate() {
            f(image, (cell / p.out_w, cell % p.out_w), out, scale);
        }
    }
}

/// BATCH_MATMUL with float `x` `[.., m, k]` and int8 `y`, which has one scale or one per column: one scale per row of `x`.
/// `row` is scratch of `k`.
/// `p.adj_x` must be false: transpose `x` first.
#[allow(clippy::too_many_arguments)]
pub fn batch_matmul(
    p: &MatMul,
    asymmetric: bool,
    (x, x_batch): (&[f32], &[usize]),
    (y, y_batch, scales): (&[i8], &[usize], &[f32]),
    row: &mut [i8],
    (output, out_batch): (&mut [f32], &[usize]),
) {
    assert!(!p.adj_x, "transpose x first");
    let (yk, yn) = if p.adj_y { (1, p.k) } else { (p.n, 1) };
    p.for_each_batch(x_batch, y_batch, out_batch, |x0, y0, o0| {
        for m in 0..p.m {
            let x = &x[x0 + m * p.k..x0 + (m + 1) * p.k];
            let RowScale { scale, zero } = if asymmetric {
                quantize_asymmetric(x, row)
            } else {
                quantize_symmetric(x, row)
            };
            for n in 0..p.n {
                let sum: i32 = row
                    .iter()
                    .enumerate()
                    .map(|(k, &q)| (i32::from(q) - zero) * i32::from(y[y0 + k * yk + n * yn]))
                    .sum();
                let own = scales[if scales.len() == 1 { 0 } else { n }];
                output[o0 + m * p.n + n] = sum as f32 * (scale * own);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::kernels::reference::fully_connected::fully_connected_f32;

    #[test]
    fn close_to_the_float_product() {
        let weights = HybridWeights {
            values: &[127, -64],
            scales: &[0.01],
            bias: Some(&[1.0]),
        };
        let mut out = [0.0];
        for asymmetric in [false, true] {
            let mut row = [0; 2];
            fully_connected(
                2,
                asymmetric,
                &[1.0, 0.5],
                weights,
                Clamp::NONE,
                &mut row,
                &mut out,
            );
            assert!((out[0] - (1.27 - 0.32 + 1.0)).abs() < 0.01, "{}", out[0]);
        }
    }

    /// With one scale the reference scales by the product of both, with one per channel by one after the other.
    #[test]
    fn a_convolution_scales_as_the_reference_does() {
        let p = Conv2d::product(1, 3, 2);
        let mut apart = 0;
        for seed in 1..200 {
            let x = [0.1 * seed as f32, -0.37, 1.3];
            let values = [7, -9, 100, 3, 55, -128];
            let scale = 0.003 + 1e-5 * seed as f32;
            for scales in [&[scale][..], &[scale, scale]] {
                let weights = HybridWeights {
                    values: &values,
                    scales,
                    bias: None,
                };
                let (mut q, mut out) = ([0; 3], [0.0; 2]);
                conv2d(&p, &x, weights, Clamp::NONE, &mut q, &mut out);
                let row = match scales.len() {
                    1 => quantize_symmetric(&x, &mut q),
                    _ => quantize_asymmetric(&x, &mut q),
                };
                let sum = dot(&q, &values[3..], row.zero) as f32;
                let [together, after] = [sum * (row.scale * scale), sum * scale * row.scale];
                let want = if scales.len() == 1 { together } else { after };
                assert_eq!(out[1], want);
                apart += usize::from(together != after);
            }
        }
        assert!(apart > 20, "{apart}");
    }

    #[test]
    fn columns_have_scales_of_their_own() {
        let p = MatMul {
            m: 2,
            k: 3,
            n: 2,
            adj_x: false,
            adj_y: true,
        };
        let x = [0.5, -1.0, 2.0, 0.25, 3.0, -0.5];
        let y = [5i8, -7, 100, 127, 1, -3];
        let run = |scales: &[f32]| {
            let mut out = [0.0; 4];
            let y = (&y[..], &[][..], scales);
            batch_matmul(&p, true, (&x, &[]), y, &mut [0; 3], (&mut out, &[]));
            out
        };
        let (first, second) = (run(&[0.1]), run(&[0.02]));
        let both = run(&[0.1, 0.02]);
        assert_eq!(both, [first[0], second[1], first[2], second[3]]);
    }

    /// What the quantized `x` stands for.
    fn real(x: &[f32]) -> Vec<f32> {
        let mut q = vec![0; x.len()];
        let row = quantize_asymmetric(x, &mut q);
        q.iter()
            .map(|&q| (i32::from(q) - row.zero) as f32 * row.scale)
            .collect()
    }

    fn close(found: &[f32], wanted: &[f32]) {
        let most = wanted.iter().fold(1f32, |m, v| m.max(v.abs()));
        for (f, w) in found.iter().zip(wanted) {
            assert!((f - w).abs() <= 1e-5 * most, "{f} for {w}");
        }
    }

    /// A matrix of int4 with scales for blocks, and input rows.
    #[derive(Debug, Clone)]
    struct Case {
        depth: usize,
        blocks: usize,
        filter: Vec<i8>,
        scales: Vec<f32>,
        x: Vec<f32>,
    }

    fn case() -> impl Strategy<Value = Case> {
        (1usize..5, 1usize..4, 1usize..9, 1usize..4).prop_flat_map(
            |(units, blocks, block, rows)| {
                let depth = blocks * block;
                (
                    vec(-7i8..=7, units * depth),
                    vec(0.01f32..0.2, units * blocks),
                    vec(-3f32..5.0, rows * depth),
                )
                    .prop_map(move |(filter, scales, x)| Case {
                        depth,
                        blocks,
                        filter,
                        scales,
                        x,
                    })
            },
        )
    }

    #[test]
    fn blocks_of_every_size_are_summed_up_alike() {
        for block in [8usize, 32, 64, 128, 256] {
            let depth = 3 * block;
            let x: Vec<i8> = (0..depth).map(|i| (i * 37 % 256) as u8 as i8).collect();
            let weights: Vec<i8> = (0..depth).map(|i| (i * 91 % 256) as u8 as i8).collect();
            let scales = [0.5, 0.25, 2.0];
            for zero in [-128, 0, 127] {
                let sum = |b: usize| {
                    dot(
                        &x[b * block..][..block],
                        &weights[b * block..][..block],
                        zero,
                    )
                };
                let want: f32 = (0..3).map(|b| sum(b) as f32 * scales[b]).sum();
                for level in cpu::levels() {
                    assert_eq!(
                        sum_of_blocks(level, (&x, zero), &weights, block, &scales),
                        want
                    );
                }
            }
        }
    }

    proptest! {
        #[test]
        fn blocks_have_scales_of_their_own(case in case()) {
            let Case { depth, blocks, filter, scales, x } = case;
            let block = depth / blocks;
            let units = filter.len() / depth;
            let weights: Vec<f32> = filter
                .iter()
                .enumerate()
                .map(|(i, &q)| f32::from(q) * scales[i / block])
                .collect();
            let matrix = (&filter[..], MatrixScales { values: &scales, per_row: blocks });

            let inputs: Vec<f32> = x.chunks(depth).flat_map(real).collect();
            let mut wanted = vec![0.0; x.len() / depth * units];
            let mut found = wanted.clone();
            fully_connected_f32(depth, &inputs, &weights, None, Clamp::NONE, &mut wanted);
            let mut row = vec![0; depth];
            fully_connected_in_blocks(depth, &x, matrix, None, Clamp::NONE, (&mut row, &Threads::new(2)), &mut found);
            close(&found, &wanted);

            let picks: Vec<i32> = (0..units as i32).rev().collect();
            let mut found = vec![0.0; units * depth];
            embedding_lookup(depth, matrix, &picks, &mut found).unwrap();
            let wanted: Vec<f32> = weights.chunks(depth).rev().flatten().copied().collect();
            prop_assert_eq!(found, wanted);
            let past = [units as i32];
            prop_assert!(embedding_lookup(depth, matrix, &past, &mut vec![0.0; depth]).is_err());
        }
    }
}

//! DEPTHWISE_CONV_2D that writes over its own input: half the memory where images are large.
//!
//! A strip of rows is copied aside, with the rows above and below that its windows see, and convolved back to where it
//! came from. The rows above are kept from the strip before. Threads work on bands of rows; what a band sees of its
//! neighbours is copied before any of them begins.

use super::depthwise::PackedDepthwise;
use crate::kernels::params::Conv2d;
use crate::kernels::threads::{Threads, cores};

/// Elements of a strip: what the cache of a core holds with room for the result.
const STRIP: usize = 96 << 10;

/// A [`PackedDepthwise`] of stride 1 whose result has its input's sizes.
#[derive(Debug, Clone)]
pub struct DepthwiseOver {
    kernel: PackedDepthwise,
    /// Rows that a window sees above and below its own.
    above: usize,
    below: usize,
    /// Rows of a strip, and of a band.
    strip: usize,
    band: usize,
}

impl DepthwiseOver {
    /// `None` for other geometries.
    pub fn new(kernel: &PackedDepthwise) -> Option<Self> {
        let p = kernel.geometry();
        let alike = (p.in_h, p.in_w, p.in_c) == (p.out_h, p.out_w, p.out_c);
        let reach = p.k_h.checked_sub(1)?.checked_mul(p.dilation_h)?;
        if !alike || p.stride_h != 1 || p.stride_w != 1 || p.input_len() == 0 {
            return None;
        }
        let band = p.in_h.div_ceil(cores());
        let strip = STRIP / (p.in_w * p.in_c);
        Some(DepthwiseOver {
            above: p.pad_top,
            below: reach.checked_sub(p.pad_top)?,
            strip: strip.clamp(1, band),
            band,
            kernel: kernel.clone(),
        })
    }

    /// Rows that a band copies aside: a strip with what its windows see, and the neighbour's rows below the band.
    fn aside(&self) -> usize {
        self.above + self.strip + 2 * self.below
    }

    /// Elements of scratch that [`DepthwiseOver::run`] takes.
    pub fn scratch_len(&self) -> usize {
        let p = self.kernel.geometry();
        let bands = p.in_h.div_ceil(self.band);
        bands.saturating_mul(self.aside() * p.in_w * p.in_c)
    }

    /// Convolves `image` with a filter `[k_h, k_w, out_c]`.
    pub fn run(&self, filter: &[f32], image: &mut [f32], scratch: &mut [f32], threads: &Threads) {
        let p = self.kernel.geometry();
        assert_eq!(filter.len(), p.k_h * p.k_w * p.out_c, "filter of {p:?}");
        assert_eq!(image.len(), p.input_len(), "input of {p:?}");
        assert_eq!(scratch.len(), self.scratch_len(), "scratch of {p:?}");
        let row = p.in_w * p.in_c;
        let (band, aside) = (self.band * row, self.aside() * row);
        for image in image.chunks_exact_mut(p.in_h * row) {
            for (at, aside) in scratch.chunks_exact_mut(aside).enumerate() {
                self.copy_neighbours(image, at * self.band, aside);
            }
            threads.pairs((image, band), (scratch, aside), |at, band, aside| {
                self.run_band(at * self.band, filter, band, aside);
            });
        }
    }

    /// Rows above and below the band from row `first` on.
    fn copy_neighbours(&self, image: &[f32], first: usize, aside: &mut [f32]) {
        let p = self.kernel.geometry();
        let row = p.in_w * p.in_c;
        let (strip, halo) = aside.split_at_mut((self.above + self.strip + self.below) * row);
        let above = self.above.min(first);
        strip[(self.above - above) * row..self.above * row]
            .copy_from_slice(&image[(first - above) * row..first * row]);
        let end = (first + self.band).min(p.in_h);
        let below = self.below.min(p.in_h - end);
        halo[..below * row].copy_from_slice(&image[end * row..(end + below) * row]);
    }

    fn run_band(&self, first: usize, filter: &[f32], band: &mut [f32], aside: &mut [f32]) {
        let p = self.kernel.geometry();
        let row = p.in_w * p.in_c;
        let (strip, halo) = aside.split_at_mut((self.above + self.strip + self.below) * row);
        let rows = band.len() / row;
        let mut done = 0;
        while done < rows {
            let count = self.strip.min(rows - done);
            let above = self.above.min(first + done);
            let below = self.below.min(p.in_h - (first + done + count));
            // Below the band's end the neighbour may have written.
            let own = (count + below).min(rows - done);
            let (start, cut) = (self.above * row, (self.above + own) * row);
            strip[start..cut].copy_from_slice(&band[done * row..(done + own) * row]);
            let foreign = count + below - own;
            strip[cut..cut + foreign * row].copy_from_slice(&halo[..foreign * row]);
            let seen = (self.above - above) * row..cut + foreign * row;
            let geometry = Conv2d {
                batch: 1,
                in_h: above + count + below,
                out_h: count,
                pad_top: self.above - above,
                ..*p
            };
            let out = &mut band[done * row..(done + count) * row];
            (self.kernel).some_rows(&geometry, &strip[seen], filter, 0, out);
            strip.copy_within(count * row..(count + self.above) * row, 0);
            done += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{any_conv, values};
    use super::*;
    use crate::kernels::Clamp;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn equals_the_one_beside_its_input_to_the_bit(
            p in any_conv(), above in 0usize..9, strip in 1usize..5, band in 1usize..9, seed in any::<u32>()
        ) {
            let reach = (p.k_h - 1) * p.dilation_h;
            let p = Conv2d {
                in_c: p.out_c,
                groups: 1,
                stride_h: 1,
                stride_w: 1,
                out_h: p.in_h,
                out_w: p.in_w,
                pad_top: above.min(reach),
                ..p
            };
            let (mut image, filter) = (values(seed, p.input_len()), values(seed ^ 1, p.k_h * p.k_w * p.out_c));
            let bias = values(seed ^ 2, p.out_c);
            let kernel = PackedDepthwise::new(&p, Some(&bias), Clamp::RELU6);
            let mut want = vec![f32::NAN; p.output_len()];
            let threads = Threads::new(3);
            kernel.run(&filter, &image, &mut want, &threads);
            let mut over = DepthwiseOver::new(&kernel).unwrap();
            over.band = band.min(p.in_h);
            over.strip = strip.min(over.band);
            let mut scratch = vec![f32::NAN; over.scratch_len()];
            over.run(&filter, &mut image, &mut scratch, &threads);
            prop_assert_eq!(image, want);
        }
    }
}

//! CONV_2D and FULLY_CONNECTED on int8 with packed weights; answers equal the reference's to the bit.

use super::epilogue::Epilogue;
use super::finish::table;
use super::int8_sums::Int8Sums;
use super::panels::Aligned;
use super::tile_int8::{Choice, Form, choose};
use super::window::Window;
use crate::kernels::cpu::{self, Level};
use crate::kernels::params::Conv2d;
use crate::kernels::requant::Requant;
use crate::kernels::threads::Threads;

/// An int8 filter in panels for this processor; kernels of any input sizes share it.
#[derive(Clone)]
pub struct Int8Weights {
    pub(super) groups: usize,
    pub(super) out_c: usize,
    pub(super) taps: usize,
    pub(super) run: usize,
    pub(super) panels: Aligned,
    /// Of each output channel's weights.
    pub(super) sums: Vec<i32>,
    pub(super) level: Level,
    pub(super) choice: Choice,
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

    pub(super) fn panel_count(&self) -> usize {
        self.groups * (self.out_c / self.groups).div_ceil(self.choice.width)
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
                    Form::Bytes | Form::Signed => bytes[at] = w as u8,
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
            (batch, depth, units) in (1usize..70, 1usize..200, 1usize..80),
            seed in any::<u32>(),
            zero in -128i32..128,
        ) {
            let (input, filter) = (bytes(seed, batch * depth), bytes(seed ^ 1, units * depth));
            let requant = Requant::double(&[7e-4], 2, (-128, 127));
            let zeros = ZeroPoints { input: zero, filter: 0 };
            let mut want = vec![0i8; batch * units];
            fully_connected_quantized(depth, &input, &filter, None, zeros, &requant, &mut want);
            let p = Conv2d::product(batch, depth, units);
            for level in cpu::levels() {
                let weights = Int8Weights::with_level(level, &p, &filter);
                let packed = PackedConv2dInt8::new(&p, &weights, None, zero, &requant).unwrap();
                let mut scratch = vec![0; packed.scratch_len()];
                let mut got = vec![0i8; batch * units];
                packed.run(&weights, &input, &mut got, &mut scratch, &Threads::new(3));
                prop_assert_eq!(&got, &want);
            }
        }
    }

    #[test]
    fn one_wide_row_is_split_by_columns() {
        let (depth, units) = (600, 1000);
        let (input, filter) = (bytes(1, depth), bytes(2, depth * units));
        let requant = Requant::double(&[7e-4], 2, (-128, 127));
        let p = Conv2d::product(1, depth, units);
        let weights = Int8Weights::new(&p, &filter);
        let packed = PackedConv2dInt8::new(&p, &weights, None, 9, &requant).unwrap();
        let mut scratch = vec![0; packed.scratch_len()];
        let (mut one, mut four) = (vec![0i8; units], vec![0i8; units]);
        packed.run(&weights, &input, &mut one, &mut scratch, &Threads::single());
        packed.run(&weights, &input, &mut four, &mut scratch, &Threads::new(4));
        assert_eq!(one, four);
    }
}

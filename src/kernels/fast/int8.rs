//! CONV_2D and FULLY_CONNECTED on int8 and uint8 with packed weights; answers equal the reference's to the bit.

// By index: iterators are functions of their own, compiled without the instruction set of these loops.
#![allow(clippy::needless_range_loop)]

use super::byte::Byte;
use super::epilogue::Epilogue;
use super::finish::table;
use super::int8_sums::Int8Sums;
use super::panels::Aligned;
use super::tile_int8::{Choice, Form, choose};
use super::window::Window;
use crate::kernels::cpu::{self, Level, by_level};
use crate::kernels::params::Conv2d;
use crate::kernels::requant::Requant;
use crate::kernels::threads::Threads;

/// An 8-bit filter in panels for this processor; kernels of any input sizes share it.
///
/// Weights less their zero point, up to 255 in size, that don't fit the tile's numbers are sums of two or three that do:
/// these are layers, and the window goes over its inputs once for each of them.
#[derive(Clone)]
pub struct Int8Weights {
    pub(super) groups: usize,
    pub(super) out_c: usize,
    pub(super) taps: usize,
    pub(super) run: usize,
    pub(super) layers: usize,
    pub(super) panels: Aligned,
    /// Of each output channel's weights.
    pub(super) sums: Vec<i32>,
    /// The largest sum of each output channel, without its bias.
    largest: Vec<i64>,
    pub(super) level: Level,
    pub(super) choice: Choice,
}

impl Int8Weights {
    /// Packs a filter `[out_c, k_h, k_w, in_c / groups]` with this zero point, a number of its type.
    pub fn new<B: Byte>(p: &Conv2d, filter: &[B], zero: i32) -> Self {
        Self::with_level(cpu::level(), p, filter, zero)
    }

    /// For one instruction set, which must be there.
    pub fn with_level<B: Byte>(level: Level, p: &Conv2d, filter: &[B], zero: i32) -> Self {
        assert!(level <= cpu::level(), "{level:?} is not there");
        assert_eq!(filter.len(), p.filter_len(), "filter of {p:?}");
        let choice = choose(level);
        let window = Window::new(p);
        let depth = (p.k_h * p.k_w * (p.in_c / p.groups)).max(1);
        let rows = filter.chunks_exact(depth);
        let traits: Vec<Traits> = rows.map(|row| traits(level, row, zero)).collect();
        let lo = traits.iter().map(|row| row.lo).min().unwrap_or(0);
        let hi = traits.iter().map(|row| row.hi).max().unwrap_or(0);
        let layers = layers(lo, hi, choice.form);
        Int8Weights {
            groups: p.groups,
            out_c: p.out_c,
            taps: window.taps.len(),
            run: window.run,
            layers,
            panels: pack(&window, (filter, zero), layers, choice),
            sums: table(traits.iter().map(|row| row.sum), 0),
            largest: traits
                .iter()
                .map(|row| row.size.saturating_mul(255))
                .collect(),
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
    /// With a bias `[out_c]`; `zero` is the input's zero point, and that of `requant` the output's, in int8. `None` for
    /// 64-bit sums, and for sums that leave 32 bits.
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
        let largest = |c: usize| own(c).abs().saturating_add(weights.largest[c]);
        if (0..p.out_c).any(|c| largest(c) > i64::from(i32::MAX)) {
            return None;
        }
        let epilogue = Epilogue::new(
            weights.level,
            requant,
            p.out_c,
            |c| (own(c) as i32).wrapping_sub(less(c)),
            largest,
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
    pub fn run<B: Byte>(
        &self,
        weights: &Int8Weights,
        input: &[B],
        output: &mut [B],
        scratch: &mut [u8],
        threads: &Threads,
    ) {
        let p = self.sums.conv();
        assert_eq!(input.len(), p.input_len(), "input of {p:?}");
        let scratch = &mut scratch[..self.scratch_len()];
        self.sums.prepare(input, |_| self.zero, scratch, threads);
        let out = bytemuck::cast_slice_mut(output);
        self.sums
            .run(weights, scratch, out, threads, &self.epilogue);
        B::restore(weights.level, output);
    }
}

/// The largest size of a sum of `depth` products of an int8 less its zero point and a weight.
pub(super) fn largest_sum(depth: usize) -> i64 {
    i64::try_from(depth).map_or(i64::MAX, |depth| depth.saturating_mul(255 * 128))
}

/// What there is to know of the weights of an output channel.
#[derive(Debug, Clone, Copy, Default)]
struct Traits {
    sum: i32,
    /// The sum of their sizes.
    size: i64,
    lo: i32,
    hi: i32,
}

by_level! {
    fn traits<B: Byte>(row: &[B], zero: i32) -> Traits = traits_of
}

#[inline(always)]
fn traits_of<B: Byte>(row: &[B], zero: i32) -> Traits {
    /// Sizes of so many weights fit 32 bits.
    const PART: usize = 1 << 16;
    let mut all = Traits::default();
    let mut done = 0;
    while done < row.len() {
        let part = &row[done..row.len().min(done + PART)];
        let mut size = 0;
        for i in 0..part.len() {
            let weight = part[i].into() - zero;
            all.sum = all.sum.wrapping_add(weight);
            size += weight.abs();
            all.lo = all.lo.min(weight);
            all.hi = all.hi.max(weight);
        }
        all.size += i64::from(size);
        done += PART;
    }
    all
}

/// How many numbers of the form it takes to add up to each weight between these.
pub(super) fn layers(lo: i32, hi: i32, form: Form) -> usize {
    match form {
        Form::Words => 1,
        Form::Bytes | Form::Signed => {
            let of = |size: i32, most: i32| size.unsigned_abs().div_ceil(most.unsigned_abs());
            of(lo, -128).max(of(hi, 127)).max(1) as usize
        }
    }
}

/// The int8 of a weight in this layer.
#[inline(always)]
pub(super) fn in_layer(weight: i32, layer: usize) -> i8 {
    let taken = |most: i32| most * layer as i32;
    let left = match weight {
        0.. => (weight - taken(127)).max(0),
        _ => (weight + taken(128)).min(0),
    };
    left.clamp(-128, 127) as i8
}

/// `[panel][layer][tap][group of k][width]` groups of 4 bytes; runs are filled up to whole groups with zeros.
fn pack<B: Byte>(
    window: &Window,
    (filter, zero): (&[B], i32),
    layers: usize,
    Choice { form, width, .. }: Choice,
) -> Aligned {
    let p = &window.p;
    let group_out = p.out_c / p.groups;
    let per_group = group_out.div_ceil(width);
    let (taps, run, together) = (window.taps.len(), window.run, form.group());
    let k_groups = run.div_ceil(together);
    let layer = taps * k_groups * width;
    let panel = layers * layer;
    let mut panels = Aligned::zeroed::<u8>(p.groups * per_group * panel * 4);
    let groups = panels.values_mut::<u8>().as_chunks_mut::<4>().0;
    for c in 0..p.out_c {
        let (g, in_group) = (c / group_out, c % group_out);
        let start = (g * per_group + in_group / width) * panel + in_group % width;
        for tap in 0..taps {
            let weights = &filter[(c * taps + tap) * run..][..run];
            for k in 0..k_groups {
                let some = &weights[k * together..run.min((k + 1) * together)];
                for at in 0..layers {
                    let to = start + at * layer + (tap * k_groups + k) * width;
                    groups[to] = group_of(some, zero, (at, layers), form);
                }
            }
        }
    }
    panels
}

/// A group of weights in this layer, filled up with zeros.
#[inline(always)]
fn group_of<B: Byte>(
    weights: &[B],
    zero: i32,
    (layer, layers): (usize, usize),
    form: Form,
) -> [u8; 4] {
    let mut group = [0; 4];
    for i in 0..weights.len() {
        let weight = weights[i].into() - zero;
        match form {
            Form::Bytes | Form::Signed if layers == 1 => group[i] = weight as u8,
            Form::Bytes | Form::Signed => group[i] = in_layer(weight, layer) as u8,
            Form::Words => {
                [group[2 * i], group[2 * i + 1]] = (weight as i16).to_ne_bytes();
            }
        }
    }
    group
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

    fn unsigned(values: &[i8]) -> Vec<u8> {
        values.iter().map(|&v| v as u8).collect()
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
                let weights = Int8Weights::with_level(level, &p, &filter, 0);
                let packed = PackedConv2dInt8::new(&p, &weights, Some(&bias), zero, &requant).unwrap();
                let mut scratch = vec![0xaa; packed.scratch_len()];
                let mut got = vec![0i8; p.output_len()];
                packed.run(&weights, &input, &mut got, &mut scratch, &Threads::new(2));
                prop_assert_eq!(&got, &want);
            }
        }

        #[test]
        fn unsigned_bytes_equal_the_reference_to_the_bit(
            p in any_conv(),
            seed in any::<u32>(),
            (zero, filter_zero) in (0i32..256, prop_oneof![0i32..256, Just(0), Just(255)]),
        ) {
            let input = unsigned(&bytes(seed, p.input_len()));
            let mut filter = unsigned(&bytes(seed ^ 1, p.filter_len()));
            filter[0] = !(filter_zero as u8);
            let bias = bias(seed ^ 2, p.out_c);
            let requant = Requant::fixed(&[3e-4], 99, (30, 250));
            let zeros = ZeroPoints { input: zero, filter: filter_zero };
            let mut want = vec![0u8; p.output_len()];
            conv2d_quantized(&p, &input, &filter, Some(&bias), zeros, &requant, &mut want);
            let requant = Requant::fixed(&[3e-4], 99 - 128, (30 - 128, 250 - 128));
            for level in cpu::levels() {
                let weights = Int8Weights::with_level(level, &p, &filter, filter_zero);
                let packed = PackedConv2dInt8::new(&p, &weights, Some(&bias), zero - 128, &requant).unwrap();
                let mut scratch = vec![0xaa; packed.scratch_len()];
                let mut got = vec![0u8; p.output_len()];
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
                let weights = Int8Weights::with_level(level, &p, &filter, 0);
                let packed = PackedConv2dInt8::new(&p, &weights, None, zero, &requant).unwrap();
                let mut scratch = vec![0; packed.scratch_len()];
                let mut got = vec![0i8; batch * units];
                packed.run(&weights, &input, &mut got, &mut scratch, &Threads::new(3));
                prop_assert_eq!(&got, &want);
            }
        }
    }

    #[test]
    fn layers_add_up_to_the_weight() {
        for weight in -255..=255 {
            let count = layers(weight.min(0), weight.max(0), Form::Bytes);
            let sum: i32 = (0..count)
                .map(|layer| i32::from(in_layer(weight, layer)))
                .sum();
            assert_eq!(sum, weight);
            assert_eq!(in_layer(weight, count), 0, "{weight} in {count}");
        }
    }

    #[test]
    fn sums_beyond_32_bits_are_refused() {
        let p = Conv2d::product(1, 4, 1);
        let weights = Int8Weights::new(&p, &[1i8, -1, 2, 0], 0);
        let requant = Requant::fixed(&[0.1], 0, (-128, 127));
        let kernel = |bias: i64| PackedConv2dInt8::new(&p, &weights, Some(&[bias]), 0, &requant);
        let most = i64::from(i32::MAX) - 4 * 255;
        assert!(kernel(most).is_some() && kernel(-most).is_some() && kernel(most + 1).is_none());
    }

    #[test]
    fn one_wide_row_is_split_by_columns() {
        let (depth, units) = (600, 1000);
        let (input, filter) = (bytes(1, depth), bytes(2, depth * units));
        let requant = Requant::double(&[7e-4], 2, (-128, 127));
        let p = Conv2d::product(1, depth, units);
        let weights = Int8Weights::new(&p, &filter, 0);
        let packed = PackedConv2dInt8::new(&p, &weights, None, 9, &requant).unwrap();
        let mut scratch = vec![0; packed.scratch_len()];
        let (mut one, mut four) = (vec![0i8; units], vec![0i8; units]);
        packed.run(&weights, &input, &mut one, &mut scratch, &Threads::single());
        packed.run(&weights, &input, &mut four, &mut scratch, &Threads::new(4));
        assert_eq!(one, four);
    }
}

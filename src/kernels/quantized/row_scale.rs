//! Floats to int8 by their own range, as dynamic range kernels do it with each row or image.

// By index: iterators are functions of their own, compiled without the instruction set of these loops.
#![allow(clippy::needless_range_loop)]

#[cfg(target_arch = "x86_64")]
mod x86;

use bytemuck::cast_slice_mut;

use crate::kernels::cpu::{self, Level, by_level};

/// How one row or image was quantized: `x = scale * (q - zero)`.
///
/// A row that holds a NaN has the scale NaN, one that holds an infinity an infinite scale, 127 and -127 for infinities
/// and 0 for all else: so its sums are NaN or infinite, as those of reals. LiteRT casts what is not finite to an
/// integer, which C++ leaves undefined: its kernels differ from each other, and infinities change their sign there or
/// a NaN is lost.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RowScale {
    pub scale: f32,
    pub zero: i32,
}

/// What quantized values are written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bytes {
    Signed,
    /// Each 128 more, unsigned.
    Raised,
}

/// How values become integers.
#[derive(Debug, Clone, Copy)]
pub(super) struct How {
    pub(super) factor: f32,
    pub(super) zero: i32,
    /// The least that is written.
    pub(super) lo: i32,
    /// What changes the sign bit where it is wanted.
    pub(super) flip: u8,
}

/// Values that the runtime's kernels take at once; what is left over at the end of a row they round one by one.
pub(super) const LANES: usize = 8;

/// `q = x * factor + zero` within `lo` and 127, rounded half away from zero before the zero point is added. Whole vectors
/// add half a unit and cut, which takes the number just below a half for one.
#[inline(always)]
fn quantize_by(x: &[f32], how: How, q: &mut [u8]) {
    let How {
        factor,
        zero,
        lo,
        flip,
    } = how;
    let (vectors, rest) = x.split_at(x.len() / LANES * LANES);
    let (to, to_rest) = q.split_at_mut(vectors.len());
    let placed = |rounded: i32| (rounded.saturating_add(zero).clamp(lo, 127) as u8) ^ flip;
    for (q, &x) in to.iter_mut().zip(vectors) {
        let value = x * factor;
        *q = placed((value + 0.5f32.copysign(value)) as i32);
    }
    for (q, &x) in to_rest.iter_mut().zip(rest) {
        *q = placed((x * factor).round() as i32);
    }
}

/// The largest absolute value, or a NaN where one is: without their signs, floats are in the order of their bits.
#[inline(always)]
fn largest(x: &[f32]) -> f32 {
    let bits = x.iter().map(|v| v.to_bits() & (u32::MAX >> 1));
    f32::from_bits(bits.fold(0, u32::max))
}

/// The smallest and the largest of the values and 0.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Range {
    pub(super) least: f32,
    pub(super) most: f32,
    /// Whether one of the values is NaN.
    pub(super) odd: bool,
}

#[inline(always)]
fn range(x: &[f32]) -> Range {
    const WIDTH: usize = 16;
    let (mut least, mut most) = ([0f32; WIDTH], [0f32; WIDTH]);
    let mut odd = [false; WIDTH];
    let (vectors, rest) = x.as_chunks::<WIDTH>();
    for vector in vectors {
        for i in 0..WIDTH {
            least[i] = if vector[i] < least[i] {
                vector[i]
            } else {
                least[i]
            };
            most[i] = if vector[i] > most[i] {
                vector[i]
            } else {
                most[i]
            };
            odd[i] |= vector[i].is_nan();
        }
    }
    let all = || rest.iter().copied();
    Range {
        least: least.into_iter().chain(all()).fold(0.0, f32::min),
        most: most.into_iter().chain(all()).fold(0.0, f32::max),
        odd: odd.into_iter().chain(all().map(f32::is_nan)).any(|odd| odd),
    }
}

by_level! {
    fn quantize_by_level(x: &[f32], how: How, q: &mut [u8]) = quantize_by
}

by_level! {
    fn largest_by_level(x: &[f32]) -> f32 = largest
}

fn wide_largest(level: Level, x: &[f32]) -> f32 {
    #[cfg(target_arch = "x86_64")]
    if level == Level::Avx512 {
        // SAFETY: the level is there.
        return unsafe { x86::largest(x) };
    }
    largest_by_level(level, x)
}

by_level! {
    fn range_by_level(x: &[f32]) -> Range = range
}

/// `calm`: no value is NaN, and none times the factor is larger than [`CALM`].
pub(super) fn wide_quantize_by(level: Level, x: &[f32], how: How, calm: bool, q: &mut [u8]) {
    assert_eq!(x.len(), q.len());
    #[cfg(target_arch = "x86_64")]
    if level == Level::Avx512 {
        let done = match calm {
            // SAFETY: the level is there, the lengths are equal, and the values are what the caller says.
            true => unsafe { x86::quantize_calm(x, how, q) },
            false => 0,
        };
        if done == x.len() {
            return;
        }
        // SAFETY: the level is there, the lengths are equal.
        return unsafe { x86::quantize_by(&x[done..], how, &mut q[done..]) };
    }
    quantize_by_level(level, x, how, q);
}

/// Far above 255, of which a row's values are not more than a rounding, and far below what does not fit 16 bits.
pub(super) const CALM: f32 = 1024.0;

pub(super) fn wide_range(level: Level, x: &[f32]) -> Range {
    #[cfg(target_arch = "x86_64")]
    if level == Level::Avx512 {
        // SAFETY: the level is there.
        return unsafe { x86::range(x) };
    }
    range_by_level(level, x)
}

/// What a row is quantized by that holds a NaN (`largest` is one) or an infinity.
pub(super) fn not_finite(largest: f32, flip: u8) -> (RowScale, How) {
    /// The smallest number above 0: of what is finite nothing is left, infinities stay.
    const LEAST: f32 = f32::from_bits(1);
    let row = RowScale {
        scale: largest,
        zero: 0,
    };
    let how = How {
        factor: if largest.is_nan() { 0.0 } else { LEAST },
        zero: 0,
        lo: -127,
        flip,
    };
    (row, how)
}

/// To [-127, 127] around 0 by the largest absolute value; a row of zeros has scale 1.
pub fn quantize_symmetric(x: &[f32], q: &mut [i8]) -> RowScale {
    symmetric(cpu::level(), x, Bytes::Signed, cast_slice_mut(q))
}

/// To [-128, 127] over the range of the values and 0.
pub fn quantize_asymmetric(x: &[f32], q: &mut [i8]) -> RowScale {
    asymmetric(cpu::level(), x, Bytes::Signed, cast_slice_mut(q))
}

/// Both without vectors, for the plain kernels.
pub mod plain {
    use super::{Bytes, Level, RowScale, asymmetric, cast_slice_mut, symmetric};

    pub fn quantize_symmetric(x: &[f32], q: &mut [i8]) -> RowScale {
        symmetric(Level::Portable, x, Bytes::Signed, cast_slice_mut(q))
    }

    pub fn quantize_asymmetric(x: &[f32], q: &mut [i8]) -> RowScale {
        asymmetric(Level::Portable, x, Bytes::Signed, cast_slice_mut(q))
    }
}

/// Rows of `depth` values by one of both.
pub fn quantize_rows(
    is_asymmetric: bool,
    (x, depth): (&[f32], usize),
    bytes: Bytes,
    q: &mut [u8],
    scales: &mut [RowScale],
) {
    assert_eq!(x.len(), depth * scales.len());
    assert_eq!(x.len(), q.len());
    let level = cpu::level();
    let blocks = x.chunks(ROWS * depth.max(1));
    let written = q.chunks_mut(ROWS * depth.max(1));
    for ((x, q), scales) in blocks.zip(written).zip(scales.chunks_mut(ROWS)) {
        let rows = || x.chunks_exact(depth);
        let to = q.chunks_exact_mut(depth).zip(scales);
        if is_asymmetric {
            let (mut ranges, mut placed) = (Ranges::default(), Placed::default());
            for (row, x) in rows().enumerate() {
                ranges.set(row, wide_range(level, x));
            }
            place_by_level(level, &ranges, &mut placed);
            for (row, (x, (q, scale))) in rows().zip(to).enumerate() {
                *scale = asymmetric_within(level, x, (&ranges, &placed, row), bytes, q);
            }
            continue;
        }
        let mut most = [0.0; ROWS];
        for (x, most) in rows().zip(&mut most) {
            *most = wide_largest(level, x);
        }
        for ((x, most), (q, scale)) in rows().zip(most).zip(to) {
            *scale = symmetric_within(level, x, most, bytes, q);
        }
    }
}

impl Bytes {
    pub(super) fn flip(self) -> u8 {
        match self {
            Bytes::Signed => 0,
            Bytes::Raised => 0x80,
        }
    }

    /// A row of zeros.
    fn zeros(self, q: &mut [u8]) -> RowScale {
        q.fill(self.flip());
        RowScale {
            scale: 1.0,
            zero: 0,
        }
    }
}

fn symmetric(level: Level, x: &[f32], bytes: Bytes, q: &mut [u8]) -> RowScale {
    symmetric_within(level, x, wide_largest(level, x), bytes, q)
}

/// `largest` as the function of this name has it.
fn symmetric_within(level: Level, x: &[f32], largest: f32, bytes: Bytes, q: &mut [u8]) -> RowScale {
    if largest == 0.0 {
        return bytes.zeros(q);
    }
    if !largest.is_finite() {
        let (row, how) = not_finite(largest, bytes.flip());
        wide_quantize_by(level, x, how, false, q);
        return row;
    }
    let how = How {
        factor: 127.0 / largest,
        zero: 0,
        lo: -127,
        flip: bytes.flip(),
    };
    wide_quantize_by(level, x, how, largest * how.factor <= CALM, q);
    RowScale {
        scale: largest / 127.0,
        zero: 0,
    }
}

fn asymmetric(level: Level, x: &[f32], bytes: Bytes, q: &mut [u8]) -> RowScale {
    let mut ranges = Ranges::default();
    ranges.set(0, wide_range(level, x));
    let mut placed = Placed::default();
    place_by_level(level, &ranges, &mut placed);
    asymmetric_within(level, x, (&ranges, &placed, 0), bytes, q)
}

/// Rows whose ranges are found before the first is written: none waits for its own.
const ROWS: usize = 8;

/// Of so many rows.
#[derive(Default)]
pub(super) struct Ranges {
    pub(super) least: [f32; ROWS],
    pub(super) most: [f32; ROWS],
    pub(super) odd: [bool; ROWS],
}

impl Ranges {
    pub(super) fn set(&mut self, row: usize, range: Range) {
        let Range { least, most, odd } = range;
        (self.least[row], self.most[row], self.odd[row]) = (least, most, odd);
    }
}

/// How ranges lie in [-128, 127].
#[derive(Default)]
pub(super) struct Placed {
    pub(super) factor: [f32; ROWS],
    pub(super) scale: [f32; ROWS],
    pub(super) zero: [i32; ROWS],
}

by_level! {
    pub(super) fn place_by_level(ranges: &Ranges, placed: &mut Placed) = place
}

#[inline(always)]
fn place(ranges: &Ranges, placed: &mut Placed) {
    const LO: f64 = -128.0;
    const HI: f64 = 127.0;
    for i in 0..ROWS {
        let (least, most) = (ranges.least[i], ranges.most[i]);
        let (min, max) = (f64::from(least), f64::from(most));
        let scale = f64::from(most - least) / (HI - LO);
        let (below, above) = (min / scale, max / scale);
        let zero = match -LO + below.abs() < HI + above.abs() {
            true => LO - below,
            false => HI - above,
        };
        // Rounded half away from zero, as `round` does, which is a call for each.
        let zero = zero.clamp(LO, HI);
        let whole = zero as i32;
        let rest = zero - f64::from(whole);
        placed.zero[i] = whole + i32::from(rest >= 0.5) - i32::from(rest <= -0.5);
        let scale = scale as f32;
        placed.scale[i] = scale;
        placed.factor[i] = (1.0 / f64::from(scale)) as f32;
    }
}

/// The values of a row whose range is placed.
fn asymmetric_within(
    level: Level,
    x: &[f32],
    (ranges, placed, row): (&Ranges, &Placed, usize),
    bytes: Bytes,
    q: &mut [u8],
) -> RowScale {
    let (least, most) = (ranges.least[row], ranges.most[row]);
    let largest = most.max(-least);
    if ranges.odd[row] || largest == f32::INFINITY {
        let largest = if ranges.odd[row] { f32::NAN } else { largest };
        let (row, how) = not_finite(largest, bytes.flip());
        wide_quantize_by(level, x, how, false, q);
        return row;
    }
    if least == most {
        return bytes.zeros(q);
    }
    let (scale, zero) = (placed.scale[row], placed.zero[row]);
    let how = How {
        factor: placed.factor[row],
        zero,
        lo: -128,
        flip: bytes.flip(),
    };
    let calm = largest * how.factor <= CALM;
    wide_quantize_by(level, x, how, calm, q);
    RowScale { scale, zero }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rows_are_quantized_by_their_own_range() {
        // Halves go away from zero before the zero point is added; seen of LiteRT 2.3.0.
        let mut q = [0i8; 4];
        let row = quantize_asymmetric(&[0.0, 255.0, 96.5, 97.5], &mut q);
        assert_eq!((q, row.zero), ([-128, 127, -31, -30], -128));
        let mut q = [0i8; 3];
        let row = quantize_symmetric(&[1.0, -2.0, 0.5], &mut q);
        assert_eq!((q, row.zero), ([64, -127, 32], 0));
        let row = quantize_asymmetric(&[0.0, 2.55, 1.0], &mut q);
        assert_eq!((q, row.zero), ([-128, 127, -28], -128));
        assert!((row.scale - 0.01).abs() < 1e-7);
        assert_eq!(quantize_symmetric(&[0.0; 3], &mut q).scale, 1.0);
    }

    #[test]
    fn rows_are_quantized_as_one_by_one_and_raised_by_128() {
        let (rows, depth) = (11, 150);
        let x: Vec<f32> = (0..rows * depth)
            .map(|i| (i as f32).sin() * i as f32)
            .collect();
        for (is_asymmetric, alone) in [
            (false, quantize_symmetric as fn(&_, &mut _) -> _),
            (true, quantize_asymmetric),
        ] {
            let (mut raised, mut scales) = (vec![0; x.len()], vec![RowScale::default(); rows]);
            quantize_rows(
                is_asymmetric,
                (&x, depth),
                Bytes::Raised,
                &mut raised,
                &mut scales,
            );
            for (row, raised) in raised.chunks(depth).enumerate() {
                let mut q = [0i8; 150];
                assert_eq!(alone(&x[row * depth..][..depth], &mut q), scales[row]);
                assert!(
                    q.iter()
                        .zip(raised)
                        .all(|(&q, &r)| i32::from(q) + 128 == i32::from(r))
                );
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_not_finite_stays(
            mut x in vec(-3f32..3.0, 1..200),
            (odd, at) in (
                prop_oneof![Just(f32::NAN), Just(-f32::NAN), Just(f32::INFINITY), Just(f32::NEG_INFINITY)],
                any::<prop::sample::Index>(),
            ),
            opposite in any::<bool>(),
        ) {
            let at = at.index(x.len());
            x.push(if opposite { -odd } else { 0.0 });
            x[at] = odd;
            for quantize in [symmetric, asymmetric] {
                for level in cpu::levels() {
                    let mut q = vec![0; x.len()];
                    let row = quantize(level, &x, Bytes::Signed, &mut q);
                    for (&x, &q) in x.iter().zip(&q) {
                        let real = (i32::from(q as i8) - row.zero) as f32 * row.scale;
                        match (odd.is_nan(), x.is_infinite()) {
                            (true, _) => prop_assert!(real.is_nan()),
                            (_, true) => prop_assert_eq!(real, x),
                            (_, false) => prop_assert_eq!(q, 0),
                        }
                    }
                }
            }
        }

        #[test]
        fn every_level_gives_the_same(
            mut x in vec(prop_oneof![9 => -3f32..3.0, 1 => any::<f32>()], 0..200),
            factor in prop_oneof![Just(42.5f32), any::<f32>()],
            (zero, lo) in prop_oneof![(-128i32..128, Just(-128)), (Just(0), Just(-127))],
            flip in prop_oneof![Just(0u8), Just(0x80)],
        ) {
            x.extend([0.0, -0.0, 0.5 / factor, -1.5 / factor]);
            let least = x.iter().copied().fold(0.0, f32::min);
            let most = x.iter().copied().fold(0.0, f32::max);
            let how = How { factor, zero, lo, flip };
            let mut want = vec![0; x.len()];
            wide_quantize_by(Level::Portable, &x, how, false, &mut want);
            for level in cpu::levels() {
                let range = wide_range(level, &x);
                prop_assert_eq!((range.least, range.most), (least, most));
                prop_assert_eq!(range.odd, x.iter().any(|x| x.is_nan()));
                let mut got = vec![0; x.len()];
                wide_quantize_by(level, &x, how, false, &mut got);
                prop_assert_eq!(&got, &want);
            }
        }

        #[test]
        fn every_level_quantizes_rows_alike(
            x in prop_oneof![
                4 => vec(-3f32..3.0, 0..400),
                1 => vec(prop_oneof![9 => -3f32..3.0, 1 => any::<f32>()], 0..400),
                1 => vec(prop_oneof![9 => -1e-38f32..1e-38, 1 => Just(f32::NAN)], 0..400),
            ],
            bytes in prop_oneof![Just(Bytes::Signed), Just(Bytes::Raised)],
        ) {
            for quantize in [symmetric, asymmetric] {
                let (mut want, mut got) = (vec![0; x.len()], vec![0; x.len()]);
                let row = quantize(Level::Portable, &x, bytes, &mut want);
                for level in cpu::levels() {
                    let found = quantize(level, &x, bytes, &mut got);
                    prop_assert_eq!((found.scale.to_bits(), found.zero), (row.scale.to_bits(), row.zero));
                    prop_assert_eq!(&got, &want);
                }
            }
        }
    }
}

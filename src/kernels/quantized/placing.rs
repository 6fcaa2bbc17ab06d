//! Floats to int8 by the range of all of them, found and written in parts that several threads share.

use super::row_scale::{
    Bytes, CALM, How, LANES, Placed, Range, Ranges, RowScale, not_finite, place_by_level,
    wide_quantize_by, wide_range,
};
use crate::kernels::cpu::{self, Level};
use crate::kernels::threads::Threads;

/// How values of one range become bytes, for those that are written in parts.
#[derive(Debug, Clone, Copy)]
pub struct Placing {
    pub row: RowScale,
    how: How,
    calm: bool,
}

impl Placing {
    /// Every part that is written must be a multiple of so many values, but for the last.
    pub const GRAIN: usize = LANES;

    /// Looks for the range of all values, each thread in its share of them.
    pub fn of(is_asymmetric: bool, x: &[f32], bytes: Bytes, threads: &Threads) -> Self {
        /// Parts at most, and values that are worth a part.
        const PARTS: usize = 16;
        const PART: usize = 1 << 14;
        let level = cpu::level();
        let parts = (2 * threads.count()).min(PARTS).min(x.len() / PART).max(1);
        let part = x.len().div_ceil(parts);
        let mut ranges = [Range::default(); PARTS];
        threads.pieces(&mut ranges[..parts], 1, |index, range| {
            let start = x.len().min(index * part);
            range[0] = wide_range(level, &x[start..x.len().min(start + part)]);
        });
        let mut all = Range::default();
        for range in &ranges[..parts] {
            all.least = all.least.min(range.least);
            all.most = all.most.max(range.most);
            all.odd |= range.odd;
        }
        Self::within(level, is_asymmetric, all, bytes.flip())
    }

    fn within(level: Level, is_asymmetric: bool, range: Range, flip: u8) -> Self {
        let largest = match range.odd {
            true => f32::NAN,
            false => range.most.max(-range.least),
        };
        if !largest.is_finite() {
            let (row, how) = not_finite(largest, flip);
            let calm = false;
            return Placing { row, how, calm };
        }
        let (row, factor, lo) = if largest == 0.0 {
            // Whatever they are times 0.
            let row = RowScale {
                scale: 1.0,
                zero: 0,
            };
            (row, 0.0, -128)
        } else if is_asymmetric {
            let (mut ranges, mut placed) = (Ranges::default(), Placed::default());
            ranges.set(0, range);
            place_by_level(level, &ranges, &mut placed);
            let row = RowScale {
                scale: placed.scale[0],
                zero: placed.zero[0],
            };
            (row, placed.factor[0], -128)
        } else {
            let row = RowScale {
                scale: largest / 127.0,
                zero: 0,
            };
            (row, 127.0 / largest, -127)
        };
        let how = How {
            factor,
            zero: row.zero,
            lo,
            flip,
        };
        let calm = largest * factor <= CALM;
        Placing { row, how, calm }
    }

    pub fn write(&self, x: &[f32], q: &mut [u8]) {
        wide_quantize_by(cpu::level(), x, self.how, self.calm, q);
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::kernels::quantized::row_scale::{quantize_asymmetric, quantize_symmetric};

    proptest! {
        #[test]
        fn values_in_parts_are_those_of_the_whole(
            mut x in vec(prop_oneof![9 => -3f32..3.0, 1 => Just(0.0f32)], 1..40_000),
            (odd, at) in (prop_oneof![Just(1.0f32), Just(f32::NAN), any::<f32>()], any::<prop::sample::Index>()),
            (part, is_asymmetric) in (1usize..9000, any::<bool>()),
        ) {
            let at = at.index(x.len());
            x[at] = odd;
            let mut want = vec![0i8; x.len()];
            let row = match is_asymmetric {
                true => quantize_asymmetric(&x, &mut want),
                false => quantize_symmetric(&x, &mut want),
            };
            let placing = Placing::of(is_asymmetric, &x, Bytes::Raised, &Threads::new(2));
            prop_assert_eq!((placing.row.scale.to_bits(), placing.row.zero), (row.scale.to_bits(), row.zero));
            let part = part * Placing::GRAIN;
            for (x, want) in x.chunks(part).zip(want.chunks(part)) {
                let mut got = vec![0u8; x.len()];
                placing.write(x, &mut got);
                prop_assert!(got.iter().zip(want).all(|(&got, &want)| got ^ 0x80 == want as u8));
            }
        }
    }
}

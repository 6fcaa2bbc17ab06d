//! From i32 sums to int8, a row of channels at a time, with exactly the reference's roundings.

// By index: iterators are functions of their own, compiled without the instruction set of these loops.
#![allow(clippy::needless_range_loop)]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use super::finish::{BEYOND, Finish, table};
#[cfg(target_arch = "x86_64")]
use super::finish::{Rows, each_row, load, store_bytes};
use crate::kernels::cpu::{Level, by_level};
use crate::kernels::fixed::Multiplier;
use crate::kernels::requant::{Requant, Rescale};

/// Bias and rescaling of each output channel.
#[derive(Debug, Clone)]
pub struct Epilogue {
    bias: Vec<i32>,
    scale: Scale,
    wide: Wide,
    zero_point: i32,
    lo: i32,
    hi: i32,
    level: Level,
}

#[derive(Debug, Clone)]
enum Scale {
    /// Multiplier, left shift, right shift.
    Fixed {
        m: Vec<i32>,
        left: Vec<u32>,
        right: Vec<u32>,
    },
    Double(Vec<f64>),
}

/// What 16 lanes at once need.
#[derive(Debug, Clone)]
enum Wide {
    /// Every channel is shifted to the right, and no step leaves 32 bits.
    Fixed {
        m: Vec<i32>,
        /// Half of what the shift divides by, and the zero point times it.
        add: Vec<i32>,
        right: Vec<i32>,
    },
    Double,
    /// Sums go through memory.
    Narrow,
}

impl Epilogue {
    /// For `channels` channels; `bias(c)` is what is added to the sums first, which are then at most `largest(c)` in
    /// size. `None` for 64-bit sums.
    pub fn new(
        level: Level,
        requant: &Requant,
        channels: usize,
        bias: impl Fn(usize) -> i32,
        largest: impl Fn(usize) -> i64,
    ) -> Option<Self> {
        let pick = |c: usize| if requant.channels() == 1 { 0 } else { c };
        let (scale, wide) = match &requant.rescale {
            Rescale::Fixed(multipliers) => {
                let each = || (0..channels).map(|c| multipliers[pick(c)]);
                let scale = Scale::Fixed {
                    m: each().map(|m| m.m).collect(),
                    left: each().map(|m| m.shift.max(0) as u32).collect(),
                    right: each().map(|m| (-m.shift).max(0) as u32).collect(),
                };
                let wide = each().enumerate();
                let wide = wide.map(|(c, m)| lane(m, requant.zero_point, largest(c)));
                let wide: Option<Vec<[i32; 3]>> = wide.collect();
                let wide = wide.map_or(Wide::Narrow, |lanes| {
                    let part = |i: usize| table(lanes.iter().map(|lane| lane[i]), 0);
                    Wide::Fixed {
                        m: part(0),
                        add: part(1),
                        right: part(2),
                    }
                });
                (scale, wide)
            }
            Rescale::Double(factors) => {
                let factors = (0..channels).map(|c| factors[pick(c)]);
                (Scale::Double(table(factors, 0.0)), Wide::Double)
            }
            Rescale::Fixed64(_) => return None,
        };
        Some(Epilogue {
            bias: table((0..channels).map(bias), 0),
            scale,
            wide,
            zero_point: requant.zero_point,
            lo: requant.lo,
            hi: requant.hi,
            level,
        })
    }

    /// Whole blocks of 16 channels have a length that the compiler knows; that is what makes vectors of the loops.
    #[inline(always)]
    fn apply_here(&self, first: usize, sums: &[i32], out: &mut [i8]) {
        const BLOCK: usize = 16;
        let n = out.len();
        let sums = &sums[..n];
        let mut done = 0;
        while done + BLOCK <= n {
            let part = &mut out[done..done + BLOCK];
            self.block::<BLOCK>(first + done, &sums[done..done + BLOCK], part);
            done += BLOCK;
        }
        for i in done..n {
            self.block::<1>(first + i, &sums[i..i + 1], &mut out[i..i + 1]);
        }
    }

    #[inline(always)]
    fn block<const N: usize>(&self, first: usize, sums: &[i32], out: &mut [i8]) {
        let bias = &self.bias[first..first + N];
        let mut wide = [0i32; N];
        match &self.scale {
            Scale::Fixed { m, left, right } => {
                let (m, left, right) = (
                    &m[first..first + N],
                    &left[first..first + N],
                    &right[first..first + N],
                );
                for i in 0..N {
                    let shifted = sums[i].wrapping_add(bias[i]).wrapping_shl(left[i]);
                    // multipliers are not negative, so that srdhm is one rounding, half up
                    let product = i64::from(shifted) * i64::from(m[i]);
                    let high = ((product + (1 << 30)) >> 31) as i32;
                    // rdpot without branches
                    let mask = 1i32.wrapping_shl(right[i]).wrapping_sub(1);
                    let up = (high & mask) > (mask >> 1) + i32::from(high < 0);
                    wide[i] = high.wrapping_shr(right[i]) + i32::from(up);
                }
            }
            Scale::Double(factors) => {
                let factors = &factors[first..first + N];
                for i in 0..N {
                    let real = f64::from(sums[i].wrapping_add(bias[i])) * factors[i];
                    // half away from zero without a call
                    let rounded = real + BELOW_HALF.copysign(real);
                    wide[i] = rounded.trunc() as i32;
                }
            }
        }
        for i in 0..N {
            let moved = wide[i].wrapping_add(self.zero_point);
            out[i] = moved.max(self.lo).min(self.hi) as i8;
        }
    }

    fn channels(&self) -> usize {
        self.bias.len() - BEYOND
    }
}

/// The largest number below a half.
const BELOW_HALF: f64 = 0.499_999_999_999_999_94;

/// Multiplier, summand and shift of a channel for [`Wide::Fixed`], where it is one.
fn lane(multiplier: Multiplier, zero_point: i32, largest: i64) -> Option<[i32; 3]> {
    let Multiplier { m, shift } = multiplier;
    let factor = f64::from(m) * f64::from(shift - 31).exp2();
    // So small that every sum becomes 0.
    let (m, right) = match m == 0 || largest as f64 * factor < 0.25 {
        true => (0, 1),
        false => (m, -shift),
    };
    let half = 1i64.checked_shl(u32::try_from(right - 1).ok()?)?;
    let add = half + i64::from(zero_point) * (2 * half);
    let room = i64::from(i32::MAX) - largest - half;
    let fits = (1..=30).contains(&right) && largest < 1 << 30 && add.abs() < room;
    fits.then_some([m, add as i32, right])
}

by_level! {
    fn narrow(it: &Epilogue, first: usize, sums: &[i32], out: &mut [i8]) = Epilogue::apply_here
}

impl Finish for Epilogue {
    type Out = i8;
    const TALL: bool = false;

    #[inline]
    fn apply(&self, _: usize, channel: usize, sums: &[i32], out: &mut [i8]) {
        narrow(self.level, self, channel, sums, out);
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn begin<const NV: usize>(&self, channel: usize) -> [__m512i; NV] {
        // SAFETY: the caller promises the instruction set and a channel; the table goes on behind the last one.
        unsafe {
            match self.wide {
                Wide::Narrow => [_mm512_setzero_si512(); NV],
                Wide::Fixed { .. } | Wide::Double => load(&self.bias, channel),
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn store<const MR: usize, const NV: usize>(
        &self,
        row: usize,
        channel: usize,
        sums: &[[__m512i; NV]; MR],
        columns: usize,
        out: Rows<i8>,
    ) {
        debug_assert!(channel + columns <= self.channels());
        let bounds = (self.lo as i8, self.hi as i8);
        // SAFETY: the caller promises the instruction set, a channel and room for the columns; tables go on behind the
        // last channel.
        unsafe {
            match (&self.wide, &self.scale) {
                (Wide::Fixed { m, add, right }, _) => {
                    let scale = (load::<NV>(m, channel), load::<NV>(add, channel));
                    let right = load::<NV>(right, channel);
                    each_row!(r in MR {
                        let mut scaled = sums[r];
                        for v in 0..NV {
                            scaled[v] = rescaled(scaled[v], scale.0[v], scale.1[v], right[v]);
                        }
                        store_bytes(scaled, bounds, columns, out.row(r));
                    });
                }
                (Wide::Double, Scale::Double(factors)) => {
                    let zero = _mm512_set1_epi32(self.zero_point);
                    each_row!(r in MR {
                        let mut scaled = sums[r];
                        for v in 0..NV {
                            let factors = factors.as_ptr().add(channel + 16 * v);
                            let low = in_double(_mm512_castsi512_si256(scaled[v]), factors);
                            let high = _mm512_extracti64x4_epi64::<1>(scaled[v]);
                            let high = in_double(high, factors.add(8));
                            let both = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high);
                            scaled[v] = _mm512_add_epi32(both, zero);
                        }
                        store_bytes(scaled, bounds, columns, out.row(r));
                    });
                }
                _ => {
                    for r in 0..MR {
                        let mut memory = [[0i32; 16]; NV];
                        for v in 0..NV {
                            _mm512_storeu_si512(memory[v].as_mut_ptr().cast(), sums[r][v]);
                        }
                        let out = std::slice::from_raw_parts_mut(out.row(r), columns);
                        self.apply(row + r, channel, memory.as_flattened(), out);
                    }
                }
            }
        }
    }
}

/// `MultiplyByQuantizedMultiplier` and the zero point. With `P = 2 * x * m`, the doubling high product is
/// `H = (P + 2^31) >> 32`, and the rounding shift `(H + half - (H < 0)) >> right`.
///
/// # Safety
/// AVX-512 F must be there.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn rescaled(x: __m512i, m: __m512i, add: __m512i, right: __m512i) -> __m512i {
    // SAFETY: the caller promises the instruction set.
    unsafe {
        let half = _mm512_set1_epi64(1 << 31);
        let double = _mm512_add_epi32(x, x);
        let odd = _mm512_mul_epi32(_mm512_srli_epi64::<32>(double), _mm512_srli_epi64::<32>(m));
        let even = _mm512_add_epi64(_mm512_mul_epi32(double, m), half);
        let odd = _mm512_add_epi64(odd, half);
        // The high halves of both, in order.
        let high = _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64::<32>(even), odd);
        let sum = _mm512_add_epi32(high, add);
        let sum = _mm512_add_epi32(sum, _mm512_srai_epi32::<31>(high));
        _mm512_srav_epi32(sum, right)
    }
}

/// Eight sums times their factors, half away from zero.
///
/// # Safety
/// AVX-512 F and DQ must be there, and 8 factors.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn in_double(sums: __m256i, factors: *const f64) -> __m256i {
    // SAFETY: the caller promises the instruction set and the factors.
    unsafe {
        let real = _mm512_mul_pd(_mm512_cvtepi32_pd(sums), _mm512_loadu_pd(factors));
        let sign = _mm512_and_pd(real, _mm512_set1_pd(-0.0));
        let away = _mm512_or_pd(sign, _mm512_set1_pd(BELOW_HALF));
        let rounded = _mm512_add_pd(real, away);
        // Beyond i32 the conversion would change the sign.
        let rounded = _mm512_min_pd(rounded, _mm512_set1_pd(f64::from(i32::MAX)));
        _mm512_cvttpd_epi32(rounded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::cpu;
    use proptest::prelude::*;

    #[test]
    fn sums_of_64_bits_are_refused() {
        let wide = Requant::fixed64(&[0.5], 0, (-128, 127));
        assert!(Epilogue::new(cpu::level(), &wide, 4, |_| 0, |_| 0).is_none());
    }

    /// All sums as the vector kernels end them.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn stored<const NV: usize>(epilogue: &Epilogue, sums: &[i32], out: &mut [i8]) {
        for (at, out) in out.chunks_mut(16 * NV).enumerate() {
            // SAFETY: the sums are 64 longer than the outputs; the outputs are `out.len()` long.
            unsafe {
                let mut vectors = epilogue.begin::<NV>(at * 16 * NV);
                for (own, sum) in vectors.iter_mut().zip(load::<NV>(sums, at * 16 * NV)) {
                    *own = _mm512_add_epi32(*own, sum);
                }
                let columns = out.len();
                let rows = Rows {
                    first: out.as_mut_ptr(),
                    apart: 0,
                };
                epilogue.store::<1, NV>(0, at * 16 * NV, &[vectors], columns, rows);
            }
        }
    }

    proptest! {
        #[test]
        fn equals_the_requantization(
            sums in proptest::collection::vec(any::<i32>(), 133),
            shift in 0u32..24,
            bias in -99i32..99,
            factors in proptest::collection::vec(-30f64..2.0, 69),
            zero in -128i32..128,
        ) {
            let sums: Vec<i32> = sums.iter().map(|sum| sum >> shift).collect();
            let factors: Vec<f64> = factors.iter().map(|f| f.exp2()).collect();
            let largest = sums.iter().map(|&sum| i64::from(sum).abs() + 99).max().unwrap();
            for requant in [
                Requant::fixed(&factors, zero, (-100, 120)),
                Requant::fixed(&factors[..1], zero, (-128, 127)),
                Requant::double(&factors, zero, (-128, 127)),
            ] {
                let one = |(c, &sum): (usize, &i32)| requant.apply(c, i64::from(sum.wrapping_add(bias))) as i8;
                let want: Vec<i8> = sums[..69].iter().enumerate().map(one).collect();
                for level in cpu::levels() {
                    let epilogue = Epilogue::new(level, &requant, 69, |_| bias, |_| largest).unwrap();
                    let mut out = [0i8; 69];
                    epilogue.apply(0, 0, &sums, &mut out);
                    prop_assert_eq!(&out[..], &want);
                    #[cfg(target_arch = "x86_64")]
                    if level == Level::Avx512 {
                        // SAFETY: the level is there.
                        unsafe {
                            stored::<1>(&epilogue, &sums, &mut out);
                            prop_assert_eq!(&out[..], &want);
                            stored::<2>(&epilogue, &sums, &mut out);
                            prop_assert_eq!(&out[..], &want);
                            stored::<4>(&epilogue, &sums, &mut out);
                            prop_assert_eq!(&out[..], &want);
                        }
                    }
                }
            }
        }
    }
}

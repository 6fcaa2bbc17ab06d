//! Floats to int8 by their own range, as dynamic range kernels do it with each row or image.

use crate::kernels::cpu::{self, Level, by_level};

/// How one row or image was quantized: `x = scale * (q - zero)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowScale {
    pub scale: f32,
    pub zero: i32,
}

/// Values that the runtime's kernels take at once; what is left over at the end of a row they round one by one.
const LANES: usize = 8;

/// `q = x * factor + zero` within `lo` and 127, rounded half away from zero before the zero point is added. Whole vectors
/// add half a unit and cut, which takes the number just below a half for one.
#[inline(always)]
fn quantize_by(x: &[f32], (factor, zero, lo): (f32, i32, i32), q: &mut [i8]) {
    let (vectors, rest) = x.split_at(x.len() / LANES * LANES);
    let (to, to_rest) = q.split_at_mut(vectors.len());
    let placed = |rounded: i32| rounded.saturating_add(zero).clamp(lo, 127) as i8;
    for (q, &x) in to.iter_mut().zip(vectors) {
        let value = x * factor;
        *q = placed((value + 0.5f32.copysign(value)) as i32);
    }
    for (q, &x) in to_rest.iter_mut().zip(rest) {
        *q = placed((x * factor).round() as i32);
    }
}

/// The smallest and the largest of the values and 0.
#[inline(always)]
fn range(x: &[f32]) -> (f32, f32) {
    const WIDTH: usize = 16;
    let (mut least, mut most) = ([0f32; WIDTH], [0f32; WIDTH]);
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
        }
    }
    let all = || rest.iter().copied();
    let least = least.into_iter().chain(all()).fold(0.0, f32::min);
    (least, most.into_iter().chain(all()).fold(0.0, f32::max))
}

by_level! {
    fn quantize_by_level(x: &[f32], how: (f32, i32, i32), q: &mut [i8]) = quantize_by
}

by_level! {
    fn range_by_level(x: &[f32]) -> (f32, f32) = range
}

fn wide_quantize_by(level: Level, x: &[f32], how: (f32, i32, i32), q: &mut [i8]) {
    assert_eq!(x.len(), q.len());
    #[cfg(target_arch = "x86_64")]
    if level == Level::Avx512 {
        // SAFETY: the level is there, the lengths are equal.
        return unsafe { x86::quantize_by(x, how, q) };
    }
    quantize_by_level(level, x, how, q);
}

fn wide_range(level: Level, x: &[f32]) -> (f32, f32) {
    #[cfg(target_arch = "x86_64")]
    if level == Level::Avx512 {
        // SAFETY: the level is there.
        return unsafe { x86::range(x) };
    }
    range_by_level(level, x)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::LANES;

    const WIDTH: usize = 16;

    /// As the function of this name outside.
    ///
    /// # Safety
    /// The instruction sets must be there, and as many bytes as values.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    pub unsafe fn quantize_by(x: &[f32], (factor, zero, lo): (f32, i32, i32), q: &mut [i8]) {
        let (factor, zero, least) = (
            _mm512_set1_ps(factor),
            _mm512_set1_epi32(zero),
            _mm512_set1_epi32(lo),
        );
        let (sign, half) = (_mm512_set1_ps(-0.0), _mm512_set1_ps(0.5));
        // Beyond them nothing is left of a value but its sign.
        let (low, high) = (
            _mm512_set1_ps(-((1 << 24) as f32)),
            _mm512_set1_ps((1 << 24) as f32),
        );
        let whole = x.len() / LANES * LANES;
        for at in (0..whole).step_by(WIDTH) {
            let mask = if whole - at < WIDTH { 0xff } else { 0xffff };
            // SAFETY: the values of the mask are there, in both slices.
            unsafe {
                let value = _mm512_maskz_loadu_ps(mask, x.as_ptr().add(at));
                let value = _mm512_mul_ps(value, factor);
                let half = _mm512_or_ps(_mm512_and_ps(value, sign), half);
                let value = _mm512_add_ps(value, half);
                // NaN becomes 0.
                let number = _mm512_cmp_ps_mask::<_CMP_ORD_Q>(value, value);
                let value = _mm512_max_ps(_mm512_min_ps(value, high), low);
                let rounded = _mm512_maskz_cvttps_epi32(number, value);
                let placed = _mm512_max_epi32(_mm512_add_epi32(rounded, zero), least);
                let bytes = _mm512_cvtsepi32_epi8(placed);
                match mask {
                    0xffff => _mm_storeu_si128(q.as_mut_ptr().add(at).cast(), bytes),
                    _ => _mm_storel_epi64(q.as_mut_ptr().add(at).cast(), bytes),
                }
            }
        }
        let how = (_mm512_cvtss_f32(factor), _mm512_cvtsi512_si32(zero), lo);
        super::quantize_by(&x[whole..], how, &mut q[whole..]);
    }

    /// As the function of this name outside.
    ///
    /// # Safety
    /// The instruction sets must be there.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    pub unsafe fn range(x: &[f32]) -> (f32, f32) {
        const TOGETHER: usize = 4;
        let mut least = [_mm512_setzero_ps(); TOGETHER];
        let mut most = least;
        let (vectors, rest) = x.as_chunks::<{ TOGETHER * WIDTH }>();
        for vectors in vectors {
            for i in 0..TOGETHER {
                // SAFETY: the chunk holds four vectors.
                let value = unsafe { _mm512_loadu_ps(vectors.as_ptr().add(i * WIDTH)) };
                // The second operand stays where one is NaN.
                least[i] = _mm512_min_ps(value, least[i]);
                most[i] = _mm512_max_ps(value, most[i]);
            }
        }
        let (mut low, mut high) = super::range(rest);
        for i in 0..TOGETHER {
            low = low.min(_mm512_reduce_min_ps(least[i]));
            high = high.max(_mm512_reduce_max_ps(most[i]));
        }
        (low, high)
    }
}

/// To [-127, 127] around 0 by the largest absolute value; a row of zeros has scale 1.
pub fn quantize_symmetric(x: &[f32], q: &mut [i8]) -> RowScale {
    assert_eq!(x.len(), q.len());
    let level = cpu::level();
    let (min, max) = wide_range(level, x);
    let range = max.max(-min);
    if range == 0.0 {
        q.fill(0);
        return RowScale {
            scale: 1.0,
            zero: 0,
        };
    }
    wide_quantize_by(level, x, (127.0 / range, 0, -127), q);
    RowScale {
        scale: range / 127.0,
        zero: 0,
    }
}

/// To [-128, 127] over the range of the values and 0.
pub fn quantize_asymmetric(x: &[f32], q: &mut [i8]) -> RowScale {
    assert_eq!(x.len(), q.len());
    let level = cpu::level();
    let (min, max) = wide_range(level, x);
    if min == max {
        q.fill(0);
        return RowScale {
            scale: 1.0,
            zero: 0,
        };
    }
    let (lo, hi) = (-128.0, 127.0);
    let scale = f64::from(max - min) / (hi - lo);
    let (min, max) = (f64::from(min), f64::from(max));
    let from_min_is_better = -lo + (min / scale).abs() < hi + (max / scale).abs();
    let zero = if from_min_is_better {
        lo - min / scale
    } else {
        hi - max / scale
    };
    let (scale, zero) = (scale as f32, zero.clamp(lo, hi).round() as i32);
    let inverse = (1.0 / f64::from(scale)) as f32;
    wide_quantize_by(level, x, (inverse, zero, -128), q);
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

    proptest! {
        #[test]
        fn every_level_gives_the_same(
            mut x in vec(prop_oneof![9 => -3f32..3.0, 1 => any::<f32>()], 0..200),
            factor in prop_oneof![Just(42.5f32), any::<f32>()],
            (zero, lo) in prop_oneof![(-128i32..128, Just(-128)), (Just(0), Just(-127))],
        ) {
            x.extend([0.0, -0.0, 0.5 / factor, -1.5 / factor]);
            let least = x.iter().copied().fold(0.0, f32::min);
            let most = x.iter().copied().fold(0.0, f32::max);
            let mut want = vec![0; x.len()];
            wide_quantize_by(Level::Portable, &x, (factor, zero, lo), &mut want);
            for level in cpu::levels() {
                prop_assert_eq!(wide_range(level, &x), (least, most));
                let mut got = vec![0; x.len()];
                wide_quantize_by(level, &x, (factor, zero, lo), &mut got);
                prop_assert_eq!(&got, &want);
            }
        }
    }
}

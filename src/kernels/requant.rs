//! From an integer sum to a quantized output.

use super::fixed::Multiplier;

/// An integer type that quantized activations use.
pub trait Quantized: Copy + Into<i32> + Send + Sync + 'static {
    const LO: i32;
    const HI: i32;
    /// `v` lies between `LO` and `HI`.
    fn from_i32(v: i32) -> Self;
}

macro_rules! quantized {
    ($($ty:ty)*) => {
        $(impl Quantized for $ty {
            const LO: i32 = <$ty>::MIN as i32;
            const HI: i32 = <$ty>::MAX as i32;
            #[inline(always)]
            fn from_i32(v: i32) -> Self { v as $ty }
        })*
    };
}

quantized! { i8 u8 i16 u16 }

/// How a sum is brought to the output's scale; one entry per output channel or one for all.
#[derive(Debug, Clone, PartialEq)]
pub enum Rescale {
    /// 32-bit sums, double rounding: 8-bit convolutions, and 16x8 ones whose bias is i32.
    Fixed(Vec<Multiplier>),
    /// 64-bit sums with a 16-bit multiplier: 16x8 convolutions whose bias is i64.
    Fixed64(Vec<Multiplier>),
    /// In f64, rounded half away from zero: the reference FULLY_CONNECTED.
    Double(Vec<f64>),
}

/// Rescales, adds the output's zero point and clamps.
#[derive(Debug, Clone, PartialEq)]
pub struct Requant {
    pub rescale: Rescale,
    pub zero_point: i32,
    /// Range of the fused activation in quantized numbers; see [`quantized_range`].
    pub lo: i32,
    pub hi: i32,
}

impl Requant {
    /// Double rounding with `input_scale * filter_scales[c] / output_scale`, each factor widened to f64 first
    /// (CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV on int8 and int16).
    pub fn per_channel(input_scale: f32, filter_scales: &[f32], output_scale: f32) -> Vec<f64> {
        filter_scales
            .iter()
            .map(|&w| f64::from(input_scale) * f64::from(w) / f64::from(output_scale))
            .collect()
    }

    /// The factor of uint8 CONV_2D and of BATCH_MATMUL: the product of the input scales rounded to f32.
    pub fn per_tensor(a_scale: f32, b_scale: f32, output_scale: f32) -> f64 {
        f64::from(a_scale * b_scale) / f64::from(output_scale)
    }

    pub fn fixed(factors: &[f64], zero_point: i32, range: (i32, i32)) -> Self {
        let multipliers = factors.iter().map(|&f| Multiplier::new(f)).collect();
        Self::with(Rescale::Fixed(multipliers), zero_point, range)
    }

    pub fn fixed64(factors: &[f64], zero_point: i32, range: (i32, i32)) -> Self {
        let multipliers = factors.iter().map(|&f| Multiplier::new(f)).collect();
        Self::with(Rescale::Fixed64(multipliers), zero_point, range)
    }

    pub fn double(factors: &[f64], zero_point: i32, range: (i32, i32)) -> Self {
        Self::with(Rescale::Double(factors.to_vec()), zero_point, range)
    }

    fn with(rescale: Rescale, zero_point: i32, (lo, hi): (i32, i32)) -> Self {
        Requant {
            rescale,
            zero_point,
            lo,
            hi,
        }
    }

    /// Number of channels that have a factor of their own; 1 means one for all.
    pub fn channels(&self) -> usize {
        match &self.rescale {
            Rescale::Fixed(m) | Rescale::Fixed64(m) => m.len(),
            Rescale::Double(f) => f.len(),
        }
    }

    /// The quantized output for the sum `acc` of `channel`.
    #[inline]
    pub fn apply(&self, channel: usize, acc: i64) -> i32 {
        let index = if self.channels() == 1 { 0 } else { channel };
        let scaled = match &self.rescale {
            Rescale::Fixed(m) => m[index].apply(acc as i32),
            Rescale::Fixed64(m) => m[index].apply64(acc),
            Rescale::Double(f) => (acc as f64 * f[index]).round() as i32,
        };
        scaled.wrapping_add(self.zero_point).clamp(self.lo, self.hi)
    }
}

/// The range of type `T` cut by a fused activation's bounds; infinite or largest finite bounds cut nothing.
pub fn quantized_range<T: Quantized>(
    bounds: (f32, f32),
    scale: f32,
    zero_point: i32,
) -> (i32, i32) {
    let quantize = |bound: f32| zero_point.saturating_add((bound / scale).round() as i32);
    let (mut lo, mut hi) = (T::LO, T::HI);
    if bounds.0 > f32::MIN {
        lo = lo.max(quantize(bounds.0));
    }
    if bounds.1 < f32::MAX {
        hi = hi.min(quantize(bounds.1));
    }
    (lo, hi.max(lo))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activations_cut_the_range() {
        assert_eq!(
            quantized_range::<i8>((f32::MIN, f32::MAX), 0.1, 3),
            (-128, 127)
        );
        assert_eq!(quantized_range::<i8>((0.0, 6.0), 0.1, -100), (-100, -40));
        assert_eq!(quantized_range::<u8>((-1.0, 1.0), 0.25, 128), (124, 132));
    }

    #[test]
    fn fully_connected_rounds_in_f64() {
        let requant = Requant::double(&[0.5], -1, (-128, 127));
        assert_eq!(requant.apply(7, 3), 1);
        assert_eq!(requant.apply(7, -3), -3);
        assert_eq!(requant.apply(0, 1000), 127);
    }
}

//! From ranges of real numbers to scales and zero points, and from real numbers to integers. Every rounding here is
//! the reference quantizers', proved bit for bit on files they wrote.

use crate::model::{DType, Quantization, Tensor};
use crate::ops::quantize::Width;

/// Smallest and largest value that was seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    pub min: f32,
    pub max: f32,
}

impl Range {
    /// Nothing seen yet. The maximum begins at the smallest positive float, as the reference's calibration does: a
    /// value that is never positive reports 1.175e-38.
    pub const NONE: Range = Range {
        min: f32::MAX,
        max: f32::MIN_POSITIVE,
    };

    /// Of all elements; NaN does not count.
    pub fn see(&mut self, values: &[f32]) {
        for &value in values {
            self.min = if value < self.min { value } else { self.min };
            self.max = if value > self.max { value } else { self.max };
        }
    }

    pub fn of(values: &[f32]) -> Self {
        let mut range = Range::NONE;
        range.see(values);
        range
    }

    #[must_use]
    pub fn union(self, other: Range) -> Self {
        Range {
            min: self.min.min(other.min),
            max: self.max.max(other.max),
        }
    }

    /// With 0 inside, and never empty.
    fn widened(self) -> (f64, f64) {
        const NARROWEST: f64 = 1e-6;
        let (min, max) = (f64::from(self.min).min(0.0), f64::from(self.max).max(0.0));
        if max - min <= NARROWEST {
            (min.min(-NARROWEST), max.max(NARROWEST))
        } else {
            (min, max)
        }
    }
}

/// Scale and zero point of a whole tensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Params {
    pub scale: f32,
    pub zero_point: i64,
}

impl Params {
    pub fn quantization(self) -> Quantization {
        Quantization::per_tensor(self.scale, self.zero_point)
    }
}

/// Parameters of an activation: int8 asymmetric over [-128, 127], int16 symmetric over [-32767, 32767].
pub fn activation(range: Range, width: Width) -> Params {
    let (min, max) = range.widened();
    match width {
        Width::Int8 => {
            let scale = (max as f32 - min as f32) / 255.0;
            // The zero point from the minimum alone: division in double by the float scale, one rounding to float.
            let zero = (-128.0 - min / f64::from(scale)) as f32;
            Params {
                scale,
                zero_point: (zero.round() as i64).clamp(-128, 127),
            }
        }
        Width::Int16 => Params {
            scale: min.abs().max(max.abs()) as f32 / 32767.0,
            zero_point: 0,
        },
    }
}

/// Integers that weights are stored in, symmetric around 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bits {
    /// Two a byte in the file.
    Four,
    Eight,
}

impl Bits {
    pub fn dtype(self) -> DType {
        match self {
            Bits::Four => DType::Int4,
            Bits::Eight => DType::Int8,
        }
    }

    /// The largest magnitude; the most negative integer of the type is left out.
    pub fn largest(self) -> f32 {
        match self {
            Bits::Four => 7.0,
            Bits::Eight => 127.0,
        }
    }
}

/// The type of values at a width.
pub fn dtype(width: Width) -> DType {
    match width {
        Width::Int8 => DType::Int8,
        Width::Int16 => DType::Int16,
    }
}

/// A constant that is no weight, in the parameters it was given.
pub fn constant(values: &Tensor, params: Params, width: Width) -> Option<Tensor> {
    let floats = values.values::<f32>()?;
    let inverse = 1.0 / f64::from(params.scale);
    let quantized = floats.iter().map(|&v| {
        let q = (f64::from(v) * inverse).round() + params.zero_point as f64;
        match width {
            Width::Int8 => q.clamp(-128.0, 127.0),
            Width::Int16 => q.clamp(-32768.0, 32767.0),
        }
    });
    Some(match width {
        Width::Int8 => {
            let values8: Vec<i8> = quantized.map(|q| q as i8).collect();
            Tensor::from_values(values.shape(), &values8)
        }
        Width::Int16 => {
            let values16: Vec<i16> = quantized.map(|q| q as i16).collect();
            Tensor::from_values(values.shape(), &values16)
        }
    })
}

/// Scales of weights, one per index of `axis` (one in all without it): largest magnitude / 127, or 7 of 4 bits.
pub fn weight_scales(weights: &Tensor, axis: Option<usize>, bits: Bits) -> Option<Vec<f32>> {
    let values = weights.values::<f32>()?;
    let channels = match axis {
        Some(axis) => *weights.shape().get(axis)?,
        None => 1,
    };
    let mut largest = vec![0f32; channels];
    for (index, value) in values.iter().enumerate() {
        let slot = &mut largest[channel(weights, axis, index)];
        *slot = slot.max(value.abs());
    }
    // A channel of zeros has a range of ±0.5e-6.
    let scale = |m: f32| {
        if m == 0.0 {
            (0.5e-6 / f64::from(bits.largest())) as f32
        } else {
            m / bits.largest()
        }
    };
    Some(largest.into_iter().map(scale).collect())
}

fn channel(weights: &Tensor, axis: Option<usize>, index: usize) -> usize {
    let Some(axis) = axis else {
        return 0;
    };
    let inner: usize = weights.shape()[axis + 1..].iter().product();
    index / inner.max(1) % weights.shape()[axis]
}

/// Weights in [-127, 127], or [-7, 7] of 4 bits, at these scales.
pub fn weights(values: &Tensor, scales: &[f32], axis: Option<usize>, bits: Bits) -> Option<Tensor> {
    let largest = bits.largest();
    let floats = values.values::<f32>()?;
    let inverses: Vec<f32> = scales.iter().map(|s| 1.0 / s).collect();
    let quantized: Vec<i8> = floats
        .iter()
        .enumerate()
        .map(|(i, &v)| {
            let inverse = inverses[channel(values, axis, i)];
            (v * inverse).round().clamp(-largest, largest) as i8
        })
        .collect();
    Some(Tensor::typed(bits.dtype(), values.shape(), &quantized))
}

/// Weights over the whole range of the type, each channel's from its smallest to its largest value with 0 inside: the
/// integers, scales and zero points.
pub fn asymmetric_weights(
    weights: &Tensor,
    axis: Option<usize>,
    bits: Bits,
) -> Option<(Tensor, Vec<f32>, Vec<i64>)> {
    let values = weights.values::<f32>()?;
    let channels = match axis {
        Some(axis) => *weights.shape().get(axis)?,
        None => 1,
    };
    let mut ranges = vec![Range::NONE; channels];
    for (index, &value) in values.iter().enumerate() {
        ranges[channel(weights, axis, index)].see(&[value]);
    }
    let (lowest, highest) = (-bits.largest() - 1.0, bits.largest());
    let params: Vec<(f32, f32)> = ranges
        .into_iter()
        .map(|range| {
            let (min, max) = range.widened();
            let scale = ((max - min) / f64::from(highest - lowest)) as f32;
            let zero = (lowest - min as f32 / scale).round();
            (scale, zero.clamp(lowest, highest))
        })
        .collect();
    let quantized: Vec<i8> = values
        .iter()
        .enumerate()
        .map(|(index, &value)| {
            let (scale, zero) = params[channel(weights, axis, index)];
            (value / scale + zero).round().clamp(lowest, highest) as i8
        })
        .collect();
    let (scales, zeros) = params.iter().map(|&(s, z)| (s, z as i64)).unzip();
    let values = Tensor::typed(bits.dtype(), weights.shape(), &quantized);
    Some((values, scales, zeros))
}

/// A matrix in int4 [-7, 7] with a float16 scale per `size` elements of a row: the integers, and the scales
/// `[rows, columns / size]`. `None` where rows are no multiple of `size`, or a scale is beyond float16.
pub fn block_weights(matrix: &Tensor, size: usize) -> Option<(Tensor, Tensor)> {
    let &[rows, columns] = matrix.shape() else {
        return None;
    };
    if size == 0 || !columns.is_multiple_of(size) {
        return None;
    }
    let largest = Bits::Four.largest();
    let mut quantized = Vec::with_capacity(matrix.len());
    let mut scales = Vec::with_capacity(matrix.len() / size);
    for block in matrix.values::<f32>()?.chunks_exact(size) {
        let most = block.iter().fold(0f32, |m, v| m.max(v.abs()));
        // No more digits than bfloat16 has: some kernels keep the scales of blocks in that.
        let scale = half::f16::from_f32(half::bf16::from_f32(most / largest).to_f32());
        // What is too small for float16 gets its smallest number, and is 0.
        let scale = if scale == half::f16::ZERO {
            half::f16::from_bits(1)
        } else {
            scale
        };
        if !scale.is_finite() {
            return None;
        }
        let inverse = 1.0 / scale.to_f32();
        let round = |v: &f32| (v * inverse).round().clamp(-largest, largest) as i8;
        quantized.extend(block.iter().map(round));
        scales.push(scale);
    }
    Some((
        Tensor::typed(DType::Int4, matrix.shape(), &quantized),
        Tensor::from_values(&[rows, columns / size], &scales),
    ))
}

/// A bias and what its size demands of the weights.
#[derive(Debug)]
pub struct Bias {
    pub values: Tensor,
    pub scales: Vec<f32>,
}

/// Half of the largest int32: biases stay below it, so that sums don't overflow.
const BIAS_MAX: f32 = 1_073_741_823.0;

/// The bias at scale input × weights. A channel whose bias is too large for that gets a larger scale, and its weights
/// too: `scales` is changed in place.
pub fn bias(values: &Tensor, input_scale: f32, scales: &mut [f32], width: Width) -> Option<Bias> {
    let floats = values.values::<f32>()?;
    if scales.len() != floats.len() && scales.len() != 1 {
        return None;
    }
    let mut bias_scales: Vec<f32> = scales.iter().map(|s| input_scale * s).collect();
    let last = bias_scales.len() - 1;
    for (i, &b) in floats.iter().enumerate() {
        let c = i.min(last);
        if b.abs() / bias_scales[c] > BIAS_MAX {
            bias_scales[c] = b.abs() / BIAS_MAX;
            scales[c] = bias_scales[c] / input_scale;
        }
    }
    let rounded = floats.iter().enumerate().map(|(i, &b)| {
        let inverse = 1.0 / bias_scales[i.min(last)];
        f64::from((b * inverse).round())
    });
    let values = match width {
        Width::Int8 => {
            let values32: Vec<i32> = rounded.map(|v| v as i32).collect();
            Tensor::from_values(values.shape(), &values32)
        }
        Width::Int16 => {
            let values64: Vec<i64> = rounded.map(|v| v as i64).collect();
            Tensor::from_values(values.shape(), &values64)
        }
    };
    Some(Bias {
        values,
        scales: bias_scales,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activations_take_zero_in() {
        let p = activation(Range { min: 0.1, max: 0.9 }, Width::Int8);
        assert_eq!(
            p,
            Params {
                scale: 0.9 / 255.0,
                zero_point: -128
            }
        );
        let p = activation(
            Range {
                min: -1.0,
                max: 1.0,
            },
            Width::Int8,
        );
        // 2/255 rounds up to float, so that 1/s falls short of 127.5.
        assert_eq!((p.scale, p.zero_point), (2.0 / 255.0, -1));
        let p = activation(
            Range {
                min: -0.5,
                max: 2.0,
            },
            Width::Int16,
        );
        assert_eq!((p.scale, p.zero_point), (2.0 / 32767.0, 0));
    }

    #[test]
    fn asymmetric_weights_use_every_integer() {
        let w = Tensor::from_values(&[2, 3], &[0f32, 7., 15., -4., 0., 3.5]);
        let (q, scales, zeros) = asymmetric_weights(&w, Some(0), Bits::Four).unwrap();
        assert_eq!((scales, zeros), (vec![1.0, 0.5], vec![-8, 0]));
        assert_eq!(q.values::<i8>().unwrap(), [-8, -1, 7, -8, 0, 7]);
    }

    #[test]
    fn blocks_have_scales_that_both_half_types_hold() {
        let w: Vec<f32> = (0..64).map(|i| (i as f32 - 31.0) / 9.0).collect();
        let (q, scales) = block_weights(&Tensor::from_values(&[1, 64], &w), 32).unwrap();
        let scales = scales.values::<half::f16>().unwrap();
        let close = |(i, &q): (usize, &i8)| {
            let scale = scales[i / 32].to_f32();
            (f32::from(q) * scale - w[i]).abs() <= scale * 0.55
        };
        assert!(q.values::<i8>().unwrap().iter().enumerate().all(close));
        for scale in scales {
            assert_eq!(
                half::bf16::from_f32(scale.to_f32()).to_f32(),
                scale.to_f32()
            );
        }
        assert!(block_weights(&Tensor::from_values(&[2, 32], &w), 64).is_none());
    }

    #[test]
    fn an_all_zero_activation_has_the_measured_scale() {
        let p = activation(Range::of(&[0.0, 0.0]), Width::Int8);
        assert_eq!((p.scale, p.zero_point), (7.843137e-09, 0));
    }

    #[test]
    fn a_channel_of_zeros_and_a_bias_too_large_for_it() {
        let w = Tensor::from_values(&[2, 2], &[0f32, 0., 0.5, -1.]);
        let mut scales = weight_scales(&w, Some(0), Bits::Eight).unwrap();
        assert_eq!(scales, [3.937_008e-9, 1.0 / 127.0]);
        let b = Tensor::from_values(&[2], &[0.37343f32, 1.0]);
        let bias = bias(&b, 0.007_305, &mut scales, Width::Int8).unwrap();
        assert_eq!(bias.scales[0], 0.37343 / 1_073_741_823.0);
        assert_eq!(bias.values.values::<i32>().unwrap()[0], 1_073_741_824);
        assert_eq!(scales[0], bias.scales[0] / 0.007_305);
        let q = weights(&w, &scales, Some(0), Bits::Eight).unwrap();
        assert_eq!(q.values::<i8>().unwrap(), [0, 0, 64, -127]);
    }
}

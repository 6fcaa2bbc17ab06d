//! How stored integers stand for real numbers.

use super::DType;
use super::graph::ValueId;

/// real = scale × (q − zero point). One scale and zero point, or one of each per index of `dimension`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Quantization {
    pub scale: Vec<f32>,
    pub zero_point: Vec<i64>,
    /// The axis of per-channel scales, as a file has it: one that is negative or past the rank says nothing.
    pub dimension: i32,
    /// Ranges that a calibration left in the file; may be empty.
    pub min: Vec<f32>,
    pub max: Vec<f32>,
    pub details: QuantizationDetails,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub enum QuantizationDetails {
    #[default]
    None,
    Custom(Vec<u8>),
    /// One scale per `block_size` elements of the last axis; scales are a constant of the same subgraph.
    Blockwise {
        scales: Option<ValueId>,
        zero_points: Option<ValueId>,
        block_size: i32,
        /// Elements of a block per dimension, where a file says it (LiteRT 2.3); empty as a rule.
        block_shape: Vec<i32>,
    },
    MultiAxis {
        scales: Option<ValueId>,
        zero_points: Option<ValueId>,
        block_size: i32,
        dimensions: Vec<i32>,
    },
    /// A scheme that this program has no name for, by its number in the schema.
    Unknown(u8),
}

impl QuantizationDetails {
    /// Scales and zero points that are values of the same graph.
    pub fn values(&self) -> [Option<ValueId>; 2] {
        match self {
            QuantizationDetails::None
            | QuantizationDetails::Custom(_)
            | QuantizationDetails::Unknown(_) => [None; 2],
            QuantizationDetails::Blockwise {
                scales,
                zero_points,
                ..
            }
            | QuantizationDetails::MultiAxis {
                scales,
                zero_points,
                ..
            } => [*scales, *zero_points],
        }
    }

    /// The same, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Option<ValueId>> {
        let (scales, zero_points) = match self {
            QuantizationDetails::None
            | QuantizationDetails::Custom(_)
            | QuantizationDetails::Unknown(_) => (None, None),
            QuantizationDetails::Blockwise {
                scales,
                zero_points,
                ..
            }
            | QuantizationDetails::MultiAxis {
                scales,
                zero_points,
                ..
            } => (Some(scales), Some(zero_points)),
        };
        scales.into_iter().chain(zero_points)
    }
}

impl Quantization {
    pub fn per_tensor(scale: f32, zero_point: i64) -> Self {
        Quantization {
            scale: vec![scale],
            zero_point: vec![zero_point],
            ..Self::default()
        }
    }

    pub fn per_channel(scale: Vec<f32>, dimension: usize) -> Self {
        Quantization {
            zero_point: vec![0; scale.len()],
            scale,
            dimension: dimension as i32,
            ..Self::default()
        }
    }

    /// The axis of per-channel scales in a tensor of this rank; `None` for one that such a tensor has not.
    pub fn axis(&self, rank: usize) -> Option<usize> {
        let axis = usize::try_from(self.dimension).ok()?;
        (axis < rank).then_some(axis)
    }

    /// Whether there are scales at all; a table with only min and max quantizes nothing.
    pub fn is_active(&self) -> bool {
        !self.scale.is_empty()
            || matches!(
                self.details,
                QuantizationDetails::Blockwise { .. } | QuantizationDetails::MultiAxis { .. }
            )
    }

    /// Scale and zero point of the whole tensor, if it has just one of each.
    pub fn single(&self) -> Option<(f32, i64)> {
        match (&*self.scale, &*self.zero_point) {
            ([scale], [zero_point]) => Some((*scale, *zero_point)),
            ([scale], []) => Some((*scale, 0)),
            _ => None,
        }
    }

    /// The least and the largest real number that values of this type can stand for, over all channels; `None` without
    /// scales in the table itself, and for types that are as good as without end (the int32 of a bias).
    pub fn real_range(&self, dtype: DType) -> Option<(f64, f64)> {
        const WIDEST_BITS: usize = 16;
        let bits = dtype.bits();
        if !dtype.is_integer() || bits > WIDEST_BITS || self.details != QuantizationDetails::None {
            return None;
        }
        let unsigned = matches!(
            dtype,
            DType::UInt2 | DType::UInt4 | DType::UInt8 | DType::UInt16
        );
        let (least, most) = match unsigned {
            true => (0, (1i64 << bits) - 1),
            false => (-(1i64 << (bits - 1)), (1i64 << (bits - 1)) - 1),
        };
        // One zero point may serve all scales; without any they are 0.
        let zero = |at: usize| match &*self.zero_point {
            [] => 0,
            [one] => *one,
            all => all.get(at).copied().unwrap_or(0),
        };
        let ends = self.scale.iter().enumerate().map(|(at, scale)| {
            let real = |q: i64| f64::from(*scale) * (q as f64 - zero(at) as f64);
            (real(least), real(most))
        });
        let range = ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
        (range.0.is_finite() && range.1.is_finite()).then_some(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_integers_stand_for_a_range_of_reals() {
        let image = Quantization::per_tensor(1.0 / 128.0, -1);
        let range = image.real_range(DType::Int8);
        assert_eq!(range, Some((-127.0 / 128.0, 1.0)));
        let bytes = Quantization::per_tensor(0.5, 0);
        assert_eq!(bytes.real_range(DType::UInt8), Some((0.0, 127.5)));
        assert_eq!(bytes.real_range(DType::Int32), None);
        assert_eq!(bytes.real_range(DType::Float32), None);
        // The widest of the channels.
        let channels = Quantization::per_channel(vec![0.25, 1.0], 0);
        assert_eq!(channels.real_range(DType::Int4), Some((-8.0, 7.0)));
        assert_eq!(Quantization::default().real_range(DType::Int8), None);
    }
}

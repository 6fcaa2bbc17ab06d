//! What an input is made of, where a model's metadata or its first operators tell.

/// Nothing of it known is the rule.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Content {
    /// How pixels become values, and who says so.
    pub normalization: Option<(Normalization, Teller)>,
    /// Samples a second, of sound.
    pub sample_rate: Option<u32>,
    /// The least and the largest real value.
    pub range: Option<(f64, f64)>,
}

/// Who tells what an input is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Teller {
    /// The `NormalizationOptions` of a .tflite's metadata.
    Metadata,
    /// Operators that scale the input down from 0 to 255.
    Operators,
}

/// Pixels from 0 to 255 to real values: (pixel - mean) / std, with a number for each channel or one for all of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalization {
    pub mean: Vec<f32>,
    pub std: Vec<f32>,
}

impl Normalization {
    /// `None` without numbers, for a standard deviation of 0 and for numbers that are not finite.
    pub fn new(mean: Vec<f32>, std: Vec<f32>) -> Option<Self> {
        let finite = mean.iter().chain(&std).all(|v| v.is_finite());
        let some = !mean.is_empty() && !std.is_empty() && !std.contains(&0.0);
        (finite && some).then_some(Normalization { mean, std })
    }

    /// Pixel 0 becomes `low` and pixel 255 `high`; `None` where these are the same.
    pub fn between(low: f32, high: f32) -> Option<Self> {
        let std = 255.0 / (high - low);
        Normalization::new(vec![-low * std], vec![std])
    }

    /// Pixels stay what they are.
    pub fn bytes() -> Self {
        Normalization {
            mean: vec![0.0],
            std: vec![1.0],
        }
    }

    pub fn apply(&self, pixel: f32, channel: usize) -> f32 {
        let of = |values: &[f32]| values[channel.min(values.len() - 1)];
        (pixel - of(&self.mean)) / of(&self.std)
    }

    /// The least and the largest value that a pixel can become.
    pub fn range(&self) -> (f64, f64) {
        let channels = 0..self.mean.len().max(self.std.len());
        let ends = channels.flat_map(|c| [self.apply(0.0, c), self.apply(255.0, c)]);
        ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
            (low.min(v.into()), high.max(v.into()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_become_values() {
        let signed = Normalization::between(-1.0, 1.0).unwrap();
        assert_eq!((signed.mean[0], signed.std[0]), (127.5, 127.5));
        assert_eq!(signed.range(), (-1.0, 1.0));
        assert_eq!(Normalization::bytes().range(), (0.0, 255.0));
        let each = Normalization::new(vec![100.0, 55.0], vec![50.0]).unwrap();
        assert_eq!([0, 1, 2].map(|c| each.apply(155.0, c)), [1.1, 2.0, 2.0]);
        assert_eq!(Normalization::between(1.0, 1.0), None);
        assert_eq!(Normalization::new(vec![0.0], vec![]), None);
        assert_eq!(Normalization::new(vec![f32::NAN], vec![1.0]), None);
    }
}

//! What the values of a tensor look like.

use serde::Serialize;

use crate::model::Tensor;

/// Over the finite values; `None` where there are none.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Statistics {
    pub count: usize,
    pub nan: usize,
    pub infinite: usize,
    pub zeros: usize,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub mean: Option<f64>,
    /// Of the population.
    pub std: Option<f64>,
    /// Counts in equal parts of min to max; the last part holds max. Empty without finite values.
    pub histogram: Vec<u64>,
}

/// Strings have a count and nothing else.
pub fn statistics(tensor: &Tensor, bins: usize) -> Statistics {
    let mut found = Statistics {
        count: tensor.len(),
        ..Statistics::default()
    };
    let numbers = tensor.numbers();
    // Welford's update: exact for means far from zero.
    let (mut n, mut mean, mut squares) = (0u64, 0.0, 0.0);
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for &v in &numbers {
        if v.is_nan() {
            found.nan += 1;
        } else if v.is_infinite() {
            found.infinite += 1;
        } else {
            found.zeros += usize::from(v == 0.0);
            n += 1;
            let delta = v - mean;
            mean += delta / n as f64;
            squares += delta * (v - mean);
            low = low.min(v);
            high = high.max(v);
        }
    }
    if n == 0 {
        return found;
    }
    found.min = Some(low);
    found.max = Some(high);
    found.mean = Some(mean);
    found.std = Some((squares / n as f64).sqrt());
    found.histogram = vec![0; bins];
    let width = (high - low) / bins.max(1) as f64;
    for v in numbers.into_iter().filter(|v| v.is_finite()) {
        let bin = if width > 0.0 {
            ((v - low) / width) as usize
        } else {
            0
        };
        if let Some(count) = found.histogram.get_mut(bin.min(bins.saturating_sub(1))) {
            *count += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_finite_is_counted_apart() {
        let t = Tensor::from_values(&[6], &[0.0f32, 1.0, 2.0, 3.0, f32::NAN, f32::INFINITY]);
        let s = statistics(&t, 3);
        assert_eq!((s.count, s.nan, s.infinite, s.zeros), (6, 1, 1, 1));
        assert_eq!((s.min, s.max, s.mean), (Some(0.0), Some(3.0), Some(1.5)));
        assert_eq!(s.histogram, [1, 1, 2]);
    }

    #[test]
    fn equal_values_fill_the_first_bin() {
        let s = statistics(&Tensor::from_values(&[3], &[7i8; 3]), 4);
        assert_eq!(s.histogram, [3, 0, 0, 0]);
        assert_eq!(s.std, Some(0.0));
    }

    #[test]
    fn strings_and_no_values_have_no_range() {
        assert_eq!(
            statistics(&Tensor::from_values::<f32>(&[0], &[]), 4).min,
            None
        );
        let text = Tensor::from_strings(&[1], vec![b"a".to_vec()]);
        assert_eq!(statistics(&text, 4).histogram, [0u64; 0]);
    }
}

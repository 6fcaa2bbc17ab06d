//! Tensors that read as waveforms.

use super::reader;
use crate::model::Tensor;

/// A signal of one or two channels.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    pub channels: Vec<Trace>,
    /// Whether the tensor is meant so, as far as one can tell.
    pub likely: bool,
}

/// A line over time, made short enough to be kept and drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// Values of the signal.
    pub len: usize,
    /// Of parts of equal length the least and the largest finite value; `None` of a part without any.
    pub parts: Vec<Option<(f64, f64)>>,
}

/// Parts of a trace at most: more than the columns of dots on a screen.
const PARTS: usize = 4096;
/// Values that a line says more of than numbers.
const LEAST: usize = 16;
/// Values, and the correlation of neighbours, of what is meant as a signal.
const LIKELY: (usize, f64) = (256, 0.7);

impl Signal {
    /// The line of a tensor with one axis that is not 1, or with another of 2 beside a longer one, which is then that of
    /// the channels. `None` for others and below 16 values.
    ///
    /// It is likely meant so from 256 values on where neighbours are alike (lag-1 autocorrelation of 0.7 or more) and the
    /// values are no probabilities that sum to 1: scores of classes, which also stand in such shapes, change from one to
    /// the next.
    pub fn of(tensor: &Tensor) -> Option<Signal> {
        if tensor.strings().is_some() || tensor.number(0).is_none() {
            return None;
        }
        let sizes: Vec<usize> = tensor.shape().iter().copied().filter(|s| *s != 1).collect();
        // How many, how long, and how far the next value and channel are.
        let (count, len, step, apart) = match sizes[..] {
            [n] => (1, n, 1, 0),
            [n, 2] if n > 2 => (2, n, 2, 1),
            [2, n] if n > 2 => (2, n, 1, n),
            _ => return None,
        };
        if len < LEAST {
            return None;
        }
        let read = reader(tensor);
        let channel = |c: usize| -> Vec<f64> {
            let values = (0..len).map(|at| read(c * apart + at * step));
            values.collect()
        };
        let channels: Vec<Vec<f64>> = (0..count).map(channel).collect();
        let is_signal = |values: &Vec<f64>| alike(values) >= LIKELY.1 && !is_distribution(values);
        Some(Signal {
            likely: len >= LIKELY.0 && channels.iter().all(is_signal),
            channels: channels.iter().map(|values| Trace::of(values)).collect(),
        })
    }
}

impl Trace {
    /// The line through `values`.
    pub fn of(values: &[f64]) -> Trace {
        let count = values.len().min(PARTS);
        let part = |at: usize| {
            let values = &values[at * values.len() / count..(at + 1) * values.len() / count];
            ends(values.iter().map(|v| (*v, *v)))
        };
        Trace {
            len: values.len(),
            parts: (0..count).map(part).collect(),
        }
    }

    /// The least and the largest value; `None` without finite ones.
    pub fn ends(&self) -> Option<(f64, f64)> {
        ends(self.parts.iter().copied().flatten())
    }

    /// Least and largest in each of `columns` parts. A column that has no part of its own takes the one at its place.
    pub fn columns(&self, columns: usize) -> Vec<Option<(f64, f64)>> {
        let count = self.parts.len();
        let column = |at: usize| {
            let begin = (at * count / columns).min(count);
            let end = ((at + 1) * count / columns).clamp((begin + 1).min(count), count);
            ends(self.parts[begin..end].iter().copied().flatten())
        };
        (0..columns).map(column).collect()
    }
}

/// What ranges of finite values reach over together.
fn ends(ranges: impl Iterator<Item = (f64, f64)>) -> Option<(f64, f64)> {
    ranges
        .filter(|(low, high)| low.is_finite() && high.is_finite())
        .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

/// The correlation of values with those that follow them, −1 to 1; 0 where all are equal.
fn alike(values: &[f64]) -> f64 {
    let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    let mean = finite.iter().sum::<f64>() / finite.len().max(1) as f64;
    let spread: f64 = finite.iter().map(|v| (v - mean).powi(2)).sum();
    let together: f64 = finite
        .windows(2)
        .map(|w| (w[0] - mean) * (w[1] - mean))
        .sum();
    if spread > 0.0 { together / spread } else { 0.0 }
}

fn is_distribution(values: &[f64]) -> bool {
    let sum: f64 = values.iter().sum();
    values.iter().all(|v| *v >= 0.0) && (sum - 1.0).abs() < 0.02
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(count: usize, period: f64) -> Vec<f32> {
        let angle = |i: usize| i as f64 / period * std::f64::consts::TAU;
        (0..count).map(|i| angle(i).sin() as f32).collect()
    }

    #[test]
    fn tones_are_signals_in_any_shape_and_scores_are_not() {
        for shape in [&[512][..], &[1, 512], &[1, 512, 1], &[1, 1, 1, 512]] {
            let signal = Signal::of(&Tensor::from_values(shape, &tone(512, 40.0))).unwrap();
            assert!(signal.likely, "{shape:?}");
            assert_eq!(signal.channels.len(), 1);
            let ends = signal.channels[0].ends().unwrap();
            assert!(ends.0 < -0.99 && ends.1 > 0.99);
        }
        let hash = |i: u64| (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let scores: Vec<f32> = (0..1000).map(|i| (hash(i) % 997) as f32).collect();
        assert!(
            !Signal::of(&Tensor::from_values(&[1, 1000], &scores))
                .unwrap()
                .likely
        );
        // A hill of probabilities is as smooth as a signal.
        let hill: Vec<f32> = (0..400)
            .map(|i| 200 - i32::abs(i - 200))
            .map(|v| v as f32 / 4e4)
            .collect();
        assert!(
            !Signal::of(&Tensor::from_values(&[1, 400], &hill))
                .unwrap()
                .likely
        );
        let constant = Tensor::from_values(&[300], &[2.5f32; 300]);
        assert!(!Signal::of(&constant).unwrap().likely);
        for shape in [&[10][..], &[16, 32], &[4, 128], &[]] {
            let count = shape.iter().product();
            assert_eq!(
                Signal::of(&Tensor::from_values(shape, &tone(count, 9.0))),
                None
            );
        }
    }

    #[test]
    fn two_channels_lie_side_by_side_or_one_behind_the_other() {
        let (left, right) = (tone(300, 30.0), vec![0.25f32; 300]);
        let mixed: Vec<f32> = left
            .iter()
            .zip(&right)
            .flat_map(|(l, r)| [*l, *r])
            .collect();
        let apart = [left, right].concat();
        for (shape, values) in [([1, 300, 2], mixed), ([1, 2, 300], apart)] {
            let signal = Signal::of(&Tensor::from_values(&shape, &values)).unwrap();
            assert_eq!(signal.channels.len(), 2);
            assert_eq!(signal.channels[1].ends(), Some((0.25, 0.25)));
        }
    }

    #[test]
    fn a_single_peak_is_seen_however_long_the_signal() {
        let mut values = vec![0.0; 100_000];
        values[54_321] = 9.0;
        values[3] = f64::NAN;
        let trace = Trace::of(&values);
        assert_eq!((trace.len, trace.parts.len()), (100_000, PARTS));
        let columns = trace.columns(100);
        assert_eq!(columns[54], Some((0.0, 9.0)));
        assert_eq!(columns[53], Some((0.0, 0.0)));
        // More columns than values repeat them.
        let few = Trace::of(&[1.0, 2.0]).columns(4);
        assert_eq!(
            few,
            [
                Some((1.0, 1.0)),
                Some((1.0, 1.0)),
                Some((2.0, 2.0)),
                Some((2.0, 2.0))
            ]
        );
        assert_eq!(Trace::of(&[f64::NAN]).ends(), None);
        assert!(Trace::of(&[]).columns(3).iter().all(Option::is_none));
    }
}

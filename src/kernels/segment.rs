//! Rows folded by segment: row `i` of the input belongs to segment `ids[i]` of the output.

use super::elementwise::number::Number;
use super::params::Rules;
use crate::error::{Error, Result};

/// How the rows of a segment become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    Sum,
    Product,
    Min,
    Max,
}

impl Fold {
    /// Element by element, what there is so far and the next. An extreme of TensorFlow Lite keeps what there is unless
    /// the next is beyond it, TensorFlow takes the next unless it is not: NaN is passed over, or stays until a number
    /// follows.
    pub fn of<T: Number>(self, rules: Rules) -> impl Fn(T, T) -> T {
        let stays = rules == Rules::Tflite;
        move |a: T, b: T| match self {
            Fold::Sum => a.add(b),
            Fold::Product => a.mul(b),
            Fold::Min if stays => {
                if b < a {
                    b
                } else {
                    a
                }
            }
            Fold::Max if stays => {
                if b > a {
                    b
                } else {
                    a
                }
            }
            Fold::Min => {
                if a < b {
                    a
                } else {
                    b
                }
            }
            Fold::Max => {
                if a > b {
                    a
                } else {
                    b
                }
            }
        }
    }
}

/// Where the fold of a segment begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// With its first row.
    FirstRow,
    /// With what an empty segment is.
    Empty,
}

/// Ids that rise from row to row, as sorted segments have them.
///
/// # Errors
/// A negative id, one that is smaller than the one before, or, where `gaps` are not allowed, one that leaves some out.
pub fn check_sorted(ids: &[i64], gaps: bool) -> Result<()> {
    let mut last = if gaps { 0 } else { -1 };
    for (row, &id) in ids.iter().enumerate() {
        if id < last || id < 0 || !(gaps || id <= last.saturating_add(1)) {
            return Err(Error::usage(format!(
                "segment id {id} of row {row} after {last}; they have to rise{}",
                if gaps { "" } else { " by one" }
            )));
        }
        last = id;
    }
    Ok(())
}

/// Folds rows of `width` values into `out`, which holds what empty segments are. Rows of negative segments are dropped.
///
/// # Errors
/// An id past the last segment.
pub fn fold<T: Copy>(
    rows: &[(i64, usize)],
    (input, width): (&[T], usize),
    out: &mut [T],
    begin: Begin,
    fold: impl Fn(T, T) -> T,
) -> Result<()> {
    let segments = out.len().checked_div(width).unwrap_or(0);
    let mut begun = vec![begin == Begin::Empty; segments];
    for &(id, row) in rows {
        let Ok(segment) = usize::try_from(id) else {
            continue;
        };
        if segment >= segments {
            if width == 0 {
                continue;
            }
            return Err(Error::usage(format!(
                "a segment id {id} where there are {segments} segments"
            )));
        }
        let from = &input[row * width..][..width];
        let to = &mut out[segment * width..][..width];
        if std::mem::replace(&mut begun[segment], true) {
            for (old, &new) in to.iter_mut().zip(from) {
                *old = fold(*old, new);
            }
        } else {
            to.copy_from_slice(from);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_segment_become_one_and_empty_ones_stay() {
        let input = [1f32, 2.0, 3.0, 4.0, 5.0, 6.0];
        let mut out = [-1f32; 6];
        let rows = [(2, 0), (-1, 1), (2, 2)];
        let largest = Fold::Max.of(Rules::Tflite);
        fold(&rows, (&input, 2), &mut out, Begin::FirstRow, largest).unwrap();
        assert_eq!(out, [-1.0, -1.0, -1.0, -1.0, 5.0, 6.0]);
        let sum = Fold::Sum.of(Rules::Tflite);
        let past = fold(&[(3, 0)], (&input, 2), &mut out, Begin::FirstRow, sum);
        assert!(past.is_err());
    }

    #[test]
    fn extremes_beside_nan_and_infinity() {
        let (nan, lowest) = (f32::NAN, f32::MIN);
        let input = [nan, 1.0, 1.0, nan, nan, f32::NEG_INFINITY];
        let rows = [(0, 0), (0, 1), (1, 2), (1, 3), (2, 4), (3, 5)];
        let largest = |rules, begin| {
            let mut out = [lowest; 4];
            fold(&rows, (&input, 1), &mut out, begin, Fold::Max.of(rules)).unwrap();
            out.map(f32::to_bits)
        };
        let bits = |values: [f32; 4]| values.map(f32::to_bits);
        let lite = largest(Rules::Tflite, Begin::Empty);
        assert_eq!(lite, bits([1.0, 1.0, lowest, lowest]));
        let unsorted = largest(Rules::TensorFlow, Begin::Empty);
        assert_eq!(unsorted, bits([1.0, nan, nan, lowest]));
        let sorted = largest(Rules::TensorFlow, Begin::FirstRow);
        assert_eq!(sorted, bits([1.0, nan, nan, f32::NEG_INFINITY]));
    }

    #[test]
    fn sorted_ids_rise() {
        assert!(check_sorted(&[0, 0, 1, 2], false).is_ok());
        assert!(check_sorted(&[0, 2], false).is_err());
        assert!(check_sorted(&[1], false).is_err());
        assert!(check_sorted(&[1, 4], true).is_ok());
        assert!(check_sorted(&[1, 0], true).is_err());
    }
}

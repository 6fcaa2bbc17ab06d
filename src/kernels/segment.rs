//! Rows folded by segment: row `i` of the input belongs to segment `ids[i]` of the output.

use super::elementwise::number::Number;
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
    /// Element by element.
    pub fn of<T: Number>(self) -> impl Fn(T, T) -> T {
        move |a: T, b: T| match self {
            Fold::Sum => a.add(b),
            Fold::Product => a.mul(b),
            Fold::Min if b < a || b.is_nan() => b,
            Fold::Max if b > a || b.is_nan() => b,
            Fold::Min | Fold::Max => a,
        }
    }
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

/// Folds rows of `width` values into `out`, which holds what empty segments are. The first row of a segment takes the
/// place of that. Rows of negative segments are dropped.
///
/// # Errors
/// An id past the last segment.
pub fn fold<T: Copy>(
    rows: &[(i64, usize)],
    (input, width): (&[T], usize),
    out: &mut [T],
    fold: impl Fn(T, T) -> T,
) -> Result<()> {
    let segments = out.len().checked_div(width).unwrap_or(0);
    let mut begun = vec![false; segments];
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
        fold(&rows, (&input, 2), &mut out, Fold::Max.of()).unwrap();
        assert_eq!(out, [-1.0, -1.0, -1.0, -1.0, 5.0, 6.0]);
        let past = fold(&[(3, 0)], (&input, 2), &mut out, Fold::Sum.of());
        assert!(past.is_err());
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

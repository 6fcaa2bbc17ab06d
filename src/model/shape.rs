//! Shapes with unknown dimensions and unknown rank.

use std::fmt;

/// `None`: the rank is unknown. A dimension of -1 is unknown. `Some([])` is a scalar.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Shape(pub Option<Vec<i64>>);

impl Shape {
    pub const UNKNOWN: Shape = Shape(None);

    pub fn scalar() -> Self {
        Shape(Some(Vec::new()))
    }

    pub fn of(dims: &[usize]) -> Self {
        Shape(Some(dims.iter().map(|&d| d as i64).collect()))
    }

    /// Whether the sizes are known, and these.
    pub fn is(&self, sizes: &[usize]) -> bool {
        let same = |(&a, &b): (&i64, &usize)| usize::try_from(a) == Ok(b);
        self.0
            .as_ref()
            .is_some_and(|dims| dims.len() == sizes.len() && dims.iter().zip(sizes).all(same))
    }

    pub fn rank(&self) -> Option<usize> {
        self.0.as_ref().map(Vec::len)
    }

    pub fn dims(&self) -> Option<&[i64]> {
        self.0.as_deref()
    }

    /// The sizes, if every one of them is known.
    pub fn fixed(&self) -> Option<Vec<usize>> {
        self.0
            .as_ref()?
            .iter()
            .map(|&d| usize::try_from(d).ok())
            .collect()
    }

    /// Number of elements, if all sizes are known and the product fits. A zero size wins over overflow.
    pub fn elements(&self) -> Option<usize> {
        element_count(&self.fixed()?)
    }

    /// The sizes with `unknown` in place of each unknown one; `None` without a rank.
    pub fn with_unknown_as(&self, unknown: usize) -> Option<Vec<usize>> {
        Some(
            self.0
                .as_ref()?
                .iter()
                .map(|&d| usize::try_from(d).unwrap_or(unknown))
                .collect(),
        )
    }

    /// What two shapes have in common: -1 where they differ.
    pub fn common(&self, other: &Shape) -> Shape {
        match (&self.0, &other.0) {
            (Some(a), Some(b)) if a.len() == b.len() => {
                let dim = |(&a, &b): (&i64, &i64)| if a == b { a } else { -1 };
                Shape(Some(a.iter().zip(b).map(dim).collect()))
            }
            _ => Shape::UNKNOWN,
        }
    }

    /// Whether a tensor of these sizes fits: the same rank, and every known size equal.
    pub fn accepts(&self, sizes: &[usize]) -> bool {
        match &self.0 {
            None => true,
            Some(dims) => {
                dims.len() == sizes.len()
                    && dims
                        .iter()
                        .zip(sizes)
                        .all(|(&d, &s)| d < 0 || d as usize == s)
            }
        }
    }

    /// `sizes` as this shape takes them without any value moved: as they are, with a batch of 1 in front, or with a
    /// last axis of 1 (the channel of a grey image) added or left out. `None` where none of these fits.
    pub fn adapt(&self, sizes: &[usize]) -> Option<Vec<usize>> {
        let bare = match sizes {
            [bare @ .., 1] => Some(bare.to_vec()),
            _ => None,
        };
        let with_channel = [sizes, &[1]].concat();
        [Some(sizes.to_vec()), bare, Some(with_channel)]
            .into_iter()
            .flatten()
            .flat_map(|sizes| [sizes.clone(), [&[1], &sizes[..]].concat()])
            .find(|sizes| self.accepts(sizes))
    }
}

/// The product of `sizes`; `None` when it overflows. A zero size makes 0 before overflow counts.
pub fn element_count(sizes: &[usize]) -> Option<usize> {
    if sizes.contains(&0) {
        return Some(0);
    }
    sizes.iter().try_fold(1usize, |n, &d| n.checked_mul(d))
}

impl fmt::Display for Shape {
    /// `?×28×28×1`; `scalar`; `unknown rank`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match &self.0 {
            None => "unknown rank".to_owned(),
            Some(dims) if dims.is_empty() => "scalar".to_owned(),
            Some(dims) => dims
                .iter()
                .map(|&d| if d < 0 { "?".to_owned() } else { d.to_string() })
                .collect::<Vec<_>>()
                .join("×"),
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_and_a_grey_channel_come_and_go() {
        let shape = |dims: &[i64]| Shape(Some(dims.to_vec()));
        let adapt = |dims: &[i64], sizes: &[usize]| shape(dims).adapt(sizes);
        assert_eq!(adapt(&[-1, 8, 8, 1], &[8, 8]), Some(vec![1, 8, 8, 1]));
        assert_eq!(adapt(&[-1, 8, 8], &[300, 8, 8, 1]), Some(vec![300, 8, 8]));
        assert_eq!(adapt(&[1, 8, 8], &[8, 8, 1]), Some(vec![1, 8, 8]));
        assert_eq!(adapt(&[-1, 64], &[8, 8]), None);
        assert_eq!(adapt(&[1, 8, 8], &[300, 8, 8]), None);
        assert_eq!(adapt(&[], &[]), Some(vec![]));
    }
}

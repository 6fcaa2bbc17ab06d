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

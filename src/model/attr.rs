//! Attributes of operators: NodeDef attributes and TFLite options under one roof.

use bytes::Bytes;

use super::Name;
use super::data::TensorData;
use super::dtype::DType;
use super::shape::Shape;

#[derive(Debug, Clone)]
pub enum Attr {
    Int(i64),
    Float(f64),
    Bool(bool),
    /// Text or bytes; TensorFlow has one type for both.
    Bytes(Bytes),
    Type(DType),
    Shape(Shape),
    Tensor {
        dtype: DType,
        shape: Shape,
        data: TensorData,
    },
    /// A function by name, with the attributes bound in the call.
    Func {
        name: Name,
        attrs: Attrs,
    },
    /// A value of a schema's enum: `SAME` = 0.
    Enum {
        name: Name,
        value: i64,
    },
    List(Vec<Attr>),
    /// A table of a schema with its fields.
    Table {
        name: Name,
        attrs: Attrs,
    },
    /// Something that is kept as it is and only shown.
    Opaque(Name),
}

/// Attributes in the order of their names.
#[derive(Debug, Clone, Default)]
pub struct Attrs(Vec<(Name, Attr)>);

impl Attrs {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn set(&mut self, name: impl Into<Name>, value: Attr) {
        let name = name.into();
        match self.0.binary_search_by(|(n, _)| n.cmp(&name)) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => self.0.insert(at, (name, value)),
        }
    }

    #[must_use]
    pub fn with(mut self, name: impl Into<Name>, value: Attr) -> Self {
        self.set(name, value);
        self
    }

    pub fn remove(&mut self, name: &str) -> Option<Attr> {
        let at = self.0.iter().position(|(n, _)| &**n == name)?;
        Some(self.0.remove(at).1)
    }

    pub fn get(&self, name: &str) -> Option<&Attr> {
        let at = self.0.binary_search_by(|(n, _)| (**n).cmp(name)).ok()?;
        Some(&self.0[at].1)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Attr)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn int(&self, name: &str) -> Option<i64> {
        self.get(name)?.as_int()
    }

    pub fn float(&self, name: &str) -> Option<f64> {
        self.get(name)?.as_float()
    }

    pub fn bool(&self, name: &str) -> Option<bool> {
        self.get(name)?.as_bool()
    }

    /// A text attribute or the name of an enum value.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_text()
    }

    pub fn dtype(&self, name: &str) -> Option<DType> {
        self.get(name)?.as_dtype()
    }

    pub fn shape(&self, name: &str) -> Option<&Shape> {
        self.get(name)?.as_shape()
    }

    pub fn func(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_func()
    }

    pub fn list(&self, name: &str) -> Option<&[Attr]> {
        self.get(name)?.as_list()
    }

    /// A list of whole numbers; other elements are left out.
    pub fn ints(&self, name: &str) -> Option<Vec<i64>> {
        self.get(name)?.as_ints()
    }
}

impl Attr {
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Attr::Int(v) | Attr::Enum { value: v, .. } => Some(*v),
            Attr::Bool(v) => Some(i64::from(*v)),
            _ => None,
        }
    }

    pub fn as_float(&self) -> Option<f64> {
        match self {
            Attr::Float(v) => Some(*v),
            Attr::Int(v) => Some(*v as f64),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Attr::Bool(v) => Some(*v),
            Attr::Int(v) => Some(*v != 0),
            _ => None,
        }
    }

    /// Text, or the name of an enum value.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Attr::Bytes(v) => std::str::from_utf8(v).ok(),
            Attr::Enum { name, .. } => Some(name),
            _ => None,
        }
    }

    pub fn as_dtype(&self) -> Option<DType> {
        match self {
            Attr::Type(v) => Some(*v),
            _ => None,
        }
    }

    pub fn as_shape(&self) -> Option<&Shape> {
        match self {
            Attr::Shape(v) => Some(v),
            _ => None,
        }
    }

    pub fn as_func(&self) -> Option<&str> {
        match self {
            Attr::Func { name, .. } => Some(name),
            _ => None,
        }
    }

    pub fn as_list(&self) -> Option<&[Attr]> {
        match self {
            Attr::List(v) => Some(v),
            _ => None,
        }
    }

    /// The whole numbers of a list; other elements are left out.
    pub fn as_ints(&self) -> Option<Vec<i64>> {
        Some(self.as_list()?.iter().filter_map(Attr::as_int).collect())
    }
}

impl FromIterator<(Name, Attr)> for Attrs {
    fn from_iter<I: IntoIterator<Item = (Name, Attr)>>(iter: I) -> Self {
        // Sorted at once: a damaged file may name a hundred thousand in the worst order.
        let mut all: Vec<(Name, Attr)> = iter.into_iter().collect();
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        all.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                std::mem::swap(later, kept);
            }
            same
        });
        Attrs(all)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn the_last_of_a_name_counts_and_any_order_is_quick() {
        let given = [("b", 1), ("a", 2), ("b", 3), ("a", 4), ("b", 5)];
        let all: Attrs = (given.iter())
            .map(|&(name, value)| (Name::from(name), Attr::Int(value)))
            .collect();
        let kept: Vec<_> = all.iter().map(|(name, v)| (name, v.as_int())).collect();
        assert_eq!(kept, [("a", Some(4)), ("b", Some(5))]);
        let begun = Instant::now();
        let backwards = (0..100_000)
            .rev()
            .map(|n| (Name::from(format!("{n:06}")), Attr::Int(n)));
        assert_eq!(backwards.collect::<Attrs>().len(), 100_000);
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}

//! TensorFlow's variants: lists of tensors, which loops read and fill, and ragged tensors as one value.

use std::sync::Arc;

use super::dtype::DType;
use super::shape::Shape;
use super::tensor::Tensor;

/// What a `variant` value holds. Copies share the elements.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorList {
    pub kind: VariantKind,
    /// Of the elements, or of the values of a ragged tensor.
    pub dtype: DType,
    /// What all elements fit.
    pub shape: Shape,
    /// `None` where nothing was put yet.
    pub items: Vec<Option<Arc<Tensor>>>,
    /// It takes no more elements than this.
    pub limit: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VariantKind {
    /// What was never set.
    Nothing,
    /// Elements of one type.
    List,
    /// Row splits of a ragged tensor, outermost first, then its values.
    Ragged,
    /// One tensor.
    Tensor,
    /// Keys, each with its value behind it.
    Map,
    /// Values that may be missing: all of them or none.
    Optional,
}

impl TensorList {
    pub fn nothing() -> Self {
        Self::of(VariantKind::Nothing, DType::Invalid, Vec::new())
    }

    /// A ragged tensor of these row splits.
    pub fn ragged(splits: impl IntoIterator<Item = Arc<Tensor>>, values: Arc<Tensor>) -> Self {
        let dtype = values.dtype();
        let items = splits.into_iter().chain([values]).map(Some).collect();
        Self::of(VariantKind::Ragged, dtype, items)
    }

    /// A tensor as it is.
    pub fn tensor(tensor: Arc<Tensor>) -> Self {
        let dtype = tensor.dtype();
        Self::of(VariantKind::Tensor, dtype, vec![Some(tensor)])
    }

    /// A map of these keys and values.
    pub fn map(items: Vec<Option<Arc<Tensor>>>) -> Self {
        Self::of(VariantKind::Map, DType::Invalid, items)
    }

    /// An optional of these values; without any it has none.
    pub fn optional(items: Vec<Option<Arc<Tensor>>>) -> Self {
        Self::of(VariantKind::Optional, DType::Invalid, items)
    }

    fn of(kind: VariantKind, dtype: DType, items: Vec<Option<Arc<Tensor>>>) -> Self {
        TensorList {
            kind,
            dtype,
            shape: Shape::UNKNOWN,
            items,
            limit: None,
        }
    }
}

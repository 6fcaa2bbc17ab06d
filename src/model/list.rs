//! TensorFlow's lists of tensors, which loops read and fill.

use std::sync::Arc;

use super::dtype::DType;
use super::shape::Shape;
use super::tensor::Tensor;

/// What a `variant` value holds. Copies share the elements.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorList {
    pub dtype: DType,
    /// What all elements fit.
    pub shape: Shape,
    /// `None` where nothing was put yet.
    pub items: Vec<Option<Arc<Tensor>>>,
    /// It takes no more elements than this.
    pub limit: Option<usize>,
}

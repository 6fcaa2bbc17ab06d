//! What is known about a value before it is computed.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::error::Result;
use crate::model::{DType, Shape, Tensor, TensorData, VariableId};

/// Type and sizes of a value, and its values where they are known without running.
#[derive(Debug, Clone)]
pub struct Fact {
    pub dtype: DType,
    pub shape: Shape,
    pub constant: Option<Constant>,
    /// The stored variable that a resource value stands for.
    pub variable: Option<VariableId>,
}

impl Fact {
    pub fn new(dtype: DType, shape: Shape) -> Self {
        Fact {
            dtype,
            shape,
            constant: None,
            variable: None,
        }
    }

    pub fn fixed(dtype: DType, sizes: &[usize]) -> Self {
        Self::new(dtype, Shape::of(sizes))
    }

    pub fn constant(constant: Constant) -> Self {
        Fact {
            dtype: constant.dtype(),
            shape: Shape::of(constant.shape()),
            constant: Some(constant),
            variable: None,
        }
    }
}

/// Values that don't change between runs. Stored ones are read when asked for and dropped when nobody holds them.
#[derive(Clone)]
pub struct Constant(Arc<Source>);

enum Source {
    Ready(Arc<Tensor>),
    Stored {
        dtype: DType,
        shape: Vec<usize>,
        data: TensorData,
        last: Mutex<Weak<Tensor>>,
    },
}

impl Constant {
    pub fn ready(tensor: Arc<Tensor>) -> Self {
        Constant(Arc::new(Source::Ready(tensor)))
    }

    pub fn stored(dtype: DType, shape: &[usize], data: TensorData) -> Self {
        Constant(Arc::new(Source::Stored {
            dtype,
            shape: shape.to_vec(),
            data,
            last: Mutex::new(Weak::new()),
        }))
    }

    pub fn dtype(&self) -> DType {
        match &*self.0 {
            Source::Ready(tensor) => tensor.dtype(),
            Source::Stored { dtype, .. } => *dtype,
        }
    }

    pub fn shape(&self) -> &[usize] {
        match &*self.0 {
            Source::Ready(tensor) => tensor.shape(),
            Source::Stored { shape, .. } => shape,
        }
    }

    pub fn len(&self) -> usize {
        crate::model::shape::element_count(self.shape()).unwrap_or(usize::MAX)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same values under other sizes, of equal count; `None` where they can't be read.
    pub fn reshaped(&self, shape: &[usize]) -> Option<Self> {
        match &*self.0 {
            Source::Ready(tensor) => {
                let tensor = (**tensor).clone().reshaped(shape);
                Some(Self::ready(Arc::new(tensor)))
            }
            Source::Stored { dtype, data, .. } => Some(Self::stored(*dtype, shape, data.clone())),
        }
    }

    pub fn read(&self) -> Result<Arc<Tensor>> {
        match &*self.0 {
            Source::Ready(tensor) => Ok(tensor.clone()),
            Source::Stored {
                dtype,
                shape,
                data,
                last,
            } => {
                let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(tensor) = last.upgrade() {
                    return Ok(tensor);
                }
                let tensor = Arc::new(data.read(*dtype, shape)?);
                *last = Arc::downgrade(&tensor);
                Ok(tensor)
            }
        }
    }
}

impl fmt::Debug for Constant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "constant {} {:?}", self.dtype(), self.shape())
    }
}

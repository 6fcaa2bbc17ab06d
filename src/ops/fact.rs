//! What is known about a value before it is computed.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;

use crate::error::Result;
use crate::format::mapped;
use crate::model::{DType, Part, Shape, Sparse, Tensor, TensorData, VariableId};

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

    /// Whether nothing that is known tells the two apart.
    pub fn same(&self, other: &Self) -> bool {
        let constants = match (&self.constant, &other.constant) {
            (None, None) => true,
            (Some(a), Some(b)) => a.same(b),
            _ => false,
        };
        constants
            && self.dtype == other.dtype
            && self.shape == other.shape
            && self.variable == other.variable
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

/// f32 values of a constant where they lie, and the factors of its channels, the last axes, if it has some.
pub struct Floats {
    source: FloatSource,
    pub factors: Option<Arc<[f64]>>,
}

enum FloatSource {
    /// As the file has them, on a boundary of four bytes.
    Stored(Bytes),
    Read(Arc<Tensor>),
}

impl Floats {
    /// Without the factors; empty for other types.
    pub fn bare(&self) -> &[f32] {
        match &self.source {
            FloatSource::Stored(bytes) => bytemuck::try_cast_slice(bytes).unwrap_or_default(),
            FloatSource::Read(tensor) => tensor.values().unwrap_or_default(),
        }
    }
}

/// Where values come from: equal ones are the same values. Holds what is stored, so that no other values take the place.
#[derive(Clone)]
pub struct Identity {
    dtype: DType,
    source: Values,
}

#[derive(Clone)]
enum Values {
    /// With whether sub-byte elements are packed.
    Bytes(Bytes, bool),
    Repeated(Bytes),
    Parts(Arc<[Part]>),
    Sparse(Arc<Sparse>),
    Computed(Weak<Tensor>),
    /// The channels of these multiplied by as many factors.
    Scaled(Box<Identity>, Arc<[f64]>),
    /// The same wherever they are equal.
    Told(Arc<Tensor>),
}

impl Identity {
    fn place(&self) -> (DType, u8, usize, usize) {
        let (kind, address, len) = match &self.source {
            Values::Bytes(bytes, packed) => (u8::from(*packed), bytes.as_ptr().addr(), bytes.len()),
            Values::Repeated(bytes) => (2, bytes.as_ptr().addr(), bytes.len()),
            Values::Parts(parts) => (3, parts.as_ptr().addr(), parts.len()),
            Values::Sparse(sparse) => (5, Arc::as_ptr(sparse).addr(), 0),
            Values::Computed(tensor) => (4, tensor.as_ptr().addr(), 0),
            Values::Scaled(filter, factors) => (6, filter.place().2, factors.len()),
            Values::Told(tensor) => (7, 0, tensor.len()),
        };
        (self.dtype, kind, address, len)
    }
}

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        let bits = |factors: &[f64]| -> Vec<u64> { factors.iter().map(|v| v.to_bits()).collect() };
        match (&self.source, &other.source) {
            (Values::Scaled(a, by), Values::Scaled(b, other)) => a == b && bits(by) == bits(other),
            (Values::Told(a), Values::Told(b)) => {
                a.dtype() == b.dtype() && a.shape() == b.shape() && a.bytes() == b.bytes()
            }
            _ => self.place() == other.place(),
        }
    }
}

impl Eq for Identity {}

impl Hash for Identity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.place().hash(state);
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
    /// Channels, the last axes, multiplied by as many factors; computed when asked for.
    Scaled {
        filter: Constant,
        factors: Arc<[f64]>,
    },
    Told(Arc<Tensor>),
}

impl Constant {
    pub fn ready(tensor: Arc<Tensor>) -> Self {
        Constant(Arc::new(Source::Ready(tensor)))
    }

    /// Values that are the same constant wherever they are equal, so that what is packed of them is shared.
    pub fn told(tensor: Tensor) -> Self {
        Constant(Arc::new(Source::Told(Arc::new(tensor))))
    }

    /// `filter` of f32, whose last axes are as many channels as there are factors, multiplied by them: rounded once.
    pub fn scaled(filter: &Constant, factors: &[f64]) -> Self {
        Constant(Arc::new(Source::Scaled {
            filter: filter.clone(),
            factors: factors.into(),
        }))
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
            Source::Ready(tensor) | Source::Told(tensor) => tensor.dtype(),
            Source::Scaled { filter, .. } => filter.dtype(),
            Source::Stored { dtype, .. } => *dtype,
        }
    }

    pub fn shape(&self) -> &[usize] {
        match &*self.0 {
            Source::Ready(tensor) | Source::Told(tensor) => tensor.shape(),
            Source::Scaled { filter, .. } => filter.shape(),
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
            Source::Told(tensor) => Some(Self::told((**tensor).clone().reshaped(shape))),
            Source::Scaled { filter, factors } => {
                Some(Self::scaled(&filter.reshaped(shape)?, factors))
            }
            Source::Stored { dtype, data, .. } => Some(Self::stored(*dtype, shape, data.clone())),
        }
    }

    /// `None` for values that can't be told from others without reading them.
    pub fn identity(&self) -> Option<Identity> {
        let source = match &*self.0 {
            Source::Ready(tensor) => Values::Computed(Arc::downgrade(tensor)),
            Source::Told(tensor) => Values::Told(tensor.clone()),
            Source::Scaled { filter, factors } => {
                Values::Scaled(Box::new(filter.identity()?), factors.clone())
            }
            Source::Stored { data, .. } => match data {
                TensorData::Bytes { bytes, packed } => Values::Bytes(bytes.clone(), *packed),
                TensorData::Repeated(bytes) => Values::Repeated(bytes.clone()),
                TensorData::Parts(parts) => Values::Parts(parts.clone()),
                TensorData::Sparse(sparse) => Values::Sparse(sparse.clone()),
                TensorData::Strings(_) | TensorData::Packed(_) | TensorData::Missing(_) => {
                    return None;
                }
            },
        };
        Some(Identity {
            dtype: self.dtype(),
            source,
        })
    }

    /// Whether both are surely the same values, by identity or, where they are few, by comparing them.
    pub fn same(&self, other: &Self) -> bool {
        const FEW: usize = 4096;
        let (a, b) = (self.identity(), other.identity());
        if a.is_some() && a == b && self.shape() == other.shape() {
            return true;
        }
        match (&*self.0, &*other.0) {
            (Source::Ready(a), Source::Ready(b)) => a.len() <= FEW && a == b,
            _ => false,
        }
    }

    /// Says that the stored values are not wanted again soon, so that they need not stay in memory.
    pub fn let_go(&self) {
        match &*self.0 {
            Source::Stored { data, .. } => mapped::let_go(data),
            Source::Scaled { filter, .. } => filter.let_go(),
            Source::Ready(_) | Source::Told(_) => {}
        }
    }

    /// Whether the values are those of a filter times factors.
    pub fn is_scaled(&self) -> bool {
        matches!(&*self.0, Source::Scaled { .. })
    }

    /// The values of f32 without copying them where the file holds them as memory does.
    ///
    /// # Errors
    /// Values that can't be read.
    pub fn floats(&self) -> Result<Floats> {
        if let Source::Scaled { filter, factors } = &*self.0 {
            let factors = Some(factors.clone());
            return filter.floats().map(|floats| Floats { factors, ..floats });
        }
        let source = match &*self.0 {
            Source::Stored {
                dtype: DType::Float32,
                data: TensorData::Bytes { bytes, .. },
                ..
            } if cfg!(target_endian = "little")
                && Some(bytes.len()) == self.len().checked_mul(size_of::<f32>())
                && bytemuck::try_cast_slice::<u8, f32>(bytes).is_ok() =>
            {
                FloatSource::Stored(bytes.clone())
            }
            _ => FloatSource::Read(self.read()?),
        };
        let factors = None;
        Ok(Floats { source, factors })
    }

    pub fn read(&self) -> Result<Arc<Tensor>> {
        match &*self.0 {
            Source::Ready(tensor) | Source::Told(tensor) => Ok(tensor.clone()),
            Source::Scaled { filter, factors } => {
                // As a rule nobody else holds what was read: it is multiplied where it lies.
                let filter = Arc::try_unwrap(filter.read()?);
                let mut filter = filter.unwrap_or_else(|shared| (*shared).clone());
                let values = filter.values_mut::<f32>().unwrap_or_default();
                for row in values.chunks_mut(factors.len().max(1)) {
                    for (w, &factor) in row.iter_mut().zip(&factors[..]) {
                        *w = (f64::from(*w) * factor) as f32;
                    }
                }
                Ok(Arc::new(filter))
            }
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

//! Variables: entries of the checkpoint bundle, and the shards that hold them.

use super::Name;
use super::data::TensorData;
use super::dtype::DType;
use super::graph::NodeId;
use super::shape::Shape;
use super::tensor::Tensor;
use crate::error::{Error, Result};

/// Index into [`super::Model::variables`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VariableId(pub u32);

/// What an entry of the bundle is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VariableRole {
    /// Used by the model itself.
    Weight,
    /// Slots and hyperparameters of an optimizer.
    Optimizer,
    /// Keys or values of a hash table.
    Table,
    /// `_CHECKPOINTABLE_OBJECT_GRAPH`, `save_counter` and the like.
    Bookkeeping,
    /// Nothing in the graph names it.
    Orphan,
}

/// An entry of `variables.index`.
#[derive(Debug, Clone)]
pub struct Variable {
    /// The key in the bundle: `dense/kernel/.ATTRIBUTES/VARIABLE_VALUE`.
    pub key: Name,
    /// For people: the variable's own name, else its path in the object graph, else the key.
    pub name: Name,
    pub dtype: DType,
    pub shape: Shape,
    pub shard: u32,
    /// Bytes from the start of the shard.
    pub offset: u64,
    /// Bytes in the shard.
    pub bytes: u64,
    /// Unmasked CRC-32C of the stored bytes, if the entry has one.
    pub crc32c: Option<u32>,
    /// The parts of a partitioned variable: start and length per dimension, and where each is.
    pub slices: Vec<VariableSlice>,
    pub role: VariableRole,
    pub trainable: Option<bool>,
    /// Path in the object graph from the root: `layers/2/kernel`. Aliases of the same object are all listed.
    pub owners: Vec<Name>,
    pub data: TensorData,
}

impl Variable {
    /// Reads the values.
    ///
    /// # Errors
    /// The shard is missing or cut short, or the type has no plain values (variants).
    pub fn read(&self) -> Result<Tensor> {
        let shape = self
            .shape
            .fixed()
            .ok_or_else(|| Error::unreadable(format!("a stored value of shape {}", self.shape)));
        shape
            .and_then(|shape| self.data.read(self.dtype, &shape))
            .map_err(|e| e.at(format_args!("variable {:?}", self.name)))
    }
}

/// A hash table of graph 0 with the entries that the checkpoint has of it.
#[derive(Debug, Clone, Copy)]
pub struct StoredTable {
    pub node: NodeId,
    pub keys: VariableId,
    pub values: VariableId,
}

#[derive(Debug, Clone)]
pub struct VariableSlice {
    /// In the index: an ordered code of the tensor's key and the extents, no text.
    pub key: Vec<u8>,
    /// Start and length per dimension.
    pub extents: Vec<(u64, u64)>,
    pub shard: u32,
    pub offset: u64,
    pub bytes: u64,
    pub crc32c: Option<u32>,
}

/// A data file of the bundle.
#[derive(Debug, Clone)]
pub struct Shard {
    /// File name within `variables/`.
    pub file: String,
    /// Bytes of the file; `None` when it is missing.
    pub bytes: Option<u64>,
    /// The mapped file, for checksums.
    pub data: Option<bytes::Bytes>,
}

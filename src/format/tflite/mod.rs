//! `.tflite` files, both ways.
//!
//! The container is read through `flat`, a bounds-checked view of flatbuffers that says where a file is broken, and
//! written through the flatbuffers crate and the code that flatc makes from `schemas/tflite.fbs`. The options of the
//! ~200 operators are data (`schemas/options.fbs` as `tables`) with one reader and one writer for all of them.

mod builder;
mod constants;
mod external;
mod flat;
mod flex;
/// flatc's code for the container: field offsets and builders.
#[allow(warnings, clippy::all, clippy::undocumented_unsafe_blocks)]
#[rustfmt::skip]
#[path = "../../../schemas/generated/tflite.rs"]
mod generated;
mod metadata;
mod options;
mod packed;
pub(super) mod parts;
mod read;
mod schema;
mod subgraph;
/// The options and metadata tables as data.
#[allow(non_upper_case_globals)]
#[rustfmt::skip]
#[path = "../../../schemas/generated/tables.rs"]
mod tables;
mod tensor;
mod versions;
mod write;
mod write_tensor;

pub use external::{save, side_files};
pub use options::CUSTOM_OPTIONS;
pub use read::{read, read_bytes};
pub use write::write;

use crate::model::DType;

/// Whether the schema has an operator of this name, as in `CONV_2D`.
pub fn is_builtin(operator: &str) -> bool {
    schema::Operator::by_name(operator).is_some()
}

/// Whether a `.tflite` can hold tensors of this type.
pub fn holds(dtype: DType) -> bool {
    !matches!(dtype, DType::Unknown(_)) && schema::tensor_type(dtype).is_some()
}

#[cfg(test)]
mod tests;

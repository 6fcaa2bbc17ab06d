//! `.tflite` files, both ways.
//!
//! The container is read through [`flat`], a bounds-checked view of flatbuffers that says where a file is broken, and
//! written through the flatbuffers crate and the code that flatc makes from `schemas/tflite.fbs`. The options of the
//! ~200 operators are data (`schemas/options.fbs` as [`tables`]) with one reader and one writer for all of them.

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
mod read;
mod schema;
mod subgraph;
/// The options and metadata tables as data.
#[allow(non_upper_case_globals)]
#[rustfmt::skip]
#[path = "../../../schemas/generated/tables.rs"]
mod tables;

pub use read::{read, read_bytes};

use crate::error::{Error, Result};
use crate::model::Model;

#[cfg(test)]
mod tests;

/// The bytes of a `.tflite` for a model in the TFLite dialect.
pub fn write(model: &Model) -> Result<Vec<u8>> {
    let _ = model;
    Err(Error::unsupported("writing .tflite"))
}

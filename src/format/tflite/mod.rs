//! `.tflite` files, both ways.

use std::path::Path;

use crate::error::{Error, Result};
use crate::model::Model;

/// Opens a `.tflite`; constants stay slices of the file.
pub fn read(path: &Path) -> Result<Model> {
    Err(Error::unsupported("reading .tflite").in_file(path))
}

/// The bytes of a `.tflite` for a model in the TFLite dialect.
pub fn write(model: &Model) -> Result<Vec<u8>> {
    let _ = model;
    Err(Error::unsupported("writing .tflite"))
}

//! `.tflite` files, both ways.

use crate::error::{Error, Result};
use crate::model::Model;

/// The bytes of a `.tflite` for a model in the TFLite dialect.
pub fn write(model: &Model) -> Result<Vec<u8>> {
    let _ = model;
    Err(Error::unsupported("writing .tflite"))
}

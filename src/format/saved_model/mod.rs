//! SavedModel folders.

use std::path::Path;

use crate::error::{Error, Result};
use crate::model::Model;

/// Opens the SavedModel whose graph is in `file` (`saved_model.pb` or `saved_model.pbtxt`).
pub fn read(file: &Path) -> Result<Model> {
    Err(Error::unsupported("reading a SavedModel").in_file(file))
}

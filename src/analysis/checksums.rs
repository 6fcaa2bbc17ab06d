//! Whether the stored variables are as they were written.

use crate::error::Result;
pub use crate::format::saved_model::Check;
use crate::format::saved_model::verify_variable;
use crate::model::Model;
use crate::progress::Progress;

/// The checksum of every variable, in the order of [`Model::variables`].
///
/// # Errors
/// Only when stopped.
pub fn checksums(model: &Model, progress: &Progress) -> Result<Vec<Check>> {
    progress.stage("checking", model.variables.iter().map(|v| v.bytes).sum());
    model
        .variables
        .iter()
        .map(|v| verify_variable(model, v, progress))
        .collect()
}

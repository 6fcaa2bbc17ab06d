//! TensorFlow graphs to TFLite graphs, as a list of passes.

use crate::error::{Error, Result};
use crate::model::{Model, Name};
use crate::progress::Progress;
use crate::quantize::{Calibration, Io, Mode};

#[derive(Debug, Clone, Default)]
pub struct ConvertOptions {
    /// Empty: the default signature.
    pub signatures: Vec<String>,
    pub tags: Option<Vec<String>>,
    pub mode: Option<Mode>,
    pub io: Io,
    pub calibration: Option<Calibration>,
    pub allow_flex: bool,
    pub allow_custom: bool,
}

#[derive(Debug)]
pub struct Conversion {
    /// The new model in the TFLite dialect.
    pub model: Model,
    /// The file.
    pub bytes: Vec<u8>,
    pub report: ConvertReport,
}

/// What was done, for people and for `--json`.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct ConvertReport {
    pub bytes_before: u64,
    pub bytes_after: u64,
    pub operators_before: usize,
    pub operators_after: usize,
    /// Passes in order with how many places each changed.
    pub passes: Vec<PassReport>,
    /// What a person should know: operators left in float, values clamped.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, serde::Serialize)]
pub struct PassReport {
    pub name: &'static str,
    pub changes: usize,
}

/// A node that can't be converted, and why.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Blocker {
    pub node: String,
    pub op: String,
    pub function: String,
    pub reason: String,
}

/// Every node that stands in the way, before any work starts.
pub fn preflight(model: &Model, options: &ConvertOptions) -> Result<Vec<Blocker>> {
    let _ = (model, options);
    Err(Error::unsupported("converting"))
}

/// A SavedModel to a `.tflite`; a `.tflite` is quantized as it is.
pub fn convert(model: &Model, options: &ConvertOptions, progress: &Progress) -> Result<Conversion> {
    let _ = (model, options, progress, Name::from(""));
    Err(Error::unsupported("converting"))
}

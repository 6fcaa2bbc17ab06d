//! Calibration, ranges, and the rewrite of a float TFLite model to a smaller one.

use std::path::Path;

use crate::error::{Error, Result};
use crate::model::{Model, Tensor};
use crate::progress::Progress;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    Dynamic,
    Float16,
    Int8,
    Int16x8,
    WeightsInt8,
    WeightsInt4,
}

/// Type of the inputs and outputs of an integer model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Io {
    #[default]
    Float,
    Int,
}

/// Samples for calibration: each is one call's inputs by name.
#[derive(Debug, Clone, Default)]
pub struct Calibration {
    pub samples: Vec<Vec<(String, Tensor)>>,
}

impl Calibration {
    /// An `.npz` keyed like inputs, each array one sample or samples stacked along a first axis of their own;
    /// or a folder of such files.
    pub fn read(path: &Path, model: &Model, signature: Option<&str>) -> Result<Self> {
        let _ = (model, signature);
        Err(Error::usage("calibration").in_file(path))
    }
}

/// A float model in the TFLite dialect, quantized.
pub fn quantize(
    model: &Model,
    mode: Mode,
    io: Io,
    calibration: Option<&Calibration>,
    progress: &Progress,
) -> Result<Model> {
    quantize_with_notes(model, mode, io, calibration, progress).map(|(model, _)| model)
}

/// As [`quantize`], with what a person should know of the result.
pub fn quantize_with_notes(
    model: &Model,
    mode: Mode,
    io: Io,
    calibration: Option<&Calibration>,
    progress: &Progress,
) -> Result<(Model, Vec<String>)> {
    let _ = (model, mode, io, calibration, progress);
    Err(Error::unsupported("quantizing"))
}

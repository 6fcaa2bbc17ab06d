//! The parsers inside of a `.tflite` by themselves, for [`super::super::parsers`].

use bytes::Bytes;

use super::{flex, metadata};
use crate::error::Result;

/// The metadata that describes inputs and outputs.
pub fn metadata(bytes: Bytes) -> Result<()> {
    metadata::decode(metadata::MODEL_METADATA, &bytes).map(drop)
}

/// What the converter says of itself.
pub fn conversion(bytes: Bytes) -> Result<()> {
    metadata::decode(metadata::CONVERSION_METADATA, &bytes).map(drop)
}

/// Options of a custom operator.
pub fn flexbuffer(bytes: Bytes) -> Result<()> {
    flex::attrs(&bytes).map(drop)
}

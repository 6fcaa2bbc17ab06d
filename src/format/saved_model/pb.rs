//! The messages of `proto/`, compiled at build time, and their decoding from mapped bytes.

// Made by prost-build: variants carry the names of the format's messages.
#![allow(clippy::enum_variant_names, clippy::large_enum_variant)]

use bytes::Bytes;
use prost::Message;

use crate::error::{Error, Result};

include!(concat!(env!("OUT_DIR"), "/mexplore.rs"));

/// Decodes a message; its `bytes` fields stay slices of `bytes`.
pub fn decode<M: Message + Default>(bytes: Bytes, what: &str) -> Result<M> {
    let length = bytes.len();
    M::decode(bytes).map_err(|e| {
        Error::unreadable(format!("{e} ({length} bytes)"))
            .at(what)
            .hint("the file is cut off or damaged")
    })
}

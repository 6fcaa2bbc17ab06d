//! The messages of `proto/`, as prost's code (`proto/generated/`), and their decoding from mapped bytes.

// Made by prost-build: variants carry the names of the format's messages.
#![allow(clippy::enum_variant_names, clippy::large_enum_variant)]

use bytes::Bytes;
use prost::{Message, Name};

use super::wire;
use crate::error::{Error, Result};

include!("../../../proto/generated/mexplore.rs");

/// Decodes a message; its `bytes` fields stay slices of `bytes`.
pub fn decode<M: Message + Name + Default>(bytes: Bytes, what: &str) -> Result<M> {
    M::decode(bytes.clone()).map_err(|e| {
        let place = |e: Error| e.at(what).hint(DAMAGED);
        place(fault::<M>(&bytes).unwrap_or_else(|| Error::unreadable(e.to_string())))
    })
}

/// The first thing that is wrong in these bytes of a message: byte, field and what it is.
pub fn fault<M: Name>(bytes: &[u8]) -> Option<Error> {
    fault_of(bytes, &M::full_name())
}

fn fault_of(bytes: &[u8], message: &str) -> Option<Error> {
    let fault = wire::fault(bytes, &format!(".{message}"))?;
    let place = match &*fault.path {
        "" => format!("byte {} of {}", fault.at, bytes.len()),
        path => format!("byte {} of {}: {path}", fault.at, bytes.len()),
    };
    Some(Error::unreadable(fault.what).at(place))
}

/// What to do about a file that does not decode.
pub const DAMAGED: &str = "the file is cut off or damaged";

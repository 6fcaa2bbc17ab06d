//! Each parser of this room by itself, from bytes alone: what the fuzz targets and the test of hostile bytes call.

use std::path::Path;

use bytes::Bytes;

use super::{archive, npy, saved_model, tflite};
use crate::error::Result;

/// A parser by name.
#[derive(Debug, Clone, Copy)]
pub struct Parser {
    pub name: &'static str,
    /// Reads the bytes and drops what was read.
    pub run: fn(Bytes) -> Result<()>,
}

/// All of them; `fuzz/fuzz_targets` has a file for each.
pub const PARSERS: [Parser; 15] = [
    parser("saved_model_pb", |b| saved_model::parts::graph(b, false)),
    parser("saved_model_pbtxt", |b| saved_model::parts::graph(b, true)),
    parser("protobuf_text", saved_model::parts::text),
    parser("checkpoint_index", saved_model::parts::index),
    parser("checkpoint_strings", saved_model::parts::strings),
    parser("checkpoint_objects", saved_model::parts::objects),
    parser("fingerprint", saved_model::parts::fingerprint),
    parser("keras_metadata", saved_model::parts::keras_metadata),
    parser("tflite", |b| tflite::read_bytes(b, Path::new("")).map(drop)),
    parser("tflite_metadata", tflite::parts::metadata),
    parser("conversion_metadata", tflite::parts::conversion),
    parser("flexbuffer", tflite::parts::flexbuffer),
    parser("archive", |b| {
        archive::read_entries(&b, archive::inflate_limit(&b)).map(drop)
    }),
    parser("npy", |b| npy::npy_from_bytes(&b).map(drop)),
    parser("npz", |b| npy::npz_from_bytes(&b).map(drop)),
];

const fn parser(name: &'static str, run: fn(Bytes) -> Result<()>) -> Parser {
    Parser { name, run }
}

/// The parser of this name.
pub fn named(name: &str) -> Option<Parser> {
    PARSERS.into_iter().find(|p| p.name == name)
}

//! Each parser of this room by itself, from bytes alone: what the fuzz targets and the test of hostile bytes call.
//! Rooms further on that read bytes have a list of their own in a file of this name.

use std::path::Path;

use bytes::Bytes;

use super::image::{self, jpeg};
use super::{archive, example, npy, saved_model, tflite, wav};
use crate::error::Result;
use crate::model::MetaGraph;

/// A parser by name.
#[derive(Debug, Clone, Copy)]
pub struct Parser {
    pub name: &'static str,
    /// Reads the bytes and drops what was read.
    pub run: fn(Bytes) -> Result<()>,
}

impl Parser {
    pub const fn new(name: &'static str, run: fn(Bytes) -> Result<()>) -> Self {
        Parser { name, run }
    }
}

/// All of them; `fuzz/fuzz_targets` has a file for each.
pub const PARSERS: &[Parser] = &[
    Parser::new("saved_model_pb", |b| saved_model::parts::graph(b, false)),
    Parser::new("saved_model_pbtxt", |b| saved_model::parts::graph(b, true)),
    Parser::new("protobuf_text", saved_model::parts::text),
    Parser::new("checkpoint_index", saved_model::parts::index),
    Parser::new("checkpoint_strings", saved_model::parts::strings),
    Parser::new("checkpoint_objects", saved_model::parts::objects),
    Parser::new("fingerprint", saved_model::parts::fingerprint),
    Parser::new("keras_metadata", saved_model::parts::keras_metadata),
    Parser::new("tflite", |b| {
        tflite::read_bytes(b, Path::new("")).map(|model| constants(&model.meta_graphs))
    }),
    Parser::new("tflite_metadata", tflite::parts::metadata),
    Parser::new("conversion_metadata", tflite::parts::conversion),
    Parser::new("flexbuffer", tflite::parts::flexbuffer),
    Parser::new("archive", |b| {
        archive::read_entries(&b, archive::inflate_limit(&b)).map(drop)
    }),
    Parser::new("npy", |b| npy::npy_from_bytes(&b).map(drop)),
    Parser::new("npz", |b| npy::npz_from_bytes(&b).map(drop)),
    Parser::new("jpeg", |b| jpeg_at_each_size(&b)),
    Parser::new("png", |b| png_with_each_channels(&b)),
    Parser::new("gif", |b| image::decode_gif(&b, usize::MAX).map(drop)),
    Parser::new("bmp", |b| image::decode_bmp(&b, 0).map(drop)),
    Parser::new("webp", |b| image::decode_webp(&b, usize::MAX).map(drop)),
    Parser::new("wav", |b| wav::decode(&b).map(drop)),
    Parser::new("tf_example", |b| example::features(&b).map(drop)),
    Parser::new("tf_sequence_example", |b| sequence(&b)),
];

/// Reads what a model's constants hold, in whichever form; damage to one is no damage to the model.
pub(super) fn constants(meta_graphs: &[MetaGraph]) {
    for value in (meta_graphs.iter().flat_map(|m| &m.graphs)).flat_map(|g| &g.values) {
        let _ = value.read();
    }
}

fn jpeg_at_each_size(bytes: &[u8]) -> Result<()> {
    let decode = |channels, ratio, fast_transform| {
        let smooth_chroma = ratio < 4;
        jpeg::decode(
            bytes,
            jpeg::Options {
                channels,
                ratio,
                fast_transform,
                smooth_chroma,
            },
        )
    };
    jpeg::sizes(bytes)?;
    let _ = (decode(1, 1, false), decode(3, 8, false));
    let _ = (decode(0, 2, true), decode(0, 4, true));
    decode(0, 1, true).map(drop)
}

fn png_with_each_channels(bytes: &[u8]) -> Result<()> {
    for (channels, wide) in [(1, true), (2, false), (3, false), (4, true)] {
        let _ = image::decode_png(bytes, channels, wide);
    }
    image::decode_png(bytes, 0, false).map(drop)
}

/// All features of a record of sequences, and all of its lists.
fn sequence(bytes: &[u8]) -> Result<()> {
    let record = example::sequence(bytes)?;
    for feature in record.context.values() {
        example::feature(feature)?;
    }
    for list in record.lists.values() {
        example::feature_list(list)?;
    }
    Ok(())
}

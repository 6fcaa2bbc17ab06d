//! The parsers of a SavedModel's files by themselves, for [`super::super::parsers`].

use bytes::Bytes;

use super::{bundle, folder, meta_graph_of, pb, text};
use crate::error::Result;
use crate::format::parsers::constants;
use crate::model::PackedStrings;

/// The graph without the files around it.
pub fn graph(bytes: Bytes, text_format: bool) -> Result<()> {
    let size = bytes.len();
    let (proto, graphs) = super::decode(super::binary_form(bytes, text_format)?)?;
    for parts in proto.meta_graphs.into_iter().zip(graphs) {
        let mut bundle = bundle::Bundle::default();
        let read = meta_graph_of(parts, size, &[], &mut bundle, &mut Vec::new())?;
        constants(&[read]);
    }
    Ok(())
}

/// A SavedModel as protobuf text.
pub fn text(bytes: Bytes) -> Result<()> {
    text::print(bytes, ".mexplore.SavedModel", text::Limits::SCREEN).map(drop)
}

/// The table of a checkpoint and its entries.
pub fn index(bytes: Bytes) -> Result<()> {
    bundle::read_index(&bytes).map(drop)
}

/// String values as a shard has them, as many as the first byte says.
pub fn strings(mut bytes: Bytes) -> Result<()> {
    let count = bytes.split_to(bytes.len().min(1)).first().copied();
    let strings = PackedStrings {
        bytes,
        count: usize::from(count.unwrap_or(0)),
        gap: 4,
    };
    strings.for_each(drop)
}

/// The object graph that a checkpoint holds.
pub fn objects(bytes: Bytes) -> Result<()> {
    let proto = pb::decode(bytes, "object graph")?;
    drop(super::objects::Trackables::new(proto).stored());
    Ok(())
}

pub fn fingerprint(bytes: Bytes) -> Result<()> {
    pb::decode::<pb::FingerprintDef>(bytes, "fingerprint").map(drop)
}

pub fn keras_metadata(bytes: Bytes) -> Result<()> {
    folder::decode_keras_metadata(bytes).map(drop)
}

//! Where in `saved_model.pb` a node, a function or a signature stands, and its bytes as protobuf text.

use bytes::{Buf, Bytes};
use prost::encoding::{WireType, decode_key};

use super::parsed::{field, skip, taken};
use super::text::{self, Limits};
use crate::error::{Error, Result};
use crate::model::{Details, GraphKind, Model, NodeId};

/// A message of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    SavedModel,
    /// By its place in the file.
    MetaGraph(usize),
    /// A graph of a MetaGraph: the GraphDef, or a FunctionDef.
    Graph(usize, usize),
    Node(usize, usize, NodeId),
    /// By its key.
    Signature(usize, &'a str),
    ObjectGraph(usize),
}

impl Part<'_> {
    /// The format's name of the message.
    pub fn message(&self) -> &'static str {
        match self {
            Part::SavedModel => "SavedModel",
            Part::MetaGraph(_) => "MetaGraphDef",
            Part::Graph(_, 0) => "GraphDef",
            Part::Graph(..) => "FunctionDef",
            Part::Node(..) => "NodeDef",
            Part::Signature(..) => "SignatureDef",
            Part::ObjectGraph(_) => "SavedObjectGraph",
        }
    }
}

/// The part as protobuf text; `None` where the model comes from no such file, or the file does not have the part.
///
/// # Errors
/// Bytes that were damaged since the model was opened.
pub fn text_of(model: &Model, part: Part, limits: Limits) -> Result<Option<String>> {
    let Details::SavedModel(details) = &model.details else {
        return Ok(None);
    };
    let Some(bytes) = find(model, details.graph.clone(), part)? else {
        return Ok(None);
    };
    let message = format!(".mexplore.{}", part.message());
    text::print(bytes, &message, limits)
        .map(Some)
        .map_err(|e| e.at(part.message()).in_file(&model.path))
}

fn find(model: &Model, file: Bytes, part: Part) -> Result<Option<Bytes>> {
    let meta = match part {
        Part::SavedModel => return Ok((!file.is_empty()).then_some(file)),
        Part::MetaGraph(meta)
        | Part::Graph(meta, _)
        | Part::Node(meta, ..)
        | Part::Signature(meta, _)
        | Part::ObjectGraph(meta) => meta,
    };
    let Some(meta_graph) = nth(&file, field::META_GRAPHS, meta)? else {
        return Ok(None);
    };
    match part {
        Part::SavedModel | Part::MetaGraph(_) => Ok(Some(meta_graph)),
        Part::ObjectGraph(_) => whole(&meta_graph, field::OBJECT_GRAPH),
        Part::Signature(_, key) => {
            let mut found = None;
            each(&meta_graph, field::SIGNATURES, &mut |entry| {
                if text::map_key(&entry)? == key.as_bytes() {
                    found = whole(&entry, field::MAP_VALUE)?;
                }
                Ok(())
            })?;
            Ok(found)
        }
        Part::Graph(_, graph) => graph_bytes(model, &meta_graph, meta, graph),
        Part::Node(_, graph, node) => {
            let Some(bytes) = graph_bytes(model, &meta_graph, meta, graph)? else {
                return Ok(None);
            };
            let number = match graph {
                0 => field::NODE,
                _ => field::NODE_DEF,
            };
            nth(&bytes, number, node.index())
        }
    }
}

/// A GraphDef, or the FunctionDef of a function; functions come after the main graph in the order of the file.
fn graph_bytes(
    model: &Model,
    meta_graph: &Bytes,
    meta: usize,
    graph: usize,
) -> Result<Option<Bytes>> {
    let kind = model
        .meta_graphs
        .get(meta)
        .and_then(|m| m.graphs.get(graph))
        .map(|g| g.kind);
    let Some(graph_def) = whole(meta_graph, field::GRAPH_DEF)? else {
        return Ok(None);
    };
    match (kind, graph.checked_sub(1)) {
        (Some(GraphKind::Main), None) => Ok(Some(graph_def)),
        (Some(GraphKind::Function), Some(function)) => match whole(&graph_def, field::LIBRARY)? {
            Some(library) => nth(&library, field::FUNCTION, function),
            None => Ok(None),
        },
        _ => Ok(None),
    }
}

/// Calls `then` with every value of a field that holds messages.
fn each(message: &Bytes, number: u32, then: &mut dyn FnMut(Bytes) -> Result<()>) -> Result<()> {
    let mut rest = message.clone();
    while rest.has_remaining() {
        let (found, wire) = decode_key(&mut rest).map_err(|e| Error::unreadable(e.to_string()))?;
        match found == number && wire == WireType::LengthDelimited {
            true => then(taken(wire, &mut rest)?)?,
            false => skip(found, wire, &mut rest)?,
        }
    }
    Ok(())
}

/// The value number `at` of a repeated field.
fn nth(message: &Bytes, number: u32, at: usize) -> Result<Option<Bytes>> {
    let mut left = at;
    let mut found = None;
    each(message, number, &mut |bytes| {
        match left.checked_sub(1) {
            Some(fewer) => left = fewer,
            None if found.is_none() => found = Some(bytes),
            None => {}
        }
        Ok(())
    })?;
    Ok(found)
}

/// The value of a field that is there once; parts of a message that is there several times are merged by joining them.
fn whole(message: &Bytes, number: u32) -> Result<Option<Bytes>> {
    let mut parts = Vec::new();
    each(message, number, &mut |bytes| {
        parts.push(bytes);
        Ok(())
    })?;
    Ok(match parts.len() {
        0 | 1 => parts.pop(),
        _ => Some(parts.concat().into()),
    })
}

//! The outer messages of a graph, taken apart field by field. Decoded all at once, the nodes of a large graph take many
//! times the room of the file; here they stay slices of it until each is asked for.

use bytes::{Buf, Bytes};
use prost::Message;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint};

use super::attrs::Names;
use super::pb;
use crate::error::{Error, Result};
use crate::model::Name;

/// A GraphDef whose nodes and functions are still bytes.
#[derive(Debug, Default)]
pub struct GraphDef {
    pub nodes: Nodes,
    pub functions: Vec<FunctionDef>,
    pub versions: pb::VersionDef,
}

/// A FunctionDef whose nodes are still bytes.
#[derive(Debug, Default)]
pub struct FunctionDef {
    pub head: pb::FunctionDef,
    pub nodes: Nodes,
}

/// NodeDefs as the file has them.
#[derive(Debug, Default)]
pub struct Nodes(Vec<Bytes>);

/// A NodeDef without what it takes. An attribute that is there twice counts as it is last.
#[derive(Debug, Default)]
pub struct NodeHead {
    pub name: Name,
    pub op: Name,
    pub device: Name,
    pub attrs: Vec<(Name, pb::AttrValue)>,
}

/// Field numbers of the format.
pub(super) mod field {
    pub const META_GRAPHS: u32 = 2;
    pub const SIGNATURES: u32 = 5;
    pub const OBJECT_GRAPH: u32 = 7;
    pub const MAP_KEY: u32 = 1;
    pub const MAP_VALUE: u32 = 2;
    pub const GRAPH_DEF: u32 = 2;
    pub const ASSET: u32 = 6;
    pub const OBJECTS: u32 = 7;
    pub const OBJECT: u32 = 1;
    pub const NODE: u32 = 1;
    pub const LIBRARY: u32 = 2;
    pub const VERSIONS: u32 = 4;
    pub const FUNCTION: u32 = 1;
    pub const NODE_DEF: u32 = 3;
    pub const NAME: u32 = 1;
    pub const OP: u32 = 2;
    pub const INPUT: u32 = 3;
    pub const DEVICE: u32 = 4;
    pub const ATTR: u32 = 5;
}

impl Nodes {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Node `at` without what it takes.
    pub fn head(&self, at: usize, names: &mut Names) -> Result<NodeHead> {
        let bytes = self.0.get(at).cloned().unwrap_or_default();
        node_head(bytes.clone(), names).map_err(|e| {
            let fault = pb::fault::<pb::NodeDef>(&bytes).unwrap_or(e);
            let place = format_args!("node {at}");
            fault.at("NodeDef").at(place).hint(pb::DAMAGED)
        })
    }

    /// Calls `each` with every reference that node `at` takes.
    pub fn inputs(&self, at: usize, each: &mut dyn FnMut(Bytes) -> Result<()>) -> Result<()> {
        let bytes = self.0.get(at).cloned().unwrap_or_default();
        fields(bytes, &mut |number, wire, rest| match number {
            field::INPUT => each(taken(wire, rest)?),
            _ => skip(number, wire, rest),
        })
    }
}

/// A MetaGraph is for a use of the model (serving, training): more than a few are damage.
const MOST_META_GRAPHS: usize = 1000;
/// An asset is a file; as many as are looked for in a folder.
const MOST_ASSETS: usize = 10_000;

/// Signatures are written by hand.
const MOST_SIGNATURES: usize = 20_000;
/// An operator has some dozens of attributes.
const MOST_ATTRIBUTES: usize = 20_000;

/// The SavedModel with the GraphDef of each of its MetaGraphs beside it.
pub fn saved_model(bytes: Bytes) -> Result<(pb::SavedModel, Vec<GraphDef>)> {
    let mut model = pb::SavedModel::default();
    let mut graphs = Vec::new();
    fields(bytes, &mut |number, wire, rest| {
        if number != field::META_GRAPHS {
            return merge(&mut model, number, wire, rest);
        }
        if graphs.len() == MOST_META_GRAPHS {
            return Err(damaged(format_args!("over {MOST_META_GRAPHS} MetaGraphs")));
        }
        let (meta, graph) = meta_graph(taken(wire, rest)?)
            .map_err(|e| e.at(format_args!("MetaGraph {}", graphs.len())))?;
        model.meta_graphs.push(meta);
        graphs.push(graph);
        Ok(())
    })
    .map_err(|e| e.at("SavedModel"))?;
    Ok((model, graphs))
}

fn meta_graph(bytes: Bytes) -> Result<(pb::MetaGraphDef, GraphDef)> {
    let mut meta = pb::MetaGraphDef::default();
    let mut graph = GraphDef::default();
    let (mut assets, mut signatures) = (0, 0);
    fields(bytes, &mut |number, wire, rest| {
        if number == field::OBJECTS {
            plausible_objects(rest.clone(), wire)?;
        }
        assets += usize::from(number == field::ASSET);
        if assets > MOST_ASSETS {
            return Err(damaged(format_args!("over {MOST_ASSETS} assets")));
        }
        signatures += usize::from(number == field::SIGNATURES);
        if signatures > MOST_SIGNATURES {
            return Err(damaged(format_args!("over {MOST_SIGNATURES} signatures")));
        }
        if number != field::GRAPH_DEF {
            return merge(&mut meta, number, wire, rest);
        }
        // A message that is there twice is merged.
        graph_def(taken(wire, rest)?, &mut graph).map_err(|e| e.at("GraphDef"))
    })?;
    Ok((meta, graph))
}

/// Refuses an object graph of objects that say nothing: decoded they take many times their bytes.
fn plausible_objects(mut rest: Bytes, wire: WireType) -> Result<()> {
    /// Bytes of an object that has a kind and a name for it, at least.
    const LEAST: usize = 6;
    const FREE: usize = 1000;
    let bytes = taken(wire, &mut rest)?;
    let most = bytes.len() / LEAST + FREE;
    let mut objects = 0usize;
    fields(bytes, &mut |number, wire, rest| {
        objects += usize::from(number == field::OBJECT);
        match objects > most {
            true => Err(damaged("more objects than their bytes can describe")),
            false => skip(number, wire, rest),
        }
    })
    .map_err(|e| e.at("object graph"))
}

/// A node's bytes; one of none has no name.
fn node(wire: WireType, rest: &mut Bytes) -> Result<Bytes> {
    let bytes = taken(wire, rest)?;
    match bytes.is_empty() {
        true => Err(Error::unreadable("a node without a name")),
        false => Ok(bytes),
    }
}

/// All of a node but its inputs, which can be most of it and are wanted one after another.
fn node_head(bytes: Bytes, names: &mut Names) -> Result<NodeHead> {
    let mut node = NodeHead::default();
    fields(bytes, &mut |number, wire, rest| {
        match number {
            field::NAME => node.name = text(&taken(wire, rest)?)?.into(),
            field::OP => node.op = names.get(text(&taken(wire, rest)?)?),
            field::DEVICE => node.device = names.get(text(&taken(wire, rest)?)?),
            field::ATTR if node.attrs.len() == MOST_ATTRIBUTES => {
                return Err(damaged(format_args!("over {MOST_ATTRIBUTES} attributes")));
            }
            field::ATTR => node.attrs.push(attribute(taken(wire, rest)?, names)?),
            _ => skip(number, wire, rest)?,
        }
        Ok(())
    })?;
    Ok(node)
}

/// An entry of a map of attributes.
fn attribute(entry: Bytes, names: &mut Names) -> Result<(Name, pb::AttrValue)> {
    let (mut name, mut value) = (Name::default(), pb::AttrValue::default());
    fields(entry, &mut |number, wire, rest| {
        match number {
            field::MAP_KEY => name = names.get(text(&taken(wire, rest)?)?),
            field::MAP_VALUE => value.merge(taken(wire, rest)?).map_err(damaged)?,
            _ => skip(number, wire, rest)?,
        }
        Ok(())
    })?;
    Ok((name, value))
}

/// The text of a field.
pub(super) fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| damaged("a text that is not UTF-8"))
}

/// A function with a name; one without can't be called, and a file may hold millions in a few bytes each.
fn named(function: FunctionDef) -> Result<FunctionDef> {
    match &function.head.signature {
        Some(signature) if !signature.name.is_empty() => Ok(function),
        _ => Err(Error::unreadable("a function without a name")),
    }
}

fn graph_def(bytes: Bytes, graph: &mut GraphDef) -> Result<()> {
    fields(bytes, &mut |number, wire, rest| match number {
        field::NODE => {
            graph.nodes.0.push(node(wire, rest)?);
            Ok(())
        }
        field::LIBRARY => fields(taken(wire, rest)?, &mut |number, wire, rest| {
            if number != field::FUNCTION {
                return skip(number, wire, rest);
            }
            let function = function_def(taken(wire, rest)?)
                .and_then(named)
                .map_err(|e| e.at(format_args!("function {}", graph.functions.len())))?;
            graph.functions.push(function);
            Ok(())
        }),
        field::VERSIONS => {
            graph.versions = pb::decode(taken(wire, rest)?, "VersionDef")?;
            Ok(())
        }
        _ => skip(number, wire, rest),
    })
}

fn function_def(bytes: Bytes) -> Result<FunctionDef> {
    let mut function = FunctionDef::default();
    fields(bytes, &mut |number, wire, rest| match number {
        field::NODE_DEF => {
            function.nodes.0.push(node(wire, rest)?);
            Ok(())
        }
        _ => merge(&mut function.head, number, wire, rest),
    })?;
    Ok(function)
}

/// Calls `each` at every field, which has to take its value.
fn fields(
    mut bytes: Bytes,
    each: &mut dyn FnMut(u32, WireType, &mut Bytes) -> Result<()>,
) -> Result<()> {
    while bytes.has_remaining() {
        let (number, wire) = decode_key(&mut bytes).map_err(damaged)?;
        each(number, wire, &mut bytes)?;
    }
    Ok(())
}

/// The value of a field that is a message, a string or bytes.
pub(super) fn taken(wire: WireType, rest: &mut Bytes) -> Result<Bytes> {
    if wire != WireType::LengthDelimited {
        return Err(damaged(format_args!("{wire:?} where a message belongs")));
    }
    let length = decode_varint(rest).map_err(damaged)?;
    match usize::try_from(length) {
        Ok(length) if length <= rest.len() => Ok(rest.split_to(length)),
        _ => Err(damaged(format_args!(
            "a field of {length} bytes, {} follow",
            rest.len()
        ))),
    }
}

fn merge(message: &mut impl Message, number: u32, wire: WireType, rest: &mut Bytes) -> Result<()> {
    message
        .merge_field(number, wire, rest, DecodeContext::default())
        .map_err(damaged)
}

pub(super) fn skip(number: u32, wire: WireType, rest: &mut Bytes) -> Result<()> {
    prost::encoding::skip_field(wire, number, rest, DecodeContext::default()).map_err(damaged)
}

fn damaged(what: impl std::fmt::Display) -> Error {
    Error::unreadable(what.to_string()).hint(pb::DAMAGED)
}

//! SavedModel folders: the graph in `saved_model.pb` or `.pbtxt`, variables in a bundle, assets beside them.

mod arguments;
mod attrs;
mod bundle;
mod fields;
mod folder;
mod graph;
pub(super) mod node_def;
mod objects;
mod parsed;
pub(super) mod parts;
mod pb;
mod pbtxt;
mod restore;
pub mod serialized;
mod signatures;
pub mod source;
mod tensor;
#[cfg(test)]
mod tests;
pub mod text;
mod variables;
mod wire;

use std::path::Path;

pub use bundle::{Check, verify_variable};

use super::mapped::map_file;
use crate::error::{Error, Result};
use crate::model::{
    Asset, Details, Dialect, Format, MetaGraph, Model, ObjectGraph, SavedModelDetails,
};

/// The limit of a protobuf message.
const LARGEST_GRAPH: usize = i32::MAX as usize;

/// Opens the SavedModel whose graph is in `file` (`saved_model.pb` or `saved_model.pbtxt`).
///
/// # Errors
/// The graph can't be read. Damage to variables, assets and side files is in [`Model::warnings`].
pub fn read(file: &Path) -> Result<Model> {
    let folder = match file.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => Path::new("."),
    };
    let bytes = map_file(file)?;
    let text_format = file.extension().is_some_and(|e| e == "pbtxt");
    let size = bytes.len();
    let mut warnings = Vec::new();
    // Of text, the binary form has no place in the file.
    let binary = (!text_format).then(|| bytes.clone());
    let located = |error: Error| {
        let fault = binary.as_ref().and_then(|b| pb::fault::<pb::SavedModel>(b));
        let fault = fault.map(|fault| fault.at("SavedModel").hint(pb::DAMAGED));
        fault.unwrap_or(error).in_file(file)
    };
    let graph = binary_form(bytes, text_format).map_err(located)?;
    let (proto, graph_defs) = decode(graph.clone()).map_err(located)?;
    let files = folder::files(folder);
    let mut bundle = bundle::open(&folder.join("variables/variables"), &mut warnings);
    variables::describe(&mut bundle);
    let mut meta_graphs = Vec::with_capacity(proto.meta_graphs.len());
    let parts = proto.meta_graphs.into_iter().zip(graph_defs);
    for (index, parts) in parts.enumerate() {
        let read = meta_graph_of(parts, size, &files, &mut bundle, &mut warnings)
            .map_err(|e| located(e.at(format_args!("MetaGraph {index}"))))?;
        meta_graphs.push(read);
    }
    variables::name_the_nameless(&mut bundle);
    Ok(Model {
        name: name_of(folder),
        path: folder.to_path_buf(),
        format: Format::SavedModel,
        versions: Vec::new(),
        version: None,
        meta_graphs,
        metadata: folder::keras_metadata(folder, &mut warnings)
            .into_iter()
            .collect(),
        attachments: folder::attachments(folder, &files, &mut warnings),
        details: Details::SavedModel(SavedModelDetails {
            schema_version: proto.saved_model_schema_version,
            shard_count: bundle.shards.len() as u32,
            text_format,
            graph,
            fingerprint: folder::fingerprint(folder, &mut warnings),
        }),
        files,
        variables: bundle.variables,
        shards: bundle.shards,
        warnings,
    })
}

fn binary_form(bytes: bytes::Bytes, text_format: bool) -> Result<bytes::Bytes> {
    Ok(match text_format {
        true => pbtxt::to_binary(&bytes, ".mexplore.SavedModel")?.into(),
        false => bytes,
    })
}

fn decode(bytes: bytes::Bytes) -> Result<(pb::SavedModel, Vec<parsed::GraphDef>)> {
    if bytes.len() > LARGEST_GRAPH {
        return Err(Error::unreadable(format!(
            "{} bytes; a protobuf message has at most {LARGEST_GRAPH}",
            bytes.len()
        )));
    }
    let (proto, graphs) = parsed::saved_model(bytes)?;
    if proto.meta_graphs.is_empty() {
        return Err(Error::unreadable("no graph in it")
            .hint("the file is empty or cut off; export the model again"));
    }
    Ok((proto, graphs))
}

fn meta_graph_of(
    (mut proto, graph_def): (pb::MetaGraphDef, parsed::GraphDef),
    size: usize,
    files: &[crate::model::FileEntry],
    bundle: &mut bundle::Bundle,
    warnings: &mut Vec<Error>,
) -> Result<MetaGraph> {
    let library = graph_def.functions;
    let mut builder = graph::Builder::new(&library, size);
    let mut graphs = Vec::new();
    graphs.push(builder.main(&graph_def.nodes)?);
    for function in library {
        graphs.push(builder.function(function)?);
    }
    let info = proto.meta_info_def.take().unwrap_or_default();
    let mut tags = info.tags;
    tags.sort();
    let nodes = graphs[0].nodes_by_name();
    let init = signatures::init(&proto, &nodes);
    let table_init = signatures::table_init(&proto, &nodes);
    let saver = signatures::saver(&proto, &nodes);
    let assets = assets(&mut proto, files, warnings);
    let mut meta_graph = MetaGraph {
        tags,
        tensorflow_version: info.tensorflow_version,
        producer: graph_def.versions.producer,
        dialect: Dialect::Tf,
        signatures: signatures::signatures(proto.signature_def, &mut graphs[0], &nodes),
        graphs,
        objects: proto
            .object_graph_def
            .map_or_else(ObjectGraph::default, |o| objects::object_graph(o, warnings)),
        assets,
        init,
        table_init,
        stored_tables: Vec::new(),
        saver,
        collections: collections(&proto.collection_def),
    };
    let absent = variables::link(&mut meta_graph, bundle);
    if !bundle.is_v1 {
        warn_of_absent(&absent, warnings);
    }
    variables::trainable_collections(&proto.collection_def, &meta_graph, &nodes, bundle);
    Ok(meta_graph)
}

/// Values that the saver restores and the checkpoint does not have, once for all MetaGraphs.
fn warn_of_absent(absent: &[crate::model::Name], warnings: &mut Vec<Error>) {
    const NAMED: usize = 3;
    // Of a model that has no variables the saver restores nothing but the object graph.
    let named = || absent.iter().filter(|key| &***key != bundle::OBJECT_GRAPH);
    if named().next().is_none() {
        return;
    }
    let names: Vec<&str> = named().take(NAMED).map(|name| &**name).collect();
    let more = match named().count().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let warning = Error::unreadable(format!(
        "no values for what the graph restores: {}{more}",
        names.join(", ")
    ))
    .in_file("variables/variables.index")
    .hint("copy the folder variables/ from where the model came from");
    let told = warning.to_string();
    if warnings.iter().all(|w| w.to_string() != told) {
        warnings.push(warning);
    }
}

/// Assets by the MetaGraph's own list, else by the collection of older files, as TensorFlow's loader does.
fn assets(
    proto: &mut pb::MetaGraphDef,
    files: &[crate::model::FileEntry],
    warnings: &mut Vec<Error>,
) -> Vec<Asset> {
    let own = std::mem::take(&mut proto.asset_file_def);
    let collection = proto.collection_def.get("saved_model_assets");
    let (true, Some(collection)) = (own.is_empty(), collection) else {
        return folder::assets(own, files, warnings);
    };
    let Some(pb::collection_def::Kind::AnyList(list)) = &collection.kind else {
        return Vec::new();
    };
    let older = list.value.iter().filter_map(|any| {
        let bytes = bytes::Bytes::copy_from_slice(&any.value);
        pb::decode(bytes, "AssetFileDef").ok()
    });
    let mut assets = folder::assets(older.collect(), files, warnings);
    assets.iter_mut().for_each(|a| a.from_collection = true);
    assets
}

/// Names of collections and how many entries each has.
fn collections(
    protos: &std::collections::BTreeMap<String, pb::CollectionDef>,
) -> Vec<(String, usize)> {
    use pb::collection_def::Kind;
    let count = |proto: &pb::CollectionDef| match &proto.kind {
        Some(Kind::NodeList(l)) => l.value.len(),
        Some(Kind::BytesList(l)) => l.value.len(),
        Some(Kind::Int64List(l)) => l.value.len(),
        Some(Kind::FloatList(l)) => l.value.len(),
        Some(Kind::AnyList(l)) => l.value.len(),
        None => 0,
    };
    protos
        .iter()
        .map(|(name, proto)| (name.clone(), count(proto)))
        .collect()
}

/// The folder's name, with the one above it for a numbered version: `digits_cnn/2`.
fn name_of(folder: &Path) -> String {
    let folder = folder
        .canonicalize()
        .unwrap_or_else(|_| folder.to_path_buf());
    let name = |path: &Path| path.file_name().map(|n| n.to_string_lossy().into_owned());
    let own = name(&folder).unwrap_or_else(|| folder.display().to_string());
    match folder.parent().and_then(name) {
        Some(above) if own.bytes().all(|b| b.is_ascii_digit()) => format!("{above}/{own}"),
        _ => own,
    }
}

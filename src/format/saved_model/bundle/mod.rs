//! The checkpoint bundle: `variables.index` and its data files.

mod index;
mod shards;
mod table;
mod verify;

use std::collections::BTreeMap;

use foldhash::HashMap;
use std::path::Path;

pub use verify::{Check, verify_variable};

use super::objects::Trackables;
use super::{pb, tensor};
use crate::error::{Error, Result};
use crate::format::detect::TABLE_MAGIC;
use crate::format::mapped::map_file;
use crate::model::{DType, Name, Shard, TensorData, Variable, VariableId, VariableRole};

/// The key of the object graph.
pub const OBJECT_GRAPH: &str = "_CHECKPOINTABLE_OBJECT_GRAPH";

/// All entries, not yet linked to the graph.
#[derive(Debug, Default)]
pub struct Bundle {
    pub variables: Vec<Variable>,
    pub by_key: HashMap<Name, VariableId>,
    pub shards: Vec<Shard>,
    pub trackables: Trackables,
    /// In its place lies a checkpoint of the format before, which is named and not read.
    pub is_v1: bool,
}

/// The index of a checkpoint from its bytes alone.
///
/// # Errors
/// Footer, index block or header can't be read.
pub(in crate::format) fn read_index(bytes: &bytes::Bytes) -> Result<index::Index> {
    index::read(bytes)
}

/// Opens the bundle with this prefix (`variables/variables`); an absent one is empty. Damage becomes warnings.
pub fn open(prefix: &Path, warnings: &mut Vec<Error>) -> Bundle {
    let file = prefix.with_extension("index");
    if !file.exists() {
        return Bundle {
            is_v1: warn_of_v1(prefix, warnings),
            ..Bundle::default()
        };
    }
    let index = match map_file(&file).and_then(|bytes| index::read(&bytes)) {
        Ok(index) => index,
        Err(e) => {
            warnings.push(e.in_file(file).hint("variables have no values"));
            return Bundle::default();
        }
    };
    let damage = index.damage.iter().map(|e| e.clone().in_file(&file));
    warnings.extend(damage);
    let shards = shards::open(prefix, index.sought, index.shards);
    let source = shards::Source::new(&index, &shards);
    let variables: Vec<Variable> = index
        .tensors
        .iter()
        .map(|(key, entry)| variable(&source, key, entry))
        .collect();
    warn_of_missing(&variables, &shards, prefix, warnings);
    let by_key = (0u32..)
        .zip(&variables)
        .map(|(id, v)| (v.key.clone(), VariableId(id)))
        .collect();
    Bundle {
        trackables: trackables(&variables, warnings),
        variables,
        by_key,
        shards,
        is_v1: false,
    }
}

/// Names a V1 checkpoint: tables with the values in them (`variables`, `variables-00000-of-00002`), without an index.
fn warn_of_v1(prefix: &Path, warnings: &mut Vec<Error>) -> bool {
    const MOST_FILES: usize = 1000;
    let folder = prefix.parent().unwrap_or(prefix);
    let Ok(entries) = std::fs::read_dir(folder) else {
        return false;
    };
    let is_table = |path: &Path| {
        let named = path.extension().is_none();
        named && map_file(path).is_ok_and(|bytes| bytes.ends_with(&TABLE_MAGIC))
    };
    // Links may lead out of the model.
    let files = entries.take(MOST_FILES).flatten();
    let files = files.filter(|entry| entry.file_type().is_ok_and(|t| t.is_file()));
    let paths = files.map(|entry| entry.path());
    let Some(first) = paths.filter(|path| is_table(path)).min() else {
        return false;
    };
    warnings.push(
        Error::unreadable("a V1 checkpoint, which is not read; variables have no values")
            .in_file(first)
            .hint("load it in TensorFlow and save it again with tf.compat.v1.train.Saver (V2)"),
    );
    true
}

fn variable(source: &shards::Source<'_>, key: &str, entry: &pb::BundleEntryProto) -> Variable {
    let slices = shards::slices(source.index, key, entry);
    let name = Name::from(key);
    Variable {
        key: name.clone(),
        name,
        dtype: tensor::dtype(entry.dtype).0,
        shape: tensor::shape_or_scalar(entry.shape.as_ref()),
        shard: u32::try_from(entry.shard_id).unwrap_or(u32::MAX),
        offset: u64::try_from(entry.offset).unwrap_or(u64::MAX),
        bytes: match slices.is_empty() {
            true => u64::try_from(entry.size).unwrap_or(0),
            false => slices.iter().map(|s| s.bytes).sum(),
        },
        crc32c: entry.crc32c.map(table::unmask),
        role: match key {
            OBJECT_GRAPH => VariableRole::Bookkeeping,
            _ => VariableRole::Orphan,
        },
        trainable: None,
        owners: Vec::new(),
        data: source.values(key, entry),
        slices,
    }
}

/// One warning per reason and shard, not one per tensor.
fn warn_of_missing(
    variables: &[Variable],
    shards: &[Shard],
    prefix: &Path,
    warnings: &mut Vec<Error>,
) {
    let folder = prefix.parent().unwrap_or(prefix);
    let mut by_shard: BTreeMap<u32, (usize, &Variable, &str)> = BTreeMap::new();
    for variable in variables {
        // Variants are complete, they just have no plain values.
        if let (TensorData::Missing(reason), false) =
            (&variable.data, variable.dtype == DType::Variant)
        {
            let first = by_shard
                .entry(missing_shard(variable, shards))
                .or_insert((0, variable, reason));
            first.0 += 1;
        }
    }
    for (shard, (count, first, reason)) in by_shard {
        let file = shards.get(shard as usize);
        let path = folder.join(file.map_or("variables.index", |s| s.file.as_str()));
        let more = match count {
            1 => String::new(),
            n => format!(", and {} more", n - 1),
        };
        warnings.push(
            Error::unreadable(format!("{reason}{more}"))
                .at(format_args!("variable {:?}", first.key))
                .in_file(path)
                .hint("copy the data file again; everything else can be used"),
        );
    }
}

/// The first shard of a variable that is not there; its own where all are.
fn missing_shard(variable: &Variable, shards: &[Shard]) -> u32 {
    let is_missing = |shard: &u32| shards.get(*shard as usize).is_none_or(|s| s.data.is_none());
    let mut parts = variable.slices.iter().map(|slice| slice.shard);
    parts.find(is_missing).unwrap_or(variable.shard)
}

fn trackables(variables: &[Variable], warnings: &mut Vec<Error>) -> Trackables {
    let stored = variables
        .iter()
        .find(|v| &*v.key == OBJECT_GRAPH)
        .and_then(|v| match &v.data {
            TensorData::Packed(strings) if strings.count == 1 => strings.check().ok(),
            _ => None,
        });
    let decoded = stored.map(|bytes| pb::decode(bytes, OBJECT_GRAPH));
    match decoded {
        None => Trackables::default(),
        Some(Ok(proto)) => Trackables::new(proto),
        Some(Err(e)) => {
            warnings.push(e);
            Trackables::default()
        }
    }
}

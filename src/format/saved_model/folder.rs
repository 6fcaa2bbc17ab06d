//! What lies in the folder beside the graph: assets, side files, and the list of everything.

use std::fs;
use std::path::{Component, Path};

use bytes::Bytes;

use super::pb;
use crate::error::{Error, Result};
use crate::format::mapped::map_file;
use crate::format::names::unlinked;
use crate::model::{Asset, Attachment, FileEntry, Fingerprint, Metadata};
use crate::sort;

/// Folders inside folders, and files in all, that are listed.
const DEEPEST: usize = 8;
const MOST_FILES: usize = 10_000;

/// All files under `folder` with their sizes, in the order of their paths. Links to folders are not followed.
pub fn files(folder: &Path) -> Vec<FileEntry> {
    let mut found = Vec::new();
    walk(folder, "", DEEPEST, &mut found);
    sort::by(&mut found, |a, b| a.path.cmp(&b.path));
    found
}

fn walk(folder: &Path, prefix: &str, depth: usize, found: &mut Vec<FileEntry>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        if found.len() >= MOST_FILES {
            return;
        }
        let name = entry.file_name();
        let path = format!("{prefix}{}", name.to_string_lossy());
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_dir() && depth > 0 {
            walk(&entry.path(), &format!("{path}/"), depth - 1, found);
        } else if let Ok(metadata) = fs::metadata(entry.path())
            && metadata.is_file()
        {
            found.push(FileEntry {
                path,
                bytes: metadata.len(),
            });
        }
    }
}

/// The files under `assets/` by their names there, then those under `assets.extra/` by their whole paths, mapped. A
/// link out of the folder is named and not read.
pub fn attachments(
    folder: &Path,
    files: &[FileEntry],
    warnings: &mut Vec<Error>,
) -> Vec<Attachment> {
    let assets = files
        .iter()
        .filter_map(|file| Some((file, file.path.strip_prefix("assets/")?)));
    let extra = files
        .iter()
        .filter(|file| file.path.starts_with(Attachment::EXTRA))
        .map(|file| (file, file.path.as_str()));
    assets
        .chain(extra)
        .map(|(file, name)| Attachment {
            name: name.to_owned(),
            bytes: file.bytes,
            data: attachment(folder, &file.path).unwrap_or_else(|e| {
                warnings.push(e);
                Bytes::new()
            }),
        })
        .collect()
}

fn attachment(folder: &Path, name: &str) -> Result<Bytes> {
    map_file(&unlinked(folder, Path::new(name))?)
}

/// AssetFileDefs whose file name stays inside `assets/`.
pub fn assets(
    protos: Vec<pb::AssetFileDef>,
    files: &[FileEntry],
    warnings: &mut Vec<Error>,
) -> Vec<Asset> {
    let mut assets = Vec::with_capacity(protos.len());
    for proto in protos {
        let file = proto.filename;
        if !stays_inside(&file) {
            warnings.push(Error::unreadable(format!(
                "asset {file:?} points outside the model; ignored"
            )));
            continue;
        }
        let path = format!("assets/{file}");
        if files.binary_search_by(|f| f.path.cmp(&path)).is_err() {
            warnings
                .push(Error::unreadable(format!("asset {path} is missing")).hint(
                    "tables that are filled from it can't be used; copy it beside the graph",
                ));
        }
        let tensor = match proto.tensor_info.and_then(|info| info.encoding) {
            Some(pb::tensor_info::Encoding::Name(name)) => name,
            _ => String::new(),
        };
        assets.push(Asset {
            file,
            tensor,
            from_collection: false,
        });
    }
    assets
}

/// No absolute path, no drive, no way up, no NUL.
fn stays_inside(name: &str) -> bool {
    !name.is_empty()
        && !name.contains(['\0', '\\', ':'])
        && Path::new(name)
            .components()
            .all(|c| matches!(c, Component::Normal(_)))
}

/// `fingerprint.pb`; `None` without one.
pub fn fingerprint(folder: &Path, warnings: &mut Vec<Error>) -> Option<Fingerprint> {
    const NAME: &str = "fingerprint.pb";
    let data = side_file(folder, NAME, warnings)?;
    let decoded = pb::decode::<pb::FingerprintDef>(data, NAME);
    let proto = decoded
        .map_err(|e| warnings.push(e.in_file(folder.join(NAME))))
        .ok()?;
    Some(Fingerprint {
        checksum: proto.saved_model_checksum,
        graph_hash: proto.graph_def_program_hash,
        signature_hash: proto.signature_def_hash,
        object_hash: proto.saved_object_graph_hash,
        checkpoint_hash: proto.checkpoint_hash,
        uuid: proto.uuid,
    })
}

/// `keras_metadata.pb` of Keras 2, decoded to one JSON list: an entry per Keras object.
pub fn keras_metadata(folder: &Path, warnings: &mut Vec<Error>) -> Option<Metadata> {
    let data = side_file(folder, KERAS_METADATA, warnings)?;
    match decode_keras_metadata(data) {
        Ok(metadata) => Some(metadata),
        Err(e) => {
            warnings.push(e.in_file(folder.join(KERAS_METADATA)));
            None
        }
    }
}

const KERAS_METADATA: &str = "keras_metadata.pb";

pub fn decode_keras_metadata(data: Bytes) -> Result<Metadata> {
    let proto: pb::SavedMetadata = pb::decode(data.clone(), KERAS_METADATA)?;
    let nodes: Vec<serde_json::Value> = proto
        .nodes
        .into_iter()
        .map(|node| {
            let metadata = serde_json::from_str(&node.metadata)
                .unwrap_or(serde_json::Value::String(node.metadata));
            serde_json::json!({
                "node_id": node.node_id,
                "node_path": node.node_path,
                "identifier": node.identifier,
                "metadata": metadata,
            })
        })
        .collect();
    Ok(Metadata {
        name: KERAS_METADATA.to_owned(),
        data,
        decoded: serde_json::to_string_pretty(&nodes).ok(),
    })
}

/// A file beside the graph, if it is there; one that can't be read is a warning.
fn side_file(folder: &Path, name: &str, warnings: &mut Vec<Error>) -> Option<Bytes> {
    let path = folder.join(name);
    if !path.is_file() {
        return None;
    }
    map_file(&path).map_err(|e| warnings.push(e)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assets_that_lead_outside_are_left_out() {
        let asset = |name: &str| pb::AssetFileDef {
            tensor_info: None,
            filename: name.to_owned(),
        };
        let names = [
            "v.txt",
            "../../etc/passwd",
            "/abs",
            "c:\\x",
            "a/./b",
            "",
            "x\0y",
        ];
        let files = [FileEntry {
            path: "assets/v.txt".into(),
            bytes: 1,
        }];
        let mut warnings = Vec::new();
        let kept = assets(
            names.iter().map(|n| asset(n)).collect(),
            &files,
            &mut warnings,
        );
        let kept: Vec<_> = kept.iter().map(|a| a.file.as_str()).collect();
        assert_eq!(kept, ["v.txt", "a/./b"]);
        assert!(
            warnings
                .iter()
                .any(|w| w.what().contains("outside the model"))
        );
    }
}

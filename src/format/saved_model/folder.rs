//! What lies in the folder beside the graph: assets, side files, and the list of everything.

use std::fs;
use std::path::{Component, Path};

use super::pb;
use crate::error::Error;
use crate::format::mapped::map_file;
use crate::model::{Asset, Attachment, FileEntry, Fingerprint, Metadata};

/// Folders inside folders, and files in all, that are listed.
const DEEPEST: usize = 8;
const MOST_FILES: usize = 10_000;

/// All files under `folder` with their sizes, in the order of their paths. Links out of it are not followed.
pub fn files(folder: &Path) -> Vec<FileEntry> {
    let mut found = Vec::new();
    walk(folder, "", DEEPEST, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
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

/// The files under `assets/`, mapped.
pub fn attachments(
    folder: &Path,
    files: &[FileEntry],
    warnings: &mut Vec<Error>,
) -> Vec<Attachment> {
    files
        .iter()
        .filter_map(|file| Some((file, file.path.strip_prefix("assets/")?)))
        .map(|(file, name)| Attachment {
            name: name.to_owned(),
            bytes: file.bytes,
            data: map_file(&folder.join(&file.path)).unwrap_or_else(|e| {
                warnings.push(e);
                Default::default()
            }),
        })
        .collect()
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
        assets.push(Asset { file, tensor });
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
    let proto: pb::FingerprintDef = side_file(folder, "fingerprint.pb", warnings)?.1;
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
    const NAME: &str = "keras_metadata.pb";
    let (data, proto): (_, pb::SavedMetadata) = side_file(folder, NAME, warnings)?;
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
    Some(Metadata {
        name: NAME.to_owned(),
        data,
        decoded: serde_json::to_string_pretty(&nodes).ok(),
    })
}

/// A message in a file of its own; a damaged one is a warning.
fn side_file<M: prost::Message + Default>(
    folder: &Path,
    name: &str,
    warnings: &mut Vec<Error>,
) -> Option<(bytes::Bytes, M)> {
    let path = folder.join(name);
    if !path.is_file() {
        return None;
    }
    let read = map_file(&path).and_then(|data| Ok((data.clone(), pb::decode(data, name)?)));
    read.map_err(|e| warnings.push(e.in_file(path))).ok()
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

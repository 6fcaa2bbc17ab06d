//! Constants in files beside the model.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::flat::Table;
use super::generated::tflite::{ExternalBuffer as B, ExternalBufferGroup as G, Model as Slots};
use crate::error::{Error, Result};
use crate::format::mapped::map_file;
use crate::format::names::{inside, unlinked};
use crate::format::write_file;
use crate::model::{Details, ExternalBuffer, ExternalFile, FileEntry, Model};

/// The packing of plain values, as writers name it where they name one.
const PLAIN: &str = "unpacked";

/// The external buffers of a model, by the id that tensors refer to.
#[derive(Default)]
pub(super) struct ExternalBuffers {
    pub files: Vec<ExternalFile>,
    pub buffers: Vec<ExternalBuffer>,
    /// Index into `buffers`.
    by_id: HashMap<u32, usize>,
    /// Why a file can't be had.
    missing: HashMap<usize, Error>,
}

impl ExternalBuffers {
    /// Opens the files that the model names; `model` is the .tflite itself.
    pub fn open(root: Table<'_>, model: &Path) -> Result<Self> {
        let mut found = ExternalBuffers::default();
        let folder = model.parent().unwrap_or(Path::new(""));
        for (index, group) in root
            .tables(Slots::VT_EXTERNAL_BUFFER_GROUPS)?
            .iter()
            .enumerate()
        {
            let group = group?.known("ExternalBufferGroup", G::VT_NAME);
            let name = group.text(G::VT_NAME)?.unwrap_or_default();
            let file = match inside(&name) {
                Some(relative) => unlinked(folder, relative).and_then(|file| map_file(&file)),
                None => Err(Error::unreadable(format!(
                    "the external file {name:?} points outside the model's folder; ignored"
                ))),
            };
            let data = file.map_err(|e| found.missing.insert(index, e)).ok();
            found.files.push(ExternalFile { name, data });
        }
        for (index, buffer) in root.tables(Slots::VT_EXTERNAL_BUFFERS)?.iter().enumerate() {
            let buffer = buffer?.known("ExternalBuffer", B::VT_PACKING);
            let id = buffer.scalar(B::VT_ID, 0)?;
            found.by_id.entry(id).or_insert(index);
            found.buffers.push(ExternalBuffer {
                id,
                group: buffer.scalar(B::VT_GROUP, 0)?,
                offset: buffer.scalar(B::VT_OFFSET, 0)?,
                length: buffer.scalar(B::VT_LENGTH, 0)?,
                packing: buffer.text(B::VT_PACKING)?.unwrap_or_default(),
            });
        }
        Ok(found)
    }

    /// The files that were found, for the list of the model's files.
    pub fn entries(&self) -> impl Iterator<Item = FileEntry> {
        self.files.iter().filter_map(|file| {
            Some(FileEntry {
                path: file.name.clone(),
                bytes: file.data.as_ref()?.len() as u64,
            })
        })
    }

    /// The bytes of buffer `id`.
    pub fn get(&self, id: u32) -> Result<Bytes> {
        let buffer = self.by_id.get(&id).and_then(|&at| self.buffers.get(at));
        let buffer =
            buffer.ok_or_else(|| Error::unreadable(format!("there is no external buffer {id}")))?;
        if let Some(error) = self.missing.get(&(buffer.group as usize)) {
            return Err(error.clone());
        }
        let place = |e: Error| e.at(format_args!("external buffer {id}"));
        if !matches!(&*buffer.packing, "" | PLAIN) {
            let what = format!("values packed as {:?} are not read", buffer.packing);
            return Err(place(Error::unsupported(what)));
        }
        bytes(&self.files, buffer).map_err(place)
    }
}

/// The bytes of an external buffer.
fn bytes(files: &[ExternalFile], buffer: &ExternalBuffer) -> Result<Bytes> {
    let file = files.get(buffer.group as usize).ok_or_else(|| {
        Error::unreadable(format!(
            "it is in file {}, the model names {}",
            buffer.group,
            files.len()
        ))
    })?;
    let data = file.data.as_ref();
    let data = data.ok_or_else(|| Error::unreadable(format!("{:?} is missing", file.name)))?;
    slice(data, buffer.offset, buffer.length)
}

/// Whether external buffer `id` of a model that is being written stands for `values`; `None` for values that could not
/// be read from it.
pub(super) fn stands_for(
    files: &[ExternalFile],
    buffers: &[ExternalBuffer],
    id: u32,
    values: Option<&Bytes>,
) -> bool {
    let Some(buffer) = buffers.iter().find(|b| b.id == id) else {
        return false;
    };
    match (bytes(files, buffer), values) {
        (Ok(stored), Some(values)) => stored == values,
        // Nobody can have changed what nobody can read.
        (_, None) => true,
        (Err(_), Some(_)) => false,
    }
}

/// The files with constants that belong beside a `.tflite` written from `model` to `path`, and where to.
/// Those that lie there already are left out.
///
/// # Errors
/// Another file of the same name lies there.
pub fn side_files(model: &Model, path: &Path) -> Result<Vec<(PathBuf, Bytes)>> {
    let Details::Tflite(details) = &model.details else {
        return Ok(Vec::new());
    };
    let mut files = Vec::new();
    for file in &details.external_files {
        let (Some(relative), Some(data)) = (inside(&file.name), &file.data) else {
            continue;
        };
        let target = path.with_file_name(relative);
        match std::fs::metadata(&target) {
            Err(_) => files.push((target, data.clone())),
            Ok(_) if map_file(&target).is_ok_and(|there| there == *data) => {}
            Ok(_) => {
                return Err(Error::usage("another file is already there")
                    .in_file(target)
                    .hint("the model's constants have to lie there; choose another folder"));
            }
        }
    }
    Ok(files)
}

/// Writes the file `bytes` of `model` to `path`, and beside it the files that its constants stay in.
///
/// # Errors
/// The system's own words; another file lies where one of those belongs.
pub fn save(model: &Model, bytes: &[u8], path: &Path) -> Result<()> {
    for (target, bytes) in side_files(model, path)? {
        if let Some(folder) = target.parent() {
            std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, &e))?;
        }
        write_file(&target, &bytes)?;
    }
    write_file(path, bytes)
}

/// A part of a file, checked.
pub(super) fn slice(file: &Bytes, offset: u64, length: u64) -> Result<Bytes> {
    let size = file.len() as u64;
    if offset > size || length > size - offset {
        return Err(Error::unreadable(format!(
            "bytes {offset}..{} of a file of {size}",
            u128::from(offset) + u128::from(length)
        )));
    }
    // Both are at most the length of a slice now.
    Ok(file.slice(offset as usize..(offset + length) as usize))
}

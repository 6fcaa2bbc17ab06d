//! Constants in files beside the model.

use std::collections::HashMap;
use std::path::Path;

use bytes::Bytes;

use super::flat::Table;
use super::generated::tflite::{ExternalBuffer, ExternalBufferGroup, Model as Slots};
use crate::error::{Error, Result};
use crate::format::mapped::map_file;
use crate::format::names::inside;
use crate::model::FileEntry;

/// The external buffers of a model, by the id that tensors refer to.
#[derive(Default)]
pub(super) struct ExternalBuffers {
    ranges: HashMap<u32, Range>,
    /// Each group's file, or why it can't be had.
    files: Vec<Result<Bytes>>,
    /// Files that were found, for the list of the model's files.
    pub entries: Vec<FileEntry>,
}

struct Range {
    group: u32,
    offset: u64,
    length: u64,
}

impl ExternalBuffers {
    /// Opens the files that the model names; `model` is the .tflite itself.
    pub fn open(root: Table<'_>, model: &Path) -> Result<Self> {
        let mut buffers = ExternalBuffers::default();
        for group in root.tables(Slots::VT_EXTERNAL_BUFFER_GROUPS)?.iter() {
            let name = group?
                .text(ExternalBufferGroup::VT_NAME)?
                .unwrap_or_default();
            let file = match inside(&name) {
                Some(relative) => map_file(&model.with_file_name(relative)),
                None => Err(Error::unreadable(format!(
                    "the external file {name:?} points outside the model's folder; ignored"
                ))),
            };
            if let Ok(bytes) = &file {
                buffers.entries.push(FileEntry {
                    path: name,
                    bytes: bytes.len() as u64,
                });
            }
            buffers.files.push(file);
        }
        for buffer in root.tables(Slots::VT_EXTERNAL_BUFFERS)?.iter() {
            let buffer = buffer?;
            let range = Range {
                group: buffer.scalar(ExternalBuffer::VT_GROUP, 0)?,
                offset: buffer.scalar(ExternalBuffer::VT_OFFSET, 0)?,
                length: buffer.scalar(ExternalBuffer::VT_LENGTH, 0)?,
            };
            buffers
                .ranges
                .insert(buffer.scalar(ExternalBuffer::VT_ID, 0)?, range);
        }
        Ok(buffers)
    }

    /// The bytes of buffer `id`.
    pub fn get(&self, id: u32) -> Result<Bytes> {
        let range = self
            .ranges
            .get(&id)
            .ok_or_else(|| Error::unreadable(format!("there is no external buffer {id}")))?;
        let file = self.files.get(range.group as usize).ok_or_else(|| {
            Error::unreadable(format!(
                "external buffer {id} is in file {}, the model names {}",
                range.group,
                self.files.len()
            ))
        })?;
        slice(
            file.as_ref().map_err(Error::clone)?,
            range.offset,
            range.length,
        )
        .map_err(|e| e.at(format_args!("external buffer {id}")))
    }
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

//! Files packed behind a model: a ZIP archive at the end of the `.tflite`.

use std::io::{Cursor, Write};

use bytes::Bytes;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::error::{Error, Result};
use crate::format::archive::read_entries;
use crate::format::names::inside;
use crate::model::Attachment;

/// Bytes of the record at the end of an archive without its comment.
const END_RECORD: usize = 22;
const END_MAGIC: &[u8; 4] = b"PK\x05\x06";
/// Most bytes that the deflated files may unpack to: labels and vocabularies, read when the model is opened.
const INFLATE_LIMIT: u64 = 32 << 20;

/// The packed files of a model; problems go to `warnings`.
pub(super) fn read(file: &Bytes, warnings: &mut Vec<Error>) -> Vec<Attachment> {
    if !ends_with_archive(file) {
        return Vec::new();
    }
    let entries = match read_entries(file, INFLATE_LIMIT) {
        Ok(entries) => entries,
        Err(error) => {
            warnings.push(error.at("packed files"));
            return Vec::new();
        }
    };
    let mut attachments = Vec::new();
    for entry in entries {
        if inside(&entry.name).is_none() {
            warnings.push(
                Error::unreadable(format!(
                    "the packed file {:?} points outside the model",
                    entry.name
                ))
                .hint("it is listed, and never written out"),
            );
        }
        let data = entry.data.unwrap_or_else(|error| {
            warnings.push(error.at("packed files"));
            Bytes::new()
        });
        attachments.push(Attachment {
            name: entry.name,
            bytes: entry.bytes,
            data,
        });
    }
    attachments
}

/// Whether the last record is the end of an archive, with nothing behind its comment.
fn ends_with_archive(file: &[u8]) -> bool {
    let from = file
        .len()
        .saturating_sub(END_RECORD + usize::from(u16::MAX));
    let tail = &file[from..];
    tail.windows(END_RECORD).enumerate().any(|(at, record)| {
        record.starts_with(END_MAGIC)
            && usize::from(u16::from_le_bytes([record[20], record[21]]))
                == tail.len() - at - END_RECORD
    })
}

/// Appends the attachments to a finished flatbuffer; offsets in the archive count from the start of the file.
pub(super) fn append(file: Vec<u8>, attachments: &[Attachment]) -> Result<Vec<u8>> {
    if attachments.is_empty() {
        return Ok(file);
    }
    let mut cursor = Cursor::new(file);
    cursor.set_position(cursor.get_ref().len() as u64);
    let mut zip = ZipWriter::new(cursor);
    let failed = |e: &dyn std::fmt::Display| {
        Error::unsupported(format!("can't pack files into the model: {e}"))
    };
    for attachment in attachments {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::default());
        zip.start_file(attachment.name.as_str(), options)
            .map_err(|e| failed(&e))?;
        zip.write_all(&attachment.data).map_err(|e| failed(&e))?;
    }
    Ok(zip.finish().map_err(|e| failed(&e))?.into_inner())
}

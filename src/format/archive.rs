//! ZIP archives of strangers (`.npz`, files packed into a `.tflite`), read with limits.

use std::io::{Cursor, Read, Write};

use bytes::Bytes;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::error::{Error, Result};

/// Most entries that an archive may have.
const MAX_ENTRIES: usize = 10_000;
/// Inflated entries up to this size are not checked for their ratio: constant arrays deflate very well.
const RATIO_FREE: u64 = 16 << 20;
/// Largest ratio of unpacked to packed size.
const MAX_RATIO: u64 = 1000;

/// What the deflated entries of an archive may unpack to: much from a small file, as constant arrays deflate a
/// thousandfold, but not gigabytes from nothing.
pub(super) fn inflate_limit(archive: &Bytes) -> u64 {
    const LEAST: u64 = 32 << 20;
    const MOST: u64 = 1 << 31;
    (archive.len() as u64)
        .saturating_mul(MAX_RATIO)
        .clamp(LEAST, MOST)
}

/// A file in an archive.
#[derive(Debug)]
pub(super) struct Entry {
    pub name: String,
    /// Unpacked size as the central directory states it.
    pub bytes: u64,
    /// The unpacked bytes, or why they were not unpacked.
    pub data: Result<Bytes>,
}

/// All files of an archive in its order, without folders. `inflate_limit` bounds what all deflated entries may
/// unpack to; stored entries are slices of `archive`. Errors of one entry are in that entry.
///
/// # Errors
/// No archive, a damaged directory, overlapping entries, more than 10,000 of them.
pub(super) fn read_entries(archive: &Bytes, inflate_limit: u64) -> Result<Vec<Entry>> {
    let mut zip = ZipArchive::new(Cursor::new(archive.as_ref())).map_err(|e| damage(&e))?;
    if zip.len() > MAX_ENTRIES {
        return Err(Error::unreadable(format!(
            "an archive of {} files, more than {MAX_ENTRIES}",
            zip.len()
        )));
    }
    if zip.has_overlapping_files().map_err(|e| damage(&e))? {
        return Err(Error::unreadable("files of the archive overlap"));
    }
    let mut left = inflate_limit;
    let mut entries = Vec::with_capacity(zip.len());
    for index in 0..zip.len() {
        let raw = zip.by_index_raw(index).map_err(|e| damage(&e))?;
        let name = String::from_utf8_lossy(raw.name_raw()).into_owned();
        if raw.is_dir() {
            continue;
        }
        let bytes = raw.size();
        let head = Head {
            bytes,
            packed: raw.compressed_size(),
            start: raw.data_start(),
            method: raw.compression(),
            encrypted: raw.encrypted(),
        };
        drop(raw);
        let data = unpack(archive, &mut zip, index, &head, &mut left)
            .map_err(|e| e.at(format_args!("entry {name:?}")));
        entries.push(Entry { name, bytes, data });
    }
    Ok(entries)
}

/// What the directory says of an entry.
struct Head {
    bytes: u64,
    packed: u64,
    start: Option<u64>,
    method: CompressionMethod,
    encrypted: bool,
}

fn unpack(
    archive: &Bytes,
    zip: &mut ZipArchive<Cursor<&[u8]>>,
    index: usize,
    head: &Head,
    left: &mut u64,
) -> Result<Bytes> {
    if head.encrypted {
        return Err(Error::unreadable("the entry is encrypted"));
    }
    match head.method {
        CompressionMethod::Stored => stored(archive, zip, index, head),
        CompressionMethod::Deflated => {
            if head.bytes > RATIO_FREE && head.bytes / MAX_RATIO > head.packed {
                return Err(Error::unreadable(format!(
                    "{} bytes from {} packed ones: refused",
                    head.bytes, head.packed
                )));
            }
            *left = left.checked_sub(head.bytes).ok_or_else(|| {
                Error::unreadable(format!(
                    "{} more bytes would pass the limit for unpacked files",
                    head.bytes
                ))
            })?;
            let mut file = zip.by_index(index).map_err(|e| damage(&e))?;
            let mut out = Vec::new();
            (&mut file)
                .take(head.bytes.saturating_add(1))
                .read_to_end(&mut out)
                .map_err(|e| Error::unreadable(e.to_string()))?;
            if out.len() as u64 != head.bytes {
                return Err(Error::unreadable(format!(
                    "unpacks to {} bytes, the directory says {}",
                    out.len(),
                    head.bytes
                )));
            }
            Ok(out.into())
        }
        other => Err(
            Error::unreadable(format!("compression method {other} is not read"))
                .hint("pack it with deflate or stored"),
        ),
    }
}

/// A slice of the archive, after its checksum was checked by reading it once.
fn stored(
    archive: &Bytes,
    zip: &mut ZipArchive<Cursor<&[u8]>>,
    index: usize,
    head: &Head,
) -> Result<Bytes> {
    let outside = || Error::unreadable("the entry leads outside the archive");
    if head.packed != head.bytes {
        return Err(Error::unreadable(format!(
            "stored as {} bytes, the directory says {}",
            head.packed, head.bytes
        )));
    }
    let start = match head.start {
        Some(start) => start,
        None => {
            let file = zip.by_index(index).map_err(|e| damage(&e))?;
            file.data_start().ok_or_else(outside)?
        }
    };
    let start = usize::try_from(start).map_err(|_| outside())?;
    let end = usize::try_from(head.bytes)
        .ok()
        .and_then(|len| start.checked_add(len))
        .filter(|&end| end <= archive.len())
        .ok_or_else(outside)?;
    let mut file = zip.by_index(index).map_err(|e| damage(&e))?;
    std::io::copy(&mut file, &mut std::io::sink()).map_err(|e| Error::unreadable(e.to_string()))?;
    Ok(archive.slice(start..end))
}

/// Bytes of an archive that holds `bytes` deflated.
pub(super) fn deflated_size(bytes: &[u8]) -> Result<u64> {
    let failed = |e: &dyn std::fmt::Display| Error::unsupported(format!("can't deflate: {e}"));
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .large_file(u32::try_from(bytes.len()).is_err());
    zip.start_file("model", options).map_err(|e| failed(&e))?;
    zip.write_all(bytes).map_err(|e| failed(&e))?;
    let archive = zip.finish().map_err(|e| failed(&e))?;
    Ok(archive.into_inner().len() as u64)
}

fn damage(error: &ZipError) -> Error {
    Error::unreadable(format!("the ZIP archive can't be read: {error}"))
}

//! Files as bytes: small ones are copied, larger ones are memory-mapped.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use bytes::Bytes;

use crate::error::{Error, Result};

/// Files up to this many bytes are copied: cheaper than a map, and safe when the file is cut off later.
const COPY_LIMIT: u64 = 64 * 1024;

/// The content of a file. A slice of the result keeps the map alive.
///
/// # Errors
/// The system's own words when the file can't be opened or mapped; folders, pipes and devices are refused.
pub fn map_file(path: &Path) -> Result<Bytes> {
    let io = |e: std::io::Error| Error::io(path, &e);
    // Asked before opening: a pipe that nobody writes to would wait for ever, and some devices never end.
    let metadata = fs::metadata(path).map_err(io)?;
    if metadata.is_dir() {
        return Err(Error::unreadable("a folder where a file was expected").in_file(path));
    }
    if !metadata.is_file() {
        return Err(
            Error::unreadable("a pipe or a device where a file was expected")
                .in_file(path)
                .hint("copy what it gives into a file"),
        );
    }
    let mut file = File::open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    if metadata.len() <= COPY_LIMIT {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io)?;
        return Ok(bytes.into());
    }
    // SAFETY: the map is private and read-only. A program that rewrites the model in place while it is open can
    // change what we read; every reader checks what it reads before use, and models are replaced, not edited.
    let map = unsafe { memmap2::Mmap::map(&file) }.map_err(io)?;
    Ok(Bytes::from_owner(map))
}

//! Files as bytes: small ones are copied, larger ones are memory-mapped.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use memmap2::Mmap;
#[cfg(unix)]
use memmap2::UncheckedAdvice;

use crate::error::{Error, Result};
use crate::model::{DType, Tensor, TensorData};

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
    let map = unsafe { Mmap::map(&file) }.map_err(io)?;
    let map = Arc::new(map);
    let mut maps = maps();
    maps.retain(|map| map.strong_count() > 0);
    maps.push(Arc::downgrade(&map));
    drop(maps);
    Ok(Bytes::from_owner(Held(map)))
}

struct Held(Arc<Mmap>);

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// The maps that may still be in use.
static MAPS: Mutex<Vec<Weak<Mmap>>> = Mutex::new(Vec::new());

fn maps() -> MutexGuard<'static, Vec<Weak<Mmap>>> {
    MAPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As [`TensorData::pieces`]; the pages of each piece of a mapped file are let go behind it, so that walking through
/// gigabytes takes a few megabytes.
///
/// # Errors
/// As [`TensorData::pieces`].
pub fn pieces(
    data: &TensorData,
    dtype: DType,
    shape: &[usize],
    mut each: impl FnMut(usize, &Tensor) -> Result<()>,
) -> Result<()> {
    data.pieces(dtype, shape, |start, piece| {
        let size = piece.bytes().map_or(0, <[u8]>::len);
        let looked_at = each(start, piece);
        if let (TensorData::Bytes { bytes, .. }, Some(element)) = (data, dtype.size())
            && let Some(done) = bytes.get(start * element..).and_then(|b| b.get(..size))
        {
            release(done);
        }
        looked_at
    })
}

/// Lets go of the pages of a mapped file that hold these values, which are not wanted again soon.
pub fn let_go(data: &TensorData) {
    if let TensorData::Bytes { bytes, .. } = data {
        release(bytes);
    }
}

/// Lets go of the pages that hold these bytes, if they are those of a mapped file: they come back from the file when
/// they are read again.
fn release(bytes: &[u8]) {
    #[cfg(unix)]
    for map in maps().iter().filter_map(Weak::upgrade) {
        let range = bytes.as_ptr_range();
        let within = map.as_ptr_range();
        if within.start <= range.start && range.end <= within.end {
            let offset = range.start.addr() - within.start.addr();
            let advice = UncheckedAdvice::DontNeed;
            // SAFETY: the map is private and nothing ever writes to it, so every page is the file's own.
            let advised = unsafe { map.unchecked_advise_range(advice, offset, bytes.len()) };
            // Pages that stay are no failure.
            let _ = advised;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_the_same_on_the_second_walk() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights");
        let values: Vec<u8> = (0..9_000_003u32).map(|i| (i % 251) as u8).collect();
        fs::write(&path, &values).unwrap();
        let (bytes, packed) = (map_file(&path).unwrap(), false);
        let data = TensorData::Bytes { bytes, packed };
        for _ in 0..2 {
            let mut walked = Vec::new();
            let see = |start: usize, piece: &Tensor| {
                assert_eq!(start, walked.len());
                walked.extend_from_slice(piece.bytes().unwrap());
                Ok(())
            };
            pieces(&data, DType::UInt8, &[values.len()], see).unwrap();
            assert!(walked == values);
        }
    }

    #[test]
    fn what_was_let_go_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large");
        let content: Vec<u8> = (0..300_000u32).map(|i| (i % 251) as u8).collect();
        fs::write(&path, &content).unwrap();
        let map = map_file(&path).unwrap();
        release(&map[70_001..200_003]);
        release(&map[..0]);
        release(&content);
        assert!(map == content);
        let_go(&TensorData::plain(map.clone()));
        assert!(map == content);
        assert_eq!(content[251], 0);
    }
}

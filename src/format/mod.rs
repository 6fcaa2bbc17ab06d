//! Bytes to [`Model`] and back. The only room that sees protobuf messages and flatbuffer tables.

mod archive;
mod detect;
pub mod example;
pub mod example_json;
pub mod image;
pub mod mapped;
mod names;
pub mod npy;
pub mod parsers;
pub mod saved_model;
pub mod tflite;
pub mod wav;

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{PoisonError, RwLock};

use crate::error::{Error, Result};
use crate::model::Model;

/// What to open where a path leaves a choice.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// Which of the numbered versions of a folder; the newest without it.
    pub version: Option<u64>,
}

/// Opens a SavedModel folder, a folder of numbered versions, a `saved_model.pb[txt]`, or a `.tflite`.
/// Reads structure and index only; weights stay on disk.
///
/// # Errors
/// Nothing there, not a model (says what it seems to be instead), or damage that leaves nothing to show. Damage
/// that leaves something to show is in [`Model::warnings`].
pub fn open(path: &Path, options: &OpenOptions) -> Result<Model> {
    match detect::detect(path, options)? {
        detect::Found::Tflite(file) => tflite::read(&file),
        detect::Found::SavedModel {
            file,
            versions,
            version,
            clash,
        } => {
            let mut model = saved_model::read(&file)?;
            model.versions = versions;
            model.version = version;
            model
                .warnings
                .extend(clash.map(|c| Error::unreadable(c).in_file(path)));
            Ok(model)
        }
    }
}

/// Held for reading by every file that is being written.
static WRITING: RwLock<()> = RwLock::new(());

/// Waits until every file that is being written is there whole; none is begun after. For the end of the program,
/// which would cut them off.
pub fn finish_writing() {
    std::mem::forget(WRITING.write().unwrap_or_else(PoisonError::into_inner));
}

/// Writes `bytes` beside `path` and renames, so that a failure never loses an existing file. A link is followed.
///
/// # Errors
/// The system's own words; the file beside is removed again.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    write_file_with(path, |file| {
        file.write_all(bytes).map_err(|e| Error::io(path, &e))
    })
}

/// As [`write_file`], what `write` writes.
///
/// # Errors
/// As [`write_file`], and those of `write`.
pub fn write_file_with(path: &Path, write: impl FnOnce(&mut File) -> Result<()>) -> Result<()> {
    let io = |e: std::io::Error| Error::io(path, &e);
    let target = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    if target.is_dir() {
        return Err(Error::usage("is a folder, not a file to write").in_file(path));
    }
    let name = target
        .file_name()
        .ok_or_else(|| Error::usage("names no file").in_file(path))?;
    let mut beside = std::ffi::OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}.part", std::process::id()));
    let beside = target.with_file_name(beside);
    let _writing = WRITING.read().unwrap_or_else(PoisonError::into_inner);
    let written = File::create(&beside).map_err(io).and_then(|mut file| {
        write(&mut file)?;
        file.sync_all().map_err(io)
    });
    written
        .and_then(|()| std::fs::rename(&beside, &target).map_err(io))
        .inspect_err(|_| {
            // The first failure is what the person needs; the rest may not exist at all.
            let _ = std::fs::remove_file(&beside);
        })
}

/// Bytes of an archive that holds `bytes` deflated; `None` where that would take seconds to find out.
///
/// # Errors
/// None that a person could cause.
pub fn deflated_size(bytes: &[u8]) -> Result<Option<u64>> {
    const MOST: usize = 128 << 20;
    match bytes.len() {
        0..=MOST => archive::deflated_size(bytes).map(Some),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_stays_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.bin");
        write_file(&path, b"one").unwrap();
        write_file(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(write_file(dir.path(), b"x").is_err());
        assert!(write_file(&dir.path().join("none/a.bin"), b"x").is_err());
    }
}

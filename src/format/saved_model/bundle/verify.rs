//! Whether the stored bytes of a variable are those that were written.

use super::shards;
use crate::error::Result;
use crate::model::{DType, Model, Shape, Variable, VariableSlice};
use crate::progress::Progress;

/// The answer of a checksum; the worse ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    Good,
    /// The index has no checksum for it.
    None,
    /// Another CRC-32C than the index says.
    Bad {
        found: u32,
    },
    /// The shard is not there or too short.
    Missing,
}

impl Check {
    pub fn is_damage(self) -> bool {
        matches!(self, Check::Bad { .. } | Check::Missing)
    }
}

/// Compares a variable's stored bytes with their checksum in the index; of several slices the worst answer. Steps the
/// progress by each byte.
///
/// # Errors
/// Only when stopped.
pub fn verify_variable(model: &Model, variable: &Variable, progress: &Progress) -> Result<Check> {
    if variable.slices.is_empty() {
        let whole = VariableSlice {
            key: variable.key.as_bytes().to_vec(),
            extents: Vec::new(),
            shard: variable.shard,
            offset: variable.offset,
            bytes: variable.bytes,
            crc32c: variable.crc32c,
        };
        return verify(model, variable.dtype, &whole, &variable.shape, progress);
    }
    let mut worst = Check::Good;
    for slice in &variable.slices {
        let shape = Shape(Some(slice.extents.iter().map(|e| e.1 as i64).collect()));
        worst = worst.max(verify(model, variable.dtype, slice, &shape, progress)?);
    }
    Ok(worst)
}

fn verify(
    model: &Model,
    dtype: DType,
    part: &VariableSlice,
    shape: &Shape,
    progress: &Progress,
) -> Result<Check> {
    let number = |n: u64| i64::try_from(n).unwrap_or(-1);
    let shard = i32::try_from(part.shard).unwrap_or(-1);
    let (offset, bytes) = (number(part.offset), number(part.bytes));
    let Ok(bytes) = shards::stored_bytes(&model.shards, shard, offset, bytes) else {
        progress.step(part.bytes)?;
        return Ok(Check::Missing);
    };
    let Some(expected) = part.crc32c else {
        progress.step(part.bytes)?;
        return Ok(Check::None);
    };
    let found = shards::checksum(dtype, shape, &bytes, progress)?;
    Ok(match found == expected {
        true => Check::Good,
        false => Check::Bad { found },
    })
}

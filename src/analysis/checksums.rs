//! Whether the stored variables are as they were written.

use crate::error::Result;
use crate::model::Model;
use crate::progress::Progress;

/// The answer of a checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    Good,
    /// Another CRC-32C than the index says.
    Bad {
        found: u32,
    },
    /// The shard is not there or too short.
    Missing,
    /// The index has no checksum for it.
    None,
}

impl Check {
    pub fn is_damage(self) -> bool {
        matches!(self, Check::Bad { .. } | Check::Missing)
    }
}

/// Bytes between two looks at whether one should stop.
const PIECE: usize = 4 << 20;

/// The checksum of every variable, in the order of [`Model::variables`]; of several slices the worst answer.
///
/// # Errors
/// Only when stopped.
pub fn checksums(model: &Model, progress: &Progress) -> Result<Vec<Check>> {
    progress.stage("checking", model.variables.iter().map(|v| v.bytes).sum());
    let mut checks = Vec::with_capacity(model.variables.len());
    for v in &model.variables {
        let whole = [(v.shard, v.offset, v.bytes, v.crc32c)];
        let slices: Vec<_> = v
            .slices
            .iter()
            .map(|s| (s.shard, s.offset, s.bytes, s.crc32c))
            .collect();
        let parts = if slices.is_empty() {
            &whole[..]
        } else {
            &slices[..]
        };
        let mut worst = Check::None;
        for &part in parts {
            let found = check(model, part, progress)?;
            if !worst.is_damage() {
                worst = found;
            }
        }
        checks.push(worst);
    }
    Ok(checks)
}

fn check(
    model: &Model,
    (shard, offset, bytes, expected): (u32, u64, u64, Option<u32>),
    progress: &Progress,
) -> Result<Check> {
    let data = model
        .shards
        .get(shard as usize)
        .and_then(|s| s.data.as_ref());
    let range = usize::try_from(offset)
        .ok()
        .zip(usize::try_from(bytes).ok())
        .and_then(|(start, len)| Some(start..start.checked_add(len)?));
    let Some(stored) = data.zip(range).and_then(|(d, r)| d.get(r)) else {
        progress.step(bytes)?;
        return Ok(Check::Missing);
    };
    let Some(expected) = expected else {
        progress.step(bytes)?;
        return Ok(Check::None);
    };
    let mut found = 0;
    for piece in stored.chunks(PIECE) {
        found = crc32c::crc32c_append(found, piece);
        progress.step(piece.len() as u64)?;
    }
    Ok(if found == expected {
        Check::Good
    } else {
        Check::Bad { found }
    })
}

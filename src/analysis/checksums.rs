//! Whether the stored variables are as they were written.

use crate::error::Result;
use crate::model::{DType, Model};
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
            let found = check(model, part, v.dtype == DType::String, progress)?;
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
    strings: bool,
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
    let (mut found, plain) = match strings {
        true => string_lengths(stored).unwrap_or((0, stored)),
        false => (0, stored),
    };
    for piece in plain.chunks(PIECE) {
        found = crc32c::crc32c_append(found, piece);
        progress.step(piece.len() as u64)?;
    }
    Ok(if found == expected {
        Check::Good
    } else {
        Check::Bad { found }
    })
}

/// Strings are stored as varint lengths, a masked checksum of these (4 bytes), then all bytes. The entry's checksum runs
/// over each length as 4 bytes (8 past 4 GiB), then what follows as it is stored (tensor_bundle.cc, WriteStringTensor).
/// Gives the checksum of the lengths and the rest; `None` where the lengths don't add up.
fn string_lengths(stored: &[u8]) -> Option<(u32, &[u8])> {
    let (mut crc, mut total, mut rest) = (0, 0u64, stored);
    while total.checked_add(4)? < rest.len() as u64 {
        let (length, after) = varint(rest)?;
        crc = match u32::try_from(length) {
            Ok(short) => crc32c::crc32c_append(crc, &short.to_le_bytes()),
            Err(_) => crc32c::crc32c_append(crc, &length.to_le_bytes()),
        };
        total = total.checked_add(length)?;
        rest = after;
    }
    (total.checked_add(4)? == rest.len() as u64).then_some((crc, rest))
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (i, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f).checked_shl(7 * i as u32)?;
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(i + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_end_where_the_bytes_begin() {
        let stored = [3, 1, 9, 9, 9, 9, b'a', b'b', b'c', b'd'];
        let lengths = crc32c::crc32c(&[3, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(string_lengths(&stored), Some((lengths, &stored[2..])));
        assert_eq!(string_lengths(&stored[..9]), None);
    }
}

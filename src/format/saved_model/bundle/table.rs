//! The sorted table behind `variables.index`: blocks of prefix-compressed entries, an index block, a footer.

use bytes::{Buf, Bytes};

use crate::error::{Error, Result};
use crate::format::detect::TABLE_MAGIC;

const FOOTER: usize = 48;
/// One byte of compression type and four of checksum behind every block.
const TRAILER: usize = 5;
/// What all blocks may unpack to: so many times the file, and this much more. Real indexes hold little that repeats.
const UNPACKED: (usize, usize) = (2, 16 << 20);

/// The entries of a table in key order.
#[derive(Debug, Default)]
pub struct Table {
    pub entries: Vec<(Vec<u8>, Bytes)>,
    /// Data blocks that could not be read; their entries are missing.
    pub damage: Vec<Error>,
}

/// Where a block is, without its trailer.
#[derive(Debug, Clone, Copy)]
struct Handle {
    offset: u64,
    size: u64,
}

/// # Errors
/// The footer or the index block can't be read, so that no entry can be found.
pub fn read(file: &Bytes) -> Result<Table> {
    if file.len() < FOOTER {
        return Err(Error::unreadable(format!(
            "{} bytes; a checkpoint index has at least {FOOTER}",
            file.len()
        )));
    }
    let mut footer = file.slice(file.len() - FOOTER..);
    if footer[FOOTER - 8..] != TABLE_MAGIC {
        return Err(Error::unreadable(format!(
            "the last 8 bytes are {:02x?}, expected {TABLE_MAGIC:02x?}",
            &footer[FOOTER - 8..]
        ))
        .hint("the file is cut off, damaged, or no checkpoint index"));
    }
    handle(&mut footer).map_err(|e| e.at("footer"))?;
    let index = handle(&mut footer).map_err(|e| e.at("footer"))?;

    let mut table = Table::default();
    // Keys are stored as differences; what they unpack to is bounded by the size of the file.
    let mut budget = file.len().saturating_mul(UNPACKED.0) + UNPACKED.1;
    let mut unpacked = budget;
    let index = block(file, index, &mut unpacked)?;
    let mut handles = Vec::new();
    entries(&index, &mut budget, |_, mut value| {
        handles.push(handle(&mut value)?);
        Ok(())
    })
    .map_err(|e| e.at("index block"))?;
    for handle in handles {
        let mut read = Vec::new();
        let result = block(file, handle, &mut unpacked).and_then(|block| {
            entries(&block, &mut budget, |key, value| {
                read.push((key.to_vec(), value));
                Ok(())
            })
            .map_err(|e| e.at(format_args!("block at {}", handle.offset)))
        });
        table.damage.extend(result.err());
        let last = table.entries.last().map(|(key, _)| key.as_slice());
        if read.first().is_some_and(|(key, _)| last >= Some(key)) {
            table.damage.push(Error::unreadable(format!(
                "the keys of the block at {} don't follow those before it",
                handle.offset
            )));
            continue;
        }
        table.entries.append(&mut read);
    }
    Ok(table)
}

fn varint(bytes: &mut Bytes) -> Result<u64> {
    prost::encoding::decode_varint(bytes)
        .map_err(|_| Error::unreadable("a number is cut off or longer than 10 bytes"))
}

fn handle(bytes: &mut Bytes) -> Result<Handle> {
    Ok(Handle {
        offset: varint(bytes)?,
        size: varint(bytes)?,
    })
}

/// The unpacked content of a block, its checksum verified. `budget`: bytes that may still be unpacked.
fn block(file: &Bytes, handle: Handle, budget: &mut usize) -> Result<Bytes> {
    let Handle { offset, size } = handle;
    let at = format!("block at {offset} (size {size})");
    let end = offset
        .checked_add(size)
        .filter(|end| *end <= (file.len() - FOOTER).saturating_sub(TRAILER) as u64)
        .ok_or_else(|| Error::unreadable("leads outside the file").at(&at))? as usize;
    let content = file.slice(offset as usize..end);
    let mut trailer = file.slice(end..end + TRAILER);
    let stored = unmask(u32::from_le_bytes([
        trailer[1], trailer[2], trailer[3], trailer[4],
    ]));
    let kind = trailer.get_u8();
    let found = crc32c::crc32c_append(crc32c::crc32c(&content), &[kind]);
    // A fuzzer would not get past it: what it makes never has the right one.
    if stored != found && !cfg!(fuzzing) {
        return Err(
            Error::unreadable(format!("checksum {found:#010x}, expected {stored:#010x}"))
                .at(&at)
                .hint("the file is damaged; copy it again"),
        );
    }
    match kind {
        0 => Ok(content),
        1 => unpack(&content, budget).map_err(|e| e.at(&at)),
        _ => Err(Error::unreadable(format!("unknown compression {kind}")).at(&at)),
    }
}

fn unpack(content: &Bytes, budget: &mut usize) -> Result<Bytes> {
    let damaged = |e: snap::Error| Error::unreadable(format!("snappy: {e}"));
    let claimed = snap::raw::decompress_len(content).map_err(damaged)?;
    *budget = budget.checked_sub(claimed).ok_or_else(|| {
        Error::unreadable(format!(
            "claims {claimed} bytes from {} compressed, more than the file can mean",
            content.len()
        ))
    })?;
    snap::raw::Decoder::new()
        .decompress_vec(content)
        .map(Bytes::from)
        .map_err(damaged)
}

/// Calls `each` with every key and value of a block; keys must ascend.
fn entries(
    block: &Bytes,
    budget: &mut usize,
    mut each: impl FnMut(&[u8], Bytes) -> Result<()>,
) -> Result<()> {
    let too_short = || Error::unreadable("too short for its restart points");
    let body = block.len().checked_sub(4).ok_or_else(too_short)?;
    let restarts = block.slice(body..).get_u32_le() as usize;
    let end = restarts
        .checked_mul(4)
        .and_then(|bytes| body.checked_sub(bytes))
        .filter(|_| restarts >= 1)
        .ok_or_else(too_short)?;
    let mut rest = block.slice(..end);
    let mut key: Vec<u8> = Vec::new();
    let mut first = true;
    while rest.has_remaining() {
        let at = end - rest.len();
        let cut_off = || Error::unreadable(format!("the entry at byte {at} runs past its block"));
        let length = |rest: &mut Bytes| -> Result<usize> {
            usize::try_from(varint(rest)?).map_err(|_| cut_off())
        };
        let (shared, unshared, value) =
            (length(&mut rest)?, length(&mut rest)?, length(&mut rest)?);
        if shared > key.len() || unshared > rest.len() || value > rest.len() - unshared {
            return Err(cut_off());
        }
        *budget = budget
            .checked_sub(shared + unshared)
            .ok_or_else(|| Error::unreadable("keys unpack to more than the file can mean"))?;
        let suffix = rest.split_to(unshared);
        let ascends = suffix[..] > key[shared..] || (first && suffix.is_empty());
        if !ascends {
            return Err(Error::unreadable(format!(
                "the key at byte {at} is not greater than the one before it"
            )));
        }
        key.truncate(shared);
        key.extend_from_slice(&suffix);
        first = false;
        each(&key, rest.split_to(value))?;
    }
    Ok(())
}

/// Checksums are stored rotated and shifted, so that a checksum of data with checksums in it stays useful.
pub fn unmask(masked: u32) -> u32 {
    masked.wrapping_sub(0xa282_ead8).rotate_right(17)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The inverse of [`unmask`].
    fn mask(crc: u32) -> u32 {
        crc.rotate_right(15).wrapping_add(0xa282_ead8)
    }

    /// A table with all `entries` in blocks of `per_block`, as TensorFlow lays it out.
    fn write(entries: &[(Vec<u8>, Vec<u8>)], per_block: usize, snappy: bool) -> Vec<u8> {
        fn put(out: &mut Vec<u8>, value: usize) {
            prost::encoding::encode_varint(value as u64, out);
        }
        fn block(entries: &[(Vec<u8>, Vec<u8>)], interval: usize) -> Vec<u8> {
            let (mut out, mut restarts, mut last): (Vec<u8>, Vec<u32>, &[u8]) =
                (vec![], vec![], &[]);
            for (i, (key, value)) in entries.iter().enumerate() {
                let shared = if i % interval == 0 {
                    restarts.push(out.len() as u32);
                    0
                } else {
                    key.iter().zip(last).take_while(|(a, b)| a == b).count()
                };
                put(&mut out, shared);
                put(&mut out, key.len() - shared);
                put(&mut out, value.len());
                out.extend_from_slice(&key[shared..]);
                out.extend_from_slice(value);
                last = key;
            }
            if restarts.is_empty() {
                restarts.push(0);
            }
            for restart in &restarts {
                out.extend(restart.to_le_bytes());
            }
            out.extend((restarts.len() as u32).to_le_bytes());
            out
        }
        fn seal(out: &mut Vec<u8>, mut content: Vec<u8>, snappy: bool) -> Vec<u8> {
            if snappy {
                content = snap::raw::Encoder::new().compress_vec(&content).unwrap();
            }
            let mut handle = Vec::new();
            put(&mut handle, out.len());
            put(&mut handle, content.len());
            content.push(u8::from(snappy));
            let crc = mask(crc32c::crc32c(&content));
            out.extend(content);
            out.extend(crc.to_le_bytes());
            handle
        }
        let mut out = Vec::new();
        let index: Vec<_> = entries
            .chunks(per_block)
            .map(|chunk| {
                let handle = seal(&mut out, block(chunk, 16), snappy);
                (chunk.last().unwrap().0.clone(), handle)
            })
            .collect();
        let mut footer = seal(&mut out, block(&[], 16), false);
        footer.extend(seal(&mut out, block(&index, 1), snappy));
        footer.resize(40, 0);
        out.extend(footer);
        out.extend(TABLE_MAGIC);
        out
    }

    #[test]
    fn masks_are_those_of_the_format() {
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(mask(0xe306_9283), 0xc78a_b0e5);
        assert_eq!(unmask(0x173d_dbc0), 0x7874_3a5d);
    }

    #[test]
    fn a_flipped_bit_is_found_and_the_other_blocks_are_read() {
        let entries: Vec<_> = (0..100u8).map(|i| (vec![b'k', i], vec![i; 3])).collect();
        let mut file = write(&entries, 40, false);
        assert_eq!(read(&file.clone().into()).unwrap().entries.len(), 100);
        file[20] ^= 4;
        let table = read(&file.into()).unwrap();
        assert_eq!(table.entries.len(), 60);
        assert!(table.damage[0].to_string().contains("checksum"));
    }

    #[test]
    fn other_files_are_refused() {
        assert!(read(&Bytes::from_static(b"short")).is_err());
        assert!(read(&Bytes::from(vec![0; 200])).is_err());
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            map in proptest::collection::btree_map(
                proptest::collection::vec(any::<u8>(), 0..6),
                proptest::collection::vec(any::<u8>(), 0..20), 1..80),
            per_block in 1usize..40,
            snappy: bool,
        ) {
            let entries: Vec<_> = map.into_iter().collect();
            let table = read(&write(&entries, per_block, snappy).into()).unwrap();
            prop_assert!(table.damage.is_empty());
            let read: Vec<_> = table.entries.iter().map(|(k, v)| (k.clone(), v.to_vec())).collect();
            prop_assert_eq!(read, entries);
        }

        #[test]
        fn no_bytes_make_it_panic(mut file in proptest::collection::vec(any::<u8>(), 48..200)) {
            let end = file.len();
            file[end - 8..].copy_from_slice(&TABLE_MAGIC);
            let _ = read(&file.into());
        }
    }
}

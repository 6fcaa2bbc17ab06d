//! What the index says: the header, an entry per tensor, an entry per slice of a partitioned tensor.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::table;
use crate::error::{Error, Result};
use crate::format::saved_model::pb;

#[derive(Debug, Default)]
pub struct Index {
    /// As the header counts them, and as their names end.
    pub shards: u32,
    /// How many of them are worth looking for.
    pub sought: u32,
    pub big_endian: bool,
    /// Tensors in key order.
    pub tensors: Vec<(String, pb::BundleEntryProto)>,
    /// Slices by their ordered-code keys.
    pub slices: BTreeMap<Vec<u8>, pb::BundleEntryProto>,
    /// Blocks and entries that could not be read.
    pub damage: Vec<Error>,
}

/// Most shards that the five digits in their names can count.
const MOST_SHARDS: i32 = 99_999;
/// Shards that are looked for however few entries there are; a writer leaves some empty, not thousands.
const EMPTY_SHARDS: usize = 1000;
/// The version of the format that this reader knows.
const VERSION: i32 = 1;

pub fn read(file: &Bytes) -> Result<Index> {
    let table::Table { entries, damage } = table::read(file)?;
    let mut index = Index {
        damage,
        ..Index::default()
    };
    let mut entries = entries.into_iter().peekable();
    match entries.next_if(|(key, _)| key.is_empty()) {
        Some((_, value)) => header(value, &mut index)?,
        None => {
            return Err(Error::unreadable(
                "the header (under the empty key) is missing",
            ));
        }
    }
    for (key, value) in entries {
        let place = String::from_utf8_lossy(&key).into_owned();
        match pb::decode::<pb::BundleEntryProto>(value, "entry") {
            Err(e) => index.damage.push(e.at(format_args!("{place:?}"))),
            // An ordered-code key begins with the number 0, a name of a tensor never does.
            Ok(entry) if key.first() == Some(&0) => {
                index.slices.insert(key, entry);
            }
            Ok(entry) => index.tensors.push((place, entry)),
        }
    }
    let plausible = index.tensors.len() + index.slices.len() + EMPTY_SHARDS;
    index.sought = index
        .shards
        .min(u32::try_from(plausible).unwrap_or(u32::MAX));
    if index.sought < index.shards {
        index.damage.push(Error::unreadable(format!(
            "counts {} shards, but has only {} entries to be in them; the first {} are looked for",
            index.shards,
            index.tensors.len() + index.slices.len(),
            index.sought
        )));
    }
    Ok(index)
}

fn header(value: Bytes, index: &mut Index) -> Result<()> {
    let header: pb::BundleHeaderProto = pb::decode(value, "header")?;
    let needed = header.version.unwrap_or_default().min_consumer;
    if needed > VERSION {
        return Err(Error::unreadable(format!(
            "needs a reader of version {needed}, this one knows version {VERSION}"
        )));
    }
    if !(1..=MOST_SHARDS).contains(&header.num_shards) {
        return Err(Error::unreadable(format!(
            "{} shards; between 1 and {MOST_SHARDS} are possible",
            header.num_shards
        )));
    }
    index.shards = header.num_shards.unsigned_abs();
    index.big_endian = header.endianness == 1;
    Ok(())
}

/// The key under which a slice is stored: an ordered code, so that slices sort by tensor, then by position.
/// Extents are (start, length), (0, -1) for a whole dimension. `None` past 2^55, where the code changes.
pub fn slice_key(name: &str, extents: &[(i64, i64)]) -> Option<Vec<u8>> {
    let mut key = vec![0];
    for &byte in name.as_bytes() {
        match byte {
            0 => key.extend([0, 0xff]),
            0xff => key.extend([0xff, 0]),
            byte => key.push(byte),
        }
    }
    key.extend([0, 1]);
    match u8::try_from(extents.len()).ok()? {
        0 => key.push(0),
        rank => key.extend([1, rank]),
    }
    for &(start, length) in extents {
        signed(start, &mut key)?;
        signed(length, &mut key)?;
    }
    Some(key)
}

/// A signed number in the least n bytes with -2^(7n-1) <= v < 2^(7n-1): n leading one-bits and a zero-bit, then
/// the value, big endian; a negative one with these bits inverted.
fn signed(value: i64, key: &mut Vec<u8>) -> Option<()> {
    let bytes = (1..=8u32).find(|n| {
        let half = 1i64 << (7 * n - 1);
        (-half..half).contains(&value)
    })?;
    let header = (0xff00u16 >> bytes) as u8;
    let mut code = value.to_be_bytes()[8 - bytes as usize..].to_vec();
    let first = code.first_mut()?;
    // The sign fills the bits of the header, which is exclusive-or'ed onto them.
    *first ^= header;
    key.extend(code);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed_numbers_are_coded_as_the_format_says() {
        let cases: &[(i64, &[u8])] = &[
            (0, &[0x80]),
            (3, &[0x83]),
            (63, &[0xbf]),
            (64, &[0xc0, 0x40]),
            (1000, &[0xc3, 0xe8]),
            (8192, &[0xe0, 0x20, 0x00]),
            (-1, &[0x7f]),
            (-64, &[0x40]),
            (-65, &[0x3f, 0xbf]),
        ];
        for (value, code) in cases {
            let mut key = Vec::new();
            signed(*value, &mut key).unwrap();
            assert_eq!(&key, code, "{value}");
        }
        assert!(signed(1 << 56, &mut Vec::new()).is_none());
    }

    #[test]
    fn slice_keys_are_those_that_tensorflow_writes() {
        assert_eq!(
            slice_key("v/w", &[(3, 2), (0, 2)]).unwrap(),
            b"\x00v/w\x00\x01\x01\x02\x83\x82\x80\x82"
        );
        assert_eq!(
            slice_key("part", &[(2, 2), (0, -1)]).unwrap(),
            b"\x00part\x00\x01\x01\x02\x82\x82\x80\x7f"
        );
    }
}

//! The data files: where the bytes of an entry are, and what they mean.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use super::index::{Index, slice_key};
use crate::error::{Error, Result};
use crate::format::mapped::map_file;
use crate::format::saved_model::{pb, tensor};
use crate::model::shape::element_count;
use crate::model::{DType, PackedStrings, Part, Shape, Shard, TensorData, VariableSlice};
use crate::progress::Progress;
use crate::sort;

/// Bytes of the checksum between lengths and content of a string tensor.
const LENGTHS_CHECKSUM: usize = 4;

/// The first `sought` of the `count` files that the header counts, mapped where they are.
pub fn open(prefix: &Path, sought: u32, count: u32) -> Vec<Shard> {
    let name = prefix
        .file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    (0..sought)
        .map(|i| {
            let file = format!("{name}.data-{i:05}-of-{count:05}");
            let data = map_file(&prefix.with_file_name(&file)).ok();
            Shard {
                file,
                bytes: data.as_ref().map(|d| d.len() as u64),
                data,
            }
        })
        .collect()
}

/// The stored bytes of one entry or slice; the reason when they can't be had.
pub fn stored_bytes(
    shards: &[Shard],
    shard: i32,
    offset: i64,
    size: i64,
) -> std::result::Result<Bytes, String> {
    let found = usize::try_from(shard).ok().and_then(|i| shards.get(i));
    let Some(shard) = found else {
        return Err(format!("shard {shard} of {}", shards.len()));
    };
    let Some(data) = &shard.data else {
        return Err(format!("{} is missing", shard.file));
    };
    let end = offset
        .checked_add(size)
        .filter(|_| offset >= 0 && size >= 0);
    match end.and_then(|end| usize::try_from(end).ok()) {
        Some(end) if end <= data.len() => Ok(data.slice(offset as usize..end)),
        _ => Err(format!(
            "bytes {offset} to {} of {}, which has {}",
            offset.saturating_add(size),
            shard.file,
            data.len()
        )),
    }
}

/// Bytes of strings whose lengths are checked when a bundle is opened; the rest is checked when it is read.
const CHECKED_AT_ONCE: usize = 4 << 20;

/// Where values come from.
pub struct Source<'a> {
    pub index: &'a Index,
    shards: &'a [Shard],
    /// Bytes of strings that may still be checked at once: entries may share them.
    checkable: Cell<usize>,
    /// Bytes of numbers of the other byte order that may still be turned around: the same.
    swappable: Cell<usize>,
}

impl<'a> Source<'a> {
    pub fn new(index: &'a Index, shards: &'a [Shard]) -> Self {
        let stored = shards.iter().filter_map(|s| s.bytes).sum::<u64>();
        Source {
            index,
            shards,
            checkable: Cell::new(CHECKED_AT_ONCE),
            swappable: Cell::new(usize::try_from(stored).unwrap_or(usize::MAX)),
        }
    }

    /// Values of an entry as a handle on its bytes.
    pub fn values(&self, key: &str, entry: &pb::BundleEntryProto) -> TensorData {
        let shape = tensor::shape_or_scalar(entry.shape.as_ref());
        let dtype = tensor::dtype(entry.dtype).0;
        let data = if entry.slices.is_empty() {
            self.plain(entry, dtype, &shape)
        } else {
            self.sliced(key, entry, dtype, &shape)
        };
        data.unwrap_or_else(|reason| TensorData::Missing(reason.into()))
    }

    fn plain(
        &self,
        entry: &pb::BundleEntryProto,
        dtype: DType,
        shape: &Shape,
    ) -> std::result::Result<TensorData, String> {
        let bytes = stored_bytes(self.shards, entry.shard_id, entry.offset, entry.size)?;
        let count = shape
            .elements()
            .ok_or_else(|| format!("shape {shape} has no number of elements"))?;
        if dtype == DType::String {
            let strings = PackedStrings {
                bytes,
                count,
                gap: LENGTHS_CHECKSUM,
            };
            if spend(&self.checkable, strings.bytes.len()) {
                strings.check().map_err(|e| e.what().to_owned())?;
            }
            return Ok(TensorData::Packed(strings));
        }
        let size = dtype
            .size()
            .ok_or_else(|| format!("values of type {dtype} can only be counted"))?;
        if count.checked_mul(size) != Some(bytes.len()) {
            return Err(format!(
                "{dtype} {shape} needs {} bytes, the entry has {}",
                count.saturating_mul(size),
                bytes.len()
            ));
        }
        if !self.index.big_endian {
            return Ok(TensorData::plain(bytes));
        }
        match spend(&self.swappable, bytes.len()) {
            true => Ok(TensorData::plain(swapped(
                &bytes,
                number_width(dtype, size),
            ))),
            false => Err("entries of a big-endian checkpoint overlap".to_owned()),
        }
    }

    fn sliced(
        &self,
        key: &str,
        entry: &pb::BundleEntryProto,
        dtype: DType,
        shape: &Shape,
    ) -> std::result::Result<TensorData, String> {
        let sizes = shape
            .fixed()
            .ok_or_else(|| format!("shape {shape} has no number of elements"))?;
        let mut parts = Vec::with_capacity(entry.slices.len());
        for slice in &entry.slices {
            let extents = extents(slice, &sizes).ok_or("a slice leads outside the tensor")?;
            let (_, stored) = slice_entry(self.index, key, slice)
                .ok_or_else(|| format!("the entry of slice {extents:?} is missing"))?;
            let lengths: Vec<usize> = extents.iter().map(|e| e.1).collect();
            let data = self.plain(stored, dtype, &Shape::of(&lengths))?;
            parts.push(Part { extents, data });
        }
        if !tiles(&parts, &sizes) {
            return Err("the slices overlap or leave gaps".to_owned());
        }
        Ok(TensorData::Parts(Arc::from(parts)))
    }
}

/// Takes `amount` from a budget, if there is as much.
fn spend(budget: &Cell<usize>, amount: usize) -> bool {
    let left = budget.get().checked_sub(amount);
    budget.set(left.unwrap_or(budget.get()));
    left.is_some()
}

/// Complex numbers are two numbers each.
fn number_width(dtype: DType, size: usize) -> usize {
    match dtype {
        DType::Complex64 | DType::Complex128 => size / 2,
        _ => size,
    }
}

fn swapped(bytes: &Bytes, width: usize) -> Bytes {
    let mut out = BytesMut::with_capacity(bytes.len());
    for number in bytes.chunks_exact(width) {
        out.extend(number.iter().rev());
    }
    out.freeze()
}

/// Start and length per dimension; `None` when that is no block of a tensor of these sizes.
pub fn extents(slice: &pb::TensorSliceProto, sizes: &[usize]) -> Option<Vec<(usize, usize)>> {
    if slice.extent.len() != sizes.len() {
        return None;
    }
    slice
        .extent
        .iter()
        .zip(sizes)
        .map(|(extent, &size)| {
            let start = usize::try_from(extent.start).ok()?;
            let length = match extent.length {
                Some(length) => usize::try_from(length).ok()?,
                None => size.checked_sub(start)?,
            };
            (start.checked_add(length)? <= size).then_some((start, length))
        })
        .collect()
}

fn slice_entry<'a>(
    index: &'a Index,
    key: &str,
    slice: &pb::TensorSliceProto,
) -> Option<(Vec<u8>, &'a pb::BundleEntryProto)> {
    let extents: Vec<(i64, i64)> = slice
        .extent
        .iter()
        .map(|e| (e.start, e.length.unwrap_or(-1)))
        .collect();
    let key = slice_key(key, &extents)?;
    let entry = index.slices.get(&key)?;
    Some((key, entry))
}

/// Where the slices of a partitioned tensor are, for people and for checksums.
pub fn slices(index: &Index, key: &str, entry: &pb::BundleEntryProto) -> Vec<VariableSlice> {
    let sizes = tensor::shape_or_scalar(entry.shape.as_ref()).fixed();
    entry
        .slices
        .iter()
        .filter_map(|slice| {
            let extents = extents(slice, sizes.as_deref()?)?;
            let (key, stored) = slice_entry(index, key, slice)?;
            Some(VariableSlice {
                key,
                extents: extents.iter().map(|&(s, l)| (s as u64, l as u64)).collect(),
                shard: u32::try_from(stored.shard_id).unwrap_or(u32::MAX),
                offset: u64::try_from(stored.offset).unwrap_or(u64::MAX),
                bytes: u64::try_from(stored.size).unwrap_or(0),
                crc32c: stored.crc32c.map(super::table::unmask),
            })
        })
        .collect()
}

/// No two blocks overlap and their sizes add up to the whole: then they leave no gap.
fn tiles(parts: &[Part], sizes: &[usize]) -> bool {
    let sum = parts.iter().try_fold(0usize, |sum, part| {
        let lengths: Vec<usize> = part.extents.iter().map(|e| e.1).collect();
        sum.checked_add(element_count(&lengths)?)
    });
    if sum.is_none() || sum != element_count(sizes) {
        return false;
    }
    // Sorted by start; partitioners cut one dimension, so that this is linear for every real file. A file that
    // cuts several has few parts; the bound keeps a hostile one from costing their square.
    const MOST_PAIRS: usize = 10_000_000;
    let mut order: Vec<&Part> = parts
        .iter()
        .filter(|p| p.extents.iter().all(|e| e.1 > 0))
        .collect();
    sort::by(&mut order, |a, b| a.extents.cmp(&b.extents));
    let mut pairs = 0;
    for (i, a) in order.iter().enumerate() {
        for b in &order[i + 1..] {
            pairs += 1;
            let apart =
                |(x, y): (&(usize, usize), &(usize, usize))| x.0 + x.1 <= y.0 || y.0 + y.1 <= x.0;
            let first_apart = match (a.extents.first(), b.extents.first()) {
                (Some(x), Some(y)) => x.0 + x.1 <= y.0,
                _ => false,
            };
            if first_apart {
                break;
            }
            if pairs > MOST_PAIRS || !a.extents.iter().zip(&b.extents).any(apart) {
                return false;
            }
        }
    }
    true
}

/// Bytes between two looks at whether one should stop.
const PIECE: usize = 4 << 20;

/// The checksum that TensorFlow stores for an entry. Strings and variants are summed with their lengths in
/// fixed width and with the checksums between them (tensor_bundle.cc, WriteStringTensor); everything else, and what
/// has not the structure of its type, as it stands. Steps the progress by each byte.
///
/// # Errors
/// Only when stopped.
pub fn checksum(dtype: DType, shape: &Shape, bytes: &Bytes, progress: &Progress) -> Result<u32> {
    let count = shape.elements().unwrap_or(0);
    let structured = match dtype {
        DType::String => strings_checksum(bytes, count).ok(),
        DType::Variant => variants_checksum(bytes.clone(), count).ok(),
        _ => None,
    };
    if let Some(found) = structured {
        progress.step(bytes.len() as u64)?;
        return Ok(found);
    }
    let mut found = 0;
    for piece in bytes.chunks(PIECE) {
        found = crc32c::crc32c_append(found, piece);
        progress.step(piece.len() as u64)?;
    }
    Ok(found)
}

fn strings_checksum(bytes: &Bytes, count: usize) -> Result<u32> {
    let cut_off = |_| Error::unreadable("the lengths of the strings are cut off");
    let mut rest = bytes.clone();
    let mut crc = 0;
    for _ in 0..count.min(bytes.len()) {
        let length = prost::encoding::decode_varint(&mut rest).map_err(cut_off)?;
        crc = match u32::try_from(length) {
            Ok(length) => crc32c::crc32c_append(crc, &length.to_le_bytes()),
            Err(_) => crc32c::crc32c_append(crc, &length.to_le_bytes()),
        };
    }
    // The stored checksum of the lengths, then the content.
    Ok(crc32c::crc32c_append(crc, &rest))
}

fn variants_checksum(mut rest: Bytes, count: usize) -> Result<u32> {
    let cut_off = || Error::unreadable("a variant is cut off");
    let mut crc = 0;
    for _ in 0..count.min(rest.len()) {
        let length = prost::encoding::decode_varint(&mut rest).map_err(|_| cut_off())?;
        let whole = usize::try_from(length)
            .ok()
            .and_then(|l| l.checked_add(LENGTHS_CHECKSUM))
            .filter(|whole| *whole <= rest.len())
            .ok_or_else(cut_off)?;
        let mut piece = BytesMut::with_capacity(8);
        piece.put_u64_le(length);
        crc = crc32c::crc32c_append(crc, &piece);
        crc = crc32c::crc32c_append(crc, &rest.split_to(whole));
    }
    Ok(crc)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_summed_as_tensorflow_sums_them() {
        let bytes = Bytes::from_static(b"\x02\x00\x03\x1b\x42\x8b\xcaabxyz");
        let shape = Shape::of(&[3]);
        assert_eq!(
            checksum(DType::String, &shape, &bytes, &Progress::new()).unwrap(),
            0xe11c_4ea0
        );
        let strings = PackedStrings {
            bytes,
            count: 3,
            gap: LENGTHS_CHECKSUM,
        };
        let mut all = Vec::new();
        strings.for_each(|string| all.push(string)).unwrap();
        assert_eq!(all, [&b"ab"[..], b"", b"xyz"]);
    }

    #[test]
    fn blocks_tile_or_they_don_t() {
        let part = |extents: &[(usize, usize)]| Part {
            extents: extents.to_vec(),
            data: TensorData::plain(Vec::new()),
        };
        let quarters = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(i, j)| part(&[(i, 1), (j, 1)]));
        assert!(tiles(&quarters, &[2, 2]));
        assert!(!tiles(&quarters[1..], &[2, 2]));
        assert!(!tiles(&[part(&[(0, 2)]), part(&[(1, 2)])], &[4]));
        assert!(tiles(&[part(&[(2, 2)]), part(&[(0, 2)])], &[4]));
    }

    #[test]
    fn big_endian_numbers_are_turned_around() {
        let bytes = Bytes::from_static(&[0, 1, 2, 3]);
        assert_eq!(&swapped(&bytes, 2)[..], [1, 0, 3, 2]);
    }
}

//! Handles on stored values. Holding one reads nothing; asking for a [`Tensor`] does.

use std::sync::Arc;

use bytes::{Buf, Bytes};

use super::dtype::DType;
use super::shape::element_count;
use super::sparse::Sparse;
use super::tensor::{Tensor, expect_bytes};
use crate::error::{Error, Result};

/// Where the values of a constant or a variable are.
#[derive(Debug, Clone)]
pub enum TensorData {
    /// Row-major little-endian bytes as the file has them: a slice of a memory map or owned.
    /// Sub-byte types are packed when `packed` (low bits first), else one byte per element.
    Bytes { bytes: Bytes, packed: bool },
    /// `values` hold the first elements, the last of them repeats up to the element count; empty = zeros.
    /// Little-endian, one element after another.
    Repeated(Bytes),
    /// String elements; the last repeats as above.
    Strings(Arc<[Bytes]>),
    /// String elements as a checkpoint holds them, not yet looked at.
    Packed(PackedStrings),
    /// A partitioned tensor: blocks that tile it, joined when the values are read.
    Parts(Arc<[Part]>),
    /// Only the values that are not zero, and where they belong.
    Sparse(Arc<Sparse>),
    /// The values should be there and are not, or can't be read; the reason for people.
    Missing(Arc<str>),
}

/// The lengths of all strings as varints, some bytes of checksum, then the strings one after another.
#[derive(Debug, Clone)]
pub struct PackedStrings {
    pub bytes: Bytes,
    pub count: usize,
    /// Bytes between lengths and strings.
    pub gap: usize,
}

impl PackedStrings {
    /// Calls `each` with every string in its order.
    ///
    /// # Errors
    /// As [`PackedStrings::check`]; then `each` was not called.
    pub fn for_each(&self, mut each: impl FnMut(Bytes)) -> Result<()> {
        let mut content = self.check()?;
        let mut lengths = self.bytes.clone();
        for at in 0..self.count {
            // Their sum is the length of the content.
            each(content.split_to(length(&mut lengths, at)? as usize));
        }
        Ok(())
    }

    /// The strings one after another.
    ///
    /// # Errors
    /// Lengths that are cut off, or that don't add up to the bytes that follow.
    pub fn check(&self) -> Result<Bytes> {
        let have = self.bytes.len();
        if self.count > have {
            return Err(Error::unreadable(format!(
                "{} strings in {have} bytes",
                self.count
            )));
        }
        let mut lengths = self.bytes.clone();
        let mut total = 0u64;
        for at in 0..self.count {
            total = total.saturating_add(length(&mut lengths, at)?);
        }
        let mut content = lengths;
        if content.len() < self.gap {
            return Err(Error::unreadable("the checksum of the lengths is cut off"));
        }
        content.advance(self.gap);
        if total != content.len() as u64 {
            return Err(Error::unreadable(format!(
                "the strings should have {total} bytes, there are {}",
                content.len()
            )));
        }
        Ok(content)
    }
}

/// The next varint.
fn length(bytes: &mut Bytes, at: usize) -> Result<u64> {
    prost::encoding::decode_varint(bytes)
        .map_err(|_| Error::unreadable(format!("the length of string {at} is cut off")))
}

/// One block of a partitioned tensor.
#[derive(Debug, Clone)]
pub struct Part {
    /// Where the block begins and how long it is, per dimension.
    pub extents: Vec<(usize, usize)>,
    pub data: TensorData,
}

impl TensorData {
    pub fn plain(bytes: impl Into<Bytes>) -> Self {
        TensorData::Bytes {
            bytes: bytes.into(),
            packed: false,
        }
    }

    /// Of a tensor's values, copied.
    pub fn of(tensor: &Tensor) -> Self {
        match tensor.strings() {
            Some(strings) => {
                TensorData::Strings(strings.iter().map(|s| Bytes::copy_from_slice(s)).collect())
            }
            None => Self::plain(tensor.bytes().unwrap_or_default().to_vec()),
        }
    }

    /// Bytes that the values take in the file.
    pub fn stored_bytes(&self) -> usize {
        match self {
            TensorData::Bytes { bytes, .. } | TensorData::Repeated(bytes) => bytes.len(),
            TensorData::Strings(strings) => strings.iter().map(Bytes::len).sum(),
            TensorData::Packed(strings) => strings.bytes.len(),
            TensorData::Parts(parts) => parts.iter().map(|p| p.data.stored_bytes()).sum(),
            TensorData::Sparse(sparse) => sparse.values.len(),
            TensorData::Missing(_) => 0,
        }
    }

    /// Reads the values. Allocates for `shape` only when the file holds that many values, or when a repeated
    /// value of at most `REPEAT_LIMIT` bytes in all, or a few times what is stored, stands for them.
    pub fn read(&self, dtype: DType, shape: &[usize]) -> Result<Tensor> {
        let count = element_count(shape).ok_or_else(|| {
            Error::unreadable(format!("shape {shape:?} has more than 2^64 elements"))
        })?;
        match self {
            TensorData::Missing(reason) => Err(Error::unreadable(reason.to_string())),
            TensorData::Parts(parts) => join(parts, dtype, shape, count),
            TensorData::Sparse(sparse) => {
                let whole = sparse.read(dtype)?;
                match whole.len() == count {
                    true => Ok(whole.reshaped(shape)),
                    false => Err(Error::unreadable(format!(
                        "a sparse constant of {:?} is no {shape:?}",
                        sparse.shape
                    ))),
                }
            }
            TensorData::Strings(strings) => {
                let last = strings.last().cloned().unwrap_or_default();
                let each = size_of::<Vec<u8>>() + last.len();
                repeat_limit(count, each, self.stored_bytes())?;
                let all = (0..count)
                    .map(|i| strings.get(i).unwrap_or(&last).to_vec())
                    .collect();
                Ok(Tensor::from_strings(shape, all))
            }
            TensorData::Packed(strings) => {
                if strings.count != count {
                    return Err(Error::unreadable(format!(
                        "{} strings for the shape {shape:?}",
                        strings.count
                    )));
                }
                let mut all = Vec::new();
                strings.for_each(|string| all.push(string.to_vec()))?;
                Ok(Tensor::from_strings(shape, all))
            }
            TensorData::Bytes { bytes, packed } if *packed && dtype.bits() < 8 => {
                unpack(dtype, shape, count, bytes)
            }
            TensorData::Bytes { bytes, .. } => {
                Tensor::from_bytes(dtype, shape, bytes).map_err(|e| Error::unreadable(e.what()))
            }
            TensorData::Repeated(values) => {
                let size = dtype.size().ok_or_else(|| {
                    Error::unreadable(format!("a {dtype} constant has no plain values"))
                })?;
                repeat_limit(count, size, values.len())?;
                let mut tensor = Tensor::zeros(dtype, shape)?;
                if let Some(out) = tensor.bytes_mut() {
                    let given = values.len().min(out.len());
                    out[..given].copy_from_slice(&values[..given]);
                    if values.len() >= size {
                        let last = &values[values.len() - size..];
                        for element in out[given..].chunks_exact_mut(size) {
                            element.copy_from_slice(last);
                        }
                    }
                }
                Ok(tensor)
            }
        }
    }

    /// Calls `each` with the values in their order and the index of the first: flat pieces of a few megabytes where they
    /// are stored plainly, else all at once.
    ///
    /// # Errors
    /// As [`TensorData::read`], and what `each` gives.
    pub fn pieces(
        &self,
        dtype: DType,
        shape: &[usize],
        mut each: impl FnMut(usize, &Tensor) -> Result<()>,
    ) -> Result<()> {
        let plain = match self {
            TensorData::Bytes { bytes, packed } if !*packed || dtype.bits() >= 8 => {
                dtype.size().map(|size| (bytes, size))
            }
            _ => None,
        };
        let Some((bytes, size)) = plain else {
            return each(0, &self.read(dtype, shape)?);
        };
        let damaged = |e: Error| Error::unreadable(e.what());
        expect_bytes(dtype, shape, bytes.len()).map_err(damaged)?;
        let count = (PIECE / size).max(1);
        for (at, piece) in bytes.chunks(count * size).enumerate() {
            let flat = [piece.len() / size];
            each(at * count, &Tensor::from_bytes(dtype, &flat, piece)?)?;
        }
        Ok(())
    }
}

/// Bytes that [`TensorData::pieces`] reads at a time.
const PIECE: usize = 4 << 20;

/// A file of a few bytes may claim any number of repeated values; past this many bytes it is taken to be damaged.
const REPEAT_LIMIT: usize = 1 << 25;
/// Unless it holds at least one in so many of them.
const REPEAT_GROWTH: usize = 32;

/// Refuses to make `count` elements of `size` bytes out of `stored` bytes that can't mean so much.
pub(super) fn repeat_limit(count: usize, size: usize, stored: usize) -> Result<()> {
    let most = REPEAT_LIMIT.max(stored.saturating_mul(REPEAT_GROWTH));
    match count.checked_mul(size) {
        Some(bytes) if bytes <= most => Ok(()),
        _ => Err(Error::unreadable(format!(
            "{stored} stored bytes stand for {count} elements, more than {most} bytes of them"
        ))),
    }
}

/// The tensor that `parts` tile. Their element counts have to add up, so that nothing is allocated that is not stored.
fn join(parts: &[Part], dtype: DType, shape: &[usize], count: usize) -> Result<Tensor> {
    let sizes = |part: &Part| -> Vec<usize> { part.extents.iter().map(|e| e.1).collect() };
    let stored = parts.iter().try_fold(0usize, |sum, part| {
        sum.checked_add(element_count(&sizes(part))?)
    });
    if stored != Some(count) {
        return Err(Error::unreadable(format!(
            "the parts of a tensor of shape {shape:?} don't add up to it"
        )));
    }
    let blocks: Vec<(&Part, Tensor)> = parts
        .iter()
        .map(|part| Ok((part, part.data.read(dtype, &sizes(part))?)))
        .collect::<Result<_>>()?;
    let mut whole = Tensor::zeros(dtype, shape)?;
    for (part, block) in &blocks {
        let start: Vec<usize> = part.extents.iter().map(|e| e.0).collect();
        whole.paste(block, &start)?;
    }
    Ok(whole)
}

fn unpack(dtype: DType, shape: &[usize], count: usize, bytes: &[u8]) -> Result<Tensor> {
    let bits = dtype.bits();
    if dtype.packed_bytes(count) != Some(bytes.len()) {
        return Err(Error::unreadable(format!(
            "{dtype} {shape:?} needs {} bytes, found {}",
            dtype.packed_bytes(count).unwrap_or(usize::MAX),
            bytes.len()
        )));
    }
    let per_byte = 8 / bits;
    let signed = matches!(dtype, DType::Int4 | DType::Int2);
    let values: Vec<u8> = (0..count)
        .map(|i| {
            let raw = (bytes[i / per_byte] >> (i % per_byte * bits)) & ((1 << bits) - 1);
            if signed {
                let shift = 8 - bits as u32;
                (((raw << shift) as i8) >> shift) as u8
            } else {
                raw
            }
        })
        .collect();
    Tensor::from_bytes(dtype, shape, &values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_repeats() {
        let data = TensorData::Repeated(Bytes::copy_from_slice(bytemuck::cast_slice(&[1i32, 7])));
        let tensor = data.read(DType::Int32, &[4]).unwrap();
        assert_eq!(tensor.values::<i32>().unwrap(), [1, 7, 7, 7]);
    }

    #[test]
    fn pieces_are_the_whole() {
        let values: Vec<f32> = (0..PIECE / 2).map(|v| v as f32).collect();
        let plain = TensorData::plain(bytemuck::cast_slice(&values).to_vec());
        let mut seen: Vec<f32> = Vec::new();
        let mut calls = 0;
        let see = |start: usize, piece: &Tensor| {
            assert_eq!(start, seen.len());
            seen.extend(piece.values::<f32>().unwrap());
            calls += 1;
            Ok(())
        };
        plain.pieces(DType::Float32, &[2, PIECE / 4], see).unwrap();
        assert_eq!((seen == values, calls), (true, 2));
        assert!(plain.pieces(DType::Float32, &[7], |_, _| Ok(())).is_err());
        let repeated = TensorData::Repeated(Bytes::from_static(&[5]));
        let mut seen = Vec::new();
        repeated
            .pieces(DType::Int8, &[3], |_, piece| {
                seen = piece.numbers();
                Ok(())
            })
            .unwrap();
        assert_eq!(seen, [5.0; 3]);
    }

    #[test]
    fn int4_is_low_nibble_first_and_signed() {
        let data = TensorData::Bytes {
            bytes: Bytes::from_static(&[0xe1, 0x73, 0x08]),
            packed: true,
        };
        let tensor = data.read(DType::Int4, &[5]).unwrap();
        assert_eq!(tensor.values::<i8>().unwrap(), [1, -2, 3, 7, -8]);
    }

    #[test]
    fn parts_are_joined_where_they_belong() {
        let part = |start: usize, values: &[i16]| Part {
            extents: vec![(0, 2), (start, values.len() / 2)],
            data: TensorData::plain(bytemuck::cast_slice(values).to_vec()),
        };
        let data = TensorData::Parts([part(1, &[2, 3, 5, 6]), part(0, &[1, 4])].into());
        let tensor = data.read(DType::Int16, &[2, 3]).unwrap();
        assert_eq!(tensor.values::<i16>().unwrap(), [1, 2, 3, 4, 5, 6]);
        assert!(data.read(DType::Int16, &[2, 4]).is_err());
        assert!(data.read(DType::Int16, &[6]).is_err());
        let part = tensor.cut(&[(1, 1), (0, 2)]).unwrap();
        assert_eq!(part.values::<i16>().unwrap(), [4, 5]);
    }

    #[test]
    fn a_claim_of_a_trillion_repeated_values_is_refused() {
        let data = TensorData::Repeated(Bytes::from_static(&[0, 0, 0, 0]));
        assert!(data.read(DType::Float32, &[1_000_000, 1_000_000]).is_err());
    }
}

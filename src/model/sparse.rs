//! How sparse constants are packed, and what they stand for.
//!
//! A packing walks the dimensions in `traversal_order`: n dimensions of the tensor, then k blocks that split some of them
//! (numbers n to n + k - 1, block i splits dimension `block_map[i]`). Each level of the walk is dense, or lists the
//! places that are there (compressed rows: segments and indices). The places of the last level are the stored values, in
//! order (schema of TensorFlow Lite, SparsityParameters; the checks are those of its verifier).

use std::fmt;

use bytes::Bytes;

use super::data::{TensorData, repeat_limit};
use super::dtype::DType;
use super::shape::element_count;
use super::tensor::Tensor;
use crate::error::{Error, Result};

/// The packing of a sparse constant (the schema's SparsityParameters).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sparsity {
    pub traversal_order: Vec<i32>,
    pub block_map: Vec<i32>,
    /// One per entry of the traversal order.
    pub dims: Vec<SparseDim>,
}

/// One level of the walk (the schema's DimensionMetadata). Segments and indices belong to compressed levels, the size to
/// dense ones; files may have them where they mean nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SparseDim {
    pub format: DimFormat,
    pub dense_size: i32,
    pub segments: Option<SparseIndices>,
    pub indices: Option<SparseIndices>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DimFormat {
    #[default]
    Dense,
    SparseCsr,
    /// A number that this program has no name for.
    Unknown(i8),
}

impl fmt::Display for DimFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DimFormat::Dense => f.write_str("DENSE"),
            DimFormat::SparseCsr => f.write_str("SPARSE_CSR"),
            DimFormat::Unknown(number) => write!(f, "{number}"),
        }
    }
}

/// Indices in the width in which the file has them.
#[derive(Debug, Clone, PartialEq)]
pub enum SparseIndices {
    Int32(Vec<i32>),
    Uint16(Vec<u16>),
    Uint8(Vec<u8>),
    /// The tag of a kind that this program has no name for.
    Unknown(u8),
}

/// A constant in its packed form.
#[derive(Debug, Clone)]
pub struct Sparse {
    /// The stored values, little-endian; sub-byte types are packed.
    pub values: Bytes,
    /// Sizes of the whole tensor.
    pub shape: Vec<usize>,
    pub form: Sparsity,
}

impl SparseDim {
    pub fn dense(size: i32) -> Self {
        SparseDim {
            dense_size: size,
            ..SparseDim::default()
        }
    }

    pub fn csr(segments: SparseIndices, indices: SparseIndices) -> Self {
        SparseDim {
            format: DimFormat::SparseCsr,
            dense_size: 0,
            segments: Some(segments),
            indices: Some(indices),
        }
    }
}

impl SparseIndices {
    pub fn len(&self) -> usize {
        match self {
            SparseIndices::Int32(all) => all.len(),
            SparseIndices::Uint16(all) => all.len(),
            SparseIndices::Uint8(all) => all.len(),
            SparseIndices::Unknown(_) => 0,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Index `at`; `None` where there is none, or a negative one.
    fn get(&self, at: usize) -> Option<usize> {
        match self {
            SparseIndices::Int32(all) => usize::try_from(*all.get(at)?).ok(),
            SparseIndices::Uint16(all) => all.get(at).map(|&v| v.into()),
            SparseIndices::Uint8(all) => all.get(at).map(|&v| v.into()),
            SparseIndices::Unknown(_) => None,
        }
    }
}

impl Sparse {
    /// The whole tensor, zeros where nothing is stored.
    ///
    /// # Errors
    /// A packing that contradicts itself, the shape or the number of stored values.
    pub fn read(&self, dtype: DType) -> Result<Tensor> {
        let size = dtype
            .size()
            .ok_or_else(|| Error::unreadable(format!("a sparse constant of {dtype}")))?;
        let count = element_count(&self.shape).ok_or_else(|| {
            Error::unreadable(format!(
                "shape {:?} has more than 2^64 elements",
                self.shape
            ))
        })?;
        if count == 0 {
            return Tensor::zeros(dtype, &self.shape);
        }
        repeat_limit(count, size, self.values.len())?;
        let places = self.places(count.min(self.told(dtype)))?;
        let stored = TensorData::Bytes {
            bytes: self.values.clone(),
            packed: dtype.bits() < 8,
        };
        let stored = stored
            .read(dtype, &[places.len()])
            .map_err(|e| Error::unreadable(e.what()).at("values"))?;
        let mut whole = Tensor::zeros(dtype, &self.shape)?;
        if let (Some(out), Some(values)) = (whole.bytes_mut(), stored.bytes()) {
            for (value, place) in values.chunks_exact(size).zip(places) {
                let at = place * size;
                if let Some(cell) = out.get_mut(at..at + size) {
                    cell.copy_from_slice(value);
                }
            }
        }
        Ok(whole)
    }

    /// Most places that a level of the walk can have: each has a value, or a segment of the next level.
    fn told(&self, dtype: DType) -> usize {
        let values = self.values.len().saturating_mul(8) / dtype.bits().max(1);
        let segments = self
            .form
            .dims
            .iter()
            .filter_map(|dim| dim.segments.as_ref());
        values.saturating_add(segments.map(SparseIndices::len).sum())
    }

    /// Row-major position of each stored value; at most `most` places at any level.
    fn places(&self, most: usize) -> Result<Vec<usize>> {
        let mut places = vec![0usize];
        for (at, (level, dim)) in self.levels()?.iter().zip(&self.form.dims).enumerate() {
            let mut next = Vec::new();
            let wrong =
                |what: String| Error::unreadable(what).at(format_args!("dim_metadata[{at}]"));
            match dim.format {
                DimFormat::Dense => {
                    if usize::try_from(dim.dense_size) != Ok(level.size) {
                        let found = dim.dense_size;
                        return Err(wrong(format!(
                            "dense_size {found}, expected {}",
                            level.size
                        )));
                    }
                    if places
                        .len()
                        .checked_mul(level.size)
                        .is_none_or(|n| n > most)
                    {
                        return Err(wrong("more places than elements or values".to_owned()));
                    }
                    for place in places {
                        next.extend((0..level.size).map(|j| place + j * level.stride));
                    }
                }
                DimFormat::SparseCsr => {
                    level.compressed(dim, &places, &mut next).map_err(wrong)?;
                }
                DimFormat::Unknown(number) => {
                    return Err(wrong(format!("the unknown format {number}")));
                }
            }
            places = next;
        }
        Ok(places)
    }

    /// Size and stride of each level of the walk.
    fn levels(&self) -> Result<Vec<Level>> {
        let rank = self.shape.len();
        let Sparsity {
            traversal_order: order,
            block_map,
            dims,
        } = &self.form;
        let wrong = |what: &str| Error::unreadable(format!("{what} of a sparse constant"));
        let levels = rank + block_map.len();
        let order: Vec<usize> = order
            .iter()
            .map(|&d| usize::try_from(d).unwrap_or(usize::MAX))
            .collect();
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if sorted != (0..levels).collect::<Vec<_>>() || dims.len() != levels {
            return Err(wrong(
                "traversal_order or dim_metadata are not as many as the levels",
            ));
        }
        let mut strides = vec![1usize; rank];
        for d in (1..rank).rev() {
            strides[d - 1] = strides[d].saturating_mul(self.shape[d]);
        }
        // What each dimension is split into, and by what.
        let mut sizes = self.shape.clone();
        let mut blocks = vec![1usize; rank];
        let mut inner = Vec::new();
        for (i, &dim) in block_map.iter().enumerate() {
            let level = order.iter().position(|&d| d == rank + i);
            let block = level
                .and_then(|l| usize::try_from(dims[l].dense_size).ok())
                .filter(|&b| b > 0)
                .ok_or_else(|| wrong("a block without a size"))?;
            let dim = usize::try_from(dim)
                .ok()
                .filter(|&d| d < rank && blocks[d] == 1 && sizes[d].is_multiple_of(block))
                .ok_or_else(|| wrong("a block_map that does not fit the shape"))?;
            sizes[dim] /= block;
            blocks[dim] = block;
            inner.push(Level {
                size: block,
                stride: strides[dim],
            });
        }
        Ok(order
            .iter()
            .map(|&d| match d.checked_sub(rank) {
                Some(block) => inner[block],
                None => Level {
                    size: sizes[d],
                    stride: strides[d] * blocks[d],
                },
            })
            .collect())
    }
}

#[derive(Clone, Copy)]
struct Level {
    size: usize,
    stride: usize,
}

impl Level {
    /// Segment i of the indices lists the places below place i.
    fn compressed(
        &self,
        dim: &SparseDim,
        places: &[usize],
        next: &mut Vec<usize>,
    ) -> std::result::Result<(), String> {
        let (Some(segments), Some(indices)) = (&dim.segments, &dim.indices) else {
            return Err("a compressed level without segments or indices".to_owned());
        };
        if segments.len() != places.len() + 1 {
            let found = segments.len();
            return Err(format!("{found} segments for {} places", places.len()));
        }
        if segments.get(0) != Some(0) || segments.get(places.len()) != Some(indices.len()) {
            return Err(format!(
                "segments that do not span the {} indices",
                indices.len()
            ));
        }
        for (i, place) in places.iter().enumerate() {
            let (Some(from), Some(to)) = (segments.get(i), segments.get(i + 1)) else {
                return Err("a negative segment".to_owned());
            };
            if from > to || to > indices.len() {
                return Err(format!("segment {i} runs from {from} to {to}"));
            }
            for at in from..to {
                let index = indices.get(at).filter(|&index| index < self.size);
                let index = index.ok_or_else(|| {
                    format!("index {at} lies outside a dimension of {}", self.size)
                })?;
                next.push(place + index * self.stride);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn blocks_go_where_they_belong() {
        let values: Vec<i8> = (1..=12).collect();
        let sparse = Sparse {
            values: Bytes::copy_from_slice(bytemuck::cast_slice(&values)),
            shape: vec![4, 4],
            form: Sparsity {
                traversal_order: vec![0, 1, 2, 3],
                block_map: vec![0, 1],
                dims: vec![
                    SparseDim::dense(2),
                    SparseDim::csr(
                        SparseIndices::Uint8(vec![0, 2, 3]),
                        SparseIndices::Uint16(vec![0, 1, 1]),
                    ),
                    SparseDim::dense(2),
                    SparseDim::dense(2),
                ],
            },
        };
        let dense = sparse.read(DType::Int8).unwrap();
        assert_eq!(
            dense.values::<i8>().unwrap(),
            [1, 2, 5, 6, 3, 4, 7, 8, 0, 0, 9, 10, 0, 0, 11, 12]
        );
        let mut cut = sparse.clone();
        cut.values = cut.values.slice(1..);
        insta::assert_snapshot!(cut.read(DType::Int8).unwrap_err(), @"values: int8 [12] needs 12 bytes, found 11");
        let mut wild = sparse;
        wild.form.dims[1].indices = Some(SparseIndices::Int32(vec![0, 1, 2]));
        insta::assert_snapshot!(wild.read(DType::Int8).unwrap_err(), @"dim_metadata[1]: index 2 lies outside a dimension of 2");
    }

    /// The rows of a matrix without their zeros.
    fn packed(rows: usize, columns: usize, values: &[i16]) -> Sparse {
        let (mut segments, mut indices, mut stored) = (vec![0], Vec::new(), Vec::new());
        for row in values.chunks(columns).take(rows) {
            for (column, value) in row.iter().enumerate().filter(|(_, v)| **v != 0) {
                indices.push(column as i32);
                stored.push(*value);
            }
            segments.push(indices.len() as i32);
        }
        Sparse {
            values: Bytes::copy_from_slice(bytemuck::cast_slice(&stored)),
            shape: vec![rows, columns],
            form: Sparsity {
                traversal_order: vec![0, 1],
                block_map: Vec::new(),
                dims: vec![
                    SparseDim::dense(rows as i32),
                    SparseDim::csr(
                        SparseIndices::Int32(segments),
                        SparseIndices::Int32(indices),
                    ),
                ],
            },
        }
    }

    proptest! {
        #[test]
        fn what_was_packed_unpacks(rows in 1usize..6, columns in 1usize..6, seed in prop::collection::vec(-2i16..3, 36)) {
            let values = &seed[..rows * columns];
            let dense = packed(rows, columns, values).read(DType::Int16).unwrap();
            prop_assert_eq!(dense.values::<i16>().unwrap(), values);
        }

        #[test]
        fn no_packing_panics(
            order in prop::collection::vec(-1i32..5, 0..5),
            blocks in prop::collection::vec(-1i32..3, 0..3),
            sizes in prop::collection::vec(-1i32..5, 0..5),
            indices in prop::collection::vec(-1i32..5, 0..6),
        ) {
            let dims = sizes.iter().map(|&size| match size % 2 {
                0 => SparseDim::dense(size),
                _ => SparseDim::csr(SparseIndices::Int32(indices.clone()), SparseIndices::Int32(indices.clone())),
            });
            let form = Sparsity { traversal_order: order, block_map: blocks, dims: dims.collect() };
            for shape in [vec![], vec![4], vec![2, 4], vec![4, 0]] {
                let sparse = Sparse { values: Bytes::from_static(&[1, 2, 3, 4]), shape, form: form.clone() };
                let _ = sparse.read(DType::Int8);
                let _ = sparse.read(DType::Int4);
            }
        }
    }
}

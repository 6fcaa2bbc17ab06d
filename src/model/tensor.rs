//! A concrete n-dimensional array: what goes into and comes out of a run.

use std::fmt;
use std::sync::Arc;

use bytemuck::{AnyBitPattern, NoUninit};

use super::dtype::DType;
use super::list::{TensorList, VariantKind};
use super::resource::Resource;
use super::shape::element_count;
use crate::error::{Error, Result};
use crate::memory::{self, AlignedBytes};

/// Row-major values with a type and sizes. Sub-byte integers take one byte each; bool is one byte, 0 or 1;
/// float16 and bfloat16 are their bits; complex numbers are (re, im) pairs; strings are bytes; resources are handles, variants are
/// lists of tensors or ragged tensors.
#[derive(Clone, PartialEq)]
pub struct Tensor {
    dtype: DType,
    shape: Vec<usize>,
    data: Data,
}

#[derive(Clone, PartialEq)]
enum Data {
    Bytes(AlignedBytes),
    Strings(Vec<Vec<u8>>),
    Handles(Vec<Resource>),
    Lists(Vec<Arc<TensorList>>),
}

/// A Rust type that stands for the elements of some [`DType`]s.
pub trait Element: NoUninit + AnyBitPattern {
    /// Whether values of this type are how `dtype` is held.
    fn holds(dtype: DType) -> bool;
    /// The type that a new tensor of these elements gets.
    const DTYPE: DType;
}

macro_rules! elements {
    ($($ty:ty => $main:ident $(| $also:ident)*;)*) => {
        $(impl Element for $ty {
            fn holds(dtype: DType) -> bool { matches!(dtype, DType::$main $(| DType::$also)*) }
            const DTYPE: DType = DType::$main;
        })*
    };
}

elements! {
    f32 => Float32; f64 => Float64;
    half::f16 => Float16; half::bf16 => BFloat16;
    i8 => Int8 | QInt8 | Int4 | Int2; u8 => UInt8 | QUInt8 | UInt4 | UInt2 | Bool;
    i16 => Int16 | QInt16; u16 => UInt16 | QUInt16;
    i32 => Int32 | QInt32; u32 => UInt32;
    i64 => Int64; u64 => UInt64;
    [f32; 2] => Complex64; [f64; 2] => Complex128;
}

impl Tensor {
    /// All zeros (empty strings, unset variants), in memory that the system gives when it is written.
    ///
    /// # Errors
    /// The type has no values, the size overflows, or there is no memory for it.
    pub fn zeros(dtype: DType, shape: &[usize]) -> Result<Self> {
        let count = element_count(shape)
            .ok_or_else(|| Error::usage(format!("shape {shape:?} has more than 2^64 elements")))?;
        let each = dtype.size().unwrap_or(size_of::<Vec<u8>>());
        let wanted = count.saturating_mul(each);
        let no_room = || memory::shortage(&format!("a tensor of {dtype} {shape:?}"), wanted);
        let data = match dtype {
            DType::String => Data::Strings(copies(count, Vec::new()).ok_or_else(no_room)?),
            DType::Variant => {
                let nothing = Arc::new(TensorList::nothing());
                Data::Lists(copies(count, nothing).ok_or_else(no_room)?)
            }
            _ => {
                let size = dtype
                    .size()
                    .ok_or_else(|| Error::unsupported(format!("{dtype} has no plain values")))?;
                let bytes = size.checked_mul(count).and_then(AlignedBytes::zeroed);
                Data::Bytes(bytes.ok_or_else(no_room)?)
            }
        };
        Ok(Tensor {
            dtype,
            shape: shape.to_vec(),
            data,
        })
    }

    /// From row-major values; panics when their number is not the product of `shape` (a bug of the caller).
    pub fn from_values<T: Element>(shape: &[usize], values: &[T]) -> Self {
        Self::typed(T::DTYPE, shape, values)
    }

    /// As [`Tensor::from_values`] under a type that `T` also stands for (bool, int4, qint8, …).
    pub fn typed<T: Element>(dtype: DType, shape: &[usize], values: &[T]) -> Self {
        assert!(T::holds(dtype), "{dtype} is not held in this Rust type");
        assert_eq!(
            element_count(shape),
            Some(values.len()),
            "values of {shape:?}"
        );
        Tensor {
            dtype,
            shape: shape.to_vec(),
            data: Data::Bytes(AlignedBytes::copy_of(bytemuck::cast_slice(values))),
        }
    }

    /// From row-major little-endian bytes (one byte per sub-byte element).
    pub fn from_bytes(dtype: DType, shape: &[usize], bytes: &[u8]) -> Result<Self> {
        expect_bytes(dtype, shape, bytes.len())?;
        memory::ask("a tensor", bytes.len())?;
        Tensor::from_memory(dtype, shape, AlignedBytes::copy_of(bytes))
    }

    /// As [`Tensor::from_bytes`], in the memory that the bytes have.
    pub fn from_memory(dtype: DType, shape: &[usize], bytes: AlignedBytes) -> Result<Self> {
        expect_bytes(dtype, shape, bytes.as_slice().len())?;
        Ok(Tensor {
            dtype,
            shape: shape.to_vec(),
            data: Data::Bytes(bytes),
        })
    }

    pub fn from_strings(shape: &[usize], strings: Vec<Vec<u8>>) -> Self {
        assert_eq!(
            element_count(shape),
            Some(strings.len()),
            "strings of {shape:?}"
        );
        Tensor {
            dtype: DType::String,
            shape: shape.to_vec(),
            data: Data::Strings(strings),
        }
    }

    /// A scalar that stands for `resource`.
    pub fn handle(resource: Resource) -> Self {
        Tensor {
            dtype: DType::Resource,
            shape: Vec::new(),
            data: Data::Handles(vec![resource]),
        }
    }

    /// A scalar that is a list.
    pub fn list(list: TensorList) -> Self {
        Tensor {
            dtype: DType::Variant,
            shape: Vec::new(),
            data: Data::Lists(vec![Arc::new(list)]),
        }
    }

    /// Fails when their number is not the product of `shape`.
    pub fn from_lists(shape: &[usize], lists: Vec<Arc<TensorList>>) -> Result<Self> {
        if element_count(shape) != Some(lists.len()) {
            return Err(Error::usage(format!(
                "{} lists can't be seen as {shape:?}",
                lists.len()
            )));
        }
        Ok(Tensor {
            dtype: DType::Variant,
            shape: shape.to_vec(),
            data: Data::Lists(lists),
        })
    }

    /// Fails when their number is not the product of `shape`.
    pub fn from_handles(shape: &[usize], handles: Vec<Resource>) -> Result<Self> {
        if element_count(shape) != Some(handles.len()) {
            return Err(Error::usage(format!(
                "{} handles can't be seen as {shape:?}",
                handles.len()
            )));
        }
        Ok(Tensor {
            dtype: DType::Resource,
            shape: shape.to_vec(),
            data: Data::Handles(handles),
        })
    }

    pub fn dtype(&self) -> DType {
        self.dtype
    }

    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        // Sizes before a 0 may be of any size, their product is none.
        element_count(&self.shape).unwrap_or(0)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same values under other sizes; panics when the counts differ (a bug of the caller).
    #[must_use]
    pub fn reshaped(mut self, shape: &[usize]) -> Self {
        assert_eq!(element_count(shape), Some(self.len()));
        self.shape = shape.to_vec();
        self
    }

    /// The values as a slice, if `T` stands for this tensor's type.
    pub fn values<T: Element>(&self) -> Option<&[T]> {
        match &self.data {
            Data::Bytes(bytes) if T::holds(self.dtype) => {
                Some(bytemuck::cast_slice(bytes.as_slice()))
            }
            _ => None,
        }
    }

    pub fn values_mut<T: Element>(&mut self) -> Option<&mut [T]> {
        match &mut self.data {
            Data::Bytes(bytes) if T::holds(self.dtype) => {
                Some(bytemuck::cast_slice_mut(bytes.as_mut_slice()))
            }
            _ => None,
        }
    }

    /// The row-major bytes; `None` for strings and resources.
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.data {
            Data::Bytes(bytes) => Some(bytes.as_slice()),
            _ => None,
        }
    }

    pub fn bytes_mut(&mut self) -> Option<&mut [u8]> {
        match &mut self.data {
            Data::Bytes(bytes) => Some(bytes.as_mut_slice()),
            _ => None,
        }
    }

    pub fn strings(&self) -> Option<&[Vec<u8>]> {
        match &self.data {
            Data::Strings(strings) => Some(strings),
            _ => None,
        }
    }

    pub fn handles(&self) -> Option<&[Resource]> {
        match &self.data {
            Data::Handles(handles) => Some(handles),
            _ => None,
        }
    }

    pub fn lists(&self) -> Option<&[Arc<TensorList>]> {
        match &self.data {
            Data::Lists(lists) => Some(lists),
            _ => None,
        }
    }

    /// The list of a scalar that is one.
    pub fn into_list(self) -> Option<Arc<TensorList>> {
        match self.data {
            Data::Lists(lists) => lists.into_iter().next(),
            _ => None,
        }
    }

    /// The block of `extents` (start and length per dimension).
    ///
    /// # Errors
    /// The block leads outside the tensor.
    pub fn cut(&self, extents: &[(usize, usize)]) -> Result<Tensor> {
        let (start, sizes): (Vec<usize>, Vec<usize>) = extents.iter().copied().unzip();
        let rows = block_rows(&sizes, &self.shape, &start)?;
        let width = sizes.last().copied().unwrap_or(1);
        let mut block = Tensor::zeros(self.dtype, &sizes)?;
        for (to, &from) in rows.iter().enumerate() {
            block.copy_run(to * width, self, from, width);
        }
        Ok(block)
    }

    /// Writes `block` into this tensor so that its first element lands at `start`.
    ///
    /// # Errors
    /// The block leads outside, or has another element type.
    pub fn paste(&mut self, block: &Tensor, start: &[usize]) -> Result<()> {
        if block.dtype != self.dtype {
            return Err(Error::usage(format!(
                "a block of {} in a tensor of {}",
                block.dtype, self.dtype
            )));
        }
        let rows = block_rows(&block.shape, &self.shape, start)?;
        let width = block.shape.last().copied().unwrap_or(1);
        for (from, &to) in rows.iter().enumerate() {
            self.copy_run(to, block, from * width, width);
        }
        Ok(())
    }

    /// `count` elements of `source` from element `from` to element `to` of this tensor.
    fn copy_run(&mut self, to: usize, source: &Tensor, from: usize, count: usize) {
        let size = self.dtype.size().unwrap_or(0);
        match (&mut self.data, &source.data) {
            (Data::Bytes(out), Data::Bytes(bytes)) => {
                let bytes = &bytes.as_slice()[from * size..(from + count) * size];
                out.as_mut_slice()[to * size..(to + count) * size].copy_from_slice(bytes);
            }
            (Data::Strings(out), Data::Strings(strings)) => {
                out[to..to + count].clone_from_slice(&strings[from..from + count]);
            }
            (Data::Lists(out), Data::Lists(lists)) => {
                out[to..to + count].clone_from_slice(&lists[from..from + count]);
            }
            // Tensors of one type have one sort of storage.
            _ => {}
        }
    }

    /// Element `index` as a number: integers and bools exactly where f64 holds them, the real part of complex
    /// numbers; `None` for strings and past the end.
    pub fn number(&self, index: usize) -> Option<f64> {
        macro_rules! first_that_fits {
            ($($ty:ty => $f:expr),* $(,)?) => {
                $(if let Some(v) = self.values::<$ty>() { return v.get(index).copied().map($f); })*
            };
        }
        first_that_fits!(
            f32 => f64::from, f64 => |v| v, half::f16 => f64::from, half::bf16 => f64::from,
            i8 => f64::from, u8 => f64::from, i16 => f64::from, u16 => f64::from,
            i32 => f64::from, u32 => f64::from, i64 => |v| v as f64, u64 => |v| v as f64,
            [f32; 2] => |v| f64::from(v[0]), [f64; 2] => |v| v[0],
        );
        None
    }

    /// All elements as numbers, as [`Tensor::number`] reads them; empty for strings.
    pub fn numbers(&self) -> Vec<f64> {
        (0..self.len()).map_while(|i| self.number(i)).collect()
    }

    /// One element as a person reads it.
    pub fn element_text(&self, index: usize) -> String {
        if let Some(strings) = self.strings() {
            return strings
                .get(index)
                .map(|s| format!("{:?}", String::from_utf8_lossy(s)))
                .unwrap_or_default();
        }
        if let Some(handles) = self.handles() {
            return handles
                .get(index)
                .map(|handle| format!("{handle:?}"))
                .unwrap_or_default();
        }
        if let Some(lists) = self.lists() {
            let text = |list: &Arc<TensorList>| {
                let (count, dtype) = (list.items.len(), list.dtype);
                match list.kind {
                    VariantKind::Nothing => "nothing".to_owned(),
                    VariantKind::List => format!("{count} × {dtype} {}", list.shape),
                    VariantKind::Ragged => format!("ragged {dtype}, {} row splits", count - 1),
                    VariantKind::Tensor => {
                        let shape = list.items.iter().flatten().map(|tensor| tensor.shape());
                        let shape: Vec<_> = shape.map(|sizes| format!("{sizes:?}")).collect();
                        format!("{dtype} {}", shape.concat())
                    }
                    VariantKind::Map => format!("a map of {} keys", count / 2),
                    VariantKind::Optional => format!("optional, {count} values"),
                }
            };
            return lists.get(index).map(text).unwrap_or_default();
        }
        if self.dtype == DType::Bool {
            return self
                .number(index)
                .map(|v| (v != 0.0).to_string())
                .unwrap_or_default();
        }
        if let Some(v) = self.values::<[f32; 2]>().and_then(|v| v.get(index)) {
            return format!("{}{:+}j", v[0], v[1]);
        }
        if let Some(v) = self.values::<[f64; 2]>().and_then(|v| v.get(index)) {
            return format!("{}{:+}j", v[0], v[1]);
        }
        if let Some(v) = self.values::<f32>().and_then(|v| v.get(index)) {
            return v.to_string();
        }
        if let Some(v) = self.values::<i64>().and_then(|v| v.get(index)) {
            return v.to_string();
        }
        if let Some(v) = self.values::<u64>().and_then(|v| v.get(index)) {
            return v.to_string();
        }
        self.number(index)
            .map(|v| v.to_string())
            .unwrap_or_default()
    }
}

/// Fails unless values of `dtype` and `shape` take `found` bytes.
pub(super) fn expect_bytes(dtype: DType, shape: &[usize], found: usize) -> Result<()> {
    let expected = element_count(shape)
        .zip(dtype.size())
        .and_then(|(n, size)| n.checked_mul(size));
    if expected == Some(found) {
        return Ok(());
    }
    Err(Error::usage(format!(
        "{dtype} {shape:?} needs {} bytes, found {found}",
        expected.map_or("too many".to_owned(), |n| n.to_string()),
    )))
}

/// As many times the same, where there is memory for them.
fn copies<T: Clone>(count: usize, one: T) -> Option<Vec<T>> {
    let mut all = memory::list_for(count)?;
    all.resize(count, one);
    Some(all)
}

/// The flat index in a tensor of `shape` of each innermost row of the block of `sizes` at `start`, in row-major order.
fn block_rows(sizes: &[usize], shape: &[usize], start: &[usize]) -> Result<Vec<usize>> {
    let fits = sizes.len() == shape.len()
        && start.len() == shape.len()
        && (sizes.iter().zip(start).zip(shape)).all(|((&size, &start), &whole)| {
            start.checked_add(size).is_some_and(|end| end <= whole)
        });
    if !fits {
        return Err(Error::usage(format!(
            "a block of {sizes:?} at {start:?} does not fit into {shape:?}"
        )));
    }
    if sizes.contains(&0) {
        return Ok(Vec::new());
    }
    let outer = sizes.len().saturating_sub(1);
    let mut rows = vec![0];
    for dim in 0..sizes.len() {
        let count = if dim < outer { sizes[dim] } else { 1 };
        rows = rows
            .iter()
            .flat_map(|row| (0..count).map(move |i| row * shape[dim] + start[dim] + i))
            .collect();
    }
    Ok(rows)
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 16;
        write!(f, "{} {:?} [", self.dtype, self.shape)?;
        for index in 0..self.len().min(SHOWN) {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{}", self.element_text(index))?;
        }
        f.write_str(if self.len() > SHOWN { ", …]" } else { "]" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_seen_only_as_their_own_type() {
        let tensor = Tensor::from_values(&[2, 2], &[1.5f32, 2.0, -3.0, 0.0]);
        assert_eq!(tensor.values::<f32>().unwrap()[2], -3.0);
        assert!(tensor.values::<i32>().is_none());
        assert_eq!(tensor.numbers(), [1.5, 2.0, -3.0, 0.0]);
    }

    #[test]
    fn bytes_of_another_length_are_refused() {
        let error = Tensor::from_bytes(DType::Int16, &[3], &[0; 5]).unwrap_err();
        assert!(error.to_string().contains("needs 6 bytes, found 5"));
    }
}

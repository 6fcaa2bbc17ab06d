//! A tensor of a `.tflite` as a [`Value`].

use std::sync::Arc;

use bytes::Bytes;

use super::flat::Table;
use super::generated::tflite as slots;
use super::read::Reader;
use super::schema;
use super::subgraph::optional;
use crate::error::{Error, Result};
use crate::model::{
    DType, DimFormat, Quantization, QuantizationDetails, Shape, Sparse, SparseDim, SparseIndices,
    Sparsity, SubType, TensorData, Value,
};

/// Tags of the union QuantizationDetails.
const CUSTOM: u8 = 1;
const BLOCKWISE: u8 = 2;
const MULTI_AXIS: u8 = 3;

/// A Tensor of the file; `tensors` is how many the subgraph has.
pub(super) fn read(reader: &mut Reader<'_>, table: Table<'_>, tensors: usize) -> Result<Value> {
    let table = table.known("Tensor", slots::Tensor::VT_EXTERNAL_BUFFER);
    let name = table.text(slots::Tensor::VT_NAME)?.unwrap_or_default();
    let dtype = schema::dtype(table.scalar(slots::Tensor::VT_TYPE_, 0i8)?);
    let dims = |slot| -> Result<Option<Vec<i64>>> {
        let dims = table.numbers::<i32>(slot)?;
        Ok(dims.map(|dims| dims.into_iter().map(i64::from).collect()))
    };
    let stored = dims(slots::Tensor::VT_SHAPE)?.unwrap_or_default();
    let signature = dims(slots::Tensor::VT_SHAPE_SIGNATURE)?.filter(|s| !s.is_empty());
    let has_rank = table.flag(slots::Tensor::VT_HAS_RANK, false)?;
    let mut value = Value::new(name, dtype, Shape::UNKNOWN);
    value.stored_shape = Shape(Some(stored.clone()));
    if signature.is_some() || has_rank || !stored.is_empty() {
        value.shape = Shape(Some(signature.unwrap_or(stored)));
    }
    value.is_variable = table.flag(slots::Tensor::VT_IS_VARIABLE, false)?;
    value.buffer = table.scalar(slots::Tensor::VT_BUFFER, 0)?;
    value.quantization = table
        .table(slots::Tensor::VT_QUANTIZATION)?
        .map(|table| read_quantization(table, tensors).map(Box::new))
        .transpose()
        .map_err(|e| e.at("quantization"))?;
    let sparsity = table
        .table(slots::Tensor::VT_SPARSITY)?
        .map(read_sparsity)
        .transpose()
        .map_err(|e| e.at("sparsity"))?;
    for sub_type in table.tables(slots::Tensor::VT_VARIANT_TENSORS)?.iter() {
        let sub_type = sub_type.and_then(read_sub_type);
        let sub_type = sub_type.map_err(|e| e.at("variant_tensors"))?;
        value.variant_tensors.push(sub_type);
    }
    value.external_buffer = table.scalar(slots::Tensor::VT_EXTERNAL_BUFFER, 0)?;
    if sparsity.is_some() && value.buffer == 0 && value.external_buffer == 0 {
        let error = Error::unreadable("a packing of sparse values without values; ignored");
        reader
            .warnings
            .push(error.at(format_args!("tensor {:?}", value.name)));
    }
    value.data = match (reader.buffer(value.buffer)?, value.external_buffer) {
        (None, 0) => None,
        (None, id) => Some(reader.external(id)),
        (Some(_), id) if id != 0 => Some(Err(Error::unreadable(
            "the tensor has both a buffer and an external buffer",
        ))),
        (Some(bytes), _) => Some(bytes),
    }
    .map(|bytes| constant(reader, &value, sparsity, bytes));
    if value.data.is_some() && value.shape.0.is_none() {
        value.shape = Shape::scalar();
    }
    if let Some(error) = quantization_error(&value) {
        let place = format!("tensor {:?}", value.name);
        reader.warnings.push(error.at(place));
    }
    Ok(value)
}

/// The values of a constant, checked against its shape; damage makes it missing, with a warning.
fn constant(
    reader: &mut Reader<'_>,
    value: &Value,
    sparsity: Option<Sparsity>,
    bytes: Result<Bytes>,
) -> TensorData {
    let checked = bytes.and_then(|bytes| {
        let count = value.stored_shape.elements().ok_or_else(|| {
            Error::unreadable(format!("a constant of shape {}", value.stored_shape))
        })?;
        if value.dtype == DType::String {
            return match reader.strings(value.buffer, &bytes) {
                TensorData::Missing(reason) => Err(Error::unreadable(reason.to_string())),
                TensorData::Strings(strings) if strings.len() < count => {
                    Err(Error::unreadable(format!(
                        "{} strings for the shape {}",
                        strings.len(),
                        value.stored_shape
                    )))
                }
                data => Ok(data),
            };
        }
        if let (Some(form), Some(shape)) = (sparsity, value.stored_shape.fixed()) {
            // How many values there are, the packing says; it is checked when they are read.
            let values = bytes;
            return Ok(TensorData::Sparse(Arc::new(Sparse {
                values,
                shape,
                form,
            })));
        }
        let expected = value.dtype.packed_bytes(count);
        if expected.is_some_and(|n| n != bytes.len()) {
            return Err(Error::unreadable(format!(
                "requires {} bytes, but its buffer has {}",
                expected.unwrap_or(0),
                bytes.len()
            )));
        }
        Ok(TensorData::Bytes {
            bytes,
            packed: value.dtype.bits() < 8,
        })
    });
    checked.unwrap_or_else(|error| {
        let error = error.at(format_args!("tensor {:?}", value.name));
        reader.warnings.push(error.clone());
        TensorData::Missing(error.to_string().into())
    })
}

fn read_quantization(table: Table<'_>, tensors: usize) -> Result<Quantization> {
    use slots::QuantizationParameters as Q;
    let floats = |slot| Ok::<_, Error>(table.numbers::<f32>(slot)?.unwrap_or_default());
    let table = table.known("QuantizationParameters", Q::VT_QUANTIZED_DIMENSION);
    Ok(Quantization {
        scale: floats(Q::VT_SCALE)?,
        zero_point: table.numbers(Q::VT_ZERO_POINT)?.unwrap_or_default(),
        dimension: table.scalar(Q::VT_QUANTIZED_DIMENSION, 0)?,
        min: floats(Q::VT_MIN)?,
        max: floats(Q::VT_MAX)?,
        details: match table.table(Q::VT_DETAILS)? {
            Some(details) => read_details(table.scalar(Q::VT_DETAILS_TYPE, 0)?, details, tensors)?,
            None => QuantizationDetails::None,
        },
    })
}

fn read_details(tag: u8, table: Table<'_>, tensors: usize) -> Result<QuantizationDetails> {
    use slots::{BlockwiseQuantization as B, CustomQuantization as C, MultiAxisQuantization as M};
    let table = match tag {
        BLOCKWISE => table.known("BlockwiseQuantization", B::VT_BLOCK_SHAPE),
        MULTI_AXIS => table.known("MultiAxisQuantization", M::VT_QUANTIZED_DIMENSIONS),
        _ => table,
    };
    let index = |slot| optional(table.scalar(slot, 0i32)?, tensors);
    // An absent field reads as tensor 0; a writer that means a tensor of zero points names one.
    let named = |slot| match table.has(slot)? {
        true => index(slot),
        false => Ok(None),
    };
    Ok(match tag {
        CUSTOM => {
            let table = table.known("CustomQuantization", C::VT_CUSTOM);
            QuantizationDetails::Custom(table.numbers(C::VT_CUSTOM)?.unwrap_or_default())
        }
        BLOCKWISE => QuantizationDetails::Blockwise {
            scales: index(B::VT_SCALES)?,
            zero_points: named(B::VT_ZERO_POINTS)?,
            block_size: table.scalar(B::VT_BLOCK_SIZE, 0)?,
            block_shape: table.numbers(B::VT_BLOCK_SHAPE)?.unwrap_or_default(),
        },
        MULTI_AXIS => QuantizationDetails::MultiAxis {
            scales: index(M::VT_SCALES)?,
            zero_points: named(M::VT_ZERO_POINTS)?,
            block_size: table.scalar(M::VT_BLOCK_SIZE, 0)?,
            dimensions: table
                .numbers(M::VT_QUANTIZED_DIMENSIONS)?
                .unwrap_or_default(),
        },
        0 => QuantizationDetails::None,
        other => QuantizationDetails::Unknown(other),
    })
}

/// What a runtime would refuse: counts of scales and zero points that do not go with the shape.
fn quantization_error(value: &Value) -> Option<Error> {
    let quantization = value.quantization.as_ref()?;
    let scales = quantization.scale.len();
    if scales == 0 {
        return None;
    }
    if quantization.zero_point.len() != scales {
        return Some(Error::unreadable(format!(
            "{scales} scales and {} zero points",
            quantization.zero_point.len()
        )));
    }
    let dims = value.stored_shape.dims()?;
    let size = match (dims, quantization.dimension) {
        (_, negative @ ..0) => {
            let words = format!("quantized_dimension is {negative}");
            return Some(Error::unreadable(words));
        }
        // Some converters give a bias the axis of its weights.
        ([only], _) => Some(only),
        (dims, _) => quantization
            .axis(dims.len())
            .and_then(|axis| dims.get(axis)),
    };
    if scales > 1 && size != Some(&(scales as i64)) {
        return Some(Error::unreadable(format!(
            "{scales} scales for dimension {} of {}",
            quantization.dimension, value.stored_shape
        )));
    }
    None
}

fn read_sub_type(table: Table<'_>) -> Result<SubType> {
    use slots::VariantSubType as V;
    let table = table.known("VariantSubType", V::VT_HAS_RANK);
    let dims = table.numbers::<i32>(V::VT_SHAPE)?.unwrap_or_default();
    let has_rank = table.flag(V::VT_HAS_RANK, false)? || !dims.is_empty();
    Ok(SubType {
        dtype: schema::dtype(table.scalar(V::VT_TYPE_, 0i8)?),
        shape: Shape(has_rank.then(|| dims.into_iter().map(i64::from).collect())),
    })
}

fn read_sparsity(table: Table<'_>) -> Result<Sparsity> {
    use slots::{DimensionMetadata as D, SparsityParameters as S};
    let table = table.known("SparsityParameters", S::VT_DIM_METADATA);
    let mut dims = Vec::new();
    for dim in table.tables(S::VT_DIM_METADATA)?.iter() {
        let dim = dim?.known("DimensionMetadata", D::VT_ARRAY_INDICES);
        dims.push(SparseDim {
            format: match dim.scalar(D::VT_FORMAT, 0i8)? {
                0 => DimFormat::Dense,
                1 => DimFormat::SparseCsr,
                other => DimFormat::Unknown(other),
            },
            dense_size: dim.scalar(D::VT_DENSE_SIZE, 0)?,
            segments: indices(dim, D::VT_ARRAY_SEGMENTS_TYPE, D::VT_ARRAY_SEGMENTS)?,
            indices: indices(dim, D::VT_ARRAY_INDICES_TYPE, D::VT_ARRAY_INDICES)?,
        });
    }
    Ok(Sparsity {
        traversal_order: table.numbers(S::VT_TRAVERSAL_ORDER)?.unwrap_or_default(),
        block_map: table.numbers(S::VT_BLOCK_MAP)?.unwrap_or_default(),
        dims,
    })
}

/// The union SparseIndexVector: vectors of i32, u16 and u8.
fn indices(dim: Table<'_>, tag: u16, slot: u16) -> Result<Option<SparseIndices>> {
    let Some(table) = dim.table(slot)? else {
        return Ok(None);
    };
    use slots::{Int32Vector, Uint8Vector, Uint16Vector};
    Ok(match dim.scalar(tag, 0u8)? {
        0 => None,
        1 => Some(SparseIndices::Int32(
            table.numbers(Int32Vector::VT_VALUES)?.unwrap_or_default(),
        )),
        2 => Some(SparseIndices::Uint16(
            table.numbers(Uint16Vector::VT_VALUES)?.unwrap_or_default(),
        )),
        3 => Some(SparseIndices::Uint8(
            table.numbers(Uint8Vector::VT_VALUES)?.unwrap_or_default(),
        )),
        other => Some(SparseIndices::Unknown(other)),
    })
}

//! A [`Value`] as a tensor of a `.tflite`.

use flatbuffers::WIPOffset;

use super::builder::{Builder, Slot};
use super::generated::tflite as fb;
use super::schema;
use super::write::index;
use crate::error::{Error, Result};
use crate::model::{
    DType, DimFormat, Quantization, QuantizationDetails, Shape, SparseDim, SparseIndices, Sparsity,
    SubType, Value,
};

/// Writes a tensor whose values are in `buffer`, or in the external buffer `external` (0: none).
///
/// # Errors
/// Types, sizes and schemes that the schema has not.
pub(super) fn write_tensor(
    out: &mut Builder,
    value: &Value,
    buffer: u32,
    external: u32,
) -> Result<WIPOffset<fb::Tensor<'static>>> {
    let type_ = element_type(value.dtype)?;
    let quantization = value.quantization.as_ref();
    let quantization = quantization
        .map(|q| write_quantization(out, q))
        .transpose()?;
    let sparsity = value
        .sparsity()
        .map(|s| write_sparsity(out, s))
        .transpose()?;
    let variants = value.variant_tensors.iter();
    let variants: Vec<_> = variants
        .map(|sub_type| write_sub_type(out, sub_type))
        .collect::<Result<_>>()?;
    let (stored, signature) = shapes(value)?;
    let args = fb::TensorArgs {
        shape: out.filled(&stored),
        type_,
        buffer,
        name: (!value.name.is_empty()).then(|| out.text(&value.name)),
        quantization,
        is_variable: value.is_variable,
        sparsity,
        shape_signature: signature.map(|s| out.vector(&s)),
        has_rank: value.shape.rank().is_some(),
        variant_tensors: (!variants.is_empty()).then(|| out.tables(&variants)),
        external_buffer: external,
    };
    Ok(fb::Tensor::create(&mut out.inner, &args))
}

fn element_type(dtype: DType) -> Result<fb::TensorType> {
    let number = schema::tensor_type(dtype);
    number.map(fb::TensorType).ok_or_else(|| match dtype {
        DType::Unknown(number) => unknown("elements of type", number.into()),
        _ => Error::unsupported(format!("TFLite has no element type {dtype}")),
    })
}

fn write_sub_type(
    out: &mut Builder,
    sub_type: &SubType,
) -> Result<WIPOffset<fb::VariantSubType<'static>>> {
    let type_ = element_type(sub_type.dtype).map_err(|e| e.at("variant_tensors"))?;
    let sizes = sizes(&sub_type.shape)?;
    let args = fb::VariantSubTypeArgs {
        shape: out.filled(&sizes),
        type_,
        has_rank: sub_type.shape.rank().is_some(),
    };
    Ok(fb::VariantSubType::create(&mut out.inner, &args))
}

fn sizes(shape: &Shape) -> Result<Vec<i32>> {
    let dims = shape.dims().unwrap_or_default();
    let sizes = dims.iter().map(|&d| {
        i32::try_from(d).map_err(|_| Error::unsupported(format!("a dimension of {d} in {shape}")))
    });
    sizes.collect()
}

/// What to allocate, as the value has it or with 1 for sizes that are not known, and the sizes where they are others.
fn shapes(value: &Value) -> Result<(Vec<i32>, Option<Vec<i32>>)> {
    let shape = sizes(&value.shape)?;
    let mut stored = sizes(&value.stored_shape)?;
    if stored.len() != shape.len() {
        stored = shape.iter().map(|&d| if d < 0 { 1 } else { d }).collect();
    }
    let signature = (shape != stored).then_some(shape);
    Ok((stored, signature.filter(|s| !s.is_empty())))
}

fn write_quantization(
    out: &mut Builder,
    quantization: &Quantization,
) -> Result<WIPOffset<fb::QuantizationParameters<'static>>> {
    use fb::QuantizationParameters as Q;
    let mut fields = Vec::new();
    let mut floats = |out: &mut Builder, slot, values: &[f32]| {
        fields.extend(out.filled(values).map(|v| (slot, Slot::Offset(v.value()))));
    };
    floats(out, Q::VT_MIN, &quantization.min);
    floats(out, Q::VT_MAX, &quantization.max);
    floats(out, Q::VT_SCALE, &quantization.scale);
    let zero_points = out.filled(&quantization.zero_point);
    fields.extend(zero_points.map(|v| (Q::VT_ZERO_POINT, Slot::Offset(v.value()))));
    if quantization.dimension != 0 {
        let dimension = quantization.dimension as u32;
        fields.push((Q::VT_QUANTIZED_DIMENSION, Slot::Int(dimension)));
    }
    if let Some((tag, table)) = write_details(out, &quantization.details)? {
        fields.push((Q::VT_DETAILS_TYPE, Slot::Byte(tag.0)));
        fields.push((Q::VT_DETAILS, Slot::Offset(table)));
    }
    Ok(WIPOffset::new(
        out.table("QuantizationParameters", fields).value(),
    ))
}

/// The union's tag and table.
fn write_details(
    out: &mut Builder,
    details: &QuantizationDetails,
) -> Result<Option<(fb::QuantizationDetails, u32)>> {
    use fb::{BlockwiseQuantization as B, CustomQuantization as C, MultiAxisQuantization as M};
    // Tensor numbers are always written: an absent one would read as tensor 0.
    let tensor = |slot, value| (slot, Slot::Int(index(value) as u32));
    let (tag, name, fields) = match details {
        QuantizationDetails::None => return Ok(None),
        QuantizationDetails::Unknown(number) => {
            return Err(unknown(
                "quantization details of the kind",
                (*number).into(),
            ));
        }
        QuantizationDetails::Custom(bytes) => {
            let bytes = out.data(bytes).value();
            (
                fb::QuantizationDetails::CustomQuantization,
                "CustomQuantization",
                vec![(C::VT_CUSTOM, Slot::Offset(bytes))],
            )
        }
        QuantizationDetails::Blockwise {
            scales,
            zero_points,
            block_size,
            block_shape,
        } => {
            let mut fields = vec![
                tensor(B::VT_SCALES, *scales),
                tensor(B::VT_ZERO_POINTS, *zero_points),
                (B::VT_BLOCK_SIZE, Slot::Int(*block_size as u32)),
            ];
            let block_shape = out.filled(block_shape);
            fields.extend(block_shape.map(|v| (B::VT_BLOCK_SHAPE, Slot::Offset(v.value()))));
            (
                fb::QuantizationDetails::BlockwiseQuantization,
                "BlockwiseQuantization",
                fields,
            )
        }
        QuantizationDetails::MultiAxis {
            scales,
            zero_points,
            block_size,
            dimensions,
        } => {
            let dimensions = out.vector(dimensions).value();
            (
                fb::QuantizationDetails::MultiAxisQuantization,
                "MultiAxisQuantization",
                vec![
                    tensor(M::VT_SCALES, *scales),
                    tensor(M::VT_ZERO_POINTS, *zero_points),
                    (M::VT_BLOCK_SIZE, Slot::Int(*block_size as u32)),
                    (M::VT_QUANTIZED_DIMENSIONS, Slot::Offset(dimensions)),
                ],
            )
        }
    };
    Ok(Some((tag, out.table(name, fields).value())))
}

fn unknown(what: &str, number: i64) -> Error {
    Error::unsupported(format!(
        "{what} {number}, which schema version {} does not know",
        schema::REVISION
    ))
    .hint("the file is newer than this program; it can be shown, not written again")
}

fn write_sparsity(
    out: &mut Builder,
    sparsity: &Sparsity,
) -> Result<WIPOffset<fb::SparsityParameters<'static>>> {
    let dims = sparsity.dims.iter();
    let dims: Vec<_> = dims.map(|dim| write_dim(out, dim)).collect::<Result<_>>()?;
    let args = fb::SparsityParametersArgs {
        traversal_order: Some(out.vector(&sparsity.traversal_order)),
        block_map: out.filled(&sparsity.block_map),
        dim_metadata: Some(out.tables(&dims)),
    };
    Ok(fb::SparsityParameters::create(&mut out.inner, &args))
}

fn write_dim(
    out: &mut Builder,
    dim: &SparseDim,
) -> Result<WIPOffset<fb::DimensionMetadata<'static>>> {
    use fb::DimensionMetadata as D;
    let mut fields = Vec::new();
    match dim.format {
        DimFormat::Dense => {}
        DimFormat::SparseCsr => fields.push((
            D::VT_FORMAT,
            Slot::Byte(fb::DimensionType::SPARSE_CSR.0 as u8),
        )),
        DimFormat::Unknown(number) => {
            return Err(unknown("a sparse dimension of the format", number.into()));
        }
    }
    if dim.dense_size != 0 {
        fields.push((D::VT_DENSE_SIZE, Slot::Int(dim.dense_size as u32)));
    }
    for (tag_slot, slot, indices) in [
        (
            D::VT_ARRAY_SEGMENTS_TYPE,
            D::VT_ARRAY_SEGMENTS,
            &dim.segments,
        ),
        (D::VT_ARRAY_INDICES_TYPE, D::VT_ARRAY_INDICES, &dim.indices),
    ] {
        if let Some(indices) = indices {
            let (tag, table) = write_indices(out, indices)?;
            fields.push((tag_slot, Slot::Byte(tag.0)));
            fields.push((slot, Slot::Offset(table)));
        }
    }
    Ok(WIPOffset::new(
        out.table("DimensionMetadata", fields).value(),
    ))
}

/// The union's tag and table.
fn write_indices(
    out: &mut Builder,
    indices: &SparseIndices,
) -> Result<(fb::SparseIndexVector, u32)> {
    use fb::SparseIndexVector as Tag;
    let (tag, name, vector) = match indices {
        SparseIndices::Int32(all) => (Tag::Int32Vector, "Int32Vector", out.vector(all).value()),
        SparseIndices::Uint16(all) => (Tag::Uint16Vector, "Uint16Vector", out.vector(all).value()),
        SparseIndices::Uint8(all) => (Tag::Uint8Vector, "Uint8Vector", out.vector(all).value()),
        SparseIndices::Unknown(tag) => {
            return Err(unknown("sparse indices of the kind", (*tag).into()));
        }
    };
    let fields = vec![(fb::Int32Vector::VT_VALUES, Slot::Offset(vector))];
    Ok((tag, out.table(name, fields).value()))
}

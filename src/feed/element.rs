//! One element of a tensor from a number, a bool or a text that a person gave.

use crate::error::{Error, Result};
use crate::model::shape::element_count;
use crate::model::{DType, Quantization, Shape, Tensor};

/// A value before it is known which type it becomes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar {
    Int(i128),
    Float(f64),
    Bool(bool),
    Text(Vec<u8>),
}

impl Scalar {
    fn describe(&self) -> String {
        match self {
            Scalar::Int(v) => v.to_string(),
            Scalar::Float(v) => v.to_string(),
            Scalar::Bool(v) => v.to_string(),
            Scalar::Text(v) => format!("{:?}", String::from_utf8_lossy(v)),
        }
    }

    fn float(&self) -> Option<f64> {
        match self {
            Scalar::Int(v) => Some(*v as f64),
            Scalar::Float(v) => Some(*v),
            Scalar::Bool(v) => Some(f64::from(*v)),
            Scalar::Text(_) => None,
        }
    }

    /// A whole number; fractions are refused, not rounded.
    fn int(&self) -> Option<i128> {
        match self {
            Scalar::Int(v) => Some(*v),
            Scalar::Bool(v) => Some(i128::from(*v)),
            Scalar::Float(v) if v.fract() == 0.0 && v.abs() < 1e30 => Some(*v as i128),
            _ => None,
        }
    }
}

/// Bytes of the largest tensor that is filled from a word or a number; more is a damaged shape rather than a wish.
const LARGEST: usize = 1 << 26;

/// A tensor of `dtype` with element `i` from `element(i)`. Where the type is an integer with one scale and zero
/// point, a value with a point is a real number and gets quantized; whole numbers are the stored ones.
pub(super) fn build(
    dtype: DType,
    quantization: Option<&Quantization>,
    shape: &[usize],
    mut element: impl FnMut(usize) -> Scalar,
) -> Result<Tensor> {
    build_of(dtype, quantization, shape, &mut element)
}

fn build_of(
    dtype: DType,
    quantization: Option<&Quantization>,
    shape: &[usize],
    element: &mut dyn FnMut(usize) -> Scalar,
) -> Result<Tensor> {
    let count = element_count(shape)
        .filter(|&n| {
            let bytes = n.checked_mul(dtype.size().unwrap_or(size_of::<Vec<u8>>()));
            bytes.is_some_and(|bytes| bytes <= LARGEST)
        })
        .ok_or_else(|| {
            Error::usage(format!(
                "a {dtype} tensor of {} is too large to make up",
                Shape::of(shape)
            ))
            .hint("give the values in a file")
        })?;
    if dtype == DType::String {
        let texts = (0..count)
            .map(|i| match element(i) {
                Scalar::Text(text) => text,
                other => other.describe().into_bytes(),
            })
            .collect();
        return Ok(Tensor::from_strings(shape, texts));
    }
    let Some(size) = dtype.size() else {
        return Err(Error::usage(format!("a {dtype} can't be given")));
    };
    let scale = quantization
        .and_then(Quantization::single)
        .filter(|(scale, _)| dtype.is_integer() && *scale > 0.0);
    let mut tensor = Tensor::zeros(dtype, shape)?;
    let mut one = Vec::with_capacity(size);
    for (i, slot) in tensor
        .bytes_mut()
        .unwrap_or_default()
        .chunks_exact_mut(size)
        .enumerate()
    {
        let value = match (element(i), scale) {
            (Scalar::Float(v), Some((scale, zero))) => quantize(v, scale, zero, dtype),
            (value, _) => value,
        };
        one.clear();
        write(&value, dtype, &mut one)?;
        slot.copy_from_slice(&one);
    }
    Ok(tensor)
}

/// round(v / scale) + zero point, held to the type's range; NaN becomes the zero point.
fn quantize(v: f64, scale: f32, zero: i64, dtype: DType) -> Scalar {
    let (low, high) = int_range(dtype).unwrap_or((i128::from(i64::MIN), i128::from(i64::MAX)));
    // What is past the ends of i128, infinities among it, ends at them.
    let q = ((v / f64::from(scale)).round() as i128).saturating_add(i128::from(zero));
    Scalar::Int(q.clamp(low, high))
}

/// Smallest and largest value of an integer type.
pub(super) fn int_range(dtype: DType) -> Option<(i128, i128)> {
    let signed = match dtype {
        DType::Int2
        | DType::Int4
        | DType::Int8
        | DType::Int16
        | DType::Int32
        | DType::Int64
        | DType::QInt8
        | DType::QInt16
        | DType::QInt32 => true,
        DType::UInt2
        | DType::UInt4
        | DType::UInt8
        | DType::UInt16
        | DType::UInt32
        | DType::UInt64
        | DType::QUInt8
        | DType::QUInt16 => false,
        _ => return None,
    };
    let bits = dtype.bits() as u32;
    Some(if signed {
        (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1)
    } else {
        (0, (1i128 << bits) - 1)
    })
}

fn write(value: &Scalar, dtype: DType, out: &mut Vec<u8>) -> Result<()> {
    let misfit = || Error::usage(format!("{} is no {dtype}", value.describe()));
    if let Some((low, high)) = int_range(dtype) {
        let v = value.int().ok_or_else(misfit)?;
        if v < low || v > high {
            return Err(Error::usage(format!(
                "{v} is no {dtype}, which goes from {low} to {high}"
            )));
        }
        let size = dtype.size().unwrap_or(0);
        out.extend_from_slice(&v.to_le_bytes()[..size]);
        return Ok(());
    }
    let v = value.float().ok_or_else(misfit)?;
    match dtype {
        DType::Bool => match v {
            0.0 | 1.0 => out.push(v as u8),
            _ => return Err(misfit()),
        },
        DType::Float32 => out.extend((v as f32).to_le_bytes()),
        DType::Float64 => out.extend(v.to_le_bytes()),
        DType::Float16 => out.extend(half::f16::from_f64(v).to_le_bytes()),
        DType::BFloat16 => out.extend(half::bf16::from_f64(v).to_le_bytes()),
        DType::Complex64 => {
            out.extend((v as f32).to_le_bytes());
            out.extend(0f32.to_le_bytes());
        }
        DType::Complex128 => {
            out.extend(v.to_le_bytes());
            out.extend(0f64.to_le_bytes());
        }
        _ => return Err(Error::usage(format!("a {dtype} can't be given as text"))),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_stored_and_points_are_quantized() {
        let quantization = Quantization::per_tensor(0.5, 3);
        let of = |v: Scalar| {
            build(DType::Int8, Some(&quantization), &[], |_| v.clone())
                .map(|t| t.number(0).unwrap())
                .map_err(|e| e.to_string())
        };
        assert_eq!(of(Scalar::Int(7)), Ok(7.0));
        assert_eq!(of(Scalar::Float(2.0)), Ok(7.0));
        assert_eq!(of(Scalar::Float(1e9)), Ok(127.0));
        assert_eq!(of(Scalar::Float(f64::INFINITY)), Ok(127.0));
        assert_eq!(
            of(Scalar::Int(200)),
            Err("200 is no int8, which goes from -128 to 127".to_owned())
        );
    }

    #[test]
    fn a_large_uint64_survives() {
        let t = build(DType::UInt64, None, &[1], |_| Scalar::Int(u64::MAX.into())).unwrap();
        assert_eq!(t.values::<u64>().unwrap(), [u64::MAX]);
    }
}

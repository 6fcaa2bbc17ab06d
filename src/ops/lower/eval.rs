//! Values of TFLite operators whose operands are all constant: what folding needs, in float32 steps as a kernel
//! would take them. An operator that is not here is simply not folded.

use super::{axis_of, shapes};
use crate::model::{Attrs, DType, Shape, Tensor};

/// The only result of `op`, if it is one that can be worked out here.
pub fn evaluate(op: &str, operands: &[Option<Tensor>], attrs: &Attrs) -> Option<Tensor> {
    let first = operands.first()?.as_ref()?;
    let second = operands.get(1).and_then(Option::as_ref);
    match op {
        "ADD" | "SUB" | "MUL" | "DIV" | "MAXIMUM" | "MINIMUM" | "POW" | "SQUARED_DIFFERENCE"
            if attrs.int("fused_activation_function").unwrap_or(0) == 0 =>
        {
            binary(op, first, second?)
        }
        "ABS" | "EXP" | "LOG" | "NEG" | "RSQRT" | "SQRT" | "SQUARE" | "RELU" | "FLOOR" => {
            unary(op, first)
        }
        "CAST" => from_numbers(
            attrs.dtype("out_data_type")?,
            first.shape(),
            &exact_numbers(first)?,
        ),
        "TRANSPOSE" => transpose(first, &second?.numbers()),
        "RESHAPE" => {
            let total = first.len() as i64;
            let mut sizes: Vec<i64> = second?.numbers().iter().map(|&v| v as i64).collect();
            let rest: i64 = sizes.iter().filter(|s| **s >= 0).product();
            if let Some(open) = sizes.iter_mut().find(|s| **s < 0) {
                *open = total.checked_div(rest)?;
            }
            with_shape(first, &sizes)
        }
        "EXPAND_DIMS" => {
            let mut dims = Shape::of(first.shape()).0?;
            let axis = axis_of(second?.number(0)? as i64, dims.len() + 1).ok()?;
            dims.insert(axis, 1);
            with_shape(first, &dims)
        }
        "FILL" => {
            let dims: Option<Vec<usize>> = first
                .numbers()
                .iter()
                .map(|&d| usize::try_from(d as i64).ok())
                .collect();
            broadcast_to(second?, &dims?)
        }
        "BROADCAST_TO" => {
            let dims: Vec<usize> = second?.numbers().iter().map(|&d| d as usize).collect();
            broadcast_to(first, &dims)
        }
        "CONCATENATION" => {
            let parts: Option<Vec<&Tensor>> = operands.iter().map(Option::as_ref).collect();
            concatenate(&parts?, attrs.int("axis").unwrap_or(0))
        }
        "PACK" => {
            let axis = axis_of(attrs.int("axis").unwrap_or(0), first.rank() + 1).ok()?;
            let mut dims = first.shape().to_vec();
            dims.insert(axis, 1);
            let parts: Option<Vec<Tensor>> = operands
                .iter()
                .map(|t| {
                    t.clone()
                        .filter(|t| t.shape() == first.shape())
                        .map(|t| t.reshaped(&dims))
                })
                .collect();
            let parts = parts?;
            concatenate(&parts.iter().collect::<Vec<_>>(), axis as i64)
        }
        _ => None,
    }
}

/// A result larger than this many elements is left to run time, where it costs no space in the file.
const MOST_GROWN: usize = 1 << 16;

fn with_shape(tensor: &Tensor, sizes: &[i64]) -> Option<Tensor> {
    let sizes: Option<Vec<usize>> = sizes.iter().map(|&s| usize::try_from(s).ok()).collect();
    let sizes = sizes?;
    (sizes.iter().try_fold(1usize, |n, &s| n.checked_mul(s)) == Some(tensor.len()))
        .then(|| tensor.clone().reshaped(&sizes))
}

/// Element values that a conversion to f64 does not change; `None` for int64 beyond 2^53.
fn exact_numbers(tensor: &Tensor) -> Option<Vec<f64>> {
    const LARGEST: i64 = 1 << 53;
    if let Some(values) = tensor.values::<i64>()
        && values.iter().any(|v| !(-LARGEST..=LARGEST).contains(v))
    {
        return None;
    }
    let plain = !matches!(
        tensor.dtype(),
        DType::String | DType::Complex64 | DType::Complex128 | DType::UInt64
    );
    plain.then(|| tensor.numbers())
}

/// A tensor of `dtype` from numbers: floats rounded to nearest, integers truncated and saturated.
pub fn from_numbers(dtype: DType, shape: &[usize], values: &[f64]) -> Option<Tensor> {
    macro_rules! of {
        ($ty:ty) => {
            Tensor::typed(
                dtype,
                shape,
                &values.iter().map(|&v| v as $ty).collect::<Vec<_>>(),
            )
        };
    }
    Some(match dtype {
        DType::Float32 => of!(f32),
        DType::Float64 => of!(f64),
        DType::Int8 => of!(i8),
        DType::UInt8 => of!(u8),
        DType::Int16 => of!(i16),
        DType::UInt16 => of!(u16),
        DType::Int32 => of!(i32),
        DType::UInt32 => of!(u32),
        DType::Int64 => of!(i64),
        DType::Bool => {
            let bits: Vec<u8> = values.iter().map(|&v| u8::from(v != 0.0)).collect();
            Tensor::typed(dtype, shape, &bits)
        }
        DType::Float16 => {
            let halves: Vec<half::f16> = values.iter().map(|&v| half::f16::from_f64(v)).collect();
            Tensor::typed(dtype, shape, &halves)
        }
        DType::BFloat16 => {
            let halves: Vec<half::bf16> = values.iter().map(|&v| half::bf16::from_f64(v)).collect();
            Tensor::typed(dtype, shape, &halves)
        }
        _ => return None,
    })
}

pub fn from_ints(dtype: DType, shape: &[usize], values: &[i64]) -> Option<Tensor> {
    match dtype {
        DType::Int64 => Some(Tensor::from_values(shape, values)),
        DType::Int32 => {
            let narrow: Result<Vec<i32>, _> = values.iter().map(|&v| i32::try_from(v)).collect();
            Some(Tensor::from_values(shape, &narrow.ok()?))
        }
        _ => None,
    }
}

fn unary(op: &str, x: &Tensor) -> Option<Tensor> {
    let step = |v: f64| match op {
        "ABS" => v.abs(),
        "EXP" => v.exp(),
        "LOG" => v.ln(),
        "NEG" => -v,
        "RSQRT" => 1.0 / f64::from(v.sqrt() as f32),
        "SQRT" => v.sqrt(),
        "SQUARE" => v * v,
        "FLOOR" => v.floor(),
        _ => v.max(0.0),
    };
    if x.dtype() != DType::Float32 {
        return None;
    }
    let values: Vec<f64> = x.numbers().into_iter().map(step).collect();
    from_numbers(x.dtype(), x.shape(), &values)
}

fn binary(op: &str, a: &Tensor, b: &Tensor) -> Option<Tensor> {
    if a.dtype() != b.dtype() || !matches!(a.dtype(), DType::Float32 | DType::Int32) {
        return None;
    }
    let integer = a.dtype() == DType::Int32;
    if integer && matches!(op, "DIV" | "POW") {
        return None;
    }
    let shape = shapes::broadcast(&Shape::of(a.shape()), &Shape::of(b.shape()))
        .ok()?
        .fixed()?;
    let (a, b) = (broadcast_to(a, &shape)?, broadcast_to(b, &shape)?);
    let step = |x: f64, y: f64| match op {
        "ADD" => x + y,
        "SUB" => x - y,
        "MUL" => x * y,
        "DIV" => x / y,
        "MAXIMUM" => {
            if x > y {
                x
            } else {
                y
            }
        }
        "MINIMUM" => {
            if x < y {
                x
            } else {
                y
            }
        }
        "POW" => f64::from((x as f32).powf(y as f32)),
        _ => {
            let d = f64::from((x - y) as f32);
            d * d
        }
    };
    let values: Vec<f64> = a
        .numbers()
        .into_iter()
        .zip(b.numbers())
        .map(|(x, y)| step(x, y))
        .collect();
    if integer && values.iter().any(|v| v.abs() > f64::from(i32::MAX)) {
        return None;
    }
    from_numbers(a.dtype(), &shape, &values)
}

/// Elements of `source` by index, in any plain type.
fn pick(source: &Tensor, shape: &[usize], index: impl Iterator<Item = usize>) -> Option<Tensor> {
    if let Some(strings) = source.strings() {
        let picked: Option<Vec<Vec<u8>>> = index.map(|i| strings.get(i).cloned()).collect();
        return Some(Tensor::from_strings(shape, picked?));
    }
    let size = source.dtype().size()?;
    let bytes = source.bytes()?;
    let mut out = Vec::with_capacity(shape.iter().product::<usize>() * size);
    for i in index {
        out.extend_from_slice(bytes.get(i * size..(i + 1) * size)?);
    }
    Tensor::from_bytes(source.dtype(), shape, &out).ok()
}

/// Row-major walk over `shape` giving the offsets that `strides` make.
fn offsets<'a>(shape: &'a [usize], strides: &'a [usize]) -> impl Iterator<Item = usize> + 'a {
    let count: usize = shape.iter().product();
    (0..count).map(move |mut i| {
        let mut offset = 0;
        for (&size, &stride) in shape.iter().zip(strides).rev() {
            offset += i % size * stride;
            i /= size;
        }
        offset
    })
}

fn row_major(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for i in (1..shape.len()).rev() {
        strides[i - 1] = strides[i] * shape[i];
    }
    strides
}

/// `x` with its axes in another order.
pub fn transpose(x: &Tensor, order: &[f64]) -> Option<Tensor> {
    if order.len() != x.rank() {
        return None;
    }
    let axes: Option<Vec<usize>> = order
        .iter()
        .map(|&a| axis_of(a as i64, x.rank()).ok())
        .collect();
    let axes = axes?;
    let strides = row_major(x.shape());
    let shape: Vec<usize> = axes.iter().map(|&a| x.shape()[a]).collect();
    let moved: Vec<usize> = axes.iter().map(|&a| strides[a]).collect();
    pick(x, &shape, offsets(&shape, &moved))
}

fn broadcast_to(x: &Tensor, shape: &[usize]) -> Option<Tensor> {
    if x.shape() == shape {
        return Some(x.clone());
    }
    let count = shape.iter().try_fold(1usize, |n, &s| n.checked_mul(s))?;
    if count > x.len().max(MOST_GROWN) || x.rank() > shape.len() {
        return None;
    }
    let lead = shape.len() - x.rank();
    let plain = row_major(x.shape());
    let strides: Vec<usize> = (0..shape.len())
        .map(|i| match i.checked_sub(lead) {
            Some(j) if x.shape()[j] != 1 => plain[j],
            _ => 0,
        })
        .collect();
    pick(x, shape, offsets(shape, &strides))
}

fn concatenate(parts: &[&Tensor], axis: i64) -> Option<Tensor> {
    let first = parts.first()?;
    let axis = axis_of(axis, first.rank()).ok()?;
    let fits = |t: &Tensor| {
        t.dtype() == first.dtype()
            && t.rank() == first.rank()
            && (0..t.rank()).all(|i| i == axis || t.shape()[i] == first.shape()[i])
    };
    let size = first.dtype().size()?;
    if first.rank() == 0 || !parts.iter().all(|t| fits(t)) {
        return None;
    }
    let mut shape = first.shape().to_vec();
    shape[axis] = parts.iter().map(|t| t.shape()[axis]).sum();
    let outer: usize = shape[..axis].iter().product();
    let inner: usize = shape[axis + 1..].iter().product();
    let mut out = Vec::new();
    for row in 0..outer {
        for part in parts {
            let run = part.shape()[axis] * inner * size;
            out.extend_from_slice(part.bytes()?.get(row * run..(row + 1) * run)?);
        }
    }
    Tensor::from_bytes(first.dtype(), &shape, &out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_turns_from_hwio_to_ohwi() {
        let filter = Tensor::from_values(&[1, 2, 1, 3], &[1f32, 2., 3., 4., 5., 6.]);
        let turned = transpose(&filter, &[3., 0., 1., 2.]).unwrap();
        assert_eq!(turned.shape(), [3, 1, 2, 1]);
        assert_eq!(turned.values::<f32>().unwrap(), [1., 4., 2., 5., 3., 6.]);
    }

    #[test]
    fn operands_broadcast() {
        let a = Tensor::from_values(&[2, 1], &[1f32, 2.]);
        let b = Tensor::from_values(&[3], &[10f32, 20., 30.]);
        let sum = evaluate("ADD", &[Some(a), Some(b)], &Attrs::new()).unwrap();
        assert_eq!(sum.shape(), [2, 3]);
        assert_eq!(sum.values::<f32>().unwrap(), [11., 21., 31., 12., 22., 32.]);
    }

    #[test]
    fn a_fill_that_would_swell_the_file_is_left_alone() {
        let sizes = Tensor::from_values(&[2], &[4096i32, 4096]);
        let zero = Tensor::from_values(&[], &[0f32]);
        assert!(evaluate("FILL", &[Some(sizes), Some(zero)], &Attrs::new()).is_none());
    }
}

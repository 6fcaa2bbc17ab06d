//! Given arrays to the type and rank of a port, and outputs back to real numbers.

use std::borrow::Cow;

use super::element::{Scalar, build, int_range};
use crate::error::{Error, Result};
use crate::model::shape::element_count;
use crate::model::{DType, Port, Quantization, Tensor};

/// `tensor` as `port` wants it: bits as bfloat16, bytes as int4 or qint8, numbers in the port's type where nothing is
/// lost (real numbers are quantized for a quantized port), and axes of 1 added or left out as [`crate::model::Shape::adapt`] says.
/// Other differences of shape are left to whoever runs the model.
///
/// # Errors
/// Values that the port's type can't hold.
pub fn fit(tensor: Tensor, port: &Port) -> Result<Tensor> {
    let tensor = match retyped(&tensor, port)? {
        Some(other) => other,
        None => tensor,
    };
    match port.shape.adapt(tensor.shape()) {
        Some(sizes) if sizes != tensor.shape() => Ok(tensor.reshaped(&sizes)),
        _ => Ok(tensor),
    }
}

fn retyped(tensor: &Tensor, port: &Port) -> Result<Option<Tensor>> {
    use DType::*;
    let (from, to) = (tensor.dtype(), port.dtype);
    if from == to {
        return Ok(None);
    }
    let same_bits = matches!(
        (from, to),
        (UInt16, BFloat16 | QUInt16)
            | (Int8, QInt8)
            | (UInt8, QUInt8)
            | (Int16, QInt16)
            | (Int32, QInt32)
    );
    if same_bits && let Some(bytes) = tensor.bytes() {
        return Tensor::from_bytes(to, tensor.shape(), bytes).map(Some);
    }
    if from == String || to == String || to.size().is_none() {
        return Err(Error::usage(format!(
            "input {:?} is {to}, but the values are {from}",
            port.name
        )));
    }
    let element: Box<dyn Fn(usize) -> Scalar> = if int_range(from).is_some() {
        match tensor.values::<u64>() {
            Some(values) => Box::new(|i| Scalar::Int(values.get(i).copied().unwrap_or(0).into())),
            None => Box::new(|i| match tensor.values::<i64>() {
                Some(values) => Scalar::Int(values.get(i).copied().unwrap_or(0).into()),
                None => Scalar::Int(tensor.number(i).unwrap_or(0.0) as i128),
            }),
        }
    } else if from == Bool {
        Box::new(|i| Scalar::Bool(tensor.number(i) != Some(0.0)))
    } else {
        Box::new(|i| Scalar::Float(tensor.number(i).unwrap_or(f64::NAN)))
    };
    build(to, port.quantization.as_ref(), tensor.shape(), element)
        .map(Some)
        .map_err(|e| e.at(format_args!("input {:?}", port.name)))
}

/// Index `index` of the first axis, without that axis.
pub(super) fn slice(tensor: &Tensor, index: usize) -> Result<Tensor> {
    let (&count, shape) = tensor
        .shape()
        .split_first()
        .ok_or_else(|| Error::usage("a scalar has no samples"))?;
    if index >= count {
        return Err(Error::usage(format!(
            "sample {index} of {count}: the last is {}",
            count.saturating_sub(1)
        )));
    }
    let size = element_count(shape).unwrap_or(0);
    let range = index * size..(index + 1) * size;
    if let Some(strings) = tensor.strings() {
        let part = strings.get(range).unwrap_or_default().to_vec();
        return Ok(Tensor::from_strings(shape, part));
    }
    let width = tensor.dtype().size().unwrap_or(0);
    let bytes = tensor.bytes().unwrap_or_default();
    let part = bytes
        .get(range.start * width..range.end * width)
        .unwrap_or_default();
    Tensor::from_bytes(tensor.dtype(), shape, part)
}

/// The real numbers that a quantized tensor stands for, as float32; any other tensor as it is.
///
/// # Errors
/// There is no memory for them.
pub fn dequantized<'t>(
    tensor: &'t Tensor,
    quantization: Option<&Quantization>,
) -> Result<Cow<'t, Tensor>> {
    let Some(q) =
        quantization.filter(|q| !q.scale.is_empty() && int_range(tensor.dtype()).is_some())
    else {
        return Ok(Cow::Borrowed(tensor));
    };
    // Elements of one channel lie together in runs of `inner`.
    let axis = q.axis(tensor.shape().len());
    let inside = axis.and_then(|axis| tensor.shape().get(axis + 1..));
    let inner = element_count(inside.unwrap_or_default()).unwrap_or(0);
    let mut real = Tensor::zeros(DType::Float32, tensor.shape())?;
    let slots = real.values_mut::<f32>().unwrap_or_default();
    for (i, slot) in slots.iter_mut().enumerate() {
        let channel = if q.scale.len() > 1 {
            i / inner.max(1) % q.scale.len()
        } else {
            0
        };
        let zero = q.zero_point.get(channel).or(q.zero_point.first());
        let stored = tensor.number(i).unwrap_or(0.0) - zero.copied().unwrap_or(0) as f64;
        *slot = (stored * f64::from(q.scale[channel])) as f32;
    }
    Ok(Cow::Owned(real))
}

#[cfg(test)]
mod tests {
    use super::super::spec::tests::port;
    use super::*;

    #[test]
    fn real_numbers_become_the_integers_of_a_quantized_port() {
        let mut port = port(DType::Int8, &[1, 2]);
        port.quantization = Some(Quantization::per_tensor(0.5, -1));
        let fitted = fit(Tensor::from_values(&[2], &[1.0f32, -2.0]), &port).unwrap();
        assert_eq!(fitted.shape(), [1, 2]);
        assert_eq!(fitted.values::<i8>().unwrap(), [1, -5]);
        assert_eq!(
            dequantized(&fitted, port.quantization.as_ref())
                .unwrap()
                .numbers(),
            [1.0, -2.0]
        );
    }

    #[test]
    fn numpy_defaults_fit_and_fractions_are_not_cut() {
        let halves = Tensor::from_values(&[1], &[0.5f64]);
        assert!(fit(halves.clone(), &port(DType::Float32, &[1])).is_ok());
        let error = fit(halves, &port(DType::Int32, &[1])).unwrap_err();
        assert_eq!(error.to_string(), "input \"x\": 0.5 is no int32");
    }

    #[test]
    fn channels_have_their_own_scale() {
        let tensor = Tensor::from_values(&[2, 2], &[1i8, 2, 3, 4]);
        let q = Quantization::per_channel(vec![1.0, 10.0], 0);
        assert_eq!(
            dequantized(&tensor, Some(&q)).unwrap().numbers(),
            [1.0, 2.0, 30.0, 40.0]
        );
        let q = Quantization::per_channel(vec![1.0, 10.0], 1);
        assert_eq!(
            dequantized(&tensor, Some(&q)).unwrap().numbers(),
            [1.0, 20.0, 3.0, 40.0]
        );
    }

    #[test]
    fn samples_are_cut_along_the_first_axis() {
        let tensor = Tensor::from_values(&[3, 2], &[1i32, 2, 3, 4, 5, 6]);
        assert_eq!(slice(&tensor, 1).unwrap().values::<i32>().unwrap(), [3, 4]);
        assert!(slice(&tensor, 3).is_err());
    }

    #[test]
    fn sizes_beside_a_zero_may_be_huge() {
        const HUGE: usize = 1 << 40;
        let nothing = Tensor::from_values::<i8>(&[1, HUGE, HUGE, 0], &[]);
        assert_eq!(nothing.len(), 0);
        assert_eq!(slice(&nothing, 0).unwrap().shape(), [HUGE, HUGE, 0]);
        let nothing = Tensor::from_values::<i8>(&[0, HUGE, HUGE], &[]);
        let q = Quantization::per_channel(vec![1.0, 10.0], 0);
        assert!(dequantized(&nothing, Some(&q)).unwrap().is_empty());
    }
}

//! Operators that few models need work in one type of real numbers, whatever type comes in and goes out: one piece of
//! code for all of them.

use super::View;
use super::types::with_number;
use crate::error::{Error, Result};
use crate::kernels::elementwise::number::Number;
use crate::model::{DType, Tensor};

fn no_number(dtype: DType) -> Error {
    Error::unsupported(format!("no kernel for {dtype}"))
}

/// The values of any real type.
pub fn doubles(view: &View<'_>) -> Result<Vec<f64>> {
    with_number!(view.dtype, T => {
        Ok(view.values::<T>()?.iter().map(|v| v.to_f64()).collect())
    }, else Err(no_number(view.dtype)))
}

/// The same in float32.
pub fn floats(view: &View<'_>) -> Result<Vec<f32>> {
    match view.dtype {
        DType::Float32 => Ok(view.values::<f32>()?.to_vec()),
        _ => Ok(doubles(view)?.iter().map(|&v| v as f32).collect()),
    }
}

/// A tensor of any real type; whole numbers are cut.
pub fn of_doubles(dtype: DType, shape: &[usize], values: &[f64]) -> Result<Tensor> {
    with_number!(dtype, T => {
        let values: Vec<T> = values.iter().map(|&v| T::from_f64(v)).collect();
        Ok(Tensor::from_values(shape, &values))
    }, else Err(no_number(dtype)))
}

pub fn of_floats(dtype: DType, shape: &[usize], values: &[f32]) -> Result<Tensor> {
    match dtype {
        DType::Float32 => Ok(Tensor::from_values(shape, values)),
        _ => {
            let values: Vec<f64> = values.iter().map(|&v| f64::from(v)).collect();
            of_doubles(dtype, shape, &values)
        }
    }
}

/// A result that `fill` makes in float32.
///
/// # Errors
/// More than there is memory for.
pub fn made(dtype: DType, shape: &[usize], fill: impl FnOnce(&mut [f32])) -> Result<Tensor> {
    let mut tensor = Tensor::zeros(DType::Float32, shape)?;
    if let Some(values) = tensor.values_mut::<f32>() {
        fill(values);
    }
    match (dtype, tensor.values::<f32>()) {
        (DType::Float32, _) | (_, None) => Ok(tensor),
        (_, Some(values)) => of_floats(dtype, shape, values),
    }
}

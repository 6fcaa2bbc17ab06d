//! Isotonic regression along the last axis.

use super::reals::doubles;
use super::segment::view;
use super::types::with_float;
use super::{Context, Fact, Operator, Prepared};
use crate::error::Result;
use crate::kernels::elementwise::number::Number;
use crate::kernels::isotonic::fit;
use crate::model::{DType, Tensor};

pub(super) const OPERATORS: &[Operator] =
    &[Operator::new(&["IsotonicRegression"], &[], infer, prepare)];

/// The fitted values, and which stretch of equal ones each lies in.
fn infer(cx: &Context) -> Result<Vec<Fact>> {
    if cx.shape(0)?.rank() == Some(0) {
        return Err(cx.wrong("a regression of a scalar"));
    }
    let shape = cx.shape(0)?.clone();
    let values = Fact::new(cx.out_dtype(0)?, shape.clone());
    Ok(vec![values, Fact::new(DType::Int32, shape)])
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let dtype = cx.out_dtype(0)?;
    with_float!(dtype, T => Prepared::compute(move |inputs| {
        let x = view(inputs, 0)?;
        let mut values: Vec<T> = doubles(&x)?.into_iter().map(T::from_f64).collect();
        let mut pools = vec![0; values.len()];
        let row = x.shape.last().copied().unwrap_or(1).max(1);
        for (values, pools) in values.chunks_mut(row).zip(pools.chunks_mut(row)) {
            fit(values, pools);
        }
        Ok(vec![
            Tensor::from_values(x.shape, &values),
            Tensor::from_values(x.shape, &pools),
        ])
    }), else Err(cx.no_kernel(dtype)))
}

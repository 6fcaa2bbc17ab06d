//! Sequences of different lengths, turned around.

use super::movement::element_size;
use super::{Context, Fact, Operator, Prepared, View};
use crate::error::{Error, Result};
use crate::kernels::movement;
use crate::kernels::strides::MAX_RANK;
use crate::model::DType;

pub(super) const OPERATORS: &[Operator] = &[Operator::new(
    &["ReverseSequence"],
    &["REVERSE_SEQUENCE"],
    infer,
    prepare,
)];

fn infer(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.dtype(0)?, cx.shape(0)?.clone())
}

/// Whole numbers that come with a call.
pub(super) fn live_ints(view: &View) -> Result<Vec<i64>> {
    match view.dtype {
        DType::Int64 => Ok(view.values::<i64>()?.to_vec()),
        _ => {
            let values = view.values::<i32>()?;
            Ok(values.iter().map(|&v| i64::from(v)).collect())
        }
    }
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let (size, shape) = (element_size(cx, 0)?, cx.sizes(0)?);
    let along = cx.axis(cx.attr_int("seq_dim", 0), shape.len())?;
    let batch = cx.axis(cx.attr_int("batch_dim", 0), shape.len())?;
    let (steps, count) = (shape[along], shape[batch]);
    let lengths = cx.shape(1)?.elements();
    if along == batch || shape.len() > MAX_RANK || lengths != Some(count) {
        return Err(cx.wrong(format!(
            "lengths of shape {} for sequences along axis {along} of {shape:?}, one for each of axis {batch}",
            cx.shape(1)?
        )));
    }
    Prepared::function(move |io| {
        let lengths = live_ints(&io.view(1)?)?;
        let within = |&length: &i64| usize::try_from(length).ok().filter(|&n| n <= steps);
        let lengths: Option<Vec<usize>> = lengths.iter().map(within).collect();
        let lengths = lengths.ok_or_else(|| {
            Error::usage(format!(
                "a sequence length that is not between 0 and {steps}"
            ))
        })?;
        let (x, out) = (io.view(0)?.bytes(), io.output_bytes(0)?);
        movement::reverse_sequence(size, x, &shape, (along, batch), &lengths, out);
        Ok(())
    })
}

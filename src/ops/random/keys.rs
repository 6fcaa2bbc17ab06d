//! Keys and counters of generators: made from seeds, read from a variable.

use std::sync::Arc;

use super::super::segment::view;
use super::super::state;
use super::super::{Context, Fact, Prepared, View};
use super::sources::{advance, check_algorithm, of_seeds};
use super::tensors;
use crate::error::Result;
use crate::model::{DType, Tensor};

/// Philox, as TensorFlow numbers algorithms.
const PHILOX: i32 = 1;

pub(super) fn infer(cx: &Context) -> Result<Vec<Fact>> {
    let algorithm = Fact::fixed(DType::Int32, &[]);
    let key = Fact::fixed(DType::UInt64, &[1]);
    let counter = Fact::fixed(DType::UInt64, &[2]);
    Ok(match &*cx.node.op {
        "StatelessRandomGetAlg" => vec![algorithm],
        "StatelessRandomGetKeyCounter" => vec![key, counter],
        _ => vec![key, counter, algorithm],
    })
}

pub(super) fn prepare(cx: &Context) -> Result<Prepared> {
    let (outputs, seeds) = (cx.node.outputs.len(), cx.has(0));
    Prepared::compute(move |inputs| {
        let algorithm = Tensor::from_values(&[], &[PHILOX]);
        if !seeds {
            return Ok(vec![algorithm]);
        }
        let philox = of_seeds(&view(inputs, 0)?)?;
        let counter = [philox.counter() as u64, (philox.counter() >> 64) as u64];
        let mut made = vec![
            Tensor::from_values(&[1], &[philox.key()]),
            Tensor::from_values(&[2], &counter),
            algorithm,
        ];
        made.truncate(outputs);
        Ok(made)
    })
}

pub(super) fn infer_skip(cx: &Context) -> Result<Vec<Fact>> {
    Ok(match &*cx.node.op {
        "RngSkip" => Vec::new(),
        _ => vec![Fact::fixed(DType::Int64, &[3])],
    })
}

/// The generator of a variable goes on; its counter and key as they were come out.
pub(super) fn prepare_skip(cx: &Context) -> Result<Prepared> {
    let reads = &*cx.node.op == "RngReadAndSkip";
    Prepared::effect(move |inputs, state| {
        check_algorithm(&View::of(state::tensor(&inputs, 1)?))?;
        let delta = View::of(state::tensor(&inputs, 2)?);
        let delta = match delta.dtype {
            DType::UInt64 => delta.values::<u64>()?.first().copied().unwrap_or(0),
            _ => super::whole(&delta)? as u64,
        };
        let before = advance(state, &inputs, u128::from(delta) * 256)?;
        let counter = before.counter();
        let words = [counter as i64, (counter >> 64) as i64, before.key() as i64];
        Ok(match reads {
            true => tensors(Tensor::from_values(&[3], &words)),
            false => Vec::<Arc<Tensor>>::new(),
        })
    })
}

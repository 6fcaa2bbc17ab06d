//! Sequences of different lengths, turned around.

use super::movement::element_size;
use super::{Context, Fact, HandsOn, Operator, Prepared, View, room_bytes};
use crate::error::{Error, Result};
use crate::kernels::elementwise::map;
use crate::kernels::movement;
use crate::kernels::strides::MAX_RANK;
use crate::model::DType;

pub(super) const OPERATORS: &[Operator] =
    &[
        Operator::new(&["ReverseSequence"], &["REVERSE_SEQUENCE"], infer, prepare)
            .moving()
            .handing_on(HandsOn::Inputs(&[0])),
    ];

fn infer(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.dtype(0)?, cx.shape(0)?.clone())
}

/// Copies whole numbers that come with a call into `room`, which has one place for each.
pub(super) fn live_ints(view: &View, room: &mut [i64]) -> Result<()> {
    match view.dtype {
        DType::Int64 => map(view.values::<i64>()?, room, |v| v),
        _ => map(view.values::<i32>()?, room, i64::from),
    }
    Ok(())
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
    let scratch = room_bytes::<i64>(count).saturating_add(room_bytes::<usize>(count));
    Prepared::with_room(scratch, move |io| {
        let (told, lengths) = (io.room(count)?, io.room::<usize>(count)?);
        live_ints(&io.view(1)?, told)?;
        for (length, &told) in lengths.iter_mut().zip(&*told) {
            let within = usize::try_from(told).ok().filter(|&n| n <= steps);
            *length = within.ok_or_else(|| {
                Error::usage(format!(
                    "a sequence length that is not between 0 and {steps}"
                ))
            })?;
        }
        let (x, out) = (io.view(0)?.bytes(), io.output_bytes(0)?);
        movement::reverse_sequence(size, x, &shape, (along, batch), lengths, out);
        Ok(())
    })
}

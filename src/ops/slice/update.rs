//! Slices that are written to: of a variable, or of a copy of a tensor.

use super::{Masks, Resolved, told};
use crate::error::{Error, Result};
use crate::model::Tensor;
use crate::ops::segment::{view, whole_numbers};
use crate::ops::{Content, Context, Operator, Prepared, View, broadcast, state};

pub const OPERATORS: &[Operator] = &[
    Operator::new(
        &["ResourceStridedSliceAssign"],
        &[],
        |_| Ok(Vec::new()),
        prepare_assign,
    )
    .effect(),
    Operator::new(
        &["TensorStridedSliceUpdate"],
        &[],
        |cx| cx.one(cx.dtype(0)?, cx.shape(0)?.clone()),
        prepare_update,
    ),
];

fn prepare_assign(cx: &Context) -> Result<Prepared> {
    let masks = Masks::of(cx);
    Prepared::effect(move |inputs, state| {
        let bound = |at: usize| whole_numbers(&View::of(state::tensor(&inputs, at)?));
        let bounds = [bound(1)?, bound(2)?, bound(3)?];
        let value = state::tensor(&inputs, 4)?;
        state.change(state::handle(&inputs, 0)?, |held| {
            put(held, told(bounds, masks, held.shape())?, &View::of(value))
        })?;
        Ok(Vec::new())
    })
}

fn prepare_update(cx: &Context) -> Result<Prepared> {
    let masks = Masks::of(cx);
    Prepared::compute(move |inputs| {
        let bound = |at: usize| whole_numbers(&view(inputs, at)?);
        let bounds = [bound(1)?, bound(2)?, bound(3)?];
        let mut out = view(inputs, 0)?.to_tensor()?;
        let slice = told(bounds, masks, out.shape())?;
        put(&mut out, slice, &view(inputs, 4)?)?;
        Ok(vec![out])
    })
}

/// Writes a value, spread to the slice, into it. Leading axes of size 1 that the slice lacks don't count.
fn put(held: &mut Tensor, slice: Resolved, value: &View<'_>) -> Result<()> {
    let misfit = || {
        Error::usage(format!(
            "{} {:?} for a slice of {:?}",
            value.dtype, value.shape, slice.shape
        ))
    };
    if value.dtype != held.dtype() {
        return Err(misfit());
    }
    let shape: Vec<usize> = slice.shape.iter().map(|&size| size as usize).collect();
    let more = value.shape.len().saturating_sub(shape.len());
    let (lead, own) = value.shape.split_at(more);
    if lead.iter().any(|&size| size != 1) {
        return Err(misfit());
    }
    let (spread, sources) = broadcast::places([&shape, own])?;
    if spread != shape {
        return Err(misfit());
    }
    let sizes = held.shape().to_vec();
    let axes = slice.begin.iter().zip(&slice.strides).zip(&slice.sizes);
    let axes: Vec<[i64; 3]> = axes.map(|((&b, &s), &n)| [b, s, n]).collect();
    let place = |at: usize| {
        let (mut rest, mut place, mut step) = (at as i64, 0, 1);
        for (&[begin, stride, count], &whole) in axes.iter().zip(&sizes).rev() {
            place += (begin + rest % count * stride) * step;
            rest /= count;
            step *= whole as i64;
        }
        place as usize
    };
    match value.data {
        Content::Strings(values) => {
            let mut all = held.strings().ok_or_else(misfit)?.to_vec();
            for (at, [_, source]) in sources.into_iter().enumerate() {
                all[place(at)].clone_from(&values[source]);
            }
            *held = Tensor::from_strings(&sizes, all);
        }
        Content::Bytes(values) => {
            let size = value.dtype.size().ok_or_else(misfit)?;
            let all = held.bytes_mut().ok_or_else(misfit)?;
            for (at, [_, source]) in sources.into_iter().enumerate() {
                all[place(at) * size..][..size].copy_from_slice(&values[source * size..][..size]);
            }
        }
        _ => return Err(Error::unsupported(format!("slices of {}", value.dtype))),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Masks = Masks {
        begin: 0,
        end: 0,
        ellipsis: 0,
        new_axis: 0,
        shrink_axis: 0,
    };

    fn written(
        bounds: [[i64; 2]; 3],
        masks: Masks,
        shape: &[usize],
        values: &[f32],
    ) -> Result<Vec<f32>> {
        let mut held = Tensor::from_values(&[2, 3], &[0f32; 6]);
        let slice = told(bounds.map(|b| b.to_vec()), masks, held.shape())?;
        put(
            &mut held,
            slice,
            &View::of(&Tensor::from_values(shape, values)),
        )?;
        Ok(held.values().unwrap().to_vec())
    }

    /// As TensorFlow 2.21 does it.
    #[test]
    fn values_spread_over_the_slice() {
        let right = [[0, 1], [2, 3], [1, 1]];
        let shrunk = Masks {
            shrink_axis: 1,
            ..PLAIN
        };
        assert_eq!(
            written(right, PLAIN, &[], &[5.0]).unwrap(),
            [0.0, 5.0, 5.0, 0.0, 5.0, 5.0]
        );
        assert_eq!(
            written(right, PLAIN, &[1, 1, 2], &[5.0, 6.0]).unwrap(),
            [0.0, 5.0, 6.0, 0.0, 5.0, 6.0]
        );
        assert_eq!(
            written(right, shrunk, &[2], &[5.0, 6.0]).unwrap(),
            [0.0, 5.0, 6.0, 0.0, 0.0, 0.0]
        );
        let back = [[1, 2], [-9, 0], [-1, -1]];
        assert_eq!(
            written(back, PLAIN, &[2, 2], &[1.0, 2.0, 3.0, 4.0]).unwrap(),
            [0.0, 4.0, 3.0, 0.0, 2.0, 1.0]
        );
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let right = [[0, 1], [2, 3], [1, 1]];
        assert!(written(right, PLAIN, &[3], &[0.0; 3]).is_err());
        assert!(written(right, PLAIN, &[2, 1, 2], &[0.0; 4]).is_err());
        assert!(written([[0, 1], [2, 3], [1, 0]], PLAIN, &[], &[0.0]).is_err());
    }
}

//! The gradients of mirrored padding: what stands in the padding is added where it came from.

use crate::error::{Error, Result};
use crate::kernels::elementwise::ring::Ring;
use crate::model::{Element, Shape, Tensor};
use crate::ops::segment::{view, whole_numbers};
use crate::ops::types::{check_ring, with_ring};
use crate::ops::{Context, Fact, Operator, Prepared};

pub const OPERATORS: &[Operator] = &[Operator::new(&["MirrorPadGrad"], &[], infer, prepare)];

fn infer(cx: &Context) -> Result<Vec<Fact>> {
    let dims = match (cx.shape(0)?.fixed(), cx.ints(1)?) {
        (Some(sizes), Some(pads)) => {
            let left = left(&sizes, &pads, edge(cx)?)?;
            Some(left.iter().map(|axis| axis[1] as i64).collect())
        }
        _ => cx.shape(0)?.rank().map(|rank| vec![-1; rank]),
    };
    cx.one(cx.dtype(0)?, Shape(dims))
}

/// How many elements at the edge the mirror leaves out.
fn edge(cx: &Context) -> Result<usize> {
    match cx.node.attrs.text("mode") {
        Some("REFLECT") => Ok(1),
        Some("SYMMETRIC") => Ok(0),
        other => Err(cx.wrong(format!("the mode {other:?}, expected REFLECT or SYMMETRIC"))),
    }
}

/// For each axis the padding before, what is left without both paddings, and the padding after.
fn left(sizes: &[usize], pads: &[i64], edge: usize) -> Result<Vec<[usize; 3]>> {
    let wrong = || {
        Error::usage(format!(
            "the paddings {pads:?} of {sizes:?}, expected two for each axis, no larger than what they mirror"
        ))
    };
    if pads.len() != 2 * sizes.len() {
        return Err(wrong());
    }
    let axes = sizes.iter().zip(pads.chunks_exact(2));
    let axes = axes.map(|(&size, pads)| {
        let [before, after] = [pads[0], pads[1]].map(|pad| usize::try_from(pad).ok());
        let (before, after) = before.zip(after)?;
        let inner = size.checked_sub(before)?.checked_sub(after)?;
        let most = inner.checked_sub(edge)?;
        (inner > 0 && before <= most && after <= most).then_some([before, inner, after])
    });
    axes.collect::<Option<Vec<_>>>().ok_or_else(wrong)
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let (dtype, edge) = (cx.dtype(0)?, edge(cx)?);
    check_ring(cx, dtype)?;
    Prepared::compute(move |inputs| {
        let (x, pads) = (view(inputs, 0)?, view(inputs, 1)?);
        if !matches!(pads.shape, [_, 2]) {
            return Err(Error::usage(format!("paddings of {:?}", pads.shape)));
        }
        let axes = left(x.shape, &whole_numbers(&pads)?, edge)?;
        with_ring!(dtype, T => {
            let mut values = x.values::<T>()?.to_vec();
            let mut shape = x.shape.to_vec();
            for (axis, &parts) in axes.iter().enumerate() {
                values = folded(&values, &shape, axis, parts, edge);
                shape[axis] = parts[1];
            }
            Ok(vec![Tensor::from_values(&shape, &values)])
        }, else Err(Error::unsupported(format!("no kernel for {dtype}"))))
    })
}

/// Without the padding of one axis, which is added: that before first.
fn folded<T: Ring + Element>(
    values: &[T],
    shape: &[usize],
    axis: usize,
    [before, inner, after]: [usize; 3],
    edge: usize,
) -> Vec<T> {
    let row: usize = shape[axis + 1..].iter().product();
    let mut out = Vec::with_capacity(values.len());
    for lines in values.chunks_exact((shape[axis] * row).max(1)) {
        let line = |at: usize| &lines[at * row..][..row];
        for at in 0..inner {
            let start = out.len();
            out.extend_from_slice(line(before + at));
            let mut add = |from: usize| {
                for (sum, &v) in out[start..].iter_mut().zip(line(from)) {
                    *sum = sum.plus(v);
                }
            };
            // As far from the edge as the element of the padding that shows it.
            if let Some(step) = at.checked_sub(edge).filter(|&step| step < before) {
                add(before - 1 - step);
            }
            let back = (inner - 1 - at).checked_sub(edge);
            if let Some(step) = back.filter(|&step| step < after) {
                add(before + inner + step);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As TensorFlow 2.21 does it.
    #[test]
    fn paddings_fold_where_they_came_from() {
        let x: Vec<f32> = (1..8).map(|v| v as f32).collect();
        assert_eq!(folded(&x, &[7], 0, [2, 4, 1], 1), [3.0, 6.0, 13.0, 6.0]);
        assert_eq!(folded(&x, &[7], 0, [2, 4, 1], 0), [5.0, 5.0, 5.0, 13.0]);
        assert_eq!(folded(&x, &[7], 0, [3, 4, 0], 0), [7.0, 7.0, 7.0, 7.0]);
        assert!(left(&[7], &[3, 1], 1).is_err());
        assert!(left(&[7], &[-1, 0], 0).is_err());
        assert!(left(&[7], &[4, 4], 0).is_err());
    }
}

//! Shapes that spread over one another, numpy's way.

use super::Context;
use crate::error::{Error, Result};
use crate::kernels::strides::{self, Walk};
use crate::model::Shape;

/// The shape that all of `shapes` spread to. Unknown sizes stay unknown, except beside one that is not 1.
pub fn shape(cx: &Context, shapes: &[&Shape]) -> Result<Shape> {
    let mut dims: Vec<&[i64]> = Vec::with_capacity(shapes.len());
    for shape in shapes {
        match shape.dims() {
            Some(d) => dims.push(d),
            None => return Ok(Shape::UNKNOWN),
        }
    }
    let rank = dims.iter().map(|d| d.len()).max().unwrap_or(0);
    let mut out = vec![1i64; rank];
    for dims in &dims {
        let lead = rank - dims.len();
        for (slot, &size) in out[lead..].iter_mut().zip(*dims) {
            *slot = match (*slot, size) {
                (a, b) if a == b => a,
                (1, b) => b,
                (a, 1) => a,
                (-1, b) => b,
                (a, -1) => a,
                _ => {
                    let all: Vec<_> = shapes.iter().map(ToString::to_string).collect();
                    return Err(cx.wrong(format!("shapes {} don't broadcast", all.join(" and "))));
                }
            };
        }
    }
    Ok(Shape(Some(out)))
}

/// What concrete shapes spread to, and for each element of that, row by row, which element of each operand it takes.
///
/// # Errors
/// Shapes that don't fit, or too many axes.
pub fn places<const N: usize>(shapes: [&[usize]; N]) -> Result<(Vec<usize>, Vec<[usize; N]>)> {
    let out = strides::broadcast_shape(&shapes).filter(|out| out.len() <= strides::MAX_RANK);
    let out = out.ok_or_else(|| Error::usage(format!("shapes {shapes:?} don't broadcast")))?;
    let walk = Walk::new(
        &out,
        shapes.map(|shape| strides::broadcast_strides(shape, &out)),
    );
    let mut places = Vec::with_capacity(out.iter().product());
    for run in walk.runs([0; N]) {
        let mut at = run.at;
        for _ in 0..run.len {
            places.push(at);
            for (at, step) in at.iter_mut().zip(run.step) {
                *at = at.wrapping_add_signed(step);
            }
        }
    }
    Ok((out, places))
}

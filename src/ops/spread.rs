//! Elements set apart: DILATE and STABLEHLO_PAD.
//!
//! Along each axis an input of `n` values becomes `low + n + (n - 1) * between + high` values; what is new is the
//! padding value, a negative `low` or `high` cuts values off.

use super::movement::element_size;
use super::{Context, Fact, Operator, Prepared};
use crate::error::{Error, Result};
use crate::kernels::movement::spread::{Spread, spread};
use crate::model::Shape;

pub(super) const OPERATORS: &[Operator] = &[Operator::new(
    &[],
    &["DILATE", "STABLEHLO_PAD"],
    infer,
    prepare,
)];

/// How the axes are spread, and which input is the padding value; `None` where it is not known yet.
fn spreads(cx: &Context, rank: usize) -> Result<Option<Vec<Spread>>> {
    let lists = if &*cx.node.op == "DILATE" {
        let Some(steps) = cx.ints(1)? else {
            return Ok(None);
        };
        let between = steps.iter().map(|step| step.saturating_sub(1)).collect();
        [vec![0; steps.len()], between, vec![0; steps.len()]]
    } else {
        let names = ["edge_padding_low", "interior_padding", "edge_padding_high"];
        names.map(|name| cx.node.attrs.ints(name).unwrap_or_default())
    };
    let [low, between, high] = &lists;
    const MOST: std::ops::Range<i64> = -(1 << 31)..1 << 31;
    let fits = lists
        .iter()
        .all(|list| list.len() == rank && list.iter().all(|v| MOST.contains(v)));
    if !fits || between.iter().any(|&v| v < 0) {
        return Err(cx.wrong(format!(
            "{low:?}, {between:?}, {high:?} for {rank} dimensions"
        )));
    }
    let axes = low.iter().zip(between).zip(high);
    Ok(Some(
        axes.map(|((&low, &between), &high)| Spread { low, between, high })
            .collect(),
    ))
}

fn infer(cx: &Context) -> Result<Vec<Fact>> {
    let dtype = cx.dtype(0)?;
    let Some(dims) = cx.shape(0)?.dims() else {
        return cx.one(dtype, Shape::UNKNOWN);
    };
    let Some(spreads) = spreads(cx, dims.len())? else {
        return cx.one(dtype, Shape(Some(vec![-1; dims.len()])));
    };
    let axes = dims.iter().zip(&spreads);
    let sizes = axes.map(|(&size, spread)| if size < 0 { -1 } else { spread.size(size) });
    let mut sizes: Vec<i64> = sizes.collect();
    // TensorFlow Lite gives an output without elements no size along any axis.
    if sizes.contains(&0) {
        sizes.fill(0);
    }
    cx.one(dtype, Shape(Some(sizes)))
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let (size, sizes) = (element_size(cx, 0)?, cx.sizes(0)?);
    let value = if &*cx.node.op == "DILATE" { 2 } else { 1 };
    let Some(spreads) = spreads(cx, sizes.len())? else {
        return super::later();
    };
    if cx.dtype(value)? != cx.dtype(0)? {
        return Err(cx.wrong(format!(
            "{} with padding of {}",
            cx.dtype(0)?,
            cx.dtype(value)?
        )));
    }
    Prepared::function(move |io| {
        let (x, value) = (io.view(0)?.bytes(), io.view(value)?.bytes());
        let value = value
            .get(..size)
            .ok_or_else(|| Error::usage("no padding value"))?;
        spread((x, &sizes), &spreads, value, io.output_bytes(0)?);
        Ok(())
    })
}

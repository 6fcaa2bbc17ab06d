//! REDUCE_WINDOW, and StableHLO's, which spreads and pads its input before.

use super::folds::Fold;
use super::types::with_number;
use super::{Context, Fact, Operator, Prepared, room_bytes};
use crate::error::{Error, Result};
use crate::kernels::movement::spread::{Spread, spread};
use crate::kernels::reference::reduce_window::{Window, reduce_window};
use crate::kernels::strides::MAX_RANK;
use crate::model::{DType, Shape};

pub(super) const OPERATORS: &[Operator] = &[Operator::new(
    &[],
    &["REDUCE_WINDOW", "STABLEHLO_REDUCE_WINDOW"],
    infer,
    prepare,
)];

/// No size, step or edge of a real model is larger.
const MOST: i64 = 1 << 31;

struct Windows {
    windows: Vec<Window>,
    /// What becomes of the input first; empty where it is taken as it is.
    spreads: Vec<Spread>,
}

impl Windows {
    /// The sizes that the windows slide over.
    fn spread(&self, sizes: &[i64]) -> Vec<i64> {
        if self.spreads.is_empty() {
            return sizes.to_vec();
        }
        let axes = sizes.iter().zip(&self.spreads);
        axes.map(|(&size, spread)| if size < 0 { -1 } else { spread.size(size) })
            .collect()
    }
}

/// `None` where the windows are values of the run.
fn windows(cx: &Context, rank: usize) -> Result<Option<Windows>> {
    let attr = |name: &str| cx.node.attrs.ints(name).unwrap_or_default();
    let plain = &*cx.node.op == "REDUCE_WINDOW";
    let [sizes, strides, dilations] = if plain {
        match (cx.ints(2)?, cx.ints(3)?, cx.ints(4)?) {
            (Some(a), Some(b), Some(c)) => [a, b, c],
            _ => return Ok(None),
        }
    } else {
        ["window_dimensions", "window_strides", "window_dilations"].map(attr)
    };
    let wrong = || {
        cx.wrong(format!(
            "windows of {sizes:?}, strides {strides:?}, dilations {dilations:?} for {rank} dimensions"
        ))
    };
    let lists = [&sizes, &strides, &dilations];
    let fits = |list: &&Vec<i64>| list.len() == rank && list.iter().all(|v| (1..MOST).contains(v));
    if rank > MAX_RANK || !lists.iter().all(fits) {
        return Err(wrong());
    }
    let axes = sizes.iter().zip(&strides).zip(&dilations);
    let windows = axes.map(|((&size, &stride), &dilation)| Window {
        size: size as usize,
        stride: stride as usize,
        dilation: dilation as usize,
    });
    let windows = windows.collect();
    let spreads = if plain {
        Vec::new()
    } else {
        spreads(cx, rank)?
    };
    Ok(Some(Windows { windows, spreads }))
}

fn spreads(cx: &Context, rank: usize) -> Result<Vec<Spread>> {
    let [base, edges] =
        ["base_dilations", "padding"].map(|name| cx.node.attrs.ints(name).unwrap_or_default());
    let fits = base.len() == rank
        && edges.len() == 2 * rank
        && base.iter().all(|v| (1..MOST).contains(v))
        && edges.iter().all(|v| (-MOST..MOST).contains(v));
    if !fits {
        return Err(cx.wrong(format!(
            "base dilations {base:?} and padding {edges:?} for {rank} dimensions"
        )));
    }
    let axes = base.iter().zip(edges.as_chunks::<2>().0);
    Ok(axes
        .map(|(&base, &[low, high])| Spread {
            low,
            between: base - 1,
            high,
        })
        .collect())
}

fn infer(cx: &Context) -> Result<Vec<Fact>> {
    let dtype = cx.dtype(0)?;
    let Some(dims) = cx.shape(0)?.dims() else {
        return cx.one(dtype, Shape::UNKNOWN);
    };
    let Some(windows) = windows(cx, dims.len())? else {
        return cx.one(dtype, Shape(Some(vec![-1; dims.len()])));
    };
    let spread = windows.spread(dims);
    let axes = spread.iter().zip(&windows.windows);
    let sizes = axes
        .map(|(&size, window)| usize::try_from(size).map_or(-1, |size| window.count(size) as i64));
    cx.one(dtype, Shape(Some(sizes.collect())))
}

fn fold(cx: &Context) -> Result<Fold> {
    if &*cx.node.op != "REDUCE_WINDOW" {
        return Fold::of_region(cx);
    }
    Ok(match cx.attr_int("reduce_function", 0) {
        1 => Fold::Add,
        2 => Fold::Multiply,
        3 => Fold::Minimum,
        4 => Fold::Maximum,
        5 => Fold::All,
        6 => Fold::Any,
        other => return Err(cx.unsupported(format!("the reduce function {other}"))),
    })
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let (sizes, dtype) = (cx.sizes(0)?, cx.dtype(0)?);
    let Some(windows) = windows(cx, sizes.len())? else {
        return super::later();
    };
    if cx.dtype(1)? != dtype || cx.shape(1)?.elements() != Some(1) {
        return Err(cx.wrong(format!("{} {} to begin with", cx.dtype(1)?, cx.shape(1)?)));
    }
    let fold = fold(cx)?.on(dtype);
    let dims: Vec<i64> = sizes.iter().map(|&size| size as i64).collect();
    let spread_sizes: Vec<usize> = windows.spread(&dims).iter().map(|&d| d as usize).collect();
    let count = crate::model::shape::element_count(&spread_sizes);
    let count = count.ok_or_else(|| cx.wrong(format!("{spread_sizes:?} values")))?;
    let plain = if dtype == DType::Bool {
        DType::UInt8
    } else {
        dtype
    };
    with_number!(plain, T => {
        let room = if windows.spreads.is_empty() { 0 } else { count };
        Prepared::with_room(room_bytes::<T>(room), move |io| {
            let (mut x, init) = (io.input::<T>(0)?, io.input::<T>(1)?);
            let &[init] = init else { return Err(Error::usage("no value to begin with")) };
            let out = io.output::<T>(0)?;
            if !windows.spreads.is_empty() {
                let wide = io.room::<T>(count)?;
                let (from, bytes) = (bytemuck::cast_slice(x), bytemuck::cast_slice_mut(&mut *wide));
                spread((from, &sizes), &windows.spreads, bytemuck::bytes_of(&init), bytes);
                x = wide;
            }
            reduce_window((x, &spread_sizes), &windows.windows, init, |a, b| fold.apply(a, b), out);
            Ok(())
        })
    }, else Err(cx.no_kernel(dtype)))
}

//! Values counted, ranked and placed between bounds.

use super::scatter::{Gathered, Rows};
use super::segment::{view, whole_numbers};
use super::types::{check_number, with_float, with_integer, with_number, with_type};
use super::{Context, Fact, Operator, Prepared, broadcast};
use crate::error::{Error, Result};
use crate::kernels::elementwise::halves::Steps;
use crate::kernels::elementwise::map;
use crate::kernels::elementwise::number::Number;
use crate::kernels::reference::order::{Axis, cumulate};
use crate::model::{Attr, DType, Element, Shape, Tensor};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        &["Bucketize"],
        &["BUCKETIZE"],
        infer_buckets,
        prepare_buckets,
    ),
    Operator::new(
        &["LowerBound", "UpperBound"],
        &[],
        infer_bounds,
        prepare_bounds,
    ),
    Operator::new(
        &["HistogramFixedWidth"],
        &[],
        infer_histogram,
        prepare_histogram,
    ),
    Operator::new(&["NthElement"], &[], infer_nth, prepare_nth),
    Operator::new(&["PopulationCount"], &[], infer_bits, prepare_bits),
    Operator::new(&["InTopK", "InTopKV2"], &[], infer_among, prepare_among),
    Operator::new(&["Cross"], &[], infer_cross, prepare_cross),
    Operator::new(&["CumulativeLogsumexp"], &[], infer_first, prepare_running),
    Operator::new(&["BroadcastGradientArgs"], &[], infer_axes, prepare_axes),
];

/// More bins than this come from a damaged file.
const MOST: i64 = 1 << 28;

fn infer_first(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.dtype(0)?, cx.shape(0)?.clone())
}

fn infer_among(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(DType::Bool, cx.shape(1)?.clone())
}

/// Whether the score of the class that each row names is among the `k` largest; equal ones all are. Scores that are not
/// finite never are.
fn prepare_among(cx: &Context) -> Result<Prepared> {
    let told = cx.attr_int("k", 0);
    Prepared::compute(move |inputs| {
        let (scores, targets) = (view(inputs, 0)?, view(inputs, 1)?);
        let classes = scores.shape.last().copied().unwrap_or(0);
        let most = match inputs.get(2).copied().flatten() {
            Some(k) => whole_numbers(&k)?.first().copied().unwrap_or(0),
            None => told,
        };
        let targets = whole_numbers(&targets)?;
        if scores.shape != [targets.len(), classes] {
            let (scores, rows) = (scores.shape, targets.len());
            return Err(Error::usage(format!(
                "scores of {scores:?} for {rows} classes"
            )));
        }
        let rows = scores.values::<f32>()?.chunks(classes.max(1)).zip(&targets);
        let among = rows.map(|(row, &target)| {
            let own = usize::try_from(target).ok().and_then(|at| row.get(at));
            let own = own.filter(|own| own.is_finite());
            let all = row.iter().all(|score| score.is_finite());
            let better = own.map(|own| row.iter().filter(|score| *score > own).count());
            u8::from(all && better.is_some_and(|better| (better as i64) < most))
        });
        let among: Vec<u8> = among.collect();
        Ok(vec![Tensor::typed(DType::Bool, &[among.len()], &among)])
    })
}

fn infer_buckets(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(DType::Int32, cx.shape(0)?.clone())
}

/// How many bounds are not above each value.
fn prepare_buckets(cx: &Context) -> Result<Prepared> {
    let bounds = cx.node.attrs.list("boundaries").unwrap_or_default();
    let bounds: Vec<f32> = (bounds.iter())
        .filter_map(|bound| Attr::as_float(bound).map(|v| v as f32))
        .collect();
    let dtype = cx.dtype(0)?;
    with_type!(dtype, T in [Int32: i32, Int64: i64, Float32: f32, Float64: f64] => Prepared::function(move |io| {
        let bucket = |v: T| bounds.partition_point(|&bound| {
            // A value that is no number is above all.
            v.is_nan() || v.to_f64() >= f64::from(bound)
        }) as i32;
        map(io.input::<T>(0)?, io.output::<i32>(0)?, bucket);
        Ok(())
    }), else Err(cx.no_kernel(dtype)))
}

fn infer_bounds(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.out_dtype(0)?, cx.shape(1)?.clone())
}

/// Where each value would stand in its sorted row.
fn prepare_bounds(cx: &Context) -> Result<Prepared> {
    let (dtype, to) = (cx.dtype(0)?, cx.out_dtype(0)?);
    let upper = &*cx.node.op == "UpperBound";
    check_number(cx, dtype)?;
    Prepared::compute(move |inputs| {
        let (sorted, values) = (view(inputs, 0)?, view(inputs, 1)?);
        let (&[rows, width], &[other, each]) = (sorted.shape, values.shape) else {
            return Err(Error::usage(format!(
                "rows of {:?} and {:?}",
                sorted.shape, values.shape
            )));
        };
        if rows != other {
            return Err(Error::usage(format!(
                "{rows} sorted rows, {other} of values"
            )));
        }
        let out = with_number!(dtype, T => {
            let (x, wanted) = (sorted.values::<T>()?, values.values::<T>()?);
            bounds(upper, (x, width), (wanted, each))
        }, else Vec::new());
        Ok(vec![super::tokens::numbers(to, values.shape, &out)])
    })
}

fn bounds<T: Number>(
    upper: bool,
    (x, width): (&[T], usize),
    (wanted, each): (&[T], usize),
) -> Vec<i64> {
    let mut out = Vec::with_capacity(wanted.len());
    for (at, v) in wanted.iter().enumerate() {
        let row = &x[at / each * width..][..width];
        out.push(row.partition_point(|s| if upper { s <= v } else { s < v }) as i64);
    }
    out
}

fn infer_histogram(cx: &Context) -> Result<Vec<Fact>> {
    let bins = cx.int(2)?.unwrap_or(-1);
    cx.one(cx.out_dtype(0)?, Shape(Some(vec![bins])))
}

/// Values counted in bins of equal width; what lies outside counts in the outermost.
fn prepare_histogram(cx: &Context) -> Result<Prepared> {
    let (dtype, to) = (cx.dtype(0)?, cx.out_dtype(0)?);
    with_type!(dtype, T in [Int32: i32, Int64: i64, Float32: f32, Float64: f64] => Prepared::compute(move |inputs| {
        let (x, range) = (view(inputs, 0)?, view(inputs, 1)?);
        let bins = whole_numbers(&view(inputs, 2)?)?.first().copied().unwrap_or(0);
        let (&[low, high], 1..=MOST) = (range.values::<T>()?, bins) else {
            return Err(Error::usage(format!("{bins} bins over a range of {:?}", range.shape)));
        };
        let (low, high) = (low.to_f64(), high.to_f64());
        if low.is_nan() || high.is_nan() || low >= high {
            return Err(Error::usage(format!("a range from {low} to {high}")));
        }
        let step = (high - low) / bins as f64;
        let mut counts = vec![0i64; bins as usize];
        for v in x.values::<T>()? {
            let at = (v.to_f64().max(low) - low) / step;
            counts[at.min((bins - 1) as f64) as usize] += 1;
        }
        Ok(vec![super::tokens::numbers(to, &[counts.len()], &counts)])
    }), else Err(cx.no_kernel(dtype)))
}

fn infer_nth(cx: &Context) -> Result<Vec<Fact>> {
    let dims = cx
        .shape(0)?
        .dims()
        .and_then(|dims| Some(dims.split_last()?.1.to_vec()));
    cx.one(cx.dtype(0)?, Shape(dims))
}

fn prepare_nth(cx: &Context) -> Result<Prepared> {
    let (dtype, reverse) = (cx.dtype(0)?, cx.attr_bool("reverse"));
    check_number(cx, dtype)?;
    Prepared::compute(move |inputs| {
        let x = view(inputs, 0)?;
        let n = whole_numbers(&view(inputs, 1)?)?.first().copied();
        let Some((&width, outer)) = x.shape.split_last() else {
            return Err(Error::usage("an element of a scalar"));
        };
        let n = n
            .and_then(|n| usize::try_from(n).ok())
            .filter(|&n| n < width);
        let n = n.ok_or_else(|| Error::usage(format!("an element past the {width} of a row")))?;
        let at = if reverse { width - 1 - n } else { n };
        // Rows are sorted as numbers of one type that tells them all apart; the element itself is taken.
        let places: Vec<usize> = match dtype {
            DType::Int64 => nth(x.values::<i64>()?, width, at),
            DType::UInt64 => nth(x.values::<u64>()?, width, at),
            _ => nth(&super::reals::doubles(&x)?, width, at),
        };
        let rows = Rows::of(&x)?;
        let mut out = Gathered::default();
        for place in places {
            rows.push(place, x.shape.iter().product(), &mut out);
        }
        Ok(vec![out.tensor(dtype, outer)?])
    })
}

/// Where in all the rows the element stands that is at place `at` of each row once that is sorted.
fn nth<T: PartialOrd>(x: &[T], width: usize, at: usize) -> Vec<usize> {
    let mut order = Vec::with_capacity(width);
    let rows = (0..x.len()).step_by(width);
    rows.map(|start| {
        order.clear();
        order.extend(start..start + width);
        order.sort_by(|&a, &b| x[a].partial_cmp(&x[b]).unwrap_or(std::cmp::Ordering::Equal));
        order[at]
    })
    .collect()
}

fn infer_bits(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(DType::UInt8, cx.shape(0)?.clone())
}

fn prepare_bits(cx: &Context) -> Result<Prepared> {
    let dtype = cx.dtype(0)?;
    with_integer!(dtype, T => Prepared::function(|io| {
        map(io.input::<T>(0)?, io.output::<u8>(0)?, |v| v.count_ones() as u8);
        Ok(())
    }), else Err(cx.no_kernel(dtype)))
}

fn infer_cross(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(
        cx.dtype(0)?,
        broadcast::shape(cx, &[cx.shape(0)?, cx.shape(1)?])?,
    )
}

/// Products of vectors of three along the last axis.
fn prepare_cross(cx: &Context) -> Result<Prepared> {
    let dtype = cx.dtype(0)?;
    with_number!(dtype, T => Prepared::function(|io| {
        let (a, b) = (io.input::<T>(0)?, io.input::<T>(1)?);
        let out = io.output::<T>(0)?;
        if a.len() != b.len() || a.len() != out.len() || a.len() % 3 != 0 {
            return Err(Error::usage("vectors that are not of three each"));
        }
        for ((a, b), out) in a.chunks_exact(3).zip(b.chunks_exact(3)).zip(out.chunks_exact_mut(3)) {
            let part = |i: usize, j: usize| a[i].mul(b[j]).sub(a[j].mul(b[i]));
            out.copy_from_slice(&[part(1, 2), part(2, 0), part(0, 1)]);
        }
        Ok(())
    }), else Err(cx.no_kernel(dtype)))
}

/// Logarithms of running sums of exponentials, without leaving the range of the type.
fn prepare_running(cx: &Context) -> Result<Prepared> {
    let Some(axis) = cx.int(1)? else {
        return super::later();
    };
    let sizes = cx.sizes(0)?;
    let axis = cx.axis(axis, sizes.len())?;
    let (length, inner) = (sizes[axis], sizes[axis + 1..].iter().product::<usize>());
    let (exclusive, reverse) = (cx.attr_bool("exclusive"), cx.attr_bool("reverse"));
    let dtype = cx.dtype(0)?;
    let along = Axis::of(&sizes, axis);
    match dtype {
        DType::Float16 => return running_steps::<half::f16>(along, exclusive, reverse),
        DType::BFloat16 => return running_steps::<half::bf16>(along, exclusive, reverse),
        _ => {}
    }
    with_float!(dtype, T => Prepared::function(move |io| {
        let (x, out) = (io.input::<T>(0)?, io.output::<T>(0)?);
        if x.is_empty() {
            return Ok(());
        }
        for start in 0..x.len() / length {
            let (outer, inside) = (start / inner, start % inner);
            let mut sum = f64::NEG_INFINITY;
            for step in 0..length {
                let row = if reverse { length - 1 - step } else { step };
                let at = (outer * length + row) * inner + inside;
                let next = x[at].to_f64();
                let (low, high) = (sum.min(next), sum.max(next));
                let both = match high == f64::NEG_INFINITY {
                    true => high,
                    false => high + (low - high).exp().ln_1p(),
                };
                out[at] = <T as Number>::from_f64(if exclusive { sum } else { both });
                sum = both;
            }
        }
        Ok(())
    }), else Err(cx.no_kernel(dtype)))
}

/// As TensorFlow does it with half types, every step rounded.
fn running_steps<T: Steps + Element>(
    axis: Axis,
    exclusive: bool,
    reverse: bool,
) -> Result<Prepared> {
    let none = T::narrow(f32::NEG_INFINITY);
    let both = move |a: T, b: T| {
        let (low, high) = if a < b { (a, b) } else { (b, a) };
        if high == none {
            return high;
        }
        let part = T::narrow(low.sub(high).wide().exp());
        T::narrow(part.wide().ln_1p()).add(high)
    };
    Prepared::function(move |io| {
        let (x, out) = (io.input::<T>(0)?, io.output::<T>(0)?);
        cumulate(axis, exclusive, reverse, none, both, x, out);
        Ok(())
    })
}

fn infer_axes(cx: &Context) -> Result<Vec<Fact>> {
    Ok(vec![Fact::new(cx.dtype(0)?, Shape(Some(vec![-1]))); 2])
}

/// Axes along which each of two shapes is repeated to fit the other.
fn prepare_axes(cx: &Context) -> Result<Prepared> {
    let dtype = cx.dtype(0)?;
    Prepared::compute(move |inputs| {
        let (a, b) = (
            whole_numbers(&view(inputs, 0)?)?,
            whole_numbers(&view(inputs, 1)?)?,
        );
        let rank = a.len().max(b.len());
        let size = |dims: &[i64], axis: usize| match (axis + dims.len()).checked_sub(rank) {
            Some(at) => dims[at],
            None => 1,
        };
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for axis in 0..rank {
            match (size(&a, axis), size(&b, axis)) {
                (1, 1) => {
                    first.push(axis as i64);
                    second.push(axis as i64);
                }
                (x, y) if x == y => {}
                (1, _) => first.push(axis as i64),
                (_, 1) => second.push(axis as i64),
                _ => return Err(Error::usage(format!("shapes {a:?} and {b:?}"))),
            }
        }
        // Equal shapes need no sums.
        if a == b {
            (first, second) = (Vec::new(), Vec::new());
        }
        let tensor = |axes: &[i64]| super::tokens::numbers(dtype, &[axes.len()], axes);
        Ok(vec![tensor(&first), tensor(&second)])
    })
}

//! Reductions, softmax, arg extremes, running sums.

use bytemuck::{Pod, cast_slice};

use super::elementwise::rules;
use super::types::with_number;
use super::{Context, Fact, Io, Operator, Prepared, complex, room_bytes};
use crate::error::Result;
use crate::kernels::Quantized;
use crate::kernels::elementwise::halves::Steps;
use crate::kernels::quantized::arithmetic::Affine;
use crate::kernels::quantized::reduce as integers;
use crate::kernels::reference::order::{self, Axis};
use crate::kernels::reference::reduce::{Reducible, Reduction, reduce_bools, reduce_numbers};
use crate::kernels::reference::reduce_halves::reduce_steps;
use crate::kernels::vectors::{self, Addend, Narrow};
use crate::model::{DType, Element, Shape};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        &["Sum", "Mean", "Prod", "Max", "Min"],
        &["SUM", "MEAN", "REDUCE_PROD", "REDUCE_MAX", "REDUCE_MIN"],
        infer,
        prepare,
    ),
    Operator::new(
        &["All", "Any"],
        &["REDUCE_ALL", "REDUCE_ANY"],
        infer,
        prepare_bools,
    ),
    Operator::new(
        &["ArgMax", "ArgMin"],
        &["ARG_MAX", "ARG_MIN"],
        infer_arg,
        prepare_arg,
    ),
    Operator::new(
        &["Cumsum", "Cumprod"],
        &["CUMSUM"],
        infer_running,
        prepare_running,
    ),
    Operator::new(
        &["TopKV2", "TopK", "ApproxTopK"],
        &["TOPK_V2"],
        infer_top_k,
        prepare_top_k,
    ),
];

/// Which axes go, if that is known.
fn reduced(cx: &Context, rank: usize) -> Result<Option<Vec<bool>>> {
    let Some(axes) = cx.ints(1)? else {
        return Ok(None);
    };
    let mut reduced = vec![false; rank];
    // TensorFlow Lite takes any axis of a number, which has none.
    if cx.tflite() && rank == 0 {
        return Ok(Some(reduced));
    }
    for axis in axes {
        reduced[cx.axis(axis, rank)?] = true;
    }
    Ok(Some(reduced))
}

fn infer(cx: &Context) -> Result<Vec<Fact>> {
    let dtype = cx.dtype(0)?;
    let keep = cx.attr_bool("keep_dims") || cx.attr_bool("keepdims");
    let Some(dims) = cx.shape(0)?.dims() else {
        return cx.one(dtype, Shape::UNKNOWN);
    };
    let Some(reduced) = reduced(cx, dims.len())? else {
        let unknown = Shape(Some(vec![-1; dims.len()]));
        return cx.one(dtype, if keep { unknown } else { Shape::UNKNOWN });
    };
    let kept = dims
        .iter()
        .zip(&reduced)
        .filter_map(|(&d, &gone)| match (gone, keep) {
            (false, _) => Some(d),
            (true, true) => Some(1),
            (true, false) => None,
        });
    cx.one(dtype, Shape(Some(kept.collect())))
}

fn operands(cx: &Context) -> Result<(Vec<usize>, Vec<bool>)> {
    let sizes = cx.sizes(0)?;
    let reduced = reduced(cx, sizes.len())?.ok_or_else(|| cx.wrong("its axes are not known"))?;
    Ok((sizes, reduced))
}

/// The axes are values of the run: inferred and prepared then.
fn axes_known(cx: &Context) -> Result<bool> {
    Ok(cx.constant(1)?.is_some())
}

fn reduction(name: &str) -> Reduction {
    match name {
        "Sum" | "SUM" => Reduction::Sum,
        "Mean" | "MEAN" => Reduction::Mean,
        "Prod" | "REDUCE_PROD" => Reduction::Prod,
        "Max" | "REDUCE_MAX" => Reduction::Max,
        _ => Reduction::Min,
    }
}

fn prepare(cx: &Context) -> Result<Prepared> {
    if !axes_known(cx)? {
        return super::later();
    }
    let (sizes, reduced) = operands(cx)?;
    let (op, dtype, rules) = (reduction(&cx.node.op), cx.dtype(0)?, rules(cx));
    if cx.tflite() && cx.quantization(0).is_some() && cx.out_quantization(0).is_some() {
        return match dtype {
            DType::Int8 => prepare_quantized::<i8>(cx, op, sizes, reduced),
            DType::UInt8 => prepare_quantized::<u8>(cx, op, sizes, reduced),
            DType::Int16 => prepare_quantized::<i16>(cx, op, sizes, reduced),
            other => Err(cx.no_kernel(other)),
        };
    }
    if dtype == DType::Bool && op != Reduction::Mean {
        let all = matches!(op, Reduction::Prod | Reduction::Min);
        return Prepared::function(move |io| {
            reduce_bools(all, io.input(0)?, &sizes, &reduced, io.output(0)?);
            Ok(())
        });
    }
    if dtype == DType::Float32 && matches!(op, Reduction::Sum | Reduction::Mean) {
        let mean = op == Reduction::Mean;
        // TensorFlow Lite adds up in f32, which shows behind hybrid operators: a last place may be another step of theirs.
        if cx.tflite() && (cx.options.reference || cx.options.in_order) {
            let finish = move |sum, count| match mean {
                true => sum / count as f32,
                false => sum,
            };
            return sums_of::<Narrow>(sizes, reduced, true, finish);
        }
        let finish = move |sum, count| match mean {
            true => f32::mean(sum, count),
            false => f32::total(sum),
        };
        return sums_of::<f32>(sizes, reduced, cx.options.reference, finish);
    }
    let adds = matches!(op, Reduction::Sum | Reduction::Mean);
    match dtype {
        DType::Float16 if !cx.tflite() && (adds || op == Reduction::Prod) => {
            return steps::<half::f16>(op, sizes, reduced);
        }
        // Sums are kept in float32 and rounded once.
        DType::BFloat16 if !cx.tflite() && op == Reduction::Prod => {
            return steps::<half::bf16>(op, sizes, reduced);
        }
        DType::Complex64 => return complex::reduced::<[f32; 2]>(cx, op, sizes, reduced),
        DType::Complex128 => return complex::reduced::<[f64; 2]>(cx, op, sizes, reduced),
        _ => {}
    }
    with_number!(dtype, T => Prepared::function(move |io| {
        reduce_numbers(op, rules, io.input::<T>(0)?, &sizes, &reduced, io.output(0)?);
        Ok(())
    }), else Err(cx.no_kernel(dtype)))
}

/// The means of rows, one for each of the output's numbers, as MEAN has them.
pub(super) fn row_means(
    cx: &Context,
) -> impl Fn(&[f32], &mut [f32]) + Copy + Send + Sync + 'static {
    let in_order = cx.tflite() && cx.options.in_order;
    move |x, out| {
        let (sizes, reduced) = ([out.len(), x.len() / out.len()], [false, true]);
        match in_order {
            true => {
                let mean = |sum, count| sum / count as f32;
                vectors::sums::<Narrow, _>(cast_slice(x), &sizes, &reduced, true, out, mean);
            }
            false => vectors::sums::<f32, _>(x, &sizes, &reduced, false, out, f32::mean),
        }
    }
}

/// Sums of f32 as [`vectors::sums`] has them.
fn sums_of<T: Addend + Pod + Sync>(
    sizes: Vec<usize>,
    reduced: Vec<bool>,
    in_order: bool,
    finish: impl Fn(T::Sum, usize) -> f32 + Copy + Send + Sync + 'static,
) -> Result<Prepared> {
    // Sums of rows are shared out.
    let kept = reduced.iter().position(|&gone| gone);
    let kept = kept.filter(|&kept| reduced[kept..].iter().all(|&gone| gone));
    let depth = kept.map(|kept| sizes[kept..].iter().product::<usize>());
    Prepared::function(move |io| {
        let (x, out) = (io.input::<f32>(0)?, io.output::<f32>(0)?);
        let x: &[T] = cast_slice(x);
        let Some(depth) = depth.filter(|&depth| depth > 0) else {
            vectors::sums(x, &sizes, &reduced, in_order, out, finish);
            return Ok(());
        };
        io.threads.lines(out, 4 * depth, |first, out| {
            let x = &x[first * depth..][..out.len() * depth];
            let sizes = [out.len(), depth];
            vectors::sums(x, &sizes, &[false, true], in_order, out, finish);
        });
        Ok(())
    })
}

/// As TensorFlow reduces half types, every step rounded.
fn steps<T: Steps + Element>(
    op: Reduction,
    sizes: Vec<usize>,
    reduced: Vec<bool>,
) -> Result<Prepared> {
    Prepared::function(move |io| {
        reduce_steps(op, io.input::<T>(0)?, &sizes, &reduced, io.output(0)?);
        Ok(())
    })
}

fn prepare_quantized<T: Quantized + Element + Ord + Addend<Sum = i32>>(
    cx: &Context,
    op: Reduction,
    sizes: Vec<usize>,
    reduced: Vec<bool>,
) -> Result<Prepared> {
    let affine = |(scale, zero): (f32, i32)| Affine { scale, zero };
    let (from, to) = (affine(cx.scale(0)?), affine(cx.out_scale(0)?));
    // The reference kernel's SUM reads int8 as uint8.
    let as_bytes = T::DTYPE == DType::UInt8 || (T::DTYPE == DType::Int8 && cx.options.reference);
    Prepared::function(move |io| {
        let x = io.input::<T>(0)?;
        let out = io.output::<T>(0)?;
        match op {
            Reduction::Sum if as_bytes => {
                let (x, out) = (
                    bytemuck::cast_slice::<T, u8>(x),
                    bytemuck::cast_slice_mut::<T, u8>(out),
                );
                integers::sum_fixed(x, &sizes, &reduced, (from, to), out);
            }
            Reduction::Sum => integers::sum(x, &sizes, &reduced, (from, to), out),
            Reduction::Mean => integers::mean(x, &sizes, &reduced, (from, to), out),
            Reduction::Prod => integers::product(x, &sizes, &reduced, (from, to), out),
            Reduction::Max => integers::extreme(true, x, &sizes, &reduced, out),
            Reduction::Min => integers::extreme(false, x, &sizes, &reduced, out),
        }
        Ok(())
    })
}

fn prepare_bools(cx: &Context) -> Result<Prepared> {
    if !axes_known(cx)? {
        return super::later();
    }
    let (sizes, reduced) = operands(cx)?;
    let all = matches!(&*cx.node.op, "All" | "REDUCE_ALL");
    match cx.dtype(0)? {
        DType::Bool => Prepared::function(move |io| {
            reduce_bools(all, io.input(0)?, &sizes, &reduced, io.output(0)?);
            Ok(())
        }),
        other => Err(cx.no_kernel(other)),
    }
}

fn infer_arg(cx: &Context) -> Result<Vec<Fact>> {
    let dtype = match cx.node.attrs.dtype("output_type") {
        Some(dtype) => dtype,
        None if cx.tflite() => cx.out_dtype(0)?,
        None => DType::Int64,
    };
    match (cx.shape(0)?.dims(), cx.int(1)?) {
        (Some(dims), Some(axis)) => {
            let axis = cx.axis(axis, dims.len())?;
            let mut dims = dims.to_vec();
            dims.remove(axis);
            cx.one(dtype, Shape(Some(dims)))
        }
        _ => cx.one(dtype, Shape::UNKNOWN),
    }
}

fn prepare_arg(cx: &Context) -> Result<Prepared> {
    let Some(axis) = cx.int(1)? else {
        return super::later();
    };
    let sizes = cx.sizes(0)?;
    let at = cx.axis(axis, sizes.len())?;
    if sizes[at] == 0 {
        return Err(cx.wrong("the extreme of no elements"));
    }
    let axis = Axis::of(&sizes, at);
    let greatest = matches!(&*cx.node.op, "ArgMax" | "ARG_MAX");
    let (dtype, rules) = (cx.dtype(0)?, rules(cx));
    let to = infer_arg(cx)?.first().map_or(DType::Int64, |f| f.dtype);
    let plain = if dtype == DType::Bool {
        DType::UInt8
    } else {
        dtype
    };
    with_number!(plain, T => {
        let extreme = move |io: &mut Io, write: Write| {
            order::arg_extreme(greatest, rules, axis, io.input::<T>(0)?, write);
            Ok(())
        };
        picks(cx, to, 0, 0, extreme)
    }, else Err(cx.no_kernel(dtype)))
}

/// Takes a place among the results and the index that belongs there.
type Write<'w> = &'w mut dyn FnMut(usize, usize);

/// A kernel that writes indices of the type `to` as output `slot`, and wants so much scratch memory.
fn picks(
    cx: &Context,
    to: DType,
    slot: usize,
    scratch: usize,
    run: impl Fn(&mut Io, Write) -> Result<()> + Send + Sync + 'static,
) -> Result<Prepared> {
    if !matches!(to, DType::Int16 | DType::Int32 | DType::Int64) {
        return Err(cx.no_kernel(to));
    }
    Prepared::with_room(scratch, move |io| write_picks(io, to, slot, &run))
}

fn write_picks(
    io: &mut Io,
    to: DType,
    slot: usize,
    run: &dyn Fn(&mut Io, Write) -> Result<()>,
) -> Result<()> {
    match to {
        DType::Int16 => {
            let out = io.output::<i16>(slot)?;
            run(io, &mut |at, pick| out[at] = pick as i16)
        }
        DType::Int32 => {
            let out = io.output::<i32>(slot)?;
            run(io, &mut |at, pick| out[at] = pick as i32)
        }
        _ => {
            let out = io.output::<i64>(slot)?;
            run(io, &mut |at, pick| out[at] = pick as i64)
        }
    }
}

fn infer_running(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.dtype(0)?, cx.shape(0)?.clone())
}

fn prepare_running(cx: &Context) -> Result<Prepared> {
    let Some(axis) = cx.int(1)? else {
        return super::later();
    };
    let sizes = cx.sizes(0)?;
    let axis = Axis::of(&sizes, cx.axis(axis, sizes.len())?);
    let (exclusive, reverse) = (cx.attr_bool("exclusive"), cx.attr_bool("reverse"));
    let (dtype, sum) = (cx.dtype(0)?, &*cx.node.op != "Cumprod");
    match dtype {
        DType::Complex64 => return complex::running::<[f32; 2]>(sum, axis, exclusive, reverse),
        DType::Complex128 => return complex::running::<[f64; 2]>(sum, axis, exclusive, reverse),
        _ => {}
    }
    with_number!(dtype, T => Prepared::function(move |io| {
        let (x, out) = (io.input::<T>(0)?, io.output::<T>(0)?);
        let run = if sum { order::cumsum::<T> } else { order::cumprod::<T> };
        run(axis, exclusive, reverse, x, out);
        Ok(())
    }), else Err(cx.no_kernel(dtype)))
}

/// On a processor TensorFlow's ApproxTopK is exact, and knows only the largest along the last axis.
fn infer_top_k(cx: &Context) -> Result<Vec<Fact>> {
    if cx.attr_int("reduction_dimension", -1) != -1
        || cx
            .attr("is_max_k")
            .is_some_and(|attr| attr.as_bool() == Some(false))
    {
        return Err(cx.unsupported("the smallest, or the largest along another axis than the last"));
    }
    let index = match cx.node.attrs.dtype("index_type") {
        Some(dtype) => dtype,
        None if cx.tflite() => cx.out_dtype(1)?,
        None => DType::Int32,
    };
    let k = match cx.int(1)? {
        Some(k) if k >= 0 => k,
        Some(k) => return Err(cx.wrong(format!("k is {k}"))),
        None => cx.node.attrs.int("k").unwrap_or(-1),
    };
    let shape = match cx.shape(0)?.dims() {
        Some([]) => return Err(cx.wrong("the largest of a scalar")),
        Some(dims) => {
            let mut dims = dims.to_vec();
            if let Some(last) = dims.last_mut() {
                if *last >= 0 && k > *last {
                    return Err(cx.wrong(format!("k is {k}, there are {last}")));
                }
                *last = k;
            }
            Shape(Some(dims))
        }
        None => Shape::UNKNOWN,
    };
    Ok(vec![
        Fact::new(cx.dtype(0)?, shape.clone()),
        Fact::new(index, shape),
    ])
}

fn prepare_top_k(cx: &Context) -> Result<Prepared> {
    let facts = infer_top_k(cx)?;
    let length = cx.sizes(0)?.last().copied().unwrap_or(0);
    let Some(k) = facts[0].shape.fixed().and_then(|s| s.last().copied()) else {
        return super::later();
    };
    let (dtype, scratch) = (cx.dtype(0)?, room_bytes::<usize>(k));
    with_number!(dtype, T => {
        let largest = move |io: &mut Io, write: Write| {
            let (x, values) = (io.input::<T>(0)?, io.output::<T>(0)?);
            order::top_k(length, k, x, values, write, io.room::<usize>(k)?);
            Ok(())
        };
        picks(cx, facts[1].dtype, 1, scratch, largest)
    }, else Err(cx.no_kernel(dtype)))
}

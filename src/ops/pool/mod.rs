//! Pooling.

mod fractional;
mod volumes;

use half::{bf16, f16};

use super::quantized;
use super::types::with_number;
use super::windows::{Windows, channels_last, dims4, turning_bytes};
use super::{Context, Fact, Operator, Prepared};
use crate::error::Result;
use crate::kernels::elementwise::number::Number;
use crate::kernels::fast::pool::{Limits, Ordered, max_pool};
use crate::kernels::reference::pool::{
    average_pool_f32, average_pool_quantized, l2_pool_f32, max_pool_f32, max_pool_quantized,
};
use crate::kernels::reference::wide;
use crate::kernels::{Pool2d, Quantized};
use crate::model::{Attr, DType, Element, Node, Shape};

pub(super) use fractional::OPERATORS as FRACTIONAL;
pub(super) use volumes::OPERATORS as VOLUMES;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        &["MaxPool", "AvgPool"],
        &["MAX_POOL_2D", "AVERAGE_POOL_2D", "L2_POOL_2D"],
        infer,
        prepare,
    ),
    Operator::new(&["MaxPoolV2"], &[], infer_told, prepare_told),
];

/// MaxPool whose window and strides are inputs, as if they were its attributes; `None` while they are not known.
fn told(cx: &Context) -> Result<Option<Node>> {
    let (Some(window), Some(strides)) = (cx.ints(1)?, cx.ints(2)?) else {
        return Ok(None);
    };
    let mut node = cx.node.clone();
    node.op = "MaxPool".into();
    for (name, list) in [("ksize", window), ("strides", strides)] {
        let list = list.into_iter().map(Attr::Int).collect();
        node.attrs.set(name, Attr::List(list));
    }
    Ok(Some(node))
}

fn infer_told(cx: &Context) -> Result<Vec<Fact>> {
    match told(cx)? {
        Some(node) => infer(&Context { node: &node, ..*cx }),
        None => cx.one(cx.dtype(0)?, Shape(Some(vec![-1; 4]))),
    }
}

fn prepare_told(cx: &Context) -> Result<Prepared> {
    match told(cx)? {
        Some(node) => prepare(&Context { node: &node, ..*cx }),
        None => super::later(),
    }
}

fn window(cx: &Context, windows: &Windows) -> Result<[usize; 2]> {
    let k: Vec<i64> = if cx.tflite() {
        vec![
            cx.attr_int("filter_height", 0),
            cx.attr_int("filter_width", 0),
        ]
    } else {
        let list = cx.node.attrs.ints("ksize").unwrap_or_default();
        match list[..] {
            [a, b, c, d] => {
                let [n, h, w, c] = windows.nhwc([a, b, c, d]);
                if n != 1 || c != 1 {
                    return Err(cx.unsupported("pooling over the batch or the channels"));
                }
                vec![h, w]
            }
            _ => return Err(cx.wrong(format!("a window of {list:?}"))),
        }
    };
    let size = |v: i64| usize::try_from(v).map_err(|_| cx.wrong(format!("a window of {k:?}")));
    let k = [size(k[0])?, size(k[1])?];
    windows.check(cx, k)?;
    Ok(k)
}

fn infer(cx: &Context) -> Result<Vec<Fact>> {
    let windows = Windows::of(cx)?;
    let [k_h, k_w] = window(cx, &windows)?;
    let dtype = cx.dtype(0)?;
    let Some([n, h, w, c]) = windows.input(cx, 0)? else {
        return cx.one(dtype, Shape(Some(vec![-1; 4])));
    };
    let out = [n, windows.output(0, h, k_h), windows.output(1, w, k_w), c];
    cx.one(dtype, dims4(windows.shaped(out)))
}

fn geometry(cx: &Context, windows: &Windows) -> Result<Pool2d> {
    let k = window(cx, windows)?;
    Ok(windows.pool(windows.sizes(cx, 0)?, k))
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let windows = Windows::of(cx)?;
    let p = geometry(cx, &windows)?;
    match cx.dtype(0)? {
        DType::Float32 => {
            let clamp = quantized::activation(cx)?;
            let fast = is_max(cx) && !cx.options.reference;
            let run = match &*cx.node.op {
                _ if is_max(cx) => max_pool_f32,
                "L2_POOL_2D" => l2_pool_f32,
                _ => average_pool_f32,
            };
            let limits = Limits {
                init: f32::MIN,
                lo: clamp.lo,
                hi: clamp.hi,
            };
            let (from, to) = (
                [p.batch, p.in_h, p.in_w, p.channels],
                [p.batch, p.out_h, p.out_w, p.channels],
            );
            let turning = turning_bytes::<f32>(windows.channels_first, from, to);
            Prepared::with_room(turning, move |io| {
                let threads = io.threads;
                channels_last(io, windows.channels_first, from, to, |x, out| match fast {
                    true => max_pool(&p, x, limits, out, threads),
                    false => run(&p, x, clamp, out),
                })
            })
        }
        DType::Int8 if cx.tflite() => integer::<i8>(cx, p),
        DType::UInt8 if cx.tflite() => integer::<u8>(cx, p),
        DType::Int16 if cx.tflite() => integer::<i16>(cx, p),
        other if cx.tflite() => Err(cx.no_kernel(other)),
        _ => plain(cx, &windows, p),
    }
}

/// TensorFlow's other types: maxima of all numbers, means of floats.
fn plain(cx: &Context, windows: &Windows, p: Pool2d) -> Result<Prepared> {
    let (first, dtype) = (windows.channels_first, cx.dtype(0)?);
    if is_max(cx) {
        return with_number!(dtype, T => {
            // What stays where a window has only -inf or NaN, as in TensorFlow.
            let init = match dtype {
                DType::BFloat16 => T::from_f64(f64::NEG_INFINITY),
                _ => T::lowest(),
            };
            pooled::<T>(p, first, move |p, x, out| {
                wide::pool(p, x, out, init, |most, v| if v > most { v } else { most }, |most, _| most);
            })
        }, else Err(cx.no_kernel(dtype)));
    }
    match dtype {
        // Every step of the sum is rounded.
        DType::Float16 => pooled::<f16>(p, first, |p, x, out| {
            let mean = |sum: f16, count| f16::from_f32(sum.to_f32() / count as f32);
            wide::pool(p, x, out, f16::ZERO, Number::add, mean);
        }),
        DType::BFloat16 => pooled::<bf16>(p, first, |p, x, out| {
            let mean = |sum: f32, count| bf16::from_f32(sum / count as f32);
            wide::pool(p, x, out, 0.0, |sum, v: bf16| sum + v.to_f32(), mean);
        }),
        DType::Float64 => pooled::<f64>(p, first, |p, x, out| {
            wide::pool(
                p,
                x,
                out,
                0.0,
                |sum, v| sum + v,
                |sum, count| sum / count as f64,
            );
        }),
        other => Err(cx.no_kernel(other)),
    }
}

fn pooled<T: Element + bytemuck::Pod>(
    p: Pool2d,
    first: bool,
    run: impl Fn(&Pool2d, &[T], &mut [T]) + Send + Sync + 'static,
) -> Result<Prepared> {
    let (from, to) = (
        [p.batch, p.in_h, p.in_w, p.channels],
        [p.batch, p.out_h, p.out_w, p.channels],
    );
    Prepared::with_room(turning_bytes::<T>(first, from, to), move |io| {
        channels_last(io, first, from, to, |x, out| run(&p, x, out))
    })
}

fn is_max(cx: &Context) -> bool {
    matches!(&*cx.node.op, "MaxPool" | "MAX_POOL_2D")
}

fn integer<T: Quantized + Element + Ord + Ordered>(cx: &Context, p: Pool2d) -> Result<Prepared> {
    let range = match cx.out_quantization(0) {
        Some(_) => quantized::range::<T>(cx, quantized::activation(cx)?)?,
        None => (T::LO, T::HI),
    };
    if is_max(cx) && !cx.options.reference {
        let limits = Limits {
            init: T::from_i32(T::LO),
            lo: T::from_i32(range.0),
            hi: T::from_i32(range.1),
        };
        return Prepared::function(move |io| {
            max_pool(&p, io.input(0)?, limits, io.output(0)?, io.threads);
            Ok(())
        });
    }
    let run = match &*cx.node.op {
        "MAX_POOL_2D" => max_pool_quantized::<T>,
        "AVERAGE_POOL_2D" => average_pool_quantized::<T>,
        _ => return Err(cx.no_kernel(T::DTYPE)),
    };
    Prepared::function(move |io| {
        run(&p, io.input(0)?, range, io.output(0)?);
        Ok(())
    })
}

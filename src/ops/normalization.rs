//! Softmax and normalizations.

use bytemuck::{cast_slice, cast_slice_mut};
use half::{bf16, f16};

use super::halves::Lengths;
use super::windows::{Windows, channels_last, turning_bytes};
use super::{Constant, Context, Fact, Io, Operator, Prepared, quantized, reduce};
use crate::error::Result;
use crate::kernels::Quantized;
use crate::kernels::elementwise::halves::Half;
use crate::kernels::quantized::softmax16::Softmax16;
use crate::kernels::quantized::softmax512::SoftmaxBytes;
use crate::kernels::reference::batch_norm::{
    LocalResponseNorm, batch_norm_f32, l2_normalize_f32, l2_normalize_quantized, moments,
};
use crate::kernels::reference::softmax::{
    LogSoftmaxScale, SoftmaxScale, log_softmax_f32, log_softmax_quantized, softmax_f16,
    softmax_f32, softmax_f64, softmax_quantized,
};
use crate::kernels::reference::wide::{log_softmax_f64, log_softmax_steps, softmax_steps};
use crate::kernels::vectors;
use crate::model::{DType, Element, Shape};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(&["Softmax"], &["SOFTMAX"], infer_softmax, prepare_softmax),
    Operator::new(
        &["LogSoftmax"],
        &["LOG_SOFTMAX"],
        infer_same,
        prepare_log_softmax,
    ),
    Operator::new(&[], &["L2_NORMALIZATION"], infer_same, prepare_l2),
    Operator::new(
        &["LRN"],
        &["LOCAL_RESPONSE_NORMALIZATION"],
        infer_same,
        prepare_lrn,
    ),
    Operator::new(
        &["FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"],
        &[],
        infer_batch_norm,
        prepare_batch_norm,
    ),
];

fn infer_same(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.dtype(0)?, cx.shape(0)?.clone())
}

fn infer_softmax(cx: &Context) -> Result<Vec<Fact>> {
    let dtype = if cx.tflite() {
        cx.out_dtype(0)?
    } else {
        cx.dtype(0)?
    };
    cx.one(dtype, cx.shape(0)?.clone())
}

fn depth(cx: &Context) -> Result<usize> {
    let sizes = cx.sizes(0)?;
    sizes
        .last()
        .copied()
        .ok_or_else(|| cx.wrong("a scalar has no last axis"))
}

/// A function of rows of `depth`, split among threads.
fn by_rows<T: Element + Sync, O: Element + Send>(
    depth: usize,
    run: impl Fn(&[T], &mut [O]) + Send + Sync + 'static,
) -> Result<Prepared> {
    Prepared::function(move |io| {
        let (x, out) = (io.input::<T>(0)?, io.output::<O>(0)?);
        io.threads.elements(out, depth, |first, out| {
            run(&x[first..first + out.len()], out);
        });
        Ok(())
    })
}

/// Numbers that take longer to normalize than to hand to another thread, and the rows of a part.
const WORTH_SPLITTING: usize = 1 << 13;
const PART: usize = 16;

/// A layer normalization of rows, with the node that ends it and the facts of its numbers, of epsilon, scale and offset;
/// `None` where that is not what it comes to.
pub fn layer_norm(cx: &Context) -> Result<Option<Prepared>> {
    let sizes = cx.sizes(0)?;
    let one = |slot: usize| -> Result<Option<f32>> {
        let constant = cx.input(slot)?.constant.as_ref();
        let tensor = constant
            .filter(|c| c.len() == 1)
            .map(Constant::read)
            .transpose()?;
        Ok(tensor.and_then(|t| Some(*t.values::<f32>()?.first()?)))
    };
    let Some(&depth) = sizes.last().filter(|&&depth| depth > 0) else {
        return Ok(None);
    };
    // A number for each of a row's.
    let numbers = |slot: usize, none: f32| -> Result<Option<Vec<f32>>> {
        if !cx.has(slot) {
            return Ok(Some(vec![none; depth]));
        }
        let constant = cx.input(slot)?.constant.as_ref();
        let fits = |c: &&Constant| c.len() == depth && c.shape().last() == Some(&depth);
        let tensor = constant.filter(fits).map(Constant::read).transpose()?;
        Ok(tensor.and_then(|tensor| tensor.values::<f32>().map(<[f32]>::to_vec)))
    };
    let (Some(epsilon), Some(scale), Some(offset)) = (one(1)?, numbers(2, 1.0)?, numbers(3, -0.0)?)
    else {
        return Ok(None);
    };
    if cx.out_dtype(0)? != DType::Float32 {
        return Ok(None);
    }
    let bounds = quantized::activation(cx)?;
    let norm = vectors::LayerNorm {
        epsilon,
        scale,
        offset,
        bounds,
    };
    let means = reduce::row_means(cx);
    Prepared::function(move |io| {
        let (x, out) = (io.input::<f32>(0)?, io.output::<f32>(0)?);
        let run = |first: usize, out: &mut [f32]| {
            norm.run(&x[first * depth..][..out.len()], means, out);
        };
        match out.len() < WORTH_SPLITTING {
            true => run(0, out),
            false => io.threads.rows(out, depth, PART, run),
        }
        Ok(())
    })
    .map(Some)
}

fn softmax_bytes<T: Quantized + Element + Send + Sync>(
    cx: &Context,
    depth: usize,
    scale: SoftmaxScale,
) -> Result<Prepared> {
    if !cx.options.reference
        && let Some(bytes) = SoftmaxBytes::new(depth, &scale)
    {
        let signed = T::LO < 0;
        return by_rows::<T, T>(depth, move |x, out| {
            bytes.run(signed, depth, cast_slice(x), cast_slice_mut(out));
        });
    }
    by_rows::<T, T>(depth, move |x, out| softmax_quantized(depth, scale, x, out))
}

fn prepare_softmax(cx: &Context) -> Result<Prepared> {
    let depth = depth(cx)?;
    let beta = if cx.tflite() {
        cx.attr_float("beta", 0.0) as f32
    } else {
        1.0
    };
    let to = infer_softmax(cx)?
        .first()
        .map_or(DType::Invalid, |f| f.dtype);
    match (cx.dtype(0)?, to) {
        (DType::Float32, DType::Float32) => {
            let (plain, in_order) = (cx.options.reference, cx.options.in_order);
            by_rows(depth, move |x, out| {
                if plain || !vectors::softmax(depth, beta, in_order, x, out) {
                    softmax_f32(depth, beta, x, out);
                }
            })
        }
        (DType::Float16, DType::Float16) if !cx.tflite() => {
            by_rows(depth, move |x, out| softmax_steps::<f16>(depth, x, out))
        }
        (DType::BFloat16, DType::BFloat16) => {
            let lengths = Lengths::like(cx.sizes(0)?.iter().product());
            Prepared::with_room(lengths.bytes(), move |io| {
                let (x, out) = (io.input::<bf16>(0)?, io.output(0)?);
                let (wide, threads) = (lengths.room(io)?, io.threads);
                wide.run([x], out, |[x], shares| {
                    threads.elements(shares, depth, |first, shares| {
                        softmax_f32(depth, beta, &x[first..][..shares.len()], shares);
                    });
                });
                Ok(())
            })
        }
        (DType::Float16, DType::Float16) => Prepared::function(move |io| {
            softmax_f16(depth, beta, io.input(0)?, io.output(0)?);
            Ok(())
        }),
        (DType::Float64, DType::Float64) => Prepared::function(move |io| {
            softmax_f64(depth, io.input(0)?, io.output(0)?);
            Ok(())
        }),
        (DType::Int16, DType::Int16) => {
            let softmax = Softmax16::new(depth, beta, cx.scale(0)?.0);
            Prepared::function(move |io| {
                softmax.run(io.input(0)?, io.output(0)?);
                Ok(())
            })
        }
        (DType::Int8, DType::Int8) => {
            let scale = SoftmaxScale::new(beta, cx.scale(0)?.0);
            softmax_bytes::<i8>(cx, depth, scale)
        }
        (DType::UInt8, DType::UInt8) => {
            let scale = SoftmaxScale::new(beta, cx.scale(0)?.0);
            softmax_bytes::<u8>(cx, depth, scale)
        }
        (DType::Int8, DType::Int16) => {
            let scale = SoftmaxScale::new(beta, cx.scale(0)?.0);
            by_rows::<i8, i16>(depth, move |x, out| softmax_quantized(depth, scale, x, out))
        }
        (from, to) => Err(cx.unsupported(format!("no kernel from {from} to {to}"))),
    }
}

fn prepare_log_softmax(cx: &Context) -> Result<Prepared> {
    let depth = depth(cx)?;
    match cx.dtype(0)? {
        DType::Float32 => Prepared::function(move |io| {
            log_softmax_f32(depth, io.input(0)?, io.output(0)?);
            Ok(())
        }),
        DType::Float16 => by_rows(depth, move |x, out| log_softmax_steps::<f16>(depth, x, out)),
        DType::BFloat16 => by_rows(depth, move |x, out| {
            log_softmax_steps::<bf16>(depth, x, out)
        }),
        DType::Float64 => by_rows(depth, move |x, out| log_softmax_f64(depth, x, out)),
        DType::Int8 => {
            let scale = LogSoftmaxScale::new(cx.scale(0)?.0);
            Prepared::function(move |io| {
                log_softmax_quantized::<i8>(depth, scale, io.input(0)?, io.output(0)?);
                Ok(())
            })
        }
        DType::UInt8 => {
            let scale = LogSoftmaxScale::new(cx.scale(0)?.0);
            Prepared::function(move |io| {
                log_softmax_quantized::<u8>(depth, scale, io.input(0)?, io.output(0)?);
                Ok(())
            })
        }
        other => Err(cx.no_kernel(other)),
    }
}

fn prepare_l2(cx: &Context) -> Result<Prepared> {
    let depth = depth(cx)?;
    match cx.dtype(0)? {
        DType::Float32 => Prepared::function(move |io| {
            l2_normalize_f32(depth, io.input(0)?, io.output(0)?);
            Ok(())
        }),
        DType::Int8 => {
            let (_, zero) = cx.scale(0)?;
            Prepared::function(move |io| {
                l2_normalize_quantized::<i8>(depth, zero, io.input(0)?, io.output(0)?);
                Ok(())
            })
        }
        DType::UInt8 => {
            let (_, zero) = cx.scale(0)?;
            Prepared::function(move |io| {
                l2_normalize_quantized::<u8>(depth, zero, io.input(0)?, io.output(0)?);
                Ok(())
            })
        }
        other => Err(cx.no_kernel(other)),
    }
}

fn prepare_lrn(cx: &Context) -> Result<Prepared> {
    let (radius, defaults) = if cx.tflite() {
        ("radius", [0.0; 3])
    } else {
        ("depth_radius", [1.0, 1.0, 0.5])
    };
    let norm = LocalResponseNorm {
        depth: depth(cx)?,
        radius: usize::try_from(cx.attr_int(radius, if cx.tflite() { 0 } else { 5 }))
            .map_err(|_| cx.wrong("a negative radius"))?,
        bias: cx.attr_float("bias", defaults[0]) as f32,
        alpha: cx.attr_float("alpha", defaults[1]) as f32,
        beta: cx.attr_float("beta", defaults[2]) as f32,
        // TensorFlow Lite's reference kernel leaves the upper end of the window out.
        upper_end: !(cx.tflite() && cx.options.reference),
    };
    match cx.dtype(0)? {
        DType::Float32 => Prepared::function(move |io| {
            norm.run(io.input(0)?, io.output(0)?);
            Ok(())
        }),
        DType::Float16 if !cx.tflite() => Prepared::function(move |io| {
            norm.run_steps::<f16>(io.input(0)?, io.output(0)?);
            Ok(())
        }),
        other => Err(cx.no_kernel(other)),
    }
}

fn infer_batch_norm(cx: &Context) -> Result<Vec<Fact>> {
    let channels = cx.shape(1)?.clone();
    let mut facts = vec![Fact::new(cx.dtype(0)?, cx.shape(0)?.clone())];
    // Statistics; what training alone would fill is passed on.
    facts.extend((1..cx.node.outputs.len()).map(|_| Fact::new(DType::Float32, channels.clone())));
    Ok(facts)
}

fn prepare_batch_norm(cx: &Context) -> Result<Prepared> {
    let training = cx.node.attrs.bool("is_training").unwrap_or(true);
    let dtype = cx.dtype(0)?;
    let half = matches!(dtype, DType::Float16 | DType::BFloat16);
    if dtype != DType::Float32 && !half {
        return Err(cx.no_kernel(dtype));
    }
    let epsilon = cx.attr_float("epsilon", 1e-4) as f32;
    let first = cx
        .node
        .attrs
        .text("data_format")
        .is_some_and(|f| f.starts_with("NC"));
    let windows = Windows {
        stride: [1; 2],
        dilation: [1; 2],
        pad: super::windows::Pad::Valid,
        channels_first: first,
    };
    let sizes = windows.sizes(cx, 0)?;
    let channels = Shape::of(&[sizes[3]]);
    // In training nothing need come in at 3 and 4.
    let known = if training { 1..3 } else { 1..5 };
    if known
        .into_iter()
        .any(|i| cx.shape(i).ok() != Some(&channels))
    {
        return Err(cx.wrong(format!("statistics that don't have {} elements", sizes[3])));
    }
    if training {
        return match dtype {
            DType::Float16 => prepare_training::<f16>(cx, first, sizes, epsilon),
            DType::BFloat16 => prepare_training::<bf16>(cx, first, sizes, epsilon),
            _ => prepare_training::<f32>(cx, first, sizes, epsilon),
        };
    }
    let outputs = cx.node.outputs.len();
    let lengths = Lengths::like(sizes.iter().product());
    let turning = match half {
        true => turning_bytes::<f16>(first, sizes, sizes).saturating_add(lengths.bytes()),
        false => turning_bytes::<f32>(first, sizes, sizes),
    };
    Prepared::with_room(turning, move |io| {
        let statistics: [&[f32]; 4] = [io.input(1)?, io.input(2)?, io.input(3)?, io.input(4)?];
        let [scale, offset, mean, variance] = statistics;
        match dtype {
            DType::Float16 => norm_of_halves::<f16>(io, first, sizes, statistics, epsilon)?,
            DType::BFloat16 => norm_of_halves::<bf16>(io, first, sizes, statistics, epsilon)?,
            _ => channels_last(io, first, sizes, sizes, |x, out| {
                batch_norm_f32(x, scale, offset, mean, variance, epsilon, out);
            })?,
        }
        // Outputs 1 to 4: mean, variance, and what a gradient would reuse.
        for slot in 1..outputs {
            let out = io.output::<f32>(slot)?;
            match slot {
                1 | 3 => out.copy_from_slice(mean),
                2 | 4 => out.copy_from_slice(variance),
                _ => out.fill(0.0),
            }
        }
        Ok(())
    })
}

/// Half values by statistics in float32: computed in float32, rounded once.
fn norm_of_halves<T: Half + Element + bytemuck::Pod>(
    io: &mut Io,
    first: bool,
    sizes: [usize; 4],
    [scale, offset, mean, variance]: [&[f32]; 4],
    epsilon: f32,
) -> Result<()> {
    let wide = Lengths::like(sizes.iter().product()).room(io)?;
    channels_last(io, first, sizes, sizes, |x: &[T], out| {
        wide.run([x], out, |[x], out| {
            batch_norm_f32(x, scale, offset, mean, variance, epsilon, out);
        });
    })
}

/// By the mean and the variance of the batch itself; both come out, the variance as an unbiased estimate, averaged with
/// what came in where the factor says so. Outputs 3 and 4 are what a gradient would reuse.
fn prepare_training<T: Half + Element + bytemuck::Pod>(
    cx: &Context,
    first: bool,
    sizes: [usize; 4],
    epsilon: f32,
) -> Result<Prepared> {
    let factor = cx.attr_float("exponential_avg_factor", 1.0) as f32;
    let outputs = cx.node.outputs.len();
    let lengths = Lengths::like(sizes.iter().product());
    let turning = turning_bytes::<T>(first, sizes, sizes);
    Prepared::with_room(turning.saturating_add(lengths.bytes()), move |io| {
        let wide = lengths.room(io)?;
        let (scale, offset): (&[f32], &[f32]) = (io.input(1)?, io.input(2)?);
        let running: [&[f32]; 2] = [io.input(3)?, io.input(4)?];
        let [batch, height, width, channels] = sizes;
        let (mut mean, mut variance) = (Vec::new(), Vec::new());
        channels_last(io, first, sizes, sizes, |x: &[T], out| {
            wide.run([x], out, |[x], out| {
                (mean, variance) = moments(x, channels);
                batch_norm_f32(x, scale, offset, &mean, &variance, epsilon, out);
            });
        })?;
        let count = (batch * height * width) as f32;
        let unbiased = count / (count - 1.0).max(1.0);
        for slot in 1..outputs {
            let out = io.output::<f32>(slot)?;
            for (at, out) in out.iter_mut().enumerate() {
                let old = |running: &[f32]| match factor {
                    1.0 => 0.0,
                    factor => (1.0 - factor) * running.get(at).copied().unwrap_or(0.0),
                };
                *out = match slot {
                    _ if at >= channels => 0.0,
                    1 => old(running[0]) + factor * mean[at],
                    2 => old(running[1]) + factor * variance[at] * unbiased,
                    3 => mean[at],
                    4 => variance[at],
                    _ => 0.0,
                };
            }
        }
        Ok(())
    })
}

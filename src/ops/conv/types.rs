//! Convolutions of TensorFlow's in half types, float64 and int32, with plain kernels. Sums of half types are kept in
//! float32 and rounded once, but for float16 in depthwise convolutions and those that make their images ready, whose
//! every step is rounded.

use bytemuck::Pod;
use half::{bf16, f16};

use crate::error::Result;
use crate::kernels::elementwise::halves::Half;
use crate::kernels::reference::matmul::MulAdd;
use crate::kernels::reference::wide::{conv2d_rows, depthwise_rows, transpose_conv};
use crate::kernels::{Conv2d, Threads};
use crate::model::{DType, Element};
use crate::ops::halves::Lengths;
use crate::ops::windows::{channels_last, turning_bytes};
use crate::ops::{Context, Prepared};

/// An attribute of convolutions that other operators make of themselves: half types are rounded after every step.
pub const EVERY_STEP: &str = "_rounds_every_step";

/// `None` for types that have no kernel here.
pub fn prepare(
    cx: &Context,
    p: Conv2d,
    depthwise: bool,
    channels_first: bool,
) -> Result<Option<Prepared>> {
    // A bias or an activation, which TensorFlow's operators don't have.
    if cx.tflite() || cx.has(2) || cx.dtype(0)? != cx.dtype(1)? {
        return Ok(None);
    }
    let first = channels_first;
    Ok(Some(match (cx.dtype(0)?, depthwise) {
        (DType::Float16, true) => exact::<f16>(p, depthwise_rows, first)?,
        (DType::Float16, false) if cx.attr_bool(EVERY_STEP) => exact::<f16>(p, conv2d_rows, first)?,
        (DType::Float16, false) => widened::<f16>(p, conv2d_rows, first)?,
        (DType::BFloat16, true) => widened::<bf16>(p, depthwise_rows, first)?,
        (DType::BFloat16, false) => widened::<bf16>(p, conv2d_rows, first)?,
        (DType::Float64, true) => exact::<f64>(p, depthwise_rows, first)?,
        (DType::Float64, false) => exact::<f64>(p, conv2d_rows, first)?,
        (DType::Int32, false) => exact::<i32>(p, conv2d_rows, first)?,
        _ => return Ok(None),
    }))
}

/// Operand and filter of a convolution in their own type or in float32, those of float16 with every step rounded: `x` and `filter` are inputs, the lengths those
/// of the operand, the filter and the output.
///
/// `None` for types that have no kernel here.
pub fn whole(
    dtype: DType,
    [x, filter]: [usize; 2],
    lengths: [usize; 3],
    steps: impl Fn(&[f16], &[f16], &mut [f16]) + Send + Sync + 'static,
    narrow: impl Fn(&[f32], &[f32], &mut [f32]) + Send + Sync + 'static,
    wide: impl Fn(&[f64], &[f64], &mut [f64]) + Send + Sync + 'static,
) -> Result<Option<Prepared>> {
    Ok(Some(match dtype {
        DType::Float16 => Prepared::function(move |io| {
            steps(io.input(x)?, io.input(filter)?, io.output(0)?);
            Ok(())
        })?,
        DType::BFloat16 => halves::<bf16>([x, filter], lengths, narrow)?,
        DType::Float64 => Prepared::function(move |io| {
            wide(io.input(x)?, io.input(filter)?, io.output(0)?);
            Ok(())
        })?,
        _ => return Ok(None),
    }))
}

/// A transposed convolution; `None` for types that have no kernel here.
pub fn transposed(dtype: DType, inputs: [usize; 2], p: Conv2d) -> Result<Option<Prepared>> {
    let filter = p.k_h * p.k_w * p.out_c * p.in_c;
    let lengths = [p.input_len(), filter, p.output_len()];
    whole(
        dtype,
        inputs,
        lengths,
        move |x, filter, out| transpose_conv(&p, x, filter, out),
        move |x, filter, out| transpose_conv(&p, x, filter, out),
        move |x, filter, out| transpose_conv(&p, x, filter, out),
    )
}

fn halves<T: Element + Half>(
    [x, filter]: [usize; 2],
    [x_len, filter_len, result]: [usize; 3],
    run: impl Fn(&[f32], &[f32], &mut [f32]) + Send + Sync + 'static,
) -> Result<Prepared> {
    let operands = [x_len, filter_len];
    let lengths = Lengths { operands, result };
    Prepared::with_room(lengths.bytes(), move |io| {
        let operands = [io.input::<T>(x)?, io.input(filter)?];
        let wide = lengths.room(io)?;
        wide.run(operands, io.output(0)?, |[x, filter], out| {
            run(x, filter, out)
        });
        Ok(())
    })
}

type Rows<T> = fn(&Conv2d, &[T], &[T], usize, &mut [T]);

fn sizes(p: &Conv2d) -> [[usize; 4]; 2] {
    [
        [p.batch, p.in_h, p.in_w, p.in_c],
        [p.batch, p.out_h, p.out_w, p.out_c],
    ]
}

fn split<T: Send + Sync>(
    p: &Conv2d,
    run: Rows<T>,
    x: &[T],
    filter: &[T],
    out: &mut [T],
    threads: &Threads,
) {
    if out.is_empty() {
        return;
    }
    threads.rows(out, p.out_w * p.out_c, 1, |first, out| {
        run(p, x, filter, first, out);
    });
}

fn exact<T: Element + MulAdd + Pod + Send + Sync>(
    p: Conv2d,
    run: Rows<T>,
    first: bool,
) -> Result<Prepared> {
    let [from, to] = sizes(&p);
    Prepared::with_room(turning_bytes::<T>(first, from, to), move |io| {
        let (filter, threads) = (io.input::<T>(1)?, io.threads);
        channels_last(io, first, from, to, |x: &[T], out| {
            split(&p, run, x, filter, out, threads)
        })
    })
}

fn widened<T: Element + Half + Pod>(p: Conv2d, run: Rows<f32>, first: bool) -> Result<Prepared> {
    let [from, to] = sizes(&p);
    let taps = p.k_h * p.k_w * p.out_c;
    // No filter is larger than that of a plain convolution.
    let most = taps.saturating_mul(p.in_c / p.groups.max(1));
    let lengths = Lengths {
        operands: [p.input_len(), most],
        result: p.output_len(),
    };
    let turning = turning_bytes::<T>(first, from, to);
    Prepared::with_room(turning.saturating_add(lengths.bytes()), move |io| {
        let (filter, threads) = (io.input::<T>(1)?, io.threads);
        let wide = lengths.room(io)?;
        channels_last(io, first, from, to, |x: &[T], out| {
            wide.run([x, filter], out, |[x, filter], sums| {
                split(&p, run, x, filter, sums, threads);
            });
        })
    })
}

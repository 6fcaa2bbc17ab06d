//! Between real numbers and their quantized forms.

use crate::error::Result;
use crate::kernels::Quantized;
use crate::kernels::elementwise::map;
use crate::kernels::quantized::convert::{
    dequantize, dequantize_channels, fake_quant, quantize, quantize_channels, quantize_plain,
    quantize_within, requantize, requantize_i32, requantize_to_i32,
};
use crate::model::{DType, Element, Quantization};
use crate::ops::elementwise::rules;
use crate::ops::types::with_type;
use crate::ops::{Context, Fact, Operator, Prepared};

pub const OPERATORS: &[Operator] = &[
    Operator::new(&[], &["QUANTIZE"], infer, prepare_quantize),
    Operator::new(&[], &["DEQUANTIZE"], infer, prepare_dequantize),
    Operator::new(
        &["FakeQuantWithMinMaxArgs", "FakeQuantWithMinMaxVars"],
        &["FAKE_QUANT"],
        infer_same,
        prepare_fake_quant,
    ),
];

fn infer(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.out_dtype(0)?, cx.shape(0)?.clone())
}

fn infer_same(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.dtype(0)?, cx.shape(0)?.clone())
}

/// Scales and zero points per channel, and how many elements lie between two channels.
struct Channels {
    scales: Vec<f32>,
    zeros: Vec<i32>,
    inner: usize,
}

fn channels(cx: &Context, q: &Quantization) -> Result<Channels> {
    let sizes = cx.sizes(0)?;
    if q.scale.iter().any(|s| !(s.is_finite() && *s > 0.0)) {
        return Err(cx.wrong("a scale that is not a positive number"));
    }
    let axis = q.axis(sizes.len());
    let axis = axis.filter(|&axis| sizes.get(axis) == Some(&q.scale.len()));
    let Some(axis) = axis else {
        return Err(cx.wrong(format!(
            "{} scales along axis {} of {}",
            q.scale.len(),
            q.dimension,
            cx.shape(0)?
        )));
    };
    if !q.zero_point.is_empty() && q.zero_point.len() != q.scale.len() {
        return Err(cx.wrong(format!(
            "{} zero points for {} scales",
            q.zero_point.len(),
            q.scale.len()
        )));
    }
    let zeros = q
        .zero_point
        .iter()
        .map(|&z| i32::try_from(z))
        .collect::<Result<_, _>>();
    Ok(Channels {
        scales: q.scale.clone(),
        zeros: zeros.map_err(|_| cx.wrong("a zero point outside int32"))?,
        inner: sizes[axis + 1..].iter().product::<usize>().max(1),
    })
}

fn prepare_dequantize(cx: &Context) -> Result<Prepared> {
    let from = cx.dtype(0)?;
    if cx.out_dtype(0)? != DType::Float32 {
        return Err(cx.unsupported(format!("no kernel from {from} to {}", cx.out_dtype(0)?)));
    }
    match from {
        DType::Float16 => {
            return Prepared::function(|io| {
                map(
                    io.input::<half::f16>(0)?,
                    io.output::<f32>(0)?,
                    half::f16::to_f32,
                );
                Ok(())
            });
        }
        DType::BFloat16 => {
            return Prepared::function(|io| {
                map(
                    io.input::<half::bf16>(0)?,
                    io.output::<f32>(0)?,
                    half::bf16::to_f32,
                );
                Ok(())
            });
        }
        _ => {}
    }
    with_type!(from, T in [Int8: i8, UInt8: u8, Int16: i16, Int4: i8, Int2: i8, UInt4: u8] => dequantized::<T>(cx),
        else Err(cx.no_kernel(from)))
}

fn dequantized<T: Quantized + Element>(cx: &Context) -> Result<Prepared> {
    if let Some(q) = cx.quantization(0).filter(|q| q.scale.len() > 1) {
        let c = channels(cx, q)?;
        return Prepared::function(move |io| {
            dequantize_channels(
                io.input::<T>(0)?,
                &c.scales,
                &c.zeros,
                c.inner,
                io.output(0)?,
            );
            Ok(())
        });
    }
    let (scale, zero) = cx.scale(0)?;
    Prepared::function(move |io| {
        let (q, out) = (io.input::<T>(0)?, io.output(0)?);
        io.threads.elements(out, 1, |first, out| {
            dequantize(&q[first..first + out.len()], scale, zero, out);
        });
        Ok(())
    })
}

fn prepare_quantize(cx: &Context) -> Result<Prepared> {
    let (from, to) = (cx.dtype(0)?, cx.out_dtype(0)?);
    match (from, to) {
        (DType::Float32, DType::Int4) => return narrow::<i8>(cx, (-8, 7)),
        (DType::Float32, DType::UInt4) => return narrow::<u8>(cx, (0, 15)),
        (DType::Int16, DType::Int32) => {
            let (a, b) = (cx.scale(0)?, cx.out_scale(0)?);
            return Prepared::function(move |io| {
                requantize_to_i32::<i16>(io.input(0)?, a, b, io.output(0)?);
                Ok(())
            });
        }
        _ => {}
    }
    with_type!(to, O in [Int8: i8, UInt8: u8, Int16: i16] => match from {
        DType::Float32 => quantized::<O>(cx),
        DType::Int8 => requantized::<i8, O>(cx),
        DType::UInt8 => requantized::<u8, O>(cx),
        DType::Int16 => requantized::<i16, O>(cx),
        DType::Int32 => {
            let (a, b) = (cx.scale(0)?, cx.out_scale(0)?);
            Prepared::function(move |io| {
                requantize_i32::<O>(io.input(0)?, a, b, io.output(0)?);
                Ok(())
            })
        }
        other => Err(cx.no_kernel(other)),
    }, else Err(cx.no_kernel(to)))
}

fn quantized<O: Quantized + Element>(cx: &Context) -> Result<Prepared> {
    if let Some(q) = cx.out_quantization(0).filter(|q| q.scale.len() > 1) {
        let c = channels(cx, q)?;
        return Prepared::function(move |io| {
            quantize_channels(
                io.input(0)?,
                &c.scales,
                &c.zeros,
                c.inner,
                io.output::<O>(0)?,
            );
            Ok(())
        });
    }
    let (scale, zero) = cx.out_scale(0)?;
    let run = match cx.options.reference {
        true => quantize_plain,
        false => quantize::<O>,
    };
    Prepared::function(move |io| {
        let (x, out) = (io.input(0)?, io.output::<O>(0)?);
        io.threads.elements(out, 1, |first, out| {
            run(&x[first..first + out.len()], scale, zero, out);
        });
        Ok(())
    })
}

/// To 4 bits, kept in a byte each.
fn narrow<O: Quantized + Element>(cx: &Context, (lo, hi): (i32, i32)) -> Result<Prepared> {
    let (scale, zero) = cx.out_scale(0)?;
    Prepared::function(move |io| {
        map(io.input(0)?, io.output::<O>(0)?, |x| {
            quantize_within(x, scale, zero, (lo, hi))
        });
        Ok(())
    })
}

fn requantized<T: Quantized + Element, O: Quantized + Element>(cx: &Context) -> Result<Prepared> {
    let (a, b) = (cx.scale(0)?, cx.out_scale(0)?);
    Prepared::function(move |io| {
        requantize(io.input::<T>(0)?, a, b, io.output::<O>(0)?);
        Ok(())
    })
}

fn prepare_fake_quant(cx: &Context) -> Result<Prepared> {
    if cx.dtype(0)? != DType::Float32 {
        return Err(cx.no_kernel(cx.dtype(0)?));
    }
    let bits = cx.attr_int("num_bits", if cx.tflite() { 0 } else { 8 });
    let bits = u32::try_from(bits).ok().filter(|b| (2..=16).contains(b));
    let bits = bits.ok_or_else(|| cx.wrong("a number of bits outside 2 to 16"))?;
    let (rules, as_told) = (rules(cx), (bits, cx.attr_bool("narrow_range")));
    if &*cx.node.op == "FakeQuantWithMinMaxVars" {
        return Prepared::function(move |io| {
            let (min, max) = (io.input::<f32>(1)?, io.input::<f32>(2)?);
            let range = (
                min.first().copied().unwrap_or(0.0),
                max.first().copied().unwrap_or(0.0),
            );
            fake_quant(rules, io.input(0)?, range, as_told, io.output(0)?);
            Ok(())
        });
    }
    let (lo, hi) = if cx.tflite() { (0.0, 0.0) } else { (-6.0, 6.0) };
    let range = (
        cx.attr_float("min", lo) as f32,
        cx.attr_float("max", hi) as f32,
    );
    Prepared::function(move |io| {
        fake_quant(rules, io.input(0)?, range, as_told, io.output(0)?);
        Ok(())
    })
}

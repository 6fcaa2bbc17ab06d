//! TensorFlow's own operators around quantized values, from before the time of TFLite's.

use crate::error::{Error, Result};
use crate::kernels::params::Rules;
use crate::kernels::quantized::convert::{Nudged, fake_quant};
use crate::model::{DType, Tensor};
use crate::ops::reals::{doubles, floats, of_doubles, of_floats};
use crate::ops::segment::view;
use crate::ops::{Context, Fact, Operator, Prepared, View};

pub const OPERATORS: &[Operator] = &[
    Operator::new(
        &[
            "QuantizeAndDequantizeV2",
            "QuantizeAndDequantizeV3",
            "QuantizeAndDequantizeV4",
        ],
        &[],
        infer_same,
        prepare_there_and_back,
    ),
    Operator::new(&["QuantizeV2"], &[], infer_quantized, prepare_quantized),
    Operator::new(&["Dequantize"], &[], infer_real, prepare_real),
    Operator::new(
        &["FakeQuantWithMinMaxVarsPerChannel"],
        &[],
        infer_same,
        prepare_channels,
    ),
    Operator::new(
        &[
            "FakeQuantWithMinMaxArgsGradient",
            "FakeQuantWithMinMaxVarsGradient",
            "FakeQuantWithMinMaxVarsPerChannelGradient",
        ],
        &[],
        infer_gradients,
        prepare_gradients,
    ),
];

fn infer_same(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.dtype(0)?, cx.shape(0)?.clone())
}

/// Elements of a tensor by the slice along `axis` that they are in; one slice without an axis.
fn slices(shape: &[usize], axis: i64) -> Result<(usize, usize)> {
    match usize::try_from(axis) {
        Err(_) => Ok((1, 1)),
        Ok(axis) => match shape.get(axis) {
            Some(&count) => Ok((count, shape[axis + 1..].iter().product())),
            None => Err(Error::usage(format!("axis {axis} of {shape:?}"))),
        },
    }
}

/// A range of real numbers for `bits`, stretched so that zero and both ends are whole steps.
#[derive(Debug, Clone, Copy)]
struct Steps {
    low: f32,
    high: f32,
    scale: f32,
}

impl Steps {
    fn new([low, high]: [f32; 2], [least, most]: [f32; 2]) -> Self {
        let side = |end: f32, code: f32| {
            if code * end > 0.0 {
                code / end
            } else {
                f32::MAX
            }
        };
        let (from_low, from_high) = (side(low, least), side(high, most));
        match from_low < from_high {
            true => Steps {
                low,
                high: most * (low / least),
                scale: from_low,
            },
            false => Steps {
                low: least * (high / most),
                high,
                scale: from_high,
            },
        }
    }
}

fn rounding(cx: &Context) -> fn(f32) -> f32 {
    match cx.node.attrs.text("round_mode") {
        Some("HALF_UP") => |v| (v + 0.5).floor(),
        Some("HALF_AWAY_FROM_ZERO") => f32::round,
        Some("HALF_TO_EVEN") => f32::round_ties_even,
        _ if &*cx.node.op == "QuantizeV2" => f32::round,
        _ => f32::round_ties_even,
    }
}

fn prepare_there_and_back(cx: &Context) -> Result<Prepared> {
    let signed = cx.node.attrs.bool("signed_input").unwrap_or(true);
    let third = &*cx.node.op == "QuantizeAndDequantizeV3";
    let given = cx.node.attrs.bool("range_given").unwrap_or(third);
    let (narrow, axis) = (cx.attr_bool("narrow_range"), cx.attr_int("axis", -1));
    let (told, round, dtype) = (cx.attr_int("num_bits", 8), rounding(cx), cx.dtype(0)?);
    Prepared::compute(move |inputs| {
        let x = view(inputs, 0)?;
        let bits = match third {
            true => doubles(&view(inputs, 3)?)?
                .first()
                .map_or(0, |&bits| bits as i64),
            false => told,
        };
        if !(1 + i64::from(signed)..=62).contains(&bits) {
            return Err(Error::usage(format!("{bits} bits")));
        }
        let least = match signed {
            true => -(1i64 << (bits - 1)) + i64::from(narrow),
            false => 0,
        };
        let most = (1i64 << (bits - i64::from(signed))) - 1;
        let codes = [least as f32, most as f32];
        let (count, inner) = slices(x.shape, axis)?;
        let mut values = floats(&x)?;
        let slice = |at: usize| at / inner.max(1) % count.max(1);
        let ranges: Vec<[f32; 2]> = match given {
            true => {
                let (low, high) = (floats(&view(inputs, 1)?)?, floats(&view(inputs, 2)?)?);
                low.into_iter()
                    .zip(high)
                    .map(|(low, high)| [low, high])
                    .collect()
            }
            false => {
                let mut ranges = vec![[f32::INFINITY, f32::NEG_INFINITY]; count];
                for (at, &value) in values.iter().enumerate() {
                    let [low, high] = &mut ranges[slice(at)];
                    (*low, *high) = (low.min(value), high.max(value));
                }
                ranges
            }
        };
        if ranges.len() != count {
            return Err(Error::usage(format!(
                "{} ranges for {count} slices",
                ranges.len()
            )));
        }
        let steps: Vec<Steps> = ranges
            .iter()
            .map(|&range| Steps::new(range, codes))
            .collect();
        for (at, value) in values.iter_mut().enumerate() {
            let steps = steps[slice(at)];
            // A range out of the values themselves cuts none of them.
            let inside = match given {
                true => value.max(steps.low).min(steps.high),
                false => *value,
            };
            *value = round(inside * steps.scale) * (1.0 / steps.scale);
        }
        Ok(vec![of_floats(dtype, x.shape, &values)?])
    })
}

/// The smallest and the largest code of a type.
fn codes(dtype: DType) -> Option<[f64; 2]> {
    Some(match dtype {
        DType::QInt8 => [-128.0, 127.0],
        DType::QUInt8 => [0.0, 255.0],
        DType::QInt16 => [-32768.0, 32767.0],
        DType::QUInt16 => [0.0, 65535.0],
        DType::QInt32 => [-2_147_483_648.0, 2_147_483_647.0],
        _ => return None,
    })
}

/// The plain type of the same bits.
fn plain(dtype: DType) -> DType {
    match dtype {
        DType::QInt8 => DType::Int8,
        DType::QUInt8 => DType::UInt8,
        DType::QInt16 => DType::Int16,
        DType::QUInt16 => DType::UInt16,
        _ => DType::Int32,
    }
}

fn infer_quantized(cx: &Context) -> Result<Vec<Fact>> {
    let axis = cx.attr_int("axis", -1);
    let ends = match usize::try_from(axis) {
        Err(_) => crate::model::Shape::scalar(),
        Ok(axis) => {
            let dims = cx.shape(0)?.dims();
            crate::model::Shape(Some(vec![
                dims.and_then(|d| d.get(axis).copied()).unwrap_or(-1),
            ]))
        }
    };
    Ok(vec![
        Fact::new(cx.out_dtype(0)?, cx.shape(0)?.clone()),
        Fact::new(DType::Float32, ends.clone()),
        Fact::new(DType::Float32, ends),
    ])
}

/// How real numbers and codes belong together.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mode {
    MinCombined,
    /// Zero is a whole step.
    MinFirst,
    Scaled,
}

fn mode(cx: &Context) -> Result<Mode> {
    match cx.node.attrs.text("mode") {
        None | Some("MIN_COMBINED") => Ok(Mode::MinCombined),
        Some("MIN_FIRST") => Ok(Mode::MinFirst),
        Some("SCALED") => Ok(Mode::Scaled),
        Some(other) => Err(cx.unsupported(format!("the mode {other:?}"))),
    }
}

fn prepare_quantized(cx: &Context) -> Result<Prepared> {
    let to = cx.out_dtype(0)?;
    let [least, most] = codes(to).ok_or_else(|| cx.no_kernel(to))?;
    let (mode, round, axis) = (mode(cx)?, rounding(cx), cx.attr_int("axis", -1));
    let narrow = cx.attr_bool("narrow_range");
    let smallest = cx.attr_float("ensure_minimum_range", 0.01) as f32;
    Prepared::compute(move |inputs| {
        let x = view(inputs, 0)?;
        let (count, inner) = slices(x.shape, axis)?;
        let (lows, highs) = (floats(&view(inputs, 1)?)?, floats(&view(inputs, 2)?)?);
        if lows.len() != count || highs.len() != count {
            return Err(Error::usage(format!(
                "{} ranges for {count} slices",
                lows.len()
            )));
        }
        let range = |(&low, &high): (&f32, &f32)| {
            let width = 1f32.max(low.abs()).max(high.abs()) * smallest;
            let bottom = low.min(0.0);
            let [low, high] = [bottom, high.max(bottom + width).max(0.0)];
            let span = (most - least) as f32;
            match mode {
                Mode::MinCombined | Mode::MinFirst => Steps {
                    low,
                    high,
                    scale: span / (high - low),
                },
                Mode::Scaled => {
                    let codes = [least as f32 + f32::from(u8::from(narrow)), most as f32];
                    Steps::new([low, high], codes)
                }
            }
        };
        let steps: Vec<Steps> = lows.iter().zip(&highs).map(range).collect();
        let values = floats(&x)?;
        let coded = values.iter().enumerate().map(|(at, &value)| {
            let steps = steps[at / inner.max(1) % count.max(1)];
            let inside = value.max(steps.low).min(steps.high);
            f64::from(match mode {
                Mode::Scaled => round(inside * steps.scale),
                Mode::MinCombined => round((inside - steps.low) * steps.scale + least as f32),
                // The end alone is rounded only where codes are not bytes from 0 on; no code is beyond what float32
                // tells apart.
                Mode::MinFirst => {
                    let code = match to {
                        DType::QUInt8 => ((value - steps.low) * steps.scale).round(),
                        _ => {
                            let first = (steps.low * steps.scale).round() - least as f32;
                            (value * steps.scale).round() - first
                        }
                    };
                    code.max(least as f32).min(most.min(2_147_483_520.0) as f32)
                }
            })
        });
        let coded: Vec<f64> = coded.collect();
        let codes = of_doubles(plain(to), x.shape, &coded)?;
        let bytes = codes.bytes().unwrap_or_default();
        let ends = |end: fn(&Steps) -> f32| {
            let values: Vec<f32> = steps.iter().map(end).collect();
            let shape: &[usize] = if axis < 0 { &[] } else { &[count] };
            Tensor::from_values(shape, &values)
        };
        Ok(vec![
            Tensor::from_bytes(to, x.shape, bytes)?,
            ends(|steps| steps.low),
            ends(|steps| steps.high),
        ])
    })
}

fn infer_real(cx: &Context) -> Result<Vec<Fact>> {
    let dtype = cx.node.attrs.dtype("dtype").unwrap_or(DType::Float32);
    cx.one(dtype, cx.shape(0)?.clone())
}

fn prepare_real(cx: &Context) -> Result<Prepared> {
    let from = cx.dtype(0)?;
    let [least, most] = codes(from).ok_or_else(|| cx.no_kernel(from))?;
    let (mode, axis) = (mode(cx)?, cx.attr_int("axis", -1));
    let narrow = f64::from(u8::from(cx.attr_bool("narrow_range")));
    let to = cx.node.attrs.dtype("dtype").unwrap_or(DType::Float32);
    Prepared::compute(move |inputs| {
        let x = view(inputs, 0)?;
        let (count, inner) = slices(x.shape, axis)?;
        let (lows, highs) = (doubles(&view(inputs, 1)?)?, doubles(&view(inputs, 2)?)?);
        if lows.len() != count || highs.len() != count {
            return Err(Error::usage(format!(
                "{} ranges for {count} slices",
                lows.len()
            )));
        }
        let codes = doubles(&View {
            dtype: plain(from),
            ..x
        })?;
        let values = codes.iter().enumerate().map(|(at, &code)| {
            let slice = at / inner.max(1) % count.max(1);
            let (low, high) = (lows[slice], highs[slice]);
            match mode {
                Mode::MinCombined => (code - least) * ((high - low) / (most - least)) + low,
                Mode::MinFirst => {
                    let step = ((high - low) / (most - least)) as f32;
                    let first = (low as f32 / step).round() * step;
                    f64::from((code as f32 - least as f32) * step + first)
                }
                Mode::Scaled if least == 0.0 => code * (high / most),
                Mode::Scaled => code * (low / (least + narrow)).max(high / most),
            }
        });
        let values: Vec<f64> = values.collect();
        Ok(vec![of_doubles(to, x.shape, &values)?])
    })
}

/// Each channel of the last axis in a range of its own.
fn bits(cx: &Context) -> Result<u32> {
    let bits = u32::try_from(cx.attr_int("num_bits", 8)).ok();
    let bits = bits.filter(|bits| (2..=16).contains(bits));
    bits.ok_or_else(|| cx.wrong("a number of bits outside 2 to 16"))
}

/// Of gradients and values, by the values; then, where the range is an input, by its ends.
fn infer_gradients(cx: &Context) -> Result<Vec<Fact>> {
    let (gradients, dtype) = (cx.input(0)?, cx.dtype(0)?);
    let mut out = vec![Fact::new(dtype, gradients.shape.clone())];
    for end in 2..cx.inputs.len().min(4) {
        out.push(Fact::new(dtype, cx.shape(end)?.clone()));
    }
    Ok(out)
}

/// A gradient passes where the value is within the range, and moves that end of it which the value is beyond. Channels
/// are the last axis.
fn prepare_gradients(cx: &Context) -> Result<Prepared> {
    let (bits, narrow) = (bits(cx)?, cx.attr_bool("narrow_range"));
    let told = [cx.attr_float("min", -6.0), cx.attr_float("max", 6.0)].map(|end| end as f32);
    let live = cx.inputs.len() > 2;
    Prepared::compute(move |inputs| {
        let (gradients, x) = (view(inputs, 0)?, view(inputs, 1)?);
        let (lows, highs) = match live {
            true => (floats(&view(inputs, 2)?)?, floats(&view(inputs, 3)?)?),
            false => (vec![told[0]], vec![told[1]]),
        };
        let channels = lows.len();
        let fits = channels == 1 || x.shape.last() == Some(&channels);
        if gradients.shape != x.shape || highs.len() != channels || !fits {
            return Err(Error::usage(format!(
                "gradients of {:?} for {:?} with {channels} ranges",
                gradients.shape, x.shape
            )));
        }
        let ends = lows.iter().zip(&highs);
        let ranges: Vec<Nudged> = ends
            .map(|(&low, &high)| Nudged::new((low, high), bits, narrow))
            .collect();
        let (mut below, mut above) = (vec![0f64; channels], vec![0f64; channels]);
        let (mut by_x, x_values) = (floats(&gradients)?, floats(&x)?);
        for (at, (gradient, x)) in by_x.iter_mut().zip(x_values).enumerate() {
            let (channel, Nudged { lo, hi, .. }) = (at % channels, ranges[at % channels]);
            match (x < lo, x > hi) {
                (true, _) => below[channel] += f64::from(std::mem::take(gradient)),
                (_, true) => above[channel] += f64::from(std::mem::take(gradient)),
                _ => {}
            }
        }
        let mut out = vec![Tensor::from_values(x.shape, &by_x)];
        if live {
            for (sums, end) in [(below, 2), (above, 3)] {
                let sums: Vec<f32> = sums.iter().map(|&sum| sum as f32).collect();
                out.push(Tensor::from_values(view(inputs, end)?.shape, &sums));
            }
        }
        Ok(out)
    })
}

fn prepare_channels(cx: &Context) -> Result<Prepared> {
    let bits = bits(cx)?;
    let narrow = cx.attr_bool("narrow_range");
    Prepared::compute(move |inputs| {
        let x = view(inputs, 0)?;
        let channels = x.shape.last().copied().unwrap_or(1);
        let (lows, highs) = (floats(&view(inputs, 1)?)?, floats(&view(inputs, 2)?)?);
        if lows.len() != channels || highs.len() != channels {
            return Err(Error::usage(format!(
                "{} ranges for {channels} channels",
                lows.len()
            )));
        }
        let mut values = floats(&x)?;
        for (channel, (&low, &high)) in lows.iter().zip(&highs).enumerate() {
            let column: Vec<f32> = values
                .iter()
                .skip(channel)
                .step_by(channels)
                .copied()
                .collect();
            let mut out = vec![0.0; column.len()];
            let rules = Rules::TensorFlow;
            fake_quant(rules, &column, (low, high), (bits, narrow), &mut out);
            let places = values.iter_mut().skip(channel).step_by(channels);
            places.zip(out).for_each(|(place, value)| *place = value);
        }
        Ok(vec![Tensor::from_values(x.shape, &values)])
    })
}

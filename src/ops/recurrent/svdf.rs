//! SVDF: float, float with integer weights, and integers.
//!
//! Shapes, with B rows, X inputs, U units, F = U × rank filters, M steps of memory: input `[B, X]`, weights `[F, X]` and
//! `[F, M]`, bias `[U]`, state `[B, F M]`, output `[B, U]`.

use super::{Rows, Weight, activation, expect, expect_state, optional_real, rows_of, size};
use crate::error::Result;
use crate::kernels::fixed::Multiplier;
use crate::kernels::quantized::convert::dequantize;
use crate::kernels::recurrent::matrix::Matrix;
use crate::kernels::recurrent::svdf::{IntegerSvdf, Stored, Svdf, shift};
use crate::model::{DType, Element};
use crate::ops::{Context, Fact, Prepared, room_bytes};

const STATE: usize = 4;

fn rank(cx: &Context) -> Result<usize> {
    match cx.attr_int("rank", 0) {
        rank @ 1..=0xffff => Ok(rank as usize),
        other => Err(cx.wrong(format!("rank is {other}"))),
    }
}

pub(super) fn infer(cx: &Context) -> Result<Vec<Fact>> {
    let (filters, rank) = (size(cx, 1, 0)?, rank(cx)? as i64);
    let units = if filters < 0 { -1 } else { filters / rank };
    cx.one(cx.dtype(0)?, rows_of(cx, units)?)
}

struct Sizes {
    rows: Rows,
    filters: usize,
    memory: usize,
    rank: usize,
    units: usize,
}

fn sizes(cx: &Context) -> Result<Sizes> {
    let (rows, rank) = (Rows::of(cx, 0)?, rank(cx)?);
    let (filters, memory) = match cx.sizes(2)?[..] {
        [filters, memory] if filters.is_multiple_of(rank) && memory > 0 => (filters, memory),
        ref other => return Err(cx.wrong(format!("time weights of {other:?} for rank {rank}"))),
    };
    expect(cx, 1, &[filters, rows.width])?;
    Ok(Sizes {
        rows,
        filters,
        memory,
        rank,
        units: filters / rank,
    })
}

pub(super) fn prepare(cx: &Context) -> Result<Prepared> {
    match (cx.dtype(0)?, cx.dtype(2)?) {
        (DType::Float32, DType::Float32 | DType::Int8) => prepare_real(cx),
        (DType::Int8, DType::Int16) => prepare_integer::<i16>(cx),
        (DType::Int8, DType::Int8) => prepare_integer::<i8>(cx),
        (x, w) => Err(cx.unsupported(format!("no kernel for {x} with time weights of {w}"))),
    }
}

fn prepare_real(cx: &Context) -> Result<Prepared> {
    let Sizes {
        rows,
        filters,
        memory,
        rank,
        units,
    } = sizes(cx)?;
    let feature = Weight::of(cx, 1, &[filters, rows.width])?;
    let time = Weight::of(cx, 2, &[filters, memory])?;
    let widened = if time.scale.is_some() {
        filters * memory
    } else {
        0
    };
    let bias = optional_real(cx, 3, &[units])?;
    expect_state(cx, STATE, DType::Float32, rows.batch * filters * memory)?;
    let (activation, asymmetric) = (activation(cx)?, cx.attr_bool("asymmetric_quantize_inputs"));
    let quantized = if feature.scale.is_some() {
        rows.width
    } else {
        0
    };
    let room = room_bytes::<f32>(filters)
        .saturating_add(room_bytes::<i8>(quantized))
        .saturating_add(room_bytes::<f32>(widened));
    Prepared::changing(&[], &[STATE], room, move |io| {
        let time: &[f32] = match time.get(io)? {
            Matrix::Real(values) => values,
            Matrix::Integer { values, scale } => {
                let wide = io.room(widened)?;
                dequantize(values, scale, 0, wide);
                wide
            }
        };
        let svdf = Svdf {
            feature: feature.get(io)?,
            time,
            memory,
            rank,
            bias: bias.map(|at| io.input(at)).transpose()?,
            activation,
            asymmetric,
        };
        let (x, out, state) = (io.input(0)?, io.output::<f32>(0)?, io.output::<f32>(1)?);
        let (features, quantized) = (io.room(filters)?, io.room(quantized)?);
        shift(state);
        for batch in 0..rows.batch {
            let state = &mut state[batch * filters * memory..][..filters * memory];
            let out = &mut out[batch * units..][..units];
            svdf.step(rows.row(x, batch, 0), state, (features, quantized), out);
        }
        Ok(())
    })
}

fn prepare_integer<S: Stored + Element>(cx: &Context) -> Result<Prepared> {
    let Sizes {
        rows,
        filters,
        memory,
        rank,
        units,
    } = sizes(cx)?;
    for (input, dtype) in [(1, DType::Int8), (2, S::DTYPE)] {
        if cx.dtype(input)? != dtype {
            return Err(cx.unsupported(format!("no kernel for weights of {}", cx.dtype(input)?)));
        }
    }
    expect_state(cx, STATE, S::DTYPE, rows.batch * filters * memory)?;
    let biased = cx.has(3);
    if biased {
        expect(cx, 3, &[units])?;
    }
    let ((scale, input_zero), (out_scale, output_zero)) = (cx.scale(0)?, cx.out_scale(0)?);
    let (state, _) = cx.scale(STATE)?;
    let factor = |a: f32, b: f32, to: f32| Multiplier::new((a * b / to).into());
    let to_state = factor(scale, cx.scale(1)?.0, state);
    let to_output = factor(state, cx.scale(2)?.0, out_scale);
    Prepared::changing(&[], &[STATE], 0, move |io| {
        let svdf = IntegerSvdf {
            feature: io.input(1)?,
            bias: if biased { io.optional(3)? } else { None },
            memory,
            rank,
            input_zero,
            output_zero,
            to_state,
            to_output,
        };
        let (x, time) = (io.input(0)?, io.input::<S>(2)?);
        let (out, state) = (io.output::<i8>(0)?, io.output::<S>(1)?);
        shift(state);
        for batch in 0..rows.batch {
            let state = &mut state[batch * filters * memory..][..filters * memory];
            let out = &mut out[batch * units..][..units];
            svdf.step(rows.row(x, batch, 0), time, state, out);
        }
        Ok(())
    })
}

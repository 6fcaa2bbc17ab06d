//! LSTM with int8 activations and weights and an int16 cell state. Weights are constants and become part of the kernel.

use super::lstm::{FORWARD, Roles, Sizes};
use super::{Rows, expect, expect_state};
use crate::error::Result;
use crate::kernels::fixed::{Multiplier, frexp};
use crate::kernels::recurrent::basic;
use crate::kernels::recurrent::integer::{Gate, Lstm, Norm, Product, Projection};
use crate::model::{DType, Element};
use crate::ops::{Context, Prepared, room_bytes};

/// All inputs but the first and the states.
const PACKED: &[usize] = &[
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 20, 21, 22, 23,
];

/// What sums of gates are in before they are normalized, or before their function: Q3.12.
const GATE_SCALE: f32 = 1.0 / 4096.0;

pub(super) fn prepare(cx: &Context) -> Result<Prepared> {
    let sizes = Sizes::of(cx, &FORWARD, Rows::of(cx, 0)?)?;
    let (rows, cells, outputs) = (sizes.rows, sizes.cells, sizes.outputs);
    let [state, cell] = FORWARD.states;
    expect_state(cx, state, DType::Int8, rows.batch * outputs)?;
    expect_state(cx, cell, DType::Int16, rows.batch * cells)?;
    let builder = Builder::of(cx, &FORWARD, sizes)?;
    let kinds = match builder.cuts_peepholes() {
        true => rows.batch,
        false => 1,
    };
    let lstms: Vec<Lstm> = (0..kinds)
        .map(|row| builder.lstm(row))
        .collect::<Result<_>>()?;
    let room = room_bytes::<i16>(4 * cells).saturating_add(room_bytes::<i8>(cells));
    Prepared::changing(PACKED, &[18, 19], room, move |io| {
        let (x, out) = (io.input::<i8>(0)?, io.output::<i8>(0)?);
        let (state, cell) = (io.output::<i8>(1)?, io.output::<i16>(2)?);
        let (room, hidden) = (io.room(4 * cells)?, io.room(cells)?);
        rows.each(false, |batch, step| {
            let state = &mut state[batch * outputs..][..outputs];
            let cell = &mut cell[batch * cells..][..cells];
            let lstm = &lstms[batch % kinds];
            lstm.step(rows.row(x, batch, step), (state, cell), (room, hidden));
            out[rows.at(batch, step) * outputs..][..outputs].copy_from_slice(state);
        });
        Ok(())
    })
}

/// The basic LSTM in integers: input and output before uint8 of scale 1/128 and zero point 128, weights uint8, bias
/// int32, cell state int16 of scale 2^-11.
pub(super) fn prepare_basic(cx: &Context, rows: Rows, cells: usize) -> Result<Prepared> {
    let (width, sums) = (rows.width + cells, 4 * cells);
    let operands: [(usize, DType, &[usize]); 4] = [
        (1, DType::UInt8, &[rows.batch, cells]),
        (2, DType::UInt8, &[sums, width]),
        (3, DType::Int32, &[sums]),
        (4, DType::Int16, &[rows.batch, cells]),
    ];
    for (at, dtype, sizes) in operands {
        expect(cx, at, sizes)?;
        if cx.dtype(at)? != dtype {
            return Err(cx.unsupported(format!("no kernel for {} (input {at})", cx.dtype(at)?)));
        }
    }
    let state = cx.scale(4)?.0;
    if state != 2f32.powi(-11) {
        return Err(cx.unsupported(format!("a cell state of scale {state}, expected 2^-11")));
    }
    let (zero, factor) = (
        cx.scale(2)?.1,
        Multiplier::new(4096.0 * f64::from(cx.scale(3)?.0)),
    );
    Prepared::function(move |io| {
        let (x, before) = (io.input::<u8>(0)?, io.input::<u8>(1)?);
        let (weights, bias) = (io.input::<u8>(2)?, io.input::<i32>(3)?);
        let states = io.input::<i16>(4)?;
        let (out, state) = (io.output::<u8>(0)?, io.output::<i16>(1)?);
        let (both, gates) = (io.output::<u8>(2)?, io.output::<i16>(3)?);
        for b in 0..rows.batch {
            let here = b * cells..(b + 1) * cells;
            let both = rows.beside(x, &before[here.clone()], b, both);
            let gates = &mut gates[b * sums..][..sums];
            basic::sums(both, (weights, zero), bias, factor, gates);
            let (old, new) = (&states[here.clone()], &mut state[here.clone()]);
            basic::step(gates, old, new, &mut out[here]);
        }
        Ok(())
    })
}

struct Builder<'c, 'g> {
    cx: &'c Context<'g>,
    roles: &'c Roles,
    sizes: Sizes,
    input: (f32, i32),
    state: (f32, i32),
    /// What is projected, or put out.
    hidden: (f32, i32),
    cell_scale: i32,
    normalized: bool,
}

impl<'c, 'g> Builder<'c, 'g> {
    fn of(cx: &'c Context<'g>, roles: &'c Roles, sizes: Sizes) -> Result<Self> {
        let (scale, _) = cx.scale(roles.states[1])?;
        let (fraction, exponent) = frexp(scale.into());
        let cell_scale = exponent - 1;
        if fraction != 0.5 || !(-15..=-9).contains(&cell_scale) {
            return Err(cx.wrong(format!(
                "a cell state of scale {scale}, expected a power of two from 2^-15 to 2^-9"
            )));
        }
        Ok(Builder {
            input: cx.scale(0)?,
            state: cx.scale(roles.states[0])?,
            hidden: between(cx, 4)?,
            cell_scale,
            normalized: roles.norm.is_some_and(|at| cx.has(at[1])),
            cx,
            roles,
            sizes,
        })
    }

    /// Whether only some cells of a row get their peephole, as in TensorFlow Lite's kernel: it counts as many as there
    /// are outputs, of all rows together, where a projection makes these fewer (seen of LiteRT 2.3.0). Repeated by the
    /// plain kernels alone.
    fn cuts_peepholes(&self) -> bool {
        self.cx.options.reference && self.sizes.outputs < self.sizes.cells
    }

    /// What computes row `row` of the batch.
    fn lstm(&self, row: usize) -> Result<Lstm> {
        let cx = self.cx;
        let gate = |number: usize| self.gate(number, row);
        let clip = cx.attr_float("cell_clip", 0.0) as f32 / cx.scale(self.roles.states[1])?.0;
        let projection = self.projection()?;
        if projection.is_none() && self.sizes.cells != self.sizes.outputs {
            return Err(cx.wrong(format!(
                "{} outputs of {} cells without a projection",
                self.sizes.outputs, self.sizes.cells
            )));
        }
        let (scale, zero) = self.hidden;
        let factor = 2f64.powi(-15) / f64::from(scale) * 2f64.powi(-15);
        let coupled = !cx.has(self.roles.input[0]);
        Ok(Lstm {
            input: if coupled { None } else { Some(gate(0)?) },
            forget: gate(1)?,
            cell: gate(2)?,
            output: gate(3)?,
            cell_scale: self.cell_scale,
            cell_clip: clip.clamp(i16::MIN.into(), i16::MAX.into()) as i16,
            hidden: multiplier(factor as f32),
            // TensorFlow Lite takes the zero point away of what is projected, so that it has to be added back in the
            // projection; hidden values saturate on the way.
            hidden_zero: if projection.is_some() {
                zero.saturating_neg()
            } else {
                zero
            },
            output_zero: self.state.1,
            projection,
        })
    }

    fn gate(&self, number: usize, row: usize) -> Result<Gate> {
        let (cx, roles) = (self.cx, self.roles);
        let (cells, outputs) = (self.sizes.cells, self.sizes.outputs);
        let scale = if self.normalized {
            between(cx, number)?.0
        } else {
            GATE_SCALE
        };
        let bias = if self.normalized {
            None
        } else {
            Some(roles.bias[number])
        };
        let (input, recurrent) = (roles.input[number], roles.recurrent[number]);
        let peephole = match roles.peephole[number].filter(|&at| cx.has(at)) {
            None => None,
            Some(at) => {
                let factor = 2f64.powi(self.cell_scale) * f64::from(cx.scale(at)?.0);
                let factor = (factor / f64::from(scale)) as f32;
                let mut weights = self.constant::<i16>(at, &[cells])?;
                if self.cuts_peepholes() {
                    let own = row * cells..(row + 1) * cells;
                    let cut = own.map(|at| match at < self.sizes.rows.batch * outputs {
                        true => weights[at % outputs],
                        false => 0,
                    });
                    weights = cut.collect();
                }
                Some((weights, multiplier(factor)))
            }
        };
        let norm = match roles.norm.filter(|_| self.normalized) {
            None => None,
            Some(at) => {
                let (own, _) = cx.scale(at[number])?;
                Some(Norm {
                    weights: self.constant(at[number], &[cells])?,
                    bias: self.constant(roles.bias[number], &[cells])?,
                    factor: multiplier(own),
                    least_variance: ((10000.0 * own) as i32).max(1),
                })
            }
        };
        Ok(Gate {
            input: self.product(
                input,
                [cells, self.sizes.rows.width],
                (self.input, scale),
                bias,
            )?,
            recurrent: self.product(recurrent, [cells, outputs], (self.state, scale), None)?,
            peephole,
            norm,
        })
    }

    /// Weights `[rows, columns]` that take values of scale and zero point `from` to the scale `to`.
    fn product(
        &self,
        at: usize,
        sizes: [usize; 2],
        ((scale, zero), to): ((f32, i32), f32),
        bias: Option<usize>,
    ) -> Result<Product> {
        let weights = self.constant::<i8>(at, &sizes)?;
        let mut sums = match bias {
            Some(at) => self.constant::<i32>(at, &sizes[..1])?,
            None => vec![0; sizes[0]],
        };
        for (sum, row) in sums.iter_mut().zip(weights.chunks_exact(sizes[1].max(1))) {
            let row: i32 = row.iter().map(|&w| i32::from(w)).sum();
            *sum = sum.wrapping_sub(row.wrapping_mul(zero));
        }
        Ok(Product {
            weights,
            bias: sums,
            factor: multiplier(self.cx.scale(at)?.0 * scale / to),
        })
    }

    fn projection(&self) -> Result<Option<Projection>> {
        let (cx, at) = (self.cx, self.roles.projection);
        if !cx.has(at) {
            return Ok(None);
        }
        let sizes = [self.sizes.outputs, self.sizes.cells];
        let bias = Some(self.roles.projection_bias).filter(|&at| cx.has(at));
        let clip = cx.attr_float("proj_clip", 0.0) as f32 / cx.out_scale(0)?.0;
        // See `hidden_zero`.
        let hidden = (self.hidden.0, self.hidden.1.saturating_neg());
        Ok(Some(Projection {
            product: self.product(at, sizes, (hidden, self.state.0), bias)?,
            clip: clip.clamp(i8::MIN.into(), i8::MAX.into()) as i8,
        }))
    }

    fn constant<T: Element>(&self, at: usize, sizes: &[usize]) -> Result<Vec<T>> {
        expect(self.cx, at, sizes)?;
        let tensor = self.cx.constant(at)?;
        let values = tensor.as_ref().and_then(|tensor| tensor.values::<T>());
        let values = values.ok_or_else(|| {
            self.cx
                .unsupported(format!("input {at} is no constant of {}", T::DTYPE))
        });
        Ok(values?.to_vec())
    }
}

fn multiplier(real: f32) -> Multiplier {
    Multiplier::new(real.into())
}

/// Scale and zero point of an intermediate value: what each gate's sum is in, and what is projected.
fn between(cx: &Context, number: usize) -> Result<(f32, i32)> {
    let value = cx.node.intermediates.get(number).copied().flatten();
    let quantization = value.and_then(|id| cx.graph.value(id).quantization.as_ref());
    let single = quantization.and_then(|q| q.single());
    let single = single.filter(|(scale, _)| scale.is_finite() && *scale > 0.0);
    let single = single.and_then(|(scale, zero)| Some((scale, i32::try_from(zero).ok()?)));
    single.ok_or_else(|| cx.wrong(format!("intermediate {number} has no scale of its own")))
}

//! LSTM: one step, a sequence, a sequence in both directions.
//!
//! Shapes, with B rows, T steps, X inputs, C cells, O outputs: input `[B, X]`, `[B, T, X]` or `[T, B, X]`; weights of a
//! gate `[C, X]` and `[C, O]`, of the projection `[O, C]`; states `[B, O]` and `[B, C]`; output as the input with O.

use super::{
    Course, Rows, Way, Weight, activation, both_ways, expect_real, expect_state, integer,
    optional_real, prepare_both, rows_of, size,
};
use crate::error::Result;
use crate::kernels::recurrent::Activation;
use crate::kernels::recurrent::lstm::{Gate, Lstm, Room, basic};
use crate::kernels::recurrent::matrix::{Matrix, Row};
use crate::model::DType;
use crate::ops::{Context, Fact, Io, Prepared, room_bytes};

/// Which operands are what. Gates are in the order input, forget, cell, output.
pub(super) struct Roles {
    pub input: [usize; 4],
    pub recurrent: [usize; 4],
    /// The cell gate has none.
    pub peephole: [Option<usize>; 4],
    pub bias: [usize; 4],
    pub projection: usize,
    pub projection_bias: usize,
    pub norm: Option<[usize; 4]>,
    pub aux: Option<[usize; 4]>,
    /// Outputs, cells.
    pub states: [usize; 2],
}

pub(super) const FORWARD: Roles = Roles {
    input: [1, 2, 3, 4],
    recurrent: [5, 6, 7, 8],
    peephole: [Some(9), Some(10), None, Some(11)],
    bias: [12, 13, 14, 15],
    projection: 16,
    projection_bias: 17,
    norm: Some([20, 21, 22, 23]),
    aux: None,
    states: [18, 19],
};

const FIRST_OF_TWO: Roles = Roles {
    norm: None,
    aux: Some([40, 41, 42, 43]),
    states: [35, 36],
    ..FORWARD
};

const SECOND_OF_TWO: Roles = Roles {
    input: [18, 19, 20, 21],
    recurrent: [22, 23, 24, 25],
    peephole: [Some(26), Some(27), None, Some(28)],
    bias: [29, 30, 31, 32],
    projection: 33,
    projection_bias: 34,
    norm: None,
    aux: Some([44, 45, 46, 47]),
    states: [37, 38],
};

/// Where an input of its own for the second direction, or one more for both, is.
const AUX: usize = 39;

fn is_basic(cx: &Context) -> bool {
    cx.attr_int("kernel_type", 0) == 1
}

pub(super) fn infer(cx: &Context) -> Result<Vec<Fact>> {
    let dtype = cx.dtype(0)?;
    if is_basic(cx) {
        return infer_basic(cx);
    }
    cx.one(dtype, rows_of(cx, size(cx, FORWARD.recurrent[3], 1)?)?)
}

pub(super) fn infer_both_ways(cx: &Context) -> Result<Vec<Fact>> {
    let width = |roles: &Roles| size(cx, roles.recurrent[3], 1);
    both_ways(cx, [width(&FIRST_OF_TWO)?, width(&SECOND_OF_TWO)?])
}

pub(super) struct Sizes {
    pub rows: Rows,
    pub cells: usize,
    pub outputs: usize,
}

impl Sizes {
    pub fn of(cx: &Context, roles: &Roles, rows: Rows) -> Result<Self> {
        match cx.sizes(roles.recurrent[3])?[..] {
            [cells, outputs] if cells > 0 && outputs > 0 => Ok(Sizes {
                rows,
                cells,
                outputs,
            }),
            ref other => Err(cx.wrong(format!("recurrent weights of {other:?}"))),
        }
    }
}

pub(super) fn prepare(cx: &Context) -> Result<Prepared> {
    if is_basic(cx) {
        return prepare_basic(cx);
    }
    if cx.attr_bool("diagonal_recurrent_tensors") {
        return Err(cx.unsupported("diagonal recurrent weights"));
    }
    match cx.dtype(0)? {
        DType::Float32 => {}
        DType::Int8 => return integer::prepare(cx),
        other => return Err(cx.no_kernel(other)),
    }
    let way = OneWay::of(cx, &FORWARD, Rows::of(cx, 0)?, None)?;
    Prepared::changing(&[], &[18, 19], way.room_bytes(), move |io| {
        let (x, out) = (io.input(0)?, io.output(0)?);
        way.run(io, (x, None), 1, out)
    })
}

pub(super) fn prepare_both_ways(cx: &Context) -> Result<Prepared> {
    if cx.dtype(0)? != DType::Float32 {
        return Err(cx.no_kernel(cx.dtype(0)?));
    }
    let stacked = FIRST_OF_TWO.aux.is_some_and(|aux| cx.has(aux[1]));
    prepare_both(
        cx,
        (AUX, stacked),
        &[35, 36, 37, 38],
        |number, rows, aux| OneWay::of(cx, [&FIRST_OF_TWO, &SECOND_OF_TWO][number], rows, aux),
    )
}

/// One direction of a float LSTM, weights checked.
struct OneWay {
    rows: Rows,
    aux: Option<Rows>,
    cells: usize,
    outputs: usize,
    course: Course,
    gates: [Option<GateRoles>; 4],
    projection: Option<Weight>,
    projection_bias: Option<usize>,
    activation: Activation,
    clips: [f32; 2],
    asymmetric: bool,
    /// Some weights are integers.
    hybrid: bool,
}

#[derive(Clone, Copy)]
struct GateRoles {
    input: Weight,
    aux: Option<Weight>,
    recurrent: Weight,
    peephole: Option<Weight>,
    norm: Option<usize>,
    bias: usize,
}

impl OneWay {
    fn of(cx: &Context, roles: &Roles, rows: Rows, aux: Option<Rows>) -> Result<Self> {
        let Sizes {
            rows,
            cells,
            outputs,
        } = Sizes::of(cx, roles, rows)?;
        let mut gates = [None; 4];
        for (number, gate) in gates.iter_mut().enumerate() {
            if number == 0 && !cx.has(roles.input[0]) {
                continue; // coupled to the forget gate
            }
            expect_real(cx, roles.bias[number], &[cells])?;
            let aux = match (roles.aux, aux) {
                (Some(at), Some(aux)) => Some(Weight::of(cx, at[number], &[cells, aux.width])?),
                _ => None,
            };
            let peephole = roles.peephole[number];
            *gate = Some(GateRoles {
                input: Weight::of(cx, roles.input[number], &[cells, rows.width])?,
                aux,
                recurrent: Weight::of(cx, roles.recurrent[number], &[cells, outputs])?,
                peephole: peephole.map_or(Ok(None), |at| Weight::optional(cx, at, &[cells]))?,
                norm: roles
                    .norm
                    .map_or(Ok(None), |at| optional_real(cx, at[number], &[cells]))?,
                bias: roles.bias[number],
            });
        }
        let projection = Weight::optional(cx, roles.projection, &[outputs, cells])?;
        if projection.is_none() && outputs != cells {
            return Err(cx.wrong(format!(
                "{outputs} outputs of {cells} cells without a projection"
            )));
        }
        expect_state(cx, roles.states[0], DType::Float32, rows.batch * outputs)?;
        expect_state(cx, roles.states[1], DType::Float32, rows.batch * cells)?;
        let weights = gates.iter().flatten().flat_map(|gate: &GateRoles| {
            [
                Some(gate.input),
                gate.aux,
                Some(gate.recurrent),
                gate.peephole,
            ]
        });
        let hybrid = weights
            .chain([projection])
            .flatten()
            .any(|w| w.scale.is_some());
        Ok(OneWay {
            rows,
            aux,
            cells,
            outputs,
            course: Course::alone(outputs),
            gates,
            projection,
            projection_bias: optional_real(cx, roles.projection_bias, &[outputs])?,
            activation: activation(cx)?,
            clips: ["cell_clip", "proj_clip"].map(|name| cx.attr_float(name, 0.0) as f32),
            asymmetric: cx.attr_bool("asymmetric_quantize_inputs"),
            hybrid,
        })
    }

    /// Values that are quantized: of the input, the auxiliary input, the state, the cells.
    fn quantized(&self) -> [usize; 4] {
        let aux = self.aux.map_or(0, |rows| rows.width);
        [self.rows.width, aux, self.outputs, self.cells]
            .map(|count| if self.hybrid { count } else { 0 })
    }

    fn lstm<'a>(&self, io: &Io<'_, 'a>) -> Result<Lstm<'a>> {
        let gate = |number: usize| -> Result<Option<Gate<'a>>> {
            let Some(roles) = &self.gates[number] else {
                return Ok(None);
            };
            let optional = |weight: Option<Weight>| weight.map(|w| w.get(io)).transpose();
            Ok(Some(Gate {
                input: roles.input.get(io)?,
                aux: optional(roles.aux)?,
                recurrent: roles.recurrent.get(io)?,
                peephole: optional(roles.peephole)?,
                norm: roles.norm.map(|at| io.input(at)).transpose()?,
                bias: io.input(roles.bias)?,
            }))
        };
        let missing = || crate::error::Error::unsupported("a gate is missing");
        Ok(Lstm {
            input: gate(0)?,
            forget: gate(1)?.ok_or_else(missing)?,
            cell: gate(2)?.ok_or_else(missing)?,
            output: gate(3)?.ok_or_else(missing)?,
            projection: self.projection.map(|w| w.get(io)).transpose()?,
            projection_bias: self.projection_bias.map(|at| io.input(at)).transpose()?,
            activation: self.activation,
            cell_clip: self.clips[0],
            projection_clip: self.clips[1],
            asymmetric: self.asymmetric,
        })
    }
}

impl Way for OneWay {
    fn outputs(&self) -> usize {
        self.outputs
    }

    fn take(&mut self, course: Course) {
        self.course = course;
    }

    fn room_bytes(&self) -> usize {
        let quantized = self.quantized().map(room_bytes::<i8>).into_iter();
        quantized.fold(room_bytes::<f32>(4 * self.cells), usize::saturating_add)
    }

    fn run(
        &self,
        io: &mut Io<'_, '_>,
        (x, aux): (&[f32], Option<&[f32]>),
        states: usize,
        out: &mut [f32],
    ) -> Result<()> {
        let lstm = self.lstm(io)?;
        let (state, cell) = (io.output::<f32>(states)?, io.output::<f32>(states + 1)?);
        let [input, extra, recurrent, cells] = self.quantized();
        let mut room = Room {
            gates: io.room(4 * self.cells)?,
            input: io.room(input)?,
            aux: io.room(extra)?,
            recurrent: io.room(recurrent)?,
            cells: io.room(cells)?,
        };
        self.rows.each(self.course.backward, |batch, step| {
            let x = self.rows.row(x, batch, step);
            let aux = aux
                .zip(self.aux)
                .map(|(aux, rows)| rows.row(aux, batch, step));
            let state = &mut state[batch * self.outputs..][..self.outputs];
            let cell = &mut cell[batch * self.cells..][..self.cells];
            lstm.step(x, aux, (state, cell), &mut room);
            let begin = self.rows.at(batch, step) * self.course.width + self.course.begin;
            out[begin..][..self.outputs].copy_from_slice(state);
        });
        Ok(())
    }
}

/// Outputs of the basic LSTM: the output, the cell state, the input beside the output before, the gates' sums.
fn infer_basic(cx: &Context) -> Result<Vec<Fact>> {
    let (cells, inputs) = (size(cx, 3, 0)?, size(cx, 2, 1)?);
    let cells = if cells < 0 { -1 } else { cells / 4 };
    let widths = [cells, cells, inputs, cells.saturating_mul(4)];
    let facts = widths.iter().enumerate().map(|(output, &width)| {
        let dtype = cx.out_dtype(output)?;
        Ok(Fact::new(
            dtype,
            rows_of(cx, if cells < 0 { -1 } else { width })?,
        ))
    });
    facts.collect()
}

/// The basic LSTM: input `[B, X]`, output before `[B, C]`, weights `[4 C, X + C]`, bias `[4 C]`, cell state `[B, C]`.
fn prepare_basic(cx: &Context) -> Result<Prepared> {
    let rows = Rows::of(cx, 0)?;
    let sums = cx.sizes(3)?.iter().product::<usize>();
    let (cells, width) = (sums / 4, rows.width + sums / 4);
    if sums == 0 || sums % 4 != 0 {
        return Err(cx.wrong(format!("a bias of {}", cx.shape(3)?)));
    }
    if cx.dtype(0)? == DType::UInt8 {
        return integer::prepare_basic(cx, rows, cells);
    }
    expect_real(cx, 1, &[rows.batch, cells])?;
    expect_real(cx, 2, &[sums, width])?;
    expect_real(cx, 3, &[sums])?;
    expect_real(cx, 4, &[rows.batch, cells])?;
    if cx.dtype(0)? != DType::Float32 {
        return Err(cx.no_kernel(cx.dtype(0)?));
    }
    Prepared::function(move |io| {
        let (x, before) = (io.input::<f32>(0)?, io.input::<f32>(1)?);
        let (weights, bias) = (io.input::<f32>(2)?, io.input::<f32>(3)?);
        let states = io.input::<f32>(4)?;
        let (out, state) = (io.output::<f32>(0)?, io.output::<f32>(1)?);
        let (both, gates) = (io.output::<f32>(2)?, io.output::<f32>(3)?);
        for b in 0..rows.batch {
            let here = b * cells..(b + 1) * cells;
            let both = rows.beside(x, &before[here.clone()], b, both);
            let gates = &mut gates[b * sums..][..sums];
            gates.copy_from_slice(bias);
            Matrix::Real(weights).add(&Row::new(both, &mut [], false), gates);
            basic(
                gates,
                &states[here.clone()],
                &mut state[here.clone()],
                &mut out[here],
            );
        }
        Ok(())
    })
}

//! RNN: one step, a sequence, a sequence in both directions.
//!
//! Shapes, with B rows, T steps, X inputs, U units: input `[B, X]`, `[B, T, X]` or `[T, B, X]`; weights `[U, X]` and
//! `[U, U]`; state `[B, U]`; output as the input with U.

use super::{
    Course, Rows, Way, Weight, activation, both_ways, expect_real, expect_state, prepare_both,
    rows_of, size,
};
use crate::error::Result;
use crate::kernels::recurrent::Activation;
use crate::kernels::recurrent::rnn::{Rnn, Room};
use crate::model::DType;
use crate::ops::{Context, Fact, Io, Prepared, room_bytes};

/// Which operands are what.
struct Roles {
    input: usize,
    recurrent: usize,
    bias: usize,
    state: usize,
    aux: usize,
}

const FIRST: Roles = Roles {
    input: 1,
    recurrent: 2,
    bias: 3,
    state: 4,
    aux: 10,
};

const SECOND: Roles = Roles {
    input: 5,
    recurrent: 6,
    bias: 7,
    state: 8,
    aux: 11,
};

/// Where an input of its own for the second direction, or one more for both, is.
const AUX: usize = 9;

pub(super) fn infer(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.dtype(0)?, rows_of(cx, size(cx, FIRST.input, 0)?)?)
}

pub(super) fn infer_both_ways(cx: &Context) -> Result<Vec<Fact>> {
    let width = |roles: &Roles| size(cx, roles.input, 0);
    both_ways(cx, [width(&FIRST)?, width(&SECOND)?])
}

pub(super) fn prepare(cx: &Context) -> Result<Prepared> {
    let way = OneWay::of(cx, &FIRST, Rows::of(cx, 0)?, None)?;
    Prepared::changing(&[], &[4], way.room_bytes(), move |io| {
        let (x, out) = (io.input(0)?, io.output(0)?);
        way.run(io, (x, None), 1, out)
    })
}

pub(super) fn prepare_both_ways(cx: &Context) -> Result<Prepared> {
    let stacked = cx.has(FIRST.aux);
    prepare_both(cx, (AUX, stacked), &[4, 8], |number, rows, aux| {
        OneWay::of(cx, [&FIRST, &SECOND][number], rows, aux)
    })
}

/// One direction, weights checked.
struct OneWay {
    rows: Rows,
    aux: Option<Rows>,
    units: usize,
    course: Course,
    input: Weight,
    aux_weights: Option<Weight>,
    recurrent: Weight,
    bias: usize,
    activation: Activation,
    asymmetric: bool,
}

impl OneWay {
    fn of(cx: &Context, roles: &Roles, rows: Rows, aux: Option<Rows>) -> Result<Self> {
        if cx.dtype(0)? != DType::Float32 {
            return Err(cx.no_kernel(cx.dtype(0)?));
        }
        let units = match cx.sizes(roles.input)?[..] {
            [units, _] if units > 0 => units,
            ref other => return Err(cx.wrong(format!("weights of {other:?}"))),
        };
        expect_real(cx, roles.bias, &[units])?;
        expect_state(cx, roles.state, DType::Float32, rows.batch * units)?;
        Ok(OneWay {
            rows,
            aux,
            units,
            course: Course::alone(units),
            input: Weight::of(cx, roles.input, &[units, rows.width])?,
            aux_weights: match aux {
                Some(aux) => Some(Weight::of(cx, roles.aux, &[units, aux.width])?),
                None => None,
            },
            recurrent: Weight::of(cx, roles.recurrent, &[units, units])?,
            bias: roles.bias,
            activation: activation(cx)?,
            asymmetric: cx.attr_bool("asymmetric_quantize_inputs"),
        })
    }

    /// Values that are quantized: of the input, the auxiliary input, the state.
    fn quantized(&self) -> [usize; 3] {
        let aux = self.aux.map_or(0, |rows| rows.width);
        let weights = [Some(self.input), self.aux_weights, Some(self.recurrent)];
        let hybrid = weights.iter().flatten().any(|w| w.scale.is_some());
        [self.rows.width, aux, self.units].map(|count| if hybrid { count } else { 0 })
    }
}

impl Way for OneWay {
    fn outputs(&self) -> usize {
        self.units
    }

    fn take(&mut self, course: Course) {
        self.course = course;
    }

    fn room_bytes(&self) -> usize {
        let quantized = self.quantized().map(room_bytes::<i8>).into_iter();
        quantized.fold(room_bytes::<f32>(self.units), usize::saturating_add)
    }

    fn run(
        &self,
        io: &mut Io<'_, '_>,
        (x, aux): (&[f32], Option<&[f32]>),
        state: usize,
        out: &mut [f32],
    ) -> Result<()> {
        let rnn = Rnn {
            input: self.input.get(io)?,
            aux: self.aux_weights.map(|w| w.get(io)).transpose()?,
            recurrent: self.recurrent.get(io)?,
            bias: io.input(self.bias)?,
            activation: self.activation,
            asymmetric: self.asymmetric,
        };
        let state = io.output::<f32>(state)?;
        let [input, extra, recurrent] = self.quantized();
        let mut room = Room {
            input: io.room(input)?,
            aux: io.room(extra)?,
            recurrent: io.room(recurrent)?,
        };
        self.rows.each(self.course.backward, |batch, step| {
            let x = self.rows.row(x, batch, step);
            let aux = aux
                .zip(self.aux)
                .map(|(aux, rows)| rows.row(aux, batch, step));
            let state = &mut state[batch * self.units..][..self.units];
            let begin = self.rows.at(batch, step) * self.course.width + self.course.begin;
            rnn.step(x, aux, state, &mut room, &mut out[begin..][..self.units]);
        });
        Ok(())
    }
}

//! The fused recurrent operators of TensorFlow Lite: LSTM, RNN and SVDF. Their states are variable tensors of the file.

mod integer;
mod lstm;
mod rnn;
mod svdf;

use super::quantized::integers;
use super::{Context, Fact, Io, Operator, Prepared};
use crate::error::Result;
use crate::kernels::recurrent::Activation;
use crate::kernels::recurrent::matrix::Matrix;
use crate::model::{DType, Shape};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        &[],
        &["LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM"],
        lstm::infer,
        lstm::prepare,
    ),
    Operator::new(
        &[],
        &["BIDIRECTIONAL_SEQUENCE_LSTM"],
        lstm::infer_both_ways,
        lstm::prepare_both_ways,
    ),
    Operator::new(
        &[],
        &["RNN", "UNIDIRECTIONAL_SEQUENCE_RNN"],
        rnn::infer,
        rnn::prepare,
    ),
    Operator::new(
        &[],
        &["BIDIRECTIONAL_SEQUENCE_RNN"],
        rnn::infer_both_ways,
        rnn::prepare_both_ways,
    ),
    Operator::new(&[], &["SVDF"], svdf::infer, svdf::prepare),
];

/// How rows of batches and steps lie.
#[derive(Debug, Clone, Copy)]
struct Rows {
    batch: usize,
    steps: usize,
    /// Values of a row.
    width: usize,
    /// All rows of a step lie together.
    time_major: bool,
}

impl Rows {
    /// Those of an input: `[batch, width]` of cells, `[batch, steps, width]` of sequences.
    fn of(cx: &Context, input: usize) -> Result<Self> {
        let sequence = cx.node.op.contains("SEQUENCE");
        let time_major = cx.attr_bool("time_major");
        let (batch, steps, width) = match (&cx.sizes(input)?[..], sequence) {
            (&[a, b, width], true) if time_major => (b, a, width),
            (&[a, b, width], true) => (a, b, width),
            (&[batch, width], false) => (batch, 1, width),
            _ => return Err(cx.wrong(format!("an input of {}", cx.shape(input)?))),
        };
        Ok(Rows {
            batch,
            steps,
            width,
            time_major: sequence && time_major,
        })
    }

    fn at(&self, batch: usize, step: usize) -> usize {
        if self.time_major {
            step * self.batch + batch
        } else {
            batch * self.steps + step
        }
    }

    fn row<'a, T>(&self, values: &'a [T], batch: usize, step: usize) -> &'a [T] {
        &values[self.at(batch, step) * self.width..][..self.width]
    }

    /// The row of a batch with the output `before` beside it, written to its place in `both`.
    fn beside<'b, T: Copy>(
        &self,
        values: &[T],
        before: &[T],
        batch: usize,
        both: &'b mut [T],
    ) -> &'b mut [T] {
        let width = self.width + before.len();
        let both = &mut both[batch * width..][..width];
        both[..self.width].copy_from_slice(self.row(values, batch, 0));
        both[self.width..].copy_from_slice(before);
        both
    }

    /// Calls `f` for every row, step after step of a batch, the last step first where `backward`.
    fn each(&self, backward: bool, mut f: impl FnMut(usize, usize)) {
        for batch in 0..self.batch {
            for step in 0..self.steps {
                let step = if backward {
                    self.steps - 1 - step
                } else {
                    step
                };
                f(batch, step);
            }
        }
    }
}

/// The input's sizes with `width` for the last.
fn rows_of(cx: &Context, width: i64) -> Result<Shape> {
    let Some(dims) = cx.shape(0)?.dims() else {
        return Ok(Shape::UNKNOWN);
    };
    let mut dims = dims.to_vec();
    match dims.last_mut() {
        Some(last) => *last = width,
        None => return Err(cx.wrong("an input without dimensions")),
    }
    Ok(Shape(Some(dims)))
}

/// One size of a weight, -1 where unknown.
fn size(cx: &Context, input: usize, axis: usize) -> Result<i64> {
    let shape = cx.shape(input)?;
    let Some(dims) = shape.dims() else {
        return Ok(-1);
    };
    dims.get(axis)
        .copied()
        .ok_or_else(|| cx.wrong(format!("weights of {shape} (input {input})")))
}

/// The outputs of both directions, apart or side by side.
fn both_ways(cx: &Context, widths: [i64; 2]) -> Result<Vec<Fact>> {
    let dtype = cx.dtype(0)?;
    if cx.attr_bool("merge_outputs") {
        let [a, b] = widths;
        let width = if a < 0 || b < 0 {
            -1
        } else {
            a.saturating_add(b)
        };
        return cx.one(dtype, rows_of(cx, width)?);
    }
    widths
        .iter()
        .map(|&width| Ok(Fact::new(dtype, rows_of(cx, width)?)))
        .collect()
}

/// One direction of a sequence, weights checked.
trait Way: Send + Sync + 'static {
    /// Values that come out for a row.
    fn outputs(&self) -> usize;

    /// Goes over the steps as `course` says.
    fn take(&mut self, course: Course);

    fn room_bytes(&self) -> usize;

    /// All rows of `x`, and of the auxiliary input where there is one; the states come behind the outputs, the first of
    /// them is output `states`.
    fn run(
        &self,
        io: &mut Io<'_, '_>,
        inputs: (&[f32], Option<&[f32]>),
        states: usize,
        out: &mut [f32],
    ) -> Result<()>;
}

/// How a direction goes over the steps, and where its outputs go.
#[derive(Debug, Clone, Copy)]
struct Course {
    backward: bool,
    /// Where rows of the output begin, and values from one to the next.
    begin: usize,
    width: usize,
}

impl Course {
    /// Forward, into an output of its own.
    fn alone(outputs: usize) -> Self {
        Course {
            backward: false,
            begin: 0,
            width: outputs,
        }
    }
}

/// Both directions, of the same input or of one each, their outputs apart or side by side. Input `aux` is one more for
/// both where there are weights for it (`stacked`), else the second's own. `states` are the inputs of their states, the
/// first's first; `way` makes the first (0) or the second (1) for rows of its input and of the auxiliary one.
fn prepare_both<W: Way>(
    cx: &Context,
    (aux, stacked): (usize, bool),
    states: &'static [usize],
    way: impl Fn(usize, Rows, Option<Rows>) -> Result<W>,
) -> Result<Prepared> {
    let rows = Rows::of(cx, 0)?;
    let more = cx.has(aux).then(|| Rows::of(cx, aux)).transpose()?;
    if let Some(more) = more
        && (more.batch, more.steps) != (rows.batch, rows.steps)
    {
        return Err(cx.wrong(format!("{} and {}", cx.shape(0)?, cx.shape(aux)?)));
    }
    let shared = more.filter(|_| stacked);
    let own = more.filter(|_| !stacked);
    let second_input = if own.is_some() { aux } else { 0 };
    let (mut first, mut second) = (way(0, rows, shared)?, way(1, own.unwrap_or(rows), shared)?);
    let merged = cx.attr_bool("merge_outputs");
    let (begin, width) = match merged {
        true => (first.outputs(), first.outputs() + second.outputs()),
        false => (0, second.outputs()),
    };
    if merged {
        first.take(Course {
            width,
            ..Course::alone(0)
        });
    }
    second.take(Course {
        backward: true,
        begin,
        width,
    });
    let room = first.room_bytes().saturating_add(second.room_bytes());
    let own_states = states.len() / 2;
    Prepared::changing(&[], states, room, move |io| {
        let (x, y) = (io.input(0)?, io.input(second_input)?);
        let shared = shared.map_or(Ok(None), |_| io.optional(aux))?;
        let (mut out, states) = (io.output(0)?, if merged { 1 } else { 2 });
        first.run(io, (x, shared), states, out)?;
        if !merged {
            out = io.output(1)?;
        }
        second.run(io, (y, shared), states + own_states, out)
    })
}

/// Where an input of weights is, and the scale of integer ones.
#[derive(Debug, Clone, Copy)]
struct Weight {
    input: usize,
    scale: Option<f32>,
}

impl Weight {
    /// Fails unless there are `sizes` of them, in float or int8 (see [`integers`]).
    fn of(cx: &Context, input: usize, sizes: &[usize]) -> Result<Self> {
        expect(cx, input, sizes)?;
        let scale = match cx.dtype(input)? {
            DType::Float32 => None,
            DType::Int8 | DType::UInt8 => Some(cx.scale(input)?.0),
            other => return Err(cx.unsupported(format!("no kernel for weights of {other}"))),
        };
        Ok(Weight { input, scale })
    }

    fn optional(cx: &Context, input: usize, sizes: &[usize]) -> Result<Option<Self>> {
        cx.has(input)
            .then(|| Weight::of(cx, input, sizes))
            .transpose()
    }

    fn get<'a>(&self, io: &Io<'_, 'a>) -> Result<Matrix<'a>> {
        Ok(match self.scale {
            None => Matrix::Real(io.input(self.input)?),
            Some(scale) => Matrix::Integer {
                values: integers(io, self.input)?,
                scale,
            },
        })
    }
}

/// Fails unless input `input` has these sizes; leading sizes of 1 more or less do not count.
fn expect(cx: &Context, input: usize, sizes: &[usize]) -> Result<()> {
    let found = cx.sizes(input)?;
    let plain = |sizes: &[usize]| -> Vec<usize> {
        sizes
            .iter()
            .copied()
            .skip_while(|&size| size == 1)
            .collect()
    };
    if plain(&found) == plain(sizes) {
        return Ok(());
    }
    Err(cx.wrong(format!("input {input} is {found:?}, expected {sizes:?}")))
}

fn expect_real(cx: &Context, input: usize, sizes: &[usize]) -> Result<()> {
    expect(cx, input, sizes)?;
    match cx.dtype(input)? {
        DType::Float32 => Ok(()),
        other => Err(cx.unsupported(format!("no kernel for {other} (input {input})"))),
    }
}

/// An input that may be absent.
fn optional_real(cx: &Context, input: usize, sizes: &[usize]) -> Result<Option<usize>> {
    if !cx.has(input) {
        return Ok(None);
    }
    expect_real(cx, input, sizes)?;
    Ok(Some(input))
}

/// Fails unless input `input` is a variable tensor of this type and as many values.
fn expect_state(cx: &Context, input: usize, dtype: DType, count: usize) -> Result<()> {
    let variable = cx
        .node
        .input(input)
        .is_some_and(|value| cx.graph.value(value).is_variable);
    if !variable {
        return Err(cx.wrong(format!("input {input} is no variable, expected a state")));
    }
    if cx.dtype(input)? != dtype || cx.shape(input)?.elements() != Some(count) {
        return Err(cx.wrong(format!(
            "a state of {} {} (input {input}), expected {count} values of {dtype}",
            cx.dtype(input)?,
            cx.shape(input)?
        )));
    }
    Ok(())
}

fn activation(cx: &Context) -> Result<Activation> {
    let code = cx.attr_int("fused_activation_function", 0);
    Activation::of(code).ok_or_else(|| cx.unsupported(format!("the fused activation {code}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_lie_by_batch_or_by_step() {
        let mut rows = Rows {
            batch: 2,
            steps: 3,
            width: 1,
            time_major: false,
        };
        let values = [0, 1, 2, 3, 4, 5];
        assert_eq!(rows.row(&values, 1, 2), [5]);
        assert_eq!(rows.row(&values, 1, 0), [3]);
        rows.time_major = true;
        assert_eq!(rows.row(&values, 1, 0), [1]);
        let mut seen = Vec::new();
        rows.each(true, |batch, step| seen.push((batch, step)));
        assert_eq!(seen, [(0, 2), (0, 1), (0, 0), (1, 2), (1, 1), (1, 0)]);
    }
}

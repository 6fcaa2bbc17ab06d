//! LSTM in float, or with integer weights and float activations: with peepholes, layer normalization, a projection,
//! and with the input gate coupled to the forget gate (CIFG).
//!
//! With `x` the input, `h` the state that is put out and `c` the cell state, as TensorFlow Lite has it:
//! `gate = f(W x + A aux + R h + P * c + b)`; with layer normalization `gate = f(n * normal(W x + …) + b)`;
//! `c = clip(forget * c + input * cell)`, the output gate looks at the new `c`; `h = clip(M (output * f(c)) + m)`.

use super::Activation;
use super::matrix::{Matrix, Row};

/// Weights of a gate of `cells` values.
#[derive(Debug, Clone, Copy)]
pub struct Gate<'a> {
    /// `[cells, inputs]`
    pub input: Matrix<'a>,
    /// `[cells, auxiliary inputs]`
    pub aux: Option<Matrix<'a>>,
    /// `[cells, outputs]`
    pub recurrent: Matrix<'a>,
    /// `[cells]`: what the gate sees of the cell state.
    pub peephole: Option<Matrix<'a>>,
    /// `[cells]`
    pub norm: Option<&'a [f32]>,
    /// `[cells]`
    pub bias: &'a [f32],
}

#[derive(Debug, Clone, Copy)]
pub struct Lstm<'a> {
    /// Absent where it is 1 minus the forget gate.
    pub input: Option<Gate<'a>>,
    pub forget: Gate<'a>,
    pub cell: Gate<'a>,
    pub output: Gate<'a>,
    /// `[outputs, cells]`; without it there are as many outputs as cells.
    pub projection: Option<Matrix<'a>>,
    /// `[outputs]`
    pub projection_bias: Option<&'a [f32]>,
    pub activation: Activation,
    /// The largest absolute values; 0 for any.
    pub cell_clip: f32,
    pub projection_clip: f32,
    /// How rows are quantized where weights are integers.
    pub asymmetric: bool,
}

/// What a step works with: 4 values for each cell, and room to quantize rows, empty where all weights are real.
#[derive(Debug)]
pub struct Room<'a> {
    pub gates: &'a mut [f32],
    pub input: &'a mut [i8],
    pub aux: &'a mut [i8],
    pub recurrent: &'a mut [i8],
    pub cells: &'a mut [i8],
}

impl Lstm<'_> {
    /// One row of one step; `state` holds the outputs of the step before, and then of this one.
    pub fn step(
        &self,
        x: &[f32],
        aux: Option<&[f32]>,
        (state, cell): (&mut [f32], &mut [f32]),
        room: &mut Room,
    ) {
        let cells = cell.len();
        let (input, rest) = room.gates.split_at_mut(cells);
        let (forget, rest) = rest.split_at_mut(cells);
        let (new, output) = rest.split_at_mut(cells);
        let output = &mut output[..cells];
        {
            let x = Row::new(x, room.input, self.asymmetric);
            let aux = aux.map(|aux| Row::new(aux, room.aux, self.asymmetric));
            let state = Row::new(state, room.recurrent, self.asymmetric);
            let rows = (&x, aux.as_ref(), &state);
            self.forget.run(rows, cell, Activation::Sigmoid, forget);
            match &self.input {
                Some(gate) => gate.run(rows, cell, Activation::Sigmoid, input),
                None => {
                    for (input, forget) in input.iter_mut().zip(forget.iter()) {
                        *input = 1.0 - forget;
                    }
                }
            }
            self.cell.run(rows, cell, self.activation, new);
            for (at, cell) in cell.iter_mut().enumerate() {
                *cell = clipped(forget[at] * *cell + new[at] * input[at], self.cell_clip);
            }
            self.output.run(rows, cell, Activation::Sigmoid, output);
        }
        for (output, &cell) in output.iter_mut().zip(cell.iter()) {
            *output *= self.activation.apply(cell);
        }
        let Some(projection) = &self.projection else {
            state.copy_from_slice(output);
            return;
        };
        match self.projection_bias {
            Some(bias) => state.copy_from_slice(bias),
            None => state.fill(0.0),
        }
        let output = Row::new(output, room.cells, self.asymmetric);
        projection.add(&output, state);
        for value in state {
            *value = clipped(*value, self.projection_clip);
        }
    }
}

type Rows<'r, 'a> = (&'r Row<'a>, Option<&'r Row<'a>>, &'r Row<'a>);

impl Gate<'_> {
    fn run(&self, (x, aux, state): Rows, cell: &[f32], activation: Activation, out: &mut [f32]) {
        match self.norm {
            Some(_) => out.fill(0.0),
            None => out.copy_from_slice(self.bias),
        }
        self.input.add(x, out);
        if let (Some(weights), Some(aux)) = (&self.aux, aux) {
            weights.add(aux, out);
        }
        self.recurrent.add(state, out);
        if let Some(peephole) = &self.peephole {
            peephole.add_each(cell, out);
        }
        if let Some(norm) = self.norm {
            normalize(out);
            for ((out, norm), bias) in out.iter_mut().zip(norm).zip(self.bias) {
                *out = *out * norm + bias;
            }
        }
        for out in out {
            *out = activation.apply(*out);
        }
    }
}

fn clipped(value: f32, clip: f32) -> f32 {
    if clip > 0.0 {
        value.clamp(-clip, clip)
    } else {
        value
    }
}

/// To mean 0 and variance 1; the small number under the root is TensorFlow Lite's.
fn normalize(values: &mut [f32]) {
    const SMALL: f32 = 1e-8;
    let count = values.len().max(1) as f32;
    let mean = values.iter().sum::<f32>() / count;
    let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / count;
    let inverse = 1.0 / (variance + SMALL).sqrt();
    for value in values {
        *value = (*value - mean) * inverse;
    }
}

/// The cell of TensorFlow Lite's basic LSTM: from the sums of its four gates, in the order input, new values, forget,
/// output, and the cell state before, to the new cell state and the output.
pub fn basic(sums: &[f32], before: &[f32], state: &mut [f32], output: &mut [f32]) {
    let cells = before.len();
    let gate = |number: usize, at: usize| sums[number * cells + at];
    let sigmoid = |x| Activation::Sigmoid.apply(x);
    for at in 0..cells {
        let kept = sigmoid(gate(2, at)) * before[at];
        state[at] = sigmoid(gate(0, at)) * gate(1, at).tanh() + kept;
        output[at] = sigmoid(gate(3, at)) * state[at].tanh();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Matrix = Matrix::Real(&[1.0]);

    fn gate(bias: &'static [f32]) -> Gate<'static> {
        Gate {
            input: ONE,
            aux: None,
            recurrent: ONE,
            peephole: None,
            norm: None,
            bias,
        }
    }

    fn lstm() -> Lstm<'static> {
        Lstm {
            input: Some(gate(&[0.0])),
            forget: gate(&[1.0]),
            cell: gate(&[0.5]),
            output: gate(&[-1.0]),
            projection: None,
            projection_bias: None,
            activation: Activation::Tanh,
            cell_clip: 0.0,
            projection_clip: 0.0,
            asymmetric: false,
        }
    }

    fn step(lstm: &Lstm, x: f32, h: f32, c: f32) -> (f32, f32) {
        let (mut h, mut c) = ([h], [c]);
        let mut room = Room {
            gates: &mut [0.0; 4],
            input: &mut [],
            aux: &mut [],
            recurrent: &mut [],
            cells: &mut [],
        };
        lstm.step(&[x], None, (&mut h, &mut c), &mut room);
        (h[0], c[0])
    }

    fn sigmoid(x: f32) -> f32 {
        1.0 / (1.0 + (-x).exp())
    }

    #[test]
    fn a_step_reads_like_the_formula() {
        let (h, c) = step(&lstm(), 0.3, 0.2, 0.7);
        let wanted = sigmoid(1.5) * 0.7 + sigmoid(0.5) * 1f32.tanh();
        assert!((c - wanted).abs() < 1e-6);
        assert!((h - sigmoid(-0.5) * wanted.tanh()).abs() < 1e-6);
    }

    #[test]
    fn coupled_gates_share_and_peepholes_see_the_new_cell() {
        let mut lstm = lstm();
        lstm.input = None;
        lstm.output.peephole = Some(ONE);
        lstm.cell_clip = 0.5;
        let (h, c) = step(&lstm, 0.3, 0.2, 0.7);
        let f = sigmoid(1.5);
        assert!(f * 0.7 + (1.0 - f) * 1f32.tanh() > 0.5);
        assert_eq!(c, 0.5);
        assert!((h - sigmoid(0.0) * 0.5f32.tanh()).abs() < 1e-6);
    }

    #[test]
    fn normalized_sums_have_mean_0_and_variance_1() {
        let mut values = [1.0, 2.0, 3.0, 6.0];
        normalize(&mut values);
        assert!(values.iter().sum::<f32>().abs() < 1e-6);
        assert!((values.iter().map(|v| v * v).sum::<f32>() - 4.0).abs() < 1e-5);
        normalize(&mut [2.0; 3]);
    }

    #[test]
    fn the_basic_cell_orders_its_gates() {
        let (mut c, mut h) = ([0.0], [0.0]);
        basic(&[0.1, 0.2, 0.3, 0.4], &[0.5], &mut c, &mut h);
        let wanted = sigmoid(0.1) * 0.2f32.tanh() + sigmoid(0.3) * 0.5;
        assert!((c[0] - wanted).abs() < 1e-6 && (h[0] - sigmoid(0.4) * wanted.tanh()).abs() < 1e-6);
    }
}

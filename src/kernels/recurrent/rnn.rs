//! The plain recurrent cell: `h = f(W x + A aux + R h + b)`.

use super::Activation;
use super::matrix::{Matrix, Row};

#[derive(Debug, Clone, Copy)]
pub struct Rnn<'a> {
    /// `[units, inputs]`
    pub input: Matrix<'a>,
    /// `[units, auxiliary inputs]`
    pub aux: Option<Matrix<'a>>,
    /// `[units, units]`
    pub recurrent: Matrix<'a>,
    /// `[units]`
    pub bias: &'a [f32],
    pub activation: Activation,
    /// How rows are quantized where weights are integers.
    pub asymmetric: bool,
}

/// Room to quantize rows, empty where all weights are real.
#[derive(Debug)]
pub struct Room<'a> {
    pub input: &'a mut [i8],
    pub aux: &'a mut [i8],
    pub recurrent: &'a mut [i8],
}

impl Rnn<'_> {
    /// One row of one step from `state` to `out`, which is the next state too.
    pub fn step(
        &self,
        x: &[f32],
        aux: Option<&[f32]>,
        state: &mut [f32],
        room: &mut Room,
        out: &mut [f32],
    ) {
        out.copy_from_slice(self.bias);
        self.input
            .add(&Row::new(x, room.input, self.asymmetric), out);
        if let (Some(weights), Some(aux)) = (&self.aux, aux) {
            weights.add(&Row::new(aux, room.aux, self.asymmetric), out);
        }
        self.recurrent
            .add(&Row::new(state, room.recurrent, self.asymmetric), out);
        for out in &mut *out {
            *out = self.activation.apply(*out);
        }
        state.copy_from_slice(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_is_the_next_state() {
        let rnn = Rnn {
            input: Matrix::Real(&[2.0, 0.0, 0.0, 1.0]),
            aux: Some(Matrix::Real(&[1.0, -1.0])),
            recurrent: Matrix::Real(&[0.0, 1.0, 1.0, 0.0]),
            bias: &[0.5, -9.0],
            activation: Activation::Relu,
            asymmetric: false,
        };
        let mut room = Room {
            input: &mut [],
            aux: &mut [],
            recurrent: &mut [],
        };
        let (mut state, mut out) = ([3.0, 4.0], [0.0; 2]);
        rnn.step(&[1.0, 2.0], Some(&[0.25]), &mut state, &mut room, &mut out);
        assert_eq!((out, state), ([6.75, 0.0], [6.75, 0.0]));
    }
}

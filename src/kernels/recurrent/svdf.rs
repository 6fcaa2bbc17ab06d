//! SVDF: a matrix of low rank over time. Each of `filters = units * rank` features of the input is kept for `memory`
//! steps and weighed over time; the `rank` features of a unit are summed. As in TensorFlow Lite the memory is shifted
//! as one piece, `[batch, filters, memory]`; the oldest place of each feature is overwritten right after.

use super::Activation;
use super::matrix::{Matrix, Row, product};
use crate::kernels::fixed::Multiplier;

#[derive(Debug, Clone, Copy)]
pub struct Svdf<'a> {
    /// `[filters, inputs]`
    pub feature: Matrix<'a>,
    /// `[filters, memory]`
    pub time: &'a [f32],
    pub memory: usize,
    pub rank: usize,
    /// `[units]`
    pub bias: Option<&'a [f32]>,
    pub activation: Activation,
    /// How rows are quantized where weights are integers.
    pub asymmetric: bool,
}

/// Forgets the oldest values.
pub fn shift<T: Copy>(state: &mut [T]) {
    if !state.is_empty() {
        state.copy_within(1.., 0);
    }
}

impl Svdf<'_> {
    /// One row, after [`shift`] of the whole state: `state` is `[filters, memory]` of this row, `features` room for
    /// `filters` values, `quantized` for the input, empty where all weights are real.
    pub fn step(
        &self,
        x: &[f32],
        state: &mut [f32],
        (features, quantized): (&mut [f32], &mut [i8]),
        out: &mut [f32],
    ) {
        features.fill(0.0);
        self.feature
            .add(&Row::new(x, quantized, self.asymmetric), features);
        let rows = state
            .chunks_exact_mut(self.memory)
            .zip(self.time.chunks_exact(self.memory));
        for (feature, (row, time)) in features.iter_mut().zip(rows) {
            row[self.memory - 1] = *feature;
            *feature = product(row, time);
        }
        for (unit, (out, features)) in out
            .iter_mut()
            .zip(features.chunks_exact(self.rank))
            .enumerate()
        {
            let bias = self.bias.map_or(0.0, |bias| bias[unit]);
            *out = self.activation.apply(features.iter().sum::<f32>() + bias);
        }
    }
}

/// SVDF in integers; the bits are those of the reference kernel.
#[derive(Debug, Clone, Copy)]
pub struct IntegerSvdf<'a> {
    /// `[filters, inputs]`
    pub feature: &'a [i8],
    /// `[units]`
    pub bias: Option<&'a [i32]>,
    pub memory: usize,
    pub rank: usize,
    pub input_zero: i32,
    pub output_zero: i32,
    /// From products of the input and the feature weights to the state.
    pub to_state: Multiplier,
    /// From products of the state and the time weights to the output.
    pub to_output: Multiplier,
}

impl IntegerSvdf<'_> {
    /// One row, after [`shift`] of the whole state: `time` and `state` are `[filters, memory]`, of int16 or int8.
    pub fn step<S: Stored>(&self, x: &[i8], time: &[S], state: &mut [S], out: &mut [i8]) {
        let weights = self.feature.chunks_exact(x.len().max(1));
        for (row, weights) in state.chunks_exact_mut(self.memory).zip(weights) {
            let zero = self.input_zero;
            let terms = x.iter().zip(weights);
            let sum = terms
                .map(|(&x, &w)| (i32::from(x) - zero) * i32::from(w))
                .sum();
            row[self.memory - 1] = S::saturated(self.to_state.apply(sum));
        }
        let unit = self.memory * self.rank;
        let units = state.chunks_exact(unit).zip(time.chunks_exact(unit));
        for (at, (out, (state, time))) in out.iter_mut().zip(units).enumerate() {
            let terms = state.iter().zip(time);
            let sum = terms.fold(0i32, |sum, (&s, &t)| {
                sum.wrapping_add(s.into().wrapping_mul(t.into()))
            });
            let sum = sum.wrapping_add(self.bias.map_or(0, |bias| bias[at]));
            let value = self.to_output.apply(sum).wrapping_add(self.output_zero);
            *out = value.clamp(-128, 127) as i8;
        }
    }
}

/// What the memory of an integer SVDF is made of.
pub trait Stored: Copy + Into<i32> {
    fn saturated(value: i32) -> Self;
}

impl Stored for i16 {
    fn saturated(value: i32) -> Self {
        value.clamp(i16::MIN.into(), i16::MAX.into()) as i16
    }
}

impl Stored for i8 {
    fn saturated(value: i32) -> Self {
        value.clamp(i8::MIN.into(), i8::MAX.into()) as i8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_weighed_over_time_and_summed_by_unit() {
        let svdf = Svdf {
            feature: Matrix::Real(&[1.0, 10.0]),
            time: &[0.5, 1.0, 2.0, 3.0],
            memory: 2,
            rank: 2,
            bias: Some(&[0.25]),
            activation: Activation::None,
            asymmetric: false,
        };
        let (mut state, mut out) = ([9.0, 1.0, 9.0, 2.0], [0.0]);
        shift(&mut state);
        svdf.step(&[3.0], &mut state, (&mut [0.0; 2], &mut []), &mut out);
        assert_eq!(state, [1.0, 3.0, 2.0, 30.0]);
        assert_eq!(out, [0.5 + 3.0 + 4.0 + 90.0 + 0.25]);
    }

    #[test]
    fn integers_saturate() {
        let one = Multiplier::new(1.0);
        let svdf = IntegerSvdf {
            feature: &[2],
            bias: Some(&[1]),
            memory: 2,
            rank: 1,
            input_zero: -1,
            output_zero: 3,
            to_state: one,
            to_output: one,
        };
        let (mut state, mut out) = ([0i16, 5], [0]);
        shift(&mut state);
        svdf.step(&[4], &[1i16, 2], &mut state, &mut out);
        assert_eq!((state, out), ([5, 10], [29]));
        let (mut state, mut out) = ([0i8, 100], [0]);
        shift(&mut state);
        svdf.step(&[127], &[1i8, 1], &mut state, &mut out);
        assert_eq!((state, out), ([100, 127], [127]));
    }
}

//! LSTM in integers: int8 input, weights and output, int16 gates and cell state. The bits are those of TensorFlow
//! Lite's reference kernel (its variant "8x8_16").
//!
//! Gates are Q3.12 before and Q0.15 after their function, the cell state a power of two (`2^cell_scale` a step).

use crate::kernels::fixed::{Multiplier, inv_sqrt, rdpot};
use crate::kernels::fixed16::{logistic, tanh};

/// Weights `[rows, columns]` and what brings their products to the gate's scale. `bias` is the gate's bias (nothing
/// with layer normalization) minus the input's zero point times the sum of the row.
#[derive(Debug, Clone)]
pub struct Product {
    pub weights: Vec<i8>,
    pub bias: Vec<i32>,
    pub factor: Multiplier,
}

/// Layer normalization of a gate.
#[derive(Debug, Clone)]
pub struct Norm {
    pub weights: Vec<i16>,
    pub bias: Vec<i32>,
    pub factor: Multiplier,
    /// What the variance is where it rounds to less than 1.
    pub least_variance: i32,
}

#[derive(Debug, Clone)]
pub struct Gate {
    pub input: Product,
    pub recurrent: Product,
    pub peephole: Option<(Vec<i16>, Multiplier)>,
    pub norm: Option<Norm>,
}

#[derive(Debug, Clone)]
pub struct Projection {
    pub product: Product,
    /// The largest absolute value, 0 for any.
    pub clip: i8,
}

#[derive(Debug, Clone)]
pub struct Lstm {
    /// Absent where it is 1 minus the forget gate.
    pub input: Option<Gate>,
    pub forget: Gate,
    pub cell: Gate,
    pub output: Gate,
    pub projection: Option<Projection>,
    /// The cell state's scale is 2 to this power, -15 to -9.
    pub cell_scale: i32,
    /// The largest absolute value of the cell state, 0 for any.
    pub cell_clip: i16,
    /// From output gate times cell state to what is projected, or put out.
    pub hidden: Multiplier,
    pub hidden_zero: i32,
    pub output_zero: i32,
}

impl Product {
    /// Adds to `out`, saturating.
    fn add(&self, x: &[i8], out: &mut [i16]) {
        let rows = self.weights.chunks_exact(x.len().max(1)).zip(&self.bias);
        for (out, (row, &bias)) in out.iter_mut().zip(rows) {
            let sum = self.factor.apply(sum(x, row, bias));
            *out = saturated(sum.saturating_add((*out).into()));
        }
    }
}

fn sum(x: &[i8], row: &[i8], bias: i32) -> i32 {
    let terms = x
        .iter()
        .zip(row)
        .map(|(&x, &w)| i32::from(x) * i32::from(w));
    terms.fold(bias, i32::wrapping_add)
}

fn saturated(x: i32) -> i16 {
    x.clamp(i16::MIN.into(), i16::MAX.into()) as i16
}

fn saturated8(x: i32) -> i8 {
    x.clamp(i8::MIN.into(), i8::MAX.into()) as i8
}

impl Gate {
    fn sum(&self, x: &[i8], state: &[i8], cell: &[i16], out: &mut [i16]) {
        out.fill(0);
        self.input.add(x, out);
        self.recurrent.add(state, out);
        if let Some((weights, factor)) = &self.peephole {
            for ((out, &weight), &cell) in out.iter_mut().zip(weights).zip(cell) {
                let product = factor.apply(i32::from(weight) * i32::from(cell));
                *out = saturated(product.saturating_add((*out).into()));
            }
        }
        if let Some(norm) = &self.norm {
            norm.apply(out);
        }
    }

    fn sigmoid(&self, x: &[i8], state: &[i8], cell: &[i16], out: &mut [i16]) {
        self.sum(x, state, cell, out);
        for out in out {
            *out = logistic(*out);
        }
    }
}

impl Norm {
    /// Normalized with ten more bits.
    fn apply(&self, values: &mut [i16]) {
        const MORE: i32 = 1 << 10;
        let count = values.len().max(1);
        let sum: i64 = values.iter().map(|&v| i64::from(v)).sum();
        let squares: i64 = values.iter().map(|&v| i64::from(v) * i64::from(v)).sum();
        let mean = (sum * i64::from(MORE) / count as i64) as i32;
        let share = i64::from(MORE * MORE) / count as i64;
        let variance = squares * share - i64::from(mean) * i64::from(mean);
        let variance = (variance / i64::from(MORE * MORE)) as i32;
        let variance = if variance < 1 {
            self.least_variance
        } else {
            variance
        };
        let inverse = inv_sqrt(variance);
        let factor = Multiplier {
            m: self.factor.m,
            shift: self.factor.shift + 12,
        };
        for ((value, &weight), &bias) in values.iter_mut().zip(&self.weights).zip(&self.bias) {
            let normal = inverse.apply(MORE * i32::from(*value) - mean);
            let weighed = normal.wrapping_mul(weight.into()).wrapping_add(bias);
            let half = if weighed > 0 { MORE / 2 } else { -MORE / 2 };
            let rounded = (i64::from(weighed) + i64::from(half)) / i64::from(MORE);
            *value = saturated(factor.apply(rounded as i32));
        }
    }
}

impl Lstm {
    /// One row of one step; `room` is 4 values, `hidden` one for each cell.
    pub fn step(
        &self,
        x: &[i8],
        (state, cell): (&mut [i8], &mut [i16]),
        (room, hidden): (&mut [i16], &mut [i8]),
    ) {
        let cells = cell.len();
        let (input, rest) = room.split_at_mut(cells);
        let (forget, rest) = rest.split_at_mut(cells);
        let (new, output) = rest.split_at_mut(cells);
        let output = &mut output[..cells];
        self.forget.sigmoid(x, state, cell, forget);
        match &self.input {
            Some(gate) => gate.sigmoid(x, state, cell, input),
            None => {
                for (input, forget) in input.iter_mut().zip(forget.iter()) {
                    *input = i16::MAX - forget;
                }
            }
        }
        self.cell.sum(x, state, cell, new);
        for (at, cell) in cell.iter_mut().enumerate() {
            let kept = rdpot(i32::from(forget[at]) * i32::from(*cell), 15) as i16;
            let new = i32::from(tanh(new[at], 3));
            let added = rdpot(i32::from(input[at]) * new, 30 + self.cell_scale) as i16;
            *cell = kept.saturating_add(added);
            if self.cell_clip > 0 {
                *cell = (*cell).clamp(-self.cell_clip, self.cell_clip);
            }
        }
        self.output.sigmoid(x, state, cell, output);
        for ((hidden, &gate), &cell) in hidden.iter_mut().zip(output.iter()).zip(cell.iter()) {
            let product = i32::from(gate) * i32::from(tanh(cell, (15 + self.cell_scale) as u32));
            *hidden = saturated8(self.hidden.apply(product).wrapping_add(self.hidden_zero));
        }
        let Some(Projection { product, clip }) = &self.projection else {
            state.copy_from_slice(hidden);
            return;
        };
        let rows = product
            .weights
            .chunks_exact(cells.max(1))
            .zip(&product.bias);
        for (out, (row, &bias)) in state.iter_mut().zip(rows) {
            let value = product.factor.apply(sum(hidden, row, bias));
            *out = saturated8(value.wrapping_add(self.output_zero));
            if *clip > 0 {
                *out = (*out).clamp(-clip, *clip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Activation;
    use super::super::lstm as real;
    use super::super::matrix::Matrix;
    use super::*;

    const SCALE: f32 = 1.0 / 64.0;

    fn product(weight: i8, bias: i32) -> Product {
        Product {
            weights: vec![weight],
            bias: vec![bias],
            factor: Multiplier::new(f64::from(SCALE * SCALE) * 4096.0),
        }
    }

    fn gate(weights: [i8; 2], bias: i32) -> Gate {
        Gate {
            input: product(weights[0], bias),
            recurrent: product(weights[1], 0),
            peephole: None,
            norm: None,
        }
    }

    proptest! {
        /// One cell, scales of a power of two, zero points of 0: the same numbers in float differ by rounding only.
        #[test]
        fn close_to_the_cell_in_float(
            w in proptest::array::uniform8(-100i8..=100), bias in proptest::array::uniform4(-4000i32..4000),
            x in any::<i8>(), h in -60i8..60, c in -9000i16..9000
        ) {
            let gates = |g: usize| gate([w[2 * g], w[2 * g + 1]], bias[g]);
            let lstm = Lstm {
                input: Some(gates(0)),
                forget: gates(1),
                cell: gates(2),
                output: gates(3),
                projection: None,
                cell_scale: -11,
                cell_clip: 0,
                hidden: Multiplier::new(2f64.powi(-30) * 128.0),
                hidden_zero: 0,
                output_zero: 0,
            };
            let (mut state, mut cell) = ([h], [c]);
            lstm.step(&[x], (&mut state, &mut cell), (&mut [0; 4], &mut [0]));

            let weights: Vec<f32> = w.iter().map(|&w| f32::from(w) * SCALE).collect();
            let biases: Vec<f32> = bias.iter().map(|&b| b as f32 * SCALE * SCALE).collect();
            let gates = |g: usize| real::Gate {
                input: Matrix::Real(&weights[2 * g..][..1]),
                aux: None,
                recurrent: Matrix::Real(&weights[2 * g + 1..][..1]),
                peephole: None,
                norm: None,
                bias: &biases[g..][..1],
            };
            let float = real::Lstm {
                input: Some(gates(0)),
                forget: gates(1),
                cell: gates(2),
                output: gates(3),
                projection: None,
                projection_bias: None,
                activation: Activation::Tanh,
                cell_clip: 0.0,
                projection_clip: 0.0,
                asymmetric: false,
            };
            let (mut h2, mut c2) = ([f32::from(h) * SCALE], [f32::from(c) / 2048.0]);
            let mut room = real::Room {
                gates: &mut [0.0; 4], input: &mut [], aux: &mut [], recurrent: &mut [], cells: &mut [],
            };
            float.step(&[f32::from(x) * SCALE], None, (&mut h2, &mut c2), &mut room);
            prop_assert!((f32::from(cell[0]) / 2048.0 - c2[0]).abs() < 0.01, "{cell:?} {c2:?}");
            prop_assert!((f32::from(state[0]) / 128.0 - h2[0]).abs() < 0.02, "{state:?} {h2:?}");
        }
    }

    #[test]
    fn normalized_gates_have_mean_0() {
        let norm = Norm {
            weights: vec![1024; 4],
            bias: vec![0; 4],
            factor: Multiplier::new(1.0 / 1024.0),
            least_variance: 1,
        };
        let mut values = [100, 200, 300, 600];
        norm.apply(&mut values);
        // (v - 300) / 187.08 in Q3.12
        for (found, wanted) in values.iter().zip([-4379, -2189, 0, 6568]) {
            assert!((found - wanted).abs() <= 8, "{values:?}");
        }
    }
}

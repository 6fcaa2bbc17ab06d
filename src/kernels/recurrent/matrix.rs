//! Products of a matrix of weights and one row, in float or with integer weights.

use crate::kernels::quantized::hybrid::dot;
use crate::kernels::quantized::row_scale::{RowScale, quantize_asymmetric, quantize_symmetric};

/// Weights `[rows, columns]`, or a vector of them.
#[derive(Debug, Clone, Copy)]
pub enum Matrix<'a> {
    Real(&'a [f32]),
    /// One scale for all.
    Integer {
        values: &'a [i8],
        scale: f32,
    },
}

/// A vector that matrices are multiplied with; quantized once where their weights are integers.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    real: &'a [f32],
    quantized: &'a [i8],
    scale: RowScale,
}

impl<'a> Row<'a> {
    /// `room` holds at least as many values, or none where all weights are real.
    pub fn new(real: &'a [f32], room: &'a mut [i8], asymmetric: bool) -> Self {
        let Some(room) = room.get_mut(..real.len()) else {
            let (scale, zero) = (1.0, 0);
            return Row {
                real,
                quantized: &[],
                scale: RowScale { scale, zero },
            };
        };
        let scale = if asymmetric {
            quantize_asymmetric(real, room)
        } else {
            quantize_symmetric(real, room)
        };
        Row {
            real,
            quantized: room,
            scale,
        }
    }
}

impl Matrix<'_> {
    /// Adds the product with `x` to `sums`, one for each row.
    pub fn add(&self, x: &Row, sums: &mut [f32]) {
        let columns = x.real.len();
        if columns == 0 {
            return;
        }
        match self {
            Matrix::Real(values) => {
                for (sum, row) in sums.iter_mut().zip(values.chunks_exact(columns)) {
                    *sum += product(row, x.real);
                }
            }
            Matrix::Integer { values, scale } => {
                let scale = x.scale.scale * scale;
                for (sum, row) in sums.iter_mut().zip(values.chunks_exact(columns)) {
                    *sum += dot(x.quantized, row, x.scale.zero) as f32 * scale;
                }
            }
        }
    }

    /// Adds the products of elements in the same place.
    pub fn add_each(&self, x: &[f32], sums: &mut [f32]) {
        for (at, (sum, x)) in sums.iter_mut().zip(x).enumerate() {
            let weight = match self {
                Matrix::Real(values) => values[at],
                Matrix::Integer { values, scale } => f32::from(values[at]) * scale,
            };
            *sum += weight * x;
        }
    }
}

/// The sum of products, in as many partial sums as vector instructions take.
pub fn product(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 8;
    let mut lanes = [0f32; LANES];
    let (mut a, mut b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    for (a, b) in a.by_ref().zip(b.by_ref()) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    let rest: f32 = a
        .remainder()
        .iter()
        .zip(b.remainder())
        .map(|(a, b)| a * b)
        .sum();
    lanes.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn integers_are_close_to_the_real_weights(
            x in vec(-2f32..3.0, 1..40), seed in vec(-127i8..=127, 120), asymmetric: bool
        ) {
            let values = &seed[..3 * x.len()];
            let real: Vec<f32> = values.iter().map(|&v| f32::from(v) * 0.01).collect();
            let (mut room, mut found, mut wanted) = (vec![0; x.len()], [1.0; 3], [1.0; 3]);
            let row = Row::new(&x, &mut room, asymmetric);
            Matrix::Integer { values, scale: 0.01 }.add(&row, &mut found);
            Matrix::Real(&real).add(&row, &mut wanted);
            for (row, (f, w)) in found.iter().zip(wanted).enumerate() {
                let exact: f32 = real[row * x.len()..][..x.len()].iter().zip(&x).map(|(a, b)| a * b).sum();
                prop_assert!((w - 1.0 - exact).abs() < 1e-3);
                prop_assert!((f - w).abs() < 0.03 * x.len() as f32, "{f} {w}");
            }
        }
    }
}

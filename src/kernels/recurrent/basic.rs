//! The basic LSTM cell in integers: uint8 activations on [-1, 127/128], an int16 cell state of Q4.11. The bits are those
//! of TensorFlow Lite's kernel.

use crate::kernels::fixed::{Multiplier, rdpot, srdhm16};
use crate::kernels::fixed16::{logistic, tanh};

/// What activations are where they stand for 0.
const ZERO: i32 = 128;
/// Integer bits of the cell state.
const STATE_BITS: i32 = 4;

/// Sums of the gates (input, new cell, forget, output side by side) in Q3.12: weights `[sums, both]`.
pub fn sums(
    both: &[u8],
    (weights, zero): (&[u8], i32),
    bias: &[i32],
    factor: Multiplier,
    sums: &mut [i16],
) {
    let rows = weights.chunks_exact(both.len().max(1)).zip(bias);
    for (out, (row, &bias)) in sums.iter_mut().zip(rows) {
        let terms = both.iter().zip(row);
        let products = terms.map(|(&x, &w)| (i32::from(x) - ZERO) * (i32::from(w) - zero));
        let sum = factor.apply(products.fold(bias, i32::wrapping_add));
        *out = sum.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
    }
}

/// One row: from the sums of [`sums`] and the state before to the new state and the output.
pub fn step(sums: &[i16], before: &[i16], state: &mut [i16], out: &mut [u8]) {
    let cells = before.len();
    for at in 0..cells {
        let gate = |number: usize| sums[number * cells + at];
        let new = srdhm16(logistic(gate(0)), tanh(gate(1), 3));
        let kept = srdhm16(logistic(gate(2)), before[at]);
        let new = rdpot(new.into(), STATE_BITS) as i16;
        state[at] = new.saturating_add(kept);
        // Three integer bits are enough for tanh.
        let shown = state[at].saturating_mul(2);
        let value = srdhm16(logistic(gate(3)), tanh(shown, 3));
        out[at] = (rdpot(value.into(), 8).clamp(-128, 127) + ZERO) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_to_the_cell_in_float() {
        let real = |x: f64| 1.0 / (1.0 + (-x).exp());
        let gates = [0.5, -1.25, 2.0, 0.75];
        let fixed = gates.map(|gate| (gate * 4096.0) as i16);
        let (before, mut state, mut out) = ([1024i16], [0], [0u8]);
        step(&fixed, &before, &mut state, &mut out);
        let wanted = real(gates[0]) * f64::tanh(gates[1]) + real(gates[2]) * 0.5;
        assert!(
            (f64::from(state[0]) / 2048.0 - wanted).abs() < 0.002,
            "{state:?}"
        );
        let wanted = real(gates[3]) * wanted.tanh();
        let found = (f64::from(out[0]) - 128.0) / 128.0;
        assert!((found - wanted).abs() < 0.01, "{found} {wanted}");
    }
}

//! FULLY_CONNECTED: `output[b, u] = sum over d of input[b, d] * filter[u, d] + bias[u]`.

use super::conv::{ZeroPoints, dot};
use crate::kernels::params::Clamp;
use crate::kernels::requant::{Quantized, Requant};

/// On f32: input `[batch, depth]`, filter `[units, depth]`, output `[batch, units]`.
pub fn fully_connected_f32(
    depth: usize,
    input: &[f32],
    filter: &[f32],
    bias: Option<&[f32]>,
    clamp: Clamp,
    output: &mut [f32],
) {
    let units = check(depth, input, filter, output);
    for (at, out) in output.iter_mut().enumerate() {
        let (b, u) = (at / units, at % units);
        let x = &input[b * depth..(b + 1) * depth];
        let w = &filter[u * depth..(u + 1) * depth];
        let sum: f32 = x.iter().zip(w).map(|(x, w)| x * w).fold(0.0, |a, b| a + b);
        *out = clamp.apply(sum + bias.map_or(0.0, |b| b[u]));
    }
}

fn check<X, W, O>(depth: usize, input: &[X], filter: &[W], output: &[O]) -> usize {
    assert!(depth > 0, "depth 0");
    let units = filter.len() / depth;
    assert_eq!(filter.len(), units * depth, "filter of depth {depth}");
    assert_eq!(input.len() % depth, 0, "input of depth {depth}");
    assert_eq!(output.len(), input.len() / depth * units, "output");
    units.max(1)
}

/// On quantized values; give [`Requant::double`], which is what the reference kernel does.
pub fn fully_connected_quantized<X: Quantized, W: Quantized>(
    depth: usize,
    input: &[X],
    filter: &[W],
    bias: Option<&[i64]>,
    zero: ZeroPoints,
    requant: &Requant,
    output: &mut [X],
) {
    let units = check(depth, input, filter, output);
    for (at, out) in output.iter_mut().enumerate() {
        let (b, u) = (at / units, at % units);
        let sum = dot(
            &input[b * depth..(b + 1) * depth],
            &filter[u * depth..(u + 1) * depth],
            zero,
        );
        *out = X::from_i32(requant.apply(u, sum + bias.map_or(0, |b| b[u])));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_times_units() {
        let mut out = [0.0; 4];
        let (x, w) = ([1.0, 2.0, 3.0, 4.0], [1.0, 0.0, 1.0, 1.0]);
        fully_connected_f32(2, &x, &w, Some(&[0.0, -10.0]), Clamp::RELU, &mut out);
        assert_eq!(out, [1.0, 0.0, 3.0, 0.0]);
        let mut out = [0i8; 2];
        let zero = ZeroPoints {
            input: 1,
            filter: 0,
        };
        let requant = Requant::double(&[0.5], 0, (-128, 127));
        fully_connected_quantized(
            2,
            &[1i8, 2, 3, 4],
            &[5i8, 3],
            None,
            zero,
            &requant,
            &mut out,
        );
        assert_eq!(out, [2, 10]);
    }
}

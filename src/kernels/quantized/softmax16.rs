//! SOFTMAX on 16-bit activations.

use super::table::Table16;
use crate::kernels::fixed::Multiplier;

/// Tables and constants, made once.
#[derive(Debug, Clone)]
pub struct Softmax16 {
    depth: usize,
    exp: Table16,
    /// `1 / (1 + x)`
    reciprocal: Table16,
    scale: Multiplier,
}

impl Softmax16 {
    pub fn new(depth: usize, beta: f32, input_scale: f32) -> Self {
        // differences in [-10, 0] over the 16-bit range
        let real = f64::from(input_scale) * f64::from(beta) / (10.0 / 65535.0);
        Softmax16 {
            depth: depth.max(1),
            exp: Table16::of_f64(-10.0, 0.0, f64::exp),
            reciprocal: Table16::of_f64(0.0, 1.0, |v| 1.0 / (1.0 + v)),
            scale: Multiplier::new(real),
        }
    }

    /// The output's scale is 1/32768, its zero point 0.
    pub fn run(&self, input: &[i16], output: &mut [i16]) {
        assert_eq!(input.len(), output.len());
        for (x, out) in input
            .chunks_exact(self.depth)
            .zip(output.chunks_exact_mut(self.depth))
        {
            self.row(x, out);
        }
    }

    fn row(&self, x: &[i16], out: &mut [i16]) {
        let max = x.iter().copied().max().unwrap_or(0);
        let mut sum = 0i32;
        for (o, &v) in out.iter_mut().zip(x) {
            let difference = self.scale.apply(i32::from(v) - i32::from(max));
            let centred = difference.saturating_add(32767);
            *o = self.exp.lookup(centred.clamp(-32768, 32767) as i16);
            sum += i32::from(*o);
        }
        let headroom = sum.leading_zeros();
        let shifted = ((i64::from(sum) << (headroom - 1)) + (1 << 13)) >> 14;
        let index = (shifted - 98304).clamp(-32768, 32767) as i16;
        let inverse = i32::from(self.reciprocal.lookup(index));
        let shift = 31 - headroom;
        for o in out {
            let product = i32::from(*o) * inverse;
            let round = (1i32 << shift) >> 1;
            *o = ((product + round) >> shift).clamp(0, 32767) as i16;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_float_one() {
        let x: Vec<i16> = (0..40).map(|i| (i * 1637 % 20000 - 10000) as i16).collect();
        let mut q = vec![0i16; 40];
        Softmax16::new(10, 1.0, 2e-4).run(&x, &mut q);
        let real: Vec<f32> = x.iter().map(|&v| f32::from(v) * 2e-4).collect();
        let mut out = vec![0.0; 40];
        crate::kernels::reference::softmax::softmax_f32(10, 1.0, &real, &mut out);
        for (q, f) in q.iter().zip(&out) {
            assert!(
                (f32::from(*q) - f * 32768.0).abs() <= 8.0,
                "{q} {}",
                f * 32768.0
            );
        }
    }
}

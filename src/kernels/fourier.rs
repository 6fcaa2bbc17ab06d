//! Discrete Fourier transforms of any length, in `f64`: Cooley and Tukey's for powers of two, Bluestein's on top of it
//! for the others.

/// A complex number.
pub type Complex = [f64; 2];

fn times([a, b]: Complex, [c, d]: Complex) -> Complex {
    [a * c - b * d, a * d + b * c]
}

/// `exp(-2πi k / n)`.
fn root(k: usize, n: usize) -> Complex {
    let angle = -std::f64::consts::TAU * k as f64 / n as f64;
    [angle.cos(), angle.sin()]
}

/// What transforms of one length share.
pub struct Fourier {
    length: usize,
    /// Half of the roots of one of the power of two that does the work.
    roots: Vec<Complex>,
    /// For lengths that are no power of two: `exp(-πi k² / n)`, and the spectrum of its conjugate.
    chirp: Option<(Vec<Complex>, Vec<Complex>)>,
}

impl Fourier {
    pub fn new(length: usize) -> Self {
        let roots = |size: usize| (0..size / 2).map(|k| root(k, size)).collect();
        if length.is_power_of_two() || length < 2 {
            return Fourier {
                length,
                roots: roots(length),
                chirp: None,
            };
        }
        let size = (2 * length - 1).next_power_of_two();
        // Squares are taken modulo 2n, so that large ones lose nothing.
        let square = |k: usize| ((k as u128 * k as u128) % (2 * length as u128)) as usize;
        let chirp: Vec<Complex> = (0..length).map(|k| root(square(k), 2 * length)).collect();
        let mut filter = vec![[0.0; 2]; size];
        for (k, &[re, im]) in chirp.iter().enumerate() {
            filter[k] = [re, -im];
            filter[(size - k) % size] = [re, -im];
        }
        let mut fourier = Fourier {
            length,
            roots: roots(size),
            chirp: None,
        };
        fourier.binary(&mut filter);
        fourier.chirp = Some((chirp, filter));
        fourier
    }

    /// `X[k] = Σ x[j] exp(-2πi jk / n)`; the inverse has the other sign and is not divided by `n`.
    pub fn run(&self, line: &mut [Complex], inverse: bool) {
        assert_eq!(line.len(), self.length);
        if inverse {
            line.iter_mut().for_each(|z| z.swap(0, 1));
        }
        match &self.chirp {
            None => self.binary(line),
            Some((chirp, filter)) => self.by_convolution(line, chirp, filter),
        }
        if inverse {
            line.iter_mut().for_each(|z| z.swap(0, 1));
        }
    }

    fn by_convolution(&self, line: &mut [Complex], chirp: &[Complex], filter: &[Complex]) {
        let mut wide: Vec<Complex> = line.iter().zip(chirp).map(|(&x, &c)| times(x, c)).collect();
        wide.resize(filter.len(), [0.0; 2]);
        self.binary(&mut wide);
        for (value, &factor) in wide.iter_mut().zip(filter) {
            // Parts swapped before and after turn the transform into its inverse.
            let [re, im] = times(*value, factor);
            *value = [im, re];
        }
        self.binary(&mut wide);
        let share = 1.0 / filter.len() as f64;
        for ((out, &[im, re]), &factor) in line.iter_mut().zip(&wide).zip(chirp) {
            *out = times([re * share, im * share], factor);
        }
    }

    /// Of a power of two.
    fn binary(&self, line: &mut [Complex]) {
        let n = line.len();
        if n < 2 {
            return;
        }
        let shift = usize::BITS - n.trailing_zeros();
        for at in 0..n {
            let other = at.reverse_bits() >> shift;
            if at < other {
                line.swap(at, other);
            }
        }
        let mut half = 1;
        while half < n {
            let step = n / (2 * half);
            for block in line.chunks_exact_mut(2 * half) {
                let (low, high) = block.split_at_mut(half);
                for (k, (a, b)) in low.iter_mut().zip(high).enumerate() {
                    let [re, im] = times(*b, self.roots[k * step]);
                    *b = [a[0] - re, a[1] - im];
                    *a = [a[0] + re, a[1] + im];
                }
            }
            half *= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_length_is_transformed_by_the_definition(
            values in prop::collection::vec((-1.0f64..1.0, -1.0f64..1.0), 0..40),
        ) {
            let line: Vec<Complex> = values.iter().map(|&(re, im)| [re, im]).collect();
            let n = line.len();
            let fourier = Fourier::new(n);
            let mut found = line.clone();
            fourier.run(&mut found, false);
            for (k, &[re, im]) in found.iter().enumerate() {
                let terms = line.iter().enumerate().map(|(j, &x)| times(x, root(j * k % n, n)));
                let truth = terms.fold([0.0; 2], |[a, b], [c, d]| [a + c, b + d]);
                prop_assert!((re - truth[0]).abs() < 1e-9 && (im - truth[1]).abs() < 1e-9);
            }
            fourier.run(&mut found, true);
            for (&[re, im], x) in found.iter().zip(&line) {
                let n = n as f64;
                prop_assert!((re / n - x[0]).abs() < 1e-9 && (im / n - x[1]).abs() < 1e-9);
            }
        }
    }
}

//! Energies in bands of equal width on the mel scale, and their cepstra, as HTK and TensorFlow define them.

/// `1127 ln(1 + f / 700)` (O'Shaughnessy).
fn mel(hertz: f64) -> f64 {
    1127.0 * (hertz / 700.0).ln_1p()
}

/// Triangular bands over the bins of a power spectrum; neighbours share each bin.
pub struct Mel {
    bands: usize,
    /// First bin, then per bin the lower band (-1 below the first) and the lower band's share.
    start: usize,
    shares: Vec<(isize, f64)>,
}

impl Mel {
    /// `None` where the bins up to half the sampling `rate` don't hold the limits.
    pub fn new(bins: usize, rate: f64, bands: usize, [low, high]: [f64; 2]) -> Option<Self> {
        let ordered = rate > 0.0 && low >= 0.0 && high > low;
        if bins < 2 || bands == 0 || !ordered {
            return None;
        }
        let width = 0.5 * rate / (bins - 1) as f64;
        // The constant part is always left out.
        let start = (1.5 + low / width) as usize;
        let end = (high / width) as usize;
        if end >= bins || start > end {
            return None;
        }
        let spacing = (mel(high) - mel(low)) / (bands + 1) as f64;
        let centre = |band: isize| mel(low) + spacing * (band + 1) as f64;
        let mut band = 0isize;
        let share = |bin: usize| {
            let place = mel(bin as f64 * width);
            while band < bands as isize && centre(band) < place {
                band += 1;
            }
            let lower = band - 1;
            (
                lower,
                (centre(band) - place) / (centre(band) - centre(lower)),
            )
        };
        Some(Mel {
            bands,
            start,
            shares: (start..=end).map(share).collect(),
        })
    }

    /// Of a power spectrum, whose roots are summed.
    pub fn energies(&self, spectrum: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.bands];
        for (&(lower, share), power) in self.shares.iter().zip(&spectrum[self.start..]) {
            let (size, weighted) = (power.sqrt(), power.sqrt() * share);
            let parts = [(lower, weighted), (lower + 1, size - weighted)];
            for (band, part) in parts {
                let slot = usize::try_from(band)
                    .ok()
                    .and_then(|band| out.get_mut(band));
                if let Some(slot) = slot {
                    *slot += part;
                }
            }
        }
        out
    }
}

/// The first coefficients of the cosine transform (type II, orthogonal but for the first) of the logarithms.
pub fn cepstrum(energies: &[f64], count: usize) -> Vec<f64> {
    /// Smaller energies count as this.
    const FLOOR: f64 = 1e-12;
    let logs: Vec<f64> = energies.iter().map(|e| e.max(FLOOR).ln()).collect();
    let factor = (2.0 / logs.len() as f64).sqrt();
    let step = std::f64::consts::PI / logs.len() as f64;
    let coefficient = |k: usize| {
        let waves = logs.iter().enumerate();
        let sum: f64 = waves
            .map(|(at, v)| v * (k as f64 * step * (at as f64 + 0.5)).cos())
            .sum();
        sum * factor
    };
    (0..count).map(coefficient).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_shared_out_in_full_between_the_limits() {
        let mel = Mel::new(129, 16000.0, 20, [200.0, 4000.0]).unwrap();
        let energies = mel.energies(&[4.0; 129]);
        assert_eq!(energies.len(), 20);
        // Bins between the first and the last centre give their whole root, 2.
        let total: f64 = energies.iter().sum();
        assert!(total > 2.0 * 50.0 && total <= 2.0 * mel.shares.len() as f64);
        assert!(Mel::new(129, 16000.0, 20, [20.0, 9000.0]).is_none());
        assert!(Mel::new(1, 16000.0, 20, [20.0, 4000.0]).is_none());
    }

    #[test]
    fn the_cepstrum_of_a_flat_line_is_its_first_coefficient() {
        let found = cepstrum(&[std::f64::consts::E; 8], 3);
        assert!((found[0] - 4.0).abs() < 1e-12 && found[1].abs() < 1e-12);
    }
}

//! Which side is faster, and how sure that is.

use std::time::Instant;

use super::{Latency, Pair, Sample};
use crate::error::Result;
use crate::progress::Progress;

/// Runs before the first that counts: the first plans and packs weights.
const WARM_UP: usize = 2;
/// Resamples of the bootstrap.
const RESAMPLES: usize = 1000;

/// Runs A, B, A, B, …, so that whatever slows the machine down slows both.
pub(super) fn measure(
    pair: &mut Pair,
    sample: &Sample,
    runs: usize,
    progress: &Progress,
) -> Result<Latency> {
    // The workers' own progress would move the bar of the runs.
    let quiet = Progress::new();
    let (mut a, mut b) = (Vec::with_capacity(runs), Vec::with_capacity(runs));
    for run in 0..runs + WARM_UP {
        let start = Instant::now();
        pair.a.session.run(&sample.a, &quiet)?;
        let middle = Instant::now();
        pair.b.session.run(&sample.b, &quiet)?;
        let end = Instant::now();
        if run >= WARM_UP {
            a.push((middle - start).as_secs_f64() * 1e3);
            b.push((end - middle).as_secs_f64() * 1e3);
            progress.step(1)?;
        }
    }
    Ok(summary(&mut a, &mut b))
}

fn summary(a: &mut [f64], b: &mut [f64]) -> Latency {
    let mut ratios = bootstrap(a, b);
    Latency {
        a_median_ms: quantile(a, 0.5),
        b_median_ms: quantile(b, 0.5),
        a_p90_ms: quantile(a, 0.9),
        b_p90_ms: quantile(b, 0.9),
        ratio: quantile(a, 0.5) / quantile(b, 0.5),
        low: quantile(&mut ratios, 0.025),
        high: quantile(&mut ratios, 0.975),
    }
}

/// Between the two nearest values; sorts.
fn quantile(values: &mut [f64], q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let Some(last) = values.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = q * last as f64;
    let (below, above) = (
        values[place.floor() as usize],
        values[place.ceil() as usize],
    );
    below + (above - below) * place.fract()
}

/// Ratios of the medians of samples drawn with replacement from the runs (percentile bootstrap, Efron 1979).
fn bootstrap(a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut state = 0x243f_6a88_85a3_08d3u64;
    let mut draw = |from: &[f64]| -> Vec<f64> {
        (0..from.len())
            .map(|_| {
                // The high half of a 64-bit linear congruential step (Knuth's MMIX constants).
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                from[((state >> 32) as usize) % from.len()]
            })
            .collect()
    };
    (0..RESAMPLES)
        .map(|_| quantile(&mut draw(a), 0.5) / quantile(&mut draw(b), 0.5))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_their_neighbours() {
        let mut values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(quantile(&mut values, 0.5), 2.5);
        assert_eq!(quantile(&mut values, 0.0), 1.0);
        assert_eq!(quantile(&mut values, 1.0), 4.0);
        assert_eq!(quantile(&mut [7.0], 0.9), 7.0);
    }

    #[test]
    fn the_interval_holds_the_ratio_and_narrows_without_noise() {
        let noisy =
            |base: f64| -> Vec<f64> { (0..50).map(|i| base + f64::from(i % 7) * 0.1).collect() };
        let latency = summary(&mut noisy(2.0), &mut noisy(1.0));
        assert!(latency.low <= latency.ratio && latency.ratio <= latency.high);
        assert!(latency.high - latency.low < 0.5);
        let exact = summary(&mut [2.0; 9], &mut [1.0; 9]);
        assert_eq!((exact.low, exact.ratio, exact.high), (2.0, 2.0, 2.0));
    }
}

//! Draws from distributions, each as TensorFlow makes it from a [`Philox`] generator: the same numbers from the same seeds.

use super::elementwise::gamma::ln_gamma;
use super::philox::{Philox, normal_pair, normal_pair_f64, uniform_f64};

/// Steps of the generator that are set aside for each draw whose need of words is not known before.
const APART: u128 = 256;

/// Words one by one.
struct Words {
    philox: Philox,
    four: [u32; 4],
    next: usize,
}

impl Words {
    fn new(philox: Philox) -> Self {
        Words {
            philox,
            four: [0; 4],
            next: 4,
        }
    }

    fn next(&mut self) -> u32 {
        if self.next == 4 {
            (self.four, self.next) = (self.philox.four(), 0);
        }
        self.next += 1;
        self.four[self.next - 1]
    }
}

/// Fills `out` with numbers of mean 0 and variance 1 that lie within 2 of 0: others are drawn again.
pub fn truncated<T: Copy>(base: &Philox, out: &mut [T], round: impl Fn(f32) -> T) {
    of_pairs(base, 4, out, |words| {
        let pair = normal_pair(words.next(), words.next());
        pair.map(|v| (v.abs() < 2.0).then(|| round(v)))
    });
}

/// The same in `f64`.
pub fn truncated_f64(base: &Philox, out: &mut [f64]) {
    of_pairs(base, 2, out, |words| {
        let pair = normal_pair_f64([words.next(), words.next(), words.next(), words.next()]);
        pair.map(|v| (v.abs() < 2.0).then_some(v))
    });
}

/// Draws `group` numbers from one stretch of the generator, the next ones from the next.
fn of_pairs<T: Copy>(
    base: &Philox,
    group: usize,
    out: &mut [T],
    pair: impl Fn(&mut Words) -> [Option<T>; 2],
) {
    let apart = group as u128 * APART / 4;
    for (at, out) in out.chunks_mut(group).enumerate() {
        let mut philox = base.clone();
        philox.skip(at as u128 * apart);
        let mut words = Words::new(philox);
        let drawn = std::iter::repeat_with(|| pair(&mut words));
        let drawn = drawn.flatten().flatten();
        out.iter_mut().zip(drawn).for_each(|(out, v)| *out = v);
    }
}

/// The numbers below `count` in any order.
pub fn shuffled(philox: Philox, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    let mut words = Words::new(philox);
    for at in 0..count.saturating_sub(1) {
        let left = (count - at) as u32;
        order.swap(at, at + (words.next() % left) as usize);
    }
    order
}

/// Pairs of numbers handed out one by one, the second one first.
#[derive(Default)]
struct Pairs(Vec<f64>);

impl Pairs {
    fn next(&mut self, philox: &mut Philox, pair: impl Fn([u32; 4]) -> [f64; 2]) -> f64 {
        if self.0.is_empty() {
            self.0.extend(pair(philox.four()));
        }
        self.0.pop().unwrap_or_default()
    }
}

fn uniforms([a, b, c, d]: [u32; 4]) -> [f64; 2] {
    [uniform_f64(a, b), uniform_f64(c, d)]
}

/// The generator of the draw with number `at`.
fn apart(base: &Philox, at: usize, steps: u128) -> Philox {
    let mut philox = base.clone();
    philox.skip(at as u128 * steps);
    philox
}

/// A draw from the gamma distribution of shape `alpha` and rate 1 (Marsaglia and Tsang, "A simple method for generating
/// gamma variables", 2000), the one with number `at`.
pub fn gamma(base: &Philox, at: usize, alpha: f64) -> f64 {
    let mut philox = apart(base, at, APART);
    let (mut uniform, mut normal) = (Pairs::default(), Pairs::default());
    if alpha == 1.0 {
        return -(-uniform.next(&mut philox, uniforms)).ln_1p();
    }
    let d = alpha + if alpha < 1.0 { 2.0 / 3.0 } else { -1.0 / 3.0 };
    let c = 1.0 / 3.0 / d.sqrt();
    loop {
        let x = normal.next(&mut philox, normal_pair_f64);
        let root = 1.0 + c * x;
        if root.is_nan() {
            return f64::NAN;
        }
        if root <= 0.0 {
            continue;
        }
        let v = root * root * root;
        let u = uniform.next(&mut philox, uniforms);
        if u < 1.0 - 0.0331 * (x * x) * (x * x) || u.ln() < 0.5 * x * x + d * (1.0 - v + v.ln()) {
            let drawn = d * v;
            return match alpha < 1.0 {
                true => drawn * uniform.next(&mut philox, uniforms).powf(1.0 / alpha),
                false => drawn,
            };
        }
    }
}

/// A draw from Poisson's distribution, the one with number `at`: below a rate of 10 Knuth's product of uniform numbers,
/// else Hörmann's rejection by transformation ("The transformed rejection method for generating Poisson random
/// variables", 1993). Rates that are negative or not finite have none.
pub fn poisson(base: &Philox, at: usize, rate: f64) -> f64 {
    if !(rate.is_finite() && rate >= 0.0) {
        return f64::NAN;
    }
    let mut philox = apart(base, at, APART);
    let mut pairs = Pairs::default();
    let mut uniform = || pairs.next(&mut philox, uniforms);
    if rate < 10.0 {
        let least = (-rate).exp();
        let (mut product, mut count) = (uniform(), 0.0);
        while product > least {
            product *= uniform();
            count += 1.0;
        }
        return count;
    }
    let b = 0.931 + 2.53 * rate.sqrt();
    let a = -0.059 + 0.02483 * b;
    let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
    loop {
        let u = uniform() - 0.5;
        let v = uniform();
        let shifted = 0.5 - u.abs();
        let k = ((2.0 * a / shifted + b) * u + rate + 0.43).floor();
        if shifted >= 0.07 && v <= 0.9277 - 3.6224 / (b - 2.0) {
            return k;
        }
        if k < 0.0 || shifted < 0.013 && v > shifted {
            continue;
        }
        let s = (v * inverse_alpha / (a / (shifted * shifted) + b)).ln();
        if s <= -rate + k * rate.ln() - ln_gamma(k + 1.0) {
            return k;
        }
    }
}

/// A draw from the binomial distribution of `count` trials, the one with number `at`: sums of geometric numbers where
/// few succeed, else Hörmann's rejection by transformation ("The generation of binomial random variates", 1993).
pub fn binomial(base: &Philox, at: usize, count: f64, chance: f64) -> f64 {
    if count <= 0.0 || chance <= 0.0 {
        return 0.0;
    }
    if chance.is_nan() {
        return f64::NAN;
    }
    if chance >= 1.0 {
        return count;
    }
    let rare = if chance <= 0.5 { chance } else { 1.0 - chance };
    let drawn = if count * rare >= 10.0 {
        by_transformation(apart(base, at, APART), count, rare)
    } else {
        // Ten standard deviations of the largest mean take 42 steps.
        by_inversion(apart(base, at, 42), count, rare)
    };
    if chance <= 0.5 { drawn } else { count - drawn }
}

fn by_inversion(mut philox: Philox, count: f64, chance: f64) -> f64 {
    let (mut pairs, mut sum, mut successes) = (Pairs::default(), 0.0, 0.0);
    loop {
        let u = pairs.next(&mut philox, uniforms);
        sum += (u.ln() / (-chance).ln_1p()).ceil();
        if sum > count {
            return successes;
        }
        successes += 1.0;
    }
}

/// What Stirling's formula leaves out of `ln k!`.
fn stirling_rest(k: f64) -> f64 {
    const FIRST: [f64; 10] = [
        0.081_061_466_795_327_2,
        0.041_340_695_955_409_2,
        0.027_677_925_684_998_3,
        0.020_790_672_103_765_09,
        0.016_644_691_189_821_1,
        0.013_876_128_823_070_7,
        0.011_896_709_945_891_7,
        0.010_411_265_261_972_0,
        0.009_255_462_182_712_73,
        0.008_330_563_433_362_87,
    ];
    if let Some(&rest) = FIRST.get(k as usize).filter(|_| k <= 9.0) {
        return rest;
    }
    let square = (k + 1.0) * (k + 1.0);
    (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / 1260.0 / square) / square) / (k + 1.0)
}

fn by_transformation(mut philox: Philox, count: f64, chance: f64) -> f64 {
    let deviation = (count * chance * (1.0 - chance)).sqrt();
    let b = 1.15 + 2.53 * deviation;
    let a = -0.0873 + 0.0248 * b + 0.01 * chance;
    let c = count * chance + 0.5;
    let tight = 0.92 - 4.2 / b;
    let odds = chance / (1.0 - chance);
    let alpha = (2.83 + 5.1 / b) * deviation;
    let mode = ((count + 1.0) * chance).floor();
    let mut pairs = Pairs::default();
    loop {
        let u = pairs.next(&mut philox, uniforms) - 0.5;
        let v = pairs.next(&mut philox, uniforms);
        let shifted = 0.5 - u.abs();
        let k = ((2.0 * a / shifted + b) * u + c).floor();
        if shifted >= 0.07 && v <= tight {
            return k;
        }
        if k < 0.0 || k > count {
            continue;
        }
        let v = (v * alpha / (a / (shifted * shifted) + b)).ln();
        let most = (mode + 0.5) * ((mode + 1.0) / (odds * (count - mode + 1.0))).ln()
            + (count + 1.0) * ((count - mode + 1.0) / (count - k + 1.0)).ln()
            + (k + 0.5) * (odds * (count - k + 1.0) / (k + 1.0)).ln()
            + stirling_rest(mode)
            + stirling_rest(count - mode)
            - stirling_rest(k)
            - stirling_rest(count - k);
        if v <= most {
            return k;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean_and_variance(draw: impl Fn(usize) -> f64) -> (f64, f64) {
        let drawn: Vec<f64> = (0..4000).map(draw).collect();
        let mean = drawn.iter().sum::<f64>() / 4000.0;
        let variance = drawn.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 4000.0;
        (mean, variance)
    }

    /// Mean and variance of each distribution are those of the textbook, in both ways to draw.
    #[test]
    fn draws_have_the_right_mean_and_variance() {
        let base = Philox::new(7, 8);
        let check = |draw: &dyn Fn(usize) -> f64, mean: f64, variance: f64| {
            let found = mean_and_variance(draw);
            let error = 5.0 * (variance / 4000.0).sqrt();
            assert!((found.0 - mean).abs() < error, "mean {found:?}, {mean}");
            let ratio = found.1 / variance;
            assert!(
                (0.8..1.25).contains(&ratio),
                "variance {found:?}, {variance}"
            );
        };
        for alpha in [0.4, 1.0, 3.5] {
            check(&|at| gamma(&base, at, alpha), alpha, alpha);
        }
        for rate in [0.7, 8.0, 40.0] {
            check(&|at| poisson(&base, at, rate), rate, rate);
        }
        for (count, chance) in [(7.0, 0.3), (9.0, 0.8), (90.0, 0.4), (90.0, 0.7)] {
            let variance = count * chance * (1.0 - chance);
            check(
                &|at| binomial(&base, at, count, chance),
                count * chance,
                variance,
            );
        }
    }

    #[test]
    fn draws_without_an_answer_end() {
        let base = Philox::new(1, 2);
        assert!(gamma(&base, 0, f64::NAN).is_nan() && gamma(&base, 0, -1.0).is_nan());
        assert!(poisson(&base, 0, f64::INFINITY).is_nan() && poisson(&base, 0, -1.0).is_nan());
        assert!(binomial(&base, 0, 3.0, f64::NAN).is_nan());
        assert_eq!(binomial(&base, 0, 3.0, 2.0), 3.0);
    }

    #[test]
    fn truncated_numbers_stay_within_2() {
        let mut values = [9.0; 1001];
        truncated(&Philox::new(3, 4), &mut values, |v| v);
        assert!(values.iter().all(|v: &f32| v.abs() < 2.0));
        let mut values = [9.0; 1001];
        truncated_f64(&Philox::new(3, 4), &mut values);
        assert!(values.iter().all(|v| v.abs() < 2.0));
    }

    #[test]
    fn a_shuffle_keeps_all() {
        let mut order = shuffled(Philox::new(5, 6), 100);
        assert!(order.windows(2).any(|w| w[0] > w[1]));
        order.sort_unstable();
        assert!(order.into_iter().eq(0..100));
    }
}

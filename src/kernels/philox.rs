//! Random numbers as TensorFlow and TensorFlow Lite make them: the same seeds give the same numbers.
//!
//! Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): ten rounds mix a counter of
//! 128 bits with a key of 64 bits into four words; the counter goes up by one.

use half::{bf16, f16};

/// A generator and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Philox {
    counter: u128,
    key: [u32; 2],
}

impl Philox {
    /// The generator of an operator's two seeds: the first is the key, the second the upper half of the counter.
    pub fn new(seed: u64, seed2: u64) -> Self {
        Self::at(u128::from(seed2) << 64, seed)
    }

    pub fn at(counter: u128, key: u64) -> Self {
        Philox {
            counter,
            key: [key as u32, (key >> 32) as u32],
        }
    }

    /// The generator of the two seeds of an operator without state: they go through a generator of their own first.
    pub fn of_seeds(seeds: [u64; 2]) -> Self {
        let counter = u128::from(seeds[1]) << 64 | u128::from(seeds[0]);
        let [a, b, c, d] = Philox::at(counter, 0x0246_1e29_3ec8_f720).four();
        let wide = |low: u32, high: u32| u64::from(high) << 32 | u64::from(low);
        Philox::at(u128::from(wide(c, d)) << 64, wide(a, b))
    }

    pub fn key(&self) -> u64 {
        u64::from(self.key[1]) << 32 | u64::from(self.key[0])
    }

    /// The counter that comes next.
    pub fn counter(&self) -> u128 {
        self.counter
    }

    /// The next four words.
    pub fn four(&mut self) -> [u32; 4] {
        const ROUNDS: usize = 10;
        const MULTIPLIERS: [u32; 2] = [0xd251_1f53, 0xcd9e_8d57];
        const STEPS: [u32; 2] = [0x9e37_79b9, 0xbb67_ae85];
        let mut words: [u32; 4] = std::array::from_fn(|at| (self.counter >> (32 * at)) as u32);
        let mut key = self.key;
        for _ in 0..ROUNDS {
            let a = u64::from(words[0]) * u64::from(MULTIPLIERS[0]);
            let b = u64::from(words[2]) * u64::from(MULTIPLIERS[1]);
            words = [
                (b >> 32) as u32 ^ words[1] ^ key[0],
                b as u32,
                (a >> 32) as u32 ^ words[3] ^ key[1],
                a as u32,
            ];
            key = [key[0].wrapping_add(STEPS[0]), key[1].wrapping_add(STEPS[1])];
        }
        self.counter = self.counter.wrapping_add(1);
        words
    }

    /// Fills `out` with what `f` makes of four words at a time; what the last four have too much is dropped.
    pub fn fill<T: Copy, const N: usize>(&mut self, out: &mut [T], f: impl Fn([u32; 4]) -> [T; N]) {
        for out in out.chunks_mut(N) {
            let values = f(self.four());
            out.copy_from_slice(&values[..out.len()]);
        }
    }
}

/// Threefry 2x32-20 of the same paper: two words from a key and a counter of 64 bits each.
pub fn threefry(key: u64, counter: u64) -> [u32; 2] {
    const PARITY: u32 = 0x1bd1_1bda;
    const ROTATIONS: [[u32; 4]; 2] = [[13, 15, 26, 6], [17, 29, 16, 24]];
    let key = [key as u32, (key >> 32) as u32];
    let keys = [key[0], key[1], key[0] ^ key[1] ^ PARITY];
    let mut a = (counter as u32).wrapping_add(keys[0]);
    let mut b = ((counter >> 32) as u32).wrapping_add(keys[1]);
    for step in 0..5 {
        for turn in ROTATIONS[step % 2] {
            a = a.wrapping_add(b);
            b = b.rotate_left(turn) ^ a;
        }
        a = a.wrapping_add(keys[(step + 1) % 3]);
        b = b
            .wrapping_add(keys[(step + 2) % 3])
            .wrapping_add(step as u32 + 1);
    }
    [a, b]
}

/// A number in [0, 1) from 23 bits.
pub fn uniform(word: u32) -> f32 {
    f32::from_bits((word & 0x7f_ffff) | 0x3f80_0000) - 1.0
}

/// A number in [0, 1) from 52 bits of two words.
pub fn uniform_f64(low: u32, high: u32) -> f64 {
    let bits = (u64::from(low) & 0xf_ffff) << 32 | u64::from(high);
    f64::from_bits(bits | 1023 << 52) - 1.0
}

/// Two numbers of mean 0 and variance 1 from two words: Box and Muller's transform.
pub fn normal_pair(a: u32, b: u32) -> [f32; 2] {
    const LEAST: f32 = 1e-7;
    let radius = (-2.0 * uniform(a).max(LEAST).ln()).sqrt();
    let angle = 2.0 * std::f64::consts::PI * f64::from(uniform(b));
    let (sin, cos) = (angle as f32).sin_cos();
    [sin * radius, cos * radius]
}

/// Four such numbers from four words.
pub fn normal([a, b, c, d]: [u32; 4]) -> [f32; 4] {
    let ([a, b], [c, d]) = (normal_pair(a, b), normal_pair(c, d));
    [a, b, c, d]
}

/// The same in `f64`: two from four words.
pub fn normal_pair_f64([a, b, c, d]: [u32; 4]) -> [f64; 2] {
    const LEAST: f64 = 1e-7;
    let radius = (-2.0 * uniform_f64(a, b).max(LEAST).ln()).sqrt();
    let (sin, cos) = (2.0 * std::f64::consts::PI * uniform_f64(c, d)).sin_cos();
    [sin * radius, cos * radius]
}

/// A number in [0, 1) from 10 bits.
pub fn uniform_f16(word: u32) -> f16 {
    let number = f16::from_bits((word & 0x3ff) as u16 | 15 << 10);
    f16::from_f32(f32::from(number) - 1.0)
}

/// A number in [0, 1) from 7 bits.
pub fn uniform_bf16(word: u32) -> bf16 {
    let number = bf16::from_bits((word & 0x7f) as u16 | 127 << 7);
    bf16::from_f32(f32::from(number) - 1.0)
}

/// Draws an index for each of `count`, with the odds `e^logit`, by numbers in [0, 1). Logits that are not finite are never
/// drawn; without any other the answer is their count. `sums` is room for as many values as there are logits.
pub fn draw(
    logits: impl Iterator<Item = f64> + Clone,
    mut uniform: impl FnMut() -> f64,
    sums: &mut [f64],
    mut out: impl FnMut(usize),
    count: usize,
) {
    let finite = logits.clone().filter(|logit| logit.is_finite());
    let most = finite.fold(f64::MIN, f64::max);
    let mut total = 0.0;
    for (sum, logit) in sums.iter_mut().zip(logits) {
        if logit.is_finite() {
            total += (logit - most).exp();
        }
        *sum = total;
    }
    for _ in 0..count {
        let wanted = uniform() * total;
        out(sums.partition_point(|&sum| sum <= wanted));
    }
}

impl Philox {
    /// Numbers in [0, 1) from two words each.
    pub fn pairs(mut self) -> impl FnMut() -> f64 {
        let mut rest = None;
        move || match rest.take() {
            Some(number) => number,
            None => {
                let [a, b, c, d] = self.four();
                rest = Some(uniform_f64(c, d));
                uniform_f64(a, b)
            }
        }
    }

    /// Leaves out as many steps of four words.
    pub fn skip(&mut self, steps: u128) {
        self.counter = self.counter.wrapping_add(steps);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the paper's test vectors.
    #[test]
    fn words_are_those_of_the_paper() {
        let words = Philox::at(0, 0).four();
        assert_eq!(words, [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        let words = Philox::at(u128::MAX, u64::MAX).four();
        assert_eq!(words, [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
    }

    /// From the paper's test vectors.
    #[test]
    fn threefry_is_that_of_the_paper() {
        assert_eq!(threefry(0, 0), [0x6b20_0159, 0x99ba_4efe]);
        assert_eq!(threefry(u64::MAX, u64::MAX), [0x1cb9_96fc, 0xbb00_2be7]);
    }

    /// As TensorFlow 2.21 answers for the seed [1, 2].
    #[test]
    fn seeds_make_tensorflows_key_and_counter() {
        let philox = Philox::of_seeds([1, 2]);
        assert_eq!(philox.key(), 10_413_732_777_507_651_514);
        assert_eq!(philox.counter(), 17_830_669_156_045_600_267 << 64);
    }

    #[test]
    fn the_counter_goes_on() {
        let mut philox = Philox::new(3, 4);
        let (mut all, mut first, mut second) = ([0.0; 7], [0.0; 4], [0.0; 3]);
        philox.clone().fill(&mut all, |words| words.map(uniform));
        philox.fill(&mut first, |words| words.map(uniform));
        philox.fill(&mut second, |words| words.map(uniform));
        assert_eq!(all[..4], first);
        assert_eq!(all[4..], second);
        assert_eq!(philox.counter(), (4 << 64) + 2);
        assert!(all.iter().all(|v| (0.0..1.0).contains(v)));
    }

    #[test]
    fn odds_are_those_of_the_logits() {
        let mut drawn = Vec::new();
        let logits = [0.75f64.ln(), f64::NEG_INFINITY, 0.25f64.ln()];
        let uniform = Philox::new(1, 2).pairs();
        draw(
            logits.iter().copied(),
            uniform,
            &mut [0.0; 3],
            |index| drawn.push(index),
            4000,
        );
        let share = |at: usize| drawn.iter().filter(|&&d| d == at).count() as f64 / 4000.0;
        assert!(
            (share(0) - 0.75).abs() < 0.03 && share(1) == 0.0,
            "{}",
            share(0)
        );
    }

    #[test]
    fn normal_numbers_have_mean_0_and_variance_1() {
        let mut values = [0.0; 4000];
        Philox::new(5, 6).fill(&mut values, normal);
        let mean = values.iter().sum::<f32>() / 4000.0;
        let variance = values.iter().map(|v| v * v).sum::<f32>() / 4000.0;
        assert!(
            mean.abs() < 0.06 && (variance - 1.0).abs() < 0.08,
            "{mean} {variance}"
        );
    }
}

//! Normal numbers between two bounds, each as TensorFlow draws it from a [`Philox`] generator: proposals that are drawn again
//! until one is taken. Where the bounds leave room around the mean, the normal distribution proposes; where they are
//! narrow, the uniform one; in a tail the exponential one (Robert, "Simulation of truncated normal variables", 1995).
//!
//! TensorFlow splits very many draws among its threads, and each begins elsewhere in the generator's numbers. Here there is
//! one, so that the answer is TensorFlow's on one thread.

use half::f16;

use super::elementwise::number::Number;
use super::philox::{Philox, normal, normal_pair_f64, uniform, uniform_f16, uniform_f64};

/// So many proposals in a row are refused at most.
pub const MOST: usize = 1000;

/// Types in which such numbers are drawn; each step is rounded.
pub trait Drawn: Number {
    type Some: AsRef<[Self]>;
    fn uniform(words: [u32; 4]) -> Self::Some;
    fn normal(words: [u32; 4]) -> Self::Some;
    fn exp(self) -> Self;
    fn ln(self) -> Self;
    fn sqrt(self) -> Self;
    fn neg(self) -> Self;
}

macro_rules! drawn {
    ($T:ty, $N:literal, $uniform:expr, $normal:expr, $function:expr) => {
        impl Drawn for $T {
            type Some = [Self; $N];
            fn uniform(words: [u32; 4]) -> Self::Some {
                $uniform(words)
            }
            fn normal(words: [u32; 4]) -> Self::Some {
                $normal(words)
            }
            fn exp(self) -> Self {
                $function(self, |v| v.exp())
            }
            fn ln(self) -> Self {
                $function(self, |v| v.ln())
            }
            fn sqrt(self) -> Self {
                $function(self, |v| v.sqrt())
            }
            fn neg(self) -> Self {
                -self
            }
        }
    };
}

drawn!(
    f32,
    4,
    |words: [u32; 4]| words.map(uniform),
    normal,
    |v: f32, f: fn(f32) -> f32| f(v)
);
drawn!(
    f64,
    2,
    |[a, b, c, d]: [u32; 4]| [uniform_f64(a, b), uniform_f64(c, d)],
    normal_pair_f64,
    |v: f64, f: fn(f64) -> f64| f(v)
);
drawn!(
    f16,
    4,
    |words: [u32; 4]| words.map(uniform_f16),
    |words| normal(words).map(f16::from_f32),
    |v: f16, f: fn(f32) -> f32| f16::from_f32(f(f32::from(v)))
);

/// A normal distribution cut off at both ends; one of these may be infinite.
#[derive(Debug, Clone, Copy)]
pub struct Bounded<T> {
    pub mean: T,
    pub deviation: T,
    pub low: T,
    pub high: T,
}

/// Why there is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// A deviation that is not above 0, bounds the wrong way round, or none.
    Parameters,
    /// [`MOST`] proposals were refused.
    Proposals,
}

/// The bounds in deviations from the mean.
struct Normed<T> {
    low: T,
    high: T,
}

impl<T: Drawn> Bounded<T> {
    /// Gives `count` numbers to `out`.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn draw(
        mut self,
        philox: &mut Philox,
        count: usize,
        mut out: impl FnMut(T),
    ) -> Result<(), Refused> {
        let number = T::from_f64;
        let is_finite = |v: T| v.to_f64().is_finite();
        let fits = self.deviation > T::ZERO && self.low < self.high;
        if !fits || !is_finite(self.low) && !is_finite(self.high) {
            return Err(Refused::Parameters);
        }
        // A bound that is alone becomes the lower one, and a tail the upper one.
        if !is_finite(self.low) && self.low < T::ZERO || self.high < self.mean {
            (self.low, self.high) = (self.high, self.low);
            self.deviation = self.deviation.neg();
        }
        let normed = Normed {
            low: self.low.sub(self.mean).div(self.deviation),
            high: self.high.sub(self.mean).div(self.deviation),
        };
        let place = |v: T| v.mul(self.deviation).add(self.mean);
        let (low, high, four) = (normed.low, normed.high, number(4.0));
        let root = low.mul(low).add(four).sqrt();
        let power = number(0.5).add(low.mul(low.sub(root)).div(four)).exp();
        let narrow = number(2.0).mul(power).div(low.add(root));
        let wide = number(1.3);
        let around = low < wide.neg() && high >= T::ZERO || high > wide && low <= T::ZERO;
        let mut taken = Taken {
            left: count,
            refused: 0,
            out: |v| out(place(v)),
        };
        if around {
            normed.of_normal(philox, &mut taken)
        } else if high.sub(low) < narrow {
            normed.of_uniform(philox, &mut taken)
        } else {
            normed.of_exponential(philox, &mut taken)
        }
    }
}

/// Counts what was taken, and what was refused since.
struct Taken<F> {
    left: usize,
    refused: usize,
    out: F,
}

impl<F> Taken<F> {
    /// `most` is how many proposals in a row may be refused.
    fn judge<T>(&mut self, proposal: T, accepted: bool, most: usize) -> Result<(), Refused>
    where
        F: FnMut(T),
    {
        if accepted {
            (self.out)(proposal);
            self.left -= 1;
            self.refused = 0;
            return Ok(());
        }
        self.refused += 1;
        match self.refused > most {
            true => Err(Refused::Proposals),
            false => Ok(()),
        }
    }
}

impl<T: Drawn> Normed<T> {
    fn of_normal(
        &self,
        philox: &mut Philox,
        taken: &mut Taken<impl FnMut(T)>,
    ) -> Result<(), Refused> {
        while taken.left > 0 {
            for &v in T::normal(philox.four()).as_ref() {
                taken.judge(v, v >= self.low && v <= self.high, MOST)?;
                if taken.left == 0 {
                    break;
                }
            }
        }
        Ok(())
    }

    fn of_uniform(
        &self,
        philox: &mut Philox,
        taken: &mut Taken<impl FnMut(T)>,
    ) -> Result<(), Refused> {
        let (low, width) = (self.low, self.high.sub(self.low));
        let nearest = if low < T::ZERO { T::ZERO } else { low.mul(low) };
        while taken.left > 0 {
            let (places, odds) = (T::uniform(philox.four()), T::uniform(philox.four()));
            for (v, &u) in places.as_ref().iter().zip(odds.as_ref()) {
                let v = v.mul(width).add(low);
                let density = nearest.sub(v.mul(v)).div(T::from_f64(2.0)).exp();
                taken.judge(v, u <= density, MOST - 1)?;
                if taken.left == 0 {
                    break;
                }
            }
        }
        Ok(())
    }

    fn of_exponential(
        &self,
        philox: &mut Philox,
        taken: &mut Taken<impl FnMut(T)>,
    ) -> Result<(), Refused> {
        let (low, two) = (self.low, T::from_f64(2.0));
        let root = low.mul(low).add(T::from_f64(4.0)).sqrt();
        let rate = low.add(root).div(two);
        while taken.left > 0 {
            for pair in T::uniform(philox.four()).as_ref().chunks_exact(2) {
                let v = pair[0].ln().neg().div(rate).add(low);
                let off = if low < rate {
                    rate.sub(v)
                } else {
                    low.sub(rate)
                };
                let density = off.neg().mul(off).div(two).exp();
                taken.judge(v, pair[1] <= density && v < self.high, MOST - 1)?;
                if taken.left == 0 {
                    break;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(low: f64, high: f64) -> Vec<f64> {
        let bounded = Bounded {
            mean: 1.0,
            deviation: 2.0,
            low,
            high,
        };
        let mut all = Vec::new();
        let done = bounded.draw(&mut Philox::new(1, 2), 4000, |v| all.push(v));
        assert_eq!(done, Ok(()));
        assert!(all.iter().all(|v| (low..=high).contains(v)), "{low} {high}");
        all
    }

    /// Means as the textbook has them, `mean + deviation (φ(a) - φ(b)) / (Φ(b) - Φ(a))`, for each way to propose.
    #[test]
    fn numbers_lie_between_the_bounds_about_their_mean() {
        for (low, high, mean) in [
            (-9.0, 9.0, 1.0),
            (0.0, 2.0, 1.0),
            (7.0, f64::INFINITY, 7.566),
            (f64::NEG_INFINITY, -5.0, -5.566),
            (2.0, 3.0, 2.470),
        ] {
            let all = drawn(low, high);
            let found = all.iter().sum::<f64>() / 4000.0;
            assert!((found - mean).abs() < 0.12, "{low} {high}: {found}");
        }
    }

    #[test]
    fn bounds_that_leave_nothing_are_refused() {
        let draw = |deviation, low, high| {
            let bounded = Bounded {
                mean: 0.0f32,
                deviation,
                low,
                high,
            };
            bounded.draw(&mut Philox::new(1, 2), 4, |_| {})
        };
        let infinite = f32::INFINITY;
        assert_eq!(draw(1.0, 1.0, 0.0), Err(Refused::Parameters));
        assert_eq!(draw(0.0, -1.0, 1.0), Err(Refused::Parameters));
        assert_eq!(draw(1.0, -infinite, infinite), Err(Refused::Parameters));
        assert_eq!(draw(1.0, f32::NAN, 1.0), Err(Refused::Parameters));
        assert_eq!(draw(infinite, -1.0, 1.0), Ok(()));
    }
}

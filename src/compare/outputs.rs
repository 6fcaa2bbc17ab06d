//! How far two tensors are apart.

use super::{Answer, OutputDiff, Pair, Sample};
use crate::error::Result;
use crate::feed;
use crate::model::Tensor;
use crate::progress::Progress;
use crate::sort;

/// Largest elements that are named.
const TOP: usize = 2;

/// Sums over pairs of values, from which every figure comes.
#[derive(Debug, Clone, Default)]
pub(super) struct Difference {
    count: u64,
    max_abs: f64,
    sum_abs: f64,
    aa: f64,
    bb: f64,
    ab: f64,
    noise: f64,
    rows: u64,
    same_rows: u64,
}

impl Difference {
    /// Adds a pair of tensors; `false`, and nothing added, when their sizes differ. Strings count as equal or not.
    pub fn add(&mut self, a: &Tensor, b: &Tensor) -> bool {
        if let (Some(x), Some(y)) = (a.strings(), b.strings()) {
            let pairs = || x.iter().zip(y);
            pairs().for_each(|(x, y)| self.pair(1.0, if x == y { 1.0 } else { 0.0 }));
            return x.len() == y.len();
        }
        let (x, y) = (a.numbers(), b.numbers());
        if !self.add_numbers(&x, &y) {
            return false;
        }
        let row = a.shape().last().copied().unwrap_or(1);
        if row > 1 {
            for (a, b) in x.chunks_exact(row).zip(y.chunks_exact(row)) {
                self.rows += 1;
                self.same_rows += u64::from(largest(a) == largest(b));
            }
        }
        true
    }

    /// Adds pairs of numbers; `false`, and nothing added, when there are not equally many.
    pub fn add_numbers(&mut self, a: &[f64], b: &[f64]) -> bool {
        if a.len() != b.len() {
            return false;
        }
        for (&a, &b) in a.iter().zip(b) {
            self.pair(a, b);
        }
        true
    }

    pub fn pair(&mut self, a: f64, b: f64) {
        // Infinities of the same sign and NaN on both sides agree.
        let equal = a == b || (a.is_nan() && b.is_nan());
        let apart = if equal { 0.0 } else { (a - b).abs() };
        let apart = if apart.is_nan() { f64::INFINITY } else { apart };
        self.count += 1;
        self.max_abs = self.max_abs.max(apart);
        self.sum_abs += apart;
        self.noise += apart * apart;
        if a.is_finite() && b.is_finite() {
            self.aa += a * a;
            self.bb += b * b;
            self.ab += a * b;
        }
    }

    pub fn max_abs(&self) -> f64 {
        self.max_abs
    }

    /// 10·log10(Σa² / Σ(a−b)²); infinite without any noise.
    pub fn sqnr_db(&self) -> f64 {
        if self.noise == 0.0 {
            return f64::INFINITY;
        }
        10.0 * (self.aa / self.noise).log10()
    }

    /// The same whichever side comes first: the mean power of both against the noise; `None` where both are zero.
    pub fn likeness_db(&self) -> Option<f64> {
        let power = (self.aa + self.bb) / 2.0;
        (power > 0.0).then(|| 10.0 * (power / self.noise).log10())
    }

    fn cosine(&self) -> f64 {
        if self.aa == 0.0 && self.bb == 0.0 {
            return 1.0;
        }
        let norm = (self.aa * self.bb).sqrt();
        if norm == 0.0 {
            0.0
        } else {
            (self.ab / norm).clamp(-1.0, 1.0)
        }
    }

    fn named(&self, name: String) -> OutputDiff {
        OutputDiff {
            name,
            max_abs: self.max_abs,
            mean_abs: self.sum_abs / self.count.max(1) as f64,
            cosine: self.cosine(),
            sqnr_db: self.sqnr_db(),
            same_top1: (self.rows > 0).then(|| self.same_rows as f64 / self.rows as f64),
            differs: Vec::new(),
            top_a: Vec::new(),
            top_b: Vec::new(),
        }
    }
}

/// Index of the largest value, the first of equals; NaN never is.
fn largest(row: &[f64]) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    for (i, &v) in row.iter().enumerate() {
        if !v.is_nan() && best.is_none_or(|(_, b)| v > b) {
            best = Some((i, v));
        }
    }
    best.map(|(i, _)| i)
}

/// Answers of one output that is one row of values.
#[derive(Debug, Clone, Default)]
struct Answers {
    differs: Vec<Answer>,
    top_a: Vec<(usize, f64)>,
    top_b: Vec<(usize, f64)>,
}

impl Answers {
    fn see(&mut self, sample: usize, a: &Tensor, b: &Tensor) {
        let is_row = |t: &Tensor| t.len() > 1 && t.shape().last() == Some(&t.len());
        if !is_row(a) || !is_row(b) || a.strings().is_some() {
            return;
        }
        let (a, b) = (a.numbers(), b.numbers());
        if sample == 0 {
            (self.top_a, self.top_b) = (top(&a), top(&b));
        }
        if let (Some(a), Some(b)) = (largest(&a), largest(&b))
            && a != b
        {
            self.differs.push(Answer { sample, a, b });
        }
    }
}

/// The largest values with their indices, the largest first.
fn top(row: &[f64]) -> Vec<(usize, f64)> {
    let mut all: Vec<(usize, f64)> = row.iter().copied().enumerate().collect();
    all.retain(|(_, v)| !v.is_nan());
    sort::by(&mut all, |x, y| y.1.total_cmp(&x.1));
    all.truncate(TOP);
    all
}

/// Every output that both sides have, over all samples.
pub(super) fn compare(
    pair: &mut Pair,
    samples: &[Sample],
    progress: &Progress,
    notes: &mut Vec<String>,
) -> Result<Vec<OutputDiff>> {
    let matched = pair.outputs.clone();
    let mut sums = vec![Difference::default(); matched.len()];
    let mut uneven = vec![false; matched.len()];
    let mut answers = vec![Answers::default(); matched.len()];
    for (number, sample) in samples.iter().enumerate() {
        let a = pair.a.session.run(&sample.a, progress)?;
        let b = pair.b.session.run(&sample.b, progress)?;
        for (at, &(ia, ib)) in matched.iter().enumerate() {
            let (Some((_, x)), Some((_, y))) = (a.get(ia), b.get(ib)) else {
                continue;
            };
            let port = |side: &super::Side, i: usize| {
                side.session
                    .outputs()
                    .get(i)
                    .and_then(|p| p.quantization.clone())
            };
            let x = feed::dequantized(x, port(&pair.a, ia).as_ref())?;
            let y = feed::dequantized(y, port(&pair.b, ib).as_ref())?;
            uneven[at] |= !sums[at].add(&x, &y);
            answers[at].see(number, &x, &y);
        }
        progress.step(1)?;
    }
    let name = |i: usize| {
        pair.a
            .session
            .outputs()
            .get(i)
            .map_or_else(|| format!("#{i}"), |p| p.name.to_string())
    };
    for (&(ia, _), _) in matched.iter().zip(&uneven).filter(|(_, uneven)| **uneven) {
        notes.push(format!(
            "output {:?} has other sizes in B and is not compared",
            name(ia)
        ));
    }
    Ok(matched
        .iter()
        .zip(sums.iter().zip(answers))
        .filter(|(_, (sum, _))| sum.count > 0)
        .map(|(&(ia, _), (sum, answers))| OutputDiff {
            differs: answers.differs,
            top_a: answers.top_a,
            top_b: answers.top_b,
            ..sum.named(name(ia))
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diff(a: &[f32], b: &[f32]) -> OutputDiff {
        let mut sums = Difference::default();
        let tensor = |v: &[f32]| Tensor::from_values(&[1, v.len()], v);
        assert!(sums.add(&tensor(a), &tensor(b)));
        sums.named("y".into())
    }

    #[test]
    fn equal_outputs_have_no_noise() {
        let d = diff(
            &[1.0, f32::NAN, f32::INFINITY],
            &[1.0, f32::NAN, f32::INFINITY],
        );
        assert_eq!((d.max_abs, d.cosine, d.same_top1), (0.0, 1.0, Some(1.0)));
        assert_eq!(d.sqnr_db, f64::INFINITY);
    }

    #[test]
    fn ten_percent_of_noise_is_twenty_decibel() {
        let d = diff(&[10.0, 0.0], &[10.0, 1.0]);
        assert!((d.sqnr_db - 20.0).abs() < 1e-9);
        assert_eq!((d.max_abs, d.mean_abs), (1.0, 0.5));
    }

    #[test]
    fn another_winner_and_a_lost_value_show() {
        assert_eq!(diff(&[1.0, 2.0], &[2.0, 1.0]).same_top1, Some(0.0));
        assert_eq!(diff(&[1.0, 2.0], &[1.0, f32::NAN]).max_abs, f64::INFINITY);
        let mut sums = Difference::default();
        let (a, b) = (
            Tensor::from_values(&[2], &[1i8, 2]),
            Tensor::from_values(&[1], &[1i8]),
        );
        assert!(!sums.add(&a, &b));
    }
}

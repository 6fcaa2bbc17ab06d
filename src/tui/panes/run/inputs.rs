//! What goes into a run: for each input a sample, a made value or what a person typed.

use std::sync::Arc;

use crate::error::Result;
use crate::feed::{self, SampleSet};
use crate::model::{Port, Tensor};
use crate::tui::text;

/// Where the value of an input comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// Sample `at` of set number `set`.
    Sample {
        set: usize,
        at: usize,
    },
    Random {
        seed: u64,
    },
    Zeros,
    Ones,
    /// As [`feed::parse`] reads it.
    Typed(String),
}

/// An input of the signature and its choices.
#[derive(Clone)]
pub struct Input {
    pub port: Port,
    pub sets: Vec<Arc<SampleSet>>,
    pub source: Source,
}

impl Input {
    pub fn new(port: Port) -> Input {
        let source = match port.default_literal() {
            Some(literal) => Source::Typed(literal),
            None => Source::Random { seed: 1 },
        };
        Input {
            port,
            sets: Vec::new(),
            source,
        }
    }

    /// Whether its value takes too long to be made before the next frame.
    pub fn is_large(&self) -> bool {
        /// Elements.
        const MOST: i64 = 1 << 18;
        let sizes = self.port.shape.dims().unwrap_or_default();
        let elements = sizes.iter().map(|size| (*size).max(1));
        elements.fold(1, i64::saturating_mul) > MOST
    }

    pub fn value(&self) -> Result<Tensor> {
        let value = match &self.source {
            Source::Sample { set, at } => match self.sets.get(*set) {
                Some(set) => set.sample(*at, &self.port),
                None => feed::random(&self.port, 1),
            },
            Source::Random { seed } => feed::random(&self.port, *seed),
            Source::Zeros => feed::parse("zeros", &self.port),
            Source::Ones => feed::parse("ones", &self.port),
            Source::Typed(text) => feed::parse(text, &self.port),
        };
        value.map_err(|e| e.at(format_args!("input {:?}", self.port.name)))
    }

    /// The value as [`feed::parse`] and `--input NAME=SPEC` read it.
    pub fn spec(&self) -> String {
        match &self.source {
            Source::Sample { set, at } => match self.sets.get(*set) {
                Some(set) => format!("{}:{}:{at}", text::path(&set.path), set.key),
                None => "random:1".to_owned(),
            },
            Source::Random { seed } => format!("random:{seed}"),
            Source::Zeros => "zeros".to_owned(),
            Source::Ones => "ones".to_owned(),
            Source::Typed(words) => words.clone(),
        }
    }

    /// The next or previous sample or seed.
    pub fn step(&mut self, forward: bool) {
        match &mut self.source {
            Source::Sample { set, at } => {
                let count = self.sets.get(*set).map_or(1, |s| s.count.max(1));
                *at = if forward {
                    (*at + 1) % count
                } else {
                    (*at + count - 1) % count
                };
            }
            Source::Random { seed } => {
                *seed = if forward {
                    seed.wrapping_add(1)
                } else {
                    seed.saturating_sub(1)
                };
            }
            Source::Zeros | Source::Ones | Source::Typed(_) => {}
        }
    }

    /// Every choice that needs no typing, in order.
    pub fn choices(&self) -> Vec<Source> {
        let sets = (0..self.sets.len()).map(|set| Source::Sample { set, at: 0 });
        sets.chain([Source::Random { seed: 1 }, Source::Zeros, Source::Ones])
            .collect()
    }

    pub fn choose(&mut self, forward: bool) {
        let choices = self.choices();
        let kind = |s: &Source| match s {
            Source::Sample { set, .. } => Source::Sample { set: *set, at: 0 },
            Source::Random { .. } => Source::Random { seed: 1 },
            other => other.clone(),
        };
        let now = kind(&self.source);
        let next = match choices.iter().position(|c| *c == now) {
            Some(at) if forward => (at + 1) % choices.len(),
            Some(at) => (at + choices.len() - 1) % choices.len(),
            None => 0,
        };
        self.source = choices[next].clone();
    }

    /// `sample 41 of 300 in digits:image   label 7`, in as many of these words as `room` columns hold.
    pub fn says(&self, room: usize) -> String {
        match &self.source {
            Source::Sample { set, at } => match self.sets.get(*set) {
                Some(set) => {
                    let label = set.labels.as_ref().and_then(|l| l.get(*at));
                    let label = label.map(|l| format!("   label {l}")).unwrap_or_default();
                    let (place, name) = (format!("{} of {}", at + 1, set.count), &set.name);
                    let wordings = [
                        format!("sample {place} in {name}{label}"),
                        format!("{place} in {name}{label}"),
                        format!("sample {place}{label}"),
                        format!("{place}{label}"),
                    ];
                    text::fitting(wordings, room)
                }
                None => String::new(),
            },
            Source::Random { seed } => format!("random, seed {seed}"),
            Source::Zeros => "zeros".to_owned(),
            Source::Ones => "ones".to_owned(),
            Source::Typed(text) => text.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DType, Shape};

    #[test]
    fn choices_go_round_and_samples_count() {
        let shape = Shape(Some(vec![-1, 2]));
        let mut input = Input::new(Port::new("x", DType::Float32, shape));
        input.sets.push(Arc::new(SampleSet {
            name: "set".to_owned(),
            path: "digits.npz".into(),
            key: "image".to_owned(),
            count: 3,
            values: Tensor::zeros(DType::Float32, &[3, 2]).unwrap(),
            labels: Some(vec![7, 8, 9]),
        }));
        input.choose(true);
        input.choose(true);
        input.choose(true);
        assert_eq!(input.source, Source::Sample { set: 0, at: 0 });
        input.step(false);
        assert_eq!(input.says(80), "sample 3 of 3 in set   label 9");
        assert_eq!(input.says(23), "3 of 3 in set   label 9");
        assert_eq!(input.says(22), "3 of 3   label 9");
        assert_eq!(input.spec(), "digits.npz:image:2");
        input.choose(true);
        assert_eq!(input.says(80), "random, seed 1");
        assert_eq!(input.spec(), "random:1");
    }
}

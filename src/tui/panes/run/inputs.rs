//! What goes into a run: for each input a sample, a made value or what a person typed.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::feed::{self, SampleSet};
use crate::model::{Port, Tensor};
use crate::tui::text;

/// A value, and what was done with a file to make it fit.
pub type Told = (Tensor, Option<String>);

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
    Range,
    /// As [`feed::parse`] reads it.
    Typed(String),
}

/// An input of the signature and its choices.
#[derive(Clone)]
pub struct Input {
    pub port: Port,
    pub sets: Vec<Arc<SampleSet>>,
    pub source: Source,
    /// The person chose it, here or in an earlier sitting.
    pub chosen: bool,
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
            chosen: false,
        }
    }

    /// The source that [`Input::spec`] wrote.
    pub fn recall(&mut self, spec: &str) {
        self.source = match (spec, spec.strip_prefix("random:").map(str::parse)) {
            ("zeros", _) => Source::Zeros,
            ("ones", _) => Source::Ones,
            ("range", _) => Source::Range,
            (_, Some(Ok(seed))) => Source::Random { seed },
            _ => Source::Typed(spec.to_owned()),
        };
        self.chosen = true;
    }

    pub fn type_in(&mut self, spec: &str) {
        self.recall(spec);
        self.settle();
    }

    /// Takes the sets that were found: a sample that was named becomes one of them, and the first is what an input has
    /// that nobody has chosen for.
    pub fn found(&mut self, sets: Vec<Arc<SampleSet>>) {
        self.sets = sets;
        match &self.source {
            Source::Random { .. } if !self.chosen && !self.sets.is_empty() => {
                self.source = Source::Sample { set: 0, at: 0 };
            }
            _ => self.settle(),
        }
    }

    fn settle(&mut self) {
        let Source::Typed(spec) = &self.source else {
            return;
        };
        let sample = |set: &Arc<SampleSet>| {
            let (path, at) = spec.rsplit_once(':')?;
            let at: usize = at.parse().ok().filter(|&at| at < set.count)?;
            let named = [text::path(&set.path), set.path.display().to_string()];
            let is_it = named
                .iter()
                .any(|file| *path == format!("{file}:{}", set.key));
            is_it.then_some(at)
        };
        let mut found = self.sets.iter().enumerate();
        if let Some((set, at)) = found.find_map(|(set, all)| Some((set, sample(all)?))) {
            self.source = Source::Sample { set, at };
        }
    }

    /// Whether its value takes too long to be made before the next frame.
    pub fn is_large(&self) -> bool {
        if matches!(&self.source, Source::Typed(spec) if feed::names_a_file(spec)) {
            return true;
        }
        /// Elements.
        const MOST: i64 = 1 << 18;
        let sizes = self.port.shape.dims().unwrap_or_default();
        let elements = sizes.iter().map(|size| (*size).max(1));
        elements.fold(1, i64::saturating_mul) > MOST
    }

    pub fn value(&self) -> Result<Tensor> {
        self.told().map(|(tensor, _)| tensor)
    }

    /// The value, and what was done with a file to make it fit.
    pub fn told(&self) -> Result<Told> {
        let made = match &self.source {
            Source::Sample { set, at } => match self.sets.get(*set) {
                Some(set) => set.sample(*at, &self.port),
                None => feed::random(&self.port, 1),
            },
            Source::Random { seed } => feed::random(&self.port, *seed),
            Source::Zeros => feed::parse("zeros", &self.port),
            Source::Ones => feed::parse("ones", &self.port),
            Source::Range => feed::parse("range", &self.port),
            Source::Typed(text) => {
                return feed::parse_told(text, &self.port).map_err(|e| self.at(e));
            }
        };
        made.map(|tensor| (tensor, None)).map_err(|e| self.at(e))
    }

    fn at(&self, error: Error) -> Error {
        error.at(format_args!("input {:?}", self.port.name))
    }

    /// What may be typed for it, for the line in which one does.
    pub fn prompt(&self) -> String {
        format!(
            "{}: a value, {}",
            text::clean(&self.port.name),
            feed::forms(&self.port)
        )
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
            Source::Range => "range".to_owned(),
            Source::Typed(words) => words.clone(),
        }
    }

    /// The next or previous sample, seed or file of the same folder.
    pub fn step(&mut self, forward: bool) {
        self.chosen = true;
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
            Source::Typed(spec) => {
                if let Some(next) = feed::neighbour(spec, forward) {
                    *spec = next;
                }
            }
            Source::Zeros | Source::Ones | Source::Range => {}
        }
    }

    /// Every choice that needs no typing, in order.
    pub fn choices(&self) -> Vec<Source> {
        let sets = (0..self.sets.len()).map(|set| Source::Sample { set, at: 0 });
        let made = [Source::Random { seed: 1 }, Source::Zeros, Source::Ones];
        sets.chain(made).chain([Source::Range]).collect()
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
        self.chosen = true;
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
            Source::Range => "0, 1, 2, …".to_owned(),
            Source::Typed(text) => text.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DType, Shape};

    fn input() -> Input {
        let shape = Shape(Some(vec![-1, 2]));
        Input::new(Port::new("x", DType::Float32, shape))
    }

    fn set() -> Arc<SampleSet> {
        Arc::new(SampleSet {
            name: "set".to_owned(),
            path: "digits.npz".into(),
            key: "image".to_owned(),
            count: 3,
            values: Tensor::zeros(DType::Float32, &[3, 2]).unwrap(),
            labels: Some(vec![7, 8, 9]),
        })
    }

    #[test]
    fn what_was_chosen_comes_back() {
        let recalled = |spec: &str| {
            let mut again = input();
            again.recall(spec);
            again.found(vec![set()]);
            again
        };
        for spec in [
            "random:1",
            "random:7",
            "zeros",
            "ones",
            "range",
            "[[1, 2]]",
            "digits.npz:image:2",
        ] {
            let again = recalled(spec);
            assert!(again.chosen);
            assert_eq!(again.spec(), spec);
        }
        assert_eq!(
            recalled("digits.npz:image:2").source,
            Source::Sample { set: 0, at: 2 }
        );
        // One past the last stays what was typed, which says so.
        let past = "digits.npz:image:3".to_owned();
        assert_eq!(recalled(&past).source, Source::Typed(past));
        // What nobody chose for gets the first sample.
        let mut fresh = input();
        fresh.found(vec![set()]);
        assert_eq!(fresh.source, Source::Sample { set: 0, at: 0 });
        assert!(!fresh.chosen);
    }

    #[test]
    fn choices_go_round_and_samples_count() {
        let mut input = input();
        input.sets = vec![set()];
        for _ in 0..4 {
            input.choose(true);
        }
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

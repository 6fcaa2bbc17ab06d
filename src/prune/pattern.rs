//! Which weights may go.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// Which weights may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Pattern {
    /// The smallest of each layer, wherever they stand; they become zero.
    #[default]
    Unstructured,
    /// In each group of `of` weights along the axis that is summed over, all but the `keep` largest become zero.
    Groups { keep: usize, of: usize },
    /// Whole output channels, cut out of the layer and out of all that takes them.
    Channel,
}

/// Weights of one group; hardware knows 4 (2:4), the rest is for experiments.
const LARGEST_GROUP: usize = 64;

impl FromStr for Pattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "unstructured" => return Ok(Pattern::Unstructured),
            "channel" => return Ok(Pattern::Channel),
            _ => {}
        }
        let wrong = |what: String| {
            Err(Error::usage(what).hint("unstructured, channel, or N:M as in 2:4 (keep 2 of 4)"))
        };
        let numbers = text.split_once(':');
        let numbers = numbers.and_then(|(n, m)| Some((n.parse().ok()?, m.parse().ok()?)));
        match numbers {
            Some((keep, of)) if 0 < keep && keep < of && of <= LARGEST_GROUP => {
                Ok(Pattern::Groups { keep, of })
            }
            Some((keep, of)) => wrong(format!(
                "keeping {keep} of {of} is no pruning: N:M needs 0 < N < M ≤ {LARGEST_GROUP}"
            )),
            None => wrong(format!("no pattern {text:?}")),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pattern::Unstructured => f.write_str("unstructured"),
            Pattern::Groups { keep, of } => write!(f, "{keep}:{of}"),
            Pattern::Channel => f.write_str("channel"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_understood() {
        for text in ["unstructured", "channel", "2:4", "1:4", "7:8"] {
            assert_eq!(text.parse::<Pattern>().unwrap().to_string(), text);
        }
        insta::assert_snapshot!("4:4".parse::<Pattern>().unwrap_err(), @"keeping 4 of 4 is no pruning: N:M needs 0 < N < M ≤ 64; unstructured, channel, or N:M as in 2:4 (keep 2 of 4)");
        insta::assert_snapshot!("block".parse::<Pattern>().unwrap_err(), @r#"no pattern "block"; unstructured, channel, or N:M as in 2:4 (keep 2 of 4)"#);
        assert!("0:4".parse::<Pattern>().is_err());
        assert!("2:99999999999999999999".parse::<Pattern>().is_err());
    }
}

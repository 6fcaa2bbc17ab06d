//! Detectors: which boxes stay, of one class or of many.

mod combined;
mod post_process;
mod suppression;

use super::{Operator, View};
use crate::error::{Error, Result};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        &[
            "NonMaxSuppression",
            "NonMaxSuppressionV2",
            "NonMaxSuppressionV3",
            "NonMaxSuppressionV4",
            "NonMaxSuppressionV5",
            "NonMaxSuppressionWithOverlaps",
        ],
        &["NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5"],
        suppression::infer,
        suppression::prepare,
    ),
    Operator::new(
        &["CombinedNonMaxSuppression"],
        &[],
        combined::infer,
        combined::prepare,
    ),
    Operator::new(
        &[],
        &["TFLite_Detection_PostProcess"],
        post_process::infer,
        post_process::prepare,
    ),
];

fn input<'a>(inputs: &[Option<View<'a>>], at: usize) -> Result<View<'a>> {
    let view = inputs.get(at).copied().flatten();
    view.ok_or_else(|| Error::unsupported(format!("input {at} is missing")))
}

/// How many boxes an input asks for at most.
fn most(inputs: &[Option<View<'_>>], at: usize) -> Result<usize> {
    let told = input(inputs, at)?.values::<i32>()?.first().copied();
    let told = told.ok_or_else(|| Error::usage(format!("input {at} is empty")))?;
    usize::try_from(told).map_err(|_| Error::usage(format!("at most {told} boxes")))
}

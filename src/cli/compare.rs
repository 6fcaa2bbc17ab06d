//! `mexplore compare`

use super::args::{self, CompareArgs};
use super::{Answer, bars, output};
use crate::compare::{CompareOptions, Comparison, Samples, compare, count_of, usual_samples};
use crate::error::{Error, Result};
use crate::quantize::Calibration;
use crate::report::compare as report;

/// Samples beside the model that are taken where nobody gave inputs.
const USUAL_SAMPLES: usize = 64;

pub fn execute(args: &CompareArgs) -> Result<Answer> {
    let a = args::open(&args.a, None)?;
    let b = args::open(&args.b, None)?;
    let samples = match &args.inputs {
        Some(path) => {
            let read = Calibration::read(path, &a, None)?;
            Samples {
                from: count_of(read.samples.len(), &path.display().to_string()),
                inputs: read.samples,
            }
        }
        None => usual_samples(&a, USUAL_SAMPLES),
    };
    let options = CompareOptions {
        inputs: samples.inputs,
        runs: args.runs,
        threads: args.threads,
        per_layer: args.per_layer,
    };
    let comparison = bars::with_bar(|progress| compare(&a, &b, &options, progress))?;
    if args.json {
        output::json(&report::json(&a, &b, &samples.from, &comparison))?;
    } else if args.markdown {
        output::text(&report::markdown(&a, &b, &samples.from, &comparison))?;
    } else {
        let text = report::text(&a, &b, &samples.from, &comparison, output::style());
        output::text(&text)?;
    }
    match args.tolerance {
        Some(tolerance) => judge(&comparison, tolerance),
        None => Ok(Answer::Yes),
    }
}

/// No where an output is further apart than `tolerance`; an error where there is none to judge.
fn judge(comparison: &Comparison, tolerance: f64) -> Result<Answer> {
    if comparison.outputs.is_empty() {
        let why = comparison.notes.join("; ");
        return Err(Error::unsupported(format!(
            "there are no outputs to hold against the tolerance: {why}"
        )));
    }
    let past = |d: f64| d.is_nan() || d > tolerance;
    Ok(if comparison.outputs.iter().any(|o| past(o.max_abs)) {
        Answer::No
    } else {
        Answer::Yes
    })
}

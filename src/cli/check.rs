//! `mexplore verify` and `mexplore scan`

use super::args::ReportArgs;
use super::{Answer, bars, output};
use crate::analysis::{Severity, Usage, checksums, health, weights_health};
use crate::error::Result;
use crate::report::check as report;
use crate::sort;

/// Whether the file is as it was written. No where it is damaged.
pub fn verify(args: &ReportArgs) -> Result<Answer> {
    let model = args.model.open()?;
    let checks = bars::with_bar(|progress| checksums(&model, progress))?;
    if args.json {
        output::json(&report::verify_json(&model, &checks))?;
    } else {
        output::text(&report::verify_text(&model, &checks, output::style()))?;
    }
    let damaged = !model.warnings.is_empty() || checks.iter().any(|c| c.is_damage());
    Ok(if damaged { Answer::No } else { Answer::Yes })
}

/// Whether something in the model asks for attention. No where something is wrong.
pub fn scan(args: &ReportArgs) -> Result<Answer> {
    let model = args.model.open()?;
    let usage = Usage::of(&model);
    let mut findings = health(&model, &usage);
    findings.extend(bars::with_bar(|progress| {
        weights_health(&model, &usage, progress)
    })?);
    sort::by_key(&mut findings, |f| std::cmp::Reverse(f.severity));
    if args.json {
        output::json(&report::scan_json(&findings))?;
    } else {
        output::text(&report::scan_text(&findings, output::style()))?;
    }
    let wrong = findings.iter().any(|f| f.severity == Severity::Bad);
    Ok(if wrong { Answer::No } else { Answer::Yes })
}

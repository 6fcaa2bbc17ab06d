//! Findings about a model's health, and whether its files are as they were written.

use std::fmt::Write;

use serde_json::{Value as Json, json};

use super::{Style, human};
use crate::analysis::{self, Check, Finding, Kind, Severity};
use crate::model::{Model, visible};

/// What is found, with what it would spare.
pub fn sentence(finding: &Finding) -> String {
    match finding.spare_bytes {
        Some(bytes) => format!("{}; {} could go", finding.text, human::bytes(bytes)),
        None => finding.text.clone(),
    }
}

/// A finding a line, what to do below it.
pub fn findings_text(findings: &[Finding], style: Style) -> String {
    let mut out = String::new();
    for finding in findings {
        let mark = match finding.severity {
            Severity::Fine => "✔".to_owned(),
            Severity::Note => "!".to_owned(),
            Severity::Bad => style.bad("✘"),
        };
        let _ = writeln!(out, "  {mark} {}", visible(&sentence(finding)));
        if !finding.advice.is_empty() {
            let _ = writeln!(out, "    {}", style.faint(&format!("→ {}", finding.advice)));
        }
    }
    out
}

/// Places named below an unsafe operator.
const PLACES: usize = 20;

/// What `scan` says: every finding, each unsafe operator with all its places, and the list that was used.
pub fn scan_text(findings: &[Finding], style: Style) -> String {
    let mut out = String::new();
    for finding in findings {
        out.push_str(&findings_text(std::slice::from_ref(finding), style));
        if finding.kind != Kind::UnsafeOperator || finding.spots.len() < 2 {
            continue;
        }
        for spot in finding.spots.iter().take(PLACES) {
            let graph = spot.graph.as_deref().unwrap_or("the main graph");
            let run_by = match spot.run_by.is_empty() {
                true => String::new(),
                false => format!(", run by {}", spot.run_by.join(", ")),
            };
            let place = format!("{} in {graph}{run_by}", spot.name);
            let _ = writeln!(out, "      {}", visible(&place));
        }
        let more = finding.spots.len().saturating_sub(PLACES);
        if more > 0 {
            let _ = writeln!(out, "      … {more} more; --json has all");
        }
    }
    let _ = writeln!(
        out,
        "{}",
        style.faint(&format!("  unsafe operators by {}", analysis::UNSAFE_LIST))
    );
    out
}

pub fn scan_json(findings: &[Finding]) -> Json {
    json!({ "unsafe_list": analysis::UNSAFE_LIST, "findings": findings })
}

fn word(check: Check) -> String {
    match check {
        Check::Good => "good".to_owned(),
        Check::Bad { found } => format!("another checksum: {found:08x}"),
        Check::Missing => "missing or cut short".to_owned(),
        Check::None => "no checksum".to_owned(),
    }
}

pub fn verify_text(model: &Model, checks: &[Check], style: Style) -> String {
    let mut out = String::new();
    for (variable, check) in model
        .variables
        .iter()
        .zip(checks)
        .filter(|(_, c)| c.is_damage())
    {
        let place = match variable.slices.len() {
            0 => format!("shard {} at {}", variable.shard, variable.offset),
            n => format!("{n} slices"),
        };
        let _ = writeln!(
            out,
            "  {} {} ({place}): {}",
            style.bad("✘"),
            visible(&variable.name),
            word(*check)
        );
    }
    for warning in &model.warnings {
        let warning = warning.to_string();
        let _ = writeln!(out, "  {} {}", style.bad("✘"), visible(&warning));
    }
    let good = checks.iter().filter(|c| matches!(c, Check::Good)).count();
    let _ = match checks.len() {
        0 => writeln!(
            out,
            "  {} {} opened; it has no checksums",
            if model.warnings.is_empty() {
                "✔"
            } else {
                "!"
            },
            visible(&model.name)
        ),
        n => writeln!(out, "  {good} of {n} checksums good"),
    };
    out
}

pub fn verify_json(model: &Model, checks: &[Check]) -> Json {
    let variables: Vec<Json> = model
        .variables
        .iter()
        .zip(checks)
        .map(|(v, check)| json!({ "name": &*v.key, "damaged": check.is_damage(), "check": word(*check) }))
        .collect();
    let warnings: Vec<String> = model.warnings.iter().map(ToString::to_string).collect();
    json!({ "variables": variables, "warnings": warnings })
}

//! Findings about a model's health, and whether its files are as they were written.

use std::fmt::Write;

use serde_json::{Value as Json, json};

use super::Style;
use crate::analysis::{Check, Finding, Severity};
use crate::model::Model;

/// One finding a line.
pub fn findings_text(findings: &[Finding], style: Style) -> String {
    let mut out = String::new();
    for finding in findings {
        let mark = match finding.severity {
            Severity::Fine => "✔".to_owned(),
            Severity::Note => "!".to_owned(),
            Severity::Bad => style.bad("✘"),
        };
        let _ = writeln!(out, "  {mark} {}", finding.text);
    }
    out
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
        let place = format!("shard {} at {}", variable.shard, variable.offset);
        let _ = writeln!(
            out,
            "  {} {} ({place}): {}",
            style.bad("✘"),
            variable.name,
            word(*check)
        );
    }
    for warning in &model.warnings {
        let _ = writeln!(out, "  {} {warning}", style.bad("✘"));
    }
    let good = checks.iter().filter(|c| matches!(c, Check::Good)).count();
    let _ = match checks.len() {
        0 => writeln!(out, "  ✔ {} opened; it has no checksums", model.name),
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

//! What a conversion did, or what stands in its way.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Value as Json, json};

use super::table::{Align, Table};
use super::{Style, human};
use crate::convert::{ConvertReport, Fate, Placement};
use crate::model::visible;

pub fn json(path: &Path, report: &ConvertReport) -> Json {
    let mut json = json!(report);
    if let Json::Object(fields) = &mut json {
        fields.insert("output".into(), json!(path.to_string_lossy()));
    }
    json
}

pub fn text(path: &Path, report: &ConvertReport, style: Style) -> String {
    let mut out = format!("{}\n", style.heading(&path.display().to_string()));
    let mut sizes = Table::new(&[
        ("", Align::Left),
        ("before", Align::Right),
        ("after", Align::Right),
        ("", Align::Right),
    ]);
    sizes.row([
        "bytes".to_owned(),
        human::bytes(report.bytes_before),
        human::bytes(report.bytes_after),
        human::change(report.bytes_before as f64, report.bytes_after as f64),
    ]);
    sizes.row([
        "operators".to_owned(),
        human::exact(report.operators_before as u64),
        human::exact(report.operators_after as u64),
        human::change(
            report.operators_before as f64,
            report.operators_after as f64,
        ),
    ]);
    out.push_str(&sizes.text(style));
    let mut passes = Table::new(&[("pass", Align::Left), ("changes", Align::Right)]);
    for pass in report.passes.iter().filter(|p| p.changes > 0) {
        passes.row([pass.name.to_owned(), human::exact(pass.changes as u64)]);
    }
    if !passes.is_empty() {
        let _ = write!(out, "\n{}", passes.text(style));
    }
    let mut quantized = Table::new(&[
        ("quantized", Align::Left),
        ("", Align::Right),
        ("now", Align::Left),
    ]);
    for treated in &report.quantized {
        quantized.row([
            treated.op.clone(),
            human::exact(treated.count as u64),
            treated.form.clone(),
        ]);
    }
    if !quantized.is_empty() {
        let _ = write!(out, "\n{}", quantized.text(style));
    }
    for note in &report.notes {
        let _ = writeln!(out, "  ! {}", visible(note));
    }
    out
}

/// Every node with what becomes of it, and those that stand in the way once more.
pub fn preflight_json(placements: &[Placement]) -> Json {
    let blockers: Vec<_> = placements
        .iter()
        .filter(|p| p.becomes == Fate::Blocked)
        .collect();
    json!({ "blockers": blockers, "nodes": placements })
}

/// How many nodes become what, and by name those that become no builtin operator.
pub fn preflight_text(placements: &[Placement], style: Style) -> String {
    let rest: Vec<_> = placements
        .iter()
        .filter(|p| p.becomes != Fate::Builtin)
        .collect();
    let mut out = String::new();
    if !rest.iter().any(|p| p.becomes == Fate::Blocked) {
        out.push_str("nothing stands in the way\n");
    }
    if rest.is_empty() {
        return out;
    }
    let builtin = placements.len() - rest.len();
    let counted = std::iter::once(format!("{} builtin", human::exact(builtin as u64)));
    let counted = counted.chain(
        [Fate::Flex, Fate::Custom, Fate::Blocked]
            .into_iter()
            .filter_map(|fate| {
                let count = rest.iter().filter(|p| p.becomes == fate).count() as u64;
                (count > 0).then(|| format!("{} {}", human::exact(count), fate_name(fate)))
            }),
    );
    let _ = writeln!(out, "{}", counted.collect::<Vec<_>>().join(", "));
    let mut table = Table::new(&[
        ("operator", Align::Left),
        ("becomes", Align::Left),
        ("node", Align::Left),
        ("function", Align::Left),
        ("why", Align::Left),
    ]);
    for p in rest {
        let helps = match p.could_be {
            Some(Fate::Flex) => " (--allow-flex carries it)",
            Some(_) => " (--allow-custom writes it)",
            None => "",
        };
        table.row([
            p.op.clone(),
            fate_name(p.becomes).to_owned(),
            human::tail(&p.node, 48),
            human::tail(&p.function, 32),
            format!("{}{helps}", p.reason),
        ]);
    }
    out.push_str(&table.text(style));
    out
}

fn fate_name(fate: Fate) -> &'static str {
    match fate {
        Fate::Builtin => "builtin",
        Fate::Flex => "Flex",
        Fate::Custom => "custom",
        Fate::Blocked => "blocked",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::convert::PassReport;
    use crate::quantize::Treated;

    #[test]
    fn says_what_became_smaller() {
        let report = ConvertReport {
            bytes_before: 412_000,
            bytes_after: 104_000,
            operators_before: 214,
            operators_after: 12,
            passes: vec![
                PassReport {
                    name: "fold-batch-norm",
                    changes: 3,
                },
                PassReport {
                    name: "fuse-bias",
                    changes: 0,
                },
            ],
            quantized: vec![Treated {
                op: "CONV_2D".into(),
                form: "int4 weights".into(),
                count: 3,
            }],
            custom: BTreeMap::new(),
            notes: vec!["softmax stays in float".into()],
        };
        insta::assert_snapshot!(text(Path::new("out.tflite"), &report, Style::PLAIN), @r"
        out.tflite
                     before   after
          bytes      412 KB  104 KB  −74.8 %
          operators     214      12  −94.4 %

          pass             changes
          fold-batch-norm        3

          quantized     now
          CONV_2D    3  int4 weights
          ! softmax stays in float
        ");
    }
}

//! `show` for people: the whole model on one screen.

use std::fmt::Write;

use super::check::findings_text;
use super::table::{Align, Table};
use super::{Style, human, signatures};
use crate::analysis::{self, Usage};
use crate::model::{Details, Fingerprint, GraphKind, MetaGraph, Model};

/// Parts of the model that are named under "where the bytes are".
const PARTS: usize = 8;
/// Operators that are named.
const OPERATORS: usize = 8;
/// Signatures that are written out.
const SIGNATURE_LINES: usize = 40;

pub fn text(model: &Model, style: Style) -> String {
    let mut out = format!(
        "{}  {} · {}\n",
        style.heading(&model.name),
        kind(model),
        human::bytes(model.total_bytes())
    );
    let usage = Usage::of(model);
    out.push_str(&about(model, &usage).text(style));
    let signatures = signatures::brief(model, style);
    section(
        &mut out,
        style,
        "Signatures",
        &clipped(&indented(&signatures), SIGNATURE_LINES),
    );
    section(
        &mut out,
        style,
        "Where the bytes are",
        &parts(model).text(style),
    );
    let rows = analysis::tensors(model);
    let groups = [
        ("By dtype", analysis::by_dtype(&rows)),
        ("By layer", analysis::by_scope(&rows)),
        ("By operator", analysis::by_operator(&rows, &usage)),
    ];
    for (title, groups) in groups {
        section(&mut out, style, title, &grouped(&groups, model).text(style));
    }
    section(&mut out, style, "Operators", &operators(model).text(style));
    section(
        &mut out,
        style,
        "Health",
        &findings_text(&analysis::health(model, &usage), style),
    );
    out
}

fn section(out: &mut String, style: Style, title: &str, body: &str) {
    if !body.is_empty() {
        let _ = write!(out, "\n{}\n{body}", style.heading(title));
    }
}

fn indented(text: &str) -> String {
    let indented = |line: &str| match line.is_empty() {
        true => "\n".to_owned(),
        false => format!("  {line}\n"),
    };
    text.lines().map(indented).collect()
}

fn clipped(text: &str, lines: usize) -> String {
    let more = text.lines().count().saturating_sub(lines);
    let mut kept: String = text.lines().take(lines).flat_map(|l| [l, "\n"]).collect();
    if more > 0 {
        let _ = writeln!(kept, "  … {more} more lines; see mexplore signatures");
    }
    kept
}

/// `SavedModel · TensorFlow 2.21.0`, `TFLite schema 3`.
pub fn kind(model: &Model) -> String {
    match &model.details {
        Details::SavedModel(_) => match model.meta_graphs.first() {
            Some(m) if !m.tensorflow_version.is_empty() => {
                format!("SavedModel · TensorFlow {}", m.tensorflow_version)
            }
            _ => "SavedModel".to_owned(),
        },
        Details::Tflite(details) => format!("TFLite schema {}", details.schema_version),
    }
}

fn about(model: &Model, usage: &Usage) -> Table {
    let mut table = Table::new(&[("", Align::Left); 2]);
    let mut line = |name: &str, text: String| table.row([name.to_owned(), text]);
    if model.format == crate::model::Format::SavedModel {
        let tags: Vec<_> = model.meta_graphs.iter().map(tags).collect();
        line("tags", tags.join("; "));
    }
    if let Details::Tflite(details) = &model.details {
        if !details.description.is_empty() {
            line("description", details.description.clone());
        }
        if let Some(version) = &details.min_runtime_version {
            line("needs runtime", version.clone());
        }
    }
    let parameters = analysis::parameters(model, usage);
    let mut counted = human::exact(parameters.total);
    if let Some(n) = parameters.trainable {
        counted += &format!("   trainable {}", human::exact(n));
    }
    if parameters.unserved > 0 {
        counted += &format!("   not served {}", human::exact(parameters.unserved));
    }
    line("parameters", counted);
    if let Some(cost) = super::cost(model) {
        line("cost", super::cost_line(&cost));
    }
    for meta_graph in &model.meta_graphs {
        let tags = match model.meta_graphs.len() {
            1 => String::new(),
            _ => format!("   tags {}", tags(meta_graph)),
        };
        line("operators", operator_line(meta_graph) + &tags);
    }
    if !model.shards.is_empty() {
        let variables = format!("{} in {} shards", model.variables.len(), model.shards.len());
        line("variables", variables.replace("in 1 shards", "in 1 shard"));
    }
    if let Details::SavedModel(details) = &model.details
        && let Some(fingerprint) = &details.fingerprint
    {
        line("fingerprint", fingerprint_line(fingerprint));
    }
    if model.versions.len() > 1 {
        let versions: Vec<String> = model
            .versions
            .iter()
            .map(|&v| {
                if model.version == Some(v) {
                    format!("● {v}")
                } else {
                    v.to_string()
                }
            })
            .collect();
        line("versions", versions.join("  "));
    }
    table
}

/// The hash of the graph and what tells this export from any other.
fn fingerprint_line(fingerprint: &Fingerprint) -> String {
    match fingerprint.uuid.as_str() {
        "" => format!("graph {:x}", fingerprint.graph_hash),
        uuid => format!("graph {:x}, export {uuid}", fingerprint.graph_hash),
    }
}

/// `31 in the graph, 214 in 9 functions`; `12 in 1 subgraph`.
pub fn operator_line(meta_graph: &crate::model::MetaGraph) -> String {
    let of = |kind: GraphKind| {
        let graphs = || meta_graph.graphs.iter().filter(move |g| g.kind == kind);
        (
            graphs().count(),
            graphs().map(|g| g.nodes.len()).sum::<usize>(),
        )
    };
    let plural = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let (subgraphs, operators) = of(GraphKind::Subgraph);
    if subgraphs > 0 {
        return format!("{operators} in {}", plural(subgraphs, "subgraph"));
    }
    let (functions, inner) = of(GraphKind::Function);
    let (_, main) = of(GraphKind::Main);
    match functions {
        0 => format!("{main} in the graph"),
        n => format!("{main} in the graph, {inner} in {}", plural(n, "function")),
    }
}

fn parts(model: &Model) -> Table {
    let mut table = Table::new(&[
        ("", Align::Left),
        ("", Align::Left),
        ("", Align::Right),
        ("", Align::Right),
    ]);
    let entries = analysis::where_bytes(model);
    let mut add = |name: String, bytes: u64, share: f64| {
        table.row([
            name,
            human::bar(share, 20),
            human::bytes(bytes),
            human::percent(share),
        ]);
    };
    for entry in entries.iter().take(PARTS) {
        add(human::tail(&entry.name, 48), entry.bytes, entry.share);
    }
    let rest = entries.get(PARTS..).unwrap_or_default();
    if !rest.is_empty() {
        let bytes = rest.iter().map(|e| e.bytes).sum();
        add(
            format!("… {} more", rest.len()),
            bytes,
            rest.iter().map(|e| e.share).sum(),
        );
    }
    table
}

/// Tensors that have something in common, the largest groups by name.
fn grouped(groups: &[analysis::Group], model: &Model) -> Table {
    let mut table = Table::new(&[
        ("", Align::Left),
        ("", Align::Right),
        ("", Align::Right),
        ("", Align::Right),
    ]);
    let total = analysis::whole_bytes(model).max(1) as f64;
    let mut add = |name: String, elements: u64, bytes: u64| {
        table.row([
            name,
            match elements {
                1 => "1 value".to_owned(),
                n => format!("{} values", human::count(n)),
            },
            human::bytes(bytes),
            human::percent(bytes as f64 / total),
        ]);
    };
    for group in groups.iter().take(PARTS) {
        let name = match group.name.as_str() {
            "–" => "taken by nothing that is served".to_owned(),
            name => human::tail(name, 48),
        };
        add(name, group.elements, group.bytes);
    }
    let rest = groups.get(PARTS..).unwrap_or_default();
    if !rest.is_empty() {
        let elements = rest.iter().map(|g| g.elements).sum();
        let bytes = rest.iter().map(|g| g.bytes).sum();
        add(format!("… {} more", rest.len()), elements, bytes);
    }
    table
}

/// The line for operators that are not named.
pub(super) fn more_kinds(n: usize) -> String {
    match n {
        1 => "… 1 more kind".to_owned(),
        n => format!("… {n} more kinds"),
    }
}

/// `gpu,serve`.
fn tags(meta_graph: &MetaGraph) -> String {
    match meta_graph.tags.is_empty() {
        true => "none".to_owned(),
        false => meta_graph.tags.join(","),
    }
}

fn operators(model: &Model) -> Table {
    let mut table = Table::new(&[("", Align::Left), ("", Align::Right)]);
    for meta_graph in &model.meta_graphs {
        if model.meta_graphs.len() > 1 {
            table.row([format!("tags {}", tags(meta_graph)), String::new()]);
        }
        let ranked = analysis::all_op_counts(meta_graph).ranked();
        for (op, n) in ranked.iter().take(OPERATORS) {
            table.row([op.to_string(), human::exact(*n as u64)]);
        }
        let rest = ranked.get(OPERATORS..).unwrap_or_default();
        if !rest.is_empty() {
            let sum: usize = rest.iter().map(|(_, n)| n).sum();
            table.row([more_kinds(rest.len()), human::exact(sum as u64)]);
        }
    }
    table
}

//! The facts of the first box: who made the model, how much it holds, what a call costs.

use super::{Summary, View};
use crate::model::{Details, GraphKind, MetaGraph, Model};
use crate::tui::term::width;
use crate::tui::text;
use crate::tui::theme::Theme;
use crate::tui::widgets::facts::Facts;

/// Columns of the longest word.
const WORDS: usize = 12;

/// The facts of the first box.
pub(super) fn about(
    view: &View,
    meta: Option<&MetaGraph>,
    summary: Option<&Summary>,
    cost: Option<String>,
    wide: usize,
) -> Facts {
    let (model, theme) = (view.model, view.theme);
    let mut facts = Facts::new(WORDS);
    let room = wide.saturating_sub(WORDS + 1);
    add_origin(&mut facts, model, meta, room, theme);
    let files = model.files.len();
    let size = text::bytes(model.total_bytes());
    facts.add(
        theme,
        "size",
        match files {
            1 => size,
            _ => text::fitting([format!("{size} in {files} files"), size], room),
        },
    );
    if let Some(summary) = summary {
        let parameters = summary.parameters;
        let counted = |count: fn(u64) -> String| {
            let mut counted = count(parameters.total);
            if let Some(n) = parameters.trainable {
                counted += &format!("   trainable {}", count(n));
            }
            if parameters.unserved > 0 {
                counted += &format!("   not served {}", count(parameters.unserved));
            }
            counted
        };
        let wordings = [counted(text::count), counted(text::short)];
        match wordings.into_iter().find(|words| width(words) <= room) {
            Some(all) => facts.add(theme, "parameters", all),
            None => {
                facts.add(theme, "parameters", text::count(parameters.total));
                if let Some(n) = parameters.trainable {
                    facts.add(theme, "trainable", text::count(n));
                }
                if parameters.unserved > 0 {
                    facts.add(theme, "not served", text::count(parameters.unserved));
                }
            }
        }
    }
    if let Some(cost) = cost {
        facts.add(theme, "cost", cost);
    }
    if let Some(meta) = meta {
        facts.add(theme, "operators", operators(meta, room));
    }
    add_contents(&mut facts, model, theme);
    facts
}

/// Who made it, and for whom.
fn add_origin(
    facts: &mut Facts,
    model: &Model,
    meta: Option<&MetaGraph>,
    room: usize,
    theme: &Theme,
) {
    if let Some(meta) = meta {
        if !meta.tags.is_empty() {
            let more = match model.meta_graphs.len() - 1 {
                0 => String::new(),
                more => format!("   and {more} more"),
            };
            facts.add(theme, "tags", meta.tags.join(", ") + &more);
        }
        if !meta.tensorflow_version.is_empty() {
            let (version, producer) = (&meta.tensorflow_version, meta.producer);
            let maker = format!("TensorFlow {version}");
            // A .tflite names no producer.
            let whole = match producer {
                0 => maker.clone(),
                _ => format!("{maker}, producer {producer}"),
            };
            facts.add(
                theme,
                "made by",
                text::fitting([whole, maker, format!("TF {version}")], room),
            );
        }
    }
    if let Details::Tflite(details) = &model.details {
        let version = format!("version {}", details.schema_version);
        facts.add(theme, "schema", version);
        if !details.description.is_empty() {
            facts.add(theme, "described", details.description.clone());
        }
        if let Some(version) = &details.min_runtime_version {
            let least = format!("runtime {version}");
            let whole = format!("{least} or later");
            facts.add(theme, "needs", text::fitting([whole, least], room));
        }
    }
}

/// What lies in and beside it.
fn add_contents(facts: &mut Facts, model: &Model, theme: &Theme) {
    if !model.variables.is_empty() {
        let shards = match model.shards.len() {
            1 => "1 shard".to_owned(),
            n => format!("{n} shards"),
        };
        let variables = format!("{} in {shards}", model.variables.len());
        facts.add(theme, "variables", variables);
    }
    if !model.attachments.is_empty() {
        let names: Vec<_> = model.attachments.iter().map(|a| a.name.as_str()).collect();
        facts.add(theme, "files", names.join(", "));
    }
    if model.versions.len() > 1 {
        let name = |v: &u64| match Some(*v) == model.version {
            true => format!("● {v}"),
            false => v.to_string(),
        };
        let all: Vec<_> = model.versions.iter().map(name).collect();
        facts.add(theme, "versions", all.join("  "));
    }
}

/// `31 in the graph, 214 in 9 functions`, or in fewer words where these need more than `room` columns.
fn operators(meta: &MetaGraph, room: usize) -> String {
    let (mut own, mut inner, mut functions, mut subgraphs) = (0, 0, 0, 0);
    for graph in &meta.graphs {
        match graph.kind {
            GraphKind::Function => {
                inner += graph.nodes.len();
                functions += 1;
            }
            GraphKind::Main | GraphKind::Subgraph => {
                own += graph.nodes.len();
                subgraphs += 1;
            }
        }
    }
    match (functions, subgraphs) {
        (0, 0 | 1) => text::count(own as u64),
        (0, n) => format!("{} in {n} subgraphs", text::count(own as u64)),
        (n, _) => {
            let graphs = functions + subgraphs;
            let all = text::count((own + inner) as u64);
            let (own, inner) = (text::count(own as u64), text::count(inner as u64));
            let plural = if n == 1 { "" } else { "s" };
            let wordings = [
                format!("{own} in the graph, {inner} in {n} function{plural}"),
                format!("{own} and {inner} in {n} function{plural}"),
                format!("{all} in {graphs} graphs"),
            ];
            text::fitting(wordings, room)
        }
    }
}

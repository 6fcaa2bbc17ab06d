//! Files that travel with a model.

use serde_json::{Value as Json, json};

use super::table::{Align, Table};
use super::{Style, human};
use crate::model::Model;

pub fn json(model: &Model) -> Json {
    let files: Vec<Json> = model
        .attachments
        .iter()
        .map(|a| json!({ "file": a.name, "bytes": a.bytes, "tensors": tensors(model, &a.name) }))
        .collect();
    let metadata: Vec<Json> = model
        .metadata
        .iter()
        .map(|m| json!({ "name": m.name, "bytes": m.data.len(), "decoded": m.decoded }))
        .collect();
    json!({ "assets": files, "metadata": metadata })
}

/// The tensors that get the path of this file.
fn tensors(model: &Model, file: &str) -> Vec<String> {
    let all = model.meta_graphs.iter().flat_map(|m| &m.assets);
    let mut tensors: Vec<String> = Vec::new();
    // Several MetaGraphs name the same, and TensorFlow 1 lists an asset once for each MetaGraph before.
    for asset in all.filter(|a| a.file == file) {
        if !tensors.contains(&asset.tensor) {
            tensors.push(asset.tensor.clone());
        }
    }
    tensors
}

/// How many lines a file of text has; `None` of other files and of empty ones.
fn lines(data: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(data).ok()?;
    let is_text = !text.contains(|c: char| c.is_control() && !c.is_whitespace());
    match text.lines().count() {
        0 => None,
        _ if !is_text => None,
        1 => Some("1 line".to_owned()),
        n => Some(format!("{n} lines")),
    }
}

pub fn text(model: &Model, style: Style) -> String {
    let columns = [
        ("file", Align::Left),
        ("bytes", Align::Right),
        ("", Align::Left),
    ];
    let mut files = Table::new(&columns);
    for a in &model.attachments {
        let mut what: Vec<String> = lines(&a.data).into_iter().collect();
        what.extend(tensors(model, &a.name));
        files.row([a.name.clone(), human::bytes(a.bytes), what.join(", ")]);
    }
    let mut metadata = Table::new(&[
        ("metadata", Align::Left),
        ("bytes", Align::Right),
        ("", Align::Left),
    ]);
    for m in &model.metadata {
        let decoded = m.decoded.as_deref().unwrap_or_default();
        let words: Vec<&str> = decoded.split_whitespace().take(40).collect();
        let short: String = words.join(" ").chars().take(60).collect();
        metadata.row([m.name.clone(), human::bytes(m.data.len() as u64), short]);
    }
    let tables: Vec<String> = [files, metadata]
        .iter()
        .filter(|t| !t.is_empty())
        .map(|t| t.text(style))
        .collect();
    match tables.is_empty() {
        true => "no assets\n".to_owned(),
        false => tables.join("\n"),
    }
}

//! Stored tensors by size, and variables with their places in the shards.

use serde_json::{Value as Json, json};

use super::table::{Align, Table};
use super::{Style, facts, human, structure};
use crate::analysis::{self, Place, TensorRow, Usage};
use crate::model::{Model, Value, VariableRole, VariableSlice};

/// Cells that a name may take in a table.
const NAME: usize = 60;

pub fn tensors_json(model: &Model) -> Json {
    let rows = analysis::tensors(model);
    let list: Vec<Json> = rows
        .iter()
        .map(|row| {
            let mut json = json!({
                "name": &*row.name, "dtype": row.dtype.to_string(), "shape": facts::shape(&row.shape),
                "bytes": row.bytes, "share": row.share, "kind": row.place.kind(), "graph": graph_name(model, row),
                "shared": row.shared, "quantization": row.quantization, "sparse": row.sparse,
            });
            // The fields of the file, where there is more to say.
            if let Some(value) = constant(model, row) {
                if let Some(q) = &value.quantization {
                    json["quantization_parameters"] = structure::quantization(q);
                }
                if let Some(sparsity) = value.sparsity() {
                    json["sparsity"] = structure::sparsity(sparsity);
                }
                if value.external_buffer != 0 {
                    json["external_buffer"] = json!(value.external_buffer);
                }
            }
            json
        })
        .collect();
    json!({
        "tensors": list,
        "by_dtype": analysis::by_dtype(&rows),
        "by_scope": analysis::by_scope(&rows),
        "by_operator": analysis::by_operator(&rows, &Usage::of(model)),
    })
}

/// The value behind a row, if it is a constant of a graph.
fn constant<'m>(model: &'m Model, row: &TensorRow) -> Option<&'m Value> {
    match row.place {
        Place::Constant {
            meta_graph,
            graph,
            value,
        } => {
            let graph = model.meta_graphs.get(meta_graph)?.graphs.get(graph)?;
            graph.values.get(value.index())
        }
        _ => None,
    }
}

fn graph_name(model: &Model, row: &TensorRow) -> Option<String> {
    match row.place {
        Place::Constant {
            meta_graph, graph, ..
        } => {
            let graph = model.meta_graphs.get(meta_graph)?.graphs.get(graph)?;
            Some(graph.name.to_string())
        }
        _ => None,
    }
}

pub fn tensors_text(model: &Model, style: Style) -> String {
    let rows = analysis::tensors(model);
    let mut table = Table::new(&[
        ("name", Align::Left),
        ("dtype", Align::Left),
        ("shape", Align::Left),
        ("bytes", Align::Right),
        ("share", Align::Right),
        ("where", Align::Left),
        ("quantized", Align::Left),
    ]);
    for row in &rows {
        table.row([
            human::tail(&row.name, NAME),
            row.dtype.to_string(),
            row.shape.to_string(),
            if row.shared {
                "shared".to_owned()
            } else {
                human::bytes(row.bytes)
            },
            human::percent(row.share),
            match row.sparse {
                true => format!("{}, sparse", row.place.kind()),
                false => row.place.kind().to_owned(),
            },
            row.quantization.clone().unwrap_or_default(),
        ]);
    }
    if table.is_empty() {
        return "no stored tensors\n".to_owned();
    }
    let mut groups = Table::new(&[
        ("dtype", Align::Left),
        ("tensors", Align::Right),
        ("elements", Align::Right),
        ("bytes", Align::Right),
    ]);
    for group in analysis::by_dtype(&rows) {
        groups.row([
            group.name,
            human::exact(group.tensors as u64),
            human::exact(group.elements),
            human::bytes(group.bytes),
        ]);
    }
    format!("{}\n{}", table.text(style), groups.text(style))
}

pub fn variables_json(model: &Model) -> Json {
    let list: Vec<Json> = model
        .variables
        .iter()
        .map(|v| {
            let owners: Vec<&str> = v.owners.iter().map(|o| &**o).collect();
            let slices: Vec<Json> = v
                .slices
                .iter()
                .map(|s| json!({ "shard": s.shard, "offset": s.offset, "bytes": s.bytes }))
                .collect();
            json!({
                "key": &*v.key, "name": &*v.name, "dtype": v.dtype.to_string(), "shape": facts::shape(&v.shape),
                "shard": v.shard, "offset": v.offset, "bytes": v.bytes, "crc32c": v.crc32c,
                "slices": slices.len(), "slice_places": slices, "role": role(v.role), "trainable": v.trainable, "owners": owners,
            })
        })
        .collect();
    let shards: Vec<Json> = model
        .shards
        .iter()
        .map(|s| json!({ "file": s.file, "bytes": s.bytes }))
        .collect();
    json!({ "shards": shards, "variables": list })
}

/// `0..4×0..8`: which part of the whole a slice is.
fn extents(slice: &VariableSlice) -> String {
    let each = slice.extents.iter();
    let each = each.map(|&(start, length)| format!("{start}..{}", start.saturating_add(length)));
    each.collect::<Vec<_>>().join("×")
}

fn role(role: VariableRole) -> &'static str {
    match role {
        VariableRole::Weight => "weight",
        VariableRole::Table => "table",
        VariableRole::Optimizer => "optimizer",
        VariableRole::Bookkeeping => "bookkeeping",
        VariableRole::Orphan => "orphan",
    }
}

pub fn variables_text(model: &Model, style: Style) -> String {
    let mut table = Table::new(&[
        ("name", Align::Left),
        ("dtype", Align::Left),
        ("shape", Align::Left),
        ("bytes", Align::Right),
        ("shard", Align::Right),
        ("offset", Align::Right),
        ("role", Align::Left),
        ("owner", Align::Left),
    ]);
    for v in &model.variables {
        let role = match (v.role, v.trainable) {
            (VariableRole::Weight, Some(false)) => "frozen weight",
            (other, _) => role(other),
        };
        let (shard, offset) = match v.slices.len() {
            0 => (v.shard.to_string(), human::exact(v.offset)),
            n => (String::new(), format!("{n} slices")),
        };
        let owner = v.owners.first().map_or("", |o| &**o);
        let more = match v.owners.len() {
            0 | 1 => String::new(),
            n => format!(" +{}", n - 1),
        };
        table.row([
            human::tail(&v.name, NAME),
            v.dtype.to_string(),
            v.shape.to_string(),
            human::bytes(v.bytes),
            shard,
            offset,
            role.to_owned(),
            format!("{}{more}", human::tail(owner, NAME)),
        ]);
        for (at, slice) in v.slices.iter().enumerate() {
            table.row([
                format!("  slice {at}"),
                String::new(),
                extents(slice),
                human::bytes(slice.bytes),
                slice.shard.to_string(),
                human::exact(slice.offset),
                String::new(),
                String::new(),
            ]);
        }
    }
    if table.is_empty() {
        return "no variables\n".to_owned();
    }
    let mut shards = Table::new(&[("shard", Align::Left), ("bytes", Align::Right)]);
    for shard in &model.shards {
        let bytes = shard.bytes.map_or("missing".to_owned(), human::bytes);
        shards.row([shard.file.clone(), bytes]);
    }
    format!("{}\n{}", table.text(style), shards.text(style))
}

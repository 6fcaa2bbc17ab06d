//! Operators and how often each is used.

use serde_json::{Map, Value as Json, json};

use super::table::{Align, Table};
use super::{Style, human};
use crate::analysis;
use crate::model::Model;

pub fn json(model: &Model) -> Json {
    let meta_graphs: Vec<Json> = model
        .meta_graphs
        .iter()
        .map(|m| {
            let counts = analysis::all_op_counts(m);
            let map = |counts: &std::collections::BTreeMap<crate::model::Name, usize>| -> Json {
                let map: Map<String, Json> = counts
                    .iter()
                    .map(|(op, n)| (op.to_string(), json!(n)))
                    .collect();
                Json::Object(map)
            };
            json!({
                "tags": m.tags, "ops": map(&counts.total()), "custom_ops": map(&counts.custom),
                "graph": map(&counts.graph), "functions": map(&counts.functions),
            })
        })
        .collect();
    json!({ "meta_graphs": meta_graphs })
}

pub fn text(model: &Model, style: Style) -> String {
    let mut out = String::new();
    for meta_graph in &model.meta_graphs {
        let counts = analysis::all_op_counts(meta_graph);
        let of = |n: Option<&usize>| n.map_or("–".to_owned(), |n| human::exact(*n as u64));
        let functions = !counts.functions.is_empty();
        let mut columns = vec![("operator", Align::Left), ("count", Align::Right)];
        if functions {
            columns.extend([("in graph", Align::Right), ("in functions", Align::Right)]);
        }
        let mut table = Table::new(&columns);
        for (op, n) in counts.ranked() {
            let mut row = vec![op.to_string(), human::exact(n as u64)];
            if functions {
                row.extend([of(counts.graph.get(&op)), of(counts.functions.get(&op))]);
            }
            table.row(row);
        }
        if model.meta_graphs.len() > 1 {
            out.push_str(&style.heading(&meta_graph.tags.join(",")));
            out.push('\n');
        }
        out.push_str(&table.text(style));
        for (op, n) in &counts.custom {
            out.push_str(&format!("  custom {op} ×{n}\n"));
        }
    }
    out
}

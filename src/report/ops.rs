//! Operators and how often each is used.

use serde_json::{Map, Value as Json, json};

use super::table::{Align, Table};
use super::{Style, human};
use crate::analysis::{self, Costs, SignatureCost};
use crate::model::{GraphKind, MetaGraph, Model, Name, visible};
use crate::progress::Progress;

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
            let costs = analysis::costs(model, m, &Progress::new()).unwrap_or_default();
            json!({
                "tags": m.tags, "ops": map(&counts.total()), "custom_ops": map(&counts.custom),
                "graph": map(&counts.graph), "functions": map(&counts.functions),
                "graphs": graphs(m, &costs), "signatures": signatures(m, &costs),
            })
        })
        .collect();
    json!({ "meta_graphs": meta_graphs })
}

/// Every graph with its operators, their cost, and how often each signature runs it.
fn graphs(meta_graph: &MetaGraph, costs: &Costs) -> Vec<Json> {
    let graphs = meta_graph.graphs.iter().enumerate();
    graphs
        .map(|(at, graph)| {
            let calls: Map<String, Json> = calls(meta_graph, costs, at)
                .map(|(key, n)| (key.to_string(), json!(n)))
                .collect();
            let nodes: Vec<Json> = graph
                .node_ids()
                .filter(|&id| costs.node(at, id) > 0)
                .map(|id| {
                    let node = graph.node(id);
                    json!({ "name": &*node.name, "op": node.op_label(), "macs": costs.node(at, id) })
                })
                .collect();
            let ops: Map<String, Json> = analysis::op_counts(graph)
                .iter()
                .map(|(op, n)| (op.to_string(), json!(n)))
                .collect();
            json!({
                "name": &*graph.name, "operators": graph.nodes.len(), "ops": ops,
                "macs": costs.graph(at), "calls": calls, "nodes_with_cost": nodes,
            })
        })
        .collect()
}

fn calls<'a>(
    meta_graph: &'a MetaGraph,
    costs: &'a Costs,
    graph: usize,
) -> impl Iterator<Item = (&'a Name, u64)> {
    let signatures = meta_graph.signatures.iter().zip(&costs.signatures);
    signatures.filter_map(move |(s, cost)| Some((&s.key, *cost.calls.get(&graph)?)))
}

fn signatures(meta_graph: &MetaGraph, costs: &Costs) -> Vec<Json> {
    let signatures = meta_graph.signatures.iter().zip(&costs.signatures);
    signatures
        .map(|(signature, cost)| {
            let by_op: Map<String, Json> = cost
                .by_op
                .iter()
                .map(|(op, macs)| (op.to_string(), json!(macs)))
                .collect();
            json!({
                "key": &*signature.key, "macs": cost.macs, "macs_by_op": by_op,
                "open_sizes": cost.open_sizes, "open_loops": cost.open_loops,
            })
        })
        .collect()
}

/// Of the signature that would be run, where it costs anything.
fn default_cost<'a>(meta_graph: &MetaGraph, costs: &'a Costs) -> Option<&'a SignatureCost> {
    let at = meta_graph
        .signatures
        .iter()
        .position(|s| &*s.key == "serving_default");
    costs
        .signatures
        .get(at.unwrap_or(0))
        .filter(|cost| cost.macs > 0)
}

/// What each function or subgraph holds, costs, and how often a call of the signatures runs it.
fn functions_table(meta_graph: &MetaGraph, costs: &Costs) -> Table {
    let mut table = Table::new(&[
        ("function", Align::Left),
        ("operators", Align::Right),
        ("runs", Align::Right),
        ("MAC a run", Align::Right),
        ("run by", Align::Left),
    ]);
    for (at, graph) in meta_graph.graphs.iter().enumerate() {
        if graph.kind == GraphKind::Main || meta_graph.graphs.len() < 2 {
            continue;
        }
        let runs: u64 = calls(meta_graph, costs, at).map(|(_, n)| n).sum();
        if runs == 0 {
            continue;
        }
        let by: Vec<&str> = calls(meta_graph, costs, at)
            .map(|(key, _)| &**key)
            .collect();
        table.row([
            human::tail(&graph.name, 48),
            human::exact(graph.nodes.len() as u64),
            human::exact(runs),
            number(costs.graph(at), human::count),
            by.join(", "),
        ]);
    }
    table
}

fn number(n: u64, text: fn(u64) -> String) -> String {
    match n {
        0 => "–".to_owned(),
        n => text(n),
    }
}

pub fn text(model: &Model, style: Style) -> String {
    let mut out = String::new();
    for meta_graph in &model.meta_graphs {
        let counts = analysis::all_op_counts(meta_graph);
        let of = |n: Option<&usize>| n.map_or("–".to_owned(), |n| human::exact(*n as u64));
        let costs = analysis::costs(model, meta_graph, &Progress::new()).unwrap_or_default();
        let by_op = default_cost(meta_graph, &costs).map(|c| &c.by_op);
        let functions = !counts.functions.is_empty();
        let mut columns = vec![("operator", Align::Left), ("count", Align::Right)];
        if functions {
            columns.extend([("in graph", Align::Right), ("in functions", Align::Right)]);
        }
        if by_op.is_some() {
            columns.push(("MAC", Align::Right));
        }
        let mut table = Table::new(&columns);
        for (op, n) in counts.ranked() {
            let mut row = vec![op.to_string(), human::exact(n as u64)];
            if functions {
                row.extend([of(counts.graph.get(&op)), of(counts.functions.get(&op))]);
            }
            if let Some(by_op) = by_op {
                // Custom operators are counted together and cost by their own names.
                row.push(by_op.get(&op).map_or("–".to_owned(), |n| human::count(*n)));
            }
            table.row(row);
        }
        if model.meta_graphs.len() > 1 {
            out.push_str(&style.heading(&meta_graph.tags.join(",")));
            out.push('\n');
        }
        out.push_str(&table.text(style));
        for (op, n) in &counts.custom {
            out.push_str(&format!("  custom {} ×{n}\n", visible(op)));
        }
        let functions = functions_table(meta_graph, &costs);
        if !functions.is_empty() {
            out.push('\n');
            out.push_str(&functions.text(style));
        }
        let idle = meta_graph.graphs.iter().enumerate().filter(|(at, g)| {
            g.kind != GraphKind::Main && calls(meta_graph, &costs, *at).next().is_none()
        });
        match idle.count() {
            0 => {}
            1 => out.push_str("  1 more that no signature runs\n"),
            n => out.push_str(&format!("  {n} more that no signature runs\n")),
        }
    }
    out
}

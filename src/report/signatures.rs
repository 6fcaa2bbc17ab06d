//! Signatures with their ports.

use serde_json::{Value as Json, json};

use super::table::{Align, Table};
use super::{Style, facts, objects};
use crate::model::{Callable, MetaGraph, Model, Port, Signature, visible};

pub fn json(model: &Model) -> Json {
    let all: Vec<Json> = model
        .meta_graphs
        .iter()
        .flat_map(|m| {
            m.signatures.iter().map(|s| {
                let graph = m.graphs.get(s.graph).map(|g| &*g.name);
                json!({
                    "key": &*s.key, "method": &*s.method, "tags": m.tags, "graph": graph, "implied": s.implied,
                    "inputs": facts::ports(&s.inputs), "outputs": facts::ports(&s.outputs),
                })
            })
        })
        .collect();
    let functions: Vec<Json> = model
        .meta_graphs
        .iter()
        .flat_map(|m| {
            let callables = m.objects.callables();
            let functions: Vec<Json> = callables.iter().map(|c| callable(m, c)).collect();
            functions
        })
        .collect();
    json!({ "signatures": all, "functions": functions })
}

fn callable(meta_graph: &MetaGraph, callable: &Callable) -> Json {
    let traces: Vec<Json> = meta_graph
        .objects
        .traces(callable)
        .map(objects::concrete_function)
        .collect();
    json!({ "name": callable.path, "object": callable.object, "tags": meta_graph.tags, "traces": traces })
}

/// Signatures, then the functions that a program can call.
pub fn text(model: &Model, style: Style) -> String {
    written(model, style, |_| true)
}

/// Functions only where there are no signatures.
pub fn brief(model: &Model, style: Style) -> String {
    written(model, style, |meta_graph| meta_graph.signatures.is_empty())
}

fn written(model: &Model, style: Style, functions_of: impl Fn(&MetaGraph) -> bool) -> String {
    let several = model.meta_graphs.len() > 1;
    let mut out = String::new();
    for meta_graph in &model.meta_graphs {
        for signature in &meta_graph.signatures {
            let tags = match several {
                true => format!("  tags {}", meta_graph.tags.join(",")),
                false => String::new(),
            };
            let heading = style.heading(&signature.key);
            let remark = style.faint(&format!("{}{tags}", remark(signature)));
            out.push_str(format!("{heading}  {remark}").trim_end());
            out.push('\n');
            out.push_str(&ports(signature).text(style));
        }
    }
    if out.is_empty() {
        out.push_str("no signatures\n");
    }
    for meta_graph in model.meta_graphs.iter().filter(|m| functions_of(m)) {
        let callables = meta_graph.objects.callables();
        if !callables.is_empty() {
            let heading = style.heading("functions");
            let remark = style.faint("what a program that loads the model can call");
            out.push_str(&format!("\n{heading}  {remark}\n"));
            out.push_str(&functions(meta_graph, &callables, style));
        }
    }
    out
}

/// Traces of one function that are written out.
const TRACES: usize = 4;

/// `__call__(x: float32 [?, 3], training: False)`, a line for each trace, and its results below.
fn functions(meta_graph: &MetaGraph, callables: &[Callable], style: Style) -> String {
    let mut out = String::new();
    for callable in callables {
        for trace in meta_graph.objects.traces(callable).take(TRACES) {
            let (arguments, results) = (trace.arguments_line(), trace.results_line());
            let call = format!("{}({arguments})", callable.path);
            out.push_str(&format!("  {}\n", visible(&call)));
            if !results.is_empty() {
                out.push_str(&style.faint(&format!("      → {}", visible(&results))));
                out.push('\n');
            }
        }
        let more = callable.traces.len().saturating_sub(TRACES);
        if more > 0 {
            let more = format!("      … and traced for {more} other kinds of arguments\n");
            out.push_str(&style.faint(&more));
        }
    }
    out
}

/// What the signature is, in a word: `predict` for `tensorflow/serving/predict`.
fn remark(signature: &Signature) -> &str {
    match signature.implied {
        true => "the graph's own inputs and outputs; the file names no signature",
        false => signature.short_method(),
    }
}

fn ports(signature: &Signature) -> Table {
    let mut table = Table::new(&[("", Align::Left); 5]);
    let sides = [("in", &signature.inputs), ("out", &signature.outputs)];
    for (side, port) in sides
        .iter()
        .flat_map(|(s, ports)| ports.iter().map(move |p| (s, p)))
    {
        table.row([
            (*side).to_owned(),
            port.name.to_string(),
            port.type_text(),
            port.shape.to_string(),
            match &port.default {
                Some(_) => default(port),
                None if !port.parts.is_empty() => port.parts.join(", "),
                None => quantization(port),
            },
        ]);
    }
    table
}

/// `default 2.5`
fn default(port: &Port) -> String {
    match port.default_literal() {
        Some(value) => format!("default {value}"),
        None => "has a default".to_owned(),
    }
}

fn quantization(port: &Port) -> String {
    port.quantization
        .as_ref()
        .and_then(|q| q.single())
        .map_or(String::new(), |(scale, zero)| {
            format!("scale {scale} zero {zero}")
        })
}

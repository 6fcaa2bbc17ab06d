//! Signatures with their ports.

use serde_json::{Value as Json, json};

use super::table::{Align, Table};
use super::{Style, facts};
use crate::model::{Model, Port, Signature};

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
    json!({ "signatures": all })
}

pub fn text(model: &Model, style: Style) -> String {
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
    out
}

/// What the signature is, in a word: `predict` for `tensorflow/serving/predict`.
fn remark(signature: &Signature) -> &str {
    match signature.implied {
        true => "the graph's own inputs and outputs; the file names no signature",
        false => signature.method.rsplit('/').next().unwrap_or_default(),
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
            port.dtype.to_string(),
            port.shape.to_string(),
            quantization(port),
        ]);
    }
    table
}

fn quantization(port: &Port) -> String {
    port.quantization
        .as_ref()
        .and_then(|q| q.single())
        .map_or(String::new(), |(scale, zero)| {
            format!("scale {scale} zero {zero}")
        })
}

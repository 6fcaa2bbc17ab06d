//! Operators that reach out of the graph, and those that not every runtime has.

use std::collections::BTreeMap;

use super::{Finding, Kind, Severity, Spot, listed, plural};
use crate::analysis::lambda::lambda_layers;
use crate::analysis::reach::Entry;
use crate::analysis::unsafe_ops::{Can, UnsafeNode, unsafe_nodes};
use crate::model::{Dialect, MetaGraph, Model, opdef};

pub fn findings(model: &Model) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, meta_graph) in model.meta_graphs.iter().enumerate() {
        findings.extend(reaching_out(at, meta_graph));
        findings.extend(foreign(at, meta_graph));
    }
    let lambdas = lambda_layers(model);
    if !lambdas.is_empty() {
        let text = format!(
            "Python code in {}: {}",
            plural(lambdas.len(), "Keras Lambda layer"),
            listed(lambdas.iter().map(String::as_str))
        );
        let finding = Finding::new(Severity::Bad, Kind::PythonCode, text);
        findings.push(finding.advise(
            "Keras runs it when it loads the model: load only from people you trust, or serve the signatures alone",
        ));
    }
    if findings.is_empty() {
        let text = "no custom, Flex or unsafe operators";
        findings.push(Finding::new(Severity::Fine, Kind::UnsafeOperator, text));
    }
    findings
}

/// One finding per operator and per what it does.
fn reaching_out(at: usize, meta_graph: &MetaGraph) -> Vec<Finding> {
    let mut groups: BTreeMap<(Can, bool, &str), Vec<UnsafeNode>> = BTreeMap::new();
    for found in unsafe_nodes(meta_graph) {
        let op = meta_graph.graphs[found.graph].node(found.node).op_label();
        let key = (found.can, found.entries.is_empty(), op);
        groups.entry(key).or_default().push(found);
    }
    groups
        .into_iter()
        .map(|((can, dead, op), nodes)| {
            let spots: Vec<Spot> = nodes.iter().map(|n| spot(at, meta_graph, n)).collect();
            let severity = match can {
                Can::Print => Severity::Note,
                _ if dead => Severity::Note,
                _ => Severity::Bad,
            };
            let times = match spots.len() {
                1 => String::new(),
                n => format!(" (×{n})"),
            };
            let place = spots.first().map(whereabouts).unwrap_or_default();
            let text = format!("{op} {}{times}: {place}", can.does());
            Finding::new(severity, Kind::UnsafeOperator, text)
                .advise(advice(can, dead))
                .about(spots)
        })
        .collect()
}

fn advice(can: Can, dead: bool) -> &'static str {
    match can {
        _ if dead => "nothing that mexplore knows of runs it; ask the maker what it is for",
        Can::RunCode => {
            "ask the maker what the code does; it does not travel with the model or can't be looked into"
        }
        Can::WriteFiles | Can::ReadFiles => {
            "look at the path it takes; run an untrusted model only in a sandbox without rights to your files"
        }
        Can::Network => "run it only where it may talk to others, or cut it off from the network",
        Can::Print => "harmless, but it prints at each call: leave it out of what you serve",
    }
}

fn spot(at: usize, meta_graph: &MetaGraph, found: &UnsafeNode) -> Spot {
    let entry = |entry: &Entry| match entry {
        Entry::Signature(s) => format!("signature {}", meta_graph.signatures[*s].key),
        Entry::Init => "initializer".to_owned(),
        Entry::Saver => "restoring on load".to_owned(),
        Entry::Function(graph) => format!("function {}", meta_graph.graphs[*graph].name),
    };
    Spot {
        run_by: found.entries.iter().map(entry).collect(),
        ..Spot::node(at, meta_graph, found.graph, found.node)
    }
}

/// `node "read" of function f, run by signature serving_default`
fn whereabouts(spot: &Spot) -> String {
    let graph = match &spot.graph {
        Some(graph) => format!(" of {graph}"),
        None => " of the main graph".to_owned(),
    };
    let run_by = match spot.run_by.first() {
        Some(first) => format!(", run by {first}"),
        None => ", run by nothing".to_owned(),
    };
    format!("node {}{graph}{run_by}", spot.name)
}

/// Custom and Flex operators of a .tflite, operators that TensorFlow does not register.
fn foreign(at: usize, meta_graph: &MetaGraph) -> Vec<Finding> {
    let names: std::collections::HashSet<&str> = match meta_graph.dialect {
        Dialect::Tf => meta_graph.graphs.iter().map(|g| &*g.name).collect(),
        Dialect::Tflite => Default::default(),
    };
    let mut groups: BTreeMap<&str, Vec<Spot>> = BTreeMap::new();
    for (index, graph) in meta_graph.graphs.iter().enumerate() {
        for id in graph.node_ids() {
            let node = graph.node(id);
            let foreign = match graph.dialect {
                Dialect::Tflite => node.custom.is_some() || &*node.op == "CUSTOM",
                Dialect::Tf => opdef::lookup(&node.op).is_none() && !names.contains(&*node.op),
            };
            if foreign {
                let spots = groups.entry(node.op_label()).or_default();
                spots.push(Spot::node(at, meta_graph, index, id));
            }
        }
    }
    let (flex, custom): (Vec<_>, Vec<_>) = groups
        .into_iter()
        .partition(|(op, _)| meta_graph.dialect == Dialect::Tflite && op.starts_with("Flex"));
    let custom_advice = match meta_graph.dialect {
        Dialect::Tflite => "the runtime needs a kernel registered under this name",
        Dialect::Tf => "TensorFlow needs the library that registers it, loaded before the model",
    };
    let groups = [
        (
            flex,
            Kind::FlexOperator,
            "Flex operator",
            "the runtime needs the Flex delegate (select TensorFlow operators)",
        ),
        (
            custom,
            Kind::CustomOperator,
            "custom operator",
            custom_advice,
        ),
    ];
    groups
        .into_iter()
        .filter(|(found, ..)| !found.is_empty())
        .map(|(found, kind, what, advice)| {
            let times: Vec<String> = found
                .iter()
                .map(|(op, spots)| match spots.len() {
                    1 => (*op).to_owned(),
                    n => format!("{op} ×{n}"),
                })
                .collect();
            let s = if found.len() == 1 { "" } else { "s" };
            let names = listed(times.iter().map(String::as_str));
            Finding::new(Severity::Note, kind, format!("{what}{s}: {names}"))
                .advise(advice)
                .about(found.into_iter().flat_map(|(_, spots)| spots).collect())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Usage;
    use crate::analysis::health::health;
    use crate::analysis::testing::{add, argument, call, function, main_graph, model, subgraph};
    use crate::model::DType;

    #[test]
    fn an_unsafe_operator_is_named_with_its_place() {
        let mut inner = function("inner");
        let x = argument(&mut inner, "x", DType::Float32, &[-1]);
        let y = add(&mut inner, "py", "EagerPyFunc", &[x], &[-1]);
        inner.outputs = vec![Some(y)];
        let mut main = main_graph();
        let x = add(&mut main, "in", "Placeholder", &[], &[-1]);
        let y = call(&mut main, "call", "inner", &[x]);
        let model = model(vec![main, inner], &[x], &[y]);
        let found = health(&model, &Usage::of(&model));
        let first = &found[0];
        assert_eq!(first.severity, Severity::Bad);
        assert_eq!(
            first.text,
            "EagerPyFunc runs code outside the graph: node py of inner, run by signature serving_default"
        );
        assert_eq!(first.spots[0].graph.as_deref(), Some("inner"));
    }

    #[test]
    fn operators_of_other_libraries_are_told_apart() {
        let mut main = main_graph();
        let x = add(&mut main, "in", "Placeholder", &[], &[-1]);
        let y = add(&mut main, "trees", "SimpleMLInferenceOp", &[x], &[-1]);
        let made = model(vec![main], &[x], &[y]);
        let found = health(&made, &Usage::of(&made));
        assert_eq!(found[0].text, "custom operator: SimpleMLInferenceOp");
        let mut main = subgraph("main");
        let x = argument(&mut main, "x", DType::Float32, &[1]);
        let mut last = x;
        for _ in 0..2 {
            last = add(&mut main, "y", "CUSTOM", &[last], &[1]);
            main.nodes.last_mut().unwrap().custom = Some("FlexErf".into());
        }
        main.outputs = vec![Some(last)];
        let made = model(vec![main], &[x], &[last]);
        let found = health(&made, &Usage::of(&made));
        assert_eq!(found[0].text, "Flex operator: FlexErf ×2");
        assert_eq!(found[0].spots.len(), 2);
    }
}

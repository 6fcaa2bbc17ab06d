//! What becomes of a model's nodes before any work, with the function each comes from.

use std::collections::HashMap;

use super::carry::Fate;
use super::{ConvertOptions, Placement, Prepared, prepare};
use crate::error::{Error, Result};
use crate::model::{MetaGraph, Model};
use crate::progress::Progress;

pub fn placements(model: &Model, options: &ConvertOptions) -> Result<Vec<Placement>> {
    let prepared = prepare(model, options, &Progress::new(), &mut Vec::new())?;
    Ok(prepared.into_iter().flat_map(|p| p.placements).collect())
}

/// One error that names every blocked node, and says which options would let how many of them through.
pub fn refuse(prepared: &[Prepared<'_>]) -> Result<()> {
    let all = prepared.iter().flat_map(|p| &p.placements);
    let blocked: Vec<&Placement> = all.filter(|p| p.becomes == Fate::Blocked).collect();
    let Some(first) = blocked.first() else {
        return Ok(());
    };
    const SHOWN: usize = 20;
    let mut lines: Vec<String> = blocked
        .iter()
        .take(SHOWN)
        .map(|b| match &*b.function {
            "" => format!("{} ({}): {}", b.node, b.op, b.reason),
            function => format!("{} ({}) in {function}: {}", b.node, b.op, b.reason),
        })
        .collect();
    if blocked.len() > SHOWN {
        lines.push(format!("and {} more", blocked.len() - SHOWN));
    }
    let count = match blocked.len() {
        1 => format!("{} can't be converted", first.op),
        n => format!("{n} nodes can't be converted"),
    };
    let error = Error::unsupported(format!("{count}: {}", lines.join("; ")));
    Err(match advice(&blocked) {
        Some(advice) => error.hint(advice),
        None => error,
    })
}

fn advice(blocked: &[&Placement]) -> Option<String> {
    let number = |fate: Fate| {
        let helped = blocked.iter().filter(|b| b.could_be == Some(fate)).count();
        match (helped, blocked.len()) {
            (0, _) => None,
            (1, 1) => Some("it".to_owned()),
            (n, all) if n == all => Some("them".to_owned()),
            (n, _) => Some(format!("{n} of them")),
        }
    };
    let flex = number(Fate::Flex).map(|which| {
        format!(
            "--allow-flex carries {which} over as TensorFlow's own, for runtimes with the Flex delegate"
        )
    });
    let custom = number(Fate::Custom).map(|which| {
        format!("--allow-custom writes {which} as custom operators, for kernels of your own")
    });
    let both: Vec<String> = flex.into_iter().chain(custom).collect();
    (!both.is_empty()).then(|| both.join("; "))
}

/// Inlining names nodes `caller/node`; the function that holds the node under its own name, for what is not builtin.
pub fn name_functions(meta_graph: &MetaGraph, placements: &mut [Placement]) {
    let mut holders: HashMap<(&str, &str), &str> = HashMap::new();
    for graph in meta_graph.graphs.iter().skip(1) {
        for node in &graph.nodes {
            holders.entry((&node.op, &node.name)).or_insert(&graph.name);
        }
    }
    for placement in placements.iter_mut().filter(|p| p.becomes != Fate::Builtin) {
        // The longest name first: that of the outermost caller.
        let mut rest = Some(&*placement.node);
        while let Some(name) = rest {
            if let Some(function) = holders.get(&(&*placement.op, name)) {
                placement.function = (*function).to_owned();
                break;
            }
            rest = name.split_once('/').map(|(_, inner)| inner);
        }
    }
}

//! What stands in the way of a conversion, node by node, with the function each comes from.

use super::{Blocker, ConvertOptions, Prepared, prepare};
use crate::error::{Error, Result};
use crate::model::{MetaGraph, Model};
use crate::progress::Progress;

pub fn blockers(model: &Model, options: &ConvertOptions) -> Result<Vec<Blocker>> {
    let prepared = prepare(model, options, &Progress::new(), &mut Vec::new())?;
    Ok(prepared.into_iter().flat_map(|p| p.blockers).collect())
}

/// One error that names every blocking node; says so when it was asked to carry them over as they are.
pub fn refuse(prepared: &[Prepared<'_>], options: &ConvertOptions) -> Result<()> {
    let blockers: Vec<&Blocker> = prepared.iter().flat_map(|p| &p.blockers).collect();
    let Some(first) = blockers.first() else {
        return Ok(());
    };
    const SHOWN: usize = 20;
    let mut lines: Vec<String> = blockers
        .iter()
        .take(SHOWN)
        .map(|b| match &*b.function {
            "" => format!("{} ({}): {}", b.node, b.op, b.reason),
            function => format!("{} ({}) in {function}: {}", b.node, b.op, b.reason),
        })
        .collect();
    if blockers.len() > SHOWN {
        lines.push(format!("and {} more", blockers.len() - SHOWN));
    }
    let count = match blockers.len() {
        1 => format!("{} can't be converted", first.op),
        n => format!("{n} nodes can't be converted"),
    };
    let error = Error::unsupported(format!("{count}: {}", lines.join("; ")));
    Err(if options.allow_flex || options.allow_custom {
        error.hint("writing them as Flex or custom operators is not supported yet")
    } else {
        error
    })
}

/// Inlining names nodes `caller/node`; the function that holds the node under its own name.
pub fn name_functions(meta_graph: &MetaGraph, blockers: &mut [Blocker]) {
    for blocker in blockers {
        let holds = |graph: &&crate::model::Graph| {
            graph.nodes.iter().any(|n| {
                *n.op == *blocker.op
                    && (blocker.node == *n.name
                        || blocker
                            .node
                            .strip_suffix(&*n.name)
                            .is_some_and(|rest| rest.ends_with('/')))
            })
        };
        if let Some(graph) = meta_graph.graphs.iter().skip(1).find(holds) {
            blocker.function = graph.name.to_string();
        }
    }
}

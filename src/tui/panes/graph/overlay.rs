//! What the colours of boxes mean, and why they may mean nothing.

use super::levels::called;
use crate::layout::scope::Item;
use crate::model::{MetaGraph, Node};
use crate::tui::measured::Measured;

/// What the colours of boxes mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overlay {
    /// The family of the operator.
    #[default]
    Family,
    Bytes,
    Macs,
    Dtype,
    /// Of the last run.
    Time,
    /// Of the last comparison.
    Error,
}

impl Overlay {
    pub const ALL: [Overlay; 6] = [
        Overlay::Family,
        Overlay::Bytes,
        Overlay::Macs,
        Overlay::Dtype,
        Overlay::Time,
        Overlay::Error,
    ];

    pub fn title(self) -> &'static str {
        ["family", "bytes", "MAC", "type", "time", "error"][self as usize]
    }

    /// What to say when nothing was measured for a graph.
    pub fn missing(
        self,
        measured: &Measured,
        meta: Option<&MetaGraph>,
        (meta_index, graph): (usize, usize),
    ) -> Option<&'static str> {
        let is_timed = || measured.times(meta_index, graph).is_some();
        match self {
            Overlay::Time if !measured.has_times() => Some("no run yet: press r"),
            Overlay::Time if is_timed() => None,
            Overlay::Time if meta.is_some_and(|m| is_within_a_loop(m, graph)) => {
                Some("timed as a whole where it is called")
            }
            Overlay::Time => Some("not in the last run"),
            Overlay::Error if !measured.has_errors() => Some("not compared yet: press d"),
            Overlay::Error if measured.errors(meta_index, graph).is_none() => Some("not compared"),
            _ => None,
        }
    }

    #[must_use]
    pub fn next(self) -> Overlay {
        Overlay::ALL[(self as usize + 1) % Overlay::ALL.len()]
    }
}

/// Whether a loop or a branch calls the graph: a run times these as one operator.
pub(super) fn is_within_a_loop(meta: &MetaGraph, graph: usize) -> bool {
    let branches = |node: &Node| {
        let ops = ["While", "WHILE", "If", "IF", "Case"];
        ops.iter().any(|op| node.op.ends_with(op))
    };
    meta.graphs.iter().any(|from| {
        let mut found = from.node_ids().filter(|id| branches(from.node(*id)));
        found.any(|id| called(meta, from, Item::Node(id)).contains(&graph))
    })
}

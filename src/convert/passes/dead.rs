//! What no result needs.

use super::Surroundings;
use crate::error::Result;
use crate::model::Graph;

pub fn run(graph: &mut Graph, _: &Surroundings<'_>) -> Result<usize> {
    let before = graph.nodes.len();
    graph.remove_dead(|_| false);
    graph.sort()?;
    Ok(before - graph.nodes.len())
}

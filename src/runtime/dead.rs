//! TensorFlow 1's conditions: what `Switch` did not choose is dead, and so is all that is made of it, up to a `Merge`.

use crate::error::{Error, Result};
use crate::model::{Graph, Node, NodeId, ValueId};

/// The most results of switches and merges that the nodes of a graph may need in all.
const MOST: usize = 1 << 26;

/// What has to be alive for each node of a graph to run.
pub struct Liveness {
    /// By node: results of switches and merges, sorted.
    needs: Vec<Box<[ValueId]>>,
}

impl Liveness {
    /// `order` are the nodes that run, `fed` says of every value whether it comes from outside. `None` where no node
    /// decides anything.
    ///
    /// # Errors
    /// More conditions upon each other than any model has.
    pub fn new(graph: &Graph, order: &[NodeId], fed: &[bool]) -> Result<Option<Self>> {
        if !order.iter().any(|&id| is_switch(graph.node(id))) {
            return Ok(None);
        }
        let mut total = 0;
        let mut liveness = Liveness {
            needs: vec![Box::default(); graph.nodes.len()],
        };
        for &id in order {
            let node = graph.node(id);
            let mut needs: Vec<ValueId> = Vec::new();
            for before in &node.control {
                needs.extend(&liveness.needs[before.index()]);
            }
            if !is_merge(node) {
                let inputs = node.inputs.iter().flatten();
                for &input in inputs.filter(|input| !fed[input.index()]) {
                    needs.extend_from_slice(&liveness.of(graph, input));
                }
            }
            needs.sort_unstable();
            needs.dedup();
            total += needs.len();
            if total > MOST {
                return Err(Error::unsupported(
                    "more conditions upon each other than any model has",
                ));
            }
            liveness.needs[id.index()] = needs.into();
        }
        Ok(Some(liveness))
    }

    /// What a value that a node makes needs.
    fn of(&self, graph: &Graph, value: ValueId) -> Vec<ValueId> {
        match graph.value(value).producer {
            None => Vec::new(),
            Some((id, _)) => match decided(graph.node(id), value) {
                Some(value) => vec![value],
                None => self.needs[id.index()].to_vec(),
            },
        }
    }

    pub fn node_lives(&self, id: NodeId, dead: &[bool]) -> bool {
        lives(&self.needs[id.index()], dead)
    }

    pub fn value_lives(&self, graph: &Graph, value: ValueId, dead: &[bool]) -> bool {
        match graph.value(value).producer {
            None => true,
            Some((id, _)) => match decided(graph.node(id), value) {
                Some(value) => !dead[value.index()],
                None => self.node_lives(id, dead),
            },
        }
    }
}

fn lives(needs: &[ValueId], dead: &[bool]) -> bool {
    needs.iter().all(|value| !dead[value.index()])
}

/// The value whose life the run decides, for a result of a switch or a merge.
fn decided(node: &Node, value: ValueId) -> Option<ValueId> {
    if is_switch(node) {
        return Some(value);
    }
    // Both results of a merge live or none.
    node.outputs.first().copied().filter(|_| is_merge(node))
}

pub fn is_switch(node: &Node) -> bool {
    matches!(&*node.op, "Switch" | "RefSwitch")
}

pub fn is_merge(node: &Node) -> bool {
    matches!(&*node.op, "Merge" | "RefMerge")
}

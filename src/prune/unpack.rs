//! Constants that a file stores without their zeros, laid out whole so that they can be pruned further.

use std::collections::HashSet;

use crate::error::Result;
use crate::model::{Graph, NodeId, TensorData, ValueId};

/// Constants that were sparse.
pub struct Unpacked(HashSet<ValueId>);

impl Unpacked {
    pub fn any(&self) -> bool {
        !self.0.is_empty()
    }

    pub fn was_sparse(&self, value: ValueId) -> bool {
        self.0.contains(&value)
    }
}

/// Makes every sparse constant dense, and lets what took it from a DENSIFY take it as it is. The DENSIFY operators stay
/// behind with neither operands nor users.
///
/// # Errors
/// A packing that contradicts itself.
pub fn unpack(graph: &mut Graph) -> Result<Unpacked> {
    let mut sparse = HashSet::new();
    for id in graph.value_ids() {
        let value = graph.value(id);
        if value.sparsity().is_none() {
            continue;
        }
        if let Some(whole) = value.read().transpose()? {
            let value = graph.value_mut(id);
            value.data = Some(TensorData::of(&whole));
            value.external_buffer = 0;
            sparse.insert(id);
        }
    }
    for index in 0..graph.nodes.len() {
        let node = graph.node(NodeId(index as u32));
        if &*node.op == "DENSIFY"
            && let Some(packed) = node.input(0).filter(|v| sparse.contains(v))
            && let Some(&whole) = node.outputs.first()
        {
            graph.replace_uses(whole, packed);
            graph.node_mut(NodeId(index as u32)).inputs.clear();
        }
    }
    Ok(Unpacked(sparse))
}

//! Who makes a value and who reads it: by the graph while steps are planned, by the steps once all are there.

use std::collections::HashMap;

use crate::model::{Graph, ValueId};
use crate::runtime::plan::{Builder, Step};
use crate::runtime::program::Body;

/// How often each value is asked for, by nodes that run and as an output of the graph.
pub fn uses(body: &Body) -> Vec<u32> {
    let mut uses = vec![0; body.graph.values.len()];
    let nodes = body.order.iter().map(|&id| body.graph.node(id));
    let reads = nodes.flat_map(|node| node.inputs.iter().flatten());
    reads
        .chain(&body.outputs)
        .for_each(|value| uses[value.index()] += 1);
    uses
}

/// What reads bytes in the end, by the value whose bytes they are.
pub struct Readers {
    /// Inputs of steps and outputs of the graph.
    pub listed: Vec<usize>,
    /// The only step whose work does read them and the slot; `None` for several, or an output of the graph.
    read: HashMap<usize, Option<(usize, usize)>>,
}

impl Readers {
    pub fn only(&self, root: usize) -> Option<(usize, usize)> {
        self.read.get(&root).copied().flatten()
    }

    pub fn any(&self, root: usize) -> bool {
        self.read.contains_key(&root)
    }
}

impl Builder<'_> {
    /// The step that makes a value, whose bytes one operator alone reads, besides those that hand them on under other
    /// sizes.
    pub(super) fn only_maker(&self, value: ValueId) -> Option<usize> {
        let (graph, root): (&Graph, _) = (self.setup.graph(), self.same_as[value.index()]);
        let mut at = value;
        loop {
            if self.uses[at.index()] != 1 {
                return None;
            }
            if at.index() == root {
                break;
            }
            let mut from = graph.producer(at)?.inputs.iter().flatten();
            at = *from.find(|input| self.same_as[input.index()] == root)?;
        }
        let made = |step: &Step| step.outputs.iter().any(|value| value.index() == root);
        self.steps.iter().rposition(made)
    }

    pub(super) fn readers(&self) -> Readers {
        let (mut listed, mut read) = (vec![0; self.facts.len()], HashMap::new());
        for (at, step) in self.steps.iter().enumerate() {
            for (slot, value) in step.inputs.iter().enumerate() {
                let Some(value) = value else { continue };
                let root = self.same_as[value.index()];
                listed[root] += 1;
                if step.work.reads(slot) {
                    let first = !read.contains_key(&root);
                    read.insert(root, first.then_some((at, slot)));
                }
            }
        }
        for output in &self.setup.body().outputs {
            let root = self.same_as[output.index()];
            listed[root] += 1;
            read.insert(root, None);
        }
        Readers { listed, read }
    }
}

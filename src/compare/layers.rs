//! Layer by layer: bytes before and after, and how well inner values agree.
//!
//! The pairs of inner values cut both models into parts that do the same work: what lies between one pair and those
//! before it. A part is a row, with the weights that flow into it.

use std::collections::{HashMap, HashSet};

use super::flow::{Cutter, Flow, Part};
use super::outputs::Difference;
use super::pairing::{self, Kept, Order, Trace};
use super::{InnerDiff, LayerDiff, Pair, Sample, Side};
use crate::error::Result;
use crate::feed;
use crate::model::{Dialect, Node, NodeId, Tensor, ValueId};
use crate::progress::Progress;

/// Samples whose inner values are kept; each costs the memory of a whole run.
const SAMPLES: usize = 4;

/// An inner value that both sides have.
pub(super) struct Inner {
    a: ValueId,
    b: ValueId,
    order: Order,
    sum: Difference,
}

/// The flows of both sides, and the inner values that both have, in B's order of execution.
pub(super) struct Layers<'m> {
    a: Flow<'m>,
    b: Flow<'m>,
    inner: Vec<Inner>,
}

impl<'m> Layers<'m> {
    /// Without inner values. `None` where a side has no signature that could be cut into layers.
    pub fn new(a: Option<Flow<'m>>, b: Option<Flow<'m>>) -> Option<Self> {
        let (a, b, inner) = (a?, b?, Vec::new());
        Some(Layers { a, b, inner })
    }

    /// Runs both sides on the samples and pairs what is left behind.
    pub fn run(&mut self, pair: &mut Pair, samples: &[Sample], progress: &Progress) -> Result<()> {
        let samples = samples.get(..SAMPLES).unwrap_or(samples);
        progress.stage("comparing inner values", samples.len() as u64);
        for (at, sample) in samples.iter().enumerate() {
            let a = kept(&mut pair.a, &self.a, &sample.a)?;
            let b = kept(&mut pair.b, &self.b, &sample.b)?;
            if at == 0 {
                let (of_a, of_b) = (trace(&self.a, &a), trace(&self.b, &b));
                let pairs = pairing::pairs(&of_a, &of_b, &pair.inputs);
                self.inner = pairs
                    .into_iter()
                    .map(|p| Inner {
                        a: a[p.a].id,
                        b: b[p.b].id,
                        order: p.order,
                        sum: Difference::default(),
                    })
                    .collect();
            }
            let by_id = |kept: Vec<Kept>| -> HashMap<ValueId, Tensor> {
                kept.into_iter().map(|k| (k.id, k.real)).collect()
            };
            let (a, b) = (by_id(a), by_id(b));
            for inner in &mut self.inner {
                if let (Some(x), Some(y)) = (a.get(&inner.a), b.get(&inner.b)) {
                    inner.order.add(x, y, &mut inner.sum);
                }
            }
            progress.step(1)?;
        }
        Ok(())
    }

    /// Every pair of inner values, by the operators that make them.
    pub fn inner(&self) -> Vec<InnerDiff> {
        let name = |flow: &Flow<'_>, value: ValueId| {
            let node = flow.producer(value).map(|id| &flow.graph.node(id).name);
            node.map(ToString::to_string).unwrap_or_default()
        };
        let diff = |inner: &Inner| InnerDiff {
            node_a: name(&self.a, inner.a),
            node_b: name(&self.b, inner.b),
            sqnr_db: inner.sum.sqnr_db(),
        };
        self.inner.iter().map(diff).collect()
    }

    /// The parts that the pairs cut both sides into, in B's order; after them what has weights and no pair, joined by
    /// the names of scopes.
    pub fn rows(&self) -> Vec<LayerDiff> {
        let made = |flow: &Flow<'_>, value: ValueId| flow.producer(value);
        let ends = |flow: &Flow<'_>, value: fn(&Inner) -> ValueId| -> HashSet<NodeId> {
            let values = self.inner.iter().map(value);
            values.filter_map(|v| made(flow, v)).collect()
        };
        let (ends_a, ends_b) = (ends(&self.a, |i| i.a), ends(&self.b, |i| i.b));
        let (mut cut_a, mut cut_b) = (Cutter::new(&self.a), Cutter::new(&self.b));
        let mut rows = Vec::new();
        for inner in &self.inner {
            let (Some(a), Some(b)) = (made(&self.a, inner.a), made(&self.b, inner.b)) else {
                continue;
            };
            let a = cut_a.part(a, |n| ends_a.contains(&n));
            let b = cut_b.part(b, |n| ends_b.contains(&n));
            rows.push(LayerDiff {
                sqnr_db: Some(inner.sum.sqnr_db()),
                max_abs: Some(inner.sum.max_abs()),
                what: self.what(&a, &b, Some(inner)),
                ..self.row(Some(&a), Some(&b))
            });
        }
        rows.extend(self.rest(cut_a.rest(), cut_b.rest()));
        rows
    }

    fn rest(&self, mut before: Vec<Part>, after: Vec<Part>) -> Vec<LayerDiff> {
        let mut rows = Vec::new();
        for part in after {
            let scopes = part.scopes(&self.b);
            let (own, others): (Vec<_>, Vec<_>) = before
                .into_iter()
                .partition(|p| !p.scopes(&self.a).is_disjoint(&scopes));
            before = others;
            let own = own.into_iter().reduce(Part::joined);
            let what = own.as_ref().map(|own| self.what(own, &part, None));
            rows.push(LayerDiff {
                what: what.unwrap_or_default(),
                ..self.row(own.as_ref(), Some(&part))
            });
        }
        rows.extend(before.iter().map(|part| self.row(Some(part), None)));
        rows
    }

    fn row(&self, a: Option<&Part>, b: Option<&Part>) -> LayerDiff {
        let name_a = a.map(|part| part.name(&self.a));
        let name_b = b.map(|part| part.name(&self.b));
        // TensorFlow's names are the layers'; a converter makes its own of them.
        let b_first = self.b.dialect() == Dialect::Tf && self.a.dialect() != Dialect::Tf;
        let names = if b_first {
            [name_b, name_a]
        } else {
            [name_a, name_b]
        };
        let name = names.into_iter().flatten().find(|n| !n.is_empty());
        let bytes = |part: Option<&Part>| part.map_or(0, Part::bytes);
        LayerDiff {
            name: name.unwrap_or_default(),
            op_a: a.map(|p| p.op(&self.a)).unwrap_or_default(),
            op_b: b.map(|p| p.op(&self.b)).unwrap_or_default(),
            ops_a: listed(a, &self.a, Node::op_label),
            ops_b: listed(b, &self.b, Node::op_label),
            nodes_a: listed(a, &self.a, |node| &node.name),
            nodes_b: listed(b, &self.b, |node| &node.name),
            a_bytes: bytes(a),
            b_bytes: bytes(b),
            what: String::new(),
            sqnr_db: None,
            max_abs: None,
        }
    }

    /// What became of A's part in B: `fused, int8/channel`; empty where nothing did.
    fn what(&self, a: &Part, b: &Part, inner: Option<&Inner>) -> String {
        let mut words = Vec::new();
        if b.nodes(&self.b).count() < a.nodes(&self.a).count() {
            words.push("fused".to_owned());
        }
        let form = |part: &Part| part.largest().map(|w| w.form.clone());
        let dtype = |flow: &Flow<'_>, value: ValueId| flow.graph.value(value).dtype.to_string();
        let (before, after) = match (form(a), form(b), inner) {
            (before, Some(after), _) => (before, Some(after)),
            (_, None, Some(inner)) => {
                (Some(dtype(&self.a, inner.a)), Some(dtype(&self.b, inner.b)))
            }
            (_, None, None) => (None, None),
        };
        words.extend(after.filter(|form| before.as_ref() != Some(form)));
        words.join(", ")
    }
}

/// What `say` says of each operator of a part.
fn listed(part: Option<&Part>, flow: &Flow<'_>, say: fn(&Node) -> &str) -> Vec<String> {
    let nodes = part.into_iter().flat_map(|part| part.nodes(flow));
    nodes.map(|node| say(node).to_owned()).collect()
}

fn trace<'f, 'm>(flow: &'f Flow<'m>, kept: &'f [Kept]) -> Trace<'f, 'm> {
    Trace { flow, kept }
}

/// What a run leaves behind, as real numbers; only what can be one half of a pair.
fn kept(side: &mut Side, flow: &Flow<'_>, inputs: &[(String, Tensor)]) -> Result<Vec<Kept>> {
    side.session.set_keep_intermediates(true);
    let result = side.session.run(inputs, &Progress::new());
    let values = side.session.intermediates();
    side.session.set_keep_intermediates(false);
    result?;
    let graph = &flow.graph;
    let mut all = Vec::new();
    for value in values {
        let Some(node) = flow.producer(value.id) else {
            continue;
        };
        let quantization = graph.value(value.id).quantization.as_deref();
        let kept = Kept {
            id: value.id,
            node,
            real: feed::dequantized(&value.tensor, quantization)?.into_owned(),
        };
        if kept.counts(flow) {
            all.push(kept);
        }
    }
    Ok(all)
}

//! What operators and scopes take: parameters, bytes, multiply-accumulates; and what a run and a comparison told of
//! them.

use std::cmp::Reverse;
use std::collections::HashSet;

use super::levels::Ways;
use crate::analysis::Trained;
use crate::error::Result;
use crate::layout::scope::{Hierarchy, Item};
use crate::layout::weights::{Bound, Origin};
use crate::model::{Graph, Model, NodeId, Shape, Value, ValueId, VariableId};
use crate::progress::Progress;
use crate::sort;
use crate::tui::counts::Counts;

/// What an operator, or all of a scope, takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Elements of weights as [`Trained`] counts them, each weight once.
    pub params: u64,
    /// Of weights and of all other stored values, each once.
    pub bytes: u64,
    /// Multiply-accumulates for one sample, those of called functions included.
    pub macs: u64,
}

/// What a run and a comparison told of an operator or of all of a scope.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Figures {
    pub nanos: Option<u64>,
    /// Signal to noise in dB; the worst of a scope.
    pub sqnr_db: Option<f64>,
}

/// A signal to noise from which on nothing is wrong.
const CLEAN_DB: f64 = 60.0;

impl Figures {
    pub fn add(&mut self, other: Figures) {
        let nanos = [self.nanos, other.nanos].into_iter().flatten();
        self.nanos = nanos.reduce(|a, b| a + b);
        let errors = [self.sqnr_db, other.sqnr_db].into_iter().flatten();
        self.sqnr_db = errors.reduce(f64::min);
    }

    /// How bad the error is, from 0 to 1.
    pub fn badness(&self) -> Option<f64> {
        Some((1.0 - self.sqnr_db? / CLEAN_DB).clamp(0.0, 1.0))
    }

    /// `31.4 dB`, `equal`.
    pub fn error_text(&self) -> Option<String> {
        let db = self.sqnr_db?;
        Some(match db {
            f64::INFINITY => "equal".to_owned(),
            db => format!("{db:.1} dB"),
        })
    }
}

impl Cost {
    pub fn add(&mut self, other: &Cost) {
        self.params += other.params;
        self.bytes += other.bytes;
        self.macs += other.macs;
    }
}

/// A weight's stored tensor: name, value-like facts and bytes in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub name: String,
    pub shape: String,
    /// Elements that training made; 0 of sizes, axes and the like.
    pub params: u64,
    pub bytes: u64,
    /// Which input of the operator it is; none of what only is a part of one after arithmetic.
    pub slot: Option<usize>,
    /// The constant of this graph that it is.
    pub constant: Option<ValueId>,
    /// File and offset of a variable.
    pub place: Option<String>,
}

/// Weights that are listed.
pub const LISTED: usize = 12;

/// What every operator of a graph takes.
pub struct Costs {
    /// By operator; nothing for those that are not of the main flow.
    nodes: Vec<Cost>,
    /// Of the whole graph.
    pub total: Cost,
}

impl Costs {
    pub fn node(&self, id: NodeId) -> Cost {
        self.nodes.get(id.index()).copied().unwrap_or_default()
    }
}

/// A graph of a model, and what its callers bind to its arguments.
#[derive(Clone, Copy)]
pub struct Whose<'a> {
    pub model: &'a Model,
    pub ways: &'a Ways,
    /// Indices of the MetaGraph and of its graph.
    pub meta: usize,
    pub graph: usize,
}

impl Whose<'_> {
    fn graph(&self) -> Option<&Graph> {
        let meta = self.model.meta_graphs.get(self.meta)?;
        meta.graphs.get(self.graph)
    }

    /// What each operator of the main flow takes, and all together. A weight that several operators share counts for
    /// the first of them.
    ///
    /// # Errors
    /// When stopped.
    pub fn costs(
        &self,
        hierarchy: &Hierarchy,
        calls: &Counts,
        progress: &Progress,
    ) -> Result<Costs> {
        let mut costs = Costs {
            nodes: Vec::new(),
            total: Cost::default(),
        };
        let macs = calls.count(self.meta, progress)?;
        let (Some(macs), Some(graph)) = (macs, self.graph()) else {
            return Ok(costs);
        };
        costs.nodes = vec![Cost::default(); graph.nodes.len()];
        progress.check()?;
        let mut counted: HashSet<Origin> = HashSet::new();
        for id in graph.node_ids() {
            if !hierarchy.contains(Item::Node(id)) {
                continue;
            }
            let cost = &mut costs.nodes[id.index()];
            cost.macs = macs.node(self.graph, id);
            for weight in hierarchy.weights.at(graph, id) {
                for origin in weight.origins.iter().filter(|o| counted.insert(**o)) {
                    if let Some(stored) = self.stored(*origin) {
                        cost.params += stored.params;
                        cost.bytes += stored.bytes;
                    }
                }
            }
            costs.total.add(cost);
            if id.index() % 4096 == 0 {
                progress.check()?;
            }
        }
        Ok(costs)
    }

    /// The largest of the weights of some operators, and how many different ones there are.
    pub fn weights(
        &self,
        hierarchy: &Hierarchy,
        nodes: impl Iterator<Item = NodeId>,
    ) -> (Vec<Stored>, usize) {
        let (mut found, mut known) = (Vec::new(), HashSet::new());
        let Some(graph) = self.graph() else {
            return (found, 0);
        };
        let mut many = 0;
        for id in nodes {
            let weights = hierarchy.weights.at(graph, id);
            let slots = weights.iter().flat_map(|weight| {
                let slot = (weight.origins.len() == 1).then_some(weight.slot);
                weight.origins.iter().map(move |origin| (slot, *origin))
            });
            let slots = slots.filter(|(_, origin)| known.insert(*origin));
            let before = found.len();
            found.extend(slots.filter_map(|(slot, origin)| {
                let stored = self.stored(origin)?;
                Some(Stored { slot, ..stored })
            }));
            many += found.len() - before;
            if found.len() > 64 * LISTED {
                largest(&mut found);
            }
        }
        largest(&mut found);
        (found, many)
    }

    /// Where the values behind an origin are.
    fn stored(&self, origin: Origin) -> Option<Stored> {
        let model = self.model;
        let trained = Trained::of(model);
        let elements = |shape: &Shape, counts: bool| match counts {
            true => shape.elements().unwrap_or(0) as u64,
            false => 0,
        };
        let variable = |id: VariableId| {
            let v = model.variables.get(id.0 as usize)?;
            Some(Stored {
                name: v.name.to_string(),
                shape: format!("{} {}", v.shape, v.dtype),
                params: elements(&v.shape, trained.variable(v)),
                bytes: v.bytes,
                slot: None,
                constant: None,
                place: Some(format!("shard {} @ {}", v.shard, v.offset)),
            })
        };
        let constant = |value: &Value| Stored {
            name: value.name.to_string(),
            shape: format!("{} {}", value.shape, value.dtype),
            params: elements(&value.stored_shape, trained.constant(value)),
            bytes: value.stored_bytes() as u64,
            slot: None,
            constant: None,
            place: None,
        };
        let graph = self.graph()?;
        match origin {
            Origin::Constant(id) => Some(Stored {
                constant: Some(id),
                ..constant(graph.values.get(id.index())?)
            }),
            Origin::Variable(node) => variable(graph.nodes.get(node.index())?.variable?),
            Origin::Argument(index) => {
                match self.ways.bound.get(self.graph)?.get(index).copied()?? {
                    Bound::Variable(id) => variable(id),
                    Bound::Constant(at, id) => {
                        let graphs = &model.meta_graphs.get(self.meta)?.graphs;
                        Some(constant(graphs.get(at)?.values.get(id.index())?))
                    }
                }
            }
        }
    }
}

/// Keeps those that are listed.
fn largest(weights: &mut Vec<Stored>) {
    // Sizes and axes as constants say little; they are listed after the real weights.
    sort::by_key(weights, |stored| Reverse(stored.bytes));
    weights.truncate(LISTED);
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::analysis;
    use crate::format::{self, OpenOptions};
    use crate::layout::scope::Hierarchy;

    /// What the first signature of a model of samples/ takes as the graph pane sums it up, and the model.
    fn total(sample: &str) -> (Arc<Model>, Cost) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
        let model = Arc::new(format::open(&path.join(sample), &OpenOptions::default()).unwrap());
        let ways = Ways::of(&model.meta_graphs[0]);
        let levels = ways.of_signature(&model.meta_graphs[0], 0);
        let whose = Whose {
            model: &model,
            ways: &ways,
            meta: 0,
            graph: levels.last().unwrap().graph,
        };
        let graph = whose.graph().unwrap();
        let hierarchy = Hierarchy::new(graph, &ways.weights(whose.graph), false);
        let costs = whose
            .costs(&hierarchy, &Counts::new(&model), &Progress::new())
            .unwrap();
        (model, costs.total)
    }

    #[test]
    fn the_totals_are_those_of_the_overview() {
        for sample in ["digits_cnn/1", "digits_cnn.int8.tflite", "softmax_mlp"] {
            let (model, total) = total(sample);
            let costs = analysis::costs(&model, &model.meta_graphs[0], &Progress::new()).unwrap();
            assert_eq!(total.macs, costs.signatures[0].macs, "{sample}");
            assert!(total.macs > 0, "{sample}");
            let parameters = analysis::parameters(&model, &analysis::Usage::of(&model));
            assert_eq!(total.params, parameters.total, "{sample}");
        }
    }

    #[test]
    fn all_that_is_stored_in_a_tflite_is_some_operators() {
        let (model, total) = total("digits_cnn.int8.tflite");
        let stored: u64 = analysis::tensors(&model).iter().map(|row| row.bytes).sum();
        assert_eq!(total.bytes, stored);
    }
}

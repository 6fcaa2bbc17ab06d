//! The one selection that all panes share, and the way back through it.

use crate::analysis::Place;
use crate::model::{Graph, MetaGraph, Model, NodeId, Value, ValueId, VariableId};

/// What is chosen. Graphs are indices into [`MetaGraph::graphs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Thing {
    #[default]
    Nothing,
    Node {
        graph: usize,
        node: NodeId,
    },
    Value {
        graph: usize,
        value: ValueId,
    },
    Variable(VariableId),
    /// Index into [`MetaGraph::signatures`].
    Signature(usize),
    /// A function, a subgraph or the main graph.
    Graph(usize),
    /// Index into [`Model::metadata`].
    Metadata(usize),
    /// Index into [`Model::attachments`].
    Attachment(usize),
}

impl Thing {
    /// The thing whose bytes are at `place`; nothing for a file as a whole.
    pub fn of_place(place: &Place, model: &Model) -> Thing {
        match place {
            Place::Variable(id) => Thing::Variable(*id),
            Place::Constant { graph, value, .. } => Thing::Value {
                graph: *graph,
                value: *value,
            },
            Place::Attachment(name) => {
                let file = name.rsplit('/').next();
                let found = model
                    .attachments
                    .iter()
                    .position(|a| a.name.rsplit('/').next() == file);
                found.map_or(Thing::Nothing, Thing::Attachment)
            }
            Place::Metadata(name) => {
                let found = model.metadata.iter().position(|m| m.name == *name);
                found.map_or(Thing::Nothing, Thing::Metadata)
            }
            Place::File(_) => Thing::Nothing,
        }
    }
}

/// The chosen thing, in the chosen MetaGraph of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Focus {
    /// Index into [`Model::meta_graphs`].
    pub meta: usize,
    pub thing: Thing,
}

impl Focus {
    /// Nothing chosen, in the MetaGraph that the model would be run with.
    pub fn start(model: &Model) -> Focus {
        let meta = model
            .meta_graphs
            .iter()
            .position(|m| m.tags == ["serve"])
            .unwrap_or(0);
        Focus {
            meta,
            thing: Thing::Nothing,
        }
    }

    pub fn meta<'m>(&self, model: &'m Model) -> Option<&'m MetaGraph> {
        model.meta_graphs.get(self.meta)
    }

    /// The graph that the chosen thing is in, with its index.
    pub fn graph<'m>(&self, model: &'m Model) -> Option<(usize, &'m Graph)> {
        let meta = self.meta(model)?;
        let index = match self.thing {
            Thing::Node { graph, .. } | Thing::Value { graph, .. } | Thing::Graph(graph) => graph,
            Thing::Signature(index) => meta.signatures.get(index)?.graph,
            Thing::Variable(_) => self.node(model)?.0,
            _ => return None,
        };
        Some((index, meta.graphs.get(index)?))
    }

    /// The operator to stand on: itself, what uses a constant or makes a value, what reads a variable.
    pub fn node(&self, model: &Model) -> Option<(usize, NodeId)> {
        let meta = self.meta(model)?;
        match self.thing {
            Thing::Node { graph, node } => Some((graph, node)),
            Thing::Value { graph, value } => {
                let g = meta.graphs.get(graph)?;
                let data = g.values.get(value.index())?.data.is_some();
                let user = || {
                    g.node_ids()
                        .find(|&n| g.node(n).inputs.contains(&Some(value)))
                };
                let maker = || g.values.get(value.index())?.producer.map(|(n, _)| n);
                let node = if data {
                    user().or_else(maker)
                } else {
                    maker().or_else(user)
                };
                Some((graph, node?))
            }
            Thing::Variable(id) => meta.graphs.iter().enumerate().find_map(|(index, g)| {
                let node = g.node_ids().find(|&n| g.node(n).variable == Some(id))?;
                Some((index, node))
            }),
            _ => None,
        }
    }

    /// The value behind the chosen thing: itself, or the largest constant input of an operator, else its first output.
    pub fn value(&self, model: &Model) -> Option<(usize, ValueId)> {
        let meta = self.meta(model)?;
        match self.thing {
            Thing::Value { graph, value } => Some((graph, value)),
            Thing::Node { graph, node } => {
                let g = meta.graphs.get(graph)?;
                let node = g.nodes.get(node.index())?;
                let weight = |v: &ValueId| -> Option<&Value> {
                    g.values.get(v.index()).filter(|v| v.data.is_some())
                };
                let largest = node
                    .inputs
                    .iter()
                    .flatten()
                    .filter(|v| weight(v).is_some())
                    .max_by_key(|v| weight(v).and_then(Value::bytes).unwrap_or(0));
                Some((graph, *largest.or(node.outputs.first())?))
            }
            _ => None,
        }
    }

    /// The stored variable behind the chosen thing.
    pub fn variable(&self, model: &Model) -> Option<VariableId> {
        match self.thing {
            Thing::Variable(id) => Some(id),
            Thing::Node { graph, node } => {
                self.meta(model)?
                    .graphs
                    .get(graph)?
                    .nodes
                    .get(node.index())?
                    .variable
            }
            _ => None,
        }
    }

    /// The name under which people know the chosen thing.
    pub fn name(&self, model: &Model) -> Option<String> {
        let meta = self.meta(model)?;
        Some(match self.thing {
            Thing::Nothing => return None,
            Thing::Node { graph, node } => meta
                .graphs
                .get(graph)?
                .nodes
                .get(node.index())?
                .name
                .to_string(),
            Thing::Value { graph, value } => meta
                .graphs
                .get(graph)?
                .values
                .get(value.index())?
                .name
                .to_string(),
            Thing::Variable(id) => model.variables.get(id.0 as usize)?.name.to_string(),
            Thing::Signature(index) => meta.signatures.get(index)?.key.to_string(),
            Thing::Graph(index) => meta.graphs.get(index)?.name.to_string(),
            Thing::Metadata(index) => model.metadata.get(index)?.name.clone(),
            Thing::Attachment(index) => model.attachments.get(index)?.name.clone(),
        })
    }
}

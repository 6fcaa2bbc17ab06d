//! Opening the tree down to what is chosen elsewhere.

use super::rows::{Id, scoped_name};
use super::{Context, TreePane};
use crate::model::{GraphKind, Model};
use crate::tui::focus::Thing;

impl TreePane {
    /// Opens what holds the shared selection and stands on it.
    pub(super) fn reveal(&mut self, cx: &Context) {
        if self.thing() == cx.focus.thing && cx.focus.thing != Thing::Nothing {
            return;
        }
        let meta = cx.focus.meta;
        let thing = match cx.focus.thing {
            Thing::Value { .. } => match cx.focus.node(cx.model) {
                Some((graph, node)) => Thing::Node { graph, node },
                None => return,
            },
            thing => thing,
        };
        let graph_path = |graph: usize| {
            let mut path = vec![Id::Meta(meta)];
            let kind = cx
                .model
                .meta_graphs
                .get(meta)
                .and_then(|m| m.graphs.get(graph))
                .map(|g| g.kind);
            if kind == Some(GraphKind::Function) {
                path.push(Id::Functions(meta));
            }
            path.push(Id::Graph(meta, graph));
            path
        };
        let path = match thing {
            Thing::Signature(at) => vec![
                Id::Meta(meta),
                Id::Signatures(meta),
                Id::Signature(meta, at),
            ],
            Thing::Graph(graph) => graph_path(graph),
            Thing::Variable(id) => {
                let Some(v) = cx.model.variables.get(id.0 as usize) else {
                    return;
                };
                self.down_to(cx.model, vec![Id::Variables], &v.name, Id::Variable(id))
            }
            Thing::Node { graph, node } => {
                let g = cx
                    .model
                    .meta_graphs
                    .get(meta)
                    .and_then(|m| m.graphs.get(graph));
                let Some(n) = g.and_then(|g| g.nodes.get(node.index())) else {
                    return;
                };
                let name = scoped_name(&n.name);
                self.down_to(
                    cx.model,
                    graph_path(graph),
                    &name,
                    Id::Node(meta, graph, node),
                )
            }
            Thing::Attachment(at) => vec![Id::Files, Id::Attachment(at)],
            Thing::Metadata(at) => vec![Id::Files, Id::Metadata(at)],
            Thing::Nothing | Thing::Value { .. } => return,
        };
        for end in 1..path.len() {
            self.open(cx.model, path[..end].to_vec());
        }
        self.flatten(&path);
    }

    /// Goes from `path` through the scopes of `name` to the row `last`.
    fn down_to(&mut self, model: &Model, mut path: Vec<Id>, name: &str, last: Id) -> Vec<Id> {
        loop {
            let Some(end) = path.last().cloned() else {
                return path;
            };
            self.levels.build(model, &end);
            let below = self.levels.below(&path);
            let leads = |at: &usize| {
                if self.levels.is(below, *at, &last) {
                    return true;
                }
                below.is_branch(*at)
                    && match self.levels.id(below, *at) {
                        Some(Id::Scope(_, _, prefix) | Id::VariableScope(prefix)) => {
                            name.starts_with(&*prefix)
                        }
                        _ => false,
                    }
            };
            let next = (0..below.len())
                .find(leads)
                .and_then(|at| self.levels.id(below, at));
            let Some(next) = next else { return path };
            let found = next == last;
            path.push(next);
            if found {
                return path;
            }
        }
    }
}

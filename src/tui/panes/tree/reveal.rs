//! Opening the tree down to what is chosen elsewhere.

use super::rows::{Id, scoped_name};
use super::{Context, TreePane, Waiting};
use crate::model::{GraphKind, Name};
use crate::tui::focus::Thing;

impl TreePane {
    /// Opens what holds the shared selection and stands on it.
    pub(super) fn reveal(&mut self, cx: &mut Context) {
        if self.thing() == cx.focus.thing && cx.focus.thing != Thing::Nothing {
            return;
        }
        let meta = cx.focus.meta;
        let thing = match cx.focus.thing {
            Thing::Value { graph, .. } => match self.operator(graph, cx) {
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
                let name = v.name.clone();
                match self.down_to(vec![Id::Variables], (&name, id.0), cx) {
                    Some(path) => path,
                    None => return,
                }
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
                match self.down_to(graph_path(graph), (&name, node.0), cx) {
                    Some(path) => path,
                    None => return,
                }
            }
            Thing::Attachment(at) => vec![Id::Files, Id::Attachment(at)],
            Thing::Metadata(at) => vec![Id::Files, Id::Metadata(at)],
            Thing::Nothing | Thing::Value { .. } => return,
        };
        for end in 1..path.len() {
            let (above, id) = (&path[..end], &path[end - 1]);
            if !self.levels.build(cx.model, id) {
                return self.look_for(id.clone(), Waiting::Reveal, cx);
            }
            if !self.state.borrow().opened().contains(above) {
                self.unfold(above);
            }
        }
        self.stand_on(&path);
    }

    /// Goes from `path` through the scopes of a name down to the item; `None` when a job has to look for rows first.
    fn down_to(
        &mut self,
        mut path: Vec<Id>,
        (name, index): (&Name, u32),
        cx: &mut Context,
    ) -> Option<Vec<Id>> {
        loop {
            let Some(end) = path.last().cloned() else {
                return Some(path);
            };
            if !self.levels.build(cx.model, &end) {
                self.look_for(end, Waiting::Reveal, cx);
                return None;
            }
            let below = self.levels.below(&path);
            let next = self.levels.leading_to(below, name, index);
            let Some((at, id)) = next.and_then(|at| Some((at, self.levels.id(below, at)?))) else {
                return Some(path);
            };
            let found = !below.is_branch(at);
            path.push(id);
            if found {
                return Some(path);
            }
        }
    }
}

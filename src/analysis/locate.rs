//! Where an operator of the flat graph that runs stands in the graphs of the file.

use std::collections::HashMap;

use crate::model::{MetaGraph, NodeId};

/// Finds operators by the names that inlining gives them: `call/inner_call/Conv2D` is `Conv2D` in the function that
/// `inner_call` calls in the function that `call` calls.
pub struct Locator<'m> {
    meta: &'m MetaGraph,
    graphs: HashMap<&'m str, usize>,
    /// Of the graphs that were looked into.
    nodes: HashMap<usize, HashMap<&'m str, Vec<NodeId>>>,
    /// How often each of several operators of one name was found.
    turns: HashMap<(usize, String), usize>,
}

impl<'m> Locator<'m> {
    pub fn new(meta: &'m MetaGraph) -> Self {
        let graphs = meta.graphs.iter().enumerate();
        Locator {
            meta,
            graphs: graphs.map(|(index, graph)| (&*graph.name, index)).collect(),
            nodes: HashMap::new(),
            turns: HashMap::new(),
        }
    }

    /// The operator `name` of graph `start` flattened, with the calls that lead to it before it; without it where only
    /// the calls are known. Names of a .tflite are not unique: asked again, the next of that name is found.
    pub fn find(&mut self, start: usize, name: &str) -> Vec<(usize, NodeId)> {
        let mut way = Vec::new();
        let (mut graph, mut rest) = (start, name);
        if let Some(id) = self.node(graph, rest) {
            way.push((graph, id));
            return way;
        }
        // Names have slashes of their own: the shortest beginning that is a call is taken.
        'calls: loop {
            for (end, _) in rest.match_indices('/') {
                let Some((call, callee)) = self.call(graph, &rest[..end]) else {
                    continue;
                };
                way.push((graph, call));
                (graph, rest) = (callee, &rest[end + 1..]);
                if let Some(id) = self.node(graph, rest) {
                    way.push((graph, id));
                    return way;
                }
                continue 'calls;
            }
            return way;
        }
    }

    fn named(&mut self, graph: usize, name: &str) -> &[NodeId] {
        let meta = self.meta;
        let nodes = self.nodes.entry(graph).or_insert_with(|| {
            let mut nodes: HashMap<&str, Vec<NodeId>> = HashMap::new();
            for (index, node) in meta
                .graphs
                .get(graph)
                .iter()
                .flat_map(|g| &g.nodes)
                .enumerate()
            {
                let id = NodeId(index as u32);
                nodes.entry(&*node.name).or_default().push(id);
            }
            nodes
        });
        nodes.get(name).map_or(&[], Vec::as_slice)
    }

    fn node(&mut self, graph: usize, name: &str) -> Option<NodeId> {
        let all = self.named(graph, name);
        let (first, count) = (*all.first()?, all.len());
        if count == 1 {
            return Some(first);
        }
        let turn = self.turns.entry((graph, name.to_owned())).or_default();
        let at = *turn % count;
        *turn += 1;
        self.named(graph, name).get(at).copied()
    }

    fn call(&mut self, graph: usize, name: &str) -> Option<(NodeId, usize)> {
        let id = *self.named(graph, name).first()?;
        let node = self.meta.graphs.get(graph)?.nodes.get(id.index())?;
        let mut callees = node.functions().chain(std::iter::once(&*node.op));
        let callee = callees.find_map(|name| self.graphs.get(name))?;
        Some((id, *callee))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::testing::model;
    use crate::model::{Attr, Dialect, Graph, GraphKind, Node};

    fn graph(name: &str, kind: GraphKind, nodes: &[(&str, &str, Option<&str>)]) -> Graph {
        let mut graph = Graph::new(name, kind, Dialect::Tf);
        for (name, op, calls) in nodes {
            let mut node = Node::new(*name, *op);
            if let Some(callee) = calls {
                let name = (*callee).into();
                let attrs = Default::default();
                node.attrs.set("f", Attr::Func { name, attrs });
            }
            graph.add_node(node);
        }
        graph
    }

    #[test]
    fn calls_are_followed_to_the_operator() {
        let call = "PartitionedCall";
        let graphs = vec![
            graph(
                "",
                GraphKind::Main,
                &[("a/call", call, Some("f")), ("a", "Add", None)],
            ),
            graph("f", GraphKind::Function, &[("net/inner", call, Some("g"))]),
            graph(
                "g",
                GraphKind::Function,
                &[
                    ("net/conv", "Conv2D", None),
                    ("x", "Add", None),
                    ("x", "Add", None),
                ],
            ),
        ];
        let model = model(graphs, &[], &[]);
        let mut locator = Locator::new(&model.meta_graphs[0]);
        let found = |locator: &mut Locator, name| -> Vec<(usize, u32)> {
            let way = locator.find(0, name);
            way.into_iter().map(|(graph, id)| (graph, id.0)).collect()
        };
        assert_eq!(found(&mut locator, "a"), [(0, 1)]);
        assert_eq!(
            found(&mut locator, "a/call/net/inner/net/conv"),
            [(0, 0), (1, 0), (2, 0)]
        );
        assert_eq!(
            found(&mut locator, "a/call/net/inner/fused"),
            [(0, 0), (1, 0)]
        );
        assert_eq!(found(&mut locator, "nowhere/to/go"), []);
        let twice = ["a/call/net/inner/x"; 2].map(|name| found(&mut locator, name)[2]);
        assert_eq!(twice, [(2, 1), (2, 2)]);
    }
}

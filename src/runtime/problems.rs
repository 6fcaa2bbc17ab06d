//! Everything in a model that can't run, in one error.

use std::fmt::Write;

use crate::error::{Error, Result};
use crate::model::{Graph, NodeId};

/// Operators that can't run and why.
#[derive(Debug, Default)]
pub struct Problems(Vec<(usize, NodeId, Error)>);

/// Nodes named per operator and reason; the rest are counted.
const NAMED: usize = 3;

impl Problems {
    /// Of a node of graph number `graph` of the program.
    pub fn add(&mut self, graph: usize, node: NodeId, why: Error) {
        self.0.push((graph, node, why));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Fails with all of them, equal ones together; `graph` gives each by its number.
    pub fn result<'g>(self, graph: impl Fn(usize) -> &'g Graph) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut groups: Vec<(String, Vec<String>)> = Vec::new();
        for (number, id, why) in &self.0 {
            let node = graph(*number).node(*id);
            // The signature's own graph needs no name.
            let name = match number {
                0 => format!("{:?}", node.name),
                _ => format!("{:?} of {:?}", node.name, graph(*number).name),
            };
            let version = match node.version {
                0 => String::new(),
                version => format!(" version {version}"),
            };
            let place = why.place().map(|p| format!("{p}: ")).unwrap_or_default();
            let key = format!("{}{version}: {place}{}", node.op_label(), why.what());
            match groups.iter_mut().find(|(k, _)| *k == key) {
                Some((_, nodes)) => nodes.push(name),
                None => groups.push((key, vec![name])),
            }
        }
        let mut text = match self.0.len() {
            1 => "1 operator can't run: ".to_owned(),
            n => format!("{n} operators can't run: "),
        };
        for (at, (what, nodes)) in groups.iter().enumerate() {
            let named = &nodes[..nodes.len().min(NAMED)];
            let more = match nodes.len().saturating_sub(NAMED) {
                0 => String::new(),
                n => format!(" and {n} more"),
            };
            let separator = if at == 0 { "" } else { "; " };
            // Writing to a String can't fail.
            let _ = write!(text, "{separator}{what} (node {}{more})", named.join(", "));
        }
        let name = &graph(0).name;
        Err(Error::unsupported(text).at(format_args!("graph {name:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Dialect, GraphKind, Node};

    #[test]
    fn equal_problems_are_told_once() {
        let mut graph = Graph::new("main", GraphKind::Subgraph, Dialect::Tflite);
        let mut problems = Problems::default();
        for at in 0..5 {
            let mut node = Node::new(format!("n{at}"), "SVDF");
            node.version = 4;
            let id = graph.add_node(node);
            problems.add(0, id, Error::unsupported("no such operator here"));
        }
        let id = graph.add_node(Node::new("x", "RNN"));
        problems.add(0, id, Error::unsupported("no kernel for int8"));
        insta::assert_snapshot!(
            problems.result(|_| &graph).unwrap_err(),
            @r#"graph "main": 6 operators can't run: SVDF version 4: no such operator here (node "n0", "n1", "n2" and 2 more); RNN: no kernel for int8 (node "x")"#
        );
    }
}

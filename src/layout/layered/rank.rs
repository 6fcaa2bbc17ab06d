//! Which rank each box is in: cycles broken, longest paths from the top, sources pulled down to where they are used.

use petgraph::algo::{greedy_feedback_arc_set, kosaraju_scc, toposort};
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use super::{Link, Pin, Size};

pub(super) struct Ranking {
    pub rank: Vec<usize>,
    /// Per link: it closes a cycle and is laid out as if it went the other way.
    pub back: Vec<bool>,
}

pub(super) fn assign(boxes: &[Size], links: &[Link]) -> Ranking {
    let mut graph: DiGraph<(), usize, usize> = DiGraph::with_capacity(boxes.len(), links.len());
    for _ in boxes {
        graph.add_node(());
    }
    for (index, link) in links.iter().enumerate() {
        if link.from != link.to {
            graph.add_edge(NodeIndex::new(link.from), NodeIndex::new(link.to), index);
        }
    }
    let mut back = vec![false; links.len()];
    // A pin is stronger than the direction of an edge.
    for (index, link) in links.iter().enumerate() {
        back[index] = boxes[link.to].pin == Pin::Top || boxes[link.from].pin == Pin::Bottom;
    }
    turn(&mut graph, links, &back);
    let order = match toposort(&graph, None) {
        Ok(order) => order,
        Err(_) => {
            break_cycles(&mut graph, links, &mut back);
            toposort(&graph, None).unwrap_or_else(|_| graph.node_indices().collect())
        }
    };
    let first_free = usize::from(boxes.iter().any(|b| b.pin == Pin::Top));
    let mut rank: Vec<usize> = boxes
        .iter()
        .map(|b| if b.pin == Pin::Top { 0 } else { first_free })
        .collect();
    for &node in &order {
        for next in graph.neighbors(node) {
            rank[next.index()] = rank[next.index()].max(rank[node.index()] + 1);
        }
    }
    for &node in order.iter().rev() {
        let alone = graph
            .neighbors_directed(node, petgraph::Direction::Incoming)
            .next()
            .is_none();
        let lowest = graph.neighbors(node).map(|n| rank[n.index()]).min();
        if let (true, Some(lowest)) = (alone, lowest) {
            rank[node.index()] = lowest.saturating_sub(1);
        }
    }
    pin(boxes, &mut rank);
    close_gaps(&mut rank);
    Ranking { rank, back }
}

/// Turns the links of `back` round in the graph.
fn turn(graph: &mut DiGraph<(), usize, usize>, links: &[Link], back: &[bool]) {
    graph.retain_edges(|g, e| !back[g[e]]);
    for (index, link) in links.iter().enumerate().filter(|(i, _)| back[*i]) {
        if link.from != link.to {
            graph.add_edge(NodeIndex::new(link.to), NodeIndex::new(link.from), index);
        }
    }
}

/// Within each strongly connected set edges are turned: those against the order in which the boxes were given, or
/// those against a greedy order where they are fewer.
fn break_cycles(graph: &mut DiGraph<(), usize, usize>, links: &[Link], back: &mut [bool]) {
    let mut turned = vec![false; links.len()];
    for set in kosaraju_scc(&*graph).iter().filter(|set| set.len() > 1) {
        let mut members = set.clone();
        members.sort_unstable();
        let local = |node: NodeIndex<usize>| members.binary_search(&node).ok();
        let mut inner: DiGraph<(), usize, usize> = DiGraph::default();
        for _ in &members {
            inner.add_node(());
        }
        for (at, &node) in members.iter().enumerate() {
            for edge in graph.edges(node) {
                if let Some(to) = local(edge.target()) {
                    inner.add_edge(NodeIndex::new(at), NodeIndex::new(to), *edge.weight());
                }
            }
        }
        let backward: Vec<usize> = inner
            .edge_references()
            .filter(|e| e.source() > e.target())
            .map(|e| *e.weight())
            .collect();
        let greedy: Vec<usize> = greedy_feedback_arc_set(&inner)
            .map(|e| *e.weight())
            .collect();
        let fewer = if greedy.len() < backward.len() {
            greedy
        } else {
            backward
        };
        for link in fewer {
            turned[link] = true;
        }
    }
    for (back, turned) in back.iter_mut().zip(&turned) {
        *back ^= *turned;
    }
    let mut whole: DiGraph<(), usize, usize> = DiGraph::with_capacity(graph.node_count(), 0);
    for _ in graph.node_indices() {
        whole.add_node(());
    }
    for (index, link) in links.iter().enumerate().filter(|(_, l)| l.from != l.to) {
        let (from, to) = if back[index] {
            (link.to, link.from)
        } else {
            (link.from, link.to)
        };
        whole.add_edge(NodeIndex::new(from), NodeIndex::new(to), index);
    }
    *graph = whole;
}

fn pin(boxes: &[Size], rank: &mut [usize]) {
    let last = boxes
        .iter()
        .zip(&*rank)
        .filter(|(b, _)| b.pin != Pin::Bottom)
        .map(|(_, r)| *r)
        .max()
        .unwrap_or(0);
    for (b, rank) in boxes.iter().zip(rank) {
        match b.pin {
            Pin::Free => {}
            Pin::Top => *rank = 0,
            Pin::Bottom => *rank = last + 1,
        }
    }
}

/// Ranks without a box vanish.
fn close_gaps(rank: &mut [usize]) {
    let most = rank.iter().max().map_or(0, |r| r + 1);
    let mut used = vec![false; most];
    for r in rank.iter() {
        used[*r] = true;
    }
    let mut at = 0;
    let new: Vec<usize> = used
        .iter()
        .map(|u| {
            at += usize::from(*u);
            at.saturating_sub(1)
        })
        .collect();
    for r in rank.iter_mut() {
        *r = new[*r];
    }
}

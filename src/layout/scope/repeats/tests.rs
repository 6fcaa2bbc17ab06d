use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::layout::export::{Options, Scopes, text};
use crate::layout::scope::Open;
use crate::layout::testing::graph;

/// A graph of operators `(name, op, inputs by name)`.
fn made(nodes: &[(String, &str, Vec<String>)]) -> Graph {
    let takes: Vec<Vec<&str>> = nodes
        .iter()
        .map(|(_, _, takes)| takes.iter().map(String::as_str).collect())
        .collect();
    let nodes: Vec<(&str, &str, &[&str])> = nodes
        .iter()
        .zip(&takes)
        .map(|((name, op, _), takes)| (name.as_str(), *op, takes.as_slice()))
        .collect();
    graph(&["x"], &nodes)
}

fn drawn(graph: &Graph) -> String {
    let options = Options {
        scopes: Scopes::These(Open::default()),
        ..Options::default()
    };
    text(graph, &options)
}

/// A stem, blocks of four with a shortcut, and a head; `name` gives the names of a block's parts.
fn residual(
    blocks: usize,
    name: impl Fn(usize, &str) -> String,
) -> Vec<(String, &'static str, Vec<String>)> {
    let mut nodes = vec![("stem".to_owned(), "Conv2D", vec!["x".to_owned()])];
    let mut last = "stem".to_owned();
    for block in 0..blocks {
        let named = |part: &str| name(block, part);
        nodes.push((named("conv"), "Conv2D", vec![last.clone()]));
        nodes.push((named("relu"), "Relu", vec![named("conv")]));
        nodes.push((named("conv_out"), "Conv2D", vec![named("relu")]));
        nodes.push((named("add"), "AddV2", vec![named("conv_out"), last.clone()]));
        last = named("add");
    }
    nodes.push(("head".to_owned(), "Softmax", vec![last]));
    nodes
}

#[test]
fn flat_names_with_numbers_are_blocks() {
    let nodes = residual(5, |block, part| format!("block_{block}_{part}"));
    assert_snapshot!(drawn(&made(&nodes)), @r"
             ╭───────╮
             │▌x ?×8 │
             ╰───┬───╯
                 │
          ╭──────┴──────╮
          │▌Conv2D stem │
          ╰──────┬──────╯
                 │ ?×8
    ╭────────────┴────────────╮
    │▌▸ block_0 … block_4 ×5  │
    ╰────────────┬────────────╯
                 │ ?×8
         ╭───────┴───────╮
         │▌Softmax head  │
         ╰───────┬───────╯
                 │ ?×8
             ╭───┴───╮
             │▌y ?×8 │
             ╰───────╯
    ");
}

#[test]
fn blocks_of_operators_that_are_alone_in_their_scopes_are_found() {
    // As Keras names them: each layer is a scope around its one operator.
    let nodes = residual(5, |block, part| format!("net/block_{block}_{part}/op"));
    assert!(drawn(&made(&nodes)).contains("block_0 … block_4 ×5"));
}

#[test]
fn the_search_lasts_to_the_blocks_at_the_end() {
    // Before the blocks stand many operators that are much alike and never three times the same.
    let ops = ["Conv2D", "Relu", "BiasAdd"];
    let mut nodes: Vec<(String, &str, Vec<String>)> = Vec::new();
    let mut last = "x".to_owned();
    for at in 0..400usize {
        let op = ops[(at.count_ones() % 2) as usize + usize::from(at % 29 == 0)];
        nodes.push((format!("n{at}"), op, vec![last]));
        last = format!("n{at}");
    }
    let mut blocks = residual(4, |block, part| format!("block_{block}_{part}"));
    blocks[0].2 = vec![last];
    nodes.extend(blocks);
    assert!(drawn(&made(&nodes)).contains("block_0 … block_3 ×4"));
}

#[test]
fn blocks_without_any_names_are_told_by_their_operators() {
    let nodes = residual(3, |block, part| format!("{part}_{}", 7 * block));
    assert_snapshot!(drawn(&made(&nodes)), @r"
              ╭───────╮
              │▌x ?×8 │
              ╰───┬───╯
                  │
           ╭──────┴──────╮
           │▌Conv2D stem │
           ╰──────┬──────╯
                  │ ?×8
    ╭─────────────┴─────────────╮
    │▌▸ Conv2D Relu Conv2D … ×3 │
    ╰─────────────┬─────────────╯
                  │ ?×8
          ╭───────┴───────╮
          │▌Softmax head  │
          ╰───────┬───────╯
                  │ ?×8
              ╭───┴───╮
              │▌y ?×8 │
              ╰───────╯
    ");
}

#[test]
fn a_block_that_takes_from_elsewhere_is_none_of_them() {
    let mut nodes = residual(4, |block, part| format!("block_{block}_{part}"));
    let shortcut = nodes.iter_mut().find(|n| n.0 == "block_2_add").unwrap();
    shortcut.2[1] = "stem".to_owned();
    assert_eq!(Hierarchy::new(&made(&nodes), &[], false).scopes.len(), 1);
}

#[test]
fn what_all_blocks_take_may_come_from_before_them() {
    let mut nodes = residual(3, |block, part| format!("block_{block}_{part}"));
    nodes.insert(1, ("mask".to_owned(), "Sigmoid", vec!["stem".to_owned()]));
    for node in &mut nodes {
        if node.0.ends_with("relu") {
            node.1 = "Mul";
            node.2.push("mask".to_owned());
        }
    }
    assert!(drawn(&made(&nodes)).contains("×3"));
}

#[test]
fn a_long_row_of_almost_equal_operators_takes_no_long_time() {
    let ops = ["Relu", "Elu", "Selu"];
    let mut nodes = vec![("n0".to_owned(), "Relu", vec!["x".to_owned()])];
    for at in 1..3_000usize {
        // Thue and Morse: no block comes three times in a row.
        let op = ops[(at.count_ones() % 2) as usize];
        nodes.push((format!("n{at}"), op, vec![format!("n{}", at - 1)]));
    }
    let graph = made(&nodes);
    let begun = std::time::Instant::now();
    let hierarchy = Hierarchy::new(&graph, &[], false);
    assert_eq!(hierarchy.scopes.len(), 1);
    assert!(begun.elapsed().as_secs() < 5);
}

proptest! {
    #[test]
    fn grouped_blocks_are_equal_and_nothing_is_lost(
        ops in prop::collection::vec((0usize..3, 1usize..4), 1..8),
        times in 1usize..6,
        tail in prop::collection::vec((0usize..3, 1usize..4), 0..6),
    ) {
        let names = ["Relu", "Conv2D", "AddV2"];
        let mut nodes: Vec<(String, &str, Vec<String>)> = Vec::new();
        let body = std::iter::repeat_n(ops.iter(), times).flatten().chain(&tail);
        for (at, (op, back)) in body.enumerate() {
            let source = |back: usize| match at.checked_sub(back) {
                Some(earlier) => format!("n{earlier}"),
                None => "x".to_owned(),
            };
            let mut takes = vec![source(1)];
            if names[*op] == "AddV2" {
                takes.push(source(*back));
            }
            nodes.push((format!("n{at}"), names[*op], takes));
        }
        let graph = made(&nodes);
        let hierarchy = Hierarchy::new(&graph, &[], false);
        let mut all: Vec<NodeId> = hierarchy.nodes(Item::Scope(ScopeId::ROOT)).collect();
        all.sort_unstable();
        prop_assert_eq!(all, graph.node_ids().collect::<Vec<_>>());
        for scope in hierarchy.scopes.iter().filter(|s| s.repeat.is_some()) {
            prop_assert_eq!(scope.repeat, Some(scope.children.len()));
            let ops = |item: &Item| -> Vec<&str> {
                hierarchy.nodes(*item).map(|id| &*graph.node(id).op).collect()
            };
            let first = ops(&scope.children[0]);
            prop_assert!(scope.children.iter().all(|child| ops(child) == first));
        }
    }
}

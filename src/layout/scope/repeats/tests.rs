use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::layout::export::{Options, Scopes, text};
use crate::layout::scope::Open;
use crate::layout::testing::graph;
use crate::model::Shape;

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

/// How often each group repeats, and how many operators are in it.
fn groups(graph: &Graph) -> Vec<(usize, usize)> {
    let hierarchy = Hierarchy::new(graph, &[], false);
    let groups = hierarchy.scopes.iter();
    groups.filter_map(|s| Some((s.repeat?, s.ops))).collect()
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
fn long_names_of_blocks_are_told_by_their_numbers() {
    assert_eq!(from_to("layer_0", "layer_11"), "layer_0 … layer_11");
    assert_eq!(
        from_to("conv2_block1", "conv2_block16"),
        "conv2_block1 … 16"
    );
    assert_eq!(
        from_to("encoder_of_words", "encoder_of_sounds"),
        "encoder_of_words …"
    );
    assert_eq!(
        from_to("a_stage_of_many_1", "another_stage_of_2"),
        "a_stage_of_many_1 …"
    );
    let ends = |first, last| numbered_ends(first, last);
    let convs = ends("Conv2d_1_depthwise", "Conv2d_16_pointwise");
    assert_eq!(convs.as_deref(), Some("Conv2d_1 … Conv2d_16"));
    let far = ends("conv10", "conv12");
    assert_eq!(far.as_deref(), Some("conv10 … conv12"));
    // Nothing that tells a layer.
    assert_eq!(ends("stem", "head"), None);
    assert_eq!(ends("relu", "relu_4"), None);
    assert_eq!(ends("1", "4"), None);
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
    ╭────────┴────────╮
    │▌▸ Conv2D +3 ×3  │
    ╰────────┬────────╯
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
fn cells_that_take_from_two_before_them_are_blocks() {
    let mut nodes = vec![
        ("stem".to_owned(), "Conv2D", vec!["x".to_owned()]),
        ("pool".to_owned(), "MaxPool", vec!["stem".to_owned()]),
    ];
    let (mut before, mut last) = ("stem".to_owned(), "pool".to_owned());
    for cell in 0..4 {
        let named = |part: &str| format!("{part}_{cell}");
        let mut add = |name: &str, op, takes: &[&str]| {
            let takes = takes.iter().map(|take| (*take).to_owned()).collect();
            nodes.push((named(name), op, takes));
        };
        add("adjust", "Relu", &[&before]);
        add("squeeze", "Relu", &[&last]);
        add("left", "Conv2D", &[&named("adjust")]);
        add("right", "AvgPool", &[&named("squeeze")]);
        add("out", "AddV2", &[&named("left"), &named("right")]);
        (before, last) = (last, named("out"));
    }
    nodes.push(("head".to_owned(), "Softmax", vec![last]));
    assert_eq!(groups(&made(&nodes)), [(4, 20)]);
}

#[test]
fn blocks_with_other_windows_are_not_the_same() {
    let with = |windows: [[i64; 2]; 4]| {
        let mut nodes = residual(4, |block, part| format!("block_{block}_{part}"));
        for block in 0..4 {
            nodes.push((format!("filter_{block}"), "Const", Vec::new()));
            let convolution = nodes
                .iter_mut()
                .find(|n| n.0 == format!("block_{block}_conv"));
            convolution.unwrap().2.push(format!("filter_{block}"));
        }
        // The graph's result is what stands last.
        let at = nodes.iter().position(|n| n.0 == "head").unwrap();
        let head = nodes.remove(at);
        nodes.push(head);
        let mut graph = made(&nodes);
        for (block, [height, width]) in windows.into_iter().enumerate() {
            let name = format!("filter_{block}");
            let filter = graph.values.iter_mut().find(|v| *v.name == *name).unwrap();
            filter.shape = Shape(Some(vec![height, width, 16 << block, 32 << block]));
        }
        groups(&graph)
    };
    assert_eq!(with([[3, 3]; 4]), [(4, 16)]);
    assert_eq!(with([[3, 3], [5, 5], [3, 3], [5, 5]]), []);
}

#[test]
fn equal_branches_that_come_together_are_blocks() {
    let branches = |joined: bool| {
        let mut nodes = vec![("stem".to_owned(), "Conv2D", vec!["x".to_owned()])];
        for branch in 0..5 {
            let named = |part: &str| format!("{part}_{branch}");
            nodes.push((named("slice"), "StridedSlice", vec!["stem".to_owned()]));
            nodes.push((named("conv"), "Conv2D", vec![named("slice")]));
        }
        let ends = (0..5).map(|branch| format!("conv_{branch}"));
        if joined {
            nodes.push(("join".to_owned(), "Pack", ends.collect()));
        }
        groups(&made(&nodes))
    };
    assert_eq!(branches(true), [(5, 10)]);
    assert_eq!(branches(false), []);
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

/// Equal blocks between a convolution and a softmax, each from one value to one value. The parts of a block are its
/// operators and which of the block's values before them, or of what goes into it, they take.
fn chain_of(
    parts: &[(usize, usize, usize)],
    times: usize,
) -> Vec<(String, &'static str, Vec<String>)> {
    const OPS: [&str; 5] = ["Relu", "MaxPool", "AddV2", "Sub", "Mul"];
    let mut nodes = vec![("stem".to_owned(), "Sigmoid", vec!["x".to_owned()])];
    let mut last = "stem".to_owned();
    for block in 0..times {
        let named = |at: usize| format!("n{block}_{at}");
        nodes.push((named(0), "Conv2D", vec![last.clone()]));
        let mut open: Vec<String> = vec![named(0)];
        for (at, (op, first, second)) in parts.iter().enumerate() {
            // Zero is what goes into the block.
            let source = |back: usize| match back % (at + 2) {
                0 => last.clone(),
                part => named(part - 1),
            };
            let mut takes = vec![source(*first)];
            if *op > 1 {
                takes.push(source(*second));
            }
            open.retain(|name| !takes.contains(name));
            open.push(named(at + 1));
            nodes.push((named(at + 1), OPS[*op], takes));
        }
        let end = named(parts.len() + 1);
        nodes.push((end.clone(), "ConcatV2", open));
        last = end;
    }
    nodes.push(("head".to_owned(), "Softmax", vec![last]));
    nodes
}

/// The graph, its operators in the file in another order.
fn shuffled(nodes: &[(String, &'static str, Vec<String>)], order: &[usize]) -> Graph {
    let mut moved: Vec<_> = nodes.iter().zip(order).collect();
    // The graph's result stays last.
    let head = moved.pop();
    moved.sort_by_key(|(_, place)| **place);
    let moved: Vec<_> = moved
        .into_iter()
        .chain(head)
        .map(|(node, _)| node.clone())
        .collect();
    made(&moved)
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

    #[test]
    fn the_order_in_the_file_says_nothing(
        parts in prop::collection::vec((0usize..5, 0usize..100, 0usize..100), 1..9),
        times in 3usize..6,
        order in prop::collection::vec(any::<usize>(), 64),
    ) {
        let nodes = chain_of(&parts, times);
        let found = groups(&shuffled(&nodes, &order));
        prop_assert_eq!(found, [(times, nodes.len() - 2)]);
    }

    #[test]
    fn a_block_with_another_operator_is_none_of_them(
        parts in prop::collection::vec((0usize..5, 0usize..100, 0usize..100), 1..9),
        changed in any::<prop::sample::Index>(),
        order in prop::collection::vec(any::<usize>(), 64),
    ) {
        // The middle one of five: two on either side are too few.
        let mut nodes = chain_of(&parts, 5);
        let size = parts.len() + 2;
        nodes[1 + 2 * size + changed.index(size)].1 = "Atan2";
        let found = groups(&shuffled(&nodes, &order));
        prop_assert!(found.iter().all(|(times, ops)| times * size != *ops), "{:?}", found);
    }
}

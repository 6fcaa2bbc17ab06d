use insta::assert_snapshot;

use super::export::{self, Options, Scopes};
use super::scene::Detail;
use super::scope::{Hierarchy, Item, Open};
use super::testing::{graph, residual};
use crate::model::NodeId;

#[test]
fn weights_stay_out_of_the_flow_and_single_children_take_the_place_of_their_scope() {
    let graph = residual();
    let hierarchy = Hierarchy::new(&graph, &[], false);
    let shown = hierarchy.shown(&Open::default());
    assert!(!hierarchy.contains(Item::Input(1)));
    assert!(!hierarchy.contains(Item::Node(NodeId(0))));
    assert_eq!(shown.len(), 6, "x, conv, bn, relu, add, y: {shown:?}");
    let weights = hierarchy.weights.at(&graph, NodeId(1));
    assert_eq!(weights.len(), 1);
    assert_eq!(weights[0].slot, 1);
    assert_eq!(
        hierarchy.stand_in(&graph, NodeId(0)),
        Some(Item::Node(NodeId(1)))
    );
}

#[test]
fn open_scopes_are_frames_and_edges_pass_through_them() {
    assert_snapshot!(export::text(&residual(), &Options::default()), @r"
       ╭───────╮
       │▌x ?×8 │
       ╰───┬───╯
           ├─────────╮
    ╭──────┴──────╮  │
    │▌Conv2D conv │  │
    ╰──────┬──────╯  │
           │ ?×8     │
    ╭ ▾ bn ┼──────╮  │
    │      │      │  │
    │  ╭───┴───╮  │  │
    │  │▌Mul   │  │  │
    │  ╰───┬───╯  │  │
    │      │ ?×8  │  │
    │  ╭───┴───╮  │  │
    │  │▌AddV2 │  │  │
    │  ╰───┬───╯  │  │
    │      │ ?×8  │  │
    ╰──────┼──────╯  │
           │         │
     ╭─────┴─────╮   │
     │▌Relu relu │   │
     ╰─────┬─────╯   │
       ?×8 │ ╭───────╯
     ╭─────┴─┴───╮
     │▌AddV2 add │
     ╰─────┬─────╯
           │ ?×8
       ╭───┴───╮
       │▌y ?×8 │
       ╰───────╯
    ");
}

#[test]
fn lines_and_dots_are_smaller() {
    let drawn = |detail| {
        let options = Options {
            detail,
            scopes: Scopes::First(20),
            ..Options::default()
        };
        export::text(&residual(), &options)
    };
    assert_snapshot!(drawn(Detail::Full), @r"
       ╭───────────╮
       │▌x ?×8     │
       │▌float32   │
       ╰─────┬─────╯
             ├───────────╮
      ╭──────┴──────╮    │
      │▌Conv2D conv │    │
      │▌?×8 float32 │    │
      ╰──────┬──────╯    │
             │           │
    ╭ ▾ bn ──┼────────╮  │
    │        │        │  │
    │ ╭──────┴──────╮ │  │
    │ │▌Mul         │ │  │
    │ │▌?×8 float32 │ │  │
    │ ╰──────┬──────╯ │  │
    │        │        │  │
    │ ╭──────┴──────╮ │  │
    │ │▌AddV2       │ │  │
    │ │▌?×8 float32 │ │  │
    │ ╰──────┬──────╯ │  │
    │        │        │  │
    ╰────────┼────────╯  │
             │           │
      ╭──────┴──────╮    │
      │▌Relu relu   │    │
      │▌?×8 float32 │    │
      ╰──────┬──────╯    │
             │ ╭─────────╯
      ╭──────┴─┴────╮
      │▌AddV2 add   │
      │▌?×8 float32 │
      ╰──────┬──────╯
             │
       ╭─────┴─────╮
       │▌y ?×8     │
       │▌float32   │
       ╰───────────╯
    ");
    assert_snapshot!(drawn(Detail::Line), @r"
        ▌x ?×8
           ├─────────╮
     ▌Conv2D conv    │
           │         │
    ╭ ▾ bn ┼──────╮  │
    │      │      │  │
    │    ▌Mul     │  │
    │      │      │  │
    │   ▌AddV2    │  │
    │      │      │  │
    ╰──────┼──────╯  │
           │         │
      ▌Relu relu     │
           │ ╭───────╯
      ▌AddV2 add
           │
        ▌y ?×8
    ");
    assert_snapshot!(drawn(Detail::Dot), @r"
           ○
           ├─────────╮
           ●         │
           │         │
    ╭ ▾ bn ┼──────╮  │
    │      │      │  │
    │      ●      │  │
    │      │      │  │
    │      ●      │  │
    │      │      │  │
    ╰──────┼──────╯  │
           │         │
           ●         │
           ├─────────╯
           ●
           │
           ○
    ");
}

#[test]
fn equal_blocks_in_a_row_are_one_with_a_count() {
    let mut nodes: Vec<(String, &str, Vec<String>)> = Vec::new();
    let mut last = "x".to_owned();
    for block in 0..4 {
        let relu = format!("layer_{block}/Relu");
        let add = format!("layer_{block}/Add");
        nodes.push((relu.clone(), "Relu", vec![last.clone()]));
        nodes.push((add.clone(), "Add", vec![relu, last]));
        last = add;
    }
    let takes: Vec<Vec<&str>> = nodes
        .iter()
        .map(|(_, _, t)| t.iter().map(String::as_str).collect())
        .collect();
    let nodes: Vec<(&str, &str, &[&str])> = nodes
        .iter()
        .zip(&takes)
        .map(|((name, op, _), takes)| (name.as_str(), *op, takes.as_slice()))
        .collect();
    let options = Options {
        scopes: Scopes::These(Open::default()),
        ..Options::default()
    };
    assert_snapshot!(export::text(&graph(&["x"], &nodes), &options), @r"
             ╭───────╮
             │▌x ?×8 │
             ╰───┬───╯
                 │
    ╭────────────┴────────────╮
    │▌▸ layer_0 … layer_3 ×4  │
    ╰────────────┬────────────╯
                 │ ?×8
             ╭───┴───╮
             │▌y ?×8 │
             ╰───────╯
    ");
}

#[test]
fn a_loop_goes_back_up() {
    let mut looped = graph(
        &["x"],
        &[
            ("merge", "Merge", &["x", "next"]),
            ("add", "Add", &["merge"]),
            ("next", "NextIteration", &["add"]),
            ("exit", "Exit", &["add"]),
        ],
    );
    let next = looped.nodes[2].outputs[0];
    looped.nodes[0].inputs[1] = Some(next);
    assert_snapshot!(export::text(&looped, &Options::default()), @r"
            ╭───────╮
            │▌x ?×8 │
            ╰───┬───╯
                │
            ╭───┴───╮
            │▌Merge │
            ╰──┬─┬──╯
           ?×8 │ ╰╌╌╌╌╌╮
            ╭──┴────╮  ┊
            │▌Add   │  ┊
            ╰───┬───╯  ┊
         ╭──────┴────╮ ┊
    ╭────┴──╮   ╭────┴─┴────────╮
    │▌Exit  │   │▌NextIteration │
    ╰───┬───╯   ╰───────────────╯
        │ ?×8
    ╭───┴───╮
    │▌y ?×8 │
    ╰───────╯
    ");
}

#[test]
fn dot_and_json_name_everything() {
    let options = Options {
        scopes: Scopes::First(20),
        ..Options::default()
    };
    assert_snapshot!(export::dot(&residual(), &options), @r##"
    digraph "f" {
      node [shape=box, style=rounded, fontname=monospace];
      in0 [label="x\n?×8\nfloat32", color="#6b7280"];
      n1 [label="Conv2D\nconv\n?×8 float32", color="#4c7fd9"];
      subgraph cluster_3 { label="bn";
      n3 [label="Mul\n\n?×8 float32", color="#5f9e3a"];
      n4 [label="AddV2\n\n?×8 float32", color="#5f9e3a"];
      }
      n5 [label="Relu\nrelu\n?×8 float32", color="#d9822b"];
      n6 [label="AddV2\nadd\n?×8 float32", color="#5f9e3a"];
      out0 [label="y\n?×8\nfloat32", color="#6b7280"];
      in0 -> n1 [label="?×8"];
      n1 -> n3 [label="?×8"];
      n3 -> n4 [label="?×8"];
      n4 -> n5 [label="?×8"];
      n5 -> n6 [label="?×8"];
      in0 -> n6 [label="?×8"];
      n6 -> out0 [label="?×8"];
    }
    "##);
    let json: serde_json::Value =
        serde_json::from_str(&export::json(&residual(), &options)).unwrap();
    assert_eq!(json["edges"].as_array().unwrap().len(), 7);
    assert!(export::svg(&residual(), &options).ends_with("</svg>\n"));
}

#[test]
fn waiting_without_data_is_dotted_and_noops_are_passed_through() {
    let mut graph = graph(
        &["x"],
        &[
            ("assign", "AssignVariableOp", &["x"]),
            ("group", "NoOp", &[]),
            ("double", "Mul", &["x"]),
        ],
    );
    graph.nodes[1].control = vec![NodeId(0)];
    graph.nodes[2].control = vec![NodeId(1)];
    assert_snapshot!(export::text(&graph, &Options::default()), @r"
          ╭───────╮
          │▌x ?×8 │
          ╰───┬───╯
              ├────────────╮
    ╭─────────┴─────────╮  │
    │▌AssignVariableOp  │  │
    ╰─────────┬─────────╯  │
              ┊ ╭──────────╯
       ╭──────┴─┴────╮
       │▌Mul double  │
       ╰──────┬──────╯
              │ ?×8
          ╭───┴───╮
          │▌y ?×8 │
          ╰───────╯
    ");
    assert!(export::dot(&graph, &Options::default()).contains("n0 -> n2 [style=dotted];"));
}

#[test]
fn wide_characters_take_two_columns() {
    let graph = graph(&["画像"], &[("畳み込み", "Relu", &["画像"])]);
    assert_snapshot!(export::text(&graph, &Options::default()), @r"
      ╭───────────╮
      │▌画像 ?×8  │
      ╰─────┬─────╯
            │
    ╭───────┴───────╮
    │▌Relu 畳み込み │
    ╰───────┬───────╯
            │ ?×8
        ╭───┴───╮
        │▌y ?×8 │
        ╰───────╯
    ");
}

#[test]
fn a_box_with_none_beside_it_may_be_wider() {
    let long = "a_name_of_a_layer_that_is_longer";
    let graph = super::testing::graph(
        &["x"],
        &[
            (long, "Conv2D", &["x"]),
            ("left_that_is_a_rather_long_name", "Conv2D", &[long]),
            ("right_that_is_a_rather_long_name", "Relu", &[long]),
            (
                "sum",
                "AddV2",
                &[
                    "left_that_is_a_rather_long_name",
                    "right_that_is_a_rather_long_name",
                ],
            ),
        ],
    );
    let drawn = super::export::text(&graph, &super::export::Options::default());
    assert!(drawn.contains(&format!("Conv2D {long}")), "{drawn}");
    assert!(
        drawn.contains("Conv2D …") && drawn.contains("Relu …"),
        "{drawn}"
    );
}

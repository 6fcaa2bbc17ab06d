//! Promise: TensorFlow 1's loops run as often as their conditions say, and graphs that only look like loops are errors.

use std::time::Duration;

use proptest::prelude::*;

use super::blocks_tests::{many, run, scalar};
use super::tests::{Net, open};
use super::*;
use crate::model::{Attr, Attrs, DType, Dialect, ValueId};
use crate::progress::Progress;

fn op(net: &mut Net, op: &str, inputs: &[ValueId]) -> ValueId {
    net.op(op, inputs, DType::Int32, Attrs::new())
}

fn enter(net: &mut Net, frame: &str, value: ValueId, constant: bool) -> ValueId {
    let attrs = Attrs::new()
        .with("frame_name", Attr::Bytes(frame.as_bytes().to_vec().into()))
        .with("is_constant", Attr::Bool(constant))
        .with("parallel_iterations", Attr::Int(10));
    net.op("Enter", &[value], DType::Int32, attrs)
}

/// Counts variable 0 up to `limit`; `body` gives the next values of the others. Gives what is left of all.
fn count(
    net: &mut Net,
    frame: &str,
    limit: ValueId,
    first: &[ValueId],
    body: impl FnOnce(&mut Net, &[ValueId]) -> Vec<ValueId>,
) -> Vec<ValueId> {
    let limit = enter(net, frame, limit, true);
    let mut merges = Vec::new();
    for &value in first {
        let entered = enter(net, frame, value, false);
        let types = [DType::Int32; 2];
        // What comes round is not there yet.
        merges.push(many(net, "Merge", &[entered, entered], &types, Attrs::new())[0]);
    }
    let less = net.op("Less", &[merges[0], limit], DType::Bool, Attrs::new());
    let test = net.op("LoopCond", &[less], DType::Bool, Attrs::new());
    let (mut left, mut inside) = (Vec::new(), Vec::new());
    for &merge in &merges {
        let types = [DType::Int32; 2];
        let switch = many(net, "Switch", &[merge, test], &types, Attrs::new());
        left.push(op(net, "Exit", &[switch[0]]));
        inside.push(op(net, "Identity", &[switch[1]]));
    }
    let one = net.constant(&scalar(1));
    let mut next = vec![op(net, "AddV2", &[inside[0], one])];
    next.extend(body(net, &inside));
    for (&merge, &next) in merges.iter().zip(&next) {
        let round = op(net, "NextIteration", &[next]);
        let (node, _) = net.0.value(merge).producer.unwrap();
        net.0.node_mut(node).inputs[1] = Some(round);
    }
    left
}

fn answer(session: &mut Session, inputs: &[Tensor]) -> Vec<i32> {
    let outputs = run(session, inputs).unwrap();
    outputs
        .iter()
        .map(|t| t.values::<i32>().unwrap()[0])
        .collect()
}

#[test]
fn a_loop_runs_until_its_condition_fails() {
    let mut net = Net::new(Dialect::Tf);
    let limit = net.input("limit", DType::Int32, &[]);
    let by = net.input("by", DType::Int32, &[]);
    let zero = net.constant(&scalar(0));
    let constant = enter(&mut net, "loop", by, true);
    let left = count(&mut net, "loop", limit, &[zero, zero], |net, now| {
        vec![op(net, "AddV2", &[now[1], constant])]
    });
    let mut session = open(&net.finish(&left)).unwrap();
    for (limit, by) in [(4, 3), (0, 3), (1, -2), (7, 1)] {
        assert_eq!(
            answer(&mut session, &[scalar(limit), scalar(by)]),
            [limit, limit * by]
        );
    }
}

#[test]
fn loops_lie_in_loops_and_see_what_is_outside() {
    // total = Σ_{i<n} Σ_{j<i} (j + k)
    let mut net = Net::new(Dialect::Tf);
    let n = net.input("n", DType::Int32, &[]);
    let k = net.input("k", DType::Int32, &[]);
    let zero = net.constant(&scalar(0));
    let outer_k = enter(&mut net, "outer", k, true);
    let left = count(&mut net, "outer", n, &[zero, zero], |net, now| {
        let (i, total) = (now[0], now[1]);
        let inner_k = enter(net, "inner", outer_k, true);
        let start = net.constant(&scalar(0));
        let left = count(net, "inner", i, &[start, total], |net, now| {
            let term = op(net, "AddV2", &[now[0], inner_k]);
            vec![op(net, "AddV2", &[now[1], term])]
        });
        vec![left[1]]
    });
    let mut session = open(&net.finish(&[left[1]])).unwrap();
    for (n, k) in [(4, 10), (0, 1), (1, 5), (6, -1)] {
        let expected: i32 = (0..n).flat_map(|i| (0..i).map(move |j| j + k)).sum();
        assert_eq!(answer(&mut session, &[scalar(n), scalar(k)]), [expected]);
    }
    session.set_profiling(true);
    answer(&mut session, &[scalar(4), scalar(1)]);
    let profile = session.profile();
    let calls = |graph: &str, op: &str| {
        let mut found = profile.iter();
        let found = found.find(|t| t.graph.as_deref() == Some(graph) && &*t.op == op);
        found.map(|t| t.calls)
    };
    assert_eq!(calls("outer/body", "While"), Some(4));
    assert_eq!(calls("inner/cond", "Less"), Some(4 + 6));
    assert_eq!(calls("inner/body", "AddV2"), Some(6));
    let all: u64 = profile.iter().map(OpTime::own).sum();
    let outermost = profile.iter().filter(|t| t.graph.is_none());
    assert_eq!(all, outermost.map(|t| t.nanos).sum::<u64>());
}

#[test]
fn a_loop_decides_in_its_body() {
    // Collatz' steps: halves even numbers, else 3n + 1; one step a round.
    let mut net = Net::new(Dialect::Tf);
    let rounds = net.input("rounds", DType::Int32, &[]);
    let x = net.input("x", DType::Int32, &[]);
    let zero = net.constant(&scalar(0));
    let left = count(&mut net, "loop", rounds, &[zero, x], |net, now| {
        let [one, two, three] = [1, 2, 3].map(|v| net.constant(&scalar(v)));
        let rest = op(net, "FloorMod", &[now[1], two]);
        let odd = net.op("Equal", &[rest, one], DType::Bool, Attrs::new());
        let types = [DType::Int32; 2];
        let branches = many(net, "Switch", &[now[1], odd], &types, Attrs::new());
        let half = op(net, "FloorDiv", &[branches[0], two]);
        let triple = op(net, "Mul", &[branches[1], three]);
        let grown = op(net, "AddV2", &[triple, one]);
        vec![many(net, "Merge", &[half, grown], &types, Attrs::new())[0]]
    });
    let mut session = open(&net.finish(&[left[1]])).unwrap();
    for (rounds, expected) in [(0, 6), (1, 3), (2, 10), (3, 5), (8, 1)] {
        assert_eq!(
            answer(&mut session, &[scalar(rounds), scalar(6)]),
            [expected]
        );
    }
}

#[test]
fn two_loops_follow_each_other() {
    let mut net = Net::new(Dialect::Tf);
    let n = net.input("n", DType::Int32, &[]);
    let zero = net.constant(&scalar(0));
    let double = |net: &mut Net, now: &[ValueId]| vec![op(net, "AddV2", &[now[1], now[1]])];
    let first = count(&mut net, "first", n, &[zero, n], double);
    let second = count(&mut net, "second", first[0], &[zero, first[1]], double);
    let mut session = open(&net.finish(&[second[1]])).unwrap();
    assert_eq!(answer(&mut session, &[scalar(2)]), [2 << 4]);
}

#[test]
fn what_only_looks_like_a_loop_is_an_error() {
    let whole = |change: fn(&mut Net)| {
        let mut net = Net::new(Dialect::Tf);
        let limit = net.input("limit", DType::Int32, &[]);
        let zero = net.constant(&scalar(0));
        let left = count(&mut net, "loop", limit, &[zero, zero], |_, now| {
            vec![now[0]]
        });
        change(&mut net);
        match open(&net.finish(&left)) {
            Ok(mut session) => run(&mut session, &[scalar(2)]).map(|_| ()),
            Err(error) => Err(error),
        }
    };
    assert!(whole(|_| {}).is_ok());
    for change in [
        (|net: &mut Net| replace(net, "Enter")) as fn(&mut Net),
        |net| replace(net, "NextIteration"),
        |net| replace(net, "Merge"),
        |net| replace(net, "LoopCond"),
        |net| {
            net.0
                .nodes
                .iter_mut()
                .for_each(|node| node.inputs.truncate(1))
        },
        |net| {
            net.0
                .nodes
                .iter_mut()
                .for_each(|node| node.attrs = Attrs::new())
        },
    ] {
        // An error, or at least an end.
        let _ = whole(change);
    }
    assert!(whole(|net| replace(net, "Merge")).is_err());
    assert!(whole(|net| replace(net, "NextIteration")).is_err());
}

/// Operators of this name become others.
fn replace(net: &mut Net, op: &str) {
    let nodes = net.0.nodes.iter_mut().filter(|node| &*node.op == op);
    nodes.for_each(|node| node.op = "Identity".into());
}

const PIECES: [&str; 10] = [
    "Enter",
    "Merge",
    "Switch",
    "LoopCond",
    "NextIteration",
    "Exit",
    "Identity",
    "AddV2",
    "Less",
    "LogicalNot",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Pieces of loops put together at random: errors, or runs that can be stopped.
    #[test]
    fn any_graph_of_such_pieces_ends(
        nodes in prop::collection::vec(
            (0..PIECES.len(), any::<[u8; 2]>(), any::<bool>(), 0u8..3), 1..24,
        ),
        wanted in any::<u8>(),
    ) {
        let mut net = Net::new(Dialect::Tf);
        let x = net.input("x", DType::Int32, &[]);
        let choice = net.input("choice", DType::Bool, &[]);
        let mut values = vec![x, choice];
        for &(piece, ..) in &nodes {
            let attrs = Attrs::new().with("frame_name", Attr::Bytes(b"loop".to_vec().into()));
            let two = matches!(PIECES[piece], "Merge" | "Switch");
            let kind = match PIECES[piece] {
                "Less" | "LoopCond" | "LogicalNot" => DType::Bool,
                _ => DType::Int32,
            };
            let types = if two { vec![kind, DType::Int32] } else { vec![kind] };
            values.extend(many(&mut net, PIECES[piece], &[x], &types, attrs));
        }
        // Inputs from anywhere, also from behind.
        for (at, &(piece, inputs, wait, frame)) in nodes.iter().enumerate() {
            let inputs = inputs.map(|input| Some(values[usize::from(input) % values.len()]));
            let node = &mut net.0.nodes[at];
            let two = matches!(PIECES[piece], "Merge" | "Switch" | "AddV2" | "Less");
            node.inputs = inputs[..if two { 2 } else { 1 }].to_vec();
            let name: String = format!("loop{frame}");
            node.attrs.set("frame_name", Attr::Bytes(name.into_bytes().into()));
            if wait {
                node.control.push(crate::model::NodeId(0));
            }
        }
        let wanted = values[usize::from(wanted) % values.len()];
        let progress = Progress::new();
        let stopper = progress.clone();
        let stop = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(30));
            stopper.cancel();
        });
        if let Ok(mut session) = open(&net.finish(&[wanted])) {
            let inputs = [
                ("#0".to_owned(), scalar(1)),
                ("#1".to_owned(), Tensor::typed(DType::Bool, &[], &[1u8])),
            ];
            let _ = session.run(&inputs, &progress);
        }
        stop.join().unwrap();
    }
}

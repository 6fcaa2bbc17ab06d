//! Promise: of TensorFlow 1's conditions only what was chosen runs.

use super::blocks_tests::{many, run, scalar};
use super::tests::{Net, open};
use super::*;
use crate::model::{Attrs, DType, Dialect, ValueId};
use crate::ops;

fn op(net: &mut Net, op: &str, inputs: &[ValueId]) -> ValueId {
    net.op(op, inputs, DType::Int32, Attrs::new())
}

/// What lives where the choice is false, and where it is true.
fn switch(net: &mut Net, value: ValueId, choice: ValueId) -> [ValueId; 2] {
    let types = [DType::Int32; 2];
    let outputs = many(net, "Switch", &[value, choice], &types, Attrs::new());
    [outputs[0], outputs[1]]
}

/// The value that lives, and its number.
fn merge(net: &mut Net, values: &[ValueId]) -> [ValueId; 2] {
    let outputs = many(net, "Merge", values, &[DType::Int32; 2], Attrs::new());
    [outputs[0], outputs[1]]
}

fn ask(net: &mut Net, name: &str) -> ValueId {
    net.input(name, DType::Bool, &[])
}

fn bool(value: bool) -> Tensor {
    Tensor::typed(DType::Bool, &[], &[u8::from(value)])
}

fn answer(session: &mut Session, inputs: &[Tensor]) -> Vec<i32> {
    let outputs = run(session, inputs).unwrap();
    outputs
        .iter()
        .map(|t| t.values::<i32>().unwrap()[0])
        .collect()
}

/// `x / y` where asked, else `-x`.
fn condition() -> (Net, ValueId) {
    let mut net = Net::new(Dialect::Tf);
    let x = net.input("x", DType::Int32, &[]);
    let y = net.input("y", DType::Int32, &[]);
    let choice = ask(&mut net, "choice");
    let [no, yes] = switch(&mut net, x, choice);
    let [_, divisor] = switch(&mut net, y, choice);
    let quotient = op(&mut net, "FloorDiv", &[yes, divisor]);
    let negative = op(&mut net, "Neg", &[no]);
    let [value, _] = merge(&mut net, &[negative, quotient]);
    (net, value)
}

#[test]
fn the_branch_that_is_not_chosen_does_not_run() {
    let (net, value) = condition();
    let mut session = open(&net.finish(&[value])).unwrap();
    assert_eq!(
        answer(&mut session, &[scalar(7), scalar(2), bool(true)]),
        [3]
    );
    // Dividing by 0 is an error wherever it happens.
    assert_eq!(
        answer(&mut session, &[scalar(7), scalar(0), bool(false)]),
        [-7]
    );
    assert!(run(&mut session, &[scalar(7), scalar(0), bool(true)]).is_err());
    assert_eq!(
        answer(&mut session, &[scalar(8), scalar(2), bool(true)]),
        [4]
    );
}

#[test]
fn a_merge_says_which_input_lives() {
    let mut net = Net::new(Dialect::Tf);
    let x = net.input("x", DType::Int32, &[]);
    let choice = ask(&mut net, "choice");
    let [no, yes] = switch(&mut net, x, choice);
    let merged = merge(&mut net, &[no, yes]);
    let mut session = open(&net.finish(&merged)).unwrap();
    assert_eq!(answer(&mut session, &[scalar(5), bool(false)]), [5, 0]);
    assert_eq!(answer(&mut session, &[scalar(5), bool(true)]), [5, 1]);
}

#[test]
fn conditions_lie_in_conditions() {
    let mut net = Net::new(Dialect::Tf);
    let x = net.input("x", DType::Int32, &[]);
    let (outer, inner) = (ask(&mut net, "outer"), ask(&mut net, "inner"));
    let [no, yes] = switch(&mut net, x, outer);
    // The inner question is only asked where the outer answer was yes.
    let types = [DType::Bool; 2];
    let asked = many(&mut net, "Switch", &[inner, outer], &types, Attrs::new())[1];
    let [inner_no, inner_yes] = switch(&mut net, yes, asked);
    let square = op(&mut net, "Square", &[inner_yes]);
    let [within, _] = merge(&mut net, &[inner_no, square]);
    let negative = op(&mut net, "Neg", &[no]);
    let [value, number] = merge(&mut net, &[within, negative]);
    let mut session = open(&net.finish(&[value, number])).unwrap();
    let mut answer = |outer, inner| answer(&mut session, &[scalar(3), bool(outer), bool(inner)]);
    assert_eq!(answer(true, true), [9, 0]);
    assert_eq!(answer(true, false), [3, 0]);
    assert_eq!(answer(false, true), [-3, 1]);
    assert_eq!(answer(false, false), [-3, 1]);
}

#[test]
fn what_waits_for_a_dead_node_is_dead() {
    let mut net = Net::new(Dialect::Tf);
    let x = net.input("x", DType::Int32, &[]);
    let choice = ask(&mut net, "choice");
    let [no, yes] = switch(&mut net, x, choice);
    let pivot = op(&mut net, "Identity", &[yes]);
    let five = net.constant(&scalar(5));
    let constant = op(&mut net, "Identity", &[five]);
    let (waits, _) = net.0.value(constant).producer.unwrap();
    let (before, _) = net.0.value(pivot).producer.unwrap();
    net.0.node_mut(waits).control.push(before);
    let [value, _] = merge(&mut net, &[constant, no]);
    let mut session = open(&net.finish(&[value])).unwrap();
    assert_eq!(answer(&mut session, &[scalar(2), bool(true)]), [5]);
    assert_eq!(answer(&mut session, &[scalar(2), bool(false)]), [2]);
}

#[test]
fn a_result_in_a_branch_that_was_not_taken_is_an_error() {
    let mut net = Net::new(Dialect::Tf);
    let x = net.input("x", DType::Int32, &[]);
    let choice = ask(&mut net, "choice");
    let [_, yes] = switch(&mut net, x, choice);
    let both = merge(&mut net, &[yes, yes])[0];
    let square = op(&mut net, "Square", &[both]);
    let mut session = open(&net.finish(&[square])).unwrap();
    assert_eq!(answer(&mut session, &[scalar(4), bool(true)]), [16]);
    let error = run(&mut session, &[scalar(4), bool(false)])
        .unwrap_err()
        .to_string();
    assert!(error.contains("was not taken"), "{error}");
    assert_eq!(answer(&mut session, &[scalar(5), bool(true)]), [25]);
}

#[test]
fn a_graph_without_conditions_needs_no_book_of_the_dead() {
    let mut net = Net::new(Dialect::Tf);
    let x = net.input("x", DType::Int32, &[]);
    let y = op(&mut net, "Neg", &[x]);
    let (node, _) = net.0.value(y).producer.unwrap();
    let fed = [true, false];
    assert!(
        dead::Liveness::new(&net.0, &[node], &fed)
            .unwrap()
            .is_none()
    );
    assert!(ops::names(Dialect::Tf).contains(&"RefSwitch"));
}

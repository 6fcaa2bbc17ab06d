//! What a session says that runs changed.

use std::sync::Arc;

use super::tests::{Net, open};
use super::*;
use crate::model::{Attr, Attrs, DType, Dialect, Model, Node, ValueId};
use crate::progress::Progress;

fn effect(net: &mut Net, op: &str, inputs: &[ValueId]) {
    let mut node = Node::new(op.to_lowercase(), op);
    node.inputs = inputs.iter().copied().map(Some).collect();
    net.0.add_node(node);
}

fn handle(net: &mut Net) -> ValueId {
    let named = Attrs::new().with("shared_name", Attr::Bytes(b"sum".to_vec().into()));
    net.op("VAR_HANDLE", &[], DType::Resource, named)
}

fn run(session: &mut Session, x: Tensor) {
    let name = session.inputs()[0].name.to_string();
    session.run(&[(name, x)], &Progress::new()).unwrap();
}

fn said(session: &Session, before: &Moment) -> String {
    let numbers = |tensor: Option<Arc<Tensor>>| tensor.map(|t| t.numbers());
    let changes = session.changes(before).into_iter();
    let said = changes.map(|change| match change.changed {
        Changed::Table { before, after } => format!("{} {before} → {after}", change.name),
        Changed::Variable { before, after } => {
            let [before, after] = [before, after].map(numbers);
            format!("{} {before:?} → {after:?}", change.name)
        }
    });
    said.collect::<Vec<_>>().join("\n")
}

/// Its input becomes the value of a variable.
fn keeper() -> Model {
    let mut net = Net::new(Dialect::Tflite);
    let x = net.input("x", DType::Float32, &[1]);
    let variable = handle(&mut net);
    effect(&mut net, "ASSIGN_VARIABLE", &[variable, x]);
    net.finish(&[x])
}

#[test]
fn a_variable_changes_where_its_value_is_another() {
    let model = keeper();
    let mut session = open(&model).unwrap();
    let value = |v: f32| Tensor::from_values(&[1], &[v]);
    let first = session.moment();
    run(&mut session, value(3.0));
    assert_eq!(said(&session, &first), "sum None → Some([3.0])");
    let second = session.moment();
    run(&mut session, value(4.0));
    assert_eq!(said(&session, &second), "sum Some([3.0]) → Some([4.0])");
    // Written, but the same.
    let third = session.moment();
    run(&mut session, value(4.0));
    assert_eq!(said(&session, &third), "");
    session.reset();
    assert_eq!(said(&session, &third), "sum Some([4.0]) → None");
}

#[test]
fn a_variable_tensor_changes_even_where_its_memory_is_given_back() {
    let mut net = Net::new(Dialect::Tflite);
    let x = net.input("x", DType::Float32, &[1, 2]);
    let weights = net.constant(&Tensor::from_values(&[1, 2], &[1.0f32, 0.5]));
    let around = net.constant(&Tensor::from_values(&[1, 1], &[0.5f32]));
    let bias = net.constant(&Tensor::from_values(&[1], &[0.0f32]));
    let state = net.input("state", DType::Float32, &[1, 1]);
    net.0.inputs.pop();
    net.0.value_mut(state).is_variable = true;
    let operands = [x, weights, around, bias, state];
    let out = net.op("RNN", &operands, DType::Float32, Attrs::new());
    let model = net.finish(&[out]);
    let mut session = open(&model).unwrap();
    let x = Tensor::from_values(&[1, 2], &[1.0f32, 2.0]);
    let first = session.moment();
    run(&mut session, x.clone());
    assert_eq!(said(&session, &first), "state Some([0.0]) → Some([2.0])");
    let second = session.moment();
    let named = [(session.inputs()[0].name.to_string(), x)];
    session.run_last(&named, &Progress::new()).unwrap();
    assert_eq!(said(&session, &second), "state Some([2.0]) → Some([3.0])");
}

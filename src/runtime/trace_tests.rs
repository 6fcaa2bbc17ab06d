//! Promise: a traced run shows what the run before computed, leaves the session as it was, and blames whom it should.

use super::blocks_tests::{many, run, scalar, subgraphs, with_blocks};
use super::tests::{Net, open};
use super::*;
use crate::model::{Attr, Attrs, DType, Dialect, Model, Node};
use crate::progress::Progress;

fn floats(values: &[f32]) -> Tensor {
    Tensor::from_values(&[values.len()], values)
}

fn op(net: &mut Net, op: &str, inputs: &[ValueId]) -> ValueId {
    net.op(op, inputs, DType::Float32, Attrs::new())
}

/// Runs once and once more, watched.
fn traced(model: &Model, inputs: &[Tensor]) -> Trace {
    let mut session = open(model).unwrap();
    let before = session.moment();
    run(&mut session, inputs).unwrap();
    trace(&mut session, &before, inputs)
}

fn trace(session: &mut Session, before: &Moment, inputs: &[Tensor]) -> Trace {
    let named = inputs.iter().enumerate();
    let named: Vec<_> = named.map(|(i, t)| (format!("#{i}"), t.clone())).collect();
    let progress = Progress::new();
    session.trace(before, &named, None, &progress).unwrap()
}

/// `what, source, name, count/of` of where it came from, and of what that came from.
fn told(trace: &Trace) -> String {
    match &trace.not_finite[..] {
        [] => "finite".to_owned(),
        all => all.iter().map(told_of).collect::<Vec<_>>().join("; "),
    }
}

fn told_of(found: &NotFinite) -> String {
    let mut words = format!("{} {}/{}:", found.output, found.count, found.of);
    let mut each = Some(&found.origin);
    while let Some(o) = each {
        let graph = o.graph.as_deref().unwrap_or("-");
        words += &format!(
            " {} {:?} {} {}/{} in {graph} call {}",
            o.what, o.source, o.name, o.count, o.of, o.call
        );
        for Operand { min, max, .. } in &o.from {
            words += &format!(" [{min} {max}]");
        }
        each = o.cause.as_deref();
        words += if each.is_some() { " <-" } else { "" };
    }
    words
}

#[test]
fn the_operator_that_made_the_first_nan_is_named_with_what_it_had() {
    let mut net = Net::new(Dialect::Tf);
    let x = net.input("x", DType::Float32, &[4]);
    let log = op(&mut net, "Log", &[x]);
    let doubled = op(&mut net, "AddV2", &[log, log]);
    let out = op(&mut net, "Neg", &[doubled]);
    let model = net.finish(&[out]);
    let trace = traced(&model, &[floats(&[-2.0, 1.0, 3.0, -1.0])]);
    assert_eq!(
        told(&trace),
        "Neg 2/4: NaN Operator log 2/4 in - call 1 [-2 3]"
    );
    let names: Vec<&str> = trace.values.iter().map(|v| &*v.name).collect();
    assert_eq!(names, ["x", "Log", "AddV2", "Neg"]);
    assert!(trace.values[0].maker.is_none() && !trace.values[0].nan);
    assert!(trace.values[3].nan && trace.values[3].shape == [4]);
    assert_eq!(told(&traced(&model, &[floats(&[1.0; 4])])), "finite");
}

#[test]
fn an_infinity_that_becomes_a_nan_is_followed_further() {
    let mut net = Net::new(Dialect::Tf);
    let x = net.input("x", DType::Float32, &[2]);
    let large = op(&mut net, "Exp", &[x]);
    let none = op(&mut net, "Sub", &[large, large]);
    let model = net.finish(&[none]);
    assert_eq!(
        told(&traced(&model, &[floats(&[1000.0, 0.0])])),
        "Sub 1/2: NaN Operator sub 1/2 in - call 1 [1 1] [1 1] <- Inf Operator exp 1/2 in - call 1 [0 1000]"
    );
    // Of two outputs the one with a NaN, whichever comes first.
    let mut net = Net::new(Dialect::Tf);
    let x = net.input("x", DType::Float32, &[2]);
    let large = op(&mut net, "Exp", &[x]);
    let log = op(&mut net, "Log", &[x]);
    let model = net.finish(&[large, log]);
    let found = told(&traced(&model, &[floats(&[1000.0, -1.0])]));
    assert!(found.starts_with("Log 1/2: NaN Operator log"), "{found}");
    let found = told(&traced(&model, &[floats(&[1000.0, 1.0])]));
    assert!(found.starts_with("Exp 1/2: Inf Operator exp"), "{found}");
}

#[test]
fn a_mask_of_minus_infinity_is_not_blamed() {
    let masked = |log: bool| {
        let mut net = Net::new(Dialect::Tf);
        let x = net.input("x", DType::Float32, &[1, 3]);
        let mask = [0.0, f32::NEG_INFINITY, 0.0];
        let mask = net.constant(&Tensor::from_values(&[1, 3], &mask));
        let sum = op(&mut net, "AddV2", &[x, mask]);
        let weights = op(&mut net, "Softmax", &[sum]);
        let out = match log {
            true => op(&mut net, "Log", &[weights]),
            false => weights,
        };
        net.finish(&[out])
    };
    let x = [Tensor::from_values(&[1, 3], &[1.0f32, 2.0, 3.0])];
    assert_eq!(told(&traced(&masked(false), &x)), "finite");
    let found = told(&traced(&masked(true), &x));
    assert!(found.starts_with("Log 1/3: Inf Operator log"), "{found}");
}

#[test]
fn inputs_constants_and_what_was_computed_of_them_are_told_apart() {
    let mut net = Net::new(Dialect::Tf);
    let x = net.input("x", DType::Float32, &[2]);
    let given = net.constant(&floats(&[f32::NAN, 1.0]));
    net.0.value_mut(given).name = "given".into();
    let out = op(&mut net, "Mul", &[x, given]);
    let model = net.finish(&[out]);
    let found = traced(&model, &[floats(&[1.0, 1.0])]);
    assert_eq!(told(&found), "Mul 1/2: NaN Constant given 1/2 in - call 0");
    let found = traced(&model, &[floats(&[1.0, f32::NAN])]);
    assert_eq!(told(&found), "Mul 2/2: NaN Input x 1/2 in - call 0");

    // Computed before the run, of constants that are finite.
    let mut net = Net::new(Dialect::Tf);
    let x = net.input("x", DType::Float32, &[2]);
    let less = net.constant(&floats(&[-1.0, 1.0]));
    let log = op(&mut net, "Log", &[less]);
    let log = op(&mut net, "Neg", &[log]);
    let out = op(&mut net, "Mul", &[x, log]);
    let found = traced(&net.finish(&[out]), &[floats(&[1.0, 1.0])]);
    assert_eq!(told(&found), "Mul 1/2: NaN Operator log 1/2 in - call 0");
}

/// Halves `x` less one `count` times and takes its logarithm each time.
fn looping() -> Model {
    let mut main = Net::new(Dialect::Tflite);
    let count = main.input("count", DType::Int32, &[]);
    let x = main.input("x", DType::Float32, &[2]);
    let attrs = subgraphs(&[("cond_subgraph_index", 1), ("body_subgraph_index", 2)]);
    let zero = main.constant(&floats(&[0.0, 0.0]));
    let types = [DType::Int32, DType::Float32, DType::Float32];
    let results = many(&mut main, "WHILE", &[count, x, zero], &types, attrs);
    let out = op(&mut main, "NEG", &[results[2]]);

    let values = |net: &mut Net| {
        let left = net.input("left", DType::Int32, &[]);
        let x = net.input("x", DType::Float32, &[2]);
        (left, x, net.input("logs", DType::Float32, &[2]))
    };
    let mut condition = Net::new(Dialect::Tflite);
    let (left, ..) = values(&mut condition);
    let zero = condition.constant(&scalar(0));
    let more = condition.op("GREATER", &[left, zero], DType::Bool, Attrs::new());
    let mut body = Net::new(Dialect::Tflite);
    let (left, x, logs) = values(&mut body);
    let one = body.constant(&scalar(1));
    let next = body.op("SUB", &[left, one], DType::Int32, Attrs::new());
    let step = body.constant(&floats(&[1.0, 0.0]));
    let less = op(&mut body, "SUB", &[x, step]);
    let log = op(&mut body, "LOG", &[less]);
    let sum = op(&mut body, "ADD", &[logs, log]);
    with_blocks(
        main,
        &[out],
        vec![(condition, vec![more]), (body, vec![next, less, sum])],
    )
}

#[test]
fn a_nan_is_followed_through_the_rounds_of_a_loop() {
    let inputs = |count: i32| [scalar(count), floats(&[2.5, 1.0])];
    assert_eq!(told(&traced(&looping(), &inputs(2))), "finite");
    let found = traced(&looping(), &inputs(5));
    assert_eq!(
        told(&found),
        "NEG 1/2: NaN Operator log 1/2 in block2 call 3 [-0.5 1]"
    );
    let inner = found.values.iter().find(|value| &*value.name == "LOG");
    let inner = inner.unwrap();
    assert_eq!((inner.calls, inner.graph.as_deref()), (5, Some("block2")));
    // The value of the last round can be had.
    let mut session = open(&looping()).unwrap();
    let before = session.moment();
    let named = [
        ("#0".to_owned(), scalar(2)),
        ("#1".to_owned(), floats(&[2.5, 1.0])),
    ];
    let look = |most: usize| Some((inner.at, most));
    let progress = Progress::new();
    let taken = session.trace(&before, &named, look(8), &progress).unwrap();
    let tensor = taken.taken.unwrap().unwrap();
    assert_eq!(tensor.numbers(), [f64::from(0.5f32.ln()), 0.0]);
    let refused = session.trace(&before, &named, look(7), &progress).unwrap();
    let refused = refused.taken.unwrap().unwrap_err().to_string();
    insta::assert_snapshot!(refused, @"it has 1 MB; values of up to 0 MB are kept to be looked at");
}

#[test]
fn what_is_looked_at_is_not_run_once_more() {
    // A variable that counts.
    let named = || Attrs::new().with("shared_name", Attr::Bytes(b"sum".to_vec().into()));
    let mut main = Net::new(Dialect::Tflite);
    let x = main.input("x", DType::Float32, &[1]);
    let effect = |net: &mut Net, op: &str, inputs: &[ValueId], attrs: Attrs| {
        let mut node = Node::new(op.to_lowercase(), op);
        node.inputs = inputs.iter().copied().map(Some).collect();
        node.attrs = attrs;
        net.0.add_node(node);
    };
    effect(
        &mut main,
        "CALL_ONCE",
        &[],
        subgraphs(&[("init_subgraph_index", 1)]),
    );
    let handle = main.op("VAR_HANDLE", &[], DType::Resource, named());
    let before = main.op("READ_VARIABLE", &[handle], DType::Float32, Attrs::new());
    let sum = op(&mut main, "ADD", &[before, x]);
    effect(&mut main, "ASSIGN_VARIABLE", &[handle, sum], Attrs::new());
    let mut init = Net::new(Dialect::Tflite);
    let same = init.op("VAR_HANDLE", &[], DType::Resource, named());
    let start = init.constant(&floats(&[100.0]));
    effect(&mut init, "ASSIGN_VARIABLE", &[same, start], Attrs::new());
    let model = with_blocks(main, &[sum], vec![(init, Vec::new())]);

    let mut session = open(&model).unwrap();
    let next = |session: &mut Session| run(session, &[floats(&[1.0])]).unwrap()[0].numbers();
    let first = session.moment();
    assert_eq!(next(&mut session), [101.0]);
    let second = session.moment();
    assert_eq!(next(&mut session), [102.0]);
    for (before, want) in [(&first, 101.0), (&second, 102.0)] {
        let trace = trace(&mut session, before, &[floats(&[1.0])]);
        let sum = trace.values.iter().find(|value| &*value.name == "ADD");
        assert_eq!(sum.unwrap().range, Some((want, want)));
    }
    assert_eq!(next(&mut session), [103.0]);
    // What a run left behind is not the fault of the operator that reads it.
    run(&mut session, &[floats(&[f32::NAN])]).unwrap();
    let before = session.moment();
    run(&mut session, &[floats(&[1.0])]).unwrap();
    let found = told(&trace(&mut session, &before, &[floats(&[1.0])]));
    assert!(found.contains("NaN Variable"), "{found}");
}

#[test]
fn a_variable_tensor_is_as_the_last_run_left_it() {
    let mut net = Net::new(Dialect::Tflite);
    let x = net.input("x", DType::Float32, &[1, 2]);
    let weights = net.constant(&Tensor::from_values(&[1, 2], &[1.0f32, 0.5]));
    let around = net.constant(&Tensor::from_values(&[1, 1], &[0.5f32]));
    let bias = net.constant(&floats(&[0.0]));
    let state = net.input("state", DType::Float32, &[1, 1]);
    net.0.inputs.pop();
    net.0.value_mut(state).is_variable = true;
    let out = op(&mut net, "RNN", &[x, weights, around, bias, state]);
    let model = net.finish(&[out]);
    let mut session = open(&model).unwrap();
    let x = [Tensor::from_values(&[1, 2], &[1.0f32, 2.0])];
    let first = session.moment();
    assert_eq!(run(&mut session, &x).unwrap()[0].numbers(), [2.0]);
    let second = session.moment();
    assert_eq!(run(&mut session, &x).unwrap()[0].numbers(), [3.0]);
    for (before, want) in [(&second, 3.0), (&first, 2.0)] {
        let trace = trace(&mut session, before, &x);
        let out = trace.values.iter().find(|value| &*value.name == "RNN");
        assert_eq!(out.unwrap().range, Some((want, want)));
    }
    assert_eq!(run(&mut session, &x).unwrap()[0].numbers(), [3.5]);
}

#[test]
fn the_same_random_numbers_are_drawn() {
    let mut net = Net::new(Dialect::Tf);
    let sizes = net.constant(&Tensor::from_values(&[1], &[4i32]));
    let attrs = Attrs::new().with("dtype", Attr::Type(DType::Float32));
    let drawn = net.op("RandomUniform", &[sizes], DType::Float32, attrs);
    let model = net.finish(&[drawn]);
    let mut session = open(&model).unwrap();
    let before = session.moment();
    let drawn = run(&mut session, &[]).unwrap().remove(0).numbers();
    let trace = trace(&mut session, &before, &[]);
    let low = drawn.iter().copied().fold(1.0, f64::min);
    let high = drawn.iter().copied().fold(0.0, f64::max);
    assert_eq!(trace.values[0].range, Some((low, high)));
    assert_ne!(run(&mut session, &[]).unwrap()[0].numbers(), drawn);
}

#[test]
fn every_operator_is_there_and_the_session_joins_them_again() {
    let mut net = Net::new(Dialect::Tflite);
    let x = net.input("x", DType::Float32, &[6, 48]);
    let gate = op(&mut net, "LOGISTIC", &[x]);
    let swish = op(&mut net, "MUL", &[gate, x]);
    let flat = net.constant(&Tensor::from_values(&[1], &[-1i32]));
    let out = op(&mut net, "RESHAPE", &[swish, flat]);
    let model = net.finish(&[out]);
    let mut session = open(&model).unwrap();
    session.set_profiling(true);
    let x = [Tensor::zeros(DType::Float32, &[6, 48]).unwrap()];
    let before = session.moment();
    run(&mut session, &x).unwrap();
    assert_eq!(session.profile().len(), 1);
    let trace = trace(&mut session, &before, &x);
    let names: Vec<&str> = trace.values.iter().map(|v| &*v.name).collect();
    assert_eq!(names, ["x", "LOGISTIC", "MUL", "RESHAPE"]);
    assert_eq!(trace.values[3].shape, [6 * 48]);
    run(&mut session, &x).unwrap();
    assert_eq!(session.profile().len(), 1);
}

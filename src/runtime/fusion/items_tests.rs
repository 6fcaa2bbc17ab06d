//! Promise: a loop that replaces items of a list, and one that hands its values round, answer as their operators say.

use crate::model::{Attrs, DType, Dialect, Model};
use crate::runtime::blocks_tests::{ints, many, run, scalar, subgraphs, with_blocks};
use crate::runtime::tests::{Net, open, open_with};
use crate::runtime::*;

/// Sets rows 0, 1, … of a list of `rows` pairs, which is zeros, to the row's number times `x`, as often as the first
/// input says; what follows the row is cut off `step` rows further.
fn filling(rows: i32, step: i32) -> Model {
    let mut main = Net::new(Dialect::Tflite);
    let limit = main.input("limit", DType::Int32, &[]);
    let x = main.input("x", DType::Int32, &[2]);
    let zero = main.constant(&scalar(0));
    let list = main.constant(&Tensor::zeros(DType::Int32, &[rows as usize, 2]).unwrap());
    let attrs = subgraphs(&[("cond_subgraph_index", 1), ("body_subgraph_index", 2)]);
    let types = [DType::Int32; 4];
    let results = many(&mut main, "WHILE", &[zero, limit, list, x], &types, attrs);

    let values = |net: &mut Net| {
        let i = net.input("i", DType::Int32, &[]);
        let limit = net.input("limit", DType::Int32, &[]);
        let list = net.input("list", DType::Int32, &[i64::from(rows), 2]);
        [i, limit, list, net.input("x", DType::Int32, &[2])]
    };
    let mut condition = Net::new(Dialect::Tflite);
    let [i, limit, ..] = values(&mut condition);
    let less = condition.op("LESS", &[i, limit], DType::Bool, Attrs::new());

    let mut body = Net::new(Dialect::Tflite);
    let [i, limit, list, x] = values(&mut body);
    let mut op = |op: &str, inputs: &[ValueId]| body.op(op, inputs, DType::Int32, Attrs::new());
    let product = op("MUL", &[x, i]);
    let known = [
        scalar(1),
        scalar(step),
        ints(&[1]),
        ints(&[1, 2]),
        ints(&[0]),
        ints(&[-1]),
    ];
    let more = [ints(&[0, 0]), ints(&[-1, -1])];
    let known = known
        .iter()
        .chain(&more)
        .map(|tensor| body.constant(tensor));
    let known: Vec<ValueId> = known.collect();
    let [one, step, single, row, start, end, begin, whole] = known[..] else {
        unreachable!()
    };
    let mut op = |op: &str, inputs: &[ValueId]| body.op(op, inputs, DType::Int32, Attrs::new());
    let next = op("ADD", &[i, one]);
    let behind = op("ADD", &[i, step]);
    let (at, behind) = (
        op("RESHAPE", &[i, single]),
        op("RESHAPE", &[behind, single]),
    );
    let (size, behind) = (
        op("CONCATENATION", &[at, end]),
        op("CONCATENATION", &[behind, start]),
    );
    let before = op("SLICE", &[list, begin, size]);
    let after = op("SLICE", &[list, behind, whole]);
    let item = op("RESHAPE", &[product, row]);
    let list = op("CONCATENATION", &[before, item, after]);
    with_blocks(
        main,
        &[results[2]],
        vec![(condition, vec![less]), (body, vec![next, limit, list, x])],
    )
}

#[test]
fn plain_kernels_cut_and_join() {
    let options = RunOptions {
        kernels: KernelChoice::Reference,
        ..RunOptions::default()
    };
    let mut session = open_with(&filling(4, 1), &options).unwrap();
    session.set_profiling(true);
    let outputs = run(&mut session, &[scalar(3), ints(&[3, -5])]).unwrap();
    assert!(operators(&session).contains(&"SLICE"));
    let rows = [0, 0, 3, -5, 6, -10, 0, 0];
    assert_eq!(outputs[0].values::<i32>().unwrap(), rows);
}

fn operators(session: &Session) -> Vec<&str> {
    session.profile().iter().map(|time| &*time.op).collect()
}

#[test]
fn an_item_is_replaced_where_the_list_lies() {
    let mut session = open(&filling(4, 1)).unwrap();
    session.set_profiling(true);
    for limit in [4, 0, 2] {
        let outputs = run(&mut session, &[scalar(limit), ints(&[3, -5])]).unwrap();
        let rows = (0..4).flat_map(|i| if i < limit { [3 * i, -5 * i] } else { [0, 0] });
        assert_eq!(
            outputs[0].values::<i32>().unwrap(),
            rows.collect::<Vec<_>>()
        );
        assert_eq!(outputs[0].shape(), [4, 2]);
        assert!(!operators(&session).contains(&"SLICE"));
    }
    let refused = run(&mut session, &[scalar(6), ints(&[3, 5])]).unwrap_err();
    assert!(
        refused.to_string().contains("item 4 of a list of 4"),
        "{refused}"
    );
}

#[test]
fn what_is_cut_elsewhere_is_no_replaced_item() {
    let mut session = open(&filling(4, 2)).unwrap();
    session.set_profiling(true);
    let outputs = run(&mut session, &[scalar(2), ints(&[3, -5])]).unwrap();
    assert!(operators(&session).contains(&"SLICE"));
    // Each round a row less: 0 and 1, of which the second came behind the first.
    assert_eq!(outputs[0].values::<i32>().unwrap(), [0, 0, 3, -5]);
}

#[test]
fn values_that_take_each_others_places_in_a_loop_stay_apart() {
    let mut main = Net::new(Dialect::Tflite);
    let limit = main.input("limit", DType::Int32, &[]);
    let start = main.input("start", DType::Int32, &[3]);
    let zero = main.constant(&scalar(0));
    let attrs = subgraphs(&[("cond_subgraph_index", 1), ("body_subgraph_index", 2)]);
    let given = [zero, limit, start, start, start];
    let results = many(&mut main, "WHILE", &given, &[DType::Int32; 5], attrs);
    let values = |net: &mut Net| {
        let mut scalar = |name| net.input(name, DType::Int32, &[]);
        let (i, limit) = (scalar("i"), scalar("limit"));
        let mut row = |name| net.input(name, DType::Int32, &[3]);
        [i, limit, row("a"), row("b"), row("c")]
    };
    let mut condition = Net::new(Dialect::Tflite);
    let [i, limit, ..] = values(&mut condition);
    let less = condition.op("LESS", &[i, limit], DType::Bool, Attrs::new());
    let mut body = Net::new(Dialect::Tflite);
    let [i, limit, a, b, c] = values(&mut body);
    let one = body.constant(&scalar(1));
    let next = body.op("ADD", &[i, one], DType::Int32, Attrs::new());
    let sum = body.op("ADD", &[a, b], DType::Int32, Attrs::new());
    let difference = body.op("SUB", &[sum, c], DType::Int32, Attrs::new());
    let model = with_blocks(
        main,
        &[results[2], results[3], results[4]],
        vec![
            (condition, vec![less]),
            (body, vec![next, limit, b, sum, difference]),
        ],
    );
    let mut session = open(&model).unwrap();
    let start = [1, -2, 5];
    for limit in [0, 1, 2, 7] {
        let outputs = run(&mut session, &[scalar(limit), ints(&start)]).unwrap();
        let (mut a, mut b, mut c) = (start, start, start);
        for _ in 0..limit {
            let sum = [0, 1, 2].map(|i| a[i] + b[i]);
            c = [0, 1, 2].map(|i| sum[i] - c[i]);
            (a, b) = (b, sum);
        }
        for (output, expected) in outputs.iter().zip([a, b, c]) {
            assert_eq!(output.values::<i32>().unwrap(), expected);
        }
    }
}

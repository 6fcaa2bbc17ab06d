//! Promise: graphs that run graphs, and what outlives a run, answer as TensorFlow Lite's and TensorFlow's do.

use super::tests::{Net, open};
use super::*;
use crate::error::{Kind, Result};
use crate::model::{Attr, Attrs, DType, Dialect, GraphKind, Model, Node, ValueId};
use crate::progress::Progress;

/// A model with more graphs than the signature's own: they are numbered from 1.
pub(super) fn with_blocks(
    main: Net,
    outputs: &[ValueId],
    blocks: Vec<(Net, Vec<ValueId>)>,
) -> Model {
    let mut model = main.finish(outputs);
    for (at, (Net(mut graph), outputs)) in blocks.into_iter().enumerate() {
        graph.outputs = outputs.into_iter().map(Some).collect();
        graph.name = format!("block{}", at + 1).into();
        if graph.dialect == Dialect::Tf {
            graph.kind = GraphKind::Function;
        }
        model.meta_graphs[0].graphs.push(graph);
    }
    model
}

pub(super) fn run(session: &mut Session, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
    let named = inputs.iter().enumerate();
    let named: Vec<_> = named.map(|(i, t)| (format!("#{i}"), t.clone())).collect();
    let outputs = session.run(&named, &Progress::new())?;
    Ok(outputs.into_iter().map(|(_, tensor)| tensor).collect())
}

pub(super) fn ints(values: &[i32]) -> Tensor {
    Tensor::from_values(&[values.len()], values)
}

pub(super) fn scalar(value: i32) -> Tensor {
    Tensor::from_values(&[], &[value])
}

pub(super) fn subgraphs(names: &[(&str, i64)]) -> Attrs {
    let add = |attrs: Attrs, (name, number): &(&str, i64)| attrs.with(*name, Attr::Int(*number));
    names.iter().fold(Attrs::new(), add)
}

/// A node with several outputs.
pub(super) fn many(
    net: &mut Net,
    op: &str,
    inputs: &[ValueId],
    types: &[DType],
    attrs: Attrs,
) -> Vec<ValueId> {
    let first = net.op(op, inputs, types[0], attrs);
    let mut outputs = vec![first];
    for (at, &dtype) in types.iter().enumerate().skip(1) {
        let name = format!("{op}:{at}");
        let value = crate::model::Value::new(name, dtype, crate::model::Shape::UNKNOWN);
        outputs.push(net.0.add_value(value));
    }
    let (node, _) = net.0.value(first).producer.unwrap();
    net.0.node_mut(node).outputs = outputs.clone();
    for (slot, &output) in outputs.iter().enumerate() {
        net.0.value_mut(output).producer = Some((node, slot as u32));
    }
    outputs
}

/// Counts `i` up to a limit and joins `row` to `rows` each time: a value that grows.
fn growing() -> Model {
    let mut main = Net::new(Dialect::Tflite);
    let limit = main.input("limit", DType::Int32, &[]);
    let rows = main.input("rows", DType::Int32, &[-1]);
    let zero = main.constant(&scalar(0));
    let attrs = subgraphs(&[("cond_subgraph_index", 1), ("body_subgraph_index", 2)]);
    let types = [DType::Int32; 3];
    let results = many(&mut main, "WHILE", &[zero, limit, rows], &types, attrs);

    let values = |net: &mut Net| {
        let i = net.input("i", DType::Int32, &[]);
        let limit = net.input("limit", DType::Int32, &[]);
        (i, limit, net.input("rows", DType::Int32, &[-1]))
    };
    let mut condition = Net::new(Dialect::Tflite);
    let (i, limit, _) = values(&mut condition);
    let less = condition.op("LESS", &[i, limit], DType::Bool, Attrs::new());

    let mut body = Net::new(Dialect::Tflite);
    let (i, limit, rows) = values(&mut body);
    let one = body.constant(&scalar(1));
    let next = body.op("ADD", &[i, one], DType::Int32, Attrs::new());
    let shape = body.constant(&ints(&[1]));
    let row = body.op("RESHAPE", &[i, shape], DType::Int32, Attrs::new());
    let joined = body.op("CONCATENATION", &[rows, row], DType::Int32, Attrs::new());
    with_blocks(
        main,
        &[results[0], results[2]],
        vec![(condition, vec![less]), (body, vec![next, limit, joined])],
    )
}

#[test]
fn a_loop_runs_as_often_as_its_condition_says_and_its_values_may_grow() {
    let mut session = open(&growing()).unwrap();
    for limit in [3, 0, 5] {
        let outputs = run(&mut session, &[scalar(limit), ints(&[7])]).unwrap();
        let mut expected = vec![7];
        expected.extend(0..limit);
        assert_eq!(outputs[0].values::<i32>().unwrap(), [limit]);
        assert_eq!(outputs[1].values::<i32>().unwrap(), expected);
    }
}

#[test]
fn the_operators_of_a_loop_are_timed_over_its_rounds() {
    let mut session = open(&growing()).unwrap();
    run(&mut session, &[scalar(4), ints(&[7])]).unwrap();
    assert!(session.profile().is_empty());
    session.set_profiling(true);
    for limit in [5, 3] {
        run(&mut session, &[scalar(limit), ints(&[7])]).unwrap();
        let rounds = limit as u64;
        let profile = session.profile();
        let told = profile
            .iter()
            .map(|t| (t.graph.as_deref().unwrap_or(""), &*t.op, t.calls));
        let expected = [
            ("", "WHILE", 1),
            ("block1", "LESS", rounds + 1),
            ("block2", "ADD", rounds),
            ("block2", "CONCATENATION", rounds),
        ];
        assert_eq!(told.collect::<Vec<_>>(), expected);
        let within: u64 = profile[1..].iter().map(|t| t.nanos).sum();
        assert_eq!(profile[0].inner, within);
        assert!(within <= profile[0].nanos);
        let own: u64 = profile.iter().map(OpTime::own).sum();
        assert_eq!(own, profile[0].nanos);
    }
}

#[test]
fn an_endless_loop_can_be_stopped() {
    let mut session = open(&growing()).unwrap();
    let progress = Progress::new();
    let stopper = progress.clone();
    let stop = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(50));
        stopper.cancel();
    });
    let inputs = [scalar(i32::MAX), Tensor::from_values(&[0], &[0i32; 0])];
    let named: Vec<_> = inputs
        .iter()
        .enumerate()
        .map(|(i, t)| (format!("#{i}"), t.clone()))
        .collect();
    let error = session.run(&named, &progress).unwrap_err();
    assert_eq!(error.kind(), crate::error::Kind::Cancelled);
    stop.join().unwrap();
    // And it runs again.
    let outputs = run(&mut session, &[scalar(1), ints(&[7])]).unwrap();
    assert_eq!(outputs[1].values::<i32>().unwrap(), [7, 0]);
}

/// Goes on while `i` is under the limit; each round makes `i` the remainder of `i + 1` by `modulus`.
fn turning(modulus: i32, more: impl FnOnce(&mut Net)) -> Model {
    let mut main = Net::new(Dialect::Tflite);
    let limit = main.input("limit", DType::Int32, &[]);
    let zero = main.constant(&scalar(0));
    let attrs = subgraphs(&[("cond_subgraph_index", 1), ("body_subgraph_index", 2)]);
    let results = many(
        &mut main,
        "WHILE",
        &[zero, limit],
        &[DType::Int32; 2],
        attrs,
    );
    let values = |net: &mut Net| ["i", "limit"].map(|name| net.input(name, DType::Int32, &[]));
    let mut condition = Net::new(Dialect::Tflite);
    let both = values(&mut condition);
    let less = condition.op("LESS", &both, DType::Bool, Attrs::new());
    let mut body = Net::new(Dialect::Tflite);
    let [i, limit] = values(&mut body);
    let [one, modulus] = [1, modulus].map(|number| body.constant(&scalar(number)));
    let next = body.op("ADD", &[i, one], DType::Int32, Attrs::new());
    let next = body.op("FLOOR_MOD", &[next, modulus], DType::Int32, Attrs::new());
    more(&mut body);
    with_blocks(
        main,
        &[results[0]],
        vec![(condition, vec![less]), (body, vec![next, limit])],
    )
}

#[test]
fn a_loop_that_comes_back_to_its_values_is_said_to_have_no_end() {
    let mut session = open(&turning(3_000, |_| {})).unwrap();
    let outputs = run(&mut session, &[scalar(2_999)]).unwrap();
    assert_eq!(outputs[0].values::<i32>().unwrap(), [2_999]);
    let error = run(&mut session, &[scalar(3_000)]).unwrap_err();
    assert_eq!(error.kind(), Kind::Unreadable);
    let expected =
        "the loop never ends: its values after 7096 iterations are those after 4096 again";
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn a_loop_that_draws_lots_may_come_back_to_its_values() {
    let model = turning(3_000, |body| {
        let shape = body.constant(&ints(&[1]));
        body.op("RANDOM_UNIFORM", &[shape], DType::Float32, Attrs::new());
    });
    let options = RunOptions {
        max_iterations: 20_000,
        ..RunOptions::default()
    };
    let mut session = super::tests::open_with(&model, &options).unwrap();
    let error = run(&mut session, &[scalar(3_000)]).unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported);
    let expected = "the loop did not end within 20000 iterations";
    assert!(error.to_string().contains(expected), "{error}");
}

fn branch(op: &str) -> (Net, Vec<ValueId>) {
    let mut net = Net::new(Dialect::Tflite);
    let x = net.input("x", DType::Int32, &[-1]);
    let two = net.constant(&scalar(2));
    let y = net.op(op, &[x, two], DType::Int32, Attrs::new());
    (net, vec![y])
}

#[test]
fn only_the_chosen_branch_runs() {
    let mut main = Net::new(Dialect::Tflite);
    let test = main.input("test", DType::Bool, &[]);
    let x = main.input("x", DType::Int32, &[-1]);
    let attrs = subgraphs(&[("then_subgraph_index", 1), ("else_subgraph_index", 2)]);
    let y = main.op("IF", &[test, x], DType::Int32, attrs);
    let model = with_blocks(main, &[y], vec![branch("MUL"), branch("SUB")]);
    let mut session = open(&model).unwrap();
    let mut answer = |test: u8| {
        let test = Tensor::typed(DType::Bool, &[], &[test]);
        let outputs = run(&mut session, &[test, ints(&[5, 6])]).unwrap();
        outputs[0].values::<i32>().unwrap().to_vec()
    };
    assert_eq!(answer(1), [10, 12]);
    assert_eq!(answer(0), [3, 4]);
}

#[test]
fn what_a_branch_cannot_run_is_told_before_anything_runs() {
    let mut main = Net::new(Dialect::Tflite);
    let test = main.input("test", DType::Bool, &[]);
    let x = main.input("x", DType::Int32, &[-1]);
    let attrs = subgraphs(&[("then_subgraph_index", 1), ("else_subgraph_index", 2)]);
    let y = main.op("IF", &[test, x], DType::Int32, attrs);
    let odd = main.op("ODD", &[y], DType::Int32, Attrs::new());
    let model = with_blocks(main, &[odd], vec![branch("MUL"), branch("STRANGE")]);
    insta::assert_snapshot!(open(&model).err().unwrap(), @r#"graph "main": 2 operators can't run: ODD: no such operator here (node "odd"); STRANGE: no such operator here (node "strange" of "block2")"#);
}

#[test]
fn a_graph_that_runs_itself_ends_in_an_error() {
    let mut main = Net::new(Dialect::Tflite);
    let x = main.input("x", DType::Int32, &[2]);
    let attrs = subgraphs(&[("decomposition_subgraph_index", 1)]);
    let y = main.op("STABLEHLO_COMPOSITE", &[x], DType::Int32, attrs.clone());
    let mut again = Net::new(Dialect::Tflite);
    let z = again.input("z", DType::Int32, &[2]);
    let out = again.op("STABLEHLO_COMPOSITE", &[z], DType::Int32, attrs);
    let model = with_blocks(main, &[y], vec![(again, vec![out])]);
    let error = open(&model)
        .and_then(|mut s| run(&mut s, &[ints(&[1, 2])]))
        .unwrap_err();
    assert!(error.to_string().contains("more than 64 deep"), "{error}");
}

fn node(net: &mut Net, op: &str, inputs: &[ValueId], attrs: Attrs) {
    let mut node = Node::new(op.to_lowercase(), op);
    node.inputs = inputs.iter().copied().map(Some).collect();
    node.attrs = attrs;
    net.0.add_node(node);
}

fn named(name: &str) -> Attrs {
    Attrs::new().with("shared_name", Attr::Bytes(name.as_bytes().to_vec().into()))
}

#[test]
fn a_variable_keeps_its_value_from_run_to_run() {
    let mut main = Net::new(Dialect::Tflite);
    let x = main.input("x", DType::Int32, &[2]);
    let once = subgraphs(&[("init_subgraph_index", 1)]);
    node(&mut main, "CALL_ONCE", &[], once);
    let handle = main.op("VAR_HANDLE", &[], DType::Resource, named("sum"));
    let before = main.op("READ_VARIABLE", &[handle], DType::Int32, Attrs::new());
    let sum = main.op("ADD", &[before, x], DType::Int32, Attrs::new());
    node(&mut main, "ASSIGN_VARIABLE", &[handle, sum], Attrs::new());
    let mut init = Net::new(Dialect::Tflite);
    let same = init.op("VAR_HANDLE", &[], DType::Resource, named("sum"));
    let start = init.constant(&ints(&[100, 200]));
    node(&mut init, "ASSIGN_VARIABLE", &[same, start], Attrs::new());
    let model = with_blocks(main, &[sum], vec![(init, Vec::new())]);
    let mut session = open(&model).unwrap();
    let mut next = |x: &[i32]| {
        run(&mut session, &[ints(x)]).unwrap()[0]
            .values::<i32>()
            .unwrap()
            .to_vec()
    };
    assert_eq!(next(&[1, 2]), [101, 202]);
    assert_eq!(next(&[1, 2]), [102, 204]);
    session.reset();
    let outputs = run(&mut session, &[ints(&[5, 5])]).unwrap();
    assert_eq!(outputs[0].values::<i32>().unwrap(), [105, 205]);
}

#[test]
fn a_variable_that_nothing_was_assigned_to_is_an_error() {
    let mut main = Net::new(Dialect::Tflite);
    let handle = main.op("VAR_HANDLE", &[], DType::Resource, named("sum"));
    let value = main.op("READ_VARIABLE", &[handle], DType::Int32, Attrs::new());
    let mut session = open(&main.finish(&[value])).unwrap();
    insta::assert_snapshot!(run(&mut session, &[]).unwrap_err(), @r#"READ_VARIABLE "read_variable": the variable "/sum" is read before anything is assigned to it"#);
}

#[test]
fn a_table_is_filled_once_and_gives_its_default_for_what_it_lacks() {
    let mut main = Net::new(Dialect::Tflite);
    let wanted = main.input("wanted", DType::String, &[-1]);
    let id = Attrs::new().with("table_id", Attr::Int(3));
    let table = main.op("HASHTABLE", &[], DType::Resource, id);
    let text = |words: &[&str]| {
        let words = words
            .iter()
            .map(|w| w.as_bytes().to_vec())
            .collect::<Vec<_>>();
        Tensor::from_strings(&[words.len()], words)
    };
    let keys = main.constant(&text(&["a", "b"]));
    let values = main.constant(&Tensor::from_values(&[2], &[10i64, 20]));
    node(
        &mut main,
        "HASHTABLE_IMPORT",
        &[table, keys, values],
        Attrs::new(),
    );
    let default = main.constant(&Tensor::from_values(&[1], &[-1i64]));
    let found = main.op(
        "HASHTABLE_FIND",
        &[table, wanted, default],
        DType::Int64,
        Attrs::new(),
    );
    let size = main.op("HASHTABLE_SIZE", &[table], DType::Int64, Attrs::new());
    let mut session = open(&main.finish(&[found, size])).unwrap();
    for _ in 0..2 {
        let outputs = run(&mut session, &[text(&["b", "c", "a"])]).unwrap();
        assert_eq!(outputs[0].values::<i64>().unwrap(), [20, -1, 10]);
        assert_eq!(outputs[1].values::<i64>().unwrap(), [2]);
    }
}

/// TensorFlow's constants are nodes.
fn tf_constant(net: &mut Net, tensor: &Tensor) -> ValueId {
    let value = Attr::Tensor {
        dtype: tensor.dtype(),
        shape: crate::model::Shape::of(tensor.shape()),
        data: crate::model::TensorData::of(tensor),
    };
    net.op(
        "Const",
        &[],
        tensor.dtype(),
        Attrs::new().with("value", value),
    )
}

/// A TensorFlow loop that doubles each element of a list into another one.
#[test]
fn a_loop_reads_one_list_and_fills_another() {
    let function = |name: &str| Attr::Func {
        name: name.into(),
        attrs: Attrs::new(),
    };
    let typed = |dtype| Attrs::new().with("element_dtype", Attr::Type(dtype));
    let mut main = Net::new(Dialect::Tf);
    main.0.kind = GraphKind::Main;
    let x = main.input("x", DType::Int32, &[-1, 2]);
    let shape = tf_constant(&mut main, &ints(&[2]));
    let numbers = || typed(DType::Int32);
    let from = "TensorListFromTensor";
    let list = main.op(from, &[x, shape], DType::Variant, numbers());
    let count = main.op("TensorListLength", &[list], DType::Int32, Attrs::new());
    let reserve = "TensorListReserve";
    let made = main.op(reserve, &[shape, count], DType::Variant, numbers());
    let zero = tf_constant(&mut main, &scalar(0));
    let attrs = Attrs::new()
        .with("cond", function("block1"))
        .with("body", function("block2"));
    let types = [DType::Int32, DType::Int32, DType::Variant, DType::Variant];
    let first = [zero, count, list, made];
    let results = many(&mut main, "While", &first, &types, attrs);
    let stack = [results[3], shape];
    let y = main.op("TensorListStack", &stack, DType::Int32, numbers());

    let values = |net: &mut Net| {
        ["i", "n", "in", "out"].map(|name| {
            let dtype = if name.len() == 1 {
                DType::Int32
            } else {
                DType::Variant
            };
            net.input(name, dtype, &[])
        })
    };
    let mut condition = Net::new(Dialect::Tf);
    let [i, n, ..] = values(&mut condition);
    let less = condition.op("Less", &[i, n], DType::Bool, Attrs::new());
    let mut body = Net::new(Dialect::Tf);
    let [i, n, list, made] = values(&mut body);
    let shape = tf_constant(&mut body, &ints(&[2]));
    let item = body.op(
        "TensorListGetItem",
        &[list, i, shape],
        DType::Int32,
        typed(DType::Int32),
    );
    let twice = body.op("AddV2", &[item, item], DType::Int32, Attrs::new());
    let set = body.op(
        "TensorListSetItem",
        &[made, i, twice],
        DType::Variant,
        typed(DType::Int32),
    );
    let one = tf_constant(&mut body, &scalar(1));
    let next = body.op("AddV2", &[i, one], DType::Int32, Attrs::new());
    let blocks = vec![(condition, vec![less]), (body, vec![next, n, list, set])];
    let model = with_blocks(main, &[y], blocks);
    let mut session = open(&model).unwrap();
    for rows in [3usize, 0, 2] {
        let values: Vec<i32> = (0..2 * rows as i32).collect();
        let outputs = run(&mut session, &[Tensor::from_values(&[rows, 2], &values)]).unwrap();
        assert_eq!(outputs[0].shape(), [rows, 2]);
        let doubled: Vec<i32> = values.iter().map(|v| 2 * v).collect();
        assert_eq!(outputs[0].values::<i32>().unwrap(), doubled);
    }
}

#[test]
fn strings_are_moved_as_numbers_are() {
    let mut net = Net::new(Dialect::Tflite);
    let words = net.input("words", DType::String, &[-1]);
    let at = net.constant(&ints(&[2, 0]));
    let picked = net.op("GATHER", &[words, at], DType::String, Attrs::new());
    let both = net.op(
        "CONCATENATION",
        &[picked, words],
        DType::String,
        Attrs::new(),
    );
    let mut session = open(&net.finish(&[both])).unwrap();
    let words = ["x", "yy", "zzz"].map(|w| w.as_bytes().to_vec()).to_vec();
    let outputs = run(&mut session, &[Tensor::from_strings(&[3], words)]).unwrap();
    let texts: Vec<_> = outputs[0]
        .strings()
        .unwrap()
        .iter()
        .map(|s| String::from_utf8_lossy(s))
        .collect();
    assert_eq!(texts, ["zzz", "x", "x", "yy", "zzz"]);
}

#[test]
fn segments_and_places_are_as_long_as_what_is_found() {
    let mut net = Net::new(Dialect::Tflite);
    let x = net.input("x", DType::Int32, &[-1]);
    let zero = net.constant(&scalar(0));
    let wanted = net.op("NOT_EQUAL", &[x, zero], DType::Bool, Attrs::new());
    let places = net.op("WHERE", &[wanted], DType::Int64, Attrs::new());
    let ids = net.constant(&ints(&[1, -1, 3, 1]));
    let segments = net.constant(&scalar(4));
    let sums = net.op(
        "UNSORTED_SEGMENT_SUM",
        &[x, ids, segments],
        DType::Int32,
        Attrs::new(),
    );
    let mut session = open(&net.finish(&[places, sums])).unwrap();
    let outputs = run(&mut session, &[ints(&[5, 0, 0, 7])]).unwrap();
    assert_eq!(outputs[0].shape(), [2, 1]);
    assert_eq!(outputs[0].values::<i64>().unwrap(), [0, 3]);
    assert_eq!(outputs[1].values::<i32>().unwrap(), [0, 12, 0, 0]);
}

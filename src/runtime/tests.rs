//! Whole graphs made in memory, through the session.

use std::sync::Arc;

use super::blocks_tests::many;
use super::*;
use crate::error::Result;
use crate::model::{
    Attr, Attrs, DType, Dialect, Graph, GraphKind, MetaGraph, Model, Node, Port, Quantization,
    Shape, Signature, Sparse, SparseDim, SparseIndices, Sparsity, TensorData, Value, ValueId,
};
use crate::progress::Progress;

/// A graph under construction.
pub(super) struct Net(pub Graph);

impl Net {
    pub fn new(dialect: Dialect) -> Self {
        Net(Graph::new("main", GraphKind::Subgraph, dialect))
    }

    pub fn input(&mut self, name: &str, dtype: DType, shape: &[i64]) -> ValueId {
        let id = self
            .0
            .add_value(Value::new(name, dtype, Shape(Some(shape.to_vec()))));
        self.0.inputs.push(Some(id));
        id
    }

    pub fn constant(&mut self, tensor: &Tensor) -> ValueId {
        self.0.add_value(Value::constant("", tensor))
    }

    pub fn op(&mut self, op: &str, inputs: &[ValueId], dtype: DType, attrs: Attrs) -> ValueId {
        let out = self.0.add_value(Value::new(op, dtype, Shape::UNKNOWN));
        let mut node = Node::new(op.to_lowercase(), op);
        node.inputs = inputs.iter().copied().map(Some).collect();
        node.outputs = vec![out];
        node.attrs = attrs;
        self.0.add_node(node);
        out
    }

    pub fn finish(mut self, outputs: &[ValueId]) -> Model {
        self.0.outputs = outputs.iter().copied().map(Some).collect();
        let port = |id: &ValueId| Port::of(&*self.0.value(*id).name, &self.0, *id);
        let signature = Signature {
            key: "serving_default".into(),
            method: "".into(),
            deprecated_tag: None,
            graph: 0,
            inputs: self.0.inputs.iter().flatten().map(port).collect(),
            outputs: outputs.iter().map(port).collect(),
            implied: true,
        };
        Model::new(
            "net",
            MetaGraph::new(self.0.dialect, vec![self.0], vec![signature]),
        )
    }
}

pub(super) fn open(model: &Model) -> Result<Session> {
    let options = RunOptions {
        threads: 1,
        ..RunOptions::default()
    };
    open_with(model, &options)
}

pub(super) fn open_with(model: &Model, options: &RunOptions) -> Result<Session> {
    let meta_graph = &model.meta_graphs[0];
    Session::of_graph(
        model,
        meta_graph,
        &meta_graph.signatures[0],
        meta_graph.graphs[0].clone(),
        options,
    )
}

fn session(model: &Model) -> Session {
    open(model).unwrap()
}

#[test]
fn a_large_constant_is_made_in_the_arena() {
    let filled = |rows: i32, columns: i32| {
        let mut net = Net::new(Dialect::Tf);
        let sizes = net.constant(&Tensor::from_values(&[2], &[rows, columns]));
        let value = net.constant(&Tensor::from_values(&[], &[1.5f32]));
        let attrs = Attrs::new().with("T", Attr::Type(DType::Float32));
        let y = net.op("Fill", &[sizes, value], DType::Float32, attrs);
        net.finish(&[y])
    };
    let session_of = |rows: i32| {
        let mut session = session(&filled(rows, 1024));
        let outputs = session.run(&[], &Progress::new()).unwrap();
        assert_eq!(outputs[0].1.number(7), Some(1.5));
        session.arena().bytes
    };
    assert_eq!(session_of(4), 0);
    assert_eq!(session_of(8192), 32 << 20);
    // Nothing is filled before there is room for all of it.
    let refused = open(&filled(i32::MAX, 1 << 20)).err().unwrap().to_string();
    assert!(refused.contains("no memory for the"), "{refused}");
}

#[test]
fn a_signature_that_gives_an_input_another_type_is_refused() {
    let mut net = Net::new(Dialect::Tf);
    let x = net.input("x", DType::Float32, &[3]);
    let y = net.op("Pack", &[x, x], DType::Float32, Attrs::new());
    let mut model = net.finish(&[y]);
    model.meta_graphs[0].signatures[0].inputs[0].dtype = DType::Float64;
    let refused = open(&model).err().unwrap().to_string();
    insta::assert_snapshot!(refused, @r#"the input "x" is float64 in the signature, float32 in the graph"#);
}

fn one(model: &Model, inputs: &[Tensor]) -> Result<Tensor> {
    let named: Vec<_> = inputs
        .iter()
        .enumerate()
        .map(|(i, t)| (format!("#{i}"), t.clone()))
        .collect();
    let mut out = open(model)?.run(&named, &Progress::new())?;
    Ok(out.remove(0).1)
}

fn dense() -> Model {
    let mut net = Net::new(Dialect::Tflite);
    let x = net.input("x", DType::Float32, &[-1, 2]);
    let w = net.constant(&Tensor::from_values(
        &[3, 2],
        &[1.0f32, 0.0, 0.0, 1.0, 1.0, -1.0],
    ));
    let b = net.constant(&Tensor::from_values(&[3], &[0.0f32, 0.5, 0.0]));
    let relu = Attrs::new().with(
        "fused_activation_function",
        Attr::Enum {
            name: "RELU".into(),
            value: 1,
        },
    );
    let hidden = net.op("FULLY_CONNECTED", &[x, w, b], DType::Float32, relu);
    let out = net.op("NEG", &[hidden], DType::Float32, Attrs::new());
    net.finish(&[out])
}

#[test]
fn a_dense_layer_answers_for_any_batch() {
    let model = dense();
    let out = one(&model, &[Tensor::from_values(&[1, 2], &[2.0f32, 3.0])]).unwrap();
    assert_eq!(out.values::<f32>().unwrap(), [-2.0, -3.5, -0.0]);
    let out = one(
        &model,
        &[Tensor::from_values(&[2, 2], &[1.0f32, 0.0, 0.0, 1.0])],
    )
    .unwrap();
    assert_eq!(out.shape(), [2, 3]);
    assert_eq!(
        out.values::<f32>().unwrap(),
        [-1.0, -0.5, -1.0, -0.0, -1.5, -0.0]
    );
}

#[test]
fn sparse_weights_are_dense_to_operators() {
    let mut net = Net::new(Dialect::Tflite);
    let x = net.input("x", DType::Float32, &[1, 3]);
    let values: Vec<u8> = [5f32, 6.0, 7.0]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    // Rows 0 0 5, 6 7 0.
    let form = Sparsity {
        traversal_order: vec![0, 1],
        block_map: Vec::new(),
        dims: vec![
            SparseDim::dense(2),
            SparseDim::csr(
                SparseIndices::Uint8(vec![0, 1, 3]),
                SparseIndices::Uint8(vec![2, 0, 1]),
            ),
        ],
    };
    let mut packed = Value::new("w", DType::Float32, Shape::of(&[2, 3]));
    packed.data = Some(TensorData::Sparse(Arc::new(Sparse {
        values: values.into(),
        shape: vec![2, 3],
        form,
    })));
    let packed = net.0.add_value(packed);
    let w = net.op("DENSIFY", &[packed], DType::Float32, Attrs::new());
    let attrs = Attrs::new();
    let y = net.op("FULLY_CONNECTED", &[x, w], DType::Float32, attrs.clone());
    let z = net.op("FULLY_CONNECTED", &[x, packed], DType::Float32, attrs);
    let both = net.op("ADD", &[y, z], DType::Float32, Attrs::new());
    let model = net.finish(&[both]);
    let out = one(
        &model,
        &[Tensor::from_values(&[1, 3], &[1.0f32, 10.0, 100.0])],
    )
    .unwrap();
    assert_eq!(out.values::<f32>().unwrap(), [1000.0, 152.0]);
}

#[test]
fn profile_intermediates_and_arena_tell_of_the_last_run() {
    let mut session = session(&dense());
    session.set_profiling(true);
    session.set_keep_intermediates(true);
    let x = Tensor::from_values(&[1, 2], &[2.0f32, 3.0]);
    session.run(&[("x".into(), x)], &Progress::new()).unwrap();
    let ops: Vec<_> = session.profile().iter().map(|t| (&*t.op, t.macs)).collect();
    assert_eq!(ops, [("FULLY_CONNECTED", 6), ("NEG", 0)]);
    assert_eq!(
        session.intermediates()[0].tensor.values::<f32>().unwrap(),
        [2.0, 3.5, 0.0]
    );
    // NEG writes over what it reads.
    assert_eq!(session.arena().bytes, 64);
    assert_eq!(session.arena().blocks.len(), 1);
}

#[test]
fn only_what_nothing_else_needs_is_written_over() {
    let mut net = Net::new(Dialect::Tf);
    let x = net.input("x", DType::Float32, &[2, 3]);
    let op = |net: &mut Net, op: &str, inputs: &[ValueId]| {
        net.op(op, inputs, DType::Float32, Attrs::new())
    };
    let negated = op(&mut net, "Neg", &[x]);
    let flat = net.constant(&Tensor::from_values(&[1], &[-1i32]));
    let seen = op(&mut net, "Reshape", &[negated, flat]);
    let six = net.constant(&Tensor::from_values(&[6], &[1.0f32; 6]));
    let more = op(&mut net, "AddV2", &[seen, six]); // `negated` lives on
    let row = net.constant(&Tensor::from_values(&[3], &[10.0f32, 20.0, 30.0]));
    let shifted = op(&mut net, "Sub", &[row, negated]); // over `negated`
    let doubled = op(&mut net, "AddV2", &[shifted, shifted]); // twice the same: not over it
    let square = op(&mut net, "Square", &[doubled]); // `doubled` is a result: not over it
    let model = net.finish(&[more, doubled, square]);
    let values = [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0];
    let mut session = session(&model);
    for _ in 0..2 {
        let x = Tensor::from_values(&[2, 3], &values);
        let out = session.run(&[("x".into(), x)], &Progress::new()).unwrap();
        let floats = |at: usize| out[at].1.values::<f32>().unwrap().to_vec();
        assert_eq!(floats(0), values.map(|v| 1.0 - v));
        let doubled = [22.0, 44.0, 66.0, 28.0, 50.0, 72.0];
        assert_eq!(floats(1), doubled);
        assert_eq!(floats(2), doubled.map(|v| v * v));
    }
    let blocks = session.arena().blocks;
    let names: Vec<_> = blocks.iter().flat_map(|b| b.value.clone()).collect();
    let names: Vec<&str> = names.iter().map(|name| &**name).collect();
    assert_eq!(names, ["Neg", "AddV2", "AddV2", "Square"]);
}

#[test]
fn a_stop_is_heard_between_operators() {
    let mut session = session(&dense());
    let progress = Progress::new();
    progress.cancel();
    let x = Tensor::from_values(&[1, 2], &[2.0f32, 3.0]);
    let error = session.run(&[("x".into(), x)], &progress).unwrap_err();
    assert!(error.is_cancelled());
}

#[test]
fn rows_of_nothing_take_no_time() {
    // 2^40 rows would take an hour each time: as an input, of a size known before the run or not, and as constants.
    const ROWS: usize = 1 << 40;
    let nothing = Tensor::from_values::<f32>(&[ROWS, 0], &[]);
    for rows in [ROWS as i64, -1] {
        let mut net = Net::new(Dialect::Tf);
        let x = net.input("x", DType::Float32, &[rows, 0]);
        let (axis, held) = (Tensor::from_values(&[], &[1i32]), net.constant(&nothing));
        let axis = net.constant(&axis);
        let attrs = || Attrs::new().with("N", Attr::Int(2));
        let joined = net.op("ConcatV2", &[x, x, axis], DType::Float32, attrs());
        let known = net.op("ConcatV2", &[held, held, axis], DType::Float32, attrs());
        let both = net.op("ConcatV2", &[joined, known, axis], DType::Float32, attrs());
        let out = one(&net.finish(&[both]), std::slice::from_ref(&nothing)).unwrap();
        assert_eq!(out.shape(), [ROWS, 0]);
    }
}

#[test]
fn what_cannot_run_is_told_at_once() {
    let mut net = Net::new(Dialect::Tflite);
    let x = net.input("x", DType::Float32, &[2]);
    let a = net.op("NOR_THIS", &[x], DType::Float32, Attrs::new());
    let b = net.op("NO_SUCH", &[a], DType::Float32, Attrs::new());
    let error = open(&net.finish(&[b])).err().unwrap();
    assert_eq!(error.exit_code(), 4);
    assert!(
        error.what().contains("NOR_THIS") && error.what().contains("NO_SUCH"),
        "{error}"
    );
}

#[test]
fn shapes_that_depend_on_shapes_are_known_before_the_run() {
    let mut net = Net::new(Dialect::Tf);
    let x = net.input("x", DType::Float32, &[-1, 2, 3]);
    let shape = net.op("Shape", &[x], DType::Int32, Attrs::new());
    let flat = net.constant(&Tensor::from_values(&[1], &[-1i32]));
    let y = net.op("Reshape", &[x, flat], DType::Float32, Attrs::new());
    let z = net.op("Reshape", &[y, shape], DType::Float32, Attrs::new());
    let out = net.op("Neg", &[z], DType::Float32, Attrs::new());
    let model = net.finish(&[out]);
    let x = Tensor::from_values(&[1, 2, 3], &[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let mut session = session(&model);
    let out = session.run(&[("x".into(), x)], &Progress::new()).unwrap();
    assert_eq!(out[0].1.shape(), [1, 2, 3]);
    assert_eq!(session.arena().blocks.len(), 1);
}

#[test]
fn shapes_that_depend_on_values_are_found_in_the_run() {
    let mut net = Net::new(Dialect::Tf);
    let x = net.input("x", DType::Float32, &[6]);
    let to = net.input("to", DType::Int32, &[2]);
    let y = net.op("Reshape", &[x, to], DType::Float32, Attrs::new());
    let out = net.op("Neg", &[y], DType::Float32, Attrs::new());
    let model = net.finish(&[out]);
    let x = Tensor::from_values(&[6], &[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let out = one(&model, &[x.clone(), Tensor::from_values(&[2], &[3i32, 2])]).unwrap();
    assert_eq!((out.shape(), out.number(5)), (&[3, 2][..], Some(-6.0)));
    let mut session = session(&model);
    for to in [[3i32, 2], [3, 2], [2, 3], [6, 1], [3, 2]] {
        let given = [
            ("x".to_owned(), x.clone()),
            ("to".to_owned(), Tensor::from_values(&[2], &to)),
        ];
        let out = session.run(&given, &Progress::new()).unwrap();
        assert_eq!(out[0].1.shape(), to.map(|size| size as usize));
    }
    assert!(!session.is_static());
    assert!(one(&model, &[x, Tensor::from_values(&[2], &[4i32, 2])]).is_err());
}

#[test]
fn an_int8_layer_equals_the_definition() {
    let mut net = Net::new(Dialect::Tflite);
    let x = net.input("x", DType::Int8, &[1, 2]);
    net.0.value_mut(x).quantization = Some(Quantization::per_tensor(0.5, 1).into());
    let w = net.constant(&Tensor::from_values(&[2, 2], &[2i8, 0, -1, 3]));
    net.0.value_mut(w).quantization = Some(Quantization::per_channel(vec![0.25, 0.5], 0).into());
    let b = net.constant(&Tensor::from_values(&[2], &[4i32, 0]));
    let out = net.op("FULLY_CONNECTED", &[x, w, b], DType::Int8, Attrs::new());
    net.0.value_mut(out).quantization = Some(Quantization::per_tensor(0.25, -3).into());
    let model = net.finish(&[out]);
    // (5-1)·2+4 = 12 → 12·0.125/0.25 - 3 = 3; -(5-1)+3·(3-1) = 2 → 2·0.25/0.25 - 3 = -1
    let out = one(&model, &[Tensor::from_values(&[1, 2], &[5i8, 3])]).unwrap();
    assert_eq!(out.values::<i8>().unwrap(), [3, -1]);
}

/// A graph that draws two numbers twice, by nodes of different names.
fn draws(seed: i64) -> Model {
    let mut net = Net::new(Dialect::Tf);
    let sizes = net.constant(&Tensor::from_values(&[1], &[2i32]));
    let attrs = || Attrs::new().with("seed", Attr::Int(seed));
    let a = net.op("RandomUniform", &[sizes], DType::Float32, attrs());
    let b = net.op("TruncatedNormal", &[sizes], DType::Float32, attrs());
    net.finish(&[a, b])
}

#[test]
fn draws_without_seeds_repeat_from_the_seed_that_is_shown() {
    let run = |session: &mut Session| session.run(&[], &Progress::new()).unwrap();
    let mut first = session(&draws(0));
    assert_eq!(first.seed(), None);
    let numbers = [run(&mut first), run(&mut first)];
    assert_ne!(numbers[0], numbers[1]);
    assert_ne!(numbers[0][0].1, numbers[0][1].1);
    let options = RunOptions {
        threads: 1,
        seed: first.seed(),
        ..RunOptions::default()
    };
    assert!(options.seed.is_some());
    let mut again = open_with(&draws(0), &options).unwrap();
    assert_eq!([run(&mut again), run(&mut again)], numbers);
    // What has a seed of its own needs none.
    let mut seeded = session(&draws(7));
    run(&mut seeded);
    assert_eq!(seeded.seed(), None);
}

/// Maxima of the cells of a row of 30 numbers that rise, and where the cells begin and end.
fn fractional(session: &mut Session) -> [Vec<f64>; 2] {
    let x: Vec<f32> = (0..30).map(|i| i as f32).collect();
    let x = Tensor::from_values(&[1, 1, 30, 1], &x);
    let mut outputs = session.run(&[("x".into(), x)], &Progress::new()).unwrap();
    [outputs.remove(2), outputs.remove(0)].map(|(_, tensor)| tensor.numbers())
}

#[test]
fn cells_of_a_pool_without_seeds_are_drawn_from_the_seed_that_is_shown() {
    let pool = |fixed: bool| {
        let mut net = Net::new(Dialect::Tf);
        let x = net.input("x", DType::Float32, &[1, 1, 30, 1]);
        let ratios = [1.0, 1.0, 1.5, 1.0].map(Attr::Float).to_vec();
        let attrs = Attrs::new()
            .with("pooling_ratio", Attr::List(ratios))
            .with("deterministic", Attr::Bool(fixed));
        let types = [DType::Float32, DType::Int64, DType::Int64];
        let outputs = many(&mut net, "FractionalMaxPool", &[x], &types, attrs);
        net.finish(&outputs)
    };
    let mut first = session(&pool(false));
    let drawn = [fractional(&mut first), fractional(&mut first)];
    for [ends, maxima] in &drawn {
        assert_eq!((ends.len(), ends[0], ends[20]), (21, 0.0, 30.0));
        let sizes: Vec<f64> = ends.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(sizes.iter().all(|&size| size == 1.0 || size == 2.0));
        let last: Vec<f64> = ends[1..].iter().map(|end| end - 1.0).collect();
        assert_eq!(*maxima, last);
    }
    assert_ne!(drawn[0], drawn[1]);
    let options = RunOptions {
        threads: 1,
        seed: first.seed(),
        ..RunOptions::default()
    };
    let mut again = open_with(&pool(false), &options).unwrap();
    assert_eq!([fractional(&mut again), fractional(&mut again)], drawn);
    // What is deterministic draws the same in every run.
    let mut fixed = session(&pool(true));
    assert_eq!(fractional(&mut fixed), fractional(&mut fixed));
}

#[test]
fn a_scale_of_zero_is_an_error() {
    let mut net = Net::new(Dialect::Tflite);
    let x = net.input("x", DType::Int8, &[1, 2]);
    net.0.value_mut(x).quantization = Some(Quantization::per_tensor(0.0, 1).into());
    let w = net.constant(&Tensor::from_values(&[1, 2], &[2i8, 0]));
    net.0.value_mut(w).quantization = Some(Quantization::per_tensor(0.5, 0).into());
    let out = net.op("FULLY_CONNECTED", &[x, w], DType::Int8, Attrs::new());
    net.0.value_mut(out).quantization = Some(Quantization::per_tensor(0.25, -3).into());
    assert!(open(&net.finish(&[out])).is_err());
}

#[test]
fn quantiles_lie_between_the_runs() {
    let timings = Timings {
        first_ns: 99,
        runs_ns: vec![40, 10, 20, 30],
    };
    assert_eq!(timings.quantile_ns(0.0), 10);
    assert_eq!(timings.quantile_ns(0.5), 25);
    assert_eq!(timings.quantile_ns(1.0), 40);
    assert_eq!(
        Timings {
            first_ns: 7,
            runs_ns: vec![]
        }
        .quantile_ns(0.5),
        7
    );
}

/// What is quantized on its way through a graph is another step where the last place of a float is another, so fast
/// kernels are the plain ones there: gated rows, means and products of floats between two hybrid operators.
#[test]
fn floats_beside_hybrid_operators_are_those_of_the_plain_kernels() {
    let mut net = Net::new(Dialect::Tflite);
    let float = DType::Float32;
    let attrs = || Attrs::new().with("keep_dims", Attr::Bool(true));
    let x = net.input("x", float, &[40, 48]);
    let weights = |net: &mut Net, rows: usize, columns: usize| {
        let bytes: Vec<i8> = (0..rows * columns)
            .map(|i| (i * 37 % 251) as u8 as i8)
            .collect();
        let w = net.constant(&Tensor::from_values(&[rows, columns], &bytes));
        net.0.value_mut(w).quantization = Some(Quantization::per_tensor(0.003, 0).into());
        w
    };
    let first = weights(&mut net, 70, 48);
    let product = net.op("FULLY_CONNECTED", &[x, first], float, Attrs::new());
    let gate = net.op("LOGISTIC", &[product], float, Attrs::new());
    let gated = net.op("MUL", &[product, gate], float, Attrs::new());
    let adjoint = Attrs::new().with("adj_y", Attr::Bool(true));
    let scores = net.op("BATCH_MATMUL", &[gated, gated], float, adjoint);
    let axis = net.constant(&Tensor::from_values(&[1], &[1i32]));
    let mean = net.op("MEAN", &[scores, axis], float, attrs());
    let centred = net.op("SUB", &[scores, mean], float, Attrs::new());
    let second = weights(&mut net, 24, 40);
    let out = net.op("FULLY_CONNECTED", &[centred, second], float, Attrs::new());
    let model = net.finish(&[out]);
    let values: Vec<f32> = (0..40 * 48).map(|i| (i as f32 * 0.7).sin()).collect();
    let run = |kernels: KernelChoice| {
        let options = RunOptions {
            threads: 2,
            kernels,
            ..RunOptions::default()
        };
        let given = [("#0".to_owned(), Tensor::from_values(&[40, 48], &values))];
        let mut session = open_with(&model, &options).unwrap();
        session.run(&given, &Progress::new()).unwrap()[0]
            .1
            .numbers()
    };
    assert_eq!(run(KernelChoice::Auto), run(KernelChoice::Reference));
}

/// FULLY_CONNECTED of one row by int8 weights, with a fused activation.
fn hybrid_product(code: i64, x: &[f32], weights: &[i8], kernels: KernelChoice) -> Vec<f64> {
    let mut net = Net::new(Dialect::Tflite);
    let (depth, units) = (x.len(), weights.len() / x.len());
    let input = net.input("x", DType::Float32, &[1, depth as i64]);
    let w = net.constant(&Tensor::from_values(&[units, depth], weights));
    net.0.value_mut(w).quantization = Some(Quantization::per_tensor(0.01, 0).into());
    let attrs = Attrs::new().with("fused_activation_function", Attr::Int(code));
    let out = net.op("FULLY_CONNECTED", &[input, w], DType::Float32, attrs);
    let options = RunOptions {
        threads: 1,
        kernels,
        ..RunOptions::default()
    };
    let given = [("#0".to_owned(), Tensor::from_values(&[1, depth], x))];
    let mut session = open_with(&net.finish(&[out]), &options).unwrap();
    let outputs = session.run(&given, &Progress::new()).unwrap();
    outputs[0].1.numbers()
}

#[test]
fn hybrid_products_keep_what_is_not_finite() {
    const INF: f64 = f64::INFINITY;
    let mut weights = [3i8; 16 * 16];
    weights[..16].fill(-2);
    for kernels in [KernelChoice::Auto, KernelChoice::Reference] {
        let run = |code, odd: f32| {
            let mut x = [0.5; 16];
            x[5] = odd;
            let found = hybrid_product(code, &x, &weights, kernels);
            [found[0], found[15]]
        };
        assert_eq!(run(0, f32::INFINITY), [-INF, INF]);
        assert_eq!(run(0, f32::NEG_INFINITY), [INF, -INF]);
        assert_eq!(run(1, f32::INFINITY), [0.0, INF]);
        assert_eq!(run(3, f32::INFINITY), [0.0, 6.0]);
        assert!(run(0, f32::NAN).iter().all(|v| v.is_nan()));
        // TANH and the sign bit.
        assert_eq!(run(4, f32::INFINITY), [-1.0, 1.0]);
        assert!((run(4, 0.5)[1] - 0.24f64.tanh()).abs() < 1e-3);
        assert_eq!(run(5, 0.5), [1.0, 0.0]);
    }
}

/// Integers with a scale for each column, which LiteRT's kernels take for 0.
#[test]
fn a_product_of_integers_has_scales_by_column() {
    for dtype in [DType::Int8, DType::Int16] {
        let mut net = Net::new(Dialect::Tflite);
        let x = net.input("x", dtype, &[2, 3]);
        let y = net.constant(&Tensor::from_values(&[3, 2], &[10i8, -20, 30, 40, -50, 60]));
        let attrs = Attrs::new().with("adj_y", Attr::Bool(false));
        let out = net.op("BATCH_MATMUL", &[x, y], dtype, attrs);
        for (value, zero) in [(x, 0), (out, 3)] {
            let zero = if dtype == DType::Int8 { zero } else { 0 };
            net.0.value_mut(value).quantization = Some(Quantization::per_tensor(0.5, zero).into());
        }
        let mut columns = Quantization::per_tensor(0.02, 0);
        columns.scale = vec![0.02, 0.1];
        columns.zero_point = vec![0, 0];
        columns.dimension = 1;
        net.0.value_mut(y).quantization = Some(columns.into());
        let model = net.finish(&[out]);
        let given = match dtype {
            DType::Int8 => Tensor::from_values(&[2, 3], &[1i8, 2, 3, -4, 5, 6]),
            _ => Tensor::from_values(&[2, 3], &[1i16, 2, 3, -4, 5, 6]),
        };
        let run = |kernels: KernelChoice| {
            let options = RunOptions {
                kernels,
                ..RunOptions::default()
            };
            let mut session = open_with(&model, &options).unwrap();
            let given = [("#0".to_owned(), given.clone())];
            session.run(&given, &Progress::new()).unwrap()[0]
                .1
                .numbers()
        };
        let zero = if dtype == DType::Int8 { 3.0 } else { 0.0 };
        // Sums -80, 240, -190, 640 at 0.02 and 0.1 for a column.
        let right = [-2.0, 24.0, -4.0, 64.0].map(|q: f64| q + zero);
        assert_eq!(run(KernelChoice::Auto), right, "{dtype}");
        assert_eq!(run(KernelChoice::Reference), [zero; 4]);
    }
}

/// An old file calls the sum of two uint8 float32; the runtime goes by what is added.
#[test]
fn a_sum_of_integers_is_one_whatever_the_file_calls_it() {
    let mut net = Net::new(Dialect::Tflite);
    let x = net.input("x", DType::UInt8, &[3]);
    let sum = net.op("ADD", &[x, x], DType::Float32, Attrs::new());
    let again = net.op("ADD", &[sum, x], DType::UInt8, Attrs::new());
    for value in [x, sum, again] {
        net.0.value_mut(value).quantization = Some(Quantization::per_tensor(0.5, 0).into());
    }
    let mut session = open(&net.finish(&[again])).unwrap();
    let given = [("#0".to_owned(), Tensor::from_values(&[3], &[7u8, 90, 200]))];
    let outputs = session.run(&given, &Progress::new()).unwrap();
    assert_eq!(outputs[0].1.numbers(), [21.0, 255.0, 255.0]);
}

#[test]
fn scales_of_floats_mean_nothing() {
    let mut net = Net::new(Dialect::Tflite);
    let (a, b) = (
        net.input("a", DType::Float32, &[3]),
        net.input("b", DType::Float32, &[3]),
    );
    let difference = net.op("SUB", &[a, b], DType::Float32, Attrs::new());
    let axis = net.constant(&Tensor::from_values(&[1], &[0i32]));
    let sum = net.op("SUM", &[difference, axis], DType::Float32, Attrs::new());
    for value in [a, b, difference, sum] {
        net.0.value_mut(value).quantization = Some(Quantization::per_tensor(1.0, 0).into());
    }
    let mut session = open(&net.finish(&[difference, sum])).unwrap();
    let given = [[0.25f32, 3.0, -2.0], [1.0, 0.5, 0.125]];
    let given = [0, 1].map(|i| (format!("#{i}"), Tensor::from_values(&[3], &given[i])));
    let outputs = session.run(&given, &Progress::new()).unwrap();
    assert_eq!(outputs[0].1.numbers(), [-0.75, 2.5, -2.125]);
    assert_eq!(outputs[1].1.numbers(), [-0.375]);
}

/// Sums of half types are kept in float32 and rounded once: step by step 2048 would stay what it is.
#[test]
fn picked_rows_of_half_types_are_added_up_in_float32() {
    use half::f16;
    let sum = |op: &str| {
        let mut net = Net::new(Dialect::Tf);
        let data = net.input("data", DType::Float16, &[5, 1]);
        let picks = net.constant(&Tensor::from_values(&[5], &[0i32, 1, 2, 3, 4]));
        let ids = net.constant(&Tensor::from_values(&[5], &[0i32; 5]));
        let out = net.op(op, &[data, picks, ids], DType::Float16, Attrs::new());
        let values = [2048.0f32, 1.0, 1.0, 1.0, 1.0].map(f16::from_f32);
        let given = [("#0".to_owned(), Tensor::from_values(&[5, 1], &values))];
        let mut session = open(&net.finish(&[out])).unwrap();
        let outputs = session.run(&given, &Progress::new()).unwrap();
        outputs[0].1.numbers()[0]
    };
    assert_eq!(sum("SparseSegmentSum"), 2052.0);
    let rounded = |x: f32| f64::from(f16::from_f32(x).to_f32());
    assert_eq!(sum("SparseSegmentMean"), rounded(2052.0 / 5.0));
    assert_eq!(sum("SparseSegmentSqrtN"), rounded(2052.0 / 5f32.sqrt()));
}

/// LiteRT's convolutions and sums take a fused TANH and don't apply it: only the plain kernels repeat that.
#[test]
fn an_activation_that_is_not_applied_is_refused() {
    for (op, kernels, runs) in [
        ("ADD", KernelChoice::Auto, false),
        ("ADD", KernelChoice::Reference, true),
        ("FULLY_CONNECTED", KernelChoice::Auto, false),
        ("FULLY_CONNECTED", KernelChoice::Reference, false),
    ] {
        let mut net = Net::new(Dialect::Tflite);
        let x = net.input("x", DType::Float32, &[2, 2]);
        let y = net.constant(&Tensor::from_values(&[2, 2], &[1f32, 2.0, 3.0, 4.0]));
        let attrs = Attrs::new().with("fused_activation_function", Attr::Int(4));
        let out = net.op(op, &[x, y], DType::Float32, attrs);
        let options = RunOptions {
            kernels,
            ..RunOptions::default()
        };
        let found = open_with(&net.finish(&[out]), &options).and_then(|mut session| {
            let given = [("#0".to_owned(), Tensor::from_values(&[2, 2], &[0.5f32; 4]))];
            session.run(&given, &Progress::new())
        });
        match found {
            Ok(found) if runs => assert_eq!(found[0].1.numbers(), [1.5, 2.5, 3.5, 4.5]),
            Ok(_) => panic!("{op} ran"),
            Err(error) => assert!(!runs && error.to_string().contains("activation"), "{error}"),
        }
    }
}

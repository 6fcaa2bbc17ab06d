//! Promise: products of items that a loop takes one after the other are those of each item, whatever the order.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::model::{Attr, Attrs, DType, Dialect, Model, Quantization};
use crate::runtime::blocks_tests::{ints, many, run, scalar, subgraphs, with_blocks};
use crate::runtime::tests::{Net, open_with};
use crate::runtime::*;

const DEPTH: usize = 24;
const UNITS: usize = 20;

/// A loop that halves its sums and adds the product of an item of a list to them, of each that `order` names.
#[derive(Debug, Clone, Copy)]
struct Layer {
    items: usize,
    /// Rows of an item.
    rows: usize,
    /// Integer weights.
    hybrid: bool,
    /// What an ADD behind the product adds.
    biased: bool,
    /// Whether the list doubles from round to round.
    changes: bool,
}

fn floats(shape: &[usize], seed: usize) -> Tensor {
    let count: usize = shape.iter().product();
    let values: Vec<f32> = (0..count)
        .map(|i| ((i + 31 * seed) as f32 * 0.7).sin())
        .collect();
    Tensor::from_values(shape, &values)
}

impl Layer {
    fn inputs(self, net: &mut Net) -> [ValueId; 5] {
        let mut int = |name, sizes: &[i64]| net.input(name, DType::Int32, sizes);
        let (i, limit, order) = (int("i", &[]), int("limit", &[]), int("order", &[-1]));
        let mut real = |name, sizes: [usize; 3], rank: usize| {
            let sizes = sizes.map(|size| size as i64);
            net.input(name, DType::Float32, &sizes[3 - rank..])
        };
        let list = real("list", [self.items, self.rows, DEPTH], 3);
        [
            i,
            limit,
            order,
            list,
            real("sums", [1, self.rows, UNITS], 2),
        ]
    }

    fn model(self) -> Model {
        let mut main = Net::new(Dialect::Tflite);
        let given = self.inputs(&mut main);
        let attrs = subgraphs(&[("cond_subgraph_index", 1), ("body_subgraph_index", 2)]);
        let real = DType::Float32;
        let types = [DType::Int32, DType::Int32, DType::Int32, real, real];
        let results = many(&mut main, "WHILE", &given, &types, attrs);

        let mut condition = Net::new(Dialect::Tflite);
        let [i, limit, ..] = self.inputs(&mut condition);
        let less = condition.op("LESS", &[i, limit], DType::Bool, Attrs::new());

        let mut body = Net::new(Dialect::Tflite);
        let [i, limit, order, list, sums] = self.inputs(&mut body);
        let one = body.constant(&scalar(1));
        let next = body.op("ADD", &[i, one], DType::Int32, Attrs::new());
        let number = body.op("GATHER", &[order, i], DType::Int32, Attrs::new());
        let item = body.op("GATHER", &[list, number], real, Attrs::new());
        let weights = match self.hybrid {
            false => body.constant(&floats(&[UNITS, DEPTH], 5)),
            true => {
                let bytes = (0..UNITS * DEPTH).map(|i| (i * 37 % 251) as u8 as i8);
                let bytes: Vec<i8> = bytes.collect();
                let weights = body.constant(&Tensor::from_values(&[UNITS, DEPTH], &bytes));
                let quantization = Quantization::per_tensor(0.01, 0);
                body.0.value_mut(weights).quantization = Some(quantization.into());
                weights
            }
        };
        let mut product = body.op("FULLY_CONNECTED", &[item, weights], real, Attrs::new());
        if self.biased {
            let bias = body.constant(&floats(&[UNITS], 2));
            product = body.op("ADD", &[product, bias], real, Attrs::new());
        }
        let half = body.constant(&Tensor::from_values(&[], &[0.5f32]));
        let halved = body.op("MUL", &[sums, half], real, Attrs::new());
        let sums = body.op("ADD", &[halved, product], real, Attrs::new());
        let list = match self.changes {
            true => body.op("ADD", &[list, list], real, Attrs::new()),
            false => list,
        };
        with_blocks(
            main,
            &[results[4]],
            vec![
                (condition, vec![less]),
                (body, vec![next, limit, order, list, sums]),
            ],
        )
    }

    fn given(self, order: &[usize], seed: usize) -> Vec<Tensor> {
        let numbers: Vec<i32> = order.iter().map(|&item| item as i32).collect();
        vec![
            scalar(0),
            scalar(order.len() as i32),
            ints(&numbers),
            floats(&[self.items, self.rows, DEPTH], seed),
            floats(&[self.rows, UNITS], 7),
        ]
    }
}

fn session(model: &Model, kernels: KernelChoice) -> Session {
    let options = RunOptions {
        kernels,
        threads: 2,
        ..RunOptions::default()
    };
    let mut session = open_with(model, &options).unwrap();
    session.set_profiling(true);
    session
}

/// How many items the loop has taken from its list.
fn taken(session: &Session) -> usize {
    let times = session.profile().iter();
    times.filter(|time| &*time.op == "GATHER").count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn products_of_a_list_are_those_of_its_items(
        (items, rows) in (1usize..40, 1usize..12),
        (hybrid, biased, changes) in any::<(bool, bool, bool)>(),
        orders in vec((vec(any::<prop::sample::Index>(), 1..40), 0..4), 1..4),
    ) {
        let layer = Layer { items, rows, hybrid, biased, changes };
        let model = layer.model();
        let mut fast = session(&model, KernelChoice::Auto);
        let mut plain = session(&model, KernelChoice::Reference);
        for (seed, (order, kind)) in orders.iter().enumerate() {
            let mut order: Vec<usize> = order.iter().map(|item| item.index(items)).collect();
            match kind {
                0 => order = (0..items).collect(),
                1 => order = (0..items).rev().collect(),
                _ => {}
            }
            let given = layer.given(&order, seed);
            let found = run(&mut fast, &given).unwrap().remove(0);
            let wanted = run(&mut plain, &given).unwrap().remove(0);
            let (found, wanted) = (found.numbers(), wanted.numbers());
            // Sums cancel: what is small has the rounding errors of what is large.
            let most = wanted.iter().fold(1f64, |most, v| most.max(v.abs()));
            let mut pairs = found.into_iter().zip(wanted);
            prop_assert!(pairs.all(|(a, b)| (a - b).abs() <= 1e-5 * most));
            let alone = changes || items < 2 || rows > 8;
            prop_assert_eq!(taken(&fast), if alone { 2 } else { 1 });
            prop_assert_eq!(taken(&plain), 2);
        }
    }
}

/// A list of plain rows, whose products keep their one axis.
#[test]
fn rows_of_a_matrix_are_multiplied_too() {
    let int = DType::Int32;
    let real = DType::Float32;
    let inputs = |net: &mut Net| {
        let (i, limit) = (net.input("i", int, &[]), net.input("limit", int, &[]));
        let list = net.input("list", real, &[6, DEPTH as i64]);
        [i, limit, list, net.input("sums", real, &[UNITS as i64])]
    };
    let mut main = Net::new(Dialect::Tflite);
    let given = inputs(&mut main);
    let attrs = subgraphs(&[("cond_subgraph_index", 1), ("body_subgraph_index", 2)]);
    let results = many(&mut main, "WHILE", &given, &[int, int, real, real], attrs);
    let mut condition = Net::new(Dialect::Tflite);
    let [i, limit, ..] = inputs(&mut condition);
    let less = condition.op("LESS", &[i, limit], DType::Bool, Attrs::new());
    let mut body = Net::new(Dialect::Tflite);
    let [i, limit, list, sums] = inputs(&mut body);
    let one = body.constant(&scalar(1));
    let next = body.op("ADD", &[i, one], int, Attrs::new());
    let item = body.op("GATHER", &[list, i], real, Attrs::new());
    let weights = body.constant(&floats(&[UNITS, DEPTH], 5));
    let keeps = Attrs::new().with("keep_num_dims", Attr::Bool(true));
    let product = body.op("FULLY_CONNECTED", &[item, weights], real, keeps);
    let sum = body.op("ADD", &[sums, product], real, Attrs::new());
    let model = with_blocks(
        main,
        &[results[3]],
        vec![
            (condition, vec![less]),
            (body, vec![next, limit, list, sum]),
        ],
    );
    let given = [
        scalar(0),
        scalar(6),
        floats(&[6, DEPTH], 1),
        floats(&[UNITS], 7),
    ];
    let [mut fast, mut plain] =
        [KernelChoice::Auto, KernelChoice::Reference].map(|kernels| session(&model, kernels));
    let found = run(&mut fast, &given).unwrap().remove(0);
    let wanted = run(&mut plain, &given).unwrap().remove(0);
    let close = |(a, b): (f64, f64)| (a - b).abs() <= 1e-4 * (1.0 + b.abs());
    let pairs = found.numbers().into_iter().zip(wanted.numbers());
    assert!(pairs.into_iter().all(close));
    assert_eq!((taken(&fast), taken(&plain)), (0, 1));
}

#[test]
fn an_item_that_is_not_there_is_refused() {
    let layer = Layer {
        items: 20,
        rows: 1,
        hybrid: false,
        biased: false,
        changes: false,
    };
    for kernels in [KernelChoice::Auto, KernelChoice::Reference] {
        let mut session = session(&layer.model(), kernels);
        let refused = run(&mut session, &layer.given(&[3, 19, 20], 0)).unwrap_err();
        let text = refused.to_string();
        assert!(
            text.contains("index 20") && text.contains("[0, 20)"),
            "{text}"
        );
        assert!(run(&mut session, &layer.given(&[3, 19], 0)).is_ok());
    }
}

/// A block of products, and the row that they are added to, lie in the loop's memory.
#[test]
fn what_a_loop_works_with_is_told() {
    let layer = Layer {
        items: 20,
        rows: 1,
        hybrid: false,
        biased: false,
        changes: false,
    };
    let beside = |kernels| {
        let mut session = session(&layer.model(), kernels);
        run(&mut session, &layer.given(&[3, 19], 0)).unwrap();
        session.arena().beside
    };
    let [fast, plain] = [KernelChoice::Auto, KernelChoice::Reference].map(beside);
    let row = UNITS * size_of::<f32>();
    assert!(plain >= row && fast >= plain + 15 * row, "{fast} {plain}");
}

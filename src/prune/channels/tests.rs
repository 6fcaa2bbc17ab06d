//! A model with channels cut out answers as the whole one does where nothing listens to these channels.

use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::super::sites::sites;
use super::super::unpack::unpack;
use super::super::weights::Weights;
use super::*;
use crate::feed;
use crate::format::{OpenOptions, open};
use crate::model::{
    Attr, DType, Dialect, GraphKind, MetaGraph, Model, Node, Port, Shape, Signature, Tensor,
    TensorData, Value,
};
use crate::runtime::{KernelChoice, RunOptions, Session};

/// The model with channels cut out, the whole one in which the weights that multiply these channels are zero, and how
/// many axes lost some.
fn both(model: &Model, share: f64) -> (Model, Model, usize) {
    let (mut cut, mut deaf, mut count) = (model.clone(), model.clone(), 0);
    let graphs = |m: &mut Model| std::mem::take(&mut m.meta_graphs[0].graphs);
    let (mut cut_graphs, mut deaf_graphs) = (graphs(&mut cut), graphs(&mut deaf));
    for (cut, deaf) in cut_graphs.iter_mut().zip(&mut deaf_graphs) {
        unpack(cut).unwrap();
        unpack(deaf).unwrap();
        let sites = sites(cut);
        let plan = plan(cut, &sites, share, &Progress::new()).unwrap();
        count += plan.cuts.len();
        for site in &sites {
            let Ok(axis) = site.summed else { continue };
            let at = |c: &&Cut| c.value == site.value && c.axis == axis;
            let Some(lost) = plan.cuts.iter().find(at) else {
                continue;
            };
            let mut weights = Weights::open(deaf, site.value).unwrap().unwrap();
            let shape = weights.shape().to_vec();
            let stride: usize = shape[axis + 1..].iter().product();
            for element in 0..weights.len() {
                if !lost.kept.contains(&(element / stride % shape[axis])) {
                    weights.clear(element);
                }
            }
            deaf.value_mut(site.value).data = Some(TensorData::of(weights.tensor()));
        }
        prune(cut, &sites, share, &Progress::new()).unwrap();
    }
    cut.meta_graphs[0].graphs = cut_graphs;
    deaf.meta_graphs[0].graphs = deaf_graphs;
    cut.refresh_signatures(model);
    (cut, deaf, count)
}

fn session(model: &Model, signature: &Signature) -> crate::error::Result<Session> {
    Session::new(
        model,
        &RunOptions {
            signature: Some(signature.key.to_string()),
            threads: 1,
            kernels: KernelChoice::Reference,
            seed: Some(0),
            ..RunOptions::default()
        },
    )
}

fn inputs(signature: &Signature, seed: u64) -> Vec<(String, Tensor)> {
    let made = signature.inputs.iter().enumerate().map(|(i, port)| {
        let tensor = feed::parse(&format!("random:{}", seed + i as u64), port).unwrap();
        (format!("#{i}"), tensor)
    });
    made.collect()
}

/// The largest difference of the outputs, in relation to the largest value; `None` where the whole one can't run.
fn difference(cut: &Model, deaf: &Model, signature: &Signature) -> Option<f64> {
    let inputs = inputs(signature, 7);
    let progress = Progress::new();
    let deaf = session(deaf, signature)
        .ok()?
        .run(&inputs, &progress)
        .ok()?;
    let cut = session(cut, signature)
        .unwrap()
        .run(&inputs, &progress)
        .unwrap();
    let mut worst = 0f64;
    for ((name, deaf), (_, cut)) in deaf.iter().zip(&cut) {
        assert_eq!(deaf.shape(), cut.shape(), "{name}");
        let (deaf, cut) = (deaf.numbers(), cut.numbers());
        let scale = deaf.iter().fold(1e-3f64, |m, v| m.max(v.abs()));
        for (deaf, cut) in deaf.iter().zip(&cut) {
            if deaf.is_finite() {
                worst = worst.max((deaf - cut).abs() / scale);
            }
        }
    }
    Some(worst)
}

/// Multiplications of a run, about: tests run on plain kernels without optimisation.
fn products(model: &Model) -> usize {
    let graphs = model.meta_graphs[0].graphs.iter();
    let of_graph = |graph: &Graph| -> usize {
        let elements = |v: ValueId| graph.value(v).stored_shape.elements().unwrap_or(usize::MAX);
        let uses = sites(graph).into_iter().flat_map(|site| {
            let filter = elements(site.value)
                / graph
                    .value(site.value)
                    .stored_shape
                    .fixed()
                    .map_or(1, |s| s[0].max(1));
            let outputs = site
                .users
                .iter()
                .map(|(id, _)| elements(graph.node(*id).outputs[0]));
            outputs
                .map(|o| o.saturating_mul(filter))
                .collect::<Vec<_>>()
        });
        let moved = graph.value_ids().map(elements);
        uses.chain(moved).fold(0, usize::saturating_add)
    };
    graphs.map(of_graph).fold(0, usize::saturating_add)
}

/// Whether float data meets integer weights: kernels round such data in steps of its range, which is another one
/// without the channels that went.
fn is_hybrid(model: &Model) -> bool {
    let graphs = &model.meta_graphs[0].graphs;
    graphs.iter().any(|graph| {
        let mut users = sites(graph).into_iter().flat_map(|site| {
            let integers = graph.value(site.value).dtype.is_integer();
            let direct = site.users.into_iter().map(|(id, _)| id);
            direct.filter(move |_| integers).collect::<Vec<_>>()
        });
        let floats = |id| graph.value(graph.node(id).outputs[0]).dtype == DType::Float32;
        users.any(floats)
    })
}

fn agrees(path: &Path) -> (usize, bool) {
    let model = open(path, &OpenOptions::default()).unwrap();
    let (mut axes, mut ran) = (0, false);
    for share in [0.3, 0.9] {
        let (cut, deaf, count) = both(&model, share);
        axes = axes.max(count);
        for signature in &model.meta_graphs[0].signatures {
            if let Some(worst) = difference(&cut, &deaf, signature) {
                ran = true;
                let most = if is_hybrid(&model) { 0.1 } else { 1e-4 };
                assert!(worst < most, "{path:?} {}: {worst}", signature.key);
            }
        }
    }
    (axes, ran)
}

#[test]
fn samples_lose_only_what_nothing_listens_to() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    for mode in ["float32", "float16", "dynamic", "int8", "int16x8"] {
        let (axes, ran) = agrees(&samples.join(format!("digits_cnn.{mode}.tflite")));
        assert!(ran && axes > 10, "{mode}: {axes} axes");
    }
}

#[test]
fn real_models_lose_only_what_nothing_listens_to() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let mut files: Vec<PathBuf> = Vec::new();
    for part in ["zoo", "corpus"] {
        let Ok(cases) = std::fs::read_dir(shared.join(part).join("cases")) else {
            eprintln!("no {part} beside the repository: skipped");
            continue;
        };
        files.extend(cases.flatten().map(|c| c.path().join("model.tflite")));
    }
    files.sort();
    let mut cut = 0;
    for file in &files {
        let model = open(file, &OpenOptions::default());
        if model.is_ok_and(|model| products(&model) < 1_000_000) {
            let (axes, ran) = agrees(file);
            cut += usize::from(axes > 0 && ran);
        }
    }
    assert!(
        files.is_empty() || cut > 20,
        "only {cut} models lost channels"
    );
}

/// A chain of layers over an image of 4×4, with branches that come together again.
struct Net {
    graph: Graph,
    next: u64,
}

impl Net {
    fn value(&mut self, dims: &[usize]) -> ValueId {
        self.graph
            .add_value(Value::new("", DType::Float32, Shape::of(dims)))
    }

    fn constant(&mut self, shape: &[usize]) -> ValueId {
        self.next += 1;
        let port = Port::new("", DType::Float32, Shape::of(shape));
        let tensor = feed::parse(&format!("random:{}", self.next), &port).unwrap();
        self.graph.add_value(Value::constant("", &tensor))
    }

    fn channels(&self, value: ValueId) -> usize {
        *self
            .graph
            .value(value)
            .shape
            .fixed()
            .unwrap()
            .last()
            .unwrap()
    }

    fn op(
        &mut self,
        op: &str,
        inputs: &[ValueId],
        dims: &[usize],
        attrs: &[(&str, i64)],
    ) -> ValueId {
        let output = self.value(dims);
        let mut node = Node::new(op, op);
        node.inputs = inputs.iter().copied().map(Some).collect();
        node.outputs = vec![output];
        for (name, number) in attrs {
            node.attrs.set(*name, Attr::Int(*number));
        }
        self.graph.add_node(node);
        output
    }

    fn convolution(&mut self, x: ValueId, count: usize) -> ValueId {
        let w = self.constant(&[count, 3, 3, self.channels(x)]);
        let b = self.constant(&[count]);
        let attrs = [
            ("stride_w", 1),
            ("stride_h", 1),
            ("dilation_w_factor", 1),
            ("dilation_h_factor", 1),
        ];
        self.op("CONV_2D", &[x, w, b], &[1, 4, 4, count], &attrs)
    }

    fn layer(&mut self, kind: u8, x: ValueId) -> ValueId {
        let count = self.channels(x);
        let dims = [1, 4, 4, count];
        match kind % 7 {
            0 => self.convolution(x, 3 + usize::from(kind) % 5),
            1 => self.op("RELU", &[x], &dims, &[]),
            2 => {
                let w = self.constant(&[1, 3, 3, 2 * count]);
                let b = self.constant(&[2 * count]);
                let attrs = [
                    ("stride_w", 1),
                    ("stride_h", 1),
                    ("depth_multiplier", 2),
                    ("dilation_w_factor", 1),
                    ("dilation_h_factor", 1),
                ];
                self.op(
                    "DEPTHWISE_CONV_2D",
                    &[x, w, b],
                    &[1, 4, 4, 2 * count],
                    &attrs,
                )
            }
            3 => {
                let y = self.convolution(x, count);
                self.op("ADD", &[x, y], &dims, &[])
            }
            4 => {
                let y = self.convolution(x, 4);
                let z = self.convolution(x, 3);
                self.op(
                    "CONCATENATION",
                    &[y, x, z],
                    &[1, 4, 4, count + 7],
                    &[("axis", 3)],
                )
            }
            5 => {
                let scale = self.constant(&[count]);
                self.op("MUL", &[x, scale], &dims, &[])
            }
            // Squeeze and excite.
            _ => {
                let axes = Tensor::from_values(&[2], &[1i32, 2]);
                let axes = self.graph.add_value(Value::constant("", &axes));
                let mean = self.op("MEAN", &[x, axes], &[1, count], &[("keep_dims", 0)]);
                let w = self.constant(&[count, count]);
                let gate = self.op("FULLY_CONNECTED", &[mean, w], &[1, count], &[]);
                let gate = self.op("LOGISTIC", &[gate], &[1, count], &[]);
                self.op("MUL", &[x, gate], &dims, &[])
            }
        }
    }
}

fn net(kinds: &[u8]) -> Model {
    let graph = Graph::new("main", GraphKind::Subgraph, Dialect::Tflite);
    let mut net = Net { graph, next: 0 };
    let input = net.value(&[1, 4, 4, 2]);
    net.graph.inputs.push(Some(input));
    let mut x = net.convolution(input, 6);
    for &kind in kinds {
        x = net.layer(kind, x);
    }
    let flat = 16 * net.channels(x);
    let sizes = Tensor::from_values(&[2], &[-1i32, flat as i32]);
    let sizes = net.graph.add_value(Value::constant("", &sizes));
    let row = net.op("RESHAPE", &[x, sizes], &[1, flat], &[]);
    let w = net.constant(&[5, flat]);
    let output = net.op("FULLY_CONNECTED", &[row, w], &[1, 5], &[]);
    net.graph.outputs.push(Some(output));
    let signature = Signature {
        key: "serving_default".into(),
        method: "".into(),
        deprecated_tag: None,
        graph: 0,
        inputs: vec![Port::of("x", &net.graph, input)],
        outputs: vec![Port::of("y", &net.graph, output)],
        implied: false,
    };
    Model::new(
        "net",
        MetaGraph::new(Dialect::Tflite, vec![net.graph], vec![signature]),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_net_loses_only_what_nothing_listens_to(kinds in prop::collection::vec(any::<u8>(), 0..7), share in 0.0f64..0.99) {
        let model = net(&kinds);
        let (cut, deaf, count) = both(&model, share);
        let worst = difference(&cut, &deaf, &model.meta_graphs[0].signatures[0]);
        prop_assert!(worst.is_some_and(|worst| worst < 1e-4), "{worst:?}");
        prop_assert!(share < 0.2 || count > 0, "nothing was cut");
    }
}

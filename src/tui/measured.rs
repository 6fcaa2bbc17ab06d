//! What running and comparing a model told about its operators; every pane of the model can show it.

use std::collections::HashMap;
use std::sync::Arc;

use super::desk::{Desk, State};
use super::jobs::Output;
use crate::analysis::Locator;
use crate::compare::Comparison;
use crate::model::{MetaGraph, Model, NodeId};
use crate::ops::Block;
use crate::runtime::OpTime;

/// By index of the MetaGraph and of the graph in it, and by operator.
pub type ByNode<T> = Arc<HashMap<(usize, usize), HashMap<NodeId, T>>>;

/// The figures of the last run and of the last comparison.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    /// Nanoseconds; of a call, all that it calls, of a loop, all its rounds.
    times: Option<ByNode<u64>>,
    /// How well values agree with those of the other model, as signal to noise in dB; of a call, the worst in it.
    errors: Option<ByNode<f64>>,
    /// Of the whole run.
    pub nanos: u64,
    /// Counts the changes.
    pub version: u64,
}

impl Measured {
    /// What is known of the operators of a graph; `None` when nothing has run.
    pub fn times(&self, meta: usize, graph: usize) -> Option<&HashMap<NodeId, u64>> {
        self.times.as_ref()?.get(&(meta, graph))
    }

    pub fn errors(&self, meta: usize, graph: usize) -> Option<&HashMap<NodeId, f64>> {
        self.errors.as_ref()?.get(&(meta, graph))
    }

    pub fn has_times(&self) -> bool {
        self.times.is_some()
    }

    pub fn has_errors(&self) -> bool {
        self.errors.is_some()
    }
}

/// Where the operators stand in the file that a session of a signature runs.
pub struct InFile<'m> {
    /// The graph of the signature.
    start: usize,
    named: HashMap<&'m str, usize>,
    locator: Locator<'m>,
}

impl<'m> InFile<'m> {
    /// `None` where the MetaGraph has no such signature.
    pub fn new(found: &'m MetaGraph, key: &str) -> Option<InFile<'m>> {
        let start = found.signatures.iter().find(|s| *s.key == *key)?;
        let graphs = found.graphs.iter().enumerate();
        Some(InFile {
            start: start.graph,
            named: graphs.map(|(at, graph)| (&*graph.name, at)).collect(),
            locator: Locator::new(found),
        })
    }

    /// As [`Locator::find`], from the graph of the file that a graph of the session is made of; `None` for the
    /// signature's own.
    pub fn find(&mut self, graph: Option<&Block>, node: &str) -> Option<Vec<(usize, NodeId)>> {
        let graph = match graph {
            None => self.start,
            Some(Block::Subgraph(number)) => *number,
            Some(Block::Function(name)) => *self.named.get(&**name)?,
        };
        Some(self.locator.find(graph, node))
    }
}

/// What a run tells of the operators of the file.
pub struct Run {
    times: ByNode<u64>,
    nanos: u64,
}

impl Run {
    /// A signature of `model` in its MetaGraph `meta` has run; `None` where it is not there.
    pub fn of(model: &Model, meta: usize, key: &str, profile: &[OpTime]) -> Option<Run> {
        let found = model.meta_graphs.get(meta)?;
        let mut file = InFile::new(found, key)?;
        let row = |step: &OpTime| {
            let way = file.find(step.file_graph.as_ref(), &step.node)?;
            let last = way.last().and_then(|&(graph, id)| {
                let graph = found.graphs.get(graph)?;
                graph.nodes.get(id.index())
            });
            // What a loop of TensorFlow 1 runs stands beside it.
            let beside = last.is_some_and(|node| &*node.op == "LoopCond");
            Some((way, if beside { step.own() } else { step.nanos }))
        };
        Some(Run {
            times: by_node(meta, profile.iter().filter_map(row), |sum, part| sum + part),
            nanos: profile.iter().map(OpTime::own).sum(),
        })
    }
}

/// What a comparison tells of the operators of one of its models; `first`: it is the one on the left.
pub fn errors(model: &Model, first: bool, compared: &Comparison) -> Option<ByNode<f64>> {
    let (inner, keys) = (&compared.inner, compared.signatures.as_ref());
    let key = keys.map(|(a, b)| if first { a.as_str() } else { b.as_str() });
    let (found, signature) = model.signature(None, key).ok()?;
    let mut metas = model.meta_graphs.iter();
    let meta = metas.position(|m| std::ptr::eq(m, found))?;
    if inner.is_empty() {
        return None;
    }
    // An operator that stands for several of the other side gives what the last of them gives.
    let mut last: HashMap<&str, f64> = HashMap::new();
    for row in inner {
        let node = if first { &row.node_a } else { &row.node_b };
        last.insert(node, row.sqnr_db);
    }
    let mut locator = Locator::new(found);
    let row = |(name, figure): (&str, f64)| (locator.find(signature.graph, name), figure);
    Some(by_node(meta, last.into_iter().map(row), f64::min))
}

/// Keeps what a run of desk `at` or a comparison tells of operators, for all panes of the models.
pub fn note(desks: &mut [Desk], at: usize, output: &Output) {
    for (index, desk) in desks.iter_mut().enumerate() {
        let State::Open(open) = &mut desk.state else {
            continue;
        };
        match output {
            Output::Ran(ran) if index == at => {
                if let Some(run) = &ran.measured {
                    let measured = Arc::make_mut(&mut open.measured);
                    measured.times = Some(run.times.clone());
                    measured.nanos = run.nanos;
                    measured.version += 1;
                }
            }
            Output::Compared(compared) => {
                let (sides, errors) = (&compared.sides, &compared.errors);
                for (side, errors) in [(&sides.0, &errors.0), (&sides.1, &errors.1)] {
                    if let (true, Some(errors)) = (Arc::ptr_eq(side, &open.model), errors) {
                        let measured = Arc::make_mut(&mut open.measured);
                        measured.errors = Some(errors.clone());
                        measured.version += 1;
                    }
                }
            }
            _ => {}
        }
    }
}

/// Figures brought to the operators of the file, those and the calls that lead to them; `join` puts several of one
/// operator together.
fn by_node<T: Copy>(
    meta: usize,
    rows: impl Iterator<Item = (Vec<(usize, NodeId)>, T)>,
    join: impl Fn(T, T) -> T,
) -> ByNode<T> {
    let mut all: HashMap<(usize, usize), HashMap<NodeId, T>> = HashMap::new();
    for (way, figure) in rows {
        for (graph, node) in way {
            let of_graph = all.entry((meta, graph)).or_default();
            let old = of_graph.entry(node);
            old.and_modify(|old| *old = join(*old, figure))
                .or_insert(figure);
        }
    }
    Arc::new(all)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::model::{DType, Tensor};
    use crate::progress::Progress;
    use crate::runtime::{RunOptions, Session};

    /// Runs a model once on ones; `None` where it is not there.
    fn measured(path: &str) -> Option<(Model, Vec<OpTime>, Run)> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        if !path.exists() {
            eprintln!("skipped, no {}", path.display());
            return None;
        }
        let model = crate::format::open(&path, &Default::default()).unwrap();
        let mut session = Session::new(&model, &RunOptions::default()).unwrap();
        session.set_profiling(true);
        let ones = session.inputs().iter().map(|port| {
            let sizes = port.shape.with_unknown_as(1).unwrap();
            let count = sizes.iter().product();
            let ones = match port.dtype {
                DType::Int32 => Tensor::from_values(&sizes, &vec![1i32; count]),
                _ => Tensor::from_values(&sizes, &vec![1f32; count]),
            };
            (port.name.to_string(), ones)
        });
        let inputs: Vec<_> = ones.collect();
        session.run(&inputs, &Progress::new()).unwrap();
        let (_, signature) = model.signature(None, Some(session.signature())).unwrap();
        let profile = session.profile().to_vec();
        let run = Run::of(&model, 0, &signature.key, &profile).unwrap();
        Some((model, profile, run))
    }

    #[test]
    fn the_operators_of_a_loops_body_have_times() {
        for (path, op) in [
            ("samples/lstm", "While"),
            (
                "../shared/zoo/cases/while_loop_newton/model.tflite",
                "WHILE",
            ),
            ("../shared/zoo/cases/while_loop_newton/saved_model", "While"),
        ] {
            let Some((model, profile, run)) = measured(path) else {
                continue;
            };
            let around: Vec<&OpTime> = profile.iter().filter(|t| t.op.ends_with(op)).collect();
            let [around] = around[..] else {
                panic!("{path}: {} loops", around.len());
            };
            let within = profile.iter().filter(|time| time.graph.is_some());
            let within: u64 = within.map(OpTime::own).sum();
            assert!(0 < within && within <= around.nanos, "{path}");
            assert_eq!(around.inner, within, "{path}");
            for time in profile.iter().filter(|time| time.file_graph.is_some()) {
                let graphs = model.meta_graphs[0].graphs.iter();
                let index = match time.file_graph.as_ref().unwrap() {
                    Block::Subgraph(number) => *number,
                    Block::Function(name) => graphs.clone().position(|g| g.name == *name).unwrap(),
                };
                let times = run.times.get(&(0, index));
                let sum: u64 = times.unwrap().values().sum();
                assert!(sum >= time.nanos, "{path}: {}", time.node);
            }
        }
    }

    #[test]
    fn a_loop_of_tensorflow_1_counts_once() {
        let path = "../shared/zoo/cases/v1_while_switch_merge/saved_model";
        let Some((_, profile, run)) = measured(path) else {
            return;
        };
        assert!(profile.iter().any(|time| time.graph.is_some()));
        assert!(profile.iter().all(|time| time.file_graph.is_none()));
        let times: u64 = run.times[&(0, 0)].values().sum();
        assert!(0 < times && times <= run.nanos);
    }
}

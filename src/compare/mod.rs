//! Two models on the same inputs: sizes, operators, outputs, layers, latency.

mod flow;
mod latency;
mod layers;
mod names;
mod outputs;
mod pairing;
mod samples;

use flow::Flow;
use layers::Layers;
use serde::Serialize;

use crate::analysis::all_op_counts;
use crate::error::Result;
use crate::model::{Model, Port, Tensor};
use crate::progress::Progress;
use crate::runtime::{RunOptions, Session};
use crate::sort;

pub use samples::{Samples, count_of, usual_samples};

#[derive(Debug, Clone)]
pub struct CompareOptions {
    /// By name; seeded random values where empty. Several samples give worst and mean figures.
    pub inputs: Vec<Vec<(String, Tensor)>>,
    /// Runs of each side for the latency, in turn; 0 leaves latency out.
    pub runs: usize,
    pub threads: usize,
    /// Compare inner values too.
    pub per_layer: bool,
}

#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    pub sizes: Sizes,
    /// Operator name to its count in A and in B.
    pub ops: Vec<OpCount>,
    pub outputs: Vec<OutputDiff>,
    pub layers: Vec<LayerDiff>,
    pub latency: Option<Latency>,
    /// What could not be compared and why.
    pub notes: Vec<String>,
    /// Every pair of inner values, by the operators that make them.
    #[serde(skip)]
    pub inner: Vec<InnerDiff>,
    /// Keys of the signatures that ran, of A and of B.
    #[serde(skip)]
    pub signatures: Option<(String, String)>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Sizes {
    pub a_bytes: u64,
    pub b_bytes: u64,
    /// b / a
    pub ratio: f64,
}

#[derive(Debug, Clone, Serialize)]
pub struct OpCount {
    pub op: String,
    pub a: usize,
    pub b: usize,
}

/// Differences of one output over all samples; integer outputs are dequantized first where they are quantized.
#[derive(Debug, Clone, Serialize)]
pub struct OutputDiff {
    pub name: String,
    pub max_abs: f64,
    pub mean_abs: f64,
    pub cosine: f64,
    /// 10·log10(Σa² / Σ(a−b)²); infinite for equal outputs (null in JSON).
    pub sqnr_db: f64,
    /// Share of rows (along the last axis) whose largest element is at the same index; null for scalars.
    pub same_top1: Option<f64>,
    /// Samples of which another element is the largest; only where an output is one row.
    pub differs: Vec<Answer>,
    /// The largest elements of the first sample, where its output is one row: index and value.
    pub top_a: Vec<(usize, f64)>,
    pub top_b: Vec<(usize, f64)>,
}

/// The largest element of an output in A and in B.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Answer {
    pub sample: usize,
    pub a: usize,
    pub b: usize,
}

/// Bytes of one layer before and after, and how well its output agrees.
#[derive(Debug, Clone, Serialize)]
pub struct LayerDiff {
    pub name: String,
    /// The operator that takes the most weights, or the last.
    pub op_a: String,
    pub op_b: String,
    /// All operators of the layer in the order in which they run, and their nodes.
    pub ops_a: Vec<String>,
    pub ops_b: Vec<String>,
    pub nodes_a: Vec<String>,
    pub nodes_b: Vec<String>,
    pub a_bytes: u64,
    pub b_bytes: u64,
    /// What became of it in B: `fused, int8/channel`; empty where nothing did.
    pub what: String,
    pub sqnr_db: Option<f64>,
    pub max_abs: Option<f64>,
}

impl LayerDiff {
    /// The names that a converter may give to what this layer becomes: those of its nodes on both sides, without the
    /// calls around them.
    pub fn names(&self) -> Vec<String> {
        let nodes = self.nodes_a.iter().chain(&self.nodes_b);
        let mut names: Vec<String> = nodes
            .flat_map(|name| names::origins(name))
            .map(str::to_owned)
            .collect();
        names.sort();
        names.dedup();
        names
    }
}

/// How well an inner value agrees; operators by the names that they have where they run.
#[derive(Debug, Clone)]
pub struct InnerDiff {
    pub node_a: String,
    pub node_b: String,
    /// As in [`OutputDiff::sqnr_db`].
    pub sqnr_db: f64,
}

#[derive(Debug, Clone, Serialize)]
pub struct Latency {
    pub a_median_ms: f64,
    pub b_median_ms: f64,
    pub a_p90_ms: f64,
    pub b_p90_ms: f64,
    /// a / b: above 1 B is faster. `low` and `high` bound it with 95 % confidence (bootstrap over the runs).
    pub ratio: f64,
    pub low: f64,
    pub high: f64,
}

/// Compares the default signatures. Where a side can't be run, sizes and operators are compared all the same and a note
/// says why the rest is missing.
///
/// # Errors
/// Inputs that fit neither side's ports; the person's wish to stop.
pub fn compare(
    a: &Model,
    b: &Model,
    options: &CompareOptions,
    progress: &Progress,
) -> Result<Comparison> {
    progress.stage("comparing sizes", 0);
    let mut comparison = Comparison {
        sizes: sizes(a, b),
        ops: op_counts(a, b),
        outputs: Vec::new(),
        layers: Vec::new(),
        latency: None,
        notes: Vec::new(),
        inner: Vec::new(),
        signatures: None,
    };
    let mut layers = None;
    if let Some(mut pair) = Pair::new(a, b, options.threads, &mut comparison.notes)? {
        let samples = pair.samples(&options.inputs)?;
        let key = |side: &Side| side.session.signature().to_owned();
        let (key_a, key_b) = (key(&pair.a), key(&pair.b));
        progress.stage("comparing outputs", samples.len() as u64);
        comparison.outputs =
            outputs::compare(&mut pair, &samples, progress, &mut comparison.notes)?;
        layers = Layers::new(Flow::new(a, Some(&key_a)), Flow::new(b, Some(&key_b)));
        if let (Some(layers), true) = (&mut layers, options.per_layer) {
            layers.run(&mut pair, &samples, progress)?;
        }
        comparison.signatures = Some((key_a, key_b));
        if options.runs > 0
            && let Some(sample) = samples.first()
        {
            progress.stage("timing both in turn", options.runs as u64);
            comparison.latency = Some(latency::measure(&mut pair, sample, options.runs, progress)?);
        }
    }
    let layers = layers.or_else(|| Layers::new(Flow::new(a, None), Flow::new(b, None)));
    if let Some(layers) = layers {
        comparison.layers = layers.rows();
        comparison.inner = layers.inner();
    }
    Ok(comparison)
}

fn sizes(a: &Model, b: &Model) -> Sizes {
    let (a_bytes, b_bytes) = (a.total_bytes(), b.total_bytes());
    Sizes {
        a_bytes,
        b_bytes,
        ratio: b_bytes as f64 / a_bytes as f64,
    }
}

/// All operators of both sides, most frequent first.
fn op_counts(a: &Model, b: &Model) -> Vec<OpCount> {
    let mut counts: Vec<OpCount> = Vec::new();
    let mut add = |model: &Model, side: fn(&mut OpCount) -> &mut usize| {
        for (op, n) in model
            .meta_graphs
            .iter()
            .flat_map(|m| all_op_counts(m).total())
        {
            let at = counts.iter().position(|c| *c.op == *op).unwrap_or_else(|| {
                counts.push(OpCount {
                    op: op.to_string(),
                    a: 0,
                    b: 0,
                });
                counts.len() - 1
            });
            *side(&mut counts[at]) += n;
        }
    };
    add(a, |c| &mut c.a);
    add(b, |c| &mut c.b);
    sort::by(&mut counts, |x, y| {
        (y.a + y.b).cmp(&(x.a + x.b)).then_with(|| x.op.cmp(&y.op))
    });
    counts
}

/// One side, ready to run.
struct Side {
    session: Session,
}

/// Both sides, with B's ports in the order of A's.
struct Pair {
    a: Side,
    b: Side,
    /// For each input of A the index of B's.
    inputs: Vec<usize>,
    /// Name of an output of A, and the index of B's.
    outputs: Vec<(usize, usize)>,
}

/// The same call for both sides, in the types that each wants.
struct Sample {
    a: Vec<(String, Tensor)>,
    b: Vec<(String, Tensor)>,
}

impl Pair {
    /// `None`, with a note, where a side can't be run or the ports don't match.
    fn new(a: &Model, b: &Model, threads: usize, notes: &mut Vec<String>) -> Result<Option<Self>> {
        let side = |model: &Model, key: Option<&str>| {
            let options = RunOptions {
                signature: key.map(str::to_owned),
                threads,
                // Both draw the same lots.
                seed: Some(0),
                ..RunOptions::default()
            };
            Session::new(model, &options).map(|session| Side { session })
        };
        let a = match side(a, None) {
            Ok(side) => side,
            Err(error) => {
                notes.push(format!(
                    "A can't be run, so outputs and times are not compared: {error}"
                ));
                return Ok(None);
            }
        };
        // The signature of the same name, if B has it.
        let key = a.session.signature().to_owned();
        let has_key = b.signature(None, Some(&key)).is_ok();
        let b = match side(b, has_key.then_some(key.as_str())) {
            Ok(side) => side,
            Err(error) => {
                notes.push(format!(
                    "B can't be run, so outputs and times are not compared: {error}"
                ));
                return Ok(None);
            }
        };
        let inputs = match_ports(a.session.inputs(), b.session.inputs());
        if inputs.len() != a.session.inputs().len() || inputs.len() != b.session.inputs().len() {
            notes.push(format!(
                "the inputs differ ({} in A, {} in B), so outputs and times are not compared",
                names(a.session.inputs()),
                names(b.session.inputs())
            ));
            return Ok(None);
        }
        let outputs = match_ports(a.session.outputs(), b.session.outputs());
        if outputs.is_empty() {
            notes.push(format!(
                "no output of A ({}) has its like in B ({})",
                names(a.session.outputs()),
                names(b.session.outputs())
            ));
        }
        Ok(Some(Pair {
            inputs: inputs.into_iter().map(|(_, b)| b).collect(),
            a,
            b,
            outputs,
        }))
    }

    fn samples(&self, given: &[Vec<(String, Tensor)>]) -> Result<Vec<Sample>> {
        let ports = self.a.session.inputs();
        if given.is_empty() {
            return Ok(vec![self.sample(&samples::random(ports)?)?]);
        }
        given.iter().map(|sample| self.sample(sample)).collect()
    }

    fn sample(&self, given: &[(String, Tensor)]) -> Result<Sample> {
        let mut sample = Sample {
            a: Vec::new(),
            b: Vec::new(),
        };
        for (index, (port_a, &at_b)) in self.a.session.inputs().iter().zip(&self.inputs).enumerate()
        {
            let port_b = &self.b.session.inputs()[at_b];
            let value = samples::value(given, index, port_a, port_b)?;
            sample.a.push((
                port_a.name.to_string(),
                samples::for_port(value, port_a, port_a)?,
            ));
            sample.b.push((
                port_b.name.to_string(),
                samples::for_port(value, port_a, port_b)?,
            ));
        }
        Ok(sample)
    }
}

fn names(ports: &[Port]) -> String {
    let names: Vec<&str> = ports.iter().map(|p| &*p.name).collect();
    names.join(", ")
}

/// Pairs of indices: by name; by order where no name is common and there are equally many.
fn match_ports(a: &[Port], b: &[Port]) -> Vec<(usize, usize)> {
    let by_name: Vec<(usize, usize)> = a
        .iter()
        .enumerate()
        .filter_map(|(i, port)| Some((i, b.iter().position(|p| p.name == port.name)?)))
        .collect();
    if by_name.is_empty() && a.len() == b.len() {
        return (0..a.len()).map(|i| (i, i)).collect();
    }
    by_name
}

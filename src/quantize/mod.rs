//! Calibration, ranges, and the rewrite of a float TFLite model to a smaller one.

mod assign;
mod calibrate;
mod detect;
mod integer;
pub mod parsers;
mod plan;
pub mod ranges;
mod recipe;
mod treatment;
mod weights;

use std::collections::{BTreeMap, HashSet};

use crate::error::{Error, Result};
use crate::model::{DType, Details, Dialect, Graph, Model, Node, Signature, Tensor, Value};
use crate::ops::quantize::Width;
use crate::progress::Progress;
pub use recipe::Recipe;
use treatment::{Form, Treatment};

/// What to make of every operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// int8 weights; kernels quantize what they multiply with as they run.
    Dynamic,
    /// float16 constants, float arithmetic.
    Float16,
    /// Integer weights and data, in ranges from calibration.
    Int8,
    /// int16 data, int8 weights.
    Int16x8,
    /// int8 weights, float arithmetic.
    WeightsInt8,
    /// As dynamic, with int4 weights where there are kernels.
    WeightsInt4,
}

/// Type of the inputs and outputs of an integer model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Io {
    #[default]
    Float,
    Int,
}

/// Samples for calibration: each is one call's inputs by name.
#[derive(Debug, Clone, Default)]
pub struct Calibration {
    pub samples: Vec<Vec<(String, Tensor)>>,
}

/// What to make of a model.
#[derive(Debug, Clone, Copy, Default)]
pub struct Request<'a> {
    /// For every operator that the recipe says nothing about; `None` leaves them float.
    pub mode: Option<Mode>,
    pub recipe: Option<&'a Recipe>,
    pub io: Io,
    /// Needed where activations become integers.
    pub calibration: Option<&'a Calibration>,
}

/// A quantized model and what a person should know of it.
#[derive(Debug)]
pub struct Outcome {
    pub model: Model,
    pub notes: Vec<String>,
    pub operators: Vec<Treated>,
}

/// Operators that work on real numbers, and what became of them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Treated {
    pub op: String,
    /// `float32`, `int8`, `int4 weights`, …
    pub form: String,
    pub count: usize,
}

/// A float model in the TFLite dialect, quantized.
///
/// # Errors
/// Integer activations without calibration, or with samples that say nothing; models that are not in the TFLite
/// dialect; recipes whose regular expressions don't come to an end.
pub fn quantize(model: &Model, request: &Request<'_>, progress: &Progress) -> Result<Outcome> {
    if model
        .meta_graphs
        .iter()
        .any(|m| m.dialect != Dialect::Tflite)
    {
        return Err(Error::usage(
            "only models in the TFLite dialect can be quantized",
        ));
    }
    let mut quantized = model.clone();
    let assignment = assign::assign(model, request)?;
    let mut notes = assignment.notes.clone();
    let mut done = Done::new(model);
    if assignment.calibrates() {
        notes.extend(integers(
            &mut quantized,
            &assignment.treatments,
            request,
            &mut done,
            progress,
        )?);
    }
    notes.extend(constants(
        &mut quantized,
        &assignment.treatments,
        &mut done,
        progress,
    )?);
    for graph in quantized.meta_graphs.iter_mut().flat_map(|m| &mut m.graphs) {
        graph.remove_dead(|_| false);
        graph.sort()?;
        // What the source needed may not be what this needs: the writer takes the lowest that fits.
        graph.nodes.iter_mut().for_each(|node| node.version = 0);
    }
    if let Details::Tflite(details) = &mut quantized.details {
        details.operator_codes.clear();
    }
    quantized
        .metadata
        .retain(|m| m.name != "min_runtime_version");
    quantized.refresh_signatures(model);
    let operators = done.count(model, &assignment.treatments);
    notes.extend(assign::fallbacks(request, &operators));
    Ok(Outcome {
        model: quantized,
        notes,
        operators,
    })
}

/// By graph and node, whether the treatment could be given.
struct Done(Vec<Vec<bool>>);

impl Done {
    fn new(model: &Model) -> Self {
        let graphs = model.meta_graphs.iter().flat_map(|m| &m.graphs);
        Done(graphs.map(|g| vec![false; g.nodes.len()]).collect())
    }

    fn add(&mut self, graph: usize, nodes: &[bool]) {
        if let Some(done) = self.0.get_mut(graph) {
            for (done, new) in done.iter_mut().zip(nodes) {
                *done |= new;
            }
        }
    }

    /// Operators of the original `model` with real numbers among their operands or results.
    fn count(&self, model: &Model, treatments: &[Vec<Treatment>]) -> Vec<Treated> {
        let mut counts: BTreeMap<(&str, String), usize> = BTreeMap::new();
        let graphs = model.meta_graphs.iter().flat_map(|m| &m.graphs);
        for ((graph, done), treatments) in graphs.zip(&self.0).zip(treatments) {
            for ((node, done), treatment) in graph.nodes.iter().zip(done).zip(treatments) {
                if !has_floats(graph, node) {
                    continue;
                }
                let form = if *done { *treatment } else { Treatment::Float };
                *counts.entry((&*node.op, form.of(&node.op))).or_default() += 1;
            }
        }
        let treated = counts.into_iter().map(|((op, form), count)| Treated {
            op: op.to_owned(),
            form,
            count,
        });
        treated.collect()
    }
}

fn has_floats(graph: &Graph, node: &Node) -> bool {
    node.inputs
        .iter()
        .flatten()
        .chain(&node.outputs)
        .any(|&v| graph.value(v).dtype == DType::Float32)
}

fn constants(
    model: &mut Model,
    treatments: &[Vec<Treatment>],
    done: &mut Done,
    progress: &Progress,
) -> Result<Vec<String>> {
    let mut clamped = 0;
    let mut changes = 0;
    let wanted = |t: &Treatment| matches!(t, Treatment::Weights { .. } | Treatment::Float16);
    if !treatments.iter().flatten().any(wanted) {
        return Ok(Vec::new());
    }
    let graphs = model.meta_graphs.iter_mut().flat_map(|m| &mut m.graphs);
    for (index, (graph, treatments)) in graphs.zip(treatments).enumerate() {
        progress.stage("quantizing weights", treatments.len() as u64);
        let outcome = weights::rewrite(graph, treatments, progress)?;
        clamped += outcome.clamped;
        changes += outcome.done.iter().filter(|d| **d).count();
        done.add(index, &outcome.done);
    }
    let mut notes = Vec::new();
    if clamped > 0 {
        notes.push(format!(
            "{clamped} values beyond ±65504 became ±65504 in float16"
        ));
    }
    if changes == 0 {
        notes.push(
            "no constant is large enough to gain from this: the model stays float32".to_owned(),
        );
    }
    Ok(notes)
}

fn integers(
    model: &mut Model,
    treatments: &[Vec<Treatment>],
    request: &Request<'_>,
    done: &mut Done,
    progress: &Progress,
) -> Result<Vec<String>> {
    let calibration = request.calibration.ok_or_else(|| {
        Error::usage("integer models need calibration samples")
            .hint("--calibration FILE.npz with one array per input; or --quantize dynamic, which needs none")
    })?;
    calibration.check()?;
    let signatures = model
        .meta_graphs
        .first()
        .map(|m| m.signatures.clone())
        .unwrap_or_default();
    if !signatures.iter().any(|s| covers(calibration, s)) {
        return Err(Error::usage(
            "the calibration samples fit no signature of the model",
        ));
    }
    let mut notes = Vec::new();
    let mut rewritten = HashSet::new();
    for signature in &signatures {
        if !covers(calibration, signature) {
            notes.push(format!(
                "signature {:?} stays float: the calibration samples are for other inputs",
                signature.key
            ));
            continue;
        }
        if !rewritten.insert(signature.graph) {
            continue;
        }
        progress.stage(
            format!("calibrating {}", signature.key),
            calibration.samples.len() as u64,
        );
        let seen = calibrate::ranges(model, signature, calibration, progress)?;
        progress.stage("quantizing", 1);
        let place = signature.graph;
        let graph = model
            .meta_graphs
            .first_mut()
            .and_then(|m| m.graphs.get_mut(place))
            .ok_or_else(|| {
                Error::unreadable(format!("signature {:?} has no graph", signature.key))
            })?;
        let wanted = treatments.get(place).map_or(&[][..], Vec::as_slice);
        let names: Vec<_> = graph.nodes.iter().map(|n| n.op.clone()).collect();
        let floats: Vec<bool> = graph.nodes.iter().map(|n| has_floats(graph, n)).collect();
        let quantized = both_widths(graph, &seen, wanted, request.io)?;
        done.add(place, &quantized);
        let mut left: Vec<(&str, usize)> = Vec::new();
        for (index, op) in names.iter().enumerate() {
            let wanted = matches!(wanted.get(index), Some(Treatment::Static { .. }));
            if wanted && floats[index] && !quantized.get(index).is_some_and(|q| *q) {
                match left.iter_mut().find(|(known, _)| known == &&**op) {
                    Some((_, count)) => *count += 1,
                    None => left.push((op, 1)),
                }
            }
        }
        for (op, count) in left {
            notes.push(format!(
                "{op} ×{count} stays float: it has no right integer kernel, or no range was seen"
            ));
        }
    }
    Ok(notes)
}

/// Integer data of both widths in one graph; values change their width through float.
fn both_widths(
    graph: &mut Graph,
    seen: &[Option<ranges::Range>],
    wanted: &[Treatment],
    io: Io,
) -> Result<Vec<bool>> {
    let mut all = vec![false; wanted.len()];
    for width in [Width::Int8, Width::Int16] {
        let forms: Vec<Option<Form>> = wanted
            .iter()
            .map(|treatment| match treatment {
                Treatment::Static { width: w, form } if *w == width => Some(*form),
                _ => None,
            })
            .collect();
        if forms.iter().all(Option::is_none) {
            continue;
        }
        let done = integer::rewrite(graph, seen, width, io, &forms)?;
        for (all, done) in all.iter_mut().zip(done) {
            *all |= done;
        }
    }
    if !all.contains(&true) {
        let integer = already_integer(graph);
        return Err(match integer {
            0 => Error::unsupported("nothing in this model has an integer form")
                .hint("--quantize dynamic or float16"),
            n => Error::unsupported(format!(
                "this model is quantized already: {n} of its values are integers with a scale"
            ))
            .hint("convert the float model that it was made from"),
        });
    }
    Ok(all)
}

/// How many values computed in the graph are quantized integers.
fn already_integer(graph: &Graph) -> usize {
    let quantized = |v: &&Value| {
        v.producer.is_some()
            && v.dtype.is_integer()
            && v.quantization.as_ref().is_some_and(|q| q.is_active())
    };
    graph.values.iter().filter(quantized).count()
}

fn covers(calibration: &Calibration, signature: &Signature) -> bool {
    calibration.samples.first().is_some_and(|sample| {
        signature
            .inputs
            .iter()
            .all(|port| sample.iter().any(|(name, _)| **name == *port.name))
    })
}

//! Calibration, ranges, and the rewrite of a float TFLite model to a smaller one.

mod calibrate;
mod integer;
mod plan;
pub mod ranges;
mod weights;

use crate::error::{Error, Result};
use crate::model::{Dialect, Graph, Model, Port, Signature, Tensor, ValueId};
use crate::ops::quantize::Width;
use crate::progress::Progress;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    Dynamic,
    Float16,
    Int8,
    Int16x8,
    WeightsInt8,
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

/// A float model in the TFLite dialect, quantized.
///
/// # Errors
/// Integer modes without calibration, or with samples that say nothing; models that are not in the TFLite dialect.
pub fn quantize(
    model: &Model,
    mode: Mode,
    io: Io,
    calibration: Option<&Calibration>,
    progress: &Progress,
) -> Result<Model> {
    quantize_with_notes(model, mode, io, calibration, progress).map(|(model, _)| model)
}

/// As [`quantize`], with what a person should know of the result.
pub fn quantize_with_notes(
    model: &Model,
    mode: Mode,
    io: Io,
    calibration: Option<&Calibration>,
    progress: &Progress,
) -> Result<(Model, Vec<String>)> {
    let mut quantized = model.clone();
    if quantized
        .meta_graphs
        .iter()
        .any(|m| m.dialect != Dialect::Tflite)
    {
        return Err(Error::usage(
            "only models in the TFLite dialect can be quantized",
        ));
    }
    let notes = match mode {
        Mode::Int8 => integers(&mut quantized, Width::Int8, io, calibration, progress)?,
        Mode::Int16x8 => integers(&mut quantized, Width::Int16, io, calibration, progress)?,
        Mode::Dynamic | Mode::Float16 | Mode::WeightsInt8 => {
            constants(&mut quantized, mode, progress)?
        }
        Mode::WeightsInt4 => {
            return Err(Error::unsupported("4-bit weights are not written yet")
                .hint("--quantize weights-int8 or dynamic"));
        }
    };
    // What the source needed may not be what this needs: the writer takes the lowest that fits.
    let nodes = quantized
        .meta_graphs
        .iter_mut()
        .flat_map(|m| &mut m.graphs)
        .flat_map(|g| &mut g.nodes);
    nodes.for_each(|node| node.version = 0);
    quantized
        .metadata
        .retain(|m| m.name != "min_runtime_version");
    refresh_signatures(model, &mut quantized);
    Ok((quantized, notes))
}

fn constants(model: &mut Model, mode: Mode, progress: &Progress) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    let mut changes = 0;
    for graph in model.meta_graphs.iter_mut().flat_map(|m| &mut m.graphs) {
        progress.stage("quantizing weights", graph.nodes.len() as u64);
        changes += match mode {
            Mode::Dynamic => {
                let changes = weights::dynamic(graph, progress)?;
                graph.sort()?;
                changes
            }
            Mode::Float16 => {
                let (changes, clamped) = weights::float16(graph, progress)?;
                if clamped > 0 {
                    notes.push(format!(
                        "{clamped} values beyond ±65504 became ±65504 in float16"
                    ));
                }
                changes
            }
            _ => weights::int8(graph, progress)?,
        };
        graph.remove_dead(|_| false);
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
    width: Width,
    io: Io,
    calibration: Option<&Calibration>,
    progress: &Progress,
) -> Result<Vec<String>> {
    let calibration = calibration.ok_or_else(|| {
        Error::usage("integer models need calibration samples")
            .hint("--calibration FILE.npz with one array per input; or --quantize dynamic, which needs none")
    })?;
    calibration.check()?;
    let signatures = model
        .meta_graphs
        .first()
        .map(|m| m.signatures.clone())
        .unwrap_or_default();
    let mut notes = Vec::new();
    for signature in &signatures {
        if !covers(calibration, signature) {
            notes.push(format!(
                "signature {:?} stays float: the calibration samples are for other inputs",
                signature.key
            ));
            continue;
        }
        progress.stage(
            format!("calibrating {}", signature.key),
            calibration.samples.len() as u64,
        );
        let seen = calibrate::ranges(model, signature, calibration, progress)?;
        progress.stage("quantizing", 1);
        let graph = model
            .meta_graphs
            .first_mut()
            .and_then(|m| m.graphs.get_mut(signature.graph))
            .ok_or_else(|| {
                Error::unreadable(format!("signature {:?} has no graph", signature.key))
            })?;
        let outcome = integer::rewrite(graph, &seen, width, io)?;
        if outcome.quantized == 0 {
            return Err(
                Error::unsupported("nothing in this model has an integer form")
                    .hint("--quantize dynamic or float16"),
            );
        }
        for (op, count) in outcome.float {
            notes.push(format!(
                "{op} ×{count} stays float: it has no right integer kernel, or no range was seen"
            ));
        }
    }
    if notes.len() == signatures.len() && signatures.iter().all(|s| !covers(calibration, s)) {
        return Err(Error::usage(
            "the calibration samples fit no signature of the model",
        ));
    }
    Ok(notes)
}

fn covers(calibration: &Calibration, signature: &Signature) -> bool {
    calibration.samples.first().is_some_and(|sample| {
        signature
            .inputs
            .iter()
            .all(|port| sample.iter().any(|(name, _)| **name == *port.name))
    })
}

/// Ports follow the inputs and outputs of their graphs, whose values have changed since `before`.
fn refresh_signatures(before: &Model, model: &mut Model) {
    for (old, new) in before.meta_graphs.iter().zip(&mut model.meta_graphs) {
        let graphs = &new.graphs;
        for signature in &mut new.signatures {
            let (Some(was), Some(is)) =
                (old.graphs.get(signature.graph), graphs.get(signature.graph))
            else {
                continue;
            };
            refresh(&mut signature.inputs, &was.inputs, &is.inputs, is);
            refresh(&mut signature.outputs, &was.outputs, &is.outputs, is);
        }
    }
}

fn refresh(ports: &mut [Port], was: &[Option<ValueId>], is: &[Option<ValueId>], graph: &Graph) {
    for port in ports {
        let place = was.iter().position(|v| v.is_some() && *v == port.value);
        if let Some(id) = place.and_then(|p| is.get(p).copied().flatten()) {
            let value = graph.value(id);
            port.value = Some(id);
            port.tensor = Some(value.name.clone());
            port.dtype = value.dtype;
            port.shape = value.shape.clone();
            port.quantization = value.quantization.clone();
        }
    }
}

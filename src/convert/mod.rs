//! TensorFlow graphs to TFLite graphs, as a list of passes.

mod assemble;
mod lower;
pub mod passes;
mod preflight;

use std::path::Path;

use crate::error::{Error, Result};
use crate::format::{tflite, write_file};
use crate::model::{self, Format, Graph, Model, Signature};
use crate::progress::Progress;
use crate::quantize::{Calibration, Io, Mode, Recipe, Request, Treated, quantize};
use passes::Surroundings;

#[derive(Debug, Clone, Default)]
pub struct ConvertOptions {
    /// Empty: the default signature.
    pub signatures: Vec<String>,
    pub tags: Option<Vec<String>>,
    pub mode: Option<Mode>,
    /// Operator by operator; what it says nothing about follows `mode`.
    pub recipe: Option<Recipe>,
    pub io: Io,
    pub calibration: Option<Calibration>,
    /// Neither is supported yet: what blocks still blocks, and the error says so.
    pub allow_flex: bool,
    pub allow_custom: bool,
}

#[derive(Debug)]
pub struct Conversion {
    /// The new model in the TFLite dialect.
    pub model: Model,
    /// The file.
    pub bytes: Vec<u8>,
    pub report: ConvertReport,
}

impl Conversion {
    /// Writes the file, and beside it the files of the source that its constants stay in.
    ///
    /// # Errors
    /// The system's own words; another file lies where one of those belongs.
    pub fn write(&self, path: &Path) -> Result<()> {
        for (target, bytes) in tflite::side_files(&self.model, path)? {
            if let Some(folder) = target.parent() {
                std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, &e))?;
            }
            write_file(&target, &bytes)?;
        }
        write_file(path, &self.bytes)
    }
}

/// What was done, for people and for `--json`.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct ConvertReport {
    pub bytes_before: u64,
    pub bytes_after: u64,
    pub operators_before: usize,
    pub operators_after: usize,
    /// Passes in order with how many places each changed.
    pub passes: Vec<PassReport>,
    /// What quantization made of the operators that work on real numbers; empty without it.
    pub quantized: Vec<Treated>,
    /// What a person should know: operators left in float, values clamped.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, serde::Serialize)]
pub struct PassReport {
    pub name: &'static str,
    pub changes: usize,
}

/// A node that can't be converted, and why.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Blocker {
    pub node: String,
    pub op: String,
    pub function: String,
    pub reason: String,
}

/// Every node that stands in the way, before any work starts.
pub fn preflight(model: &Model, options: &ConvertOptions) -> Result<Vec<Blocker>> {
    match model.format {
        Format::Tflite => Ok(Vec::new()),
        Format::SavedModel => preflight::blockers(model, options),
    }
}

/// A SavedModel to a `.tflite`; a `.tflite` is quantized as it is.
///
/// # Errors
/// Unknown signatures or tags, nodes that can't be converted (all are named), what quantization asks for, and the
/// person's wish to stop.
pub fn convert(model: &Model, options: &ConvertOptions, progress: &Progress) -> Result<Conversion> {
    let mut log = Vec::new();
    let (mut converted, operators_before) = match model.format {
        Format::SavedModel => saved_model(model, options, progress, &mut log)?,
        Format::Tflite => (model.clone(), operators(model)),
    };
    let (mut notes, mut quantized) = (Vec::new(), Vec::new());
    if options.mode.is_some() || options.recipe.is_some() {
        let request = Request {
            mode: options.mode,
            recipe: options.recipe.as_ref(),
            io: options.io,
            calibration: options.calibration.as_ref(),
        };
        let outcome = quantize(&converted, &request, progress)?;
        (converted, notes, quantized) = (outcome.model, outcome.notes, outcome.operators);
    }
    progress.stage("writing", 1);
    let bytes = tflite::write(&converted)?;
    progress.step(1)?;
    let report = ConvertReport {
        bytes_before: model.total_bytes(),
        bytes_after: bytes.len() as u64,
        operators_before,
        operators_after: operators(&converted),
        passes: log
            .into_iter()
            .map(|(name, changes)| PassReport { name, changes })
            .collect(),
        quantized,
        notes,
    };
    Ok(Conversion {
        model: converted,
        bytes,
        report,
    })
}

fn operators(model: &Model) -> usize {
    model
        .meta_graphs
        .iter()
        .flat_map(|m| &m.graphs)
        .map(|g| g.nodes.len())
        .sum()
}

/// A signature lowered, with what stands in the way.
struct Prepared<'a> {
    signature: &'a Signature,
    graph: Graph,
    blockers: Vec<Blocker>,
    operators: usize,
}

/// Everything up to the TFLite graph, before it is optimized.
fn prepare<'a>(
    model: &'a Model,
    options: &ConvertOptions,
    progress: &Progress,
    log: &mut passes::Log,
) -> Result<Vec<Prepared<'a>>> {
    let tags = options.tags.as_deref();
    let chosen = match &*options.signatures {
        [] => vec![model.signature(tags, None)?],
        keys => keys
            .iter()
            .map(|key| model.signature(tags, Some(key)))
            .collect::<Result<_>>()?,
    };
    let around = Surroundings {
        variables: &model.variables,
    };
    let only = chosen.len() == 1;
    let mut prepared = Vec::with_capacity(chosen.len());
    for (meta_graph, signature) in chosen {
        let mut graph = model::inline::flatten(meta_graph, signature)?;
        let operators = graph.nodes.len();
        passes::run_all(passes::BEFORE, &mut graph, &around, progress, log)?;
        progress.message("lowering");
        let name = if only {
            "main".into()
        } else {
            signature.key.clone()
        };
        let (graph, mut blockers) = lower::lower(&graph, name, progress)?;
        log.push(("lower", graph.nodes.len()));
        preflight::name_functions(meta_graph, &mut blockers);
        prepared.push(Prepared {
            signature,
            graph,
            blockers,
            operators,
        });
    }
    Ok(prepared)
}

fn saved_model(
    model: &Model,
    options: &ConvertOptions,
    progress: &Progress,
    log: &mut passes::Log,
) -> Result<(Model, usize)> {
    let steps = (passes::BEFORE.len() + passes::AFTER.len()) * options.signatures.len().max(1);
    progress.stage("converting", steps as u64);
    let mut prepared = prepare(model, options, progress, log)?;
    preflight::refuse(&prepared, options).map_err(|e| e.in_file(&model.path))?;
    let around = Surroundings {
        variables: &model.variables,
    };
    for part in &mut prepared {
        passes::run_all(passes::AFTER, &mut part.graph, &around, progress, log)?;
        assemble::finish(&mut part.graph, part.signature);
    }
    let operators = prepared.iter().map(|p| p.operators).sum();
    let (signatures, graphs): (Vec<_>, Vec<_>) =
        prepared.into_iter().map(|p| (p.signature, p.graph)).unzip();
    Ok((assemble::model(&model.name, &signatures, graphs), operators))
}

//! TensorFlow graphs to TFLite graphs, as a list of passes.

mod again;
mod assemble;
mod carry;
mod lower;
pub mod passes;
mod preflight;
mod runtime_types;

use std::collections::BTreeMap;
use std::path::Path;

pub use again::Again;
pub use carry::{Allowed, Fate};

use crate::analysis::all_op_counts;
use crate::error::Result;
use crate::format::tflite;
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
    /// What may stand in the file besides builtin operators.
    pub allowed: Allowed,
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
        tflite::save(&self.model, &self.bytes, path)
    }
}

/// What was done, for people and for `--json`.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct ConvertReport {
    pub bytes_before: u64,
    pub bytes_after: u64,
    pub operators_before: usize,
    pub operators_after: usize,
    /// Flex and custom operators of the new model by name.
    pub custom: BTreeMap<String, usize>,
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

/// A node and what becomes of it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Placement {
    pub node: String,
    pub op: String,
    /// The function that holds the node; empty for the main graph and for builtin operators.
    pub function: String,
    pub becomes: Fate,
    /// Why it is no builtin operator; empty where it is one.
    pub reason: String,
    /// What a blocked node could become if that were allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub could_be: Option<Fate>,
}

/// What becomes of every node of the chosen signatures, before any work starts. A `.tflite` stays as it is: none.
pub fn preflight(model: &Model, options: &ConvertOptions) -> Result<Vec<Placement>> {
    match model.format {
        Format::Tflite => Ok(Vec::new()),
        Format::SavedModel => preflight::placements(model, options),
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
    let custom = custom_operators(&converted);
    if model.format == Format::SavedModel {
        notes.extend(what_runs_them(&custom));
    }
    progress.stage("writing", 1);
    let bytes = tflite::write(&converted)?;
    progress.step(1)?;
    let report = ConvertReport {
        bytes_before: model.total_bytes(),
        bytes_after: bytes.len() as u64,
        operators_before,
        operators_after: operators(&converted),
        custom,
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

fn custom_operators(model: &Model) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    for meta_graph in &model.meta_graphs {
        for (op, n) in all_op_counts(meta_graph).custom {
            *all.entry(op.to_string()).or_default() += n;
        }
    }
    all
}

/// What an application needs for operators that are not builtin.
fn what_runs_them(custom: &BTreeMap<String, usize>) -> Vec<String> {
    let list = |flex: bool| {
        let all = custom
            .iter()
            .filter(|(op, _)| op.starts_with("Flex") == flex);
        let all: Vec<_> = all.map(|(op, n)| format!("{op} ×{n}")).collect();
        (!all.is_empty()).then(|| all.join(", "))
    };
    let flex =
        list(true).map(|ops| format!("{ops}: runs where TensorFlow's Flex delegate is linked"));
    let own =
        list(false).map(|ops| format!("{ops}: runs where kernels of these names are registered"));
    flex.into_iter().chain(own).collect()
}

/// A signature lowered, with what became of its nodes.
struct Prepared<'a> {
    signature: &'a Signature,
    graph: Graph,
    placements: Vec<Placement>,
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
        let (graph, mut placements) = lower::lower(&graph, name, options.allowed, progress)?;
        log.push(("lower", graph.nodes.len()));
        preflight::name_functions(meta_graph, &mut placements);
        prepared.push(Prepared {
            signature,
            graph,
            placements,
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
    preflight::refuse(&prepared).map_err(|e| e.in_file(&model.path))?;
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

//! From a mode and a recipe to what becomes of each operator.

use super::treatment::{Arithmetic, Form, Treatment};
use super::weights::FEWEST_BEHIND_DEQUANTIZE;
use super::{Mode, Request, Treated};
use crate::error::Result;
use crate::model::{Graph, Model, Node};
use crate::ops::quantize::{Width, dynamic_weights};

/// Constants of fewer elements stay as they are in dynamic range, after the reference converter.
const FEWEST_DYNAMIC: usize = 1024;

/// Scales and zero points outweigh what fewer elements save.
const FEWEST_INT4: usize = 64;

/// What becomes of which operators.
pub struct Assignment {
    /// By graph (those of all MetaGraphs one after the other) and node.
    pub treatments: Vec<Vec<Treatment>>,
    /// Entries of the recipe that match nothing.
    pub notes: Vec<String>,
}

impl Assignment {
    /// Whether some operator needs ranges.
    pub fn calibrates(&self) -> bool {
        let mut all = self.treatments.iter().flatten();
        all.any(|t| matches!(t, Treatment::Static { .. }))
    }
}

pub fn assign(model: &Model, request: &Request<'_>) -> Result<Assignment> {
    let mut used = vec![false; request.recipe.map_or(0, super::Recipe::len)];
    let mut treatments = Vec::new();
    for graph in model.meta_graphs.iter().flat_map(|m| &m.graphs) {
        let mut nodes = Vec::with_capacity(graph.nodes.len());
        for node in &graph.nodes {
            let found = match request.recipe {
                Some(recipe) => recipe.find(graph, node)?,
                None => None,
            };
            nodes.push(match found {
                Some((entry, treatment)) => {
                    used[entry] = true;
                    treatment
                }
                None => by_mode(request.mode, graph, node),
            });
        }
        treatments.push(nodes);
    }
    let count = used.len();
    let notes = used
        .iter()
        .enumerate()
        .filter(|(_, used)| !**used)
        .map(|(index, _)| {
            format!(
                "entry {} of {count} of the recipe decides about no operator",
                index + 1
            )
        })
        .collect();
    Ok(Assignment { treatments, notes })
}

fn by_mode(mode: Option<Mode>, graph: &Graph, node: &Node) -> Treatment {
    let weights = |form, arithmetic, fewest| Treatment::Weights {
        form,
        arithmetic,
        fewest,
    };
    let integer_data = |width| Treatment::Static {
        width,
        form: Form::INT8,
    };
    match mode {
        None => Treatment::Float,
        Some(Mode::Float16) => Treatment::Float16,
        Some(Mode::Int8) => integer_data(Width::Int8),
        Some(Mode::Int16x8) => integer_data(Width::Int16),
        Some(Mode::WeightsInt8) => weights(Form::INT8, Arithmetic::Float, FEWEST_BEHIND_DEQUANTIZE),
        Some(Mode::Dynamic) => weights(Form::INT8, Arithmetic::Integer, FEWEST_DYNAMIC),
        Some(Mode::WeightsInt4) => [Form::INT4, Form::INT8]
            .map(|form| weights(form, Arithmetic::Integer, FEWEST_INT4))
            .into_iter()
            .find(|treatment| treatment.fits(graph, node))
            .unwrap_or(Treatment::Float),
    }
}

/// What a person who asked for int4 did not get.
pub fn fallbacks(request: &Request<'_>, operators: &[Treated]) -> Vec<String> {
    if request.mode != Some(Mode::WeightsInt4) || request.recipe.is_some() {
        return Vec::new();
    }
    let with_weights = operators
        .iter()
        .filter(|t| dynamic_weights(&t.op).is_some());
    with_weights
        .filter_map(|t| {
            let (op, count) = (&t.op, t.count);
            match &*t.form {
                "int8 weights" => Some(format!(
                    "{op} ×{count} has int8 weights: no kernel takes int4 there"
                )),
                "float32" => Some(format!(
                    "{op} ×{count} stays float: its weights are computed, or fewer than {FEWEST_INT4}"
                )),
                _ => None,
            }
        })
        .collect()
}

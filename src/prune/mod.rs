//! Fewer weights: the least of them made zero or cut out, and zeros stored so that they take no room.
//!
//! Works on TFLite graphs; a SavedModel is converted first. Nothing is trained: what a model loses here shows in a
//! comparison with its source.

mod channels;
mod encode;
mod magnitude;
mod pattern;
mod sites;
mod unpack;
mod weights;

use crate::error::{Error, Result};
use crate::model::{Details, Dialect, Graph, Model, TensorData};
use crate::progress::Progress;
pub use pattern::Pattern;
use sites::Site;
use weights::{Reason, Weights};

/// Constants with fewer elements stay as they are: they save nothing and matter.
const FEWEST: usize = 64;

/// How much to prune, and what.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Request {
    /// The share of each layer's weights, or of its output channels, that goes: 0 to 1, without 1. N:M has its own.
    pub sparsity: f64,
    pub pattern: Pattern,
    /// Store constants with many zeros without these, where that makes the file smaller.
    pub encode: bool,
}

impl Request {
    /// What tfmot prunes to without a word.
    pub const SPARSITY: f64 = 0.5;

    /// # Errors
    /// A share that is none, or one beside a pattern that says how much goes.
    pub fn new(sparsity: Option<f64>, pattern: Pattern, encode: bool) -> Result<Self> {
        let sparsity = match (sparsity, pattern) {
            (Some(_), Pattern::Groups { .. }) => {
                return Err(Error::usage(format!(
                    "a sparsity beside {pattern}, which says itself how many weights go"
                ))
                .hint("leave one of them out"));
            }
            (None, Pattern::Groups { keep, of }) => 1.0 - keep as f64 / of as f64,
            (given, _) => given.unwrap_or(Self::SPARSITY),
        };
        if !(0.0..1.0).contains(&sparsity) {
            return Err(Error::usage(format!("a sparsity of {sparsity}"))
                .hint("the share of weights that goes, 0 to 1 without 1, as in 0.5"));
        }
        Ok(Request {
            sparsity,
            pattern,
            encode,
        })
    }
}

/// A pruned model and what was done to it.
#[derive(Debug)]
pub struct Outcome {
    pub model: Model,
    pub layers: Vec<Layer>,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// A weight constant before and after.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Layer {
    /// The constant's name; empty in files that name none.
    pub name: String,
    /// Operators that take it: `CONV_2D`.
    pub op: String,
    /// The subgraph it stands in.
    pub graph: String,
    pub dtype: String,
    pub before: Counts,
    pub after: Counts,
    /// How it is stored, where that is not densely.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored: Option<String>,
    /// Why it stayed as it was; with [`Pattern::Channel`], why its output channels stayed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
}

/// What a weight constant holds.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Counts {
    pub shape: Vec<usize>,
    pub weights: usize,
    pub zeros: usize,
    /// Bytes of its values, and of what says where they belong.
    pub bytes: usize,
}

impl Counts {
    /// The share of zeros.
    pub fn sparsity(&self) -> f64 {
        self.zeros as f64 / self.weights.max(1) as f64
    }
}

/// A model in the TFLite dialect with fewer weights.
///
/// # Errors
/// Models in another dialect, constants whose values can't be read, the person's wish to stop.
pub fn prune(model: &Model, request: &Request, progress: &Progress) -> Result<Outcome> {
    if (model.meta_graphs.iter()).any(|m| m.dialect != Dialect::Tflite) {
        return Err(
            Error::usage("only models in the TFLite dialect can be pruned")
                .hint("convert it first"),
        );
    }
    let mut pruned = model.clone();
    let mut layers = Vec::new();
    let mut notes = Vec::new();
    let mut rewired = false;
    for graph in pruned.meta_graphs.iter_mut().flat_map(|m| &mut m.graphs) {
        let place = format!("subgraph {:?}", graph.name);
        let done = prune_graph(graph, request, progress).map_err(|e| e.at(place))?;
        layers.extend(done.layers);
        rewired |= done.rewired;
    }
    if layers.is_empty() {
        notes.push("nothing in this model has weights that can be pruned".to_owned());
    }
    let whole = |layer: &Layer| layer.before.shape == layer.after.shape;
    if request.pattern == Pattern::Channel && !layers.is_empty() && layers.iter().all(whole) {
        notes.push("no channels could be cut out; beside each layer stands why".to_owned());
    }
    if rewired {
        refresh(&mut pruned, model);
    }
    Ok(Outcome {
        model: pruned,
        layers,
        notes,
    })
}

/// Operators changed: what the file says of its versions is made anew by the writer.
fn refresh(pruned: &mut Model, before: &Model) {
    if let Details::Tflite(details) = &mut pruned.details {
        details.operator_codes.clear();
    }
    pruned.metadata.retain(|m| m.name != "min_runtime_version");
    pruned.refresh_signatures(before);
}

/// What was done to a graph.
struct Done {
    layers: Vec<Layer>,
    /// Whether operators came, went or changed their version.
    rewired: bool,
}

fn prune_graph(graph: &mut Graph, request: &Request, progress: &Progress) -> Result<Done> {
    let unpacked = unpack::unpack(graph)?;
    let sites = sites::sites(graph);
    progress.stage("pruning", sites.len() as u64);
    let mut layers = Vec::new();
    let mut rewired = unpacked.any();
    if request.pattern == Pattern::Channel {
        layers = prune_channels(graph, &sites, request, progress)?;
        rewired |= layers.iter().any(|l| l.before.shape != l.after.shape);
    } else {
        for site in &sites {
            progress.step(1)?;
            layers.push(prune_site(graph, site, request)?);
        }
    }
    for (layer, site) in layers.iter_mut().zip(&sites) {
        let was_sparse = unpacked.was_sparse(site.value);
        if (request.encode || was_sparse)
            && let Some(stored) = encode::encode(graph, site, was_sparse)?
        {
            layer.stored = Some(stored.form.to_owned());
            layer.after.bytes = stored.bytes;
            rewired = true;
        }
    }
    if rewired {
        graph.remove_dead(|node| &*node.op != "DENSIFY");
        graph.sort()?;
    }
    Ok(Done { layers, rewired })
}

/// Cuts whole channels out of a graph.
fn prune_channels(
    graph: &mut Graph,
    sites: &[Site],
    request: &Request,
    progress: &Progress,
) -> Result<Vec<Layer>> {
    let mut layers = Vec::with_capacity(sites.len());
    for site in sites {
        layers.push(untouched(graph, site, zeros(graph, site)?));
    }
    let kept = channels::prune(graph, sites, request.sparsity, progress)?;
    for ((layer, site), kept) in layers.iter_mut().zip(sites).zip(kept) {
        layer.after = counts(graph, site, zeros(graph, site)?);
        layer.kept = kept;
    }
    Ok(layers)
}

/// How many weights of a constant are zero; none where it is not known how they stand for numbers.
fn zeros(graph: &Graph, site: &Site) -> Result<usize> {
    Ok(Weights::open(graph, site.value)?.map_or(0, |weights| weights.zeros()))
}

/// A layer as it is before.
fn untouched(graph: &Graph, site: &Site, zeros: usize) -> Layer {
    let value = graph.value(site.value);
    Layer {
        name: value.name.to_string(),
        op: operators(graph, site),
        graph: graph.name.to_string(),
        dtype: value.dtype.to_string(),
        before: counts(graph, site, zeros),
        after: counts(graph, site, zeros),
        stored: None,
        kept: None,
    }
}

/// Makes the smallest weights of one constant zero.
fn prune_site(graph: &mut Graph, site: &Site, request: &Request) -> Result<Layer> {
    let opened = Weights::open(graph, site.value)?;
    let zeros = opened.as_ref().map_or(0, Weights::zeros);
    let mut layer = untouched(graph, site, zeros);
    let shrunk = opened.and_then(|mut weights| {
        shrink(&mut weights, site, request)?;
        Ok(weights)
    });
    let weights = match shrunk {
        Ok(weights) => weights,
        Err(reason) => {
            layer.kept = Some(reason);
            return Ok(layer);
        }
    };
    layer.after.zeros = weights.zeros();
    let value = graph.value_mut(site.value);
    value.data = Some(TensorData::of(weights.tensor()));
    value.external_buffer = 0;
    Ok(layer)
}

fn shrink(weights: &mut Weights, site: &Site, request: &Request) -> Result<(), Reason> {
    if let Some(reason) = &site.fixed {
        return Err(reason.clone());
    }
    if weights.len() < FEWEST {
        return Err(format!("fewer than {FEWEST} weights"));
    }
    match request.pattern {
        Pattern::Unstructured => magnitude::unstructured(weights, request.sparsity),
        Pattern::Groups { keep, of } => {
            let axis = site.summed.clone()?;
            match weights.shape().get(axis) {
                Some(&length) if length >= of => magnitude::groups(weights, axis, keep, of),
                Some(length) => return Err(format!("sums over {length}, less than one group")),
                None => return Err("has no axis that is summed over".to_owned()),
            }
        }
        // Does not come here: channels are cut out of a graph, not of a constant.
        Pattern::Channel => {}
    }
    Ok(())
}

/// The operators that take the constant, each kind once.
fn operators(graph: &Graph, site: &Site) -> String {
    let mut kinds: Vec<&str> = Vec::new();
    for (id, _) in &site.users {
        let op = graph.node(*id).op_label();
        if !kinds.contains(&op) {
            kinds.push(op);
        }
    }
    kinds.join(", ")
}

fn counts(graph: &Graph, site: &Site, zeros: usize) -> Counts {
    let value = graph.value(site.value);
    let shape = value.stored_shape.fixed().unwrap_or_default();
    let weights = value.stored_shape.elements().unwrap_or(0);
    Counts {
        bytes: value.dtype.packed_bytes(weights).unwrap_or(0),
        weights,
        zeros,
        shape,
    }
}

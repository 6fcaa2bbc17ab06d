//! Layer by layer: bytes before and after, and how well inner values agree.

use std::collections::HashMap;

use super::outputs::Difference;
use super::{InnerDiff, LayerDiff, Pair, Sample, Side, names};
use crate::analysis::{self, Place, TensorRow, tensors};
use crate::error::Result;
use crate::feed;
use crate::model::{GraphKind, Model, Name, Quantization, Tensor};
use crate::progress::Progress;

/// Samples whose inner values are kept; each costs the memory of a whole run.
const SAMPLES: usize = 4;

/// An inner value that both sides have.
#[derive(Debug, Clone)]
pub(super) struct Inner {
    /// The node in A.
    node: String,
    node_b: String,
    op_a: String,
    op_b: String,
    /// The nodes that B's value stands for.
    origins: Vec<String>,
    sqnr_db: f64,
    max_abs: f64,
}

impl Inner {
    pub(super) fn into_diff(self) -> InnerDiff {
        InnerDiff {
            node_a: self.node,
            node_b: self.node_b,
            sqnr_db: self.sqnr_db,
        }
    }
}

/// A value that a run left behind, as real numbers.
struct Kept {
    name: Name,
    node: Name,
    op: Name,
    real: Tensor,
}

/// Inner values in B's order of execution, matched by the names of the nodes behind them.
pub(super) fn inner_values(
    pair: &mut Pair<'_>,
    samples: &[Sample],
    progress: &Progress,
) -> Result<Vec<Inner>> {
    let samples = samples
        .get(..SAMPLES.min(samples.len()))
        .unwrap_or_default();
    progress.stage("comparing inner values", samples.len() as u64);
    let mut found: Vec<Inner> = Vec::new();
    let mut sums: Vec<Difference> = Vec::new();
    let mut places: HashMap<(Name, Name), usize> = HashMap::new();
    for sample in samples {
        let a = kept(&mut pair.a, &sample.a)?;
        let b = kept(&mut pair.b, &sample.b)?;
        // The last of equal names: what a loop left.
        let by_node: HashMap<&str, usize> = a
            .iter()
            .enumerate()
            .flat_map(|(i, kept)| names::origins(&kept.name).map(move |n| (n, i)))
            .collect();
        for value in &b {
            let Some(before) = matching(value, &a, &by_node) else {
                continue;
            };
            let key = (before.name.clone(), value.name.clone());
            let at = *places.entry(key).or_insert_with(|| {
                found.push(Inner {
                    node: before.node.to_string(),
                    node_b: value.node.to_string(),
                    op_a: before.op.to_string(),
                    op_b: value.op.to_string(),
                    origins: names::origins(&value.name).map(str::to_owned).collect(),
                    sqnr_db: 0.0,
                    max_abs: 0.0,
                });
                sums.push(Difference::default());
                sums.len() - 1
            });
            sums[at].add(&before.real, &value.real);
        }
        progress.step(1)?;
    }
    for (inner, sum) in found.iter_mut().zip(&sums) {
        (inner.sqnr_db, inner.max_abs) = (sum.sqnr_db(), sum.max_abs());
    }
    Ok(found)
}

fn kept(side: &mut Side<'_>, inputs: &[(String, Tensor)]) -> Result<Vec<Kept>> {
    side.session.set_keep_intermediates(true);
    let result = side.session.run(inputs, &Progress::new());
    let values = side.session.intermediates();
    side.session.set_keep_intermediates(false);
    result?;
    let quantization = quantization_by_name(side.model);
    Ok(values
        .into_iter()
        .map(|value| Kept {
            real: feed::dequantized(&value.tensor, quantization.get(&value.value).copied()),
            name: value.value,
            node: value.node,
            op: value.op,
        })
        .collect())
}

fn quantization_by_name(model: &Model) -> HashMap<Name, &Quantization> {
    model
        .meta_graphs
        .iter()
        .flat_map(|m| &m.graphs)
        .filter(|g| g.kind == GraphKind::Subgraph)
        .flat_map(|g| &g.values)
        .filter_map(|v| Some((v.name.clone(), v.quantization.as_ref()?)))
        .collect()
}

/// A fused operator's name lists all that went into it; its value is that of the one that A runs last.
fn matching<'k>(value: &Kept, a: &'k [Kept], by_node: &HashMap<&str, usize>) -> Option<&'k Kept> {
    names::origins(&value.name)
        .filter_map(|node| by_node.get(node).copied())
        .filter(|&i| a[i].real.len() == value.real.len() && a[i].real.dtype().is_float())
        .max()
        .map(|i| &a[i])
}

/// Weights that one operator takes.
#[derive(Debug)]
struct Layer {
    name: String,
    scopes: Vec<String>,
    op: String,
    bytes: u64,
}

/// Bytes by the operator that takes them, in no particular order of execution; weights that nothing takes are left out.
fn weighted(model: &Model) -> Vec<Layer> {
    let uses = analysis::uses(model);
    let mut layers: Vec<(Name, Layer)> = Vec::new();
    for row in tensors(model).into_iter().filter(|row| row.bytes > 0) {
        let Some(used) = uses.get(&row.place).and_then(|u| u.first()) else {
            continue;
        };
        // Shapes and axes are no weights.
        let weight = matches!(row.place, Place::Variable(_))
            || row.dtype.is_float()
            || row.quantization.is_some();
        if !weight {
            continue;
        }
        let scopes = |name: &str| -> Vec<String> {
            names::origins(name)
                .map(|n| names::scope(n).to_owned())
                .collect()
        };
        let at = layers
            .iter()
            .position(|(node, _)| *node == used.node)
            .unwrap_or_else(|| {
                let layer = Layer {
                    name: layer_name(&row, &used.node).to_owned(),
                    scopes: scopes(&used.node),
                    op: used.op.to_string(),
                    bytes: 0,
                };
                layers.push((used.node.clone(), layer));
                layers.len() - 1
            });
        let layer = &mut layers[at].1;
        layer.bytes += row.bytes;
        // A graph's outputs lose their origin, but weights keep the name of their layer.
        layer.scopes.extend(scopes(&row.name));
    }
    layers.into_iter().map(|(_, layer)| layer).collect()
}

/// A fused operator of a .tflite is named after its last part, so its largest constant says better which layer it is;
/// variables have no scope of their own in the graph.
fn layer_name<'t>(largest: &'t TensorRow, node: &'t str) -> &'t str {
    let constant = matches!(largest.place, Place::Constant { .. });
    let of = |name: &'t str| names::origins(name).next().unwrap_or_default();
    match of(&largest.name).rsplit_once('/') {
        Some((scope, _)) if constant => scope,
        _ => names::scope(of(node)),
    }
}

/// Layers with weights on either side and, after a run that kept inner values, those too, in B's order.
pub(super) fn compare(a: &Model, b: &Model, inner: &[Inner]) -> Vec<LayerDiff> {
    let mut before = weighted(a);
    let mut rows: Vec<(usize, LayerDiff)> = Vec::new();
    let mut measured = vec![false; inner.len()];
    for layer in weighted(b) {
        let shares = |scopes: &[String]| scopes.iter().any(|s| layer.scopes.contains(s));
        let (own, rest): (Vec<_>, Vec<_>) = before.into_iter().partition(|l| shares(&l.scopes));
        before = rest;
        let value = inner.iter().position(|i| {
            i.op_b == layer.op
                && i.origins
                    .iter()
                    .any(|o| layer.scopes.iter().any(|s| s == names::scope(o)))
        });
        if let Some(at) = value {
            measured[at] = true;
        }
        let largest = own.iter().max_by_key(|l| l.bytes);
        let row = LayerDiff {
            name: largest.unwrap_or(&layer).name.clone(),
            op_a: largest.map(|l| l.op.clone()).unwrap_or_default(),
            op_b: layer.op,
            a_bytes: own.iter().map(|l| l.bytes).sum(),
            b_bytes: layer.bytes,
            sqnr_db: value.map(|at| inner[at].sqnr_db),
            max_abs: value.map(|at| inner[at].max_abs),
        };
        rows.push((value.unwrap_or(usize::MAX), row));
    }
    rows.extend(before.into_iter().map(|l| (usize::MAX, only_before(l))));
    let unweighted = inner.iter().enumerate().filter(|(at, _)| !measured[*at]);
    rows.extend(unweighted.map(|(at, inner)| (at, only_value(inner))));
    rows.sort_by(|x, y| x.0.cmp(&y.0).then_with(|| x.1.name.cmp(&y.1.name)));
    rows.into_iter().map(|(_, row)| row).collect()
}

fn only_before(layer: Layer) -> LayerDiff {
    LayerDiff {
        name: layer.name,
        op_a: layer.op,
        op_b: String::new(),
        a_bytes: layer.bytes,
        b_bytes: 0,
        sqnr_db: None,
        max_abs: None,
    }
}

fn only_value(inner: &Inner) -> LayerDiff {
    LayerDiff {
        name: names::origins(&inner.node)
            .next()
            .unwrap_or_default()
            .to_owned(),
        op_a: inner.op_a.clone(),
        op_b: inner.op_b.clone(),
        a_bytes: 0,
        b_bytes: 0,
        sqnr_db: Some(inner.sqnr_db),
        max_abs: Some(inner.max_abs),
    }
}

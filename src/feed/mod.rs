//! How a person gives a tensor, and how outputs read.

use std::path::Path;

use crate::error::{Error, Result};
use crate::model::{Model, Port, Tensor};

/// A tensor for `port` from what a person typed: `zeros`, `ones`, `random`, `random:SEED`, `range`,
/// a literal (`[[1, 2], [3, 4]]`, `0.5`, `"text"`), a `.npy` path, or `FILE.npz:KEY[:INDEX]`.
/// Unknown sizes become 1 unless the value says more.
pub fn parse(spec: &str, port: &Port) -> Result<Tensor> {
    let _ = port;
    Err(Error::usage(format!("can't read {spec:?} as a tensor")))
}

/// Seeded values in the range that the port's quantization or type suggests.
pub fn random(port: &Port, seed: u64) -> Result<Tensor> {
    let _ = (port, seed);
    Err(Error::usage("random"))
}

/// Named samples that lie beside a model (`samples/digits.npz`), one element of the port's shape each.
#[derive(Debug, Clone)]
pub struct SampleSet {
    pub name: String,
    pub count: usize,
    /// The array with one sample per index of its first axis.
    pub values: Tensor,
    /// What the samples are, if the set says so: one integer per sample.
    pub labels: Option<Vec<i64>>,
}

/// Sample sets whose values fit `port`, looked for beside and above the model.
pub fn samples_for(model: &Model, port: &Port) -> Vec<SampleSet> {
    let _ = (model, port);
    Vec::new()
}

impl SampleSet {
    /// Sample `index` shaped for `port` (a batch of one).
    pub fn sample(&self, index: usize, port: &Port) -> Result<Tensor> {
        let _ = (index, port);
        Err(Error::usage("sample"))
    }
}

/// Labels, one a line.
pub fn read_labels(path: &Path) -> Result<Vec<String>> {
    Err(Error::unreadable("labels").in_file(path))
}

/// Labels that a model carries: a label file in its metadata or assets.
pub fn labels_of(model: &Model) -> Option<Vec<String>> {
    let _ = model;
    None
}

/// Index, value and label of the `k` largest elements along the last axis of the first row, largest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranked {
    pub index: usize,
    pub value: f64,
    pub label: Option<String>,
}

pub fn top_k(tensor: &Tensor, labels: Option<&[String]>, k: usize) -> Vec<Ranked> {
    let _ = (tensor, labels, k);
    Vec::new()
}

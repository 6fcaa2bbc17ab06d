//! Sets of samples that lie beside a model.

use std::path::{Path, PathBuf};

use super::fit::{fit, slice};
use crate::error::Result;
use crate::format::npy;
use crate::model::{DType, Model, Port, Tensor};

/// How many folders above the model's own are searched.
const PARENTS: usize = 3;
/// Larger archives are no handful of samples.
const MAX_BYTES: u64 = 64 << 20;
/// Archives looked into per folder.
const MAX_FILES: usize = 16;

/// Named samples that lie beside a model (`samples/digits.npz`), one element of the port's shape each.
#[derive(Debug, Clone)]
pub struct SampleSet {
    pub name: String,
    /// The archive and the key in it.
    pub path: PathBuf,
    pub key: String,
    pub count: usize,
    /// The array with one sample per index of its first axis.
    pub values: Tensor,
    /// What the samples are, if the set says so: one integer per sample.
    pub labels: Option<Vec<i64>>,
}

/// Sample sets whose values fit `port`, looked for beside and above the model: nearest folder first.
/// Archives that can't be read are passed over.
pub fn samples_for(model: &Model, port: &Port) -> Vec<SampleSet> {
    let Ok(start) = std::path::absolute(&model.path) else {
        return Vec::new();
    };
    let start = if start.is_dir() {
        Some(start.as_path())
    } else {
        start.parent()
    };
    start
        .into_iter()
        .flat_map(Path::ancestors)
        .take(PARENTS + 1)
        .flat_map(archives)
        .flat_map(|path| sets_in(&path, port))
        .collect()
}

/// The `.npz` files of a folder, by name.
fn archives(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries
        .flatten()
        .filter(|e| {
            e.metadata()
                .is_ok_and(|m| m.is_file() && m.len() <= MAX_BYTES)
        })
        .map(|e| e.path())
        .filter(|path| path.extension().is_some_and(|e| e == "npz"))
        .collect();
    paths.sort();
    paths.truncate(MAX_FILES);
    paths
}

fn sets_in(path: &Path, port: &Port) -> Vec<SampleSet> {
    let Ok(arrays) = npy::read_npz(path) else {
        return Vec::new();
    };
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let labels = |count: usize| {
        let found = arrays
            .iter()
            .find(|(_, t)| t.dtype().is_integer() && t.shape() == [count])?;
        Some(found.1.numbers().iter().map(|&v| v as i64).collect())
    };
    arrays
        .iter()
        .filter(|(_, values)| fits(values, port))
        .map(|(key, values)| {
            let count = values.shape().first().copied().unwrap_or(0);
            SampleSet {
                name: format!("{stem}:{key}"),
                path: path.to_path_buf(),
                key: key.clone(),
                count,
                labels: labels(count).filter(|_| values.rank() > 1),
                values: values.clone(),
            }
        })
        .collect()
}

/// Whether each index of the first axis is one element of the port's shape, batch of one or without batch.
fn fits(values: &Tensor, port: &Port) -> bool {
    let Some((&count, sample)) = values.shape().split_first() else {
        return false;
    };
    let type_fits = values.dtype() == port.dtype
        || values.dtype().is_float() && (port.dtype.is_float() || port.quantization.is_some());
    count > 0
        && type_fits
        && port.dtype != DType::Bool
        && port.shape.rank().is_some()
        && port.shape.adapt(sample).is_some()
}

impl SampleSet {
    /// Sample `index` as the set has it, without a batch axis.
    pub fn raw(&self, index: usize) -> Result<Tensor> {
        slice(&self.values, index)
    }

    /// Sample `index` shaped for `port` (a batch of one).
    pub fn sample(&self, index: usize, port: &Port) -> Result<Tensor> {
        fit(slice(&self.values, index)?, port)
    }
}

#[cfg(test)]
mod tests {
    use super::super::spec::tests::port;
    use super::*;
    use crate::model::Quantization;

    #[test]
    fn images_fit_a_batch_of_one_and_quantized_inputs() {
        let images = Tensor::zeros(DType::Float32, &[300, 8, 8, 1]).unwrap();
        assert!(fits(&images, &port(DType::Float32, &[-1, 8, 8, 1])));
        assert!(fits(&images, &port(DType::Float32, &[-1, 8, 8])));
        assert!(!fits(&images, &port(DType::Float32, &[-1, 28, 28, 1])));
        assert!(!fits(&images, &port(DType::Int8, &[1, 8, 8, 1])));
        let mut quantized = port(DType::Int8, &[1, 8, 8, 1]);
        quantized.quantization = Some(Quantization::per_tensor(1.0, 0));
        assert!(fits(&images, &quantized));
    }

    #[test]
    fn a_sample_gets_the_shape_of_the_port() {
        let set = SampleSet {
            name: "s".into(),
            path: PathBuf::new(),
            key: "s".into(),
            count: 2,
            values: Tensor::from_values(&[2, 3], &[1f32, 2., 3., 4., 5., 6.]),
            labels: None,
        };
        let sample = set.sample(1, &port(DType::Float32, &[-1, 3])).unwrap();
        assert_eq!(sample.shape(), [1, 3]);
        assert_eq!(sample.numbers(), [4.0, 5.0, 6.0]);
    }
}

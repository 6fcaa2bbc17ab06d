//! Samples, and the ranges that values take while the float model runs on them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::Calibration;
use super::ranges::Range;
use crate::error::{Error, Result};
use crate::format::npy::read_npz;
use crate::model::{Model, Port, Signature, Tensor, ValueId};
use crate::progress::Progress;
use crate::runtime::{RunOptions, Session};

impl Calibration {
    /// An `.npz` keyed like inputs (or, for one input, with one array that fits it), each array one sample or samples
    /// stacked along a first axis of their own; or a folder of such files.
    ///
    /// # Errors
    /// Files that can't be read, keys that are missing, arrays that don't fit the input, numbers of samples that
    /// differ, no samples at all, values that are not finite.
    pub fn read(path: &Path, model: &Model, signature: Option<&str>) -> Result<Self> {
        let (_, signature) = model.signature(None, signature)?;
        let mut samples = Vec::new();
        for file in files(path)? {
            let arrays = read_npz(&file)?;
            samples.extend(samples_of(arrays, &signature.inputs).map_err(|e| e.in_file(&file))?);
        }
        let calibration = Calibration { samples };
        calibration.check().map_err(|e| e.in_file(path))?;
        Ok(calibration)
    }

    /// Refuses an empty set and values that say nothing about ranges.
    pub fn check(&self) -> Result<()> {
        if self.samples.is_empty() {
            return Err(Error::usage("no calibration samples")
                .hint("give an .npz with one array per input, samples stacked along a first axis of their own"));
        }
        for (index, sample) in self.samples.iter().enumerate() {
            for (name, tensor) in sample {
                let broken = tensor
                    .values::<f32>()
                    .and_then(|v| v.iter().find(|v| !v.is_finite()));
                if let Some(value) = broken {
                    return Err(Error::usage(format!(
                        "input {name:?} holds {value}; ranges come from finite numbers only"
                    ))
                    .at(format_args!("sample {index}")));
                }
            }
        }
        Ok(())
    }
}

fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(|e| Error::io(path, &e))? {
        let file = entry.map_err(|e| Error::io(path, &e))?.path();
        if file.extension().is_some_and(|e| e == "npz") {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(Error::usage("no .npz files in this folder").in_file(path));
    }
    Ok(files)
}

type Sample = Vec<(String, Tensor)>;

fn samples_of(arrays: Vec<(String, Tensor)>, ports: &[Port]) -> Result<Vec<Sample>> {
    let arrays: HashMap<String, Tensor> = arrays.into_iter().collect();
    let mut columns = Vec::with_capacity(ports.len());
    for (index, port) in ports.iter().enumerate() {
        let array = arrays
            .get(&*port.name)
            .or_else(|| arrays.get(&format!("#{index}")))
            .or_else(|| only_fitting(&arrays, ports))
            .ok_or_else(|| {
                let mut known: Vec<_> = arrays.keys().map(String::as_str).collect();
                known.sort_unstable();
                Error::usage(format!("no array for the input {:?}", port.name))
                    .hint(format!("the file has: {}", known.join(", ")))
            })?;
        columns.push((port, split(array, port)?));
    }
    let count = columns
        .iter()
        .map(|(_, parts)| parts.len())
        .max()
        .unwrap_or(0);
    let mut samples = vec![Vec::new(); count];
    for (port, parts) in columns {
        if parts.len() != count && parts.len() != 1 {
            return Err(Error::usage(format!(
                "input {:?} has {} samples, another has {count}",
                port.name,
                parts.len()
            )));
        }
        for (index, sample) in samples.iter_mut().enumerate() {
            if let Some(part) = parts.get(index).or(parts.first()) {
                sample.push((port.name.to_string(), part.clone()));
            }
        }
    }
    Ok(samples)
}

/// A model with one input takes the one array that fits it, whatever its name.
fn only_fitting<'a>(arrays: &'a HashMap<String, Tensor>, ports: &[Port]) -> Option<&'a Tensor> {
    let [port] = ports else { return None };
    let fits = |t: &&Tensor| t.dtype() == port.dtype && split(t, port).is_ok();
    let mut fitting = arrays.values().filter(fits);
    fitting.next().filter(|_| fitting.next().is_none())
}

/// One sample where the array has the input's own sizes, else one per index of a first axis; axes of 1 come and go as
/// [`crate::model::Shape::adapt`] says.
fn split(array: &Tensor, port: &Port) -> Result<Vec<Tensor>> {
    let shape = &port.shape;
    if shape.rank().is_some() && shape.accepts(array.shape()) {
        return Ok(vec![array.clone()]);
    }
    if let [count, rest @ ..] = array.shape()
        && let Some(sizes) = shape.adapt(rest)
    {
        return (0..*count).map(|i| row(array, i, &sizes)).collect();
    }
    match shape.adapt(array.shape()) {
        Some(sizes) => Ok(vec![array.clone().reshaped(&sizes)]),
        None => Err(does_not_fit(array, port)),
    }
}

fn row(array: &Tensor, index: usize, shape: &[usize]) -> Result<Tensor> {
    let count: usize = shape.iter().product();
    if let Some(strings) = array.strings() {
        return Ok(Tensor::from_strings(
            shape,
            strings[index * count..(index + 1) * count].to_vec(),
        ));
    }
    let size = array.dtype().size().unwrap_or(1) * count;
    let bytes = array.bytes().unwrap_or_default();
    Tensor::from_bytes(
        array.dtype(),
        shape,
        &bytes[index * size..(index + 1) * size],
    )
}

fn does_not_fit(array: &Tensor, port: &Port) -> Error {
    Error::usage(format!(
        "the array for input {:?} has shape {:?}, expected {} or samples of it along a first axis",
        port.name,
        array.shape(),
        port.shape
    ))
}

/// Range of every float value of the signature's graph, by value; `None` where nothing was seen.
pub fn ranges(
    model: &Model,
    signature: &Signature,
    calibration: &Calibration,
    progress: &Progress,
) -> Result<Vec<Option<Range>>> {
    let (named, count) = with_unique_names(model, signature)?;
    let options = RunOptions {
        signature: Some(signature.key.to_string()),
        ..RunOptions::default()
    };
    let mut session = Session::new(&named, &options)?;
    session.set_keep_intermediates(true);
    let mut ranges = vec![None; count];
    for sample in &calibration.samples {
        progress.step(1)?;
        let outputs = session.run(sample, &Progress::new())?;
        for value in session.intermediates() {
            if let Some(index) = value
                .value
                .strip_prefix(PREFIX)
                .and_then(|n| n.parse().ok())
            {
                see(&mut ranges, index, &value.tensor);
            }
        }
        see_ports(&mut ranges, &signature.inputs, sample);
        see_ports(&mut ranges, &signature.outputs, &outputs);
    }
    hand_on(model, signature, &mut ranges)?;
    Ok(ranges)
}

/// A reshape is no work to the runtime, so it reports no value of its own: it has its operand's.
fn hand_on(model: &Model, signature: &Signature, ranges: &mut [Option<Range>]) -> Result<()> {
    let graph = model
        .meta_graphs
        .first()
        .and_then(|m| m.graphs.get(signature.graph));
    let Some(graph) = graph else {
        return Ok(());
    };
    for id in graph.topological_order()? {
        let node = graph.node(id);
        if !matches!(
            &*node.op,
            "RESHAPE" | "SQUEEZE" | "EXPAND_DIMS" | "TRANSPOSE"
        ) {
            continue;
        }
        if let (Some(from), Some(to)) = (node.input(0), node.outputs.first()) {
            ranges[to.index()] = ranges[to.index()].or(ranges[from.index()]);
        }
    }
    Ok(())
}

const PREFIX: &str = "value ";

/// Intermediate values come back by name, and names in a .tflite need not be unique.
fn with_unique_names(model: &Model, signature: &Signature) -> Result<(Model, usize)> {
    let mut named = model.clone();
    let graph = named
        .meta_graphs
        .first_mut()
        .and_then(|m| m.graphs.get_mut(signature.graph))
        .ok_or_else(|| Error::unreadable(format!("signature {:?} has no graph", signature.key)))?;
    for (index, value) in graph.values.iter_mut().enumerate() {
        value.name = format!("{PREFIX}{index}").into();
    }
    let count = graph.values.len();
    Ok((named, count))
}

fn see_ports(ranges: &mut [Option<Range>], ports: &[Port], tensors: &[(String, Tensor)]) {
    for (name, tensor) in tensors {
        let port = ports.iter().find(|p| *p.name == **name);
        if let Some(ValueId(index)) = port.and_then(|p| p.value) {
            see(ranges, index as usize, tensor);
        }
    }
}

fn see(ranges: &mut [Option<Range>], index: usize, tensor: &Tensor) {
    if let (Some(slot), Some(values)) = (ranges.get_mut(index), tensor.values::<f32>()) {
        slot.get_or_insert(Range::NONE).see(values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DType, Shape};

    fn port(name: &str, dims: &[i64]) -> Port {
        Port::new(name, DType::Float32, Shape(Some(dims.to_vec())))
    }

    #[test]
    fn an_array_is_one_sample_or_many() {
        let kinds = Tensor::from_values(&[3, 1], &[1f32, 2., 3.]);
        let each = samples_of(vec![("x".into(), kinds)], &[port("x", &[-1])]).unwrap();
        assert_eq!(each.len(), 3);
        assert_eq!(each[0][0].1.shape(), [1]);
        let x = Tensor::from_values(&[3, 2], &[1f32, 2., 3., 4., 5., 6.]);
        let one = samples_of(vec![("x".into(), x.clone())], &[port("x", &[-1, 2])]).unwrap();
        assert_eq!(one.len(), 1);
        let many = samples_of(vec![("x".into(), x)], &[port("x", &[2])]).unwrap();
        assert_eq!(many.len(), 3);
        assert_eq!(many[1][0].1.values::<f32>().unwrap(), [3., 4.]);
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let x = Tensor::from_values(&[3], &[1f32, 2., 3.]);
        let error = samples_of(vec![("x".into(), x.clone())], &[port("x", &[1, 7])]).unwrap_err();
        assert!(error.to_string().contains("[3], expected 1×7"), "{error}");
        let ports = [port("y", &[3]), port("z", &[3])];
        let error = samples_of(vec![("x".into(), x)], &ports).unwrap_err();
        assert!(error.to_string().contains("the file has: x"), "{error}");
    }

    #[test]
    fn one_input_takes_the_one_array_that_fits() {
        let x = Tensor::from_values(&[3], &[1f32, 2., 3.]);
        let labels = Tensor::from_values(&[3], &[1i64, 2, 3]);
        let arrays = vec![("x".into(), x.clone()), ("labels".into(), labels)];
        let samples = samples_of(arrays.clone(), &[port("y", &[3])]).unwrap();
        assert_eq!(samples[0][0].0, "y");
        let two = [arrays, vec![("other".into(), x)]].concat();
        assert!(samples_of(two, &[port("y", &[3])]).is_err());
    }

    #[test]
    fn empty_and_nan_sets_are_refused() {
        assert!(Calibration::default().check().is_err());
        let nan = Tensor::from_values(&[1], &[f32::NAN]);
        let set = Calibration {
            samples: vec![vec![("x".to_owned(), nan)]],
        };
        assert!(set.check().unwrap_err().to_string().contains("NaN"));
    }
}

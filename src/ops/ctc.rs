//! Sequences of labels out of rows of scores.

use super::reals::{doubles, floats, of_doubles};
use super::segment::{view, whole_numbers};
use super::{Context, Fact, Operator, Prepared, View};
use crate::error::{Error, Result};
use crate::kernels::{ctc, ctc_loss};
use crate::memory;
use crate::model::{DType, Shape, Tensor};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(&["CTCGreedyDecoder"], &[], infer, prepare_greedy),
    Operator::new(&["CTCBeamSearchDecoder"], &[], infer, prepare_search),
    Operator::new(&["CTCLoss"], &[], infer_loss, prepare_loss),
];

/// Per path indices, values and sizes of a sparse tensor, then scores per sequence.
fn infer(cx: &Context) -> Result<Vec<Fact>> {
    let paths = cx.attr_int("top_paths", 1).clamp(1, 1 << 16) as usize;
    let list = |dims: Vec<i64>| Fact::new(DType::Int64, Shape(Some(dims)));
    let mut facts = vec![list(vec![-1, 2]); paths];
    facts.extend(vec![list(vec![-1]); paths]);
    facts.extend(vec![list(vec![2]); paths]);
    let batch = cx.shape(0)?.dims().and_then(|dims| dims.get(1).copied());
    let scores = Shape(Some(vec![batch.unwrap_or(-1), paths as i64]));
    facts.push(Fact::new(cx.dtype(0)?, scores));
    Ok(facts)
}

/// Scores as `[time, batch, classes]`, and how long each sequence is.
struct Scores {
    values: Vec<f32>,
    lengths: Vec<usize>,
    batch: usize,
    classes: usize,
}

impl Scores {
    fn of(inputs: &[Option<View<'_>>]) -> Result<Self> {
        let scores = view(inputs, 0)?;
        let told = whole_numbers(&view(inputs, 1)?)?;
        let &[time, batch, classes] = scores.shape else {
            return Err(Error::usage(format!("scores of {:?}", scores.shape)));
        };
        let lengths: Option<Vec<usize>> = (told.iter())
            .map(|&n| usize::try_from(n).ok().filter(|&n| n <= time))
            .collect();
        let lengths = lengths.filter(|lengths| lengths.len() == batch && classes > 0);
        Ok(Scores {
            values: floats(&scores)?,
            lengths: lengths.ok_or_else(|| {
                Error::usage(format!("lengths {told:?} of scores of {:?}", scores.shape))
            })?,
            batch,
            classes,
        })
    }

    fn rows(&self, sequence: usize) -> Vec<&[f32]> {
        let row = |time: usize| {
            let at = (time * self.batch + sequence) * self.classes;
            &self.values[at..][..self.classes]
        };
        (0..self.lengths[sequence]).map(row).collect()
    }
}

fn prepare_greedy(cx: &Context) -> Result<Prepared> {
    let merge = cx.attr_bool("merge_repeated");
    let blank = cx.attr_int("blank_index", -1);
    let dtype = cx.dtype(0)?;
    Prepared::compute(move |inputs| {
        let scores = Scores::of(inputs)?;
        let classes = scores.classes as i64;
        let blank = if blank < 0 { blank + classes } else { blank };
        let blank = usize::try_from(blank).ok().filter(|&b| b < scores.classes);
        let blank = blank.ok_or_else(|| Error::usage("a blank that is no class"))?;
        let found: Vec<(Vec<i64>, f32)> = (0..scores.batch)
            .map(|sequence| ctc::greedy(&scores.rows(sequence), blank, merge))
            .collect();
        let labels: Vec<&[i64]> = found.iter().map(|(labels, _)| &labels[..]).collect();
        let sums: Vec<f32> = found.iter().map(|&(_, sum)| sum).collect();
        let [indices, values, sizes] = sparse(&labels);
        let sums = super::reals::of_floats(dtype, &[scores.batch, 1], &sums)?;
        Ok(vec![indices, values, sizes, sums])
    })
}

fn prepare_search(cx: &Context) -> Result<Prepared> {
    let merge = cx.node.attrs.bool("merge_repeated").unwrap_or(true);
    let positive = |name: &str| match cx.attr_int(name, 1) {
        value @ 1..=0xffff => Ok(value as usize),
        other => Err(cx.wrong(format!("{name} is {other}"))),
    };
    let (width, paths) = (positive("beam_width")?, positive("top_paths")?);
    let dtype = cx.dtype(0)?;
    Prepared::compute(move |inputs| {
        let scores = Scores::of(inputs)?;
        let mut found = Vec::new();
        for sequence in 0..scores.batch {
            let best = ctc::beam_search(&scores.rows(sequence), width, paths, merge);
            if best.len() < paths {
                return Err(Error::usage(format!(
                    "{paths} paths are asked for, the search ended with {}",
                    best.len()
                )));
            }
            found.push(best);
        }
        let mut parts: [Vec<Tensor>; 3] = Default::default();
        for path in 0..paths {
            let labels: Vec<&[i64]> = found.iter().map(|best| &best[path].0[..]).collect();
            for (list, part) in parts.iter_mut().zip(sparse(&labels)) {
                list.push(part);
            }
        }
        let logs: Vec<f32> = found.iter().flatten().map(|&(_, log)| log).collect();
        let mut out: Vec<Tensor> = parts.into_iter().flatten().collect();
        out.push(super::reals::of_floats(
            dtype,
            &[scores.batch, paths],
            &logs,
        )?);
        Ok(out)
    })
}

/// Indices, values and sizes of rows of different lengths.
fn sparse(rows: &[&[i64]]) -> [Tensor; 3] {
    let (mut indices, mut values) = (Vec::new(), Vec::new());
    for (row, labels) in rows.iter().enumerate() {
        for (at, &label) in labels.iter().enumerate() {
            indices.extend([row as i64, at as i64]);
            values.push(label);
        }
    }
    let longest = rows.iter().map(|row| row.len()).max().unwrap_or(0);
    [
        Tensor::from_values(&[values.len(), 2], &indices),
        Tensor::from_values(&[values.len()], &values),
        Tensor::from_values(&[2], &[rows.len() as i64, longest as i64]),
    ]
}

fn infer_loss(cx: &Context) -> Result<Vec<Fact>> {
    let scores = cx.shape(0)?;
    let batch = scores.dims().and_then(|dims| dims.get(1).copied());
    let loss = Fact::new(cx.dtype(0)?, Shape(Some(vec![batch.unwrap_or(-1)])));
    Ok(vec![loss, Fact::new(cx.dtype(0)?, scores.clone())])
}

/// The negative logarithm of the probability of each sequence's labels, and its gradients.
fn prepare_loss(cx: &Context) -> Result<Prepared> {
    let dtype = cx.dtype(0)?;
    if !matches!(dtype, DType::Float32 | DType::Float64) {
        return Err(cx.no_kernel(dtype));
    }
    let collapses = cx.attr_bool("preprocess_collapse_repeated");
    let merges = cx.node.attrs.bool("ctc_merge_repeated").unwrap_or(true);
    let passes_over = cx.attr_bool("ignore_longer_outputs_than_inputs");
    Prepared::compute(move |inputs| {
        let scores = view(inputs, 0)?;
        let &[time, batch, classes] = scores.shape else {
            return Err(Error::usage(format!("scores of {:?}", scores.shape)));
        };
        let lengths = whole_numbers(&view(inputs, 3)?)?;
        let known = lengths.iter().map(|&n| usize::try_from(n).ok());
        let known = known.map(|n| n.filter(|&n| n <= time));
        let known = known.collect::<Option<Vec<usize>>>();
        let known =
            known.filter(|known| known.len() == batch && scores.shape.iter().all(|&n| n > 0));
        let known = known.ok_or_else(|| {
            Error::usage(format!(
                "lengths {lengths:?} of scores of {:?}",
                scores.shape
            ))
        })?;
        let values = doubles(&scores)?;
        let mut losses = vec![0.0; batch];
        let mut gradients = vec![0.0; values.len()];
        for (sequence, (labels, steps)) in labels(inputs, batch)?.iter().zip(known).enumerate() {
            let at = |error: Error| error.at(format!("sequence {sequence}"));
            let plain = plain(labels, classes, collapses).map_err(at)?;
            if labels.len() > steps && !passes_over {
                return Err(at(Error::usage(format!(
                    "{} labels for {steps} steps; ignore_longer_outputs_than_inputs would pass over it",
                    labels.len()
                ))));
            }
            if steps == 0 || labels.len() > steps {
                continue;
            }
            let places = steps.saturating_mul(2 * plain.len() + 1);
            memory::ask(
                "the paths of a sequence",
                places.saturating_mul(2 * size_of::<f64>()),
            )?;
            let start = |step: usize| (step * batch + sequence) * classes;
            let rows: Vec<&[f64]> = (0..steps).map(|t| &values[start(t)..][..classes]).collect();
            let found = ctc_loss::loss(&rows, &plain, merges);
            losses[sequence] = found.loss;
            for (step, row) in found.gradients.chunks_exact(classes).enumerate() {
                gradients[start(step)..][..classes].copy_from_slice(row);
            }
        }
        Ok(vec![
            of_doubles(dtype, &[batch], &losses)?,
            of_doubles(dtype, scores.shape, &gradients)?,
        ])
    })
}

/// The labels of each sequence, out of a sparse tensor in inputs 1 and 2.
fn labels(inputs: &[Option<View<'_>>], batch: usize) -> Result<Vec<Vec<i64>>> {
    let (indices, values) = (view(inputs, 1)?, whole_numbers(&view(inputs, 2)?)?);
    if indices.shape != [values.len(), 2] {
        return Err(Error::usage(format!(
            "indices of {:?} for {} labels, expected two each",
            indices.shape,
            values.len()
        )));
    }
    let places = whole_numbers(&indices)?;
    let rows: Vec<&[i64]> = places.chunks_exact(2).collect();
    if let Some(pair) = rows.windows(2).find(|pair| pair[0] >= pair[1]) {
        return Err(Error::usage(format!(
            "the indices {:?} of a label are out of order; SparseReorder puts them in order",
            pair[1]
        )));
    }
    let mut all = vec![Vec::new(); batch];
    for (row, label) in rows.iter().zip(values) {
        let own = usize::try_from(row[0]).ok().and_then(|at| all.get_mut(at));
        let own = own.filter(|_| row[1] >= 0).ok_or_else(|| {
            Error::usage(format!(
                "a label at {row:?} where there are {batch} sequences"
            ))
        })?;
        own.push(label);
    }
    Ok(all)
}

/// Labels as classes. From the blank on, which is the last class, nothing else may come.
fn plain(labels: &[i64], classes: usize, collapses: bool) -> Result<Vec<usize>> {
    if labels.is_empty() {
        return Err(Error::usage("no labels, expected one or more"));
    }
    let mut own = labels.to_vec();
    if collapses {
        own.dedup();
    }
    let is_label = |&label: &i64| usize::try_from(label).map_or(true, |label| label + 1 < classes);
    let count = own.iter().take_while(|label| is_label(label)).count();
    if own[count..].iter().any(is_label) {
        return Err(Error::usage(format!(
            "the labels {labels:?} go on behind the blank, {}",
            classes - 1
        )));
    }
    let own = own[..count].iter().map(|&label| {
        usize::try_from(label)
            .map_err(|_| Error::usage(format!("the label {label}, expected 0 or more")))
    });
    own.collect()
}

//! Losses and norms of whole tensors. Computed in `f64` and rounded once.

use half::{bf16, f16};

use super::reals::{doubles, of_doubles};
use super::segment::{view, whole_numbers};
use super::{Context, Fact, Operator, Picks, Prepared, View, broadcast};
use crate::error::{Error, Result};
use crate::kernels::elementwise::halves::Steps;
use crate::kernels::elementwise::number::Number;
use crate::kernels::reference::reduce::Reduction;
use crate::kernels::reference::reduce_halves::{reduce_steps, sum};
use crate::kernels::reference::wide::entropy_steps;
use crate::model::{DType, Element, Shape, Tensor};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        &["L2Loss"],
        &[],
        |cx| cx.one(cx.dtype(0)?, Shape::scalar()),
        prepare_half,
    ),
    Operator::new(&["EuclideanNorm"], &[], infer_norm, prepare_norm),
    Operator::new(
        &["SoftmaxCrossEntropyWithLogits"],
        &[],
        infer_entropy,
        prepare_entropy,
    ),
    Operator::new(
        &["SparseSoftmaxCrossEntropyWithLogits"],
        &[],
        infer_entropy,
        prepare_entropy,
    )
    .picking(Picks::classes()),
];

/// Half the sum of squares.
fn prepare_half(cx: &Context) -> Result<Prepared> {
    let dtype = cx.dtype(0)?;
    Prepared::compute(move |inputs| {
        match dtype {
            DType::Float16 => return half_in_steps::<f16>(&view(inputs, 0)?),
            DType::BFloat16 => return half_in_steps::<bf16>(&view(inputs, 0)?),
            _ => {}
        }
        let sum: f64 = doubles(&view(inputs, 0)?)?.iter().map(|v| v * v).sum();
        Ok(vec![of_doubles(dtype, &[], &[sum / 2.0])?])
    })
}

fn half_in_steps<T: Steps + Element>(x: &View<'_>) -> Result<Vec<Tensor>> {
    let half = sum(&squares::<T>(x)?).wide() / 2.0;
    Ok(vec![Tensor::from_values(&[], &[T::narrow(half)])])
}

/// Each rounded.
fn squares<T: Steps + Element>(x: &View<'_>) -> Result<Vec<T>> {
    Ok(x.values::<T>()?
        .iter()
        .map(|v| Number::mul(*v, *v))
        .collect())
}

fn infer_norm(cx: &Context) -> Result<Vec<Fact>> {
    let keep = cx.attr_bool("keep_dims");
    let (Some(dims), Some(axes)) = (cx.shape(0)?.dims(), cx.ints(1)?) else {
        return cx.one(cx.dtype(0)?, Shape::UNKNOWN);
    };
    let mut kept: Vec<Option<i64>> = dims.iter().copied().map(Some).collect();
    for axis in axes {
        kept[cx.axis(axis, dims.len())?] = keep.then_some(1);
    }
    cx.one(
        cx.dtype(0)?,
        Shape(Some(kept.into_iter().flatten().collect())),
    )
}

fn prepare_norm(cx: &Context) -> Result<Prepared> {
    let (dtype, keep) = (cx.dtype(0)?, cx.attr_bool("keep_dims"));
    Prepared::compute(move |inputs| {
        let x = view(inputs, 0)?;
        let mut gone = vec![false; x.shape.len()];
        for axis in whole_numbers(&view(inputs, 1)?)? {
            let at = if axis < 0 {
                axis + gone.len() as i64
            } else {
                axis
            };
            let slot = usize::try_from(at).ok().and_then(|at| gone.get_mut(at));
            *slot.ok_or_else(|| Error::usage(format!("axis {axis} of {:?}", x.shape)))? = true;
        }
        let sizes = x.shape.iter().zip(&gone);
        let single: Vec<usize> = sizes.map(|(&n, &gone)| if gone { 1 } else { n }).collect();
        let mut sums = vec![0.0; single.iter().product()];
        // The result stands still along the axes that go.
        let (_, places) = broadcast::places([x.shape, &single])?;
        if dtype == DType::Float16 {
            let mut sums = vec![f16::ZERO; single.iter().product()];
            reduce_steps(Reduction::Sum, &squares(&x)?, x.shape, &gone, &mut sums);
            let roots: Vec<f16> = sums
                .iter()
                .map(|sum| f16::from_f32(sum.to_f32().sqrt()))
                .collect();
            let axes = single.iter().zip(&gone);
            let axes = axes.filter_map(|(&n, &gone)| (keep || !gone).then_some(n));
            return Ok(vec![Tensor::from_values(&axes.collect::<Vec<_>>(), &roots)]);
        }
        let complex = matches!(dtype, DType::Complex64 | DType::Complex128);
        let squares: Vec<f64> = match dtype {
            DType::Complex64 => (x.values::<[f32; 2]>()?.iter())
                .map(|z| z.iter().map(|&part| f64::from(part).powi(2)).sum())
                .collect(),
            DType::Complex128 => (x.values::<[f64; 2]>()?.iter())
                .map(|z| z.iter().map(|part| part.powi(2)).sum())
                .collect(),
            _ => doubles(&x)?.iter().map(|v| v * v).collect(),
        };
        for ([_, to], square) in places.into_iter().zip(squares) {
            sums[to] += square;
        }
        let norms: Vec<f64> = sums.iter().map(|&sum| wrapped(dtype, sum).sqrt()).collect();
        let shape: Vec<usize> = (single.iter().zip(&gone))
            .filter_map(|(&n, &gone)| (keep || !gone).then_some(n))
            .collect();
        if complex {
            return Ok(vec![match dtype {
                DType::Complex64 => {
                    let norms: Vec<[f32; 2]> =
                        norms.iter().map(|&norm| [norm as f32, 0.0]).collect();
                    Tensor::from_values(&shape, &norms)
                }
                _ => {
                    let norms: Vec<[f64; 2]> = norms.iter().map(|&norm| [norm, 0.0]).collect();
                    Tensor::from_values(&shape, &norms)
                }
            }]);
        }
        Ok(vec![of_doubles(dtype, &shape, &norms)?])
    })
}

/// Sums of narrow integers wrap before the root is taken; that of a negative one is 0.
fn wrapped(dtype: DType, sum: f64) -> f64 {
    match dtype {
        DType::Int8 => f64::from(sum as i64 as i8),
        DType::UInt8 => f64::from(sum as i64 as u8),
        DType::Int16 => f64::from(sum as i64 as i16),
        DType::UInt16 => f64::from(sum as i64 as u16),
        _ => sum,
    }
}

fn infer_entropy(cx: &Context) -> Result<Vec<Fact>> {
    let sparse = cx.node.op.starts_with("Sparse");
    let (dtype, logits) = (cx.dtype(0)?, cx.shape(0)?);
    let both = match sparse {
        true => logits.clone(),
        false => broadcast::shape(cx, &[logits, cx.shape(1)?])?,
    };
    let rows = both.dims().and_then(|dims| dims.first().copied());
    let losses = Shape(Some(vec![rows.unwrap_or(-1)]));
    Ok(vec![Fact::new(dtype, losses), Fact::new(dtype, both)])
}

/// The same of half types, every step rounded.
fn stepwise<T: Steps + Element>(
    sizes: [usize; 2],
    scores: &[f64],
    labels: &[f64],
) -> Result<Vec<Tensor>> {
    let narrow = |values: &[f64]| -> Vec<T> { values.iter().map(|&v| T::from_f64(v)).collect() };
    let (scores, labels) = (narrow(scores), narrow(labels));
    let (mut losses, mut gradients) = (vec![T::ZERO; sizes[0]], vec![T::ZERO; scores.len()]);
    entropy_steps(sizes[1], [&scores, &labels], &mut losses, &mut gradients);
    Ok(vec![
        Tensor::from_values(&sizes[..1], &losses),
        Tensor::from_values(&sizes, &gradients),
    ])
}

/// Losses of rows of scores, and their gradients: the softmax less the label.
fn prepare_entropy(cx: &Context) -> Result<Prepared> {
    let (dtype, sparse) = (cx.dtype(0)?, cx.node.op.starts_with("Sparse"));
    Prepared::compute(move |inputs| {
        let (logits, labels) = (view(inputs, 0)?, view(inputs, 1)?);
        let (shape, places) = match sparse {
            true => broadcast::places([logits.shape, logits.shape])?,
            false => broadcast::places([logits.shape, labels.shape])?,
        };
        let &[rows, classes] = &shape[..] else {
            return Err(Error::usage(format!("scores of {shape:?}")));
        };
        let scores = doubles(&logits)?;
        let wanted: Vec<f64> = match sparse {
            true => one_hot(&whole_numbers(&labels)?, [rows, classes])?,
            false => {
                let labels = doubles(&labels)?;
                places.iter().map(|&[_, at]| labels[at]).collect()
            }
        };
        let scores: Vec<f64> = places.iter().map(|&[at, _]| scores[at]).collect();
        match dtype {
            DType::Float16 => return stepwise::<f16>([rows, classes], &scores, &wanted),
            DType::BFloat16 => return stepwise::<bf16>([rows, classes], &scores, &wanted),
            _ => {}
        }
        let (mut losses, mut gradients) = (Vec::new(), Vec::new());
        let width = classes.max(1);
        for (scores, wanted) in scores.chunks_exact(width).zip(wanted.chunks_exact(width)) {
            let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = scores.iter().map(|score| (score - most).exp()).sum();
            let terms = scores.iter().zip(wanted);
            let loss = |(score, &label): (&f64, &f64)| match label {
                0.0 => 0.0,
                label => label * (sum.ln() - (score - most)),
            };
            losses.push(terms.clone().map(loss).sum());
            gradients.extend(terms.map(|(score, label)| (score - most).exp() / sum - label));
        }
        Ok(vec![
            of_doubles(dtype, &[rows], &losses)?,
            of_doubles(dtype, &shape, &gradients)?,
        ])
    })
}

/// Rows with a 1 at the label; a label that is no class makes the row NaN, as TensorFlow's does.
fn one_hot(labels: &[i64], [rows, classes]: [usize; 2]) -> Result<Vec<f64>> {
    if labels.len() != rows {
        return Err(Error::usage(format!(
            "{} labels for {rows} rows of scores",
            labels.len()
        )));
    }
    let mut wanted = vec![0.0; rows * classes];
    for (row, label) in wanted.chunks_exact_mut(classes.max(1)).zip(labels) {
        match usize::try_from(*label).ok().and_then(|at| row.get_mut(at)) {
            Some(slot) => *slot = 1.0,
            None => row.fill(f64::NAN),
        }
    }
    Ok(wanted)
}

//! Rows folded by segment, sorted or not, with weights picked by index.

use super::types::{with_float, with_number};
use super::{Context, Fact, Operator, Prepared, View};
use crate::error::{Error, Result};
use crate::kernels::elementwise::number::Number;
use crate::kernels::segment::{self, Fold};
use crate::model::{DType, Element, Shape, Tensor};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(&["SegmentSum"], &["SEGMENT_SUM"], infer_sorted, prepare),
    Operator::new(
        &[
            "SegmentSumV2",
            "SegmentProd",
            "SegmentMin",
            "SegmentMax",
            "SegmentMean",
        ],
        &[],
        infer_sorted,
        prepare,
    ),
    Operator::new(
        &[
            "UnsortedSegmentSum",
            "UnsortedSegmentProd",
            "UnsortedSegmentMin",
            "UnsortedSegmentMax",
        ],
        &[
            "UNSORTED_SEGMENT_SUM",
            "UNSORTED_SEGMENT_PROD",
            "UNSORTED_SEGMENT_MIN",
            "UNSORTED_SEGMENT_MAX",
        ],
        infer_unsorted,
        prepare,
    ),
    Operator::new(
        &[
            "SparseSegmentSum",
            "SparseSegmentMean",
            "SparseSegmentSqrtN",
            "SparseSegmentSumWithNumSegments",
            "SparseSegmentMeanWithNumSegments",
            "SparseSegmentSqrtNWithNumSegments",
        ],
        &[],
        infer_picked,
        prepare_picked,
    ),
];

/// What an operator of this name does with the rows of a segment.
fn fold(op: &str) -> Fold {
    let op = op.to_ascii_lowercase();
    if op.contains("prod") {
        Fold::Product
    } else if op.contains("min") {
        Fold::Min
    } else if op.contains("max") {
        Fold::Max
    } else {
        Fold::Sum
    }
}

fn infer_sorted(cx: &Context) -> Result<Vec<Fact>> {
    rows(cx, -1)
}

/// Segments of the rows of input 0.
fn rows(cx: &Context, segments: i64) -> Result<Vec<Fact>> {
    let dims = cx.shape(0)?.dims().map(|dims| match dims {
        [] => vec![segments],
        [_, rest @ ..] => [&[segments], rest].concat(),
    });
    cx.one(cx.dtype(0)?, Shape(dims))
}

fn infer_unsorted(cx: &Context) -> Result<Vec<Fact>> {
    let segments = cx.int(2)?.unwrap_or(-1);
    let (data, ids) = (cx.shape(0)?.dims(), cx.shape(1)?.rank());
    let dims = match (data, ids) {
        (Some(data), Some(ids)) if ids <= data.len() => Some([&[segments], &data[ids..]].concat()),
        (Some(_), Some(ids)) => {
            return Err(cx.wrong(format!("ids of rank {ids} for {}", cx.shape(0)?)));
        }
        _ => None,
    };
    cx.one(cx.dtype(0)?, Shape(dims))
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let (dtype, op) = (cx.dtype(0)?, cx.node.op.to_ascii_lowercase());
    let unsorted = op.starts_with("unsorted");
    // TensorFlow Lite refuses gaps between segments, TensorFlow fills them.
    let gaps = !cx.tflite();
    let (fold, mean) = (fold(&op), op.ends_with("mean"));
    with_number!(dtype, T => Prepared::compute(move |inputs| {
        let data = view(inputs, 0)?;
        let ids = whole_numbers(&view(inputs, 1)?)?;
        let depth = view(inputs, 1)?.shape.len();
        if data.shape.get(..depth) != Some(view(inputs, 1)?.shape) {
            return Err(Error::usage(format!(
                "ids of {:?} for rows of {:?}", view(inputs, 1)?.shape, data.shape
            )));
        }
        let (count, empty) = if unsorted {
            let told = whole_numbers(&view(inputs, 2)?)?.first().copied();
            (told.unwrap_or(0), nothing_of::<T>(fold))
        } else {
            segment::check_sorted(&ids, gaps)?;
            (ids.last().map_or(0, |&last| last + 1), T::ZERO)
        };
        let mut out = filled::<T>(count, &data.shape[depth..], empty)?;
        let rows = ids.iter().copied().zip(0..);
        folded::<T>(rows, &data, depth, &mut out, fold)?;
        if mean {
            shared_out::<T>(&mut out, &ids, |count| count);
        }
        Ok(vec![out])
    }), else Err(cx.no_kernel(dtype)))
}

/// What TensorFlow and TensorFlow Lite give for a segment without rows.
fn nothing_of<T: Number>(fold: Fold) -> T {
    let (lowest, highest) = (T::lowest(), T::highest());
    match fold {
        Fold::Sum => T::ZERO,
        Fold::Product => T::from_f64(1.0),
        Fold::Min => highest,
        Fold::Max => lowest,
    }
}

fn filled<T: Number + Element>(segments: i64, row: &[usize], value: T) -> Result<Tensor> {
    let segments =
        usize::try_from(segments).map_err(|_| Error::usage(format!("{segments} segments")))?;
    let mut out = Tensor::zeros(T::DTYPE, &[&[segments], row].concat())?;
    if let Some(values) = out.values_mut::<T>() {
        values.fill(value);
    }
    Ok(out)
}

fn folded<T: Number + Element>(
    rows: impl Iterator<Item = (i64, usize)>,
    data: &View<'_>,
    depth: usize,
    out: &mut Tensor,
    fold: Fold,
) -> Result<()> {
    let width = data.shape[depth..].iter().product();
    let input = data.values::<T>()?;
    match out.values_mut::<T>() {
        Some(out) => segment::fold(rows, (input, width), out, fold),
        None => Ok(()),
    }
}

/// Divides each segment by `share` of the number of its rows.
fn shared_out<T: Number + Element>(out: &mut Tensor, ids: &[i64], share: impl Fn(f64) -> f64) {
    let segments = out.shape().first().copied().unwrap_or(0);
    let width = out.len().checked_div(segments).unwrap_or(0);
    let mut counts = vec![0usize; segments];
    for id in ids {
        if let Some(count) = usize::try_from(*id).ok().and_then(|id| counts.get_mut(id)) {
            *count += 1;
        }
    }
    let Some(values) = out.values_mut::<T>() else {
        return;
    };
    for (row, &count) in values.chunks_exact_mut(width.max(1)).zip(&counts) {
        let by = T::from_f64(share(count.max(1) as f64));
        row.iter_mut().for_each(|value| *value = value.div(by));
    }
}

fn infer_picked(cx: &Context) -> Result<Vec<Fact>> {
    let segments = match cx.has(3) {
        true => cx.int(3)?.unwrap_or(-1),
        false => -1,
    };
    rows(cx, segments)
}

/// Rows of input 0 picked by input 1, folded by the segments of input 2.
fn prepare_picked(cx: &Context) -> Result<Prepared> {
    let (dtype, op) = (cx.dtype(0)?, cx.node.op.clone());
    let told = cx.has(3);
    with_float!(dtype, T => Prepared::compute(move |inputs| {
        let data = view(inputs, 0)?;
        let (picks, ids) = (whole_numbers(&view(inputs, 1)?)?, whole_numbers(&view(inputs, 2)?)?);
        if picks.len() != ids.len() {
            return Err(Error::usage(format!("{} rows for {} ids", picks.len(), ids.len())));
        }
        segment::check_sorted(&ids, true)?;
        let count = match told {
            true => whole_numbers(&view(inputs, 3)?)?.first().copied().unwrap_or(0),
            false => ids.last().map_or(0, |&last| last + 1),
        };
        let Some((&rows, row)) = data.shape.split_first() else {
            return Err(Error::usage("it picks rows of a scalar"));
        };
        let picked = picks.iter().map(|&pick| {
            usize::try_from(pick).ok().filter(|&pick| pick < rows).ok_or_else(|| {
                Error::usage(format!("row {pick} is picked where there are {rows}"))
            })
        });
        let picked = picked.collect::<Result<Vec<_>>>()?;
        let mut out = filled::<T>(count, row, T::ZERO)?;
        folded::<T>(ids.iter().copied().zip(picked), &data, 1, &mut out, Fold::Sum)?;
        if op.contains("Mean") {
            shared_out::<T>(&mut out, &ids, |count| count);
        } else if op.contains("SqrtN") {
            shared_out::<T>(&mut out, &ids, f64::sqrt);
        }
        Ok(vec![out])
    }), else Err(cx.no_kernel(dtype)))
}

/// An input that must be there.
pub(super) fn view<'v>(inputs: &[Option<View<'v>>], index: usize) -> Result<View<'v>> {
    let view = inputs.get(index).copied().flatten();
    view.ok_or_else(|| Error::unsupported(format!("input {index} is missing")))
}

pub(super) fn whole_numbers(view: &View<'_>) -> Result<Vec<i64>> {
    match view.dtype {
        DType::Int32 => Ok(view.values::<i32>()?.iter().map(|&v| v.into()).collect()),
        DType::Int16 => Ok(view.values::<i16>()?.iter().map(|&v| v.into()).collect()),
        _ => Ok(view.values::<i64>()?.to_vec()),
    }
}

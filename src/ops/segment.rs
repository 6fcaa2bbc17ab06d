//! Rows folded by segment, sorted or not, with weights picked by index.

use super::complex::stored;
use super::elementwise::rules;
use super::halves::in_float;
use super::types::{check_number, with_float, with_number};
use super::{Context, Fact, Operator, Picks, Prepared, View};
use crate::error::{Error, Result};
use crate::kernels::elementwise::complex::{self, Complex, Stored};
use crate::kernels::elementwise::number::Number;
use crate::kernels::params::Rules;
use crate::kernels::segment::{self, Begin, Fold};
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
    )
    .picking(Picks::rows(0, 1)),
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
    let (fold, mean, rules) = (fold(&op), op.ends_with("mean"), rules(cx));
    // TensorFlow's unsorted segments begin with what an empty one is, its sorted ones with their first row.
    let begin = match unsorted {
        true => Begin::Empty,
        false => Begin::FirstRow,
    };
    if matches!(dtype, DType::Complex64 | DType::Complex128) {
        if !matches!(fold, Fold::Sum | Fold::Product) {
            return Err(cx.no_kernel(dtype));
        }
    } else {
        check_number(cx, dtype)?;
    }
    Prepared::compute(move |inputs| {
        let data = view(inputs, 0)?;
        let ids = whole_numbers(&view(inputs, 1)?)?;
        let shape = view(inputs, 1)?.shape;
        let depth = shape.len();
        if data.shape.get(..depth) != Some(shape) {
            return Err(Error::usage(format!(
                "ids of {shape:?} for rows of {:?}",
                data.shape
            )));
        }
        let count = if unsorted {
            let told = whole_numbers(&view(inputs, 2)?)?.first().copied();
            told.unwrap_or(0)
        } else {
            segment::check_sorted(&ids, gaps)?;
            ids.last().map_or(0, |&last| last + 1)
        };
        let mut out = segments(dtype, count, &data.shape[depth..])?;
        let rows: Vec<(i64, usize)> = ids.iter().copied().zip(0..).collect();
        let share: Option<Share> = mean.then_some(|count| count);
        match dtype {
            DType::Complex64 => {
                folded_complex::<[f32; 2]>(&rows, (&data, depth), (&mut out, begin), fold, share)?;
            }
            DType::Complex128 => {
                folded_complex::<[f64; 2]>(&rows, (&data, depth), (&mut out, begin), fold, share)?;
            }
            _ => with_number!(dtype, T => {
                let sorted = !unsorted && fold != Fold::Product;
                let empty = if sorted { T::ZERO } else { nothing_of::<T>(fold) };
                folded::<T>(&rows, (&data, depth), (&mut out, empty, begin), fold.of(rules))?;
                shared_numbers::<T>(&mut out, &ids, share);
            }, else {}),
        }
        Ok(vec![out])
    })
}

/// What TensorFlow and TensorFlow Lite give for a segment without rows; among sorted ones, it is 0 but of products.
fn nothing_of<T: Number>(fold: Fold) -> T {
    let (lowest, highest) = (T::lowest(), T::highest());
    match fold {
        Fold::Sum => T::ZERO,
        Fold::Product => T::from_f64(1.0),
        Fold::Min => highest,
        Fold::Max => lowest,
    }
}

fn segments(dtype: DType, count: i64, row: &[usize]) -> Result<Tensor> {
    let count = usize::try_from(count).map_err(|_| Error::usage(format!("{count} segments")))?;
    Tensor::zeros(dtype, &[&[count], row].concat())
}

/// Rows of `data`, behind its first `depth` axes, by segment; `empty` stands in those without rows.
fn folded<T: Element>(
    rows: &[(i64, usize)],
    (data, depth): (&View<'_>, usize),
    (out, empty, begin): (&mut Tensor, T, Begin),
    fold: impl Fn(T, T) -> T,
) -> Result<()> {
    let width = data.shape[depth..].iter().product();
    let input = data.values::<T>()?;
    match out.values_mut::<T>() {
        Some(out) => {
            out.fill(empty);
            segment::fold(rows, (input, width), out, begin, fold)
        }
        None => Ok(()),
    }
}

/// Complex rows, added or multiplied.
fn folded_complex<T: Stored + Element>(
    rows: &[(i64, usize)],
    data: (&View<'_>, usize),
    (out, begin): (&mut Tensor, Begin),
    fold: Fold,
    share: Option<Share>,
) -> Result<()> {
    let (one, fold): (_, fn(Complex, Complex) -> Complex) = match fold {
        Fold::Product => ([1.0, 0.0], complex::times),
        _ => ([0.0; 2], complex::plus),
    };
    let empty = T::narrow(one);
    folded::<T>(rows, data, (&mut *out, empty, begin), stored(fold))?;
    let ids: Vec<i64> = rows.iter().map(|&(id, _)| id).collect();
    if let Some(share) = share {
        shared_out::<T>(out, &ids, |sum, count| {
            T::narrow(sum.wide().map(|part| part / share(count)))
        });
    }
    Ok(())
}

/// Of the number of rows in a segment, what their sum is divided by.
type Share = fn(f64) -> f64;

fn shared_numbers<T: Number + Element>(out: &mut Tensor, ids: &[i64], share: Option<Share>) {
    if let Some(share) = share {
        shared_out::<T>(out, ids, |sum, count| sum.div(T::from_f64(share(count))));
    }
}

/// Divides each segment by the number of its rows, by `over`.
fn shared_out<T: Element>(out: &mut Tensor, ids: &[i64], over: impl Fn(T, f64) -> T) {
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
        let count = count.max(1) as f64;
        row.iter_mut()
            .for_each(|value| *value = over(*value, count));
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
    // Shares of whole numbers are no business of these operators.
    match op.starts_with("SparseSegmentSum") {
        true => check_number(cx, dtype)?,
        false => {
            with_float!(dtype, T => { let _: Option<T> = None; }, else return Err(cx.no_kernel(dtype)))
        }
    }
    Prepared::compute(move |inputs| {
        let data = view(inputs, 0)?;
        let (picks, ids) = (
            whole_numbers(&view(inputs, 1)?)?,
            whole_numbers(&view(inputs, 2)?)?,
        );
        if picks.len() != ids.len() {
            return Err(Error::usage(format!(
                "{} rows for {} ids",
                picks.len(),
                ids.len()
            )));
        }
        segment::check_sorted(&ids, true)?;
        let count = match told {
            true => {
                let told = whole_numbers(&view(inputs, 3)?)?.first().copied();
                told.unwrap_or(0)
            }
            false => ids.last().map_or(0, |&last| last + 1),
        };
        let Some((&rows, row)) = data.shape.split_first() else {
            return Err(Error::usage("it picks rows of a scalar"));
        };
        let picked = picks.iter().zip(&ids).map(|(&pick, &id)| {
            let place = usize::try_from(pick).ok().filter(|&pick| pick < rows);
            let place = place.ok_or_else(|| {
                Error::usage(format!("row {pick} is picked where there are {rows}"))
            });
            Ok((id, place?))
        });
        let picked = picked.collect::<Result<Vec<_>>>()?;
        let share: Option<Share> = match () {
            () if op.contains("Mean") => Some(|count| count),
            () if op.contains("SqrtN") => Some(f64::sqrt),
            () => None,
        };
        let sums = |data: &View<'_>| -> Result<Tensor> {
            let mut out = segments(data.dtype, count, row)?;
            with_number!(data.dtype, T => {
                let into = (&mut out, <T as Number>::ZERO, Begin::FirstRow);
                let sum = Fold::Sum.of(Rules::TensorFlow);
                folded::<T>(&picked, (data, 1), into, sum)?;
                shared_numbers::<T>(&mut out, &ids, share);
            }, else {});
            Ok(out)
        };
        Ok(vec![match dtype {
            DType::Float16 => in_float::<half::f16>(&data, sums)?,
            DType::BFloat16 => in_float::<half::bf16>(&data, sums)?,
            _ => sums(&data)?,
        }])
    })
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

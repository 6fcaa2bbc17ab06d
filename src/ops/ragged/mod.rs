//! Rows of different lengths: values one behind the other, and where each row of them begins and ends.

mod variant;

use super::scatter::{Gathered, Rows};
use super::segment::{view, whole_numbers};
use super::tokens::numbers;
use super::types::with_type;
use super::{Context, Fact, HandsOn, Operator, Prepared, View};
use crate::error::{Error, Result};
use crate::kernels::elementwise::number::Number;
use crate::model::{DType, Shape, Tensor};

pub(super) use variant::OPERATORS as VARIANTS;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(&["RaggedTensorToTensor"], &[], infer_dense, prepare_dense)
        .handing_on(HandsOn::Inputs(&[1])),
    Operator::new(
        &["RaggedTensorToSparse"],
        &[],
        infer_declared,
        prepare_sparse,
    ),
    Operator::new(&["RaggedGather"], &[], infer_declared, prepare_gather),
    Operator::new(&["RaggedFillEmptyRows"], &[], infer_declared, prepare_fill),
    Operator::new(&["RaggedRange"], &[], infer_declared, prepare_range),
];

/// More elements than this come from a damaged file.
const MOST: usize = 1 << 32;

/// Types that the node says; sizes are values of the run.
fn infer_declared(cx: &Context) -> Result<Vec<Fact>> {
    let outputs = 0..cx.node.outputs.len();
    outputs
        .map(|at| Ok(Fact::new(cx.out_dtype(at)?, Shape::UNKNOWN)))
        .collect()
}

fn infer_dense(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.dtype(1)?, Shape::UNKNOWN)
}

/// Row ends of numbers of rows: `[0, 2, 5]` for ids `[0, 0, 1, 1, 1]`.
fn splits_of_ids(ids: &[i64], rows: usize) -> Result<Vec<i64>> {
    let mut splits = vec![0i64; rows + 1];
    let mut last = 0;
    for &id in ids {
        let at = usize::try_from(id)
            .ok()
            .filter(|&at| at < rows && id >= last);
        let at = at.ok_or_else(|| Error::usage(format!("row {id} where there are {rows}")))?;
        splits[at + 1] += 1;
        last = id;
    }
    for at in 0..rows {
        splits[at + 1] += splits[at];
    }
    Ok(splits)
}

/// Splits that begin at 0, rise, and end at `count` if that is known.
pub(super) fn checked(splits: Vec<i64>, count: Option<usize>) -> Result<Vec<usize>> {
    let rises = splits.windows(2).all(|pair| pair[0] <= pair[1]);
    let ends = count.is_none_or(|count| splits.last() == Some(&(count as i64)));
    if splits.first() != Some(&0) || !rises || !ends {
        let end = count.map_or("any end".to_owned(), |count| count.to_string());
        return Err(Error::usage(format!(
            "ends of rows {:?}, expected some that rise from 0 to {end}",
            &splits[..splits.len().min(8)]
        )));
    }
    Ok(splits.iter().map(|&at| at as usize).collect())
}

/// The ends of rows of each level, outermost first.
fn levels(inputs: &[Option<View<'_>>], first: usize, types: &[String]) -> Result<Vec<Vec<usize>>> {
    let mut rows = None;
    let mut levels: Vec<Vec<usize>> = Vec::new();
    for (at, kind) in types.iter().enumerate() {
        let told = whole_numbers(&view(inputs, first + at)?)?;
        match &**kind {
            "FIRST_DIM_SIZE" => {
                let count = told.first().and_then(|&n| usize::try_from(n).ok());
                rows = count.filter(|&n| n < MOST);
                continue;
            }
            "VALUE_ROWIDS" => {
                let above = levels.last().and_then(|splits| splits.last().copied());
                let rows = above.or(rows).ok_or_else(|| {
                    Error::usage("numbers of rows without how many rows there are")
                })?;
                levels.push(checked(splits_of_ids(&told, rows)?, None)?);
            }
            "ROW_SPLITS" => levels.push(checked(told, None)?),
            other => return Err(Error::unsupported(format!("a row partition {other}"))),
        }
    }
    Ok(levels)
}

/// Rows padded, or cut, to a full tensor.
fn prepare_dense(cx: &Context) -> Result<Prepared> {
    let types = cx
        .node
        .attrs
        .list("row_partition_types")
        .unwrap_or_default();
    let types: Vec<String> = (types.iter())
        .map(|attr| attr.as_text().unwrap_or_default().to_owned())
        .collect();
    Prepared::compute(move |inputs| {
        let (values, default) = (view(inputs, 1)?, view(inputs, 2)?);
        let levels = levels(inputs, 3, &types)?;
        let told = view(inputs, 0)?;
        let told = match told.shape.len() {
            0 => Vec::new(),
            _ => whole_numbers(&told)?,
        };
        let Some((&count, inner)) = values.shape.split_first() else {
            return Err(Error::usage("rows of a scalar"));
        };
        let size = |axis: usize, own: usize| match told.get(axis) {
            Some(&told) if told >= 0 => told as usize,
            _ => own,
        };
        let (mut shape, sources) = laid_out(&levels, count, size)?;
        let (rows, default) = (Rows::of(&values)?, spread(&default, inner)?);
        let default = Rows::of(&View::of(&default))?;
        let mut out = Gathered::default();
        for source in sources {
            match source {
                Some(row) => rows.push(row, count, &mut out),
                None => default.push(0, 1, &mut out),
            }
        }
        shape.extend(
            inner
                .iter()
                .enumerate()
                .map(|(at, &own)| size(levels.len() + 1 + at, own)),
        );
        if shape[levels.len() + 1..] != *inner {
            return Err(Error::unsupported(format!(
                "values of {inner:?} in {shape:?}"
            )));
        }
        Ok(vec![out.tensor(values.dtype, &shape)?])
    })
}

/// The sizes of the axes that ragged rows become, and for each of their elements the value that stands there. `size` says
/// how long an axis is by its number and the longest row.
fn laid_out(
    levels: &[Vec<usize>],
    count: usize,
    size: impl Fn(usize, usize) -> usize,
) -> Result<(Vec<usize>, Vec<Option<usize>>)> {
    let rows = levels.first().map_or(0, |splits| splits.len() - 1);
    let mut shape = vec![size(0, rows)];
    // Where each row of a level goes; `None` where it is cut off.
    let mut places: Vec<Option<usize>> = (0..rows)
        .map(|row| Some(row).filter(|&r| r < shape[0]))
        .collect();
    for (level, splits) in levels.iter().enumerate() {
        let longest = splits.windows(2).map(|pair| pair[1] - pair[0]).max();
        let length = size(level + 1, longest.unwrap_or(0));
        let mut next = Vec::new();
        for (pair, place) in splits.windows(2).zip(&places) {
            let within = 0..pair[1] - pair[0];
            next.extend(within.map(|at| {
                let place = place.filter(|_| at < length)?;
                place.checked_mul(length)?.checked_add(at)
            }));
        }
        places = next;
        shape.push(length);
    }
    if places.len() > count {
        let rows = places.len();
        return Err(Error::usage(format!("{rows} rows, {count} values")));
    }
    let slots = (shape.iter()).try_fold(1usize, |n, &size| n.checked_mul(size));
    let slots = slots.filter(|&n| n < MOST);
    let slots = slots.ok_or_else(|| Error::usage(format!("a tensor of {shape:?}")))?;
    let mut sources = vec![None; slots];
    for (row, place) in places.iter().enumerate() {
        if let Some(place) = place {
            sources[*place] = Some(row);
        }
    }
    Ok((shape, sources))
}

/// A default for a whole row.
fn spread(default: &View<'_>, row: &[usize]) -> Result<Tensor> {
    let (shape, places) = super::broadcast::places([default.shape, row])?;
    if shape != row {
        return Err(Error::usage(format!(
            "a default of {:?} for {row:?}",
            default.shape
        )));
    }
    let from = Rows::of(default)?;
    let count = default.shape.iter().product();
    let mut out = Gathered::default();
    for [at, _] in places {
        from.push(at, count, &mut out);
    }
    out.tensor(default.dtype, row)
}

fn nested(inputs: &[Option<View<'_>>], count: usize) -> Result<Vec<Vec<usize>>> {
    let splits = (0..count).map(|at| checked(whole_numbers(&view(inputs, at)?)?, None));
    splits.collect()
}

fn prepare_sparse(cx: &Context) -> Result<Prepared> {
    let count = cx.node.inputs.len().saturating_sub(1);
    Prepared::compute(move |inputs| {
        let (splits, values) = (nested(inputs, count)?, view(inputs, count)?);
        let (&length, inner) =
            (values.shape.split_first()).ok_or_else(|| Error::usage("rows of a scalar"))?;
        let rows = splits.first().map_or(0, |splits| splits.len() - 1);
        let mut indices: Vec<Vec<i64>> = (0..rows as i64).map(|row| vec![row]).collect();
        let mut shape = vec![rows as i64];
        for splits in &splits {
            let mut next = Vec::new();
            for (pair, index) in splits.windows(2).zip(&indices) {
                let within = 0..(pair[1] - pair[0]) as i64;
                next.extend(within.map(|at| [&index[..], &[at]].concat()));
            }
            let longest = splits.windows(2).map(|pair| pair[1] - pair[0]).max();
            shape.push(longest.unwrap_or(0) as i64);
            indices = next;
        }
        if indices.len() != length {
            return Err(Error::usage(format!(
                "{} rows, {length} values",
                indices.len()
            )));
        }
        let width: usize = inner.iter().product();
        let mut all = Vec::new();
        for index in &indices {
            for element in 0..width {
                all.extend_from_slice(index);
                let (start, mut rest) = (all.len(), element);
                for &size in inner.iter().rev() {
                    all.push((rest % size) as i64);
                    rest /= size;
                }
                all[start..].reverse();
            }
        }
        shape.extend(inner.iter().map(|&size| size as i64));
        let total = length * width;
        let flat = values.to_tensor()?.reshaped(&[total]);
        Ok(vec![
            Tensor::from_values(&[total, shape.len()], &all),
            flat,
            Tensor::from_values(&[shape.len()], &shape),
        ])
    })
}

/// Rows picked by number.
fn prepare_gather(cx: &Context) -> Result<Prepared> {
    let count = cx.node.inputs.len().saturating_sub(2);
    let dtype = cx.dtype(0)?;
    Prepared::compute(move |inputs| {
        let (params, values) = (nested(inputs, count)?, view(inputs, count)?);
        let picked = view(inputs, count + 1)?;
        let mut out = Vec::new();
        let mut above = 1usize;
        for pair in picked.shape.windows(2) {
            above *= pair[0];
            let splits: Vec<i64> = (0..=above).map(|at| (at * pair[1]) as i64).collect();
            out.push(numbers(dtype, &[splits.len()], &splits));
        }
        let rows = params.first().map_or(0, |splits| splits.len() - 1);
        let mut spans = Vec::new();
        for at in whole_numbers(&picked)? {
            let row = usize::try_from(at).ok().filter(|&row| row < rows);
            let row =
                row.ok_or_else(|| Error::usage(format!("row {at} where there are {rows}")))?;
            spans.push((row, row + 1));
        }
        for splits in &params {
            let mut ends = vec![0i64];
            for span in &mut spans {
                let own = splits.get(span.0..=span.1);
                let own = own.ok_or_else(|| Error::usage("rows past the last one"))?;
                for pair in own.windows(2) {
                    ends.push(ends[ends.len() - 1] + (pair[1] - pair[0]) as i64);
                }
                *span = (splits[span.0], splits[span.1]);
            }
            out.push(numbers(dtype, &[ends.len()], &ends));
        }
        let (&length, row) =
            (values.shape.split_first()).ok_or_else(|| Error::usage("rows of a scalar"))?;
        let rows = Rows::of(&values)?;
        let mut gathered = Gathered::default();
        for at in spans.iter().flat_map(|&(start, end)| start..end) {
            if at >= length {
                return Err(Error::usage(format!("row {at} where there are {length}")));
            }
            rows.push(at, length, &mut gathered);
            gathered.rows += 1;
        }
        let shape = [&[gathered.rows], row].concat();
        out.push(gathered.tensor(values.dtype, &shape)?);
        Ok(out)
    })
}

/// Values by the numbers of their rows, a default for each row that has none.
fn prepare_fill(_: &Context) -> Result<Prepared> {
    Prepared::compute(|inputs| {
        let (ids, values) = (whole_numbers(&view(inputs, 0)?)?, view(inputs, 1)?);
        let (told, default) = (whole_numbers(&view(inputs, 2)?)?, view(inputs, 3)?);
        let told = told.first().copied().unwrap_or(-1);
        let rows = usize::try_from(told).ok().filter(|&rows| rows <= 1 << 28);
        let rows = rows.ok_or_else(|| Error::usage(format!("{told} rows")))?;
        if values.shape != [ids.len()] || !default.shape.is_empty() {
            return Err(Error::usage(format!(
                "values of {:?} in {} rows, with a default of {:?}",
                values.shape,
                ids.len(),
                default.shape
            )));
        }
        let mut of_row: Vec<Vec<usize>> = vec![Vec::new(); rows];
        for (at, &id) in ids.iter().enumerate() {
            let row = usize::try_from(id).ok().and_then(|id| of_row.get_mut(id));
            let row =
                row.ok_or_else(|| Error::usage(format!("row {id} where there are {rows}")))?;
            row.push(at);
        }
        let (from, fill) = (Rows::of(&values)?, Rows::of(&default)?);
        let (mut out, mut places) = (Gathered::default(), Vec::new());
        let mut back = vec![0i64; ids.len()];
        for (row, own) in of_row.iter().enumerate() {
            if own.is_empty() {
                fill.push(0, 1, &mut out);
                places.push(row as i64);
            }
            for &at in own {
                from.push(at, ids.len(), &mut out);
                back[at] = places.len() as i64;
                places.push(row as i64);
            }
        }
        let empty: Vec<u8> = of_row.iter().map(|own| u8::from(own.is_empty())).collect();
        Ok(vec![
            Tensor::from_values(&[places.len()], &places),
            out.tensor(values.dtype, &[places.len()])?,
            Tensor::typed(DType::Bool, &[rows], &empty),
            Tensor::from_values(&[back.len()], &back),
        ])
    })
}

fn prepare_range(cx: &Context) -> Result<Prepared> {
    let (dtype, splits_type) = (cx.dtype(0)?, cx.out_dtype(0)?);
    with_type!(dtype, T in [
        Float32: f32, Float64: f64, BFloat16: half::bf16, Int32: i32, Int64: i64,
    ] => Prepared::compute(move |inputs| {
        let (a, b, c) = (view(inputs, 0)?, view(inputs, 1)?, view(inputs, 2)?);
        let (_, places) = super::broadcast::places([a.shape, b.shape, c.shape])?;
        let (starts, limits, steps) = (a.values::<T>()?, b.values::<T>()?, c.values::<T>()?);
        let (mut values, mut splits) = (Vec::new(), vec![0i64]);
        for [a, b, c] in places {
            let (start, limit, step) = (starts[a], limits[b], steps[c]);
            if step == T::ZERO {
                return Err(Error::usage("a range with steps of 0"));
            }
            let count = ((limit.to_f64() - start.to_f64()) / step.to_f64()).ceil().max(0.0);
            if count > MOST as f64 {
                return Err(Error::usage("a range that is too long"));
            }
            let mut value = start;
            for _ in 0..count as usize {
                values.push(value);
                value = value.add(step);
            }
            splits.push(values.len() as i64);
        }
        Ok(vec![
            numbers(splits_type, &[splits.len()], &splits),
            Tensor::from_values(&[values.len()], &values),
        ])
    }), else Err(cx.no_kernel(dtype)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_rows_say_what_was_expected() {
        assert_eq!(checked(vec![0, 2, 2, 3], Some(3)).unwrap(), [0, 2, 2, 3]);
        for (splits, count, said) in [
            (
                vec![0, 2],
                Some(3),
                "ends of rows [0, 2], expected some that rise from 0 to 3",
            ),
            (
                vec![0, 2, 1],
                None,
                "ends of rows [0, 2, 1], expected some that rise from 0 to any end",
            ),
            (
                vec![],
                Some(0),
                "ends of rows [], expected some that rise from 0 to 0",
            ),
        ] {
            assert_eq!(checked(splits, count).unwrap_err().to_string(), said);
        }
    }
}

//! Whole numbers counted, or the sums of their weights: all of a tensor, or row by row.

use super::segment::{view, whole_numbers};
use super::types::with_type;
use super::{Context, Fact, Operator, Prepared, View};
use crate::error::{Error, Result};
use crate::kernels::elementwise::number::Number;
use crate::model::{DType, Element, Shape, Tensor};

pub(super) const OPERATORS: &[Operator] = &[Operator::new(
    &[
        "Bincount",
        "DenseBincount",
        "RaggedBincount",
        "SparseBincount",
    ],
    &[],
    infer,
    prepare,
)];

/// Of weights.
const TYPES: [DType; 4] = [DType::Int32, DType::Int64, DType::Float32, DType::Float64];

fn infer(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.out_dtype(0)?, Shape::UNKNOWN)
}

/// Where the operator has its inputs.
struct Form {
    values: usize,
    size: usize,
    weights: usize,
    rows: RowsOf,
    /// Only whether a number is there.
    binary: bool,
}

/// What says to which row a number belongs.
#[derive(Clone, Copy)]
enum RowsOf {
    /// There are none.
    Nothing,
    /// A tensor of two axes has rows.
    Axis,
    /// Input 0 holds where rows begin and end.
    Splits,
    /// Input 0 holds indices, input 2 the sizes.
    Indices,
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let (values, size, rows) = match &*cx.node.op {
        "Bincount" => (0, 1, RowsOf::Nothing),
        "DenseBincount" => (0, 1, RowsOf::Axis),
        "RaggedBincount" => (1, 2, RowsOf::Splits),
        _ => (1, 3, RowsOf::Indices),
    };
    let form = Form {
        values,
        size,
        weights: size + 1,
        rows,
        binary: cx.attr_bool("binary_output"),
    };
    let dtype = cx.dtype(form.weights)?;
    if !TYPES.contains(&dtype) {
        return Err(cx.no_kernel(dtype));
    }
    Prepared::compute(move |inputs| {
        let (size, weights) = (view(inputs, form.size)?, view(inputs, form.weights)?);
        let told = whole_numbers(&size)?;
        let (&[told], []) = (&*told, size.shape) else {
            return Err(Error::usage(format!(
                "a number of bins of the shape {:?}, expected one number",
                size.shape
            )));
        };
        let bins = usize::try_from(told)
            .map_err(|_| Error::usage(format!("{told} bins, expected 0 or more")))?;
        let values = view(inputs, form.values)?;
        let (rows, of_row) = form.rows.of(inputs, &values)?;
        let numbers = numbers(&values)?;
        let same = match form.rows {
            RowsOf::Axis => weights.shape == values.shape,
            _ => weights.shape.iter().product::<usize>() == numbers.len(),
        };
        if !same && !weights.shape.contains(&0) {
            return Err(Error::usage(format!(
                "weights of {:?} for numbers of {:?}, expected as many or none",
                weights.shape, values.shape
            )));
        }
        let shape: Vec<usize> = rows.into_iter().chain([bins]).collect();
        let mut out = Tensor::zeros(dtype, &shape)?;
        with_type!(dtype, T in [Int32: i32, Int64: i64, Float32: f32, Float64: f64] => {
            count::<T>(&numbers, &of_row, (&weights, form.binary), bins, &mut out)?;
        }, else {});
        Ok(vec![out])
    })
}

/// What is counted.
///
/// # Errors
/// A negative one.
fn numbers(values: &View<'_>) -> Result<Vec<usize>> {
    let own = whole_numbers(values)?.into_iter().map(|value| {
        usize::try_from(value)
            .map_err(|_| Error::usage(format!("{value} is counted, expected 0 or more")))
    });
    own.collect()
}

impl RowsOf {
    /// How many rows there are, where there are any, and the row of each number.
    fn of(
        self,
        inputs: &[Option<View<'_>>],
        values: &View<'_>,
    ) -> Result<(Option<usize>, Vec<usize>)> {
        let count = values.shape.iter().product();
        match (self, values.shape) {
            (RowsOf::Axis, &[rows, width]) => {
                Ok((Some(rows), (0..count).map(|at| at / width.max(1)).collect()))
            }
            (RowsOf::Axis, [_, _, _, ..]) => Err(Error::usage(format!(
                "numbers of {:?} are counted, expected two axes at most",
                values.shape
            ))),
            (RowsOf::Axis | RowsOf::Nothing, _) => Ok((None, vec![0; count])),
            (RowsOf::Splits, _) => by_splits(&whole_numbers(&view(inputs, 0)?)?, count),
            (RowsOf::Indices, _) => by_indices(inputs, count),
        }
    }
}

/// Numbers stand in the row that ends behind them first; splits that go back leave rows empty.
fn by_splits(splits: &[i64], count: usize) -> Result<(Option<usize>, Vec<usize>)> {
    if splits.first() != Some(&0) || splits.last() != Some(&(count as i64)) {
        return Err(Error::usage(format!(
            "{} row splits that don't go from 0 to {count}",
            splits.len()
        )));
    }
    let mut row = 0;
    let rows = (0..count as i64).map(|at| {
        // The last of them is behind all.
        while splits[row + 1] <= at {
            row += 1;
        }
        row
    });
    Ok((Some(splits.len() - 1), rows.collect()))
}

fn by_indices(inputs: &[Option<View<'_>>], count: usize) -> Result<(Option<usize>, Vec<usize>)> {
    let indices = super::sparse::Indices::of(&view(inputs, 0)?)?;
    let shape = whole_numbers(&view(inputs, 2)?)?;
    indices.check(&shape, count)?;
    match *shape {
        [] => Err(Error::usage("a sparse tensor without axes")),
        [_] => Ok((None, vec![0; count])),
        [rows, ..] => {
            let wrong = || Error::usage(format!("a sparse tensor of the shape {shape:?}"));
            let rows = usize::try_from(rows).map_err(|_| wrong())?;
            Ok((
                Some(rows),
                indices.rows().map(|row| row[0] as usize).collect(),
            ))
        }
    }
}

fn count<T: Number + Element>(
    numbers: &[usize],
    of_row: &[usize],
    (weights, binary): (&View<'_>, bool),
    bins: usize,
    out: &mut Tensor,
) -> Result<()> {
    let weights = weights.values::<T>()?;
    let Some(out) = out.values_mut::<T>() else {
        return Ok(());
    };
    let one = <T as Number>::from_f64(1.0);
    let all = numbers.iter().zip(of_row).enumerate();
    for (at, (&number, &row)) in all.filter(|(_, (number, _))| **number < bins) {
        let slot = &mut out[row * bins + number];
        let weight = weights.get(at).copied().unwrap_or(one);
        *slot = if binary { one } else { slot.add(weight) };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_go_back_leave_empty_ones() {
        let (rows, of_row) = by_splits(&[0, 2, 1, 3], 3).unwrap();
        assert_eq!((rows, of_row), (Some(3), vec![0, 0, 2]));
        assert!(by_splits(&[0, 2], 3).is_err());
        assert!(by_splits(&[1, 3], 3).is_err());
        assert!(by_splits(&[], 0).is_err());
    }
}

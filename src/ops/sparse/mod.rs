//! Sparse tensors as TensorFlow has them: indices row by row, values, and the shape.

use super::scatter::{Gathered, Rows};
use super::segment::{view, whole_numbers};
use super::types::{check_ring, with_ring};
use super::{Context, Fact, HandsOn, Operator, Prepared, View};
use crate::error::{Error, Result};
use crate::kernels::elementwise::ring::Ring;
use crate::model::{DType, Element, Shape, Tensor};
use crate::sort;

mod arithmetic;
mod reduce;
mod serial;
mod sets;

pub(super) use arithmetic::OPERATORS as ARITHMETIC;
pub(super) use reduce::OPERATORS as REDUCE;
pub(super) use serial::OPERATORS as SERIAL;
pub(super) use sets::OPERATORS as SETS;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(&["SparseReorder"], &[], infer_declared, prepare_reorder),
    Operator::new(&["SparseReshape"], &[], infer_declared, prepare_reshape),
    Operator::new(&["SparseConcat"], &[], infer_declared, prepare_concat),
    Operator::new(&["SparseSlice"], &[], infer_declared, prepare_slice),
    Operator::new(&["SparseFillEmptyRows"], &[], infer_declared, prepare_fill)
        .handing_on(HandsOn::Inputs(&[1])),
    Operator::new(
        &["SparseTensorDenseMatMul"],
        &[],
        infer_declared,
        prepare_product,
    ),
];

/// Types that the node says; sizes are values of the run.
fn infer_declared(cx: &Context) -> Result<Vec<Fact>> {
    let outputs = 0..cx.node.outputs.len();
    outputs
        .map(|at| Ok(Fact::new(cx.out_dtype(at)?, Shape::UNKNOWN)))
        .collect()
}

/// Indices of `rank` numbers each.
pub(super) struct Indices {
    all: Vec<i64>,
    rank: usize,
    count: usize,
}

impl Indices {
    pub fn of(view: &View<'_>) -> Result<Self> {
        match *view.shape {
            [count, rank] => Ok(Indices {
                all: whole_numbers(view)?,
                rank,
                count,
            }),
            _ => Err(Error::usage(format!("indices of {:?}", view.shape))),
        }
    }

    fn get(&self, at: usize) -> &[i64] {
        &self.all[at * self.rank..][..self.rank]
    }

    /// The numbers of the rows, in the order of what they say.
    fn in_order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.count).collect();
        order.sort_by_key(|&at| self.get(at));
        order
    }

    pub fn rows(&self) -> impl Iterator<Item = &[i64]> {
        (0..self.count).map(|at| self.get(at))
    }

    /// # Errors
    /// One lies outside of `shape`.
    pub fn check(&self, shape: &[i64], values: usize) -> Result<()> {
        let inside = |row: &[i64]| {
            row.iter()
                .zip(shape)
                .all(|(&at, &size)| (0..size).contains(&at))
        };
        match shape.len() == self.rank && values == self.count && self.rows().all(inside) {
            true => Ok(()),
            false => Err(Error::usage(format!(
                "{} indices of rank {} for {values} values of the shape {shape:?}",
                self.count, self.rank
            ))),
        }
    }
}

fn index_tensor(rows: &[i64], rank: usize) -> Tensor {
    let count = rows.len().checked_div(rank).unwrap_or(0);
    Tensor::from_values(&[count, rank], rows)
}

fn whole(values: &[i64]) -> Tensor {
    Tensor::from_values(&[values.len()], values)
}

/// Values `order` of `view`.
fn picked(view: &View<'_>, order: impl IntoIterator<Item = usize>) -> Result<Tensor> {
    let rows = Rows::of(view)?;
    let count = view.shape.iter().product();
    let mut out = Gathered::default();
    for at in order {
        rows.push(at, count, &mut out);
        out.rows += 1;
    }
    let shape = [out.rows];
    out.tensor(view.dtype, &shape)
}

fn prepare_reorder(_: &Context) -> Result<Prepared> {
    Prepared::compute(|inputs| {
        let (indices, values) = (Indices::of(&view(inputs, 0)?)?, view(inputs, 1)?);
        let shape = whole_numbers(&view(inputs, 2)?)?;
        indices.check(&shape, values.shape.iter().product())?;
        let order = indices.in_order();
        let rows: Vec<i64> = order
            .iter()
            .flat_map(|&at| indices.get(at))
            .copied()
            .collect();
        Ok(vec![
            index_tensor(&rows, indices.rank),
            picked(&values, order)?,
        ])
    })
}

fn prepare_reshape(_: &Context) -> Result<Prepared> {
    Prepared::compute(|inputs| {
        let indices = Indices::of(&view(inputs, 0)?)?;
        let shape = whole_numbers(&view(inputs, 1)?)?;
        let mut wanted = whole_numbers(&view(inputs, 2)?)?;
        indices.check(&shape, indices.count)?;
        let wrong = || Error::usage(format!("a sparse tensor of {shape:?} as another shape"));
        let count = |dims: &[i64]| dims.iter().try_fold(1i64, |n, &d| n.checked_mul(d));
        let total = count(&shape).ok_or_else(wrong)?;
        let known: Vec<i64> = wanted.iter().copied().filter(|&d| d >= 0).collect();
        let known = count(&known).ok_or_else(wrong)?;
        if let Some(open) = wanted.iter_mut().find(|d| **d < 0) {
            *open = total.checked_div(known).unwrap_or(0);
        }
        if count(&wanted) != Some(total) {
            return Err(wrong());
        }
        let mut rows = Vec::with_capacity(indices.count * wanted.len());
        for row in indices.rows() {
            let mut flat = row
                .iter()
                .zip(&shape)
                .fold(0, |flat, (at, size)| flat * size + at);
            let start = rows.len();
            for &size in wanted.iter().rev() {
                rows.push(flat % size);
                flat /= size;
            }
            rows[start..].reverse();
        }
        let rank = wanted.len();
        Ok(vec![
            Tensor::from_values(&[indices.count, rank], &rows),
            whole(&wanted),
        ])
    })
}

fn prepare_concat(cx: &Context) -> Result<Prepared> {
    let (axis, count) = (cx.attr_int("concat_dim", 0), cx.node.inputs.len() / 3);
    let dtype = cx.out_dtype(1)?;
    Prepared::compute(move |inputs| {
        let mut shape: Vec<i64> = Vec::new();
        let mut entries: Vec<(Vec<i64>, usize, usize)> = Vec::new();
        for part in 0..count {
            let indices = Indices::of(&view(inputs, part)?)?;
            let own = whole_numbers(&view(inputs, 2 * count + part)?)?;
            indices.check(&own, view(inputs, count + part)?.shape.iter().product())?;
            let rank = own.len() as i64;
            let place = if axis < 0 { axis + rank } else { axis };
            let at = usize::try_from(place)
                .ok()
                .filter(|&at| at < own.len())
                .ok_or_else(|| Error::usage(format!("axis {axis} of {own:?}")))?;
            let before = shape.get(at).copied().unwrap_or(0);
            for (row, index) in indices.rows().enumerate() {
                let mut index = index.to_vec();
                index[at] += before;
                entries.push((index, part, row));
            }
            match shape.is_empty() {
                true => shape = own,
                false if shape.len() == own.len() => shape[at] += own[at],
                false => return Err(Error::usage(format!("{shape:?} joined to {own:?}"))),
            }
        }
        sort::by(&mut entries, |a, b| a.0.cmp(&b.0));
        let mut values = Gathered::default();
        for (_, part, row) in &entries {
            let part = view(inputs, count + part)?;
            Rows::of(&part)?.push(*row, part.shape.iter().product(), &mut values);
        }
        let rows: Vec<i64> = entries
            .iter()
            .flat_map(|(index, ..)| index)
            .copied()
            .collect();
        Ok(vec![
            index_tensor(&rows, shape.len()),
            values.tensor(dtype, &[entries.len()])?,
            whole(&shape),
        ])
    })
}

fn prepare_slice(_: &Context) -> Result<Prepared> {
    Prepared::compute(|inputs| {
        let (indices, values) = (Indices::of(&view(inputs, 0)?)?, view(inputs, 1)?);
        let shape = whole_numbers(&view(inputs, 2)?)?;
        let (start, size) = (
            whole_numbers(&view(inputs, 3)?)?,
            whole_numbers(&view(inputs, 4)?)?,
        );
        indices.check(&shape, values.shape.iter().product())?;
        if start.len() != shape.len() || size.len() != shape.len() {
            return Err(Error::usage(format!("a slice of {shape:?} from {start:?}")));
        }
        let size: Vec<i64> = (0..shape.len())
            .map(|axis| {
                size[axis]
                    .min(shape[axis].saturating_sub(start[axis]))
                    .max(0)
            })
            .collect();
        let inside = |row: &[i64]| {
            let mut axes = row.iter().enumerate();
            axes.all(|(axis, &at)| (0..size[axis]).contains(&(at.wrapping_sub(start[axis]))))
        };
        let kept: Vec<usize> = (0..indices.count)
            .filter(|&at| inside(indices.get(at)))
            .collect();
        let moved = |&at: &usize| {
            let row = indices.get(at).iter().zip(&start);
            row.map(|(at, start)| at - start).collect::<Vec<_>>()
        };
        let rows: Vec<i64> = kept.iter().flat_map(moved).collect();
        Ok(vec![
            Tensor::from_values(&[kept.len(), shape.len()], &rows),
            picked(&values, kept)?,
            whole(&size),
        ])
    })
}

/// A default in the first place of every row without values.
fn prepare_fill(_: &Context) -> Result<Prepared> {
    Prepared::compute(|inputs| {
        let (indices, values) = (Indices::of(&view(inputs, 0)?)?, view(inputs, 1)?);
        let (shape, default) = (whole_numbers(&view(inputs, 2)?)?, view(inputs, 3)?);
        indices.check(&shape, values.shape.iter().product())?;
        let rows = shape.first().and_then(|&n| usize::try_from(n).ok());
        let rows = rows
            .filter(|&n| n <= 1 << 28)
            .ok_or_else(|| Error::usage("no rows"))?;
        let mut of_row: Vec<Vec<usize>> = vec![Vec::new(); rows];
        for at in 0..indices.count {
            of_row[indices.get(at)[0] as usize].push(at);
        }
        let (from, fill) = (Rows::of(&values)?, Rows::of(&default)?);
        let mut out = Gathered::default();
        let (mut places, mut back) = (Vec::new(), vec![0i64; indices.count]);
        for (row, own) in of_row.iter().enumerate() {
            if own.is_empty() {
                places.push(row as i64);
                places.extend(std::iter::repeat_n(0, indices.rank - 1));
                fill.push(0, 1, &mut out);
                out.rows += 1;
            }
            for &at in own {
                places.extend_from_slice(indices.get(at));
                from.push(at, indices.count, &mut out);
                back[at] = out.rows as i64;
                out.rows += 1;
            }
        }
        let empty: Vec<u8> = of_row.iter().map(|own| u8::from(own.is_empty())).collect();
        let count = [out.rows];
        Ok(vec![
            index_tensor(&places, indices.rank),
            out.tensor(values.dtype, &count)?,
            Tensor::typed(DType::Bool, &[rows], &empty),
            whole(&back),
        ])
    })
}

fn prepare_product(cx: &Context) -> Result<Prepared> {
    let dtype = cx.dtype(1)?;
    let (turned, other) = (cx.attr_bool("adjoint_a"), cx.attr_bool("adjoint_b"));
    check_ring(cx, dtype)?;
    Prepared::compute(move |inputs| {
        let (indices, values) = (Indices::of(&view(inputs, 0)?)?, view(inputs, 1)?);
        let (shape, b) = (whole_numbers(&view(inputs, 2)?)?, view(inputs, 3)?);
        indices.check(&shape, values.shape.iter().product())?;
        let wrong = || Error::usage(format!("a product of {shape:?} and {:?}", b.shape));
        let (&[rows, inner], &[first, second]) = (&*shape, b.shape) else {
            return Err(wrong());
        };
        let (rows, inner) = if turned { (inner, rows) } else { (rows, inner) };
        let (height, columns) = if other {
            (second, first)
        } else {
            (first, second)
        };
        if inner != height as i64 {
            return Err(wrong());
        }
        // Steps from row to row and from column to column of what stands on the right.
        let steps = if other { (1, second) } else { (second, 1) };
        let mut out = Tensor::zeros(dtype, &[rows as usize, columns])?;
        with_ring!(
            dtype,
            T => multiplied::<T>((&indices, &values, turned), (&b, steps, other), columns, &mut out)?,
            else {}
        );
        Ok(vec![out])
    })
}

/// The side that is turned is conjugated too.
fn multiplied<T: Ring + Element>(
    (indices, values, turned): (&Indices, &View<'_>, bool),
    (dense, (row_step, column_step), other): (&View<'_>, (usize, usize), bool),
    columns: usize,
    out: &mut Tensor,
) -> Result<()> {
    let dense = dense.values::<T>()?;
    let Some(out) = out.values_mut::<T>() else {
        return Ok(());
    };
    for (row, &value) in indices.rows().zip(values.values::<T>()?) {
        let (row, k) = (row[0] as usize, row[1] as usize);
        let (row, k, value) = match turned {
            true => (k, row, value.conjugate()),
            false => (row, k, value),
        };
        let sums = out[row * columns..][..columns].iter_mut();
        for (column, slot) in sums.enumerate() {
            let right = dense[k * row_step + column * column_step];
            let right = if other { right.conjugate() } else { right };
            *slot = slot.plus(value.times(right));
        }
    }
    Ok(())
}

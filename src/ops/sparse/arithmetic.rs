//! Sparse tensors added, multiplied, folded, taken apart.

use super::super::reals::doubles;
use super::super::segment::{view, whole_numbers};
use super::super::types::{with_float, with_number, with_ring};
use super::super::{Context, Operator, Prepared, View};
use super::{Indices, index_tensor, infer_declared, picked, whole};
use crate::error::{Error, Result};
use crate::kernels::elementwise::number::Number;
use crate::kernels::elementwise::ring::Ring;
use crate::model::Tensor;

pub(in super::super) const OPERATORS: &[Operator] = &[
    Operator::new(&["SparseAdd"], &[], infer_declared, prepare_sum),
    Operator::new(
        &["SparseSparseMaximum", "SparseSparseMinimum"],
        &[],
        infer_declared,
        prepare_larger,
    ),
    Operator::new(&["SparseTensorDenseAdd"], &[], infer_declared, prepare_onto),
    Operator::new(
        &[
            "SparseDenseCwiseAdd",
            "SparseDenseCwiseMul",
            "SparseDenseCwiseDiv",
        ],
        &[],
        infer_declared,
        prepare_each,
    ),
    Operator::new(&["SparseSoftmax"], &[], infer_declared, prepare_softmax),
    Operator::new(&["SparseSplit"], &[], infer_declared, prepare_split),
];

/// A sparse tensor in three inputs from `first` on.
pub(super) struct Operand<'v> {
    pub indices: Indices,
    pub values: View<'v>,
    pub shape: Vec<i64>,
}

impl<'v> Operand<'v> {
    pub fn of(inputs: &[Option<View<'v>>], first: usize) -> Result<Self> {
        let (indices, values) = (
            Indices::of(&view(inputs, first)?)?,
            view(inputs, first + 1)?,
        );
        let shape = whole_numbers(&view(inputs, first + 2)?)?;
        indices.check(&shape, values.shape.iter().product())?;
        Ok(Operand {
            indices,
            values,
            shape,
        })
    }

    fn of_same_shape(&self, other: &Self) -> Result<()> {
        match self.shape == other.shape {
            true => Ok(()),
            false => Err(Error::usage(format!(
                "sparse tensors of the shapes {:?} and {:?}",
                self.shape, other.shape
            ))),
        }
    }

    /// Rows of both in the order of what they say, each with the numbers of its values.
    fn merged<'s>(&'s self, other: &'s Self) -> Vec<(&'s [i64], Option<usize>, Option<usize>)> {
        let (mut a, mut b) = (0, 0);
        let mut rows = Vec::with_capacity(self.indices.count + other.indices.count);
        while a < self.indices.count || b < other.indices.count {
            let left = (a < self.indices.count).then(|| self.indices.get(a));
            let right = (b < other.indices.count).then(|| other.indices.get(b));
            let order = match (left, right) {
                (Some(left), Some(right)) => left.cmp(right),
                (Some(_), None) => std::cmp::Ordering::Less,
                _ => std::cmp::Ordering::Greater,
            };
            let row = if order.is_le() { left } else { right };
            let from_left = order.is_le().then_some(a);
            let from_right = order.is_ge().then_some(b);
            rows.push((row.unwrap_or_default(), from_left, from_right));
            a += usize::from(order.is_le());
            b += usize::from(order.is_ge());
        }
        rows
    }

    /// The place of a row in the dense tensor.
    fn flat(&self, row: &[i64]) -> usize {
        let axes = row.iter().zip(&self.shape);
        axes.fold(0, |flat, (&at, &size)| flat * size as usize + at as usize)
    }
}

fn sizes(shape: &[i64]) -> Vec<usize> {
    shape.iter().map(|&size| size as usize).collect()
}

/// Sums below the threshold go; what stands alone stays.
fn prepare_sum(cx: &Context) -> Result<Prepared> {
    let dtype = cx.dtype(1)?;
    with_ring!(dtype, T => Prepared::compute(|inputs| {
        let (a, b) = (Operand::of(inputs, 0)?, Operand::of(inputs, 3)?);
        a.of_same_shape(&b)?;
        let least = doubles(&view(inputs, 6)?)?.first().copied().unwrap_or(0.0);
        let (left, right) = (a.values.values::<T>()?, b.values.values::<T>()?);
        let (mut rows, mut sums) = (Vec::new(), Vec::new());
        for (row, i, j) in a.merged(&b) {
            let sum = match (i, j) {
                (Some(i), Some(j)) => left[i].plus(right[j]),
                (Some(i), None) => left[i],
                (None, j) => j.map_or(T::default(), |j| right[j]),
            };
            let alone = i.is_none() || j.is_none();
            if alone || least <= sum.size() {
                rows.extend_from_slice(row);
                sums.push(sum);
            }
        }
        let indices = Tensor::from_values(&[sums.len(), a.shape.len()], &rows);
        Ok(vec![indices, Tensor::from_values(&[sums.len()], &sums), whole(&a.shape)])
    }), else Err(cx.no_kernel(dtype)))
}

/// What is not there is 0.
fn prepare_larger(cx: &Context) -> Result<Prepared> {
    let (dtype, most) = (cx.dtype(1)?, &*cx.node.op == "SparseSparseMaximum");
    with_number!(dtype, T => Prepared::compute(move |inputs| {
        let (a, b) = (Operand::of(inputs, 0)?, Operand::of(inputs, 3)?);
        a.of_same_shape(&b)?;
        let (left, right) = (a.values.values::<T>()?, b.values.values::<T>()?);
        let (mut rows, mut values) = (Vec::new(), Vec::new());
        for (row, i, j) in a.merged(&b) {
            let (x, y) = (i.map_or(T::ZERO, |i| left[i]), j.map_or(T::ZERO, |j| right[j]));
            rows.extend_from_slice(row);
            values.push(if (x < y) == most { y } else { x });
        }
        let indices = Tensor::from_values(&[values.len(), a.shape.len()], &rows);
        Ok(vec![indices, Tensor::from_values(&[values.len()], &values)])
    }), else Err(cx.no_kernel(dtype)))
}

/// A dense tensor with the values added at their places.
fn prepare_onto(cx: &Context) -> Result<Prepared> {
    let dtype = cx.dtype(1)?;
    with_ring!(dtype, T => Prepared::compute(|inputs| {
        let (a, b) = (Operand::of(inputs, 0)?, view(inputs, 3)?);
        if sizes(&a.shape) != b.shape {
            return Err(Error::usage(format!("{:?} added to {:?}", a.shape, b.shape)));
        }
        let mut out = b.values::<T>()?.to_vec();
        for (row, &value) in a.indices.rows().zip(a.values.values::<T>()?) {
            let slot = &mut out[a.flat(row)];
            *slot = slot.plus(value);
        }
        Ok(vec![Tensor::from_values(b.shape, &out)])
    }), else Err(cx.no_kernel(dtype)))
}

/// Each value with that of a dense tensor, which spreads to the sparse one, at its place.
fn prepare_each(cx: &Context) -> Result<Prepared> {
    let (dtype, op) = (cx.dtype(1)?, cx.node.op.clone());
    with_number!(dtype, T => Prepared::compute(move |inputs| {
        let (a, b) = (Operand::of(inputs, 0)?, view(inputs, 3)?);
        let own = sizes(&a.shape);
        // How far the dense tensor steps along each axis of the sparse one.
        let strides = crate::kernels::strides::broadcast_strides(b.shape, &own);
        let spread = crate::kernels::strides::broadcast_shape(&[b.shape, &own]);
        if spread.as_ref() != Some(&own) {
            return Err(Error::usage(format!("{:?} does not spread to {own:?}", b.shape)));
        }
        let dense = b.values::<T>()?;
        let mut out = Vec::with_capacity(a.indices.count);
        for (row, &value) in a.indices.rows().zip(a.values.values::<T>()?) {
            let steps = row.iter().zip(strides.iter());
            let at: isize = steps.map(|(&at, &step)| at as isize * step).sum();
            let other = dense[at as usize];
            if T::INTEGER && other == T::ZERO && op.ends_with("Div") {
                return Err(Error::usage("a division by zero"));
            }
            out.push(match &*op {
                "SparseDenseCwiseAdd" => value.add(other),
                "SparseDenseCwiseMul" => value.mul(other),
                _ => value.div(other),
            });
        }
        Ok(vec![Tensor::from_values(&[out.len()], &out)])
    }), else Err(cx.no_kernel(dtype)))
}

/// Over the last axis, as if only what is there were there.
fn prepare_softmax(cx: &Context) -> Result<Prepared> {
    let dtype = cx.dtype(1)?;
    with_float!(dtype, T => Prepared::compute(|inputs| {
        let a = Operand::of(inputs, 0)?;
        let values = a.values.values::<T>()?;
        let inner = a.shape.len().saturating_sub(1);
        let order = a.indices.in_order();
        let mut out = vec![<T as Number>::ZERO; values.len()];
        for row in order.chunk_by(|&i, &j| a.indices.get(i)[..inner] == a.indices.get(j)[..inner]) {
            let most = row.iter().map(|&at| values[at].to_f64()).fold(f64::NEG_INFINITY, f64::max);
            let powers: Vec<f64> = row.iter().map(|&at| (values[at].to_f64() - most).exp()).collect();
            let sum: f64 = powers.iter().sum();
            for (&at, power) in row.iter().zip(powers) {
                out[at] = <T as Number>::from_f64(power / sum);
            }
        }
        Ok(vec![Tensor::from_values(&[out.len()], &out)])
    }), else Err(cx.no_kernel(dtype)))
}

/// Which of `rank` axes are named.
pub(super) fn named_axes(axes: &View<'_>, rank: usize) -> Result<Vec<bool>> {
    let axes = whole_numbers(axes)?;
    let mut named = vec![false; rank];
    for axis in axes {
        let place = if axis < 0 { axis + rank as i64 } else { axis };
        let slot = usize::try_from(place).ok().and_then(|at| named.get_mut(at));
        *slot.ok_or_else(|| Error::usage(format!("axis {axis} of {rank}")))? = true;
    }
    Ok(named)
}

/// Pieces along an axis, the first ones larger by one where it does not come out even. Outputs: all indices, all values,
/// all shapes.
fn prepare_split(cx: &Context) -> Result<Prepared> {
    let pieces = usize::try_from(cx.attr_int("num_split", 1))
        .ok()
        .filter(|&n| n > 0);
    let pieces = pieces.ok_or_else(|| cx.wrong("no pieces"))?;
    Prepared::compute(move |inputs| {
        let a = Operand::of(inputs, 1)?;
        let axis = whole_numbers(&view(inputs, 0)?)?
            .first()
            .copied()
            .unwrap_or(0);
        let axis = if axis < 0 {
            axis + a.shape.len() as i64
        } else {
            axis
        };
        let at = usize::try_from(axis).ok().filter(|&at| at < a.shape.len());
        let at = at.ok_or_else(|| Error::usage(format!("axis {axis} of {:?}", a.shape)))?;
        let (each, more) = (a.shape[at] / pieces as i64, a.shape[at] % pieces as i64);
        if each == 0 {
            return Err(Error::usage(format!("{pieces} pieces of {}", a.shape[at])));
        }
        let (mut indices, mut values, mut shapes) = (Vec::new(), Vec::new(), Vec::new());
        let mut start = 0;
        for piece in 0..pieces {
            let size = each + i64::from((piece as i64) < more);
            let own = |&row: &usize| (start..start + size).contains(&a.indices.get(row)[at]);
            let rows: Vec<usize> = (0..a.indices.count).filter(own).collect();
            let mut places: Vec<i64> = Vec::with_capacity(rows.len() * a.shape.len());
            for &row in &rows {
                let from = places.len();
                places.extend_from_slice(a.indices.get(row));
                places[from + at] -= start;
            }
            let mut shape = a.shape.clone();
            shape[at] = size;
            indices.push(index_tensor(&places, a.shape.len()));
            values.push(picked(&a.values, rows)?);
            shapes.push(whole(&shape));
            start += size;
        }
        Ok([indices, values, shapes].concat())
    })
}

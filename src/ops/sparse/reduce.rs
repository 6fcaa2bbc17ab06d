//! Sums and maxima of sparse tensors over axes, dense or sparse again.

use std::collections::BTreeMap;

use half::{bf16, f16};

use super::super::combine::with_combination;
use super::super::segment::view;
use super::super::{Context, Operator, Prepared, View};
use super::arithmetic::{Operand, named_axes};
use super::{infer_declared, whole};
use crate::error::Result;
use crate::kernels::reference::reduce_halves;
use crate::model::{DType, Element, Tensor};

pub(in super::super) const OPERATORS: &[Operator] = &[Operator::new(
    &[
        "SparseReduceSum",
        "SparseReduceMax",
        "SparseReduceSumSparse",
        "SparseReduceMaxSparse",
    ],
    &[],
    infer_declared,
    prepare,
)];

fn prepare(cx: &Context) -> Result<Prepared> {
    let form = Form {
        keep: cx.attr_bool("keep_dims"),
        dense: !cx.node.op.ends_with("Sparse"),
    };
    let dtype = cx.dtype(1)?;
    let how = match cx.node.op.starts_with("SparseReduceSum") {
        true => "Add",
        false => "Max",
    };
    match (how, dtype) {
        ("Add", DType::Float16) => return reduced::<f16>(form, reduce_halves::sum),
        ("Add", DType::BFloat16) => return reduced::<bf16>(form, reduce_halves::sum),
        _ => {}
    }
    with_combination!(dtype, how, T, fold => reduced::<T>(form, move |row| {
        let all = row.iter().copied().reduce(fold);
        all.unwrap_or_default()
    }), else Err(cx.no_kernel(dtype)))
}

#[derive(Clone, Copy)]
struct Form {
    /// Axes that go stay with the size 1.
    keep: bool,
    dense: bool,
}

impl Form {
    /// What is left of indices or sizes; `filler` where an axis goes and stays.
    fn kept(self, row: &[i64], gone: &[bool], filler: i64) -> Vec<i64> {
        let own = |(&at, &gone): (&i64, &bool)| match (gone, self.keep) {
            (false, _) => Some(at),
            (true, true) => Some(filler),
            (true, false) => None,
        };
        row.iter().zip(gone).filter_map(own).collect()
    }
}

/// `fold` of the elements of each place, in their order.
fn reduced<T: Element>(
    form: Form,
    fold: impl Fn(&[T]) -> T + Send + Sync + 'static,
) -> Result<Prepared> {
    Prepared::compute(move |inputs: &[Option<View<'_>>]| {
        let a = Operand::of(inputs, 0)?;
        let gone = named_axes(&view(inputs, 3)?, a.shape.len())?;
        let values = a.values.values::<T>()?;
        let mut rows = BTreeMap::<Vec<i64>, Vec<T>>::new();
        for at in a.indices.in_order() {
            let place = form.kept(a.indices.get(at), &gone, 0);
            rows.entry(place).or_default().push(values[at]);
        }
        let shape = form.kept(&a.shape, &gone, 1);
        let folded: Vec<T> = rows.values().map(|row| fold(row)).collect();
        if form.dense {
            let sizes: Vec<usize> = shape.iter().map(|&size| size as usize).collect();
            let mut out = Tensor::zeros(T::DTYPE, &sizes)?;
            let all = out.values_mut::<T>().unwrap_or_default();
            for (place, value) in rows.keys().zip(folded) {
                let axes = place.iter().zip(&sizes);
                let at = axes.fold(0, |flat, (&at, &size)| flat * size + at as usize);
                all[at] = value;
            }
            return Ok(vec![out]);
        }
        let places: Vec<i64> = rows.into_keys().flatten().collect();
        Ok(vec![
            Tensor::from_values(&[folded.len(), shape.len()], &places),
            Tensor::from_values(&[folded.len()], &folded),
            whole(&shape),
        ])
    })
}

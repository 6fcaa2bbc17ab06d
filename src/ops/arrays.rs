//! TensorFlow 1's arrays of tensors, which its loops read from and write to through a handle. The `flow` that goes in and
//! out of each operator only says what comes first.

use std::sync::Arc;

use super::lists::{self, Form, concat, numbers, put, shared, slices, stacked};
use super::{Context, Fact, Operator, Prepared, state};
use crate::error::{Error, Result};
use crate::model::{DType, Shape, Tensor, TensorList, VariantKind};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(&["TensorArrayV3"], &[], infer_made, make).effect(),
    Operator::new(&["TensorArrayWriteV3"], &[], infer_flow, write).effect(),
    Operator::new(&["TensorArrayScatterV3"], &[], infer_flow, scatter).effect(),
    Operator::new(&["TensorArraySplitV3"], &[], infer_flow, split).effect(),
    Operator::new(&["TensorArrayReadV3"], &[], infer_unknown, read).effect(),
    Operator::new(&["TensorArrayGatherV3"], &[], infer_gathered, gather).effect(),
    Operator::new(&["TensorArrayConcatV3"], &[], infer_unknown, join).effect(),
    Operator::new(&["TensorArraySizeV3"], &[], infer_size, size).effect(),
    Operator::new(
        &["TensorArrayCloseV3"],
        &[],
        |_| Ok(Vec::new()),
        |_| Prepared::effect(|_, _| Ok(Vec::new())),
    )
    .effect(),
];

type Inputs = Vec<Option<Arc<Tensor>>>;

fn flow() -> Arc<Tensor> {
    Arc::new(Tensor::from_values(&[], &[0f32]))
}

fn infer_flow(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(DType::Float32, Shape::scalar())
}

fn infer_size(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(DType::Int32, Shape::scalar())
}

fn infer_made(_: &Context) -> Result<Vec<Fact>> {
    let handle = Fact::new(DType::Resource, Shape::scalar());
    Ok(vec![handle, Fact::new(DType::Float32, Shape::scalar())])
}

fn infer_unknown(cx: &Context) -> Result<Vec<Fact>> {
    let value = Fact::new(cx.out_dtype(0)?, Shape::UNKNOWN);
    let lengths = Fact::new(DType::Int64, Shape(Some(vec![-1])));
    Ok(vec![value, lengths])
}

fn infer_gathered(cx: &Context) -> Result<Vec<Fact>> {
    let shape = cx.node.attrs.shape("element_shape");
    let dims = shape.and_then(|shape| shape.dims());
    let dims = dims.map(|dims| std::iter::once(-1).chain(dims.iter().copied()).collect());
    cx.one(cx.out_dtype(0)?, Shape(dims))
}

fn make(cx: &Context) -> Result<Prepared> {
    let dtype = cx.node.attrs.dtype("dtype").unwrap_or(DType::Invalid);
    let shape = cx.node.attrs.shape("element_shape").cloned();
    let grows = cx.attr_bool("dynamic_size");
    Prepared::effect(move |inputs, state| {
        let count = lists::count(&inputs, 0)?;
        let handle = state.add_array(TensorList {
            kind: VariantKind::List,
            dtype,
            shape: shape.clone().unwrap_or(Shape::UNKNOWN),
            items: vec![None; count],
            limit: (!grows).then_some(count),
        });
        Ok(vec![Arc::new(Tensor::handle(handle)), flow()])
    })
}

/// Puts `items` in at `places`; a later value takes the place of an earlier one.
fn put_all(
    array: &mut TensorList,
    items: impl IntoIterator<Item = Arc<Tensor>>,
    places: impl IntoIterator<Item = i64>,
) -> Result<()> {
    let grows = array.limit.is_none();
    for (item, at) in items.into_iter().zip(places) {
        put(array, at, item, grows)?;
    }
    Ok(())
}

fn write(_: &Context) -> Result<Prepared> {
    Prepared::effect(|mut inputs, state| {
        let value = state::take(&mut inputs, 2)?;
        let at = lists::number(&inputs, 1)?;
        put_all(state.array(state::handle(&inputs, 0)?)?, [value], [at])?;
        Ok(vec![flow()])
    })
}

fn scatter(_: &Context) -> Result<Prepared> {
    Prepared::effect(|inputs, state| {
        let (rows, places) = (slices(state::tensor(&inputs, 2)?)?, numbers(&inputs, 1)?);
        if rows.len() != places.len() {
            return Err(Error::usage(format!(
                "{} rows for {} places",
                rows.len(),
                places.len()
            )));
        }
        let array = state.array(state::handle(&inputs, 0)?)?;
        put_all(array, rows.into_iter().map(Arc::new), places)?;
        Ok(vec![flow()])
    })
}

fn split(_: &Context) -> Result<Prepared> {
    Prepared::effect(|inputs, state| {
        let parts = lists::cut(state::tensor(&inputs, 1)?, &numbers(&inputs, 2)?)?;
        let items = shared(parts).into_iter().flatten();
        put_all(state.array(state::handle(&inputs, 0)?)?, items, 0..)?;
        Ok(vec![flow()])
    })
}

/// An element that nothing was written to is zeros where its shape is known.
fn read(_: &Context) -> Result<Prepared> {
    Prepared::effect(|inputs, state| {
        let at = lists::number(&inputs, 1)?;
        let array = state.array(state::handle(&inputs, 0)?)?;
        Ok(vec![element(array, at)?])
    })
}

fn element(array: &TensorList, at: i64) -> Result<Arc<Tensor>> {
    let item = usize::try_from(at).ok().and_then(|at| array.items.get(at));
    let item = item.ok_or_else(|| {
        let count = array.items.len();
        Error::usage(format!("element {at} of an array of {count}"))
    })?;
    lists::unset(item.clone(), array.dtype, &array.shape)
}

fn gather(_: &Context) -> Result<Prepared> {
    Prepared::effect(|inputs, state| {
        let places = numbers(&inputs, 1)?;
        let array = state.array(state::handle(&inputs, 0)?)?;
        let known = array.items.iter().flatten().next();
        let mut whole = array.clone();
        if let (None, Some(item)) = (whole.shape.fixed(), known) {
            whole.shape = Shape::of(item.shape());
        }
        let items = places.into_iter().map(|at| element(&whole, at).map(Some));
        let items = items.collect::<Result<Vec<_>>>()?;
        Ok(vec![Arc::new(stacked(&items, array.dtype, &whole.shape)?)])
    })
}

fn join(_: &Context) -> Result<Prepared> {
    Prepared::effect(|inputs: Inputs, state| {
        let array = state.array(state::handle(&inputs, 0)?)?;
        let form = Form {
            dtype: array.dtype,
            grows: false,
            shape: None,
            shape_type: DType::Int32,
        };
        let list = Arc::new(Tensor::list(array.clone()));
        let joined = concat(&form, vec![Some(list)])?;
        Ok(joined.into_iter().map(Arc::new).collect())
    })
}

fn size(_: &Context) -> Result<Prepared> {
    Prepared::effect(|inputs, state| {
        let count = state.array(state::handle(&inputs, 0)?)?.items.len() as i32;
        Ok(vec![Arc::new(Tensor::from_values(&[], &[count]))])
    })
}

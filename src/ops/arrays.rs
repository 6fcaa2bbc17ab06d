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
        &["TensorArrayGradV3", "TensorArrayGradWithShape"],
        &[],
        infer_made,
        make_gradients,
    )
    .effect(),
    Operator::new(
        &["TensorArrayCloseV3"],
        &[],
        |_| Ok(Vec::new()),
        |_| Prepared::effect(|_, _| Ok(Vec::new())),
    )
    .effect(),
];

/// What a handle stands for.
#[derive(Debug, Clone)]
pub struct Array {
    pub list: TensorList,
    /// Of an array that gathers gradients: what is written to an element is added to it, and one that nothing was
    /// written to is zeros of this shape, the shape of the element that the gradient is of.
    gradients: Option<Vec<Shape>>,
}

impl From<TensorList> for Array {
    fn from(list: TensorList) -> Self {
        Array {
            list,
            gradients: None,
        }
    }
}

impl Array {
    /// An array for the gradients of this one, whose elements have further axes of the sizes `outer` in front.
    fn for_gradients(&self, outer: &[i64]) -> Self {
        let within = |shape: &Shape| {
            let dims = shape.dims().map(|dims| [outer, dims].concat());
            Shape(dims)
        };
        let count = self.list.items.len();
        let own = self.list.items.iter().enumerate().map(|(at, item)| {
            let of_gradient = self.gradients.as_ref().and_then(|shapes| shapes.get(at));
            let known = item.as_ref().map(|item| Shape::of(item.shape()));
            let shape = known.or_else(|| of_gradient.cloned());
            within(&shape.unwrap_or_else(|| self.list.shape.clone()))
        });
        Array {
            gradients: Some(own.collect()),
            list: TensorList {
                shape: within(&self.list.shape),
                items: vec![None; count],
                limit: Some(count),
                ..self.list.clone()
            },
        }
    }

    /// Puts `items` in at `places`; a later value takes the place of an earlier one, or is added to it.
    fn put(
        &mut self,
        items: impl IntoIterator<Item = Arc<Tensor>>,
        places: impl IntoIterator<Item = i64>,
    ) -> Result<()> {
        let (grows, sums) = (self.list.limit.is_none(), self.gradients.is_some());
        for (item, at) in items.into_iter().zip(places) {
            let there = usize::try_from(at).ok();
            match there.and_then(|at| self.list.items.get_mut(at)) {
                Some(Some(sum)) if sums => lists::add_to(Arc::make_mut(sum), &item)?,
                _ => put(&mut self.list, at, item, grows)?,
            }
        }
        Ok(())
    }

    /// An element; one that nothing was written to is zeros where its shape is known.
    fn element(&self, at: i64, shape: &Shape) -> Result<Arc<Tensor>> {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let item = self.list.items.get(at).ok_or_else(|| {
            let count = self.list.items.len();
            Error::usage(format!("element {at} of an array of {count}"))
        })?;
        let own = self.gradients.as_ref().and_then(|shapes| shapes.get(at));
        let own = own.filter(|shape| shape.fixed().is_some());
        lists::unset(item.clone(), self.list.dtype, own.unwrap_or(shape))
    }
}

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

/// The array for the gradients of another one; the same to all who give it the same name.
fn make_gradients(cx: &Context) -> Result<Prepared> {
    let source: Arc<str> = cx.node.attrs.text("source").unwrap_or_default().into();
    let wider = &*cx.node.op == "TensorArrayGradWithShape";
    Prepared::effect(move |inputs, state| {
        let outer = if wider {
            numbers(&inputs, 2)?
        } else {
            Vec::new()
        };
        let of = state::handle(&inputs, 0)?;
        let handle = state.gradients_of(of, &source, |array| array.for_gradients(&outer))?;
        Ok(vec![Arc::new(Tensor::handle(handle)), flow()])
    })
}

fn write(_: &Context) -> Result<Prepared> {
    Prepared::effect(|mut inputs, state| {
        let value = state::take(&mut inputs, 2)?;
        let at = lists::number(&inputs, 1)?;
        state
            .array(state::handle(&inputs, 0)?)?
            .put([value], [at])?;
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
        array.put(rows.into_iter().map(Arc::new), places)?;
        Ok(vec![flow()])
    })
}

fn split(_: &Context) -> Result<Prepared> {
    Prepared::effect(|inputs, state| {
        let parts = lists::cut(state::tensor(&inputs, 1)?, &numbers(&inputs, 2)?)?;
        let items = shared(parts).into_iter().flatten();
        state.array(state::handle(&inputs, 0)?)?.put(items, 0..)?;
        Ok(vec![flow()])
    })
}

fn read(_: &Context) -> Result<Prepared> {
    Prepared::effect(|inputs, state| {
        let at = lists::number(&inputs, 1)?;
        let array = state.array(state::handle(&inputs, 0)?)?;
        Ok(vec![array.element(at, &array.list.shape)?])
    })
}

fn gather(_: &Context) -> Result<Prepared> {
    Prepared::effect(|inputs, state| {
        let places = numbers(&inputs, 1)?;
        let array = state.array(state::handle(&inputs, 0)?)?;
        let known = array.list.items.iter().flatten().next();
        let shape = match (array.list.shape.fixed(), known) {
            (None, Some(item)) => Shape::of(item.shape()),
            _ => array.list.shape.clone(),
        };
        let items = places
            .into_iter()
            .map(|at| array.element(at, &shape).map(Some));
        let items = items.collect::<Result<Vec<_>>>()?;
        Ok(vec![Arc::new(stacked(&items, array.list.dtype, &shape)?)])
    })
}

fn join(_: &Context) -> Result<Prepared> {
    Prepared::effect(|inputs: Inputs, state| {
        let array = state.array(state::handle(&inputs, 0)?)?;
        let mut list = array.list.clone();
        if array.gradients.is_some() {
            for (at, item) in list.items.iter_mut().enumerate() {
                *item = Some(array.element(at as i64, &array.list.shape)?);
            }
        }
        let form = Form {
            dtype: list.dtype,
            grows: false,
            shape: None,
            shape_type: DType::Int32,
        };
        let joined = concat(&form, vec![Some(Arc::new(Tensor::list(list)))])?;
        Ok(joined.into_iter().map(Arc::new).collect())
    })
}

fn size(_: &Context) -> Result<Prepared> {
    Prepared::effect(|inputs, state| {
        let array = state.array(state::handle(&inputs, 0)?)?;
        let count = array.list.items.len() as i32;
        Ok(vec![Arc::new(Tensor::from_values(&[], &[count]))])
    })
}

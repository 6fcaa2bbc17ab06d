//! TensorFlow 1's stacks: what each round of a loop leaves for the loop that computes its gradients, which takes it
//! from the top.

use std::sync::Arc;

use super::{Context, Fact, Operator, Prepared, lists, state};
use crate::error::{Error, Result};
use crate::model::{DType, Shape, Tensor, TensorList, VariantKind};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(&["StackV2"], &[], infer_made, make).effect(),
    Operator::new(&["StackPushV2"], &[], infer_pushed, push).effect(),
    Operator::new(&["StackPopV2"], &[], infer_popped, pop).effect(),
    Operator::new(&["StackCloseV2"], &[], |_| Ok(Vec::new()), close).effect(),
];

fn infer_made(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(DType::Resource, Shape::scalar())
}

fn infer_pushed(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.dtype(1)?, cx.shape(1)?.clone())
}

fn infer_popped(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.out_dtype(0)?, Shape::UNKNOWN)
}

/// A negative number of elements is any.
fn make(cx: &Context) -> Result<Prepared> {
    let dtype = cx.node.attrs.dtype("elem_type").unwrap_or(DType::Invalid);
    Prepared::effect(move |inputs, state| {
        let most = lists::number(&inputs, 0)?;
        let handle = state.add_array(TensorList {
            kind: VariantKind::List,
            dtype,
            shape: Shape::UNKNOWN,
            items: Vec::new(),
            limit: usize::try_from(most).ok(),
        });
        Ok(vec![Arc::new(Tensor::handle(handle))])
    })
}

fn push(_: &Context) -> Result<Prepared> {
    Prepared::effect(|mut inputs, state| {
        let value = state::take(&mut inputs, 1)?;
        let stack = &mut state.array(state::handle(&inputs, 0)?)?.list;
        let count = stack.items.len();
        if stack.limit.is_some_and(|limit| count >= limit) {
            return Err(Error::usage(format!(
                "more than {count} elements on a stack that takes no more"
            )));
        }
        lists::put(stack, count as i64, value.clone(), true)?;
        Ok(vec![value])
    })
}

fn pop(_: &Context) -> Result<Prepared> {
    Prepared::effect(|inputs, state| {
        let stack = &mut state.array(state::handle(&inputs, 0)?)?.list;
        let top = stack.items.pop().flatten();
        let top = top.ok_or_else(|| Error::usage("the top of an empty stack"))?;
        Ok(vec![top])
    })
}

fn close(_: &Context) -> Result<Prepared> {
    Prepared::effect(|inputs, state| {
        let stack = &mut state.array(state::handle(&inputs, 0)?)?.list;
        stack.items = Vec::new();
        Ok(Vec::new())
    })
}

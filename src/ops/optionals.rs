//! Values that may be missing, each a variant: what a branch that was not taken leaves for its gradient.

use std::sync::Arc;

use super::{Context, Fact, Operator, Prepared, state};
use crate::error::{Error, Result};
use crate::model::{DType, Shape, Tensor, TensorList, VariantKind};

type Tensors = Vec<Option<Arc<Tensor>>>;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(&["OptionalFromValue", "OptionalNone"], &[], infer, make).effect(),
    Operator::new(&["OptionalHasValue"], &[], infer_has, has).effect(),
    Operator::new(&["OptionalGetValue"], &[], infer_values, values).effect(),
];

fn infer(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(DType::Variant, Shape::scalar())
}

fn infer_has(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(DType::Bool, Shape::scalar())
}

fn infer_values(cx: &Context) -> Result<Vec<Fact>> {
    let outputs = 0..cx.node.outputs.len();
    let facts = outputs.map(|at| Ok(Fact::new(cx.out_dtype(at)?, Shape::UNKNOWN)));
    facts.collect()
}

/// Of no inputs: without a value.
fn make(_: &Context) -> Result<Prepared> {
    Prepared::effect(|inputs, _| {
        let optional = Tensor::list(TensorList::optional(inputs));
        Ok(vec![Arc::new(optional)])
    })
}

/// What the optional holds, nothing where it has no value.
fn held(inputs: &Tensors) -> Result<&Tensors> {
    let variants = state::tensor(inputs, 0)?.lists();
    let optional = variants.and_then(|variants| variants.first());
    let is_optional = |kind| matches!(kind, VariantKind::Optional | VariantKind::Nothing);
    match optional {
        Some(optional) if is_optional(optional.kind) => Ok(&optional.items),
        _ => Err(Error::unsupported("input 0 is no optional value")),
    }
}

fn has(_: &Context) -> Result<Prepared> {
    Prepared::effect(|inputs, _| {
        let some = !held(&inputs)?.is_empty();
        let some = Tensor::typed(DType::Bool, &[], &[u8::from(some)]);
        Ok(vec![some.into()])
    })
}

fn values(cx: &Context) -> Result<Prepared> {
    let count = cx.node.outputs.len();
    let types: Vec<DType> = (0..count)
        .map(|at| cx.out_dtype(at))
        .collect::<Result<_>>()?;
    Prepared::effect(move |inputs, _| {
        let values: Vec<_> = held(&inputs)?.iter().flatten().cloned().collect();
        if values.is_empty() {
            return Err(Error::usage("the value of an optional that has none"));
        }
        let found: Vec<DType> = values.iter().map(|value| value.dtype()).collect();
        match found == types {
            true => Ok(values),
            false => Err(Error::usage(format!(
                "an optional of {found:?}, expected {types:?}"
            ))),
        }
    })
}

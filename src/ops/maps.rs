//! Maps from tensors to tensors, each a variant. A map that nothing else holds is changed where it is. Their keys come in the
//! order in which they were put in; TensorFlow has no order.

use std::sync::Arc;

use super::{Context, Fact, Operator, Prepared, lists, state};
use crate::error::{Error, Result};
use crate::model::{DType, Shape, Tensor, TensorList, VariantKind};

type Inputs = Vec<Option<Arc<Tensor>>>;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        &["EmptyTensorMap", "TensorMapInsert", "TensorMapErase"],
        &[],
        |cx| cx.one(DType::Variant, Shape::scalar()),
        prepare,
    )
    .effect(),
    Operator::new(
        &["TensorMapHasKey", "TensorMapSize"],
        &[],
        |cx| cx.one(cx.out_dtype(0)?, Shape::scalar()),
        prepare,
    )
    .effect(),
    Operator::new(
        &["TensorMapLookup", "TensorMapStackKeys"],
        &[],
        infer_unknown,
        prepare,
    )
    .effect(),
];

fn infer_unknown(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.out_dtype(0)?, Shape::UNKNOWN)
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let dtype = cx.out_dtype(0)?;
    let run: fn(Inputs, DType) -> Result<Arc<Tensor>> = match &*cx.node.op {
        "EmptyTensorMap" => |_, _| Ok(Tensor::list(TensorList::map(Vec::new())).into()),
        "TensorMapInsert" => insert,
        "TensorMapErase" => erase,
        "TensorMapHasKey" => |inputs, _| {
            let there = find(map(&inputs)?, state::tensor(&inputs, 1)?).is_some();
            Ok(Tensor::typed(DType::Bool, &[], &[u8::from(there)]).into())
        },
        "TensorMapSize" => |inputs, _| {
            let size = (map(&inputs)?.items.len() / 2) as i32;
            Ok(Tensor::from_values(&[], &[size]).into())
        },
        "TensorMapLookup" => look_up,
        _ => stack_keys,
    };
    Prepared::effect(move |inputs, _| Ok(vec![run(inputs, dtype)?]))
}

fn is_map(variant: &TensorList) -> bool {
    // One that was never set is empty.
    matches!(variant.kind, VariantKind::Map | VariantKind::Nothing)
}

fn no_map() -> Error {
    Error::unsupported("input 0 is no map")
}

fn map(inputs: &Inputs) -> Result<&TensorList> {
    let maps = state::tensor(inputs, 0)?.lists();
    let map = maps.and_then(|maps| maps.first()).map(|map| &**map);
    map.filter(|map| is_map(map)).ok_or_else(no_map)
}

/// The entries, alone where nothing else holds them.
fn take(inputs: &mut Inputs) -> Result<Vec<Option<Arc<Tensor>>>> {
    let tensor = Arc::unwrap_or_clone(state::take(inputs, 0)?);
    let map = tensor.into_list().filter(|map| is_map(map));
    Ok(Arc::unwrap_or_clone(map.ok_or_else(no_map)?).items)
}

/// Where the key stands: keys are the same to the bit.
fn find(map: &TensorList, key: &Tensor) -> Option<usize> {
    position(&map.items, key)
}

fn position(items: &[Option<Arc<Tensor>>], key: &Tensor) -> Option<usize> {
    let same = |own: &Tensor| {
        own.dtype() == key.dtype()
            && own.shape() == key.shape()
            && own.bytes() == key.bytes()
            && own.strings() == key.strings()
    };
    let mut keys = items.iter().step_by(2);
    let at = keys.position(|own| own.as_deref().is_some_and(same));
    at.map(|at| 2 * at)
}

fn missing(key: &Tensor) -> Error {
    let shown: Vec<String> = (0..key.len().min(4))
        .map(|at| key.element_text(at))
        .collect();
    Error::usage(format!(
        "the key {} {:?} ({}) is not in the map",
        key.dtype(),
        key.shape(),
        shown.join(" ")
    ))
}

fn insert(mut inputs: Inputs, _: DType) -> Result<Arc<Tensor>> {
    let mut items = take(&mut inputs)?;
    let (key, value) = (state::take(&mut inputs, 1)?, state::take(&mut inputs, 2)?);
    match position(&items, &key) {
        Some(at) => items[at + 1] = Some(value),
        None => items.extend([Some(key), Some(value)]),
    }
    Ok(Tensor::list(TensorList::map(items)).into())
}

fn erase(mut inputs: Inputs, _: DType) -> Result<Arc<Tensor>> {
    let mut items = take(&mut inputs)?;
    let key = state::tensor(&inputs, 1)?;
    let at = position(&items, key).ok_or_else(|| missing(key))?;
    items.drain(at..at + 2);
    Ok(Tensor::list(TensorList::map(items)).into())
}

fn look_up(inputs: Inputs, dtype: DType) -> Result<Arc<Tensor>> {
    let (map, key) = (map(&inputs)?, state::tensor(&inputs, 1)?);
    let value = find(map, key).and_then(|at| map.items[at + 1].clone());
    let value = value.ok_or_else(|| missing(key))?;
    match value.dtype() == dtype {
        true => Ok(value),
        false => Err(Error::usage(format!(
            "a value of {}, expected {dtype}",
            value.dtype()
        ))),
    }
}

/// All keys along a new first axis.
fn stack_keys(inputs: Inputs, dtype: DType) -> Result<Arc<Tensor>> {
    let keys: Vec<_> = map(&inputs)?.items.iter().step_by(2).cloned().collect();
    let other = keys.iter().flatten().find(|key| key.dtype() != dtype);
    match (&*keys, other) {
        ([], _) => Err(Error::usage("the keys of an empty map")),
        (_, Some(key)) => Err(Error::usage(format!(
            "a key of {}, expected {dtype}",
            key.dtype()
        ))),
        _ => Ok(lists::stacked(&keys, dtype, &Shape::UNKNOWN)?.into()),
    }
}

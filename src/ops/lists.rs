//! Lists of tensors: what TensorFlow's loops read from and write to. A list that nothing else holds is changed where it
//! is.

use std::sync::Arc;

use super::segment::whole_numbers;
use super::types::with_number;
use super::{Context, Fact, Operator, Prepared, View, state};
use crate::error::{Error, Result};
use crate::kernels::elementwise::number::Number;
use crate::memory;
use crate::model::{DType, Shape, Tensor, TensorList, VariantKind};

type Inputs = Vec<Option<Arc<Tensor>>>;
type Outputs = Result<Vec<Tensor>>;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        &[
            "EmptyTensorList",
            "TensorListReserve",
            "TensorListFromTensor",
            "TensorListSplit",
            "TensorListScatter",
            "TensorListScatterV2",
            "TensorListScatterIntoExistingList",
            "TensorListPushBack",
            "TensorListResize",
            "TensorListConcatLists",
            "TensorListSetItem",
        ],
        &[],
        infer_list,
        prepare,
    )
    .effect(),
    Operator::new(&["TensorListPopBack"], &[], infer_pop, prepare).effect(),
    Operator::new(
        &["TensorListStack", "TensorListGather"],
        &[],
        infer_stack,
        prepare,
    )
    .effect(),
    Operator::new(&["TensorListGetItem"], &[], infer_item, prepare).effect(),
    Operator::new(
        &["TensorListConcat", "TensorListConcatV2"],
        &[],
        infer_concat,
        prepare,
    )
    .effect(),
    Operator::new(&["TensorListLength"], &[], infer_length, prepare).effect(),
    Operator::new(
        &["TensorListElementShape"],
        &[],
        infer_element_shape,
        prepare,
    )
    .effect(),
];

/// What the attributes say.
#[derive(Debug, Clone)]
pub(super) struct Form {
    pub dtype: DType,
    /// A number past the end makes the list longer.
    pub grows: bool,
    /// The element shape that only an attribute tells.
    pub shape: Option<Shape>,
    pub shape_type: DType,
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let form = Form {
        dtype: cx
            .node
            .attrs
            .dtype("element_dtype")
            .unwrap_or(DType::Invalid),
        grows: cx.attr_bool("resize_if_index_out_of_bounds"),
        shape: cx.node.attrs.shape("element_shape").cloned(),
        shape_type: cx.node.attrs.dtype("shape_type").unwrap_or(DType::Int32),
    };
    let run: fn(&Form, Inputs) -> Outputs = match &*cx.node.op {
        "EmptyTensorList" => empty,
        "TensorListReserve" => reserve,
        "TensorListFromTensor" => from_tensor,
        "TensorListSplit" => split,
        "TensorListScatter" | "TensorListScatterV2" => scatter,
        "TensorListScatterIntoExistingList" => scatter_into,
        "TensorListPushBack" => push,
        "TensorListPopBack" => pop,
        "TensorListResize" => resize,
        "TensorListConcatLists" => join_lists,
        "TensorListSetItem" => set_item,
        "TensorListGetItem" => item,
        "TensorListStack" => stack,
        "TensorListGather" => gather,
        "TensorListConcat" | "TensorListConcatV2" => concat,
        "TensorListLength" => length,
        "TensorListElementShape" => element_shape,
        _ => return Err(cx.unsupported("no kernel for this list operator")),
    };
    Prepared::effect(move |inputs, _| {
        let outputs = run(&form, inputs)?;
        Ok(outputs.into_iter().map(Arc::new).collect())
    })
}

fn infer_list(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(DType::Variant, Shape::scalar())
}

fn infer_pop(cx: &Context) -> Result<Vec<Fact>> {
    let item = Fact::new(cx.out_dtype(1)?, fixed_only(element_hint(cx, 1)));
    Ok(vec![Fact::new(DType::Variant, Shape::scalar()), item])
}

fn infer_item(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.out_dtype(0)?, fixed_only(element_hint(cx, 2)))
}

/// The shape that an operand tells; -1 for a dimension leaves it open, a scalar -1 all of them.
fn element_hint(cx: &Context, input: usize) -> Shape {
    match cx.ints(input) {
        Ok(Some(dims)) if cx.shape(input).is_ok_and(|shape| shape.rank() == Some(1)) => {
            Shape(Some(dims))
        }
        _ => Shape::UNKNOWN,
    }
}

fn fixed_only(shape: Shape) -> Shape {
    match shape.fixed() {
        Some(_) => shape,
        None => Shape::UNKNOWN,
    }
}

fn infer_stack(cx: &Context) -> Result<Vec<Fact>> {
    let at = if cx.node.op.ends_with("Gather") { 2 } else { 1 };
    let dims = element_hint(cx, at).0.map(|dims| {
        let dims = dims.into_iter().map(|d| d.max(-1));
        std::iter::once(-1).chain(dims).collect()
    });
    cx.one(cx.out_dtype(0)?, Shape(dims))
}

fn infer_concat(cx: &Context) -> Result<Vec<Fact>> {
    let lengths = Fact::new(DType::Int64, Shape(Some(vec![-1])));
    Ok(vec![Fact::new(cx.out_dtype(0)?, Shape::UNKNOWN), lengths])
}

fn infer_length(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(DType::Int32, Shape::scalar())
}

fn infer_element_shape(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.out_dtype(0)?, Shape::UNKNOWN)
}

/// The list, alone where nothing else holds it.
fn take_list(inputs: &mut Inputs, index: usize) -> Result<TensorList> {
    let tensor = Arc::unwrap_or_clone(state::take(inputs, index)?);
    let list = tensor.into_list().filter(|list| is_list(list));
    let list = list.ok_or_else(|| Error::unsupported(format!("input {index} is no list")))?;
    Ok(Arc::unwrap_or_clone(list))
}

fn is_list(variant: &TensorList) -> bool {
    variant.kind == VariantKind::List
}

fn list(inputs: &Inputs, index: usize) -> Result<&TensorList> {
    let lists = state::tensor(inputs, index)?.lists();
    lists
        .and_then(|lists| lists.first())
        .map(|list| &**list)
        .filter(|list| is_list(list))
        .ok_or_else(|| Error::unsupported(format!("input {index} is no list")))
}

pub(super) fn numbers(inputs: &Inputs, index: usize) -> Result<Vec<i64>> {
    whole_numbers(&View::of(state::tensor(inputs, index)?))
}

pub(super) fn number(inputs: &Inputs, index: usize) -> Result<i64> {
    let first = numbers(inputs, index)?.first().copied();
    first.ok_or_else(|| Error::usage(format!("input {index} is empty")))
}

/// A count that a list can have.
pub(super) fn count(inputs: &Inputs, index: usize) -> Result<usize> {
    const MOST: i64 = 1 << 28;
    let number = number(inputs, index)?;
    match (0..=MOST).contains(&number) {
        true => Ok(number as usize),
        false => Err(Error::usage(format!("a list of {number} elements"))),
    }
}

fn shape_operand(inputs: &Inputs, index: usize) -> Result<Shape> {
    let tensor = state::tensor(inputs, index)?;
    match tensor.rank() {
        0 => Ok(Shape::UNKNOWN),
        _ => Ok(Shape(Some(numbers(inputs, index)?))),
    }
}

fn listed(dtype: DType, shape: Shape, items: Vec<Option<Arc<Tensor>>>) -> Outputs {
    Ok(vec![Tensor::list(TensorList {
        kind: VariantKind::List,
        dtype,
        shape,
        items,
        limit: None,
    })])
}

fn empty(form: &Form, inputs: Inputs) -> Outputs {
    let limit = usize::try_from(number(&inputs, 1)?).ok();
    Ok(vec![Tensor::list(TensorList {
        kind: VariantKind::List,
        dtype: form.dtype,
        shape: shape_operand(&inputs, 0)?,
        items: Vec::new(),
        limit,
    })])
}

fn reserve(form: &Form, inputs: Inputs) -> Outputs {
    let items = vec![None; count(&inputs, 1)?];
    listed(form.dtype, shape_operand(&inputs, 0)?, items)
}

/// The slices of a tensor along its first axis.
pub(super) fn slices(tensor: &Tensor) -> Result<Vec<Tensor>> {
    let Some((&rows, row)) = tensor.shape().split_first() else {
        return Err(Error::usage("a list is made of the rows of a scalar"));
    };
    memory::ask(
        "the rows of a list",
        rows.saturating_mul(size_of::<Tensor>()),
    )?;
    (0..rows)
        .map(|at| {
            let mut extents: Vec<_> = tensor.shape().iter().map(|&size| (0, size)).collect();
            extents[0] = (at, 1);
            Ok(tensor.cut(&extents)?.reshaped(row))
        })
        .collect()
}

pub(super) fn shared(tensors: Vec<Tensor>) -> Vec<Option<Arc<Tensor>>> {
    tensors.into_iter().map(|t| Some(Arc::new(t))).collect()
}

fn from_tensor(_: &Form, inputs: Inputs) -> Outputs {
    let tensor = state::tensor(&inputs, 0)?;
    let items = shared(slices(tensor)?);
    listed(tensor.dtype(), shape_operand(&inputs, 1)?, items)
}

fn split(_: &Form, inputs: Inputs) -> Outputs {
    let tensor = state::tensor(&inputs, 0)?;
    let items = cut(tensor, &numbers(&inputs, 2)?)?;
    listed(tensor.dtype(), shape_operand(&inputs, 1)?, shared(items))
}

/// Parts of these lengths along the first axis.
pub(super) fn cut(tensor: &Tensor, lengths: &[i64]) -> Result<Vec<Tensor>> {
    let mut items = Vec::new();
    let mut start = 0usize;
    for &length in lengths {
        let mut extents: Vec<_> = tensor.shape().iter().map(|&size| (0, size)).collect();
        let length = usize::try_from(length).ok();
        let (Some(length), Some(first)) = (length, extents.first_mut()) else {
            return Err(Error::usage("a negative length, or a scalar that is split"));
        };
        *first = (start, length);
        start = start.saturating_add(length);
        items.push(tensor.cut(&extents)?);
    }
    Ok(items)
}

fn scatter(_: &Form, inputs: Inputs) -> Outputs {
    let tensor = state::tensor(&inputs, 0)?;
    let indices = numbers(&inputs, 1)?;
    let told = match inputs.get(3) {
        Some(Some(_)) => number(&inputs, 3)?,
        _ => -1,
    };
    let needed = indices.iter().max().map_or(0, |&last| last + 1);
    let length = if told < 0 { needed } else { told.max(needed) };
    let mut list = TensorList {
        kind: VariantKind::List,
        dtype: tensor.dtype(),
        shape: shape_operand(&inputs, 2)?,
        items: Vec::new(),
        limit: None,
    };
    put_all(&mut list, slices(tensor)?, &indices, length)?;
    Ok(vec![Tensor::list(list)])
}

fn scatter_into(_: &Form, mut inputs: Inputs) -> Outputs {
    let mut list = take_list(&mut inputs, 0)?;
    let indices = numbers(&inputs, 2)?;
    let needed = indices.iter().max().map_or(0, |&last| last + 1);
    let length = needed.max(list.items.len() as i64);
    put_all(
        &mut list,
        slices(state::tensor(&inputs, 1)?)?,
        &indices,
        length,
    )?;
    Ok(vec![Tensor::list(list)])
}

fn put_all(list: &mut TensorList, rows: Vec<Tensor>, indices: &[i64], length: i64) -> Result<()> {
    if rows.len() != indices.len() {
        return Err(Error::usage(format!(
            "{} rows for {} places",
            rows.len(),
            indices.len()
        )));
    }
    let length = usize::try_from(length).unwrap_or(0);
    // No longer than what is put in asks for, or the caller's own count.
    list.items.resize(length.min(1 << 28), None);
    for (row, &at) in rows.into_iter().zip(indices) {
        put(list, at, Arc::new(row), false)?;
    }
    Ok(())
}

/// Sets element `at`.
pub(super) fn put(list: &mut TensorList, at: i64, item: Arc<Tensor>, grows: bool) -> Result<()> {
    let outside = || {
        Error::usage(format!(
            "element {at} of a list of {} elements",
            list.items.len()
        ))
    };
    let at = usize::try_from(at).map_err(|_| outside())?;
    if !list.shape.accepts(item.shape()) || item.dtype() != list.dtype {
        return Err(Error::usage(format!(
            "an element of {} {:?} in a list of {} {}",
            item.dtype(),
            item.shape(),
            list.dtype,
            list.shape
        )));
    }
    if at >= list.items.len() {
        if !grows || at >= 1 << 28 {
            return Err(outside());
        }
        list.items.resize(at + 1, None);
    }
    list.items[at] = Some(item);
    Ok(())
}

fn set_item(form: &Form, mut inputs: Inputs) -> Outputs {
    let mut list = take_list(&mut inputs, 0)?;
    let at = number(&inputs, 1)?;
    put(&mut list, at, state::take(&mut inputs, 2)?, form.grows)?;
    Ok(vec![Tensor::list(list)])
}

fn push(_: &Form, mut inputs: Inputs) -> Outputs {
    let mut list = take_list(&mut inputs, 0)?;
    if list.limit.is_some_and(|limit| list.items.len() >= limit) {
        return Err(Error::usage(format!(
            "more than {} elements in a list that takes no more",
            list.items.len()
        )));
    }
    let at = list.items.len() as i64;
    put(&mut list, at, state::take(&mut inputs, 1)?, true)?;
    Ok(vec![Tensor::list(list)])
}

fn pop(form: &Form, mut inputs: Inputs) -> Outputs {
    let mut list = take_list(&mut inputs, 0)?;
    let Some(last) = list.items.pop() else {
        return Err(Error::usage("the last element of an empty list"));
    };
    let shape = hinted(&list, shape_operand(&inputs, 1)?);
    let item = unset(last, form.dtype, &shape)?;
    Ok(vec![Tensor::list(list), Tensor::clone(&item)])
}

/// The element shape that list and operand tell together.
fn hinted(list: &TensorList, operand: Shape) -> Shape {
    match (list.shape.dims(), operand.dims()) {
        (Some(a), Some(b)) if a.len() == b.len() => {
            let dim = |(&a, &b): (&i64, &i64)| if a < 0 { b } else { a };
            Shape(Some(a.iter().zip(b).map(dim).collect()))
        }
        (Some(_), _) => list.shape.clone(),
        _ => operand,
    }
}

/// An element; zeros of the known shape where nothing was put.
pub(super) fn unset(item: Option<Arc<Tensor>>, dtype: DType, shape: &Shape) -> Result<Arc<Tensor>> {
    if let Some(item) = item {
        return Ok(item);
    }
    let sizes = shape.fixed().ok_or_else(|| {
        Error::usage(format!(
            "an element that was never set, of the unknown shape {shape}"
        ))
    })?;
    Tensor::zeros(dtype, &sizes).map(Arc::new)
}

fn resize(_: &Form, mut inputs: Inputs) -> Outputs {
    let length = count(&inputs, 1)?;
    let mut list = take_list(&mut inputs, 0)?;
    list.items.resize(length, None);
    Ok(vec![Tensor::list(list)])
}

fn join_lists(_: &Form, mut inputs: Inputs) -> Outputs {
    let mut list = take_list(&mut inputs, 0)?;
    let more = take_list(&mut inputs, 1)?;
    list.items.extend(more.items);
    Ok(vec![Tensor::list(list)])
}

/// What ZerosLike and AddN make of lists, as gradients of loops need them; nothing else is made of them.
pub(super) fn prepare_sum_or_zeros(cx: &Context) -> Result<Prepared> {
    let zeros = match &*cx.node.op {
        "ZerosLike" => true,
        "AddN" => false,
        _ => return Err(cx.no_kernel(DType::Variant)),
    };
    Prepared::effect(move |mut inputs, _| {
        let mut first = take_list(&mut inputs, 0)?;
        if zeros {
            for item in first.items.iter_mut().flatten() {
                *item = Arc::new(zeros_like(item)?);
            }
        }
        for other in 1..inputs.len() {
            add_list(&mut first, list(&inputs, other)?)?;
        }
        Ok(vec![Arc::new(Tensor::list(first))])
    })
}

fn zeros_like(item: &Tensor) -> Result<Tensor> {
    if item.dtype() == DType::Variant {
        return Err(Error::unsupported("zeros like a list of lists"));
    }
    Tensor::zeros(item.dtype(), item.shape())
}

/// Element by element; an element that was never set adds nothing.
fn add_list(sum: &mut TensorList, other: &TensorList) -> Result<()> {
    if sum.items.len() != other.items.len() {
        return Err(Error::usage(format!(
            "a sum of lists of {} and {} elements",
            sum.items.len(),
            other.items.len()
        )));
    }
    if sum.shape.fixed().is_none() {
        sum.shape = other.shape.clone();
    }
    for (sum, other) in sum.items.iter_mut().zip(&other.items) {
        match (sum, other) {
            (Some(sum), Some(other)) => add_to(Arc::make_mut(sum), other)?,
            (sum @ None, other) => sum.clone_from(other),
            (Some(_), None) => {}
        }
    }
    Ok(())
}

/// Adds a tensor to one like it.
pub(super) fn add_to(sum: &mut Tensor, other: &Tensor) -> Result<()> {
    let dtype = sum.dtype();
    if (sum.shape(), dtype) != (other.shape(), other.dtype()) {
        return Err(Error::usage("a sum of lists whose elements differ"));
    }
    with_number!(dtype, T => {
        if let (Some(sum), Some(other)) = (sum.values_mut::<T>(), other.values::<T>()) {
            for (sum, &x) in sum.iter_mut().zip(other) {
                *sum = Number::add(*sum, x);
            }
        }
        Ok(())
    }, else Err(Error::unsupported(format!("a sum of lists of {dtype}"))))
}

fn item(form: &Form, inputs: Inputs) -> Outputs {
    let list = list(&inputs, 0)?;
    let at = number(&inputs, 1)?;
    let item = usize::try_from(at).ok().and_then(|at| list.items.get(at));
    let item = item.ok_or_else(|| {
        Error::usage(format!(
            "element {at} of a list of {} elements",
            list.items.len()
        ))
    })?;
    let shape = hinted(list, shape_operand(&inputs, 2)?);
    let item = unset(item.clone(), form.dtype, &shape)?;
    Ok(vec![Tensor::clone(&item)])
}

/// Elements one behind the other along a new first axis; zeros where nothing was put, of the shape of the others.
pub(super) fn stacked(
    items: &[Option<Arc<Tensor>>],
    dtype: DType,
    shape: &Shape,
) -> Result<Tensor> {
    let first = items.iter().flatten().next();
    let sizes = match first {
        Some(first) => first.shape().to_vec(),
        None => (shape.fixed())
            .ok_or_else(|| Error::usage(format!("a stack of nothing of the shape {shape}")))?,
    };
    let mut out = Tensor::zeros(dtype, &[&[items.len()], &*sizes].concat())?;
    let mut start = vec![0; sizes.len() + 1];
    let row = [&[1], &*sizes].concat();
    for (at, item) in items.iter().enumerate() {
        start[0] = at;
        let Some(item) = item else { continue };
        if item.shape() != sizes {
            return Err(Error::usage(format!(
                "a stack of {:?} and {sizes:?}",
                item.shape()
            )));
        }
        out.paste(&Tensor::clone(item).reshaped(&row), &start)?;
    }
    Ok(out)
}

fn stack(form: &Form, inputs: Inputs) -> Outputs {
    let list = list(&inputs, 0)?;
    let shape = hinted(list, shape_operand(&inputs, 1)?);
    Ok(vec![stacked(&list.items, form.dtype, &shape)?])
}

fn gather(form: &Form, inputs: Inputs) -> Outputs {
    let list = list(&inputs, 0)?;
    let pick = |at: i64| {
        let item = usize::try_from(at).ok().and_then(|at| list.items.get(at));
        item.cloned().ok_or_else(|| {
            Error::usage(format!(
                "element {at} of a list of {} elements",
                list.items.len()
            ))
        })
    };
    let items = numbers(&inputs, 1)?.into_iter().map(pick);
    let items = items.collect::<Result<Vec<_>>>()?;
    let shape = hinted(list, shape_operand(&inputs, 2)?);
    Ok(vec![stacked(&items, form.dtype, &shape)?])
}

/// Elements one behind the other along their first axis, and how long each is there.
pub(super) fn concat(form: &Form, inputs: Inputs) -> Outputs {
    let list = list(&inputs, 0)?;
    let operand = match (&form.shape, inputs.len()) {
        (_, 2..) => shape_operand(&inputs, 1)?,
        (Some(shape), _) => shape.clone(),
        (None, _) => Shape::UNKNOWN,
    };
    let shape = hinted(list, operand);
    let leading = match inputs.get(2) {
        Some(Some(_)) => numbers(&inputs, 2)?,
        _ => Vec::new(),
    };
    let mut items = Vec::with_capacity(list.items.len());
    for (at, item) in list.items.iter().enumerate() {
        let mut shape = shape.clone();
        if let (Some(first), Some(&told)) = (
            shape.0.as_mut().and_then(|dims| dims.first_mut()),
            leading.get(at),
        ) {
            *first = told;
        }
        items.push(unset(item.clone(), form.dtype, &shape)?);
    }
    let row = match items.first() {
        Some(item) => item.shape().get(1..).map(<[usize]>::to_vec),
        None => shape
            .dims()
            .and_then(|dims| Shape(Some(dims.get(1..)?.to_vec())).fixed()),
    };
    let row = row.ok_or_else(|| Error::usage("scalars, or nothing, are joined"))?;
    let lengths: Vec<i64> = items.iter().map(|item| item.shape()[0] as i64).collect();
    let total: i64 = lengths.iter().sum();
    let mut out = Tensor::zeros(form.dtype, &[&[total as usize], &*row].concat())?;
    let mut start = vec![0; row.len() + 1];
    for item in &items {
        if item.shape().get(1..) != Some(&row) {
            return Err(Error::usage(format!(
                "{:?} joined to rows of {row:?}",
                item.shape()
            )));
        }
        out.paste(item, &start)?;
        start[0] += item.shape()[0];
    }
    let lengths = Tensor::from_values(&[lengths.len()], &lengths);
    Ok(vec![out, lengths])
}

fn length(_: &Form, inputs: Inputs) -> Outputs {
    let length = list(&inputs, 0)?.items.len() as i32;
    Ok(vec![Tensor::from_values(&[], &[length])])
}

fn element_shape(form: &Form, inputs: Inputs) -> Outputs {
    let dims = list(&inputs, 0)?.shape.dims();
    let (sizes, dims): (&[usize], Vec<i64>) = match dims {
        Some(dims) => (&[dims.len()], dims.to_vec()),
        None => (&[], vec![-1]),
    };
    Ok(vec![match form.shape_type {
        DType::Int64 => Tensor::from_values(sizes, &dims),
        _ => Tensor::from_values(sizes, &dims.iter().map(|&d| d as i32).collect::<Vec<_>>()),
    }])
}

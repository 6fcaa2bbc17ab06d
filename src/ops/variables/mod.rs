//! Variables: read, changed, picked from.

mod slices;

use std::sync::Arc;

use super::combine::calculated;
use super::segment::whole_numbers;
use super::types::{check_ring, with_ring};
use super::{Constant, Context, Fact, Operator, Picks, Prepared, View, state};
use crate::error::{Error, Result};
use crate::kernels::movement::{self, Places};
use crate::model::{DType, Element, Node, Resource, Shape, Tensor, TensorData};

pub(super) use slices::OPERATORS as SLICES;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(&["VarHandleOp"], &["VAR_HANDLE"], variable, nothing),
    Operator::new(&["VariableV2", "Variable"], &[], reference, nothing),
    Operator::new(&["ReadVariableOp"], &["READ_VARIABLE"], value, read).effect(),
    Operator::new(
        &["AssignVariableOp"],
        &["ASSIGN_VARIABLE"],
        |_| Ok(Vec::new()),
        assign,
    )
    .effect(),
    Operator::new(
        &["AssignAddVariableOp", "AssignSubVariableOp"],
        &[],
        |_| Ok(Vec::new()),
        assign_changed,
    )
    .effect(),
    Operator::new(&["ResourceGather"], &[], infer_picked, pick)
        .effect()
        .picking(Picks::rows(0, 1)),
    Operator::new(&["ResourceGatherNd"], &[], infer_picked_nd, pick_nd)
        .effect()
        .picking(Picks::places()),
    Operator::new(&["ResourceCountUpTo"], &[], infer_counted, count_up).effect(),
    Operator::new(&["VariableShape"], &[], infer_shape, shape).effect(),
    Operator::new(&["VarIsInitializedOp"], &[], infer_initialized, initialized).effect(),
    Operator::new(
        &["DestroyResourceOp"],
        &[],
        |_| Ok(Vec::new()),
        |_| {
            Prepared::effect(|inputs, state| {
                state.forget(state::handle(&inputs, 0)?);
                Ok(Vec::new())
            })
        },
    )
    .effect(),
];

fn nothing(_: &Context) -> Result<Prepared> {
    Ok(Prepared::Nothing)
}

/// A handle that is known without running.
pub(super) fn handle(resource: Resource) -> Fact {
    Fact::constant(Constant::ready(Arc::new(Tensor::handle(resource))))
}

/// A handle: of a stored variable, else of one that the graphs share by container and name. Names alone may lead to a
/// stored one of another type.
fn variable(cx: &Context) -> Result<Vec<Fact>> {
    let stored = cx.node.variable.filter(|id| {
        let stored = cx
            .variables
            .get(id.0 as usize)
            .map(|variable| variable.dtype);
        let told = cx.node.attrs.dtype("dtype");
        told.is_none() || stored.is_none() || told == stored
    });
    // A part of a variable is one of its own, filled before the first run.
    if let (Some(id), None) = (stored, &cx.node.variable_slice) {
        let mut fact = handle(Resource::Stored(id));
        fact.variable = Some(id);
        return Ok(vec![fact]);
    }
    Ok(vec![handle(shared_variable(cx.node, cx.tflite()))])
}

/// The variable that graphs share by container and name.
pub fn shared_variable(node: &Node, lite: bool) -> Resource {
    let text = |attr: &str| node.attrs.text(attr).unwrap_or_default();
    let shared = match text("shared_name") {
        "" if !lite => &node.name,
        shared => shared,
    };
    Resource::Named(format!("{}/{shared}", text("container")).into())
}

/// The value of a variable of TensorFlow 1, which is also what later operators change.
fn reference(cx: &Context) -> Result<Vec<Fact>> {
    let Some(id) = cx.node.variable else {
        return Err(Error::unsupported("no stored variable belongs to it"));
    };
    let mut fact = stored(cx, id)?;
    if let (Some(extents), Some(variable)) =
        (&cx.node.variable_slice, cx.variables.get(id.0 as usize))
    {
        let part = variable.read()?.cut(extents)?;
        fact = Fact::constant(Constant::ready(Arc::new(part)));
    }
    fact.variable = Some(id);
    Ok(vec![fact])
}

fn stored(cx: &Context, id: crate::model::VariableId) -> Result<Fact> {
    let variable = cx
        .variables
        .get(id.0 as usize)
        .ok_or_else(|| Error::unsupported("it names a variable that the model does not have"))?;
    let sizes = variable.shape.fixed().ok_or_else(|| {
        Error::unreadable(format!(
            "the variable {:?} has the shape {}",
            variable.key, variable.shape
        ))
    })?;
    let data: TensorData = variable.data.clone();
    Ok(Fact::constant(Constant::stored(
        variable.dtype,
        &sizes,
        data,
    )))
}

/// What a variable holds: its stored value where nothing in the run changes it.
fn value(cx: &Context) -> Result<Vec<Fact>> {
    match cx.input(0)?.variable {
        Some(id) if cx.written.binary_search(&id).is_err() => Ok(vec![stored(cx, id)?]),
        Some(id) => {
            let stored = stored(cx, id)?;
            cx.one(stored.dtype, stored.shape)
        }
        None => {
            let dtype = cx.out_dtype(0)?;
            let shape = cx.declared(0).map(|value| value.shape.clone());
            // Without a signature of the shape a file says [] of a tensor whose sizes it does not know.
            let shape = shape.filter(|shape| shape.rank() != Some(0));
            cx.one(dtype, shape.unwrap_or(Shape::UNKNOWN))
        }
    }
}

fn read(_: &Context) -> Result<Prepared> {
    Prepared::effect(|inputs, state| {
        let value = state.value(state::handle(&inputs, 0)?)?;
        Ok(vec![value])
    })
}

fn assign(_: &Context) -> Result<Prepared> {
    Prepared::effect(|mut inputs, state| {
        let value = state::take(&mut inputs, 1)?;
        state.assign(state::handle(&inputs, 0)?, value);
        Ok(Vec::new())
    })
}

/// Adds to a variable, or takes from it.
fn assign_changed(cx: &Context) -> Result<Prepared> {
    let dtype = cx.dtype(1)?;
    let how = match &*cx.node.op {
        "AssignSubVariableOp" => "Sub",
        _ => "Add",
    };
    check_ring(cx, dtype)?;
    Prepared::effect(move |inputs, state| {
        let by = state::tensor(&inputs, 1)?;
        state.change(state::handle(&inputs, 0)?, |value| {
            let fits = value.shape() == by.shape();
            let changed = with_ring!(dtype, T => {
                fits && changed_by::<T>(value, by, calculated(how))
            }, else false);
            match changed {
                true => Ok(()),
                false => Err(Error::usage(format!(
                    "a variable of {:?} changed by {} {:?}",
                    value.shape(),
                    by.dtype(),
                    by.shape()
                ))),
            }
        })?;
        Ok(Vec::new())
    })
}

fn infer_counted(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.out_dtype(0)?, Shape::scalar())
}

/// The value before one is added; an error where it has come to the limit.
fn count_up(cx: &Context) -> Result<Prepared> {
    let limit = cx.attr_int("limit", 0);
    Prepared::effect(move |inputs, state| {
        let resource = state::handle(&inputs, 0)?;
        let before = state.value(resource)?;
        if before.number(0).is_none_or(|count| count >= limit as f64) {
            return Err(Error::usage(format!(
                "the counter reached its limit of {limit}"
            )));
        }
        state.change(resource, |value| {
            if let Some([count]) = value.values_mut::<i32>() {
                *count += 1;
            } else if let Some([count]) = value.values_mut::<i64>() {
                *count += 1;
            }
            Ok(())
        })?;
        Ok(vec![before])
    })
}

/// Whether both are of this type.
fn changed_by<T: Element>(value: &mut Tensor, by: &Tensor, f: fn(T, T) -> T) -> bool {
    let (Some(value), Some(by)) = (value.values_mut::<T>(), by.values::<T>()) else {
        return false;
    };
    for (v, &by) in value.iter_mut().zip(by) {
        *v = f(*v, by);
    }
    true
}

/// What a variable is known to be before it is read.
fn held(cx: &Context) -> Result<Option<Fact>> {
    match cx.input(0)?.variable {
        Some(id) => stored(cx, id).map(Some),
        None => Ok(None),
    }
}

fn infer_picked(cx: &Context) -> Result<Vec<Fact>> {
    let dtype = cx.out_dtype(0)?;
    let (Some(table), Some(indices)) = (held(cx)?, cx.shape(1)?.dims()) else {
        return cx.one(dtype, Shape::UNKNOWN);
    };
    let batch = usize::try_from(cx.attr_int("batch_dims", 0)).unwrap_or(0);
    let dims = table.shape.dims().and_then(|table| {
        let (before, after) = (table.get(..batch)?, table.get(batch + 1..)?);
        Some([before, indices.get(batch..)?, after].concat())
    });
    cx.one(dtype, Shape(dims))
}

/// Rows of a variable.
fn pick(cx: &Context) -> Result<Prepared> {
    let batch = usize::try_from(cx.attr_int("batch_dims", 0)).unwrap_or(0);
    Prepared::effect(move |inputs, state| {
        let table = state.value(state::handle(&inputs, 0)?)?;
        let at = state::tensor(&inputs, 1)?;
        let indices = whole_numbers(&View::of(at))?;
        let (Some(size), Some(bytes)) = (table.dtype().size(), table.bytes()) else {
            return Err(Error::unsupported(format!("rows of {}", table.dtype())));
        };
        if table.rank() <= batch || at.rank() < batch {
            return Err(Error::usage(format!("rows of {:?}", table.shape())));
        }
        let shape = [
            &table.shape()[..batch],
            &at.shape()[batch..],
            &table.shape()[batch + 1..],
        ]
        .concat();
        let mut out = Tensor::zeros(table.dtype(), &shape)?;
        if let Some(out) = out.bytes_mut() {
            let (table, at) = (
                (bytes, table.shape()),
                (Places::Int64(&indices), at.shape()),
            );
            movement::gather(size, table, at, batch, batch, out)?;
        }
        Ok(vec![Arc::new(out)])
    })
}

fn infer_picked_nd(cx: &Context) -> Result<Vec<Fact>> {
    let dtype = cx.out_dtype(0)?;
    let (Some(table), Some(indices)) = (held(cx)?, cx.shape(1)?.dims()) else {
        return cx.one(dtype, Shape::UNKNOWN);
    };
    let dims = table.shape.dims().and_then(|table| {
        let (&depth, outer) = indices.split_last()?;
        let after = table.get(usize::try_from(depth).ok()?..)?;
        Some([outer, after].concat())
    });
    cx.one(dtype, Shape(dims))
}

fn pick_nd(_: &Context) -> Result<Prepared> {
    Prepared::effect(|inputs, state| {
        let table = state.value(state::handle(&inputs, 0)?)?;
        let at = state::tensor(&inputs, 1)?;
        let indices = whole_numbers(&View::of(at))?;
        let (Some(size), Some(bytes)) = (table.dtype().size(), table.bytes()) else {
            return Err(Error::unsupported(format!("slices of {}", table.dtype())));
        };
        let depth = at.shape().last().copied().filter(|&d| d <= table.rank());
        let depth = depth.ok_or_else(|| {
            Error::usage(format!(
                "indices of {:?} for {:?}",
                at.shape(),
                table.shape()
            ))
        })?;
        let outer = &at.shape()[..at.rank() - 1];
        let mut out = Tensor::zeros(table.dtype(), &[outer, &table.shape()[depth..]].concat())?;
        if let Some(out) = out.bytes_mut() {
            let (table, at) = ((bytes, table.shape()), (Places::Int64(&indices), depth));
            movement::gather_nd(size, table, at, 0, out)?;
        }
        Ok(vec![Arc::new(out)])
    })
}

fn infer_shape(cx: &Context) -> Result<Vec<Fact>> {
    let rank = held(cx)?.and_then(|fact| fact.shape.rank());
    let dims = rank.map_or(-1, |rank| rank as i64);
    cx.one(cx.out_dtype(0)?, Shape(Some(vec![dims])))
}

fn shape(cx: &Context) -> Result<Prepared> {
    let wide = cx.out_dtype(0)? == DType::Int64;
    Prepared::effect(move |inputs, state| {
        let value = state.value(state::handle(&inputs, 0)?)?;
        let sizes: Vec<i64> = value.shape().iter().map(|&size| size as i64).collect();
        Ok(vec![Arc::new(match wide {
            true => Tensor::from_values(&[sizes.len()], &sizes),
            false => {
                let sizes: Vec<i32> = sizes.iter().map(|&size| size as i32).collect();
                Tensor::from_values(&[sizes.len()], &sizes)
            }
        })])
    })
}

fn infer_initialized(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(DType::Bool, Shape::scalar())
}

fn initialized(_: &Context) -> Result<Prepared> {
    Prepared::effect(|inputs, state| {
        let there = state.value(state::handle(&inputs, 0)?).is_ok();
        Ok(vec![Arc::new(Tensor::typed(
            DType::Bool,
            &[],
            &[u8::from(there)],
        ))])
    })
}

//! Variables that a run changes, and tables.

use std::sync::Arc;

use super::state::{self, Table};
use super::{Constant, Context, Fact, Operator, Prepared};
use crate::error::{Error, Result};
use crate::model::{DType, Resource, Shape, Tensor, TensorData};

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
    Operator::new(&[], &["HASHTABLE"], table, nothing),
    Operator::new(&[], &["HASHTABLE_IMPORT"], |_| Ok(Vec::new()), import).effect(),
    Operator::new(&[], &["HASHTABLE_FIND"], found, find).effect(),
    Operator::new(&[], &["HASHTABLE_SIZE"], size, count).effect(),
];

fn nothing(_: &Context) -> Result<Prepared> {
    Ok(Prepared::Nothing)
}

/// A handle that is known without running.
fn handle(resource: Resource) -> Fact {
    Fact::constant(Constant::ready(Arc::new(Tensor::handle(resource))))
}

/// A handle. In a `.tflite` all subgraphs share variables by container and name.
fn variable(cx: &Context) -> Result<Vec<Fact>> {
    if let Some(id) = cx.node.variable {
        let mut fact = handle(Resource::Stored(id));
        fact.variable = Some(id);
        return Ok(vec![fact]);
    }
    if !cx.tflite() {
        return Err(Error::unsupported("no stored variable belongs to it"));
    }
    let name = |attr: &str| cx.node.attrs.text(attr).unwrap_or_default();
    let name = format!("{}/{}", name("container"), name("shared_name"));
    Ok(vec![handle(Resource::Named(name.into()))])
}

/// The value of a variable of TensorFlow 1, which is also what later operators change.
fn reference(cx: &Context) -> Result<Vec<Fact>> {
    let Some(id) = cx.node.variable else {
        return Err(Error::unsupported("no stored variable belongs to it"));
    };
    let mut fact = stored(cx, id)?;
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

/// A handle of a table, shared by its number.
fn table(cx: &Context) -> Result<Vec<Fact>> {
    let id = cx.attr_int("table_id", 0);
    Ok(vec![handle(Resource::Named(format!("table {id}").into()))])
}

/// Fills a table that is empty; TensorFlow Lite does nothing on a second import.
fn import(_: &Context) -> Result<Prepared> {
    Prepared::effect(|inputs, state| {
        let (keys, values) = (state::tensor(&inputs, 1)?, state::tensor(&inputs, 2)?);
        let filled = match (keys.strings(), values.strings()) {
            (Some(keys), None) => {
                let values = values
                    .values::<i64>()
                    .ok_or_else(|| no_table(keys_of(&inputs)))?;
                Table::Numbers(keys.iter().cloned().zip(values.iter().copied()).collect())
            }
            (None, Some(values)) => {
                let keys = keys
                    .values::<i64>()
                    .ok_or_else(|| no_table(keys_of(&inputs)))?;
                Table::Words(keys.iter().copied().zip(values.iter().cloned()).collect())
            }
            _ => return Err(no_table(keys_of(&inputs))),
        };
        let table = state.table(state::handle(&inputs, 0)?);
        if table.as_ref().is_none_or(|table| table.len() == 0) {
            *table = Some(filled);
        }
        Ok(Vec::new())
    })
}

fn keys_of(inputs: &[Option<Arc<Tensor>>]) -> [DType; 2] {
    [1, 2].map(|at| state::tensor(inputs, at).map_or(DType::Invalid, |t| t.dtype()))
}

fn no_table([keys, values]: [DType; 2]) -> Error {
    Error::unsupported(format!(
        "a table from {keys} to {values}; there are int64 to string and string to int64"
    ))
}

fn found(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.dtype(2)?, cx.shape(1)?.clone())
}

/// Input 2 stands for what is not in the table.
fn find(_: &Context) -> Result<Prepared> {
    Prepared::effect(|inputs, state| {
        let (keys, default) = (state::tensor(&inputs, 1)?, state::tensor(&inputs, 2)?);
        let nothing = || Error::usage("the default value of the table is missing");
        let table = state.table(state::handle(&inputs, 0)?);
        let found = match (keys.strings(), default.strings()) {
            (Some(keys), None) => {
                let default = default.values::<i64>().and_then(|v| v.first().copied());
                let default = default.ok_or_else(nothing)?;
                let (Some(Table::Numbers(_)) | None) = table else {
                    return Err(no_table(keys_of(&inputs)));
                };
                let value = |key: &Vec<u8>| match table {
                    Some(Table::Numbers(map)) => map.get(key).copied().unwrap_or(default),
                    _ => default,
                };
                let values: Vec<i64> = keys.iter().map(value).collect();
                Tensor::from_values(state::tensor(&inputs, 1)?.shape(), &values)
            }
            (None, Some(default)) => {
                let default = default.first().ok_or_else(nothing)?;
                let (Some(Table::Words(_)) | None) = table else {
                    return Err(no_table(keys_of(&inputs)));
                };
                let keys = keys
                    .values::<i64>()
                    .ok_or_else(|| no_table(keys_of(&inputs)))?;
                let value = |key: &i64| match table {
                    Some(Table::Words(map)) => map.get(key).unwrap_or(default).clone(),
                    _ => default.clone(),
                };
                let values = keys.iter().map(value).collect();
                Tensor::from_strings(state::tensor(&inputs, 1)?.shape(), values)
            }
            _ => return Err(no_table(keys_of(&inputs))),
        };
        Ok(vec![Arc::new(found)])
    })
}

fn size(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(DType::Int64, Shape::of(&[1]))
}

fn count(_: &Context) -> Result<Prepared> {
    Prepared::effect(|inputs, state| {
        let table = state.table(state::handle(&inputs, 0)?);
        let count = table.as_ref().map_or(0, Table::len) as i64;
        Ok(vec![Arc::new(Tensor::from_values(&[1], &[count]))])
    })
}

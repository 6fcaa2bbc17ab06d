//! Tables from keys to values.

use std::collections::HashMap;
use std::sync::Arc;

use super::state;
use super::types::with_type;
use super::variables::handle;
use super::{Context, Fact, Operator, Prepared};
use crate::error::{Error, Result};
use crate::kernels::text::read::Read;
use crate::model::{DType, Node, Resource, Shape, Tensor};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        &[
            "HashTable",
            "HashTableV2",
            "MutableHashTable",
            "MutableHashTableV2",
            "MutableHashTableOfTensors",
            "MutableHashTableOfTensorsV2",
            "MutableDenseHashTable",
            "MutableDenseHashTableV2",
            "AnonymousHashTable",
            "AnonymousMutableHashTable",
            "AnonymousMutableHashTableOfTensors",
            "AnonymousMutableDenseHashTable",
        ],
        &["HASHTABLE"],
        table,
        |_| Ok(Prepared::Nothing),
    ),
    Operator::new(
        &[
            "LookupTableImport",
            "LookupTableImportV2",
            "LookupTableInsert",
            "LookupTableInsertV2",
            "InitializeTable",
            "InitializeTableV2",
        ],
        &["HASHTABLE_IMPORT"],
        |_| Ok(Vec::new()),
        import,
    )
    .effect(),
    Operator::new(
        &[
            "InitializeTableFromTextFile",
            "InitializeTableFromTextFileV2",
        ],
        &[],
        |_| Ok(Vec::new()),
        import_file,
    )
    .effect(),
    Operator::new(&["LookupTableRemoveV2"], &[], |_| Ok(Vec::new()), remove).effect(),
    Operator::new(
        &["LookupTableFind", "LookupTableFindV2"],
        &["HASHTABLE_FIND"],
        found,
        find,
    )
    .effect(),
    Operator::new(
        &["LookupTableSize", "LookupTableSizeV2"],
        &["HASHTABLE_SIZE"],
        size,
        count,
    )
    .effect(),
    Operator::new(
        &["LookupTableExport", "LookupTableExportV2"],
        &[],
        infer_export,
        export,
    )
    .effect(),
];

/// Keys in the order in which they came, each with its row of values.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    places: HashMap<Vec<u8>, usize>,
    keys: Vec<Option<Vec<u8>>>,
    rows: Vec<Row>,
}

#[derive(Debug, Clone, PartialEq)]
enum Row {
    Bytes(Vec<u8>),
    Strings(Vec<Vec<u8>>),
}

impl Table {
    /// What a checkpoint has of a table. Tables with open places store these too, under one key: keys that stand there
    /// more than once are none.
    ///
    /// # Errors
    /// Keys and values that don't belong together.
    pub fn restored(new: &Tensor, values: &Tensor) -> Result<Self> {
        let keys = keys(new)?;
        let rows = rows(values, keys.len())?;
        if rows.len() != keys.len() {
            return Err(Error::unreadable(format!(
                "{} keys of a table for {:?}",
                keys.len(),
                values.shape()
            )));
        }
        let mut times: HashMap<Vec<u8>, usize> = HashMap::new();
        for key in &keys {
            *times.entry(key.clone()).or_default() += 1;
        }
        let mut table = Table::default();
        for (key, row) in keys.into_iter().zip(rows) {
            if times.get(&key) == Some(&1) {
                table.insert(key, row);
            }
        }
        Ok(table)
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    fn insert(&mut self, key: Vec<u8>, row: Row) {
        match self.places.get(&key) {
            Some(&place) => self.rows[place] = row,
            None => {
                self.places.insert(key.clone(), self.rows.len());
                self.keys.push(Some(key));
                self.rows.push(row);
            }
        }
    }

    fn remove(&mut self, key: &[u8]) {
        if let Some(place) = self.places.remove(key) {
            self.keys[place] = None;
        }
    }

    fn get(&self, key: &[u8]) -> Option<&Row> {
        self.places.get(key).map(|&place| &self.rows[place])
    }
}

/// Elements or rows of `tensor`, `count` of them.
fn rows(tensor: &Tensor, count: usize) -> Result<Vec<Row>> {
    if let Some(strings) = tensor.strings() {
        let width = strings.len().checked_div(count).unwrap_or(0);
        let rows = strings
            .chunks(width.max(1))
            .map(|row| Row::Strings(row.to_vec()));
        return Ok(rows.collect());
    }
    let bytes = tensor
        .bytes()
        .ok_or_else(|| Error::unsupported(format!("a table of {}", tensor.dtype())))?;
    let width = bytes.len().checked_div(count).unwrap_or(0);
    Ok(bytes
        .chunks(width.max(1))
        .map(|row| Row::Bytes(row.to_vec()))
        .collect())
}

fn keys(tensor: &Tensor) -> Result<Vec<Vec<u8>>> {
    let keys = rows(tensor, tensor.len())?
        .into_iter()
        .map(|row| match row {
            Row::Bytes(bytes) => bytes,
            Row::Strings(mut strings) => strings.pop().unwrap_or_default(),
        });
    Ok(keys.collect())
}

/// The rows as one tensor.
fn gathered<'r>(
    dtype: DType,
    shape: &[usize],
    rows: impl Iterator<Item = &'r Row>,
) -> Result<Tensor> {
    if dtype == DType::String {
        let mut strings = Vec::new();
        for row in rows {
            match row {
                Row::Strings(row) => strings.extend(row.iter().cloned()),
                Row::Bytes(_) => return Err(Error::unsupported("a table of other values")),
            }
        }
        if crate::model::shape::element_count(shape) != Some(strings.len()) {
            return Err(Error::usage(format!(
                "{} strings for {shape:?}",
                strings.len()
            )));
        }
        return Ok(Tensor::from_strings(shape, strings));
    }
    let mut bytes = Vec::new();
    for row in rows {
        match row {
            Row::Bytes(row) => bytes.extend_from_slice(row),
            Row::Strings(_) => return Err(Error::unsupported("a table of strings")),
        }
    }
    Tensor::from_bytes(dtype, shape, &bytes)
}

/// The table of TensorFlow's that a node stands for: the same for all who share its name.
pub fn table_of(node: &Node) -> Resource {
    let shared = node
        .attrs
        .text("shared_name")
        .filter(|name| !name.is_empty());
    let container = node.attrs.text("container").unwrap_or_default();
    Resource::Named(format!("{container}/{}", shared.unwrap_or(&node.name)).into())
}

/// A handle; in a .tflite tables go by numbers.
fn table(cx: &Context) -> Result<Vec<Fact>> {
    let resource = match cx.tflite() {
        true => Resource::Named(format!("table {}", cx.attr_int("table_id", 0)).into()),
        false => table_of(cx.node),
    };
    Ok(vec![handle(resource)])
}

/// What TensorFlow Lite has tables for.
fn check_lite(cx: &Context, keys: usize, values: usize) -> Result<()> {
    match (cx.dtype(keys)?, cx.dtype(values)?) {
        (DType::Int64, DType::String) | (DType::String, DType::Int64) => Ok(()),
        (keys, values) if cx.tflite() => Err(cx.unsupported(format!(
            "a table from {keys} to {values}; there are int64 to string and string to int64"
        ))),
        _ => Ok(()),
    }
}

/// Puts keys and values in. TensorFlow Lite does nothing where the table has some already, an import of TensorFlow
/// replaces all.
fn import(cx: &Context) -> Result<Prepared> {
    check_lite(cx, 1, 2)?;
    let lite = cx.tflite();
    let anew = cx.node.op.starts_with("LookupTableImport");
    Prepared::effect(move |inputs, state| {
        let (new, values) = (state::tensor(&inputs, 1)?, state::tensor(&inputs, 2)?);
        let keys = keys(new)?;
        let rows = rows(values, keys.len())?;
        let table = state.table_mut(state::handle(&inputs, 0)?);
        if lite && table.len() > 0 {
            return Ok(Vec::new());
        }
        if anew {
            *table = Table::default();
        }
        if rows.len() != keys.len() {
            return Err(Error::usage(format!(
                "{} keys for {:?}",
                keys.len(),
                values.shape()
            )));
        }
        for (key, row) in keys.into_iter().zip(rows) {
            table.insert(key, row);
        }
        Ok(Vec::new())
    })
}

/// A whole line, or its number, in place of a column.
const WHOLE_LINE: i64 = -2;
const LINE_NUMBER: i64 = -1;

/// How the lines of a file are read as keys and values.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    /// Columns.
    pub key: i64,
    pub value: i64,
    pub types: [DType; 2],
    pub delimiter: Vec<u8>,
    /// Lines left out at the beginning, and how many are read then.
    pub skip: usize,
    pub most: usize,
}

impl Lines {
    fn of(cx: &Context) -> Result<Self> {
        let [key, value] = ["key_index", "value_index"].map(|attr| cx.attr_int(attr, 0));
        let table = cx.node.input(0).ok_or_else(|| cx.wrong("no table"))?;
        let node = cx.graph.producer(table);
        let dtype = |attr: &str, index: i64| {
            let told = node.and_then(|node| node.attrs.dtype(attr));
            told.unwrap_or(if index == LINE_NUMBER {
                DType::Int64
            } else {
                DType::String
            })
        };
        let delimiter = cx.node.attrs.text("delimiter").unwrap_or("\t");
        Ok(Lines {
            key,
            value,
            types: [dtype("key_dtype", key), dtype("value_dtype", value)],
            delimiter: delimiter.as_bytes().to_vec(),
            skip: usize::try_from(cx.attr_int("offset", 0)).unwrap_or(0),
            most: usize::try_from(cx.attr_int("vocab_size", -1)).unwrap_or(usize::MAX),
        })
    }

    /// Puts what `text` tells into `table`.
    ///
    /// # Errors
    /// A line without a column that is asked for, or with none of its type in it.
    pub fn read(&self, text: &[u8], table: &mut Table) -> Result<()> {
        let lines = text.split_inclusive(|&byte| byte == b'\n');
        let lines = lines.map(|line| line.strip_suffix(b"\n").unwrap_or(line));
        for (number, line) in lines.skip(self.skip).take(self.most).enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let cell = |index: i64, dtype: DType| cell(line, number, index, &self.delimiter, dtype);
            let key = match cell(self.key, self.types[0])? {
                Row::Bytes(bytes) => bytes,
                Row::Strings(mut strings) => strings.pop().unwrap_or_default(),
            };
            table.insert(key, cell(self.value, self.types[1])?);
        }
        Ok(())
    }
}

/// A line of a file that travels with the model for each key.
fn import_file(cx: &Context) -> Result<Prepared> {
    let lines = Lines::of(cx)?;
    Prepared::effect(move |inputs, state| {
        let name = state::tensor(&inputs, 1)?
            .strings()
            .and_then(|names| names.first());
        let name = name
            .ok_or_else(|| Error::usage("the name of the file is no text"))?
            .clone();
        let text = state.file(&name)?;
        lines.read(&text, state.table_mut(state::handle(&inputs, 0)?))?;
        Ok(Vec::new())
    })
}

fn cell(line: &[u8], number: usize, index: i64, delimiter: &[u8], dtype: DType) -> Result<Row> {
    let text = match index {
        LINE_NUMBER => return Ok(Row::Bytes((number as i64).to_le_bytes().to_vec())),
        WHOLE_LINE => line,
        _ => {
            let column = usize::try_from(index).unwrap_or(usize::MAX);
            let mut columns = line.split(|byte| delimiter.first() == Some(byte));
            columns.nth(column).ok_or_else(|| {
                Error::usage(format!(
                    "line {number} of a vocabulary has no column {index}"
                ))
            })?
        }
    };
    Ok(match dtype {
        DType::Int64 | DType::Int32 | DType::Float32 | DType::Float64 => {
            let bytes = with_type!(dtype, T in [
                Int32: i32, Int64: i64, Float32: f32, Float64: f64,
            ] => T::read(text).map(|value| value.to_le_bytes().to_vec()), else None);
            Row::Bytes(bytes.ok_or_else(|| {
                Error::usage(format!("line {number} of a vocabulary is no {dtype}"))
            })?)
        }
        _ => Row::Strings(vec![text.to_vec()]),
    })
}

fn remove(_: &Context) -> Result<Prepared> {
    Prepared::effect(|inputs, state| {
        let gone = keys(state::tensor(&inputs, 1)?)?;
        let table = state.table_mut(state::handle(&inputs, 0)?);
        gone.iter().for_each(|key| table.remove(key));
        Ok(Vec::new())
    })
}

fn found(cx: &Context) -> Result<Vec<Fact>> {
    let (keys, default) = (cx.shape(1)?.dims(), cx.shape(2)?.dims());
    let dims = match (keys, default) {
        (Some(keys), Some(row)) => Some([keys, row].concat()),
        _ => None,
    };
    let lite = cx.tflite().then(|| cx.shape(1).cloned());
    cx.one(cx.dtype(2)?, lite.transpose()?.unwrap_or(Shape(dims)))
}

/// Input 2 stands for what is not in the table: one row, or one for each key.
fn find(cx: &Context) -> Result<Prepared> {
    check_lite(cx, 1, 2)?;
    let lite = cx.tflite();
    Prepared::effect(move |inputs, state| {
        let (wanted, default) = (state::tensor(&inputs, 1)?, state::tensor(&inputs, 2)?);
        let row: &[usize] = if lite { &[] } else { default.shape() };
        let default_row = rows(default, 1)?.into_iter().next();
        let default_row =
            default_row.ok_or_else(|| Error::usage("the default value of the table is missing"))?;
        let keys = keys(wanted)?;
        let table = state.table(state::handle(&inputs, 0)?);
        let rows = keys
            .iter()
            .map(|key| table.get(key).unwrap_or(&default_row));
        let shape = [wanted.shape(), row].concat();
        Ok(vec![Arc::new(gathered(default.dtype(), &shape, rows)?)])
    })
}

fn size(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(
        DType::Int64,
        if cx.tflite() {
            Shape::of(&[1])
        } else {
            Shape::scalar()
        },
    )
}

fn count(cx: &Context) -> Result<Prepared> {
    let shape: &[usize] = if cx.tflite() { &[1] } else { &[] };
    Prepared::effect(move |inputs, state| {
        let count = state.table(state::handle(&inputs, 0)?).len() as i64;
        Ok(vec![Arc::new(Tensor::from_values(shape, &[count]))])
    })
}

fn infer_export(cx: &Context) -> Result<Vec<Fact>> {
    let keys = Fact::new(cx.out_dtype(0)?, Shape(Some(vec![-1])));
    Ok(vec![keys, Fact::new(cx.out_dtype(1)?, Shape::UNKNOWN)])
}

fn export(cx: &Context) -> Result<Prepared> {
    let (key, value) = (cx.out_dtype(0)?, cx.out_dtype(1)?);
    Prepared::effect(move |inputs, state| {
        let table = state.table(state::handle(&inputs, 0)?);
        let there = table.keys.iter().zip(&table.rows);
        let there: Vec<_> = there
            .filter_map(|(key, row)| Some((key.as_ref()?, row)))
            .collect();
        let keys: Vec<Row> = (there.iter())
            .map(|(bytes, _)| match key {
                DType::String => Row::Strings(vec![(*bytes).clone()]),
                _ => Row::Bytes((*bytes).clone()),
            })
            .collect();
        let count = there.len();
        let width = there.first().map_or(1, |(_, row)| match row {
            Row::Strings(row) => row.len(),
            Row::Bytes(row) => row.len() / value.size().unwrap_or(1),
        });
        let shape: &[usize] = if width == 1 {
            &[count]
        } else {
            &[count, width]
        };
        Ok(vec![
            Arc::new(gathered(key, &[count], keys.iter())?),
            Arc::new(gathered(value, shape, there.iter().map(|(_, row)| *row))?),
        ])
    })
}

//! Records of training data taken apart: `tf.Example`, rows of CSV, raw bytes.

mod sequences;

use std::collections::HashMap;

use super::segment::{view, whole_numbers};
use super::tokens::numbers;
use super::types::with_type;
use super::{Context, Fact, Operator, Prepared, View};
use crate::error::{Error, Result};
use crate::format::example::{self, Feature};
use crate::format::example_json;
use crate::kernels::text::read::Read;
use crate::memory;
use crate::model::shape::element_count;
use crate::model::{Attr, DType, Element, Shape, Tensor};

pub(super) use sequences::OPERATORS as SEQUENCES;

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        &["ParseExample", "ParseExampleV2", "ParseSingleExample"],
        &[],
        infer_declared,
        prepare,
    ),
    Operator::new(
        &["DecodeJSONExample"],
        &[],
        |cx| cx.one(DType::String, cx.shape(0)?.clone()),
        prepare_json,
    ),
    Operator::new(&["DecodeRaw"], &[], infer_declared, prepare_raw),
    Operator::new(&["DecodePaddedRaw"], &[], infer_declared, prepare_padded),
    Operator::new(&["DecodeCSV"], &[], infer_declared, prepare_csv),
];

/// Types that the node says; sizes are values of the run.
fn infer_declared(cx: &Context) -> Result<Vec<Fact>> {
    let outputs = 0..cx.node.outputs.len();
    outputs
        .map(|at| Ok(Fact::new(cx.out_dtype(at)?, Shape::UNKNOWN)))
        .collect()
}

/// Where the names of features come from.
pub(super) enum Keys {
    /// Inputs from this one on, one name each.
    Inputs(usize, usize),
    /// All in one input.
    Together(usize),
    Known(Vec<Vec<u8>>),
}

impl Keys {
    pub fn read(&self, inputs: &[Option<View<'_>>]) -> Result<Vec<Vec<u8>>> {
        match self {
            Keys::Inputs(first, count) => (*first..first + count)
                .map(|at| {
                    let key = view(inputs, at)?.strings()?.first().cloned();
                    key.ok_or_else(|| Error::usage("a feature without a name"))
                })
                .collect(),
            Keys::Together(at) => Ok(view(inputs, *at)?.strings()?.to_vec()),
            Keys::Known(keys) => Ok(keys.clone()),
        }
    }
}

/// What the node wants of each record.
struct Form {
    sparse: Keys,
    sparse_types: Vec<DType>,
    dense: Keys,
    dense_shapes: Vec<Shape>,
    ragged: Keys,
    ragged_types: Vec<(DType, DType)>,
    /// The first of the defaults.
    defaults: usize,
}

pub(super) fn types(cx: &Context, attr: &str) -> Vec<DType> {
    let list = cx.node.attrs.list(attr).unwrap_or_default();
    list.iter().filter_map(Attr::as_dtype).collect()
}

pub(super) fn texts(cx: &Context, attr: &str) -> Vec<Vec<u8>> {
    let list = cx.node.attrs.list(attr).unwrap_or_default();
    let text = |attr: &Attr| match attr {
        Attr::Bytes(bytes) => bytes.to_vec(),
        other => other.as_text().unwrap_or_default().as_bytes().to_vec(),
    };
    list.iter().map(text).collect()
}

fn prepare(cx: &Context) -> Result<Prepared> {
    let count = |attr: &str| usize::try_from(cx.attr_int(attr, 0)).unwrap_or(0);
    let shapes = cx.node.attrs.list("dense_shapes").unwrap_or_default();
    let none = || Keys::Known(Vec::new());
    let ragged = types(cx, "ragged_value_types").into_iter();
    let ragged_types = ragged.zip(types(cx, "ragged_split_types")).collect();
    let inputs = cx.node.inputs.len();
    let (sparse, dense, ragged, defaults) = match &*cx.node.op {
        "ParseExampleV2" => (Keys::Together(2), Keys::Together(3), Keys::Together(4), 5),
        "ParseExample" => {
            let (sparse, dense) = (count("Nsparse"), count("Ndense"));
            let first = 2 + sparse;
            (
                Keys::Inputs(2, sparse),
                Keys::Inputs(first, dense),
                none(),
                first + dense,
            )
        }
        _ => {
            let (sparse, dense) = (texts(cx, "sparse_keys"), texts(cx, "dense_keys"));
            (Keys::Known(sparse), Keys::Known(dense), none(), 1)
        }
    };
    if defaults > inputs {
        return Err(cx.wrong(format!("{inputs} inputs")));
    }
    let form = Form {
        sparse,
        sparse_types: types(cx, "sparse_types"),
        dense,
        dense_shapes: shapes.iter().filter_map(Attr::as_shape).cloned().collect(),
        ragged,
        ragged_types,
        defaults,
    };
    Prepared::compute(move |inputs| form.parse(inputs))
}

type Record<'r> = HashMap<&'r [u8], Feature>;

impl Form {
    fn parse(&self, inputs: &[Option<View<'_>>]) -> Result<Vec<Tensor>> {
        let records = view(inputs, 0)?;
        let batched = !records.shape.is_empty();
        let features = records
            .strings()?
            .iter()
            .map(|record| example::features(record));
        let records: Vec<Record> = features.collect::<Result<_>>()?;
        let (mut indices, mut values, mut shapes) = (Vec::new(), Vec::new(), Vec::new());
        for (key, &dtype) in self.sparse.read(inputs)?.iter().zip(&self.sparse_types) {
            let mut places = Vec::new();
            let (mut all, mut widest) = (Values::new(dtype)?, 0);
            for (row, record) in records.iter().enumerate() {
                let Some(feature) = record.get(&**key) else {
                    continue;
                };
                all.push(feature, key)?;
                widest = widest.max(feature.len());
                for column in 0..feature.len() as i64 {
                    places.extend(batched.then_some(row as i64));
                    places.push(column);
                }
            }
            let rank = 1 + usize::from(batched);
            indices.push(Tensor::from_values(&[all.len(), rank], &places));
            let count = all.len();
            values.push(all.tensor(&[count]));
            let shape = [records.len() as i64, widest as i64];
            let shape = if batched { &shape[..] } else { &shape[1..] };
            shapes.push(Tensor::from_values(&[shape.len()], shape));
        }
        let mut out = indices;
        out.extend(values);
        out.extend(shapes);
        for (at, key) in self.dense.read(inputs)?.iter().enumerate() {
            let default = view(inputs, self.defaults + at)?;
            let shape = self.dense_shapes.get(at);
            out.push(dense(&records, key, &default, shape, batched)?);
        }
        let mut splits = Vec::new();
        for (key, &(dtype, ends)) in self.ragged.read(inputs)?.iter().zip(&self.ragged_types) {
            let (mut all, mut rows) = (Values::new(dtype)?, vec![0i64]);
            for record in &records {
                if let Some(feature) = record.get(&**key) {
                    all.push(feature, key)?;
                }
                rows.push(all.len() as i64);
            }
            let count = all.len();
            out.push(all.tensor(&[count]));
            splits.push(numbers(ends, &[rows.len()], &rows));
        }
        out.extend(splits);
        Ok(out)
    }
}

/// A feature as a full tensor with a row per record.
fn dense(
    records: &[Record<'_>],
    key: &[u8],
    default: &View<'_>,
    shape: Option<&Shape>,
    batched: bool,
) -> Result<Tensor> {
    let name = || String::from_utf8_lossy(key).into_owned();
    let dims = shape.and_then(|shape| shape.dims()).unwrap_or_default();
    let open = dims.first() == Some(&-1);
    let too_large = || {
        Error::usage(format!(
            "the feature {:?} of {dims:?} for {} records is too large",
            name(),
            records.len()
        ))
    };
    let sizes = dims.iter().skip(usize::from(open));
    let sizes: Vec<usize> = sizes.map(|&d| d.max(0) as usize).collect();
    let inner = element_count(&sizes).ok_or_else(too_large)?;
    let found = records.iter().filter_map(|record| record.get(key));
    let widest = found.map(Feature::len).max().unwrap_or(0);
    let width = match open {
        true => (widest.div_ceil(inner.max(1)).checked_mul(inner)).ok_or_else(too_large)?,
        false => inner,
    };
    let filler = Values::of(default)?;
    // Rows are filled up by the node's own sizes, however short the records are.
    let bytes =
        element_count(&[records.len(), width, filler.bytes_each()]).ok_or_else(too_large)?;
    memory::ask("the values of a feature", bytes)?;
    let mut all = Values::new(default.dtype)?;
    for record in records {
        match record
            .get(key)
            .filter(|feature| !feature.is_empty() || width == 0)
        {
            Some(feature) => {
                let (before, count) = (all.len(), feature.len());
                if !open && count != width || open && count % inner.max(1) != 0 {
                    return Err(Error::usage(format!(
                        "{count} values of the feature {:?}, expected {width}",
                        name()
                    )));
                }
                all.push(feature, key)?;
                while all.len() < before + width {
                    all.push_one(&filler, 0)?;
                }
            }
            None if filler.len() == 0 && !open => {
                return Err(Error::usage(format!(
                    "a record lacks the feature {:?}, which has no default",
                    name()
                )));
            }
            None => {
                for at in 0..width {
                    all.push_one(&filler, if filler.len() == width { at } else { 0 })?;
                }
            }
        }
    }
    let mut sizes: Vec<usize> = dims.iter().map(|&d| d.max(0) as usize).collect();
    if let (true, Some(first)) = (open, sizes.first_mut()) {
        *first = width.checked_div(inner).unwrap_or(0);
    }
    if batched {
        sizes.insert(0, records.len());
    }
    Ok(all.tensor(&sizes))
}

/// Values of one of the three types that features have.
pub(super) struct Values(pub Feature);

impl Values {
    pub fn new(dtype: DType) -> Result<Self> {
        match dtype {
            DType::String => Ok(Values(Feature::Bytes(Vec::new()))),
            DType::Float32 => Ok(Values(Feature::Floats(Vec::new()))),
            DType::Int64 => Ok(Values(Feature::Ints(Vec::new()))),
            other => Err(Error::unsupported(format!("a feature of {other}"))),
        }
    }

    /// One zero, or an empty string.
    pub fn filler(dtype: DType) -> Result<Self> {
        let mut one = Self::new(dtype)?;
        match &mut one.0 {
            Feature::Bytes(all) => all.push(Vec::new()),
            Feature::Floats(all) => all.push(0.0),
            Feature::Ints(all) => all.push(0),
        }
        Ok(one)
    }

    pub fn of(view: &View<'_>) -> Result<Self> {
        Ok(Values(match view.dtype {
            DType::String => Feature::Bytes(view.strings()?.to_vec()),
            DType::Float32 => Feature::Floats(view.values::<f32>()?.to_vec()),
            _ => Feature::Ints(view.values::<i64>()?.to_vec()),
        }))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Bytes that a copy of one value takes at most.
    pub fn bytes_each(&self) -> usize {
        match &self.0 {
            Feature::Bytes(all) => {
                let longest = all.iter().map(Vec::len).max();
                size_of::<Vec<u8>>() + longest.unwrap_or(0)
            }
            Feature::Floats(_) => size_of::<f32>(),
            Feature::Ints(_) => size_of::<i64>(),
        }
    }

    pub fn push(&mut self, feature: &Feature, key: &[u8]) -> Result<()> {
        match (&mut self.0, feature) {
            (Feature::Bytes(all), Feature::Bytes(more)) => all.extend_from_slice(more),
            (Feature::Floats(all), Feature::Floats(more)) => all.extend(more),
            (Feature::Ints(all), Feature::Ints(more)) => all.extend(more),
            _ => {
                let name = String::from_utf8_lossy(key);
                return Err(Error::usage(format!(
                    "the feature {name:?} has another type"
                )));
            }
        }
        Ok(())
    }

    pub fn push_one(&mut self, from: &Values, at: usize) -> Result<()> {
        let missing = || Error::usage("a default without values");
        match (&mut self.0, &from.0) {
            (Feature::Bytes(all), Feature::Bytes(from)) => {
                all.push(from.get(at).cloned().unwrap_or_default());
            }
            (Feature::Floats(all), Feature::Floats(from)) => {
                all.push(from.get(at).copied().unwrap_or_default());
            }
            (Feature::Ints(all), Feature::Ints(from)) => {
                all.push(from.get(at).copied().unwrap_or_default());
            }
            _ => return Err(missing()),
        }
        Ok(())
    }

    pub fn tensor(self, shape: &[usize]) -> Tensor {
        match self.0 {
            Feature::Bytes(values) => Tensor::from_strings(shape, values),
            Feature::Floats(values) => Tensor::from_values(shape, &values),
            Feature::Ints(values) => Tensor::from_values(shape, &values),
        }
    }
}

fn prepare_json(_: &Context) -> Result<Prepared> {
    Prepared::compute(|inputs| {
        let x = view(inputs, 0)?;
        let records = x.strings()?.iter();
        let records = records.map(|text| example_json::serialized(text));
        let records = records.collect::<Result<Vec<_>>>()?;
        Ok(vec![Tensor::from_strings(x.shape, records)])
    })
}

/// The bytes of strings of one length as numbers.
fn prepare_raw(cx: &Context) -> Result<Prepared> {
    let dtype = cx.out_dtype(0)?;
    let little = cx.node.attrs.bool("little_endian").unwrap_or(true);
    let size = dtype.size().ok_or_else(|| cx.no_kernel(dtype))?;
    Prepared::compute(move |inputs| {
        let x = view(inputs, 0)?;
        let strings = x.strings()?;
        let length = strings.first().map_or(0, Vec::len);
        if strings.iter().any(|s| s.len() != length) || length % size != 0 {
            return Err(Error::usage(format!(
                "strings that are not all as long, or of no whole number of {dtype}"
            )));
        }
        let mut bytes = strings.concat();
        if !little {
            bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
        }
        let shape = [x.shape, &[length / size]].concat();
        Ok(vec![Tensor::from_bytes(dtype, &shape, &bytes)?])
    })
}

/// The same of strings that are cut, or filled up with zeros, to a length that an input tells.
fn prepare_padded(cx: &Context) -> Result<Prepared> {
    let dtype = cx.out_dtype(0)?;
    let little = cx.node.attrs.bool("little_endian").unwrap_or(true);
    let size = dtype.size().ok_or_else(|| cx.no_kernel(dtype))?;
    Prepared::compute(move |inputs| {
        let x = view(inputs, 0)?;
        let told = whole_numbers(&view(inputs, 1)?)?
            .first()
            .copied()
            .unwrap_or(0);
        let length = usize::try_from(told).ok();
        let length = length.filter(|&length| length > 0 && length.is_multiple_of(size));
        let length = length.ok_or_else(|| {
            Error::usage(format!(
                "a length of {told}, expected whole numbers of {size} bytes"
            ))
        })?;
        let shape = [x.shape, &[length / size]].concat();
        let mut out = Tensor::zeros(dtype, &shape)?;
        let rows = out.bytes_mut().unwrap_or_default().chunks_exact_mut(length);
        for (row, text) in rows.zip(x.strings()?) {
            let count = text.len().min(length);
            row[..count].copy_from_slice(&text[..count]);
            if !little {
                row.chunks_exact_mut(size).for_each(<[u8]>::reverse);
            }
        }
        Ok(vec![out])
    })
}

/// Rows of text to columns, each of its own type with its own default.
fn prepare_csv(cx: &Context) -> Result<Prepared> {
    let delimiter = texts_of(cx, "field_delim").first().copied().unwrap_or(b',');
    let quotes = cx.node.attrs.bool("use_quote_delim").unwrap_or(true);
    let missing = texts_of(cx, "na_value");
    let columns: Option<Vec<i64>> = cx
        .node
        .attrs
        .ints("select_cols")
        .filter(|list| !list.is_empty());
    let dtypes: Vec<DType> = (0..cx.node.outputs.len())
        .map(|at| cx.out_dtype(at))
        .collect::<Result<_>>()?;
    Prepared::compute(move |inputs| {
        let x = view(inputs, 0)?;
        let mut cells: Vec<Vec<Vec<u8>>> = vec![Vec::new(); dtypes.len()];
        for (row, line) in x.strings()?.iter().enumerate() {
            let mut fields = fields(line, delimiter, quotes);
            if let Some(columns) = &columns {
                let pick = |&at: &i64| {
                    usize::try_from(at)
                        .ok()
                        .and_then(|at| fields.get(at).cloned())
                };
                fields = columns.iter().filter_map(pick).collect();
            }
            if fields.len() != dtypes.len() {
                return Err(Error::usage(format!(
                    "{} fields in row {row}, expected {}",
                    fields.len(),
                    dtypes.len()
                )));
            }
            for (cells, field) in cells.iter_mut().zip(fields) {
                cells.push(field);
            }
        }
        let mut out = Vec::new();
        for (at, (cells, &dtype)) in cells.iter().zip(&dtypes).enumerate() {
            let default = view(inputs, 1 + at)?;
            let absent = |cell: &Vec<u8>| cell.is_empty() || *cell == missing;
            let lacking = || Error::usage(format!("column {at} lacks a value and has no default"));
            if dtype == DType::String {
                let default = default.strings()?.first();
                let value = |cell: &Vec<u8>| match absent(cell) {
                    true => default.cloned().ok_or_else(lacking),
                    false => Ok(cell.clone()),
                };
                let values = cells.iter().map(value).collect::<Result<_>>()?;
                out.push(Tensor::from_strings(x.shape, values));
                continue;
            }
            out.push(with_type!(dtype, T in [
                Float32: f32, Float64: f64, Int32: i32, Int64: i64,
            ] => {
                let values = column::<T>(cells, &absent, default.values::<T>()?.first(), &lacking)?;
                Tensor::from_values(x.shape, &values)
            }, else return Err(Error::unsupported(format!("a column of {dtype}")))));
        }
        Ok(out)
    })
}

/// The numbers of a column, the default where a cell has none.
fn column<T: Element + Read>(
    cells: &[Vec<u8>],
    absent: &dyn Fn(&Vec<u8>) -> bool,
    default: Option<&T>,
    lacking: &dyn Fn() -> Error,
) -> Result<Vec<T>> {
    let mut values = Vec::with_capacity(cells.len());
    for cell in cells {
        values.push(match absent(cell) {
            true => *default.ok_or_else(lacking)?,
            false => number::<T>(cell)?,
        });
    }
    Ok(values)
}

fn texts_of(cx: &Context, attr: &str) -> Vec<u8> {
    match cx.attr(attr) {
        Some(Attr::Bytes(bytes)) => bytes.to_vec(),
        Some(other) => other.as_text().unwrap_or_default().as_bytes().to_vec(),
        None => Vec::new(),
    }
}

pub(super) fn number<T: Element + Read>(field: &[u8]) -> Result<T> {
    T::read(field).ok_or_else(|| {
        let field = String::from_utf8_lossy(field);
        Error::usage(format!("the field {field:?} is no {}", T::DTYPE))
    })
}

/// Fields of a line; within quotes the delimiter is text and two quotes are one.
pub(super) fn fields(line: &[u8], delimiter: u8, quotes: bool) -> Vec<Vec<u8>> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let mut field = Vec::new();
        if quotes && rest.first() == Some(&b'"') {
            rest = &rest[1..];
            loop {
                match rest {
                    [b'"', b'"', tail @ ..] => {
                        field.push(b'"');
                        rest = tail;
                    }
                    [b'"', tail @ ..] => {
                        rest = tail;
                        break;
                    }
                    [byte, tail @ ..] => {
                        field.push(*byte);
                        rest = tail;
                    }
                    [] => break,
                }
            }
        }
        let end = rest
            .iter()
            .position(|&b| b == delimiter)
            .unwrap_or(rest.len());
        field.extend_from_slice(&rest[..end]);
        fields.push(field);
        match rest.get(end + 1..) {
            Some(tail) => rest = tail,
            None => return fields,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What filling a feature for `records` empty records is refused with.
    fn refusal(records: usize, dims: &[i64], default: &Tensor) -> String {
        let records = vec![Record::new(); records];
        let shape = Shape(Some(dims.to_vec()));
        let filled = dense(&records, b"x", &View::of(default), Some(&shape), true);
        filled.unwrap_err().to_string()
    }

    #[test]
    fn a_feature_is_weighed_before_its_rows_are_filled() {
        // Without a default rows cannot be filled, which is found only after what they take was weighed.
        let none = Tensor::from_values::<f32>(&[0], &[]);
        let said = refusal(1000, &[1 << 20, 1 << 20], &none);
        assert!(
            said.starts_with("no memory for the values of a feature: 4398046512 MB"),
            "{said}"
        );
        let said = refusal(2, &[1 << 40, 1 << 40], &none);
        assert!(said.ends_with("for 2 records is too large"), "{said}");
        let said = refusal(1000, &[4], &none);
        assert!(said.ends_with("has no default"), "{said}");
    }

    #[test]
    fn a_default_text_is_weighed_with_its_letters() {
        let long = Tensor::from_strings(&[1], vec![vec![b'x'; (1 << 16) - size_of::<Vec<u8>>()]]);
        let said = refusal(1 << 10, &[1 << 10, 1 << 10], &long);
        assert!(
            said.starts_with("no memory for the values of a feature: 70368745 MB"),
            "{said}"
        );
    }
}

//! Strings, one by one: joined, cut, changed, hashed, matched, read as numbers and written from them.

use super::segment::{view, whole_numbers};
use super::types::{with_integer, with_type};
use super::{Content, Context, Fact, Operator, Prepared, View, broadcast};
use crate::error::{Error, Result};
use crate::kernels::elementwise::number::Number;
use crate::kernels::text::print::{self, Style};
use crate::kernels::text::read::Read;
use crate::kernels::text::{hash, pattern};
use crate::model::{Attr, DType, Shape, Tensor};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        &["StringLower", "StringUpper", "StringStrip"],
        &[],
        infer_same,
        prepare_change,
    ),
    Operator::new(
        &["RegexReplace", "StaticRegexReplace"],
        &[],
        infer_same,
        prepare_replace,
    ),
    Operator::new(
        &["RegexFullMatch", "StaticRegexFullMatch"],
        &[],
        infer_match,
        prepare_match,
    ),
    Operator::new(&["StringLength"], &[], infer_length, prepare_length),
    Operator::new(
        &[
            "StringToHashBucketFast",
            "StringToHashBucketStrong",
            "StringToHashBucket",
        ],
        &[],
        infer_bucket,
        prepare_bucket,
    ),
    Operator::new(&["Fingerprint"], &[], infer_prints, prepare_prints),
    Operator::new(&["StringJoin"], &[], infer_join, prepare_join),
    Operator::new(&["Substr"], &[], infer_substr, prepare_substr),
    Operator::new(&["AsString"], &[], infer_written, prepare_written),
    Operator::new(&["StringToNumber"], &[], infer_number, prepare_number),
    Operator::new(
        &["DecodeBase64", "EncodeBase64"],
        &[],
        infer_same,
        prepare_base64,
    ),
];

fn infer_same(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(DType::String, cx.shape(0)?.clone())
}

fn infer_match(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(DType::Bool, cx.shape(0)?.clone())
}

fn infer_length(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(DType::Int32, cx.shape(0)?.clone())
}

fn infer_bucket(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(DType::Int64, cx.shape(0)?.clone())
}

/// Each string of input 0 by itself.
fn each(f: impl Fn(&[u8]) -> Result<Vec<u8>> + Send + Sync + 'static) -> Result<Prepared> {
    Prepared::compute(move |inputs| {
        let x = view(inputs, 0)?;
        let strings = x.strings()?.iter().map(|s| f(s));
        Ok(vec![Tensor::from_strings(
            x.shape,
            strings.collect::<Result<_>>()?,
        )])
    })
}

fn prepare_change(cx: &Context) -> Result<Prepared> {
    let unicode = cx
        .node
        .attrs
        .text("encoding")
        .is_some_and(|e| e.eq_ignore_ascii_case("utf-8"));
    let text = |s: &[u8]| String::from_utf8_lossy(s).into_owned();
    match (&*cx.node.op, unicode) {
        ("StringLower", true) => each(move |s| Ok(text(s).to_lowercase().into_bytes())),
        ("StringLower", false) => each(|s| Ok(s.to_ascii_lowercase())),
        ("StringUpper", true) => each(move |s| Ok(text(s).to_uppercase().into_bytes())),
        ("StringUpper", false) => each(|s| Ok(s.to_ascii_uppercase())),
        _ => each(|s| Ok(stripped(s).to_vec())),
    }
}

/// Without what C calls space at either end.
fn stripped(s: &[u8]) -> &[u8] {
    let space = |b: &u8| b.is_ascii_whitespace() || *b == 0x0B;
    let start = s.iter().position(|b| !space(b)).unwrap_or(s.len());
    let end = s.iter().rposition(|b| !space(b)).map_or(start, |at| at + 1);
    &s[start..end]
}

/// A pattern that an attribute tells, or input `input`.
fn given_pattern(cx: &Context) -> Option<Vec<u8>> {
    bytes_attr(cx, "pattern")
}

fn bytes_attr(cx: &Context, name: &str) -> Option<Vec<u8>> {
    match cx.attr(name)? {
        Attr::Bytes(bytes) => Some(bytes.to_vec()),
        other => other.as_text().map(|text| text.as_bytes().to_vec()),
    }
}

fn scalar(inputs: &[Option<View<'_>>], index: usize) -> Result<Vec<u8>> {
    let first = view(inputs, index)?.strings()?.first().cloned();
    first.ok_or_else(|| Error::usage(format!("input {index} is empty")))
}

fn prepare_replace(cx: &Context) -> Result<Prepared> {
    let all = cx
        .attr("replace_global")
        .and_then(Attr::as_bool)
        .unwrap_or(true);
    if let Some(pattern) = given_pattern(cx) {
        let pattern = pattern::compile(&pattern, false)?;
        let rewrite = bytes_attr(cx, "rewrite").unwrap_or_default();
        return each(move |s| pattern::replace(&pattern, s, &rewrite, all));
    }
    Prepared::compute(move |inputs| {
        let x = view(inputs, 0)?;
        let pattern = pattern::compile(&scalar(inputs, 1)?, false)?;
        let rewrite = scalar(inputs, 2)?;
        let strings = x.strings()?.iter();
        let strings = strings.map(|s| pattern::replace(&pattern, s, &rewrite, all));
        let strings = strings.collect::<Result<_>>()?;
        Ok(vec![Tensor::from_strings(x.shape, strings)])
    })
}

fn prepare_match(cx: &Context) -> Result<Prepared> {
    let known = given_pattern(cx)
        .map(|p| pattern::compile(&p, true))
        .transpose()?;
    Prepared::compute(move |inputs| {
        let x = view(inputs, 0)?;
        let pattern = match &known {
            Some(pattern) => pattern.clone(),
            None => pattern::compile(&scalar(inputs, 1)?, true)?,
        };
        let found = x.strings()?.iter().map(|s| u8::from(pattern.is_match(s)));
        let found: Vec<u8> = found.collect();
        Ok(vec![Tensor::typed(DType::Bool, x.shape, &found)])
    })
}

/// Whether positions and lengths count characters of UTF-8 instead of bytes.
fn characters(cx: &Context) -> bool {
    cx.node.attrs.text("unit") == Some("UTF8_CHAR")
}

/// A byte that no character of UTF-8 goes on with.
fn begins(byte: &u8) -> bool {
    byte & 0xC0 != 0x80
}

fn prepare_length(cx: &Context) -> Result<Prepared> {
    let characters = characters(cx);
    Prepared::compute(move |inputs| {
        let x = view(inputs, 0)?;
        let length = |s: &Vec<u8>| match characters {
            true => s.iter().filter(|byte| begins(byte)).count() as i32,
            false => s.len() as i32,
        };
        let lengths: Vec<i32> = x.strings()?.iter().map(length).collect();
        Ok(vec![Tensor::from_values(x.shape, &lengths)])
    })
}

type Hash = Box<dyn Fn(&[u8]) -> u64 + Send + Sync>;

fn prepare_bucket(cx: &Context) -> Result<Prepared> {
    let buckets = u64::try_from(cx.attr_int("num_buckets", 1))
        .ok()
        .filter(|&n| n > 0);
    let buckets = buckets.ok_or_else(|| cx.wrong("no buckets"))?;
    let key = cx.node.attrs.ints("key").unwrap_or_default();
    let hash: Hash = match (&*cx.node.op, &*key) {
        ("StringToHashBucketFast", _) => Box::new(hash::fingerprint),
        ("StringToHashBucket", _) => Box::new(hash::legacy),
        (_, &[a, b]) => Box::new(move |s| hash::siphash(s, [a as u64, b as u64])),
        _ => return Err(cx.wrong("a key that is not of two numbers")),
    };
    Prepared::compute(move |inputs| {
        let x = view(inputs, 0)?;
        let places = x.strings()?.iter().map(|s| (hash(s) % buckets) as i64);
        let places: Vec<i64> = places.collect();
        Ok(vec![Tensor::from_values(x.shape, &places)])
    })
}

/// Eight bytes for each row.
fn infer_prints(cx: &Context) -> Result<Vec<Fact>> {
    let rows = cx.shape(0)?.dims().and_then(|dims| dims.first().copied());
    cx.one(DType::UInt8, Shape(Some(vec![rows.unwrap_or(-1), 8])))
}

/// FarmHash of the bytes of each row; of several strings, of their own hashes.
fn prepare_prints(_: &Context) -> Result<Prepared> {
    Prepared::compute(|inputs| {
        let x = view(inputs, 0)?;
        let Some(&rows) = x.shape.first() else {
            return Err(Error::usage("a scalar has no rows to be hashed"));
        };
        let method = scalar(inputs, 1)?;
        if method != b"farmhash64" {
            let method = String::from_utf8_lossy(&method);
            return Err(Error::unsupported(format!("the fingerprint {method:?}")));
        }
        let each = x.shape[1..].iter().product::<usize>();
        let prints: Vec<[u8; 8]> = match x.data {
            Content::Strings(strings) => {
                let own: Vec<[u8; 8]> = (strings.iter())
                    .map(|s| hash::fingerprint(s).to_le_bytes())
                    .collect();
                match each {
                    1 => own,
                    _ => (own.chunks(each.max(1)))
                        .map(|row| hash::fingerprint(row.as_flattened()).to_le_bytes())
                        .collect(),
                }
            }
            _ => {
                let bytes = x.bytes();
                let row =
                    |at: usize| &bytes[at * bytes.len() / rows..(at + 1) * bytes.len() / rows];
                (0..rows)
                    .map(|at| hash::fingerprint(row(at)).to_le_bytes())
                    .collect()
            }
        };
        Ok(vec![Tensor::from_values(
            &[prints.len(), 8],
            prints.as_flattened(),
        )])
    })
}

fn infer_join(cx: &Context) -> Result<Vec<Fact>> {
    let mut shape = Shape::scalar();
    for at in 0..cx.node.inputs.len() {
        if cx.shape(at)?.rank() != Some(0) {
            shape = cx.shape(at)?.clone();
        }
    }
    cx.one(DType::String, shape)
}

/// Strings at the same place one behind the other; scalars stand for any number.
fn prepare_join(cx: &Context) -> Result<Prepared> {
    let separator = bytes_attr(cx, "separator").unwrap_or_default();
    Prepared::compute(move |inputs| {
        let mut shape: &[usize] = &[];
        for at in 0..inputs.len() {
            let part = view(inputs, at)?.shape;
            if !shape.is_empty() && !part.is_empty() && shape != part {
                return Err(Error::usage(format!("strings of {shape:?} and {part:?}")));
            }
            if !part.is_empty() {
                shape = part;
            }
        }
        let mut out = vec![Vec::new(); shape.iter().product()];
        for at in 0..inputs.len() {
            let part = view(inputs, at)?.strings()?;
            for (place, out) in out.iter_mut().enumerate() {
                if at > 0 {
                    out.extend_from_slice(&separator);
                }
                if let Some(s) = part.get(place).or(part.first()) {
                    out.extend_from_slice(s);
                }
            }
        }
        Ok(vec![Tensor::from_strings(shape, out)])
    })
}

/// Two strings one behind the other, spread as numbers are.
pub(super) fn prepare_add() -> Result<Prepared> {
    Prepared::compute(move |inputs| {
        let (a, b) = (view(inputs, 0)?, view(inputs, 1)?);
        let (shape, places) = broadcast::places([a.shape, b.shape])?;
        let (a, b) = (a.strings()?, b.strings()?);
        let joined = places
            .iter()
            .map(|&[at, to]| [&a[at][..], &b[to][..]].concat());
        Ok(vec![Tensor::from_strings(&shape, joined.collect())])
    })
}

fn infer_substr(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(
        DType::String,
        broadcast::shape(cx, &[cx.shape(0)?, cx.shape(1)?])?,
    )
}

fn prepare_substr(cx: &Context) -> Result<Prepared> {
    let characters = characters(cx);
    Prepared::compute(move |inputs| {
        let (x, at, length) = (view(inputs, 0)?, view(inputs, 1)?, view(inputs, 2)?);
        if at.shape != length.shape {
            return Err(Error::usage(format!(
                "positions of {:?} and lengths of {:?}",
                at.shape, length.shape
            )));
        }
        let (shape, places) = broadcast::places([x.shape, at.shape])?;
        let (starts, lengths) = (whole_numbers(&at)?, whole_numbers(&length)?);
        let strings = x.strings()?;
        let cut = |&[s, at]: &[usize; 2]| substr(&strings[s], starts[at], lengths[at], characters);
        let out = places.iter().map(cut).collect::<Result<_>>()?;
        Ok(vec![Tensor::from_strings(&shape, out)])
    })
}

/// Positions count from the end where negative; a length past the end goes to the end.
fn substr(s: &[u8], start: i64, length: i64, characters: bool) -> Result<Vec<u8>> {
    let mut edges: Vec<usize> = match characters {
        true => (0..s.len()).filter(|&at| begins(&s[at])).collect(),
        false => (0..s.len()).collect(),
    };
    edges.push(s.len());
    let count = edges.len() as i64 - 1;
    let from = if start < 0 { start + count } else { start };
    if !(0..=count).contains(&from) {
        let text = String::from_utf8_lossy(s);
        return Err(Error::usage(format!(
            "position {start} of the string {text:?}"
        )));
    }
    let to = from.saturating_add(length.max(0)).min(count);
    Ok(s[edges[from as usize]..edges[to as usize]].to_vec())
}

fn infer_written(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(DType::String, cx.shape(0)?.clone())
}

fn prepare_written(cx: &Context) -> Result<Prepared> {
    let dtype = cx.dtype(0)?;
    let precision = usize::try_from(cx.attr_int("precision", -1)).ok();
    let width = usize::try_from(cx.attr_int("width", -1))
        .unwrap_or(0)
        .min(1 << 16);
    let fill = cx.node.attrs.text("fill").unwrap_or_default().to_owned();
    let style = match (cx.attr_bool("scientific"), cx.attr_bool("shortest")) {
        (true, _) => Style::Scientific,
        (_, true) => Style::Shortest,
        _ => Style::Fixed,
    };
    let float = move |value: f64| print::float(value, style, precision);
    let single = move |value: f32| float(print::flushed(value).into());
    // The parts of a complex number are as wide as another number.
    let (wide, parts) = (
        fill.clone(),
        matches!(dtype, DType::Complex64 | DType::Complex128),
    );
    let part = move |text: String| print::padded(&text, width, &wide);
    let finish = move |text: String| match parts {
        true => text.into_bytes(),
        false => print::padded(&text, width, &fill).into_bytes(),
    };
    let write = move |strings: Vec<String>| strings.into_iter().map(&finish).collect::<Vec<_>>();
    macro_rules! written {
        ($T:ty, $text:expr) => {
            Prepared::compute(move |inputs| {
                let x = view(inputs, 0)?;
                let text = x.values::<$T>()?.iter().map($text);
                Ok(vec![Tensor::from_strings(x.shape, write(text.collect()))])
            })
        };
    }
    match dtype {
        DType::String => Ok(Prepared::Forward),
        DType::Bool => Prepared::compute(move |inputs| {
            let x = view(inputs, 0)?;
            let text = |&v: &u8| (if v != 0 { "true" } else { "false" }).to_owned();
            let text = x.values::<u8>()?.iter().map(text).map(String::into_bytes);
            Ok(vec![Tensor::from_strings(x.shape, text.collect())])
        }),
        DType::Complex64 => {
            written!([f32; 2], |v: &[f32; 2]| format!(
                "({},{})",
                part(single(v[0])),
                part(single(v[1]))
            ))
        }
        DType::Complex128 => {
            written!([f64; 2], |v: &[f64; 2]| format!(
                "({},{})",
                part(float(v[0])),
                part(float(v[1]))
            ))
        }
        DType::Float64 => written!(f64, |&v: &f64| float(v)),
        DType::Float32 | DType::Float16 | DType::BFloat16 => {
            with_type!(dtype, T in [
                Float32: f32, Float16: half::f16, BFloat16: half::bf16,
            ] => written!(T, |&v: &T| single(Number::to_f64(v) as f32)), else Err(cx.no_kernel(dtype)))
        }
        _ => with_integer!(dtype, T => {
            written!(T, |v: &T| v.to_string())
        }, else Err(cx.no_kernel(dtype))),
    }
}

fn infer_number(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(cx.out_dtype(0)?, cx.shape(0)?.clone())
}

fn prepare_number(cx: &Context) -> Result<Prepared> {
    let dtype = cx.out_dtype(0)?;
    fn parsed<T: crate::model::Element + Read>(x: &View<'_>) -> Result<Vec<Tensor>> {
        let number = |s: &Vec<u8>| {
            T::read(s).ok_or_else(|| {
                let text = String::from_utf8_lossy(s);
                Error::usage(format!("the string {text:?} is no {}", T::DTYPE))
            })
        };
        let values: Vec<T> = x.strings()?.iter().map(number).collect::<Result<_>>()?;
        Ok(vec![Tensor::from_values(x.shape, &values)])
    }
    with_type!(dtype, T in [
        Float32: f32, Float64: f64, Int32: i32, Int64: i64, UInt32: u32, UInt64: u64,
    ] => {
        Prepared::compute(|inputs| parsed::<T>(&view(inputs, 0)?))
    }, else Err(cx.no_kernel(dtype)))
}

/// The alphabet for web addresses.
fn prepare_base64(cx: &Context) -> Result<Prepared> {
    use base64::Engine;
    use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
    let pad = cx.attr_bool("pad");
    match &*cx.node.op {
        "EncodeBase64" => each(move |s| {
            Ok(match pad {
                true => URL_SAFE.encode(s).into_bytes(),
                false => URL_SAFE_NO_PAD.encode(s).into_bytes(),
            })
        }),
        _ => each(|s| {
            let end = s.iter().rposition(|&b| b != b'=').map_or(0, |at| at + 1);
            let decoded = URL_SAFE_NO_PAD.decode(&s[..end]);
            decoded.map_err(|e| Error::usage(format!("a string that is no base64: {e}")))
        }),
    }
}

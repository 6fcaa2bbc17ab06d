//! StringFormat: tensors in short, put into a template.

use super::segment::view;
use super::tokens::{split, text};
use super::types::{with_integer, with_type};
use super::{Context, Operator, Prepared, View};
use crate::error::Result;
use crate::kernels::elementwise::number::Number;
use crate::kernels::text::print;
use crate::model::{DType, Shape, Tensor};

pub(super) const OPERATORS: &[Operator] = &[Operator::new(
    &["StringFormat"],
    &[],
    |cx| cx.one(DType::String, Shape::scalar()),
    prepare,
)];

/// Each placeholder of a template replaced by a tensor in short.
fn prepare(cx: &Context) -> Result<Prepared> {
    let (template, mark) = (text(cx, "template"), text(cx, "placeholder"));
    let ends = usize::try_from(cx.attr_int("summarize", 3)).unwrap_or(usize::MAX);
    if mark.is_empty() {
        return Err(cx.wrong("a template with empty placeholders"));
    }
    Prepared::compute(move |inputs| {
        let parts = split(&template, &mark, None);
        let mut out = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            out.extend_from_slice(part);
            if at + 1 < parts.len() {
                let x = view(inputs, at)?;
                let count: usize = x.shape.iter().product();
                let some = ends.min(count);
                match (x.dtype, x.shape, some) {
                    (DType::Bool, _, 0) => {}
                    (_, [], 0) => out.extend_from_slice(b"..."),
                    (DType::Complex64 | DType::Complex128, [_, ..], _) => {
                        unknown(count, some, &mut out)
                    }
                    _ => axis(&x, 0, 0, some, &mut out)?,
                }
            }
        }
        Ok(vec![Tensor::from_strings(&[], vec![out])])
    })
}

/// `some` of the elements of a type that has no text.
fn unknown(count: usize, some: usize, out: &mut Vec<u8>) {
    let dots = if some < count { "..." } else { "" };
    let marks = vec!["?"; some].join(" ");
    out.extend(format!("[{marks}{dots}]").into_bytes());
}

/// As numpy writes an array, with the first and last `ends` elements of each axis. Without any, dots stand for an axis,
/// also for one whose elements are empty.
fn axis(x: &View, at: usize, first: usize, ends: usize, out: &mut Vec<u8>) -> Result<()> {
    let Some(&length) = x.shape.get(at) else {
        out.extend(element(x, first)?);
        return Ok(());
    };
    let width: usize = x.shape[at + 1..].iter().product();
    let between = |out: &mut Vec<u8>| match x.shape.len() - at - 1 {
        0 => out.push(b' '),
        lines => {
            out.extend(std::iter::repeat_n(b'\n', lines));
            out.extend(std::iter::repeat_n(b' ', at + 1));
        }
    };
    out.push(b'[');
    let head = ends.min(length);
    for row in 0..head {
        if row > 0 {
            between(out);
        }
        axis(x, at + 1, first + row * width, ends, out)?;
    }
    if length > ends.saturating_mul(2) {
        between(out);
        out.extend_from_slice(b"...");
    }
    for row in head.max(length.saturating_sub(ends))..length {
        between(out);
        axis(x, at + 1, first + row * width, ends, out)?;
    }
    out.push(b']');
    Ok(())
}

fn element(x: &View, at: usize) -> Result<Vec<u8>> {
    let text = match x.dtype {
        DType::String => return Ok(quoted(&x.strings()?[at])),
        DType::Bool => x.values::<u8>()?[at].to_string(),
        DType::Float64 => print::brief_f64(x.values::<f64>()?[at]),
        _ => with_type!(x.dtype, T in [
            Float32: f32, Float16: half::f16, BFloat16: half::bf16,
        ] => print::brief(Number::to_f64(x.values::<T>()?[at]) as f32), else with_integer!(x.dtype, T => {
            x.values::<T>()?[at].to_string()
        }, else "?".to_owned())),
    };
    Ok(text.into_bytes())
}

/// In quotation marks, escaped as in C; what is beyond ASCII stays.
fn quoted(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![b'"'];
    for &byte in bytes {
        match byte {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'"' | b'\'' | b'\\' => out.extend([b'\\', byte]),
            0..0x20 | 0x7f => out.extend(format!("\\{byte:03o}").into_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
    out
}

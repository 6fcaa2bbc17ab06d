//! Strings as characters: decoded, encoded anew, and which script they are of.

use bytes::Bytes;

use super::segment::{view, whole_numbers};
use super::tokens::{numbers, row};
use super::{Context, Fact, Operator, Prepared};
use crate::error::{Error, Result};
use crate::kernels::text::scripts::script;
use crate::model::{DType, Tensor};

pub(super) const OPERATORS: &[Operator] = &[
    Operator::new(
        &["UnicodeDecode", "UnicodeDecodeWithOffsets"],
        &[],
        infer_decode,
        prepare_decode,
    ),
    Operator::new(&["UnicodeEncode"], &[], infer_row, prepare_encode),
    Operator::new(&["UnicodeTranscode"], &[], infer_same, prepare_transcode),
    Operator::new(
        &["UnicodeScript"],
        &[],
        |cx| cx.one(DType::Int32, cx.shape(0)?.clone()),
        prepare_scripts,
    ),
];

/// What becomes of bytes that are no characters.
#[derive(Debug, Clone, Copy)]
struct Repair {
    /// `None` drops them.
    by: Option<u32>,
    strict: bool,
    /// Control characters count as such bytes.
    controls: bool,
}

impl Repair {
    fn of(cx: &Context) -> Self {
        let errors = cx.node.attrs.text("errors").unwrap_or("replace");
        Repair {
            by: (errors != "ignore").then(|| cx.attr_int("replacement_char", 65533) as u32),
            strict: errors == "strict",
            controls: cx.attr_bool("replace_control_characters"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf16,
    Utf32,
    Latin1,
    Ascii,
}

fn encoding(cx: &Context, attr: &str) -> Result<Encoding> {
    let name = cx
        .node
        .attrs
        .text(attr)
        .unwrap_or("UTF-8")
        .to_ascii_uppercase();
    match &*name {
        "UTF-8" | "UTF8" => Ok(Encoding::Utf8),
        "UTF-16-BE" | "UTF-16BE" => Ok(Encoding::Utf16),
        "UTF-32-BE" | "UTF-32BE" => Ok(Encoding::Utf32),
        "ISO-8859-1" | "LATIN1" | "LATIN-1" => Ok(Encoding::Latin1),
        "US-ASCII" | "ASCII" => Ok(Encoding::Ascii),
        _ => Err(cx.unsupported(format!("the encoding {name}"))),
    }
}

/// Characters with the byte that each begins at.
fn decoded(s: &[u8], encoding: Encoding, repair: Repair) -> Result<Vec<(u32, usize)>> {
    let mut raw: Vec<(Option<char>, usize)> = Vec::new();
    match encoding {
        Encoding::Utf8 => {
            let mut start = 0;
            for chunk in s.utf8_chunks() {
                let chars = chunk.valid().char_indices();
                raw.extend(chars.map(|(at, c)| (Some(c), start + at)));
                start += chunk.valid().len();
                if !chunk.invalid().is_empty() {
                    raw.push((None, start));
                    start += chunk.invalid().len();
                }
            }
        }
        Encoding::Utf16 => {
            let units = s.chunks(2).map(|unit| match unit {
                [high, low] => u16::from_be_bytes([*high, *low]),
                _ => 0xDC00,
            });
            let mut at = 0;
            for unit in char::decode_utf16(units) {
                let c = unit.ok();
                raw.push((c, at));
                at += 2 * c.map_or(1, char::len_utf16);
            }
        }
        Encoding::Utf32 => raw.extend(s.chunks(4).enumerate().map(|(at, unit)| {
            let value = <[u8; 4]>::try_from(unit).map(u32::from_be_bytes);
            (value.ok().and_then(char::from_u32), at * 4)
        })),
        Encoding::Latin1 => {
            raw.extend(
                s.iter()
                    .enumerate()
                    .map(|(at, &b)| (Some(char::from(b)), at)),
            );
        }
        Encoding::Ascii => raw.extend(
            s.iter()
                .enumerate()
                .map(|(at, &b)| (Some(char::from(b)).filter(char::is_ascii), at)),
        ),
    }
    let mut out = Vec::with_capacity(raw.len());
    for (c, at) in raw {
        let control = |c: &char| {
            repair.controls && (*c as u32) < 0x20 && *c != '\t' && *c != '\n' && *c != '\r'
        };
        match c.filter(|c| !control(c)) {
            Some(c) => out.push((c as u32, at)),
            None if repair.strict && c.is_none() => {
                return Err(Error::usage(format!(
                    "byte {at} of a string is no character"
                )));
            }
            None => out.extend(repair.by.map(|by| (by, at))),
        }
    }
    Ok(out)
}

fn encoded(c: u32, encoding: Encoding, out: &mut Vec<u8>) {
    let c = char::from_u32(c).unwrap_or(char::REPLACEMENT_CHARACTER);
    match encoding {
        Encoding::Utf16 => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.extend(unit.to_be_bytes());
            }
        }
        Encoding::Utf32 => out.extend((c as u32).to_be_bytes()),
        _ => out.extend(c.encode_utf8(&mut [0; 4]).bytes()),
    }
}

/// A text in each encoding that there is, with each way to mend it.
pub(super) fn in_each_encoding(text: Bytes) -> Result<()> {
    use Encoding::*;
    for from in [Utf16, Utf32, Latin1, Ascii, Utf8] {
        for (by, controls) in [(Some(0xd800), true), (None, false)] {
            let repair = Repair {
                by,
                strict: false,
                controls,
            };
            let mut out = Vec::new();
            for (c, _) in decoded(&text, from, repair)? {
                for to in [Utf16, Utf32, Utf8] {
                    encoded(c, to, &mut out);
                }
            }
        }
    }
    let strict = Repair {
        by: None,
        strict: true,
        controls: false,
    };
    decoded(&text, Utf8, strict).map(drop)
}

fn infer_decode(cx: &Context) -> Result<Vec<Fact>> {
    let splits = cx.node.attrs.dtype("Tsplits").unwrap_or(DType::Int64);
    Ok(vec![row(splits), row(DType::Int32), row(DType::Int64)])
}

/// ICU's numbers of scripts; -1 for what is no code point.
fn prepare_scripts(_: &Context) -> Result<Prepared> {
    Prepared::function(|io| {
        let (codes, out) = (io.input::<i32>(0)?, io.output::<i32>(0)?);
        for (out, &code) in out.iter_mut().zip(codes) {
            *out = script(code).map_or(-1, i32::from);
        }
        Ok(())
    })
}

fn prepare_decode(cx: &Context) -> Result<Prepared> {
    let (encoding, repair) = (encoding(cx, "input_encoding")?, Repair::of(cx));
    let splits_type = cx.node.attrs.dtype("Tsplits").unwrap_or(DType::Int64);
    let offsets = cx.node.op.ends_with("Offsets");
    Prepared::compute(move |inputs| {
        let (mut chars, mut starts, mut splits) = (Vec::new(), Vec::new(), vec![0i64]);
        for s in view(inputs, 0)?.strings()? {
            for (c, at) in decoded(s, encoding, repair)? {
                chars.push(c as i32);
                starts.push(at as i64);
            }
            splits.push(chars.len() as i64);
        }
        let mut out = vec![
            numbers(splits_type, &[splits.len()], &splits),
            Tensor::from_values(&[chars.len()], &chars),
        ];
        if offsets {
            out.push(Tensor::from_values(&[starts.len()], &starts));
        }
        Ok(out)
    })
}

fn infer_row(_: &Context) -> Result<Vec<Fact>> {
    Ok(vec![row(DType::String)])
}

fn prepare_encode(cx: &Context) -> Result<Prepared> {
    let (encoding, repair) = (encoding(cx, "output_encoding")?, Repair::of(cx));
    Prepared::compute(move |inputs| {
        let chars = view(inputs, 0)?.values::<i32>()?;
        let splits = whole_numbers(&view(inputs, 1)?)?;
        let mut out = Vec::new();
        for ends in splits.windows(2) {
            let part = usize::try_from(ends[0])
                .ok()
                .zip(usize::try_from(ends[1]).ok());
            let part = part.and_then(|(start, end)| chars.get(start..end));
            let part =
                part.ok_or_else(|| Error::usage(format!("a row from {} to {}", ends[0], ends[1])))?;
            let mut s = Vec::new();
            for &c in part {
                let known = u32::try_from(c)
                    .ok()
                    .filter(|&c| char::from_u32(c).is_some());
                match known.or(repair.by) {
                    None if repair.strict => {
                        return Err(Error::usage(format!("{c} is no character")));
                    }
                    None => {}
                    Some(c) => encoded(c, encoding, &mut s),
                }
            }
            out.push(s);
        }
        Ok(vec![Tensor::from_strings(&[out.len()], out)])
    })
}

fn infer_same(cx: &Context) -> Result<Vec<Fact>> {
    cx.one(DType::String, cx.shape(0)?.clone())
}

fn prepare_transcode(cx: &Context) -> Result<Prepared> {
    let (from, to) = (
        encoding(cx, "input_encoding")?,
        encoding(cx, "output_encoding")?,
    );
    let repair = Repair::of(cx);
    Prepared::compute(move |inputs| {
        let x = view(inputs, 0)?;
        let change = |s: &Vec<u8>| {
            let mut out = Vec::with_capacity(s.len());
            for (c, _) in decoded(s, from, repair)? {
                encoded(c, to, &mut out);
            }
            Ok(out)
        };
        let out = x.strings()?.iter().map(change).collect::<Result<_>>()?;
        Ok(vec![Tensor::from_strings(x.shape, out)])
    })
}

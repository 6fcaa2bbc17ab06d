//! Messages in protobuf's text format, printed from the bytes of the file along the table of fields.
//!
//! The text is what protobuf's own printer gives: fields by number, maps by key, two spaces a level. Long values end with
//! a comment that says how much more there is, so that a node of a gigabyte prints as fast as any other.

use bytes::{Buf, Bytes};
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use super::fields::{ENUMS, Field, Kind, Message, message_named};
use crate::error::{Error, Result};
use crate::sort;

/// Messages inside messages, as protobuf's decoders allow.
const DEEPEST: usize = 100;

/// How much of a message is printed.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Of one string or byte field.
    pub bytes: usize,
    /// Of one repeated field of numbers.
    pub numbers: usize,
    /// Of the whole text.
    pub lines: usize,
}

impl Limits {
    /// For a screen.
    pub const SCREEN: Limits = Limits {
        bytes: 512,
        numbers: 64,
        lines: 100_000,
    };
    /// Everything, as protobuf prints it.
    pub const NONE: Limits = Limits {
        bytes: usize::MAX,
        numbers: usize::MAX,
        lines: usize::MAX,
    };
}

/// The text of a message of this full name (`.mexplore.NodeDef`).
///
/// # Errors
/// Bytes that are no such message.
pub fn print(bytes: Bytes, message: &str, limits: Limits) -> Result<String> {
    let described = message_named(message)
        .ok_or_else(|| Error::unsupported(format!("no message {message}")))?;
    let mut printer = Printer {
        out: String::new(),
        lines: 0,
        limits,
        full: false,
    };
    printer.message(bytes, described, 0)?;
    if printer.full {
        printer.out.push_str("# … and more than fits here\n");
    }
    Ok(printer.out)
}

struct Printer {
    out: String,
    lines: usize,
    limits: Limits,
    /// The text has as many lines as it may.
    full: bool,
}

/// A value as the file has it.
enum Found {
    Varint(u64),
    Four(u32),
    Eight(u64),
    Bytes(Bytes),
}

impl Printer {
    fn message(&mut self, bytes: Bytes, message: &'static Message, depth: usize) -> Result<()> {
        if depth > DEEPEST {
            return Err(Error::unreadable(format!(
                "nesting deeper than {DEEPEST} messages"
            )));
        }
        // Each makes a line or more; of millions of empty ones the list would take many times their bytes.
        let most = self.limits.lines.saturating_add(1);
        let mut found = fields_of(bytes, message, most)?;
        // Fields may stand in any order and, of a map, so may its pairs.
        sort::by_key(&mut found, |(at, _)| *at);
        let mut rest = &found[..];
        while let Some((at, _)) = rest.first() {
            let count = rest.iter().take_while(|(other, _)| other == at).count();
            let (same, behind) = rest.split_at(count);
            rest = behind;
            self.field(&message.fields[*at], same, depth)?;
            if self.full {
                return Ok(());
            }
        }
        if message.map_entry {
            self.absent_value(message, &found, depth);
        }
        Ok(())
    }

    /// All values of one field.
    fn field(
        &mut self,
        field: &'static Field,
        values: &[(usize, Found)],
        depth: usize,
    ) -> Result<()> {
        let inner = message_named(field.of);
        if !field.repeated {
            return match inner {
                // A message that is there twice is merged.
                Some(inner) => self.block(field, joined(values), inner, depth),
                None => match values.last() {
                    Some((_, value)) if field.presence || !is_default(value) => {
                        self.scalar(field, value, depth);
                        Ok(())
                    }
                    _ => Ok(()),
                },
            };
        }
        if let Some(inner) = inner {
            let mut blocks: Vec<&Bytes> = values.iter().filter_map(|(_, v)| v.bytes()).collect();
            if inner.map_entry {
                blocks = pairs_by_key(blocks, inner)?;
            }
            for bytes in blocks {
                self.block(field, bytes.clone(), inner, depth)?;
                if self.full {
                    return Ok(());
                }
            }
            return Ok(());
        }
        self.numbers(field, values, depth)
    }

    /// Repeated scalars; numbers may be packed, strings never are.
    fn numbers(
        &mut self,
        field: &'static Field,
        values: &[(usize, Found)],
        depth: usize,
    ) -> Result<()> {
        let text = matches!(field.kind, Kind::String | Kind::Bytes);
        let most = match text {
            true => usize::MAX,
            false => self.limits.numbers,
        };
        let mut shown = 0;
        let mut hidden = 0usize;
        for (_, value) in values {
            match value {
                Found::Bytes(packed) if !text => {
                    let mut packed = packed.clone();
                    while packed.has_remaining() {
                        if shown >= most {
                            hidden += left_in(field.kind, &packed);
                            break;
                        }
                        let value = take(wire_of(field.kind), &mut packed)?;
                        self.scalar(field, &value, depth);
                        shown += 1;
                    }
                }
                _ if shown >= most => hidden += 1,
                value => {
                    self.scalar(field, value, depth);
                    shown += 1;
                }
            }
            if self.full {
                return Ok(());
            }
        }
        if hidden > 0 {
            let more = format!("# … {hidden} more values of {}", field.name);
            self.line(depth, &more);
        }
        Ok(())
    }

    fn block(
        &mut self,
        field: &Field,
        bytes: Bytes,
        inner: &'static Message,
        depth: usize,
    ) -> Result<()> {
        self.line(depth, &format!("{} {{", field.name));
        let result = match field.of {
            ".mexplore.Any" => self.any(bytes, inner, depth + 1),
            _ => self.message(bytes, inner, depth + 1),
        };
        self.full_or(|p| p.line(depth, "}"));
        result.map_err(|e| e.at(field.name))
    }

    /// An Any of a type that is known is written as that type.
    fn any(&mut self, bytes: Bytes, any: &'static Message, depth: usize) -> Result<()> {
        let found = fields_of(bytes.clone(), any, PAIR)?;
        let of = |at: usize| {
            let values = found.iter().filter(move |(field, _)| *field == at);
            values.last().and_then(|(_, v)| v.bytes()).cloned()
        };
        let url = of(0).unwrap_or_default();
        let url = String::from_utf8_lossy(&url);
        let known = url
            .strip_prefix("type.googleapis.com/tensorflow.")
            .and_then(|name| message_named(&format!(".mexplore.{name}")));
        match known {
            Some(known) => {
                self.line(depth, &format!("[{url}] {{"));
                self.message(of(1).unwrap_or_default(), known, depth + 1)?;
                self.full_or(|p| p.line(depth, "}"));
                Ok(())
            }
            None => self.message(bytes, any, depth),
        }
    }

    /// A pair of a map has a value, whatever the file leaves out.
    fn absent_value(&mut self, entry: &'static Message, found: &[(usize, Found)], depth: usize) {
        let Some((at, field)) = entry.fields.iter().enumerate().next_back() else {
            return;
        };
        if field.kind == Kind::Message && found.iter().all(|(other, _)| *other != at) {
            self.line(depth, &format!("{} {{", field.name));
            self.line(depth, "}");
        }
    }

    fn scalar(&mut self, field: &Field, value: &Found, depth: usize) {
        let (text, more) = match (field.kind, value) {
            (Kind::String, Found::Bytes(b)) => quoted(b, true, self.limits.bytes),
            (_, Found::Bytes(b)) => quoted(b, false, self.limits.bytes),
            (kind, value) => (number(kind, field.of, value), 0),
        };
        let mut line = format!("{}: {text}", field.name);
        if more > 0 {
            line += &format!("  # … {more} more bytes");
        }
        self.line(depth, &line);
    }

    fn line(&mut self, depth: usize, line: &str) {
        if self.lines >= self.limits.lines {
            self.full = true;
            return;
        }
        self.lines += 1;
        for _ in 0..depth {
            self.out.push_str("  ");
        }
        self.out.push_str(line);
        self.out.push('\n');
    }

    fn full_or(&mut self, then: impl FnOnce(&mut Self)) {
        if !self.full {
            then(self);
        }
    }
}

impl Found {
    fn bytes(&self) -> Option<&Bytes> {
        match self {
            Found::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// Values in a pair of a map or in an Any: it has two.
const PAIR: usize = 100;

/// The first `most` values with the place of their field in the table; what the table does not know is left out.
fn fields_of(mut bytes: Bytes, message: &Message, most: usize) -> Result<Vec<(usize, Found)>> {
    let mut found = Vec::new();
    while bytes.has_remaining() && found.len() < most {
        let (number, wire) = decode_key(&mut bytes).map_err(damaged)?;
        match message.fields.binary_search_by_key(&number, |f| f.number) {
            Ok(at) if fits(&message.fields[at], wire) => found.push((at, take(wire, &mut bytes)?)),
            _ => skip_field(wire, number, &mut bytes, DecodeContext::default()).map_err(damaged)?,
        }
    }
    Ok(found)
}

/// Whether a field may be written this way.
fn fits(field: &Field, wire: WireType) -> bool {
    let own = wire_of(field.kind);
    wire == own || (field.repeated && wire == WireType::LengthDelimited)
}

fn wire_of(kind: Kind) -> WireType {
    match kind {
        Kind::Double | Kind::Fixed64 => WireType::SixtyFourBit,
        Kind::Float | Kind::Fixed32 => WireType::ThirtyTwoBit,
        Kind::String | Kind::Message | Kind::Bytes => WireType::LengthDelimited,
        _ => WireType::Varint,
    }
}

fn take(wire: WireType, bytes: &mut Bytes) -> Result<Found> {
    Ok(match wire {
        WireType::Varint => Found::Varint(decode_varint(bytes).map_err(damaged)?),
        WireType::ThirtyTwoBit => Found::Four(bytes.try_get_u32_le().map_err(damaged)?),
        WireType::SixtyFourBit => Found::Eight(bytes.try_get_u64_le().map_err(damaged)?),
        _ => {
            let length = decode_varint(bytes).map_err(damaged)?;
            match usize::try_from(length) {
                Ok(length) if length <= bytes.len() => Found::Bytes(bytes.split_to(length)),
                _ => {
                    let left = bytes.len();
                    return Err(damaged(format_args!("{length} bytes, {left} follow")));
                }
            }
        }
    })
}

fn damaged(what: impl std::fmt::Display) -> Error {
    Error::unreadable(what.to_string())
}

/// Values that packed bytes still hold.
fn left_in(kind: Kind, packed: &[u8]) -> usize {
    match wire_of(kind) {
        WireType::ThirtyTwoBit => packed.len() / 4,
        WireType::SixtyFourBit => packed.len() / 8,
        // The last byte of each has its top bit clear.
        _ => packed.iter().filter(|b| **b < 0x80).count(),
    }
}

fn joined(values: &[(usize, Found)]) -> Bytes {
    let mut all = values.iter().filter_map(|(_, v)| v.bytes());
    match (all.next(), values.len()) {
        (Some(one), 1) => one.clone(),
        (Some(first), _) => {
            let mut whole = first.to_vec();
            all.for_each(|more| whole.extend_from_slice(more));
            whole.into()
        }
        (None, _) => Bytes::new(),
    }
}

/// The pairs of a map in the order of their keys; of those with one key the last counts.
fn pairs_by_key<'a>(pairs: Vec<&'a Bytes>, entry: &Message) -> Result<Vec<&'a Bytes>> {
    #[derive(PartialEq, Eq, PartialOrd, Ord)]
    enum Key {
        Number(u64),
        Text(Bytes),
    }
    let mut sorted = std::collections::BTreeMap::new();
    for pair in pairs {
        let found = fields_of(pair.clone(), entry, PAIR)?;
        let key = found.into_iter().rfind(|(at, _)| *at == 0);
        let key = match key.map(|(_, value)| value) {
            Some(Found::Bytes(text)) => Key::Text(text),
            Some(Found::Varint(n) | Found::Eight(n)) => Key::Number(n),
            Some(Found::Four(n)) => Key::Number(n.into()),
            None if entry.fields.first().is_some_and(|f| f.kind == Kind::String) => {
                Key::Text(Bytes::new())
            }
            None => Key::Number(0),
        };
        sorted.insert(key, pair);
    }
    Ok(sorted.into_values().collect())
}

/// The text that is the key of a pair.
pub fn map_key(pair: &Bytes) -> Result<Bytes> {
    const ENTRY: &str = ".mexplore.MetaGraphDef.SignatureDefEntry";
    let entry = message_named(ENTRY).ok_or_else(|| Error::unsupported(ENTRY))?;
    let found = fields_of(pair.clone(), entry, PAIR)?;
    let key = found.into_iter().rfind(|(at, _)| *at == 0);
    Ok(key
        .and_then(|(_, v)| v.bytes().cloned())
        .unwrap_or_default())
}

fn is_default(value: &Found) -> bool {
    match value {
        Found::Varint(n) | Found::Eight(n) => *n == 0,
        Found::Four(n) => *n == 0,
        Found::Bytes(bytes) => bytes.is_empty(),
    }
}

fn number(kind: Kind, of: &str, value: &Found) -> String {
    let bits = match value {
        Found::Varint(n) | Found::Eight(n) => *n,
        Found::Four(n) => u64::from(*n),
        Found::Bytes(_) => 0,
    };
    match kind {
        Kind::Float => float(f64::from(f32::from_bits(bits as u32)), |v| {
            format!("{:?}", v as f32)
        }),
        Kind::Double => float(f64::from_bits(bits), |v| format!("{v:?}")),
        Kind::Bool => (bits != 0).to_string(),
        Kind::Int64 => (bits as i64).to_string(),
        Kind::Int32 => (bits as i32).to_string(),
        Kind::Sint64 => ((bits >> 1) as i64 ^ -((bits & 1) as i64)).to_string(),
        Kind::Uint32 | Kind::Fixed32 => (bits as u32).to_string(),
        Kind::Enum => {
            let values = ENUMS.iter().find(|e| e.name == of).map(|e| e.values);
            let known = values.and_then(|v| v.iter().find(|(_, n)| *n == bits as i32));
            known.map_or_else(|| (bits as i32).to_string(), |(name, _)| (*name).to_owned())
        }
        Kind::Uint64 | Kind::Fixed64 => bits.to_string(),
        Kind::String | Kind::Message | Kind::Bytes => String::new(),
    }
}

/// As Python writes it: `1.0`, `1e-05`, `1.5e+20`, `inf`, `nan`.
fn float(value: f64, shortest: impl Fn(f64) -> String) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let text = shortest(value);
    // The same digits; only where the point goes is another matter.
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let negative = mantissa.starts_with('-');
    let mantissa = mantissa.trim_start_matches('-');
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let all = format!("{whole}{}", if part == "0" { "" } else { part });
    let leading = all.len() - all.trim_start_matches('0').len();
    let digits = all.trim_start_matches('0').trim_end_matches('0');
    let sign = if negative { "-" } else { "" };
    if digits.is_empty() {
        return format!("{sign}0.0");
    }
    // The value is 0.DIGITS × 10^point.
    let point = whole.len() as i32 + exponent - leading as i32;
    let count = digits.len() as i32;
    let plain = (-3..=16).contains(&point);
    let body = match plain {
        false => {
            let rest = &digits[1..];
            let dot = if rest.is_empty() { "" } else { "." };
            let e = point - 1;
            let e_sign = if e < 0 { '-' } else { '+' };
            format!("{}{dot}{rest}e{e_sign}{:02}", &digits[..1], e.abs())
        }
        true if point <= 0 => format!("0.{}{digits}", "0".repeat(-point as usize)),
        true if point >= count => format!("{digits}{}.0", "0".repeat((point - count) as usize)),
        true => format!(
            "{}.{}",
            &digits[..point as usize],
            &digits[point as usize..]
        ),
    };
    format!("{sign}{body}")
}

/// In quotes with what can't be printed as escapes; and how many bytes were left out.
fn quoted(bytes: &[u8], utf8: bool, most: usize) -> (String, usize) {
    let mut end = bytes.len().min(most);
    if utf8 {
        // Not in the middle of a character.
        while end < bytes.len() && end > 0 && bytes[end] & 0xc0 == 0x80 {
            end -= 1;
        }
    }
    let shown = &bytes[..end];
    let mut out = String::from("\"");
    let escape = |out: &mut String, byte: u8| match byte {
        b'\n' => out.push_str("\\n"),
        b'\r' => out.push_str("\\r"),
        b'\t' => out.push_str("\\t"),
        b'"' => out.push_str("\\\""),
        b'\'' => out.push_str("\\'"),
        b'\\' => out.push_str("\\\\"),
        0x20..=0x7e => out.push(byte as char),
        _ => out.push_str(&format!("\\{byte:03o}")),
    };
    match std::str::from_utf8(shown) {
        Ok(text) if utf8 => {
            for c in text.chars() {
                match u8::try_from(c) {
                    Ok(byte) if byte.is_ascii() => escape(&mut out, byte),
                    _ => out.push(c),
                }
            }
        }
        _ => shown.iter().for_each(|&byte| escape(&mut out, byte)),
    }
    out.push('"');
    (out, bytes.len() - end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::saved_model::pbtxt;
    use proptest::prelude::*;

    fn again(text: &str, message: &str, limits: Limits) -> String {
        let bytes = pbtxt::to_binary(text.as_bytes(), message).unwrap();
        print(bytes.into(), message, limits).unwrap()
    }

    #[test]
    fn a_node_prints_as_protobuf_prints_it() {
        // Printed by protobuf 6 for Python.
        const TEXT: &str = r#"name: "c\"é\n"
op: "Const"
input: "a:0"
input: "^b"
attr {
  key: "N"
  value {
    i: 0
  }
}
attr {
  key: "none"
  value {
  }
}
attr {
  key: "value"
  value {
    tensor {
      dtype: DT_FLOAT
      tensor_shape {
        dim {
          size: -1
        }
        dim {
        }
      }
      tensor_content: "\000\303\"\'A\n"
      float_val: 1.0
      float_val: 1e-05
      float_val: 0.1
      float_val: -inf
      double_val: 1e+16
      double_val: 123456.0
    }
  }
}
experimental_type {
  type_id: TFT_PRODUCT
  args {
    type_id: TFT_TENSOR
  }
}
"#;
        assert_eq!(again(TEXT, ".mexplore.NodeDef", Limits::NONE), TEXT);
        // Whatever the order in the file.
        let turned = r#"attr { key: "none" } attr { key: "N" value { i: 0 } } op: "a" name: """#;
        insta::assert_snapshot!(again(turned, ".mexplore.NodeDef", Limits::NONE), @r#"
        op: "a"
        attr {
          key: "N"
          value {
            i: 0
          }
        }
        attr {
          key: "none"
          value {
          }
        }
        "#);
    }

    #[test]
    fn long_values_are_cut_and_it_is_said_so() {
        let limits = Limits {
            bytes: 4,
            numbers: 2,
            lines: 9,
        };
        let text = r#"tensor_content: "abcdefgh" int_val: [1, 2, 300, 4] string_val: "xy" string_val: "z"
            dcomplex_val: [1, 2, 3]"#;
        let cut = again(text, ".mexplore.TensorProto", limits);
        insta::assert_snapshot!(cut, @r#"
        tensor_content: "abcd"  # … 4 more bytes
        int_val: 1
        int_val: 2
        # … 2 more values of int_val
        string_val: "xy"
        string_val: "z"
        dcomplex_val: 1.0
        dcomplex_val: 2.0
        # … 1 more values of dcomplex_val
        "#);
        let long = "node { name: \"a\" } ".repeat(20);
        let cut = again(&long, ".mexplore.GraphDef", limits);
        assert_eq!(cut.lines().count(), 10);
        assert!(cut.ends_with("and more than fits here\n"));
    }

    #[test]
    fn an_any_of_a_known_type_is_written_as_that() {
        let asset = pbtxt::to_binary(b"filename: \"v.txt\"", ".mexplore.AssetFileDef").unwrap();
        let mut any = vec![0x0a, 43];
        any.extend(b"type.googleapis.com/tensorflow.AssetFileDef");
        any.extend([0x12, asset.len() as u8]);
        any.extend(asset);
        let mut list = vec![0x0a, any.len() as u8];
        list.extend(any);
        let text = print(list.into(), ".mexplore.CollectionDef.AnyList", Limits::NONE).unwrap();
        insta::assert_snapshot!(text, @r#"
        value {
          [type.googleapis.com/tensorflow.AssetFileDef] {
            filename: "v.txt"
          }
        }
        "#);
    }

    proptest! {
        #[test]
        fn floats_are_what_python_says(value in any::<f32>()) {
            let text = number(Kind::Float, "", &Found::Four(value.to_bits()));
            let back: f32 = text.parse().unwrap();
            prop_assert!(back == value || (back.is_nan() && value.is_nan()), "{text}");
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = print(bytes.clone().into(), ".mexplore.SavedModel", Limits::SCREEN);
            let _ = print(bytes.into(), ".mexplore.NodeDef", Limits::NONE);
        }
    }
}

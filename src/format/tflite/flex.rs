//! FlexBuffers, in which custom operators keep their options: a small reader, and a writer of flat maps and of what
//! Flex operators need.
//!
//! The format: the last byte is the width of the root value, before it its packed type (type << 2 | log2 of the
//! width of its children), before that the value. Offsets count backwards from where they stand.

use bytes::Bytes;

use super::schema;
use crate::error::{Error, Result};
use crate::format::saved_model::node_def;
use crate::model::{Attr, Attrs, Name};

const MAX_DEPTH: usize = 64;

const NULL: u8 = 0;
const INT: u8 = 1;
const UINT: u8 = 2;
const FLOAT: u8 = 3;
const KEY: u8 = 4;
const STRING: u8 = 5;
const INDIRECT_INT: u8 = 6;
const INDIRECT_UINT: u8 = 7;
const INDIRECT_FLOAT: u8 = 8;
const MAP: u8 = 9;
const VECTOR: u8 = 10;
const VECTOR_INT: u8 = 11;
const VECTOR_FLOAT: u8 = 13;
const VECTOR_STRING: u8 = 15;
const FIXED_FIRST: u8 = 16;
const FIXED_LAST: u8 = 24;
const BLOB: u8 = 25;
const BOOL: u8 = 26;
const VECTOR_BOOL: u8 = 36;

/// A map's entries as attributes; another root comes as the attribute `options`.
///
/// # Errors
/// Bytes that are no flexbuffer: offsets and lengths outside, unknown types, deeper than 64, more values than bytes.
pub(super) fn attrs(bytes: &[u8]) -> Result<Attrs> {
    let mut reader = Reader {
        bytes,
        left: bytes.len(),
    };
    let [.., packed, width] = bytes else {
        return Err(Error::unreadable("shorter than 3 bytes"));
    };
    let width = usize::from(*width);
    let at = bytes
        .len()
        .checked_sub(2 + width)
        .filter(|_| matches!(width, 1 | 2 | 4 | 8))
        .ok_or_else(|| Error::unreadable(format!("a root of {width} bytes")))?;
    let root = Slot {
        at,
        width,
        kind: packed >> 2,
        child_width: 1 << (packed & 3),
    };
    if root.kind == MAP {
        return Ok(reader.map(&root, 0)?.into_iter().collect());
    }
    let value = reader.value(&root, 0)?;
    Ok(Attrs::new().with("options", value))
}

/// The options of a Flex operator: the name of a TensorFlow operator and its serialized NodeDef, with as many inputs
/// and these attributes.
///
/// # Errors
/// Attributes that have no form in a NodeDef.
pub(super) fn write_node(op: &str, inputs: usize, attrs: &Attrs) -> Result<Vec<u8>> {
    const WIDTH: usize = 4;
    let node = node_def::encode(op, inputs, attrs)?;
    let mut out = Vec::with_capacity(op.len() + node.len() + 32);
    let mut text = |bytes: &[u8]| {
        align(&mut out, WIDTH);
        push_u32(&mut out, bytes.len())?;
        let at = out.len();
        out.extend_from_slice(bytes);
        out.push(0);
        Ok::<_, Error>(at)
    };
    let places = [text(op.as_bytes())?, text(&node)?];
    align(&mut out, WIDTH);
    push_u32(&mut out, places.len())?;
    for place in places {
        let here = out.len();
        push_u32(&mut out, here - place)?;
    }
    // The strings' types, then the root: the vector begins two offsets and two types before it.
    out.extend([STRING << 2 | 2; 2]);
    out.extend([2 * WIDTH as u8 + 2, VECTOR << 2 | 2, 1]);
    Ok(out)
}

fn push_u32(out: &mut Vec<u8>, value: usize) -> Result<()> {
    let value = u32::try_from(value)
        .map_err(|_| Error::unsupported("options of more than 4 GB can't be written"))?;
    out.extend_from_slice(&value.to_le_bytes());
    Ok(())
}

/// The attributes of the TensorFlow operator `op` in the options of `Flex<op>`; `None` where they say something else.
pub(super) fn node_attrs(options: &[u8], op: &str) -> Option<Attrs> {
    let root = attrs(options).ok()?;
    let [Attr::Bytes(name), Attr::Bytes(node)] = root.list("options")? else {
        return None;
    };
    let (own, attrs) = node_def::decode(node.clone()).ok()?;
    (name[..] == *op.as_bytes() && *own == *op).then_some(attrs)
}

/// A value where it stands: inline numbers, or an offset.
struct Slot {
    at: usize,
    width: usize,
    kind: u8,
    child_width: usize,
}

struct Reader<'a> {
    bytes: &'a [u8],
    /// Values that may still be read: shared ones must not make a small buffer huge.
    left: usize,
}

fn broken(at: usize, what: &str) -> Error {
    Error::unreadable(what).at(format_args!("byte {at}"))
}

impl<'a> Reader<'a> {
    fn slice(&self, at: usize, len: usize) -> Result<&'a [u8]> {
        at.checked_add(len)
            .and_then(|end| self.bytes.get(at..end))
            .ok_or_else(|| broken(at, "runs past the end"))
    }

    fn uint(&self, at: usize, width: usize) -> Result<u64> {
        let mut value = [0; 8];
        value[..width].copy_from_slice(self.slice(at, width)?);
        Ok(u64::from_le_bytes(value))
    }

    fn int(&self, at: usize, width: usize) -> Result<i64> {
        let shift = 64 - 8 * width as u32;
        Ok((self.uint(at, width)? << shift) as i64 >> shift)
    }

    fn float(&self, at: usize, width: usize) -> Result<f64> {
        let bits = self.uint(at, width)?;
        match width {
            2 => Ok(half::f16::from_bits(bits as u16).to_f64()),
            4 => Ok(f64::from(f32::from_bits(bits as u32))),
            8 => Ok(f64::from_bits(bits)),
            _ => Err(broken(at, "a float of one byte")),
        }
    }

    /// Where the offset of a slot leads; 0 stands before an empty vector.
    fn follow(&self, at: usize, width: usize) -> Result<usize> {
        let offset = self.uint(at, width)?;
        usize::try_from(offset)
            .ok()
            .and_then(|o| at.checked_sub(o))
            .ok_or_else(|| broken(at, "an offset that leads outside"))
    }

    /// Start and length of a vector whose length stands before it, checked against `element` bytes each.
    fn sized(&self, slot: &Slot, element: usize) -> Result<(usize, usize)> {
        let start = self.follow(slot.at, slot.width)?;
        let before = start
            .checked_sub(slot.child_width)
            .ok_or_else(|| broken(start, "a vector without its length"))?;
        let len = usize::try_from(self.uint(before, slot.child_width)?)
            .map_err(|_| broken(before, "a length past any buffer"))?;
        let bytes = len
            .checked_mul(element)
            .ok_or_else(|| broken(before, "a length past any buffer"))?;
        self.slice(start, bytes)?;
        Ok((start, len))
    }

    fn value(&mut self, slot: &Slot, depth: usize) -> Result<Attr> {
        self.left = self
            .left
            .checked_sub(1)
            .filter(|_| depth <= MAX_DEPTH)
            .ok_or_else(|| broken(slot.at, "nested too deeply or shared too often"))?;
        let (at, width, child) = (slot.at, slot.width, slot.child_width);
        Ok(match slot.kind {
            NULL => Attr::Opaque(Name::from("null")),
            INT => Attr::Int(self.int(at, width)?),
            UINT => Attr::Int(self.uint(at, width)? as i64),
            FLOAT => Attr::Float(self.float(at, width)?),
            BOOL => Attr::Bool(self.uint(at, width)? != 0),
            INDIRECT_INT => Attr::Int(self.int(self.follow(at, width)?, child)?),
            INDIRECT_UINT => Attr::Int(self.uint(self.follow(at, width)?, child)? as i64),
            INDIRECT_FLOAT => Attr::Float(self.float(self.follow(at, width)?, child)?),
            KEY => Attr::Bytes(Bytes::copy_from_slice(self.key(self.follow(at, width)?)?)),
            STRING | BLOB => {
                let (start, len) = self.sized(slot, 1)?;
                // What a shared string costs counts too.
                self.left = self
                    .left
                    .checked_sub(len)
                    .ok_or_else(|| broken(at, "shared too often"))?;
                Attr::Bytes(Bytes::copy_from_slice(self.slice(start, len)?))
            }
            MAP => {
                let entries = self.map(slot, depth)?;
                let text: Vec<String> = entries
                    .iter()
                    .map(|(name, value)| format!("{name}: {}", words(value)))
                    .collect();
                Attr::Opaque(Name::from(format!("{{{}}}", text.join(", "))))
            }
            VECTOR => Attr::List(self.vector(slot, depth)?),
            VECTOR_INT..=VECTOR_STRING | VECTOR_BOOL => {
                let (start, len) = self.sized(slot, child)?;
                let kind = match slot.kind {
                    VECTOR_BOOL => BOOL,
                    kind => kind - VECTOR_INT + INT,
                };
                Attr::List(self.typed(start, len, child, kind, depth)?)
            }
            FIXED_FIRST..=FIXED_LAST => {
                let start = self.follow(at, width)?;
                let number = slot.kind - FIXED_FIRST;
                let len = usize::from(number / 3 + 2);
                Attr::List(self.typed(start, len, child, number % 3 + INT, depth)?)
            }
            other => return Err(broken(at, &format!("type {other} is not known"))),
        })
    }

    fn typed(
        &mut self,
        start: usize,
        len: usize,
        width: usize,
        kind: u8,
        depth: usize,
    ) -> Result<Vec<Attr>> {
        (0..len)
            .map(|index| {
                let slot = Slot {
                    at: start + index * width,
                    width,
                    kind,
                    child_width: 1,
                };
                self.value(&slot, depth + 1)
            })
            .collect()
    }

    /// Elements and then a packed type for each.
    fn vector(&mut self, slot: &Slot, depth: usize) -> Result<Vec<Attr>> {
        let (start, len) = self.sized(slot, slot.child_width + 1)?;
        let types = start + len * slot.child_width;
        (0..len)
            .map(|index| {
                let packed = self.slice(types + index, 1)?[0];
                let element = Slot {
                    at: start + index * slot.child_width,
                    width: slot.child_width,
                    kind: packed >> 2,
                    child_width: 1 << (packed & 3),
                };
                self.value(&element, depth + 1)
            })
            .collect()
    }

    fn map(&mut self, slot: &Slot, depth: usize) -> Result<Vec<(Name, Attr)>> {
        let width = slot.child_width;
        let values = self.vector(slot, depth)?;
        let start = self.follow(slot.at, slot.width)?;
        let head = start
            .checked_sub(3 * width)
            .ok_or_else(|| broken(start, "a map without keys"))?;
        let keys = self.follow(head, width)?;
        let key_width = usize::try_from(self.uint(head + width, width)?)
            .ok()
            .filter(|w| matches!(w, 1 | 2 | 4 | 8))
            .ok_or_else(|| broken(head, "keys of a strange width"))?;
        self.slice(keys, values.len().saturating_mul(key_width))?;
        values
            .into_iter()
            .enumerate()
            .map(|(index, value)| {
                let at = self.follow(keys + index * key_width, key_width)?;
                let key = self.key(at)?;
                Ok((Name::from(String::from_utf8_lossy(key)), value))
            })
            .collect()
    }

    /// Bytes up to a NUL; counted, as keys may be shared.
    fn key(&mut self, at: usize) -> Result<&'a [u8]> {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let end = rest
            .iter()
            .position(|&b| b == 0)
            .ok_or_else(|| broken(at, "a key without its end"))?;
        self.left = self
            .left
            .checked_sub(end)
            .ok_or_else(|| broken(at, "shared too often"))?;
        Ok(&rest[..end])
    }
}

/// A value of a map within another as text. What is text already is not quoted again: every level would double it.
fn words(value: &Attr) -> String {
    match value {
        Attr::Int(v) => v.to_string(),
        Attr::Float(v) => format!("{v:?}"),
        Attr::Bool(v) => v.to_string(),
        Attr::Bytes(text) => format!("{:?}", String::from_utf8_lossy(text)),
        Attr::List(all) => {
            let all: Vec<String> = all.iter().map(words).collect();
            format!("[{}]", all.join(", "))
        }
        Attr::Opaque(words) => words.to_string(),
        other => format!("{other:?}"),
    }
}

/// A map of numbers, bools, texts, types and lists of numbers or texts, as the reference converter writes the attributes
/// of a custom operator: types are TFLite's numbers, and empty lists and attributes of other kinds are left out.
/// Every value is 8 bytes wide: simple, and read by everybody.
pub(super) fn write_map(attrs: &Attrs) -> Vec<u8> {
    const WIDTH: usize = 8;
    let entries: Vec<(&str, Value)> = attrs
        .iter()
        .filter_map(|(name, attr)| Some((name, Value::of(attr)?)))
        .collect();
    let mut out = Vec::new();
    let keys: Vec<usize> = entries
        .iter()
        .map(|(name, _)| {
            let at = out.len();
            out.extend_from_slice(name.as_bytes());
            out.push(0);
            at
        })
        .collect();
    let mut places = Vec::new();
    for (_, value) in &entries {
        places.push(value.write_aside(&mut out, WIDTH));
    }
    align(&mut out, WIDTH);
    push(&mut out, entries.len() as u64);
    let key_vector = out.len();
    for key in keys {
        let here = out.len();
        push(&mut out, (here - key) as u64);
    }
    let here = out.len();
    push(&mut out, (here - key_vector) as u64);
    push(&mut out, WIDTH as u64);
    push(&mut out, entries.len() as u64);
    let values = out.len();
    for ((_, value), place) in entries.iter().zip(places) {
        let here = out.len();
        push(
            &mut out,
            place.map_or(value.inline(), |p| (here - p) as u64),
        );
    }
    out.extend(entries.iter().map(|(_, value)| value.kind() << 2 | 3));
    let root = out.len();
    // The root stands in as many bytes as its offset needs.
    let offset = (root - values) as u64;
    let width = match offset {
        0..=0xff => 1,
        0x100..=0xffff => 2,
        _ => 4,
    };
    let padding = root.next_multiple_of(width) - root;
    out.resize(root + padding, 0);
    out.extend_from_slice(&(offset + padding as u64).to_le_bytes()[..width]);
    out.push(MAP << 2 | 3);
    out.push(width as u8);
    out
}

fn push(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn align(out: &mut Vec<u8>, width: usize) {
    out.resize(out.len().next_multiple_of(width), 0);
}

enum Value<'a> {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a [u8]),
    Ints(Vec<i64>),
    Floats(Vec<f64>),
    Texts(Vec<&'a [u8]>),
}

impl<'a> Value<'a> {
    fn of(attr: &'a Attr) -> Option<Self> {
        Some(match attr {
            Attr::Bool(v) => Value::Bool(*v),
            Attr::Int(v) => Value::Int(*v),
            Attr::Float(v) => Value::Float(*v),
            Attr::Bytes(v) => Value::Text(v),
            Attr::Enum { value, .. } => Value::Int(*value),
            Attr::Type(dtype) => Value::Int(schema::tensor_type(*dtype)?.into()),
            Attr::List(all) => Self::list(all)?,
            _ => return None,
        })
    }

    /// A list of one kind; its first element says which.
    fn list(all: &'a [Attr]) -> Option<Self> {
        Some(match all.first()? {
            Attr::Float(_) => Value::Floats(
                all.iter()
                    .map(|v| match v {
                        Attr::Float(v) => Some(*v),
                        _ => None,
                    })
                    .collect::<Option<_>>()?,
            ),
            Attr::Bytes(_) => Value::Texts(
                all.iter()
                    .map(|v| match v {
                        // In a typed vector lengths have one byte.
                        Attr::Bytes(v) if v.len() <= 0xff => Some(&v[..]),
                        _ => None,
                    })
                    .collect::<Option<_>>()?,
            ),
            Attr::Int(_) => Value::Ints(
                all.iter()
                    .map(|v| match v {
                        Attr::Int(v) => Some(*v),
                        _ => None,
                    })
                    .collect::<Option<_>>()?,
            ),
            _ => return None,
        })
    }

    fn kind(&self) -> u8 {
        match self {
            Value::Bool(_) => BOOL,
            Value::Int(_) => INT,
            Value::Float(_) => FLOAT,
            Value::Text(_) => STRING,
            Value::Ints(_) => VECTOR_INT,
            Value::Floats(_) => VECTOR_FLOAT,
            Value::Texts(_) => VECTOR_STRING,
        }
    }

    fn inline(&self) -> u64 {
        match self {
            Value::Bool(v) => u64::from(*v),
            Value::Int(v) => *v as u64,
            Value::Float(v) => v.to_bits(),
            Value::Text(_) | Value::Ints(_) | Value::Floats(_) | Value::Texts(_) => 0,
        }
    }

    /// Writes what does not fit inline and says where it is.
    fn write_aside(&self, out: &mut Vec<u8>, width: usize) -> Option<usize> {
        let words: Vec<u64> = match self {
            Value::Bool(_) | Value::Int(_) | Value::Float(_) => return None,
            Value::Text(text) => return Some(write_text(out, text, width)),
            Value::Ints(all) => all.iter().map(|v| *v as u64).collect(),
            Value::Floats(all) => all.iter().map(|v| v.to_bits()).collect(),
            Value::Texts(all) => {
                let places: Vec<usize> = all.iter().map(|t| write_text(out, t, 1)).collect();
                align(out, width);
                let first = out.len() + width;
                let offset = |(at, place): (usize, &usize)| (first + at * width - place) as u64;
                places.iter().enumerate().map(offset).collect()
            }
        };
        align(out, width);
        push(out, words.len() as u64);
        let at = out.len();
        words.into_iter().for_each(|word| push(out, word));
        Some(at)
    }
}

/// A text behind its length, of `width` bytes, and before a NUL; where it begins.
fn write_text(out: &mut Vec<u8>, text: &[u8], width: usize) -> usize {
    align(out, width);
    out.extend_from_slice(&(text.len() as u64).to_le_bytes()[..width]);
    let at = out.len();
    out.extend_from_slice(text);
    out.push(0);
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::DType;
    use proptest::prelude::*;

    #[test]
    fn small_buffers_read_as_the_format_says() {
        let root = |bytes: &[u8]| attrs(bytes).unwrap();
        assert_eq!(root(&[5, 4, 1]).int("options"), Some(5));
        assert_eq!(
            root(&[2, 0x68, 0x69, 0, 3, 0x14, 1]).text("options"),
            Some("hi")
        );
        let list = [3, 1, 2, 3, 4, 4, 4, 6, 0x28, 1];
        assert_eq!(root(&list).ints("options").unwrap(), [1, 2, 3]);
        assert_eq!(
            root(&[3, 1, 2, 3, 3, 0x2c, 1]).ints("options").unwrap(),
            [1, 2, 3]
        );
        let map = [0x61, 0, 1, 3, 1, 1, 1, 1, 4, 2, 0x24, 1];
        assert_eq!(root(&map).int("a"), Some(1));
    }

    #[test]
    fn maps_within_maps_are_as_long_as_what_they_hold() {
        // One key for all, and the innermost map {a: 1}: offset and width of the keys, length, value, type.
        let mut bytes = vec![b'a', 0, 1, 3, 1, 1, 1, 1, 4];
        for _ in 0..16 {
            let at = bytes.len() as u8;
            bytes.extend([at - 3, 1, 1, 5, MAP << 2]);
        }
        bytes.extend([2, MAP << 2, 1]);
        let all = attrs(&bytes).unwrap();
        let Some(Attr::Opaque(words)) = all.get("a") else {
            panic!("{all:?}");
        };
        assert_eq!(
            **words,
            ["{a: ".repeat(16), "1".into(), "}".repeat(16)].concat()
        );
    }

    #[test]
    fn a_written_map_reads_back() {
        let given = Attrs::new()
            .with("axis", Attr::Int(-1))
            .with("rate", Attr::Float(0.25))
            .with("keep", Attr::Bool(true))
            .with("name", Attr::Bytes(Bytes::from_static(b"x")))
            .with("type", Attr::Type(DType::Int64))
            .with("none", Attr::List(Vec::new()))
            .with(
                "words",
                Attr::List(["a", "", "bcd"].map(|w| Attr::Bytes(w.into())).to_vec()),
            )
            .with("sizes", Attr::List(vec![Attr::Int(3), Attr::Int(-4)]));
        let back = attrs(&write_map(&given)).unwrap();
        assert_eq!(back.int("axis"), Some(-1));
        assert_eq!(back.float("rate"), Some(0.25));
        assert_eq!(back.bool("keep"), Some(true));
        assert_eq!(back.text("name"), Some("x"));
        assert_eq!(back.int("type"), Some(4), "TFLite's number of int64");
        assert!(back.get("none").is_none());
        let words = back.list("words").unwrap().iter().map(Attr::as_text);
        assert!(words.eq(["a", "", "bcd"].map(Some)));
        assert_eq!(back.ints("sizes").unwrap(), [3, -4]);
        assert!(attrs(&write_map(&Attrs::new())).unwrap().is_empty());
    }

    #[test]
    fn a_flex_operator_reads_back_whatever_its_length() {
        for length in [0, 1, 2, 3, 300, 70_000] {
            let pattern = Attr::Bytes(vec![b'x'; length].into());
            let given = Attrs::new().with("pattern", pattern);
            let bytes = write_node("StaticRegexReplace", 1, &given).unwrap();
            let back = node_attrs(&bytes, "StaticRegexReplace").unwrap();
            assert_eq!(back.text("pattern").map(str::len), Some(length));
            assert!(node_attrs(&bytes, "Erf").is_none(), "another operator");
        }
        assert!(node_attrs(&write_map(&Attrs::new()), "Erf").is_none());
    }

    #[test]
    fn a_damaged_map_never_panics() {
        let good = write_map(
            &Attrs::new()
                .with("name", Attr::Bytes(Bytes::from_static(b"text")))
                .with("sizes", Attr::List(vec![Attr::Int(3); 5])),
        );
        for at in 0..good.len() {
            for byte in [0, 1, 0x7f, 0x80, 0xff, good[at] ^ 4] {
                let mut bad = good.clone();
                bad[at] = byte;
                let _ = attrs(&bad);
            }
            let _ = attrs(&good[..at]);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..48)) {
            let _ = attrs(&bytes);
        }
    }
}

//! The header of a `.npy`: a Python dict of three keys.

use crate::error::{Error, Result};
use crate::model::DType;

/// What the header says.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    pub layout: Layout,
    pub fortran_order: bool,
    pub shape: Vec<usize>,
}

/// How one element is stored.
#[derive(Debug, PartialEq)]
pub(super) struct Layout {
    pub element: Element,
    pub big_endian: bool,
}

#[derive(Debug, PartialEq)]
pub(super) enum Element {
    Number(DType),
    /// `S`: this many bytes.
    Bytes(usize),
    /// `U`: this many UTF-32 code units.
    Text(usize),
}

impl Element {
    /// Bytes of an element; saturates, as no file holds that many.
    pub fn size(&self) -> usize {
        match self {
            Element::Number(dtype) => dtype.size().unwrap_or(0),
            Element::Bytes(size) => *size,
            Element::Text(chars) => chars.saturating_mul(4),
        }
    }
}

/// Arrays of numpy have at most 64 dimensions, those of TensorFlow 254.
const MAX_RANK: usize = 254;

pub(super) fn parse(text: &str) -> Result<Header> {
    let mut scanner = Scanner { text, at: 0 };
    let (mut layout, mut fortran_order, mut shape) = (None, None, None);
    scanner.expect(b'{')?;
    while !scanner.accept(b'}') {
        let key = scanner.string()?;
        scanner.expect(b':')?;
        match key {
            "descr" => layout = Some(scanner.descr()?),
            "fortran_order" => fortran_order = Some(scanner.boolean()?),
            "shape" => shape = Some(scanner.shape()?),
            other => {
                return Err(Error::unreadable(format!(
                    "key {other:?}; only descr, fortran_order and shape are known"
                )));
            }
        }
        if !scanner.accept(b',') {
            scanner.expect(b'}')?;
            break;
        }
    }
    scanner.end()?;
    let missing = |key| Error::unreadable(format!("{key} is missing"));
    Ok(Header {
        layout: layout.ok_or_else(|| missing("descr"))?,
        fortran_order: fortran_order.ok_or_else(|| missing("fortran_order"))?,
        shape: shape.ok_or_else(|| missing("shape"))?,
    })
}

/// Walks over the few kinds of Python literals that a header has.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().take_while(|b| b.is_ascii_whitespace()).count();
        self.text.as_bytes().get(self.at).copied()
    }

    fn accept(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<()> {
        match self.accept(byte) {
            true => Ok(()),
            false => Err(self.expected(&format!("{:?}", char::from(byte)))),
        }
    }

    fn expected(&self, what: &str) -> Error {
        let found: String = self.text[self.at..].chars().take(12).collect();
        Error::unreadable(format!(
            "expected {what} at character {}, found {found:?}",
            self.at
        ))
    }

    fn end(&mut self) -> Result<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.expected("the end of the header")),
        }
    }

    /// A string without escapes.
    fn string(&mut self) -> Result<&'a str> {
        let Some(quote @ (b'\'' | b'"')) = self.peek() else {
            return Err(self.expected("a string"));
        };
        let start = self.at + 1;
        let rest = self.text.get(start..).unwrap_or_default();
        let Some(length) = rest.find(char::from(quote)) else {
            return Err(self.expected("a closed string"));
        };
        self.at = start + length + 1;
        Ok(&rest[..length])
    }

    fn word(&mut self) -> &'a str {
        self.peek();
        let rest = &self.text[self.at..];
        let length = rest
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(rest.len());
        &rest[..length]
    }

    fn boolean(&mut self) -> Result<bool> {
        let word = self.word();
        let value = match word {
            "True" => true,
            "False" => false,
            _ => return Err(self.expected("True or False")),
        };
        self.at += word.len();
        Ok(value)
    }

    fn shape(&mut self) -> Result<Vec<usize>> {
        let mut shape = Vec::new();
        self.expect(b'(')?;
        while !self.accept(b')') {
            let word = self.word();
            // Python 2 wrote long integers as 3L.
            let Ok(size) = word.strip_suffix('L').unwrap_or(word).parse() else {
                return Err(self.expected("a size"));
            };
            self.at += word.len();
            shape.push(size);
            if shape.len() > MAX_RANK {
                return Err(Error::unreadable(format!(
                    "more than {MAX_RANK} dimensions"
                )));
            }
            if !self.accept(b',') {
                self.expect(b')')?;
                break;
            }
        }
        Ok(shape)
    }

    fn descr(&mut self) -> Result<Layout> {
        if self.peek() == Some(b'[') {
            return Err(Error::unreadable("structured arrays are not read")
                .hint("save each field as an array of its own"));
        }
        layout(self.string()?)
    }
}

/// An array-protocol type string: byte order, kind, bytes per element.
fn layout(descr: &str) -> Result<Layout> {
    let (order, rest) = match descr.as_bytes().first() {
        Some(b'<' | b'>' | b'|' | b'=') => descr.split_at(1),
        _ => ("=", descr),
    };
    let unknown = || {
        Error::unreadable(format!("the numpy type {descr:?} is not read")).hint(
            "bfloat16 goes in as its bits in uint16, int4 as int8; other types have to be converted",
        )
    };
    let kind = rest.chars().next().ok_or_else(unknown)?;
    if kind == 'O' {
        return Err(Error::unreadable("object arrays are not read")
            .hint("save numbers, or strings with dtype 'S' or 'U'"));
    }
    let size: usize = rest[kind.len_utf8()..].parse().map_err(|_| unknown())?;
    let element = match (kind, size) {
        ('S' | 'a', _) => Element::Bytes(size),
        ('U', _) => Element::Text(size),
        ('f', 2) => Element::Number(DType::Float16),
        ('f', 4) => Element::Number(DType::Float32),
        ('f', 8) => Element::Number(DType::Float64),
        ('i', 1) => Element::Number(DType::Int8),
        ('i', 2) => Element::Number(DType::Int16),
        ('i', 4) => Element::Number(DType::Int32),
        ('i', 8) => Element::Number(DType::Int64),
        ('u', 1) => Element::Number(DType::UInt8),
        ('u', 2) => Element::Number(DType::UInt16),
        ('u', 4) => Element::Number(DType::UInt32),
        ('u', 8) => Element::Number(DType::UInt64),
        ('b', 1) => Element::Number(DType::Bool),
        ('c', 8) => Element::Number(DType::Complex64),
        ('c', 16) => Element::Number(DType::Complex128),
        _ => return Err(unknown()),
    };
    Ok(Layout {
        element,
        big_endian: order == ">",
    })
}

/// The type string for values as a [`crate::model::Tensor`] holds them; `None` where numpy has no such type.
pub(super) fn descr(dtype: DType) -> Option<&'static str> {
    Some(match dtype {
        DType::Float16 => "<f2",
        DType::Float32 => "<f4",
        DType::Float64 => "<f8",
        DType::Int8 | DType::QInt8 | DType::Int4 | DType::Int2 => "|i1",
        DType::Int16 | DType::QInt16 => "<i2",
        DType::Int32 | DType::QInt32 => "<i4",
        DType::Int64 => "<i8",
        DType::UInt8
        | DType::QUInt8
        | DType::UInt4
        | DType::UInt2
        | DType::Float8E5M2
        | DType::Float8E4M3Fn
        | DType::Float8E4M3FnUz
        | DType::Float8E4M3B11FnUz
        | DType::Float8E5M2FnUz
        | DType::Float4E2M1Fn => "|u1",
        DType::UInt16 | DType::QUInt16 | DType::BFloat16 => "<u2",
        DType::UInt32 => "<u4",
        DType::UInt64 => "<u8",
        DType::Bool => "|b1",
        DType::Complex64 => "<c8",
        DType::Complex128 => "<c16",
        DType::String | DType::Resource | DType::Variant | DType::Invalid | DType::Unknown(_) => {
            return None;
        }
    })
}

/// Magic, version 1.0 and header, padded so that the values begin on a multiple of 64 bytes.
pub(super) fn write(descr: &str, shape: &[usize]) -> Vec<u8> {
    let mut sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    if sizes.len() == 1 {
        sizes.push(String::new());
    }
    let mut text = format!(
        "{{'descr': '{descr}', 'fortran_order': False, 'shape': ({}), }}",
        sizes.join(", ").trim_end()
    );
    const FIXED: usize = 10;
    let padded = (FIXED + text.len() + 1).next_multiple_of(64);
    while FIXED + text.len() + 1 < padded {
        text.push(' ');
    }
    text.push('\n');
    let mut out = Vec::with_capacity(padded);
    out.extend_from_slice(super::MAGIC);
    out.extend_from_slice(&[1, 0]);
    // Shapes have at most 254 sizes of 20 digits, so the length fits.
    out.extend_from_slice(&(text.len() as u16).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
    out
}

//! Options of operators: the schema's tables and custom bytes, as attributes and back.

use bytes::Bytes;
use flatbuffers::{UnionWIPOffset, WIPOffset};

use super::builder::{Builder, Slot};
use super::flat::Table;
use super::flex;
use super::generated::tflite::Operator as Slots;
use super::read::Reader;
use super::schema::{self, Field, Kind, Operator};
use super::tables;
use crate::error::{Error, Result};
use crate::model::{Attr, Attrs, Name, Node};

/// The attribute that holds a custom operator's options as the file has them.
pub const CUSTOM_OPTIONS: &str = "custom_options";

/// The attributes of an operator. The tag in the file says which table there is; without one the operator's own
/// table gives the defaults. `custom` are the bytes of a custom operator, decoded where they are a flexbuffer.
pub(super) fn read(
    reader: &Reader<'_>,
    number: i32,
    operator: Table<'_>,
    custom: Option<Bytes>,
) -> Result<Attrs> {
    let tagged = |tag_slot, slot, union: &schema::Union| -> Result<Option<Attrs>> {
        let tag = operator.scalar(tag_slot, 0u8)?;
        let Some(table) = operator.table(slot)?.filter(|_| tag != 0) else {
            return Ok(None);
        };
        match union.members.get(usize::from(tag) - 1) {
            Some(schema) => schema::attrs(schema, Some(table))
                .map(Some)
                .map_err(|e| e.at(schema.name)),
            None => Ok(Some(Attrs::new().with(
                "builtin_options",
                Attr::Opaque(Name::from(format!("{} table {tag}", union.name))),
            ))),
        }
    };
    let first = tagged(
        Slots::VT_BUILTIN_OPTIONS_TYPE,
        Slots::VT_BUILTIN_OPTIONS,
        &tables::BuiltinOptions,
    )?;
    let second = tagged(
        Slots::VT_BUILTIN_OPTIONS_2_TYPE,
        Slots::VT_BUILTIN_OPTIONS_2,
        &tables::BuiltinOptions2,
    )?;
    let own = Operator::by_number(number).and_then(|op| op.options);
    let mut attrs = match (first.or(second), own) {
        (Some(attrs), _) => attrs,
        (None, Some(schema)) => schema::attrs(schema, None)?,
        (None, None) => Attrs::new(),
    };
    if let Some(bytes) = custom {
        // Options that are no flexbuffer belong to whoever wrote them, and are kept as bytes.
        if reader.may_decode(bytes.len()) {
            for (name, value) in flex::attrs(&bytes).unwrap_or_default().iter() {
                attrs.set(name, value.clone());
            }
        }
        attrs.set(CUSTOM_OPTIONS, Attr::Bytes(bytes));
    }
    Ok(attrs)
}

/// Bytes of a custom operator's options: as they were read, or a flexbuffer map of its attributes.
pub(super) fn custom_bytes(node: &Node) -> Option<Vec<u8>> {
    match node.attrs.get(CUSTOM_OPTIONS) {
        Some(Attr::Bytes(bytes)) => Some(bytes.to_vec()),
        _ if node.attrs.is_empty() => None,
        _ => Some(flex::write_map(&node.attrs)),
    }
}

/// Writes the operator's options table; `None` where the operator has none, or where the reference leaves out a
/// table that has only defaults.
pub(super) fn write(
    builder: &mut Builder,
    operator: &Operator,
    attrs: &Attrs,
) -> Result<Option<WIPOffset<UnionWIPOffset>>> {
    let Some(table) = operator.options else {
        return Ok(None);
    };
    let mut fields = Vec::new();
    for field in table.fields {
        let Some(attr) = attrs.get(field.name) else {
            continue;
        };
        match value(builder, field, attr) {
            Some(Written::Default) => {}
            Some(Written::As(slot)) => fields.push((field.slot(), slot)),
            None => {
                return Err(
                    Error::unsupported(format!("{attr:?} does not fit the field"))
                        .at(format_args!("{}.{}", table.name, field.name)),
                );
            }
        }
    }
    if fields.is_empty() && operator.omit {
        return Ok(None);
    }
    Ok(Some(builder.table(table.name, fields)))
}

enum Written {
    /// Left out, as readers know it.
    Default,
    As(Slot),
}

/// `None` when the attribute is of another kind than the field, or does not fit its width.
fn value(builder: &mut Builder, field: &Field, attr: &Attr) -> Option<Written> {
    let slot = match &field.kind {
        Kind::String => match attr {
            Attr::Bytes(bytes) => Slot::Offset(builder.bytes(bytes)),
            _ => return None,
        },
        Kind::Vector(of) => Slot::Offset(vector(builder, of, attr)?),
        Kind::Table(_) | Kind::Union(_) => return None,
        Kind::Float => {
            let value = real(attr)? as f32;
            if value.to_bits() == (field.default as f32).to_bits() {
                return Some(Written::Default);
            }
            Slot::Int(value.to_bits())
        }
        Kind::Enum(of) => return integer(&of.base, field, whole(of, attr)?),
        kind => return integer(kind, field, number(attr)?),
    };
    Some(Written::As(slot))
}

fn integer(kind: &Kind, field: &Field, value: i64) -> Option<Written> {
    if value == field.default as i64 {
        return Some(Written::Default);
    }
    Some(Written::As(match kind {
        Kind::Bool => Slot::Byte(u8::from(value != 0)),
        Kind::Byte => Slot::Byte(i8::try_from(value).ok()? as u8),
        Kind::Ubyte => Slot::Byte(u8::try_from(value).ok()?),
        Kind::Int => Slot::Int(i32::try_from(value).ok()? as u32),
        Kind::Uint => Slot::Int(u32::try_from(value).ok()?),
        _ => Slot::Long(value as u64),
    }))
}

fn number(attr: &Attr) -> Option<i64> {
    match attr {
        Attr::Int(v) | Attr::Enum { value: v, .. } => Some(*v),
        Attr::Bool(v) => Some(i64::from(*v)),
        _ => None,
    }
}

fn real(attr: &Attr) -> Option<f64> {
    match attr {
        Attr::Float(v) => Some(*v),
        Attr::Int(v) => Some(*v as f64),
        _ => None,
    }
}

/// A value of an enum, given as such, as an element type, by name or by number.
fn whole(of: &schema::Enum, attr: &Attr) -> Option<i64> {
    match attr {
        Attr::Type(dtype) => schema::tensor_type(*dtype).map(i64::from),
        Attr::Bytes(name) => of.number(std::str::from_utf8(name).ok()?),
        other => number(other),
    }
}

fn vector(builder: &mut Builder, of: &Kind, attr: &Attr) -> Option<u32> {
    if let (Kind::Ubyte, Attr::Bytes(bytes)) = (of, attr) {
        return Some(builder.vector::<u8>(bytes).value());
    }
    let Attr::List(all) = attr else {
        return None;
    };
    macro_rules! numbers {
        ($ty:ty, $of:expr) => {{
            let all: Option<Vec<$ty>> = all.iter().map($of).collect();
            builder.vector(&all?).value()
        }};
    }
    Some(match of {
        Kind::Bool => numbers!(u8, |v| number(v).map(|v| u8::from(v != 0))),
        Kind::Int => numbers!(i32, |v| number(v).and_then(|v| v.try_into().ok())),
        Kind::Uint => numbers!(u32, |v| number(v).and_then(|v| v.try_into().ok())),
        Kind::Long => numbers!(i64, number),
        Kind::Float => numbers!(f32, |v| real(v).map(|v| v as f32)),
        Kind::Enum(of) => numbers!(u32, |v| whole(of, v).and_then(|v| v.try_into().ok())),
        _ => return None,
    })
}

//! Options of operators: the schema's tables and custom bytes, as attributes and back.

use bytes::Bytes;
use flatbuffers::{FlatBufferBuilder, UnionWIPOffset, WIPOffset};

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
    builder: &mut FlatBufferBuilder<'_>,
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
        let wrong = || {
            Error::unsupported(format!("{attr:?} does not fit the field"))
                .at(format_args!("{}.{}", table.name, field.name))
        };
        match value(builder, field, attr).ok_or_else(wrong)? {
            Written::Default => {}
            written => fields.push((field.slot(), written)),
        }
    }
    if fields.is_empty() && operator.omit {
        return Ok(None);
    }
    // Wide fields first, as flatc does: less padding.
    fields.sort_by_key(|(_, written)| std::cmp::Reverse(written.width()));
    let start = builder.start_table();
    for (slot, written) in fields {
        match written {
            Written::Default => {}
            Written::Offset(offset) => builder.push_slot_always(slot, offset),
            Written::Byte(v) => builder.push_slot_always(slot, v),
            Written::Short(v) => builder.push_slot_always(slot, v),
            Written::Int(v) => builder.push_slot_always(slot, v),
            Written::Long(v) => builder.push_slot_always(slot, v),
        }
    }
    Ok(Some(WIPOffset::new(builder.end_table(start).value())))
}

/// A field ready to be pushed; numbers by their bits.
enum Written {
    Default,
    Offset(WIPOffset<UnionWIPOffset>),
    Byte(u8),
    Short(u16),
    Int(u32),
    Long(u64),
}

impl Written {
    fn width(&self) -> u8 {
        match self {
            Written::Default => 0,
            Written::Byte(_) => 1,
            Written::Short(_) => 2,
            Written::Int(_) | Written::Offset(_) => 4,
            Written::Long(_) => 8,
        }
    }
}

/// `None` when the attribute is of another kind than the field, or does not fit its width.
fn value(builder: &mut FlatBufferBuilder<'_>, field: &Field, attr: &Attr) -> Option<Written> {
    Some(match &field.kind {
        Kind::String => {
            let Attr::Bytes(bytes) = attr else {
                return None;
            };
            let offset = builder.create_byte_string(bytes);
            Written::Offset(WIPOffset::new(offset.value()))
        }
        Kind::Vector(of) => Written::Offset(vector(builder, of, attr)?),
        Kind::Table(_) | Kind::Union(_) => return None,
        Kind::Float => {
            let v = real(attr)? as f32;
            if v == field.default as f32 && v.is_sign_positive() {
                Written::Default
            } else {
                Written::Int(v.to_bits())
            }
        }
        Kind::Double => Written::Long(real(attr)?.to_bits()),
        Kind::Enum(of) => integer(&of.base, field, whole(of, attr)?)?,
        kind => integer(kind, field, number(attr)?)?,
    })
}

fn integer(kind: &Kind, field: &Field, value: i64) -> Option<Written> {
    if value == field.default as i64 {
        return Some(Written::Default);
    }
    Some(match kind {
        Kind::Bool => Written::Byte(u8::from(value != 0)),
        Kind::Byte => Written::Byte(i8::try_from(value).ok()? as u8),
        Kind::Ubyte => Written::Byte(u8::try_from(value).ok()?),
        Kind::Short => Written::Short(i16::try_from(value).ok()? as u16),
        Kind::Ushort => Written::Short(u16::try_from(value).ok()?),
        Kind::Int => Written::Int(i32::try_from(value).ok()? as u32),
        Kind::Uint => Written::Int(u32::try_from(value).ok()?),
        _ => Written::Long(value as u64),
    })
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

fn vector(
    builder: &mut FlatBufferBuilder<'_>,
    of: &Kind,
    attr: &Attr,
) -> Option<WIPOffset<UnionWIPOffset>> {
    if let (Kind::Ubyte, Attr::Bytes(bytes)) = (of, attr) {
        return Some(WIPOffset::new(builder.create_vector(bytes).value()));
    }
    let Attr::List(all) = attr else {
        return None;
    };
    macro_rules! numbers {
        ($ty:ty, $of:expr) => {{
            let all: Option<Vec<$ty>> = all.iter().map($of).collect();
            builder.create_vector(&all?).value()
        }};
    }
    let offset = match of {
        Kind::Bool => numbers!(bool, |v| number(v).map(|v| v != 0)),
        Kind::Int => numbers!(i32, |v| number(v).and_then(|v| v.try_into().ok())),
        Kind::Uint => numbers!(u32, |v| number(v).and_then(|v| v.try_into().ok())),
        Kind::Long => numbers!(i64, number),
        Kind::Float => numbers!(f32, |v| real(v).map(|v| v as f32)),
        Kind::Enum(of) => numbers!(u32, |v| whole(of, v).and_then(|v| v.try_into().ok())),
        _ => return None,
    };
    Some(WIPOffset::new(offset))
}

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

/// The only CustomOptionsFormat so far.
const FLEXBUFFERS: i8 = 0;
/// How those bytes are to be read, where it is not the one way that the schema knows.
const CUSTOM_OPTIONS_FORMAT: &str = "custom_options_format";
/// Which inputs are variables that the operator changes.
pub(super) const MUTATING_VARIABLE_INPUTS: &str = "mutating_variable_inputs";
/// Index into the metadata `debug_metadata`, of operators and subgraphs.
pub(super) const DEBUG_METADATA_INDEX: &str = "debug_metadata_index";

/// One of the two unions in which an operator has its options.
struct OptionsUnion {
    field: &'static str,
    schema: &'static schema::Union,
    tag_slot: u16,
    slot: u16,
    second: bool,
}

static UNIONS: [OptionsUnion; 2] = [
    OptionsUnion {
        field: "builtin_options",
        schema: &tables::BuiltinOptions,
        tag_slot: Slots::VT_BUILTIN_OPTIONS_TYPE,
        slot: Slots::VT_BUILTIN_OPTIONS,
        second: false,
    },
    OptionsUnion {
        field: "builtin_options_2",
        schema: &tables::BuiltinOptions2,
        tag_slot: Slots::VT_BUILTIN_OPTIONS_2_TYPE,
        slot: Slots::VT_BUILTIN_OPTIONS_2,
        second: true,
    },
];

/// The attributes of an operator: the fields of its options table, defaults where there is none. A table of another
/// operator (the tag in the file says which) is kept as an attribute of its own. `custom` are the bytes of a custom
/// operator, decoded where they are a flexbuffer; those of a Flex operator (`flex_op` is TensorFlow's name of it) give
/// the attributes of its NodeDef.
pub(super) fn read(
    reader: &Reader<'_>,
    number: i32,
    operator: Table<'_>,
    custom: Option<Bytes>,
    flex_op: Option<&str>,
) -> Result<Attrs> {
    let own = Operator::by_number(number);
    let own_table = own.and_then(|op| op.options);
    let mut attrs = match own_table {
        Some(schema) => schema::attrs(schema, None)?,
        None => Attrs::new(),
    };
    for union in &UNIONS {
        let tag = operator.scalar(union.tag_slot, 0u8)?;
        let Some(table) = operator.table(union.slot)?.filter(|_| tag != 0) else {
            continue;
        };
        let Some(schema) = union.schema.members.get(usize::from(tag) - 1) else {
            let words = format!("{} table {tag}", union.schema.name);
            attrs.set(union.field, Attr::Opaque(Name::from(words)));
            continue;
        };
        let fields = schema::attrs(schema, Some(table)).map_err(|e| e.at(schema.name))?;
        if own.is_some_and(|op| op.second == union.second && op.tag == tag) {
            attrs = fields.iter().fold(attrs, |attrs, (name, value)| {
                attrs.with(name, value.clone())
            });
        } else {
            // Readers that look for the operator's own table find none, and take its defaults.
            let name = Name::from(schema.name);
            let attrs_of_other = Attr::Table {
                name,
                attrs: fields,
            };
            attrs.set(union.field, attrs_of_other);
        }
    }
    if let Some(bytes) = custom {
        // Options that are no flexbuffer belong to whoever wrote them, and are kept as bytes.
        let format = operator.scalar(Slots::VT_CUSTOM_OPTIONS_FORMAT, FLEXBUFFERS)?;
        if format != FLEXBUFFERS {
            let name = schema::name_or_number(None, format.into());
            let value = i64::from(format);
            attrs.set(CUSTOM_OPTIONS_FORMAT, Attr::Enum { name, value });
        } else if reader.may_decode(bytes.len()) {
            let decoded = flex_op.and_then(|op| flex::node_attrs(&bytes, op));
            let decoded = decoded.or_else(|| flex::attrs(&bytes).ok());
            for (name, value) in decoded.unwrap_or_default().iter() {
                attrs.set(name, value.clone());
            }
        }
        attrs.set(CUSTOM_OPTIONS, Attr::Bytes(bytes));
    }
    Ok(attrs)
}

/// Attributes that are fields of the operator itself, not of its options.
const OPERATOR_FIELDS: [&str; 5] = [
    CUSTOM_OPTIONS_FORMAT,
    MUTATING_VARIABLE_INPUTS,
    DEBUG_METADATA_INDEX,
    "builtin_options",
    "builtin_options_2",
];

/// Bytes of a custom operator's options: as they were read, or a NodeDef for a Flex operator, or a flexbuffer map of
/// its attributes.
///
/// # Errors
/// Attributes that a NodeDef can't hold.
pub(super) fn custom_bytes(node: &Node) -> Result<Option<Bytes>> {
    if let Some(Attr::Bytes(bytes)) = node.attrs.get(CUSTOM_OPTIONS) {
        return Ok(Some(bytes.clone()));
    }
    if &*node.op != "CUSTOM" {
        return Ok(None);
    }
    let given = node.attrs.iter();
    let map: Attrs = given
        .filter(|(name, _)| !OPERATOR_FIELDS.contains(name))
        .map(|(name, value)| (Name::from(name), value.clone()))
        .collect();
    Ok(match node.flex_op() {
        Some(op) => Some(flex::write_node(op, node.inputs.len(), &map)?.into()),
        None => (!map.is_empty()).then(|| flex::write_map(&map).into()),
    })
}

/// What an operator has beside its inputs and outputs, written.
#[derive(Default)]
pub(super) struct WrittenOptions {
    /// Tag and table of each union.
    pub first: Option<Tagged>,
    pub second: Option<Tagged>,
    pub custom_options_format: i8,
    pub mutating_variable_inputs: Option<WIPOffset<flatbuffers::Vector<'static, bool>>>,
    pub debug_metadata_index: i32,
}

type Tagged = (u8, WIPOffset<UnionWIPOffset>);

/// Writes the operator's options table (left out where the reference leaves out one that has only defaults), tables of
/// other operators that it has instead, and the other fields that are attributes.
///
/// # Errors
/// Values that do not fit their field, and what the schema has no name for.
pub(super) fn write(
    builder: &mut Builder,
    operator: &Operator,
    attrs: &Attrs,
) -> Result<WrittenOptions> {
    let mut written = WrittenOptions {
        debug_metadata_index: debug_metadata_index(attrs),
        ..WrittenOptions::default()
    };
    for union in &UNIONS {
        let tagged = match attrs.get(union.field) {
            None => match operator.options.filter(|_| operator.second == union.second) {
                Some(own) => table(builder, own, attrs, operator.omit)?.map(|t| (operator.tag, t)),
                None => None,
            },
            Some(Attr::Table { name, attrs }) => Some(other_table(builder, union, name, attrs)?),
            Some(other) => {
                return Err(unknown_options(other).at(union.field));
            }
        };
        match union.second {
            false => written.first = tagged,
            true => written.second = tagged,
        }
    }
    let mutating = attrs.list(MUTATING_VARIABLE_INPUTS);
    written.mutating_variable_inputs = mutating.map(|flags| {
        let flags: Vec<u8> = flags
            .iter()
            .map(|v| u8::from(v.as_bool() == Some(true)))
            .collect();
        WIPOffset::new(builder.vector(&flags).value())
    });
    if let Some(format) = attrs.int(CUSTOM_OPTIONS_FORMAT) {
        written.custom_options_format = i8::try_from(format).map_err(|_| {
            Error::unsupported(format!("{format} is no format")).at(CUSTOM_OPTIONS_FORMAT)
        })?;
    }
    Ok(written)
}

fn unknown_options(found: &Attr) -> Error {
    let words = match found {
        Attr::Opaque(words) => words.to_string(),
        other => format!("{other:?}"),
    };
    Error::unsupported(format!(
        "the options are {words}, which schema version {} does not know",
        schema::REVISION
    ))
    .hint("the file is newer than this program; it can be shown, not written again")
}

/// The `debug_metadata_index` among the attributes of an operator or subgraph.
pub(super) fn debug_metadata_index(attrs: &Attrs) -> i32 {
    let index = attrs.int(DEBUG_METADATA_INDEX);
    index.and_then(|i| i32::try_from(i).ok()).unwrap_or(-1)
}

fn other_table(
    builder: &mut Builder,
    union: &OptionsUnion,
    name: &str,
    attrs: &Attrs,
) -> Result<Tagged> {
    let members = &union.schema.members;
    let at = members.iter().position(|m| m.name == name);
    let member = at.and_then(|at| Some((u8::try_from(at + 1).ok()?, *members.get(at)?)));
    let (tag, schema) = member.ok_or_else(|| {
        Error::unsupported(format!("{} has no table {name:?}", union.schema.name))
    })?;
    let written = table(builder, schema, attrs, false)?;
    let written = written.unwrap_or_else(|| builder.table(schema.name, Vec::new()));
    Ok((tag, written))
}

/// A table of the attributes named like its fields; `None` for one of defaults that may be left out.
fn table(
    builder: &mut Builder,
    table: &schema::Table,
    attrs: &Attrs,
    omit: bool,
) -> Result<Option<WIPOffset<UnionWIPOffset>>> {
    if let Some(found) = attrs.get(schema::UNKNOWN_FIELDS) {
        return Err(unknown_options(found));
    }
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
    if fields.is_empty() && omit {
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

//! Tables of the schema as data: what [`super::tables`] is made of, and their generic reading.

use std::sync::Arc;

use super::flat;
use super::tables;
use crate::error::Result;
use crate::model::{Attr, Attrs, DType, Name};

/// The attribute that says that a table has more fields than the schema knows.
pub(super) const UNKNOWN_FIELDS: &str = "unknown_fields";

pub(super) struct Enum {
    pub base: Kind,
    pub members: &'static [(i64, &'static str)],
}

/// Type of a field.
pub(super) enum Kind {
    Bool,
    Byte,
    Ubyte,
    Int,
    Uint,
    Long,
    Ulong,
    Float,
    String,
    Enum(&'static Enum),
    Table(&'static Table),
    Union(&'static Union),
    Vector(&'static Kind),
}

pub(super) struct Field {
    pub name: &'static str,
    pub id: u16,
    pub kind: Kind,
    /// Of numbers, bools (1 is true) and enums.
    pub default: f64,
}

pub(super) struct Table {
    pub name: &'static str,
    pub fields: &'static [Field],
}

/// `members[tag - 1]`; tag 0 is no table.
pub(super) struct Union {
    pub name: &'static str,
    pub members: &'static [&'static Table],
}

/// A builtin operator and its options table.
pub(super) struct Operator {
    pub name: &'static str,
    pub number: i32,
    pub options: Option<&'static Table>,
    /// The options are in the second union.
    pub second: bool,
    pub tag: u8,
    /// The table may be left out when all of its fields have their defaults.
    pub omit: bool,
}

impl Enum {
    pub fn member(&self, number: i64) -> Option<&'static str> {
        let found = self.members.iter().find(|(n, _)| *n == number)?;
        Some(found.1)
    }

    pub fn number(&self, member: &str) -> Option<i64> {
        let found = self.members.iter().find(|(_, m)| *m == member)?;
        Some(found.0)
    }
}

impl Field {
    /// Offset in the vtable.
    pub fn slot(&self) -> u16 {
        4 + 2 * self.id
    }
}

impl Operator {
    pub fn by_number(number: i32) -> Option<&'static Operator> {
        tables::OPERATORS.iter().find(|op| op.number == number)
    }

    pub fn by_name(name: &str) -> Option<&'static Operator> {
        tables::OPERATORS.iter().find(|op| op.name == name)
    }
}

/// The fields of a table as attributes; without a table all defaults. A vector or string that is absent stays absent.
pub(super) fn attrs(schema: &Table, table: Option<flat::Table<'_>>) -> Result<Attrs> {
    let mut attrs = Attrs::new();
    for field in schema.fields {
        let value = match table {
            Some(table) => read(field, table).map_err(|e| e.at(field.name))?,
            None => default(field),
        };
        if let Some(value) = value {
            attrs.set(field.name, value);
        }
    }
    // Ids grow with the schema: what lies past them is from a later one.
    let known = schema.fields.iter().map(|f| usize::from(f.id) + 1).max();
    let later = table.map_or(0, |table| table.fields_past(known.unwrap_or(0)));
    if later > 0 {
        let words = format!("{later} fields past those of {}", schema.name);
        attrs.set(UNKNOWN_FIELDS, Attr::Opaque(words.into()));
    }
    Ok(attrs)
}

fn default(field: &Field) -> Option<Attr> {
    Some(match &field.kind {
        Kind::Bool => Attr::Bool(field.default != 0.0),
        Kind::Float => Attr::Float(field.default),
        Kind::Enum(of) => member(of, field.default as i64),
        Kind::String | Kind::Table(_) | Kind::Union(_) | Kind::Vector(_) => return None,
        _ => Attr::Int(field.default as i64),
    })
}

fn read(field: &Field, table: flat::Table<'_>) -> Result<Option<Attr>> {
    let slot = field.slot();
    match &field.kind {
        Kind::Bool => Ok(Some(Attr::Bool(table.flag(slot, field.default != 0.0)?))),
        Kind::Float => Ok(Some(Attr::Float(float(field, table)?))),
        Kind::Enum(of) => Ok(Some(member(of, integer(&of.base, field, table)?))),
        Kind::String | Kind::Vector(Kind::Ubyte) => Ok(table
            .bytes(slot)?
            .map(|b| Attr::Bytes(bytes::Bytes::copy_from_slice(b)))),
        Kind::Vector(of) => list(of, slot, table),
        Kind::Table(_) | Kind::Union(_) => Ok(None),
        kind => Ok(Some(Attr::Int(integer(kind, field, table)?))),
    }
}

/// A number of the table, widened. Values past 2^63 wrap; no field of the schema has such.
pub(super) fn integer(kind: &Kind, field: &Field, table: flat::Table<'_>) -> Result<i64> {
    let slot = field.slot();
    let default = field.default as i64;
    Ok(match kind {
        Kind::Byte => i64::from(table.scalar(slot, default as i8)?),
        Kind::Bool | Kind::Ubyte => i64::from(table.scalar(slot, default as u8)?),
        Kind::Int => i64::from(table.scalar(slot, default as i32)?),
        Kind::Uint => i64::from(table.scalar(slot, default as u32)?),
        _ => table.scalar(slot, default)?,
    })
}

pub(super) fn float(field: &Field, table: flat::Table<'_>) -> Result<f64> {
    Ok(f64::from(table.scalar(field.slot(), field.default as f32)?))
}

fn list(of: &Kind, slot: u16, table: flat::Table<'_>) -> Result<Option<Attr>> {
    macro_rules! numbers {
        ($ty:ty, $attr:expr) => {
            table
                .numbers::<$ty>(slot)?
                .map(|all| Attr::List(all.into_iter().map($attr).collect()))
        };
    }
    Ok(match of {
        Kind::Bool => numbers!(u8, |v| Attr::Bool(v != 0)),
        Kind::Int => numbers!(i32, |v| Attr::Int(v.into())),
        Kind::Uint => numbers!(u32, |v| Attr::Int(v.into())),
        Kind::Long => numbers!(i64, Attr::Int),
        Kind::Float => numbers!(f32, |v| Attr::Float(v.into())),
        Kind::Enum(of) => numbers!(u32, |v| member(of, v.into())),
        _ => None,
    })
}

/// A value of an enum: an element type as such, anything else by name; a number that has no name is its own.
fn member(of: &Enum, number: i64) -> Attr {
    if std::ptr::eq(of, &tables::TensorType) {
        return Attr::Type(dtype(number as i8));
    }
    Attr::Enum {
        name: name_or_number(of.member(number), number),
        value: number,
    }
}

pub(super) fn name_or_number(name: Option<&'static str>, number: i64) -> Name {
    match name {
        Some(name) => Name::from(name),
        None => Arc::from(number.to_string()),
    }
}

/// The revision of the schema that this program knows, as its history counts them.
pub(super) const REVISION: &str = "3d";

/// TensorType's numbers.
pub(super) const DTYPES: [DType; 23] = [
    DType::Float32,
    DType::Float16,
    DType::Int32,
    DType::UInt8,
    DType::Int64,
    DType::String,
    DType::Bool,
    DType::Int16,
    DType::Complex64,
    DType::Int8,
    DType::Float64,
    DType::Complex128,
    DType::UInt64,
    DType::Resource,
    DType::Variant,
    DType::UInt32,
    DType::UInt16,
    DType::Int4,
    DType::BFloat16,
    DType::Int2,
    DType::UInt4,
    DType::Float8E4M3Fn,
    DType::Float8E5M2,
];

pub(super) fn dtype(number: i8) -> DType {
    usize::try_from(number)
        .ok()
        .and_then(|n| DTYPES.get(n).copied())
        .unwrap_or(DType::Unknown(number.into()))
}

/// TensorType's number for a type; `None` where the schema has none.
pub(super) fn tensor_type(dtype: DType) -> Option<i8> {
    let number = DTYPES.iter().position(|&d| d == dtype)?;
    i8::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_types_are_those_of_the_schema() {
        for (number, name) in tables::TensorType.members {
            let expected = name.to_lowercase();
            assert_eq!(dtype(*number as i8).to_string(), expected);
            assert_eq!(tensor_type(dtype(*number as i8)), Some(*number as i8));
        }
        assert_eq!(DTYPES.len(), tables::TensorType.members.len());
        assert_eq!(dtype(99), DType::Unknown(99));
    }

    #[test]
    fn defaults_are_those_of_the_schema() {
        let conv = Operator::by_name("CONV_2D").unwrap();
        let attrs = attrs(conv.options.unwrap(), None).unwrap();
        assert_eq!(attrs.int("dilation_w_factor"), Some(1));
        assert_eq!(attrs.int("stride_w"), Some(0));
        assert_eq!(attrs.text("padding"), Some("SAME"));
        assert_eq!(attrs.dtype("quantized_bias_type"), Some(DType::Float32));
        let add = Operator::by_name("ADD").unwrap();
        let attrs = super::attrs(add.options.unwrap(), None).unwrap();
        assert_eq!(attrs.bool("pot_scale_int16"), Some(true));
    }

    #[test]
    fn every_operator_is_found_by_number_and_name() {
        assert_eq!(Operator::by_number(209).unwrap().name, "STABLEHLO_CASE");
        assert_eq!(Operator::by_name("DILATE").unwrap().tag, 18);
        assert!(Operator::by_name("DILATE").unwrap().second);
        assert_eq!(tables::BuiltinOptions.members.len(), 126);
        assert_eq!(tables::BuiltinOptions2.members.len(), 23);
    }
}

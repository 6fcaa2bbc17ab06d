//! The messages of `proto/` as a table of fields, made by tests/house/generated.rs.

include!("../../../proto/generated/fields.rs");

pub struct Message {
    pub name: &'static str,
    /// A pair of a map.
    pub map_entry: bool,
    /// By number.
    pub fields: &'static [Field],
}

pub struct Field {
    pub name: &'static str,
    pub number: u32,
    pub kind: Kind,
    pub repeated: bool,
    /// Stands in the file even where it has its default value: of a oneof, or `optional`.
    pub presence: bool,
    /// Known to the text format alone: the decoder passes over it.
    pub shown: bool,
    /// The message or enum of the field.
    pub of: &'static str,
}

pub struct Enum {
    pub name: &'static str,
    pub values: &'static [(&'static str, i32)],
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Double,
    Float,
    Int64,
    Uint64,
    Int32,
    Fixed32,
    Fixed64,
    Bool,
    String,
    Message,
    Bytes,
    Uint32,
    Sint64,
    Enum,
}

/// The message of this full name (`.mexplore.NodeDef`).
pub fn message_named(name: &str) -> Option<&'static Message> {
    let at = MESSAGES.binary_search_by(|m| m.name.cmp(name)).ok()?;
    Some(&MESSAGES[at])
}

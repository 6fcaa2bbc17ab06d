//! The messages of `proto/` as a table of fields, which `build.rs` makes.

include!(concat!(env!("OUT_DIR"), "/fields.rs"));

pub struct Message {
    pub name: &'static str,
    pub fields: &'static [Field],
}

pub struct Field {
    pub name: &'static str,
    pub number: u32,
    pub kind: Kind,
    pub repeated: bool,
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
    Bool,
    String,
    Message,
    Bytes,
    Uint32,
    Enum,
}

/// The message of this full name (`.mexplore.NodeDef`).
pub fn message_named(name: &str) -> Option<&'static Message> {
    MESSAGES.iter().find(|m| m.name == name)
}

//! Promise: `proto/generated/` is what `proto/` gives: prost's Rust code, and the table of fields that protobuf's text
//! format needs. Committed, so that who builds mexplore compiles no protobuf compiler. Who changes a `.proto` file runs
//!
//!     MEXPLORE_GENERATE=1 cargo test --test house generated

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::{env, error::Error, fs};

const FILES: [&str; 6] = [
    "tensor.proto",
    "graph.proto",
    "structure.proto",
    "objects.proto",
    "saved_model.proto",
    "checkpoint.proto",
];

/// Fields and messages for the table alone.
const SHOWN: &str = "shown.proto";
/// The package of these, which holds fields of the messages of the same names in the package above it.
const SHOWN_PACKAGE: &str = ".mexplore.shown";

/// Messages by their full names.
type Messages = BTreeMap<String, Fields>;

/// Fields by number.
#[derive(Default)]
struct Fields {
    map_entry: bool,
    /// Numbers of those that the decoder does not know.
    shown: BTreeSet<i32>,
    by_number: BTreeMap<i32, prost_types::FieldDescriptorProto>,
}

#[test]
fn generated_code_is_what_the_proto_files_give() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    let set = protox::compile(FILES, [&folder])?;
    let all = protox::compile([SHOWN], [&folder])?;
    let made = [
        ("mexplore.rs", decoders(set)?),
        ("fields.rs", table_of_fields(&all)?),
    ];
    for (name, text) in made {
        let path = folder.join("generated").join(name);
        if env::var_os("MEXPLORE_GENERATE").is_some() {
            fs::write(&path, &text)?;
        }
        let same = fs::read_to_string(&path)? == text;
        assert!(
            same,
            "proto/generated/{name} is not what proto/ gives: run MEXPLORE_GENERATE=1 cargo test --test house generated"
        );
    }
    Ok(())
}

/// The messages as prost decodes them.
fn decoders(set: prost_types::FileDescriptorSet) -> Result<String, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    prost_build::Config::new()
        .out_dir(folder.path())
        // Slices of the mapped file instead of copies.
        .bytes(["."])
        // The same order on every run.
        .btree_map(["."])
        // An attribute is a number or a name as a rule; these would make each as large as a tensor's head.
        .boxed(".mexplore.AttrValue.value.tensor")
        .boxed(".mexplore.AttrValue.value.list")
        // Errors look messages up in the table of fields.
        .enable_type_names()
        .compile_fds(set)?;
    Ok(fs::read_to_string(folder.path().join("mexplore.rs"))?)
}

/// The messages as the text format needs them: fields by number, enums by name.
fn table_of_fields(all: &prost_types::FileDescriptorSet) -> Result<String, Box<dyn Error>> {
    let mut messages = Messages::new();
    let mut enums = String::from("pub static ENUMS: &[Enum] = &[\n");
    for file in &all.file {
        let scope = format!(".{}", file.package());
        for message in &file.message_type {
            collect(&mut messages, &mut enums, &scope, message)?;
        }
        for e in &file.enum_type {
            describe_enum(&mut enums, &scope, e)?;
        }
    }
    join_shown(&mut messages);
    let table = describe(&messages)?;
    Ok(format!(
        "// Made from `proto/` by tests/house/generated.rs; change those instead.\n{table}\n{enums}];\n"
    ))
}

/// The fields and enums of a message and of those inside it.
fn collect(
    messages: &mut Messages,
    enums: &mut String,
    scope: &str,
    message: &prost_types::DescriptorProto,
) -> Result<(), std::fmt::Error> {
    let name = format!("{scope}.{}", message.name());
    let fields = message.field.iter().cloned();
    let fields = Fields {
        map_entry: message.options.as_ref().is_some_and(|o| o.map_entry()),
        shown: BTreeSet::new(),
        by_number: fields.map(|field| (field.number(), field)).collect(),
    };
    messages.insert(name.clone(), fields);
    for e in &message.enum_type {
        describe_enum(enums, &name, e)?;
    }
    for inner in &message.nested_type {
        collect(messages, enums, &name, inner)?;
    }
    Ok(())
}

/// Adds the fields that are only shown to the messages that they belong to.
fn join_shown(messages: &mut Messages) {
    let shown = messages
        .keys()
        .filter(|name| name.starts_with(SHOWN_PACKAGE));
    for name in shown.cloned().collect::<Vec<_>>() {
        let read = name.replacen(SHOWN_PACKAGE, ".mexplore", 1);
        if messages.contains_key(&read)
            && let Some(fields) = messages.remove(&name)
        {
            let joined = messages.entry(read).or_default();
            joined.shown.extend(fields.by_number.keys());
            joined.by_number.extend(fields.by_number);
        }
    }
}

/// One block per message: its full name and its fields by number. Sorted by name, for a search by halves.
fn describe(messages: &Messages) -> Result<String, std::fmt::Error> {
    let mut table = String::from("pub static MESSAGES: &[Message] = &[\n");
    for (name, fields) in messages {
        let map_entry = fields.map_entry;
        writeln!(
            table,
            "Message {{ name: {name:?}, map_entry: {map_entry}, fields: &["
        )?;
        for field in fields.by_number.values() {
            writeln!(
                table,
                "    Field {{ name: {:?}, number: {}, kind: Kind::{}, repeated: {}, presence: {}, shown: {}, of: {:?} }},",
                field.name(),
                field.number(),
                // `TYPE_UINT32` to `Uint32`
                field
                    .r#type()
                    .as_str_name()
                    .trim_start_matches("TYPE_")
                    .to_lowercase()
                    .split('_')
                    .map(|w| w[..1].to_uppercase() + &w[1..])
                    .collect::<String>(),
                field.label() == prost_types::field_descriptor_proto::Label::Repeated,
                field.oneof_index.is_some(),
                fields.shown.contains(&field.number()),
                field.type_name(),
            )?;
        }
        table.push_str("] },\n");
    }
    table.push_str("];\n");
    Ok(table)
}

fn describe_enum(
    enums: &mut String,
    scope: &str,
    e: &prost_types::EnumDescriptorProto,
) -> Result<(), std::fmt::Error> {
    write!(enums, "Enum {{ name: \"{scope}.{}\", values: &[", e.name())?;
    for value in &e.value {
        write!(enums, "({:?}, {}), ", value.name(), value.number())?;
    }
    enums.push_str("] },\n");
    Ok(())
}

//! Compiles `proto/` to Rust, and to the table of fields that the text format's parser needs.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, error::Error, fs};

const FILES: [&str; 5] = [
    "tensor.proto",
    "graph.proto",
    "objects.proto",
    "saved_model.proto",
    "checkpoint.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    println!("cargo::rerun-if-changed=build.rs");
    let set = protox::compile(FILES, ["proto"])?;
    let mut table = String::from("pub static MESSAGES: &[Message] = &[\n");
    let mut enums = String::from("pub static ENUMS: &[Enum] = &[\n");
    for file in &set.file {
        for message in &file.message_type {
            describe(&mut table, file.package(), message)?;
        }
        for e in &file.enum_type {
            write!(
                enums,
                "Enum {{ name: \".{}.{}\", values: &[",
                file.package(),
                e.name()
            )?;
            for value in &e.value {
                write!(enums, "({:?}, {}), ", value.name(), value.number())?;
            }
            enums.push_str("] },\n");
        }
    }
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("fields.rs"), format!("{table}];\n\n{enums}];\n"))?;
    prost_build::Config::new()
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
    Ok(())
}

/// One line per message: its full name and its fields as (name, number, type, repeated, type's name).
fn describe(
    table: &mut String,
    scope: &str,
    message: &prost_types::DescriptorProto,
) -> Result<(), std::fmt::Error> {
    let name = format!("{scope}.{}", message.name());
    writeln!(table, "Message {{ name: \".{name}\", fields: &[")?;
    for field in &message.field {
        writeln!(
            table,
            "    Field {{ name: {:?}, number: {}, kind: Kind::{}, repeated: {}, of: {:?} }},",
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
            field.type_name(),
        )?;
    }
    table.push_str("] },\n");
    for inner in &message.nested_type {
        describe(table, &name, inner)?;
    }
    Ok(())
}

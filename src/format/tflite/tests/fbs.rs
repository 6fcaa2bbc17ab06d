//! The schema files as data, and a dump of any file by them: a second reader that shares nothing with the first but the
//! bounds-checked view.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};

use super::super::flat::Table;

pub struct Schema {
    /// Fields of each table by id.
    tables: BTreeMap<String, Vec<Field>>,
    /// Width and sign of each enum's base.
    enums: BTreeMap<String, String>,
    /// Tables of each union in the order of their tags.
    unions: BTreeMap<String, Vec<String>>,
}

pub struct Field {
    pub name: String,
    pub kind: String,
    pub id: u16,
    /// Of a number; enums and bools by number.
    default: f64,
}

/// The container and the options, parsed from the schema files.
pub fn schema() -> Schema {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas");
    let text: String = ["tflite.fbs", "options.fbs"]
        .iter()
        .map(|file| std::fs::read_to_string(format!("{folder}/{file}")).unwrap())
        .collect();
    let mut schema = Schema {
        tables: BTreeMap::new(),
        enums: BTreeMap::new(),
        unions: BTreeMap::new(),
    };
    let mut block: Option<(String, String)> = None;
    let mut members: BTreeMap<(String, String), f64> = BTreeMap::new();
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or_default().trim();
        let words: Vec<&str> = line.split_whitespace().collect();
        match (&block, &words[..]) {
            (None, ["table", name, "{"]) => {
                schema.tables.insert((*name).to_owned(), Vec::new());
                block = Some(("table".to_owned(), (*name).to_owned()));
            }
            (None, ["enum", name, ":", base, "{"]) => {
                schema.enums.insert((*name).to_owned(), (*base).to_owned());
                block = Some(("enum".to_owned(), (*name).to_owned()));
            }
            (None, ["union", name, "{"]) => {
                schema.unions.insert((*name).to_owned(), Vec::new());
                block = Some(("union".to_owned(), (*name).to_owned()));
            }
            (Some(_), ["}"]) => block = None,
            (Some((kind, name)), [first, ..]) if kind == "union" => {
                let tables = schema.unions.get_mut(name).unwrap();
                tables.push(first.trim_end_matches(',').to_owned());
            }
            (Some((kind, name)), [first, "=", number, ..]) if kind == "enum" => {
                let number = number.trim_end_matches(',').parse().unwrap();
                members.insert((name.clone(), (*first).to_owned()), number);
            }
            (Some((kind, table)), [_, ..]) if kind == "table" => {
                let field = field(line, &members);
                schema.tables.get_mut(table).unwrap().push(field);
            }
            _ => {}
        }
    }
    schema
}

/// Names of the tables that are not options of operators.
pub fn container() -> BTreeSet<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas");
    let text = std::fs::read_to_string(format!("{folder}/tflite.fbs")).unwrap();
    let tables = text.lines().filter_map(|line| line.strip_prefix("table "));
    tables
        .filter_map(|rest| rest.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

/// `name:type = default (id: 3);`
fn field(line: &str, members: &BTreeMap<(String, String), f64>) -> Field {
    let (name, rest) = line.split_once(':').unwrap();
    let (declared, attributes) = rest.split_once('(').unwrap();
    let id = attributes.split("id:").nth(1).unwrap().trim();
    let id = id.split([')', ',']).next().unwrap();
    let (kind, default) = match declared.split_once('=') {
        Some((kind, default)) => (kind.trim(), default.trim()),
        None => (declared.trim(), "0"),
    };
    let default = match default {
        "true" => 1.0,
        "false" => 0.0,
        other => other
            .parse()
            .unwrap_or_else(|_| members[&(kind.to_owned(), other.to_owned())]),
    };
    Field {
        name: name.to_owned(),
        kind: kind.to_owned(),
        id: id.parse().unwrap(),
        default,
    }
}

impl Schema {
    pub fn fields(&self) -> impl Iterator<Item = (&str, &Field)> {
        let tables = self.tables.iter();
        tables.flat_map(|(name, fields)| fields.iter().map(move |field| (name.as_str(), field)))
    }

    /// Whether an operator of this program's tables has it as its options.
    pub fn has_operator(&self, table: &str) -> bool {
        let mut operators = super::super::tables::OPERATORS.iter();
        operators.any(|op| op.options.is_some_and(|options| options.name == table))
    }

    /// Everything in a table that is not at its default; `seen` gets the fields that are there.
    pub fn dump(&self, name: &str, table: Table<'_>, seen: &mut BTreeSet<String>) -> Json {
        let mut map = Map::new();
        for field in &self.tables[name] {
            let slot = 4 + 2 * field.id;
            if table.has(slot).unwrap() {
                seen.insert(format!("{name}.{}", field.name));
            }
            let value = self.value(field, slot, table, seen);
            let empty = match &value {
                Json::Null => true,
                Json::Array(all) => all.is_empty(),
                Json::String(text) => text.is_empty(),
                _ => false,
            };
            if !empty {
                map.insert(field.name.clone(), value);
            }
        }
        Json::Object(map)
    }

    fn value(
        &self,
        field: &Field,
        slot: u16,
        table: Table<'_>,
        seen: &mut BTreeSet<String>,
    ) -> Json {
        if let Some(of) = field.kind.strip_prefix('[') {
            return self.vector(of.trim_end_matches(']'), slot, table, seen);
        }
        if let Some(number) = self.number(&field.kind, field.default, slot, table) {
            return match number == field.default {
                true => Json::Null,
                false => json!(number.to_string()),
            };
        }
        // Where the union stands in place of the tag's table, the tag says which it is.
        let tag = || usize::from(table.scalar(slot - 2, 0u8).unwrap());
        let union = match (field.kind.as_str(), field.name.as_str()) {
            ("OptionTable", "builtin_options") => Some("BuiltinOptions"),
            ("OptionTable", _) => Some("BuiltinOptions2"),
            (kind, _) if self.unions.contains_key(kind) => Some(kind),
            _ => None,
        };
        match union {
            None if field.kind == "string" => json!(table.text(slot).unwrap().unwrap_or_default()),
            None => {
                let inner = table.table(slot).unwrap();
                inner.map_or(Json::Null, |inner| self.dump(&field.kind, inner, seen))
            }
            Some(union) => match (tag(), table.table(slot).unwrap()) {
                (tag @ 1.., Some(inner)) => match self.unions[union].get(tag - 1) {
                    Some(member) => json!({ (member.clone()): self.dump(member, inner, seen) }),
                    None => json!({ "unknown": tag }),
                },
                _ => Json::Null,
            },
        }
    }

    fn number(&self, kind: &str, default: f64, slot: u16, table: Table<'_>) -> Option<f64> {
        let kind = self.enums.get(kind).map_or(kind, String::as_str);
        Some(match kind {
            "bool" | "ubyte" => table.scalar(slot, default as u8).unwrap().into(),
            "byte" => table.scalar(slot, default as i8).unwrap().into(),
            "int" | "int32" => table.scalar(slot, default as i32).unwrap().into(),
            "uint" => table.scalar(slot, default as u32).unwrap().into(),
            "float" => table.scalar(slot, default as f32).unwrap().into(),
            // Exact enough: no file of the tests has numbers past 2^53.
            "long" => table.scalar(slot, default as i64).unwrap() as f64,
            "ulong" => table.scalar(slot, default as u64).unwrap() as f64,
            _ => return None,
        })
    }

    fn vector(&self, of: &str, slot: u16, table: Table<'_>, seen: &mut BTreeSet<String>) -> Json {
        macro_rules! numbers {
            ($ty:ty) => {{
                let all: Vec<$ty> = table.numbers(slot).unwrap().unwrap_or_default();
                // As text: JSON has no NaN.
                all.iter().map(|v| json!(v.to_string())).collect()
            }};
        }
        match self.enums.get(of).map_or(of, String::as_str) {
            "ubyte" | "bool" => json!(table.bytes(slot).unwrap().map(hex)),
            "byte" => numbers!(i8),
            "ushort" => numbers!(u16),
            "int" | "int32" => numbers!(i32),
            "uint" => numbers!(u32),
            "long" => numbers!(i64),
            "float" => numbers!(f32),
            "string" => json!(table.texts(slot).unwrap()),
            _ => {
                let tables = table.tables(slot).unwrap();
                let all: Vec<Json> = tables
                    .iter()
                    .map(|inner| self.dump(of, inner.unwrap(), seen))
                    .collect();
                json!(all)
            }
        }
    }
}

/// Short bytes whole, long ones by length and checksum.
pub fn hex(bytes: &[u8]) -> String {
    match bytes.len() {
        0..64 => bytes.iter().map(|b| format!("{b:02x}")).collect(),
        n => format!("{n} bytes {:08x}", crc32c::crc32c(bytes)),
    }
}

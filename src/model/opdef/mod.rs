//! TensorFlow's operator registry: arguments, attributes and their defaults.
//!
//! The table holds the facts of TensorFlow 2.21's registry, one operator per line in byte order of the names:
//! name, inputs, outputs, attributes, flags, parted by tabs. An argument is `name:TYPE` with `float` (fixed), `$T`
//! (the attribute `T` gives the type), `N*TYPE` (the attribute `N` gives how many) or `[T]` (the attribute `T` lists
//! types), and `&` behind it for a reference. An attribute is `name:type` or `name:type=default`. Flags: `S` has
//! state or side effects, `C` commutes. A line is parsed when its operator is first asked for.

use std::sync::{LazyLock, OnceLock};

use bytes::Bytes;
use foldhash::HashMap;

use super::{Attr, DType, Name, Shape};

/// An operator's definition.
#[derive(Debug, Clone)]
pub struct OpDef {
    pub name: Name,
    pub inputs: Vec<ArgDef>,
    pub outputs: Vec<ArgDef>,
    pub attrs: Vec<AttrDef>,
    /// Has state or side effects: two equal calls may not be merged, and a call may not be dropped.
    pub stateful: bool,
    pub commutative: bool,
}

/// An input or output argument; may stand for several tensors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgDef {
    pub name: Name,
    pub dtype: ArgType,
    /// The attribute that says how many tensors of that type.
    pub number: Option<Name>,
    pub reference: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArgType {
    Fixed(DType),
    /// The attribute of this name is the type.
    Attr(Name),
    /// The attribute of this name lists the types of as many tensors.
    List(Name),
}

#[derive(Debug, Clone)]
pub struct AttrDef {
    pub name: Name,
    /// `int`, `list(type)`, `func`, …
    pub kind: &'static str,
    pub default: Option<Attr>,
}

/// The definition of `op`; `None` for names that TensorFlow does not register.
pub fn lookup(op: &str) -> Option<&'static OpDef> {
    let row = ROWS.get(op)?;
    Some(row.parsed.get_or_init(|| parse(row.line)))
}

/// What `op` takes for the attribute when a file leaves it out.
pub fn default_attr(op: &str, name: &str) -> Option<&'static Attr> {
    let attrs = &lookup(op)?.attrs;
    attrs.iter().find(|a| &*a.name == name)?.default.as_ref()
}

struct Row {
    line: &'static str,
    parsed: OnceLock<OpDef>,
}

static ROWS: LazyLock<HashMap<&'static str, Row>> = LazyLock::new(|| {
    let row = |line: &'static str| {
        let name = line.split('\t').next().unwrap_or(line);
        let parsed = OnceLock::new();
        (name, Row { line, parsed })
    };
    include_str!("table.tsv").lines().map(row).collect()
});

fn parse(line: &'static str) -> OpDef {
    let mut columns = line.split('\t');
    let mut column = || columns.next().unwrap_or("");
    let (name, inputs, outputs, attrs, flags) = (column(), column(), column(), column(), column());
    let args = |text: &'static str| {
        text.split_ascii_whitespace()
            .filter_map(parse_arg)
            .collect()
    };
    OpDef {
        name: name.into(),
        inputs: args(inputs),
        outputs: args(outputs),
        attrs: attrs
            .split_ascii_whitespace()
            .filter_map(parse_attr)
            .collect(),
        stateful: flags.contains('S'),
        commutative: flags.contains('C'),
    }
}

fn parse_arg(text: &str) -> Option<ArgDef> {
    let (name, rest) = text.split_once(':')?;
    let (rest, reference) = match rest.strip_suffix('&') {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    let (number, rest) = match rest.split_once('*') {
        Some((number, rest)) => (Some(Name::from(number)), rest),
        None => (None, rest),
    };
    let dtype = if let Some(attr) = rest.strip_prefix('$') {
        ArgType::Attr(attr.into())
    } else if let Some(attr) = rest.strip_prefix('[') {
        ArgType::List(attr.trim_end_matches(']').into())
    } else {
        ArgType::Fixed(dtype(rest)?)
    };
    Some(ArgDef {
        name: name.into(),
        dtype,
        number,
        reference,
    })
}

/// A type as the registry spells it.
fn dtype(name: &str) -> Option<DType> {
    match name {
        "float" => Some(DType::Float32),
        "double" => Some(DType::Float64),
        "half" => Some(DType::Float16),
        other => DType::from_name(other),
    }
}

fn parse_attr(text: &'static str) -> Option<AttrDef> {
    let (name, rest) = text.split_once(':')?;
    let (kind, default) = match rest.split_once('=') {
        Some((kind, default)) => (kind, parse_default(kind, default)),
        None => (rest, None),
    };
    Some(AttrDef {
        name: name.into(),
        kind,
        default,
    })
}

fn parse_default(kind: &str, text: &str) -> Option<Attr> {
    if let Some(element) = kind.strip_prefix("list(").and_then(|k| k.strip_suffix(')')) {
        let inner = text.strip_prefix('[')?.strip_suffix(']')?;
        return inner
            .split(',')
            .filter(|part| !part.is_empty())
            .map(|part| parse_default(element, part))
            .collect::<Option<_>>()
            .map(Attr::List);
    }
    match kind {
        "int" => text.parse().ok().map(Attr::Int),
        // Attributes are float32 in the files; the default has to be the same number.
        "float" => Some(Attr::Float(f64::from(text.parse::<f32>().ok()?))),
        "bool" => text.parse().ok().map(Attr::Bool),
        "string" => {
            let text: String = serde_json::from_str(text).ok()?;
            Some(Attr::Bytes(Bytes::from(text)))
        }
        "type" => dtype(text).map(Attr::Type),
        "shape" if text == "?" => Some(Attr::Shape(Shape::UNKNOWN)),
        "shape" => {
            let dims = text.strip_prefix('[')?.strip_suffix(']')?;
            let dims = dims.split(',').filter(|d| !d.is_empty());
            let dims: Option<Vec<i64>> = dims.map(|d| d.parse().ok()).collect();
            dims.map(|dims| Attr::Shape(Shape(Some(dims))))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_parses_whole() {
        for line in include_str!("table.tsv").lines() {
            let op = parse(line);
            let count = |at: usize| {
                let column = line.split('\t').nth(at).unwrap_or("");
                column.split_ascii_whitespace().count()
            };
            assert_eq!(op.inputs.len(), count(1), "inputs of {}", op.name);
            assert_eq!(op.outputs.len(), count(2), "outputs of {}", op.name);
            assert_eq!(op.attrs.len(), count(3), "attributes of {}", op.name);
            let defaults = op.attrs.iter().filter(|a| a.default.is_some()).count();
            let column = line.split('\t').nth(3).unwrap_or("");
            let written = column.split_ascii_whitespace().filter(|a| a.contains('='));
            assert_eq!(defaults, written.count(), "defaults of {}", op.name);
        }
        let names = || {
            include_str!("table.tsv")
                .lines()
                .map(|l| l.split('\t').next())
        };
        assert!(names().is_sorted_by(|a, b| a < b));
        assert_eq!(ROWS.len(), names().count());
    }

    #[test]
    fn arguments_and_defaults_read_as_the_registry_says() {
        let split = lookup("Split").unwrap();
        assert_eq!(split.outputs[0].number.as_deref(), Some("num_split"));
        assert_eq!(split.outputs[0].dtype, ArgType::Attr("T".into()));
        assert!(lookup("StatefulPartitionedCall").unwrap().stateful);
        assert!(lookup("NoSuchOperator").is_none());
        assert!(matches!(
            default_attr("Conv2D", "data_format"),
            Some(Attr::Bytes(b)) if &b[..] == b"NHWC"
        ));
        assert!(matches!(
            default_attr("Conv2D", "dilations"),
            Some(Attr::List(l)) if l.len() == 4
        ));
        assert!(matches!(
            default_attr("FusedBatchNormV3", "epsilon"),
            Some(Attr::Float(e)) if *e == f64::from(1e-4f32)
        ));
        assert!(matches!(
            default_attr("ArgMax", "output_type"),
            Some(Attr::Type(DType::Int64))
        ));
    }
}

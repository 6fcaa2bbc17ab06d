//! The words on a box.

use std::collections::BTreeMap;

use unicode_width::UnicodeWidthChar;

use super::scope::{Hierarchy, Item, Scope, node_path};
use crate::model::{Dialect, Graph, Node, NodeId, Value, ValueId, visible};
use crate::ops::{Family, family};
use crate::sort;

/// What stands on a box, in parts that are drawn differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The operator, or the name of a scope, an input or an output.
    pub head: String,
    /// What tells it from its like: the rest of an operator's name, the number of operators in a scope.
    pub tail: String,
    /// A second line: shape and type of what comes out, or the operators in a scope.
    pub sub: String,
    pub family: Family,
}

/// Longest head and tail together, in columns.
pub const WIDEST: usize = 30;

/// The same for a box with none beside it: still narrower than the map on a small screen.
pub const WIDEST_ALONE: usize = 42;

/// As long as it is.
pub fn words(graph: &Graph, hierarchy: &Hierarchy, item: Item) -> Label {
    match item {
        Item::Node(id) => node(graph, hierarchy, id),
        Item::Scope(_) => scope(graph, hierarchy, item),
        Item::Input(index) => port(graph, graph.inputs.get(index as usize), None),
        Item::Output(index) => {
            let name = graph.output_names.get(index as usize);
            port(graph, graph.outputs.get(index as usize), name.map(|n| &**n))
        }
    }
}

/// Cut to `widest` columns.
pub fn label(graph: &Graph, hierarchy: &Hierarchy, item: Item, widest: usize) -> Label {
    let mut label = words(graph, hierarchy, item);
    // How often a block repeats says more than the end of its name.
    let kept = match item {
        Item::Scope(_) => cells(&label.tail) + 1,
        _ => 0,
    };
    let room = widest.saturating_sub(kept);
    label.head = match item {
        // Names tell most at their end; of repeated blocks the first one does.
        Item::Scope(id) if hierarchy.scope(id).repeat.is_none() => cut_start(&label.head, room),
        _ => cut_end(&label.head, room),
    };
    let room = widest.saturating_sub(cells(&label.head) + 1);
    label.tail = if room < 4 && kept == 0 {
        String::new()
    } else {
        cut_start(&label.tail, room)
    };
    label.sub = cut_end(&label.sub, widest);
    label
}

fn node(graph: &Graph, hierarchy: &Hierarchy, id: NodeId) -> Label {
    let node = graph.node(id);
    let above = hierarchy
        .parent(Item::Node(id))
        .map_or("", |scope| hierarchy.scope(scope).path.as_str());
    let path = node_path(graph.dialect, node);
    let own = path
        .strip_prefix(above)
        .unwrap_or(path)
        .trim_start_matches('/');
    let (front, last) = own.rsplit_once('/').unwrap_or(("", own));
    // The last part often only repeats the operator.
    let tail = match (front, repeats(last, node.op_label())) {
        ("", true) => "",
        ("", false) => last,
        (front, _) => front,
    };
    Label {
        head: plain(node.op_label()),
        tail: plain(tail),
        sub: node
            .outputs
            .first()
            .map_or(String::new(), |v| plain(&value_text(graph.value(*v)))),
        family: family_of(graph.dialect, node),
    }
}

/// `Add_3` for `AddV2`, `convolution` for `CONV_2D`.
fn repeats(part: &str, op: &str) -> bool {
    let letters = |text: &str| -> String {
        text.chars()
            .filter(char::is_ascii_alphabetic)
            .map(|c| c.to_ascii_lowercase())
            .collect()
    };
    let (part, op) = (letters(part), letters(op));
    let op = op.strip_suffix('v').or(op.strip_suffix('d')).unwrap_or(&op);
    !part.is_empty() && (part.starts_with(op) || op.starts_with(&part))
}

fn scope(graph: &Graph, hierarchy: &Hierarchy, item: Item) -> Label {
    let Item::Scope(id) = item else {
        return port(graph, None, None);
    };
    let scope = hierarchy.scope(id);
    let mut ops: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut families: BTreeMap<Family, usize> = BTreeMap::new();
    for (at, node) in hierarchy.nodes(item).enumerate() {
        let node = graph.node(node);
        ops.entry(node.op_label()).or_insert((0, at)).0 += 1;
        *families.entry(family_of(graph.dialect, node)).or_default() += 1;
    }
    let mut by_count: Vec<(&str, (usize, usize))> = ops.into_iter().collect();
    sort::by_key(&mut by_count, |(_, (count, first))| {
        (std::cmp::Reverse(*count), *first)
    });
    let sub: Vec<String> = by_count
        .iter()
        .map(|(op, (count, _))| match count {
            1 => (*op).to_owned(),
            _ => format!("{op}×{count}"),
        })
        .collect();
    let main = [Family::Conv, Family::MatMul]
        .into_iter()
        .find(|f| families.contains_key(f));
    let most = families
        .iter()
        .max_by_key(|(f, count)| (**count, std::cmp::Reverse(**f)))
        .map(|(f, _)| *f);
    Label {
        head: plain(&scope.label),
        tail: scope_tail(scope),
        sub: plain(&sub.join(" ")),
        family: main.or(most).unwrap_or(Family::Other),
    }
}

/// How many operators, or how many equal blocks.
pub fn scope_tail(scope: &Scope) -> String {
    match scope.repeat {
        Some(times) => format!("×{times}"),
        None => format!("{} ops", scope.ops),
    }
}

fn port(graph: &Graph, value: Option<&Option<ValueId>>, name: Option<&str>) -> Label {
    let value = value.copied().flatten().map(|v| graph.value(v));
    let own = value.map_or("", |v| v.name.split(';').next().unwrap_or(""));
    let own = own.rsplit('/').next().unwrap_or(own);
    // Signatures put their key before the name, and files the number of the output behind it.
    let own = own.strip_prefix("serving_default_").unwrap_or(own);
    let own = own.strip_suffix(":0").unwrap_or(own);
    Label {
        head: plain(name.unwrap_or(own)),
        tail: value.map_or(String::new(), |v| v.shape.to_string()),
        sub: value.map_or(String::new(), |v| v.dtype.to_string()),
        family: Family::Other,
    }
}

/// `?×8×8×32 float32`.
pub fn value_text(value: &Value) -> String {
    format!("{} {}", value.shape, value.dtype)
}

pub fn family_of(dialect: Dialect, node: &Node) -> Family {
    family(dialect, &node.op)
}

/// Without characters that would break a line or hide.
fn plain(text: &str) -> String {
    visible(text).into_owned()
}

/// Columns that a text takes where characters of East Asia take two.
pub fn cells(text: &str) -> usize {
    text.chars().map(cells_of).sum()
}

/// Columns of one character; marks that stand on the one before take none.
pub fn cells_of(letter: char) -> usize {
    letter.width().unwrap_or(0)
}

/// How many of `letters` have room in `room` columns.
fn fitting(letters: impl Iterator<Item = char>, room: usize) -> usize {
    let mut used = 0;
    letters
        .take_while(|letter| {
            used += cells_of(*letter);
            used <= room
        })
        .count()
}

/// At most `room` columns, the end replaced by `…`.
pub fn cut_end(text: &str, room: usize) -> String {
    if cells(text) <= room {
        return text.to_owned();
    }
    let count = fitting(text.chars(), room.saturating_sub(1));
    let kept: String = text.chars().take(count).collect();
    format!("{}…", kept.trim_end())
}

/// At most `room` columns, the beginning replaced by `…`.
pub fn cut_start(text: &str, room: usize) -> String {
    if cells(text) <= room {
        return text.to_owned();
    }
    let count = fitting(text.chars().rev(), room.saturating_sub(1));
    let kept: String = text.chars().skip(text.chars().count() - count).collect();
    format!("…{kept}")
}

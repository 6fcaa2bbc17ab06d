//! The object graph as rows: layers, tracked variables and functions as the program that saved the model held them.
//!
//! Objects refer to one another freely, in circles too. Each has its place under the first that leads to it from the
//! root, level by level; any further reference is a row without others below it that says where the object is.

use std::collections::{HashMap, HashSet, VecDeque};

use super::rows::{Id, Row, branch};
use crate::model::{GraphKind, MetaGraph, Model, ObjectKind};

/// The metadata that tells the classes of Keras objects.
const KERAS_METADATA: &str = "keras_metadata.pb";

/// Where each object of a MetaGraph has its place.
pub struct Objects {
    /// Object above and number among its children; nothing for the root and for what it does not lead to.
    places: Vec<Option<(u32, usize)>>,
    /// Classes by number of the object.
    classes: HashMap<u64, String>,
}

impl Objects {
    pub fn new(model: &Model, meta: &MetaGraph) -> Objects {
        let nodes = &meta.objects.nodes;
        let mut places = vec![None; nodes.len()];
        let mut waiting = VecDeque::from([0u32]);
        while let Some(above) = waiting.pop_front() {
            let children = nodes.get(above as usize).map_or(&[][..], |o| &o.children);
            for (slot, (_, child)) in children.iter().enumerate() {
                if let Some(place @ None) = places.get_mut(*child as usize)
                    && *child != 0
                {
                    *place = Some((above, slot));
                    waiting.push_back(*child);
                }
            }
        }
        Objects {
            places,
            classes: classes(model),
        }
    }

    /// The rows below object `above`: its children, and the traces of a function.
    pub fn rows(&self, model: &Model, meta: usize, above: u32) -> Vec<Row> {
        let Some(m) = model.meta_graphs.get(meta) else {
            return Vec::new();
        };
        let Some(object) = m.objects.nodes.get(above as usize) else {
            return Vec::new();
        };
        let traces = object.kind.traces().iter().filter_map(|name| {
            let named = |g: &crate::model::Graph| g.kind == GraphKind::Function && g.name == *name;
            let graph = m.graphs.iter().position(named)?;
            let operators = m.graphs[graph].nodes.len();
            let mut row = branch(Id::Graph(meta, graph), name.to_string(), operators, 0);
            row.branch = operators > 0;
            Some(row)
        });
        let mut seen = HashSet::new();
        let children = object.children.iter().enumerate();
        let children = children.filter_map(|(slot, (name, child))| {
            let mut row = self.row(model, (meta, m), (above, slot), *child)?;
            row.label = name.to_string();
            Some((row, Id::Reference(meta, above, slot)))
        });
        // Two objects of a damaged file may say that they are the same variable or file: rows need ids of their own.
        let mut rows: Vec<Row> = children
            .map(|(row, other)| match seen.insert(row.id.clone()) {
                true => row,
                false => Row { id: other, ..row },
            })
            .collect();
        rows.extend(traces.filter(|row| seen.insert(row.id.clone())));
        rows
    }

    fn row(
        &self,
        model: &Model,
        (meta, m): (usize, &MetaGraph),
        place: (u32, usize),
        child: u32,
    ) -> Option<Row> {
        let object = m.objects.nodes.get(child as usize)?;
        let leaf = |id: Id, bytes: u64| Row {
            note: self.note(m, child),
            branch: false,
            ..branch(id, "", 0, bytes)
        };
        if self.places.get(child as usize)? != &Some(place) {
            let mut row = leaf(Id::Reference(meta, place.0, place.1), 0);
            row.note = match child {
                0 => "the root again".to_owned(),
                child => format!("is {}", self.path(m, child)),
            };
            return Some(row);
        }
        Some(match &object.kind {
            ObjectKind::Variable {
                variable: Some(id), ..
            } if object.children.is_empty() => {
                let bytes = model.variables.get(id.0 as usize).map_or(0, |v| v.bytes);
                leaf(Id::Variable(*id), bytes)
            }
            ObjectKind::Asset { index } => {
                let asset = m.assets.get(*index as usize);
                let attached =
                    |a: &crate::model::Attachment| asset.is_some_and(|b| a.name == b.file);
                match model.attachments.iter().position(attached) {
                    Some(at) => leaf(Id::Attachment(at), model.attachments[at].bytes),
                    None => leaf(Id::Object(meta, child), 0),
                }
            }
            _ => {
                let mut row = leaf(Id::Object(meta, child), 0);
                row.branch = !object.children.is_empty() || is_function(&object.kind);
                row
            }
        })
    }

    /// What the object is, in a few words.
    pub fn note(&self, meta: &MetaGraph, object: u32) -> String {
        let Some(found) = meta.objects.nodes.get(object as usize) else {
            return String::new();
        };
        match &found.kind {
            ObjectKind::User { identifier, .. } => match self.classes.get(&u64::from(object)) {
                Some(class) => class.clone(),
                None => kind_of(identifier),
            },
            ObjectKind::Variable { dtype, shape, .. } => format!("{dtype} {shape}"),
            ObjectKind::Function { concrete } => match concrete.len() {
                0 => "function, never traced".to_owned(),
                1 => call_of(meta, &concrete[0]),
                n => format!("function, {n} traces"),
            },
            ObjectKind::BareFunction { concrete } => call_of(meta, concrete),
            ObjectKind::Asset { index } => {
                let asset = meta.assets.get(*index as usize);
                asset.map_or_else(|| "asset".to_owned(), |a| format!("asset {}", a.file))
            }
            ObjectKind::Constant { node } => format!("constant {node}"),
            ObjectKind::Resource => "resource".to_owned(),
            ObjectKind::CapturedTensor { name } => format!("captured {name}"),
            ObjectKind::Other => String::new(),
        }
    }

    /// Names from the root down to the object.
    pub fn path(&self, meta: &MetaGraph, object: u32) -> String {
        let mut names = Vec::new();
        let mut at = object;
        while let Some((above, slot)) = self.places.get(at as usize).copied().flatten() {
            let above_object = meta.objects.nodes.get(above as usize);
            let name = above_object.and_then(|o| o.children.get(slot));
            names.push(name.map_or("", |(name, _)| name));
            at = above;
        }
        names.reverse();
        names.join(".")
    }
}

/// The word for what TensorFlow marks an object with.
fn kind_of(identifier: &str) -> String {
    match identifier {
        "trackable_list_wrapper" => "list".to_owned(),
        "trackable_dict_wrapper" => "dict".to_owned(),
        "trackable_tuple_wrapper" => "tuple".to_owned(),
        "_generic_user_object" => "object".to_owned(),
        other => match other.strip_prefix("_tf_keras_") {
            Some(kind) => format!("Keras {}", kind.replace('_', " ")),
            None => other.trim_start_matches('_').replace('_', " "),
        },
    }
}

/// `function (x: float32 ?×3)`
fn call_of(meta: &MetaGraph, name: &str) -> String {
    let all = &meta.objects.concrete_functions;
    let found = all.binary_search_by(|f| (*f.name).cmp(name));
    match found.ok().and_then(|at| all.get(at)) {
        Some(trace) => format!("function ({})", trace.arguments_line()),
        None => "function".to_owned(),
    }
}

fn is_function(kind: &ObjectKind) -> bool {
    matches!(
        kind,
        ObjectKind::Function { .. } | ObjectKind::BareFunction { .. }
    )
}

/// Classes of the Keras objects, by their numbers.
fn classes(model: &Model) -> HashMap<u64, String> {
    let metadata = model.metadata.iter().find(|m| m.name == KERAS_METADATA);
    let text = metadata.and_then(|m| m.decoded.as_deref());
    let nodes: Vec<serde_json::Value> = text
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let classes = nodes.iter().filter_map(|node| {
        let class = node.get("metadata")?.get("class_name")?.as_str()?;
        Some((node.get("node_id")?.as_u64()?, class.to_owned()))
    });
    classes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Object, ObjectGraph};
    use std::path::Path;

    /// A root that has `a` and `b`; `a` has `b` and the root again.
    fn circle() -> Option<Model> {
        let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/dense_four_lines");
        let mut model = crate::format::open(Path::new(sample), &Default::default()).ok()?;
        let object = |identifier: &str, children: &[(&str, u32)]| Object {
            kind: ObjectKind::User {
                identifier: identifier.into(),
                metadata: "".into(),
            },
            children: children
                .iter()
                .map(|&(name, id)| (name.into(), id))
                .collect(),
        };
        model.meta_graphs.first_mut()?.objects = ObjectGraph {
            nodes: vec![
                object("_tf_keras_sequential", &[("a", 1), ("b", 2), ("gone", 9)]),
                object("trackable_list_wrapper", &[("0", 2), ("up", 0), ("own", 3)]),
                object("_tf_keras_layer", &[]),
                object("_generic_user_object", &[]),
            ],
            concrete_functions: Vec::new(),
        };
        Some(model)
    }

    #[test]
    fn each_object_has_one_place_and_circles_end() {
        let model = circle().unwrap();
        let objects = Objects::new(&model, &model.meta_graphs[0]);
        let shown = |above: u32| -> Vec<String> {
            let rows = objects.rows(&model, 0, above);
            let text = |r: &Row| {
                format!(
                    "{}{}: {}",
                    if r.branch { "▸ " } else { "" },
                    r.label,
                    r.note
                )
            };
            rows.iter().map(text).collect()
        };
        assert_eq!(shown(0), ["▸ a: list", "b: Keras layer"]);
        assert_eq!(shown(1), ["0: is b", "up: the root again", "own: object"]);
        assert_eq!(objects.path(&model.meta_graphs[0], 3), "a.own");
    }

    #[test]
    fn rows_of_one_object_never_share_an_id() {
        let mut model = circle().unwrap();
        let name = model.meta_graphs[0].graphs[1].name.clone();
        let variable = || Object {
            kind: ObjectKind::Variable {
                dtype: crate::model::DType::Float32,
                shape: crate::model::Shape::scalar(),
                trainable: true,
                name: "v".into(),
                variable: Some(crate::model::VariableId(0)),
            },
            children: Vec::new(),
        };
        let function = ObjectKind::Function {
            concrete: vec![name.clone(), name],
        };
        let root = Object {
            kind: function,
            children: vec![("a".into(), 1), ("b".into(), 2)],
        };
        model.meta_graphs[0].objects.nodes = vec![root, variable(), variable()];
        let objects = Objects::new(&model, &model.meta_graphs[0]);
        let rows = objects.rows(&model, 0, 0);
        let ids: HashSet<Id> = rows.iter().map(|r| r.id.clone()).collect();
        assert_eq!((rows.len(), ids.len()), (3, 3));
    }
}

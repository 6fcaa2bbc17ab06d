//! The object graph: layers, variables, functions, and their paths from the root.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use super::arguments::{Parameters, Reader};
use super::{pb, tensor};
use crate::error::Error;
use crate::model::{ConcreteFunction, Name, Object, ObjectGraph, ObjectKind};
use crate::sort;

/// References to objects that are not there are left out; `warnings` say so.
pub fn object_graph(proto: pb::SavedObjectGraph, warnings: &mut Vec<Error>) -> ObjectGraph {
    let count = proto.nodes.len();
    let mut dangling = 0usize;
    let mut check = |id: i32| {
        let id = u32::try_from(id).ok().filter(|&id| (id as usize) < count);
        dangling += usize::from(id.is_none());
        id
    };
    let parameters = parameters(&proto.nodes);
    let nodes = proto
        .nodes
        .into_iter()
        .map(|object| Object {
            kind: kind(object.kind),
            children: object
                .children
                .into_iter()
                .filter_map(|c| Some((Name::from(c.local_name), check(c.node_id)?)))
                .collect(),
        })
        .collect();
    let mut reader = Reader::default();
    let unnamed = Parameters::default();
    let concrete_functions = proto
        .concrete_functions
        .into_iter()
        .map(|(name, function)| {
            let bound = function.bound_inputs.into_iter().filter_map(&mut check);
            let parameters = parameters.get(&name).map_or(&unnamed, |p| p);
            ConcreteFunction {
                bound: bound.collect(),
                arguments: reader.arguments(&function.canonicalized_input_signature, parameters),
                results: reader.results(&function.output_signature),
                name: name.into(),
            }
        })
        .collect();
    if dangling > 0 {
        warnings.push(
            Error::unreadable(format!(
                "{dangling} references to objects that are not there; there are {count}"
            ))
            .at("object graph"),
        );
    }
    ObjectGraph {
        nodes,
        concrete_functions,
    }
}

/// What the parameters of concrete functions are called. A trace names only the tensors among them, as they are called
/// there; where the function that it belongs to has these names and more, it names them all.
fn parameters(nodes: &[pb::SavedObject]) -> HashMap<String, Rc<Parameters>> {
    use pb::saved_object::Kind;
    let mut found = HashMap::new();
    for node in nodes {
        match &node.kind {
            Some(Kind::Function(function)) => {
                let parameters = Rc::new(Parameters::of_spec(&function.function_spec));
                for name in &function.concrete_functions {
                    let own = found.get(name);
                    if own.is_none_or(|own: &Rc<Parameters>| parameters.extend(own)) {
                        found.insert(name.clone(), parameters.clone());
                    }
                }
            }
            Some(Kind::BareConcreteFunction(function)) => {
                let parameters = match function.argument_keywords.is_empty() {
                    true => Parameters::of_spec(&function.function_spec),
                    false => Parameters::named(function.argument_keywords.clone()),
                };
                let name = function.concrete_function_name.clone();
                let whole = found.get(&name);
                if whole.is_none_or(|whole| !whole.extend(&parameters)) {
                    found.insert(name, Rc::new(parameters));
                }
            }
            _ => {}
        }
    }
    found
}

fn kind(proto: Option<pb::saved_object::Kind>) -> ObjectKind {
    use pb::saved_object::Kind;
    match proto {
        Some(Kind::UserObject(o)) => ObjectKind::User {
            identifier: o.identifier.into(),
            metadata: o.metadata.into(),
        },
        Some(Kind::Asset(o)) => ObjectKind::Asset {
            index: u32::try_from(o.asset_file_def_index).unwrap_or(u32::MAX),
        },
        Some(Kind::Function(o)) => ObjectKind::Function {
            concrete: o.concrete_functions.into_iter().map(Name::from).collect(),
        },
        Some(Kind::Variable(o)) => ObjectKind::Variable {
            name: o.name.into(),
            variable: None,
            trainable: o.trainable,
            dtype: tensor::dtype(o.dtype).0,
            shape: tensor::shape_or_scalar(o.shape.as_ref()),
        },
        Some(Kind::BareConcreteFunction(o)) => ObjectKind::BareFunction {
            concrete: o.concrete_function_name.into(),
        },
        Some(Kind::Constant(o)) => ObjectKind::Constant {
            node: o.operation.into(),
        },
        Some(Kind::Resource(_)) => ObjectKind::Resource,
        Some(Kind::CapturedTensor(o)) => ObjectKind::CapturedTensor {
            name: o.name.into(),
        },
        None => ObjectKind::Other,
    }
}

/// The object graph as the checkpoint stores it, with every path that leads to an object.
#[derive(Debug, Default)]
pub struct Trackables {
    nodes: Vec<pb::trackable_object_graph::TrackableObject>,
}

/// A stored value of an object.
#[derive(Debug)]
pub struct Stored<'a> {
    pub key: &'a str,
    /// The TF1 style name, empty without one.
    pub full_name: &'a str,
    /// `layers/2/kernel`, by way of each parent; values of one object share them.
    pub paths: Rc<[String]>,
    pub slot: bool,
}

/// Paths longer than this are no help to anybody and would make a hostile chain of objects costly.
const LONGEST_PATH: usize = 1024;
/// Bytes of all paths together: large models have one megabyte of them, a hostile web of objects any number.
const ALL_PATHS: usize = 16 << 20;

impl Trackables {
    pub fn new(proto: pb::TrackableObjectGraph) -> Self {
        Trackables { nodes: proto.nodes }
    }

    fn children(&self, id: usize) -> impl Iterator<Item = (&str, usize)> {
        self.nodes
            .get(id)
            .into_iter()
            .flat_map(|n| &n.children)
            .filter_map(|c| Some((c.local_name.as_str(), usize::try_from(c.node_id).ok()?)))
            .filter(|&(_, child)| child < self.nodes.len())
    }

    /// The shortest path of each object; empty for the root, `None` where no path leads.
    fn paths(&self, budget: &mut usize) -> Vec<Option<String>> {
        let mut paths = vec![None; self.nodes.len()];
        let Some(root) = paths.first_mut() else {
            return paths;
        };
        *root = Some(String::new());
        let mut queue = VecDeque::from([0]);
        while let Some(id) = queue.pop_front() {
            for (name, child) in self.children(id) {
                if paths[child].is_none() {
                    paths[child] = join(paths[id].as_deref(), name, budget);
                    if paths[child].is_some() {
                        queue.push_back(child);
                    }
                }
            }
        }
        paths
    }

    /// Every value that some object keeps in the checkpoint.
    pub fn stored(&self) -> Vec<Stored<'_>> {
        let mut budget = ALL_PATHS;
        let paths = self.paths(&mut budget);
        let mut all_paths: Vec<Vec<String>> = vec![Vec::new(); self.nodes.len()];
        let mut slots = vec![false; self.nodes.len()];
        for (id, node) in self.nodes.iter().enumerate() {
            for (name, child) in self.children(id) {
                // Only what is stored needs all its paths.
                if !self.nodes[child].attributes.is_empty() {
                    all_paths[child].extend(join(paths[id].as_deref(), name, &mut budget));
                }
            }
            for slot in &node.slot_variables {
                if let Some(flag) = usize::try_from(slot.slot_variable_node_id)
                    .ok()
                    .and_then(|id| slots.get_mut(id))
                {
                    *flag = true;
                }
            }
        }
        let mut stored = Vec::new();
        for (id, node) in self.nodes.iter().enumerate() {
            let mut paths = std::mem::take(&mut all_paths[id]);
            sort::by(&mut paths, |a, b| (a.len(), a).cmp(&(b.len(), b)));
            paths.dedup();
            let paths = Rc::<[String]>::from(paths);
            for attribute in &node.attributes {
                stored.push(Stored {
                    key: &attribute.checkpoint_key,
                    full_name: &attribute.full_name,
                    paths: paths.clone(),
                    slot: slots[id],
                });
            }
        }
        stored
    }

    /// The checkpoint key of each variable of `objects`: by walking both graphs along the same names, and by
    /// equal numbers where no name leads.
    pub fn keys_of<'a>(&'a self, objects: &ObjectGraph) -> HashMap<u32, &'a str> {
        let mut twin: Vec<Option<usize>> = vec![None; objects.nodes.len()];
        if let (Some(first), false) = (twin.first_mut(), self.nodes.is_empty()) {
            *first = Some(0);
        }
        let mut queue = VecDeque::from([0]);
        // Many objects may stand for one stored object.
        let mut names: HashMap<usize, HashMap<&str, usize>> = HashMap::new();
        while let Some(id) = queue.pop_front() {
            let (Some(object), Some(Some(other))) = (objects.nodes.get(id), twin.get(id).copied())
            else {
                continue;
            };
            let by_name = match names.entry(other) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(self.children(other).collect()),
            };
            for (name, child) in &object.children {
                let child = *child as usize;
                if let (Some(None), Some(&other)) = (twin.get(child), by_name.get(&**name)) {
                    twin[child] = Some(other);
                    queue.push_back(child);
                }
            }
        }
        let value_key = |id: usize| {
            let attributes = &self.nodes.get(id)?.attributes;
            attributes
                .iter()
                .find(|a| a.name == "VARIABLE_VALUE")
                .map(|a| a.checkpoint_key.as_str())
        };
        objects
            .nodes
            .iter()
            .enumerate()
            .filter(|(_, object)| matches!(object.kind, ObjectKind::Variable { .. }))
            .filter_map(|(id, _)| Some((id as u32, value_key(twin[id].unwrap_or(id))?)))
            .collect()
    }
}

/// The path of a child; `None` when it would be too long, or all of them together.
fn join(parent: Option<&str>, name: &str, budget: &mut usize) -> Option<String> {
    let parent = parent?;
    let length = parent.len() + 1 + name.len();
    let left = budget
        .checked_sub(length)
        .filter(|_| length <= LONGEST_PATH)?;
    *budget = left;
    Some(match parent {
        "" => name.to_owned(),
        _ => format!("{parent}/{name}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(
        children: &[(&str, i32)],
        key: Option<&str>,
    ) -> pb::trackable_object_graph::TrackableObject {
        pb::trackable_object_graph::TrackableObject {
            children: children
                .iter()
                .map(|(name, id)| pb::ObjectReference {
                    node_id: *id,
                    local_name: (*name).to_owned(),
                })
                .collect(),
            attributes: key
                .map(|key| pb::trackable_object_graph::SerializedTensor {
                    name: "VARIABLE_VALUE".to_owned(),
                    full_name: String::new(),
                    checkpoint_key: key.to_owned(),
                })
                .into_iter()
                .collect(),
            slot_variables: Vec::new(),
        }
    }

    #[test]
    fn every_way_to_a_variable_is_a_path() {
        let graph = Trackables {
            nodes: vec![
                node(&[("a", 1), ("w", 2), ("x", 99)], None),
                node(&[("w", 2), ("up", 0)], None),
                node(&[], Some("w/value")),
            ],
        };
        let stored = graph.stored();
        assert_eq!(stored.len(), 1);
        assert_eq!(*stored[0].paths, ["w", "a/w"]);
    }

    #[test]
    fn objects_find_their_keys_by_name_even_when_numbers_differ() {
        let graph = Trackables {
            nodes: vec![
                node(&[("b", 2), ("a", 1)], None),
                node(&[], Some("a/value")),
                node(&[], Some("b/value")),
            ],
        };
        let variable = |name: &str| Object {
            kind: ObjectKind::Variable {
                name: name.into(),
                variable: None,
                trainable: true,
                dtype: crate::model::DType::Float32,
                shape: crate::model::Shape::scalar(),
            },
            children: Vec::new(),
        };
        let objects = ObjectGraph {
            nodes: vec![
                Object {
                    kind: ObjectKind::Other,
                    children: vec![("a".into(), 2), ("b".into(), 1)],
                },
                variable("b"),
                variable("a"),
            ],
            concrete_functions: Vec::new(),
        };
        let keys = graph.keys_of(&objects);
        assert_eq!((keys[&1], keys[&2]), ("b/value", "a/value"));
    }

    /// The trace is an object behind the function, which names its tensors alone.
    #[test]
    fn a_function_names_the_parameters_of_its_traces() {
        use pb::saved_object::Kind;
        let spec = r#"fullargspec { named_tuple_value { name: "FullArgSpec" values {
            key: "args" value { list_value {
                values { string_value: "x" } values { string_value: "flag" } } } } } }"#;
        let spec = super::super::pbtxt::to_binary(spec.as_bytes(), ".mexplore.FunctionSpec");
        let of = |kind| pb::SavedObject {
            kind: Some(kind),
            ..Default::default()
        };
        let whole = of(Kind::Function(pb::SavedFunction {
            concrete_functions: vec!["f".to_owned()],
            function_spec: spec.unwrap().into(),
        }));
        let trace = |name: &str| {
            of(Kind::BareConcreteFunction(pb::SavedBareConcreteFunction {
                concrete_function_name: name.to_owned(),
                argument_keywords: vec!["x".to_owned()],
                ..Default::default()
            }))
        };
        for nodes in [
            [whole.clone(), trace("f"), trace("alone")],
            [trace("f"), trace("alone"), whole],
        ] {
            let found = parameters(&nodes);
            let extends = |name: &str| found[name].extend(&Parameters::named(vec!["x".to_owned()]));
            assert_eq!(["f", "alone"].map(extends), [true, false]);
        }
    }
}

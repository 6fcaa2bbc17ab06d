//! The object graph as JSON: Keras layers, tracked variables, functions and their traces.

use serde_json::{Map, Value as Json, json};

use super::facts::shape;
use crate::model::{Argument, ConcreteFunction, Given, MetaGraph, Model, Object, ObjectKind};

/// Objects that are told of: the largest models have a tenth of it, a damaged file may have any number of empty ones.
const MOST: usize = 100_000;

/// Objects by their numbers; number 0 is the root.
pub fn list(model: &Model, meta_graph: &MetaGraph) -> Vec<Json> {
    let nodes = meta_graph.objects.nodes.iter().take(MOST);
    nodes.map(|o| object(model, meta_graph, o)).collect()
}

/// The traced functions with what they take and give.
pub fn concrete_functions(meta_graph: &MetaGraph) -> Vec<Json> {
    let all = meta_graph.objects.concrete_functions.iter().take(MOST);
    all.map(|f| {
        let mut json = concrete_function(f);
        json["bound"] = json!(f.bound);
        json
    })
    .collect()
}

pub fn concrete_function(function: &ConcreteFunction) -> Json {
    json!({
        "name": &*function.name,
        "arguments": arguments(&function.arguments),
        "results": arguments(&function.results),
    })
}

fn arguments(all: &[Argument]) -> Vec<Json> {
    let each = all.iter().map(|a| match &a.given {
        Given::Tensor {
            dtype,
            shape: of,
            kind,
        } => json!({
            "name": &*a.name, "dtype": dtype.to_string(), "shape": shape(of),
            "type": if kind.is_empty() { "TensorSpec" } else { &**kind },
        }),
        Given::Fixed(value) => json!({ "name": &*a.name, "value": &**value }),
    });
    each.collect()
}

fn object(model: &Model, meta_graph: &MetaGraph, object: &Object) -> Json {
    let mut json = match &object.kind {
        ObjectKind::User { identifier, .. } => {
            json!({ "kind": "user", "identifier": &**identifier })
        }
        ObjectKind::Asset { index } => {
            let asset = meta_graph.assets.get(*index as usize);
            json!({ "kind": "asset", "file": asset.map(|a| &a.file) })
        }
        ObjectKind::Function { concrete } => {
            let names: Vec<&str> = concrete.iter().map(|name| &**name).collect();
            json!({ "kind": "function", "concrete_functions": names })
        }
        ObjectKind::BareFunction { concrete } => {
            json!({ "kind": "bare_concrete_function", "concrete_functions": [&**concrete] })
        }
        ObjectKind::Variable {
            name,
            variable,
            trainable,
            dtype,
            shape: of,
        } => {
            let stored = variable.and_then(|id| model.variables.get(id.0 as usize));
            json!({
                "kind": "variable", "name": &**name, "dtype": dtype.to_string(), "shape": shape(of),
                "trainable": trainable, "key": stored.map(|v| &*v.key),
            })
        }
        ObjectKind::Constant { node } => json!({ "kind": "constant", "node": &**node }),
        ObjectKind::Resource => json!({ "kind": "resource" }),
        ObjectKind::CapturedTensor { name } => {
            json!({ "kind": "captured_tensor", "name": &**name })
        }
        ObjectKind::Other => json!({ "kind": null }),
    };
    // Names of a damaged file may be there twice: a list keeps both.
    let children = object.children.iter().map(|(name, id)| {
        let mut child = Map::new();
        child.insert("name".to_owned(), json!(&**name));
        child.insert("object".to_owned(), json!(id));
        Json::Object(child)
    });
    json["children"] = children.collect();
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DType, Dialect, Graph, GraphKind, Model, ObjectGraph, Shape};

    #[test]
    fn objects_name_their_children_and_what_they_are() {
        let mut meta = MetaGraph::new(
            Dialect::Tf,
            vec![Graph::new("main", GraphKind::Main, Dialect::Tf)],
            Vec::new(),
        );
        meta.objects = ObjectGraph {
            nodes: vec![
                Object {
                    kind: ObjectKind::User {
                        identifier: "_tf_keras_layer".into(),
                        metadata: "".into(),
                    },
                    children: vec![("f".into(), 1)],
                },
                Object {
                    kind: ObjectKind::Function {
                        concrete: vec!["__inference_f_1".into()],
                    },
                    children: Vec::new(),
                },
            ],
            concrete_functions: vec![ConcreteFunction {
                name: "__inference_f_1".into(),
                bound: vec![0],
                arguments: vec![Argument {
                    name: "x".into(),
                    given: Given::Tensor {
                        dtype: DType::Float32,
                        shape: Shape(Some(vec![-1, 3])),
                        kind: "".into(),
                    },
                }],
                results: vec![Argument {
                    name: "flag".into(),
                    given: Given::Fixed("True".into()),
                }],
            }],
        };
        let model = Model::new("made", meta);
        let meta = &model.meta_graphs[0];
        insta::assert_snapshot!(json!(list(&model, meta)), @r#"[{"kind":"user","identifier":"_tf_keras_layer","children":[{"name":"f","object":1}]},{"kind":"function","concrete_functions":["__inference_f_1"],"children":[]}]"#);
        insta::assert_snapshot!(json!(concrete_functions(meta)), @r#"[{"name":"__inference_f_1","arguments":[{"name":"x","dtype":"float32","shape":[-1,3],"type":"TensorSpec"}],"results":[{"name":"flag","value":"True"}],"bound":[0]}]"#);
    }
}

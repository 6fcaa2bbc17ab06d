//! Keras layers that carry Python code.

use serde_json::Value as Json;

use crate::model::{Model, ObjectKind};

/// Names of the Keras `Lambda` layers whose Python code travels with the model, each once. Keras runs it when it loads
/// the model as a Keras model; serving the signatures does not.
pub fn lambda_layers(model: &Model) -> Vec<String> {
    let mut found = Vec::new();
    for metadata in &model.metadata {
        if let Some(text) = &metadata.decoded {
            look(text, &mut found);
        }
    }
    for object in model.meta_graphs.iter().flat_map(|m| &m.objects.nodes) {
        if let ObjectKind::User { metadata, .. } = &object.kind {
            look(metadata, &mut found);
        }
    }
    found.sort();
    found.dedup();
    found
}

fn look(text: &str, found: &mut Vec<String>) {
    const CLASS: &str = "Lambda";
    if !text.contains(CLASS) {
        return;
    }
    let Ok(json) = serde_json::from_str::<Json>(text) else {
        return;
    };
    let mut stack = vec![&json];
    while let Some(json) = stack.pop() {
        match json {
            Json::Object(map) => {
                if map.get("class_name").and_then(Json::as_str) == Some(CLASS) {
                    let config = map.get("config").unwrap_or(json);
                    let name = config.get("name").or(map.get("name"));
                    let name = name.and_then(Json::as_str).unwrap_or("without a name");
                    found.push(name.to_owned());
                }
                stack.extend(map.values());
            }
            Json::Array(list) => stack.extend(list),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::testing::{add, main_graph, model};
    use crate::model::Object;

    #[test]
    fn layers_are_found_in_nested_configurations() {
        let mut main = main_graph();
        let x = add(&mut main, "x", "Placeholder", &[], &[-1]);
        let mut made = model(vec![main], &[x], &[x]);
        assert_eq!(lambda_layers(&made), [""; 0]);
        let layers = r#"{"class_name": "Functional", "config": {"layers": [
            {"class_name": "Dense", "config": {"name": "a"}},
            {"class_name": "Lambda", "config": {"name": "square", "function": ["4wE=", null, null]}}]}}"#;
        let user = |metadata: &str| Object {
            kind: ObjectKind::User {
                identifier: "_tf_keras_network".into(),
                metadata: metadata.into(),
            },
            children: Vec::new(),
        };
        made.meta_graphs[0].objects.nodes = vec![user(layers), user(layers), user("{\"Lambda\"")];
        assert_eq!(lambda_layers(&made), ["square"]);
    }
}

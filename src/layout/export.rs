//! Drawings for other programs: DOT, SVG, text, JSON.

use std::fmt::Write;

use serde_json::{Value as Json, json};

use super::label::{WIDEST, family_of, label};
use super::scene::{self, Detail};
use super::scope::{Hierarchy, Item, Open, ScopeId};
use super::weights::Origin;
use crate::model::Graph;
use crate::model::visible::is_hidden;
use crate::ops::Family;

/// How much of the graph is exported.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub detail: Detail,
    /// Arguments of a function that are weights, by position ([`super::weights::bindings`]).
    pub bound: Vec<bool>,
    /// Constants, variables and what is computed from them alone are drawn too.
    pub weights: bool,
    pub scopes: Scopes,
}

/// Which scopes are open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Scopes {
    /// As the program opens them at first: about as many boxes as this.
    First(usize),
    #[default]
    All,
    /// Of a hierarchy [in parts](Hierarchy::in_parts).
    These(Open),
}

impl Options {
    fn see(&self, graph: &Graph) -> (Hierarchy, Open) {
        let mut hierarchy = Hierarchy::new(graph, &self.bound, self.weights);
        if let Scopes::These(_) = self.scopes {
            hierarchy = hierarchy.in_parts(graph);
        }
        let open = match &self.scopes {
            Scopes::First(room) => hierarchy.first_open(*room),
            Scopes::These(open) => open.clone(),
            Scopes::All => {
                let mut open = Open::default();
                for index in 0..hierarchy.scopes.len() {
                    open.open(ScopeId(index as u32));
                }
                open
            }
        };
        (hierarchy, open)
    }
}

/// The drawing with box-drawing characters.
pub fn text(graph: &Graph, options: &Options) -> String {
    let (hierarchy, open) = options.see(graph);
    super::text::text(&scene::build(graph, &hierarchy, &open, options.detail))
}

/// The drawing as a picture.
pub fn svg(graph: &Graph, options: &Options) -> String {
    let (hierarchy, open) = options.see(graph);
    super::svg::svg(&scene::build(graph, &hierarchy, &open, options.detail))
}

/// The graph for Graphviz, open scopes as clusters.
pub fn dot(graph: &Graph, options: &Options) -> String {
    let (hierarchy, open) = options.see(graph);
    let mut text = format!("digraph {} {{\n", quoted(&graph.name));
    text.push_str("  node [shape=box, style=rounded, fontname=monospace];\n");
    dot_scope(&mut text, graph, &hierarchy, &open);
    for flow in hierarchy.shown_flows(&open) {
        let (from, to) = (key(flow.from), key(flow.to));
        let look = match flow.value {
            Some(value) => format!("label={}", quoted(&graph.value(value).shape.to_string())),
            None => "style=dotted".to_owned(),
        };
        let _ = writeln!(text, "  {from} -> {to} [{look}];");
    }
    text.push_str("}\n");
    text
}

/// Boxes and clusters, by a walk with its own stack.
fn dot_scope(text: &mut String, graph: &Graph, hierarchy: &Hierarchy, open: &Open) {
    enum Step {
        Item(Item),
        Close,
    }
    let children = |scope: ScopeId| {
        let children = hierarchy.scope(scope).children.iter().rev();
        children.map(|c| Step::Item(*c))
    };
    let mut stack: Vec<Step> = children(ScopeId::ROOT).collect();
    while let Some(step) = stack.pop() {
        match step {
            Step::Close => text.push_str("  }\n"),
            Step::Item(Item::Scope(id)) if open.contains(id) => {
                let label = quoted(&hierarchy.scope(id).label);
                let _ = writeln!(text, "  subgraph cluster_{} {{ label={label};", id.0);
                stack.push(Step::Close);
                stack.extend(children(id));
            }
            Step::Item(item) => {
                let label = label(graph, hierarchy, item, WIDEST);
                let words = format!("{}\n{}\n{}", label.head, label.tail, label.sub);
                let colour = hue(label.family);
                let _ = writeln!(
                    text,
                    "  {} [label={}, color=\"{colour}\"];",
                    key(item),
                    quoted(words.trim())
                );
            }
        }
    }
}

fn key(item: Item) -> String {
    match item {
        Item::Input(i) => format!("in{i}"),
        Item::Node(id) => format!("n{}", id.0),
        Item::Scope(id) => format!("s{}", id.0),
        Item::Output(i) => format!("out{i}"),
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '\n' => quoted.push_str("\\n"),
            // After a backslash of its own: the label shows it as it is written.
            c if is_hidden(c) => {
                quoted.push('\\');
                quoted.extend(c.escape_default());
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Every operator with its scope, what flows into it, its weights, and where it stands in the drawing.
pub fn json(graph: &Graph, options: &Options) -> String {
    let (hierarchy, open) = options.see(graph);
    let scene = scene::build(graph, &hierarchy, &open, options.detail);
    let places: Vec<Json> = scene
        .places
        .iter()
        .map(|p| place(graph, &hierarchy, p))
        .collect();
    let edges: Vec<Json> = hierarchy
        .shown_flows(&open)
        .iter()
        .map(|flow| {
            let (from, to) = (key(flow.from), key(flow.to));
            let Some(value) = flow.value.map(|v| graph.value(v)) else {
                return json!({ "from": from, "to": to, "control": true });
            };
            json!({
                "from": from,
                "to": to,
                "value": &*value.name,
                "dtype": value.dtype.to_string(),
                "shape": value.shape.dims(),
            })
        })
        .collect();
    let whole = json!({
        "graph": &*graph.name,
        "width": scene.width,
        "height": scene.height,
        "boxes": places,
        "edges": edges,
    });
    format!("{whole:#}\n")
}

fn place(graph: &Graph, hierarchy: &Hierarchy, place: &scene::Place) -> Json {
    let rect = place.rect;
    let mut object = json!({
        "id": key(place.item),
        "label": place.label.head,
        "x": rect.x, "y": rect.y, "width": rect.width, "height": rect.height,
    });
    let more = match place.item {
        Item::Node(id) => {
            let node = graph.node(id);
            let weights: Vec<Json> = hierarchy
                .weights
                .at(graph, id)
                .iter()
                .map(|w| {
                    let value = graph.value(w.value);
                    json!({
                        "input": w.slot,
                        "name": weight_name(graph, w.origins.first(), &value.name),
                        "dtype": value.dtype.to_string(),
                        "shape": value.shape.dims(),
                    })
                })
                .collect();
            json!({
                "kind": "node",
                "name": &*node.name,
                "op": node.op_label(),
                "family": format!("{:?}", family_of(graph.dialect, node)).to_lowercase(),
                "weights": weights,
            })
        }
        Item::Scope(id) => {
            let scope = hierarchy.scope(id);
            json!({
                "kind": "scope", "name": scope.path, "ops": scope.ops,
                "repeat": scope.repeat, "open": place.open,
            })
        }
        Item::Input(_) => json!({ "kind": "input" }),
        Item::Output(_) => json!({ "kind": "output" }),
    };
    if let (Json::Object(object), Json::Object(more)) = (&mut object, more) {
        object.extend(more);
    }
    object
}

fn weight_name(graph: &Graph, origin: Option<&Origin>, value: &str) -> String {
    match origin {
        Some(Origin::Variable(node)) => graph.node(*node).name.to_string(),
        Some(Origin::Constant(id)) => graph.value(*id).name.to_string(),
        _ => value.to_owned(),
    }
}

/// One colour per family of operators, readable on white and on black.
pub(super) fn hue(family: Family) -> &'static str {
    match family {
        Family::Conv => "#4c7fd9",
        Family::MatMul => "#8a63d2",
        Family::Pool | Family::Reduce => "#2a9d8f",
        Family::Activation => "#d9822b",
        Family::Elementwise => "#5f9e3a",
        Family::Shape => "#8a8f98",
        Family::Quantize => "#c2479d",
        Family::Control => "#c9a227",
        Family::State => "#b5584b",
        Family::Custom => "#d64545",
        Family::Other => "#6b7280",
    }
}

//! What `/` looks through: operators, weights, signatures, functions, files.

use super::focus::{Focus, Thing};
use super::overlay::{Act, Choice};
use super::panes::PaneId;
use crate::model::{Model, VariableId};

/// How many choices [`index`] would make, about.
pub fn count(model: &Model, focus: &Focus) -> usize {
    let graphs = focus.meta(model).map_or(&[][..], |meta| &meta.graphs);
    let nodes: usize = graphs.iter().map(|g| g.nodes.len()).sum();
    nodes + model.variables.len()
}

/// Everything that has a name, with the words it can be found by.
pub fn index(model: &Model, focus: &Focus) -> Vec<Choice> {
    let mut choices = Vec::new();
    let mut add = |label: &str, detail: String, thing: Thing| {
        choices.push(Choice {
            label: super::text::clean(label),
            detail,
            act: Act::Thing(thing),
        });
    };
    let Some(meta) = focus.meta(model) else {
        return choices;
    };
    for (index, signature) in meta.signatures.iter().enumerate() {
        add(
            &signature.key,
            "signature".to_owned(),
            Thing::Signature(index),
        );
    }
    for (index, variable) in model.variables.iter().enumerate() {
        let detail = format!("variable  {} {}", variable.dtype, variable.shape);
        add(
            &variable.name,
            detail,
            Thing::Variable(VariableId(index as u32)),
        );
    }
    for (graph, g) in meta.graphs.iter().enumerate() {
        if graph > 0 {
            let detail = format!("function  {} operators", g.nodes.len());
            add(&g.name, detail, Thing::Graph(graph));
        }
        for node in g.node_ids() {
            let n = g.node(node);
            let shape = n
                .outputs
                .first()
                .map(|&v| g.value(v))
                .map(|v| format!("  {} {}", v.dtype, v.shape))
                .unwrap_or_default();
            add(
                &n.name,
                format!("{}{shape}", n.op_label()),
                Thing::Node { graph, node },
            );
        }
        for value in g.value_ids() {
            let v = g.value(value);
            if v.data.is_some() && v.producer.is_none() {
                let detail = format!("constant  {} {}", v.dtype, v.shape);
                add(&v.name, detail, Thing::Value { graph, value });
            }
        }
    }
    for (index, blob) in model.metadata.iter().enumerate() {
        add(&blob.name, "metadata".to_owned(), Thing::Metadata(index));
    }
    for (index, file) in model.attachments.iter().enumerate() {
        add(&file.name, "file".to_owned(), Thing::Attachment(index));
    }
    choices
}

/// The pane that shows `thing` best, the present one if it can.
pub fn home(thing: Thing, now: PaneId) -> PaneId {
    let (can, best): (&[PaneId], PaneId) = match thing {
        Thing::Node { .. } | Thing::Graph(_) => (
            &[PaneId::Tree, PaneId::Graph, PaneId::Source],
            PaneId::Graph,
        ),
        Thing::Value { .. } => (
            &[PaneId::Tensors, PaneId::Graph, PaneId::Source],
            PaneId::Tensors,
        ),
        Thing::Variable(_) => (
            &[PaneId::Tree, PaneId::Tensors, PaneId::Variables],
            PaneId::Tensors,
        ),
        Thing::Signature(_) => (
            &[PaneId::Tree, PaneId::Source, PaneId::Graph, PaneId::Run],
            PaneId::Tree,
        ),
        Thing::Metadata(_) | Thing::Attachment(_) => {
            (&[PaneId::Tree, PaneId::Source], PaneId::Source)
        }
        Thing::Nothing => (&[], now),
    };
    if can.contains(&now) { now } else { best }
}

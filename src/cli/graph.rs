//! `mexplore graph`

use std::borrow::Cow;

use super::args::{GraphArgs, GraphFormat};
use super::{Answer, output};
use crate::error::{Error, Result};
use crate::layout::export::{self, Options, Scopes};
use crate::model::inline::flatten;
use crate::model::{Graph, Model};

/// Boxes in a drawing before scopes are closed.
const ROOM: usize = 120;

pub fn execute(args: &GraphArgs) -> Result<Answer> {
    let model = args.model.open()?;
    let graph = chosen(&model, args)?;
    let format = if args.json {
        GraphFormat::Json
    } else {
        args.format
    };
    let drawing = matches!(format, GraphFormat::Text | GraphFormat::Svg);
    let options = Options {
        weights: args.weights,
        scopes: match drawing && !args.all {
            true => Scopes::First(ROOM),
            false => Scopes::All,
        },
        ..Options::default()
    };
    let mut text = match format {
        GraphFormat::Text => export::text(&graph, &options),
        GraphFormat::Svg => export::svg(&graph, &options),
        GraphFormat::Dot => export::dot(&graph, &options),
        GraphFormat::Json => export::json(&graph, &options),
    };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    output::text(&text)?;
    Ok(Answer::Yes)
}

/// The graph by name, or a signature with its calls opened.
fn chosen<'m>(model: &'m Model, args: &GraphArgs) -> Result<Cow<'m, Graph>> {
    if let Some(name) = &args.graph {
        return named(model, name).map(Cow::Borrowed);
    }
    let has_signature = model.meta_graphs.iter().any(|m| !m.signatures.is_empty());
    if args.signature.is_none() && !has_signature {
        let first = model.meta_graphs.first().and_then(|m| m.graphs.first());
        return first
            .map(Cow::Borrowed)
            .ok_or_else(|| Error::usage("the model has no graph").in_file(&model.path));
    }
    let (meta_graph, signature) = model.signature(None, args.signature.as_deref())?;
    flatten(meta_graph, signature)
        .map(Cow::Owned)
        .map_err(|e| e.in_file(&model.path))
}

fn named<'m>(model: &'m Model, name: &str) -> Result<&'m Graph> {
    let graphs = || model.meta_graphs.iter().flat_map(|m| &m.graphs);
    graphs().find(|g| &*g.name == name).ok_or_else(|| {
        let known: Vec<String> = graphs().take(12).map(|g| format!("{:?}", g.name)).collect();
        Error::usage(format!("no graph {name:?}"))
            .in_file(&model.path)
            .hint(format!("there are: {}", known.join(", ")))
    })
}

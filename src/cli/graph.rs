//! `mexplore graph`

use std::borrow::Cow;

use super::args::{GraphArgs, GraphFormat};
use super::{Answer, output};
use crate::error::{Error, Result};
use crate::format::saved_model::source::{Part, text_of};
use crate::format::saved_model::text::Limits;
use crate::layout::export::{self, Options, Scopes};
use crate::model::inline::flatten;
use crate::model::{Graph, MetaGraph, Model};

/// Boxes in a drawing before scopes are closed.
const ROOM: usize = 120;

pub fn execute(args: &GraphArgs) -> Result<Answer> {
    let model = args.model.open()?;
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
    let graph = || chosen(&model, args);
    let mut text = match format {
        GraphFormat::Text => export::text(&*graph()?, &options),
        GraphFormat::Svg => export::svg(&*graph()?, &options),
        GraphFormat::Dot => export::dot(&*graph()?, &options),
        GraphFormat::Json => export::json(&*graph()?, &options),
        GraphFormat::Pbtxt => protobuf(&model, args)?,
    };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    output::text(&text)?;
    Ok(Answer::Yes)
}

/// The GraphDef with its library, a FunctionDef by name, or a SignatureDef, as the file has them.
fn protobuf(model: &Model, args: &GraphArgs) -> Result<String> {
    let place = |found: &MetaGraph| {
        let same = |m: &MetaGraph| std::ptr::eq(m, found);
        model.meta_graphs.iter().position(same).unwrap_or(0)
    };
    let part = match (&args.graph, &args.signature) {
        (Some(name), _) => {
            named(model, name)?;
            let graphs = model.meta_graphs.iter().enumerate();
            let mut found = graphs.filter_map(|(at, m)| {
                let graph = m.graphs.iter().position(|g| &*g.name == name.as_str())?;
                Some(Part::Graph(at, graph))
            });
            found.next().unwrap_or(Part::Graph(0, 0))
        }
        (None, Some(key)) => {
            let (meta_graph, signature) = model.signature(None, Some(key))?;
            Part::Signature(place(meta_graph), &signature.key)
        }
        (None, None) => Part::Graph(place(model.meta_graph(None)?), 0),
    };
    text_of(model, part, Limits::NONE)?.ok_or_else(|| {
        Error::usage("no protobuf text can be made of it: it is no SavedModel")
            .in_file(&model.path)
            .hint("--format json says all that a .tflite has")
    })
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
    match flatten(meta_graph, signature) {
        Ok(graph) => Ok(Cow::Owned(graph)),
        // Nobody asked for this signature: one with a ragged tensor has no end that could be drawn.
        Err(e) if args.signature.is_none() => {
            let whole = meta_graph.graphs.first().map(Cow::Borrowed);
            whole.ok_or_else(|| e.in_file(&model.path))
        }
        Err(e) => Err(e.in_file(&model.path)),
    }
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

//! What a list offers: rows of its own, or the named things of a model, whose words are made when they are looked at.

use std::cmp::Reverse;
use std::fmt::Write;
use std::sync::Arc;

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::command::Command;
use super::focus::{Focus, Thing};
use super::panes::twins;
use super::term::width;
use super::text;
use crate::error::Result;
use crate::model::{GraphKind, Model, VariableId};
use crate::progress::Progress;

/// What choosing a row does.
#[derive(Debug, Clone)]
pub enum Act {
    Command(Command),
    Thing(Thing),
    /// Index of an open model.
    Desk(usize),
    OpenOther,
    /// Back to the pane, with this tag.
    Text(&'static str, String),
}

#[derive(Debug, Clone)]
pub struct Choice {
    pub label: String,
    pub detail: String,
    pub act: Act,
}

/// The rows of a list.
pub enum Choices {
    Listed(Vec<Choice>),
    Named(Named),
}

/// Everything in a model that has a name: 24 bytes each, whatever the names.
pub struct Named {
    model: Arc<Model>,
    /// Tells the MetaGraph.
    focus: Focus,
    things: Vec<Thing>,
    /// Columns of the longest of the first names.
    longest: usize,
}

/// Names that are measured for their column.
const MEASURED: usize = 2000;

/// Rows of a list, the best first.
#[derive(Debug, Clone, PartialEq)]
pub enum Fitting {
    /// So many, as they are: a million take no room.
    All(u32),
    /// Indices into the choices.
    These(Arc<Vec<u32>>),
}

impl Fitting {
    pub fn len(&self) -> usize {
        match self {
            Fitting::All(count) => *count as usize,
            Fitting::These(rows) => rows.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The index of the choice in row `row`; `None` past the last.
    pub fn get(&self, row: usize) -> Option<usize> {
        match self {
            Fitting::All(_) => (row < self.len()).then_some(row),
            Fitting::These(rows) => rows.get(row).map(|at| *at as usize),
        }
    }
}

impl Choices {
    pub fn len(&self) -> usize {
        match self {
            Choices::Listed(rows) => rows.len(),
            Choices::Named(named) => named.things.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Columns of the longest name; of the first of many.
    pub fn longest_name(&self) -> usize {
        match self {
            Choices::Listed(rows) => {
                let labels = rows.iter().take(MEASURED).map(|row| width(&row.label));
                labels.max().unwrap_or(0)
            }
            Choices::Named(named) => named.longest,
        }
    }

    /// Name and description of a row; empty past the last.
    pub fn words(&self, at: usize) -> (String, String) {
        match self {
            Choices::Listed(rows) => rows
                .get(at)
                .map(|row| (row.label.clone(), row.detail.clone()))
                .unwrap_or_default(),
            Choices::Named(named) => named.words(at).unwrap_or_default(),
        }
    }

    /// Where the thing of a row lies.
    pub fn place(&self, at: usize) -> Option<String> {
        match self {
            Choices::Listed(_) => None,
            Choices::Named(named) => named.place(at),
        }
    }

    pub fn act(&self, at: usize) -> Option<Act> {
        match self {
            Choices::Listed(rows) => rows.get(at).map(|row| row.act.clone()),
            Choices::Named(named) => named.things.get(at).map(|thing| Act::Thing(*thing)),
        }
    }

    pub fn thing(&self, at: usize) -> Option<Thing> {
        match self.act(at) {
            Some(Act::Thing(thing)) => Some(thing),
            _ => None,
        }
    }
}

impl Named {
    /// Signatures, variables, functions, operators, constants, metadata and files, in this order.
    pub fn of(model: &Arc<Model>, focus: Focus) -> Named {
        let mut things = Vec::with_capacity(Named::count(model, &focus));
        if let Some(meta) = focus.meta(model) {
            things.extend((0..meta.signatures.len()).map(Thing::Signature));
            let variables = 0..model.variables.len() as u32;
            things.extend(variables.map(|at| Thing::Variable(VariableId(at))));
            for (graph, g) in meta.graphs.iter().enumerate() {
                things.extend((graph > 0).then_some(Thing::Graph(graph)));
                things.extend(g.node_ids().map(|node| Thing::Node { graph, node }));
                let constants = g.value_ids().filter(|&value| {
                    let value = g.value(value);
                    value.data.is_some() && value.producer.is_none()
                });
                things.extend(constants.map(|value| Thing::Value { graph, value }));
            }
            things.extend((0..model.metadata.len()).map(Thing::Metadata));
            things.extend((0..model.attachments.len()).map(Thing::Attachment));
        }
        let mut named = Named {
            model: model.clone(),
            focus,
            things,
            longest: 0,
        };
        let first = 0..named.things.len().min(MEASURED);
        let names = first.filter_map(|at| Some(width(&named.words(at)?.0)));
        named.longest = names.max().unwrap_or(0);
        named
    }

    /// How many there are, about; quick.
    pub fn count(model: &Model, focus: &Focus) -> usize {
        let graphs = focus.meta(model).map_or(&[][..], |meta| &meta.graphs);
        let nodes: usize = graphs.iter().map(|g| g.nodes.len()).sum();
        nodes + model.variables.len()
    }

    /// Whether these are the names of this MetaGraph.
    pub fn is_of(&self, model: &Arc<Model>, focus: &Focus) -> bool {
        Arc::ptr_eq(&self.model, model) && self.focus.meta == focus.meta
    }

    fn words(&self, at: usize) -> Option<(String, String)> {
        let mut detail = String::new();
        let name = self.describe(at, &mut detail)?;
        Some((text::clean(name), detail))
    }

    /// The function or subgraph of an operator or constant, where there are several; the key of a variable.
    fn place(&self, at: usize) -> Option<String> {
        let meta = self.focus.meta(&self.model)?;
        match *self.things.get(at)? {
            Thing::Variable(id) => {
                let variable = self.model.variables.get(id.0 as usize)?;
                let key = twins::key_of(variable);
                (*key != *variable.name).then_some(key)
            }
            Thing::Node { graph, .. } | Thing::Value { graph, .. } if meta.graphs.len() > 1 => {
                let graph = meta.graphs.get(graph)?;
                Some(match graph.kind {
                    GraphKind::Main => "main graph".to_owned(),
                    GraphKind::Function | GraphKind::Subgraph => text::clean(&graph.name),
                })
            }
            _ => None,
        }
    }

    /// The name of a thing; adds what is said about it to `detail`.
    fn describe(&self, at: usize, detail: &mut String) -> Option<&str> {
        let model = &*self.model;
        let meta = self.focus.meta(model)?;
        // Writing to a string can't fail.
        Some(match *self.things.get(at)? {
            Thing::Nothing => return None,
            Thing::Signature(index) => {
                detail.push_str("signature");
                &meta.signatures.get(index)?.key
            }
            Thing::Variable(id) => {
                let variable = model.variables.get(id.0 as usize)?;
                let _ = write!(detail, "variable  {} {}", variable.dtype, variable.shape);
                &variable.name
            }
            Thing::Graph(graph) => {
                let g = meta.graphs.get(graph)?;
                let _ = write!(detail, "function  {} operators", g.nodes.len());
                &g.name
            }
            Thing::Node { graph, node } => {
                let g = meta.graphs.get(graph)?;
                let n = g.nodes.get(node.index())?;
                detail.push_str(n.op_label());
                if let Some(v) = n.outputs.first().map(|&v| g.value(v)) {
                    let _ = write!(detail, "  {} {}", v.dtype, v.shape);
                }
                &n.name
            }
            Thing::Value { graph, value } => {
                let v = meta.graphs.get(graph)?.values.get(value.index())?;
                let _ = write!(detail, "constant  {} {}", v.dtype, v.shape);
                &v.name
            }
            Thing::Metadata(index) => {
                detail.push_str("metadata");
                &model.metadata.get(index)?.name
            }
            Thing::Attachment(index) => {
                detail.push_str("file");
                &model.attachments.get(index)?.name
            }
        })
    }
}

/// The choices that fit `query`, the best first; all of them when it is empty. `found` gets the best of what
/// was looked through so far, from time to time.
///
/// # Errors
/// Only when `progress` was cancelled.
pub fn fitting(
    choices: &Choices,
    query: &str,
    progress: &Progress,
    found: &mut dyn FnMut(Fitting),
) -> Result<Fitting> {
    /// Choices between two looks at whether to stop, and those between two words on what was found.
    const STRIDE: usize = 4096;
    const PART: usize = 16 * STRIDE;
    /// More than a screen shows; the rest comes with the end.
    const SHOWN: usize = 500;
    let all = 0..choices.len() as u32;
    if query.trim().is_empty() {
        return Ok(Fitting::All(all.end));
    }
    progress.stage("searching", choices.len() as u64);
    let mut matcher = Matcher::new(Config::DEFAULT.match_paths());
    let patterns: Vec<Pattern> = spellings(query)
        .iter()
        .map(|query| Pattern::parse(query, CaseMatching::Smart, Normalization::Smart))
        .collect();
    let (mut buffer, mut both, mut detail) = (Vec::new(), String::new(), String::new());
    let best = |&(score, at): &(u32, u32)| (Reverse(score), at);
    let only = |list: &[(u32, u32)]| {
        let rows: Vec<u32> = list.iter().map(|&(_, at)| at).collect();
        Fitting::These(Arc::new(rows))
    };
    let mut scored: Vec<(u32, u32)> = Vec::new();
    // The first ones of `scored` are those that were told of last, the best of all before `fresh`.
    let mut top: Vec<(u32, u32)> = Vec::new();
    let mut fresh = 0;
    for index in all {
        let at = index as usize;
        if at.is_multiple_of(STRIDE) {
            progress.step(STRIDE as u64)?;
        }
        if at.is_multiple_of(PART) && scored.len() > fresh {
            top.extend(&scored[fresh..]);
            fresh = scored.len();
            top.sort_unstable_by_key(best);
            top.truncate(SHOWN);
            found(only(&top));
        }
        both.clear();
        match choices {
            Choices::Listed(rows) => both.extend([&rows[at].label, " ", &rows[at].detail]),
            Choices::Named(named) => {
                detail.clear();
                let Some(name) = named.describe(at, &mut detail) else {
                    continue;
                };
                both.extend(name.chars().map(|c| if c.is_control() { ' ' } else { c }));
                both.extend([" ", &detail]);
            }
        }
        let words = Utf32Str::new(&both, &mut buffer);
        let scores = patterns.iter().map(|p| p.score(words, &mut matcher));
        let score = scores.max().flatten();
        scored.extend(score.map(|score| (score, index)));
    }
    scored.sort_unstable_by_key(best);
    Ok(only(&scored))
}

/// What was typed and, where that is something else, the same with sizes as shapes show them: nobody's keyboard has the
/// `×` of `3×3×32`.
fn spellings(query: &str) -> Vec<String> {
    let letters: Vec<char> = query.chars().collect();
    let is_size = |at: Option<usize>| {
        let letter = at.and_then(|at| letters.get(at));
        letter.is_some_and(|c| c.is_ascii_digit() || *c == '?')
    };
    let shape: String = letters
        .iter()
        .enumerate()
        .map(|(at, &letter)| match letter {
            'x' | 'X' | '*' if is_size(at.checked_sub(1)) && is_size(Some(at + 1)) => '×',
            other => other,
        })
        .collect();
    let mut all = vec![query.to_owned()];
    all.extend((shape != query).then_some(shape));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_found_as_keyboards_write_them() {
        assert_eq!(spellings("relu ?x8*8"), ["relu ?x8*8", "relu ?×8×8"]);
        assert_eq!(spellings("max"), ["max"]);
        let row = |label: &str, detail: &str| Choice {
            label: label.into(),
            detail: detail.into(),
            act: Act::OpenOther,
        };
        let rows = Choices::Listed(vec![
            row("conv/kernel", "variable  float32 3×3×32×64"),
            row("block_3x3x1", "variable  float32 8"),
            row("dense", "variable  int8 64×10"),
        ]);
        let best = |query: &str| {
            let found = fitting(&rows, query, &Progress::new(), &mut |_| {}).unwrap();
            found.get(0)
        };
        assert_eq!(best("3x3x32"), Some(0));
        assert_eq!(best("3x3x1"), Some(1));
        assert_eq!(best("int8 64x10"), Some(2));
    }
}

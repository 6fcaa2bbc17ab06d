//! What the tree tells of the chosen row.

use std::collections::BTreeMap;

use super::rows::Id;
use super::{TreePane, View};
use crate::model::{Details, Graph};
use crate::tui::text;
use crate::tui::theme::Theme;
use crate::tui::widgets::{describe, facts::Facts};

impl TreePane {
    pub(super) fn detail(&self, view: &View, wide: usize) -> Facts {
        let (model, theme) = (view.model, view.theme);
        let path = self.selected();
        let meta = |at: usize| model.meta_graphs.get(at);
        match path.last() {
            Some(Id::Node(m, graph, id)) => match meta(*m).and_then(|m| m.graphs.get(*graph)) {
                Some(g) => describe::node(g, *id, wide, theme),
                None => Facts::new(0),
            },
            Some(Id::Signature(m, at)) => {
                match meta(*m).and_then(|m| Some((m, m.signatures.get(*at)?))) {
                    Some((m, signature)) => describe::signature(m, signature, wide, theme),
                    None => Facts::new(0),
                }
            }
            Some(Id::Graph(m, graph)) => match meta(*m).and_then(|m| m.graphs.get(*graph)) {
                Some(g) => {
                    let counted = self.levels.told().graph(*m, *graph);
                    describe::graph(g, counted.map(|c| &c.operators), wide, theme)
                }
                None => Facts::new(0),
            },
            Some(id) => self.summary(id, view, wide),
            None => Facts::new(0),
        }
    }

    fn summary(&self, id: &Id, view: &View, wide: usize) -> Facts {
        let (model, theme) = (view.model, view.theme);
        let mut facts = Facts::new(10);
        if let Some(row) = self.chosen_row(model) {
            if row.items > 0 {
                let what = match id {
                    Id::Variables | Id::VariableScope(_) => "tensors",
                    Id::Files => "files",
                    Id::Signatures(_) => "signatures",
                    _ => "operators",
                };
                facts.add(theme, what, text::count(row.items as u64));
            }
            if row.bytes > 0 {
                facts.add(theme, "bytes", text::count(row.bytes));
            }
            if row.macs > 0 {
                facts.add(theme, "cost", format!("{} a run", text::macs(row.macs)));
            }
        }
        match id {
            Id::Meta(at) => {
                if let Some(meta) = model.meta_graphs.get(*at) {
                    facts.add(theme, "signatures", meta.signatures.len().to_string());
                    facts.add(theme, "graphs", meta.graphs.len().to_string());
                    if !meta.objects.nodes.is_empty() {
                        facts.add(theme, "objects", meta.objects.nodes.len().to_string());
                    }
                    if let Details::SavedModel(details) = &model.details
                        && let Some(fingerprint) = &details.fingerprint
                    {
                        let graph = format!("{:x}", fingerprint.graph_hash);
                        facts.add(theme, "graph hash", graph);
                        facts.add(theme, "export", fingerprint.uuid.clone());
                    }
                    for (name, n) in &meta.collections {
                        facts.add(theme, "collection", format!("{name}  {n}"));
                    }
                    if let Some(init) = meta.init.and_then(|n| Some(meta.graphs.first()?.node(n))) {
                        facts.add(theme, "init", init.name.to_string());
                    }
                    describe::signatures(&mut facts, meta, wide, theme);
                }
            }
            Id::Signatures(at) => {
                if let Some(meta) = model.meta_graphs.get(*at) {
                    describe::signatures(&mut facts, meta, wide, theme);
                }
            }
            Id::Scope(m, graph, prefix) => {
                let meta = model.meta_graphs.get(*m);
                if let Some(graph) = meta.and_then(|m| m.graphs.get(*graph)) {
                    operators_below(&mut facts, graph, prefix, wide, theme);
                }
            }
            Id::Object(m, object) => {
                let found = model.meta_graphs.get(*m).zip(self.levels.objects_of(*m));
                if let Some((meta, objects)) = found {
                    facts.add(theme, "object", objects.note(meta, *object));
                    facts.add(theme, "path", objects.path(meta, *object));
                }
            }
            Id::Variable(at) => {
                if let Some(v) = model.variables.get(at.0 as usize) {
                    facts.add(theme, "values", format!("{} {}", v.dtype, v.shape));
                    facts.add(theme, "shard", v.shard.to_string());
                    facts.add(theme, "offset", text::count(v.offset));
                    for owner in &v.owners {
                        // Beside the word, its column and a blank.
                        let room = wide.saturating_sub(11);
                        facts.add(theme, "owner", text::fit_name(owner, room));
                    }
                }
            }
            _ => {}
        }
        facts
    }
}

/// The operators whose names begin with a scope's; of a graph so large that counting takes long, none.
fn operators_below(facts: &mut Facts, graph: &Graph, prefix: &str, wide: usize, theme: &Theme) {
    const MOST: usize = 20_000;
    if graph.nodes.len() > MOST {
        return;
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for node in &graph.nodes {
        let rest = node.name.strip_prefix(prefix);
        if rest.is_some_and(|rest| prefix.ends_with('/') || rest.starts_with('/')) {
            *counts.entry(node.op_label()).or_default() += 1;
        }
    }
    facts.heading(theme, "Operators");
    let counts = counts.into_iter().collect();
    describe::histogram(facts, graph.dialect, counts, wide, theme);
}

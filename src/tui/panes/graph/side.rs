//! What there is to know about the chosen operator, scope, input or output.

use super::levels::Ways;
use super::seen::{Seen, Stored, weights_of};
use crate::layout::scope::Item;
use crate::model::{Attr, Graph, NodeId, Value};
use crate::tui::panes::View;
use crate::tui::term::{Buffer, Line, Rect, Span};
use crate::tui::text;
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::facts::Facts;
use crate::tui::widgets::panel;

/// Neighbours and weights of each kind that are listed.
const LISTED: usize = 12;

struct Side<'a> {
    graph: &'a Graph,
    seen: &'a Seen,
    theme: &'a Theme,
    wide: usize,
    facts: Facts,
}

pub fn render(
    (seen, chosen): (&Seen, Option<Item>),
    ways: &Ways,
    scroll: usize,
    (area, focused): (Rect, bool),
    buf: &mut Buffer,
    view: &View,
) {
    let graph = view
        .model
        .meta_graphs
        .get(seen.key.meta)
        .and_then(|m| m.graphs.get(seen.key.graph));
    let (Some(graph), Some(item)) = (graph, chosen) else {
        panel("", area, buf, view.theme, focused);
        return;
    };
    let words = seen.words(graph, item);
    let inner = panel(words.head.clone(), area, buf, view.theme, focused);
    let mut side = Side {
        graph,
        seen,
        theme: view.theme,
        wide: usize::from(inner.width),
        facts: Facts::new(8),
    };
    side.head(item);
    if let Item::Node(id) = item {
        side.attributes(id);
    }
    side.flow(item);
    side.weights(&weights_of(view.model, ways, seen, item));
    side.facts.render(inner, scroll, buf);
}

impl Side<'_> {
    fn line(&mut self, sign: &str, words: &str, role: Role) {
        let room = self.wide.saturating_sub(sign.chars().count());
        self.facts.line(Line::from(vec![
            Span::styled(sign.to_owned(), self.theme[Role::Dim]),
            Span::styled(text::fit_end(&text::clean(words), room), self.theme[role]),
        ]));
    }

    fn head(&mut self, item: Item) {
        let theme = self.theme;
        match item {
            Item::Node(id) => {
                let node = self.graph.node(id);
                let name = text::fit_end(&node.name, self.wide);
                self.facts.line(Line::styled(name, theme[Role::Text]));
                let family = crate::layout::label::family_of(self.graph.dialect, node);
                self.facts.line(Line::styled(
                    format!("{family:?}").to_lowercase(),
                    theme.family(family),
                ));
                if node.version > 1 {
                    self.facts.add(theme, "version", node.version.to_string());
                }
                if !node.device.is_empty() {
                    self.facts.add(theme, "device", node.device.to_string());
                }
            }
            Item::Scope(id) => {
                let scope = self.seen.hierarchy.scope(id);
                let path = text::fit_end(&scope.path, self.wide);
                self.facts.line(Line::styled(path, theme[Role::Text]));
                self.facts
                    .add(theme, "holds", format!("{} operators", scope.ops));
                if let Some(times) = scope.repeat {
                    self.facts
                        .add(theme, "repeats", format!("{times} equal blocks"));
                }
                self.operators(item);
            }
            Item::Input(index) => self.port("an input", self.graph.inputs.get(index as usize)),
            Item::Output(index) => self.port("a result", self.graph.outputs.get(index as usize)),
        }
        let cost = self.seen.cost(item);
        if cost.bytes > 0 {
            let share = cost.bytes as f64 / self.seen.total.bytes.max(1) as f64;
            self.facts
                .add(self.theme, "params", text::count(cost.params));
            let words = format!("{}  {}", text::bytes(cost.bytes), text::percent(share));
            self.facts.add(self.theme, "weights", words);
        }
        if cost.macs > 0 {
            let share = cost.macs as f64 / self.seen.total.macs.max(1) as f64;
            let words = format!("{}MAC  {}", text::short(cost.macs), text::percent(share));
            self.facts.add(self.theme, "cost", words);
        }
        let figures = self.seen.figures(item);
        if let Some(nanos) = figures.nanos {
            let share = nanos as f64 / self.seen.nanos.max(1) as f64;
            let words = format!("{}  {}", text::duration(nanos as f64), text::percent(share));
            self.facts.add(self.theme, "time", words);
        }
        if let (Some(words), Some(badness)) = (figures.error_text(), figures.badness()) {
            let style = self.theme.heat(badness);
            self.facts.styled(self.theme, "error", words, style);
        }
    }

    fn port(&mut self, what: &str, value: Option<&Option<crate::model::ValueId>>) {
        self.facts
            .line(Line::styled(what.to_owned(), self.theme[Role::Dim]));
        if let Some(value) = value.copied().flatten().map(|v| self.graph.value(v)) {
            self.value(value);
            let name = text::fit_end(&value.name, self.wide.saturating_sub(9));
            self.facts.add(self.theme, "tensor", name);
        }
    }

    fn value(&mut self, value: &Value) {
        let theme = self.theme;
        self.facts.add(theme, "shape", value.shape.to_string());
        self.facts.add(theme, "type", value.dtype.to_string());
        let words = value.quantization.as_ref().and_then(|q| match q.single() {
            Some((scale, zero)) => Some(format!(
                "scale {} zero {zero}",
                text::number(f64::from(scale), 10)
            )),
            None => crate::analysis::quantization_text(q),
        });
        if let Some(words) = words {
            self.facts.add(theme, "quant", words);
        }
    }

    /// The operators in a scope by how often they occur.
    fn operators(&mut self, item: Item) {
        let mut counts: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
        for id in self.seen.hierarchy.nodes(item) {
            *counts.entry(self.graph.node(id).op_label()).or_default() += 1;
        }
        let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        self.facts.heading(self.theme, "Operators");
        for (op, count) in counts.into_iter().take(LISTED) {
            let sign = format!("{count:>3} ");
            self.line(&sign, op, Role::Text);
        }
    }

    fn attributes(&mut self, id: NodeId) {
        let node = self.graph.node(id);
        let attrs: Vec<(&str, &Attr)> = node
            .attrs
            .iter()
            .filter(|(name, _)| !name.starts_with('_') && !matches!(*name, "T" | "value"))
            .collect();
        if attrs.is_empty() {
            return;
        }
        self.facts.heading(self.theme, "Attributes");
        for (name, attr) in attrs {
            let word = text::fit(name, 16);
            let value = text::fit(&attr_text(attr), self.wide.saturating_sub(17));
            let used = 17 + value.chars().count() + 2;
            let mut spans = vec![
                Span::styled(text::left(&word, 17), self.theme[Role::Dim]),
                Span::styled(value, self.theme[Role::Text]),
            ];
            if let Some(meaning) = meaning(name) {
                let room = self.wide.saturating_sub(used);
                if room >= meaning.chars().count() {
                    spans.push(Span::styled(
                        format!("  {meaning}"),
                        self.theme[Role::Border],
                    ));
                    self.facts.line(Line::from(spans));
                } else {
                    self.facts.line(Line::from(spans));
                    let words = text::fit(meaning, self.wide.saturating_sub(2));
                    self.facts
                        .line(Line::styled(format!("  {words}"), self.theme[Role::Column]));
                }
            } else {
                self.facts.line(Line::from(spans));
            }
        }
    }

    /// What comes in and goes out, with shapes.
    fn flow(&mut self, item: Item) {
        for (title, sign, before) in [("In", "← ", true), ("Out", "→ ", false)] {
            let flows: Vec<_> = self
                .seen
                .flows
                .iter()
                .filter(|f| if before { f.to == item } else { f.from == item })
                .copied()
                .collect();
            if flows.is_empty() {
                continue;
            }
            self.facts.heading(self.theme, title);
            for flow in flows.iter().take(LISTED) {
                let other = if before { flow.from } else { flow.to };
                let words = self.seen.words(self.graph, other);
                self.line(
                    sign,
                    format!("{} {}", words.head, words.tail).trim(),
                    Role::Text,
                );
                let value = self.graph.value(flow.value);
                let shape = format!("{} {}", value.shape, value.dtype);
                self.line("  ", &shape, Role::Dim);
            }
            if flows.len() > LISTED {
                self.line("  ", &format!("… {} more", flows.len() - LISTED), Role::Dim);
            }
        }
    }

    fn weights(&mut self, weights: &[(NodeId, crate::layout::weights::Weight, Stored)]) {
        // Sizes and axes as constants say little; they are listed after the real weights.
        let mut sorted: Vec<&Stored> = weights.iter().map(|(_, _, stored)| stored).collect();
        sorted.sort_by_key(|s| std::cmp::Reverse(s.bytes));
        if sorted.is_empty() {
            return;
        }
        self.facts.heading(self.theme, "Weights");
        for stored in sorted.iter().take(LISTED) {
            self.line("", &stored.name, Role::Text);
            let place = stored.place.as_deref().unwrap_or("");
            let words = format!("{}  {}  {place}", stored.shape, text::bytes(stored.bytes));
            self.facts.line(Line::styled(
                format!(
                    "  {}",
                    text::fit(words.trim_end(), self.wide.saturating_sub(2))
                ),
                self.theme[Role::Dim],
            ));
        }
        if sorted.len() > LISTED {
            self.line("", &format!("… {} more", sorted.len() - LISTED), Role::Dim);
        }
    }
}

/// An attribute's value as a person writes it.
pub fn attr_text(attr: &Attr) -> String {
    match attr {
        Attr::Int(v) => v.to_string(),
        Attr::Float(v) => text::number(*v, 10),
        Attr::Bool(v) => v.to_string(),
        Attr::Bytes(v) => text::clean(&String::from_utf8_lossy(v)),
        Attr::Type(v) => v.to_string(),
        Attr::Shape(v) => v.to_string(),
        Attr::Tensor { dtype, shape, .. } => format!("{shape} {dtype}"),
        Attr::Func { name, .. } => name.to_string(),
        Attr::Enum { name, .. } => name.to_string(),
        Attr::List(list) => {
            let parts: Vec<String> = list.iter().take(16).map(attr_text).collect();
            parts.join(" ")
        }
        Attr::Table { name, attrs } => {
            let parts: Vec<String> = attrs
                .iter()
                .map(|(name, attr)| format!("{name} {}", attr_text(attr)))
                .collect();
            format!("{name} {{{}}}", parts.join(", "))
        }
        Attr::Opaque(name) => name.to_string(),
    }
}

/// What an attribute of either dialect is about.
fn meaning(name: &str) -> Option<&'static str> {
    Some(match name {
        "strides" | "stride_h" | "stride_w" => "cells the window moves",
        "padding" => "SAME keeps sizes, VALID only full windows",
        "explicit_paddings" => "cells added at each border",
        "dilations" | "dilation_h_factor" | "dilation_w_factor" => {
            "cells between taps of the window"
        }
        "data_format" => "order of batch, rows, columns, channels",
        "ksize" | "filter_height" | "filter_width" => "size of the window",
        "depth_multiplier" => "outputs for each input channel",
        "epsilon" | "batch_norm_epsilon" => "added to the variance",
        "is_training" => "statistics of the batch, not the stored ones",
        "transpose_a" | "adj_x" => "first matrix transposed",
        "transpose_b" | "adj_y" => "second matrix transposed",
        "fused_activation_function" => "applied to the result",
        "keep_num_dims" | "keep_dims" | "keepdims" => "reduced axes stay as size 1",
        "axis" => "along which it works",
        "begin_mask" | "end_mask" => "bits: take from the very start or to the end",
        "ellipsis_mask" => "bit: stands for all axes between",
        "new_axis_mask" => "bits: adds an axis",
        "shrink_axis_mask" => "bits: takes one element, drops the axis",
        "equation" => "which axes are multiplied and summed",
        "alpha" => "slope below zero",
        "beta" => "factor on the input",
        "squeeze_dims" => "axes of size 1 that go",
        "align_corners" | "half_pixel_centers" => "how pixels of both sizes meet",
        "weights_format" => "how weights are stored",
        "asymmetric_quantize_inputs" => "inputs quantized with a zero point",
        "DstT" | "out_data_type" => "type of the result",
        "SrcT" | "in_data_type" => "type of the input",
        "keep_probability" => "share of values kept",
        "Tidx" | "Tshape" | "Tperm" | "Tpaddings" | "Tdim" | "Tblock_shape" | "Tindices" => {
            "type of the index input"
        }
        "dtype" => "type of the values",
        "shared_name" => "name under which others find it",
        "container" => "group of shared names",
        _ => return None,
    })
}

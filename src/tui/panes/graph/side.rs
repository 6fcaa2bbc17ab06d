//! What there is to know about the chosen operator, scope, input or output.

use super::costs::{LISTED, Stored};
use super::levels::Ways;
use super::meanings::meaning;
use super::seen::Seen;
use crate::layout::label::{Label, cut_end};
use crate::layout::net::Net;
use crate::layout::scope::{Flow, Item, ScopeId};
use crate::model::{Attr, Dialect, Graph, NodeId, ValueId};
use crate::ops::roles;
use crate::tui::panes::View;
use crate::tui::term::{Buffer, Line, Rect, Span, width};
use crate::tui::text;
use crate::tui::theme::{Role, Theme};
use crate::tui::widgets::facts::Facts;
use crate::tui::widgets::operand::{self, Operand};
use crate::tui::widgets::panel;

struct Side<'a> {
    graph: &'a Graph,
    seen: &'a Seen,
    net: &'a Net,
    theme: &'a Theme,
    wide: usize,
    facts: Facts,
}

pub fn render(
    (seen, net, chosen): (&Seen, &Net, Option<Item>),
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
        net,
        theme: view.theme,
        wide: usize::from(inner.width),
        facts: Facts::new(8),
    };
    side.head(item);
    if let Item::Node(id) = item {
        side.attributes("Attributes", id, |attr| !matches!(attr, Attr::Type(_)));
    }
    side.flow(item);
    let (weights, many) = seen.weights(view.model, ways, item);
    side.weights(item, &weights, many);
    if let Item::Node(id) = item {
        // What the lines above say already, by the names that the file has for it.
        side.attributes("Types", id, |attr| matches!(attr, Attr::Type(_)));
    }
    side.facts.render(inner, scroll, buf);
}

impl Side<'_> {
    fn line(&mut self, sign: &str, words: &str, role: Role) {
        let room = self.wide.saturating_sub(width(sign));
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
                if self.graph.dialect == Dialect::Tflite {
                    let words = format!("number {}", id.index());
                    self.facts.add(theme, "node", words);
                }
                if !node.device.is_empty() {
                    self.facts.add(theme, "device", node.device.to_string());
                }
            }
            Item::Scope(id) => {
                let scope = self.seen.known.hierarchy.scope(id);
                let name = match scope.path.as_str() {
                    "" => &scope.label,
                    path => path,
                };
                let path = text::fit_end(name, self.wide);
                self.facts.line(Line::styled(path, theme[Role::Text]));
                self.facts
                    .add(theme, "holds", format!("{} operators", scope.ops));
                if let Some(times) = scope.repeat {
                    self.facts
                        .add(theme, "repeats", format!("{times} × the same"));
                }
                self.operators(id);
            }
            Item::Input(index) => self.port("an input", self.graph.inputs.get(index as usize)),
            Item::Output(index) => self.port("a result", self.graph.outputs.get(index as usize)),
        }
        let cost = self.seen.cost(item);
        if cost.bytes > 0 {
            let share = cost.bytes as f64 / self.seen.known.costs.total.bytes.max(1) as f64;
            self.facts
                .add(self.theme, "params", text::count(cost.params));
            let words = format!("{}  {}", text::bytes(cost.bytes), text::percent(share));
            self.facts.add(self.theme, "weights", words);
        }
        if cost.macs > 0 {
            let share = cost.macs as f64 / self.seen.known.costs.total.macs.max(1) as f64;
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

    fn port(&mut self, what: &str, value: Option<&Option<ValueId>>) {
        let theme = self.theme;
        self.facts
            .line(Line::styled(what.to_owned(), theme[Role::Dim]));
        let Some(id) = value.copied().flatten() else {
            return;
        };
        let value = self.graph.value(id);
        self.facts.add(theme, "shape", value.shape.to_string());
        self.facts.add(theme, "type", value.dtype.to_string());
        let room = self.wide.saturating_sub(9);
        if let Some(quantization) = &value.quantization {
            let lines = operand::quantized(quantization, value.dtype, room);
            for (at, words) in lines.into_iter().enumerate() {
                let word = if at == 0 { "quant" } else { "" };
                self.facts.add(theme, word, words);
            }
        }
        let name = text::fit_end(&value.name, room);
        self.facts.add(theme, "tensor", name);
        if let Some(number) = operand::number(self.graph, id) {
            self.facts.add(theme, "number", number);
        }
    }

    /// The operators in a scope by how often they occur.
    fn operators(&mut self, id: ScopeId) {
        self.facts.heading(self.theme, "Operators");
        for (op, count) in self.seen.operators(id).iter().take(LISTED) {
            let sign = format!("{count:>3} ");
            self.line(&sign, op, Role::Text);
        }
    }

    /// Each with its value and, below, what it is about; several on one thing get one sentence.
    fn attributes(&mut self, title: &str, id: NodeId, wanted: impl Fn(&Attr) -> bool) {
        let node = self.graph.node(id);
        let attrs: Vec<(&str, &Attr)> = node
            .attrs
            .iter()
            .filter(|(name, attr)| !name.starts_with('_') && wanted(attr))
            .collect();
        if attrs.is_empty() {
            return;
        }
        self.facts.heading(self.theme, title);
        let longest = attrs.iter().map(|(name, _)| width(name)).max();
        let names = longest.unwrap_or(0).min(self.wide.saturating_sub(12));
        let says = |name: &str| meaning(self.graph.dialect, name);
        for (at, (name, attr)) in attrs.iter().enumerate() {
            let value = text::fit(&attr_text(attr), self.wide.saturating_sub(names + 1));
            self.facts.line(Line::from(vec![
                Span::styled(text::left(name, names) + " ", self.theme[Role::Dim]),
                Span::styled(value, self.theme[Role::Text]),
            ]));
            let next = attrs.get(at + 1).and_then(|(name, _)| says(name));
            if let Some(meaning) = says(name).filter(|says| next != Some(*says)) {
                for line in text::wrap(meaning, self.wide.saturating_sub(2), 3) {
                    let style = self.theme[Role::Column];
                    self.facts.line(Line::styled(format!("  {line}"), style));
                }
            }
        }
    }

    /// What comes in and goes out, with shapes.
    fn flow(&mut self, item: Item) {
        for (title, sign, before) in [("In", "← ", true), ("Out", "→ ", false)] {
            let (flows, all): (Vec<Flow>, usize) = match before {
                true => listed(self.net.flow_into(item)),
                false => listed(self.net.flow_from(item)),
            };
            if flows.is_empty() {
                continue;
            }
            self.facts.heading(self.theme, title);
            for flow in &flows {
                let other = if before { flow.from } else { flow.to };
                let words = self.seen.words(self.graph, other);
                let Some(id) = flow.value else {
                    let room = self.wide.saturating_sub(width(sign));
                    self.line(sign, &in_one(other, &words, room), Role::Text);
                    let says = match before {
                        true => "waits for it, takes no data",
                        false => "waits, takes no data",
                    };
                    self.line("  ", says, Role::Dim);
                    continue;
                };
                let value = self.graph.value(id);
                let operand = Operand {
                    sign,
                    role: &self.role(item, id, before),
                    kind: format!("{} {}", value.shape, value.dtype),
                    more: operand::number(self.graph, id).into_iter().collect(),
                    quantized: value.quantization.as_deref().map(|q| (q, value.dtype)),
                };
                let name = |room| text::fit_end(&text::clean(&in_one(other, &words, room)), room);
                operand.add(&mut self.facts, name, self.wide, self.theme);
            }
            if all > LISTED {
                self.line("  ", &format!("… {} more", all - LISTED), Role::Dim);
            }
        }
    }

    /// What an operator calls a value that it takes or gives; all of it where it takes one twice.
    fn role(&self, item: Item, value: ValueId, takes: bool) -> String {
        let Item::Node(id) = item else {
            return String::new();
        };
        let node = self.graph.node(id);
        let mut named = Vec::new();
        if takes {
            let slots = roles::inputs(self.graph, node).into_iter();
            let slots = slots.zip(&node.inputs);
            named.extend(slots.filter(|(_, v)| **v == Some(value)).map(|(r, _)| r));
        } else {
            let slots = roles::outputs(self.graph, node).into_iter();
            let slots = slots.zip(&node.outputs);
            named.extend(slots.filter(|(_, v)| **v == value).map(|(r, _)| r));
        }
        named.join(", ")
    }

    fn weights(&mut self, item: Item, weights: &[Stored], all: usize) {
        if weights.is_empty() {
            return;
        }
        self.facts.heading(self.theme, "Weights");
        let graph = self.graph;
        // Of a scope's many weights the names are enough.
        let is_node = matches!(item, Item::Node(_));
        let roles = match item {
            Item::Node(id) => roles::inputs(graph, graph.node(id)),
            _ => Vec::new(),
        };
        for stored in weights.iter().take(LISTED) {
            let constant = stored.constant.filter(|_| is_node);
            let number = constant.and_then(|id| operand::number(graph, id));
            let place = stored.place.clone();
            let value = constant.map(|id| graph.value(id));
            let scales = value.and_then(|v| Some((v.quantization.as_deref()?, v.dtype)));
            let operand = Operand {
                sign: "",
                role: stored.slot.and_then(|at| roles.get(at)).map_or("", |r| r),
                kind: stored.shape.clone(),
                more: [Some(text::bytes(stored.bytes)), number, place]
                    .into_iter()
                    .flatten()
                    .collect(),
                quantized: scales,
            };
            let name = text::clean(&stored.name);
            let name = |room| text::fit_end(&name, room);
            operand.add(&mut self.facts, name, self.wide, self.theme);
        }
        if all > LISTED {
            self.line("", &format!("… {} more", all - LISTED), Role::Dim);
        }
    }
}

/// Operator and name in a line. Of an operator's own words the beginning says the most, of names the end.
fn in_one(item: Item, words: &Label, room: usize) -> String {
    /// Columns of an operator that still tell which it is.
    const LEAST: usize = 6;
    let all = format!("{} {}", words.head, words.tail);
    let head = room.saturating_sub(width(&words.tail) + 1);
    match item {
        Item::Node(_) if width(&all) > room && head >= LEAST && !words.tail.is_empty() => {
            format!("{} {}", cut_end(&words.head, head), words.tail)
        }
        _ => all.trim().to_owned(),
    }
}

/// The flows that are listed, and how many there are.
fn listed<'f>(all: impl ExactSizeIterator<Item = &'f Flow>) -> (Vec<Flow>, usize) {
    let many = all.len();
    (all.take(LISTED).copied().collect(), many)
}

/// An attribute's value as a person writes it.
pub fn attr_text(attr: &Attr) -> String {
    match attr {
        Attr::Int(v) => v.to_string(),
        Attr::Float(v) => text::number(*v, 10),
        Attr::Bool(v) => v.to_string(),
        // No line is longer than this.
        Attr::Bytes(v) => text::clean(&String::from_utf8_lossy(&v[..v.len().min(4096)])),
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

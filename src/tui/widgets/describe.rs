//! Things of a model as facts: operators, signatures, functions.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::facts::Facts;
use super::operand::{self, Operand};
use crate::analysis::quantization_text;
use crate::model::{
    Attr, Dialect, Graph, GraphKind, MetaGraph, Name, Node, NodeId, Port, Quantization,
    QuantizationDetails, Signature, Value, ValueId,
};
use crate::ops::roles;
use crate::sort;
use crate::tui::term::{Line, Span};
use crate::tui::text;
use crate::tui::theme::{Role, Theme};

/// Attributes longer than this are cut; Source shows them whole.
const ATTR: usize = 200;

/// Inputs, outputs and ports of each kind that are listed; Source shows all of them.
const LISTED: usize = 300;

/// Says how many of a list are not shown.
fn more(facts: &mut Facts, all: usize, theme: &Theme) {
    if let Some(more) = all.checked_sub(LISTED).filter(|more| *more > 0) {
        let words = format!("… {} more", text::count(more as u64));
        facts.line(Line::styled(words, theme[Role::Dim]));
    }
}

/// An attribute in one line.
pub fn attr(value: &Attr) -> String {
    let words = match value {
        Attr::Int(v) => v.to_string(),
        Attr::Float(v) => v.to_string(),
        Attr::Bool(v) => v.to_string(),
        Attr::Bytes(v) => bytes(v),
        Attr::Type(v) => v.to_string(),
        Attr::Shape(v) => v.to_string(),
        Attr::Tensor { dtype, shape, .. } => format!("{dtype} {shape}"),
        Attr::Func { name, .. } => name.to_string(),
        Attr::Enum { name, .. } => name.to_string(),
        Attr::List(items) => {
            let shown: Vec<_> = items.iter().take(32).map(attr).collect();
            let more = if items.len() > 32 { ", …" } else { "" };
            format!("[{}{more}]", shown.join(", "))
        }
        Attr::Table { name, attrs } => {
            let fields: Vec<_> = attrs
                .iter()
                .map(|(name, value)| format!("{name}: {}", attr(value)))
                .collect();
            format!("{name} {{{}}}", fields.join(", "))
        }
        Attr::Opaque(words) => words.to_string(),
    };
    text::fit(&text::clean(&words), ATTR)
}

/// Text, if it is that; of a long one the beginning.
fn bytes(all: &[u8]) -> String {
    let part = &all[..all.len().min(16 * ATTR)];
    let text = part.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    // A letter may have been cut in two.
    let cut = part.len() < all.len() && part.len() - text.len() < 4;
    match cut || text.len() == all.len() {
        true => text.to_owned(),
        false => format!("{} bytes", all.len()),
    }
}

/// `float32 ?×8×8×32`
pub fn value_type(value: &Value) -> String {
    format!("{} {}", value.dtype, value.shape)
}

/// How values are quantized, for a narrow column: `0.00784 z -3`, `32 on axis 0`.
pub fn quantization_in_brief(quantization: &Quantization) -> Option<String> {
    let short = |scale: f32| text::number(f64::from(scale), 7);
    match quantization.single() {
        Some((scale, 0)) => Some(format!("×{}", short(scale))),
        Some((scale, zero)) => Some(format!("×{} z {zero}", short(scale))),
        None => match (&quantization.details, quantization.scale.len()) {
            (QuantizationDetails::None, 1..) => Some(format!(
                "{} on axis {}",
                quantization.scale.len(),
                quantization.dimension
            )),
            _ => quantization_text(quantization),
        },
    }
}

/// How values are quantized, in at most `room` columns where it can be.
pub fn quantization(quantization: &Quantization, room: usize) -> Option<String> {
    let brief = quantization_in_brief(quantization).unwrap_or_default();
    Some(text::fitting(
        [quantization_text(quantization)?, brief],
        room,
    ))
}

/// An operator: what it is, its attributes, what comes in and what goes out.
pub fn node(graph: &Graph, id: NodeId, wide: usize, theme: &Theme) -> Facts {
    let node = graph.node(id);
    let mut facts = Facts::new(10);
    facts.styled(
        theme,
        "operator",
        node.op_label(),
        theme.op(graph.dialect, &node.op),
    );
    if node.version > 0 {
        facts.add(theme, "version", node.version.to_string());
    }
    if graph.dialect == Dialect::Tflite {
        // TensorFlow Lite's own messages name an operator so.
        facts.add(theme, "node", format!("number {}", id.index()));
    }
    if !node.device.is_empty() {
        facts.add(theme, "device", node.device.to_string());
    }
    ends(&mut facts, graph, node, wide, theme);
    let attrs: Vec<_> = node
        .attrs
        .iter()
        .filter(|(name, _)| !(graph.dialect == Dialect::Tf && name.starts_with('_')))
        .collect();
    if !attrs.is_empty() {
        facts.heading(theme, "Attributes");
        let words = attrs
            .iter()
            .map(|(n, _)| n.len())
            .max()
            .unwrap_or(0)
            .min(wide / 2);
        for (name, value) in attrs {
            facts.line(Line::from(vec![
                Span::styled(text::left(name, words) + "  ", theme[Role::Dim]),
                Span::styled(attr(value), theme[Role::Text]),
            ]));
        }
    }
    facts
}

fn ends(facts: &mut Facts, graph: &Graph, node: &Node, wide: usize, theme: &Theme) {
    let mut list = |title: &str,
                    sign: &'static str,
                    values: &[Option<ValueId>],
                    roles: &[Cow<'static, str>],
                    sources: bool| {
        if values.is_empty() {
            return;
        }
        facts.heading(theme, title);
        for (at, id) in values.iter().enumerate().take(LISTED) {
            let role = roles.get(at).map_or("", |role| &**role);
            let Some((id, value)) = id.map(|id| (id, graph.value(id))) else {
                let words = format!(
                    "{sign}{role}{}absent",
                    if role.is_empty() { "" } else { "  " }
                );
                facts.line(Line::styled(words, theme[Role::Dim]));
                continue;
            };
            let name = match value.producer.filter(|_| sources) {
                Some((maker, _)) => &graph.node(maker).name,
                None => &value.name,
            };
            let name = text::clean(name);
            let constant = value.data.is_some().then(|| "constant".to_owned());
            let operand = Operand {
                sign,
                role,
                kind: value_type(value),
                more: operand::number(graph, id)
                    .into_iter()
                    .chain(constant)
                    .collect(),
                quantized: value.quantization.as_deref().map(|q| (q, value.dtype)),
            };
            operand.add(facts, |room| text::fit_end(&name, room), wide, theme);
        }
        more(facts, values.len(), theme);
    };
    let outputs: Vec<_> = node.outputs.iter().map(|v| Some(*v)).collect();
    let (takes, gives) = (roles::inputs(graph, node), roles::outputs(graph, node));
    list("Inputs", "← ", &node.inputs, &takes, true);
    list("Outputs", "→ ", &outputs, &gives, false);
}

/// A signature with its ports.
pub fn signature(meta: &MetaGraph, signature: &Signature, wide: usize, theme: &Theme) -> Facts {
    let mut facts = Facts::new(10);
    if !signature.method.is_empty() {
        facts.add(theme, "method", signature.method.to_string());
    }
    if let Some(graph) = meta
        .graphs
        .get(signature.graph)
        .filter(|g| !g.name.is_empty())
    {
        facts.add(theme, "graph", graph.name.to_string());
    }
    for (title, list) in [
        ("Inputs", &signature.inputs),
        ("Outputs", &signature.outputs),
    ] {
        facts.heading(theme, title);
        for item in list.iter().take(LISTED) {
            port(&mut facts, item, wide, theme);
        }
        more(&mut facts, list.len(), theme);
    }
    facts
}

fn port(facts: &mut Facts, port: &Port, wide: usize, theme: &Theme) {
    facts.line(Line::from(vec![Span::styled(
        text::fit_end(&text::clean(&port.name), wide),
        theme[Role::Strong],
    )]));
    facts.line(Line::from(vec![
        Span::styled(format!("  {} ", port.type_text()), theme[Role::Dim]),
        Span::styled(port.shape.to_string(), theme[Role::Number]),
    ]));
    for tensor in port.tensor.iter().chain(&port.parts) {
        facts.line(Line::styled(
            format!(
                "  {}",
                text::fit_end(&text::clean(tensor), wide.saturating_sub(2))
            ),
            theme[Role::Dim],
        ));
    }
    if let Some(default) = port.default_literal() {
        let words = format!("  default {}", text::clean(&default));
        facts.line(Line::styled(text::fit(&words, wide), theme[Role::Dim]));
    }
    let scales = port.quantization.as_ref();
    if let Some(words) = scales.and_then(|q| quantization(q, wide.saturating_sub(2))) {
        facts.line(Line::styled(format!("  {words}"), theme[Role::Quantize]));
    }
}

/// Operators by how often they occur.
pub fn histogram(
    facts: &mut Facts,
    dialect: Dialect,
    mut counts: Vec<(&str, usize)>,
    wide: usize,
    theme: &Theme,
) {
    sort::by(&mut counts, |a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    let most = counts.first().map_or(1, |c| c.1);
    let names = wide.saturating_sub(18).clamp(8, 24);
    let bars = wide.saturating_sub(names + 7).clamp(1, 10);
    for (op, n) in counts {
        facts.line(Line::from(vec![
            Span::styled(text::left(op, names) + " ", theme.op(dialect, op)),
            Span::styled(
                text::right(&text::count(n as u64), 5) + " ",
                theme[Role::Number],
            ),
            Span::styled(text::bar(n as f64 / most as f64, bars), theme[Role::Bar]),
        ]));
    }
}

/// The inputs and outputs of the first signatures, a line each.
pub fn signatures(facts: &mut Facts, meta: &MetaGraph, wide: usize, theme: &Theme) {
    const SHOWN: usize = 6;
    for signature in meta.signatures.iter().take(SHOWN) {
        facts.heading(theme, &text::clean(&signature.key));
        let ports = signature.inputs.iter().map(|port| ("→ ", port));
        let ports = ports.chain(signature.outputs.iter().map(|port| ("← ", port)));
        for (sign, port) in ports.take(LISTED) {
            let kind = format!("  {} {}", port.dtype, port.shape);
            let room = wide.saturating_sub(2 + crate::tui::term::width(&kind));
            let name = text::clean(&port.name);
            facts.line(Line::from(vec![
                Span::styled(sign, theme[Role::Dim]),
                Span::styled(text::fit_end(&name, room.max(8)), theme[Role::Text]),
                Span::styled(kind, theme[Role::Number]),
            ]));
        }
    }
    if meta.signatures.len() > SHOWN {
        let more = format!("… {} more", meta.signatures.len() - SHOWN);
        facts.line(Line::styled(more, theme[Role::Dim]));
    }
}

/// A function or subgraph; `operators` how often each occurs in it, once counted.
pub fn graph(
    graph: &Graph,
    operators: Option<&BTreeMap<Name, usize>>,
    wide: usize,
    theme: &Theme,
) -> Facts {
    let mut facts = Facts::new(10);
    let kind = match graph.kind {
        GraphKind::Main => "the main graph",
        GraphKind::Function => "function",
        GraphKind::Subgraph => "subgraph",
    };
    facts.add(theme, "kind", kind);
    facts.add(theme, "operators", text::count(graph.nodes.len() as u64));
    for (title, values) in [("Inputs", &graph.inputs), ("Outputs", &graph.outputs)] {
        if values.is_empty() {
            continue;
        }
        facts.heading(theme, title);
        let known = values.iter().flatten().map(|&v| graph.value(v));
        for value in known.take(LISTED) {
            facts.line(Line::from(vec![
                Span::styled(format!("{}  ", text::clean(&value.name)), theme[Role::Text]),
                Span::styled(value_type(value), theme[Role::Number]),
            ]));
        }
        more(&mut facts, values.len(), theme);
    }
    facts.heading(theme, "Operators");
    let Some(operators) = operators else {
        facts.line(Line::styled("counting…", theme[Role::Dim]));
        return facts;
    };
    let counts = operators.iter().map(|(op, n)| (&**op, *n)).collect();
    histogram(&mut facts, graph.dialect, counts, wide, theme);
    facts
}

//! The box of signatures: each with its ports, or the functions that stand in for them.

use crate::analysis::quantization_text;
use crate::model::{MetaGraph, Port};
use crate::tui::term::{Line, Span, width};
use crate::tui::text;
use crate::tui::theme::{Role, Theme};

/// Every signature with its ports, and the line where each begins.
pub(super) fn signature_lines(
    meta: Option<&MetaGraph>,
    theme: &Theme,
    wide: usize,
) -> (Vec<Line<'static>>, Vec<usize>) {
    let (mut lines, mut starts) = (Vec::new(), Vec::new());
    let Some(meta) = meta else {
        return (lines, starts);
    };
    if meta.signatures.is_empty() {
        return function_lines(meta, theme, wide);
    }
    let ports = meta.signatures.iter();
    let columns = Columns::of(ports.flat_map(|s| s.inputs.iter().chain(&s.outputs)), wide);
    for signature in &meta.signatures {
        starts.push(lines.len());
        let method = if signature.implied {
            "from the graph"
        } else {
            signature.short_method()
        };
        lines.push(Line::from(vec![
            Span::styled(text::clean(&signature.key), theme[Role::Strong]),
            Span::styled(format!("   {}", text::clean(method)), theme[Role::Dim]),
        ]));
        for (word, ports) in [("in ", &signature.inputs), ("out", &signature.outputs)] {
            for port in ports {
                lines.extend(columns.port(word, port, theme));
            }
        }
    }
    (lines, starts)
}

/// Rows of the box of signatures: these, or the functions that stand in for them.
pub(super) fn ways_in(meta: &MetaGraph) -> usize {
    match meta.signatures.len() {
        0 => meta
            .objects
            .callables()
            .iter()
            .map(|c| c.traces.len())
            .sum(),
        n => n,
    }
}

/// The graph of row `at` of the functions.
pub(super) fn called_graph(meta: &MetaGraph, at: usize) -> Option<usize> {
    let callables = meta.objects.callables();
    let mut traces = callables.iter().flat_map(|c| meta.objects.traces(c));
    let name = &traces.nth(at)?.name;
    meta.graphs.iter().position(|g| g.name == *name)
}

/// What a model without signatures lets a program call, and the line where each trace begins.
fn function_lines(
    meta: &MetaGraph,
    theme: &Theme,
    wide: usize,
) -> (Vec<Line<'static>>, Vec<usize>) {
    let callables = meta.objects.callables();
    let (mut lines, mut starts) = (Vec::new(), Vec::new());
    if callables.is_empty() {
        lines.push(Line::styled("none", theme[Role::Dim]));
        return (lines, starts);
    }
    lines.push(Line::styled(
        "none, but functions to call:",
        theme[Role::Dim],
    ));
    let add = |lines: &mut Vec<Line<'static>>, words: String, indent: usize, role: Role| {
        let room = wide.saturating_sub(indent + 2).max(8);
        for (at, part) in text::wrap(&text::clean(&words), room, 3)
            .into_iter()
            .enumerate()
        {
            let indent = indent + 2 * usize::from(at > 0);
            lines.push(Line::styled(" ".repeat(indent) + &part, theme[role]));
        }
    };
    for callable in &callables {
        for trace in meta.objects.traces(callable) {
            starts.push(lines.len());
            let call = format!("{}({})", callable.path, trace.arguments_line());
            add(&mut lines, call, 0, Role::Text);
            let results = trace.results_line();
            if !results.is_empty() {
                add(&mut lines, format!("→ {results}"), 4, Role::Dim);
            }
        }
    }
    (lines, starts)
}

/// How a port's name, type and shape share a line.
struct Columns {
    names: usize,
    types: usize,
    shapes: usize,
    /// Type and shape stand in a line of their own: there is no room beside the longest name.
    folded: bool,
    wide: usize,
}

/// Of a port's line before its name: `  in   `.
const INDENT: usize = 7;

impl Columns {
    fn of<'p>(ports: impl Iterator<Item = &'p Port> + Clone, wide: usize) -> Self {
        let longest = |text: fn(&Port) -> String| {
            let widths = ports.clone().map(|p| width(&text(p)));
            widths.max().unwrap_or(0)
        };
        let types = longest(Port::type_text);
        let names = longest(|p| text::clean(&p.name));
        let shapes = longest(|p| p.shape.to_string());
        let room = wide.saturating_sub(INDENT);
        let beside = room.saturating_sub(types + 2 + shapes + 2);
        // A shape of many axes cuts no name to nothing.
        let folded = names > beside;
        Self {
            names: if folded { room } else { names },
            types,
            shapes,
            folded,
            wide,
        }
    }

    fn port(&self, word: &str, port: &Port, theme: &Theme) -> Vec<Line<'static>> {
        let name = text::fit_end(&text::clean(&port.name), self.names);
        let mut first = vec![
            Span::styled(format!("  {word}  "), theme[Role::Dim]),
            Span::styled(text::left(&name, self.names), theme[Role::Text]),
        ];
        let shape = text::left(&port.shape.to_string(), self.shapes);
        let mut kind = vec![
            Span::styled(text::left(&port.type_text(), self.types), theme[Role::Dim]),
            Span::styled(format!("  {shape}"), theme[Role::Number]),
        ];
        let beside = if self.folded { 0 } else { self.names + 2 };
        let used = INDENT + beside + self.types + 2 + self.shapes;
        let scale = port.quantization.as_ref().and_then(quantization_text);
        let scale = scale.map(|words| format!("  {words}"));
        if let Some(words) = scale.filter(|words| used + width(words) <= self.wide) {
            kind.push(Span::styled(words, theme[Role::Quantize]));
        }
        if self.folded {
            let mut second = vec![Span::raw(" ".repeat(INDENT))];
            second.extend(kind);
            return vec![Line::from(first), Line::from(second)];
        }
        first.push(Span::raw("  "));
        first.extend(kind);
        vec![Line::from(first)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DType, Shape};

    #[test]
    fn no_shape_is_cut_beside_a_long_name() {
        let shape = Shape(Some(vec![1, 224, 224, 3]));
        let port = Port::new("keras_tensor", DType::Float32, shape);
        let theme = Theme::named("dark", None).unwrap();
        let lines = |wide| {
            let columns = Columns::of([&port].into_iter(), wide);
            let lines = columns.port("in ", &port, &theme);
            lines
                .iter()
                .map(|l| l.to_string().trim_end().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(lines(60), ["  in   keras_tensor  float32  1×224×224×3"]);
        assert_eq!(
            lines(30),
            ["  in   keras_tensor", "       float32  1×224×224×3"]
        );
    }
}

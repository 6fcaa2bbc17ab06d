//! An operand of an operator in a few lines: its role, its name, type and shape, how it is quantized.

use super::describe;
use super::facts::Facts;
use crate::model::{DType, Dialect, Graph, Quantization, ValueId};
use crate::tui::term::{Line, Span, width};
use crate::tui::text;
use crate::tui::theme::{Role, Theme};

/// Columns that still tell which name it is; with fewer beside the role it gets a line of its own.
const LEAST_NAME: usize = 14;

#[derive(Default)]
pub struct Operand<'a> {
    pub sign: &'static str,
    /// What the operator calls it; empty where that is not known.
    pub role: &'a str,
    /// Type and shape.
    pub kind: String,
    /// What is said behind that where there is room.
    pub more: Vec<String>,
    pub quantized: Option<(&'a Quantization, DType)>,
}

impl Operand<'_> {
    /// `name` in as many columns as it is given.
    pub fn add(
        self,
        facts: &mut Facts,
        name: impl Fn(usize) -> String,
        wide: usize,
        theme: &Theme,
    ) {
        let room = wide.saturating_sub(width(self.sign));
        let mut first = vec![Span::styled(self.sign, theme[Role::Dim])];
        let whole = name(room);
        let beside = room.saturating_sub(width(self.role) + 2);
        if self.role.is_empty() {
            first.push(Span::styled(whole, theme[Role::Text]));
            facts.line(Line::from(first));
        } else {
            first.push(Span::styled(
                text::fit(self.role, room),
                theme[Role::Column],
            ));
            if width(&whole) <= beside || beside >= LEAST_NAME {
                first.push(Span::raw("  "));
                first.push(Span::styled(name(beside), theme[Role::Text]));
                facts.line(Line::from(first));
            } else {
                facts.line(Line::from(first));
                let own = format!("  {}", name(wide.saturating_sub(2)));
                facts.line(Line::styled(own, theme[Role::Text]));
            }
        }
        let kind = text::fit(&self.kind, wide.saturating_sub(2));
        let mut left = wide.saturating_sub(2 + width(&kind));
        let mut second = vec![Span::styled(format!("  {kind}"), theme[Role::Number])];
        for words in self.more {
            // All of it or nothing.
            if let Some(rest) = left.checked_sub(2 + width(&words)) {
                left = rest;
                second.push(Span::styled(format!("  {words}"), theme[Role::Dim]));
            }
        }
        facts.line(Line::from(second));
        if let Some((quantization, dtype)) = self.quantized {
            for words in quantized(quantization, dtype, wide.saturating_sub(2)) {
                facts.line(Line::styled(format!("  {words}"), theme[Role::Quantize]));
            }
        }
    }
}

/// How values are quantized and which real numbers they stand for, a line each.
pub fn quantized(quantization: &Quantization, dtype: DType, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = describe::quantization(quantization, room)
        .into_iter()
        .collect();
    if let Some((least, most)) = quantization.real_range(dtype) {
        let range = format!("{} … {}", short(least), short(most));
        let says = match quantization.single() {
            Some(_) => "stands for",
            None => "at most",
        };
        lines.push(text::fitting([format!("{says} {range}"), range], room));
    }
    lines
}

/// `6` for the 6.0000001 that comes of a scale in float32.
fn short(value: f64) -> String {
    let words = text::number(value, 7);
    match words.contains('.') && !words.contains('e') {
        true => words.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => words,
    }
}

/// A tensor of a .tflite by its number in the file: `#27`.
pub fn number(graph: &Graph, id: ValueId) -> Option<String> {
    (graph.dialect == Dialect::Tflite).then(|| format!("#{}", id.index()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_told_with_the_reals_they_mean() {
        let image = Quantization::per_tensor(0.007_843_138, -1);
        let lines = |room| quantized(&image, DType::Int8, room);
        assert_eq!(
            lines(40),
            ["scale 0.007843138 zero -1", "stands for -0.9961 … 1.0039"]
        );
        assert_eq!(lines(22), ["×0.0078 z -1", "-0.9961 … 1.0039"]);
        let channels = Quantization::per_channel(vec![0.5, 1.0], 3);
        assert_eq!(
            quantized(&channels, DType::Int8, 40),
            ["2 scales, axis 3", "at most -128 … 127"]
        );
        let relu6 = Quantization::per_tensor(0.023_529_412, -128);
        let lines = quantized(&relu6, DType::Int8, 40);
        assert_eq!(lines[1], "stands for 0 … 6");
        // A bias has nearly no end.
        assert_eq!(quantized(&channels, DType::Int32, 40), ["2 scales, axis 3"]);
    }
}

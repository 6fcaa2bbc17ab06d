//! What came out of a run.

use std::borrow::Cow;
use std::fmt::Write;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::table::{Align, Table};
use super::{Style, human};
use crate::error::Result;
use crate::feed::{self, Ranked};
use crate::model::{DType, Port, Tensor};

/// Values of an output that are written out in text.
const SHOWN: usize = 12;
/// Largest values that are named where nobody said how many.
const TOP: usize = 3;
/// From this many values on, a last axis of real numbers is read as scores of classes.
const CLASSES: std::ops::RangeInclusive<usize> = 3..=100_000;

/// A run's outputs with what is needed to read them.
#[derive(Debug)]
pub struct RunReport {
    pub signature: String,
    pub millis: f64,
    outputs: Vec<Output>,
}

#[derive(Debug)]
struct Output {
    name: String,
    stored: Tensor,
    /// The real numbers, where the output is quantized.
    real: Option<Tensor>,
    top: Vec<Ranked>,
}

impl Output {
    fn real(&self) -> &Tensor {
        self.real.as_ref().unwrap_or(&self.stored)
    }
}

#[derive(Serialize)]
struct OutputJson<'a> {
    dtype: String,
    shape: &'a [usize],
    values: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    dequantized: Option<Value>,
    #[serde(skip_serializing_if = "<[Ranked]>::is_empty")]
    top: &'a [Ranked],
}

impl RunReport {
    /// `top` is how many of the largest values to name; without it a few, where an output looks like scores.
    ///
    /// # Errors
    /// There is no memory for the real numbers of quantized outputs.
    pub fn new(
        signature: &str,
        millis: f64,
        ports: &[Port],
        outputs: Vec<(String, Tensor)>,
        labels: Option<&[String]>,
        top: Option<usize>,
    ) -> Result<Self> {
        let outputs = outputs
            .into_iter()
            .map(|(name, stored)| {
                let port = ports.iter().find(|p| *p.name == *name);
                let real = feed::dequantized(&stored, port.and_then(|p| p.quantization.as_ref()))?;
                let row = stored.shape().last().copied().unwrap_or(1);
                let own = labels.filter(|l| l.len() == row);
                let scores = real.dtype().is_float() && CLASSES.contains(&row);
                let k = top.unwrap_or(if scores || own.is_some() { TOP } else { 0 });
                let top = feed::top_k(&real, own, k);
                let real = match real {
                    Cow::Owned(real) => Some(real),
                    Cow::Borrowed(_) => None,
                };
                Ok(Output {
                    name,
                    stored,
                    real,
                    top,
                })
            })
            .collect::<Result<_>>()?;
        Ok(RunReport {
            signature: signature.to_owned(),
            millis,
            outputs,
        })
    }

    pub fn json(&self) -> Value {
        let outputs: Map<String, Value> = self
            .outputs
            .iter()
            .map(|o| {
                let json = OutputJson {
                    dtype: o.stored.dtype().to_string(),
                    shape: o.stored.shape(),
                    values: nested(&o.stored),
                    dequantized: o.real.as_ref().map(nested),
                    top: &o.top,
                };
                (o.name.clone(), json!(json))
            })
            .collect();
        json!({ "signature": self.signature, "ms": self.millis, "outputs": outputs })
    }

    pub fn text(&self, style: Style) -> String {
        let mut out = format!(
            "{}  {}\n",
            style.heading(&self.signature),
            style.faint(&human::millis(self.millis))
        );
        for output in &self.outputs {
            let shape = crate::model::Shape::of(output.stored.shape());
            let _ = writeln!(
                out,
                "\n{}  {} {shape}",
                style.heading(&output.name),
                output.stored.dtype()
            );
            let _ = writeln!(out, "  {}", values(output.real()));
            let mut table = Table::new(&[
                ("", Align::Right),
                ("", Align::Left),
                ("", Align::Right),
                ("", Align::Left),
            ]);
            let largest = output.top.first().map_or(0.0, |r| r.value);
            for ranked in &output.top {
                table.row([
                    ranked.index.to_string(),
                    ranked.label.clone().unwrap_or_default(),
                    human::value(ranked.value),
                    human::bar(
                        if largest > 0.0 {
                            ranked.value / largest
                        } else {
                            0.0
                        },
                        20,
                    ),
                ]);
            }
            out.push_str(&table.text(style));
        }
        out
    }
}

/// The first values and, where there are more, what they range over.
fn values(tensor: &Tensor) -> String {
    let count = tensor.len();
    let first: Vec<String> = (0..count.min(SHOWN))
        .map(|i| match tensor.number(i) {
            Some(v) if tensor.dtype().is_float() => human::value(v),
            _ => tensor.element_text(i),
        })
        .collect();
    let mut text = first.join("  ");
    if count > SHOWN {
        let _ = write!(text, "  … {} values", human::exact(count as u64));
        let numbers = (0..count).map_while(|i| tensor.number(i));
        let finite = numbers.filter(|v| v.is_finite());
        let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
            (low.min(v), high.max(v))
        });
        if tensor.dtype() != DType::Bool && low <= high {
            let _ = write!(text, ", {} to {}", human::value(low), human::value(high));
        }
    }
    text
}

/// Nested lists as deep as the rank.
fn nested(tensor: &Tensor) -> Value {
    let leaves = (0..tensor.len()).map(|i| leaf(tensor, i)).collect();
    let mut level: Vec<Value> = leaves;
    // From the last axis outwards, rows become lists; an empty axis leaves nothing to count rows by.
    for (axis, &size) in tensor.shape().iter().enumerate().rev() {
        let rows: usize = tensor.shape().iter().take(axis).product();
        let mut rest = level.into_iter();
        level = (0..rows)
            .map(|_| Value::Array(rest.by_ref().take(size).collect()))
            .collect();
    }
    level.into_iter().next().unwrap_or(Value::Null)
}

fn leaf(tensor: &Tensor, index: usize) -> Value {
    if let Some(strings) = tensor.strings() {
        return json!(strings.get(index).map(|s| String::from_utf8_lossy(s)));
    }
    match tensor.dtype() {
        DType::Bool => json!(tensor.number(index).map(|v| v != 0.0)),
        DType::Float32 => json!(tensor.values::<f32>().and_then(|v| v.get(index))),
        DType::UInt64 => json!(tensor.values::<u64>().and_then(|v| v.get(index))),
        DType::Complex64 => json!(tensor.values::<[f32; 2]>().and_then(|v| v.get(index))),
        DType::Complex128 => json!(tensor.values::<[f64; 2]>().and_then(|v| v.get(index))),
        DType::Int64 => json!(tensor.values::<i64>().and_then(|v| v.get(index))),
        dtype if dtype.is_float() => json!(tensor.number(index)),
        _ => json!(tensor.number(index).map(|v| v as i64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_nests_as_the_shape_does() {
        let tensor = Tensor::from_values(&[2, 1, 2], &[1i32, 2, 3, 4]);
        assert_eq!(nested(&tensor), json!([[[1, 2]], [[3, 4]]]));
        let scalar = Tensor::from_values(&[], &[f32::NAN]);
        assert_eq!(nested(&scalar), Value::Null);
        let empty = Tensor::from_values::<f32>(&[2, 0], &[]);
        assert_eq!(nested(&empty), json!([[], []]));
    }

    #[test]
    fn scores_read_as_ranked_classes() {
        let scores = Tensor::from_values(&[1, 4], &[0.05f32, 0.8, 0.1, 0.05]);
        let labels = ["cat", "dog", "cow", "hen"].map(str::to_owned);
        let report = RunReport::new(
            "serving_default",
            0.25,
            &[],
            vec![("probs".into(), scores)],
            Some(&labels),
            Some(2),
        )
        .unwrap();
        insta::assert_snapshot!(report.text(Style::PLAIN), @r"
        serving_default  0.250 ms

        probs  float32 1×4
          0.05  0.8  0.1  0.05
          1  dog  0.8  ████████████████████
          2  cow  0.1  ██▌
        ");
    }
}

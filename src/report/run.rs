//! What came out of a run.

use std::borrow::Cow;
use std::fmt::Write;

use serde::{Serialize, Serializer};

use super::state::StateRow;
use super::table::{Align, Table};
use super::{Style, human, not_finite};
use crate::error;
use crate::feed::{self, Detection, Detections, Ranked};
use crate::model::{DType, Element, Port, Tensor};
use crate::runtime::NotFinite;

/// Columns for what became of a variable.
const WORDS: usize = 80;
/// Values of an output that are written out in text.
const SHOWN: usize = 12;
/// Largest values that are named where nobody said how many.
const TOP: usize = 3;
/// Rows of an output whose largest values are named in text.
const ROWS: usize = 8;
/// From this many values on, a last axis of real numbers is read as scores of classes.
const CLASSES: std::ops::RangeInclusive<usize> = 3..=100_000;

/// A run's outputs with what is needed to read them.
#[derive(Debug)]
pub struct RunReport {
    pub signature: String,
    pub millis: f64,
    /// What random numbers came from that the graph has no seed for.
    pub seed: Option<u64>,
    /// Where the first NaN or infinity of each output came from that has any.
    pub not_finite: Vec<NotFinite>,
    /// Variables and tables that it changed.
    pub state: Vec<StateRow>,
    outputs: Vec<Output>,
    seen: Option<Seen>,
}

/// What a detector's outputs say together.
#[derive(Debug)]
struct Seen {
    detections: Detections,
    /// Of each that was found.
    labels: Vec<String>,
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

/// As JSON: a [`RunReport`], written as it is read, for an output may have millions of values.
#[derive(Serialize)]
struct Json<'a, S> {
    signature: &'a str,
    ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_finite: Option<not_finite::Json<'a>>,
    #[serde(serialize_with = "by_name")]
    outputs: &'a [Output],
    #[serde(skip_serializing_if = "Option::is_none")]
    detections: Option<Vec<DetectionJson<'a>>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    state: Vec<S>,
}

#[derive(Serialize)]
struct DetectionJson<'a> {
    label: &'a str,
    #[serde(flatten)]
    detection: &'a Detection,
}

#[derive(Serialize)]
struct OutputJson<'a> {
    dtype: String,
    shape: &'a [usize],
    values: Nested<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dequantized: Option<Nested<'a>>,
    #[serde(skip_serializing_if = "<[Ranked]>::is_empty")]
    top: &'a [Ranked],
}

fn by_name<S: Serializer>(outputs: &[Output], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(outputs.iter().map(|o| {
        let json = OutputJson {
            dtype: o.stored.dtype().to_string(),
            shape: o.stored.shape(),
            values: Nested::of(&o.stored),
            dequantized: o.real.as_ref().map(Nested::of),
            top: &o.top,
        };
        (&o.name, json)
    }))
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
    ) -> error::Result<Self> {
        let outputs = outputs
            .into_iter()
            .map(|(name, stored)| {
                let port = ports.iter().find(|p| *p.name == *name);
                let real = feed::dequantized(&stored, port.and_then(|p| p.quantization.as_ref()))?;
                let row = stored.shape().last().copied().unwrap_or(1);
                let own = labels.filter(|l| l.len() == row);
                let scores = real.dtype().is_float() && CLASSES.contains(&row);
                let k = top.unwrap_or(if scores || own.is_some() { TOP } else { 0 });
                // Rows of more axes are no items of a batch unless somebody says so.
                let top = match top.is_some() || stored.rank() <= 2 {
                    true => feed::top_k_of_rows(&real, own, k),
                    false => feed::top_k(&real, own, k),
                };
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
            .collect::<error::Result<Vec<Output>>>()?;
        let named: Vec<(&str, &Tensor)> = outputs.iter().map(|o| (&*o.name, o.real())).collect();
        let seen = feed::detections(&named).map(|detections| {
            let found = detections.found.iter();
            let labels = found.map(|d| detections.label(d.class, labels)).collect();
            Seen { detections, labels }
        });
        Ok(RunReport {
            signature: signature.to_owned(),
            millis,
            seed: None,
            not_finite: Vec::new(),
            state: Vec::new(),
            outputs,
            seen,
        })
    }

    pub fn json(&self) -> impl Serialize {
        Json {
            signature: &self.signature,
            ms: self.millis,
            seed: self.seed,
            not_finite: not_finite::json(&self.not_finite),
            outputs: &self.outputs,
            detections: self.seen.as_ref().map(|seen| {
                let found = seen.detections.found.iter().zip(&seen.labels);
                let json = found.map(|(detection, label)| DetectionJson { label, detection });
                json.collect()
            }),
            state: self.state.iter().map(StateRow::json).collect(),
        }
    }

    pub fn text(&self, style: Style) -> String {
        let mut out = format!(
            "{}  {}\n",
            style.heading(&self.signature),
            style.faint(&human::millis(self.millis))
        );
        if let Some(seed) = self.seed {
            let note =
                format!("random numbers from the seed {seed}, --seed {seed} draws them again");
            let _ = writeln!(out, "{}", style.faint(&note));
        }
        for output in &self.outputs {
            let shape = crate::model::Shape::of(output.stored.shape());
            let _ = writeln!(
                out,
                "\n{}  {} {shape}",
                style.heading(&output.name),
                output.stored.dtype()
            );
            let _ = writeln!(out, "  {}", values(output.real()));
            out.push_str(&top_text(&output.top, style));
        }
        if let Some(seen) = &self.seen {
            out.push_str(&seen.text(style));
        }
        if !self.state.is_empty() {
            out.push_str(&state_text(&self.state, style));
        }
        for (at, (outputs, words)) in not_finite::told(&self.not_finite).iter().enumerate() {
            let gap = if at == 0 { "\n" } else { "" };
            let _ = writeln!(out, "{gap}{}: {}", style.heading(outputs), style.bad(words));
        }
        out
    }
}

/// The largest values of each row with their labels and bars.
fn top_text(top: &[Ranked], style: Style) -> String {
    const COLUMNS: [(&str, Align); 5] = [
        ("", Align::Left),
        ("", Align::Right),
        ("", Align::Left),
        ("", Align::Right),
        ("", Align::Left),
    ];
    // One row needs no number.
    let first = usize::from(top.iter().all(|ranked| ranked.row.is_none()));
    let mut table = Table::new(&COLUMNS[first..]);
    let mut rows = top.chunk_by(|a, b| a.row == b.row);
    for row in rows.by_ref().take(ROWS) {
        let largest = row[0].value;
        for (at, ranked) in row.iter().enumerate() {
            let share = if largest > 0.0 {
                ranked.value / largest
            } else {
                0.0
            };
            let number = ranked.row.filter(|_| at == 0);
            let cells = [
                number.map_or_else(String::new, |row| format!("row {row}")),
                ranked.index.to_string(),
                ranked.label.clone().unwrap_or_default(),
                human::value(ranked.value),
                human::bar(share, 20),
            ];
            table.row(cells.into_iter().skip(first));
        }
    }
    let mut out = table.text(style);
    let more = rows.count();
    if more > 0 {
        let more = format!("  … {} more rows", human::exact(more as u64));
        let _ = writeln!(out, "{}", style.faint(&more));
    }
    out
}

impl Seen {
    /// Those that are worth a look.
    fn text(&self, style: Style) -> String {
        let (detections, certain) = (&self.detections, self.detections.certain());
        let (sure, all) = (detections.sure(), detections.found.len());
        let count = format!("{sure} of {all} score ≥ 0.3");
        let mut out = format!("\n{}  {count}\n", style.heading("detections"));
        if certain.is_empty() {
            return out;
        }
        let mut table = Table::new(&[
            ("", Align::Left),
            ("score", Align::Right),
            ("top", Align::Right),
            ("left", Align::Right),
            ("bottom", Align::Right),
            ("right", Align::Right),
        ]);
        for (detection, label) in certain.iter().zip(&self.labels) {
            let edge = |at: usize| match detections.in_pixels {
                true => format!("{:.0}", detection.edges[at]),
                false => format!("{:.3}", detection.edges[at]),
            };
            table.row([
                label.clone(),
                format!("{:.2}", detection.score),
                edge(0),
                edge(1),
                edge(2),
                edge(3),
            ]);
        }
        out.push_str(&table.text(style));
        out
    }
}

/// What was changed, a line each.
fn state_text(rows: &[StateRow], style: Style) -> String {
    let heading = style.heading("state");
    let remark = style.faint("what the run changed, in memory only");
    let mut table = Table::new(&[("", Align::Left); 3]);
    for row in rows {
        table.row([row.name.clone(), row.kind(), row.words(WORDS)]);
    }
    format!("\n{heading}  {remark}\n{}", table.text(style))
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

/// Values as nested lists as deep as the rank.
#[derive(Clone, Copy)]
pub(super) struct Nested<'a> {
    tensor: &'a Tensor,
    /// How many axes lie outside, and which of their blocks this is.
    axis: usize,
    block: usize,
}

impl<'a> Nested<'a> {
    pub(super) fn of(tensor: &'a Tensor) -> Self {
        Nested {
            tensor,
            axis: 0,
            block: 0,
        }
    }
}

impl Serialize for Nested<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Nested {
            tensor,
            axis,
            block,
        } = *self;
        let Some(&size) = tensor.shape().get(axis) else {
            return leaf(tensor, block, to);
        };
        to.collect_seq((0..size).map(|i| Nested {
            axis: axis + 1,
            block: block * size + i,
            tensor,
        }))
    }
}

fn leaf<S: Serializer>(tensor: &Tensor, index: usize, to: S) -> Result<S::Ok, S::Error> {
    if let Some(strings) = tensor.strings() {
        let text = strings.get(index).map(|s| String::from_utf8_lossy(s));
        return text.serialize(to);
    }
    match tensor.dtype() {
        DType::Bool => tensor.number(index).map(|v| v != 0.0).serialize(to),
        DType::UInt64 => element::<u64>(tensor, index).serialize(to),
        DType::Int64 => element::<i64>(tensor, index).serialize(to),
        DType::Complex64 => {
            let parts = element::<[f32; 2]>(tensor, index);
            parts.map(|p| p.map(f64::from)).serialize(to)
        }
        DType::Complex128 => element::<[f64; 2]>(tensor, index).serialize(to),
        dtype if dtype.is_float() => tensor.number(index).serialize(to),
        _ => tensor.number(index).map(|v| v as i64).serialize(to),
    }
}

fn element<T: Element>(tensor: &Tensor, index: usize) -> Option<T> {
    tensor.values::<T>()?.get(index).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_nests_as_the_shape_does() {
        let nested = |tensor: &Tensor| serde_json::to_string(&Nested::of(tensor)).unwrap();
        let tensor = Tensor::from_values(&[2, 1, 2], &[1i32, 2, 3, 4]);
        assert_eq!(nested(&tensor), "[[[1,2]],[[3,4]]]");
        let scalar = Tensor::from_values(&[], &[f32::NAN]);
        assert_eq!(nested(&scalar), "null");
        let empty = Tensor::from_values::<f32>(&[2, 0], &[]);
        assert_eq!(nested(&empty), "[[],[]]");
        let complex = Tensor::from_values(&[1], &[[0.5f32, -1.0]]);
        assert_eq!(nested(&complex), "[[0.5,-1.0]]");
        let text = Tensor::from_strings(&[1], vec![b"a\xff".to_vec()]);
        assert_eq!(nested(&text), "[\"a\u{fffd}\"]");
    }

    #[test]
    fn json_is_what_a_program_reads() {
        let values = Tensor::from_values(&[1, 2], &[0.1f32, 2.0]);
        let outputs = vec![("y".to_owned(), values)];
        let report = RunReport::new("serve", 0.5, &[], outputs, None, Some(1)).unwrap();
        let json = serde_json::to_string(&report.json()).unwrap();
        insta::assert_snapshot!(json, @r#"{"signature":"serve","ms":0.5,"outputs":{"y":{"dtype":"float32","shape":[1,2],"values":[[0.10000000149011612,2.0]],"top":[{"index":1,"value":2.0,"label":null}]}}}"#);
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

    #[test]
    fn a_detector_tells_what_it_saw() {
        let boxes = [[0.1f32, 0.2, 0.5, 0.6], [0.0, 0.0, 1.0, 0.4], [0.0; 4]];
        let tensor = |values: &[f32]| Tensor::from_values(&[1, 3], values);
        let outputs = vec![
            (
                "boxes".to_owned(),
                Tensor::from_values(&[1, 3, 4], boxes.as_flattened()),
            ),
            ("classes".to_owned(), tensor(&[1.0, 0.0, 0.0])),
            ("scores".to_owned(), tensor(&[0.5, 0.75, 0.125])),
            ("count".to_owned(), Tensor::from_values(&[1], &[3.0f32])),
        ];
        let labels = ["cat", "dog", "cow"].map(str::to_owned);
        let report = RunReport::new("serve", 0.5, &[], outputs, Some(&labels), Some(0)).unwrap();
        let text = report.text(Style::PLAIN);
        let at = text.find("\ndetections").unwrap();
        insta::assert_snapshot!(&text[at..], @r"

        detections  2 of 3 score ≥ 0.3
               score    top   left  bottom  right
          cat   0.75  0.000  0.000   1.000  0.400
          dog   0.50  0.100  0.200   0.500  0.600
        ");
        let json = serde_json::to_value(report.json()).unwrap();
        insta::assert_snapshot!(json["detections"][1], @r#"{"label":"dog","class":1,"score":0.5,"box":[0.10000000149011612,0.20000000298023224,0.5,0.6000000238418579]}"#);
    }
}

//! What a run changed in variables and tables: small ones by value, large ones by how far they moved.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;

use super::human;
use super::run::Nested;
use crate::error::Result;
use crate::feed;
use crate::model::{DType, Quantization, Shape, Tensor};
use crate::runtime::{Change, Changed};

/// Values of a variable that are told one by one, at most.
const SMALL: usize = 16;

/// A variable or table that a run changed.
#[derive(Debug)]
pub struct StateRow {
    pub name: String,
    /// `None` of a table.
    pub dtype: Option<DType>,
    pub shape: Vec<usize>,
    told: Told,
}

#[derive(Debug)]
enum Told {
    Entries {
        before: usize,
        after: usize,
    },
    /// One that had no value, or has none any more, is always told so.
    Variable {
        small: Option<[Option<Arc<Tensor>>; 2]>,
        moved: Option<Moved>,
        /// How many values it has.
        values: usize,
    },
}

/// How far the values moved that were there before and are there after; numbers where they are numbers.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
struct Moved {
    #[serde(skip_serializing_if = "Option::is_none")]
    mean: Option<Mean>,
    /// The largest change, with its sign.
    #[serde(skip_serializing_if = "Option::is_none")]
    largest_change: Option<f64>,
    /// How many values are others.
    changed: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Mean {
    before: f64,
    after: f64,
}

#[derive(Serialize)]
struct Json<'a> {
    name: &'a str,
    dtype: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    shape: Option<&'a [usize]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Value<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Value<'a>>,
    #[serde(flatten)]
    moved: Option<Moved>,
}

/// `null` where there is none.
#[derive(Serialize)]
#[serde(untagged)]
enum Value<'a> {
    Entries(usize),
    Tensor(Option<Nested<'a>>),
}

impl StateRow {
    /// Reads large variables whole.
    ///
    /// # Errors
    /// There is no memory for the real numbers of a quantized one.
    pub fn of(change: &Change) -> Result<StateRow> {
        let (before, after) = match &change.changed {
            Changed::Table { before, after } => {
                return Ok(StateRow {
                    name: change.name.to_string(),
                    dtype: None,
                    shape: Vec::new(),
                    told: Told::Entries {
                        before: *before,
                        after: *after,
                    },
                });
            }
            Changed::Variable { before, after } => (before, after),
        };
        let is = after.as_ref().or(before.as_ref());
        let (before, after) = (
            real(before.as_ref(), change.quantization.as_deref())?,
            real(after.as_ref(), change.quantization.as_deref())?,
        );
        let moved = match (&before, &after) {
            (Some(before), Some(after)) if before.shape() == after.shape() => {
                Some(moved(before, after))
            }
            _ => None,
        };
        let plain = |tensor: &Arc<Tensor>| {
            tensor.len() <= SMALL && tensor.lists().is_none() && tensor.handles().is_none()
        };
        let small = [&before, &after]
            .iter()
            .all(|v| v.as_ref().is_none_or(plain));
        Ok(StateRow {
            name: change.name.to_string(),
            dtype: is.map(|tensor| tensor.dtype()),
            shape: is.map_or_else(Vec::new, |tensor| tensor.shape().to_vec()),
            told: Told::Variable {
                values: is.map_or(0, |tensor| tensor.len()),
                small: small.then_some([before, after]),
                moved,
            },
        })
    }

    /// `float32 784×10`, `table`
    pub fn kind(&self) -> String {
        match self.dtype {
            Some(dtype) => format!("{dtype} {}", Shape::of(&self.shape))
                .trim_end()
                .to_owned(),
            None => "table".to_owned(),
        }
    }

    /// What became of it, in so many columns where it can be said in them.
    pub fn words(&self, room: usize) -> String {
        let mut wordings = self.wordings();
        let fits = |words: &String| words.chars().count() <= room;
        let at = wordings.iter().position(fits);
        let at = at.unwrap_or(wordings.len().saturating_sub(1));
        wordings.swap_remove(at)
    }

    /// The fullest first, the shortest last; there is always one.
    fn wordings(&self) -> Vec<String> {
        let (small, moved, values) = match &self.told {
            Told::Entries { before, after } => return vec![entries(*before, *after)],
            Told::Variable {
                small,
                moved,
                values,
            } => (small, moved, *values),
        };
        let mut wordings = Vec::new();
        if let Some([before, after]) = small {
            let value = |tensor: &Option<Arc<Tensor>>| match tensor {
                Some(tensor) => listed(tensor),
                None => "nothing".to_owned(),
            };
            wordings.push(format!("{} → {}", value(before), value(after)));
        }
        match moved {
            Some(moved) if small.is_none() || values > 1 => wordings.extend(moved.wordings(values)),
            _ if small.is_some() => {}
            _ => wordings.push("another value".to_owned()),
        }
        wordings
    }

    /// Values of small ones; of large ones how far they moved.
    pub fn json(&self) -> impl Serialize {
        let (dtype, shape) = match self.dtype {
            Some(dtype) => (dtype.to_string(), Some(&self.shape[..])),
            None => ("table".to_owned(), None),
        };
        let (before, after, moved) = match &self.told {
            Told::Entries { before, after } => (
                Some(Value::Entries(*before)),
                Some(Value::Entries(*after)),
                None,
            ),
            Told::Variable {
                small: Some([before, after]),
                ..
            } => (
                Some(Value::Tensor(before.as_deref().map(Nested::of))),
                Some(Value::Tensor(after.as_deref().map(Nested::of))),
                None,
            ),
            Told::Variable { moved, .. } => (None, None, *moved),
        };
        Json {
            name: &self.name,
            dtype,
            shape,
            before,
            after,
            moved,
        }
    }
}

impl Moved {
    fn wordings(&self, values: usize) -> Vec<String> {
        let mean = self.mean.map(|mean| {
            format!(
                "mean {} → {}",
                human::value(mean.before),
                human::value(mean.after)
            )
        });
        let most = self.largest_change.map(|by| {
            if by.is_nan() {
                return "some are NaN now or were".to_owned();
            }
            let sign = if by < 0.0 { "−" } else { "+" };
            format!("by {sign}{} at most", human::value(by.abs()))
        });
        let count = match self.changed == values {
            true => format!("all {}", human::exact(values as u64)),
            false => format!(
                "{} of {}",
                human::exact(self.changed as u64),
                human::exact(values as u64)
            ),
        };
        match (mean, most) {
            (Some(mean), Some(most)) => vec![
                format!("{mean}, {most}, {count} changed"),
                format!("{mean}, {most}"),
                most,
            ],
            _ => vec![format!("{count} changed")],
        }
    }
}

fn real(
    tensor: Option<&Arc<Tensor>>,
    quantization: Option<&Quantization>,
) -> Result<Option<Arc<Tensor>>> {
    let Some(tensor) = tensor else {
        return Ok(None);
    };
    Ok(Some(match feed::dequantized(tensor, quantization)? {
        Cow::Owned(real) => Arc::new(real),
        Cow::Borrowed(_) => tensor.clone(),
    }))
}

/// Of tensors of the same shape.
fn moved(before: &Tensor, after: &Tensor) -> Moved {
    let count = after.len();
    if let (Some(old), Some(new)) = (before.strings(), after.strings()) {
        let changed = old.iter().zip(new).filter(|(old, new)| old != new).count();
        return Moved {
            changed,
            ..Moved::default()
        };
    }
    let mut found = Moved::default();
    let (mut sums, mut largest) = ([0.0, 0.0], 0.0f64);
    for at in 0..count {
        let (Some(old), Some(new)) = (before.number(at), after.number(at)) else {
            return Moved {
                changed: count,
                ..Moved::default()
            };
        };
        sums = [sums[0] + old, sums[1] + new];
        let by = new - old;
        // What becomes NaN has moved farther than anything.
        if by.abs() > largest.abs() || by.is_nan() && old.is_nan() != new.is_nan() {
            largest = by;
        }
        found.changed += usize::from(old.to_bits() != new.to_bits());
    }
    if count > 0 && after.dtype() != DType::Bool {
        found.mean = Some(Mean {
            before: sums[0] / count as f64,
            after: sums[1] / count as f64,
        });
        found.largest_change = Some(largest);
    }
    found
}

/// `3 entries → 4`
fn entries(before: usize, after: usize) -> String {
    let word = if before == 1 { "entry" } else { "entries" };
    let count = |n: usize| human::exact(n as u64);
    match before == after {
        true => format!("{} {word}, with other values", count(after)),
        false => format!("{} {word} → {}", count(before), count(after)),
    }
}

/// `3`, `[1  2  3]`
fn listed(tensor: &Tensor) -> String {
    let each = |at: usize| match tensor.number(at) {
        Some(v) if tensor.dtype().is_float() => human::value(v),
        _ => tensor.element_text(at),
    };
    let all: Vec<String> = (0..tensor.len()).map(each).collect();
    match tensor.rank() {
        0 => all.concat(),
        _ => format!("[{}]", all.join("  ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, before: Option<Tensor>, after: Option<Tensor>) -> StateRow {
        let changed = Changed::Variable {
            before: before.map(Arc::new),
            after: after.map(Arc::new),
        };
        StateRow::of(&Change {
            name: name.into(),
            changed,
            quantization: None,
        })
        .unwrap()
    }

    fn rows() -> Vec<StateRow> {
        let many = |at: usize, v: f32| {
            let mut values = [0.5f32; 20];
            values[at] = v;
            Some(Tensor::from_values(&[4, 5], &values))
        };
        let text = |words: &str| Some(Tensor::from_strings(&[], vec![words.into()]));
        let scalar = |v: i64| Some(Tensor::from_values(&[], &[v]));
        let table = |before, after| {
            StateRow::of(&Change {
                name: "words".into(),
                changed: Changed::Table { before, after },
                quantization: None,
            })
            .unwrap()
        };
        vec![
            row("counter", scalar(3), scalar(4)),
            row("first", None, scalar(1)),
            row("text", text("a"), text("a!")),
            row("kernel", many(3, 1.0), many(3, -1.0)),
            row("broken", many(3, 1.0), many(3, f32::NAN)),
            table(1, 2),
            table(2, 2),
        ]
    }

    #[test]
    fn small_ones_are_told_by_value_and_large_ones_by_how_far_they_moved() {
        let lines: Vec<String> = (rows().iter())
            .map(|row| {
                format!(
                    "{} | {} | {}",
                    row.name,
                    row.kind(),
                    row.wordings().join(" | ")
                )
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        counter | int64 scalar | 3 → 4
        first | int64 scalar | nothing → 1
        text | string scalar | "a" → "a!"
        kernel | float32 4×5 | mean 0.525 → 0.425, by −2 at most, 1 of 20 changed | mean 0.525 → 0.425, by −2 at most | by −2 at most
        broken | float32 4×5 | mean 0.525 → NaN, some are NaN now or were, 1 of 20 changed | mean 0.525 → NaN, some are NaN now or were | some are NaN now or were
        words | table | 1 entry → 2
        words | table | 2 entries, with other values
        "#);
    }

    #[test]
    fn json_has_values_of_small_ones_only() {
        let lines: Vec<String> = (rows().iter())
            .map(|row| serde_json::to_string(&row.json()).unwrap())
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        {"name":"counter","dtype":"int64","shape":[],"before":3,"after":4}
        {"name":"first","dtype":"int64","shape":[],"before":null,"after":1}
        {"name":"text","dtype":"string","shape":[],"before":"a","after":"a!"}
        {"name":"kernel","dtype":"float32","shape":[4,5],"mean":{"before":0.525,"after":0.425},"largest_change":-2.0,"changed":1}
        {"name":"broken","dtype":"float32","shape":[4,5],"mean":{"before":0.525,"after":null},"largest_change":null,"changed":1}
        {"name":"words","dtype":"table","before":1,"after":2}
        {"name":"words","dtype":"table","before":2,"after":2}
        "#);
    }
}

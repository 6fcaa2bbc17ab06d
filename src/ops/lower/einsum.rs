//! Einsum of two operands as one product, with transposes and reshapes around it.

use super::matmul::multiply;
use super::{Call, Lowering};
use crate::error::{Error, Result};
use crate::model::ValueId;

/// Labels of the operands and the result: `abc,cd->abd`.
struct Equation {
    a: Vec<char>,
    b: Vec<char>,
    out: Vec<char>,
}

impl Equation {
    fn parse(text: &str) -> Option<Self> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let (inputs, out) = text.split_once("->")?;
        let (a, b) = inputs.split_once(',')?;
        let labels = |part: &str| -> Option<Vec<char>> {
            let labels: Vec<char> = part.chars().collect();
            let plain = labels.iter().all(char::is_ascii_alphabetic);
            let unique = labels
                .iter()
                .enumerate()
                .all(|(i, c)| !labels[..i].contains(c));
            (plain && unique).then_some(labels)
        };
        Some(Equation {
            a: labels(a)?,
            b: labels(b)?,
            out: labels(out)?,
        })
    }
}

pub fn lower(cx: &mut Lowering, call: &Call<'_>) -> Result<Vec<ValueId>> {
    let text = call.text("equation", "").to_owned();
    let refuse = || Error::unsupported(format!("einsum {text:?} has no TFLite operators"));
    let equation = Equation::parse(&text).ok_or_else(refuse)?;
    let Equation { a, b, out } = &equation;
    let pick = |from: &[char], wanted: &dyn Fn(char) -> bool| -> Vec<char> {
        from.iter().copied().filter(|&c| wanted(c)).collect()
    };
    let batch = pick(out, &|c| a.contains(&c) && b.contains(&c));
    let summed = pick(a, &|c| b.contains(&c) && !out.contains(&c));
    let free_a = pick(out, &|c| a.contains(&c) && !b.contains(&c));
    let free_b = pick(out, &|c| b.contains(&c) && !a.contains(&c));
    if batch.len() + free_a.len() + summed.len() != a.len()
        || batch.len() + free_b.len() + summed.len() != b.len()
        || batch.len() + free_a.len() + free_b.len() != out.len()
    {
        return Err(refuse());
    }
    let (x, y) = (call.arg(0)?, call.arg(1)?);
    let (x_dims, y_dims) = (cx.dims(x)?, cx.dims(y)?);
    if x_dims.len() != a.len() || y_dims.len() != b.len() {
        return Err(Error::unreadable(format!(
            "einsum {text:?} over other ranks"
        )));
    }
    let size = |label: char| {
        let of = |labels: &[char], dims: &[i64]| {
            labels.iter().position(|&c| c == label).map(|i| dims[i])
        };
        of(a, &x_dims)
            .filter(|s| *s >= 0)
            .or(of(b, &y_dims))
            .unwrap_or(-1)
    };
    let sizes = |labels: &[char]| labels.iter().map(|&c| size(c)).collect::<Vec<i64>>();
    let x = turned(cx, x, a, &[&batch[..], &free_a, &summed].concat())?;
    let y = turned(cx, y, b, &[&batch[..], &summed, &free_b].concat())?;
    let merged = |parts: [Vec<i64>; 2], batch: Vec<i64>| -> Vec<i64> {
        let mut dims = batch;
        dims.extend(parts.iter().map(|p| product(p)));
        dims
    };
    let x_to = merged([sizes(&free_a), sizes(&summed)], sizes(&batch));
    let y_to = merged([sizes(&summed), sizes(&free_b)], sizes(&batch));
    // A constant right side without batch takes any number of leading axes on the left as they are.
    let keeps = batch.is_empty() && summed.len() == 1 && cx.is_constant(y);
    let x = if keeps || free_a.len() == 1 && summed.len() == 1 {
        x
    } else {
        reshaped(cx, x, &x_to, &text)?
    };
    let y = if free_b.len() == 1 && summed.len() == 1 {
        y
    } else {
        reshaped(cx, y, &y_to, &text)?
    };
    let made = multiply(cx, x, y, false, false)?;
    let order = [&batch[..], &free_a, &free_b].concat();
    let full = sizes(&order);
    let made = if cx.rank(made)? == full.len() {
        made
    } else {
        reshaped(cx, made, &full, &text)?
    };
    Ok(vec![turned(cx, made, &order, out)?])
}

fn product(sizes: &[i64]) -> i64 {
    if sizes.contains(&-1) {
        -1
    } else {
        sizes.iter().product()
    }
}

fn reshaped(cx: &mut Lowering, x: ValueId, dims: &[i64], text: &str) -> Result<ValueId> {
    if dims.iter().filter(|d| **d < 0).count() > 1 {
        return Err(Error::unsupported(format!(
            "einsum {text:?} with more than one unknown size has no TFLite operators"
        )));
    }
    super::reshape::reshape_to(cx, x, dims)
}

fn turned(cx: &mut Lowering, x: ValueId, from: &[char], to: &[char]) -> Result<ValueId> {
    if from == to {
        return Ok(x);
    }
    let order: Option<Vec<i64>> = to
        .iter()
        .map(|c| from.iter().position(|f| f == c).map(|i| i as i64))
        .collect();
    let order = order.ok_or_else(|| Error::unreadable("an einsum label without a source"))?;
    cx.transpose(x, &order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_labels_and_ellipses_are_not_one_product() {
        assert!(Equation::parse("ab,bc->ac").is_some());
        assert!(Equation::parse("aab,bc->ac").is_none());
        assert!(Equation::parse("...b,bc->...c").is_none());
        assert!(Equation::parse("ab->ba").is_none());
    }
}

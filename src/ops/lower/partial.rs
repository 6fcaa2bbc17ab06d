//! Shape arithmetic element by element: what is known of small integer values although the whole is not constant.
//!
//! `pack(shape(x)[0], 784)` has one unknown element and one known one; a reshape to it is a reshape to `[-1, 784]`.

use super::shapes::Arg;
use crate::model::{Attrs, DType, Shape, Value};

type Elements = Vec<Option<i64>>;

/// Values with more elements than this are no shapes.
const MOST: usize = 256;

pub fn constant_elements(value: &Value) -> Option<Elements> {
    value.data.as_ref()?;
    if !matches!(value.dtype, DType::Int32 | DType::Int64) || value.stored_shape.elements()? > MOST
    {
        return None;
    }
    let tensor = value.read()?.ok()?;
    Some(match tensor.values::<i64>() {
        Some(values) => values.iter().map(|&v| Some(v)).collect(),
        None => tensor
            .values::<i32>()?
            .iter()
            .map(|&v| Some(i64::from(v)))
            .collect(),
    })
}

/// What is known of the only result of `op`.
pub fn elements(
    op: &str,
    args: &[Option<Arg>],
    attrs: &Attrs,
    results: &[(DType, Shape)],
) -> Option<Elements> {
    let [(dtype, shape)] = results else {
        return None;
    };
    if !matches!(dtype, DType::Int32 | DType::Int64) || shape.elements().is_none_or(|n| n > MOST) {
        return None;
    }
    let first = args.first()?.as_ref()?;
    let known = match op {
        "SHAPE" => first
            .shape
            .dims()?
            .iter()
            .map(|&d| (d >= 0).then_some(d))
            .collect(),
        "CAST" | "RESHAPE" | "SQUEEZE" | "EXPAND_DIMS" => first.known.clone()?,
        "PACK" if shape.rank() == Some(1) => joined(args)?,
        "CONCATENATION" if shape.rank() == Some(1) => joined(args)?,
        "STRIDED_SLICE" => strided(args, attrs)?,
        "SLICE" => {
            let begin = usize::try_from(all(args.get(1)?)?.first().copied()?).ok()?;
            let count = shape.elements()?;
            first
                .known
                .as_ref()?
                .get(begin..begin.checked_add(count)?)?
                .to_vec()
        }
        "GATHER" if first.shape.rank() == Some(1) => {
            let from = first.known.as_ref()?;
            all(args.get(1)?)?
                .iter()
                .map(|&i| from.get(usize::try_from(i).ok()?).copied())
                .collect::<Option<_>>()?
        }
        "REDUCE_PROD" if shape.rank() == Some(0) => {
            let product = first
                .known
                .as_ref()?
                .iter()
                .try_fold(1i64, |n, &v| n.checked_mul(v?));
            vec![product]
        }
        "NEG" => first
            .known
            .as_ref()?
            .iter()
            .map(|v| v.and_then(i64::checked_neg))
            .collect(),
        "ADD" | "SUB" | "MUL" | "DIV" | "FLOOR_DIV" | "FLOOR_MOD" | "MAXIMUM" | "MINIMUM" => {
            pairwise(op, first, args.get(1)?.as_ref()?)?
        }
        _ => return None,
    };
    (Some(known.len()) == shape.elements()).then_some(known)
}

fn all(arg: &Option<Arg>) -> Option<Vec<i64>> {
    arg.as_ref()?.known.as_ref()?.iter().copied().collect()
}

/// One after another; parts of a known length may have unknown elements.
fn joined(args: &[Option<Arg>]) -> Option<Elements> {
    let mut out = Vec::new();
    for arg in args {
        let arg = arg.as_ref()?;
        match &arg.known {
            Some(known) => out.extend_from_slice(known),
            None => {
                let count = arg.shape.elements().filter(|n| out.len() + n <= MOST)?;
                out.resize(out.len() + count, None);
            }
        }
    }
    Some(out)
}

fn strided(args: &[Option<Arg>], attrs: &Attrs) -> Option<Elements> {
    let from = args.first()?.as_ref()?;
    if from.shape.rank() != Some(1) || attrs.int("ellipsis_mask").unwrap_or(0) != 0 {
        return None;
    }
    let known = from.known.as_ref()?;
    let size = known.len() as i64;
    let (begin, end, stride) = (all(args.get(1)?)?, all(args.get(2)?)?, all(args.get(3)?)?);
    let (begin, end, stride) = (*begin.first()?, *end.first()?, *stride.first()?);
    let place = |bound: i64| if bound < 0 { bound + size } else { bound };
    let mask = |name: &str| attrs.int(name).unwrap_or(0) & 1 == 1;
    if mask("shrink_axis_mask") {
        return Some(vec![*known.get(usize::try_from(place(begin)).ok()?)?]);
    }
    if stride <= 0 {
        return None;
    }
    let begin = if mask("begin_mask") {
        0
    } else {
        place(begin).clamp(0, size)
    };
    let end = if mask("end_mask") {
        size
    } else {
        place(end).clamp(0, size)
    };
    let picked = (begin..end).step_by(usize::try_from(stride).ok()?);
    Some(
        picked
            .filter_map(|i| known.get(i as usize).copied())
            .collect(),
    )
}

fn pairwise(op: &str, a: &Arg, b: &Arg) -> Option<Elements> {
    let (x, y) = (a.known.as_ref()?, b.known.as_ref()?);
    let count = x.len().max(y.len());
    if (x.len() != count && x.len() != 1) || (y.len() != count && y.len() != 1) {
        return None;
    }
    let at = |list: &[Option<i64>], i: usize| list[if list.len() == 1 { 0 } else { i }];
    let apply = |a: i64, b: i64| match op {
        "ADD" => a.checked_add(b),
        "SUB" => a.checked_sub(b),
        "MUL" => a.checked_mul(b),
        "DIV" => a.checked_div(b),
        "FLOOR_DIV" => (b != 0).then(|| (a as f64 / b as f64).floor() as i64),
        "FLOOR_MOD" => (b != 0).then(|| ((a % b) + b) % b),
        "MAXIMUM" => Some(a.max(b)),
        "MINIMUM" => Some(a.min(b)),
        _ => None,
    };
    let pair = |i: usize| apply(at(x, i)?, at(y, i)?);
    Some((0..count).map(pair).collect())
}

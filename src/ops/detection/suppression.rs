//! Boxes of one class: `NonMaxSuppression` in all its versions. TensorFlow drops a box that overlaps a better one by more
//! than the limit, TensorFlow Lite one that overlaps it by as much.

use super::super::types::with_type;
use super::super::{Context, Fact, Prepared, View};
use super::{input, most};
use crate::error::{Error, Result};
use crate::kernels::boxes::{Limits, overlap, suppress};
use crate::kernels::elementwise::number::Number;
use crate::model::{DType, Element, Shape, Tensor};

/// Which of its versions a node is.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Form {
    /// Input 0 says how far each box overlaps each other.
    told: bool,
    /// The overlap is an attribute.
    limit: Option<f32>,
    /// Scores have a limit, in input 4.
    least: bool,
    /// Boxes lose score, by input 5, and scores come out.
    soft: bool,
    /// How many stay comes out.
    counts: bool,
    /// As many indices come out as were asked for, 0 behind those that stay.
    pads: bool,
    at_least: bool,
}

impl Form {
    fn of(cx: &Context) -> Self {
        let op = &*cx.node.op;
        let version = match op.bytes().last() {
            Some(digit @ b'2'..=b'5') => digit - b'0',
            _ => 1,
        };
        let told = op == "NonMaxSuppressionWithOverlaps";
        let limit = (version == 1 && !told).then(|| cx.attr_float("iou_threshold", 0.5) as f32);
        Form {
            told,
            limit,
            least: version > 2 || told,
            soft: version == 5,
            counts: version > 3,
            pads: cx.tflite() || version > 3 && cx.attr_bool("pad_to_max_output_size"),
            at_least: cx.tflite(),
        }
    }
}

pub(super) fn infer(cx: &Context) -> Result<Vec<Fact>> {
    let form = Form::of(cx);
    let count = match cx.int(2)? {
        Some(most) if most < 0 => return Err(cx.wrong(format!("at most {most} boxes"))),
        Some(most) if form.pads => most,
        _ => -1,
    };
    let list = |dtype| Fact::new(dtype, Shape(Some(vec![count])));
    let mut facts = vec![list(DType::Int32)];
    if form.soft {
        facts.push(list(cx.dtype(1)?));
    }
    if form.counts {
        facts.push(Fact::fixed(DType::Int32, &[]));
    }
    Ok(facts)
}

pub(super) fn prepare(cx: &Context) -> Result<Prepared> {
    let form = Form::of(cx);
    let (of, scores) = (cx.sizes(0)?, cx.sizes(1)?);
    let fits = match (&of[..], &scores[..]) {
        (&[a, b], &[count]) => a == count && b == if form.told { count } else { 4 },
        _ => false,
    };
    if !fits {
        let what = if form.told { "overlaps" } else { "boxes" };
        return Err(cx.wrong(format!("{what} of {of:?} with scores of {scores:?}")));
    }
    let dtype = cx.dtype(0)?;
    with_type!(dtype, T in [Float32: f32, Float16: half::f16] => {
        Prepared::compute(move |inputs| run::<T>(form, inputs))
    }, else Err(cx.no_kernel(dtype)))
}

/// One number, of either type that limits may have.
fn number<T: Number>(inputs: &[Option<View<'_>>], at: usize) -> Result<T> {
    let view = input(inputs, at)?;
    let first = match view.dtype {
        DType::Float16 => view.values::<half::f16>()?.first().map(|v| v.to_f64()),
        _ => view.values::<f32>()?.first().map(|&v| f64::from(v)),
    };
    let first = first.ok_or_else(|| Error::usage(format!("input {at} is empty")))?;
    Ok(T::from_f64(first))
}

fn run<T: Number + Element>(form: Form, inputs: &[Option<View<'_>>]) -> Result<Vec<Tensor>> {
    let most = most(inputs, 2)?;
    let number = |at: usize, read: bool, without: T| match read {
        true => number::<T>(inputs, at),
        false => Ok(without),
    };
    let limits = Limits {
        most,
        overlap: match form.limit {
            Some(limit) => T::from_f64(f64::from(limit)),
            None => number(3, true, T::ZERO)?,
        },
        score: number(4, form.least, T::lowest())?,
        sigma: number(5, form.soft, T::ZERO)?,
        at_least: form.at_least,
    };
    let share = limits.overlap.to_f64();
    if limits.sigma < T::ZERO || !form.told && !(0.0..=1.0).contains(&share) {
        let sigma = limits.sigma.to_f64();
        return Err(Error::usage(format!(
            "an overlap of {share} and a sigma of {sigma}"
        )));
    }
    let (values, scores) = (
        input(inputs, 0)?.values::<T>()?,
        input(inputs, 1)?.values()?,
    );
    let kept = if form.told {
        suppress(|a, b| values[a * scores.len() + b], scores, limits)
    } else {
        let boxes: &[[T; 4]] = values.as_chunks().0;
        suppress(|a, b| overlap(&boxes[a], &boxes[b]), scores, limits)
    };
    let room = if form.pads { most } else { kept.len() };
    let mut indices = Tensor::zeros(DType::Int32, &[room])?;
    for (index, kept) in indices.values_mut::<i32>().into_iter().flatten().zip(&kept) {
        *index = kept.0 as i32;
    }
    let mut outputs = vec![indices];
    if form.soft {
        let mut scores = Tensor::zeros(T::DTYPE, &[room])?;
        for (score, kept) in scores.values_mut::<T>().into_iter().flatten().zip(&kept) {
            *score = kept.1;
        }
        outputs.push(scores);
    }
    if form.counts {
        outputs.push(Tensor::from_values(&[], &[kept.len() as i32]));
    }
    Ok(outputs)
}

//! `CombinedNonMaxSuppression`: the boxes of each class suppressed, then the best of all classes, image by image.

use super::super::{Context, Fact, Prepared, View};
use super::{input, most};
use crate::error::{Error, Result};
use crate::kernels::boxes::{Corners, Limits, overlap, suppress};
use crate::model::{DType, Shape, Tensor};

#[derive(Debug, Clone, Copy)]
struct Form {
    /// Only as many places as the classes can fill.
    per_class: bool,
    /// Corners are cut to 0..1.
    clips: bool,
}

/// Boxes `[batch, places, 4]`, scores and classes `[batch, places]`, how many stay `[batch]`.
pub(super) fn infer(cx: &Context) -> Result<Vec<Fact>> {
    let dims = cx.shape(1)?.dims();
    let batch = dims.map_or(-1, |dims| dims[0]);
    let classes = dims.map_or(-1, |dims| dims.get(2).copied().unwrap_or(-1));
    let each = cx.int(2)?.filter(|_| classes >= 0);
    let places = match (cx.int(3)?, cx.attr_bool("pad_per_class")) {
        (Some(total), false) => total,
        (Some(total), true) => each.map_or(-1, |each| total.min(each.saturating_mul(classes))),
        (None, _) => -1,
    };
    let real = |dims: &[i64]| Fact::new(DType::Float32, Shape(Some(dims.to_vec())));
    let list = real(&[batch, places]);
    Ok(vec![
        real(&[batch, places, 4]),
        list.clone(),
        list,
        Fact::new(DType::Int32, Shape(Some(vec![batch]))),
    ])
}

/// Inputs: boxes `[batch, boxes, classes or 1, 4]`, scores `[batch, boxes, classes]`.
pub(super) fn prepare(cx: &Context) -> Result<Prepared> {
    let (boxes, scores) = (cx.sizes(0)?, cx.sizes(1)?);
    let fits = match (&boxes[..], &scores[..]) {
        (&[b, n, q, 4], &[batch, count, classes]) => {
            (b, n) == (batch, count) && (q == 1 || q == classes)
        }
        _ => false,
    };
    if !fits {
        return Err(cx.wrong(format!("boxes of {boxes:?} with scores of {scores:?}")));
    }
    let form = Form {
        per_class: cx.attr_bool("pad_per_class"),
        clips: cx.node.attrs.bool("clip_boxes").unwrap_or(true),
    };
    let sizes = [scores[0], scores[1], scores[2]];
    Prepared::compute(move |inputs| run(form, sizes, inputs))
}

fn run(
    form: Form,
    [batch, count, classes]: [usize; 3],
    inputs: &[Option<View<'_>>],
) -> Result<Vec<Tensor>> {
    let (each, total) = (most(inputs, 2)?, most(inputs, 3)?);
    let number = |at: usize| -> Result<f32> {
        let first = input(inputs, at)?.values::<f32>()?.first().copied();
        first.ok_or_else(|| Error::usage(format!("input {at} is empty")))
    };
    let limits = Limits {
        most: each.min(count),
        overlap: number(4)?,
        score: number(5)?,
        sigma: 0.0,
        at_least: false,
    };
    let places = match form.per_class {
        true => total.min(each.saturating_mul(classes)),
        false => total,
    };
    let boxes: &[Corners] = input(inputs, 0)?.values::<f32>()?.as_chunks().0;
    let scores = input(inputs, 1)?.values::<f32>()?;
    let mut corners = Tensor::zeros(DType::Float32, &[batch, places, 4])?;
    let mut best = Tensor::zeros(DType::Float32, &[batch, places])?;
    let mut class_of = best.clone();
    let mut counts = Vec::with_capacity(batch);
    for at in 0..batch {
        let within = |values: usize| at * count * values..(at + 1) * count * values;
        let shared = boxes.len() / (batch * count).max(1);
        let boxes = &boxes[within(shared)];
        let found = of_image(boxes, &scores[within(classes)], classes, limits);
        counts.push(found.len().min(places) as i32);
        for (place, (corner, class, score)) in found.into_iter().take(places).enumerate() {
            let place = at * places + place;
            let corner = match form.clips {
                true => corner.map(|v| v.clamp(0.0, 1.0)),
                false => corner,
            };
            if let Some(corners) = corners.values_mut::<f32>() {
                corners[4 * place..][..4].copy_from_slice(&corner);
            }
            for (tensor, value) in [(&mut best, score), (&mut class_of, class as f32)] {
                if let Some(values) = tensor.values_mut::<f32>() {
                    values[place] = value;
                }
            }
        }
    }
    let counts = Tensor::from_values(&[batch], &counts);
    Ok(vec![corners, best, class_of, counts])
}

/// Box, class and score of what stays of every class, best first.
fn of_image(
    boxes: &[Corners],
    scores: &[f32],
    classes: usize,
    limits: Limits<f32>,
) -> Vec<(Corners, usize, f32)> {
    let count = scores.len() / classes.max(1);
    let shared = boxes.len() / count.max(1);
    let mut found = Vec::new();
    for class in 0..classes {
        let own: Vec<f32> = scores
            .iter()
            .skip(class)
            .step_by(classes)
            .copied()
            .collect();
        let corners = |at: usize| &boxes[at * shared + if shared > 1 { class } else { 0 }];
        let kept = suppress(|a, b| overlap(corners(a), corners(b)), &own, limits);
        found.extend(
            kept.into_iter()
                .map(|(at, score)| (*corners(at), class, score)),
        );
    }
    // Equal scores stay in the order of classes.
    found.sort_by(|a, b| b.2.total_cmp(&a.2));
    found
}

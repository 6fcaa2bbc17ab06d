//! `TFLite_Detection_PostProcess`: codes against anchors to boxes, and which of them stay, class by class or by the best
//! class.

use super::super::{Context, Fact, Prepared, View};
use super::input;
use crate::error::{Error, Result};
use crate::kernels::boxes::{Corners, Limits, decode, suppress_hard};
use crate::model::{DType, Tensor};

/// Options of `TFLite_Detection_PostProcess`, keys of a flexbuffer map.
#[derive(Debug, Clone, Copy)]
struct Options {
    most: usize,
    /// Classes of a box that are told, best first.
    classes_each: usize,
    /// Boxes of a class, where classes are suppressed one by one.
    per_class: usize,
    one_by_one: bool,
    classes: usize,
    score: f32,
    overlap: f32,
    scales: Corners,
}

impl Options {
    fn of(cx: &Context) -> Result<Self> {
        let count = |name: &str, default: i64| match cx.attr_int(name, default) {
            count @ 1..=0xff_ffff => Ok(count as usize),
            other => Err(cx.wrong(format!("{name} is {other}"))),
        };
        let real = |name: &str| cx.attr_float(name, 0.0) as f32;
        let options = Options {
            most: count("max_detections", 0)?,
            classes_each: count("max_classes_per_detection", 0)?,
            per_class: count("detections_per_class", 100)?,
            one_by_one: cx.attr_bool("use_regular_nms"),
            classes: count("num_classes", 0)?,
            score: real("nms_score_threshold"),
            overlap: real("nms_iou_threshold"),
            scales: ["y_scale", "x_scale", "h_scale", "w_scale"].map(real),
        };
        if !(options.overlap > 0.0 && options.overlap <= 1.0) || options.scales.contains(&0.0) {
            return Err(cx.wrong(format!(
                "nms_iou_threshold is {}, the scales are {:?}",
                options.overlap, options.scales
            )));
        }
        Ok(options)
    }

    fn limits(&self, most: usize) -> Limits {
        Limits {
            most,
            overlap: self.overlap,
            score: self.score,
            sigma: 0.0,
            at_least: false,
        }
    }

    fn outputs(&self) -> usize {
        self.most * self.classes_each
    }
}

/// Boxes `[1, n, 4]`, classes `[1, n]`, scores `[1, n]`, count `[1]`, all in float.
pub(super) fn infer(cx: &Context) -> Result<Vec<Fact>> {
    let count = Options::of(cx)?.outputs();
    let sizes: [&[usize]; 4] = [&[1, count, 4], &[1, count], &[1, count], &[1]];
    Ok(sizes
        .iter()
        .map(|sizes| Fact::fixed(DType::Float32, sizes))
        .collect())
}

/// Inputs: codes `[1, N, 4 or more]`, scores `[1, N, classes]` with or without a background before them, anchors
/// `[N, 4]`; float, or uint8 with a scale.
pub(super) fn prepare(cx: &Context) -> Result<Prepared> {
    let options = Options::of(cx)?;
    let (codes, scores, anchors) = (cx.sizes(0)?, cx.sizes(1)?, cx.sizes(2)?);
    let columns = match (&codes[..], &scores[..], &anchors[..]) {
        (&[1, a, code], &[1, b, columns], &[c, 4]) if a == b && b == c && code >= 4 => {
            Some((code, columns))
        }
        _ => None,
    };
    let with_background =
        |columns: usize| columns == options.classes || columns == options.classes + 1;
    let Some((code, columns)) = columns.filter(|(_, columns)| with_background(*columns)) else {
        return Err(cx.wrong(format!(
            "codes of {codes:?}, scores of {scores:?}, anchors of {anchors:?} for {} classes",
            options.classes
        )));
    };
    let mut scales = [(1.0, 0); 3];
    for (at, scale) in scales.iter_mut().enumerate() {
        match cx.dtype(at)? {
            DType::Float32 => {}
            DType::UInt8 => *scale = cx.scale(at)?,
            other => return Err(cx.no_kernel(other)),
        }
    }
    Prepared::compute(move |inputs| {
        let real = |at: usize| real(&input(inputs, at)?, scales[at]);
        let (codes, scores, anchors) = (real(0)?, real(1)?, real(2)?);
        let codes = codes.chunks_exact(code).map(|c| [c[0], c[1], c[2], c[3]]);
        let anchors: &[Corners] = anchors.as_chunks().0;
        let boxes: Vec<Corners> = codes
            .zip(anchors)
            .map(|(code, anchor)| decode(&code, anchor, &options.scales))
            .collect();
        if boxes.iter().any(|c| c[0] > c[2] || c[1] > c[3]) {
            return Err(Error::usage("a box whose corners are swapped"));
        }
        let found = if options.one_by_one {
            class_by_class(&options, &boxes, &scores, columns)
        } else {
            by_best_class(&options, &boxes, &scores, columns)
        };
        found.tensors(&options, &boxes)
    })
}

fn real(view: &View, (scale, zero): (f32, i32)) -> Result<Vec<f32>> {
    if view.dtype == DType::Float32 {
        return Ok(view.values::<f32>()?.to_vec());
    }
    let values = view.values::<u8>()?.iter();
    Ok(values
        .map(|&v| scale * (i32::from(v) - zero) as f32)
        .collect())
}

/// What was found: by place among the outputs, the box, the class, the score.
struct Found {
    places: Vec<(usize, usize, usize, f32)>,
    count: usize,
}

impl Found {
    fn tensors(&self, options: &Options, boxes: &[Corners]) -> Result<Vec<Tensor>> {
        let count = options.outputs();
        let mut corners = vec![0f32; count * 4];
        let (mut classes, mut scores) = (vec![0f32; count], vec![0f32; count]);
        for &(place, index, class, score) in &self.places {
            corners[4 * place..4 * place + 4].copy_from_slice(&boxes[index]);
            (classes[place], scores[place]) = (class as f32, score);
        }
        Ok(vec![
            Tensor::from_values(&[1, count, 4], &corners),
            Tensor::from_values(&[1, count], &classes),
            Tensor::from_values(&[1, count], &scores),
            Tensor::from_values(&[1], &[self.count as f32]),
        ])
    }
}

/// Suppresses boxes by the score of their best class.
fn by_best_class(options: &Options, boxes: &[Corners], scores: &[f32], columns: usize) -> Found {
    let first = columns - options.classes;
    let classes_each = options.classes_each.min(options.classes);
    let best: Vec<Vec<usize>> = scores
        .chunks_exact(columns)
        .map(|row| {
            let row = &row[first..];
            let mut order: Vec<usize> = (0..row.len()).collect();
            order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
            order.truncate(classes_each);
            order
        })
        .collect();
    let score = |index: usize, class: usize| scores[index * columns + first + class];
    let most: Vec<f32> = best
        .iter()
        .enumerate()
        .map(|(index, best)| score(index, best[0]))
        .collect();
    let kept = suppress_hard(boxes, &most, options.limits(options.most));
    let places = kept.iter().enumerate().flat_map(|(place, &index)| {
        let classes = best[index].iter().enumerate();
        classes.map(move |(at, &class)| {
            (
                place * options.classes_each + at,
                index,
                class,
                score(index, class),
            )
        })
    });
    Found {
        places: places.collect(),
        count: kept.len(),
    }
}

/// Suppresses the boxes of each class, then takes the best of all.
fn class_by_class(options: &Options, boxes: &[Corners], scores: &[f32], columns: usize) -> Found {
    let first = columns - options.classes;
    let mut all: Vec<(usize, usize, f32)> = Vec::new();
    for class in 0..options.classes {
        let own: Vec<f32> = scores
            .chunks_exact(columns)
            .map(|row| row[first + class])
            .collect();
        let kept = suppress_hard(
            boxes,
            &own,
            options.limits(options.per_class.min(options.most)),
        );
        all.extend(kept.into_iter().map(|index| (index, class, own[index])));
        // Equal scores stay in the order of classes.
        all.sort_by(|a, b| b.2.total_cmp(&a.2));
        all.truncate(options.most);
    }
    let places = all.iter().enumerate();
    Found {
        places: places
            .map(|(place, &(index, class, score))| (place, index, class, score))
            .collect(),
        count: all.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: Options = Options {
        most: 3,
        classes_each: 1,
        per_class: 3,
        one_by_one: false,
        classes: 2,
        score: 0.1,
        overlap: 0.5,
        scales: [1.0; 4],
    };
    const BOXES: [Corners; 3] = [
        [0.0, 0.0, 1.0, 1.0],
        [0.0, 0.0, 1.0, 0.9],
        [2.0, 2.0, 3.0, 3.0],
    ];
    /// Background, then two classes.
    const SCORES: [f32; 9] = [0.0, 0.9, 0.2, 0.0, 0.3, 0.8, 0.9, 0.05, 0.4];

    #[test]
    fn a_box_loses_to_another_class_or_only_to_its_own() {
        let found = by_best_class(&OPTIONS, &BOXES, &SCORES, 3);
        assert_eq!(found.places, [(0, 0, 0, 0.9), (1, 2, 1, 0.4)]);
        let found = class_by_class(&OPTIONS, &BOXES, &SCORES, 3);
        assert_eq!(
            found.places,
            [(0, 0, 0, 0.9), (1, 1, 1, 0.8), (2, 2, 1, 0.4)]
        );
        assert_eq!(found.count, 3);
    }
}

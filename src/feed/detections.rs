//! Outputs that together say what a detector saw and where.

use crate::model::Tensor;
use crate::sort;

/// One thing seen.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Detection {
    /// As the model counts them.
    pub class: usize,
    /// 0 to 1.
    pub score: f64,
    /// Top, left, bottom and right: parts of the image's height and width, or pixels ([`Detections::in_pixels`]).
    #[serde(rename = "box")]
    pub edges: [f64; 4],
}

/// What a detector saw in the first image of the batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Detections {
    /// The highest score first.
    pub found: Vec<Detection>,
    pub in_pixels: bool,
    /// The class that the first label is for.
    first_class: usize,
}

/// Scores from which on a detection is worth a look, and how many are looked at where none is.
const CERTAIN: f64 = 0.3;
const FEW: usize = 3;
/// No detector gives more; longer lists are raw predictions.
const MOST: usize = 10_000;
/// Parts of an image reach a little beyond it; edges farther out are pixels.
const PARTS: f64 = 2.0;

/// The outputs that are boxes, classes, scores and, where there is one, the count.
struct Roles<'t> {
    boxes: &'t Tensor,
    classes: &'t Tensor,
    scores: &'t Tensor,
    count: Option<&'t Tensor>,
    first_class: usize,
}

/// What the outputs of a run (real numbers, by name) say of things seen; `None` if they are no detector's.
///
/// They are where one of these holds:
/// - Outputs are named as the SavedModels of TensorFlow's object detection API name them: `detection_boxes`,
///   `detection_classes` (from 1 on) and `detection_scores`, with or without `num_detections`.
/// - Four outputs are shaped as those of `TFLite_Detection_PostProcess` and `CombinedNonMaxSuppression`, and no others
///   are shaped so: boxes `[1, n, 4]`, two `[1, n]`, a count `[1]` that is a whole number up to n. They stand in any order,
///   as converters change it. Of the two the one with fractions holds the scores; where neither has, names with `score`
///   or `class` decide, at last that the operator of TFLite gives classes first.
///
/// In both the boxes are `[1, n, 4]` or `[n, 4]` as ymin, xmin, ymax, xmax, the scores lie within 0 and 1, the classes
/// are whole, and no box that counts has its ends exchanged.
pub fn detections(outputs: &[(&str, &Tensor)]) -> Option<Detections> {
    let roles = by_name(outputs).or_else(|| by_shape(outputs))?;
    let all = rows_of_boxes(roles.boxes)?;
    let count = match roles.count {
        Some(count) => count.number(0)? as usize,
        None => all,
    };
    let mut found = Vec::with_capacity(count.min(all));
    for at in 0..count.min(all) {
        let edge = |side: usize| roles.boxes.number(at * 4 + side).filter(|v| v.is_finite());
        let edges = [edge(0)?, edge(1)?, edge(2)?, edge(3)?];
        let (class, score) = (roles.classes.number(at)?, roles.scores.number(at)?);
        if !is_score(score) || !is_class(class) || edges[0] > edges[2] || edges[1] > edges[3] {
            return None;
        }
        found.push(Detection {
            class: class as usize,
            score,
            edges,
        });
    }
    sort::by(&mut found, |a, b| b.score.total_cmp(&a.score));
    let farthest = found.iter().flat_map(|d| d.edges).fold(0.0, f64::max);
    Some(Detections {
        in_pixels: farthest > PARTS,
        found,
        first_class: roles.first_class,
    })
}

impl Detections {
    /// Those with a score of 0.3 or more; the first few where none has it.
    pub fn certain(&self) -> &[Detection] {
        match self.sure() {
            0 => &self.found[..self.found.len().min(FEW)],
            sure => &self.found[..sure],
        }
    }

    /// How many have a score of 0.3 or more.
    pub fn sure(&self) -> usize {
        self.found.iter().take_while(|d| d.score >= CERTAIN).count()
    }

    /// The name of a class, and its number where there is none.
    pub fn label(&self, class: usize, labels: Option<&[String]>) -> String {
        /// What stands at 0 where labels are counted from 1.
        const NOTHING: [&str; 4] = ["???", "background", "__background__", "bg"];
        let labels = labels.unwrap_or_default();
        let has_nothing = labels
            .first()
            .is_some_and(|l| NOTHING.contains(&l.as_str()));
        let first = if has_nothing { 0 } else { self.first_class };
        let label = class.checked_sub(first).and_then(|at| labels.get(at));
        label
            .filter(|l| !l.is_empty())
            .cloned()
            .unwrap_or_else(|| format!("class {class}"))
    }
}

fn is_score(v: f64) -> bool {
    (-1e-6..=1.0 + 1e-3).contains(&v)
}

fn is_class(v: f64) -> bool {
    v >= 0.0 && v.fract() == 0.0 && v < 1e6
}

/// How many boxes `[1, n, 4]` or `[n, 4]` holds.
fn rows_of_boxes(tensor: &Tensor) -> Option<usize> {
    match *tensor.shape() {
        [1, n, 4] | [n, 4] if (1..=MOST).contains(&n) => Some(n),
        _ => None,
    }
}

fn is_list(tensor: &Tensor, rows: usize) -> bool {
    matches!(*tensor.shape(), [1, n] | [n] if n == rows)
}

fn by_name<'t>(outputs: &[(&str, &'t Tensor)]) -> Option<Roles<'t>> {
    let named = |name: &str| {
        let found = outputs.iter().find(|(n, _)| *n == name);
        found.map(|(_, tensor)| *tensor)
    };
    let boxes = named("detection_boxes")?;
    let rows = rows_of_boxes(boxes)?;
    let list = |name| named(name).filter(|t| is_list(t, rows));
    Some(Roles {
        boxes,
        classes: list("detection_classes")?,
        scores: list("detection_scores")?,
        count: named("num_detections").filter(|t| t.len() == 1),
        first_class: 1,
    })
}

fn by_shape<'t>(outputs: &[(&str, &'t Tensor)]) -> Option<Roles<'t>> {
    let mut boxes = outputs.iter().filter(|(_, t)| rows_of_boxes(t).is_some());
    let (boxes, None) = (boxes.next()?.1, boxes.next()) else {
        return None;
    };
    let rows = rows_of_boxes(boxes)?;
    let others = || outputs.iter().filter(|(_, t)| !std::ptr::eq(*t, boxes));
    // Of a list of one, and the count, the list has two axes.
    let is_count = |t: &Tensor| t.rank() <= 1 && t.len() == 1;
    let mut counts = others().filter(|(_, t)| is_count(t) && (rows > 1 || t.rank() < 2));
    let (count, None) = (counts.next()?.1, counts.next()) else {
        return None;
    };
    let whole = count.number(0)?;
    if whole.fract() != 0.0 || !(0.0..=rows as f64).contains(&whole) {
        return None;
    }
    let lists = others().filter(|(_, t)| is_list(t, rows) && !std::ptr::eq(*t, count));
    let lists: Vec<&(&str, &Tensor)> = lists.collect();
    let [first, second] = lists[..] else {
        return None;
    };
    let all = |t: &Tensor, is: fn(f64) -> bool| {
        (0..whole as usize).all(|at| t.number(at).is_some_and(is))
    };
    let may_be =
        |classes: &Tensor, scores: &Tensor| all(classes, is_class) && all(scores, is_score);
    let has = |name: &str, word: &str| name.to_ascii_lowercase().contains(word);
    let (classes, scores) = match (may_be(first.1, second.1), may_be(second.1, first.1)) {
        (false, false) => return None,
        (true, false) => (first, second),
        (false, true) => (second, first),
        (true, true) if has(first.0, "score") || has(second.0, "class") => (second, first),
        (true, true) => (first, second),
    };
    Some(Roles {
        boxes,
        classes: classes.1,
        scores: scores.1,
        count: Some(count),
        first_class: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxes() -> Tensor {
        let edges = [
            [0.1f32, 0.2, 0.5, 0.6],
            [0.0, 0.0, 1.02, 0.4],
            [0.3, 0.3, 0.4, 0.4],
        ];
        Tensor::from_values(&[1, 3, 4], edges.as_flattened())
    }

    fn row(values: [f32; 3]) -> Tensor {
        Tensor::from_values(&[1, 3], &values)
    }

    fn count(of: f32) -> Tensor {
        Tensor::from_values(&[1], &[of])
    }

    #[test]
    fn outputs_are_told_apart_in_any_order() {
        let (boxes, classes, scores, count) = (
            boxes(),
            row([7.0, 0.0, 2.0]),
            row([0.4, 0.9, 0.8]),
            count(2.0),
        );
        let of = [
            ("a", &boxes),
            ("b", &classes),
            ("c", &scores),
            ("d", &count),
        ];
        for order in [[0, 1, 2, 3], [2, 0, 3, 1], [3, 2, 1, 0], [1, 3, 0, 2]] {
            let found = detections(&order.map(|at| of[at])).unwrap();
            let seen: Vec<_> = found.found.iter().map(|d| (d.class, d.edges[3])).collect();
            let edge = |v: f32| f64::from(v);
            // The third does not count.
            assert_eq!(seen, [(0, edge(0.4)), (7, edge(0.6))], "{order:?}");
            assert!(!found.in_pixels);
        }
        assert_eq!(detections(&of[..3]), None);
        // Outputs of other shapes are none of its business, a second of the same is too much.
        let state = Tensor::from_values(&[1, 2, 2], &[0.5f32; 4]);
        let with = |name, other| detections(&[&of[..], &[(name, other)]].concat());
        assert_eq!(with("state", &state).map(|d| d.found.len()), Some(2));
        assert_eq!(with("e", of[0].1), None);
        assert_eq!(with("e", of[2].1), None);
    }

    #[test]
    fn names_are_those_of_the_object_detection_api() {
        let (boxes, classes, scores) = (boxes(), row([1.0, 3.0, 1.0]), row([0.9, 0.35, 0.1]));
        let raw = Tensor::from_values(&[1, 3, 4], &[0.5f32; 12]);
        let outputs = [
            ("raw_detection_boxes", &raw),
            ("detection_scores", &scores),
            ("detection_boxes", &boxes),
            ("detection_classes", &classes),
        ];
        let found = detections(&outputs).unwrap();
        assert_eq!((found.found.len(), found.certain().len()), (3, 2));
        let labels = ["person", "bicycle", "car"].map(str::to_owned);
        assert_eq!(found.label(3, Some(&labels)), "car");
        assert_eq!(found.label(4, Some(&labels)), "class 4");
        let counted = ["???", "person", "bicycle"].map(str::to_owned);
        assert_eq!(found.label(1, Some(&counted)), "person");
        assert_eq!(found.label(1, None), "class 1");
    }

    #[test]
    fn whole_scores_are_told_by_name_or_by_the_order_of_the_operator() {
        let (boxes, ones, zeros, count) = (boxes(), row([1.0; 3]), row([0.0; 3]), count(3.0));
        let first = |names: [&str; 2]| {
            let outputs = [
                ("x", &boxes),
                (names[0], &ones),
                (names[1], &zeros),
                ("n", &count),
            ];
            detections(&outputs).unwrap().found[0].clone()
        };
        assert_eq!((first(["a", "b"]).class, first(["a", "b"]).score), (1, 0.0));
        assert_eq!(first(["nmsed_scores", "nmsed_classes"]).score, 1.0);
    }

    #[test]
    fn edges_far_out_are_pixels_and_other_numbers_no_detections() {
        let pixels = Tensor::from_values(&[1, 1, 4], &[10.0f32, 20.0, 100.0, 300.0]);
        let one = |v: f32| Tensor::from_values(&[1, 1], &[v]);
        let (class, score) = (one(4.0), one(0.2));
        let of = |boxes: &Tensor, score: &Tensor, n: f32| {
            detections(&[("b", boxes), ("c", &class), ("s", score), ("n", &count(n))])
        };
        let found = of(&pixels, &score, 1.0).unwrap();
        assert!(found.in_pixels);
        // None is certain: the best are shown all the same.
        assert_eq!(found.certain().len(), 1);
        assert!(of(&pixels, &score, 0.0).unwrap().certain().is_empty());
        assert_eq!(of(&pixels, &score, 0.5), None);
        assert_eq!(of(&pixels, &one(3.5), 1.0), None);
        let exchanged = Tensor::from_values(&[1, 1, 4], &[0.5f32, 0.2, 0.1, 0.6]);
        assert_eq!(of(&exchanged, &score, 1.0), None);
    }
}

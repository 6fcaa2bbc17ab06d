//! Boxes of detectors: how far they overlap, and which of them stay.

/// Two opposite corners, `[y, x, y, x]`.
pub type Corners = [f32; 4];

/// The area that two boxes share over the area that they cover; 0 where one has none. Corners may be swapped.
pub fn overlap(a: &Corners, b: &Corners) -> f32 {
    let sorted = |c: &Corners| {
        [
            c[0].min(c[2]),
            c[1].min(c[3]),
            c[0].max(c[2]),
            c[1].max(c[3]),
        ]
    };
    let area = |c: &Corners| (c[2] - c[0]) * (c[3] - c[1]);
    let (a, b) = (sorted(a), sorted(b));
    let (area_a, area_b) = (area(&a), area(&b));
    if area_a <= 0.0 || area_b <= 0.0 {
        return 0.0;
    }
    let height = (a[2].min(b[2]) - a[0].max(b[0])).max(0.0);
    let width = (a[3].min(b[3]) - a[1].max(b[1])).max(0.0);
    let both = height * width;
    both / (area_a + area_b - both)
}

/// What suppression keeps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    pub most: usize,
    /// A box that overlaps a better one as much is dropped.
    pub overlap: f32,
    /// Only boxes of higher scores stay.
    pub score: f32,
    /// Above 0: boxes that overlap a better one lose score, by `e^(-overlap^2 / (2 sigma))` (soft suppression).
    pub sigma: f32,
}

struct Candidate {
    index: usize,
    score: f32,
    /// The boxes that stay and that it was compared with already.
    seen: usize,
}

/// The boxes that stay, best first, with their scores (NON_MAX_SUPPRESSION_V4, V5). Of equal scores the first box wins.
pub fn suppress(boxes: &[Corners], scores: &[f32], limits: Limits) -> Vec<(usize, f32)> {
    // Sorted so that the best is the last.
    let mut waiting: Vec<Candidate> = scores
        .iter()
        .enumerate()
        .filter(|(_, score)| **score > limits.score)
        .map(|(index, &score)| Candidate {
            index,
            score,
            seen: 0,
        })
        .collect();
    waiting.sort_by(|a, b| a.score.total_cmp(&b.score).then(b.index.cmp(&a.index)));
    let soft = limits.sigma > 0.0;
    let scale = if soft { -0.5 / limits.sigma } else { 0.0 };
    let mut kept: Vec<(usize, f32)> = Vec::new();
    while kept.len() < limits.most {
        let Some(mut next) = waiting.pop() else {
            break;
        };
        let before = next.score;
        let mut dropped = false;
        for &(better, _) in kept[next.seen..].iter().rev() {
            let shared = overlap(&boxes[next.index], &boxes[better]);
            if shared >= limits.overlap {
                dropped = true;
                break;
            }
            if soft {
                next.score *= (scale * shared * shared).exp();
            }
            if next.score <= limits.score {
                break;
            }
        }
        next.seen = kept.len();
        if dropped {
            continue;
        }
        if next.score == before {
            kept.push((next.index, next.score));
        } else if next.score > limits.score {
            let worse = |other: &Candidate| {
                let order = other.score.total_cmp(&next.score);
                order.then(next.index.cmp(&other.index)).is_lt()
            };
            let at = waiting.partition_point(worse);
            waiting.insert(at, next);
        }
    }
    kept
}

/// A box as the offset from an anchor: `[y, x, height, width]`, all divided by `scales`. Computed in f64 as TensorFlow
/// Lite's detection operator does; `anchor` is `[y, x, height, width]` too.
pub fn decode(code: &Corners, anchor: &Corners, scales: &Corners) -> Corners {
    let wide = f64::from;
    let center = |at: usize| {
        let offset = wide(code[at]) / wide(scales[at]) * wide(anchor[at + 2]);
        (offset + wide(anchor[at])) as f32
    };
    let half =
        |at: usize| (0.5 * (wide(code[at]) / wide(scales[at])).exp() * wide(anchor[at])) as f32;
    let ([y, x], [h, w]) = ([center(0), center(1)], [half(2), half(3)]);
    [y - h, x - w, y + h, x + w]
}

/// The boxes that stay, best first: a box that overlaps a better one more than `limits.overlap` is dropped, and scores
/// must reach `limits.score`. Of equal scores the first box wins.
pub fn suppress_hard(boxes: &[Corners], scores: &[f32], limits: Limits) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len())
        .filter(|&at| scores[at] >= limits.score)
        .collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let mut kept: Vec<usize> = Vec::new();
    for next in order {
        if kept.len() >= limits.most {
            break;
        }
        let free = |&better: &usize| overlap(&boxes[better], &boxes[next]) <= limits.overlap;
        if kept.iter().all(free) {
            kept.push(next);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits {
        most: 12,
        overlap: 0.5,
        score: 0.0,
        sigma: 0.0,
    };

    #[test]
    fn overlaps_do_not_mind_swapped_corners() {
        let (a, b) = ([0.0, 0.0, 2.0, 2.0], [3.0, 2.0, 1.0, 0.0]);
        assert!((overlap(&a, &b) - 2.0 / 6.0).abs() < 1e-6);
        assert_eq!(overlap(&a, &[1.0, 1.0, 1.0, 5.0]), 0.0);
        assert_eq!(overlap(&a, &[5.0, 5.0, 6.0, 6.0]), 0.0);
    }

    #[test]
    fn soft_suppression_lowers_scores() {
        let boxes = [
            [0.0, 0.0, 1.0, 1.0],
            [0.0, 0.0, 1.0, 0.5],
            [3.0, 3.0, 4.0, 4.0],
        ];
        let limits = Limits {
            overlap: 0.9,
            sigma: 0.5,
            ..LIMITS
        };
        let kept = suppress(&boxes, &[0.9, 0.8, 0.7], limits);
        let indices: Vec<_> = kept.iter().map(|k| k.0).collect();
        assert_eq!(indices, [0, 2, 1]);
        assert!((kept[2].1 - 0.8 * (-0.25f32).exp()).abs() < 1e-6);
    }

    #[test]
    fn a_code_of_zeros_is_the_anchor() {
        let found = decode(&[0.0; 4], &[0.5, 0.25, 1.0, 0.5], &[10.0, 10.0, 5.0, 5.0]);
        assert_eq!(found, [0.0, 0.0, 1.0, 0.5]);
    }

    proptest! {
        /// Kept boxes do not overlap, and each other box overlaps a better one that is kept.
        #[test]
        fn what_stays_does_not_overlap(
            corners in vec(proptest::array::uniform4(0f32..4.0), 1..12), seed in vec(0.01f32..1.0, 12)
        ) {
            let scores = &seed[..corners.len()];
            let kept: Vec<usize> = suppress(&corners, scores, LIMITS).iter().map(|k| k.0).collect();
            for (at, &a) in kept.iter().enumerate() {
                for &b in &kept[..at] {
                    prop_assert!(overlap(&corners[a], &corners[b]) < 0.5 && scores[a] <= scores[b]);
                }
            }
            for other in (0..corners.len()).filter(|o| !kept.contains(o)) {
                let beaten = |&k: &usize| scores[k] >= scores[other] && overlap(&corners[k], &corners[other]) >= 0.5;
                prop_assert!(kept.iter().any(beaten));
            }
            let sorted: Vec<Corners> = corners
                .iter()
                .map(|c| [c[0].min(c[2]), c[1].min(c[3]), c[0].max(c[2]), c[1].max(c[3])])
                .collect();
            prop_assert_eq!(suppress_hard(&sorted, scores, LIMITS), kept);
        }
    }
}

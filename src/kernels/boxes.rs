//! Boxes of detectors: how far they overlap, and which of them stay.

use std::cmp::Ordering;

use super::elementwise::number::Number;

/// Two opposite corners, `[y, x, y, x]`.
pub type Corners = [f32; 4];

/// The area that two boxes share over the area that they cover; 0 where one has none. Corners may be swapped.
pub fn overlap<T: Number>(a: &[T; 4], b: &[T; 4]) -> T {
    let less = |a: T, b: T| if b < a { b } else { a };
    let more = |a: T, b: T| if a < b { b } else { a };
    let sorted = |c: &[T; 4]| {
        [
            less(c[0], c[2]),
            less(c[1], c[3]),
            more(c[0], c[2]),
            more(c[1], c[3]),
        ]
    };
    let area = |c: &[T; 4]| c[2].sub(c[0]).mul(c[3].sub(c[1]));
    let (a, b) = (sorted(a), sorted(b));
    let (area_a, area_b) = (area(&a), area(&b));
    if area_a <= T::ZERO || area_b <= T::ZERO {
        return T::ZERO;
    }
    let height = more(less(a[2], b[2]).sub(more(a[0], b[0])), T::ZERO);
    let width = more(less(a[3], b[3]).sub(more(a[1], b[1])), T::ZERO);
    let both = height.mul(width);
    both.div(area_a.add(area_b).sub(both))
}

/// What suppression keeps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits<T = f32> {
    pub most: usize,
    /// A box that overlaps a better one more is dropped.
    pub overlap: T,
    /// Only boxes of higher scores stay.
    pub score: T,
    /// Above 0: boxes that overlap a better one lose score, by `e^(-overlap^2 / (2 sigma))` (soft suppression).
    pub sigma: T,
    /// TensorFlow Lite's way: a box that overlaps a better one just as much as the limit is dropped too, and the limit holds
    /// in soft suppression as well; equal scores come in the order of its heap.
    pub at_least: bool,
}

#[derive(Debug, Clone, Copy)]
struct Candidate<T> {
    index: usize,
    score: T,
    /// The boxes that stay and that it was compared with already.
    seen: usize,
}

/// A binary heap whose order of equal scores is that of GNU's `push_heap` and `pop_heap`, on which TensorFlow Lite's
/// depends.
struct Heap<T>(Vec<Candidate<T>>);

impl<T: Number> Heap<T> {
    fn push(&mut self, value: Candidate<T>) {
        self.0.push(value);
        self.rise(self.0.len() - 1, value);
    }

    /// Puts `value` at `at`, or as far above as it beats what is there.
    fn rise(&mut self, mut at: usize, value: Candidate<T>) {
        let heap = &mut self.0;
        while at > 0 && heap[(at - 1) / 2].score < value.score {
            heap[at] = heap[(at - 1) / 2];
            at = (at - 1) / 2;
        }
        heap[at] = value;
    }

    fn pop(&mut self) -> Option<Candidate<T>> {
        let last = self.0.pop()?;
        let heap = &mut self.0;
        let Some(&top) = heap.first() else {
            return Some(last);
        };
        // The hole goes down to a leaf, always to the better child, of equals to the right one.
        let (mut at, count) = (0, heap.len());
        while 2 * at + 1 < count {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            let child = match right < count {
                true if heap[right].score < heap[left].score => left,
                true => right,
                false => left,
            };
            heap[at] = heap[child];
            at = child;
        }
        self.rise(at, last);
        Some(top)
    }
}

/// Those that may still stay.
enum Waiting<T> {
    /// The best is the last.
    Sorted(Vec<Candidate<T>>),
    Heap(Heap<T>),
}

impl<T: Number> Waiting<T> {
    fn of(mut all: Vec<Candidate<T>>, heap: bool) -> Self {
        if heap {
            let mut heap = Heap(Vec::with_capacity(all.len()));
            all.into_iter().for_each(|one| heap.push(one));
            return Waiting::Heap(heap);
        }
        all.sort_by(order);
        Waiting::Sorted(all)
    }

    fn pop(&mut self) -> Option<Candidate<T>> {
        match self {
            Waiting::Sorted(all) => all.pop(),
            Waiting::Heap(heap) => heap.pop(),
        }
    }

    fn push(&mut self, one: Candidate<T>) {
        match self {
            Waiting::Sorted(all) => {
                let at = all.partition_point(|other| order(other, &one).is_lt());
                all.insert(at, one);
            }
            Waiting::Heap(heap) => heap.push(one),
        }
    }
}

fn order<T: Number>(a: &Candidate<T>, b: &Candidate<T>) -> Ordering {
    let scores = a.score.partial_cmp(&b.score).unwrap_or(Ordering::Equal);
    scores.then(b.index.cmp(&a.index))
}

/// The boxes that stay, best first, with their scores (`NonMaxSuppressionV4`, `V5`); `overlap` tells it of two boxes. Of
/// equal scores the first box wins, but for [`Limits::at_least`].
pub fn suppress<T: Number>(
    overlap: impl Fn(usize, usize) -> T,
    scores: &[T],
    limits: Limits<T>,
) -> Vec<(usize, T)> {
    let all: Vec<Candidate<T>> = scores
        .iter()
        .enumerate()
        .filter(|(_, score)| **score > limits.score)
        .map(|(index, &score)| Candidate {
            index,
            score,
            seen: 0,
        })
        .collect();
    let most = limits.most.min(all.len());
    let mut waiting = Waiting::of(all, limits.at_least);
    let soft = limits.sigma > T::ZERO;
    let scale = T::from_f64(-0.5).div(if soft { limits.sigma } else { T::from_f64(1.0) });
    let mut kept: Vec<(usize, T)> = Vec::new();
    while kept.len() < most {
        let Some(mut next) = waiting.pop() else {
            break;
        };
        let before = next.score;
        let mut dropped = false;
        for &(better, _) in kept[next.seen..].iter().rev() {
            let shared = overlap(next.index, better);
            let far = shared > limits.overlap || limits.at_least && shared == limits.overlap;
            if far && (limits.at_least || !soft) {
                dropped = true;
                break;
            }
            if soft {
                let weight = scale.mul(shared).mul(shared).to_f64().exp();
                next.score = next.score.mul(T::from_f64(weight));
            }
            if next.score <= limits.score {
                break;
            }
        }
        next.seen = kept.len();
        if dropped {
            continue;
        }
        let stays = next.score == before;
        if stays {
            kept.push((next.index, next.score));
        }
        // TensorFlow Lite puts back what stays too, which then overlaps itself; that moves the others in the heap.
        if next.score > limits.score && (!stays || limits.at_least) {
            waiting.push(next);
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
        at_least: true,
    };

    #[test]
    fn overlaps_do_not_mind_swapped_corners() {
        let (a, b): (Corners, Corners) = ([0.0, 0.0, 2.0, 2.0], [3.0, 2.0, 1.0, 0.0]);
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
        let kept = suppress(
            |a, b| overlap(&boxes[a], &boxes[b]),
            &[0.9, 0.8, 0.7],
            limits,
        );
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
            let share = |a: usize, b: usize| overlap(&corners[a], &corners[b]);
            let kept: Vec<usize> = suppress(share, scores, LIMITS).iter().map(|k| k.0).collect();
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

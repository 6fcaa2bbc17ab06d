//! The loss of connectionist temporal classification (Graves, Supervised Sequence Labelling with Recurrent Neural Networks,
//! 7.3 to 7.4.1), in logarithms of probabilities.

/// What a sequence gives.
pub struct Loss {
    /// The negative logarithm of the probability of its labels.
    pub loss: f64,
    /// Of the scores, step by step.
    pub gradients: Vec<f64>,
}

const NEVER: f64 = f64::NEG_INFINITY;

fn log_sum(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    if high == NEVER {
        return NEVER;
    }
    high + (low - high).exp().ln_1p()
}

/// Of `scores`, a row of all classes per step, the last of which is the blank, and `labels` below it. `merges` where a label
/// that comes again at once is the same one.
pub fn loss(scores: &[&[f64]], labels: &[usize], merges: bool) -> Loss {
    let classes = scores.first().map_or(0, |row| row.len());
    let odds: Vec<f64> = scores.iter().flat_map(|row| log_softmax(row)).collect();
    let Some(blank) = classes.checked_sub(1) else {
        return Loss {
            loss: 0.0,
            gradients: Vec::new(),
        };
    };
    // A blank before each label and one behind the last.
    let mut path: Vec<usize> = labels.iter().flat_map(|&label| [blank, label]).collect();
    path.push(blank);
    let walk = Walk {
        steps: scores.len(),
        classes,
        path: &path,
        odds: &odds,
        merges,
    };
    let (ahead, back) = (walk.ahead(), walk.back());
    let width = path.len();
    let both = |step: usize| (0..width).map(move |at| step * width + at);
    let total = both(0).map(|at| ahead[at] + back[at]).fold(NEVER, log_sum);
    let mut gradients: Vec<f64> = odds.iter().map(|odds| odds.exp()).collect();
    if total == NEVER {
        return Loss {
            loss: -total,
            gradients,
        };
    }
    for (step, row) in gradients.chunks_exact_mut(classes).enumerate() {
        let mut own = vec![NEVER; classes];
        for (at, &label) in both(step).zip(&path) {
            own[label] = log_sum(own[label], ahead[at] + back[at]);
        }
        for (gradient, own) in row.iter_mut().zip(own) {
            *gradient -= (own - total).exp();
        }
    }
    Loss {
        loss: -total,
        gradients,
    }
}

fn log_softmax(row: &[f64]) -> Vec<f64> {
    let most = row.iter().copied().fold(NEVER, f64::max);
    let sum: f64 = row.iter().map(|v| (v - most).exp()).sum();
    row.iter().map(|v| v - most - sum.ln()).collect()
}

struct Walk<'w> {
    steps: usize,
    classes: usize,
    path: &'w [usize],
    odds: &'w [f64],
    merges: bool,
}

impl Walk<'_> {
    fn odds(&self, step: usize, at: usize) -> f64 {
        self.odds[step * self.classes + self.path[at]]
    }

    fn is_blank(&self, at: usize) -> bool {
        self.path[at] + 1 == self.classes
    }

    /// Whether a path may stay at a place.
    fn stays(&self, at: usize) -> bool {
        self.merges || self.is_blank(at)
    }

    /// Whether it may go on from a place past the blank behind it.
    fn leaps(&self, from: usize) -> bool {
        let same = self.path[from] == self.path[from + 2];
        !(self.is_blank(from) || self.merges && same)
    }

    /// Places that can be reached by `step` and leave time for the rest.
    fn places(&self, step: usize) -> std::ops::Range<usize> {
        let width = self.path.len();
        width.saturating_sub(2 * (self.steps - step))..width.min(2 * (step + 1))
    }

    /// Of all beginnings of paths that come to a place at a step, that step with them.
    fn ahead(&self) -> Vec<f64> {
        let width = self.path.len();
        let mut all = vec![NEVER; self.steps * width];
        for (at, first) in all.iter_mut().enumerate().take(width.min(2)) {
            *first = self.odds(0, at);
        }
        for step in 1..self.steps {
            for at in self.places(step) {
                let before = &all[(step - 1) * width..][..width];
                let mut sum = if self.stays(at) { before[at] } else { NEVER };
                if at > 0 {
                    sum = log_sum(sum, before[at - 1]);
                }
                if at > 1 && self.leaps(at - 2) {
                    sum = log_sum(sum, before[at - 2]);
                }
                all[step * width + at] = self.odds(step, at) + sum;
            }
        }
        all
    }

    /// Of all ends of paths that go on from a place at a step, without that step.
    fn back(&self) -> Vec<f64> {
        let width = self.path.len();
        let mut all = vec![NEVER; self.steps * width];
        let last = self.steps - 1;
        for at in width.saturating_sub(2)..width {
            all[last * width + at] = 0.0;
        }
        for step in (0..last).rev() {
            for at in self.places(step) {
                let next = |to: usize| all[(step + 1) * width + to] + self.odds(step + 1, to);
                let mut sum = if self.stays(at) { next(at) } else { NEVER };
                if at + 1 < width {
                    sum = log_sum(sum, next(at + 1));
                }
                if at + 2 < width && self.leaps(at) {
                    sum = log_sum(sum, next(at + 2));
                }
                all[step * width + at] = sum;
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The probability of all paths that come to `labels`, counted one by one.
    fn counted(scores: &[&[f64]], labels: &[usize]) -> f64 {
        let (steps, classes) = (scores.len(), scores[0].len());
        let odds: Vec<Vec<f64>> = scores.iter().map(|row| log_softmax(row)).collect();
        let mut sum = 0.0;
        for number in 0..classes.pow(steps as u32) {
            let mut rest = number;
            let mut path: Vec<usize> = Vec::new();
            let mut log = 0.0;
            for row in &odds {
                path.push(rest % classes);
                log += row[rest % classes];
                rest /= classes;
            }
            path.dedup();
            path.retain(|&class| class + 1 < classes);
            if path == labels {
                sum += f64::exp(log);
            }
        }
        -sum.ln()
    }

    #[test]
    fn all_paths_are_counted_once() {
        let rows: Vec<Vec<f64>> = (0..5)
            .map(|t| (0..3).map(|c| f64::sin((t * 3 + c) as f64 * 1.7)).collect())
            .collect();
        let scores: Vec<&[f64]> = rows.iter().map(|row| &**row).collect();
        for labels in [vec![0], vec![1, 1], vec![0, 1, 0], vec![]] {
            let found = loss(&scores, &labels, true);
            assert!((found.loss - counted(&scores, &labels)).abs() < 1e-12);
            // A small step along one score changes the loss as its gradient says.
            let mut moved = rows.clone();
            moved[2][1] += 1e-6;
            let moved: Vec<&[f64]> = moved.iter().map(|row| &**row).collect();
            let gradient = (loss(&moved, &labels, true).loss - found.loss) / 1e-6;
            assert!((gradient - found.gradients[2 * 3 + 1]).abs() < 1e-5);
        }
        assert_eq!(loss(&scores[..2], &[1, 1], true).loss, f64::INFINITY);
    }
}

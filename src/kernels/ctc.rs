//! Decoding of connectionist temporal classification (Graves and others, 2006): the best labels of a row of scores, and
//! the most likely sequences by prefix beam search.

use std::collections::HashMap;

/// The best class of each step, without blanks; repetitions count once where `merge` says so. With the negative sum of
/// the best scores.
pub fn greedy(scores: &[&[f32]], blank: usize, merge: bool) -> (Vec<i64>, f32) {
    let (mut labels, mut sum, mut last) = (Vec::new(), 0.0, None);
    for row in scores {
        let better = |best: usize, at: usize| if row[at] > row[best] { at } else { best };
        let best = (1..row.len()).fold(0, better);
        sum -= row.get(best).copied().unwrap_or(0.0);
        if best != blank && !(merge && last == Some(best)) {
            labels.push(best as i64);
        }
        last = Some(best);
    }
    (labels, sum)
}

/// Logarithms of probabilities of a prefix that ends with a blank, with its label, and both.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Odds {
    total: f32,
    blank: f32,
    label: f32,
}

const NEVER: f32 = f32::NEG_INFINITY;

impl Odds {
    const NONE: Odds = Odds {
        total: NEVER,
        blank: NEVER,
        label: NEVER,
    };
}

fn log_sum(a: f32, b: f32) -> f32 {
    match (a, b) {
        (NEVER, NEVER) => NEVER,
        (a, b) if a > b => a + (b - a).exp().ln_1p(),
        (a, b) => b + (a - b).exp().ln_1p(),
    }
}

/// A prefix.
struct Entry {
    parent: Option<usize>,
    label: usize,
    children: HashMap<usize, usize>,
    old: Odds,
    new: Odds,
}

/// The prefixes of a search, the root first.
struct Search {
    entries: Vec<Entry>,
    /// Those that are kept, best first.
    leaves: Vec<usize>,
    width: usize,
    blank: usize,
}

impl Search {
    fn new(width: usize, blank: usize) -> Self {
        let sure = Odds {
            total: 0.0,
            blank: 0.0,
            label: NEVER,
        };
        let root = Entry {
            parent: None,
            label: usize::MAX,
            children: HashMap::new(),
            old: Odds::NONE,
            new: sure,
        };
        Search {
            entries: vec![root],
            leaves: vec![0],
            width,
            blank,
        }
    }

    fn push(&mut self, entry: usize) {
        let total = self.entries[entry].new.total;
        let at = self
            .leaves
            .partition_point(|&leaf| self.entries[leaf].new.total >= total);
        self.leaves.insert(at, entry);
    }

    fn may_stay(&self, total: f32) -> bool {
        let worst = self
            .leaves
            .last()
            .map_or(NEVER, |&leaf| self.entries[leaf].new.total);
        total > NEVER && (self.leaves.len() < self.width || total > worst)
    }

    fn step(&mut self, row: &[f32]) {
        let most = row.iter().copied().fold(NEVER, f32::max);
        let norm = row.iter().map(|v| (v - most).exp()).sum::<f32>().ln() + most;
        let score = |class: usize| row[class] - norm;
        let mut branches = std::mem::take(&mut self.leaves);
        for &branch in &branches {
            self.entries[branch].old = self.entries[branch].new;
        }
        for &branch in &branches {
            let entry = &self.entries[branch];
            let (old, label) = (entry.old, entry.label);
            let mut with_label = entry.new.label;
            if let Some(parent) = entry.parent.map(|parent| &self.entries[parent]) {
                if parent.new.total > NEVER {
                    let before = match label == parent.label {
                        true => parent.old.blank,
                        false => parent.old.total,
                    };
                    with_label = log_sum(with_label, before);
                }
                with_label += score(label);
            }
            let blank = old.total + score(self.blank);
            self.entries[branch].new = Odds {
                total: log_sum(blank, with_label),
                blank,
                label: with_label,
            };
            self.push(branch);
        }
        branches.sort_by(|&a, &b| {
            self.entries[b]
                .old
                .total
                .total_cmp(&self.entries[a].old.total)
        });
        for branch in branches {
            self.grow(branch, row.len(), score);
        }
    }

    /// The prefix with one more label, where it is likely enough.
    fn grow(&mut self, branch: usize, classes: usize, score: impl Fn(usize) -> f32) {
        let (old, label) = (self.entries[branch].old, self.entries[branch].label);
        if !self.may_stay(old.total) {
            return;
        }
        let blank = self.blank;
        for class in (0..classes).filter(|&class| class != blank) {
            let child = self.entries[branch].children.get(&class).copied();
            if child.is_some_and(|child| self.entries[child].new.total > NEVER) {
                continue;
            }
            let before = if class == label { old.blank } else { old.total };
            let total = score(class) + before;
            if !self.may_stay(total) {
                if let Some(child) = child {
                    (self.entries[child].old, self.entries[child].new) = (Odds::NONE, Odds::NONE);
                }
                continue;
            }
            let child = child.unwrap_or_else(|| {
                self.entries.push(Entry {
                    parent: Some(branch),
                    label: class,
                    children: HashMap::new(),
                    old: Odds::NONE,
                    new: Odds::NONE,
                });
                self.entries.len() - 1
            });
            self.entries[branch].children.insert(class, child);
            self.entries[child].new = Odds {
                total,
                blank: NEVER,
                label: total,
            };
            if self.leaves.len() == self.width
                && let Some(worst) = self.leaves.pop()
            {
                self.entries[worst].new = Odds::NONE;
            }
            self.push(child);
        }
    }

    fn labels(&self, leaf: usize, merge: bool) -> Vec<i64> {
        let (mut labels, mut at, mut last) = (Vec::new(), leaf, None);
        while let Some(parent) = self.entries[at].parent {
            let label = self.entries[at].label;
            if !merge || last != Some(label) {
                labels.push(label as i64);
            }
            last = Some(label);
            at = parent;
        }
        labels.reverse();
        labels
    }
}

/// The `paths` most likely sequences with the logarithms of their probabilities, best first; the last class is the
/// blank. At most `width` prefixes are looked at.
pub fn beam_search(
    scores: &[&[f32]],
    width: usize,
    paths: usize,
    merge: bool,
) -> Vec<(Vec<i64>, f32)> {
    let blank = scores.first().map_or(0, |row| row.len().saturating_sub(1));
    let mut search = Search::new(width, blank);
    scores.iter().for_each(|row| search.step(row));
    let best = search.leaves.iter().take(paths);
    best.map(|&leaf| (search.labels(leaf, merge), search.entries[leaf].new.total))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn repetitions_and_blanks_go() {
        let rows: [&[f32]; 5] = [
            &[0.0, 9.0, 1.0],
            &[0.0, 8.0, 1.0],
            &[0.0, 1.0, 5.0],
            &[0.0, 7.0, 1.0],
            &[3.0, 1.0, 0.0],
        ];
        assert_eq!(greedy(&rows, 2, true), (vec![1, 1, 0], -32.0));
        assert_eq!(greedy(&rows, 2, false).0, [1, 1, 1, 0]);
    }

    /// The probability of every sequence by adding up all alignments.
    fn all(scores: &[Vec<f32>]) -> HashMap<Vec<i64>, f64> {
        let classes = scores[0].len();
        let mut found = HashMap::new();
        for number in 0..classes.pow(scores.len() as u32) {
            let (mut rest, mut odds, mut labels, mut last) = (number, 1.0, Vec::new(), classes);
            for row in scores {
                let class = rest % classes;
                rest /= classes;
                let sum: f64 = row.iter().map(|&v| f64::from(v).exp()).sum();
                odds *= f64::from(row[class]).exp() / sum;
                if class != last && class != classes - 1 {
                    labels.push(class as i64);
                }
                last = class;
            }
            *found.entry(labels).or_insert(0.0) += odds;
        }
        found
    }

    proptest! {
        #[test]
        fn a_wide_beam_finds_the_exact_odds(
            scores in prop::collection::vec(prop::collection::vec(-2f32..2.0, 3), 1..5),
        ) {
            let rows: Vec<&[f32]> = scores.iter().map(Vec::as_slice).collect();
            let truth = all(&scores);
            for (labels, log) in beam_search(&rows, 1000, 4, false) {
                prop_assert!((f64::from(log) - truth[&labels].ln()).abs() < 1e-4);
            }
        }
    }
}
